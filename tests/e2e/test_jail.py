# SPDX-License-Identifier: Apache-2.0
"""The processes of a running bulla-agent, looked at from outside, and its own self-test."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
AGENT = pathlib.Path(os.environ.get("BULLA_BIN_DIR", TOP / "build")) / "bulla-agent"


def field(pid, file, name):
    for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(name):
            return line[len(name):].split()
    return []


def children(pid):
    return [int(p.name) for p in pathlib.Path("/proc").iterdir()
            if p.name.isdigit() and parent(p.name) == pid]


def parent(pid):
    try:
        return int(field(pid, "status", "PPid:")[0])
    except (OSError, IndexError):
        return None


def lives(pid):
    try:
        return field(pid, "status", "State:")[0] not in "ZX"
    except (OSError, IndexError):
        return False


def wait(what, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def agent(tmp_path):
    """A started agent: its process, the supervisor's pid and the opener's."""
    for name in ("documents", "secrets", "keys"):
        (tmp_path / name).mkdir(mode=0o700)
    subprocess.run(["age-keygen", "-o", tmp_path / "keys/a.key"], check=True, capture_output=True)
    log = tmp_path / "log"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with open(log, "wb") as err:
        run = subprocess.Popen([AGENT, "--documents", tmp_path / "documents", "--secrets", tmp_path / "secrets",
                                "--keys", tmp_path / "keys"], stderr=err, env=env)
    try:
        assert wait(lambda: any(json.loads(line)["msg"] == "started" for line in log.read_text().splitlines()
                                if line.endswith("}"))), log.read_text()
        supervisor, = children(run.pid)
        opener, = children(supervisor)
        yield run, supervisor, opener
    finally:
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 0


def test_self_test():
    done = subprocess.run([AGENT, "--self-test"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ALLOWED" not in done.stdout and "WRONG" not in done.stdout
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    refused = {words[1].strip() if len(words) > 1 else "" for words in
               ([w for w in line if w.strip()] for line in lines) if "refused" in words[-1]}
    assert {"open a file", "socket (internet)", "connect", "execve", "ptrace", "fork", "kill",
            "become dumpable"} <= refused


def test_every_process_is_jailed(agent):
    run, supervisor, opener = agent
    for pid in (run.pid, supervisor, opener):
        assert field(pid, "status", "Seccomp:") == ["2"]
        assert field(pid, "status", "NoNewPrivs:") == ["1"]
        assert field(pid, "limits", "Max core file size")[:2] == ["0", "0"]
    assert field(opener, "status", "Name:") == ["bulla-opener"]
    assert int(field(opener, "status", "CapPrm:")[0], 16) == 0
    assert field(opener, "limits", "Max open files")[:2] == ["1", "1"]
    assert field(opener, "limits", "Max processes")[:2] == ["0", "0"]
    # nothing that traces or reads memory is left to the others, whoever started them
    assert int(field(supervisor, "status", "CapPrm:")[0], 16) & ~(1 << 2) == 0
    assert int(field(run.pid, "status", "CapPrm:")[0], 16) & (1 << 19 | 1 << 21 | 1 << 2) == 0


def test_they_end_with_the_agent(agent):
    run, supervisor, opener = agent
    for pid in (supervisor, opener):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
    time.sleep(0.2)
    assert lives(supervisor) and lives(opener)
    run.send_signal(signal.SIGTERM)
    assert run.wait(20) == 0
    assert wait(lambda: not lives(supervisor) and not lives(opener))


def test_they_end_with_a_killed_agent(tmp_path, agent):
    run, supervisor, opener = agent
    probe = subprocess.Popen(["sleep", "60"])  # another process of the same user is left alone
    try:
        os.kill(run.pid, signal.SIGKILL)
        assert run.wait(20) == -signal.SIGKILL
        assert wait(lambda: not lives(supervisor) and not lives(opener))
        assert lives(probe.pid)
    finally:
        probe.kill()
        probe.wait()
        run.returncode = 0  # as the fixture asks

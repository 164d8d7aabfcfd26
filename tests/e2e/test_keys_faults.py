# SPDX-License-Identifier: Apache-2.0
"""Killed at every step of a change of keys: no key is ever lost, and running it again gets to the end.

What is tried is counted first (strace), so that every step really is.
"""
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from checkout import BULLA, Checkout

SANITIZED = "BULLA_SANITIZED" in os.environ
WRITES = "write,pwrite64,writev,ftruncate,fchmod,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,flock,mkdir"

pytestmark = [pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
              pytest.mark.skipif(SANITIZED, reason="ptrace and LeakSanitizer exclude each other")]


class Bench:
    """A repository as it is before the command; put back before each try."""

    def __init__(self, path):
        self.repo = Checkout(path)
        self.repo.init("-r", "eu", "-r", "us")
        self.repo.bulla("recipients", "add", "gone")
        self.repo.tool("age-keygen", "-o", str(path / "alice.key"))
        self.alice = self.repo.tool("age-keygen", "-y", str(path / "alice.key")).strip()
        self.first = self.id("eu")
        self.repo.bulla("keys", "generate", "eu")
        self.repo.commit()
        self.saved = path / "saved"
        self.saved.mkdir()
        self.state = {"repo": self.repo.top, "home": self.repo.home}
        for name, folder in self.state.items():
            shutil.copytree(folder, self.saved / name, symlinks=True)
        self.keys_before = self.keys()

    def reset(self):
        for name, folder in self.state.items():
            shutil.rmtree(folder)
            shutil.copytree(self.saved / name, folder, symlinks=True)
        shutil.rmtree(self.repo.path / "to", ignore_errors=True)

    def id(self, name):
        return self.repo.bulla("keys", "id", name).out.strip()

    def rows(self):
        done = self.repo.bulla("keys", "verify", "-i", self.repo.recovery, "-o", "json", status=None)
        assert done.status in (0, 1), done
        return json.loads(done.out)["keys"]

    def keys(self):
        """Ids of all keys that a backup gives back."""
        return {row["keyId"] for row in self.rows()}

    def config(self):
        return yaml.safe_load((self.repo.top / ".bulla/config").read_text())["recipients"]


CASES = {
    "generate": (["keys", "generate", "eu"], True),
    "generate to": (["keys", "generate", "us", "--to", "{path}/to"], True),
    "add": (["recipients", "add", "asia"], True),
    "add given": (["recipients", "add", "alice", "{alice}"], False),
    "replace by given": (["recipients", "add", "eu", "{alice}", "--replace"], False),
    "remove": (["recipients", "remove", "gone"], False),
    "retire": (["keys", "retire", "{first}", "--keep-backup"], False),
    "retire all": (["keys", "retire", "{first}"], False),
    "install": (["keys", "install", "eu", "-i", "{path}/recovery.key", "--to", "{path}/to"], False),
    "backup": (["keys", "backup", "us", "-i", "{path}/recovery.key", "--replace"], False),
}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def traced(bench, command, inject, log):
    return subprocess.run(["strace", "-qq", "-f", "-o", str(log), "-e", f"trace={WRITES}", *inject, BULLA, *command],
                          cwd=bench.repo.top, env=bench.repo.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          start_new_session=True)


def steps(bench, command, log):
    """Each of these system calls of bulla itself, as (name, how many of that name so far)."""
    done = traced(bench, command, [], log)
    assert done.returncode == 0, done.stderr
    made, own = [], None
    for line in log.read_text().splitlines():
        match = re.match(r"^(\d+)\s+(\w+)\(", line)
        if not match:
            continue
        own = own or match.group(1)
        if match.group(1) == own:
            made.append((match.group(2), sum(1 for name, _ in made if name == match.group(2)) + 1))
    return made


@pytest.mark.parametrize("case", CASES)
def test_killed_at_every_step(bench, case, tmp_path):
    words, makes = CASES[case]
    command = [w.format(path=tmp_path, alice=bench.alice, first=bench.first) for w in words]
    log = tmp_path / "trace"
    bench.reset()
    made = steps(bench, command, log)
    end = bench.config(), bench.keys()
    assert made
    gone = {bench.first} if case == "retire all" else set()
    for name, k in made:
        bench.reset()
        done = traced(bench, command, ["-e", f"inject={name}:signal=KILL:when={k}"], log)
        assert done.returncode in (-9, 137), (name, k, done)
        # nothing that a backup gave back is lost, and what the config names can still be had
        assert bench.keys() >= bench.keys_before - gone, (name, k)
        for recipient in bench.config():
            if recipient != "alice" and bench.config()[recipient] != bench.alice:
                assert bench.id(recipient) in bench.keys(), (name, k, recipient)
        again = bench.repo.bulla(*command, status=None)
        settled = again.status == 0 or (case == "add" and again.status == 8) or (case == "remove" and again.status == 4)
        assert settled, (name, k, again)
        if not makes:
            assert bench.config() == end[0], (name, k)
        rows = bench.rows()
        assert {r["keyId"] for r in rows} >= (end[1] if not makes else bench.keys_before - gone), (name, k)
        assert all(r["good"] for r in rows), (name, k, rows)
        for recipient in bench.config():
            assert bench.config()[recipient] == bench.alice or bench.id(recipient) in {r["keyId"] for r in rows}
        if case in ("install", "generate to"):
            files = os.listdir(tmp_path / "to")
            assert [f for f in files if not f.endswith(".key")] == [], (name, k, files)


def test_left_over_files_go(bench, tmp_path):
    """What a killed run left beside the config is gone after the next one."""
    command = ["keys", "generate", "eu"]
    log = tmp_path / "trace"
    bench.reset()
    made = steps(bench, command, log)
    for name, k in [m for m in made if m[0] in ("fsync", "rename", "renameat", "linkat")]:
        bench.reset()
        traced(bench, command, ["-e", f"inject={name}:signal=KILL:when={k}"], log)
        bench.repo.bulla(*command)
        assert set(os.listdir(bench.repo.top / ".bulla")) == {"config", "keys"}, (name, k)
        assert all(f.endswith(".age") for f in os.listdir(bench.repo.top / ".bulla/keys")), (name, k)

# SPDX-License-Identifier: Apache-2.0
"""bulla import that is killed, or whose disk is full: each file is as it was or converted, and running it again ends it."""
import base64
import json
import os
import random
import signal
import subprocess
import time

import pytest
import yaml

from checkout import BULLA, FINDINGS, Checkout

FILES = 150


@pytest.fixture
def repo(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.init("-r", "eu-west9")
    return checkout


def manifest(name):
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "web"},
                           "data": {"A": base64.b64encode(f"value-{name}".encode()).decode()}})


def fill(repo, count=FILES):
    plain = {f"d{i % 7}/s{i}.yaml": manifest(f"s{i}") for i in range(count)}
    for name, text in plain.items():
        repo.write(name, text)
    return plain


def state(repo, plain):
    """How many are converted; each file is the one or the other, whole."""
    done = 0
    for name, text in plain.items():
        now = (repo.top / name).read_text()
        if now != text:
            [document] = yaml.safe_load_all(now)
            assert document["kind"] == "SealedCredential" and document["metadata"]["name"] == name.split("/")[1][:-5]
            done += 1
    return done


def start(repo, *args):
    return subprocess.Popen([BULLA, "import", "secret", ".", *args], cwd=repo.top, env=repo.env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def test_killed_at_any_time(repo):
    plain = fill(repo)
    chance, seen = random.Random(1), set()
    begun = time.monotonic()
    repo.bulla("import", "secret", ".", "--dry-run")
    whole = time.monotonic() - begun
    for _ in range(12):
        process = start(repo)
        time.sleep(chance.uniform(0, 2 * whole))
        process.send_signal(signal.SIGKILL)
        process.wait()
        done = state(repo, plain)
        assert done >= max(seen, default=0)
        seen.add(done)
    repo.bulla("import", "secret", ".")
    assert state(repo, plain) == FILES
    # no piece of a file that was being written is left
    found = {str(p.relative_to(repo.top)) for p in repo.top.rglob("d*/*")}
    assert found == set(plain)
    rows = json.loads(repo.bulla("show", ".", "-o", "json").out)["documents"]
    assert len(rows) == FILES and repo.bulla("check", "-i", repo.recovery).out == ""


def test_a_file_that_changes_meanwhile_is_left(repo):
    """What was read is what is replaced: an edit in between is not lost."""
    plain = fill(repo)
    victim = repo.top / "d6/s6.yaml"
    process = start(repo)
    edits = 0
    while process.poll() is None:  # an editor that saves all the time
        if "kind: Secret" in victim.read_text():
            edits += 1
            victim.write_text(plain["d6/s6.yaml"] + f"# edit {edits}\n")
    text = victim.read_text()
    assert process.returncode in (0, 8, FINDINGS), process.returncode
    assert "SealedCredential" in text or f"# edit {edits}\n" in text
    repo.bulla("import", "secret", ".", status=None)
    assert "SealedCredential" in victim.read_text()


def test_a_full_disk(repo):
    """The limit on a file's size stands for a disk that is full: files that do not fit stay as they were."""
    plain = fill(repo, 5)
    large = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "large", "namespace": "web"},
             "data": {"A": base64.b64encode(os.urandom(200_000)).decode()}}
    plain["large.yaml"] = yaml.safe_dump(large)
    repo.write("large.yaml", plain["large.yaml"])
    done = subprocess.run(["bash", "-c", f"trap '' XFSZ; ulimit -f 100; exec {BULLA} import secret . -o json"], cwd=repo.top,
                          env=repo.env, capture_output=True, text=True, check=False)
    assert done.returncode == 7 and "large.yaml" in done.stderr
    assert (repo.top / "large.yaml").read_text() == plain["large.yaml"]
    found = {row["document"]: row["result"] for row in json.loads(done.stdout)["items"]}
    assert found.pop("web/large") == "refused" and set(found.values()) == {"converted"} and len(found) == 5
    assert {str(p.relative_to(repo.top)) for p in repo.top.glob("*.yaml*")} == {"large.yaml"}
    repo.bulla("import", "secret", ".")
    assert state(repo, {k: v for k, v in plain.items() if k != "large.yaml"}) == 5

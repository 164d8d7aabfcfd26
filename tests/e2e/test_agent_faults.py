# SPDX-License-Identifier: Apache-2.0
"""The agent killed, starved and refused at every step of what it does to a Secret.

After each fault a reader sees the old Secret or the new one, whole; nothing that the agent did not
make is lost; and the next run brings everything in order and leaves nothing over.
"""
import os
import re
import shutil

import pytest

from agent import OWN, Bed
from checkout import BIN

SANITIZED = "BULLA_SANITIZED" in os.environ
FAULTS = str(BIN / "preload" / "faults.so")
WRITES = ("write,ftruncate,fchmod,fsync,fdatasync,syncfs,symlinkat,renameat,renameat2,linkat,unlinkat,mkdir,mkdirat,"
          "rename,unlink")
MAKES = "write,ftruncate,fchmod,fsync,fdatasync,symlinkat,renameat,renameat2,unlinkat,mkdirat"
MARK = "canary-77b1e0"

OLD = {"KEPT": f"{MARK}-old", "DROPPED": f"{MARK}-old"}
NEW = {"KEPT": f"{MARK}-new", "ADDED": f"{MARK}-new"}
MINE = {"KEPT": "mine", "notes.txt": "mine"}

pytestmark = [pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
              pytest.mark.skipif(SANITIZED, reason="ptrace and LeakSanitizer exclude each other")]


class Case:
    """before: what a reader sees; after: what the run is to make of it; prepare: bring it about."""

    def __init__(self, bed):
        self.bed = bed
        self.path = bed.seal("app", OLD)
        self.old = self.path.read_bytes()
        self.new = bed.seal("app", NEW).read_bytes()
        # another document, or an empty folder would be taken for unknown
        self.other = bed.seal("other", {"TOKEN": "one"}, namespace="barolab")

    def clear(self):
        shutil.rmtree(self.bed.secrets, ignore_errors=True)

    def with_old(self):
        self.clear()
        self.path.write_bytes(self.old)
        self.bed.once()
        assert self.bed.secret("app") == OLD


class New(Case):
    before, after = None, NEW

    def prepare(self):
        self.clear()
        self.path.unlink(missing_ok=True)
        self.bed.once()
        self.path.write_bytes(self.new)


class Update(Case):
    before, after = OLD, NEW

    def prepare(self):
        self.with_old()
        self.path.write_bytes(self.new)


class Repair(Case):
    """Someone has taken a key away; what is left of it is there until it is whole again."""
    before, after = {"KEPT": OLD["KEPT"]}, OLD

    def prepare(self):
        self.with_old()
        (self.bed.secrets / "foobar/app/DROPPED").unlink()


class Remove(Case):
    before, after = OLD, None

    def prepare(self):
        self.with_old()
        self.path.unlink()


class Adopt(Case):
    before, after = MINE, NEW

    def prepare(self):
        self.clear()
        folder = self.bed.secrets / "foobar/app"
        folder.mkdir(parents=True)
        for name, text in MINE.items():
            (folder / name).write_text(text)
        (folder / ".bulla-adopt").touch()
        self.path.write_bytes(self.new)


CASES = {c.__name__: c for c in (New, Update, Repair, Remove, Adopt)}


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    return CASES[request.param](Bed(tmp_path))


def seen(bed):
    secret = bed.secret("app")
    if secret is not None:
        secret.pop(".bulla-adopt", None)
    return secret


def mine_is_somewhere(bed):
    """Each file of MINE, in place or set aside."""
    kept = [p for top, _, names in os.walk(bed.secrets) for p in (os.path.join(top, name) for name in names)]
    for name, text in MINE.items():
        assert any(name in os.path.basename(p) and open(p).read() == text for p in kept if os.path.isfile(p)), kept


def trace(case, inject, calls=WRITES):
    """Run with strace on the agent itself, not on its opener."""
    log = case.bed.path / "trace"
    prefix = ["strace", "-qq", "-o", log, "-e", f"trace={calls}"] + (["-e", f"inject={inject}"] if inject else [])
    return case.bed.once("--settle", 0, status=None, prefix=prefix), log


def steps(case, calls):
    case.prepare()
    done, log = trace(case, None, calls)
    assert done.status == 0, done
    made = []
    for line in log.read_text().splitlines():
        match = re.match(r"(\w+)\(", line)
        if match:
            made.append((match[1], sum(name == match[1] for name, _ in made) + 1))
    return made


def check(case, what):
    bed = case.bed
    assert seen(bed) in (case.before, case.after), what
    assert bed.secret("other", "barolab") in (None, {"TOKEN": "one"}), what
    if isinstance(case, Adopt):
        mine_is_somewhere(bed)
    now = "old" if seen(bed) == case.before else "new"
    # whatever was left behind, the next run has it in order
    bed.once("--settle", 0)
    assert seen(bed) == case.after, what
    assert bed.secret("other", "barolab") == {"TOKEN": "one"}, what
    assert list((bed.secrets / OWN / "new").iterdir()) == [], what
    if case.after:
        assert len(list((bed.secrets / "foobar/app").iterdir())) == len(case.after) + 2, what
    if isinstance(case, Adopt):
        mine_is_somewhere(bed)
    else:
        assert bed.found() == [], what
    return now


def test_killed_at_every_write(case):
    outcomes = set()
    made = steps(case, WRITES)
    assert {name for name, _ in made} >= {"fsync", "unlinkat" if case.after is None else "symlinkat"}
    for name, k in made:
        case.prepare()
        done, _ = trace(case, f"{name}:signal=KILL:when={k}")
        assert done.status == -9, (name, k, done)
        assert MARK not in done.text
        outcomes.add(check(case, (name, k)))
    assert outcomes == {"old", "new"}


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EMFILE"])
def test_refused_at_every_write(case, error):
    calls = "openat" if error == "EMFILE" else MAKES
    failed = 0
    for name, k in steps(case, calls):
        case.prepare()
        done, _ = trace(case, f"{name}:error={error}:when={k}", calls)
        assert done.status >= 0, (name, k, done)
        assert MARK not in done.text
        if done.status != 0:
            failed += 1
            assert done.list, (name, k, done)
        elif case.after is not None:
            assert seen(case.bed) == case.after, (name, k, done)
        check(case, (name, k, error))
    assert failed > 3


def test_short_writes_are_continued(case):
    case.prepare()
    case.bed.env.update(LD_PRELOAD=FAULTS, SHORT_WRITES="1")
    case.bed.once("--settle", 0)
    for name in ("LD_PRELOAD", "SHORT_WRITES"):
        del case.bed.env[name]
    assert seen(case.bed) == case.after


def allocations(bed):
    """How many the agent itself makes in a run."""
    counter = bed.secrets / OWN / "count"  # the jail bars any place outside
    bed.env.update(LD_PRELOAD=FAULTS, FAIL_ALLOC_LOG=str(counter))
    bed.once("--settle", 0, status=None)
    del bed.env["LD_PRELOAD"], bed.env["FAIL_ALLOC_LOG"]
    n = int(counter.read_text())
    counter.unlink()
    return n


def test_allocations_fail(case):
    """Whichever process meets it ends, or the agent says so and does it later."""
    bed = case.bed
    (bed.path / "bare").mkdir()
    # what it takes to start: libseccomp does not survive a failure, and nothing is done yet
    first = allocations(Bed(bed.path / "bare"))
    case.prepare()
    last = allocations(bed)
    assert last - first > 15
    failed = 0
    for k in range(first, last + 1, 1 if os.environ.get("BULLA_SLOW") else max(1, (last - first) // 20)):
        case.prepare()
        bed.env.update(LD_PRELOAD=FAULTS, FAIL_ALLOC=str(k))
        done = bed.once("--settle", 0, status=None)
        del bed.env["LD_PRELOAD"], bed.env["FAIL_ALLOC"]
        assert done.status >= 0, (k, done)
        assert MARK not in done.text
        failed += done.status != 0
        check(case, k)
    assert failed > 2


def test_full_disk_heals(tmp_path):
    """What could not be written is written when there is room again, without a restart."""
    bed = Bed(tmp_path)
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=256k none {small} 2>/dev/null") != 0:
        pytest.skip("needs the right to mount a file system")
    try:
        bed.secrets = small / "secrets"
        bed.seal("app", OLD)
        with bed.run() as agent:
            with open(small / "filler", "wb") as f, pytest.raises(OSError):
                while True:
                    os.write(f.fileno(), b"x" * 4096)
            bed.seal("app", NEW)
            line = agent.wait_log(reason="WriteFailed", name="app")
            assert "No space left" in line["text"]
            bed.seal("other", {"TOKEN": "one"})
            agent.wait_log(reason="WriteFailed", name="other")
            assert bed.secret("app") == OLD and bed.secret("other") is None
            (small / "filler").unlink()
            agent.wait(lambda: bed.secret("app") == NEW and bed.secret("other") == {"TOKEN": "one"})
            agent.stop()
        assert bed.once().opened == []
    finally:
        os.system(f"umount -l {small}")

# SPDX-License-Identifier: Apache-2.0
"""bulla rename, killed or refused at every system call that writes: one document that opens is there at any
moment, and the same command gets to the end or says that nothing is left."""
import os
import re
import shutil

import pytest
import yaml

from checkout import BULLA, CONFLICT, INVALID, IO, OK, Checkout

CALLS = "write,pwrite64,writev,ftruncate,fchmod,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,flock"
SANITIZED = "BULLA_SANITIZED" in os.environ

pytestmark = [pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
              pytest.mark.skipif(SANITIZED, reason="ptrace and LeakSanitizer exclude each other")]

# the command's words behind `rename`, the file then, and the name
CASES = {
    "file and name": (["app.yaml", "other"], "other.yaml", "web/other"),
    "namespace too": (["app.yaml", "api/other"], "other.yaml", "api/other"),
    "namespace alone": (["app.yaml", "api/app"], "app.yaml", "api/app"),
    "by name": (["app", "other"], "other.yaml", "web/other"),
}


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.init("-r", "eu")
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", "app.yaml", input="A=1\nB=2\n")
    repo.sealed = (repo.top / "app.yaml").read_bytes()
    return repo


def reset(repo):
    for path in repo.top.iterdir():
        if path.name not in (".git", ".bulla", ".gitattributes"):
            path.unlink()
    (repo.top / "app.yaml").write_bytes(repo.sealed)


def traced(repo, words, *inject):
    import subprocess
    log = repo.path / "log"
    done = subprocess.run(["strace", "-qq", "-f", "-o", str(log), "-e", f"trace={CALLS}", *inject,
                           BULLA, "rename", *words, "-i", str(repo.recovery)],
                          cwd=repo.top, env=repo.env, input=b"", capture_output=True, timeout=60, start_new_session=True)
    return done.returncode, done.stderr.decode(), log.read_text()


def steps(repo, words):
    status, err, log = traced(repo, words)
    assert status == OK, err
    made, seen = [], {}
    for name in re.findall(r"^\d+\s+(\w+)\(", log, re.M):
        seen[name] = seen.get(name, 0) + 1
        made.append((name, seen[name]))
    return made


def files(repo):
    return sorted(p.name for p in repo.top.glob("*.yaml"))


def the_document(repo):
    """There is one file, with one document, and it opens with its values: (file, NAMESPACE/NAME)."""
    assert len(files(repo)) == 1
    name = files(repo)[0]
    assert repo.bulla("open", name, "-i", repo.recovery, "-o", "dotenv").out == "A='1'\nB='2'\n"
    meta = yaml.safe_load((repo.top / name).read_text())["metadata"]
    return name, f"{meta['namespace']}/{meta['name']}"


@pytest.mark.parametrize("case", CASES)
def test_killed_at_every_write(repo, case):
    words, file, name = CASES[case]
    made = steps(repo, words)
    assert ("rename", 1) in made and ("fsync", 1) in made and len(made) > 6
    seen = set()
    for call, k in made:
        reset(repo)
        status, _, _ = traced(repo, words, "-e", f"inject={call}:signal=KILL:when={k}")
        assert status in (-9, 137), (call, k)
        state = the_document(repo)
        seen.add(state)
        assert state in {("app.yaml", "web/app"), (file, "web/app"), (file, name)}, (call, k)
        again = repo.bulla("rename", *words, "-i", repo.recovery, status=None)
        assert the_document(repo) == (file, name), (call, k)
        if state == (file, name):  # all was done: the words say so, and nothing else happens
            assert again.status != OK and re.search("nothing is left to do|has that name already", again.err), again
        else:
            assert again.status == OK, (call, k, again)
        if state == (file, "web/app") and words[0] == "app.yaml" and file != "app.yaml":
            assert f"app.yaml: is {file} already, by a run that was ended; going on" in again.err
        left = [p.name for p in repo.top.iterdir() if p.name.endswith("~")]
        assert left == [] or state == (file, name), (call, k, left)
    assert {("app.yaml", "web/app"), (file, name)} <= seen
    assert file == "app.yaml" or (file, "web/app") in seen  # between the two steps


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EACCES"])
def test_refused_at_every_write(repo, error):
    """What fails leaves all as it was, or says that the same command goes on."""
    words, file, name = CASES["file and name"]
    for call, k in steps(repo, words):
        if call in ("flock", "unlink"):
            continue
        reset(repo)
        status, err, _ = traced(repo, words, "-e", f"inject={call}:error={error}:when={k}")
        assert status >= 0
        state = the_document(repo)
        if status == OK or state == (file, name):
            continue
        assert state == ("app.yaml", "web/app") and (repo.top / "app.yaml").read_bytes() == repo.sealed, (call, k, err)
        assert "app.yaml: " in err
        repo.bulla("rename", *words, "-i", repo.recovery)
        assert the_document(repo) == (file, name)


def test_refused_and_not_put_back(repo):
    """The text cannot be written, nor the name taken back: the words say how it goes on, and it does."""
    words, file, name = CASES["file and name"]
    reset(repo)
    status, err, _ = traced(repo, words, "-e", "inject=fsync:error=EIO:when=1", "-e", "inject=rename:error=EIO:when=2")
    assert status == IO and "the file is other.yaml now, and the same command goes on" in err
    assert the_document(repo) == (file, "web/app")
    assert "going on" in repo.bulla("rename", *words, "-i", repo.recovery).err
    assert the_document(repo) == (file, name)


def test_going_on_needs_the_old_document(repo):
    """Only a file of the new name that holds the document FILE is called after is where a run was ended."""
    other = repo.sealed.replace(b"name: app\n", b"name: third\n")
    (repo.top / "app.yaml").rename(repo.top / "kept")
    for text in (other, b"a: 1\n", b"not: [yaml", repo.sealed + b"---\n" + other):
        (repo.top / "other.yaml").write_bytes(text)
        said = repo.bulla("rename", "app.yaml", "other", "-i", repo.recovery, status=IO)
        assert "app.yaml" in said.err and "going on" not in said.err
        assert (repo.top / "other.yaml").read_bytes() == text
    (repo.top / "other.yaml").unlink()
    (repo.top / "other.yaml").symlink_to("kept")
    repo.bulla("rename", "app.yaml", "other", "-i", repo.recovery, status=IO)


def test_all_was_done(repo):
    repo.bulla("rename", "app.yaml", "other", "-i", repo.recovery)
    said = repo.bulla("rename", "app.yaml", "other", "-i", repo.recovery, status=CONFLICT)
    assert "other.yaml holds web/other already" in said.err and "nothing is left to do" in said.err


@pytest.mark.parametrize("name, new, there", [("app", "other", "web/other"), ("web/app", "other", "web/other"),
                                              ("web/app", "api/other", "api/other"), ("app", "api/app2", "api/app2")])
def test_all_was_done_by_name(repo, name, new, there):
    repo.bulla("rename", name, new, "-i", repo.recovery)
    [file] = files(repo)
    said = repo.bulla("rename", name, new, "-i", repo.recovery, status=CONFLICT).err
    assert said == (f"bulla: NAME: no document is called so any more, and {there} is there, in {file}: when that is the one, "
                    "an earlier run had done its work, and nothing is left to do\n")
    # where nothing of the new name is there either, or not in that namespace, it is a slip of the pen
    for words in (("nobody", "nothing"), ("nobody/app", "other"), (name, "elsewhere/other")):
        said = repo.bulla("rename", *words, "-i", repo.recovery, status=INVALID).err
        assert "NAME: no file below this folder holds a document called so" in said
    assert files(repo) == [file]

def test_dry_run_of_what_was_ended(repo):
    (repo.top / "app.yaml").rename(repo.top / "other.yaml")
    said = repo.bulla("rename", "app.yaml", "other", "-i", repo.recovery, "--dry-run")
    assert "would be web/other" in said.err and (repo.top / "other.yaml").read_bytes() == repo.sealed

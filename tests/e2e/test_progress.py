# SPDX-License-Identifier: Apache-2.0
"""How far long work has come, as a person sees it: a bar on a terminal, plain lines in a pipe.

What is long is made so from outside, by a git that waits, a process that is stopped, or a question:
no machine is so fast, and none so slow, that these tests say something else.
"""
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from checkout import BULLA, FINDINGS, OK, Checkout, Terminal

WIPE = "\r\033[K"
FIRST, LINE = 0.3, 10  # seconds before a bar appears, and between two lines (sealer/progress.h)
DOCUMENTS = 600  # so many that reseal does not write them in one go
COMMITS = 3


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.env["TERM"] = "xterm"
    repo.init("-r", "eu", "-r", "us")
    return repo


def rules(repo, *rules):
    config = repo.top / ".bulla/config"
    head = config.read_text().split("rules:\n")[0]
    config.write_text(head + "rules:\n" + "".join(f'  - path: "{path}"\n    to: [{to}]\n' for path, to in rules))


def secret(name):
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: web}}\nstringData: {{PASSWORD: hunter2}}\n"


def slow_git(repo, seconds):
    """A git that is late with what is in blobs."""
    folder = repo.path / "bin"
    folder.mkdir()
    git = folder / "git"
    git.write_text(f'#!/bin/sh\ncase " $* " in *" cat-file --batch "*) sleep {seconds};; esac\nexec {shutil.which("git")} "$@"\n')
    git.chmod(0o755)
    repo.env["PATH"] = f"{folder}:{repo.env['PATH']}"


def history(repo):
    for i in range(COMMITS):
        repo.write(f"notes{i}.txt", f"nothing {i}\n")
        repo.commit()


def is_bar(text, what, total):
    """The bar of this work is drawn, and gone before anything else is said."""
    drawn = re.findall(rf"\r\033\[K{what} \[#*\.*\] (\d+)/(\d+)  (\d+) %[^\r\n]*(.)", text, re.S)
    assert drawn, text
    for done, all_, percent, after in drawn:
        assert int(all_) == total and 0 < int(done) <= total and int(percent) == int(done) * 100 // total, text
        assert after == "\r", text
    assert WIPE in text and WIPE not in text.rsplit(WIPE, 1)[1]
    assert what not in text.rsplit(WIPE, 1)[1], text


def is_plain(text):
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), repr(text)


# --- check -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("where", [["--history"], ["--range", "HEAD~2..HEAD"]])
def test_check_on_a_terminal(repo, where):
    history(repo)
    slow_git(repo, FIRST + 0.2)
    found = Terminal(repo, "check", *where)
    text = found.end(OK)
    total = len(set(repo.git("log", "--format=", "--raw", "--no-abbrev").split()[3::6])) if where[0] == "--history" else 2
    is_bar(text, "searching", total)
    assert "0 findings" in text.rsplit(WIPE, 1)[1]


def test_check_quietly_on_a_terminal(repo):
    history(repo)
    slow_git(repo, FIRST + 0.2)
    assert Terminal(repo, "check", "--history", "-q").end(OK) == ""


def test_check_finds_the_same_behind_a_bar(repo):
    repo.write(".env", "DB_PASSWORD=correct-horse-battery\n")
    history(repo)
    slow_git(repo, FIRST + 0.2)
    text = Terminal(repo, "check", "--history").end(FINDINGS)
    assert ".env:1" in text.rsplit(WIPE, 1)[1] and ".env" not in text.rsplit(WIPE, 1)[0]


def test_check_in_a_pipe(repo):
    history(repo)
    done = repo.bulla("check", "--history")
    is_plain(done.err)
    assert "searching" not in done.err
    slow_git(repo, LINE + 0.3)
    done = repo.bulla("check", "--history")
    is_plain(done.err)
    assert re.match(r"bulla: searching 1/\d+  \d+ %, about .* left\n|bulla: searching 1/\d+  \d+ %\n", done.err), done
    assert done.err.count("searching") == 1


# --- import ----------------------------------------------------------------------------------------------

def test_import_on_a_terminal(repo):
    """Counted, as nobody knows how many files there will be; a question stands on a line of its own."""
    rules(repo, ("a/**", "eu"), ("b/**", "us"))
    for name in ("a/1", "a/2", "b/3"):
        repo.write(f"{name}.yaml", secret(f"s{name[-1]}"))
    (repo.home / ".config/bulla/pins").unlink()
    run = Terminal(repo, "import", "secret", ".")
    run.read_until("Agree? [y/N] ")
    assert "reading" not in run.text and WIPE not in run.text
    time.sleep(FIRST + 0.1)
    run.answer("Agree? [y/N] ", "y")
    run.read_until("Agree? [y/N] ")
    before = run.text.split("us ", 1)[0]
    drawn = re.findall(r"\r\033\[Kreading (\d+)", before)
    assert drawn and set(drawn) <= {"2", "3"} and "3 converted" not in before, run.text
    assert before.rsplit("reading", 1)[1].split(WIPE)[0].strip().isdigit() and before.rsplit("reading", 1)[1].count(WIPE) == 1
    run.answer("Agree? [y/N] ", "y")
    assert "3 converted" in run.end(OK).rsplit(WIPE, 1)[-1]


def test_import_in_a_pipe(repo):
    repo.write("a/1.yaml", secret("one"))
    done = repo.bulla("import", "secret", "a")
    is_plain(done.err)
    assert "reading" not in done.err and "1 converted" in done.err


# --- reseal ----------------------------------------------------------------------------------------------

@pytest.fixture
def many(repo):
    """Documents for both, of which the rules say now that they are for one."""
    for i in range(DOCUMENTS):
        repo.write(f"apps/{i}.yaml", secret(f"s{i}"))
    repo.bulla("import", "secret", "apps", "-q")
    rules(repo, ("**", "eu"))
    return repo


def pause_at_first_change(repo, pid, seconds):
    """Stop it for so long when it has written a document."""
    before = {p: os.stat(p).st_ino for p in (repo.top / "apps").iterdir()}
    end = time.monotonic() + 60
    while all(os.stat(p).st_ino == inode for p, inode in before.items()):
        assert time.monotonic() < end
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def test_reseal_on_a_terminal(many):
    run = Terminal(many, "reseal", "-i", many.recovery, out=str(many.path / "out"))
    pause_at_first_change(many, run.pid, FIRST + 0.1)
    text = run.end(OK)
    is_bar(text, "resealing", DOCUMENTS)
    assert f"{DOCUMENTS} of {DOCUMENTS} parts sealed again" in text.rsplit(WIPE, 1)[1]
    assert "resealing" not in (many.path / "out").read_text()


def test_reseal_in_a_pipe(many):
    run = subprocess.Popen([BULLA, "reseal", "-i", many.recovery], cwd=many.top, env=many.env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
    pause_at_first_change(many, run.pid, LINE + 0.2)
    _, err = run.communicate(timeout=60)
    assert run.returncode == OK, err
    is_plain(err)
    lines = [line for line in err.splitlines() if "resealing" in line]
    assert len(lines) == 1 and re.match(rf"bulla: resealing \d+/{DOCUMENTS}  \d+ %", lines[0]), err

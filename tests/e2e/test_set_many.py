# SPDX-License-Identifier: Apache-2.0
"""set and unset of several values at once: one write, all of them or none."""
import base64
import subprocess

import pytest
import yaml

from checkout import BULLA, CONFLICT, INVALID, IO, OK, USAGE, Checkout, Terminal

FILE = "app.yaml"


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.init("-r", "eu-west9")
    env = repo.write("../app.env", "A=a\nB=b\nC=c\n")
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", env, "-w", FILE)
    repo.sealed = (repo.top / FILE).read_bytes()
    return repo


def values(repo, file=FILE):
    data = yaml.safe_load(repo.bulla("open", file, "-i", repo.recovery).out)["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def parts(data):
    return yaml.safe_load(data)["spec"]["parts"]


def changed(repo):
    """Names of parts that are other than before."""
    old, new = parts(repo.sealed), parts((repo.top / FILE).read_bytes())
    return {name for name in old | new if old.get(name) != new.get(name)}


def unchanged(repo):
    return (repo.top / FILE).read_bytes() == repo.sealed


# --- set ------------------------------------------------------------------------------------------

def test_several_files(repo):
    b, z = repo.write("../b", "new b\n\n"), repo.write("../z", b"bytes")
    said = repo.bulla("set", FILE, f"B={b}", f"Z={z}", "A=-", input="from standard input")
    assert said.err == f"bulla: {FILE}: web/app, A, B, Z sealed to eu-west9, recovery\n"
    assert changed(repo) == {"A", "B", "Z"}
    assert values(repo) == {"A": "from standard input", "B": "new b\n\n", "C": "c", "Z": "bytes"}


def test_file_of_environment_variables(repo):
    repo.bulla("set", FILE, "--from-env-file", repo.write("../new.env", "B='new b'\nD=d\n"))
    assert changed(repo) == {"B", "D"}
    assert values(repo) == {"A": "a", "B": "new b", "C": "c", "D": "d"}


def test_picked_beside_others(repo):
    env = repo.write("../new.env", "OLD='new b'\nOTHER=x\nC='new c'\n")
    repo.bulla("set", FILE, "--from-env-file", env, "--pick", "B=OLD", "--pick", "C", "A=-", input="new a")
    assert changed(repo) == {"A", "B", "C"}
    assert values(repo) == {"A": "new a", "B": "new b", "C": "new c"}


def test_one_with_from_file_beside_others(repo):
    c = repo.write("../c", "new c")
    repo.bulla("set", FILE, "A", f"C={c}", "--from-file", "-", input="new a")
    assert values(repo) == {"A": "new a", "B": "b", "C": "new c"}


def test_many_are_counted(repo):
    env = repo.write("../many.env", "".join(f"K{i}=v{i}\n" for i in range(200)))
    said = repo.bulla("set", FILE, "--from-env-file", env)
    assert "web/app, 200 values sealed to" in said.err
    assert values(repo) == {"A": "a", "B": "b", "C": "c", **{f"K{i}": f"v{i}" for i in range(200)}}


def test_too_many_parts_leave_all_as_it_was(repo):
    env = repo.write("../many.env", "".join(f"K{i}=v{i}\n" for i in range(254)))
    refused = repo.bulla("set", FILE, "--from-env-file", env, status=INVALID)
    assert "256" in refused.err and unchanged(repo)


def test_terminal_is_asked_for_those_without_a_file(repo):
    b = repo.write("../b", "new b")
    at = Terminal(repo, "set", FILE, "A", f"B={b}", "D")
    at.answer("A: ", "new a")
    at.answer("D: ", "new d")
    said = at.end()
    assert "A, B, D sealed to" in said
    assert values(repo) == {"A": "new a", "B": "new b", "C": "c", "D": "new d"}


def test_expiry_is_of_all(repo):
    a, b = repo.write("../a", "1"), repo.write("../b", "2")
    repo.bulla("set", FILE, f"A={a}", f"B={b}", "--expires", "2030-01-31")
    new = parts((repo.top / FILE).read_bytes())
    assert [new[k]["facts"].get("not-after") for k in "ABC"] == ["2030-01-31T23:59:59Z"] * 2 + [None]
    said = repo.bulla("set", FILE, f"A={a}", f"C={b}")
    assert "bulla: warning: A: the old value's expiry is not the new one's; give --expires" in said.err
    assert said.err.count("expiry") == 1


def test_added_recipient_is_told_once(repo):
    repo.bulla("recipients", "add", "us-east1")
    config = repo.top / ".bulla/config"
    config.write_text(config.read_text().replace("to: [eu-west9]", "to: [eu-west9, us-east1]"))
    a, b = repo.write("../a", "1"), repo.write("../b", "2")
    said = repo.bulla("set", FILE, f"A={a}", f"B={b}")
    assert said.err.count("us-east1 is among the recipients now and was not before") == 1
    assert "us-east1 is among" not in repo.bulla("set", FILE, f"A={a}", f"B={b}").err
    # B has it already, C not yet
    assert "us-east1 is among" in repo.bulla("set", FILE, f"B={b}", f"C={a}").err


def test_dry_run(repo):
    said = repo.bulla("set", FILE, "--from-env-file", "-", "--dry-run", input="A=1\nE=2\n")
    assert "A, E would be sealed to" in said.err and unchanged(repo)


REFUSED = {
    "no key": ((), "say which KEY to set"),
    "twice": (("A=../a", "A=../a"), "the key A is given twice"),
    "twice, once without a file": (("A", "A=../a", "--from-file", "-"), "the key A is given twice"),
    "twice, once in the .env file": (("A=../a", "--from-env-file", "../env"), "the key A is given twice"),
    "no name": (("=../a",), "KEY: not one that a Secret takes"),
    "no name of a key": (("A/B=../a",), "KEY: not one that a Secret takes"),
    "--from-file for two": (("A", "B", "--from-file", "../a"), "--from-file is the value of one KEY"),
    "--from-file for none": (("A=../a", "--from-file", "../a"), "--from-file is the value of one KEY"),
    "--from-file beside a .env file alone": (("--from-env-file", "../env", "--from-file", "../a"),
                                             "--from-file is the value of one KEY"),
    "--pick from nothing": (("A=../a", "--pick", "B=X"), "--pick picks from the file of --from-env-file"),
    "--pick of what is not there": (("--from-env-file", "../env", "--pick", "B=X"), "the .env file has no such name"),
    "nobody to ask": (("A=../a", "B"), "give the value with --from-file FILE, --from-file - or KEY=FILE"),
    "standard input twice": (("A=-", "B=-"), "standard input"),
    "another kind's option": (("A=../a", "--token-file", "../a"), "--token-file: kind opaque has no such input"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(repo, case):
    args, why = REFUSED[case]
    repo.write("../a", "secret-value")
    repo.write("../env", "A=secret-value\n")
    said = repo.bulla("set", FILE, *args, input="secret-value", status=USAGE)
    assert why in said.err and "secret-value" not in said.err and unchanged(repo)


def test_missing_file_leaves_all_as_it_was(repo):
    a = repo.write("../a", "1")
    assert "nowhere" in repo.bulla("set", FILE, f"A={a}", "B=../nowhere", status=IO).err
    assert unchanged(repo)


def test_bad_line_leaves_all_as_it_was(repo):
    a = repo.write("../a", "1")
    said = repo.bulla("set", FILE, f"A={a}", "--from-env-file", "-", input="B=1\nD=$(id)\n", status=INVALID)
    assert "standard input:2" in said.err and "$(id)" not in said.err and unchanged(repo)


def test_other_kinds_take_neither(repo):
    repo.bulla("seal", "webhook-token", "hook", "-n", "web", "--token-file", "-", "-w", "hook.yaml", input="0123456789abcdefghij" * 2)
    before = (repo.top / "hook.yaml").read_bytes()
    a = repo.write("../a", "1")
    assert "leave KEY out" in repo.bulla("set", "hook.yaml", f"token={a}", status=USAGE).err
    said = repo.bulla("set", "hook.yaml", "--from-env-file", "-", input="token=x\n", status=USAGE)
    assert "kind webhook-token is replaced as a whole, not by names" in said.err
    assert (repo.top / "hook.yaml").read_bytes() == before


# --- unset ----------------------------------------------------------------------------------------

def test_unset_several(repo):
    said = repo.bulla("unset", FILE, "C", "A")
    assert said.err == f"bulla: {FILE}: web/app, C, A removed\n"
    assert changed(repo) == {"A", "C"} and values(repo) == {"B": "b"}


UNSET = {
    "one that is not there": (("A", "X"), INVALID, "KEY 2: the document has no part of that name"),
    "one alone that is not there": (("X",), INVALID, "app.yaml: the document has no part of that name"),
    "twice": (("A", "B", "A"), USAGE, "KEY 3 is given twice"),
    "all": (("A", "B", "C"), INVALID, "these are all its parts; remove the document instead"),
    "none": ((), USAGE, "KEY is missing"),
}


@pytest.mark.parametrize("case", UNSET)
def test_unset_refused(repo, case):
    args, status, why = UNSET[case]
    assert why in repo.bulla("unset", FILE, *args, status=status).err
    assert unchanged(repo)


def test_unset_last_of_one(repo):
    repo.bulla("unset", FILE, "A", "B")
    assert "it is the last part" in repo.bulla("unset", FILE, "C", status=INVALID).err


def test_unset_dry_run(repo):
    assert "A, B would be removed" in repo.bulla("unset", FILE, "A", "B", "--dry-run").err
    assert unchanged(repo)


def test_a_link_is_written_through_or_not_at_all(repo):
    """The file behind it changes, the link stays one."""
    (repo.top / "link.yaml").symlink_to(FILE)
    repo.bulla("unset", "link.yaml", "A", "B", status=None)
    assert (repo.top / "link.yaml").is_symlink() and set(parts((repo.top / FILE).read_bytes())) == {"C"}


def test_changed_meanwhile(repo):
    """Between the question and the answer another writes."""
    at = Terminal(repo, "set", FILE, "A", "B")
    at.answer("A: ", "1")
    at.read_until("B: ")
    repo.bulla("unset", FILE, "C")
    theirs = (repo.top / FILE).read_bytes()
    at.type("2\n")
    at.end(status=CONFLICT)
    assert (repo.top / FILE).read_bytes() == theirs


def test_four_at_the_same_time(repo):
    """Each sets another value of the same size: who ended with 0 has his in the file."""
    names = ["A", "B", "C", "D"]
    repo.bulla("set", FILE, "D", "--from-file", "-", input="d")
    ended = []
    for round in range(12):
        wanted, running = {}, []
        for name in names:
            wanted[name] = f"{name}-{round:05}"
            path = repo.write(f"../{name}", wanted[name])
            running.append(subprocess.Popen([BULLA, "set", FILE, name, "--from-file", path], cwd=repo.top, env=repo.env,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        for at in running:
            err = at.communicate(timeout=60)[1].decode()
            assert at.returncode in (OK, CONFLICT), err
        is_now = values(repo)
        lost = [name for name, at in zip(names, running) if at.returncode == OK and is_now[name] != wanted[name]]
        assert not lost, f"round {round}"
        ended += [at.returncode for at in running]
    assert OK in ended and CONFLICT in ended

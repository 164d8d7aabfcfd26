# SPDX-License-Identifier: Apache-2.0
"""bulla diff: against revisions, and against a cluster; without a key, with one, with values."""
import json
import re

import pytest
import yaml

from checkout import FINDINGS, INVALID, IO, NOKEY, OK, USAGE, Checkout, Terminal
from twoclusters import clusters, put, tls  # noqa: F401
from twoclusters import repo as two  # noqa: F401

FILE = "app.yaml"
MARK = "mark-5c0ffee"


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.init("-r", "eu-west9")
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", FILE, input=f"A={MARK}-a\nB={MARK}-b\nC={MARK}-c\n")
    repo.commit()
    return repo


def diff(repo, *args, status=FINDINGS, **more):
    return repo.bulla("diff", FILE, *args, status=status, **more)


def keyed(repo, *args, **more):
    return diff(repo, *args, "-i", repo.recovery, **more)


def rows(repo, *args, **more):
    return json.loads(diff(repo, *args, "-o", "json", **more).out)["documents"]


def test_a_folder_is_no_document(repo):
    (repo.top / "apps").mkdir()
    said = repo.bulla("diff", "apps", status=INVALID).err
    assert said.startswith("bulla: apps is a folder: ") and "no file below this folder" in said


def set_(repo, key, value, *more):
    repo.bulla("set", FILE, key, "--from-file", "-", *more, input=value)


# --- against a revision ---------------------------------------------------------------------------

def test_nothing(repo):
    assert diff(repo, status=OK).out == ""
    [row] = rows(repo, status=OK)
    assert row == {"document": "web/app", "change": "same", "kind": "opaque", "fields": {}, "parts": []}
    # comments and order are no difference between documents
    path = repo.top / FILE
    path.write_text("# x\n" + path.read_text())
    assert diff(repo, status=OK).out == ""


def test_added_removed_changed(repo):
    set_(repo, "B", f"{MARK}-new")
    set_(repo, "D", "d")
    repo.bulla("unset", FILE, "A")
    done = diff(repo)
    assert done.out == "web/app (opaque)\n  - A\n  ~ B: sealed anew\n  + D: sealed to eu-west9, recovery\n"
    assert done.err == ""


def test_with_a_key_it_is_told_which_values_are_other(repo):
    set_(repo, "A", f"{MARK}-a")  # sealed anew
    set_(repo, "B", f"{MARK}-new")
    done = keyed(repo)
    assert done.out == "web/app (opaque)\n  ~ A: sealed anew, the same value\n  ~ B: another value\n"
    assert {p["part"]: p["value"] for p in rows(repo, "-i", repo.recovery)[0]["parts"]} == {"A": "same", "B": "changed"}
    assert {p["part"]: p["value"] for p in rows(repo)[0]["parts"]} == {"A": "unknown", "B": "unknown"}
    assert MARK not in done.out


def test_values(repo):
    set_(repo, "A", f"{MARK}-1\n{MARK}-2")
    set_(repo, "B", f"{MARK}-b\n")
    set_(repo, "C", b"\x00\x01\xff".decode("latin1").encode("latin1"))
    set_(repo, "D", "\x1b[31m\u202e")
    repo.bulla("set", FILE, "E", "--from-file", "-", input="")
    done = keyed(repo, "--values")
    assert done.out == f"""web/app (opaque)
  ~ A: another value
    A:
    - {MARK}-a
    + {MARK}-1
    + {MARK}-2 (no line break at the end)
  ~ B: another value
    B:
    - {MARK}-b
    + {MARK}-b (and a line break)
  ~ C: another value
    C:
    - {MARK}-c
    + (3 bytes that are no text)
  + D: sealed to eu-west9, recovery
    D:
    + \\x1b[31m\\u{{202e}}
  + E: sealed to eu-west9, recovery
    E:
    + (empty)
"""
    # never for a program, and not without a key
    assert "--values is for people" in diff(repo, "--values", "-o", "json", status=USAGE).err
    assert diff(repo, "--values", status=NOKEY).out == ""


def test_values_of_a_kind(repo):
    repo.bulla("seal", "basic-auth", "login", "-n", "web", "--username", "bot", "--password-file", "-", "-w", "login.yaml",
               input="correct-horse-battery")
    repo.commit()
    repo.bulla("set", "login.yaml", "--password-file", "-", input="another-horse-battery")
    done = repo.bulla("diff", "login.yaml", "--values", "-i", repo.recovery, status=FINDINGS)
    assert done.out == ("web/login (basic-auth)\n  ~ credential: another value\n    password:\n"
                        "    - correct-horse-battery\n    + another-horse-battery\n")
    [part] = json.loads(repo.bulla("diff", "login.yaml", "-i", repo.recovery, "-o", "json", status=FINDINGS).out)["documents"][0]["parts"]
    assert part["keys"] == {"password": "changed"}


def test_recipients_and_facts(repo):
    repo.bulla("recipients", "add", "us-east1")
    config = repo.top / ".bulla/config"
    config.write_text(config.read_text().replace("to: [eu-west9]", "to: [us-east1]"))
    set_(repo, "A", f"{MARK}-a", "--expires", "2030-01-31")
    done = keyed(repo)
    assert done.out == ("web/app (opaque)\n  ~ A: sealed anew, the same value; opened by us-east1 too; no longer by eu-west9\n"
                        "    not-after: none -> 2030-01-31T23:59:59Z\n")
    [part] = rows(repo)[0]["parts"]
    assert part["recipients"] == {"added": ["us-east1"], "removed": ["eu-west9"]}
    assert part["facts"]["not-after"] == {"old": None, "new": "2030-01-31T23:59:59Z"}


def test_another_key_under_the_same_name(repo):
    text = (repo.top / FILE).read_text()
    id_ = yaml.safe_load(text)["spec"]["parts"]["A"]["recipients"]["eu-west9"]
    repo.write(FILE, text.replace(id_, id_[::-1], 1))
    done = keyed(repo)
    assert "  ~ A: changed outside alone, so that it does not open; another key of eu-west9\n" in done.out
    assert rows(repo)[0]["parts"][0]["value"] == "untouched"


def test_lying_outside(repo):
    """What somebody changed by hand is seen for what it is."""
    text = (repo.top / FILE).read_text()
    at = yaml.safe_load(text)["spec"]["parts"]["A"]["facts"]["sealed-at"]
    repo.write(FILE, text.replace(at, "2020-01-01T00:00:00Z", 1))
    assert f"changed outside alone, so that it does not open\n    sealed-at: {at} -> 2020-01-01T00:00:00Z" in diff(repo).out


def test_head_of_the_document(repo):
    path = repo.top / FILE
    path.write_text(path.read_text().replace("spec:\n", "spec:\n  deletionPolicy: Retain\n"))
    assert diff(repo).out == "web/app (opaque)\n  deletionPolicy: Delete -> Retain\n"
    assert rows(repo)[0]["fields"] == {"deletionPolicy": {"old": "Delete", "new": "Retain"}}


def test_revisions(repo):
    set_(repo, "B", "second")
    repo.commit("second")
    repo.git("tag", "v2")
    set_(repo, "C", "third")
    repo.commit("third")
    assert diff(repo, status=OK).out == ""
    assert diff(repo, "HEAD~1").out == diff(repo, "v2").out == "web/app (opaque)\n  ~ C: sealed anew\n"
    assert keyed(repo, "HEAD~2").out == "web/app (opaque)\n  ~ B: another value\n  ~ C: another value\n"
    assert json.loads(diff(repo, "v2", "-o", "json").out)["against"] == "v2"


def test_new_gone_and_moved(repo):
    (repo.top / "sub").mkdir()
    repo.git("mv", FILE, "sub/app.yaml")
    said = repo.bulla("diff", "sub/app.yaml", status=FINDINGS)
    assert said.out.startswith("web/app (opaque): new\n  + A: sealed to")
    assert diff(repo).out == "web/app (opaque): gone\n  - A\n  - B\n  - C\n"
    assert "is neither here nor in HEAD" in repo.bulla("diff", "nowhere.yaml", status=IO).err
    # from below the top level
    assert repo.bulla("diff", "app.yaml", status=FINDINGS, cwd=repo.top / "sub").out == said.out


def test_several_documents(repo):
    repo.bulla("seal", "opaque", "two", "-n", "web", "--from-env-file", "-", "-w", FILE, input="X=1\n")
    set_(repo, "A", "1", "--document", "app")
    assert [r["document"] for r in rows(repo)] == ["web/app", "web/two"]
    assert diff(repo, "--document", "web/two").out == "web/two (opaque): new\n  + X: sealed to eu-west9, recovery\n"
    assert "holds no sealed document of that name" in diff(repo, "--document", "x", status=INVALID).err


def test_renamed(repo):
    repo.bulla("rename", FILE, "api/app", "-i", repo.recovery)
    assert [(r["document"], r["change"]) for r in rows(repo)] == [("web/app", "removed"), ("api/app", "added")]


def test_refused(repo):
    assert "HEAD~9" in diff(repo, "HEAD~9", status=INVALID).err
    assert diff(repo, "--output=x", status=USAGE).out == ""
    repo.write("plain.yaml", "a: 1\n")
    repo.commit()
    assert "plain.yaml: holds no sealed document" in repo.bulla("diff", "plain.yaml", status=INVALID).err
    repo.write(FILE, (repo.top / FILE).read_text().replace("kind: opaque", "kind: nothing"))
    assert "app.yaml" in diff(repo, status=INVALID).err
    assert "--context and REV" in diff(repo, "HEAD", "--context", "x", status=USAGE).err


def test_damaged_in_the_revision(repo):
    good = (repo.top / FILE).read_text()
    repo.write(FILE, good.replace("kind: opaque", "kind: nothing"))
    repo.commit("bad")
    repo.write(FILE, good)
    assert "HEAD:app.yaml:" in diff(repo, status=INVALID).err


def test_outside_of_git(repo, tmp_path):
    other = tmp_path / "outside"
    other.mkdir()
    (other / FILE).write_text((repo.top / FILE).read_text())
    assert "in no Git work tree; '--context C'" in repo.bulla("diff", other / FILE, status=INVALID).err


def test_part_that_should_open_and_does_not(repo):
    """A hostile change: sealed for another place, put in here."""
    repo.bulla("seal", "opaque", "app", "-n", "api", "--from-env-file", "-", "-w", "other.yaml", input="B=theirs\n")
    stolen = yaml.safe_load((repo.top / "other.yaml").read_text())["spec"]["parts"]["B"]["sealed"]
    data = yaml.safe_load((repo.top / FILE).read_text())
    data["spec"]["parts"]["B"]["sealed"] = stolen
    repo.write(FILE, json.dumps(data))
    out = keyed(repo).out
    assert "  ~ B: sealed anew\n" in out and "does not open: " in out and "it was sealed for api/app, not for web/app" in out
    assert "theirs" not in keyed(repo, "--values").out


def test_values_at_a_terminal(repo):
    set_(repo, "A", "other")
    at = Terminal(repo, "diff", FILE, "--values", "-i", repo.recovery)
    assert f"- {MARK}-a\n    + other\n" in at.end(status=FINDINGS)


# --- against a cluster ----------------------------------------------------------------------------

def test_cluster(two, clusters):
    repo, api = two, clusters["eu"]
    recovery = repo.path / "recovery.key"
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", FILE, input="A=1\nB=2\n")
    against = ("--context", "c-eu")
    done = diff(repo, *against)
    assert done.out.startswith("web/app (opaque): new\n  + A: sealed to ")
    put(api, repo, FILE)
    done = diff(repo, *against, status=OK)
    assert done.out == "web/app (opaque): the same\n  its agent: ready, Applied; it looked at the file's version last\n"
    set_(repo, "A", "other")
    done = diff(repo, *against)
    assert done.out == "web/app (opaque)\n  ~ A: sealed anew\n  its agent: ready, Applied; it looked at the cluster's version last\n"
    [row] = rows(repo, *against)
    assert row["status"]["ready"] == "True" and row["status"]["version"] == "old"
    assert [p["part"] for p in row["parts"]] == ["A"]
    out = diff(repo, *against, "-i", recovery, "--values").out
    assert "  ~ A: another value\n    A:\n    - 1\n    + other\n" in out


def test_cluster_that_lags(two, clusters):
    repo, api = two, clusters["eu"]
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", FILE, input="A=1\n")
    put(api, repo, FILE, digest="0" * 64, status="False", reason="Refused\x1b[1m")
    out = diff(repo, "--context", "c-eu", status=OK).out
    assert out == "web/app (opaque): the same\n  its agent: not ready, Refused\\x1b[1m; it looked at an earlier version last\n"


def test_cluster_does_not_answer(two, clusters):
    repo = two
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", FILE, input="A=1\n")
    assert "no-such" in diff(repo, "--context", "no-such", status=USAGE).err
    assert "is not there" in repo.bulla("diff", "nowhere.yaml", "--context", "c-eu", status=IO).err


def test_metadata_that_others_added_is_no_difference(two, clusters):
    repo, api = two, clusters["eu"]
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", FILE, input="A=1\n")
    put(api, repo, FILE)
    live = api.store.get(api.store.kind("sealedcredentials"), "web", "app")
    live["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}",
                                       "kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    live["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "x"}
    assert diff(repo, "--context", "c-eu", status=OK).out.startswith("web/app (opaque): the same\n")

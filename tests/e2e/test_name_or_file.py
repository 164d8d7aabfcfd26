# SPDX-License-Identifier: Apache-2.0
"""Every command that is about one document takes its file or its name, and all find it the same way."""
import json
import sys

import pytest

from checkout import INVALID, IO, OK, USAGE, Checkout
from test_edit_command import editor

COMMANDS = {
    "set": (["set", "WHAT", "A", "--from-file", "-"], "sealed to"),
    "unset": (["unset", "WHAT", "A"], "A removed"),
    "edit": (["edit", "WHAT", "-i", "KEY"], "A sealed to"),
    "rename": (["rename", "WHAT", "other", "-i", "KEY"], "is now"),
    "open": (["open", "WHAT", "-i", "KEY", "-o", "dotenv"], "A='1'"),
    "diff": (["diff", "WHAT"], ""),
    "rotate": (["rotate", "opaque", "WHAT", "--stdin", "A"], "A rotated for"),
    "show": (["show", "WHAT"], "app"),
}
WAYS = {"file": "apps/deep/app.yaml", "name": "app", "in full": "web/app"}


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.init("-r", "eu")
    (repo.top / "apps/deep").mkdir(parents=True)
    for name, file in (("app", "apps/deep/app.yaml"), ("two", "apps/both.yaml"), ("three", "apps/both.yaml")):
        repo.bulla("seal", "opaque", name, "-n", "web", "--from-env-file", "-", "-w", file, input="A=1\nB=2\n")
    repo.commit()
    editor(repo, "text = text.replace('A: \"1\"', 'A: \"9\"')")
    return repo


def run(repo, command, what, *more, **how):
    if command == "edit" and sys.platform != "linux":
        pytest.skip("edit needs files in memory")
    words = [{"WHAT": what, "KEY": str(repo.recovery)}.get(word, word) for word in COMMANDS[command][0]]
    return repo.bulla(*words, *more, input="x", **how)


def changed(repo):
    return repo.git("diff", "--name-only").split()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("command", COMMANDS)
def test_all_ways(repo, command, way):
    said = run(repo, command, WAYS[way])
    assert COMMANDS[command][1] in said.out + said.err
    if command in ("set", "unset", "edit", "rename", "rotate"):
        # the file is what is spoken of, however it was named
        assert "apps/deep/app.yaml: web/app" in said.err and changed(repo) == ["apps/deep/app.yaml"]
    if command == "rename":
        assert (repo.top / "apps/deep/other.yaml").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_one_of_a_file_of_several(repo, command):
    run(repo, command, "three")
    if command in ("set", "unset", "edit", "rename", "rotate"):
        text = (repo.top / "apps/both.yaml").read_text()
        old = repo.git("show", "HEAD:apps/both.yaml")
        assert text.split("\n---\n")[0] == old.split("\n---\n")[0] and text != old


@pytest.mark.parametrize("command", COMMANDS)
def test_none_and_several(repo, command):
    said = run(repo, command, "nobody", status=INVALID)
    assert "NAME: no file below this folder holds a document called so" in said.err and "nobody" not in said.err
    repo.bulla("seal", "opaque", "app", "-n", "api", "--stdin", "A", "-w", "apps/api.yaml", input="x")
    repo.commit()
    said = run(repo, command, "app", status=USAGE)
    assert "2 documents are called so; say NAMESPACE/NAME, or which FILE: " in said.err
    assert "api/app in apps/api.yaml" in said.err and "web/app in apps/deep/app.yaml" in said.err
    assert changed(repo) == []
    run(repo, command, "web/app")


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "show"])
def test_a_file_that_is_not_there_is_no_name(repo, command):
    for what in ("app2.yaml", "apps/none/app.yml", "app.json"):
        # what the work tree has no more, a commit may have: diff says that in words of its own
        said = run(repo, command, what, status=None)
        assert said.status != OK and what in said.err and "called so" not in said.err


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "show"])
def test_name_and_document(repo, command):
    said = run(repo, command, "app", "--document", "web/app", status=USAGE)
    assert "--document chooses in a FILE; NAME says it already" in said.err
    run(repo, command, "apps/deep/app.yaml", "--document", "web/app")


def test_a_file_wins_over_a_name(repo):
    """Also one without an ending; a folder is no file, for the commands that take one."""
    (repo.top / "app").write_text((repo.top / "apps/both.yaml").read_text().split("\n---\n")[0] + "\n")
    assert "app: web/two" in run(repo, "unset", "app").err
    (repo.top / "app").unlink()
    (repo.top / "app").mkdir()
    assert "apps/deep/app.yaml: web/app" in run(repo, "unset", "app").err


def test_show_takes_folders_files_and_names(repo):
    shown = lambda *what: [d["name"] for d in json.loads(repo.bulla("show", "-o", "json", *what).out)["documents"]]
    assert sorted(shown("apps")) == ["app", "three", "two"]
    assert shown("three") == ["three"] and shown("web/two", "apps/deep") == ["two", "app"]
    assert shown("three", "apps/both.yaml") == ["three", "two", "three"]
    assert "nowhere.yaml" in repo.bulla("show", "nowhere.yaml", status=IO).err


def test_below_this_folder_alone(repo):
    said = repo.bulla("unset", "app", "A", cwd=repo.top / "apps/deep")
    assert said.err.startswith("bulla: app.yaml: web/app") or "app.yaml: web/app" in said.err
    (repo.top / "empty").mkdir()
    repo.bulla("unset", "app", "B", cwd=repo.top / "empty", status=INVALID)

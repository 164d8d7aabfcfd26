# SPDX-License-Identifier: Apache-2.0
"""Every command that is about one document takes its file or its name, and all find it the same way."""
import json
import sys

import pytest

from checkout import INVALID, IO, OK, USAGE, Checkout
from fakegithub import FakeGitHub
from hubbed import REPOSITORY, TOKEN, URL
from test_edit_command import editor

HUB = ["-i", "KEY", "--api-url", "HUB", "--token-file", "TOKEN"]

COMMANDS = {
    "set": (["set", "WHAT", "A", "--from-file", "-"], "sealed to"),
    "unset": (["unset", "WHAT", "A"], "A removed"),
    "edit": (["edit", "WHAT", "-i", "KEY"], "A sealed to"),
    "rename": (["rename", "WHAT", "other", "-i", "KEY"], "is now"),
    "open": (["open", "WHAT", "-i", "KEY", "-o", "dotenv"], "A='1'"),
    "diff": (["diff", "WHAT"], ""),
    "rotate": (["rotate", "opaque", "WHAT", "--stdin", "A"], "A rotated for"),
    "show": (["show", "WHAT"], "app"),
    "deploy-key add": (["deploy-key", "add", "WHAT", *HUB], "for reading only"),
    "deploy-key remove": (["deploy-key", "remove", "WHAT", "--yes", "--force", *HUB], "is deleted"),
    "rotate deploy-key": (["rotate", "deploy-key", "WHAT", "--dry-run"], "is made and sealed"),
}
WRITE = ("set", "unset", "edit", "rename", "rotate")  # the file, and say whose it is
WAYS = {"file": "apps/deep/app.yaml", "name": "app", "in full": "web/app"}


@pytest.fixture
def command(request):
    return getattr(request, "param", "unset")


@pytest.fixture
def hub():
    with FakeGitHub() as hub:
        hub.token(TOKEN)
        hub.repo(REPOSITORY)
        yield hub
    assert hub.violations == []


@pytest.fixture
def repo(tmp_path, command, hub):
    """Three documents, of the kind that the command is about; whose keys are registered, if it is to remove one."""
    repo = Checkout(tmp_path)
    repo.hub = hub
    repo.init("-r", "eu")
    (tmp_path / "token").write_text(TOKEN)
    (repo.top / "apps/deep").mkdir(parents=True)
    for name, file in (("app", "apps/deep/app.yaml"), ("two", "apps/both.yaml"), ("three", "apps/both.yaml")):
        if "deploy-key" in command:
            repo.bulla("seal", "deploy-key", name, "-n", "web", "--url", URL, "-w", file)
            key = json.loads(repo.bulla("show", name, "-o", "json").out)["documents"][0]["parts"][0]["facts"]["public-key"]
            if command == "deploy-key remove":
                hub.add_key(REPOSITORY, key, name)
        else:
            repo.bulla("seal", "opaque", name, "-n", "web", "--from-env-file", "-", "-w", file, input="A=1\nB=2\n")
    repo.commit()
    editor(repo, "text = text.replace('A: \"1\"', 'A: \"9\"')")
    return repo


def run(repo, command, what, *more, **how):
    if command == "edit" and sys.platform != "linux":
        pytest.skip("edit needs files in memory")
    said = {"WHAT": what, "KEY": str(repo.recovery), "HUB": repo.hub.url, "TOKEN": str(repo.path / "token")}
    return repo.bulla(*[said.get(word, word) for word in COMMANDS[command][0]], *more, input="x", **how)


def changed(repo):
    return repo.git("diff", "--name-only").split()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_all_ways(repo, command, way):
    said = run(repo, command, WAYS[way])
    assert COMMANDS[command][1] in said.out + said.err
    if command in WRITE:
        # the file is what is spoken of, however it was named
        assert "apps/deep/app.yaml: web/app" in said.err and changed(repo) == ["apps/deep/app.yaml"]
    if command == "rename":
        assert (repo.top / "apps/deep/other.yaml").exists()
    if command.startswith("deploy-key"):
        titles = {k["title"] for k in repo.hub.repos[REPOSITORY].values()}
        assert len(titles) == (1 if command == "deploy-key add" else 2) and "app" not in titles


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_one_of_a_file_of_several(repo, command):
    run(repo, command, "three")
    if command in WRITE:
        text = (repo.top / "apps/both.yaml").read_text()
        old = repo.git("show", "HEAD:apps/both.yaml")
        assert text.split("\n---\n")[0] == old.split("\n---\n")[0] and text != old


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
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


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "show"], indirect=True)
def test_a_file_that_is_not_there_is_no_name(repo, command):
    for what in ("app2.yaml", "apps/none/app.yml", "app.json"):
        # what the work tree has no more, a commit may have: diff says that in words of its own
        said = run(repo, command, what, status=None)
        assert said.status != OK and what in said.err and "called so" not in said.err


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "show"], indirect=True)
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

# SPDX-License-Identifier: Apache-2.0
"""`bulla check` on what git has: the index, ranges, pushes, the history; and pull requests that mean harm."""
import base64
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

import pypi
from checkout import BULLA, FINDINGS, INVALID, IO, OK, USAGE, Checkout

SCRIPTS = Path(__file__).parents[2] / "scripts"


def token():
    """A GitHub token with a right checksum that is worth nothing."""
    return subprocess.run([SCRIPTS / "test-token"], capture_output=True, text=True, check=True).stdout.strip()


def report(repo, *args, status=FINDINGS, **more):
    return json.loads(repo.bulla("check", "-o", "json", *args, status=status, **more).out)


def found(repo, *args, status=FINDINGS, **more):
    """[(rule, file)] of the errors."""
    return [(f["rule"], f.get("file")) for f in report(repo, *args, status=status, **more)["findings"]
            if f["severity"] == "error"]


def warned(repo, *args, status=OK, **more):
    return [(f["rule"], f.get("file")) for f in report(repo, *args, status=status, **more)["findings"]
            if f["severity"] == "warning"]


@pytest.fixture(params=["sha1", "sha256"])
def plain(request, tmp_path):
    """A repository without anything of Bulla's."""
    (tmp_path / "repo").mkdir()
    repo = Checkout(tmp_path)
    repo.git("init", "-q", "-b", "main", "--object-format", request.param)
    return repo


@pytest.fixture
def repo(tmp_path):
    """Two clusters, each with its folder and rule; one document for eu, committed."""
    repo = Checkout(tmp_path)
    for folder in ("clusters/eu", "clusters/us"):
        (repo.top / folder).mkdir(parents=True)
    repo.init("-r", "eu", "-r", "us")
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", "clusters/eu/", input="A=1\n")
    repo.file = repo.top / "clusters" / "eu" / "app.yaml"
    repo.commit("start")
    repo.git("tag", "start")
    return repo


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def new_key(repo, name):
    repo.tool("age-keygen", "-o", str(repo.path / f"{name}.key"))
    return repo.tool("age-keygen", "-y", str(repo.path / f"{name}.key")).strip()


# --- the index -----------------------------------------------------------------------------------

def test_what_is_found_is_told_with_what_to_do(plain):
    plain.write("a.txt", f"token = {token()}\n")
    done = plain.bulla("check", status=FINDINGS)
    lines = done.err.splitlines()
    assert done.out.startswith("a.txt:1: ") and done.out.endswith("[github-token]\n")
    assert lines[0].startswith("bulla: github-token: revoke it at https://")
    assert lines[1].startswith("bulla: what is no credential: ") and "bulla:allow=RULE" in lines[1]
    assert lines[3].startswith("bulla: 0 documents checked")
    plain.write("a.txt", f"token = {token()} # bulla:allow=github-token\n")
    assert "bulla:allow" not in plain.bulla("check").err


def test_the_index_counts_and_not_the_work_tree(plain):
    secret = token()
    assert report(plain, "--staged", status=OK)["files"] == 0
    assert plain.bulla("check", "--staged").err.startswith(
        "bulla: warning: nothing to check: nothing is staged; 'git add' puts files into the next commit\n")
    plain.write("config.txt", f"token = {secret}\n")
    assert report(plain, "--staged", status=OK)["files"] == 0
    plain.git("add", "config.txt")
    plain.write("config.txt", "token = see the vault\n")
    assert found(plain, "--staged") == [("github-token", "config.txt")]
    plain.git("add", "config.txt")
    plain.write("config.txt", f"token = {secret}\n")
    assert report(plain, "--staged", status=OK)["files"] == 1
    done = plain.bulla("check", status=FINDINGS)
    assert secret not in done.out + done.err


def test_a_commit_that_only_removes_says_so(plain):
    for name in ("one", "two", "three"):
        plain.write(name, token())
    plain.commit()
    plain.git("rm", "-q", "one", "two")
    assert plain.bulla("check", "--staged").err == (
        "bulla: 2 files removed, no text to check\nbulla: 0 documents checked, 0 opened: 0 findings, 0 warnings\n")
    assert {k: v for k, v in report(plain, "--staged", status=OK).items() if v} == {"removed": 2}
    plain.write("four", "x\n")
    plain.git("add", "four")
    assert "1 file searched for credentials in plain text, 2 removed\n" in plain.bulla("check", "--staged").err
    plain.git("rm", "-q", "-f", "four")
    plain.commit()
    done = plain.bulla("check", "--range", "HEAD~..HEAD")
    assert "nothing to check" not in done.err and "2 files removed" in done.err
    plain.git("commit", "-q", "--allow-empty", "-m", "empty")
    assert "nothing to check: the commits change no file" in plain.bulla("check", "--range", "HEAD~..HEAD").err


def test_only_what_the_commit_changes(plain):
    plain.write("old.txt", token())
    plain.write("moved.txt", token())
    plain.commit()
    plain.write("new.txt", "x\n")
    plain.git("add", "new.txt")
    assert report(plain, "--staged", status=OK)["files"] == 1
    plain.git("mv", "moved.txt", "moved-here.txt")
    plain.git("rm", "-q", "--cached", "old.txt")
    assert found(plain, "--staged") == [("github-token", "moved-here.txt")]


def test_from_a_folder_below_and_a_linked_work_tree(plain):
    plain.write("deep/er/x", "x")
    plain.commit()
    plain.write("deep/er/y", token())
    plain.git("add", "-A")
    assert found(plain, "--staged", cwd=plain.top / "deep" / "er") == [("github-token", "deep/er/y")]
    plain.git("reset", "-q", "--hard")
    plain.git("worktree", "add", "-q", "../second", "-b", "second")
    (plain.path / "second" / "z").write_text(token())
    plain.tool("git", "add", "z", cwd=plain.path / "second")
    assert found(plain, "--staged", cwd=plain.path / "second") == [("github-token", "z")]
    assert found(plain, "--staged", status=OK) == []


def test_paths_of_any_bytes(plain):
    names = [b"new\nline", b"\xff\xfe", b"-rf", b'quote"', b":(top)x", b"esc\x1b[31m"]
    for name in names:
        with open(os.path.join(os.fsencode(plain.top), name), "w") as f:
            f.write(token())
    plain.git("add", "-A")
    assert len(found(plain, "--staged")) == len(names)
    done = plain.bulla("check", "--staged", status=FINDINGS)
    assert done.out.count("\n") == len(names) and "\x1b" not in done.out
    sarif = json.loads(plain.bulla("check", "--staged", "-o", "sarif", status=FINDINGS).out)
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in sarif["runs"][0]["results"]}
    assert {"new%0Aline", "%FF%FE", "-rf", "quote%22", "%3A%28top%29x", "esc%1B%5B31m"} == uris


def test_links_and_submodules_are_told_and_not_followed(plain):
    outside = plain.path / "outside"
    outside.write_text(token())
    (plain.top / "link.yaml").symlink_to(outside)
    (plain.top / "folder").symlink_to(plain.path)
    fmt = plain.git("rev-parse", "--show-object-format").strip()
    plain.git("init", "-q", "--object-format", fmt, "sub")
    (plain.top / "sub" / "leak").write_text(token())
    plain.tool("git", "add", "-A", cwd=plain.top / "sub")
    plain.tool("git", "commit", "-q", "-m", "x", cwd=plain.top / "sub")
    plain.git("add", "-A")
    done = plain.bulla("check", "--staged")
    assert "2 links not followed" in done.err and "1 submodule left out" in done.err


def test_large_and_binary_files(plain):
    with open(plain.top / "huge", "wb") as f:
        f.truncate((64 << 20) + 1)
    plain.write("binary", b"\x00\x01\x02" * 1000 + token().encode() + b"\x00" * 10)
    plain.write("utf16", token().encode("utf-16"))
    plain.git("add", "-A")
    assert sorted(found(plain, "--staged")) == [("github-token", "binary"), ("github-token", "utf16")]
    assert ("read", "huge") in warned(plain, "--staged", status=FINDINGS)
    assert ("read", "huge") in warned(plain, status=FINDINGS)


def test_not_merged_is_said(plain):
    plain.write("a", "1\n")
    plain.commit()
    plain.git("checkout", "-q", "-b", "side")
    plain.write("a", "2\n")
    plain.commit()
    plain.git("checkout", "-q", "main")
    plain.write("a", "3\n")
    plain.commit()
    plain.git("merge", "-q", "side", check=False)
    assert found(plain, "--staged") == [("conflict", "a")]


def test_staged_documents_are_checked_by_the_rules_of_the_index(repo):
    assert report(repo, "--staged", status=OK)["documents"] == 0
    replace(repo.file, "  kind: opaque\n", "  kind: opaque\n  extra: 1\n")
    repo.git("add", "-A")
    assert found(repo, "--staged") == [("shape", "clusters/eu/app.yaml")]
    repo.git("reset", "-q", "--hard")
    repo.git("mv", "clusters/eu/app.yaml", "clusters/us/app.yaml")
    assert {f for f in found(repo, "--staged")} == {("recipients", "clusters/us/app.yaml")}
    # the rules of the index hold: those of the work tree are not part of the commit
    config = repo.top / ".bulla" / "config"
    config.write_text(config.read_text().replace("clusters/us/**", "elsewhere/**"))
    assert {f for f in found(repo, "--staged")} == {("recipients", "clusters/us/app.yaml")}


def test_a_kustomization_beside_it_is_that_of_the_index(repo):
    repo.write("clusters/eu/kustomization.yaml", "resources: [other.yaml]\n")
    repo.git("add", "-A")
    repo.write("clusters/eu/kustomization.yaml", "resources: [app.yaml]\n")
    replace(repo.file, "metadata:", "metadata: # x")
    repo.git("add", "clusters/eu/app.yaml")
    assert found(repo, "--staged") == [("kustomization", "clusters/eu/kustomization.yaml")]


def test_a_config_that_is_a_link_or_broken(repo):
    config = repo.top / ".bulla" / "config"
    text = config.read_text()
    config.unlink()
    config.symlink_to("/etc/passwd")
    repo.git("add", "-A")
    assert ("config", ".bulla/config") in found(repo, "--staged")
    config.unlink()
    config.write_text(text.replace("rules:", "roles:"))
    repo.git("add", "-A")
    assert ("config", ".bulla/config") in found(repo, "--staged")
    repo.git("reset", "-q", "--hard")
    repo.git("rm", "-q", "-r", "--cached", ".bulla")
    subprocess.run(["rm", "-r", repo.top / ".bulla"], check=True)
    (repo.top / ".bulla").symlink_to("clusters")
    repo.git("add", "-A")
    assert ("config", ".bulla/config") in found(repo, "--staged")
    repo.git("reset", "-q", "--hard", check=False)
    repo.write("clusters/.bulla/config", "recipients:\n")
    repo.git("add", "-f", "clusters/.bulla/config")
    assert ("config", "clusters/.bulla") in found(repo, "--staged")


# --- what people allow -----------------------------------------------------------------------------

def test_comments_and_the_baseline(plain):
    plain.write("a.sh", f"A={token()} # bulla:allow=github-token\n")
    plain.write("b.sh", f"B={token()}\n")
    plain.git("add", "-A")
    assert found(plain, "--staged") == [("github-token", "b.sh")]
    plain.bulla("check", "--update-baseline")
    text = (plain.top / ".bulla" / "baseline").read_text()
    assert re.search(r"^github-token [0-9a-f]{8} b\.sh$", text, re.M) and "ghp_" not in text
    assert found(plain, status=OK) == []
    # not in the index yet
    assert found(plain, "--staged") == [("github-token", "b.sh")]
    plain.git("add", "-A")
    got = report(plain, "--staged", status=OK)
    assert (got["known"], got["allowed"]) == (1, 1)
    # another token in its place is another finding
    plain.write("b.sh", f"B={token()}\n")
    plain.git("add", "-A")
    assert found(plain, "--staged") == [("github-token", "b.sh")]


def test_a_baseline_that_cannot_be_read_silences_nothing(plain):
    plain.write("b.sh", f"B={token()}\n")
    plain.write(".bulla/baseline", "what is this\n")
    plain.git("add", "-A")
    for args in ([], ["--staged"]):
        assert {rule for rule, _ in found(plain, *args)} == {"config", "github-token"}
    plain.bulla("check", "--history", status=INVALID)
    plain.bulla("check", "--update-baseline", status=INVALID)


def test_what_git_ignores_is_private_on_purpose(plain):
    plain.write(".gitignore", "ignored\nfolder/\n*.env\n!/kept.env\n")
    for name in ("ignored", "folder/x", "a/folder/y", "local.env", "kept.env", "seen", ".hidden/z"):
        plain.write(name, f"X={token()}\n")
    assert {f for _, f in found(plain)} == {"kept.env", "seen", ".hidden/z"}
    assert report(plain, "a", status=OK)["files"] == 0
    assert found(plain, "folder/x") == [("github-token", "folder/x")]


# --- ranges ----------------------------------------------------------------------------------------

def test_a_token_that_came_and_went(plain):
    plain.write("a", "1\n")
    plain.commit("one")
    secret = token()
    plain.write("a", secret)
    plain.commit("two")
    leak = plain.git("rev-parse", "HEAD").strip()
    plain.write("a", secret + "\nand more\n")
    plain.commit("three")
    plain.write("a", "2\n")
    plain.commit("four")
    got = report(plain, "--range", "main~3..main")["findings"]
    assert [(f["rule"], f["file"], f["commit"]) for f in got] == [("github-token", "a", leak)]
    assert found(plain, "--range", "main~1..main", status=OK) == []
    assert found(plain, "--range", "main~3..", cwd=plain.top) == [("github-token", "a")]
    done = plain.bulla("check", "--range", "main~3..main", status=FINDINGS)
    assert leak[:12] in done.out and secret not in done.out + done.err


def test_what_is_in_a_merge_alone(plain):
    plain.write("a", "1\n")
    plain.commit("one")
    plain.git("checkout", "-q", "-b", "side")
    plain.write("b", "2\n")
    plain.commit("two")
    plain.git("checkout", "-q", "main")
    plain.write("c", "3\n")
    plain.commit("three")
    plain.git("merge", "-q", "--no-commit", "side")
    plain.write("b", token())
    plain.commit("evil merge")
    assert found(plain, "--range", "main~1..main") == [("github-token", "b")]


@pytest.mark.parametrize("range_", ["", "main", "main...main", "..main"])
def test_a_range_that_is_none(plain, range_):
    plain.git("commit", "-q", "--allow-empty", "-m", "x")
    done = plain.bulla("check", "--range", range_, status=USAGE)
    assert "A..B" in done.err


@pytest.mark.parametrize("range_", ["none..main", "main..none", "--all..main", "main..--all", "-n1..main"])
def test_a_commit_that_is_not_there(plain, range_):
    plain.git("commit", "-q", "--allow-empty", "-m", "x")
    done = plain.bulla("check", f"--range={range_}", status=INVALID)
    assert "there is no commit" in done.err and "shallow" in done.err


@pytest.mark.parametrize("args", [["--staged", "--history"], ["--staged", "x"], ["--accept-changes"],
                                  ["--staged", "--update-baseline"], ["--history", "--accept", "age1x"],
                                  ["--range", "a..b", "--pre-receive"]])
def test_options_that_do_not_go_together(plain, args):
    plain.bulla("check", *args, status=USAGE)


def test_outside_of_a_repository(tmp_path):
    repo = Checkout(tmp_path)
    done = repo.bulla("check", "--staged", status=IO, cwd=tmp_path)
    assert "this folder is in no Git repository" in done.err and "git init" in done.err and "fatal" not in done.err


# --- pull requests that mean harm --------------------------------------------------------------------

def test_an_added_recipient_is_reported(repo):
    repo.git("checkout", "-q", "-b", "pr")
    key = new_key(repo, "mallory")
    replace(repo.top / ".bulla" / "config", "recipients:\n", f'recipients:\n  backup: "{key}"\n')
    repo.commit()
    got = report(repo, "--range", "start..pr")["findings"]
    assert [(f["rule"], f["file"]) for f in got] == [("growth", ".bulla/config")]
    assert "backup is new" in got[0]["message"] and key in got[0]["message"]
    assert found(repo, "--range", "start..pr", "--accept", key, status=OK) == []
    assert found(repo, "--range", "start..pr", "--accept", new_key(repo, "other")) != []
    assert warned(repo, "--range", "start..pr", "--accept-changes") == [("growth", ".bulla/config")]


def test_a_swapped_key_and_a_removed_recovery(repo):
    repo.git("checkout", "-q", "-b", "pr")
    config = repo.top / ".bulla" / "config"
    key = new_key(repo, "mallory")
    config.write_text(re.sub(r'(?m)^  eu: .*$', f'  eu: "{key}"', config.read_text()))
    repo.commit()
    assert "eu has another key" in report(repo, "--range", "start..pr")["findings"][0]["message"]
    config.write_text(re.sub(r'(?m)^recovery: .*\n', "", config.read_text()))
    repo.commit()
    assert any("recovery is removed" in f["message"] for f in report(repo, "--range", "start..pr")["findings"])
    config.unlink()
    repo.commit()
    assert any("no rule would hold" in f["message"] for f in report(repo, "--range", "start..pr")["findings"])


def test_a_rule_that_gives_documents_away(repo):
    repo.git("checkout", "-q", "-b", "pr")
    config = repo.top / ".bulla" / "config"
    text = config.read_text()
    config.write_text(text.replace("to: [eu]", "to: [eu, us]"))
    assert config.read_text() != text
    repo.commit()
    got = report(repo, "--range", "start..pr")["findings"]
    assert [f["rule"] for f in got] == ["growth"]
    assert "name us for 1 document that" in got[0]["message"] and "clusters/eu/app.yaml" in got[0]["message"]
    # rules in other words that name nobody else are no finding
    config.write_text(text.replace("rules:\n", "rules:\n  - path: \"nowhere/**\"\n    to: [us]\n"))
    repo.commit()
    assert found(repo, "--range", "start..pr", status=OK) == []


def test_a_document_sealed_to_the_new_recipient_is_held_against_the_old_rules(repo):
    repo.git("checkout", "-q", "-b", "pr")
    key = new_key(repo, "mallory")
    config = repo.top / ".bulla" / "config"
    replace(config, "recipients:\n", f'recipients:\n  mallory: "{key}"\n')
    replace(config, "to: [eu]", "to: [eu, mallory]")
    repo.bulla("seal", "opaque", "new", "-n", "web", "--stdin", "K", "-w", "clusters/eu/", "--accept", key, input="v")
    repo.commit()
    rules = found(repo, "--range", "start..pr")
    assert ("recipients", "clusters/eu/new.yaml") in rules and rules.count(("growth", ".bulla/config")) == 2


def test_a_copied_document_under_another_rule(repo):
    repo.git("checkout", "-q", "-b", "pr")
    repo.write("clusters/us/app.yaml", repo.file.read_text())
    repo.commit()
    rules = found(repo, "--range", "start..pr")
    assert set(rules) == {("recipients", "clusters/us/app.yaml")}


def test_without_rules_who_could_open_it_before_is_what_counts(tmp_path):
    repo = Checkout(tmp_path)
    keys = [new_key(repo, name) for name in ("one", "two", "three")]

    def seal(*recipients):
        (repo.top / "app.yaml").unlink(missing_ok=True)
        repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", "app.yaml",
                   *[x for r in recipients for x in ("-r", r)], input="A=1\nB=2\n")
        repo.commit()

    seal(keys[0], keys[1])
    repo.git("tag", "start")
    seal(keys[1], keys[0])
    assert found(repo, "--range", "start..main", status=OK) == []
    seal(keys[0], keys[2])
    got = report(repo, "--range", "start..main")["findings"]
    assert [(f["rule"], f["file"]) for f in got] == [("growth", "app.yaml")] * 2
    assert "could not before" in got[0]["message"]
    assert found(repo, "--range", "start..main", "--accept", keys[2], status=OK) == []
    assert len(warned(repo, "--range", "start..main", "--accept-changes")) == 2


def test_lying_facts_are_found_where_a_key_is(repo):
    repo.git("checkout", "-q", "-b", "pr")
    repo.file.write_text(re.sub(r'sealed-at: "20', 'sealed-at: "19', repo.file.read_text()))
    repo.commit()
    assert found(repo, "--range", "start..pr", status=OK) == []  # nobody can see it without a key
    assert found(repo, "--range", "start..pr", "-i", repo.recovery) == [("open", "clusters/eu/app.yaml")]


def test_an_exposed_version_in_between_is_found(repo):
    """Sealed to somebody the rules do not name, and mended in the next commit: he has it all the same."""
    repo.git("checkout", "-q", "-b", "pr")
    good = repo.file.read_text()
    key = new_key(repo, "mallory")
    repo.bulla("seal", "opaque", "app", "-n", "web", "--stdin", "K", "-w", "clusters/eu/app2.yaml", "-r", key,
               input="v")
    repo.commit("exposed")
    commit = repo.git("rev-parse", "HEAD").strip()
    repo.write("clusters/eu/app2.yaml", good.replace("name: app", "name: app2"))
    repo.commit("mended")
    got = [f for f in report(repo, "--range", "start..pr", status=None)["findings"] if f["rule"] == "recipients"]
    assert [f["commit"] for f in got if "commit" in f] == [commit]
    assert all("may open it" in f["message"] for f in got if "commit" in f)


def test_known_findings_that_a_range_brings_itself(repo):
    repo.git("checkout", "-q", "-b", "pr")
    repo.write("x.sh", f"X={token()}\n")
    repo.bulla("check", "--update-baseline")
    repo.commit()
    assert sorted(found(repo, "--range", "start..pr")) == [("github-token", "x.sh"), ("growth", ".bulla/baseline")]
    assert warned(repo, "--range", "start..pr", "--accept-changes") == [("growth", ".bulla/baseline")]


def test_comments_that_a_range_brings_itself(repo):
    old = token()
    repo.write("x.sh", f"X={old} # bulla:allow\n")
    repo.commit()
    repo.git("tag", "trusted")
    repo.git("checkout", "-q", "-b", "pr")
    repo.write("x.sh", f"# moved\nX={old} # bulla:allow\n")
    repo.commit()
    assert found(repo, "--range", "trusted..pr", status=OK) == []
    repo.write("x.sh", f"X={old} # bulla:allow\nY={token()} # bulla:allow\n")
    repo.commit()
    got = report(repo, "--range", "trusted..pr")["findings"]
    assert [(f["rule"], f["line"]) for f in got] == [("github-token", 2)]
    assert "comment that allows it is new" in got[0]["message"]
    assert found(repo, "--range", "trusted..pr", "--accept-changes", status=OK) == []


def test_a_token_behind_a_thousand_warnings(plain):
    """Only so many findings of a file are given; harmless ones must not use them up."""
    plain.write("a.txt", "fine\n")
    plain.commit("start")
    plain.write("a.txt", "http://admin:hunter2pw@localhost/\n" * 1001 + token() + "\n")
    plain.commit("hidden")
    plain.git("tag", "hidden")
    for args in (["--range", "main~1..main"], ["--history"], ["a.txt"]):
        errors = [f for f in report(plain, *args)["findings"] if f["severity"] == "error"]
        assert len(errors) == 1 and "too many findings" in errors[0]["message"], args


def test_a_token_behind_a_thousand_allowed_ones(plain):
    """A file of test data that A allows is no place where B can hide something."""
    plain.write("a.txt", f"{token()} # bulla:allow\n" * 1001)
    plain.commit("start")
    with open(plain.top / "a.txt", "a") as f:
        f.write(token() + "\n")
    plain.commit("hidden")
    for args in (["--range", "main~1..main"], ["a.txt"]):
        assert found(plain, *args) == [("github-token", "a.txt")], args
    # somebody can say that this is how it is; no comment can
    plain.bulla("check", "--update-baseline")
    assert found(plain, "a.txt", status=OK) == []


def test_a_warning_does_not_stand_for_an_error(plain):
    """Passwords are told apart by their place: one for this machine, and later one for another."""
    plain.write("a.yaml", "x: 1\n")
    plain.commit("start")
    plain.write("a.yaml", "db_url: http://admin:hunter2pw@localhost/\n")
    plain.commit("a warning")
    plain.write("a.yaml", "db_url: http://admin:hunter2pw@db.barolab.io/\n")
    plain.commit("an error of the same place")
    got = [(f["rule"], f["severity"]) for f in report(plain, "--range", "main~2..main")["findings"]]
    assert sorted(got) == [("url-password", "error"), ("url-password", "warning")]


def test_a_comment_that_allowed_a_warning_allows_no_error(plain):
    plain.write("a.yaml", "db_url: http://admin:hunter2pw@localhost/ # bulla:allow\n")
    plain.commit("start")
    plain.write("a.yaml", "db_url: http://admin:hunter2pw@db.barolab.io/ # bulla:allow\n")
    plain.commit("another host")
    assert found(plain, "--range", "main~1..main") == [("url-password", "a.yaml")]


@pytest.mark.parametrize("written", ['"bulla.\\x64ev/v1"', '"bul\\\n  la.dev/v1"'])
def test_a_document_that_only_a_reader_of_yaml_sees(repo, written):
    """The API server and Flux take it for one, so it is no way around the rules."""
    repo.git("checkout", "-q", "-b", "pr")
    replace(repo.file, "apiVersion: bulla.dev/v1\n", f"apiVersion: {written}\nextra: 1\n")
    repo.commit()
    for args in (["--range", "start..pr"], []):
        assert found(repo, *args) == [("shape", "clusters/eu/app.yaml")]


@pytest.mark.parametrize("base", ["main", "origin/main", "main~0", "main@{0}", "main^{commit}"])
def test_a_tag_that_is_called_as_the_branch(plain, base):
    """git takes the tag: whoever may push one could say what he is held against."""
    plain.git("commit", "-q", "--allow-empty", "-m", "start")
    plain.git("update-ref", "refs/remotes/origin/main", "main")
    plain.git("checkout", "-q", "-b", "pr")
    plain.write("a.txt", token())
    plain.commit("leak")
    plain.git("tag", base.split("@")[0].split("~")[0].split("^")[0], "pr")
    done = plain.bulla("check", "--range", f"{base}..pr", status=INVALID)
    assert "refs/tags/" in done.err and "write the one that is meant" in done.err
    full = "refs/remotes/origin/main" if "/" in base else "refs/heads/main"
    assert found(plain, "--range", f"{full}..pr") == [("github-token", "a.txt")]


def test_what_main_has_got_since_is_not_the_branchs(repo):
    repo.git("checkout", "-q", "-b", "pr")
    repo.write("x", "x\n")
    repo.commit()
    repo.git("checkout", "-q", "main")
    replace(repo.file, "  kind: opaque\n", "  kind: opaque\n  extra: 1\n")
    repo.commit()
    got = report(repo, "--range", "main..pr", status=OK)
    assert (got["documents"], got["findings"]) == (0, [])


def test_what_a_repository_would_have_git_run(repo, tmp_path):
    """Settings and attributes that run programs or hide bytes change nothing."""
    secret = token()
    repo.git("checkout", "-q", "-b", "pr")
    repo.write(".gitattributes", "*.yaml diff=x filter=x -text binary export-ignore linguist-generated\n"
                                 "*.txt working-tree-encoding=UTF-16 merge=x\n* filter=x\n")
    repo.write("leak.yaml", f"a: {secret}\n")
    repo.commit()
    mark = tmp_path / "ran"
    for key in ("core.fsmonitor", "diff.external", "diff.x.textconv", "diff.x.command", "filter.x.clean",
                "filter.x.smudge", "core.pager", "core.sshCommand", "merge.x.driver", "gpg.program"):
        repo.git("config", key, f"touch {mark}; cat")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    repo.git("config", "core.hooksPath", str(hooks))
    for args in (["--range", "start..pr"], ["--history"], []):
        assert ("github-token", "leak.yaml") in found(repo, *args)
    repo.bulla("check", "--staged")
    assert not mark.exists()


def test_a_git_in_the_repository_is_not_run(repo, tmp_path):
    repo.write("git", f"#!/bin/sh\ntouch {tmp_path}/ran\n").chmod(0o755)
    repo.env["PATH"] = ".:" + str(repo.top / "none") + ":" + repo.env["PATH"]
    repo.bulla("check", "--staged")
    assert not (tmp_path / "ran").exists()


# --- pushes ------------------------------------------------------------------------------------------

@pytest.fixture
def server(repo):
    """A bare repository with the hook, that has what repo has."""
    fmt = repo.git("rev-parse", "--show-object-format").strip()
    repo.git("init", "-q", "--bare", "-b", "main", "--object-format", fmt, "../server.git")
    hook = repo.path / "server.git" / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\nexec {BULLA} check --pre-receive\n")
    hook.chmod(0o755)
    repo.git("remote", "add", "origin", "../server.git")
    repo.git("push", "-q", "origin", "main")
    return repo


def push(repo, *args):
    done = subprocess.run(["git", "push", "-q", *args], cwd=repo.top, env=repo.env, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_a_push_with_a_token_is_refused(server):
    secret = token()
    server.write("a.txt", secret)
    server.commit()
    server.git("rm", "-q", "a.txt")
    server.commit("gone again")
    status, said = push(server, "origin", "main")
    assert status != 0 and "[github-token]" in said and "a.txt:1" in said and secret not in said
    assert server.git("ls-remote", "origin", "main").split()[0] == server.git("rev-parse", "start").strip()
    # the objects of the refused push are gone: it was looked at in quarantine
    leak = server.git("rev-parse", "HEAD~1:a.txt").strip()
    assert subprocess.run(["git", "cat-file", "-e", leak], cwd=server.path / "server.git",
                          env=server.env, capture_output=True).returncode != 0


def test_pushes_that_are_fine(server):
    server.write("a.txt", "fine\n")
    server.commit()
    assert push(server, "origin", "main")[0] == 0
    server.git("checkout", "-q", "-b", "topic")
    server.write("b.txt", "fine\n")
    server.commit()
    assert push(server, "origin", "topic", "HEAD:refs/heads/again")[0] == 0
    server.git("tag", "-a", "-m", "x", "v1")
    assert push(server, "origin", "v1")[0] == 0
    assert push(server, "origin", ":topic")[0] == 0
    server.git("reset", "-q", "--hard", "start")
    assert push(server, "--force", "origin", "HEAD:again")[0] == 0


def test_a_new_branch_a_forced_one_and_a_tag(server):
    server.git("checkout", "-q", "-b", "topic")
    server.write("b.txt", token())
    server.commit()
    for ref in ("topic", "HEAD:refs/tags/v1", "+HEAD:main"):
        status, said = push(server, "origin", ref)
        assert status != 0 and "b.txt" in said, ref
    blob = server.git("rev-parse", "HEAD:b.txt").strip()
    status, said = push(server, "origin", f"{blob}:refs/tags/blob")
    assert status != 0 and "is no commit" in said


def test_a_token_in_the_message_of_a_tag(server):
    secret = token()
    for text in (f"v1\n\nmade with {secret}\n", f"v1\n\nmade with {secret} # bulla:allow\n"):
        server.git("tag", "-f", "-a", "-m", text, "v1")
        server.git("tag", "-f", "-a", "-m", "a tag of a tag", "v2", "v1")
        for tag in ("v1", "v2"):
            status, said = push(server, "origin", tag)
            assert status != 0 and "tag message:3" in said and secret not in said, (text, tag)
    server.git("tag", "-f", "-a", "-m", f"v1\n\nmade with {secret}\n", "v1")
    server.git("tag", "-d", "v2")
    assert found(server, "--history") == [("github-token", "tag message")]
    server.git("tag", "-d", "v1")
    assert found(server, "--history", status=OK) == []


def test_a_head_that_leads_nowhere_is_no_open_door(server):
    """Most servers' HEAD is "master", whatever branch is pushed."""
    server.tool("git", "symbolic-ref", "HEAD", "refs/heads/master", cwd=server.path / "server.git")
    server.git("checkout", "-q", "-b", "topic", "start")
    server.write("b.txt", token() + " # bulla:allow\n")
    server.commit()
    status, said = push(server, "origin", "topic")
    assert status != 0 and "symbolic-ref" in said
    status, said = push(server, "origin", "topic:main")
    assert status != 0 and "b.txt:1" in said and "is new itself" in said
    server.tool("git", "symbolic-ref", "HEAD", "refs/heads/main", cwd=server.path / "server.git")
    status, said = push(server, "origin", "topic")
    assert status != 0 and "b.txt:1" in said and "symbolic-ref" not in said


def test_a_push_is_held_against_the_rules_that_are_there(server):
    key = new_key(server, "mallory")
    server.git("checkout", "-q", "-b", "topic")
    replace(server.top / ".bulla" / "config", "recipients:\n", f'recipients:\n  mallory: "{key}"\n')
    server.commit()
    for ref in ("topic", "HEAD:main"):
        status, said = push(server, "origin", ref)
        assert status != 0 and "mallory is new" in said
    server.git("reset", "-q", "--hard", "start")
    replace(server.file, "  kind: opaque\n", "  kind: opaque\n  extra: 1\n")
    server.commit()
    status, said = push(server, "origin", "HEAD:main")
    assert status != 0 and "[shape]" in said


@pytest.mark.parametrize("lines", ["x\n", "a b c\n", "0" * 40 + " " + "1" * 39 + " refs/heads/x\n",
                                   "0" * 40 + " " + "1" * 40 + " refs/heads/x"])
def test_lines_that_are_no_hooks(repo, lines):
    assert "standard input" in repo.bulla("check", "--pre-receive", input=lines, status=INVALID).err


def test_an_object_that_is_not_there_is_refused(repo):
    line = "0" * 40 + " " + "1" * 40 + " refs/heads/x\n"
    assert found(repo, "--pre-receive", input=line) == [("read", "refs/heads/x")]


# --- the history -------------------------------------------------------------------------------------

def test_the_history_of_a_name(plain):
    """What is a credential under one name may be none under another."""
    plain.write("notes.txt", "DB_PASSWORD=correct-horse-battery\n")
    plain.commit("one")
    plain.git("mv", "notes.txt", "more.txt")
    plain.commit("two")
    assert found(plain, "--history", status=OK) == []
    plain.git("mv", "more.txt", ".env")
    plain.commit("three")
    plain.git("mv", ".env", "prod.env")
    plain.commit("four")
    last = plain.git("rev-parse", "HEAD~1").strip()
    got = report(plain, "--history")["findings"]
    assert [(f["rule"], f["file"], f["commit"]) for f in got] == [("env-credential", ".env", last)]


def test_the_whole_history(plain):
    plain.write("a", token())
    plain.write("b", f"{token()}\n# bulla:allow\n")
    plain.commit("one")
    first = plain.git("rev-parse", "HEAD").strip()
    plain.git("rm", "-q", "a")
    plain.git("mv", "b", "c")
    plain.commit("two")
    plain.git("checkout", "-q", "-b", "gone")
    plain.write("d", token())
    plain.commit("three")
    plain.git("tag", "kept")
    plain.git("checkout", "-q", "main")
    plain.git("branch", "-q", "-D", "gone")
    got = report(plain, "--history")
    assert [(f["file"], f["commit"] == first) for f in got["findings"]] == [("a", True), ("b", True), ("d", False)]
    assert got["files"] == 3
    plain.bulla("check", "--history", "--update-baseline")
    assert report(plain, "--history", status=OK)["known"] == 3
    plain.git("tag", "-d", "kept")
    assert report(plain, "--history", status=OK)["known"] == 2


def test_messages_of_commits(plain):
    def commit_with(text):
        plain.git("commit", "-q", "--allow-empty", "-m", text)

    commit_with("start")
    secret = token()
    commit_with(f"subject\n\nused {secret} for it\n")
    leak = plain.git("rev-parse", "HEAD").strip()
    for args in (["--range", "main~1..main"], ["--history"]):
        got = report(plain, *args)
        assert [(f["rule"], f["file"], f["line"], f["commit"]) for f in got["findings"]] == [
            ("github-token", "commit message", 3, leak)]
        assert got["files"] == 0
    plain.bulla("check", "--history", "--update-baseline")
    assert report(plain, "--history", status=OK)["known"] == 1
    commit_with("-----BEGIN PGP SIGNATURE-----\n\nfine")
    assert found(plain, "--range", "main~1..main", status=OK) == []


def test_a_shallow_clone_says_that_it_is_one(plain):
    for i in range(3):
        plain.write("a", str(i))
        plain.commit()
    plain.git("clone", "-q", "--depth", "1", f"file://{plain.top}", "../shallow")
    got = report(plain, "--history", cwd=plain.path / "shallow", status=OK)["findings"]
    assert [f["severity"] for f in got] == ["warning"] and "shallow" in got[0]["message"]


def test_a_missing_blob_is_a_finding(plain):
    plain.write("a", "1\n")
    plain.commit()
    blob = plain.git("rev-parse", "HEAD:a").strip()
    (plain.top / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert found(plain, "--history") == [("read", "a")]


def test_a_bare_repository(plain):
    plain.write("a", token())
    plain.commit()
    plain.git("clone", "-q", "--bare", ".", "../bare.git")
    assert found(plain, "--history", cwd=plain.path / "bare.git") == [("github-token", "a")]


def test_a_hundred_thousand_blobs_in_a_minute(tmp_path):
    """The issue's goal, on a tenth of it: the machine of the tests is shared."""
    repo = Checkout(tmp_path)
    stream = ["feature done\n"]
    for i in range(100):
        stream.append(f"commit refs/heads/main\ncommitter t <t@example.org> {1800000000 + i} +0000\ndata 1\nx\n")
        for k in range(100):
            text = f"name: app-{i}-{k}\nreplicas: {k}\n" + "description: words and more words\n" * 20
            stream.append(f"M 644 inline d{k % 10}/f{k}.yaml\ndata {len(text)}\n{text}\n")
    repo.tool("git", "fast-import", "--quiet", input="".join(stream) + "done\n")
    begin = time.monotonic()
    assert report(repo, "--history", status=OK)["files"] == 10000
    assert time.monotonic() - begin < 12


# --- SARIF -------------------------------------------------------------------------------------------

def test_sarif_is_what_code_hosts_read(repo):
    """What the schema of SARIF 2.1.0 demands of the objects that are written, and GitHub beyond it."""
    repo.write("k8s/s.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n"
                             f"  token: {token()}\n")
    replace(repo.file, "  kind: opaque\n", "  kind: opaque\n  extra: 1\n")
    done = repo.bulla("check", "-o", "sarif", status=FINDINGS)
    log = json.loads(done.out)
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    assert set(log) == {"$schema", "version", "runs"} and len(log["runs"]) == 1
    run = log["runs"][0]
    assert set(run) == {"tool", "columnKind", "results"} and run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert driver["name"] == "bulla" and re.fullmatch(r"\d+\.\d+\.\d+", driver["version"])
    ids = [r["id"] for r in driver["rules"]]
    assert len(ids) == len(set(ids)) and all(r["shortDescription"]["text"] for r in driver["rules"])
    assert len(run["results"]) == 2
    for result in run["results"]:
        assert set(result) <= {"ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints",
                               "properties"}
        assert ids[result["ruleIndex"]] == result["ruleId"] and result["level"] in ("error", "warning")
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
        assert not place["artifactLocation"]["uri"].startswith(("/", "."))
        assert place["region"]["startLine"] >= 1
    prints = [r["partialFingerprints"]["bulla/v1"] for r in run["results"] if "partialFingerprints" in r]
    assert len(prints) == 1 and re.fullmatch(r"[0-9a-f]{8}", prints[0])
    assert {r["ruleId"] for r in run["results"]} == {"shape", "github-token"}
    below = json.loads(repo.bulla("check", "-o", "sarif", cwd=repo.top / "k8s", status=FINDINGS).out)
    assert below["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "k8s/s.yaml"


@pytest.fixture(scope="module")
def sarif_schema():
    """As OASIS publishes it: nothing of it stands in this repository."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(pypi.file_of(*pypi.SARIF))
    assert schema["id"].endswith("/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


def test_sarif_keeps_to_its_published_schema(sarif_schema, repo):
    """Nothing found; findings with and without a place, a column, a commit, a print; names of any bytes."""
    def sarif(*args, status=FINDINGS):
        log = json.loads(repo.bulla("check", "-o", "sarif", *args, status=status).out)
        assert [f"{list(e.absolute_path)}: {e.message}" for e in sarif_schema.iter_errors(log)] == []
        return log["runs"][0]["results"]

    assert sarif(status=OK) == sarif("--history", status=OK) == []
    repo.write("k8s/s.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n"
                             f"  token: {token()}\n")
    with open(os.path.join(os.fsencode(repo.top), b"\xff \"\n:%"), "w") as f:
        f.write(token())
    replace(repo.file, "  kind: opaque\n", "  kind: opaque\n  extra: 1\n")
    replace(repo.top / ".bulla/config", "recipients:", "recipients: 1 #")
    repo.commit(f"used {token()}")
    seen = [r for args in ([], ["--history"], ["--range", "start..main"]) for r in sarif(*args)]
    assert any("properties" in r for r in seen) and any("partialFingerprints" in r for r in seen)
    assert any("region" not in r["locations"][0]["physicalLocation"] for r in seen if r["locations"])
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.top}", "../shallow")
    repo.top = repo.path / "shallow"
    assert any(r["locations"] == [] for r in sarif("--history"))
    # that it refuses what is none
    log = json.loads(repo.bulla("check", "-o", "sarif", status=FINDINGS).out)
    for break_it in (lambda log: log["runs"][0]["results"][0].update(level="bad"), lambda log: log.update(version="2.0"),
                     lambda log: log["runs"][0]["results"][0].update(line=1), lambda log: log["runs"][0].pop("tool")):
        broken = json.loads(json.dumps(log))
        break_it(broken)
        assert not sarif_schema.is_valid(broken)


def test_nothing_secret_is_printed_in_any_form(plain):
    secret = token()
    plain.write("a.env", f"PASSWORD={secret}\nB64={base64.b64encode(secret.encode()).decode()}\n")
    plain.git("add", "-A")
    plain.commit()
    for args in ([], ["--history"], ["-v"]):
        for output in ("text", "json", "sarif"):
            done = plain.bulla("check", "-o", output, *args, status=FINDINGS)
            assert secret[4:20] not in done.out + done.err
            assert base64.b64encode(secret.encode()).decode()[5:20] not in done.out + done.err

# SPDX-License-Identifier: Apache-2.0
"""`bulla check --history` on sealed documents: each is held against the rules of the commit that brought it."""
import re

import pytest

from checkout import FINDINGS, OK
from test_guard_git import found, new_key, replace, repo, report, token  # noqa: F401 (repo is a fixture)


def seal(repo, *args, name="new", status=OK):
    return repo.bulla("seal", "opaque", name, "-n", "web", "--stdin", "K", "-w", f"clusters/eu/{name}.yaml", *args, input="v",
                      status=status)


def commit(repo, message):
    repo.commit(message)
    return repo.git("rev-parse", "HEAD").strip()


def add_recipient(repo, name):
    key = new_key(repo, name)
    replace(repo.top / ".bulla/config", "recipients:\n", f'recipients:\n  {name}: "{key}"\n')
    return key


def told(repo, *args, status=FINDINGS):
    return [(f["rule"], f["file"], f["commit"]) for f in report(repo, "--history", *args, status=status)["findings"]]


def test_what_was_right_when_it_came(repo):
    """Recipients and rules come and go; every part was sealed to those whom the rules of its commit named."""
    config = repo.top / ".bulla/config"
    got = report(repo, "--history", status=OK)
    assert (got["documents"], got["opened"], got["findings"]) == (1, 0, [])
    key = add_recipient(repo, "anna")
    replace(config, "to: [eu]", "to: [eu, anna]")
    seal(repo, "--accept", key)
    repo.commit("anna joins")
    # when she leaves, a part that nobody touches stays as it is, in a document that changes
    replace(config, "to: [eu, anna]", "to: [eu]")
    repo.bulla("set", "clusters/eu/new.yaml", "--from-env-file", "-", input="L=w\n")
    repo.commit("anna leaves")
    # the key of eu is another one from now on
    key = new_key(repo, "eu-2")
    config.write_text(re.sub(r"(?m)^  eu: .*$", f'  eu: "{key}"', config.read_text()))
    repo.bulla("set", "clusters/eu/new.yaml", "--from-env-file", "-", "--accept", key, input="M=w\n")
    repo.commit("a new key")
    assert ("recipients", "clusters/eu/new.yaml") in found(repo)
    got = report(repo, "--history", status=OK)
    assert (got["documents"], got["findings"]) == (4, [])
    # with the key that opens all of them
    assert report(repo, "--history", "-i", repo.recovery, status=OK)["opened"] == 4


def test_sealed_to_somebody_whom_the_rules_did_not_name(repo):
    good = repo.file.read_text()
    seal(repo, "-r", "eu", "-r", new_key(repo, "mallory"))
    exposed = commit(repo, "exposed")
    repo.write("clusters/eu/new.yaml", good.replace("name: app", "name: new"))
    repo.commit("mended")
    repo.git("rm", "-q", "clusters/eu/new.yaml")
    repo.commit("removed")
    assert found(repo, status=OK) == []
    got = report(repo, "--history")["findings"]
    assert [(f["rule"], f["file"], f["commit"]) for f in got] == [("recipients", "clusters/eu/new.yaml", exposed)]
    assert "could open it, but the rules of then did not say so; change the credential" in got[0]["message"]
    assert got[0]["line"] > 1 and re.fullmatch("[0-9a-f]{8}", got[0]["fingerprint"])
    # rules that name him later make it no better
    key = repo.tool("age-keygen", "-y", str(repo.path / "mallory.key")).strip()
    replace(repo.top / ".bulla/config", "recipients:\n", f'recipients:\n  mallory: "{key}"\n')
    replace(repo.top / ".bulla/config", "to: [eu]", "to: [eu, mallory]")
    repo.commit("named")
    assert told(repo) == [("recipients", "clusters/eu/new.yaml", exposed)]


def test_sealed_to_another_key_of_a_name(repo):
    config = repo.top / ".bulla/config"
    text = config.read_text()
    key = new_key(repo, "mallory")
    config.write_text(re.sub(r"(?m)^  eu: .*$", f'  eu: "{key}"', text))
    seal(repo, "--accept", key)
    config.write_text(text)
    exposed = commit(repo, "the rules are as they were")
    got = report(repo, "--history")["findings"]
    assert [(f["rule"], f["commit"]) for f in got] == [("recipients", exposed)]
    assert "eu (another key of that name than the rules of then had)" in got[0]["message"]


def test_where_no_rule_was_or_none_matched(repo):
    replace(repo.top / ".bulla/config", '  - path: "**"\n    to: [eu, us]\n', "")
    repo.bulla("seal", "opaque", "x", "-n", "web", "--stdin", "K", "-r", "eu", "-w", "other/x.yaml", input="v")
    lost = commit(repo, "no rule for that folder")
    assert told(repo) == [("recipients", "other/x.yaml", lost)]
    repo.git("rm", "-q", "other/x.yaml", ".bulla/config")
    repo.write("other/yy.yaml", repo.file.read_text().replace("name: app", "name: yy"))
    repo.commit("no rules at all")
    assert told(repo) == [("recipients", "other/x.yaml", lost)]


def test_rules_that_could_not_be_read(repo):
    config = repo.top / ".bulla/config"
    good = config.read_text()
    config.write_text("recipients: 1\n")
    repo.file.write_text(repo.file.read_text() + "# a\n")
    broken = commit(repo, "broken")
    repo.file.write_text(repo.file.read_text() + "# b\n")
    repo.commit("broken still")
    config.write_text(good)
    repo.file.write_text(repo.file.read_text() + "# c\n")
    repo.commit("mended")
    assert told(repo) == [("config", ".bulla/config", broken)]


@pytest.mark.parametrize("rule, old, new", [
    ("shape", "  kind: opaque\n", "  kind: opaque\n  extra: 1\n"),
    ("shape", "-----BEGIN AGE", "-----BEGIN OLD"),
    ("shape", "spec:\n", "spec: {\n"),
    ("conflict", "spec:\n", "<<<<<<< ours\nspec:\n=======\n>>>>>>> theirs\nspec:\n"),
])
def test_damaged_is_told_once_where_it_began(repo, rule, old, new):
    good = repo.file.read_text()
    replace(repo.file, old, new)
    damaged = commit(repo, "damaged")
    repo.file.write_text(repo.file.read_text() + "# still\n")
    repo.commit("damaged still")
    repo.file.write_text(good)
    repo.commit("mended")
    assert found(repo, status=OK) == []
    assert told(repo) == [(rule, "clusters/eu/app.yaml", damaged)]


def test_what_only_a_key_can_tell(repo):
    good = repo.file.read_text()
    repo.file.write_text(re.sub(r'sealed-at: "20', 'sealed-at: "19', good))
    lying = commit(repo, "a lying fact")
    repo.file.write_text(good.replace("name: app", "name: else"))
    renamed = commit(repo, "renamed by hand")
    repo.file.write_text(good)
    repo.commit("mended")
    assert told(repo, status=OK) == []
    assert sorted(told(repo, "-i", repo.recovery)) == sorted(
        [("open", "clusters/eu/app.yaml", lying), ("open", "clusters/eu/app.yaml", renamed)])
    # a key that opens none of it finds nothing wrong
    new_key(repo, "other")
    assert told(repo, "-i", repo.path / "other.key", status=OK) == []


def test_known_ones_are_silent(repo):
    """Nothing mends a commit: who has changed the credential says so in the baseline."""
    good = repo.file.read_text()
    seal(repo, "-r", "eu", "-r", new_key(repo, "mallory"))
    repo.file.write_text(good.replace("  kind: opaque\n", "  kind: opaque\n  extra: 1\n"))
    repo.write("a.txt", token())
    repo.commit("bad")
    for name in ("clusters/eu/new.yaml", "a.txt"):
        (repo.top / name).unlink()
    repo.file.write_text(good)
    repo.commit("mended")
    assert len(told(repo)) == 3
    assert "3 added" in repo.bulla("check", "--history", "--update-baseline").err
    got = report(repo, "--history", status=OK)
    assert (got["findings"], got["known"]) == ([], 3)
    text = (repo.top / ".bulla/baseline").read_text()
    assert sorted(line.split()[0] for line in text.splitlines() if line[0] != "#") == ["github-token", "recipients", "shape"]
    # also where there is no work tree
    repo.commit("known")
    repo.git("clone", "-q", "--bare", ".", "../bare.git")
    assert report(repo, "--history", cwd=repo.path / "bare.git", status=OK)["known"] == 3
    # what is known of the past silences nothing that can be mended
    repo.git("checkout", "-q", "main~2", "--", "clusters/eu")
    assert sorted(found(repo)) == sorted(found(repo, "--staged")) == [("recipients", "clusters/eu/new.yaml"),
                                                                       ("shape", "clusters/eu/app.yaml")]
    # and another part that is sealed to him is another finding
    repo.git("reset", "-q", "--hard")
    seal(repo, "-r", "eu", "-r", repo.tool("age-keygen", "-y", str(repo.path / "mallory.key")).strip())
    again = commit(repo, "again")
    assert told(repo) == [("recipients", "clusters/eu/new.yaml", again)]


def test_on_a_branch_and_in_a_merge(repo):
    """Which commit brought it is told where branches meet, and what is sealed in a merge alone is judged by its rules."""
    repo.git("checkout", "-q", "-b", "side")
    key = add_recipient(repo, "anna")
    replace(repo.top / ".bulla/config", "to: [eu]", "to: [eu, anna]")
    seal(repo, "--accept", key)
    repo.commit("anna, on the side")
    repo.git("checkout", "-q", "main")
    repo.write("x", "x")
    repo.commit("main goes on")
    repo.git("merge", "-q", "--no-commit", "--no-ff", "side")
    repo.git("checkout", "-q", "main", "--", ".bulla/config")
    key = new_key(repo, "mallory")
    seal(repo, "-r", "eu", "-r", key, name="merged")
    merge = commit(repo, "merge without her")
    assert told(repo) == [("recipients", "clusters/eu/merged.yaml", merge)]

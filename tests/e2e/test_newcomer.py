# SPDX-License-Identifier: Apache-2.0
"""Whoever the rules added gets no old value by anybody's next command, whichever it is: one rule, one option."""
import re
import sys

import pytest
import yaml

from checkout import FINDINGS, OK, RECIPIENT, USAGE, Checkout
from test_edit_command import editor

OLD, NEW = "old-5c0ffee", "new-5c0ffee"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="edit needs files in memory")


@pytest.fixture
def repo(tmp_path):
    """mallory was agreed to long ago, for other files; then a pull request puts her into a rule."""
    repo = Checkout(tmp_path)
    repo.init("-r", "eu")
    made = repo.tool("age-keygen")
    repo.write("../mallory.txt", made)
    repo.bulla("recipients", "add", "mallory", made.split("public key: ")[1].split()[0])
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", "app.yaml", input=f"A={OLD}-a\nB={OLD}-b\n")
    repo.bulla("seal", "opaque", "pair", "-n", "web", "--together", "--from-env-file", "-", "-w", "pair.yaml",
               input=f"A={OLD}-a\nB={OLD}-b\n")
    repo.bulla("seal", "basic-auth", "auth", "-n", "web", "--username", "bot", "--password-file", "-", "-w", "auth.yaml",
               input=f"{OLD}-password")
    repo.config = (repo.top / ".bulla/config").read_text()
    poisoned = repo.config.replace("to: [eu]", "to: [eu, mallory]")
    assert poisoned != repo.config
    repo.write(".bulla/config", poisoned)
    repo.commit()
    return repo


def text(repo, path):
    return (repo.top / path).read_text()


def hers(repo):
    """All that mallory's key opens, of every file in the tree."""
    found = []
    for path in repo.top.rglob("*.yaml"):
        for armor in re.findall(r"-----BEGIN AGE.*?-----END AGE ENCRYPTED FILE-----\n?", path.read_text(), re.S):
            armor = "".join(line.strip() + "\n" for line in armor.splitlines())
            try:
                found.append(repo.tool("age", "-d", "-i", str(repo.path / "mallory.txt"), input=armor))
            except AssertionError as e:
                assert "no identity matched" in str(e)
    return [yaml.safe_load(one) for one in found]


def gets(repo, mark):
    """Does she get a value that begins so?  data is base64 of it; 12 characters of that are certain."""
    import base64
    word = base64.b64encode(mark.encode())[:12].decode()
    return any(str(value).startswith(word) for one in hers(repo) for value in one["data"].values())


CHANGE = f"text = text.replace('{OLD}-a', '{OLD}-c').replace('bot', 'robot')"

# what seals an old value again: the command, and the code of the editor
OLD_VALUES = {
    "edit a value of its own": (["edit", "app.yaml"], CHANGE),
    "edit one of several sealed together": (["edit", "pair.yaml"], CHANGE),
    "edit all but the secret of a kind": (["edit", "auth.yaml"], CHANGE),
    "edit as variables": (["edit", "app.yaml", "-o", "dotenv"], CHANGE),
    "rename": (["rename", "app.yaml", "other"], ""),
    "rename what is together": (["rename", "pair.yaml", "other"], ""),
    "rename to another namespace": (["rename", "auth.yaml", "api/auth"], ""),
    "export for SOPS": (["export", "sops", "app.yaml", "-w", "sops"], ""),
    "export all": (["export", "sops", ".", "-w", "sops"], ""),
}


@pytest.mark.parametrize("case", OLD_VALUES)
def test_old_values_are_refused(repo, case):
    command, code = OLD_VALUES[case]
    editor(repo, code or "raise SystemExit('it ran')")
    for more in ([], ["--dry-run"] if command[0] != "export" else []):
        said = repo.bulla(*command, "-i", repo.recovery, *more, status=RECIPIENT)
        assert "mallory could not open the old value" in said.err and "say --add mallory" in said.err
        assert "sealed to" not in said.err and "is now" not in said.err
        assert repo.git("status", "--porcelain") == "" and hers(repo) == []


@pytest.mark.parametrize("case", OLD_VALUES)
def test_and_given_when_she_is_named(repo, case):
    command, code = OLD_VALUES[case]
    editor(repo, code or "raise SystemExit('it ran')")
    repo.bulla(*command, "-i", repo.recovery, "--add", "mallory")
    if command[0] != "export":
        assert gets(repo, OLD)
    else:
        key = repo.tool("age-keygen", "-y", str(repo.path / "mallory.txt")).strip()
        made = list((repo.top / "sops").rglob("*.yaml"))
        assert made and all(key in one.read_text() for one in made)


@pytest.mark.parametrize("case", [c for c in OLD_VALUES if not c.startswith("export")])
def test_what_is_advised_works(repo, case):
    """For edit the text names a second way, and as it stands there."""
    command, code = OLD_VALUES[case]
    editor(repo, code or "raise SystemExit('it ran')")
    said = repo.bulla(*command, "-i", repo.recovery, status=RECIPIENT).err
    other = re.search(r"or first run bulla (reseal --add mallory .*?)\)", said)
    assert bool(other) == (command[0] == "edit")
    repo.bulla("reseal", "--add", "mallory", command[1], "-i", repo.recovery)
    repo.bulla(*command, "-i", repo.recovery)
    if other:
        assert other.group(1).split() == ["reseal", "--add", "mallory", command[1]]


# what seals only what the user gives, or nothing: as ever to whom the rules name, with a word of it
NEW_VALUES = {
    "seal": (["seal", "opaque", "n", "-n", "web", "--stdin", "A", "-w", "n.yaml"], False),
    "set a value": (["set", "app.yaml", "A", "--from-file", "-"], True),
    "set a value that is new": (["set", "app.yaml", "C", "--from-file", "-"], True),
    "set the secret of a kind": (["set", "auth.yaml", "--from-file", "-"], True),
    "rotate one of several": (["rotate", "opaque", "app.yaml", "--stdin", "A"], True),
    "rotate what is together": (["rotate", "opaque", "pair.yaml", "--from-env-file", "-"], True),
    "edit, adding one": (["edit", "app.yaml", "-i", "KEY"], True),
}


@pytest.mark.parametrize("case", NEW_VALUES)
def test_new_values_go_where_the_rules_say(repo, case):
    command, told = NEW_VALUES[case]
    editor(repo, f"text = text.replace('stringData:', 'stringData:\\n  C: {NEW}')")
    value = f"A={NEW}\nB={NEW}\n" if "--from-env-file" in command else NEW
    said = repo.bulla(*[str(repo.recovery) if word == "KEY" else word for word in command], input=value)
    assert ("mallory is among the recipients now and was not before" in said.err) == told
    assert gets(repo, NEW) and not gets(repo, OLD)


def test_editing_is_warned_of_before_it_begins(repo):
    """Values of their own may be left, so the editor starts; what is one part is refused before."""
    log = editor(repo, "open(log, 'w').write('ran')")
    said = repo.bulla("edit", "app.yaml", "-i", repo.recovery)
    assert "mallory could not open all of the old values; those of them cannot be changed here without --add mallory" in said.err
    assert log.read_text() == "ran"
    log.unlink()
    for file in ("pair.yaml", "auth.yaml"):
        repo.bulla("edit", file, "-i", repo.recovery, status=RECIPIENT)
        assert not log.exists()


def test_taking_out_seals_nothing(repo):
    repo.bulla("unset", "app.yaml", "A")
    editor(repo, "text = re.sub('  B: .*\\n', '  C: c\\n', text)")
    repo.bulla("edit", "app.yaml", "-i", repo.recovery)
    assert set(yaml.safe_load(text(repo, "app.yaml"))["spec"]["parts"]) == {"C"} and not gets(repo, OLD)


def test_set_cannot_keep_a_neighbour(repo):
    """Of values that were sealed together none can be set alone: the others would have to be sealed again."""
    said = repo.bulla("set", "pair.yaml", "A", "--from-file", "-", input=NEW, status=None)
    assert "sealed together" in said.err and hers(repo) == []


def test_reseal_is_the_same_rule(repo):
    repo.bulla("reseal", "-i", repo.recovery, "--all", status=FINDINGS)
    assert hers(repo) == []
    repo.bulla("reseal", "-i", repo.recovery, "--add", "mallory")
    assert gets(repo, OLD)


def test_another_place_has_other_rules(repo):
    """Two changes of one request: a rule for a namespace, and a rename that is asked for."""
    repo.write(".bulla/config", repo.config.replace("rules:\n", 'rules:\n  - path: "**"\n    namespace: api\n    to: [eu, mallory]\n'))
    editor(repo, CHANGE)
    repo.bulla("edit", "pair.yaml", "-i", repo.recovery)
    said = repo.bulla("rename", "pair.yaml", "api/pair", "-i", repo.recovery, status=RECIPIENT)
    assert "say --add mallory" in said.err and "bulla reseal" not in said.err and hers(repo) == []
    repo.bulla("rename", "pair.yaml", "api/pair", "-i", repo.recovery, "--add", "mallory")
    assert gets(repo, OLD)


def test_who_is_typed_is_named(repo):
    """-r is the user's own word; a file of -R may be another's."""
    key = repo.tool("age-keygen", "-y", str(repo.path / "mallory.txt")).strip()
    repo.write("to.txt", key + "\n")
    for to, status in ((["-R", "to.txt"], RECIPIENT), (["-R", "to.txt", "--add", "mallory"], OK), (["-r", "mallory"], OK), (["-r", key], OK)):
        repo.git("checkout", "-q", ".")
        repo.git("clean", "-qf", "-e", "to.txt")
        repo.bulla("rename", "app.yaml", "other", "-i", repo.recovery, *to, status=status)
        assert bool(hers(repo)) == (status == OK), to


def test_recovery_is_no_exception(repo):
    """Recovery is added to every rule, so whoever puts his key there must be named too."""
    repo.bulla("seal", "opaque", "alone", "-n", "web", "--stdin", "A", "-r", "eu", "-w", "alone.yaml", input=OLD)
    part = yaml.safe_load(text(repo, "alone.yaml"))["spec"]["parts"]["A"]
    assert set(part["recipients"]) == {"eu", "recovery"}
    key = repo.tool("age-keygen", "-y", str(repo.path / "mallory.txt")).strip()
    config = repo.config.replace(f'  mallory: "{key}"\n', "")
    own = re.search('recovery: "(age1.*)"', config).group(1)
    repo.write(".bulla/config", config.replace(own, key))
    before = text(repo, "alone.yaml")
    said = repo.bulla("rename", "alone.yaml", "other", "-i", repo.recovery, status=RECIPIENT)
    assert "CHANGED" in said.err and text(repo, "alone.yaml") == before and hers(repo) == []


@pytest.mark.parametrize("name,status,why", [
    ("Not A Name", USAGE, "--add: not the name of a recipient"),
    ("nobody", RECIPIENT, "--add nobody: no such recipient"),
])
@pytest.mark.parametrize("command", [["edit", "app.yaml"], ["rename", "app.yaml", "other"], ["export", "sops", "app.yaml"], ["reseal"]],
                         ids=lambda c: c[0])
def test_bad_names(repo, command, name, status, why):
    editor(repo, CHANGE)
    said = repo.bulla(*command, "-i", repo.recovery, "--add", name, status=status)
    assert why in said.err and "Not A" not in said.err
    assert repo.git("status", "--porcelain") == ""

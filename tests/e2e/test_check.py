# SPDX-License-Identifier: Apache-2.0
"""`bulla check`, `show`, `set` and `unset`: each rule is broken once and found, with file and line."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from checkout import CONFLICT, FINDINGS, INVALID, OK, RECIPIENT, USAGE, Checkout, Terminal


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.tool("age-keygen", "-o", str(tmp_path / "recovery.txt"))
    recovery = repo.tool("age-keygen", "-y", str(tmp_path / "recovery.txt")).strip()
    repo.keys = tmp_path / "keys"
    (repo.top / "clusters" / "eu").mkdir(parents=True)
    (repo.top / "apps").mkdir()
    repo.bulla("init", "-r", "eu", "-r", "us", "--recovery", recovery)
    repo.bulla("keys", "install", "eu", "-i", tmp_path / "recovery.txt", "--to", repo.keys)
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", "apps/", input="A=1\nB=2\n")
    repo.file = repo.top / "apps" / "app.yaml"
    return repo


def findings(repo, *args, status=FINDINGS):
    done = repo.bulla("check", "-o", "json", *args, status=status)
    return json.loads(done.out)


def rules(repo, *args, status=FINDINGS):
    return [(f["severity"], f["rule"]) for f in findings(repo, *args, status=status)["findings"]]


def replace(path, old, new, count=1):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def test_nothing_to_find(repo):
    assert findings(repo, status=OK) == {"documents": 1, "opened": 0, "files": 5, "known": 0, "allowed": 0,
                                           "dropped": 0, "removed": 0, "findings": []}
    assert findings(repo, "--keys", repo.keys, status=OK)["opened"] == 1


@pytest.mark.parametrize("old,new,rule", [
    ("  kind: opaque\n", "  kind: opaque\n  extra: 1\n", "shape"),
    ("kind: SealedCredential", "kind: sealedcredential", "shape"),
    ("  name: app\n", "  name: 123\n", "shape"),
    ("    kustomize.toolkit.fluxcd.io/substitute: disabled\n", "    a: b\n", "substitute"),
    ("    type: Opaque\n", "    type: kubernetes.io/service-account-token\n", "shape"),
    ("-----END AGE", "-----END age", "shape"),
])
def test_shape(repo, old, new, rule):
    replace(repo.file, old, new)
    assert rules(repo) == [("error", rule)]
    done = repo.bulla("check", status=FINDINGS)
    assert re.match(rf"apps/app\.yaml:\d+: .* \[{rule}\]\n", done.out)


def test_every_file_is_judged_alone(repo):
    repo.bulla("seal", "opaque", "other", "-n", "web", "--stdin", "K", "-w", "apps/", input="v")
    replace(repo.file, "  kind: opaque\n", "  kind: opaque\n  extra: 1\n")
    found = findings(repo)
    assert found["documents"] == 2 and len(found["findings"]) == 1
    shown = repo.bulla("show", "-o", "json", status=INVALID)
    assert [d["name"] for d in json.loads(shown.out)["documents"]] == ["other"]
    assert "apps/app.yaml" in shown.err


def test_a_list(repo):
    text = repo.file.read_text()
    body = "".join("  " + line if i else "- " + line for i, line in enumerate(text.splitlines(True)))
    repo.file.write_text("apiVersion: v1\nkind: List\nitems:\n" + body)
    assert rules(repo) == [("error", "list")]


def test_conflict_markers(repo):
    text = repo.file.read_text()
    repo.file.write_text("<<<<<<< ours\n" + text + "=======\n" + text + ">>>>>>> theirs\n")
    found = findings(repo)["findings"]
    assert [(f["rule"], f["line"]) for f in found] == [("conflict", 1)]
    assert "part" in found[0]["message"]
    repo.bulla("set", "apps/app.yaml", "A", "--from-file", "-", input="x", status=CONFLICT)


def test_recipients_missing_and_too_many(repo):
    """After a region was added, the parts sealed before wait; what is sealed now has it."""
    repo.bulla("recipients", "add", "asia")
    replace(repo.top / ".bulla" / "config", "to: [eu, us]", "to: [eu, asia]")
    text = [f["message"] for f in findings(repo)["findings"]]
    assert len(text) == 4 and all("A.recipients" in t or "B.recipients" in t for t in text)
    assert sum("asia" in t for t in text) == 2 and sum("us may open it" in t for t in text) == 2
    assert sum("seal to it with 'bulla reseal --add asia'" in t for t in text) == 2
    repo.bulla("recipients", "add", "africa")
    replace(repo.top / ".bulla" / "config", "to: [eu, asia]", "to: [eu, asia, africa]")
    text = [f["message"] for f in findings(repo)["findings"]]
    assert sum("'bulla reseal --add africa --add asia'" in t or "'bulla reseal --add asia --add africa'" in t
               for t in text) == 2
    replace(repo.top / ".bulla" / "config", "to: [eu, asia, africa]", "to: [eu, asia]")
    repo.bulla("set", "apps/app.yaml", "A", "--from-file", "-", input="x")
    text = [f["message"] for f in findings(repo)["findings"]]
    assert len(text) == 2 and all("B.recipients" in t for t in text)


def test_another_key_of_a_recipient_is_one_finding(repo):
    repo.bulla("keys", "generate", "eu")
    text = [f["message"] for f in findings(repo)["findings"]]
    assert len(text) == 2 and all("sealed to another key of eu than the rules have now" in t for t in text)


def test_no_rule(repo):
    config = repo.top / ".bulla" / "config"
    replace(config, 'path: "**"', 'path: "elsewhere/**"')
    assert rules(repo) == [("error", "recipients")]


def test_config_that_cannot_be_read(repo):
    replace(repo.top / ".bulla" / "config", "rules:", "roles:")
    assert ("error", "config") in rules(repo)


def test_misplaced_config(repo):
    (repo.top / "apps" / ".bulla").mkdir()
    assert rules(repo) == [("error", "config")]


def test_expiry(repo):
    repo.bulla("seal", "opaque", "soon", "-n", "web", "--stdin", "K", "--expires", "5d", "-w", "apps/", input="v")
    repo.bulla("seal", "opaque", "later", "-n", "web", "--stdin", "K", "--expires", "50d", "-w", "apps/", input="v")
    assert rules(repo, status=OK) == [("warning", "expiry")]
    done = repo.bulla("check")
    assert "expires in 4 days" in done.out or "expires in 5 days" in done.out
    replace(repo.top / "apps" / "soon.yaml", 'not-after: "20', 'not-after: "19')
    assert rules(repo) == [("error", "expiry")]
    # and with a key the fact is found to be a lie
    assert ("error", "open") in rules(repo, "--keys", repo.keys)


def test_the_same_name_twice(repo):
    (repo.top / "apps" / "copy.yaml").write_text(repo.file.read_text())
    found = findings(repo)["findings"]
    assert [(f["rule"], f["file"]) for f in found] == [("duplicate", "apps/copy.yaml")]
    assert "apps/app.yaml:1" in found[0]["message"]
    # side by side in the folders of two clusters it is no duplicate
    (repo.top / "clusters" / "copy.yaml").write_text(repo.file.read_text())
    (repo.top / "apps" / "copy.yaml").unlink()
    assert rules(repo, status=OK) == []


@pytest.mark.parametrize("text,count", [
    ("resources: [app.yaml]\n", 0),
    ("resources:\n- ./app.yaml\n", 0),
    ("resources: []\n", 1),
    ("resources: [app.yaml]\nnamePrefix: eu-\n", 1),
    ("resources: [app.yaml]\nnameSuffix: -eu\n", 1),
    ("resources: [app.yaml]\nnamespace: other\n", 1),
    ("resources: [app.yaml]\nnamespace: web\n", 0),
    ("- not a map\n", 1),
])
def test_kustomization(repo, text, count):
    (repo.top / "apps" / "kustomization.yaml").write_text(text)
    assert rules(repo, status=FINDINGS if count else OK) == [("error", "kustomization")] * count


@pytest.mark.parametrize("old,new", [
    ("namespace: web", "namespace: other"), ("name: app", "name: other"), ("    A:\n", "    Z:\n"),
])
def test_with_a_key_what_is_bound(repo, old, new):
    replace(repo.file, old, new)
    if old == "    A:\n":  # parts are sorted, so the first must stay so
        replace(repo.file, "    Z:\n", "    AA:\n")
    assert rules(repo, status=OK) == []
    assert rules(repo, "--keys", repo.keys) == [("error", "open")]


def test_a_key_that_was_asked_for_must_be_there(repo, tmp_path):
    (tmp_path / "empty").mkdir()
    repo.bulla("check", "--keys", tmp_path / "empty", status=5)
    repo.bulla("check", "-i", tmp_path / "none.txt", status=7)


def test_hostile_trees(repo):
    """Links, fifos, huge and deep files are passed over or found, and end nothing."""
    apps = repo.top / "apps"
    os.symlink("/etc", apps / "etc")
    os.symlink("app.yaml", apps / "link.yaml")
    os.mkfifo(apps / "fifo.yaml")
    with open(apps / "huge.yaml", "wb") as f:
        f.write(b"# bulla.dev\n")
        f.truncate(17 * 1024 * 1024)
    (apps / "deep.yaml").write_text("# bulla.dev\n" + "[" * 100000)
    (apps / "bidi\u202e\x1b[31m.yaml").write_text("apiVersion: bulla.dev/v1\nkind: SealedCredential\n")
    done = repo.bulla("check", status=FINDINGS)
    assert "huge.yaml" in done.out and "deep.yaml" in done.out
    assert "\x1b" not in done.out + done.err and "\u202e" not in done.out + done.err
    assert "\\x1b[31m" in done.out and "\\u{202e}" in done.out
    assert "link.yaml" not in done.out and "fifo.yaml" not in done.out and "etc/" not in done.out
    shown = repo.bulla("show", status=INVALID)
    assert "web/app" in shown.out and "\x1b" not in shown.out + shown.err


def test_set_and_unset_touch_nothing_else(repo):
    before = repo.file.read_text()
    repo.file.write_text("# a comment\n" + before.replace("    B:\n", "    # about B\n    B:\n"))
    before = repo.file.read_text()
    repo.bulla("set", "apps/app.yaml", "A", "--from-file", "-", input="new")
    after = repo.file.read_text()
    at = before.index("    # about B\n")
    assert after.endswith(before[at:]) and after.startswith("# a comment\n") and after != before
    repo.bulla("unset", "apps/app.yaml", "A")
    assert "    A:\n" not in repo.file.read_text() and repo.file.read_text().endswith(before[at:])
    assert repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, "-o", "dotenv").out == "B='2'\n"


def test_set_refuses(repo):
    repo.bulla("unset", "apps/app.yaml", "A")
    repo.bulla("unset", "apps/app.yaml", "B", status=INVALID)  # the last one
    repo.bulla("unset", "apps/app.yaml", "NONE", status=INVALID)
    repo.bulla("set", "apps/app.yaml", status=USAGE)
    repo.bulla("set", "apps/app.yaml", "a b", "--from-file", "-", input="x", status=USAGE)
    repo.bulla("set", "apps/app.yaml", "A", input="x", status=USAGE)  # no terminal, no --from-file
    repo.bulla("set", "apps/app.yaml", "A", "--from-file", "-", "-r", "nobody", input="x", status=RECIPIENT)
    repo.bulla("set", "apps/app.yaml", "A", "--from-file", "-", "--cert", "x", input="x", status=USAGE)
    repo.bulla("set", "-", "A", "--from-file", "x", status=7)


def test_values_sealed_together_are_not_set_one_by_one(repo):
    repo.bulla("seal", "opaque", "db", "-n", "web", "--together", "--from-env-file", "-", "-w", "apps/", input="A=1\nB=2\n")
    before = (repo.top / "apps" / "db.yaml").read_bytes()
    for key in ("A", "credential"):
        assert "together" in repo.bulla("set", "apps/db.yaml", key, "--from-file", "-", input="x", status=INVALID).err
    assert (repo.top / "apps" / "db.yaml").read_bytes() == before


def test_set_a_kind_takes_the_rest_from_the_document(repo, tmp_path):
    token = subprocess.run([str(repo_script("test-token"))], capture_output=True, text=True, check=True).stdout
    repo.bulla("seal", "registry", "ghcr", "-n", "web", "--server", "ghcr.io", "--username", "bot", "--token-file", "-", "--namespaces", "team-*",
               "-w", "apps/", input=token)
    fresh = subprocess.run([str(repo_script("test-token"))], capture_output=True, text=True, check=True).stdout
    repo.bulla("set", "apps/ghcr.yaml", "--from-file", "-", input=fresh[:-2] + "!", status=INVALID)
    repo.bulla("set", "apps/ghcr.yaml", "--from-file", "-", input=fresh)
    config = json.loads(repo.bulla("open", "apps/ghcr.yaml", "--keys", repo.keys, "--key", ".dockerconfigjson").out)
    assert config["auths"]["ghcr.io"]["username"] == "bot"
    assert config["auths"]["ghcr.io"]["password"] == fresh.strip()
    shown = json.loads(repo.bulla("show", "-o", "json", "apps/ghcr.yaml").out)["documents"][0]["parts"][0]
    assert shown["facts"]["namespaces"] == "team-*" and shown["facts"]["registry"] == "ghcr.io"
    repo.bulla("set", "apps/ghcr.yaml", "TOKEN", "--from-file", "-", input=fresh, status=USAGE)


def test_set_makes_a_new_deploy_key_and_keeps_the_host(repo):
    first = repo.bulla("seal", "deploy-key", "flux", "-n", "web", "--url", "ssh://git@github.com/a/b", "-w", "apps/").out
    second = repo.bulla("set", "apps/flux.yaml").out
    assert first.startswith("ssh-ed25519 ") and second.startswith("ssh-ed25519 ") and first != second
    assert repo.bulla("show", "--fact", "public-key", "apps/flux.yaml").out.strip() == second.strip()
    assert repo.bulla("show", "--fact", "url", "apps/flux.yaml").out == "ssh://git@github.com/a/b\n"


def repo_script(name):
    from pathlib import Path
    return Path(__file__).parents[2] / "scripts" / name


def test_show_formats(repo):
    data = json.loads(repo.bulla("show", "-o", "json").out)["documents"][0]
    assert (data["namespace"], data["name"], data["kind"], data["type"]) == ("web", "app", "opaque", "Opaque")
    assert [p["name"] for p in data["parts"]] == ["A", "B"] and set(data["parts"][0]["recipients"]) == {"eu", "us", "recovery"}
    import yaml
    other = yaml.safe_load(repo.bulla("show", "-o", "yaml").out)["documents"][0]
    for part in (*data["parts"], *other["parts"]):
        part.pop("ageSeconds")
    assert other == data
    table = repo.bulla("show").out.splitlines()
    assert table[0].split() == ["DOCUMENT", "KIND", "ABOUT", "OPENED", "BY", "AGE", "EXPIRES", "FILE"] and len(table) == 2
    assert len(repo.bulla("show", "-o", "wide").out.splitlines()) == 3
    assert repo.bulla("show", "clusters").err == "bulla: no sealed documents here\n"


def test_open_formats(repo):
    import yaml
    repo.bulla("set", "apps/app.yaml", "Q", "--from-file", "-", input="it's $x \"q\" \\ ${y}\nline")
    secret = yaml.safe_load(repo.bulla("open", "apps/app.yaml", "--keys", repo.keys).out)
    assert secret["kind"] == "Secret" and secret["metadata"] == {"name": "app", "namespace": "web"} and set(secret["data"]) == {"A", "B", "Q"}
    env = repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, "-o", "dotenv").out
    (repo.home / "env").write_text(env)
    assert repo.tool("sh", "-c", f". {repo.home}/env; printf %s \"$Q\"") == "it's $x \"q\" \\ ${y}\nline"
    # what it writes it reads
    again = repo.bulla("seal", "opaque", "again", "-n", "web", "--from-env-file", repo.home / "env", "-w", "apps/")
    assert again.status == OK
    assert repo.bulla("open", "apps/again.yaml", "--keys", repo.keys, "--key", "Q").out == "it's $x \"q\" \\ ${y}\nline"
    tfvars = repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, "-o", "tfvars").out
    assert 'Q = "it\'s $x \\"q\\" \\\\ $${y}\\nline"\n' in tfvars
    repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, "--key", "NONE", status=INVALID)
    repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, "--key", "A", "-o", "yaml", status=USAGE)
    repo.bulla("set", "apps/app.yaml", "B", "--from-file", "-", input="it's a `b`")
    assert "B: its value has both" in repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, "-o", "dotenv", status=INVALID).err
    repo.bulla("set", "apps/app.yaml", "B", "--from-file", "-", input="2")
    repo.bulla("set", "apps/app.yaml", "tls.crt", "--from-file", "-", input="v")
    assert "tls.crt" in repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, "-o", "dotenv", status=INVALID).err


def test_open_says_which_document(repo):
    repo.bulla("seal", "opaque", "two", "-n", "web", "--stdin", "K", "-w", "apps/app.yaml", input="v")
    repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, status=USAGE)
    assert repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, "--document", "two", "--key", "K").out == "v"
    assert repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, "--document", "web/two", "--key", "K").out == "v"
    repo.bulla("open", "apps/app.yaml", "--keys", repo.keys, "--document", "other/two", status=INVALID)


def test_colours_on_a_terminal_alone(repo):
    token = repo.tool(str(Path(__file__).parents[2] / "scripts/test-token")).strip()
    repo.write(".env", f"TOKEN={token}\n")
    for env, coloured in (({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
        repo.env.update(env)
        text = Terminal(repo, "check").end(status=FINDINGS)
        assert ("\x1b[31m[github-token]\x1b[0m" in text) is coloured, text
        assert coloured or "\x1b" not in text
    assert "\x1b" not in repo.bulla("check", status=FINDINGS).out

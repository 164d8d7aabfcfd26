# SPDX-License-Identifier: Apache-2.0
"""--output json of what changes something: one object on standard output, true of the disk, without a value."""
import json
import os
import shlex
import sys

import pytest

from checkout import USAGE, Checkout, Terminal
from documents import TOP

CANARY = "canary5b8e02d7c1"

# command, standard input, members beside "changed" and "next"
DOCUMENT = {"dryRun", "file", "document", "kind", "digest"}
CASES = [
    ("seal opaque new -n web --stdin P -w apps/", CANARY, DOCUMENT | {"sealed"}),
    ("seal opaque new -n web --stdin P -r eu --dry-run", CANARY, DOCUMENT - {"file"} | {"sealed"}),
    ("seal deploy-key dk -n web --url ssh://git@github.com/a/b -w apps/", "", DOCUMENT | {"sealed", "publicKey"}),
    ("set apps/db.yaml Q --from-file -", CANARY, DOCUMENT | {"sealed"}),
    ("unset apps/db.yaml B", "", DOCUMENT | {"removed"}),
    ("rename apps/db.yaml other -i ../recovery.key", "", DOCUMENT | {"sealed", "documentBefore", "fileBefore"}),
    ("rotate opaque apps/db.yaml --stdin A", CANARY + "2", DOCUMENT | {"sealed"}),
    ("rotate tls web/t --cert ../new.crt --private-key ../new.key", "", DOCUMENT | {"sealed"}),
    ("rotate registry web/r --token-file ../next", "", DOCUMENT | {"sealed"}),
    ("rotate git-https web/g --token-file ../next", "", DOCUMENT | {"sealed"}),
    ("rotate tls web/t --new-key -i ../recovery.key", "", DOCUMENT - {"dryRun"} | {"keyFile", "request"}),
    ("rotate tls web/t --new-key --csr ../t.csr -i ../recovery.key", "", DOCUMENT - {"dryRun"} | {"keyFile", "requestFile"}),
    ("recipients add anna", "", {"name", "keyId", "recipient", "inRules", "backup"}),
    ("recipients remove spare", "", {"name", "keyId", "backup"}),
    ("keys generate eu", "", {"name", "keyId", "recipient", "inRules", "backup", "replaces"}),
    ("keys install eu -i ../recovery.key --to ../keys", "", {"name", "keys", "folder", "added"}),
    ("keys backup eu --keys ../eu-keys --replace", "", {"dryRun", "recovery", "backups"}),
    ("keys backup --all --keys ../eu-keys --replace --dry-run", "", {"dryRun", "recovery", "backups"}),
    ("hooks install", "", {"hooks"}),
    ("hooks remove pre-push", "", {"hooks"}),
    ("export sops apps -w ../sealed -i ../recovery.key", "", {"folder", "files"}),
    ("export dir apps -w ../plain -i ../recovery.key", "", {"folder", "files"}),
    ("init", "", {"config", "recipients"}),
]
UNCHANGED = ("init", "hooks remove pre-push")


def make_certificate(here, name):
    here.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
              "-keyout", str(here.path / f"{name}.key"), "-out", str(here.path / f"{name}.crt"), "-subj", "/CN=t",
              "-addext", "subjectAltName=DNS:t.example.org")


@pytest.fixture
def here(tmp_path):
    here = Checkout(tmp_path)
    here.init("-r", "eu")
    here.bulla("recipients", "add", "spare")
    here.bulla("seal", "opaque", "db", "-n", "web", "--from-env-file", "-", "-w", "apps/",
               input=f"A={CANARY}\nB={CANARY}\n")
    for name in ("old", "new"):
        make_certificate(here, name)
    for name in ("token", "next"):
        here.write(f"../{name}", here.tool(str(TOP / "scripts/test-token")))
    here.bulla("seal", "tls", "t", "-n", "web", "--cert", "../old.crt", "--private-key", "../old.key", "-w", "apps/")
    here.bulla("seal", "registry", "r", "-n", "web", "--server", "ghcr.io", "--username", "bot", "--token-file", "../token",
               "-w", "apps/")
    here.bulla("seal", "git-https", "g", "-n", "web", "--url", "https://github.com/o/r", "--username", "git",
               "--token-file", "../token", "-w", "apps/")
    here.bulla("keys", "install", "eu", "-i", here.recovery, "--to", "../eu-keys")
    return here


def assert_secret(here, text):
    """None of the values, and no private key."""
    for mark in (CANARY, "AGE-SECRET-KEY", "PRIVATE KEY", *((here.path / name).read_text().strip() for name in ("token", "next"))):
        assert mark not in text


def assert_rotated(here, said):
    """The commands to type next do what they say: the certificate for the request is taken."""
    request = here.path / "request.csr"
    request.write_text(said["request"] if "request" in said else (here.top / said["requestFile"]).read_text())
    here.tool("openssl", "x509", "-req", "-in", str(request), "-CA", str(here.path / "old.crt"), "-CAkey",
              str(here.path / "old.key"), "-days", "120", "-copy_extensions", "copy", "-out", str(here.path / "signed.crt"))
    [line] = said["next"]
    words = shlex.split(line.replace(" FILE ", " ../signed.crt "))
    done = json.loads(here.bulla(*words[1:], "-o", "json").out)
    assert set(done) == DOCUMENT | {"sealed", "changed", "next"} and done["digest"] != said["digest"]
    assert not os.path.exists(said["keyFile"])


@pytest.mark.parametrize("command, input, members", CASES, ids=[c[0] for c in CASES])
def test_one_object_that_is_true(here, command, input, members):
    done = here.bulla(*command.split(), "-o", "json", input=input)
    said = json.loads(done.out)  # exactly one value: anything beside it is an error
    assert set(said) == members | {"changed", "next"}
    assert said["changed"] is (command not in UNCHANGED)
    assert said.get("dryRun", False) is ("--dry-run" in command)
    assert_secret(here, done.out + done.err)
    if "file" in said:
        [shown] = json.loads(here.bulla("show", said["file"], "-o", "json").out)["documents"]
        assert (said["digest"], said["kind"]) == (shown["digest"], shown["kind"])
        assert said["document"] == f"{shown['namespace']}/{shown['name']}"
        parts = {p["name"]: p for p in shown["parts"]}
        for part in said.get("sealed", []):
            assert part == {k: parts[part["name"]][k] for k in ("name", "recipients", "facts")}
        assert not set(said.get("removed", [])) & set(parts)
    for row in said.get("files", []):
        assert (here.top / row["file"]).is_file()
    for row in [said] if "backup" in said else said.get("backups", []):
        assert (here.top / row.get("backup", row.get("file"))).is_file()
    if "keyFile" in said:
        assert_rotated(here, said)


def test_backups_that_are_there(here):
    """Without --replace they stay: nothing is changed, and each says so."""
    before = (here.top / ".bulla/keys/eu.age").read_bytes()
    said = json.loads(here.bulla("keys", "backup", "eu", "--keys", "../eu-keys", "-o", "json").out)
    [row] = said["backups"]
    id = here.bulla("keys", "id", "eu").out.strip()
    assert said["changed"] is False and row == {"file": ".bulla/keys/eu.age", "name": "eu", "keyId": id, "result": "there"}
    assert (here.top / ".bulla/keys/eu.age").read_bytes() == before
    said = json.loads(here.bulla("keys", "backup", "eu", "--keys", "../eu-keys", "--replace", "-o", "json").out)
    assert said["changed"] is True and [r["result"] for r in said["backups"]] == ["written"]
    assert said["recovery"] == here.bulla("keys", "id", "recovery").out.strip()
    assert (here.top / ".bulla/keys/eu.age").read_bytes() != before


def test_hooks_that_come_and_go(here):
    """What each hook became, beside one of somebody else and one that was there before."""
    def said(*command):
        done = json.loads(here.bulla("hooks", *command, "-o", "json").out)
        return done["changed"], {r["hook"]: r["result"] for r in done["hooks"]}

    hooks = here.top / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-push").write_text("#!/bin/sh\n")
    (hooks / "pre-push").chmod(0o755)
    assert said("remove") == (False, {"pre-commit": "absent", "pre-push": "foreign"})
    assert said("install") == (True, {"pre-commit": "installed", "pre-push": "chained"})
    assert said("install") == (False, {"pre-commit": "unchanged", "pre-push": "unchanged"})
    assert said("remove") == (True, {"pre-commit": "removed", "pre-push": "restored"})
    assert (hooks / "pre-push").read_text() == "#!/bin/sh\n" and not (hooks / "pre-commit").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="files in memory are Linux's: elsewhere edit says so")
@pytest.mark.parametrize("code, sealed, removed", [
    (f"text.replace('A: {CANARY}', 'A: {CANARY}-2')", ["A"], []),
    (f"text.replace('B: {CANARY}\\n', '')", [], ["B"]),
    ("text", [], []),
], ids=["sealed", "removed", "unchanged"])
def test_edit_at_a_terminal(here, code, sealed, removed):
    """The editor has the terminal, and standard output is the program's alone."""
    program = here.path / "my-editor"
    program.write_text(f"#!{sys.executable}\nimport os, sys\npath = sys.argv[-1]\ntext = open(path).read()\n"
                       "assert os.isatty(0)\n"
                       f"open(path, 'w').write({code})\n")
    program.chmod(0o755)
    here.env["BULLA_EDITOR"] = str(program)
    before = (here.top / "apps/db.yaml").read_bytes()
    at = Terminal(here, "edit", "web/db", "-i", here.recovery, "-o", "json", out=here.path / "out.json")
    text = at.end()
    said = json.loads((here.path / "out.json").read_text())
    assert set(said) == DOCUMENT | {"sealed", "removed", "changed", "next"}
    assert said["changed"] is bool(sealed + removed) and said["file"] == "apps/db.yaml"
    assert [p["name"] for p in said["sealed"]] == sealed and said["removed"] == removed
    [now] = json.loads(here.bulla("show", "apps/db.yaml", "-o", "json").out)["documents"]
    assert said["digest"] == now["digest"]
    assert ((here.top / "apps/db.yaml").read_bytes() == before) is not said["changed"]
    assert_secret(here, text + (here.path / "out.json").read_text())


@pytest.mark.parametrize("command", ["seal opaque x -n web --stdin P -r eu", "keys install eu -i ../recovery.key",
                                     "export sops apps -i ../recovery.key"])
def test_refused_where_standard_output_is_taken(here, command):
    done = here.bulla(*command.split(), "-o", "json", input=CANARY, status=USAGE)
    assert done.out == "" and "to standard output" in done.err

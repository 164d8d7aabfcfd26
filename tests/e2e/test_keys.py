# SPDX-License-Identifier: Apache-2.0
"""bulla keys backup and verify, and what a repository that someone else may write to can do to them."""
import base64
import json
import os
import re

import pytest
import yaml

from checkout import (CONFLICT, FINDINGS, INVALID, IO, NOKEY, RECIPIENT, REFUSED, USAGE, Checkout, Terminal)


@pytest.fixture
def repo(tmp_path):
    return Checkout(tmp_path)


def config(repo):
    return yaml.safe_load((repo.top / ".bulla/config").read_text())


def backups(repo):
    return sorted(os.listdir(repo.top / ".bulla/keys"))


def key_of(repo, name="x"):
    """A new age key: (file, age1...)."""
    file = repo.path / f"{name}.key"
    repo.tool("age-keygen", "-o", str(file))
    return file, repo.tool("age-keygen", "-y", str(file)).strip()


def key_id(repo, recipient):
    return repo.bulla("keys", "id", recipient).out.strip()


def opened(repo, file, identity=None):
    """What a backup holds, by the real age: {file name: key}."""
    text = repo.tool("age", "-d", "-i", str(identity or repo.recovery), str(repo.top / ".bulla/keys" / file))
    return {n: base64.b64decode(v).decode() for n, v in yaml.safe_load(text)["data"].items()}


def seal(repo, name="app", file="app.yaml", value="x"):
    repo.bulla("seal", "opaque", name, "-n", "web", "--stdin", "TOKEN", "-w", file, input=value)


def verify(repo, *args, status=0, **kwargs):
    done = repo.bulla("keys", "verify", *args, "-o", "json", status=status, **kwargs)
    return json.loads(done.out)


def forge(repo, file, keys, *recipients):
    """A backup as anyone can make it: these key files, encrypted to recovery or others."""
    data = {name: base64.b64encode(text.encode()).decode() for name, text in keys.items()}
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bulla-sealing-keys"}, "data": data}
    flags = [f for r in recipients or [config(repo)["recovery"]] for f in ("-r", r)]
    (repo.top / ".bulla/keys" / file).unlink(missing_ok=True)
    repo.tool("age", "-a", *flags, "-o", str(repo.top / ".bulla/keys" / file), input=yaml.safe_dump(manifest))


# --- backup ---------------------------------------------------------------------------------------

def test_a_key_made_elsewhere_is_backed_up(repo):
    repo.init("-r", "eu")
    file, public = key_of(repo)
    repo.bulla("recipients", "add", "laptop", public)
    assert backups(repo) == ["eu.age"]
    done = repo.bulla("keys", "backup", "laptop", "-i", file)
    assert done.out == ".bulla/keys/laptop.age\n" and "encrypted to recovery" in done.err
    [(name, text)] = opened(repo, "laptop.age").items()
    assert re.fullmatch(r"\d{8}T\d{6}Z-" + key_id(repo, public) + r"\.key", name)
    assert f"# public key: {public}" in text
    secret = [line for line in file.read_text().splitlines() if line.startswith("AGE-")][0]
    assert secret in text and secret not in done.out + done.err
    # and the way back
    assert yaml.safe_load(repo.bulla("keys", "install", "laptop", "-i", repo.recovery).out)["data"].keys() == {name}


def test_what_is_there_stays_unless_said(repo):
    repo.init("-r", "eu")
    keys = repo.path / "keys"
    repo.bulla("keys", "install", "eu", "-i", repo.recovery, "--to", keys)
    before = (repo.top / ".bulla/keys/eu.age").read_bytes()
    done = repo.bulla("keys", "backup", "eu", "--keys", keys)
    assert "is there and stays; --replace makes it anew" in done.err and done.out == ""
    assert (repo.top / ".bulla/keys/eu.age").read_bytes() == before
    done = repo.bulla("keys", "backup", "eu", "--keys", keys, "--replace", "--dry-run")
    assert "not written" in done.err and (repo.top / ".bulla/keys/eu.age").read_bytes() == before
    repo.bulla("keys", "backup", "eu", "--keys", keys, "--replace")
    assert (repo.top / ".bulla/keys/eu.age").read_bytes() != before
    # the file keeps its name, which says which key is the active one
    assert list(opened(repo, "eu.age")) == os.listdir(keys)


def test_all_of_them_for_another_recovery_key(repo):
    """Recovery is replaced: its earlier key opens the backups, and all are made for the new one."""
    repo.init("-r", "eu", "-r", "us")
    repo.bulla("keys", "generate", "eu")
    had = {file: opened(repo, file) for file in backups(repo)}
    assert len(had) == 3
    file, public = key_of(repo, "new-recovery")
    text = (repo.top / ".bulla/config").read_text()
    repo.write(".bulla/config", text.replace(config(repo)["recovery"], public))
    done = repo.bulla("keys", "backup", "--all", "--replace", "-i", repo.recovery, status=RECIPIENT)
    assert "CHANGED" in done.err and f"--accept {public}" in done.err
    assert {f: opened(repo, f) for f in backups(repo)} == had
    done = repo.bulla("keys", "backup", "--all", "--replace", "-i", repo.recovery, "--accept", public)
    assert len(done.out.splitlines()) == 3
    now = {f: opened(repo, f, file) for f in backups(repo)}
    assert {f: list(v) for f, v in now.items()} == {f: list(v) for f, v in had.items()}
    assert all(secrets(now[f]) == secrets(had[f]) for f in had)


def secrets(files):
    return [line for text in files.values() for line in text.splitlines() if line.startswith("AGE-SECRET-KEY")]


def test_a_key_whose_age_nobody_knows_is_not_the_active_one(repo):
    repo.init("-r", "eu")
    (repo.top / ".bulla/keys/eu.age").unlink()
    first, a = key_of(repo, "a")
    second, b = key_of(repo, "b")
    repo.bulla("recipients", "add", "ci", a)
    repo.bulla("keys", "backup", "ci", "-i", first)
    repo.bulla("recipients", "add", "ci", b, "--replace")
    assert backups(repo) == [f"ci.{key_id(repo, a)}.age"]
    repo.bulla("keys", "backup", "ci", "-i", first, "-i", second, "--replace")
    assert backups(repo) == sorted(["ci.age", f"ci.{key_id(repo, a)}.age"])
    names = {**opened(repo, "ci.age"), **opened(repo, f"ci.{key_id(repo, a)}.age")}
    assert max(names).endswith(key_id(repo, b) + ".key")
    repo.bulla("keys", "install", "ci", "-i", repo.recovery)


@pytest.mark.parametrize("args, status, text", [
    ([], USAGE, "give either a NAME or --all"),
    (["eu", "--all"], USAGE, "give either a NAME or --all"),
    (["Bad"], RECIPIENT, "not a recipient's name"),
    (["recovery"], RECIPIENT, "the name of the recovery key"),
    (["nobody"], RECIPIENT, "no recipient of that name"),
    (["eu"], NOKEY, "is not at hand"),
    (["--all"], NOKEY, "no key at hand is a recipient's"),
    (["eu", "-N", "x"], USAGE, "-N goes with --context"),
    (["eu", "--kubeconfig", "x"], USAGE, "--kubeconfig goes with --context"),
    (["eu", "--context", "c", "--keys", "d"], USAGE, "from --context or from -i and --keys"),
    (["eu", "--accept", "age1x"], RECIPIENT, "--accept"),
])
def test_backup_refused(repo, args, status, text):
    repo.init("-r", "eu")
    stranger, _ = key_of(repo, "stranger")
    if not any(a in args for a in ("--context", "--keys")):
        args = [*args, "-i", stranger]
    before = backups(repo)
    assert text in repo.bulla("keys", "backup", *args, status=status).err
    assert backups(repo) == before


# --- verify ---------------------------------------------------------------------------------------

def test_documents_without_what_is_to_be_proven(repo):
    repo.init("-r", "eu")
    (repo.top / "apps").mkdir()
    done = repo.bulla("keys", "verify", "-i", repo.recovery, "apps", status=NOKEY)
    assert "apps: a folder without a key file; what is to be proven comes first" in done.err


def test_all_backups_are_proven(repo):
    repo.init("-r", "eu", "-r", "us")
    _, public = key_of(repo, "alice")
    repo.bulla("recipients", "add", "alice", public)
    old = key_id(repo, "eu")
    repo.bulla("keys", "generate", "eu")
    done = repo.bulla("keys", "verify", "-i", repo.recovery)
    assert done.out.splitlines()[0].split() == [
        "FILE", "KEY", "ID", "OR", "DOCUMENT", "RESULT", "ABOUT"]
    assert "alice has no backup" in done.err and "AGE-SECRET" not in done.out + done.err
    found = {k["file"]: k for k in verify(repo, "-i", repo.recovery)["keys"]}
    assert {f: (k["keyId"], k["good"], k["result"]) for f, k in found.items()} == {
        ".bulla/keys/eu.age": (key_id(repo, "eu"), True, "the key that eu has now"),
        f".bulla/keys/eu.{old}.age": (old, True, "an earlier key"),
        ".bulla/keys/us.age": (key_id(repo, "us"), True, "the key that us has now")}


def test_documents_are_opened(repo):
    repo.init("-r", "eu", "-r", "us")
    seal(repo)
    repo.bulla("seal", "opaque", "only-us", "-n", "web", "--stdin", "K", "-r", "us", "-w", "us.yaml", input="v")
    rows = verify(repo, "eu", "app.yaml", "-i", repo.recovery)
    assert [(d["document"], d["good"], d["result"]) for d in rows["documents"]] == [("web/app", True, "1 part opened")]
    rows = verify(repo, "eu", ".", "-i", repo.recovery, status=FINDINGS)
    assert {d["document"]: d["good"] for d in rows["documents"]} == {"web/app": True, "web/only-us": False}
    assert "0 of 1 parts opened" in [d for d in rows["documents"] if not d["good"]][0]["result"]
    verify(repo, "us", "us.yaml", "app.yaml", "-i", repo.recovery)
    # moved: the key fits, and it does not open
    repo.write("moved.yaml", (repo.top / "app.yaml").read_text().replace("namespace: web", "namespace: other"))
    rows = verify(repo, "eu", "moved.yaml", "-i", repo.recovery, status=FINDINGS)
    assert rows["documents"][0]["opened"] == 0
    repo.write("broken.yaml", (repo.top / "app.yaml").read_text().replace("kind: opaque", "kind: nonsense"))
    assert verify(repo, "eu", "broken.yaml", "-i", repo.recovery, status=FINDINGS)["documents"][0]["document"] == ""
    repo.write("none.yaml", "a: b\n")
    assert "there is no sealed document" in repo.bulla("keys", "verify", "eu", "none.yaml", "-i", repo.recovery,
                                                      status=INVALID).err


def test_a_document_of_many_parts(repo):
    repo.init("-r", "eu")
    seal(repo)
    for i in range(3):
        repo.bulla("set", "app.yaml", f"K{i}", "--from-file", "-", input="v")
    # a later part is sealed to a new key: the earlier one opens three of five
    old = key_id(repo, "eu")
    repo.bulla("keys", "generate", "eu")
    repo.bulla("set", "app.yaml", "NEW", "--from-file", "-", input="v")
    rows = verify(repo, old, "app.yaml", "-i", repo.recovery, status=FINDINGS)
    assert rows["documents"][0]["parts"] == 5 and rows["documents"][0]["opened"] == 4
    # both keys of the name open all of it
    assert verify(repo, "eu", "app.yaml", "-i", repo.recovery)["documents"][0]["opened"] == 5


def test_each_way_to_name_a_key(repo):
    repo.init("-r", "eu")
    keys = repo.path / "keys"
    repo.bulla("keys", "install", "eu", "-i", repo.recovery, "--to", keys)
    [file] = os.listdir(keys)
    kid, public = key_id(repo, "eu"), config(repo)["recipients"]["eu"]
    for args in (["eu", "-i", repo.recovery], [kid, "-i", repo.recovery], [public, "-i", repo.recovery],
                 [kid, "--keys", keys], [keys / file], [keys], [".bulla/keys/eu.age", "-i", repo.recovery]):
        [row] = verify(repo, *args)["keys"]
        assert row["keyId"] == kid and row["good"] and row["result"] == "the key that eu has now", args
    stranger, other = key_of(repo, "stranger")
    [row] = verify(repo, stranger)["keys"]
    assert "has no such key now" in row["result"]
    # a backup taken elsewhere has no name that promises anything
    (repo.path / "elsewhere").write_bytes((repo.top / ".bulla/keys/eu.age").read_bytes())
    assert verify(repo, repo.path / "elsewhere", "-i", repo.recovery)["keys"][0]["good"]


def test_a_passphrase(repo):
    repo.bulla("init", "-r", "eu", "--recovery", repo.path / "r.age", status=None)
    t = Terminal(repo, "keys", "verify", "-i", repo.path / "r.age")
    t.answer("assphrase", "wrong")
    assert "passphrase" in t.end(status=NOKEY)
    (repo.path / "pass").write_text("wrong\n")
    repo.bulla("keys", "verify", "-i", repo.path / "r.age", "--passphrase-file", repo.path / "pass", status=NOKEY)


@pytest.mark.parametrize("args, status, text", [
    (["nobody"], NOKEY, "there is no backup .bulla/keys/nobody.age"),
    (["0" * 32], NOKEY, "neither at hand nor in a backup"),
    (["age1qqqq"], RECIPIENT, ""),
    (["/nowhere/x"], IO, "/nowhere/x: cannot open"),
    (["/dev/null"], INVALID, ""),
    (["eu", "/nowhere/d.yaml"], IO, "/nowhere/d.yaml"),
])
def test_verify_refused(repo, args, status, text):
    repo.init("-r", "eu")
    done = repo.bulla("keys", "verify", *args, "-i", repo.recovery, status=None)
    assert done.status in (status, IO if args == ["/dev/null"] else status) and text in done.err


def test_no_recovery_key(repo):
    repo.init("-r", "eu")
    assert "there is no recovery key" in repo.bulla("keys", "verify", status=NOKEY).err
    assert "there is no recovery key" in repo.bulla("keys", "verify", "eu", status=NOKEY).err
    assert "there is no repository here" in repo.bulla("keys", "verify", cwd=repo.path, status=USAGE).err


# --- what a pull request may do -------------------------------------------------------------------

def test_a_backup_of_another_key(repo):
    """Encrypting to recovery is everybody's right: a backup proves nothing about whose key it holds."""
    repo.init("-r", "eu")
    file, public = key_of(repo, "mallory")
    kid = key_id(repo, public)
    forge(repo, "eu.age", {f"99991231T235959Z-{kid}.key": file.read_text()})
    row = verify(repo, "-i", repo.recovery, status=FINDINGS)["keys"][0]
    assert not row["good"] and "holds another key than that recipient has" in row["result"]
    assert "would become the active one" in repo.bulla("keys", "install", "eu", "-i", repo.recovery, status=REFUSED).err
    assert "would become" in repo.bulla("keys", "install", "eu", "-i", repo.recovery, "--to", repo.path / "k",
                                        status=REFUSED).err
    assert not (repo.path / "k").exists()


def test_an_earlier_key_that_wants_to_be_the_latest(repo):
    repo.init("-r", "eu")
    file, public = key_of(repo, "mallory")
    kid = key_id(repo, public)
    forge(repo, f"eu.{kid}.age", {f"99991231T235959Z-{kid}.key": file.read_text()})
    done = repo.bulla("keys", "install", "eu", "-i", repo.recovery, status=REFUSED)
    assert f"key {kid} would become the active one" in done.err and done.out == ""


def test_backups_that_are_exchanged(repo):
    repo.init("-r", "eu", "-r", "us")
    a, b = repo.top / ".bulla/keys/eu.age", repo.top / ".bulla/keys/us.age"
    a.rename(repo.path / "t")
    b.rename(a)
    (repo.path / "t").rename(b)
    rows = verify(repo, "-i", repo.recovery, status=FINDINGS)["keys"]
    assert [r["result"] for r in rows] == ["holds the key of us", "holds the key of eu"]
    repo.bulla("keys", "install", "eu", "-i", repo.recovery, status=REFUSED)


def test_a_backup_for_more_than_recovery(repo):
    repo.init("-r", "eu")
    _, public = key_of(repo, "mallory")
    forge(repo, "eu.age", opened(repo, "eu.age"), config(repo)["recovery"], public)
    row = verify(repo, "eu", "-i", repo.recovery, status=FINDINGS)["keys"][0]
    assert "is encrypted to 2 keys, not to recovery alone" in row["result"]
    done = repo.bulla("keys", "install", "eu", "-i", repo.recovery)
    assert "eu.age is encrypted to 2 keys: others than recovery can have this key" in done.err


def test_a_backup_for_someone_else(repo):
    repo.init("-r", "eu")
    file, public = key_of(repo, "mallory")
    forge(repo, "eu.age", opened(repo, "eu.age"), public)
    row = verify(repo, "eu", "-i", repo.recovery, status=FINDINGS)["keys"][0]
    assert not row["good"] and row["keyId"] == ""
    row = verify(repo, "eu", "-i", file, status=FINDINGS)["keys"][0]
    assert "which is not the recovery key of .bulla/config" in row["result"]


@pytest.mark.parametrize("command", [["keys", "generate", "eu"], ["recipients", "add", "new"],
                                     ["keys", "backup", "eu", "--replace"]])
def test_a_recovery_key_that_was_slipped_in(repo, command):
    """Whoever changes recovery in .bulla/config must not get the next key that is backed up."""
    repo.init("-r", "eu")
    keys = repo.path / "keys"
    repo.bulla("keys", "install", "eu", "-i", repo.recovery, "--to", keys)
    if "backup" in command:
        command = [*command, "--keys", keys]
    _, public = key_of(repo, "mallory")
    text = (repo.top / ".bulla/config").read_text().replace(config(repo)["recovery"], public)
    repo.write(".bulla/config", text)
    before = {f: (repo.top / ".bulla/keys" / f).read_bytes() for f in backups(repo)}
    done = repo.bulla(*command, status=RECIPIENT)
    assert "CHANGED  recovery" in done.err and f"--accept {public}" in done.err
    assert {f: (repo.top / ".bulla/keys" / f).read_bytes() for f in backups(repo)} == before
    assert (repo.top / ".bulla/config").read_text() == text
    t = Terminal(repo, *command)
    t.answer("Agree?", "no")
    t.end(status=RECIPIENT)
    assert (repo.top / ".bulla/config").read_text() == text
    repo.bulla(*command, "--accept", public)


def test_a_name_that_looks_alike(repo):
    """eu-west9 and eu-vvest9 are two names; the new one is told as new, and its key is not the other's."""
    repo.init("-r", "eu-west9")
    _, public = key_of(repo, "mallory")
    text = (repo.top / ".bulla/config").read_text()
    repo.write(".bulla/config", text.replace("recipients:\n", f'recipients:\n  eu-vvest9: "{public}"\n', 1)
               .replace('to: ["eu-west9"]', 'to: ["eu-vvest9"]'))
    listed = {r["name"]: r["state"] for r in json.loads(repo.bulla("recipients", "list", "-o", "json").out)["recipients"]}
    assert listed["eu-vvest9"] == "new" and listed["eu-west9"] == "agreed"
    done = repo.bulla("seal", "opaque", "a", "-n", "web", "--stdin", "K", "-r", "eu-vvest9", input="x", status=RECIPIENT)
    assert "new      eu-vvest9" in done.err


@pytest.mark.parametrize("size, text", [(300000, "larger than"), (70000, "larger than")])
def test_huge_files(repo, size, text):
    repo.init("-r", "eu")
    if size > 200000:
        repo.write(".bulla/config", (repo.top / ".bulla/config").read_text() + "#" * size)
        assert text in repo.bulla("keys", "verify", "-i", repo.recovery, status=INVALID).err
        assert text in repo.bulla("recipients", "list", status=INVALID).err
    else:
        repo.write(".bulla/keys/eu.age", "x" * size)
        assert text in verify(repo, "-i", repo.recovery, status=FINDINGS)["keys"][0]["result"]


def test_keys_folder_that_leads_out(repo):
    repo.init("-r", "eu")
    (repo.top / ".bulla/keys").rename(repo.path / "outside")
    (repo.top / ".bulla/keys").symlink_to(repo.path / "outside")
    for command in (["keys", "verify", "-i", repo.recovery], ["keys", "generate", "eu"],
                    ["keys", "backup", "eu", "-i", repo.recovery]):
        assert "link" in repo.bulla(*command, status=None).err
    assert os.listdir(repo.path / "outside") == ["eu.age"]


# --- the name of a backup when keys come and go ---------------------------------------------------

def test_a_removed_recipient_keeps_its_backup(repo):
    repo.init("-r", "eu")
    repo.bulla("recipients", "add", "old")
    kid, public = key_id(repo, "old"), config(repo)["recipients"]["old"]
    done = repo.bulla("recipients", "remove", "old")
    assert f"'bulla keys exposure {kid}'" in done.err
    assert backups(repo) == ["eu.age", f"old.{kid}.age"]
    # the name can come again, with another key
    repo.bulla("recipients", "add", "old")
    assert backups(repo) == sorted(["eu.age", f"old.{kid}.age", "old.age"])
    assert config(repo)["recipients"]["old"] != public
    [row] = [k for k in verify(repo, "old", "-i", repo.recovery)["keys"] if k["keyId"] == kid]
    assert row["result"] == "an earlier key"


def test_the_same_key_again_is_nothing_new(repo):
    repo.init("-r", "eu")
    _, public = key_of(repo, "alice")
    repo.bulla("recipients", "add", "alice", public)
    before = (repo.top / ".bulla/config").read_bytes()
    done = repo.bulla("recipients", "add", "alice", public)
    assert "has it already" in done.err and done.out.strip() == public
    repo.bulla("recipients", "add", "alice", public, "--replace")
    assert (repo.top / ".bulla/config").read_bytes() == before
    _, other = key_of(repo, "other")
    repo.bulla("recipients", "add", "alice", other, status=CONFLICT)


def test_a_backup_that_nobody_knows_is_not_written_over(repo):
    repo.init("-r", "eu")
    (repo.top / ".bulla/keys/eu.age").rename(repo.top / ".bulla/keys/new.age")
    before = (repo.top / ".bulla/keys/new.age").read_bytes()
    done = repo.bulla("recipients", "add", "new", status=CONFLICT)
    assert ".bulla/keys/new.age is there" in done.err
    assert (repo.top / ".bulla/keys/new.age").read_bytes() == before and backups(repo) == ["new.age"]

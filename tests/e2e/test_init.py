# SPDX-License-Identifier: Apache-2.0
"""init, recipients and keys, with git and age as witnesses."""
import json
import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import time
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
import yaml

from checkout import (BULLA, CONFLICT, INVALID, IO, NOKEY, RECIPIENT, REFUSED, USAGE, Checkout, Terminal)


@pytest.fixture
def repo(tmp_path):
    return Checkout(tmp_path)


def config(repo):
    return yaml.safe_load((repo.top / ".bulla/config").read_text())


def test_two_regions(repo):
    (repo.top / "clusters/eu-west9").mkdir(parents=True)
    (repo.top / "flux/clusters/us-east1").mkdir(parents=True)
    done = repo.init("-r", "eu-west9", "-r", "us-east1")
    c = config(repo)
    assert set(c["recipients"]) == {"eu-west9", "us-east1"}
    assert c["recovery"] == repo.tool("age-keygen", "-y", str(repo.recovery)).strip()
    assert c["rules"] == [
        {"path": "clusters/eu-west9/**", "to": ["eu-west9"]},
        {"path": "flux/clusters/us-east1/**", "to": ["us-east1"]},
        {"path": "**", "to": ["eu-west9", "us-east1"]},
    ]
    for name in ("eu-west9", "us-east1"):
        assert c["recipients"][name] in done.out
        # the backup is an age file for recovery alone, of a Secret manifest: stock age opens it
        text = repo.tool("age", "-d", "-i", str(repo.recovery), f".bulla/keys/{name}.age")
        secret = yaml.safe_load(text)
        assert (secret["kind"], secret["metadata"]["name"]) == ("Secret", "bulla-sealing-keys")
        [entry] = secret["data"]
        assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{32}\.key", entry)
        identity = repo.path / "one.key"
        identity.write_bytes(b64decode(secret["data"][entry]))
        assert repo.tool("age-keygen", "-y", str(identity)).strip() == c["recipients"][name]
    assert not any("SECRET" in p.read_text() for p in (repo.top / ".bulla").rglob("*") if p.is_file())


def test_folder_names_are_the_recipients(repo):
    for name in ("eu-west9", "us-east1", ".hidden", "Not-A-Name", "recovery"):
        (repo.top / "clusters" / name).mkdir(parents=True)
    (repo.top / "clusters" / "link").symlink_to("eu-west9")
    repo.init()
    assert set(config(repo)["recipients"]) == {"eu-west9", "us-east1"}


def test_nobody_named(repo):
    done = repo.bulla("init", "--recovery", "age1x", status=USAGE)
    assert "who is there to seal to?" in done.err
    assert not (repo.top / ".bulla").exists()


def test_given_keys_need_no_backup(repo):
    repo.tool("age-keygen", "-o", str(repo.path / "alice.key"))
    alice = repo.tool("age-keygen", "-y", str(repo.path / "alice.key")).strip()
    repo.init("-r", f"alice={alice}", "-r", "eu-west9")
    assert config(repo)["recipients"]["alice"] == alice
    assert os.listdir(repo.top / ".bulla/keys") == ["eu-west9.age"]


@pytest.mark.parametrize("args, status, text", [
    (["-r", "recovery"], RECIPIENT, '"recovery" is the name of the recovery key'),
    (["-r", "UPPER"], RECIPIENT, "not a recipient's name"),
    (["-r", "a", "-r", "a"], USAGE, "-r a: named twice"),
    (["-r", "a="], USAGE, "no key behind"),
    (["-r", "a=age1qqqq"], RECIPIENT, "-r a: "),
    (["-r", "a", "--recovery", "age1qqqq"], RECIPIENT, "--recovery: "),
    (["-r", "a", "--recovery", "inside.age"], INVALID, "is inside the Git work tree"),
    (["-r", "a", "b"], USAGE, "it takes no arguments"),
])
def test_refused(repo, args, status, text):
    done = repo.bulla("init", *args, status=status)
    assert text in done.err
    assert not (repo.top / ".bulla").exists()
    assert not (repo.home / ".config").exists()


def test_a_private_key_as_recipient_is_not_quoted(repo):
    key = repo.tool("age-keygen").splitlines()[-1]
    for args in (["-r", f"a={key}"], ["-r", "a", "--recovery", f"age1{key}"]):
        done = repo.bulla("init", *args, status=RECIPIENT)
        assert key not in done.err + done.out


def test_outside_of_git(repo):
    done = repo.bulla("init", "-r", "a", cwd=repo.path, status=INVALID)
    assert "no Git work tree" in done.err


def test_from_a_subfolder(repo):
    (repo.top / "a/b").mkdir(parents=True)
    repo.tool("age-keygen", "-o", str(repo.recovery))
    repo.bulla("init", "--recovery", repo.recovery, "-r", "eu-west9", cwd=repo.top / "a/b")
    assert (repo.top / ".bulla/config").exists()


def test_again(repo):
    repo.init("-r", "eu-west9")
    before = (repo.top / ".bulla/config").read_bytes()
    done = repo.bulla("init", "-r", "us-east1", status=CONFLICT)
    assert "bulla recipients add" in done.err
    repo.git("config", "--unset", "merge.bulla.driver")
    repo.write(".gitattributes", "*.png binary")
    assert repo.bulla("init").err == \
        "bulla: .bulla/config is there; merges and diffs are set up here; commit .gitattributes\n"
    assert (repo.top / ".bulla/config").read_bytes() == before
    assert repo.git("config", "merge.bulla.driver").strip() == "bulla merge-driver %O %A %B %L %P"
    assert (repo.top / ".gitattributes").read_text() == \
        "*.png binary\n*.yaml merge=bulla\n*.yml merge=bulla\n*.yaml diff=bulla\n*.yml diff=bulla\n"
    repo.bulla("init")
    assert (repo.top / ".gitattributes").read_text().count("bulla") == 4
    assert repo.git("config", "diff.bulla.textconv").strip() == "bulla textconv"
    assert "bulla" in repo.git("check-attr", "merge", "clusters/eu/x.yaml")


def test_a_clone_says_what_was_written(repo):
    """As JSON: true when .gitattributes or a setting of this clone was not as it should be, and only then."""
    repo.init("-r", "eu-west9")

    def said():
        done = json.loads(repo.bulla("init", "-o", "json").out)
        return done["changed"], done["next"]

    settings = repo.git("config", "--local", "--list")
    assert said() == (False, [])
    (repo.top / ".gitattributes").unlink()
    assert said() == (True, ["git add .gitattributes"]) and said() == (False, [])
    repo.git("config", "diff.bulla.textconv", "another")
    assert said() == (True, []) and said() == (False, [])
    repo.git("config", "--remove-section", "merge.bulla")
    assert said() == (True, []) and said() == (False, [])
    assert sorted(repo.git("config", "--local", "--list").splitlines()) == sorted(settings.splitlines())
    assert (repo.top / ".gitattributes").read_text().count("bulla") == 4


def test_generated_recovery_key(repo):
    """The passphrase is shown once, to the person, and is the only way in."""
    t = Terminal(repo, "init", "-r", "eu-west9", out=repo.path / "out")
    text = t.end()
    [passphrase] = re.findall(r"^ +([0-9a-z-]{35})$", text, re.M)
    groups = passphrase.split("-")
    assert [len(g) for g in groups] == [5] * 6 and not set("".join(groups)) & set("ilou")
    assert passphrase not in (repo.path / "out").read_text()
    key = repo.home / ".config/bulla/recovery.age"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert key.read_text().startswith("-----BEGIN AGE ENCRYPTED FILE-----")
    # the key comes back with it, by bulla ...
    keys = repo.path / "keys"
    t = Terminal(repo, "keys", "install", "eu-west9", "--to", keys)
    t.answer("passphrase of", passphrase)
    assert passphrase not in t.end()
    assert len(os.listdir(keys)) == 1
    t = Terminal(repo, "keys", "install", "eu-west9", "--to", repo.path / "other")
    t.answer("passphrase of", passphrase[:-1] + ("0" if passphrase[-1] != "0" else "1"))
    t.end(status=NOKEY)
    assert not (repo.path / "other").exists()
    # ... from a file, and not twice by default
    repo.write("../pass", passphrase + "\n")
    done = repo.bulla("keys", "install", "eu-west9", "--passphrase-file", repo.path / "pass")
    assert yaml.safe_load(done.out)["metadata"]["name"] == "bulla-sealing-keys"
    other = Checkout(repo.path, repo="second")
    done = other.bulla("init", "-r", "x", status=CONFLICT)
    assert "recovery.age is there already" in done.err
    t = Terminal(other, "init", "-r", "x", "--recovery", key)
    t.answer("passphrase of", passphrase)
    t.end()
    assert config(other)["recovery"] == config(repo)["recovery"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended_between_the_recovery_key_and_its_passphrase(repo, number):
    """The signal comes when the file has its name, while the folder is synced."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    key = repo.home / ".config" / "bulla" / "recovery.age"
    at = subprocess.Popen(["strace", "-o", repo.path / "trace", "-e", "inject=fsync:delay_enter=2000000:when=2",
                           BULLA, "init", "-r", "eu-west9"], cwd=repo.top, env=repo.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                          preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    end = time.monotonic() + 30
    while not key.exists() and at.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    if at.poll() is not None:
        pytest.skip("strace cannot trace here")
    os.kill(int(Path(f"/proc/{at.pid}/task/{at.pid}/children").read_text().split()[0]), number)
    err = at.communicate(timeout=30)[1].decode()
    assert at.returncode == -number and not (repo.top / ".bulla" / "config").exists()
    assert key.exists() and "The passphrase, shown this once" in err


def test_a_recovery_key_whose_passphrase_cannot_be_shown_is_not_kept(repo):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BULLA, "init", "-r", "eu-west9"], cwd=repo.top, env=repo.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=full, timeout=60, start_new_session=True)
    assert done.returncode == IO
    assert not (repo.home / ".config/bulla/recovery.age").exists()
    assert not (repo.top / ".bulla/config").exists()
    repo.bulla("init", "-r", "eu-west9")
    assert (repo.home / ".config/bulla/recovery.age").exists()


def test_stock_age_opens_the_recovery_key(repo):
    """As "age -p" would have made it: age asks for the passphrase at its terminal."""
    t = Terminal(repo, "init", "-r", "eu-west9")
    [passphrase] = re.findall(r"^ +([0-9a-z-]{35})$", t.end(), re.M)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(repo.top)
        os.execvpe("age", ["age", "-d", "-o", str(repo.path / "plain"),
                           str(repo.home / ".config/bulla/recovery.age")], repo.env)
    time.sleep(0.5)
    os.write(fd, passphrase.encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    assert status == 0
    public = repo.tool("age-keygen", "-y", str(repo.path / "plain")).strip()
    assert public == config(repo)["recovery"]


def test_recovery_given_as_a_public_key(repo):
    repo.tool("age-keygen", "-o", str(repo.recovery))
    public = repo.tool("age-keygen", "-y", str(repo.recovery)).strip()
    done = repo.bulla("init", "-r", "eu-west9", "--recovery", public)
    assert [line for line in done.out.splitlines() if line != line.rstrip()] == []
    assert config(repo)["recovery"] == public
    assert "passphrase" not in done.err
    (repo.path / "two").write_text(f"{public}\n{config(repo)['recipients']['eu-west9']}\n")
    other = Checkout(repo.path, repo="other")
    assert "not exactly one key" in other.bulla("init", "-r", "a", "--recovery", repo.path / "two",
                                                status=RECIPIENT).err


def test_a_backup_left_behind(repo):
    """Nothing is written when a key's backup would be in the way."""
    repo.write(".bulla/keys/b.age", "x")
    done = repo.bulla("init", "-r", "a", "-r", "b", "--recovery", repo.path / "r.age", status=CONFLICT)
    assert ".bulla/keys/b.age is there, but no .bulla/config" in done.err
    assert os.listdir(repo.top / ".bulla/keys") == ["b.age"] and not (repo.path / "r.age").exists()


def test_hostile_links(repo):
    """A repository can bring .bulla as a link: nothing is written through it."""
    outside = repo.path / "outside"
    outside.mkdir()
    (repo.top / ".bulla").symlink_to(outside)
    assert "symbolic link" in repo.bulla("init", "-r", "a", "--recovery", repo.path / "r.age", status=None).err
    assert os.listdir(outside) == []
    (repo.top / ".bulla").unlink()
    (repo.top / ".bulla").mkdir()
    (repo.top / ".bulla/keys").symlink_to(outside)
    assert "symbolic link" in repo.bulla("init", "-r", "a", "--recovery", repo.path / "r2.age", status=None).err
    assert os.listdir(outside) == []
    (repo.top / ".bulla/keys").unlink()
    (repo.top / ".gitattributes").symlink_to(outside / "x")
    assert repo.bulla("init", "-r", "a", "--recovery", repo.path / "r3.age", status=None).status != 0
    assert os.listdir(outside) == []


# --- recipients -----------------------------------------------------------------------------------

def test_recipients(repo):
    repo.init("-r", "eu-west9")
    repo.tool("age-keygen", "-o", str(repo.path / "alice.key"))
    alice = repo.tool("age-keygen", "-y", str(repo.path / "alice.key")).strip()
    text = (repo.top / ".bulla/config").read_text() + "# mine\n"
    repo.write(".bulla/config", text)
    done = repo.bulla("recipients", "add", "alice", alice)
    assert done.out.strip() == alice and "no rule" in done.err
    changed = (repo.top / ".bulla/config").read_text()
    assert [l for l in changed.splitlines() if l not in text.splitlines()] == [f'  alice: "{alice}"']
    repo.bulla("recipients", "add", "us-east1")
    assert (repo.top / ".bulla/keys/us-east1.age").exists()
    listed = json.loads(repo.bulla("recipients", "list", "-o", "json").out)["recipients"]
    assert [(r["name"], r["state"]) for r in listed] == [
        ("alice", "agreed"), ("eu-west9", "agreed"), ("recovery", "agreed"), ("us-east1", "agreed")]
    assert listed[0]["recipient"] == alice
    assert repo.bulla("keys", "id", alice).out.strip() == listed[0]["keyId"]
    assert repo.bulla("keys", "id", "alice").out.strip() == listed[0]["keyId"]
    table = repo.bulla("recipients", "list").out
    assert table.splitlines()[0].split() == ["NAME", "KEY", "ID", "STATE", "RECIPIENT"]
    stranger = repo.path / "stranger"
    stranger.mkdir()
    theirs = json.loads(repo.bulla("recipients", "list", "-o", "json", home=stranger).out)["recipients"]
    assert {r["state"] for r in theirs} == {"new"}
    assert "replace those credentials" in repo.bulla("recipients", "remove", "alice").err
    assert "alice" not in config(repo)["recipients"]


@pytest.mark.parametrize("args, status, text", [
    (["add", "eu-west9"], CONFLICT, "--replace gives it another key"),
    (["add", "recovery", "age1qqqq"], RECIPIENT, ""),
    (["add", "Bad"], RECIPIENT, "not a recipient's name"),
    (["add", "x", "age1qqqq"], RECIPIENT, ""),
    (["add", "x", "y", "z"], USAGE, "one too many"),
    (["remove", "eu-west9"], CONFLICT, ""),
    (["remove", "nobody"], RECIPIENT, ""),
    (["remove"], USAGE, "NAME is missing"),
    (["frobnicate"], USAGE, "there is no such subcommand; these are: list, add, remove"),
    ([], USAGE, "say which: list, add, remove"),
])
def test_recipients_refused(repo, args, status, text):
    repo.init("-r", "eu-west9")
    before = (repo.top / ".bulla/config").read_bytes()
    done = repo.bulla("recipients", *args, status=status)
    assert text in done.err
    assert (repo.top / ".bulla/config").read_bytes() == before
    assert os.listdir(repo.top / ".bulla/keys") == ["eu-west9.age"]


def test_one_key_has_one_name(repo):
    repo.init("-r", "eu-west9")
    key = config(repo)["recipients"]["eu-west9"]
    repo.bulla("recipients", "add", "other", key, status=RECIPIENT)


# --- keys -----------------------------------------------------------------------------------------

def test_install_prints_a_manifest(repo):
    repo.init("-r", "eu-west9")
    done = repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "-n", "bulla-system")
    secret = yaml.safe_load(done.out)
    assert secret["metadata"] == {"name": "bulla-sealing-keys", "namespace": "bulla-system"}
    assert secret["type"] == "Opaque" and len(secret["data"]) == 1
    assert "AGE-SECRET-KEY" not in done.err


def test_keys_never_go_into_a_git_tree(repo):
    repo.init("-r", "eu-west9")
    done = repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "--to", repo.top / "keys",
                      status=INVALID)
    assert "inside the Git work tree" in done.err and not (repo.top / "keys").exists()
    inside = repo.top / "manifest.yaml"
    with open(inside, "w") as f:
        p = subprocess.run([BULLA, "keys", "install", "eu-west9", "-i", str(repo.recovery)], stdout=f,
                           stderr=subprocess.PIPE, cwd=repo.top, env=repo.env, start_new_session=True)
    assert p.returncode == INVALID and b"inside the Git work tree" in p.stderr
    assert inside.read_text() == ""
    repo.bulla("keys", "generate", "eu-west9", "--to", "below", status=INVALID)
    t = Terminal(repo, "keys", "install", "eu-west9", "-i", repo.recovery)
    assert "would be shown here" in t.end(status=USAGE)


def test_install_into_a_folder(repo):
    repo.init("-r", "eu-west9")
    keys = repo.path / "run/keys"
    for _ in range(2):  # again: the same bytes, no complaint
        repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "--to", keys)
        [name] = os.listdir(keys)
        assert stat.S_IMODE((keys / name).stat().st_mode) == 0o600
    listed = json.loads(repo.bulla("keys", "list", "--keys", keys, "-o", "json").out)["keys"]
    assert [(k["name"], k["file"]) for k in listed] == [("eu-west9", name)]
    assert repo.bulla("keys", "id", "--keys", keys).out.strip() == listed[0]["keyId"]
    assert repo.bulla("keys", "list", "--keys", keys).out.split("\n")[1].split()[2] == "eu-west9"
    (keys / name).write_text("something else")
    assert "another file of that name" in repo.bulla(
        "keys", "install", "eu-west9", "-i", repo.recovery, "--to", keys, status=CONFLICT).err


def test_a_new_key_keeps_the_backup_of_the_old(repo):
    repo.init("-r", "eu-west9")
    old = config(repo)["recipients"]["eu-west9"]
    old_id = repo.bulla("keys", "id", "eu-west9").out.strip()
    done = repo.bulla("keys", "generate", "eu-west9", "--to", repo.path / "k")
    new = config(repo)["recipients"]["eu-west9"]
    assert done.out.strip() == new != old
    assert set(os.listdir(repo.top / ".bulla/keys")) == {"eu-west9.age", f"eu-west9.{old_id}.age"}
    secret = yaml.safe_load(repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery).out)
    assert len(secret["data"]) == 2
    assert len(os.listdir(repo.path / "k")) == 1
    # another name's files are not taken for it
    repo.bulla("recipients", "add", "eu-west9-b")
    assert len(yaml.safe_load(repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery).out)["data"]) == 2


def test_install_says_when_the_key_is_not_the_current_one(repo):
    repo.init("-r", "eu-west9")
    repo.tool("age-keygen", "-o", str(repo.path / "x.key"))
    x = repo.tool("age-keygen", "-y", str(repo.path / "x.key")).strip()
    repo.bulla("recipients", "add", "eu-west9", x, "--replace")
    done = repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, status=REFUSED)
    assert "would become the active one" in done.err and done.out == ""
    done = repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "--earlier")
    assert "becomes the active one" in done.err and "kind: Secret" in done.out


@pytest.mark.parametrize("content, text", [
    (b"not armor", ".bulla/keys/eu-west9.age: "),
    (None, "symbolic link"),
    (b"x" * 100000, "larger than"),
])
def test_damaged_backups(repo, content, text):
    repo.init("-r", "eu-west9")
    path = repo.top / ".bulla/keys/eu-west9.age"
    path.unlink()
    if content is None:
        (repo.top / ".bulla/keys").rename(repo.top / ".bulla/k2")
        (repo.top / ".bulla/keys").symlink_to("k2")
    else:
        path.write_bytes(content)
    done = repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, status=None)
    assert done.status in (INVALID, IO) and text in done.err and done.out == ""


def test_a_backup_of_something_else_is_refused(repo):
    """Whoever can write to the repository can encrypt anything to recovery."""
    repo.init("-r", "eu-west9")
    public = config(repo)["recovery"]
    path = str(repo.top / ".bulla/keys/eu-west9.age")
    key = repo.tool("age-keygen").splitlines()[-1]
    for manifest in (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: bulla-sealing-keys}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\ndata: {a.key: aGVsbG8=}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: bulla-sealing-keys}\ndata: {a.key: aGVsbG8=}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: bulla-sealing-keys}\ndata: {a.txt: "
        + b64encode(key.encode()).decode() + "}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: bulla-sealing-keys}\ndata: {.a.key: "
        + b64encode(key.encode()).decode() + "}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: bulla-sealing-keys}\n",
    ):
        repo.tool("age", "-a", "-r", public, "-o", path, input=manifest)
        done = repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, status=INVALID)
        assert done.out == "" and key not in done.err


def test_install_without_what_it_needs(repo):
    repo.init("-r", "eu-west9")
    assert "there is no backup" in repo.bulla("keys", "install", "nobody", "-i", repo.recovery, status=NOKEY).err
    assert "there is no recovery key" in repo.bulla("keys", "install", "eu-west9", status=NOKEY).err
    other = repo.path / "other.key"
    repo.tool("age-keygen", "-o", str(other))
    repo.bulla("keys", "install", "eu-west9", "-i", other, status=NOKEY)
    repo.bulla("keys", "install", "../x", "-i", repo.recovery, status=RECIPIENT)
    repo.bulla("keys", "list", status=NOKEY)


def test_for_programs(tmp_path):
    repo = Checkout(tmp_path)
    own = repo.tool("age-keygen", "-o", str(tmp_path / "own")) or repo.tool("age-keygen", "-y", str(tmp_path / "own")).strip()
    done = repo.bulla("init", "-r", "eu-west9", "-r", f"laptop={own}", "--recovery", tmp_path / "new.age", "-o", "json")
    found = {r["name"]: r for r in json.loads(done.out)["recipients"]}
    config = yaml.safe_load((repo.top / ".bulla/config").read_text())
    assert {n: r["recipient"] for n, r in found.items()} == {**config["recipients"], "recovery": config["recovery"]}
    assert {n: r["privateKeyIn"] for n, r in found.items()} == {"eu-west9": ".bulla/keys", "laptop": None, "recovery": str(tmp_path / "new.age")}
    assert all(re.fullmatch("[0-9a-f]{32}", r["keyId"]) for r in found.values())

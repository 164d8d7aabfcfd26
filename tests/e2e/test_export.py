# SPDX-License-Identifier: Apache-2.0
"""bulla export: Secrets for kubectl, for the real sops, for shells, and as the kubelet mounts them."""
import base64
import json
import os
import stat
import subprocess

import pytest
import yaml

import neighbours
from checkout import CONFLICT, INVALID, NOKEY, RECIPIENT, REFUSED, USAGE, Checkout, Terminal

VALUES = {"web/db.yaml": {"PASSWORD": "hunter2-\u00fc", "EMPTY": "", "LINES": "a\nb\n"},
          "web/deep/other.yaml": {"TOKEN": "x' y", "yes": "no"}}


@pytest.fixture
def repo(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.init("-r", "eu-west9")
    for path, values in VALUES.items():
        seal(checkout, path, values)
    return checkout


def seal(repo, path, values, *args):
    name = path.rsplit("/")[-1].split(".")[0]
    text = "".join(f"{k}='{v}'\n" if "'" not in v else f'{k}="{v}"\n' for k, v in values.items())
    repo.bulla("seal", "opaque", name, "-n", "web", "-w", path, "--from-env-file", "-", *args, input=text)


def export(repo, form, *args, key=None, **kwargs):
    return repo.bulla("export", form, *args, "-i", key or repo.recovery, **kwargs)


def decoded(secret):
    return {k: base64.b64decode(v).decode() for k, v in secret["data"].items()}


def sops(repo, *args):
    return neighbours.run("sops", *args, env={**repo.env, "SOPS_AGE_KEY_FILE": str(repo.recovery)})


# --- manifests ----------------------------------------------------------------------------------------

def test_secret(repo):
    found = list(yaml.safe_load_all(export(repo, "secret", ".").out))
    assert [decoded(s) for s in found] == list(VALUES.values())
    assert [s["metadata"] for s in found] == [{"name": n, "namespace": "web"} for n in ("db", "other")]
    [one] = yaml.safe_load_all(export(repo, "secret", "web/deep").out)
    assert decoded(one) == VALUES["web/deep/other.yaml"]
    assert export(repo, "secret", "web/db.yaml").out == repo.bulla("open", "web/db.yaml", "-i", repo.recovery).out


def test_all_or_nothing(repo):
    """One document that does not open keeps the others back, too."""
    repo.tool("age-keygen", "-o", str(repo.path / "other.key"))
    other = repo.tool("age-keygen", "-y", str(repo.path / "other.key")).strip()
    config = (repo.top / ".bulla/config").read_text()
    (repo.top / ".bulla/config").unlink()
    seal(repo, "foreign.yaml", {"A": "b"}, "-r", other)
    (repo.top / ".bulla/config").write_text(config)
    for form, more in (("secret", ()), ("env", ()), ("sops", ("-w", "out")), ("dir", ("-w", repo.path / "out"))):
        done = export(repo, form, ".", *more, status=NOKEY)
        assert done.out == "" and "foreign.yaml:1: " in done.err
        assert "1 of the documents and files could not be opened, so nothing is exported" in done.err
    assert not (repo.top / "out").exists() and not (repo.path / "out").exists()


def test_a_document_that_was_changed(repo):
    path = repo.top / "web/db.yaml"
    path.write_text(path.read_text().replace("name: db", "name: admin"))
    for form in ("secret", "env", "sops"):
        done = export(repo, form, "web/db.yaml", status=REFUSED)
        assert done.out == ""


def test_not_onto_a_terminal(repo):
    for form in ("secret", "env"):
        terminal = Terminal(repo, "export", form, ".", "-i", repo.recovery)
        assert "--reveal" in terminal.end(status=USAGE)
        terminal = Terminal(repo, "export", form, ".", "-i", repo.recovery, "--reveal")
        assert "PASSWORD" in terminal.end()


def test_nothing_there(repo):
    (repo.top / "empty").mkdir()
    assert "no sealed documents here" in export(repo, "secret", "empty", status=INVALID).err


# --- variables ----------------------------------------------------------------------------------------

def test_env(repo):
    out = export(repo, "env", ".").out
    shell = subprocess.run(["sh", "-c", "set -a; . /dev/stdin; env -0"], input=out, text=True, capture_output=True,
                           env={}, check=True).stdout
    got = dict(line.split("=", 1) for line in shell.split("\0") if line)
    wanted = {k: v for values in VALUES.values() for k, v in values.items()}
    assert {k: got.get(k) for k in wanted} == wanted


def test_env_twice(repo):
    seal(repo, "third.yaml", {"TOKEN": "other"})
    done = export(repo, "env", ".", status=INVALID)
    assert "TOKEN: stands in web/third and in web/other" in done.err and done.out == ""


def test_env_that_cannot_be(repo):
    repo.write("../b", b"\0\1")
    repo.bulla("seal", "opaque", "raw", "-n", "web", "-w", "raw.yaml", "--from-file", f"RAW={repo.path / 'b'}")
    done = export(repo, "env", "raw.yaml", status=INVALID)
    assert "web/raw: RAW: its value is no text" in done.err and done.out == ""
    assert "'bulla open FILE --key KEY'" in done.err


# --- folders ------------------------------------------------------------------------------------------

def test_dir(repo):
    out = repo.path / "out"
    export(repo, "dir", ".", "-w", out)
    files = {str(p.relative_to(out)): p for p in out.rglob("*") if p.is_file()}
    assert {name: p.read_text() for name, p in files.items()} == {
        f"web/{path.rsplit('/')[-1][:-5]}/{k}": v for path, values in VALUES.items() for k, v in values.items()}
    assert {stat.S_IMODE(p.stat().st_mode) for p in files.values()} == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in [out, *out.rglob("*")] if p.is_dir()} == {0o700}
    before = sorted(str(p) for p in out.rglob("*"))
    assert "is there already" in export(repo, "dir", ".", "-w", out, status=CONFLICT).err
    assert sorted(str(p) for p in out.rglob("*")) == before


def test_dir_never_into_git(repo):
    (repo.path / "link").symlink_to(repo.top)
    for place in (".", "out", repo.top / "a/b", repo.path / "link", repo.path / "link/x"):
        done = export(repo, "dir", ".", "-w", place, status=INVALID)
        assert "what is in plain text does not go there" in done.err
    assert not (repo.top / "out").exists() and not (repo.top / "a").exists()


def test_dir_never_into_git_through_a_link_below(repo):
    out = repo.path / "out"
    out.mkdir()
    (repo.top / "here").mkdir()
    (out / "web").symlink_to(repo.top / "here")
    done = export(repo, "dir", ".", "-w", out, status=INVALID)
    assert f"{out}/web/" in done.err and "what is in plain text does not go there" in done.err
    assert list((repo.top / "here").iterdir()) == []


def test_dir_twice_the_same_name(repo):
    (repo.top / "copy.yaml").write_bytes((repo.top / "web/db.yaml").read_bytes())
    done = export(repo, "dir", ".", "-w", repo.path / "out", status=CONFLICT)
    assert "web/db stands in several files" in done.err and not (repo.path / "out").exists()


# --- sops ---------------------------------------------------------------------------------------------

def test_sops_opens_it(repo):
    export(repo, "sops", ".", "-w", "out")
    for path, values in VALUES.items():
        file = repo.top / "out" / path
        assert "hunter2" not in file.read_text()
        secret = yaml.safe_load(sops(repo, "--decrypt", file))
        assert decoded(secret) == values and secret["type"] == "Opaque"
        assert json.loads(sops(repo, "filestatus", file)) == {"encrypted": True}


def test_sops_edits_and_rotates_it(repo):
    """The file is one of SOPS' own: it is changed there, and comes back."""
    export(repo, "sops", "web/db.yaml", "-w", "out")
    file = repo.top / "out/db.yaml"
    sops(repo, "set", file, '["data"]["PASSWORD"]', json.dumps(base64.b64encode(b"n3w").decode()))
    sops(repo, "rotate", "--in-place", file)
    repo.bulla("import", "sops", "out", "-i", repo.recovery)
    back = yaml.safe_load(repo.bulla("open", "out/db.yaml", "-i", repo.recovery).out)
    assert decoded(back) == {**VALUES["web/db.yaml"], "PASSWORD": "n3w"}


def test_there_and_back(repo):
    """What goes out by export and comes in by import is the same Secret."""
    before = export(repo, "secret", "web").out
    export(repo, "sops", "web", "-w", "out")
    repo.bulla("import", "sops", "out", "-i", repo.recovery)
    assert export(repo, "secret", "out").out == before


def test_sops_of_several_documents(repo):
    text = "---\n".join((repo.top / path).read_text() for path in VALUES)
    repo.write("all.yaml", text)
    out = export(repo, "sops", "all.yaml").out
    file = repo.write("sops.yaml", out)
    assert [decoded(s) for s in yaml.safe_load_all(sops(repo, "--decrypt", file))] == list(VALUES.values())
    # nothing of it can be changed unseen
    file.write_text(out.replace("name: db", "name: admin"))
    with pytest.raises(AssertionError, match="MAC mismatch"):
        sops(repo, "--decrypt", file)


def test_sops_labels_and_odd_names(repo):
    repo.bulla("seal", "opaque", "odd", "-n", "web", "-w", "odd.yaml", "--from-env-file", "-", "--label", "a=true",
               "--label", "no=123", "--annotation", "x=#y: 'z' \u202e", input="on=1\nN=2\n_1=3\n")
    file = repo.write("x.yaml", export(repo, "sops", "odd.yaml").out)
    secret = yaml.safe_load(sops(repo, "--decrypt", file))
    assert secret["metadata"]["labels"] == {"a": "true", "no": "123"}
    assert secret["metadata"]["annotations"] == {"x": "#y: 'z' \u202e"}
    assert decoded(secret) == {"on": "1", "N": "2", "_1": "3"}


def test_sops_recipients(repo):
    repo.tool("age-keygen", "-o", str(repo.path / "other.key"))
    other = repo.tool("age-keygen", "-y", str(repo.path / "other.key")).strip()
    out = export(repo, "sops", "web/db.yaml", "-r", other).out
    assert other in out
    by_rule = export(repo, "sops", "web/db.yaml").out
    wanted = {line.split('"')[1] for line in (repo.top / ".bulla/config").read_text().splitlines() if '"age1' in line}
    assert {r["recipient"] for r in yaml.safe_load(by_rule)["sops"]["age"]} == wanted


def test_sops_to_whom_was_not_agreed(repo):
    repo.tool("age-keygen", "-o", str(repo.path / "evil.key"))
    evil = repo.tool("age-keygen", "-y", str(repo.path / "evil.key")).strip()
    config = repo.top / ".bulla/config"
    config.write_text(config.read_text().replace("recipients:\n", f'recipients:\n  a-evil: "{evil}"\n')
                      .replace("to: [", "to: [a-evil, "))
    done = export(repo, "sops", ".", "-w", "out", status=RECIPIENT)
    assert done.out == "" and not (repo.top / "out").exists()


def test_sops_places(repo):
    assert "give -w DIR" in export(repo, "sops", ".", status=USAGE).err
    before = (repo.top / "web/db.yaml").read_bytes()
    assert "is there already" in export(repo, "sops", "web", "-w", "web", status=CONFLICT).err
    assert (repo.top / "web/db.yaml").read_bytes() == before
    outside = repo.path / "outside"
    outside.mkdir()
    os.symlink(outside, repo.top / "link")
    done = export(repo, "sops", "web", "-w", "link", status=INVALID)
    assert "leads out of the Git work tree" in done.err and not list(outside.iterdir())


@pytest.mark.parametrize("args", [("secret",), ("sops",), ("env",), ("dir", "."), ("dir", ".", "-w", ""),
                                  ("secret", ".", "-w", "x"), ("dir", ".", "-w", "-"), ("what", ".")])
def test_command_line(repo, args):
    repo.bulla("export", *args, status=USAGE)


def test_without_a_key(repo):
    repo.bulla("export", "secret", ".", status=NOKEY)

# SPDX-License-Identifier: Apache-2.0
"""bulla import sops, against files that the real sops made."""
import base64
import json
import re

import pytest
import yaml

import neighbours
from checkout import FINDINGS, NOKEY, USAGE, Checkout

SECRET = "hunter2-\u00fc"
MANIFEST = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "web"},
            "stringData": {"PASSWORD": SECRET, "EMPTY": "", "LINES": "a\nb\n", "NUMBER": "5"}}
REGEX = ("--encrypted-regex", "^(data|stringData)$")


@pytest.fixture
def repo(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.init("-r", "eu-west9")
    checkout.tool("age-keygen", "-o", str(tmp_path / "sops.key"))
    checkout.age = checkout.tool("age-keygen", "-y", str(tmp_path / "sops.key")).strip()
    return checkout


def encrypt(repo, name, text, *args, form=None):
    """Write the file name, encrypted by sops."""
    plain = repo.write("../plain/" + name, text if isinstance(text, str) else yaml.safe_dump(text))
    form = form or {"json": "json", "env": "dotenv"}.get(name.rsplit(".")[-1], "yaml")
    out = neighbours.run("sops", "--encrypt", "--age", repo.age, "--input-type", form, "--output-type", form, *args,
                         plain, env=repo.env)
    return repo.write(name, out)


def convert(repo, *args, **kwargs):
    return repo.bulla("import", "sops", *args, "-i", repo.path / "sops.key", **kwargs)


def values(repo, path, *args):
    secret = yaml.safe_load(repo.bulla("open", path, "-i", repo.recovery, *args).out)
    return {k: base64.b64decode(v).decode() for k, v in secret["data"].items()}


def tree(repo):
    return {str(p.relative_to(repo.top)): p.read_bytes() for p in repo.top.rglob("*")
            if p.is_file() and ".git/" not in str(p)}


# --- what is converted --------------------------------------------------------------------------------

@pytest.mark.parametrize("args", [REGEX, (), ("--encrypted-suffix", "Data"), ("--unencrypted-suffix", "_x"),
                                  ("--unencrypted-regex", "^(apiVersion|kind|metadata|type)$"),
                                  (*REGEX, "--mac-only-encrypted"), ("--mac-only-encrypted",)], ids=" ".join)
def test_manifest(repo, args):
    path = encrypt(repo, "apps/db.yaml", MANIFEST, *args)
    assert SECRET not in path.read_text()
    done = convert(repo, "apps")
    assert "1 converted" in done.err and values(repo, path) == MANIFEST["stringData"]
    assert "sops" not in path.read_text() and repo.bulla("check", "-i", repo.recovery).out == ""
    assert json.loads(convert(repo, "apps", "-o", "json").out)["items"] == []


def test_a_manifest_with_all_types_of_yaml(repo):
    text = ("# of the file\napiVersion: v1\nkind: Secret\nmetadata:\n  # a comment\n  name: db\n  namespace: web\n"
            "  creationTimestamp: null\n  generation: 4\n  labels:\n    app: 'yes'\n  managedFields:\n    - time: 2026-01-02T03:04:05Z\n"
            "      on: 2026-01-02\n      minus: -12\n      t: true\n"
            "immutable: false\ntype: Opaque\ndata:\n  # secret comment\n  KEY: dmFsdWU=\n  OTHER: ''\n")
    for args in (REGEX, (*REGEX, "--mac-only-encrypted")):
        path = encrypt(repo, "db.yaml", text, *args)
        convert(repo, "db.yaml")
        assert values(repo, path) == {"KEY": "value", "OTHER": ""}
        assert "comment" not in path.read_text() and "# of" not in path.read_text()


def test_json(repo):
    text = json.dumps(MANIFEST)
    old = encrypt(repo, "db.json", text, *REGEX)
    assert "\t" in old.read_text()
    convert(repo, ".")
    assert not old.exists() and values(repo, "db.yaml") == MANIFEST["stringData"]


def test_several_documents(repo):
    second = {**MANIFEST, "metadata": {"name": "two", "namespace": "web"}}
    path = encrypt(repo, "all.yaml", yaml.safe_dump_all([MANIFEST, second]), *REGEX)
    convert(repo, "all.yaml")
    for name in ("db", "two"):
        assert values(repo, path, "--document", name) == MANIFEST["stringData"]
    assert len(list(yaml.safe_load_all(path.read_text()))) == 2


def test_several_recipients(repo):
    other = repo.path / "other.key"
    repo.tool("age-keygen", "-o", str(other))
    public = repo.tool("age-keygen", "-y", str(other)).strip()
    repo.age, mine = f"{public},{repo.age}", repo.age
    path = encrypt(repo, "db.yaml", MANIFEST, *REGEX)
    assert path.read_text().count("enc: |") == 2 and mine in path.read_text()
    convert(repo, "db.yaml")
    assert values(repo, path) == MANIFEST["stringData"]


def test_dotenv(repo):
    text = "A=plain\n# a comment\nB='with blanks'\nC=\"l1\\nl2\"\nEMPTY=\nD=5\n"
    old = encrypt(repo, "web/app.enc.env", text)
    done = convert(repo, "web", "-n", "web")
    assert not old.exists() and "web/app " in done.out and "web/app.yaml" in done.out
    assert values(repo, "web/app.yaml") == {"A": "plain", "B": "with blanks", "C": "l1\nl2", "EMPTY": "", "D": "5"}


def test_dotenv_names(repo):
    encrypt(repo, ".env", "A=b\n", form="dotenv")
    assert "give --name" in convert(repo, ".env", "-n", "web", status=FINDINGS).out
    assert "say with -n" in convert(repo, ".env", "--name", "app", status=FINDINGS).out
    convert(repo, ".env", "--name", "app", "-n", "web")
    assert values(repo, "app.yaml") == {"A": "b"}
    for name in ("x.env", "y.env"):
        encrypt(repo, name, "A=b\n")
    assert "--name is for one file alone" in convert(repo, ".", "-n", "web", "--name", "z", status=FINDINGS).out


def test_another_folder(repo):
    encrypt(repo, "in/a/db.yaml", MANIFEST, *REGEX)
    encrypt(repo, "in/app.env", "A=b\n")
    before = tree(repo)
    convert(repo, "in", "-w", "out", "-n", "web")
    after = tree(repo)
    assert {k: after[k] for k in before} == before and set(after) - set(before) == {"out/a/db.yaml", "out/app.yaml"}


def test_the_key_folder_of_the_user(repo):
    encrypt(repo, "db.yaml", MANIFEST, *REGEX)
    folder = repo.home / ".config/bulla/keys"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sops.key").write_bytes((repo.path / "sops.key").read_bytes())
    (folder / "sops.key").chmod(0o600)
    repo.bulla("import", "sops", "db.yaml")
    assert values(repo, "db.yaml") == MANIFEST["stringData"]


# --- what is not --------------------------------------------------------------------------------------

def swap(text, a, b):
    find = {n: re.search(rf"^ +{n}: (ENC\[.*\])$", text, re.M).group(1) for n in (a, b)}
    return text.replace(find[a], "@").replace(find[b], find[a]).replace("@", find[b])


@pytest.mark.parametrize("change, why", [
    (lambda t: t.replace("name: db", "name: other"), "sops.mac: it is not that of these values"),
    (lambda t: t.replace("namespace: web", "namespace: kube-system"), "sops.mac: it is not that"),
    (lambda t: t.replace("kind: Secret\n", "kind: Secret\ntype: kubernetes.io/tls\n"), "sops.mac: it is not that"),
    (lambda t: re.sub(r"^ +LINES: .*\n", "", t, flags=re.M), "sops.mac: it is not that"),
    (lambda t: re.sub(r"(?m)^( +)LINES: .*$", r"\1LINES: plain", t), "sops.mac: it is not that"),
    (lambda t: t.replace("stringData:\n", "stringData:\n    EXTRA: x\n"), "sops.mac: it is not that"),
    (lambda t: re.sub(r"^ +mac: .*\n", "", t, flags=re.M), "sops.mac: missing"),
    (lambda t: re.sub(r"^ +lastmodified: .*\n", "", t, flags=re.M), "sops.lastmodified: missing"),
    (lambda t: re.sub(r'lastmodified: "2', 'lastmodified: "3', t), "sops.mac: it is not that"),
    (lambda t: swap(t, "PASSWORD", "LINES"), "stringData.LINES: it does not open"),
    (lambda t: t.replace(",type:str]", ",type:what]", 1), "not an encrypted value"),
    (lambda t: t.replace("ENC[AES256_GCM,data:", "ENC[AES256_GCM,data:A", 1), "stringData."),
    (lambda t: t.replace("enc: |", "other: |"), "sops.age[0].enc: missing"),
    (lambda t: t.replace("\nsops:\n", "\nnot-sops: x\n---\nsops:\n"), "a document without the metadata of SOPS"),
    (lambda t: t + "    key_groups: [{age: []}]\n", "sops.key_groups: the data key is shared out"),
])
def test_changed_files(repo, change, why):
    path = encrypt(repo, "db.yaml", MANIFEST, *REGEX)
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))
    done = convert(repo, ".", status=FINDINGS)
    assert why in done.out and SECRET not in done.out + done.err
    assert path.read_text() == change(text)


def test_ignore_mac(repo):
    path = encrypt(repo, "db.yaml", MANIFEST, *REGEX)
    path.write_text(path.read_text().replace("name: db", "name: other"))
    convert(repo, ".", status=FINDINGS)
    convert(repo, ".", "--ignore-mac")
    assert values(repo, path) == MANIFEST["stringData"] and "name: other" in path.read_text()
    # values are authenticated one by one all the same
    path = encrypt(repo, "db.yaml", MANIFEST, *REGEX)
    path.write_text(swap(path.read_text(), "PASSWORD", "LINES"))
    assert "it does not open" in convert(repo, ".", "--ignore-mac", status=FINDINGS).out


def test_mac_only_encrypted_lets_nothing_in(repo):
    """The MAC says nothing of values that are not encrypted, so none may be added."""
    path = encrypt(repo, "db.yaml", MANIFEST, *REGEX, "--mac-only-encrypted")
    path.write_text(path.read_text().replace("stringData:\n", "stringData:\n    EXTRA: x\n"))
    assert "stringData.EXTRA: not encrypted" in convert(repo, ".", status=FINDINGS).out


def test_no_key(repo):
    encrypt(repo, "db.yaml", MANIFEST, *REGEX)
    done = repo.bulla("import", "sops", ".", "-i", repo.recovery, status=FINDINGS)
    assert "no private key at hand is one of its 1 recipients'" in done.out
    repo.bulla("import", "sops", ".", status=NOKEY)


def test_not_to_age(repo):
    repo.write("db.yaml", "a: ENC[x]\nsops:\n  pgp:\n  - fp: x\n    enc: y\n  mac: x\n  lastmodified: y\n")
    assert "keys that are not age's" in convert(repo, ".", status=FINDINGS).out


@pytest.mark.parametrize("document, why", [
    ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}, 'kind: not "Secret"'),
    ({"a": {"b": "c"}}, "not a manifest"),
    ({**MANIFEST, "stringData": {"N": 5}}, "stringData.N: not a string"),
    ({**MANIFEST, "stringData": {"N": True}}, "stringData.N: not a string"),
    ({**MANIFEST, "type": "bootstrap.kubernetes.io/token"}, "it lets nodes join"),
])
def test_what_is_no_secret(repo, document, why):
    path = encrypt(repo, "db.yaml", document)
    before = path.read_bytes()
    done = convert(repo, ".", status=None)
    assert done.status in (0, FINDINGS) and why in done.out and path.read_bytes() == before


def test_a_file_changes_as_a_whole(repo):
    """What stays encrypted by SOPS could not be opened without its neighbours: the MAC is of all."""
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}
    path = encrypt(repo, "all.yaml", yaml.safe_dump_all([MANIFEST, other]), *REGEX)
    before = path.read_bytes()
    done = convert(repo, ".", status=FINDINGS)
    assert "another object of the file is refused" in done.out and path.read_bytes() == before
    convert(repo, ".", "-w", "out", status=FINDINGS)
    assert not (repo.top / "out").exists()


@pytest.mark.parametrize("change, why", [
    (lambda t: "B" + t.removeprefix("A"), "app.env:1  it does not open"),
    (lambda t: "X=y\n" + t, "sops.mac: it is not that"),
    (lambda t: t.replace("sops_mac=", "sops_mack="), "sops.mac: missing"),
    (lambda t: "no equals\n" + t, "app.env:1  neither NAME=VALUE"),
    (lambda t: "\0\n" + t, "NUL"),
    (lambda t: t.replace("sops_age__list_0__map_enc=", "sops_age__list_0__map_end="), "sops.age: missing"),
    (lambda t: t + "sops_key_groups__list_0__map_x=y\n", "sops.key_groups"),
])
def test_changed_dotenv(repo, change, why):
    path = encrypt(repo, "app.env", "A=hunter2\n")
    path.write_text(change(path.read_text()))
    done = convert(repo, ".", "-n", "web", status=FINDINGS)
    assert why in done.out and "hunter2" not in done.out + done.err


def test_plain_files_are_not_looked_at(repo):
    repo.write("plain.yaml", yaml.safe_dump(MANIFEST))
    repo.write("app.env", "A=b\n")
    repo.write("mention.yaml", "tool: sops\n")
    before = tree(repo)
    assert json.loads(convert(repo, ".", "-n", "web", "-o", "json").out)["items"] == [] and tree(repo) == before


def test_command_line(repo):
    convert(repo, status=USAGE)
    convert(repo, ".", "--name", "A_B", status=USAGE)

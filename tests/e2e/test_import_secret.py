# SPDX-License-Identifier: Apache-2.0
"""bulla import secret, from plain manifests; from a live cluster: tests/cluster/test_import.py."""
import base64
import json
import os
import subprocess

import pytest
import yaml

from checkout import FINDINGS, USAGE, Checkout, Terminal
from documents import TOP

DATA = {"PASSWORD": base64.b64encode(b"hunter2").decode()}


@pytest.fixture
def repo(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.init("-r", "eu-west9")
    return checkout


def secret(name="db", namespace="web", metadata=None, **fields):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace, **(metadata or {})},
            "data": DATA, **fields}


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


def dump(*objects):
    return yaml.dump_all(objects, Dumper=Dumper)


def convert(repo, *args, **kwargs):
    return repo.bulla("import", "secret", *args, **kwargs)


def rows(repo, *args, **kwargs):
    return json.loads(convert(repo, *args, "-o", "json", **kwargs).out)["items"]


def opened(repo, path, *args):
    return yaml.safe_load(repo.bulla("open", path, "-i", repo.recovery, *args).out)


# --- what is converted --------------------------------------------------------------------------------

def test_in_place(repo):
    path = repo.write("apps/db.yaml", "# hunter2, said the comment\n" + dump(secret(stringData={"MORE": "x"})))
    done = convert(repo, "apps")
    assert "1 converted" in done.err and "stays in Git's history" in done.err
    assert "hunter2" not in path.read_text() and "aHVudGVyMg" not in path.read_text()
    assert opened(repo, path) == {**secret(type="Opaque"), "data": {**DATA, "MORE": "eA=="}}
    assert rows(repo, "apps") == []


def test_neighbours_stay(repo):
    deployment = "apiVersion: apps/v1\nkind: Deployment # with a comment\nmetadata: {name: x}\n"
    path = repo.write("all.yaml", deployment + "---\n" + dump(secret()) + "---\n" + deployment + "---\n" + dump(secret("two")))
    convert(repo, "all.yaml")
    text = path.read_text()
    assert text.count(deployment) == 2 and text.startswith(deployment + "---\napiVersion: bulla.dev/v1\n")
    assert [d["kind"] for d in yaml.safe_load_all(text)] == ["Deployment", "SealedCredential"] * 2
    assert opened(repo, path, "--document", "two")["data"] == DATA


@pytest.mark.parametrize("head", ["", "---\n", "--- # x\n", "# c\n---\n", "--- ", "---\n\n\n"])
@pytest.mark.parametrize("tail", ["", "---\n", "...\n", "\n\n# c\n", "---\na: b\n"])
def test_ends_of_documents(repo, head, tail):
    object = json.dumps(secret()) if head == "--- " else dump(secret())
    path = repo.write("x.yaml", head + object + ("\n" if head == "--- " else "") + tail)
    convert(repo, "x.yaml")
    assert opened(repo, path)["data"] == DATA
    assert ("a: b" in path.read_text()) == ("a: b" in tail)


def test_kinds_are_found(repo, tmp_path):
    repo.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
              "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert"), "-subj", "/CN=api")
    tls = {f"tls.{n}": base64.b64encode((tmp_path / f).read_bytes()).decode() for n, f in (("crt", "cert"), ("key", "key"))}
    token = repo.tool(str(TOP / "scripts/test-token")).strip()
    login = json.dumps({"auths": {"ghcr.io": {"username": "bot", "password": token}}})
    age = (repo.path / "recovery.key").read_bytes()
    encoded = {k: base64.b64encode(v).decode() for k, v in {"login": login.encode(), "age": age}.items()}
    repo.write("all.yaml", dump(
        secret("tls", type="kubernetes.io/tls", data=tls),
        secret("pull", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": encoded["login"]}),
        secret("sops-age", data={"age.agekey": encoded["age"]}), secret("plain")))
    assert {row["document"]: row["kind"] for row in rows(repo, ".")} == {
        "web/tls": "tls", "web/pull": "registry", "web/sops-age": "age-key", "web/plain": "opaque"}


def test_what_looks_like_a_kind_and_is_none(repo, tmp_path):
    """A deploy key without its URL is moved as it is."""
    repo.tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "id"))
    data = {"identity": (tmp_path / "id").read_bytes(), "identity.pub": (tmp_path / "id.pub").read_bytes(),
            "known_hosts": b"github.com " + (tmp_path / "id.pub").read_bytes()}
    data = {k: base64.b64encode(v).decode() for k, v in data.items()}
    path = repo.write("flux.yaml", dump(secret("flux", data=data)))
    done = convert(repo, ".")
    assert "sealed as opaque, as it is not right as another kind: deploy-key: url: missing" in done.err
    assert opened(repo, path)["data"] == data
    assert (tmp_path / "id").read_text().splitlines()[1] not in done.out + done.err


@pytest.mark.parametrize("path", ["./apps", "apps/", "apps//", "./apps/db.yaml", "apps/./db.yaml", "{top}/apps", "apps/../apps"])
def test_however_the_path_is_typed(repo, path):
    file = repo.write("apps/db.yaml", dump(secret()))
    convert(repo, path.format(top=repo.top))
    assert opened(repo, file)["data"] == DATA and [p.name for p in file.parent.iterdir()] == ["db.yaml"]
    file.write_text(dump(secret()))
    convert(repo, path.format(top=repo.top), "-w", "out")
    assert opened(repo, "out/db.yaml")["data"] == DATA


@pytest.mark.parametrize("folder", ["apps", "apps/", "apps/../apps"])
def test_not_behind_what_is_plain(repo, folder):
    """-w to where the files are would leave the Secret beside its document."""
    file = repo.write("apps/db.yaml", dump(secret()))
    before = file.read_bytes()
    assert "-w leads to the file itself" in convert(repo, "apps", "-w", folder, status=FINDINGS).out
    assert file.read_bytes() == before


def test_namespace_given(repo):
    object = secret()
    del object["metadata"]["namespace"]
    path = repo.write("db.yaml", dump(object))
    assert "say with -n" in convert(repo, ".", status=FINDINGS).out
    convert(repo, ".", "-n", "team")
    assert opened(repo, path)["metadata"]["namespace"] == "team"


def test_json_and_list(repo):
    repo.write("in/one.json", json.dumps(secret("one"), indent="\t"))
    repo.write("in/list.yaml", dump({"apiVersion": "v1", "kind": "List", "items": [secret("two"), secret("three")]}))
    found = {row["document"]: row["result"] for row in rows(repo, "in", "-w", "out")}
    assert found == {"web/one": "converted", "web/two": "converted", "web/three": "converted"}
    assert opened(repo, "out/one.yaml")["data"] == DATA
    assert opened(repo, "out/list.yaml", "--document", "three")["data"] == DATA


# --- what is not --------------------------------------------------------------------------------------

@pytest.mark.parametrize("object, why", [
    (secret(type="kubernetes.io/service-account-token"), "the API server fills it"),
    (secret(type="helm.sh/release.v1"), "Helm keeps the state"),
    (secret(type="bootstrap.kubernetes.io/token"), "it lets nodes join"),
    (secret(metadata={"ownerReferences": [{"kind": "Certificate", "name": "x"}]}), "another object owns it"),
    (secret(metadata={"ownerReferences": [{"kind": "SealedSecret", "name": "x"}]}), "'bulla import sealed-secrets'"),
    (secret(metadata={"annotations": {"cert-manager.io/certificate-name": "x"}}), "cert-manager makes it"),
    (secret(metadata={"annotations": {"meta.helm.sh/release-name": "x"}}), "a Helm release makes it"),
    (secret(metadata={"labels": {"app.kubernetes.io/managed-by": "Helm"}}), "a Helm release makes it"),
    (secret(metadata={"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}), "Flux applies it"),
    (secret(metadata={"annotations": {"reflector.v1.k8s.emberstack.com/reflects": "a/b"}}), "reflector copied it"),
    (secret(metadata={"annotations": {"replicator.v1.mittwald.de/replicated-at": "x"}}), "replicator copied it"),
    (secret(metadata={"annotations": {"bulla.dev/owner": "web/db"}}), "Bulla's agent made it"),
    (secret(metadata={"labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}}), "sealed-secrets controller"),
    (secret("bulla-sealing-keys"), "the sealing keys of Bulla's agent"),
])
def test_left(repo, object, why):
    path = repo.write("db.yaml", dump(object))
    before = path.read_bytes()
    [row] = rows(repo, ".")
    assert row["result"] == "left" and why in row["reason"] and path.read_bytes() == before


@pytest.mark.parametrize("object, why", [
    (secret(immutable=True), "immutable"),
    (secret(type="example.org/x"), "is not sealed"),
    (secret(type="kubernetes.io/tls"), "these data keys are not those"),
    (secret(data={"A": "!"}), "data.A: not base64"),
    (secret(data={}), "opaque: "),
    (secret(extra="x"), "a field (number"),
    (secret(metadata={"finalizers": ["x"]}), "another controller owns"),
    (secret(metadata={"annotations": {"replicator.v1.mittwald.de/replicate-to": "*"}}), "it makes replicator copy"),
    ({**secret(), "sops": {"mac": "x"}}, "'bulla import sops'"),
    (secret("NO_"), "not an object's name"),
])
def test_refused(repo, object, why):
    path = repo.write("db.yaml", dump(object))
    before = path.read_bytes()
    [row] = rows(repo, ".", status=FINDINGS)
    assert row["result"] == "refused" and why in row["reason"] and path.read_bytes() == before


def test_not_yaml_as_it_must_be(repo):
    repo.write("a.yaml", "kind: Secret\na: &x 1\nb: *x\n")
    repo.write("b.yaml", "kind: Secret\n\tb")
    found = rows(repo, ".", status=FINDINGS)
    assert [(row["from"], row["result"], row["line"]) for row in found] == [("a.yaml", "refused", 2), ("b.yaml", "refused", 2)]


def test_escaped_names(repo):
    path = repo.write("a\u202eb.yaml", dump(secret()))
    assert "\u202e" not in convert(repo, ".").out and "bulla.dev" in path.read_text()


def test_never_into_bulla_or_git(repo):
    repo.write(".bulla/x.yaml", dump(secret()))
    assert "no document goes into .bulla" in convert(repo, ".bulla/x.yaml", status=FINDINGS).out
    repo.write("x.yaml", dump(secret()))
    for folder in (".git/x", ".bulla"):
        assert "no document goes into" in convert(repo, "x.yaml", "-w", folder, status=FINDINGS).out


@pytest.mark.parametrize("args", [(), ("--kubeconfig", "x", "."), ("--context", "c"), ("--context", "c", "-w", "out", "name"),
                                  (".", "-o", "yaml"), (".", "--private-key", "x")])
def test_command_line(repo, args):
    convert(repo, *args, status=USAGE)


def test_head_alone(repo):
    assert "usage: bulla import" in repo.bulla("import", status=USAGE).err


# --- as a person sees it, and as files are -----------------------------------------------------------

def test_asked_once_at_a_terminal(repo):
    """A recipient that is new to the user is asked about once, not for each file."""
    repo.tool("age-keygen", "-o", str(repo.path / "other.key"))
    other = repo.tool("age-keygen", "-y", str(repo.path / "other.key")).strip()
    config = repo.top / ".bulla/config"
    config.write_text(config.read_text().replace("recipients:\n", f'recipients:\n  a-new: "{other}"\n')
                      .replace("to: [", "to: [a-new, "))
    for name in "abc":
        repo.write(f"{name}.yaml", dump(secret(name)))
    for args, text in ((("--dry-run",), "would be converted"), ((), "3 converted")):
        terminal = Terminal(repo, "import", "secret", ".", *args)
        terminal.answer("[y/N]", "y")
        shown = terminal.end()
        assert text in shown and "a-new" in shown and "[y/N]" not in shown


def test_mode_stays_and_links_are_refused(repo):
    path = repo.write("db.yaml", dump(secret()))
    path.chmod(0o640)
    convert(repo, ".")
    assert path.stat().st_mode & 0o777 == 0o640
    target = repo.write("other.yml.txt", dump(secret()))
    os.symlink("other.yml.txt", repo.top / "link.yaml")
    assert rows(repo, ".") == []
    convert(repo, "link.yaml")  # named by the user, and inside: the file behind it is replaced
    assert "bulla.dev" in target.read_text() and (repo.top / "link.yaml").is_symlink()


def test_a_folder_that_cannot_be_written(repo):
    if os.getuid() == 0:
        pytest.skip("root may write anywhere")
    path = repo.write("x/db.yaml", dump(secret()))
    path.parent.chmod(0o500)
    done = convert(repo, ".", status=None)
    path.parent.chmod(0o700)
    assert done.status != 0 and "0 converted" in done.err and "Secret" in path.read_text()


def test_no_trace_in_other_files(repo):
    """Nothing that was plain is written anywhere."""
    repo.write("db.yaml", dump(secret()))
    convert(repo, ".", "-w", "out")
    (repo.top / "db.yaml").unlink()
    found = subprocess.run(["grep", "-rlE", "hunter2|aHVudGVyMg", repo.path], capture_output=True, text=True, check=False)
    assert found.stdout == ""

# SPDX-License-Identifier: Apache-2.0
"""bulla import sealed-secrets, against SealedSecrets that the real kubeseal made."""
import base64
import json
import os
import subprocess

import pytest
import yaml

import neighbours
from checkout import FINDINGS, INVALID, RECIPIENT, USAGE, Checkout

PASSWORD = "hunter2-\u00fc"


def key_pair(folder, bits=2048):
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", f"rsa:{bits}", "-keyout", folder / "tls.key",
                    "-out", folder / "tls.crt", "-subj", "/CN=test", "-days", "3650"], check=True, capture_output=True)


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    """The keys of a controller: a folder with tls.key and tls.crt."""
    folder = tmp_path_factory.mktemp("controller")
    key_pair(folder)
    return folder


@pytest.fixture
def repo(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.init("-r", "eu-west9")
    return checkout


def secret(name="db", namespace="web", **fields):
    data = {"PASSWORD": base64.b64encode(PASSWORD.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data,
            **fields}


def kubeseal(controller, manifest, *args, form="yaml"):
    return neighbours.run("kubeseal", "--cert", controller / "tls.crt", "--format", form, *args,
                          input=json.dumps(manifest))


def convert(repo, controller, *args, **kwargs):
    return repo.bulla("import", "sealed-secrets", *args, "--private-key", controller / "tls.key", **kwargs)


def opened(repo, path):
    return yaml.safe_load(repo.bulla("open", path, "-i", repo.recovery).out)


def tree(repo):
    return {str(p.relative_to(repo.top)): p.read_bytes() for p in repo.top.rglob("*")
            if p.is_file() and ".git/" not in str(p)}


# --- what is converted --------------------------------------------------------------------------------

@pytest.mark.parametrize("scope", ["strict", "namespace-wide", "cluster-wide"])
def test_each_scope(repo, controller, scope):
    path = repo.write("apps/db.yaml", kubeseal(controller, secret(), "--scope", scope))
    done = convert(repo, controller, "apps")
    assert "1 converted, 0 there already, 0 left where they are, 0 refused" in done.err
    assert opened(repo, path) == {**secret(), "type": "Opaque"}
    assert repo.bulla("check", "-i", repo.recovery).out == ""


def test_a_tree_keeps_its_layout(repo, controller):
    for place in ("a.yaml", "clusters/eu/b.yml", "clusters/us/deep/c.yaml"):
        repo.write(place, kubeseal(controller, secret(place.rsplit("/")[-1].split(".")[0])))
    repo.write("values.yaml", "anchors: &a [1]\nmore: *a\n")  # not ours to read
    repo.write("deploy.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n")
    before = tree(repo)
    done = convert(repo, controller, ".", "-o", "json")
    report = json.loads(done.out)
    assert report["converted"] == 3 and report["refused"] == 0
    assert [row["to"] for row in report["items"]] == ["a.yaml", "clusters/eu/b.yml", "clusters/us/deep/c.yaml"]
    assert all(row["sealedTo"] == "eu-west9, recovery" for row in report["items"])
    after = tree(repo)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == {row["to"] for row in report["items"]}
    again = json.loads(convert(repo, controller, ".", "-o", "json").out)
    assert again["items"] == [] and tree(repo) == after


def test_neighbours_in_a_file_stay(repo, controller):
    sealed = kubeseal(controller, secret()).removeprefix("---\n")
    head, tail = "# head\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'x'}\n", "# tail\na:   b\n"
    path = repo.write("all.yaml", head + "---\n# of the Secret\n" + sealed + "---\n" + tail)
    convert(repo, controller, "all.yaml")
    text = path.read_text()
    assert text.startswith(head + "---\n# of the Secret\napiVersion: bulla.dev/v1\n") and text.endswith("---\n" + tail)
    assert "bitnami.com" not in text and len(list(yaml.safe_load_all(text))) == 3
    assert opened(repo, path)["data"] == secret()["data"]


def test_line_ends_stay(repo, controller):
    path = repo.write("crlf.yaml", kubeseal(controller, secret()).replace("\n", "\r\n"))
    convert(repo, controller, "crlf.yaml")
    assert b"\r\n" in path.read_bytes() and path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")
    assert opened(repo, path)["data"] == secret()["data"]


def test_json_becomes_yaml(repo, controller):
    old = repo.write("db.json", kubeseal(controller, secret(), form="json"))
    convert(repo, controller, ".")
    assert not old.exists() and opened(repo, "db.yaml")["data"] == secret()["data"]


def test_json_does_not_take_a_name_that_is_taken(repo, controller):
    repo.write("db.json", kubeseal(controller, secret(), form="json"))
    other = repo.write("db.yaml", "a: b\n")
    done = convert(repo, controller, ".", status=FINDINGS)
    assert "db.yaml is there already" in done.out and other.read_text() == "a: b\n" and (repo.top / "db.json").exists()


def test_another_folder(repo, controller):
    repo.write("in/x/db.yaml", kubeseal(controller, secret()))
    before = tree(repo)
    assert "to out/x/db.yaml for" in convert(repo, controller, "in", "-w", "out").out
    assert {k: v for k, v in tree(repo).items() if not k.startswith("out")} == before
    assert opened(repo, "out/x/db.yaml")["data"] == secret()["data"]
    written = tree(repo)
    again = convert(repo, controller, "in", "-w", "out", "-o", "json")
    assert json.loads(again.out)["there"] == 1 and tree(repo) == written
    # what is new is added to what is there
    repo.write("in/x/db.yaml", (repo.top / "in/x/db.yaml").read_text() + kubeseal(controller, secret("two")))
    convert(repo, controller, "in", "-w", "out")
    assert tree(repo)["out/x/db.yaml"].startswith(written["out/x/db.yaml"])
    assert json.loads(repo.bulla("show", "out", "-o", "json").out)["documents"][1]["name"] == "two"


def test_labels_annotations_and_type(repo, controller):
    manifest = secret(metadata={"name": "db", "namespace": "web", "labels": {"app": "db"},
                                "annotations": {"team": "a", "example.org/x": "y"}},
                      type="kubernetes.io/basic-auth",
                      data={"username": "YWxpY2U=", "password": "aHVudGVyMg=="})
    path = repo.write("db.yaml", kubeseal(controller, manifest))
    done = convert(repo, controller, "db.yaml")
    assert "example.org/x is left out" in done.err
    got = opened(repo, path)
    assert got["type"] == "kubernetes.io/basic-auth" and got["data"] == manifest["data"]
    assert got["metadata"] == {"name": "db", "namespace": "web", "labels": {"app": "db"}, "annotations": {"team": "a"}}
    assert "basic-auth" in done.out


def test_immutable_is_told(repo, controller):
    repo.write("db.yaml", kubeseal(controller, secret(immutable=True)))
    assert "immutable is left out" in convert(repo, controller, "db.yaml").err


def test_keys_as_kubectl_prints_them(repo, controller, tmp_path):
    """Several keys in a List, the right one last; from standard input."""
    other = tmp_path / "other"
    other.mkdir()
    key_pair(other)
    items = [{"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": f"k{i}"},
              "data": {f: base64.b64encode((folder / f).read_bytes()).decode() for f in ("tls.crt", "tls.key")}}
             for i, folder in enumerate((other, controller))]
    manifest = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items})
    path = repo.write("db.yaml", kubeseal(controller, secret()))
    repo.bulla("import", "sealed-secrets", "db.yaml", "--private-key", "-", input=manifest)
    assert opened(repo, path)["data"] == secret()["data"]


def test_rules_decide_for_each_file(repo, controller):
    config = repo.top / ".bulla/config"
    repo.bulla("recipients", "add", "us-east1")
    text = config.read_text()
    at = text.index("rules:\n") + len("rules:\n")
    config.write_text(text[:at] + '  - path: "us/**"\n    to: [us-east1]\n' + text[at:])
    for place in ("eu/a.yaml", "us/a.yaml"):
        repo.write(place, kubeseal(controller, secret()))
    rows = json.loads(convert(repo, controller, "eu", "us", "-o", "json").out)["items"]
    assert [row["sealedTo"] for row in rows] == ["eu-west9, recovery", "recovery, us-east1"]


# --- what is not --------------------------------------------------------------------------------------

@pytest.mark.parametrize("change, why", [
    (lambda d: d["metadata"].update(name="other"), "no key given opens it for web/other"),
    (lambda d: d["metadata"].update(namespace="other"), "no key given opens it for other/db"),
    (lambda d: d["metadata"].update(annotations={"sealedsecrets.bitnami.com/cluster-wide": "true"}), "or scope"),
    (lambda d: d["spec"]["encryptedData"].update(PASSWORD="AgB="), "not base64"),
    (lambda d: d["spec"]["template"].update(data={"url": "x://{{ .PASSWORD }}"}), "a template ({{ }})"),
    (lambda d: d["spec"].update(data="AgB1"), "spec.data: the form before"),
    (lambda d: d["spec"]["template"].update(type="kubernetes.io/service-account-token"), "is never sealed"),
    (lambda d: d["spec"]["template"]["metadata"].update(annotations={"replicator.v1.mittwald.de/replicate-to": "*"}),
     "it makes replicator copy the Secret"),
    (lambda d: d["metadata"].pop("namespace"), "say with -n where it goes"),
    (lambda d: d.update(apiVersion="bitnami.com/v2"), "apiVersion: not bitnami.com/v1alpha1"),
])
def test_refused(repo, controller, change, why):
    document = yaml.safe_load(kubeseal(controller, secret()))
    change(document)
    repo.write("bad.yaml", yaml.safe_dump(document))
    repo.write("good.yaml", kubeseal(controller, secret("good")))
    before = tree(repo)
    done = convert(repo, controller, ".", status=FINDINGS)
    assert why in done.out and PASSWORD not in done.out + done.err
    assert "1 converted" in done.err and "1 refused" in done.err
    assert {k for k, v in tree(repo).items() if v != before[k]} == {"good.yaml"}


def test_a_file_changes_as_a_whole(repo, controller):
    bad = yaml.safe_load(kubeseal(controller, secret()))
    bad["metadata"]["name"] = "moved"
    path = repo.write("two.yaml", kubeseal(controller, secret("good")) + "---\n" + yaml.safe_dump(bad))
    before = path.read_bytes()
    done = convert(repo, controller, ".", status=FINDINGS)
    assert "another object of the file is refused" in done.out and path.read_bytes() == before


def test_a_damaged_value(repo, controller):
    document = yaml.safe_load(kubeseal(controller, secret()))
    value = bytearray(base64.b64decode(document["spec"]["encryptedData"]["PASSWORD"]))
    value[-1] ^= 1
    document["spec"]["encryptedData"]["PASSWORD"] = base64.b64encode(value).decode()
    repo.write("db.yaml", yaml.safe_dump(document))
    assert "damaged: its tag is wrong" in convert(repo, controller, ".", status=FINDINGS).out


def test_in_a_list(repo, controller):
    items = [yaml.safe_load(kubeseal(controller, secret(name))) for name in ("a", "b")]
    repo.write("list.yaml", yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))
    assert "give -w DIR" in convert(repo, controller, ".", status=FINDINGS).out
    convert(repo, controller, ".", "-w", "out")
    names = [d["name"] for d in json.loads(repo.bulla("show", "out", "-o", "json").out)["documents"]]
    assert names == ["a", "b"]


def test_dry_run_writes_nothing(repo, controller):
    repo.write("db.yaml", kubeseal(controller, secret()))
    before = tree(repo)
    done = convert(repo, controller, ".", "--dry-run")
    assert "1 would be converted" in done.err and tree(repo) == before


def test_a_recipient_that_was_slipped_in(repo, controller):
    """A pull request that adds a recipient gets nothing by the import of someone else."""
    repo.write("db.yaml", kubeseal(controller, secret()))
    repo.write("other.yaml", kubeseal(controller, secret("other")))
    repo.tool("age-keygen", "-o", str(repo.path / "evil.key"))
    evil = repo.tool("age-keygen", "-y", str(repo.path / "evil.key")).strip()
    config = repo.top / ".bulla/config"
    config.write_text(config.read_text().replace("recipients:\n", f'recipients:\n  a-evil: "{evil}"\n')
                      .replace("to: [", "to: [a-evil, "))
    before = tree(repo)
    done = convert(repo, controller, ".", status=RECIPIENT)
    assert "a-evil" in done.err and tree(repo) == before
    # said yes once, for all files of the run
    rows = json.loads(convert(repo, controller, ".", "--accept", evil, "-o", "json").out)["items"]
    assert [row["sealedTo"] for row in rows] == ["a-evil, eu-west9, recovery"] * 2


def test_nobody_to_seal_to(repo, controller):
    repo.write("db.yaml", kubeseal(controller, secret()))
    (repo.top / ".bulla/config").unlink()
    before = tree(repo)
    assert "nobody to seal to" in convert(repo, controller, ".", status=RECIPIENT).err
    assert tree(repo) == before
    convert(repo, controller, ".", "-R", repo.write("../r.txt", repo.tool("age-keygen", "-y", str(repo.recovery))))


def test_links_lead_nowhere(repo, controller):
    outside = repo.path / "outside"
    outside.mkdir()
    (outside / "db.yaml").write_text(kubeseal(controller, secret()))
    before = (outside / "db.yaml").read_bytes()
    os.symlink(outside, repo.top / "link")
    os.symlink(outside / "db.yaml", repo.top / "db.yaml")
    assert "0 converted" in convert(repo, controller, ".").err
    assert "leads out of the Git work tree" in convert(repo, controller, "db.yaml", status=FINDINGS).out
    repo.write("in/a.yaml", kubeseal(controller, secret()))
    assert "leads out of the Git work tree" in convert(repo, controller, "in", "-w", "link", status=FINDINGS).out
    assert (outside / "db.yaml").read_bytes() == before and sorted(os.listdir(outside)) == ["db.yaml"]


@pytest.mark.parametrize("text, why", [
    ("", "holds no private key"), ("kind: Pod\n", "neither a PEM file nor"),
    ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key.pem: "),
])
def test_keys_that_are_none(repo, controller, text, why):
    key = repo.write("../key.pem", text)
    done = repo.bulla("import", "sealed-secrets", ".", "--private-key", key, status=INVALID)
    assert why in done.err


def test_command_line(repo, controller):
    repo.bulla("import", "sealed-secrets", ".", status=USAGE)
    repo.bulla("import", "sealed-secrets", "--private-key", controller / "tls.key", status=USAGE)
    convert(repo, controller, ".", "-n", "NO_", status=USAGE)
    convert(repo, controller, ".", "-w", "", status=USAGE)
    done = convert(repo, controller, "absent", status=None)
    assert done.status != 0 and "absent: cannot open" in done.err

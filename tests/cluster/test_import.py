# SPDX-License-Identifier: Apache-2.0
"""bulla import secret --context: the Secrets of a real cluster, and what of them is left where it is."""
import base64
import json
import pathlib
import sys

import pytest
import yaml

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from checkout import FINDINGS, IO, USAGE, Checkout  # noqa: E402

DATA = {"PASSWORD": base64.b64encode(b"hunter2").decode()}


@pytest.fixture
def repo(tmp_path, control_plane):
    checkout = Checkout(tmp_path)
    checkout.init("-r", "eu-west9")
    checkout.env["KUBECONFIG"] = str(control_plane.kubeconfig)
    return checkout


@pytest.fixture
def context(control_plane):
    return control_plane.kubectl("config", "current-context").strip()


def create(api, namespace, name, type="Opaque", data=None, **metadata):
    api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace, **metadata},
                "type": type, "data": DATA if data is None else data})


def convert(repo, context, *args, **kwargs):
    return repo.bulla("import", "secret", "--context", context, "-w", "live", *args, **kwargs)


def report(repo, context, *args, **kwargs):
    out = json.loads(convert(repo, context, *args, "-o", "json", **kwargs).out)
    return {row["document"]: row for row in out["items"]}


def test_a_namespace(repo, api, namespace, context):
    create(api, namespace, "db", labels={"app": "db"}, annotations={"team": "a"})
    create(api, namespace, "login", "kubernetes.io/basic-auth", {"username": "YQ==", "password": "Yg=="})
    create(api, namespace, "release", "helm.sh/release.v1")
    create(api, namespace, "cert", annotations={"cert-manager.io/certificate-name": "x"})
    create(api, namespace, "ours", annotations={"bulla.dev/owner": f"{namespace}/ours"})
    create(api, namespace, "copy", annotations={"reflector.v1.k8s.emberstack.com/reflects": "a/b"})
    create(api, namespace, "owned", ownerReferences=[
        {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "owned", "uid": "a-b"}])
    create(api, namespace, "odd", "example.org/odd")
    before = {s["metadata"]["name"]: s for s in api.get(f"/api/v1/namespaces/{namespace}/secrets")["items"]}
    rows = report(repo, context, "-n", namespace, status=FINDINGS)
    assert {name.split("/")[1]: row["result"] for name, row in rows.items()} == {
        "db": "converted", "login": "converted", "release": "left", "cert": "left", "ours": "left", "copy": "left",
        "owned": "left", "odd": "refused"}
    opened = yaml.safe_load(repo.bulla("open", f"live/{namespace}/db.yaml", "-i", repo.recovery).out)
    assert opened == {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": DATA, "metadata":
                      {"name": "db", "namespace": namespace, "labels": {"app": "db"}, "annotations": {"team": "a"}}}
    assert rows[f"{namespace}/login"]["kind"] == "basic-auth"
    assert "hunter2" not in json.dumps(rows) and DATA["PASSWORD"] not in json.dumps(rows)
    # nothing in the cluster was changed
    assert before == {s["metadata"]["name"]: s for s in api.get(f"/api/v1/namespaces/{namespace}/secrets")["items"]}
    assert repo.bulla("check", "-i", repo.recovery).out == ""
    # what is there stays there
    written = (repo.top / f"live/{namespace}/db.yaml").read_bytes()
    assert report(repo, context, "-n", namespace, status=FINDINGS)[f"{namespace}/db"]["result"] == "there"
    assert (repo.top / f"live/{namespace}/db.yaml").read_bytes() == written


def test_the_command_that_lets_the_agent_take_it(repo, api, namespace, context, control_plane):
    create(api, namespace, "db")
    done = convert(repo, context, "-n", namespace, "db")
    command = f"kubectl --context {context} -n {namespace} annotate secret db bulla.dev/adopt={namespace}/db"
    assert f"bulla:   {command}\n" in done.err
    control_plane.kubectl(*command.split()[1:])
    got = api.get(f"/api/v1/namespaces/{namespace}/secrets/db")
    assert got["metadata"]["annotations"] == {"bulla.dev/adopt": f"{namespace}/db"}


def test_named(repo, api, namespace, context):
    create(api, namespace, "a")
    create(api, namespace, "b")
    rows = report(repo, context, "-n", namespace, "a", "absent", status=FINDINGS)
    assert {name.split("/")[1]: row["result"] for name, row in rows.items()} == {"a": "converted", "absent": "refused"}
    assert rows[f"{namespace}/absent"]["reason"] == "there is no such Secret"
    assert not (repo.top / f"live/{namespace}/b.yaml").exists()
    convert(repo, context, "a", status=USAGE)
    convert(repo, context, "-n", namespace, "A_", status=USAGE)


def test_all_namespaces(repo, api, namespace, context):
    """Those of Kubernetes itself and of the agent are left, and more than one page is read."""
    for i in range(130):
        create(api, namespace, f"s{i:03}")
    create(api, "kube-system", f"in-kube-{namespace}")
    rows = report(repo, context, "--dry-run", status=None)
    assert sum(row["result"] == "converted" for name, row in rows.items() if name.startswith(f"{namespace}/s")) == 130
    assert rows[f"kube-system/in-kube-{namespace}"]["result"] == "left"
    assert not (repo.top / "live").exists()


def test_without_rights(repo, api, namespace, context, control_plane):
    create(api, namespace, "db")
    other = repo.path / "kubeconfig"
    config = yaml.safe_load(pathlib.Path(control_plane.kubeconfig).read_text())
    config["users"][0]["user"] = {"token": "none"}
    other.write_text(yaml.safe_dump(config))
    done = convert(repo, context, "-n", namespace, "--kubeconfig", other, status=None)
    assert done.status != 0 and "list Secrets" in done.err and not (repo.top / "live").exists()
    convert(repo, "no-such-context", "-n", namespace, status=USAGE)


def test_server_that_is_away(repo, context, control_plane):
    config = yaml.safe_load(pathlib.Path(control_plane.kubeconfig).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    away = repo.path / "kubeconfig"
    away.write_text(yaml.safe_dump(config))
    done = convert(repo, context, "-n", "web", "--kubeconfig", away, status=IO)
    assert "list Secrets" in done.err

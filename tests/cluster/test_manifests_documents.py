# SPDX-License-Identifier: Apache-2.0
"""What bulla writes is what the CRD takes: every kind, the largest, and the two-region example with all around it."""
import base64
import json
import subprocess
from pathlib import Path

import pytest
import yaml

import controlplane
import need
from manifests import APPLY, MANIFESTS, TOP, apply_strictly, kustomize  # also finds tests/e2e
from processes import wait_for

from checkout import Checkout
from documents import KINDS
from test_two_regions import Repository

URL = "github.com/barolab/foobar-infra"


@pytest.fixture(scope="module")
def api(programs, tmp_path_factory):
    with controlplane.ControlPlane(tmp_path_factory.mktemp("documents"), programs) as plane:
        apply_strictly(plane.admin, [yaml.safe_load((MANIFESTS / "base/crd.yaml").read_text())])
        plane.admin.ensure("v1", "Namespace", None, "team-a")
        yield plane.admin


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    repo = Checkout(tmp_path_factory.mktemp("sealed"))
    repo.init("-r", "eu-west9", "-r", "us-east1")
    return repo


def run(*command, **kwargs):
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True, **kwargs).stdout


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Files with real keys, certificates and tokens of the right shape."""
    d = tmp_path_factory.mktemp("material")
    run("openssl", "genrsa", "-out", d / "rsa.pem", "2048")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", d / "tls.key",
        "-out", d / "tls.crt", "-days", "30", "-subj", "/CN=foobar-api", "-addext", "subjectAltName=DNS:foobar-api")
    run("age-keygen", "-o", d / "age.txt")
    (d / "token").write_text(run(TOP / "scripts/test-token"))
    (d / "hook").write_text("0123456789abcdef0123456789abcdef01234567")
    (d / "password").write_text("correct horse battery")
    (d / "env").write_text("NO=x\n_1e5=y\nPASSWORD='a b'\n")
    (d / "gcp.json").write_text(json.dumps({
        "type": "service_account", "project_id": "foobar-1234", "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "private_key": run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", d / "rsa.pem"), "client_id": "1234567890",
        "client_email": "robot@foobar-1234.iam.gserviceaccount.com", "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/robot", "universe_domain": "googleapis.com"}))
    for path in d.iterdir():
        path.chmod(0o600)
    return d


def arguments(d):
    return {
        "registry": ["--server", "ghcr.io", "--username", "bot", "--token-file", d / "token", "--namespaces", "web,team-*",
                     "--service-accounts", "default"],
        "deploy-key": ["--url", f"ssh://git@{URL}"],
        "git-https": ["--url", f"https://{URL}", "--username", "git", "--token-file", d / "token", "--ca", d / "tls.crt"],
        "github-app": ["--url", f"https://{URL}", "--app-id", "12345", "--private-key", d / "rsa.pem", "--owner", "barolab"],
        "tls": ["--cert", d / "tls.crt", "--private-key", d / "tls.key", "--ca", d / "tls.crt", "--alias", "cert.pem=tls.crt"],
        "basic-auth": ["--username", "admin", "--password-file", d / "password"],
        "proxy": ["--address", "http://proxy.example:3128", "--username", "u", "--password-file", d / "password"],
        "webhook-token": ["--token-file", d / "hook"],
        "age-key": ["--private-key", d / "age.txt"],
        "gcp-service-account": ["--key-file", d / "gcp.json"],
        "opaque": ["--from-env-file", d / "env"],
    }


def put(api, text):
    """Strictly, by server-side apply; the object as the server keeps it."""
    document = yaml.safe_load(text)
    return document, api.patch(api.path_of(document), document, APPLY, fieldManager="tests", force="true", fieldValidation="Strict")


@pytest.mark.parametrize("policy", ["", "Retain"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_accepted_and_kept_as_it_is(api, repo, material, kind, policy):
    given = arguments(material)
    assert set(given) == set(KINDS)
    more = ["--deletion-policy", policy, "--label", "app.kubernetes.io/name=foobar", "--annotation", "a.example/b=\u00e9 ${x}",
            *(["--expires", "30d"] if kind != "tls" else [])] if policy else []
    text = repo.bulla("seal", kind, f"{kind}{policy.lower()}", "-n", "team-a", "-r", "eu-west9", "-r", "us-east1", *given[kind], *more).out
    document, stored = put(api, text)
    assert stored["spec"] == document["spec"]


@pytest.mark.parametrize("type_name", sorted({(k.name, t) for k in KINDS.values() for t in k.types[1:]}))
def test_other_types_of_a_kind_are_accepted(api, repo, material, type_name):
    kind, secret_type = type_name
    text = repo.bulla("seal", kind, f"{kind}-other", "-n", "team-a", "-r", "eu-west9", "--secret-type", secret_type,
                      *arguments(material)[kind]).out
    document, stored = put(api, text)
    assert stored["spec"]["secret"]["type"] == secret_type and stored["spec"] == document["spec"]


@pytest.mark.parametrize("together", [True, False])
def test_as_much_as_bulla_seals_is_accepted(api, repo, tmp_path, together):
    """Nearly 1 MiB of document, most of it one armored part; and 255 parts."""
    args = []
    for i in range(1 if together else 255):
        (tmp_path / f"v{i}").write_bytes(b"\xff" * (480000 if together else 200))
        args += ["--from-file", tmp_path / f"v{i}"]
    text = repo.bulla("seal", "opaque", "large", "-n", "team-a", "-r", "eu-west9", *args, *(["--together"] if together else [])).out
    document, stored = put(api, text)
    assert stored["spec"] == document["spec"]
    if together:
        assert len(document["spec"]["parts"]["credential"]["sealed"]) > 786432


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return Repository(tmp_path_factory.mktemp("two-regions"))


@pytest.mark.parametrize("region", ["eu-west9", "us-east1"])
def test_two_regions_apply_in_their_order(programs, example, tmp_path, new_control_plane, region):
    """Infrastructure, then the documents, strictly; and in the wrong order the server says that the kind is not there."""
    plane = new_control_plane()
    api, kubectl = plane.admin, programs["kubectl"]
    documents = kustomize(kubectl, example.top / f"clusters/{region}/credentials")
    assert {(d["kind"], d["metadata"]["namespace"], d["metadata"]["name"]) for d in documents} == {
        ("SealedCredential", *k) for k in example.documents(region)}
    early = plane.kubectl("apply", "--server-side", "-f", example.top / f"clusters/{region}/credentials/flux-ssh.yaml", check=False)
    assert early.returncode != 0 and "no matches for kind \"SealedCredential\"" in early.stderr
    plane.kubectl("apply", "--server-side", "--validate=strict", "-k", example.top / f"clusters/{region}/bulla")
    plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/sealedcredentials.bulla.dev")
    wait_for(lambda: applied(plane, example.top / f"clusters/{region}/credentials"), 30, "the documents")
    for thing in documents:
        stored = api.get(api.path_of(thing))
        assert stored["spec"] == thing["spec"] and stored["status"] == {"observedGeneration": -1}
    # no Secret of the example stands in plain in the cluster
    assert [s["metadata"]["name"] for s in api.list("/api/v1/secrets")] == ["bulla-canary"]


def applied(plane, folder):
    done = plane.kubectl("apply", "--server-side", "--validate=strict", "-k", folder, check=False)
    assert done.returncode == 0, done.stderr
    return True


@pytest.mark.parametrize("region", ["eu-west9", "us-east1"])
def test_flux_objects_are_those_that_flux_takes(programs, example, new_control_plane, region):
    """By the CRDs of Flux's own controllers, strictly."""
    flux = need.programs("flux")
    plane = new_control_plane(controller_manager=False)
    crds = [yaml.safe_load(p.read_text()) for name in ("source-controller", "kustomize-controller")
            for p in sorted(Path(flux[f"crds-{name}"]).glob("*.yaml"))]
    apply_strictly(plane.admin, crds)
    plane.admin.ensure("v1", "Namespace", None, "flux-system")
    for name in ("podinfo", "monitoring"):
        plane.admin.ensure("v1", "Namespace", None, name)
    objects = kustomize(programs["kubectl"], example.top / "clusters" / region)
    for folder in ("apps", "grafana"):
        objects += [o for o in kustomize(programs["kubectl"], example.top / folder) if o["apiVersion"].startswith("source.toolkit")]
    assert len(objects) == 8
    for thing in objects:
        plane.admin.patch(plane.admin.path_of(thing), thing, APPLY, fieldManager="tests", force="true", fieldValidation="Strict")


def test_registry_login_that_is_copied_names_its_targets(example):
    """The facts by which fan-out is bound."""
    facts = example.documents("eu-west9")["flux-system", "ghcr"]["spec"]["parts"]["credential"]["facts"]
    assert facts["namespaces"] == "podinfo,web" and facts["service-accounts"] == "default"
    opened = example.run("age", "-d", "-i", example.path / "recovery.key", example.path / write(example, "ghcr")).stdout
    login = json.loads(base64.b64decode(json.loads(opened)["data"][".dockerconfigjson"]))
    assert login["auths"]["ghcr.io"]["password"] == example.token


def write(example, name):
    """The age file of a document's one part, in a file."""
    part = example.documents("eu-west9")["flux-system", name]["spec"]["parts"]["credential"]
    (example.path / f"{name}.age").write_text(part["sealed"])
    return f"{name}.age"

# SPDX-License-Identifier: Apache-2.0
"""manifests/examples/two-regions: the repository it makes is whole, and each region opens what is for it."""
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from checkout import BIN

TOP = Path(__file__).resolve().parents[2]
EXAMPLE = TOP / "manifests/examples/two-regions"
REGIONS = ("eu-west9", "us-east1")
PASSWORD = "canary-grafana-7kQz"
VARIABLE = "canary-terraform-9xVw"


class Repository:
    """What make-repository makes of inputs that are made here.  where: URL and known_hosts of a Git server."""

    def __init__(self, path, *where):
        self.path, self.top, self.inputs = path, path / "repo", path / "inputs"
        self.env = {**os.environ, "HOME": str(path / "home"), "XDG_CONFIG_HOME": str(path / "home/.config"),
                    "PATH": f"{BIN}:{os.environ['PATH']}", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        (path / "home").mkdir()
        self.make_inputs()
        self.run(EXAMPLE / "make-repository", self.top, self.inputs, *where)

    def run(self, *command, cwd=None, check=True):
        done = subprocess.run([*map(str, command)], cwd=cwd or self.path, env=self.env, capture_output=True, text=True,
                              timeout=120)
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done

    def make_inputs(self):
        self.inputs.mkdir()
        self.run("age-keygen", "-o", self.path / "recovery.key")
        (self.inputs / "recovery").write_text(self.run("age-keygen", "-y", self.path / "recovery.key").stdout)
        self.token = self.run(TOP / "scripts/test-token").stdout.strip()
        (self.inputs / "ghcr-token").write_text(self.token + "\n")
        self.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                 "90", "-subj", "/CN=foobar-api", "-addext", "subjectAltName=DNS:foobar-api.web.svc", "-keyout",
                 self.inputs / "foobar-api.key", "-out", self.inputs / "foobar-api.crt")
        (self.inputs / "grafana.env").write_text(f"grafana_admin_user=admin\ngrafana_admin_password={PASSWORD}\n")
        (self.inputs / "terraform.env").write_text(f"github_token={VARIABLE}\n")

    def objects(self, folder):
        """Every object below a folder, with its file."""
        for path in sorted((self.top / folder).rglob("*.yaml")):
            for thing in yaml.safe_load_all(path.read_text()):
                if thing and "kind" in thing and "metadata" in thing:
                    yield path.relative_to(self.top), thing

    def documents(self, region):
        return {(d["metadata"]["namespace"], d["metadata"]["name"]): d for folder in ("common", region)
                for _, d in self.objects(f"credentials/{folder}") if d["kind"] == "SealedCredential"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return Repository(tmp_path_factory.mktemp("two-regions"))


@pytest.fixture(scope="module")
def secrets(repository):
    """region -> the folder of Secrets that an agent with the region's key makes."""
    made = {}
    for region in REGIONS:
        keys, out = repository.path / "keys" / region, repository.path / "secrets" / region
        out.mkdir(parents=True)
        repository.run(BIN / "bulla", "keys", "install", region, "-i", repository.path / "recovery.key", "--to", keys,
                       cwd=repository.top)
        # one region's document is not for the other, and both have the same name: each sees its own and common
        tree = repository.path / "trees" / region
        tree.mkdir(parents=True)
        for folder in ("common", region):
            (tree / folder).symlink_to(repository.top / "credentials" / folder)
        repository.run("cp", "-RL", tree, tree.with_suffix(".plain"))
        repository.run(BIN / "bulla-agent", "--documents", tree.with_suffix(".plain"), "--secrets", out, "--keys", keys, "--once")
        made[region] = out
    return made


def test_nothing_sealed_or_secret_is_committed_in_the_tree():
    committed = [p for p in EXAMPLE.rglob("*") if p.is_file()]
    assert len(committed) > 20
    for name in committed:
        text = name.read_text()
        assert "BEGIN AGE" not in text and "AGE-SECRET" not in text and "SealedCredential" not in text, name


def test_no_plaintext_comes_into_the_repository(repository):
    key = (repository.inputs / "foobar-api.key").read_text().splitlines()[1]
    for secret in (repository.token, PASSWORD, VARIABLE, key):
        found = repository.run("grep", "-rlF", "--", secret, repository.top, check=False)
        assert (found.returncode, found.stdout) == (1, "")


def test_check_finds_nothing(repository):
    done = repository.run(BIN / "bulla", "check", cwd=repository.top)
    assert "6 documents checked" in done.stderr and "0 findings, 0 warnings" in done.stderr


def test_each_deploy_key_is_for_its_region_alone(repository):
    texts = set()
    for region in REGIONS:
        part = repository.documents(region)["flux-system", "flux-ssh"]["spec"]["parts"]["credential"]
        assert set(part["recipients"]) == {region, "recovery"}
        texts.add(part["facts"]["public-key"])
    assert len(texts) == 2
    for document in repository.documents("eu-west9").values():
        for part in document["spec"]["parts"].values():
            assert "recovery" in part["recipients"] and "eu-west9" in part["recipients"]


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_opens_its_documents(repository, secrets, region):
    out = secrets[region]
    made = {(p.parent.name, p.name) for p in out.glob("[!.]*/[!.]*")}
    assert made == set(repository.documents(region))
    assert (out / "flux-system/grafana-admin/grafana_admin_password").read_text() == PASSWORD
    assert (out / "flux-system/terraform-vars/github_token").read_text() == VARIABLE
    assert (out / "web/foobar-api-tls/tls.key").read_bytes() == (repository.inputs / "foobar-api.key").read_bytes()
    public = repository.documents(region)["flux-system", "flux-ssh"]["spec"]["parts"]["credential"]["facts"]["public-key"]
    derived = repository.run("ssh-keygen", "-y", "-f", out / "flux-system/flux-ssh/identity").stdout
    assert derived.split()[:2] == public.split()[:2]


def references(thing, namespace):
    """(namespace, Secret) pairs that an object names."""
    def walk(value, key=None):
        if isinstance(value, dict):
            if key in ("secretRef", "certSecretRef") or value.get("kind") == "Secret" and set(value) <= {"kind", "name"}:
                yield namespace, value["name"]
            if "secretName" in value:
                yield namespace, value["secretName"]
            for k, v in value.items():
                yield from walk(v, k)
        elif isinstance(value, list):
            for v in value:
                yield from walk(v, key)
    yield from walk(thing)


@pytest.mark.parametrize("region", REGIONS)
def test_every_secret_that_is_read_is_sealed(repository, region):
    """In its namespace, or as a copy that the document asks for and the map of the agent allows."""
    there = set(repository.documents(region))
    allowed = yaml.safe_load((repository.top / "infrastructure/bulla/fan-out.yaml").read_text())
    for (namespace, name), document in repository.documents(region).items():
        for part in document["spec"]["parts"].values():
            for target in filter(None, part["facts"].get("namespaces", "").split(",")):
                assert target in allowed[namespace]["namespaces"]
                assert document["spec"]["kind"] in allowed[namespace]["kinds"]
                assert set(part["facts"]["service-accounts"].split(",")) <= set(allowed[namespace]["serviceAccounts"])
                there.add((target, name))
    read = set()
    for folder in ("apps", "grafana", f"clusters/{region}"):
        for _, thing in repository.objects(folder):
            read |= set(references(thing, thing["metadata"]["namespace"]))
    assert read <= there
    # the kubelet reads the login through the accounts in web, and nothing of a Pod names it there
    assert there - read == {("flux-system", "ghcr"), ("web", "ghcr")}


@pytest.mark.parametrize("region", REGIONS)
def test_order_of_flux(repository, region):
    """CRD and agent, then the documents, then who reads them; each waits until the one before is ready."""
    found = {t["metadata"]["name"]: t["spec"] for _, t in repository.objects(f"clusters/{region}")
             if t["apiVersion"].startswith("kustomize.toolkit") and t["kind"] == "Kustomization"}
    after = {name: [d["name"] for d in spec.get("dependsOn", [])] for name, spec in found.items()}
    assert after == {"flux-system": [], "infrastructure": [], "credentials": ["infrastructure"], "apps": ["credentials"],
                     "grafana": ["credentials"]}
    assert all(spec["wait"] for name, spec in found.items() if name != "flux-system")
    assert found["credentials"]["path"] == f"./credentials/{region}"
    for name, spec in found.items():
        assert (repository.top / spec["path"] / "kustomization.yaml").exists(), name
    documents = [p for p, t in repository.objects(".") if t["kind"] == "SealedCredential"]
    assert len(documents) == 6 and all(p.parts[0] == "credentials" for p in documents)


def test_namespaces_of_documents_are_made_before(repository):
    made = {t["metadata"]["name"] for _, t in repository.objects("infrastructure") if t["kind"] == "Namespace"}
    wanted = {n for region in REGIONS for n, _ in repository.documents(region)}
    used = {t["metadata"]["namespace"] for f in ("apps", "grafana") for _, t in repository.objects(f)}
    assert wanted | used <= made


def test_every_kustomization_lists_its_folder(repository):
    """Flux and kubectl take what is listed, and nothing that is not there."""
    files = [p for p in repository.top.rglob("kustomization.yaml") if "manifests" not in p.parts]
    assert len(files) == 14
    for path in files:
        listed = set(yaml.safe_load(path.read_text())["resources"])
        for entry in listed:
            target = (path.parent / entry)
            assert target.is_file() or (target / "kustomization.yaml").is_file(), (path, entry)
        beside = {p.name for p in path.parent.glob("*.yaml")} - {"kustomization.yaml", "fan-out.yaml"}
        assert beside <= listed, path

# SPDX-License-Identifier: Apache-2.0
"""manifests/examples/two-regions: it is what bulla bootstrap writes and a person adds, the repository it makes is
whole, and each region opens what is for it."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bootstrapbed import Bed, Cluster
from checkout import BIN
from kubeserver import Authority

TOP = Path(__file__).resolve().parents[2]
EXAMPLE = TOP / "manifests/examples/two-regions"
REGIONS = ("eu-west9", "us-east1")
PASSWORD = "canary-grafana-7kQz"
VARIABLE = "canary-terraform-9xVw"


IMAGE = "ghcr.io/barolab/bulla-agent:0.1.0"
URL = "ssh://git@github.com/barolab/foobar-infra"


class Repository:
    """What make-repository makes of inputs that are made here, and, as bulla bootstrap does with a cluster at hand,
    the deploy keys and the agent's manifest.  url, known_hosts: of another Git server than GitHub."""

    def __init__(self, path, url=URL, known_hosts=None):
        self.path, self.top, self.inputs = path, path / "repo", path / "inputs"
        self.env = {**os.environ, "HOME": str(path / "home"), "XDG_CONFIG_HOME": str(path / "home/.config"),
                    "PATH": f"{BIN}:{os.environ['PATH']}", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        (path / "home").mkdir()
        self.make_inputs()
        self.run(EXAMPLE / "make-repository", self.top, self.inputs, url)
        for region in REGIONS:
            hosts = ["--known-hosts", known_hosts] if known_hosts else []
            self.run(BIN / "bulla", "seal", "deploy-key", "flux-ssh", "-n", "flux-system", "--url", url, *hosts,
                     "-w", f"clusters/{region}/credentials/", cwd=self.top)
            manifest = (TOP / "manifests/install.yaml").read_text().replace("bulla.dev/bulla-agent:0.1.0", IMAGE)
            (self.top / f"clusters/{region}/bulla/agent.yaml").write_text(manifest)
        self.run("git", "add", "-A", cwd=self.top)

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
        return {(d["metadata"]["namespace"], d["metadata"]["name"]): d
                for folder in ("credentials/common", f"clusters/{region}/credentials")
                for _, d in self.objects(folder) if d["kind"] == "SealedCredential"}


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
        (tree / "common").symlink_to(repository.top / "credentials/common")
        (tree / region).symlink_to(repository.top / "clusters" / region / "credentials")
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
        for path, thing in repository.objects(folder):
            if path.parent.name == "bulla":
                continue  # the agent's keys are no document's
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
    assert after == {"flux-system": [], "bulla": [], "credentials": ["bulla"], "apps": ["credentials"], "grafana": ["credentials"]}
    assert all(spec["wait"] for name, spec in found.items() if name != "flux-system")
    assert found["credentials"]["path"] == f"./clusters/{region}/credentials"
    for name, spec in found.items():
        assert (repository.top / spec["path"] / "kustomization.yaml").exists(), name
    documents = [p for p, t in repository.objects(".") if t["kind"] == "SealedCredential"]
    assert len(documents) == 6 and all("credentials" in p.parts[:-1] for p in documents)


def test_namespaces_of_documents_are_made_before(repository):
    made = {t["metadata"]["name"] for _, t in repository.objects("infrastructure") if t["kind"] == "Namespace"}
    wanted = {n for region in REGIONS for n, _ in repository.documents(region)}
    used = {t["metadata"]["namespace"] for f in ("apps", "grafana") for _, t in repository.objects(f)}
    assert wanted | used <= made


def test_every_kustomization_lists_its_folder(repository):
    """Flux and kubectl take what is listed, and nothing that is not there."""
    files = [p for p in repository.top.rglob("kustomization.yaml") if "manifests" not in p.parts]
    assert len(files) == 16
    for path in files:
        text = yaml.safe_load(path.read_text())
        listed = {*text.get("resources", []), *text.get("components", [])}
        for entry in listed:
            target = (path.parent / entry)
            assert target.is_file() or (target / "kustomization.yaml").is_file(), (path, entry)
        beside = {p.name for p in path.parent.glob("*.yaml")} - {"kustomization.yaml", "fan-out.yaml"}
        assert beside <= listed, path


# --- what of it bulla bootstrap writes --------------------------------------------------------------------

LISTED = {"kustomization.yaml": ["flux-system", "bulla.yaml", "credentials.yaml"], "bulla/kustomization.yaml": ["agent.yaml"],
          "credentials/kustomization.yaml": ["flux-ssh.yaml"], "flux-system/kustomization.yaml": ["gotk-sync.yaml"]}
WHOLE = ["flux-system/gotk-sync.yaml", "bulla.yaml", "credentials.yaml", "flux-system/kustomization.yaml"]


def without(folder):
    """The example as it is before: what is a person's, and nothing of bootstrap's."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("agent.yaml", "flux-ssh.yaml", ".gitignore"))
    for region in REGIONS:
        for name in WHOLE:
            (folder / "clusters" / region / name).unlink()
        for name, entries in LISTED.items():
            path = folder / "clusters" / region / name
            if path.exists():
                lines = path.read_text().splitlines(True)
                path.write_text("".join(line for line in lines if line.strip().removeprefix("- ") not in entries))


def test_it_is_what_bootstrap_writes(tmp_path, two_clusters):
    """Both regions, on two API servers: every byte that is committed here, and beside it what is another each time."""
    certificate, clusters = two_clusters
    without(tmp_path / "repo")
    bed = Bed(tmp_path, certificate, clusters)
    bed.repo.git("init", "-q", "-b", "main")
    bed.repo.commit("before")
    for region, context in zip(REGIONS, ("c-eu", "c-us")):
        bed.run("--recovery", bed.repo.recovery, "--image", IMAGE, "--no-register", cluster=region, context=context,
                path=f"clusters/{region}")
    made = {str(p.relative_to(bed.repo.top)): p.read_text() for p in bed.repo.top.rglob("*")
            if p.is_file() and ".git" not in p.relative_to(bed.repo.top).parts[:1]}
    here = {str(p.relative_to(EXAMPLE)): p.read_text() for p in EXAMPLE.rglob("*") if p.is_file() and p.name != ".gitignore"}
    for name in WHOLE:  # a user's files carry nobody's licence
        for region in REGIONS:
            path = f"clusters/{region}/{name}"
            assert here[path] == "# SPDX-License-Identifier: Apache-2.0\n" + made.pop(path), path
            del here[path]
    beside = {".bulla/config", ".gitattributes", *(f".bulla/keys/{r}.age" for r in REGIONS),
              *(f"clusters/{r}/{name}" for r in REGIONS for name in ("bulla/agent.yaml", "credentials/flux-ssh.yaml"))}
    assert set(made) == set(here) | beside
    assert {name: made[name] for name in here} == here
    config = yaml.safe_load(made[".bulla/config"])
    assert set(config["recipients"]) == set(REGIONS)
    for region in REGIONS:
        document = yaml.safe_load(made[f"clusters/{region}/credentials/flux-ssh.yaml"])
        assert document["metadata"]["name"] == "flux-ssh" and document["spec"]["kind"] == "deploy-key"
        assert set(document["spec"]["parts"]["credential"]["recipients"]) == {region, "recovery"}
        manifest = (TOP / "manifests/install.yaml").read_text().replace("bulla.dev/bulla-agent:0.1.0", IMAGE)
        assert made[f"clusters/{region}/bulla/agent.yaml"].split("\n", 1)[1] == manifest
    assert bed.repo.git("status", "--porcelain") == ""


@pytest.fixture
def two_clusters(tmp_path):
    """The CA's certificate and two clusters that have Flux's kinds."""
    (tmp_path / "tls").mkdir()
    ca = Authority(tmp_path / "tls", "cluster")
    with Cluster(ca.issue("server", addresses=["127.0.0.1"])) as eu, Cluster(ca.issue("server", addresses=["127.0.0.1"])) as us:
        for cluster in (eu, us):
            cluster.know_flux()
        yield ca.ca, {"eu": eu, "us": us}


def test_the_manifest_that_bulla_carries_follows_the_base():
    subprocess.run([TOP / "scripts/install-manifest", "--check"], check=True)

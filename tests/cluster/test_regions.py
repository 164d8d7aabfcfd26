# SPDX-License-Identifier: Apache-2.0
"""manifests/examples/two-regions from nothing: one repository on a real OpenSSH server, two clusters with Flux's own
controllers, the agent as its Deployment's two containers.

eu-west9 comes up in the order of DESIGN 6.1, by bulla bootstrap; us-east1 by hand in the wrong one.  What they said on
the way is kept, and the tests look at it; each test leaves the clusters as it found them.
"""
import concurrent.futures
import contextlib
import json
import os
import re
import subprocess
import threading

import pytest
import yaml

import gitserver
import kubelet
import need
from agentbed import BIN, BULLA, conditions, documents_path, identity, plain, secrets_path
from api import ApiError
from controlplane import TOP, ControlPlane
from flux import NAMESPACE, Flux, crds
from gitserver import make_key
from manifests import CRD  # also finds tests/e2e
from node import CONTROLLERS, Node
from processes import wait_for

from hubbed import TOKEN
from hubserver import HubServer
from test_two_regions import PASSWORD, REGIONS, VARIABLE, Repository

SOURCE, KUSTOMIZE = ("source-controller", "kustomize-controller")
TERRAFORM_FILE = "apps/terraform/terraform.yaml"
REQUESTED = "reconcile.fluxcd.io/requestedAt"
# The Terraform controller is no Go module that can be had; its objects only have to be taken.
TERRAFORM = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "terraforms.infra.contrib.fluxcd.io"},
    "spec": {"group": "infra.contrib.fluxcd.io", "scope": "Namespaced",
             "names": {"kind": "Terraform", "plural": "terraforms", "singular": "terraform", "listKind": "TerraformList"},
             "versions": [{"name": "v1alpha2", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                 "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


class Example:
    """The repository, on its server.  A region's deploy key is registered there for reading."""

    def __init__(self, folder, server, programs):
        self.server, self.remote = server, server.repository("foobar-infra")
        known = folder / "known_hosts"
        known.write_text(server.known_hosts())
        (folder / "made").mkdir()
        self.made = Repository(folder / "made", self.remote.url, known)
        self.top = self.remote.tree = self.made.top
        self.remote.git("remote", "add", "origin", self.remote.bare)
        for region in REGIONS:
            self.register(region)
        components = [yaml.safe_load(f.read_text()) for f in crds(programs, SOURCE, KUSTOMIZE, "helm-controller")]
        files = {"": yaml.safe_dump_all([*components, TERRAFORM])}
        for region in REGIONS:
            flux = f"clusters/{region}/flux-system"
            files[f"{flux}/gotk-components.yaml"] = files[""]
            listed = (self.top / flux / "kustomization.yaml").read_text()
            files[f"{flux}/kustomization.yaml"] = listed + "- gotk-components.yaml\n"
            # a test has less patience than a cluster; apps and grafana want charts from elsewhere, and never get them
            for name in ("bulla", "credentials", "apps", "grafana"):
                text = (self.top / f"clusters/{region}/{name}.yaml").read_text()
                for field, given, taken in (("retryInterval", "1m", "5s"), ("timeout", "3m", "10s" if name in ("apps", "grafana") else "3m")):
                    assert text.count(f"  {field}: {given}\n") == 1
                    text = text.replace(f"{field}: {given}", f"{field}: {taken}")
                files[f"clusters/{region}/{name}.yaml"] = text
        del files[""]
        self.head = self.remote.commit(files, "first")

    def document(self, region):
        return self.made.documents(region)["flux-system", "flux-ssh"]

    def public_key(self, region):
        return self.document(region)["spec"]["parts"]["credential"]["facts"]["public-key"]

    def register(self, region):
        """As at GitHub: the public half, which the document shows to everyone."""
        self.server.authorize(self.public_key(region))

    def fetches(self, public_key):
        """How often a key was let in."""
        done = subprocess.run(["ssh-keygen", "-l", "-f", "-"], input=public_key, capture_output=True, text=True, check=True)
        return len(re.findall(rf"Accepted publickey .* {re.escape(done.stdout.split()[1])}$", self.server.server.output(), re.M))


class Cluster:
    def __init__(self, region, folder, programs, rootfs, example, stack):
        self.region, self.folder, self.programs, self.example, self.stack = region, folder, programs, example, stack
        self.plane = stack.enter_context(ControlPlane(folder / "plane", programs, controllers=CONTROLLERS))
        self.api = self.plane.admin
        self.start = self.api.get("/api/v1/secrets")["metadata"]["resourceVersion"]
        self.node = stack.enter_context(Node(self.plane, folder / "node", rootfs))
        self.flux = Flux(self.plane, folder / "flux", programs)
        self.said = {}

    # --- steps

    def run(self, *command, status=0):
        paths = [str(BIN), os.path.dirname(self.programs["kubectl"]), os.environ["PATH"]]
        env = {**self.example.made.env, "PATH": ":".join(paths), "KUBECONFIG": str(self.plane.kubeconfig)}
        done = subprocess.run([*map(str, command)], cwd=self.example.top, env=env, capture_output=True, text=True, timeout=180)
        assert done.returncode == status, (command, done.stdout, done.stderr, self.node.failed)
        return done

    def start_flux(self):
        self.stack.enter_context(self.flux)

    def install_keys(self):
        self.run(BULLA, "keys", "install", self.region, "--context", "admin", "-i", self.example.made.path / "recovery.key")

    def in_order(self):
        """The deploy key is sealed already, and registered; on the server of these tests nobody else can register one."""
        self.run(BULLA, "bootstrap", "--cluster", self.region, "--context", "admin", "--url", self.example.remote.url, "--path",
                 f"clusters/{self.region}", "-i", self.example.made.path / "recovery.key", "--no-commit")
        # Flux's Deployments are not in gotk-components.yaml here; they are these processes
        self.start_flux()
        self.flows()

    def in_wrong_order(self):
        """Flux, then agent, document and last the key."""
        kubectl, flux = self.plane.kubectl, self.example.top / f"clusters/{self.region}/flux-system"
        document = self.example.top / f"clusters/{self.region}/credentials/flux-ssh.yaml"
        self.start_flux()
        kubectl("apply", "--server-side", "-f", flux / "gotk-components.yaml")
        kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", flux / "gotk-components.yaml")
        kubectl("apply", "--server-side", "-k", flux)
        self.said["no agent"] = self.api.wait_condition(self.source, "Ready", "False")
        self.said["no CRD"] = kubectl("apply", "--server-side", "-f", document, check=False)
        kubectl("apply", "--server-side", "-k", self.example.top / f"clusters/{self.region}/bulla")
        kubectl("wait", "--for=condition=Established", "--timeout=180s", f"crd/{CRD}")
        kubectl("wait", "--for=condition=Available", "--timeout=180s", "-n", "bulla-system", "deployment/bulla-agent")
        wait_for(lambda: self.applied(document), 20, "the document taken")
        self.said["no key"] = self.api.wait_condition(documents_path(NAMESPACE, "flux-ssh"), "Ready", "False")
        self.said["still no key"] = self.api.wait_condition(self.source, "Ready", "False")
        self.said["applied"] = [k["metadata"]["name"] for k in self.api.list(self.kustomization(""))]
        self.install_keys()
        self.flows()

    def applied(self, file):
        done = self.plane.kubectl("apply", "--server-side", "-f", file, check=False)
        assert done.returncode == 0, done.stderr
        return True

    def flows(self):
        """Until all that can be done here is done; what needs charts from elsewhere stays behind."""
        for name in ("bulla", "credentials"):
            self.done(name, seconds=240)
        for namespace, name in (("web", "foobar-api"), ("monitoring", "grafana-admin")):
            path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}" if namespace == "web" else secrets_path(namespace, name)
            wait_for(lambda: self.api.get(path, absent=True), 120, path)

    # --- what is there

    @property
    def source(self):
        return self.flux.path("GitRepository", "flux-system")

    def kustomization(self, name):
        return self.flux.path("Kustomization", name).rstrip("/")

    def done(self, name, seconds=90):
        """A Kustomization once it is Ready at a commit."""
        def there():
            try:
                found = self.api.wait_condition(self.kustomization(name), "Ready", seconds=0)
            except TimeoutError as e:
                raise AssertionError(str(e.__cause__)) from e
            assert found["status"]["lastAppliedRevision"].endswith(self.example.head), found["status"]
            return found
        return wait_for(there, seconds, f"{self.region}: {name} done", pause=0.1)

    def fetch(self):
        """What a webhook of the Git server does."""
        self.flux.reconcile("GitRepository", "flux-system")

    def documents(self):
        found = [d for ns in (NAMESPACE, "web") for d in self.api.list(documents_path(ns))]
        return {(d["metadata"]["namespace"], d["metadata"]["name"]): d for d in found}

    def secret(self, name, namespace=NAMESPACE):
        return plain(self.api.get(secrets_path(namespace, name), absent=True))

    def deploy_key(self):
        """The public half of what Flux fetches with."""
        file = self.folder / "identity"
        file.touch(mode=0o600)
        file.write_text(self.secret("flux-ssh")["identity"])
        return subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=True).stdout

    def history(self, path):
        """{(namespace, name): revision at which it was made} of a collection, since the cluster began."""
        made, start = {}, self.start
        try:
            events = list(self.api.watch(path, start, seconds=1))
        except ApiError as e:
            events = [("ERROR", e.body)]
        if events[:1] and events[0][0] == "ERROR":
            # of a kind that came later; nothing can be older than the kind
            start = re.search(r"too old resource version: \d+ \((\d+)\)", events[0][1]["message"])[1]
            events = list(self.api.watch(path, start, seconds=1))
        for kind, thing in events:
            assert kind != "ERROR", thing
            meta = thing["metadata"]
            if kind == "ADDED":
                made.setdefault((meta["namespace"], meta["name"]), int(meta["resourceVersion"]))
        return made


@pytest.fixture(scope="module")
def clusters(tmp_path_factory, programs):
    """{region: Cluster}, both as far as they come."""
    found = {**programs, **need.programs("flux")}
    if not gitserver.SSHD:
        need.missing("sshd is not here (Debian: openssh-server)")
    if not kubelet.possible():
        need.missing("mount namespaces take root")
    folder = tmp_path_factory.mktemp("regions")
    subprocess.run([TOP / "scripts/image", "--rootfs", BIN, folder / "image"], check=True, capture_output=True, timeout=120)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(gitserver.GitServer(folder / "git"))
        example = Example(folder, server, found)
        made = {region: Cluster(region, folder / region, found, folder / "image/rootfs", example, stack)
                for region in REGIONS}
        with concurrent.futures.ThreadPoolExecutor(len(REGIONS)) as both:
            for step in [both.submit(made["eu-west9"].in_order), both.submit(made["us-east1"].in_wrong_order)]:
                step.result()
        yield made


@pytest.fixture(params=REGIONS)
def cluster(clusters, request):
    return clusters[request.param]


def message(thing):
    return conditions(thing)["Ready"]["message"]


def test_every_document_is_applied_and_its_secret_is_what_was_sealed(cluster):
    made, documents = cluster.example.made, cluster.documents()
    assert set(documents) == set(made.documents(cluster.region))
    for name, document in documents.items():
        assert conditions(document)["Ready"]["reason"] == "Applied", (name, document["status"])
    assert cluster.secret("grafana-admin")["grafana_admin_password"] == PASSWORD
    assert cluster.secret("terraform-vars") == {"github_token": VARIABLE}
    assert cluster.secret("foobar-api-tls", "web")["tls.key"] == (made.inputs / "foobar-api.key").read_text()
    login = json.loads(cluster.secret("ghcr")[".dockerconfigjson"])
    assert login["auths"]["ghcr.io"]["password"] == made.token
    for copy in ("podinfo", "web"):
        assert cluster.secret("ghcr", copy) == cluster.secret("ghcr")
        wait_for(lambda: pulls_with(cluster, copy) == [{"name": "ghcr"}], 30, f"the login on the account of {copy}")


def pulls_with(cluster, namespace):
    account = cluster.api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
    return account.get("imagePullSecrets")


def test_flux_fetches_with_the_key_that_travelled(cluster):
    """Sealed, in Git, opened by the agent, read by Flux: and each region has its own."""
    public = cluster.example.public_key(cluster.region)
    assert cluster.deploy_key().split()[:2] == public.split()[:2]
    assert cluster.example.fetches(public) >= 1
    source = cluster.api.get(cluster.source)
    assert source["status"]["artifact"]["revision"] == f"main@sha1:{cluster.example.head}"
    other = cluster.example.public_key(next(r for r in REGIONS if r != cluster.region))
    assert other.split()[:2] != public.split()[:2]


def test_nothing_runs_before_its_secrets_are_there(cluster):
    """By the revisions of the cluster's own history, from its first moment."""
    secrets = cluster.history("/api/v1/secrets")
    readers = {**cluster.history("/apis/apps/v1/deployments"), **cluster.history("/apis/infra.contrib.fluxcd.io/v1alpha2/terraforms"),
               **cluster.history("/apis/helm.toolkit.fluxcd.io/v2/helmreleases"),
               **cluster.history("/apis/source.toolkit.fluxcd.io/v1/ocirepositories")}
    substituted = secrets.pop(("monitoring", "grafana-admin"))
    agent = readers.pop(("bulla-system", "bulla-agent"))
    sealed = [made for name, made in secrets.items() if name in cluster.documents()]
    assert len(sealed) == 5 and agent < min(sealed)
    assert set(readers) == {("web", "foobar-api"), ("flux-system", "foobar"), ("podinfo", "podinfo"), ("monitoring", "grafana")}
    assert max(sealed) < min([substituted, *readers.values()])


def test_substitute_from_has_the_values_of_the_sealed_secret(cluster):
    assert cluster.secret("grafana-admin", "monitoring") == {"user": "admin", "password": PASSWORD}


def test_wrong_order_says_what_is_missing(clusters):
    said = clusters["us-east1"].said
    for step in ("no agent", "still no key"):
        assert "flux-ssh" in message(said[step]) and "not found" in message(said[step]), said[step]
    assert said["no CRD"].returncode != 0 and 'no matches for kind "SealedCredential"' in said["no CRD"].stderr
    assert conditions(said["no key"])["Ready"]["reason"] == "NoKey" and conditions(said["no key"])["Stalled"]["status"] == "True"
    # what to do is in the message, which kubectl and Flux show
    assert conditions(said["no key"])["Ready"]["observedGeneration"] == 1
    assert "bulla keys install" in message(said["no key"]), message(said["no key"])
    assert said["applied"] == ["flux-system"]


def test_wrong_order_needs_no_hand_after_the_last_step(clusters):
    """The key came last: no container was started again for it, and the agent made Flux look."""
    us = clusters["us-east1"]
    assert [len(list(us.node.folder.glob(f"*/{name}*.log"))) for name in ("opener", "net")] == [2, 2]
    source = us.api.get(us.source)
    assert source["status"]["lastHandledReconcileAt"] == source["metadata"]["annotations"][REQUESTED]


def test_the_agents_own_token_reads_no_key(cluster):
    agent = cluster.plane.account("bulla-system", "bulla-agent")
    for path in (secrets_path("bulla-system", "bulla-sealing-keys"), secrets_path("flux-system", "flux-ssh")):
        with pytest.raises(ApiError, match="403"):
            agent.get(path)


def test_what_is_sealed_to_the_other_region_fails_at_once_and_changes_nothing(clusters):
    """eu-west9 is given us-east1's document.  What depends on it waits, what runs stays, and Flux can fetch the revert."""
    eu, example = clusters["eu-west9"], clusters["eu-west9"].example
    documents = [f"clusters/{region}/credentials/flux-ssh.yaml" for region in REGIONS]
    right, wrong = ((example.top / path).read_text() for path in documents)
    before = identity(eu.api.get(secrets_path(NAMESPACE, "flux-ssh")))
    terraform = (example.top / TERRAFORM_FILE).read_text()
    head = example.remote.commit({documents[0]: wrong, TERRAFORM_FILE: terraform.replace("interval: 10m", "interval: 11m")}, "wrong")
    try:
        eu.fetch()
        refused(eu, head)
        assert identity(eu.api.get(secrets_path(NAMESPACE, "flux-ssh"))) == before
        held = wait_for(lambda: dependency_not_ready(eu, "apps"), 90, "apps held", pause=0.1)
        assert "credentials" in held
        terraforms = "/apis/infra.contrib.fluxcd.io/v1alpha2/namespaces/flux-system/terraforms"
        assert eu.api.get(f"{terraforms}/foobar")["spec"]["interval"] == "10m"
    finally:
        example.head = example.remote.commit({documents[0]: right, TERRAFORM_FILE: terraform}, "revert")
    eu.fetch()
    eu.done("credentials")
    assert identity(eu.api.get(secrets_path(NAMESPACE, "flux-ssh"))) == before


def refused(cluster, head):
    """Once Flux has the document's failure as the failure of credentials, before its timeout."""
    def failed():
        found = cluster.api.get(cluster.kustomization("credentials"))
        assert found["status"].get("lastAttemptedRevision", "").endswith(head), found["status"]
        ready = conditions(found)["Ready"]
        assert (ready["status"], ready["reason"]) == ("False", "HealthCheckFailed"), ready
        return ready["message"]
    told = wait_for(failed, 90, "credentials failed", pause=0.1)
    assert "SealedCredential/flux-system/flux-ssh" in told and "status: 'Failed'" in told, told
    document = cluster.api.get(documents_path(NAMESPACE, "flux-ssh"))
    assert conditions(document)["Ready"]["reason"] == "NoKey", document["status"]


def dependency_not_ready(cluster, name):
    ready = conditions(cluster.api.get(cluster.kustomization(name)))["Ready"]
    assert ready["reason"] == "DependencyNotReady", ready
    return ready["message"]


def test_a_new_deploy_key_is_fetched_with_within_seconds(clusters):
    """One region's: the old key stays until Flux fetched with the new one, and the other region notices nothing."""
    eu, us, example = clusters["eu-west9"], clusters["us-east1"], clusters["eu-west9"].example
    old, before = example.public_key("eu-west9"), identity(us.api.get(secrets_path(NAMESPACE, "flux-ssh")))
    new = make_key(eu.folder / "new-key", "ecdsa")
    known = eu.folder / "known_hosts"
    known.write_text(example.server.known_hosts())
    eu.run(BULLA, "set", "clusters/eu-west9/credentials/flux-ssh.yaml", "--private-key", eu.folder / "new-key", "--known-hosts", known)
    assert example.public_key("eu-west9").split()[:2] == new.split()[:2]
    example.register("eu-west9")
    example.head = example.remote.commit({}, "new deploy key")
    assert example.fetches(new) == 0
    eu.fetch()
    wait_for(lambda: eu.deploy_key().split()[:2] == new.split()[:2], 90, "the new key in the Secret", pause=0.05)
    # the source is fetched every minute; only the agent makes it seconds
    wait_for(lambda: example.fetches(new), 15, "a fetch with the new key", pause=0.05)
    example.server.revoke(old)
    example.head = example.remote.commit({"note": "after"}, "after")
    eu.fetch()
    us.fetch()
    for cluster in (eu, us):
        cluster.done("credentials")
    assert identity(us.api.get(secrets_path(NAMESPACE, "flux-ssh"))) == before


class Fetching:
    """Both regions fetch as fast as they can; what their sources ever said of it is kept."""

    def __init__(self, clusters):
        self.clusters, self.ended, self.failed, self.rounds = clusters, threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.loop, args=(c,), daemon=True) for c in clusters.values()]
        self.logs = {c.region: len(self.log(c)) for c in clusters.values()}

    @staticmethod
    def log(cluster):
        return next(s.output() for s in cluster.flux.servers if s.name == SOURCE)

    def loop(self, cluster):
        while not self.ended.wait(0.2):
            cluster.fetch()
            found = conditions(cluster.api.get(cluster.source))
            self.rounds += 1
            if found["Ready"]["status"] == "False" or "FetchFailed" in found:
                self.failed.append((cluster.region, found))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def errors(self):
        return [line for c in self.clusters.values() for line in self.log(c)[self.logs[c.region]:].splitlines()
                if '"level":"error"' in line and '"controller":"gitrepository"' in line]


def test_a_deploy_key_is_rotated_and_no_fetch_fails(clusters):
    """By the command, against a GitHub whose deploy keys are those that the server lets in, under constant fetching."""
    eu, us, example = clusters["eu-west9"], clusters["us-east1"], clusters["eu-west9"].example
    token = eu.folder / "token"
    token.write_text(TOKEN)
    example.remote.git("config", "user.name", "t")
    example.remote.git("config", "user.email", "t@example.org")
    old, file = example.public_key("eu-west9"), "clusters/eu-west9/credentials/flux-ssh.yaml"
    with HubServer(git=example.server) as hub:
        hub.token(TOKEN)
        for region in REGIONS:
            hub.add_key(hub.NAME, example.public_key(region), f"bulla {region} flux-ssh SHA256:old")
        log = len(example.server.server.output())
        us_before = identity(us.api.get(secrets_path(NAMESPACE, "flux-ssh")))
        with Fetching(clusters) as fetching:
            done = eu.run(BULLA, "rotate", "deploy-key", file, "--repo", hub.NAME, "--api-url", hub.url, "--token-file", token,
                          "-i", example.made.path / "recovery.key", "--commit", "--push", "--wait", "--timeout", "120s",
                          "--settle", "0s", "--context", "eu-west9=admin")
            new, rounds = example.public_key("eu-west9"), fetching.rounds
            assert {k["key"] for k in hub.keys.values()} == {new, example.public_key("us-east1")}, done.stderr
            uses = example.fetches(new)
            # the old key is gone, and all goes on
            wait_for(lambda: fetching.rounds > rounds + 20 and example.fetches(new) > uses + 5, 60, "fetches with the new key", pause=0.1)
        example.head = example.remote.git("rev-parse", "HEAD").strip()
        for cluster in (eu, us):
            cluster.fetch()
            cluster.done("credentials")
        assert fetching.failed == [] and fetching.errors() == []
        said = example.server.server.output()[log:]
        assert "authenticating user" not in said and "Failed publickey" not in said
        assert hub.violations == []
    assert new.split()[:2] != old.split()[:2] and eu.deploy_key().split()[:2] == new.split()[:2]
    assert identity(us.api.get(secrets_path(NAMESPACE, "flux-ssh"))) == us_before

# SPDX-License-Identifier: Apache-2.0
"""bulla bootstrap on real API servers, with Flux's own controllers and a repository on a real OpenSSH server."""
import json

import pytest
import yaml

import need
from agentbed import conditions, documents_path, plain, secrets_path
from flux import Flux, crds
from manifests import TOP, kustomize, overlay  # also finds tests/e2e
from region import AGENT, KEYS, Region
from processes import wait_for

from checkout import FINDINGS, INVALID, NOKEY, RECIPIENT, Checkout

IMAGE = "ghcr.io/barolab/bulla-agent:0.1.0"
PATH = "kubernetes/production/eu-west9"
SOURCE = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/flux-system"
BUDGET = "/apis/policy/v1/namespaces/bulla-system/poddisruptionbudgets/bulla-agent"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"


class World(Region):
    """A cluster whose kubelet starts the agent once its Deployment is there, and says so; Flux is the real one."""

    def flux(self):
        """Not the stand-in."""

    def kubelet(self):
        super().kubelet()
        deployment = self.agent and self.api.get(AGENT, absent=True)
        if deployment and deployment.get("status", {}).get("observedGeneration") != deployment["metadata"]["generation"]:
            n = deployment["spec"]["replicas"]
            self.api.patch(f"{AGENT}/status", {"status": {
                "observedGeneration": deployment["metadata"]["generation"], "replicas": n, "updatedReplicas": n, "readyReplicas": n,
                "availableReplicas": n, "conditions": [
                    {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "it runs"},
                    {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": "it runs"}]}})
            budget = self.api.get(BUDGET)
            self.api.patch(f"{BUDGET}/status", {"status": {"observedGeneration": budget["metadata"]["generation"], "currentHealthy": n,
                                                           "desiredHealthy": 1, "disruptionsAllowed": 1, "expectedPods": n}})


class Bootstrap:
    """One repository, with its origin on a Git server, and clusters to bring up with it."""

    def __init__(self, folder, server):
        self.server, self.repo = server, Checkout(folder)
        self.remote = server.repository("infra")
        self.repo.git("remote", "add", "origin", str(self.remote.bare))
        self.repo.tool("age-keygen", "-o", str(folder / "recovery.key"))
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(server.known_hosts())

    def line(self, plane, *more, cluster="eu-west9", path=PATH):
        return ["bootstrap", "--cluster", cluster, "--context", "admin", "--kubeconfig", plane.kubeconfig, "--url",
                self.remote.url, "--path", path, "--known-hosts", self.known_hosts, "--image", IMAGE, *more]

    def run(self, plane, *more, status=0, cluster="eu-west9", path=PATH):
        self.repo.env["GIT_SSH_COMMAND"] = "false"
        return self.repo.bulla(*self.line(plane, *more, cluster=cluster, path=path), status=status)

    def components(self, programs, path=PATH):
        files = [yaml.safe_load(f.read_text()) for f in crds(programs, "source-controller", "kustomize-controller")]
        self.repo.write(f"{path}/flux-system/gotk-components.yaml", yaml.safe_dump_all(files))


@pytest.fixture
def bootstrap(tmp_path, git_server):
    return Bootstrap(tmp_path, git_server)


@pytest.fixture
def world(tmp_path, new_control_plane):
    plane = new_control_plane()
    with World("eu-west9", plane, tmp_path / "region", tmp_path, ()) as made:
        yield made


def versions(api):
    """resourceVersion of everything that bootstrap applies."""
    found = {}
    for path in ("/api/v1/secrets", "/api/v1/namespaces", "/apis/apps/v1/deployments", "/apis/bulla.dev/v1/sealedcredentials",
                 "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                 "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"):
        for thing in api.list(path):
            found[path, thing["metadata"].get("namespace"), thing["metadata"]["name"]] = thing["metadata"]["resourceVersion"]
    return found


def tree(repo):
    return {p.relative_to(repo.top): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(repo.top.rglob("*"))
            if p.is_file() and ".git" not in p.relative_to(repo.top).parts[:1]}


def key(thing):
    return thing["kind"], thing["metadata"].get("namespace"), thing["metadata"]["name"]


def test_the_manifest_it_carries_is_what_kustomize_makes(programs, tmp_path):
    """Of the base and the component for Flux."""
    made = kustomize(programs["kubectl"], overlay(tmp_path, components=["components/flux"]))
    carried = list(yaml.safe_load_all((TOP / "manifests/install.yaml").read_text()))
    assert {key(o): o for o in carried} == {key(o): o for o in made} and len(carried) == len(made)


def test_the_whole_way(bootstrap, world, tmp_path):
    """From nothing until Flux has applied the repository, again, and again with a cluster that was made anew."""
    found = need.programs("flux")
    repo, plane = bootstrap.repo, world.plane
    done = bootstrap.run(plane, "--recovery", repo.recovery, status=INVALID)
    assert "flux install --export" in done.err and "nothing was done" in done.err
    assert not (repo.top / ".bulla").exists() and not world.api.get(KEYS, absent=True)
    bootstrap.components(found)
    said = json.loads(bootstrap.run(plane, "--recovery", repo.recovery, "--push", "-o", "json").out)
    assert said["changed"] and len(said["left"]) == 1
    before = versions(world.api)
    with Flux(plane, tmp_path / "flux", found):
        done = bootstrap.run(plane, "--wait", "--timeout", "1s", status=FINDINGS)
        assert "not ready in time" in done.err
        bootstrap.server.authorize(said["publicKey"])
        world.api.patch(SOURCE, {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}})
        bootstrap.run(plane, "--push", "--wait", "--timeout", "60s")
        # Flux brings the rest, and from then on keeps what bootstrap applied: not one field is bootstrap's any more
        for name in ("flux-system", "bulla", "credentials"):
            world.api.wait_condition(f"{KUSTOMIZATIONS}/{name}", "Ready", seconds=60)
        for path in (AGENT, documents_path("flux-system", "flux-ssh"), SOURCE):
            managers = {m["manager"] for m in world.api.get(path)["metadata"]["managedFields"]}
            assert "kustomize-controller" in managers and "kubectl-bulla" not in managers, (path, managers)
        # nothing was written twice: what was applied before is as it was, but for Flux's marks
        assert before.keys() <= versions(world.api).keys()
        again(bootstrap, world)


def again(bootstrap, world):
    before, files = settled(world.api), tree(bootstrap.repo)
    done = bootstrap.run(world.plane, "--push", "--wait", "--timeout", "60s")
    assert "eu-west9: nothing to do" in done.err
    assert versions(world.api) == before and tree(bootstrap.repo) == files
    assert bootstrap.repo.git("status", "--porcelain") == ""


def settled(api):
    """Once Flux has nothing to write any more."""
    seen = []

    def still():
        seen.append(versions(api))
        assert len(seen) > 5 and seen[-5] == seen[-1]
        return seen[-1]
    return wait_for(still, 60, "a cluster at rest", pause=0.5)


def test_a_cluster_made_anew(bootstrap, new_control_plane, tmp_path):
    """The same line, from another person's clone: the same keys come back, and nothing is new in Git."""
    found = need.programs("flux")
    repo = bootstrap.repo
    bootstrap.components(found)
    with World("eu-west9", new_control_plane(), tmp_path / "one", tmp_path, ()) as one:
        said = json.loads(bootstrap.run(one.plane, "--recovery", repo.recovery, "--push", "-o", "json").out)
        keys = plain(one.api.get(KEYS))
    bootstrap.server.authorize(said["publicKey"])
    head = repo.git("rev-parse", "HEAD")
    with World("eu-west9", new_control_plane(), tmp_path / "two", tmp_path, ()) as two, Flux(two.plane, tmp_path / "flux", found):
        bootstrap.run(two.plane, status=NOKEY)
        assert not two.api.get(KEYS, absent=True)
        done = bootstrap.run(two.plane, "-i", repo.recovery, "--push", "--wait", "--timeout", "90s")
        assert plain(two.api.get(KEYS)) == keys and repo.git("rev-parse", "HEAD") == head, done
        assert conditions(two.api.get(SOURCE))["Ready"]["status"] == "True"
        assert plain(two.api.get(secrets_path("flux-system", "flux-ssh")))["identity.pub"].split()[:2] == said["publicKey"].split()[:2]


def test_the_cluster_of_another_region(bootstrap, world):
    bootstrap.components(need.programs("flux"))
    bootstrap.run(world.plane, "--recovery", bootstrap.repo.recovery)
    before = versions(world.api)
    done = bootstrap.run(world.plane, cluster="us-east1", path="kubernetes/production/us-east1", status=RECIPIENT)
    assert "is the cluster of eu-west9, not of us-east1" in done.err and versions(world.api) == before

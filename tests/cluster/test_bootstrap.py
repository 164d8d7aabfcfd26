# SPDX-License-Identifier: Apache-2.0
"""bulla bootstrap on real API servers, with Flux's own controllers and a repository on a real OpenSSH server."""
import json

import pytest
import yaml

import gitserver
import need
from agentbed import conditions, documents_path, plain, secrets_path
from controlplane import ControlPlane
from flux import Flux, crds
from manifests import CRD  # also finds tests/e2e
from region import KEYS, Region
from processes import wait_for

from checkout import BULLA, CONFLICT, FINDINGS, INVALID, NOKEY, RECIPIENT, USAGE, Checkout

IMAGE = "ghcr.io/barolab/bulla-agent:0.1.0"
PATH = "kubernetes/production/eu-west9"
SOURCE = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/flux-system"


class World(Region):
    """A cluster whose kubelet starts the agent once its Deployment is there; Flux is the real one."""

    def flux(self):
        raise KeyError("not the stand-in")


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


def test_the_whole_way(bootstrap, world, tmp_path):
    found = need.programs("flux")
    repo, plane = bootstrap.repo, world.plane
    # no Flux, and nothing to bring it
    done = bootstrap.run(plane, "--recovery", repo.recovery, status=INVALID)
    assert "flux install --export" in done.err and "nothing was done" in done.err
    assert not (repo.top / ".bulla").exists() and not world.api.get(KEYS, absent=True)
    bootstrap.components(found)
    print(bootstrap.run(plane, "--recovery", repo.recovery, "--dry-run").out)
    done = bootstrap.run(plane, "--recovery", repo.recovery, "--push", "-o", "json")
    print(done)
    said = json.loads(done.out)
    bootstrap.server.authorize(said["publicKey"])
    with Flux(plane, tmp_path / "flux", found):
        done = bootstrap.run(plane, "--push", "--wait", "--timeout", "60s")
        print(done)
        before, files = versions(world.api), tree(repo)
        done = bootstrap.run(plane, "--push", "--wait", "--timeout", "60s")
        print(done)
        assert "nothing to do" in done.err
        assert versions(world.api) == before and tree(repo) == files

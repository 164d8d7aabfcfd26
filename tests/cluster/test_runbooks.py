# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/runbooks that name a cluster, typed as they stand, with a real API server and agent for each region.

The others are typed in tests/e2e/test_runbooks.py, which also holds that each page is typed somewhere.
"""
import contextlib
import json
import os
import pathlib
import shutil
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import runbooks  # noqa: E402
from agentbed import plain  # noqa: E402
from controlplane import ControlPlane  # noqa: E402
from region import Region, kubeconfig  # noqa: E402

CONTEXTS = {"eu-west9": "gke_eu", "us-east1": "gke_us"}


@pytest.fixture
def world(tmp_path):
    return runbooks.World(tmp_path)


@pytest.fixture
def planes(programs, tmp_path):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(ControlPlane(tmp_path / f"plane{i}", programs)) for i in range(2)]


class Typed:
    """A world with clusters, and a page to be typed in it."""

    def __init__(self, world, planes, stack):
        self.world, self.planes, self.regions, self.stack = world, planes, {}, stack
        self.paths = [os.path.dirname(planes[0].programs["kubectl"])]

    def region(self, name, plane, context, up=True):
        """up: as it runs from day to day, with agent and key."""
        folders = (f"clusters/{name}/", "apps/")
        region = Region(name, plane, self.world.path / f"region-{name}", self.world.origin, folders)
        self.regions[name] = region, context
        self.stack.enter_context(region)
        if up:
            self.write_kubeconfig()
            plane.kubectl("apply", "--server-side", "-k", runbooks.TOP / "manifests/base")
            self.world.repo.env["KUBECONFIG"] = str(self.kubeconfig)
            self.world.repo.bulla("keys", "install", name, "-i", self.world.recovery, "--context", context)
            self.world.repo.bulla("status", "--wait", "--timeout", "40s", "--context", context)
        return region

    @property
    def kubeconfig(self):
        return self.world.path / "kubeconfig"

    def write_kubeconfig(self):
        kubeconfig(self.kubeconfig, {context: region.plane for region, context in self.regions.values()})

    def type(self, page, record=None):
        self.write_kubeconfig()
        env = self.world.env(KUBECONFIG=str(self.kubeconfig), CHECKPOINT_DISABLE="1")
        env["PATH"] = ":".join([*self.paths, env["PATH"]])
        runbooks.run(page, self.world.repo.top, env, record)


@pytest.fixture
def typed(world, planes):
    with contextlib.ExitStack() as stack:
        yield Typed(world, planes, stack)


def both(typed):
    for (name, context), plane in zip(CONTEXTS.items(), typed.planes):
        typed.region(name, plane, context)


def test_lost_key(typed):
    both(typed)
    typed.type("lost-key.md")


def test_rebuilt_cluster(typed):
    typed.region("eu-west9", typed.planes[0], "gke_eu")
    typed.region("us-east1", typed.planes[1], "gke_us", up=False)
    typed.type("rebuilt-cluster.md")


def test_third_region(typed):
    typed.region("eu-west9", typed.planes[0], "gke_eu")
    typed.region("asia-se1", typed.planes[1], "gke_asia", up=False)
    typed.type("third-region.md")


def test_leaked_key(typed):
    both(typed)
    typed.type("leaked-key.md")


STATE = {
    "version": 4, "terraform_version": "1.5.0", "serial": 3, "lineage": "3f5c6e0e-8f0e-4a06-9a53-1b1f6f6f2f3c", "outputs": {},
    "resources": [
        {"mode": "managed", "type": "kubernetes_secret", "name": "grafana",
         "provider": 'provider["registry.terraform.io/hashicorp/kubernetes"]',
         "instances": [{"schema_version": 0, "attributes": {
             "data": {"user": "admin", "password": "0ld-passw0rd"}, "type": "Opaque",
             "metadata": [{"name": "grafana", "namespace": "web", "labels": None}]}, "sensitive_attributes": []}]},
        {"mode": "managed", "type": "random_password", "name": "grafana",
         "provider": 'provider["registry.terraform.io/hashicorp/random"]',
         "instances": [{"schema_version": 0, "attributes": {"result": "0ld-passw0rd"}, "sensitive_attributes": []}]}],
    "check_results": None}
# Where terraform is not installed: what the page uses of it, as 1.11 does it.
TERRAFORM = """#!/usr/bin/python3
import json, os, sys
folder, words = sys.argv[1].removeprefix("-chdir="), sys.argv[2:]
path = os.path.join(folder, "terraform.tfstate")
text = open(path).read()
state = json.loads(text)
name = lambda r: r["type"] + "." + r["name"]
assert words[0] == "state"
if words[1] == "list":
    print("\\n".join(sorted(map(name, state["resources"]))))
elif words[1] == "pull":
    print(text)
elif words[1] == "rm":
    open(os.path.join(folder, "terraform.tfstate.1.backup"), "w").write(text)
    for gone in words[2:]:
        state["resources"] = [r for r in state["resources"] if name(r) != gone]
        print("Removed " + gone)
    json.dump(state, open(path, "w"))
    print(f"Successfully removed {len(words[2:])} resource instance(s).")
"""


def test_coming_from_terraform(typed):
    """With the real terraform where it is installed; its state is made here, for its providers cannot be had."""
    region = typed.region("eu-west9", typed.planes[0], "gke_eu")
    folder = typed.world.path / "terraform"
    folder.mkdir()
    (folder / "terraform.tfstate").write_text(json.dumps(STATE))
    (folder / "grafana.tf").write_text('resource "random_password" "grafana" {\n  length = 12\n}\n')
    login = STATE["resources"][0]["instances"][0]["attributes"]["data"]
    region.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "grafana", "namespace": "web"},
                       "type": "Opaque", "stringData": login})
    if shutil.which("terraform") is None:
        programs = typed.world.path / "programs"
        programs.mkdir()
        (programs / "terraform").write_text(TERRAFORM)
        (programs / "terraform").chmod(0o755)
        typed.paths.append(str(programs))
    typed.type("coming-from-terraform.md")
    secret = plain(region.api.get("/api/v1/namespaces/web/secrets/grafana"))
    assert secret["user"] == "admin" and secret["password"] != login["password"]

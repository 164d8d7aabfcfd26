# SPDX-License-Identifier: Apache-2.0
"""bulla rotate --wait with a real API server and agent: it ends when the cluster has the new value, or cannot have it."""
import contextlib
import json
import pathlib
import subprocess
import sys
import time

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import runbooks  # noqa: E402
from agentbed import BULLA, conditions, documents_path, plain, watch_until  # noqa: E402
from checkout import FINDINGS, OK, REFUSED  # noqa: E402
from controlplane import ControlPlane  # noqa: E402
from region import KEYS, Region, kubeconfig  # noqa: E402

SECRET = "/api/v1/namespaces/web/secrets/foobar-env"


@pytest.fixture(scope="module")
def place(programs, tmp_path_factory):
    """One repository and one cluster for all tests of this file: (world, region)."""
    path = tmp_path_factory.mktemp("rotate")
    with contextlib.ExitStack() as stack:
        world = runbooks.World(path)
        plane = stack.enter_context(ControlPlane(path / "plane", programs))
        region = Region("eu-west9", plane, path / "region", world.origin, ("clusters/eu-west9/", "apps/"))
        world.repo.env["KUBECONFIG"] = str(kubeconfig(path / "kubeconfig", {"gke_eu": plane}))
        plane.kubectl("apply", "--server-side", "-k", runbooks.TOP / "manifests/base")
        stack.enter_context(region)
        world.repo.bulla("keys", "install", "eu-west9", "-i", world.recovery, "--context", "gke_eu")
        world.repo.bulla("status", "--wait", "--timeout", "50s", "--context", "eu-west9=gke_eu")
        yield world, region


def rotate(world, value, *more, out=subprocess.DEVNULL):
    return subprocess.Popen([BULLA, "rotate", "opaque", "foobar-env", "--stdin", "SESSION_KEY", "--wait", "--context", "gke_eu",
                             "--timeout", "50s", *more], cwd=world.repo.top, env=world.repo.env, text=True,
                            stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=out), value


def finish(started, status, meanwhile=lambda: None):
    process, value = started
    process.stdin.write(value)
    process.stdin.close()
    process.stdin = None
    end, said = time.monotonic() + 50, ""
    try:
        while "commit and push it" not in said:
            line = process.stderr.readline()
            assert line and time.monotonic() < end, said
            said += line
        meanwhile()
        _, rest = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == status, said + rest
    return said + rest


def push(world):
    world.repo.commit("Rotate")
    world.repo.git("push", "-q")


def test_until_the_cluster_has_it(place):
    world, region = place
    said = finish(rotate(world, "first-new-value"), OK, lambda: push(world))
    assert said.splitlines()[-1] == "bulla: eu-west9: web/foobar-env is applied"
    assert plain(region.api.get(SECRET))["SESSION_KEY"] == "first-new-value"


def test_for_programs(place):
    """One object once it is over: what was sealed, and how it stands in the cluster."""
    world, region = place
    path = world.path / "said.json"
    with open(path, "wb") as out:
        finish(rotate(world, "new-value-for-programs", "-o", "json", out=out), OK, lambda: push(world))
    said = json.loads(path.read_text())
    assert set(said) == {"changed", "next", "dryRun", "file", "document", "kind", "digest", "sealed", "clusters"}
    [row] = said["clusters"]
    assert (row["document"], row["cluster"], row["state"], row["good"]) == ("web/foobar-env", "eu-west9", "applied", True)
    [shown] = json.loads(world.repo.bulla("show", "web/foobar-env", "-o", "json").out)["documents"]
    assert said["digest"] == shown["digest"] == row["digest"] == row["appliedDigest"]
    assert said["changed"] is True and [p["name"] for p in said["sealed"]] == ["SESSION_KEY"]
    assert "new-value-for-programs" not in path.read_text()
    assert plain(region.api.get(SECRET))["SESSION_KEY"] == "new-value-for-programs"


def test_the_agent_cannot_open_it(place):
    """The key is taken from the cluster while the new value is on its way; the old Secret stays."""
    world, region = place
    before = plain(region.api.get(SECRET))

    def take_and_push():
        region.api.delete(KEYS)
        watch_until(region.api, documents_path("web"), "ghcr", lambda d: conditions(d)["Ready"]["reason"] == "NoKey",
                    what="the agent to have lost its key")
        push(world)

    said = finish(rotate(world, "second-new-value"), FINDINGS, take_and_push)
    assert "eu-west9: web/foobar-env is failing: NoKey: " in said.splitlines()[-1]
    assert plain(region.api.get(SECRET)) == before
    world.repo.bulla("keys", "install", "eu-west9", "-i", world.recovery, "--context", "gke_eu")
    world.repo.bulla("status", "--wait", "--timeout", "50s", "--context", "eu-west9=gke_eu")
    assert plain(region.api.get(SECRET))["SESSION_KEY"] == "second-new-value"


def test_who_may_only_look_may_wait(place):
    """list and watch on documents are enough; without them nothing is waited for."""
    world, region = place
    api, plane = region.api, region.plane
    api.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "looks"},
               "rules": [{"apiGroups": ["bulla.dev"], "resources": ["sealedcredentials"], "verbs": ["list", "watch"]}]})
    token = plane.token("web", "looker")
    world.repo.env["KUBECONFIG"] = str(plane.write_kubeconfig("looker", token=token))
    try:
        args = ("status", "--wait", "--timeout", "5s", "-n", "web", "--context", "eu-west9=looker")
        assert "forbids it (403)" in world.repo.bulla(*args, status=REFUSED).err
        api.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                   "metadata": {"name": "looks", "namespace": "web"},
                   "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "looks"},
                   "subjects": [{"kind": "ServiceAccount", "name": "looker", "namespace": "web"}]})
        done = world.repo.bulla(*args)
        assert done.out.count("applied") == 3
    finally:
        world.repo.env["KUBECONFIG"] = str(world.path / "kubeconfig")

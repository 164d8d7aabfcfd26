# SPDX-License-Identifier: Apache-2.0
"""kube/client.h against a real API server: HTTP/2 with 32 streams, GOAWAY, a server that freezes or is killed,
and what people are told."""
import json
import os
import pathlib
import subprocess
import threading
import time
import uuid

import pytest

BIN = pathlib.Path(os.environ.get("BULLA_BIN_DIR", pathlib.Path(__file__).resolve().parents[2] / "build"))


@pytest.fixture
def bench(tmp_path):
    """bench(plane, phases, *expected statuses): one figure for each phase."""
    def run(plane, phases, *expected):
        files = []
        for requests in phases:
            files.append(tmp_path / uuid.uuid4().hex)
            files[-1].write_text("".join(json.dumps(r) + "\n" for r in requests))
        done = subprocess.run([BIN / "tools/kube_bench", "--kubeconfig", plane.kubeconfig,
                               *(a for e in expected for a in ("--expect", str(e))), *files],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr + done.stdout
        return [json.loads(line) for line in done.stdout.splitlines()][:len(phases)]
    return run


@pytest.fixture
def tool(tmp_path):
    """tool(plane, token, requests): the answers, in the order of the requests."""
    def run(plane, token, requests, server=None):
        path = tmp_path / "token"
        path.write_text(token)
        done = subprocess.run([BIN / "tools/kube_tool", "--server", server or plane.server, "--ca", plane.ca,
                               "--token-file", path], input=json.dumps(requests), capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()][:-1]
        return sorted(lines, key=lambda a: (a["index"], a.get("number", 0)))
    return run


def secrets(n, prefix, namespace="default"):
    return [{"method": "POST", "path": f"/api/v1/namespaces/{namespace}/secrets", "metadata": True,
             "body": {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{prefix}-{i}"},
                      "data": {"a": "eA=="}}} for i in range(n)]


def gets(n, prefix, **more):
    return [{"method": "GET", "path": f"/api/v1/namespaces/default/secrets/{prefix}-{i}", "metadata": True,
             "idempotent": True, **more} for i in range(n)]


def test_many_at_once(control_plane, bench):
    name = f"m-{uuid.uuid4().hex[:8]}"
    made, read = bench(control_plane, [secrets(600, name), gets(600, name)])
    assert made["requests"] == read["requests"] == 600 and made["unexpected"] == read["unexpected"] == 0
    bench(control_plane, [secrets(100, name)], 409)
    there = control_plane.admin.list("/api/v1/namespaces/default/secrets")
    assert sum(s["metadata"]["name"].startswith(name) for s in there) == 600


def test_goaway(new_control_plane, bench):
    """The server ends connections at random.  What may be repeated is; what may not is never sent twice: the
    second would be a 409, which is not among the expected."""
    plane = new_control_plane(apiserver_args=["--goaway-chance=0.02"], controller_manager=False)
    bench(plane, [secrets(1500, "g")], 201, 0)
    there = {s["metadata"]["name"] for s in plane.admin.list("/api/v1/namespaces/default/secrets")}
    assert 1200 <= len(there) <= 1500  # what was under way when a connection ended may be lost
    bench(plane, [gets(1500, "g")], *([200] if len(there) == 1500 else [200, 404]))


def test_what_people_are_told(control_plane, tool):
    namespace = f"t-{uuid.uuid4().hex[:8]}"
    token = control_plane.token(namespace, "someone")
    forbidden, unknown, mine = tool(control_plane, token, [
        {"method": "POST", "path": f"/api/v1/namespaces/{namespace}/secrets",
         "body": json.dumps(secrets(1, "x")[0]["body"])},
        {"path": "/apis/nowhere.bulla.dev/v1/things"},
        {"path": "/version"}])
    assert (forbidden["status"], forbidden["reason"], forbidden["unsent"]) == (403, "Forbidden", False)
    for word in ("system:serviceaccount:" + namespace, "create", "secrets", "RoleBinding"):
        assert word in forbidden["error"]
    assert unknown["status"] in (403, 404) and mine["object"]["major"] == "1"
    rejected = tool(control_plane, "x.y.z", [{"path": "/api"}])[0]
    assert (rejected["status"], rejected["class"]) == (401, "refused")
    assert "does not accept the token" in rejected["error"]


def test_a_kind_that_is_not_installed(control_plane, bench):
    bench(control_plane, [[{"method": "GET", "path": "/apis/nowhere.bulla.dev/v1/things"}]], 404)


def test_a_frozen_server(new_control_plane, tool):
    """Its kernel still acknowledges; every request runs into its time, and when it thaws all is well."""
    plane = new_control_plane(controller_manager=False)
    token = plane.token("default", "someone")
    plane.admin.grant(("default", "someone"), [("", "configmaps", "get list")], namespace="default")
    threading.Timer(1, plane.apiserver.freeze).start()
    threading.Timer(6, plane.apiserver.thaw).start()
    path = "/api/v1/namespaces/default/configmaps"
    answers = tool(plane, token, [{"path": path, "pause": 2000},
                                  {"path": path, "timeout": 700, "times": 3, "pause": 1500},
                                  {"path": path, "timeout": 20000, "idempotent": True, "pause": 5000},
                                  {"path": path}])
    assert [a["status"] for a in answers] == [200, 0, 0, 0, answers[4]["status"], 200]
    assert answers[4]["status"] in (0, 200)


def test_a_killed_server(new_control_plane, tool):
    plane = new_control_plane(controller_manager=False)
    token = plane.token("default", "someone")
    plane.admin.grant(("default", "someone"), [("", "configmaps", "get list watch")], namespace="default")
    threading.Timer(1.5, plane.kill_apiserver).start()
    path = "/api/v1/namespaces/default/configmaps"
    begin = time.monotonic()
    answers = tool(plane, token, [{"path": path + "?watch=1&timeoutSeconds=60", "stream": True, "pause": 3000},
                                  {"path": path + "/x", "idempotent": True}])
    assert answers[0]["opened"] and answers[1]["end"] == "broken"
    assert (answers[2]["status"], answers[2]["unsent"]) == (0, True)
    assert "no connection" in answers[2]["error"] and time.monotonic() - begin < 30

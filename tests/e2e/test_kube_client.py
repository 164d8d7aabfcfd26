# SPDX-License-Identifier: Apache-2.0
"""kube/client.h against servers on loopback that do what an API server may do, and what it must not."""
import json
import subprocess

import pytest

from kubeserver import HTTP2, Authority, Reply, Server, status


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The cluster's CA, another one, and the server's certificate."""
    folder = tmp_path_factory.mktemp("tls")

    class World:
        ca = Authority(folder, "cluster")
        other = Authority(folder, "other")
        server = ca.issue("server", names=["kubernetes.test"], addresses=["127.0.0.1"])
        stranger = other.issue("server", names=["kubernetes.test"], addresses=["127.0.0.1"])
        client = ca.issue("someone")
        foreign_client = other.issue("someone")
    return World


@pytest.fixture(params=["http1", pytest.param("http2", marks=pytest.mark.skipif(
    not HTTP2, reason="python3-h2 is not installed"))])
def server(request, world):
    with Server(world.server, http2=request.param == "http2", client_ca=world.ca.ca) as s:
        yield s


@pytest.fixture
def kube(bin_dir, world, tmp_path):
    def run(server, requests, *options, ca=True, url=None, timeout=30, env=None):
        command = [bin_dir / "tools/kube_tool", "--server", url or server.url, *options]
        if ca:
            command += ["--ca", world.ca.ca]
        home = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        done = subprocess.run([str(c) for c in command], input=json.dumps(requests), text=True,
                              capture_output=True, timeout=timeout, env={**home, **(env or {})})
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[:-1], lines[-1]
    return run


def one(answers):
    assert len(answers) == 1
    return answers[0]


def test_a_request_and_its_answer(kube, server):
    server.handler = lambda r: Reply(body={"kind": "Secret", "you": r.method}, status=201)
    body = json.dumps({"data": "é" * 50})
    answers, figures = kube(server, [{"method": "POST", "path": "/api/v1/secrets?fieldManager=x",
                                      "body": body, "metadata": True}])
    a = one(answers)
    assert (a["status"], a["object"]["you"], a["unsent"], a["message"]) == (201, "POST", False, "")
    r = one(server.requests)
    assert (r.method, r.path) == ("POST", "/api/v1/secrets?fieldManager=x")
    assert r.body.decode() == body
    assert r.headers["content-type"] == ["application/json"]
    assert r.headers["accept"][0].startswith("application/json;as=PartialObjectMetadata;")
    assert r.headers["user-agent"][0].startswith("kube-tool/")
    assert "authorization" not in r.headers and "expect" not in r.headers
    assert "accept-encoding" not in r.headers
    assert server.versions == 1 and figures["pending"] == 0
    assert {"method": "POST", "code": 201, "n": 1} in figures["counts"]


@pytest.mark.parametrize("kind,content_type", [("json-patch", "application/json-patch+json"),
                                               ("merge-patch", "application/merge-patch+json"),
                                               ("apply", "application/apply-patch+yaml")])
def test_each_patch_has_its_type(kube, server, kind, content_type):
    kube(server, [{"method": "PATCH", "path": "/x", "body": "[]", "type": kind}])
    r = one(server.requests)
    assert r.method == "PATCH" and r.headers["content-type"] == [content_type] and r.body == b"[]"

# SPDX-License-Identifier: Apache-2.0
"""kube/client.h against servers on loopback that do what an API server may do, and what it must not."""
import base64
import gzip
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import warnings

import pytest

from kubeserver import HTTP2, Authority, Reply, Server, status
from kubewatch import write_kubeconfig


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
    def run(server, requests, *options, ca=True, url=None, timeout=30, env=None, prefix=()):
        command = [*prefix, bin_dir / "tools/kube_tool", "--server", url or server.url, *options]
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


@pytest.mark.parametrize("arguments", [["--kubernetes", "--keys", "keys"], ["--generate-key"]], ids=["agent", "generate-key"])
def test_the_agent_says_who_it_is(bin_dir, world, tmp_path, arguments):
    """Name and version once: from the name the server makes the default field manager."""
    (tmp_path / "keys").mkdir(0o700)
    subprocess.run(["age-keygen", "-o", tmp_path / "keys/20260101T000000Z-one.key"], check=True, capture_output=True)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path),
           **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
    version = subprocess.run([bin_dir / "bulla-agent", "--version"], capture_output=True, text=True).stdout.split()[1]
    with Server(world.server) as s:
        s.handler = lambda r: Reply(404, status(404, "NotFound"))
        config = write_kubeconfig(tmp_path / "config", s.url, world.ca.ca)
        agent = subprocess.Popen([bin_dir / "bulla-agent", *arguments, "--kubeconfig", config], cwd=tmp_path, env=env,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            until = time.monotonic() + 20
            while not s.requests and time.monotonic() < until:
                time.sleep(0.05)
        finally:
            agent.kill()
            said = agent.communicate()[1]
    system = os.uname()
    assert s.requests, said
    assert {tuple(r.headers["user-agent"]) for r in s.requests} == {
        (f"bulla-agent/{version} ({system.sysname}/{system.machine})",)}


# --- whom it trusts, and as whom it comes ---------------------------------------------------------

def test_another_authority_is_refused(kube, world):
    with Server(world.stranger) as s:
        a = one(kube(s, [{"path": "/x"}])[0])
    assert (a["status"], a["unsent"]) == (0, True)
    assert "its certificate is not trusted" in a["error"] and "certificate-authority" in a["error"]
    assert not s.requests and s.versions == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a mount namespace of its own")
def test_what_the_system_trusts_does_not_count_beside_the_ca(kube, world, bin_dir, tmp_path):
    """Debian's libcurl has a CA path compiled in, which counts beside any CA it is given.  Here the stranger's CA stands
    in that path, and there alone: it is how libcurl's own command lets the stranger in."""
    certs = tmp_path / "certs"
    certs.mkdir()
    (certs / "other.pem").write_bytes(world.other.ca.read_bytes())
    subprocess.run(["openssl", "rehash", certs], check=True)
    (certs / "ca-certificates.crt").write_bytes(world.ca.ca.read_bytes())
    inside = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/ssl/certs && exec "$@"', certs]
    if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespace can be made here")
    with Server(world.stranger) as s:
        seen = subprocess.run([*inside, "curl", "-s", s.url + "/version"], env={"PATH": "/usr/bin:/bin"})
        assert seen.returncode == 0 and s.versions == 1
        a = one(kube(s, [{"path": "/x"}], prefix=inside)[0])
        assert (a["status"], a["unsent"]) == (0, True) and "its certificate is not trusted" in a["error"]
        assert s.versions == 1 and not s.requests


def test_without_a_ca_the_system_decides(kube, world):
    with Server(world.stranger) as s:
        a = one(kube(s, [{"path": "/x"}], ca=False)[0])
        assert a["status"] == 0 and "the system's authorities" in a["error"]
        a = one(kube(s, [{"path": "/x"}], "--insecure", ca=False)[0])
        assert a["status"] == 200


def test_a_certificate_for_another_name_is_refused(kube, world, tmp_path):
    wrong = world.ca.issue("elsewhere", names=["elsewhere.test"])
    with Server(wrong) as s:
        a = one(kube(s, [{"path": "/x"}])[0])
        assert a["status"] == 0 and "not trusted" in a["error"]
        s.handler = lambda r: Reply()
        a = one(kube(s, [{"path": "/x"}], "--tls-server-name", "elsewhere.test")[0])
        assert a["status"] == 200 and "elsewhere.test" in s.names
        # the server is spoken to by its own name all the same
        assert s.requests[-1].headers["host"] == [f"127.0.0.1:{s.port}"]


def test_tls_server_name_is_what_is_checked(kube, server):
    a = one(kube(server, [{"path": "/x"}], "--tls-server-name", "kubernetes.test")[0])
    assert a["status"] == 200 and "kubernetes.test" in server.names
    a = one(kube(server, [{"path": "/x"}], "--tls-server-name", "other.test")[0])
    assert a["status"] == 0 and "not trusted" in a["error"]


def test_a_client_certificate_is_shown(kube, server, world):
    cert, key = world.client
    assert one(kube(server, [{"path": "/x"}], "--cert", cert, "--key", key)[0])["status"] == 200
    assert dict(x[0] for x in server.requests[-1].peer["subject"])["commonName"] == "someone"


def test_a_client_certificate_that_is_refused(kube, server, world):
    cert, key = world.foreign_client
    a = one(kube(server, [{"path": "/x", "timeout": 5000}], "--cert", cert, "--key", key)[0])
    assert a["status"] == 0 and not server.requests


def test_a_key_of_another_certificate(kube, server, world):
    a = one(kube(server, [{"path": "/x"}], "--cert", world.client[0], "--key", world.server[1])[0])
    assert (a["status"], a["unsent"]) == (0, True)
    assert "client certificate or its key cannot be used" in a["error"]


def test_old_tls_is_refused(kube, world):
    with Server(world.server) as s:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            s.context.minimum_version = ssl.TLSVersion.TLSv1
            s.context.maximum_version = ssl.TLSVersion.TLSv1_1
        s.context.set_ciphers("DEFAULT:@SECLEVEL=0")
        a = one(kube(s, [{"path": "/x"}])[0])
    assert a["status"] == 0 and "TLS handshake failed" in a["error"]


def test_user_and_password(kube, server):
    kube(server, [{"path": "/x"}], "--user", "ada:s3cret:with colon")
    said = server.requests[-1].headers["authorization"][0]
    assert base64.b64decode(said.removeprefix("Basic ")).decode() == "ada:s3cret:with colon"


def test_impersonation(kube, server):
    kube(server, [{"path": "/x"}], "--header", "Impersonate-User: ada", "--header",
         "Impersonate-Group: a", "--header", "Impersonate-Group: b", "--header", "X: y\r\nZ: injected")
    headers = server.requests[-1].headers
    assert headers["impersonate-user"] == ["ada"] and headers["impersonate-group"] == ["a", "b"]
    assert "z" not in headers and "x" not in headers


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ftp://x", "https://", "https:///x", "x",
                                 "https://a@b:1", "https://a?b", "https://a b", "https://a#b"])
def test_a_server_that_is_not_talked_to(bin_dir, url):
    done = subprocess.run([bin_dir / "tools/kube_tool", "--server", url], input="[]", text=True,
                          capture_output=True)
    assert done.returncode == 3
    assert ("only https://" in done.stderr) == (not url.startswith("https://"))


def test_a_path_before_the_api(kube, server):
    kube(server, [{"path": "/api/v1/x"}], url=server.url + "/k8s/clusters/c-1")
    assert server.requests[-1].path == "/k8s/clusters/c-1/api/v1/x"


def test_no_netrc(kube, server, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password x\n")
    kube(server, [{"path": "/x"}])
    assert "authorization" not in server.requests[-1].headers


# --- 401 ------------------------------------------------------------------------------------------

def needs(token):
    return lambda r: (Reply() if r.headers.get("authorization") == [f"Bearer {token}"]
                      else Reply(status=401, body=status(401, "Unauthorized", "Unauthorized"), close=True))


def put(path, text):
    """Whole or not at all, as the kubelet does."""
    new = path.with_suffix(".new")
    new.write_text(text + "\n")
    new.replace(path)


def test_a_fresh_token_after_401(kube, world, tmp_path, server):
    token = tmp_path / "token"
    put(token, "old")
    requests = [{"path": "/a", "pause": 300}, {"path": "/b", "times": 20, "idempotent": True}]

    def answer(r):
        reply = needs("new")(r)
        put(token, "new")
        return reply
    server.handler = answer
    answers, figures = kube(server, requests, "--token-file", token)
    assert [a["status"] for a in answers] == [200] * 21
    assert figures["refreshes"] == 1
    assert {"method": "GET", "code": 401, "n": 1} in figures["counts"]


def test_thirty_at_once_refresh_once(kube, server, tmp_path):
    token = tmp_path / "token"
    put(token, "old")

    def answer(r):
        reply = needs("new")(r)
        reply.delay = 0.2
        put(token, "new")
        return reply
    server.handler = answer
    answers, figures = kube(server, [{"path": "/x", "method": "PUT", "body": "{}", "times": 30,
                                      "idempotent": True}],
                            "--token-file", token)
    assert [a["status"] for a in answers] == [200] * 30
    assert figures["refreshes"] == 1


def test_a_dead_token_is_not_hammered_with(kube, server, tmp_path):
    token = tmp_path / "token"
    put(token, "dead")
    server.handler = needs("other")
    answers, figures = kube(server, [{"path": "/x", "times": 5, "pause": 300, "idempotent": True},
                                     {"path": "/y", "idempotent": True}],
                            "--token-file", token, "--context", "prod")
    assert [a["status"] for a in answers] == [401] * 6
    # one that a GOAWAY took along before may have been acted on, for all the client knows
    assert all(a["reason"] == "Unauthorized" for a in answers) and answers[-1]["unsent"]
    assert 'does not accept the token of context "prod"' in answers[0]["error"]
    assert answers[0]["class"] == "refused"
    assert figures["refreshes"] == 1
    assert sum(r.path == "/y" for r in server.requests) == 1


def test_a_refused_opening_is_everyones_answer(kube, world, tmp_path):
    """The first request of a connection is alone; when its credentials are refused nobody else tries."""
    token = tmp_path / "token"
    put(token, "dead")
    with Server(world.server, handles_version=True) as s:
        s.handler = needs("other")
        answers, _ = kube(s, [{"path": "/x", "times": 50}, {"path": "/w", "stream": True}],
                          "--token-file", token)
        assert [a["status"] for a in answers] == [401] * 51
        assert {a.get("end") for a in answers} == {None, "refused"}
        assert {r.path for r in s.requests} == {"/version"} and len(s.requests) <= 4


# --- what the server asks for ---------------------------------------------------------------------

def script(*replies):
    left = list(replies)
    return lambda r: left.pop(0) if len(left) > 1 else left[0]


BUSY = status(429, "TooManyRequests", "too many", retryAfterSeconds=1)


@pytest.mark.parametrize("reply", [Reply(429, BUSY, {"Retry-After": "1"}), Reply(429, BUSY)])
def test_429_is_sent_again_when_asked(kube, server, reply):
    server.handler = script(reply, reply, Reply())
    a = one(kube(server, [{"path": "/x", "method": "POST", "body": "{}"}])[0])
    assert a["status"] == 200 and 1900 <= a["ms"] <= 4000 and len(server.requests) == 3


def test_429_without_a_time_is_the_callers(kube, server):
    server.handler = script(Reply(429, status(429, "TooManyRequests")))
    a = one(kube(server, [{"path": "/x"}])[0])
    assert (a["status"], a["unsent"], len(server.requests)) == (429, True, 1)


def test_a_wait_beyond_the_requests_time_is_the_callers(kube, server):
    server.handler = script(Reply(429, BUSY, {"Retry-After": "40"}))
    a = one(kube(server, [{"path": "/x", "timeout": 5000}])[0])
    assert (a["status"], a["retry"], a["unsent"]) == (429, 40000, True) and a["ms"] < 2000


@pytest.mark.parametrize("code", [500, 503, 504])
def test_5xx_again_only_when_idempotent(kube, server, code):
    failed = Reply(code, status(code, "X"), {"Retry-After": "1"})
    server.handler = script(failed, Reply())
    a = one(kube(server, [{"path": "/x", "method": "PUT", "body": "{}", "idempotent": True}])[0])
    assert a["status"] == 200 and len(server.requests) == 2
    server.handler = script(failed, Reply())
    a = one(kube(server, [{"path": "/x", "method": "POST", "body": "{}"}])[0])
    assert (a["status"], a["retry"], a["unsent"]) == (code, 1000, False)


def test_redirects_are_not_followed(kube, server):
    server.handler = lambda r: Reply(302, b"", {"Location": server.url + "/elsewhere"})
    a = one(kube(server, [{"path": "/x"}])[0])
    assert a["status"] == 302 and "is not followed" in a["error"]
    assert [r.path for r in server.requests] == ["/x"]


# --- connections that break -----------------------------------------------------------------------

def test_a_reset_before_the_answer(kube, server):
    server.handler = script(Reply(reset=True), Reply())
    a = one(kube(server, [{"path": "/x", "method": "PATCH", "body": "{}", "type": "apply",
                           "idempotent": True}])[0])
    assert a["status"] == 200 and len(server.requests) == 2 and server.connections == 2


def test_a_post_is_never_sent_twice(kube, server):
    """Neither here nor by libcurl itself, which tries anew on a connection it has taken up again."""
    server.handler = script(Reply(reset=True), Reply())
    a = one(kube(server, [{"path": "/x", "method": "POST", "body": "{}"}])[0])
    assert (a["status"], a["unsent"]) == (0, False) and len(server.requests) == 1
    assert "may have been done all the same" in a["error"]


def test_a_post_is_not_sent_twice_when_the_connection_is_closed(kube, server):
    server.handler = script(Reply(close=True), Reply())
    answers = kube(server, [{"path": "/x", "method": "POST", "body": "{}" * 9000}])[0]
    assert one(answers)["status"] == 0 and len(server.requests) == 1


def test_a_connection_that_died_while_idle(kube, server):
    """Nothing was sent on it, so even a POST takes another one."""
    threading.Timer(0.4, server.abort_all).start()
    answers, _ = kube(server, [{"path": "/a", "method": "POST", "body": "{}", "pause": 900},
                               {"path": "/b", "method": "POST", "body": "{}"}])
    assert [a["status"] for a in answers] == [200, 200]
    assert [r.path for r in server.requests] == ["/a", "/b"] and server.connections == 2


def test_the_server_says_goaway_in_the_middle(kube, server):
    server.handler = lambda r: Reply(body={}, delay=0.05, close=len(server.requests) % 20 == 0)
    answers, _ = kube(server, [{"path": f"/{i}", "idempotent": True} for i in range(100)])
    assert [a["status"] for a in answers] == [200] * 100
    assert server.connections > 1


def test_resets_without_end(kube, server):
    server.handler = script(Reply(reset=True))
    a = one(kube(server, [{"path": "/x", "idempotent": True, "timeout": 9000}])[0])
    assert a["status"] == 0 and not a["unsent"] and len(server.requests) >= 4
    assert a["ms"] < 9000


def test_a_reset_takes_no_neighbour_along(kube, server):
    server.handler = lambda r: Reply(reset=len(server.requests) == 7)
    answers, _ = kube(server, [{"path": f"/{i}", "idempotent": True} for i in range(40)])
    assert [a["status"] for a in answers] == [200] * 40


def test_nobody_there(kube, world, tmp_path):
    with Server(world.server) as s:
        gone = s.url
    answers, _ = kube(None, [{"path": "/x", "times": 200}, {"path": "/s", "stream": True}], url=gone)
    assert {a["status"] for a in answers} == {0} and len(answers) == 201
    assert all(a["unsent"] for a in answers)
    assert gone.removeprefix("https://") in answers[0]["error"]
    assert "no connection" in answers[0]["error"] and "done all the same" not in answers[0]["error"]
    assert [a["end"] for a in answers if a["index"] == 1] == ["unreached"]


def test_a_name_that_does_not_exist(kube):
    a = one(kube(None, [{"path": "/x"}], url="https://nowhere.invalid:6443")[0])
    assert a["unsent"] and "nowhere.invalid:6443: its name cannot be looked up" in a["error"]


def test_not_tls_at_all(kube, world):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            for _ in range(4):
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                sock.recv(1000)
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                sock.close()
        threading.Thread(target=serve, daemon=True).start()
        a = one(kube(None, [{"path": "/x"}], url=f"https://127.0.0.1:{listener.getsockname()[1]}")[0])
    assert a["unsent"] and "TLS handshake failed" in a["error"]


# --- answers that are not what they should be -----------------------------------------------------

@pytest.mark.parametrize("body", [b'{"kind":"Secret","data":{"a":', b"", b"[]", b'{"a":1}x', b'{"a":1,"a":2}',
                                  b"{" * 100000, b'{"a":"\xff"}', b"{\"a\":\"\\u0000\"}"])
def test_a_200_that_is_not_whole(kube, server, body):
    server.handler = lambda r: Reply(body=body)
    a = one(kube(server, [{"path": "/x", "method": "POST", "body": "{}"}])[0])
    assert (a["status"], a["unsent"], len(server.requests)) == (0, False, 1)
    assert "the answer is not whole" in a["error"] and "object" not in a


def test_a_broken_answer_is_asked_for_again(kube, server):
    server.handler = script(Reply(body=b'{"a":'), Reply(body={"a": 1}, cut=3), Reply(body={"a": 1}))
    a = one(kube(server, [{"path": "/x", "idempotent": True}])[0])
    assert a["object"] == {"a": 1} and len(server.requests) == 3


def test_text_is_no_object(kube, server):
    server.handler = lambda r: Reply(body=b"ok", headers={"Content-Type": "text/plain"})
    a = one(kube(server, [{"path": "/healthz"}])[0])
    assert a["status"] == 200 and "object" not in a


def test_a_page_in_place_of_a_status(kube, server):
    server.handler = lambda r: Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
    a = one(kube(server, [{"path": "/apis/bulla.dev/v1/sealedcredentials"}])[0])
    assert (a["status"], a["reason"], a["class"]) == (404, "", "io")
    assert "is its CustomResourceDefinition installed" in a["error"]


def test_a_huge_answer(kube, server):
    server.handler = lambda r: Reply(body=b'{"a":"' + b"x" * (5 << 20) + b'"}')
    a = one(kube(server, [{"path": "/x", "idempotent": True}])[0])
    assert (a["status"], len(server.requests)) == (0, 1)
    assert "larger than 4194304 bytes" in a["error"]
    server.handler = lambda r: Reply(body=b'{"a":"' + b"x" * (3 << 20) + b'"}')
    assert one(kube(server, [{"path": "/x"}])[0])["status"] == 200


def test_a_packed_answer_is_bounded_when_unpacked(kube, server):
    def packed(r):
        assert r.headers["accept-encoding"] == ["gzip"]
        return Reply(body=gzip.compress(b'{"a":"' + b"x" * (64 << 20) + b'"}'),
                     headers={"Content-Encoding": "gzip"})
    server.handler = packed
    a = one(kube(server, [{"path": "/x"}], "--gzip")[0])
    assert a["status"] == 0 and "larger than" in a["error"]
    server.handler = lambda r: Reply(body=gzip.compress(b'{"a":1}'), headers={"Content-Encoding": "gzip"})
    assert one(kube(server, [{"path": "/x"}], "--gzip")[0])["object"] == {"a": 1}


def test_a_status_in_words(kube, server):
    forbidden = ('secrets "a" is forbidden: User "system:serviceaccount:x:y" cannot create resource '
                 '"secrets" in API group "" in the namespace "team-a"')
    server.handler = lambda r: Reply(403, status(403, "Forbidden", forbidden, name="a", kind="secrets"))
    a = one(kube(server, [{"path": "/x"}])[0])
    assert (a["reason"], a["name"], a["message"], a["class"]) == ("Forbidden", "a", forbidden, "refused")
    assert forbidden in a["error"] and "RoleBinding" in a["error"]


def test_what_may_quote_a_secret_is_not_repeated(kube, server):
    message = "Secret \"a\" is invalid: data[x]: Invalid value: \"hunter2\""
    server.handler = lambda r: Reply(422, status(422, "Invalid", message, causes=[
        {"reason": "FieldValueInvalid", "message": "Invalid value: \"hunter2\"", "field": "data[x]"}]))
    a = one(kube(server, [{"path": "/x", "method": "POST", "body": "{}"}])[0])
    assert "hunter2" in a["message"] and "hunter2" not in a["error"]
    assert a["cause"] == "FieldValueInvalid" and "FieldValueInvalid" in a["error"]


# --- dead peers -----------------------------------------------------------------------------------

@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.skipif("BULLA_SANITIZED" in os.environ, reason="ptrace and LeakSanitizer exclude each other")
def test_the_kernel_gives_up_a_peer_that_is_gone(kube, server, tmp_path):
    """Each connection, of requests and of streams: keepalive for an idle one, and a limit for what is not acknowledged,
    because keepalive never fires while data is in flight."""
    trace = tmp_path / "trace"
    kube(server, [{"path": "/x"}, {"path": "/w", "stream": True}],
         prefix=["strace", "-f", "-qq", "-o", trace, "-e", "trace=connect,setsockopt"])
    connected, wanted = 0, {"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3,
                            "TCP_USER_TIMEOUT": 25000}
    options = {}
    for line in trace.read_text().splitlines():
        if "setsockopt(" in line:
            number, name, value = re.search(r"setsockopt\((\d+), \w+, (\w+), \[(\d+)\]", line).groups()
            options.setdefault(number, {})[name] = int(value)
        elif "AF_INET" in line and f"htons({server.port})" in line:
            made = options.pop(re.search(r"connect\((\d+),", line).group(1), {})
            assert {name: made.get(name) for name in wanted} == wanted
            connected += 1
    assert connected == server.connections >= 2


# --- time -----------------------------------------------------------------------------------------

def test_a_slow_answer(kube, server):
    server.handler = lambda r: Reply(delay=0 if r.path == "/fast" else 5)
    answers, _ = kube(server, [{"path": "/slow", "timeout": 700}, {"path": "/fast"}])
    by = {a["index"]: a for a in answers}
    assert by[1]["status"] == 200
    assert (by[0]["status"], by[0]["unsent"]) == (0, False) and 600 <= by[0]["ms"] <= 1700
    assert "no answer in time" in by[0]["error"]


def test_a_frozen_server_is_given_up(kube, server):
    """After two in a row without an answer, what else is under way is not waited for."""
    server.handler = lambda r: Reply(hang=len(server.requests) <= 4 and r.path != "/late")
    answers, _ = kube(server, [{"path": "/a", "timeout": 500}, {"path": "/b", "timeout": 800},
                               {"path": "/c", "method": "PUT", "body": "{}", "idempotent": True},
                               {"path": "/d", "method": "POST", "body": "{}", "pause": 1500},
                               {"path": "/late"}])
    by = {a["index"]: a for a in answers}
    assert [by[i]["status"] for i in range(5)] == [0, 0, 200, 0, 200]
    assert by[3]["ms"] < 5000 and not by[3]["unsent"] and "given up" in by[3]["error"]
    assert server.connections >= 2


def test_a_frozen_opening(kube, world):
    with Server(world.server, handles_version=True) as s:
        s.handler = lambda r: Reply(hang=True)
        answers, _ = kube(s, [{"path": "/x", "times": 20, "timeout": 1000}])
    assert [a["status"] for a in answers] == [0] * 20 and all(a["ms"] < 4000 for a in answers)
    assert {r.path for r in s.requests} == {"/version"}


# --- how many, and in which order -----------------------------------------------------------------

def test_32_at_a_time_and_urgent_first(kube, server):
    server.handler = lambda r: Reply(delay=0.15)
    answers, figures = kube(server, [{"path": f"/{i}", "times": 25} for i in range(4)] +
                            [{"path": "/urgent", "urgent": True}])
    assert [a["status"] for a in answers] == [200] * 101
    assert server.most_flying <= 34
    assert server.most_flying >= 30
    places = [r.path for r in server.requests]
    assert places.index("/urgent") < 34 and figures["pending"] == 0
    if server.http2:  # else each on a connection that may be slower than the next
        assert [p for p in places if p != "/urgent"] == sorted(p for p in places if p != "/urgent")
        assert server.connections == 1


def test_urgent_ones_pass_those_that_hang(kube, server):
    server.handler = lambda r: Reply(hang=r.path == "/x")
    answers, _ = kube(server, [{"path": "/x", "times": 60, "cancel": 4000, "pause": 300},
                               {"path": "/lease", "urgent": True, "timeout": 2000}])
    lease = one([a for a in answers if a["index"] == 1])
    assert lease["status"] == 200 and lease["ms"] < 3000


def test_cancelled_ones_are_not_heard_of(kube, server):
    server.handler = lambda r: Reply(hang=r.path == "/x")
    answers, figures = kube(server, [{"path": "/x", "times": 50, "cancel": 400}, {"path": "/y"}])
    assert sum("cancelled" in a for a in answers) == 50
    assert [a["status"] for a in answers if "status" in a] == [200]
    assert figures["pending"] == 0


# --- streams --------------------------------------------------------------------------------------

def test_a_stream_as_it_comes(kube, server):
    server.handler = lambda r: Reply(chunks=[(0.2, b'{"a":1}\n'), (0.2, b'{"b":2}\n')])
    answers, _ = kube(server, [{"path": "/w?watch=1", "stream": True}, {"path": "/x"}])
    events = [a for a in answers if a["index"] == 0]
    assert events[0] == {"index": 0, "opened": True}
    assert (events[1]["end"], events[1]["status"], events[1]["bytes"]) == ("clean", 200, 16)
    assert "accept-encoding" not in server.requests[0].headers


def test_streams_have_connections_of_their_own(kube, server):
    server.handler = lambda r: Reply(chunks=[(0.5, b"{}")]) if r.path == "/w" else Reply()
    kube(server, [{"path": "/w", "stream": True, "times": 3}, {"path": "/x", "times": 3}])
    watching = {r.connection for r in server.requests if r.path == "/w"}
    assert not watching & {r.connection for r in server.requests if r.path == "/x"}
    assert len(watching) == (1 if server.http2 else 3)


def test_more_streams_than_a_connection_holds(kube, server):
    server.handler = lambda r: Reply(chunks=[(1, b"{}")])
    answers, _ = kube(server, [{"path": "/w", "stream": True, "times": 150}])
    assert sum(a.get("end") == "clean" for a in answers) == 150
    assert server.most_flying >= 100


def test_a_stream_that_is_refused(kube, server):
    server.handler = lambda r: Reply(410, status(410, "Expired", "too old resource version"))
    a = one(kube(server, [{"path": "/w", "stream": True}])[0])
    assert (a["end"], a["status"], a["reason"], a["bytes"]) == ("refused", 410, "Expired", 0)


def test_a_stream_gets_a_fresh_token_once(kube, server, tmp_path):
    token = tmp_path / "token"
    put(token, "old")

    def answer(r):
        reply = needs("new")(r)
        put(token, "new")
        return reply
    server.handler = answer
    answers, figures = kube(server, [{"path": "/w", "stream": True}], "--token-file", token)
    assert [a.get("end") for a in answers] == [None, "clean"] and figures["refreshes"] == 1


def test_a_stream_is_not_tried_again(kube, server):
    server.handler = lambda r: Reply(429, BUSY, {"Retry-After": "1"})
    a = one(kube(server, [{"path": "/w", "stream": True}])[0])
    assert (a["end"], a["status"], a["retry"]) == ("refused", 429, 1000) and len(server.requests) == 1


def test_a_stream_that_breaks(kube, server):
    server.handler = lambda r: Reply(chunks=[(0, b"abc"), (0.2, None)])
    answers, _ = kube(server, [{"path": "/w", "stream": True}])
    assert (answers[-1]["end"], answers[-1]["status"], answers[-1]["bytes"]) == ("broken", 200, 3)
    server.requests.clear()
    server.handler = lambda r: Reply(reset=True)
    a = one(kube(server, [{"path": "/w", "stream": True}])[0])
    # libcurl tries a second time, on a new connection, what broke on one that it took up again
    assert a["end"] == "unreached" and len(server.requests) <= 2


def test_the_deadline_of_a_stream(kube, server):
    server.handler = lambda r: Reply(chunks=[(0.1, b"abc"), (60, b"def")])
    answers, _ = kube(server, [{"path": "/w", "stream": True, "deadline": 1000}])
    assert (answers[-1]["end"], answers[-1]["bytes"]) == ("silent", 3) and answers[-1]["ms"] < 3000


def test_a_stream_that_its_reader_ends(kube, server):
    server.handler = lambda r: Reply(chunks=[(0.02, b"x" * 1000)] * 500) if r.path == "/w" else Reply()
    answers, _ = kube(server, [{"path": "/w", "stream": True, "stop": 3000}, {"path": "/x"}])
    stopped = one([a for a in answers if "stopped" in a])
    assert 3000 <= stopped["bytes"] < 100000
    assert not [a for a in answers if "end" in a]


# --- proxies --------------------------------------------------------------------------------------

class Proxy:
    """CONNECT and nothing else."""

    def __init__(self, refuse=False):
        self.refuse, self.asked = refuse, []

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(4096)
        self.asked.append(head.decode())
        if self.refuse:
            sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            sock.close()
            return
        host, port = head.split(b" ")[1].rsplit(b":", 1)
        with socket.create_connection((host.decode(), int(port))) as far:
            sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            threading.Thread(target=pump, args=(far, sock), daemon=True).start()
            pump(sock, far)


def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_proxy_of_the_configuration(kube, server, tmp_path):
    token = tmp_path / "token"
    put(token, "s3cret")
    with Proxy() as p:
        a = one(kube(server, [{"path": "/x"}], "--proxy", p.url, "--token-file", token,
                     env={"NO_PROXY": "*", "no_proxy": "*"})[0])
        assert a["status"] == 200 and p.asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} ")
        assert "s3cret" not in "".join(p.asked)
        assert server.requests[-1].version == ("2" if server.http2 else "1.1")


def test_a_proxy_of_the_environment(kube, server):
    with Proxy() as p:
        assert one(kube(server, [{"path": "/x"}], env={"HTTPS_PROXY": p.url})[0])["status"] == 200
        assert p.asked
        p.asked.clear()
        kube(server, [{"path": "/x"}], env={"HTTPS_PROXY": p.url, "NO_PROXY": "127.0.0.1"})
        assert not p.asked


def test_a_proxy_that_refuses(kube, server):
    with Proxy(refuse=True) as p:
        a = one(kube(server, [{"path": "/x"}], "--proxy", p.url)[0])
    assert (a["status"], a["unsent"]) == (0, True) and not server.requests


def test_a_proxy_and_a_tls_server_name(kube, server):
    with Proxy() as p:
        a = one(kube(server, [{"path": "/x"}], "--proxy", p.url, "--tls-server-name",
                     "kubernetes.test")[0])
        assert a["status"] == 200 and p.asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} ")


def test_a_proxy_of_another_scheme(bin_dir):
    done = subprocess.run([bin_dir / "tools/kube_tool", "--server", "https://x", "--proxy", "ftp://x"],
                          input="[]", text=True, capture_output=True)
    assert done.returncode == 3 and "none of http, https, socks5" in done.stderr

# SPDX-License-Identifier: Apache-2.0
"""The fault proxy against the real server, over both protocols: each fault as a client sees it."""
import concurrent.futures
import json
import re
import subprocess
import time

import pytest

from api import Api, ApiError, Unreachable
from faultproxy import FaultProxy
from processes import wait_for

BOTH = pytest.mark.parametrize("protocol", ["--http2", "--http1.1"])


class Curl:
    """The stock curl as a client: what came, byte for byte, and curl's own status."""

    def __init__(self, proxy, token, protocol):
        self.proxy, self.token, self.protocol = proxy, token, protocol

    def __call__(self, method, path, body=None, seconds=20, more=()):
        args = ["curl", "-sS", self.protocol, "--cacert", self.proxy.ca, "-X", method, "-m", str(seconds), "-N",
                "-A", "bulla-tests", "-H", f"Authorization: Bearer {self.token}", "-H", "Expect:", "-i", *more,
                f"{self.proxy.server}{path}"]
        if body is not None:
            args += ["-H", "Content-Type: application/json", "--data-binary", "@-"]
        done = subprocess.run([str(a) for a in args], input=json.dumps(body).encode() if body is not None else b"",
                              capture_output=True, timeout=seconds + 10)
        return Got(done)


class Got:
    def __init__(self, done):
        self.code, self.error = done.returncode, done.stderr.decode()
        head, _, self.data = done.stdout.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.protocol, self.status = (lines[0].split() + [None, None])[:2]
        self.status = int(self.status) if self.status else None
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if ": " in line)}

    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f"<curl {self.code} {self.error} {self.status} {self.headers} {self.data[:500]}>"


@pytest.fixture(scope="module")
def token(control_plane):
    token = control_plane.token("faults", "client")
    control_plane.admin.grant(("faults", "client"), [("", "secrets configmaps", "get list watch create patch delete")],
                              name="faults")
    client = control_plane.admin.as_token(token)
    wait_for(lambda: client.request("GET", "/api/v1/configmaps", expect=403).status == 200, 10)
    return token


@pytest.fixture
def proxy(fault_proxy):
    return fault_proxy


@pytest.fixture
def curl(proxy, token, request):
    protocol = request.node.callspec.params.get("protocol", "--http2")
    return Curl(proxy, token, protocol)


@pytest.fixture
def maps(namespace):
    return f"/api/v1/namespaces/{namespace}/configmaps"


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def events(got):
    return [(e["type"], e["object"]) for e in map(json.loads, got.data.splitlines())]


@BOTH
def test_without_rules_it_is_not_there(proxy, curl, maps, protocol, api):
    got = curl("POST", maps, config_map("a", x="1" * 300_000))
    assert got.status == 201 and got.json()["data"]["x"] == "1" * 300_000, got
    assert got.protocol == ("HTTP/2" if protocol == "--http2" else "HTTP/1.1")
    assert curl("GET", f"{maps}/a").json()["metadata"]["uid"] == api.get(f"{maps}/a")["metadata"]["uid"]
    assert curl("GET", f"{maps}/absent").status == 404
    got = curl("GET", f"{maps}?limit=500", more=["--compressed", "-H", "Accept-Encoding: gzip"])
    assert "a" in [i["metadata"]["name"] for i in got.json()["items"]]
    assert [(r.method, r.status) for r in proxy.log] == [("POST", 201), ("GET", 200), ("GET", 404), ("GET", 200)]
    assert proxy.count("POST", "/configmaps$") == 1 and proxy.requests("POST")[0].json()["metadata"]["name"] == "a"


@BOTH
def test_a_watch_passes_at_once(proxy, curl, maps, api, protocol):
    since = api.get(maps)["metadata"]["resourceVersion"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        watch = pool.submit(curl, "GET", f"{maps}?watch=1&resourceVersion={since}&timeoutSeconds=3")
        wait_for(lambda: proxy.count(watch=True), 5)
        assert curl("POST", maps, config_map("w")).status == 201
        got = watch.result()
    assert got.code == 0 and "w" in [thing["metadata"]["name"] for _, thing in events(got)]


@BOTH
@pytest.mark.parametrize("status, reason", [(409, "Conflict"), (410, "Expired"), (422, "Invalid"),
                                            (429, "TooManyRequests"), (500, "InternalError"),
                                            (503, "ServiceUnavailable"), (504, "Timeout")])
def test_answers(proxy, curl, maps, api, protocol, status, reason):
    rule = proxy.on("POST", "/configmaps$", times=1).answer(status, retry_after=3 if status in (429, 503) else None)
    got = curl("POST", maps, config_map("c"))
    assert got.status == status and got.json()["reason"] == reason and got.json()["code"] == status
    assert got.headers.get("retry-after") == ("3" if status in (429, 503) else None)
    assert api.get(f"{maps}/c", absent=True) is None
    assert curl("POST", maps, config_map("c")).status == 201
    assert rule.hits == 1


@BOTH
def test_work_done_and_another_answer(proxy, curl, maps, api, protocol):
    proxy.on("POST").answer_after(500)
    assert curl("POST", maps, config_map("c")).status == 500
    assert api.get(f"{maps}/c")


@BOTH
def test_work_done_and_no_answer(proxy, curl, maps, api, protocol):
    rule = proxy.on("POST", times=1).lose_answer()
    got = curl("POST", maps, config_map("c"))
    assert got.code in (35, 52, 55, 56) and got.status is None, got
    assert rule.hits == 1 and api.get(f"{maps}/c")


@BOTH
def test_resets(proxy, curl, maps, api, protocol):
    proxy.on("POST", times=1).reset()
    got = curl("POST", maps, config_map("c"))
    assert got.code in (35, 52, 55, 56) and got.status is None, got
    proxy.on("POST", times=1).reset_stream()
    got = curl("POST", maps, config_map("c"))
    assert got.code == (92 if protocol == "--http2" else 56) or got.code == 52, got
    assert api.get(f"{maps}/c", absent=True) is None


def test_a_goaway_leaves_the_older_streams_alone(proxy, maps, token):
    """Two transfers of curl on one connection: the watch began before the GOAWAY and ends well; the other is
    sent again on a new connection, as nothing was done for it, and finds no such object."""
    rule = proxy.on("GET", "/a$", times=1).goaway()
    urls = [f"{proxy.server}{maps}?watch=1&timeoutSeconds=3", f"{proxy.server}{maps}/a"]
    args = ["curl", "-sS", "--http2", "--parallel", "--cacert", str(proxy.ca), "-m", "20",
            "-w", "%{exitcode} %{http_code}\n", "-H", f"Authorization: Bearer {token}"]
    for url in urls:
        args += ["-o", "/dev/null", url]
    done = subprocess.run(args, capture_output=True, text=True, timeout=30)
    assert rule.hits == 1 and sorted(done.stdout.splitlines()) == ["0 200", "0 404"], done
    assert [r.status for r in proxy.requests("GET", "/a$")] == [None, 404]


@BOTH
def test_delay_and_freeze(proxy, curl, maps, protocol):
    proxy.on("GET", "/configmaps$", times=1).delay(0.7)
    begin = time.monotonic()
    assert curl("GET", maps).status == 200 and time.monotonic() - begin >= 0.7
    rule = proxy.on("GET", "/configmaps$", times=1).freeze()
    got = curl("GET", maps, seconds=1)
    assert got.code == 28 and got.data == b"" and rule.hits == 1
    assert curl("GET", maps).status == 200


@BOTH
def test_bodies(proxy, curl, maps, protocol):
    proxy.on("GET", times=1).body(b'{"kind": "ConfigMapList", "items": [')
    got = curl("GET", maps)
    assert got.code == 0 and got.status == 200 and got.data == b'{"kind": "ConfigMapList", "items": ['
    proxy.on("GET", times=1).body(lambda data: data.replace(b"ConfigMapList", b"Nonsense"))
    assert curl("GET", maps).json()["kind"] == "Nonsense"
    proxy.on("GET", times=1).body(b"<html>", status=502)
    assert curl("GET", maps).status == 502
    proxy.on("GET", times=1).answer(200, body=b"")
    got = curl("GET", maps)
    assert (got.code, got.status, got.data) == (0, 200, b"")
    whole = curl("GET", maps).data
    proxy.on("GET", times=1).truncate(10)
    got = curl("GET", maps)
    assert got.data == whole[:10] and got.status == 200 and got.code in (18, 56, 92), got
    proxy.on("GET", times=1).redirect("https://127.0.0.1:1/elsewhere")
    got = curl("GET", maps)
    assert got.status == 307 and got.headers["location"] == "https://127.0.0.1:1/elsewhere"


@BOTH
def test_watch_faults(proxy, curl, maps, protocol):
    for name in "abc":
        curl("POST", maps, config_map(name))
    # three events are there from the start, and the root CA's perhaps
    path = f"{maps}?watch=1&timeoutSeconds=2&fieldSelector=metadata.name!=kube-root-ca.crt"
    proxy.on(watch=True, times=1).error_event(410, after=2)
    got = curl("GET", path)
    assert [kind for kind, _ in events(got)] == ["ADDED", "ADDED", "ERROR"] and got.code == 0
    assert events(got)[-1][1]["code"] == 410 and events(got)[-1][1]["reason"] == "Expired"
    proxy.on(watch=True, times=1).error_event(429, retry_after=1)
    assert [e[1]["details"]["retryAfterSeconds"] for e in events(curl("GET", path))] == [1]
    proxy.on(watch=True, times=1).end_watch(after=1)
    begin = time.monotonic()
    got = curl("GET", path)
    assert len(events(got)) == 1 and got.code == 0 and time.monotonic() - begin < 1.5
    proxy.on(watch=True, times=1).silence(after=1)
    got = curl("GET", path, seconds=4)
    assert len(events(got)) == 1 and got.code == 28
    proxy.on(watch=True, times=1).cut_watch(after=2)
    got = curl("GET", path)
    assert got.data.count(b"\n") == 2 and not got.data.endswith(b"\n")
    proxy.on(watch=True, times=1).garbage(after=1)
    got = curl("GET", path)
    assert got.data.split(b"\n")[1] == b"<html>502 Bad Gateway</html>" and got.data.count(b'"ADDED"') == 3
    proxy.on(watch=True, times=1).dribble(3)
    got = curl("GET", path)
    assert len(events(got)) == 3 and got.code == 0


def test_which_requests_a_rule_takes(proxy, token, maps):
    api = Api(proxy.server, proxy.ca, token=token)

    def statuses(n, path=maps):
        return [api.request("GET", path, expect=None).status for _ in range(n)]
    rule = proxy.on("GET", after=1, every=2, times=2).answer(500)
    assert statuses(6) == [200, 500, 200, 500, 200, 200] and rule.hits == 2
    proxy.clear()
    first, second = proxy.on("GET", times=1).answer(503), proxy.on("GET POST", r"/configmaps$").answer(500)
    assert statuses(2) == [503, 500] and statuses(1, f"{maps}/x") == [404]
    second.remove()
    assert statuses(1) == [200] and (first.hits, second.hits) == (1, 1)
    proxy.clear()
    proxy.on(when=lambda r: "limit" in r.query).answer(410)
    assert statuses(1) + statuses(1, f"{maps}?limit=1") == [200, 410]
    proxy.clear()
    proxy.on(watch=False).answer(500)
    assert list(api.watch(maps, "0", seconds=1)) is not None and statuses(1) == [500]


def test_chance_is_seeded(control_plane, token, maps):
    def run(seed):
        with FaultProxy(control_plane, seed=seed) as proxy:
            proxy.on("GET", chance=0.5).answer(500)
            api = Api(proxy.server, proxy.ca, token=token)
            return [api.request("GET", maps, expect=None).status for _ in range(20)]
    one = run(7)
    assert one == run(7) and {200, 500} == set(one) and one != run(8)


def test_the_whole_proxy(proxy, token, maps):
    api = Api(proxy.server, proxy.ca, token=token, timeout=1)
    assert api.get(maps)
    proxy.freeze()
    with pytest.raises(Unreachable, match="time"):
        api.get(maps)
    proxy.thaw()
    assert api.get(maps)
    proxy.refuse()
    assert api.get(maps)  # the connection that is there
    api.close()
    with pytest.raises(Unreachable, match="refused"):
        api.get(maps)
    proxy.accept()
    assert api.get(maps)
    proxy.reset_all()
    assert wait_for(lambda: not proxy.sessions, 5) and api.get(maps)


def test_the_server_behind_may_go_and_come(new_control_plane, new_fault_proxy):
    plane = new_control_plane(controller_manager=False)
    proxy = new_fault_proxy(plane)
    api = Api(proxy.server, proxy.ca, token=plane.token("default", "client"), timeout=5)
    assert api.get("/version")
    plane.kill_apiserver()
    with pytest.raises(Unreachable):
        api.get("/version")
    plane.start_apiserver()
    assert api.get("/version")


def test_many_streams_at_once(proxy, token, namespace, maps):
    """What a client with 32 streams on one connection does: nothing is lost or mixed."""
    names = [f"n{i}" for i in range(200)]
    config = ["parallel", "parallel-max = 32", "http2", "silent", "show-error", f'cacert = "{proxy.ca}"',
              f'header = "Authorization: Bearer {token}"', 'header = "Content-Type: application/json"',
              'header = "Expect:"']
    lines = []
    for name in names:
        body = json.dumps(json.dumps(config_map(name, x=name * 50)))
        lines += [*config, f'url = "{proxy.server}{maps}"', f"data-binary = {body}",
                  'output = "/dev/null"', 'write-out = "%{http_code} %{http_version}\\n"', "next"]
    done = subprocess.run(["curl", "-K", "-", "-m", "60"], input="\n".join(lines[:-1]), capture_output=True, text=True,
                          timeout=90)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["201 2"] * 200
    api = Api(proxy.server, proxy.ca, token=token)
    there = {m["metadata"]["name"]: m["data"] for m in api.list(maps)}
    assert all(there[name] == {"x": name * 50} for name in names)


def test_a_fault_that_fails_is_told(control_plane, token, maps):
    proxy = FaultProxy(control_plane).start()
    proxy.on("GET").body(lambda data: 1 / 0)
    with pytest.raises(Unreachable):
        Api(proxy.server, proxy.ca, token=token).get(maps)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        proxy.stop()


def test_rbac_still_decides(proxy, token):
    with pytest.raises(ApiError, match="Forbidden"):
        Api(proxy.server, proxy.ca, token=token).get("/api/v1/nodes")
    assert re.search("Bearer", str(proxy.log[-1].headers))

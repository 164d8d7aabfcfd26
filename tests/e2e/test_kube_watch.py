# SPDX-License-Identifier: Apache-2.0
"""kube/watch.h over a real network: whatever the server and the connection do, what the owner was shown is in the
end what the server has."""
import json
import os
import random
import time

import pytest

from fakeapi import FakeApi, Fault
from kubeserver import HTTP2, Authority, Reply, Server
from kubewatch import Owner, Tool, write_kubeconfig

PATH = "/apis/bulla.dev/v1/sealedcredentials"


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    ca = Authority(tmp_path_factory.mktemp("tls"), "cluster")
    return ca.ca, ca.issue("server", addresses=["127.0.0.1"])


@pytest.fixture
def api(tls):
    with FakeApi(tls[1]) as server:
        yield server


@pytest.fixture
def watch(bin_dir, api, tls, tmp_path):
    owners = []

    def start(*options, path=PATH, gzip=False):
        config = write_kubeconfig(tmp_path / f"config{len(owners)}", api.url, tls[0], gzip)
        owners.append(Owner(bin_dir, config, path, *options))
        return owners[-1]
    yield start
    for owner in owners:
        owner.end()


def sees(owner, api, seconds=10):
    owner.sees(lambda: {k: o["metadata"]["resourceVersion"] for k, o in api.store.all("sealedcredentials").items()},
               seconds)


def put(api, name, value=0, namespace="a", **fields):
    return api.store.put("sealedcredentials", namespace, name, spec={"value": value}, **fields)


def remove(api, name, namespace="a"):
    api.store.delete(api.store.kind("sealedcredentials"), namespace, name)


def lists(api):
    return [r for r in api.requests if not r.watch and r.path == PATH]


def watches(api):
    return [r for r in api.requests if r.watch]


def test_a_streaming_list_goes_on_as_the_watch(api, watch):
    for i in range(20):
        put(api, f"o{i}", i, namespace="ab"[i % 2])
    owner = watch()
    sees(owner, api)
    put(api, "o3", 33)
    put(api, "new")
    remove(api, "o5", namespace="b")
    sees(owner, api)
    assert owner.synced == 1 and not owner.failures()
    assert [r.path for r in api.requests] == ["/version", PATH] and api.requests[1].streaming
    query = api.requests[1].query
    assert 300 <= int(query.pop("timeoutSeconds")) <= 600
    assert query == {"watch": "1", "allowWatchBookmarks": "true", "sendInitialEvents": "true",
                     "resourceVersionMatch": "NotOlderThan"}
    assert api.requests[1].headers["accept"] == "application/json"
    assert "accept-encoding" not in api.requests[1].headers


def test_nothing_there(api, watch):
    owner = watch()
    sees(owner, api)
    assert owner.view == {} and owner.synced == 1


@pytest.mark.parametrize("refusal", [422, 500, 504])
def test_a_server_without_streaming_lists(api, watch, refusal):
    api.streaming, api.page_max = refusal, 7
    for i in range(20):
        put(api, f"o{i}", i)
    owner = watch(gzip=True)
    sees(owner, api)
    put(api, "later")
    sees(owner, api)
    assert owner.synced == 1 and not owner.failures()
    assert [("limit" in r.query, "continue" in r.query) for r in lists(api)] == [(True, False)] + [(True, True)] * 2
    assert all(r.headers["accept-encoding"] == "gzip" for r in lists(api))
    # refused once, never asked for again
    owner.say("relist")
    owner.until(lambda: owner.synced == 2)
    assert [r.streaming for r in watches(api)].count(True) == 1


def test_pages_that_expire(api, watch):
    api.streaming, api.page_max = 422, 3
    for i in range(9):
        put(api, f"o{i}", i)
    seen = []

    def chaos(request):
        if "continue" in request.query and not seen:
            seen.append(request)
            put(api, "o1", 100)
            api.store.compact()
    api.chaos = chaos
    owner = watch()
    sees(owner, api)
    assert owner.synced == 1 and not owner.failures()
    assert [r.query for r in lists(api)][2] == {}  # all in one piece


def test_an_api_server_that_restarts(api, watch):
    for i in range(10):
        put(api, f"o{i}", i)
    owner = watch()
    sees(owner, api)
    api.drop_connections()
    with api.store.lock:  # while nobody watches, one goes and one comes
        remove(api, "o1")
        put(api, "o2", 5)
        put(api, "p")
        api.store.compact()
    sees(owner, api)
    assert owner.synced == 2


def test_a_watch_that_ends_goes_on_where_it_was(api, watch):
    api.watch_max_s = 0.3
    put(api, "o")
    owner = watch()
    sees(owner, api)
    deadline = time.time() + 3
    while time.time() < deadline:
        put(api, "o", random.random())
        time.sleep(0.05)
    sees(owner, api)
    assert owner.synced == 1 and not owner.failures()
    assert len(watches(api)) >= 3
    assert all("sendInitialEvents" not in r.query for r in watches(api)[1:])
    # and not more often than once a second where they end that soon
    times = [r.time for r in watches(api)]
    assert all(b - a > 0.9 for a, b in zip(times, times[1:]))


def test_bookmarks_carry_the_version_along(api, watch):
    api.bookmark_s = 0.1
    ends = [Fault(end=True, after=20)]
    api.chaos = lambda r: ends.pop() if r.watch and ends else None
    put(api, "o")
    owner = watch()
    sees(owner, api)
    for _ in range(5):
        api.store.put("configmaps", "a", "c", data={"x": str(random.random())})
        time.sleep(0.15)
    assert owner.say()["heard"] < 1000
    api.store.compact()
    owner.until(lambda: sum(r.watch for r in api.requests) == 2)
    put(api, "p")
    sees(owner, api)
    assert owner.synced == 1, "the last bookmark is enough to go on"


def test_a_watch_that_breaks_is_followed_by_a_list(api, watch):
    """An etcd can be back in an older state before the watch is asked for again, and its silence tells nobody."""
    put(api, "o")
    owner = watch()
    sees(owner, api)
    api.drop_connections()
    owner.until(lambda: owner.synced == 2)
    put(api, "p")
    sees(owner, api)


def test_metadata_and_a_selector(api, watch):
    for i in range(4):
        api.store.put("secrets", "a", f"s{i}", data={"k": "c2VjcmV0"}, metadata={"labels": {"x": str(i % 2)}})
    owner = watch("--metadata", "--selector", "labelSelector=x%3D1", path="/api/v1/secrets")
    owner.until(lambda: owner.synced == 1)
    assert sorted(name for _, name in owner.view) == ["s1", "s3"]
    assert all(o["kind"] == "PartialObjectMetadata" and "data" not in o for o in owner.view.values())
    api.store.put("secrets", "a", "s1", metadata={"labels": {"x": "0"}})
    owner.until(lambda: ("a", "s1") not in owner.view)
    assert "as=PartialObjectMetadata;" in api.requests[1].headers["accept"]
    api.streaming = 422
    owner.say("relist")
    owner.until(lambda: owner.synced == 2)
    page = next(r for r in api.requests if "limit" in r.query)
    assert "as=PartialObjectMetadataList;" in page.headers["accept"]
    assert all(r.query["labelSelector"] == "x=1" for r in api.requests[1:])


def test_one_object_that_is_too_large(api, watch):
    put(api, "small")
    put(api, "large", "x" * 5000)
    owner = watch("--max", "4000")
    owner.until(lambda: owner.synced == 1)
    assert list(owner.view) == [("a", "small")]
    assert owner.failures() == [(200, "ObjectTooLarge")]
    put(api, "large", "small now")
    put(api, "other", "y" * 5000)
    put(api, "third")
    owner.until(lambda: {("a", "large"), ("a", "third")} <= owner.view.keys())
    # its deletion is not missed, though it cannot be read
    put(api, "third", "z" * 5000)
    remove(api, "third")
    owner.until(lambda: owner.synced == 2 and ("a", "third") not in owner.view)


def test_one_object_with_a_nul_does_not_hide_the_others(api, watch):
    put(api, "bad", "a\0b")
    put(api, "good")
    for streaming in ("on", 422):
        api.streaming = streaming
        owner = watch()
        owner.until(lambda: owner.synced == 1)
        assert list(owner.view) == [("a", "good")]
        assert owner.failures() == [(200, "ObjectUnreadable")]


def test_no_right_to_list(api, watch):
    api.allow = lambda r: False
    put(api, "o")
    owner = watch()
    owner.until(lambda: owner.failures())
    time.sleep(2)
    assert owner.failures() in ([(403, "Forbidden")], [(403, "Forbidden")] * 2), "asked again too soon"
    assert owner.synced == 0 and not owner.say()["state"]


def test_a_kind_that_comes_later(api, watch):
    kind = api.store.kind("sealedcredentials")
    api.store.kinds.remove(kind)
    owner = watch()
    owner.until(lambda: owner.failures())
    assert owner.failures()[0] == (404, "NotFound")
    api.store.kinds.append(kind)
    put(api, "o")
    sees(owner, api)


def test_a_full_list_from_time_to_time(api, watch):
    put(api, "o")
    owner = watch("--full", "1000")
    owner.until(lambda: owner.synced >= 4)
    sees(owner, api)
    assert not owner.failures()


def test_many_objects(api, watch):
    for i in range(3000):
        put(api, f"o{i}", "x" * 300)
    owner = watch("--count")
    owner.until(lambda: owner.synced == 1, 20)
    api.streaming = 422
    owner.say("relist")
    owner.until(lambda: owner.synced == 2, 20)
    assert [line["n"] for line in owner.lines if "synced" in line] == [3000, 3000]
    state = owner.say()
    # the sanitizers keep what was freed
    assert state["rss"] < (400000 if os.environ.get("BULLA_SANITIZED") else 40000), "a list is not held"


class Deaf(Server):
    """Streaming lists that are empty, and watches with a bookmark each half second: over HTTP/2, all on one
    connection, which freezes when the test says so while others are accepted and answered."""

    def __init__(self, cert):
        super().__init__(cert, http2=True)
        self.handler = self.watch

    def watch(self, request):
        if "sendInitialEvents=true" not in request.path:
            return Reply(404, {})
        metadata = {"resourceVersion": "7"}
        first = {"metadata": {**metadata, "annotations": {"k8s.io/initial-events-end": "true"}}}
        lines = [json.dumps({"type": "BOOKMARK", "object": {"kind": "A", "apiVersion": "t/v1", **o}}).encode() + b"\n"
                 for o in (first, {"metadata": metadata})]
        return Reply(chunks=[(0, lines[0])] + [(0.5, lines[1])] * 600)


@pytest.mark.skipif(not HTTP2, reason="python3-h2 is not installed")
def test_a_connection_that_froze_is_given_up(bin_dir, tls, tmp_path):
    """One of several API servers hangs, and its kernel acknowledges all the same: cancelling the watches does not end
    their connection, which the next requests went onto, for as long as any of them was under way."""
    paths = [f"/apis/t/v1/namespaces/n{i}/as" for i in range(6)]
    with Deaf(tls[1]) as server:
        tool = Tool(bin_dir / "tools/watch_tool", write_kubeconfig(tmp_path / "config", server.url, tls[0]),
                    "--silent", 3000, *paths)

        def synced(n):
            return all(sum("synced" in line and line["path"] == path for line in tool.lines) == n for path in paths)
        try:
            tool.until(lambda: synced(1))
            assert {r.connection for r in server.requests} == {1}
            server.frozen.add(1)
            # silence, ten seconds for the question whether it still answers, a first delay
            tool.until(lambda: synced(2), 30, "deaf")
            assert {r.connection for r in server.requests[6:]} == {2}
            time.sleep(4)
            assert synced(2), "what is not silent stays"
        finally:
            tool.end()


# --- faults ---------------------------------------------------------------------------------------------

FAULTS = {
    "410 as status": Fault(status=410, reason="Expired"),
    "429": Fault(status=429, reason="TooManyRequests", retry_after=1),
    "500": Fault(status=500, reason="InternalError"),
    "503": Fault(status=503, reason="ServiceUnavailable"),
    "504 too large": Fault(status=504, reason="Timeout", cause="ResourceVersionTooLarge", retry_after=1),
    "reset": Fault(lose=True),
    "late reset": Fault(lose_answer=True),
    "cut": Fault(cut=300, after=2),
    "torn": Fault(torn=300, after=2),
    "html": Fault(garbage=b"<html>no</html>\n"),
    "410 in the stream": Fault(error=410, reason="Expired", after=1),
    "429 in the stream": Fault(error=429, reason="TooManyRequests", retry_after=1, after=1),
    "500 in the stream": Fault(error=500, reason="InternalError", after=1),
    "an early end": Fault(end=True),
    "an end": Fault(end=True, after=3),
    "a drop": Fault(drop=True, after=3),
    "a short freeze": Fault(freeze=0.5, after=3),
}


@pytest.mark.parametrize("streaming", ["on", 422], ids=["streaming", "pages"])
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_once_on_each_request(api, watch, name, streaming):
    api.streaming, api.page_max = streaming, 4
    for i in range(10):
        put(api, f"o{i}", i)
    spoilt = []

    def chaos(request):
        what = (request.watch, request.streaming, "continue" in request.query)
        if what not in spoilt:
            spoilt.append(what)
            return FAULTS[name]
        return None
    api.chaos = chaos
    owner = watch()
    for i in range(6):
        time.sleep(0.2)
        put(api, f"o{i}", 100 + i)
        remove(api, f"o{i + 4}")
        put(api, f"p{i}")
    sees(owner, api, 20)


def random_fault(dice):
    kind = dice.choice(list(FAULTS.values()))
    return Fault(**{**kind.__dict__, "after": dice.randrange(6), "delay": dice.choice((0, 0, 0.05))})


@pytest.mark.parametrize("seed", range(24))
def test_random_schedules(api, watch, seed):
    """Several owners at once, each with its own bad luck."""
    dice = random.Random(seed)
    api.random.seed(seed)
    api.streaming, api.page_max = dice.choice(("on", "on", 422, 500)), dice.choice((2, 5, 500))
    api.bookmark_s, api.watch_max_s = dice.choice((0.1, 60)), dice.choice((0.5, 2, 600))
    evil = dice.uniform(0.1, 0.6)
    api.chaos = lambda request: random_fault(dice) if dice.random() < evil else None
    owners = [watch(), watch("--metadata"), watch(gzip=True)]
    until = time.time() + 2
    while time.time() < until:
        name, namespace = f"o{dice.randrange(12)}", dice.choice("ab")
        if dice.random() < 0.3 and (namespace, name) in api.store.all("sealedcredentials"):
            remove(api, name, namespace)
        else:
            put(api, name, dice.random(), namespace)
        if dice.random() < 0.02:
            api.restart()
        if dice.random() < 0.02:
            dice.choice(owners).say("relist")
        time.sleep(dice.choice((0, 0.01, 0.05)))
    api.chaos = lambda request: None
    for owner in owners:
        sees(owner, api, 60)
        assert sum(1 for r in api.requests if r.path == PATH) < 200, "a hot loop"

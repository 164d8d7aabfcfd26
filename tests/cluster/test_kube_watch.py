# SPDX-License-Identifier: Apache-2.0
"""kube/watch.h, kube/lease.h and kube/recorder.h on real API servers: the newest and one two years older, restarted,
gone back in time, and behind a proxy that spoils what they say."""
import os
import pathlib
import random
import signal
import sys
import time
import uuid

import pytest

from controlplane import TOP
from processes import wait_for

sys.path.append(str(TOP / "tests/e2e"))
from kubewatch import Candidate, Owner  # noqa: E402

BIN = pathlib.Path(os.environ.get("BULLA_BIN_DIR", TOP / "build")).resolve()
MAPS = "/api/v1/namespaces/{}/configmaps"


@pytest.fixture
def owner():
    owners = []

    def start(kubeconfig, path, *options):
        owners.append(Owner(BIN, kubeconfig, path, *options))
        return owners[-1]
    yield start
    for one in owners:
        one.end()


def versions(api, path, **query):
    """{(namespace, name): resourceVersion} as the server has it now."""
    items = api.get(path, query=query)["items"]
    return {(o["metadata"].get("namespace", ""), o["metadata"]["name"]): o["metadata"]["resourceVersion"]
            for o in items}


def put(api, namespace, name, value, **metadata):
    thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, **metadata},
             "data": {"v": str(value)}}
    path = MAPS.format(namespace)
    if api.request("POST", path, thing, expect=None).status == 409:
        api.request("PUT", f"{path}/{name}", thing)


def churn(api, namespace, dice, n):
    path = MAPS.format(namespace)
    for _ in range(n):
        name = f"o{dice.randrange(15)}"
        if dice.random() < 0.3:
            api.request("DELETE", f"{path}/{name}", expect=None)
        else:
            put(api, namespace, name, dice.random())


def new_namespace(plane):
    name = f"t-{uuid.uuid4().hex[:10]}"
    plane.admin.ensure("v1", "Namespace", None, name)
    return name


def seen(one):
    with one.told:
        return {k: o["metadata"]["resourceVersion"] for k, o in one.view.items()}


def sees(one, api, namespace, seconds=30):
    wait_for(lambda: one.synced and not one.listing and seen(one) == versions(api, MAPS.format(namespace)), seconds,
             "the view is the server's", pause=0.2)
    assert not one.went_back


@pytest.fixture(params=["newest", "older"])
def plane(request):
    return request.getfixturevalue("control_plane" if request.param == "newest" else "older_control_plane")


def test_lists_and_follows(plane, owner):
    namespace, dice = new_namespace(plane), random.Random(1)
    churn(plane.admin, namespace, dice, 30)
    whole = owner(plane.kubeconfig, MAPS.format(namespace))
    part = owner(plane.kubeconfig, MAPS.format(namespace), "--metadata")
    sees(whole, plane.admin, namespace)
    churn(plane.admin, namespace, dice, 200)
    for one in (whole, part):
        sees(one, plane.admin, namespace)
        assert one.synced == 1 and not one.failures()
    assert all("data" in o for o in whole.view.values() if o["metadata"]["name"] != "kube-root-ca.crt")
    assert all("data" not in o and o["kind"] == "PartialObjectMetadata" for o in part.view.values())
    # and again when asked
    whole.say("relist")
    whole.until(lambda: whole.synced == 2)
    sees(whole, plane.admin, namespace)


def test_a_selector(plane, owner):
    namespace = new_namespace(plane)
    put(plane.admin, namespace, "in", 1, labels={"x": "1"})
    put(plane.admin, namespace, "out", 1, labels={"x": "2"})
    one = owner(plane.kubeconfig, MAPS.format(namespace), "--selector", "labelSelector=x%3D1")
    one.until(lambda: one.synced == 1)
    assert list(one.view) == [(namespace, "in")]
    put(plane.admin, namespace, "in", 1, labels={"x": "3"})
    one.until(lambda: one.view == {})


def test_a_kind_that_comes_later(plane, owner):
    name = f"k{uuid.uuid4().hex[:8]}"
    group, path = f"{name}.test", f"/apis/{name}.test/v1/{name}s"
    one = owner(plane.kubeconfig, path)
    one.until(lambda: one.failures())
    assert one.failures()[0][0] == 404
    plane.admin.create({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{name}s.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": f"{name}s", "singular": name, "kind": "K"},
                 "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                     "type": "object", "properties": {"v": {"type": "string"}}}}}]}})
    one.until(lambda: one.synced == 1, 30)
    # its deletion ends the watch, and says so
    plane.admin.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}s.{group}")
    before = len(one.failures())
    one.until(lambda: len(one.failures()) > before and one.failures()[-1][0] == 404, 30)


def test_no_right(plane, owner):
    namespace = new_namespace(plane)
    token = plane.token(namespace, "nobody")
    config = plane.write_kubeconfig(f"nobody-{namespace}", token=token)
    one = owner(config, MAPS.format(namespace))
    one.until(lambda: one.failures())
    assert one.failures() == [(403, "Forbidden")]
    assert any(f'cannot list resource "configmaps"' in line.get("message", "") or
               f'cannot watch resource "configmaps"' in line.get("message", "") for line in one.lines)


def test_killed_and_gone_back(new_control_plane, owner):
    """SIGKILL in the middle of changes; then an older etcd, whose versions are less than what was seen."""
    plane = new_control_plane(controller_manager=False)
    dice = random.Random(2)
    namespace = new_namespace(plane)
    churn(plane.admin, namespace, dice, 40)
    one = owner(plane.kubeconfig, MAPS.format(namespace))
    sees(one, plane.admin, namespace)
    for _ in range(2):
        churn(plane.admin, namespace, dice, 20)
        plane.restart_apiserver()
        churn(plane.admin, namespace, dice, 20)
        sees(one, plane.admin, namespace, 60)
    plane.save("then")
    churn(plane.admin, namespace, dice, 60)
    sees(one, plane.admin, namespace, 60)
    plane.restore("then")
    one.went_back.clear()
    # the versions soon pass what was seen last: a watch from there would go on as if nothing had been
    churn(plane.admin, namespace, dice, 100)
    # mostly with the next connection; a watch that was let go on is found out by its silence, after 240 s
    wait_for(lambda: seen(one) == versions(plane.admin, MAPS.format(namespace)), 330, "the view is the old one's",
             pause=0.5)


def spoil(proxy, dice):
    """Some faults, each for a few requests."""
    for make in (lambda r: r.answer(dice.choice((429, 500, 503, 504)), retry_after=1), lambda r: r.reset(),
                 lambda r: r.lose_answer(), lambda r: r.goaway(), lambda r: r.error_event(410, after=dice.randrange(5)),
                 lambda r: r.error_event(dice.choice((500, 429, 504)), after=dice.randrange(5)),
                 lambda r: r.end_watch(after=dice.randrange(5)), lambda r: r.cut_watch(after=dice.randrange(5)),
                 lambda r: r.garbage(after=dice.randrange(5)), lambda r: r.dribble(dice.randrange(1, 9))):
        make(proxy.on("GET", "configmaps", chance=0.15, times=2))


@pytest.mark.parametrize("seed", range(3))
def test_behind_a_proxy_that_spoils(control_plane, new_fault_proxy, owner, seed):
    plane, dice = control_plane, random.Random(seed)
    namespace = new_namespace(plane)
    token = plane.token(namespace, "watcher")
    plane.admin.grant((namespace, "watcher"), [("", "configmaps", "get list watch")], namespace=namespace)
    proxy = new_fault_proxy(plane, seed=seed)
    config = plane.write_kubeconfig(f"proxied-{namespace}", token=token, server=proxy.server, ca=proxy.ca)
    spoil(proxy, dice)
    owners = [owner(config, MAPS.format(namespace), *o) for o in ([], ["--metadata"])]
    for _ in range(8):
        churn(plane.admin, namespace, dice, 20)
        if dice.random() < 0.3:
            proxy.reset_all()
        if dice.random() < 0.4:
            spoil(proxy, dice)
        time.sleep(0.3)
    proxy.clear()
    for one in owners:
        sees(one, plane.admin, namespace, 60)


def test_many(control_plane, owner, request):
    """4,000 objects, and what they cost; run with -s to see the figures."""
    plane, namespace = control_plane, new_namespace(control_plane)
    for i in range(4000):
        plane.admin.request("POST", MAPS.format(namespace), {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"o{i}", "namespace": namespace},
            "data": {"v": "x" * 2000}})
    one = owner(plane.kubeconfig, MAPS.format(namespace), "--count")
    one.until(lambda: one.synced == 1, 60)
    line = next(line for line in one.lines if "synced" in line)
    state = one.say()
    print(f"\n4,000 objects of 2 KB in {line['ms']} ms, {state['cpu_ms']} ms CPU, {state['rss']} KiB at most")
    assert line["n"] >= 4000 and state["rss"] < 40000
    plane.admin.request("DELETE", MAPS.format(namespace), expect=None)


def test_a_lease_and_events(plane):
    namespace = new_namespace(plane)
    api = plane.admin
    first, second = (Candidate(BIN, plane.kubeconfig, namespace, "agent") for _ in range(2))
    try:
        wait_for(lambda: first.has("acquired") or second.has("acquired"), 20, "a leader")
        leader, other = (first, second) if first.has("acquired") else (second, first)
        lease = lambda: api.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/agent")["spec"]
        assert lease()["holderIdentity"] == leader.lines[0]["identity"]
        put(api, namespace, "c", 1)
        thing = api.get(MAPS.format(namespace) + "/c")
        for _ in range(2):
            leader.event("c", thing["metadata"]["uid"], "é " * 900)
        leader.until(lambda: leader.say()["pending"] == 0)
        assert leader.say()["dropped"] == 0
        event, = api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
        assert event["series"]["count"] == 2 and len(event["note"].encode()) <= 1024
        leader.process.send_signal(signal.SIGSTOP)
        other.acquires(20)
        leader.process.send_signal(signal.SIGCONT)
        leader.until(lambda: leader.has("lost"))
        assert lease()["leaseTransitions"] == 1 and lease()["holderIdentity"] == other.lines[0]["identity"]
        other.say("release")
        other.until(lambda: other.has("released"))
        assert other.process.wait(10) == 0 and lease().get("holderIdentity", "") == ""
    finally:
        for one in (first, second):
            one.process.send_signal(signal.SIGCONT)
            one.end()

# SPDX-License-Identifier: Apache-2.0
"""How an agent of a cluster ends: after SIGTERM, and by itself with --once (kubernetes-agent 2.11)."""
import re
import signal
import subprocess
import time

import pytest

from agentbed import documents_path, secrets_path, value
from processes import wait_for
from test_agent_replicas import holder

DOCUMENTS, SECRETS, EVENTS = "/sealedcredentials$", "/secrets$", "/events$"


@pytest.fixture
def faulty(new_bed, fault_proxy):
    """A bed whose agent goes through the fault proxy."""
    return new_bed(proxy=fault_proxy)


def events(bed, ns):
    """{name: reason} of the documents that an Event tells of."""
    return {e["regarding"]["name"]: e["reason"]
            for e in bed.api.list(f"/apis/events.k8s.io/v1/namespaces/{ns}/events")}


def put_in_the_way(bed, ns, *names):
    """Documents where Secrets of others stand: each is worth an Event."""
    for name in names:
        bed.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": ns}})
        bed.put(name, {"v": value()}, ns)


def end_of(agent, since, seconds=25):
    """How long it took to end well."""
    agent.ends(0, seconds)
    return time.monotonic() - since


# --- SIGTERM -----------------------------------------------------------------------------------------------


def begin_slow_write(bed, proxy, agent, ns):
    """A Secret is being made, which takes 3 s; the time of the SIGTERM."""
    rule = proxy.on("POST", SECRETS, times=1).delay(3)
    bed.put("slow", {"v": value()}, ns)
    rule.wait()
    begin = time.monotonic()
    agent.process.send_signal(signal.SIGTERM)
    return begin


def test_a_write_that_is_under_way_is_finished_and_nothing_new_is_begun(faulty, fault_proxy):
    bed = faulty
    ns = bed.namespace()
    with bed.run("--settle", 0) as agent:
        bed.put("there", {"v": value()}, ns)
        bed.ready("there", ns)
        assert agent.get("/readyz")[0] == 200
        begin = begin_slow_write(bed, fault_proxy, agent, ns)
        wait_for(lambda: agent.get("/readyz")[0] == 503, 1, "/readyz to fail")
        assert agent.get("/healthz")[0] == 200
        bed.put("late", {"v": value()}, ns)
        bed.api.delete(documents_path(ns, "there"))
        assert holder(bed), "the lease went before the work had ended"
        assert agent.get("/readyz")[0] == 503 and bed.secret("slow", ns) is None
        took = end_of(agent, begin)
        # 3 s of the write, at most five of the inventory (WRITE_BUSY_MS) and two of the Events
        assert 2.5 < took < 11
        assert bed.secret("slow", ns) == bed.sealed["slow", ns]
        assert set(bed.secrets(ns)) == {"there", "slow"} and not holder(bed)


def test_a_second_signal_ends_it_at_once(faulty, fault_proxy):
    bed = faulty
    ns = bed.namespace()
    with bed.run() as agent:
        begin = begin_slow_write(bed, fault_proxy, agent, ns)
        wait_for(lambda: agent.get("/readyz")[0] == 503, 1, "/readyz to fail")
        agent.process.send_signal(signal.SIGTERM)
        assert end_of(agent, begin) < 2.5
        assert bed.secret("slow", ns) is None


@pytest.mark.parametrize("fault", [lambda rule: rule.freeze(), lambda rule: rule.answer(503, retry_after=30)])
def test_a_write_that_never_ends_keeps_it_no_longer_than_a_pod_is_given(faulty, fault_proxy, fault):
    bed = faulty
    ns = bed.namespace()
    with bed.run() as agent:
        rule = fault(fault_proxy.on("POST", SECRETS))
        bed.put("slow", {"v": value()}, ns)
        rule.wait()
        begin = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        assert end_of(agent, begin, 29) < 24
        assert bed.secret("slow", ns) is None


# --- Events ------------------------------------------------------------------------------------------------


def test_events_are_sent_before_it_ends_and_before_the_lease_is_given_back(faulty, fault_proxy):
    bed = faulty
    ns = bed.namespace()
    with bed.run() as agent:
        rule = fault_proxy.on("POST", EVENTS).delay(1.2)
        put_in_the_way(bed, ns, "a", "b")
        rule.wait(2)
        begin = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        held = []
        wait_for(lambda: held.append((bool(holder(bed)), len(events(bed, ns)))) or not agent.running(), 20, "its end")
        assert end_of(agent, begin) < 4
        assert events(bed, ns) == {"a": "Foreign", "b": "Foreign"}
        assert all(n == 2 for held_then, n in held if not held_then), held


def test_events_that_nobody_takes_keep_it_for_two_seconds(faulty, fault_proxy):
    bed = faulty
    ns = bed.namespace()
    with bed.run() as agent:
        rule = fault_proxy.on("POST", EVENTS).freeze()
        put_in_the_way(bed, ns, "a")
        bed.says("a", ns, "Foreign")
        rule.wait()
        begin = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        assert holder(bed)
        assert 1.8 < end_of(agent, begin) < 3.5
        assert not holder(bed)


# --- --once ------------------------------------------------------------------------------------------------


def once(bed, *more, seconds=60):
    """(exit status, standard error, seconds that it took)."""
    begin = time.monotonic()
    done = subprocess.run([*map(str, bed.args("--once", *more, listen=False))], env=bed.env, capture_output=True,
                          text=True, timeout=seconds)
    return done.returncode, done.stderr, time.monotonic() - begin


def test_once_sends_its_events(faulty, fault_proxy):
    bed = faulty
    ns = bed.namespace()
    fault_proxy.on("POST", EVENTS).delay(0.7)
    put_in_the_way(bed, ns, "a", "b", "c")
    status, said, _ = once(bed)
    assert status == 8, said
    assert events(bed, ns) == dict.fromkeys("abc", "Foreign")


def test_once_gives_up_a_namespace_that_it_may_not_see(new_bed):
    bed = new_bed(install="namespaces")
    served, dark = bed.namespace(), bed.namespace(served=False)
    bed.put("login", {"v": value()}, served)
    status, said, took = once(bed, "--give-up", 3)
    assert status == 7 and 3 <= took < 10, (status, said, took)
    last = said.splitlines()[-1]
    assert last.startswith("bulla-agent: given up after 3 s: sealedcredentials in namespace " + dark + " cannot be listed (status 403: ")
    assert 'cannot watch resource "sealedcredentials"' in last or 'cannot list resource "sealedcredentials"' in last
    assert "RoleBinding" in last and served not in last
    bed.ready("login", served)
    bed.serve(dark)
    assert once(bed, "--give-up", 30)[0] == 0


@pytest.mark.parametrize("method, path, fault, pattern", [
    ("GET", DOCUMENTS, dict(status=404, message="page not found"), "sealedcredentials .*status 404: .*manifests/base"),
    ("GET", DOCUMENTS, dict(status=500), "sealedcredentials .*status 500: "),
    ("PATCH", "bulla-canary", dict(status=404), "bulla-canary"),
])
def test_once_gives_up_what_it_cannot_list(faulty, fault_proxy, method, path, fault, pattern):
    fault_proxy.on(method, path).answer(fault.pop("status"), **fault)
    ns = faulty.namespace()
    faulty.put("login", {"v": value()}, ns)
    status, said, took = once(faulty, "--give-up", 2)
    assert status == 7 and 2 <= took < 9, (status, said, took)

    assert re.search(pattern, said.splitlines()[-1]), said
    assert faulty.secret("login", ns) is None


def test_once_gives_up_a_server_that_is_not_there(faulty, fault_proxy):
    fault_proxy.refuse()
    status, said, took = once(faulty, "--give-up", 2)
    assert status == 7 and 2 <= took < 9, (status, said, took)
    assert "sealedcredentials" in said.splitlines()[-1] and "no answer" in said.splitlines()[-1], said


def test_once_gives_up_secrets_that_it_may_not_list(new_bed, fault_proxy):
    bed = new_bed(install="namespaces", proxy=fault_proxy)
    ns = bed.namespace()
    fault_proxy.on("GET", SECRETS).answer(403, message="secrets is forbidden")
    bed.put("login", {"v": value()}, ns)
    status, said, took = once(bed, "--give-up", 2)
    assert status == 7 and 2 <= took < 9, (status, said, took)
    assert f"secrets in namespace {ns} cannot be listed (status 403: secrets is forbidden)" in said.splitlines()[-1]


def test_once_waits_for_a_server_that_fails_for_a_while(faulty, fault_proxy):
    ns = faulty.namespace()
    faulty.put("login", {"v": value()}, ns)
    rule = fault_proxy.on("GET", DOCUMENTS, times=3).answer(403)
    status, said, _ = once(faulty, "--give-up", 30)
    assert (status, rule.hits) == (0, 3), said
    faulty.ready("login", ns)
    assert faulty.api.get(secrets_path(ns, "login"))

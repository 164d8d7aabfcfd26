# SPDX-License-Identifier: Apache-2.0
"""kube/lease.h and kube/recorder.h over a real network, with a server that fails."""
import signal
import time

import pytest

from fakeapi import FakeApi, Fault
from kubeserver import Authority
from kubewatch import Candidate, write_kubeconfig

LEASES = "/apis/coordination.k8s.io/v1/namespaces/sys/leases"
EVENTS = "/apis/events.k8s.io/v1/namespaces/sys/events"


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    ca = Authority(tmp_path_factory.mktemp("tls"), "cluster")
    return ca.ca, ca.issue("server", addresses=["127.0.0.1"])


@pytest.fixture
def api(tls):
    with FakeApi(tls[1]) as server:
        yield server


@pytest.fixture
def candidate(bin_dir, api, tls, tmp_path):
    started = []

    def start(**times):
        config = write_kubeconfig(tmp_path / f"config{len(started)}", api.url, tls[0])
        started.append(Candidate(bin_dir, config, "sys", "agent", **times))
        return started[-1]
    yield start
    for one in started:
        one.process.send_signal(signal.SIGCONT)
        one.end()


def lease(api):
    return api.store.all("leases")["sys", "agent"]["spec"]


def identity(one):
    return one.lines[0]["identity"]


def test_the_first_makes_it_and_renews(api, candidate):
    one = candidate()
    one.acquires()
    made = lease(api)
    assert made["holderIdentity"] == identity(one) and made["leaseDurationSeconds"] == 3
    assert made["leaseTransitions"] == 0 and made["acquireTime"] == made["renewTime"]
    one.until(lambda: lease(api)["renewTime"] > made["renewTime"] or None)
    assert lease(api)["acquireTime"] == made["acquireTime"]
    time.sleep(1)
    assert one.held() and one.say()["age"] < 1000
    # renewed without reading
    assert [r.method for r in api.requests if r.path.startswith(LEASES)][:2] == ["GET", "POST"]
    assert {r.method for r in api.requests if r.path.startswith(LEASES)} == {"GET", "POST", "PUT"}
    assert [r.method for r in api.requests].count("GET") == 2  # one is /version


def test_a_leader_that_dies(api, candidate):
    one = candidate()
    one.acquires()
    two = candidate()
    two.until(lambda: two.say()["holder"] == identity(one))
    assert not two.held()
    one.kill()
    died = time.monotonic()
    two.acquires()
    assert 2 <= time.monotonic() - died <= 3 + 2.2
    assert lease(api)["leaseTransitions"] == 1 and lease(api)["holderIdentity"] == identity(two)


def test_a_leader_that_sleeps_wakes_up_without_it(api, candidate):
    one = candidate()
    one.acquires()
    two = candidate()
    one.process.send_signal(signal.SIGSTOP)
    two.acquires()
    one.process.send_signal(signal.SIGCONT)
    one.until(lambda: one.has("lost"))
    assert one.process.wait(10) == 0
    assert two.held() and lease(api)["holderIdentity"] == identity(two)


def test_given_back(api, candidate):
    one = candidate()
    one.acquires()
    two = candidate()
    one.say("release")
    one.until(lambda: one.has("released"))
    given = time.monotonic()
    assert one.process.wait(10) == 0
    two.acquires()
    assert time.monotonic() - given < 1.5
    two.say("release")
    two.until(lambda: two.has("released"))
    assert lease(api)["holderIdentity"] == "" and lease(api)["leaseDurationSeconds"] == 1
    assert lease(api)["leaseTransitions"] == 1


def test_a_standby_that_leaves(api, candidate):
    one = candidate()
    one.acquires()
    two = candidate()
    two.until(lambda: two.say()["holder"] == identity(one))
    two.say("release")
    two.until(lambda: two.has("released"))
    assert two.process.wait(10) == 0 and one.held()


def test_a_server_that_goes(api, candidate):
    """Too long without a renewal is the end, and before that nothing can be written under it."""
    one = candidate()
    one.acquires()
    api.chaos = lambda request: Fault(lose=True)
    gone = time.monotonic()
    one.until(lambda: one.has("lost"))
    assert 1.4 < time.monotonic() - gone < 2.6
    assert one.failures()


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(lose=True), Fault(lose_answer=True), Fault(status=409),
                                   Fault(status=429, retry_after=1), Fault(torn=40), Fault(delay=0.7)],
                         ids=["500", "reset", "late reset", "409", "429", "torn", "slow"])
def test_every_third_request_fails(api, candidate, fault):
    count = [0]

    def chaos(request):
        count[0] += request.path.startswith(LEASES)
        return fault if count[0] % 3 == 0 else None
    api.chaos = chaos
    one = candidate()
    one.acquires()
    time.sleep(4)
    assert one.held() and not one.has("lost")


def test_no_right(api, candidate):
    api.allow = lambda r: False
    one = candidate()
    one.until(lambda: one.failures())
    assert one.failures()[0] == (403, "Forbidden")
    assert not one.held() and one.say()["age"] == -1


def test_three_and_many_deaths(api, candidate):
    """Whoever writes under the lease: never two at a time."""
    alive = [candidate(duration=2000, renew=1200, retry=200) for _ in range(3)]
    for _ in range(4):
        deadline = time.monotonic() + 10
        while not any(one.has("acquired") for one in alive) and time.monotonic() < deadline:
            time.sleep(0.02)
        leaders = [one for one in alive if one.has("acquired")]
        assert len(leaders) == 1 and lease(api)["holderIdentity"] == identity(leaders[0])
        leaders[0].kill()
        alive.remove(leaders[0])
        alive.append(candidate(duration=2000, renew=1200, retry=200))
    assert lease(api)["leaseTransitions"] == 3


# --- events ---------------------------------------------------------------------------------------------

def events(api):
    return list(api.store.all("events").values())


def test_an_event_and_its_series(api, candidate):
    one = candidate()
    one.event("c", "uid-1", "it is \"so\": é")
    one.until(lambda: one.say()["pending"] == 0)
    made, = events(api)
    assert made["note"] == "it is \"so\": é" and made["type"] == "Warning"
    assert made["regarding"] == {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "sys", "name": "c",
                                 "uid": "uid-1"}
    assert made["reportingController"] == "bulla.dev/test" and "series" not in made
    one.event("c", "uid-1", "it is \"so\": é")
    one.until(lambda: one.say()["pending"] == 0)
    again, = events(api)
    assert again["series"]["count"] == 2 and again["metadata"]["name"] == made["metadata"]["name"]
    one.event("c", "uid-1", "something else")
    one.until(lambda: one.say()["pending"] == 0)
    assert len(events(api)) == 2


def test_the_event_of_a_series_went(api, candidate):
    one = candidate()
    one.event("c", "u", "x")
    one.until(lambda: one.say()["pending"] == 0)
    api.store.delete(api.store.kind("events"), "sys", events(api)[0]["metadata"]["name"])
    one.event("c", "u", "x")
    one.until(lambda: one.say()["pending"] == 0)
    made, = events(api)
    assert made["series"]["count"] == 2


def test_events_do_not_hold_up(api, candidate):
    api.chaos = lambda r: Fault(delay=3) if r.path == EVENTS else None
    one = candidate()
    one.acquires()
    for i in range(20):
        one.event(f"c{i}", "u", "x")
    time.sleep(2.5)
    assert one.held(), "the lease is renewed past them"
    assert one.say()["pending"] == 20


def test_events_without_right_are_dropped(api, candidate):
    api.allow = lambda r: r.path != EVENTS
    one = candidate()
    one.acquires()
    one.event("c", "u", "x")
    one.until(lambda: one.say()["dropped"] == 1)
    assert one.held() and not events(api)


def test_what_was_told_is_heard_at_the_end(api, candidate):
    one = candidate()
    one.acquires()
    api.chaos = lambda r: Fault(delay=0.5) if r.path == EVENTS else None
    one.event("c", "u", "last words")
    one.say("release")
    assert one.process.wait(10) == 0
    assert [e["note"] for e in events(api)] == ["last words"]

# SPDX-License-Identifier: Apache-2.0
"""Two agents on a real API server: with the Lease one works and the other looks on until it must; without it both
work, and neither spoils what the other does (DESIGN 6.1)."""
import concurrent.futures
import contextlib
import signal
import time

import pytest

from agentbed import SYSTEM, conditions, documents_path, identity, secrets_path, value
from processes import wait_for

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/bulla-agent"
NAMES = [f"d{i}" for i in range(8)]
INSTALLS = pytest.mark.parametrize("install", ["cluster", "namespaces"])
WORKS = "this replica works now"
OVER = 7  # the exit status of an agent that lost its lease


def holder(bed):
    return bed.api.get(LEASE)["spec"]["holderIdentity"]


def versions(bed, ns):
    return ({n: identity(s) for n, s in bed.secrets(ns).items()}, {n: identity(d) for n, d in bed.documents(ns).items()})


def works(agent):
    return bool(agent.matching(msg=WORKS))


def freeze(agent):
    agent.process.send_signal(signal.SIGSTOP)


def thaw(agent):
    agent.process.send_signal(signal.SIGCONT)


def wakes_up_too_late(agent):
    thaw(agent)
    agent.ends(OVER)
    assert "the lease went to another agent, or could not be renewed in time; start the agent again" in agent.output()


@contextlib.contextmanager
def two(bed, proxy, *more):
    """One that works, and a standby: its requests alone go through the proxy."""
    with bed.run("--settle", 1, *more) as first:
        bed.proxy = proxy
        with bed.run("--settle", 1, *more, wait=False) as second:
            second.wait_log(msg="started")
            yield first, second


def looks_on(standby, proxy, since):
    """It is ready, and asks for nothing but the lease: no list, no watch, no write."""
    wait_for(lambda: standby.get("/readyz")[0] == 200, 10, "the standby ready")
    assert not works(standby)
    asked = proxy.requests()
    assert {(r.method, r.path) for r in asked} <= {("GET", "/version"), ("GET", LEASE)}
    # each 2 to 4.4 s, and one to begin with
    assert 1 <= len([r for r in asked if r.path == LEASE]) <= (time.monotonic() - since) / 2 + 2


@pytest.mark.parametrize("how", ["stop", "die", "freeze"])
@INSTALLS
def test_the_standby_looks_on_until_it_must(new_bed, fault_proxy, install, how):
    bed = new_bed(install=install)
    ns = bed.namespace()
    since = time.monotonic()
    with two(bed, fault_proxy) as (first, second):
        bed.put_many(NAMES, ns)
        bed.all_ready(ns)
        wait_for(lambda: fault_proxy.count("GET", LEASE) >= 2, 10, "the standby's looks at the lease")
        looks_on(second, fault_proxy, since)
        assert works(first)
        before, leader = versions(bed, ns), holder(bed)
        wait_for(lambda: install == "namespaces" or bed.remembered(ns) == set(NAMES), 10, "the inventory")

        if how == "stop":
            freeze(second)  # else it may work at once
            first.stop()
            assert holder(bed) == ""
        elif how == "die":
            first.die()
        else:
            freeze(first)
        # while nobody works
        bed.put("d0", {"v": value()}, ns)
        bed.put("new", {"v": value()}, ns)
        bed.api.delete(documents_path(ns, "d1"))
        assert versions(bed, ns)[0] == before[0]
        if how == "stop":
            thaw(second)
        begin = time.monotonic()
        # a lease that was given back is taken at the next look, 2 to 4.4 s after the last one; one that runs out is
        # when it has not changed for 15 s
        second.wait_log(msg=WORKS, seconds=8 if how == "stop" else 30)
        assert how == "stop" or time.monotonic() - begin > 5, "it did not wait for the lease to run out"
        bed.ready("d0", ns)
        bed.ready("new", ns)
        bed.until_secret("d1", ns, lambda data: data is None)
        assert holder(bed) not in ("", leader)
        after = versions(bed, ns)
        untouched = set(NAMES) - {"d0", "d1"}
        for old, new in zip(before, after):
            assert {n: old[n] for n in untouched} == {n: new[n] for n in untouched}
        assert after[0]["d0"][0] == before[0]["d0"][0], "the Secret was made anew"

        if how == "freeze":
            wakes_up_too_late(first)
            assert versions(bed, ns) == after, "it wrote when it woke up"


@INSTALLS
def test_a_leader_frozen_in_the_middle_of_200_documents(new_bed, fault_proxy, install):
    bed = new_bed(install=install)
    ns = bed.namespace()
    names = [f"d{i:03}" for i in range(200)]
    sealed = [bed.seal(name, {"v": value()}, ns) for name in names]
    with two(bed, fault_proxy) as (first, second):
        leader = holder(bed)
        freeze(first)  # so that all of it comes at once; for less than the 10 s that it may be without the lease
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda document: bed.plane.new_admin().apply(document), sealed))
        thaw(first)
        wait_for(lambda: len(bed.secrets(ns)) >= 20, 20, "some Secrets", pause=0)
        freeze(first)
        made = bed.secrets(ns)
        told = [d for d in bed.documents(ns).values() if "Ready" in conditions(d)]
        assert len(told) < 200, "it was not in the middle of it"
        # what it had begun to make is another by the time it wakes up
        for name in ("d000", "d100", "d199"):
            bed.put(name, {"v": value()}, ns)
        second.wait_log(msg=WORKS, seconds=30)
        bed.all_ready(ns)
        wait_for(lambda: install == "namespaces" or bed.remembered(ns) == set(names), 20, "the inventory")
        after, taken = versions(bed, ns), holder(bed)
        assert taken not in ("", leader)
        assert {n: after[0][n][0] for n in made} == {n: s["metadata"]["uid"] for n, s in made.items()}

        wakes_up_too_late(first)
        assert versions(bed, ns) == after, "it wrote when it woke up"
        assert holder(bed) == taken
        assert install == "namespaces" or bed.remembered(ns) == set(names)
        bed.put("d050", {"v": value()}, ns)
        bed.ready("d050", ns)


def test_old_writes_come_to_nothing(new_bed, fault_proxy):
    """A leader was frozen with one write on its way and another that waits in it for the server's own sake.  The first
    comes when another agent has made the Secret newer, the second would go out as the leader wakes up."""
    bed = new_bed(proxy=fault_proxy)
    ns = bed.namespace()
    names = ["waits", "way"]
    with bed.run("--settle", 1) as first, bed.run("--settle", 1, wait=False) as second:
        bed.put_many(names, ns)
        bed.all_ready(ns)
        way = fault_proxy.on("PATCH", "/secrets/way$", times=1).hold()
        waits = fault_proxy.on("PATCH", "/secrets/waits$", times=1).answer(429, retry_after=5)
        for name in names:
            bed.put(name, {"v": value()}, ns)
        way.wait()
        waits.wait()
        time.sleep(0.5)  # it has read that it is to wait
        freeze(first)
        second.wait_log(msg=WORKS, seconds=30)
        for name in names:
            bed.put(name, {"v": value()}, ns)
            bed.ready(name, ns)
        now = versions(bed, ns)

        way.let_go()
        late = fault_proxy.requests("PATCH", "/secrets/way$")[0]
        wait_for(lambda: late.status, 10, "what was on its way at the server")
        assert late.status == 409 and versions(bed, ns) == now
        asked = fault_proxy.count("PATCH", secrets_path(ns))
        wakes_up_too_late(first)
        assert fault_proxy.count("PATCH", secrets_path(ns)) == asked, "it sent what it had put off"
        assert versions(bed, ns) == now


@INSTALLS
def test_a_secret_that_others_touch(new_bed, fault_proxy, install):
    """An update wants the version that is known, and another's label makes a newer one.  Seen by a watch, or by a look
    at it, that costs no request; where it was not seen the agent looks, once."""
    bed = new_bed(proxy=fault_proxy, install=install)
    ns = bed.namespace()

    def asked():
        return [r.status for r in fault_proxy.requests("POST PATCH", secrets_path(ns))]

    def update():
        before = len(asked())
        bed.put("login", {"v": value()}, ns)
        bed.ready("login", ns)
        time.sleep(0.5)
        return asked()[before:]

    def touch(by):
        before = len(asked())
        bed.api.patch(secrets_path(ns, "login"), {"metadata": {"labels": {"team": by}}})
        return before

    with bed.run("--full-look", 3600) as agent:
        assert update() == [201]
        assert update() == [200]
        before = touch("blue")
        if install == "namespaces":
            wait_for(lambda: len(asked()) > before, 10, "the look at it")
            time.sleep(0.5)
            assert asked()[before:] == [200]
            assert update() == [200]
        else:
            assert update() == [409, 200, 200], "too late, what is there, as it is to be"
        assert update() == [200]
        assert bed.secret_object("login", ns)["metadata"]["labels"]["team"] == "blue"
        agent.stop()
    if install == "cluster":
        with bed.run("--full-look", 2) as agent:
            before = touch("green")
            wait_for(lambda: agent.metrics()["bulla_secrets_repaired_total"] == 1, 10, "the look at it")
            # each look is a probe, and what it has seen is enough to write by
            assert 409 not in asked()[before:]
            assert bed.secret_object("login", ns)["metadata"]["labels"]["team"] == "green"
            assert bed.secret("login", ns) == bed.sealed["login", ns]


@INSTALLS
def test_two_without_a_lease(new_bed, install):
    bed = new_bed(install=install)
    ns = bed.namespace()
    more = ("--settle", 1, "--no-lease", "--full-look", 2)
    with bed.run(*more) as first, bed.run(*more) as second:
        names = [f"d{i:02}" for i in range(40)]
        bed.put_many(names, ns)
        bed.all_ready(ns)
        made = versions(bed, ns)[0]
        for name in names[:20]:
            bed.put(name, {"v": value()}, ns)
        for name in names[30:]:
            bed.api.delete(documents_path(ns, name))
        bed.all_ready(ns)
        for name in names[30:]:
            bed.until_secret(name, ns, lambda data: data is None)

        def quiet():
            before = versions(bed, ns)
            time.sleep(5)  # both have looked at each Secret again
            return versions(bed, ns) == before
        wait_for(quiet, 30, "both to leave it at that")
        now = versions(bed, ns)[0]
        assert set(now) == set(names[:30])
        assert {n: u for n, (u, _) in now.items()} == {n: made[n][0] for n in now}, "a Secret was made anew"
        bed.all_ready(ns)
        # both have the whole picture, and one that is left goes on by itself
        for agent in (first, second):
            agent.wait_count("Applied", 30)
            assert agent.count("Contested") == 0
        first.die()
        bed.put("d00", {"v": value()}, ns)
        bed.ready("d00", ns)

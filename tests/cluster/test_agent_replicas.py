# SPDX-License-Identifier: Apache-2.0
"""Two agents on a real API server: with the Lease one works and the other looks on until it must; without it both
work, and neither spoils what the other does (DESIGN 6.1)."""
import signal
import time

import pytest

from agentbed import SYSTEM, documents_path, identity, value
from processes import wait_for

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/bulla-agent"
NAMES = [f"d{i}" for i in range(8)]


def holder(bed):
    return bed.api.get(LEASE)["spec"]["holderIdentity"]


def versions(bed, ns):
    return ({n: identity(s) for n, s in bed.secrets(ns).items()}, {n: identity(d) for n, d in bed.documents(ns).items()})


def works(agent):
    return bool(agent.matching(msg="this replica works now"))


def leave(agent, how):
    if how == "stop":
        agent.stop()
    elif how == "die":
        agent.die()
    else:
        agent.process.send_signal(signal.SIGSTOP)


@pytest.mark.parametrize("how", ["stop", "die", "freeze"])
@pytest.mark.parametrize("install", ["cluster", "namespaces"])
def test_the_standby_looks_on_until_it_must(new_bed, install, how):
    bed = new_bed(install=install)
    ns = bed.namespace()
    with bed.run("--settle", 1) as first, bed.run("--settle", 1, wait=False) as second:
        bed.put_many(NAMES, ns)
        bed.all_ready(ns)
        wait_for(lambda: second.get("/readyz")[0] == 200, 10, "the standby ready")
        assert works(first) and not works(second)
        assert second.requests("POST") == second.requests("PATCH") == second.requests("PUT") == 0
        before, leader = versions(bed, ns), holder(bed)
        wait_for(lambda: install == "namespaces" or bed.remembered(ns) == set(NAMES), 10, "the inventory")

        leave(first, how)
        # while nobody works
        bed.put("d0", {"v": value()}, ns)
        bed.put("new", {"v": value()}, ns)
        bed.api.delete(documents_path(ns, "d1"))
        begin = time.monotonic()
        # a lease that was given back is taken within its retry of 2 s, one that runs out after 15 s (DESIGN 6.1)
        second.wait_log(msg="this replica works now", seconds=8 if how == "stop" else 30)
        assert how == "stop" or time.monotonic() - begin > 5, "it did not wait for the lease to run out"
        bed.ready("d0", ns)
        bed.ready("new", ns)
        bed.until_secret("d1", ns, lambda data: data is None)
        assert holder(bed) != leader
        after = versions(bed, ns)
        untouched = set(NAMES) - {"d0", "d1"}
        for old, new in zip(before, after):
            assert {n: old[n] for n in untouched} == {n: new[n] for n in untouched}
        assert after[0]["d0"][0] == before[0]["d0"][0], "the Secret was made anew"

        if how == "freeze":
            first.process.send_signal(signal.SIGCONT)
            assert first.process.wait(20) != 0
            assert "the lease went to another agent, or could not be renewed in time; start the agent again" in first.output()
            assert versions(bed, ns) == after, "it wrote when it woke up"


def test_two_without_a_lease(new_bed):
    bed = new_bed()
    ns = bed.namespace()
    with bed.run("--settle", 1, "--no-lease") as first, bed.run("--settle", 1, "--no-lease") as second:
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
            time.sleep(3)
            return versions(bed, ns) == before
        wait_for(quiet, 30, "both to leave it at that")
        now = versions(bed, ns)[0]
        assert set(now) == set(names[:30])
        assert {n: u for n, (u, _) in now.items()} == {n: made[n][0] for n in now}, "a Secret was made anew"
        # both have the whole picture, and one that is left goes on by itself
        for agent in (first, second):
            agent.wait_count("Applied", 30)
        first.die()
        bed.put("d00", {"v": value()}, ns)
        bed.ready("d00", ns)

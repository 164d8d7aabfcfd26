# SPDX-License-Identifier: Apache-2.0
"""The whole agent under seeded random schedules against a cluster in memory, which is held to the real one by a schedule
that both go through.

BULLA_SCHEDULES  how many; BULLA_SEED  the first seed (a failure prints both)
"""
import os
import pathlib
import sys
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "tests/e2e"))

import kubeserver  # noqa: E402
from fakeapi import Fault  # noqa: E402
from kubewatch import write_kubeconfig  # noqa: E402
from processes import wait_for  # noqa: E402
from schedules import NAMES, SPOILED, Batch, Sealer, reason_of  # noqa: E402

COUNT = int(os.environ.get("BULLA_SCHEDULES", "80"))
SEED = os.environ.get("BULLA_SEED")
SIDE_BY_SIDE = 40


class Authority:
    def __init__(self, folder):
        folder.mkdir()
        self.made = kubeserver.Authority(folder, "fake")
        self.pair = self.made.issue("server", addresses=["127.0.0.1"])

    def kubeconfig(self, path, url):
        write_kubeconfig(path, url, self.made.ca, gzip=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("random") / "authority")


@pytest.fixture(scope="module")
def sealer(tmp_path_factory):
    return Sealer(tmp_path_factory.mktemp("sealer") / "sealer")


def test_random_schedules(tmp_path, authority, sealer):
    first = int(SEED) if SEED else 1
    begin, done, writes, deletes = time.monotonic(), 0, 0, 0
    for at in range(first, first + COUNT, SIDE_BY_SIDE):
        batch = Batch(tmp_path / f"batch{at}", authority, sealer, range(at, min(at + SIDE_BY_SIDE, first + COUNT)))
        batch.run()
        done += len(batch.schedules)
        writes, deletes = writes + batch.cluster.witness.writes, deletes + batch.cluster.witness.deletes
        print(f"{done} schedules, {writes} writes and {deletes} deletions of Secrets judged, {time.monotonic() - begin:.0f} s", flush=True)
    assert done == COUNT and writes > 0


# --- what random schedules have found ------------------------------------------------------------------------------


@pytest.fixture
def alone(tmp_path, authority, sealer):
    """A cluster install with one namespace, t-0, in which nothing happens by itself."""
    batch = Batch(tmp_path / "alone", authority, sealer, [0], install="cluster")
    batch.lease, batch.healed = False, True
    batch.seal_all()
    return batch


def sealed(batch, name, revision, spoiled=""):
    document = batch.sealer.document(("t-0", name, revision, "opaque", "ours", spoiled))
    if not spoiled:
        batch.cluster.witness.said.setdefault(("t-0", name), set()).add(batch.sealer.told(document)[0])
    return document


def is_probe(request):
    return request.method == "PATCH" and "/secrets/" in request.path and b'"replace"' not in request.body and \
        b'"add"' not in request.body and "bulla-canary" not in request.path


def test_a_status_whose_turn_comes_while_its_secret_is_probed_is_written(alone):
    """The first status of each fails and waits for its turn; nearly all the time a probe is under way."""
    refused = set()

    def chaos(request):
        if request.path.endswith("/status") and request.path not in refused:
            refused.add(request.path)
            return Fault(status=500, reason="InternalError")
        return Fault(delay=2) if is_probe(request) else None
    alone.cluster.chaos = chaos
    with alone.running():
        for name in NAMES[:4]:
            alone.cluster.put_document(sealed(alone, name, 1))
        wait_for(lambda: all(reason_of(d) == "Applied" for d in alone.cluster.documents("t-0").values()), 20,
                 "every status", pause=0.1)
        assert len(refused) == 4


def test_a_secret_of_which_only_the_inventory_knows_is_probed(alone):
    """Its document came anew while no agent was there, without a status, and cannot be opened."""
    cluster = alone.cluster
    with alone.running():
        cluster.put_document(sealed(alone, "a", 1))
        wait_for(lambda: reason_of(cluster.documents("t-0")["a"]) == "Applied", 20, "the status")
        wait_for(lambda: any("t-0/a" in cm.get("data", {}).get("secrets", "") for cm in cluster.all_of(
            cluster.store.kind("configmaps"), "bulla-system").values()), 20, "the inventory")
        alone.agent.stop()
        before = cluster.secrets("t-0")["a"]
        cluster.delete_document("t-0", "a")
        cluster.put_document(sealed(alone, "a", 2, "damaged"))
        first = len(cluster.requests)
        alone.start_agent()
        wait_for(lambda: sum(is_probe(r) for r in cluster.requests[first:]) >= 2, 20, "two probes")
        time.sleep(0.3)
        assert alone.agent.running(), alone.agent.process.returncode
        assert reason_of(cluster.documents("t-0")["a"]) in SPOILED and cluster.secrets("t-0")["a"] == before

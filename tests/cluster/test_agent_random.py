# SPDX-License-Identifier: Apache-2.0
"""The whole agent under seeded random schedules against a cluster in memory, which is held to the real one by a schedule
that both go through.

BULLA_SCHEDULES  how many; BULLA_SEED  the first seed (a failure prints both)
"""
import base64
import json
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
from agentbed import annotations, conditions  # noqa: E402
from fakecluster import content  # noqa: E402
from schedules import NAMES, OPS, SPOILED, Batch, RealHands, Schedule, Sealer, reason_of, wrongs  # noqa: E402

COUNT = int(os.environ.get("BULLA_SCHEDULES", "80"))
SEED = os.environ.get("BULLA_SEED")
SIDE_BY_SIDE = 40
REAL_SEEDS = (1, 154, 1496, 2359)  # what happens in them: see test_the_compared_schedules_have_something_of_everything


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


# --- the cluster in memory is like the real one ----------------------------------------------------------------------


def outcome(hands, namespace):
    """Secrets and statuses, without what is different in every cluster."""
    uids = ("bulla.dev/document-uid", "bulla.dev/crd-uid")
    def secret(thing):
        type_, data = content(thing)
        data = {k: base64.b64decode(v).decode() for k, v in data}
        notes = {k: v for k, v in annotations(thing).items() if k not in uids}
        return type_, data, thing["metadata"].get("labels") or {}, notes, thing.get("immutable", False)
    def status(thing):
        told = thing.get("status") or {}
        rest = {k: v for k, v in told.items() if k not in ("conditions", "digest", "applied")}
        short = {t: (c["status"], c["reason"], c["message"], c["observedGeneration"]) for t, c in conditions(thing).items()}
        return thing["metadata"]["generation"], rest, short, "applied" in told
    found = {"Secrets": {n: secret(s) for n, s in hands.secrets(namespace).items()},
             "statuses": {n: status(d) for n, d in hands.documents(namespace).items()}}
    return json.loads(json.dumps(found).replace(namespace, "NAMESPACE"))


def play_slowly(sealer, hands, schedule, keep=lambda: None):
    """Each step, and what follows from it; the outcomes after each."""
    namespace, seen = schedule.namespace, []
    for _, op, name, what in schedule.steps:
        op(sealer, hands, namespace, name, what)
        end = time.monotonic() + 60
        while late := wrongs(sealer, hands.documents(namespace), hands.secrets(namespace)):
            assert time.monotonic() < end, (op.__name__, name, what, late)
            keep()
            time.sleep(0.05)
        seen.append((op.__name__, name, what, outcome(hands, namespace)))
    return seen


def test_the_compared_schedules_have_something_of_everything():
    steps = [step for seed in REAL_SEEDS for step in Schedule(seed, "t-0", faults=False).steps]
    assert {op for _, op, _, _ in steps} == set(OPS)
    put = [what for _, op, _, what in steps if op.__name__ in ("put", "delete_and_put")]
    assert {kind for _, kind, _, _ in put} == {"opaque", "basic"}
    assert {key for _, _, key, _ in put} == {"ours", "lost"}
    assert {spoiled for _, _, _, spoiled in put} == {"", "damaged", "copied"}


def test_a_schedule_is_its_seed():
    for seed in range(200):
        one, two = (Schedule(seed, "t-0") for _ in range(2))
        assert [step[:1] + step[2:] for step in one.steps] == [step[:1] + step[2:] for step in two.steps]
        assert [repr(rule) for rule in one.rules] == [repr(rule) for rule in two.rules]


@pytest.mark.parametrize("seed", REAL_SEEDS)
def test_a_schedule_without_faults_has_the_same_outcome_in_a_real_cluster(bed, alone, sealer, seed):
    for key in (sealer.folder / "keys").iterdir():
        (bed.keys / f"2-{key.name}").write_bytes(key.read_bytes())
    with bed.run("--settle", 1, "--full-look", 2, "--no-lease"):
        real = play_slowly(sealer, RealHands(bed.api), Schedule(seed, bed.namespace(), faults=False))
    with alone.running():
        alone.cluster.witness.said = {("t-0", n): alone.cluster.witness.said.get(("t-0", n), set()) for n in NAMES}
        schedule = Schedule(seed, "t-0", faults=False)
        for what in schedule.documents():
            if (said := sealer.told(sealer.document(what))[0]):
                alone.cluster.witness.said["t-0", what[1]].add(said)
        fake = play_slowly(sealer, alone.cluster, schedule)
    assert len(real) == len(fake) == len(schedule.steps)
    for i, (a, b) in enumerate(zip(real, fake)):
        assert a == b, f"step {i}, {a[:3]}"


# --- what random schedules have found ------------------------------------------------------------------------------


@pytest.fixture(params=["cluster"])
def alone(tmp_path, authority, sealer, request):
    """One namespace, t-0, in which nothing happens by itself; the install is the parameter."""
    batch = Batch(tmp_path / "alone", authority, sealer, [0], install=request.param)
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


def test_a_status_that_was_written_while_another_look_waited_is_put_right(alone):
    """A write fails and the status says so; the next one leaves all as it was before, and so as the last status was
    that the watch has shown, for the one of the failure is late there."""
    cluster, failed, applied = alone.cluster, [], []

    def chaos(request):
        if request.path.endswith("/sealedcredentials") and "watch" in request.query:
            return Fault(late=0.7)
        if request.method == "PATCH" and request.path.endswith("/status") and b'"WriteFailed"' in request.body:
            failed.append(request)
            return Fault(delay=2.5)
        if applied and request.method == "PATCH" and request.path.endswith("/t-0/secrets/a"):
            return Fault(delay=1.5) if failed else Fault(status=422, reason="Invalid", cause="FieldValueTooLong")
        return None
    cluster.chaos = chaos
    with alone.running():
        cluster.put_document(sealed(alone, "a", 1))
        wait_for(lambda: reason_of(cluster.documents("t-0")["a"]) == "Applied", 20, "the first status")
        applied.append(True)
        wait_for(lambda: reason_of(cluster.documents("t-0")["a"]) == "WriteFailed", 20, "the failure", pause=0.02)
        wait_for(lambda: reason_of(cluster.documents("t-0")["a"]) == "Applied", 10, "the last status", pause=0.1)


@pytest.mark.parametrize("alone", ["cluster", "namespaces"], indirect=True)
def test_a_document_that_goes_after_a_watch_has_broken_off_is_gone(alone):
    """The next watch goes on where that one ended; there is no list that would say that all is well again."""
    cluster = alone.cluster
    with alone.running():
        for name in ("a", "b"):
            cluster.put_document(sealed(alone, name, 1))
        wait_for(lambda: all(reason_of(d) == "Applied" for d in cluster.documents("t-0").values()), 20, "the statuses")
        before = len([r for r in cluster.requests if r.watch])
        cluster.drop_connections()
        wait_for(lambda: len([r for r in cluster.requests if r.watch]) > before, 20, "the next watch")
        cluster.delete_document("t-0", "a")
        wait_for(lambda: set(cluster.secrets("t-0")) == {"b"}, 20, "the removal", pause=0.1)


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


@pytest.mark.parametrize("alone", ["cluster", "namespaces"], indirect=True)
def test_a_secret_that_was_changed_goes_with_its_document(alone):
    """By a hand just before, or by a write of the agent's own whose answer was lost: it bears the mark all the same."""
    cluster = alone.cluster
    with alone.running():
        for name in ("a", "b"):
            cluster.put_document(sealed(alone, name, 1))
        wait_for(lambda: all(reason_of(d) == "Applied" for d in cluster.documents("t-0").values()), 20, "the statuses")
        cluster.edit_secret("t-0", "a", {"data": {"VALUE": "eA=="}})
        cluster.delete_document("t-0", "a")
        cluster.chaos = lambda r: Fault(lose_answer=True) if r.method == "POST" and r.path.endswith("/secrets") else None
        cluster.delete_secret("t-0", "b")
        cluster.put_document(sealed(alone, "b", 2))
        wait_for(lambda: "b" in cluster.secrets("t-0"), 20, "the write")
        cluster.delete_document("t-0", "b")
        wait_for(lambda: not cluster.secrets("t-0"), 20, "the removals", pause=0.1)
    assert not cluster.witness.wrongs


@pytest.mark.parametrize("alone", ["cluster", "namespaces"], indirect=True)
@pytest.mark.parametrize("answer", [dict(status=504, reason="Timeout"), dict(status=409, reason="Conflict")])
def test_a_secret_of_which_nobody_knows_whether_it_was_made_goes_with_its_document(alone, answer):
    """The other answer is what a proxy passes on that asked twice."""
    cluster, given = alone.cluster, []

    def chaos(request):
        if "/secrets" not in request.path or "bulla-canary" in request.path or "watch" in request.query:
            return None
        given.append(request.method)
        return Fault(**answer, done=True) if request.method == "POST" else Fault(lose=len(given) < 5)
    cluster.chaos = chaos
    with alone.running():
        cluster.put_document(sealed(alone, "a", 1))
        wait_for(lambda: cluster.secrets("t-0"), 20, "the write")
        cluster.delete_document("t-0", "a")
        wait_for(lambda: not cluster.secrets("t-0"), 40, "the removal", pause=0.1)
    assert not cluster.witness.wrongs and given[0] == "POST"


@pytest.mark.parametrize("alone", ["namespaces"], indirect=True)
def test_a_document_that_goes_before_the_secrets_are_listed_takes_its_own_along(alone):
    """It came anew, without a status, while no agent was there: only the Secret's mark says whose it is."""
    cluster = alone.cluster
    with alone.running():
        cluster.put_document(sealed(alone, "a", 1))
        wait_for(lambda: reason_of(cluster.documents("t-0")["a"]) == "Applied", 20, "the status")
        alone.agent.stop()
        cluster.delete_document("t-0", "a")
        cluster.put_document(sealed(alone, "a", 2))
        lists, first = (lambda r: r.method == "GET" and r.path.endswith("/t-0/secrets")), len(cluster.requests)
        cluster.chaos = lambda r: Fault(delay=0.3) if lists(r) else None
        alone.start_agent()
        wait_for(lambda: any(lists(r) for r in cluster.requests[first:]), 20, "the list of Secrets", pause=0.01)
        cluster.delete_document("t-0", "a")
        wait_for(lambda: not cluster.secrets("t-0"), 20, "the removal", pause=0.1)


@pytest.mark.parametrize("alone", ["cluster", "namespaces"], indirect=True)
@pytest.mark.parametrize("note", [{"bulla.dev/owner": None}, {"bulla.dev/owner": "t-0/other"}, {"bulla.dev/adopted": "true"}])
def test_a_secret_that_was_given_to_another_stays(alone, note):
    cluster = alone.cluster
    with alone.running():
        cluster.put_document(sealed(alone, "a", 1))
        wait_for(lambda: reason_of(cluster.documents("t-0")["a"]) == "Applied", 20, "the status")
        cluster.edit_secret("t-0", "a", {"metadata": {"annotations": note}})
        cluster.delete_document("t-0", "a")
        wait_for(lambda: f'"name":"a","reason":"{"Retained" if "bulla.dev/adopted" in note else "Removed"}"' in alone.agent.output(),
                 20, "the agent lets it go", pause=0.1)
        assert set(cluster.secrets("t-0")) == {"a"}
    assert not cluster.witness.wrongs


@pytest.mark.parametrize("alone", ["namespaces"], indirect=True)
def test_a_secret_to_be_retained_stays_though_the_agent_never_read_its_document(alone):
    """It was made by an agent before this one, the inventory is unreadable, and the document goes before the Secrets can be
    listed: nothing but the Secret itself says that it is to be retained."""
    cluster, held = alone.cluster, [True]

    def chaos(request):
        if "/configmaps" in request.path:
            return Fault(garbage=b"<html>502 Bad Gateway</html>")
        return Fault(cut=0) if held and request.method == "GET" and "/secrets" in request.path else None
    with alone.running():
        cluster.put_document(sealed(alone, "c", 1))
        wait_for(lambda: reason_of(cluster.documents("t-0")["c"]) == "Applied", 20, "the status")
        alone.agent.stop()
        cluster.chaos = chaos
        alone.start_agent()
        time.sleep(2)
        cluster.delete_document("t-0", "c")
        time.sleep(1)
        held.clear()
        wait_for(lambda: '"name":"c","reason":"Retained"' in alone.agent.output(), 40, "the agent lets it go", pause=0.1)
        assert set(cluster.secrets("t-0")) == {"c"}
    assert not cluster.witness.wrongs


@pytest.mark.parametrize("alone", ["cluster", "namespaces"], indirect=True)
def test_a_document_that_changes_while_it_is_fetched_is_not_taken_for_what_it_was(alone):
    """The answer is older than what the watch has shown by then."""
    cluster, asked = alone.cluster, []

    def chaos(request):
        if asked or request.method != "GET" or not request.path.endswith("/sealedcredentials/a"):
            return None
        asked.append(json.dumps(cluster.documents("t-0")["a"]).encode())
        return Fault(delay=1.5, garbage=asked[0])
    with alone.running():
        cluster.put_document(sealed(alone, "a", 1))
        wait_for(lambda: reason_of(cluster.documents("t-0")["a"]) == "Applied", 20, "the status")
        time.sleep(1)  # and the agent has let go of its text
        cluster.chaos = chaos
        cluster.edit_secret("t-0", "a", {"data": {"k0": "eA=="}})
        wait_for(lambda: asked, 20, "the agent to ask for the text", pause=0.01)
        cluster.put_document(sealed(alone, "a", 2))
        wait_for(lambda: not wrongs(alone.sealer, cluster.documents("t-0"), cluster.secrets("t-0")), 30, "the second", pause=0.1)


@pytest.mark.parametrize("alone", ["cluster", "namespaces"], indirect=True)
def test_a_release_is_of_the_whole_set_whatever_fails(alone):
    """One Secret cannot be deleted for a while: it is not held again under another token, when the others are gone."""
    cluster, stuck = alone.cluster, [True]
    names = [f"x{i}" for i in range(6)]

    def chaos(request):
        if stuck and request.method == "DELETE" and request.path.endswith("/secrets/x3"):
            return Fault(status=500, reason="InternalError")
        return None

    def held():
        return [line for line in alone.agent.output().splitlines() if "too many documents are gone at once" in line]
    with alone.running():
        for name in names:
            cluster.put_document(sealed(alone, name, 1))
        wait_for(lambda: len(cluster.secrets("t-0")) == 6 and
                 all(reason_of(d) == "Applied" for d in cluster.documents("t-0").values()), 20, "the statuses")
        cluster.chaos = chaos
        for name in names:
            cluster.delete_document("t-0", name)
        wait_for(held, 20, "the guard", pause=0.1)
        assert len(cluster.secrets("t-0")) == 6
        cluster.release(json.loads(held()[0])["token"])
        wait_for(lambda: set(cluster.secrets("t-0")) == {"x3"}, 20, "all others gone", pause=0.1)
        time.sleep(3)  # it is tried again meanwhile
        stuck.clear()
        wait_for(lambda: not cluster.secrets("t-0"), 40, "the last", pause=0.1)
        wait_for(lambda: cluster.released() is None, 20, "the release taken away", pause=0.1)
        assert len(held()) == 1
    assert not cluster.witness.wrongs


@pytest.mark.parametrize("fault", ["another token", "no right"])
def test_what_takes_a_release_away_leaves_a_newer_one_and_may_fail(alone, fault):
    cluster, asked = alone.cluster, []
    names = [f"x{i}" for i in range(5)]

    def chaos(request):
        if request.method != "PATCH" or not request.path.endswith("/deployments/bulla-agent"):
            return None
        asked.append(json.loads(request.body))
        if fault == "no right":
            return Fault(status=403, reason="Forbidden")
        if len(asked) == 1:
            cluster.store.put("deployments", "bulla-system", "bulla-agent",
                              metadata={"annotations": {"bulla.dev/release-removals": "f" * 32}})
        return None

    def held():
        return [json.loads(line)["token"] for line in alone.agent.output().splitlines()
                if "too many documents are gone at once" in line]

    def put_and_delete():
        for name in names:
            cluster.put_document(sealed(alone, name, 1))
        wait_for(lambda: len(cluster.secrets("t-0")) == 5 and
                 all(reason_of(d) == "Applied" for d in cluster.documents("t-0").values()), 20, "the statuses")
        for name in names:
            cluster.delete_document("t-0", name)
    cluster.chaos = chaos
    with alone.running():
        put_and_delete()
        (token,) = wait_for(held, 20, "the guard", pause=0.1)
        cluster.release(token)
        wait_for(lambda: not cluster.secrets("t-0") and asked, 20, "the removals", pause=0.1)
        time.sleep(6)
        assert asked[0]["metadata"]["resourceVersion"] and len(asked) == 1, asked
        assert cluster.released() == (token if fault == "no right" else "f" * 32)
        if fault == "no right":
            assert "it releases nothing any more" in alone.agent.output()
            put_and_delete()
            wait_for(lambda: len(held()) == 2, 20, "the guard once more", pause=0.1)
            time.sleep(6)
            assert len(cluster.secrets("t-0")) == 5 and held()[1] != token
    assert not cluster.witness.wrongs

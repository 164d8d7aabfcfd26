# SPDX-License-Identifier: Apache-2.0
"""The agent behind a server that fails: once the last fault is over everything is in place within a minute, nothing
was written that no document says, and nothing was removed (kubernetes-agent part 2)."""
import re
import threading
import time

import pytest

from agentbed import documents_path, plain, secrets_path, value
from processes import wait_for

CONVERGE = 60  # seconds after the last fault
SETTLE = ("--settle", 1)
DOCUMENTS, SECRETS, STATUS = "/sealedcredentials$", "/secrets", "/status$"


@pytest.fixture
def faulty(new_bed, fault_proxy):
    """A bed whose agent goes through the fault proxy."""
    return new_bed(proxy=fault_proxy)


class Witness:
    """Sees every state of the Secrets of a namespace from now on."""

    def __init__(self, bed, namespace):
        self.bed, self.namespace, self.seen, self.deleted = bed, namespace, {}, []
        start = bed.api.get(secrets_path(namespace))["metadata"]["resourceVersion"]
        self.stop, self.failed = threading.Event(), None
        self.api = bed.plane.new_admin()
        self.thread = threading.Thread(target=self._watch, args=(start,), daemon=True)
        self.thread.start()

    def _watch(self, start):
        try:
            for kind, thing in self.api.watch(secrets_path(self.namespace), start, seconds=600):
                name = thing["metadata"].get("name")
                if kind == "DELETED":
                    self.deleted.append(name)
                elif kind in ("ADDED", "MODIFIED"):
                    self.seen.setdefault(name, []).append(plain(thing))
                if name == "the-end":
                    return
        except Exception as e:  # told by end(): a thread's exception is lost
            self.failed = e

    def end(self):
        """All up to now was seen."""
        self.bed.api.create({"apiVersion": "v1", "kind": "Secret",
                             "metadata": {"name": "the-end", "namespace": self.namespace}})
        self.thread.join(30)
        assert self.failed is None and not self.thread.is_alive(), self.failed
        self.seen.pop("the-end")
        return self


class Case:
    """A namespace with documents that are there and that change while faults are on."""

    def __init__(self, bed, namespace):
        self.bed, self.ns = bed, namespace
        self.said = {}

    def put(self, name, values):
        self.said.setdefault(name, []).append(values)
        self.bed.put(name, values, self.ns)

    def check(self, witness, deletable=()):
        """Every state that a Secret had is one that its document said, and in that order."""
        witness.end()
        assert set(witness.deleted) <= set(deletable), witness.deleted
        for name, states in witness.seen.items():
            said = self.said[name]
            places = [said.index(state) for state in states if state in said]
            assert len(places) == len(states), f"{name} had data that no document said"
            assert places == sorted(places), f"{name} went back: {places}"


def run_case(bed, proxy, faults, hits=1):
    """Two documents are there, faults(proxy) begin, one changes and two come, the faults end."""
    ns = bed.namespace()
    case = Case(bed, ns)
    with bed.run(*SETTLE) as agent:
        for name in ("stays", "changes"):
            case.put(name, {"v": value()})
            bed.ready(name, ns)
        witness = Witness(bed, ns)
        rules = faults(proxy)
        case.put("changes", {"v": value()})
        for name in ("new1", "new2"):
            case.put(name, {"v": value()})
        for rule in rules:
            rule.wait(hits, 30)
        proxy.clear()
        proxy.thaw()
        begin = time.monotonic()
        for name in ("stays", "changes", "new1", "new2"):
            bed.ready(name, ns, seconds=CONVERGE)
        assert time.monotonic() - begin < CONVERGE
        assert agent.running() and agent.metrics()["bulla_secrets_removed_total"] == 0
        case.check(witness)
    return agent


# --- answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 503, 504])
def test_writes_of_secrets_answered_by(faulty, fault_proxy, code):
    run_case(faulty, fault_proxy, lambda p: [p.on("POST PATCH", SECRETS).answer(code, retry_after=1 if code == 429
                                                                                else None)])


@pytest.mark.parametrize("code", [401, 403, 404, 409, 422, 429, 500, 503, 504])
def test_writes_of_statuses_answered_by(faulty, fault_proxy, code):
    run_case(faulty, fault_proxy, lambda p: [p.on("PATCH", STATUS).answer(code)])


@pytest.mark.parametrize("code", [409, 422, 500, 503])
def test_writes_that_were_done_answered_by(faulty, fault_proxy, code):
    """The server has done the work and something before it says that it has not."""
    run_case(faulty, fault_proxy, lambda p: [p.on("POST PATCH", SECRETS, times=6).answer_after(code),
                                             p.on("PATCH", STATUS, times=3).answer_after(code)])


@pytest.mark.parametrize("code", [403, 404, 410, 429, 500, 503, 504])
def test_lists_and_watches_answered_by(faulty, fault_proxy, code):
    def faults(proxy):
        rules = [proxy.on("GET", DOCUMENTS).answer(code)]
        proxy.reset_all()
        return rules
    run_case(faulty, fault_proxy, faults)


@pytest.mark.parametrize("code", [410, 429, 500, 504])
def test_a_watch_told_in_its_stream(faulty, fault_proxy, code):
    def faults(proxy):
        rules = [proxy.on(path=DOCUMENTS, watch=True, times=3).error_event(code, after=1)]
        proxy.reset_all()
        return rules
    run_case(faulty, fault_proxy, faults)


# --- bodies and connections --------------------------------------------------------------------------------


BROKEN = {
    "truncated": lambda p, *where: p.on(*where, times=5).truncate(40),
    "empty": lambda p, *where: p.on(*where, times=5).body(b""),
    "html": lambda p, *where: p.on(*where, times=5).body(b"<html>502 Bad Gateway</html>"),
    "html502": lambda p, *where: p.on(*where, times=5).body(b"<html>502 Bad Gateway</html>", 502),
    "other": lambda p, *where: p.on(*where, times=5).body(b'{"kind":"Status","apiVersion":"v1","status":"Success"}'),
    "array": lambda p, *where: p.on(*where, times=5).body(b"[]"),
    "lost": lambda p, *where: p.on(*where, times=5).lose_answer(),
    "reset": lambda p, *where: p.on(*where, times=5).reset(),
    "stream": lambda p, *where: p.on(*where, times=5).reset_stream(),
    "goaway": lambda p, *where: p.on(*where, times=5).goaway(),
    "slow": lambda p, *where: p.on(*where, times=5).delay(2),
    "redirect": lambda p, *where: p.on(*where, times=5).redirect("https://127.0.0.1:1/elsewhere"),
}


@pytest.mark.parametrize("how", sorted(BROKEN))
@pytest.mark.parametrize("where", ["secrets", "statuses"])
def test_answers_to_writes_that_are(faulty, fault_proxy, how, where):
    at = ("POST PATCH", SECRETS) if where == "secrets" else ("PATCH", STATUS)
    run_case(faulty, fault_proxy, lambda p: [BROKEN[how](p, *at)])


WATCHES = {
    "cut": lambda rule: rule.cut_watch(1),
    "end": lambda rule: rule.end_watch(1),
    "end_at_once": lambda rule: rule.end_watch(0),
    "garbage": lambda rule: rule.garbage(1),
    "dribble": lambda rule: rule.dribble(3),
}


@pytest.mark.parametrize("how", sorted(WATCHES))
def test_watches_that(faulty, fault_proxy, how):
    def faults(proxy):
        rules = [WATCHES[how](proxy.on(path=DOCUMENTS, watch=True, times=4))]
        proxy.reset_all()
        return rules
    run_case(faulty, fault_proxy, faults)


def test_every_connection_reset_again_and_again(faulty, fault_proxy):
    ns = faulty.namespace()
    case = Case(faulty, ns)
    with faulty.run(*SETTLE):
        witness = Witness(faulty, ns)
        for i in range(30):
            case.put(f"d{i}", {"v": value()})
            if i % 3 == 0:
                fault_proxy.reset_all()
        found = faulty.all_ready(ns, seconds=CONVERGE)
        assert len(found) == 30
        case.check(witness)


def test_nobody_answers_the_door_for_a_while(faulty, fault_proxy):
    ns = faulty.namespace()
    case = Case(faulty, ns)
    with faulty.run(*SETTLE) as agent:
        case.put("stays", {"v": value()})
        faulty.ready("stays", ns)
        witness = Witness(faulty, ns)
        fault_proxy.refuse()
        fault_proxy.reset_all()
        case.put("stays", {"v": value()})
        case.put("new", {"v": value()})
        agent.wait_log(msg=re.compile("cannot list or watch"), seconds=60)
        fault_proxy.accept()
        faulty.ready("stays", ns, seconds=CONVERGE)
        faulty.ready("new", ns, seconds=CONVERGE)
        case.check(witness)


def test_a_frozen_server_and_a_document_deleted_meanwhile(faulty, fault_proxy):
    """Whoever hears nothing decides nothing."""
    ns = faulty.namespace()
    case = Case(faulty, ns)
    with faulty.run(*SETTLE, "--no-lease") as agent:
        for name in ("stays", "goes"):
            case.put(name, {"v": value()})
            faulty.ready(name, ns)
        witness = Witness(faulty, ns)
        fault_proxy.freeze()
        faulty.api.delete(documents_path(ns, "goes"))
        case.put("stays", {"v": value()})
        case.put("new", {"v": value()})
        deadline = time.monotonic() + 5
        wait_for(lambda: time.monotonic() > deadline or len(faulty.secrets(ns)) != 2, 10)
        assert set(faulty.secrets(ns)) == {"stays", "goes"} and agent.running()
        fault_proxy.thaw()
        faulty.ready("stays", ns, seconds=CONVERGE)
        faulty.ready("new", ns, seconds=CONVERGE)
        faulty.until_secret("goes", ns, lambda data: data is None, CONVERGE)
        case.check(witness, deletable=["goes"])


# --- deletion ----------------------------------------------------------------------------------------------


GONE = r"/sealedcredentials/goes$"
NOT_GONE = {
    "404_of_a_proxy": lambda p: p.on("GET", GONE).body(b"404 page not found", 404),
    "404_html": lambda p: p.on("GET", GONE).body(b"<html>404</html>", 404),
    "404_of_another": lambda p: p.on("GET", GONE).body(
        b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,'
        b'"details":{"name":"another","kind":"sealedcredentials"}}', 404),
    "403": lambda p: p.on("GET", GONE).answer(403),
    "500": lambda p: p.on("GET", GONE).answer(500),
    "crd_404": lambda p: p.on("GET", "/customresourcedefinitions/").answer(404),
    "crd_other": lambda p: p.on("GET", "/customresourcedefinitions/").body(
        b'{"kind":"PartialObjectMetadata","metadata":{"name":"sealedcredentials.bulla.dev","uid":"another"}}'),
    "crd_going": lambda p: p.on("GET", "/customresourcedefinitions/").body(
        lambda b: b.replace(b'"metadata":{', b'"metadata":{"deletionTimestamp":"2026-11-23T08:00:00Z",')),
    "namespace_going": lambda p: p.on("GET", "/namespaces/[^/]+$").body(
        lambda b: b.replace(b'"metadata":{', b'"metadata":{"deletionTimestamp":"2026-11-23T08:00:00Z",')),
    "namespace_403": lambda p: p.on("GET", "/namespaces/[^/]+$").answer(403),
    "delete_403": lambda p: p.on("DELETE", SECRETS).answer(403),
    "delete_409": lambda p: p.on("DELETE", SECRETS).answer(409),
    "delete_500": lambda p: p.on("DELETE", SECRETS).answer(500),
}


@pytest.mark.parametrize("how", sorted(NOT_GONE))
def test_a_removal_stops_at(faulty, fault_proxy, how):
    ns = faulty.namespace()
    with faulty.run(*SETTLE) as agent:
        for name in ("goes", "stays"):
            faulty.put(name, {"v": value()}, ns)
            faulty.ready(name, ns)
        rule = NOT_GONE[how](fault_proxy)
        faulty.api.delete(documents_path(ns, "goes"))
        rule.wait(2, 30)
        assert faulty.secret("goes", ns) == faulty.sealed["goes", ns]
        agent.wait_log(msg="Secret of a document that is gone stays for now", name="goes")
        fault_proxy.clear()
        faulty.until_secret("goes", ns, lambda data: data is None, CONVERGE)
        assert faulty.secret("stays", ns) == faulty.sealed["stays", ns]


def test_a_list_that_comes_back_empty_is_asked_about_one_by_one(faulty, fault_proxy):
    """A server (or what stands before it) that shows no document makes nothing gone: each is asked for by name."""
    ns = faulty.namespace()
    with faulty.run(*SETTLE) as agent:
        for name in ("a", "b"):
            faulty.put(name, {"v": value()}, ns)
            faulty.ready(name, ns)
        before = {n: s["metadata"]["uid"] for n, s in faulty.secrets(ns).items()}
        # no streaming list, then an empty plain one
        fault_proxy.on(path=DOCUMENTS, when=lambda r: "sendInitialEvents" in r.target).answer(422)
        empty = fault_proxy.on(path=DOCUMENTS, watch=False).body(
            b'{"kind":"SealedCredentialList","apiVersion":"bulla.dev/v1","metadata":{"resourceVersion":"1"},"items":[]}')
        fault_proxy.on(path=DOCUMENTS, watch=True).answer(410)
        fault_proxy.reset_all()
        empty.wait(2, 60)
        asked = wait_for(lambda: fault_proxy.requests("GET", "/sealedcredentials/[ab]$"), 30, "each asked for by name")
        assert asked and {n: s["metadata"]["uid"] for n, s in faulty.secrets(ns).items()} == before
        fault_proxy.clear()
        faulty.put("a", {"v": value()}, ns)
        faulty.ready("a", ns, seconds=CONVERGE)
        assert {n: s["metadata"]["uid"] for n, s in faulty.secrets(ns).items()} == before
        assert agent.metrics()["bulla_secrets_removed_total"] == 0


def test_a_slow_list_after_a_restart_makes_nobody_look(faulty, fault_proxy):
    """The inventory is read before the documents are: nothing is gone, and nothing is said of it."""
    ns = faulty.namespace()
    faulty.put_many([f"d{i}" for i in range(5)], ns)
    with faulty.run(*SETTLE):
        faulty.all_ready(ns)
        wait_for(lambda: len(faulty.remembered(ns)) == 5, 20, "the inventory")
    events = len(faulty.api.list(f"/apis/events.k8s.io/v1/namespaces/{ns}/events"))
    rule = fault_proxy.on("GET", DOCUMENTS, times=1).delay(3)
    with faulty.run(*SETTLE) as agent:
        agent.wait_count("Applied", 5)
        assert rule.hits == 1
        said = agent.matching(namespace=ns)
        assert [line["reason"] for line in said if line["msg"] == "document"] == ["Applied"] * 5, said
        assert agent.metrics()["bulla_secrets_written_total"] == 0
    assert len(faulty.api.list(f"/apis/events.k8s.io/v1/namespaces/{ns}/events")) == events

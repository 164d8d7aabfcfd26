# SPDX-License-Identifier: Apache-2.0
"""The annotation bulla.dev/paused on a document: the agent leaves its Secret, and its copies, as they are."""
import time

import pytest

from agentbed import ADOPT, conditions, documents_path, identity, secrets_path, value
from processes import wait_for
from test_fanout import allow, copied, fanned, put as put_login, run as run_fans, with_map

PAUSED = "bulla.dev/paused"
INSTALLS = ["cluster", "namespaces"]
LOOKS = ("--settle", 0, "--full-look", 1)  # so that what can be found is found soon
QUIET = 3  # seconds in which it would be


def pause(bed, name, ns, word="true"):
    """word None: take the annotation away."""
    return bed.api.patch(documents_path(ns, name), {"metadata": {"annotations": {PAUSED: word}}})


def kstatus(document):
    """As sigs.k8s.io/cli-utils computes it, in this order, of an object that is not being deleted."""
    status, told = document.get("status") or {}, conditions(document)
    if status.get("observedGeneration", document["metadata"]["generation"]) != document["metadata"]["generation"]:
        return "InProgress"
    if told.get("Stalled", {}).get("status") == "True":
        return "Failed"
    return "Current" if told.get("Ready", {"status": "True"})["status"] == "True" else "InProgress"


def said_paused(bed, name, ns):
    def told(document):
        condition = conditions(document).get("Paused")
        assert condition, document.get("status")
        assert (condition["status"], condition["reason"]) == ("True", "Paused") and PAUSED in condition["message"], condition
        assert condition["observedGeneration"] == document["metadata"]["generation"], condition
        return True
    return bed.until_document(name, ns, told, 20, "the condition Paused")


def without_pause(document):
    status = dict(document["status"])
    status["conditions"] = [c for c in status["conditions"] if c["type"] != "Paused"]
    return status


@pytest.mark.parametrize("install", INSTALLS)
def test_nothing_is_written_while_paused_and_all_at_once_after(new_bed, install):
    bed = new_bed(install=install)
    ns = bed.namespace()
    with bed.run(*LOOKS) as agent:
        bed.put("login", {"v": value()}, ns)
        bed.put("other", {"v": value()}, ns)
        before = bed.ready("login", ns)
        first = bed.sealed["login", ns]
        pause(bed, "login", ns)
        document = said_paused(bed, "login", ns)
        assert without_pause(document) == before["status"] and kstatus(document) == "Current"
        wait_for(lambda: agent.count("Paused") == 1, 10, "the document in the count")
        agent.wait_log(msg="document", name="login", reason="Paused")
        assert agent.get("/readyz")[0] == 200

        # another version, and a hand in the Secret
        bed.put("login", {"v": value(), "more": value()}, ns)
        document = bed.until_document("login", ns, lambda d: d["metadata"]["generation"] == 2)
        edited = bed.api.patch(secrets_path(ns, "login"), {"stringData": {"v": "by hand"}})
        bed.put("other", {"v": value()}, ns)
        bed.ready("other", ns)
        time.sleep(QUIET)
        assert identity(bed.secret_object("login", ns)) == identity(edited)
        document = bed.document("login", ns)
        assert without_pause(document) == before["status"] and kstatus(document) == "InProgress"
        bed.api.delete(secrets_path(ns, "login"))
        time.sleep(QUIET)
        assert bed.secret("login", ns) is None and first != bed.sealed["login", ns]

        begin = time.monotonic()
        pause(bed, "login", ns, None)
        document = bed.ready("login", ns)
        assert time.monotonic() - begin < 5 and "Paused" not in conditions(document) and kstatus(document) == "Current"
        assert agent.count("Paused") == 0


@pytest.mark.parametrize("install", INSTALLS)
def test_an_edit_by_hand_is_repaired_as_soon_as_the_pause_ends(new_bed, install):
    """Also where a Secret is looked at every ten minutes."""
    bed = new_bed(install=install)
    ns = bed.namespace()
    with bed.run() as agent:
        bed.put("login", {"v": value()}, ns)
        bed.ready("login", ns)
        pause(bed, "login", ns)
        said_paused(bed, "login", ns)
        bed.api.patch(secrets_path(ns, "login"), {"stringData": {"v": "by hand"}})
        pause(bed, "login", ns, "false")
        bed.until_secret("login", ns, lambda data: data == bed.sealed["login", ns], 10)
        bed.until_document("login", ns, lambda d: "Paused" not in conditions(d), 10)
        assert agent.metrics()["bulla_secrets_repaired_total"] == 1


@pytest.mark.parametrize("install", INSTALLS)
def test_a_document_that_comes_paused_waits_also_for_the_next_agent(new_bed, install):
    bed = new_bed(install=install)
    ns = bed.namespace()
    document = bed.seal("login", {"v": value()}, ns)
    document["metadata"].setdefault("annotations", {})[PAUSED] = "true"
    bed.api.apply(document)
    for _ in range(2):
        with bed.run(*LOOKS) as agent:
            document = said_paused(bed, "login", ns)
            assert document["status"]["observedGeneration"] == -1 and list(conditions(document)) == ["Paused"]
            assert kstatus(document) == "InProgress"
            time.sleep(QUIET)
            assert bed.secret("login", ns) is None and agent.count("Paused") == 1
            told = identity(bed.document("login", ns))
    with bed.run(*LOOKS) as agent:
        assert identity(bed.document("login", ns)) == told, "an agent that has nothing new to say wrote"
        pause(bed, "login", ns, None)
        bed.ready("login", ns)


@pytest.mark.parametrize("install", INSTALLS)
def test_what_changed_while_no_agent_was_there_waits(new_bed, install):
    bed = new_bed(install=install)
    ns = bed.namespace()
    with bed.run(*LOOKS):
        bed.put("login", {"v": value()}, ns)
        before = bed.ready("login", ns)
        secret = bed.secret_object("login", ns)
    pause(bed, "login", ns)
    bed.put("login", {"v": value()}, ns)
    with bed.run(*LOOKS):
        document = said_paused(bed, "login", ns)
        time.sleep(QUIET)
        assert identity(bed.secret_object("login", ns)) == identity(secret)
        assert without_pause(document) == before["status"]
        pause(bed, "login", ns, None)
        bed.ready("login", ns)


@pytest.mark.parametrize("install", INSTALLS)
def test_a_paused_document_that_goes_takes_its_secret(new_bed, install):
    bed = new_bed(install=install)
    ns = bed.namespace()
    with bed.run("--settle", 1):
        bed.put("login", {"v": value()}, ns)
        bed.ready("login", ns)
        pause(bed, "login", ns)
        said_paused(bed, "login", ns)
        bed.api.delete(documents_path(ns, "login"))
        bed.until_secret("login", ns, lambda data: data is None, 20)
        # the next one of that name is not paused
        bed.put("login", {"v": value()}, ns)
        bed.ready("login", ns)


def test_a_word_that_is_neither_is_refused_and_touches_nothing(bed):
    ns = bed.namespace()
    with bed.run(*LOOKS):
        bed.put("login", {"v": value()}, ns)
        bed.ready("login", ns)
        pause(bed, "login", ns, "yes-s3cret")
        document = bed.says("login", ns, "Invalid", r'bulla\.dev/paused is neither "true" nor "false"')
        assert conditions(document)["Stalled"]["status"] == "True" and "yes-s3cret" not in str(document["status"])
        edited = bed.api.patch(secrets_path(ns, "login"), {"stringData": {"v": "by hand"}})
        time.sleep(QUIET)
        assert identity(bed.secret_object("login", ns)) == identity(edited)
        pause(bed, "login", ns, "true")
        document = said_paused(bed, "login", ns)
        assert conditions(document)["Ready"]["reason"] == "Invalid"  # as it was
        pause(bed, "login", ns, "false")
        bed.until_secret("login", ns, lambda data: data == bed.sealed["login", ns], 10)
        bed.ready("login", ns)


def test_no_foreign_secret_is_taken_over_while_paused(bed):
    ns = bed.namespace()
    document = bed.seal("login", {"v": value()}, ns)
    document["metadata"].setdefault("annotations", {})[PAUSED] = "true"
    theirs = bed.api.create({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": {"v": "theirs"},
                             "metadata": {"name": "login", "namespace": ns, "annotations": {ADOPT: f"{ns}/login"}}})
    with bed.run(*LOOKS):
        bed.api.apply(document)
        said_paused(bed, "login", ns)
        time.sleep(QUIET)
        assert identity(bed.secret_object("login", ns)) == identity(theirs)
        pause(bed, "login", ns, None)
        bed.ready("login", ns)


def test_copies_are_left_alone_too(bed):
    fans = with_map(bed)
    source, one, two = (fans.namespace() for _ in range(3))
    allow(fans, source, one, two)
    with run_fans(fans, "--full-look", 1):
        put_login(fans, "login", source, one)
        copied(fans, "login", source, one)
        fanned(fans, "login", source, "True", "Applied", "1 of 1")
        old = fans.secret("login", one)
        pause(fans, "login", source)
        before = said_paused(fans, "login", source)
        edited = fans.api.patch(secrets_path(one, "login"), {"metadata": {"annotations": {"touched": "yes"}},
                                                             "data": {".dockerconfigjson": "eyJhdXRocyI6e319"}})
        put_login(fans, "login", source, one, two)
        time.sleep(QUIET)
        assert identity(fans.secret_object("login", one)) == identity(edited) and fans.secret("login", two) is None
        assert without_pause(fans.document("login", source)) == without_pause(before)
        fans.api.delete(secrets_path(one, "login"))
        time.sleep(QUIET)
        assert fans.secret("login", one) is None
        pause(fans, "login", source, None)
        for target in (one, two):
            copied(fans, "login", source, target)
        fanned(fans, "login", source, "True", "Applied", "2 of 2")
        assert fans.secret("login", one) != old


def test_a_copy_changed_by_hand_is_repaired_as_soon_as_the_pause_ends(bed):
    """Of the same version, which is looked at every ten minutes else."""
    fans = with_map(bed)
    source, one = (fans.namespace() for _ in range(2))
    allow(fans, source, one)
    with run_fans(fans):
        put_login(fans, "login", source, one)
        copied(fans, "login", source, one)
        fanned(fans, "login", source, "True", "Applied", "1 of 1")
        pause(fans, "login", source)
        said_paused(fans, "login", source)
        fans.api.patch(secrets_path(one, "login"), {"data": {".dockerconfigjson": "eyJhdXRocyI6e319"}})
        pause(fans, "login", source, None)
        copied(fans, "login", source, one, seconds=10)

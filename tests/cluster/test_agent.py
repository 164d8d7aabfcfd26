# SPDX-License-Identifier: Apache-2.0
"""The agent's Kubernetes store on a real API server: what becomes of one document (DESIGN 6.1)."""
import copy
import json
import re
import subprocess
import time

import pytest

from agentbed import ADOPT, OWNER, annotations, conditions, documents_path, identity, secrets_path, value
from processes import wait_for

SETTLE = ("--settle", 1)


def foreign(namespace, name, kind="Opaque", **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
            "type": kind, "stringData": data}


def ready_of(document):
    return conditions(document).get("Ready", {"reason": None, "message": ""})


# --- make and change --------------------------------------------------------------------------------------


def test_a_document_becomes_a_secret(bed):
    ns = bed.namespace()
    with bed.run():
        bed.put("login", {"user": "app", "password": value()}, ns)
        document = bed.ready("login", ns)
        secret = bed.secret_object("login", ns)
    assert secret["type"] == "Opaque" and "ownerReferences" not in secret["metadata"]
    assert "finalizers" not in secret["metadata"] and "finalizers" not in document["metadata"]
    assert annotations(secret)[OWNER] == f"{ns}/login"
    assert annotations(secret)["bulla.dev/document-uid"] == document["metadata"]["uid"]
    assert secret["metadata"]["labels"]["reconcile.fluxcd.io/watch"] == "Enabled"
    assert "kubectl.kubernetes.io/last-applied-configuration" not in annotations(secret)


def test_an_update_makes_the_data_exact(bed):
    ns = bed.namespace()
    first = {"stays": value(), "changes": value(), "goes": value()}
    with bed.run():
        bed.put("login", first, ns)
        old = bed.ready("login", ns)
        before = bed.secret_object("login", ns)
        bed.put("login", {"stays": first["stays"], "changes": value(), "comes": value()}, ns)
        new = bed.ready("login", ns)
        after = bed.secret_object("login", ns)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert new["metadata"]["generation"] == 2 and new["status"]["digest"] != old["status"]["digest"]
    assert new["status"]["applied"] == "/".join(identity(after))
    # it was true all the time
    assert ready_of(new)["lastTransitionTime"] == ready_of(old)["lastTransitionTime"]


def test_labels_and_annotations_follow_the_document_and_leave_others(bed):
    ns = bed.namespace()
    with bed.run():
        bed.put("login", {"a": value()}, ns, more=["--label", "team=infra", "--label", "old=yes",
                                                    "--annotation", "example.org/note=x"])
        bed.ready("login", ns)
        bed.api.patch(secrets_path(ns, "login"), {"metadata": {"labels": {"theirs": "stays"}}})
        bed.put("login", {"a": value()}, ns, more=["--label", "team=web"])
        bed.ready("login", ns)
        meta = bed.secret_object("login", ns)["metadata"]
    assert meta["labels"]["team"] == "web" and meta["labels"]["theirs"] == "stays" and "old" not in meta["labels"]
    assert "example.org/note" not in meta["annotations"]


def test_a_document_that_was_there_before_the_agent(bed):
    ns = bed.namespace()
    bed.put("login", {"a": value()}, ns)
    assert bed.document("login", ns)["status"] == {"observedGeneration": -1}
    with bed.run():
        # ready was said when all had been looked at
        assert bed.secret("login", ns) == bed.sealed["login", ns]
        bed.ready("login", ns)


def test_once_brings_all_up_to_date_and_ends(bed):
    ns = bed.namespace()
    bed.put_many([f"d{i}" for i in range(5)], ns)
    done = subprocess.run([*map(str, bed.args("--once", listen=False))], env=bed.env, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    assert set(bed.all_ready(ns, seconds=1)) == {f"d{i}" for i in range(5)}


# --- remove ------------------------------------------------------------------------------------------------


def deleted_at(bed, name, namespace, seconds=30):
    """Seconds until the Secret was gone; it is watched from now on."""
    begin = time.monotonic()
    bed.until_secret(name, namespace, lambda data: data is None, seconds)
    return time.monotonic() - begin


@pytest.fixture(params=["cluster", "namespaces"])
def install_kind(request):
    return request.param


def test_a_deleted_document_takes_its_secret_after_the_settling_time(new_bed, install_kind):
    bed = new_bed(install=install_kind)
    ns = bed.namespace()
    with bed.run("--settle", 2) as agent:
        bed.put("login", {"a": value()}, ns)
        bed.put("other", {"a": value()}, ns)
        bed.ready("login", ns)
        other = identity(bed.secret_object("other", ns)) if bed.ready("other", ns) else None
        bed.api.delete(documents_path(ns, "login"))
        assert deleted_at(bed, "login", ns) >= 1.8
        agent.wait_log(msg="Secret removed", namespace=ns, name="login")
        assert identity(bed.secret_object("other", ns)) == other


def test_a_document_that_comes_back_in_time_keeps_its_secret(bed):
    ns = bed.namespace()
    with bed.run("--settle", 3) as agent:
        document = bed.seal("login", {"a": value()}, ns)
        bed.api.apply(document)
        bed.ready("login", ns)
        before = bed.secret_object("login", ns)["metadata"]["uid"]
        bed.api.delete(documents_path(ns, "login"))
        agent.wait_count("PendingRemoval", 1)
        bed.api.apply(document)
        bed.ready("login", ns)
        # the time of the first deletion passes, and another's is seen to the end
        bed.put("late", {"a": value()}, ns)
        bed.ready("late", ns)
        bed.api.delete(documents_path(ns, "late"))
        deleted_at(bed, "late", ns)
        assert bed.secret_object("login", ns)["metadata"]["uid"] == before


def test_a_rename_makes_the_new_and_takes_the_old(bed):
    ns = bed.namespace()
    values = {"a": value()}
    with bed.run(*SETTLE):
        bed.put("old", values, ns)
        bed.ready("old", ns)
        bed.put("new", values, ns)
        bed.api.delete(documents_path(ns, "old"))
        bed.ready("new", ns)
        deleted_at(bed, "old", ns)
        assert bed.secret("new", ns) == values


def test_retain_keeps_the_secret(bed):
    ns = bed.namespace()
    with bed.run(*SETTLE) as agent:
        bed.put("kept", {"a": value()}, ns, policy="Retain")
        bed.put("gone", {"a": value()}, ns)
        bed.ready("kept", ns), bed.ready("gone", ns)
        before = identity(bed.secret_object("kept", ns))
        for name in ("kept", "gone"):
            bed.api.delete(documents_path(ns, name))
        deleted_at(bed, "gone", ns)
        agent.wait_log(msg="document", reason="Retained", namespace=ns)
        assert identity(bed.secret_object("kept", ns)) == before
        # a document of that name finds it again
        bed.put("kept", {"a": value()}, ns)
        bed.ready("kept", ns)
        assert bed.secret_object("kept", ns)["metadata"]["uid"] == before[0]


def test_a_document_deleted_while_no_agent_was_there(new_bed, install_kind):
    bed = new_bed(install=install_kind)
    ns = bed.namespace()
    agent = bed.run(*SETTLE)
    for name in ("gone", "back", "stays"):
        bed.put(name, {"a": value()}, ns)
        bed.ready(name, ns)
    before = {name: s["metadata"]["uid"] for name, s in bed.secrets(ns).items()}
    # what is remembered is written within a second
    wait_for(lambda: install_kind == "namespaces" or bed.remembered(ns) == set(before), 10)
    agent.stop()
    for name in ("gone", "back"):
        bed.api.delete(documents_path(ns, name))
    bed.put("back", {"a": value()}, ns)
    with bed.run(*SETTLE):
        deleted_at(bed, "gone", ns)
        bed.ready("back", ns)
        assert {name: s["metadata"]["uid"] for name, s in bed.secrets(ns).items()} == {
            name: before[name] for name in ("back", "stays")}


# --- whose it is -------------------------------------------------------------------------------------------


def test_a_foreign_secret_is_kept_and_the_printed_command_hands_it_over(bed, control_plane):
    ns = bed.namespace()
    theirs = bed.api.create(foreign(ns, "login", a="theirs", more="x"))
    with bed.run(*SETTLE) as agent:
        bed.put("login", {"a": value()}, ns)
        document = bed.says("login", ns, "Foreign", message="kubectl annotate secret")
        assert conditions(document)["Stalled"]["status"] == "True"
        assert identity(bed.secret_object("login", ns)) == identity(theirs)
        command = re.search(r"kubectl annotate secret .*$", ready_of(document)["message"]).group()
        done = subprocess.run(["sh", "-c", f'kubectl() {{ "$KUBECTL" "$@"; }}; {command}'], text=True, capture_output=True,
                              env={"PATH": "/usr/bin:/bin", "KUBECTL": control_plane.programs["kubectl"],
                                   "KUBECONFIG": str(control_plane.kubeconfig), "HOME": str(bed.home)})
        assert done.returncode == 0, done
        document = bed.ready("login", ns, seconds=90)
        secret = bed.secret_object("login", ns)
        assert secret["metadata"]["uid"] == theirs["metadata"]["uid"]
        assert annotations(secret)[OWNER] == f"{ns}/login" and ADOPT not in annotations(secret)
        # what was taken over is not taken away
        bed.api.delete(documents_path(ns, "login"))
        agent.wait_log(msg="document", reason="Retained", namespace=ns)
        assert bed.secret_object("login", ns)["metadata"]["uid"] == theirs["metadata"]["uid"]


def test_adoption_is_for_the_document_that_it_names(watching_bed):
    bed = watching_bed
    ns = bed.namespace()
    theirs = foreign(ns, "login", a="theirs")
    theirs["metadata"]["annotations"] = {ADOPT: f"{ns}/another"}
    theirs = bed.api.create(theirs)
    with bed.run():
        bed.put("login", {"a": value()}, ns)
        bed.says("login", ns, "Foreign")
        assert identity(bed.secret_object("login", ns)) == identity(theirs)
        bed.api.patch(secrets_path(ns, "login"), {"metadata": {"annotations": {ADOPT: f"{ns}/login"}}})
        bed.ready("login", ns)


def test_adoption_wants_the_same_type(bed):
    ns = bed.namespace()
    theirs = foreign(ns, "login", "kubernetes.io/basic-auth", username="u", password="theirs")
    theirs["metadata"]["annotations"] = {ADOPT: f"{ns}/login"}
    theirs = bed.api.create(theirs)
    with bed.run():
        bed.put("login", {"a": value()}, ns)
        bed.says("login", ns, "Foreign", message="type")
        assert identity(bed.secret_object("login", ns)) == identity(theirs)


def test_a_type_that_changed_makes_the_secret_anew(bed):
    """A Secret's type cannot be changed in place."""
    ns = bed.namespace()
    with bed.run():
        bed.put("login", {"a": value()}, ns)
        bed.ready("login", ns)
        before = bed.secret_object("login", ns)
        bed.api.apply(bed.seal_basic_auth("login", ns, "app", value()))
        bed.ready("login", ns)
        after = bed.secret_object("login", ns)
        assert after["type"] == "kubernetes.io/basic-auth" and annotations(after)[OWNER] == f"{ns}/login"
        assert after["metadata"]["uid"] != before["metadata"]["uid"]


def test_an_immutable_secret_is_made_anew_when_its_document_changes(bed):
    ns = bed.namespace()
    with bed.run():
        bed.put("login", {"a": value()}, ns)
        bed.ready("login", ns)
        before = bed.api.patch(secrets_path(ns, "login"), {"immutable": True})
        bed.put("login", {"a": value()}, ns)
        bed.ready("login", ns)
        assert bed.secret_object("login", ns)["metadata"]["uid"] != before["metadata"]["uid"]


# --- documents that are not good ---------------------------------------------------------------------------


def test_a_document_moved_to_another_namespace_is_refused_there_and_names_both(bed):
    here, there = bed.namespace(), bed.namespace()
    with bed.run(*SETTLE):
        document = bed.seal("login", {"a": value()}, here)
        bed.api.apply(document)
        bed.ready("login", here)
        moved = copy.deepcopy(document)
        moved["metadata"]["namespace"] = there
        bed.api.apply(moved)
        told = bed.says("login", there, "Refused")
        assert here in ready_of(told)["message"] and there in ready_of(told)["message"], ready_of(told)
        assert conditions(told)["Stalled"]["status"] == "True"
        assert bed.secret("login", there) is None
        bed.api.delete(documents_path(here, "login"))
        deleted_at(bed, "login", here)
        assert bed.secret("login", there) is None


def test_a_copied_document_is_refused_under_its_new_name(bed):
    ns = bed.namespace()
    with bed.run():
        document = bed.seal("login", {"a": value()}, ns)
        bed.api.apply(document)
        bed.ready("login", ns)
        document["metadata"]["name"] = "copy"
        bed.api.apply(document)
        told = bed.says("copy", ns, "Refused")
        assert "login" in ready_of(told)["message"] and "copy" in ready_of(told)["message"], ready_of(told)
        assert bed.secret("copy", ns) is None


def damaged(text):
    """An armored age file with one character of its payload changed."""
    lines = text.splitlines()
    last = lines[-2] if len(lines[-2]) > 8 else lines[-3]
    at = lines.index(last)
    lines[at] = last[:4] + ("A" if last[4] != "A" else "B") + last[5:]
    return "\n".join(lines) + "\n"


def test_a_damaged_document_changes_nothing(bed):
    ns = bed.namespace()
    with bed.run():
        bed.put("login", {"a": value()}, ns)
        bed.ready("login", ns)
        before = identity(bed.secret_object("login", ns))
        document = bed.seal("login", {"a": value()}, ns)
        (part,) = document["spec"]["parts"].values()
        good = part["sealed"]
        part["sealed"] = damaged(good)
        bed.api.apply(document)
        told = bed.says("login", ns, "Refused")
        assert conditions(told)["Stalled"]["status"] == "True"
        assert identity(bed.secret_object("login", ns)) == before
        part["sealed"] = good
        bed.api.apply(document)
        bed.ready("login", ns)


def test_a_secret_that_no_agent_reported_goes_with_its_damaged_document(new_bed):
    """The agent that made it ended before it could say so; where Secrets are watched its mark says whose it is."""
    bed = new_bed(install="namespaces")
    ns = bed.namespace()
    with bed.run():
        bed.put("login", {"a": value()}, ns)
        bed.ready("login", ns)
    bed.api.patch(documents_path(ns, "login") + "/status", {"status": None})
    document = bed.seal("login", {"a": value()}, ns)
    (part,) = document["spec"]["parts"].values()
    part["sealed"] = damaged(part["sealed"])
    bed.api.apply(document)
    with bed.run("--settle", 1):
        bed.says("login", ns, "Refused")
        assert bed.secret("login", ns) is not None
        bed.api.delete(documents_path(ns, "login"))
        bed.until_secret("login", ns, lambda keys: keys is None)


def test_a_changed_fact_or_type_is_refused(bed):
    ns = bed.namespace()
    with bed.run():
        document = bed.seal("login", {"a": value()}, ns)
        (part,) = document["spec"]["parts"].values()
        part["facts"]["sealed-at"] = "2020-01-01T00:00:00Z"
        bed.api.apply(document)
        bed.says("login", ns, "Refused", message="facts")
        assert bed.secret("login", ns) is None


@pytest.mark.parametrize("place", ["bulla-system", "kube-system"])
def test_documents_where_the_keys_or_the_cluster_live_are_refused(bed, place):
    document = bed.seal("login", {"a": value()}, place)
    try:
        with bed.run() as agent:
            bed.api.apply(document)
            told = bed.says("login", place, "Invalid", message="no document is served in this namespace")
            assert conditions(told)["Stalled"]["status"] == "True"
            assert bed.secret("login", place) is None
            assert not agent.matching(msg="opening"), "it was opened"
    finally:
        bed.api.delete(documents_path(place, "login"))


# --- keys --------------------------------------------------------------------------------------------------


def test_a_lost_key_changes_nothing_and_a_key_added_needs_no_restart(bed):
    ns = bed.namespace()
    with bed.run(*SETTLE) as agent:
        bed.put("login", {"a": value()}, ns)
        bed.ready("login", ns)
        before = identity(bed.secret_object("login", ns))
        file = bed.keys / "20260101T000000Z-one.key"
        text = file.read_text()
        file.unlink()
        told = bed.says("login", ns, "NoKey")
        assert conditions(told)["Stalled"]["status"] == "True"
        bed.put("later", {"a": value()}, ns)
        bed.says("later", ns, "NoKey")
        assert identity(bed.secret_object("login", ns)) == before and bed.secret("later", ns) is None
        new = bed.keys / ".new"
        new.touch(mode=0o600)
        new.write_text(text)
        new.rename(file)
        bed.ready("login", ns)
        bed.ready("later", ns)
        assert identity(bed.secret_object("login", ns)) == before
        assert agent.running()


def test_a_key_added_later_opens_what_waited_for_it(bed, tmp_path):
    ns = bed.namespace()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = bed.new_key("20260201T000000Z-two.key", elsewhere)
    with bed.run():
        bed.put("mine", {"a": value()}, ns)
        bed.put("theirs", {"a": value()}, ns, to=[other])
        bed.ready("mine", ns)
        told = bed.says("theirs", ns, "NotForUs")
        assert bed.secret("theirs", ns) is None
        assert ready_of(told)["status"] == "False"
        (elsewhere / "20260201T000000Z-two.key").rename(bed.keys / "20260201T000000Z-two.key")
        bed.ready("theirs", ns)


# --- hands -------------------------------------------------------------------------------------------------


def spoil_a_value(api, path):
    api.patch(path, {"stringData": {"a": "by hand"}})


def plant_a_key(api, path):
    api.patch(path, {"stringData": {"planted": "x"}})


def drop_a_key(api, path):
    api.patch(path, {"data": {"a": None}})


def remove_it(api, path):
    api.delete(path)


def strip_labels(api, path):
    """All of them, and the data as well."""
    api.patch(path, {"metadata": {"labels": None}, "stringData": {"a": "by hand"}})


def replace_it(api, path):
    """As kubectl replace --force: another uid, the same marks."""
    thing = api.get(path)
    api.delete(path)
    for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        del thing["metadata"][field]
    thing["data"] = {"a": "YnkgaGFuZA=="}
    api.create(thing)


HANDS = [spoil_a_value, plant_a_key, drop_a_key, remove_it, replace_it, strip_labels]


@pytest.mark.parametrize("hand", HANDS)
def test_hand_edits_are_repaired_at_once_where_secrets_may_be_watched(watching_bed, hand):
    bed = watching_bed
    ns = bed.namespace()
    with bed.run() as agent:
        bed.put("login", {"a": value(), "b": value()}, ns)
        bed.ready("login", ns)
        hand(bed.api, secrets_path(ns, "login"))
        begin = time.monotonic()
        bed.until_secret("login", ns, lambda data: data == bed.sealed["login", ns], 10)
        assert time.monotonic() - begin < 5
        agent.wait_log(msg="Secret had been changed; repaired", name="login")
        repaired = bed.secret_object("login", ns)
        bed.until_document("login", ns, lambda d: d["status"]["applied"] == "/".join(identity(repaired)), 10)
        bed.ready("login", ns)


@pytest.mark.parametrize("hand", HANDS)
def test_hand_edits_are_repaired_when_the_probe_lands_where_they_may_not(bed, hand):
    ns = bed.namespace()
    with bed.run("--full-look", 2) as agent:
        bed.put("login", {"a": value(), "b": value()}, ns)
        bed.ready("login", ns)
        hand(bed.api, secrets_path(ns, "login"))
        bed.until_secret("login", ns, lambda data: data == bed.sealed["login", ns], 20)
        agent.wait_log(msg="Secret had been changed; repaired", name="login")
        bed.ready("login", ns)
        # and nothing is written while nothing is changed: probes go on
        written, there = agent.metrics()["bulla_secrets_written_total"], identity(bed.secret_object("login", ns))
        asked = agent.requests("PATCH")
        wait_for(lambda: agent.requests("PATCH") >= asked + 3, 30, "three probes")
        assert agent.metrics()["bulla_secrets_written_total"] == written
        assert identity(bed.secret_object("login", ns)) == there


def test_a_mark_taken_away_is_not_fought_over(watching_bed):
    """Without bulla.dev/owner it is not the agent's any more: kept as it is, and said."""
    bed = watching_bed
    ns = bed.namespace()
    with bed.run(*SETTLE):
        bed.put("login", {"a": value()}, ns)
        bed.ready("login", ns)
        theirs = bed.api.patch(secrets_path(ns, "login"), {"metadata": {"annotations": {OWNER: None}}})
        bed.says("login", ns, "Foreign")
        assert identity(bed.secret_object("login", ns)) == identity(theirs)


def test_somebody_who_never_stops_is_answered_ever_more_slowly(watching_bed):
    bed = watching_bed
    ns = bed.namespace()
    with bed.run() as agent:
        bed.put("login", {"a": value()}, ns)
        bed.ready("login", ns)
        path = secrets_path(ns, "login")
        for _ in range(4):
            bed.api.patch(path, {"stringData": {"a": "theirs"}})
            bed.until_secret("login", ns, lambda data: data == bed.sealed["login", ns], 20)
        bed.api.patch(path, {"stringData": {"a": "theirs"}})
        bed.says("login", ns, "Contested")
        bed.until_secret("login", ns, lambda data: data == bed.sealed["login", ns], 60)
        bed.ready("login", ns)
        assert agent.metrics()["bulla_secrets_repaired_total"] == 5


# --- what is said ------------------------------------------------------------------------------------------


def test_the_status_in_full_and_as_kubectl_shows_it(bed, control_plane):
    ns = bed.namespace()
    with bed.run():
        bed.put("login", {"a": value()}, ns, more=["--expires", "2031-02-03"])
        document = bed.ready("login", ns)
        secret = bed.secret_object("login", ns)
        status = document["status"]
        assert status["observedGeneration"] == document["metadata"]["generation"] == 1
        (part,) = document["spec"]["parts"].values()
        assert status["keys"] == list(part["recipients"].values())
        assert status["notAfter"] == part["facts"]["not-after"]
        assert status["applied"] == "/".join(identity(secret))
        assert re.fullmatch("[0-9a-f]{64}", status["digest"])
        assert ready_of(document)["message"]
        for condition in conditions(document).values():
            assert set(condition) == {"type", "status", "reason", "message", "observedGeneration", "lastTransitionTime"}
        kubectl = control_plane.kubectl
        kubectl("wait", "--for=condition=Ready", "sealedcredential/login", "-n", ns, "--timeout=5s")
        head, row = kubectl("get", "sealed", "-n", ns).splitlines()
        assert head.split() == ["NAME", "KIND", "READY", "REASON", "EXPIRES", "AGE"]
        assert row.split()[:5] == ["login", "opaque", "True", "Applied", status["notAfter"]]
        wide = kubectl("get", "sealedcredentials.bulla.dev", "-n", ns, "-o", "wide")
        assert status["digest"] in wide and ready_of(document)["message"] in wide
        assert "login" in kubectl("get", "bulla", "-n", ns)
        managers = {m["manager"]: m for m in document["metadata"]["managedFields"]}
        assert managers["bulla-agent-status"]["subresource"] == "status"


def test_kubectl_wait_ends_when_a_document_becomes_ready(bed, control_plane):
    ns = bed.namespace()
    bed.put("login", {"a": value()}, ns)
    waiting = subprocess.Popen(
        [control_plane.programs["kubectl"], "wait", "--for=condition=Ready", "sealedcredential/login", "-n", ns,
         "--timeout=60s"], env={**bed.env, "KUBECONFIG": str(control_plane.kubeconfig)}, stdout=subprocess.PIPE,
        text=True)
    try:
        with bed.run():
            assert waiting.communicate(timeout=60)[0].strip().endswith("condition met")
    finally:
        waiting.kill()
        waiting.wait()


def test_conditions_of_others_stay_and_a_wiped_status_is_written_again(bed):
    ns = bed.namespace()
    with bed.run():
        bed.put("login", {"a": value()}, ns)
        document = bed.ready("login", ns)
        secret = identity(bed.secret_object("login", ns))
        theirs = {"apiVersion": "bulla.dev/v1", "kind": "SealedCredential",
                  "metadata": {"name": "login", "namespace": ns},
                  "status": {"observedGeneration": 1, "conditions": [
                      {"type": "example.org/Audited", "status": "True", "reason": "Seen", "message": "ok",
                       "lastTransitionTime": "2026-11-23T08:00:00Z"}]}}
        bed.api.apply(theirs, manager="auditor", subresource="status")
        digest = document["status"]["digest"]
        for wiped in ({"status": {"conditions": []}}, {"status": None},
                      {"status": {"observedGeneration": 7, "digest": "0" * 64}}):
            bed.api.patch(documents_path(ns, "login") + "/status", wiped)
            document = bed.until_document(
                "login", ns, lambda d: ready_of(d)["reason"] == "Applied" and d["status"]["observedGeneration"] == 1
                and d["status"].get("digest") == digest and d["status"].get("applied") == "/".join(secret), 20)
        bed.put("login", {"a": value()}, ns)
        document = bed.ready("login", ns)
        bed.api.apply(theirs, manager="auditor", subresource="status")
        bed.put("login", {"a": value()}, ns)
        document = bed.ready("login", ns)
        assert conditions(document)["example.org/Audited"]["reason"] == "Seen"


def test_a_status_forged_as_applied_before_the_agent_starts_is_not_believed(bed):
    """Whoever may write a status can say anything there; the Secret is made all the same."""
    ns = bed.namespace()
    with bed.run():
        bed.put("model", {"a": value()}, ns)
        told = bed.ready("model", ns)
    bed.put("login", {"a": value()}, ns)
    bed.api.patch(documents_path(ns, "login") + "/status", {"status": {**told["status"], "observedGeneration": 1}})
    with bed.run("--full-look", 2):
        bed.until_secret("login", ns, lambda data: data == bed.sealed["login", ns], 30)


def test_a_replaced_document_is_not_ready_before_it_is_looked_at_and_keeps_its_secret(bed, control_plane):
    ns = bed.namespace()
    with bed.run("--settle", 3):
        document = bed.seal("login", {"a": value()}, ns)
        bed.api.apply(document)
        first = bed.ready("login", ns)
        secret = bed.secret_object("login", ns)
        file = bed.folder / "login.json"
        states = []
        for i in range(5):
            document = bed.seal("login", {"a": value()}, ns)
            file.write_text(json.dumps(document))
            start = bed.api.get(documents_path(ns))["metadata"]["resourceVersion"]
            control_plane.kubectl("replace", "--force", "-f", file)
            new = bed.ready("login", ns)
            assert new["metadata"]["uid"] != first["metadata"]["uid"]
            for kind, seen in bed.api.watch(documents_path(ns), start, seconds=5):
                if kind == "BOOKMARK" or seen["metadata"]["uid"] != new["metadata"]["uid"]:
                    continue
                states.append(seen["status"])
                if "conditions" not in seen["status"]:
                    assert seen["status"] == {"observedGeneration": -1}
                if seen["metadata"]["resourceVersion"] == new["metadata"]["resourceVersion"]:
                    break
            # whatever was told of this uid was told of what it says
            assert all(s.get("digest") in (None, new["status"]["digest"]) for s in states[-3:])
            states.clear()
            first = new
        after = bed.secret_object("login", ns)
        assert after["metadata"]["uid"] == secret["metadata"]["uid"]
        assert annotations(after)["bulla.dev/document-uid"] == first["metadata"]["uid"]


def test_a_document_is_told_about_once(bed):
    """No write follows from our own writes."""
    ns = bed.namespace()
    with bed.run() as agent:
        bed.put_many([f"d{i}" for i in range(20)], ns)
        bed.all_ready(ns)
        metrics = agent.metrics()
        assert metrics["bulla_secrets_written_total"] == 20 and metrics["bulla_statuses_written_total"] == 20
        before = {n: identity(d) for n, d in bed.documents(ns).items()}
        bed.put("last", {"a": value()}, ns)
        bed.ready("last", ns)
        after = {n: identity(d) for n, d in bed.documents(ns).items() if n != "last"}
        assert after == before and agent.metrics()["bulla_statuses_written_total"] == 21

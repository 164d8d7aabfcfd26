# SPDX-License-Identifier: Apache-2.0
"""The agent's Kubernetes store on a real API server: many documents, and what befalls all of them at once: the
kind, a namespace, rights, tokens, the API server and its etcd (DESIGN 6.1)."""
import re
import threading
import time

import pytest
import yaml

import controlplane
from agentbed import (ACCOUNT, CLUSTER_BINDING, CRD, MANIFESTS, SYSTEM, annotations, conditions, documents_path, identity,
                      plain, secrets_path, value)
from api import MERGE, Unreachable
from processes import wait_for

SETTLE = ("--settle", 1)


@pytest.fixture(scope="module")
def restless_plane(programs, tmp_path_factory):
    """A control plane that these tests kill, restore and strip of its kinds."""
    with controlplane.ControlPlane(tmp_path_factory.mktemp("restless"), programs) as plane:
        yield plane


@pytest.fixture
def restless_bed(new_bed, restless_plane):
    return new_bed(plane=restless_plane)


def of_secrets(bed, ns):
    return {n: identity(s) for n, s in bed.secrets(ns).items()}


def versions(bed, ns):
    return of_secrets(bed, ns), {n: identity(d) for n, d in bed.documents(ns).items()}


# --- many --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("install", ["cluster", "namespaces"])
def test_a_restart_over_unchanged_documents_writes_nothing(new_bed, install):
    bed = new_bed(install=install)
    ns = bed.namespace()
    agent = bed.run()
    bed.put_many([f"d{i:03}" for i in range(200)], ns)
    bed.all_ready(ns)
    wait_for(lambda: install == "namespaces" or len(bed.remembered(ns)) == 200, 10)
    agent.stop()
    before = versions(bed, ns)
    assert len(before[0]) == len(before[1]) == 200
    with bed.run() as agent:
        agent.wait_count("Applied", 200)
        metrics = agent.metrics()
        assert versions(bed, ns) == before
        assert metrics["bulla_secrets_written_total"] == metrics["bulla_statuses_written_total"] == 0
        assert metrics['bulla_openings_total{result="opened"}'] == 0, "nothing had to be opened"
        # and what changes now is seen
        bed.put("d007", {"v": value()}, ns)
        bed.ready("d007", ns)


def test_a_deletion_of_all_is_guarded_and_the_token_releases_it(bed, control_plane):
    ns = bed.namespace()
    names = {f"d{i:02}" for i in range(20)}
    with bed.run("--settle", 5) as agent:
        bed.put_many(sorted(names), ns)
        bed.all_ready(ns)
        before = of_secrets(bed, ns)
        control_plane.kubectl("delete", "sealedcredentials", "--all", "-n", ns)
        told = agent.wait_log(msg=re.compile("too many documents are gone at once"))
        assert re.fullmatch("[0-9a-f]{32}", told["token"])
        agent.wait_count("Guarded", 20)
        assert agent.metrics()["bulla_removals_guarded"] == 20
        assert of_secrets(bed, ns) == before
        # a wrong token releases nothing; what the log prints, as it is, does
        text = " ".join(str(v) for v in told.values())
        command = re.search(r"kubectl annotate .*$", text)
        assert command, f"no command in {told}"
        control_plane.kubectl(*command.group().replace(told["token"], "0" * 32).split()[1:])
        bed.put("late", {"v": value()}, ns)
        bed.ready("late", ns)
        assert {n: s for n, s in of_secrets(bed, ns).items() if n != "late"} == before
        control_plane.kubectl(*command.group().split()[1:], "--overwrite")
        wait_for(lambda: set(bed.secrets(ns)) == {"late"}, 60, "the released removals")
        assert agent.metrics()["bulla_secrets_removed_total"] == 20


DEPLOYMENT = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/bulla-agent"
RELEASE = "bulla.dev/release-removals"
HELD = re.compile("too many documents are gone at once")


def released(bed):
    return annotations(bed.api.get(DEPLOYMENT)).get(RELEASE)


def release(bed, token):
    bed.api.patch(DEPLOYMENT, {"metadata": {"annotations": {RELEASE: token}}})


def told_events(bed):
    """Commands in the Events on the agent's Deployment."""
    uid = bed.api.get(DEPLOYMENT)["metadata"]["uid"]
    found = [e for e in bed.api.list(f"/apis/events.k8s.io/v1/namespaces/{SYSTEM}/events")
             if e["reason"] == "RemovalsHeld" and e["regarding"].get("uid") == uid]
    assert all(e["type"] == "Warning" and e["regarding"]["kind"] == "Deployment" for e in found)
    return [re.search("kubectl annotate .*", e["note"]).group() for e in found]


@pytest.mark.parametrize("install", ["cluster", "namespaces"])
def test_a_release_is_for_one_deletion_alone(new_bed, install):
    """The same documents come back, with Secrets of the same names, and go once more: nobody has said that this is meant."""
    bed = new_bed(install=install)
    ns = bed.namespace()
    documents = [bed.seal(f"d{i:02}", {"v": value()}, ns) for i in range(20)]

    def put_and_delete(agent, old):
        for document in documents:
            bed.api.apply(document)
        bed.all_ready(ns)
        before = of_secrets(bed, ns)
        bed.api.request("DELETE", documents_path(ns), {})
        found = wait_for(lambda: [t for t in agent.matching(msg=HELD) if t["token"] not in old], 60, "another token")
        assert len(found) == 1 and len(before) == 20
        agent.wait_count("Guarded", 20)
        if old:
            release(bed, old[-1])
            time.sleep(6)  # it is looked at every five seconds
            assert of_secrets(bed, ns) == before
        return found[0]["token"]

    with bed.run("--settle", 1) as agent:
        first = put_and_delete(agent, [])
        wait_for(lambda: [c for c in told_events(bed) if first in c] == [agent.matching(msg=HELD)[0]["command"]], 15, "the Event")
        release(bed, first)
        wait_for(lambda: not bed.secrets(ns), 60, "the released removals")
        wait_for(lambda: released(bed) is None, 15, "the release used up")
        second = put_and_delete(agent, [first])
        wait_for(lambda: len([c for c in told_events(bed) if second in c]) == 1, 15, "an Event of its own")
    # and with a restart between
    with bed.run("--settle", 1) as agent:
        told = agent.wait_log(msg=HELD)
        assert len(of_secrets(bed, ns)) == 20
        release(bed, told["token"])
        wait_for(lambda: not bed.secrets(ns), 60, "the released removals")
        wait_for(lambda: released(bed) is None, 15, "the release used up")
    with bed.run("--settle", 1) as agent:
        third = put_and_delete(agent, [first, told["token"]])
        # nor is one good for later that came too late, when the documents were back
        put_and_delete(agent, [first, told["token"], third])


def test_the_guard_counts_over_a_restart(bed):
    ns = bed.namespace()
    agent = bed.run(*SETTLE)
    bed.put_many([f"d{i:02}" for i in range(30)], ns)
    bed.all_ready(ns)
    for i in range(9):
        bed.api.delete(documents_path(ns, f"d{i:02}"))
    wait_for(lambda: len(bed.secrets(ns)) == 21, 30, "nine removals")
    wait_for(lambda: len(bed.remembered(ns)) == 21, 10, "their record")
    agent.stop()
    for i in range(9, 12):
        bed.api.delete(documents_path(ns, f"d{i:02}"))
    with bed.run(*SETTLE) as agent:
        agent.wait_count("Guarded", 3)
        assert len(bed.secrets(ns)) == 21


def test_a_namespace_that_goes_is_let_go(bed):
    ns, other = bed.namespace(), bed.namespace()
    with bed.run(*SETTLE) as agent:
        bed.put_many(["a", "b", "c"], ns)
        bed.put("kept", {"v": value()}, other)
        bed.all_ready(ns)
        bed.ready("kept", other)
        before = versions(bed, other)
        bed.api.delete(f"/api/v1/namespaces/{ns}")
        bed.api.wait_gone(f"/api/v1/namespaces/{ns}", 90)
        assert versions(bed, other) == before
        # of the same name again: documents of it are served
        bed.api.ensure("v1", "Namespace", None, ns)
        bed.put("a", {"v": value()}, ns)
        bed.ready("a", ns, seconds=60)
        assert agent.running()


@pytest.mark.parametrize("install", ["cluster", "namespaces"])
def test_a_namespace_that_goes_holds_nothing_else(new_bed, install):
    bed = new_bed(install=install)
    ns, other = bed.namespace(), bed.namespace()
    with bed.run(*SETTLE) as agent:
        bed.put_many([f"d{i:02}" for i in range(12)], ns)
        bed.put_many(["gone", "kept"], other)
        bed.all_ready(ns)
        bed.all_ready(other)
        bed.api.delete(f"/api/v1/namespaces/{ns}")
        wait_for(lambda: not bed.documents(ns), 60, "the documents gone")
        bed.api.delete(documents_path(other, "gone"))
        bed.until_secret("gone", other, lambda data: data is None, 20)
        bed.api.wait_gone(f"/api/v1/namespaces/{ns}", 90)
        # nor does what went with it count later
        bed.api.delete(documents_path(other, "kept"))
        bed.until_secret("kept", other, lambda data: data is None, 20)
        assert not agent.matching(msg=HELD) and not agent.matching(reason="Guarded")
        if install == "cluster":
            wait_for(lambda: not bed.remembered(ns), 90, "the inventory without them")


def test_a_namespace_that_went_while_the_agent_was_down_holds_nothing_else(bed):
    ns, other = bed.namespace(), bed.namespace()
    with bed.run(*SETTLE):
        bed.put_many([f"d{i:02}" for i in range(12)], ns)
        bed.put("gone", {"v": value()}, other)
        bed.all_ready(ns)
        bed.all_ready(other)
        wait_for(lambda: len(bed.remembered(ns)) == 12, 10, "the inventory")
    bed.api.delete(f"/api/v1/namespaces/{ns}")
    bed.api.delete(documents_path(other, "gone"))
    bed.api.wait_gone(f"/api/v1/namespaces/{ns}", 90)
    with bed.run(*SETTLE) as agent:
        bed.until_secret("gone", other, lambda data: data is None, 20)
        wait_for(lambda: not bed.remembered(ns), 30, "the inventory without them")
        assert not agent.matching(msg=HELD) and not agent.matching(reason="Guarded")


# --- rights ------------------------------------------------------------------------------------------------


def test_rights_that_go_and_come_back(bed):
    ns = bed.namespace()
    binding = bed.api.get(CLUSTER_BINDING)
    try:
        with bed.run(*SETTLE) as agent:
            bed.put_many(["a", "b"], ns)
            bed.all_ready(ns)
            before = of_secrets(bed, ns)
            # Secrets alone: documents can be read and told about
            role = bed.api.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/bulla-agent")
            narrowed = {**role, "rules": [r for r in role["rules"] if "secrets" not in r["resources"]]}
            bed.api.replace(narrowed)
            wait_for(lambda: agent_may(bed, "patch", ns) is False, 10, "the right gone")
            bed.put("a", {"v": value()}, ns)
            told = bed.says("a", ns, "Forbidden", message="RoleBinding")
            assert ns in conditions(told)["Ready"]["message"] and conditions(told)["Stalled"]["status"] == "True"
            bed.api.delete(documents_path(ns, "b"))
            agent.wait_log(msg="Secret of a document that is gone stays for now", name="b")
            assert of_secrets(bed, ns) == before
            role["metadata"].pop("resourceVersion")
            bed.api.replace(role)
            bed.ready("a", ns, seconds=90)
            bed.until_secret("b", ns, lambda data: data is None, 90)
            # everything: nothing can be seen, and nothing is done because of it
            before = of_secrets(bed, ns)
            bed.api.delete(CLUSTER_BINDING)
            wait_for(lambda: agent_may(bed, "create", ns) is False, 10, "all rights gone")
            bed.put("c", {"v": value()}, ns)
            with pytest.raises(TimeoutError):
                bed.says("c", ns, "Applied", seconds=4)
            assert of_secrets(bed, ns) == before
            bed.api.create({k: binding[k] for k in ("apiVersion", "kind", "roleRef", "subjects")}
                           | {"metadata": {"name": ACCOUNT}})
            bed.ready("c", ns, seconds=90)
    finally:
        for name in ("clusterrole",):
            bed.api.apply_file(MANIFESTS / f"base/{name}.yaml")


def agent_may(bed, verb, namespace):
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
              "spec": {"user": f"system:serviceaccount:{SYSTEM}:{ACCOUNT}",
                       "resourceAttributes": {"verb": verb, "resource": "secrets", "namespace": namespace}}}
    answer = bed.api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return answer.body["status"]["allowed"]


def test_a_namespace_without_its_role_does_not_stop_the_others(new_bed):
    bed = new_bed(install="namespaces")
    served, not_yet = bed.namespace(), bed.namespace(served=False)
    with bed.run(*SETTLE, wait=False) as agent:
        bed.put_many(["login", "other"], served)
        bed.put("login", {"v": value()}, not_yet)
        bed.all_ready(served)
        agent.wait_log(msg="cannot list or watch", namespace=not_yet)
        wait_for(lambda: agent.get("/readyz")[0] == 200, 30, "it to be ready without the other")
        bed.api.delete(documents_path(served, "other"))
        bed.until_secret("other", served, lambda data: data is None)
        assert set(bed.secrets(served)) == {"login"} and bed.secret("login", not_yet) is None
        bed.serve(not_yet)
        bed.ready("login", not_yet, seconds=90)
        agent.wait_log(msg="documents are listed again", namespace=not_yet)


def test_an_agent_that_may_list_nowhere_is_not_ready(new_bed):
    bed = new_bed(install="namespaces")
    for ns in (bed.namespace(served=False), bed.namespace(served=False)):
        bed.put("login", {"v": value()}, ns)
    with bed.run(*SETTLE, wait=False) as agent:
        for ns in bed.namespaces:
            agent.wait_log(msg="cannot list or watch", namespace=ns)
        assert agent.get("/readyz")[0] == 503
        bed.serve(bed.namespaces[1])
        bed.ready("login", bed.namespaces[1], seconds=90)
        wait_for(lambda: agent.get("/readyz")[0] == 200, 30, "it to be ready")
        assert bed.secret("login", bed.namespaces[0]) is None


def test_a_namespace_whose_role_is_taken_away_does_not_stop_the_others(new_bed, fault_proxy):
    """What was deleted in it while it could not be seen goes when it can be again."""
    bed = new_bed(install="namespaces", proxy=fault_proxy)
    served, dark = bed.namespace(), bed.namespace()
    with bed.run(*SETTLE) as agent:
        for ns in (served, dark):
            bed.put_many(["a", "b"], ns)
            bed.all_ready(ns)
        bed.api.delete(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{dark}/rolebindings/bulla-agent")
        bed.api.delete(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{dark}/roles/bulla-agent")
        fault_proxy.reset_all()  # a watch outlives the right to it
        agent.wait_log(msg="cannot list or watch", namespace=dark)
        for ns in (served, dark):
            bed.api.delete(documents_path(ns, "a"))
        bed.until_secret("a", served, lambda data: data is None, 60)
        assert set(bed.secrets(served)) == {"b"} and set(bed.secrets(dark)) == {"a", "b"}
        bed.serve(dark)
        bed.until_secret("a", dark, lambda data: data is None, 90)
        assert set(bed.secrets(dark)) == {"b"}


@pytest.mark.parametrize("install", ["cluster", "namespaces"])
def test_a_document_that_cannot_be_read_keeps_no_other_back(new_bed, install):
    """The server takes a NUL in an annotation; a reader of JSON in C does not."""
    bed = new_bed(install=install)
    ns = bed.namespace()

    def note(text):
        bed.api.request("PATCH", documents_path(ns, "odd"), {"metadata": {"annotations": {"note": text}}},
                        content_type=MERGE)
    with bed.run(*SETTLE) as agent:
        bed.put_many(["odd", "a", "b", "c"], ns)
        bed.all_ready(ns)
        wait_for(lambda: install == "namespaces" or bed.remembered(ns) == {"odd", "a", "b", "c"}, 10)
        before = of_secrets(bed, ns)
        note("a\0b")
        agent.wait_log(msg="a document cannot be read", error=re.compile("an object of [0-9]+ bytes is passed over"))
        bed.api.delete(documents_path(ns, "a"))
        bed.until_secret("a", ns, lambda data: data is None)
        assert not agent.matching(msg="cannot list or watch")
        agent.stop()
    with bed.run(*SETTLE) as agent:  # which lists
        agent.wait_log(msg="a document cannot be read")
        bed.api.delete(documents_path(ns, "b"))
        bed.until_secret("b", ns, lambda data: data is None)
        time.sleep(2)
        assert of_secrets(bed, ns) == {n: before[n] for n in ("odd", "c")}
        note("fine")
        bed.put("odd", {"v": value()}, ns)
        bed.ready("odd", ns)
        assert not agent.matching(msg="cannot list or watch")


def test_a_role_taken_away_removes_nothing(new_bed):
    bed = new_bed(install="namespaces")
    ns = bed.namespace()
    role = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings/bulla-agent"
    with bed.run(*SETTLE) as agent:
        bed.put_many(["a", "b"], ns)
        bed.all_ready(ns)
        before = of_secrets(bed, ns)
        bed.api.delete(role)
        bed.api.delete(documents_path(ns, "a"))
        agent.wait_log(msg=re.compile("stays for now|cannot list or watch"), seconds=60)
        assert of_secrets(bed, ns) == before
        bed.serve(ns)
        bed.until_secret("a", ns, lambda data: data is None, 90)
        assert set(bed.secrets(ns)) == {"b"}


def test_a_token_that_ends_is_read_again(bed):
    ns = bed.namespace()
    with bed.run() as agent:
        bed.put("a", {"v": value()}, ns)
        bed.ready("a", ns)
        # the account made anew: the old token's account is another one
        bed.api.delete(f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{ACCOUNT}")
        bed.api.apply_file(MANIFESTS / "base/serviceaccount.yaml")
        old = bed.api.as_token(bed.token_file.read_text())
        wait_for(lambda: old.request("GET", "/api", expect=None).status == 401, 30, "the old token refused")
        bed.new_token()
        bed.put("b", {"v": value()}, ns)
        bed.ready("b", ns, seconds=60)
        assert agent.running() and bed.secret("a", ns) == bed.sealed["a", ns]


# --- the kind ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("install", ["cluster", "namespaces"])
def test_the_kind_deleted_and_restored_takes_no_secret(new_bed, restless_plane, install):
    bed = new_bed(plane=restless_plane, install=install)
    ns = bed.namespace()
    documents = {f"d{i}": bed.seal(f"d{i}", {"v": value()}, ns) for i in range(3)}
    with bed.run(*SETTLE) as agent:
        for document in documents.values():
            bed.api.apply(document)
        bed.all_ready(ns)
        before = of_secrets(bed, ns)
        uid = bed.api.get(CRD)["metadata"]["uid"]
        bed.api.delete(CRD)
        bed.api.wait_gone(CRD, 60)
        agent.wait_log(msg="cannot list or watch", seconds=60)
        assert of_secrets(bed, ns) == before
        bed.api.apply_file(MANIFESTS / "base/crd.yaml")
        assert bed.api.get(CRD)["metadata"]["uid"] != uid
        wait_for(lambda: bed.api.request("GET", documents_path(ns), expect=None).status == 200, 30, "the kind served")
        # two come back, and get the Secrets that are there; the third's stays as well: nobody deleted that one
        for name in ("d0", "d1"):
            bed.api.apply(documents[name])
        for name in ("d0", "d1"):
            bed.ready(name, ns, seconds=90)
        bed.put("new", {"v": value()}, ns)
        bed.ready("new", ns, seconds=60)
        bed.api.delete(documents_path(ns, "new"))
        bed.until_secret("new", ns, lambda data: data is None, 60)
        after = of_secrets(bed, ns)
        assert {n: after[n][0] for n in documents} == {n: before[n][0] for n in documents}


# --- the server --------------------------------------------------------------------------------------------


def test_an_api_server_killed_in_the_middle_of_1000_documents(restless_bed, restless_plane):
    bed = restless_bed
    ns = bed.namespace()
    sealed = [bed.seal(f"d{i:04}", {"v": value()}, ns) for i in range(1000)]
    # where a server is long in coming back a lease would run out, and nothing here starts an agent that ended
    with bed.run(*SETTLE, "--no-lease") as agent:
        stop, failed, seen = threading.Event(), [], {}

        def apply_all():
            admin = restless_plane.new_admin()
            for document in sealed:
                while not stop.is_set():
                    try:
                        admin.apply(document)
                        break
                    except (Unreachable, KeyError):
                        stop.wait(0.2)
                    except Exception as e:  # told below: a thread's exception is lost
                        failed.append(e)
                        if len(failed) > 100:
                            return
                        stop.wait(0.2)
        thread = threading.Thread(target=apply_all)
        thread.start()
        try:
            for threshold in (200, 600):
                made = wait_for(lambda: len(found := bed.secrets(ns)) >= threshold and found, 60, f"{threshold} Secrets")
                seen.update({n: s["metadata"]["uid"] for n, s in made.items()})
                restless_plane.kill_apiserver()
                restless_plane.start_apiserver()
            thread.join(120)
            assert not thread.is_alive()
        finally:
            stop.set()
            thread.join()
        found = bed.all_ready(ns, seconds=60)
        assert len(found) == 1000, failed
        assert agent.metrics()["bulla_secrets_removed_total"] == 0
        uids = {n: s["metadata"]["uid"] for n, s in bed.secrets(ns).items()}
        assert len(uids) == 1000 and len(seen) >= 600
        assert {n: uids[n] for n in seen} == seen, "a Secret was made anew"


def test_an_etcd_restored_from_an_older_snapshot(restless_bed, restless_plane):
    """Documents and Secrets are then as they were, and the agent knows versions from the future."""
    bed = restless_bed
    ns = bed.namespace()
    # where a server is long in coming back a lease would run out, and nothing here starts an agent that ended
    with bed.run(*SETTLE, "--full-look", 5, "--no-lease") as agent:
        bed.put_many([f"old{i}" for i in range(5)], ns)
        bed.all_ready(ns)
        old = dict(bed.sealed)
        secrets = of_secrets(bed, ns)
        restless_plane.save("old")
        for i in range(3):
            bed.put(f"old{i}", {"v": value()}, ns)
        bed.put_many([f"new{i}" for i in range(3)], ns)
        bed.all_ready(ns)
        restless_plane.restore("old")
        bed.sealed = old
        # what is there is what the older documents say, and they say so themselves
        found = bed.all_ready(ns, seconds=60)
        assert set(found) == {f"old{i}" for i in range(5)}
        # the agent looks again: not deaf
        bed.put("after", {"v": value()}, ns)
        bed.put("old0", {"v": value()}, ns)
        bed.ready("after", ns, seconds=400)
        bed.ready("old0", ns, seconds=60)
        now = of_secrets(bed, ns)
        assert {n: now[n][0] for n in secrets} == {n: uid for n, (uid, _) in secrets.items()}
        assert agent.metrics()["bulla_secrets_removed_total"] == 0

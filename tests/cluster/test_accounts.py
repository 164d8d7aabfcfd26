# SPDX-License-Identifier: Apache-2.0
"""Pull secrets of service accounts on a real API server (DESIGN 6.1): what documents name and the map allows is
appended, noted, and taken back; what others put there stays where it is."""
import contextlib
import signal
import threading
import time

import pytest
import yaml

from agentbed import MANIFESTS, SYSTEM, annotations, conditions, documents_path, identity, secrets_path, watch_until
from api import MERGE
from processes import wait_for
from test_fanout import allow, copied, fanned, fans, foreign, gone, put, run, with_map  # noqa: F401

NOTE = "bulla.dev/pull-secrets"


def accounts_path(namespace, name=None):
    return f"/api/v1/namespaces/{namespace}/serviceaccounts" + (f"/{name}" if name else "")


def make_account(bed, namespace, name="builder", *listed, **marks):
    thing = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace, "annotations": marks}}
    return bed.api.create(thing | ({"imagePullSecrets": [{"name": n} for n in listed]} if listed else {}))


def account(bed, namespace, name="builder"):
    return bed.api.get(accounts_path(namespace, name), absent=True)


def listed(thing):
    return [s["name"] for s in (thing or {}).get("imagePullSecrets") or []]


def noted(thing):
    return [n for n in (annotations(thing).get(NOTE, "") if thing else "").split(",") if n]


def set_list(bed, namespace, name, *names):
    """As a manager does that knows only its own list."""
    return bed.api.request("PATCH", accounts_path(namespace, name), {"imagePullSecrets": [{"name": n} for n in names]},
                           content_type=MERGE).body


def until(bed, namespace, names, note=None, name="builder", seconds=20):
    """The account once it lists exactly these, in this order, and notes those of note (by default none)."""
    def so(thing):
        assert listed(thing) == list(names), thing
        assert noted(thing) == list(note or []), thing
        return True
    return watch_until(bed.api, accounts_path(namespace), name, so, seconds, f"the list {names}")


def seal(bed, name, source, targets, *accounts, more=()):
    return put(bed, name, source, *targets, more=["--service-accounts", ",".join(accounts), *more])


def pair(bed, *listed):
    """A source and one target that the map allows it, each with the account; the target's lists these already."""
    source, one = bed.namespace(), bed.namespace()
    allow(bed, source, one, serviceAccounts=["builder"])
    make_account(bed, one, "builder", *listed)
    make_account(bed, source)
    return source, one


def test_appended_beside_anothers_entry_and_taken_back(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one, serviceAccounts=["builder"])
    before = make_account(fans, one, "builder", "first", "second", **{"iam.example.org/role": "r"})
    make_account(fans, source)
    with run(fans) as agent:
        seal(fans, "login", source, [one], "builder")
        after = until(fans, one, ["first", "second", "login"], ["login"])
        until(fans, source, ["login"], ["login"])
        assert annotations(after) == annotations(before) | {NOTE: "login"}
        fanned(fans, "login", source, "True", "Applied", "service accounts that name it: 2 of 2")
        metrics = agent.metrics()
        assert metrics["bulla_copies"] == 1 and metrics["bulla_copies_missing"] == 0
        assert metrics["bulla_service_account_entries"] == 2 and metrics["bulla_service_account_entries_missing"] == 0
        put(fans, "login", source, one)  # without the fact
        back = until(fans, one, ["first", "second"])
        until(fans, source, [])
        assert annotations(back) == annotations(before)
        fanned(fans, "login", source, "True", "Applied", "copies in place: 1 of 1")
        copied(fans, "login", source, one)


def test_the_secret_comes_first_and_goes_last(fans):
    """Whoever looks at both never sees a name without its Secret."""
    source, one = pair(fans)
    bare, stop, looks = [], threading.Event(), 0

    def look():
        """The Secret is read after the account, and the account again: the name stood there all the while."""
        nonlocal looks
        api = fans.plane.new_admin()
        while not stop.is_set():
            looks += 1
            for namespace in (source, one):
                first = api.get(accounts_path(namespace, "builder"))
                missing = api.get(secrets_path(namespace, "login"), absent=True) is None
                again = api.get(accounts_path(namespace, "builder"))
                if "login" in listed(first) and missing and identity(first) == identity(again):
                    bare.append(namespace)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        with run(fans):
            for _ in range(3):  # the guard of deletions lets no more go at once
                seal(fans, "login", source, [one], "builder")
                until(fans, one, ["login"], ["login"])
                until(fans, source, ["login"], ["login"])
                fans.api.delete(documents_path(source, "login"))
                gone(fans, "login", one)
                gone(fans, "login", source)
                assert listed(account(fans, one)) == listed(account(fans, source)) == []
    finally:
        stop.set()
        watcher.join()
    assert not bare and looks > 10


def test_what_fact_or_map_leaves_out_is_left_alone(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one, serviceAccounts=["builder"])
    accounts = [make_account(fans, n, name) for n in (source, one) for name in ("builder", "other", "unnamed")]
    with run(fans):
        seal(fans, "login", source, [one], "builder", "other")
        until(fans, one, ["login"], ["login"])
        until(fans, source, ["login"], ["login"])
        fanned(fans, "login", source, "False", "NotAllowed", "service accounts: other")
        for thing in accounts:
            if thing["metadata"]["name"] != "builder":
                now = account(fans, thing["metadata"]["namespace"], thing["metadata"]["name"])
                assert identity(now) == identity(thing)


def test_without_accounts_in_the_map_none_is_touched(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one)
    thing = make_account(fans, one)
    with run(fans):
        seal(fans, "login", source, [one], "builder")
        copied(fans, "login", source, one)
        fanned(fans, "login", source, "False", "NotAllowed", "service accounts: builder")
        assert identity(account(fans, one)) == identity(thing)


def test_accounts_without_other_namespaces(fans):
    """A document that reaches the accounts of its own namespace only."""
    source = fans.namespace()
    allow(fans, source, "nowhere", serviceAccounts=["*"])
    make_account(fans, source)
    with run(fans):
        token = "p" * 20
        text = fans.bulla("seal", "registry", "login", "-n", source, "--server", "registry.example.org", "--username", "u",
                          "--token-file", "-", "--service-accounts", "builder", "-r", fans.key, input=token.encode())
        fans.api.apply(yaml.safe_load(text))
        until(fans, source, ["login"], ["login"])
        document = fanned(fans, "login", source, "True", "Applied", "service accounts that name it: 1 of 1")
        assert "copies" not in conditions(document)["FannedOut"]["message"]
        fans.api.delete(documents_path(source, "login"))
        until(fans, source, [])
        gone(fans, "login", source)


def test_an_entry_that_is_anothers_stays_anothers(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one, serviceAccounts=["builder"])
    theirs = make_account(fans, one, "builder", "login", "more")
    with run(fans):
        seal(fans, "login", source, [one], "builder")
        make_account(fans, source)
        fanned(fans, "login", source, "True", "Applied", "2 of 2")
        fans.api.delete(documents_path(source, "login"))
        gone(fans, "login", one)
        assert identity(account(fans, one)) == identity(theirs)


def test_an_entry_taken_away_by_hand_is_put_back(fans):
    source, one = pair(fans, "theirs")
    with run(fans):
        seal(fans, "login", source, [one], "builder")
        until(fans, one, ["theirs", "login"], ["login"])
        set_list(fans, one, "builder", "theirs", "new")
        until(fans, one, ["theirs", "new", "login"], ["login"])
        fanned(fans, "login", source, "True", "Applied", "2 of 2")


def test_a_manager_that_fights_is_left_alone_until_it_lists_the_name(fans):
    source, one = pair(fans, "theirs")
    with run(fans) as agent:
        seal(fans, "login", source, [one], "builder")
        for _ in range(2):
            until(fans, one, ["theirs", "login"], ["login"])
            set_list(fans, one, "builder", "theirs")
        left = until(fans, one, ["theirs"], [])
        document = fanned(fans, "login", source, "False", "ServiceAccountManaged",
                          f'"- name: login" to imagePullSecrets in Git, of the service accounts: {one}/builder')
        assert conditions(document)["Ready"]["status"] == "True"
        metrics = agent.metrics()
        assert metrics["bulla_service_account_entries"] == metrics["bulla_service_account_entries_missing"] == 1
        time.sleep(2)
        assert identity(account(fans, one)) == identity(left)
        set_list(fans, one, "builder", "theirs", "login")
        fanned(fans, "login", source, "True", "Applied", "2 of 2")
        # which is theirs now, and stays
        put(fans, "login", source, one)
        until(fans, source, [])
        until(fans, one, ["theirs", "login"], [])


def test_a_missing_account_is_told_of_and_served_when_it_comes(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one, serviceAccounts=["builder"])
    make_account(fans, source)
    with run(fans):
        seal(fans, "login", source, [one], "builder")
        fanned(fans, "login", source, "False", "ServiceAccountMissing", f"{one}/builder (it is not there)")
        make_account(fans, one, "builder", "theirs")
        until(fans, one, ["theirs", "login"], ["login"], seconds=3)
        fanned(fans, "login", source, "True", "Applied", "2 of 2")
        fans.api.delete(accounts_path(one, "builder"))
        fanned(fans, "login", source, "False", "ServiceAccountMissing", f"{one}/builder")
        make_account(fans, one)
        until(fans, one, ["login"], ["login"], seconds=3)
        fanned(fans, "login", source, "True", "Applied", "2 of 2")


def test_a_new_namespace_gets_the_name_in_its_default_account(fans):
    source = fans.namespace()
    allow(fans, source, "t-*", serviceAccounts=["default"])
    with run(fans):
        seal(fans, "login", source, ["t-*"], "default")
        until(fans, source, ["login"], ["login"], name="default")
        late = fans.namespace()
        until(fans, late, ["login"], ["login"], name="default", seconds=5)
        copied(fans, "login", source, late)
        fanned(fans, "login", source, "True", "Applied", "service accounts that name it")


def test_a_target_that_is_no_longer_named_is_taken_back(fans):
    source, one, two = (fans.namespace() for _ in range(3))
    allow(fans, source, one, two, serviceAccounts=["builder"])
    for namespace in (source, one, two):
        make_account(fans, namespace, "builder", "theirs")
    with run(fans):
        seal(fans, "login", source, [one, two], "builder")
        for namespace in (source, one, two):
            until(fans, namespace, ["theirs", "login"], ["login"])
        seal(fans, "login", source, [one], "builder")
        until(fans, two, ["theirs"])
        gone(fans, "login", two)
        assert listed(account(fans, one)) == listed(account(fans, source)) == ["theirs", "login"]


def test_a_rule_that_goes_takes_the_entries_back(fans):
    source, one = pair(fans)
    with run(fans) as agent:
        seal(fans, "login", source, [one], "builder")
        until(fans, one, ["login"], ["login"])
        until(fans, source, ["login"], ["login"])
        allow(fans, source, one)
        agent.process.send_signal(signal.SIGHUP)
        until(fans, one, [])
        until(fans, source, [])
        fanned(fans, "login", source, "False", "NotAllowed", "service accounts: builder")
        copied(fans, "login", source, one)
        # a map that cannot be read takes nothing back
        allow(fans, source, one, serviceAccounts=["*"])
        agent.process.send_signal(signal.SIGHUP)
        kept = until(fans, one, ["login"], ["login"])
        fans.map.write_text("nonsense: [\n")
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_log(msg="the map of fan-out cannot be read; the one before stays")
        fanned(fans, "login", source, "True", "Applied", "2 of 2")
        assert identity(account(fans, one)) == identity(kept)


def test_a_restart_writes_nothing_and_removes_what_changed_meanwhile(fans):
    source, one = pair(fans, "theirs")
    with run(fans):
        seal(fans, "login", source, [one], "builder")
        seal(fans, "lonely", source, [one], "builder")
        wait_for(lambda: sorted(listed(account(fans, one))) == ["login", "lonely", "theirs"], 20, "both", pause=0.05)
        for name in ("login", "lonely"):
            fanned(fans, name, source, "True", "Applied", "2 of 2")
    before = [identity(account(fans, n)) for n in (source, one)]
    with run(fans) as agent:
        seal(fans, "after", source, [one], "other")
        fanned(fans, "after", source, "False", "NotAllowed")
        agent.wait_count("Applied", 3)
        assert [identity(account(fans, n)) for n in (source, one)] == before
    # one loses its fact, the other its whole fan-out
    put(fans, "login", source, one)
    token = "q" * 20
    text = fans.bulla("seal", "registry", "lonely", "-n", source, "--server", "registry.example.org", "--username", "u",
                      "--token-file", "-", "-r", fans.key, input=token.encode())
    fans.api.apply(yaml.safe_load(text))
    with run(fans):
        until(fans, one, ["theirs"])
        until(fans, source, [])
        gone(fans, "lonely", one)
        copied(fans, "login", source, one)
        fans.until_document("lonely", source, lambda d: "FannedOut" not in conditions(d), 20, "no FannedOut")


def test_a_document_that_went_while_no_agent_was_there(fans):
    source, one = pair(fans, "theirs")
    with run(fans):
        seal(fans, "login", source, [one], "builder")
        until(fans, one, ["theirs", "login"], ["login"])
        fanned(fans, "login", source, "True", "Applied", "2 of 2")
    fans.api.delete(documents_path(source, "login"))
    with run(fans):
        gone(fans, "login", source)
        gone(fans, "login", one)
        assert listed(account(fans, one)) == ["theirs"] and listed(account(fans, source)) == []
        assert noted(account(fans, one)) == noted(account(fans, source)) == []


def test_what_is_retained_stays_named(fans):
    source, one = pair(fans)
    with run(fans) as agent:
        seal(fans, "login", source, [one], "builder", more=["--deletion-policy", "Retain"])
        fanned(fans, "login", source, "True", "Applied", "2 of 2")
        kept = [identity(account(fans, n)) for n in (source, one)]
        fans.api.delete(documents_path(source, "login"))
        agent.wait_count("Applied", 0)
        seal(fans, "other", source, [one], "other")
        fanned(fans, "other", source, "False", "NotAllowed")
        assert [identity(account(fans, n)) for n in (source, one)] == kept


def test_two_documents_in_one_account(fans):
    source, one = pair(fans, "theirs")
    with run(fans):
        seal(fans, "first", source, [one], "builder")
        until(fans, one, ["theirs", "first"], ["first"])
        seal(fans, "second", source, [one], "builder")
        until(fans, one, ["theirs", "first", "second"], ["first", "second"])
        fans.api.delete(documents_path(source, "first"))
        until(fans, one, ["theirs", "second"], ["second"])
        gone(fans, "first", one)
        copied(fans, "second", source, one)


def test_a_local_document_decides_about_its_own_name(fans):
    source, one = pair(fans)
    with run(fans):
        seal(fans, "login", source, [one], "builder")
        until(fans, one, ["login"], ["login"])
        fans.put("login", {"own": "v" * 20}, one)
        fans.ready("login", one)
        until(fans, one, [])
        until(fans, source, ["login"], ["login"])


def test_a_document_elsewhere_takes_no_name_of_a_secret_that_is_still_there(fans):
    """Of two documents of one name one is gone, and its removal waits: its Secret stays named."""
    one, two, three = (fans.namespace() for _ in range(3))
    fans.map.write_text(yaml.safe_dump({n: {"namespaces": [three], "serviceAccounts": ["builder"]} for n in (one, two)}))
    for namespace in (one, two, three):
        make_account(fans, namespace)
    with fans.run("--fan-out", fans.map, "--settle", 600) as agent:
        token = "r" * 20
        for namespace in (one, two):
            text = fans.bulla("seal", "registry", "login", "-n", namespace, "--server", "registry.example.org", "--username", "u",
                              "--token-file", "-", "--service-accounts", "builder", "-r", fans.key, input=token.encode())
            fans.api.apply(yaml.safe_load(text))
            until(fans, namespace, ["login"], ["login"])
        before = identity(account(fans, one))
        fans.api.delete(documents_path(one, "login"))
        agent.wait_count("PendingRemoval", 1)
        seal(fans, "login", two, [three], "builder")
        until(fans, three, ["login"], ["login"])
        seal(fans, "login", two, [three], "other")
        until(fans, two, [])
        until(fans, three, [])
        assert identity(account(fans, one)) == before
        assert fans.api.get(f"/api/v1/namespaces/{one}/secrets/login", absent=True)


def test_a_document_that_cannot_be_opened_changes_no_account(fans):
    source, one = pair(fans)
    with run(fans):
        document = seal(fans, "login", source, [one], "builder")
        fanned(fans, "login", source, "True", "Applied", "2 of 2")
        before = [identity(account(fans, n)) for n in (source, one)]
        for part in document["spec"]["parts"].values():
            part["facts"]["service-accounts"] = "other"
        document["metadata"] = {k: document["metadata"][k] for k in ("name", "namespace", "annotations")}
        document.pop("status", None)
        fans.api.apply(document)
        fans.says("login", source, "Refused")
        assert [identity(account(fans, n)) for n in (source, one)] == before


def test_the_accounts_of_the_agent_are_never_touched(fans):
    one = fans.namespace()
    allow(fans, one, "*", serviceAccounts=["*"])
    fans.api.ensure("v1", "ServiceAccount", "kube-public", "builder")
    before = {n: identity(account(fans, n, a)) for n, a in ((SYSTEM, "bulla-agent"), ("kube-public", "builder"))}
    make_account(fans, one)
    with run(fans):
        seal(fans, "login", one, [SYSTEM, "kube-*"], "builder", "bulla-agent")
        until(fans, one, ["login"], ["login"])
        fanned(fans, "login", one, "False", "ServiceAccountMissing", f"{one}/bulla-agent")
        assert before == {n: identity(account(fans, n, a)) for n, a in ((SYSTEM, "bulla-agent"), ("kube-public", "builder"))}


def test_many_accounts(fans):
    """Several namespaces at once: each is written once."""
    source = fans.namespace()
    targets = [fans.namespace() for _ in range(20)]
    allow(fans, source, *targets, serviceAccounts=["builder"])
    for namespace in (source, *targets):
        make_account(fans, namespace, "builder", "theirs")
    with run(fans) as agent:
        before = agent.requests("PATCH")
        seal(fans, "login", source, targets, "builder")
        fanned(fans, "login", source, "True", "Applied", "21 of 21")
        assert agent.requests("PATCH") - before < 2 * 21
        fans.api.delete(documents_path(source, "login"))
        for namespace in (source, *targets):
            gone(fans, "login", namespace)
        assert all(listed(account(fans, n)) == ["theirs"] for n in targets)


# --- rights -------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def without(bed, verb, resource="serviceaccounts"):
    """The ClusterRole of the component without one verb."""
    role = next(o for o in yaml.safe_load_all((MANIFESTS / "components/fan-out/clusterrole.yaml").read_text())
                if o["kind"] == "ClusterRole")
    rule = next(r for r in role["rules"] if r["resources"] == [resource])
    full = list(rule["verbs"])

    def set_verbs(verbs):
        rule["verbs"] = verbs
        bed.api.apply(role)
        agent = bed.api.as_token(bed.token_file.read_text())
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {
            "resourceAttributes": {"resource": resource, "verb": verb}}}
        wait_for(lambda: agent.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
                 .body["status"]["allowed"] == (verb in verbs), 30, "RBAC")

    set_verbs([v for v in full if v != verb])
    try:
        yield lambda: set_verbs(full)
    finally:
        set_verbs(full)


def test_every_verb_on_accounts_is_tried():
    role = next(o for o in yaml.safe_load_all((MANIFESTS / "components/fan-out/clusterrole.yaml").read_text())
                if o["kind"] == "ClusterRole")
    assert {v for r in role["rules"] if "serviceaccounts" in r["resources"] for v in r["verbs"]} == {"get", "list", "watch", "patch"}


@pytest.mark.parametrize("verb", ["get", "patch"])
def test_missing_rights_are_told_in_fanned_out_only(fans, verb):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one, serviceAccounts=["builder"])
    theirs = make_account(fans, one, "builder", "theirs")
    make_account(fans, source)
    with without(fans, verb) as give_back:
        with run(fans):
            seal(fans, "login", source, [one], "builder")
            copied(fans, "login", source, one)
            document = fanned(fans, "login", source, "False", "Forbidden", f"{one}/builder (the agent may not")
            assert conditions(document)["Ready"]["status"] == "True" and "Stalled" not in conditions(document)
            assert identity(account(fans, one)) == identity(theirs)
        give_back()
        with run(fans):
            until(fans, one, ["theirs", "login"], ["login"])
            fanned(fans, "login", source, "True", "Applied", "2 of 2")


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_without_seeing_accounts_nothing_is_done_and_it_is_told(request, new_bed, verb):
    """The list is what a server without streaming lists is asked for, so that one is tried on the older version."""
    fans = with_map(new_bed(request.getfixturevalue("older_control_plane") if verb == "list" else None))  # noqa: F811
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one, serviceAccounts=["builder"])
    theirs = make_account(fans, one, "builder", "theirs")
    make_account(fans, source)
    with without(fans, verb) as give_back:
        with run(fans):
            seal(fans, "login", source, [one], "builder")
            copied(fans, "login", source, one)
            fanned(fans, "login", source, "False", "Forbidden", f"{one}/builder (the agent may not")
            assert identity(account(fans, one)) == identity(theirs)
            # and nothing else waits for it
            fans.api.delete(documents_path(source, "login"))
            gone(fans, "login", one)
            gone(fans, "login", source)
        give_back()
        with run(fans):
            seal(fans, "login", source, [one], "builder")
            until(fans, one, ["theirs", "login"], ["login"])


def test_a_right_that_was_taken_away_holds_up_no_secret(fans):
    """The Secret of a document that is gone goes though the account cannot be changed any more."""
    source = fans.namespace()
    allow(fans, source, "nowhere", serviceAccounts=["builder"])
    make_account(fans, source)
    with run(fans):
        seal(fans, "login", source, ["nowhere"], "builder")
        until(fans, source, ["login"], ["login"])
        with without(fans, "patch"):
            fans.api.delete(documents_path(source, "login"))
            gone(fans, "login", source)


@contextlib.contextmanager
def unchangeable(bed, namespace):
    """The server refuses each change of the accounts there, which is no matter of rights."""
    name, api = f"unchangeable-{namespace}", "admissionregistration.k8s.io/v1"
    policy = {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"],
                                                "resources": ["serviceaccounts"]}]},
        "matchConditions": [{"name": "there", "expression": f"object.metadata.namespace == '{namespace}'"}],
        "validations": [{"expression": "false", "reason": "Invalid", "message": "not now"}]}}
    binding = {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
               "spec": {"policyName": name, "validationActions": ["Deny"]}}

    def refused():
        return bed.api.request("PATCH", accounts_path(namespace, "builder"), {"metadata": {"labels": {"a": "b"}}}, {"dryRun": "All"},
                               content_type=MERGE, expect=None).status == 422

    for thing in (policy, binding):
        bed.api.apply(thing)
    try:
        wait_for(refused, 60, "the policy")
        yield
    finally:
        for thing in (binding, policy):
            bed.api.delete(bed.api.path_of(thing))
        wait_for(lambda: not refused(), 60, "no policy")


def test_an_account_that_cannot_be_changed_holds_its_secret_quietly(fans):
    source = fans.namespace()
    allow(fans, source, "nowhere", serviceAccounts=["builder"])
    make_account(fans, source)
    with run(fans) as agent:
        seal(fans, "login", source, ["nowhere"], "builder")
        until(fans, source, ["login"], ["login"])
        with unchangeable(fans, source):
            fans.api.delete(documents_path(source, "login"))
            told = "Secret of a document that is gone stays while a service account names it that cannot be changed just now"
            agent.wait_log(msg=told, namespace=source, name="login", account="builder")
            before = agent.requests("GET")
            time.sleep(4)
            # the account is tried again now and then, and nothing else is asked for
            assert agent.requests("GET") - before <= 8
            assert len(agent.matching(msg=told)) == 1
            assert fans.api.get(f"/api/v1/namespaces/{source}/secrets/login", absent=True)
        gone(fans, "login", source, seconds=60)
        assert listed(account(fans, source)) == noted(account(fans, source)) == []


def test_a_secret_goes_though_namespaces_cannot_be_seen(fans):
    source = fans.namespace()
    allow(fans, source, "nowhere", serviceAccounts=["builder"])
    make_account(fans, source)
    with run(fans):
        seal(fans, "login", source, ["nowhere"], "builder")
        until(fans, source, ["login"], ["login"])
    with without(fans, "watch", "namespaces"), run(fans):
        fans.api.delete(documents_path(source, "login"))
        gone(fans, "login", source)
        assert listed(account(fans, source)) == noted(account(fans, source)) == []


def test_a_foreign_secret_is_named_in_no_account(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one, serviceAccounts=["builder"])
    theirs = make_account(fans, one)
    make_account(fans, source)
    foreign(fans, one)
    with run(fans):
        seal(fans, "login", source, [one], "builder")
        until(fans, source, ["login"], ["login"])
        fanned(fans, "login", source, "False", "Foreign", one)
        assert identity(account(fans, one)) == identity(theirs)

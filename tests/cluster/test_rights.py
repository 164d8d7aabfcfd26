# SPDX-License-Identifier: Apache-2.0
"""The ClusterRole is minimal: each verb is taken away, what stops is shown, and an agent that has it does it."""
import copy
import re

import pytest
import yaml

import controlplane
from agentbed import ACCOUNT, MANIFESTS, SYSTEM, Bed, documents_path, value
from processes import wait_for

ROLE = next(o for o in yaml.safe_load_all((MANIFESTS / "base/clusterrole.yaml").read_text()) if o["kind"] == "ClusterRole")
QUIET = 3  # seconds in which what was taken away does not happen; with the verb it takes less than one


@pytest.fixture(scope="module")
def plane(programs, tmp_path_factory):
    """Of its own: the role is changed under the agent."""
    with controlplane.ControlPlane(tmp_path_factory.mktemp("rights"), programs) as plane:
        yield plane


@pytest.fixture(scope="module")
def older_plane(older_programs, tmp_path_factory):
    with controlplane.ControlPlane(tmp_path_factory.mktemp("older-rights"), older_programs) as plane:
        yield plane


def allowed(plane, group, resource, verb):
    """Whether the server lets the agent's account."""
    resource, _, subresource = resource.partition("/")
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
        "user": f"system:serviceaccount:{SYSTEM}:{ACCOUNT}", "groups": ["system:serviceaccounts", "system:authenticated"],
        "resourceAttributes": {"group": group, "resource": resource, "subresource": subresource, "verb": verb,
                               "name": "sealedcredentials.bulla.dev", "namespace": "" if resource == "customresourcedefinitions" else "x"}}}
    return plane.admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review).body["status"]["allowed"]


def set_role(plane, without=None):
    """The role as it is in the manifests, or without one verb on one resource; until the server goes by it."""
    role = copy.deepcopy(ROLE)
    for rule in role["rules"]:
        if without and without[0] in rule["resources"]:
            assert len(rule["resources"]) == 1
            rule["verbs"].remove(without[1])
    role["rules"] = [r for r in role["rules"] if r["verbs"]]
    plane.admin.apply(role)
    for rule in ROLE["rules"]:
        for verb in rule["verbs"]:
            wanted = (rule["resources"][0], verb) != without
            wait_for(lambda: allowed(plane, rule["apiGroups"][0], rule["resources"][0], verb) == wanted, 30, "RBAC")  # noqa: B023


def never(check):
    """check() stays false for a while."""
    with pytest.raises(TimeoutError):
        wait_for(check, QUIET, "what was taken away", pause=0.1)


class Make:
    """A new document becomes a Secret."""

    def prepare(self, bed, ns):
        pass

    def act(self, bed, ns):
        bed.put("doc", {"v": value()}, ns)

    def again(self, bed, ns):
        """With the verb, where what was missed is not made up for."""

    def done(self, bed, ns):
        return bed.secret("doc", ns) == bed.sealed["doc", ns]


class Update(Make):
    """A changed document changes its Secret."""

    def prepare(self, bed, ns):
        bed.put("doc", {"v": value()}, ns)
        bed.ready("doc", ns)


class Tell(Make):
    """A document is told that it is applied."""

    def done(self, bed, ns):
        return bed.document("doc", ns)["status"]["observedGeneration"] == 1


class Remove(Update):
    """A document that was deleted takes its Secret along."""

    def act(self, bed, ns):
        bed.api.delete(documents_path(ns, "doc"))

    def done(self, bed, ns):
        return bed.secret_object("doc", ns) is None


class Event(Make):
    """A document whose Secret is somebody else's is told of by an Event; once, so what was refused is not told later."""

    def act(self, bed, ns, name="doc"):
        bed.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": ns}})
        bed.put(name, {"v": value()}, ns)

    def again(self, bed, ns):
        self.act(bed, ns, "another")

    def done(self, bed, ns):
        return any(e["reason"] == "Foreign" for e in bed.api.list(f"/apis/events.k8s.io/v1/namespaces/{ns}/events"))


# (resource, verb): what stops, and what the document says meanwhile
CASES = {
    ("sealedcredentials", "list"): (Make, None),
    ("sealedcredentials", "watch"): (Make, None),
    ("sealedcredentials", "get"): (Remove, None),
    ("sealedcredentials/status", "patch"): (Tell, None),
    ("secrets", "create"): (Make, "Forbidden"),
    ("secrets", "patch"): (Update, "Forbidden"),
    ("secrets", "delete"): (Remove, None),
    ("namespaces", "get"): (Remove, None),
    ("customresourcedefinitions", "get"): (Remove, None),
    ("events", "create"): (Event, None),
}
# it tells of the same again within minutes (tests/cluster/test_kube_watch.py has that)
UNTRIED = {("events", "patch")}


def test_every_verb_is_tried():
    granted = {(resource, verb) for rule in ROLE["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert granted == set(CASES) | UNTRIED


@pytest.mark.parametrize("taken", CASES, ids=lambda t: f"{t[1]}-{t[0].replace('/', '-')}")
def test_without_a_verb_something_stops(request, tmp_path, taken):
    """The list is what a server without streaming lists is asked for, so that one is tried on the older version."""
    plane = request.getfixturevalue("older_plane" if taken[1] == "list" else "plane")
    kind, reason = CASES[taken]
    work = kind()
    with Bed(plane, tmp_path / "bed") as bed:
        ns = bed.namespace()
        try:
            with bed.run("--settle", 0):
                work.prepare(bed, ns)
                if kind is Remove:
                    # one that was not there when the document went could not know of it
                    stops(plane, bed, ns, work, taken)
                    set_role(plane)
                    wait_for(lambda: work.done(bed, ns), 120, f"what {taken[1]} on {taken[0]} is for", pause=0.1)
            if kind is not Remove:
                set_role(plane, taken)  # before it starts: a watch that is open goes on
                with bed.run("--settle", 0, wait=False):
                    stops(plane, bed, ns, work, taken)
                    if reason:
                        bed.says("doc", ns, reason, "RoleBinding")
                # started anew, because how long one that was refused waits is another matter
                set_role(plane)
                with bed.run("--settle", 0):
                    work.again(bed, ns)
                    wait_for(lambda: work.done(bed, ns), 60, f"what {taken[1]} on {taken[0]} is for", pause=0.1)
        finally:
            set_role(plane)


def stops(plane, bed, ns, work, taken):
    set_role(plane, taken)
    work.act(bed, ns)
    never(lambda: work.done(bed, ns))


# --- the Roles --------------------------------------------------------------------------------------------

OWN = next(o for o in yaml.safe_load_all((MANIFESTS / "base/role.yaml").read_text()) if o["kind"] == "Role" and o["metadata"]["name"] == "bulla-agent")
SERVED = next(o for o in yaml.safe_load_all((MANIFESTS / "served-namespace/role.yaml").read_text()) if o["kind"] == "Role")
DEPLOYMENT = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/bulla-agent"
METHODS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def granted(role):
    return {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


def used(proxy, namespace):
    """{(resource, verb)} of the requests in a namespace.  One in which it is itself the name counts as well."""
    found = set()
    for request in proxy.requests():
        within = re.fullmatch(rf"/apis?/.*?namespaces/{namespace}(?:/([^/]+)(?:/([^/]+)(/status)?)?)?", request.path)
        if not within:
            continue
        resource, name, status = within.groups()
        if resource is None:
            resource, name = "namespaces", namespace
        if request.method == "GET":
            verb = "watch" if request.watch else "get" if name else "list"
        else:
            verb = METHODS[request.method]
        found.add((resource + (status or ""), verb))
        if resource == "configmaps" and verb == "patch":
            found.add((resource, "create"))  # an apply of what is not there (Bed.forget) is both
    return found


@pytest.mark.parametrize("install", ["cluster", "namespaces"])
def test_each_right_in_a_namespace_is_used(older_plane, new_fault_proxy, tmp_path, install):
    """What is granted and never asked for, needs not be granted.  On the older version, which has no streaming lists."""
    proxy = new_fault_proxy(plane=older_plane)
    with Bed(older_plane, tmp_path / "bed", install=install, proxy=proxy) as bed:
        ns = bed.namespace()
        with bed.run("--settle", 0) as agent:
            bed.put_many([f"d{i}" for i in range(6)], ns)
            bed.all_ready(ns)
            bed.put("d0", {"v": value()}, ns)
            bed.ready("d0", ns)
            bed.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "namespace": ns}})
            bed.put("theirs", {"v": value()}, ns)
            bed.says("theirs", ns, "Foreign")
            for i in range(6):
                bed.api.delete(documents_path(ns, f"d{i}"))
            token = agent.wait_log(msg=re.compile("too many documents are gone at once"))["token"]
            bed.api.patch(DEPLOYMENT, {"metadata": {"annotations": {"bulla.dev/release-removals": token}}})
            wait_for(lambda: not bed.secrets(ns), 60, "the released removals")
            wait_for(lambda: ("deployments", "patch") in used(proxy, SYSTEM), 30, "the annotation taken away")
            wait_for(lambda: proxy.count("PUT", "/leases/"), 30, "the lease renewed")
            wait_for(lambda: ("events", "create") in used(proxy, SYSTEM), 30, "the Event")
        unused = granted(OWN) - used(proxy, SYSTEM) - UNTRIED
        # this install watches the Secrets instead of remembering them
        assert unused == ({("configmaps", "get")} if install == "namespaces" else set())
        if install == "namespaces":
            assert granted(SERVED) - used(proxy, ns) - UNTRIED == set()


def test_without_its_policy_it_writes_nothing_and_with_it_goes_on_soon(plane, tmp_path):
    """As in an install, which applies both at once."""
    policy = MANIFESTS / "base/policy.yaml"
    with Bed(plane, tmp_path / "bed") as bed:
        ns, path = bed.namespace(), "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/bulla-agent-bounds"
        bed.api.delete(path)
        wait_for(lambda: not bed._policy_holds(), 30, "no policy")
        try:
            with bed.run(wait=False) as agent:
                bed.put("login", {"v": value()}, ns)
                # the second time it has asked again
                wait_for(lambda: len(agent.matching(msg=re.compile("no policy bounds the agent"))) >= 2, 20, "told")
                assert bed.secret("login", ns) is None
                bed.api.apply_file(policy)
                bed.ready("login", ns, seconds=15)
        finally:
            bed.api.apply_file(policy)

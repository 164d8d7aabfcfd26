# SPDX-License-Identifier: Apache-2.0
"""manifests/ on a real API server: accepted strictly, and what the CRD, the rights and the policies let through."""
import re
import uuid

import pytest
import yaml

import controlplane
import need
from manifests import (ADOPT, APPLY, CRD, JSON_PATCH, MANIFESTS, MERGE, OWNER, PLAINTEXT, apply_strictly, changed, example,
                       key, kustomize, overlay, secret, secret_path, status_of)
from processes import wait_for

COMPONENTS = {
    "fan-out": {"files": {"fan-out.yaml": "{}\n"}, "configMapGenerator": [
        {"name": "bulla-fan-out", "namespace": "bulla-system", "files": ["fan-out.yaml"]}]},
    "flux": {}, "key-generation": {}, "recipients": {},
    "namespaces": {"configMapGenerator": [
        {"name": "bulla-namespaces", "namespace": "bulla-system", "literals": ["namespaces=served"]}]},
}


def build(programs, folder, *names):
    more = {"files": {}, "configMapGenerator": []}
    for name in names:
        more["files"].update(COMPONENTS[name].get("files", {}))
        more["configMapGenerator"] += COMPONENTS[name].get("configMapGenerator", [])
    return kustomize(programs["kubectl"], overlay(folder, components=[f"components/{n}" for n in names], **more))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kustomize")


@pytest.fixture(scope="module")
def plane(programs, folder, tmp_path_factory):
    """A control plane with the cluster install and all it can be given; of this module alone."""
    with controlplane.ControlPlane(tmp_path_factory.mktemp("manifests"), programs) as plane:
        apply_strictly(plane.admin, build(programs, folder, "fan-out", "flux", "key-generation", "recipients"))
        for name in ("web", "other", "team-a"):
            plane.admin.ensure("v1", "Namespace", None, name)
        yield plane


@pytest.fixture(scope="module")
def admin(plane):
    return plane.admin


@pytest.fixture(scope="module")
def agent(plane, admin):
    """The agent's own token, once the policies are in force (the server takes them up by a watch)."""
    agent = plane.account("bulla-system", "bulla-agent")
    admin.create(secret("web", "probe", key="x"))
    wait_for(lambda: in_force(agent), 60, "the policy")
    return agent


def in_force(agent, path=secret_path("web", "probe")):
    status, text = status_of(agent.request, "PATCH", path, {}, content_type=MERGE)
    assert status == 403 and "ValidatingAdmissionPolicy" in text, text
    return True


# --- everything is accepted -----------------------------------------------------------------------------

@pytest.mark.parametrize("names", [[], *[[n] for n in COMPONENTS], ["namespaces", "flux"]], ids="+".join)
def test_base_and_components_are_accepted(programs, plane, folder, names):
    """With fieldValidation=Strict; nothing is stored, so that the tests below see one install."""
    for thing in build(programs, folder, *names):
        answer = plane.admin.request("PATCH", plane.admin.path_of(thing), thing, {
            "fieldManager": "tests", "force": "true", "fieldValidation": "Strict", "dryRun": "All"}, content_type=APPLY)
        assert answer.headers.get("Warning") is None, (key(thing), answer.headers["Warning"])


def test_served_namespace_is_accepted(programs, plane, folder, admin):
    objects = kustomize(programs["kubectl"], overlay(folder, base="served-namespace", namespace="team-a"))
    assert [key(o)[:2] for o in objects] == [("Role", "team-a"), ("RoleBinding", "team-a")]
    assert objects[1]["subjects"] == [{"kind": "ServiceAccount", "name": "bulla-agent", "namespace": "bulla-system"}]


def test_monitoring_component_builds(programs, folder):
    objects = kustomize(programs["kubectl"], overlay(folder, components=["monitoring"]))
    kinds = {o["kind"] for o in objects}
    assert {"PrometheusRule", "PodMonitor"} < kinds
    [dashboard] = [o for o in objects if o["kind"] == "ConfigMap"]
    assert dashboard["data"]["bulla.json"] == (MANIFESTS / "monitoring/dashboard.json").read_text()


def test_namespaces_install_has_no_cluster_rights(programs, folder):
    objects = build(programs, folder, "namespaces")
    assert not [o for o in objects if o["kind"] in ("ClusterRole", "ClusterRoleBinding")]
    [deployment] = [o for o in objects if o["kind"] == "Deployment"]
    net = next(c for c in deployment["spec"]["template"]["spec"]["containers"] if c["name"] == "net")
    assert net["args"][-2:] == ["--namespaces", "$(BULLA_NAMESPACES)"]
    [options] = [o for o in objects if o["kind"] == "ConfigMap"]
    given = next(e for e in net["env"] if e["name"] == "BULLA_NAMESPACES")["valueFrom"]["configMapKeyRef"]
    assert given["name"] == options["metadata"]["name"] and options["data"] == {"namespaces": "served"}
    # kustomize renames in rules too what it takes for a generated ConfigMap
    base = yaml.safe_load_all((MANIFESTS / "base/role.yaml").read_text())
    assert [o["rules"] for o in objects if o["kind"] == "Role"] == [o["rules"] for o in base if o["kind"] == "Role"]


def test_pods_pass_pod_security_restricted(admin):
    """By the server's own admission, in the namespace as it is made by the base."""
    pods = [admin.get("/apis/apps/v1/namespaces/bulla-system/deployments/bulla-agent"),
            admin.get("/apis/batch/v1/namespaces/bulla-system/jobs/bulla-keygen")]
    for owner in pods:
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": owner["spec"]["template"]["spec"],
               "metadata": {"name": owner["metadata"]["name"], "namespace": "bulla-system"}}
        answer = admin.request("POST", "/api/v1/namespaces/bulla-system/pods", pod, {"dryRun": "All", "fieldValidation": "Strict"})
        assert answer.headers.get("Warning") is None
        loose = changed(pod, "spec", "securityContext", "seccompProfile", drop=True)
        status, text = status_of(admin.request, "POST", "/api/v1/namespaces/bulla-system/pods", loose, {"dryRun": "All"})
        assert status == 403 and "seccompProfile" in text
    assert pods[0]["spec"]["template"]["spec"]["priorityClassName"] == "bulla-agent"


# --- the CRD ------------------------------------------------------------------------------------------

@pytest.fixture(scope="module", params=["latest", "older"])
def either(request, programs, folder, tmp_path_factory):
    """A control plane of each version with everything installed, and namespaces team-a and web."""
    if request.param == "latest":
        yield request.getfixturevalue("plane")
        return
    found = {**programs, **need.programs("older")}
    with controlplane.ControlPlane(tmp_path_factory.mktemp("older"), found, controller_manager=False) as older:
        apply_strictly(older.admin, build(programs, folder, "fan-out", "flux", "key-generation", "recipients"))
        for name in ("team-a", "web"):
            older.admin.ensure("v1", "Namespace", None, name)
        yield older


@pytest.fixture(scope="module")
def documents(either):
    return either.admin


def offer(api, document):
    """Create it as a dry run, strictly: status and text of the answer."""
    return status_of(api.request, "POST", f"/apis/bulla.dev/v1/namespaces/{document['metadata']['namespace']}/sealedcredentials",
                     document, {"dryRun": "All", "fieldValidation": "Strict"})


def test_example_of_the_format_is_accepted(documents):
    status, text = offer(documents, example())
    assert status == 201, text


def part(document):
    return document["spec"]["parts"]["NO"]


IDS = {"a": "0" * 32, "b": "1" * 32}
P = PLAINTEXT

# name: (path, what is put there, a word of the refusal)
BROKEN = {
    "no spec": (["spec"], None, "spec"),
    "kind": (["spec", "kind"], P, "is not a kind of credential"),
    "kind of another shape": (["spec", "kind"], "registry", "is not a Secret type of this kind"),
    "no kind": (["spec", "kind"], None, "Required value"),
    "policy": (["spec", "deletionPolicy"], P, "is neither Delete nor Retain"),
    "no secret": (["spec", "secret"], None, "Required value"),
    "type": (["spec", "secret", "type"], P, "is not a Secret type of this kind"),
    "type of a token": (["spec", "secret", "type"], "kubernetes.io/service-account-token", "is not a Secret type"),
    "key of a label": (["spec", "secret", "labels"], {f"{P} x": "a"}, "the key of a label"),
    "label of another": (["spec", "secret", "labels"], {"reflector.v1.k8s.emberstack.com/a": P}, "belongs to Kubernetes"),
    "label of Helm": (["spec", "secret", "labels"], {"app.kubernetes.io/managed-by": P}, "belongs to Kubernetes"),
    "value of a label": (["spec", "secret", "labels"], {"a": f"{P} x"}, "the value of a label"),
    "long value of a label": (["spec", "secret", "labels"], {"a": P * 5}, "Too long"),
    "many labels": (["spec", "secret", "labels"], {f"a{i}": P for i in range(33)}, "32"),
    "key of an annotation": (["spec", "secret", "annotations"], {f"/{P}": "a"}, "the key of an annotation"),
    "annotation of Bulla": (["spec", "secret", "annotations"], {"bulla.dev/x": P}, "belongs to Kubernetes"),
    "annotation below": (["spec", "secret", "annotations"], {"a.kubernetes.io/x": P}, "belongs to Kubernetes"),
    "long annotation": (["spec", "secret", "annotations"], {"a": P * 400}, "Too long"),
    "no parts": (["spec", "parts"], {}, "at least 1 properties"),
    "name of a part": (["spec", "parts", "a b"], "SAME", "data key"),
    "part above": (["spec", "parts", "..a"], "SAME", "data key"),
    "credential beside another": (["spec", "parts", "credential"], "SAME", "every kind but opaque"),
    "field of a part": (["spec", "parts", "NO", "plain"], P, "unknown field"),
    "field": (["spec", "plain"], P, "unknown field"),
    "plaintext": (["spec", "parts", "NO", "sealed"], P, "is not an armored age file"),
    "number": (["spec", "parts", "NO", "sealed"], 8765432123, "must be of type string"),
    "list": (["spec", "parts", "NO", "sealed"], [P], "must be of type string"),
    "no sealed": (["spec", "parts", "NO", "sealed"], None, "Required value"),
    "large": (["spec", "parts", "NO", "sealed"], "-----BEGIN AGE ENCRYPTED FILE-----" + P * 90000, "Too long"),
    "no recipients": (["spec", "parts", "NO", "recipients"], None, "Required value"),
    "nobody": (["spec", "parts", "NO", "recipients"], {}, "at least 1 properties"),
    "many recipients": (["spec", "parts", "NO", "recipients"], {f"a{i}": f"{i:032x}" for i in range(33)}, "32"),
    "name of a recipient": (["spec", "parts", "NO", "recipients"], {P.upper(): "0" * 32}, "is a DNS label"),
    "key id": (["spec", "parts", "NO", "recipients"], {"a": P}, "32 lower-case hexadecimal digits"),
    "key id in capitals": (["spec", "parts", "NO", "recipients"], {"a": "A" * 32}, "32 lower-case hexadecimal digits"),
    "long key id": (["spec", "parts", "NO", "recipients"], {"a": P * 4}, "Too long"),
    "key id twice": (["spec", "parts", "NO", "recipients"], {**IDS, "c": "1" * 32}, "a key id stands twice"),
    "another's key id as name": (["spec", "parts", "NO", "recipients"], {"2" * 32: "3" * 32}, "is not that key"),
    "no facts": (["spec", "parts", "NO", "facts"], None, "Required value"),
    "no sealed-at": (["spec", "parts", "NO", "facts", "sealed-at"], None, "sealed-at is missing"),
    "fact of another kind": (["spec", "parts", "NO", "facts", "url"], P, "a fact is not one of this kind"),
    "no fact at all": (["spec", "parts", "NO", "facts", P], "x", "a fact is not one of this kind"),
    "empty fact": (["spec", "parts", "NO", "facts", "namespaces"], "", "printable ASCII"),
    "line in a fact": (["spec", "parts", "NO", "facts", "namespaces"], f"{P}\nx", "printable ASCII"),
    "letters in a fact": (["spec", "parts", "NO", "facts", "namespaces"], f"{P}\u00e9", "printable ASCII"),
    "long fact": (["spec", "parts", "NO", "facts", "namespaces"], P * 90, "Too long"),
    "no time": (["spec", "parts", "NO", "facts", "not-after"], P, "are times like"),
    "thirteenth month": (["spec", "parts", "NO", "facts", "not-after"], "2026-13-01T00:00:00Z", "are times like"),
    "time of a zone": (["spec", "parts", "NO", "facts", "sealed-at"], "2026-11-23T08:00:00+01:00", "are times like"),
    "many signatures": (["spec", "signatures"], [P] * 9, "8"),
    "empty signature": (["spec", "signatures"], [""], "at least 1 chars"),
    "long signature": (["spec", "signatures"], [P * 400], "Too long"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_each_broken_rule_is_refused_and_nothing_repeated(documents, case):
    path, value, word = BROKEN[case]
    document = example()
    value = part(document) if value == "SAME" else value
    status, text = offer(documents, changed(document, *path, to=value, drop=value is None))
    assert status in (400, 422), text
    assert word in text
    # keys are names and may be told; values never
    for said in (P, P.upper(), "8765432123"):
        assert said not in text or said in str(path) or isinstance(value, dict) and any(said in k for k in value), text


def test_too_many_parts_are_refused(documents):
    document = example()
    many = {f"p{i}": part(document) for i in range(257)}
    status, text = offer(documents, changed(document, "spec", "parts", to=many))
    assert status == 422 and "256" in text
    del many["p256"]
    status, text = offer(documents, changed(document, "spec", "parts", to=many))
    assert status == 201, text


def test_rules_let_through_what_the_format_allows(documents):
    """The far ends of each field."""
    document = example()
    document["metadata"].update(name="a" * 253)
    document["spec"].update(deletionPolicy="Retain", signatures=["s" * 4096] * 8)
    document["spec"]["secret"].update(
        labels={"a" * 63: "b" * 63, "app.kubernetes.io/name": "x", "x.example/y": "", "kubernetes.io.example/z": "1"},
        annotations={f"{'a.' * 126}a/{'n' * 63}": "\u00e9" * 4096})
    facts = {"sealed-at": "0000-01-01T00:00:00Z", "not-after": "9999-12-31T23:59:59Z", "namespaces": "~" * 1024,
             "service-accounts": " ", "aliases": "a=b"}
    document["spec"]["parts"] = {"a" * 253: {**part(document), "facts": facts, "recipients": {
        "a" * 63: "0" * 32, "f" * 32: "f" * 32, **{f"r{i}": f"{i + 1:032x}" for i in range(30)}}}}
    status, text = offer(documents, document)
    assert status == 201, text


def test_status_waits_for_an_agent(programs, plane, admin):
    """A document is not ready before an agent has looked, its columns show what the status says."""
    made = admin.create(example())
    assert made["status"] == {"observedGeneration": -1}
    path = admin.path_of(example())
    status = {"observedGeneration": 1, "digest": "a" * 64, "keys": ["0" * 32], "notAfter": "2027-01-31T23:59:59Z",
              "applied": "uid/123", "conditions": [
                  {"type": "Ready", "status": "False", "reason": "NoKey", "message": "Not sealed to us.",
                   "lastTransitionTime": "2026-11-25T08:00:00Z", "observedGeneration": 1}]}
    body = {"apiVersion": "bulla.dev/v1", "kind": "SealedCredential",
            "metadata": {"name": "api-env", "namespace": "team-a", "resourceVersion": made["metadata"]["resourceVersion"]},
            "status": status}
    agent = plane.account("bulla-system", "bulla-agent")
    query = {"fieldManager": "bulla-agent-status", "force": "true", "fieldValidation": "Strict"}
    agent.request("PATCH", f"{path}/status", body, query, content_type=APPLY)
    header, row = plane.kubectl("get", "sealed", "-n", "team-a").splitlines()
    assert header.split() == ["NAME", "KIND", "READY", "REASON", "EXPIRES", "AGE"]
    assert row.split()[:5] == ["api-env", "opaque", "False", "NoKey", "2027-01-31T23:59:59Z"]
    wide = plane.kubectl("get", "sealed", "-n", "team-a", "-o", "wide")
    assert "Not sealed to us." in wide and "a" * 64 in wide
    # the same resourceVersion a second time is a conflict: what was decided on is no longer there
    again, _ = status_of(agent.request, "PATCH", f"{path}/status", changed(body, "status", "digest", to="b" * 64), query,
                         content_type=APPLY)
    assert again == 409
    assert plane.kubectl("wait", "sealed/api-env", "-n", "team-a", "--for=condition=Ready", "--timeout=1s", check=False).returncode == 1
    status["conditions"][0].update(status="True", reason="Applied", message="The Secret is what the document says.")
    del body["metadata"]["resourceVersion"]
    agent.request("PATCH", f"{path}/status", body, query, content_type=APPLY)
    plane.kubectl("wait", "sealed/api-env", "-n", "team-a", "--for=condition=Ready", "--timeout=10s")
    # the agent writes the status and nothing else of it
    for wrong in (path, f"{path}/scale"):
        status, _ = status_of(agent.request, "PATCH", wrong, {"spec": {"deletionPolicy": "Retain"}}, content_type=MERGE)
        assert status in (403, 404)
    admin.delete(path)


def test_document_is_found_by_kind_and_category(plane, admin):
    admin.create(example())
    for wanted, query in ((1, "spec.kind=opaque"), (0, "spec.kind=registry"), (1, "spec.secret.type=Opaque")):
        assert len(admin.list("/apis/bulla.dev/v1/sealedcredentials", fieldSelector=query)) == wanted
    assert "api-env" in plane.kubectl("get", "bulla", "-A")
    admin.delete(admin.path_of(example()))


def test_short_name_is_free(plane):
    """No other resource of this server answers to it."""
    rows = [line.split() for line in plane.kubectl("api-resources", "--no-headers").splitlines()]
    assert [r[0] for r in rows if "sealed" in r[1].split(",")] == ["sealedcredentials"]


def test_apply_replaces_a_document_whole(admin):
    """What one manager left out stays out, whoever else has had a hand in it."""
    document = example()
    admin.apply(document, "somebody")
    two = changed(document, "spec", "parts", "YES", to=part(document))
    admin.apply(two, "somebody")
    admin.apply(document, "flux")
    assert list(admin.get(admin.path_of(document))["spec"]["parts"]) == ["NO"]
    admin.delete(admin.path_of(document))


def test_policies_hold_on_both_versions(either):
    agent = either.account("bulla-system", "bulla-agent")
    either.admin.ensure("v1", "Secret", "web", "theirs")
    for path in (secret_path("bulla-system", "bulla-canary"), secret_path("web", "theirs")):
        wait_for(lambda: in_force(agent, path), 60, "the policy")  # noqa: B023
    agent.request("POST", secret_path("web", "")[:-1], secret("web", "ours", "web/ours", a="1"))
    agent.request("PATCH", secret_path("web", "ours"), [{"op": "add", "path": "/data", "value": {"b": "Mg=="}}], content_type=JSON_PATCH)
    assert either.admin.get(secret_path("web", "ours"))["data"] == {"b": "Mg=="}
    agent.request("DELETE", secret_path("web", "ours"))
    either.admin.ensure("v1", "ServiceAccount", "web", "puller")
    account = "/api/v1/namespaces/web/serviceaccounts/puller"
    wait_for(lambda: check_refused(agent, account, label()), 60, "the policy")
    agent.patch(account, {"imagePullSecrets": [{"name": "ghcr"}], "metadata": {"annotations": {"bulla.dev/pull-secrets": "ghcr"}}})
    deployment = "/apis/apps/v1/namespaces/bulla-system/deployments/bulla-agent"
    wait_for(lambda: check_refused(agent, deployment, label()), 60, "the policy")


def label():
    """Another one each time: what changes nothing is let through, and the first may come before the policy."""
    return {"metadata": {"labels": {"probe": uuid.uuid4().hex}}}


def check_refused(agent, path, body):
    status, text = status_of(agent.request, "PATCH", path, body, content_type=MERGE)
    assert status == 403 and "ValidatingAdmissionPolicy" in text, text
    return True


# --- what the agent's token may do ----------------------------------------------------------------------

def test_agent_reads_no_secret(agent, admin):
    admin.create(secret("bulla-system", "bulla-sealing-keys", key=PLAINTEXT))
    for namespace in ("bulla-system", "web", "kube-system"):
        for path in (secret_path(namespace, "bulla-sealing-keys"), secret_path(namespace, "")[:-1],
                     secret_path(namespace, "")[:-1] + "?watch=1"):
            assert status_of(agent.request, "GET", path)[0] == 403
    for name in ("bulla-sealing-keys", "bulla-canary"):
        tests = [{"op": "test", "path": "/type", "value": "Opaque"}]
        for body, kind in (({}, MERGE), ([], JSON_PATCH), (tests, JSON_PATCH), (secret("bulla-system", name, "a/b"), APPLY)):
            for query in ({}, {"dryRun": "All"}):
                force = {"fieldManager": "x", "force": "true"} if kind == APPLY else {}
                status, text = status_of(agent.request, "PATCH", secret_path("bulla-system", name), body, {**query, **force},
                                         content_type=kind)
                assert status == 403 and PLAINTEXT not in text, (body, query, name, status)
    for verb, path in (("DELETE", secret_path("bulla-system", "bulla-sealing-keys")), ("DELETE", secret_path("web", "")[:-1])):
        assert status_of(agent.request, verb, path)[0] == 403


def test_canary_is_refused_by_the_policy_and_not_by_missing_rights(agent):
    status, text = status_of(agent.request, "PATCH", secret_path("bulla-system", "bulla-canary"), {}, {"dryRun": "All"},
                             content_type=MERGE)
    assert status == 403 and "ValidatingAdmissionPolicy 'bulla-agent-bounds'" in text


FOREIGN = [
    ("PATCH {}", "PATCH", {}, MERGE, {}),
    ("PATCH {} as a dry run", "PATCH", {}, MERGE, {"dryRun": "All"}),
    ("tests alone", "PATCH", [{"op": "test", "path": "/type", "value": "Opaque"}], JSON_PATCH, {}),
    ("a mark set by itself", "PATCH", {"metadata": {"annotations": {OWNER: "web/db"}}}, MERGE, {}),
    ("both marks set by itself", "PATCH", {"metadata": {"annotations": {OWNER: "web/db", ADOPT: "web/db"}}}, MERGE, {}),
    ("forced apply", "PATCH", secret("web", "db", "web/db"), APPLY, {"fieldManager": "x", "force": "true"}),
    ("DELETE", "DELETE", None, MERGE, {}),
    ("DELETE as a dry run", "DELETE", {"dryRun": ["All"]}, "application/json", {}),
]


@pytest.mark.parametrize("case", FOREIGN, ids=[c[0] for c in FOREIGN])
def test_foreign_secret_is_out_of_reach(agent, admin, case):
    _, verb, body, kind, query = case
    admin.ensure("v1", "Secret", "web", "db", stringData={"db": PLAINTEXT})
    status, text = status_of(agent.request, verb, secret_path("web", "db"), body, query, content_type=kind)
    assert status == 403 and PLAINTEXT not in text
    found = admin.get(secret_path("web", "db"))
    assert OWNER not in found["metadata"].get("annotations", {}) and list(found["data"]) == ["db"]


MADE = [
    ("its own", secret("web", "a", "web/a", x="1"), 201),
    ("a copy in another namespace", secret("other", "a", "web/a", x="1"), 201),
    ("without a mark", secret("web", "b", x="1"), 403),
    ("with the mark of adoption alone", secret("web", "b", adopt="web/b", x="1"), 403),
    ("in the agent's namespace", secret("bulla-system", "b", "bulla-system/b", x="1"), 403),
    ("in kube-system", secret("kube-system", "b", "kube-system/b", x="1"), 403),
    ("in kube-public", secret("kube-public", "b", "kube-public/b", x="1"), 403),
    ("a bootstrap token", secret("web", "b", "web/b", kind="bootstrap.kubernetes.io/token", x="1"), 403),
    ("of a type of its own", secret("web", "b", "web/b", kind="example.org/x", x="1"), 403),
    ("a TLS pair", secret("web", "tls", "web/tls", kind="kubernetes.io/tls", **{"tls.crt": "", "tls.key": ""}), 201),
    ("a login", secret("web", "ba", "web/ba", kind="kubernetes.io/basic-auth", username="u"), 201),
]


@pytest.mark.parametrize("case", MADE, ids=[c[0] for c in MADE])
def test_secret_that_the_agent_makes(agent, case):
    _, thing, wanted = case
    status, text = status_of(agent.request, "POST", secret_path(thing["metadata"]["namespace"], "")[:-1], thing, {"dryRun": "All"})
    assert status == wanted, text


def test_service_account_token_is_never_made(agent):
    token = secret("web", "b", "web/b", kind="kubernetes.io/service-account-token")
    token["metadata"]["annotations"]["kubernetes.io/service-account.name"] = "default"
    assert status_of(agent.request, "POST", secret_path("web", "")[:-1], token)[0] == 403


def test_life_of_an_owned_secret(agent, admin):
    """Make, change, keep the owner, hand over, adopt, delete: what DESIGN 6.1 does, and no more."""
    path = secret_path("web", "own")
    answer = agent.request("POST", secret_path("web", "")[:-1], secret("web", "own", "web/own", a="1"))
    uid = answer.body["metadata"]["uid"]
    update = [{"op": "test", "path": "/metadata/uid", "value": uid},
              {"op": "test", "path": "/metadata/annotations/bulla.dev~1owner", "value": "web/own"},
              {"op": "test", "path": "/type", "value": "Opaque"}, {"op": "add", "path": "/data", "value": {"b": "Mg=="}}]
    agent.request("PATCH", path, update, content_type=JSON_PATCH)
    assert admin.get(path)["data"] == {"b": "Mg=="}
    status, _ = status_of(agent.request, "PATCH", path, {"metadata": {"annotations": {OWNER: "other/own"}}}, content_type=MERGE)
    assert status == 403  # not by itself
    status, _ = status_of(agent.request, "PATCH", path, {"metadata": {"annotations": {OWNER: None}}}, content_type=MERGE)
    assert status == 403
    admin.patch(path, {"metadata": {"annotations": {ADOPT: "other/own"}}})
    agent.request("PATCH", path, {"metadata": {"annotations": {OWNER: "other/own", ADOPT: None}}}, content_type=MERGE)
    status, _ = status_of(agent.request, "DELETE", path, {"preconditions": {"uid": "0" * 8}})
    assert status == 409
    agent.request("DELETE", path, {"preconditions": {"uid": uid}})
    assert admin.get(path, absent=True) is None


def test_adoption_is_the_owners_to_give(agent, admin):
    path = secret_path("web", "hand-made")
    admin.create(secret("web", "hand-made", adopt="web/hand-made", a="1"))
    status, _ = status_of(agent.request, "PATCH", path, {"metadata": {"annotations": {OWNER: "web/another", ADOPT: None}}},
                          content_type=MERGE)
    assert status == 403
    agent.request("PATCH", path, [{"op": "test", "path": "/metadata/annotations/bulla.dev~1adopt", "value": "web/hand-made"},
                                  {"op": "add", "path": "/metadata/annotations/bulla.dev~1owner", "value": "web/hand-made"},
                                  {"op": "remove", "path": "/metadata/annotations/bulla.dev~1adopt"},
                                  {"op": "add", "path": "/data", "value": {}}], content_type=JSON_PATCH)
    assert admin.get(path)["metadata"]["annotations"] == {OWNER: "web/hand-made"}


def test_policies_bind_nobody_else(admin, plane):
    """The same requests by another account that RBAC lets do them."""
    other = plane.account("web", "operator")
    admin.grant(("web", "operator"), [("", "secrets", "create patch delete")], name="operator")
    admin.ensure("v1", "Secret", "web", "theirs")
    wait_for(lambda: other.request("PATCH", secret_path("web", "theirs"), {}, content_type=MERGE), 10, "RBAC")
    other.request("POST", secret_path("kube-system", "")[:-1], secret("kube-system", "theirs"))
    other.request("DELETE", secret_path("web", "theirs"))


OWN = "/api/v1/namespaces/bulla-system/configmaps"
RIGHTS = [
    ("GET", "/apis/bulla.dev/v1/sealedcredentials", None, 200),
    ("GET", "/apis/bulla.dev/v1/sealedcredentials?watch=1&timeoutSeconds=1", None, 200),
    ("POST", "/apis/bulla.dev/v1/namespaces/web/sealedcredentials", {}, 403),
    ("DELETE", "/apis/bulla.dev/v1/namespaces/web/sealedcredentials/a", None, 403),
    ("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD}", None, 200),
    ("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", None, 403),
    ("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD}", None, 403),
    ("GET", "/api/v1/namespaces/web", None, 200),
    ("DELETE", "/api/v1/namespaces/web", None, 403),
    ("GET", "/apis/apps/v1/namespaces/bulla-system/deployments/bulla-agent", None, 200),
    ("GET", "/apis/apps/v1/namespaces/bulla-system/deployments", None, 403),
    ("GET", "/apis/apps/v1/namespaces/bulla-system/deployments/other", None, 403),
    ("GET", f"{OWN}/bulla-inventory-0", None, 404),
    ("GET", f"{OWN}/bulla-recipients", None, 403),
    ("GET", f"{OWN}/kube-root-ca.crt", None, 403),
    ("GET", OWN, None, 403),
    ("POST", OWN, {}, 403),
    ("GET", "/apis/coordination.k8s.io/v1/namespaces/bulla-system/leases/bulla-agent", None, 404),
    ("GET", "/apis/coordination.k8s.io/v1/namespaces/bulla-system/leases/other", None, 403),
    ("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/bulla-agent", None, 403),
    ("GET", "/api/v1/pods", None, 403),
    ("POST", "/api/v1/namespaces/bulla-system/pods", {}, 403),
    ("POST", "/api/v1/namespaces/bulla-system/serviceaccounts/bulla-agent/token", {}, 403),
    ("GET", "/api/v1/serviceaccounts", None, 200),
    ("GET", "/api/v1/serviceaccounts?watch=1&timeoutSeconds=1", None, 200),
    ("POST", "/api/v1/namespaces/web/serviceaccounts", {}, 403),
    ("DELETE", "/api/v1/namespaces/web/serviceaccounts/default", None, 403),
    ("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", None, 403),
]


@pytest.mark.parametrize("verb,path,body,wanted", RIGHTS, ids=[f"{r[0]} {r[1].split('/', 2)[2]}" for r in RIGHTS])
def test_rights_of_the_agent(agent, verb, path, body, wanted):
    assert status_of(agent.request, verb, path, body)[0] == wanted


def test_own_config_maps_are_made_by_apply_and_by_name(agent, admin):
    """create with a resourceName lets a server-side apply make it, and nothing else."""
    for name, wanted in (("bulla-recipients", 201), ("bulla-inventory-0", 201), ("bulla-inventory-15", 201),
                         ("bulla-inventory-16", 403), ("other", 403)):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "bulla-system"}, "data": {"a": "b"}}
        status, text = status_of(agent.request, "PATCH", f"{OWN}/{name}", body, {"fieldManager": "bulla-agent", "force": "true"},
                                 content_type=APPLY)
        assert status == wanted, text
    agent.request("PATCH", f"{OWN}/bulla-inventory-0", {"data": {"a": "c"}}, content_type=MERGE)


def test_lease_and_events(agent):
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "bulla-agent", "namespace": "bulla-system"},
             "spec": {"holderIdentity": "a"}}
    path = "/apis/coordination.k8s.io/v1/namespaces/bulla-system/leases"
    made = agent.request("POST", path, lease).body
    made["spec"]["holderIdentity"] = "b"
    assert agent.request("PUT", f"{path}/bulla-agent", made).body["spec"]["holderIdentity"] == "b"
    event = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "a.1", "namespace": "web"},
             "eventTime": "2026-11-25T08:00:00.000000Z", "reportingController": "bulla.dev/agent", "reportingInstance": "a",
             "action": "Apply", "reason": "Applied", "type": "Normal", "note": "x",
             "regarding": {"kind": "SealedCredential", "namespace": "web", "name": "a", "apiVersion": "bulla.dev/v1"}}
    agent.request("POST", "/apis/events.k8s.io/v1/namespaces/web/events", event)
    agent.request("PATCH", "/apis/events.k8s.io/v1/namespaces/web/events/a.1",
                  {"series": {"count": 2, "lastObservedTime": "2026-11-25T08:01:00.000000Z"}}, content_type=MERGE)


RELEASE = re.search('KUBE_RELEASE "(.+)"', (MANIFESTS.parent / "agent/kube_release.h").read_text()).group(1)


def test_release_of_a_deletion_is_one_annotation(agent, admin):
    """Its use by an agent is in test_agent_crowd.py."""
    path = "/apis/apps/v1/namespaces/bulla-system/deployments/bulla-agent"
    released = admin.patch(path, {"metadata": {"annotations": {RELEASE: "a" * 32}}})
    # as the agent uses it up: not what came after it had looked
    used_up = {"metadata": {"resourceVersion": released["metadata"]["resourceVersion"], "annotations": {RELEASE: None}}}
    admin.patch(path, {"metadata": {"annotations": {RELEASE: "b" * 32}}})
    assert status_of(agent.request, "PATCH", path, used_up, content_type=MERGE)[0] == 409
    used_up["metadata"]["resourceVersion"] = admin.get(path)["metadata"]["resourceVersion"]
    agent.request("PATCH", path, used_up, content_type=MERGE)
    assert RELEASE not in admin.get(path)["metadata"].get("annotations", {})
    # patch alone would let it run another image with the keys mounted
    changes = [{"spec": {"replicas": 0}}, {"spec": {"template": {"spec": {"hostNetwork": True}}}},
               {"metadata": {"labels": {"a": "b"}}}, {"metadata": {"annotations": {"a": "b"}}}]
    for change in changes:
        assert status_of(agent.request, "PATCH", path, change, content_type=MERGE)[0] == 403, change

# SPDX-License-Identifier: Apache-2.0
"""What can be added to the base: the policies of the components, the namespaces install, the Helm chart."""
import os
import subprocess
import uuid

import pytest
import yaml

import controlplane
import need
from api import ApiError
from manifests import (APPLY, CRD, JSON_PATCH, MANIFESTS, MERGE, apply_strictly, changed, example, key, kustomize, overlay, secret,
                       secret_path, status_of)
from processes import wait_for

FAN_OUT = {"files": {"fan-out.yaml": "{}\n"}, "configMapGenerator": [
    {"name": "bulla-fan-out", "namespace": "bulla-system", "files": ["fan-out.yaml"]}]}
SOURCE_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "gitrepositories.source.toolkit.fluxcd.io"},
    "spec": {"group": "source.toolkit.fluxcd.io", "scope": "Namespaced",
             "names": {"kind": "GitRepository", "plural": "gitrepositories", "singular": "gitrepository", "listKind": "GitRepositoryList"},
             "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                 "type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}}]}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kustomize")


@pytest.fixture(scope="module")
def plane(programs, folder, tmp_path_factory):
    with controlplane.ControlPlane(tmp_path_factory.mktemp("options"), programs) as plane:
        place = overlay(folder, components=["components/fan-out", "components/flux", "components/key-generation"], **FAN_OUT)
        apply_strictly(plane.admin, [SOURCE_CRD, *kustomize(programs["kubectl"], place)])
        plane.admin.ensure("v1", "Namespace", None, "web")
        yield plane


@pytest.fixture(scope="module")
def admin(plane):
    return plane.admin


@pytest.fixture(scope="module")
def agent(plane):
    return plane.account("bulla-system", "bulla-agent")


def refused(call, *args, **kwargs):
    status, text = status_of(call, *args, **kwargs)
    return status == 403 and "ValidatingAdmissionPolicy" in text


# --- service accounts -----------------------------------------------------------------------------------

@pytest.fixture
def account(admin, agent):
    """The path of an account in web with one pull secret of somebody else, once the policy is in force."""
    path = "/api/v1/namespaces/web/serviceaccounts/puller"
    admin.delete(path)
    admin.ensure("v1", "ServiceAccount", "web", "puller", imagePullSecrets=[{"name": "theirs"}], secrets=[{"name": "s"}])
    wait_for(lambda: check(refused(agent.request, "PATCH", path, label(), content_type=MERGE)),
             60, "the policy")
    return path


def label():
    """Another one each time: what changes nothing is let through, and the first may come before the policy."""
    return {"metadata": {"labels": {"probe": uuid.uuid4().hex}}}


def check(truth):
    assert truth
    return truth


def test_pull_secret_is_added_and_taken_back(agent, admin, account):
    version = agent.get(account)["metadata"]["resourceVersion"]
    add = [{"op": "replace", "path": "/metadata/resourceVersion", "value": version},
           {"op": "add", "path": "/imagePullSecrets/-", "value": {"name": "ghcr"}},
           {"op": "add", "path": "/metadata/annotations", "value": {"bulla.dev/pull-secrets": "ghcr"}}]
    agent.patch(account, add, JSON_PATCH)
    assert admin.get(account)["imagePullSecrets"] == [{"name": "theirs"}, {"name": "ghcr"}]
    # a stale resourceVersion is a conflict, not a list without what came in between
    assert status_of(agent.request, "PATCH", account, add, content_type=JSON_PATCH)[0] == 409
    agent.patch(account, [{"op": "remove", "path": "/imagePullSecrets/1"}], JSON_PATCH)
    assert admin.get(account)["imagePullSecrets"] == [{"name": "theirs"}]


WRONG_ON_ACCOUNTS = {
    "take away another's": {"imagePullSecrets": []},
    "replace another's": {"imagePullSecrets": [{"name": "ghcr"}]},
    "claim another's and take it away": {"imagePullSecrets": [], "metadata": {"annotations": {"bulla.dev/pull-secrets": "theirs"}}},
    "cloud identity": {"metadata": {"annotations": {"iam.gke.io/gcp-service-account": "x@y"}}},
    "label": {"metadata": {"labels": {"a": "b"}}},
    "mounted token": {"automountServiceAccountToken": True},
    "secrets": {"secrets": [{"name": "other"}]},
    "finalizer": {"metadata": {"finalizers": ["a.example/b"]}},
}


@pytest.mark.parametrize("case", WRONG_ON_ACCOUNTS)
def test_account_is_else_out_of_reach(agent, account, case):
    assert refused(agent.request, "PATCH", account, WRONG_ON_ACCOUNTS[case], content_type=MERGE)


def test_accounts_elsewhere_are_out_of_reach(agent, admin, account):
    for namespace in ("bulla-system", "kube-system"):
        admin.ensure("v1", "ServiceAccount", namespace, "puller")
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/puller"
        assert refused(agent.request, "PATCH", path, {"imagePullSecrets": [{"name": "ghcr"}]}, content_type=MERGE)
        assert status_of(agent.request, "DELETE", path)[0] == 403
    assert status_of(agent.request, "GET", "/api/v1/namespaces")[0] == 200


# --- Flux's sources ---------------------------------------------------------------------------------------

@pytest.fixture
def source(admin, agent):
    thing = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
             "metadata": {"name": "infra", "namespace": "web", "labels": {"a": "b"}, "annotations": {"c": "d"}},
             "spec": {"url": "ssh://git@github.com/barolab/foobar-infra", "secretRef": {"name": "flux-ssh"}, "interval": "1m"}}
    path = admin.path_of(thing)
    admin.delete(path)
    admin.create(thing)
    wait_for(lambda: check(refused(agent.request, "PATCH", path, label(), content_type=MERGE)),
             60, "the policy")
    return path


def test_source_is_asked_to_look_again(agent, admin, source):
    nudge = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "1", "bulla.dev/secret-version": "uid/2"}}}
    agent.patch(source, nudge, MERGE, fieldManager="bulla-agent")
    again = changed(nudge, "metadata", "annotations", "reconcile.fluxcd.io/requestedAt", to="2")
    agent.patch(source, again, MERGE, fieldManager="bulla-agent")
    found = admin.get(source)["metadata"]["annotations"]
    assert found == {"c": "d", "reconcile.fluxcd.io/requestedAt": "2", "bulla.dev/secret-version": "uid/2"}
    assert agent.list("/apis/source.toolkit.fluxcd.io/v1/gitrepositories")[0]["metadata"]["name"] == "infra"


WRONG_ON_SOURCES = {
    "another repository": {"spec": {"url": "ssh://git@github.com/evil/infra"}},
    "another Secret": {"spec": {"secretRef": {"name": "other"}}},
    "suspended": {"spec": {"suspend": True}},
    "no spec": {"spec": None},
    "label": {"metadata": {"labels": {"a": None}}},
    "annotation": {"metadata": {"annotations": {"c": "e"}}},
    "annotation gone": {"metadata": {"annotations": {"c": None}}},
    "another annotation": {"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}},
    "owner": {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Secret", "name": "a", "uid": "b"}]}},
    "nudge and change": {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "3"}}, "spec": {"interval": "9h"}},
}


@pytest.mark.parametrize("case", WRONG_ON_SOURCES)
def test_source_is_else_out_of_reach(agent, source, case):
    assert refused(agent.request, "PATCH", source, WRONG_ON_SOURCES[case], content_type=MERGE)


def test_sources_are_neither_made_nor_deleted(agent, admin, source):
    for verb, body in (("DELETE", None), ("PUT", {}), ("GET", None)):
        assert status_of(agent.request, verb, source, body)[0] == 403
    thing = {**admin.get(source), "metadata": {"name": "new", "namespace": "web"}}
    query = {"fieldManager": "bulla-agent", "force": "true"}
    assert status_of(agent.request, "PATCH", source.replace("infra", "new"), thing, query, content_type=APPLY)[0] == 403


# --- the first key -----------------------------------------------------------------------------------------

def test_key_generation_makes_one_secret_and_reads_none(plane, admin):
    keygen = plane.account("bulla-system", "bulla-keygen")
    at = secret_path("bulla-system", "")[:-1]
    wait_for(lambda: check(refused(keygen.request, "POST", at, secret("bulla-system", "other", a="1"))), 60, "the policy")
    assert refused(keygen.request, "POST", at, secret("bulla-system", "bulla-sealing-keys", kind="kubernetes.io/basic-auth", username="a"))
    keygen.create(secret("bulla-system", "bulla-sealing-keys", key="AGE"))
    assert status_of(keygen.request, "POST", at, secret("bulla-system", "bulla-sealing-keys", key="B"))[0] == 409
    for verb in ("GET", "DELETE", "PATCH"):
        body = {} if verb == "PATCH" else None
        assert status_of(keygen.request, verb, f"{at}/bulla-sealing-keys", body, content_type=MERGE)[0] == 403
    assert status_of(keygen.request, "POST", secret_path("web", "")[:-1], secret("web", "bulla-sealing-keys"))[0] == 403
    # what it looks at before it makes a key
    assert keygen.get("/api/v1/namespaces/bulla-system/configmaps/bulla-recipients", absent=True) is None
    assert keygen.list("/apis/bulla.dev/v1/sealedcredentials") == []


# --- the namespaces install ----------------------------------------------------------------------------------

def test_namespaces_install(programs, tmp_path, new_control_plane):
    """A Role in each served namespace, nothing elsewhere, and never in the agent's own."""
    plane = new_control_plane()
    place = overlay(tmp_path, components=["components/namespaces"], configMapGenerator=[
        {"name": "bulla-namespaces", "namespace": "bulla-system", "literals": ["namespaces=served"]}])
    for name in ("served", "other"):
        plane.admin.ensure("v1", "Namespace", None, name)
    apply_strictly(plane.admin, kustomize(programs["kubectl"], place))
    apply_strictly(plane.admin, kustomize(programs["kubectl"], overlay(tmp_path, base="served-namespace", namespace="served")))
    agent = plane.account("bulla-system", "bulla-agent")
    wait_for(lambda: agent.list(secret_path("served", "")[:-1]) is not None, 20, "the Role")
    agent.request("POST", secret_path("served", "")[:-1], secret("served", "a", "served/a", x="1"))
    assert agent.list(secret_path("served", "")[:-1])[0]["data"] == {"x": "MQ=="}
    assert status_of(agent.request, "GET", secret_path("served", "a"))[0] == 403  # it lists and watches, and asks for none
    assert agent.list("/apis/bulla.dev/v1/namespaces/served/sealedcredentials") == []
    assert agent.get("/api/v1/namespaces/served")["metadata"]["name"] == "served"
    plane.admin.create(secret("bulla-system", "bulla-sealing-keys", key="x"))
    for path in (secret_path("other", "")[:-1], "/api/v1/secrets", "/apis/bulla.dev/v1/sealedcredentials", "/api/v1/namespaces/other",
                 secret_path("bulla-system", "")[:-1], secret_path("bulla-system", "bulla-sealing-keys")):
        assert status_of(agent.request, "GET", path)[0] == 403, path
    for name in ("bulla-sealing-keys", "bulla-canary"):
        status, _ = status_of(agent.request, "PATCH", secret_path("bulla-system", name), {}, {"dryRun": "All"}, content_type=MERGE)
        assert status == 403
    # removals that are held are told of on the Deployment, and released there
    agent.request("POST", "/apis/events.k8s.io/v1/namespaces/bulla-system/events", {
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "a.1", "namespace": "bulla-system"},
        "eventTime": "2026-11-25T08:00:00.000000Z", "reportingController": "bulla.dev/agent", "reportingInstance": "a",
        "action": "Remove", "reason": "RemovalsHeld", "type": "Warning", "note": "x",
        "regarding": {"kind": "Deployment", "namespace": "bulla-system", "name": "bulla-agent", "apiVersion": "apps/v1"}})
    deployment = "/apis/apps/v1/namespaces/bulla-system/deployments/bulla-agent"
    agent.request("PATCH", deployment, {"metadata": {"annotations": {"bulla.dev/release-removals": None}}}, content_type=MERGE)
    # the policy bounds it here too: what it may read it may still not take
    plane.admin.create(secret("served", "db", x="1"))
    wait_for(lambda: check(refused(agent.request, "PATCH", secret_path("served", "db"), {}, content_type=MERGE)), 60, "the policy")


# --- Helm ---------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def helm(tmp_path_factory):
    program = need.programs("helm")["helm"]
    home = tmp_path_factory.mktemp("helm")

    def run(*args, kubeconfig="/dev/null", check=True):
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(kubeconfig)}
        done = subprocess.run([program, *map(str, args)], env=env, capture_output=True, text=True, timeout=300)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout if check else done
    return run


CHART = MANIFESTS / "helm/bulla"


def template(helm, *args, namespace="bulla-system"):
    text = helm("template", "bulla", CHART, "-n", namespace, "--kube-version", "1.36", *args)
    return {key(o): o for o in yaml.safe_load_all(text) if o}


def test_chart_with_its_defaults_is_the_base(programs, helm):
    base = {key(o): o for o in kustomize(programs["kubectl"], MANIFESTS / "base")}
    del base["Namespace", None, "bulla-system"]
    assert template(helm) == base


OPTIONS = {
    "fan-out": ["--set-json", 'fanOut={"flux-system":{"namespaces":["web"]}}'],
    "flux": ["--set", "flux.enabled=true"],
    "key-generation": ["--set", "keyGeneration.enabled=true"],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_chart_with_an_option_is_the_component(programs, folder, helm, name):
    place = overlay(folder, components=[f"components/{name}"], **(FAN_OUT if name == "fan-out" else {}))
    built = {key(o): o for o in kustomize(programs["kubectl"], place) if o["kind"] not in ("Namespace", "ConfigMap", "Deployment")}
    made = template(helm, *OPTIONS[name])
    assert {k: o for k, o in made.items() if k[0] not in ("ConfigMap", "Deployment")} == built
    net = lambda o: next(c for c in o["spec"]["template"]["spec"]["containers"] if c["name"] == "net")  # noqa: E731
    [ours] = [o for o in kustomize(programs["kubectl"], place) if o["kind"] == "Deployment"]
    theirs = made["Deployment", "bulla-system", "bulla-agent"]
    assert net(ours) == net(theirs)


def test_chart_serves_namespaces(programs, folder, helm):
    made = template(helm, "--set", "namespaces={team-a,web}")
    assert not [k for k in made if k[0] in ("ClusterRole", "ClusterRoleBinding")]
    for namespace in ("team-a", "web"):
        for thing in kustomize(programs["kubectl"], overlay(folder, base="served-namespace", namespace=namespace)):
            assert made[key(thing)] == thing
    net = made["Deployment", "bulla-system", "bulla-agent"]["spec"]["template"]["spec"]["containers"][1]
    assert net["args"][-2:] == ["--namespaces", "team-a,web"]


def test_chart_follows_its_namespace(helm):
    """Policies that named another account would bound nobody."""
    made = template(helm, "--set", "flux.enabled=true,keyGeneration.enabled=true", *OPTIONS["fan-out"], namespace="sealing")
    text = yaml.safe_dump_all(made.values())
    assert "bulla-system" not in text
    policies = [o for k, o in made.items() if k[0] == "ValidatingAdmissionPolicy"]
    assert len(policies) == 5
    for policy in policies:
        [condition] = policy["spec"]["matchConditions"]
        assert "'system:serviceaccount:sealing:" in condition["expression"]


def test_chart_takes_images_and_refuses_slips(helm):
    digest = "sha256:" + "a" * 64
    made = template(helm, "--set", f"image.repository=r.example/b,image.digest={digest},replicas=3,pullSecrets={{x}}")
    spec = made["Deployment", "bulla-system", "bulla-agent"]["spec"]
    assert {c["image"] for c in spec["template"]["spec"]["containers"]} == {f"r.example/b@{digest}"}
    assert spec["replicas"] == 3 and spec["template"]["spec"]["imagePullSecrets"] == [{"name": "x"}]
    for wrong in ("image.digest=sha256:abc", "replica=3", "namespaces={UPPER}", "crd.install=false", "fanOut=x"):
        done = helm("template", "bulla", CHART, "--set", wrong, check=False)
        assert done.returncode != 0 and "values don't meet the specifications of the schema" in done.stderr, wrong
    done = helm("template", "bulla", CHART, "--kube-version", "1.30.0", "--set", "namespaces={team-a}", "--set", "fanOut.dockerconfig[0]=team-b", check=False)
    assert done.returncode != 0 and "fanOut does not go with namespaces" in done.stderr, done.stderr


def test_helm_never_deletes_the_crd(programs, helm, new_control_plane):
    """Not by an uninstall, not by switching it off; a second install takes it up again."""
    plane = new_control_plane()
    config = plane.kubeconfig
    plane.admin.ensure("v1", "Namespace", None, "bulla-system")
    plane.admin.ensure("v1", "Namespace", None, "team-a")
    helm("install", "bulla", CHART, "-n", "bulla-system", kubeconfig=config)
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD}"
    plane.admin.wait_condition(path, "Established")
    uid = plane.admin.get(path)["metadata"]["uid"]
    document = wait_for(lambda: made(plane.admin), 20, "the document")
    helm("upgrade", "bulla", CHART, "-n", "bulla-system", "--set", "replicas=1", kubeconfig=config)
    helm("upgrade", "bulla", CHART, "-n", "bulla-system", "--set", "crds.install=false", kubeconfig=config)
    helm("uninstall", "bulla", "-n", "bulla-system", kubeconfig=config)
    plane.admin.wait_gone("/apis/rbac.authorization.k8s.io/v1/clusterroles/bulla-agent")
    assert plane.admin.get(path)["metadata"]["uid"] == uid
    helm("install", "bulla", CHART, "-n", "bulla-system", kubeconfig=config)
    assert plane.admin.get(path)["metadata"]["uid"] == uid
    assert plane.admin.get(plane.admin.path_of(document))["metadata"]["uid"] == document["metadata"]["uid"]


def made(api):
    try:
        return api.create(example())
    except (ApiError, KeyError) as e:
        raise AssertionError(str(e)) from e

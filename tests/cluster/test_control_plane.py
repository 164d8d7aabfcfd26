# SPDX-License-Identifier: Apache-2.0
"""The test bed itself: what the cluster tests rely on, shown on the real programs."""
import json
import os
import pathlib
import subprocess
import threading
import time

import pytest

import controlplane
import need
import pod
import processes
from api import JSON_PATCH, METADATA, Api, ApiError, Unreachable
from processes import Server, wait_for

CRD = pathlib.Path(__file__).parent / "data/crd.yaml"
SECRETS = "/api/v1/namespaces/{}/secrets"


def secret(namespace, name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
            "stringData": data}


def config_map(namespace, name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def document(namespace, name="login", kind="opaque"):
    """What the CRD takes; nobody opens it."""
    return {"apiVersion": "test.bulla.dev/v1", "kind": "Sealed", "metadata": {"name": name, "namespace": namespace},
            "spec": {"kind": kind, "text": "x"}}


@pytest.fixture(scope="session")
def crd(control_plane):
    return control_plane.admin.apply_file(CRD)[0]


def refused(status, reason=None):
    class Refused:
        def __enter__(self):
            return self

        def __exit__(self, kind, error, _):
            assert kind is ApiError, f"{status} expected, not {kind}"
            assert error.status == status and reason in (None, error.reason), str(error)
            self.error = error
            return True
    return Refused()


def test_the_version_is_the_pinned_one(control_plane):
    answer = control_plane.admin.get("/version")
    assert answer["major"] == "1" and int(answer["minor"].rstrip("+")) >= 36, answer


def test_a_namespace_gets_its_account_and_root_ca_and_ends(control_plane):
    api = control_plane.admin
    api.ensure("v1", "Namespace", None, "short-lived")
    account = "/api/v1/namespaces/short-lived/serviceaccounts/default"
    wait_for(lambda: api.get(account, absent=True), 10)
    root = wait_for(lambda: api.get("/api/v1/namespaces/short-lived/configmaps/kube-root-ca.crt", absent=True), 10)
    assert root["data"]["ca.crt"] == control_plane.ca.read_text()
    api.create(secret("short-lived", "s", a="b"))
    api.delete("/api/v1/namespaces/short-lived")
    api.wait_gone("/api/v1/namespaces/short-lived", 60)


def test_a_custom_resource_with_default_status(api, namespace, crd):
    made = api.create(document(namespace))
    assert made["status"] == {"observedGeneration": -1}
    assert made["metadata"]["generation"] == 1
    path = api.path_of(made)
    changed = api.patch(path, {"spec": {"text": "y"}})
    assert changed["metadata"]["generation"] == 2 and changed["status"]["observedGeneration"] == -1
    status = {**{k: made[k] for k in ("apiVersion", "kind")},
              "metadata": {"name": "login", "namespace": namespace},
              "status": {"observedGeneration": 2, "conditions": [{
                  "type": "Ready", "status": "True", "reason": "Applied", "message": "ok", "observedGeneration": 2,
                  "lastTransitionTime": "2026-11-23T08:00:00Z"}]}}
    api.apply(status, manager="agent", subresource="status")
    assert api.wait_condition(path, "Ready", reason="Applied")["metadata"]["generation"] == 2
    with pytest.raises(TimeoutError):
        api.wait_condition(path, "Ready", status="False", seconds=0.2)


def test_a_cel_rule_refuses_and_names_the_field(api, namespace, crd):
    with refused(422, "Invalid") as r:
        api.create(document(namespace, kind="nothing"))
    assert "spec.kind is opaque or tls" in r.error.message


def test_apply_takes_a_stream_and_a_list(api, namespace):
    text = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: one, namespace: {namespace}}}
data: {{a: "1"}}
---
---
apiVersion: v1
kind: List
items:
- {json.dumps(config_map(namespace, "two", a="2"))}
- {json.dumps(config_map(namespace, "three", a="3"))}
"""
    assert [t["metadata"]["name"] for t in api.apply_yaml(text)] == ["one", "two", "three"]
    assert {t["metadata"]["name"] for t in api.list(f"/api/v1/namespaces/{namespace}/configmaps")} >= {
        "one", "two", "three"}


def test_another_manager_meets_a_conflict(api, namespace):
    api.apply(config_map(namespace, "c", a="1"), manager="one")
    with refused(409, "Conflict"):
        api.apply(config_map(namespace, "c", a="2"), manager="two", force=False)
    assert api.apply(config_map(namespace, "c", a="2"), manager="two")["data"] == {"a": "2"}


def test_a_service_account_can_do_what_rbac_grants_and_nothing_else(control_plane, namespace):
    api = control_plane.admin
    agent = control_plane.account(namespace, "agent")
    secrets = SECRETS.format(namespace)
    with refused(403, "Forbidden"):
        agent.get(secrets)
    api.grant((namespace, "agent"), [("", "secrets", "list create")], namespace)
    wait_for(lambda: agent.request("GET", secrets, expect=403).status == 200, 10)
    agent.create(secret(namespace, "mine", a="b"))
    with refused(403, "Forbidden"):
        agent.get(f"{secrets}/mine")
    with refused(403, "Forbidden"):
        agent.get(SECRETS.format("kube-system"))
    review = agent.create({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}})
    assert review["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:agent"


def test_a_cluster_role_reaches_every_namespace(control_plane, namespace):
    agent = control_plane.account(namespace, "reader")
    control_plane.admin.grant((namespace, "reader"), [("", "configmaps", "get list")], name=f"{namespace}-reader")
    wait_for(lambda: agent.request("GET", "/api/v1/namespaces/kube-system/configmaps", expect=403).status == 200, 10)


def test_a_wrong_or_missing_token_is_401(control_plane):
    stranger = control_plane.admin.as_token("nonsense")
    for _ in range(3):
        with refused(401):
            stranger.get("/api/v1/namespaces")
    with refused(401):
        Api(control_plane.server, control_plane.ca).get("/api/v1/namespaces")


def test_a_watch_tells_what_happens(api, namespace):
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    since = api.get(path)["metadata"]["resourceVersion"]

    def work():
        api.create(config_map(namespace, "w", a="1"))
        api.patch(f"{path}/w", {"data": {"a": "2"}})
        api.delete(f"{path}/w")
    thread = threading.Thread(target=work)
    thread.start()
    seen = []
    for kind, thing in api.watch(path, since, seconds=20, fieldSelector="metadata.name=w"):
        seen.append((kind, thing["data"]["a"] if "data" in thing else None))
        if kind == "DELETED":
            break
    thread.join()
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


def test_a_watch_ends_by_itself(api, namespace):
    path = f"/api/v1/namespaces/{namespace}/secrets"
    begin = time.monotonic()
    assert list(api.watch(path, api.get(path)["metadata"]["resourceVersion"], seconds=1)) == []
    assert 0.5 < time.monotonic() - begin < 8


def test_a_streaming_list_marks_its_end(api, namespace):
    api.create(secret(namespace, "s", a="b"))
    for kind, thing in api.watch(SECRETS.format(namespace), seconds=10, sendInitialEvents="true",
                                 resourceVersionMatch="NotOlderThan"):
        if kind == "BOOKMARK":
            assert thing["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"
            return
        assert (kind, thing["metadata"]["name"]) == ("ADDED", "s")
    pytest.fail("no bookmark came")


def test_metadata_answers_carry_no_data(api, namespace):
    api.create(secret(namespace, "s", a="b"))
    seen = api.get(SECRETS.format(namespace) + "/s", accept=METADATA)
    assert seen["kind"] == "PartialObjectMetadata" and "data" not in seen and seen["metadata"]["name"] == "s"


def test_a_delete_can_be_bound_to_a_uid(api, namespace):
    made = api.create(config_map(namespace, "c"))
    path = api.path_of(made)
    with refused(409, "Conflict"):
        api.delete(path, uid="00000000-0000-0000-0000-000000000000")
    api.patch(path, [{"op": "test", "path": "/metadata/uid", "value": made["metadata"]["uid"]}], JSON_PATCH)
    api.delete(path, uid=made["metadata"]["uid"])
    assert api.get(path, absent=True) is None


def test_the_garbage_collector_works(api, namespace):
    owner = api.create(config_map(namespace, "owner"))
    child = config_map(namespace, "child")
    child["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
                                             "uid": owner["metadata"]["uid"]}]
    path = api.path_of(api.create(child))
    api.delete(api.path_of(owner))
    api.wait_gone(path, 60)


def test_kubectl_works_with_the_kubeconfig(control_plane, namespace, crd):
    control_plane.kubectl("create", "configmap", "k", "-n", namespace, "--from-literal=a=b")
    assert control_plane.kubectl("get", "cm", "k", "-n", namespace, "-o", "jsonpath={.data.a}") == "b"
    failed = control_plane.kubectl("get", "secret", "absent", "-n", namespace, check=False)
    assert failed.returncode == 1 and "NotFound" in failed.stderr


def test_the_files_of_a_pod(control_plane, namespace, tmp_path):
    folder = control_plane.service_account_files(tmp_path / "sa", namespace, "pod")
    assert (folder / "namespace").read_text() == namespace
    reader = Api(control_plane.server, folder / "ca.crt", token=(folder / "token").read_text())
    assert reader.get("/version")["major"] == "1"


def test_a_program_runs_as_in_a_pod(control_plane, namespace, tmp_path):
    if not pod.possible():
        need.missing("a Pod's world takes a mount namespace, which this user may not have")
    account = control_plane.service_account_files(tmp_path / "sa", namespace, "pod")
    script = """cd /var/run/secrets/kubernetes.io/serviceaccount && cat namespace && ls /run/secrets && until [ -e new ]
do sleep 0.05; done; cat new
curl -sS --cacert ca.crt -H "Authorization: Bearer $(cat token)" \\
https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/metrics"""
    with Server("pod", pod.command(account, "sh", "-c", script), tmp_path / "log",
                pod.environment(control_plane, namespace, tmp_path)) as server:
        wait_for(lambda: "kubernetes.io" in server.output(), 10)
        (account / "new").write_text(" seen\n")
        server.process.wait(20)
        assert server.output().startswith(f"{namespace}kubernetes.io\n seen\n")
        # 403: known, and nothing was granted
        assert f'User \\"system:serviceaccount:{namespace}:pod\\" cannot get path' in server.output()
    assert not pathlib.Path("/run/secrets/kubernetes.io/serviceaccount/new").exists()


def test_pod_security_is_enforced(api, namespace):
    api.patch(f"/api/v1/namespaces/{namespace}",
              {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace},
           "spec": {"containers": [{"name": "c", "image": "none"}]}}

    def forbidden():
        answer = api.request("POST", f"/api/v1/namespaces/{namespace}/pods", {**pod}, {"dryRun": "All"}, expect=403)
        assert answer.status == 403 and "violates PodSecurity" in answer.body["message"], answer.text
        return True
    wait_for(forbidden, 10)


# --- what needs a control plane of its own ---------------------------------------------------------------


@pytest.fixture
def bare(new_control_plane):
    return new_control_plane(controller_manager=False)


def test_a_killed_apiserver_comes_back_on_its_port_and_old_watches_get_410(bare):
    api, server = bare.admin, bare.server
    path = "/api/v1/namespaces/default/configmaps"
    first = api.create(config_map("default", "before", a="1"))
    for i in range(20):
        api.patch(f"{path}/before", {"data": {"a": str(i)}})
    ended = []

    def watch():
        try:
            ended.extend(api.watch(path, first["metadata"]["resourceVersion"], seconds=60))
        except Exception as e:
            ended.append(e)
    thread = threading.Thread(target=watch)
    thread.start()
    wait_for(lambda: len(ended) >= 20, 20)
    bare.kill_apiserver()
    thread.join(20)
    assert not thread.is_alive()
    with pytest.raises(Unreachable):
        api.get(path)
    bare.start_apiserver()
    assert bare.server == server
    assert bare.admin.get(f"{path}/before")["data"]["a"] == "19"
    for event in bare.admin.watch(path, first["metadata"]["resourceVersion"], seconds=10):
        kind, thing = event
        assert (kind, thing["code"], thing["reason"]) == ("ERROR", 410, "Expired")
        return
    pytest.fail("the old resourceVersion was still good, and told nothing")


def test_a_restored_etcd_is_older_than_what_clients_know(bare):
    path = "/api/v1/namespaces/default/configmaps/c"
    bare.admin.create(config_map("default", "c", a="old"))
    bare.save("old")
    changed = bare.admin.patch(path, {"data": {"a": "new"}})
    for _ in range(5):
        changed = bare.admin.patch(path, {"data": {"a": "new", "n": str(time.monotonic())}})
    bare.restore("old")
    there = bare.admin.get(path)
    assert there["data"] == {"a": "old"}
    assert int(there["metadata"]["resourceVersion"]) < int(changed["metadata"]["resourceVersion"])


def test_a_frozen_apiserver_answers_nobody_and_thaws(bare):
    api = Api(bare.server, bare.ca, certificate=(bare.folder / "admin.crt", bare.folder / "admin.key"), timeout=1)
    assert api.get("/version")
    bare.apiserver.freeze()
    with pytest.raises(Unreachable):
        api.get("/version")
    bare.apiserver.thaw()
    assert wait_for(lambda: controlplane.answers(api, "/readyz"), 20)


def test_flags_can_be_added(new_control_plane):
    plane = new_control_plane(controller_manager=False, apiserver_args=["--goaway-chance=0.02"])
    assert "--goaway-chance=0.02" in pathlib.Path(f"/proc/{plane.apiserver.pid}/cmdline").read_text()
    plane.restart_apiserver("--v=1")
    assert "--goaway-chance" not in pathlib.Path(f"/proc/{plane.apiserver.pid}/cmdline").read_text()
    assert plane.admin.get("/version")


def test_nothing_is_left_running(programs, tmp_path):
    with controlplane.ControlPlane(tmp_path / "p", programs) as plane:
        pids = [s.pid for s in (plane.etcd, plane.apiserver, plane.controllers)]
        guards = [s.guard.pid for s in (plane.etcd, plane.apiserver, plane.controllers)]
        assert all(os.path.exists(f"/proc/{pid}") for pid in pids + guards)
    assert not [pid for pid in pids + guards if os.path.exists(f"/proc/{pid}")]


def test_servers_end_when_the_tests_are_killed(tmp_path):
    script = tmp_path / "dies.py"
    script.write_text(f"""
import os, pathlib, signal, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from processes import Server
server = Server("sleep", ["sleep", "1000"], pathlib.Path({str(tmp_path / 'log')!r}))
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
""")
    done = subprocess.run([os.sys.executable, script], capture_output=True, text=True, timeout=20)
    pid = int(done.stdout)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in
             pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3], 10)


def test_a_program_that_ends_early_is_told_with_its_words(tmp_path):
    server = Server("sh", ["sh", "-c", "echo no such flag; exit 3"], tmp_path / "log")
    with pytest.raises(RuntimeError, match="ended with 3:\nno such flag"):
        server.wait_ready(lambda: False)
    server.stop()


def test_ports_stay_out_of_the_range_of_clients():
    low = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(20000 <= processes.free_port() < low for _ in range(20))


# --- the older minor ------------------------------------------------------------------------------------


def test_the_older_server_lacks_what_the_fallbacks_are_for(older_control_plane):
    api = older_control_plane.admin
    assert int(api.get("/version")["minor"].rstrip("+")) <= 34
    with refused(422, "Invalid"):
        list(api.watch("/api/v1/secrets", seconds=5, sendInitialEvents="true", resourceVersionMatch="NotOlderThan"))
    made = api.apply_file(CRD)[0]
    assert made["spec"]["versions"][0].get("selectableFields") is None
    assert api.create(document("default"))["status"] == {"observedGeneration": -1}


def test_a_start_that_fails_leaves_nothing_and_says_why(programs, tmp_path):
    plane = controlplane.ControlPlane(tmp_path / "p", programs, apiserver_args=["--no-such-flag"])
    with pytest.raises(RuntimeError, match="kube-apiserver ended with 1:\n(.|\n)*unknown flag: --no-such-flag"):
        plane.start()
    assert plane.etcd is None
    for cmdline in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert str(tmp_path) not in cmdline.read_text()
        except OSError:
            continue  # it ended while we looked

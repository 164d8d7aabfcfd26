# SPDX-License-Identifier: Apache-2.0
"""The kubelet of a control plane: volumes as Pods see them, and the Pods of bulla-agent run.

    with Node(plane, folder, rootfs) as node:    # rootfs: of the image; takes root (kubelet.possible)
        ...                                      # Pods that controllers make are started, and their status is told
        node.logs()

The Pods come from the Deployment by the control plane's own controllers: give it controllers=node.CONTROLLERS.
Pods of other namespaces wait for ever, as on a cluster without a node for them.
"""
import base64
import contextlib
import datetime
import threading

import kubelet
from api import ApiError, Unreachable
from processes import http_status

CONTROLLERS = ("deployment-controller", "replicaset-controller", "disruption-controller")
AGENT = "bulla-system"


def contents(api, namespace, source, account=None):
    """What a volume of a Pod holds: {file: bytes}; None while an object that it takes is missing."""
    if "projected" in source:
        parts = [contents(api, namespace, part, account) for part in source["projected"]["sources"]]
        return None if None in parts else {name: data for part in parts for name, data in part.items()}
    if "serviceAccountToken" in source:
        wanted = source["serviceAccountToken"]
        return {wanted["path"]: api.token(namespace, account, wanted.get("expirationSeconds", 3600)).encode()}
    if "downwardAPI" in source:
        assert all(i["fieldRef"]["fieldPath"] == "metadata.namespace" for i in source["downwardAPI"]["items"])
        return {i["path"]: namespace.encode() for i in source["downwardAPI"]["items"]}
    kind = "secret" if "secret" in source else "configMap"
    wanted = source[kind]
    name = wanted.get("secretName") or wanted["name"]
    found = api.get(f"/api/v1/namespaces/{namespace}/{kind.lower()}s/{name}", absent=True)
    if not found:
        return {} if wanted.get("optional") else None
    data = found.get("data") or {}
    data = {k: base64.b64decode(v) if kind == "secret" else v.encode() for k, v in data.items()}
    return {i["path"]: data[i["key"]] for i in wanted["items"]} if "items" in wanted else data


class Node:
    def __init__(self, plane, folder, rootfs):
        self.plane, self.folder, self.rootfs = plane, folder, rootfs
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.api = plane.new_admin()
        self.pods, self.seen, self.told = {}, {}, {}
        self.ending, self.failed = threading.Event(), None
        self.thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ending.set()
        self.thread.join(30)
        for pod in self.pods.values():
            pod.stop()
        if kind is None and self.failed:
            raise self.failed

    def logs(self):
        return "\n".join(server.output() for pod in self.pods.values() for server in pod.running.values())

    # --- what a kubelet does

    def _work(self):
        while not self.ending.wait(0.25):
            try:
                self._look()
            except (ApiError, Unreachable):
                continue  # a Pod or a volume that went meanwhile: the next look sees it
            except Exception as e:  # told by the thread that waits for Pods
                self.failed = e
                return

    def _look(self):
        there = {pod["metadata"]["uid"]: pod for pod in self.api.list(f"/api/v1/namespaces/{AGENT}/pods")}
        for uid in self.pods.keys() - there.keys():
            self.pods.pop(uid).stop()
        for uid, pod in there.items():
            if uid in self.pods:
                self._refresh(uid, pod["spec"])
            else:
                self._run(uid, pod)
            if uid in self.pods:
                self._tell(uid, pod)

    def _volumes(self, spec, only=("secret", "configMap", "projected")):
        return {v["name"]: contents(self.api, AGENT, v, spec["serviceAccountName"]) for v in spec["volumes"]
                if v.keys() & set(only)}

    def _run(self, uid, pod):
        spec, folder = pod["spec"], self.folder / pod["metadata"]["name"]
        found = self._volumes(spec)
        if None in found.values():
            return
        gid = spec["securityContext"]["fsGroup"]
        folder.mkdir(mode=0o755, exist_ok=True)
        mounts = {name: kubelet.secret_volume(folder / f"volume-{name}", files, gid) for name, files in found.items()}
        made = kubelet.Pod(folder, self.rootfs, spec, mounts,
                           {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.plane.port),
                            "POD_NAMESPACE": AGENT})
        self.pods[uid], self.seen[uid] = made, found
        for container in spec["containers"]:
            made.start(container["name"])

    def _refresh(self, uid, spec):
        """Volumes follow their objects; the running containers see them change."""
        for name, files in self._volumes(spec, ("secret", "configMap")).items():
            if files is not None and files != self.seen[uid][name]:
                kubelet.secret_volume(self.pods[uid].volumes[name], files, spec["securityContext"]["fsGroup"])
                self.seen[uid][name] = files

    def _tell(self, uid, pod):
        running = self.pods[uid].running.values()
        ready = all(s.running() for s in running) and http_status(self.pods[uid].port, "/readyz") == 200
        if self.told.get(uid) == ready:
            return
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions = [{"type": kind, "status": "True" if good else "False", "lastTransitionTime": now} for kind, good in (
            ("PodScheduled", True), ("Initialized", True), ("ContainersReady", ready), ("Ready", ready))]
        with contextlib.suppress(ApiError):
            self.api.patch(f"/api/v1/namespaces/{AGENT}/pods/{pod['metadata']['name']}/status",
                           {"status": {"phase": "Running", "startTime": now, "conditions": conditions}})
            self.told[uid] = ready

# SPDX-License-Identifier: Apache-2.0
"""A cluster as a person at a shell sees it, on a real API server: what is applied and pushed takes effect by itself.

Three things are stood in for, each a loop in a thread that does nothing else: the kubelet, which starts the agent
once its Deployment is there and shows it the Secret of keys as files; Flux, which applies what the branch has
(test_regions.py has the real one); and the namespaces.
"""
import base64
import io
import subprocess
import tarfile
import threading
import time

import yaml

from agentbed import SYSTEM, Bed
from api import ApiError, Unreachable

KEYS = f"/api/v1/namespaces/{SYSTEM}/secrets/bulla-sealing-keys"
AGENT = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/bulla-agent"
ACCOUNT = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/bulla-agent"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sealedcredentials.bulla.dev"
PAUSE = 0.1


class Region:
    """folders: those of the repository that are applied here.  origin: the bare repository."""

    def __init__(self, name, plane, folder, origin, folders):
        self.name, self.plane, self.origin, self.folders = name, plane, origin, folders
        self.bed, self.agent, self.failed = Bed(plane, folder), None, []
        for file in self.bed.keys.iterdir():  # it has none but those that are brought to it
            file.unlink()
        self.applied = None
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.loop, args=(step,), daemon=True)
                        for step in (self.kubelet, self.keys, self.flux)]

    @property
    def api(self):
        return self.plane.admin

    def __enter__(self):
        for namespace in ("web", "flux-system"):
            self.api.ensure("v1", "Namespace", None, namespace)
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        if self.agent:
            self.agent.finish(check=False)
        assert not self.failed, f"{self.name}: {self.failed}"

    def loop(self, step):
        while not self.ended.wait(PAUSE):
            try:
                step()
            except (ApiError, Unreachable, KeyError):  # not there yet, or not any more; KeyError: a kind
                pass
            except Exception as e:  # told by the test that ends it
                self.failed.append(f"{step.__name__}: {e!r}")
                return

    def kubelet(self):
        if self.agent is None and self.api.get(AGENT, absent=True) and self.api.get(ACCOUNT, absent=True):
            self.bed.new_token()
            self.agent = self.bed.run("--settle", 0, "--no-lease", wait=False)

    def keys(self):
        """As the kubelet mounts a Secret: files come, change and go."""
        secret = self.api.get(KEYS, absent=True)
        data = {k: base64.b64decode(v) for k, v in ((secret or {}).get("data") or {}).items()}
        there = {f.name: f for f in self.bed.keys.iterdir() if not f.name.startswith(".")}
        for name, text in data.items():
            if name not in there or there[name].read_bytes() != text:
                new = self.bed.keys / f".{name}"
                new.touch(mode=0o600)
                new.write_bytes(text)
                new.rename(self.bed.keys / name)
        for name in set(there) - set(data):
            there[name].unlink()

    def git(self, *args):
        return subprocess.run(["git", "-C", self.origin, *args], check=True, capture_output=True).stdout

    def flux(self):
        head = self.git("rev-parse", "main").decode().strip()
        if head == self.applied or not self.api.get(CRD, absent=True):
            return
        with tarfile.open(fileobj=io.BytesIO(self.git("archive", head))) as tree:
            for entry in tree:
                if entry.isfile() and entry.name.endswith(".yaml") and entry.name.startswith(self.folders):
                    for thing in yaml.safe_load_all(tree.extractfile(entry)):
                        self.api.apply(thing)
        self.applied = head

    def rebuild(self):
        """Everything of Bulla is gone, as in a cluster that was made anew."""
        if self.agent:
            self.agent.finish(check=False)
        self.agent = self.applied = None

    def settled(self, seconds=30):
        """Until it has applied what the branch has."""
        end = time.monotonic() + seconds
        while self.applied != self.git("rev-parse", "main").decode().strip():
            assert time.monotonic() < end and not self.failed, (self.name, self.failed)
            time.sleep(PAUSE)


def kubeconfig(path, contexts):
    """One file; contexts: name -> ControlPlane, each as its admin."""
    merged = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, plane in contexts.items():
        one = yaml.safe_load(plane.kubeconfig.read_text())
        for kind, key in (("clusters", "cluster"), ("users", "user")):
            merged[kind].append({"name": name, key: one[kind][0][key]})
        merged["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(merged))
    return path

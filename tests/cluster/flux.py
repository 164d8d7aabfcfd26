# SPDX-License-Identifier: Apache-2.0
"""Flux's own source-controller and kustomize-controller beside a control plane, outside of a cluster.

    with Flux(plane, folder, need.programs("flux")) as flux:
        flux.git_repository("infra", repo.url, secret="flux-ssh")
        plane.admin.wait_condition(flux.path("GitRepository", "infra"), "Ready")
        flux.kustomization("apps", "infra", "./apps", wait=True, dependsOn=[{"name": "credentials"}])
        flux.reconcile("GitRepository", "infra")

Both watch every namespace; objects are made in flux-system unless a namespace is given.
"""
import datetime
import os
import pathlib

from processes import Server, free_port, http_status

KINDS = {"GitRepository": "source.toolkit.fluxcd.io/v1", "Kustomization": "kustomize.toolkit.fluxcd.io/v1",
         "OCIRepository": "source.toolkit.fluxcd.io/v1", "HelmRepository": "source.toolkit.fluxcd.io/v1",
         "Bucket": "source.toolkit.fluxcd.io/v1"}
NAMESPACE = "flux-system"


def crds(programs, *controllers):
    """The files of their CRDs."""
    return [file for name in controllers for file in sorted(pathlib.Path(programs[f"crds-{name}"]).glob("*.yaml"))]


class Flux:
    def __init__(self, plane, folder, programs):
        self.plane, self.programs = plane, programs
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.servers = []

    def start(self):
        api = self.plane.admin
        api.ensure("v1", "Namespace", None, NAMESPACE)
        for crd in crds(self.programs, "source-controller", "kustomize-controller"):
            api.apply_file(crd)
        storage = f"127.0.0.1:{free_port()}"
        self._start("source-controller", "--storage-path", self._made("storage"), f"--storage-addr={storage}",
                    f"--storage-adv-addr={storage}")
        self._start("kustomize-controller", "--requeue-dependency=2s")
        return self

    def _made(self, name):
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    def _start(self, name, *args):
        health = free_port()
        # what a source names beyond this machine is refused at once; Go asks no proxy for loopback
        nowhere = {name: "http://127.0.0.1:1" for name in ("HTTP_PROXY", "HTTPS_PROXY")}
        env = {**nowhere, "PATH": os.environ["PATH"], "HOME": str(self._made("home")), "TMPDIR": str(self._made("tmp")),
               "KUBECONFIG": str(self.plane.kubeconfig), "RUNTIME_NAMESPACE": NAMESPACE}
        server = Server(name, [self.programs[name], *args, f"--metrics-addr=127.0.0.1:{free_port()}",
                               f"--health-addr=127.0.0.1:{health}", "--enable-leader-election=false",
                               "--events-addr=", "--log-level=debug"], self.folder / f"{name}.log", env)
        self.servers.append(server)
        server.wait_ready(lambda: http_status(health, "/readyz") == 200)

    def stop(self):
        # on SIGTERM they end what they are at, which may be minutes of waiting
        for server in self.servers:
            server.kill()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- objects

    def path(self, kind, name, namespace=NAMESPACE):
        return self.plane.admin.path(KINDS[kind], kind, namespace, name)

    def apply(self, kind, name, spec, namespace=NAMESPACE):
        return self.plane.admin.apply({"apiVersion": KINDS[kind], "kind": kind, "spec": spec,
                                       "metadata": {"name": name, "namespace": namespace}})

    def git_repository(self, name, url, secret=None, interval="1m", namespace=NAMESPACE, **spec):
        made = {"url": url, "interval": interval, "ref": {"branch": "main"}, **spec}
        if secret:
            made["secretRef"] = {"name": secret}
        return self.apply("GitRepository", name, made, namespace)

    def kustomization(self, name, source, path="./", interval="1m", namespace=NAMESPACE, **spec):
        made = {"sourceRef": {"kind": "GitRepository", "name": source}, "path": path, "interval": interval,
                "retryInterval": "2s", "prune": True, "timeout": "30s", **spec}
        return self.apply("Kustomization", name, made, namespace)

    def reconcile(self, kind, name, namespace=NAMESPACE):
        """What `flux reconcile` does: look again now."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        self.plane.admin.patch(self.path(kind, name, namespace),
                               {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": now}}})

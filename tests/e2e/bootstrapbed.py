# SPDX-License-Identifier: Apache-2.0
"""What bulla bootstrap needs around it, without a real cluster: an API server that knows the kinds of a cluster and
says so (discovery), Flux's kinds once their definitions are applied, and a repository.

    with Cluster(cert) as eu:                # an API server; eu.writes(): requests that are no reads
        eu.flux(repo)                        # Flux fetches: what its controllers and the agent would say
"""
import base64
import json

import yaml

from checkout import Checkout
from fakeapi import FakeApi
from fakestore import KINDS, Kind

IMAGE = "ghcr.io/barolab/bulla-agent:0.1.0"
URL = "ssh://git@github.com/barolab/foobar-infra"
REPOSITORY = "barolab/foobar-infra"
PATH = "clusters/eu-west9"
RBAC, ADMISSION = "rbac.authorization.k8s.io/v1", "admissionregistration.k8s.io/v1"
BUILT_IN = [Kind("apps/v1", "deployments", "Deployment"), Kind("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget"),
            Kind("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy"), Kind(RBAC, "roles", "Role"),
            Kind(RBAC, "rolebindings", "RoleBinding"), Kind(RBAC, "clusterroles", "ClusterRole", False),
            Kind(RBAC, "clusterrolebindings", "ClusterRoleBinding", False),
            Kind("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", False),
            Kind(ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", False),
            Kind(ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", False)]
SOURCE, FLUX = "source.toolkit.fluxcd.io/v1", "kustomize.toolkit.fluxcd.io/v1"


def definition(group, plural, kind):
    """A CustomResourceDefinition, as `flux install --export` has some."""
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind, "singular": kind.lower()},
                     "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                         "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


def components():
    """gotk-components.yaml, small: the kinds that bootstrap needs, a namespace and a Deployment."""
    return yaml.safe_dump_all([
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}},
        definition("source.toolkit.fluxcd.io", "gitrepositories", "GitRepository"),
        definition("kustomize.toolkit.fluxcd.io", "kustomizations", "Kustomization"),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "source-controller", "namespace": "flux-system"},
         "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "manager", "resources": {"limits": {"cpu": "1000m"}}}]}}}}])


class Cluster(FakeApi):
    def __init__(self, cert):
        super().__init__(cert)
        # a new cluster knows no kind of Bulla's
        self.store.kinds = [k for k in KINDS if k.group_version != "bulla.dev/v1"] + BUILT_IN
        self.on_write = lambda request, when: None  # when: "before" or "after"

    def discovery(self, path):
        version = path.removeprefix("/apis/").removeprefix("/api/")
        found = [k for k in self.store.kinds if k.group_version == version and k.path == path]
        return found and {"kind": "APIResourceList", "groupVersion": version, "resources": [
            {"name": k.plural, "kind": k.kind, "namespaced": k.namespaced, "verbs": ["get", "patch"]} for k in found]}

    def answer(self, r):
        if r.method == "GET" and (found := self.discovery(r.path)):
            return found
        if r.method != "GET":
            self.on_write(r, "before")
        out = super().answer(r)
        if r.method == "PATCH" and "/customresourcedefinitions/" in r.path:
            self.establish(json.loads(r.body))
        if r.method != "GET":
            self.on_write(r, "after")
        return out

    def establish(self, crd):
        spec = crd["spec"]
        version = f"{spec['group']}/{spec['versions'][0]['name']}"
        names = spec["names"]
        known = next((k for k in KINDS if k.group_version == version), None) or Kind(version, names["plural"], names["kind"], status=True)
        if known.plural not in {k.plural for k in self.store.kinds if k.group_version == version}:
            self.store.kinds.append(known)
        kind = self.store.kind("customresourcedefinitions")
        live = self.store.get(kind, "", crd["metadata"]["name"])
        if "status" not in live:
            self.store.change(kind, live, {**live, "status": {"conditions": [{"type": "Established", "status": "True"}]}})

    def know_flux(self):
        """Flux was installed some other way."""
        for crd in yaml.safe_load_all(components()):
            if crd["kind"] == "CustomResourceDefinition":
                self.store.put("customresourcedefinitions", "", crd["metadata"]["name"], spec=crd["spec"])
                self.establish(crd)

    # --- for tests

    def writes(self):
        return [(r.method, r.path) for r in self.requests if r.method != "GET"]

    def ready(self, plural, name, status="True", message="fine"):
        kind = self.store.kind(plural)
        live = self.store.get(kind, "flux-system", name)
        said = {"observedGeneration": live["metadata"]["generation"],
                "conditions": [{"type": "Ready", "status": status, "reason": "Test", "message": message}]}
        with self.store.lock:
            self.store.change(kind, live, {**live, "status": said}, subresource="status")

    def fetches(self):
        """What the agent and Flux say once all is well; what Flux applied is marked as its own."""
        self.ready("sealedcredentials", "flux-ssh")
        self.ready("gitrepositories", "flux-system")

    def keys(self):
        """Sealing keys: {file name: text}."""
        data = self.store.get(self.store.kind("secrets"), "bulla-system", "bulla-sealing-keys")["data"]
        return {name: base64.b64decode(value).decode() for name, value in data.items()}


class Bed:
    """A repository and a kubeconfig with a context for each cluster."""

    def __init__(self, path, ca, clusters):
        self.repo, self.clusters = Checkout(path), clusters
        self.repo.tool("age-keygen", "-o", str(path / "recovery.key"))
        self.config, self.ca = path / "kubeconfig", ca
        self.config.touch(0o600)
        self.point(clusters)
        self.repo.env["KUBECONFIG"] = str(self.config)

    def point(self, clusters):
        self.clusters = clusters
        self.config.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "users": [{"name": "u", "user": {"token": "t"}}],
            "clusters": [{"name": n, "cluster": {"server": a.url, "certificate-authority": str(self.ca)}}
                         for n, a in clusters.items()],
            "contexts": [{"name": f"c-{n}", "context": {"cluster": n, "user": "u"}} for n in clusters]}))

    def line(self, *more, cluster="eu-west9", context="c-eu", path=PATH, url=URL):
        return ["bootstrap", "--cluster", cluster, "--context", context, "--url", url, "--path", path, *more]

    def run(self, *more, status=0, input="", **of):
        return self.repo.bulla(*self.line(*more, **of), status=status, input=input)

    def components(self, path=PATH):
        self.repo.write(f"{path}/flux-system/gotk-components.yaml", components())


def tree(top):
    return {str(p.relative_to(top)): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(top.rglob("*"))
            if p.is_file() and ".git" not in p.relative_to(top).parts[:1]}


def load(path):
    return list(yaml.safe_load_all(path.read_text()))



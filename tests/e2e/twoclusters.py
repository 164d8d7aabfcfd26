# SPDX-License-Identifier: Apache-2.0
"""Two clusters on the tests' own API server, a kubeconfig for both, and what Flux and an agent would do there."""
import datetime
import json

import pytest
import yaml

from checkout import Checkout
from fakeapi import FakeApi
from kubeserver import Authority


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    ca = Authority(tmp_path_factory.mktemp("tls"), "cluster")
    return ca.ca, ca.issue("server", addresses=["127.0.0.1"])


@pytest.fixture
def clusters(tls, tmp_path):
    """Two of them, eu and us; and a kubeconfig with contexts c-eu and c-us."""
    with FakeApi(tls[1]) as eu, FakeApi(tls[1]) as us:
        found = {"eu": eu, "us": us}
        config = {"apiVersion": "v1", "kind": "Config", "users": [{"name": "u", "user": {"token": "t"}}],
                  "clusters": [{"name": n, "cluster": {"server": a.url, "certificate-authority": str(tls[0])}}
                               for n, a in found.items()],
                  "contexts": [{"name": f"c-{n}", "context": {"cluster": n, "user": "u"}} for n in found]}
        file = tmp_path / "kubeconfig"
        file.touch(0o600)
        file.write_text(yaml.safe_dump(config))
        yield found


@pytest.fixture
def repo(tmp_path, clusters):
    checkout = Checkout(tmp_path)
    checkout.init("-r", "eu", "-r", "us")
    checkout.env["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    return checkout


def seal(repo, name, file, value="x", *args):
    repo.bulla("seal", "opaque", name, "-n", "web", "--stdin", "PIN", "-w", file, *args, input=value)


def shown(repo):
    return {(d["namespace"], d["name"], d["file"]): d for d in
            json.loads(repo.bulla("show", "-o", "json").out)["documents"]}


def put(api, repo, file, status="True", reason="Applied", message="fine", digest=None, observed=None, not_after=None,
        stalled=False):
    """What Flux applied from a file, and what an agent said of it."""
    document = yaml.safe_load((repo.top / file).read_text())
    name, namespace = document["metadata"]["name"], document["metadata"]["namespace"]
    [entry] = [d for (n, m, f), d in shown(repo).items() if (n, m) == (namespace, name) and f.endswith(file)]
    api.store.put("sealedcredentials", namespace, name, spec=document["spec"])
    kind = api.store.kind("sealedcredentials")
    live = api.store.get(kind, namespace, name)
    said = {"observedGeneration": live["metadata"]["generation"] if observed is None else observed,
            "digest": entry["digest"] if digest is None else digest,
            "conditions": [{"type": "Ready", "status": status, "reason": reason, "message": message}]}
    if stalled:
        said["conditions"].append({"type": "Stalled", "status": "True", "reason": reason, "message": message})
    if not_after:
        said["notAfter"] = not_after
    with api.store.lock:
        api.store.change(kind, live, {**live, "status": said}, subresource="status")


def in_days(n):
    return (datetime.datetime.utcnow() + datetime.timedelta(days=n, minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")

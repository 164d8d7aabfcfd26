# SPDX-License-Identifier: Apache-2.0
"""Flux and sealed-secrets run beside the control plane as in a cluster: one proof each."""
import yaml

import need
import pod
from gitserver import make_key
from processes import wait_for
from sealedsecrets import SealedSecrets

FLUX_SYSTEM = "/api/v1/namespaces/flux-system"


def deploy_key(api, server, path, name, kind="ecdsa"):
    """A new key that the server knows, as the Secret that source-controller reads."""
    public = make_key(path, kind)
    server.authorize(public)
    api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "flux-system"},
               "stringData": {"identity": path.read_text(), "identity.pub": public,
                              "known_hosts": server.known_hosts()}})
    return public


def test_a_git_repository_over_ssh_becomes_ready_and_is_applied(flux, git_server, api, tmp_path):
    repo = git_server.repository("infra")
    head = repo.commit({"apps/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-git, namespace: "
                                         "flux-system}\ndata: {a: '1'}\n"})
    flux.git_repository("infra", repo.url, "flux-ssh")
    source = flux.path("GitRepository", "infra")
    # without its Secret it says so, and nothing is tried
    api.wait_condition(source, "Ready", "False", reason="AuthenticationFailed")
    deploy_key(api, git_server, tmp_path / "key", "flux-ssh")
    flux.reconcile("GitRepository", "infra")
    ready = api.wait_condition(source, "Ready")
    assert ready["status"]["artifact"]["revision"] == f"main@sha1:{head}"
    flux.kustomization("apps", "infra", "./apps", wait=True)
    api.wait_condition(flux.path("Kustomization", "apps"), "Ready", seconds=60)
    assert api.get(f"{FLUX_SYSTEM}/configmaps/from-git")["data"] == {"a": "1"}
    # a push, told
    repo.commit({"apps/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-git, namespace: "
                                  "flux-system}\ndata: {a: '2'}\n"})
    flux.reconcile("GitRepository", "infra")
    wait_for(lambda: api.get(f"{FLUX_SYSTEM}/configmaps/from-git")["data"] == {"a": "2"}, 30)


def test_a_revoked_deploy_key_is_noticed(flux, git_server, api, tmp_path):
    repo = git_server.repository("other")
    repo.commit({"a": "1"})
    public = deploy_key(api, git_server, tmp_path / "key", "other-ssh", kind="ed25519")
    flux.git_repository("other", repo.url, "other-ssh")
    source = flux.path("GitRepository", "other")
    api.wait_condition(source, "Ready")
    git_server.revoke(public)
    repo.commit({"a": "2"})
    flux.reconcile("GitRepository", "other")
    api.wait_condition(source, "Ready", "False")
    api.delete(source)


def test_sealed_secrets_opens_what_kubeseal_sealed(control_plane, namespace, tmp_path):
    programs = need.programs("sealed-secrets")
    if not pod.possible():
        need.missing("the sealed-secrets controller needs a mount namespace, which this user may not have")
    api = control_plane.admin
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace},
              "data": {"a": "aHVudGVyMg=="}}
    with SealedSecrets(control_plane, tmp_path / "neighbour", programs) as neighbour:
        sealed = neighbour.seal(secret)
        assert "aHVudGVyMg" not in sealed
        made = api.create(yaml.safe_load(sealed))
        opened = wait_for(lambda: api.get(f"/api/v1/namespaces/{namespace}/secrets/s", absent=True), 30)
        assert opened["data"] == secret["data"]
        api.wait_condition(api.path_of(made), "Synced")
        assert neighbour.server.rss() > 10 << 20 and neighbour.server.cpu() > 0

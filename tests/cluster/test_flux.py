# SPDX-License-Identifier: Apache-2.0
"""Flux beside the agent: its sources look again when a Secret changed, and keep those that they use (DESIGN 6.1)."""
import datetime
import re
import subprocess

import pytest

import need
from agentbed import AGENT, MANIFESTS, SYSTEM, annotations, conditions, value
from api import ApiError
from flux import KINDS, Flux, crds
from gitserver import make_key
from processes import wait_for

REQUESTED, VERSION = "reconcile.fluxcd.io/requestedAt", "bulla.dev/secret-version"
NOWHERE = "ssh://git@127.0.0.1:1/infra.git"


@pytest.fixture
def flux_bed(new_bed, flux):
    """The cluster install with the rights of the component flux; flux_bed.flux: what makes sources."""
    made = new_bed()
    made.flux = flux
    files = [MANIFESTS / f"components/flux/{name}.yaml" for name in ("clusterrole", "policy")]
    things = [thing for file in files for thing in made.api.apply_file(file)]
    agent = made.api.as_token(made.token_file.read_text())
    wait_for(lambda: lists_all(agent), 20, "the agent's rights, and the kinds served", pause=0.1)
    yield made
    for thing in reversed(things):
        made.api.delete(made.api.path_of(thing))
    for namespace in made.namespaces:
        for kind in KINDS:
            made.api.request("DELETE", flux.path(kind, "", namespace).rstrip("/"), {}, expect=404)


def lists_all(agent):
    for plural in ("gitrepositories", "ocirepositories", "helmrepositories", "buckets"):
        try:
            agent.list(f"/apis/source.toolkit.fluxcd.io/v1/{plural}")
        except ApiError as e:
            raise AssertionError(str(e)) from e
    return True


def source(bed, name, ns, kind="GitRepository"):
    return bed.api.get(bed.flux.path(kind, name, ns))


def version(bed, name, ns):
    found = bed.secret_object(name, ns)
    assert found, f"no Secret {name}"
    return found["metadata"]["resourceVersion"]


def told(bed, name, ns, secret, seconds=10, kind="GitRepository"):
    """The source once it was told of the Secret as it is."""
    def there():
        found = source(bed, name, ns, kind)
        assert annotations(found).get(VERSION) == version(bed, secret, ns), found["metadata"]
        return found
    return wait_for(there, seconds, f"{kind} {name} told", pause=0.05)


def requested(thing):
    text = annotations(thing)[REQUESTED]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", text), text
    return datetime.datetime.fromisoformat(text[:26] + "+00:00")


def deploy_key(bed, ns, server, private_key, repo):
    known = bed.folder / "known_hosts"
    known.write_text(server.known_hosts())
    bed.api.apply_yaml(bed.bulla("seal", "deploy-key", "flux-ssh", "-n", ns, "--url", repo.url, "--private-key", "-",
                                 "--known-hosts", known, "-r", bed.key, input=private_key.read_bytes()))


def fetched(bed, ns, head, seconds):
    """The source once Flux has done what it was asked, and that commit is there."""
    def there():
        found = source(bed, "infra", ns)
        ready = conditions(found).get("Ready")
        assert ready and ready["status"] == "True", ready
        # Flux writes its conditions first, the rest of the status after
        status, asked = found["status"], annotations(found).get(REQUESTED)
        assert status.get("artifact", {}).get("revision", "").endswith(head), status
        assert asked and status.get("lastHandledReconcileAt") == asked, status
        return found
    return wait_for(there, seconds, f"revision {head}", pause=0.05)


def test_a_new_deploy_key_is_fetched_with_at_once(flux_bed, git_server, tmp_path):
    """At an interval of an hour it is the agent alone that makes Flux look."""
    bed, ns = flux_bed, flux_bed.namespace()
    repo = git_server.repository("infra")
    head = repo.commit({"a": "1"})
    first, second = (make_key(tmp_path / name) for name in ("first", "second"))
    git_server.authorize(first)
    bed.flux.git_repository("infra", repo.url, secret="flux-ssh", interval="1h", namespace=ns)
    with bed.run("--flux") as agent:
        deploy_key(bed, ns, git_server, tmp_path / "first", repo)
        fetched(bed, ns, head, 20)
        before = told(bed, "infra", ns, "flux-ssh")
        git_server.authorize(second)
        git_server.revoke(first)
        head = repo.commit({"a": "2"})
        deploy_key(bed, ns, git_server, tmp_path / "second", repo)
        after = fetched(bed, ns, head, 20)
        assert annotations(after)[VERSION] == version(bed, "flux-ssh", ns) != annotations(before)[VERSION]
        assert requested(after) > requested(before)
        assert len(agent.matching(msg="source asked to look again", name="infra", namespace=ns)) == 2


def test_every_kind_and_every_reference(flux_bed):
    bed, ns, other = flux_bed, flux_bed.namespace(), flux_bed.namespace()
    made = {
        "GitRepository": {"url": NOWHERE, "secretRef": {"name": "x"},
                          "verify": {"mode": "HEAD", "secretRef": {"name": "login"}}},
        "OCIRepository": {"url": "oci://127.0.0.1:1/x", "certSecretRef": {"name": "login"}},
        "HelmRepository": {"url": "http://127.0.0.1:1/", "secretRef": {"name": "login"}},
        "Bucket": {"bucketName": "b", "endpoint": "127.0.0.1:1", "secretRef": {"name": "x"},
                   "proxySecretRef": {"name": "login"}},
    }
    for kind, spec in made.items():
        bed.flux.apply(kind, "uses", {"interval": "1h", **spec}, ns)
    bed.flux.git_repository("not", NOWHERE, secret="x", interval="1h", namespace=ns)
    bed.flux.git_repository("elsewhere", NOWHERE, secret="login", interval="1h", namespace=other)
    with bed.run("--flux"):
        bed.put("login", {"v": value()}, ns)
        for kind in made:
            told(bed, "uses", ns, "login", kind=kind)
    for name, namespace in (("not", ns), ("elsewhere", other)):
        assert not {REQUESTED, VERSION} & annotations(source(bed, name, namespace)).keys()


def test_a_source_of_two_secrets_is_told_of_both(flux_bed):
    bed, ns = flux_bed, flux_bed.namespace()
    bed.flux.git_repository("infra", NOWHERE, secret="login", interval="1h", namespace=ns,
                            proxySecretRef={"name": "proxy"})
    with bed.run("--flux"):
        bed.put_many(["login", "proxy"], ns)
        bed.all_ready(ns)
        wait_for(lambda: both(bed, ns), 20, "both versions", pause=0.05)
    asked = annotations(source(bed, "infra", ns))
    once(bed)
    assert annotations(source(bed, "infra", ns)) == asked
    bed.put("proxy", {"v": value()}, ns)
    once(bed)
    assert both(bed, ns) and annotations(source(bed, "infra", ns)) != asked


def both(bed, ns):
    wanted = ",".join(version(bed, name, ns) for name in ("login", "proxy"))
    found = annotations(source(bed, "infra", ns)).get(VERSION)
    assert found == wanted, (found, wanted)
    return True


def once(bed):
    """An agent that ends when all is done, the sources told."""
    done = subprocess.run([AGENT, "--kubernetes", "--keys", bed.keys, "--kubeconfig", bed.kubeconfig(),
                           "--agent-namespace", SYSTEM, "--flux", "--once"], env=bed.env, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_source_is_told_once_in_ten_seconds(flux_bed):
    bed, ns = flux_bed, flux_bed.namespace()
    bed.flux.git_repository("infra", NOWHERE, secret="login", interval="1h", namespace=ns)
    with bed.run("--flux") as agent:
        bed.put("login", {"v": value()}, ns)
        first = told(bed, "infra", ns, "login")
        for _ in range(3):
            bed.put("login", {"v": value()}, ns)
            bed.ready("login", ns)
        last = told(bed, "infra", ns, "login", seconds=15)
        assert 9.9 < (requested(last) - requested(first)).total_seconds() < 13
        assert len(agent.matching(msg="source asked to look again", namespace=ns)) == 2


def test_what_an_agent_left_untold_is_told_by_the_next(flux_bed):
    """And nothing else: neither what was told, nor what never needed to be."""
    bed, ns = flux_bed, flux_bed.namespace()
    for name in ("told", "untold"):
        bed.flux.git_repository(name, NOWHERE, secret="login", interval="1h", namespace=ns)
    with bed.run("--flux"):
        bed.put("login", {"v": value()}, ns)
        for name in ("told", "untold"):
            told(bed, name, ns, "login")
        bed.ready("login", ns)
    before = annotations(source(bed, "told", ns))
    bed.api.patch(bed.flux.path("GitRepository", "untold", ns), {"metadata": {"annotations": {VERSION: "1"}}})
    bed.flux.git_repository("never", NOWHERE, secret="login", interval="1h", namespace=ns)
    with bed.run("--flux") as agent:
        told(bed, "untold", ns, "login")
        assert len(agent.matching(msg="source asked to look again", namespace=ns)) == 1
        assert agent.metrics()["bulla_secrets_written_total"] == 0
    assert annotations(source(bed, "told", ns)) == before
    assert VERSION not in annotations(source(bed, "never", ns))


@pytest.mark.parametrize("kind, spec", [
    ("GitRepository", {"url": NOWHERE, "secretRef": {"name": "login"}}),
    ("Bucket", {"bucketName": "b", "endpoint": "127.0.0.1:1", "certSecretRef": {"name": "login"}})])
def test_a_secret_that_a_source_uses_stays(flux_bed, kind, spec):
    bed, ns = flux_bed, flux_bed.namespace()
    bed.flux.apply(kind, "infra", {"interval": "1h", **spec}, ns)
    with bed.run("--flux", "--settle", 0) as agent:
        document = bed.put("login", {"v": value()}, ns, policy="Delete")
        bed.put("free", {"v": value()}, ns, policy="Delete")
        bed.all_ready(ns)
        for name in ("login", "free"):
            bed.api.delete(bed.api.path_of({**document, "metadata": {"name": name, "namespace": ns}}))
        line = agent.wait_log(msg="document", reason="StillReferenced", namespace=ns)
        assert line["name"] == "login" and f"{kind} infra" in line["text"], line
        bed.until_secret("free", ns, lambda s: s is None)
        assert agent.count("StillReferenced") == 1
        assert bed.secret("login", ns) == bed.sealed["login", ns]
        bed.api.delete(bed.flux.path(kind, "infra", ns))
        bed.until_secret("login", ns, lambda s: s is None, seconds=40)
        agent.wait_count("StillReferenced", 0)
        assert len(agent.matching(msg="document", reason="StillReferenced", namespace=ns)) == 1


def test_a_document_that_comes_back_is_served_at_once(flux_bed):
    bed, ns = flux_bed, flux_bed.namespace()
    bed.flux.git_repository("infra", NOWHERE, secret="login", interval="1h", namespace=ns)
    with bed.run("--flux", "--settle", 0) as agent:
        document = bed.put("login", {"v": value()}, ns, policy="Delete")
        uid = bed.ready("login", ns) and bed.secret_object("login", ns)["metadata"]["uid"]
        bed.api.delete(bed.api.path_of(document))
        agent.wait_log(msg="document", reason="StillReferenced", namespace=ns)
        bed.put("login", {"v": value()}, ns, policy="Delete")
        bed.ready("login", ns, seconds=5)
        assert bed.secret_object("login", ns)["metadata"]["uid"] == uid


def test_without_the_option_flux_is_none_of_its_business(flux_bed):
    bed, ns = flux_bed, flux_bed.namespace()
    bed.flux.git_repository("infra", NOWHERE, secret="login", interval="1h", namespace=ns)
    with bed.run("--settle", 0):
        document = bed.put("login", {"v": value()}, ns, policy="Delete")
        bed.ready("login", ns)
        bed.api.delete(bed.api.path_of(document))
        bed.until_secret("login", ns, lambda s: s is None)
    assert not {REQUESTED, VERSION} & annotations(source(bed, "infra", ns)).keys()


def test_flux_that_is_installed_after_the_agent_is_told(new_control_plane, new_bed, tmp_path):
    """The order of a new cluster: what is not there yet is looked for again, and the change in between is not lost."""
    found = need.programs("flux")
    bed = new_bed(new_control_plane())
    bed.flux = Flux(bed.plane, tmp_path / "flux", found)  # only to make objects
    for name in ("clusterrole", "policy"):
        bed.api.apply_file(MANIFESTS / f"components/flux/{name}.yaml")
    ns = bed.namespace()
    with bed.run("--flux"):
        bed.put("login", {"v": value()}, ns)
        bed.ready("login", ns)
        for file in crds(found, "source-controller"):
            bed.api.apply_file(file)
        wait_for(lambda: lists_all(bed.api), 20, "the kinds served", pause=0.1)
        bed.flux.git_repository("infra", NOWHERE, secret="login", interval="1h", namespace=ns)
        bed.put("login", {"v": value()}, ns)
        bed.ready("login", ns)
        told(bed, "infra", ns, "login", seconds=20)


def test_without_the_rights_it_says_so_once_and_removes_nothing(bed, flux):
    ns = bed.namespace()
    agent_api = bed.api.as_token(bed.token_file.read_text())
    with pytest.raises(ApiError, match="403"):
        agent_api.list(f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{ns}/buckets")
    flux.git_repository("infra", NOWHERE, secret="login", interval="1h", namespace=ns)
    with bed.run("--flux", "--settle", 0) as agent:
        document = bed.put("login", {"v": value()}, ns, policy="Delete")
        bed.ready("login", ns)
        agent.wait_log(msg=re.compile("sources of Flux may not be listed"), kind="Bucket")
        bed.put("login", {"v": value()}, ns, policy="Delete")
        bed.ready("login", ns)
        bed.api.delete(bed.api.path_of(document))
        line = agent.wait_log(msg="document", reason="WriteFailed", namespace=ns)
        assert "whether a source of Flux still uses the Secret" in line["text"]
        assert bed.secret("login", ns) == bed.sealed["login", ns]
        assert len(agent.matching(msg=re.compile("may not be listed"))) == 4, agent.tail()
    flux.plane.admin.delete(flux.path("GitRepository", "infra", ns))

# SPDX-License-Identifier: Apache-2.0
"""Flux beside the agent: its sources look again when a Secret changed, and keep those that they use (DESIGN 6.1)."""
import datetime
import re
import subprocess

import pytest

import need
import test_accounts
import test_fanout
from agentbed import AGENT, MANIFESTS, OWNER, SYSTEM, annotations, conditions, documents_path, value
from api import ApiError
from flux import KINDS, Flux, crds
from gitserver import make_key
from processes import wait_for
from test_fanout import allow, copied, fanned, gone, put, with_map

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


# --- copies in other namespaces -------------------------------------------------------------------------------------------


@pytest.fixture
def fan_bed(flux_bed):
    """The same with the rights of the component fan-out."""
    return with_map(flux_bed)


def run(bed):
    return test_fanout.run(bed, "--flux")


def images(bed, name, ns, **spec):
    """A source that logs in with the copy."""
    return bed.flux.apply("OCIRepository", name, {"interval": "1h", "url": "oci://127.0.0.1:1/x",
                                                  "secretRef": {"name": "login"}, **spec}, ns)


def test_a_source_of_a_copy_is_told(fan_bed):
    bed = fan_bed
    home, one, two = (bed.namespace() for _ in range(3))
    allow(bed, home, one, two)
    for ns in (one, two):
        images(bed, "app", ns)
    with run(bed) as agent:
        for _ in range(2):
            put(bed, "login", home, one, two)
            for ns in (one, two):
                copied(bed, "login", home, ns)
                told(bed, "app", ns, "login", seconds=15, kind="OCIRepository")
        fanned(bed, "login", home, "True", "Applied")
        assert len(agent.matching(msg="source asked to look again")) == 4, agent.tail()


def test_what_an_agent_left_untold_of_copies_is_told_by_the_next(fan_bed):
    """And nothing else, though it is not known at the start which copies are there."""
    bed = fan_bed
    home, one = bed.namespace(), bed.namespace()
    allow(bed, home, one)
    images(bed, "untold", one)
    images(bed, "told", one, certSecretRef={"name": "own"})
    with run(bed):
        put(bed, "login", home, one)
        bed.put("own", {"v": value()}, one)
        told(bed, "untold", one, "login", kind="OCIRepository")

        def both_told():
            found = annotations(source(bed, "told", one, "OCIRepository")).get(VERSION)
            assert set(found.split(",")) == {version(bed, name, one) for name in ("login", "own")}, found
            return True
        wait_for(both_told, 20, "both versions", pause=0.05)
        fanned(bed, "login", home, "True", "Applied")
        bed.ready("own", one)
    before = annotations(source(bed, "told", one, "OCIRepository"))
    bed.api.patch(bed.flux.path("OCIRepository", "untold", one), {"metadata": {"annotations": {VERSION: "1"}}})
    images(bed, "never", one)
    with run(bed) as agent:
        told(bed, "untold", one, "login", kind="OCIRepository")
        # what comes now is told, and then nothing else waits
        put(bed, "after", home, one)
        copied(bed, "after", home, one)
        images(bed, "late", one, secretRef={"name": "after"})
        put(bed, "after", home, one)
        told(bed, "late", one, "after", kind="OCIRepository", seconds=15)
        assert {line["name"] for line in agent.matching(msg="source asked to look again")} == {"untold", "late"}
    assert annotations(source(bed, "told", one, "OCIRepository")) == before
    assert VERSION not in annotations(source(bed, "never", one, "OCIRepository"))


STAYS = "copy of a Secret that is to go stays while a source of Flux uses it"


def test_a_copy_that_a_source_uses_outlives_its_document(fan_bed):
    """With its name in a service account; another copy goes."""
    bed = fan_bed
    home, one, two = (bed.namespace() for _ in range(3))
    allow(bed, home, one, two, serviceAccounts=["builder"])
    for ns in (one, two):
        test_accounts.make_account(bed, ns)
    images(bed, "app", one)
    with run(bed) as agent:
        test_accounts.seal(bed, "login", home, [one, two], "builder")
        for ns in (one, two):
            test_accounts.until(bed, ns, ["login"], ["login"])
        data = bed.secret("login", one)
        bed.api.delete(documents_path(home, "login"))
        line = agent.wait_log(msg=STAYS)
        assert (line["namespace"], line["name"], line["from"], line["source"]) == (one, "login", home, "OCIRepository app")
        for ns in (home, two):
            gone(bed, "login", ns)
        test_accounts.until(bed, two, [])
        assert bed.secret("login", one) == data
        assert test_accounts.listed(test_accounts.account(bed, one)) == ["login"]
    with run(bed) as agent:
        agent.wait_log(msg=STAYS)
        assert bed.secret("login", one) == data
        bed.api.delete(bed.flux.path("OCIRepository", "app", one))
        gone(bed, "login", one, seconds=40)
        assert len(agent.matching(msg=STAYS)) == 1
        test_accounts.until(bed, one, [])


def test_a_copy_that_a_source_uses_stays_though_no_longer_named(fan_bed):
    bed = fan_bed
    home, one, two = (bed.namespace() for _ in range(3))
    allow(bed, home, one, two)
    images(bed, "app", one)
    with run(bed) as agent:
        put(bed, "login", home, one, two)
        for ns in (one, two):
            before = copied(bed, "login", home, ns)
        before = copied(bed, "login", home, one)
        put(bed, "login", home, two)
        fanned(bed, "login", home, "False", "StillReferenced", f"{one} (OCIRepository app)")
        fanned(bed, "login", home, "False", "StillReferenced", "copies in place: 1 of 1; ")
        bed.says("login", home, "Applied")
        assert bed.secret_object("login", one)["metadata"]["uid"] == before["metadata"]["uid"]
        # named again it is kept up at once
        put(bed, "login", home, one, two)
        copied(bed, "login", home, one, seconds=5)
        fanned(bed, "login", home, "True", "Applied", "copies in place: 2 of 2")
        put(bed, "login", home, two)
        fanned(bed, "login", home, "False", "StillReferenced")
        bed.api.delete(bed.flux.path("OCIRepository", "app", one))
        gone(bed, "login", one, seconds=40)
        fanned(bed, "login", home, "True", "Applied", "copies in place: 1 of 1")
        assert len(agent.matching(msg=STAYS)) == 2


def test_a_copy_that_a_source_uses_gives_way_to_a_document(fan_bed):
    """It is replaced in a moment by the Secret of the same name, of which the source is told."""
    bed = fan_bed
    home, one = bed.namespace(), bed.namespace()
    allow(bed, home, one)
    images(bed, "app", one)
    with run(bed):
        put(bed, "login", home, one)
        copied(bed, "login", home, one)
        bed.put("login", {"own": value()}, one)
        bed.ready("login", one)
        assert annotations(bed.secret_object("login", one))[OWNER] == f"{one}/login"
        told(bed, "app", one, "login", seconds=15, kind="OCIRepository")


def test_a_copy_stays_where_it_cannot_be_seen_who_uses_it(bed):
    """The agent without the rights of the component flux."""
    bed = with_map(bed)
    home, one = bed.namespace(), bed.namespace()
    allow(bed, home, one)
    with run(bed) as agent:
        put(bed, "login", home, one)
        copied(bed, "login", home, one)
        put(bed, "login", home, home)
        agent.wait_log(msg="copy of a Secret stays: it cannot be seen whether a source of Flux uses it", namespace=one,
                       status="403")
        assert bed.secret("login", one)

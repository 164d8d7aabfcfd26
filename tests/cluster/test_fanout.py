# SPDX-License-Identifier: Apache-2.0
"""Fan-out on a real API server (DESIGN 6.1): copies where both the document's facts and the agent's map say so."""
import base64
import json
import signal
import subprocess

import pytest
import yaml

from agentbed import (ADOPT, AGENT, MANIFESTS, OWNER, SYSTEM, annotations, conditions, documents_path, identity, secrets_path,
                      value)
from processes import wait_for


SERVER = "registry.example.org"


def with_map(bed):
    """The bed, with the rights of the component fan-out.  bed.tokens: what was sealed last, by name and namespace."""
    for name in ("clusterrole", "policy"):
        bed.api.apply_file(MANIFESTS / f"components/fan-out/{name}.yaml")
    bed.map, bed.tokens = bed.folder / "map" / "fan-out.yaml", {}
    bed.map.parent.mkdir()  # the agent reads its folder, where no key may be
    return bed


@pytest.fixture
def fans(bed):
    return with_map(bed)


def allow(bed, source, *targets, **more):
    bed.map.write_text(yaml.safe_dump({source: {"namespaces": list(targets), **more}}))


def put(bed, name, source, *targets, more=()):
    """Seal a registry login that names these targets, and apply it."""
    token = value()
    bed.values.add(token)
    bed.tokens[name, source] = token
    text = bed.bulla("seal", "registry", name, "-n", source, "--server", SERVER, "--username", "u", "--token-file", "-",
                     "--namespaces", ",".join(targets), "-r", bed.key, *more, input=token.encode())
    return bed.api.apply(yaml.safe_load(text))


def token_of(data):
    entry = json.loads(data[".dockerconfigjson"])["auths"].get(SERVER, {}) if data and ".dockerconfigjson" in data else {}
    return base64.b64decode(entry.get("auth", "")).decode().partition(":")[2]


def run(bed, *more):
    return bed.run("--fan-out", bed.map, "--settle", 0, *more)


def copied(bed, name, source, target, seconds=20):
    """The copy, once it is what was sealed last."""
    return bed.until_secret(name, target, lambda data: token_of(data) == bed.tokens[name, source], seconds, "the copy")


def gone(bed, name, target, seconds=20):
    bed.until_secret(name, target, lambda data: data is None, seconds, "the copy gone")


def foreign(bed, namespace, marks=None):
    return bed.api.create({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
                           "stringData": {".dockerconfigjson": '{"auths": {}}'},
                           "metadata": {"name": "login", "namespace": namespace, "annotations": marks or {}}})


def fanned(bed, name, source, status, reason, message="", seconds=20):
    def told(document):
        assert document, "no document"
        condition = conditions(document).get("FannedOut")
        assert condition, conditions(document)
        assert (condition["status"], condition["reason"]) == (status, reason), condition
        assert message in condition["message"], condition
        assert condition["observedGeneration"] == document["metadata"]["generation"], condition
        return True
    return bed.until_document(name, source, told, seconds, f"FannedOut {status} {reason}")


def test_copies_are_made_where_facts_and_map_agree(fans):
    source, one, two, other = (fans.namespace() for _ in range(4))
    allow(fans, source, one, two)
    with run(fans):
        put(fans, "login", source, one, two)
        document = fans.says("login", source, "Applied")
        for target in (one, two):
            copy = copied(fans, "login", source, target)
            assert annotations(copy)[OWNER] == f"{source}/login"
            assert copy["type"] == "kubernetes.io/dockerconfigjson" and not copy["metadata"].get("ownerReferences")
        document = fanned(fans, "login", source, "True", "Applied", "copies in place: 2 of 2")
        assert conditions(document)["Ready"]["status"] == "True"
        assert document["status"]["keys"], "what opened it is still told"
        assert fans.secret("login", other) is None


def test_what_the_map_does_not_allow_is_said_and_not_made(fans):
    source, one, two = (fans.namespace() for _ in range(3))
    allow(fans, source, one)
    with run(fans):
        put(fans, "login", source, one, two)
        put(fans, "lonely", two, one)
        copied(fans, "login", source, one)
        fanned(fans, "login", source, "False", "NotAllowed", two)
        fanned(fans, "lonely", two, "False", "NotAllowed", "map allows no copies")
        assert fans.secret("login", two) is None and fans.secret("lonely", one) is None
        fans.says("login", source, "Applied")


def test_a_kind_that_the_map_does_not_name_reaches_nothing(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one, kinds=["tls"])
    with run(fans):
        put(fans, "login", source, one)
        fanned(fans, "login", source, "False", "NotAllowed")
        assert fans.secret("login", one) is None


def test_the_namespace_of_the_agent_is_never_reached(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, "*")
    with run(fans):
        put(fans, "login", source, SYSTEM, "kube-*", one)
        copied(fans, "login", source, one)
        fanned(fans, "login", source, "True", "Applied", "copies in place: 1 of 1")
        for never in (SYSTEM, "kube-system", "kube-public"):
            assert fans.secret("login", never) is None


def test_a_new_namespace_gets_its_copy_at_once(fans):
    source = fans.namespace()
    allow(fans, source, "t-*")
    with run(fans):
        put(fans, "login", source, "t-*")
        fans.says("login", source, "Applied")
        late = fans.namespace()
        copied(fans, "login", source, late, seconds=3)


def test_an_update_reaches_the_copies(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one)
    with run(fans):
        put(fans, "login", source, one)
        before = copied(fans, "login", source, one)
        put(fans, "login", source, one)
        after = copied(fans, "login", source, one)
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        fanned(fans, "login", source, "True", "Applied")


def test_a_target_that_is_no_longer_named_loses_its_copy(fans):
    source, one, two = (fans.namespace() for _ in range(3))
    allow(fans, source, one, two)
    with run(fans):
        put(fans, "login", source, one, two)
        copied(fans, "login", source, two)
        put(fans, "login", source, one)
        gone(fans, "login", two)
        copied(fans, "login", source, one)
        put(fans, "login", source, one, two)
        copied(fans, "login", source, two)


def test_a_narrower_map_takes_nothing_away(fans):
    source, one, two = (fans.namespace() for _ in range(3))
    allow(fans, source, one, two)
    with run(fans) as agent:
        put(fans, "login", source, one, two)
        kept = copied(fans, "login", source, two)
        copied(fans, "login", source, one)
        allow(fans, source, one)
        agent.process.send_signal(signal.SIGHUP)
        fanned(fans, "login", source, "False", "NotAllowed", two)
        put(fans, "login", source, one, two)
        copied(fans, "login", source, one)
        assert identity(fans.secret_object("login", two)) == identity(kept)
        fans.map.write_text("nonsense: [\n")
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_log(msg="the map of fan-out cannot be read; the one before stays")
        allow(fans, source, one, two)
        agent.process.send_signal(signal.SIGHUP)
        copied(fans, "login", source, two)
        fanned(fans, "login", source, "True", "Applied")


def test_a_foreign_secret_stays_and_the_others_get_theirs(fans):
    source, one, two = (fans.namespace() for _ in range(3))
    allow(fans, source, one, two)
    theirs = foreign(fans, one)
    with run(fans):
        put(fans, "login", source, one, two)
        copied(fans, "login", source, two)
        document = fanned(fans, "login", source, "False", "Foreign", one)
        assert conditions(document)["Ready"]["status"] == "True"
        assert identity(fans.secret_object("login", one)) == identity(theirs)


def test_a_secret_given_to_the_document_becomes_its_copy(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one)
    theirs = foreign(fans, one, {ADOPT: f"{source}/login"})
    with run(fans):
        put(fans, "login", source, one)
        copy = copied(fans, "login", source, one)
        assert copy["metadata"]["uid"] == theirs["metadata"]["uid"]
        assert annotations(copy)[OWNER] == f"{source}/login" and ADOPT not in annotations(copy)


def test_a_local_document_wins(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one)
    with run(fans):
        put(fans, "login", source, one)
        copied(fans, "login", source, one)
        fans.put("login", {"own": value()}, one)
        fans.ready("login", one)
        assert annotations(fans.secret_object("login", one))[OWNER] == f"{one}/login"
        fanned(fans, "login", source, "True", "Applied", "document of this name")
        fans.api.delete(documents_path(one, "login"))
        copied(fans, "login", source, one, seconds=40)


def test_copies_go_with_their_document(fans):
    source, one, two = (fans.namespace() for _ in range(3))
    allow(fans, source, one, two)
    with run(fans):
        put(fans, "login", source, one, two)
        copied(fans, "login", source, one)
        copied(fans, "login", source, two)
        fans.api.delete(documents_path(source, "login"))
        for namespace in (source, one, two):
            gone(fans, "login", namespace)


def test_copies_of_a_document_that_went_while_no_agent_was_there_go(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one)
    with run(fans):
        put(fans, "login", source, one)
        copied(fans, "login", source, one)
        fanned(fans, "login", source, "True", "Applied")
    fans.api.delete(documents_path(source, "login"))
    assert fans.secret("login", one)
    with run(fans):
        gone(fans, "login", source)
        gone(fans, "login", one)


def test_retained_copies_stay(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one)
    with run(fans) as agent:
        put(fans, "login", source, one, more=["--deletion-policy", "Retain"])
        kept = copied(fans, "login", source, one)
        fanned(fans, "login", source, "True", "Applied")
        fans.api.delete(documents_path(source, "login"))
        agent.wait_count("Applied", 0)
        put(fans, "other", source, one)
        copied(fans, "other", source, one)
        assert identity(fans.secret_object("login", one)) == identity(kept)


def test_a_restart_writes_nothing(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one)
    with run(fans):
        put(fans, "login", source, one)
        copied(fans, "login", source, one)
        fanned(fans, "login", source, "True", "Applied")
    before = [identity(fans.secret_object("login", n)) for n in (source, one)]
    document = identity(fans.document("login", source))
    with run(fans):
        put(fans, "after", source, one)
        copied(fans, "after", source, one)
        fanned(fans, "after", source, "True", "Applied")
    assert [identity(fans.secret_object("login", n)) for n in (source, one)] == before
    assert identity(fans.document("login", source)) == document


def test_a_copy_changed_by_hand_is_repaired(fans):
    source, one = fans.namespace(), fans.namespace()
    allow(fans, source, one)
    with run(fans, "--full-look", 1):
        put(fans, "login", source, one)
        copied(fans, "login", source, one)
        fans.api.request("PATCH", secrets_path(one, "login"), {"stringData": {"planted": "x"}},
                         content_type="application/merge-patch+json")
        copied(fans, "login", source, one)
        fans.api.delete(secrets_path(one, "login"))
        copied(fans, "login", source, one)


def test_facts_changed_outside_reach_nothing(fans):
    """The facts are claims until the opener has compared them with what is inside."""
    source, one, two = (fans.namespace() for _ in range(3))
    allow(fans, source, one, two)
    with run(fans):
        document = put(fans, "login", source, one)
        copied(fans, "login", source, one)
        for part in document["spec"]["parts"].values():
            part["facts"]["namespaces"] = two
        document["metadata"] = {k: document["metadata"][k] for k in ("name", "namespace", "annotations")}
        document.pop("status", None)
        fans.api.apply(document)
        fans.says("login", source, "Refused")
        assert fans.secret("login", two) is None
        assert token_of(fans.secret("login", one)) == fans.tokens["login", source]


@pytest.mark.parametrize("text, where", [("a: [\n", ":2:"), ("a:\n  nonsense: x\n", ":2:"), (None, "fan-out.yaml")])
def test_a_bad_map_ends_the_agent_at_once(fans, text, where):
    if text is not None:
        fans.map.write_text(text)
    done = subprocess.run([AGENT, "--kubernetes", "--keys", fans.keys, "--kubeconfig", fans.kubeconfig(),
                           "--fan-out", fans.map], env=fans.env, capture_output=True, text=True)
    assert done.returncode == 2
    assert "fan-out.yaml" in done.stderr and where in done.stderr

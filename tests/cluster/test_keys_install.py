# SPDX-License-Identifier: Apache-2.0
"""bulla keys install --context: sealing keys into a real cluster."""
import base64
import json
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from checkout import CONFLICT, INVALID, IO, REFUSED, USAGE, Checkout  # noqa: E402

SECRET = "/api/v1/namespaces/{}/secrets/bulla-sealing-keys"


@pytest.fixture
def repo(tmp_path, control_plane):
    checkout = Checkout(tmp_path)
    checkout.init("-r", "eu-west9", "-r", "us-east1")
    checkout.env["KUBECONFIG"] = str(control_plane.kubeconfig)
    return checkout


@pytest.fixture
def context(control_plane):
    return control_plane.kubectl("config", "current-context").strip()


def install(repo, namespace, context, name="eu-west9", more=(), **kwargs):
    return repo.bulla("keys", "install", name, "-i", repo.recovery, "--context", context, "-N", namespace, *more, **kwargs)


def names(api, namespace):
    return set(api.get(SECRET.format(namespace))["data"])


def test_made_then_unchanged(repo, api, namespace, context):
    done = install(repo, namespace, context)
    assert f"eu-west9: Secret {namespace}/bulla-sealing-keys made in context {context} (https://" in done.err
    assert "with 1 key" in done.err and done.out == ""
    secret = api.get(SECRET.format(namespace))
    assert secret["type"] == "Opaque"
    [(name, value)] = secret["data"].items()
    key = repo.path / "key"
    key.write_bytes(base64.b64decode(value))
    # it is the key that documents for eu-west9 are sealed to
    assert repo.tool("age-keygen", "-y", str(key)).strip() in (repo.top / ".bulla/config").read_text()
    again = install(repo, namespace, context)
    assert f"nothing to do: Secret {namespace}/bulla-sealing-keys of context {context} has all keys" in again.err
    assert api.get(SECRET.format(namespace))["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]


def test_for_programs(repo, api, namespace, context, control_plane):
    """One object, true of the cluster, with the names of the keys and nothing of what is in them."""
    def said():
        done = install(repo, namespace, context, more=("-o", "json"))
        assert "AGE-SECRET-KEY" not in done.out + done.err
        return json.loads(done.out)

    first = said()
    id = repo.bulla("keys", "id", "eu-west9").out.strip()
    [file] = names(api, namespace)
    assert first.pop("server").startswith("https://")
    assert first == {"name": "eu-west9", "keys": [{"keyId": id, "file": file, "active": True}], "added": 1, "created": True,
                     "secret": f"{namespace}/bulla-sealing-keys", "context": context, "changed": True, "next": []}
    again = said()
    assert (again["changed"], again["added"], again["created"], again["keys"]) == (False, 0, False, first["keys"])
    repo.bulla("keys", "generate", "eu-west9")
    more = said()
    assert (more["changed"], more["added"], more["created"]) == (True, 1, False)
    assert {k["file"] for k in more["keys"]} == names(api, namespace) and [k["active"] for k in more["keys"]] == [False, True]
    assert [k["keyId"] for k in more["keys"]] == [id, repo.bulla("keys", "id", "eu-west9").out.strip()]


def test_a_new_key_beside_the_old(repo, api, namespace, context):
    install(repo, namespace, context)
    first = names(api, namespace)
    repo.bulla("keys", "generate", "eu-west9")
    done = install(repo, namespace, context)
    assert "eu-west9: 1 key added" in done.err and "which had 1" in done.err
    assert first < names(api, namespace) and len(names(api, namespace)) == 2


def test_what_is_there_is_never_removed(repo, api, namespace, context):
    """Neither another cluster's key, nor a hand-made entry, nor labels, and the backup of a key may be lost."""
    install(repo, namespace, context)
    api.patch(SECRET.format(namespace), {"metadata": {"labels": {"team": "a"}}, "data": {"by-hand.key": "eA=="}})
    before = names(api, namespace)
    done = install(repo, namespace, context, name="us-east1")
    assert "us-east1: 1 key added" in done.err and "which had 2" in done.err
    assert before < names(api, namespace) and len(names(api, namespace)) == 3
    for file in (repo.top / ".bulla/keys").glob("eu-west9*"):
        file.unlink()
    repo.bulla("recipients", "add", "new")
    install(repo, namespace, context, name="new")
    assert before < names(api, namespace) and len(names(api, namespace)) == 4
    assert api.get(SECRET.format(namespace))["metadata"]["labels"] == {"team": "a"}


def test_a_manifest_applied_by_kubectl_goes_together_with_it(repo, api, namespace, context, control_plane):
    manifest = repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "-n", namespace).out
    control_plane.kubectl("apply", "--server-side", "-f", "-", input=manifest)
    assert "nothing to do" in install(repo, namespace, context).err
    install(repo, namespace, context, name="us-east1")
    # kubectl's next apply names one key only; the other is not its own
    control_plane.kubectl("apply", "--server-side", "-f", "-", input=manifest)
    assert len(names(api, namespace)) == 2


def test_refused_by_what_is_there(repo, api, namespace, context):
    install(repo, namespace, context)
    [name] = names(api, namespace)
    api.patch(SECRET.format(namespace), {"data": {name: "eA=="}})
    done = install(repo, namespace, context, status=CONFLICT)
    assert f"Secret {namespace}/bulla-sealing-keys: {name}: another file of that name is there" in done.err
    api.patch(SECRET.format(namespace), {"immutable": True})
    done = install(repo, namespace, context, status=CONFLICT)
    assert "it is immutable" in done.err
    api.delete(SECRET.format(namespace))
    api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bulla-sealing-keys", "namespace": namespace},
                "type": "example.org/other", "data": {}})
    assert "its type is not Opaque" in install(repo, namespace, context, status=CONFLICT).err


def test_no_namespace_no_rights_no_context(repo, api, namespace, context, control_plane, tmp_path):
    done = install(repo, "nowhere", context, status=IO)
    assert 'namespaces "nowhere" not found' in done.err and "manifests" in done.err
    token = control_plane.token(namespace, "nobody")
    other = control_plane.write_kubeconfig("nobody", token=token)
    done = repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "--kubeconfig", other, "--context", "nobody",
                      "-N", namespace, status=REFUSED)
    assert "cannot get resource" in done.err
    assert "AGE-SECRET-KEY" not in done.err + done.out
    done = install(repo, namespace, "other", status=USAGE)
    assert 'no context "other" (there are: ' in done.err


@pytest.mark.parametrize("args, status, text", [
    (["--context", "x", "--to", "d"], USAGE, "--to does not go with it"),
    (["--context", "x", "-n", "d"], USAGE, "-n does not go with it; -N says in which namespace"),
    (["--kubeconfig", "x"], USAGE, "--kubeconfig goes with --context, which says which cluster"),
    (["-N", "x"], USAGE, "-N goes with --context, which says which cluster"),
    (["-N", "A_b", "--context", "x"], USAGE, "-N: not a namespace's name"),
    (["--context", "x", "--kubeconfig", "/nowhere"], IO, "/nowhere: cannot open"),
    (["--context", "x", "--kubeconfig", "/dev/null"], IO, "/dev/null: not a regular file"),
])
def test_command_line(repo, args, status, text):
    assert text in repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, *args, status=status).err


def test_a_kubeconfig_that_others_read(repo, namespace, context, control_plane, tmp_path):
    file = tmp_path / "open.kubeconfig"
    file.write_bytes(pathlib.Path(control_plane.kubeconfig).read_bytes())
    file.chmod(0o644)
    done = repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "--kubeconfig", file, "--context", context,
                      "-N", namespace)
    assert "other users can read it (mode 0644); chmod 600 it" in done.err
    file.write_text("contexts: [")
    repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "--kubeconfig", file, "--context", context,
               status=INVALID)

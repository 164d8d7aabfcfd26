# SPDX-License-Identifier: Apache-2.0
"""The life of a cluster's sealing key on a real API server, with a real agent: made there, taken into a repository,
backed up, replaced, retired."""
import base64
import json
import pathlib
import signal
import sys
import time

import pytest
import yaml

from agentbed import SYSTEM
from processes import wait_for

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from checkout import CONFLICT, RECIPIENT, REFUSED, Checkout  # noqa: E402

SECRET = f"/api/v1/namespaces/{SYSTEM}/secrets/bulla-sealing-keys"
PUBLISHED = f"/api/v1/namespaces/{SYSTEM}/configmaps/bulla-recipients"


class Life:
    def __init__(self, bed, repo, context):
        self.bed, self.repo, self.context, self.api = bed, repo, context, bed.api
        self.namespace = bed.namespace()
        self.put_keys()

    def put_keys(self):
        """The Secret that the agent's folder is made of (the kubelet is not here)."""
        data = {f.name: base64.b64encode(f.read_bytes()).decode() for f in self.bed.keys.iterdir()}
        self.api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bulla-sealing-keys", "namespace": SYSTEM},
                        "type": "Opaque", "data": data})

    def mount(self):
        """What the kubelet does: the folder becomes what the Secret is."""
        data = self.api.get(SECRET)["data"]
        for file in self.bed.keys.iterdir():
            if file.name not in data:
                file.unlink()
        for name, text in data.items():
            part = self.bed.keys / f".{name}.new"
            part.write_bytes(base64.b64decode(text))
            part.rename(self.bed.keys / name)

    def published(self):
        return (self.api.get(PUBLISHED, absent=True) or {}).get("data") or {}

    def bulla(self, *args, **kwargs):
        return self.repo.bulla(*args, **kwargs)

    def id(self, what):
        return self.bulla("keys", "id", what).out.strip()

    def put(self, file):
        """As Flux applies it."""
        document = yaml.safe_load((self.repo.top / file).read_text())
        self.repo.git("add", "-A")
        self.repo.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.api.apply(document)

    def applied(self, name):
        return self.bed.says(name, self.namespace, "Applied")


@pytest.fixture
def life(new_bed, tmp_path, control_plane, api):
    bed = new_bed()
    repo = Checkout(tmp_path / "work") if (tmp_path / "work").mkdir() is None else None
    repo.init("-r", "other")
    repo.env["KUBECONFIG"] = str(control_plane.kubeconfig)
    made = Life(bed, repo, control_plane.kubectl("config", "current-context").strip())
    yield made
    api.request("DELETE", SECRET, expect=None)


def test_from_the_first_key_to_the_second(life):
    bed, context = life.bed, life.context
    flags = ["--context", f"prod={context}"]
    with bed.run("--settle", 0) as agent:
        wait_for(lambda: life.published().get("active"), 30, "its key published")

        # into the repository, and backed up
        done = life.bulla("recipients", "add", "prod", "--from-context", context, status=RECIPIENT)
        assert f"--accept {bed.key}" in done.err
        life.bulla("recipients", "add", "prod", "--from-context", context, "--accept", bed.key)
        first = life.id("prod")
        assert first == life.published()["active"]
        assert life.bulla("keys", "backup", "prod", "--context", context).out == ".bulla/keys/prod.age\n"
        life.bulla("keys", "verify", "prod", "-i", life.repo.recovery)

        # used
        life.bulla("seal", "opaque", "app", "-n", life.namespace, "--stdin", "K", "-r", "prod", "-w", "app.yaml", input="value")
        life.put("app.yaml")
        assert life.applied("app")["status"]["keys"] == [first]

        # replaced
        life.bulla("keys", "generate", "prod")
        second = life.id("prod")
        assert "1 key added" in life.bulla("keys", "install", "prod", "-i", life.repo.recovery, "--context", context).err
        done = life.bulla("keys", "retire", first, *flags, status=CONFLICT)
        assert "publishes it as the active key" in done.err
        life.mount()
        wait_for(lambda: life.published().get("active") == second, 30, "the new key active")
        assert set(life.published()) == {first, second, "active"}

        # still needed, in both places
        done = life.bulla("keys", "retire", first, *flags, "-o", "json", status=CONFLICT)
        assert {u["where"] for u in json.loads(done.out)["uses"]} == {"HEAD", "prod"}
        time.sleep(1.1)  # facts have whole seconds, and without the first key nothing else tells two values apart
        life.bulla("set", "app.yaml", "K", "-r", "prod", "--from-file", "-", input="value")
        life.repo.commit()
        done = life.bulla("keys", "retire", first, *flags, "-o", "json", status=CONFLICT)
        assert {u["where"] for u in json.loads(done.out)["uses"]} == {"prod"}
        life.put("app.yaml")
        wait_for(lambda: life.bed.document("app", life.namespace)["status"].get("keys") == [second], 30, "the new key used")

        # retired
        version = life.api.get(SECRET)["metadata"]["resourceVersion"]
        assert "would be taken out" in life.bulla("keys", "retire", first, *flags, "--dry-run").err
        assert life.api.get(SECRET)["metadata"]["resourceVersion"] == version
        done = life.bulla("keys", "retire", first, *flags)
        assert f"prod: key {first} taken out" in done.err
        [name] = life.api.get(SECRET)["data"]
        assert second in name
        assert life.published() == {second: life.published()[second], "active": second}
        # the agent has the key until the kubelet follows, and does not publish it again
        life.api.patch(PUBLISHED, {"data": {"active": None}})
        agent.process.send_signal(signal.SIGHUP)
        wait_for(lambda: life.published().get("active"), 30, "published again")
        assert life.published() == {second: life.published()[second], "active": second}
        life.mount()
        life.bulla("seal", "opaque", "later", "-n", life.namespace, "--stdin", "K", "-r", "prod", "-w", "later.yaml", input="value")
        life.put("later.yaml")
        life.applied("later")
        # the agent has let go of it, and does not publish it again
        assert set(life.published()) == {second, "active"}
        # but all that it has when there is nothing
        life.api.delete(PUBLISHED)
        agent.process.send_signal(signal.SIGHUP)
        wait_for(lambda: set(life.published()) == {second, "active"}, 30, "all published")
        assert "nothing to do" in life.bulla("keys", "retire", first, *flags).err
        # a key comes back by an install of what is left of its backups: it is not among them
        assert "nothing to do" in life.bulla("keys", "install", "prod", "-i", life.repo.recovery, "--context", context).err

        # what it could open is in the history for ever
        found = json.loads(life.bulla("keys", "exposure", first, "-o", "json").out)["credentials"]
        assert [(c["document"], c["state"]) for c in found] == [(f"{life.namespace}/app", "replaced")]


def test_a_plain_user_may_not(life, control_plane, namespace):
    """Who may read what is published sees which cluster it is; the Secret is an administrator's."""
    token = control_plane.token(namespace, "nobody")
    other = control_plane.write_kubeconfig("nobody", token=token)
    flags = ["--kubeconfig", other, "--context", "nobody"]
    done = life.bulla("keys", "retire", "0" * 32, *flags, status=REFUSED)
    assert "bulla-sealing-keys" in done.err
    done = life.bulla("recipients", "add", "prod", "--from-context", "nobody", "--kubeconfig", other, status=REFUSED)
    assert "ConfigMap bulla-system/bulla-recipients" in done.err
    control_plane.admin.grant((namespace, "nobody"), [("", "configmaps", "get")], namespace=SYSTEM)
    with life.bed.run("--settle", 0):
        wait_for(lambda: life.published().get("active"), 30, "its key published")
        life.bulla("recipients", "add", "prod", "--from-context", "nobody", "--kubeconfig", other, "--accept", life.bed.key)
        done = life.bulla("keys", "backup", "prod", *flags, status=REFUSED)
        assert "bulla-sealing-keys: read it: the API server forbids it" in done.err


def test_installed_in_the_wrong_cluster(life):
    with life.bed.run("--settle", 0):
        wait_for(lambda: life.published().get("active"), 30, "its key published")
        life.bulla("recipients", "add", "prod", "--from-context", life.context, "--accept", life.bed.key)
        before = life.api.get(SECRET)["metadata"]["resourceVersion"]
        done = life.bulla("keys", "install", "other", "-i", life.repo.recovery, "--context", life.context, status=RECIPIENT)
        assert "is the cluster of prod, not of other" in done.err
        assert life.api.get(SECRET)["metadata"]["resourceVersion"] == before

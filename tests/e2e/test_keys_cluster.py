# SPDX-License-Identifier: Apache-2.0
"""Keys between a repository and its clusters, on the tests' own API server: which cluster is which, a key taken
from one, a backup of it, and a key retired."""
import base64
import json
import os
import subprocess

import pytest
import yaml

from checkout import BULLA, CONFLICT, INVALID, IO, NOKEY, RECIPIENT, REFUSED, USAGE, Terminal
from fakeapi import Fault
from twoclusters import clusters as apis  # noqa: F401
from twoclusters import repo, tls  # noqa: F401

SYSTEM = "bulla-system"


class Cluster:
    def __init__(self, api):
        self.api = api

    def put(self, plural, name, **fields):
        self.api.store.put(plural, SYSTEM, name, **fields)

    def get(self, plural, name, namespace=SYSTEM):
        return self.api.store.get(self.api.store.kind(plural), namespace, name)

    def secret(self):
        return set(self.get("secrets", "bulla-sealing-keys")["data"])

    def published(self):
        return self.get("configmaps", "bulla-recipients")["data"]

    def publish(self, active, *keys):
        """As an agent does; keys: {id: age1...}."""
        data = {k: v for one in (active, *keys) for k, v in one.items()}
        self.put("configmaps", "bulla-recipients", data={**data, "active": list(active)[0]})

    def apply(self, repo, file):
        document = yaml.safe_load((repo.top / file).read_text())
        meta = document["metadata"]
        self.api.store.put("sealedcredentials", meta["namespace"], meta["name"], spec=document["spec"])

    def writes(self):
        return [r for r in self.api.requests if r.method not in ("GET",)]


@pytest.fixture
def clusters(apis):
    return {n: Cluster(a) for n, a in apis.items()}


def config(repo):
    return yaml.safe_load((repo.top / ".bulla/config").read_text())


def key(repo, name):
    """{id: age1...} of what a recipient has now."""
    return {repo.bulla("keys", "id", name).out.strip(): config(repo)["recipients"][name]}


def kid(repo, name):
    return list(key(repo, name))[0]


def new_key(repo, name="x"):
    file = repo.path / f"{name}.key"
    repo.tool("age-keygen", "-o", str(file))
    public = repo.tool("age-keygen", "-y", str(file)).strip()
    return file, {repo.bulla("keys", "id", public).out.strip(): public}


def backups(repo):
    return sorted(os.listdir(repo.top / ".bulla/keys"))


def install(repo, cluster, name, **kwargs):
    return repo.bulla("keys", "install", name, "-i", repo.recovery, "--context", f"c-{cluster}", **kwargs)


def seal(repo, name, file, *args):
    repo.bulla("seal", "opaque", name, "-n", "web", "--stdin", "K", "-w", file, *args, input="v")


# --- recipients add --from-context ----------------------------------------------------------------

def test_a_recipient_from_a_cluster(repo, clusters):
    _, own = new_key(repo)
    _, older = new_key(repo, "older")
    clusters["eu"].publish(own, older)
    [(id, public)] = own.items()
    before = (repo.top / ".bulla/config").read_bytes()
    done = repo.bulla("recipients", "add", "asia", "--from-context", "c-eu", status=RECIPIENT)
    assert f"Context c-eu (https://127.0.0.1:{clusters['eu'].api.port}) publishes for sealing:" in done.err
    assert public in done.err and f"key id {id}, and earlier keys" in done.err
    assert f"recipients add asia --from-context c-eu --accept {public}" in done.err
    assert (repo.top / ".bulla/config").read_bytes() == before
    done = repo.bulla("recipients", "add", "asia", "--from-context", "c-eu", "--accept", public)
    assert done.out.strip() == public and config(repo)["recipients"]["asia"] == public
    assert backups(repo) == ["eu.age", "us.age"]
    assert json.loads(repo.bulla("recipients", "list", "-o", "json").out)["recipients"][0]["state"] == "agreed"


def test_a_person_is_asked(repo, clusters):
    _, own = new_key(repo)
    clusters["eu"].publish(own)
    t = Terminal(repo, "recipients", "add", "asia", "--from-context", "c-eu")
    t.answer("Add it?", "n")
    t.end(status=RECIPIENT)
    assert "asia" not in config(repo)["recipients"]
    t = Terminal(repo, "recipients", "add", "asia", "--from-context", "c-eu")
    t.read_until(list(own.values())[0])
    t.answer("Add it?", "yes")
    t.end()
    assert config(repo)["recipients"]["asia"] == list(own.values())[0]


def test_accepting_another_key_is_no_yes(repo, clusters):
    _, own = new_key(repo)
    _, other = new_key(repo, "other")
    clusters["eu"].publish(own)
    repo.bulla("recipients", "add", "asia", "--from-context", "c-eu", "--accept", list(other.values())[0],
               status=RECIPIENT)
    assert "asia" not in config(repo)["recipients"]


def test_a_key_that_has_a_name_already(repo, clusters):
    clusters["eu"].publish(key(repo, "eu"))
    public = config(repo)["recipients"]["eu"]
    done = repo.bulla("recipients", "add", "asia", "--from-context", "c-eu", "--accept", public, status=RECIPIENT)
    assert "are the same key" in done.err
    done = repo.bulla("recipients", "add", "eu", "--from-context", "c-eu", "--accept", public)
    assert "has it already" in done.err


@pytest.mark.parametrize("data, status, text", [
    (None, RECIPIENT, "c-eu: its agent publishes no keys in ConfigMap bulla-system/bulla-recipients"),
    ({}, RECIPIENT, "publishes no keys"),
    ({"x": "y"}, INVALID, "whose name is no key id"),
    ({"0" * 32: "age1x"}, INVALID, "not a public key"),
    ({"active": "0" * 32}, INVALID, "it names no key that is published"),
    ("two", RECIPIENT, "has 2 keys and does not say which"),
    ("swapped", INVALID, "the key there has the id"),
])
def test_what_a_cluster_may_publish(repo, clusters, data, status, text):
    both = {**key(repo, "eu"), **key(repo, "us")}
    data = both if data == "two" else {list(both)[0]: list(both.values())[1]} if data == "swapped" else data
    if data is not None:
        clusters["eu"].put("configmaps", "bulla-recipients", data=data)
    before = (repo.top / ".bulla/config").read_bytes()
    assert text in repo.bulla("recipients", "add", "asia", "--from-context", "c-eu", status=status).err
    assert (repo.top / ".bulla/config").read_bytes() == before


@pytest.mark.parametrize("args, status, text", [
    (["asia", "age1x", "--from-context", "c-eu"], USAGE, "give either age1... or --from-context"),
    (["asia", "-N", "x"], USAGE, "-N goes with --from-context"),
    (["asia", "--kubeconfig", "x"], USAGE, "--kubeconfig goes with --from-context"),
    (["asia", "--from-context", "c-eu", "-N", "A_b"], USAGE, "-N: not a namespace's name"),
    (["asia", "--from-context", "nowhere"], USAGE, "nowhere: no context \"nowhere\""),
    (["Bad", "--from-context", "c-eu"], RECIPIENT, "not a recipient's name"),
])
def test_from_context_command_line(repo, args, status, text):
    assert text in repo.bulla("recipients", "add", *args, status=status).err


def test_from_context_without_rights_and_answer(repo, clusters):
    clusters["eu"].api.allow = lambda request: False
    done = repo.bulla("recipients", "add", "asia", "--from-context", "c-eu", status=REFUSED)
    assert "c-eu: ConfigMap bulla-system/bulla-recipients: read it: the API server forbids it" in done.err
    clusters["eu"].api.allow = lambda request: True
    clusters["eu"].api.chaos = lambda request: Fault(garbage=b"<html>")
    repo.bulla("recipients", "add", "asia", "--from-context", "c-eu", status=IO)


# --- install and backup ---------------------------------------------------------------------------

def test_one_regions_key_does_not_go_into_the_other(repo, clusters):
    install(repo, "eu", "eu")
    clusters["eu"].publish(key(repo, "eu"))
    done = install(repo, "eu", "us", status=RECIPIENT)
    assert "context c-eu is the cluster of eu, not of us; nothing was done there" in done.err
    assert len(clusters["eu"].secret()) == 1
    # and whoever may not read what it publishes learns nothing, and goes on
    clusters["eu"].api.allow = lambda request: "configmaps" not in request.path
    install(repo, "eu", "us")


def test_a_backup_from_a_cluster(repo, clusters):
    """A cluster whose key was made there (no backup), and had another before."""
    first, old = new_key(repo, "first")
    second, own = new_key(repo, "second")
    names = {f"20260101T000000Z-{list(old)[0]}.key": first, f"20260601T000000Z-{list(own)[0]}.key": second}
    clusters["eu"].put("secrets", "bulla-sealing-keys", type="Opaque",
                       data={n: base64.b64encode(f.read_bytes()).decode() for n, f in names.items()})
    clusters["eu"].publish(own, old)
    repo.bulla("recipients", "add", "asia", list(own.values())[0])
    done = repo.bulla("keys", "backup", "asia", "--context", "c-eu")
    assert done.out.splitlines() == [f".bulla/keys/asia.{list(old)[0]}.age", ".bulla/keys/asia.age"]
    assert "AGE-SECRET" not in done.out + done.err
    assert not clusters["eu"].writes()
    manifest = yaml.safe_load(repo.bulla("keys", "install", "asia", "-i", repo.recovery).out)
    assert set(manifest["data"]) == set(names)
    # of the wrong cluster
    done = repo.bulla("keys", "backup", "eu", "--context", "c-eu", status=RECIPIENT)
    assert "context c-eu is the cluster of asia, not of eu" in done.err
    clusters["eu"].api.allow = lambda request: "secrets" not in request.path
    assert "forbids" in repo.bulla("keys", "backup", "asia", "--context", "c-eu", "--replace", status=REFUSED).err
    assert "there is no Secret" in repo.bulla("keys", "backup", "us", "--context", "c-us", status=NOKEY).err


# --- retire ---------------------------------------------------------------------------------------

@pytest.fixture
def rotated(repo, clusters):
    """eu has a new key, installed in its cluster, which publishes it; app.yaml is still sealed to the old one."""
    old = key(repo, "eu")
    install(repo, "eu", "eu")
    seal(repo, "app", "app.yaml")
    repo.commit()
    clusters["eu"].apply(repo, "app.yaml")
    repo.bulla("keys", "generate", "eu")
    install(repo, "eu", "eu")
    clusters["eu"].publish(key(repo, "eu"), old)
    repo.old, repo.old_id = old, list(old)[0]
    return repo


def reseal(repo, clusters):
    """What bulla reseal does, as far as these tests need it: the value again."""
    repo.bulla("set", "app.yaml", "K", "--from-file", "-", input="v")
    repo.commit()
    clusters["eu"].apply(repo, "app.yaml")


def test_retire(rotated, clusters):
    repo, eu = rotated, clusters["eu"]
    reseal(repo, clusters)
    assert len(eu.secret()) == 2 and repo.old_id in eu.published()
    dry = repo.bulla("keys", "retire", repo.old_id, "--context", "eu=c-eu", "--dry-run")
    assert "would be taken out" in dry.err and "would be removed" in dry.err
    assert len(eu.secret()) == 2 and f"eu.{repo.old_id}.age" in backups(repo)
    done = repo.bulla("keys", "retire", repo.old_id, "--context", "eu=c-eu")
    assert f"eu: key {repo.old_id} taken out of Secret bulla-system/bulla-sealing-keys" in done.err
    assert "1 other key stays" in done.err and "commit that" in done.err
    assert f"'bulla keys exposure {repo.old_id}'" in done.err
    [left] = eu.secret()
    assert kid(repo, "eu") in left
    assert eu.published() == {**key(repo, "eu"), "active": kid(repo, "eu")}
    assert backups(repo) == ["eu.age", "us.age"]
    # nothing is left to do, and that is fine
    done = repo.bulla("keys", "retire", repo.old_id, "--context", "eu=c-eu")
    assert "nothing to do: it has not got key" in done.err


@pytest.mark.parametrize("how", ["name", "id", "age1"])
def test_each_way_to_name_it(rotated, clusters, how):
    repo = rotated
    reseal(repo, clusters)
    repo.bulla("keys", "retire", {"name": "eu", "id": repo.old_id, "age1": repo.old[repo.old_id]}[how])
    assert backups(repo) == ["eu.age", "us.age"]
    assert len(clusters["eu"].secret()) == 2  # no cluster was named


def test_needed_in_head(rotated, clusters):
    repo = rotated
    done = repo.bulla("keys", "retire", repo.old_id, status=CONFLICT)
    assert done.out.splitlines()[1].split() == ["HEAD", "web/app", "K", "app.yaml"]
    assert f"1 part still needs key {repo.old_id}" in done.err
    # the work tree alone is not enough
    repo.bulla("set", "app.yaml", "K", "--from-file", "-", input="v")
    repo.bulla("keys", "retire", repo.old_id, status=CONFLICT)
    repo.commit()
    repo.bulla("keys", "retire", repo.old_id)


def test_needed_in_a_cluster(rotated, clusters):
    repo, eu = rotated, clusters["eu"]
    repo.bulla("set", "app.yaml", "K", "--from-file", "-", input="v")
    repo.commit()
    done = repo.bulla("keys", "retire", repo.old_id, "--context", "c-eu", "-o", "json", status=CONFLICT)
    assert json.loads(done.out)["uses"] == [{"where": "eu", "document": "web/app", "part": "K"}]
    assert len(eu.secret()) == 2 and f"eu.{repo.old_id}.age" in backups(repo)
    eu.apply(repo, "app.yaml")
    report = json.loads(repo.bulla("keys", "retire", repo.old_id, "--context", "c-eu", "-o", "json").out)
    assert report["uses"] == [] and report["recipient"] == "eu"
    assert report["clusters"] == [{"cluster": "eu", "keyFiles": 1, "published": True}]


def test_needed_in_a_branch(rotated, clusters):
    repo = rotated
    repo.git("branch", "release")
    repo.git("update-ref", "refs/remotes/origin/other", "HEAD")
    reseal(repo, clusters)
    for args in (["--branch", "release"], ["--all-branches"], ["--branch", "HEAD~1"]):
        assert "still needs" in repo.bulla("keys", "retire", repo.old_id, *args, status=CONFLICT).err
    done = repo.bulla("keys", "retire", repo.old_id, "--all-branches", "-o", "json", status=CONFLICT)
    assert {u["where"] for u in json.loads(done.out)["uses"]} <= {"heads/release", "remotes/origin/other"}
    assert "nowhere" in repo.bulla("keys", "retire", repo.old_id, "--branch", "nowhere", status=INVALID).err
    repo.bulla("keys", "retire", repo.old_id, "--branch", "main")


def test_what_cannot_be_read_may_need_it(rotated, clusters):
    repo = rotated
    text = (repo.top / "app.yaml").read_text()
    reseal(repo, clusters)
    listed = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(text)]})
    for name, content in (("broken.yaml", text.replace("kind: opaque", "kind: nonsense")), ("list.yaml", listed),
                          ("escaped.txt", text.replace(repo.old_id, "\\x%02x" % ord(repo.old_id[0]) + repo.old_id[1:])),
                          ("conflict.yaml", "<<<<<<< ours\n" + text)):
        repo.write(name, content)
        repo.commit()
        done = repo.bulla("keys", "retire", repo.old_id, status=CONFLICT)
        assert name in done.out, done
        (repo.top / name).unlink()
    repo.commit()
    # what only looks like it does not
    repo.write("notes.md", f"we had {repo.old_id}\n")
    repo.write("link.yaml", "x")
    (repo.top / "link.yaml").unlink()
    (repo.top / "link.yaml").symlink_to("app.yaml")
    repo.commit()
    repo.bulla("keys", "retire", repo.old_id)


def test_never_the_last_or_the_active_key(repo, clusters):
    eu = clusters["eu"]
    install(repo, "eu", "eu")
    old, old_id = key(repo, "eu"), kid(repo, "eu")
    done = repo.bulla("keys", "retire", old_id, "--context", "c-eu", status=CONFLICT)
    assert "it is the key that eu has now; 'bulla keys generate eu'" in done.err
    repo.bulla("keys", "generate", "eu")
    done = repo.bulla("keys", "retire", old_id, "--context", "c-eu", status=CONFLICT)
    assert "it has no other key" in done.err
    install(repo, "eu", "eu")
    eu.publish(old, key(repo, "eu"))
    done = repo.bulla("keys", "retire", old_id, "--context", "c-eu", status=CONFLICT)
    assert "its agent still publishes it as the active key" in done.err
    assert len(eu.secret()) == 2 and f"eu.{old_id}.age" in backups(repo)
    recovery = repo.bulla("keys", "id", "recovery").out.strip()
    assert "it is the recovery key" in repo.bulla("keys", "retire", recovery, status=CONFLICT).err


def test_a_cluster_without_the_new_key(repo, clusters):
    """It has a third key beside the old one, but not the one that everything is sealed to now."""
    old_id = kid(repo, "eu")
    install(repo, "eu", "eu")
    repo.bulla("keys", "generate", "eu")
    install(repo, "eu", "eu")
    middle = key(repo, "eu")
    clusters["eu"].publish(middle)
    repo.bulla("keys", "generate", "eu")
    done = repo.bulla("keys", "retire", old_id, "--context", "c-eu", status=CONFLICT)
    assert f"it has not got the key that eu has now, {kid(repo, 'eu')}, yet" in done.err
    assert len(clusters["eu"].secret()) == 2


def test_the_other_regions_cluster(rotated, clusters):
    repo = rotated
    reseal(repo, clusters)
    install(repo, "us", "us")
    clusters["us"].publish(key(repo, "us"))
    for context in ("c-us", "us=c-us", "eu=c-us"):
        done = repo.bulla("keys", "retire", repo.old_id, "--context", "c-eu", "--context", context, status=RECIPIENT)
        assert not clusters["us"].writes()[1:]
    assert "eu" in done.err and len(clusters["eu"].secret()) == 2 and f"eu.{repo.old_id}.age" in backups(repo)


def test_changed_meanwhile(rotated, clusters):
    """The agent publishes between our look and our write: looked at again.  The Secret: left alone."""
    repo, eu = rotated, clusters["eu"]
    reseal(repo, clusters)
    hits = []

    def chaos(request):
        if request.method == "PATCH" and "configmaps" in request.path and len(hits) < 2:
            hits.append(request)
            eu.put("configmaps", "bulla-recipients", data={**eu.published(), "note": str(len(hits))})
    eu.api.chaos = chaos
    repo.bulla("keys", "retire", repo.old_id, "--context", "c-eu")
    assert len(hits) == 2 and repo.old_id not in eu.published()


def test_a_secret_that_changes(rotated, clusters):
    repo, eu = rotated, clusters["eu"]
    reseal(repo, clusters)

    def chaos(request):
        if request.method == "PATCH" and "secrets" in request.path:
            secret = eu.get("secrets", "bulla-sealing-keys")
            eu.put("secrets", "bulla-sealing-keys", type="Opaque", data={**secret["data"], "z.key": "eA=="})
    eu.api.chaos = chaos
    done = repo.bulla("keys", "retire", repo.old_id, "--context", "c-eu", status=CONFLICT)
    assert "changed meanwhile" in done.err and len(eu.secret()) == 3 and repo.old_id in eu.published()
    assert f"eu.{repo.old_id}.age" in backups(repo)
    eu.api.chaos = lambda request: None
    repo.bulla("keys", "retire", repo.old_id, "--context", "c-eu")
    assert len(eu.secret()) == 2


def test_no_rights_to_the_secret(rotated, clusters):
    repo = rotated
    reseal(repo, clusters)
    clusters["eu"].api.allow = lambda request: "secrets" not in request.path
    done = repo.bulla("keys", "retire", repo.old_id, "--context", "c-eu", status=REFUSED)
    assert "eu: Secret bulla-system/bulla-sealing-keys: read it: the API server forbids it" in done.err
    assert f"eu.{repo.old_id}.age" in backups(repo)


@pytest.mark.parametrize("args, status, text", [
    ([], USAGE, "KEY is missing"),
    (["us"], USAGE, "us has no earlier key"),
    (["Bad!"], USAGE, "neither a key id, age1... nor a name"),
    (["age1x"], RECIPIENT, ""),
    (["0" * 32, "-N", "x"], USAGE, "-N goes with --context"),
    (["0" * 32, "--kubeconfig", "x"], USAGE, "--kubeconfig goes with --context"),
    (["0" * 32, "--context", "nowhere"], USAGE, "no context \"nowhere\""),
])
def test_retire_command_line(repo, args, status, text):
    assert text in repo.bulla("keys", "retire", *args, status=status).err


def test_a_removed_recipient(repo, clusters):
    """Whoever left has no key in its place: every part that lists it needs it until it is sealed anew."""
    _, alice = new_key(repo, "alice")
    [(id, public)] = alice.items()
    repo.bulla("recipients", "add", "alice", public)
    seal(repo, "app", "app.yaml", "-r", "eu", "-r", "alice")
    repo.commit()
    repo.bulla("recipients", "remove", "alice")
    assert "still needs" in repo.bulla("keys", "retire", public, status=CONFLICT).err
    seal_again = repo.bulla("set", "app.yaml", "K", "-r", "eu", "--from-file", "-", input="v")
    assert seal_again.status == 0
    repo.commit()
    done = repo.bulla("keys", "retire", public)
    assert f"'bulla keys exposure {id}'" in done.err


def test_own_copy_and_kept_backup(rotated, clusters):
    repo = rotated
    reseal(repo, clusters)
    repo.bulla("keys", "install", "eu", "-i", repo.recovery, "--to", repo.home / ".config/bulla/keys")
    done = repo.bulla("keys", "retire", repo.old_id, "--keep-backup")
    assert f"-{repo.old_id}.key has it too; remove it there" in done.err
    assert f"eu.{repo.old_id}.age" in backups(repo)


def test_killed_between_the_steps(rotated, clusters):
    """SIGKILL at each write to the cluster, before and after it is done: running it again gets to the end."""
    repo, eu = rotated, clusters["eu"]
    reseal(repo, clusters)
    secret = eu.get("secrets", "bulla-sealing-keys")["data"]
    published = eu.published()
    backup = (repo.top / f".bulla/keys/eu.{repo.old_id}.age").read_bytes()
    for plural in ("secrets", "configmaps"):
        for done in (False, True):
            eu.put("secrets", "bulla-sealing-keys", type="Opaque", data=secret)
            eu.put("configmaps", "bulla-recipients", data=published)
            repo.write(f".bulla/keys/eu.{repo.old_id}.age", backup)
            running = {}

            def chaos(request):
                if request.method == "PATCH" and plural in request.path:
                    running["process"].kill()
                    return Fault(lose_answer=done, lose=not done)
            eu.api.chaos = chaos
            running["process"] = subprocess.Popen(
                [BULLA, "keys", "retire", repo.old_id, "--context", "c-eu"], cwd=repo.top, env=repo.env,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert running["process"].wait(timeout=30) == -9
            eu.api.chaos = lambda request: None
            # the key that is needed was never away, and what backs the old one up goes last
            assert any(kid(repo, "eu") in name for name in eu.secret())
            assert (repo.top / f".bulla/keys/eu.{repo.old_id}.age").read_bytes() == backup
            repo.bulla("keys", "retire", repo.old_id, "--context", "c-eu")
            assert len(eu.secret()) == 1 and repo.old_id not in eu.published()
            assert backups(repo) == ["eu.age", "us.age"]


def test_install_killed_at_its_write(repo, clusters):
    eu = clusters["eu"]
    install(repo, "eu", "eu")
    before = eu.secret()
    repo.bulla("keys", "generate", "eu")
    for done in (False, True):
        running = {}

        def chaos(request):
            if request.method == "PATCH":
                running["process"].kill()
                return Fault(lose_answer=done, lose=not done)
        eu.api.chaos = chaos
        running["process"] = subprocess.Popen(
            [BULLA, "keys", "install", "eu", "-i", str(repo.recovery), "--context", "c-eu"], cwd=repo.top, env=repo.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert running["process"].wait(timeout=30) == -9
        eu.api.chaos = lambda request: None
        assert before <= eu.secret()
    install(repo, "eu", "eu")
    assert len(eu.secret()) == 2 and before < eu.secret()

# SPDX-License-Identifier: Apache-2.0
"""bulla rotate deploy-key: a GitHub on loopback, a real OpenSSH server that lets in its deploy keys, an API server
that says what clusters say."""
import json
import os
import re
import shutil
import subprocess
import threading
import time

import pytest
import yaml

from checkout import BIN, BULLA, CONFLICT, FINDINGS, INVALID, NOKEY, REFUSED, USAGE
from fakegithub import Fault, stamp
from hubbed import REGIONS, REPOSITORY, HubBed
from hubserver import HubServer, fingerprint, gitserver
from twoclusters import clusters, put, tls  # noqa: F401

KEYS = f"/repos/{REPOSITORY}/keys"
EU, US = REGIONS
NOBODY = ("--person", EU)  # a document that no cluster is waited for


@pytest.fixture(scope="session", autouse=True)
def sshd():
    if gitserver.SSHD is None:
        why = "openssh-server is not installed"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)


def soon(words):
    """Without minutes in which the old key is watched, unless it is said how many."""
    return words if "--settle" in words else (*words, "--settle", "0s")


class Bed(HubBed):
    """clusters: whether the repository knows its recipients to be clusters."""

    def __init__(self, path, hub, clusters=True, url=None, known_hosts=None):
        known = path / "known_hosts"
        known.write_text(known_hosts or hub.git.known_hosts())
        super().__init__(path, hub, url or hub.remote.url, ("--known-hosts", known))
        if not clusters:
            shutil.rmtree(self.repo.top / ".bulla/keys")
            self.repo.commit("No backups")
        self.old = {region: self.register(region, title=f"bulla {region} flux-ssh SHA256:old") for region in REGIONS}
        self.before = {region: self.public(region) for region in REGIONS}
        self.repo.git("remote", "add", "origin", str(hub.remote.bare))
        self.repo.git("push", "-q", "-u", "origin", "main")

    def line(self, region=EU, *more, key=True, token=True):
        return ["rotate", "deploy-key", self.file(region), "--repo", REPOSITORY, *self.at(key, token), *soon(more)]

    def rotate(self, *more, region=EU, status=0, key=True, token=True):
        done = self.repo.bulla(*self.line(region, *more, key=key, token=token), status=status)
        self.no_secret(done.out + done.err)
        return done

    def no_secret(self, text):
        assert "PRIVATE" not in text and self.token.read_text().strip() not in text

    def registered(self):
        return {k["key"] for k in self.hub.keys.values()}

    def journal(self):
        return list((self.repo.top / ".git/bulla").rglob("journal")) if (self.repo.top / ".git/bulla").exists() else []

    def is_rotated(self, region=EU, left=()):
        new = self.public(region)
        assert new != self.before[region]
        assert self.registered() == {new, *(self.public(r) for r in REGIONS if r != region), *left}
        entry, = [k for k in self.hub.keys.values() if k["key"] == new]
        assert entry["read_only"] is True and entry["title"].startswith("bulla ")
        assert self.journal() == []
        return entry


@pytest.fixture
def hub(tmp_path):
    with HubServer(tmp_path / "git") as hub:
        hub.lag = 3600  # what GitHub tells of uses is each test's to say
        yield hub
    assert hub.violations == []


@pytest.fixture
def bed(hub, tmp_path):
    return Bed(tmp_path, hub, clusters=False)


def test_in_one_go(bed):
    said = bed.rotate(*NOBODY, "--commit", "--push")
    entry = bed.is_rotated()
    assert bed.repo.git("status", "--porcelain", "-uno") == "" and bed.repo.git("rev-parse", "HEAD") == bed.repo.git("rev-parse", "@{u}")
    assert bed.repo.git("show", "--name-only", "--format=%s", "HEAD").split("\n") == [
        "Rotate the deploy key of flux-system/flux-ssh", "", bed.file(EU), ""]
    assert f'deploy key {bed.old[EU]["id"]} "bulla {EU} flux-ssh SHA256:old" is deleted' in said.err
    assert entry["title"] == f"bulla {EU} flux-ssh {bed.facts(EU)['fingerprint'][:19]}"
    assert "deleted with that token" in said.err
    assert bed.facts(EU)["url"] == bed.url
    # the new one works at the real server, the old one no more, and the order of requests is the safe one
    assert fingerprint(bed.public(EU)) in bed.hub.uses()
    assert bed.before[EU].split()[1] not in bed.hub.git.authorized.read_text()
    changes = [(r[0], r[1]) for r in bed.hub.requests if r[0] in ("POST", "DELETE")]
    assert changes == [("POST", KEYS), ("DELETE", f"{KEYS}/{bed.old[EU]['id']}")]


def test_a_plan_changes_nothing(bed):
    before = bed.repo.git("status", "--porcelain"), bed.registered()
    said = bed.rotate("--dry-run", token=False, key=False)
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "STEP", "key", "registration", "try", "document", "commit", "push", "pull", "clusters", "proof", "deletion"]
    assert f"applied by {EU}" in said.out and bed.hub.requests == []
    plan = json.loads(bed.rotate("--dry-run", "-o", "json", *NOBODY).out)
    assert plan["dryRun"] and plan["changed"] and not plan["finished"] and len(plan["steps"]) == 10 and "publicKey" not in plan
    assert (bed.repo.git("status", "--porcelain"), bed.registered()) == before and bed.journal() == []


def test_what_is_left_is_said_and_the_next_run_goes_on(bed):
    said = json.loads(bed.rotate(*NOBODY, "-o", "json").out)
    assert said["changed"] and not said["finished"] and said["publicKey"] == bed.public(EU)
    assert said["left"] == [f"commit and push {bed.file(EU)}, then run this again"]
    assert [s["name"] for s in said["steps"] if s["done"]] == ["key", "registration", "try", "document"]
    assert bed.before[EU] in bed.registered() and bed.public(EU) in bed.registered() and len(bed.journal()) == 1
    # nothing secret is kept
    text = bed.journal()[0].read_text()
    assert "PRIVATE" not in text and oct(bed.journal()[0].stat().st_mode)[-3:] == "600"
    bed.repo.commit("New deploy key")
    said = bed.rotate(*NOBODY)
    assert f"left to you: push the commit of {bed.file(EU)}, then run this again" in said.err
    bed.repo.git("push", "-q")
    requests = len(bed.hub.requests)
    said = json.loads(bed.rotate(*NOBODY, "-o", "json").out)
    assert said["finished"] and [s["name"] for s in said["steps"] if s["done"]] == ["proof", "deletion"]
    assert not [r for r in bed.hub.requests[requests:] if r[0] == "POST"]
    bed.is_rotated()


def test_an_app_registers_and_gives_its_token_back(bed):
    app = bed.app()
    bed.repo.commit("App")
    tokens = dict(bed.hub.tokens)
    said = bed.rotate(*NOBODY, "--commit", "--push", "--app", app, token=False)
    assert "deleted with that token" not in said.err and bed.hub.tokens == tokens
    bed.is_rotated()


def test_a_plan_takes_no_right_to_write(bed):
    app = bed.app("read")
    bed.repo.commit("App")
    bed.rotate(*NOBODY)
    said = bed.rotate(*NOBODY, "--dry-run", "--app", app, token=False)
    assert f'deploy key {bed.old[EU]["id"]} "bulla {EU} flux-ssh SHA256:old" is deleted' in said.out
    bed.repo.commit("New deploy key")
    bed.repo.git("push", "-q")
    said = bed.rotate(*NOBODY, "--app", app, token=False, status=REFUSED).err
    assert "administration: write on that repository" in said and bed.before[EU] in bed.registered()


@pytest.mark.parametrize("given, name", [("ecdsa-p256", "ecdsa-sha2-nistp256"), ("ecdsa-p521", "ecdsa-sha2-nistp521"),
                                         ("rsa-4096", "ssh-rsa")])
def test_the_type_stays_or_is_chosen(bed, given, name):
    bed.rotate(*NOBODY, "--commit", "--push", "--type", given)
    first = bed.public(EU)
    bed.rotate(*NOBODY, "--commit", "--push")
    assert first.split()[0] == name == bed.public(EU).split()[0] and first != bed.public(EU)
    bed.is_rotated()


# --- what is not known is not done ------------------------------------------------------------------

def test_without_a_key_nothing_can_be_deleted(bed):
    assert "it has to be opened" in bed.rotate(*NOBODY, key=False, status=NOKEY).err
    assert bed.journal() == [] and bed.hub.requests == []


def test_the_old_key_may_stay(bed):
    said = bed.rotate(*NOBODY, "--commit", "--push", "--keep-old")
    assert "deletion: done" not in said.err
    bed.is_rotated(left=[bed.before[EU]])


@pytest.mark.parametrize("words, text", [
    (("--app", "x.yaml"), "one of the two"), (("--no-register",), "--no-register leaves all to you"),
    (("--abort", "--keep-old"), "--abort keeps the old key in any case"), (("--context", "c"), "go with --wait"),
    (("--type", "dsa"), "--type"), (("--settle", "0"), "--settle: not a span of time"), (("--settle", "8d"), "--settle: not a span of time"),
])
def test_command_lines_that_do_not_fit(bed, words, text):
    assert text in bed.rotate(*words, status=USAGE).err and bed.hub.requests == []


def test_as_nobody(bed):
    assert "say as whom GitHub is to be asked" in bed.rotate(*NOBODY, token=False, status=USAGE).err
    assert bed.registered() == set(bed.before.values())


def test_not_all_readers_are_excused(hub, tmp_path):
    bed = Bed(tmp_path, hub)
    bed.rotate("--commit", "--push")
    said = bed.rotate(*NOBODY, status=USAGE)
    assert "it is a cluster: .bulla/keys has the backup" in said.err
    assert f"--context for each of: {EU} (--person NAME" in bed.rotate().err
    assert bed.before[EU] in bed.registered()


def share(bed):
    """The other region's document holds the same key."""
    key = bed.path / "shared"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    for region in REGIONS:
        bed.repo.bulla("set", bed.file(region), "--private-key", key, "--known-hosts", bed.path / "known_hosts")
    bed.repo.commit("One key")
    bed.repo.git("push", "-q")
    bed.hub.keys.clear()
    bed.old[EU] = bed.register(EU, title="shared")
    bed.before = {region: bed.public(region) for region in REGIONS}


def test_a_key_that_another_document_holds_stays_until_the_last(bed):
    share(bed)
    said = json.loads(bed.rotate(*NOBODY, "--commit", "--push", "-o", "json").out)
    assert said["finished"] and said["left"] == [
        f"{bed.file(US)} (flux-system/flux-ssh) holds the old key as well, which therefore stays: rotate that one too"]
    assert bed.registered() == {bed.before[EU], bed.public(EU)} and bed.journal() == []
    bed.rotate("--person", US, "--commit", "--push", region=US)
    assert bed.registered() == {bed.public(EU), bed.public(US)}


@pytest.mark.parametrize("case", ["title", "broken", "used"])
def test_a_key_of_others_is_never_touched(bed, case):
    if case == "title":
        bed.old[EU]["title"] = "bulla asia-east1 flux-ssh SHA256:abc"
    if case == "broken":
        bed.repo.write("broken.yaml", "apiVersion: bulla.dev/v1\nkind: SealedCredential\nx: [\n")
    if case == "used":
        bed.rotate("--commit", "--push")
        journal, = bed.journal()
        said = json.loads(journal.read_text())
        journal.write_text(json.dumps({**said, "appliedAt": stamp(time.time() - 3600), "applied": {EU: digest(bed)}}))
        bed.old[EU]["last_used"] = stamp(time.time() - 60)
    said = bed.rotate(*NOBODY, "--commit", "--push", status=CONFLICT).err
    text = {"title": 'the title "bulla asia-east1 flux-ssh SHA256:abc", of a cluster that this document is not for',
            "broken": "1 file could not be read, and may hold the key that is to be deleted",
            "used": "after every cluster had applied the other one: something else fetches with it"}[case]
    assert text in said and "not finished, run it again to go on" in said
    assert bed.before[EU] in bed.registered() and not [r for r in bed.hub.requests if r[0] == "DELETE"]
    bed.rotate(*NOBODY, "--keep-old")
    bed.is_rotated(left=[bed.before[EU]])


def digest(bed, region=EU):
    shown = json.loads(bed.repo.bulla("show", bed.file(region), "-o", "json").out)["documents"]
    return shown[0]["digest"]


# --- clusters ---------------------------------------------------------------------------------------

@pytest.fixture
def shared(hub, tmp_path, clusters):
    """One document for both regions, whose clusters are recognised by their contexts' names alone."""
    bed = Bed(tmp_path, hub)
    bed.repo.env["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    bed.repo.bulla("seal", "deploy-key", "both", "-n", "flux-system", "--url", bed.url, "--known-hosts", tmp_path / "known_hosts",
                   "-w", "shared/both.yaml")
    bed.repo.commit("Shared")
    bed.repo.git("push", "-q")
    document = yaml.safe_load((bed.repo.top / "shared/both.yaml").read_text())
    bed.first = document["spec"]["parts"]["credential"]["facts"]["public-key"]
    hub.add_key(REPOSITORY, bed.first, f"bulla {EU},{US} both SHA256:old")
    return bed


def rotate_shared(bed, *more, status=0):
    return json.loads(bed.repo.bulla("rotate", "deploy-key", "shared/both.yaml", "--repo", REPOSITORY, *bed.at(), "-o", "json", *soon(more),
                                     status=status).out or "{}")


def test_every_cluster_is_waited_for_also_one_by_one(shared, clusters):
    bed = shared
    said = rotate_shared(bed, "--commit", "--push")
    assert not said["finished"] and said["left"] == [
        f"once it is pushed, run this again with --wait and a --context for each of: {EU}, {US} (--person NAME for one that is no cluster)"]
    put(clusters["eu"], bed.repo, "shared/both.yaml")
    said = rotate_shared(bed, "--wait", "--context", f"{EU}=c-eu", "--timeout", "20s")
    # one is not all, and what it reported is remembered
    assert not said["finished"] and [c["state"] for c in said["clusters"]] == ["applied"] and f"for each of: {US} (" in said["left"][0]
    assert bed.first in bed.registered()
    # not applied there in time: an error, and nothing is deleted
    rotate_shared(bed, "--wait", "--context", f"{US}=c-us", "--timeout", "1s", status=FINDINGS)
    assert bed.first in bed.registered()
    put(clusters["us"], bed.repo, "shared/both.yaml")
    begin = time.monotonic()
    said = rotate_shared(bed, "--wait", "--context", f"{US}=c-us", "--timeout", "20s")
    assert said["finished"] and time.monotonic() - begin > 8  # a fetch that has begun is let go on
    assert bed.first not in bed.registered() and said["publicKey"] in bed.registered() and bed.journal() == []


def test_back_when_every_cluster_has_the_old_one_again(shared, clusters):
    """One has the new one already, the other not yet: none is forgotten, and the new key stays until then."""
    bed = shared
    new = rotate_shared(bed, "--commit", "--push")["publicKey"]
    put(clusters["eu"], bed.repo, "shared/both.yaml")
    said = rotate_shared(bed, "--wait", "--context", f"{EU}=c-eu", "--timeout", "20s")
    assert f"for each of: {US} (" in said["left"][0]
    said = rotate_shared(bed, "--abort", "--commit", "--push")
    assert not said["finished"] and f"for each of: {EU}, {US} (" in said["left"][0]  # what was reported was the new one
    put(clusters["us"], bed.repo, "shared/both.yaml")
    both = ("--wait", "--context", f"{EU}=c-eu", "--context", f"{US}=c-us")
    rotate_shared(bed, *both, "--timeout", "1s", status=FINDINGS)  # the first has the new one still
    assert new in bed.registered() and bed.first in bed.registered()
    put(clusters["eu"], bed.repo, "shared/both.yaml")
    said = rotate_shared(bed, *both, "--timeout", "20s")
    assert said["finished"] and bed.first in bed.registered() and new not in bed.registered() and bed.journal() == []


def test_an_older_version_that_is_applied_is_not_this_one(shared, clusters):
    bed = shared
    put(clusters["eu"], bed.repo, "shared/both.yaml")
    put(clusters["us"], bed.repo, "shared/both.yaml")
    rotate_shared(bed, "--commit", "--push", "--wait", "--context", f"{EU}=c-eu", "--context", f"{US}=c-us", "--timeout", "2s",
                  status=FINDINGS)
    assert bed.first in bed.registered() and len(bed.journal()) == 1


def test_a_use_that_github_tells_late_is_waited_for(shared, clusters):
    """Where the server cannot be reached, clusters fetch with the new key, and GitHub says so when it does."""
    bed = shared
    bed.hub.git.stop()
    new = rotate_shared(bed, "--commit", "--push")["publicKey"]
    for cluster in clusters.values():
        put(cluster, bed.repo, "shared/both.yaml")
    entry, = [k for k in bed.hub.keys.values() if k["key"] == new]
    threading.Timer(4, lambda: entry.update(last_used=stamp(time.time()))).start()
    said = rotate_shared(bed, "--wait", "--context", f"{EU}=c-eu", "--context", f"{US}=c-us", "--timeout", "40s")
    assert said["finished"] and new in bed.registered() and bed.first not in bed.registered() and entry["last_used"]


# --- the new key does not work ----------------------------------------------------------------------

def test_a_key_that_the_server_does_not_take(bed):
    bed.hub.follow = lambda: None  # registered, but not let in
    said = bed.rotate(*NOBODY, "--commit", "--push", status=REFUSED).err
    assert "the old key serves on, and --abort takes the new one back" in said
    assert bed.public(EU) == bed.before[EU] and bed.repo.git("status", "--porcelain", "-uno") == "" and len(bed.registered()) == 3
    del bed.hub.follow
    bed.hub.follow()
    bed.rotate(*NOBODY, "--commit", "--push")
    bed.is_rotated()


def test_a_key_that_may_write_is_refused(bed):
    follow = bed.hub.follow

    def may_write():
        follow()
        for key in bed.hub.keys.values():
            bed.hub.git.revoke(key["key"])
            bed.hub.git.authorize(key["key"], write=True)
    bed.hub.follow = may_write
    assert "may write to the repository" in bed.rotate(*NOBODY, "--commit", "--push", status=REFUSED).err
    assert bed.public(EU) == bed.before[EU]


def test_from_where_the_server_cannot_be_reached(bed):
    """It is proven by its use, which GitHub tells."""
    bed.hub.git.stop()
    said = bed.rotate(*NOBODY, "--commit", "--push", status=FINDINGS).err
    assert "could not be tried from here, and is proven by its use" in said and "GitHub tells of no use: nothing is deleted" in said
    assert bed.before[EU] in bed.registered()
    new, = [k for k in bed.hub.keys.values() if k["key"] == bed.public(EU)]
    new["last_used"] = stamp(time.time())
    said = bed.rotate(*NOBODY)
    assert "was used, says GitHub" in said.err
    bed.is_rotated()


def test_what_the_server_says_now_is_worth_more_than_a_use(bed):
    """It worked before it was written, and GitHub told of that."""
    bed.rotate(*NOBODY, "--commit")
    bed.hub.git.revoke(bed.public(EU))
    new, = [k for k in bed.hub.keys.values() if k["key"] == bed.public(EU)]
    new["last_used"] = stamp(time.time() + 1)
    said = bed.rotate(*NOBODY, "--push", status=REFUSED).err
    assert "the new key does not work, so nothing is deleted: authentication: " in said
    assert bed.before[EU] in bed.registered()
    bed.hub.git.stop()  # and from where it cannot be tried, a use before all clusters had it is none
    journal, = bed.journal()
    said = json.loads(journal.read_text())
    journal.write_text(json.dumps({**said, "appliedAt": stamp(time.time() - 100), "applied": {EU: digest(bed)}}))
    new["last_used"] = stamp(time.time() - 200)
    assert "the new key is not proven yet" in bed.rotate(status=FINDINGS).err and bed.before[EU] in bed.registered()
    new["last_used"] = stamp(time.time() - 50)
    assert "was used, says GitHub" in bed.rotate().err
    bed.is_rotated()


def test_registered_anew_when_it_was_lost(bed):
    """As when the token that registered it is deleted."""
    bed.rotate(*NOBODY, "--commit", "--push", "--keep-old", "--dry-run")
    bed.rotate(*NOBODY)
    new, = [n for n, k in bed.hub.keys.items() if k["key"] == bed.public(EU)]
    del bed.hub.keys[new]
    bed.rotate(*NOBODY, "--commit", "--push")
    bed.is_rotated()


def test_disabled_by_a_policy(bed):
    bed.hub.forbid_deploy_keys = True
    assert "forbids deploy keys" in bed.rotate(*NOBODY, "--commit", status=REFUSED).err
    assert bed.public(EU) == bed.before[EU]


# --- the file changed meanwhile ---------------------------------------------------------------------

def test_changed_before_it_is_written(bed):
    bed.hub.follow = lambda: None
    bed.rotate(*NOBODY, status=REFUSED)
    del bed.hub.follow
    bed.hub.follow()
    bed.repo.bulla("set", bed.file(EU), "--known-hosts", bed.path / "known_hosts")
    said = bed.rotate(*NOBODY, status=CONFLICT).err
    assert "was changed since the new key was made for it; give this up with --abort" in said
    assert bed.before[EU] in bed.registered()


def test_resealed_while_it_waits(bed):
    bed.rotate(*NOBODY, "--commit", "--push", "--keep-old", "--dry-run")
    bed.rotate(*NOBODY)
    before = digest(bed)
    bed.repo.bulla("reseal", "--all", "-i", bed.repo.recovery)
    assert digest(bed) != before
    bed.repo.commit("Reseal")
    bed.repo.git("push", "-q")
    bed.rotate(*NOBODY)
    bed.is_rotated()


def test_other_changes_in_the_file_are_not_committed(bed):
    path = bed.repo.top / bed.file(EU)
    path.write_text("# mine\n" + path.read_text())
    said = bed.rotate(*NOBODY, "--commit", "--push")
    assert "the file has other changes too: commit and push" in said.err
    assert bed.repo.git("log", "-1", "--format=%s").strip() != "Rotate the deploy key of flux-system/flux-ssh"
    bed.repo.commit("Mine")
    bed.repo.git("push", "-q")
    bed.rotate(*NOBODY)
    bed.is_rotated()
    assert path.read_text().startswith("# mine\n")


def test_by_a_pull_request(bed):
    """On a branch of its own; what comes behind goes on where somebody merged it."""
    bed.repo.git("checkout", "-q", "-b", "rotation")
    said = json.loads(bed.rotate("--commit", "--push", "-o", "json").out)
    assert not said["finished"] and f"for each of: {EU}" in said["left"][0]
    remote = lambda branch: bed.repo.git("ls-remote", "origin", branch).split()[0]
    assert remote("refs/heads/rotation") == bed.repo.git("rev-parse", "HEAD").strip() != remote("refs/heads/main")
    bed.repo.git("checkout", "-q", "main")
    assert bed.public(EU) == bed.before[EU] in bed.registered()
    bed.repo.git("merge", "-q", "--squash", "rotation")
    bed.repo.commit("Merged")
    bed.repo.git("push", "-q")
    said = json.loads(bed.rotate(*NOBODY, "-o", "json").out)
    assert said["finished"] and [s["name"] for s in said["steps"] if s["done"]] == ["proof", "deletion"]
    bed.is_rotated()


@pytest.mark.parametrize("journal", [True, False])
def test_two_at_once(bed, journal):
    """The other one has the folder before it has a journal in it, and is at writing that."""
    bed.rotate(*NOBODY)
    folder = bed.journal()[0].parent
    if not journal:
        bed.journal()[0].rename(folder / ".journal.bulla~")
    held = subprocess.Popen(["flock", folder, "sleep", "20"])
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and subprocess.run(["flock", "-n", folder, "true"]).returncode == 0:
            time.sleep(0.05)
        assert "another rotation of this deploy key is at work" in bed.rotate(*NOBODY, status=CONFLICT).err
        assert [f.name for f in folder.iterdir()] == ["journal" if journal else ".journal.bulla~"]
    finally:
        held.kill()
        held.wait()


@pytest.mark.parametrize("text", ["", "{}", '{"bulla":"rotate deploy-key","format":2}', '{"bulla":"rotate deploy-key","format":1}'])
def test_a_journal_that_is_none(bed, text):
    bed.rotate(*NOBODY)
    bed.journal()[0].write_text(text)
    assert "journal" in bed.rotate(*NOBODY, status=INVALID).err


# --- back -------------------------------------------------------------------------------------------

def is_back(bed):
    assert bed.public(EU) == bed.before[EU] and bed.registered() == set(bed.before.values()) and bed.journal() == []


def test_abort_before_it_was_written(bed):
    assert "nothing to take back" in bed.rotate("--abort", status=INVALID).err
    bed.hub.follow = lambda: None
    bed.rotate(*NOBODY, status=REFUSED)
    said = bed.rotate("--abort")
    assert "the deploy key is the old one, as it was" in said.err
    is_back(bed)


def test_abort_after_it_was_pushed_goes_the_same_way_back(bed):
    bed.rotate("--commit", "--push")
    new = bed.public(EU)
    assert new != bed.before[EU] and new in bed.registered()
    before = bed.hub.uses().get(fingerprint(bed.before[EU]), 0)
    bed.hub.lag = 3600  # it does not tell of the try below yet, which would do
    said = bed.rotate("--abort", "--commit", "--push")
    # the old key is tried before anything goes back to it; the new one stays until every cluster has the old one
    assert bed.hub.uses()[fingerprint(bed.before[EU])] == before + 1
    assert bed.public(EU) == bed.before[EU] and new in bed.registered() and f"for each of: {EU}" in said.err
    bed.rotate(*NOBODY)
    is_back(bed)
    assert bed.hub.uses()[fingerprint(bed.before[EU])] == before + 2
    assert bed.repo.git("log", "-1", "--format=%s").strip() == "Go back to the old deploy key of flux-system/flux-ssh"


def pushed(bed):
    bed.rotate("--commit", "--push")
    return bed.public(EU)


@pytest.mark.parametrize("case", ["removed", "not let in", "disabled", "resealed"])
def test_nothing_goes_back_to_a_key_that_does_not_work(bed, case):
    """The new one serves by then; without --abort it goes on with that."""
    new = pushed(bed)
    if case == "removed":
        del bed.hub.keys[bed.old[EU]["id"]]
    if case == "not let in":
        bed.hub.git.revoke(bed.before[EU])
    if case == "disabled":
        bed.old[EU]["enabled"] = False
    if case == "resealed":
        bed.repo.bulla("reseal", "--all", "-i", bed.repo.recovery)
        bed.repo.commit("Reseal")
        bed.repo.git("push", "-q")
    status, text = {"removed": (REFUSED, "the old key is not registered any more; register it there, for reading only: " + bed.before[EU]),
                    "not let in": (REFUSED, "the old key: authentication: 127.0.0.1 does not accept the deploy key"),
                    "disabled": (REFUSED, "the old key is disabled by a policy"),
                    "resealed": (CONFLICT, "was changed since the new key was sealed into it")}[case]
    said = bed.rotate("--abort", "--commit", "--push", *NOBODY, status=status).err
    assert text in said and "without --abort" in said
    assert bed.public(EU) == new and new in bed.registered() and bed.repo.git("status", "--porcelain", "-uno") == ""
    bed.rotate(*NOBODY)
    bed.is_rotated()


def test_an_old_key_that_breaks_on_the_way_back(bed):
    new = pushed(bed)
    bed.rotate("--abort", "--commit", "--push")
    bed.hub.git.revoke(bed.before[EU])
    bed.old[EU]["last_used"] = stamp(time.time() - 60)  # before the way back began, which proves nothing
    said = bed.rotate(*NOBODY, status=REFUSED).err
    assert "the old key does not work, so nothing is deleted: authentication: " in said and said.strip().endswith(bed.before[EU])
    assert new in bed.registered()
    bed.hub.follow()
    bed.rotate(*NOBODY)
    is_back(bed)


def test_an_old_key_that_cannot_be_tried_is_proven_by_its_use(bed):
    new = pushed(bed)
    bed.old[EU]["last_used"] = stamp(time.time() - 60)
    bed.hub.git.stop()
    said = bed.rotate("--abort", "--commit", "--push", *NOBODY, status=FINDINGS).err
    assert "the old key could not be tried from here, and is to be proven by its use" in said
    assert "the old key is not proven yet" in said and "nothing is deleted; run this again later" in said
    assert new in bed.registered() and bed.public(EU) == bed.before[EU]
    bed.old[EU]["last_used"] = stamp(time.time() + 1)
    assert "was used, says GitHub" in bed.rotate(*NOBODY).err
    is_back(bed)


def test_an_old_key_that_may_write_works_too(bed):
    pushed(bed)
    bed.hub.git.revoke(bed.before[EU])
    bed.hub.git.authorize(bed.before[EU], write=True)
    bed.rotate("--abort", "--commit", "--push", *NOBODY)
    is_back(bed)


def test_a_new_key_that_something_still_fetches_with(bed):
    new = pushed(bed)
    bed.rotate("--abort", "--commit", "--push")
    journal, = bed.journal()
    said = json.loads(journal.read_text())
    journal.write_text(json.dumps({**said, "appliedAt": stamp(time.time() - 3600), "applied": {EU: digest(bed)}}))
    entry, = [k for k in bed.hub.keys.values() if k["key"] == new]
    entry["last_used"] = stamp(time.time() - 60)
    said = bed.rotate(status=CONFLICT).err
    assert "something else fetches with it; it stays: look what, give it the old one" in said and "--keep-old" not in said
    assert new in bed.registered()
    entry["last_used"] = None
    bed.hub.seen.clear()
    bed.hub.note_uses = lambda: None
    bed.rotate()
    is_back(bed)


def test_abort_when_the_document_has_a_third_key(bed):
    """The new one was never in it: it is deleted, and the document stays."""
    bed.hub.follow = lambda: None
    bed.rotate(*NOBODY, status=REFUSED)
    bed.repo.bulla("set", bed.file(EU), "--known-hosts", bed.path / "known_hosts")
    third, new = bed.public(EU), [k for k in bed.registered() if k not in bed.before.values()]
    assert len(new) == 1 and third not in (bed.before[EU], new[0])
    del bed.hub.keys[bed.old[EU]["id"]]
    bed.rotate("--abort")
    assert bed.public(EU) == third and bed.registered() == {bed.before[US]} and bed.journal() == []


# --- another host -----------------------------------------------------------------------------------

def test_by_hand_at_another_host(bed):
    line = ["rotate", "deploy-key", bed.file(EU), "-i", bed.repo.recovery, *NOBODY, "--commit", "--push"]
    said = bed.repo.bulla(*line, status=REFUSED).err
    assert f"register this key at {bed.url}, for reading only, and run this again: ssh-ed25519 AAAA" in said
    key = said.split("run this again: ")[1].strip()
    assert bed.public(EU) == bed.before[EU]
    bed.hub.git.authorize(key)
    said = bed.repo.bulla(*line).err
    assert bed.public(EU) == key and f"left to you: delete the old key at {bed.url}: {fingerprint(bed.before[EU])}" in said
    assert bed.hub.requests == [] and bed.journal() == []


def test_by_hand_from_where_the_server_is_not_reached(bed):
    """Nothing else can tell, also of a key that is registered."""
    bed.hub.git.stop()
    line = ["rotate", "deploy-key", bed.file(EU), "-i", bed.repo.recovery, "--no-register", *NOBODY, "--commit", "--push"]
    for _ in range(2):
        said = bed.repo.bulla(*line, status=REFUSED).err
        assert f"register this key at {bed.url}, for reading only, and run this again from where the server is reached: ssh-ed25519 AAAA" in said
        bed.hub.add_key(REPOSITORY, said.split(" is reached: ")[1].strip())
    assert bed.public(EU) == bed.before[EU]


def test_back_at_another_host(bed):
    line = ["rotate", "deploy-key", bed.file(EU), *NOBODY, "--commit", "--push"]
    own = ["-i", bed.repo.recovery]
    key = bed.repo.bulla(*line, *own, status=REFUSED).err.split("run this again: ")[1].strip()
    bed.hub.git.authorize(key)
    bed.repo.bulla(*line[:3], *own, "--commit", "--push")
    assert bed.public(EU) == key
    # who cannot try the old key does not go back to it
    said = bed.repo.bulla(*line, "--abort", status=NOKEY).err
    assert "the old key: no key at hand opens the document that holds it" in said and bed.public(EU) == key
    said = bed.repo.bulla(*line, *own, "--abort").err
    assert f"left to you: delete the new key at {bed.url}: {fingerprint(key)}" in said
    assert bed.public(EU) == bed.before[EU] and bed.hub.requests == [] and bed.journal() == []


# --- a kill at every step ---------------------------------------------------------------------------

def start(bed, *prefix, more=()):
    return subprocess.Popen([*prefix, *map(str, [BULLA, *bed.line(EU, *NOBODY, "--commit", "--push", *more)])], cwd=bed.repo.top, env=bed.repo.env,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


class Ends:
    """Kills the program at its n-th request: before GitHub does it, or after and without an answer.  Whoever fetches,
    fetches: at every request the key of what is pushed is registered, and is the old one or the new."""

    def __init__(self, bed, at=0, after=False):
        self.bed, self.at, self.after, self.n, self.process = bed, at, after, 0, None
        self.handle, self.broken = bed.hub.handle, []
        bed.hub.handle = self

    def check(self):
        pushed = yaml.safe_load(self.bed.hub.remote.git("--git-dir", self.bed.hub.remote.bare, "show", f"main:{self.bed.file(EU)}"))
        if pushed["spec"]["parts"]["credential"]["facts"]["public-key"] not in self.bed.registered():
            self.broken.append(self.n)

    def __call__(self, request):
        self.n += 1
        if self.n == self.at and not self.after:
            self.process.kill()
            self.process.wait()
            raise ConnectionError
        try:
            return self.handle(request)
        finally:
            self.check()
            if self.n == self.at:
                self.process.kill()
                self.process.wait()


def test_killed_between_any_two_requests(bed):
    """The next run ends it: nothing is left over, and at no time is the key of what is pushed not registered."""
    count = Ends(bed)
    bed.rotate(*NOBODY, "--commit", "--push")
    bed.hub.handle = count.handle
    assert count.n >= 6 and count.broken == []
    for after in (False, True):
        for at in range(1, count.n + 1):
            bed.before[EU] = bed.public(EU)
            ends = Ends(bed, at, after)
            ends.process = start(bed)
            assert ends.process.wait(60) == -9, (at, after)
            bed.hub.handle = ends.handle
            assert bed.before[EU] in bed.registered() or bed.public(EU) in bed.registered()
            bed.rotate(*NOBODY, "--commit", "--push")
            bed.is_rotated()
            assert ends.broken == [], (at, after)


def test_killed_on_the_way_back_between_any_two_requests(bed):
    """The next run ends it, and the key of what is pushed is registered at all times."""
    def back(at=0, after=False):
        bed.before[EU] = bed.public(EU)
        bed.rotate("--commit", "--push")
        ends = Ends(bed, at, after)
        ends.process = start(bed, more=["--abort"])
        status = ends.process.wait(60)
        bed.hub.handle = ends.handle
        return ends, status
    count, status = back()
    assert status == 0 and count.n >= 4 and count.broken == []
    is_back(bed)
    for after in (False, True):
        for at in range(1, count.n + 1):
            ends, status = back(at, after)
            assert status == -9 and ends.broken == [], (at, after)
            new = [k for k in bed.registered() if k not in bed.before.values()]
            assert len(new) <= 1 and bed.before[EU] in bed.registered()
            bed.rotate(*NOBODY, "--commit", "--push", "--abort")
            is_back(bed)


WRITES = "rename,renameat,fsync,unlink,mkdir,rmdir"


@pytest.mark.skipif(shutil.which("strace") is None or bool(os.environ.get("BULLA_SANITIZED")), reason="needs strace, without sanitizers")
def test_killed_at_every_write(bed):
    log = bed.path / "trace"
    trace = ["strace", "-qq", "-o", str(log), "-e", f"trace={WRITES}"]
    assert start(bed, *trace).wait(60) == 0
    steps, seen = [], {}
    for name in re.findall(r"^(?:\d+ +)?(\w+)\(", log.read_text(), re.M):
        seen[name] = seen.get(name, 0) + 1
        steps.append((name, seen[name]))
    assert seen["rename"] >= 3 and len(steps) > 8
    for name, nth in steps:
        bed.before[EU] = bed.public(EU)
        assert start(bed, *trace, "-e", f"inject={name}:signal=KILL:when={nth}").wait(60) in (-9, 137), (name, nth)
        facts = bed.facts(EU)  # the file is whole, old or new
        assert facts["public-key"] in bed.registered(), (name, nth)
        if not ended(bed):
            bed.rotate(*NOBODY, "--commit", "--push")
        bed.is_rotated()
        assert not list(bed.repo.top.rglob("*.bulla~")), (name, nth)


def ended(bed):
    """Killed behind the deletion: there is nothing to go on with."""
    return bed.before[EU] not in bed.registered() and bed.journal() == []

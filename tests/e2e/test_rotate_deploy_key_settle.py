# SPDX-License-Identifier: Apache-2.0
"""bulla rotate deploy-key between the last cluster and the deletion: the old key is watched, by GitHub's clock, with a
token that lasts; and whoever is killed there goes on without a key that is missing."""
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest
import yaml

from checkout import BIN, BULLA, CONFLICT, FINDINGS, IO
from fakegithub import Answer, stamp
from hubbed import REPOSITORY
from test_rotate_deploy_key import (EU, KEYS, NOBODY, US, WRITES, bed, clusters, digest, hub, put, rotate_shared,  # noqa: F401
                                    shared, soon, sshd, tls)

BOTH = ("--wait", "--context", f"{EU}=c-eu", "--context", f"{US}=c-us", "--timeout", "60s")
FILE = "shared/both.yaml"


def line(bed, *more):
    return [str(w) for w in (BULLA, "rotate", "deploy-key", FILE, "--repo", REPOSITORY, *bed.at(), *soon(more))]


def start(bed, *more, words=None, env=()):
    return subprocess.Popen(words or line(bed, *more), cwd=bed.repo.top, env={**bed.repo.env, **dict(env)}, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def skip_waits(bed, **more):
    """What it waits for comes at once (tests/preload/waits.c)."""
    bed.repo.env.update(LD_PRELOAD=str(BIN / "preload/waits.so"), WAITS_LOG=str(bed.path / "waits"), **more)
    if "ASAN_OPTIONS" in bed.repo.env or "BULLA_SANITIZED" in os.environ:
        bed.repo.env["ASAN_OPTIONS"] = bed.repo.env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"


def waited(bed):
    return sum(map(int, (bed.path / "waits").read_text().split())) / 1000


class Loop:
    """Something that goes on until it is told to end."""

    def __init__(self, pause):
        self.pause, self.over, self.failed = pause, threading.Event(), []
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def run(self):
        while not self.over.wait(self.pause):
            self.turn()


class Fetching(Loop):
    """What nobody here knows of fetches with the key that the document has now."""

    def __init__(self, bed, pause=0.5):
        super().__init__(pause)
        secret = yaml.safe_load(bed.repo.bulla("open", FILE, "-i", bed.repo.recovery).out)["data"]
        self.key, self.rounds, self.url = bed.path / "foreign", 0, bed.url
        self.key.touch(0o600)
        self.key.write_bytes(base64.b64decode(secret["identity"]))
        self.env = {**bed.repo.env, "GIT_SSH_COMMAND": f"ssh -F none -i {self.key} -o IdentitiesOnly=yes -o IdentityAgent=none "
                                                       f"-o UserKnownHostsFile={bed.path / 'known_hosts'}"}

    def turn(self):
        done = subprocess.run(["git", "ls-remote", "-q", self.url], env=self.env, capture_output=True, text=True, check=False)
        self.rounds += 1
        if done.returncode != 0:
            self.failed.append(done.stderr)


class Flux(Loop):
    """What is pushed is applied: at once in eu, half a second later in us."""

    def __init__(self, bed, clusters):
        super().__init__(0.1)
        self.bed, self.clusters, self.has = bed, clusters, None

    def turn(self):
        remote = self.bed.hub.remote
        pushed = remote.git("--git-dir", remote.bare, "show", f"main:{FILE}")
        if pushed == self.has or (self.bed.repo.top / FILE).read_text() != pushed:
            return
        self.has = pushed
        put(self.clusters["eu"], self.bed.repo, FILE)
        self.over.wait(0.5)
        put(self.clusters["us"], self.bed.repo, FILE)


# --- the old key is watched ---------------------------------------------------------------------------

def test_what_something_else_fetches_with_stays(shared, clusters):
    """In one run, edited by nobody; once that has another key, the same line ends it."""
    bed = shared
    bed.hub.lag = 0
    words = ("--commit", "--push", *BOTH, "--settle", "22s")
    with Flux(bed, clusters), Fetching(bed) as foreign:
        said = bed.repo.bulla(*line(bed, *words)[1:], status=CONFLICT).err
        rounds = foreign.rounds
        assert bed.first in bed.registered() and not [r for r in bed.hub.requests if r[0] == "DELETE"]
        end = time.monotonic() + 60
        while foreign.rounds < rounds + 3 and time.monotonic() < end:
            time.sleep(0.1)
        assert foreign.rounds >= rounds + 3 and foreign.failed == []
    assert re.search(r"until 20\S+Z it is watched whether something else fetches with the old key \(--settle\)", said), said
    assert re.search(r'deletion: deploy key \d+ "bulla \S+ both SHA256:old" was used at 20\S+Z, after every cluster had applied the other one: '
                     "something else fetches with it; it stays: look what, and run this again when it has another key, or end with --keep-old", said), said
    begin = time.monotonic()
    assert "deletion: done" in bed.repo.bulla(*line(bed, *BOTH)[1:]).err
    assert bed.first not in bed.registered() and bed.journal() == [] and time.monotonic() - begin < 30


def test_it_is_watched_for_minutes_and_asked_all_the_time(bed):
    skip_waits(bed)
    words = [w for w in bed.line(EU, *NOBODY, "--commit", "--push") if w not in ("--settle", "0s")]
    said = bed.repo.bulla(*words).err
    lists = [r for r in bed.hub.requests if r[0] == "GET" and r[1].startswith(KEYS + "?")]
    assert "it is watched whether" in said and 840 <= waited(bed) <= 902 and len(lists) >= 56  # less what its own work took
    bed.is_rotated()


def test_who_ends_the_watch_goes_on_with_it(bed):
    words = [w for w in bed.line(EU, *NOBODY, "--commit", "--push") if w not in ("--settle", "0s")]
    run = start(bed, words=[BULLA, *map(str, words)])
    for said in run.stderr:
        if "it is watched whether" in said:
            break
    run.send_signal(signal.SIGTERM)  # SIGINT is ignored where the tests run in the background
    run.communicate(timeout=20)
    assert run.returncode != 0 and bed.before[EU] in bed.registered()
    since = json.loads(bed.journal()[0].read_text())["appliedAt"]
    time.sleep(3)
    run = start(bed, words=[BULLA, *map(str, bed.line(EU, *NOBODY, "--settle", "1h"))])
    for said in run.stderr:
        if "it is watched whether" in said:
            break
    run.send_signal(signal.SIGTERM)  # SIGINT is ignored where the tests run in the background
    run.communicate(timeout=20)
    # by the time at which it began, not anew
    at = lambda text: time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    assert at(re.search(r"until (\S+) it is", said).group(1)) - at(since) == 3600
    bed.rotate(*NOBODY)
    bed.is_rotated()


def test_a_document_that_takes_the_key_meanwhile(bed):
    """Looked for again when the watch is over."""
    bed.rotate(*NOBODY, "--commit", "--push", "--keep-old", "--dry-run")
    secret = yaml.safe_load(bed.repo.bulla("open", bed.file(EU), "-i", bed.repo.recovery).out)["data"]
    run = start(bed, words=[BULLA, *map(str, bed.line(EU, *NOBODY, "--commit", "--push", "--settle", "14s"))])
    for said in run.stderr:
        if "it is watched whether" in said:
            break
    bed.repo.bulla("set", bed.file(US), "--private-key", "-", "--known-hosts", bed.path / "known_hosts",
                   input=base64.b64decode(secret["identity"]))
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 0 and f"{bed.file(US)} (flux-system/flux-ssh) holds the old key as well, which therefore stays" in said
    assert bed.before[EU] in bed.registered()


# --- GitHub's clock -----------------------------------------------------------------------------------

@pytest.mark.parametrize("offset, text", [(86400, "24 hours behind"), (-86400, "24 hours ahead of")])
def test_a_clock_that_is_off_by_a_day_deletes_nothing(shared, clusters, offset, text):
    bed = shared
    bed.hub.lag = 0
    new = rotate_shared(bed, "--commit", "--push")["publicKey"]
    for cluster in clusters.values():
        put(cluster, bed.repo, FILE)
    bed.hub.date_offset = offset
    for words in ((), ("--abort",)):
        said = bed.repo.bulla(*line(bed, *BOTH, *words)[1:], status=IO).err
        assert "nothing is deleted" in said and f"this machine's clock is {text}" in said and "not finished, run it again" in said, said
        assert {bed.first, new} <= bed.registered() and not [r for r in bed.hub.requests if r[0] == "DELETE"]
        assert "appliedAt" not in json.loads(bed.journal()[0].read_text())
    bed.hub.date_offset = 0
    for key in bed.hub.keys.values():
        key["last_used"] = None
    assert rotate_shared(bed, *BOTH)["finished"]
    assert bed.first not in bed.registered() and new in bed.registered() and bed.journal() == []


@pytest.mark.parametrize("offset", [240, -240])
def test_a_clock_that_is_off_by_minutes_is_reckoned_with(bed, offset):
    bed.hub.date_offset = offset
    bed.rotate("--commit", "--push")
    bed.old[EU]["last_used"] = stamp(time.time() + offset)  # by Flux, before it had the new one
    journal = bed.journal()[0]
    said = json.loads(journal.read_text())
    journal.write_text(json.dumps({**said, "appliedAt": stamp(time.time() - 120), "applied": {EU: digest(bed)}}))
    # two minutes after all had the new one
    assert "something else fetches with it" in bed.rotate(status=CONFLICT).err and bed.before[EU] in bed.registered()
    bed.rotate()
    bed.is_rotated()
    bed.before[EU] = bed.public(EU)
    for key in bed.hub.keys.values():
        key["last_used"] = stamp(time.time() + offset)
    bed.rotate(*NOBODY, "--commit", "--push")
    bed.is_rotated()


# --- an App's token -----------------------------------------------------------------------------------

class HourOfAnApp:
    """A token of an App lasts for as many lists as there are in an hour, one each quarter of a minute."""

    def __init__(self, hub):
        self.hub, self.handle, self.used, self.minted = hub, hub.handle, {}, 0
        hub.handle = self

    def __call__(self, request):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.minted += request.command == "POST" and request.path.endswith("/access_tokens")
        if token.startswith("ghs_") and request.path.startswith(KEYS):
            self.used[token] = self.used.get(token, 0) + 1
            if self.used[token] > 240:
                raise Answer(401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"})
        return self.handle(request)


def test_the_watch_outlives_the_token_of_an_app(bed):
    app = bed.app()
    bed.repo.commit("App")
    skip_waits(bed)
    hour = HourOfAnApp(bed.hub)
    said = bed.rotate(*NOBODY, "--commit", "--push", "--settle", "2h", "--app", app, token=False).err
    assert waited(bed) > 7000 and 3 <= hour.minted <= 4 and "ends by itself" not in said
    assert not [t for t in bed.hub.tokens if t.startswith("ghs_")]  # each was given back
    bed.is_rotated()


def test_the_proof_outlives_the_token_of_an_app(shared, clusters):
    bed, app = shared, shared.app()
    bed.repo.commit("App")
    bed.repo.git("push", "-q")
    bed.hub.git.stop()
    rotate_shared(bed, "--commit", "--push")
    for cluster in clusters.values():
        put(cluster, bed.repo, FILE)
    skip_waits(bed)
    hour = HourOfAnApp(bed.hub)
    words = [w for w in line(bed, *BOTH, "--app", app, "--timeout", "2h")[1:] if w not in ("60s", "--token-file", str(bed.token))]
    words.remove("--timeout")
    said = bed.repo.bulla(*words, status=FINDINGS).err
    assert "the new key is not proven yet" in said and "GitHub tells of no use" in said and "401" not in said
    assert waited(bed) > 7000 and hour.minted >= 3 and bed.first in bed.registered()


# --- a kill around the clusters -----------------------------------------------------------------------

class Deletions:
    """No key is deleted but the one that nobody has: every cluster reported the other one before."""

    def __init__(self, bed, clusters):
        self.bed, self.clusters, self.handle, self.early = bed, clusters, bed.hub.handle, []
        bed.hub.handle = self

    def has(self, api):
        kind = api.store.kind("sealedcredentials")
        live = api.store.get(kind, "flux-system", "both")
        return live["status"]["digest"] if live else None

    def __call__(self, request):
        if request.command == "DELETE":
            now = json.loads(self.bed.repo.bulla("show", FILE, "-o", "json").out)["documents"][0]["digest"]
            self.early += [name for name, api in self.clusters.items() if self.has(api) != now]
        return self.handle(request)


def state(bed):
    """The key of the document, and whether it is registered."""
    facts = yaml.safe_load((bed.repo.top / FILE).read_text())["spec"]["parts"]["credential"]["facts"]
    return facts["public-key"], facts["public-key"] in bed.registered()


def test_killed_while_one_cluster_has_it(shared, clusters):
    """Nothing of it is written down yet: both are waited for again, and the old key stays until then."""
    bed = shared
    deletions = Deletions(bed, clusters)
    rotate_shared(bed, "--commit", "--push")
    run = start(bed, *BOTH)
    for said in run.stderr:
        if "waiting" in said or "eu" in said.lower():
            break
    put(clusters["eu"], bed.repo, FILE)
    for said in run.stderr:
        if EU in said and "applied" in said:
            break
    run.kill()
    run.communicate()
    assert bed.first in bed.registered() and json.loads(bed.journal()[0].read_text())["applied"] == {}
    rotate_shared(bed, *BOTH[:-1], "1s", status=FINDINGS)
    assert bed.first in bed.registered() and list(json.loads(bed.journal()[0].read_text())["applied"]) == [EU]
    put(clusters["us"], bed.repo, FILE)
    assert rotate_shared(bed, *BOTH)["finished"]
    assert bed.first not in bed.registered() and deletions.early == [] and bed.journal() == []


@pytest.mark.skipif(shutil.which("strace") is None or bool(os.environ.get("BULLA_SANITIZED")), reason="needs strace, without sanitizers")
def test_killed_at_every_write_with_clusters(shared, clusters):
    """Each write of a run that waits for two clusters is its last, then the same line goes on."""
    bed, log = shared, shared.path / "trace"
    deletions = Deletions(bed, clusters)
    skip_waits(bed)
    trace = ["strace", "-qq", "-o", str(log), "-e", f"trace={WRITES}"]

    def run(*more):
        done = start(bed, words=[*trace, *more, *line(bed, *BOTH)])
        return done, done.communicate(timeout=120)[1]
    with Flux(bed, clusters):
        rotate_shared(bed, "--commit", "--push")
        done, said = run()
        assert done.returncode == 0, said
        steps, seen = [], {}
        for name in re.findall(r"^(?:\d+ +)?(\w+)\(", log.read_text(), re.M):
            seen[name] = seen.get(name, 0) + 1
            steps.append((name, seen[name]))
        assert seen["rename"] >= 2 and seen["unlink"] >= 1  # the journal: who has it, and since when; and its end
        for name, nth in steps:
            before = state(bed)[0]
            rotate_shared(bed, "--commit", "--push")
            done, said = run("-e", f"inject={name}:signal=KILL:when={nth}")
            assert done.returncode in (-9, 137), (name, nth, said)
            assert state(bed)[1] and (before in bed.registered() or "deploy key" in said), (name, nth, said)
            if bed.journal():
                done, said = run()
                assert done.returncode == 0, (name, nth, said)
            now, there = state(bed)
            assert there and now != before and before not in bed.registered() and bed.journal() == [], (name, nth)
            assert deletions.early == [], (name, nth)

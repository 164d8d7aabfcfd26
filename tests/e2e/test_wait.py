# SPDX-License-Identifier: Apache-2.0
"""rotate --wait and status --wait: until each cluster reports that digest, told meanwhile what it waits for."""
import json
import subprocess
import time

import pytest
import yaml

from checkout import BULLA, FINDINGS, INVALID, OK, RECIPIENT, REFUSED, USAGE, Terminal
from fakeapi import Fault
from twoclusters import clusters, put, repo, seal, shown, tls  # noqa: F401

BOTH = ("--context", "eu=c-eu", "--context", "us=c-us")


class Waiting:
    """bulla in the background; what it says on standard error is read as it comes."""

    def __init__(self, repo, *args, input=""):
        self.process = subprocess.Popen([BULLA, *map(str, args)], cwd=repo.top, env=repo.env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True)
        self.process.stdin.write(input)
        self.process.stdin.close()
        self.process.stdin = None
        self.err = ""

    def until(self, text, seconds=20):
        end = time.monotonic() + seconds
        while text not in self.err:
            line = self.process.stderr.readline()
            assert line and time.monotonic() < end, f"{text!r} did not come: {self.err}"
            self.err += line

    def end(self, status):
        out, err = self.process.communicate(timeout=30)
        self.err += err
        assert self.process.returncode == status, self.err
        return out


@pytest.fixture
def waiting(repo):
    started = []

    def start(*args, **kwargs):
        started.append(Waiting(repo, *args, **kwargs))
        return started[-1]

    yield start
    for w in started:
        if w.process.poll() is None:
            w.process.kill()
            w.process.communicate()


@pytest.fixture
def applied(repo, clusters):
    seal(repo, "a", "a.yaml", "old")
    repo.commit()
    for api in clusters.values():
        put(api, repo, "a.yaml")
    return repo


def rotate(waiting, *args, value="new"):
    return waiting("rotate", "opaque", "a", "--stdin", "PIN", "--wait", *(args or BOTH), input=value)


def test_until_both_have_it(applied, clusters, waiting):
    w = rotate(waiting)
    w.until("us: web/a is stale")
    w.until("a.yaml: HEAD does not have this version of it yet: commit and push it")
    applied.commit()
    w.until("it is committed; push it to where Flux fetches from")
    put(clusters["eu"], applied, "a.yaml", observed=1)
    w.until("eu: web/a is waiting")
    put(clusters["eu"], applied, "a.yaml")
    w.until("eu: web/a is applied")
    assert w.process.poll() is None
    put(clusters["us"], applied, "a.yaml")
    assert w.end(OK) == ""
    lines = w.err.splitlines()
    assert lines[0] == "bulla: a.yaml: web/a, PIN rotated for eu, recovery, us"
    assert lines[-1] == "bulla: us: web/a is applied"
    assert len(set(lines)) == len(lines)
    assert "new" not in w.err.replace("new value", "")


def test_it_is_watched_not_polled(applied, clusters, waiting):
    w = rotate(waiting)
    w.until("us: web/a is stale")
    before = [len(api.requests) for api in clusters.values()]
    time.sleep(3)
    assert [len(api.requests) for api in clusters.values()] == before
    [watch] = [r for r in clusters["eu"].requests if "sealedcredentials" in r.path]
    assert watch.watch and watch.query["fieldSelector"] == "metadata.name=a"
    assert watch.path.startswith("/apis/bulla.dev/v1/namespaces/web/sealedcredentials")
    at = time.monotonic()
    for api in clusters.values():
        put(api, applied, "a.yaml")
    w.end(OK)
    assert time.monotonic() - at < 3


def test_pushed_or_not(applied, clusters, waiting, tmp_path):
    applied.git("init", "-q", "--bare", str(tmp_path / "origin.git"))
    applied.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    applied.git("push", "-q", "-u", "origin", "main")
    w = rotate(waiting)
    w.until("HEAD does not have this version of it yet")
    applied.commit()
    w.until("it is committed and not pushed yet: push it")
    applied.git("push", "-q")
    w.until("it is committed and pushed; Flux, or who applies it, has not brought it yet")
    for api in clusters.values():
        put(api, applied, "a.yaml")
    w.end(OK)


def test_a_document_that_was_never_committed(repo, clusters, waiting):
    seal(repo, "a", "a.yaml", "old")
    w = rotate(waiting, *BOTH, "--timeout", "2s")
    w.end(FINDINGS)
    assert "a.yaml: HEAD does not have this document yet: commit and push it" in w.err
    assert w.err.splitlines()[-1] == (
        "bulla: a.yaml: it is rotated here: not applied in time: eu: web/a is missing; us: web/a is missing; "
        "HEAD does not have this document yet: commit and push it")


def test_a_cluster_that_cannot_apply_it_ends_the_wait(applied, clusters, waiting):
    w = rotate(waiting, *BOTH, "--timeout", "5m")
    w.until("us: web/a is stale")
    put(clusters["eu"], applied, "a.yaml", status="False", reason="NoKey", message="sealed to others\x1b[2J", stalled=True)
    w.end(FINDINGS)
    assert "eu: web/a is failing: NoKey: sealed to others\\x1b[2J" in w.err.splitlines()[-1]


def test_an_agent_that_fails_keeps_the_digest_of_what_it_applied(applied, clusters, waiting):
    """What failed is told by the document that the cluster has: the status has the digest of the one before."""
    old = yaml.safe_load((applied.top / "a.yaml").read_text())
    digest = shown(applied)["web", "a", "a.yaml"]["digest"]
    w = rotate(waiting, *BOTH, "--timeout", "5m")
    w.until("us: web/a is stale")
    put(clusters["eu"], applied, "a.yaml", status="False", reason="NoKey", message="m", stalled=True, digest=digest)
    w.end(FINDINGS)
    assert "eu: web/a is failing: NoKey: m" in w.err.splitlines()[-1]
    clusters["us"].store.put("sealedcredentials", "web", "a", spec=old["spec"])
    rows = json.loads(applied.bulla("status", "-o", "json", *BOTH, status=FINDINGS).out)["documents"]
    assert {r["cluster"]: r["state"] for r in rows} == {"eu": "failing", "us": "stale"}


def test_what_fails_for_now_is_waited_for(applied, clusters, waiting):
    w = rotate(waiting, "--context", "eu=c-eu")
    w.until("eu: web/a is stale")
    put(clusters["eu"], applied, "a.yaml", status="False", reason="Conflict", message="try again")
    w.until("eu: web/a is failing: Conflict: try again")
    put(clusters["eu"], applied, "a.yaml")
    w.end(OK)


def test_an_old_failure_is_not_the_new_value_s(applied, clusters, waiting):
    """Stalled, but of the version before."""
    put(clusters["eu"], applied, "a.yaml", status="False", reason="NoKey", message="x", stalled=True)
    w = rotate(waiting, "--context", "eu=c-eu")
    w.until("eu: web/a is stale")
    put(clusters["eu"], applied, "a.yaml")
    w.end(OK)


def test_expired_when_it_came(applied, clusters, waiting):
    w = rotate(waiting, "--context", "eu=c-eu")
    w.until("eu: web/a is stale")
    put(clusters["eu"], applied, "a.yaml", not_after="2020-01-01T00:00:00Z")
    w.end(FINDINGS)
    assert "eu: web/a is expired" in w.err.splitlines()[-1]


def test_a_server_that_goes_and_comes_back(applied, clusters, waiting):
    w = rotate(waiting, "--context", "eu=c-eu")
    w.until("eu: web/a is stale")
    clusters["eu"].chaos = lambda request: Fault(lose=True)
    clusters["eu"].restart()
    w.until("eu: watch SealedCredentials: ")
    clusters["eu"].chaos = lambda request: None
    put(clusters["eu"], applied, "a.yaml")
    w.end(OK)
    assert "eu: it answers again" in w.err


@pytest.mark.parametrize("args, status, text", [
    (["--wait"], USAGE, "--wait: say for which clusters, with --context"),
    (["--context", "c-eu"], USAGE, "--context, --kubeconfig and --agent-namespace go with --wait"),
    (["--timeout", "3m"], USAGE, "--timeout goes with --wait"),
    (["--wait", "--context", "c-eu", "--timeout", "soon"], USAGE, "--timeout: not a span of time"),
    (["--wait", "--context", "c-eu", "--timeout", "0s"], USAGE, "--timeout: not a span of time"),
    (["--wait", "--context", "c-eu", "--timeout", "8d"], USAGE, "--timeout: not a span of time"),
    (["--wait", "--context", "c-eu", "-N", "A_b"], USAGE, "--agent-namespace: not a namespace's name"),
    (["--wait", "--context", "nowhere"], USAGE, "nowhere: no context"),
    (["--wait", "--context", "recovery2=c-eu"], RECIPIENT,
     "context c-eu is recovery2, to whom this is not sealed: it would wait in vain"),
])
def test_nothing_is_rotated_when_there_is_nothing_to_wait_for(applied, args, status, text):
    before = (applied.top / "a.yaml").read_bytes()
    assert text in applied.bulla("rotate", "opaque", "a", "--stdin", "PIN", *args, input="x", status=status).err
    assert (applied.top / "a.yaml").read_bytes() == before


def test_no_right_to_watch(applied, clusters, waiting):
    clusters["eu"].allow = lambda request: False
    w = rotate(waiting, "--context", "eu=c-eu")
    w.end(REFUSED)
    assert "a.yaml: it is rotated here: eu: watch SealedCredentials: the API server forbids it (403)" in w.err


def test_a_cluster_is_recognised_by_its_keys(applied, clusters, waiting):
    """Its agent publishes the key of us: NAME= need not be given, and a wrong one is refused."""
    config = yaml.safe_load((applied.top / ".bulla/config").read_text())
    key = config["recipients"]["us"]
    part = yaml.safe_load((applied.top / "a.yaml").read_text())["spec"]["parts"]["PIN"]
    keyid = part["recipients"]["us"]
    clusters["us"].store.put("configmaps", "bulla-system", "bulla-recipients", data={keyid: key, "active": keyid})
    before = (applied.top / "a.yaml").read_bytes()
    w = rotate(waiting, "--context", "eu=c-us")
    w.end(RECIPIENT)
    assert "context c-us is not eu: it publishes the key of us and none of eu" in w.err
    assert (applied.top / "a.yaml").read_bytes() == before
    w = rotate(waiting, "--context", "c-us", "-r", "eu")
    w.end(RECIPIENT)
    assert "context c-us is us, to whom this is not sealed" in w.err
    w = rotate(waiting, "--context", "c-us")
    w.until("us: web/a is stale")
    put(clusters["us"], applied, "a.yaml")
    w.end(OK)
    rows = json.loads(applied.bulla("status", "-o", "json", "--context", "c-us").out)["documents"]
    assert [r["cluster"] for r in rows] == ["us"]
    done = applied.bulla("status", "--context", "eu=c-us")
    assert "warning: eu: it publishes the key of us and none of eu" in done.err


def test_a_cluster_that_is_recognised_while_it_is_waited_for(applied, clusters, waiting):
    """Its agent publishes a moment later than it got its key; what is for the other region alone is then not expected."""
    seal(applied, "eu-only", "eu-only.yaml", "x", "-r", "eu")
    config = yaml.safe_load((applied.top / ".bulla/config").read_text())
    keyid = yaml.safe_load((applied.top / "a.yaml").read_text())["spec"]["parts"]["PIN"]["recipients"]["us"]
    w = waiting("status", "--wait", "-o", "json", "--context", "c-us")
    time.sleep(0.5)
    assert w.process.poll() is None
    clusters["us"].store.put("configmaps", "bulla-system", "bulla-recipients",
                             data={keyid: config["recipients"]["us"], "active": keyid})
    rows = json.loads(w.end(OK))["documents"]
    assert [(r["document"], r["cluster"]) for r in rows] == [("web/a", "us")]


# --- status --wait ----------------------------------------------------------------------------------

def test_status_until_all_is_applied(repo, clusters, waiting):
    for name in ("a", "b"):
        seal(repo, name, f"{name}.yaml")
    seal(repo, "eu-only", "c.yaml", "x", "-r", "eu")
    w = waiting("status", "--wait", "-o", "json", *BOTH)
    time.sleep(0.5)
    for api in clusters.values():
        put(api, repo, "a.yaml")
        put(api, repo, "b.yaml", observed=-1)
    put(clusters["eu"], repo, "c.yaml")
    time.sleep(0.5)
    assert w.process.poll() is None
    for api in clusters.values():
        put(api, repo, "b.yaml")
    rows = json.loads(w.end(OK))["documents"]
    assert len(rows) == 5 and {r["state"] for r in rows} == {"applied"}


def test_status_ends_in_time(repo, clusters):
    seal(repo, "a", "a.yaml")
    at = time.monotonic()
    done = repo.bulla("status", "--wait", "--timeout", "1s", *BOTH, status=FINDINGS)
    assert 1 <= time.monotonic() - at < 5
    assert "not everything was applied in time" in done.err
    assert done.out.count("missing") == 2


def test_status_does_not_wait_for_what_only_a_person_ends(repo, clusters, waiting):
    seal(repo, "a", "a.yaml")
    seal(repo, "b", "b.yaml")
    w = waiting("status", "--wait", "--context", "eu=c-eu")
    time.sleep(0.5)
    put(clusters["eu"], repo, "a.yaml", status="False", reason="NoKey", message="m", stalled=True)
    assert "NoKey: m" in w.end(FINDINGS)
    assert "something waits for a person" in w.err
    # nor for one that is not in Git, nor for one that has ended
    put(clusters["us"], repo, "a.yaml", not_after="2020-01-01T00:00:00Z")
    put(clusters["us"], repo, "b.yaml")
    clusters["us"].store.put("sealedcredentials", "web", "c", spec={})
    done = repo.bulla("status", "--wait", "--context", "us=c-us", status=FINDINGS)
    assert "expired" in done.out and "orphaned" in done.out and done.err == ""


def test_status_waits_for_what_a_person_has_mended(repo, clusters, waiting):
    """It had stalled before, and the key that it wants is on its way."""
    seal(repo, "a", "a.yaml")
    put(clusters["eu"], repo, "a.yaml", status="False", reason="NoKey", message="m", stalled=True)
    w = waiting("status", "--wait", "--context", "eu=c-eu")
    time.sleep(1)
    assert w.process.poll() is None
    put(clusters["eu"], repo, "a.yaml")
    w.end(OK)


def test_status_does_not_wait_on_half_of_git(repo, clusters):
    seal(repo, "a", "a.yaml")
    repo.write("b.yaml", (repo.top / "a.yaml").read_text().replace("kind: opaque", "kind: nonsense"))
    assert "1 file could not be read: not waiting" in repo.bulla("status", "--wait", *BOTH, status=INVALID).err


def test_a_bar_on_a_terminal(repo, clusters):
    seal(repo, "a", "a.yaml")
    repo.env["TERM"] = "xterm"
    t = Terminal(repo, "status", "--wait", "--context", "eu=c-eu")
    t.read_until("waiting for clusters")
    put(clusters["eu"], repo, "a.yaml")
    shown = t.end(OK)
    assert "applied" in shown

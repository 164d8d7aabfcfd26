# SPDX-License-Identifier: Apache-2.0
"""bulla rotate deploy-key --pull-request: a GitHub on loopback with its pull requests, whose repository is a bare one that
git reaches as it would over SSH (GIT_SSH_COMMAND runs here what the server would run)."""
import json
import os
import subprocess

import pytest
import yaml

from checkout import BULLA, INVALID, REFUSED, USAGE
from fakegithub import Fault
from hubbed import REPOSITORY, TOKEN
from test_rotate_deploy_key import EU, KEYS, NOBODY, Bed, digest, fingerprint, hub, sshd  # noqa: F401
from twoclusters import clusters, put, tls  # noqa: F401

PULLS = f"/repos/{REPOSITORY}/pulls"
ASKED = ("--pull-request", *NOBODY)
SSH = """#!/bin/sh
for last; do :; done
echo "$last" >> "$HOME/ssh.log"
cd "$HOME/hub" && exec sh -c "$last"
"""


class PullBed(Bed):
    """origin is the API's host in the form git@HOST:OWNER/NAME.git"""

    def __init__(self, path, hub, origin=REPOSITORY, **more):
        super().__init__(path, hub, **more)
        hub.token(TOKEN, permissions={"administration": "write", "pull_requests": "write", "contents": "read"})
        hub.repo(origin)
        home = self.repo.home
        (home / "hub" / origin.split("/")[0]).mkdir(parents=True)
        hub.bare[origin] = str(hub.remote.bare)
        (home / "hub" / f"{origin}.git").symlink_to(hub.remote.bare)
        (home / "ssh").write_text(SSH)
        (home / "ssh").chmod(0o755)
        self.repo.env["GIT_SSH_COMMAND"] = str(home / "ssh")
        self.origin, self.pulls = origin, hub.pulls.setdefault(origin, {})
        self.url = f"git@127.0.0.1:{origin}.git"
        self.repo.git("remote", "set-url", "origin", self.url)
        self.repo.git("push", "-q", "-u", "origin", "main")

    def json(self, *more, status=0):
        done = self.rotate(*more, "-o", "json", status=status)
        return json.loads(done.out or "{}")

    def branch(self):
        return self.repo.git("symbolic-ref", "--short", "HEAD").strip()

    def remote(self, branch):
        """The public key in a branch at the hub; None: no such branch."""
        text = self.hub.git_of(self.origin, "show", f"refs/heads/{branch}:{self.file(EU)}", check=False)
        return text and yaml.safe_load(text)["spec"]["parts"]["credential"]["facts"]["public-key"]

    def changes(self):
        return [(m, p.split("?")[0]) for m, p, _ in self.hub.requests if m != "GET"]

    def merged(self, number=1, **more):
        self.hub.merge(self.origin, number, **more)
        self.repo.git("switch", "-q", "main")
        self.repo.git("pull", "-q")


@pytest.fixture
def bed(hub, tmp_path):
    return PullBed(tmp_path, hub, clusters=False)


def test_the_whole_way(bed):
    said = bed.json(*ASKED)
    new = bed.public(EU)
    made = f"bulla/rotate-flux-ssh-{letters(new)}"
    assert not said["finished"] and said["changed"]
    assert said["pullRequest"] == f"https://github.com/{REPOSITORY}/pull/1"
    assert said["left"] == [f"have pull request #1 merged, then 'git pull' on main and run this again: https://github.com/{REPOSITORY}/pull/1"]
    assert bed.branch() == made and bed.remote(made) == new and bed.remote("main") == bed.before[EU]
    assert bed.changes() == [("POST", KEYS), ("POST", PULLS)]
    pull = bed.pulls[1]
    assert pull["title"] == "Rotate the deploy key of flux-system/flux-ssh"
    assert fingerprint(new) in pull["body"] and "`bulla rotate deploy-key flux-system/flux-ssh` goes on" in pull["body"] and "PRIVATE" not in pull["body"]
    # again, while it is open: nothing is made a second time
    again = bed.json(*NOBODY)
    assert not again["finished"] and not again["changed"] and again["left"] == said["left"]
    assert len(bed.changes()) == 2 and bed.before[EU] in bed.registered()
    bed.merged()
    assert bed.public(EU) == new
    said = bed.json(*NOBODY)
    assert said["finished"] and [s["name"] for s in said["steps"] if s["done"]] == ["proof", "deletion"]
    bed.is_rotated()


def letters(public):
    return "".join([c for c in fingerprint(public).split(":")[1] if c.isalnum()][:8])


def stands(bed, text, *more):
    """Nothing is done by another run, which says this."""
    before = bed.changes(), bed.repo.git("rev-parse", "HEAD"), bed.branch(), bed.registered()
    said = bed.json(*NOBODY, *more)
    assert not said["finished"] and not said["changed"] and text in said["left"][0], said
    assert (bed.changes(), bed.repo.git("rev-parse", "HEAD"), bed.branch(), bed.registered()) == before
    assert bed.repo.git("status", "--porcelain", "-uno") == ""
    return said


def test_back_on_the_base_branch_nothing_is_written_again(bed):
    bed.rotate(*ASKED)
    bed.repo.git("switch", "-q", "main")
    for more in ((), ("--pull-request",), ("--commit", "--push")):
        stands(bed, "have pull request #1 merged, then 'git pull' on main", *more)
    assert bed.public(EU) == bed.before[EU]
    bed.hub.merge(REPOSITORY, 1, squash=True)
    stands(bed, "pull request #1 is merged: 'git switch' to main, 'git pull', and run this again", "--pull-request")
    bed.repo.git("pull", "-q")
    assert bed.json(*ASKED)["finished"]
    bed.is_rotated()
    assert len(bed.pulls) == 1


def test_merged_while_the_branch_is_still_checked_out(bed):
    bed.rotate(*ASKED)
    bed.hub.merge(REPOSITORY, 1)
    said = bed.json(*NOBODY)
    assert said["finished"] and "#1 is merged" in [s["text"] for s in said["steps"]]
    bed.is_rotated()


def test_closed_and_not_merged(bed):
    bed.rotate(*ASKED)
    bed.hub.close(REPOSITORY, 1)
    closed = "pull request #1 was closed and not merged: reopen it, or take the new key back with --abort"
    stands(bed, closed)
    bed.repo.git("switch", "-q", "main")
    stands(bed, closed, "--pull-request")
    bed.hub.close(REPOSITORY, 1, "open")
    stands(bed, "have pull request #1 merged")
    bed.merged()
    assert bed.json(*NOBODY)["finished"]
    bed.is_rotated()


def test_every_cluster_has_it_and_the_request_is_open(hub, tmp_path, clusters):
    """Somebody applied it by hand: Flux would bring the old one back, so that key stays."""
    bed = PullBed(tmp_path, hub)
    bed.repo.env["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    bed.rotate("--pull-request")
    put(clusters["eu"], bed.repo, bed.file(EU))
    said = bed.json("--wait", "--context", f"{EU}=c-eu", "--timeout", "20s")
    assert [s["name"] for s in said["steps"] if s["done"]] == ["clusters", "proof"] and not said["finished"]
    assert "have pull request #1 merged" in said["left"][0] and bed.before[EU] in bed.registered()
    bed.hub.merge(REPOSITORY, 1)
    assert bed.json("--wait", "--context", f"{EU}=c-eu", "--timeout", "20s")["finished"]
    bed.is_rotated()


def test_a_branch_of_ones_own_and_a_base(bed):
    bed.repo.git("push", "-q", "origin", "main:release")
    bed.repo.git("switch", "-q", "-c", "mine", "--track", "origin/main")
    bed.repo.git("config", "push.default", "upstream")  # 'git push' alone would push to the base branch
    said = bed.json(*ASKED, "--base", "release")
    new = bed.public(EU)
    assert bed.branch() == "mine" and bed.remote("mine") == new
    assert bed.remote("main") == bed.remote("release") == bed.before[EU]
    assert (bed.pulls[1]["head"]["ref"], bed.pulls[1]["base"]["ref"]) == ("mine", "release") and "on release" in said["left"][0]
    bed.hub.merge(REPOSITORY, 1)
    bed.repo.git("fetch", "-q")
    assert bed.json(*NOBODY)["finished"]
    bed.is_rotated()


def test_the_default_branch_is_never_pushed_to(bed):
    bed.repo.git("push", "-q", "origin", "main:release")
    bed.rotate(*ASKED, "--base", "release")
    assert bed.branch().startswith("bulla/rotate-flux-ssh-") and bed.remote("main") == bed.before[EU]
    assert "--base main: pull request #1 goes to release already" in bed.rotate(*ASKED, "--base", "main", status=USAGE).err
    assert len(bed.pulls) == 1


def test_what_is_staged_and_changed_stays(bed):
    bed.repo.write("mine.txt", "mine")
    bed.repo.git("add", "mine.txt")
    bed.repo.write("other.txt", "not staged")
    bed.rotate(*ASKED)
    assert bed.repo.git("status", "--porcelain") == "A  mine.txt\n?? other.txt\n"
    assert bed.hub.git_of(REPOSITORY, "show", "--name-only", "--format=", f"refs/heads/{bed.branch()}") == bed.file(EU)


def test_the_default_branch_is_githubs(hub, tmp_path):
    hub.default_branch = "trunk"
    bed = PullBed(tmp_path, hub, clusters=False)
    bed.repo.git("push", "-q", "origin", "main:trunk")
    bed.rotate(*ASKED)
    assert bed.branch() == "main" and bed.pulls[1]["base"]["ref"] == "trunk"


def test_a_request_that_is_open_already_is_taken(bed):
    bed.repo.git("switch", "-q", "-c", "mine")
    bed.repo.write("other", "x")
    bed.repo.commit("Other")
    bed.repo.git("push", "-q", "-u", "origin", "mine")
    bed.rotate(*ASKED)
    assert len(bed.pulls) == 1
    text = json.loads(bed.journal()[0].read_text())
    bed.journal()[0].write_text(json.dumps({k: v for k, v in text.items() if not k.startswith("pull")}))
    said = bed.rotate(*ASKED)
    assert "have pull request #1 merged" in said.err and len(bed.pulls) == 1


# --- faults -----------------------------------------------------------------------------------------

LOST = {"answer lost": dict(lose_answer=True), "done, 502": dict(status=502, body=b"<html>Unicorn!</html>", done=True),
        "cut": dict(cut=True), "not json": dict(status=201, body=b'{"number": 1, "ht', done=True)}


@pytest.mark.parametrize("case", LOST)
def test_an_answer_that_is_lost_is_looked_for(bed, case):
    bed.hub.faults.append(Fault("POST", PULLS, **LOST[case]))
    said = bed.rotate(*ASKED)
    assert len(bed.pulls) == 1 and "pull request #1 " in said.err and "have pull request #1 merged" in said.err


REFUSALS = {
    "no right": (("pull_requests",), REFUSED, "it takes the permission pull_requests=write"),
    "not to read": (("contents",), REFUSED, "it takes Contents (read) too"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_token_that_may_not(bed, case):
    lacks, status, text = REFUSALS[case]
    permissions = {"administration": "write", "pull_requests": "write", "contents": "read"}
    bed.hub.token(TOKEN, permissions={k: "read" if k in lacks and k != "contents" else v for k, v in permissions.items()
                                      if not (k in lacks and k == "contents")})
    said = bed.rotate(*ASKED, status=status).err
    assert text in said and "run it again to go on" in said and bed.pulls == {}
    bed.hub.token(TOKEN, permissions=permissions)
    bed.rotate(*ASKED)
    assert len(bed.pulls) == 1 and bed.before[EU] in bed.registered()


def test_no_such_base(bed):
    said = bed.rotate(*ASKED, "--base", "nowhere", status=INVALID).err
    assert "to nowhere: there is no such base branch (422)" in said
    bed.rotate(*ASKED, "--base", "main")
    assert bed.pulls[1]["base"]["ref"] == "main"


@pytest.mark.parametrize("words, status, text", [
    (("--base", "main"), USAGE, "--base is the branch that --pull-request asks"),
])
def test_command_lines_that_do_not_fit(bed, words, status, text):
    assert text in bed.rotate(*words, status=status).err and bed.journal() == []


@pytest.mark.parametrize("url, text", [
    ("git@gitlab.example:o/r.git", "origin is at gitlab.example, and GitHub is asked at http://127.0.0.1"),
    ("https://x:s3cr3t@git.example/o/r", "origin is at git.example, and"),
    ("/srv/git/r.git", "there is no remote origin, or its URL has no host"), ("git@127.0.0.1:r.git", "is not a repository at GitHub"), (None, "there is no remote origin")])
def test_an_origin_elsewhere(bed, url, text):
    bed.repo.git("remote", "set-url", "origin", url) if url else bed.repo.git("remote", "remove", "origin")
    said = bed.rotate(*ASKED, status=INVALID).err
    assert text in said and "s3cr3t" not in said and bed.hub.requests == [] and bed.journal() == []


# --- two repositories, an App -----------------------------------------------------------------------

def app(bed, permissions):
    document = bed.app()
    bed.hub.apps["4711"]["permissions"] = permissions
    bed.hub.apps["4711"]["repos"] |= {bed.origin}
    return document


@pytest.mark.parametrize("origin", [REPOSITORY, "barolab/fleet"])
def test_an_app_whose_tokens_are_for_one_thing_each(hub, tmp_path, origin):
    bed = PullBed(tmp_path, hub, origin, clusters=False)
    document = app(bed, {"administration": "write", "pull_requests": "write", "contents": "write", "metadata": "read"})
    bed.repo.commit("App")
    minted = []
    post = hub.post_token

    def post_token(request, query, number):
        minted.append((request.json["repositories"], request.json["permissions"]))
        return post(request, query, number)
    type(hub).post_token, kept = (lambda self, *a: post_token(*a)), type(hub).post_token
    try:
        said = bed.repo.bulla("rotate", "deploy-key", bed.file(EU), "--repo", REPOSITORY, *bed.at(app=document), *ASKED)
    finally:
        type(hub).post_token = kept
    bed.no_secret(said.err)
    assert minted == [([REPOSITORY.split("/")[1]], {"administration": "write"}),
                      ([origin.split("/")[1]], {"pull_requests": "write", "contents": "read"})]
    assert len(bed.pulls) == 1 and not [t for t in hub.tokens if t.startswith("ghs_")]  # all given back
    assert hub.pulls.get(REPOSITORY if origin != REPOSITORY else "none", {}) == {}


# --- back -------------------------------------------------------------------------------------------

def test_abort_while_it_is_open(bed):
    bed.rotate(*ASKED)
    new = bed.public(EU)
    for _ in range(2):
        said = bed.json("--abort", *NOBODY)
        assert not said["finished"] and "close pull request #1, which brings the new key" in said["left"][0] and new in bed.registered()
    bed.repo.git("switch", "-q", "main")  # where the old one is, and every cluster has it
    assert "close pull request #1" in bed.json(*NOBODY)["left"][0] and new in bed.registered()
    bed.hub.close(REPOSITORY, 1)
    said = bed.json(*NOBODY)
    assert said["finished"] and "#1 was never merged, so nothing is to go back" in [s["text"] for s in said["steps"]]
    assert bed.registered() == set(bed.before.values()) and bed.journal() == [] and len(bed.pulls) == 1


def test_abort_of_what_was_merged_is_another_request(bed):
    bed.rotate(*ASKED)
    new = bed.public(EU)
    bed.hub.merge(REPOSITORY, 1)
    bed.repo.git("switch", "-q", "main")  # which does not have it yet: clusters may be about to get the new key
    said = bed.json("--abort", *ASKED)
    assert "pull request #1 is merged: 'git switch' to main, 'git pull'" in said["left"][0] and new in bed.registered()
    bed.repo.git("pull", "-q")
    said = bed.json(*ASKED)
    assert "have pull request #2 merged" in said["left"][0] and bed.branch().endswith("-back") and bed.public(EU) == bed.before[EU]
    assert bed.pulls[2]["title"].startswith("Go back to the old deploy key of") and new in bed.registered()
    assert "have pull request #2 merged" in bed.json(*NOBODY)["left"][0]
    bed.repo.git("switch", "-q", "main")
    assert "have pull request #2 merged" in bed.json(*NOBODY)["left"][0] and len(bed.pulls) == 2 and new in bed.registered()
    bed.merged(2)
    assert bed.json(*NOBODY)["finished"]
    assert bed.registered() == set(bed.before.values()) and bed.public(EU) == bed.before[EU]


# --- a kill at every request ------------------------------------------------------------------------

class Kills:
    def __init__(self, bed, at, after):
        self.bed, self.at, self.after, self.n, self.process = bed, at, after, 0, None
        self.handle = bed.hub.handle
        bed.hub.handle = self

    def end(self):
        self.process.kill()
        self.process.wait()

    def __call__(self, request):
        self.n += 1
        if self.n == self.at and not self.after:
            self.end()
            raise ConnectionError
        try:
            return self.handle(request)
        finally:
            if self.n == self.at:
                self.end()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 9))
def test_killed_at_each_request(bed, at, after):
    """Whatever was done, the next run opens one request in all, and the rest is as ever."""
    kills = Kills(bed, at, after)
    kills.process = subprocess.Popen([*map(str, [BULLA, *bed.line(EU, *ASKED)])], cwd=bed.repo.top, env=bed.repo.env, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    status = kills.process.wait(60)
    bed.hub.handle = kills.handle
    assert status == -9 or kills.n < at
    bed.rotate(*ASKED)
    assert len(bed.pulls) == 1 and bed.before[EU] in bed.registered() and bed.public(EU) in bed.registered()
    assert bed.remote(bed.branch()) == bed.public(EU) and bed.remote("main") == bed.before[EU]
    bed.merged()
    assert bed.json(*NOBODY)["finished"]
    bed.is_rotated()


# --- secrets ----------------------------------------------------------------------------------------

@pytest.mark.skipif("BULLA_SANITIZED" in os.environ, reason="ptrace and LeakSanitizer exclude each other")
def test_nothing_secret_in_arguments_bodies_or_the_journal(bed, tmp_path):
    log = tmp_path / "exec"
    subprocess.run(["strace", "-f", "-qq", "-s", "4096", "-e", "trace=execve", "-o", log, *map(str, [BULLA, *bed.line(EU, *ASKED)])],
                   cwd=bed.repo.top, env=bed.repo.env, check=True, capture_output=True, timeout=60)
    text = log.read_text() + bed.journal()[0].read_text() + json.dumps(bed.pulls) + bed.repo.git("log", "-2", "--format=%B")
    assert '"switch"' in text and '"push"' in text
    assert TOKEN not in text and "PRIVATE" not in text

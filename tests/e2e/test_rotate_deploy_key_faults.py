# SPDX-License-Identifier: Apache-2.0
"""bulla rotate deploy-key, when GitHub fails at each of its requests: what is said, that nothing is lost, and that the
same line ends it.

Which requests there are is counted first, so that each really is tried.  Pauses are skipped (tests/preload/waits.c): the
program keeps them by its own clock.  There is no SSH server: GitHub says that the new key is used.
"""
import base64
import os
import re
import time

import pytest
import yaml

from checkout import BIN, CONFLICT, IO, REFUSED
from fakegithub import Fault, stamp
from hubbed import REGIONS, REPOSITORY
from hubserver import HubServer
from test_rotate_deploy_key import EU, KEYS, NOBODY, Bed, sshd  # noqa: F401

ONE = KEYS + r"/\d+"
HTML = {"Content-Type": "text/html; charset=utf-8"}
PORTAL = b"<html><title>Hotel Bellevue: sign in</title></html>"
DOCS = "https://docs.github.com/rest"
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
             "documentation_url": DOCS}
IN_USE = {"message": "Validation Failed", "documentation_url": DOCS,
          "errors": [{"resource": "PublicKey", "code": "custom", "field": "key", "message": "key is already in use"}]}
LATER = r"try again after 20\d\d-"

# What a request is answered with, each time: how the command ends, and what it must say of why and of what to do.
FAULTS = {
    "reset": (dict(lose=True), IO, ["the connection (was closed|broke)"]),
    "timeout": (dict(delay=30, lose=True), IO, ["no answer in time"]),
    "500": (dict(status=500, body={"message": "Server Error"}), IO, [r"GitHub failed \(500\)", "try again later"]),
    "502": (dict(status=502, headers=HTML, body=b"<html>Unicorn!</html>"), IO, [r"GitHub failed \(502\)", "try again later"]),
    "retry-after": (dict(status=403, headers={"Retry-After": "60"}, body=SECONDARY), IO, ["asks for a pause", LATER]),
    "secondary": (dict(status=403, body=SECONDARY), IO, ["asks for a pause", LATER]),
    "429": (dict(status=429, body={"message": "Too Many Requests"}), IO, ["asks for a pause", LATER]),
    "primary": (dict(status=403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3000)},
                     body={"message": "API rate limit exceeded for user ID 1."}), IO, ["as its rate limit allows", LATER]),
    "401": (dict(status=401, body={"message": "Bad credentials"}), REFUSED, [r"does not accept it \(401", "revoked, expired or not"]),
    "forbidden": (dict(status=403, body={"message": "Resource not accessible by personal access token"}), REFUSED,
                  [r"is forbidden \(403\)", r"it takes the permission Administration \((read|write)\)"]),
    "404": (dict(status=404, body={"message": "Not Found"}), IO,
            [r"not found \(404\)", "GitHub tells both the same way", r"it takes the permission Administration \((read|write)\)"]),
    "portal": (dict(status=200, headers=HTML, body=PORTAL), IO, ["the sign-in page of this network"]),
    "redirect": (dict(status=302, headers={**HTML, "Location": "http://10.0.0.1/login"}, body=PORTAL), IO,
                 [r"points elsewhere \(302\)", "the sign-in page of this network"]),
    "not json": (dict(status=200, body=b'[{"id": 1, "key": "ssh-ed25'), IO, ["not valid JSON", "try again"]),
    "cut": (dict(cut=True), IO, ["the answer breaks off"]),
    "in use": (dict(status=422, body=IN_USE), CONFLICT, ["is in use already", "each repository needs a key of its own"]),
    # it was done, and that is not what is said
    "answer lost": (dict(lose_answer=True), IO, ["the connection"]),
    "done, 502": (dict(status=502, headers=HTML, body=b"<html>Unicorn!</html>", done=True), IO, [r"GitHub failed \(502\)"]),
    "done, portal": (dict(status=200, headers=HTML, body=PORTAL, done=True), IO, ["the sign-in page of this network"]),
    "done, not json": (dict(status=201, body=b'{"id": 1, "ke', done=True), IO, ["not valid JSON"]),
}
WRITES = ("answer lost", "done, 502", "done, portal", "done, not json")
# A list shows that what one request denies, or does not tell, is there, or done.
PASSES = {("POST", name) for name in (*WRITES, "cut")} | {("DELETE", name) for name in WRITES} | {("GET one", "404")}

REQUESTS = ["GET list", "POST", "GET list", "GET list", "GET list", "GET one", "DELETE"]


def fits(kind, name):
    """Can this request be answered so?"""
    if name == "in use" or name in WRITES:
        return kind == "POST" or (kind == "DELETE" and name != "in use")
    return name != "cut" or kind != "DELETE"  # which has an answer without a body


CASES = [(n, name) for n, kind in enumerate(REQUESTS) for name in FAULTS if fits(kind, name)]


def kind_of(request):
    method, path = request[0], request[1].split("?")[0]
    return method if method != "GET" else "GET list" if path == KEYS else "GET one"


def fault(n, name, **more):
    """The n-th request, and all later ones of its sort."""
    kind = REQUESTS[n]
    given = {**FAULTS[name][0], "times": 99, **more}
    return Fault(kind.split()[0], KEYS if kind in ("GET list", "POST") else ONE, skip=REQUESTS[:n].count(kind), **given)


class FaultyBed(Bed):
    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.hub.git.stop()
        self.repo.env["LD_PRELOAD"] = str(BIN / "preload/waits.so")
        if "ASAN_OPTIONS" in self.repo.env or "BULLA_SANITIZED" in os.environ:
            self.repo.env["ASAN_OPTIONS"] = self.repo.env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.waits = self.path / "waits"
        self.repo.env["WAITS_LOG"] = str(self.waits)

    def begin(self, *faults):
        self.before[EU] = self.public(EU)
        self.hub.requests.clear()
        self.hub.faults[:] = faults
        self.waits.unlink(missing_ok=True)
        self.repo.env.pop("WAITS_POLL", None)
        if any(f.delay for f in faults):
            self.repo.env["WAITS_POLL"] = "1"

    def mend(self):
        self.hub.faults.clear()
        self.repo.env.pop("WAITS_POLL", None)

    def waited(self):
        """Seconds, as the program has it."""
        return sum(map(int, self.waits.read_text().split())) / 1000 if self.waits.exists() else 0

    def go(self, *more, status=0):
        return self.rotate(*NOBODY, "--commit", "--push", *more, status=status)

    def pushed(self):
        shown = self.hub.remote.git("--git-dir", self.hub.remote.bare, "show", f"main:{self.file(EU)}")
        return yaml.safe_load(shown)["spec"]["parts"]["credential"]["facts"]["public-key"]

    def made(self):
        """The new key, as the journal has it."""
        [journal] = self.journal()
        return re.search(r'"newPublic(?:Key)?": ?"([^"]+)"', journal.read_text()).group(1)

    def nothing_is_lost(self):
        """In the midst of it: whoever fetches, fetches, and no key is there that nobody knows of."""
        registered = self.registered()
        assert self.pushed() in registered and self.public(EU) in registered
        assert registered <= {self.before[EU], self.made(), self.public(REGIONS[1])}
        if self.before[EU] not in registered:  # then it was the last of all
            assert self.made() in registered and self.pushed() == self.made()

    def deletes(self):
        return [r for r in self.hub.requests if r[0] == "DELETE"]


class UsedHub(HubServer):
    """Each key is used all the time."""

    def note_uses(self):
        for key in self.keys.values():
            key["last_used"] = stamp(time.time() + 2)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with UsedHub(tmp_path_factory.mktemp("git")) as hub:
        yield hub
    assert hub.violations == []


@pytest.fixture(scope="module")
def shared(hub, tmp_path_factory):
    return FaultyBed(tmp_path_factory.mktemp("bed"), hub, clusters=False)


@pytest.fixture
def bed(shared):
    """One for all of them: each ends what it began."""
    yield shared
    shared.mend()
    if shared.journal():
        shared.go()


def is_open(bed):
    """The document opens, and what is in it is registered."""
    said = yaml.safe_load(bed.repo.bulla("open", bed.file(EU), "-i", bed.repo.recovery).out)
    assert base64.b64decode(said["data"]["identity.pub"]).decode().split()[:2] == bed.public(EU).split()[:2]
    bed.is_rotated()


def test_the_requests_are_these(bed):
    bed.begin()
    bed.go()
    assert [kind_of(r) for r in bed.hub.requests] == REQUESTS
    is_open(bed)


@pytest.mark.parametrize("n, name", CASES, ids=[f"{n}-{REQUESTS[n]}-{name}".replace(" ", "-") for n, name in CASES])
def test_a_request_that_fails(bed, n, name):
    bed.begin(fault(n, name))
    kind, (_, status, words) = REQUESTS[n], FAULTS[name]
    if (kind, name) in PASSES:
        bed.go()
        is_open(bed)
        return
    said = bed.go(status=status).err
    what = {"GET list": f"list the deploy keys of {REPOSITORY}", "POST": f"add a deploy key to {REPOSITORY}",
            "GET one": "read deploy key ", "DELETE": "delete deploy key "}[kind]
    step = "registration" if n < 2 else "proof" if n == 2 else "deletion"
    last = said.splitlines()[-1]
    assert re.search(f"not finished, run it again to go on: {step}: (nothing is deleted: )?{what}", last), last
    assert f"127.0.0.1:{bed.hub.port}" in last or kind == "POST" and name == "in use", last
    for word in words:
        assert re.search(word, last), last
    assert "Hotel" not in said and "Unicorn" not in said
    bed.nothing_is_lost()
    if n < len(REQUESTS) - 1:
        assert bed.before[EU] in bed.registered() and (kind == "DELETE" or bed.deletes() == [])
    bed.mend()
    bed.go()
    is_open(bed)


# --- faults that pass -------------------------------------------------------------------------------

SOON = {"X-RateLimit-Remaining": "0"}
PASSING = {"reset": 0, "500": 0, "502": 0, "retry-after": 60, "secondary": 60, "429": 60, "primary": 2, "answer lost": 0}


@pytest.mark.parametrize("name", PASSING)
def test_each_request_fails_once(bed, name):
    """All of them, each at its first try: the command waits as long as it is asked to, and ends as if nothing were."""
    given = dict(FAULTS[name][0])
    if name == "primary":
        given["headers"] = {**SOON, "X-RateLimit-Reset": str(int(time.time()) + 3)}
    bed.begin(*(Fault(k.split()[0], KEYS if k in ("GET list", "POST") else ONE, **given, skip=REQUESTS[:n].count(k))
                for n, k in enumerate(REQUESTS)))
    said = bed.go().err
    is_open(bed)
    assert len(re.findall(f"127.0.0.1:{bed.hub.port} asks for a pause \\(rate limit\\): going on in {PASSING[name]} s", said)) == \
        (len(REQUESTS) if PASSING[name] > 5 else 0)
    assert all(f.times == 0 for f in bed.hub.faults)
    if name == "answer lost":  # a list shows the one that was added, and that none is there to be deleted
        return
    assert [kind_of(r) for r in bed.hub.requests] == [k for kind in REQUESTS for k in (kind, kind)]
    least = PASSING[name] * len(REQUESTS)
    assert least <= bed.waited() <= least + 20


# --- an App -----------------------------------------------------------------------------------------

INSTALLATION, MINT, BACK = f"/repos/{REPOSITORY}/installation", r"/app/installations/\d+/access_tokens", "/installation/token"
AS_APP = {"GET": (INSTALLATION, f"look for the App on {REPOSITORY}"), "POST": (MINT, f"make a token of the App for {REPOSITORY}"),
          "DELETE": (BACK, "give back the token of the App")}
INSTEAD = {  # what is said in place of the same of a token
    ("GET", "401"): (REFUSED, ["id and private key do not belong together"]),
    ("POST", "401"): (REFUSED, ["id and private key do not belong together"]),
    ("GET", "404"): (IO, ["the App is not installed on", "an owner installs it"]),
    ("POST", "404"): (IO, [r"not found \(404\)"]),
    ("GET", "forbidden"): (REFUSED, [r"is forbidden \(403\)"]),
    ("POST", "forbidden"): (REFUSED, [r"is forbidden \(403\)"]),
    ("POST", "in use"): (REFUSED, ["has not been given what is asked for", "administration: write on that repository"]),
}
APP_CASES = [(method, name) for method in AS_APP for name in FAULTS
             if (name != "in use" or method == "POST") and name not in WRITES and not (method == "DELETE" and name in ("cut", "404"))]


@pytest.fixture(scope="module")
def app(shared):
    file = shared.app()
    shared.repo.commit("App")
    return file


@pytest.mark.parametrize("method, name", APP_CASES)
def test_a_request_of_an_app_that_fails(bed, app, method, name):
    given, status, words = FAULTS[name]
    status, words = INSTEAD.get((method, name), (status, words))
    path, what = AS_APP[method]
    bed.begin(Fault(method, path, **{**given, "times": 99}))
    words_of_app = ("--app", app)
    if method == "DELETE":  # that a token could not be given back is no failure, and nothing to wait for
        said = bed.rotate(*NOBODY, "--commit", "--push", *words_of_app, token=False).err
        if name != "401":
            assert re.search(f"the App's token ends by itself within the hour: {what}.*{words[0]}", said), said
        # libcurl sends anew by itself what a connection that was used before does not answer
        assert bed.waited() < 5 and sum(r[1] == BACK for r in bed.hub.requests) <= 1 + (name == "reset")
        is_open(bed)
        return
    said = bed.rotate(*NOBODY, "--commit", "--push", *words_of_app, token=False, status=status).err
    last = said.splitlines()[-1]
    assert last.startswith("bulla: not finished, run it again to go on: registration: ")
    for word in words:
        assert re.search(word, last), last
    assert "BEGIN" not in said and not re.search(r"eyJ|ghs_", said)
    bed.nothing_is_lost()
    assert bed.registered() == {bed.before[EU], bed.public(REGIONS[1])} and bed.public(EU) == bed.before[EU]
    bed.mend()
    bed.rotate(*NOBODY, "--commit", "--push", *words_of_app, token=False)
    is_open(bed)


# --- back -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("n, name", [*((n, name) for n in range(len(REQUESTS)) for name in ("500", "portal")), (1, "answer lost")])
def test_abort_finds_what_was_registered(bed, n, name):
    """Behind a failure at any request the way back leaves what was there."""
    before = bed.registered()
    bed.begin(fault(n, name))
    if name == "answer lost":  # and nobody can hear that it was added
        bed.hub.faults.append(Fault("GET", KEYS, skip=1, lose=True, times=99))
    bed.go(status=IO)
    new = bed.made()
    assert (new in bed.registered()) == (n > 1 or name == "answer lost")
    bed.mend()
    bed.rotate("--abort", *NOBODY, "--commit", "--push")
    assert bed.registered() == before and bed.public(EU) == bed.before[EU] == bed.pushed() and bed.journal() == []


def test_the_way_back_fails_and_goes_on(bed):
    before = bed.registered()
    bed.begin(fault(6, "500"))
    bed.go(status=IO)
    n = 0
    while True:  # each of its own requests, one after another
        bed.hub.requests.clear()
        bed.hub.faults[:] = [Fault("(GET|DELETE)", KEYS + ".*", status=502, times=99, skip=n)]
        said = bed.rotate("--abort", *NOBODY, "--commit", "--push", status=None)
        assert before <= bed.registered() and bed.pushed() in bed.registered()
        if said.status == 0:
            break
        assert said.status == IO and "GitHub failed (502)" in said.err
        n += 1
    bed.mend()
    assert n >= 4
    assert bed.registered() == before and bed.public(EU) == bed.before[EU] == bed.pushed() and bed.journal() == []

# SPDX-License-Identifier: Apache-2.0
"""--live: the system that will read a credential is asked whether it works, before it is sealed (seal, set, rotate) and
after (check)."""
import json
import os
import shutil
import socket
import subprocess
import time

import livebed
import pytest
import registries
import yaml
from checkout import BULLA, FINDINGS, IO, NOKEY, REFUSED, USAGE, Checkout, Terminal
from livebed import BAD_PAT, CANARY, GOOD_PAT, OTHER, ROBOT, WRITER

KINDS = ["registry", "registry-of-github", "git-https", "deploy-key", "github-app", "tls", "opaque"]


@pytest.fixture(scope="module")
def bed(tmp_path_factory):
    for program in ("docker-registry", "skopeo", "sshd"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            why = f"{program} is not installed"
            pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    with livebed.LiveBed(tmp_path_factory.mktemp("bed")) as made:
        yield made
        assert made.hub.violations == []


@pytest.fixture
def source(bed, request):
    return bed.sources()[KINDS.index(request.param)]


@pytest.fixture
def repo(tmp_path):
    made = Checkout(tmp_path)
    made.init("-r", "eu-west9")
    return made


def files(repo):
    return {p.relative_to(repo.path): p.read_bytes() for p in repo.path.rglob("*") if p.is_file()}


def facts(repo, file="a.yaml"):
    return {name: part["facts"] for name, part in yaml.safe_load((repo.top / file).read_bytes())["spec"]["parts"].items()}


def seal(repo, source, secret=None, *more, host=None, status=0, live=True, name="a"):
    host = host or source.host
    options = ("--live", *source.live(host)) if live else ()
    return repo.bulla("seal", source.kind, name, "-n", "web", *source.arguments(host), *options, "-w", f"{name}.yaml", *more,
                      input=source.good if secret is None else secret, status=status)


def refused(repo, run, *words, secret=CANARY.encode()):
    """Nothing is written, what is to be said is said, and the secret is nowhere in it."""
    before = files(repo)
    done = run()
    for word in words:
        assert word in done.err, done
    assert files(repo) == before and done.out == ""
    lines = [line for line in secret.decode().splitlines() if "-----" not in line and line]
    assert not any(line in done.err for line in lines)
    return done


# --- a row for each kind ------------------------------------------------------------------------------

@pytest.mark.parametrize("source", KINDS, indirect=True)
def test_what_works_is_sealed(repo, source):
    done = seal(repo, source, None, "-o", "json")
    said = json.loads(done.out)
    assert said["changed"] and said["live"]["state"] == "works" and source.says in said["live"]["says"], said
    assert f"asked: {said['live']['says']}" in done.err
    assert repo.bulla("open", "a.yaml", "-i", repo.recovery).out.startswith("apiVersion")


@pytest.mark.parametrize("source", KINDS, indirect=True)
def test_what_is_refused_is_not_sealed(repo, source):
    refused(repo, lambda: seal(repo, source, source.bad, status=REFUSED), "bulla: --live: ", source.refusal, "; nothing is sealed",
            secret=source.bad)
    seal(repo, source, source.bad, live=False)  # it is right by itself


@pytest.mark.parametrize("source", KINDS, indirect=True)
def test_what_cannot_be_asked_is_not_sealed(repo, source):
    host = f"127.0.0.1:{registries.free_port()}"
    refused(repo, lambda: seal(repo, source, host=host, status=IO), "--live could not ask, and nothing is sealed",
            host.rpartition(":")[2], secret=source.good)


@pytest.mark.parametrize("source", KINDS, indirect=True)
def test_nothing_is_written_by_a_dry_run_that_asks(repo, source):
    before = files(repo)
    assert source.says in seal(repo, source, None, "--dry-run").err
    assert {p: t for p, t in files(repo).items() if p.name != "pins"} == {p: t for p, t in before.items() if p.name != "pins"}


@pytest.mark.parametrize("source", KINDS, indirect=True)
def test_set_asks_too(repo, source):
    seal(repo, source)
    target = ["TOKEN"] if source.kind == "opaque" else []
    again = ["--known-hosts", source.arguments(source.host)[-1]] if source.kind == "deploy-key" else \
        ["--ca", source.arguments(source.host)[-1]] if "--ca" in source.arguments(source.host) else []
    command = ["set", "a.yaml", *target, "--from-file", "-", *again, "--live", *source.live(source.host)]
    refused(repo, lambda: repo.bulla(*command, input=source.bad, status=REFUSED), "a.yaml: --live: ", source.refusal,
            secret=source.bad)
    before = (repo.top / "a.yaml").read_bytes()
    said = json.loads(repo.bulla(*command, "-o", "json", input=source.good).out)
    assert said["live"]["state"] == "works" and (repo.top / "a.yaml").read_bytes() != before


@pytest.mark.parametrize("source", [k for k in KINDS if k not in ("deploy-key", "github-app")], indirect=True)
def test_rotate_asks_too(repo, source):
    seal(repo, source)
    file = {"tls": "--bundle", "opaque": "--from-file"}.get(source.kind, "--token-file")
    value = "TOKEN=-" if source.kind == "opaque" else "-"
    command = ["rotate", source.kind, "a.yaml", file, value, "--live", "--allow", "same", "--allow", "sooner",
               *(["--ca", source.arguments("")[-1]] if source.kind == "git-https" else []), *source.live(source.host)]
    refused(repo, lambda: repo.bulla(*command, input=source.bad, status=REFUSED), "--live: ", source.refusal, secret=source.bad)
    said = json.loads(repo.bulla(*command, "-o", "json", input=source.good).out)
    live = said["live"]["TOKEN"] if source.kind == "opaque" else said["live"]
    assert live["state"] == "works" and source.says.rpartition("; ")[2] in live["says"]


def test_an_app_of_another_owner_is_refused(repo, bed):
    """Flux looks the installation up by the owner that is sealed, and would find none."""
    source = bed.of_app()
    def arguments(host):
        return [{"octo": "OCTOpus"}.get(a, a) for a in source.arguments(host)]
    done = repo.bulla("seal", "github-app", "a", "-n", "web", *arguments(source.host), "--live", *source.live(source.host), "-w", "a.yaml",
                      input=source.good, status=REFUSED)
    assert "owner: the App's installation on octo/infra is octo's, and the credential says OCTOpus" in done.err
    assert not (repo.top / "a.yaml").exists()


# --- what is said beside it ---------------------------------------------------------------------------

def test_a_login_that_can_do_more_is_warned_of(repo, bed):
    assert "push" in seal(repo, bed.of_registry(WRITER)).err


def test_a_login_without_the_right(repo, bed):
    refused(repo, lambda: seal(repo, bed.of_registry(OTHER), status=REFUSED), "does not allow to pull", secret=OTHER[1].encode())


def test_an_image_that_is_not_there(repo, bed):
    source = bed.of_registry()
    source.live = lambda host: ("--image", f"{host}/org/app:v2", "--ca-file", bed.ca)
    refused(repo, lambda: seal(repo, source, status=REFUSED), "no such tag", secret=ROBOT[1].encode())


def test_an_image_of_another_registry(repo, bed):
    source = bed.of_registry()
    source.live = lambda host: ("--image", "ghcr.io/org/app:v2", "--ca-file", bed.ca)
    refused(repo, lambda: seal(repo, source, status=REFUSED), "(ghcr.io) that the credential has no login for",
            secret=ROBOT[1].encode())


def test_the_end_that_github_tells_is_a_fact(repo, bed):
    seal(repo, bed.of_registry_at_github())
    assert facts(repo)["credential"]["not-after"] == "2027-10-12T09:00:00Z"


@pytest.mark.parametrize("given, taken, words", [
    ("2027-01-31", "2027-01-31T23:59:59Z", None),
    ("2028-01-31", "2027-10-12T09:00:00Z", "--expires: the token ends sooner, on 2027-10-12T09:00:00Z"),
])
def test_the_sooner_end_counts(repo, bed, given, taken, words):
    done = seal(repo, bed.of_registry_at_github(), None, "--expires", given)
    assert facts(repo)["credential"]["not-after"] == taken and (words is None or words in done.err)


def test_the_time_zone_is_that_of_the_account(repo, bed):
    bed.hub.tokens[GOOD_PAT]["expires"] = "2027-10-12 09:00:00 +0900"
    try:
        seal(repo, bed.of_opaque())
    finally:
        bed.hub.tokens[GOOD_PAT]["expires"] = "2027-10-12 09:00:00 UTC"
    assert facts(repo)["TOKEN"]["not-after"] == "2027-10-12T00:00:00Z"


def test_a_key_that_is_made_now_cannot_work_yet(repo, bed):
    source = bed.of_deploy_key()
    arguments = [a for a in source.arguments(source.host) if a not in ("--private-key", "-")]
    refused(repo, lambda: repo.bulla("seal", "deploy-key", "a", "-n", "web", *arguments, "--live", "-w", "a.yaml", status=USAGE),
            "registered nowhere yet")


def test_a_deploy_key_that_may_push_is_warned_of(repo, bed):
    source = bed.of_deploy_key()
    bed.ssh.authorize(livebed.gitserver.make_key(repo.path / "writer"), write=True)
    assert "may also push" in seal(repo, source, (repo.path / "writer").read_bytes()).err


def test_kinds_without_a_source_say_so(repo):
    done = repo.bulla("seal", "basic-auth", "a", "-n", "web", "--username", "u", "--password-file", "-", "--live", "-w", "a.yaml",
                      "-o", "json", input="secret-value")
    assert "there is nobody to ask" in done.err and json.loads(done.out)["live"]["state"] == "nothing"
    done = repo.bulla("seal", "opaque", "b", "-n", "web", "--stdin", "K", "--live", "-w", "b.yaml", input="secret-value")
    assert "none of the values tells whom to ask" in done.err


def test_an_existing_secret_is_asked_about_too(repo, bed):
    seal(repo, bed.of_registry())
    manifest = repo.bulla("open", "a.yaml", "-i", repo.recovery).out
    live = ("--live", *bed.of_registry().live(bed.registry.host))
    done = repo.bulla("seal", "-f", "-", *live, "-w", "b.yaml", input=manifest)
    assert "can be pulled" in done.err
    bad = yaml.safe_load(manifest)
    bad["data"] = {}
    bad["stringData"] = {".dockerconfigjson": json.dumps({"auths": {bed.registry.host: {"username": "robot", "password": CANARY}}})}
    refused(repo, lambda: repo.bulla("seal", "-f", "-", *live, "-w", "c.yaml", input=yaml.safe_dump(bad), status=REFUSED), "--live: ")


def test_the_token_that_an_app_minted_is_given_back(repo, bed):
    before = set(bed.hub.tokens)
    seal(repo, bed.of_app())
    assert set(bed.hub.tokens) == before


@pytest.mark.parametrize("kind, options, words", [
    ("registry", ("--live",), "--image IMAGE"),
    ("registry", ("--image", "ghcr.io/a/b"), "--image goes with --live"),
    ("registry", ("--api-url", "https://example.com"), "--api-url goes with --live"),
    ("registry", ("--live", "--image", "Not An Image"), "--image"),
    ("registry", ("--live", "--image", "ghcr.io/a/b", "--connect", "a:1"), None),
    ("tls", ("--live",), "--connect HOST:PORT"),
    ("tls", ("--live", "--connect", "a b"), "--connect: "),
    ("tls", ("--live", "--connect", "a:1", "--image", "ghcr.io/a/b"), None),
    ("deploy-key", ("--live", "--image", "ghcr.io/a/b"), None),
])
def test_command_lines(repo, kind, options, words):
    needed = {"registry": ("--server", "ghcr.io", "--username", "u", "--token-file", "-"), "tls": ("--bundle", "-"),
              "deploy-key": ("--url", "ssh://git@github.com/a/b")}[kind]
    done = repo.bulla("seal", kind, "pull", "-n", "web", *needed, *options, input=CANARY, status=USAGE)
    assert words is None or words in done.err


# --- somebody in between ------------------------------------------------------------------------------

PORTAL = (200, [("Content-Type", "text/html")], b"<html><form>Sign in to the network</form></html>")


@pytest.mark.parametrize("source", ["registry", "registry-of-github", "git-https", "github-app", "opaque"], indirect=True)
def test_the_sign_in_page_of_a_network_is_no_answer(repo, bed, source):
    """Its certificate is trusted, which is the worst case; the login must not reach it where it can be helped."""
    with registries.Server(bed.pair, lambda r: PORTAL) as portal:
        host = f"127.0.0.1:{portal.port}"
        if source.kind == "registry":
            source.live = lambda host: ("--image", f"{host}/org/app:v1", "--ca-file", bed.ca)
            refused(repo, lambda: seal(repo, source, host=host, status=IO), "could not ask", secret=source.good)
            assert portal.logins() == []
        else:
            refused(repo, lambda: seal(repo, source, host=host, status=IO), "could not ask", secret=source.good)


@pytest.mark.parametrize("source", ["registry", "git-https", "github-app", "opaque"], indirect=True)
@pytest.mark.parametrize("issue, words", [
    ({"begin": -30, "end": -1}, ("valid from", "this machine's clock says")),  # ... or this machine's clock is a day ahead
    ({"begin": 1, "end": 30}, ("valid from", "this machine's clock says")),  # ... or a day behind
    (None, ("certificate",)),  # nobody whom we trust has signed it
])
def test_a_certificate_that_is_not_to_be_trusted(repo, bed, source, issue, words, tmp_path):
    (tmp_path / "other").mkdir()
    pair = bed.authority.issue(f"bad{len(list(bed.folder.glob('bad*.crt')))}", **issue) if issue else \
        registries.Authority(tmp_path / "other", "foreign").issue("server")
    with registries.Server(pair, lambda r: PORTAL) as server:
        done = refused(repo, lambda: seal(repo, source, host=f"127.0.0.1:{server.port}", status=IO), "could not ask",
                       secret=source.good)
        assert all(word in done.err for word in words), done
        assert server.logins() == [] and all(r[0] == "HEAD" for r in server.requests)


def test_a_clock_that_is_off_is_told_when_github_refuses_the_app(repo, bed):
    bed.hub.date_offset = -86400
    try:
        done = refused(repo, lambda: seal(repo, bed.of_app(), status=REFUSED), "--live: ")
        assert "clock is 24 hours ahead" in done.err, done
    finally:
        bed.hub.date_offset = 0


def test_another_host_key_stops_before_the_key_is_shown(repo, bed):
    source = bed.of_deploy_key()
    made = source.arguments(source.host)
    other = livebed.gitserver.make_key(repo.path / "other")
    made[-1].write_text(f"[127.0.0.1]:{bed.ssh.port} {other}")
    source.arguments = lambda host: made
    accepted = bed.ssh.server.output().count("Accepted")
    done = refused(repo, lambda: seal(repo, source, status=REFUSED), "--live: ", secret=source.good)
    assert "host key" in done.err and bed.ssh.server.output().count("Accepted") == accepted


def test_a_server_that_never_answers_does_not_hang(repo, bed):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        refused(repo, lambda: seal(repo, bed.of_tls(), host=f"127.0.0.1:{silent.getsockname()[1]}", status=IO), "could not ask")
        assert time.monotonic() - begin < 20


def test_what_a_server_says_is_escaped(repo, bed):
    """A registry's words reach the terminal as words."""
    evil = b'{"errors":[{"code":"DENIED","message":"\\u001b[31mred\\u202e"}]}'
    answer = (403, [("Content-Type", "application/json"), ("WWW-Authenticate", 'Basic realm="\x1b[31m"')], evil)
    with registries.Server(bed.pair, lambda r: answer) as server:
        done = seal(repo, bed.of_registry(), host=f"127.0.0.1:{server.port}", status=None)
    assert done.status in (IO, REFUSED) and "\x1b" not in done.err and "\u202e" not in done.err


# --- after it is sealed -------------------------------------------------------------------------------

OPTIONS = {"registry-of-github": "registry"}


@pytest.fixture
def sealed(repo, bed):
    """One document of each kind, all working."""
    for name, source in zip(KINDS, bed.sources()):
        if name != "registry-of-github":
            seal(repo, source, live=False, name=name)
    repo.live = ("--live", "-i", repo.recovery, "--image", f"{bed.registry.host}/org/app:v1", "--connect",
                 f"127.0.0.1:{bed.tls.port}", "--api-url", bed.hub.url, "--ca-file", bed.ca)
    return repo


def states(done):
    return {row["document"].removeprefix("web/"): row["state"] for row in json.loads(done.out)["live"]}


WORKS = {kind: "works" for kind in KINDS if kind != "registry-of-github"}


def test_check_asks_about_all_of_them(sealed):
    done = sealed.bulla("check", *sealed.live, "-o", "json")
    assert states(done) == WORKS
    said = json.loads(done.out)
    assert {row["kind"] for row in said["live"]} == set(WORKS) and said["opened"] == len(WORKS)
    warnings = [f["message"] for f in said["findings"] if "GitHub" in f["message"] or "ends" in f["message"]]
    assert {f["severity"] for f in said["findings"]} == {"warning"} and warnings == ["web/opaque: ends 2027-10-12T09:00:00Z, and the document says nothing of that; seal it again with "
                        "--live, or --expires"], warnings
    text = sealed.bulla("check", *sealed.live)
    table = text.out.splitlines()
    assert table[0].split() == ["DOCUMENT", "KIND", "LIVE", "WHAT"] and len([t for t in table if " works " in t]) == len(WORKS)
    assert "6 work, 0 refused, 0 could not be asked; not asked: 0 that no key opens, 0 with nobody to ask" in text.err


def test_check_fails_when_one_does(sealed, bed):
    bed.ssh.revoke(bed.deploy_public)
    token = bed.hub.tokens.pop(GOOD_PAT)
    try:
        done = sealed.bulla("check", *sealed.live, "-o", "json", status=FINDINGS)
        text = sealed.bulla("check", *sealed.live, status=FINDINGS)
    finally:
        bed.ssh.authorize(bed.deploy_public)
        bed.hub.tokens[GOOD_PAT] = token
    assert states(done) == {**WORKS, "deploy-key": "refused", "opaque": "refused"}
    found = {f["file"]: f for f in json.loads(done.out)["findings"] if f["severity"] == "error"}
    assert set(found) == {"deploy-key.yaml", "opaque.yaml"}
    assert all(f["rule"] == "live" and f["severity"] == "error" and f["line"] > 0 for f in found.values())
    assert "deploy-key.yaml:1: web/deploy-key: " in text.out and "[live]" in text.out and "2 refused" in text.err
    assert GOOD_PAT not in text.out + text.err + done.out + done.err


def test_check_fails_when_one_cannot_be_asked(sealed, bed):
    live = [f"127.0.0.1:{registries.free_port()}" if str(o).endswith(str(bed.tls.port)) else o for o in sealed.live]
    done = sealed.bulla("check", *live, "-o", "json", status=FINDINGS)
    assert states(done) == {**WORKS, "tls": "untold"}
    assert "could not be asked" in json.loads(done.out)["findings"][-1]["message"]


def test_documents_of_others_are_named_and_not_asked(sealed, bed):
    sealed.tool("age-keygen", "-o", str(sealed.path / "mine.key"))
    mine = sealed.tool("age-keygen", "-y", str(sealed.path / "mine.key")).strip()
    sealed.bulla("seal", "basic-auth", "mine", "-n", "web", "--username", "u", "--password-file", "-", "-r", mine, "--accept", mine,
                 "-w", "mine.yaml", input="secret-value")
    done = sealed.bulla("check", "--live", "-i", sealed.path / "mine.key", "-o", "json", status=None)
    assert states(done) == {**{k: "unopened" for k in WORKS}, "mine": "nothing"}
    text = sealed.bulla("check", "--live", "-i", sealed.path / "mine.key", status=None)
    assert "not asked: 6 that no key opens, 1 with nobody to ask" in text.err
    assert len([t for t in text.out.splitlines() if "no key at hand opens it: not asked" in t]) == 6


def test_what_no_option_names_is_not_asked(sealed, bed):
    done = sealed.bulla("check", "--live", "-i", sealed.recovery, "--api-url", bed.hub.url, "--ca-file", bed.ca, "-o", "json")
    assert states(done) == {**WORKS, "registry": "nothing", "tls": "nothing"}
    reasons = {row["kind"]: row.get("reason") for row in json.loads(done.out)["live"]}
    assert "--image" in reasons["registry"] and "--connect" in reasons["tls"]


def test_a_certificate_that_is_not_served_yet_is_a_warning(repo, bed):
    newer = bed.authority.issue("newer", begin=-1)
    source = bed.of_tls()
    done = seal(repo, source, livebed.bundle(newer))
    assert "shows an older certificate" in done.err
    options = ("--live", "-i", repo.recovery, "--connect", source.host, "--ca-file", bed.ca)
    done = repo.bulla("check", *options, "-o", "json")
    found = [f for f in json.loads(done.out)["findings"] if f["rule"] == "live"]
    assert ["what is sealed is not served yet" in f["message"] for f in found] == [True] and found[0]["severity"] == "warning"


def test_check_needs_a_key(repo):
    assert "key" in repo.bulla("check", "--live", status=NOKEY).err
    assert repo.bulla("check", "--image", "ghcr.io/a/b", status=USAGE).err


def test_the_staged_documents_alone(sealed):
    sealed.git("add", "tls.yaml")
    assert states(sealed.bulla("check", "--staged", *sealed.live, "-o", "json")) == {"tls": "works"}


def test_many_at_a_time(repo, bed):
    """Slow answers, one after another, would take six seconds."""
    with livebed.FakeGitHub() as hub:
        hub.token(GOOD_PAT, login="octo", scopes="")
        for i in range(24):
            seal(repo, bed.of_opaque(), live=False, name=f"t{i}")
        hub.faults.append(livebed.Fault("GET", "/user", delay=0.25, times=24))
        begin = time.monotonic()
        done = repo.bulla("check", "--live", "-i", repo.recovery, "--api-url", hub.url, "-o", "json")
        assert set(states(done).values()) == {"works"} and len(states(done)) == 24 and len(hub.requests) == 24
        assert time.monotonic() - begin < 4


def test_how_far_it_is_is_shown_at_a_terminal(repo, bed):
    repo.env["TERM"] = "xterm"
    with livebed.FakeGitHub() as hub:
        hub.token(GOOD_PAT, login="octo", scopes="")
        for i in range(3):
            seal(repo, bed.of_opaque(), live=False, name=f"t{i}")
        hub.faults += [livebed.Fault("GET", "/user", delay=seconds) for seconds in (0.5, 0.8, 2)]
        line = ("check", "--live", "-i", repo.recovery, "--api-url", hub.url)
        terminal = Terminal(repo, *line)
        terminal.read_until("asking [")
        assert "works" not in terminal.read_until("/3")
        assert "3 work, 0 refused" in terminal.end()
        assert "asking" not in repo.bulla(*line).err  # done before anybody would wonder


def test_sarif_has_what_fails(repo, bed):
    seal(repo, bed.of_opaque(), BAD_PAT.encode(), live=False)
    done = repo.bulla("check", "--live", "-i", repo.recovery, "--api-url", bed.hub.url, "--ca-file", bed.ca, "-o", "sarif", status=FINDINGS)
    [result] = json.loads(done.out)["runs"][0]["results"]
    assert result["ruleId"] == "live" and result["level"] == "error"

# SPDX-License-Identifier: Apache-2.0
"""After a request with a credential nothing of it is in memory, whatever became of the request: heap, freed or not,
stacks of all threads, what libcurl and OpenSSL hold.  Looked at while the process lives, when all handles are closed."""
import json
import os
import re
import socket
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import registries
from fakegithub import Fault, FakeGitHub
from kubeserver import Authority
from memscan import Stopped, pieces
from test_github import KEY, Proxy

pytestmark = pytest.mark.skipif("BULLA_SANITIZED" in os.environ, reason="sanitizers keep freed memory")

TOKEN = "github_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456789aBcDeFgHiJkLmNoPqRsTuVwXyZ01234"
PASSWORD = "correct-horse-battery-staple-of-a-registry"
GRANTED = "granted.0123456789abcdefghijklmnopqrstuvwxyz-token"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "test")


@pytest.fixture(scope="module")
def cert(authority):
    return authority.issue("hub", names=["localhost"], addresses=["127.0.0.1"])


@pytest.fixture
def hub(cert):
    with FakeGitHub(cert) as hub:
        hub.token(TOKEN)
        hub.repo("o/r")
        yield hub


@pytest.fixture
def look(bin_dir, tmp_path, authority):
    """look(url, *arguments) runs github_tool until it has let go of everything; what is left of the secrets, its exit
    status and what it said."""
    def look(url, *args, secrets=(TOKEN,), token=TOKEN, hold="end", ca=True, env=None, patience=4000):
        command = [bin_dir / "tools/github_tool", "--api-url", url, "--patience", patience]
        command += ["--ca-file", authority.ca] if ca else []
        if token is not None:
            (tmp_path / "token").write_text(token)
            command += ["--token-file", tmp_path / "token"]
        home = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        with Stopped([*command, *args], hold, {**home, **(env or {})}) as stopped:
            left = stopped.found(secrets)
            status, _, error = stopped.finish()
        return left, status, error
    return look


def test_the_search_finds_what_is_there(look, hub):
    """The token and the header that it is in, whole; so that finding nothing means something."""
    left, status, _ = look(hub.url, "pat", "read", hold="before")
    assert status == 0 and [n for _, _, n in left] == [len(TOKEN), len(TOKEN)], left


# name; what GitHub does; arguments; exit status; words
ANSWERS = [
    ("taken", None, ("pat", "read"), 0, ""),
    ("pages", "pages", ("keys-list", "o/r"), 0, ""),
    ("added", None, ("keys-add", "o/r", "t", KEY, "read"), 0, ""),
    ("refused", "unknown", ("pat", "read"), 6, "does not accept it"),
    ("forbidden", Fault("GET", "/user", 403, body={"message": "Resource not accessible"}), ("pat", "read"), 6, "is forbidden"),
    ("limited", Fault("GET", "/user", 403, {"Retry-After": "1"}, {"message": "secondary rate limit"}), ("pat", "read"), 0, ""),
    ("limited for long", Fault("GET", "/user", 429, {"Retry-After": "900"}, {"message": "no"}), ("pat", "read"), 7, "asks for a pause"),
    ("failing", Fault("GET", "/user", 502, times=2), ("pat", "read"), 0, ""),
    ("moved", Fault("GET", "/user", 301, {"Location": "https://127.0.0.1:1/"}, {"message": "Moved"}), ("pat", "read"), 7, "it has moved"),
    ("broken off", Fault("GET", "/user", lose=True, times=9), ("pat", "read"), 7, "127.0.0.1"),
    ("answer lost", Fault("POST", "/repos/o/r/keys", lose_answer=True), ("keys-add", "o/r", "t", KEY, "read"), 0, ""),
    ("silent", Fault("GET", "/user", delay=3, times=9), ("pat", "read"), 7, "no answer in time"),
    ("page", Fault("GET", "/user", 200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"), ("pat", "read"), 7, "sign-in page"),
    ("no JSON", Fault("GET", "/user", 200, body=b'{"login": '), ("pat", "read"), 7, "not valid JSON"),
    ("too large", Fault("GET", "/user", 200, body=b'"' + b"x" * (5 << 20) + b'"'), ("pat", "read"), 7, "larger than"),
]


@pytest.mark.parametrize("does, args, status, words", [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS])
def test_answers(look, hub, does, args, status, words):
    if does == "unknown":
        hub.tokens.clear()
    elif does == "pages":
        for i in range(250):
            hub.add_key("o/r", f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{i:042d}")
    elif does:
        hub.faults.append(does)
    left, got, error = look(hub.url, *args, patience=1500 if words == "no answer in time" else 8000)
    assert got == status and words in error, (got, error)
    assert left == []


def test_a_name_that_a_thread_looks_up(look, hub):
    left, status, error = look(f"https://localhost:{hub.port}", "pat", "read")
    assert status == 0, error
    assert left == []


@pytest.mark.parametrize("url, words", [("https://nothing.invalid", "cannot be looked up"), ("https://127.0.0.1:1", "no connection")])
def test_nobody_there(look, url, words):
    left, status, error = look(url, "pat", "read")
    assert status == 7 and words in error
    assert left == []


def test_certificates_that_are_refused(look, hub, authority):
    assert look(hub.url, "pat", "read", ca=False)[:2] == ([], 7)
    with FakeGitHub(authority.issue("wrong", names=["github.example"])) as wrong:
        assert look(wrong.url, "pat", "read")[:2] == ([], 7)
    with FakeGitHub(authority.issue("old", addresses=["127.0.0.1"], shift=-5)) as old:
        assert look(old.url, "pat", "read")[:2] == ([], 7)
        assert all("Authorization" not in r[2] for r in old.requests)


@pytest.mark.parametrize("status, code", [(200, 0), (407, 7), (403, 7)])
def test_through_a_proxy(look, hub, status, code):
    proxy = Proxy(status)
    left, got, error = look(hub.url, "pat", "read", env={"HTTPS_PROXY": proxy.url})
    proxy.close()
    assert got == code and len(proxy.asked) == 1, error
    assert left == []


def test_a_proxy_that_goes_away(look, hub):
    """The tunnel breaks off before TLS."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    left, got, _ = look(hub.url, "pat", "read", env={"HTTPS_PROXY": f"http://127.0.0.1:{port}"})
    assert got == 7
    assert left == []


def test_redirects_that_are_followed(look, hub, cert):
    """To another host, which does not get it, and within the same."""
    with FakeGitHub(cert) as other:
        hub.faults += [Fault("GET", "/x", 307, {"Location": f"{other.url}/meta"}),
                       Fault("GET", "/y", 302, {"Location": f"{hub.url}/meta"})]
        for path in ("/x", "/y"):
            left, status, error = look(hub.url, "http", "GET", path, "follow", token=f"Bearer {TOKEN}")
            assert status == 0, error
            assert left == []
        assert len(other.requests) == 1 and "Authorization" not in other.requests[0][2]


@pytest.mark.parametrize("fault", [None, Fault("POST", "/credentials/revoke", 422, body={"message": f"no such token: {TOKEN}"})])
def test_tokens_in_a_body(look, hub, fault):
    hub.faults += [fault] if fault else []
    left, status, error = look(hub.url, "revoke-found")
    assert status == (3 if fault else 0) and TOKEN not in error
    assert left == []


@pytest.mark.parametrize("known", [True, False])
def test_an_app(look, hub, tmp_path, known):
    """Its key, as text and as numbers, what it signs, and the token that comes for it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                            serialization.NoEncryption()).decode()
    (tmp_path / "key.pem").write_text(pem)
    if known:
        hub.app(1234, key.public_key(), ["o/r"], {"administration": "write"})
    numbers = key.private_numbers()
    secrets = [line for line in pem.splitlines() if "-----" not in line]
    # the first lines hold the version and the public modulus, which every JWT may show
    secrets = secrets[6:] + [n.to_bytes(256, "big") for n in (numbers.d,)] + [n.to_bytes(128, "big") for n in (
        numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)]
    minted = []
    post_token = hub.token
    hub.token = lambda text, **about: minted.append(text) or post_token(text, **about)
    command = ("app-token", 1234, tmp_path / "key.pem", "o/r", "administration=write")
    left, status, error = look(hub.url, *command, token=None, secrets=secrets)
    assert status == (0 if known else 6), error
    assert left == []
    # what came can only be looked for when it is known: the same once more, with tokens that are chosen before
    if known:
        assert len(minted) == 1
        chosen = "ghs_chosen_" + minted[0][11:]
        hub.token = lambda text, **about: post_token(chosen, **about)
        assert look(hub.url, *command, token=None, secrets=[chosen])[:2] == ([], 0)
        assert chosen in hub.tokens
    sent = [r[2]["Authorization"].removeprefix("Bearer ") for r in hub.requests if "Authorization" in r[2]]
    assert sent and all(t.count(".") == 2 for t in sent)


# --- registries and Git -----------------------------------------------------------------------------------------

@pytest.fixture
def ask(bin_dir, tmp_path):
    authority = registries.Authority(tmp_path)
    pair = authority.issue("server")
    servers = []

    def start(answer):
        servers.append(registries.Server(pair, answer))
        return servers[-1]

    def ask(*args, hold="end"):
        with Stopped([bin_dir / "tools/live_tool", args[0], "--ca", authority.ca, *args[1:]], hold,
                     {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, PASSWORD.encode()) as stopped:
            left = stopped.found([PASSWORD, GRANTED])
            _, out, _ = stopped.finish()
        return left, json.loads(out)

    ask.server = start
    yield ask
    for server in servers:
        server.__exit__()


def registry(challenge, takes):
    def answer(request):
        shown = request.headers.get("Authorization", "")
        if not shown:
            return 401, [("WWW-Authenticate", challenge)], b""
        if not takes:
            return 403, [("Content-Type", "application/json")], b'{"errors":[{"code":"DENIED"}]}'
        return 200, [("Content-Type", registries.MANIFEST)], b"{}"
    return answer


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("user", ["u", "us", "use"])
def test_a_login_by_basic(ask, user, takes):
    server = ask.server(registry('Basic realm="r"', takes))
    left, said = ask("registry", "--push", f"127.0.0.1:{server.port}/o/a:v1", user)
    assert (said["verdict"] == "pulls") == takes and server.logins(), said
    assert left == []


@pytest.mark.parametrize("endpoint, verdict", [
    (lambda r: (200, [("Content-Type", "application/json")], json.dumps({"token": GRANTED}).encode()), "pulls"),
    (lambda r: (200, [("Content-Type", "application/json")], json.dumps({"token": GRANTED})[:-3].encode()), "not-a-registry"),
    (lambda r: (200, [("Content-Type", "text/html")], json.dumps({"token": GRANTED}).encode()), "not-a-registry"),
    (lambda r: (401, [], b""), "login-refused"),
    (lambda r: (307, [("Location", "https://127.0.0.1:1/")], b""), "not-a-registry"),
    (lambda r: (503, [("Retry-After", "0")], b""), "down"),
], ids=["taken", "cut", "page", "refused", "sent on", "down"])
def test_a_token_of_a_registry(ask, endpoint, verdict):
    tokens = ask.server(endpoint)
    server = ask.server(registry(f'Bearer realm="{tokens.url}/token",service="s"', True))
    left, said = ask("registry", "--push", f"127.0.0.1:{server.port}/o/a:v1", "robot")
    assert said["verdict"] == verdict and tokens.logins(), said
    assert left == []


@pytest.mark.parametrize("status", [200, 401, 302])
def test_a_login_for_git(ask, status):
    body = b"001e# service=git-upload-pack\n0000003f" + b"1" * 40 + b" refs/heads/main\n0000"
    server = ask.server(lambda r: (status, [("Content-Type", "application/x-git-upload-pack-advertisement"),
                                            ("Location", "https://127.0.0.1:1/")], body))
    left, said = ask("git", f"{server.url}/o/r", "git")
    assert server.logins(), said
    assert left == []


def test_the_search_finds_a_password(ask):
    server = ask.server(registry('Basic realm="r"', True))
    left, _ = ask("registry", f"127.0.0.1:{server.port}/o/a:v1", "u", hold="before")
    assert len(PASSWORD) in [n for _, _, n in left]


# --- the commands themselves, at the moment they exit ---------------------------------------------------------------

class Place:
    """A repository whose one recipient is at hand; run() looks for every part of a secret that comes by standard input."""

    def __init__(self, bin_dir, path):
        self.bin, self.path = bin_dir, path
        self.env = {"PATH": os.environ["PATH"], "HOME": str(path), "XDG_CONFIG_HOME": str(path / "config"), "LC_ALL": "C"}
        self.top = path / "repo"
        self.key = path / "key"
        self.top.mkdir()
        for command in (["git", "init", "-q"], ["age-keygen", "-o", self.key]):
            subprocess.run(command, cwd=self.top, env=self.env, check=True, capture_output=True)
        self.recipient = re.search(r"age1\w+", self.key.read_text())[0]

    def run(self, secret, *args):
        marks = self.path / "marks"
        marks.write_text("".join(f"{p.decode()}\n" for p in sorted(pieces(secret))))
        command = [self.bin / "tools/exit_scan", marks, self.bin / "bulla", *args]
        done = subprocess.run([*map(str, command)], cwd=self.top, env=self.env, input=secret.encode(), capture_output=True,
                              timeout=60, check=False)
        error = done.stderr.decode()
        assert done.returncode not in (98, 99), f"{args}: left in memory:\n{error}"
        assert not any(p in done.stdout + done.stderr for p in pieces(secret))
        return done.returncode, error


@pytest.fixture
def place(bin_dir, tmp_path):
    return Place(bin_dir, tmp_path)


def test_commands_that_ask_github(place, hub, authority):
    at = ("--repo", "o/r", "--token-file", "-", "--api-url", hub.url, "--ca-file", authority.ca)
    hub.add_key("o/r", KEY)
    assert place.run(TOKEN, "deploy-key", "list", *at)[0] == 0
    hub.faults.append(Fault("GET", ".*", 403, {"Retry-After": "900"}, {"message": "secondary rate limit"}))
    assert place.run(TOKEN, "deploy-key", "list", *at)[0] == 7
    hub.tokens.clear()
    assert place.run(TOKEN, "deploy-key", "list", *at)[0] == 6


@pytest.mark.parametrize("takes", [True, False])
def test_commands_that_ask_a_registry(place, authority, cert, takes):
    with registries.Server(cert, registry('Basic realm="r"', takes)) as server:
        host = f"127.0.0.1:{server.port}"
        live = ("--live", "--image", f"{host}/o/a:v1", "--ca-file", authority.ca)
        seal = ("seal", "registry", "x", "-n", "web", "--server", host, "--username", "u", "--token-file", "-",
                "-r", place.recipient, "-w", "x.yaml")
        assert place.run(PASSWORD, *seal, *live)[0] == (0 if takes else 6)
        assert takes or place.run(PASSWORD, *seal)[0] == 0
        for options in (live, ()):
            status, error = place.run(PASSWORD, "check", "-i", place.key, *options)
            assert status == (1 if options and not takes else 0) and "1 opened" in error, error


def test_the_search_finds_what_a_command_leaves(place):
    """A program that does not wipe, and a part of a secret alone."""
    marks = place.path / "marks"
    marks.write_text("".join(f"{p.decode()}\n" for p in pieces(PASSWORD)))
    done = subprocess.run([place.bin / "tools/exit_scan", marks, "bash", "-c", "read -r line; exit 0"],
                          input=PASSWORD[5:20].encode() + b"\n", capture_output=True, check=False)
    assert done.returncode == 99

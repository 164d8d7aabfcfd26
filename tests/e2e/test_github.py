# SPDX-License-Identifier: Apache-2.0
"""github/: HTTPS and GitHub's REST API, against a GitHub on loopback (fakegithub.py) that is itself held against
GitHub's published description."""
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from documents import TOP
from fakegithub import HOST_KEYS, Fault, FakeGitHub, stamp
from kubeserver import Authority

CLASSIC = "ghp_" + "A" * 36
FINE = "github_pat_" + "B" * 22 + "_" + "C" * 59
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "K" * 42
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "L" * 42
IO, REFUSED, INVALID, CONFLICT = 7, 6, 3, 8
NAME, CONNECT, PROXY, TLS, CLOCK, TIMEOUT, BROKEN, LARGE, PAGE = range(1, 10)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "test")


@pytest.fixture(scope="module")
def cert(authority):
    return authority.issue("hub", addresses=["127.0.0.1"])


@pytest.fixture
def hub(cert):
    with FakeGitHub(cert) as hub:
        hub.token(FINE)
        hub.repo("o/r")
        yield hub
    assert hub.violations == []


class Tool:
    def __init__(self, bin_dir, folder, ca):
        self.program, self.folder, self.ca = bin_dir / "tools/github_tool", folder, ca
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C"}

    def run(self, hub, *args, token=FINE, patience=4000, ca=True, env=None):
        url = hub if isinstance(hub, str) else hub.url
        command = [self.program, "--api-url", url, "--patience", str(patience)]
        if ca and url.startswith("https"):
            command += ["--ca-file", self.ca]
        if token is not None:
            path = self.folder / "token"
            path.write_text(token)
            command += ["--token-file", path]
        done = subprocess.run([*map(str, command), *map(str, args)], capture_output=True, text=True, timeout=60,
                              env={**self.env, **(env or {})}, check=False)
        assert not token or token not in done.stderr
        return done

    def ok(self, *args, **options):
        done = self.run(*args, **options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def fails(self, status, *args, **options):
        done = self.run(*args, **options)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stderr


@pytest.fixture
def tool(bin_dir, tmp_path, authority):
    return Tool(bin_dir, tmp_path, authority.ca)


# --- tokens -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, at", [("2027-10-12 09:00:00 UTC", 1823331600), ("2027-10-12 09:00:00 +0900", 1823299200),
                                      ("2027-10-12 09:00:00 -0430", 1823347800)])
def test_expiry_in_each_spelling(tool, hub, text, at):
    hub.token(FINE, expires=text)
    said = tool.ok(hub, "pat", "read")
    assert said["not_after"] == at and said["expires"] and said["user"] == "octo" and said["notes"] == []


def test_unreadable_expiry_is_no_expiry(tool, hub):
    hub.token(FINE, expires="tomorrow")
    assert "in a form that is not known" in tool.fails(IO, hub, "pat", "read")


@pytest.mark.parametrize("scopes, use, note", [
    ("repo, read:packages", "pull", "can do more than pull images: repo;"),
    ("write:packages", "pull", "can do more than pull images: write:packages;"),
    ("read:packages", "pull", "a classic token reads every package that octo may read"),
    ("gist", "pull", "cannot pull: it lacks the scope read:packages (it has: gist)"),
    ("", "read", "lacks the scope repo (it has: none)"),
    ("repo, admin:org", "read", "can write to every repository of octo"),
])
def test_scopes_of_a_classic_token(tool, hub, scopes, use, note):
    hub.token(CLASSIC, scopes=scopes)
    said = tool.ok(hub, "pat", use, token=CLASSIC)
    assert any(note in n for n in said["notes"]), said
    assert said["scopes"] == scopes and any("never expires" in n for n in said["notes"])


def test_fine_grained_cannot_pull(tool, hub):
    assert any("classic personal access token alone" in n for n in tool.ok(hub, "pat", "pull")["notes"])


def test_revoked_token(tool, hub):
    said = tool.fails(REFUSED, hub, "pat", "read", token=CLASSIC)
    assert "does not accept it (401, Bad credentials): the token is revoked" in said and "clock" not in said


def test_clock_a_day_off_is_said(tool, hub):
    hub.date_offset = 86400 * 3
    said = tool.fails(REFUSED, hub, "pat", "read", token=CLASSIC)
    assert "this machine's clock is 2 days behind that of 127.0.0.1" in said or "3 days behind" in said


@pytest.mark.parametrize("token", ["ghp_x y", "ghp_x\n", "ghp_\u00e9", ""])
def test_a_token_that_cannot_be_sent(tool, hub, token):
    assert "the token has" in tool.fails(INVALID, hub, "pat", "read", token=token) and not hub.requests


# --- deploy keys ------------------------------------------------------------------------------------

def test_life_of_a_deploy_key(tool, hub):
    added = tool.ok(hub, "keys-add", "o/r", "bulla eu", KEY + " a comment", "read")
    assert added["added"] and added["key"]["read_only"] and added["key"]["key"] == KEY
    number = added["key"]["id"]
    assert [k["id"] for k in tool.ok(hub, "keys-list", "o/r")] == [number]
    got = tool.ok(hub, "keys-get", "o/r", number)
    assert got["title"] == "bulla eu" and got["last_used"] == 0 and got["added_by"] == "octo" and not got["disabled"]
    hub.repos["o/r"][number]["last_used"] = "2026-11-26T10:00:00Z"
    assert tool.ok(hub, "keys-get", "o/r", number)["last_used"] == 1795687200
    assert tool.ok(hub, "keys-delete", "o/r", number, KEY) == {"deleted": True}
    assert tool.ok(hub, "keys-delete", "o/r", number, KEY) == {"deleted": False}
    assert tool.ok(hub, "keys-get", "o/r", number) is None


def test_all_pages(tool, hub):
    for i in range(250):
        hub.add_key("o/r", f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{i:042d}")
    assert len(tool.ok(hub, "keys-list", "o/r")) == 250
    assert len(hub.requests) == 3


def test_a_page_on_another_server_is_not_asked_for(tool, hub, cert):
    with FakeGitHub(cert) as thief:
        hub.faults.append(Fault("GET", "/repos/o/r/keys", 200, {"Link": f'<{thief.url}/x>; rel="next"'}, []))
        assert "another server" in tool.fails(INVALID, hub, "keys-list", "o/r")
        assert thief.requests == []


def test_adding_twice(tool, hub):
    first = tool.ok(hub, "keys-add", "o/r", "t", KEY, "read")
    again = tool.ok(hub, "keys-add", "o/r", "other title", KEY, "read")
    assert not again["added"] and again["key"]["id"] == first["key"]["id"] and len(hub.repos["o/r"]) == 1
    assert "it may only read; delete that one first" in tool.fails(CONFLICT, hub, "keys-add", "o/r", "t", KEY, "write")


def test_key_in_use_elsewhere(tool, hub):
    hub.add_key("o/other", KEY)
    assert "in use already, in another repository" in tool.fails(CONFLICT, hub, "keys-add", "o/r", "t", KEY, "read")


def test_invalid_key(tool, hub):
    said = tool.fails(INVALID, hub, "keys-add", "o/r", "t", "ssh-dss nothing", "read")
    assert "key is invalid. You must supply" in said and "https://docs.github.com/" in said


def test_lost_answer_adds_once(tool, hub):
    hub.faults.append(Fault("POST", "/repos/o/r/keys", lose_answer=True))
    said = tool.ok(hub, "keys-add", "o/r", "t", KEY, "read")
    assert len(hub.repos["o/r"]) == 1 and not said["added"] and said["key"]["key"] == KEY


def test_policy_forbids_deploy_keys(tool, hub):
    hub.add_key("o/r", OTHER)["enabled"] = False
    hub.forbid_deploy_keys = True
    assert tool.ok(hub, "keys-list", "o/r")[0]["disabled"]
    assert "a policy of its organisation" in tool.fails(REFUSED, hub, "keys-add", "o/r", "t", KEY, "read")


def test_another_key_is_not_deleted(tool, hub):
    entry = hub.add_key("o/r", OTHER)
    said = tool.fails(CONFLICT, hub, "keys-delete", "o/r", entry["id"], KEY)
    assert "not the key it was taken for" in said and len(hub.repos["o/r"]) == 1


def test_missing_rights(tool, hub):
    entry = hub.add_key("o/r", KEY)
    hub.token(FINE, permissions={"administration": "read"})
    for args in (("keys-add", "o/r", "t", OTHER, "read"), ("keys-delete", "o/r", entry["id"], KEY)):
        assert "it takes the permission administration=write" in tool.fails(REFUSED, hub, *args)
    said = tool.fails(IO, hub, "keys-list", "o/hidden")
    assert "GitHub tells both the same way" in said and "Administration (read)" in said


def test_what_may_not_be_deleted_looks_gone(tool, hub):
    """Without the right GitHub may answer 404: that is not taken for done."""
    entry = hub.add_key("o/r", KEY)
    hub.faults.append(Fault("DELETE", ".*", 404, body={"message": "Not Found"}))
    assert "not found (404)" in tool.fails(IO, hub, "keys-delete", "o/r", entry["id"], KEY)


def test_only_204_is_deleted(tool, hub):
    """Whatever else is answered, a look tells."""
    for done in (False, True):
        entry = hub.add_key("o/r", KEY)
        hub.faults.append(Fault("DELETE", ".*", 200, done=done))
        if done:
            assert tool.ok(hub, "keys-delete", "o/r", entry["id"], KEY) == {"deleted": True}
        else:
            assert "answers with status 200, and not that it is done" in tool.fails(IO, hub, "keys-delete", "o/r", entry["id"], KEY)
            hub.repos["o/r"].clear()


@pytest.mark.parametrize("other", [{"key": OTHER}, {"read_only": False}])
def test_what_was_added_is_what_was_asked_for(tool, hub, other):
    body = {**hub.add_key("o/else", KEY), **other}
    del hub.repos["o/else"]
    hub.faults.append(Fault("POST", ".*", 201, body=body))
    said = tool.fails(CONFLICT, hub, "keys-add", "o/r", "t", KEY, "read")
    assert f"what was added, id {body['id']}, is not what was asked for" in said


def test_single_sign_on(tool, hub):
    hub.faults.append(Fault("GET", ".*", 403, {"X-GitHub-SSO": "required; url=https://github.com/orgs/o/sso?x=1"},
                            {"message": "Resource protected by organization SAML enforcement."}))
    said = tool.fails(REFUSED, hub, "keys-list", "o/r")
    assert "single sign-on: https://github.com/orgs/o/sso?x=1" in said


def test_what_github_says_cannot_drive_a_terminal(tool, hub):
    hub.faults.append(Fault("GET", ".*", 422, body={"message": "a\x1b[2Jb\u202ec" + "x" * 2000}))
    said = tool.fails(INVALID, hub, "keys-list", "o/r")
    assert "\x1b" not in said and "\u202e" not in said and len(said) < 1000


# --- limits -----------------------------------------------------------------------------------------

def limit(status, headers=None, message="You have exceeded a secondary rate limit."):
    return Fault("GET", "/user", status, headers or {}, {"message": message})


@pytest.mark.parametrize("status, headers", [(403, {"Retry-After": "1"}), (429, {"Retry-After": "1"}),
                                             (403, {"Retry-After": "0"})])
def test_waits_as_long_as_asked(tool, hub, status, headers):
    hub.faults.append(limit(status, headers))
    begun = time.monotonic()
    tool.ok(hub, "pat", "read")
    assert time.monotonic() - begun >= int(headers["Retry-After"]) and len(hub.requests) == 2


def test_waits_for_the_reset(tool, hub):
    hub.faults.append(limit(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1)}))
    tool.ok(hub, "pat", "read")
    assert len(hub.requests) == 2


@pytest.mark.parametrize("status, headers, words", [
    (403, {"Retry-After": "3600"}, "asks for a pause"),
    (403, None, "asks for a pause"),
    (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3000)}, "as its rate limit allows"),
])
def test_a_limit_beyond_patience(tool, hub, status, headers, words):
    hub.faults.append(limit(status, headers))
    said = tool.fails(IO, hub, "pat", "read")
    assert words in said and f"try again after {stamp(time.time())[:4]}" in said and len(hub.requests) == 1


def test_a_plain_403_is_no_limit(tool, hub):
    hub.faults.append(limit(403, message="Resource not accessible"))
    assert "is forbidden (403): Resource not accessible" in tool.fails(REFUSED, hub, "pat", "read")


# --- faults -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_pass(tool, hub, status):
    hub.faults.append(Fault("GET", "/user", status, times=2))
    tool.ok(hub, "pat", "read")
    assert len(hub.requests) == 3


def test_server_errors_stay(tool, hub):
    hub.faults.append(Fault("GET", "/user", 502, body=b"<html>Unicorn</html>", times=9))
    assert "GitHub failed (502)" in tool.fails(IO, hub, "pat", "read", patience=20000) and len(hub.requests) == 4


def test_reset_connection_is_tried_again(tool, hub):
    hub.faults.append(Fault("GET", "/user", lose=True, times=2))
    tool.ok(hub, "pat", "read")


def test_silence_ends(tool, hub):
    hub.faults.append(Fault("GET", "/user", delay=5, times=9))
    begun = time.monotonic()
    assert "no answer in time" in tool.fails(IO, hub, "pat", "read", patience=1000)
    assert time.monotonic() - begun < 4


def test_captive_portal(tool, hub):
    hub.faults.append(Fault("GET", "/user", 200, {"Content-Type": "text/html"}, b"<html>Sign in to WiFi</html>"))
    said = tool.fails(IO, hub, "pat", "read")
    assert "the sign-in page of this network, or --api-url is not the address" in said and "Sign in to" not in said


def test_page_without_a_type(tool, hub):
    hub.faults.append(Fault("GET", "/user", 200, {"Content-Type": "text/plain"}, b"hello"))
    assert "where the API's JSON was due" in tool.fails(IO, hub, "pat", "read")


def test_broken_json(tool, hub):
    hub.faults.append(Fault("GET", "/user", 200, body=b'{"login": '))
    said = tool.fails(IO, hub, "pat", "read")
    assert f"127.0.0.1:{hub.port}: its answer: line 1, column" in said and "it was cut, or is none of GitHub's; try again" in said


def test_too_large(tool, hub):
    hub.faults.append(Fault("GET", "/user", 200, body=b'"' + b"x" * (5 << 20) + b'"'))
    assert "larger than 4194304 bytes" in tool.fails(IO, hub, "pat", "read")


def test_renamed_repository(tool, hub):
    hub.faults.append(Fault("GET", "/repos/o/r/keys", 301, {"Location": f"{hub.url}/repositories/1/keys"},
                            {"message": "Moved Permanently"}))
    assert "give the repository's present name" in tool.fails(IO, hub, "keys-list", "o/r")


# --- TLS and the way there --------------------------------------------------------------------------

def http(tool, url, *words, **options):
    done = tool.run(url, "http", *words, **options)
    return json.loads(done.stdout), done.stderr


def test_unknown_authority(tool, hub):
    said, error = http(tool, hub.url, "GET", "/user", ca=False)
    assert said["fault"] == TLS and said["unsent"] and "an authority that is not trusted" in error
    assert "--ca-file" in error and hub.requests == []


def test_wrong_name(tool, authority):
    with FakeGitHub(authority.issue("wrong", names=["github.example"])) as hub:
        said, error = http(tool, hub.url, "GET", "/user")
    assert said["fault"] == TLS and "certificate is for another name" in error and hub.requests == []


@pytest.mark.parametrize("shift, offset, words", [(-5, 0, "have it renewed, or set the clock"),
                                                  (3, 0, "have it renewed, or set the clock"),
                                                  (-5, -5 * 86400, "clock is 5 days ahead of that of"),
                                                  (3, 3 * 86400 + 60, "clock is 3 days behind that of")])
def test_validity_and_clock(tool, authority, shift, offset, words):
    with FakeGitHub(authority.issue(f"old{shift}{offset}", addresses=["127.0.0.1"], shift=shift)) as hub:
        hub.date_offset = offset
        said, error = http(tool, hub.url, "GET", "/user")
        assert said["fault"] == CLOCK and "its certificate is valid from" in error and words in error, error
        assert all("Authorization" not in r[2] for r in hub.requests)


def test_no_tls_there(tool):
    with FakeGitHub() as hub:
        said, error = http(tool, hub.url.replace("http:", "https:"), "GET", "/user")
    assert said["fault"] == TLS and "no TLS at all" in error


def test_nobody_there(tool):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        said, error = http(tool, f"https://127.0.0.1:{s.getsockname()[1]}", "GET", "/user")
    assert said["fault"] == CONNECT and said["unsent"] and "no connection" in error


def test_no_such_name(tool):
    said, error = http(tool, "https://nothing.invalid", "GET", "/user", ca=False)
    assert said["fault"] == NAME and "cannot be looked up" in error


@pytest.mark.parametrize("url", ["http://github.com", "http://127.evil.example", "http://localhost", "ftp://127.0.0.1",
                                 "https://u:p@github.com", "https://github.com?x", "https://github.com#x", "github.com",
                                 "https://", "https://a b", "http://127.0.0.1.evil.example", "http://[::2]"])
def test_addresses_that_are_not_talked_to(tool, url):
    assert "--api-url: " in tool.fails(INVALID, url, "pat", "read")


def test_plain_http_on_loopback_goes_through_no_proxy(tool):
    with FakeGitHub() as hub:
        hub.token(FINE)
        tool.ok(hub, "pat", "read", env={"http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"})


class Proxy:
    """Answers one CONNECT after another with a status, or with a way through."""

    def __init__(self, status):
        self.status, self.asked, self.socket = status, [], socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:canary-password@127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.asked.append(head.decode())
            client.sendall(f"HTTP/1.1 {self.status} Text\r\nContent-Length: 0\r\n\r\n".encode())
            if self.status == 200:
                host, port = head.split()[1].decode().rsplit(":", 1)
                server = socket.create_connection((host, int(port)))
                for a, b in ((client, server), (server, client)):
                    threading.Thread(target=self.copy, args=(a, b), daemon=True).start()
            else:
                client.close()

    @staticmethod
    def copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.mark.parametrize("status, words", [(407, "it wants a user and a password"), (403, "NO_PROXY names hosts"),
                                           (200, None)])
def test_proxy_of_the_environment(tool, hub, status, words):
    proxy = Proxy(status)
    said, error = http(tool, hub.url, "GET", "/meta", env={"HTTPS_PROXY": proxy.url})
    proxy.close()
    assert len(proxy.asked) == 1 and "canary-password" not in error and FINE not in proxy.asked[0]
    hub.violations.clear()  # sent without GitHub's headers
    if words:
        assert said["fault"] == PROXY and said["unsent"] and words in error and "HTTPS_PROXY" in error
    else:
        assert said["status"] == 200 and "Proxy-Authorization: Basic" in proxy.asked[0]


class Socks:
    """A SOCKS 5 proxy without a login (RFC 1928); `asked` has what it was to connect to."""

    def __init__(self):
        self.asked, self.socket = [], socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            client, _ = self.socket.accept()
        except OSError:
            return
        stream = client.makefile("rb")
        stream.read(stream.read(2)[1])
        client.sendall(b"\x05\x00")
        kind = stream.read(4)[3]
        host = socket.inet_ntoa(stream.read(4)) if kind == 1 else stream.read(stream.read(1)[0]).decode()
        port = int.from_bytes(stream.read(2), "big")
        self.asked.append((host, port))
        server = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        for a, b in ((client, server), (server, client)):
            threading.Thread(target=Proxy.copy, args=(a, b), daemon=True).start()

    def close(self):
        self.socket.close()


@pytest.mark.parametrize("scheme, host", [("socks5", "127.0.0.1"), ("socks5h", "localhost")])
def test_proxy_of_another_kind(tool, authority, scheme, host):
    """TLS is with the server, not with the proxy; with "h" it is the proxy that looks the name up."""
    with FakeGitHub(authority.issue(f"by-{scheme}", names=["localhost"], addresses=["127.0.0.1"])) as hub:
        hub.token(FINE)
        proxy = Socks()
        said = tool.ok(f"https://{host}:{hub.port}", "pat", "read", env={"ALL_PROXY": f"{scheme}://{proxy.address}"})
        proxy.close()
        assert said["user"] == "octo" and proxy.asked == [(host, hub.port)]


def test_proxy_with_a_certificate_of_its_own(tool, hub, authority):
    """--ca-file is for the server: one who signs for a proxy must be known to the system."""
    with FakeGitHub(authority.issue("proxy", addresses=["127.0.0.1"])) as proxy:
        said, error = http(tool, hub.url, "GET", "/meta", env={"HTTPS_PROXY": proxy.url})
        assert said["fault"] == TLS and said["unsent"] and "not trusted" in error
        assert hub.requests == [] and proxy.requests == []


@pytest.mark.parametrize("no_proxy, direct", [("127.0.0.0/8", True), ("10.0.0.0/8,127.0.0.1", True), ("10.0.0.0/8", False),
                                              ("128.0.0.0/1", False)])
def test_networks_without_a_proxy(tool, hub, no_proxy, direct):
    """As libcurl reads them, so does github/proxy.c (tests/unit/github/test_proxy.c)."""
    said, _ = http(tool, hub.url, "GET", "/user", env={"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": no_proxy})
    hub.violations.clear()  # sent without GitHub's headers
    assert (said["status"] != 0) == direct and (len(hub.requests) == 1) == direct


@pytest.mark.parametrize("proxy", ["ftp://user:canary-password@127.0.0.1:1", "http://user:canary pass@[::", "http://u:canary@nothing.invalid"])
def test_unusable_proxy_is_not_quoted(tool, hub, proxy):
    said, error = http(tool, hub.url, "GET", "/meta", env={"HTTPS_PROXY": proxy})
    assert said["status"] == 0 and "canary" not in error and "HTTPS_PROXY" in error


# --- redirects --------------------------------------------------------------------------------------

def test_authorization_stays_at_home(tool, hub, cert):
    """Followed when asked, to another host without the credential."""
    with FakeGitHub(cert) as other:
        hub.faults.append(Fault("GET", "/x", 307, {"Location": f"{other.url}/meta"}, times=2))
        said, _ = http(tool, hub.url, "GET", "/x", "follow", token="Bearer canary")
        assert said["status"] == 200 and said["url"] == f"{other.url}/meta"
        assert "Authorization" in hub.requests[0][2] and "Authorization" not in other.requests[0][2]
        assert http(tool, hub.url, "GET", "/x")[0]["status"] == 307 and len(other.requests) == 1


def test_redirect_to_plain_http(tool, hub):
    hub.faults.append(Fault("GET", "/x", 307, {"Location": f"http://127.0.0.1:{hub.port}/meta"}))
    said, error = http(tool, hub.url, "GET", "/x", "follow")
    assert said["status"] == 0 and "not https://" in error


# --- host keys and Apps -----------------------------------------------------------------------------

def test_host_keys(tool, hub):
    assert tool.run(hub, "meta", "github.com", token=None).stdout == f"github.com {HOST_KEYS[0]}\n"


@pytest.mark.parametrize("bad", ["@cert-authority * ssh-ed25519 AAAA", HOST_KEYS[0] + "\nx", HOST_KEYS[0] + " x", "x",
                                 "", "ssh-ed25519  AAAA"])
def test_host_keys_that_are_none(tool, hub, bad):
    hub.host_keys.append(bad)
    assert "SSH host key number 2 is not of the form" in tool.fails(INVALID, hub, "meta", "github.com", token=None)


def test_no_host_keys(tool, hub):
    hub.host_keys.clear()
    assert "names no SSH host key" in tool.fails(IO, hub, "meta", "github.com", token=None)


@pytest.fixture(scope="module")
def app_key(tmp_path_factory):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path_factory.mktemp("app") / "key.pem"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                       serialization.NoEncryption()))
    return key.public_key(), path


def test_token_of_an_app(tool, hub, app_key):
    hub.app(1234, app_key[0], ["o/r", "o/s"], {"administration": "write", "metadata": "read"})
    said = tool.ok(hub, "app-token", 1234, app_key[1], "o/r", "administration=write", token=None)
    assert said["installation"] == 5000 and not said["all"] and abs(said["expires"] - time.time() - 3600) < 60
    assert hub.tokens[said["token"]]["repos"] == {"o/r"}
    assert tool.ok(hub, "keys-add", "o/r", "t", KEY, "read", token=said["token"])["added"]
    tool.fails(IO, hub, "keys-list", "o/s", token=said["token"])
    tool.ok(hub, "revoke", token=said["token"])
    assert said["token"] not in hub.tokens
    tool.ok(hub, "revoke", token=said["token"])


def test_app_refusals(tool, hub, app_key):
    ask = ("app-token", 1234, app_key[1], "o/r", "administration=write")
    assert "id and private key do not belong together" in tool.fails(REFUSED, hub, *ask, token=None)
    hub.app(1234, app_key[0], ["o/s"], {"administration": "read"})
    assert "the App is not installed on o/r" in tool.fails(IO, hub, *ask, token=None)
    hub.app(1234, app_key[0], ["o/r"], {"administration": "read"})
    said = tool.fails(REFUSED, hub, *ask, token=None)
    assert "administration: write on that repository" in said and "not granted" in said
    hub.app(1234, app_key[0], ["o/r"], {"administration": "read"}, suspended="2026-01-01T00:00:00Z")
    assert "is suspended since 2026-01-01" in tool.fails(REFUSED, hub, *ask, token=None)


def test_app_with_the_clock_off(tool, hub, app_key):
    hub.app(1234, app_key[0], ["o/r"], {"administration": "write"})
    hub.date_offset = -86400
    said = tool.fails(REFUSED, hub, "app-token", 1234, app_key[1], "o/r", "administration=write", token=None)
    assert "clock is 24 hours ahead of that of" in said or "clock is 23 hours ahead of that of" in said


# --- GitHub's description, by another program ---------------------------------------------------------

@pytest.fixture(scope="module")
def prism():
    """Prism of npm, once; where it cannot be had and nobody counts on it, its test is left out."""
    folder = TOP / "build/prism"
    if subprocess.run([TOP / "scripts/prism", folder], capture_output=True, check=False).returncode != 0:
        why = "Prism cannot be installed from npm"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    return [shutil.which("node"), folder / "node_modules/.bin/prism"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.mark.timeout(120)
def test_whole_life_through_prism(tool, prism, app_key, tmp_path):
    """Requests and answers pass a validating proxy, which answers 4xx or 5xx of its own to what does not fit."""
    with FakeGitHub() as hub:
        hub.repo("o/r")
        hub.app(1234, app_key[0], ["o/r"], {"administration": "write"})
        hub.token(FINE)
        port = free_port()
        with (tmp_path / "prism.log").open("wb") as log:
            server = subprocess.Popen([*map(str, prism), "proxy", str(TOP / "tests/vectors/github/api.github.com.json"),
                                       hub.url, "--errors", "--port", str(port)], stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"{url}/meta", timeout=5).read()
                    break
                except OSError:
                    time.sleep(0.1)
            else:
                pytest.fail((tmp_path / "prism.log").read_text())
            hub.violations.clear()
            token = tool.ok(url, "app-token", 1234, app_key[1], "o/r", "administration=write", token=None)["token"]
            added = tool.ok(url, "keys-add", "o/r", "t", KEY, "read", token=token)["key"]
            assert len(tool.ok(url, "keys-list", "o/r", token=token)) == 1
            assert tool.ok(url, "keys-get", "o/r", added["id"], token=token)["key"] == KEY
            assert not tool.ok(url, "keys-add", "o/r", "t", KEY, "read", token=token)["added"]
            assert tool.ok(url, "keys-delete", "o/r", added["id"], KEY, token=token)["deleted"]
            tool.ok(url, "revoke", token=token)
            assert tool.ok(url, "pat", "read")["user"] == "octo"
            assert tool.run(url, "meta", "github.com", token=None).returncode == 0
            # it does check: an answer that GitHub would not give is refused
            hub.host_keys = [1]
            assert tool.run(url, "meta", "github.com", token=None).returncode != 0
            assert "violation" in (tmp_path / "prism.log").read_text().lower()
        finally:
            server.terminate()
            server.wait(20)
    assert [v for v in hub.violations if "ssh_keys" not in v] == []

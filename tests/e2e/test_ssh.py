# SPDX-License-Identifier: Apache-2.0
"""A deploy key tried at a real OpenSSH server with git behind it, and at servers that are none (ssh_tool)."""
import base64
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "tests/cluster"))
import gitserver  # noqa: E402
from processes import free_port  # noqa: E402

REFUSED, INVALID, IO = 6, 3, 7  # exit statuses


class Tried:
    def __init__(self, done, seconds):
        self.status, self.error, self.seconds = done.returncode, done.stderr, seconds
        self.facts = json.loads(done.stdout)
        self.outcome = self.facts["outcome"]

    def __repr__(self):
        return f"{self.status} {self.error} {self.facts}"

    def hosts(self):
        return {h["type"]: h["state"] for h in self.facts["hostKeys"]}


@pytest.fixture(scope="session", autouse=True)
def sshd():
    if gitserver.SSHD is None:
        why = "openssh-server is not installed"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with gitserver.GitServer(tmp_path_factory.mktemp("git") / "server") as running:
        yield running


@pytest.fixture(scope="module")
def repo(server):
    made = server.repository("infra")
    made.commit({"a/b.yaml": "x: 1\n"})
    return made


@pytest.fixture
def new_server(tmp_path):
    """new_server(**options of GitServer): one of the test's own."""
    with contextlib.ExitStack() as stack:
        def start(**options):
            folder = tmp_path / f"server{len(list(tmp_path.glob('server*')))}"
            return stack.enter_context(gitserver.GitServer(folder, **options))
        yield start


@pytest.fixture
def attempt(bin_dir, tmp_path):
    """attempt(url, key, known_hosts, *options, password=, env=): what came of it."""
    def run(url, key, known_hosts, *options, password=None, env=None, timeout=10000):
        hosts, words = tmp_path / "known_hosts", []
        hosts.write_text(known_hosts)
        if password is not None:
            (tmp_path / "password").write_text(password)
            words = [tmp_path / "password"]
        begin = time.monotonic()
        done = subprocess.run([bin_dir / "tools/ssh_tool", "--timeout", str(timeout), *options, url, key, hosts, *words],
                              env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **(env or {})}, capture_output=True,
                              text=True, timeout=60)
        assert "Sanitizer" not in done.stderr
        return Tried(done, time.monotonic() - begin)
    return run


@pytest.fixture
def key(server, tmp_path):
    """A deploy key that may read."""
    server.authorize(gitserver.make_key(tmp_path / "deploy"))
    return tmp_path / "deploy"


def fingerprint(public):
    return subprocess.run(["ssh-keygen", "-l", "-f", public], check=True, capture_output=True, text=True).stdout.split()[1]


def new_key(path, *words):
    subprocess.run(["ssh-keygen", "-q", "-C", "", "-f", path, *words], check=True, stdin=subprocess.DEVNULL)
    return pathlib.Path(f"{path}.pub").read_text()


# --- keys -------------------------------------------------------------------------------------------

KEYS = {  # ssh-keygen's words, the password
    "ed25519": (("-t", "ed25519", "-N", ""), None),
    "ecdsa-p256": (("-t", "ecdsa", "-b", "256", "-N", ""), None),
    "ecdsa-p384": (("-t", "ecdsa", "-b", "384", "-N", ""), None),
    "ecdsa-p521": (("-t", "ecdsa", "-b", "521", "-N", ""), None),
    "rsa-3072": (("-t", "rsa", "-b", "3072", "-N", ""), None),
    "rsa-4096": (("-t", "rsa", "-b", "4096", "-N", ""), None),
    "pkcs8-ecdsa": (("-t", "ecdsa", "-m", "PKCS8", "-N", ""), None),
    "pem-rsa": (("-t", "rsa", "-b", "3072", "-m", "PEM", "-N", ""), None),
    "ed25519-with-password": (("-t", "ed25519", "-N", "let me in"), "let me in"),
    "ecdsa-with-password": (("-t", "ecdsa", "-b", "384", "-N", "let me in"), "let me in"),
    "rsa-with-password": (("-t", "rsa", "-b", "3072", "-N", "let me in"), "let me in"),
    "pem-rsa-with-password": (("-t", "rsa", "-b", "3072", "-m", "PEM", "-N", "let me in"), "let me in"),
}


@pytest.mark.parametrize("name", KEYS)
def test_every_type_of_key_reads_and_cannot_write(server, repo, attempt, tmp_path, name):
    words, password = KEYS[name]
    key = tmp_path / "key"
    server.authorize(new_key(key, *words))
    # a sanitizer's allocator keeps what was freed, and its shadow is too large to be looked through
    look = () if os.environ.get("BULLA_SANITIZED") else ("--residue",)
    tried = attempt(repo.url, key, server.known_hosts(), *look, password=password)
    facts = tried.facts
    assert (tried.status, tried.outcome, facts["access"]) == (0, "ok", "read-only"), tried
    assert facts["fingerprint"] == fingerprint(f"{key}.pub")
    assert facts["keyType"] == pathlib.Path(f"{key}.pub").read_text().split()[0]
    assert facts["head"] == repo.git("rev-parse", "HEAD").strip()
    assert (facts["refs"], facts["headRef"], facts["moreRefs"]) == (1, "refs/heads/main", False)
    assert facts["address"] == f"127.0.0.1:{server.port}" and not facts["proxied"]
    assert facts["software"].startswith("SSH-2.0-OpenSSH_")
    assert facts["answer"].startswith("refused: git-receive-pack")
    # nothing of the private key is in memory afterwards
    assert not look or (facts["before"] >= 1 and facts["after"] == 0)


def test_ed25519_in_pkcs8_works_too(server, repo, attempt, tmp_path):
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ed25519
    made = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "key").write_bytes(made.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    server.authorize(made.public_key().public_bytes(s.Encoding.OpenSSH, s.PublicFormat.OpenSSH).decode())
    tried = attempt(repo.url, tmp_path / "key", server.known_hosts())
    assert (tried.status, tried.facts.get("access")) == (0, "read-only"), tried


def test_an_rsa_key_that_is_too_short_is_refused_before_anything_is_sent(server, repo, attempt, tmp_path):
    server.authorize(new_key(tmp_path / "key", "-t", "rsa", "-b", "2048", "-N", ""))
    before = server.server.output().count("Connection from")
    tried = attempt(repo.url, tmp_path / "key", server.known_hosts())
    assert (tried.status, tried.outcome) == (INVALID, "key-unreadable") and "3072" in tried.error
    assert server.server.output().count("Connection from") == before


def test_a_wrong_password_says_so(server, repo, attempt, tmp_path):
    new_key(tmp_path / "key", "-t", "ed25519", "-N", "let me in")
    tried = attempt(repo.url, tmp_path / "key", server.known_hosts(), password="canary-of-mine")
    assert tried.status == INVALID and "password" in tried.error and "canary" not in tried.error


def test_an_unknown_key_is_refused_and_named(server, repo, attempt, tmp_path):
    gitserver.make_key(tmp_path / "stranger")
    tried = attempt(repo.url, tmp_path / "stranger", server.known_hosts())
    assert (tried.status, tried.outcome) == (REFUSED, "key-refused"), tried
    assert fingerprint(tmp_path / "stranger.pub") in tried.error and "Deploy keys" in tried.error
    assert "refs" not in tried.facts and "access" not in tried.facts


def test_neither_agent_nor_configuration_nor_keys_of_the_user_are_used(server, repo, attempt, tmp_path):
    home = tmp_path / ".ssh"
    home.mkdir(mode=0o700)
    server.authorize(new_key(home / "id_ed25519", "-t", "ed25519", "-N", ""))
    (home / "config").write_text("Host *\n  ProxyCommand touch used\n  Port 1\n")
    (home / "known_hosts").write_text(server.known_hosts())
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL)
    try:
        while not (tmp_path / "agent").exists():
            time.sleep(0.01)
        env = {"SSH_AUTH_SOCK": str(tmp_path / "agent")}
        subprocess.run(["ssh-add", "-q", home / "id_ed25519"], env={**os.environ, **env}, check=True)
        gitserver.make_key(tmp_path / "stranger")
        tried = attempt(repo.url, tmp_path / "stranger", server.known_hosts(), env=env)
        assert tried.outcome == "key-refused", tried
        other = new_key(tmp_path / "other", "-t", "ed25519", "-N", "")
        tried = attempt(repo.url, tmp_path / "stranger", f"[127.0.0.1]:{server.port} {other}", env=env)
        assert tried.outcome == "host-key-changed", tried
    finally:
        agent.kill()
        agent.wait()


# --- host keys --------------------------------------------------------------------------------------

def line_of(server, kind):
    return next(line for line in server.known_hosts().splitlines(True) if kind in line)


@pytest.mark.parametrize("kind", gitserver.HOST_KEYS)
def test_one_known_host_key_is_enough(server, repo, attempt, key, kind):
    tried = attempt(repo.url, key, line_of(server, kind))
    assert (tried.status, tried.outcome) == (0, "ok"), tried
    assert list(tried.hosts().values()) == ["matches"]


@pytest.mark.parametrize("kind, words", {"ed25519": ("-t", "ed25519"), "p256": ("-t", "ecdsa", "-b", "256"),
                                         "p384": ("-t", "ecdsa", "-b", "384"), "p521": ("-t", "ecdsa", "-b", "521"),
                                         "rsa": ("-t", "rsa", "-b", "2048")}.items())
def test_a_host_with_one_key_of_any_type(new_server, attempt, tmp_path, kind, words):
    folder = tmp_path / "server0"
    folder.mkdir()
    new_key(folder / "host_only", *words, "-N", "")
    with gitserver.GitServer(tmp_path / "server1", host_keys=("ed25519",)) as server:
        pass
    server = gitserver.GitServer(tmp_path / "server2", host_keys=())
    (folder / "host_only").rename(server.folder / "host_only")
    (folder / "host_only.pub").rename(server.folder / "host_only.pub")
    server.host_keys = ("only",)
    with server:
        repo = server.repository("infra")
        repo.commit({"a": "1"})
        server.authorize(gitserver.make_key(tmp_path / "key"))
        tried = attempt(repo.url, tmp_path / "key", server.known_hosts(), "--every")
        assert (tried.status, tried.outcome) == (0, "ok"), tried
        assert list(tried.hosts().values()) == ["matches"]


def test_hashed_hosts_and_other_lines(server, repo, attempt, key, tmp_path):
    hosts = tmp_path / "hashed"
    hosts.write_text(server.known_hosts())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", hosts], check=True, capture_output=True)
    text = hosts.read_text()
    assert text.count("|1|") == 3 and "127.0.0.1" not in text
    tried = attempt(repo.url, key, "# of our host\n\n" + text)
    assert tried.status == 0, tried
    # the name without its port is that of port 22
    tried = attempt(repo.url, key, server.known_hosts().replace(f"[127.0.0.1]:{server.port}", "127.0.0.1"))
    assert (tried.status, tried.outcome) == (REFUSED, "host-key-unknown"), tried


def test_another_host_key_stops_before_the_key_is_shown(server, repo, attempt, key, tmp_path):
    other = gitserver.make_key(tmp_path / "other")
    accepted = server.server.output().count("Accepted")
    tried = attempt(repo.url, key, f"[127.0.0.1]:{server.port} {other}")
    assert (tried.status, tried.outcome) == (REFUSED, "host-key-changed"), tried
    assert tried.facts["hostKeys"] == [{"type": "ssh-ed25519", "state": "other",
                                        "fingerprint": fingerprint(server.folder / "host_ed25519.pub"),
                                        "expected": fingerprint(tmp_path / "other.pub")}]
    for part in (fingerprint(server.folder / "host_ed25519.pub"), fingerprint(tmp_path / "other.pub"), "in between",
                 f"[127.0.0.1]:{server.port}"):
        assert part in tried.error
    assert server.server.output().count("Accepted") == accepted


def test_a_type_that_the_host_has_not_shows_what_it_has(new_server, attempt, tmp_path):
    server = new_server(host_keys=("ed25519",))
    repo = server.repository("infra")
    server.authorize(gitserver.make_key(tmp_path / "key"))
    other = gitserver.make_key(tmp_path / "other", "ecdsa")
    tried = attempt(repo.url, tmp_path / "key", f"[127.0.0.1]:{server.port} {other}")
    assert (tried.status, tried.outcome) == (REFUSED, "host-key-unknown"), tried
    assert fingerprint(server.folder / "host_ed25519.pub") in tried.error and "ecdsa-sha2-nistp256" in tried.error


def test_every_type_is_asked_for_because_flux_may_meet_each(server, repo, attempt, key, tmp_path):
    other = gitserver.make_key(tmp_path / "other", "ecdsa")
    hosts = line_of(server, "ssh-ed25519") + f"[127.0.0.1]:{server.port} {other}"
    assert attempt(repo.url, key, hosts).outcome == "ok"  # the first is right, which luck decides for Flux
    tried = attempt(repo.url, key, hosts, "--every")
    assert (tried.status, tried.outcome) == (REFUSED, "host-key-changed"), tried
    assert tried.hosts() == {"ssh-ed25519": "matches", "ecdsa-sha2-nistp256": "other"}
    # of another host, and offered to this one all the same
    hosts = line_of(server, "ssh-ed25519") + f"git.example.org {other}"
    tried = attempt(repo.url, key, hosts, "--every")
    assert (tried.status, tried.outcome) == (REFUSED, "host-key-unknown"), tried
    # RSA beside others is asked for with SHA-1 only, which this server does not do
    tried = attempt(repo.url, key, server.known_hosts(), "--every")
    assert tried.hosts() == {"ssh-ed25519": "matches", "ecdsa-sha2-nistp256": "matches", "ssh-rsa": "not-offered"}


def test_a_server_that_signs_with_sha1_is_judged_as_flux_would(new_server, attempt, tmp_path):
    server = new_server(options=("HostKeyAlgorithms +ssh-rsa",))
    repo = server.repository("infra")
    server.authorize(gitserver.make_key(tmp_path / "key"))
    other = gitserver.make_key(tmp_path / "other", "rsa")
    assert attempt(repo.url, tmp_path / "key", server.known_hosts(), "--every").hosts()["ssh-rsa"] == "matches"
    hosts = line_of(server, "ssh-ed25519") + f"[127.0.0.1]:{server.port} {other}"
    assert attempt(repo.url, tmp_path / "key", hosts, "--every").outcome == "host-key-changed"


# --- the repository ---------------------------------------------------------------------------------

def refs_of(repo):
    return repo.git("for-each-ref", cwd=repo.bare)


def test_a_key_that_can_write_is_told_and_changes_nothing(server, attempt, tmp_path):
    repo = server.repository("writable")
    repo.commit({"a": "1"})
    for hook in ("pre-receive", "post-receive", "update", "post-update"):
        path = repo.bare / "hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {tmp_path}/{hook}-ran\n")
        path.chmod(0o755)
    before = refs_of(repo), sorted(p for p in repo.bare.rglob("*"))
    server.authorize(gitserver.make_key(tmp_path / "writer"), write=True)
    tried = attempt(repo.url, tmp_path / "writer", server.known_hosts())
    assert (tried.status, tried.outcome, tried.facts["access"]) == (0, "ok", "read-write"), tried
    assert (refs_of(repo), sorted(p for p in repo.bare.rglob("*"))) == before
    assert not list(tmp_path.glob("*-ran"))


def test_a_missing_repository_is_told_apart(server, repo, attempt, key):
    tried = attempt(repo.url + "x", key, server.known_hosts())
    assert (tried.status, tried.outcome) == (REFUSED, "repository"), tried
    assert "does not appear to be a git repository" in tried.error and "infra.gitx" in tried.error


def test_a_path_is_quoted_as_git_does(server, attempt, key):
    repo = server.repository("it's-mine")
    repo.commit({"a": "1"})
    tried = attempt(repo.url, key, server.known_hosts())
    assert tried.status == 0 or tried.status == INVALID and "url" in tried.error, tried


def test_ten_thousand_references(server, attempt, key):
    repo = server.repository("large")
    head = repo.commit({"a": "1"})
    packed = "".join(f"{head} refs/heads/branch-{i:05d}\n" for i in range(9999))
    (repo.bare / "packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted \n" + packed)
    tried = attempt(repo.url, key, server.known_hosts())
    assert (tried.status, tried.facts["refs"], tried.facts["head"]) == (0, 10000, head), tried


def test_an_empty_repository_can_be_read(server, attempt, key, tmp_path):
    repo = server.repository("empty")
    tried = attempt(repo.url, key, server.known_hosts())
    assert (tried.status, tried.facts["refs"]) == (0, 0) and "head" not in tried.facts
    server.authorize(gitserver.make_key(tmp_path / "writer"), write=True)
    assert attempt(repo.url, tmp_path / "writer", server.known_hosts()).facts["access"] == "read-write"


def test_a_server_with_one_session_a_connection_is_asked_twice(new_server, attempt, tmp_path):
    server = new_server(options=("MaxSessions 1",))
    repo = server.repository("infra")
    repo.commit({"a": "1"})
    server.authorize(gitserver.make_key(tmp_path / "key"))
    tried = attempt(repo.url, tmp_path / "key", server.known_hosts())
    assert (tried.status, tried.facts["access"]) == (0, "read-only"), tried


def test_github_s_own_words_for_a_missing_repository(server, repo, attempt, tmp_path):
    server.force(gitserver.make_key(tmp_path / "key"), "echo 'ERROR: Repository not found.' >&2; exit 1")
    tried = attempt(repo.url, tmp_path / "key", server.known_hosts())
    assert (tried.status, tried.outcome) == (REFUSED, "repository")
    assert "ERROR: Repository not found." in tried.error and tried.facts["answer"] == "ERROR: Repository not found."


HOSTILE = {
    "no git at all": ("echo welcome", "not-git"),
    "a length that is none": ("printf 'zzzz'", "not-git"),
    "a length of three": ("printf '0003'", "not-git"),
    "too long": ("printf 'ffff'; head -c 70000 /dev/zero", "not-git"),
    "a line without an id": ("printf '000ahello\\n'", "not-git"),
    "a control character": ("printf '0033%040d \\033[31mred\\n' 1", "not-git"),
    "ends in a line": ("printf '003f%040d refs/heads/main\\n' 1", "repository"),
    "ends behind a line": ("printf '003d%040d refs/heads/main\\n' 1", "not-git"),
    "says no": ("printf '0011ERR no, sorry\\n'", "repository"),
    "ends at once": ("exit 0", "repository"),
    "only noise": ("head -c 3000000 /dev/urandom | tr -d '0-9a-fA-F'", "not-git"),
    "floods standard error": ("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1", "repository"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_end_with_a_reason(server, repo, attempt, tmp_path, name):
    script, outcome = HOSTILE[name]
    server.force(gitserver.make_key(tmp_path / "key"), script)
    tried = attempt(repo.url, tmp_path / "key", server.known_hosts())
    assert tried.outcome == outcome and tried.status in (REFUSED, IO), tried
    assert tried.seconds < 8 and "\033" not in tried.error


def test_endless_references_end(server, repo, attempt, tmp_path):
    server.force(gitserver.make_key(tmp_path / "key"),
                 "yes \"$(printf '003d%040d refs/heads/main' 1)\"")
    tried = attempt(repo.url, tmp_path / "key", server.known_hosts(), timeout=25000)
    assert tried.facts["moreRefs"] and tried.facts["refs"] > 100000, tried


def test_a_command_that_dribbles_ends_in_time(server, repo, attempt, tmp_path):
    """A line of 0x1111 bytes, of which ten a second come.  (0000 would be the end of an empty repository.)"""
    server.force(gitserver.make_key(tmp_path / "key"), "while sleep 0.1; do printf '1'; done")
    tried = attempt(repo.url, tmp_path / "key", server.known_hosts(), timeout=1500)
    assert tried.status == IO and tried.outcome in ("timeout", "not-git") and tried.seconds < 4, tried


# --- servers that are none --------------------------------------------------------------------------

@contextlib.contextmanager
def listener(serve, backlog=5):
    """serve(connection) for each connection, in threads; the port."""
    s = socket.create_server(("127.0.0.1", 0), backlog=backlog)
    stop = threading.Event()

    def accept():
        while not stop.is_set():
            try:
                connection, _ = s.accept()
            except OSError:
                return
            threading.Thread(target=quietly, args=(serve, connection, stop), daemon=True).start()
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield s.getsockname()[1]
    finally:
        stop.set()
        s.shutdown(socket.SHUT_RDWR)
        s.close()
        thread.join(5)


def quietly(serve, connection, stop):
    with contextlib.suppress(OSError), connection:
        serve(connection, stop)


def silent(_, stop):
    stop.wait(30)


def dribbling(connection, stop):
    while not stop.wait(0.05):
        connection.sendall(b"x")


def slow_handshake(connection, stop):
    connection.sendall(b"SSH-2.0-slow\r\n")
    for byte in b"\x00\x00\x04\x00" + bytes(2000):
        if stop.wait(0.05):
            return
        connection.sendall(bytes([byte]))


def http(connection, _):
    connection.recv(100)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>sign in</html>")


def smtp(connection, stop):
    connection.sendall(b"220 mail.example.org ESMTP\r\n")
    stop.wait(30)


def old(connection, stop):
    connection.sendall(b"SSH-1.5-ancient\r\n")
    connection.recv(100)
    stop.wait(1)


def noise(connection, _):
    connection.sendall(b"SSH-2.0-noise\r\n" + os.urandom(5000))
    connection.recv(100)


STRANGE = {
    "silent": (silent, "timeout", "says nothing"),
    "dribbling": (dribbling, "not-ssh", "not with SSH"),
    "slow handshake": (slow_handshake, "timeout", "in the handshake"),
    "http": (http, "not-ssh", "captive portal"),
    "smtp": (smtp, "not-ssh", "not with SSH"),
    "closing": (lambda c, _: None, "closed", "before it said anything"),
    "old": (old, "handshake", "handshake"),
    "noise": (noise, "handshake", "handshake"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_ssh_server_is_named(attempt, key, server, name):
    serve, outcome, text = STRANGE[name]
    with listener(serve) as port:
        hosts = server.known_hosts().replace(f":{server.port}", f":{port}")
        tried = attempt(f"ssh://git@127.0.0.1:{port}/o/r", key, hosts, timeout=1500)
    assert (tried.status, tried.outcome) == (IO, outcome), tried
    assert text in tried.error and tried.seconds < 4


def test_nobody_listens_and_no_such_host(attempt, key, server):
    port = free_port()
    tried = attempt(f"ssh://git@127.0.0.1:{port}/o/r", key, server.known_hosts())
    assert (tried.status, tried.outcome) == (IO, "connection-refused") and f"127.0.0.1:{port}" in tried.error, tried
    tried = attempt("ssh://git@nowhere.invalid/o/r", key, server.known_hosts())
    assert (tried.status, tried.outcome) == (IO, "no-address") and "nowhere.invalid" in tried.error, tried


def test_every_address_of_a_name_is_tried(server, repo, attempt, key):
    hosts = server.known_hosts().replace("[127.0.0.1]", "[localhost]")
    tried = attempt(repo.url.replace("127.0.0.1", "localhost"), key, hosts)
    assert tried.status == 0 and tried.facts["address"] == f"127.0.0.1:{server.port}", tried


@pytest.mark.parametrize("url, text", {
    "git@github.com:org/repo": "ssh://git@github.com/org/repo", "https://github.com/org/repo": "ssh://git@HOST/PATH",
    "ssh://git:word@github.com/o/r": "credentials", "ssh://git@GITHUB.com/o/r": "lower case",
    "ssh://root@github.com/o/r": "git@"}.items())
def test_urls_that_flux_does_not_take(attempt, key, server, url, text):
    tried = attempt(url, key, server.known_hosts())
    assert tried.status == INVALID and text in tried.error and "word" not in tried.error, tried


# --- proxies ----------------------------------------------------------------------------------------

class Proxy:
    """CONNECT, for whom gives the login; what it was asked."""
    def __init__(self, answer=None, login=None, packed=True):
        self.answer, self.login, self.packed, self.asked = answer, login, packed, []

    def __call__(self, connection, stop):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (got := connection.recv(1000)):
                return
            head += got
        self.asked.append(head.decode())
        if self.answer is not None:
            connection.sendall(self.answer)
            stop.wait(0.3)
            return
        if self.login and f"Basic {base64.b64encode(self.login).decode()}\r\n" not in head.decode():
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        host, port = head.split()[1].decode().rsplit(":", 1)
        with socket.create_connection((host.strip("[]"), int(port)), 5) as there:
            first = there.recv(1000) if self.packed else b""  # the server's version comes with the answer
            connection.sendall(b"HTTP/1.0 200 Connection established\r\nVia: test\r\n\r\n" + first)
            back = threading.Thread(target=pump, args=(there, connection), daemon=True)
            back.start()
            pump(connection, there)
            back.join(5)


def pump(a, b):
    with contextlib.suppress(OSError):
        while got := a.recv(65536):
            b.sendall(got)
        b.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_through_a_proxy(server, repo, attempt, key, variable):
    proxy = Proxy(packed=variable.isupper())
    with listener(proxy) as port:
        tried = attempt(repo.url, key, server.known_hosts(), env={variable: f"http://127.0.0.1:{port}"})
    assert (tried.status, tried.facts["proxied"], tried.facts["access"]) == (0, True, "read-only"), tried
    assert proxy.asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n")


def test_a_proxy_with_a_login_that_is_never_told(server, repo, attempt, key):
    proxy = Proxy(login=b"me:p@ss:word")
    with listener(proxy) as port:
        for login, status in (("me:p%40ss:word@", 0), ("me:canary@", IO), ("", IO)):
            tried = attempt(repo.url, key, server.known_hosts(), env={"HTTPS_PROXY": f"http://{login}127.0.0.1:{port}/"})
            assert tried.status == status and "canary" not in tried.error + json.dumps(tried.facts), tried
            assert status == 0 or tried.outcome == "proxy" and "login" in tried.error


@pytest.mark.parametrize("answer, text", {
    b"HTTP/1.1 403 Forbidden\r\n\r\n": "status 403", b"HTTP/1.1 502 Bad Gateway\r\n\r\n": "status 502",
    b"SSH-2.0-not-a-proxy\r\n\r\n": "does not answer with HTTP", b"": "closed the connection",
    b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 3000: "closed the connection"}.items())
def test_proxies_that_do_not_connect(server, repo, attempt, key, answer, text):
    with listener(Proxy(answer)) as port:
        tried = attempt(repo.url, key, server.known_hosts(), env={"ALL_PROXY": f"127.0.0.1:{port}"})
    assert (tried.status, tried.outcome) == (IO, "proxy") and text in tried.error, tried


def test_a_silent_proxy_and_none_at_all(server, repo, attempt, key):
    with listener(silent) as port:
        tried = attempt(repo.url, key, server.known_hosts(), env={"ALL_PROXY": f"127.0.0.1:{port}"}, timeout=1000)
    assert tried.outcome == "timeout" and "proxy" in tried.error and tried.seconds < 3, tried
    tried = attempt(repo.url, key, server.known_hosts(), env={"ALL_PROXY": f"127.0.0.1:{free_port()}"})
    assert tried.outcome == "connection-refused" and "proxy" in tried.error, tried


def test_no_proxy_and_values_that_are_none(server, repo, attempt, key):
    env = {"ALL_PROXY": f"127.0.0.1:{free_port()}"}
    for names in ("127.0.0.1", "*", f"example.org, 127.0.0.1:{server.port}", "10.0.0.0/8,127.0.0.0/8"):
        assert attempt(repo.url, key, server.known_hosts(), env={**env, "NO_PROXY": names}).status == 0
    for value in ("socks5://u:canary@h:1080", "https://u:canary@h:443", "http://u:canary@h", "http://u:canary@h:99999", "http://canary%zz@h:1"):
        tried = attempt(repo.url, key, server.known_hosts(), env={"HTTPS_PROXY": value})
        assert tried.status == INVALID and "HTTPS_PROXY" in tried.error and "canary" not in tried.error, tried


# --- GitHub's other door ----------------------------------------------------------------------------

class Ways:
    """A proxy that lets nobody but to these: {"host:port": (address, port)}; what it was asked."""

    def __init__(self, ways):
        self.ways, self.asked = ways, []

    def __call__(self, connection, _stop):
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1000)
        self.asked.append(head.split()[1].decode())
        if self.asked[-1] not in self.ways:
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(self.ways[self.asked[-1]], 5) as there:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(there, connection), daemon=True)
            back.start()
            pump(connection, there)
            back.join(5)


@pytest.mark.parametrize("url, open_, asked", [
    ("ssh://git@github.com/org/infra", "ssh.github.com:443", ["github.com:22", "ssh.github.com:443"]),
    ("ssh://git@github.com/org/infra", "github.com:22", ["github.com:22"]),
    ("ssh://git@github.com/org/infra", None, ["github.com:22", "ssh.github.com:443"]),
    ("ssh://git@ssh.github.com:443/org/infra", None, ["ssh.github.com:443"])])
def test_where_port_22_of_github_is_closed(server, attempt, key, url, open_, asked):
    """By the host keys of github.com, and what is refused at one is not asked again at the other.  A server of ours has no
    user git, so authentication is where it ends."""
    proxy = Ways({open_: ("127.0.0.1", server.port)})
    with listener(proxy) as port:
        tried = attempt(url, key, server.known_hosts().replace(f"[127.0.0.1]:{server.port}", "github.com"),
                        env={"ALL_PROXY": f"127.0.0.1:{port}"})
    assert proxy.asked == asked
    if open_:
        assert (tried.status, tried.outcome, set(tried.hosts().values())) == (REFUSED, "key-refused", {"matches"}), tried
        assert tried.error.startswith(f"ssh_tool: {open_.split(':')[0]} does not accept the deploy key"), tried
    else:
        assert (tried.status, tried.outcome) == (IO, "proxy") and all(name in tried.error for name in asked), tried

# SPDX-License-Identifier: Apache-2.0
"""The check of a Git token over HTTPS: git's own http-backend behind TLS, git as the second client."""
import base64
import json
import os
import subprocess

import pytest
import registries

READER, WRITER, STRANGER = ("reader", "read ✓ token"), ("writer", "write-token"), ("stranger", "stranger-token")
RIGHTS = {READER: ("git-upload-pack",), WRITER: ("git-upload-pack", "git-receive-pack"), STRANGER: ()}
SMART = "application/x-git-upload-pack-advertisement"


class Backend:
    """git-http-backend, for those who may; `open` repositories for everyone."""

    def __init__(self, root):
        self.root, self.open = root, False

    def __call__(self, request):
        path, _, query = request.path.partition("?")
        service = query.partition("service=")[2] or path.rpartition("/")[2]
        login = registries.basic(request.headers)
        if login is None and not (self.open and service == "git-upload-pack"):
            return 401, [("WWW-Authenticate", "Basic realm=\"git\"")], b""
        if login is not None and login not in RIGHTS:
            return 401, [("WWW-Authenticate", "Basic realm=\"git\"")], b""
        if login is not None and service not in RIGHTS[login]:
            return 403, [], b"no"
        env = {"GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
               "REQUEST_METHOD": request.command, "REMOTE_USER": login[0] if login else "", "PATH": "/usr/bin:/bin",
               "CONTENT_TYPE": request.headers.get("Content-Type", ""), "HOME": str(self.root),
               "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", "")}
        out = subprocess.run(["git", "http-backend"], input=request.body, env=env, capture_output=True).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
        status = next((int(v[:3]) for n, v in headers if n == "Status"), 200)
        return status, [h for h in headers if h[0] != "Status"], body


@pytest.fixture
def bed(tmp_path, bin_dir):
    class Bed:
        pass

    b = Bed()
    b.env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1",
             "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
             "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_TERMINAL_PROMPT": "0"}

    def git(*args):
        return subprocess.run(["git", *map(str, args)], env=b.env, capture_output=True, text=True)

    b.git, b.folder = git, tmp_path
    b.authority = registries.Authority(tmp_path)
    b.pair = b.authority.issue("server")
    git("init", "-q", "-b", "main", "--bare", tmp_path / "root" / "org" / "repo.git")
    git("init", "-q", "-b", "main", "--bare", tmp_path / "root" / "org" / "empty.git")
    git("init", "-q", "-b", "main", tmp_path / "work")
    assert git("-C", tmp_path / "work", "commit", "-q", "--allow-empty", "-m", "one").returncode == 0
    git("-C", tmp_path / "work", "push", "-q", tmp_path / "root" / "org" / "repo.git", "main")
    b.head = git("-C", tmp_path / "work", "rev-parse", "HEAD").stdout.strip()
    b.backend = Backend(tmp_path / "root")

    def ask(url, login=None, ca=b.authority.ca):
        done = subprocess.run([bin_dir / "tools" / "live_tool", "git", "--ca", ca, url, *([login[0]] if login else [])],
                              input=login[1].encode() if login else b"", capture_output=True, timeout=60, env=b.env)
        said = json.loads(done.stdout)
        assert login is None or login[1] not in done.stdout.decode()
        assert (done.returncode == 0) == (said["verdict"] == "reads")
        return {**said, "status": done.returncode}

    b.ask = ask
    return b


@pytest.fixture
def server(bed):
    with registries.Server(bed.pair, bed.backend) as s:
        yield s


CASES = [
    ("org/repo.git", READER, "reads", "no"),
    ("org/repo.git/", READER, "reads", "no"),
    ("org/empty.git", READER, "reads", "no"),
    ("org/repo.git", WRITER, "reads", "yes"),
    ("org/repo.git", STRANGER, "no-right", "untold"),
    ("org/repo.git", (READER[0], "wrong"), "login-refused", "untold"),
    ("org/none.git", READER, "no-repository", "untold"),
    ("org/repo.git", None, "login-refused", "untold"),
]


@pytest.mark.parametrize("path,login,verdict,push", CASES, ids=range(len(CASES)))
def test_asked(bed, server, path, login, verdict, push):
    url = f"{server.url}/{path}"
    said = bed.ask(url, login)
    assert (said["verdict"], said["push"]) == (verdict, push), said
    assert any("may also push" in n for n in said["notes"]) == (push == "yes")
    if path.startswith("org/repo") and verdict == "reads":
        assert said["head"] == bed.head and said["refs"] >= 1
    if verdict != "reads":
        assert said["status"] == 6 and "Flux could not fetch it" in said["error"]
    extra = []
    if login:
        header = base64.b64encode(":".join(login).encode()).decode()
        extra = ["-c", f"http.extraHeader=Authorization: Basic {header}"]
    done = bed.git("-c", f"http.sslCAInfo={bed.authority.ca}", *extra, "ls-remote", url.rstrip("/"))
    assert (done.returncode == 0) == (verdict == "reads"), done.stderr


def test_open_repository(bed, server):
    bed.backend.open = True
    said = bed.ask(f"{server.url}/org/repo.git", READER)
    assert said["open"] and any("without any login" in n for n in said["notes"])
    assert bed.ask(f"{server.url}/org/repo.git")["verdict"] == "reads"


GOOD = b"001e# service=git-upload-pack\n0000"
ODD = [
    ((200, [("Content-Type", "text/html")], b"<html>Sign in</html>"), "not-git", 3),
    ((200, [("Content-Type", SMART)], b"<html>Sign in</html>"), "not-git", 3),
    ((200, [("Content-Type", "text/plain")], GOOD + b"0000"), "not-git", 3),
    ((200, [("Content-Type", SMART)], GOOD), "not-git", 3),
    ((200, [("Content-Type", SMART)], GOOD + b"zzzz"), "not-git", 3),
    ((200, [("Content-Type", SMART)], GOOD + b"ffffabc"), "not-git", 3),
    ((200, [("Content-Type", SMART)], b""), "not-git", 3),
    ((301, [("Location", "https://example.com/new/repo.git/info/refs?service=git-upload-pack&token=x1y2")], b""), "moved", 3),
    ((302, [("Location", "https://u:x1y2@example.com/")], b""), "moved", 3),
    ((404, [], b""), "no-repository", 6),
    ((410, [], b""), "no-repository", 6),
    ((429, [("Retry-After", "3600")], b""), "rate-limited", 7),
    ((500, [], b""), "down", 7),
    ((418, [], b""), "not-git", 3),
]


@pytest.mark.parametrize("reply,verdict,status", ODD, ids=range(len(ODD)))
def test_odd_servers(bed, reply, verdict, status):
    with registries.Server(bed.pair, lambda r: reply) as server:
        said = bed.ask(f"{server.url}/org/repo.git", READER)
    assert (said["verdict"], said["status"]) == (verdict, status), said
    assert "x1y2" not in said["error"]
    if reply[0] == 301:
        assert "to https://example.com/new/repo.git)" in said["error"]


def test_no_trust_no_login(bed, tmp_path):
    (tmp_path / "other").mkdir()
    with registries.Server(registries.Authority(tmp_path / "other").issue("server"), bed.backend) as server:
        assert bed.ask(f"{server.url}/org/repo.git", READER)["verdict"] == "down" and server.requests == []


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "https://127.0.0.1:1/", "https://127.0.0.1:1/a?b", "https://u@127.0.0.1:1/a",
                                 "http://example.com/a", "ssh://git@example.com/a", "/a", "https://127.0.0.1:1/a#b"])
def test_urls(bed, url):
    assert bed.ask(url, READER)["status"] == 3

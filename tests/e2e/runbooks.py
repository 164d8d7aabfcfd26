# SPDX-License-Identifier: Apache-2.0
"""docs/runbooks: each page is typed, command by command, in a repository as README.md makes one, and must say what
the page says.

In a page "…" stands for anything within a line, and alone on a line for any number of lines.  Standard output and
standard error come through different buffers, so their lines may stand in another order than in the page.
"""
import os
import re
import select
import subprocess
import time

from checkout import BIN, Checkout
from documents import TOP
from test_readme import commands, matches

PAGES = TOP / "docs/runbooks"
END = "-- end of output --"
REGIONS = ("eu-west9", "us-east1")


def in_order(expected, got):
    if not expected:
        return not got
    if expected[0] == "…":
        return any(in_order(expected[1:], got[i:]) for i in range(len(got) + 1))
    return bool(got) and matches(expected[0], got[0]) and in_order(expected[1:], got[1:])


def in_any_order(expected, got):
    """Each expected line is one that came; without a lone "…" all that came are."""
    left = list(got)
    for line in sorted((e for e in expected if e != "…"), key=len, reverse=True):
        found = next((g for g in left if matches(line, g)), None)
        if found is None:
            return False
        left.remove(found)
    return "…" in expected or not left


def says(expected, got):
    return in_order(expected, got) or in_any_order(expected, got)


class Shell:
    """One shell for a whole page."""

    def __init__(self, folder, env):
        self.process = subprocess.Popen(["bash", "--norc"], cwd=folder, env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.rest = b""

    def run(self, command, seconds=120):
        self.process.stdin.write(f"{{ {command}\n}} </dev/null\necho; echo '{END}'\n".encode())
        self.process.stdin.flush()
        end, mark = time.monotonic() + seconds, f"\n{END}\n".encode()
        while mark not in self.rest:
            left = end - time.monotonic()
            assert left > 0, f"$ {command}\ndoes not end: {self.rest.decode('utf-8', 'replace')}"
            if select.select([self.process.stdout], [], [], left)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                assert data, f"$ {command}\nended the shell: {self.rest.decode('utf-8', 'replace')}"
                self.rest += data
        out, self.rest = self.rest.split(mark, 1)
        return [line.rstrip() for line in out.decode("utf-8", "replace").rstrip("\n").split("\n")] if out.strip() else []

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


class World:
    """infra, a repository with five documents, and its origin; beside it what a person has who works on it."""

    def __init__(self, path):
        self.path = path
        self.repo = Checkout(path, repo="infra")
        (self.repo.home / ".gitconfig").write_text(
            "[user]\n\tname = Reader\n\temail = reader@example.org\n[init]\n\tdefaultBranch = main\n")
        self.origin = path / "origin.git"
        self.repo.tool("git", "init", "-q", "--bare", "-b", "main", str(self.origin))
        self.repo.git("remote", "add", "origin", str(self.origin))
        self.recovery = path / "recovery.txt"
        self.repo.tool("age-keygen", "-o", str(self.recovery))
        for name in ("token", "new-token"):
            (path / name).write_text(self.repo.tool(str(TOP / "scripts/test-token")))
        self.certificates()
        self.seal()
        self.repo.commit("Add sealed credentials")
        self.repo.git("push", "-q", "-u", "origin", "main")

    def certificates(self):
        """An authority, and what it signed."""
        tool, path = self.repo.tool, self.path
        tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "400", "-subj", "/CN=Authority",
             "-keyout", str(path / "ca.key"), "-out", str(path / "ca.crt"))
        tool("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=foobar-api", "-addext",
             "subjectAltName=DNS:foobar-api.web.svc", "-keyout", str(path / "key.pem"), "-out", str(path / "csr.pem"))
        tool("openssl", "x509", "-req", "-in", str(path / "csr.pem"), "-CA", str(path / "ca.crt"), "-CAkey",
             str(path / "ca.key"), "-days", "90", "-copy_extensions", "copy", "-out", str(path / "cert.pem"))

    def seal(self):
        bulla, path = self.repo.bulla, self.path
        for region in REGIONS:
            (self.repo.top / "clusters" / region).mkdir(parents=True)
        (self.repo.top / "apps").mkdir()
        bulla("init", "-r", "eu-west9", "-r", "us-east1", "--recovery", self.recovery)
        for region in REGIONS:
            bulla("seal", "deploy-key", "flux-ssh", "-n", "flux-system", "-w", f"clusters/{region}/",
                  "--url", "ssh://git@github.com/barolab/foobar-infra")
        bulla("seal", "registry", "ghcr", "-n", "web", "--server", "ghcr.io", "--username", "foobar-bot",
              "--token-file", path / "token", "--expires", "90d", "-w", "apps/")
        bulla("seal", "opaque", "foobar-env", "-n", "web", "--from-env-file", "-", "-w", "apps/",
              input="DATABASE_URL=postgres://foobar@db/foobar\nSESSION_KEY=s3cret\n")
        bulla("seal", "tls", "foobar-api", "-n", "web", "--cert", path / "cert.pem", "--private-key", path / "key.pem",
              "-w", "apps/")

    def env(self, **more):
        return {**self.repo.env, "PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "BULLA": str(TOP), **more}


def run(page, folder, env, record=None):
    """Type all of a page; record (a list) gets what came instead of it being held against the page."""
    told = commands(PAGES / page)
    assert len(told) >= 3, page
    shell = Shell(folder, env)
    try:
        for command, expected in told:
            got = shell.run(command)
            if record is not None:
                record.append((command, got))
                continue
            assert says(expected, got), f"{page}\n$ {command}\nexpected:\n" + "\n".join(expected) + "\ngot:\n" + "\n".join(got)
    finally:
        shell.close()


def secrets_of(page):
    """Long words of a page that look as if a person had pasted something: there are none."""
    return [w for w in re.findall(r"[A-Za-z0-9+/_-]{40,}", (PAGES / page).read_text()) if not w.startswith("age1")]

# SPDX-License-Identifier: Apache-2.0
"""bulla bootstrap killed at every write, to the cluster, to GitHub and to a file: the same line ends what was begun.
And servers that fail in between.

What is tried is counted first, so that every write really is.
"""
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

from bootstrapbed import IMAGE, REPOSITORY, Bed, Cluster, tree
from checkout import BULLA, IO
from fakeapi import Fault
from fakegithub import Fault as HubFault
from hubserver import HubServer
from test_bootstrap import TOKEN, git_server, public_key, registered, tls  # noqa: F401

SANITIZED = "BULLA_SANITIZED" in os.environ
FILES = ("rename", "renameat", "renameat2", "mkdir", "mkdirat", "link", "linkat", "unlink", "unlinkat", "vfork", "clone3")


class Hub(HubServer):
    on_write = staticmethod(lambda request, when: None)

    def handle(self, request):
        if request.command == "GET":
            return super().handle(request)
        self.on_write(request, "before")
        try:
            return super().handle(request)
        finally:
            self.on_write(request, "after")


class World:
    """One try: a repository, a cluster and GitHub, all new."""

    def __init__(self, folder, certificates, server):
        self.eu, self.hub, self.server = Cluster(certificates[1]), Hub(git=server), server
        self.folder = Path(folder)
        self.ca = certificates[0]

    def __enter__(self):
        self.eu.__enter__()
        self.hub.__enter__()
        self.hub.repo(REPOSITORY)
        self.hub.token(TOKEN)
        self.bed = Bed(self.folder, self.ca, {"eu": self.eu}, self.server)
        self.bed.hub = self.hub
        self.bed.components()
        (self.folder / "token").write_text(TOKEN)
        return self

    def __exit__(self, *failed):
        self.eu.__exit__(*failed)
        self.hub.__exit__(*failed)

    def command(self):
        return [BULLA, *map(str, self.bed.line("--image", IMAGE, "--recovery", self.bed.repo.recovery, "--api-url", self.hub.url,
                                               "--token-file", self.folder / "token"))]

    def start(self, *before):
        return subprocess.Popen([*before, *self.command()], cwd=self.bed.repo.top, env=self.bed.repo.env,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)

    def finish(self):
        """Run it once more, to its end; all is there then, once, and nothing more is to do."""
        repo = self.bed.repo
        done = subprocess.run(self.command(), cwd=repo.top, env=repo.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        [key] = registered(self.bed)
        assert key["key"] == public_key(self.bed) and key["read_only"]
        [text] = self.eu.keys().values()
        config = yaml.safe_load((repo.top / ".bulla/config").read_text())
        assert list(config["recipients"].values()) == re.findall("public key: (age1.*)", text)
        assert [p.name for p in (repo.top / ".bulla/keys").iterdir()] == ["eu-west9.age"]
        assert self.eu.store.all("sealedcredentials").keys() == {("flux-system", "flux-ssh")}
        assert self.eu.store.all("gitrepositories").keys() == {("flux-system", "flux-system")}
        # the backup opens with the recovery key, and is the cluster's
        repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "--to", repo.path / "back")
        assert [p.read_text() for p in (repo.path / "back").iterdir()] == [text]
        assert repo.git("status", "--porcelain") == "" and not [p for p in tree(repo.top) if p.endswith("~")]
        self.eu.requests.clear()
        self.hub.requests.clear()
        done = subprocess.run(self.command(), cwd=repo.top, env=repo.env, capture_output=True, text=True, timeout=60)
        assert "nothing to do" in done.stderr and self.eu.writes() == []
        assert [m for m, _, _ in self.hub.requests if m != "GET"] == [] and self.hub.violations == []


@pytest.fixture
def new_world(tmp_path, tls, git_server):  # noqa: F811
    def make():
        return World(tempfile.mkdtemp(dir=tmp_path), tls, git_server)
    return make


def count_writes(new_world):
    """(to the cluster, to GitHub) of a run that is left alone."""
    with new_world() as world:
        assert world.start().wait(60) == 0
        world.finish()
    with new_world() as world:
        assert world.start().wait(60) == 0
        return len(world.eu.writes()), len([m for m, _, _ in world.hub.requests if m != "GET"])


class Killer:
    """Kills the process at the n-th write that it sees."""

    def __init__(self, n, when):
        self.n, self.when, self.process = n, when, None

    def __call__(self, _request, when):
        if when != self.when:
            return
        self.n -= 1
        if self.n == 0:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            raise ConnectionError("killed")


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_write_to_the_cluster(new_world, when):
    writes, _ = count_writes(new_world)
    assert writes > 25
    # the objects of the agent and of Flux are applied by one loop; of those a few are as good as all
    for n in [1, 2, 11, *range(writes - 10, writes + 1)]:
        with new_world() as world:
            killer = Killer(n, when)
            world.eu.on_write = killer
            killer.process = world.start()
            assert killer.process.wait(60) == -signal.SIGKILL, n
            world.eu.on_write = lambda *_: None
            world.finish()


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_write_to_github(new_world, when):
    """After: the key is registered, and nobody has heard of it."""
    _, writes = count_writes(new_world)
    assert writes == 1
    with new_world() as world:
        killer = Killer(1, when)
        world.hub.on_write = killer
        killer.process = world.start()
        assert killer.process.wait(60) == -signal.SIGKILL
        world.hub.on_write = lambda *_: None
        world.finish()


def count_calls(new_world):
    with new_world() as world:
        log = world.folder / "strace"
        assert world.start("strace", "-qq", "-o", str(log), "-e", "trace=" + ",".join(f"?{name}" for name in FILES)).wait(60) == 0
        calls = re.findall(r"^(\w+)\(", log.read_text(), re.M)
        return {name: calls.count(name) for name in FILES if name in calls}


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.skipif(SANITIZED, reason="ptrace and LeakSanitizer exclude each other")
def test_killed_at_every_change_of_a_file(new_world):
    """Renames, folders, and each program that is started: git among them."""
    calls = count_calls(new_world)
    assert sum(calls.values()) > 25, calls
    for name, total in calls.items():
        for n in range(1, total + 1):
            with new_world() as world:
                done = world.start("strace", "-qq", "-o", "/dev/null", "-e", f"inject={name}:signal=KILL:when={n}")
                assert done.wait(60) == -signal.SIGKILL, (name, n, done.stderr.read())
                lock = world.bed.repo.top / ".git/index.lock"
                lock.unlink(missing_ok=True)  # a git that lives on has it for a moment more
                world.finish()


@pytest.mark.parametrize("fault", [Fault(lose=True), Fault(lose_answer=True), Fault(status=500, reason="InternalError"),
                                   Fault(status=429, reason="TooManyRequests", retry_after=1), Fault(garbage=b"<html>")],
                         ids=["lost", "answer lost", "500", "429", "html"])
def test_a_cluster_that_fails_once(new_world, fault):
    with new_world() as world:
        failing = iter([fault])
        world.eu.chaos = lambda r: next(failing, None) if r.method == "PATCH" and "sealedcredentials/flux-ssh" in r.path else None
        process = world.start()
        assert process.wait(60) in (0, IO), process.stderr.read()
        world.finish()


@pytest.mark.parametrize("fault", [HubFault("POST", ".*/keys", status=502), HubFault("POST", ".*/keys", lose=True),
                                   HubFault("POST", ".*/keys", lose_answer=True), HubFault("GET", ".*/keys", status=503)],
                         ids=["502", "lost", "answer lost", "503"])
def test_a_github_that_fails_once(new_world, fault):
    with new_world() as world:
        world.hub.faults.append(fault)
        process = world.start()
        assert process.wait(90) in (0, IO), process.stderr.read()
        world.finish()

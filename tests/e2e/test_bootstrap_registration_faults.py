# SPDX-License-Identifier: Apache-2.0
"""bulla bootstrap, when GitHub fails at a request by which the cluster's deploy key is registered: what is said, that
nothing is lost, and that the same line ends it."""
import os
import re
import subprocess
import tempfile

import pytest

from bootstrapbed import REPOSITORY, tree
from checkout import BIN
from fakegithub import Fault
from test_bootstrap import git_server, public_key, registered, tls  # noqa: F401
from test_bootstrap_faults import World
from test_rotate_deploy_key_faults import FAULTS, PASSES, fits

KEYS = f"/repos/{REPOSITORY}/keys"
REQUESTS = ["GET list", "GET list", "POST"]
CASES = [(n, name) for n, kind in enumerate(REQUESTS) for name in FAULTS if fits(kind, name)]


@pytest.fixture
def world(tmp_path, tls, git_server):  # noqa: F811
    with World(tempfile.mkdtemp(dir=tmp_path), tls, git_server) as made:
        env = made.bed.repo.env
        env["LD_PRELOAD"] = str(BIN / "preload/waits.so")
        if "BULLA_SANITIZED" in os.environ:
            env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        yield made
        assert made.hub.violations == []


def run(world):
    done = subprocess.run(world.command(), cwd=world.bed.repo.top, env=world.bed.repo.env, capture_output=True, text=True, timeout=60)
    assert "PRIVATE" not in done.stdout + done.stderr
    return done


def test_the_requests_are_these(world):
    done = run(world)
    assert done.returncode == 0, done.stderr
    assert ["POST" if r[0] == "POST" else "GET list" for r in world.hub.requests] == REQUESTS
    assert {r[1].split("?")[0] for r in world.hub.requests} == {KEYS}


@pytest.mark.parametrize("n, name", CASES, ids=[f"{n}-{REQUESTS[n]}-{name}".replace(" ", "-") for n, name in CASES])
def test_a_request_that_fails(world, n, name):
    given, status, words = FAULTS[name]
    kind, before = REQUESTS[n], tree(world.bed.repo.top)
    world.hub.faults.append(Fault(kind.split()[0], KEYS, **{**given, "times": 99}, skip=n if kind == "GET list" else 0))
    if "delay" in given:
        world.bed.repo.env["WAITS_POLL"] = "1"
    done = run(world)
    if (kind, name) in PASSES:
        assert done.returncode == 0, done.stderr
    else:
        last = done.stderr.splitlines()[-1]
        assert done.returncode == status, done.stderr
        what = f"add a deploy key to {REPOSITORY}" if kind == "POST" else f"list the deploy keys of {REPOSITORY}"
        assert f"registration: {what}" in last and (n == 0) != ("not finished, run it again to go on: " in last), last
        for word in words:
            assert re.search(word, last), last
        assert registered(world.bed) == []
        if n == 0:  # while the plan was made
            assert tree(world.bed.repo.top) == before and world.eu.writes() == []
        else:  # the key is sealed before anybody hears of it, and no cluster has it before it is registered
            assert public_key(world.bed) and world.eu.store.all("sealedcredentials") == {}
    world.hub.faults.clear()
    world.bed.repo.env.pop("WAITS_POLL", None)
    world.finish()

# SPDX-License-Identifier: Apache-2.0
"""--live: the system that will read a credential is asked whether it works before it is sealed (seal, set, rotate)."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import registries
import yaml
from checkout import INVALID, IO, REFUSED, USAGE, Checkout

ROBOT, WRITER, OTHER = ("robot", "a-password-to-pull"), ("writer", "a-password-to-push"), ("other", "no-rights")
CANARY = "a-password-that-is-wrong"


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            why = f"{program} is not installed"
            pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """Debian's registry with a token server, and an image in it."""
    need("docker-registry", "skopeo")
    folder = tmp_path_factory.mktemp("registry")
    authority = registries.Authority(folder)
    pair = authority.issue("server")
    tokens = registries.Tokens(authority, folder)
    tokens.users = {ROBOT[0]: (ROBOT[1], {"org/app": ("pull",)}), WRITER[0]: (WRITER[1], {"org/app": ("pull", "push")}),
                    OTHER[0]: (OTHER[1], {})}
    (folder / "store").mkdir()
    with registries.Server(pair, tokens) as token_server:
        made = registries.Registry(folder / "store", pair, {"token": {
            "realm": f"{token_server.url}/token", "service": registries.SERVICE, "issuer": registries.ISSUER,
            "rootcertbundle": str(tokens.crt)}})
        try:
            registries.layout(folder / "image")
            registries.Skopeo(folder, authority.ca).push(folder / "image", f"{made.host}/org/app:v1", WRITER)
            made.ca, made.authority, made.pair = authority.ca, authority, pair
            yield made
        finally:
            made.close()


@pytest.fixture
def repo(tmp_path):
    made = Checkout(tmp_path)
    made.init("-r", "eu-west9")
    return made


def files(repo):
    return {p.relative_to(repo.path): p.read_bytes() for p in repo.path.rglob("*") if p.is_file()}


def parts(repo, file="a.yaml"):
    return yaml.safe_load((repo.top / file).read_bytes())["spec"]["parts"]


def seal_login(repo, registry, login, *more, status=0, image="org/app:v1"):
    return repo.bulla("seal", "registry", "pull", "-n", "web", "--server", registry.host, "--username", login[0],
                      "--token-file", "-", "-w", "a.yaml", "--live", "--image", f"{registry.host}/{image}",
                      "--ca-file", registry.ca, *more, input=login[1], status=status)


def refused(repo, run, *words, canary=CANARY):
    """Nothing is written, what is said is said, and no secret is in it."""
    before = files(repo)
    done = run()
    for word in words:
        assert word in done.err, done
    assert files(repo) == before and done.out == ""
    assert canary not in done.err
    return done


# --- registries -------------------------------------------------------------------------------------

def test_a_login_that_pulls_is_sealed(repo, registry):
    done = seal_login(repo, registry, ROBOT)
    assert f"asked: {registry.host}/org/app:v1 can be pulled" in done.err and "push" not in done.err, done
    assert (repo.top / "a.yaml").exists()


def test_a_login_that_can_do_more_is_warned_of(repo, registry):
    assert "push" in seal_login(repo, registry, WRITER).err


@pytest.mark.parametrize("login, image, words", [
    ((ROBOT[0], CANARY), "org/app:v1", "step 1 of 2, the login"),
    (OTHER, "org/app:v1", "does not allow to pull"),
    (ROBOT, "org/app:v2", "no such tag"),
])
def test_a_login_that_does_not_pull_is_not_sealed(repo, registry, login, image, words):
    refused(repo, lambda: seal_login(repo, registry, login, image=image, status=REFUSED), words, "--live: ", "nothing is sealed",
            canary=login[1])


def test_the_answer_for_programs(repo, registry):
    said = json.loads(seal_login(repo, registry, WRITER, "-o", "json").out)
    assert said["live"]["state"] == "works" and "can be pulled" in said["live"]["says"] and any("push" in n for n in said["live"]["notes"])
    assert said["changed"] and WRITER[1] not in json.dumps(said)


def test_set_and_rotate_ask_too(repo, registry):
    seal_login(repo, registry, ROBOT)
    sealed = (repo.top / "a.yaml").read_bytes()
    options = ("--live", "--image", f"{registry.host}/org/app:v1", "--ca-file", registry.ca)
    for command in (("set", "a.yaml", "--from-file", "-"), ("rotate", "registry", "a.yaml", "--token-file", "-")):
        refused(repo, lambda: repo.bulla(*command, *options, input=CANARY, status=REFUSED), "--live: ", "step 1 of 2")
        done = repo.bulla(*command, *options, *(("--allow", "same") if command[0] == "rotate" else ()), input=ROBOT[1])
        assert "can be pulled" in done.err
        assert (repo.top / "a.yaml").read_bytes() != sealed


@pytest.mark.parametrize("options, words", [
    (("--live",), "--image IMAGE"),
    (("--image", "ghcr.io/a/b"), "goes with --live"),
    (("--api-url", "https://example.com"), "goes with --live"),
    (("--live", "--image", "Not An Image"), "--image"),
    (("--live", "--image", "ghcr.io/a/b", "--connect", "a:1"), None),
])
def test_command_lines(repo, options, words):
    done = repo.bulla("seal", "registry", "pull", "-n", "web", "--server", "ghcr.io", "--username", "u", "--token-file", "-",
                      *options, input=CANARY, status=USAGE)
    assert words is None or words in done.err

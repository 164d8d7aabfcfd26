# SPDX-License-Identifier: Apache-2.0
"""known-hosts refresh: the host keys that GitHub names over verified TLS, held against those that are built in, and
taken into a file once they were seen."""
import base64
import json
import subprocess

import pytest
import registries
import yaml
from checkout import FINDINGS, INVALID, IO, USAGE, Checkout, Terminal
from fakegithub import FakeGitHub, Fault

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
ECDSA = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N8" \
    "7uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
GITHUB, GHE = ("--url", "ssh://git@github.com/a/b"), ("--url", "ssh://git@ghe.corp/a/b")


@pytest.fixture
def repo(tmp_path):
    return Checkout(tmp_path)


@pytest.fixture
def hub():
    with FakeGitHub() as made:
        yield made
        assert made.violations == []


def key(folder, name, kind="ed25519"):
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path], check=True)
    return " ".join((folder / f"{name}.pub").read_text().split()[:2])


def built_in(repo):
    """GitHub's lines, as `bulla seal` puts them beside a key."""
    repo.init("-r", "eu-west9")
    repo.bulla("seal", "deploy-key", "a", "-n", "web", *GITHUB, "-w", "a.yaml")
    said = yaml.safe_load(repo.bulla("open", "a.yaml", "-i", repo.recovery).out)
    return base64.b64decode(said["data"]["known_hosts"]).decode().splitlines()


def refresh(repo, hub, *more, **of):
    return repo.bulla("known-hosts", "refresh", *more, "--api-url", hub.url, **of)


@pytest.fixture
def github(repo, hub):
    hub.host_keys = [" ".join(line.split()[1:3]) for line in built_in(repo)]
    assert len(hub.host_keys) == 3 and ED25519 in hub.host_keys
    return hub


def test_github_has_what_is_built_in(repo, github):
    done = refresh(repo, github, *GITHUB)
    assert [line.split() for line in done.out.splitlines()] == [
        ["github.com", k.split()[0], fingerprint, "kept"] for k, fingerprint in zip(github.host_keys, [
            line.split()[2] for line in done.out.splitlines()])]
    assert "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU" in done.out and "are built in" in done.err
    said = json.loads(refresh(repo, github, *GITHUB, "-o", "json").out)
    assert said["changed"] is False and [k["state"] for k in said["keys"]] == ["kept"] * 3


@pytest.mark.parametrize("change", ["new", "gone", "other"])
def test_others_of_github_are_a_finding_and_never_taken(repo, github, change):
    other = key(repo.path, "other")
    github.host_keys = {"new": github.host_keys + [key(repo.path, "ecdsa", "ecdsa")], "gone": github.host_keys[:2],
                        "other": [other if "ed25519" in k else k for k in github.host_keys]}[change]
    file = repo.top / "known_hosts"
    done = refresh(repo, github, file, *GITHUB, "--accept", status=FINDINGS)
    assert "names other keys for github.com than are built in" in done.err and not file.exists()
    assert any(word in done.out for word in ("new", "gone"))


def test_an_enterprise_server_is_taken_into_a_file(repo, hub):
    hub.host_keys = [ED25519]
    file = repo.top / "known_hosts"
    assert "there is no terminal to ask at; --accept" in refresh(repo, hub, file, *GHE, status=USAGE).err and not file.exists()
    said = json.loads(refresh(repo, hub, file, *GHE, "--dry-run", "-o", "json").out)
    assert (said["changed"], said["dryRun"], said["host"]) == (True, True, "ghe.corp") and not file.exists()
    refresh(repo, hub, file, *GHE, "--accept")
    assert file.read_text() == f"ghe.corp {ED25519}\n"
    assert "it has these keys already" in refresh(repo, hub, file, *GHE).err
    # and it is what bulla seal takes
    repo.init("-r", "eu-west9")
    repo.bulla("seal", "deploy-key", "a", "-n", "web", *GHE, "--known-hosts", file, "-w", "a.yaml")


def test_only_what_is_of_the_host_changes(repo, hub):
    old, hub.host_keys = key(repo.path, "old"), [ED25519]
    file = repo.write("known_hosts", f"# ours\nother.corp {old}\nghe.corp {old} x\n\nlast.corp {old}")
    file.chmod(0o640)
    done = refresh(repo, hub, file, *GHE, "--accept")
    assert file.read_text() == f"# ours\nother.corp {old}\nghe.corp {ED25519}\n\nlast.corp {old}"
    assert [line.split()[3] for line in done.out.splitlines()] == ["new", "gone"] and file.stat().st_mode & 0o777 == 0o640


def test_a_line_of_several_hosts_is_refused(repo, hub):
    hub.host_keys = [ED25519]
    file = repo.write("known_hosts", f"a.corp,ghe.corp {key(repo.path, 'old')}\n")
    before = file.read_bytes()
    assert "line 1" in refresh(repo, hub, file, *GHE, "--accept", status=INVALID).err and file.read_bytes() == before


@pytest.mark.parametrize("answer, status", [("y", 0), ("n", USAGE), ("", USAGE)])
def test_it_is_asked_first(repo, hub, answer, status):
    hub.host_keys = [ED25519]
    file = repo.top / "known_hosts"
    at = Terminal(repo, "known-hosts", "refresh", file, *GHE, "--api-url", hub.url)
    text = at.read_until("Take these as the keys of ghe.corp")
    assert "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU" in text
    at.type(answer + "\n")
    at.end(status)
    assert file.exists() == (status == 0)


def test_a_token_where_the_server_wants_one(repo, hub):
    hub.host_keys = [ED25519]
    refresh(repo, hub, *GHE, "known_hosts", "--accept", "--token-file", "-", input="canary-token\n")
    assert hub.requests[-1][2]["Authorization"] == "Bearer canary-token"
    hub.faults.append(Fault("GET", "/meta", status=401, body={"message": "Requires authentication"}))
    done = refresh(repo, hub, *GHE, "known_hosts", "--token-file", "-", input="canary-token\n", status=None)
    assert done.status not in (0, FINDINGS) and "canary" not in done.err


PAGE = Fault("GET", "/meta", status=200, headers={"Content-Type": "text/html"}, body=b"<html>Sign in</html>")


@pytest.mark.parametrize("fault, status", [
    (PAGE, IO), (Fault("GET", "/meta", status=404, body={"message": "Not Found"}), IO),
    (Fault("GET", "/meta", status=200, body={"ssh_keys": []}), IO), (Fault("GET", "/meta", status=200, body={}), IO),
    (Fault("GET", "/meta", status=200, body={"ssh_keys": ["ssh-dss AAAA", 1]}), INVALID),
    (Fault("GET", "/meta", status=200, body={"ssh_keys": ["@revoked x\ngithub.com " + ED25519]}), INVALID),
])
def test_what_is_no_answer_changes_nothing(repo, hub, fault, status):
    hub.faults.append(Fault(**{**fault.__dict__, "times": 1}))
    refresh(repo, hub, "known_hosts", *GHE, "--accept", status=status)
    assert not (repo.top / "known_hosts").exists()


def test_the_host_of_the_api_is_the_default(repo, tmp_path):
    authority = registries.Authority(tmp_path)
    with FakeGitHub(tuple(map(str, authority.issue("server")))) as hub:
        hub.host_keys = [ED25519]
        url = hub.url.replace("127.0.0.1", "localhost")
        repo.bulla("known-hosts", "refresh", "f", "--api-url", url, "--ca-file", authority.ca, "--accept")
        assert (repo.top / "f").read_text() == f"localhost {ED25519}\n"
        assert repo.bulla("known-hosts", "refresh", "f", "--api-url", url, status=IO).err  # nobody vouches for it


def test_command_lines(repo):
    assert "FILE" in repo.bulla("known-hosts", "refresh", "--api-url", "https://ghe.corp/api/v3", status=USAGE).err
    assert "--api-url" in repo.bulla("known-hosts", "refresh", "f", *GHE, status=USAGE).err
    repo.bulla("known-hosts", "refresh", "f", "--url", "https://ghe.corp/a", status=INVALID)

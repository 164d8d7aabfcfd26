# SPDX-License-Identifier: Apache-2.0
"""GitHub Enterprise Server: the API below /api/v3 of a server whose other paths are web pages, with a certificate of its
own authority, and deploy keys for repositories at the same host (localhost)."""
import json

import pytest
import registries
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from checkout import IO, USAGE, Checkout
from fakegithub import Answer, FakeGitHub
from hubbed import REPOSITORY
from hubserver import HubServer, fingerprint
from livebed import pat
from test_rotate_deploy_key import EU, NOBODY, Bed, soon, sshd  # noqa: F401

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
KEYS = f"/api/v3/repos/{REPOSITORY}/keys"
PROXY = {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "localhost"}  # nobody gets through to api.github.com


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return registries.Authority(tmp_path_factory.mktemp("ca"))


class Enterprise(HubServer):
    """url: https://localhost:PORT; its Git repository is /OWNER/NAME, as there."""

    def __init__(self, folder, pair):
        super().__init__(folder, cert=tuple(map(str, pair)), prefix="/api/v3")
        self.url = self.url.replace("127.0.0.1", "localhost")
        self.api = self.url + self.prefix

    @property
    def git_url(self):
        return f"ssh://{self.git.user}@localhost:{self.git.port}/{REPOSITORY}"

    def follow(self):
        super().follow()
        gate = self.git.folder / "gate-read"
        gate.write_text(gate.read_text().replace('-c "$SSH_ORIGINAL_COMMAND"', f"-c \"git-upload-pack '{self.remote.bare}'\""))


@pytest.fixture
def hub(tmp_path, authority):
    with Enterprise(tmp_path / "git", authority.issue("server")) as hub:
        hub.lag = 3600
        yield hub
    assert hub.violations == []


class EnterpriseBed(Bed):
    def __init__(self, path, hub, ca):
        self.ca = ca
        super().__init__(path, hub, clusters=False, url=hub.git_url, known_hosts=hub.git.known_hosts().replace("127.0.0.1", "localhost"))

    def at(self, key=True, token=True, app=None, api=None):
        words = super().at(key, token, app)
        words[words.index("--api-url") + 1] = api or self.hub.api
        return [*words, "--ca-file", self.ca]

    def deploy_key_at(self, api, *words, status=0):
        return self.repo.bulla("deploy-key", "list", *words, *self.at(api=api), status=status).err

    def line(self, region=EU, *more, key=True, token=True, app=None, api=None):
        return ["rotate", "deploy-key", self.file(region), *self.at(key, token, app, api), *soon(more)]


@pytest.fixture
def bed(hub, tmp_path, authority):
    return EnterpriseBed(tmp_path, hub, authority.ca)


# --- deploy keys --------------------------------------------------------------------------------------

@pytest.mark.parametrize("slash", ["", "/"])
def test_a_rotation(bed, slash):
    said = bed.repo.bulla(*bed.line(EU, *NOBODY, "--commit", "--push", api=bed.hub.api + slash))
    bed.is_rotated()
    assert fingerprint(bed.public(EU)) in bed.hub.uses() and "could not be tried" not in said.err and "--api-url" not in said.err
    assert {r[1].split("?")[0].rstrip("0123456789") for r in bed.hub.requests} == {KEYS, KEYS + "/"}


def test_list_add_and_remove(bed):
    for i in range(120):  # the pages are named below the prefix too
        bed.hub.add_key(REPOSITORY, f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{i:043d}", title=f"key {i}")
    said = json.loads(bed.deploy_key("list", "-o", "json").out)
    assert said["repository"] == REPOSITORY and len(said["keys"]) == 122 and said["notRegistered"] == []
    old = bed.path / "old.yaml"
    old.write_text((bed.repo.top / bed.file(EU)).read_text())
    bed.repo.bulla("set", bed.file(EU), "--known-hosts", bed.path / "known_hosts")
    assert "is registered, for reading only" in bed.deploy_key("add", bed.file(EU)).err
    bed.deploy_key("remove", old, "--yes")
    assert bed.public(EU) in bed.registered() and bed.before[EU] not in bed.registered()


def app_of(bed, base=None):
    """A GitHub App of this server, with its key sealed."""
    key = rsa.generate_private_key(65537, 2048)
    bed.hub.app(4711, key.public_key(), [REPOSITORY], {"administration": "write", "contents": "read", "metadata": "read"})
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    bed.repo.bulla("seal", "github-app", "app", "-n", "ops", "--url", f"{bed.hub.url}/{REPOSITORY}", "--base-url", base or bed.hub.api,
                   "--app-id", "4711", "--owner", "barolab", "--private-key", "-", "--ca", bed.ca, "-w", "ops/app.yaml", input=pem)
    bed.repo.commit("App")
    return "ops/app.yaml"


def test_an_app_of_the_server(bed):
    app = app_of(bed)
    before = dict(bed.hub.tokens)
    bed.repo.bulla(*bed.line(EU, *NOBODY, "--commit", "--push", token=False, app=app))
    bed.is_rotated()
    assert bed.hub.tokens == before
    said = bed.repo.bulla("check", "--live", "-i", bed.repo.recovery, "ops", "-o", "json")
    assert [d["state"] for d in json.loads(said.out)["live"]] == ["works"]


def test_an_app_of_another_server(bed):
    app = app_of(bed)
    bed.repo.env.update(PROXY)
    words = ["deploy-key", "list", "-i", bed.repo.recovery, "--app", app, "--ca-file", bed.ca, "--repo", REPOSITORY]
    said = bed.repo.bulla(*words, status=USAGE).err
    assert f"it is an App of localhost, so say which API is asked: --api-url {bed.hub.api}" in said
    said = bed.repo.bulla(*words, "--api-url", "https://api.github.com", status=USAGE).err
    assert "it is an App of localhost, and --api-url is the API of another server" in said
    assert bed.hub.requests == []


# --- addresses that are none ----------------------------------------------------------------------------

@pytest.mark.parametrize("login", [False, True])
@pytest.mark.parametrize("path", ["", "/", "/api", "/api/v4", f"/{REPOSITORY}"])
def test_an_address_without_the_api(bed, path, login):
    bed.hub.login_first = login
    said = bed.deploy_key_at(bed.hub.url + path, status=IO)
    assert f"list the deploy keys of {REPOSITORY} at localhost:{bed.hub.port}: " in said
    assert f"; the API of a GitHub Enterprise Server is at {bed.hub.api}" in said
    assert ("sign-in page of this network" if login else "not found (404)") in said
    said = bed.repo.bulla(*bed.line(EU, *NOBODY, api=bed.hub.url + path), status=IO).err
    assert f"registration: list the deploy keys of {REPOSITORY} at " in said and f"is at {bed.hub.api}" in said
    assert bed.registered() == set(bed.before.values())
    # with the right one the same line goes on
    bed.repo.bulla(*bed.line(EU, *NOBODY, "--commit", "--push"))
    bed.is_rotated()


def test_a_page_where_json_was_due(bed):
    bed.hub.page = lambda: Answer(200, b"<html>Sign in to GitHub</html>", {"Content-Type": "text/html"})
    said = bed.deploy_key_at(bed.hub.url, status=IO)
    assert "answers with a page of the kind" in said and f"; the API of a GitHub Enterprise Server is at {bed.hub.api}" in said


def test_what_the_right_address_denies_is_not_the_address(bed):
    said = bed.deploy_key_at(bed.hub.api, "--repo", "barolab/none", status=IO)
    assert "not found (404)" in said and "GitHub Enterprise Server is at" not in said


# --- the host of the repository and that of the API -------------------------------------------------------

def test_the_api_of_github_for_a_repository_elsewhere(bed):
    bed.repo.env.update(PROXY)
    said = bed.deploy_key_at("https://api.github.com", status=USAGE)
    assert "--api-url: it is not the API of localhost, where the repository is: give that of its own server, https://HOST/api/v3" in said
    said = bed.repo.bulla("deploy-key", "list", "-i", bed.repo.recovery, "--token-file", bed.token, status=USAGE).err
    assert "the host is not GitHub, as far as is known" in said and "--api-url https://HOST/api/v3" in said
    assert bed.hub.requests == []


def test_an_enterprise_server_for_a_repository_at_github(bed):
    bed.repo.bulla("seal", "deploy-key", "other", "-n", "web", "--url", f"ssh://git@github.com/{REPOSITORY}", "-w", "apps/other.yaml")
    bed.repo.commit("Other")
    for line in (["deploy-key", "add", "apps/other.yaml", *bed.at()], ["rotate", "deploy-key", "apps/other.yaml", *bed.at(), *NOBODY]):
        said = bed.repo.bulla(*line, status=USAGE).err
        assert "--api-url: it is not the API of github.com, where the repository is: leave it out" in said
    assert bed.hub.requests == []
    # who says himself which repository there is meant is believed
    bed.repo.bulla("deploy-key", "add", "apps/other.yaml", *bed.at(), "--repo", REPOSITORY)


def test_two_names_are_warned_of(bed):
    said = bed.deploy_key_at(bed.hub.api.replace("localhost", "127.0.0.1"))
    assert "--api-url: it has another name than localhost, where the repository is: right only if both are one server" in said


@pytest.mark.parametrize("url", [f"git@ghe.example.com:{REPOSITORY}", f"ghe.example.com:{REPOSITORY}"])
def test_an_address_as_git_prints_it(tmp_path, url):
    repo = Checkout(tmp_path)
    repo.init("-r", EU)
    for line in (["seal", "deploy-key", "a", "-n", "web", "--url", url, "-w", "a.yaml"],
                 ["known-hosts", "refresh", "f", "--url", url, "--api-url", "https://ghe.example.com/api/v3"]):
        said = repo.bulla(*line, status=None)
        assert said.status not in (0, IO) and f"write ssh://{url.replace(':', '/')}" in said.err, said


# --- host keys ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("slash", ["", "/"])
def test_host_keys_of_the_server(tmp_path, authority, slash):
    repo = Checkout(tmp_path)
    with FakeGitHub(tuple(map(str, authority.issue("meta"))), "/api/v3") as hub:
        hub.host_keys = [ED25519]
        api = hub.api.replace("127.0.0.1", "localhost")
        refresh = ["known-hosts", "refresh", "f", "--ca-file", authority.ca, "--accept"]
        repo.bulla(*refresh, "--api-url", api + slash)
        assert (repo.top / "f").read_text() == f"localhost {ED25519}\n" and hub.requests[-1][1] == "/api/v3/meta"
        said = repo.bulla(*refresh, "--api-url", api.removesuffix("/api/v3") + slash, status=IO).err
        assert "not found (404)" in said and f"; the API of a GitHub Enterprise Server is at {api}" in said
        count = len(hub.requests)
        said = repo.bulla(*refresh, "--api-url", api, "--url", "ssh://git@github.com/a/b", status=USAGE).err
        assert "--api-url: it is not the API of github.com, of which --url is" in said and len(hub.requests) == count
        assert hub.violations == []


def test_the_api_of_github_has_githubs_keys(tmp_path):
    repo = Checkout(tmp_path)
    repo.env.update(PROXY)
    said = repo.bulla("known-hosts", "refresh", "--api-url", "https://api.github.com", status=IO).err
    assert "api.github.com" in said and "which known_hosts FILE" not in said
    said = repo.bulla("known-hosts", "refresh", "f", "--url", "ssh://git@ghe.corp/a/b", "--api-url", "https://api.github.com", status=USAGE).err
    assert "it is not the API of ghe.corp" in said


# --- tokens ---------------------------------------------------------------------------------------------

def test_a_token_of_github_is_not_shown_to_another(tmp_path, authority):
    """--api-url is for what is not at github.com."""
    repo = Checkout(tmp_path)
    repo.init("-r", EU)
    repo.env.update(PROXY)
    own, githubs = pat("EnterpriseEnterprise"), pat("GitHubGitHub")
    with FakeGitHub(tuple(map(str, authority.issue("tokens"))), "/api/v3") as hub:
        hub.token(own, scopes="")
        repo.bulla("seal", "registry", "ghcr", "-n", "web", "--server", "ghcr.io", "--username", "octo", "--token-file", "-", "-w", "ghcr.yaml",
                   input=githubs)
        repo.bulla("seal", "git-https", "git", "-n", "web", "--url", f"https://github.com/{REPOSITORY}", "--username", "octo",
                   "--token-file", "-", "-w", "git.yaml", input=githubs)
        app = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
        repo.bulla("seal", "github-app", "app", "-n", "web", "--url", f"https://github.com/{REPOSITORY}", "--app-id", "7", "--owner", "octo",
                   "--private-key", "-", "-w", "app.yaml", input=app)
        repo.bulla("seal", "opaque", "own", "-n", "web", "--stdin", "TOKEN", "-w", "own.yaml", input=own)
        api = hub.api.replace("127.0.0.1", "localhost")
        said = json.loads(repo.bulla("check", "--live", "-i", repo.recovery, "--api-url", api, "--ca-file", authority.ca,
                                     "--image", "ghcr.io/octo/app:1", "-o", "json", status=None).out)
        states = {d["document"]: (d["state"], d.get("reason", "")) for d in said["live"]}
        assert states["web/own"][0] == "works"
        for name in ("web/ghcr", "web/git", "web/app"):
            assert states[name][0] == "untold" and "api.github.com" in states[name][1], states
        assert {r[2]["Authorization"] for r in hub.requests} == {f"Bearer {own}"} and hub.violations == []

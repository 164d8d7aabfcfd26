# SPDX-License-Identifier: Apache-2.0
"""bulla deploy-key list, add, remove: against a GitHub on loopback that is held against GitHub's description."""
import json
import shlex
import time

import pytest

from checkout import BIN, CONFLICT, INVALID, IO, NOKEY, REFUSED, USAGE, Terminal
from fakegithub import Fault, FakeGitHub, stamp
from hubbed import REPOSITORY, TOKEN, HubBed

KEYS = f"/repos/{REPOSITORY}/keys"


@pytest.fixture
def hub():
    with FakeGitHub() as hub:
        yield hub
    assert hub.violations == []


@pytest.fixture
def bed(hub, tmp_path):
    return HubBed(tmp_path, hub)


# --- list -------------------------------------------------------------------------------------------

def listed(bed, *words, **more):
    return json.loads(bed.deploy_key("list", "-o", "json", *words, **more).out)


def test_list_says_who_holds_what(bed):
    bed.register("eu-west9", title="bulla eu", last_used=stamp(time.time() - 7200))
    bed.hub.add_key(REPOSITORY, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "K" * 42, title="\x1b[31mred", read_only=False, added_by=None)
    said = bed.deploy_key("list")
    head, eu, other = said.out.splitlines()
    assert head.split() == ["ID", "TITLE", "ACCESS", "USED", "BY", "FINGERPRINT", "HELD", "BY"]
    assert "bulla eu" in eu and " read " in eu and "2 h ago" in eu and "octo" in eu and bed.facts("eu-west9")["fingerprint"] in eu
    assert eu.endswith("clusters/eu-west9/flux-ssh.yaml (proven)")
    assert "\\x1b[31mred" in other and "WRITE" in other and "never" in other and other.endswith("-")
    # what a document has and GitHub has not
    assert f"clusters/us-east1/flux-ssh.yaml: the key of flux-system/flux-ssh is not registered at {REPOSITORY}" in said.err


def test_list_without_a_key_is_only_what_documents_claim(bed):
    bed.register("eu-west9")
    said = listed(bed, key=False)
    assert said["repository"] == REPOSITORY
    key, = said["keys"]
    assert key["documents"] == [{"file": "clusters/eu-west9/flux-ssh.yaml", "document": "flux-system/flux-ssh", "proven": False}]
    assert key["readOnly"] and key["enabled"] and key["lastUsed"] is None and key["addedBy"] == "octo"
    assert key["publicKey"] == bed.public("eu-west9") and key["fingerprint"] == bed.facts("eu-west9")["fingerprint"]
    assert [d["file"] for d in said["notRegistered"]] == ["clusters/us-east1/flux-ssh.yaml"]


def test_a_token_by_standard_input(bed):
    """As it comes from a pipe, with a line's end or without."""
    bed.register("eu-west9")
    at = bed.at(token=False)
    for end in ("", "\n"):
        said = bed.repo.bulla("deploy-key", "list", "--token-file", "-", *at, input=TOKEN + end)
        assert "a key" in said.out and TOKEN not in said.out + said.err
    said = bed.repo.bulla("deploy-key", "list", "--token-file", "-", *at, input="x" * 5000, status=INVALID)
    assert "standard input: larger than 4096 bytes" in said.err


def test_list_goes_through_all_pages(bed):
    for i in range(120):
        bed.hub.add_key(REPOSITORY, f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{i:042d}", title=f"key {i}")
    assert len(listed(bed)["keys"]) == 120


def test_list_of_another_repository(bed):
    bed.hub.repo("o/r")
    assert listed(bed, "--repo", "o/r") == {"repository": "o/r", "keys": [], "notRegistered": []}
    assert "OWNER/NAME" in bed.deploy_key("list", "--repo", "o/r?x=1", status=INVALID).err


def test_documents_of_several_repositories(bed):
    bed.repo.bulla("seal", "deploy-key", "other", "-n", "web", "--url", "ssh://git@github.com/barolab/other", "-w", "apps/other.yaml")
    assert "several repositories" in bed.deploy_key("list", status=USAGE).err
    assert bed.hub.requests == []


def test_list_as_an_app_gives_the_token_back(bed):
    app = bed.app()
    before = dict(bed.hub.tokens)
    assert listed(bed, app=app)["keys"] == []
    assert bed.hub.tokens == before  # the one that was minted is gone
    minted = [r for r in bed.hub.requests if r[1].endswith("/access_tokens")]
    assert len(minted) == 1 and bed.hub.requests[-1][:2] == ("DELETE", "/installation/token")


def test_an_app_that_may_only_read_lists(bed):
    """A token for no more than is done is asked for; one that must change something is told what is missing."""
    bed.register("eu-west9", title="bulla eu")
    app = bed.app("read")
    assert [key["title"] for key in listed(bed, app=app)["keys"]] == ["bulla eu"]
    for words in (("add", bed.file("us-east1")), ("remove", bed.file("eu-west9"), "--yes", "--force")):
        assert "administration: write on that repository" in bed.deploy_key(*words, app=app, status=REFUSED).err
    assert list(bed.keys()) == ["bulla eu"] and not [r for r in bed.hub.requests if r[:2] == ("POST", KEYS) or r[:2] == ("DELETE", KEYS)]


@pytest.mark.parametrize("words, status, text", [
    ((), USAGE, "--app FILE"),
    (("--token-file", "TOKEN", "--app", "ops/app.yaml"), USAGE, "one of the two"),
])
def test_as_nobody_or_as_two(bed, words, status, text):
    words = [str(bed.token) if w == "TOKEN" else w for w in words]
    assert text in bed.deploy_key("list", *words, token=False, status=status).err
    assert bed.hub.requests == []


def test_no_token_comes_from_the_environment(bed):
    bed.repo.env.update(dict.fromkeys(("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_PAT", "GH_ENTERPRISE_TOKEN"), TOKEN))
    file = bed.file("eu-west9")
    for words in (("list",), ("add", file), ("remove", file, "--yes", "--force")):
        assert "say as whom GitHub is to be asked" in bed.deploy_key(*words, token=False, status=USAGE).err
    assert bed.hub.requests == []


def test_a_host_that_is_not_github(tmp_path, hub):
    known = tmp_path / "known_hosts"
    known.write_text("git.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n")
    bed = HubBed(tmp_path, hub, f"ssh://git@git.example.org/{REPOSITORY}", ("--known-hosts", known))
    said = bed.repo.bulla("deploy-key", "list", "--token-file", bed.token, status=USAGE).err
    assert "the host is not GitHub, as far as is known" in said and "--api-url" in said
    assert bed.deploy_key("list").status == 0  # it is said which API


# --- add --------------------------------------------------------------------------------------------

def test_add_registers_what_the_document_holds(bed):
    said = bed.deploy_key("add", "clusters/eu-west9/flux-ssh.yaml")
    (title, key), = bed.keys().items()
    assert title.startswith("bulla eu-west9 flux-ssh SHA256:") and bed.facts("eu-west9")["fingerprint"].startswith(title.split()[-1])
    assert key["key"] == bed.public("eu-west9") and key["read_only"] is True
    assert f'{REPOSITORY}: the deploy key "{title}" is registered, for reading only' in said.err
    assert "deleted with that token" in said.err
    # again: nothing
    said = bed.deploy_key("add", "clusters/eu-west9/flux-ssh.yaml", "-o", "json")
    result = json.loads(said.out)
    assert not result["changed"] and result["publicKey"] == bed.public("eu-west9") and result["repository"] == REPOSITORY
    assert len(bed.keys()) == 1 and "was registered already" in said.err and "deleted with that token" not in said.err


def test_add_as_an_app_has_nothing_to_warn_of(bed):
    said = bed.deploy_key("add", "clusters/us-east1/flux-ssh.yaml", app=bed.app())
    assert "deleted with that token" not in said.err and len(bed.keys()) == 1


def test_facts_register_nothing(bed):
    assert "no key at hand opens it" in bed.deploy_key("add", "clusters/eu-west9/flux-ssh.yaml", key=False, status=NOKEY).err
    public = bed.repo.write("../eu.pub", bed.public("eu-west9") + " jane@laptop\n")
    said = bed.deploy_key("add", "clusters/eu-west9/flux-ssh.yaml", "--public-key", public, key=False, status=USAGE)
    assert "its URL is not proven" in said.err and bed.hub.requests == []
    bed.deploy_key("add", "clusters/eu-west9/flux-ssh.yaml", "--public-key", public, "--repo", REPOSITORY, key=False)
    assert [k["key"] for k in bed.keys().values()] == [bed.public("eu-west9")]


def test_add_a_key_that_is_not_the_documents(bed):
    public = bed.repo.write("../us.pub", bed.public("us-east1"))
    for key in (True, False):
        said = bed.deploy_key("add", "clusters/eu-west9/flux-ssh.yaml", "--public-key", public, "--repo", REPOSITORY, key=key, status=INVALID)
        assert "not that of the document's key" in said.err
    assert bed.keys() == {}


def test_add_without_a_document(bed):
    public = bed.repo.write("../x.pub", bed.public("us-east1"))
    assert "--title" in bed.deploy_key("add", "--public-key", public, "--repo", REPOSITORY, status=USAGE).err
    bed.deploy_key("add", "--public-key", public, "--repo", REPOSITORY, "--title", "by hand")
    assert list(bed.keys()) == ["by hand"]
    assert "say which key" in bed.deploy_key("add", status=USAGE).err


@pytest.mark.parametrize("text, why", [
    ("ssh-ed25519 AAAA", "--public-key"), ("", "--public-key"), ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "--public-key"),
    ('command="x" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n', "--public-key"),
])
def test_a_public_key_that_is_none(bed, text, why):
    said = bed.deploy_key("add", "--public-key", "-", "--repo", REPOSITORY, "--title", "x", status=INVALID, input=text)
    assert why in said.err and bed.keys() == {} and "PRIVATE" not in said.err


def test_a_document_of_another_kind(bed):
    app = bed.app()
    assert "is of kind github-app, not deploy-key" in bed.deploy_key("add", app, status=USAGE).err


def test_already_in_use_elsewhere(bed):
    bed.hub.add_key("barolab/other", bed.public("eu-west9"))
    said = bed.deploy_key("add", "clusters/eu-west9/flux-ssh.yaml", status=CONFLICT)
    assert "is in use already" in said.err and "each repository needs a key of its own" in said.err


def test_there_already_but_it_may_write(bed):
    bed.register("eu-west9", read_only=False)
    assert "but it may write" in bed.deploy_key("add", "clusters/eu-west9/flux-ssh.yaml", status=CONFLICT).err


def test_forbidden_by_a_policy(bed):
    bed.hub.forbid_deploy_keys = True
    assert "forbids deploy keys" in bed.deploy_key("add", "clusters/eu-west9/flux-ssh.yaml", status=REFUSED).err
    bed.register("us-east1")
    said = bed.deploy_key("list")
    assert " disabled " in said.out


@pytest.mark.parametrize("fault, status, text", [
    (Fault("POST", KEYS, lose_answer=True, times=9), 0, "was registered already"),
    (Fault("POST", KEYS, status=502, times=2), 0, "is registered"),
    (Fault("POST", KEYS, status=403, headers={"Retry-After": "1"}, body={"message": "You have exceeded a secondary rate limit"}), 0, "is registered"),
    (Fault("GET", KEYS, status=403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"},
           body={"message": "API rate limit exceeded"}, times=9), IO, "limit"),
    (Fault("GET", KEYS, status=200, headers={"Content-Type": "text/html"}, body=b"<html>sign in</html>", times=9), IO, "the sign-in page of this network"),
    (Fault("GET", KEYS, status=403, headers={"X-GitHub-SSO": "required; url=https://github.com/orgs/barolab/sso?x=1"},
           body={"message": "Resource protected by organization SAML enforcement"}, times=9), REFUSED, "single sign-on"),
])
def test_faults_of_the_server(bed, fault, status, text):
    bed.hub.faults.append(fault)
    said = bed.deploy_key("add", "clusters/eu-west9/flux-ssh.yaml", status=status)
    assert text in said.err, said
    assert len(bed.keys()) == (status == 0)


# --- remove -----------------------------------------------------------------------------------------

def old_document(bed, region="eu-west9"):
    """The document as it was before its key was replaced, outside of the repository."""
    path = bed.path / "old.yaml"
    path.write_text((bed.repo.top / bed.file(region)).read_text())
    key = bed.register(region, title="old", last_used=stamp(time.time() - 3 * 86400))
    bed.repo.bulla("set", bed.file(region))
    return path, key


def test_remove_what_an_old_document_held(bed):
    path, key = old_document(bed)
    bed.register("eu-west9", title="new")
    said = bed.deploy_key("remove", path, "--yes")
    assert list(bed.keys()) == ["new"] and f'deploy key {key["id"]} "old" is deleted' in said.err
    said = bed.deploy_key("remove", path, "--yes", "-o", "json")
    assert json.loads(said.out)["changed"] is False and "it has no such deploy key" in said.err


def test_remove_asks_first(bed):
    path, key = old_document(bed)
    assert "no terminal to ask at" in bed.deploy_key("remove", path, status=USAGE).err
    for word, status, left in (("n", USAGE, 1), ("yes", 0, 0)):
        with_terminal = Terminal(bed.repo, "deploy-key", "remove", path, *bed.at())
        with_terminal.read_until("Delete it?")
        assert f'deploy key {key["id"]} "old"' in with_terminal.text and "3 d ago" in with_terminal.text
        with_terminal.type(word + "\n")
        with_terminal.end(status)
        assert len(bed.keys()) == left


def test_a_key_that_is_held_here_stays(bed):
    bed.register("eu-west9")
    for key in (True, False):
        words = ["--public-key", bed.repo.write("../eu.pub", bed.public("eu-west9")), "--repo", REPOSITORY]
        said = bed.deploy_key("remove", *words, "--yes", key=key, status=CONFLICT)
        assert ("clusters/eu-west9/flux-ssh.yaml (flux-system/flux-ssh) %s this key" % ("holds" if key else "says that it holds")) in said.err
        assert "bulla rotate deploy-key" in said.err
    assert len(bed.keys()) == 1
    bed.deploy_key("remove", "clusters/eu-west9/flux-ssh.yaml", "--yes", "--force")
    assert bed.keys() == {}


def test_the_command_that_an_exposure_prints(bed):
    """Run as it is printed: it deletes the key that was exposed, not the one that the document has by then."""
    old = bed.register("eu-west9", title="old")["key"]
    bed.repo.bulla("set", "clusters/eu-west9/flux-ssh.yaml")
    bed.repo.commit("Another key")
    bed.register("eu-west9", title="new")
    found = json.loads(bed.repo.bulla("keys", "exposure", "eu-west9", "-i", bed.repo.recovery, "-o", "json").out)
    command, = [c["where"] for c in found["credentials"] if c["state"] != "used" and c["kind"] == "deploy-key"]
    assert shlex.split(command)[2] == old and REPOSITORY in command
    bed.repo.env["PATH"] = f"{BIN}:{bed.repo.env['PATH']}"
    bed.repo.tool("sh", "-c", f"{command} --yes {shlex.join(map(str, bed.at()))}")
    assert list(bed.keys()) == ["new"]


def test_what_cannot_be_read_may_hold_it(bed):
    path, _ = old_document(bed)
    bed.repo.write("broken.yaml", "apiVersion: bulla.dev/v1\nkind: SealedCredential\nx: [\n")
    assert "1 file could not be read, and may hold this key" in bed.deploy_key("remove", path, "--yes", status=CONFLICT).err
    assert list(bed.keys()) == ["old"]


def test_no_title_and_no_fact_deletes(bed):
    path, _ = old_document(bed)
    assert "not proven" in bed.deploy_key("remove", path, "--yes", key=False, status=NOKEY).err
    assert bed.hub.requests == [] and list(bed.keys()) == ["old"]


def test_a_lost_answer_to_the_deletion(bed):
    path, _ = old_document(bed)
    bed.hub.faults.append(Fault("DELETE", KEYS + r"/\d+", lose_answer=True))
    bed.deploy_key("remove", path, "--yes")
    assert bed.keys() == {}


def test_no_right_to(bed):
    bed.hub.token(TOKEN, permissions={"administration": "read"})
    path, _ = old_document(bed)
    said = bed.deploy_key("remove", path, "--yes", status=REFUSED)
    assert "administration" in said.err.lower() and list(bed.keys()) == ["old"]

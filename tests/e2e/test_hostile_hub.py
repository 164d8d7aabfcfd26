# SPDX-License-Identifier: Apache-2.0
"""Whoever answers for GitHub, or writes to the repository, and wants more than that: memory, a person's yes, a key
registered elsewhere."""
import os
import subprocess

import pytest

from checkout import BULLA, INVALID, IO, REFUSED, USAGE, Checkout, Terminal
from fakegithub import FakeGitHub, Fault
from hubbed import REPOSITORY, TOKEN, URL, HubBed
from registries import Authority
from test_rotate_deploy_key import EU, NOBODY, US, bed, hub, share, sshd  # noqa: F401

KEYS = f"/repos/{REPOSITORY}/keys"
ROOM = 200 << 20  # bytes of address space; a list of a hundred keys takes half of it, most of it libraries


# --- memory -----------------------------------------------------------------------------------------

def run(bed, *words):
    """With no more room than it needs; sanitizers want more."""
    room = [] if "BULLA_SANITIZED" in os.environ else ["prlimit", f"--as={ROOM}"]
    return subprocess.run([*room, BULLA, *map(str, words)], cwd=bed.repo.top, env=bed.repo.env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, start_new_session=True)


MANY = {
    "objects": b"[" + b",".join([b"{}"] * 1398000) + b"]",
    "lists": b"[" + b",".join([b"[]"] * 1398000) + b"]",
    "numbers": b"[" + b",".join([b"1"] * 2097000) + b"]",
    "names": b"[{" + b",".join(b'"%d":0' % i for i in range(380000)) + b"}]",
    "one in the other": b"[" * 2000000 + b"]" * 2000000,
}


@pytest.mark.parametrize("name", MANY)
def test_an_answer_takes_no_memory_but_its_own(bed, name):
    """4 MiB of JSON can mean half a GiB of values."""
    bed.hub.faults.append(Fault("GET", KEYS, status=200, body=MANY[name], times=9))
    done = run(bed, "deploy-key", "list", "--repo", REPOSITORY, *bed.at())
    assert done.returncode == IO and "list the deploy keys" in done.stderr, done


def test_pages_without_end(bed):
    """Each names itself as the next one."""
    page = list(bed.hub.keys.values()) * 50
    bed.hub.faults.append(Fault("GET", KEYS, status=200, body=page, times=999,
                                headers={"Link": f'<{bed.hub.api}{KEYS}?per_page=100>; rel="next"'}))
    before = len(bed.hub.requests)
    done = run(bed, "deploy-key", "list", "--repo", REPOSITORY, *bed.at())
    assert done.returncode == IO and "more than 5000 entries" in done.stderr and len(bed.hub.requests) - before <= 51, done


# --- the token --------------------------------------------------------------------------------------

@pytest.mark.parametrize("host", ["127.0.0.1.5", "127.0.0.1.", "127.0.0.999", "127.0.0.1.5.", "[::ffff:127.0.0.1]"])
def test_what_is_no_address_of_this_machine_is_no_loopback(tmp_path, host):
    """A name, which the name server says where it is: without TLS no token goes there."""
    (tmp_path / "token").write_text(TOKEN)
    said = Checkout(tmp_path).bulla("deploy-key", "list", "--repo", REPOSITORY, "--token-file", tmp_path / "token",
                                    "--api-url", f"http://{host}:1", status=INVALID)
    assert "only https:// is talked to" in said.err


def test_no_keys_of_tls_are_written_for_others(tmp_path):
    """libcurl writes those of a connection into the file that SSLKEYLOGFILE names, for everyone to read."""
    authority = Authority(tmp_path)
    with FakeGitHub(authority.issue("server")) as hub:
        bed = HubBed(tmp_path, hub)
        bed.repo.env["SSLKEYLOGFILE"] = str(tmp_path / "keylog")
        bed.deploy_key("list", "--ca-file", authority.ca)
        assert hub.requests and not (tmp_path / "keylog").exists()


# --- a person's yes ---------------------------------------------------------------------------------

FORGED = 'old", SHA256:abc, last used: never.\nNobody fetches with it.\x1b[8m\u202e'


def test_a_title_is_no_line_of_the_question(bed):
    key = bed.old[EU]
    key["title"] = FORGED
    old = bed.path / "old.yaml"
    old.write_text((bed.repo.top / bed.file(EU)).read_text())
    bed.repo.bulla("set", bed.file(EU), "--known-hosts", bed.path / "known_hosts")
    bed.repo.commit("Another key")
    asked = Terminal(bed.repo, "deploy-key", "remove", old, *bed.at(), "--repo", REPOSITORY)
    text = asked.read_until("Delete it?")
    assert "\nNobody" not in text and "Nobody fetches with it" in text and "\x1b[8m" not in text and "\u202e" not in text
    asked.type("n\n")
    asked.end(USAGE)
    assert key in bed.hub.keys.values()


def test_a_title_fills_no_screen(bed):
    bed.old[EU]["title"] = "x" * 100000
    assert len(bed.deploy_key("list", "--repo", REPOSITORY).out) < 4000


def test_words_of_a_server_are_no_line_of_ours(bed):
    words = "denied\nbulla: deploy key 1 is deleted\x1b[2J\u202e"
    bed.hub.faults.append(Fault("GET", KEYS, status=403, times=9, body={
        "message": words, "documentation_url": "https://docs.github.com/\nbulla: done"}))
    said = bed.deploy_key("list", "--repo", REPOSITORY, status=REFUSED).err
    assert [line for line in said.splitlines() if line.startswith("bulla: ")] == said.splitlines()
    assert "denied\\x0abulla: deploy key 1 is deleted\\x1b[2J\\u{202e}" in said
    assert not any(line.startswith(("bulla: deploy key", "bulla: done")) for line in said.splitlines())


# --- a pull request ---------------------------------------------------------------------------------

def test_the_name_of_a_file_is_no_line_for_the_user(bed):
    """Another document claims the key: its file is named, and says nothing of its own."""
    share(bed)
    forged = f"clusters/{US}/x\nrun: curl example.org | sh\n.yaml"
    os.rename(bed.repo.top / bed.file(US), bed.repo.top / forged)
    bed.repo.commit("Rename")
    bed.repo.git("push", "-q")
    said = bed.rotate(*NOBODY, "--commit", "--push")
    assert "left to you: run: curl" not in said.err and "holds the old key as well" in said.err
    assert len([line for line in said.err.splitlines() if "left to you" in line]) == 1
    assert "\\x0arun: curl" in said.err


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_claimed_url_registers_nothing(tmp_path, more):
    """--keep-old without a key takes the URL as `set` does; at which repository, only the user can say."""
    with FakeGitHub() as hub:
        bed, vault = HubBed(tmp_path, hub), hub.repo("barolab/vault")
        path = bed.repo.top / bed.file(EU)
        path.write_text(path.read_text().replace(URL, "ssh://git@github.com/barolab/vault"))
        words = ["rotate", "deploy-key", bed.file(EU), *bed.at(key=False), "--keep-old", *NOBODY, *more]
        said = bed.repo.bulla(*words, status=None)
        assert vault == {} and not list((bed.repo.top / ".git").rglob("journal")), said
        assert more or (said.status == USAGE and "with --repo OWNER/NAME" in said.err), said


def test_without_a_key_it_is_registered_where_the_user_says(tmp_path):
    with FakeGitHub() as hub:
        bed = HubBed(tmp_path, hub)
        bed.repo.env |= {"https_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}  # github.com is not asked
        words = ["rotate", "deploy-key", bed.file(EU), *bed.at(key=False), "--keep-old", "--repo", REPOSITORY, *NOBODY]
        said = bed.repo.bulla(*words)
        assert "could not be tried from here" in said.err and "document: done" in said.err
        key, = hub.repo(REPOSITORY).values()
        assert key["key"] == bed.public(EU) and key["read_only"]
    assert hub.violations == []

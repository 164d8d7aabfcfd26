# SPDX-License-Identifier: Apache-2.0
"""bulla rotate deploy-key: a GitHub on loopback, a real OpenSSH server that lets in its deploy keys, an API server
that says what clusters say."""
import json
import os
import re
import shutil
import subprocess
import time

import pytest
import yaml

from checkout import BIN, BULLA, CONFLICT, FINDINGS, INVALID, NOKEY, REFUSED, USAGE
from fakegithub import Fault, stamp
from hubbed import REGIONS, REPOSITORY, HubBed
from hubserver import HubServer, fingerprint, gitserver

KEYS = f"/repos/{REPOSITORY}/keys"
EU, US = REGIONS
NOBODY = ("--person", EU)  # a document that no cluster is waited for


@pytest.fixture(scope="session", autouse=True)
def sshd():
    if gitserver.SSHD is None:
        why = "openssh-server is not installed"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)


class Bed(HubBed):
    """clusters: whether the repository knows its recipients to be clusters."""

    def __init__(self, path, hub, clusters=True):
        known = path / "known_hosts"
        known.write_text(hub.git.known_hosts())
        super().__init__(path, hub, hub.remote.url, ("--known-hosts", known))
        if not clusters:
            shutil.rmtree(self.repo.top / ".bulla/keys")
            self.repo.commit("No backups")
        self.old = {region: self.register(region, title=f"bulla {region} flux-ssh SHA256:old") for region in REGIONS}
        self.before = {region: self.public(region) for region in REGIONS}
        self.repo.git("remote", "add", "origin", str(hub.remote.bare))
        self.repo.git("push", "-q", "-u", "origin", "main")

    def line(self, region=EU, *more, key=True, token=True):
        return ["rotate", "deploy-key", self.file(region), "--repo", REPOSITORY, *self.at(key, token), *more]

    def rotate(self, *more, region=EU, status=0, key=True, token=True):
        done = self.repo.bulla(*self.line(region, *more, key=key, token=token), status=status)
        self.no_secret(done.out + done.err)
        return done

    def no_secret(self, text):
        assert "PRIVATE" not in text and self.token.read_text().strip() not in text

    def registered(self):
        return {k["key"] for k in self.hub.keys.values()}

    def journal(self):
        return list((self.repo.top / ".git/bulla").rglob("journal")) if (self.repo.top / ".git/bulla").exists() else []

    def fetch_with(self, region):
        """As Flux does, with what is sealed in the document that the branch has."""
        data = json.loads(self.repo.bulla("open", self.file(region), "-i", self.recovery_key, "-o", "json").out)["data"]
        raise NotImplementedError(data)

    def is_rotated(self, region=EU, left=()):
        new = self.public(region)
        assert new != self.before[region]
        assert self.registered() == {new, *(self.public(r) for r in REGIONS if r != region), *left}
        entry, = [k for k in self.hub.keys.values() if k["key"] == new]
        assert entry["read_only"] is True and entry["title"].startswith("bulla ")
        assert self.journal() == []
        return entry


@pytest.fixture
def hub(tmp_path):
    with HubServer(tmp_path / "git") as hub:
        yield hub
    assert hub.violations == []


@pytest.fixture
def bed(hub, tmp_path):
    return Bed(tmp_path, hub, clusters=False)


def test_in_one_go(bed):
    said = bed.rotate(*NOBODY, "--commit", "--push")
    entry = bed.is_rotated()
    assert bed.repo.git("status", "--porcelain", "-uno") == "" and bed.repo.git("rev-parse", "HEAD") == bed.repo.git("rev-parse", "@{u}")
    assert bed.repo.git("show", "--name-only", "--format=%s", "HEAD").split("\n") == [
        "Rotate the deploy key of flux-system/flux-ssh", "", bed.file(EU), ""]
    assert f'deploy key {bed.old[EU]["id"]} "bulla {EU} flux-ssh SHA256:old" is deleted' in said.err
    assert entry["title"] == f"bulla {EU} flux-ssh {bed.facts(EU)['fingerprint'][:19]}"
    assert "deleted with that token" in said.err
    assert bed.facts(EU)["url"] == bed.url
    # the new one works at the real server, and the order of requests is the safe one
    assert fingerprint(bed.public(EU)) in bed.hub.uses()
    changes = [(r[0], r[1]) for r in bed.hub.requests if r[0] in ("POST", "DELETE")]
    assert changes == [("POST", KEYS), ("DELETE", f"{KEYS}/{bed.old[EU]['id']}")]

# SPDX-License-Identifier: Apache-2.0
"""A GitHub on loopback (fakegithub.py) and a real OpenSSH server whose authorized keys are its deploy keys.

    with HubServer(folder) as hub:
        hub.git                   # the GitServer; hub.remote: the repository behind hub.NAME
        hub.lag = 5               # seconds until last_used tells of a fetch
"""
import base64
import hashlib
import pathlib
import re
import sys
import time

from fakegithub import FakeGitHub, stamp

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "cluster"))
import gitserver  # noqa: E402


def fingerprint(public):
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


class HubServer(FakeGitHub):
    NAME = "barolab/foobar-infra"

    def __init__(self, folder=None, git=None, **more):
        """git: a GitServer that runs already, with a repository; else one is made in folder."""
        super().__init__(**more)
        self.git, self.own = git or gitserver.GitServer(folder), git is None
        self.lag, self.seen = 0, {}

    def __enter__(self):
        if self.own:
            self.git.start()
            self.remote = self.git.repository("foobar-infra")
        return super().__enter__()

    def __exit__(self, *whatever):
        super().__exit__(*whatever)
        if self.own:
            self.git.stop()

    @property
    def keys(self):
        return self.repo(self.NAME)

    def follow(self):
        """What is registered may fetch, from now on; what may write may push."""
        server = self.git
        lines = [server.line(key["key"], write=not key["read_only"]) for key in self.keys.values()]
        new = server.authorized.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text("".join(lines))
        new.rename(server.authorized)  # a login sees all of them, or all that were

    def uses(self):
        """{fingerprint: how often a key was let in}"""
        found = {}
        for print_ in re.findall(r"Accepted publickey .* (SHA256:\S+)$", self.git.server.output(), re.M):
            found[print_] = found.get(print_, 0) + 1
        return found

    def note_uses(self):
        now = time.time()
        for print_, n in self.uses().items():
            if self.seen.get(print_, (0, 0))[0] != n:
                self.seen[print_] = (n, now)
        for key in self.keys.values():
            n, at = self.seen.get(fingerprint(key["key"]), (0, 0))
            if n and now - at >= self.lag:
                key["last_used"] = stamp(at + self.date_offset)

    def add_key(self, repo, key, *args, **more):
        entry = super().add_key(repo, key, *args, **more)
        self.follow()
        return entry

    def list_keys(self, *args):
        self.note_uses()
        return super().list_keys(*args)

    def delete_key(self, *args):
        answer = super().delete_key(*args)
        self.follow()
        return answer

# SPDX-License-Identifier: Apache-2.0
"""Git over a real OpenSSH server on loopback, for the user who runs the tests.

    with GitServer(folder) as server:
        repo = server.repository("infra")        # bare, with a work tree beside it
        repo.commit({"a/b.yaml": text}, "message")   # written, committed, pushed; None removes a file
        server.authorize(public_key)             # read-only, as a deploy key at GitHub
        repo.url, server.known_hosts()           # ssh://USER@127.0.0.1:PORT/...; lines for known_hosts
"""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess

from processes import Server, free_port

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
HOST_KEYS = ("ed25519", "ecdsa", "rsa")
# What a key is held to, whatever its holder asks for.
GATE = """#!/bin/sh
case $SSH_ORIGINAL_COMMAND in
%s) exec git-shell -c "$SSH_ORIGINAL_COMMAND" ;;
esac
echo "refused: $SSH_ORIGINAL_COMMAND" >&2
exit 1
"""


class GitServer:
    def __init__(self, folder, host_keys=HOST_KEYS, options=()):
        """options: further lines of sshd_config"""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.host_keys, self.options = host_keys, options
        self.authorized = self.folder / "authorized_keys"
        self.authorized.touch(mode=0o600)
        for kind in host_keys:
            make_key(self.folder / f"host_{kind}", kind)

    def start(self):
        self.port = free_port()
        config = self.folder / "sshd_config"
        config.write_text("".join(f"{line}\n" for line in (
            f"Port {self.port}", "ListenAddress 127.0.0.1",
            *(f"HostKey {self.folder}/host_{kind}" for kind in self.host_keys),
            f"AuthorizedKeysFile {self.authorized}", f"PidFile {self.folder}/sshd.pid",
            "UsePAM no", "StrictModes no", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password", "AllowTcpForwarding no", "LogLevel VERBOSE",
            "PrintMotd no", "PrintLastLog no", f"AllowUsers {self.user}", *self.options)))
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # its empty root before a login
        self.server = Server("sshd", [SSHD, "-D", "-e", "-f", config], self.folder / "sshd.log")
        self.server.wait_ready(self._listens, 10)
        return self

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.server.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def known_hosts(self):
        """A line for each host key, as ssh-keyscan writes them."""
        lines = [(self.folder / f"host_{kind}.pub").read_text().split()[:2] for kind in self.host_keys]
        return "".join(f"[127.0.0.1]:{self.port} {kind} {key}\n" for kind, key in lines)

    def authorize(self, public_key, write=False):
        """Let a key fetch, and push with write; nothing else."""
        with open(self.authorized, "a", encoding="utf-8") as f:
            f.write(self.line(public_key, write))

    def line(self, public_key, write=False):
        """The same as a line of authorized_keys."""
        commands = ("git-upload-pack", "git-receive-pack") if write else ("git-upload-pack",)
        gate = self.folder / ("gate-write" if write else "gate-read")
        if not gate.exists():
            gate.write_text(GATE % " | ".join(f'"{command} "*' for command in commands))
            gate.chmod(0o755)
        return f'restrict,command="{gate}" {public_key.strip()}\n'

    def force(self, public_key, script):
        """Let a key run one shell script only, whatever it asks for."""
        gate = self.folder / f"gate-{len(self.authorized.read_text())}"
        gate.write_text(f"#!/bin/sh\n{script}\n")
        gate.chmod(0o755)
        with open(self.authorized, "a", encoding="utf-8") as f:
            f.write(f'restrict,command="{gate}" {public_key.strip()}\n')

    def revoke(self, public_key):
        kept = [line for line in self.authorized.read_text().splitlines(True)
                if public_key.split()[1] not in line]
        self.authorized.write_text("".join(kept))

    def fetches(self):
        """How many fetches it has served, or tried to."""
        return self.server.output().count("Starting session: forced-command")

    def repository(self, name):
        return Repository(self, name)


class Repository:
    def __init__(self, server, name):
        self.bare, self.tree = server.folder / f"{name}.git", server.folder / name
        self.server = server
        self.env = {"PATH": os.environ["PATH"], "HOME": str(server.folder), "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org",
                    "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org"}
        self.git("init", "-q", "--bare", "-b", "main", self.bare, cwd=server.folder)
        self.git("clone", "-q", self.bare, self.tree, cwd=server.folder)
        self.git("checkout", "-q", "-b", "main")

    @property
    def url(self):
        return f"ssh://{self.server.user}@127.0.0.1:{self.server.port}{self.bare}"

    def git(self, *args, cwd=None):
        done = subprocess.run(["git", *map(str, args)], cwd=cwd or self.tree, env=self.env, capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, f"git {args}: {done.stderr}"
        return done.stdout

    def commit(self, files, message="change"):
        """files: {path: text, bytes, or None to remove}; the commit's id."""
        for name, text in files.items():
            path = self.tree / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        self.git("push", "-q", "origin", "main")
        return self.git("rev-parse", "HEAD").strip()


def make_key(path, kind="ed25519"):
    """An unencrypted OpenSSH key pair at path and path.pub; the public line."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path], check=True)
    return pathlib.Path(f"{path}.pub").read_text()

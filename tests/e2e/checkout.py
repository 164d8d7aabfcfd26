# SPDX-License-Identifier: Apache-2.0
"""A Git repository with its own home, and bulla run in it: with pipes, or at a terminal."""
import errno
import os
import pty
import select
import signal
import subprocess
import termios
import time
from pathlib import Path

BIN = Path(os.environ.get("BULLA_BIN_DIR", Path(__file__).parents[2] / "build")).resolve()
BULLA = str(BIN / "bulla")

# What a command ends with (base/err.c).
OK, FINDINGS, USAGE, INVALID, RECIPIENT, NOKEY, REFUSED, IO, CONFLICT = range(9)


class Done:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"<status {self.status}\n--- out\n{self.out}\n--- err\n{self.err}>"


class Checkout:
    """path/repo is the repository, path/home the user's home; nothing else is touched."""

    def __init__(self, path, home="home", repo="repo"):
        self.path, self.home, self.top = path, path / home, path / repo
        self.home.mkdir(exist_ok=True)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C",
                    "XDG_CONFIG_HOME": str(self.home / ".config"), "GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org",
                    "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        if not self.top.exists():
            self.top.mkdir()
            self.git("init", "-q", "-b", "main")

    def git(self, *args, check=True):
        return self.tool("git", *args, check=check)

    def tool(self, *command, input="", check=True, cwd=None):
        done = subprocess.run(list(command), cwd=cwd or self.top, env=self.env, input=as_bytes(input),
                              capture_output=True, timeout=60, start_new_session=True)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode}: {done.stderr.decode()}")
        return done.stdout.decode("utf-8", "replace")

    def bulla(self, *args, input="", status=OK, cwd=None, home=None):
        """Run it without a controlling terminal; its status must be the one expected (None: any)."""
        env = dict(self.env)
        if home:
            env["HOME"], env["XDG_CONFIG_HOME"] = str(home), str(home / ".config")
        done = subprocess.run([BULLA, *map(str, args)], cwd=cwd or self.top, env=env, input=as_bytes(input),
                              capture_output=True, timeout=60, start_new_session=True)
        result = Done(done.returncode, done.stdout.decode("utf-8", "replace"),
                      done.stderr.decode("utf-8", "replace"))
        if status is not None:
            assert result.status == status, f"{args}: {result}"
        return result

    def init(self, *args):
        """Set up with a plain identity file as the recovery key, so that tests can open with it."""
        key = self.path / "recovery.key"
        if not key.exists():
            self.tool("age-keygen", "-o", str(key))
        return self.bulla("init", "--recovery", key, *args)

    @property
    def recovery(self):
        return self.path / "recovery.key"

    def write(self, name, text):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bytes(text))
        return path

    def commit(self, message="x"):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


class Terminal:
    """bulla with a controlling terminal of its own; standard output and error are the terminal too,
    unless out is a file."""

    def __init__(self, checkout, *args, out=None, input=None, home=None):
        env = dict(checkout.env)
        if home:
            env["HOME"], env["XDG_CONFIG_HOME"] = str(home), str(home / ".config")
        reader, writer = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):  # ignored where the tests run in the background
                signal.signal(number, signal.SIG_DFL)
            os.chdir(checkout.top)
            os.close(writer)
            if out is not None:
                os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
            if input is not None:
                os.dup2(reader, 0)
            os.close(reader)
            os.execve(BULLA, [BULLA, *map(str, args)], env)
        os.close(reader)
        if input is not None:
            os.write(writer, as_bytes(input))
        os.close(writer)
        self.text = ""

    def read_until(self, wanted, seconds=20):
        end = time.monotonic() + seconds
        while wanted not in self.text:
            left = end - time.monotonic()
            assert left > 0, f"{wanted!r} did not come: {self.text!r}"
            if not self._read(left):
                raise AssertionError(f"it ended without {wanted!r}: {self.text!r}")
        return self.text

    def _read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError as e:
            if e.errno == errno.EIO:
                return False
            raise
        self.text += data.decode("utf-8", "replace")
        return bool(data)

    def type(self, text):
        os.write(self.fd, as_bytes(text))

    def answer(self, prompt, text):
        self.read_until(prompt)
        self.text = self.text.split(prompt, 1)[1]
        self.type(text + "\n")

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def signal(self, number):
        os.kill(self.pid, number)

    def hang_up(self):
        """Close the terminal under it; the status it ended with."""
        os.close(self.fd)
        _, raw = os.waitpid(self.pid, 0)
        return -os.WTERMSIG(raw) if os.WIFSIGNALED(raw) else os.WEXITSTATUS(raw)

    def end(self, status=OK):
        """Wait for it; what it said since the last prompt."""
        end = time.monotonic() + 60
        while self._read(20):
            assert time.monotonic() < end, f"it does not end: {self.text!r}"
        _, raw = os.waitpid(self.pid, 0)
        os.close(self.fd)
        got = -os.WTERMSIG(raw) if os.WIFSIGNALED(raw) else os.WEXITSTATUS(raw)
        if status is not None:
            assert got == status, f"status {got}: {self.text}"
        return self.text.replace("\r\n", "\n")

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)

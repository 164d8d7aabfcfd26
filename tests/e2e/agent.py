# SPDX-License-Identifier: Apache-2.0
"""A place for bulla-agent to work in: documents, keys, Secrets, and the agent run over them."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

from checkout import BIN, BULLA

AGENT = str(BIN / "bulla-agent")
OWN = ".bulla-agent"


class Bed:
    def __init__(self, path):
        self.path = path
        self.documents, self.secrets, self.keys = path / "documents", path / "secrets", path / "keys"
        for folder in (self.documents, self.keys, path / "home"):
            folder.mkdir()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(path / "home"), "LC_ALL": "C",
                    "XDG_CONFIG_HOME": str(path / "home/.config"), "GIT_CONFIG_NOSYSTEM": "1"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.key = self.new_key("20260101T000000Z-one.key")

    def new_key(self, name, folder=None):
        """Make a sealing key; its recipient."""
        file = (folder or self.keys) / name
        subprocess.run(["age-keygen", "-o", file], check=True, capture_output=True)
        return re.search(r"age1[0-9a-z]+", file.read_text()).group()

    def seal(self, name, values, namespace="foobar", file=None, to=None, policy=None):
        """Seal an opaque credential into documents/NAMESPACE.NAME.yaml, or the file named."""
        args = [BULLA, "seal", "opaque", name, "-n", namespace, "--from-env-file", "-", "--together"]
        for recipient in to or [self.key]:
            args += ["-r", recipient]
        if policy:
            args += ["--deletion-policy", policy]
        lines = "".join(f"{key}='{value}'\n" for key, value in values.items())
        done = subprocess.run(args, env=self.env, input=lines.encode(), capture_output=True)
        assert done.returncode == 0, done.stderr
        path = self.documents / (file or f"{namespace}.{name}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        # as git and editors do it: whole or not at all
        new = path.with_name(f".{path.name}.new")
        new.write_bytes(done.stdout)
        new.rename(path)
        return path

    def args(self, *more):
        return [AGENT, "--documents", self.documents, "--secrets", self.secrets, "--keys", self.keys,
                *map(str, more)]

    def once(self, *more, status=0, prefix=()):
        """Run --once; standard error as lists of log lines (objects) and of other lines."""
        done = subprocess.run([*prefix, *self.args("--once", *more)], env=self.env, capture_output=True,
                              timeout=120)
        text = done.stderr.decode("utf-8", "replace")
        result = Once(done.returncode, text)
        if status is not None:
            assert result.status == status, result
        return result

    def run(self, *more, **how):
        return Running(self, *more, **how)

    def secret(self, name, namespace="foobar"):
        """What a reader sees: {key: value}, or None when there is no Secret."""
        folder = self.secrets / namespace / name
        try:
            return {key.name: key.read_text() for key in folder.iterdir()
                    if not key.name.startswith("..") and key.exists()}
        except (FileNotFoundError, NotADirectoryError):
            return None  # also when it goes while we look

    def snapshot(self):
        """Everything in SECRETS but the agent's own, as it lies on disk."""
        seen = {}
        for top, folders, files in os.walk(self.secrets):
            if OWN in folders:
                folders.remove(OWN)
            for name in folders + files:
                path = os.path.join(top, name)
                st = os.lstat(path)
                seen[path] = (st.st_ino, st.st_mode, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
        return seen

    def found(self):
        return sorted((self.secrets / OWN / "found").iterdir())


class Once:
    def __init__(self, status, text):
        self.status, self.text = status, text
        self.log = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        self.list = [line for line in text.splitlines() if not line.startswith("{")]
        self.opened = [line for line in self.log if line["msg"] == "opening"]

    def __repr__(self):
        return f"<status {self.status}\n{self.text}>"


class Running:
    """The agent in the background; its log is read as it comes."""

    def __init__(self, bed, *more, wait=True, prefix=()):
        self.bed, self.log, self.lines = bed, [], []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([*prefix, *bed.args(*more)], env=bed.env, stderr=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if wait:
            self.wait_log(msg="ready")

    def _read(self):
        for raw in self.process.stderr:
            with self.changed:
                line = raw.decode("utf-8", "replace")
                self.lines.append(line)
                if line.startswith("{"):
                    self.log.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(10)
        self.process.stderr.close()

    def matching(self, since=0, **fields):
        return [line for line in self.log[since:] if all(line.get(k) == v for k, v in fields.items())]

    def wait_log(self, since=0, seconds=30, **fields):
        end = time.monotonic() + seconds
        with self.changed:
            while not (found := self.matching(since, **fields)):
                left = end - time.monotonic()
                assert left > 0 and self.process.poll() is None, f"{fields} did not come: {''.join(self.lines)}"
                self.changed.wait(min(left, 0.5))
        return found[0]

    def wait(self, check, seconds=30):
        """Until check() is true."""
        end = time.monotonic() + seconds
        while not check():
            assert time.monotonic() < end, "".join(self.lines)
            assert self.process.poll() is None, "".join(self.lines)
            time.sleep(0.01)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, status=0):
        self.signal(signal.SIGTERM)
        assert self.process.wait(30) == status, "".join(self.lines)
        self.reader.join(10)

    def address(self):
        return self.wait_log(msg="listening")["address"]

    def get(self, path, method="GET", body=None):
        host, port = self.address().rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def metrics(self):
        status, text = self.get("/metrics")
        assert status == 200
        return {key: float(value) for key, value in
                (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}


def processes_of(pid):
    """The agent's own, the supervisor's and the opener's pid."""
    pids = [pid]
    for p in pids:
        # an opener may end meanwhile
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pids += [int(child) for child in pathlib.Path(f"/proc/{p}/task/{p}/children").read_text().split()]
    return pids

# SPDX-License-Identifier: Apache-2.0
"""Programs of tests/tools that use kube/ as the agent does, and what they say."""
import base64
import json
import os
import pathlib
import subprocess
import threading
import time


def write_kubeconfig(path, server, ca, gzip=True, token="t"):
    """A kubeconfig file (JSON is YAML); its path."""
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(pathlib.Path(ca).read_bytes()).decode(),
               "disable-compression": not gzip}
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
    return path


class Tool:
    """A running program that says JSON lines."""

    def __init__(self, program, kubeconfig, *arguments):
        env = dict(os.environ)
        if "BULLA_SANITIZED" in env:  # with a resolver's thread about, LeakSanitizer may never let the world go on
            env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        self.process = subprocess.Popen([str(a) for a in (program, "--kubeconfig", kubeconfig, *arguments)],
                                        env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines, self.times = [], []
        self.told = threading.Condition()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for text in self.process.stdout:
            with self.told:
                line = json.loads(text)
                self.lines.append(line)
                self.times.append(time.monotonic())
                self.take(line)
                self.told.notify_all()

    def take(self, line):
        """For those who make something of it."""

    def until(self, condition, seconds=10, what=""):
        with self.told:
            done = self.told.wait_for(condition, seconds)
        assert done, (what, json.dumps(self.lines[-12:]))

    def say(self, word="say"):
        n = len(self.lines)
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        if word == "say":
            self.until(lambda: any("state" in line for line in self.lines[n:]))
            return next(line for line in self.lines[n:] if "state" in line)
        return None

    def has(self, word):
        return any(word in line for line in self.lines)

    def failures(self):
        return [(line["failed"], line["reason"]) for line in self.lines if "failed" in line]

    def end(self):
        if self.process.poll() is not None:
            return
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.thread.join(10)


class Owner(Tool):
    """A watch_tool, and the view that its lines make."""

    def __init__(self, bin_dir, kubeconfig, path, *options):
        self.view, self.shown = {}, set()
        self.synced, self.listing, self.went_back = 0, False, []
        super().__init__(bin_dir / "tools/watch_tool", kubeconfig, *options, path)

    def take(self, line):
        obj = line.get("object") or line.get("deleted")
        key = obj and (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if "begin" in line:
            self.shown, self.listing = set(), True
        elif "object" in line:
            old = self.view.get(key)
            if old and int(old["metadata"]["resourceVersion"]) > int(obj["metadata"]["resourceVersion"]):
                self.went_back.append(line)
            self.view[key] = obj
            self.shown.add(key)
        elif "deleted" in line:
            self.view.pop(key, None)
        elif "synced" in line:
            assert self.listing
            self.view = {k: v for k, v in self.view.items() if k in self.shown}
            self.synced, self.listing = self.synced + 1, False

    def sees(self, versions, seconds=10):
        """Wait until the view is the server's: versions() gives {(namespace, name): resourceVersion}."""
        have = lambda: {k: v["metadata"]["resourceVersion"] for k, v in self.view.items()}
        self.until(lambda: self.synced and not self.listing and have() == versions(), seconds, "the view differs")
        assert not self.went_back


class Candidate(Tool):
    """A lease_tool; times in milliseconds."""

    def __init__(self, bin_dir, kubeconfig, namespace, name, duration=3000, renew=2000, retry=400):
        super().__init__(bin_dir / "tools/lease_tool", kubeconfig, "--duration", duration, "--renew", renew,
                         "--retry", retry, namespace, name)

    def acquires(self, seconds=10):
        self.until(lambda: self.has("acquired"), seconds)

    def held(self):
        return self.say()["held"]

    def event(self, name, uid, note):
        self.process.stdin.write(f"event {name} {uid} {note}\n")
        self.process.stdin.flush()
        self.say()

    def kill(self):
        self.process.kill()
        self.process.wait()

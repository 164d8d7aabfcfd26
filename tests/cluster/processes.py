# SPDX-License-Identifier: Apache-2.0
"""Servers that tests start: each ends with the test, also when the test is killed."""
import http.client
import random
import signal
import socket
import subprocess
import time

# Ends a process when standard input ends before the word comes: the kernel closes it, however we die.
GUARD = """trap '' INT TERM HUP
read -r word
[ "$word" = ended ] || kill -KILL "$1" 2>/dev/null
"""


def free_port():
    """A loopback port from below the range that the kernel hands out to clients, so that it is still
    free when a server comes back to it after a restart."""
    for _ in range(200):
        port = random.randint(20000, 32000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def http_status(port, path):
    """What a plain HTTP server on loopback answers; None while there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_for(check, seconds=30, what=None, pause=0.02):
    """The first true value of check(); an AssertionError raised in it counts as "not yet"."""
    end, why = time.monotonic() + seconds, None
    while True:
        try:
            if (value := check()):
                return value
            why = None
        except AssertionError as e:
            why = e
        if time.monotonic() > end:
            raise TimeoutError(f"{what or check} did not come in {seconds} s") from why
        time.sleep(pause)


class Server:
    """A program in the background; both of its outputs go to one file."""

    def __init__(self, name, args, log, env=None, cwd=None):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.process = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, env=env, cwd=cwd, start_new_session=True)
        self.guard = subprocess.Popen(["sh", "-c", GUARD, "guard", str(self.pid)], stdin=subprocess.PIPE,
                                      start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_ready(self, check, seconds=180):
        """Until check() is true; an early end is told with the last lines that it printed.  An API server takes 4 s,
        and a minute where others work on the same two cores."""
        def ready():
            if not self.running():
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.output()[-3000:]}")
            return check()
        try:
            return wait_for(ready, seconds, f"{self.name} ready")
        except TimeoutError as e:
            raise TimeoutError(f"{e}:\n{self.output()[-3000:]}") from None

    def signal(self, number):
        self.process.send_signal(number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def stop(self, grace=5):
        """SIGTERM, then SIGKILL after a grace in seconds; without one SIGKILL at once."""
        if grace and self.running():
            self.thaw()
            self.process.terminate()
            try:
                self.process.wait(grace)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()
        if self.guard.poll() is None:
            self.guard.communicate(b"ended\n")

    def rss(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * 4096

    def cpu(self):
        """User and system time so far, in seconds."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

# SPDX-License-Identifier: Apache-2.0
"""What a program leaves of a secret in its memory: it stops itself (tests/tools/hold.h) and is read from outside."""
import base64
import os
import re
import signal
import subprocess
import time

PIECE = 12  # bytes; a shorter part of a secret is none


def forms(secret):
    """Bytes as they are, and as numbers are kept on this machine; a text also as it stands in Basic, whatever the user."""
    if isinstance(secret, bytes):
        return [secret, secret[::-1]]
    raw = secret.encode()
    return [raw] + [base64.b64encode(b"x" * shift + raw)[4 if shift else 0:-4] for shift in range(3)]


def pieces(secret):
    """Every part of it that is long enough."""
    return {form[i:i + PIECE] for form in forms(secret) for i in range(len(form) - PIECE + 1)}


class Stopped:
    """A program that ran until it stopped itself; it ends with the block."""

    def __init__(self, command, hold, env, stdin=b"", timeout=60):
        self.process = subprocess.Popen([*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env={**env, "BULLA_HOLD": hold})
        self.process.stdin.write(stdin)
        self.process.stdin.close()
        self.process.stdin = None
        end = time.monotonic() + timeout
        while self.state() != "T":
            assert self.process.poll() is None and time.monotonic() < end, self.finish()
            time.sleep(0.01)

    def state(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0]

    def regions(self):
        """(name, bytes) of all memory that it may write to: heap, stacks, data, freed or not."""
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as maps, \
                open(f"/proc/{self.process.pid}/mem", "rb", buffering=0) as memory:
            for line in maps:
                begin, end, rights, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", line).groups()
                if "rw" not in rights:
                    continue
                memory.seek(int(begin, 16))
                try:
                    yield name or "anonymous", memory.read(int(end, 16) - int(begin, 16))
                except OSError:  # nothing can be read there by anyone
                    continue

    def found(self, secrets):
        """Where parts of these stand: (region, offset, bytes of a secret that are there), longest part first."""
        wanted, hits = set().union(*map(pieces, secrets)), []
        for name, data in self.regions():
            for piece in wanted:
                at = data.find(piece)
                while at >= 0:
                    hits.append((name, at))
                    at = data.find(piece, at + 1)
        runs = []
        for name, at in sorted(hits):
            if runs and runs[-1][0] == name and at <= runs[-1][1] + runs[-1][2] - PIECE + 1:
                runs[-1][2] = at + PIECE - runs[-1][1]
            else:
                runs.append([name, at, PIECE])
        return sorted(map(tuple, runs), key=lambda r: -r[2])

    def finish(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
        out, error = self.process.communicate(timeout=30)
        return self.process.returncode, out.decode(errors="replace"), error.decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

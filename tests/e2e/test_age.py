# SPDX-License-Identifier: Apache-2.0
"""Both ways with two independent implementations of age: Debian's `age` and pyrage."""
import base64
import hashlib
import json
import os
import pty
import random
import select
import subprocess
import time

import pytest

from conftest import TOP

SIZES = [0, 1, 65535, 65536, 65537, 1 << 20]
COUNTS = [1, 2, 20]
ERR_INVALID, ERR_NOKEY, ERR_REFUSED = 3, 5, 6


def run(*argv, data=b"", status=0):
    done = subprocess.run([str(a) for a in argv], input=data, capture_output=True)
    assert done.returncode == status, (argv, done.returncode, done.stderr)
    return done.stdout if status == 0 else done.stderr.decode()


def payload(size):
    return random.Random(size).randbytes(size)


class Ours:
    def __init__(self, bin_dir, tmp_path):
        self.tool, self.tmp = bin_dir / "tools" / "age_tool", tmp_path

    def file(self, name, *lines):
        path = self.tmp / name
        path.write_text("".join(line + "\n" for line in lines))
        return path

    def encrypt(self, recipients, data, armored):
        path = self.file("to.txt", *recipients)
        return run(self.tool, "encrypt", path, *(["armor"] if armored else []), data=data)

    def decrypt(self, identity, data, status=0):
        return run(self.tool, "decrypt", self.file("id.txt", identity), data=data, status=status)

    def encrypt_passphrase(self, passphrase, data, armored):
        path = self.file("pass.txt", passphrase)
        return run(self.tool, "encrypt-passphrase", path, *(["armor"] if armored else []), data=data)

    def decrypt_passphrase(self, passphrase, data, status=0):
        return run(self.tool, "decrypt-passphrase", self.file("pass.txt", passphrase), data=data, status=status)


class Age(Ours):
    """The same by the stock tool; passphrases it takes from a terminal only."""

    def encrypt(self, recipients, data, armored):
        return run("age", *(["-a"] if armored else []), "-R", self.file("to.txt", *recipients), data=data)

    def decrypt(self, identity, data):
        return run("age", "-d", "-i", self.file("id.txt", identity), data=data)

    def encrypt_passphrase(self, passphrase, data, armored):
        path, out = self.tmp / "plain", self.tmp / "sealed"
        path.write_bytes(data)
        out.unlink(missing_ok=True)
        at_terminal(["age", "-p", *(["-a"] if armored else []), "-o", out, path], [passphrase, passphrase])
        return out.read_bytes()

    def decrypt_passphrase(self, passphrase, data):
        path, out = self.tmp / "sealed", self.tmp / "plain"
        path.write_bytes(data)
        out.unlink(missing_ok=True)
        at_terminal(["age", "-d", "-o", out, path], [passphrase])
        return out.read_bytes()


class Pyrage:
    def __init__(self, python):
        self.process = subprocess.Popen([python, TOP / "tests/e2e/pyrage_worker.py"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, do, data=b"", **request):
        request.update(do=do, data=base64.b64encode(data).decode())
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer
        return base64.b64decode(answer["data"])

    def encrypt(self, recipients, data, armored):
        return self.ask("encrypt", data, recipients=recipients, armored=armored)

    def decrypt(self, identity, data):
        return self.ask("decrypt", data, identities=[identity])

    def encrypt_passphrase(self, passphrase, data, armored):
        return self.ask("encrypt_passphrase", data, passphrase=passphrase, armored=armored)

    def decrypt_passphrase(self, passphrase, data):
        return self.ask("decrypt_passphrase", data, passphrase=passphrase)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def at_terminal(argv, answers, timeout=60):
    """Run a program on a terminal of its own and answer its questions, each ending in ": "."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(str(argv[0]), [str(a) for a in argv])
    seen, asked, answers = b"", 0, list(answers)
    deadline = time.monotonic() + timeout
    try:
        while True:
            ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, (argv, seen)
            try:
                chunk = os.read(fd, 4096)
            except OSError:  # how a terminal ends on Linux
                chunk = b""
            if not chunk:
                break
            seen += chunk
            if seen.count(b": ") > asked and answers and seen.endswith(b": "):
                asked = seen.count(b": ")
                os.write(fd, answers.pop(0).encode() + b"\n")
    finally:
        os.close(fd)
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0 and not answers, (argv, seen)
    return seen


@pytest.fixture
def ours(bin_dir, tmp_path):
    return Ours(bin_dir, tmp_path)


@pytest.fixture(params=["age", "pyrage"])
def theirs(request, bin_dir, tmp_path):
    if request.param == "age":
        yield Age(bin_dir, tmp_path)
        return
    worker = Pyrage(request.getfixturevalue("pyrage_python"))
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def pairs():
    """Twenty key pairs as age-keygen makes them: (private, public)."""
    made = []
    for _ in range(max(COUNTS)):
        lines = run("age-keygen").decode().splitlines()
        made.append((lines[-1], lines[1].split()[-1]))
    return made


@pytest.mark.parametrize("armored", [False, True], ids=["binary", "armored"])
@pytest.mark.parametrize("count", COUNTS)
def test_they_open_ours(ours, theirs, pairs, count, armored):
    for size in SIZES:
        data = payload(size)
        sealed = ours.encrypt([p for _, p in pairs[:count]], data, armored)
        assert sealed.startswith(b"-----BEGIN AGE" if armored else b"age-encryption.org/v1\n-> X25519 ")
        for private, _ in {pairs[0], pairs[count - 1]}:
            assert theirs.decrypt(private, sealed) == data, size


@pytest.mark.parametrize("armored", [False, True], ids=["binary", "armored"])
@pytest.mark.parametrize("count", COUNTS)
def test_we_open_theirs(ours, theirs, pairs, count, armored):
    for size in SIZES:
        data = payload(size)
        sealed = theirs.encrypt([p for _, p in pairs[:count]], data, armored)
        assert sealed.startswith(b"-----BEGIN AGE") == armored
        for private, _ in {pairs[0], pairs[count - 1]}:
            assert ours.decrypt(private, sealed) == data, size
        info = json.loads(run(ours.tool, "inspect", data=sealed))
        assert (info["x25519"], info["plain_len"]) == (count, size)
        assert info["stanzas"] == count + info["other"]  # rage adds a stanza of no meaning


def test_same_armor(ours, pairs):
    """One file, one armor: what the stock tool would write for the same bytes."""
    sealed = ours.encrypt([pairs[0][1]], payload(1000), armored=True)
    body = base64.b64decode(b"".join(sealed.splitlines()[1:-1]))
    lines = [base64.b64encode(body)[i:i + 64] for i in range(0, len(base64.b64encode(body)), 64)]
    assert sealed == b"\n".join([b"-----BEGIN AGE ENCRYPTED FILE-----", *lines,
                                 b"-----END AGE ENCRYPTED FILE-----", b""])


@pytest.mark.parametrize("armored,passphrase", [(False, "correct horse battery staple"), (True, "pässwörd  ")],
                         ids=["binary", "armored"])
def test_passphrases(ours, theirs, armored, passphrase):
    sealed = ours.encrypt_passphrase(passphrase, b"secret", armored)
    assert theirs.decrypt_passphrase(passphrase, sealed) == b"secret"
    sealed = theirs.encrypt_passphrase(passphrase, b"secret", armored)
    assert ours.decrypt_passphrase(passphrase, sealed) == b"secret"


def test_not_for_us(ours, theirs, pairs):
    sealed = theirs.encrypt([pairs[0][1]], b"secret", False)
    assert "no key at hand (1 tried) opens the age file: it is for 1 other" in \
        ours.decrypt(pairs[1][0], sealed, status=ERR_NOKEY)
    assert "age payload: " in ours.decrypt(pairs[0][0], sealed[:-1], status=ERR_REFUSED)
    assert "not encrypted with a passphrase" in ours.decrypt_passphrase("x", sealed, status=ERR_NOKEY)


# --- key files --------------------------------------------------------------------------------------

def ids(ours, *argv, status=0):
    out = run(ours.tool, "ids", *argv, status=status)
    return [line.split(" ", 2) for line in out.decode().splitlines()] if status == 0 else out


def test_age_keygen_files(ours, tmp_path):
    """Read as written, also converted by `age-keygen -y`; the key id by its definition."""
    path = tmp_path / "key.txt"
    run("age-keygen", "-o", path)
    public = run("age-keygen", "-y", path).decode().strip()
    [[key_id, recipient, name]] = ids(ours, path)
    assert (recipient, name) == (public, str(path))
    assert key_id == hashlib.sha256(public.encode()).hexdigest()[:32]


def test_our_keygen(ours, tmp_path):
    """What we write, the stock tools take, and it looks the same but for the time zone."""
    text = run(ours.tool, "keygen").decode()
    path = tmp_path / "key.txt"
    path.write_text(text)
    [[_, recipient, _]] = ids(ours, path)
    assert run("age-keygen", "-y", path).decode().strip() == recipient
    assert run("age", "-d", "-i", path, data=run("age", "-r", recipient, data=b"x")) == b"x"
    stock = run("age-keygen").decode().splitlines()
    assert [line[:16] for line in text.splitlines()] == [line[:16] for line in stock]


@pytest.mark.parametrize("armored", [False, True], ids=["binary", "armored"])
def test_encrypted_identity_files(ours, bin_dir, tmp_path, pairs, armored):
    """As `age -p` makes them at a terminal."""
    text = "".join(f"# {public}\n{private}\n" for private, public in pairs[:2]).encode()
    path = tmp_path / "key.age"
    path.write_bytes(Age(bin_dir, tmp_path).encrypt_passphrase("tulip field", text, armored))
    right, wrong = ours.file("right", "tulip field"), ours.file("wrong", "tulip fields")
    assert [r for _, r, _ in ids(ours, path, right)] == [p for _, p in pairs[:2]]
    assert "the passphrase is wrong" in ids(ours, path, wrong, status=ERR_NOKEY)
    assert "no passphrase given" in ids(ours, path, status=7)


def test_key_directory(ours, tmp_path, pairs):
    keys = tmp_path / "keys"
    keys.mkdir()
    for i, (private, _) in enumerate(pairs[:3]):
        (keys / f"2026010{i + 1}T000000Z-x.key").write_text(private + "\n")
    (keys / "20270101T000000Z-bad.key").write_text("not a key\n")
    (keys / ".20280101T000000Z-hidden.key").write_text(pairs[4][0] + "\n")
    done = subprocess.run([ours.tool, "ids", keys], capture_output=True, text=True)
    assert done.returncode == 0
    assert [line.split()[1] for line in done.stdout.splitlines()] == [p for _, p in reversed(pairs[:3])]
    assert done.stderr.count("note: ") == 1 and "20270101T000000Z-bad.key:1: " in done.stderr
    assert "not a key" not in done.stderr
    sealed = run("age", "-r", pairs[0][1], data=b"x")
    assert run(ours.tool, "decrypt", keys, data=sealed) == b"x"


# --- no key in sight --------------------------------------------------------------------------------

def test_a_private_key_is_no_recipient(ours, pairs):
    path = ours.file("to.txt", pairs[0][0])
    text = run(ours.tool, "encrypt", path, data=b"x", status=4)
    assert "private key" in text and pairs[0][0][20:40] not in text


def test_damaged(ours, pairs):
    """Each part of a file of two chunks, damaged: refused with its class, nothing on standard output."""
    data = payload(100000)
    sealed = ours.encrypt([pairs[0][1]], data, False)
    end = sealed.index(b"\n--- ") + 1 + 48
    for at, status in [(5, ERR_INVALID), (24, ERR_INVALID), (40, ERR_NOKEY), (90, ERR_NOKEY),
                       (end - 10, ERR_REFUSED), (end + 3, ERR_REFUSED), (end + 50000, ERR_REFUSED),
                       (end + 90000, ERR_REFUSED)]:
        bad = bytearray(sealed)
        bad[at] ^= 1 if at > end else 0
        if at < end:
            bad[at] = ord("A") if bad[at] != ord("A") else ord("B")
        done = subprocess.run([ours.tool, "decrypt", ours.file("id.txt", pairs[0][0])], input=bytes(bad),
                              capture_output=True)
        assert (done.returncode, done.stdout) == (status, b""), (at, done.stderr)

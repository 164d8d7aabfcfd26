# SPDX-License-Identifier: Apache-2.0
"""The opener in a container of its own: two programs and the socket between them."""
import array
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from agent import AGENT, Bed, Running, processes_of
from checkout import BULLA, CONFLICT, IO, USAGE

SANITIZED = "BULLA_SANITIZED" in os.environ
NOBODY = 65534
PYTHON = next(p for p in ("/usr/bin/python3", sys.executable) if os.path.exists(p))  # that nobody may run
TOP = pathlib.Path(__file__).resolve().parents[2]
VERSION = int(re.search(r"#define CONTROL_VERSION (0x[0-9a-f]{8})u", (TOP / "agent/control.h").read_text()).group(1), 16)
OPENER, DIED, FAILED, KILL, REPLACED = 1, 2, 3, 4, 5
MESSAGE = struct.Struct("=IIIi500s")
MARK = "canary-51c0ffee77"

as_root = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None,
                             reason="needs root and setpriv to be two users")


class Opener(Running):
    """bulla-agent opener in the background; its log as it comes, its audit lines in a file."""

    def __init__(self, bed, *more, prefix=(), wait=True, keys=None):
        self.bed, self.log, self.lines = bed, [], []
        self.changed = threading.Condition()
        with open(bed.audit, "ab") as audit:
            self.process = subprocess.Popen([*prefix, AGENT, "opener", "--keys", keys or bed.keys, "--socket",
                                             bed.socket, *map(str, more)],
                                            env=bed.env, stderr=subprocess.PIPE, stdout=audit)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if wait:
            self.wait_log(msg="listening")

    def child(self, other_than=None):
        """The pid of its opener, once there is one (that is another)."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            pids = [p for p in processes_of(self.process.pid)[1:] if p != other_than and not zombie(p)]
            if pids:
                return pids[-1]
            time.sleep(0.01)
        raise AssertionError("".join(self.lines))


class SocketBed(Bed):
    def __init__(self, path):
        super().__init__(path)
        self.socket, self.audit = path / "s.sock", path / "audit"
        self.audit.touch()

    def args(self, *more):
        return [AGENT, "--documents", self.documents, "--secrets", self.secrets, "--opener", self.socket,
                *map(str, more)]

    def opened(self):
        return [json.loads(line) for line in self.audit.read_text().splitlines()]


def zombie(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture
def bed(tmp_path):
    return SocketBed(tmp_path)


@pytest.fixture
def open_bed():
    """One that other users can reach."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="bulla-socket-"))
    top.chmod(0o755)
    yield SocketBed(top)
    shutil.rmtree(top)


class Client:
    """What a net process that was taken over could be."""

    def __init__(self, bed):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.settimeout(10)
        self.s.connect(str(bed.socket))

    def message(self):
        """(type, generation, value, descriptor) or None at the end."""
        fds = array.array("i")
        data, ancillary, _, _ = self.s.recvmsg(4096, socket.CMSG_SPACE(4 * 8))
        for level, kind, raw in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(raw[:len(raw) - len(raw) % 4])
        if not data:
            return None
        version, kind, generation, value, _ = MESSAGE.unpack(data)
        assert version == VERSION
        return kind, generation, value, fds[0] if fds else -1

    def opener(self):
        """The stream to an opener, and its generation."""
        kind, generation, _, fd = self.message()
        while kind != OPENER:
            kind, generation, _, fd = self.message()
        return socket.socket(fileno=fd), generation

    def send(self, kind, generation=0, value=0):
        self.s.send(MESSAGE.pack(VERSION, kind, generation, value, b""))

    def ended(self):
        """Is the connection closed by the other side?  Reads away what came before."""
        try:
            while (m := self.message()) is not None:
                if m[3] >= 0:
                    os.close(m[3])
            return True
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    def close(self):
        self.s.close()


def descriptors(pid):
    return sorted(os.listdir(f"/proc/{pid}/fd"), key=int)


def documents_opened(bed, n):
    return lambda: len(bed.opened()) >= n


# --- two programs ------------------------------------------------------------------------------------


def test_opens(bed):
    bed.seal("app", {"TOKEN": "one"})
    with Opener(bed) as opener, bed.run() as agent:
        assert bed.secret("app") == {"TOKEN": "one"}
        assert [line["result"] for line in bed.opened()] == ["opened"]
        assert stat.S_IMODE(os.stat(bed.socket).st_mode) == 0o600
        # the audit stands in the opener's output, and the agent never had a child
        assert opener.matching(msg="opening") == agent.matching(msg="opening") == []
        assert processes_of(agent.process.pid) == [agent.process.pid]
        bed.seal("app", {"TOKEN": "two"})
        agent.wait(lambda: bed.secret("app") == {"TOKEN": "two"})
        agent.stop()
        opener.stop()


def test_once(bed):
    bed.seal("app", {"TOKEN": "one"})
    with Opener(bed):
        bed.once()
        assert bed.secret("app") == {"TOKEN": "one"}


def test_started_in_either_order(bed):
    bed.seal("app", {"TOKEN": "one"})
    with bed.run(wait=False) as agent:
        agent.wait_log(msg="no opener is reached")
        time.sleep(0.5)
        assert len(agent.matching(msg="no opener is reached")) == 1  # said once, not at every try
        with Opener(bed):
            agent.wait_log(msg="ready")
            assert bed.secret("app") == {"TOKEN": "one"}


def test_the_agent_has_no_way_to_the_keys(bed):
    """The net process is started without any word of KEYS: it can neither say nor find where they are."""
    with Opener(bed), bed.run() as agent:
        maps = pathlib.Path(f"/proc/{agent.process.pid}/cmdline").read_bytes()
        assert str(bed.keys).encode() not in maps


# --- restarts ----------------------------------------------------------------------------------------


def test_agent_restarts(bed):
    bed.seal("app", {"TOKEN": "one"})
    with Opener(bed) as opener:
        for i in range(3):
            with bed.run() as agent:
                bed.seal(f"app{i}", {"TOKEN": "one"})
                # its end, not the Secret alone: an agent that is killed in between does not know that it wrote
                agent.wait_log(msg="document", name=f"app{i}", reason="Applied")
                assert bed.secret(f"app{i}") == {"TOKEN": "one"}
                if i == 1:
                    agent.stop()
                # else it is killed
        opener.wait_log(msg="the agent is gone")
        assert len(bed.opened()) == 4  # nothing was opened twice


def test_opener_restarts(bed):
    bed.seal("app", {"TOKEN": "one"})
    with Opener(bed) as first, bed.run("--listen", ":0") as agent:
        before = bed.snapshot()
        first.process.kill()
        first.process.wait()
        agent.wait_log(msg="the opener's container is gone; connecting again")
        bed.seal("later", {"TOKEN": "two"})
        agent.wait_log(msg="document", name="later", reason="Unavailable")
        # what is in place stays, and documents that were fine are not said to be anything else
        assert {path: seen for path, seen in bed.snapshot().items() if "/app" in path} == \
            {path: seen for path, seen in before.items() if "/app" in path}
        assert [line["reason"] for line in agent.matching(msg="document", name="app")] == ["Applied"]
        with Opener(bed):
            agent.wait_log(msg="document", name="later", reason="Applied")
            assert bed.secret("later") == {"TOKEN": "two"}
            assert agent.metrics()["bulla_opener_restarts_total"] >= 1
            assert agent.metrics()["bulla_sealing_keys"] == 1
            agent.stop()


def test_both_ends_stay_the_same_size(bed):
    """No descriptor is left over by 200 connections here and 15 restarts there."""
    with Opener(bed) as opener:
        pid, counts = opener.process.pid, []
        for i in range(200):
            client = Client(bed)
            if i % 3 == 0:
                stream, _ = client.opener()
                stream.close()
            client.close()
            if i in (20, 199):
                opener.wait(lambda: len(processes_of(pid)) <= 3)
                counts.append(len(descriptors(pid)))
        # one more or less while an opener starts
        assert abs(counts[1] - counts[0]) <= 1, counts
        with bed.run() as agent:
            before = len(descriptors(agent.process.pid))
            for _ in range(15):
                opener.process.kill()
                opener.process.wait()
                since = len(agent.log)
                opener = Opener(bed)
                agent.wait_log(since=since, msg="opener serving")
            assert len(descriptors(agent.process.pid)) == before
            agent.stop()
            opener.stop()


def test_stale_socket(bed):
    with Opener(bed) as first:
        first.process.kill()
        first.process.wait()
    assert bed.socket.is_socket()
    with Opener(bed) as second:
        # while it lives nobody takes the place
        third = subprocess.run([AGENT, "opener", "--keys", bed.keys, "--socket", bed.socket], env=bed.env,
                               capture_output=True, text=True, timeout=30)
        assert third.returncode == CONFLICT and "another opener serves there" in third.stderr
        client = Client(bed)
        client.opener()[0].close()
        client.close()
        second.stop()


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_something_else_in_the_place(bed, what):
    if what == "file":
        bed.socket.write_text("mine")
    elif what == "folder":
        bed.socket.mkdir()
    else:
        bed.socket.symlink_to(bed.path / "elsewhere")
    done = subprocess.run([AGENT, "opener", "--keys", bed.keys, "--socket", bed.socket], env=bed.env,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == CONFLICT and "not a socket" in done.stderr, done
    assert os.path.lexists(bed.socket) and not (bed.path / "elsewhere").exists()


@pytest.mark.parametrize("path, status, text", [("x" * 200, USAGE, "longer than the 107 bytes"),
                                                ("missing/s.sock", IO, "cannot open")])
def test_no_such_place(bed, path, status, text):
    for args in (["opener", "--keys", bed.keys, "--socket", bed.path / path],):
        done = subprocess.run([AGENT, *args], env=bed.env, capture_output=True, text=True, timeout=30)
        assert done.returncode == status and text in done.stderr, done


# --- keys --------------------------------------------------------------------------------------------


def test_keys_added_later(bed):
    other = bed.path / "other"
    other.mkdir()
    recipient = bed.new_key("20260202T000000Z-two.key", folder=other)
    bed.seal("app", {"TOKEN": "one"}, to=[recipient])
    with Opener(bed) as opener, bed.run() as agent:
        agent.wait_log(msg="document", name="app", reason="NotForUs")
        first = opener.child()
        shutil.copy(other / "20260202T000000Z-two.key", bed.keys)
        agent.wait_log(msg="document", name="app", reason="Applied")
        assert opener.child(other_than=first) != first
        assert bed.secret("app") == {"TOKEN": "one"}


def test_keys_come_while_no_agent_is_there(bed):
    recipient = bed.new_key("20260202T000000Z-two.key", folder=bed.path)
    bed.seal("app", {"TOKEN": "one"}, to=[recipient])
    with Opener(bed) as opener:
        first = opener.child()
        shutil.copy(bed.path / "20260202T000000Z-two.key", bed.keys)
        assert opener.child(other_than=first) != first
        bed.once()
        assert bed.secret("app") == {"TOKEN": "one"}


def test_keys_changed_by_a_restart(bed):
    """The agent learns of the other container's new keys when it connects again."""
    recipient = bed.new_key("20260202T000000Z-two.key", folder=bed.path)
    bed.seal("app", {"TOKEN": "one"}, to=[recipient])
    with Opener(bed) as first, bed.run() as agent:
        agent.wait_log(msg="document", name="app", reason="NotForUs")
        first.process.kill()
        first.process.wait()
        shutil.copy(bed.path / "20260202T000000Z-two.key", bed.keys)
        with Opener(bed):
            agent.wait_log(msg="document", name="app", reason="Applied")


def test_no_keys(bed):
    bed.seal("app", {"TOKEN": "one"})
    shutil.rmtree(bed.keys)
    with Opener(bed), bed.run() as agent:
        agent.wait_log(msg="document", name="app", reason="NoKey")


# --- documents that kill -----------------------------------------------------------------------------


def stopped_opener(opener, other_than=None):
    pid = opener.child(other_than)
    os.kill(pid, signal.SIGSTOP)
    return pid


def waits_for_answer(agent):
    """Is the agent in the middle of a request?  Then it sleeps in poll(2) on one descriptor, not on all of its own."""
    words = pathlib.Path(f"/proc/{agent.process.pid}/syscall").read_text().split()
    return len(words) > 2 and (words[0], words[2]) == ("7", "0x1")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="looks for the number of a system call")
def test_quarantine(bed):
    bed.seal("good", {"TOKEN": "one"})
    with Opener(bed) as opener, bed.run() as agent:
        pid = stopped_opener(opener)
        path = bed.seal("bad", {"TOKEN": "one"})
        agent.wait(lambda: waits_for_answer(agent))
        os.kill(pid, signal.SIGKILL)
        line = agent.wait_log(msg="document", name="bad", reason="Quarantined")
        assert "died of signal 9" in line["text"]
        opener.wait_log(msg="an opener died")
        bed.seal("next", {"TOKEN": "one"})  # others go on
        agent.wait(lambda: bed.secret("next") == {"TOKEN": "one"})
        assert bed.secret("bad") is None
        # the quarantine is the agent's and outlives the other container
        opener.process.kill()
        opener.process.wait()
        with Opener(bed):
            agent.wait_log(msg="opener serving", since=len(agent.log))
            agent.signal(signal.SIGHUP)
            bed.seal("last", {"TOKEN": "one"})
            agent.wait(lambda: bed.secret("last") == {"TOKEN": "one"})
            assert bed.secret("bad") is None
            path.write_bytes(bed.seal("bad", {"TOKEN": "two"}, file="new.yaml").read_bytes())
            (bed.documents / "new.yaml").unlink()
            agent.wait(lambda: bed.secret("bad") == {"TOKEN": "two"})


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="looks for the number of a system call")
def test_container_that_ends_under_a_document(bed):
    """Once or twice is chance, and it is tried again; the third time it is the document."""
    opener = Opener(bed)
    with bed.run() as agent:
        for i in range(3):
            stopped_opener(opener)
            if i == 0:
                bed.seal("bad", {"TOKEN": "one"})
            agent.wait(lambda: waits_for_answer(agent))
            since = len(agent.log)
            opener.process.kill()  # and its openers with it
            opener.process.wait()
            if i < 2:
                agent.wait_log(msg="the opener's container is gone; connecting again", since=since)
                assert agent.matching(msg="document", name="bad", reason="Quarantined") == []
                opener = StoppedAtOnce(bed)
        agent.wait_log(msg="document", name="bad", reason="Quarantined")
        with Opener(bed):
            bed.seal("good", {"TOKEN": "one"})
            agent.wait(lambda: bed.secret("good") == {"TOKEN": "one"})
            assert bed.secret("bad") is None


class StoppedAtOnce(Opener):
    """An opener that is stopped before the agent's next request can be answered: the agent is kept off
    until then by the mode of the socket's folder."""

    def __init__(self, bed):
        hidden = bed.path / "hidden"
        hidden.mkdir(exist_ok=True)
        real, bed.socket = bed.socket, hidden / "s.sock"
        try:
            super().__init__(bed)
            os.kill(self.child(), 0)
            self.wait(lambda: len(processes_of(self.process.pid)) == 2)
            time.sleep(0.2)  # it has said hello, which waits in its socket
            os.kill(self.child(), signal.SIGSTOP)
        finally:
            bed.socket = real
        os.rename(hidden / "s.sock", real)


# --- who may connect ---------------------------------------------------------------------------------


@as_root
def test_wrong_peer(open_bed):
    """A file mode that is too wide is not enough: the other's user is asked of the kernel."""
    with Opener(open_bed) as opener:
        open_bed.socket.chmod(0o666)
        script = ("import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(10);"
                  "s.connect(sys.argv[1]); sys.exit(0 if s.recv(9) == b'' else 1)")
        done = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", PYTHON, "-c",
                               script, open_bed.socket], timeout=30)
        assert done.returncode == 0
        assert "user 65534 was refused; only user 0" in opener.wait_log(msg="no connection")["error"]
        assert opener.matching(msg="an agent has connected") == []


@as_root
def test_wrong_opener(open_bed):
    """Nor does the agent hand its documents to whoever has put a socket there."""
    script = ("import os, socket, sys; os.umask(0); s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET);"
              "s.bind(sys.argv[1]); s.listen(); s.accept()[0].recv(9); input()")
    place = open_bed.path / "place"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    open_bed.socket = place / "s.sock"
    fake = subprocess.Popen(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", PYTHON, "-c",
                             script, open_bed.socket], stdin=subprocess.PIPE)
    try:
        while not open_bed.socket.exists():
            assert fake.poll() is None
            time.sleep(0.02)
        with open_bed.run(wait=False) as agent:
            line = agent.wait_log(msg="no opener is reached", level="error")
            assert "user 65534 listens there, and not the opener's user 0" in line["error"]
    finally:
        fake.kill()
        fake.wait()


@as_root
def test_two_users(open_bed):
    bed = open_bed
    bed.seal("app", {"TOKEN": "one"})
    bed.secrets.mkdir()
    os.chown(bed.secrets, NOBODY, NOBODY)
    # the test's own key directory is for root alone, as in the opener's container
    bed.keys.chmod(0o700)
    with Opener(bed, "--client-uid", NOBODY, "--socket-group", NOBODY):
        st = os.stat(bed.socket)
        assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (0o660, 0, NOBODY)
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        bed.once("--opener-uid", "0", prefix=user)
        assert (bed.secrets / "foobar/app/TOKEN").read_text() == "one"
        # root is not the client now
        client = Client(bed)
        assert client.ended()


def test_two_clients(bed):
    """The newer one is served, the older one is told, and neither gets what the other asked for."""
    with Opener(bed) as opener:
        first = Client(bed)
        stream, _ = first.opener()
        stream.settimeout(10)
        assert stream.recv(4) != b""  # the hello
        second = Client(bed)
        kinds = []
        while (m := first.message()) is not None:
            kinds.append(m[0])
        assert kinds[-1] == REPLACED
        while stream.recv(4096):
            pass  # its opener is gone, too
        other, _ = second.opener()
        other.settimeout(10)
        assert other.recv(4) != b""
        opener.wait_log(msg="another agent has connected and takes the place of this one")
        second.close()


def test_agent_that_was_replaced_comes_back(bed):
    bed.seal("app", {"TOKEN": "one"})
    with Opener(bed), bed.run() as agent:
        intruder = Client(bed)
        line = agent.wait_log(msg="the opener's container is gone; connecting again")
        assert "another agent has taken this one's place" in line["error"]
        since = len(agent.log)
        intruder.close()
        agent.wait_log(since=since, msg="opener serving", seconds=30)
        bed.seal("app", {"TOKEN": "two"})
        agent.wait(lambda: bed.secret("app") == {"TOKEN": "two"})


# --- a client that means harm ------------------------------------------------------------------------


@pytest.mark.parametrize("garbage", [
    b"x", b"GET / HTTP/1.1\r\n\r\n", b"\0" * MESSAGE.size, b"\xff" * MESSAGE.size, b"\xff" * 65536,
    MESSAGE.pack(VERSION + 1, KILL, 1, 0, b""), MESSAGE.pack(VERSION, 77, 0, 0, b""),
    MESSAGE.pack(VERSION, OPENER, 0, 0, b""), MESSAGE.pack(VERSION, KILL, 1, 0, b"")[:-1],
], ids=["short", "http", "zeros", "ones", "long", "version", "type", "not-his", "cut"])
def test_garbage(bed, garbage):
    with Opener(bed) as opener:
        client = Client(bed)
        client.s.send(garbage)
        assert client.ended()
        opener.wait_log(msg="the agent was not understood", level="error")
        assert opener.process.poll() is None
        bed.seal("app", {"TOKEN": "one"})
        bed.once()
        assert bed.secret("app") == {"TOKEN": "one"}
        opener.stop()


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\5\1\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n"])
def test_garbage_to_the_opener(bed, garbage):
    """It ends that opener, which is logged; another one follows."""
    with Opener(bed) as opener:
        client = Client(bed)
        stream, generation = client.opener()
        stream.sendall(garbage)
        opener.wait_log(msg="the opener was asked in a way it does not understand")
        opener.wait_log(msg="an opener died")
        assert client.opener()[1] > generation
        client.close()


def test_passed_descriptors_are_closed(bed):
    with Opener(bed) as opener, open(os.devnull) as null:
        client = Client(bed)
        client.opener()[0].close()
        before = len(descriptors(opener.process.pid))
        for _ in range(50):
            socket.send_fds(client.s, [MESSAGE.pack(VERSION, KILL, 12345, 0, b"")], [null.fileno()])
        client.send(KILL, 12345)
        opener.wait(lambda: abs(len(descriptors(opener.process.pid)) - before) <= 1)
        client.close()
        for n in (2, 3, 8, 100):  # several at once are no message of ours
            client = Client(bed)
            client.opener()[0].close()
            socket.send_fds(client.s, [MESSAGE.pack(VERSION, KILL, 12345, 0, b"")], [null.fileno()] * n)
            assert client.ended()
            client.close()
        opener.wait(lambda: abs(len(descriptors(opener.process.pid)) - before) <= 1)
        assert not any(os.readlink(f"/proc/{opener.process.pid}/fd/{fd}") == os.devnull
                       for fd in descriptors(opener.process.pid) if int(fd) > 2)
        opener.stop()


def test_flood(bed):
    """Messages without end keep nothing else from being done: keys are still watched."""
    with Opener(bed) as opener:
        client = Client(bed)
        client.opener()[0].close()
        end = time.monotonic() + 3
        stop = threading.Event()

        def flood():
            client.s.settimeout(1)
            while not stop.is_set() and time.monotonic() < end:
                try:
                    client.send(KILL, 4000000)
                except OSError:
                    return

        thread = threading.Thread(target=flood)
        thread.start()
        first = opener.child()
        bed.new_key("20260202T000000Z-two.key")
        assert opener.child(other_than=first) != first
        stop.set()
        thread.join()
        client.close()


def test_kill_storm(bed):
    """A client that has every opener killed waits longer and longer for the next."""
    with Opener(bed) as opener:
        client = Client(bed)
        client.s.settimeout(2)
        n, end = 0, time.monotonic() + 3
        try:
            while time.monotonic() < end:
                stream, generation = client.opener()
                stream.close()
                client.send(KILL, generation)
                n += 1
        except socket.timeout:
            pass
        assert 3 <= n <= 12, n
        client.close()
        opener.stop()


def test_client_that_does_not_listen(bed):
    """Its queue runs full; when it has gone, the next one is served."""
    with Opener(bed) as opener:
        deaf = Client(bed)
        for i in range(8):
            shutil.copy(bed.keys / "20260101T000000Z-one.key", bed.keys / f"20260102T00000{i}Z-copy.key")
            time.sleep(0.12)
        deaf.close()
        client = Client(bed)
        client.opener()[0].close()
        client.close()
        opener.stop()


# --- the end -----------------------------------------------------------------------------------------


def test_end_without_an_agent(bed):
    for number in (signal.SIGTERM, signal.SIGINT):
        with Opener(bed) as opener:
            child = opener.child()
            opener.signal(number)
            assert opener.process.wait(5) == 0
            assert zombie(child)


def test_end_waits_for_the_agent(bed):
    bed.seal("app", {"TOKEN": "one"})
    with Opener(bed) as opener, bed.run() as agent:
        opener.signal(signal.SIGTERM)
        opener.wait_log(msg="ending", waits="for the agent to finish")
        bed.seal("late", {"TOKEN": "one"})  # it still serves
        agent.wait(lambda: bed.secret("late") == {"TOKEN": "one"})
        with pytest.raises(ConnectionRefusedError):
            Client(bed)
        agent.stop()
        assert opener.process.wait(5) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_end_of_the_whole_group(bed, number):
    """A terminal and a service manager tell every process; a document under way is not to suffer for it."""
    bed.seal("app", {"TOKEN": "one"})
    with Opener(bed) as opener, bed.run() as agent:
        child = opener.child()
        for pid in (child, opener.process.pid):
            os.kill(pid, number)
        opener.wait_log(msg="ending", waits="for the agent to finish")
        bed.seal("late", {"TOKEN": "one"})
        agent.wait(lambda: bed.secret("late") == {"TOKEN": "one"})
        assert opener.child() == child and opener.matching(msg="an opener died") == []
        agent.stop()
        assert opener.process.wait(5) == 0
        assert zombie(child)


def test_end_does_not_wait_for_ever(bed):
    with Opener(bed) as opener:
        client = Client(bed)
        client.opener()
        opener.signal(signal.SIGTERM)
        started = time.monotonic()
        assert opener.process.wait(20) == 0
        assert 8 < time.monotonic() - started < 15
        client.close()


def test_second_signal_ends_at_once(bed):
    with Opener(bed) as opener:
        client = Client(bed)
        client.opener()
        opener.signal(signal.SIGTERM)
        opener.wait_log(msg="ending")
        opener.signal(signal.SIGTERM)
        assert opener.process.wait(5) == 0
        client.close()


def test_agent_ends_while_the_opener_is_away(bed):
    with Opener(bed) as opener, bed.run() as agent:
        opener.process.kill()
        opener.process.wait()
        agent.wait_log(msg="the opener's container is gone; connecting again")
        agent.stop()


# --- what each of them is ----------------------------------------------------------------------------


def field(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].split()
    return []


@pytest.mark.skipif(SANITIZED, reason="the jail is wider there")
def test_jail(bed):
    with Opener(bed) as opener:
        client = Client(bed)
        stream, _ = client.opener()  # it lives as long as this is open
        child = opener.child()
        for pid in (opener.process.pid, child):
            assert field(pid, "NoNewPrivs") == ["1"] and field(pid, "Seccomp") == ["2"]
            assert int(field(pid, "CapInh")[0], 16) == 0
        assert int(field(child, "CapEff")[0], 16) == 0
        # the opener has neither the socket that listens nor the one of the agent
        links = [os.readlink(f"/proc/{child}/fd/{fd}") for fd in descriptors(child)]
        assert sum(link.startswith("socket:") for link in links) == 1, links
        stream.close()
        client.close()


def test_secrets_stand_in_no_log(bed):
    """Of a document's content nothing, of the keys nothing: in either log or the audit."""
    key = next(line for line in (bed.keys / "20260101T000000Z-one.key").read_text().splitlines()
               if line.startswith("AGE-SECRET-KEY-"))
    with Opener(bed, "-vv") as opener, bed.run("-vv") as agent:
        bed.seal("app", {"TOKEN": MARK, "OTHER": MARK})
        agent.wait(lambda: bed.secret("app") == {"TOKEN": MARK, "OTHER": MARK})
        broken = bed.seal("broken", {"TOKEN": MARK})
        broken.write_text(broken.read_text().replace("sealed-at", "sealed-by"))
        agent.wait_log(msg="document", name="broken", reason="Invalid")
        client = Client(bed)
        client.s.send(MARK.encode())
        assert client.ended()
        opener.wait_log(msg="the agent was not understood")
        agent.stop()
        opener.stop()
        said = "".join(agent.lines + opener.lines) + bed.audit.read_text()
    assert "opened" in said
    for secret in (MARK, base64.b64encode(MARK.encode()).decode().rstrip("="), MARK.encode().hex(), key,
                   key[len("AGE-SECRET-KEY-"):].lower()):
        assert secret not in said


def resident(pid):
    return int(field(pid, "VmRSS")[0]) * 1024


@pytest.mark.skipif(SANITIZED, reason="measures memory")
def test_memory(bed):
    """DESIGN 10: at 1,000 documents all processes together hold at most 20 MiB."""
    script = ["sh", "-c", 'for i in $(seq 1000); do printf "TOKEN=%s\\n" "$i" | "$0" seal opaque "app$i" -n "ns$((i % 20))" '
              '--from-env-file - --together -r "$1" >"$2/app$i.yaml" || exit 1; done', BULLA, bed.key, bed.documents]
    subprocess.run(script, env=bed.env, check=True, capture_output=True, timeout=300)
    with Opener(bed) as opener, bed.run() as agent:
        agent.wait(documents_opened(bed, 1000), seconds=60)
        time.sleep(0.5)
        sizes = {"agent": resident(agent.process.pid), "supervisor": resident(opener.process.pid),
                 "opener": resident(opener.child())}
        print(sizes)
        assert sum(sizes.values()) <= 20 << 20, sizes

# SPDX-License-Identifier: Apache-2.0
"""Does the agent grow?  Its two containers on a real API server, through a long time of changes of every kind; memory,
descriptors, threads and CPU of each of its processes are sampled, and judged at the end.

    soak(plane, folder, rootfs, Times(seconds=1800)) -> Samples
    judge(samples) -> [what grew]           # pure; table(samples) says the same for people
"""
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import threading
import time

import agentbed
import kubelet
from agentbed import documents_path, plain, secrets_path, value
from api import MERGE, ApiError, Unreachable
from processes import wait_for

KIB = 1024
RELEASE = "bulla.dev/release-removals"
CHURN = {"documents": 120, "namespaces": 6}  # kept at about so many, so that what is there does not grow

# --- the judgement ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Limit:
    """What a least-squares line may rise over the judged two thirds of a run, and how many standard errors of its
    slope it must be above zero to count: both must be exceeded."""
    rise: float
    errors: float = 3


# Memory: pages come and go in chunks of tens of KiB (thresholds of malloc, libcurl's handles), and the
# judged part of half an hour makes four thousand changes on a busy machine and three times as many on an idle one:
# 512 KiB are 40 to 130 bytes a change.
# Descriptors and threads are whole numbers: one more in the judged part, and staying, is a leak.
LIMITS = {"rss": Limit(512 * KIB), "pss": Limit(512 * KIB), "anon": Limit(512 * KIB),
          "fds": Limit(1), "threads": Limit(1)}
SETTLE_SAMPLES = 3  # of a process that has just begun


@dataclasses.dataclass
class Line:
    """of: values over the judged part; rise: of its line over it; error: of that rise."""
    rise: float
    error: float
    samples: int


def fit(points, span):
    """Least squares of [(life, time, value)] with one slope for all lives (a process that was started anew begins
    at a level of its own), as its rise over span."""
    lives = collections.defaultdict(list)
    for life, t, y in points:
        lives[life].append((t, y))
    around = []
    for life in lives.values():
        t0, y0 = (statistics.fmean(p[i] for p in life) for i in (0, 1))
        around += [(t - t0, y - y0) for t, y in life]
    square = sum(t * t for t, _ in around)
    free = len(around) - len(lives) - 1
    if square == 0 or free < 1:
        return Line(0, 0, len(around))
    slope = sum(t * y for t, y in around) / square
    error = (sum((y - slope * t) ** 2 for t, y in around) / free / square) ** 0.5
    return Line(slope * span, error * span, len(around))


class Samples:
    """{process: [{"t": seconds, "pid": ..., "rss": bytes, ...}]}, in the order of time."""

    def __init__(self):
        self.of, self.changes, self.seconds = {}, collections.Counter(), 0

    def add(self, process, t, **values):
        self.of.setdefault(process, []).append({"t": t, **values})

    def judged(self, process):
        """Those of the last two thirds, without what a process does to find its size."""
        found, born = [], {}
        for s in self.of[process]:
            born[s["pid"]] = born.get(s["pid"], 0) + 1
            if s["t"] >= self.seconds / 3 and born[s["pid"]] > SETTLE_SAMPLES:
                found.append(s)
        return found

    def line(self, process, what):
        return fit([(s["pid"], s["t"], s[what]) for s in self.judged(process)], self.seconds * 2 / 3)


def judge(samples):
    """What grew, in words; empty: nothing."""
    found = []
    for process in samples.of:
        for what, limit in LIMITS.items():
            line = samples.line(process, what)
            if line.rise > limit.rise and line.rise > limit.errors * line.error:
                found.append(f"{process}: {what} grew by {shown(what, line.rise)} in {samples.seconds * 2 / 3:.0f} s "
                             f"(more than {shown(what, limit.rise)})")
    return found


def shown(what, n):
    return f"{n / KIB:.0f} KiB" if what in ("rss", "pss", "anon") else f"{n:.1f}" if n % 1 else f"{n:.0f}"


def table(samples):
    """Markdown."""
    lines = ["| process | | first | median | last | peak | line over the last two thirds |",
             "|---|---|---|---|---|---|---|"]
    for process, rows in samples.of.items():
        for what in LIMITS:
            values, line = [r[what] for r in rows], samples.line(process, what)
            cells = [shown(what, v) for v in (values[0], statistics.median(values), values[-1], max(values))]
            unit = "" if what in ("fds", "threads") else " KiB"
            rise = line.rise / (KIB if unit else 1), line.error / (KIB if unit else 1)
            lines.append(f"| {process} | {what} | " + " | ".join(cells) +
                         f" | {rise[0]:+.1f} ± {rise[1]:.1f}{unit} |")
        lines.append(f"| {process} | CPU | | | {rows[-1]['cpu']:.1f} s | | "
                     f"{100 * rows[-1]['cpu'] / samples.seconds:.2f} % of a core |")
    return "\n".join(lines)


# --- samples ---------------------------------------------------------------------------------------------------


def look_at(pid):
    """What /proc says of a process."""
    place = pathlib.Path(f"/proc/{pid}")
    sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB$", (place / "smaps_rollup").read_text(), re.M))
    status = dict(re.findall(r"^(\w+):\s*(.*)$", (place / "status").read_text(), re.M))
    stat = (place / "stat").read_text().rsplit(")", 1)[1].split()
    return {"pid": pid, "rss": int(sizes["Rss"]) * KIB, "pss": int(sizes["Pss"]) * KIB,
            "anon": int(sizes["Anonymous"]) * KIB, "fds": len(os.listdir(place / "fd")),
            "threads": int(status["Threads"]), "cpu": (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")}


class Cpu:
    """CPU of a role whose processes come and go, added up."""

    def __init__(self):
        self.ended, self.last = collections.Counter(), {}

    def total(self, role, pid, seconds):
        before = self.last.get(role)
        if before and before[0] != pid:
            self.ended[role] += before[1]
        self.last[role] = pid, seconds
        return self.ended[role] + seconds


def roles(pod):
    """{role: pid}: the net container has one process, the opener's a supervisor and the opener of the moment."""
    found = {"net": pod.running["net"].pid, "supervisor": pod.running["opener"].pid}
    others = [p for p in pod.processes("opener") if p != found["supervisor"]]
    if len(others) == 1:  # two for a moment while keys change
        found["opener"] = others[0]
    return found


# --- changes ---------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Times:
    seconds: float = 1800
    sample: float = 10
    pause: float = 0.06  # between two changes
    restart: float = 100  # between two ends of the API server, by SIGKILL and SIGTERM in turn
    keys: float = 150  # between two changes of the key folder
    namespaces: float = 60  # between two changes of the namespaces
    seed: int = 0


def insist(f, seconds=60):
    """f() once the server does it: after a start it says for a while that its storage is not ready."""
    end = time.monotonic() + seconds
    while True:
        try:
            return f()
        except (Unreachable, ApiError) as e:
            if time.monotonic() > end or (isinstance(e, ApiError) and e.status not in (409, 429, 500, 503, 504)):
                raise
            time.sleep(0.2)


class Churn:
    """All that people, Flux and a cluster do, one after the other."""

    def __init__(self, bed, pod, times):
        self.bed, self.pod, self.times = bed, pod, times
        self.random = random.Random(times.seed)
        self.done = collections.Counter()
        self.documents, self.namespaces, self.count = {}, [], 0  # {(namespace, name): values}
        self.stop, self.failed = threading.Event(), None
        self.released = set()
        self.more_keys = {}
        for _ in range(CHURN["namespaces"]):
            self.namespaces.append(bed.namespace())
        self.thread = threading.Thread(target=self.run)

    # --- changes of documents

    def create(self, namespace=None):
        namespace = namespace or self.random.choice(self.namespaces)
        self.count += 1
        self.put(namespace, f"d{self.count}", policy=self.random.choice((None, None, None, "Retain")))
        self.done["documents created"] += 1

    def put(self, namespace, name, policy=None):
        values = {f"k{i}": value() for i in range(self.random.choice((1, 2, 5)))}
        document = self.bed.seal(name, values, namespace, policy=policy)
        insist(lambda: self.bed.api.apply(document))
        self.documents[namespace, name] = policy

    def some(self):
        return self.random.choice(sorted(self.documents))

    def change(self):
        namespace, name = self.some()
        self.put(namespace, name, self.documents[namespace, name])
        self.done["documents changed"] += 1

    def delete(self):
        namespace, name = self.some()
        self.bed.api.delete(documents_path(namespace, name))
        del self.documents[namespace, name]
        self.bed.sealed.pop((name, namespace), None)
        self.done["documents deleted"] += 1

    # --- hands on Secrets

    def edit_secret(self):
        namespace, name = self.some()
        self.bed.api.request("PATCH", secrets_path(namespace, name), {"stringData": {"k0": "by hand", "more": "x"}},
                             content_type=MERGE, expect=404)
        self.done["Secrets edited"] += 1

    def delete_secret(self):
        namespace, name = self.some()
        self.bed.api.delete(secrets_path(namespace, name))
        self.done["Secrets deleted"] += 1

    # --- namespaces, keys, the guard

    def change_namespaces(self):
        """One goes with all that is in it, a new one comes."""
        old = self.namespaces.pop(0)
        self.bed.api.delete(f"/api/v1/namespaces/{old}")
        self.bed.namespaces.remove(old)
        for key in [k for k in self.documents if k[0] == old]:
            del self.documents[key]
            self.bed.sealed.pop(key[::-1], None)
        self.namespaces.append(self.bed.namespace())
        self.done["namespaces deleted and made"] += 1

    def change_keys(self):
        if self.more_keys:
            self.more_keys = {}
        else:
            folder = self.bed.folder / f"more-keys{self.count}"
            folder.mkdir()
            self.bed.new_key("20260202T000000Z-two.key", folder)
            self.more_keys = {p.name: p.read_bytes() for p in folder.iterdir()}
        keys = {p.name: p.read_bytes() for p in self.bed.keys.iterdir()}
        kubelet.secret_volume(self.pod.volumes["sealing-keys"], {**keys, **self.more_keys}, self.pod.gid)
        self.done["keys changed"] += 1

    def release(self):
        """What the log asks a person to do when too many documents are gone at once."""
        for line in self.pod.running["net"].output().splitlines()[-400:]:
            if "too many documents are gone" not in line:
                continue
            token = json.loads(line)["token"]
            if token in self.released:
                continue
            self.released.add(token)
            self.bed.api.patch(f"/apis/apps/v1/namespaces/{agentbed.SYSTEM}/deployments/bulla-agent",
                               {"metadata": {"annotations": {RELEASE: token}}})
            self.done["removals released"] += 1

    # --- the server, and who must be started again because of it

    def keep_running(self):
        """As the kubelet would: a leader that could not renew its lease ends, and a busy machine takes its time with an
        API server."""
        net = self.pod.running["net"]
        if not net.running():
            assert "the lease went to another agent, or could not be renewed" in net.output(), net.output()[-3000:]
            net.kill()
            self.pod.start("net")
            self.done["agents started again after a lost lease"] += 1

    def restart_server(self):
        plane = self.bed.plane
        if self.done["API server restarts"] % 2:
            # it waits for its watchers to go, for longer than a leader may be without its lease
            plane.apiserver.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                plane.apiserver.process.wait(2)
        plane.kill_apiserver()
        try:
            plane.start_apiserver()
        except TimeoutError:  # on a machine with too much to do
            plane.restart_apiserver()
        self.done["API server restarts"] += 1

    # --- all of it

    def step(self):
        few = len(self.documents) < CHURN["documents"]
        what = self.random.choices((self.create, self.change, self.delete, self.edit_secret, self.delete_secret),
                                   (30 if few else 5, 60, 3 if few else 12, 8, 3))[0]
        if self.documents or what == self.create:
            what()

    def run(self):
        begin = time.monotonic()
        due = {self.restart_server: self.times.restart, self.change_keys: self.times.keys,
               self.change_namespaces: self.times.namespaces, self.release: 3, self.keep_running: 1}
        at = {what: begin + every for what, every in due.items()}
        try:
            while not self.stop.wait(self.times.pause):
                insist(self.step)
                for what, when in at.items():
                    if time.monotonic() >= when:
                        insist(what)
                        at[what] = time.monotonic() + due[what]
        except BaseException as e:  # told by end(): a thread's exception is lost
            self.failed = e

    def end(self):
        self.stop.set()
        self.thread.join()
        if self.failed:
            raise self.failed

    def settled(self, seconds=180):
        """After the last change everything is as the documents say; Secrets that hands touched too."""
        def is_settled():
            self.keep_running()
            for namespace in self.namespaces:
                documents = insist(lambda: self.bed.documents(namespace))
                late = {n: d.get("status") for n, d in documents.items() if not self.bed.is_applied(d)}
                assert not late, late
                there = {n: plain(s) for n, s in self.bed.secrets(namespace).items()}
                assert {n: there.get(n) for n in documents} == {n: self.bed.sealed[n, namespace] for n in documents}
            return True
        wait_for(is_settled, seconds, "everything as the documents say", pause=1)


# --- the run ---------------------------------------------------------------------------------------------------


def soak(plane, folder, rootfs, times, tell=lambda text: None):
    folder = pathlib.Path(folder)
    samples, cpu = Samples(), Cpu()
    with agentbed.Bed(plane, folder / "bed") as bed:
        (folder / "pod").mkdir()
        pod = kubelet.deployed(bed, plane, rootfs, folder / "pod")
        # hand edits are found by looking, and removals wait: within the run, both
        pod.container("net")["args"] += ["--settle", "5", "--full-look", "30"]
        for name in ("opener", "net"):
            pod.start(name)
        try:
            pod.running["net"].wait_ready(lambda: '"msg":"ready"' in pod.running["net"].output())
            supervisor = roles(pod)["supervisor"]
            churn = Churn(bed, pod, times)
            churn.thread.start()
            try:
                watch(pod, churn, times, samples, cpu, tell)
            finally:
                churn.end()
            samples.changes = churn.done
            churn.settled()
            assert roles(pod)["supervisor"] == supervisor, "it ended"
            return samples
        finally:
            pod.stop()


def watch(pod, churn, times, samples, cpu, tell):
    begin = time.monotonic()
    due = begin
    while (now := time.monotonic()) - begin < times.seconds and churn.thread.is_alive():
        for role, pid in roles(pod).items():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # an opener that was followed
                seen = look_at(pid)
                seen["cpu"] = cpu.total(role, pid, seen["cpu"])
                samples.add(role, now - begin, **seen)
        rows = samples.of["net"][-1]
        tell(f"{now - begin:5.0f} s: net {shown('rss', rows['rss'])}, {rows['fds']} descriptors, "
             f"{sum(churn.done.values())} changes")
        due += times.sample
        time.sleep(max(0, due - time.monotonic()))
    samples.seconds = time.monotonic() - begin

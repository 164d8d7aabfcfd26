# SPDX-License-Identifier: Apache-2.0
"""Seeded schedules: what hands do to documents and Secrets of one namespace, what the network does to the requests about
it, and what must be there when all that is over.

A schedule is its seed and no more: Schedule(seed) is always the same.  Many run side by side in a Batch, each in a
namespace of its own, over one server and one agent, which have faults of their own, of the first seed.
"""
import base64
import concurrent.futures
import contextlib
import copy
import functools
import json
import os
import random
import signal
import subprocess
import time

import yaml

import agentbed
from agentbed import ADOPT, BULLA, OWNER, SYSTEM, annotations, conditions
from api import MERGE
from fakeapi import Fault
from fakecluster import ADOPTED, Cluster, encode, namespace_of, owned

SPAN = 2.5  # seconds in which things happen
CONVERGE = 60  # and in which they are right again after that
SETTLE = 1
NAMES = ("a", "b", "c", "d", "e")
RETAINED = {"c", "d"}  # these documents have deletionPolicy Retain

# --- sealing ---------------------------------------------------------------------------------------------------------


class Sealer:
    """Documents by what they are, each sealed once.  keys: folder; the agent has "ours", nobody has "lost"."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "keys").mkdir(parents=True)
        (folder / "lost").mkdir()
        (folder / "home").mkdir()
        self.recipients = {"ours": self.new_key(folder / "keys"), "lost": self.new_key(folder / "lost")}
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(folder / "home"), "LC_ALL": "C",
                    "XDG_CONFIG_HOME": str(folder / "home/.config")}
        self.env.update({n: os.environ[n] for n in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS") if n in os.environ})
        self.known, self.made = {}, {}

    @staticmethod
    def new_key(folder):
        file = folder / "20260101T000000Z-one.key"
        subprocess.run(["age-keygen", "-o", file], check=True, capture_output=True)
        return next(line.split()[-1] for line in file.read_text().splitlines() if "public key" in line)

    @staticmethod
    def values(namespace, name, revision):
        return {f"k{i}": f"s3cret-{namespace}-{name}-{revision}-{i}" for i in range(1 + revision % 3)}

    def seal(self, what):
        """what: (namespace, name, revision, kind, key).  The document, which is not to be changed."""
        if what in self.made:
            return self.made[what]
        namespace, name, revision, kind, key = what
        values = self.values(namespace, name, revision)
        args = ["-n", namespace, "-r", self.recipients[key]]
        if name in RETAINED:
            args += ["--deletion-policy", "Retain"]
        if kind == "basic":
            type_, data = "kubernetes.io/basic-auth", {"username": "u", "password": values["k0"]}
            args = ["basic-auth", name, "--username", "u", "--password-file", "-", *args]
            text = values["k0"]
        else:
            type_, data = "Opaque", values
            args = ["opaque", name, "--from-env-file", "-", "--together", *args]
            text = "".join(f"{k}='{v}'\n" for k, v in values.items())
        done = subprocess.run([BULLA, "seal", *args], env=self.env, input=text.encode(), capture_output=True)
        assert done.returncode == 0, done.stderr
        document = yaml.load(done.stdout, Loader=yaml.CSafeLoader)
        self.known[self.mark(document)] = namespace, name, (type_, tuple(sorted(encode(data).items()))), key
        self.made[what] = document
        return document

    @staticmethod
    def mark(document):
        """By which a document's content is found, whoever shows it."""
        return json.dumps([document["spec"]["kind"], document["spec"]["parts"]], sort_keys=True)

    def document(self, what):
        """The same, for what may be damaged, or copied from elsewhere."""
        *plain, spoiled = what
        if not spoiled:
            return self.seal(tuple(plain))
        if spoiled == "copied":
            document = copy.deepcopy(self.seal(("elsewhere", *plain[1:])))
            document["metadata"]["namespace"] = plain[0]
            return document
        document = copy.deepcopy(self.seal(tuple(plain)))
        (part,) = document["spec"]["parts"].values()
        lines = part["sealed"].splitlines()
        at = len(lines) - 4
        lines[at] = lines[at][:20] + ("B" if lines[at][20] == "A" else "A") + lines[at][21:]
        part["sealed"] = "\n".join(lines) + "\n"
        return document

    def told(self, document):
        """(content, key) of a document that says something for its place; (None, None)."""
        meta = document["metadata"]
        namespace, name, said, key = self.known.get(self.mark(document), (None,) * 4)
        return (said, key) if (namespace, name) == (meta["namespace"], meta["name"]) else (None, None)


# --- hands -----------------------------------------------------------------------------------------------------------


# Each is done(hands, namespace, name, number); what they are given is decided by the schedule.
def put(sealer, hands, ns, name, what):
    hands.put_document(sealer.document((ns, name, *what)))


def delete(sealer, hands, ns, name, what):
    hands.delete_document(ns, name)


def delete_and_put(sealer, hands, ns, name, what):
    hands.delete_document(ns, name)
    hands.put_document(sealer.document((ns, name, *what)))


def label(sealer, hands, ns, name, what):
    hands.label_document(ns, name, f"l{what[0]}")


def edit(sealer, hands, ns, name, what):
    hands.edit_secret(ns, name, {"data": encode({"k0": "by hand", f"planted{what[0]}": "x"})})


def drop_a_key(sealer, hands, ns, name, what):
    hands.edit_secret(ns, name, {"data": {"k0": None}})


def make_immutable(sealer, hands, ns, name, what):
    hands.edit_secret(ns, name, {"immutable": True, "data": encode({"k0": "by hand"})})


def delete_secret(sealer, hands, ns, name, what):
    hands.delete_secret(ns, name)


def disown(sealer, hands, ns, name, what):
    hands.edit_secret(ns, name, {"metadata": {"annotations": {OWNER: None}}})


def give_away(sealer, hands, ns, name, what):
    hands.edit_secret(ns, name, {"metadata": {"annotations": {OWNER: f"{ns}/{NAMES[what[0] % len(NAMES)]}x"}}})


def plant(sealer, hands, ns, name, what):
    hands.plant_secret(ns, name, encode({"theirs": "s3cret"}))


def plant_to_adopt(sealer, hands, ns, name, what):
    hands.plant_secret(ns, name, encode({"theirs": "s3cret"}), {ADOPT: f"{ns}/{name}"})


def mark_to_adopt(sealer, hands, ns, name, what):
    hands.edit_secret(ns, name, {"metadata": {"annotations": {ADOPT: f"{ns}/{name}"}}})


OPS = {put: 40, delete: 6, delete_and_put: 6, label: 5, edit: 8, drop_a_key: 4, make_immutable: 2, delete_secret: 5,
       disown: 2, give_away: 1, plant: 4, plant_to_adopt: 3, mark_to_adopt: 3}

class RealHands:
    """The same hands, and eyes, on a real API server: what fakecluster.Cluster has of its own."""

    def __init__(self, api):
        self.api = api

    def quietly(self, method, path, body=None, content_type="application/json"):
        self.api.request(method, path, body, content_type=content_type, expect=(403, 404, 409, 422))

    def put_document(self, document):
        self.api.apply(document)

    def delete_document(self, namespace, name):
        self.api.delete(agentbed.documents_path(namespace, name))

    def label_document(self, namespace, name, label):
        self.quietly("PATCH", agentbed.documents_path(namespace, name), {"metadata": {"labels": {"touched": label}}}, MERGE)

    def edit_secret(self, namespace, name, patch):
        self.quietly("PATCH", agentbed.secrets_path(namespace, name), patch, MERGE)

    def delete_secret(self, namespace, name):
        self.api.delete(agentbed.secrets_path(namespace, name))

    def plant_secret(self, namespace, name, data, notes=None, type_="Opaque"):
        self.quietly("POST", agentbed.secrets_path(namespace), {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "annotations": notes or {}},
            "type": type_, "data": data})

    def documents(self, namespace):
        return {d["metadata"]["name"]: d for d in self.api.list(agentbed.documents_path(namespace))}

    def secrets(self, namespace):
        return {s["metadata"]["name"]: s for s in self.api.list(agentbed.secrets_path(namespace))}


# --- faults ----------------------------------------------------------------------------------------------------------

REASONS = {409: "Conflict", 410: "Expired", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
           503: "ServiceUnavailable", 504: "Timeout"}
HTML = b"<html>502 Bad Gateway</html>"


def any_fault(rng):
    """Of an answer."""
    code = rng.choice(sorted(REASONS))
    # a 422 without a cause is a test of a patch that failed, which no server says of one that holds
    cause = "FieldValueTooLong" if code == 422 else ""
    return rng.choice((
        *(dict(status=code, reason=REASONS[code], cause=cause, retry_after=1 if code == 429 else 0, done=done)
          for done in (False, False, True)),
        dict(garbage=HTML), dict(garbage=b"[]"), dict(torn=rng.choice((0, 1, 40))), dict(cut=rng.choice((0, 1, 60))),
        dict(lose=True), dict(lose_answer=True), dict(delay=rng.uniform(0.1, 1.5))))


def any_watch_fault(rng):
    code, after = rng.choice((410, 429, 500, 503, 504)), rng.choice((0, 1, 3))
    return rng.choice((
        dict(status=code, reason=REASONS[code], retry_after=1 if code == 429 else 0),
        dict(error=rng.choice((410, 429, 500, 504)), reason="Expired", after=after), dict(garbage=b"{{{\n", after=after),
        dict(end=True, after=after), dict(drop=True, after=after), dict(freeze=rng.uniform(0.3, 1.5), after=after),
        dict(late=rng.uniform(0.02, 0.3)), dict(doubled=True), dict(lose=True), dict(delay=rng.uniform(0.1, 1))))


class Rule:
    """Requests that meet a fault, from when to when, and how many."""

    WHERE = {"secrets": lambda r: "/secrets" in r.path and r.method != "GET",
             "statuses": lambda r: r.path.endswith("/status"),
             "gets": lambda r: r.method == "GET" and not r.watch,
             "watches": lambda r: r.watch, "leases": lambda r: "/leases" in r.path,
             "inventory": lambda r: "/configmaps" in r.path}

    def __init__(self, rng, wheres):
        self.where = rng.choice(wheres)
        self.begin = rng.uniform(0, SPAN - 0.3)
        self.end = min(SPAN, self.begin + rng.uniform(0.1, 1.5))
        self.fault = any_watch_fault(rng) if self.where == "watches" else any_fault(rng)
        self.hits = rng.choice((1, 2, 5, 20))

    def take(self, request, now):
        if not self.begin <= now < self.end or self.hits == 0 or not self.WHERE[self.where](request):
            return None
        self.hits -= 1
        return Fault(**self.fault)

    def __repr__(self):
        return f"{self.begin:.2f}-{self.end:.2f} {self.where} {self.fault}"


# --- a schedule ------------------------------------------------------------------------------------------------------


class Schedule:
    """faults=False: what hands do, alone.  few: at most so many documents are deleted for good (the guard counts)."""

    def __init__(self, seed, namespace, faults=True):
        rng = random.Random(seed)
        self.seed, self.namespace = seed, namespace
        self.steps = []  # (time, op, name, what)
        for name in NAMES[:rng.choice((1, 2, 3, 5))]:
            self.steps.append((rng.uniform(0, 0.3), put, name, self.what(rng, fine=True)))
        names = sorted({name for _, _, name, _ in self.steps})
        for _ in range(rng.choice((2, 4, 8, 12))):
            op = rng.choices(list(OPS), OPS.values())[0]
            name = rng.choice(names if rng.random() < 0.9 else NAMES)
            if op is delete and name not in RETAINED and rng.random() < 0.7:
                op = delete_and_put
            self.steps.append((rng.uniform(0.2, SPAN), op, name, self.what(rng)))
        self.ends = faults and rng.random() < 0.04  # the namespace itself
        if self.ends:
            at = rng.uniform(0.5, SPAN - 0.5)
            self.steps += [(at, lambda s, hands, ns, *_: hands.end_namespace(ns), "", None),
                           (at + 0.3, lambda s, hands, ns, *_: hands.empty_namespace(ns), "", None)]
        self.steps.sort(key=lambda step: step[0])
        self.rules = [Rule(rng, ("secrets", "secrets", "statuses", "gets", "watches"))
                      for _ in range(rng.choice((0, 1, 2, 4)) if faults else 0)]

    @staticmethod
    def what(rng, fine=False):
        """(revision, kind, key, spoiled) of the document that comes, if one does."""
        odd = 1 if fine else rng.random()
        return (rng.randrange(6), "basic" if odd < 0.06 else "opaque", "lost" if 0.06 < odd < 0.1 else "ours",
                "damaged" if 0.1 < odd < 0.14 else "copied" if 0.14 < odd < 0.18 else "")

    def documents(self):
        """What has to be sealed for it."""
        for _, op, name, what in self.steps:
            if op in (put, delete_and_put):
                yield (self.namespace, name, *what)

    def text(self):
        lines = [f"{at:.2f} {op.__name__} {name} {what}" for at, op, name, what in self.steps]
        return "\n".join(lines + [repr(rule) for rule in self.rules])


# --- what must be there ----------------------------------------------------------------------------------------------

LOST = {"NotForUs", "NoKey"}
SPOILED = {"Refused", "Invalid"}


def reason_of(document):
    """Of its present generation; None: nothing was said."""
    ready, now = conditions(document).get("Ready"), document["metadata"]["generation"]
    told = ready and (document.get("status") or {}).get("observedGeneration") == ready.get("observedGeneration") == now
    return ready["reason"] if told else None


def wanted_reasons(sealer, document, secret):
    said, key = sealer.told(document)
    foreign = {"Foreign"} if secret is not None and not owned(secret) else set()
    if foreign and ADOPT in annotations(secret) and (secret.get("immutable") or not said or secret["type"] != said[0]):
        foreign.add("WriteFailed")  # it may be taken over, and cannot be
    if said is None:
        return SPOILED | foreign  # where Secrets can be watched that is seen before a document is opened
    if key == "lost":
        return LOST
    return foreign or {"Applied"}


def wrongs(sealer, documents, secrets, excused=()):
    """Of a namespace that should have settled: what is not as its documents say.  excused: names whose Secret may be
    there though its document is not."""
    found = []
    for name, document in documents.items():
        secret, said = secrets.get(name), sealer.told(document)
        wanted, reason = wanted_reasons(sealer, document, secret), reason_of(document)
        if reason not in wanted:
            found.append(f"{name}: {reason} in place of {sorted(wanted)}: {conditions(document).get('Ready')}")
        elif reason == "Applied":
            has = secret and secret["type"], secret and tuple(sorted((secret.get("data") or {}).items()))
            if has != said[0]:
                found.append(f"{name}: its Secret is {has} in place of {said[0]}")
    for name, secret in secrets.items():
        if name not in documents and owned(secret) and name not in excused and name not in RETAINED and \
                annotations(secret).get(ADOPTED) != "true":
            found.append(f"{name}: its document is gone, its Secret is there")
    return found


# --- many of them ----------------------------------------------------------------------------------------------------


class Batch:
    """schedules over one server and one agent.  install: as it comes, unless said."""

    def __init__(self, folder, authority, sealer, seeds, install=None):
        rng = random.Random(f"batch {seeds[0]}")
        self.folder, self.sealer, self.rng = folder, sealer, rng
        folder.mkdir()
        self.install = rng.choice(("namespaces", "namespaces", "cluster"))
        self.install = install or self.install
        self.lease, self.prepared = rng.random() < 0.25, rng.random() < 0.7
        self.schedules = [Schedule(seed, f"t-{i}") for i, seed in enumerate(seeds)]
        self.by_namespace = {s.namespace: s for s in self.schedules}
        self.cluster = Cluster(authority.pair, self.by_namespace, SETTLE, rng.random())
        self.cluster.chaos = self.chaos
        self.authority = authority
        self.rules = [Rule(rng, ("watches", "gets", "leases" if self.lease else "gets", "inventory"))
                      for _ in range(rng.choice((0, 1, 3)))]
        self.given, self.excused, self.healed, self.happened = [], set(), False, []
        self.agent, self.log_at, self.begin = None, 0, None
        # for agentbed.Agent
        self.runs, self.env, self.namespaces = iter(range(1000)), sealer.env, []
        self.values = set()

    # --- the agent

    def args(self, *more):
        args = [agentbed.AGENT, "--kubernetes", "--keys", self.sealer.folder / "keys", "--kubeconfig",
                self.folder / "kubeconfig", "--agent-namespace", SYSTEM, "--settle", SETTLE, "--full-look", 2, *more]
        if not self.lease:
            args.append("--no-lease")
        if self.install == "namespaces":
            args += ["--namespaces", ",".join(self.by_namespace)]
        return args

    def start_agent(self):
        self.agent = agentbed.Agent(self)
        self.log_at = 0

    def end_agent(self, how):
        """SIGKILL, or SIGTERM and at most three seconds; then the next one."""
        self.agent.process.send_signal(how)
        try:
            status = self.agent.process.wait(3)
            assert how == signal.SIGKILL or status == 0, f"it ended with {status}: {self.agent.tail()}"
        except subprocess.TimeoutExpired:
            how = signal.SIGKILL
        self.agent.kill()
        if how == signal.SIGKILL or self.install == "namespaces":
            self.cluster.witness.new_life()  # nobody has told the next one of the last removals
        self.cluster.witness.new_agent()
        if self.install == "cluster":
            self.excuse_all()
        self.start_agent()

    def keep_running(self):
        """As a kubelet would; only for want of its lease may it end."""
        if not self.agent.running():
            status = self.agent.process.returncode
            if not self.lease or "could not be renewed" not in self.agent.output():
                self.fail({next(iter(self.by_namespace)): f"the agent ended with {status}"})
            self.agent.kill()
            self.cluster.witness.new_life()
            self.start_agent()

    def excuse_all(self):
        """What is gone now, or goes while nobody looks, is known to nobody in the cluster install, unless the inventory
        had it (cluster-findings M1)."""
        for schedule in self.schedules:
            self.excused |= {(schedule.namespace, name) for name in NAMES}

    # --- what happens

    def chaos(self, request):
        if self.healed or self.begin is None:
            return None
        now = time.monotonic() - self.begin
        schedule = self.by_namespace.get(namespace_of(request.path))
        for rule in schedule.rules if schedule else self.rules:
            if (fault := rule.take(request, now)) is not None:
                self.given.append(fault)
                return fault
        return None

    def events(self):
        """Of the whole server and agent: (time, function)."""
        rng, cluster, out = self.rng, self.cluster, []
        at = functools.partial(rng.uniform, 0.3, SPAN)
        if rng.random() < 0.5:
            out.append((at(), cluster.restart))
        if rng.random() < 0.3:
            out.append((at(), functools.partial(cluster.freeze, rng.uniform(0.3, 1.5))))
        if rng.random() < 0.4:
            out.append((at(), functools.partial(self.end_agent, rng.choice((signal.SIGKILL, signal.SIGTERM)))))
        if rng.random() < 0.15:
            when = at()
            out += [(rng.uniform(0.2, when), cluster.save), (when, self.restore)]
        elif rng.random() < 0.2:
            out.append((at(), functools.partial(cluster.outage, rng.uniform(0.2, 1))))
        elif self.install == "cluster" and rng.random() < 0.3:
            when = at()
            out += [(when, cluster.drop_crd), (when + rng.uniform(0.05, 1), self.crd_again)]
        if rng.random() < 0.3:
            out.append((at(), self.sweep))
        return out

    def restore(self):
        self.excuse_all()
        self.cluster.restore(2)

    def crd_again(self):
        """And most of what was there, as Flux would."""
        self.cluster.make_crd()
        for schedule in self.schedules:
            self.excused |= {(schedule.namespace, name) for name in NAMES}
            for what in schedule.documents():
                if self.rng.random() < 0.7:
                    self.cluster.put_document(self.sealer.document(what))

    def seal_all(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            documents = list(pool.map(self.sealer.document, {w for s in self.schedules for w in s.documents()}))
        witness = self.cluster.witness
        for namespace, name, said, key in self.sealer.known.values():
            if key == "ours":
                witness.said.setdefault((namespace, name), set()).add(said)
        witness.retained = {(s.namespace, name) for s in self.schedules for name in RETAINED}
        return documents

    @contextlib.contextmanager
    def running(self):
        """The server, and an agent that has just begun and ends as it should."""
        with self.cluster as cluster:
            self.authority.kubeconfig(self.folder / "kubeconfig", cluster.url)
            self.start_agent()
            try:
                if self.prepared:  # else things happen before it has looked for the first time
                    self.agent.wait_log(msg="ready", seconds=60)
                self.begin = time.monotonic()
                yield
                if not self.agent.ended:
                    self.keep_running()
                self.agent.finish()
            finally:
                self.agent.kill()
        self.judge()

    def run(self):
        self.seal_all()
        with self.running():
            self.play()
            self.heal()
            self.converge()
            if self.rng.random() < 0.4:
                self.sweep_again()

    def play(self):
        events = self.events()
        whole = [step for _, step in events]
        steps = [(at, functools.partial(op, self.sealer, self.cluster, s.namespace, name, what))
                 for s in self.schedules for at, op, name, what in s.steps] + events
        for at, step in sorted(steps, key=lambda step: step[0]):
            while (left := self.begin + at - time.monotonic()) > 0:
                time.sleep(left)
            if step in whole:
                self.happened.append((time.monotonic() - self.begin, getattr(step, "func", step).__name__))
            step()
            self.judge()

    def heal(self):
        self.healed = True
        for fault in self.given:
            fault.late, fault.doubled = 0, False

    # --- what is right then

    def sweep(self):
        """All documents at once: a prune that nobody meant."""
        for schedule in self.schedules:
            for name in self.cluster.documents(schedule.namespace):
                self.cluster.delete_document(schedule.namespace, name)

    def sweep_again(self):
        """What was swept is brought back, with Secrets of the same names, and swept once more."""
        for schedule in self.schedules:
            for what in () if schedule.ends else list(schedule.documents())[:3]:
                self.cluster.put_document(self.sealer.document(what))
        self.converge()
        self.sweep()
        self.converge()

    def follow_guard(self):
        """A person releases what the log asks about, each set once; and now and then gives a token of before."""
        with open(self.agent.log, encoding="utf-8", errors="replace") as f:
            f.seek(self.log_at)
            lines = f.readlines()
            self.log_at += sum(len(line.encode()) for line in lines)
        for line in lines:
            if "too many documents are gone at once" in line and line.endswith("\n"):
                self.cluster.release(json.loads(line)["token"])
                self.happened.append((time.monotonic() - self.begin, "release"))
        used = sorted(self.cluster.witness.used)
        if used and self.cluster.released() is None and self.rng.random() < 0.1:
            self.cluster.release(self.rng.choice(used))

    def excused_in(self, namespace):
        return {name for name in NAMES if (namespace, name) in self.excused}

    def unsettled(self):
        found = {}
        for schedule in self.schedules:
            ns = schedule.namespace
            if not schedule.ends and (late := wrongs(self.sealer, self.cluster.documents(ns), self.cluster.secrets(ns),
                                                     self.excused_in(ns))):
                found[ns] = late
        return found

    def converge(self):
        end = time.monotonic() + CONVERGE
        while late := self.unsettled():
            self.keep_running()
            self.follow_guard()
            self.judge()
            if time.monotonic() > end:
                self.fail({ns: "not as its documents say: " + "; ".join(what) for ns, what in late.items()})
            time.sleep(0.1)

    def judge(self):
        if self.cluster.witness.wrongs:
            told = {}
            for namespace, text in self.cluster.witness.wrongs:
                told.setdefault(namespace, text)
            self.fail(told)

    def fail(self, told):
        first = self.schedules[0].seed
        lines = [f"of {len(self.schedules)} schedules over one agent ({self.install} install, lease: {self.lease}), from seed {first}; "
                 f"again with its neighbours: BULLA_SEED={first} BULLA_SCHEDULES={len(self.schedules)}"]
        for namespace, text in list(told.items())[:3]:
            schedule = self.by_namespace[namespace]
            lines += [f"BULLA_SEED={schedule.seed} BULLA_SCHEDULES=1: {text}", schedule.text()]
        lines += [f"of the batch: {rule}" for rule in self.rules] + [f"of the batch: {at:.2f} {what}" for at, what in self.happened]
        said = [line for line in self.agent.output().splitlines() if '"msg":"opening"' not in line]
        lines += [line for line in said if any(f'"{namespace}"' in line for namespace in list(told)[:3])][-40:] + said[-20:]
        raise AssertionError("\n".join(lines))

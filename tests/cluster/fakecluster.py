# SPDX-License-Identifier: Apache-2.0
"""A cluster in memory, for thousands of schedules of the real agent: tests/e2e/fakeapi.py with the kinds, the CRD,
namespaces that end, discovery and the canary that the agent meets, what a restored etcd does, and a witness who judges
each of the agent's writes when it is done.

Whoever comes over HTTP is the agent; hands use the methods of Cluster directly.
"""
import asyncio
import base64
import json
import time
import urllib.parse

from agentbed import ADOPT, OWNER, SYSTEM, annotations
from fakeapi import FakeApi
from fakestore import KINDS, ApiError, Kind, Store
from processes import free_port

GROUP = "/apis/bulla.dev/v1"
CRD = "sealedcredentials.bulla.dev"
ADOPTED = "bulla.dev/adopted"
RELEASE = "bulla.dev/release-removals"
GUARD_ALL, GUARD_NAMESPACE = 10, 3  # removals of ten minutes that need nobody's word (DESIGN 6.1)


def content(secret):
    """Type and data, comparable."""
    return secret.get("type", "Opaque"), tuple(sorted((secret.get("data") or {}).items()))


def owned(secret):
    """Is it marked as the one of the document of its own name?"""
    meta = secret["metadata"]
    return annotations(secret).get(OWNER) == f"{meta['namespace']}/{meta['name']}"


class Witness:
    """What must never be, by what really was: faults of the network are none of its business."""

    def __init__(self, cluster, settle):
        self.cluster, self.settle, self.wrongs = cluster, settle, []
        self.said = {}  # (namespace, name) -> every content that a document there has said
        self.retained = set()  # (namespace, name): its document says Retain
        self.seen = {}  # (namespace, name) -> uid of the CRD under which a document was there last
        self.gone = {}  # (namespace, name) -> when it went
        self.came = {}  # (namespace, name) -> how many reads there were when it came
        self.reads = {}  # what -> [(number of the read, what it said was good for a removal)]
        self.count = 0
        self.removed = []  # namespaces of removals of this life of the agent that nobody released
        self.given = {}  # token -> {(namespace, name)} that a person has released, and the agent not used up yet
        self.released = set()  # the same of those that it has, until it is gone or its document is back
        self.used = set()  # tokens that this life of the agent has used up
        self.tried = set()  # (namespace, name): the agent's last write was a dry run of making the Secret
        self.writes = self.deletes = 0

    def wrong(self, namespace, name, text):
        self.wrongs.append((namespace, f"{namespace}/{name}: {text}"))

    def new_life(self):
        """An agent was killed, or what it remembers went back in time: it cannot know of all its removals."""
        self.removed = []
        self.new_agent()

    def new_agent(self):
        """What was released and is not gone is held again."""
        self.released, self.used = set(), set()

    def use_up(self, token):
        self.used.add(token)
        self.released |= self.given.pop(token, set())

    def was_released(self, key):
        return any(key in keys for keys in (self.released, *self.given.values()))

    def forget_release(self, key):
        for keys in (self.released, *self.given.values()):
            keys.discard(key)

    def document(self, change):
        """Told of each change of a document."""
        meta = change.object["metadata"]
        key = meta["namespace"], meta["name"]
        self.seen[key] = self.cluster.crd_uid()
        if change.type == "DELETED":
            self.gone[key] = time.monotonic()
        else:
            self.gone.pop(key, None)
            self.forget_release(key)
            if change.type == "ADDED":
                self.came[key] = self.count

    def read(self, what, good):
        self.count += 1
        self.reads.setdefault(what, []).append((self.count, good))

    def first_good(self, what, after):
        return next((n for n, good in self.reads.get(what, ()) if good and n > after), None)

    def was_read_as_gone(self, namespace, name):
        """The number of the last read of a document, when it said that it is not there."""
        n, good = (self.reads.get(("document", namespace, name)) or [(0, False)])[-1]
        return n if good else None

    # --- writes of Secrets by the agent

    def judge(self, request, change):
        meta = change.object["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        self.writes += 1
        before = change.before
        if before and not owned(before) and not (change.type == "MODIFIED" and
                                                 annotations(before).get(ADOPT) == f"{namespace}/{name}"):
            self.wrong(namespace, name, f"{request.method} of a Secret that is not its own: {annotations(before)}")
        if change.type == "DELETED":
            self.deletion(request, change, namespace, name)
            return
        if not owned(change.object):
            self.wrong(namespace, name, f"written without its owner's mark: {annotations(change.object)}")
        if content(change.object) not in self.said.get((namespace, name), ()):
            self.wrong(namespace, name, f"no document ever said {content(change.object)}")

    def deletion(self, request, change, namespace, name):
        self.deletes += 1
        conditions = json.loads(request.body or b"{}").get("preconditions", {})
        if set(conditions) != {"uid", "resourceVersion"}:
            self.wrong(namespace, name, f"deleted with the preconditions {conditions}")
        before = change.before
        if (namespace, name) in self.tried:  # to be made again at once: of another type, or immutable
            types = {type_ for type_, _ in self.said.get((namespace, name), ())}
            if not before.get("immutable") and types <= {before["type"]}:
                self.wrong(namespace, name, "deleted to be made again though it could be changed")
            return
        if (namespace, name) not in self.gone:
            asked = self.was_read_as_gone(namespace, name)
            if not asked or asked > self.came[namespace, name]:
                self.wrong(namespace, name, "removed though its document is there")
            self.removed.append(namespace)
            return  # it came back while the agent asked: it makes the Secret again
        self.removal(before, namespace, name)

    def removal(self, before, namespace, name):
        age = time.monotonic() - self.gone[namespace, name]
        if age < self.settle - 0.05:
            self.wrong(namespace, name, f"removed {age:.2f} s after its document went")
        if (namespace, name) in self.retained or annotations(before).get(ADOPTED) == "true":
            self.wrong(namespace, name, "removed though it is to be retained")
        if self.seen.get((namespace, name)) != self.cluster.crd_uid():
            self.wrong(namespace, name, "removed though its document went with its kind")
        asked = self.was_read_as_gone(namespace, name)
        crd = asked and self.first_good(("crd",), asked)
        if not (crd and self.first_good(("namespace", namespace), crd)):
            self.wrong(namespace, name, f"removed without reads of document, CRD and namespace in this order: {asked}, {crd}")
        if self.was_released((namespace, name)):
            self.forget_release((namespace, name))
            return
        self.removed.append(namespace)
        if len(self.removed) > GUARD_ALL or self.removed.count(namespace) > GUARD_NAMESPACE:
            self.wrong(namespace, name, f"removed though the mass guard forbids it: {len(self.removed)} in all, "
                                        f"{self.removed.count(namespace)} of its namespace")


class WitnessedStore(Store):
    def __init__(self):
        super().__init__([*KINDS, Kind("apps/v1", "deployments", "Deployment")])
        self.listeners = []

    @property
    def rv(self):
        return self._rv

    @rv.setter
    def rv(self, n):
        """In tens: the last digit tells what was before a restored snapshot from what came after."""
        self._rv = n if n != getattr(self, "_rv", n) + 1 else n + 9

    def log(self, kind, type_, obj, before):
        super().log(kind, type_, obj, before)
        for listener in self.listeners:
            listener(self.changes[-1])


class Cluster(FakeApi):
    """settle: what the agent is run with.  namespaces: that it has."""

    def __init__(self, cert, namespaces, settle=1, seed=0):
        super().__init__(cert, seed)
        self.port = free_port()  # still free when it listens again
        self.store = WitnessedStore()
        self.events, self.woken = {}, 0
        self.witness = Witness(self, settle)
        self.store.listeners.append(self.note)
        self.refused = None
        self.snapshot = None
        self.crd = self.store.kind("customresourcedefinitions")
        self.documents_kind, self.secrets_kind = self.store.kind("sealedcredentials"), self.store.kind("secrets")
        self.make_crd()
        for name in (SYSTEM, *namespaces):
            self.store.put("namespaces", "", name)
        self.store.put("secrets", SYSTEM, "bulla-canary", type="Opaque")
        self.store.put("deployments", SYSTEM, "bulla-agent")

    # --- news: only those are woken whom a change concerns

    def wake(self):
        with self.store.lock:
            new, self.woken = self.store.changes[self.woken:], len(self.store.changes)
        for key in {(c.kind.plural, ns) for c in new for ns in ("", c.object["metadata"].get("namespace", ""))}:
            if (event := self.events.pop(key, None)) is not None:
                event.set()

    def news(self, watch):
        return self.events.setdefault((watch.kind.plural, watch.namespace), asyncio.Event())

    def note(self, change):
        if change.kind.plural == "sealedcredentials":
            self.witness.document(change)
        elif change.kind.plural == "deployments" and change.before:
            was, now = (annotations(d).get(RELEASE) for d in (change.before, change.object))
            if was and not now:  # hands only ever put another in its place
                self.witness.use_up(was)

    # --- what the agent asks

    def crd_uid(self):
        crd = self.store.objects.get((self.crd, "", CRD))
        return crd and crd["metadata"]["uid"]

    def answer(self, r):
        if r.path == GROUP and r.method == "GET":
            if not self.crd_uid():
                raise ApiError(404, "NotFound", "the server could not find the requested resource")
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "bulla.dev/v1", "resources": [
                {"name": "sealedcredentials", "kind": "SealedCredential", "namespaced": True,
                 "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]}]}
        if r.path.startswith(GROUP + "/") and not self.crd_uid():
            raise ApiError(404, "NotFound", "404 page not found")
        if r.path.endswith("/secrets/bulla-canary"):
            raise ApiError(403, "Forbidden", "the policy does not allow it")
        return super().answer(r)

    def one(self, r, kind, namespace, name, subresource):
        with self.store.lock:
            if r.method == "POST" and kind.namespaced:
                self.may_create(namespace)
            if kind.plural == "secrets" and r.method != "GET":
                return self.write(r, kind, namespace, name, subresource)
            if r.method != "GET":
                return super().one(r, kind, namespace, name, subresource)
            return self.read(r, kind, namespace, name, subresource)

    def may_create(self, namespace):
        there = self.store.get(self.store.kind("namespaces"), "", namespace)
        if "deletionTimestamp" in there["metadata"]:
            raise ApiError(403, "Forbidden", "because it is being terminated", causes=[{"reason": "NamespaceTerminating"}])

    def write(self, r, kind, namespace, name, subresource):
        first, witness = len(self.store.changes), self.witness
        try:
            return super().one(r, kind, namespace, name, subresource)
        finally:
            for change in self.store.changes[first:]:
                witness.judge(r, change)
            if r.query.get("dryRun") == "All":
                witness.tried.add((namespace, json.loads(r.body)["metadata"]["name"]))
            else:
                witness.tried.discard((namespace, name))

    def read(self, r, kind, namespace, name, subresource):
        what = {"sealedcredentials": ("document", namespace, name), "customresourcedefinitions": ("crd",),
                "namespaces": ("namespace", name)}.get(kind.plural)
        try:
            out = super().one(r, kind, namespace, name, subresource)
            if what:
                alive = "deletionTimestamp" not in out[0]["metadata"]
                self.witness.read(what, what[0] != "document" and alive)
            return out
        except ApiError as e:
            if what:
                self.witness.read(what, what[0] in ("document", "namespace") and e.code == 404)
            raise

    # --- what befalls the server

    def freeze(self, seconds):
        """Nothing is read or answered: the kernel alone still says yes."""
        self.loop.call_soon_threadsafe(time.sleep, seconds)

    def outage(self, seconds):
        """Nobody listens; every connection is gone, and so are older versions."""
        async def close():
            self.listener.close()
            self.loop.call_later(seconds, lambda: self.loop.create_task(self.listen()))
        self.run(close())
        self.restart()
        self.refused = time.monotonic() + seconds

    async def listen(self):
        self.listener = await asyncio.start_server(self.serve, "127.0.0.1", self.port, ssl=self.context, backlog=256)

    def save(self):
        with self.store.lock:
            self.snapshot = dict(self.store.objects), dict(self.store.applied), self.store.rv

    def restore(self, seconds):
        """An etcd from an older snapshot: versions that clients know lie in the future, and will be given out again,
        but for the last digit: nobody could tell apart what is written twice under one version."""
        with self.store.lock:
            objects, applied, rv = self.snapshot
            before = self.store.rv
            lost = set(self.store.objects) - set(objects)
            self.store.objects, self.store.applied, self.store.rv = dict(objects), dict(applied), rv
            self.store.changes.clear()
            self.woken = 0
            self.store.rv = rv - rv % 10 + (before + 1) % 10
            self.witness.new_life()
            for kind, namespace, name in lost:
                if kind is self.documents_kind:
                    self.witness.gone[namespace, name] = time.monotonic()
            for kind, namespace, name in objects:
                if kind is self.documents_kind:
                    self.witness.gone.pop((namespace, name), None)
        self.outage(seconds)

    # --- hands

    def make_crd(self):
        self.store.put("customresourcedefinitions", "", CRD)

    def drop_crd(self):
        """With all documents, as the API server does it."""
        with self.store.lock:
            for kind, namespace, name in [k for k in self.store.objects if k[0] is self.documents_kind]:
                self.store.delete(kind, namespace, name)
            self.store.delete(self.crd, "", CRD)

    def put_document(self, document):
        if self.crd_uid():
            meta = document["metadata"]
            self.store.put("sealedcredentials", meta["namespace"], meta["name"],
                           **{**document, "metadata": {k: v for k, v in meta.items() if k != "namespace"}})

    def delete_document(self, namespace, name):
        self.quietly(self.store.delete, self.documents_kind, namespace, name)

    def label_document(self, namespace, name, label):
        self.quietly(self.store.patch, self.documents_kind, namespace, name, "merge-patch+json",
                     {"metadata": {"labels": {"touched": label}}}, {})

    def edit_secret(self, namespace, name, patch):
        self.quietly(self.store.patch, self.secrets_kind, namespace, name, "merge-patch+json", patch, {})

    def delete_secret(self, namespace, name):
        self.quietly(self.store.delete, self.secrets_kind, namespace, name)

    def plant_secret(self, namespace, name, data, notes=None, type_="Opaque"):
        """Unless one is there."""
        self.quietly(self.store.create, self.secrets_kind, namespace,
                     {"metadata": {"name": name, "annotations": notes or {}}, "type": type_, "data": data})

    def end_namespace(self, namespace):
        """Its first half: no more is made in it."""
        self.store.put("namespaces", "", namespace, metadata={"deletionTimestamp": "2026-11-26T00:00:00Z"})

    def empty_namespace(self, namespace):
        with self.store.lock:
            for key in [k for k in self.store.objects if k[1] == namespace]:
                self.store.delete(*key)
            self.quietly(self.store.delete, self.store.kind("namespaces"), "", namespace)

    def release(self, token):
        """It is good for what waits now, if it is good for anything: once."""
        with self.store.lock:
            settled = time.monotonic() - self.witness.settle
            if token not in self.witness.used:
                self.witness.given[token] = {
                    (ns, name) for (kind, ns, name), o in self.store.objects.items()
                    if kind is self.secrets_kind and owned(o) and self.witness.gone.get((ns, name), settled) < settled}
            self.store.put("deployments", SYSTEM, "bulla-agent", metadata={"annotations": {RELEASE: token}})

    def released(self):
        """The token on the Deployment, or None."""
        return annotations(self.store.get(self.store.kind("deployments"), SYSTEM, "bulla-agent")).get(RELEASE)

    @staticmethod
    def quietly(f, *args):
        """Hands that come too late, or to a namespace that is going."""
        try:
            return f(*args)
        except ApiError as e:
            if e.code not in (403, 404, 409, 422):
                raise
            return None

    # --- what is there

    def all_of(self, kind, namespace):
        with self.store.lock:
            return {name: o for (k, ns, name), o in self.store.objects.items() if k is kind and ns == namespace}

    def documents(self, namespace):
        return self.all_of(self.documents_kind, namespace)

    def secrets(self, namespace):
        return self.all_of(self.secrets_kind, namespace)


def namespace_of(path):
    """That a request is about; "": all, or none."""
    parts = path.split("/")
    return urllib.parse.unquote(parts[parts.index("namespaces") + 1]) if "namespaces" in parts[:-1] else ""


def encode(values):
    return {k: base64.b64encode(v.encode()).decode() for k, v in values.items()}

# SPDX-License-Identifier: Apache-2.0
"""A small API server on loopback: HTTP/1.1 over TLS, lists in pages, watches, streaming lists, bookmarks, all
writes of tests/e2e/fakestore.py, and faults that a healthy server never shows.

    with FakeApi(cert) as api:                      # cert: (file, file), see kubeserver.Authority.issue
        api.store.put("secrets", "default", "a", data={})
        api.chaos = lambda request: Fault(status=503) if ... else None
"""
import asyncio
import dataclasses
import gzip
import json
import random
import ssl
import threading
import urllib.parse

from fakestore import ApiError, Store, selects
from kubeserver import reset

PARTIAL = "as=PartialObjectMetadata"


@dataclasses.dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes
    time: float

    @property
    def watch(self):
        return self.query.get("watch") in ("1", "true")

    @property
    def streaming(self):
        return self.watch and self.query.get("sendInitialEvents") == "true"


@dataclasses.dataclass
class Fault:
    """One bad answer.  A watch shows `after` events before events, end, cut or freeze."""
    status: int = 0  # a Status instead of the answer
    reason: str = ""
    cause: str = ""
    retry_after: int = 0
    done: bool = False  # with a status: it was done all the same
    delay: float = 0  # before anything
    lose: bool = False  # the connection is reset and nothing was done
    lose_answer: bool = False  # it was done, but nobody hears
    cut: int = -1  # reset after so many bytes of the answer
    torn: int = -1  # as cut, but as if that were all
    garbage: bytes = b""  # instead of the answer, or in a watch
    error: int = 0  # a watch: an ERROR event
    end: bool = False  # a watch: it ends
    drop: bool = False  # a watch: reset
    freeze: float = 0  # a watch: nothing more for so many seconds, then reset
    after: int = 0
    late: float = 0  # a watch: events wait so long
    doubled: bool = False  # a watch: each event comes twice


class FakeApi:
    def __init__(self, cert, seed=0):
        self.store = Store()
        self.random = random.Random(seed)
        self.chaos = lambda request: None
        self.allow = lambda request: True  # False: 403
        self.tokens = None  # {token: user}; None: anyone
        self.streaming = "on"  # or 422, 500, 504 (refused), "never" (no end of the list)
        self.port = 0  # any
        self.bookmark_s, self.watch_max_s, self.page_max = 60, 3600, 500
        self.requests, self.connections = [], set()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*cert)
        self.context.set_alpn_protocols(["http/1.1"])
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.snapshots = {}

    # --- for tests ---------------------------------------------------------------------------------

    def __enter__(self):
        self.thread.start()
        self.changed = self.run(self.make_event())
        self.store.watchers.append(lambda: self.loop.call_soon_threadsafe(self.wake))
        self.listener = self.run(asyncio.start_server(self.serve, "127.0.0.1", self.port, ssl=self.context, backlog=256))
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        async def stop():
            self.listener.close()
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.run(stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def drop_connections(self):
        """Not for who holds the store's lock: a request that waits for it keeps this from being done."""
        async def drop():
            for writer in list(self.connections):
                reset(writer)
        self.run(drop())

    def restart(self):
        """What a client sees of it: connections break, and older versions are gone."""
        self.drop_connections()
        self.store.compact()

    # --- HTTP --------------------------------------------------------------------------------------

    async def make_event(self):
        return asyncio.Event()

    def wake(self):
        self.changed.set()
        self.changed = asyncio.Event()

    def news(self, watch):
        """An event that is set when there may be something for a watch."""
        del watch
        return self.changed

    async def serve(self, reader, writer):
        self.connections.add(writer)
        try:
            while await self.serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()

    async def serve_one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in filter(None, head[1:]))}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path, _, query = target.partition("?")
        request = Request(method, path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True)), headers, body,
                          self.loop.time())
        self.requests.append(request)
        fault = (None if path == "/version" else self.chaos(request)) or Fault()
        await asyncio.sleep(fault.delay)
        if fault.lose:
            reset(writer)
            return False
        try:
            answer, code = self.answer(request) if fault.done or not fault.status else None, 200
            if fault.status:
                causes = [{"reason": fault.cause}] if fault.cause else []
                raise ApiError(fault.status, fault.reason, "from the test", causes=causes,
                               retry_after=fault.retry_after)
            if isinstance(answer, tuple):
                answer, code = answer
        except ApiError as e:
            answer, code = e.status(), e.code
        if fault.lose_answer:
            reset(writer)
            return False
        if callable(answer):
            return await answer(writer, fault)
        return await self.send(writer, request, code, answer, fault)

    async def send(self, writer, request, code, answer, fault):
        body = fault.garbage or json.dumps(answer, separators=(",", ":")).encode()
        lines = [f"HTTP/1.1 {code} X", "content-type: application/json"]
        if fault.torn >= 0:
            body = body[:fault.torn]
        if "gzip" in request.headers.get("accept-encoding", "") and len(body) > 128:
            body = gzip.compress(body, 1)
            lines.append("content-encoding: gzip")
        retry = answer.get("details", {}).get("retryAfterSeconds") if answer.get("kind") == "Status" else None
        if retry:
            lines.append(f"retry-after: {retry}")
        lines.append(f"content-length: {len(body)}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + (body if fault.cut < 0 else body[:fault.cut]))
        await writer.drain()
        if fault.cut >= 0:
            reset(writer)
            return False
        return True

    # --- requests ----------------------------------------------------------------------------------

    def parse(self, path):
        """(kind, namespace, name, subresource)"""
        for kind in self.store.kinds:
            if not path.startswith(kind.path + "/"):
                continue
            parts = [urllib.parse.unquote(p) for p in path[len(kind.path) + 1:].split("/")]
            namespace = ""
            if kind.namespaced and len(parts) > 2 and parts[0] == "namespaces":
                namespace, parts = parts[1], parts[2:]
            if parts[0] == kind.plural and len(parts) <= 3:
                return kind, namespace, *(parts[1:] + ["", ""])[:2]
        raise ApiError(404, "NotFound", "the server could not find the requested resource")

    def answer(self, r):
        if r.path == "/version":
            return {"major": "1", "minor": "36"}
        token = r.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens is not None and token not in self.tokens:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        kind, namespace, name, subresource = self.parse(r.path)
        if not self.allow(r):
            raise ApiError(403, "Forbidden", f'{kind.plural} is forbidden: User "{token}" cannot {r.method}', name)
        if subresource not in ("", "status") or (subresource == "status" and not kind.status):
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        if r.method == "GET" and not name:
            return self.watch(r, kind, namespace) if r.watch else self.list(r, kind, namespace)
        return self.one(r, kind, namespace, name, subresource)

    def one(self, r, kind, namespace, name, subresource):
        body = json.loads(r.body) if r.body else {}
        dry = r.query.get("dryRun") == "All"
        code = 200
        if r.method == "GET":
            out = self.store.get(kind, namespace, name)
        elif r.method == "POST" and not name:
            out, code = self.store.create(kind, namespace, body, dry), 201
        elif r.method == "PUT":
            out = self.store.replace(kind, namespace, name, body, subresource, dry)
        elif r.method == "PATCH":
            how = r.headers.get("content-type", "").removeprefix("application/")
            out = self.store.patch(kind, namespace, name, how, body, r.query, subresource)
        elif r.method == "DELETE":
            return self.store.delete(kind, namespace, name, body, dry)
        else:
            raise ApiError(405, "MethodNotAllowed", r.method)
        return self.shown(r, out), code

    @staticmethod
    def shown(r, obj):
        if PARTIAL not in r.headers.get("accept", ""):
            return obj
        return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}

    def list(self, r, kind, namespace):
        store, q = self.store, r.query
        with store.lock:
            if "continue" in q:
                key, _, at = q["continue"].partition(":")
                items, rv, at = *self.snapshots[key], int(at)
                if rv < store.compacted:
                    raise ApiError(410, "Expired", "The provided continue parameter is too old")
            else:
                items = store.matching(kind, namespace, q.get("labelSelector", ""), q.get("fieldSelector", ""))
                rv, at = store.rv, 0
                if int(q.get("resourceVersion") or 0) > rv:
                    raise ApiError(504, "Timeout", "Too large resource version",
                                   causes=[{"reason": "ResourceVersionTooLarge"}], retry_after=1)
                key = str(len(self.snapshots))
                self.snapshots[key] = items, rv
            end = at + min(int(q.get("limit") or len(items)) or len(items), self.page_max if "limit" in q else len(items))
        meta = {"resourceVersion": str(rv)}
        if end < len(items):
            meta["continue"] = f"{key}:{end}"
        part = "PartialObjectMetadataList" in r.headers.get("accept", "")
        return {"kind": "PartialObjectMetadataList" if part else kind.kind + "List",
                "apiVersion": kind.group_version, "metadata": meta, "items": [self.shown(r, o) for o in items[at:end]]}

    def watch(self, r, kind, namespace):
        q, store = r.query, self.store
        initial, rv = None, q.get("resourceVersion", "")
        if q.get("sendInitialEvents") == "true":
            if isinstance(self.streaming, int) and self.streaming == 422:
                raise ApiError(422, "Invalid", "sendInitialEvents: Forbidden: is forbidden for watch unless the "
                               "WatchList feature gate is enabled")
            if q.get("resourceVersionMatch") != "NotOlderThan" or q.get("allowWatchBookmarks") != "true":
                raise ApiError(422, "Invalid", "resourceVersionMatch: Forbidden")
            initial = True
        elif "resourceVersionMatch" in q:
            raise ApiError(422, "Invalid", "resourceVersionMatch: Forbidden: is forbidden for watch")
        with store.lock:
            if rv in ("", "0"):
                items = store.matching(kind, namespace, q.get("labelSelector", ""), q.get("fieldSelector", ""))
                self.random.shuffle(items)
                rv = store.rv
            else:
                items, rv = [], int(rv)
        stream = Watch(self, r, kind, namespace, rv, items, initial)
        return stream.run


class Watch:
    def __init__(self, api, request, kind, namespace, rv, items, initial):
        self.api, self.r, self.kind, self.namespace = api, request, kind, namespace
        self.rv, self.items, self.initial = rv, items, initial
        self.labels, self.fields = (request.query.get(n, "") for n in ("labelSelector", "fieldSelector"))
        seconds = float(request.query.get("timeoutSeconds", 1800))
        self.until = api.loop.time() + min(seconds, api.watch_max_s)
        self.bookmark_at = api.loop.time() + api.bookmark_s
        self.at = 0  # of the changes
        self.sent = 0

    def events(self):
        """Those that are due, as (type, object)."""
        for obj in self.items:
            yield "ADDED", self.api.shown(self.r, obj)
        self.items = []
        if self.initial:
            self.initial = False
            if self.api.streaming in (500, 504):
                yield "ERROR", ApiError(self.api.streaming, "InternalError", "RequestWatchProgress is disabled").status()
                return
            if self.api.streaming == "on":
                yield "BOOKMARK", self.bookmark({"annotations": {"k8s.io/initial-events-end": "true"}})
        with self.api.store.lock:
            changes = self.api.store.changes[self.at:]
            self.at += len(changes)
            rv = max(self.rv, self.api.store.rv)
        for c in changes:
            if c.rv <= self.rv or c.kind is not self.kind:
                continue
            if self.namespace not in ("", c.object["metadata"].get("namespace")):
                continue
            was = c.before is not None and selects(c.before, self.labels, self.fields)
            now = c.type != "DELETED" and selects(c.object, self.labels, self.fields)
            if was or now:
                yield ("MODIFIED" if was and now else "ADDED" if now else "DELETED"), self.api.shown(self.r, c.object)
        self.rv = rv
        if self.api.loop.time() >= self.bookmark_at:
            self.bookmark_at = self.api.loop.time() + self.api.bookmark_s
            if self.r.query.get("allowWatchBookmarks") == "true":
                yield "BOOKMARK", self.bookmark({})

    def bookmark(self, meta):
        return {"kind": self.kind.kind, "apiVersion": self.kind.group_version,
                "metadata": {"resourceVersion": str(self.rv), "creationTimestamp": None, **meta}}

    async def write(self, data):
        """In pieces, as they may come."""
        while data:
            n = self.api.random.choice((1, 7, 100, 1000, 100000, 100000))
            self.writer.write(b"%x\r\n%s\r\n" % (len(data[:n]), data[:n]))
            data = data[n:]
            await self.writer.drain()

    async def event(self, type_, obj):
        await self.write(json.dumps({"type": type_, "object": obj}, separators=(",", ":")).encode() + b"\n")

    async def end(self):
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()
        return True

    async def spoil(self, fault):
        """What the fault does after `after` events; None: nothing."""
        if fault.garbage:
            await self.write(fault.garbage)
        if fault.error:
            await self.event("ERROR", ApiError(fault.error, fault.reason, "from the test",
                                               causes=[{"reason": fault.cause}] if fault.cause else [],
                                               retry_after=fault.retry_after).status())
        if fault.end or fault.error or fault.torn >= 0 or fault.garbage:
            return await self.end()
        if fault.drop or fault.freeze or fault.cut >= 0:
            await asyncio.sleep(fault.freeze)
            reset(self.writer)
            return False
        return None

    async def run(self, writer, fault):
        self.writer = writer
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        if self.rv < self.api.store.compacted:
            await self.event("ERROR", ApiError(410, "Expired", f"too old resource version: {self.rv} "
                                               f"({self.api.store.compacted})").status())
            return await self.end()
        while self.api.loop.time() < self.until and not writer.is_closing():
            changed = self.api.news(self)
            for type_, obj in self.events():
                if self.sent >= fault.after and (over := await self.spoil(fault)) is not None:
                    return over
                if fault.late:
                    await asyncio.sleep(fault.late)
                await self.event(type_, obj)
                if fault.doubled and type_ != "BOOKMARK":
                    await self.event(type_, obj)
                self.sent += 1
                if type_ == "ERROR":
                    return await self.end()
            if self.sent >= fault.after and (over := await self.spoil(fault)) is not None:
                return over
            await writer.drain()
            wait = min(self.until, self.bookmark_at) - self.api.loop.time()
            try:
                await asyncio.wait_for(changed.wait(), max(wait, 0.01))
            except asyncio.TimeoutError:
                pass
        return await self.end()

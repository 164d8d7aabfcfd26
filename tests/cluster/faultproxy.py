# SPDX-License-Identifier: Apache-2.0
"""A TLS proxy in front of an API server that does, on request, what a healthy server never does.

    with FaultProxy(plane) as proxy:                      # or the fixture fault_proxy
        agent = Api(proxy.server, proxy.ca, token=plane.token("ns", "agent"))
        rule = proxy.on("POST", "/secrets$", times=3).answer(429, retry_after=2)
        rule = proxy.on("PATCH", "/status$", every=5).lose_answer()      # done, and never told
        rule = proxy.on(watch=True).error_event(410, after=2)            # in the stream, behind 2 events
        rule.wait(1); assert rule.hits == 1; rule.remove(); proxy.clear()
        assert proxy.count("PATCH", "/secrets/") == 0                    # what came through
        proxy.freeze(); proxy.thaw(); proxy.reset_all(); proxy.refuse(); proxy.accept()

It speaks HTTP/2 and HTTP/1.1 (by ALPN, as the API server does) and passes everything on over HTTP/1.1, the
Authorization header included.  A client certificate cannot pass a proxy: clients use tokens.

on(method, path, watch, when, times, after, every, chance) picks requests: method is a word or several
("PATCH POST"), path a regular expression searched in the path, watch whether it asks for a watch, when a
function of the Request.  The rule leaves its first `after` matches alone, then takes each `every`th of them,
or each with a chance (from a seeded generator: FaultProxy(seed=)), `times` in all.  Of several rules that
match, the one made first takes the request; a rule that leaves it alone passes it to the next.

What a rule can do:
    answer(status, reason, message, retry_after, causes, body)   a Status; the server sees nothing
    answer_after(status, ...)   the same, but the server has done the work
    lose_answer()               the server has done the work; then the connection is reset
    reset(), reset_stream()     without asking the server; reset_stream leaves the connection's others alone
    goaway()                    HTTP/2: GOAWAY, this request unanswered; HTTP/1.1: closed
    delay(seconds)              then as usual
    freeze()                    never answered, the connection is kept
    hold()                      as usual, but not before let_go(): a request that is long on its way
    body(bytes, status)         the server's answer with other bytes; bytes may be a function of the bytes
    truncate(bytes)             the server's answer, its announced length kept, cut after so many bytes
    redirect(location)          307
For watches, after `after` events have passed:
    error_event(code, after)    an ERROR event, then the end of the stream
    silence(after)              nothing any more, not even the end
    end_watch(after), cut_watch(after)   a clean end; an end in the middle of the next event
    garbage(after)              a line that is not JSON, then as usual
    dribble(size)               the events in pieces of so many bytes
"""
import asyncio
import json
import random
import re
import ssl
import threading

import h2.exceptions
import h11

import pki
from faultwire import Aborted, Http1Session, Http2Session, Upstream
from processes import free_port, wait_for

REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired",
           413: "RequestEntityTooLarge", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
           503: "ServiceUnavailable", 504: "Timeout"}


def status_object(code, reason=None, message=None, retry_after=None, causes=None):
    details = {**({"retryAfterSeconds": retry_after} if retry_after is not None else {}),
               **({"causes": causes} if causes else {})}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
            "reason": reason or REASONS.get(code, ""), "message": message or "said by the fault proxy",
            **({"details": details} if details else {})}


# --- what a rule does: each is an async function (exchange, upstream) --------------------------------------


async def pass_on(exchange, upstream):
    async with upstream.ask(exchange.request) as answer:
        await exchange.start(answer.status, answer.headers)
        async for piece in answer.pieces():
            await exchange.data(piece)
        await exchange.end()


async def work_done(exchange, upstream):
    """The server's answer, read to its end and thrown away."""
    async with upstream.ask(exchange.request) as answer:
        return answer.status, answer.headers, b"".join([piece async for piece in answer.pieces()])


async def events_of(answer):
    """The lines of a watch, whole."""
    rest = b""
    async for piece in answer.pieces():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


def on_watch(after, then, needs_event=False):
    """Pass the first events on, then call then(exchange, line): line is the next event where one is needed,
    else None and nothing is waited for.  It returns True when the events go on as usual afterwards."""
    async def action(exchange, upstream):
        async with upstream.ask(exchange.request) as answer:
            await exchange.start(answer.status, answer.headers)
            lines, seen = events_of(answer), 0
            if after == 0 and not needs_event and not await then(exchange, None):
                return
            async for line in lines:
                if seen == after and needs_event and not await then(exchange, line):
                    return
                await exchange.data(line)
                seen += 1
                if seen == after and not needs_event and not await then(exchange, None):
                    return
            await exchange.end()
    return action


class Rule:
    def __init__(self, proxy, match, times, after, every, chance):
        self.proxy, self.match = proxy, match
        self.times, self.after, self.every, self.chance = times, after, every, chance
        self.seen = self.hits = 0
        self.action = pass_on

    def takes(self, request):
        """Whether this request is the rule's; counts it."""
        if not self.match(request) or (self.times is not None and self.hits >= self.times):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.seen - self.after - 1) % self.every:
            return False
        if self.chance is not None and self.proxy.random.random() >= self.chance:
            return False
        self.hits += 1
        return True

    def wait(self, hits=1, seconds=30):
        """Until it has taken so many requests."""
        wait_for(lambda: self.hits >= hits, seconds, f"{hits} hits of the rule")
        return self

    def remove(self):
        self.proxy.rules.remove(self)

    def _do(self, action):
        self.action = action
        self.proxy.rules.append(self)
        return self

    # --- answers

    def answer(self, status, reason=None, message=None, retry_after=None, causes=None, body=None):
        made = body if body is not None else json.dumps(
            status_object(status, reason, message, retry_after, causes)).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(made)))]
        if retry_after is not None:
            headers.append(("retry-after", str(retry_after)))

        async def action(exchange, upstream):
            await exchange.whole(status, headers, made)
        return self._do(action)

    def answer_after(self, status, **how):
        self.answer(status, **how)
        told = self.action

        async def action(exchange, upstream):
            await work_done(exchange, upstream)
            await told(exchange, upstream)
        self.action = action
        return self

    def redirect(self, location):
        async def action(exchange, upstream):
            await exchange.whole(307, [("location", location), ("content-length", "0")], b"")
        return self._do(action)

    def lose_answer(self):
        async def action(exchange, upstream):
            await work_done(exchange, upstream)
            exchange.reset_connection()
        return self._do(action)

    def reset(self):
        async def action(exchange, upstream):
            exchange.reset_connection()
        return self._do(action)

    def reset_stream(self):
        async def action(exchange, upstream):
            exchange.reset_stream()
        return self._do(action)

    def goaway(self):
        async def action(exchange, upstream):
            await exchange.goaway()
        return self._do(action)

    def delay(self, seconds):
        async def action(exchange, upstream):
            await asyncio.sleep(seconds)
            await pass_on(exchange, upstream)
        return self._do(action)

    def freeze(self):
        async def action(exchange, upstream):
            await asyncio.get_running_loop().create_future()
        return self._do(action)

    def hold(self):
        self.held = self.proxy.new_event()

        async def action(exchange, upstream):
            await self.held.wait()
            await pass_on(exchange, upstream)
        return self._do(action)

    def let_go(self):
        self.proxy.call(self.held.set)

    def body(self, data, status=None):
        async def action(exchange, upstream):
            real, headers, whole = await work_done(exchange, upstream)
            made = data(whole) if callable(data) else data
            headers = [h for h in headers if h[0] not in ("content-length", "content-encoding")]
            await exchange.whole(status or real, [*headers, ("content-length", str(len(made)))], made)
        return self._do(action)

    def truncate(self, size):
        async def action(exchange, upstream):
            real, headers, whole = await work_done(exchange, upstream)
            headers = [h for h in headers if h[0] != "content-length"]
            await exchange.start(real, [*headers, ("content-length", str(len(whole)))])
            await exchange.data(whole[:size])
            await exchange.cut()
        return self._do(action)

    # --- watches

    def error_event(self, code, after=0, **how):
        line = json.dumps({"type": "ERROR", "object": status_object(code, **how)}).encode() + b"\n"

        async def then(exchange, _):
            await exchange.data(line)
            await exchange.end()
        return self._do(on_watch(after, then))

    def silence(self, after=0):
        async def then(exchange, _):
            await asyncio.get_running_loop().create_future()
        return self._do(on_watch(after, then))

    def end_watch(self, after=0):
        async def then(exchange, _):
            await exchange.end()
        return self._do(on_watch(after, then))

    def cut_watch(self, after=0):
        async def then(exchange, line):
            await exchange.data(line[:len(line) // 2])
            await exchange.cut()
        return self._do(on_watch(after, then, needs_event=True))

    def garbage(self, after=0, line=b"<html>502 Bad Gateway</html>\n"):
        async def then(exchange, event):
            await exchange.data(line)
            return True
        return self._do(on_watch(after, then))

    def dribble(self, size=1):
        async def action(exchange, upstream):
            async with upstream.ask(exchange.request) as answer:
                await exchange.start(answer.status, answer.headers)
                async for piece in answer.pieces():
                    for i in range(0, len(piece), size):
                        await exchange.data(piece[i:i + size])
                        await asyncio.sleep(0)
                await exchange.end()
        return self._do(action)


class FaultProxy:
    """In front of plane (a ControlPlane); it answers with a certificate of the plane's own authority, for
    127.0.0.1 and localhost.  log: each Request that came, in order, with status (None: not answered)."""

    def __init__(self, plane, seed=1, protocols=("h2", "http/1.1")):
        self.plane, self.ca = plane, plane.ca
        self.random = random.Random(seed)
        self.protocols = protocols
        self.rules, self.log, self.errors, self.sessions = [], [], [], set()
        self.port = free_port()
        self.server = f"https://127.0.0.1:{self.port}"

    # --- for tests

    def on(self, method=None, path=None, watch=None, when=None, times=None, after=0, every=1, chance=None):
        """A Rule; it works from the moment it is told what to do."""
        methods, pattern = method.split() if method else None, re.compile(path) if path else None

        def match(request):
            return ((methods is None or request.method in methods)
                    and (pattern is None or pattern.search(request.path))
                    and (watch is None or watch == request.watch) and (when is None or when(request)))
        return Rule(self, match, times, after, every, chance)

    def clear(self):
        self.rules.clear()

    def requests(self, method=None, path=None, watch=None):
        match = self.on(method, path, watch).match
        return [r for r in list(self.log) if match(r)]

    def count(self, method=None, path=None, watch=None):
        return len(self.requests(method, path, watch))

    def freeze(self):
        """Every connection stands still, new ones after their handshake; the kernel still acknowledges."""
        self.call(self.flowing.clear)

    def thaw(self):
        self.call(self.flowing.set)

    def reset_all(self):
        """Reset every connection there is."""
        self.call(lambda: [session.reset() for session in list(self.sessions)])

    def refuse(self):
        """Accept no connection; those that are there stay."""
        self._run(self._stop_listening())

    def accept(self):
        self._run(self._listen())

    # --- life

    def start(self):
        self.plane.authority.issue("faultproxy", "faultproxy", [pki.SERVER], names=("127.0.0.1", "localhost"))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.plane.folder / "faultproxy.crt", self.plane.folder / "faultproxy.key")
        self.tls.set_alpn_protocols(list(self.protocols))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self._run(self._open())
        return self

    async def _open(self):
        self.flowing = asyncio.Event()
        self.flowing.set()
        tls = ssl.create_default_context(cafile=str(self.plane.ca))
        self.upstream = Upstream("127.0.0.1", self.plane.port, tls)
        await self._listen()

    async def _listen(self):
        self.listener = await asyncio.start_server(self._client, "127.0.0.1", self.port, ssl=self.tls, backlog=512)

    async def _stop_listening(self):
        self.listener.close()
        await asyncio.sleep(0)

    def stop(self):
        self._run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()
        assert not self.errors, self.errors

    async def _close(self):
        self.listener.close()
        for session in list(self.sessions):
            session.reset()
            session.close()
        self.upstream.close()
        mine = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def call(self, function):
        """In the proxy's own thread."""
        async def called():
            function()
        self._run(called())

    def new_event(self):
        async def made():
            return asyncio.Event()
        return self._run(made())

    # --- work

    async def _client(self, reader, writer):
        protocol = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        session = (Http2Session if protocol == "h2" else Http1Session)(self, reader, writer)
        self.sessions.add(session)
        try:
            await session.run()
        except (Aborted, ConnectionError, ssl.SSLError, h2.exceptions.ProtocolError, h11.ProtocolError):
            pass  # the client's affair: it went away, or does not speak the protocol
        finally:
            self.sessions.discard(session)
            session.close()

    async def handle(self, exchange):
        request = exchange.request
        self.log.append(request)
        request.rule = next((rule for rule in list(self.rules) if rule.takes(request)), None)
        action = request.rule.action if request.rule else pass_on
        try:
            await action(exchange, self.upstream)
        except Aborted:
            pass  # the client took no answer
        except (ConnectionError, h11.RemoteProtocolError, ssl.SSLError):
            exchange.reset_connection()  # as the server behind did
        except Exception as e:  # a fault nobody asked for must not pass for one
            self.errors.append(f"{request}: {e!r}")
            exchange.reset_connection()

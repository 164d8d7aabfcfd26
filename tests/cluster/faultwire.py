# SPDX-License-Identifier: Apache-2.0
"""What the fault proxy speaks: HTTP/1.1 to the server behind, HTTP/2 and HTTP/1.1 to clients."""
import asyncio
import json
import socket
import struct
import time
import urllib.parse

import h2.config
import h2.connection
import h2.errors
import h2.events
import h11
import hyperframe.frame

# what concerns one connection is not passed on
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection", "host"}
MAX_BODY = 8 << 20


class Aborted(Exception):
    """The client's stream or connection is gone; whoever was answering stops."""


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.path, _, query = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.watch = self.query.get("watch") in ("1", "true")
        self.time = time.monotonic()
        self.status = self.rule = None

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.method} {self.target} {self.status}>"


# --- the server behind --------------------------------------------------------------------------------------


class Upstream:
    """Connections to the real server, kept while they can be."""

    def __init__(self, host, port, tls):
        self.host, self.port, self.tls = host, port, tls
        self.idle = []

    def ask(self, request):
        return UpstreamAnswer(self, request)

    async def connection(self):
        while self.idle:
            reader, writer, state = self.idle.pop()
            if not reader.at_eof():
                return reader, writer, state
            writer.close()
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self.tls, limit=1 << 20)
        return reader, writer, h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)

    def close(self):
        for _, writer, _ in self.idle:
            writer.close()
        self.idle = []


class UpstreamAnswer:
    """async with: one request sent, its status and headers there, its body to come."""

    def __init__(self, upstream, request):
        self.upstream, self.request = upstream, request

    async def __aenter__(self):
        self.reader, self.writer, self.state = await self.upstream.connection()
        r = self.request
        headers = [(k, v) for k, v in r.headers if k not in HOP and k != "content-length" and not k.startswith(":")]
        headers += [("host", f"{self.upstream.host}:{self.upstream.port}")]
        if r.body or r.method in ("POST", "PUT", "PATCH"):
            headers.append(("content-length", str(len(r.body))))
        out = self.state.send(h11.Request(method=r.method, target=r.target, headers=headers))
        if r.body:
            out += self.state.send(h11.Data(data=r.body))
        self.writer.write(out + self.state.send(h11.EndOfMessage()))
        event = await self._next()
        while isinstance(event, h11.InformationalResponse):
            event = await self._next()
        if not isinstance(event, h11.Response):
            raise ConnectionError("the server behind closed without an answer")
        self.status = event.status_code
        self.headers = [(k.decode(), v.decode()) for k, v in event.headers if k.decode() not in HOP]
        return self

    async def _next(self):
        while (event := self.state.next_event()) is h11.NEED_DATA:
            self.state.receive_data(await self.reader.read(1 << 18))
        return event

    async def pieces(self):
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def __aexit__(self, kind, *_):
        if kind is None and self.state.our_state is h11.DONE and self.state.their_state is h11.DONE:
            self.state.start_next_cycle()
            self.upstream.idle.append((self.reader, self.writer, self.state))
        else:
            self.writer.transport.abort()


# --- the client's side ------------------------------------------------------------------------------------------


class Session:
    """One connection of a client."""

    def __init__(self, proxy, reader, writer):
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.tasks = set()
        writer.transport.set_write_buffer_limits(high=1 << 18)

    async def read(self):
        data = await self.reader.read(1 << 16)
        await self.proxy.flowing.wait()
        return data

    async def flush(self):
        await self.proxy.flowing.wait()
        if self.writer.transport.is_closing():
            raise Aborted
        await self.writer.drain()

    def reset(self):
        """RST instead of a polite end."""
        s = self.writer.get_extra_info("socket")
        if s is None or s.fileno() < 0:
            return  # it is gone already
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self):
        for task in list(self.tasks):
            task.cancel()
        if not self.writer.transport.is_closing():
            self.writer.close()


class Exchange:
    """One request and its answer; how it is written is the subclass's."""

    def __init__(self, session, request):
        self.session, self.request = session, request

    async def whole(self, status, headers, body):
        await self.start(status, headers)
        if body:
            await self.data(body)
        await self.end()

    async def start(self, status, headers):
        self.request.status = status
        await self._start(status, headers)
        await self.session.flush()

    def reset_connection(self):
        self.session.reset()


class Http1Exchange(Exchange):
    async def _start(self, status, headers):
        self._send(h11.Response(status_code=status, headers=headers))

    def _send(self, event):
        self.session.writer.write(self.session.state.send(event) or b"")

    async def data(self, data):
        self._send(h11.Data(data=data))
        await self.session.flush()

    async def end(self):
        self._send(h11.EndOfMessage())
        await self.session.flush()

    async def cut(self):
        self.session.writer.close()

    def reset_stream(self):
        self.session.reset()

    async def goaway(self):
        self.session.writer.close()


class Http1Session(Session):
    async def run(self):
        self.state = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        while (request := await self._request()) is not None:
            await self.proxy.handle(Http1Exchange(self, request))
            if self.state.our_state is not h11.DONE or self.state.their_state is not h11.DONE:
                return
            self.state.start_next_cycle()

    async def _next(self):
        while (event := self.state.next_event()) is h11.NEED_DATA:
            if self.state.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self.writer.write(self.state.send(go_on))
            self.state.receive_data(await self.read())
        return event

    async def _request(self):
        head, body = await self._next(), b""
        if not isinstance(head, h11.Request):
            return None
        while isinstance(event := await self._next(), h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                return None
        headers = [(k.decode(), v.decode()) for k, v in head.headers]
        return Request(head.method.decode(), head.target.decode(), headers, body)


class Http2Exchange(Exchange):
    def __init__(self, session, request, stream):
        super().__init__(session, request)
        self.stream = stream

    def _gone(self):
        return self.stream not in self.session.open

    async def _start(self, status, headers):
        if self._gone():
            raise Aborted
        self.session.h2.send_headers(self.stream, [(":status", str(status)), *headers])
        self.session.send()

    async def data(self, data):
        h2c = self.session.h2
        while data:
            if self._gone():
                raise Aborted
            room = min(h2c.local_flow_control_window(self.stream), h2c.max_outbound_frame_size, len(data))
            if room <= 0:
                await self.session.room()
                continue
            h2c.send_data(self.stream, data[:room])
            self.session.send()
            await self.session.flush()
            data = data[room:]

    async def end(self):
        if self._gone():
            raise Aborted
        self.session.h2.end_stream(self.stream)
        self.session.send()
        await self.session.flush()
        self.session.open.pop(self.stream, None)
        self.session.finished()

    async def cut(self):
        # the end, though more was announced
        await self.end()

    def reset_stream(self):
        if not self._gone():
            self.session.h2.reset_stream(self.stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
            self.session.open.pop(self.stream, None)
            self.session.send()

    async def goaway(self):
        # The streams before this one are still answered, as Go's server does with a connection that it wants
        # to be rid of.  The library would take the connection for closed, so the frame is written past it.
        older = [s for s in self.session.open if s < self.stream]
        frame = hyperframe.frame.GoAwayFrame(0, last_stream_id=max(older, default=0))
        self.session.writer.write(frame.serialize())
        self.session.open.pop(self.stream, None)
        self.session.leaving = True
        self.session.finished()


class Http2Session(Session):
    async def run(self):
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.open = {}       # stream id -> [headers, body]
        self.leaving = False
        self.changed = asyncio.Event()
        self.h2.initiate_connection()
        self.send()
        while data := await self.read():
            for event in self.h2.receive_data(data):
                self._take(event)
            self.send()
            await self.flush()

    def send(self):
        if not self.writer.transport.is_closing():
            self.writer.write(self.h2.data_to_send())

    def finished(self):
        """After GOAWAY the last answer ends the connection."""
        if self.leaving and not self.open:
            self.writer.close()

    async def room(self):
        """Until a window may have opened."""
        self.changed.clear()
        await self.changed.wait()

    def _take(self, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            self.open[stream] = [event.headers, b""]
        elif isinstance(event, h2.events.DataReceived):
            if stream in self.open:
                self.open[stream][1] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
            if len(self.open.get(stream, (0, b""))[1]) > MAX_BODY:
                raise Aborted
        elif isinstance(event, h2.events.StreamEnded) and stream in self.open:
            self._handle(stream)
        elif isinstance(event, h2.events.StreamReset):
            self.open.pop(stream, None)
        self.changed.set()

    def _handle(self, stream):
        headers, body = self.open[stream]
        pseudo = dict(h for h in headers if h[0].startswith(":"))
        request = Request(pseudo[":method"], pseudo[":path"], [h for h in headers if h[0][0] != ":"], body)
        task = asyncio.get_running_loop().create_task(self.proxy.handle(Http2Exchange(self, request, stream)))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

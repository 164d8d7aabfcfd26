# SPDX-License-Identifier: Apache-2.0
"""A TLS server on loopback that answers as a test tells it, over HTTP/1.1 and, where python3-h2 is
there, HTTP/2.  It does what a healthy API server never does: hang, reset, break off, redirect."""
import asyncio
import dataclasses
import datetime
import ipaddress
import json
import socket
import ssl
import struct
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

try:
    import h2.config
    import h2.connection
    import h2.events
    import hyperframe.frame
    HTTP2 = True
except ImportError:
    HTTP2 = False


class Authority:
    """A CA and what it signs, as PEM files in a folder."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert = self.sign(name, self.key.public_key(), ca=True)
        self.ca = folder / f"{name}-ca.pem"
        self.ca.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))

    def sign(self, name, public, ca=False, names=(), addresses=(), shift=0):
        now = datetime.datetime.utcnow() + datetime.timedelta(days=shift)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(days=1))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        alternatives = [x509.DNSName(n) for n in names] + [
            x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, names=(), addresses=(), shift=0):
        """(certificate, key) files; valid for the day that begins so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self.sign(name, key.public_key(), names=names, addresses=addresses, shift=shift)
        paths = self.folder / f"{self.name}-{name}.crt", self.folder / f"{self.name}-{name}.key"
        paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                               serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        return paths


@dataclasses.dataclass
class Request:
    connection: int
    method: str
    path: str
    headers: dict
    body: bytes
    peer: dict = None  # the client's certificate
    version: str = "1.1"


@dataclasses.dataclass
class Reply:
    status: int = 200
    body: object = None  # bytes, or anything as JSON
    headers: dict = dataclasses.field(default_factory=dict)
    delay: float = 0  # before anything is said
    chunks: list = None  # instead of body: (seconds before, bytes)
    reset: bool = False  # RST instead of an answer
    close: bool = False  # the connection ends after the answer, or instead of one
    cut: int = None  # RST after so many bytes of the body, of which more are promised
    hang: bool = False  # never an answer

    def bytes(self):
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps({} if self.body is None else self.body).encode()

    def all_headers(self):
        return {"content-type": "application/json", **{k.lower(): v for k, v in self.headers.items()}}


def status(code, reason, message="", **details):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
            "reason": reason, "message": message, "details": details}


class Server:
    """handler(request) gives a Reply.  GET /version is answered by itself unless handles_version."""

    def __init__(self, cert, http2=False, client_ca=None, handles_version=False):
        self.http2, self.handles_version = http2, handles_version
        self.handler = lambda request: Reply()
        self.requests, self.versions, self.connections = [], 0, 0
        self.flying, self.most_flying = 0, 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*cert)
        self.context.set_alpn_protocols(["h2"] if http2 else ["http/1.1"])
        if client_ca:
            self.context.verify_mode = ssl.CERT_OPTIONAL
            self.context.load_verify_locations(client_ca)
        self.names, self.writers = [], set()
        self.frozen = set()  # HTTP/2 connections that are read from and written to no more
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        self.listener = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.context, backlog=256),
            self.loop).result()
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        async def stop():
            self.listener.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
        asyncio.run_coroutine_threadsafe(stop(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def abort_all(self):
        """RST on every connection."""
        for writer in list(self.writers):
            self.loop.call_soon_threadsafe(reset, writer)

    async def serve(self, reader, writer):
        self.writers.add(writer)
        self.connections += 1
        number = self.connections
        try:
            if self.http2:
                await Http2(self, number, reader, writer).run()
            else:
                await self.serve_http1(number, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    def answer(self, request):
        if request.path.split("?")[0].endswith("/version") and not self.handles_version:
            self.versions += 1
            return Reply(body={"major": "1", "minor": "36"})
        self.requests.append(request)
        return self.handler(request)

    async def serve_http1(self, number, reader, writer):
        peer = writer.get_extra_info("peercert")
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {}
            for line in filter(None, head[1:]):
                name, value = line.split(": ", 1)
                headers.setdefault(name.lower(), []).append(value)
            body = await reader.readexactly(int(headers.get("content-length", ["0"])[0]))
            self.flying += 1
            self.most_flying = max(self.most_flying, self.flying)
            try:
                reply = self.answer(Request(number, method, path, headers, body, peer))
                if not await self.reply_http1(reply, writer):
                    return
            finally:
                self.flying -= 1

    async def reply_http1(self, reply, writer):
        await asyncio.sleep(reply.delay)
        if reply.hang:
            await asyncio.sleep(3600)
        if reply.reset:
            reset(writer)
            return False
        if reply.close and reply.body is None and reply.chunks is None:
            return False
        lines = [f"HTTP/1.1 {reply.status} X"]
        body = reply.bytes()
        headers = reply.all_headers()
        if reply.close:
            headers["connection"] = "close"
        headers.update({"transfer-encoding": "chunked"} if reply.chunks is not None
                       else {"content-length": str(len(body))})
        lines += [f"{k}: {v}" for k, v in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        for wait, chunk in reply.chunks or []:
            await writer.drain()
            await asyncio.sleep(wait)
            if chunk is None:
                reset(writer)
                return False
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if reply.chunks is not None:
            writer.write(b"0\r\n\r\n")
        else:
            writer.write(body if reply.cut is None else body[:reply.cut])
        await writer.drain()
        if reply.cut is not None:
            reset(writer)
        return reply.cut is None and not reply.close


def reset(writer):
    sock = writer.get_extra_info("socket")
    if sock is not None:  # the other end was faster
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Http2:
    def __init__(self, server, number, reader, writer):
        self.server, self.number, self.reader, self.writer = server, number, reader, writer
        self.peer = writer.get_extra_info("peercert")
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False,
                                                                      header_encoding="utf-8"))
        self.streams, self.room, self.tasks = {}, asyncio.Event(), set()
        self.last, self.going = 0, False

    async def run(self):
        self.h2.initiate_connection()
        self.flush()
        try:
            while data := await self.reader.read(65536):
                for event in self.h2.receive_data(data):
                    self.on(event)
                self.flush()
        finally:
            for task in self.tasks:
                task.cancel()

    def flush(self):
        data = self.h2.data_to_send()
        if self.number not in self.server.frozen:
            self.writer.write(data)

    def go_away(self):
        """As a Go server does: nothing new, what is under way is answered, then the end."""
        self.going = True
        self.writer.write(hyperframe.frame.GoAwayFrame(0, last_stream_id=self.last).serialize())

    def on(self, event):
        if isinstance(event, h2.events.RequestReceived):
            if self.going:
                return
            self.last = event.stream_id
            self.streams[event.stream_id] = (event.headers, bytearray())
        elif isinstance(event, h2.events.DataReceived):
            if event.stream_id in self.streams:
                self.streams[event.stream_id][1].extend(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded) and event.stream_id in self.streams:
            task = asyncio.ensure_future(self.handle(event.stream_id))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif isinstance(event, h2.events.WindowUpdated):
            self.room.set()

    async def handle(self, stream):
        headers, body = self.streams.pop(stream)
        named = {}
        for name, value in headers:
            named.setdefault(name, []).append(value)
        request = Request(self.number, named[":method"][0], named[":path"][0], named, bytes(body),
                          self.peer, "2")
        server = self.server
        server.flying += 1
        server.most_flying = max(server.most_flying, server.flying)
        try:
            await self.reply(stream, server.answer(request))
        except (ConnectionError, h2.exceptions.ProtocolError):
            pass
        finally:
            server.flying -= 1
            if self.going and len(self.tasks) <= 1:
                # at once, what the client sends meanwhile would make it a reset; Go waits a second
                self.server.loop.call_later(0.5, self.writer.close)

    async def reply(self, stream, reply):
        await asyncio.sleep(reply.delay)
        if reply.hang:
            await asyncio.sleep(3600)
        if reply.reset:
            reset(self.writer)
            return
        if reply.close and reply.body is None and reply.chunks is None:
            self.writer.transport.abort()
            return
        self.h2.send_headers(stream, [(":status", str(reply.status)), *reply.all_headers().items()])
        body = reply.bytes()
        for wait, chunk in reply.chunks if reply.chunks is not None else [(0, body if reply.cut is None
                                                                          else body[:reply.cut])]:
            self.flush()
            await asyncio.sleep(wait)
            if chunk is None:
                reset(self.writer)
                return
            await self.send(stream, chunk)
        if reply.cut is not None:
            self.h2.reset_stream(stream)
            self.flush()
            return
        self.h2.end_stream(stream)
        self.flush()
        if reply.close:
            self.go_away()

    async def send(self, stream, data):
        while data:
            n = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(data))
            if n <= 0:
                self.room.clear()
                await self.room.wait()
                continue
            self.h2.send_data(stream, data[:n])
            data = data[n:]
            self.flush()

# SPDX-License-Identifier: Apache-2.0
"""Registries on loopback: Debian's docker-registry with a token server of our own (distribution:
spec/auth/token and jwt) or with htpasswd, and one that answers as a test tells it."""
import base64
import datetime
import hashlib
import http.server
import io
import ipaddress
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "cluster"))
import processes  # noqa: E402

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ISSUER, SERVICE = "test-tokens", "test-registry"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Authority:
    """A CA whose certificate is at .ca; files of what it issues go to the same folder."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert = self._sign(name, self.key.public_key(), ca=True)
        self.ca = folder / f"{name}.pem"
        self.ca.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))

    def _sign(self, name, public, ca=False, names=(), begin=-1, end=30, serial=None):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder()
                   .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
                   .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
                   .public_key(public).serial_number(serial or x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days=begin))
                   .not_valid_after(now + datetime.timedelta(days=end))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([general_name(n) for n in names]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, names=("127.0.0.1", "localhost"), begin=-1, end=30, key=None):
        """(certificate, key) files; days from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        cert = self._sign(name, key.public_key(), names=names, begin=begin, end=end)
        crt, path = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        crt.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        path.write_bytes(pem(key))
        return crt, path


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Server:
    """An HTTPS server whose answers are made by `answer(request)`: (status, headers, body)."""

    def __init__(self, pair, answer):
        self.answer, self.requests = answer, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.body = self.rfile.read(length)
                outer.requests.append((self.command, self.path, dict(self.headers)))
                status, headers, body = outer.answer(self)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = handle_any

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        if pair:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*pair)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if pair else ''}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def logins(self):
        return [r[2]["Authorization"] for r in self.requests if "Authorization" in r[2]]


def basic(headers):
    kind, _, value = headers.get("Authorization", "").partition(" ")
    if kind != "Basic":
        return None
    user, _, password = base64.b64decode(value).decode().partition(":")
    return user, password


class Tokens:
    """A token server: who may do what; users: {name: (password, {repository: actions})}."""

    def __init__(self, authority, folder):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.crt, _ = authority.issue("token-signer", names=(), key=self.key)
        self.users, self.opaque = {}, False
        self.refusal = 401
        self.hide = False  # refuse the token itself where no right is (as GHCR: 403)

    def __call__(self, request):
        url = urllib.parse.urlsplit(request.path)
        query = urllib.parse.parse_qs(url.query)
        login = basic(request.headers)
        if login is None or login[0] not in self.users or self.users[login[0]][0] != login[1]:
            return self.refusal, [("Content-Type", "application/json")], \
                b'{"errors":[{"code":"DENIED","message":"denied"}]}'
        rights = self.users[login[0]][1]
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":")
            granted = [a for a in actions.split(",") if a in rights.get(name, ())]
            if granted:
                access.append({"type": kind, "name": name, "actions": granted})
        if self.hide and query.get("scope") and not access:
            return 403, [("Content-Type", "application/json")], b'{"errors":[{"code":"DENIED","message":"denied"}]}'
        body = {"token": self.sign(login[0], query.get("service", [SERVICE])[0], access), "expires_in": 300}
        return 200, [("Content-Type", "application/json")], json.dumps(body).encode()

    def sign(self, subject, audience, access):
        now = int(time.time())
        der = x509.load_pem_x509_certificate(self.crt.read_bytes()).public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        payload = {"iss": ISSUER, "sub": subject, "aud": audience, "exp": now + 300, "nbf": now - 10, "iat": now,
                   "jti": uuid.uuid4().hex, "access": access}
        text = b64url(json.dumps(header).encode()) + b"." + b64url(json.dumps(payload).encode())
        return (text + b"." + b64url(self.key.sign(text, padding.PKCS1v15(), hashes.SHA256()))).decode()


class Registry:
    """Debian's docker-registry over TLS; auth is the part of its configuration of that name."""

    def __init__(self, folder, pair, auth):
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        config = {"version": "0.1", "log": {"level": "error"}, "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
                  "http": {"addr": self.host, "secret": "s", "tls": {"certificate": str(pair[0]), "key": str(pair[1])}},
                  "auth": auth}
        path = folder / "registry.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        self.server = processes.Server("docker-registry", ["docker-registry", "serve", path], folder / "registry.log")
        self.server.wait_ready(self.listens, 20)

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        self.server.stop(10)


def layout(folder, text="hello"):
    """An OCI image layout of one small layer."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("hello")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text.encode()))
    layer = put(tar.getvalue())
    diff = layer["digest"]
    config = put(json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                             "rootfs": {"type": "layers", "diff_ids": [diff]}}).encode())
    manifest = put(json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}]}).encode())
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({
        "schemaVersion": 2, "manifests": [{"mediaType": MANIFEST, **manifest,
                                           "annotations": {"org.opencontainers.image.ref.name": "v1"}}]}))


class Skopeo:
    """The second client; it trusts the same authority and keeps nothing of the user's."""

    def __init__(self, folder, ca):
        self.certs = folder / "skopeo-certs"
        self.certs.mkdir()
        shutil.copy(ca, self.certs / "ca.crt")
        self.folder = folder

    def run(self, *args):
        env = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(self.folder),
               "TMPDIR": str(self.folder)}
        return subprocess.run(["skopeo", "--insecure-policy", *map(str, args)], capture_output=True, text=True, env=env,
                              timeout=60)

    def push(self, folder, image, login):
        """Returns the digest that the registry has it under: skopeo packs the layer."""
        digest = self.folder / "digest"
        done = self.run("copy", "--dest-cert-dir", self.certs, "--dest-creds", ":".join(login),
                        "--digestfile", digest, f"oci:{folder}:v1", f"docker://{image}")
        assert done.returncode == 0, done.stderr
        return digest.read_text().strip()

    def pulls(self, image, login):
        """Does skopeo get the manifest?  (yes or no, and its words)"""
        done = self.run("inspect", "--raw", "--cert-dir", self.certs, "--creds", ":".join(login), f"docker://{image}")
        return done.returncode == 0, done.stderr

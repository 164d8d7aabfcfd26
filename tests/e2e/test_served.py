# SPDX-License-Identifier: Apache-2.0
"""Which certificate a TLS server shows, and how it compares with one at hand."""
import datetime
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest
import registries
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


class Tls:
    """Shakes hands and closes; certificates by the name that is asked for."""

    def __init__(self, pair, by_name=None, **settings):
        self.asked = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(*pair)
        for name, value in settings.items():
            setattr(context, name, value)

        def choose(sock, name, _):
            self.asked.append(name)
            if by_name and name in by_name:
                other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                other.load_cert_chain(*by_name[name])
                sock.context = other

        context.sni_callback = choose
        self.context, self.socket = context, socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            try:
                self.context.wrap_socket(connection, server_side=True).close()
            except (OSError, ssl.SSLError):
                connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture
def authority(tmp_path):
    return registries.Authority(tmp_path)


@pytest.fixture
def ask(bin_dir, authority, tmp_path):
    def run(address, *options, leaf=b""):
        done = subprocess.run([bin_dir / "tools" / "live_tool", "served", "--ca", authority.ca, *options, str(address)],
                              input=leaf, capture_output=True, timeout=30, env={"HOME": str(tmp_path), "PATH": "/usr/bin"})
        return {**json.loads(done.stdout), "status": done.returncode}
    return run


def der(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.DER)


def fingerprint(path):
    out = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"], capture_output=True, text=True,
                         check=True).stdout
    return "SHA256:" + out.strip().partition("=")[2]


def test_chain(ask, authority, tmp_path):
    crt, key = authority.issue("server", names=("www.example.com", "127.0.0.1", "::1"))
    both = tmp_path / "both.pem"
    both.write_bytes(crt.read_bytes() + authority.ca.read_bytes())
    with Tls((both, key)) as server:
        said = ask(f"127.0.0.1:{server.port}")
    assert said["status"] == 0 and said["trusted"] and said["named"] and said["why_not"] == "", said
    assert [c["subject"] for c in said["chain"]] == ["CN=server", "CN=ca"]
    leaf = said["chain"][0]
    assert leaf["issuer"] == "CN=ca" and leaf["names"] == "www.example.com,127.0.0.1,::1"
    assert leaf["fingerprint"] == fingerprint(crt) and said["likeness"] == "uncompared"
    cert = x509.load_pem_x509_certificate(crt.read_bytes())
    assert leaf["not_after"] == int(cert.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp())


@pytest.mark.parametrize("form", ["pem", "der"])
@pytest.mark.parametrize("given,same_key,likeness", [
    ({}, True, "older"), ({}, False, "older"), ({"begin": -9}, True, "newer"), ({"begin": -9}, False, "newer"),
    (None, True, "same")])
def test_compare(ask, authority, given, same_key, likeness, form):
    key = ec.generate_private_key(ec.SECP256R1())
    pair = authority.issue("served", begin=-5, key=key)
    other = pair[0] if given is None else authority.issue("given", key=key if same_key else None, **given)[0]
    with Tls(pair) as server:
        said = ask(f"127.0.0.1:{server.port}", leaf=der(other) if form == "der" else other.read_bytes())
    assert (said["likeness"], said["same_key"]) == (likeness, same_key)


def test_sni(ask, authority):
    """The name decides which certificate is shown; the address where it is asked for."""
    default, named = authority.issue("default"), authority.issue("named", names=("app.example.com",))
    with Tls(default, {"app.example.com": named}) as server:
        said = ask(f"127.0.0.1:{server.port}", "--name", "app.example.com")
        assert server.asked == ["app.example.com"] and said["named"] and said["chain"][0]["subject"] == "CN=named"
        said = ask(f"127.0.0.1:{server.port}", "--name", "other.example.com")
        assert not said["named"] and said["trusted"] and said["chain"][0]["subject"] == "CN=default"


@pytest.mark.parametrize("issue,why", [({"begin": -30, "end": -1}, "expired"), ({"begin": 2}, "not yet valid")])
def test_what_no_client_would_take(ask, authority, issue, why):
    with Tls(authority.issue("server", **issue)) as server:
        said = ask(f"127.0.0.1:{server.port}")
    assert said["status"] == 0 and not said["trusted"] and why in said["why_not"] and len(said["chain"]) == 1


def test_foreign_authority(ask, tmp_path):
    (tmp_path / "other").mkdir()
    with Tls(registries.Authority(tmp_path / "other", "foreign").issue("server")) as server:
        said = ask(f"127.0.0.1:{server.port}")
    assert said["status"] == 0 and not said["trusted"] and "issuer" in said["why_not"]


def test_weak_key_is_seen(ask, authority):
    with Tls(authority.issue("weak", key=rsa.generate_private_key(public_exponent=65537, key_size=1024))) as server:
        assert ask(f"127.0.0.1:{server.port}")["chain"][0]["subject"] == "CN=weak"


def test_no_tls_server(ask, authority):
    with registries.Server(None, lambda r: (200, [], b"")) as server:
        said = ask(f"127.0.0.1:{server.port}")
        assert said["status"] == 7 and "no TLS handshake" in said["error"]
    said = ask(f"127.0.0.1:{registries.free_port()}")
    assert said["status"] == 7 and "no connection" in said["error"]


def test_silent_server(ask):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        said = ask(f"127.0.0.1:{silent.getsockname()[1]}", "--timeout", "500")
        assert said["status"] == 7 and "no answer in time" in said["error"] and time.monotonic() - begin < 10


@pytest.mark.parametrize("address", ["", ":443", "a b:1", "host:0", "host:65536", "host:x", "host:", "[::1", "[::1]1",
                                     "[x]:1", "host/path:1", "-h:1", "host:1:2", "https://host"])
def test_addresses(ask, address):
    said = ask(address)
    assert said["status"] == 3 and said["error"].startswith("address: "), said


@pytest.mark.parametrize("leaf", [b"x", b"-----BEGIN CERTIFICATE-----\n", b"0" * 60000], ids=range(3))
def test_leaf_that_is_none(ask, authority, leaf):
    with Tls(authority.issue("server")) as server:
        said = ask(f"127.0.0.1:{server.port}", leaf=leaf)
    assert said["status"] == 3 and "neither PEM nor DER" in said["error"] and said["likeness"] == "uncompared"

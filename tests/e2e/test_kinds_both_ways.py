# SPDX-License-Identifier: Apache-2.0
"""Every kind, built and sealed here, is opened by the oracle; sealed again by the oracle, it is opened here."""
import base64
import json
import subprocess
import time
import zlib

import pytest

from documents import KINDS, Key, Tool, b64, oracle

NOW = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))  # later than the certificates made here


def run(*args, **kwargs):
    return subprocess.run(args, check=True, capture_output=True, **kwargs).stdout


def github_token():
    """A personal access token of the right shape: 30 characters and their CRC32 in base 62."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    body = "BullaTestTokenNotARealOneAtAll"
    crc, tail = zlib.crc32(body.encode()), ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        tail = digits[digit] + tail
    return "ghp_" + body + tail


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Real keys and certificates, made on the spot."""
    d = tmp_path_factory.mktemp("material")
    run("openssl", "genrsa", "-out", d / "rsa.pem", "2048")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
        d / "tls.key", "-out", d / "tls.crt", "-days", "30000", "-subj", "/CN=foobar-api", "-addext",
        "subjectAltName=DNS:foobar-api,DNS:foobar.example")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", d / "ssh")
    gcp = {"type": "service_account", "project_id": "foobar-1234", "private_key_id": "0123456789abcdef0123456789abcdef01234567",
           "private_key": (run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", d / "rsa.pem").decode()),
           "client_email": "robot@foobar-1234.iam.gserviceaccount.com", "client_id": "1234567890",
           "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": "https://oauth2.googleapis.com/token",
           "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
           "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/robot",
           "universe_domain": "googleapis.com"}
    (d / "gcp.json").write_text(json.dumps(gcp, indent=2))
    return {name: (d / name).read_bytes() for name in ("rsa.pem", "tls.key", "tls.crt", "ssh", "gcp.json")}


def inputs(material, key):
    """kind -> a list of requests to build it."""
    url = "ssh://git@github.com/barolab/foobar-infra"
    https = "https://github.com/barolab/foobar-infra"
    return {
        "registry": [dict(fields={"server": "ghcr.io", "username": "barolab-bot", "token": github_token()}),
                     dict(fields={"server": "ghcr.io", "username": "barolab-bot", "token": github_token()},
                          extra={"namespaces": "team-*,web", "service-accounts": "default"})],
        "deploy-key": [dict(fields={"url": url}), dict(fields={"url": url, "type": "ecdsa-p384"}),
                       dict(fields={"url": url, "private-key": material["ssh"]})],
        "git-https": [dict(fields={"url": https, "username": "git", "token": github_token()})],
        "github-app": [dict(fields={"url": https, "app-id": "12345", "private-key": material["rsa.pem"],
                                    "owner": "barolab"}),
                       dict(fields={"url": https, "app-id": "12345", "private-key": material["rsa.pem"],
                                    "installation-id": "777"})],
        "tls": [dict(fields={"cert": material["tls.crt"], "private-key": material["tls.key"]}),
                dict(fields={"cert": material["tls.crt"], "private-key": material["tls.key"], "ca": material["tls.crt"]},
                     aliases={"cert.pem": "tls.crt", "key.pem": "tls.key"})],
        "basic-auth": [dict(fields={"username": "admin", "password": "correct horse battery"}),
                       dict(fields={"username": "admin", "password": "correct horse battery"}, type="Opaque")],
        "proxy": [dict(fields={"address": "http://proxy.example:3128"}),
                  dict(fields={"address": "http://proxy.example:3128", "username": "u", "password": "correct horse"})],
        "webhook-token": [dict(fields={"token": "0123456789abcdef0123456789abcdef01234567"})],
        "age-key": [dict(fields={"private-key": key.secret + "\n"})],
        "gcp-service-account": [dict(fields={"key": material["gcp.json"]})],
        "opaque": [dict(fields={"NO": "x"}), dict(fields={"a": "", "b": b"\0\xff"})],
    }


def decoded(data):
    return {k: base64.b64decode(v) for k, v in data.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_both_ways(tmp_path, material, kind):
    keys = [Key(tmp_path / "a.key"), Key(tmp_path / "b.key")]
    to = {"eu-west9": keys[0].public, "recovery": keys[1].public}
    tool = Tool(keys[0].path)
    for request in inputs(material, keys[1])[kind]:
        request["fields"] = {k: b64(v) for k, v in request["fields"].items()}
        built = tool.ask("build", kind=kind, now=NOW, **request)
        assert built["ok"], built["error"]
        part = "NO" if list(built["data"]) == ["NO"] else "credential"
        head = {"name": "foobar", "namespace": "flux-system", "kind": kind, "type": built["type"], "labels": {},
                "annotations": {}}
        sealed = tool.ask("seal", document=head, now=NOW, parts=[
            {"name": part, "recipients": to, "data": built["data"], "facts": built["facts"]}])
        assert sealed["ok"], sealed["error"]
        # opened there
        d = oracle.parse(sealed["text"].encode(), KINDS)
        values = oracle.open_document(d, {keys[1].id: keys[1].secret})
        assert values == decoded(built["data"])
        assert {**built["facts"], "sealed-at": NOW} == d.parts[part].facts
        # sealed there, opened here
        again = oracle.Document("flux-system", "foobar", KINDS[kind], built["type"])
        oracle.seal(again, part, values, built["facts"], to, NOW)
        opened = tool.ask("open", text=oracle.write(again), now=NOW)
        assert opened["ok"], opened["error"]
        assert (opened["data"], opened["type"]) == (built["data"], built["type"])
        # under another kind it is not opened, whatever the document says
        if kind != "opaque":
            other = oracle.Document("flux-system", "foobar", KINDS["opaque"], "Opaque")
            facts = {k: v for k, v in built["facts"].items() if k in KINDS["opaque"].facts and k != "aliases"}
            oracle.seal(other, part, values, facts, to, NOW)
            other.kind, other.type = KINDS[kind], built["type"]
            refused = tool.ask("open", text=oracle.write(other), now=NOW)
            assert not refused["ok"] and refused["class"] in ("refused", "invalid")
    tool.close()


def test_facts_that_lie(tmp_path):
    """A fact that can be derived from the data must agree with it, also when it was bound like that."""
    key = Key(tmp_path / "key")
    tool = Tool(key.path)
    for facts, ok in (({"user": "admin"}, True), ({"user": "root"}, False), ({}, False)):
        d = oracle.Document("team-a", "db", KINDS["basic-auth"], "kubernetes.io/basic-auth")
        oracle.seal(d, "credential", {"username": b"admin", "password": b"correct horse"}, facts, {"a": key.public}, NOW)
        opened = tool.ask("open", text=oracle.write(d), now=NOW)
        assert opened["ok"] == ok
        assert ok or opened["class"] == "refused"
    tool.close()


def test_hostile_data(tmp_path):
    """Anyone can seal anything to public recipients: what the kind's reader would not take is not opened."""
    key = Key(tmp_path / "key")
    tool = Tool(key.path)
    cases = [("registry", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": b"{}"}, {}),
             ("registry", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": b'{"auths":{"x":{"auth":"!"}}}'}, {}),
             ("registry", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": b"\xff"}, {}),
             ("webhook-token", "Opaque", {"token": b"short"}, {}),
             ("age-key", "Opaque", {"age.agekey": b"AGE-SECRET-KEY-1AAAA"}, {}),
             ("basic-auth", "kubernetes.io/basic-auth", {"username": b"a\nb", "password": b"x"}, {"user": "a"})]
    for kind, type_, data, facts in cases:
        d = oracle.Document("team-a", "x", KINDS[kind], type_)
        oracle.seal(d, "credential", data, facts, {"a": key.public}, NOW)
        opened = tool.ask("open", text=oracle.write(d), now=NOW)
        assert not opened["ok"] and opened["class"] in ("invalid", "refused"), opened
    # a Secret key that no kind has, an alias that is none
    d = oracle.Document("team-a", "x", KINDS["basic-auth"], "kubernetes.io/basic-auth")
    for data, facts in (({"username": b"a", "password": b"b", "c": b""}, {"user": "a"}),
                        ({"username": b"a", "password": b"b", "c": b"x"}, {"user": "a", "aliases": "c=password"})):
        oracle.seal(d, "credential", data, facts, {"a": key.public}, NOW)
        assert not tool.ask("open", text=oracle.write(d), now=NOW)["ok"]
        with pytest.raises(oracle.Refused):
            oracle.open_document(d, {key.id: key.secret})
    tool.close()

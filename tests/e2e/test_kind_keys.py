# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates made by stock tools are taken or refused as their readers do: ssh-keygen, openssl, and Go
with the libraries that Flux reads them with."""
import base64
import datetime
import hashlib
import json
import os
import random
import subprocess

import pytest

import golang
from documents import Tool, b64

URL = "ssh://git@github.com/barolab/foobar-infra"
HOST = "git.example.org"
# later than the certificates made here
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(hours=1)
# What Go does by default since 1.24, whatever the version in go.mod asks for.
STRICT = "x509negativeserial=0,rsa1024min=1,x509rsacrt=1"


def run(*args, **kwargs):
    done = subprocess.run([str(a) for a in args], capture_output=True, check=False, timeout=120, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """A function from a request to what Go says (tests/oracle/go-readers)."""
    program = golang.build("go-readers", tmp_path_factory.mktemp("go"), "keys were not read by Flux's libraries")
    readers = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "GODEBUG": STRICT})

    def ask(op, **request):
        request = {k: b64(v) if isinstance(v, bytes) else v for k, v in request.items()}
        readers.stdin.write(json.dumps({"op": op, **request}) + "\n")
        readers.stdin.flush()
        return json.loads(readers.stdout.readline())

    yield ask
    readers.stdin.close()
    assert readers.wait(timeout=60) == 0


@pytest.fixture(scope="module")
def tool():
    t = Tool()
    yield t
    t.close()


@pytest.fixture
def build(tool):
    """A function that builds a Secret: data and facts, or the error."""
    def ask(kind, **fields):
        fields = {k.replace("_", "-"): b64(v if isinstance(v, bytes) else v.encode()) for k, v in fields.items()}
        answer = tool.ask("build", kind=kind, fields=fields, now=NOW.strftime("%Y-%m-%dT%H:%M:%SZ"))
        if not answer["ok"]:
            return answer["error"]
        return {k: base64.b64decode(v) for k, v in answer["data"].items()}, answer["facts"]
    return ask


def ssh_keygen(path, kind, *args, password=""):
    """A new key pair ("ecdsa -b 384"): the private file's bytes and the public half without its comment."""
    run("ssh-keygen", "-q", "-t", *kind.split(), "-N", password, "-C", "", "-f", path, *args)
    return path.read_bytes(), public_of(path)


def public_of(path):
    return " ".join((path.parent / (path.name + ".pub")).read_text().split()[:2])


def fingerprint(tmp_path, public):
    (tmp_path / "print.pub").write_text(public + "\n")
    return run("ssh-keygen", "-l", "-f", tmp_path / "print.pub").decode().split()[1]


KINDS = ["ed25519", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "rsa -b 3072"]


# --- private keys for Git -------------------------------------------------------------------------

@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
@pytest.mark.parametrize("kind", KINDS)
def test_keys_of_ssh_keygen(build, go, tmp_path, kind, form):
    key, public = ssh_keygen(tmp_path / "k", kind, "-m", form)
    data, facts = build("deploy-key", url=URL, private_key=key, public_key=public)
    assert data["identity"] == key
    assert data["identity.pub"].decode() == public + "\n"
    assert facts["public-key"] == public
    assert facts["fingerprint"] == fingerprint(tmp_path, public)
    assert go("ssh-key", key=key) == {"ok": True, "public": public}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("args", [[], ["-Z", "aes256-cbc"], ["-a", "3"], ["-m", "PEM"]])
def test_encrypted_keys(build, go, tmp_path, kind, args):
    key, public = ssh_keygen(tmp_path / "k", kind, *args, password="correct horse")
    data, facts = build("deploy-key", url=URL, private_key=key, password="correct horse")
    assert data["identity"] == key and data["password"] == b"correct horse"
    assert facts["public-key"] == public
    assert go("ssh-key", key=key, password="correct horse") == {"ok": True, "public": public}
    for wrong in ["correct hors", "Correct horse", "x"]:
        assert build("deploy-key", url=URL, private_key=key, password=wrong) == \
            "deploy-key: private-key: the password does not open it"
        assert not go("ssh-key", key=key, password=wrong)["ok"]
    assert "its password is not given" in build("deploy-key", url=URL, private_key=key)


@pytest.mark.parametrize("cipher, readable", [("aes128-ctr", False), ("aes256-gcm@openssh.com", False),
                                              ("chacha20-poly1305@openssh.com", False), ("3des-cbc", False)])
def test_ciphers_that_go_does_not_know(build, go, tmp_path, cipher, readable):
    key, _ = ssh_keygen(tmp_path / "k", "ed25519", "-Z", cipher, password="correct horse")
    assert go("ssh-key", key=key, password="correct horse")["ok"] == readable
    # some of these write something behind the key as well
    assert isinstance(build("deploy-key", url=URL, private_key=key, password="correct horse"), str)


def test_encrypted_pkcs8(build, go, tmp_path):
    key, _ = ssh_keygen(tmp_path / "k", "ecdsa -b 256", "-m", "PKCS8", password="correct horse")
    assert key.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert "Flux cannot open even with the password" in \
        build("deploy-key", url=URL, private_key=key, password="correct horse")
    assert not go("ssh-key", key=key, password="correct horse")["ok"]


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-4096"])
def test_keys_made_here(build, go, tmp_path, kind):
    data, facts = build("deploy-key", url=URL, type=kind)
    path = tmp_path / "k"
    path.write_bytes(data["identity"])
    path.chmod(0o600)
    assert run("ssh-keygen", "-y", "-f", path).decode().split()[:2] == facts["public-key"].split()
    assert go("ssh-key", key=data["identity"]) == {"ok": True, "public": facts["public-key"]}
    assert facts["fingerprint"] == fingerprint(tmp_path, facts["public-key"])


def openssl_keys():
    return [
        (["genpkey", "-algorithm", "ed25519"], True),
        (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], True),
        (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], True),
        (["ecparam", "-name", "prime256v1", "-genkey", "-noout"], True),
        (["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"], True),
        (["genrsa", "-traditional", "3072"], True),
        # Go stops at the first block
        (["ecparam", "-name", "prime256v1", "-genkey"], False),
        (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], False),
        (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"], False),
        (["genpkey", "-algorithm", "x25519"], False),
        (["genpkey", "-algorithm", "ed448"], False),
        (["genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:3072"], False),
    ]


@pytest.mark.parametrize("command, taken", openssl_keys())
def test_keys_of_openssl(build, go, command, taken):
    key = run("openssl", *command)
    built = build("deploy-key", url=URL, private_key=key)
    read = go("ssh-key", key=key)
    assert read["ok"] == taken
    if taken:
        assert built[0]["identity"] == key and built[1]["public-key"] == read["public"]
    else:
        assert built.startswith("deploy-key: private-key: ")


def test_dsa_and_small_keys(build, tmp_path):
    done = subprocess.run(["ssh-keygen", "-q", "-t", "dsa", "-N", "", "-f", tmp_path / "d"], capture_output=True, check=False)
    if done.returncode == 0:  # OpenSSH 10 no longer makes them
        assert "is a DSA key" in build("deploy-key", url=URL, private_key=(tmp_path / "d").read_bytes())
    key, _ = ssh_keygen(tmp_path / "r", "rsa -b 2048")
    assert "an RSA key of 2048 bits" in build("deploy-key", url=URL, private_key=key)


def test_damaged_files(build, tmp_path):
    key, public = ssh_keygen(tmp_path / "k", "ed25519")
    other, _ = ssh_keygen(tmp_path / "other", "ed25519")
    refused = {
        key.replace(b"\n", b"\r\n"): "carriage return",
        key + other: "holds several PEM blocks",
        key[:-60]: "is cut off",
        b"comment\n" + key: "text outside the PEM block",
        public.encode(): "is a public key",
        key.replace(b"\n", b"\\n"): "two characters",
        base64.b64encode(key): "base64 of a PEM file",
    }
    for damaged, text in refused.items():
        error = build("deploy-key", url=URL, private_key=damaged)
        assert text in error and key.split(b"\n")[1].decode() not in error
    assert "is not the public half" in build("deploy-key", url=URL, private_key=other, public_key=public)


# --- known_hosts ----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def host_keys(tmp_path_factory):
    """Two key pairs of each type: lists of "TYPE BASE64"."""
    d = tmp_path_factory.mktemp("hosts")
    return [ssh_keygen(d / f"{i}-{k}", kind)[1] for k in range(2) for i, kind in enumerate(KINDS)]


def blob(public):
    return base64.b64decode(public.split()[1])


def test_github_keys(build, go, tmp_path):
    data, facts = build("deploy-key", url=URL)
    (tmp_path / "kh").write_bytes(data["known_hosts"])
    prints = {line.split()[1] for line in run("ssh-keygen", "-l", "-f", tmp_path / "kh").decode().splitlines()}
    assert prints == {"SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
                      "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
                      "SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s"}
    assert facts["host-keys"] == "github.com"
    for line in data["known_hosts"].decode().splitlines():
        assert go("known-hosts", text=data["known_hosts"], host="github.com:22",
                  key=base64.b64decode(line.split()[2]))["ok"]


def test_hashed_hosts(build, go, tmp_path, host_keys):
    for host, port in [(HOST, 22), (HOST, 2222)]:
        path = tmp_path / f"kh{port}"
        name = host if port == 22 else f"[{host}]:{port}"
        path.write_text("".join(f"{name} {k}\n" for k in host_keys[:5]))
        run("ssh-keygen", "-q", "-H", "-f", path)
        text = path.read_bytes()
        assert text.startswith(b"|1|")
        data, _ = build("deploy-key", url=f"ssh://git@{host}:{port}/r", known_hosts=text)
        assert data["known_hosts"] == text
        for key in host_keys[:5]:
            assert go("known-hosts", text=text, host=f"{host}:{port}", key=blob(key))["ok"]
        assert "holds no key for" in build("deploy-key", url=f"ssh://git@{host}:2200/r", known_hosts=text)


PATTERNS = [HOST, "git.*", "*.example.org", "*", "git.example.or?", "git.example.org*", "a,git.example.org", "!git.*,*",
            "*,!www.example.org", "[git.example.org]:22", "[git.example.org]:2222", "[git.example.org]:", "git.example.org:22",
            "", ",", "!", "git.example.org,", "GIT.example.org", "other.example.org", "|1|abc|def", "[git.example.org", "10.0.0.1"]


def line_of(r, keys):
    key = r.choice(keys)
    kind, data = key.split()
    parts = [r.choice([""] * 20 + ["@cert-authority ", "@revoked ", "@other ", "#"]),
             r.choice(PATTERNS[:9] if r.random() < 0.7 else PATTERNS), " ",
             r.choice([kind] * 40 + ["ssh-rsa", "x", ""]), " ",
             r.choice([data] * 60 + [data[:-1], data[:-4], data + "AAAA", "=", data.replace("A", "B")]),
             r.choice([""] * 20 + [" comment", " " + key, " # x"]), r.choice(["\n"] * 30 + ["\r\n", "\n\n", " \n"])]
    return "".join(parts)


def test_any_known_hosts(build, go, host_keys):
    """What is taken is read by Flux's library, which finds each key that the file has for the host and no other."""
    r = random.Random(20261123)
    taken = 0
    for _ in range(1500):
        keys = host_keys if r.random() < 0.3 else host_keys[:5]
        text = "".join(line_of(r, keys) for _ in range(r.randint(1, 3)))
        built = build("deploy-key", url=f"ssh://git@{HOST}/r", known_hosts=text)
        if isinstance(built, str):
            assert built.startswith("deploy-key: known-hosts: ")
            continue
        taken += 1
        data = built[0]["known_hosts"]
        found = [k for k in host_keys if go("known-hosts", text=data, host=f"{HOST}:22", key=blob(k))["ok"]]
        assert found, text
        for key in found:
            assert fact_of(key) in built[1]["host-keys"].split(), text
    assert 300 < taken < 1200


def fact_of(public):
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob(public)).digest()).decode().rstrip("=")


# --- TLS ------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """root -> intermediate -> leaf by the openssl command, for each type of leaf key."""
    d = tmp_path_factory.mktemp("pki")
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    leaves = {"p256": ec, "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
              "p521": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "rsa": ["-newkey", "rsa:2048"],
              "ed25519": ["-newkey", "ed25519"]}
    (d / "ca.ext").write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n")
    (d / "leaf.ext").write_text("subjectAltName=DNS:foobar-api.example.org,DNS:api.example.org,IP:10.0.0.1\n")
    run("openssl", "req", "-x509", *ec, "-nodes", "-keyout", d / "root.key", "-out", d / "root.crt", "-days", 300, "-subj",
        "/O=Test/CN=Root", "-addext", "keyUsage=keyCertSign")

    def issue(name, subject, new, issuer, ext, days):
        run("openssl", "req", *new, "-nodes", "-keyout", d / f"{name}.key", "-out", d / f"{name}.csr", "-subj", subject)
        run("openssl", "x509", "-req", "-in", d / f"{name}.csr", "-CA", d / f"{issuer}.crt", "-CAkey", d / f"{issuer}.key",
            "-CAcreateserial", "-days", days, "-extfile", d / ext, "-out", d / f"{name}.crt")

    issue("mid", "/O=Test/CN=Intermediate", ec, "root", "ca.ext", 200)
    for name, new in leaves.items():
        issue(name, "/CN=foobar-api", new, "mid", "leaf.ext", 90)
    return d


@pytest.mark.parametrize("leaf", ["p256", "p384", "p521", "rsa", "ed25519"])
def test_tls(build, go, pki, leaf):
    chain = (pki / f"{leaf}.crt").read_bytes() + (pki / "mid.crt").read_bytes()
    key, ca = (pki / f"{leaf}.key").read_bytes(), (pki / "root.crt").read_bytes()
    data, facts = build("tls", cert=chain, private_key=key, ca=ca)
    assert data == {"tls.crt": chain, "tls.key": key, "ca.crt": ca}
    assert build("tls", bundle=key + chain)[0] == {"tls.crt": chain, "tls.key": key}
    shown = run("openssl", "x509", "-in", pki / f"{leaf}.crt", "-noout", "-fingerprint", "-sha256", "-enddate", "-issuer",
                "-nameopt", "RFC2253", "-dateopt", "iso_8601").decode().splitlines()
    shown = dict(line.split("=", 1) for line in shown)
    assert facts["fingerprint"] == "SHA256:" + shown["sha256 Fingerprint"]
    assert facts["not-after"] == shown["notAfter"].replace(" ", "T", 1)
    assert facts["issuer"] == shown["issuer"]
    read = go("tls", cert=data["tls.crt"], key=data["tls.key"], ca=ca, name="api.example.org", now=int(NOW.timestamp()))
    assert read == {"ok": True, "names": ["foobar-api.example.org", "api.example.org"], "issuer": facts["issuer"],
                    "certificates": 2}
    assert facts["dns-names"] == ",".join(sorted(read["names"]))


def test_tls_refused_by_both(build, go, pki):
    chain = (pki / "p256.crt").read_bytes() + (pki / "mid.crt").read_bytes()
    key, other = (pki / "p256.key").read_bytes(), (pki / "p384.key").read_bytes()
    encrypted = run("openssl", "pkey", "-aes256", "-passout", "pass:hunter2", "-in", pki / "p256.key")
    traditional = run("openssl", "pkey", "-traditional", "-aes256", "-passout", "pass:hunter2", "-in", pki / "p256.key")
    for cert, pair in [(chain, other), (chain, encrypted), (chain, traditional), (key, chain), (chain, b""),
                       ((pki / "mid.crt").read_bytes() + (pki / "p256.crt").read_bytes(), key), (chain[:-100] + b"\n", other)]:
        assert isinstance(build("tls", cert=cert, private_key=pair), str)
        assert not go("tls", cert=cert, key=pair)["ok"]
    # what X509KeyPair leaves to the clients, which refuse it
    out_of_order = (pki / "p256.crt").read_bytes() + (pki / "root.crt").read_bytes() + (pki / "mid.crt").read_bytes()
    assert "out of order" in build("tls", cert=out_of_order, private_key=key)
    alone = (pki / "p256.crt").read_bytes()
    assert isinstance(build("tls", cert=alone, private_key=key, ca=(pki / "root.crt").read_bytes()), tuple)


def test_sha1_is_refused_by_both(build, go, pki, tmp_path):
    (tmp_path / "ext").write_text("subjectAltName=DNS:api.example.org\n")
    run("openssl", "x509", "-req", "-sha1", "-in", pki / "p256.csr", "-CA", pki / "root.crt", "-CAkey", pki / "root.key",
        "-CAcreateserial", "-extfile", tmp_path / "ext", "-out", tmp_path / "c.crt")
    cert, key, ca = (tmp_path / "c.crt").read_bytes(), (pki / "p256.key").read_bytes(), (pki / "root.crt").read_bytes()
    assert "SHA-1" in build("tls", cert=cert, private_key=key)
    read = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout
    if int(read.split("go1.")[1].split(".")[0].split()[0]) >= 24:  # before, x509sha1=1 could still allow it
        assert not go("tls", cert=cert, key=key, ca=ca, name="api.example.org", now=int(NOW.timestamp()))["ok"]


def test_ecparam_block_in_a_tls_key(build, go, tmp_path):
    """`openssl ecparam -genkey` writes the curve first: X509KeyPair passes over it, and so do we."""
    key = run("openssl", "ecparam", "-name", "prime256v1", "-genkey")
    (tmp_path / "k").write_bytes(key)
    cert = run("openssl", "req", "-x509", "-key", tmp_path / "k", "-subj", "/CN=x", "-addext", "subjectAltName=DNS:x.example.org")
    assert b"EC PARAMETERS" in build("tls", cert=cert, private_key=key)[0]["tls.key"]
    assert go("tls", cert=cert, key=key)["ok"]


# --- GitHub Apps ----------------------------------------------------------------------------------

@pytest.mark.parametrize("command", [["genrsa", "-traditional", "2048"], ["genrsa", "2048"]])
def test_github_app(build, go, tmp_path, command):
    key = run("openssl", *command)
    (tmp_path / "k").write_bytes(key)
    data, facts = build("github-app", url="https://github.com/barolab/foobar-infra", app_id="12345", owner="barolab",
                        private_key=key)
    assert data == {"githubAppID": b"12345", "githubAppInstallationOwner": b"barolab", "githubAppPrivateKey": key}
    spki = run("openssl", "rsa", "-in", tmp_path / "k", "-pubout", "-outform", "DER")
    digest = run("openssl", "sha256", "-binary", input=spki)
    assert facts["fingerprint"] == "SHA256:" + base64.b64encode(digest).decode()
    assert go("rsa", key=data["githubAppPrivateKey"]) == {"ok": True, "bits": 2048}

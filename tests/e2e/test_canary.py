# SPDX-License-Identifier: Apache-2.0
"""A marked secret goes through every command and every error path; nothing of it may stay anywhere.

Looked through: standard output and error, every file below the scratch folder and /tmp, and (by exit_scan)
all writable memory of the process at the moment it exits.
"""
import base64
import json
import os
import re
import shlex
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

BIN = Path(os.environ.get("BULLA_BIN_DIR", Path(__file__).parents[2] / "build")).resolve()
BULLA = str(BIN / "bulla")
SCAN = str(BIN / "tools" / "exit_scan")
SANITIZED = "BULLA_SANITIZED" in os.environ

MARK = "canary4f1c9ad07e"  # stands in every secret
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def token(body=MARK + "Aa0Bb1Cc2Dd3Ee"):
    """A classic token as GitHub makes it, with its checksum."""
    crc, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        digits, crc = ALPHABET[crc % 62] + digits, crc // 62
    return f"ghp_{body}{digits}"


def encodings(secret):
    """The forms in which a secret could be left lying about."""
    raw = secret.encode()
    found = {secret, raw.hex()}
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + raw).decode()
        found.add(text[4 if shift else 0:][: len(raw) // 3 * 4 - 4])
    return {f for f in found if len(f) >= 10}


class Place:
    def __init__(self, path):
        self.path, self.home, self.repo = path, path / "home", path / "repo"
        self.home.mkdir()
        self.repo.mkdir()
        self.inputs = path / "inputs"
        self.inputs.mkdir()
        self.env = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.home), "LC_ALL": "C",
                    "XDG_CONFIG_HOME": str(self.home / ".config"), "TMPDIR": str(path / "tmp")}
        (path / "tmp").mkdir()
        self.marks = path / "marks"
        self.marks.write_text("\n".join(sorted(encodings(MARK))) + "\n")
        self.key = self.input("key.txt", "")
        self.key.unlink()
        self.plain("age-keygen", "-o", str(self.key))
        self.me = self.plain("age-keygen", "-y", str(self.key)).stdout.decode().strip()
        self.plain("git", "init", "-q")

    def input(self, name, text):
        path = self.inputs / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def plain(self, *command, input=b""):
        return subprocess.run(command, cwd=self.repo, env=self.env, input=input, capture_output=True, check=True, timeout=60)

    def run(self, *args, input=""):
        """A bulla command under the memory scan; its output and every file are looked through."""
        command = [BULLA, *map(str, args)]
        if not SANITIZED:
            command = [SCAN, str(self.marks), *command]
        done = subprocess.run(command, cwd=self.repo, env=self.env, input=input.encode(), capture_output=True, timeout=60)
        done.stderr = done.stderr.decode(errors="replace")
        assert done.returncode not in (98, 99), f"{args}: left in memory:\n{done.stderr}"
        return done

    def assert_clean(self, done, allow_stdout=False):
        for mark in encodings(MARK):
            assert mark not in done.stderr, done.stderr
            if not allow_stdout:
                assert mark.encode() not in done.stdout
        for root, folders, files in os.walk(self.path):
            folders[:] = [f for f in folders if Path(root, f) != self.inputs]
            for name in files:
                path = Path(root, name)
                if path == self.marks:
                    continue
                data = path.read_bytes()
                for mark in encodings(MARK):
                    assert mark.encode() not in data, path


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def make_key(place, *options):
    """An SSH or TLS private key cannot be marked; its own middle is the mark."""
    path = place.inputs / "private.pem"
    place.plain("openssl", "genpkey", *options, "-out", str(path))
    path.chmod(0o600)
    line = path.read_text().splitlines()[1]
    place.marks.write_text("\n".join(sorted(encodings(MARK)) + [line[8:40]]) + "\n")
    return path


def docker_config(user="bot", password=None, auth=None):
    entry = {"username": user, "password": password or token()}
    entry["auth"] = base64.b64encode(f"{user}:{auth or entry['password']}".encode()).decode()
    return json.dumps({"auths": {"ghcr.io": entry}})


def google(**changes):
    return json.dumps({"type": "service_account", "project_id": "p", "private_key_id": "0" * 40, "client_email": "a@p.iam.gserviceaccount.com",
                       "private_key": MARK, **changes})


MANIFEST = ("apiVersion: v1\nkind: Secret\nmetadata: {{name: x, namespace: web{meta}}}\ntype: {type}\n{field}:\n  {key}: {value}\n")

# name, arguments after `seal`, standard input, exit status
SEALS = [
    ("opaque stdin", "opaque x -n web --stdin TOKEN", lambda: MARK, 0),
    ("opaque token", "opaque x -n web --stdin TOKEN", token, 0),
    ("opaque env", "opaque x -n web --from-env-file -", lambda: f"# c\nexport A='{MARK}'\nB=\"{MARK}\\n\"\n", 0),
    ("opaque bad env", "opaque x -n web --from-env-file -", lambda: f"A='{MARK}\n", 3),
    ("opaque bad env name", "opaque x -n web --from-env-file -", lambda: f"{MARK}\n", 3),
    ("opaque env twice", "opaque x -n web --from-env-file -", lambda: f"A={MARK}\nA={MARK}\n", 3),
    ("opaque together", "opaque x -n web --together --from-env-file -", lambda: f"A={MARK}\nB={MARK}2\n", 0),
    ("opaque too large", "opaque x -n web --stdin K", lambda: MARK * 40000, 3),
    ("registry", "registry x -n web --server ghcr.io --username bot --token-file -", token, 0),
    ("registry newline", "registry x -n web --server ghcr.io --username bot --token-file -", lambda: token() + "\n\n", 3),
    ("registry checksum", "registry x -n web --server ghcr.io --username bot --token-file -", lambda: token()[:-1] + "0", 3),
    ("registry short", "registry x -n web --server ghcr.io --username bot --token-file -", lambda: token()[:-1], 3),
    ("registry unknown", "registry x -n web --server ghcr.io --username bot --token-file -", lambda: MARK, 0),
    ("registry host", "registry x -n web --server https://ghcr.io/ --username bot --token-file -", token, 3),
    ("registry config", "registry x -n web --docker-config -", docker_config, 0),
    ("registry auth", "registry x -n web --docker-config -", lambda: docker_config(auth=MARK + "other"), 3),
    ("registry no json", "registry x -n web --docker-config -", lambda: docker_config()[:-1], 3),
    ("registry helpers", "registry x -n web --docker-config -", lambda: json.dumps({"credHelpers": {MARK: MARK}, **json.loads(docker_config())}), 3),
    ("registry twice", "registry x -n web --docker-config -", lambda: '{"auths":{"a.io":{"auth":"' + MARK + '"},"a.io":{}}}', 3),
    ("git-https", "git-https x -n web --url https://github.com/a/b --username git --token-file -", token, 0),
    ("git-https url", "git-https x -n web --url http://github.com/a/b --username git --token-file -", token, 3),
    ("basic-auth", "basic-auth x -n web --username bot --password-file -", lambda: MARK, 0),
    ("basic-auth newline", "basic-auth x -n web --username bot --password-file -", lambda: MARK + "\n" + MARK, 3),
    ("proxy", "proxy x -n web --address http://proxy.internal:3128 --username bot --password-file -", lambda: MARK, 0),
    ("webhook short", "webhook-token x -n web --token-file -", lambda: MARK[:10], 3),
    ("webhook", "webhook-token x -n web --token-file -", lambda: MARK + "0123456789abcdef", 0),
    ("age-key", "age-key x -n web --private-key -", lambda: "AGE-SECRET-KEY-1" + MARK.upper(), 3),
    ("gcp key", "gcp-service-account x -n web --key-file -", google, 3),
    ("gcp type", "gcp-service-account x -n web --key-file -", lambda: google(type=MARK), 3),
    ("github-app", "github-app x -n web --url https://github.com/a/b --app-id 1 --owner o --private-key -", lambda: f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----\n", 3),
    ("deploy-key bad", "deploy-key x -n web --url ssh://git@github.com/a/b --private-key -", lambda: f"-----BEGIN OPENSSH PRIVATE KEY-----\n{MARK}\n-----END OPENSSH PRIVATE KEY-----\n", 3),
    ("deploy-key no key", "deploy-key x -n web --url ssh://git@github.com/a/b --private-key -", lambda: MARK, 3),
    ("manifest", "-f -", lambda: MANIFEST.format(meta="", type="Opaque", field="stringData", key="K", value=MARK), 0),
    ("manifest data", "-f -", lambda: MANIFEST.format(meta="", type="Opaque", field="data", key="K", value=base64.b64encode(MARK.encode()).decode()), 0),
    ("manifest not base64", "-f -", lambda: MANIFEST.format(meta="", type="Opaque", field="data", key="K", value=MARK + "!"), 3),
    ("manifest last-applied", "-f -", lambda: MANIFEST.format(meta=', annotations: {"kubectl.kubernetes.io/last-applied-configuration": "' + MARK + '"}', type="Opaque", field="stringData", key="K", value="v"), 0),
    ("manifest type", "-f -", lambda: MANIFEST.format(meta="", type="kubernetes.io/service-account-token", field="stringData", key="K", value=MARK), 3),
    ("manifest broken", "-f -", lambda: "apiVersion: v1\nkind: Secret\ndata: {" + MARK, 3),
    ("manifest typed", "-f -", lambda: MANIFEST.format(meta="", type="kubernetes.io/basic-auth", field="stringData", key="password", value=MARK), 3),
]


@pytest.mark.parametrize("name,args,secret,status", SEALS, ids=[s[0] for s in SEALS])
def test_seal(place, name, args, secret, status):
    done = place.run("seal", *shlex.split(args), "-r", place.me, "-w", "x.yaml", input=secret())
    assert done.returncode == status, done.stderr
    place.assert_clean(done)
    assert (place.repo / "x.yaml").exists() == (status == 0)


@pytest.mark.parametrize("kind", ["deploy-key", "tls"])
def test_private_keys(place, kind):
    key = make_key(place, "-algorithm", "ed25519") if kind == "deploy-key" else \
        make_key(place, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    args = ["--url", "ssh://git@github.com/a/b", "--private-key", key]
    if kind == "tls":
        cert = place.inputs / "cert.pem"
        place.plain("openssl", "req", "-x509", "-key", str(key), "-subj", "/CN=a", "-days", "30", "-addext", "subjectAltName=DNS:a", "-out", str(cert))
        args = ["--cert", cert, "--private-key", key, "--alias", "key.pem=tls.key"]
    done = place.run("seal", kind, "x", "-n", "web", *args, "-r", place.me, "-w", "x.yaml")
    assert done.returncode == 0, done.stderr
    place.assert_clean(done)
    done = place.run("open", "x.yaml", "-i", place.key)
    assert done.returncode == 0, done.stderr


def test_all_other_commands(place):
    seal = place.run("seal", "opaque", "x", "-n", "web", "--stdin", "TOKEN", "-r", place.me, "-w", "x.yaml", input=MARK)
    assert seal.returncode == 0, seal.stderr
    other = place.input("other.txt", "")
    other.unlink()
    place.plain("age-keygen", "-o", str(other))
    for args, status, shown in [
        (["set", "x.yaml", "MORE", "--from-file", "-", "-r", place.me], 0, False),
        (["set", "x.yaml", "../bad", "--from-file", "-", "-r", place.me], 2, False),
        (["set", "x.yaml", "MORE", "--from-file", "-", "-r", "nobody"], 4, False),
        (["set", "x.yaml", "MORE", "--from-file", "-"], 4, False),
        (["show"], 0, False),
        (["show", "-o", "json"], 0, False),
        (["check"], 0, False),
        (["check", "-i", place.key], 0, False),
        (["open", "x.yaml", "-i", place.key], 0, True),
        (["open", "x.yaml", "-i", place.key, "--key", "TOKEN"], 0, True),
        (["open", "x.yaml", "-i", place.key, "-o", "dotenv"], 0, True),
        (["open", "x.yaml", "-i", place.key, "-o", "tfvars"], 0, True),
        (["open", "x.yaml", "-i", other], 5, False),
        (["unset", "x.yaml", "MORE"], 0, False),
    ]:
        done = place.run(*args, input=MARK)
        assert done.returncode == status, (args, done.stderr)
        place.assert_clean(done, allow_stdout=shown)


def edit_with(place, code):
    """An editor that changes text by this code."""
    program = place.inputs / "editor"
    program.write_text(f"#!{sys.executable}\nimport sys\ntext = open(sys.argv[-1]).read()\n{code}\nopen(sys.argv[-1], 'w').write(text)\n")
    program.chmod(0o755)
    place.env["BULLA_EDITOR"] = str(program)


def test_everyday_commands(place):
    """What opens, changes and seals again in one process: none of it is left in memory, files or messages."""
    place.run("seal", "opaque", "x", "-n", "web", "--from-env-file", "-", "-r", place.me, "-w", "x.yaml", input=f"A='{MARK}\n{MARK}'\nB={MARK}b\n")
    place.plain("git", "add", "x.yaml")
    place.plain("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x")
    key = ["-i", place.key]
    one, two = place.input("one", MARK + "1"), place.input("two", MARK + "2")
    place.assert_clean(place.run("set", "x.yaml", f"A={one}", f"C={two}", "D=-", "-r", place.me, input=MARK + "3"))
    place.assert_clean(place.run("set", "x.yaml", f"A={one}", f"../C={two}", "-r", place.me))
    place.assert_clean(place.run("set", "x.yaml", "--from-env-file", "-", "--pick", "E=A", "-r", place.me, input=f"A={MARK}\nB={MARK}4\n"))
    place.assert_clean(place.run("set", "x.yaml", "--from-env-file", "-", "--pick", "E=C", "-r", place.me, input=f"A={MARK}\n"))
    cases = [("", 0), (f"text = text.replace('{MARK}b', '{MARK}c') + '  NEW: {MARK}5\\n'", 0), (f"text += '  BAD: [{MARK}]\\n'", 3),
             (f"text = '{MARK}: ['", 3), (f"text = 'data: {{A: {MARK}!}}'", 3), ("sys.exit(1)", 7), (f"text = '#{MARK}' + 'x' * (5 << 20)", 3)]
    for code, status in cases:
        edit_with(place, code)
        done = place.run("edit", "x.yaml", *key, "-r", place.me)
        assert done.returncode == status, (code, done.stderr)
        place.assert_clean(done)
    edit_with(place, f"text = text.replace('{MARK}1', '{MARK}6')")
    done = place.run("edit", "x.yaml", *key, "-r", place.me, "-o", "dotenv")
    assert done.returncode == 0, done.stderr
    place.assert_clean(done)
    done = place.run("diff", "x.yaml", *key)
    assert done.returncode == 1 and b"another value" in done.stdout
    place.assert_clean(done)
    done = place.run("diff", "x.yaml", *key, "--values")
    assert done.returncode == 1 and (MARK + "6").encode() in done.stdout
    place.assert_clean(done, allow_stdout=True)
    done = place.run("rename", "x.yaml", "api/y", *key, "-r", place.me)
    assert done.returncode == 0, done.stderr
    place.assert_clean(done)
    place.assert_clean(place.run("textconv", "y.yaml"))


def test_a_damaged_document_says_nothing_of_its_inside(place):
    place.run("seal", "opaque", "x", "-n", "web", "--stdin", "TOKEN", "-r", place.me, "-w", "x.yaml", input=MARK)
    path = place.repo / "x.yaml"
    text = path.read_text()
    for broken in [text.replace("name: x", "name: other"), text.replace("namespace: web", "namespace: other"),
                   re.sub(r"TOKEN:", "OTHER:", text), text.replace('sealed-at: "20', 'sealed-at: "21')]:
        assert broken != text
        path.write_text(broken)
        done = place.run("open", "x.yaml", "-i", place.key)
        assert done.returncode == 6, done.stderr
        place.assert_clean(done)
        done = place.run("check", "-i", place.key)
        assert done.returncode == 1
        place.assert_clean(done)


def test_the_scan_finds_what_is_left(place):
    """A program that does not wipe is caught, so silence above means something."""
    if SANITIZED:
        pytest.skip("not run under the sanitizers")
    done = subprocess.run([SCAN, str(place.marks), "bash", "-c", "read -r line; exit 0"], input=(MARK + "\n").encode(), capture_output=True)
    assert done.returncode == 99
    assert b"mark" in done.stderr

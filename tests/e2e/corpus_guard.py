# SPDX-License-Identifier: Apache-2.0
"""A labelled corpus for scanners: files with a credential in them, and files that only look so.

Every credential is made here when the corpus is written, so that none stands in the tree.  A label says what is true
of the file, not what some scanner finds: there are leaks that Bulla does not find, and what it misses is printed by
test_guard_corpus.py.  The same seed gives the same tokens; keys are new each time.
"""
import base64
import dataclasses
import gzip
import json
import pathlib
import random
import string
import subprocess
import uuid
import zlib

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
ALNUM = string.ascii_letters + string.digits


@dataclasses.dataclass
class Case:
    group: str  # "token", "manifest", ...; of look-alikes what they look like
    name: str
    path: str  # of the file in its folder: scanners go by names too
    data: bytes
    leak: bool


class Maker:
    """Credentials, each another one."""

    def __init__(self, seed, work):
        self.random = random.Random(seed)
        self.work = work
        self.keys = {}

    def chars(self, n, alphabet=ALNUM):
        return "".join(self.random.choice(alphabet) for _ in range(n))

    def hex(self, n):
        return self.chars(n, "0123456789abcdef")

    def bytes(self, n):
        return self.random.randbytes(n)

    def password(self, n=16):
        return "Zq7" + self.chars(n - 6) + "x4T"

    def github(self, kind="p", wrong=False):
        body = self.chars(30, BASE62)
        crc = zlib.crc32(body.encode()) ^ (1 if wrong else 0)
        check = ""
        for _ in range(6):
            crc, digit = divmod(crc, 62)
            check = BASE62[digit] + check
        return f"gh{kind}_{body}{check}"

    def fine(self):
        return "github" + "_pat_" + self.chars(22, BASE62) + "_" + self.chars(59, BASE62)

    def jwt(self, **claims):
        def part(value):
            return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")
        signature = base64.urlsafe_b64encode(self.bytes(256)).decode().rstrip("=")
        return ".".join([part({"alg": "RS256", "typ": "JWT"}), part(claims), signature])

    def github_app(self):
        return f"ghs_{self.random.randrange(10**5, 10**7)}_" + self.jwt(iss="1", exp=1800000000)

    def key(self, kind):
        """A private key as its own program writes it; each kind is made once."""
        if kind not in self.keys:
            self.keys[kind] = self.make_key(kind)
        return self.keys[kind]

    def make_key(self, kind):
        def run(*command):
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout
        file = self.work / kind
        if kind == "rsa":
            return run("openssl", "genrsa", "-traditional", "2048")
        if kind == "pkcs8":
            return run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        if kind == "ec":
            return run("openssl", "ecparam", "-genkey", "-noout", "-name", "prime256v1")
        if kind == "ed25519":
            return run("openssl", "genpkey", "-algorithm", "ED25519")
        if kind == "rsa-encrypted":
            return run("openssl", "genrsa", "-traditional", "-aes128", "-passout", "pass:" + self.password(), "2048")
        if kind == "pkcs8-encrypted":
            return run("openssl", "genpkey", "-algorithm", "ED25519", "-aes-128-cbc", "-pass", "pass:" + self.password())
        if kind in ("ssh-ed25519", "ssh-rsa", "ssh-encrypted"):
            run("ssh-keygen", "-q", "-t", "rsa" if kind == "ssh-rsa" else "ed25519", "-f", str(file), "-C", "dev@laptop",
                "-N", self.password() if kind == "ssh-encrypted" else "")
            return file.read_text()
        if kind == "ssh-public":
            self.key("ssh-ed25519")
            return (self.work / "ssh-ed25519.pub").read_text()
        if kind == "certificate":
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                "/CN=example", "-keyout", str(self.work / "c.key"), "-out", str(file))
            return file.read_text()
        if kind == "public":
            (self.work / "pkcs8.pem").write_text(self.key("pkcs8"))
            return run("openssl", "pkey", "-in", str(self.work / "pkcs8.pem"), "-pubout")
        raise KeyError(kind)

    def age(self):
        out = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True).stdout
        return out.splitlines()[-1], out

    def age_public(self):
        secret, _ = self.age()
        return subprocess.run(["age-keygen", "-y"], input=secret, check=True, capture_output=True, text=True).stdout.strip()

    def age_hybrid(self):
        """AGE-SECRET-KEY-PQ-1..., which the age of Debian does not make yet."""
        return bech32("age-secret-key-pq-", self.bytes(32)).upper()


def bech32(prefix, data):
    charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    bits = int.from_bytes(data, "big") << (-len(data) * 8 % 5)
    values = [(bits >> shift) & 31 for shift in range((len(data) * 8 + 4) // 5 * 5 - 5, -1, -5)]

    def polymod(given):
        check = 1
        for value in given:
            top = check >> 25
            check = (check & 0x1ffffff) << 5 ^ value
            for i, generator in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
                check ^= generator if top >> i & 1 else 0
        return check
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    rest = polymod(expanded + values + [0] * 6) ^ 1
    checksum = [rest >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join(charset[v] for v in values + checksum)


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def wrap(text, width, indent=""):
    return "\n".join(indent + text[i:i + width] for i in range(0, len(text), width))


def indent(text, by):
    return "".join(" " * by + line + "\n" for line in text.splitlines())


def secret_yaml(field, entries, name="app"):
    lines = "".join(f"  {key}: {value}\n" for key, value in entries.items())
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: web\ntype: Opaque\n{field}:\n{lines}"


# --- leaks --------------------------------------------------------------------------------------------------------


WRAPPINGS = {
    "yaml": ("deploy/values.yaml", lambda t: f"image:\n  pullToken: {t}\n  tag: v1.2.3\n"),
    "quoted": ("app/settings.py", lambda t: f'import os\n\nGITHUB = "{t}"\n\ndef main():\n    return GITHUB\n'),
    "env": ("app/.env", lambda t: f"PORT=8080\nTOKEN={t}\nDEBUG=false\n"),
    "json": ("config/app.json", lambda t: json.dumps({"name": "app", "auth": {"token": t}}, indent=2)),
    "shell": ("ci/login.sh", lambda t: f"#!/bin/sh\ncurl -H 'Authorization: Bearer {t}' https://api.github.com/user\n"),
    "git-url": (".gitmodules", lambda t: f'[submodule "x"]\n\tpath = x\n\turl = https://oauth2:{t}@github.com/acme/x.git\n'),
    "comment": ("src/main.go", lambda t: f"package main\n\n// TODO remove: {t}\nfunc main() {{}}\n"),
    "prose": ("docs/setup.md", lambda t: f"# Setup\n\nUse the token `{t}` to log in.\n"),
    "base64": ("deploy/token.yaml", lambda t: f"encoded: {b64(t)}\n"),
    "base64-line": ("deploy/env.yaml", lambda t: f'env: "{b64("GITHUB_TOKEN=" + t + chr(10))}"\n'),
    "escaped": ("data/log.json", lambda t: '{"line":"token\\n' + t + '\\nend"}'),
    "crlf": ("win/set.cmd", lambda t: f"@echo off\r\nset TOKEN={t}\r\n"),
    "utf16": ("win/Token.ps1", lambda t: ("\ufeff$token = '" + t + "'\r\n").encode("utf-16-le")),
    "minified": ("web/app.min.js", lambda t: "var a=function(b){return b*2};" * 300 + f'var t="{t}";' + "a(1);" * 300),
    "url-encoded": ("web/query.txt", lambda t: f"https://h.internal/cb?access_token%3D{t}%26state=1\n"),
}

TOKENS = {
    "classic": lambda m: m.github("p"),
    "oauth": lambda m: m.github("o"),
    "user": lambda m: m.github("u"),
    "refresh": lambda m: m.github("r"),
    "installation": lambda m: "ghs_" + m.chars(36, BASE62),
    "installation-jwt": lambda m: m.github_app(),
    "fine-grained": lambda m: m.fine(),
}

SERVICES = {
    "gitlab": lambda m: "glpat-" + m.chars(20, ALNUM + "-_"),
    "gitlab-deploy": lambda m: "gldt-" + m.chars(20),
    "docker": lambda m: "dckr_pat_" + m.chars(27),
    "slack-bot": lambda m: "xoxb-" + "-".join([m.chars(12, string.digits), m.chars(12, string.digits), m.chars(24)]),
    "slack-user": lambda m: "xoxp-" + "-".join([m.chars(12, string.digits)] * 3 + [m.hex(32)]),
    "stripe": lambda m: "sk_live_" + m.chars(24),
    "npm": lambda m: "npm_" + m.chars(36),
    "pypi": lambda m: "pypi-AgEIcHlwaS5vcmc" + m.chars(120, ALNUM + "-_"),
    "vault": lambda m: "hvs." + m.chars(95, ALNUM + "-_"),
    "sendgrid": lambda m: "SG." + m.chars(22, ALNUM + "-_") + "." + m.chars(43, ALNUM + "-_"),
    "google": lambda m: "AIza" + m.chars(35, ALNUM + "-_"),
    "aws": lambda m: "AKIA" + m.chars(16, string.ascii_uppercase + "234567"),
    "digitalocean": lambda m: "dop_v1_" + m.hex(64),
    "grafana": lambda m: "glsa_" + m.chars(32) + "_" + m.hex(8),
    "openai": lambda m: "sk-proj-" + m.chars(74, ALNUM + "-_") + "T3BlbkFJ" + m.chars(74, ALNUM + "-_"),
    "hugging-face": lambda m: "hf_" + m.chars(34, string.ascii_letters),
    "telegram": lambda m: m.chars(10, "123456789") + ":AA" + m.chars(33, ALNUM + "-_"),
    "shopify": lambda m: "shpat_" + m.hex(32),
    "databricks": lambda m: "dapi" + m.hex(32),
}

KEYS = ["rsa", "pkcs8", "ec", "ed25519", "ssh-ed25519", "ssh-rsa"]

KEY_WRAPPINGS = {
    "file": ("certs/server.key", lambda k: k),
    "crlf": ("certs/server.pem", lambda k: k.replace("\n", "\r\n")),
    "yaml-block": ("values.yaml", lambda k: "tls:\n  key: |\n" + indent(k, 4)),
    "json-string": ("config.json", lambda k: json.dumps({"key": k})),
    "json-in-json": ("state.json", lambda k: json.dumps({"body": json.dumps({"key": k})})),
    "base64": ("values.yaml", lambda k: f"tls:\n  keyB64: {b64(k)}\n"),
    "base64-wrapped": ("values.yaml", lambda k: "tls:\n  keyB64: |\n" + wrap(b64(k), 76, "    ") + "\n"),
    "secret": ("secret.yaml", lambda k: secret_yaml("data", {"tls.key": b64(k)})),
    "heredoc": ("setup.sh", lambda k: "cat >key <<'EOF'\n" + k + "EOF\nchmod 600 key\n"),
    "go-string": ("key_test.go", lambda k: "var key = `" + k + "`\n"),
    "python-lines": ("key.py", lambda k: "KEY = (\n" + "".join(f'    "{line}\\n"\n' for line in k.splitlines()) + ")\n"),
    "env-escaped": (".env", lambda k: 'PRIVATE_KEY="' + k.replace("\n", "\\n") + '"\n'),
    "hcl": ("main.tf", lambda k: "locals {\n  key = <<-EOT\n" + indent(k, 4) + "  EOT\n}\n"),
}


def token_leaks(m):
    for token, make in TOKENS.items():
        for name, (path, text) in WRAPPINGS.items():
            yield "GitHub tokens", f"{token}-{name}", path, text(make(m))
    for token in SERVICES:
        for name in ("yaml", "quoted", "env", "json"):
            path, text = WRAPPINGS[name]
            yield "tokens of others", f"{token}-{name}", path, text(SERVICES[token](m))
    for name in ("base64", "base64-line"):
        path, text = WRAPPINGS[name]
        for token in ("gitlab", "slack-bot", "npm"):
            yield "tokens of others", f"{token}-{name}", path, text(SERVICES[token](m))


def key_leaks(m):
    for kind in KEYS:
        for name, (path, text) in KEY_WRAPPINGS.items():
            yield "private keys", f"{kind}-{name}", path, text(m.key(kind))
    for name in ("yaml", "env", "json", "base64", "comment", "prose"):
        path, text = WRAPPINGS[name]
        yield "age keys", f"age-{name}", path, text(m.age()[0])
        yield "age keys", f"age-hybrid-{name}", path, text(m.age_hybrid())
    yield "age keys", "age-file", "keys.txt", m.age()[1]
    gcp = {"type": "service_account", "project_id": "acme", "private_key_id": m.hex(40), "private_key": m.key("pkcs8"),
           "client_email": "ci@acme.iam.gserviceaccount.com", "client_id": m.chars(21, string.digits)}
    yield "private keys", "gcp-file", "gcp/key.json", json.dumps(gcp, indent=2)
    yield "private keys", "gcp-base64", "deploy/values.yaml", f"gcpKey: {b64(json.dumps(gcp))}\n"
    yield "private keys", "gcp-configmap", "cm.yaml", ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: gcp\ndata:\n  key.json: |\n"
                                                       + indent(json.dumps(gcp, indent=2), 4))
    yield "private keys", "putty", "id.ppk", putty(m, "none")


def putty(m, encryption):
    public, private = (wrap(b64(m.bytes(n)), 64) for n in (51, 36))
    return (f"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: {encryption}\nComment: dev\nPublic-Lines: 2\n{public}\n"
            f"Private-Lines: 1\n{private}\nPrivate-MAC: {m.hex(64)}\n")


# Passwords that hold what others fill in, or a word of placeholders.
FILLED = [("at", "P@@ssw0rd2026"), ("braces", "Winter#{2026}k"), ("dots", "Ab1...x9Kq2"), ("words", "put-the-blue-lamp-42"),
          ("dollar", "Som${mer}2026"), ("hidden", "hidden-falcon-77")]


def manifest_leaks(m):
    group = "Secrets"
    word = "correct horse battery"
    yield group, "data", "secret.yaml", secret_yaml("data", {"password": b64(m.password())})
    yield group, "data-short", "secret.yaml", secret_yaml("data", {"pin": b64("4711")})
    yield group, "string-data", "secret.yaml", secret_yaml("stringData", {"password": m.password()})
    yield group, "string-data-word", "secret.yaml", secret_yaml("stringData", {"password": word})
    yield group, "binary", "secret.yaml", secret_yaml("data", {"keytab": b64(m.bytes(80))})
    yield group, "token-in-data", "secret.yaml", secret_yaml("data", {"token": b64(m.github())})
    yield group, "quoted-keys", "secret.yaml", secret_yaml("stringData", {'"pass"': '"' + m.password() + '"'})
    yield group, "kind-last", "secret.yaml", f"stringData:\n  a: {m.password()}\nmetadata:\n  name: x\nkind: Secret\napiVersion: v1\n"
    yield group, "second-document", "all.yaml", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: web\n---\n" + secret_yaml("data", {"p": b64(m.password())})
    yield group, "list", "list.yaml", "apiVersion: v1\nkind: List\nitems:\n" + indent("- " + secret_yaml("data", {"p": b64(m.password())}).replace("\n", "\n  "), 0)
    yield group, "flow", "secret.yaml", "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {a: " + m.password() + "}}\n"
    yield group, "json", "secret.json", json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"a": b64(m.password())}})
    yield group, "json-list", "list.json", json.dumps({"kind": "List", "items": [{"apiVersion": "v1", "kind": "Secret", "stringData": {"a": word}}]}, indent=1)
    yield group, "block-value", "secret.yaml", secret_yaml("stringData", {"conf": "|\n    user = app\n    secret-thing = " + m.password()})
    yield group, "folded-base64", "secret.yaml", secret_yaml("data", {"conf": ">-\n    " + wrap(b64(m.bytes(150)), 60, "    ").strip()})
    yield group, "next-line", "secret.yaml", secret_yaml("data", {"password": "\n    " + b64(m.password())})
    yield group, "anchors", "secret.yaml", secret_yaml("stringData", {"a": "&p " + m.password(), "b": "*p"})
    yield group, "tag", "secret.yaml", secret_yaml("data", {"a": "!!binary " + b64(m.password())})
    yield group, "helm-template", "templates/secret.yaml", ("{{- if .Values.on }}\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}\n"
                                                             f"stringData:\n  user: {{{{ .Values.user }}}}\n  password: {m.password()}\n{{{{- end }}}}\n")
    yield group, "helm-extra", "values.yaml", "extraObjects:\n  - apiVersion: v1\n    kind: Secret\n    metadata:\n      name: a\n    stringData:\n      p: " + m.password() + "\n"
    yield group, "helm-extra-text", "values.yaml", "extraObjects:\n  - |\n" + indent(secret_yaml("stringData", {"p": m.password()}), 4)
    yield group, "partly-filled", "secret.yaml", secret_yaml("stringData", {"a": "${A}", "b": m.password()})
    yield group, "partly-sops", "secret.yaml", secret_yaml("stringData", {"a": "ENC[AES256_GCM,data:" + b64(m.bytes(9)) + ",iv:x,tag:y,type:str]", "b": m.password()})
    yield group, "docker-config", "secret.yaml", ("apiVersion: v1\nkind: Secret\nmetadata:\n  name: pull\ntype: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: "
                                                  + b64(docker(m)) + "\n")
    yield group, "kustomize-literals", "kustomization.yaml", f"secretGenerator:\n  - name: db\n    literals:\n      - password={m.password()}\n"
    yield group, "crlf", "secret.yaml", secret_yaml("data", {"password": b64(m.password())}).replace("\n", "\r\n")
    yield group, "tabs-and-comments", "secret.yaml", secret_yaml("stringData", {"password": m.password() + "  # the old one"})
    yield group, "heredoc", "apply.sh", "kubectl apply -f - <<EOF\n" + secret_yaml("stringData", {"password": m.password()}) + "EOF\n"
    for name, text in [
            ("properties", f"spring.datasource.url=jdbc:postgresql://${{DB_HOST}}/app\nspring.datasource.password={m.password()}\n"),
            ("script", '#!/bin/sh\nexport PGPASSWORD=Sommer2026\npsql -h "${DB_HOST}"\n'),
            ("template", "host: {{ .Values.host }}\npassword: Sommer2026\n"),
            ("maven", "<settings><servers><server><username>ci</username><password>Sommer2026</password></server></servers></settings>\n"),
            ("xml", f"<key>{b64(m.bytes(24))}</key>"),
            ("xml-attribute", '<add key="password" value="Sommer2026"/>'),
            ("json", '[{"user": "app", "bind": "Sommer2026"}]'),
            ("json-random", f'["{b64(m.bytes(24))}"]'),
            ("padded", f"A=${{A}}\nB={b64(m.bytes(25))}\n"),
            ("padded-line", f"${{A}}\n{b64(m.bytes(25))}\n"),
            ("htpasswd", f"kim:$apr1$xYz8k2Lm${m.chars(22)}\nlea:${{LEA}}\n"),
            ("crypt", f"app:$6$saltsalt${m.chars(40)} ${{X}}\n"),
            ("config", "config.password=Sommer2026\n"),
            ("config-random", f"config.a={b64(m.bytes(24))}")]:
        yield group, "file-" + name, "secret.yaml", secret_yaml("data", {"file": b64(text)})
    yield group, "partly-filled-file", "secret.yaml", secret_yaml("stringData", {"app.env": "|\n    DB_HOST=${HOST}\n    DB_PASSWORD=correct-horse-battery"})
    yield group, "partly-filled-url", "secret.yaml", secret_yaml("stringData", {"url": f"postgres://${{DB_USER}}:{m.password()}@${{DB_HOST}}/app"})
    for name, value in FILLED:
        yield group, "filled-" + name, "secret.yaml", secret_yaml("stringData", {"password": f'"{value}"'})
        yield group, "literal-filled-" + name, "kustomization.yaml", f"secretGenerator:\n  - name: db\n    literals:\n      - 'password={value}'\n"
    yield group, "terraform", "main.tf", ('resource "kubernetes_secret" "db" {\n  metadata {\n    name = "db"\n  }\n  data = {\n    password = "' + m.password() + '"\n  }\n}\n')


def docker(m, token=None):
    auth = b64("robot:" + (token or m.password(24)))
    return json.dumps({"auths": {"ghcr.io": {"auth": auth}}})


def tfstate(kind, attributes):
    return {"version": 4, "terraform_version": "1.9.0", "resources": [
        {"mode": "managed", "type": kind, "name": "db", "provider": 'provider["registry.terraform.io/hashicorp/random"]',
         "instances": [{"schema_version": 3, "attributes": attributes, "sensitive_attributes": []}]}]}


def config_leaks(m):
    def configmap(entries):
        return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n" + "".join(f"  {k}: {v}\n" for k, v in entries.items())
    group = "ConfigMaps and environments"
    yield group, "configmap-password", "cm.yaml", configmap({"LOG": "debug", "DB_PASSWORD": m.password()})
    yield group, "configmap-apikey", "cm.yaml", configmap({"apiKey": '"' + m.hex(32) + '"'})
    yield group, "configmap-token", "cm.yaml", configmap({"GITHUB_TOKEN": m.github()})
    yield group, "configmap-env-file", "cm.yaml", configmap({".env": f"|\n    PORT=80\n    API_TOKEN={m.password(24)}\n"})
    yield group, "configmap-properties", "cm.yaml", configmap({"app.properties": f"|\n    spring.datasource.url=jdbc:x\n    spring.datasource.password={m.password()}\n"})
    yield group, "configmap-url", "cm.yaml", configmap({"DATABASE_URL": f"postgres://app:{m.password()}@db.prod.acme.io:5432/app"})
    yield group, "container-env", "deploy.yaml", ("apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - name: a\n          env:\n"
                                                  f"            - name: DB_PASSWORD\n              value: {m.password()}\n")
    yield group, "container-env-flow", "deploy.yaml", ("apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {containers: [{name: a, env: "
                                                       f"[{{name: API_KEY, value: {m.password(20)}}}]}}]}}}}}}\n")
    yield group, "compose", "docker-compose.yml", f"services:\n  db:\n    image: postgres\n    environment:\n      POSTGRES_PASSWORD: {m.password()}\n"
    for name, key, value in [("password", "DB_PASSWORD", m.password()), ("weak", "ADMIN_PASSWORD", "sommer2026!"), ("apikey", "DATADOG_API_KEY", m.hex(32)),
                             ("secret", "SESSION_SECRET", m.chars(40)), ("token", "BOT_TOKEN", m.chars(30)), ("pass", "SMTP_PASS", m.password()),
                             ("uuid", "HEROKU_API_KEY", str(uuid.UUID(int=m.random.getrandbits(128), version=4)))]:
        yield group, "env-" + name, ".env", f"A=1\n{key}={value}\n"
        yield group, "env-production-" + name, "deploy/production.env", f'export {key}="{value}"\n'
    for name, value in FILLED:
        if name not in ("dots", "dollar"):
            yield group, "env-filled-" + name, ".env", f"DB_PASSWORD={value}\n"
    for key, value in [("SESSION_KEY", m.hex(40)), ("HMAC_KEY", m.hex(64)), ("JWT_KEY", m.chars(44)), ("APP_KEY", "base64:" + b64(m.bytes(32))),
                       ("SECRET_KEY_BASE", m.hex(128))]:
        yield group, "env-" + key, ".env", f"A=1\n{key}={value}\n"
        yield group, "configmap-" + key, "cm.yaml", configmap({key: value})
    yield group, "configmap-env-key", "cm.yaml", configmap({".env": f"|\n    PORT=80\n    SESSION_KEY={m.hex(40)}\n"})
    yield group, "container-env-key", "deploy.yaml", f"kind: Pod\nspec: {{containers: [{{env: [{{name: SESSION_KEY, value: {m.hex(40)}}}]}}]}}\n"
    group = "other files"
    yield group, "npmrc", ".npmrc", f"//registry.acme.io/:_authToken={m.password(40)}\n"
    yield group, "docker-config", ".docker/config.json", docker(m)
    yield group, "docker-config-token", "config.json", docker(m, m.github())
    yield group, "docker-config-plain", "config.json", json.dumps({"auths": {"r.acme.io": {"username": "ci", "password": m.password()}}}, indent=2)
    yield group, "docker-config-block", "values.yaml", "pull: |\n" + indent(json.dumps(json.loads(docker(m)), indent=2), 2)
    yield group, "docker-config-base64", "values.yaml", f"pull: {b64(docker(m))}\n"
    yield group, "netrc", ".netrc", f"machine git.acme.io\n  login ci\n  password {m.password()}\n"
    yield group, "netrc-line", "home/netrc", f"machine git.acme.io login ci password {m.password()}\n"
    yield group, "netrc-script", "ci.sh", f'echo "machine api.heroku.com login ci password {m.password()}" > ~/.netrc\n'
    for scheme in ("postgres", "mysql", "redis", "amqp", "mongodb+srv", "https", "smtp"):
        yield group, "url-" + scheme, "config.toml", f'[db]\nurl = "{scheme}://app:{m.password()}@db.prod.acme.io/app"\n'
    kube = "apiVersion: v1\nkind: Config\nclusters: []\nusers:\n- name: admin\n  user:\n    {}\n"
    yield group, "kubeconfig-token", "kubeconfig", kube.format("token: " + m.chars(40))
    yield group, "kubeconfig-jwt", "kubeconfig.yaml", kube.format("token: " + m.jwt(iss="kubernetes/serviceaccount", sub="system:serviceaccount:a:b"))
    yield group, "kubeconfig-key", ".kube/config", kube.format("client-key-data: " + b64(m.key("rsa")))
    yield group, "kubeconfig-password", "kubeconfig", kube.format("username: admin\n    password: " + m.password())
    random_password = tfstate("random_password", {"bcrypt_hash": "$2a$10$" + m.chars(53), "id": "none", "keepers": None, "length": 16, "lower": True,
                                                  "result": m.password(), "special": False})
    for name, path in [("", "terraform.tfstate"), ("-backup", "terraform.tfstate.backup"), ("-numbered", "terraform.tfstate.1764180000.backup")]:
        yield group, "tfstate-random" + name, path, json.dumps(random_password, indent=2)
    yield group, "tfstate-random-short", "terraform.tfstate", json.dumps(tfstate("random_password", {"result": "0ld-passw0rd"}))
    state = tfstate("acme_login", {})
    attributes = state["resources"][0]["instances"][0]["attributes"]
    for name, key, value in [("password", "password", m.password()), ("key", "private_key_pem", m.key("rsa")), ("token", "token", m.github()),
                             ("secret", "client_secret", m.chars(32)), ("session", "session_key", m.hex(40))]:
        attributes.clear()
        attributes.update({"id": "none", key: value})
        yield group, "tfstate-" + name, "terraform.tfstate", json.dumps(state, indent=2)
    yield group, "tfvars", "prod.auto.tfvars", f'region = "europe-west9"\ndb_password = "{m.password()}"\n'
    yield group, "tfvars-weak", "terraform.tfvars", 'db_password = "winter-is-coming"\n'
    yield group, "tfvars-token", "prod.tfvars", f'github_token = "{m.github()}"\n'
    yield group, "aws-credentials", ".aws/credentials", f"[default]\naws_access_key_id = {SERVICES['aws'](m)}\naws_secret_access_key = {m.chars(40, ALNUM + '/+')}\n"
    yield group, "jwt-service-account", "token.txt", m.jwt(iss="kubernetes/serviceaccount", sub="system:serviceaccount:a:b") + "\n"
    yield group, "azure-connection", "appsettings.json", json.dumps({"ConnectionStrings": {"s": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + b64(m.bytes(64)) + ";EndpointSuffix=core.windows.net"}})
    yield group, "sql-connection", "appsettings.json", json.dumps({"Db": f"Server=db;User Id=sa;Password={m.password()};"})
    yield group, "basic-header", "curl.sh", f"curl -H 'Authorization: Basic {b64('ci:' + m.password())}' https://git.acme.io/\n"
    yield group, "curl-user", "curl.sh", f"curl -u ci:{m.password()} https://git.acme.io/\n"
    group = "assigned in code"
    for name, path, text in [
            ("python", "app.py", 'password = "{}"\n'), ("go", "main.go", 'var apiKey = "{}"\n'), ("go-short", "main.go", '\ttoken := "{}"\n'),
            ("js", "app.js", "const client = new Client({{ clientSecret: '{}' }});\n"), ("java", "App.java", 'private static final String SECRET = "{}";\n'),
            ("yaml", "values.yaml", "auth:\n  password: {}\n"), ("ini", "app.ini", "[db]\npassword = {}\n"), ("properties", "application.properties", "spring.datasource.password={}\n"),
            ("ruby", "db.rb", 'config = {{ :password => "{}" }}\n'), ("environ", "run.py", 'os.environ["API_TOKEN"] = "{}"\n'), ("hcl", "main.tf", 'provider "x" {{\n  api_token = "{}"\n}}\n'),
            ("dockerfile", "Dockerfile", "FROM x\nENV API_TOKEN={}\n"), ("xml", "settings.xml", "<server><id>x</id><password>{}</password></server>\n"),
            ("toml", "config.toml", 'secret_key = "{}"\n')]:
        yield group, name, path, text.format(m.password(24))
    group = "tools' own files"
    for name, path, text in [
            ("php-define", "wp-config.php", "<?php\ndefine( 'DB_PASSWORD', '{}' );\n"), ("pgpass", ".pgpass", "db.acme.io:5432:app:app:{}\n"), ("my-cnf", ".my.cnf", "[client]\nuser = app\npassword = {}\n"),
            ("terraform-default", "variables.tf", 'variable "db_password" {{\n  type    = string\n  default = "{}"\n}}\n'), ("postman", "api.postman_environment.json", '{{"values": [{{"key": "api_token", "value": "{}", "enabled": true}}]}}\n'),
            ("helm-set", "deploy.sh", "helm upgrade app ./chart --set db.password={} --wait\n"), ("docker-login", "ci.sh", "docker login -u robot -p {} registry.acme.io\n"), ("sshpass", "ci.sh", "sshpass -p '{}' ssh root@host\n"),
            ("vault-put", "seed.sh", "vault kv put secret/app db_password={}\n"), ("ansible", "group_vars/all.yml", "ansible_user: root\nansible_password: {}\n"), ("jdbc", "application.yml", "url: jdbc:postgresql://db/app?user=app&password={}\n"),
            ("maven", "settings.xml", "<settings><servers><server><username>ci</username><password>{}</password></server></servers></settings>\n"), ("django", "settings.py", "SECRET_KEY = 'django-insecure-{}'\n"),
            ("actions", ".github/workflows/ci.yml", "env:\n  REGISTRY_PASSWORD: {}\n"), ("powershell", "a.ps1", '$p = ConvertTo-SecureString "{}" -AsPlainText -Force\n'), ("gradle", "gradle.properties", "signing.password={}\n"),
            ("nuget", "NuGet.Config", '<add key="ClearTextPassword" value="{}" />\n'), ("systemd", "app.service", "[Service]\nEnvironment=API_TOKEN={}\n"), ("systemd-quoted", "app.service", '[Service]\nEnvironment="API_TOKEN={}"\n'),
            ("secret-patch", "patch.json", '[{{"op": "add", "path": "/stringData/password", "value": "{}"}}]\n'), ("kubectl-create", "seed.sh", "kubectl create secret generic db --from-literal=password={}\n"),
            ("dotnet", "appsettings.json", '{{"Smtp": {{"User": "a", "Password": "{}"}}}}\n'), ("rust", "main.rs", 'let api_key: &str = "{}";\n'), ("typescript", "a.ts", 'const password: string = "{}";\n'), ("kotlin", "A.kt", 'val token = "{}"\n'),
            ("csharp", "A.cs", 'var secret = @"{}";\n'), ("yaml-list", "a.yaml", "args:\n  - --password={}\n"), ("makefile", "Makefile", "TOKEN := {}\n"), ("fish", "config.fish", "set -x API_TOKEN {}\n")]:
        yield group, name, path, text.format(m.password(24))
    yield group, "rails-master-key", "config/master.key", m.hex(32)
    yield group, "grafana-values", "values.yaml", "grafana:\n  adminPassword: sonnenblume42\n"
    group = "hidden"
    token = m.github()
    yield group, "split", "a.py", f'token = "{token[:20]}" + "{token[20:]}"\n'
    yield group, "base64-twice", "a.yaml", f"x: {b64(b64(m.github()))}\n"
    yield group, "gzip", "a.yaml", f"x: {b64(gzip.compress(m.github().encode()))}\n"
    yield group, "hex", "a.txt", m.github().encode().hex() + "\n"
    yield group, "prose-password", "NOTES.md", "The admin password is sonnenblume42, ask Kim.\n"
    yield group, "unnamed", "x.py", f'connect("db.prod", "app", "{m.password()}")\n'
    yield group, "command-line", "run.sh", f"mysql -u root -p{m.password()} app\n"


# --- look-alikes --------------------------------------------------------------------------------------------------


def token_alikes(m):
    group = "tokens"
    for name in ("yaml", "quoted", "env", "json", "prose", "base64"):
        path, text = WRAPPINGS[name]
        for kind in "pou":
            yield "tokens with a wrong checksum", f"{kind}-{name}", path, text(m.github(kind, wrong=True))
    for name in ("yaml", "env", "prose"):
        path, text = WRAPPINGS[name]
        yield group, "x-" + name, path, text("ghp_" + "x" * 36)
        yield group, "counted-" + name, path, text("ghp_" + "1234567890abcdefghijklmnopqrstuvwxyz"[:36])
        yield group, "fine-x-" + name, path, text("github" + "_pat_" + "X" * 22 + "_" + "X" * 59)
        yield group, "short-" + name, path, text("ghp_" + m.chars(10))
        yield group, "installation-x-" + name, path, text("ghs_" + "A" * 36)
        yield group, "age-wrong-" + name, path, text("AGE-SECRET-KEY-1" + m.chars(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"))
        yield group, "age-public-" + name, path, text(m.age_public())
        yield group, "aws-example-" + name, path, text("AKIA" + "IOSFODNN7" + "EXAMPLE")
    yield group, "prefix-in-code", "scan.go", 'var prefixes = []string{"ghp_", "gho_", "glpat-", "AKIA", "xoxb-", "sk_live_"}\n'
    yield group, "regular-expression", "rules.toml", "regex = '''gh[pousr]_[A-Za-z0-9]{36}'''\nother = '''AKIA[0-9A-Z]{16}'''\n"
    yield group, "slack-example", "doc.md", "xoxb-" + "your-bot-token-here\n"
    yield group, "npm-words", "a.js", "const npm_config_registry_default_setting_value = 1;\n"


def key_alikes(m):
    group = "keys"
    yield group, "certificate", "tls.crt", m.key("certificate")
    yield group, "certificate-base64", "values.yaml", f"ca: {b64(m.key('certificate'))}\n"
    yield group, "certificate-chain", "chain.pem", m.key("certificate") * 3
    yield group, "public-key", "key.pub", m.key("public")
    yield group, "ssh-public", "id.pub", m.key("ssh-public")
    yield group, "authorized-keys", "authorized_keys", m.key("ssh-public") * 3
    yield group, "header-only", "pem.go", 'if strings.HasPrefix(s, "-----BEGIN RSA PRIVATE KEY-----") {\n\treturn "-----END RSA PRIVATE KEY-----"\n}\n'
    yield group, "documented", "README.md", "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA...\n-----END RSA PRIVATE KEY-----\n"
    yield group, "placeholder", "values.yaml", "key: |\n  -----BEGIN PRIVATE KEY-----\n  <your key here>\n  -----END PRIVATE KEY-----\n"
    yield group, "redacted", "values.yaml", "key: |\n  -----BEGIN PRIVATE KEY-----\n  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n  -----END PRIVATE KEY-----\n"
    yield group, "variable", "values.yaml", "key: |\n  -----BEGIN PRIVATE KEY-----\n  ${PRIVATE_KEY_BODY}\n  -----END PRIVATE KEY-----\n"
    yield group, "csr", "a.csr", "-----BEGIN CERTIFICATE REQUEST-----\n" + wrap(b64(m.bytes(300)), 64) + "\n-----END CERTIFICATE REQUEST-----\n"
    yield group, "age-file", "a.age", "-----BEGIN AGE ENCRYPTED FILE-----\n" + wrap(b64(b"age-encryption.org/v1\n" + m.bytes(200)), 64) + "\n-----END AGE ENCRYPTED FILE-----\n"
    yield group, "pgp-message", "a.asc", "-----BEGIN PGP MESSAGE-----\n\n" + wrap(b64(m.bytes(300)), 64) + "\n-----END PGP MESSAGE-----\n"
    yield group, "known-hosts", "known_hosts", "github.com " + " ".join(m.key("ssh-public").split()[:2]) + "\n"


def manifest_alikes(m):
    group = "manifests"
    sealed = b64(b"age-encryption.org/v1\n" + m.bytes(400))
    yield group, "bulla", "flux-ssh.yaml", (
        "apiVersion: bulla.dev/v1\nkind: SealedCredential\nmetadata:\n  name: flux-ssh\n  namespace: flux-system\nspec:\n  kind: deploy-key\n  secret:\n    type: Opaque\n  parts:\n"
        f'    credential:\n      recipients:\n        eu-west9: "{m.hex(32)}"\n      facts:\n        fingerprint: "SHA256:{b64(m.bytes(32))[:43]}"\n      sealed: |\n'
        "        -----BEGIN AGE ENCRYPTED FILE-----\n" + wrap(sealed, 64, "        ") + "\n        -----END AGE ENCRYPTED FILE-----\n")
    yield group, "sealed-secret", "sealed.yaml", (
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: a\nspec:\n  encryptedData:\n    password: Ag" + b64(m.bytes(500)) + "\n    token: Ag" + b64(m.bytes(500))
        + "\n  template:\n    metadata:\n      name: a\n    type: Opaque\n")
    enc = "ENC[AES256_GCM,data:" + b64(m.bytes(12)) + ",iv:" + b64(m.bytes(32)) + ",tag:" + b64(m.bytes(16)) + ",type:str]"
    yield group, "sops", "secret.enc.yaml", (secret_yaml("stringData", {"password": enc, "token": enc}) + "sops:\n  age:\n    - recipient: " + m.age_public() + "\n      enc: |\n        -----BEGIN AGE ENCRYPTED FILE-----\n"
                                             + wrap(sealed, 64, "        ") + "\n        -----END AGE ENCRYPTED FILE-----\n  mac: " + enc + "\n")
    yield group, "sops-data", "secret.yaml", secret_yaml("data", {"password": enc})
    yield group, "sops-env", ".env", f"DB_PASSWORD={enc}\nsops_version=3.9.0\n"
    yield group, "sops-json", "secrets.json", json.dumps({"password": enc, "sops": {"mac": enc}})
    yield group, "sops-file-in-data", "secret.yaml", secret_yaml("data", {"values.enc": b64(json.dumps({"password": enc, "sops": {"mac": enc}}))})
    yield group, "age-file-in-data", "secret.yaml", secret_yaml("data", {"values.age": b64(b"age-encryption.org/v1\n" + m.bytes(200))})
    yield group, "empty-secret", "secret.yaml", secret_yaml("data", {"password": '""'})
    yield group, "no-data", "secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  annotations:\n    x: y\ntype: Opaque\n"
    yield group, "substituted", "secret.yaml", secret_yaml("stringData", {"password": "${DB_PASSWORD}", "user": "${DB_USER:=app}"})
    yield group, "helm", "templates/secret.yaml", secret_yaml("data", {"password": "{{ .Values.password | b64enc | quote }}"})
    yield group, "helm-quoted", "templates/secret.yaml", secret_yaml("stringData", {"password": '"{{ .Values.password }}"'})
    yield group, "angle", "secret.yaml", secret_yaml("stringData", {"password": "<password>"})
    yield group, "changeme", "secret.yaml", secret_yaml("stringData", {"password": "changeme"})
    yield group, "changeme-base64", "secret.yaml", secret_yaml("data", {"password": b64("changeme")})
    yield group, "vault-path", "secret.yaml", secret_yaml("stringData", {"password": "vault:secret/data/app#password"})
    for name, text in [
            ("lines", "DB_HOST=${HOST}\n\nDB_PASSWORD=${PASSWORD:=}\n"), ("helm", "host: {{ .Values.host | quote }}\nauth:\n  password: '{{ .Values.password }}'\n"),
            ("json", '{"auths": {"ghcr.io": {"auth": "${AUTH}"}}}'), ("xml", "<server>\n<password>${PASSWORD}</password>\n</server>\n"),
            ("url", "postgres://${DB_USER}:${DB_PASSWORD}@db.prod:5432/app"), ("properties", "db.url=jdbc:postgresql://${DB_USER}:${DB_PASSWORD}@db/app\ndb.password=${DB_PASSWORD}\n"),
            ("shell", "host=$DB_HOST password=$(cat /run/pw)\n"), ("twice", "${DB_USER}:${DB_PASSWORD}"), ("if", "{{ if .a }}{{ .b }}{{ else }}{{ .c }}{{ end }}")]:
        yield group, "filled-" + name, "secret.yaml", secret_yaml("stringData", {"file": "|\n" + indent(text, 4).rstrip("\n")})
        yield group, "filled-data-" + name, "secret.yaml", secret_yaml("data", {"file": b64(text)})
    for name, value in [("your", "your-password-here"), ("change", "CHANGE_ME"), ("redacted", "'[REDACTED]'"), ("todo", "TODO"), ("null", "null"), ("stars", "'********'"),
                        ("format", "'%s'"), ("percent", "'%DB_PASSWORD%'"), ("underscores", "__DB_PASSWORD__"), ("variable", "$DB_PASSWORD"), ("dots", "'...'"),
                        ("vault-plugin", "<path:secret/data/app#password>"), ("one-password", "op://vault/item/password"), ("octopus", "'#{Db.Password}'"),
                        ("google", "projects/acme/secrets/db/versions/1")]:
        yield group, "none-" + name, "secret.yaml", secret_yaml("stringData", {"password": value})
    yield group, "cut-off", "secret.yaml", secret_yaml("data", {"tls.key": "LS0tLS1CRUdJTiBQUklWQVRF..."})
    yield group, "external-secret", "es.yaml", ("apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata:\n  name: a\nspec:\n  secretStoreRef:\n    name: vault\n    kind: SecretStore\n"
                                                "  data:\n    - secretKey: password\n      remoteRef:\n        key: app/db\n        property: password\n")
    yield group, "secret-reference", "deploy.yaml", ("apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - name: a\n          env:\n            - name: DB_PASSWORD\n"
                                                     "              valueFrom:\n                secretKeyRef:\n                  name: db\n                  key: password\n      volumes:\n        - name: s\n          secret:\n            secretName: db-credentials\n")
    yield group, "pull-secret", "sa.yaml", "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\nimagePullSecrets:\n  - name: ghcr-pull\nsecrets:\n  - name: a-token-x7k2p\n"
    yield group, "rbac", "role.yaml", 'kind: Role\nrules:\n- apiGroups: [""]\n  resources: ["secrets"]\n  verbs: ["get"]\n'
    yield group, "configmap", "cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  LOG_LEVEL: debug\n  TOKEN_TTL: 3600s\n  PASSWORD_FILE: /run/secrets/db\n  SECRET_NAME: db-credentials\n  TOKEN_URL: https://id.acme.io/token\n"
    yield group, "configmap-ca", "cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ca\ndata:\n  ca.crt: |\n" + indent(m.key("certificate"), 4)
    yield group, "container-env", "deploy.yaml", "apiVersion: apps/v1\nkind: Deployment\nspec: {containers: [{env: [{name: PORT, value: '8080'}, {name: TOKEN_FILE, value: /var/run/token}, {name: SECRET_NAME, value: db}]}]}\n"
    yield group, "kustomize", "kustomization.yaml", "secretGenerator:\n  - name: db\n    envs:\n      - .env.secret\n    files:\n      - tls.key\n"
    yield group, "kubeconfig-exec", "kubeconfig", "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user:\n    exec:\n      command: gke-gcloud-auth-plugin\n"
    yield group, "crd", "crd.yaml", "kind: CustomResourceDefinition\nspec:\n  properties:\n    password:\n      type: string\n      description: the password of the Secret\n    token:\n      type: string\n"
    yield group, "checksum-annotation", "deploy.yaml", "kind: Deployment\nspec:\n  template:\n    metadata:\n      annotations:\n        checksum/secret: " + m.hex(64) + "\n"
    yield group, "docker-config-helpers", ".docker/config.json", json.dumps({"auths": {"ghcr.io": {}}, "credsStore": "osxkeychain"})
    yield group, "docker-config-empty", ".docker/config.json", json.dumps({"auths": {"ghcr.io": {"auth": ""}}})
    yield group, "tls-secret-name", "ingress.yaml", "kind: Ingress\nspec:\n  tls:\n  - hosts: [a.acme.io]\n    secretName: a-tls-7f3k9\n"


def text_alikes(m):
    group = "other text"
    digest = [m.hex(64) for _ in range(20)]
    yield group, "go-sum", "go.sum", "".join(f"github.com/acme/{i} v1.{i}.0 h1:{b64(m.bytes(32))}\n" for i in range(40))
    yield group, "package-lock", "package-lock.json", json.dumps({"packages": {f"node_modules/{i}": {"version": "1.0.0", "integrity": "sha512-" + b64(m.bytes(64))} for i in range(30)}}, indent=2)
    yield group, "yarn-lock", "yarn.lock", "".join(f'p{i}@^1:\n  version "1.{i}"\n  resolved "https://r.yarnpkg.com/p{i}#{m.hex(40)}"\n  integrity sha512-{b64(m.bytes(64))}\n' for i in range(20))
    yield group, "cargo-lock", "Cargo.lock", "".join(f'[[package]]\nname = "p{i}"\nchecksum = "{d}"\n\n' for i, d in enumerate(digest))
    yield group, "image-digests", "images.yaml", "".join(f"- image: ghcr.io/acme/p{i}@sha256:{d}\n" for i, d in enumerate(digest))
    yield group, "checksums", "SHA256SUMS", "".join(f"{d}  file{i}\n" for i, d in enumerate(digest))
    yield group, "commits", "CHANGELOG.md", "".join(f"* {m.hex(40)} Fix the token of the parser\n" for _ in range(20))
    yield group, "uuids", "ids.yaml", "".join(f"- id: {uuid.UUID(int=m.random.getrandbits(128), version=4)}\n" for _ in range(20))
    yield group, "image-data", "logo.css", "a { background: url(data:image/png;base64," + b64(b"\x89PNG\r\n" + m.bytes(3000)) + ") }\n"
    yield group, "font", "font.css", "@font-face { src: url(data:font/woff2;base64," + b64(b"wOF2" + m.bytes(6000)) + ") }\n"
    yield group, "binary", "app.bin", m.bytes(50000)
    yield group, "source-map", "app.js.map", json.dumps({"version": 3, "mappings": m.chars(4000, ALNUM + "+/,;")})
    yield group, "notebook", "a.ipynb", json.dumps({"cells": [{"outputs": [{"data": {"image/png": b64(m.bytes(4000))}}]}]})
    yield group, "ansible-vault", "vault.yml", "db_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n" + wrap(m.hex(400), 80, "  ") + "\n"
    yield group, "git-crypt", "secret.env", b"\0GITCRYPT\0" + m.bytes(500)
    yield group, "htpasswd", ".htpasswd", f"kim:$apr1${m.chars(8)}${m.chars(22)}\n"
    yield group, "jwk-public", "jwks.json", json.dumps({"keys": [{"kty": "RSA", "kid": m.hex(40), "use": "sig", "n": m.chars(342, ALNUM + "-_"), "e": "AQAB"}]})
    yield group, "pgp-public", "key.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + wrap(b64(m.bytes(600)), 64) + "\n-----END PGP PUBLIC KEY BLOCK-----\n"
    yield group, "html-integrity", "a.html", f'<script src="a.js" integrity="sha384-{b64(m.bytes(48))}" crossorigin="anonymous"></script>\n'
    yield group, "webpack", "manifest.json", json.dumps({f"{m.hex(20)}.js": f"static/{m.hex(20)}.js" for _ in range(20)})
    yield group, "svg", "a.svg", "<svg><path d=\"" + " ".join(f"M{m.random.random():.6f},{m.random.random():.6f}" for _ in range(200)) + '"/></svg>\n'
    yield group, "csv", "a.csv", "id,token_count,name\n" + "".join(f"{m.hex(24)},{m.random.randrange(9999)},{m.chars(8)}\n" for _ in range(50))
    yield group, "pem-words", "a.go", 'const header = "-----BEGIN " + "PRIVATE KEY-----"\nblock.Type == "RSA PRIVATE KEY"\n'
    yield group, "translations", "de.yaml", "password: Passwort\nnew_password: Neues Passwort2\nsecret: Geheimnis\ntoken_expired: Das Token2 ist abgelaufen\n"
    yield group, "release-notes", "NEWS.md", "password: the field is now hidden. token: renamed to `accessTokenV2`. secret = see docs\n"
    yield group, "metrics", "rules.yaml", "expr: sum(rate(token_requests_total{job=\"app-2\"}[5m])) by (secret)\nsecret_total: sum_by_token_5m_p99\n"
    yield group, "go-fields", "a.go", 'type T struct {\n\tPassword string `json:"password" yaml:"password,omitempty2"`\n\tToken *Token2 `json:"token"`\n}\n'
    yield group, "protobuf", "a.proto", "message Login {\n  string password = 2;\n  string token = 14;\n  bytes secret_v2 = 15;\n}\n"
    yield group, "mock", "a.py", 'mock_password = "test-password-1"\nfake_token = "fake-token-for-tests-0001"\n'
    yield group, "snapshot", "a.snap", f'exports[`renders 1`] = `<div class="css-{m.chars(6)} token-{m.hex(8)}" id=":r1:"/>`;\n'
    yield group, "bech32", "a.yaml", "recipients:\n" + "".join(f"  - {bech32('age', m.bytes(32))}\n" for _ in range(5))
    yield group, "ssh-config", "config", "Host *\n  IdentityFile ~/.ssh/id_ed25519\n  PasswordAuthentication no\n"
    yield group, "dockerfile", "Dockerfile", "ARG TOKEN\nRUN --mount=type=secret,id=npm_token,target=/root/.npmrc npm ci\nENV PASSWORD_FILE=/run/secrets/pw\n"
    for name, path, text in [
            ("variable", "a.py", "password = get_password()\nsecret = settings.SECRET_KEY\n"), ("argument", "a.go", "func login(token string, password string) error {\n\tclient.Token = token\n"),
            ("environment", "a.py", 'token = os.environ["GITHUB_TOKEN"]\napi_key = os.getenv("API_KEY", "")\n'), ("shell", "a.sh", 'PASSWORD="$(cat /run/secrets/pw)"\nTOKEN=${GITHUB_TOKEN:?}\n'),
            ("message", "i18n.json", '{"password": "Passwort vergessen?", "token": "Ihr Zugangsschlüssel"}\n'), ("form", "form.html", '<input type="password" name="password" placeholder="Your password">\n'),
            ("schema", "schema.json", '{"properties": {"password": {"type": "string", "minLength": 8}}}\n'), ("test-word", "a_test.py", 'user.login(password="password")\nclient(token="test-token")\n'),
            ("actions", ".github/workflows/ci.yml", "env:\n  GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}\n  API_KEY: ${{ secrets.API_KEY }}\n"),
            ("terraform", "main.tf", 'variable "db_password" {\n  type      = string\n  sensitive = true\n}\nresource "x" "y" {\n  password = var.db_password\n}\n'),
            ("tfvars", "dev.tfvars", 'region = "us-east1"\nnode_count = 3\nsecret_name = "db-credentials"\n'), ("env-example", ".env.example", "DB_PASSWORD=\nAPI_KEY=your-api-key-here\nTOKEN=changeme\n"),
            ("env-plain", ".env", "PORT=8080\nTOKEN_TTL=3600\nPASSWORD_FILE=/run/secrets/db\nKEYCLOAK_URL=https://id.acme.io\n"), ("env-keys", ".env", f"PARTITION_KEY=tenant_id\nCACHE_KEY=v2-sessions\nSSH_PUBLIC_KEY={m.hex(40)}\nGPG_KEY={m.hex(40).upper()}\nRECAPTCHA_SITE_KEY=6Lc{m.chars(37)}\nKEY=a\n"),
            ("env-key-paths", ".env", "TLS_KEY=/etc/tls/tls.key\nS3_KEY=builds/2026/app.zip\nENCRYPTION_KEY=${KEY}\nSESSION_KEY=changeme\nHMAC_KEY=your-hmac-key\n"),
            ("tfstate-random-string", "terraform.tfstate", json.dumps(tfstate("random_string", {"id": (suffix := m.chars(12)), "length": 12, "result": suffix}), indent=2)),
            ("tfstate-random-both", "terraform.tfstate", json.dumps({"resources": tfstate("random_password", {"result": ""})["resources"]
                                                                    + tfstate("random_string", {"id": suffix, "length": 12, "result": suffix})["resources"]})),
            ("tfstate-result", "terraform.tfstate", json.dumps(tfstate("aws_lambda_invocation", {"id": "x", "result": "a7Kq2mX9vLw4"}), indent=2)),
            ("enum", "a.ts", 'enum Kind { Password = "password", ApiKey = "apiKey", Secret = "secret" }\n'),
            ("log", "a.log", "2026-11-20T10:00:00Z token expired for user kim, password changed\n"), ("identifier", "a.js", 'const tokenType = "Bearer"; const secretKeyRef = "db-credentials-2";\n'),
            ("camel", "a.java", 'String passwordResetToken = "passwordResetToken";\nString secret = "my.company.secretManagerV2";\n'), ("arn", "a.yaml", "secret: arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3\n"),
            ("resource", "a.yaml", "secret: projects/123456789/secrets/db-password/versions/4\n"), ("css", "a.css", ".token.keyword { color: #a71d5d }\n.password-input-2x { width: 12px }\n"),
            ("sql", "a.sql", "ALTER USER app PASSWORD :'password';\nSELECT token FROM sessions WHERE secret = ?;\n"), ("openapi", "api.yaml", "securitySchemes:\n  token:\n    type: http\n    scheme: bearer\n    bearerFormat: JWT\n"),
            ("git-id", "a.yaml", f"ref: {m.hex(40)}\nrevision: main@sha1:{m.hex(40)}\n"), ("page-token", "a.json", '{"nextPageToken": "' + m.chars(40) + '"}\n'), ("etag", "a.yaml", f'etag: "{m.hex(32)}"\n'),
            ("public-key-name", "a.yaml", f"publicKey: {m.chars(43)}=\nkey_fingerprint: SHA256:{m.chars(43)}\n"), ("password-hash", "users.yaml", "password_hash: $2a$10$" + m.chars(53) + "\n")]:
        yield group, name, path, text
    for name, url in [("template", "postgres://${USER}:${PASSWORD}@db/app"), ("example", "https://user:password@example.com/"), ("angle", "redis://:<password>@cache:6379"), ("words", "postgres://user:password@host:5432/db"),
                      ("none", "https://github.com/acme/app@v1.2.3"), ("ssh", "ssh://git@github.com/acme/app"), ("mail", "see https://a.io/x:y and mail kim@acme.io"), ("actions", "https://x-access-token:${{ secrets.T }}@github.com/a/b"),
                      ("same", "postgres://postgres:postgres@localhost:5432/app"), ("scoped", "https://unpkg.com/@scope/pkg@1.2.3/dist")]:
        yield "URLs", name, "config.yaml", f"url: {url}\n"


def cases(seed, work):
    """All of the corpus; work is a folder for the programs that make keys."""
    m = Maker(seed, work)
    found = []
    for leak, parts in ((True, (token_leaks, key_leaks, manifest_leaks, config_leaks)), (False, (token_alikes, key_alikes, manifest_alikes, text_alikes))):
        for part in parts:
            for group, name, path, data in part(m):
                found.append(Case(group, name, path, data if isinstance(data, bytes) else data.encode(), leak))
    return found


def write(found, folder):
    """Each case in a folder of its own, FOLDER/NUMBER; returns the number's case."""
    for number, case in enumerate(found):
        path = pathlib.Path(folder) / f"{number:04}" / case.path
        path.parent.mkdir(parents=True)
        path.write_bytes(case.data)
    return dict(enumerate(found))


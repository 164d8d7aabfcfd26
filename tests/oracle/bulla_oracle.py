# SPDX-License-Identifier: Apache-2.0
"""Bulla's formats, a second time: written from docs/FORMAT.md alone, to disagree with the C code where
that page, or the code, is wrong.  The numbers in comments are the page's sections.

Needs PyYAML and the stock `age` program.  Slow, plain, no error texts to speak of: a refusal is a
Refused exception.
"""
import base64
import hashlib
import json
import math
import os
import re
import subprocess
import tempfile

import yaml


class Refused(Exception):
    """Not allowed by the format."""


def refuse(condition, why):
    if condition:
        raise Refused(why)


# --- 1. names -----------------------------------------------------------------------------------------

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
DATA_KEY = re.compile(r"[A-Za-z0-9._-]{1,253}")
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
KEY_ID = re.compile(r"[0-9a-f]{32}")
TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
FACT = re.compile(r"[\x20-\x7e]{1,1024}")

FOREIGN = ("bulla.dev", "kubernetes.io", "k8s.io", "emberstack.com", "mittwald.de", "argoproj.io",
           "helm.sh", "external-secrets.io", "bitnami.com", "cert-manager.io", "kyverno.io")


def matches(pattern, text):
    return pattern.fullmatch(text) is not None


def is_subdomain(s):
    return len(s) <= 253 and matches(SUBDOMAIN, s)


def is_data_key(s):
    return matches(DATA_KEY, s) and s != "." and not s.startswith("..")


def is_qualified(s):
    prefix, slash, name = s.partition("/")
    return is_subdomain(prefix) and matches(NAME, name) if slash else matches(NAME, s)


def is_label_value(s):
    return s == "" or matches(NAME, s)


def is_time(s):
    m = TIME.fullmatch(s)
    if not m:
        return False
    year, month, day, hour, minute, second = map(int, m.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return 1 <= month <= 12 and 1 <= day <= days[month - 1] and hour < 24 and minute < 60 and second < 60


def is_foreign(key):
    prefix, slash, _ = key.partition("/")
    if not slash:
        return False
    if prefix == "app.kubernetes.io":
        return key == "app.kubernetes.io/managed-by"
    return any(prefix == f or prefix.endswith("." + f) for f in FOREIGN)


def key_id(recipient):
    return hashlib.sha256(recipient.encode()).hexdigest()[:32]


# --- 2.1 YAML --------------------------------------------------------------------------------------------

WORDS = {"~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=", "<<", ""}
WORDS |= {sign + word for sign in ("", "+", "-") for word in (".inf", ".nan")}
WORDS |= {sign + word for sign in ("+", "-") for word in ("inf", "infinity", "nan")}
NUMBER = re.compile(r"[+-]?(0x[+-]?[0-9a-f]*|0o[+-]?[0-7]*|0b[+-]?[01]*|([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?"
                    r"|[0-9]+(:[0-9]+)+(\.[0-9]*)?)")
DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t]+[0-9].*)?", re.S)


def ascii_lower(s):
    return re.sub("[A-Z]", lambda m: m.group().lower(), s)


def is_ambiguous(s):
    low = ascii_lower(s)
    if low in WORDS or matches(DATE, s):
        return True
    return not s.startswith("_") and matches(NUMBER, low.replace("_", ""))


class Scalar:
    def __init__(self, text, plain):
        self.text, self.plain = text, plain


class YamlReader:
    """The events of one file as dicts, lists and Scalars."""

    def __init__(self, data):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as e:
            raise Refused("not UTF-8") from e
        text = text[1:] if text.startswith("\ufeff") else text
        refuse("\r" in text.replace("\r\n", ""), "CR")
        refuse(re.search("[\x85\u2028\u2029\ufeff]", text), "odd character")
        self.text = text
        self.values = 0

    def documents(self):
        try:
            self.events = yaml.parse(self.text, Loader=yaml.SafeLoader)
            return list(self._documents())
        except (yaml.YAMLError, ValueError) as e:
            raise Refused(str(e)) from e

    def _documents(self):
        first = True
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                refuse(event.version or event.tags, "directive")
                refuse(not event.explicit and not first, "document without ---")
                first = False
                yield self.node(next(self.events), 0)

    def node(self, event, depth):
        refuse(isinstance(event, yaml.AliasEvent), "alias")
        refuse(event.anchor is not None, "anchor")
        refuse(event.tag is not None, "tag")
        self.values += 1
        refuse(self.values > 100000, "too many values")
        if isinstance(event, yaml.ScalarEvent):
            refuse(re.search("[\0\ud800-\udfff]", event.value), "NUL or surrogate")
            return Scalar(event.value, event.style in (None, ""))
        refuse(depth == 32, "too deep")
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(depth)
        refuse(event.flow_style and self.text[event.start_mark.index] != "{", "pair without braces")
        return self.mapping(depth)

    def sequence(self, depth):
        items = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                return items
            items.append(self.node(event, depth + 1))

    def mapping(self, depth):
        entries = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                return entries
            key = self.node(event, depth + 1)
            refuse(not isinstance(key, Scalar), "key no scalar")
            refuse(key.text == "<<", "merge key")
            before = self.text[:event.start_mark.index].rstrip(" \t")
            after = self.text[event.end_mark.index:].lstrip(" \t")
            refuse(before.endswith("?") or not after.startswith(":"), "key without its colon")
            refuse(any(key.text == k.text for k in entries), "key twice")
            entries[key] = self.node(next(self.events), depth + 1)


# --- what the fields of a document are read with ---------------------------------------------------------

def string(node):
    refuse(not isinstance(node, Scalar), "no string")
    refuse(node.plain and is_ambiguous(node.text), "not a string to all readers")
    return node.text


def mapping(node):
    refuse(not isinstance(node, dict), "no map")
    return {string(k): v for k, v in node.items()}


def fields(node, required, optional=()):
    found = {k.text: v for k, v in node.items()} if isinstance(node, dict) else None
    refuse(found is None, "no map")
    refuse(set(found) - set(required) - set(optional), "unknown field")
    refuse(set(required) - set(found), "missing field")
    return found


def strings(node):
    return {k: string(v) for k, v in mapping(node).items()}


# --- 7. kinds ----------------------------------------------------------------------------------------------

COMMON_FACTS = {"sealed-at", "not-after", "namespaces", "service-accounts", "aliases"}


class Kind:
    def __init__(self, name, types, keys, facts):
        self.name, self.types, self.keys, self.facts = name, types, keys, set(facts) | COMMON_FACTS


def read_kinds(page):
    """The table of section 7."""
    kinds = {}
    for line in page.splitlines():
        m = re.fullmatch(r"\| `([a-z-]+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|", line)
        if m:
            types = ["Opaque" if t == "Opaque" else "kubernetes.io/" + t for t in m[2].split(", ")]
            keys = None if m[3] == "any" else re.findall(r"`([^`]+)`", m[3])
            kinds[m[1]] = Kind(m[1], types, keys, re.findall(r"`([^`]+)`", m[4]))
    return kinds


def check_list(text, item):
    entries = text.split(",")
    refuse(entries != sorted(set(entries)), "not sorted")
    refuse(not all(item(e) for e in entries), "wrong entry")


def is_pattern(s):
    if "*" not in s and "?" not in s:
        return matches(LABEL, s)
    return re.fullmatch(r"[a-z0-9*?-]{1,63}", s) and s[0] != "-" and s[-1] != "-"


def parse_aliases(text):
    pairs = []
    for entry in text.split(","):
        new, equals, key = entry.partition("=")
        refuse(not equals or not is_data_key(new) or not is_data_key(key), "alias")
        pairs.append((new, key))
    names = [new for new, _ in pairs]
    refuse(names != sorted(set(names)), "aliases not sorted")
    return dict(pairs)


def check_facts(facts, kind):
    for name, value in facts.items():
        refuse(name not in kind.facts, "unknown fact")
        refuse(not matches(FACT, value), "fact")
    refuse("sealed-at" not in facts, "no sealed-at")
    for name in ("sealed-at", "not-after"):
        refuse(name in facts and not is_time(facts[name]), "time")
    if "namespaces" in facts:
        check_list(facts["namespaces"], is_pattern)
    if "service-accounts" in facts:
        check_list(facts["service-accounts"], is_subdomain)
    if "aliases" in facts:
        parse_aliases(facts["aliases"])


# --- 4. age -------------------------------------------------------------------------------------------------

BEGIN, END = "-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----"


def decode64(text, padded=True):
    try:
        raw = base64.b64decode(text + ("" if padded else "=" * (-len(text) % 4)), validate=True)
    except ValueError as e:
        raise Refused("base64") from e
    canonical = base64.b64encode(raw).decode()
    refuse((canonical if padded else canonical.rstrip("=")) != text, "base64 not canonical")
    return raw


def armor(data):
    b64 = base64.b64encode(data).decode()
    return "\n".join([BEGIN] + [b64[i:i + 64] for i in range(0, len(b64), 64)] + [END]) + "\n"


def dearmor(text):
    lines = text.strip().split("\n")
    refuse(lines[0] != BEGIN or lines[-1] != END or len(lines) < 3, "armor")
    body = lines[1:-1]
    refuse(any(len(line) != 64 for line in body[:-1]) or not 0 < len(body[-1]) <= 64, "armor lines")
    return decode64("".join(body))


def stanzas(data):
    """The types of a binary age file's stanzas, and the length of its plaintext."""
    types, lines, at = [], [], 0
    while True:
        end = data.find(b"\n", at)
        refuse(end < 0, "header ends")
        line = data[at:end]
        at = end + 1
        try:
            lines.append(line.decode("ascii"))
        except UnicodeDecodeError as e:
            raise Refused("header") from e
        if lines[-1].startswith("---"):
            break
    refuse(lines[0] != "age-encryption.org/v1", "version")
    m = re.fullmatch(r"--- ([A-Za-z0-9+/]{43})", lines[-1])
    refuse(not m, "mac")
    decode64(m[1], padded=False)
    rest = lines[1:-1]
    while rest:
        m = re.fullmatch(r"-> ([\x21-\x7e]+)((?: [\x21-\x7e]+)*)", rest.pop(0))
        refuse(not m, "stanza")
        body = ""
        while True:
            refuse(not rest, "stanza body")
            body += rest[0]
            refuse(len(rest[0]) > 64, "stanza line")
            if len(rest.pop(0)) < 64:
                break
        raw = decode64(body, padded=False)
        if m[1] == "X25519":
            refuse(len(m[2].split()) != 1 or len(raw) != 32, "X25519")
            refuse(len(decode64(m[2].strip(), padded=False)) != 32, "X25519 share")
        types.append(m[1])
    payload = len(data) - at - 16
    chunks = max(1, math.ceil(payload / (65536 + 16)))
    refuse(payload < 16 or payload - (chunks - 1) * (65536 + 16) < 16 + (chunks > 1), "payload")
    return types, payload - 16 * chunks


def age(args, data):
    run = subprocess.run(["age"] + args, input=data, capture_output=True, check=False)
    refuse(run.returncode != 0, "age: " + run.stderr.decode(errors="replace"))
    return run.stdout


def encrypt(recipients, data):
    return age([a for r in recipients for a in ("-r", r)], data)


def decrypt(identity, data):
    fd, path = tempfile.mkstemp()
    try:
        with os.fdopen(fd, "w") as f:
            f.write(identity + "\n")
        return age(["-d", "-i", path], data)
    finally:
        os.unlink(path)


# --- 2.2 the document ---------------------------------------------------------------------------------------

class Part:
    def __init__(self, recipients, facts, data):
        self.recipients, self.facts, self.age = recipients, facts, data


class Document:
    def __init__(self, namespace, name, kind, type_, policy="", labels=None, annotations=None):
        self.namespace, self.name, self.kind, self.type = namespace, name, kind, type_
        self.policy, self.labels, self.annotations = policy, labels or {}, annotations or {}
        self.parts, self.signatures, self.substitute = {}, [], False

    # 6
    def digest(self):
        def u32(n):
            return n.to_bytes(4, "big")

        def text(s):
            return u32(len(s.encode())) + s.encode()

        def pairs(d):
            return u32(len(d)) + b"".join(text(k) + text(d[k]) for k in sorted(d, key=str.encode))

        h = b"bulla.dev/v1 digest\n"
        h += b"".join(map(text, (self.namespace, self.name, self.kind.name, self.policy, self.type)))
        h += pairs(self.labels) + pairs(self.annotations) + u32(len(self.parts))
        for name in sorted(self.parts):
            h += text(name) + hashlib.sha256(self.parts[name].age).digest()
        return hashlib.sha256(h).hexdigest()

    def check(self):
        refuse(not is_subdomain(self.name) or not matches(LABEL, self.namespace), "names")
        refuse(self.policy not in ("", "Delete", "Retain"), "policy")
        refuse(self.type not in self.kind.types, "type")
        refuse(len(self.labels) > 32 or len(self.annotations) > 32, "too many labels or annotations")
        for key, value in self.labels.items():
            refuse(not is_qualified(key) or is_foreign(key) or not is_label_value(value), "label")
        for key, value in self.annotations.items():
            refuse(not is_qualified(key) or is_foreign(key) or len(value.encode()) > 4096, "annotation")
        refuse(len(self.signatures) > 8, "signatures")
        refuse(any(not 1 <= len(s.encode()) <= 4096 for s in self.signatures), "signature")
        refuse(not 1 <= len(self.parts) <= 256, "parts")
        if self.kind.keys is not None:
            refuse(list(self.parts) != ["credential"], "the one part")
        refuse("credential" in self.parts and len(self.parts) > 1, "together")
        for name, part in self.parts.items():
            refuse(not is_data_key(name), "part name")
            self.check_part(part)
        refuse(self.size() > 1048576, "size")

    def check_part(self, part):
        refuse(not 1 <= len(part.recipients) <= 32, "recipients")
        refuse(len(set(part.recipients.values())) != len(part.recipients), "key twice")
        for name, kid in part.recipients.items():
            refuse(not matches(LABEL, name) or not matches(KEY_ID, kid), "recipient")
            refuse(matches(KEY_ID, name) and name != kid, "recipient named like a key id")
        check_facts(part.facts, self.kind)
        types, length = stanzas(part.age)
        refuse(types != ["X25519"] * len(part.recipients), "stanzas")
        refuse(length > 1048576, "plaintext")

    def size(self):
        def of(d):
            return sum(len(k.encode()) + len(v.encode()) for k, v in d.items())

        n = len(self.name) + len(self.namespace) + of(self.labels) + of(self.annotations)
        n += sum(len(s.encode()) for s in self.signatures)
        for name, part in self.parts.items():
            b = 4 * math.ceil(len(part.age) / 3)
            n += len(name) + of(part.recipients) + of(part.facts) + b + b // 64
        return n


def claims(node):
    if not isinstance(node, dict):
        return False
    found = {k.text: v.text if isinstance(v, Scalar) else None for k, v in node.items()}
    version, kind = found.get("apiVersion"), found.get("kind")
    ours = version is not None and (version == "bulla.dev" or version.startswith("bulla.dev/"))
    named = kind is not None and ascii_lower(kind) == "sealedcredential"
    return (ours and (named or kind is None)) or (named and version is None)


def parse(data, kinds):
    """The sealed document that a file of one YAML document holds."""
    nodes = YamlReader(data).documents()
    refuse(not nodes, "empty")
    refuse(len(data) > 1048576, "size")
    root = fields(nodes[0], ("apiVersion", "kind", "metadata", "spec"))
    refuse(string(root["apiVersion"]) != "bulla.dev/v1", "apiVersion")
    refuse(string(root["kind"]) != "SealedCredential", "kind")
    meta = fields(root["metadata"], ("name", "namespace"), ("labels", "annotations"))
    spec = fields(root["spec"], ("kind", "secret", "parts"), ("deletionPolicy", "signatures"))
    secret = fields(spec["secret"], ("type",), ("labels", "annotations"))
    kind = kinds.get(string(spec["kind"]))
    refuse(kind is None, "kind")
    d = Document(string(meta["namespace"]), string(meta["name"]), kind, string(secret["type"]))
    if "deletionPolicy" in spec:
        d.policy = string(spec["deletionPolicy"])
        refuse(d.policy == "", "policy")
    d.labels = strings(secret["labels"]) if "labels" in secret else {}
    d.annotations = strings(secret["annotations"]) if "annotations" in secret else {}
    own = strings(meta["annotations"]) if "annotations" in meta else {}
    labels = strings(meta["labels"]) if "labels" in meta else {}
    refuse(not all(is_qualified(k) for k in [*own, *labels]), "own metadata")
    refuse(not all(is_label_value(v) for v in labels.values()), "own label")
    d.substitute = own.get("kustomize.toolkit.fluxcd.io/substitute") == "disabled"
    if "signatures" in spec:
        refuse(not isinstance(spec["signatures"], list), "signatures")
        d.signatures = [string(s) for s in spec["signatures"]]
    for name, node in mapping(spec["parts"]).items():
        part = fields(node, ("recipients", "facts", "sealed"))
        d.parts[name] = Part(strings(part["recipients"]), strings(part["facts"]),
                             dearmor(string(part["sealed"])))
    d.check()
    return d


# --- 3. the plaintext -----------------------------------------------------------------------------------------

OWN = "bulla.dev/"


def padded_length(n):
    if n <= 1024:
        return 1024
    e = n.bit_length() - 1
    s = e.bit_length() - 1 + 1
    step = 1 << (e - s)
    return (n + step - 1) // step * step


def bound(d, name):
    """The annotations of a part's plaintext."""
    part = d.parts[name]
    a = dict(d.annotations)
    a.update({OWN + "format": "1", OWN + "kind": d.kind.name, OWN + "part": name})
    a[OWN + "recipients"] = ",".join(f"{n}={part.recipients[n]}" for n in sorted(part.recipients))
    a.update({OWN + fact: value for fact, value in part.facts.items()})
    return a


def plaintext(d, name, data):
    refuse(sum(map(len, data.values())) > 524288, "too much")
    meta = {"name": d.name, "namespace": d.namespace, "annotations": bound(d, name)}
    if d.labels:
        meta["labels"] = d.labels
    values = {k: base64.b64encode(v).decode() for k, v in data.items()}
    text = json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": d.type,
                       "data": values}).encode()
    return text.ljust(padded_length(len(text)))


def unique(pairs):
    refuse(len({k for k, _ in pairs}) != len(pairs), "name twice")
    return dict(pairs)


def members(v, required, optional=()):
    refuse(not isinstance(v, dict), "no object")
    refuse(set(v) - set(required) - set(optional) or set(required) - set(v), "members")
    return v


def all_strings(v):
    refuse(not isinstance(v, dict) or not all(isinstance(s, str) for s in v.values()), "no strings")
    for s in [*v, *v.values()]:
        refuse("\0" in s or any(0xd800 <= ord(c) < 0xe000 for c in s), "string")
    return v


def read_plaintext(d, name, text):
    """The values of a part's plaintext, when it is bound to d and name."""
    try:
        body = text.rstrip(b" ").decode("utf-8")
        refuse(not body.startswith("{") or not body.endswith("}"), "no object")
        v = json.loads(body, object_pairs_hook=unique)
    except (ValueError, RecursionError) as e:
        raise Refused("JSON") from e
    refuse(len(text) > 1048576, "size")
    members(v, ("apiVersion", "kind", "metadata", "type", "data"))
    meta = members(v["metadata"], ("name", "namespace", "annotations"), ("labels",))
    refuse(v["apiVersion"] != "v1" or v["kind"] != "Secret" or v["type"] != d.type, "head")
    refuse(meta["name"] != d.name or meta["namespace"] != d.namespace, "moved")
    refuse(all_strings(meta.get("labels", {})) != d.labels, "labels")
    refuse(all_strings(meta["annotations"]) != bound(d, name), "annotations")
    refuse(not 1 <= len(all_strings(v["data"])) <= 256, "no data, or too much")
    refuse(not all(is_data_key(k) for k in v["data"]), "data key")
    data = {k: decode64(s) for k, s in v["data"].items()}
    refuse(sum(map(len, data.values())) > 524288, "too much")
    return data


# --- 5. sealing and opening -------------------------------------------------------------------------------------

def check_keys(kind, part, data, facts):
    aliases = parse_aliases(facts["aliases"]) if "aliases" in facts else {}
    if kind.keys is None:
        refuse(aliases, "aliases")
        refuse(part != "credential" and list(data) != [part], "the part's key")
        return
    refuse(set(data) - set(kind.keys) - set(aliases), "data keys")
    for new, key in aliases.items():
        refuse(new in kind.keys or key not in kind.keys, "alias")
        refuse(new not in data or key not in data or data[new] != data[key], "alias's value")


def seal(d, name, data, facts, recipients, now):
    """recipients: name -> age1..."""
    ids = {n: key_id(r) for n, r in recipients.items()}
    part = d.parts[name] = Part(ids, {**facts, "sealed-at": now}, b"")
    part.age = encrypt([recipients[n] for n in sorted(recipients)], plaintext(d, name, data))
    d.check()


def open_part(d, name, identities):
    """identities: key id -> AGE-SECRET-KEY-1..."""
    part = d.parts[name]
    mine = [kid for kid in part.recipients.values() if kid in identities]
    refuse(not mine, "not sealed to us")
    data = read_plaintext(d, name, decrypt(identities[mine[0]], part.age))
    check_keys(d.kind, name, data, part.facts)
    return data


def open_document(d, identities):
    d.check()
    whole = {}
    for name in d.parts:
        data = open_part(d, name, identities)
        refuse(set(data) & set(whole), "a key in two parts")
        whole.update(data)
    refuse(sum(map(len, whole.values())) > 524288, "too much")
    return whole


# --- 8. writing ---------------------------------------------------------------------------------------------------

HIDDEN = [(0x00, 0x1f), (0x7f, 0xa0), (0xad, 0xad), (0x34f, 0x34f), (0x61c, 0x61c), (0x115f, 0x1160),
          (0x17b4, 0x17b5), (0x180b, 0x180f), (0x2000, 0x200f), (0x2028, 0x202f), (0x205f, 0x206f),
          (0x3000, 0x3000), (0x3164, 0x3164), (0xe000, 0xf8ff), (0xfe00, 0xfe0f), (0xfeff, 0xfeff),
          (0xffa0, 0xffa0), (0xfff0, 0xffff), (0xe0000, 0x10ffff)]


def escape(c):
    n = ord(c)
    if c in '"\\':
        return "\\" + c
    if c in "\n\t":
        return {"\n": "\\n", "\t": "\\t"}[c]
    if any(low <= n <= high for low, high in HIDDEN):
        return f"\\x{n:02x}" if n < 0x100 else f"\\u{n:04x}" if n < 0x10000 else f"\\U{n:08x}"
    return c


def scalar(s, always=False):
    if not always and re.fullmatch(r"[A-Za-z][A-Za-z0-9._/-]*", s) and not is_ambiguous(s):
        return s
    return '"' + "".join(map(escape, s)) + '"'


def write(d):
    out = ["apiVersion: bulla.dev/v1", "kind: SealedCredential", "metadata:",
           f"  name: {scalar(d.name)}", f"  namespace: {scalar(d.namespace)}", "  annotations:",
           "    kustomize.toolkit.fluxcd.io/substitute: disabled", "spec:", f"  kind: {d.kind.name}"]
    if d.policy:
        out.append(f"  deletionPolicy: {d.policy}")
    out += ["  secret:", f"    type: {d.type}"]

    def pairs(indent, title, values, always):
        out.append(" " * indent + title + ":")
        for k in sorted(values, key=str.encode):
            out.append(" " * indent + f"  {scalar(k)}: {scalar(values[k], always)}")

    if d.labels:
        pairs(4, "labels", d.labels, False)
    if d.annotations:
        pairs(4, "annotations", d.annotations, False)
    out.append("  parts:")
    for name in sorted(d.parts):
        part = d.parts[name]
        out.append(f"    {scalar(name)}:")
        pairs(6, "recipients", part.recipients, True)
        pairs(6, "facts", part.facts, True)
        out.append("      sealed: |")
        out += [" " * 8 + line for line in armor(part.age).splitlines()]
    if d.signatures:
        out.append("  signatures:")
        out += [f"    - {scalar(s, True)}" for s in d.signatures]
    text = "\n".join(out) + "\n"
    refuse(len(text.encode()) > 1048576, "size")
    return text


# --- 9. .bulla/config ---------------------------------------------------------------------------------------------

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def is_recipient(text):
    """An X25519 recipient: BIP 173 with the prefix "age", 32 bytes.  Points are not looked at."""
    m = re.fullmatch(f"age1([{BECH32}]{{58}})", text)
    if not m:
        return False
    values = [BECH32.index(c) for c in m[1]]
    check = 1
    for v in [ord(c) >> 5 for c in "age"] + [0] + [ord(c) & 31 for c in "age"] + values:
        top, check = check >> 25, (check & 0x1ffffff) << 5 ^ v
        for i, g in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            check ^= g if top >> i & 1 else 0
    return check == 1 and values[51] & 0xf == 0


class ConfigReader(YamlReader):
    """Scalars of the config stand on one line."""

    def node(self, event, depth):
        refuse(isinstance(event, yaml.ScalarEvent) and event.style in ("|", ">"), "block scalar")
        return super().node(event, depth)


def collection(found, field, kind):
    value = found.get(field)
    if value is None or isinstance(value, Scalar) and value.plain and value.text == "":
        return kind()
    refuse(not isinstance(value, kind), field)
    return value


def glob(pattern, text):
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), text, re.S)


def glob_path(pattern, path):
    def match(p, s):
        if not p or not s:
            return not p and not s
        if p[0] == "**":
            return len(p) == 1 or any(match(p[1:], s[i:]) for i in range(len(s) + 1))
        return bool(glob(p[0], s[0])) and match(p[1:], s[1:])

    return match(pattern.split("/"), path.split("/"))


def read_rule(node, names):
    found = fields(node, ("path", "to"), ("namespace", "kind"))
    rule = {k: string(v) for k, v in found.items() if k != "to"}
    refuse(any(part in ("", ".", "..") for part in rule["path"].split("/")), "path")
    refuse("namespace" in rule and not re.fullmatch("[a-z0-9*?-]+", rule["namespace"]), "namespace")
    refuse("kind" in rule and not matches(LABEL, rule["kind"]), "kind")
    refuse(not isinstance(found["to"], list), "to")
    rule["to"] = [string(n) for n in found["to"]]
    most = 31 if "recovery" in names else 32
    refuse(not 1 <= len(rule["to"]) <= most or len(set(rule["to"])) != len(rule["to"]), "to")
    refuse(any(n == "recovery" or n not in names for n in rule["to"]), "unknown recipient")
    return rule


def read_config(data):
    """The recipients, with recovery, and the rules."""
    refuse(len(data) > 256 * 1024, "size")
    nodes = ConfigReader(data).documents()
    refuse(len(nodes) != 1 or isinstance(nodes[0], Scalar), "one document")
    found = fields(nodes[0], (), ("recipients", "recovery", "rules"))
    names = {}
    for name, value in mapping(collection(found, "recipients", dict)).items():
        refuse(not matches(LABEL, name) or name == "recovery", "name")
        names[name] = string(value)
    if "recovery" in found:
        names["recovery"] = string(found["recovery"])
    refuse(len(names) > 1024 or len(set(names.values())) != len(names), "recipients")
    for name, key in names.items():
        refuse(not is_recipient(key) or matches(KEY_ID, name) and name != key_id(key), "recipient")
    return names, [read_rule(r, names) for r in collection(found, "rules", list)]


def select(config, path, namespace, kind):
    """Names of those whom a document at path is sealed to."""
    names, rules = config
    for rule in rules:
        if (glob_path(rule["path"], path) and glob(rule.get("namespace", "*"), namespace) and
                rule.get("kind", kind) == kind):
            return sorted(rule["to"] + (["recovery"] if "recovery" in names else []))
    raise Refused("no rule")

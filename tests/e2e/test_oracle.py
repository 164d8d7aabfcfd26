# SPDX-License-Identifier: Apache-2.0
"""The C code and the oracle, which was written from docs/FORMAT.md alone, agree: on what they seal and open
for each other, on what they accept and refuse, on every byte they write, on the digest."""
import copy
import json
import re

import pytest

from documents import ADVERSARIAL, KINDS, NOW, TOP, VALUES, Key, Random, Tool, b64, oracle

PAGE = (TOP / "docs/FORMAT.md").read_text()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys")
    return [Key(path / f"{i}.key") for i in range(3)]


@pytest.fixture(scope="module")
def tool(keys):
    t = Tool(*(k.path for k in keys[:2]))
    yield t
    t.close()


@pytest.fixture(scope="module")
def files(keys):
    """Real age files for 1, 2 and 3 recipients, to stand in documents that are not opened."""
    return {n: oracle.encrypt([k.public for k in keys[:n]], b"{}".ljust(1024)) for n in (1, 2, 3)}


def accepts(text):
    try:
        return oracle.parse(text if isinstance(text, bytes) else text.encode(), KINDS)
    except oracle.Refused:
        return None


def random_document(r, files):
    d = r.head()
    for name in r.part_names():
        n = r.randint(1, 3)
        d.parts[name] = oracle.Part(r.recipients(n), r.facts(), files[n])
    d.signatures = [r.choice(VALUES) or "x" for _ in range(r.choice([0, 0, 0, 1, 8]))]
    return d


def agree(tool, text):
    """Both accept or both refuse; accepted, they read, digest and write the same.  Accepted?"""
    ours = tool.ask("parse", text=text)
    theirs = accepts(text)
    if theirs is None:
        assert not ours["ok"], text
        return False
    assert ours["ok"], ours["error"] + "\n" + str(text)
    got = ours["document"]
    assert (got["namespace"], got["name"], got["kind"], got["type"], got["deletionPolicy"]) == (
        theirs.namespace, theirs.name, theirs.kind.name, theirs.type, theirs.policy)
    assert got["labels"] == theirs.labels and got["annotations"] == theirs.annotations
    assert [p["name"] for p in got["parts"]] == sorted(theirs.parts)
    for part in got["parts"]:
        assert part["recipients"] == theirs.parts[part["name"]].recipients
        assert part["facts"] == theirs.parts[part["name"]].facts
    assert got["substitute"] == theirs.substitute and got["signatures"] == len(theirs.signatures)
    assert ours["digest"] == theirs.digest()
    assert ours["format"] == oracle.write(theirs)
    return True


# --- documents --------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(10))
def test_valid_documents(tool, files, seed):
    r = Random(seed)
    for _ in range(40):
        assert agree(tool, oracle.write(random_document(r, files)))


def strings_as_json(d):
    """The document as JSON, which is YAML: everything in flow style and double quotes."""
    value = {"apiVersion": "bulla.dev/v1", "kind": "SealedCredential",
             "metadata": {"name": d.name, "namespace": d.namespace},
             "spec": {"kind": d.kind.name, "secret": {"type": d.type, "labels": d.labels,
                                                      "annotations": d.annotations},
                      "parts": {n: {"recipients": p.recipients, "facts": p.facts, "sealed": oracle.armor(p.age)}
                                for n, p in d.parts.items()}}}
    if d.policy:
        value["spec"]["deletionPolicy"] = d.policy
    if d.signatures:
        value["spec"]["signatures"] = d.signatures
    return value


# What is put in the place of a value, and what is added beside it.
REPLACEMENTS = [None, True, 1, 1.5, [], {}, [1], {"a": "b"}, "", "x", "A", "a/b", "..", "a" * 64, "a" * 254, "é",
                "a\nb", "\ud7ff", "Opaque", "kubernetes.io/tls", "Delete", "opaque", "tls", "1" * 32, "a" * 32,
                "A" * 32, "2026-11-23T08:00:00Z", "2026-02-30T08:00:00Z", "b,a", "a,b", "a,a", "a=b", "=", "x" * 1025,
                "x" * 4097]
KEYS = ["uid", "x", "NO", "1", "", "a b", "..x", "kubernetes.io/x", "app.kubernetes.io/x", "x.k8s.io/y",
        "app.kubernetes.io/managed-by", "bulla.dev/x", "example.org/x", "credential", "sealed-at", "not-after",
        "namespaces", "service-accounts", "aliases", "fingerprint", "a" * 254, "EU", "a" * 32, "labels", "annotations",
        "signatures", "status", "deletionPolicy"]


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], path + (key,))
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from places(child, path + (i,))


def mutate(r, value):
    """Change one place: replace, remove, add, rename, double."""
    value = copy.deepcopy(value)
    *path, last = r.choice([p for p in places(value) if p])
    parent = value
    for step in path:
        parent = parent[step]
    how = r.choice(["replace", "replace", "remove", "add", "rename", "move"])
    if how == "replace":
        parent[last] = r.choice(REPLACEMENTS)
    elif how == "remove":
        del parent[last]
    elif how == "add" and isinstance(parent, dict):
        parent[r.choice(KEYS)] = copy.deepcopy(r.choice(REPLACEMENTS + [parent[last]]))
    elif how == "rename" and isinstance(parent, dict):
        parent[r.choice(KEYS)] = parent.pop(last)
    elif how == "move" and isinstance(parent, dict):
        parent[last] = copy.deepcopy(parent[r.choice(list(parent))])
    return value


@pytest.mark.parametrize("seed", range(10))
def test_changed_documents(tool, files, seed):
    """One or two things wrong, or just different."""
    r = Random(1000 + seed)
    taken = 0
    for _ in range(120):
        value = strings_as_json(random_document(r, files))
        for _ in range(r.choice([1, 1, 2])):
            value = mutate(r, value)
        taken += agree(tool, json.dumps(value, ensure_ascii=r.random() < 0.5))
    assert 5 < taken < 110  # some of both


TEXT_CHANGES = [
    ("spec:", "spec: &a"), ("spec:", "spec: !!map"), ("spec:", "? spec\n:"), ("spec:", "spec :"), ("spec:", "'spec':"),
    ("apiVersion", "\ufeffapiVersion"), ("kind: Sealed", "kind: \ufeffSealed"), ("apiVersion", "---\napiVersion"),
    ("apiVersion", "%YAML 1.1\n---\napiVersion"), ("apiVersion", "# comment\n\napiVersion"), ("\n", "\r\n"),
    ("metadata:\n", "metadata:\r\n"), ("metadata:\n", "metadata:\r"), ("metadata:\n", "metadata:\n  <<: {}\n"),
    ("metadata:\n", "metadata:\n  \"<<\": {}\n"), ("metadata:\n", "metadata:\n  name: twice\n"),
    ("metadata:", "? [a]\n: b\nmetadata:"), ("  namespace:", "\tnamespace:"), ("spec:", "spec: # \u2028\n"),
    ("spec:", "# \x85\nspec:"), ("spec:", "# \x07\nspec:"), ("spec:", "# \U0001f511\nspec:"), ("|\n", "|-\n"), ("|\n", "|+\n"),
    ("|\n", ">\n"), ("|\n", "|2\n"), ("-----BEGIN", " -----BEGIN"), ("-----BEGIN AGE", "-----BEGIN PGP"),
    ("-----END AGE ENCRYPTED FILE-----\n", "-----END AGE ENCRYPTED FILE-----\n\n"),
    ("-----END AGE ENCRYPTED FILE-----\n", ""), ("disabled", "enabled"), ("disabled", "*x"), ("disabled", "false"),
    ("  annotations:\n    kust", "  labels:\n    a: b\n  annotations:\n    kust"),
    ("  annotations:\n    kust", "  labels:\n    a: b c\n  annotations:\n    kust"),
    ("  annotations:\n    kust", "  labels:\n    1: b\n  annotations:\n    kust"),
    ("  annotations:\n    kust", "  uid: \"x\"\n  annotations:\n    kust"), ("apiVersion: bulla.dev/v1", "apiVersion: bulla.dev/v2"),
    ("kind: opaque", "kind: 'opaque'"), ("kind: opaque", "kind: |-\n    opaque"), ("kind: opaque", "kind: \"opa\\\n    que\""),
    ("spec:", "status: {}\nspec:"), ("spec:", "extra:\nspec:"), ("  parts:", "  signatures: []\n  parts:"),
    ("  parts:", "  signatures: [a: b]\n  parts:"), ("  parts:", "  signatures: ['a', \"b\"]\n  parts:"),
    ("  parts:", "  signatures: [a, 1]\n  parts:"), ("  parts:", "  signatures: [{a: b}]\n  parts:"),
]


def test_changed_texts(tool, files):
    r = Random(7)
    taken = 0
    for before, after in TEXT_CHANGES:
        for count in (1, -1):
            text = oracle.write(random_document(r, files))
            assert before in text, before
            taken += agree(tool, text.replace(before, after, count))
    assert 20 < taken < 80


def test_not_utf8(tool, files):
    text = oracle.write(random_document(Random(8), files)).encode()
    for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\0"):
        assert not agree(tool, text.replace(b"spec:", b"# " + bad + b"\nspec:"))


def test_plain_scalars(tool, files):
    """Where a string may stand, every plain scalar is taken by both or by neither."""
    r = Random(9)
    words = [w for w in VALUES if re.fullmatch(r"[A-Za-z0-9._:+~=<-]+", w) and w not in ("-", "---", "...")]
    words += ["".join(r.choices("0123456789_xXobeE.+-:aftTnN", k=r.randint(1, 7))) for _ in range(600)]
    template = oracle.write(random_document(r, files)).replace("substitute: disabled", "substitute: disabled\n    a: @")
    taken = 0
    for word in words:
        if re.match(r"[-:?](?![^ :])|.*:$|.*: ", word) or word[0] in ":-" and len(word) == 1:
            continue
        assert tool.ask("ambiguous", value=word)["ambiguous"] == oracle.is_ambiguous(word), word
        taken += agree(tool, template.replace("@", word))
    assert 100 < taken < len(words) - 50


def test_quoting(tool):
    for value in VALUES + [chr(c) for c in range(1, 0x2100)] + ["a" + v for v in VALUES]:
        assert tool.ask("quote", value=value)["text"] == oracle.scalar(value)


def test_limits(tool, files):
    r = Random(11)
    for field, n, ok in (("labels", 32, True), ("labels", 33, False), ("annotations", 32, True),
                         ("annotations", 33, False)):
        d = random_document(r, files)
        setattr(d, field, {f"k{i}": "x" for i in range(n)})
        assert agree(tool, oracle.write(d)) == ok
    for n, ok in ((256, True), (257, False)):
        d = r.head()
        d.parts = {f"k{i}": oracle.Part(r.recipients(1), r.facts(), files[1]) for i in range(n)}
        assert agree(tool, oracle.write(d)) == ok
    for n, ok in ((8, True), (9, False)):
        d = random_document(r, files)
        d.signatures = ["x"] * n
        assert agree(tool, oracle.write(d)) == ok
    d = random_document(r, files)
    text = oracle.write(d)
    for length, ok in ((1048576, True), (1048577, False)):
        assert agree(tool, text + "#" * (length - len(text.encode()) - 1) + "\n") == ok


def test_stanzas(tool, keys):
    r = Random(12)
    publics = [keys[0].public] * 33
    for n, listed, ok in ((32, 32, True), (2, 1, False), (1, 2, False), (33, 33, False)):
        d = r.head()
        data = oracle.encrypt(publics[:n], b"{}")
        recipients = {f"r{i}": f"{i:032x}" for i in range(listed)}
        d.parts = {"a": oracle.Part(recipients, r.facts(), data)}
        assert agree(tool, oracle.write(d)) == ok


# --- plaintexts -------------------------------------------------------------------------------------

def inner_agree(tool, text, d, name, plain):
    ours = tool.ask("inner", text=text, part=name, plain=plain)
    try:
        theirs = oracle.read_plaintext(d, name, plain)
    except oracle.Refused:
        assert not ours["ok"], plain
        return False
    assert ours["ok"], ours["error"] + repr(plain)
    assert ours["data"] == {k: b64(v) for k, v in theirs.items()}
    return True


INNER_KEYS = KEYS + ["bulla.dev/format", "bulla.dev/kind", "bulla.dev/sealed-at", "bulla.dev/not-after", "data", "type",
                     "stringData", "immutable", "metadata"]


@pytest.mark.parametrize("seed", range(8))
def test_changed_plaintexts(tool, files, seed):
    r = Random(2000 + seed)
    taken = 0
    for _ in range(60):
        d = random_document(r, files)
        name = r.choice(list(d.parts))
        text = oracle.write(d)
        plain = oracle.plaintext(d, name, {r.choice(ADVERSARIAL): r.randbytes(r.randint(0, 40)) for _ in range(2)})
        assert inner_agree(tool, text, d, name, plain)
        value = json.loads(plain)
        changed = mutate(r, value)
        if r.random() < 0.2:
            changed["metadata"] = dict(value["metadata"], **{r.choice(INNER_KEYS): r.choice(REPLACEMENTS)})
        elif r.random() < 0.3:
            changed["metadata"] = dict(value["metadata"])
            changed["metadata"]["annotations"] = dict(value["metadata"]["annotations"],
                                                      **{r.choice(INNER_KEYS): r.choice(REPLACEMENTS)})
        taken += inner_agree(tool, text, d, name, json.dumps(changed, ensure_ascii=r.random() < 0.5).encode())
    assert taken < 40


PLAIN_CHANGES = [
    (b"{", b" {"), (b"}", b"}\n"), (b'"v1"', b'"v1" , '), (b'"v1"', b'"v1","apiVersion":"v1"'), (b'"kind"', b'\n"kind"\t'),
    (b'"kind"', b'"\\u006bind"'), (b'"Secret"', b'"Secret\\u0000"'), (b'"Secret"', b'"\xff"'), (b'"Secret"', b"NaN"),
    (b'"Secret"', b"1e999"), (b'"Secret"', b"'Secret'"), (b'"data": {', b'"data": {"../x":"",'),
    (b'"data": {', b'"data": {"x":"=",'), (b'"data": {', b'"data": {"x":"AA",'), (b'"data": {', b'"data": {"x":"AB==",'),
    (b'"data": {', b'"data": {"x":"A A=",'), (b'"data": {', b'"data": {"x":"AA==",'), (b'"data": {', b'"data": {"x":"-_8=",'),
    (b'"data": {', b'"data": {"x":"\\ud800",'), (b'"data": {', b'"data": {"x":"AA==\\n",'), (b'"data": {', b'"data": {"":"",'),
    (b'"data": {', b'"data": {"x\\u0000":"",'), (b"}", b"},"), (b"{", b"\xef\xbb\xbf{"), (b"{", b"[{"),
]


def test_changed_plaintext_bytes(tool, files):
    r = Random(13)
    taken = 0
    for before, after in PLAIN_CHANGES:
        d = random_document(r, files)
        name = r.choice(list(d.parts))
        plain = oracle.plaintext(d, name, {"a": b"hunter2"})
        assert before in plain
        at = plain.rindex(before) if before == b"}" else plain.index(before)
        plain = plain[:at] + after + plain[at + len(before):]
        taken += inner_agree(tool, oracle.write(d), d, name, plain)
    assert 3 <= taken <= 6


# --- sealing and opening, both ways --------------------------------------------------------------------

def request(d):
    return {"name": d.name, "namespace": d.namespace, "kind": d.kind.name, "type": d.type, "deletionPolicy": d.policy,
            "labels": d.labels, "annotations": d.annotations}


def recipients_of(r, keys):
    names = ["eu-west9", "recovery", "us-east1", "no", "1e5"]
    chosen = r.sample(keys, r.randint(1, 3))
    return {name: k.public for name, k in zip(r.sample(names, len(chosen)), chosen)}


def ours_opens(tool, keys, recipients):
    return bool({k.public for k in keys[:2]} & set(recipients.values()))


@pytest.mark.parametrize("seed", range(6))
def test_both_ways(tool, keys, seed):
    r = Random(3000 + seed)
    identities = {k.id: k.secret for k in keys}
    for _ in range(8):
        d = r.head()
        to = recipients_of(r, keys)
        names = r.part_names()
        parts = {n: {("value" if n == "credential" else n): r.randbytes(r.choice([0, 1, 30, 700, 3000, 70000]))}
                 for n in names}
        facts = {n: {k: v for k, v in r.facts().items() if k != "sealed-at"} for n in names}
        # sealed there, opened here
        for n in names:
            oracle.seal(d, n, parts[n], facts[n], to, NOW)
        opened = tool.ask("open", text=oracle.write(d))
        merged = {k: v for p in parts.values() for k, v in p.items()}
        if ours_opens(tool, keys, to):
            assert opened["ok"], opened["error"]
            assert opened["data"] == {k: b64(v) for k, v in merged.items()}
        else:
            assert opened["class"] == "no-key"
        # sealed here, opened there
        sealed = tool.ask("seal", document=request(d), now=NOW, parts=[
            {"name": n, "recipients": to, "facts": facts[n], "data": {k: b64(v) for k, v in parts[n].items()}}
            for n in names])
        assert sealed["ok"], sealed["error"]
        e = oracle.parse(sealed["text"].encode(), KINDS)
        assert e.digest() == sealed["digest"] and e.substitute
        assert oracle.open_document(e, identities) == merged
        for n in names:
            _, length = oracle.stanzas(e.parts[n].age)
            assert length == oracle.padded_length(length)


def test_moved_parts(tool, keys):
    """What does not belong where it stands is opened by neither."""
    r = Random(14)
    identities = {k.id: k.secret for k in keys}
    to = {"eu-west9": keys[0].public, "recovery": keys[1].public}

    def fresh():
        d = oracle.Document("team-a", "api", KINDS["opaque"], "Opaque", labels={"app": "x"})
        for n in ("a", "b"):
            oracle.seal(d, n, {n: r.randbytes(10)}, {"not-after": "2027-01-31T23:59:59Z"}, to, NOW)
        return d

    def swap(d):
        d.parts["a"].age, d.parts["b"].age = d.parts["b"].age, d.parts["a"].age

    changes = [
        lambda d: None,
        lambda d: setattr(d, "name", "web"), lambda d: setattr(d, "namespace", "team-b"),
        lambda d: d.labels.update(app="y"), lambda d: d.labels.clear(), lambda d: d.annotations.update(a="b"),
        swap, lambda d: d.parts.update(c=d.parts.pop("a")),
        lambda d: d.parts["a"].facts.update({"not-after": "2037-01-31T23:59:59Z"}),
        lambda d: d.parts["a"].facts.pop("not-after"), lambda d: d.parts["a"].facts.update(namespaces="*"),
        lambda d: d.parts["a"].facts.update({"sealed-at": "2020-01-01T00:00:00Z"}),
        lambda d: d.parts["a"].recipients.update({"us": d.parts["a"].recipients.pop("recovery")}),
        lambda d: d.parts["a"].recipients.update({"recovery": keys[2].id}),
        lambda d: setattr(d, "policy", "Retain"),
    ]
    opened = []
    for change in changes:
        d = fresh()
        change(d)
        text = oracle.write(d)
        ours = tool.ask("open", text=text)
        try:
            oracle.open_document(oracle.parse(text.encode(), KINDS), identities)
            theirs = True
        except oracle.Refused:
            theirs = False
        assert ours["ok"] == theirs, ours
        if not ours["ok"]:
            assert ours["class"] == "refused"
        opened.append(theirs)
    # the policy is a matter of the document, not of the credential: not bound, but in the digest
    assert opened == [True] + [False] * 13 + [True]


# --- .bulla/config ------------------------------------------------------------------------------------

CONFIG_VALUES = REPLACEMENTS + ["eu", "us", "recovery", "**", "*", "a/**", "**/x", "../a", "/a", "a//b", "team-*", "TLS",
                                ["eu"], ["eu", "us"], ["eu", "eu"], ["nobody"], {"path": "**", "to": ["eu"]},
                                [{"path": "**", "to": ["eu"]}]]
CONFIG_KEYS = ["path", "namespace", "kind", "to", "recipients", "recovery", "rules", "eu", "EU", "a" * 64, "1", "x"]
PATHS = ["a.yaml", "clusters/eu/a.yaml", "clusters/eu/x/y/a.yaml", "clusters", "x/a.yaml"]


def config_agree(tool, text, r):
    path, namespace, kind = r.choice(PATHS), r.choice(["team-a", "flux-system"]), r.choice(["opaque", "tls"])
    ours = tool.ask("select", text=text, path=path, namespace=namespace, kind=kind)
    try:
        config = oracle.read_config(text.encode())
        theirs = {n: oracle.key_id(config[0][n]) for n in oracle.select(config, path, namespace, kind)}
    except oracle.Refused:
        theirs = None
    assert ours.get("recipients") == theirs, (ours, text, path, namespace, kind)
    return theirs is not None


def test_config(tool, keys):
    r = Random(30)
    a, b, c = (k.public for k in keys)
    base = {"recipients": {"eu": a, "us": b, oracle.key_id(c): c},
            "rules": [{"path": "clusters/eu/*", "to": ["eu"]}, {"path": "**/y/*", "to": ["us"], "kind": "tls"},
                      {"path": "clusters/**", "namespace": "team-?", "to": ["us", "eu"]}, {"path": "**", "to": ["us"]}]}
    selected = 0
    for i in range(600):
        value = copy.deepcopy(base)
        if r.random() < 0.5:
            del value["recipients"][oracle.key_id(c)]
            value["recovery"] = c
        for _ in range(r.choice([0, 1, 1, 2])):
            *path, last = r.choice([p for p in places(value) if p] or [("x",)])
            parent = value
            for step in path:
                parent = parent[step]
            if r.random() < 0.6:
                parent[last] = copy.deepcopy(r.choice(CONFIG_VALUES + [a, a.upper(), a[:-1] + "q"]))
            elif isinstance(parent, dict) and r.random() < 0.5:
                parent[r.choice(CONFIG_KEYS)] = parent.pop(last)
            else:
                del parent[last]
        selected += config_agree(tool, json.dumps(value, ensure_ascii=False), r)
    assert 150 < selected < 450
    for text in ("", "a", "[]", "---\n---\n", "recipients:\nrules:\n", "{}", f"recovery: |\n  {a}\n",
                 f"recipients:\n  eu: {a}\nrules:\n- path: '**'\n  to: [eu]\n",
                 f"recipients:\n  no: {a}\nrules:\n- path: '**'\n  to: [no]\n",
                 f"recipients:\n  'no': {a}\nrules:\n- {{path: 'a?c*', to: [\"no\"]}}\n- {{path: '**', to: ['no']}}\n"):
        config_agree(tool, text, r)


def test_globs():
    for pattern, path, wanted in (("**", "a", True), ("**", "a/b", True), ("a/**", "a", False), ("a/**", "a/b/c", True),
                                  ("**/c", "c", True), ("**/c", "a/b/c", True), ("a/**/c", "a/c", True), ("*", "a/b", False),
                                  ("a*c/?", "abc/d", True), ("a**c", "a/c", False), ("a**c", "abc", True)):
        assert bool(oracle.glob_path(pattern, path)) == wanted, (pattern, path)


# --- the page itself ------------------------------------------------------------------------------------

def test_kinds_table(tool):
    kinds = tool.ask("kinds")["kinds"]
    assert {k["name"]: (k["types"], k["keys"], sorted(set(k["facts"]) | oracle.COMMON_FACTS), k["retain"])
            for k in kinds} == {k.name: (k.types, k.keys, sorted(k.facts), f"| `{k.name}` |" in PAGE and "Retain" in
                                         re.search(rf"^\| `{k.name}` \|.*$", PAGE, re.M)[0]) for k in KINDS.values()}


def test_padding_table():
    lengths, padded = (re.search(rf"^\| {head} \|(.*)\|$", PAGE, re.M)[1].split("|") for head in ("L", "padded"))
    assert [oracle.padded_length(int(n)) for n in lengths] == [int(n) for n in padded]


def test_example(tool, tmp_path):
    """The example at the page's end is what the page says."""
    text = re.search(r"## 11\. .*?```yaml\n(.*?)```", PAGE, re.S)[1]
    secret = re.search(r"AGE-SECRET-KEY-1[A-Z0-9]{58}", PAGE)[0]
    digest = re.search(r"digest.*?`([0-9a-f]{64})`", PAGE[PAGE.index("## 11."):], re.S)[1]
    plain = re.search(r"## 11\. .*?```json\n(.*?)\n```", PAGE, re.S)[1]
    d = oracle.parse(text.encode(), KINDS)
    assert d.digest() == digest and oracle.write(d) == text
    (tmp_path / "key").write_text(secret + "\n")
    t = Tool(tmp_path / "key")
    assert t.ask("parse", text=text)["digest"] == digest
    opened = t.ask("open", text=text, now=NOW)
    t.close()
    (name,) = d.parts
    sealed = oracle.decrypt(secret, d.parts[name].age).decode()
    assert sealed == plain.replace("\n", "").ljust(1024)
    assert opened["data"] == json.loads(sealed)["data"]

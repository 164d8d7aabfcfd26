# SPDX-License-Identifier: Apache-2.0
"""set and unset in files as people and other tools write them: PyYAML sees one part change, and the
bytes outside of it stay."""
import base64
import json
import re

import pytest
import yaml

from checkout import INVALID, Checkout

FILE = "clusters/eu-west9/app.yaml"


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    repo = Checkout(tmp_path_factory.mktemp("edit"))
    for name in ("eu-west9", "us-east1"):
        (repo.top / "clusters" / name).mkdir(parents=True)
    repo.init("-r", "eu-west9", "-r", "us-east1")
    env = repo.write("../app.env", "B=b\nD=d\nF=f\n")
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", env, "-w", FILE)
    repo.sealed = (repo.top / FILE).read_text()
    return repo


# --- how a file may look --------------------------------------------------------------------------

class Literal(str):
    pass


class Dumper(yaml.SafeDumper):
    pass


Dumper.add_representer(Literal, lambda d, s: d.represent_scalar("tag:yaml.org,2002:str", s, style="|"))


def marked(node):
    if isinstance(node, dict):
        return {k: marked(v) for k, v in node.items()}
    return Literal(node) if isinstance(node, str) and "\n" in node else node


def deeper(text):
    """Every indentation twice as wide."""
    return re.sub(r"(?m)^( +)", lambda m: m[1] * 2, text)


def commented(text):
    """A comment, in no ASCII, above and behind every line but the armor's."""
    lines = []
    for line in text.splitlines():
        key = re.match(r"( *)[\w.\"/-]+:(?: |$)", line)
        if key:
            lines += [f"{key[1]}# о {len(lines)} €", f"{line}  # \U0001f511 \"x: y"]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n# конец\n"


def airy(text):
    return re.sub(r"(?m)^(    [DF]:)$", r"\n\1", text)


def flow_parts(text):
    head, parts = text.split("  parts:\n")
    return head + "  parts: " + json.dumps(yaml.safe_load("parts:\n" + parts)["parts"]) + "  # flow\n"


def flow_fields(text):
    return re.sub(r"(?m)^      (recipients|facts):\n((?:        .*\n)+?)(?=      \S)",
                  lambda m: f"      {m[1]}: {{" + ", ".join(l.strip() for l in m[2].splitlines()) + "}\n", text)


SHAPES = {
    "as written": lambda t: t,
    "CRLF": lambda t: t.replace("\n", "\r\n"),
    "byte order mark and CRLF": lambda t: "\ufeff" + commented(t).replace("\n", "\r\n"),
    "comments": commented,
    "empty lines": airy,
    "indented by four": deeper,
    "no line break at the end": lambda t: t[:-1],
    "second of three": lambda t: f"# ж\na: {{b: ж}}\n---\n{t}---\n- c\n...\n",
    "after the end mark": lambda t: f"%s...\n# между\n--- # two\n{t}" % "a: 1\n",
    "JSON": lambda t: json.dumps(yaml.safe_load(t)),
    "JSON, compact": lambda t: json.dumps(yaml.safe_load(t), separators=(",", ":")),
    "JSON, indented": lambda t: json.dumps(yaml.safe_load(t), indent=4) + "\n",
    "JSON, tabs, CRLF": lambda t: (json.dumps(yaml.safe_load(t), indent="\t") + "\n").replace("\n", "\r\n"),
    "parts in flow style": flow_parts,
    "fields in flow style": flow_fields,
    "written by PyYAML": lambda t: yaml.dump(marked(yaml.safe_load(t)), Dumper=Dumper),
    "written by PyYAML, in its order and in quotes": lambda t: yaml.safe_dump(yaml.safe_load(t), width=10**6),
    "written by PyYAML, flow": lambda t: yaml.safe_dump(yaml.safe_load(t), default_flow_style=True, width=10**6),
}


# --- what must hold -------------------------------------------------------------------------------

def meaning(data, key):
    """All documents as PyYAML reads them, without one part; and that part."""
    text, part = data.decode("utf-8-sig"), None
    # PyYAML alone takes no tabs between tokens
    documents = [json.loads(text)] if "\t" in text else list(yaml.safe_load_all(text))
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == "SealedCredential":
            for p in document["spec"]["parts"].values():
                # one that ended the file without a line break gets it when something follows
                p["sealed"] = p["sealed"].removesuffix("\n")
            part = document["spec"]["parts"].pop(key, None)
            order = list(document["spec"]["parts"])
            assert order == sorted(order)
    return documents, part


def window(before, after):
    """What differs: where it begins, what was there, what is there."""
    begin = 0
    while begin < min(len(before), len(after)) and before[begin] == after[begin]:
        begin += 1
    end = 0
    while end < min(len(before), len(after)) - begin and before[-1 - end] == after[-1 - end]:
        end += 1
    return begin, before[begin:len(before) - end], after[begin:len(after) - end]


def opened(repo, part, key):
    inner = json.loads(repo.tool("age", "-d", "-i", str(repo.recovery), input=part["sealed"]))
    return base64.b64decode(inner["data"][key])


@pytest.fixture(params=list(SHAPES))
def path(repo, request):
    return repo.write(FILE, SHAPES[request.param](repo.sealed))


@pytest.mark.parametrize("key", ["A", "C", "E", "NO", "Z_1"])
def test_set_a_new_value_and_unset_it(repo, path, key):
    before = path.read_bytes()
    repo.bulla("set", FILE, key, "--from-file", "-", input="new")
    after = path.read_bytes()
    _, removed, _ = window(before, after)
    assert removed == b""
    (same, none), (documents, part) = meaning(before, key), meaning(after, key)
    assert documents == same and none is None
    assert opened(repo, part, key) == b"new"
    if before.count(b"\n") == before.count(b"\r\n"):
        assert after.count(b"\n") == after.count(b"\r\n")
    repo.bulla("unset", FILE, key)
    assert path.read_bytes() == before


@pytest.mark.parametrize("key", ["B", "D", "F"])
def test_set_a_value_that_is_there(repo, path, key):
    before = path.read_bytes()
    repo.bulla("set", FILE, key, "--from-file", "-", input="new")
    after = path.read_bytes()
    (same, old), (documents, part) = meaning(before, key), meaning(after, key)
    assert documents == same
    assert part["recipients"] == old["recipients"] and part["sealed"] != old["sealed"]
    assert opened(repo, part, key) == b"new"
    begin, removed, _ = window(before, after)
    name = re.search(rb"(?m)(?:^\s*|[{, ])\"?%s\"?:" % key.encode(), before)
    assert begin > name.end()
    assert not re.search(rb"sealed.*sealed", removed, re.S), "only this part's bytes"


@pytest.mark.parametrize("key", ["B", "D", "F"])
def test_unset(repo, path, key):
    before = path.read_bytes()
    repo.bulla("unset", FILE, key)
    after = path.read_bytes()
    (same, _), (documents, part) = meaning(before, key), meaning(after, key)
    assert documents == same and part is None
    # but for commas nothing is added, and comments outside the part stay
    assert re.fullmatch(rb"[\s,}]*", window(before, after)[2])
    for comment in re.findall(rb"(?m)^#.*$", before):
        assert comment in after


def test_the_last_part_stays(repo):
    path = repo.write(FILE, repo.sealed)
    for key in ("B", "D"):
        repo.bulla("unset", FILE, key)
    before = path.read_bytes()
    done = repo.bulla("unset", FILE, "F", status=INVALID)
    assert "last part" in done.err
    assert path.read_bytes() == before


# --- what nobody has proven -----------------------------------------------------------------------

@pytest.fixture
def pull(tmp_path):
    repo = Checkout(tmp_path)
    (repo.top / "clusters/eu-west9").mkdir(parents=True)
    repo.init("-r", "eu-west9", "-r", "guest")
    repo.bulla("seal", "registry", "pull", "-n", "web", "--server", "ghcr.io", "--username", "bob", "--token-file",
               "-", "-w", FILE, input="first")
    return repo


def test_set_says_what_it_takes_from_the_document(pull):
    """Whoever writes to the repository could have the next token go to a registry of his."""
    path = pull.top / FILE
    path.write_text(path.read_text().replace('registry: "ghcr.io"', 'registry: "evil.example"')
                    .replace("        user:", '        namespaces: "evil-*"\n        user:'))
    done = pull.bulla("set", FILE, "--from-file", "-", "--dry-run", input="second")
    said = [line for line in done.err.splitlines() if "nobody has proven" in line]
    assert len(said) == 1, done
    for fact in ('registry "evil.example"', 'namespaces "evil-*"', 'user "bob"'):
        assert fact in said[0]
    assert "sealed-at" not in said[0]
    assert done.err.index("nobody has proven") < done.err.index("would be sealed")


def test_set_says_whom_the_rules_added(pull):
    """A recipient agreed to long ago, for other files, is no news to the pins."""
    pull.bulla("seal", "basic-auth", "other", "-n", "web", "--username", "u", "--password-file", "-", "-r", "guest",
               "-w", "other.yaml", input="x")
    done = pull.bulla("set", FILE, "--from-file", "-", input="second")
    assert "was not before" not in done.err
    config = pull.top / ".bulla/config"
    config.write_text(config.read_text().replace("to: [eu-west9]", "to: [eu-west9, guest]", 1))
    done = pull.bulla("set", FILE, "--from-file", "-", "-q", input="third")
    assert re.findall("(\\S+) is among the recipients now and was not before", done.err) == ["guest"]

# SPDX-License-Identifier: Apache-2.0
"""What Bulla writes means the same to libyaml, to PyYAML and to Go's sigs.k8s.io/yaml, whatever the names."""
import json
import subprocess

import pytest
import yaml

import golang
from documents import ADVERSARIAL, KINDS, NOW, TOP, VALUES, Key, Random, Tool, b64, oracle


@pytest.fixture(scope="module")
def go_yaml(tmp_path_factory):
    """A function from YAML texts to what Go reads."""
    program = golang.build("go-yaml", tmp_path_factory.mktemp("go"),
                           "what is written was not read by Go's YAML library")

    def read(texts):
        lines = "".join(json.dumps(t) + "\n" for t in texts)
        run = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in run.stdout.split("\n") if line]

    return read


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    t = Tool()
    yield t
    t.close()


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    return [Key(tmp_path_factory.mktemp("keys") / f"{i}").public for i in range(3)]


def seal(tool, public, r, names):
    """A document of these part names, sealed and written by the C code, and what it says."""
    d = r.head()
    d.labels = {key: r.label_value() for key in ("NO", "1e5", "example.org/0x1f")}
    d.annotations = {f"a{i}": v for i, v in enumerate(r.sample(VALUES, 20))}
    to = dict(zip(r.sample(["no", "1e5", "123", "eu-west9", "0x1f", "y"], 3), public))
    parts = [{"name": n, "recipients": to, "facts": {"not-after": "2027-01-31T23:59:59Z"}, "data": {n: b64("x")}}
             for n in names]
    head = {"name": r.choice(["1e5", "123", "no", "0x1f", "1.5"]), "namespace": r.choice(["no", "123", "y"]),
            "kind": "opaque", "type": "Opaque", "deletionPolicy": d.policy, "labels": d.labels,
            "annotations": d.annotations}
    sealed = tool.ask("seal", document=head, parts=parts, now=NOW)
    assert sealed["ok"], sealed
    return sealed["text"], head, {"recipients": {n: oracle.key_id(k) for n, k in to.items()},
                                  "facts": {"not-after": "2027-01-31T23:59:59Z", "sealed-at": NOW}}


def expected(text, head, part, names):
    d = oracle.parse(text.encode(), KINDS)
    spec = {"kind": "opaque", "secret": {k: head[k] for k in ("type", "labels", "annotations")},
            "parts": {n: {**part, "sealed": oracle.armor(d.parts[n].age)} for n in names}}
    if head["deletionPolicy"]:
        spec["deletionPolicy"] = head["deletionPolicy"]
    return {"apiVersion": "bulla.dev/v1", "kind": "SealedCredential", "spec": spec,
            "metadata": {"name": head["name"], "namespace": head["namespace"],
                         "annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}}}


def test_all_readers_agree(go_yaml, tool, public):
    r = Random(21)
    texts, wanted = [], []
    for i in range(60):
        names = sorted(r.sample(ADVERSARIAL, r.randint(1, 8)) if i else ADVERSARIAL)
        text, head, part = seal(tool, public, r, names)
        texts.append(text)
        wanted.append(expected(text, head, part, names))
    for text, want, go in zip(texts, wanted, go_yaml(texts)):
        assert go == want
        assert yaml.load(text, Loader=yaml.SafeLoader) == want
        assert yaml.load(text, Loader=yaml.CSafeLoader) == want
        ours = tool.ask("parse", text=text)
        assert ours["document"]["name"] == want["metadata"]["name"]
        assert [p["name"] for p in ours["document"]["parts"]] == list(want["spec"]["parts"])


def test_every_value(go_yaml, tool):
    """Every string that quote_put writes is that string to all three, as a key and as a value."""
    values = VALUES + [chr(c) for c in range(1, 0x300)] + ["a" + v for v in VALUES]
    words = [tool.ask("quote", value=v)["text"] for v in values]
    texts = [f"{w}: {w}\n" for w in words] + [f"{{{w}: [{w}, {w}]}}\n" for w in words]
    for value, text, go in zip(values * 2, texts, go_yaml(texts)):
        want = {value: value} if text[0] != "{" else {value: [value, value]}
        assert go == want, text
        assert yaml.load(text, Loader=yaml.SafeLoader) == want, text


def test_the_readers_do_differ(go_yaml):
    """The words that are quoted are not quoted for nothing: some reader takes each for something else."""
    words = ["NO", "1_000", "0x1f", "1e5", "12345678901234567890123456789012", "2026-11-23", "12:30:45", ".inf", "~"]
    for word, go in zip(words, go_yaml([f"a: {w}\n" for w in words])):
        assert go != {"a": word} or yaml.safe_load(f"a: {word}\n") != {"a": word}

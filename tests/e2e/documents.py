# SPDX-License-Identifier: Apache-2.0
"""What the tests of the document formats share: the C code behind a pipe, the oracle, random documents."""
import base64
import importlib.util
import json
import os
import pathlib
import random
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BULLA_BIN_DIR", TOP / "build"))

spec = importlib.util.spec_from_file_location("bulla_oracle", TOP / "tests/oracle/bulla_oracle.py")
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)

KINDS = oracle.read_kinds((TOP / "docs/FORMAT.md").read_text())
NOW = "2026-11-23T08:00:00Z"

# Names that some reader takes for something else than a string.
ADVERSARIAL = ["NO", "no", "1_000", "0x1f", "1e5", "12345", "2026-11-23", ".inf", "null", "y", "on", "1.5", "0o7",
               "0b1", "-", "_", "1_", "e5", "tls.crt", ".env", "true", "Infinity", "0", "-1", "1e", "a_b"]
# As values; these are no names.
VALUES = ADVERSARIAL + ["~", "=", "<<", "12:30:45", "", " ", "a: b", "a #b", "# a", "- a", "[a]", "{a}", "*a", "&a",
                        "!a", "%a", "@a", "`a`", "'a'", '"a"', "a\nb", "a\n", "\ta", "a\\b", "${x}", "Zürich",
                        "\u202eabc", "\x85", "\u2028", "\ufeffx", "\U0001f511", "\x07", "|", ">", "?", "?a", "---",
                        "...", "a,b", "null # x", "\u00a0"]


class Tool:
    """build/tools/document_tool as a function."""

    def __init__(self, *identities):
        self.run = subprocess.Popen([BUILD / "tools/document_tool", *identities], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, encoding="utf-8")

    def ask(self, op, **request):
        for key in ("text", "plain"):
            if key in request:
                request[key] = b64(request[key])
        self.run.stdin.write(json.dumps({"op": op, **request}) + "\n")
        self.run.stdin.flush()
        return json.loads(self.run.stdout.readline())

    def close(self):
        self.run.stdin.close()
        assert self.run.wait() == 0


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


class Key:
    """An age key pair as age-keygen makes it."""

    def __init__(self, path):
        subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
        self.path = path
        self.secret = pathlib.Path(path).read_text().split("\n")[2]
        self.public = subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True,
                                     text=True).stdout.strip()
        self.id = oracle.key_id(self.public)


class Random(random.Random):
    """Random parts of documents; the same seed gives the same."""

    def word(self, alphabet="abcdefghijklmnopqrstuvwxyz0123456789", most=12):
        return "".join(self.choices(alphabet, k=self.randint(1, most)))

    def qualified(self):
        name = self.choice(ADVERSARIAL + [self.word()]).strip("-_.") or "x"
        return name if self.random() < 0.5 else f"{self.word()}.example/{name}"

    def label_value(self):
        value = self.choice(VALUES + [self.word()])
        return value if oracle.is_label_value(value) else ""

    def facts(self):
        facts = {"sealed-at": NOW}
        if self.random() < 0.3:
            facts["not-after"] = "2027-01-31T23:59:59Z"
        if self.random() < 0.2:
            facts["namespaces"] = ",".join(sorted({self.word(), "team-*"}))
        if self.random() < 0.2:
            facts["service-accounts"] = "builder,default"
        return facts

    def head(self, kind=None):
        kind = kind or KINDS["opaque"]
        d = oracle.Document(self.word(), self.choice([self.word(), "a.b", "123", "1e5", "no"]), kind,
                            self.choice(kind.types), self.choice(["", "Delete", "Retain"]))
        d.labels = {self.qualified(): self.label_value() for _ in range(self.randint(0, 3))}
        d.annotations = {self.qualified(): self.choice(VALUES) for _ in range(self.randint(0, 3))}
        return d

    def part_names(self):
        if self.random() < 0.1:
            return ["credential"]
        return sorted({self.choice(ADVERSARIAL + [self.word()]) for _ in range(self.randint(1, 5))})

    def recipients(self, n):
        names = set()
        while len(names) < n:
            names.add(self.choice(["eu-west9", "no", "1e5", "12345", self.word()]))
        return {name: self.word("0123456789abcdef", 1) * 31 + f"{i:x}" for i, name in enumerate(sorted(names))}

# SPDX-License-Identifier: Apache-2.0
"""bulla reseal: what changes and what keeps its bytes, who never receives anything, and a kill at every step."""
import fcntl
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from checkout import (BULLA, CONFLICT, FINDINGS, INVALID, NOKEY, OK, RECIPIENT, REFUSED, USAGE, Checkout, Terminal)
from documents import TOP, oracle

SANITIZED = "BULLA_SANITIZED" in os.environ
WRITES = ("write,pwrite64,ftruncate,fchmod,fsync,fdatasync,syncfs,sync_file_range,rename,renameat,renameat2,link,linkat,"
          "unlink,unlinkat,flock,mkdir,mkdirat")


class Repo(Checkout):
    """Two regions and recovery; apps/ is for both, eu/ and us/ for one each. Keys of all are beside it."""

    def __init__(self, path):
        super().__init__(path)
        for name in ("recovery", "eu", "us", "eu2", "mallory"):
            self.tool("age-keygen", "-o", str(path / f"{name}.key"))
        self.rules([("eu/**", "eu"), ("us/**", "us"), ("**", "eu, us")])

    def key(self, name):
        return self.path / f"{name}.key"

    def public(self, name):
        return re.search(r"age1\w+", self.key(name).read_text()).group()

    def id(self, name):
        return oracle.key_id(self.public(name))

    def rules(self, rules, **keys):
        """Write the config; names have the key of their own name, but for those given."""
        names = {"eu": "eu", "us": "us", **keys}
        lines = ["recipients:"] + [f'  {n}: "{self.public(k)}"' for n, k in sorted(names.items()) if k]
        lines += [f'recovery: "{self.public("recovery")}"', "rules:"]
        for path, to in rules:
            lines += [f'  - path: "{path}"', f"    to: [{to}]"]
        self.write(".bulla/config", "\n".join(lines) + "\n")

    def pins(self):
        """This user agrees to whoever is in the config now."""
        folder = self.home / ".config/bulla"
        folder.mkdir(parents=True, exist_ok=True)
        found = re.findall(r'^ *([a-z0-9-]+): "(age1\w+)"', (self.top / ".bulla/config").read_text(), re.M)
        (folder / "pins").write_text("".join(f"{self.top} {n} {k}\n" for n, k in found))
        (folder / "pins").chmod(0o600)

    def opaque(self, file, values, name=None, namespace="web", *more):
        self.pins()
        env = "".join(f"{k}={v}\n" for k, v in values.items())
        self.bulla("seal", "opaque", name or Path(file).stem, "-n", namespace, "--from-env-file", "-", "-w", file, *more, input=env)
        return self.top / file

    def reseal(self, *args, key="recovery", status=OK, pins=True):
        if pins:
            self.pins()
        return self.bulla("reseal", *args, *(["-i", self.key(key)] if key else []), status=status)

    def report(self, *args, **kw):
        return json.loads(self.reseal("-o", "json", *args, **kw).out)

    def value(self, file, key="recovery", part=None, status=OK):
        got = self.bulla("open", file, "-i", self.key(key), *(["--key", part] if part else ["-o", "dotenv"]), status=status)
        return got.out

    def show(self, file):
        return json.loads(self.bulla("show", "-o", "json", file).out)["documents"]

    def bound(self, file, part=None):
        return {p["name"]: p["recipients"] for p in self.show(file)[0]["parts"]} if part is None else \
            next(p["recipients"] for p in self.show(file)[0]["parts"] if p["name"] == part)

    def tree(self):
        return {str(p.relative_to(self.top)): p.read_bytes() for p in sorted(self.top.rglob("*"))
                if p.is_file() and ".git/" not in str(p.relative_to(self.top))}

    def clean(self):
        """No temporary file in the tree, no journal in .git."""
        assert [p for p in self.top.rglob("*.bulla~")] == []
        assert not (self.top / ".git/bulla/reseal").exists()


@pytest.fixture
def repo(tmp_path):
    return Repo(tmp_path)


# --- what changes ------------------------------------------------------------------------------------

def test_nothing_to_do_keeps_every_byte(repo):
    repo.opaque("apps/a.yaml", {"A": "1", "B": "2"})
    before = repo.tree()
    done = repo.reseal()
    assert "nothing is to be sealed again" in done.err and done.out == ""
    assert repo.tree() == before
    repo.clean()


def test_a_replaced_key(repo):
    path = repo.opaque("apps/a.yaml", {"A": "1", "B": "2"})
    repo.opaque("us/b.yaml", {"A": "3"})
    text = path.read_text().replace("  parts:\n", "  # kept\n  parts:  # here\n") + "---\nkind: ConfigMap\n"
    path.write_text(text)
    path.chmod(0o640)
    other, was = (repo.top / "us/b.yaml").read_bytes(), repo.show("apps/a.yaml")[0]
    repo.rules([("eu/**", "eu"), ("us/**", "us"), ("**", "eu, us")], eu="eu2")
    done = repo.reseal()
    assert f"2 parts of 1 document" not in done.err and "2 of 3 parts sealed again" in done.err
    assert re.search(r"^eu has another key +1 +2$", done.out, re.M), done
    assert f"3 parts, 0 still need key {repo.id('eu')} (eu)" in done.out
    assert "issue" not in done.out  # a replaced key is nobody else's
    assert (repo.top / "us/b.yaml").read_bytes() == other
    assert path.stat().st_mode & 0o777 == 0o640
    now = repo.show("apps/a.yaml")[0]
    assert {p["name"]: p["facts"] for p in now["parts"]} == {p["name"]: p["facts"] for p in was["parts"]}
    assert now["digest"] != was["digest"]
    for part in now["parts"]:
        assert part["recipients"] == {"eu": repo.id("eu2"), "us": repo.id("us"), "recovery": repo.id("recovery")}
    for key in ("eu2", "us", "recovery"):
        assert repo.value("apps/a.yaml", key) == "A='1'\nB='2'\n"
    repo.value("apps/a.yaml", "eu", status=NOKEY)
    # outside of the parts' own values every line is as it was
    strip = lambda t: re.sub(r"(?m)^ +[A-Za-z0-9+/=]{20,}$|\"[0-9a-f]{32}\"", "", t)
    assert strip(path.read_text()) == strip(text)
    assert "0 findings" in repo.bulla("check", "-i", repo.key("recovery")).err
    repo.clean()
    before = repo.tree()
    repo.reseal()
    assert repo.tree() == before


def test_sealed_at_stays_that_of_the_value(repo):
    path = repo.opaque("apps/a.yaml", {"A": "1"})
    tool = ["faketime"] if shutil.which("faketime") else None
    at = repo.show("apps/a.yaml")[0]["parts"][0]["facts"]["sealed-at"]
    if tool is None:
        import time
        time.sleep(1.1)  # another second, so that a new time would differ
    repo.reseal("--all")
    assert repo.show("apps/a.yaml")[0]["parts"][0]["facts"]["sealed-at"] == at
    assert path.exists()


def test_a_dropped_recipient_and_what_must_be_issued_again(repo):
    token = repo.tool(str(TOP / "scripts/test-token")).strip()
    (repo.path / "token").write_text(token)
    repo.opaque("apps/a b.yaml", {"A": "1", "B": "2"}, name="a")
    repo.pins()
    repo.bulla("seal", "registry", "ghcr", "-n", "web", "--server", "ghcr.io", "--username", "bot", "--token-file",
               repo.path / "token", "-w", "apps/")
    repo.bulla("seal", "deploy-key", "flux", "-n", "flux", "--url", "ssh://git@github.com/o/r", "-w", "apps/")
    repo.rules([("**", "eu")], us="")
    plan = repo.report("--dry-run", key=None)
    assert [d["state"] for d in plan["documents"]] == ["planned"] * 3
    assert all(not r["opened"] for r in plan["reissue"])
    assert plan["keys"] == [{"id": repo.id("us"), "name": "us", "parts": 4, "stillNeed": 4}]
    done = repo.report()
    assert [(r["kind"], r["part"]) for r in done["reissue"]] == [("registry", "credential"), ("deploy-key", "credential"),
                                                               ("opaque", "A"), ("opaque", "B")]
    first = done["reissue"][0]
    assert first["where"] == "https://github.com/settings/tokens" and first["opened"] and not first["claimed"]
    assert first["keys"] == {repo.id("us"): "us"}
    assert done["reissue"][1]["claimed"]  # url is the sealer's word, also when opened
    assert done["reissue"][2]["replace"] == "bulla rotate opaque 'apps/a b.yaml' --stdin A"
    assert done["keys"] == [{"id": repo.id("us"), "name": "us", "parts": 4, "stillNeed": 0}]
    assert done["total"]["sealed"] == 4 and [d["state"] for d in done["documents"]] == ["resealed"] * 3
    for file in ("apps/a b.yaml", "apps/ghcr.yaml", "apps/flux.yaml"):
        repo.value(file, "us", status=NOKEY)
        repo.bulla("open", file, "-i", repo.key("eu"))
    assert token not in json.dumps(done)


def test_text_of_the_end(repo):
    repo.opaque("apps/a.yaml", {"A": "1"})
    repo.rules([("**", "eu")])
    done = repo.reseal()
    assert done.out.splitlines()[-4:] == [
        "1 credential could be opened by keys that are dropped, and still can from Git's history: issue it again, the most "
        "dangerous first",
        "web/a  opaque, A  (us)",
        "    who has it does what nobody but its issuer can tell: have its issuer replace the value",
        "    bulla rotate opaque apps/a.yaml --stdin A"]


def test_a_new_recipient_waits_for_add(repo):
    repo.opaque("eu/a.yaml", {"A": "1"})
    repo.rules([("**", "eu, us")])
    before = repo.tree()
    done = repo.reseal(status=FINDINGS)
    assert "us is new to parts" in done.err and "--add us" in done.err
    assert repo.tree() == before
    assert repo.report(status=FINDINGS)["documents"][0]["state"] == "waiting"
    repo.reseal("--add", "us")
    assert set(repo.bound("eu/a.yaml", "A")) == {"eu", "us", "recovery"}
    repo.value("eu/a.yaml", "us")
    assert repo.reseal().status == OK


def test_what_waits_does_not_hold_up_the_rest(repo):
    repo.opaque("eu/a.yaml", {"A": "1"})
    repo.rules([("**", "eu, us")], eu="eu2")
    done = repo.reseal(status=FINDINGS)
    assert "1 of 1 parts sealed again" in done.err
    assert repo.bound("eu/a.yaml", "A") == {"eu": repo.id("eu2"), "recovery": repo.id("recovery")}
    repo.value("eu/a.yaml", "us", status=NOKEY)


def test_a_key_with_another_name_needs_no_add(repo):
    repo.opaque("eu/a.yaml", {"A": "1"})
    repo.rules([("**", "paris")], paris="eu", eu="")
    assert "paris has another name" in repo.reseal().out
    assert repo.bound("eu/a.yaml", "A") == {"paris": repo.id("eu"), "recovery": repo.id("recovery")}


def test_all_makes_fresh_file_keys(repo):
    a, b = repo.opaque("apps/a.yaml", {"A": "1", "B": "2"}), repo.opaque("eu/b.yaml", {"C": "3"})
    before = repo.tree()
    done = repo.reseal("--all")
    assert "3 of 3 parts sealed again" in done.err and re.search(r"^fresh keys +2 +3$", done.out, re.M)
    assert a.read_bytes() != before["apps/a.yaml"] and b.read_bytes() != before["eu/b.yaml"]
    assert repo.value("apps/a.yaml", "us") == "A='1'\nB='2'\n" and repo.value("eu/b.yaml", "eu") == "C='3'\n"
    repo.clean()


def test_only_what_a_key_can_open(repo):
    repo.opaque("eu/a.yaml", {"A": "1"})
    repo.opaque("us/b.yaml", {"B": "2"})
    before = repo.tree()
    for key in (repo.id("us"), repo.public("us"), "us"):
        done = repo.report("--all", "--key", key)
        assert [d["file"] for d in done["documents"]] == ["us/b.yaml"] and done["total"]["parts"] == 1
        assert [k["stillNeed"] for k in done["keys"]] == ([1] if key != "us" else [])
    assert repo.tree()["eu/a.yaml"] == before["eu/a.yaml"]


def test_paths(repo):
    repo.opaque("eu/a.yaml", {"A": "1"})
    repo.opaque("us/b.yaml", {"B": "2"})
    before = repo.tree()
    done = repo.bulla("reseal", ".", "--all", "-i", repo.key("recovery"), cwd=repo.top / "us", status=OK)
    assert "1 of 1 parts" in done.err
    assert repo.tree()["eu/a.yaml"] == before["eu/a.yaml"]
    # a problem is named as a shell finds it from here
    (repo.top / "eu/a.yaml").write_text("apiVersion: bulla.dev/v1\nkind: SealedCredential\n")
    done = repo.bulla("reseal", "-i", repo.key("recovery"), cwd=repo.top / "us", status=INVALID)
    assert "../eu/a.yaml:1: " in done.err


def test_thirty_two_recipients(repo):
    names = {}
    for i in range(31):
        names[f"r{i:02}"] = f"r{i:02}"
        repo.tool("age-keygen", "-o", str(repo.key(f"r{i:02}")))
    repo.opaque("a.yaml", {"A": "1"})
    repo.rules([("**", ", ".join(["eu", *list(names)[:30]]))], **names)
    repo.reseal(*[x for n in list(names)[:30] for x in ("--add", n)])
    assert len(repo.bound("a.yaml", "A")) == 32
    repo.reseal("--all", key="r29")
    assert repo.value("a.yaml", "r07") == "A='1'\n"


def test_many_documents_of_one_file(repo):
    texts = []
    for i in range(40):
        texts.append(repo.opaque(f"apps/{i}.yaml", {"A": str(i), "B": "x"}, name=f"n{i}").read_text())
        (repo.top / f"apps/{i}.yaml").unlink()
    repo.write("all.yaml", "# top\n" + "---\n# next\n".join(t + "---\nkind: ConfigMap\n" for t in texts))
    repo.rules([("**", "us, eu")], us="mallory")
    done = repo.reseal()
    assert "80 of 80 parts" in done.err
    text = (repo.top / "all.yaml").read_text()
    assert text.startswith("# top\n") and text.count("kind: ConfigMap") == 40 and text.count("# next") == 39
    assert repo.id("us") not in text and text.count(repo.id("mallory")) == 80
    got = repo.bulla("open", "all.yaml", "--document", "n7", "--key", "A", "-i", repo.key("eu")).out
    assert got == "7"


def test_every_kind_is_carried_over(repo):
    token = repo.tool(str(TOP / "scripts/test-token")).strip()
    (repo.path / "token").write_text(token)
    repo.tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=x", "-addext",
              "subjectAltName=DNS:x", "-keyout", str(repo.path / "k.pem"), "-out", str(repo.path / "c.pem"))
    repo.pins()
    repo.bulla("seal", "tls", "t", "-n", "w", "--cert", repo.path / "c.pem", "--private-key", repo.path / "k.pem", "--alias",
               "a.pem=tls.crt", "--label", "app=x", "-w", "a/")
    repo.bulla("seal", "registry", "r", "-n", "w", "--server", "ghcr.io", "--username", "u", "--token-file",
               repo.path / "token", "--expires", "90d", "-w", "a/")
    repo.bulla("seal", "git-https", "g", "-n", "w", "--url", "https://github.com/o/r", "--username", "u", "--token-file",
               repo.path / "token", "-w", "a/")
    repo.bulla("seal", "deploy-key", "d", "-n", "w", "--url", "ssh://git@github.com/o/r", "-w", "a/")
    repo.bulla("seal", "opaque", "o", "-n", "w", "--from-env-file", "-", "--together", "-w", "a/", input="A=1\nB=2\n")
    files = ["a/t.yaml", "a/r.yaml", "a/g.yaml", "a/d.yaml", "a/o.yaml"]
    before = {f: (repo.bulla("open", f, "-i", repo.key("eu")).out, repo.show(f)[0]["parts"][0]["facts"]) for f in files}
    repo.rules([("**", "eu")])
    assert "5 of 5 parts" in repo.reseal().err
    assert before == {f: (repo.bulla("open", f, "-i", repo.key("eu")).out, repo.show(f)[0]["parts"][0]["facts"]) for f in files}


# --- what is left as it is -----------------------------------------------------------------------------

def test_without_the_key(repo):
    repo.opaque("eu/a.yaml", {"A": "1"})
    repo.opaque("us/b.yaml", {"B": "2"})
    before = repo.tree()
    done = repo.reseal("--all", key="us", status=NOKEY)
    assert "eu/a.yaml:1: web/a: spec.parts.A.sealed: no key at hand opens it; it is sealed to eu, recovery" in done.err
    assert "1 of 2 parts sealed again" in done.err and "1 document is left as it is" in done.err
    assert repo.tree()["eu/a.yaml"] == before["eu/a.yaml"] and repo.tree()["us/b.yaml"] != before["us/b.yaml"]
    repo.clean()
    assert repo.reseal("--all", key=None, status=NOKEY).out.startswith("CHANGE")  # the plan needs none
    assert repo.tree()["eu/a.yaml"] == before["eu/a.yaml"]


def test_one_part_without_the_key(repo):
    path = repo.opaque("apps/a.yaml", {"A": "1", "B": "2"})
    repo.bulla("set", "apps/a.yaml", "B", "--from-file", "-", "-r", "us", input="3")
    part = lambda name: re.search(rf"(?ms)^    {name}:\n.*?(?=^    \w|\Z)", path.read_text()).group()
    b = part("B")
    repo.rules([("**", "eu, us")], us="mallory")
    done = repo.report(key="eu", status=NOKEY)
    assert done["documents"][0]["state"] == "partly" and done["documents"][0]["sealed"] == 1
    assert [k["stillNeed"] for k in done["keys"]] == [1]
    assert part("B") == b and repo.bound("apps/a.yaml", "A")["us"] == repo.id("mallory")


@pytest.mark.parametrize("damage", [("namespace: web", "namespace: other"), ("name: a\n", "name: z\n"),
                                    ('"sealed-at: ', '"sealed-at: '), ("type: Opaque", "type: Opaque\n    labels: {x: app}")])
def test_what_does_not_open_as_it_is_bound(repo, damage):
    path = repo.opaque("apps/a.yaml", {"A": "1", "B": "2"})
    repo.opaque("apps/b.yaml", {"A": "1"})
    text = path.read_text().replace(*damage, 1)
    if damage[0] == damage[1]:  # the bytes of another part under this name
        one, two = re.findall(r"(?s)-----BEGIN.*?-----END[^\n]*\n", text)
        text = text.replace(one, two, 1)
    path.write_text(text)
    done = repo.reseal("--all", status=REFUSED)
    assert path.read_text() == text and "apps/a.yaml:1: " in done.err
    assert "1 of 3 parts sealed again" in done.err


def test_what_cannot_be_read(repo):
    repo.opaque("b.yaml", {"A": "1"})
    broken = {"a.yaml": "apiVersion: bulla.dev/v1\nkind: SealedCredential\nmetadata: {}\n",
              "c.yaml": "apiVersion: bulla.dev/v1\n<<<<<<< ours\n", "d.yaml": "bulla.dev: [\n",
              "e.yaml": "# bulla.dev\nkind: ConfigMap\n", "f.yaml": "\xff bulla.dev\n".encode("latin-1")}
    for name, text in broken.items():
        repo.write(name, text)
    done = repo.report("--all", status=INVALID)
    assert {d["file"]: d["class"] for d in done["documents"] if "class" in d} == {
        "a.yaml": "invalid", "c.yaml": "conflict", "d.yaml": "invalid", "f.yaml": "invalid"}
    assert done["total"]["sealed"] == 1 and done["total"]["left"] == 4
    for name, text in broken.items():
        assert (repo.top / name).read_bytes() == (text if isinstance(text, bytes) else text.encode())


def test_signatures_are_not_left_behind(repo):
    path = repo.opaque("a.yaml", {"A": "1"})
    path.write_text(path.read_text() + '  signatures:\n    - "x"\n')
    before = path.read_bytes()
    done = repo.reseal("--all", status=CONFLICT)
    assert "spec.signatures" in done.err and path.read_bytes() == before


def test_a_file_that_is_being_written(repo):
    a, b = repo.opaque("a.yaml", {"A": "1"}), repo.opaque("b.yaml", {"A": "1"})
    before = a.read_bytes(), b.read_bytes()
    with open(repo.top / ".a.yaml.bulla~", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = repo.reseal("--all", status=CONFLICT)
    assert "another process is writing" in done.err and "1 of 2 parts" in done.err
    assert a.read_bytes() == before[0] and b.read_bytes() != before[1]


def test_two_at_a_time(repo):
    a = repo.opaque("a.yaml", {"A": "1"})
    (repo.top / ".git/bulla").mkdir()
    with open(repo.top / ".git/bulla/reseal", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        before = a.read_bytes()
        assert "another reseal is at work" in repo.reseal("--all", status=CONFLICT).err
        assert a.read_bytes() == before and (repo.top / ".git/bulla/reseal").exists()
        repo.reseal("--all", "--dry-run", key=None)


# --- what others may try -------------------------------------------------------------------------------

def test_pins(repo):
    """A key that changes in a pull request gets nothing before this user has seen it."""
    repo.opaque("apps/a.yaml", {"A": "1"})
    repo.rules([("**", "eu, us")], eu="mallory")
    before = repo.tree()
    done = repo.reseal(status=RECIPIENT, pins=False)
    assert f"CHANGED  eu  {repo.public('mallory')}" in done.err and f"--accept {repo.public('mallory')}" in done.err
    assert repo.tree() == before and "sealed again" not in done.err
    assert not (repo.top / ".git/bulla/reseal").exists()
    repo.reseal("--accept", repo.public("mallory"), pins=False)
    repo.reseal("--all", pins=False)  # remembered


def test_pins_at_a_terminal(repo):
    repo.opaque("apps/a.yaml", {"A": "1"})
    repo.rules([("**", "eu, us")], eu="eu2")
    before = repo.tree()
    run = Terminal(repo, "reseal", "-i", repo.key("recovery"))
    run.answer("Agree?", "n")
    run.end(RECIPIENT)
    assert repo.tree() == before
    run = Terminal(repo, "reseal", "-i", repo.key("recovery"))
    run.answer("Agree?", "y")
    assert "1 of 1 parts sealed again" in run.end(OK)
    repo.value("apps/a.yaml", "eu2")


@pytest.mark.parametrize("rule", ["mallory", "eu, mallory"])
@pytest.mark.parametrize("add", [[], ["--add", "us"]])
def test_a_document_copied_under_a_rule_of_somebody_elses(repo, rule, add):
    """The name and namespace are the same, so it opens; the path is another, and its rule names somebody."""
    secret = repo.opaque("eu/a.yaml", {"A": "canary-51ab"})
    copy = repo.write("mallory/a.yaml", secret.read_bytes())
    repo.rules([("mallory/**", rule), ("eu/**", "eu"), ("**", "eu, us")], mallory="mallory")
    done = repo.reseal(*add, status=FINDINGS)  # known to this user, even
    assert "mallory is new to parts" in done.err
    assert repo.id("mallory") not in copy.read_text() + secret.read_text()
    repo.value("mallory/a.yaml", "mallory", status=NOKEY)
    # with nobody of the old recipients left there is nobody to seal to
    config = (repo.top / ".bulla/config").read_text()
    repo.write(".bulla/config", re.sub(r'recovery: .*\n', "", config))
    copy.write_bytes(secret.read_bytes())
    if rule == "mallory":
        done = repo.reseal(*add, status=RECIPIENT)
        assert "was the file moved or copied here?" in done.err
        assert copy.read_bytes() != b"" and repo.id("mallory") not in copy.read_text()


def test_a_copy_that_waits_for_the_next_add(repo):
    """--add is for a whole run, so a copy under a rule of the name that is added is told of before."""
    repo.opaque("eu/a.yaml", {"A": "1", "B": "2"})
    repo.opaque("eu/b.yaml", {"A": "1"})
    repo.write("us/a.yaml", (repo.top / "eu/a.yaml").read_bytes())
    done = repo.reseal("--dry-run", "--add", "us", key=None)
    for part in "AB":
        assert (f"warning: us/a.yaml, web/a, {part}: receives a new recipient, and is a copy of what is at eu/a.yaml, web/a, "
                f"{part}: see who put it there") in done.err
    assert done.err.count("is a copy") == 2
    repo.rules([("**", "eu, us")])
    (repo.top / "us/a.yaml").unlink()
    assert "is a copy" not in repo.reseal("--add", "us").err


def test_lying_facts_and_recipients(repo):
    """What stands outside is held against what is inside before anything is sealed again."""
    path = repo.opaque("apps/a.yaml", {"A": "1"})
    whole = path.read_text()
    for old, new in ((repo.id("us"), repo.id("mallory")), ("sealed-at: \"20", "sealed-at: \"19")):
        path.write_text(whole.replace(old, new))
        before = path.read_bytes()
        repo.rules([("**", "eu, mallory")], mallory="mallory", us="")
        repo.reseal("--all", status=REFUSED)
        assert path.read_bytes() == before


def test_links_and_repositories_inside(repo):
    repo.opaque("apps/a.yaml", {"A": "1"})
    outside = repo.path / "outside.yaml"
    outside.write_bytes((repo.top / "apps/a.yaml").read_bytes())
    (repo.top / "apps/link.yaml").symlink_to(outside)
    (repo.top / "folder").symlink_to(repo.path)
    inner = repo.write("inner/a.yaml", outside.read_bytes())
    subprocess.run(["git", "init", "-q", str(repo.top / "inner")], check=True)
    before = outside.read_bytes()
    done = repo.report("--all")
    assert [d["file"] for d in done["documents"]] == ["apps/a.yaml"]
    assert outside.read_bytes() == before == inner.read_bytes()
    for path, text in (("folder/outside.yaml", "not in the Git work tree"), (str(outside), "not in the Git work tree"),
                       (".bulla", "no documents"), ("inner/nothing.yaml", "cannot open")):
        assert text in repo.reseal(path, status=None).err


def test_what_git_ignores_counts(repo):
    repo.opaque("apps/a.yaml", {"A": "1"})
    repo.write(".gitignore", "apps/\n")
    assert repo.report("--all")["total"]["sealed"] == 1


def test_nothing_of_the_values_is_said(repo):
    repo.opaque("apps/a.yaml", {"A": "canary-77aa01"})
    repo.rules([("**", "eu")])
    done = repo.reseal("-v")
    assert "canary" not in done.out + done.err
    assert b"canary" not in b"".join(p.read_bytes() for p in (repo.top / ".git").rglob("*") if p.is_file())


# --- the command line ----------------------------------------------------------------------------------

@pytest.mark.parametrize("args, status, text", [
    (["--add", "nobody"], RECIPIENT, "--add nobody: no such recipient"),
    (["--add", "AGE-SECRET-KEY-1X"], USAGE, "--add: not the name"),
    (["--key", "x y"], USAGE, "--key: neither"),
    (["--key", "age1qqqq"], RECIPIENT, "--key: "),
    (["nowhere.yaml"], None, "nowhere.yaml"),
    (["-o", "yaml"], USAGE, "-o"),
])
def test_bad_command_lines(repo, args, status, text):
    repo.opaque("a.yaml", {"A": "1"})
    before = repo.tree()
    done = repo.reseal(*args, status=status)
    assert done.status != OK and text in done.err and "SECRET" not in done.err
    assert repo.tree() == before
    repo.clean()


def test_no_repository_no_config_bad_config(repo, tmp_path):
    (tmp_path / "plain").mkdir()
    assert "in no Git work tree" in repo.bulla("reseal", cwd=tmp_path / "plain", status=INVALID).err
    repo.write(".bulla/config", "rules: 7\n")
    assert ".bulla/config:1" in repo.bulla("reseal", status=INVALID).err
    (repo.top / ".bulla/config").unlink()
    assert "bulla init" in repo.bulla("reseal", status=INVALID).err


def test_no_rule_for_a_path(repo):
    repo.opaque("other/a.yaml", {"A": "1"})
    repo.opaque("eu/b.yaml", {"A": "1"})
    repo.rules([("eu/**", "eu")])
    done = repo.reseal("--all", status=RECIPIENT)
    assert "other/a.yaml:1: web/a: no rule of .bulla/config matches other/a.yaml" in done.err
    assert "1 of 2 parts" in done.err or "1 of 1 parts" in done.err


def test_dry_run_changes_nothing(repo):
    repo.opaque("apps/a.yaml", {"A": "1", "B": "2"})
    repo.rules([("**", "eu")], us="")
    before = repo.tree()
    done = repo.reseal("--dry-run", key=None)
    assert re.search(r"^web/a +opaque +2/2 +us dropped +apps/a.yaml$", done.out, re.M)
    assert f"2 parts, 2 still need key {repo.id('us')} (us)" in done.out
    assert "2 of 2 parts would be sealed again, in 1 document\n" in done.err
    assert repo.tree() == before and not (repo.top / ".git/bulla").exists()


# --- a kill --------------------------------------------------------------------------------------------

needs_strace = pytest.mark.skipif(shutil.which("strace") is None or SANITIZED, reason="needs strace, without sanitizers")


def traced(repo, inject, *args):
    log = repo.path / "trace"
    done = subprocess.run(["strace", "-qq", "-f", "-o", str(log), "-e", f"trace={WRITES}", *inject, BULLA, "reseal", "-q", "-i",
                           str(repo.key("recovery")), *args], cwd=repo.top, env=repo.env, capture_output=True, timeout=60)
    calls = re.findall(r"^\d+ +(?:\d+\.\d+ )?(\w+)\(", log.read_text(), re.M)
    return done.returncode, calls


def tree_is_valid(repo, want):
    for file, value in want.items():
        assert repo.value(file) == value, file


def scene(repo, mode):
    want = {}
    for i, folder in enumerate(("apps", "eu", "apps/deep", ".")):
        repo.opaque(f"{folder}/a{i}.yaml", {"A": f"v{i}", "B": "x"}, name=f"a{i}")
        want[f"{folder}/a{i}.yaml"] = f"A='v{i}'\nB='x'\n"
    if mode == "changes":
        repo.rules([("eu/**", "eu"), ("**", "eu")], us="", eu="eu2")
    repo.pins()
    return want


@needs_strace
@pytest.mark.parametrize("mode", ["changes", "all"])
def test_killed_at_every_step(tmp_path, mode):
    """Every file is old or new, the next run completes, and what was done is not done again."""
    args = ["--all"] if mode == "all" else []
    base = tmp_path / "base"
    base.mkdir()
    first = Repo(base)
    want = scene(first, mode)
    status, calls = traced(first, [], *args)
    assert status == OK
    steps, seen = [], {}
    for name in calls:
        seen[name] = seen.get(name, 0) + 1
        steps.append((name, seen[name]))
    assert {"write", "rename", "unlink"} <= set(seen) and len(steps) > 20
    for k, (name, nth) in enumerate(steps):
        path = tmp_path / f"{k}"
        path.mkdir()
        repo = Repo(path)
        scene(repo, mode)
        old = repo.tree()
        status, _ = traced(repo, ["-e", f"inject={name}:signal=KILL:when={nth}"], *args)
        assert status in (-9, 137), (name, nth)
        tree_is_valid(repo, want)
        between = {f: repo.tree()[f] for f in map(os.path.normpath, want)}
        done = repo.report(*args, pins=False)
        tree_is_valid(repo, want)
        repo.clean()
        now = repo.tree()
        assert sorted(now) == sorted(old)
        for file in between:
            assert now[file] != old[file], (name, nth, file)
            if between[file] != old[file] and not (mode == "all" and finished(steps, k)):
                assert now[file] == between[file], (name, nth, file)  # done before the kill, and not again
        if mode == "changes" and not finished(steps, k):
            assert {v["id"]: v["stillNeed"] for v in done["keys"]} == {repo.id("us"): 0, repo.id("eu"): 0}, (name, nth)
            assert len(done["reissue"]) == 6, (name, nth)
        shutil.rmtree(path)


def finished(steps, k):
    """Killed behind the removal of the journal: that run had come to its end."""
    return k > max(i for i, (name, _) in enumerate(steps) if name == "unlink")


@needs_strace
def test_what_a_kill_leaves_is_swept(repo):
    """Also when there is nothing to be done any more."""
    scene(repo, "changes")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "x")
    traced(repo, ["-e", "inject=rename:signal=KILL:when=2"])
    left = [p for p in repo.top.rglob("*.bulla~")]
    assert left, "the kill came before anything was written"
    repo.git("checkout", "-q", "--", ".")
    repo.rules([("eu/**", "eu"), ("us/**", "us"), ("**", "eu, us")])
    assert "did not come to its end" in repo.reseal().err
    repo.clean()
    assert repo.git("status", "--porcelain", "--", "apps", "eu").strip() == ""


def test_a_journal_of_something_else(repo):
    journal = repo.top / ".git/bulla/reseal"
    journal.parent.mkdir()
    for text in ("", "garbage", '{"bulla":"reseal"}\n', '[]\n{"file":"../x","sha256":"y"}\n', "\0\0\n", '{"bulla":"reseal","format":1,'
                 '"run":"x","started":"2020-01-01T00:00:00Z"}\n{"file":"../../x","sha256":""}\n{"lost":{"kind":7}}\n{"keys":{"a":1}}\n{"lo'):
        repo.opaque("a.yaml", {"A": "1"})
        victim = repo.path / ".x.bulla~"
        victim.write_text("stays")
        journal.write_text(text)
        assert "1 of 1 parts" in repo.reseal("--all").err
        assert victim.read_text() == "stays"
        repo.clean()
        (repo.top / "a.yaml").unlink()


def test_a_work_tree_of_git(repo):
    """.git is a file there; the journal goes where git's own things of that tree are."""
    repo.opaque("a.yaml", {"A": "1"})
    repo.commit()
    repo.git("worktree", "add", "-q", str(repo.path / "second"))
    other = Checkout(repo.path, repo="second")
    folder = repo.home / ".config/bulla"
    pins = (folder / "pins").read_text()
    (folder / "pins").write_text(pins + pins.replace(f"{repo.top} ", f"{other.top} "))
    other.bulla("reseal", "--all", "-i", repo.key("recovery"))
    assert (repo.top / ".git/worktrees/second/bulla").is_dir()
    assert not (other.top / ".git").is_dir()
    (other.top / ".git").write_text("nonsense\n")
    assert "neither a folder nor a file" in other.bulla("reseal", status=INVALID).err

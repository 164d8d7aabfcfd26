# SPDX-License-Identifier: Apache-2.0
"""bulla keys exposure: what a key could ever open, in real repositories."""
import json
import os
import shlex
import subprocess
import time

import pytest
import yaml

from checkout import BULLA, FINDINGS, NOKEY, RECIPIENT, USAGE, Checkout


@pytest.fixture
def repo(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.init("-r", "eu", "-r", "us")
    return checkout


def config(repo):
    return yaml.safe_load((repo.top / ".bulla/config").read_text())


def kid(repo, name):
    return repo.bulla("keys", "id", name).out.strip()


def seal(repo, name, file, value="v", key="K", args=()):
    repo.bulla("seal", "opaque", name, "-n", "web", "--stdin", key, "-w", file, *args, input=value)


def put(repo, file, value, key="K", args=()):
    time.sleep(1.01)  # sealed-at is in seconds
    repo.bulla("set", file, key, "--from-file", "-", *args, input=value)


def exposure(repo, key, *args, status=0, **kwargs):
    done = repo.bulla("keys", "exposure", key, "-o", "json", *args, status=status, **kwargs)
    return json.loads(done.out)


def rows(repo, key, *args, **kwargs):
    return [(c["document"], c["part"], c["state"], c["proven"]) for c in exposure(repo, key, *args, **kwargs)["credentials"]]


def alice(repo):
    repo.tool("age-keygen", "-o", str(repo.path / "alice.key"))
    return repo.path / "alice.key", repo.tool("age-keygen", "-y", str(repo.path / "alice.key")).strip()


def test_used_replaced_and_gone(repo):
    old = kid(repo, "eu")
    for name in ("used", "replaced", "gone", "resealed", "again"):
        seal(repo, name, f"{name}.yaml", name)
    seal(repo, "other", "other.yaml", args=["-r", "us"])
    repo.commit("first")
    first = repo.git("rev-parse", "HEAD").strip()
    repo.bulla("keys", "generate", "eu")
    put(repo, "replaced.yaml", "another")
    put(repo, "again.yaml", "again")  # the same value, sealed anew
    repo.bulla("reseal", "-i", repo.recovery, "resealed.yaml", status=None)
    (repo.top / "gone.yaml").unlink()
    repo.commit("second")
    found = exposure(repo, old)
    assert {c["document"]: (c["state"], c["proven"]) for c in found["credentials"]} == {
        "web/used": ("used", True), "web/replaced": ("replaced", False), "web/gone": ("gone", True),
        "web/resealed": ("used", False), "web/again": ("replaced", False)}
    assert found["complete"] is True and found["unread"] == []
    one = {c["document"]: c for c in found["credentials"]}
    assert one["web/used"]["file"] == "used.yaml" and one["web/used"]["now"] == ["main:used.yaml"]
    assert one["web/used"]["replace"] == "bulla rotate opaque used.yaml --stdin K" and "replace" not in one["web/gone"]
    assert one["web/gone"]["now"] == [] and one["web/gone"]["file"] is None
    assert {c["firstCommit"] for c in found["credentials"]} == {first}
    assert one["web/used"]["keys"] == {old: "eu"} and not one["web/used"]["opened"]
    # with a key at hand it is known
    found = {c["document"]: c for c in exposure(repo, old, "-i", repo.recovery)["credentials"]}
    assert {d: (c["state"], c["proven"]) for d, c in found.items()} == {
        "web/used": ("used", True), "web/replaced": ("replaced", True), "web/gone": ("gone", True),
        "web/resealed": ("used", True), "web/again": ("used", True)}
    assert all(c["opened"] for c in found.values())


def test_the_order_is_by_danger(repo):
    token = repo.tool(str(os.path.join(os.path.dirname(__file__), "../../scripts/test-token"))).strip()
    repo.write("../token", token)
    seal(repo, "a", "a.yaml")
    repo.bulla("seal", "deploy-key", "flux", "-n", "flux-system", "--url", "ssh://git@github.com/barolab/infra", "-w", "f.yaml")
    repo.bulla("seal", "registry", "z", "-n", "web", "--server", "ghcr.io", "--username", "bot", "--token-file", "../token",
               "-w", "z.yaml")
    repo.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
              "-keyout", str(repo.path / "k.pem"), "-out", str(repo.path / "c.pem"), "-subj", "/CN=a",
              "-addext", "subjectAltName=DNS:a.example.org")
    repo.bulla("seal", "tls", "t", "-n", "web", "--cert", repo.path / "c.pem", "--private-key", repo.path / "k.pem", "-w", "t.yaml")
    repo.commit()
    found = exposure(repo, "eu")["credentials"]
    assert [c["kind"] for c in found] == ["registry", "deploy-key", "opaque", "tls"]
    assert found[0]["where"] == "https://github.com/settings/tokens" and found[0]["claimed"] is True
    printf = "printf '%s\\n' 'ssh-ed25519 "
    assert found[1]["where"].startswith(printf) and found[1]["claimed"] is True
    assert found[1]["where"].endswith("' | bulla deploy-key remove --public-key - --repo barolab/infra")
    proven = exposure(repo, "eu", "-i", repo.recovery)["credentials"]
    assert proven[0]["claimed"] is False  # the registry is in the value
    assert proven[1]["claimed"] is True  # the address is nobody's but the sealer's
    text = repo.bulla("keys", "exposure", "eu").out
    order = [text.index(f". {name}") for name in ("web/z", "flux-system/flux", "web/a K", "web/t")]
    assert order == sorted(order)
    assert "(so says the document; not proven)" in text and token not in text


def test_the_printed_command_gives_another_value(repo):
    """Run as it is printed, with the capitals filled in; afterwards nothing that the key opened is in use."""
    token = str(os.path.join(os.path.dirname(__file__), "../../scripts/test-token"))
    repo.write("../token", repo.tool(token).strip())
    repo.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
              "-keyout", str(repo.path / "k.pem"), "-out", str(repo.path / "c.pem"), "-subj", "/CN=a",
              "-addext", "subjectAltName=DNS:a.example.org")
    seal(repo, "a", "a b.yaml", key="-x")
    seal(repo, "b", "-b.yaml", args=["--together"])
    repo.bulla("seal", "registry", "z", "-n", "web", "--server", "ghcr.io", "--username", "bot", "--token-file", "../token",
               "-w", "z.yaml")
    repo.bulla("seal", "git-https", "g", "-n", "web", "--url", "https://github.com/o/r", "--username", "git",
               "--token-file", "../token", "-w", "two.yaml")
    repo.bulla("seal", "tls", "t", "-n", "web", "--cert", repo.path / "c.pem", "--private-key", repo.path / "k.pem", "-w", "two.yaml")
    repo.write("../hook", "0123456789abcdef" * 3)
    repo.bulla("seal", "webhook-token", "w", "-n", "web", "--token-file", "../hook", "-w", "w.yaml")
    repo.commit()
    time.sleep(1.01)
    repo.write("../next", repo.tool(token).strip())
    repo.write("../hook2", "fedcba9876543210" * 3)
    repo.write("../values", "K=another\n")
    more = {"web/a": [], "web/b": [], "web/z": ["--token-file", "../next"], "web/g": ["--token-file", "../next"],
            "web/t": ["--csr", "../csr.pem"], "web/w": ["--token-file", "../hook2"]}
    found = {c["document"]: c for c in exposure(repo, "eu", "-i", repo.recovery)["credentials"]}
    assert found.keys() == more.keys() and {c["state"] for c in found.values()} == {"used"}
    for document, args in more.items():
        words = shlex.split(found[document]["replace"].replace(" FILE", " ../values"))
        assert words[:2] == ["bulla", "set" if document == "web/w" else "rotate"]
        repo.bulla(*words[1:], *args, *(["-i", repo.recovery] if words[1] == "rotate" else []), input="another")
    repo.tool("openssl", "x509", "-req", "-in", str(repo.path / "csr.pem"), "-CA",
              str(repo.path / "c.pem"), "-CAkey", str(repo.path / "k.pem"), "-days", "120", "-copy_extensions", "copy", "-out",
              str(repo.path / "new.pem"))
    repo.bulla("rotate", "tls", "t", "--cert", "../new.pem", "-i", repo.recovery)
    repo.commit()
    left = {(c["document"], c["part"]): 0 for c in found.values()}
    for c in exposure(repo, "eu", "-i", repo.recovery)["credentials"]:
        left[c["document"], c["part"]] += c["state"] == "replaced"
    assert set(left.values()) == {1}


def test_lying_facts_do_not_drive_a_shell(repo):
    """Facts are whatever a sealer wrote: they are quoted, and said to be claims."""
    repo.bulla("seal", "deploy-key", "flux", "-n", "web", "--url", "ssh://git@github.com/a/b", "-w", "f.yaml")
    evil = "ssh://git@example.org/a;touch$IFS$PWNED"
    text = (repo.top / "f.yaml").read_text().replace("ssh://git@github.com/a/b", evil)
    repo.write("f.yaml", text)
    repo.write("a b;c.yaml", text.replace("name: flux", "name: flux2"))
    repo.commit()
    found = exposure(repo, "eu")["credentials"]
    assert all(c["claimed"] for c in found if "where" in c)
    for c in found:
        words = shlex.split(c["replace"])
        assert words[:2] == ["bulla", "rotate"] and words[-1] in ("f.yaml", "a b;c.yaml")
    # outside and inside disagree: it opens for nobody, so nothing is proven
    assert not any(c["opened"] for c in exposure(repo, "eu", "-i", repo.recovery)["credentials"])


def test_a_name_means_every_key_it_ever_had(repo):
    first = kid(repo, "eu")
    seal(repo, "one", "one.yaml", args=["-r", "eu"])
    repo.commit()
    repo.bulla("keys", "generate", "eu")
    second = kid(repo, "eu")
    seal(repo, "two", "two.yaml", args=["-r", "eu"])
    repo.commit()
    repo.bulla("keys", "generate", "eu")
    for file in (repo.top / ".bulla/keys").glob("eu.*.age"):
        file.unlink()
    repo.commit()
    assert [r[0] for r in rows(repo, "eu")] == ["web/one", "web/two"]
    assert {k["keyId"] for k in exposure(repo, "eu")["keys"]} == {first, second, kid(repo, "eu")}
    assert [r[0] for r in rows(repo, first)] == ["web/one"]
    assert [r[0] for r in rows(repo, second)] == ["web/two"]


def test_a_recipient_removed_long_ago(repo):
    _, public = alice(repo)
    repo.bulla("recipients", "add", "alice", public)
    seal(repo, "app", "app.yaml", args=["-r", "eu", "-r", "alice"])
    repo.commit()
    repo.bulla("recipients", "remove", "alice")
    put(repo, "app.yaml", "new", args=["-r", "eu"])
    repo.commit()
    for key in ("alice", public, repo.bulla("keys", "id", public).out.strip()):
        assert rows(repo, key) == [("web/app", "K", "replaced", False)]
    assert "no recipient has it any more" in repo.bulla("keys", "exposure", "alice").err
    for key in ("eu", "recovery", kid(repo, "eu")):
        assert "give the recipient a new key" in repo.bulla("keys", "exposure", key).err
    assert "neither in .bulla/config nor in its history" in repo.bulla("keys", "exposure", "bob", status=RECIPIENT).err


def test_each_value_of_a_part_is_one(repo):
    """Every value that was ever sealed to it, not only the last: a token that was replaced may still be valid."""
    seal(repo, "app", "app.yaml", "one")
    repo.commit()
    for value in ("two", "three"):
        put(repo, "app.yaml", value)
        repo.commit()
    found = exposure(repo, "eu")["credentials"]
    assert [(c["state"], c["versions"]) for c in found] == [("used", 1), ("replaced", 1), ("replaced", 1)]
    assert sorted((c["facts"]["sealed-at"] for c in found[1:]), reverse=True) == [c["facts"]["sealed-at"] for c in found[1:]]
    # another part of the same file changes: the value is the same, in more versions of the file
    put(repo, "app.yaml", "x", key="OTHER")
    repo.commit()
    found = exposure(repo, "eu")["credentials"]
    assert [(c["part"], c["state"], c["versions"]) for c in found] == [
        ("K", "used", 2), ("OTHER", "used", 1), ("K", "replaced", 1), ("K", "replaced", 1)]


def test_branches_tags_and_moved_files(repo):
    seal(repo, "app", "a.yaml")
    repo.commit()
    repo.git("branch", "release")
    repo.git("tag", "v1")
    repo.git("checkout", "-q", "-b", "side")
    seal(repo, "side", "side.yaml")
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.git("mv", "a.yaml", "b.yaml")
    repo.commit()
    found = {c["document"]: c for c in exposure(repo, "eu")["credentials"]}
    assert found["web/app"]["state"] == "used" and found["web/app"]["file"] == "b.yaml"
    assert set(found["web/app"]["now"]) >= {"main:b.yaml", "release:a.yaml", "side:a.yaml"}
    assert found["web/app"]["firstPath"] == "a.yaml"
    assert found["web/side"]["state"] == "gone" and found["web/side"]["now"] == ["side:side.yaml"]
    # a deleted branch leads nowhere, a tag does
    repo.git("branch", "-q", "-D", "side")
    assert set(d["document"] for d in exposure(repo, "eu")["credentials"]) == {"web/app"}


def test_expired_comes_last(repo):
    seal(repo, "b", "b.yaml")
    repo.bulla("seal", "opaque", "a", "-n", "web", "--stdin", "K", "--expires", "2d", "-w", "a.yaml", input="v")
    text = (repo.top / "a.yaml").read_text()
    facts = yaml.safe_load(text)["spec"]["parts"]["K"]["facts"]
    repo.write("a.yaml", text.replace(facts["not-after"], "2020-01-01T00:00:00Z"))
    repo.commit()
    found = exposure(repo, "eu")["credentials"]
    assert [(c["document"], c["expired"]) for c in found] == [("web/b", False), ("web/a", True)]
    assert "(expired, as it claims)" in repo.bulla("keys", "exposure", "eu").out


def test_one_document_in_two_places(repo):
    """Each region has its own file for web/login; the other's value is no replacement of it."""
    seal(repo, "login", "eu/login.yaml", "x", args=["-r", "eu", "-r", "us"])
    time.sleep(1.01)
    seal(repo, "login", "us/login.yaml", "y", args=["-r", "us"])
    repo.commit()
    [one] = exposure(repo, "eu")["credentials"]
    assert one["state"] == "used" and one["file"] == "eu/login.yaml"
    assert [(c["state"], c["file"]) for c in exposure(repo, "us")["credentials"]] == [
        ("used", "us/login.yaml"), ("used", "eu/login.yaml")]


def test_what_cannot_be_read_is_told(repo):
    seal(repo, "app", "app.yaml")
    text = (repo.top / "app.yaml").read_text()
    repo.write("broken.yaml", text.replace("kind: opaque", "kind: nonsense"))
    repo.write("list.yaml", yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(text)]}))
    repo.write("conflict.yaml", "<<<<<<< ours\n" + text)
    repo.write("unrelated.yaml", "a: &x 1\nb: *x\n")
    repo.commit()
    done = repo.bulla("keys", "exposure", "eu", "-o", "json", status=FINDINGS)
    found = json.loads(done.out)
    assert {u["file"] for u in found["unread"]} == {"broken.yaml", "list.yaml", "conflict.yaml"}
    assert found["complete"] is False and "the list may not be whole" in done.err
    assert [c["document"] for c in found["credentials"]] == ["web/app"]
    # healed since, it is still in the history
    for name in ("broken.yaml", "list.yaml", "conflict.yaml"):
        (repo.top / name).unlink()
    repo.commit()
    repo.bulla("keys", "exposure", "eu", status=FINDINGS)


def test_a_shallow_clone(repo):
    seal(repo, "app", "app.yaml", "one")
    repo.commit()
    put(repo, "app.yaml", "two")
    repo.commit()
    clone = repo.path / "clone"
    repo.tool("git", "clone", "-q", "--depth", "1", f"file://{repo.top}", str(clone))
    done = repo.bulla("keys", "exposure", "eu", "-o", "json", cwd=clone, status=FINDINGS)
    assert "git fetch --unshallow" in done.err and json.loads(done.out)["complete"] is False
    assert len(json.loads(done.out)["credentials"]) == 1


def test_odd_paths_and_bytes(repo):
    name = b"sp ace\n\xff\x1b[31m.yaml"
    seal(repo, "app", "app.yaml")
    os.rename(repo.top / "app.yaml", os.path.join(os.fsencode(repo.top), name))
    repo.commit()
    done = repo.bulla("keys", "exposure", "eu")
    assert "\x1b" not in done.out and "sp ace\\x0a\\xff\\x1b[31m.yaml" in done.out
    [one] = exposure(repo, "eu")["credentials"]
    assert one["file"] == "sp ace\\x0a\\xff\\x1b[31m.yaml"


def test_written_with_escapes(repo):
    """YAML has more than one way to write an id; the document is the same."""
    seal(repo, "app", "app.yaml")
    id = kid(repo, "eu")
    repo.write("app.yaml", (repo.top / "app.yaml").read_text().replace(id, "\\x%02x" % ord(id[0]) + id[1:]))
    repo.commit()
    assert [r[0] for r in rows(repo, "eu")] == ["web/app"]


def test_nothing_found_and_no_commit(repo):
    found = exposure(repo, "eu")
    assert found["credentials"] == [] and found["complete"] is True
    repo.commit()
    done = repo.bulla("keys", "exposure", "eu")
    assert "0 credentials" in done.err


@pytest.mark.parametrize("args, status, text", [
    ([], USAGE, "KEY is missing"),
    (["Bad!"], USAGE, "neither a key id, age1... nor a name"),
    (["age1x"], RECIPIENT, ""),
    (["eu", "-i", "/nowhere"], 7, "/nowhere"),
    (["eu", "--keys", "/nowhere"], 7, "/nowhere"),
])
def test_command_line(repo, args, status, text):
    assert text in repo.bulla("keys", "exposure", *args, status=status).err


def test_keys_that_open_nothing(repo):
    key, _ = alice(repo)
    seal(repo, "app", "app.yaml")
    repo.commit()
    [one] = exposure(repo, "eu", "-i", key)["credentials"]
    assert one["opened"] is False
    empty = repo.path / "empty"
    empty.mkdir()
    repo.bulla("keys", "exposure", "eu", "--keys", empty, status=NOKEY)


def test_a_hundred_thousand_blobs(repo, tmp_path):
    """A history of 100,000 blobs, 2,000 of them versions of sealed documents."""
    seal(repo, "app", "app.yaml")
    repo.commit()
    text = (repo.top / "app.yaml").read_text()
    blobs, commits = 100000, 200
    lines = []
    for c in range(commits):
        lines.append(f"commit refs/heads/many\ncommitter t <t@example.org> {1700000000 + c} +0000\ndata 1\nx\n")
        if c == 0:
            lines.append("from refs/heads/main^0\n")
        for i in range(blobs // commits):
            if i % 50 == 0:
                body = text.replace("name: app", f"name: app-{i}-{c}")
                lines.append(f"M 100644 inline d/{i}.yaml\ndata {len(body)}\n{body}\n")
            else:
                body = f"kind: ConfigMap\ndata:\n  a: 'value {c} {i}'\n" * 8
                lines.append(f"M 100644 inline d/{i}.yaml\ndata {len(body)}\n{body}\n")
    repo.tool("git", "fast-import", "--quiet", input="".join(lines))
    start = time.monotonic()
    found = exposure(repo, "eu")
    took = time.monotonic() - start
    print(f"100,000 blobs in {took:.1f} s")
    assert len(found["credentials"]) == 2001
    assert took < 60

# SPDX-License-Identifier: Apache-2.0
"""bulla rotate: a new secret in place of the old one, held against it, all else of the document as it was."""
import base64
import json
import subprocess

import pytest
import yaml

from checkout import CONFLICT, INVALID, IO, NOKEY, RECIPIENT, USAGE, Checkout, Terminal
from documents import TOP


def token():
    return subprocess.run([str(TOP / "scripts" / "test-token")], capture_output=True, text=True, check=True).stdout


def make_certificate(repo, name, *names, days=90, key=None, subject="/CN=api"):
    """path/NAME.crt and NAME.key, self-signed."""
    with_key = ["-key", str(key)] if key else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                                               "-keyout", str(repo.path / f"{name}.key")]
    repo.tool("openssl", "req", "-x509", *with_key, "-days", str(days), "-out", str(repo.path / f"{name}.crt"),
              "-subj", subject, "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names))
    return ["--cert", repo.path / f"{name}.crt", "--private-key", key or repo.path / f"{name}.key"]


def secret(repo, file, key=None):
    shown = yaml.safe_load(repo.bulla("open", file, "-i", key or repo.recovery).out)
    return {k: base64.b64decode(v).decode() for k, v in shown["data"].items()}


def document(repo, file):
    return yaml.safe_load((repo.top / file).read_text())


@pytest.fixture
def repo(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.init("-r", "eu", "-r", "us")
    return checkout


@pytest.fixture
def web(repo):
    """A certificate with all that a document may have."""
    pair = make_certificate(repo, "old", "a.example.org", "b.example.org")
    repo.bulla("seal", "tls", "web", "-n", "apps", *pair, "--alias", "cert.pem=tls.crt", "--label", "team=web",
               "--annotation", "example.org/a=b", "--deletion-policy", "Retain", "-w", "apps/web.yaml")
    path = repo.top / "apps/web.yaml"
    path.write_text("# before\n---\n" + path.read_text() + "---\nkind: Other\n")
    return repo


def test_only_the_secret_changes(web):
    before, old = (web.top / "apps/web.yaml").read_text(), document_of(web)
    pair = make_certificate(web, "new", "a.example.org", "b.example.org", "c.example.org", days=100)
    done = web.bulla("rotate", "tls", "web", *pair)
    assert done.err.endswith("bulla: apps/web.yaml: apps/web, credential rotated for eu, recovery, us\n")
    assert done.out == ""
    after, new = (web.top / "apps/web.yaml").read_text(), document_of(web)
    assert after.startswith("# before\n---\n") and after.endswith("---\nkind: Other\n") and after != before
    was, now = (d["spec"]["parts"].pop("credential") for d in (old, new))
    assert old == new
    assert now["recipients"] == was["recipients"] and now["facts"]["aliases"] == "cert.pem=tls.crt"
    assert now["facts"]["dns-names"] == "a.example.org,b.example.org,c.example.org"
    assert now["facts"]["fingerprint"] != was["facts"]["fingerprint"]
    opened = secret(web, "apps/web.yaml")
    assert opened["tls.crt"] == opened["cert.pem"] == (web.path / "new.crt").read_text()
    assert opened["tls.key"] == (web.path / "new.key").read_text()


def document_of(repo):
    [found] = [d for d in yaml.safe_load_all((repo.top / "apps/web.yaml").read_text())
               if d and d["kind"] == "SealedCredential"]
    return found


@pytest.mark.parametrize("how, names, days, text", [
    ("names", ["a.example.org"], 100, "not for names that the old one is for: b.example.org; --allow names"),
    ("names", ["*.example.com"], 100, "a.example.org, b.example.org; --allow names"),
    ("sooner", ["*.example.org"], 30, "before the old one"),
])
def test_a_worse_certificate(web, how, names, days, text):
    before = (web.top / "apps/web.yaml").read_bytes()
    pair = make_certificate(web, "new", *names, days=days)
    assert text in web.bulla("rotate", "tls", "apps/web", *pair, status=INVALID).err
    assert (web.top / "apps/web.yaml").read_bytes() == before
    done = web.bulla("rotate", "tls", "apps/web", *pair, "--allow", how)
    assert "warning: apps/web.yaml: " in done.err
    assert secret(web, "apps/web.yaml")["tls.crt"] == (web.path / "new.crt").read_text()


def test_the_same_certificate(web):
    pair = ["--cert", web.path / "old.crt", "--private-key", web.path / "old.key"]
    done = web.bulla("rotate", "tls", "web", *pair, status=INVALID)
    assert "the new value is the old one, so nothing would be rotated; --allow same" in done.err
    web.bulla("rotate", "tls", "web", *pair, "--allow", "same")


def test_a_new_certificate_over_the_old_key(web):
    """Only who opens the old one can tell."""
    pair = make_certificate(web, "new", "*.example.org", key=web.path / "old.key", days=100)
    assert "private key is the old one" not in web.bulla("rotate", "tls", "web", *pair, "--dry-run").err
    done = web.bulla("rotate", "tls", "web", *pair, "--dry-run", "-i", web.recovery)
    assert "the private key is the old one: whoever has it can use the new certificate too" in done.err


def test_dry_run_writes_nothing(web):
    before = (web.top / "apps/web.yaml").read_bytes()
    pair = make_certificate(web, "new", "*.example.org", days=100)
    assert "would be rotated" in web.bulla("rotate", "tls", "web", *pair, "--dry-run").err
    assert (web.top / "apps/web.yaml").read_bytes() == before


def test_registry(repo):
    first, second = token(), token()
    assert first != second
    repo.bulla("seal", "registry", "ghcr", "-n", "web", "--server", "ghcr.io", "--username", "bot", "--token-file", "-",
               "--expires", "10d", "--namespaces", "team-*", "-w", "ghcr.yaml", input=first)
    refused = repo.bulla("rotate", "registry", "ghcr", "--token-file", "-", "-i", repo.recovery, input=first, status=INVALID)
    assert "the new value is the old one" in refused.err and first.strip() not in refused.err
    done = repo.bulla("rotate", "registry", "ghcr", "--token-file", "-", input=second)
    assert 'keeps what nobody has proven: namespaces "team-*", registry "ghcr.io", user "bot"' in done.err
    assert "the old value's expiry is not the new one's; give --expires" in done.err
    facts = document(repo, "ghcr.yaml")["spec"]["parts"]["credential"]["facts"]
    assert facts["namespaces"] == "team-*" and "not-after" not in facts
    login = json.loads(secret(repo, "ghcr.yaml")[".dockerconfigjson"])["auths"]["ghcr.io"]
    assert (login["username"], login["password"]) == ("bot", second.strip())
    third = token()
    repo.bulla("rotate", "registry", "web/ghcr", "--token-file", "-", "--expires", "90d", input=third)
    assert "not-after" in document(repo, "ghcr.yaml")["spec"]["parts"]["credential"]["facts"]
    # a mistyped token is refused as seal refuses it
    assert "token: " in repo.bulla("rotate", "registry", "ghcr", "--token-file", "-", input=third[:-2], status=INVALID).err


def test_git_https(repo):
    url = "https://github.com/barolab/foobar-infra"
    repo.bulla("seal", "git-https", "fetch", "-n", "flux-system", "--url", url, "--username", "bot", "--token-file", "-",
               "-w", "fetch.yaml", input=token())
    new = token()
    repo.bulla("rotate", "git-https", "fetch.yaml", "--token-file", "-", input=new)
    assert secret(repo, "fetch.yaml") == {"username": "bot", "password": new.strip()}
    assert document(repo, "fetch.yaml")["spec"]["parts"]["credential"]["facts"]["url"] == url


@pytest.fixture
def env(repo):
    repo.bulla("seal", "opaque", "env", "-n", "web", "--from-env-file", "-", "-w", "env.yaml", input="A=1\nB=2\nC=3\n")
    return repo


def test_opaque(env):
    before = document(env, "env.yaml")["spec"]["parts"]
    done = env.bulla("rotate", "opaque", "env", "--from-env-file", "-", "--pick", "A", "--pick", "C=X", input="A=9\nX=8\nZ=0\n")
    assert "web/env, A, C rotated for" in done.err
    assert secret(env, "env.yaml") == {"A": "9", "B": "2", "C": "8"}
    assert document(env, "env.yaml")["spec"]["parts"]["B"] == before["B"]
    missing = env.bulla("rotate", "opaque", "env", "--stdin", "D", input="x", status=INVALID)
    assert "D: the document has no such value to rotate; 'bulla set' adds one" in missing.err


def test_nothing_from_a_pipe_is_no_new_value(env):
    before = (env.top / "env.yaml").read_bytes()
    done = env.bulla("rotate", "opaque", "env", "--stdin", "A", input="", status=INVALID)
    assert "env.yaml: A: the new value is empty; 'bulla set' seals one" in done.err
    assert (env.top / "env.yaml").read_bytes() == before
    env.bulla("set", "env.yaml", "A", "--from-file", "-", input="")
    assert secret(env, "env.yaml") == {"A": "", "B": "2", "C": "3"}


def test_opaque_all_or_nothing(env):
    """One value of two is the old one: neither is rotated."""
    before = (env.top / "env.yaml").read_bytes()
    done = env.bulla("rotate", "opaque", "env", "--from-env-file", "-", "-i", env.recovery, input="A=9\nB=2\n", status=INVALID)
    assert "env.yaml: B: the new value is the old one" in done.err
    assert (env.top / "env.yaml").read_bytes() == before


def test_opaque_together(repo):
    repo.bulla("seal", "opaque", "db", "-n", "web", "--together", "--from-env-file", "-", "-w", "db.yaml", input="U=u\nP=p\n")
    repo.bulla("rotate", "opaque", "db", "--from-env-file", "-", input="U=u\nP=q\n")
    assert secret(repo, "db.yaml") == {"U": "u", "P": "q"}
    assert list(document(repo, "db.yaml")["spec"]["parts"]) == ["credential"]


def test_a_user_with_a_key_of_his_own(env):
    """Keys of this user's folder are tried, and say nothing when they do not fit."""
    keys = env.home / ".config/bulla/keys"
    keys.mkdir(parents=True)
    env.tool("age-keygen", "-o", str(keys / "other.key"))
    done = env.bulla("rotate", "opaque", "env", "--stdin", "A", input="1")
    assert "opened" not in done.err
    (keys / "recovery.key").write_bytes(env.recovery.read_bytes())
    (keys / "recovery.key").chmod(0o600)
    assert "the old one" in env.bulla("rotate", "opaque", "env", "--stdin", "A", input="1", status=INVALID).err
    # one that was asked for and does not fit is told
    done = env.bulla("rotate", "opaque", "env", "--stdin", "A", "-i", keys / "other.key", input="1")
    assert "the old value could not be opened to compare" in done.err


def test_names(env):
    env.bulla("seal", "opaque", "env", "-n", "other", "--stdin", "A", "-w", "clusters/env.yaml", input="1")
    several = env.bulla("rotate", "opaque", "env", "--stdin", "A", input="2", status=USAGE).err
    assert "2 documents are called so; say NAMESPACE/NAME, or which FILE: other/env in clusters/env.yaml, web/env in env.yaml" in several
    env.bulla("rotate", "opaque", "other/env", "--stdin", "A", input="2")
    env.bulla("rotate", "opaque", "env", "--stdin", "A", input="3", cwd=env.top / "clusters")
    assert secret(env, "clusters/env.yaml") == {"A": "3"}
    # the same in two files
    env.write("copy.yaml", (env.top / "env.yaml").read_text())
    assert "web/env in copy.yaml, web/env in env.yaml" in env.bulla("rotate", "opaque", "web/env", "--stdin", "A", input="2",
                                                                    status=USAGE).err
    env.bulla("rotate", "opaque", "copy.yaml", "--stdin", "A", input="2")


@pytest.mark.parametrize("args, status, text", [
    ([], USAGE, "say which: tls, registry, git-https, opaque, deploy-key"),
    (["basic-auth", "x"], USAGE, "there is no such subcommand; these are: tls, registry"),
    (["opaque"], USAGE, "NAME|FILE is missing"),
    (["opaque", "nothing"], INVALID, "no file below this folder holds a document called so"),
    (["opaque", "nothing.yaml"], IO, "nothing.yaml: "),
    (["opaque", "No/Name"], IO, "No/Name: "),
    (["registry", "env"], USAGE, "env.yaml: web/env is of kind opaque, not registry"),
    (["opaque", "env"], USAGE, "nothing to seal: give --from-env-file, --from-file or --stdin"),
    (["opaque", "env", "--stdin", "A", "--expires", "soon"], USAGE, "--expires: neither a date"),
    (["opaque", "env", "--stdin", "A", "--allow", "all"], USAGE, "--allow"),
    (["opaque", "env", "--stdin", "A", "--document", "web/env"], USAGE, "--document chooses in a FILE"),
    (["opaque", "env", "--stdin", "A", "-i", "nowhere"], IO, "nowhere"),
    (["opaque", "env", "--stdin", "A", "-r", "nobody"], RECIPIENT, "-r nobody: no such recipient"),
])
def test_refused(env, args, status, text):
    before = (env.top / "env.yaml").read_bytes()
    assert text in env.bulla("rotate", *args, input="x", status=status).err
    assert (env.top / "env.yaml").read_bytes() == before


def test_a_recipient_that_was_slipped_in_gets_nothing(env):
    """Rules that changed are told of; a key that is new to the user stops the command."""
    config = env.top / ".bulla/config"
    stranger = env.tool("age-keygen").split("public key: ")[1].split()[0]
    config.write_text(config.read_text().replace("recipients:\n", f'recipients:\n  ap: "{stranger}"\n')
                      .replace("to: [eu, us]", "to: [ap, eu, us]"))
    assert "to: [ap, eu, us]" in config.read_text()
    done = env.bulla("rotate", "opaque", "env", "--stdin", "A", input="x", status=RECIPIENT)
    assert stranger in done.err
    done = env.bulla("rotate", "opaque", "env", "--stdin", "A", "--accept", stranger, input="x")
    assert "env.yaml: ap is among the recipients now and was not before" in done.err
    assert list(document(env, "env.yaml")["spec"]["parts"]["A"]["recipients"]) == ["ap", "eu", "recovery", "us"]
    assert list(document(env, "env.yaml")["spec"]["parts"]["B"]["recipients"]) == ["eu", "recovery", "us"]


def test_at_a_terminal(repo):
    """The token is asked for, and not shown."""
    repo.bulla("seal", "registry", "ghcr", "-n", "web", "--server", "ghcr.io", "--username", "bot", "--token-file", "-",
               "-w", "ghcr.yaml", input=token())
    new = token().strip()
    t = Terminal(repo, "rotate", "registry", "ghcr")
    t.answer("token: ", new)
    assert new not in t.end()
    assert json.loads(secret(repo, "ghcr.yaml")[".dockerconfigjson"])["auths"]["ghcr.io"]["password"] == new


# --- a key and a request made here --------------------------------------------------------------------

class CA:
    """openssl as the authority: a root, and what it signs."""

    def __init__(self, repo):
        self.repo, self.key, self.crt = repo, repo.path / "ca.key", repo.path / "ca.crt"
        repo.tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "400", "-subj", "/CN=Root",
                  "-keyout", str(self.key), "-out", str(self.crt))

    def sign(self, request, name="signed.crt", days=200):
        """The chain, as authorities give it back."""
        path = self.repo.path / name
        (self.repo.path / "in.csr").write_text(request)
        self.repo.tool("openssl", "x509", "-req", "-in", str(self.repo.path / "in.csr"), "-CA", str(self.crt),
                       "-CAkey", str(self.key), "-days", str(days), "-copy_extensions", "copy", "-out", str(path))
        path.write_text(path.read_text() + self.crt.read_text())
        return path


def request_of(repo, pem):
    (repo.path / "read.csr").write_text(pem)
    return repo.tool("openssl", "req", "-in", str(repo.path / "read.csr"), "-noout", "-text", "-verify")


@pytest.fixture
def mine(web):
    """The user's own key, which opens no document."""
    keys = web.home / ".config/bulla/keys"
    keys.mkdir(parents=True)
    web.tool("age-keygen", "-o", str(keys / "mine.key"))
    return web


def waiting(repo):
    return sorted(str(p.relative_to(repo.top / ".git/bulla")) for p in (repo.top / ".git/bulla").rglob("*") if p.is_file())


def test_key_made_here(mine):
    ca, before = CA(mine), (mine.top / "apps/web.yaml").read_bytes()
    done = mine.bulla("rotate", "tls", "web", "--new-key")
    text = request_of(mine, done.out)
    assert "DNS:a.example.org, DNS:b.example.org" in text and "ASN1 OID: prime256v1" in text
    assert "apps/web.yaml: the names are those of the facts, which no key has proven" in done.err
    assert "have the request signed, then: bulla rotate tls --cert FILE apps/web.yaml\n" in done.err
    assert (mine.top / "apps/web.yaml").read_bytes() == before and waiting(mine) == ["waiting/apps/web.age"]
    kept = mine.top / ".git/bulla/waiting/apps/web.age"
    assert kept.stat().st_mode & 0o777 == 0o600 and mine.git("status", "--porcelain", "--ignored").find("bulla/waiting") == -1
    # what waits is not readable, and stock age opens it
    assert b"PRIVATE" not in kept.read_bytes()
    plain = mine.tool("age", "-d", "-i", str(mine.home / ".config/bulla/keys/mine.key"), str(kept))
    assert plain.startswith("-----BEGIN PRIVATE KEY-----") and plain.endswith(done.out)
    signed = ca.sign(done.out)
    mine.bulla("rotate", "tls", "web", "--cert", signed, "--dry-run")
    assert waiting(mine) == ["waiting/apps/web.age"]
    mine.bulla("rotate", "tls", "web", "--cert", signed)
    assert waiting(mine) == []
    opened = secret(mine, "apps/web.yaml")
    assert opened["tls.crt"] == opened["cert.pem"] == signed.read_text()
    assert opened["tls.key"] == plain[:len(plain) - len(done.out)]
    assert "no key waits for this certificate" in mine.bulla("rotate", "tls", "web", "--cert", signed, status=INVALID).err


def test_a_key_that_opens_the_old_one_gives_subject_and_all_names(repo):
    repo.tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-subj", "/O=Foobar/CN=api",
              "-addext", "subjectAltName=DNS:a.example.org,IP:10.0.0.1", "-keyout", str(repo.path / "k"), "-out", str(repo.path / "c"))
    repo.bulla("seal", "tls", "web", "-n", "apps", "--cert", repo.path / "c", "--private-key", repo.path / "k", "-w", "web.yaml")
    done = repo.bulla("rotate", "tls", "web", "--new-key", "-i", repo.recovery, "--csr", repo.path / "out.csr")
    assert done.out == "" and "which no key has proven" not in done.err
    text = request_of(repo, (repo.path / "out.csr").read_text())
    assert "O = Foobar, CN = api" in text and "DNS:a.example.org, IP Address:10.0.0.1" in text
    assert "Public-Key: (4096 bit)" in text  # RSA as before, and as long as keys are made here
    # once more, to another place; it is the same
    again = repo.bulla("rotate", "tls", "web", "--again", "-i", repo.recovery)
    assert again.out == (repo.path / "out.csr").read_text()


@pytest.mark.parametrize("algorithm, said", [("ecdsa-p384", "secp384r1"), ("ecdsa-p521", "secp521r1"), ("ed25519", "ED25519")])
def test_algorithm_and_names(mine, algorithm, said):
    done = mine.bulla("rotate", "tls", "web", "--new-key", "--algorithm", algorithm, "--dns-name", "*.example.org",
                      "--dns-name", "x.example.net")
    text = request_of(mine, done.out)
    assert said in text and "DNS:*.example.org, DNS:x.example.net" in text and "CN = *.example.org" in text
    assert "no key has proven" not in done.err
    if algorithm != "ed25519":
        mine.bulla("rotate", "tls", "web", "--cert", CA(mine).sign(done.out))


def test_another_certificate_than_the_one_asked_for(mine):
    """Neither the document nor the key that waits is touched."""
    mine.bulla("rotate", "tls", "web", "--new-key")
    before, kept = (mine.top / "apps/web.yaml").read_bytes(), (mine.top / ".git/bulla/waiting/apps/web.age").read_bytes()
    make_certificate(mine, "other", "*.example.org", days=100)
    done = mine.bulla("rotate", "tls", "web", "--cert", mine.path / "other.crt", status=INVALID)
    assert "private-key" in done.err
    assert (mine.top / "apps/web.yaml").read_bytes() == before
    assert (mine.top / ".git/bulla/waiting/apps/web.age").read_bytes() == kept
    # with its own key it is taken, and the key goes on waiting
    mine.bulla("rotate", "tls", "web", "--cert", mine.path / "other.crt", "--private-key", mine.path / "other.key")
    assert waiting(mine) == ["waiting/apps/web.age"]


def test_one_key_waits_at_a_time(mine):
    first = mine.bulla("rotate", "tls", "web", "--new-key").out
    done = mine.bulla("rotate", "tls", "web", "--new-key", status=CONFLICT)
    assert "a key waits for its certificate already, since 2" in done.err and done.out == ""
    assert mine.bulla("rotate", "tls", "web", "--again").out == first
    assert "the key that waited is gone" in mine.bulla("rotate", "tls", "web", "--forget").err
    assert waiting(mine) == []
    for option in ("--forget", "--again"):
        assert "no key waits for a certificate" in mine.bulla("rotate", "tls", "web", option, status=INVALID).err
    assert mine.bulla("rotate", "tls", "web", "--new-key").out != first


def test_who_lost_his_key_starts_again(mine):
    mine.bulla("rotate", "tls", "web", "--new-key")
    (mine.home / ".config/bulla/keys/mine.key").unlink()
    done = mine.bulla("rotate", "tls", "web", "--again", status=NOKEY)
    assert "it was encrypted to a key, and none is at hand" in done.err
    assert "web.age: " in mine.bulla("rotate", "tls", "web", "--again", "-i", mine.recovery, status=NOKEY).err
    mine.bulla("rotate", "tls", "web", "--forget")


def test_a_passphrase_for_who_has_no_key(web):
    t = Terminal(web, "rotate", "tls", "web", "--new-key", "--csr", web.path / "out.csr")
    t.answer("the passphrase of the key that waits", "correct horse")
    t.answer("once more", "correct horse")
    assert "encrypted to the passphrase" in t.end()
    signed = CA(web).sign((web.path / "out.csr").read_text())
    t = Terminal(web, "rotate", "tls", "web", "--cert", signed)
    t.answer("the passphrase of the key that waits", "wrong")
    t.end(NOKEY)
    assert waiting(web) == ["waiting/apps/web.age"]
    t = Terminal(web, "rotate", "tls", "web", "--cert", signed)
    t.answer("the passphrase of the key that waits", "correct horse")
    t.end()
    assert secret(web, "apps/web.yaml")["tls.crt"] == signed.read_text() and waiting(web) == []


def test_neither_key_nor_terminal(web):
    done = web.bulla("rotate", "tls", "web", "--new-key", status=NOKEY)
    assert "there is nothing to encrypt it to: give a key of yours with -i FILE or --keys DIR" in done.err
    assert done.out == "" and not (web.top / ".git/bulla").exists()


def test_linked_work_trees_share_what_waits(mine):
    mine.commit()
    mine.git("worktree", "add", "-q", str(mine.path / "other"), "-b", "other")
    mine.bulla("rotate", "tls", "apps/web.yaml", "--new-key", cwd=mine.path / "other")
    assert waiting(mine) == ["waiting/apps/web.age"]
    assert "waits for its certificate already" in mine.bulla("rotate", "tls", "web", "--new-key", status=CONFLICT).err


def test_outside_of_a_repository(mine):
    away = mine.path / "away"
    away.mkdir()
    (away / "web.yaml").write_bytes((mine.top / "apps/web.yaml").read_bytes())
    done = mine.bulla("rotate", "tls", "web", "--new-key", cwd=away, status=INVALID)
    assert "in no Git work tree, so there is no place for a key to wait" in done.err


def test_more_names_than_facts_hold(mine):
    many = [f"host-with-a-long-name-{i}.example.org" for i in range(60)]
    pair = make_certificate(mine, "many", *many)
    mine.bulla("seal", "tls", "many", "-n", "apps", *pair, "-w", "many.yaml")
    done = mine.bulla("rotate", "tls", "many", "--new-key", status=INVALID)
    assert "its facts do not list all names of the old certificate; give a key that opens it" in done.err
    text = request_of(mine, mine.bulla("rotate", "tls", "many", "--new-key", "-i", mine.recovery).out)
    assert all(f"DNS:{n}" in text for n in many)


@pytest.mark.parametrize("damage", [lambda d: d[:-40], lambda d: b"x" + d, lambda d: b"", lambda d: d.replace(b"A", b"B")])
def test_a_damaged_file_is_told(mine, damage):
    mine.bulla("rotate", "tls", "web", "--new-key")
    kept = mine.top / ".git/bulla/waiting/apps/web.age"
    kept.write_bytes(damage(kept.read_bytes()))
    done = mine.bulla("rotate", "tls", "web", "--again", status=None)
    assert done.status in (INVALID, NOKEY, 6) and "waiting/apps/web.age: " in done.err and done.out == ""


@pytest.mark.parametrize("args, text", [
    (["--new-key", "--again"], "one of them at a time"),
    (["--new-key", "--cert", "c"], "--new-key only makes ready"),
    (["--forget", "--allow", "names"], "--forget only makes ready"),
    (["--again", "--dry-run"], "--again only makes ready"),
    (["--algorithm", "rsa"], "--algorithm and --dns-name go with --new-key"),
    (["--again", "--dns-name", "x"], "--algorithm and --dns-name go with --new-key"),
    (["--csr", "x"], "--csr goes with --new-key or --again"),
    (["--new-key", "--algorithm", "dsa"], "--algorithm"),
])
def test_what_does_not_go_together(web, args, text):
    assert text in web.bulla("rotate", "tls", "web", *args, status=USAGE).err


def test_a_name_that_is_none(mine):
    assert "name 2: not a DNS name" in mine.bulla("rotate", "tls", "web", "--new-key", "--dns-name", "a.example.org",
                                                  "--dns-name", "a b", status=INVALID).err
    assert not (mine.top / ".git/bulla").exists()

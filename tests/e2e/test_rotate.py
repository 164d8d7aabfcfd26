# SPDX-License-Identifier: Apache-2.0
"""bulla rotate: a new secret in place of the old one, held against it, all else of the document as it was."""
import base64
import json
import subprocess

import pytest
import yaml

from checkout import BIN, CONFLICT, FINDINGS, INVALID, IO, NOKEY, OK, RECIPIENT, USAGE, Checkout, Terminal
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
    assert "2 documents are called so; say which FILE: other/env in clusters/env.yaml, web/env in env.yaml" in several
    env.bulla("rotate", "opaque", "other/env", "--stdin", "A", input="2")
    env.bulla("rotate", "opaque", "env", "--stdin", "A", input="3", cwd=env.top / "clusters")
    assert secret(env, "clusters/env.yaml") == {"A": "3"}
    # the same in two files
    env.write("copy.yaml", (env.top / "env.yaml").read_text())
    assert "web/env in copy.yaml, web/env in env.yaml" in env.bulla("rotate", "opaque", "web/env", "--stdin", "A", input="2",
                                                                    status=USAGE).err
    env.bulla("rotate", "opaque", "copy.yaml", "--stdin", "A", input="2")


@pytest.mark.parametrize("args, status, text", [
    ([], USAGE, "say which: tls, registry, git-https, opaque"),
    (["deploy-key", "x"], USAGE, "there is no such subcommand; these are: tls, registry"),
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

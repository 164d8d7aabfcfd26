# SPDX-License-Identifier: Apache-2.0
"""seal: what comes in, who it is for, where it goes; what was sealed is opened by stock age."""
import base64
import json
import os
import re
import signal
import stat
import subprocess

import pytest
import yaml

from checkout import (BULLA, CONFLICT, INVALID, IO, RECIPIENT, USAGE, Checkout, Terminal)

PAT = "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"  # GitHub's own published example
AGE1 = "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm"


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    for name in ("eu-west9", "us-east1"):
        (repo.top / "clusters" / name).mkdir(parents=True)
    repo.init("-r", "eu-west9", "-r", "us-east1")
    return repo


def documents(text):
    return [d for d in yaml.safe_load_all(text) if d]


def opened(repo, document):
    """The Secret in a document: stock age, json, and nothing of bulla's."""
    data, inner = {}, None
    for name, part in document["spec"]["parts"].items():
        plain = repo.tool("age", "-d", "-i", str(repo.recovery), input=part["sealed"])
        assert len(plain) >= 1024
        inner = json.loads(plain)
        assert inner["metadata"]["name"] == document["metadata"]["name"]
        assert inner["metadata"]["namespace"] == document["metadata"]["namespace"]
        assert not set(inner["data"]) & set(data)
        data.update({k: base64.b64decode(v) for k, v in inner["data"].items()})
    return inner, data


def sealed(repo, *args, input="", **kw):
    """seal to standard output for eu-west9; the one document, its Secret's data."""
    done = repo.bulla("seal", *args, "-r", "eu-west9", input=input, **kw)
    [document] = documents(done.out)
    return document, opened(repo, document)[1], done


def names(document, part=None):
    parts = document["spec"]["parts"]
    return sorted((parts[part] if part else next(iter(parts.values())))["recipients"])


# --- sources of opaque ----------------------------------------------------------------------------

def test_env_file(repo):
    env = repo.write("../app.env", "# c\nexport A=1\nB='two words'\nC=\"x\\\"y\"\n")
    document, data, _ = sealed(repo, "opaque", "app", "-n", "web", "--from-env-file", env)
    assert data == {"A": b"1", "B": b"two words", "C": b'x"y'}
    assert sorted(document["spec"]["parts"]) == ["A", "B", "C"]
    assert document["metadata"]["name"] == "app" and document["metadata"]["namespace"] == "web"
    assert document["spec"]["kind"] == "opaque"
    assert names(document) == ["eu-west9", "recovery"]
    _, data, _ = sealed(repo, "opaque", "app", "-n", "web", "--from-env-file", "-", "--pick", "TOKEN=B",
                        "--pick", "A", input=env.read_text())
    assert data == {"TOKEN": b"two words", "A": b"1"}


def test_files_and_stdin(repo):
    blob = bytes(range(256)) + b"\n"
    path = repo.write("../key.bin", blob)
    _, data, _ = sealed(repo, "opaque", "app", "-n", "web", "--from-file", path, "--from-file", f"other={path}",
                        "--stdin", "PASSWORD", input="s3cret\r\n")
    assert data == {"key.bin": blob, "other": blob, "PASSWORD": b"s3cret"}
    _, data, _ = sealed(repo, "opaque", "app", "-n", "web", "--from-file", "k=-", input="kept\n")
    assert data == {"k": b"kept\n"}
    # a shell's <(...)
    done = repo.tool("bash", "-c", f"'{BULLA}' seal opaque app -n web -r eu-west9 "
                     "--from-file k=<(printf piped)")
    assert opened(repo, documents(done)[0])[1] == {"k": b"piped"}


def test_together_is_one_part(repo):
    env = repo.write("../app.env", "URL=postgres://h/db\nPASSWORD=x\n")
    document, data, _ = sealed(repo, "opaque", "app", "-n", "web", "--from-env-file", env, "--together")
    assert sorted(document["spec"]["parts"]) == ["credential"]
    assert data == {"URL": b"postgres://h/db", "PASSWORD": b"x"}


@pytest.mark.parametrize("args, input, status, text", [
    ([], "", USAGE, "nothing to seal: give --from-env-file, --from-file or --stdin"),
    (["--pick", "A=B"], "", USAGE, "--pick picks from the file of --from-env-file"),
    (["--from-env-file", "-", "--pick", "A=NOPE"], "B=1\n", USAGE, "has no such name (4 characters)"),
    (["--from-env-file", "-", "--stdin", "X"], "B=1\n", USAGE, "can be read once only"),
    (["--from-env-file", "-"], "A=1\nB=$HOME\n", INVALID, "standard input:2: "),
    (["--from-env-file", "-"], "A=1\nA=2\n", INVALID, "standard input:2: "),
    (["--from-env-file", "nowhere.env"], "", IO, "nowhere.env: "),
    (["--from-file", "-"], "x", USAGE, "say under which key: KEY=-"),
    (["--from-file", "a b=-"], "x", USAGE, "a key is not one that a Secret takes"),
    (["--from-file", "..=-"], "x", USAGE, "a key is not one that a Secret takes"),
    (["--stdin", "a/b"], "x", USAGE, "a key is not one that a Secret takes"),
    (["--from-file", "A=/dev/null"], "", IO, "not a regular file"),
    (["--from-file", "."], "", IO, "."),
    (["--stdin", "A", "--alias", "B=A"], "x", USAGE, "there is no option --alias"),
    (["--stdin", "A", "--expires", "soon"], "x", USAGE, "--expires: neither a date"),
    (["--stdin", "A", "--expires", "2001-01-01"], "x", INVALID, "that time is past"),
    (["--stdin", "A", "--label", "x"], "x", USAGE, "--label: number 1 is not NAME=VALUE"),
    (["--stdin", "A", "--label", "x=1", "--label", "x=2"], "x", USAGE, "--label: number 2 has the name of another"),
    (["--stdin", "A", "--label", "kubernetes.io/x=1"], "x", INVALID, "belongs to Kubernetes"),
    (["--stdin", "A", "--label", "a=b c"], "x", INVALID, "not a label's value"),
    (["--stdin", "A", "--annotation", "argocd.argoproj.io/x=1"], "x", INVALID, "Argo CD"),
    (["--stdin", "A", "--deletion-policy", "Keep"], "x", USAGE, "must be one of Delete|Retain"),
    (["--stdin", "A", "--write", ""], "x", USAGE, "-w: the path is empty"),
])
def test_opaque_refused(repo, args, input, status, text):
    done = repo.bulla("seal", "opaque", "app", "-n", "web", "-r", "eu-west9", *args, input=input, status=status)
    assert text in done.err and done.out == ""


@pytest.mark.parametrize("args, text", [
    (["seal"], "say which: "),
    (["seal", "nokind", "x"], "there is no such subcommand; these are: registry, "),
    (["seal", "opaque"], "NAME is missing"),
    (["seal", "opaque", "a"], "--namespace NAMESPACE is missing"),
    (["seal", "opaque", "A_b", "-n", "web"], "NAME: not an object's name"),
    (["seal", "opaque", "a", "-n", "We.b"], "-n: not a namespace's name"),
    (["seal", "opaque", "a", "hunter2", "-n", "web"], "argument 2 is one too many: it takes NAME"),
    (["seal", "registry", "a", "-n", "web", "--token", "hunter2"],
     "did you mean --token-file? (secrets come from files and standard input, never from arguments)"),
    (["seal", "-f", "a", "-f", "b"], "--filename is given twice"),
    (["seal", "opaque", "a", "-n", "web", "-n", "web"], "--namespace is given twice"),
])
def test_command_lines_refused(repo, args, text):
    done = repo.bulla(*args, status=USAGE)
    assert text in done.err and done.out == ""
    assert "hunter2" not in done.err
    assert "usage: bulla seal" in done.err


# --- metadata, expiry, policy ---------------------------------------------------------------------

def test_metadata(repo):
    document, _, _ = sealed(repo, "opaque", "app", "-n", "web", "--stdin", "A", "--label", "team=web", "--label",
                            "app.kubernetes.io/name=x", "--annotation", "note=a b: c", "--expires", "2099-01-31",
                            "--deletion-policy", "Retain", input="x")
    assert document["spec"]["secret"] == {"type": "Opaque", "annotations": {"note": "a b: c"},
                                          "labels": {"app.kubernetes.io/name": "x", "team": "web"}}
    assert document["spec"]["deletionPolicy"] == "Retain"
    assert document["spec"]["parts"]["A"]["facts"]["not-after"] == "2099-01-31T23:59:59Z"
    inner, _ = opened(repo, document)
    assert inner["metadata"]["labels"] == {"app.kubernetes.io/name": "x", "team": "web"}


# --- where it goes --------------------------------------------------------------------------------

def seal_app(repo, *args, name="app", status=0, **kw):
    return repo.bulla("seal", "opaque", name, "-n", "web", "--stdin", "A", *args, input="x", status=status, **kw)


def test_rules_by_path(repo):
    seal_app(repo, "-w", "clusters/eu-west9/app.yaml")
    seal_app(repo, "-w", "clusters/us-east1/")
    seal_app(repo, "-w", "clusters/us-east1", name="other")
    seal_app(repo, "-w", "new/folder/", name="other")
    for path, who in [("clusters/eu-west9/app.yaml", ["eu-west9", "recovery"]),
                      ("clusters/us-east1/app.yaml", ["recovery", "us-east1"]),
                      ("clusters/us-east1/other.yaml", ["recovery", "us-east1"]),
                      ("new/folder/other.yaml", ["eu-west9", "recovery", "us-east1"])]:
        [document] = documents((repo.top / path).read_text())
        assert names(document) == who
        assert stat.S_IMODE((repo.top / path).stat().st_mode) == 0o644
    # paths count from the top level, wherever we are
    seal_app(repo, "-w", "third.yaml", name="third", cwd=repo.top / "clusters/eu-west9")
    [document] = documents((repo.top / "clusters/eu-west9/third.yaml").read_text())
    assert names(document) == ["eu-west9", "recovery"]
    seal_app(repo, "-w", "../us-east1/fourth.yaml", name="fourth", cwd=repo.top / "clusters/eu-west9")
    assert (repo.top / "clusters/us-east1/fourth.yaml").exists()


def test_quiet_and_verbose(repo):
    assert seal_app(repo, "-w", "a.yaml", "-q").err == ""
    text = seal_app(repo, "-w", "clusters/eu-west9/a.yaml", "-v").err
    ids = repo.bulla("keys", "id", "eu-west9").out.strip()
    assert "by the rules of" in text and f"{ids}  eu-west9" in text
    assert "as named on the command line" in seal_app(repo, "-r", "eu-west9", "-v").err


def test_sizes(repo):
    path = repo.write("../big", b"x" * 200_000)
    done = repo.bulla("seal", "opaque", "big", "-n", "web", "--from-file", path, "-w", "big.yaml")
    assert "'kubectl apply' needs --server-side" in done.err
    path.write_bytes(b"x" * (512 * 1024 + 1))
    done = repo.bulla("seal", "opaque", "big2", "-n", "web", "--from-file", path, "-w", "big2.yaml", status=INVALID)
    assert "524289 bytes" in done.err and not (repo.top / "big2.yaml").exists()
    path.write_bytes(b"x" * (2 * 512 * 1024 + 1))
    assert "larger than" in repo.bulla("seal", "opaque", "big2", "-n", "web", "--from-file", path, "-w", "b.yaml",
                                       status=INVALID).err


def test_umask_is_kept(repo):
    repo.tool("sh", "-c", f"umask 077; printf x | '{BULLA}' seal opaque app -n web --stdin A -w a.yaml")
    assert stat.S_IMODE((repo.top / "a.yaml").stat().st_mode) == 0o600


def test_a_further_document(repo):
    text = "# mine\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a"
    repo.write("all.yaml", text)
    (repo.top / "all.yaml").chmod(0o640)
    seal_app(repo, "-w", "all.yaml")
    seal_app(repo, "-w", "all.yaml", name="other")
    got = (repo.top / "all.yaml").read_text()
    assert got.startswith(text + "\n---\n")
    assert [d["metadata"]["name"] for d in documents(got)] == ["a", "app", "other"]
    assert stat.S_IMODE((repo.top / "all.yaml").stat().st_mode) == 0o640
    before = (repo.top / "all.yaml").read_bytes()
    done = seal_app(repo, "-w", "all.yaml", status=CONFLICT)
    assert "all.yaml:7: web/app is there already; 'bulla set' replaces what it holds" in done.err
    assert (repo.top / "all.yaml").read_bytes() == before


@pytest.mark.parametrize("text, status", [
    ("a: [1\n", INVALID), ("a: &x 1\nb: *x\n", INVALID), ("\xff", INVALID), ("%YAML 1.2\n---\na: 1\n", INVALID),
    ("apiVersion: bulla.dev/v1\nkind: SealedCredential\n", INVALID), ("a: 1\n<<<<<<< ours\n", CONFLICT),
])
def test_a_file_that_cannot_be_added_to(repo, text, status):
    path = repo.write("all.yaml", text.encode("latin-1"))
    seal_app(repo, "-w", "all.yaml", status=status)
    assert path.read_bytes() == text.encode("latin-1")


def test_dry_run(repo):
    done = seal_app(repo, "-w", "new/a.yaml", "--dry-run")
    assert not (repo.top / "new").exists() and done.out == ""
    assert "would be sealed" in done.err
    assert seal_app(repo, "-r", "eu-west9", "--dry-run").out == ""
    seal_app(repo, "-w", "a.yaml", "--dry-run", "--expires", "2001-01-01", status=INVALID)


def test_to_standard_output_needs_recipients(repo):
    done = seal_app(repo, status=RECIPIENT)
    assert "without -w there is no path for the rules" in done.err
    assert seal_app(repo, "-r", "eu-west9", "-w", "-").out.startswith("apiVersion: bulla.dev/v1\n")


def test_outside_of_git(repo):
    done = seal_app(repo, "-w", repo.path / "x.yaml", status=RECIPIENT)
    assert "is in no Git work tree" in done.err
    seal_app(repo, "-w", "x.yaml", "-r", AGE1, cwd=repo.path)
    assert names(documents((repo.path / "x.yaml").read_text())[0]) == [
        repo.bulla("keys", "id", AGE1).out.strip()]
    assert "names stand in .bulla/config" in seal_app(repo, "-r", "eu-west9", cwd=repo.path, status=RECIPIENT).err


def test_standard_output_that_is_full(repo):
    with open("/dev/full", "w") as full:
        p = subprocess.run([BULLA, "seal", "opaque", "a", "-n", "b", "--stdin", "A", "-r", "eu-west9"], input=b"x",
                           stdout=full, stderr=subprocess.PIPE, cwd=repo.top, env=repo.env)
    assert p.returncode == IO and b"No space left" in p.stderr


# --- who ------------------------------------------------------------------------------------------

def test_recipients_from_everywhere(repo):
    document, _, _ = sealed(repo, "opaque", "a", "-n", "b", "--stdin", "A", "-r", AGE1, input="x")
    own = repo.bulla("keys", "id", AGE1).out.strip()
    assert names(document) == sorted(["eu-west9", "recovery", own])
    assert document["spec"]["parts"]["A"]["recipients"][own] == own
    # a key that the config has a name for is listed under it
    key = yaml.safe_load((repo.top / ".bulla/config").read_text())["recipients"]["us-east1"]
    done = seal_app(repo, "-r", key)
    assert names(documents(done.out)[0]) == ["recovery", "us-east1"]
    listed = repo.write("../team.txt", f"# team\n{AGE1}\n\n{key}\n")
    done = seal_app(repo, "-R", listed)
    assert names(documents(done.out)[0]) == sorted(["recovery", "us-east1", own])


def test_explicit_recipients_against_the_rules(repo):
    done = seal_app(repo, "-w", "clusters/eu-west9/a.yaml", "-r", "us-east1")
    assert names(documents((repo.top / "clusters/eu-west9/a.yaml").read_text())[0]) == ["recovery", "us-east1"]
    assert "the rules of .bulla/config" in done.err
    assert "the rules" not in seal_app(repo, "-w", "clusters/eu-west9/b.yaml", "-r", "eu-west9").err


@pytest.mark.parametrize("args, text", [
    (["-r", "nobody"], "-r nobody: no such recipient in .bulla/config; it has eu-west9, recovery, us-east1"),
    (["-r", "Hunter2!"], "-r: neither a recipient's name nor age1... (8 bytes)"),
    (["-r", ""], "-r: neither a recipient's name nor age1... (0 bytes)"),
    (["-r", "age1qqqqqqqq"], "-r: "),
    (["-r", AGE1[:-1] + "q"], "-r: "),
    (["-r", "ssh-ed25519 AAAA"], "-r: neither"),
    (["-R", "/dev/null"], "not a regular file"),
    (["-R", "empty.txt"], "-R: the files name nobody to seal to"),
    (["-R", "key.txt"], "key.txt:1: "),
    (["-R", "nowhere.txt"], "nowhere.txt: "),
])
def test_recipients_refused(repo, args, text):
    repo.write("empty.txt", "# nobody\n")
    key = repo.tool("age-keygen").splitlines()[-1]
    repo.write("key.txt", key + "\n")
    done = seal_app(repo, *args, status=None)
    assert done.status in (RECIPIENT, IO) and text in done.err and done.out == ""
    assert "Hunter2" not in done.err and key not in done.err


def test_a_private_key_is_no_recipient(repo):
    key = repo.tool("age-keygen").splitlines()[-1]
    for given in (key, key.lower()):
        done = seal_app(repo, "-r", given, status=RECIPIENT)
        assert "private key" in done.err and given not in done.err


def test_too_many_recipients(repo):
    keys = [repo.tool("age-keygen").splitlines()[1].split()[-1] for _ in range(32)]
    listed = repo.write("../many.txt", "\n".join(keys) + "\n")
    assert "33 recipients; a part has at most 32" in seal_app(repo, "-R", listed, status=RECIPIENT).err
    listed.write_text("\n".join(keys[:31]) + "\n")
    assert len(names(documents(seal_app(repo, "-R", listed).out)[0])) == 32


def test_no_rule(repo):
    config = (repo.top / ".bulla/config").read_text()
    repo.write(".bulla/config", config[:config.index('  - path: "**"')])
    seal_app(repo, "-w", "elsewhere.yaml", status=RECIPIENT)
    seal_app(repo, "-w", "clusters/eu-west9/here.yaml")


# --- pins -----------------------------------------------------------------------------------------

@pytest.fixture
def stranger(repo):
    """Someone who cloned the repository and has agreed to nobody yet."""
    home = repo.path / "stranger"
    home.mkdir()
    return home


def test_new_recipients_stop(repo, stranger):
    done = seal_app(repo, "-w", "clusters/eu-west9/a b.yaml", home=stranger, status=RECIPIENT)
    assert "2 recipients are not agreed to; nothing was sealed" in done.err
    config = yaml.safe_load((repo.top / ".bulla/config").read_text())
    for key in (config["recipients"]["eu-west9"], config["recovery"]):
        assert f"--accept {key}" in done.err
    assert not (repo.top / "clusters/eu-west9/a b.yaml").exists()
    # the command that it prints is the one that works, in a shell
    [command] = [l for l in done.err.splitlines() if "--accept" in l]
    env = dict(repo.env, HOME=str(stranger), XDG_CONFIG_HOME=str(stranger / ".config"))
    subprocess.run(["sh", "-c", command], cwd=repo.top, env=env, input=b"x", check=True, capture_output=True)
    assert (repo.top / "clusters/eu-west9/a b.yaml").exists()
    assert stat.S_IMODE((stranger / ".config/bulla/pins").stat().st_mode) == 0o600
    # ... and from then on they are known, in this repository
    seal_app(repo, "-w", "clusters/eu-west9/c.yaml", home=stranger)
    seal_app(repo, "-w", "clusters/us-east1/c.yaml", home=stranger, status=RECIPIENT)


def test_accepting_one_is_not_accepting_all(repo, stranger):
    key = yaml.safe_load((repo.top / ".bulla/config").read_text())["recipients"]["eu-west9"]
    done = seal_app(repo, "-r", "eu-west9", "--accept", key, home=stranger, status=RECIPIENT)
    assert "1 recipient is not agreed to" in done.err
    assert not (stranger / ".config").exists()
    assert "--accept: " in seal_app(repo, "-r", "eu-west9", "--accept", "age1x", home=stranger, status=RECIPIENT).err


def test_a_key_typed_in_full_is_agreed_to(repo, stranger):
    other = Checkout(repo.path, repo="plain")
    done = other.bulla("seal", "opaque", "a", "-n", "b", "--stdin", "A", "-r", AGE1, input="x", home=stranger)
    assert names(documents(done.out)[0]) == [repo.bulla("keys", "id", AGE1).out.strip()]


def test_a_recipients_file_of_the_repository_is_someone_elses_word(repo, stranger):
    other = Checkout(repo.path, repo="plain")
    other.write("team.txt", AGE1 + "\n")
    args = ("seal", "opaque", "a", "-n", "b", "--stdin", "A", "-R", "team.txt")
    done = other.bulla(*args, input="x", home=stranger, status=RECIPIENT)
    assert f"--accept {AGE1}" in done.err
    other.bulla(*args, "--accept", AGE1, input="x", home=stranger)
    other.bulla(*args, input="x", home=stranger)
    # the same file outside of any tree is the user's own
    mine = repo.write("../mine.txt", AGE1 + "\n")
    other.bulla("seal", "opaque", "a", "-n", "b", "--stdin", "A", "-R", mine, input="x", home=stranger)


def test_a_recipient_slipped_in_by_a_branch(repo):
    """Mallory's pull request gives her key the name of a cluster, or adds it to a rule."""
    repo.commit()
    mallory = repo.tool("age-keygen").splitlines()[1].split()[-1]
    config = (repo.top / ".bulla/config").read_text()
    eu = yaml.safe_load(config)["recipients"]["eu-west9"]
    repo.git("checkout", "-q", "-b", "pr")
    repo.write(".bulla/config", config.replace(eu, mallory))
    done = seal_app(repo, "-w", "clusters/eu-west9/a.yaml", status=RECIPIENT)
    assert re.search(rf"CHANGED +eu-west9 +{mallory}\n +it was +{eu}", done.err)
    added = config.replace("recipients:\n", f'recipients:\n  backup: "{mallory}"\n', 1).replace(
        "to: [eu-west9]", "to: [backup, eu-west9]")
    repo.write(".bulla/config", added)
    done = seal_app(repo, "-w", "clusters/eu-west9/a.yaml", status=RECIPIENT)
    assert re.search(rf"new +backup +{mallory}", done.err) and eu not in done.err
    assert not (repo.top / "clusters/eu-west9/a.yaml").exists()


def test_asked_at_the_terminal(repo, stranger):
    args = ("seal", "opaque", "app", "-n", "web", "--stdin", "A", "-w", "clusters/eu-west9/a.yaml")
    t = Terminal(repo, *args, input="x", home=stranger)
    t.answer("Agree? [y/N] ", "")
    assert "not agreed to" in t.end(status=RECIPIENT)
    assert not (repo.top / "clusters/eu-west9/a.yaml").exists() and not (stranger / ".config").exists()
    t = Terminal(repo, *args, input="x", home=stranger)
    t.answer("Agree? [y/N] ", "y")
    t.end()
    seal_app(repo, "-w", "clusters/eu-west9/b.yaml", home=stranger)


def test_dry_run_agrees_to_nothing(repo, stranger):
    config = yaml.safe_load((repo.top / ".bulla/config").read_text())
    seal_app(repo, "-r", "eu-west9", "--dry-run", "--accept", config["recipients"]["eu-west9"], "--accept",
             config["recovery"], home=stranger)
    assert not (stranger / ".config").exists()


def test_damaged_pins(repo):
    pins = repo.home / ".config/bulla/pins"
    text = pins.read_text()
    pins.write_text(text + "nonsense\n")
    assert "pins:" in seal_app(repo, "-w", "a.yaml", status=INVALID).err
    pins.unlink()
    pins.symlink_to(repo.path / "elsewhere")
    assert seal_app(repo, "-w", "a.yaml", status=IO).err


def test_pins_of_many_at_once(repo, stranger):
    """Several commands agree at the same time; no one's word is lost."""
    env = dict(repo.env, HOME=str(stranger), XDG_CONFIG_HOME=str(stranger / ".config"))
    keys = [repo.tool("age-keygen").splitlines()[1].split()[-1] for _ in range(6)]
    running = []
    for i, key in enumerate(keys):
        repo.write(f"team{i}", key + "\n")
        running.append(subprocess.Popen(
            [BULLA, "seal", "opaque", "a", "-n", "b", "--stdin", "A", "-R", f"team{i}", "--accept", key, "--accept",
             yaml.safe_load((repo.top / ".bulla/config").read_text())["recovery"]],
            cwd=repo.top, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True))
    assert [p.wait(30) for p in running] == [0] * 6
    pins = (stranger / ".config/bulla/pins").read_text()
    assert all(key in pins for key in keys)


# --- the terminal ---------------------------------------------------------------------------------

def test_prompts_do_not_echo(repo):
    t = Terminal(repo, "seal", "basic-auth", "a", "-n", "b", "--username", "u", "-r", "eu-west9",
                 out=repo.path / "out.yaml")
    t.answer("password: ", "hunter2 ü")
    t.answer("password, once more: ", "hunter2 ü")
    assert "hunter2" not in t.end()
    [document] = documents((repo.path / "out.yaml").read_text())
    assert opened(repo, document)[1] == {"username": b"u", "password": "hunter2 ü".encode()}


def test_typed_differently(repo):
    t = Terminal(repo, "seal", "basic-auth", "a", "-n", "b", "--username", "u", "-r", "eu-west9")
    t.answer("password: ", "hunter2")
    t.answer("once more: ", "hunter3")
    text = t.end(status=INVALID)
    assert "not the same" in text and "hunter" not in text


def test_nothing_typed_and_too_much(repo):
    t = Terminal(repo, "seal", "basic-auth", "a", "-n", "b", "--username", "u", "-r", "eu-west9")
    t.answer("password: ", "")
    assert "nothing was typed" in t.end(status=INVALID)
    t = Terminal(repo, "seal", "basic-auth", "a", "-n", "b", "--username", "u", "-r", "eu-west9")
    t.answer("password: ", "x" * 5000)
    assert "longer than a terminal line" in t.end(status=INVALID)


def prompt(repo):
    t = Terminal(repo, "seal", "basic-auth", "a", "-n", "b", "--username", "u", "-r", "eu-west9",
                 out=repo.path / "out.yaml")
    t.read_until("password: ")
    t.type("abc")
    assert not t.echoes()
    return t


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_gives_the_echo_back(repo, number):
    t = prompt(repo)
    if number == signal.SIGINT:
        t.type("\x03")
    else:
        t.signal(number)
    _, raw = os.waitpid(t.pid, 0)
    assert os.WIFSIGNALED(raw) and os.WTERMSIG(raw) == number and not os.WCOREDUMP(raw)
    assert t.echoes()
    os.close(t.fd)


def test_stopped_and_continued(repo):
    """After Ctrl-Z and "fg" the question comes again, and what was typed before is gone.  (Nobody can
    stop a session's leader, so here it goes on at once; the echo was given back in between.)"""
    t = prompt(repo)
    t.text = ""
    t.signal(signal.SIGTSTP)
    t.answer("password: ", "hunter2")
    t.answer("once more: ", "hunter2")
    t.end()
    assert opened(repo, documents((repo.path / "out.yaml").read_text())[0])[1]["password"] == b"hunter2"


def test_stdin_of_the_terminal_is_not_shown(repo):
    t = Terminal(repo, "seal", "opaque", "a", "-n", "b", "--from-file", "K=-", "-r", "eu-west9",
                 out=repo.path / "out.yaml")
    t.read_until("Ctrl-D")
    t.type("line one\nline two\n\x04")
    assert "line" not in t.end().split("Ctrl-D on a line of its own")[1]
    assert opened(repo, documents((repo.path / "out.yaml").read_text())[0])[1] == {"K": b"line one\nline two\n"}
    t = Terminal(repo, "seal", "opaque", "a", "-n", "b", "--stdin", "K", "-r", "eu-west9", out=repo.path / "out.yaml")
    t.answer("K: ", "v")
    t.answer("K, once more: ", "v")
    t.end()
    assert opened(repo, documents((repo.path / "out.yaml").read_text())[0])[1] == {"K": b"v"}


def test_no_terminal_and_nothing_given(repo):
    done = repo.bulla("seal", "basic-auth", "a", "-n", "b", "--username", "u", "-r", "eu-west9", status=INVALID)
    assert "password: missing; give --password-file FILE|-" in done.err


# --- an existing manifest -------------------------------------------------------------------------

MANIFEST = """apiVersion: v1
kind: Secret
metadata:
  name: app
  namespace: web
  creationTimestamp: "2026-01-01T00:00:00Z"
  resourceVersion: "12"
  uid: 3f1
  labels: {app.kubernetes.io/name: app, team: web, kustomize.toolkit.fluxcd.io/name: apps}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"stringData":{"A":"hunter2"}}'
type: Opaque
data:
  A: aHVudGVyMg==
  B: |
    aGVs
    bG8=
stringData:
  C: plain
"""


def test_manifest(repo):
    done = repo.bulla("seal", "-f", "-", "-r", "eu-west9", input=MANIFEST)
    [document] = documents(done.out)
    assert opened(repo, document)[1] == {"A": b"hunter2", "B": b"hello", "C": b"plain"}
    assert document["spec"]["kind"] == "opaque" and document["metadata"]["namespace"] == "web"
    assert document["spec"]["secret"]["labels"] == {"app.kubernetes.io/name": "app", "team": "web"}
    assert "last-applied" not in done.out
    assert "kustomize.toolkit.fluxcd.io/name is left out" in done.err
    path = repo.write("../secret.json", json.dumps({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "type": "kubernetes.io/basic-auth",
        "stringData": {"username": "u", "password": "p"}}))
    assert "the manifest names none, and it is never guessed" in repo.bulla("seal", "-f", path, "-r", "eu-west9",
                                                                           status=USAGE).err
    repo.bulla("seal", "-f", path, "-n", "web", "-w", "clusters/eu-west9/", "--label", "team=x")
    [document] = documents((repo.top / "clusters/eu-west9/login.yaml").read_text())
    assert document["spec"]["kind"] == "basic-auth"
    assert document["spec"]["secret"] == {"type": "kubernetes.io/basic-auth", "labels": {"team": "x"}}
    assert "another namespace" in repo.bulla("seal", "-f", "-", "-n", "other", "-r", "eu-west9", input=MANIFEST,
                                             status=USAGE).err


def test_manifest_onto_itself(repo):
    """The document would be added behind it, and the Secret stay as it is."""
    path = repo.write("apps/app.yaml", MANIFEST)
    (repo.top / "apps/link.yaml").symlink_to("app.yaml")
    for name in ("apps/app.yaml", "apps/link.yaml"):
        assert "is the manifest itself" in repo.bulla("seal", "-f", name, "-w", "apps/", status=CONFLICT).err
    assert path.read_text() == MANIFEST
    repo.bulla("seal", "-f", "apps/app.yaml", "-w", "apps/sealed.yaml")


def changed(old, new):
    assert old in MANIFEST
    return MANIFEST.replace(old, new)


@pytest.mark.parametrize("text, want", [
    ("", "standard input: holds no manifest"),
    (MANIFEST + "---\n" + MANIFEST, "holds 2 manifests; seal them one at a time"),
    ("- a\n", "not a manifest with apiVersion, kind and metadata"),
    (changed("kind: Secret", "kind: ConfigMap"), 'kind: not "Secret"'),
    (changed("apiVersion: v1", "apiVersion: v2"), 'apiVersion: not "v1"'),
    (changed("  name: app\n", ""), "metadata.name: missing"),
    (changed("  name: app\n", "  name: 12\n"), "metadata.name: not a string"),
    (changed("  name: app\n", "  name: A_b\n"), "metadata.name: not an object's name"),
    (changed("  name: app\n", "  generateName: app-\n"), "metadata.generateName: "),
    (changed("namespace: web", "namespace: We.b"), "metadata.namespace: not a namespace's name"),
    (changed("  uid: 3f1", "  ownerReferences: [{kind: X}]"), "another controller owns this Secret"),
    (changed("  uid: 3f1", "  finalizers: [x]"), "another controller owns this Secret"),
    (changed("  uid: 3f1", "  frobnicate: x"), "metadata: a field (number 5) that a Secret has not"),
    (changed("team: web", "helm.sh/chart: x"), "it makes Helm act on the Secret"),
    (changed("team: web", "app.kubernetes.io/managed-by: Helm"), "claims the Secret for another tool"),
    (changed("team: web", "reflector.v1.k8s.emberstack.com/reflects: a/b"), "it makes reflector copy the Secret"),
    (changed("team: web", "team: 1"), "metadata: team is not a string; quote it"),
    (changed("type: Opaque", "type: kubernetes.io/service-account-token"), "is never sealed"),
    (changed("type: Opaque", "type: bootstrap.kubernetes.io/token"), "is never sealed"),
    (changed("type: Opaque", "type: example.org/x"), "is not sealed; the types are"),
    (changed("type: Opaque", "immutable: true"), "immutable: such a Secret could never get a new value"),
    (changed("A: aHVudGVyMg==", "A: hunter2"), "data.A: not base64"),
    (changed("A: aHVudGVyMg==", "A: aHVudGVyMg"), "data.A: not base64"),
    (changed("A: aHVudGVyMg==", "../x: aHVudGVyMg=="), "data: key 1 is not a name that a Secret takes"),
    (changed("C: plain", "C: 1"), "stringData.C: not a string; quote it"),
    (changed("C: plain", "C: &a plain"), "standard input:"),
    ("a: " * 40 + "1\n", "standard input:"),
    ("[" * 200 + "]" * 200, "standard input:"),
])
def test_manifests_refused(repo, text, want):
    done = repo.bulla("seal", "-f", "-", "-r", "eu-west9", input=text, status=INVALID)
    assert want in done.err and done.out == ""
    assert "hunter2" not in done.err and "aHVudGVyMg" not in done.err


# --- hostile repositories -------------------------------------------------------------------------

def test_config_as_a_link(repo):
    outside = repo.path / "config"
    (repo.top / ".bulla/config").rename(outside)
    (repo.top / ".bulla/config").symlink_to(outside)
    assert "symbolic link" in seal_app(repo, "-w", "a.yaml", status=IO).err
    (repo.top / ".bulla/config").unlink()
    outside.rename(repo.top / ".bulla/config")
    (repo.top / ".bulla").rename(repo.path / "dot")
    (repo.top / ".bulla").symlink_to(repo.path / "dot")
    assert "symbolic link" in seal_app(repo, "-w", "a.yaml", status=IO).err


@pytest.mark.parametrize("make, status", [
    (lambda p: os.mkfifo(p), IO),
    (lambda p: p.mkdir(), IO),
    (lambda p: p.write_bytes(b"#" * (256 * 1024 + 1)), INVALID),
    (lambda p: p.write_bytes(b"recipients: " + b"[" * 1000 + b"]" * 1000), INVALID),
    (lambda p: p.write_bytes(b"recipients:\n" + b"  a: &a 1\n"), INVALID),
    (lambda p: p.write_bytes(b"rules: []\nextra: 1\n"), INVALID),
    (lambda p: p.write_bytes(b"\xff\xfe"), INVALID),
    (lambda p: p.write_bytes(b""), INVALID),
])
def test_configs_that_are_none(repo, make, status):
    path = repo.top / ".bulla/config"
    path.unlink()
    make(path)
    done = seal_app(repo, "-w", "a.yaml", status=status)
    assert done.err and not (repo.top / "a.yaml").exists()


def test_a_bulla_folder_below_the_top_level(repo):
    """Whoever may write to one folder must not decide who reads what is sealed there."""
    mallory = repo.tool("age-keygen").splitlines()[1].split()[-1]
    repo.write("clusters/eu-west9/.bulla/config",
               f'recipients:\n  m: "{mallory}"\nrules:\n  - path: "**"\n    to: [m]\n')
    done = seal_app(repo, "-w", "clusters/eu-west9/a.yaml")
    assert "clusters/eu-west9/.bulla is not at the Git top level" in done.err
    assert names(documents((repo.top / "clusters/eu-west9/a.yaml").read_text())[0]) == ["eu-west9", "recovery"]
    done = seal_app(repo, "-r", "eu-west9", cwd=repo.top / "clusters/eu-west9")
    assert "is not at the Git top level" in done.err


def test_links_that_lead_out(repo):
    outside = repo.path / "outside"
    outside.mkdir()
    (repo.top / "clusters/out").symlink_to(outside)
    for target in ("clusters/out/", "clusters/out/a.yaml", repo.top / "clusters/out/a.yaml"):
        done = seal_app(repo, "-w", target, "-r", "eu-west9", status=INVALID)
        assert "leads out of the Git work tree" in done.err
    (repo.top / "link.yaml").symlink_to(outside / "x.yaml")
    assert "symbolic link" in seal_app(repo, "-w", "link.yaml", status=IO).err
    (outside / "x.yaml").write_text("a: 1\n")
    seal_app(repo, "-w", "link.yaml", status=INVALID)
    assert (outside / "x.yaml").read_text() == "a: 1\n" and os.listdir(outside) == ["x.yaml"]
    # within the tree a link is where it leads: the rules of that place hold
    (repo.top / "alias").symlink_to("clusters/us-east1")
    seal_app(repo, "-w", "alias/a.yaml")
    assert names(documents((repo.top / "clusters/us-east1/a.yaml").read_text())[0]) == ["recovery", "us-east1"]


def test_targets_that_are_no_files(repo):
    os.mkfifo(repo.top / "fifo.yaml")
    seal_app(repo, "-w", "fifo.yaml", status=IO)
    (repo.top / "folder.yaml").mkdir()
    seal_app(repo, "-w", "folder.yaml")
    assert (repo.top / "folder.yaml/app.yaml").exists()
    seal_app(repo, "-w", "a\nb.yaml", status=INVALID)
    seal_app(repo, "-w", "x" * 300 + ".yaml", status=IO)
    big = repo.write("big.yaml", b"#" * 17_000_000)
    seal_app(repo, "-w", "big.yaml", status=INVALID)
    assert big.stat().st_size == 17_000_000


def test_what_is_printed_is_escaped(repo):
    """Bidi and control characters in names of the repository do not reach the terminal."""
    folder = repo.top / "clusters/eu-west9/\u202egnp\u200b"
    folder.mkdir()
    (folder / ".bulla").mkdir()
    done = seal_app(repo, "-w", f"{folder}/a.yaml")
    assert "\u202e" not in done.err and "\u200b" not in done.err
    assert "\\u{202e}" in done.err
    bad = repo.write("bad\x1b[31m.yaml", "a: [\n")
    done = repo.bulla("show", bad, status=None)
    assert "\x1b" not in done.err + done.out


def test_no_secret_in_errors(repo):
    """A rejected secret is not shown: not by any kind, not by any source."""
    canary = "canary-c0ffee-0123456789"
    for args in (["registry", "a", "--server", "ghcr.io", "--username", "u", "--token-file", "-"],
                 ["basic-auth", "a", "--username", "u", "--password-file", "-"],
                 ["webhook-token", "a", "--token-file", "-"],
                 ["age-key", "a", "--private-key", "-"],
                 ["gcp-service-account", "a", "--key-file", "-"],
                 ["deploy-key", "a", "--url", "ssh://git@github.com/o/r", "--private-key", "-"],
                 ["git-https", "a", "--url", "https://github.com/o/r", "--username", "u", "--token-file", "-"],
                 ["github-app", "a", "--url", "https://github.com/o/r", "--app-id", "1", "--owner", "o",
                  "--private-key", "-"],
                 ["tls", "a", "--bundle", "-"],
                 ["proxy", "a", "--address", "http://p:1", "--username", "u", "--password-file", "-"],
                 ["registry", "a", "--docker-config", "-"],
                 ["opaque", "a", "--from-env-file", "-"]):
        for bad in (f"{canary}\n\n", f"{canary}\0", f"x={canary} {canary}\n", f'{{"a":"{canary}"', canary * 50000):
            done = repo.bulla("seal", *args, "-n", "b", "-r", "eu-west9", input=bad, status=None)
            assert canary not in done.err + done.out, args


def test_a_document_added_has_the_line_ends_of_its_file(repo):
    repo.bulla("seal", "opaque", "one", "-n", "web", "--stdin", "A", "-w", "both.yaml", input="1")
    path = repo.top / "both.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    repo.bulla("seal", "opaque", "two", "-n", "web", "--stdin", "A", "-w", "both.yaml", input="2")
    text = path.read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n") and text.count(b"SealedCredential") == 2
    repo.bulla("check", "both.yaml")

# SPDX-License-Identifier: Apache-2.0
"""bulla edit: with scripts that stand for a person, and with real editors at a terminal.  The plaintext is in
memory alone, and nothing of it stays, however it ends."""
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from checkout import BULLA, CONFLICT, INVALID, IO, NOKEY, OK, RECIPIENT, USAGE, Checkout, Terminal

FILE = "app.yaml"
MARK = "mark-5c0ffee-"  # begins every secret
LINES = f"{MARK}first\n  second: [x]\n# third\n\nlast\n"
BINARY = b"\x00\xff" + MARK.encode() + b"\x00"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files in memory are Linux's: elsewhere edit says so")


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.env["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    repo.init("-r", "eu-west9")
    (tmp_path / "in").mkdir()
    for name, data in (("LINES", LINES), ("BINARY", BINARY), ("USER", f"{MARK}user"), ("NUMBER", "12345")):
        repo.write(f"../in/{name}", data)
    repo.bulla("seal", "opaque", "app", "-n", "web", *(f"--from-file=../in/{n}" for n in ("LINES", "BINARY", "USER", "NUMBER")), "-w", FILE)
    shutil.rmtree(tmp_path / "in")
    repo.sealed = (repo.top / FILE).read_bytes()
    return repo


def editor(repo, code, name="my-editor"):
    """A program that changes text by this code; text is the text, path the file, log a file to leave word in."""
    log = repo.path / "log"
    program = repo.path / name
    program.write_text(f"""#!{sys.executable}
import json, os, re, signal, sys, time
path, log = sys.argv[-1], {str(log)!r}
text = open(path).read()
before = text
{code}
if text != before:
    open(path, "w").write(text)
""")
    program.chmod(0o755)
    repo.env["BULLA_EDITOR"] = str(program)
    return log


def edit(repo, code, *args, status=OK, file=FILE, **more):
    editor(repo, code)
    return repo.bulla("edit", file, "-i", repo.recovery, *args, status=status, **more)


def values(repo, file=FILE):
    data = yaml.safe_load(repo.bulla("open", file, "-i", repo.recovery).out)["data"]
    return {name: base64.b64decode(value) for name, value in data.items()}


def parts(data):
    return yaml.safe_load(data)["spec"]["parts"]


def changed(repo):
    old, new = parts(repo.sealed), parts((repo.top / FILE).read_bytes())
    return {name for name in old | new if old.get(name) != new.get(name)}


def unchanged(repo):
    return (repo.top / FILE).read_bytes() == repo.sealed


def assert_clean(repo, *more):
    """No file has the mark, in no encoding, and no process holds it in a file of memory."""
    marks = [MARK.encode(), *(base64.b64encode(b"x" * i + MARK.encode())[4:-4] for i in range(3))]
    for root in (repo.path, Path("/dev/shm"), Path("/var/tmp"), *more):
        for folder, _, files in os.walk(root):
            for name in files:
                path = Path(folder, name)
                if path.is_symlink() or not path.is_file() or path.stat().st_size > 1 << 20:
                    continue
                try:
                    data = path.read_bytes()
                except OSError:
                    continue
                assert not any(m in data for m in marks), path


# --- the text -------------------------------------------------------------------------------------

def test_text(repo):
    log = editor(repo, "open(log, 'w').write(text)")
    said = repo.bulla("edit", FILE, "-i", repo.recovery)
    assert "app.yaml: nothing was changed; it stays as it is" in said.err and unchanged(repo)
    text = log.read_text()
    assert text.startswith("# web/app (opaque). Save,")
    assert text[text.index("stringData"):] == (
        f"stringData:\n  LINES: |\n    {MARK}first\n      second: [x]\n    # third\n\n    last\n"
        f"  NUMBER: \"12345\"\n  USER: {MARK}user\ndata:  # in base64\n  BINARY: \"{base64.b64encode(BINARY).decode()}\"\n")
    # as every reader of YAML has it
    read = yaml.safe_load(text)
    assert read["stringData"] == {"LINES": LINES, "NUMBER": "12345", "USER": f"{MARK}user"}


def test_only_what_changed_is_sealed(repo):
    said = edit(repo, "text = text.replace('user', 'other')")
    assert said.err.endswith("bulla: app.yaml: web/app, USER sealed to eu-west9, recovery\n")
    assert changed(repo) == {"USER"}
    assert values(repo) == {"LINES": LINES.encode(), "BINARY": BINARY, "USER": f"{MARK}other".encode(), "NUMBER": b"12345"}
    old, new = repo.sealed.decode().splitlines(), (repo.top / FILE).read_text().splitlines()
    assert new[:new.index("    USER:")] == old[:old.index("    USER:")]


def test_added_removed_and_made_binary(repo):
    said = edit(repo, "text = re.sub(r'  USER:.*\\n', '  NEW: x\\n', text).replace('  NUMBER: \"12345\"\\n', '')"
                      ".replace('data:  # in base64', 'data:\\n  NUMBER: AAE=')")
    assert "NEW, NUMBER sealed to eu-west9, recovery, USER removed" in said.err
    assert changed(repo) == {"NEW", "NUMBER", "USER"}
    assert values(repo) == {"LINES": LINES.encode(), "BINARY": BINARY, "NEW": b"x", "NUMBER": b"\0\1"}


def test_all_are_replaced(repo):
    """Each old value goes and another comes: there is always one."""
    edit(repo, "text = 'stringData: {A: a, B: b}\\n'")
    assert values(repo) == {"A": b"a", "B": b"b"}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "  # nothing", "---\n# nothing\n"])
def test_empty_takes_it_back(repo, text):
    said = edit(repo, f"open(path, 'w').write({text!r}); text = before")
    assert "nothing was changed" in said.err and unchanged(repo)


def test_written_again_but_the_same(repo):
    """Other quoting, another order, other comments: the values are what counts."""
    said = edit(repo, "text = '# x\\nstringData:\\n  USER: \"%suser\"\\n  NUMBER: \\'12345\\'\\n' + "
                      "re.search(r'  LINES.*?last\\n', text, re.S)[0] + re.search(r'^data:.*', text, re.S | re.M)[0]" % MARK)
    assert "nothing was changed" in said.err and unchanged(repo)


def test_dotenv(repo):
    repo.bulla("unset", FILE, "BINARY")
    repo.sealed = (repo.top / FILE).read_bytes()
    edit(repo, "assert \"NUMBER='12345'\\n\" in text; text = text.replace('12345', '6789')", "-o", "dotenv")
    assert changed(repo) == {"NUMBER"} and values(repo)["NUMBER"] == b"6789"


def test_dotenv_cannot_hold_everything(repo):
    said = edit(repo, "raise SystemExit('it ran')", "--output", "dotenv", status=INVALID)
    assert "--output dotenv: BINARY: its value is no text" in said.err and "it ran" not in said.err


def test_together_stays_together(repo):
    repo.bulla("seal", "opaque", "pair", "-n", "web", "--together", "--from-env-file", "-", "-w", "pair.yaml", input=f"A={MARK}a\nB={MARK}b\n")
    said = edit(repo, f"text = text.replace('{MARK}b', '{MARK}c').replace('stringData:', 'stringData:\\n  C: c')", file="pair.yaml")
    assert "web/pair, credential sealed to" in said.err
    assert list(parts((repo.top / "pair.yaml").read_bytes())) == ["credential"]
    assert values(repo, "pair.yaml") == {"A": f"{MARK}a".encode(), "B": f"{MARK}c".encode(), "C": b"c"}


def test_one_of_several_documents(repo):
    repo.bulla("seal", "opaque", "two", "-n", "web", "--from-env-file", "-", "-w", FILE, input="X=1\n")
    assert "--document" in edit(repo, "", status=USAGE).err
    edit(repo, "text = text.replace('1', '2')", "--document", "web/two")
    two = repo.bulla("open", FILE, "--document", "two", "-i", repo.recovery, "--key", "X").out
    assert two == "2" and (repo.top / FILE).read_bytes().startswith(repo.sealed)


def test_dry_run(repo):
    said = edit(repo, "text = re.sub('  USER.*\\n', '', text).replace('12345', '2')", "--dry-run")
    assert "NUMBER would be sealed to eu-west9, recovery, USER would be removed" in said.err and unchanged(repo)


def test_expiry(repo):
    edit(repo, "text = text.replace('user', 'a')", "--expires", "2030-01-31")
    assert parts((repo.top / FILE).read_bytes())["USER"]["facts"]["not-after"] == "2030-01-31T23:59:59Z"
    assert "expiry is not the new one's" in edit(repo, f"text = text.replace('{MARK}a', '{MARK}b')").err


# --- other kinds: their fields --------------------------------------------------------------------

def token(repo):
    return repo.tool(str(Path(__file__).parents[2] / "scripts/test-token")).strip()


def kinds(repo):
    """One document of each kind and form: kind -> (options of seal, input)."""
    path, tool = repo.path, repo.tool
    tool("openssl", "genrsa", "-out", str(path / "app.pem"), "2048")
    tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90", "-keyout",
         str(path / "key.pem"), "-out", str(path / "cert.pem"), "-subj", "/CN=api", "-addext", "subjectAltName=DNS:api.example.org")
    tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90", "-keyout",
         str(path / "ca.key"), "-out", str(path / "ca.pem"), "-subj", "/CN=ca")
    tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path / "host"))
    public = " ".join((path / "host.pub").read_text().split()[:2])
    (path / "known_hosts").write_text(f"git.example.org {public}\n")
    tool("age-keygen", "-o", str(path / "sops.txt"))
    (path / "token").write_text(token(repo))
    login = lambda: {"username": "bot", "password": "no-token-at-all"}
    (path / "config.json").write_text(json.dumps({"auths": {"ghcr.io": login(), "registry.example.org": login()}}))
    (path / "google.json").write_text(json.dumps(
        {"type": "service_account", "project_id": "foobar-1234", "private_key_id": "0123456789abcdef", "private_key":
         (path / "app.pem").read_text(), "client_email": "dns@foobar-1234.iam.gserviceaccount.com"}))
    return {
        "registry": ("bot:bot2", "registry", "--server", "ghcr.io", "--username", "bot", "--token-file", "../token"),
        "docker-io": ("bot:bot2", "registry", "--server", "docker.io", "--username", "bot", "--token-file", "-"),
        "registries": ("no-token:another-token", "registry", "--docker-config", "../config.json"),
        "deploy-key": ("a/b:a/c", "deploy-key", "--url", "ssh://git@github.com/a/b"),
        "deploy-key-host": ("a/b:a/c", "deploy-key", "--url", "ssh://git@git.example.org/a/b", "--known-hosts", "../known_hosts"),
        "deploy-key-ssh": ("a/b:a/c", "deploy-key", "--url", "ssh://git@github.com/a/b", "--secret-type", "kubernetes.io/ssh-auth"),
        "git-https": ("a/b:a/c", "git-https", "--url", "https://github.com/a/b", "--username", "git", "--token-file", "../token"),
        "git-https-plain": ("staple:stable", "git-https", "--url", "https://git.example.org/a/b", "--username", "git", "--token-file", "-"),
        "git-https-ca": ("staple:stable", "git-https", "--url", "https://git.example.org/a/b", "--username", "git", "--token-file", "-", "--ca", "../ca.pem"),
        "github-app": ("456:457", "github-app", "--url", "https://github.com/a/b", "--app-id", "123", "--installation-id", "456", "--private-key", "../app.pem"),
        "tls": (None, "tls", "--cert", "../cert.pem", "--private-key", "../key.pem"),
        "basic-auth": ("bot:bot2", "basic-auth", "--username", "bot", "--password-file", "-"),
        "proxy": ("3128:3129", "proxy", "--address", "http://proxy.example.org:3128", "--username", "bot", "--password-file", "-"),
        "webhook-token": ("staple:stable", "webhook-token", "--token-file", "-"),
        "age-key": ("# created:# made", "age-key", "--private-key", "../sops.txt"),
        "gcp": ("dns@:www@", "gcp-service-account", "--key-file", "../google.json"),
    }


def test_every_kind_can_be_edited(repo):
    """Not changed, the text gives the same; changed, all of it is checked and sealed anew."""
    forms = kinds(repo)
    listed = set(re.findall(r"^  ([a-z-]+)  ", repo.bulla("help", "seal").out.split("Commands:")[1].split("Options:")[0], re.M))
    assert listed == {f[1] for f in forms.values()} | {"opaque"}
    for name, (change, kind, *options) in forms.items():
        file = f"{name}.yaml"
        repo.bulla("seal", kind, name, "-n", "web", *options, "-w", file, input="Zx8-correct-horse-battery-staple-1")
        before, old = (repo.top / file).read_bytes(), values(repo, file)
        log = editor(repo, "open(log, 'w').write(text)")
        said = repo.bulla("edit", file, "-i", repo.recovery)
        assert "nothing was changed" in said.err and (repo.top / file).read_bytes() == before, name
        # each field with its help above
        shown = yaml.safe_load(log.read_text())["stringData"]
        assert len(re.findall(r"(?m)^  # .+\n  \S+:", log.read_text())) == len(shown), name
        if change is None:
            continue
        was, becomes = change.split(":")
        edit(repo, f"assert {was!r} in text\ntext = text.replace({was!r}, {becomes!r})", file=file)
        assert (repo.top / file).read_bytes() != before and set(values(repo, file)) == set(old), name
        # and back: the same Secret as at first
        edit(repo, f"text = text.replace({becomes!r}, {was!r})", file=file)
        assert values(repo, file) == old, name


def test_token_of_a_registry(repo):
    old, new = token(repo), token(repo)
    repo.bulla("seal", "registry", "ghcr", "-n", "web", "--server", "ghcr.io", "--username", "bot", "--token-file", "-", "-w", "ghcr.yaml", input=old)
    said = edit(repo, f"assert 'server: ghcr.io' in text and 'username: bot' in text\ntext = text.replace({old!r}, {new!r})", file="ghcr.yaml")
    assert "web/ghcr, credential sealed to" in said.err
    login = json.loads(values(repo, "ghcr.yaml")[".dockerconfigjson"])["auths"]["ghcr.io"]
    assert login == {"username": "bot", "password": new, "auth": base64.b64encode(f"bot:{new}".encode()).decode()}
    # the same checks as when sealing
    refused = edit(repo, f"text = text.replace({new!r}, {new[:-1]!r})", file="ghcr.yaml", status=INVALID)
    assert "some are missing; nothing was changed" in refused.err and new[:-1] not in refused.err


def test_url_of_a_repository_is_a_field(repo):
    repo.bulla("seal", "deploy-key", "flux", "-n", "web", "--url", "ssh://git@github.com/a/b", "-w", "flux.yaml")
    identity = values(repo, "flux.yaml")["identity"]
    edit(repo, "text = text.replace('a/b', 'a/c')", file="flux.yaml")
    assert parts((repo.top / "flux.yaml").read_bytes())["credential"]["facts"]["url"] == "ssh://git@github.com/a/c"
    assert values(repo, "flux.yaml")["identity"] == identity


def test_aliases_follow(repo):
    _, kind, *more = kinds(repo)["tls"]
    repo.bulla("seal", kind, "web", "-n", "web", *more, "--alias", "cert.pem=tls.crt", "-w", "web.yaml")
    repo.tool("openssl", "req", "-x509", "-key", str(repo.path / "key.pem"), "-days", "60", "-subj", "/CN=api", "-out", str(repo.path / "new.pem"),
              "-addext", "subjectAltName=DNS:api.example.org")
    new = (repo.path / "new.pem").read_text()
    block = "  cert: |\n" + "".join(f"    {l}\n" for l in new.splitlines())
    edit(repo, f"text = re.sub(r'  cert: \\|\\n(    .*\\n)+', {block!r}, text)", file="web.yaml")
    got = values(repo, "web.yaml")
    assert got["cert.pem"] == got["tls.crt"] == new.encode()


def test_secret_of_a_kind_is_not_taken_out(repo):
    repo.bulla("seal", "deploy-key", "flux", "-n", "web", "--url", "ssh://git@github.com/a/b", "-w", "flux.yaml")
    said = edit(repo, "text = re.sub(r'  private-key: \\|\\n(    .*\\n)+', '', text)", file="flux.yaml", status=INVALID)
    assert "private-key: the secret itself cannot be taken out; 'bulla set' replaces it; nothing was changed" in said.err
    assert "--output dotenv: only kind opaque" in edit(repo, "", "-o", "dotenv", file="flux.yaml", status=USAGE).err


# --- what is refused ------------------------------------------------------------------------------

BAD = {
    "no YAML": ("text = 'stringData: [\\n'", "the text:"),
    "a list": ("text = '- x\\n'", "the text:1: must hold \"stringData\" or \"data\""),
    "another field": ("text = 'metadata:\\n  name: x\\n'", "the text:1: only \"stringData\" and \"data\" may stand here"),
    "a value at the top": ("text += 'X: 1\\n'", "only \"stringData\" and \"data\" may stand here"),
    "a number": ("text = text.replace('\"12345\"', '12345')", "NUMBER: could be read as something else than a text; put it in quotes"),
    "a word of YAML 1.1": ("text = text.replace('\"12345\"', 'no')", "NUMBER: could be read as something else than a text; put it in quotes"),
    "no value": ("text = text.replace('\"12345\"', '')", "NUMBER: has no value; an empty text is \"\""),
    "a map": ("text = text.replace('\"12345\"', '{a: b}')", "NUMBER: must be a text, not a list or map"),
    "no base64": ("text = text.replace('data:  # in base64', 'data:\\n  NEW: \"%%%\"')", "NEW: what stands below \"data\" must be base64"),
    "in both": ("text = text.replace('data:  # in base64', 'data:\\n  USER: AAE=')", "USER: stands below both"),
    "twice": ("text = text.replace('  USER:', '  USER: x\\n  USER:')", "the text:"),
    "an anchor": ("text = text.replace('\"12345\"', '&a \"12345\"')", "the text:"),
    "a tag": ("text = text.replace('\"12345\"', '!!binary AAE=')", "the text:"),
    "no name of a key": ("text = text.replace('  USER:', '  \"a/b\":')", "a key is not one that a Secret takes"),
    "two documents": ("text += '---\\nstringData: {}\\n'", "a second document"),
    "nothing left": ("text = 'stringData: {}\\n'", "no value is left; remove the document instead"),
    "no UTF-8": ("open(path, 'wb').write(b'stringData: {A: \"\\xff\"}')", "the text:"),
    "too large": ("text = 'stringData: {A: \"' + 'x' * 600000 + '\"}'", "opaque: "),
    "much too large": ("text = '#' * (5 << 20)", "the text: larger than 4194304 bytes; nothing was changed"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(repo, case):
    code, why = BAD[case]
    said = edit(repo, code, status=INVALID)
    assert why in said.err and "nothing was changed" in said.err and MARK not in said.err
    assert unchanged(repo)
    assert_clean(repo)


def test_asked_to_edit_again(repo):
    """The text comes back as it was left, and is taken when it is right."""
    editor(repo, "n = len(open(log).read()) if os.path.exists(log) else 0\nopen(log, 'a').write('x')\n"
                 "text = text.replace('\"12345\"', '777') if n == 0 else text.replace(' 777', ' \"778\"')")
    at = Terminal(repo, "edit", FILE, "-i", repo.recovery)
    at.read_until("the text:")
    at.answer("Edit again?", "y")
    assert "NUMBER sealed to" in at.end()
    assert values(repo)["NUMBER"] == b"778"
    assert_clean(repo)


def test_asked_and_given_up(repo):
    editor(repo, "text = text.replace('\"12345\"', '777')")
    at = Terminal(repo, "edit", FILE, "-i", repo.recovery)
    at.answer("Edit again?", "n")
    assert "nothing was changed" in at.end(status=INVALID) and unchanged(repo)


def test_without_a_key(repo):
    editor(repo, "raise SystemExit('it ran')")
    said = repo.bulla("edit", FILE, status=NOKEY)
    assert "it ran" not in said.err and unchanged(repo)


def test_new_recipient_stops_it_before_the_editor(repo):
    config = repo.top / ".bulla/config"
    stranger = repo.tool("age-keygen", "-o", str(repo.path / "stranger")) or repo.tool("age-keygen", "-y", str(repo.path / "stranger")).strip()
    text = config.read_text().replace("recipients:\n", f"recipients:\n  mallory: \"{stranger}\"\n").replace("to: [eu-west9]", "to: [eu-west9, mallory]")
    config.write_text(text)
    said = edit(repo, "raise SystemExit('it ran')", status=RECIPIENT)
    assert "it ran" not in said.err and stranger in said.err and unchanged(repo)
    said = edit(repo, "text = text.replace('12345', '1')", "--accept", stranger, "--add", "mallory")
    assert "mallory is among the recipients now and was not before" in said.err
    assert set(parts((repo.top / FILE).read_bytes())["NUMBER"]["recipients"]) == {"eu-west9", "mallory", "recovery"}


def test_changed_by_somebody_else_meanwhile(repo):
    other = f"import subprocess; subprocess.run([{BULLA!r}, 'unset', {FILE!r}, 'USER'], check=True, cwd={str(repo.top)!r})\n"
    edit(repo, other + "text = text.replace('12345', '1')", status=CONFLICT)
    assert "USER" not in parts((repo.top / FILE).read_bytes()) and values(repo)["NUMBER"] == b"12345"


# --- which editor ---------------------------------------------------------------------------------

def test_order_of_variables(repo):
    for name in ("bulla", "visual", "editor", "vi"):
        program = repo.path / "programs" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho {name} >>{repo.path}/ran\n")
        program.chmod(0o755)
    repo.env["PATH"] = f"{repo.path / 'programs'}:{repo.env['PATH']}"
    run = lambda **env: Checkout.bulla(_with(repo, env), "edit", FILE, "-i", repo.recovery)
    run(BULLA_EDITOR="bulla", VISUAL="visual", EDITOR="editor")
    run(VISUAL="visual", EDITOR="editor")
    run(BULLA_EDITOR="", VISUAL="", EDITOR="editor")
    run()
    assert (repo.path / "ran").read_text().split() == ["bulla", "visual", "editor", "vi"]


def _with(repo, env):
    other = object.__new__(Checkout)
    other.__dict__.update(repo.__dict__)
    other.env = {**{k: v for k, v in repo.env.items() if k != "BULLA_EDITOR"}, **env}
    return other


def test_words(repo):
    log = editor(repo, "open(log, 'w').write(json.dumps(sys.argv[1:-1]))", name="an editor")
    repo.env["BULLA_EDITOR"] = f"'{repo.path}/an editor'  -x \"a \\\"b\\\" c\" d\\ e '' '$HOME'"
    repo.bulla("edit", FILE, "-i", repo.recovery)
    assert json.loads(log.read_text()) == ["-x", 'a "b" c', "d e", "", "$HOME"]


SHELL = ["vim $HOME", "vim `id`", "vim; id", "vim | cat", "vim > x", "vim &", "vim *", "vim \"$(id)\"", "'vim", "vim \"x", "vim \\", "''", "  ", "~/vim", "#vim"]


@pytest.mark.parametrize("value", SHELL)
def test_what_only_a_shell_could_do(repo, value):
    repo.env["VISUAL"] = value
    assert "$VISUAL: " in repo.bulla("edit", FILE, "-i", repo.recovery, status=USAGE).err


def test_no_such_editor(repo):
    repo.env["BULLA_EDITOR"] = "there-is-none --x"
    assert 'there is no editor "there-is-none"; say which with $BULLA_EDITOR' in repo.bulla("edit", FILE, "-i", repo.recovery, status=IO).err


def test_unknown_editor_is_warned_of(repo):
    assert ("warning: my-editor may keep copies of what it edits on a disk (swap, backup, undo, recovery, history); "
            "vim, nvim, nano and emacs are told not to") in edit(repo, "").err


def test_known_editors_are_told(repo):
    for name, told, warned in (("vim", ["-n", "-i", "NONE"], False), ("vim.tiny", ["-n", "-i", "NONE"], False), ("nvim", ["-n", "-i", "NONE"], False),
                               ("nano", ["--restricted"], False), ("emacs", ["--eval"], False), ("emacs-gtk", ["--eval"], False),
                               ("code", ["--wait"], True), ("emacsclient", [], True), ("vimdiff", [], True), ("nanopad", [], True)):
        log = editor(repo, "open(log, 'w').write(json.dumps(sys.argv[1:-1]))", name=name)
        said = repo.bulla("edit", FILE, "-i", repo.recovery)
        assert json.loads(log.read_text())[:len(told) or None] == told, name
        assert ("may keep copies" in said.err) == warned, name
    repo.env["BULLA_EDITOR"] = f"{editor(repo, '', name='code') and repo.path / 'code'} --wait -n"
    editor_log = editor(repo, "open(log, 'w').write(json.dumps(sys.argv[1:-1]))", name="code")
    repo.env["BULLA_EDITOR"] += " --wait -n"
    repo.bulla("edit", FILE, "-i", repo.recovery)
    assert json.loads(editor_log.read_text()) == ["--wait", "-n"]


# --- where it is ----------------------------------------------------------------------------------

def test_it_is_in_memory_alone(repo):
    log = editor(repo, "fd = os.open(path, os.O_RDONLY); st = os.fstat(fd)\n"
                       "open(log, 'w').write(json.dumps([os.readlink(path), st.st_mode & 0o7777, st.st_nlink, os.getpid(), path]))")
    repo.bulla("edit", FILE, "-i", repo.recovery)
    link, mode, links, pid, path = json.loads(log.read_text())
    assert link == "/memfd:bulla (deleted)" and mode == 0o600 and links == 0 and re.fullmatch(rf"/proc/{pid}/fd/\d+", path)


def test_a_program_that_the_editor_starts_can_open_it(repo):
    """Wrappers often close what they have open before they start the real one."""
    real = editor(repo, "text = text.replace('12345', '1')", name="real") and repo.path / "real"
    editor(repo, f"import subprocess; subprocess.run([{str(real)!r}, path], check=True, close_fds=True)", name="wrapper")
    repo.bulla("edit", FILE, "-i", repo.recovery)
    assert values(repo)["NUMBER"] == b"1"


def test_no_core_of_the_editor(repo):
    log = editor(repo, "import resource; open(log, 'w').write(str(resource.getrlimit(resource.RLIMIT_CORE)))")
    repo.bulla("edit", FILE, "-i", repo.recovery)
    assert log.read_text() == "(0, 0)"


def test_only_the_file_is_handed_on(repo):
    """No key, no document: of bulla's open files the editor gets the one."""
    log = editor(repo, "found = []\nfor n in os.listdir('/proc/self/fd'):\n    try: found.append(os.readlink('/proc/self/fd/' + n))\n"
                       "    except OSError: pass\nopen(log, 'w').write(json.dumps(found))")
    repo.bulla("edit", FILE, "-i", repo.recovery)
    found = json.loads(log.read_text())
    assert found.count("/memfd:bulla (deleted)") == 1
    assert not [f for f in found if str(repo.path) in f and "log" not in f]


def test_no_trace_in_system_calls(repo):
    """Every write of bulla and the editor goes to the file in memory or to standard error."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    editor(repo, "text = text.replace('user', 'other')")
    trace = repo.path / "trace"
    done = subprocess.run(["strace", "-f", "-o", str(trace), "-e", "trace=open,openat,creat", BULLA, "edit", FILE, "-i", str(repo.recovery)],
                          cwd=repo.top, env=repo.env, capture_output=True, start_new_session=True)
    if b"PTRACE" in done.stderr or done.returncode == 1:
        pytest.skip("strace cannot trace here")
    assert done.returncode == 0, done.stderr
    written = set(re.findall(r'"([^"]+)", [A-Z_|]*O_(?:WRONLY|RDWR)', trace.read_text()))
    written = {w for w in written if not w.startswith(("/proc/", "/dev/"))}
    assert all(w.startswith(str(repo.top)) or "/" not in w for w in written), written
    trace.unlink()


# --- how it ends ----------------------------------------------------------------------------------

WAIT = "open(log, 'w').write(str(os.getpid()))\ntime.sleep(60)"


def gone(pid):
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def wait_for(path):
    for _ in range(200):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError("the editor did not start")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_bulla_is_ended(repo, number):
    log = editor(repo, WAIT)
    at = Terminal(repo, "edit", FILE, "-i", repo.recovery)
    pid = wait_for(log)
    at.signal(number)
    said = at.end(status=-signal.SIGKILL if number == signal.SIGKILL else IO)
    assert number == signal.SIGKILL or f"ended by signal {number.value}; nothing was changed" in said
    assert gone(pid) and unchanged(repo)
    assert_clean(repo)


def test_interrupt_is_the_editors(repo):
    """Control-C at the terminal goes to the editor, which may take it for what it likes; bulla waits."""
    log = editor(repo, "signal.signal(signal.SIGINT, lambda *_: open(log, 'a').write(' caught'))\nopen(log, 'w').write('1')\n"
                       "for _ in range(600):\n    time.sleep(0.05)\n    if 'caught' in open(log).read(): break\ntext = text.replace('12345', '1')")
    at = Terminal(repo, "edit", FILE, "-i", repo.recovery)
    wait_for(log)
    at.type("\x03")
    assert "NUMBER sealed to" in at.end()


def test_interrupt_that_ends_the_editor(repo):
    log = editor(repo, "signal.signal(signal.SIGINT, signal.SIG_DFL)\n" + WAIT)
    at = Terminal(repo, "edit", FILE, "-i", repo.recovery)
    wait_for(log)
    at.type("\x03")
    assert "was ended by signal 2; nothing was changed" in at.end(status=IO) and unchanged(repo)


ENDS = {
    "status 1": ("text = 'x'; open(path, 'w').write('stringData: {A: b}'); sys.exit(1)", "ended with status 1; nothing was changed"),
    "a crash": ("open(path, 'w').write('stringData: {A: b}'); os.kill(os.getpid(), signal.SIGSEGV)", "was ended by signal 11; nothing was changed"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by signal 9; nothing was changed"),
}


@pytest.mark.parametrize("case", ENDS)
def test_editor_fails(repo, case):
    code, why = ENDS[case]
    assert why in edit(repo, code, status=IO).err and unchanged(repo)
    assert_clean(repo)


def test_not_a_program(repo):
    program = repo.write("../no-program", "no program at all")
    program.chmod(0o755)
    repo.env["BULLA_EDITOR"] = str(program)
    assert "could not be run; nothing was changed" in repo.bulla("edit", FILE, "-i", repo.recovery, status=IO).err


# --- real editors ---------------------------------------------------------------------------------

HOSTILE = {  # settings of a user who keeps everything
    ".vimrc": "set nocompatible swapfile backup writebackup undofile modeline modelines=5 backupdir=~ undodir=~ directory=~\nset viminfo='100,<1000\n",
    ".nanorc": "set backup\nset historylog\nset positionlog\nset locking\n",
    ".emacs": "(setq make-backup-files t auto-save-default t create-lockfiles t enable-local-variables :all inhibit-startup-screen t)\n",
    ".config/nvim/init.vim": "set swapfile backup writebackup undofile modeline backupdir=~ undodir=~ directory=~ shada='100,<1000\n",
}
TYPED = {
    "vim": (["vim"], ":%s/12345/6789/\r", ":wq\r"),
    "vi": (["vi"], ":%s/12345/6789/\r", ":x\r"),
    "nvim": (["nvim"], ":%s/12345/6789/\r", ":wq\r"),
    "nano": (["nano"], "\x1c12345\r6789\rA", "\x0f\r\x18"),
    "emacs": (["emacs", "-nw"], "\x1b<\x1b%12345\r6789\r!", "\x18\x13\x18\x03"),
}


def settle(at, seconds=0.7):
    """Until it says nothing more for a while."""
    end = time.monotonic() + 15
    before = None
    while before != at.text and time.monotonic() < end:
        before = at.text
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            at._read(max(0, stop - time.monotonic()))


@pytest.mark.parametrize("name", TYPED)
def test_real_editor(repo, name):
    words, change, save = TYPED[name]
    if shutil.which(words[0]) is None:
        pytest.fail(f"{words[0]} is not installed") if os.environ.get("CI") == "true" else pytest.skip(f"{words[0]} is not installed")
    for path, text in HOSTILE.items():
        (repo.home / path).parent.mkdir(parents=True, exist_ok=True)
        (repo.home / path).write_text(text)
    listed = {p: p.stat().st_mtime_ns for p in repo.home.rglob("*")}
    repo.env.update(BULLA_EDITOR=" ".join(words), TERM="xterm", COLUMNS="80", LINES="24")
    at = Terminal(repo, "edit", FILE, "-i", repo.recovery)
    settle(at)
    at.type(change)
    settle(at)
    at.type(save)
    said = at.end()
    assert "NUMBER sealed to eu-west9, recovery" in said, said
    assert values(repo)["NUMBER"] == b"6789" and changed(repo) == {"NUMBER"}
    assert "may keep copies" not in said
    assert_clean(repo)
    # what programs keep of themselves, not of what they edit
    ours = re.compile(r"\.config/bulla/pins|\.cache/nvim/log|\.emacs\.d/eln-cache/.*")
    new = [str(p.relative_to(repo.home)) for p in repo.home.rglob("*") if p.is_file() and p not in listed]
    assert not [n for n in new if not ours.fullmatch(n)]
    assert not [p for p in repo.top.rglob("*") if p.name not in ("config", FILE, ".gitattributes") and ".git" not in p.parts and p.is_file()
                and p.suffix != ".age"]


@pytest.mark.parametrize("name", ["vim", "nvim", "nano", "emacs"])
def test_real_editor_is_left_alone_and_killed(repo, name):
    """Changed, not saved, and the terminal is closed: no emergency file either."""
    words, change, _ = TYPED[name]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    for path, text in HOSTILE.items():
        (repo.home / path).parent.mkdir(parents=True, exist_ok=True)
        (repo.home / path).write_text(text)
    repo.env.update(BULLA_EDITOR=" ".join(words), TERM="xterm", COLUMNS="80", LINES="24")
    at = Terminal(repo, "edit", FILE, "-i", repo.recovery)
    settle(at)
    at.type(change)
    settle(at)
    at.signal(signal.SIGKILL)
    at.end(status=-signal.SIGKILL)
    time.sleep(1)
    assert unchanged(repo)
    assert_clean(repo)


def end_by(at, how):
    if how == "hangup":
        assert at.hang_up() == IO
    elif how == "group":
        os.killpg(at.pid, signal.SIGTERM)
        at.end(status=IO)
    else:
        at.signal(how)
        at.end(status=IO if how == signal.SIGTERM else -how)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, "hangup"])
def test_editor_that_saves_itself_is_not_given_the_time(repo, how):
    """ed writes ed.hup when it is hung up, as POSIX has it; so it does not hear of it."""
    if shutil.which("ed") is None:
        pytest.skip("ed is not installed")
    repo.env["BULLA_EDITOR"] = "ed"
    at = Terminal(repo, "edit", FILE, "-i", repo.recovery)
    at.read_until("ed may keep copies")
    at.type("a\nx\n.\n")
    settle(at)
    end_by(at, how)
    time.sleep(0.5)
    assert not list(repo.top.rglob("ed.hup"))
    assert unchanged(repo)
    assert_clean(repo)


SAVER = """#!/usr/bin/python3
import os, signal, sys, time
def save(*_):
    open("saved", "w").write(open(sys.argv[1]).read())
    os._exit(0)
for number in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, save)
print("editing", flush=True)
while True:
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, "hangup", "group"])
def test_editor_that_saves_at_any_signal_hears_none(repo, how):
    saver = repo.write("../saver", SAVER)
    saver.chmod(0o755)
    repo.env["BULLA_EDITOR"] = str(saver)
    at = Terminal(repo, "edit", FILE, "-i", repo.recovery)
    at.read_until("editing")
    end_by(at, how)
    time.sleep(0.5)
    assert not list(repo.top.rglob("saved"))
    assert unchanged(repo)


@pytest.mark.parametrize("name", ["vim", "nvim"])
@pytest.mark.parametrize("own", ["", "set modeline modelines=5\n"])
def test_hostile_modeline_is_not_obeyed(repo, name, own):
    """Anyone can seal anything to us, also what an editor would take for a command; whatever we allow our own files."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    out = repo.path / "obeyed"
    for settings in (repo.home / ".vimrc", repo.home / ".config" / "nvim" / "init.vim"):
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(own)
    repo.bulla("set", FILE, "USER", "--from-file", "-", input="x\n# vim: set textwidth=7 :\n")
    repo.env.update(BULLA_EDITOR=f"{name} -c 'call writefile([&textwidth], \"{out}\")' -c qa", TERM="xterm")
    at = Terminal(repo, "edit", FILE, "-i", repo.recovery)
    at.end()
    assert out.read_text().strip() != "7"

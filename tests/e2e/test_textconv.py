# SPDX-License-Identifier: Apache-2.0
"""git diff, log and show with the textconv that init sets up."""
import base64
import hashlib
import json
import os
import random
import re
import subprocess

import pytest
import yaml

from checkout import BIN, BULLA, IO, Checkout

FILE = "app.yaml"


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.env["PATH"] = f"{BIN}:{repo.env['PATH']}"
    repo.init("-r", "eu-west9")
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", FILE, input="A=1\nB=2\nC=3\n")
    repo.commit()
    return repo


def shown(repo, text):
    return repo.bulla("textconv", "-", input=text).out


def age_files(text):
    return [base64.b64decode("".join(p["sealed"].split("\n")[1:-2])) for p in yaml.safe_load(text)["spec"]["parts"].values()]


def lines_of(diff, sign):
    return [l[1:] for l in diff.splitlines() if l.startswith(sign) and not l.startswith(sign * 3)]


# --- in git ---------------------------------------------------------------------------------------

def test_changed_value_is_one_line(repo):
    before, after = repo.top / FILE, None
    old = age_files(before.read_text())[1]
    repo.bulla("set", FILE, "B", "--from-file", "-", input="new")
    new = age_files(before.read_text())[1]
    diff = repo.git("diff")
    line = "        <age file, {} bytes, SHA-256 {}>"
    gone, come = lines_of(diff, "-"), lines_of(diff, "+")
    assert line.format(len(old), hashlib.sha256(old).hexdigest()) in gone
    assert line.format(len(new), hashlib.sha256(new).hexdigest()) in come
    # beside it, when it was sealed, unless that was in the same second
    assert [l.split(":")[0] for l in gone[:-1]] in ([], ["        sealed-at"])
    assert "BEGIN AGE" not in diff
    # hunks say which part they are in
    assert re.search(r"^@@ .* @@ B$", diff, re.M)
    assert "BEGIN AGE" in repo.git("diff", "--no-textconv")
    repo.commit()
    assert "<age file, " in repo.git("log", "-p", "-1") and "<age file, " in repo.git("show")


def test_head_of_a_hunk_is_the_part(repo):
    repo.bulla("set", FILE, "C", "--from-file", "-", input="new")
    assert re.search(r"^@@ .* @@ C$", repo.git("diff", "-U0"), re.M)


def test_patches_are_of_the_file_itself(repo):
    """What is applied must be the real text: git uses no textconv there."""
    repo.bulla("set", FILE, "B", "--from-file", "-", input="new")
    wanted = (repo.top / FILE).read_bytes()
    repo.commit("new")
    patch = repo.git("format-patch", "--stdout", "-1")
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.tool("git", "am", "-q", input=patch)
    assert (repo.top / FILE).read_bytes() == wanted


def test_conflicted_and_broken_files_can_be_looked_at(repo):
    text = (repo.top / FILE).read_text()
    broken = text.replace("-----END AGE", "-----FIN AGE", 1).replace("spec:", "<<<<<<< ours\nspec: [\n=======\n", 1)
    repo.write(FILE, broken)
    diff = repo.git("diff")
    assert "+<<<<<<< ours" in diff and "+spec: [" in diff
    repo.write(FILE, text.split("-----END")[0])
    assert "-----BEGIN AGE ENCRYPTED FILE-----" in repo.git("diff")


def test_binary_looking_file(repo):
    """Git asks for the text of what it takes for binary too."""
    repo.write("odd.yaml", b"a: 1\n")
    repo.commit()
    repo.write("odd.yaml", b"a: \x00\xff2\n")
    assert repo.git("diff", "--", "odd.yaml").count("\n") >= 4


def test_clone_without_the_setting(repo):
    """The attribute alone does no harm."""
    repo.git("config", "--remove-section", "diff.bulla")
    repo.bulla("set", FILE, "B", "--from-file", "-", input="new")
    assert "-----BEGIN AGE ENCRYPTED FILE-----" in repo.git("diff") or "+        " in repo.git("diff")


# --- the text -------------------------------------------------------------------------------------

def test_everything_but_the_age_files_stays(repo):
    text = "# a comment\n" + (repo.top / FILE).read_text().replace("spec:\n", "spec:\n  # another\n")
    got = shown(repo, text)
    armor = re.compile(r"-----BEGIN AGE ENCRYPTED FILE-----\n.*?-----END AGE ENCRYPTED FILE-----", re.S)
    files = iter(age_files(text))
    assert got == armor.sub(lambda m: (lambda a: f"<age file, {len(a)} bytes, SHA-256 {hashlib.sha256(a).hexdigest()}>")(next(files)), text)


@pytest.mark.parametrize("shape", ["CRLF", "JSON", "JSON, indented", "quoted", "two documents"])
def test_shapes(repo, shape):
    text = (repo.top / FILE).read_text()
    files = [f"<age file, {len(a)} bytes, SHA-256 {hashlib.sha256(a).hexdigest()}>" for a in age_files(text)]
    shaped = {"CRLF": lambda: text.replace("\n", "\r\n"),
              "JSON": lambda: json.dumps(yaml.safe_load(text)),
              "JSON, indented": lambda: json.dumps(yaml.safe_load(text), indent="\t"),
              "quoted": lambda: yaml.safe_dump(yaml.safe_load(text), default_style='"', width=10**6),
              "two documents": lambda: "a: 1\n---\n" + text + "---\nb: 2\n"}[shape]()
    got = shown(repo, shaped)
    assert re.findall(r"<age file[^>]*>", got) == files and "BEGIN AGE" not in got and "damaged" not in got
    if shape == "two documents":
        assert got.startswith("a: 1\n---\n") and got.endswith("---\nb: 2\n")


def test_damaged(repo):
    text = (repo.top / FILE).read_text()
    lines = text.splitlines(keepends=True)
    i = next(n for n, l in enumerate(lines) if "BEGIN AGE" in l)
    lines[i + 2] = lines[i + 2].replace(lines[i + 2].strip()[:5], "!!!!!")
    got = shown(repo, "".join(lines))
    assert got.count("<damaged age file, ") == 1 and got.count("<age file, ") == 2
    # a change inside of it is a change of its line
    other = "".join(lines).replace("!!!!!", "!!!!?")
    assert shown(repo, other) != got


def test_without_end(repo):
    text = (repo.top / FILE).read_text()
    cut = text[:text.rindex("-----END")]
    got = shown(repo, cut)
    assert got.count("<age file, ") == 2 and got.count("-----BEGIN AGE") == 1
    # one that begins inside of another
    got = shown(repo, text.replace("-----END AGE ENCRYPTED FILE-----", "", 1))
    assert got.count("<age file, ") == 2 and got.count("-----BEGIN AGE") == 1


def test_escapes_what_could_hide(repo):
    got = shown(repo, "# bulla.dev\t\x1b[2J\u202e\r\n\x00\xff")
    assert got == "# bulla.dev\t\\x1b[2J\\u{202e}\r\n\\x00\u00ff"


@pytest.mark.parametrize("data", [b"", b"\n", b"a: 1", b"\x00\x1b[31m\xff\xfe", b"-----BEGIN AGE ENCRYPTED FILE-----\n"])
def test_other_files_are_as_they_are(repo, data):
    done = subprocess.run([BULLA, "textconv", "-"], input=data, capture_output=True, env=repo.env)
    assert done.returncode == 0 and done.stdout == data


def test_large_files(repo):
    """A bundle of definitions may be larger than any file of documents, and is shown nevertheless."""
    big = repo.write("big.yaml", b"# bulla.dev\n" + b"x: y\n" * (4 << 20))
    done = subprocess.run([BULLA, "textconv", str(big)], capture_output=True, env=repo.env)
    assert done.returncode == 0 and done.stdout == big.read_bytes()
    worst = repo.write("worst.yaml", b"# bulla.dev" + b"\x01" * ((16 << 20) - 11))
    done = subprocess.run([BULLA, "textconv", str(worst)], capture_output=True, env=repo.env)
    assert done.returncode == 0 and done.stdout


def test_not_there(repo):
    assert "nowhere" in repo.bulla("textconv", "nowhere", status=IO).err


def test_never_fails(repo):
    """Bytes changed, cut, doubled at random: it ends well, and a byte that changed shows."""
    text = (repo.top / FILE).read_bytes()
    rng = random.Random(5)
    first = subprocess.run([BULLA, "textconv", "-"], input=text, capture_output=True).stdout
    for _ in range(150):
        data = bytearray(text)
        i = rng.randrange(len(data))
        kind = rng.randrange(3)
        if kind == 0:
            data[i] ^= 1 << rng.randrange(7)
        elif kind == 1:
            del data[i:i + rng.randrange(1, 400)]
        else:
            data[i:i] = data[max(0, i - 300):i] or b"x"
        done = subprocess.run([BULLA, "textconv", "-"], input=bytes(data), capture_output=True)
        assert done.returncode == 0, (i, kind, done)
        if bytes(data) != text:
            assert done.stdout != first, (i, kind)


def test_no_key_is_read(repo):
    if os.path.exists("/usr/bin/strace"):
        trace = repo.path / "trace"
        done = subprocess.run(["strace", "-f", "-o", trace, "-e", "trace=openat", BULLA, "textconv", FILE], cwd=repo.top, env=repo.env,
                              capture_output=True)
        if done.returncode != 0:
            pytest.skip("strace cannot trace here")
        assert str(repo.home) not in trace.read_text()

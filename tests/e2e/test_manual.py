# SPDX-License-Identifier: Apache-2.0
"""The manual says what the programs do: commands, options, exit statuses, kinds, facts, rules, reasons
stand in its pages as in the tables of the code, both ways; and every example is run."""
import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from checkout import BIN, Checkout
from documents import BUILD, TOP
from test_command_line import commands, completion, needs, options

MAN = TOP / "man"
PAGES = sorted(p.name for p in MAN.glob("*.[158]"))
MACROS = {"Ar", "Cm", "Em", "Ev", "Fl", "It", "Nm", "No", "Ns", "Oc", "Oo", "Op", "Pa", "Pc", "Po", "Pq", "Ql", "Sx",
          "Xc", "Xo", "Xr"}
COMMON = {"h", "help", "q", "quiet", "v", "verbose"}


# --- reading mdoc -------------------------------------------------------------------------------------

class Line:
    def __init__(self, text):
        self.text, self.words = text, []
        if text.startswith(".") and not text.startswith('.\\"'):
            lexer = shlex.shlex(text[1:], posix=True)
            lexer.whitespace_split, lexer.commenters, lexer.quotes, lexer.escape = True, "", '"', ""
            self.words = list(lexer)
        self.macro = self.words[0] if self.words else None

    def flags(self):
        """Names behind Fl, without their dashes; a group of letters is each of them."""
        found, inside = [], False
        for word in self.words:
            if word in MACROS:
                inside = word == "Fl"
            elif inside and re.fullmatch(r"-[a-z][a-z-]*", word):
                found.append(word[1:])
            elif inside and re.fullmatch(r"[A-Za-z]+", word):
                found += word
        return found


class Page:
    """sections: name -> lines; subsections: (section, name) -> lines."""

    def __init__(self, name):
        self.name, self.text = name, (MAN / name).read_text()
        self.lines = [Line(l) for l in self.text.splitlines()]
        self.sections, self.subsections = {}, {}
        section = subsection = None
        for line in self.lines:
            if line.macro == "Sh":
                section, subsection = " ".join(line.words[1:]), None
                assert section not in self.sections
                self.sections[section] = []
            elif line.macro == "Ss":
                subsection = " ".join(line.words[1:])
                self.subsections[section, subsection] = []
            elif subsection:
                self.subsections[section, subsection].append(line)
            if section and line.macro != "Sh":
                self.sections[section].append(line)

    def outside_subsections(self, section):
        inside = [l for (s, _), lines in self.subsections.items() if s == section for l in lines]
        return [l for l in self.sections[section] if l not in inside]


def flags(lines):
    return {f for line in lines for f in line.flags()}


def heads(lines):
    """The lines that begin the items of lists, with those of an item that stands in Xo ... Xc."""
    found, extended = [], False
    for line in lines:
        if line.macro == "It" or extended:
            found.append(line)
            extended = "Xo" in line.words or (extended and line.macro != "Xc")
    return found


def items(lines):
    """What the items of a list of Cm are called, and their text, up to the end of the list."""
    found = {}
    for line in lines:
        if line.macro == "It":
            names = [w for w in line.words[1:] if w not in MACROS and w != ","]
            for name in names:
                found[name] = []
        elif line.macro == "El":
            names = []
        elif found and names:
            for name in names:
                found[name].append(line)
    return {name: prose(lines) for name, lines in found.items()}


def prose(lines):
    """The text without its macros."""
    words = []
    for line in lines:
        got = [w for w in line.words if w not in MACROS] if line.words else line.text.split()
        for word in got:
            if word in {".", ",", ";", ":", ")"} and words:
                words[-1] += word
            else:
                words.append(word)
    return " ".join(words)


def unescaped(text):
    for escape, character in (("\\(dq", '"'), ("\\&", ""), ("\\e", "\\")):
        text = text.replace(escape, character)
    return text


@pytest.fixture(scope="module")
def pages():
    return {name: Page(name) for name in PAGES}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return Checkout(tmp_path_factory.mktemp("manual"))


@pytest.fixture(scope="module")
def tables():
    return json.loads(subprocess.run([BUILD / "tools/table_tool"], check=True, capture_output=True).stdout)


def both(pairs):
    """Short and long forms of help's options, as one set."""
    return {x for letter, name in pairs for x in (letter, name) if x}


def source_table(path, pattern):
    found = re.findall(pattern, (TOP / path).read_text(), re.M | re.S)
    assert found, f"{path} no longer looks as this test reads it"
    return found


# --- the pages themselves --------------------------------------------------------------------------

def test_lint():
    needs("mandoc")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *PAGES], cwd=MAN, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "", done.stdout


@pytest.mark.parametrize("name", PAGES)
def test_form(pages, name):
    page = pages[name]
    title, section = name.rsplit(".", 1)
    assert page.lines[0].text == '.\\" SPDX-License-Identifier: Apache-2.0'
    assert [l.text for l in page.lines if l.macro == "Dt"] == [f".Dt {title.upper()} {section}"]
    wanted = ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
    assert [s for s in page.sections if s in wanted] == [w for w in wanted
                                                         if section != "5" or w not in ("SYNOPSIS", "EXIT STATUS")]
    assert page.sections["NAME"][0].text == f".Nm {title}"
    # lines that a terminal of 80 columns would break
    needs("mandoc")
    shown = subprocess.run(["mandoc", "-T", "ascii", name], cwd=MAN, capture_output=True, text=True, check=True).stdout
    assert max(len(re.sub(".\b", "", l)) for l in shown.splitlines()) <= 80


@pytest.mark.parametrize("name", PAGES)
def test_references(pages, name):
    """Pages of Bulla that are referred to exist, and sections that are named."""
    page = pages[name]
    for line in page.lines:
        for i, word in enumerate(line.words):
            if word == "Xr" and line.words[i + 1].startswith("bulla"):
                assert f"{line.words[i + 1]}.{line.words[i + 2]}" in PAGES
                assert line.words[i + 1] != name.rsplit(".", 1)[0], "it refers to itself"
            if word == "Sx":
                wanted = " ".join(w for w in line.words[i + 1:] if w not in {".", ",", ";"})
                assert wanted in page.sections or any(wanted == s for _, s in page.subsections)


# --- commands and options --------------------------------------------------------------------------

def test_every_command_has_a_page_and_every_page_a_command(here, pages):
    names = {path[0] for path in commands(here)}
    assert {f"bulla-{n}.1" for n in names} | {"bulla.1", "bulla-agent.8", "bulla-format.5", "bulla-guard.5"} == set(PAGES)
    block = here.bulla("help").out.split("\nCommands:\n")[1].split("\n\n")[0]
    summaries = dict(re.findall(r"^  ([a-z-]+) +(.*)$", re.sub(r"\n {10,}", " ", block), re.M))
    assert set(summaries) == names
    told = items(pages["bulla.1"].outside_subsections("DESCRIPTION"))
    assert list(told) == list(summaries)
    for name, summary in summaries.items():
        assert told[name].lower() == f"{summary}; bulla-{name} 1.".lower()
        [said] = [l for l in pages[f"bulla-{name}.1"].lines if l.macro == "Nd"]
        assert summary.lower().startswith(" ".join(said.words[1:]).lower())


def test_options_of_bulla_itself(here, pages):
    page = pages["bulla.1"]
    assert flags(heads(page.sections["OPTIONS"])) == COMMON | {"V", "version"}
    assert flags(page.lines) == COMMON | {"V", "version"}
    for option in ("-V", "--version", "-h", "--help"):
        here.bulla(option)


SIMPLE = ["init", "bootstrap", "set", "unset", "show", "open", "check", "status", "reseal", "merge-driver", "completion", "help",
          "edit", "rename", "diff", "textconv"]
HEADS = ["recipients", "keys", "import", "export", "hooks", "known-hosts", "deploy-key"]


def test_every_command_is_tried(here):
    assert {path[0] for path in commands(here)} == {*SIMPLE, *HEADS, "seal", "rotate"}


@pytest.mark.parametrize("command", SIMPLE)
def test_options(here, pages, command):
    page, wanted = pages[f"bulla-{command}.1"], both(options(here, (command,)))
    assert flags(heads(page.sections["OPTIONS"])) == wanted
    assert flags(page.lines) <= wanted


@pytest.mark.parametrize("command", HEADS)
def test_options_of_subcommands(here, pages, command):
    page = pages[f"bulla-{command}.1"]
    subs = [path[1] for path in commands(here) if path[0] == command and len(path) == 2]
    assert subs == [sub for section, sub in page.subsections if section == "COMMANDS"]
    assert flags(heads(page.sections["OPTIONS"])) == COMMON == both(options(here, (command,)))
    seen = set(COMMON)
    for sub in subs:
        found = flags(heads(page.subsections["COMMANDS", sub]))
        assert found | COMMON == both(options(here, (command, sub)))
        assert flags(page.subsections["COMMANDS", sub]) == found
        seen |= found
    assert flags(page.lines) == seen


def test_options_of_seal(here, pages, tables):
    page = pages["bulla-seal.1"]
    common = flags(heads(page.sections["OPTIONS"]))
    told = {sub: flags(lines) for (section, sub), lines in page.subsections.items() if section == "KINDS"}
    names = [k["name"] for k in tables["kinds"]]
    assert [n for n in told if n in names] == names
    for name in names:
        wanted = both(options(here, ("seal", name)))
        assert told[name] | common == wanted, name
        own = flags(heads(page.subsections["KINDS", name]))
        assert own | {"alias"} | common >= wanted
    assert told["A Secret manifest"] | common == both(options(here, ("seal",)))
    everything = {x for path in commands(here) if path[0] == "seal" for x in both(options(here, path))}
    assert flags(page.lines) == everything


def test_options_of_rotate(here, pages):
    """Those of every kind in OPTIONS, a kind's own below KINDS."""
    page = pages["bulla-rotate.1"]
    common = flags(heads(page.sections["OPTIONS"]))
    kinds = [path[1] for path in commands(here) if path[0] == "rotate" and len(path) == 2]
    assert kinds == [sub for section, sub in page.subsections if section == "KINDS"]
    seen = set(common)
    for kind in kinds:
        own = flags(heads(page.subsections["KINDS", kind]))
        absent = {"expires", "allow", "live"} if kind == "deploy-key" else set()
        assert own & common == set() and own | common - absent == both(options(here, ("rotate", kind))), kind
        seen |= own
    assert flags(page.lines) == seen


def synopses(page):
    """The forms of a page's synopsis, each a list of words; Op ... and Oo ... Oc are left out."""
    forms, depth = [], 0
    for line in page.sections["SYNOPSIS"]:
        if line.macro == "Nm":
            forms.append([])
            continue
        words = [] if line.macro == "Op" else line.words
        for word in words:
            depth += (word == "Oo") - (word == "Oc")
            if depth == 0 and word not in MACROS | {"|", "...", "-"}:
                forms[-1].append(word)
    return forms


def test_synopsis_has_what_is_needed(here, pages):
    """Each form of usage stands in the synopsis, with its arguments and the options that must be given."""
    for path in commands(here):
        if path in [("seal",), ("rotate",), *((head,) for head in HEADS)]:
            continue
        forms = synopses(pages[f"bulla-{path[0]}.1"])
        mine = [form for form in forms if tuple(form[:len(path)]) == path]
        usage = here.bulla("help", *path).out.splitlines()[0].split()[2 + len(path):]
        needed = [w.lstrip("-") if w.startswith("--") else w for w in usage if not w.startswith("[")]
        needed = [w.replace("|-", "").removeprefix("-").removesuffix("...") for w in needed if not w.endswith("]")]
        assert mine, path
        for form in mine:
            plain = [w.removeprefix("-") for w in form]
            for word in needed:
                for choice in word.split("|"):
                    assert choice in plain, (path, word, form)


def test_options_of_the_agent(pages):
    text = subprocess.run([BIN / "bulla-agent", "--help"], check=True, capture_output=True, text=True).stdout
    wanted = both(re.findall(r"^  (?:-(.),|   ) --([a-z-]+)", text, re.M))
    page = pages["bulla-agent.8"]
    assert len(wanted) > 12
    assert flags(heads(page.sections["OPTIONS"])) == wanted == flags(page.lines)
    listed = re.findall(r"^\t\[O_\w+\] = \{ \"([a-z-]+)\"", (TOP / "agent/options.c").read_text(), re.M)
    assert set(listed) == {w for w in wanted if len(w) > 1}


# --- completions ---------------------------------------------------------------------------------------

def options_in_bash(text):
    return {path.strip(): {w.lstrip("-") for w in words.split()}
            for path, words in re.findall(r"^\t'(.*)'\)\n\t\toptions='(.*)'$", text, re.M)}


def options_in_zsh(text):
    found = {}
    for path, block in re.findall(r"^\t\('( [^']*)'\)\n(.*?) ;;$", text, re.M | re.S):
        found[path.strip()] = set(re.findall(r"^\t\t\t'\*?--?([A-Za-z][a-z-]*)\[", block, re.M))
    return found


def options_in_fish(text):
    found = {}
    for path, rest in re.findall(r"^complete -c bulla -n '__bulla_at \"([^\"]*)\"'(.*)$", text, re.M):
        names = re.findall(r" -(?:l|s) ([A-Za-z-]+)", rest.split(" -d ")[0])
        found.setdefault(path.strip(), set()).update(names)
    return found


@pytest.mark.parametrize("shell, read", [("bash", options_in_bash), ("zsh", options_in_zsh), ("fish", options_in_fish)])
def test_completions_have_these_options_and_no_others(here, shell, read):
    found = read(here.bulla("completion", shell).out)
    found.pop("", None)
    wanted = {" ".join(path): both(options(here, path)) for path in commands(here)}
    assert found == wanted


BASH = r"""
source "$1"
complete -p bulla
complete_line()
{
	COMP_LINE=$1
	COMP_POINT=${#COMP_LINE}
	read -ra COMP_WORDS <<<"$1"
	[[ $1 != *' ' ]] || COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_bulla bulla "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2>/dev/null
	printf '%s\n' "${COMPREPLY[*]}"
}
shift
for line; do complete_line "$line"; done
"""


def test_bash_completes_commands_kinds_and_options(here, tables):
    needs("bash")
    kinds = {k["name"] for k in tables["kinds"]}
    cases = {
        "bulla ": {path[0] for path in commands(here)},
        "bulla seal ": kinds,
        "bulla seal g": {k for k in kinds if k.startswith("g")},
        "bulla seal registry x -": None,
        "bulla set x.yaml --": {f"--{name}" for _, name in options(here, ("set",))},
        "bulla seal tls x --ca": {"--ca", "--ca-file"},
        "bulla open x -o ": {"yaml", "dotenv", "tfvars"},
        "bulla help ": {path[0] for path in commands(here)},
        "bulla recipients ": {"list", "add", "remove"},
    }
    cases["bulla seal registry x -"] = {("-" if len(o) == 1 else "--") + o
                                        for o in both(options(here, ("seal", "registry")))}
    out = here.tool("bash", "-c", BASH, "bash", str(completion(here, "bash")), *cases)
    first, *answers = out.splitlines()
    assert first == "complete -o default -F _bulla bulla"
    for (line, wanted), answer in zip(cases.items(), answers, strict=True):
        assert set(answer.split()) == wanted, line


# --- tables -------------------------------------------------------------------------------------------

def test_exit_statuses(pages, tables):
    rows = []
    for line in pages["bulla.1"].sections["EXIT STATUS"]:
        if line.macro == "It":
            status, name, meaning = " ".join(line.words[1:]).split(" Ta ")
            rows.append({"status": int(status), "name": name, "meaning": meaning})
    assert rows == tables["statuses"]


@pytest.mark.parametrize("name", [n for n in PAGES if n not in ("bulla.1", "bulla-format.5", "bulla-guard.5")])
def test_statuses_that_pages_mention_exist(pages, tables, name):
    known = {s["status"] for s in tables["statuses"]}
    text = prose(pages[name].sections["EXIT STATUS"])
    assert "bulla 1" in text
    assert {int(n) for n in re.findall(r"(?<!\w)(\d+)(?=,| after| when)", text)} <= known


def test_kinds(pages, tables):
    for kind in tables["kinds"]:
        text = prose(pages["bulla-seal.1"].subsections["KINDS", kind["name"]])
        assert re.search(r"^" + re.escape(kind["summary"][0].upper() + kind["summary"][1:]), text), kind["summary"]
        told = re.search(r"type (.+?)(?:\. It has|, data keys? )", text).group(1)
        assert re.split(r" or ", told) == kind["types"]
        for key in kind["keys"]:
            assert re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.]*\w)", text), (kind["name"], key)
        facts = re.search(r"Facts: ([a-z, -]+)(?:\.| \()", text.replace(" the id of the key", " (the id"))
        told = set(facts.group(1).split(", ")) if facts else set()
        # tls: the common fact not-after comes from the certificate
        assert told - {"not-after"} == set(kind["facts"]), kind["name"]
        assert facts or "It has no facts" in text
    text = prose(pages["bulla-seal.1"].sections["OPTIONS"])
    retained = re.search(r"The default of (.*?) is Retain", text).group(1)
    assert re.split(r", | and ", retained) == [k["name"] for k in tables["kinds"] if k["retain"]]


def test_facts(pages, tables):
    common = source_table("kinds/facts.c", r"^\t\{ \.name = \"([a-z-]+)\", \.check") + \
        source_table("kinds/facts.c", r"^\t\{ \.name = \"([a-z-]+)\",\n\t  \.check")
    assert len(common) == 5
    wanted = {f for k in tables["kinds"] for f in k["facts"]} | set(common)
    assert list(items(pages["bulla-format.5"].subsections["DESCRIPTION", "Facts"])) == sorted(wanted)


def test_rules_of_check(pages):
    wanted = source_table("sealer/findings.c", r"^\t\[RULE_[A-Z]+\] = \{ \"([a-z]+)\"")
    found = items(pages["bulla-check.1"].sections["RULES"])
    assert list(found) == wanted
    assert all(found.values())
    assert len(wanted) == len(source_table("sealer/findings.h", r"^\tRULE_(?!COUNT)[A-Z]+,"))


def test_reasons_of_the_agent(pages, tables):
    number = {"ERR_" + {"no-key": "NOKEY"}.get(s["name"], s["name"]).upper(): s["status"] for s in tables["statuses"]}
    number["ERR_NONE"] = 0
    rows = source_table("agent/status.c", r"\[REASON_[A-Z_]+\] = \{ \"(\w+)\", \w+, \w+, (ERR_\w+), LOG_\w+,\s+"
                                          r"((?:\"[^\"]*\"\s*)+)\}")
    wanted = {name: f"{number[status]}. " + "".join(re.findall(r'"([^"]*)"', text)) for name, status, text in rows}
    assert len(rows) == len(source_table("agent/status.h", r"^\tREASON_(?!COUNT)\w+,"))
    assert items(pages["bulla-agent.8"].sections["LOG"]) == wanted


def test_metrics_of_the_agent(pages):
    """Those of a directory and those of a cluster."""
    wanted = {name for file in ("metrics", "metrics_kube")
              for name in source_table(f"agent/{file}.c", r"\"((?:bulla|process|controller_runtime|rest_client|leader_election)_[a-z_]+)\"")}
    told = items(pages["bulla-agent.8"].sections["METRICS"])
    assert len(wanted) > 25 and set(told) == wanted


def test_configuration_words(pages):
    """The words of .bulla/config and of a document stand in bulla-format(5) as FORMAT.md has them."""
    page = pages["bulla-format.5"]
    examples = [block for block in literals(page) if block.startswith(("recipients:", "apiVersion:"))]
    assert len(examples) == 2
    text = (TOP / "docs/FORMAT.md").read_text()
    [document, config] = [yaml.safe_load(e) for e in sorted(examples)]
    assert yaml.safe_load(re.search(r"```yaml\n(recipients:.*?)```", text, re.S).group(1)) == config
    assert set(document) == {"apiVersion", "kind", "metadata", "spec"}
    for field in ("spec.kind", "spec.deletionPolicy", "spec.secret", "spec.parts", "spec.signatures"):
        assert field in items(page.subsections["DESCRIPTION", "The sealed document"])


# --- examples -------------------------------------------------------------------------------------------

def literals(page):
    found, block = [], None
    for line in page.lines:
        if line.macro == "Bd":
            block = []
        elif line.macro == "Ed":
            found.append(unescaped("\n".join(block)))
            block = None
        elif block is not None:
            block.append(line.text)
    return found


def examples(page):
    """(command, expected output) in order."""
    found = []
    for block in literals(page):
        if not block.startswith("$ "):
            continue
        for line in block.split("\n"):
            if line.startswith("$ "):
                found.append([line[2:], []])
            elif not found[-1][1] and (found[-1][0].endswith(("\\", "|")) or line.startswith("    |")):
                found[-1][0] += "\n" + line
            else:
                found[-1][1].append(line)
    return found


KUBECTL = """#!/usr/bin/python3
import sys, yaml
if sys.argv[1] == "get":
    print("apiVersion: v1\\nkind: Secret\\nmetadata:\\n  name: old\\n  namespace: web\\n  uid: a-b\\n"
          "type: Opaque\\ndata:\\n  PIN: MTIzNA==")
else:
    assert sys.argv[-2:] == ["-f", "-"] and (sys.argv[1], "--server-side" in sys.argv) in (("create", False), ("apply", True))
    secret = yaml.safe_load(sys.stdin)
    assert secret["kind"] == "Secret" and secret["data"]
"""
TERRAFORM = """#!/usr/bin/python3
import sys
[text] = [open(a.split("=", 1)[1]).read() for a in sys.argv if a.startswith("-var-file=")]
assert 'PASSWORD = "s3cret"' in text
"""


class Desk:
    """What the reader of a page has: a repository with four documents, and material beside it."""

    def __init__(self, path, page):
        self.path = path
        self.programs = path / "programs"
        self.programs.mkdir()
        for name, text in (("kubectl", KUBECTL), ("terraform", TERRAFORM)):
            (self.programs / name).write_text(text)
            (self.programs / name).chmod(0o755)
        self.repo = Checkout(path, repo="infra")
        self.repo.env["BULLA_EDITOR"] = "true"  # a person who changes nothing
        if page in ("bulla.1", "bulla-init.1"):
            (path / "empty").mkdir()
            self.start = path / "empty" if page == "bulla.1" else self.repo.top
            return
        self.start = self.repo.top
        self.material()
        (self.repo.top / "clusters/eu-west9").mkdir(parents=True)
        self.repo.tool("age-keygen", "-o", str(path / "recovery.txt"))
        self.repo.bulla("init", "-r", "eu-west9", "-r", "us-east1", "--recovery", path / "recovery.txt")
        if page != "bulla-seal.1":
            self.documents()
        self.repo.bulla("keys", "install", "eu-west9", "-i", path / "recovery.txt", "--to", path / "keys/eu-west9")
        self.repo.commit()

    def material(self):
        tool, path = self.repo.tool, self.path
        token = tool(str(TOP / "scripts/test-token")).strip()
        tool("openssl", "genrsa", "-out", str(path / "app.pem"), "2048")
        tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
             "-keyout", str(path / "key.pem"), "-out", str(path / "cert.pem"), "-subj", "/CN=api",
             "-addext", "subjectAltName=DNS:api.example.org")
        tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path / "host"))
        tool("age-keygen", "-o", str(path / "sops.txt"))
        public = " ".join((path / "host.pub").read_text().split()[:2])
        google = {"type": "service_account", "project_id": "foobar-1234", "private_key_id": "0123456789abcdef",
                  "private_key": (path / "app.pem").read_text(), "client_email": "dns@foobar-1234.iam.gserviceaccount.com"}
        login = {"username": "bot", "password": token}
        for name, text in (("token", token), ("known_hosts", f"git.example.org {public}\n"), ("google.json", json.dumps(google)),
                           ("env", "USER=foobar\nPASSWORD=s3cret\n"),
                           ("user", "foobar"), ("pw", "n3w"), ("new.env", "DB_PW=n3w\n"), ("config.json", json.dumps({"auths": {"ghcr.io": login}}))):
            (path / name).write_text(text)

    def documents(self):
        seal, path = self.repo.bulla, self.path
        seal("seal", "opaque", "db", "-n", "web", "-w", "apps/", "--from-env-file", path / "env")
        seal("seal", "registry", "ghcr", "-n", "web", "-w", "apps/", "--server", "ghcr.io", "--username", "bot",
             "--token-file", path / "token")
        seal("seal", "tls", "web", "-n", "web", "-w", "apps/", "--cert", path / "cert.pem", "--private-key", path / "key.pem")
        seal("seal", "deploy-key", "flux-ssh", "-n", "flux-system", "-w", "clusters/eu-west9/",
             "--url", "ssh://git@github.com/barolab/foobar-infra")

    def run(self, lines):
        """Each command's status and output, in one shell."""
        end = "-- end of output --"
        script = "".join(f"{{ {line}\n}} </dev/null 2>&1; echo '{end}' $?\n" for line in lines)
        env = {**self.repo.env, "PATH": f"{self.programs}:{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(["bash", "--norc", "-o", "pipefail"], cwd=self.start, env=env, input=script, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, start_new_session=True)
        outputs = re.findall(rf"(.*?)^{end} (\d+)\n", done.stdout, re.M | re.S)
        assert len(outputs) == len(lines), done.stdout
        return [(int(status), text.splitlines()) for text, status in outputs]


@pytest.mark.parametrize("name", PAGES)
def test_examples_are_run(pages, tmp_path, name):
    told = examples(pages[name])
    assert told or name in ("bulla.1", "bulla-bootstrap.1", "bulla-deploy-key.1", "bulla-known-hosts.1", "bulla-status.1")  # want clusters, GitHub
    if name == "bulla-agent.8" and sys.platform != "linux":
        pytest.skip("the agent is for Linux")
    for program in ("age", "jq", "yq", "zsh"):
        if any(program in command for command, _ in told):
            needs(program)
    for (command, expected), (status, got) in zip(told, Desk(tmp_path, name).run([c for c, _ in told]), strict=True):
        said = "\n".join(got)
        assert status == 0, f"$ {command}\n{said}"
        assert not expected or [l.rstrip() for l in got] == expected, f"$ {command}\n{said}"


@pytest.mark.parametrize("name", PAGES)
def test_commands_in_text_exist(here, pages, name):
    """What stands in quotes, "bulla keys install", is a command."""
    text = unescaped(pages[name].text)
    for quoted in re.findall(r"^\.Ql (bulla [a-z-]+(?: [a-z-]+)?)", text, re.M):
        if not quoted.startswith(("bulla keys", "bulla recipients", "bulla seal")):
            quoted = " ".join(quoted.split()[:2])
        here.bulla("help", *quoted.split()[1:])


def test_file_of_environment_variables(pages, tmp_path):
    """The example of what may stand in one is taken, and means what the page says."""
    [text] = [block for block in literals(pages["bulla-seal.1"]) if block.startswith("# a comment")]
    repo = Checkout(tmp_path)
    repo.init("-r", "eu-west9")
    repo.bulla("seal", "opaque", "env", "-n", "web", "-w", "env.yaml", "--from-env-file", "-", input=text + "\n")
    secret = yaml.safe_load(repo.bulla("open", "env.yaml", "-i", repo.recovery).out)
    values = {k: base64.b64decode(v).decode() for k, v in secret["data"].items()}
    assert values == {"NAME": "value", "OTHER": "anything, over several lines, but the quote",
                      "THIRD": 'the same, with \\, ", $; \n, \r, \t as compose has them'}


def test_everything_is_installed(pages, tmp_path):
    """Programs, every page, the documentation and the completions; none of it only for who installed it."""
    needs("make")
    subprocess.run(["make", "install", f"BUILD={BIN}", f"DESTDIR={tmp_path}", "PREFIX=/usr"], cwd=TOP, check=True,
                   capture_output=True, umask=0o077)
    usr = tmp_path / "usr"
    wanted = {"bin/bulla", "bin/kubectl-bulla", "sbin/bulla-agent", "share/bash-completion/completions/bulla",
              "share/zsh/site-functions/_bulla", "share/fish/vendor_completions.d/bulla.fish"}
    wanted |= {f"share/man/man{name[-1]}/{name}" for name in PAGES}
    wanted |= {f"share/doc/bulla/{name}" for name in ("README.md", "SECURITY.md", "CHANGELOG.md", "LICENSE")}
    wanted |= {f"share/doc/bulla/{p.relative_to(TOP)}" for p in (TOP / "docs").rglob("*") if p.is_file()}
    assert {str(p.relative_to(usr)) for p in usr.rglob("*") if not p.is_dir()} == wanted
    for path in usr.rglob("*"):
        assert path.stat().st_mode & 0o444 == 0o444, path
        assert not path.is_dir() or path.stat().st_mode & 0o111 == 0o111, path
    version = subprocess.run([usr / "bin/kubectl-bulla", "--version"], check=True, capture_output=True).stdout
    assert version == subprocess.run([BIN / "bulla", "--version"], check=True, capture_output=True).stdout


def test_unit_of_systemd(pages, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the unit in bulla-agent(8) is not checked")
    [unit] = [block for block in literals(pages["bulla-agent.8"]) if block.startswith("[Unit]")]
    path = tmp_path / "bulla-agent.service"
    path.write_text(unit.replace("/usr/local/sbin/bulla-agent", str(BIN / "bulla-agent")).replace("User=bulla", "User=root")
                    .replace("Group=web", "Group=root"))
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True)
    said = [l for l in (done.stdout + done.stderr).splitlines() if "bulla-agent.service" in l]
    assert said == [], done.stderr

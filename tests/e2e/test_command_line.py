# SPDX-License-Identifier: Apache-2.0
"""Commands, options, help and completions say the same thing, because they come from one table."""
import os
import re
import shutil
import subprocess

import pytest

from checkout import BULLA, USAGE, Checkout


@pytest.fixture
def here(tmp_path):
    return Checkout(tmp_path)


def needs(program):
    if shutil.which(program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is missing")
        pytest.skip(f"{program} is missing")


def commands(here):
    """Every command's path, from help alone."""
    def listed(text):
        block = text.split("\nCommands:\n")
        if len(block) == 1:
            return []
        return re.findall(r"^  ([a-z-]+)\s", block[1].split("\n\n")[0], re.M)

    found = []
    for name in listed(here.bulla("help").out):
        found.append((name,))
        found += [(name, sub) for sub in listed(here.bulla("help", name).out)]
    return found


def options(here, path):
    text = here.bulla("help", *path).out
    return re.findall(r"^  (?:-([a-zA-Z]), |    )--([a-z-]+)", text.split("\nOptions:\n")[1], re.M)


def test_help_in_every_way(here):
    paths = commands(here)
    assert ("seal", "opaque") in paths and ("keys", "install") in paths and len(paths) > 15
    for path in paths:
        text = here.bulla("help", *path).out
        assert text == here.bulla(*path, "--help").out == here.bulla(*path, "-h").out
        assert text.startswith(f"usage: bulla {' '.join(path)}")
        assert max(map(len, text.splitlines()[1:])) <= 80
        letters = [l for l, _ in options(here, path) if l]
        names = [n for _, n in options(here, path)]
        assert len(set(letters)) == len(letters) and len(set(names)) == len(names)
        assert {"help", "quiet", "verbose"} <= set(names)
    assert here.bulla("--help").out == here.bulla("help").out == here.bulla("-h").out
    assert re.fullmatch(r"bulla \d+\.\d+\.\d+\n", here.bulla("--version").out)


@pytest.mark.parametrize("args, text", [
    ([], "usage: bulla COMMAND"),
    (["nope"], "there is no such command; 'bulla help' lists them"),
    (["--nope"], "there is no such command"),
    (["--version", "x"], "there is no such command"),
    (["help", "nope"], "there is no such command"),
    (["help", "seal", "nope"], "there is no such command"),
    (["show", "--frobnicate"], "there is no option --frobnicate"),
    (["show", "-Z"], "there is no option -Z"),
    (["completion"], "bash|zsh|fish is missing"),
    (["completion", "csh"], "it must be one of bash|zsh|fish"),
    (["keys"], "say which: generate, install, backup, verify, retire, exposure, list, id"),
    (["keys", "-q"], "say which: "),
])
def test_wrong_lines(here, args, text):
    done = here.bulla(*args, status=USAGE)
    assert text in done.err and done.out == ""


def test_standard_output_is_checked(here):
    for args in (["help"], ["completion", "bash"], ["--version"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BULLA, *args], stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 7 and b"could not be written" in done.stderr


def test_no_core_and_no_debugger(here):
    """A process that holds secrets leaves no core and cannot be traced by its own user."""
    needs("strace")
    if "BULLA_SANITIZED" in os.environ:
        pytest.skip("ptrace and LeakSanitizer exclude each other")
    done = subprocess.run(["strace", "-e", "trace=prctl,prlimit64,setrlimit", BULLA, "--version"],
                          capture_output=True, text=True, check=True)
    assert re.search(r"RLIMIT_CORE, \{rlim_cur=0, rlim_max=0\}", done.stderr)
    assert re.search(r"prctl\(PR_SET_DUMPABLE, (SUID_DUMP_DISABLE|0)\) += 0", done.stderr)


# --- completions ----------------------------------------------------------------------------------

def completion(here, shell):
    path = here.path / f"completion.{shell}"
    path.write_text(here.bulla("completion", shell).out)
    return path


def complete_bash(here, path, line):
    words = line.split(" ")
    script = (f'source {path}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bulla 2>/dev/null; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    out = here.tool("bash", "-c", script, "bash", *words)
    return sorted(w for w in out.split("\n") if w)


def complete_fish(here, path, line):
    out = here.tool("fish", "--no-config", "-c", f"source {path}; complete -C '{line}'")
    # fish 4 also offers what only contains the letters typed
    typed = "" if line.endswith(" ") else line.split()[-1]
    return sorted(name for name in (l.split("\t")[0] for l in out.splitlines()) if name.startswith(typed))


ZSH = r"""
zmodload zsh/zpty
zpty -b z zsh -f -i
say() { zpty -w z "$1" }
say "PS1=; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -d $2/zcompdump; source $1"
say "zstyle ':completion:*' list-grouped false; zstyle ':completion:*' insert-tab false"
say "LISTMAX=1000; setopt no_list_ambiguous; bindkey '^X' list-choices; COLUMNS=80 LINES=500; echo REA''DY"
zpty -r z text '*READY*'
zpty -n -w z "$3"$'\x18'
sleep 2
zpty -r -t z text
print -r -- "$text"
while zpty -r -t z text; do print -r -- "$text"; done
zpty -d z
"""


def complete_zsh(here, path, line):
    """What an interactive zsh lists; words of the list are found again in it."""
    return here.tool("zsh", "-f", "-c", ZSH, "zsh", str(path), str(here.path), line)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_parse_and_name_everything(here, shell):
    needs(shell)
    path = completion(here, shell)
    here.tool(shell, "-n", str(path))
    text = path.read_text()
    for command in commands(here):
        assert f" {' '.join(command)}" in text
        for letter, name in options(here, command):
            assert re.search(rf"(--|-l ){name}\b", text)


CASES = [
    ("bulla se", {"seal", "set"}),
    ("bulla keys ", {"generate", "install", "backup", "verify", "retire", "exposure", "list", "id"}),
    ("bulla seal opaque x --pi", {"--pick"}),
    ("bulla seal opaque x --deletion-policy ", {"Delete", "Retain"}),
    ("bulla completion ", {"bash", "zsh", "fish"}),
    ("bulla help recip", {"recipients"}),
    ("bulla recipients list -o ", {"table", "json"}),
]


@pytest.mark.parametrize("line, want", CASES)
def test_bash_completes(here, line, want):
    needs("bash")
    assert set(complete_bash(here, completion(here, "bash"), line)) == want


@pytest.mark.parametrize("line, want", CASES)
def test_fish_completes(here, line, want):
    needs("fish")
    assert set(complete_fish(here, completion(here, "fish"), line)) == want


def test_fish_completes_files_where_files_go(here):
    needs("fish")
    here.write("file.yaml", "")
    path = completion(here, "fish")
    assert "file.yaml" in complete_fish(here, path, "bulla seal opaque x -w fi")
    assert "file.yaml" not in complete_fish(here, path, "bulla seal opaque x -n fi")


@pytest.mark.parametrize("line, want", CASES[:5])
def test_zsh_completes(here, line, want):
    needs("zsh")
    text = complete_zsh(here, completion(here, "zsh"), line)
    for word in want:
        assert word in text, text

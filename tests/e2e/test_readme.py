# SPDX-License-Identifier: Apache-2.0
"""The tour of README.md is run, command by command, and must say what the page says.

In the page "…" stands for anything within a line.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
BIN = Path(os.environ.get("BULLA_BIN_DIR", TOP / "build")).resolve()
END = "-- end of output --"


def blocks(page):
    return re.findall(r"^```console\n(.*?)^```$", page.read_text(), re.M | re.S)


def commands(page):
    """(command, expected lines) in order."""
    found = []
    for block in blocks(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def matches(expected, got):
    """Columns of a table move with what stands for "…", so runs of spaces count as one."""
    pattern = ".*".join(re.escape(re.sub(" +", " ", part)) for part in expected.split("…"))
    return re.fullmatch(pattern, re.sub(" +", " ", got).rstrip()) is not None


class Shell:
    def __init__(self, path):
        home = path / "home"
        home.mkdir()
        env = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"),
               "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1", "BULLA": str(TOP)}
        (home / ".gitconfig").write_text("[user]\n\tname = Reader\n\temail = reader@example.org\n")
        self.process = subprocess.Popen(["bash", "--norc"], cwd=path, env=env, stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, command):
        self.process.stdin.write(f"{{ {command}\n}} </dev/null\necho '{END}'\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == END:
                break
            lines.append(line)
        return lines

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the agent is for Linux")
def test_the_tour_says_what_happens(tmp_path):
    tour = commands(TOP / "README.md")
    assert len(tour) > 20
    token = subprocess.run([str(TOP / "scripts" / "test-token")], capture_output=True, text=True, check=True).stdout
    (tmp_path / "token").write_text(token)
    shell = Shell(tmp_path)
    try:
        for command, expected in tour:
            got = shell.run(command)
            wanted = sorted(expected) if "bulla seal" in command or "bulla init" in command else expected
            lines = sorted(got) if wanted is not expected else got
            assert len(lines) == len(wanted) and all(map(matches, wanted, lines)), \
                f"$ {command}\nexpected:\n" + "\n".join(expected) + "\ngot:\n" + "\n".join(got)
    finally:
        shell.close()


def test_links_lead_somewhere():
    for page in [TOP / "README.md", TOP / "CONTRIBUTING.md", TOP / "SECURITY.md", *sorted((TOP / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"

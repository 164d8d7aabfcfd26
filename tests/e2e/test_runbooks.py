# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/runbooks that need no cluster, typed as they stand; tests/cluster/test_runbooks.py types the others."""
import re

import pytest

import runbooks
from test_command_line import needs

HERE = ["leaving-member.md", "new-team-member.md", "stolen-laptop.md"]


def bert(world):
    """Somebody whose own key opens what is for all."""
    repo, key = world.repo, world.path / "bert.key"
    repo.tool("age-keygen", "-o", str(key))
    repo.bulla("recipients", "add", "bert", repo.tool("age-keygen", "-y", str(key)).strip())
    config = repo.top / ".bulla/config"
    before, last = config.read_text().split('path: "**"')
    config.write_text(f'{before}path: "**"{last.replace("to: [", "to: [bert, ")}')
    repo.bulla("reseal", "--add", "bert", "-i", world.recovery)
    repo.commit("Let Bert read what is for all")
    repo.git("push", "-q")


@pytest.fixture
def world(tmp_path):
    for program in ("age-keygen", "git", "jq", "openssl"):
        needs(program)
    return runbooks.World(tmp_path)


@pytest.mark.parametrize("page", HERE)
def test_page(world, page):
    if page != "new-team-member.md":
        bert(world)
    runbooks.run(page, world.repo.top, world.env())


def test_each_page_is_typed_somewhere():
    there = (runbooks.TOP / "tests/cluster/test_runbooks.py").read_text()
    typed = re.findall(r'typed\.type\("([a-z-]+\.md)"', there)
    pages = sorted(p.name for p in runbooks.PAGES.glob("*.md"))
    assert sorted([*typed, *HERE, "README.md"]) == pages
    for page in HERE:
        assert "kubectl" not in (runbooks.PAGES / page).read_text()
        assert not any("--context" in command for command, _ in runbooks.commands(runbooks.PAGES / page))


def test_every_page_is_found_from_the_first():
    """README.md lists them, and links lead somewhere."""
    linked = re.findall(r"\]\(([a-z-]+\.md)\)", (runbooks.PAGES / "README.md").read_text())
    assert sorted([*linked, "README.md"]) == sorted(p.name for p in runbooks.PAGES.glob("*.md"))
    for page in runbooks.PAGES.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (runbooks.PAGES / target).exists(), (page.name, target)


def test_what_counts_as_the_same():
    says = runbooks.says
    assert says(["a …", "…", "z"], ["a b", "c", "d", "z"]) and says(["…"], []) and says([], [])
    assert says(["b", "a"], ["a", "b"])  # two streams
    assert not says(["a"], ["a", "b"]) and not says(["a", "…"], ["b"]) and not says([], ["a"])
    assert not says(["a", "a"], ["a", "b"]) and not says(["a", "b", "…"], ["a"])


def test_a_page_that_says_something_else_fails(world, tmp_path, monkeypatch):
    page = tmp_path / "wrong.md"
    page.write_text("```console\n$ echo a\na\n$ bulla recipients list -q\nnothing\n$ echo b\nb\n```\n")
    monkeypatch.setattr(runbooks, "PAGES", tmp_path)
    with pytest.raises(AssertionError, match=r"wrong.md\n\$ bulla recipients list"):
        runbooks.run("wrong.md", world.repo.top, world.env())

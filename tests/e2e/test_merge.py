# SPDX-License-Identifier: Apache-2.0
"""`git merge` with the merge driver that `bulla init` sets up."""
import os
import subprocess
from pathlib import Path

import pytest

BIN = Path(os.environ.get("BULLA_BIN_DIR", Path(__file__).parents[2] / "build")).resolve()


class Repo:
    def __init__(self, path):
        self.path = path / "repo"
        home = path / "home"
        home.mkdir()
        self.path.mkdir()
        self.env = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), "LC_ALL": "C",
                    "XDG_CONFIG_HOME": str(home / ".config"), "GIT_CONFIG_NOSYSTEM": "1"}
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")
        self.key = home / "key.txt"
        self.run("age-keygen", "-o", str(self.key))
        self.me = self.run("age-keygen", "-y", str(self.key)).stdout.strip()
        self.run("bulla", "init", "-r", f"me={self.me}", "-r", "us-east1", "--recovery", self.me_too(home))
        self.seal("app", "A=1\nB=2\nC=3\n")
        self.commit("base")

    def me_too(self, home):
        self.run("age-keygen", "-o", str(home / "recovery.txt"))
        return self.run("age-keygen", "-y", str(home / "recovery.txt")).stdout.strip()

    def run(self, *command, input=None, check=True):
        done = subprocess.run(command, cwd=self.path, env=self.env, input=input, text=True, timeout=60,
                              capture_output=True)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def git(self, *args, check=True):
        return self.run("git", *args, check=check)

    def commit(self, text):
        self.git("add", "-A")
        self.git("commit", "-qm", text)

    def seal(self, name, env):
        self.run("bulla", "seal", "opaque", name, "-n", "web", "--from-env-file", "-", "-w", "app.yaml", input=env)

    def set(self, key, value, *more):
        self.run("bulla", "set", "app.yaml", key, "--from-file", "-", *more, input=value)

    def branches(self, ours, theirs):
        """Two branches, changed by these functions; then theirs is merged into ours."""
        self.git("checkout", "-q", "-b", "theirs")
        theirs()
        self.commit("theirs")
        self.git("checkout", "-q", "main")
        ours()
        self.commit("ours")
        return self.git("merge", "--no-edit", "theirs", check=False)

    def values(self, document="web/app"):
        text = self.run("bulla", "open", "app.yaml", "--document", document, "-i", str(self.key), "-o", "dotenv").stdout
        return dict(line.split("=", 1) for line in text.splitlines())

    def text(self):
        return (self.path / "app.yaml").read_text()


@pytest.fixture
def repo(tmp_path):
    return Repo(tmp_path)


def test_two_values_added_in_one_gap_are_joined(repo):
    done = repo.branches(lambda: repo.set("B1", "ours"), lambda: repo.set("B2", "theirs"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert repo.values() == {"A": "'1'", "B": "'2'", "B1": "'ours'", "B2": "'theirs'", "C": "'3'"}


def test_git_alone_could_not_have_joined_them(repo):
    """The test above would show nothing if lines were enough."""
    repo.git("config", "merge.bulla.driver", "git merge-file -q --marker-size=%L %A %O %B")
    done = repo.branches(lambda: repo.set("B1", "ours"), lambda: repo.set("B2", "theirs"))
    assert done.returncode == 1


def test_changes_of_different_values(repo):
    done = repo.branches(lambda: repo.set("A", "ours"), lambda: repo.set("C", "theirs"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert repo.values() == {"A": "'ours'", "B": "'2'", "C": "'theirs'"}


def test_one_removes_the_other_changes_another(repo):
    done = repo.branches(lambda: repo.run("bulla", "unset", "app.yaml", "A"), lambda: repo.set("C", "theirs"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert repo.values() == {"B": "'2'", "C": "'theirs'"}


def test_the_same_value_changed_on_both_sides_is_left_to_a_person(repo):
    done = repo.branches(lambda: repo.set("B", "ours"), lambda: repo.set("B", "theirs"))
    assert done.returncode == 1
    assert "B" in done.stderr and "CONFLICT" in done.stdout
    assert "<<<<<<<" in repo.text()
    check = repo.run("bulla", "check", "app.yaml", check=False)
    assert check.returncode == 1
    assert "conflict marker" in check.stdout and "[conflict]" in check.stdout
    # and no command goes on as if nothing were
    refused = repo.run("bulla", "set", "app.yaml", "A", "--from-file", "-", input="x", check=False)
    assert refused.returncode == 8
    assert "conflict" in refused.stderr


def test_changed_recipients_are_left_to_a_person(repo):
    """Even where lines alone would merge without a word."""
    def reseal():
        repo.set("C", "3", "-r", "me")

    done = repo.branches(lambda: repo.set("A", "ours"), reseal)
    assert done.returncode == 1
    assert "recipients" in done.stderr
    assert repo.git("status", "--porcelain").stdout.startswith("UU app.yaml")


def test_changed_fan_out_is_left_to_a_person(tmp_path):
    repo = Repo(tmp_path)

    def wider():
        text = repo.text()
        assert 'sealed-at: "' in text
        (repo.path / "app.yaml").write_text(text.replace('        sealed-at: "', '        namespaces: "team-*"\n        sealed-at: "', 1))

    done = repo.branches(lambda: repo.set("C", "ours"), wider)
    assert done.returncode == 1
    assert "namespaces" in done.stderr or "fan-out" in done.stderr


def test_the_second_of_three_documents(tmp_path):
    repo = Repo(tmp_path)
    before = "# ours to keep\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\n---\n"
    after = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: third}\n"
    (repo.path / "app.yaml").write_text(before + repo.text() + after)
    repo.commit("three documents")
    done = repo.branches(lambda: repo.set("B1", "ours"), lambda: repo.set("B2", "theirs"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert repo.text().startswith(before) and repo.text().endswith(after)
    assert set(repo.values()) == {"A", "B", "B1", "B2", "C"}


def test_files_without_sealed_documents_merge_as_ever(repo):
    plain = repo.path / "plain.yaml"
    plain.write_text("".join(f"line{i}: {i}\n" for i in range(20)))
    repo.commit("plain")

    def change(line, text):
        return lambda: plain.write_text(plain.read_text().replace(f"line{line}: {line}\n", text))

    done = repo.branches(change(1, "line1: ours\n"), change(18, "line18: theirs\n"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "line1: ours" in plain.read_text() and "line18: theirs" in plain.read_text()
    repo.git("branch", "-D", "theirs")
    done = repo.branches(change(5, "line5: ours\n"), change(5, "line5: theirs\n"))
    assert done.returncode == 1
    assert "<<<<<<<" in plain.read_text()


def test_check_reports_a_conflict_of_a_clone_without_the_driver(repo):
    repo.git("config", "--remove-section", "merge.bulla")
    done = repo.branches(lambda: repo.set("B1", "ours"), lambda: repo.set("B2", "theirs"))
    assert done.returncode == 1
    check = repo.run("bulla", "check", check=False)
    assert check.returncode == 1 and "app.yaml:" in check.stdout

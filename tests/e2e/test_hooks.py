# SPDX-License-Identifier: Apache-2.0
"""`bulla hooks`: real commits and pushes through the hooks, beside other hooks, and the files for CI."""
import gzip
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

import neighbours
from checkout import BULLA, CONFLICT, FINDINGS, IO, OK, USAGE, Checkout

TOP = Path(__file__).parents[2]
EXAMPLES = TOP / "docs" / "examples"
TRACE = '#!/bin/sh\necho "%s" "$@" >>"%s"\n'


def token():
    return subprocess.run([TOP / "scripts" / "test-token"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.git("commit", "-q", "--allow-empty", "-m", "start")
    repo.hooks = repo.top / ".git" / "hooks"
    return repo


def commit(repo, *args, cwd=None, env=None):
    done = subprocess.run(["git", "commit", "-q", "-m", "x", *args], cwd=cwd or repo.top, env=env or repo.env,
                          capture_output=True, text=True)
    return done.returncode, done.stderr


def push(repo, *args):
    """What the hook prints goes to git's own standard output here."""
    done = subprocess.run(["git", "push", "-q", *args], cwd=repo.top, env=repo.env, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def remote(repo):
    repo.git("init", "-q", "--bare", "-b", "main", "../server.git")
    repo.git("remote", "add", "origin", "../server.git")


def test_a_commit_with_a_token_is_refused(repo):
    done = repo.bulla("hooks", "install")
    assert done.err.count("installed") == 2
    secret = token()
    repo.write("a.txt", secret)
    repo.git("add", "a.txt")
    status, said = commit(repo)
    assert status != 0 and "a.txt:1" in said and "[github-token]" in said and secret not in said
    repo.write("a.txt", "fine\n")
    repo.git("add", "a.txt")
    assert commit(repo)[0] == 0
    # "commit FILE" makes an index of its own, which the hook is given
    repo.write("a.txt", secret)
    assert commit(repo, "a.txt")[0] != 0
    assert commit(repo, "-a")[0] != 0
    repo.write("a.txt", "fine again\n")
    assert commit(repo, "a.txt")[0] == 0


def test_a_push_is_looked_at_as_well(repo):
    remote(repo)
    repo.bulla("hooks", "install", "pre-push")
    assert not (repo.hooks / "pre-commit").exists()
    assert push(repo, "origin", "main")[0] == 0
    repo.write("a.txt", token())
    repo.commit()
    repo.git("rm", "-q", "a.txt")
    repo.commit("gone again")
    for refs in (["main"], ["HEAD:refs/heads/new"], ["--all"]):
        status, said = push(repo, "origin", *refs)
        assert status != 0 and "a.txt:1" in said, refs
    repo.git("reset", "-q", "--hard", "HEAD~2")
    repo.write("b.txt", "fine\n")
    repo.commit()
    repo.git("tag", "-a", "-m", "x", "v1")
    assert push(repo, "origin", "main", "v1")[0] == 0
    assert push(repo, "origin", "main")[0] == 0  # nothing to push: no lines at all
    assert push(repo, "origin", ":refs/tags/v1")[0] == 0


def test_a_push_over_what_was_never_fetched(repo):
    remote(repo)
    repo.git("push", "-q", "origin", "main")
    other = Checkout(repo.path, repo="other")
    other.git("pull", "-q", "../server.git", "main")
    other.git("commit", "-q", "--allow-empty", "-m", "theirs")
    other.git("push", "-q", "../server.git", "HEAD:main")
    repo.bulla("hooks", "install")
    repo.write("b.txt", "fine\n")
    repo.commit()
    assert push(repo, "--force", "origin", "main")[0] == 0


def test_other_hooks_are_kept_run_first_and_put_back(repo, tmp_path):
    trace = tmp_path / "trace"
    theirs = {}
    for name in ("pre-commit", "pre-push"):
        theirs[name] = TRACE % (name, trace) + f'[ "$0" ] && cat >>"{trace}"\n[ ! -e "{tmp_path}/no" ]\n'
        (repo.hooks / name).write_text(theirs[name])
        (repo.hooks / name).chmod(0o755)
    remote(repo)
    done = repo.bulla("hooks", "install")
    assert done.err.count("runs first") == 2
    assert repo.bulla("hooks", "install").err.count("is there already") == 2
    repo.write("a.txt", "fine\n")
    repo.git("add", "a.txt")
    assert commit(repo)[0] == 0
    assert push(repo, "origin", "main")[0] == 0
    said = trace.read_text()
    head = repo.git("rev-parse", "HEAD").strip()
    assert said.startswith("pre-commit\npre-push origin ../server.git\n")
    assert f"refs/heads/main {head} refs/heads/main {'0' * 40}" in said
    (tmp_path / "no").write_text("")
    assert commit(repo, "--allow-empty")[0] != 0
    (tmp_path / "no").unlink()
    repo.write("a.txt", token())
    repo.git("add", "a.txt")
    assert commit(repo)[0] != 0
    done = repo.bulla("hooks", "remove")
    assert done.err.count("from before is back") == 2
    for name, text in theirs.items():
        assert (repo.hooks / name).read_text() == text
    assert sorted(p.name for p in repo.hooks.iterdir() if not p.name.endswith(".sample")) == sorted(theirs)
    assert repo.bulla("hooks", "remove").err.count("not one of bulla's") == 2


def test_a_disabled_hook_stays_disabled(repo, tmp_path):
    (repo.hooks / "pre-commit").write_text(TRACE % ("ran", tmp_path / "trace"))
    (repo.hooks / "pre-commit").chmod(0o644)
    repo.bulla("hooks", "install")
    assert (repo.hooks / "pre-commit").stat().st_mode & 0o111
    assert commit(repo, "--allow-empty")[0] == 0
    assert not (tmp_path / "trace").exists()
    repo.bulla("hooks", "remove")
    assert not (repo.hooks / "pre-commit").stat().st_mode & 0o111


def test_a_hook_that_is_a_link(repo, tmp_path):
    script = repo.write("scripts/check", TRACE % ("ran", tmp_path / "trace"))
    script.chmod(0o755)
    (repo.hooks / "pre-commit").symlink_to("../../scripts/check")
    repo.bulla("hooks", "install")
    assert commit(repo, "--allow-empty")[0] == 0
    assert (tmp_path / "trace").exists() and "ran" in script.read_text()
    repo.bulla("hooks", "remove")
    assert os.readlink(repo.hooks / "pre-commit") == "../../scripts/check"


def test_two_that_cannot_both_be_kept(repo):
    for name in ("pre-commit", "pre-commit.before-bulla"):
        (repo.hooks / name).write_text(f"#!/bin/sh\n# {name}\n")
    done = repo.bulla("hooks", "install", status=CONFLICT)
    assert "join the two" in done.err
    assert "pre-commit\n" in (repo.hooks / "pre-commit").read_text()


def test_without_bulla_nothing_passes(repo, tmp_path):
    copy = tmp_path / "bin with 'quotes'" / "bulla"
    copy.parent.mkdir()
    shutil.copy(BULLA, copy)
    subprocess.run([copy, "hooks", "install"], cwd=repo.top, env=repo.env, check=True)
    assert commit(repo, "--allow-empty")[0] == 0
    copy.unlink()
    status, said = commit(repo, "--allow-empty")
    assert status != 0 and "bulla is not there" in said and "Install bulla" in said and "this commit is refused" in said
    remote(repo)
    status, said = push(repo, "origin", "main")
    assert status != 0 and "this push is refused" in said
    # one that is in PATH does as well
    env = dict(repo.env, PATH=str(Path(BULLA).parent) + ":" + repo.env["PATH"])
    assert commit(repo, "--allow-empty", env=env)[0] == 0


def test_an_error_refuses_too(repo):
    repo.bulla("hooks", "install")
    repo.write(".bulla/config", "nonsense\n")
    repo.git("add", "-A")
    status, said = commit(repo)
    assert status != 0 and ".bulla/config" in said
    (repo.top / ".git" / "index").write_bytes(b"damaged")
    assert commit(repo)[0] != 0


def test_linked_work_trees_share_the_hooks(repo):
    repo.git("worktree", "add", "-q", "../second")
    repo.bulla("hooks", "install", cwd=repo.path / "second")
    assert (repo.hooks / "pre-commit").exists()
    (repo.path / "second" / "a").write_text(token())
    repo.tool("git", "add", "a", cwd=repo.path / "second")
    assert commit(repo, cwd=repo.path / "second")[0] != 0
    assert commit(repo, "--allow-empty")[0] == 0


def test_a_folder_of_hooks_in_the_repository(repo):
    repo.git("config", "core.hooksPath", ".githooks")
    sub = repo.top / "sub"
    sub.mkdir()
    repo.bulla("hooks", "install", cwd=sub)
    assert (repo.top / ".githooks" / "pre-commit").exists() and not (repo.hooks / "pre-commit").exists()
    repo.write("a", token())
    repo.git("add", "a")
    assert commit(repo)[0] != 0


def test_folders_that_are_not_ours_to_write(repo):
    repo.git("config", "core.hooksPath", ".husky/_")
    assert ".husky/pre-commit" in repo.bulla("hooks", "install", status=CONFLICT).err
    repo.git("config", "--unset", "core.hooksPath")
    repo.git("config", "--global", "core.hooksPath", "~/hooks")
    done = repo.bulla("hooks", "install", status=CONFLICT)
    assert "in the global configuration" in done.err and "bulla check --staged" in done.err
    assert not (repo.home / "hooks").exists()


def test_the_environment_of_git_reaches_bulla(repo, tmp_path):
    """bulla is given what git gave to the hook, and gives it on to git."""
    fake = tmp_path / "bulla"
    shutil.copy(BULLA, fake)
    subprocess.run([fake, "hooks", "install", "pre-commit"], cwd=repo.top, env=repo.env, check=True)
    fake.write_text(f'#!/bin/sh\nenv | grep "^GIT_" >"{tmp_path}/env"\necho "$@" >"{tmp_path}/args"\n')
    repo.write("a", "x")
    repo.git("add", "a")
    repo.write("a", "y")
    assert commit(repo, "a")[0] == 0
    assert (tmp_path / "args").read_text() == "check --staged\n"
    assert re.search(r"^GIT_INDEX_FILE=.*next-index", (tmp_path / "env").read_text(), re.M)


def test_bad_usage(repo, tmp_path):
    repo.bulla("hooks", status=USAGE)
    assert "pre-commit and pre-push" in repo.bulla("hooks", "install", "post-commit", status=USAGE).err
    assert not (repo.hooks / "pre-commit").exists()
    for word in ("install", "remove"):
        assert repo.bulla("hooks", word, cwd=tmp_path, status=IO).err == (
            "bulla: this folder is in no Git repository: change into one, or make one with 'git init'\n")
    assert repo.bulla("hooks", "remove").err.count("there is none") == 2


def test_killed_at_any_step(repo):
    """strace ends it at each call that changes a name; the old hook or the new one is there, never none."""
    old = "#!/bin/sh\n# old\n"
    if shutil.which("strace") is None:
        pytest.fail("strace is missing") if os.environ.get("CI") == "true" else pytest.skip("strace is missing")
    for call in ("linkat", "rename", "unlink", "fsync", "fchmod"):
        for path in repo.hooks.glob("pre-*"):
            path.unlink()
        (repo.hooks / "pre-commit").write_text(old)
        (repo.hooks / "pre-commit").chmod(0o755)
        done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}",
                               "-e", f"inject={call}:signal=SIGKILL:when=1", BULLA, "hooks", "install", "pre-commit"],
                              cwd=repo.top, env=repo.env, capture_output=True)
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL, OK), done
        text = (repo.hooks / "pre-commit").read_text()
        assert text == old or "A hook of bulla's" in text
        repo.bulla("hooks", "install", "pre-commit")
        assert "A hook of bulla's" in (repo.hooks / "pre-commit").read_text()
        assert (repo.hooks / "pre-commit.before-bulla").read_text() == old
        names = {p.name for p in repo.hooks.iterdir() if "bulla" in p.name}
        assert names == {"pre-commit.before-bulla"}, call


# --- other programs' files ---------------------------------------------------------------------------

def yaml_of(path):
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(path.read_text())


def test_the_file_for_pre_commit():
    [hook] = yaml_of(TOP / ".pre-commit-hooks.yaml")
    assert hook["id"] == "bulla" and hook["entry"] == "bulla check --staged" and hook["language"] == "system"
    assert hook["pass_filenames"] is False and hook["always_run"] is True


def pre_commit():
    """The real pre-commit, in an environment under build/ that is made once."""
    venv = TOP / "build" / "venv-pre-commit"
    program = venv / "bin" / "pre-commit"
    if not program.exists():
        for command in (["/usr/bin/python3", "-m", "venv", venv],
                        [venv / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check",
                         "pre-commit==4.0.1"]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                why = f"pre-commit cannot be installed: {done.stderr.strip()[-300:]}"
                pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    return str(program)


def test_with_the_real_pre_commit(repo, tmp_path):
    program = pre_commit()
    source = tmp_path / "hooks-repo"
    source.mkdir()
    shutil.copy(TOP / ".pre-commit-hooks.yaml", source)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"], ["tag", "v1"]):
        repo.tool("git", *command, cwd=source)
    repo.write(".pre-commit-config.yaml", f"repos:\n  - repo: {source}\n    rev: v1\n    hooks:\n      - id: bulla\n")
    repo.env["PATH"] = str(Path(BULLA).parent) + ":" + repo.env["PATH"]
    repo.env["PRE_COMMIT_HOME"] = str(tmp_path / "cache")
    repo.git("add", "-A")
    repo.tool(program, "install")
    assert commit(repo)[0] == 0
    repo.write("a", token())
    repo.git("add", "a")
    repo.write("a", "clean in the work tree\n")
    status, said = commit(repo)
    assert status != 0 and "[github-token]" in said
    # bulla's own hook beside pre-commit's
    assert "runs first" in repo.bulla("hooks", "install", "pre-commit").err
    assert commit(repo)[0] != 0
    repo.git("add", "a")
    assert commit(repo)[0] == 0


def test_the_snippet_for_lefthook():
    jobs = yaml_of(EXAMPLES / "lefthook.yml")
    assert jobs["pre-commit"]["commands"]["bulla"]["run"] == "bulla check --staged"
    assert jobs["pre-push"]["commands"]["bulla"]["run"] == "bulla check --pre-push --accept-changes"
    assert jobs["pre-push"]["commands"]["bulla"]["use_stdin"] is True


def test_the_workflow_for_github():
    path = EXAMPLES / "github-workflow.yml"
    flow = yaml_of(path)
    on = flow.get("on", flow.get(True))  # YAML 1.1 reads "on" as true
    assert set(on) == {"pull_request", "push"} and flow["permissions"] == {}
    text = path.read_text()
    assert "pull_request_target" not in text
    [job] = flow["jobs"].values()
    assert job["permissions"] == {"contents": "read", "security-events": "write"}
    [checkout] = [s for s in job["steps"] if "checkout" in s.get("uses", "") and "repository" not in s.get("with", {})]
    assert checkout["with"]["fetch-depth"] == 0 and checkout["with"]["persist-credentials"] is False
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", step["uses"]), "an action is pinned by its commit"
        if "run" in step:
            # what a pull request can write comes by the environment, never as text of the script
            assert "${{" not in step["run"]
            done = subprocess.run(["bash", "-n"], input=step["run"], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


def test_the_workflow_passes_actionlint(tmp_path):
    """With shellcheck on each of its scripts."""
    path = EXAMPLES / "github-workflow.yml"
    shellcheck = shutil.which("shellcheck")
    assert shellcheck, "scripts/deps test installs it"
    lint = lambda file: subprocess.run([neighbours.program("actionlint"), "-no-color", "-shellcheck", shellcheck, "-pyflakes", "",
                                        file], cwd=tmp_path, capture_output=True, text=True)
    done = lint(path)
    assert done.returncode == 0, done.stdout + done.stderr
    # it does look, at the workflow and at the scripts
    for old, new, said in (("runs-on:", "run-on:", "run-on"), ('-- "$BULLA_RELEASE"', "-- $BULLA_RELEASE", "SC2086"),
                           ("vars.BULLA_REF", "inputs.BULLA_REF", "inputs")):
        text = path.read_text()
        assert old in text
        (tmp_path / "broken.yml").write_text(text.replace(old, new))
        done = lint(tmp_path / "broken.yml")
        assert done.returncode == 1 and said in done.stdout, done


def workflow_script(name):
    [job] = yaml_of(EXAMPLES / "github-workflow.yml")["jobs"].values()
    [step] = [s for s in job["steps"] if s.get("id") == name]
    return step["run"]


def run_step(script, cwd, **env):
    """As the runner does where no shell is named, in the environment of the job."""
    return subprocess.run(["bash", "-e", "-c", script], cwd=cwd, capture_output=True, text=True, check=False,
                          env={"PATH": os.environ["PATH"], **dict.fromkeys(SOURCES, ""), **env})


SOURCES = ("BULLA_RELEASE", "BULLA_SHA256", "BULLA_REPOSITORY", "BULLA_REF")


@pytest.mark.parametrize("given, said", [
    ({"BULLA_RELEASE": "https://example.org/bulla-1.tar.gz", "BULLA_SHA256": "0a" * 32}, None),
    ({"BULLA_REPOSITORY": "team/bulla", "BULLA_REF": "0a" * 20}, None),
    ({}, "set BULLA_RELEASE"),
    ({"BULLA_RELEASE": "https://example.org/x", "BULLA_SHA256": "0a" * 32, "BULLA_REPOSITORY": "a/b", "BULLA_REF": "0a" * 20},
     "set BULLA_RELEASE"),
    ({"BULLA_RELEASE": "http://example.org/x", "BULLA_SHA256": "0a" * 32}, "https"),
    ({"BULLA_RELEASE": "https://example.org/x"}, "64 hex"),
    ({"BULLA_RELEASE": "https://example.org/x", "BULLA_SHA256": "0A" * 32}, "64 hex"),
    ({"BULLA_REPOSITORY": "team/bulla"}, "BULLA_REF must be a commit of team/bulla"),
    ({"BULLA_REPOSITORY": "team/bulla", "BULLA_REF": "v0.1.0"}, "BULLA_REF must be a commit"),
])
def test_the_workflow_says_where_bulla_comes_from(tmp_path, given, said):
    done = run_step(workflow_script("source"), tmp_path, **given)
    if said is None:
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    else:
        assert done.returncode == 1 and done.stdout.startswith("::error::") and said in done.stdout


def test_the_workflow_assumes_no_owner():
    flow = yaml_of(EXAMPLES / "github-workflow.yml")
    assert flow["env"] == {name: "${{ vars.%s }}" % name for name in SOURCES}
    [job] = flow["jobs"].values()
    conditions = {s["if"] for s in job["steps"] if "BULLA" in s.get("if", "")}
    assert conditions == {"env.BULLA_RELEASE != ''", "env.BULLA_REPOSITORY != ''"}


def test_the_workflow_takes_a_release(tmp_path):
    """The archive of `make dist`, of the commit at hand: it is unpacked only when its digest is the one that was said."""
    folder, temp, web = tmp_path / "work", tmp_path / "temp", tmp_path / "web"
    for made in (folder, temp, web, tmp_path / "bin"):
        made.mkdir()
    tar = subprocess.run(["git", "-c", f"safe.directory={TOP}", "archive", "--format=tar", "--prefix=bulla-1/", "HEAD"], cwd=TOP,
                         capture_output=True)
    if tar.returncode != 0:
        pytest.skip("not in a repository: " + tar.stderr.decode().strip())
    (web / "x").write_bytes(gzip.compress(tar.stdout))
    digest = hashlib.sha256((web / "x").read_bytes()).hexdigest()
    # in place of a server with a certificate that all trust
    curl = tmp_path / "bin" / "curl"
    curl.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do [ "$1" != -- ] || exit 9; shift; done\n'
                    f'[ "$3" = -- ] && [ "$4" = https://example.org/x ] && cp "{web}/x" "$2"\n')
    curl.chmod(0o755)
    env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "RUNNER_TEMP": str(temp), "BULLA_RELEASE": "https://example.org/x"}
    done = run_step(workflow_script("release"), folder, BULLA_SHA256="0a" * 32, **env)
    assert done.returncode != 0 and not (folder / ".bulla-build").exists(), done
    done = run_step(workflow_script("release"), folder, BULLA_SHA256=digest, **env)
    assert done.returncode == 0, done
    # what the next step runs is in it
    build = folder / ".bulla-build"
    assert os.access(build / "scripts" / "deps", os.X_OK)
    done = subprocess.run(["make", "-n", "build/bulla"], cwd=build, capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"]}, check=False)
    assert done.returncode == 0 and "build/bulla" in done.stdout, done.stderr


def test_what_the_workflow_runs(repo, tmp_path):
    """Its own script, on a pull request and on a new branch."""
    flow = yaml_of(EXAMPLES / "github-workflow.yml")
    [job] = flow["jobs"].values()
    [step] = [s for s in job["steps"] if s.get("id") == "check"]
    base = repo.git("rev-parse", "HEAD").strip()
    repo.write("a", token())
    repo.commit()
    head = repo.git("rev-parse", "HEAD").strip()
    env = dict(repo.env, PATH=str(Path(BULLA).parent) + ":" + repo.env["PATH"], RUNNER_TEMP=str(tmp_path), HEAD=head)
    for begin in (base, "0" * 40):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", step["run"]], cwd=repo.top, capture_output=True,
                              text=True, env=dict(env, BASE=begin))
        assert done.returncode == FINDINGS and "[github-token]" in done.stdout, done
        assert (tmp_path / "bulla.sarif").stat().st_size > 0
    repo.git("reset", "-q", "--hard", base)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", step["run"]], cwd=repo.top, capture_output=True,
                          text=True, env=dict(env, BASE=base, HEAD=base))
    assert done.returncode == OK, done

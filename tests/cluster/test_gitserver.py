# SPDX-License-Identifier: Apache-2.0
"""The Git server of the Flux tests, with the stock git and ssh."""
import subprocess

from gitserver import make_key


def git(tmp_path, git_server, key, *args, cwd=None):
    hosts = tmp_path / "known_hosts"
    hosts.write_text(git_server.known_hosts())
    ssh = f"ssh -F none -i {key} -o IdentitiesOnly=yes -o UserKnownHostsFile={hosts} -o StrictHostKeyChecking=yes " \
          "-o BatchMode=yes -o IdentityAgent=none"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GIT_SSH_COMMAND": ssh, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *map(str, args)], env=env, cwd=cwd, capture_output=True, text=True, timeout=30)


def test_a_deploy_key_fetches_and_cannot_push(git_server, tmp_path):
    repo = git_server.repository("infra")
    head = repo.commit({"a/b.yaml": "x: 1\n", "c": "gone soon"})
    key = tmp_path / "deploy"
    git_server.authorize(make_key(key))
    done = git(tmp_path, git_server, key, "clone", "-q", repo.url, tmp_path / "clone")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clone/a/b.yaml").read_text() == "x: 1\n"
    assert git_server.fetches() == 1
    done = git(tmp_path, git_server, key, "push", "origin", f"{head}:refs/heads/other", cwd=tmp_path / "clone")
    assert done.returncode != 0 and "refused: git-receive-pack" in done.stderr
    new = repo.commit({"c": None})
    done = git(tmp_path, git_server, key, "ls-remote", repo.url, "main")
    assert done.stdout.split()[0] == new


def test_a_key_with_write_pushes(git_server, tmp_path):
    repo = git_server.repository("infra")
    head = repo.commit({"a": "1"})
    key = tmp_path / "writer"
    git_server.authorize(make_key(key, "ecdsa"), write=True)
    assert git(tmp_path, git_server, key, "clone", "-q", repo.url, tmp_path / "clone").returncode == 0
    done = git(tmp_path, git_server, key, "push", "origin", f"{head}:refs/heads/other", cwd=tmp_path / "clone")
    assert done.returncode == 0, done.stderr
    assert repo.git("ls-remote", "origin", "other").split()[0] == head


def test_an_unknown_or_revoked_key_and_other_commands_are_refused(git_server, tmp_path):
    repo = git_server.repository("infra")
    repo.commit({"a": "1"})
    key, stranger = tmp_path / "deploy", tmp_path / "stranger"
    public = make_key(key)
    git_server.authorize(public)
    make_key(stranger)
    assert "Permission denied" in git(tmp_path, git_server, stranger, "ls-remote", repo.url).stderr
    assert git(tmp_path, git_server, key, "ls-remote", repo.url).returncode == 0
    shell = subprocess.run(["ssh", "-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o",
                            f"UserKnownHostsFile={tmp_path}/known_hosts", "-p", str(git_server.port),
                            f"{git_server.user}@127.0.0.1", "id"], capture_output=True, text=True, timeout=20)
    assert shell.returncode == 1 and shell.stdout == "" and "refused: id" in shell.stderr
    git_server.revoke(public)
    assert "Permission denied" in git(tmp_path, git_server, key, "ls-remote", repo.url).stderr


def test_another_host_key_is_noticed(git_server, tmp_path):
    repo = git_server.repository("infra")
    key = tmp_path / "deploy"
    git_server.authorize(make_key(key))
    make_key(tmp_path / "other")
    git_server.known_hosts = lambda: f"[127.0.0.1]:{git_server.port} {(tmp_path / 'other.pub').read_text()}"
    assert "Host key verification failed" in git(tmp_path, git_server, key, "ls-remote", repo.url).stderr

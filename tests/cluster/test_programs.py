# SPDX-License-Identifier: Apache-2.0
"""scripts/control-plane: where programs are taken from, and what is said when they cannot be had."""
import os
import pathlib
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TOP / "scripts/control-plane"
TOOLS = ("sh", "sed", "head", "dirname", "sort", "nice", "cat", "mkdir", "mktemp", "rm", "cp", "mv", "flock", "grep")


class Machine:
    """A PATH of its own with the tools the script needs, and what the test adds."""

    def __init__(self, path):
        self.path, self.bin, self.cache = path, path / "bin", path / "cache"
        self.bin.mkdir()
        self.env = {"HOME": str(path), "PATH": str(self.bin), "BULLA_CACHE": str(self.cache), "TMPDIR": str(path)}
        for tool in TOOLS:
            where = subprocess.run(["sh", "-c", f"command -v {tool}"], capture_output=True, text=True).stdout.strip()
            (self.bin / tool).symlink_to(where)

    def program(self, name, text="", folder=None):
        path = (folder or self.bin) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def run(self, *args, status=0):
        done = subprocess.run([SCRIPT, *args], env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == status, done
        if status:
            assert done.stdout == ""
        return dict(line.split(" ", 1) for line in done.stdout.splitlines()) if not status else done.stderr


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_assets_come_first(machine):
    machine.program("etcd"), machine.program("kube-apiserver")
    assets = machine.path / "assets"
    made = {name: str(machine.program(name, folder=assets)) for name in (
        "etcd", "kube-apiserver", "kube-controller-manager", "kubectl")}
    machine.env["KUBEBUILDER_ASSETS"] = str(assets)
    assert machine.run() == machine.run("latest") == machine.run("--find") == made


def test_path_comes_next_and_kubectl_may_lie_elsewhere(machine):
    made = {name: str(machine.program(name)) for name in ("etcd", "kube-apiserver", "kube-controller-manager")}
    other = machine.path / "other"
    made["kubectl"] = str(machine.program("kubectl", folder=other))
    machine.env["PATH"] += f":{other}"
    assert machine.run() == made


def test_an_etcd_alone_is_not_taken(machine):
    machine.program("etcd")
    assert machine.run(status=1) == "control-plane: etcd is built with Go, which is not here\n"


def test_the_cache_is_used_without_go(machine):
    def cached(folder, *names):
        (machine.cache / folder).mkdir(parents=True)
        return {name: str(machine.program(name, folder=machine.cache / folder)) for name in names}
    servers = ("kube-apiserver", "kube-controller-manager")
    etcd = cached("etcd-v3.6.5", "etcd")
    new = cached("kubernetes-v1.36.2", *servers, "kubectl")
    old = cached("kubernetes-old-v1.30.14", *servers)
    assert machine.run() == {**etcd, **new}
    assert machine.run("older") == {**etcd, **old}


@pytest.mark.parametrize("name", ["sealed-secrets", "flux", "older"])
def test_nothing_is_built_when_only_looked_for(machine, name):
    assert "is not built yet; scripts/control-plane builds it" in machine.run("--find", name, status=1)
    assert not machine.cache.exists()


def test_an_old_go_is_told(machine):
    machine.program("go", 'echo go1.19.8')
    assert machine.run(status=1) == "control-plane: etcd needs Go 1.24 or newer; here is Go 1.19.8\n"


def test_a_module_that_is_not_served_is_told(machine):
    machine.program("go", """[ "$1" = env ] && { echo go1.99; exit; }
echo 'go: downloading example.org/x v1.2.3'
echo 'example.org/x@v1.2.3: reading https://proxy.example.org/x.zip: 404 Not Found'
exit 1""")
    told = machine.run(status=1).splitlines()
    assert told[0].startswith("control-plane: building etcd of etcd v3.6.5")
    assert told[1] == ("control-plane: etcd cannot be built: a module is not served here (GOPROXY): "
                       "example.org/x@v1.2.3: reading https://proxy.example.org/x.zip: 404 Not Found")
    assert not (machine.cache / "etcd-v3.6.5/etcd").exists()


def test_a_build_that_fails_names_its_log(machine):
    machine.program("go", '[ "$1" = env ] && { echo go1.99; exit; }; echo "x.go:1: no"; exit 1')
    told = machine.run(status=1).splitlines()[-1]
    assert told == f"control-plane: etcd cannot be built: x.go:1: no (all of it: {machine.cache}/etcd-v3.6.5/etcd.log)"


def test_what_is_built_is_kept(machine):
    machine.program("go", """[ "$1" = env ] && { echo go1.99; exit; }
while [ "$1" != -o ]; do shift; done
echo built >>"$HOME/log"
echo '#!/bin/sh' >"$2"
while IFS= read -r line; do case $line in require*) echo "# $line" >>"$2" ;; esac; done <go.mod""")
    (machine.bin / "chmod").symlink_to("/bin/chmod")
    go = machine.bin / "go"
    go.write_text(go.read_text() + '\nchmod 755 "$2"\n')
    found = machine.run("older")
    assert pathlib.Path(found["etcd"]).read_text() == "#!/bin/sh\n# require go.etcd.io/etcd/server/v3 v3.6.5\n"
    assert "k8s.io/kubernetes v1.30" in pathlib.Path(found["kube-apiserver"]).read_text()
    assert machine.run("older") == found
    assert (machine.path / "log").read_text() == "built\n" * 3
    assert not list(machine.path.glob("tmp.*"))


def test_an_unknown_set_is_told(machine):
    assert machine.run("newest", status=1) == (
        "control-plane: no set is called 'newest'; there are latest, older, sealed-secrets, flux, helm, readers, terraform and opentofu\n")


@pytest.mark.parametrize("ci", [False, True])
def test_without_go_and_programs_the_tests_are_skipped_and_fail_under_ci(machine, ci):
    if ci:
        machine.env["CI"] = "true"
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                           os.path.join(os.path.dirname(__file__), "test_control_plane.py"), "-k",
                           "watch_ends or version_is"], env=machine.env, capture_output=True, text=True, timeout=60)
    told = "etcd is built with Go, which is not here"
    if ci:
        assert done.returncode == 1 and f"cluster tests must run under CI: control-plane: {told}" in done.stdout
        assert "2 errors" in done.stdout
    else:
        assert done.returncode == 0, done.stdout
        assert done.stdout.count(f"cluster tests skipped: control-plane: {told}") == 1
        assert "2 skipped" in done.stdout


@pytest.mark.parametrize("ci", [False, True])
def test_the_script_that_runs_them_says_it_once(machine, tmp_path, ci):
    (machine.bin / "env").symlink_to("/usr/bin/env")
    if ci:
        machine.env["CI"] = "true"
    done = subprocess.run([TOP / "scripts/cluster-tests", tmp_path], env=machine.env, capture_output=True, text=True,
                          timeout=60)
    assert "control-plane: etcd is built with Go, which is not here" in done.stderr
    assert done.returncode == (1 if ci else 0), done
    assert done.stdout.count("cluster tests skipped") == (0 if ci else 1)


@pytest.mark.parametrize("ci", [False, True])
def test_assets_alone_are_enough_for_most(machine, tmp_path, ci):
    """Without Go, and with a control plane that somebody else has built."""
    (machine.bin / "env").symlink_to("/usr/bin/env")
    for tool in ("getconf", "basename"):
        (machine.bin / tool).symlink_to(f"/usr/bin/{tool}")
    assets = machine.path / "assets"
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl"):
        machine.program(name, folder=assets)
    machine.env["KUBEBUILDER_ASSETS"] = str(assets)
    if ci:
        machine.env["CI"] = "true"
    done = subprocess.run([TOP / "scripts/cluster-tests", tmp_path, "--version"], env=machine.env, capture_output=True, text=True, timeout=60)
    told = [line for line in done.stdout.splitlines() if line.startswith("cluster tests skipped")]
    if ci:
        assert done.returncode == 1 and "required under CI" in done.stderr and told == []
    else:
        assert done.returncode == 0, done
        assert told == [f"cluster tests skipped: those that need {name} (see above)" for name in ("older", "sealed-secrets", "flux", "helm", "readers")]
        assert "pytest" in done.stdout

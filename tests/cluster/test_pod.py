# SPDX-License-Identifier: Apache-2.0
"""The Deployment's two containers, from the root file system of the image, on a real API server."""
import re
import subprocess
import urllib.error
import urllib.request

import pytest

import kubelet
import need
from agentbed import BIN, Bed, value
from controlplane import TOP
from processes import wait_for


@pytest.fixture(scope="module")
def rootfs(tmp_path_factory):
    if not kubelet.possible():
        need.missing("mount namespaces take root")
    out = tmp_path_factory.mktemp("image")
    subprocess.run([TOP / "scripts/image", "--rootfs", BIN, out], check=True, capture_output=True, timeout=300)
    return out / "rootfs"


@pytest.fixture
def bed(control_plane, tmp_path):
    with Bed(control_plane, tmp_path / "bed") as bed:
        yield bed


@pytest.fixture
def pod(bed, control_plane, rootfs, tmp_path):
    """Both containers, started; the keys are the bed's."""
    pod = kubelet.deployed(bed, control_plane, rootfs, tmp_path)
    for name in ("opener", "net"):
        pod.start(name)
    try:
        yield pod
    finally:
        pod.stop()


def get(pod, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{pod.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def answers(pod, path, wanted=200):
    def asked():
        for name, server in pod.running.items():
            assert server.running(), f"{name} ended: {server.output()[-2000:]}"
        try:
            status, text = get(pod, path)
        except OSError as e:
            raise AssertionError(str(e)) from e
        assert status == wanted, text
        return True
    wait_for(asked, 60, path, pause=0.1)


def status_of_process(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(re.findall(r"^(\w+):\s*(.*)$", f.read(), re.M))


def test_deployment_keeps_a_secret(bed, pod):
    """The probes that the Deployment names answer, a document becomes a Secret, each container restarts alone."""
    net = pod.container("net")
    for probe in ("livenessProbe", "readinessProbe"):
        answers(pod, net[probe]["httpGet"]["path"])
    ns = bed.namespace()
    bed.put("one", {"password": value()}, ns)
    bed.ready("one", ns)
    for name in ("opener", "net"):
        pod.running[name].stop()
        pod.start(name)
        bed.put(f"after-{name}", {"password": value()}, ns)
        bed.ready(f"after-{name}", ns, seconds=60)
    answers(pod, "/readyz")
    status, text = get(pod, "/metrics")
    assert status == 200 and 'bulla_documents{reason="Applied"}' in text


def test_containers_hold_what_is_theirs_and_no_privilege(bed, pod):
    answers(pod, "/readyz")
    for name, server in pod.running.items():
        found = [status_of_process(pid) for pid in pod.processes(name)]
        assert found, server.output()
        for status in found:
            assert status["Uid"].split() == [str(pod.uid)] * 4 and status["Gid"].split() == [str(pod.gid)] * 4
            assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0 and status["NoNewPrivs"] == "1", name
    # seen through their own root: the keys here, the token there
    roots = {name: f"/proc/{pod.processes(name)[0]}/root" for name in pod.running}
    listed = {name: subprocess.run(["ls", f"{root}/keys", f"{root}/run/secrets/kubernetes.io/serviceaccount"], capture_output=True,
                                   text=True).stdout for name, root in roots.items()}
    assert ".key" in listed["opener"] and "token" not in listed["opener"]
    assert ".key" not in listed["net"] and "token" in listed["net"]


def test_memory_is_within_the_limits(bed, pod):
    answers(pod, "/readyz")
    ns = bed.namespace()
    bed.put_many([f"d{i}" for i in range(20)], ns)
    bed.all_ready(ns)
    for name in pod.running:
        used = sum(int(status_of_process(pid)["VmHWM"].split()[0]) for pid in pod.processes(name)) * 1024
        limit = int(pod.container(name)["resources"]["limits"]["memory"].removesuffix("Mi")) * 1024 * 1024
        assert used < limit / 2, (name, used)

# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the cluster tests: control planes, namespaces."""
import contextlib
import itertools
import uuid

import pytest

import agentbed
import controlplane
import faultproxy
import gitserver
import need
from flux import Flux


def pytest_terminal_summary(terminalreporter):
    for why in sorted({report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])
                       if isinstance(report.longrepr, tuple) and "cluster tests skipped" in report.longrepr[2]}):
        terminalreporter.write_line(why.removeprefix("Skipped: "))


@pytest.fixture(scope="session")
def programs():
    """{program: path} of etcd, kube-apiserver, kube-controller-manager and kubectl."""
    return need.programs("latest")


@pytest.fixture(scope="session")
def older_programs(programs):
    """The same, with the servers of a Kubernetes minor two years older."""
    return {**programs, **need.programs("older")}


@pytest.fixture(scope="session")
def control_plane(programs, tmp_path_factory):
    """The one that the tests of a worker share: leave it running and configured as it is."""
    with controlplane.ControlPlane(tmp_path_factory.mktemp("plane"), programs) as plane:
        yield plane


@pytest.fixture(scope="session")
def older_control_plane(older_programs, tmp_path_factory):
    with controlplane.ControlPlane(tmp_path_factory.mktemp("older"), older_programs) as plane:
        yield plane


@pytest.fixture
def new_control_plane(programs, tmp_path):
    """new_control_plane(**options of ControlPlane): one of the test's own, started; ended after the test."""
    planes, count = [], itertools.count()

    def start(found=None, **options):
        plane = controlplane.ControlPlane(tmp_path / f"plane{next(count)}", found or programs, **options)
        planes.append(plane)
        return plane.start()
    yield start
    for plane in planes:
        plane.stop()


@pytest.fixture(scope="session")
def flux(control_plane, tmp_path_factory):
    """Flux's source-controller and kustomize-controller, beside the shared control plane."""
    found = need.programs("flux")
    with Flux(control_plane, tmp_path_factory.mktemp("flux"), found) as running:
        yield running


@pytest.fixture
def new_fault_proxy(request):
    """new_fault_proxy(plane=the shared one, **options of FaultProxy): started; ended after the test."""
    proxies = []

    def start(plane=None, **options):
        proxy = faultproxy.FaultProxy(plane or request.getfixturevalue("control_plane"), **options)
        proxies.append(proxy.start())
        return proxy
    yield start
    for proxy in proxies:
        proxy.stop()


@pytest.fixture
def fault_proxy(new_fault_proxy):
    """A fault proxy in front of the shared control plane."""
    return new_fault_proxy()


@pytest.fixture
def api(control_plane):
    """The shared control plane's API, as admin."""
    return control_plane.admin


@pytest.fixture
def namespace(api):
    """A namespace of the test's own on the shared control plane."""
    name = f"t-{uuid.uuid4().hex[:10]}"
    api.ensure("v1", "Namespace", None, name)
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def git_server(tmp_path):
    """Git over OpenSSH, of the test's own."""
    if not gitserver.SSHD:
        need.missing("sshd is not here (Debian: openssh-server)")
    with gitserver.GitServer(tmp_path / "git") as server:
        yield server


@pytest.fixture
def new_bed(tmp_path, request):
    """new_bed(plane=the shared one, **options of agentbed.Bed): for the agent to work in; cleaned after the test.
    One at a time on a control plane: each agent is the same account, and looks at all of it."""
    with contextlib.ExitStack() as stack:
        count = itertools.count()

        def start(plane=None, **options):
            plane = plane or request.getfixturevalue("control_plane")
            made = agentbed.Bed(plane, tmp_path / f"bed{next(count)}", **options)
            return stack.enter_context(made)
        yield start


@pytest.fixture
def bed(new_bed):
    """The cluster install."""
    return new_bed()


@pytest.fixture
def watching_bed(new_bed):
    """The namespaces install: it may watch the Secrets where it serves."""
    return new_bed(install="namespaces")

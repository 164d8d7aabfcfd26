# SPDX-License-Identifier: Apache-2.0
"""The agent on a Kubernetes minor two years older: no streaming lists there, other defaults, the same result."""
import pytest

import agentbed
from agentbed import documents_path, identity, secrets_path, value


@pytest.fixture(params=["cluster", "namespaces"])
def bed(request, older_control_plane, new_bed):
    return new_bed(plane=older_control_plane, install=request.param)


def test_one_document_from_seal_to_removal(bed):
    assert bed.plane.admin.get("/version")["minor"] == "30"
    ns = bed.namespace()
    bed.put("there", {"a": value()}, ns)
    with bed.run("--settle", 1):
        bed.ready("there", ns)
        first = bed.put("login", {"user": "app", "password": value()}, ns)
        bed.ready("login", ns)
        assert bed.secret("login", ns) == bed.sealed["login", ns], first
        before = identity(bed.secret_object("login", ns))
        bed.put("login", {"user": "app", "password": value(), "more": value()}, ns)
        bed.ready("login", ns)
        after = identity(bed.secret_object("login", ns))
        assert bed.secret("login", ns) == bed.sealed["login", ns] and after[0] == before[0] and after[1] != before[1]
        bed.api.delete(documents_path(ns, "login"))
        bed.until_secret("login", ns, lambda data: data is None)
        assert bed.secret("there", ns) == bed.sealed["there", ns]


def test_a_foreign_secret_and_another_type(bed):
    ns = bed.namespace()
    bed.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "taken", "namespace": ns},
                    "stringData": {"a": "theirs"}})
    with bed.run():
        bed.put("taken", {"a": value()}, ns)
        bed.says("taken", ns, "Foreign")
        assert bed.secret("taken", ns) == {"a": "theirs"}
        bed.put("login", {"username": "app", "password": value()}, ns)
        bed.ready("login", ns)
        bed.api.apply(bed.seal_basic_auth("login", ns, "app", value()))
        bed.ready("login", ns)
        assert bed.secret_object("login", ns)["type"] == "kubernetes.io/basic-auth"


def test_a_restart_writes_nothing(bed):
    ns = bed.namespace()
    names = [f"d{i}" for i in range(20)]
    bed.put_many(names, ns)
    with bed.run():
        bed.all_ready(ns)
    versions = {name: identity(bed.secret_object(name, ns)) for name in names}
    with bed.run() as agent:
        agent.wait_count("Applied", 20)
        assert agent.metrics()["bulla_secrets_written_total"] == 0
    assert {name: identity(bed.secret_object(name, ns)) for name in names} == versions


def test_the_policies_hold_the_agent_back(older_control_plane, new_bed):
    bed = new_bed(plane=older_control_plane)
    ns = bed.namespace()
    bed.new_token()
    agent = bed.api.as_token(bed.token_file.read_text())
    with pytest.raises(agentbed.ApiError) as refused:
        agent.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "free", "namespace": ns},
                      "stringData": {"a": "b"}})
    assert refused.value.status in (403, 422)
    assert bed.api.get(secrets_path(ns, "free"), absent=True) is None

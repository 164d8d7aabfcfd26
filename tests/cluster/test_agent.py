# SPDX-License-Identifier: Apache-2.0
"""The agent's Kubernetes store on a real API server (DESIGN 6.1)."""
import pytest

from agentbed import conditions, value


def test_a_document_becomes_a_secret(bed):
    ns = bed.namespace()
    with bed.run():
        bed.put("login", {"user": "app", "password": value()}, ns)
        document = bed.ready("login", ns)
        secret = bed.secret_object("login", ns)
    assert secret["type"] == "Opaque" and not secret["metadata"].get("ownerReferences")
    assert document["status"]["applied"] == "/".join(
        (secret["metadata"]["uid"], secret["metadata"]["resourceVersion"]))


def test_an_update_makes_the_data_exact(bed):
    ns = bed.namespace()
    first = {"stays": value(), "changes": value(), "goes": value()}
    with bed.run():
        bed.put("login", first, ns)
        bed.ready("login", ns)
        before = bed.secret_object("login", ns)
        bed.put("login", {"stays": first["stays"], "changes": value(), "comes": value()}, ns)
        document = bed.ready("login", ns)
        after = bed.secret_object("login", ns)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert document["metadata"]["generation"] == 2

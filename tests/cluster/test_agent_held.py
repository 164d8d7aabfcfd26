# SPDX-License-Identifier: Apache-2.0
"""Documents that are deleted and that somebody's finalizer holds: nothing is made for them any more, nothing is said of
them that is not so, and their Secrets stay until they are really gone (kubernetes-agent 2.4)."""
import time

import pytest

from agentbed import conditions, documents_path, identity, plain, secrets_path, value
from api import MERGE

RUN = ("--settle", 0, "--full-look", 1)


@pytest.fixture(params=["cluster", "namespaces"])
def held(new_bed, request):
    return new_bed(install=request.param)


def patch(bed, path, what):
    bed.api.request("PATCH", path, what, content_type=MERGE)


def hold(bed, ns, *names):
    for name in names:
        patch(bed, documents_path(ns, name), {"metadata": {"finalizers": ["example.com/hold"]}})
        bed.api.delete(documents_path(ns, name))
        assert bed.document(name, ns)["metadata"]["deletionTimestamp"]


def let_go(bed, ns, *names):
    for name in names:
        patch(bed, documents_path(ns, name), {"metadata": {"finalizers": None}})
        bed.until_document(name, ns, lambda document: document is None)


def is_terminating(bed, ns, name):
    found = conditions(bed.says(name, ns, "Terminating", message="is being deleted"))
    assert found["Ready"]["status"] == "False" and "Stalled" not in found


def test_a_secret_is_neither_made_nor_repaired_nor_removed(held):
    bed, ns = held, held.namespace()
    with bed.run(*RUN) as agent:
        bed.put_many(["gone", "changed", "fine", "stays"], ns)
        bed.all_ready(ns)
        hold(bed, ns, "gone", "changed", "fine")
        bed.ready("fine", ns)  # of the new generation: its Secret is still what it says
        bed.api.delete(secrets_path(ns, "gone"))
        patch(bed, secrets_path(ns, "changed"), {"stringData": {"v": "by hand"}})
        before = {n: identity(s) for n, s in bed.secrets(ns).items()}
        for name in ("gone", "changed"):
            is_terminating(bed, ns, name)
        assert set(before) == {"changed", "fine", "stays"}

        def nothing_happens():
            time.sleep(2.5)  # several looks at each
            assert {n: identity(s) for n, s in bed.secrets(ns).items()} == before
            assert bed.secret("changed", ns) == {"v": "by hand"}
            for name, reason in (("gone", "Terminating"), ("changed", "Terminating"), ("fine", "Applied")):
                bed.says(name, ns, reason)
        nothing_happens()
        assert agent.count("Terminating") == 2 and agent.metrics()["bulla_secrets_removed_total"] == 0
        agent.stop()
    with bed.run(*RUN) as agent:
        nothing_happens()
        let_go(bed, ns, "gone", "changed", "fine")
        for name in ("changed", "fine"):
            bed.until_secret(name, ns, lambda data: data is None)
        bed.ready("stays", ns)
        assert set(bed.secrets(ns)) == {"stays"}


def test_a_document_that_is_deleted_before_the_agent_sees_it_is_not_opened(held):
    bed, ns = held, held.namespace()
    bed.put("login", {"v": value()}, ns)
    hold(bed, ns, "login")
    with bed.run(*RUN) as agent:
        is_terminating(bed, ns, "login")
        time.sleep(1.5)
        assert plain(bed.secret_object("login", ns)) is None and not agent.matching(msg="opening")
        # and what comes after it under the same name is another one
        let_go(bed, ns, "login")
        bed.put("login", {"v": value()}, ns)
        bed.ready("login", ns)

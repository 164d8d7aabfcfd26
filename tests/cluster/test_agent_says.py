# SPDX-License-Identifier: Apache-2.0
"""What the agent says of itself and of documents, beside their status: /readyz, /metrics."""
import json
import re
import time

import pytest
import yaml

from agentbed import MANIFESTS, documents_path, value
from processes import wait_for

METRIC = re.compile(r"\b(?:bulla|process|controller_runtime|rest_client|leader_election)_[a-z_]+\b")
EXPIRY = "bulla_credential_not_after_timestamp_seconds"


# --- /readyz -----------------------------------------------------------------------------------------------


def test_once_ready_it_stays_so_whatever_waits(new_bed, fault_proxy):
    """503 until all has been looked at; then 200, also while a new document waits for its Secret."""
    bed = new_bed(proxy=fault_proxy)
    ns = bed.namespace()
    bed.put("first", {"v": value()}, ns)
    held = fault_proxy.on("POST", "/secrets").freeze()
    with bed.run(wait=False) as agent:
        held.wait()
        assert agent.get("/readyz")[0] == 503 and agent.metrics()["bulla_ready"] == 0
        fault_proxy.clear()
        fault_proxy.reset_all()
        agent.wait_log(msg="ready")
        assert agent.get("/readyz")[0] == 200
        bed.ready("first", ns)

        held = fault_proxy.on("POST", "/secrets").freeze()
        bed.put("second", {"v": value()}, ns)
        held.wait()
        wait_for(lambda: agent.count("Pending") == 1, 10, "the second document in the count")
        assert agent.get("/readyz")[0] == 200 and agent.metrics()["bulla_ready"] == 1
        fault_proxy.clear()
        fault_proxy.reset_all()
        bed.ready("second", ns)


# --- /metrics ----------------------------------------------------------------------------------------------


def used_by_rules_and_panels():
    """{metric: where}.  Were one of the directory store alone, its rule or panel would say "directory store"."""
    rules = [(r["alert"], r["expr"], r["annotations"]["description"])
             for g in yaml.safe_load((MANIFESTS / "monitoring/alerts.yaml").read_text())["groups"] for r in g["rules"]]
    panels = [(p["title"], t["expr"], p["description"])
              for p in json.loads((MANIFESTS / "monitoring/dashboard.json").read_text())["panels"] for t in p["targets"]]
    found = {}
    for where, expr, description in rules + panels:
        names = METRIC.findall(re.sub(r'"[^"]*"', "", expr))
        assert names, where
        if "directory store" not in description:
            found.update({name: where for name in names})
    return found


def exported(agent):
    return {re.split(r"[{ ]", key)[0] for key in agent.metrics()}


@pytest.mark.parametrize("install", ["cluster", "namespaces"])
def test_what_rules_and_dashboard_use_is_there(new_bed, install):
    bed = new_bed(install=install)
    ns = bed.namespace()
    with bed.run() as agent:
        bed.put("login", {"v": value()}, ns, more=["--expires", "30d"])
        bed.put("plain", {"v": value()}, ns)
        bed.ready("login", ns)
        bed.ready("plain", ns)
        used = used_by_rules_and_panels()
        assert len(used) > 12 and EXPIRY in used
        missing = {name: where for name, where in used.items() if name not in exported(agent)}
        assert not missing

        # each is described once, before its first sample
        text = agent.get("/metrics")[1]
        described = re.findall(r"(?m)^# TYPE (\S+) (?:gauge|counter)$", text)
        assert len(described) == len(set(described)) == len(re.findall(r"(?m)^# HELP ", text))
        assert exported(agent) <= set(described)

        # that one alone has names
        (line,) = [line for line in text.splitlines() if ns in line]
        at = agent.metrics()[f'{EXPIRY}{{namespace="{ns}",name="login"}}']
        assert abs(at - time.time() - 30 * 86400) < 600 and line.startswith(EXPIRY)

        bed.api.delete(documents_path(ns, "login"))
        wait_for(lambda: ns not in agent.get("/metrics")[1], 10, "the document that is gone to leave the metrics")


def test_anonymous_metrics_name_no_document(bed):
    ns = bed.namespace()
    bed.put("login", {"v": value()}, ns, more=["--expires", "30d"])
    with bed.run("--anonymous-metrics") as agent:
        bed.ready("login", ns)
        text = agent.get("/metrics")[1]
        assert ns not in text and EXPIRY not in text and agent.count("Applied") == 1


def test_a_standby_tells_of_no_document(bed):
    ns = bed.namespace()
    with bed.run(), bed.run(wait=False) as standby:
        bed.put("login", {"v": value()}, ns, more=["--expires", "30d"])
        bed.ready("login", ns)
        wait_for(lambda: standby.get("/readyz")[0] == 200, 10, "the standby ready")
        assert standby.metrics()["leader_election_master_status"] == 0
        assert not {EXPIRY, "bulla_documents", "bulla_ready"} & exported(standby)

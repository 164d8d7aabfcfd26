# SPDX-License-Identifier: Apache-2.0
"""What the agent says of itself, and of what it may not do: /readyz, /metrics, Forbidden, Events."""
import json
import re
import time

import pytest
import yaml

from agentbed import MANIFESTS, conditions, documents_path, value
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


# --- namespaces without rights -----------------------------------------------------------------------------


def serve_documents_alone(bed, ns):
    """The rights of the namespaces install, but for Secrets."""
    for thing in yaml.safe_load_all((MANIFESTS / "served-namespace/role.yaml").read_text()):
        thing["metadata"]["namespace"] = ns
        thing["rules"] = [r for r in thing["rules"] if r["resources"] != ["secrets"]] if "rules" in thing else None
        bed.api.apply({k: v for k, v in thing.items() if v is not None})


def test_a_namespace_whose_secrets_may_not_be_listed_says_what_to_apply(watching_bed, tmp_path):
    bed = watching_bed
    served, dark = bed.namespace(), bed.namespace(served=False)
    serve_documents_alone(bed, dark)
    for ns in (served, dark):
        bed.put("login", {"v": value()}, ns)
    bed.put("theirs", {"v": value()}, dark, to=[bed.new_key("theirs.key", tmp_path)])
    with bed.run() as agent:
        bed.ready("login", served)
        document = bed.says("login", dark, "Forbidden",
                            f"may not list Secrets in namespace {dark}; apply the Role and RoleBinding of "
                            f"manifests/served-namespace there: kubectl apply -n {dark} -k manifests/served-namespace$")
        assert conditions(document)["Stalled"]["status"] == "True"
        bed.says("theirs", dark, "NotForUs")  # which needs no right
        assert agent.get("/readyz")[0] == 200 and agent.count("Pending") == 0
        bed.put("later", {"v": value()}, dark)
        bed.says("later", dark, "Forbidden")
        bed.put("login", {"v": value()}, served)
        bed.ready("login", served)
        bed.serve(dark)
        bed.ready("login", dark, seconds=90)
        bed.ready("later", dark)


def test_a_list_of_secrets_that_is_late_is_no_want_of_rights(new_bed, fault_proxy):
    bed = new_bed(install="namespaces", proxy=fault_proxy)
    ns = bed.namespace()
    bed.put("login", {"v": value()}, ns)
    failing = fault_proxy.on("GET", "/secrets$").answer(500)
    with bed.run(wait=False) as agent:
        failing.wait(2)
        held = fault_proxy.on("GET", "/secrets$").freeze()
        failing.remove()
        held.wait()
        assert bed.document("login", ns)["status"] == {"observedGeneration": -1} and agent.count("Pending") == 1
        fault_proxy.clear()
        fault_proxy.reset_all()
        bed.ready("login", ns, seconds=60)
        assert not agent.matching(reason="Forbidden")


# --- Events ------------------------------------------------------------------------------------------------


def events(bed, ns):
    """(document, reason, type) of each Event there is, as often as it was told."""
    return sorted((e["regarding"]["name"], e["reason"], e["type"]) for e in
                  bed.api.list(f"/apis/events.k8s.io/v1/namespaces/{ns}/events")
                  for _ in range((e.get("series") or {}).get("count", 1)))


@pytest.mark.parametrize("install", ["cluster", "namespaces"])
def test_an_event_is_told_once_also_by_the_next_agent(new_bed, install, tmp_path):
    bed = new_bed(install=install)
    ns = bed.namespace()
    lost = bed.new_key("lost.key", tmp_path)
    with bed.run() as agent:
        bed.put("theirs", {"v": value()}, ns)
        bed.ready("theirs", ns)
        bed.put("broken", {"v": value()}, ns)
        bed.ready("broken", ns)
        # what was applied, and is sealed to another key now, needs a key; and one is damaged
        bed.put("theirs", {"v": value()}, ns, to=[lost])
        bed.says("theirs", ns, "NoKey")
        document = bed.document("broken", ns)
        (part,) = document["spec"]["parts"].values()
        lines = part["sealed"].splitlines()
        lines[-3] = lines[-3][:10] + ("A" if lines[-3][10] != "A" else "B") + lines[-3][11:]
        part["sealed"] = "\n".join(lines) + "\n"
        bed.api.patch(documents_path(ns, "broken"), {"spec": document["spec"]})
        bed.says("broken", ns, "Refused")
        told = [("broken", "Refused", "Warning"), ("theirs", "NoKey", "Warning")]
        wait_for(lambda: events(bed, ns) == told, 20, f"the Events {told}")
    with bed.run() as agent:
        wait_for(lambda: (agent.count("NoKey"), agent.count("Refused")) == (1, 1), 20, "both looked at")
        time.sleep(3)  # an Event comes within a second
        assert events(bed, ns) == told
        with bed.run(wait=False) as second:  # another leader
            wait_for(lambda: second.get("/readyz")[0] == 200, 20, "the standby ready")
            agent.die()
            second.wait_log(msg="this replica works now", seconds=30)
            wait_for(lambda: second.metrics().get('bulla_documents{reason="NoKey"}') == 1, 20, "the document looked at")
            time.sleep(3)
            assert events(bed, ns) == told
    # what changed while no agent was there is news
    bed.put("broken", {"v": value()}, ns)
    bed.put("theirs", {"v": value()}, ns)
    with bed.run():
        bed.ready("broken", ns)
        bed.ready("theirs", ns)
        told = sorted(told + [("broken", "Applied", "Normal"), ("theirs", "Applied", "Normal")])
        wait_for(lambda: events(bed, ns) == told, 20, f"the Events {told}")

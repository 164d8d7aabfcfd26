# SPDX-License-Identifier: Apache-2.0
"""The alert rules and the dashboard: rules that promtool accepts and that fire when they should.  That each metric
exists is held to a running agent (tests/cluster/test_agent_says.py)."""
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from documents import TOP

MONITORING = TOP / "manifests/monitoring"
GROUPS = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
RULES = {r["alert"]: r for g in GROUPS for r in g["rules"]}
REASON = re.compile(r'reason=~"([^"]+)"')


@pytest.fixture(scope="session")
def promtool(tmp_path_factory):
    """From the PATH, or out of Debian's package (of its own from 13 on), which up to 12 would also start a server."""
    found = shutil.which("promtool")
    if found:
        return found
    tool = TOP / "build/promtool"
    if not tool.exists():
        place = tmp_path_factory.mktemp("prometheus")
        done = subprocess.run("(apt-get download promtool || apt-get download prometheus) && dpkg -x *.deb .", shell=True, cwd=place,
                              capture_output=True, text=True)
        if done.returncode != 0:
            why = f"promtool is not in the PATH, and its package cannot be had: {done.stderr.strip()[-300:]}"
            pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
        shutil.copy(place / "usr/bin/promtool", tool)
    return tool


def expressions():
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for name, r in RULES.items():
        yield name, r["expr"]


def test_reasons_are_those_of_the_agent():
    """Each reason that is not fine has its alert: at once where a person is needed, else after a while."""
    rows = re.findall(r'\[REASON_\w+\] = \{ "(\w+)", (true|false), (true|false)', (TOP / "agent/status.c").read_text())
    stalled = {name for name, fine, stuck in rows if stuck == "true"} - {"Guarded"}
    tried = {name for name, fine, stuck in rows if (fine, stuck) == ("false", "false")} - {"PendingRemoval"}
    assert set(REASON.search(RULES["BullaDocumentsNeedAPerson"]["expr"]).group(1).split("|")) == stalled
    assert set(REASON.search(RULES["BullaDocumentsNotApplied"]["expr"]).group(1).split("|")) == tried
    shown = [set(m.split("|")) for _, e in expressions() for m in REASON.findall(e)]
    assert shown.count(stalled) == shown.count(tried) == 2 and len(shown) == 4


def test_every_alert_says_what_to_do():
    assert len(RULES) == sum(len(g["rules"]) for g in GROUPS) == 12
    for name, r in RULES.items():
        assert r["labels"]["severity"] in ("warning", "critical"), name
        assert r["annotations"]["summary"] and r["annotations"]["description"].endswith("."), name


def test_dashboard_is_whole():
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    cells = set()
    assert len({p["id"] for p in dashboard["panels"]}) == len(dashboard["panels"]) == 12
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & mine and panel["description"]
        cells |= mine


def test_promtool_accepts_the_rules(promtool):
    done = subprocess.run([promtool, "check", "rules", MONITORING / "alerts.yaml"], capture_output=True, text=True)
    assert done.returncode == 0 and f"{len(RULES)} rules found" in done.stdout, done.stdout + done.stderr


def series(text, values):
    return {"series": text, "values": values}


HEALTHY = [series("bulla_build_info{version='0.1.0',instance='a'}", "1x120"), series("bulla_ready{instance='a'}", "1x120"),
           series("bulla_ready{instance='standby'}", "0x120"), series("bulla_sealing_keys{instance='a'}", "1x120"),
           series("bulla_sealing_keys_bad{instance='a'}", "0x120"), series("bulla_removals_guarded{instance='a'}", "0x120"),
           series("bulla_documents{reason='Applied',instance='a'}", "40x120"),
           series("bulla_documents{reason='NotForUs',instance='a'}", "2x120"),
           series("bulla_opener_restarts_total{instance='a'}", "0x60 1x60"),
           series("bulla_failures_total{instance='a'}", "0x120"),
           series("bulla_copies_missing{instance='a'}", "0x120"), series("bulla_service_account_entries_missing{instance='a'}", "0x120"),
           series("bulla_credential_not_after_timestamp_seconds{namespace='web',name='ghcr',instance='a'}", "2592000x120")]

# what is put in the place of a healthy series, when to look, and what must fire (with its labels)
CASES = [
    (None, [], "1h", {}),
    ("bulla_build_info", [], "1h", {"BullaAgentAbsent": {}}),
    ("bulla_ready{instance='a'}", [series("bulla_ready{instance='a'}", "0x120")], "1h", {"BullaAgentNotReady": {}}),
    ("bulla_sealing_keys{", [series("bulla_sealing_keys{instance='a'}", "0x120")], "1h", {"BullaNoSealingKey": {}}),
    ("bulla_sealing_keys_bad", [series("bulla_sealing_keys_bad{instance='a'}", "1x120")], "1h", {"BullaSealingKeyUnusable": {}}),
    (None, [series("bulla_documents{reason='NoKey',instance='a'}", "0x30 2x90")], "1h",
     {"BullaDocumentsNeedAPerson": {"reason": "NoKey"}}),
    (None, [series("bulla_documents{reason='NoKey',instance='a'}", "0x58 2x90")], "1h", {}),
    (None, [series("bulla_documents{reason='WriteFailed',instance='a'}", "1x120")], "1h",
     {"BullaDocumentsNotApplied": {"reason": "WriteFailed"}}),
    (None, [series("bulla_documents{reason='WriteFailed',instance='a'}", "0x50 1x120")], "1h", {}),
    ("bulla_copies_missing", [series("bulla_copies_missing{instance='a'}", "3x120")], "1h", {"BullaFanOutIncomplete": {}}),
    ("bulla_copies_missing", [series("bulla_copies_missing{instance='a'}", "0x50 3x120")], "1h", {}),
    ("bulla_service_account_entries_missing", [series("bulla_service_account_entries_missing{instance='a'}", "1x120")], "1h",
     {"BullaFanOutIncomplete": {}}),
    ("bulla_removals_guarded", [series("bulla_removals_guarded{instance='a'}", "12x120")], "1h", {"BullaDeletionsGuarded": {}}),
    ("bulla_opener_restarts_total", [series("bulla_opener_restarts_total{instance='a'}", "0+1x120")], "1h",
     {"BullaOpenerRestarts": {"instance": "a"}}),
    ("bulla_failures_total", [series("bulla_failures_total{instance='a'}", "0+1x120")], "1h", {"BullaTriesFail": {"instance": "a"}}),
    ("bulla_credential_not_after", [series("bulla_credential_not_after_timestamp_seconds{namespace='web',name='ghcr',instance='a'}",
                                           "864000x120")], "1h", {"BullaCredentialExpiresSoon": {"namespace": "web", "name": "ghcr"}}),
    ("bulla_credential_not_after", [series("bulla_credential_not_after_timestamp_seconds{namespace='web',name='ghcr',instance='a'}",
                                           "3600x120")], "1h", {"BullaCredentialExpired": {"namespace": "web", "name": "ghcr"}}),
]


def test_rules_fire_when_they_should_and_not_else(promtool, tmp_path):
    tests = []
    for taken, put, at, wanted in CASES:
        given = [s for s in HEALTHY if not (taken and s["series"].startswith(taken))]
        assert len(given) == len(HEALTHY) - (taken is not None)
        expected = []
        for name in RULES:
            alert = {"eval_time": at, "alertname": name, "exp_alerts": []}
            if name in wanted:
                alert["exp_alerts"].append({"exp_labels": {"severity": RULES[name]["labels"]["severity"], **wanted[name]}})
            expected.append(alert)
        tests.append({"interval": "1m", "input_series": given + put, "alert_rule_test": expected})
    # annotations would have to be repeated word by word: they are looked at above
    bare = [{"name": g["name"], "rules": [{k: v for k, v in r.items() if k != "annotations"} for r in g["rules"]]} for g in GROUPS]
    (tmp_path / "bare.yaml").write_text(yaml.safe_dump({"groups": bare}))
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["bare.yaml"], "evaluation_interval": "1m", "tests": tests}))
    assert {name for _, _, _, wanted in CASES for name in wanted} == set(RULES)
    done = subprocess.run([promtool, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

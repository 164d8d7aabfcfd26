# SPDX-License-Identifier: Apache-2.0
"""Argo CD's health check of a document: run by Lua on statuses as the agent writes them."""
import re
import subprocess

import pytest
import yaml

from documents import TOP

ARGOCD = TOP / "manifests/argocd"
SCRIPT = (ARGOCD / "health.lua").read_text()
# the words of agent/status.c: reason, fine, stalled
ROWS = re.findall(r'\[REASON_\w+\] = \{ "(\w+)", (true|false), (true|false)', (TOP / "agent/status.c").read_text())


def lua(value):
    """A Python value as a Lua expression."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{lua(k)}] = {lua(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(lua, value)) + "}"
    if isinstance(value, str):
        return '"' + "".join(f"\\{b:03d}" for b in value.encode()) + '"'
    return str(value)


def health(script=SCRIPT, generation=3, status=None):
    """What Argo CD would show: status and message."""
    obj = {"apiVersion": "bulla.dev/v1", "kind": "SealedCredential",
           "metadata": {"name": "ghcr", "namespace": "web", "generation": generation}}
    if status is not None:
        obj["status"] = status
    # with the libraries that Argo CD gives it, and no more
    program = (f"local run = assert(load({lua(script)}, 'health', 't', {{obj = {lua(obj)}, ipairs = ipairs}}))\n"
               "local hs = run()\nio.write(hs.status, '\\n', hs.message)")
    done = subprocess.run(["lua5.4", "-"], input=program, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return tuple(done.stdout.split("\n", 1))


def condition(kind, status, reason="Applied", message="The Secret is what the document says."):
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 3,
            "lastTransitionTime": "2026-11-25T08:00:00Z"}


WAITING = ("Progressing", "Waiting for bulla-agent to look at it")

CASES = {
    "no status": (None, WAITING),
    "the CRD's default": ({"observedGeneration": -1}, WAITING),
    "no generation": ({"conditions": [condition("Ready", "True")]}, WAITING),
    "an earlier generation": ({"observedGeneration": 2, "conditions": [condition("Ready", "True")]}, WAITING),
    "an earlier one that stalled": ({"observedGeneration": 2, "conditions": [condition("Stalled", "True")]}, WAITING),
    "no conditions": ({"observedGeneration": 3}, WAITING),
    "ready": ({"observedGeneration": 3, "conditions": [condition("Ready", "True")]},
              ("Healthy", "Applied: The Secret is what the document says.")),
    "being tried": ({"observedGeneration": 3, "conditions": [condition("Ready", "False", "WriteFailed", "again")]},
                    ("Progressing", "WriteFailed: again")),
    "unknown": ({"observedGeneration": 3, "conditions": [condition("Ready", "Unknown", "Pending", "new")]},
                ("Progressing", "Pending: new")),
    "stalled": ({"observedGeneration": 3, "conditions": [condition("Ready", "False", "NoKey", "a \u00e9"),
                                                         condition("Stalled", "True", "NoKey", "a \u00e9")]},
                ("Degraded", "NoKey: a \u00e9")),
    "stalled, first in the list": ({"observedGeneration": 3, "conditions": [
        condition("Stalled", "True", "NoKey", "x"), condition("Ready", "False", "NoKey", "x")]}, ("Degraded", "NoKey: x")),
    "no longer stalled": ({"observedGeneration": 3, "conditions": [condition("Stalled", "False"), condition("Ready", "True")]},
                          ("Healthy", "Applied: The Secret is what the document says.")),
    "paused": ({"observedGeneration": 3, "conditions": [condition("Ready", "True"), condition("Paused", "True", "Paused", "left")]},
               ("Suspended", "Paused: left")),
    "paused, and changed since": ({"observedGeneration": 2, "conditions": [
        condition("Stalled", "True", "NoKey", "x"), condition("Paused", "True", "Paused", "left")]}, ("Suspended", "Paused: left")),
    "paused before anybody looked": ({"observedGeneration": -1, "conditions": [condition("Paused", "True", "Paused", "left")]},
                                     ("Suspended", "Paused: left")),
    "no longer paused": ({"observedGeneration": 3, "conditions": [condition("Ready", "True"), condition("Paused", "False")]},
                         ("Healthy", "Applied: The Secret is what the document says.")),
    "a copy failed": ({"observedGeneration": 3, "conditions": [condition("FannedOut", "False", "Foreign", "web/ghcr"),
                                                               condition("Ready", "True")]},
                      ("Healthy", "Applied: The Secret is what the document says.")),
}


@pytest.mark.parametrize("case", CASES)
def test_health(case):
    status, wanted = CASES[case]
    assert health(status=status) == wanted


@pytest.mark.parametrize("reason,fine,stalled", ROWS)
def test_every_reason_has_a_health(reason, fine, stalled):
    ready = condition("Ready", "True" if fine == "true" else "False", reason, "m")
    conditions = [ready] + ([condition("Stalled", "True", reason, "m")] if stalled == "true" else [])
    wanted = "Degraded" if stalled == "true" else "Healthy" if fine == "true" else "Progressing"
    assert health(status={"observedGeneration": 3, "conditions": conditions}) == (wanted, f"{reason}: m")


def test_config_map_holds_the_script():
    data = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())["data"]
    [(key, text)] = data.items()
    assert key == "resource.customizations.health.bulla.dev_SealedCredential"
    assert text == SCRIPT.split("\n", 2)[2]
    assert health(script=text, status=CASES["ready"][0]) == CASES["ready"][1]


def test_script_keeps_to_what_argocd_runs():
    """Argo CD's Lua is 5.1, with few libraries."""
    code = re.sub(r"--.*", "", SCRIPT)
    assert not re.search(r"\bgoto\b|//|[&|~](?!=)|<const>|\brequire\b|\bos\.|\bio\.", code)

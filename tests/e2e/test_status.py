# SPDX-License-Identifier: Apache-2.0
"""bulla status: documents of Git against those of clusters, on the tests' own API server."""
import json
import re
import time

import pytest
import yaml

from checkout import FINDINGS, INVALID, IO, REFUSED, USAGE
from fakeapi import Fault
from twoclusters import clusters, in_days, put, repo, seal, tls  # noqa: F401


def status(repo, *args, contexts=("eu=c-eu", "us=c-us"), **kwargs):
    flags = [f for c in contexts for f in ("--context", c)]
    return repo.bulla("status", *flags, *args, **kwargs)


def states(repo, *args, **kwargs):
    done = status(repo, "-o", "json", *args, **kwargs)
    return {(d["document"], d["cluster"]): d["state"] for d in json.loads(done.out)["documents"]}


def test_all_is_well(repo, clusters):
    seal(repo, "both", "both.yaml")
    for api in clusters.values():
        put(api, repo, "both.yaml")
    done = status(repo)
    lines = [line.split() for line in done.out.splitlines()]
    assert lines == [["DOCUMENT", "KIND", "CLUSTER", "STATE", "EXPIRES", "ABOUT"],
                     ["web/both", "opaque", "eu", "applied", "-", "both.yaml"],
                     ["web/both", "opaque", "us", "applied", "-", "both.yaml"]]
    assert done.err == ""
    [row, _] = json.loads(status(repo, "-o", "json").out)["documents"]
    assert row["digest"] == row["appliedDigest"] and row["good"] is True and row["line"] == 1


def test_each_state(repo, clusters):
    eu = clusters["eu"]
    for name in ("failing", "stale", "waiting", "missing", "soon", "ended", "later", "unread"):
        seal(repo, name, f"{name}.yaml")
    seal(repo, "orphan", "orphan.yaml")
    put(eu, repo, "orphan.yaml")
    (repo.top / "orphan.yaml").unlink()
    put(eu, repo, "failing.yaml", status="False", reason="NoKey", message="sealed to others\x1b[31m")
    put(eu, repo, "stale.yaml", digest="0" * 64)
    put(eu, repo, "waiting.yaml", observed=-1)
    put(eu, repo, "soon.yaml", not_after=in_days(3))
    put(eu, repo, "ended.yaml", not_after=in_days(-3))
    put(eu, repo, "later.yaml", not_after=in_days(60))
    put(eu, repo, "unread.yaml", status="False", reason="Invalid", message="bad", digest="")
    done = status(repo, contexts=["eu=c-eu"], status=FINDINGS)
    rows = {line.split()[0]: line for line in done.out.splitlines()[1:]}
    assert {k.split("/")[1]: v.split()[3] for k, v in rows.items()} == {
        "failing": "failing", "stale": "stale", "waiting": "waiting", "missing": "missing", "soon": "expiring",
        "ended": "expired", "later": "applied", "unread": "failing", "orphan": "orphaned"}
    assert "NoKey: sealed to others\\x1b[31m" in rows["web/failing"]  # no terminal is driven from a cluster
    assert "in 3 d" in rows["web/soon"] and "EXPIRED 2 d ago" in rows["web/ended"]
    assert "missing.yaml" in rows["web/missing"]
    assert list(rows) == sorted(rows)


@pytest.mark.parametrize("state", ["failing", "stale", "waiting", "missing", "expiring", "orphaned"])
def test_each_state_alone_is_a_finding(repo, clusters, state):
    seal(repo, "a", "a.yaml")
    how = {"failing": {"status": "False"}, "stale": {"digest": "0" * 64}, "waiting": {"observed": 7},
           "expiring": {"not_after": in_days(1)}}.get(state, {})
    if state != "missing":
        put(clusters["eu"], repo, "a.yaml", **how)
    if state == "orphaned":
        (repo.top / "a.yaml").unlink()
    assert states(repo, contexts=["eu=c-eu"], status=FINDINGS) == {("web/a", "eu"): state}


def test_only_what_is_sealed_to_a_cluster_is_expected_there(repo, clusters):
    seal(repo, "eu-only", "eu.yaml", "x", "-r", "eu")
    seal(repo, "both", "both.yaml")
    put(clusters["eu"], repo, "eu.yaml")
    for api in clusters.values():
        put(api, repo, "both.yaml")
    assert states(repo) == {("web/both", "eu"): "applied", ("web/both", "us"): "applied",
                            ("web/eu-only", "eu"): "applied"}
    # without the recipient's name nothing is known of it: all is expected
    assert states(repo, contexts=["c-us"], status=FINDINGS) == {("web/both", "c-us"): "applied",
                                                               ("web/eu-only", "c-us"): "missing"}


def test_one_name_in_two_folders(repo, clusters):
    """Each region has a file of its own for web/login: each cluster is held against its own."""
    seal(repo, "login", "clusters/eu/login.yaml", "x", "-r", "eu")
    seal(repo, "login", "clusters/us/login.yaml", "y", "-r", "us")
    put(clusters["eu"], repo, "clusters/eu/login.yaml")
    put(clusters["us"], repo, "clusters/us/login.yaml")
    assert set(states(repo).values()) == {"applied"}
    # the other region's document is not what should be there
    put(clusters["us"], repo, "clusters/eu/login.yaml")
    rows = json.loads(status(repo, "-o", "json", status=FINDINGS).out)["documents"]
    assert {(r["cluster"], r["state"], r["file"]) for r in rows} == {
        ("eu", "applied", "clusters/eu/login.yaml"), ("us", "stale", "clusters/us/login.yaml")}


def test_a_new_value_is_stale_until_it_is_applied(repo, clusters):
    seal(repo, "a", "a.yaml")
    put(clusters["eu"], repo, "a.yaml")
    repo.bulla("set", "a.yaml", "PIN", "--from-file", "-", input="2")
    assert states(repo, contexts=["eu=c-eu"], status=FINDINGS) == {("web/a", "eu"): "stale"}
    put(clusters["eu"], repo, "a.yaml")
    assert states(repo, contexts=["eu=c-eu"]) == {("web/a", "eu"): "applied"}


def test_namespace_and_paths(repo, clusters):
    seal(repo, "a", "x/a.yaml")
    seal(repo, "b", "y/b.yaml")
    for file in ("x/a.yaml", "y/b.yaml"):
        put(clusters["eu"], repo, file)
    one = {"contexts": ["eu=c-eu"]}
    assert states(repo, "x", "y", **one) == {("web/a", "eu"): "applied", ("web/b", "eu"): "applied"}
    assert states(repo, "x", status=FINDINGS, **one)[("web/b", "eu")] == "orphaned"
    assert states(repo, "-n", "other", **one) == {}
    assert states(repo, "-n", "web", **one) == states(repo, **one)
    states(repo, "-n", "web", **one)
    assert "/namespaces/web/sealedcredentials" in clusters["eu"].requests[-1].path
    assert "no sealed documents, neither here nor there" in status(repo, "-n", "other", **one).err


def test_more_than_a_page_and_more_than_an_answer(repo, clusters):
    seal(repo, "a", "a.yaml")
    put(clusters["eu"], repo, "a.yaml")
    spec = yaml.safe_load((repo.top / "a.yaml").read_text())["spec"]
    for i in range(450):
        clusters["eu"].store.put("sealedcredentials", "web", f"small-{i:03}", spec=spec)
    found = states(repo, contexts=["eu=c-eu"], status=FINDINGS)
    assert len(found) == 451 and found[("web/a", "eu")] == "applied"
    large = {**spec, "pad": "x" * 900000}
    for i in range(12):
        clusters["eu"].store.put("sealedcredentials", "web", f"large-{i}", spec=large)
    assert len(states(repo, contexts=["eu=c-eu"], status=FINDINGS)) == 463


def test_one_cluster_does_not_answer(repo, clusters):
    seal(repo, "a", "a.yaml")
    put(clusters["eu"], repo, "a.yaml")
    clusters["us"].allow = lambda request: False
    done = status(repo, status=REFUSED)
    assert "us: list SealedCredentials: the API server forbids it (403)" in done.err
    assert "1 file or cluster could not be read" in done.err
    assert [line.split()[3] for line in done.out.splitlines()[1:]] == ["applied"]
    clusters["us"].allow = lambda request: True
    clusters["us"].chaos = lambda request: Fault(garbage=b"<html>")
    assert "us: ConfigMap bulla-system/bulla-recipients: " in status(repo, status=IO).err


def test_a_file_that_cannot_be_read(repo, clusters):
    seal(repo, "a", "a.yaml")
    put(clusters["eu"], repo, "a.yaml")
    repo.write("b.yaml", (repo.top / "a.yaml").read_text().replace("kind: opaque", "kind: nonsense"))
    done = status(repo, contexts=["eu=c-eu"], status=INVALID)
    assert "b.yaml" in done.err and "applied" in done.out


@pytest.mark.parametrize("args, code, text", [
    (["--expiring", "yesterday"], USAGE, "--expiring: neither a span (30d, 12h, 2w) nor a date to come"),
    (["--expiring", "2020-01-01"], USAGE, "--expiring: neither"),
    (["--context", "nowhere"], USAGE, "nowhere: no context \"nowhere\" (there are: c-eu, c-us)"),
    (["--context", "a=nowhere"], USAGE, "a: no context \"nowhere\""),
    (["--context", "c-eu", "-n", "A_b"], USAGE, "-n: not a namespace's name"),
    (["--context", "c-eu", "--kubeconfig", "/nowhere"], IO, "/nowhere: cannot open"),
    (["--context", "c-eu", "nowhere.yaml"], IO, "nowhere.yaml"),
])
def test_command_line(repo, args, code, text):
    assert text in repo.bulla("status", *args, status=code).err


def test_a_context_with_a_sign_in_it(repo, clusters, tmp_path):
    seal(repo, "a", "a.yaml")
    put(clusters["eu"], repo, "a.yaml")
    file = tmp_path / "kubeconfig"
    file.write_text(file.read_text().replace("c-eu", "A=b/c"))
    assert states(repo, contexts=["A=b/c"]) == {("web/a", "A=b/c"): "applied"}
    assert states(repo, contexts=["eu=A=b/c"]) == {("web/a", "eu"): "applied"}


def test_four_thousand_documents(repo, clusters):
    """One list, no request for each document."""
    seal(repo, "a", "a.yaml")
    spec = yaml.safe_load((repo.top / "a.yaml").read_text())["spec"]
    for i in range(4000):
        clusters["eu"].store.put("sealedcredentials", "web", f"d{i}", spec=spec)
    before, start = len(clusters["eu"].requests), time.monotonic()
    assert len(states(repo, contexts=["eu=c-eu"], status=FINDINGS)) == 4001
    assert len(clusters["eu"].requests) - before < 40 and time.monotonic() - start < 30


def test_git_alone(repo, clusters):
    """Without a cluster: what expires, by what the documents claim; nobody is asked."""
    seal(repo, "never", "a.yaml")
    seal(repo, "late", "b.yaml", "x", "--expires", "60d")
    done = repo.bulla("status")
    assert [re.sub(r"\b(59|60) d\b", "N d", line).split() for line in done.out.splitlines()] == [
        ["DOCUMENT", "KIND", "CLUSTER", "STATE", "EXPIRES", "ABOUT"],
        ["web/late", "opaque", "-", "sealed", "in", "N", "d", "b.yaml"],
        ["web/never", "opaque", "-", "sealed", "-", "a.yaml"]]
    rows = json.loads(repo.bulla("status", "-o", "json", "--expiring", "90d", status=FINDINGS).out)["documents"]
    assert [(r["document"], r["state"], r["good"], "cluster" in r) for r in rows] == [
        ("web/late", "expiring", False, False), ("web/never", "sealed", True, False)]
    seal(repo, "soon", "c.yaml", "x", "--expires", "13d")
    assert "expiring" in repo.bulla("status", status=FINDINGS).out
    assert "no sealed documents here" in repo.bulla("status", "-n", "other").err
    # of many parts the first that ends counts, and each file is a line
    repo.bulla("set", "c.yaml", "OTHER", "--from-file", "-", "--expires", "50d", input="x")
    repo.write("d/c.yaml", (repo.top / "c.yaml").read_text())
    assert repo.bulla("status", status=FINDINGS).out.count("expiring  in 1") == 2
    assert all(not api.requests for api in clusters.values())


def test_what_counts_as_expiring_is_said(repo, clusters):
    seal(repo, "a", "a.yaml")
    put(clusters["eu"], repo, "a.yaml", not_after=in_days(20))
    one = {"contexts": ["eu=c-eu"]}
    assert states(repo, **one) == {("web/a", "eu"): "applied"}
    assert states(repo, "--expiring", "30d", status=FINDINGS, **one) == {("web/a", "eu"): "expiring"}
    assert states(repo, "--expiring", "2w", **one) == {("web/a", "eu"): "applied"}
    assert states(repo, "--expiring", "2199-01-01", status=FINDINGS, **one) == {("web/a", "eu"): "expiring"}

# SPDX-License-Identifier: Apache-2.0
"""A file's name may be any bytes and JSON is UTF-8: what a report says of such a file is not lost."""
import json
import os

import pytest

from checkout import FINDINGS, Checkout

NAME = os.fsdecode(b"app-\xff.yaml")
SHOWN = r"app-\xff.yaml"


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.init("-r", "eu-west9")
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", "app.yaml", input="A=one\n")
    (repo.top / "app.yaml").rename(repo.top / NAME)
    repo.commit()
    return repo


def test_show(repo):
    (document,) = json.loads(repo.bulla("show", "-o", "json", ".").out)["documents"]
    assert document["file"].endswith(SHOWN) and document["name"] == "app"


def test_diff(repo):
    report = json.loads(repo.bulla("diff", NAME, "-o", "json").out)
    assert report["file"] == SHOWN and report["against"] == "HEAD" and report["differs"] is False


def test_import(repo):
    (repo.top / NAME).write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\ndata: {x: '###'}\n")
    report = json.loads(repo.bulla("import", "secret", "-o", "json", NAME, status=FINDINGS).out)
    assert [(row["from"], row["result"], row["reason"]) for row in report["items"]] == [
        (SHOWN, "refused", "data.x: not base64")]


def test_check(repo):
    text = (repo.top / NAME).read_text()
    (repo.top / NAME).write_text(text.replace("  kind: opaque\n", "  kind: nothing\n"))
    report = json.loads(repo.bulla("check", "-o", "json", ".", status=FINDINGS).out)
    assert any(finding["file"].endswith(SHOWN) for finding in report["findings"])

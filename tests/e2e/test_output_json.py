# SPDX-License-Identifier: Apache-2.0
"""--output json of what changes something: one object on standard output, true of the disk, without a value."""
import json

import pytest

from checkout import USAGE, Checkout

CANARY = "canary5b8e02d7c1"

# command, standard input, members beside "changed" and "next"
DOCUMENT = {"dryRun", "file", "document", "kind", "digest"}
CASES = [
    ("seal opaque new -n web --stdin P -w apps/", CANARY, DOCUMENT | {"sealed"}),
    ("seal opaque new -n web --stdin P -r eu --dry-run", CANARY, DOCUMENT - {"file"} | {"sealed"}),
    ("seal deploy-key dk -n web --url ssh://git@github.com/a/b -w apps/", "", DOCUMENT | {"sealed", "publicKey"}),
    ("set apps/db.yaml Q --from-file -", CANARY, DOCUMENT | {"sealed"}),
    ("unset apps/db.yaml B", "", DOCUMENT | {"removed"}),
    ("rename apps/db.yaml other -i ../recovery.key", "", DOCUMENT | {"sealed", "documentBefore", "fileBefore"}),
    ("rotate opaque apps/db.yaml --stdin A", CANARY + "2", DOCUMENT | {"sealed"}),
    ("recipients add anna", "", {"name", "keyId", "recipient", "inRules", "backup"}),
    ("recipients remove spare", "", {"name", "keyId", "backup"}),
    ("keys generate eu", "", {"name", "keyId", "recipient", "inRules", "backup", "replaces"}),
    ("keys install eu -i ../recovery.key --to ../keys", "", {"name", "keys", "folder", "added"}),
    ("hooks install", "", {"hooks"}),
    ("export dir apps -w ../plain -i ../recovery.key", "", {"folder", "files"}),
    ("init", "", {"config", "recipients"}),
]


@pytest.fixture
def here(tmp_path):
    here = Checkout(tmp_path)
    here.init("-r", "eu")
    here.bulla("recipients", "add", "spare")
    here.bulla("seal", "opaque", "db", "-n", "web", "--from-env-file", "-", "-w", "apps/",
               input=f"A={CANARY}\nB={CANARY}\n")
    return here


@pytest.mark.parametrize("command, input, members", CASES, ids=[c[0] for c in CASES])
def test_one_object_that_is_true(here, command, input, members):
    done = here.bulla(*command.split(), "-o", "json", input=input)
    said = json.loads(done.out)  # exactly one value: anything beside it is an error
    assert set(said) == members | {"changed", "next"}
    assert said["changed"] is (command != "init")
    assert CANARY not in done.out + done.err and "AGE-SECRET-KEY" not in done.out + done.err
    if "file" in said:
        [shown] = json.loads(here.bulla("show", said["file"], "-o", "json").out)["documents"]
        assert (said["digest"], said["kind"]) == (shown["digest"], shown["kind"])
        assert said["document"] == f"{shown['namespace']}/{shown['name']}"
        parts = {p["name"]: p for p in shown["parts"]}
        for part in said.get("sealed", []):
            assert part == {k: parts[part["name"]][k] for k in ("name", "recipients", "facts")}
        assert not set(said.get("removed", [])) & set(parts)
    for row in said.get("files", []):
        assert (here.top / row["file"]).is_file()
    if "backup" in said:
        assert (here.top / said["backup"]).is_file()


@pytest.mark.parametrize("command", ["seal opaque x -n web --stdin P -r eu", "keys install eu -i ../recovery.key",
                                     "export sops apps -i ../recovery.key"])
def test_refused_where_standard_output_is_taken(here, command):
    done = here.bulla(*command.split(), "-o", "json", input=CANARY, status=USAGE)
    assert done.out == "" and "to standard output" in done.err

# SPDX-License-Identifier: Apache-2.0
"""The JSON schema of the sealed document: made from the CRD, and it takes and refuses what the CRD does."""
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

import neighbours
from checkout import Checkout
from documents import TOP
from schemaexamples import EXAMPLES, KINDS, UNSAID

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = TOP / "docs/sealedcredential.schema.json"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def test_it_is_current():
    done = subprocess.run([sys.executable, TOP / "scripts/schema", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(validator, name):
    document, taken = EXAMPLES[name]
    assert validator.is_valid(document) == taken, list(validator.iter_errors(document))


@pytest.mark.parametrize("name", UNSAID)
def test_what_it_cannot_say_bulla_does(validator, tmp_path, name):
    assert validator.is_valid(UNSAID[name])
    repo = Checkout(tmp_path)
    repo.write("x.yaml", yaml.safe_dump(UNSAID[name], width=10**6))
    assert "recipients" in repo.bulla("show", "x.yaml", status=3).err


def test_documents_that_bulla_makes(validator, tmp_path):
    repo = Checkout(tmp_path)
    repo.init("-r", "eu-west9")
    repo.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90", "-keyout",
              str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem"), "-subj", "/CN=api", "-addext", "subjectAltName=DNS:api.example.org")
    made = [("opaque", "--from-env-file", "-", "--label", "team=a", "--annotation", "a.example/b=c", "--expires", "30d"),
            ("opaque", "--from-env-file", "-", "--together"),
            ("deploy-key", "--url", "ssh://git@github.com/a/b", "--deletion-policy", "Delete"),
            ("tls", "--cert", "../cert.pem", "--private-key", "../key.pem", "--alias", "cert.pem=tls.crt"),
            ("registry", "--server", "registry.example.org", "--username", "bot", "--token-file", "-", "--namespaces", "a,b"),
            ("basic-auth", "--username", "bot", "--password-file", "-")]
    for i, (kind, *options) in enumerate(made):
        text = repo.bulla("seal", kind, f"x{i}", "-n", "web", "-r", "eu-west9", *options, input="A=correct-horse-battery\n").out
        document = yaml.safe_load(text)
        assert list(validator.iter_errors(document)) == []
        # one sealed by hand into something else is not taken
        document["spec"]["kind"] = "gcp-service-account"
        document["spec"]["secret"]["type"] = "kubernetes.io/tls"
        assert not validator.is_valid(document)


def test_kubeconform_takes_and_refuses_the_same(tmp_path):
    """The real one, with the file given to it as the location of its schemas: each example, and a document of bulla's."""
    program = neighbours.program("kubeconform")
    repo = Checkout(tmp_path)
    repo.init("-r", "eu-west9")
    text = repo.bulla("seal", "opaque", "x", "-n", "web", "-r", "eu-west9", "--from-env-file", "-", input="A=correct-horse\n").out
    files = {"made.yaml": (text, True)}
    for i, (name, (document, taken)) in enumerate(EXAMPLES.items()):
        files[f"{i}.json"] = (json.dumps(document), taken)
    (tmp_path / "files").mkdir()
    for name, (text, _) in files.items():
        (tmp_path / "files" / name).write_text(text)
    done = subprocess.run([program, "-strict", "-output", "json", "-verbose", "-schema-location", SCHEMA, tmp_path / "files"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr == "", done.stderr
    said = {pathlib.Path(r["filename"]).name: r["status"] for r in json.loads(done.stdout)["resources"]}
    assert said == {name: "statusValid" if taken else "statusInvalid" for name, (_, taken) in files.items()}


def test_status_is_not_a_files(validator):
    """It is the agent's, and bulla refuses a copy of it."""
    document, _ = EXAMPLES["the least"]
    assert not validator.is_valid({**document, "status": {}})


def test_for_editors():
    """An editor shows what it says of fields and offers words: these must be there."""
    schema = json.loads(SCHEMA.read_text())
    spec = schema["properties"]["spec"]
    [kinds] = [a["properties"]["kind"]["enum"] for a in spec["allOf"] if "enum" in a.get("properties", {}).get("kind", {})]
    assert kinds == KINDS and schema["title"] == "SealedCredential"
    for name in ("kind", "deletionPolicy", "parts"):
        assert len(spec["properties"][name]["description"]) > 20
    # nothing that only an API server understands
    assert "x-kubernetes" not in SCHEMA.read_text()
    # patterns mean the same to every reader of JSON Schema: no look-around, no classes by name
    for pattern in re.findall(r'"pattern": "(.*)"', SCHEMA.read_text()):
        assert not re.search(r"\(\?|\\[pPdDwWsSbB]", pattern), pattern


def test_a_new_rule_of_the_crd_is_not_passed_over(tmp_path):
    """The script ends where a rule has no translation, instead of making a schema without it."""
    for name in ("scripts/schema", "manifests/base/crd.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / name, tmp_path / name)
    (tmp_path / "docs").mkdir()
    crd = tmp_path / "manifests/base/crd.yaml"
    text = crd.read_text()
    run = lambda: subprocess.run([sys.executable, tmp_path / "scripts/schema"], capture_output=True, text=True)
    assert run().returncode == 0 and (tmp_path / "docs/sealedcredential.schema.json").read_bytes() == SCHEMA.read_bytes()
    crd.write_text(text.replace("message: sealed-at is missing", "message: something else"))
    assert "has no translation here: something else" in run().stderr
    crd.write_text(text.replace("'sealed-at' in self\"", "'sealed-at' in self && true\""))
    assert "no longer has the form" in run().stderr

# SPDX-License-Identifier: Apache-2.0
"""bulla rename: another name, another namespace, another place for the rules; the same values."""
import base64
import json

import pytest
import yaml

from checkout import CONFLICT, INVALID, NOKEY, OK, RECIPIENT, REFUSED, USAGE, Checkout
from test_edit import SHAPES

FILE = "app.yaml"


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    for name in ("eu-west9", "us-east1"):
        (repo.top / "clusters" / name).mkdir(parents=True)
    repo.init("-r", "eu-west9", "-r", "us-east1")
    repo.bulla("seal", "opaque", "app", "-n", "web", "--from-env-file", "-", "-w", FILE, "--expires", "2030-01-31",
               input="A=1\nB=2\n")
    repo.sealed = (repo.top / FILE).read_text()
    return repo


def rename(repo, *args, **more):
    return repo.bulla("rename", *args, "-i", repo.recovery, **more)


def opened(repo, file, *more):
    return yaml.safe_load(repo.bulla("open", file, "-i", repo.recovery, *more).out)


def values(repo, file, *more):
    return {k: base64.b64decode(v) for k, v in opened(repo, file, *more)["data"].items()}


def test_name_and_file(repo):
    before = yaml.safe_load(repo.sealed)
    said = rename(repo, FILE, "other")
    assert "app.yaml: web/app is now web/other, sealed to eu-west9, recovery, us-east1, in other.yaml\n" in said.err
    assert "what reads the Secret web/app has to name the new one" in said.err
    assert not (repo.top / FILE).exists()
    assert opened(repo, "other.yaml")["metadata"]["name"] == "other"
    assert values(repo, "other.yaml") == {"A": b"1", "B": b"2"}
    after = yaml.safe_load((repo.top / "other.yaml").read_text())
    for name, part in after["spec"]["parts"].items():
        old = before["spec"]["parts"][name]
        assert part["sealed"] != old["sealed"] and part["recipients"] == old["recipients"]
        # what is known of a value goes along
        assert part["facts"]["not-after"] == old["facts"]["not-after"] == "2030-01-31T23:59:59Z"
    assert "0 findings" in repo.bulla("check", ".").err


def test_namespace_alone_keeps_the_file(repo):
    said = rename(repo, FILE, "api/app")
    assert "web/app is now api/app" in said.err and ", in " not in said.err
    assert opened(repo, FILE)["metadata"] == {"name": "app", "namespace": "api"}


def test_both(repo):
    rename(repo, FILE, "api/other")
    assert opened(repo, "other.yaml")["metadata"] == {"name": "other", "namespace": "api"}


def test_only_names_and_parts_change(repo):
    text = "# head\n" + repo.sealed.replace("metadata:\n", "metadata: # m\n").replace("  name: app", "  name: app # n")
    repo.write("x.yaml", text + "---\na: 1 # other\n")
    rename(repo, "x.yaml", "other")
    got = (repo.top / "x.yaml").read_text()
    assert got.startswith("# head\n") and "metadata: # m\n  name: other # n\n" in got and got.endswith("---\na: 1 # other\n")
    # outside of the parts nothing else
    cut = lambda t: t[:t.index("  parts:")]
    assert cut(got) == cut(text).replace("name: app #", "name: other #")


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(repo, shape):
    repo.write("x.yaml", SHAPES[shape](repo.sealed).encode())
    rename(repo, "x.yaml", "api/123")
    repo.bulla("check", "x.yaml", "-i", repo.recovery, status=None)
    assert opened(repo, "x.yaml")["metadata"] == {"name": "123", "namespace": "api"}
    assert values(repo, "x.yaml") == {"A": b"1", "B": b"2"}


def test_every_kind(repo):
    repo.bulla("seal", "deploy-key", "flux", "-n", "web", "--url", "ssh://git@github.com/a/b", "-w", "flux.yaml")
    repo.bulla("seal", "registry", "ghcr", "-n", "web", "--server", "registry.example.org", "--username", "bot", "--token-file", "-",
               "--namespaces", "a,b", "-w", "ghcr.yaml", input="no-token-of-a-known-kind")
    repo.bulla("seal", "opaque", "pair", "-n", "web", "--together", "--from-env-file", "-", "-w", "pair.yaml", input="A=1\nB=2\n")
    for name in ("flux", "ghcr", "pair"):
        facts = yaml.safe_load((repo.top / f"{name}.yaml").read_text())["spec"]["parts"]["credential"]["facts"]
        old = values(repo, f"{name}.yaml")
        rename(repo, f"{name}.yaml", f"x-{name}")
        assert values(repo, f"x-{name}.yaml") == old
        new = yaml.safe_load((repo.top / f"x-{name}.yaml").read_text())["spec"]["parts"]["credential"]["facts"]
        assert {k: v for k, v in new.items() if k != "sealed-at"} == {k: v for k, v in facts.items() if k != "sealed-at"}


def test_rules_of_the_new_namespace(repo):
    config = repo.top / ".bulla/config"
    config.write_text(config.read_text().replace("rules:\n", 'rules:\n  - path: "**"\n    namespace: api\n    to: [eu-west9]\n'))
    said = rename(repo, FILE, "api/app")
    assert "sealed to eu-west9, recovery\n" in said.err
    # and back: who is added must be named
    said = rename(repo, FILE, "web/app", status=RECIPIENT)
    assert "us-east1 could not open the old value" in said.err and "say --add us-east1\n" in said.err
    said = rename(repo, FILE, "web/app", "--add", "us-east1")
    assert "us-east1 is among the recipients now and was not before" in said.err


def test_named_recipients(repo):
    rename(repo, FILE, "other", "-r", "eu-west9")
    part = yaml.safe_load((repo.top / "other.yaml").read_text())["spec"]["parts"]["A"]
    assert set(part["recipients"]) == {"eu-west9", "recovery"}


def test_one_of_several(repo):
    repo.bulla("seal", "opaque", "two", "-n", "web", "--from-env-file", "-", "-w", FILE, input="X=1\n")
    assert "--document" in rename(repo, FILE, "three", status=USAGE).err
    said = rename(repo, FILE, "app", "--document", "two", status=CONFLICT)
    assert "this document has that name" in said.err
    rename(repo, FILE, "three", "--document", "two")
    # a file of several is nobody's namesake
    assert (repo.top / FILE).read_text().startswith(repo.sealed)
    assert values(repo, FILE, "--document", "three") == {"X": b"1"}


def test_a_file_that_is_named_otherwise_keeps_its_name(repo):
    (repo.top / FILE).rename(repo.top / "credentials.yaml")
    assert ", in " not in rename(repo, "credentials.yaml", "other").err
    assert (repo.top / "credentials.yaml").exists()


@pytest.mark.parametrize("ending", ["yml", "json"])
def test_endings(repo, ending):
    data = json.dumps(yaml.safe_load(repo.sealed)) if ending == "json" else repo.sealed
    repo.write(f"sub/app.{ending}", data)
    rename(repo, f"sub/app.{ending}", "other")
    assert values(repo, f"sub/other.{ending}") == {"A": b"1", "B": b"2"}


def test_a_link_stays(repo):
    (repo.top / "sub").mkdir()
    (repo.top / FILE).rename(repo.top / "sub/app.yaml")
    (repo.top / FILE).symlink_to("sub/app.yaml")
    rename(repo, FILE, "other")
    assert (repo.top / FILE).is_symlink() and values(repo, "sub/app.yaml") == {"A": b"1", "B": b"2"}
    assert opened(repo, FILE)["metadata"]["name"] == "other"


def test_kustomization_is_told_of(repo):
    text = "resources:\n- app.yaml\n"
    repo.write("kustomization.yaml", text)
    said = rename(repo, FILE, "other")
    assert "warning: kustomization.yaml:" in said.err and "other.yaml" in said.err
    assert (repo.top / "kustomization.yaml").read_text() == text
    repo.write("kustomization.yaml", "resources:\n- other.yaml\nnamespace: web\n")
    assert "namespace" in rename(repo, "other.yaml", "api/other").err


def test_dry_run(repo):
    said = rename(repo, FILE, "other", "--dry-run")
    assert "web/app would be web/other" in said.err and (repo.top / FILE).read_text() == repo.sealed
    assert not (repo.top / "other.yaml").exists()


REFUSALS = {
    "the same": (("app",), USAGE, "it has that name already"),
    "the same, in full": (("web/app",), USAGE, "it has that name already"),
    "no name": (("Other",), USAGE, "NEW: not a name that Kubernetes takes"),
    "a path": (("../other",), USAGE, "NAMESPACE: not one that Kubernetes takes"),
    "no namespace": (("/other",), USAGE, "NAMESPACE: not one that Kubernetes takes"),
    "nothing behind": (("web/",), USAGE, "NEW: not a name that Kubernetes takes"),
    "a folder more": (("a/b/c",), USAGE, "NEW: not a name that Kubernetes takes"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(repo, case):
    args, status, why = REFUSALS[case]
    assert why in rename(repo, FILE, *args, status=status).err
    assert (repo.top / FILE).read_text() == repo.sealed


def test_without_a_key(repo):
    repo.bulla("rename", FILE, "other", status=NOKEY)
    assert (repo.top / FILE).read_text() == repo.sealed


def test_one_part_that_does_not_open_stops_all(repo):
    text = repo.sealed.replace("namespace: web", "namespace: api")
    repo.write(FILE, text)
    assert "it was sealed for web/app, not for api/app" in rename(repo, FILE, "other", status=REFUSED).err
    assert (repo.top / FILE).read_text() == text and not (repo.top / "other.yaml").exists()


def test_file_of_that_name_is_there(repo):
    repo.write("other.yaml", "a: 1\n")
    assert "other.yaml is there already" in rename(repo, FILE, "other", status=CONFLICT).err
    (repo.top / "other.yaml").unlink()
    (repo.top / "other.yaml").symlink_to("nowhere")
    assert "other.yaml is there already" in rename(repo, FILE, "other", status=CONFLICT).err
    assert (repo.top / FILE).read_text() == repo.sealed


def test_new_recipient_stops_it(repo):
    repo.bulla("rename", FILE, "other", "-i", repo.recovery, home=_stranger(repo), status=RECIPIENT)
    assert (repo.top / FILE).read_text() == repo.sealed


def _stranger(repo):
    home = repo.path / "stranger"
    home.mkdir()
    return home

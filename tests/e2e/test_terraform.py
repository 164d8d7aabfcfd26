# SPDX-License-Identifier: Apache-2.0
"""manifests/terraform with a real Terraform or OpenTofu: it brings a cluster up, again only when it is another one, and
no secret comes into plan, state or trace."""
import base64
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import zipfile

import pytest
import yaml

from bootstrapbed import IMAGE, PATH, Cluster
from checkout import BULLA
from documents import TOP
from test_bootstrap import TOKEN, bed, clusters, git_server, hub, public_key, registered, tls  # noqa: F401

MODULE = TOP / "manifests/terraform"
MAIN = """
variable "cluster_id" { type = string }
variable "every_time" {
  type    = bool
  default = false
}
module "bulla" {
  source        = "./module"
  cluster       = "eu-west9"
  cluster_id    = var.cluster_id
  every_time    = var.every_time
  context       = "c-eu"
  kubeconfig    = "%(kubeconfig)s"
  repository    = "%(repository)s"
  url           = "%(url)s"
  path          = "%(path)s"
  image         = "%(image)s"
  recovery      = "%(recovery)s"
  identity_file = "%(recovery)s"
  token_file    = "%(token)s"
  api_url       = "%(api)s"
  known_hosts_file = "%(hosts)s"
  wait          = false
  bulla         = "%(bulla)s"
}
output "document" { value = module.bulla.document }
"""


def programs():
    """Terraform, OpenTofu: of PATH, and what scripts/control-plane has built; under CI it builds one."""
    found = set()
    for name in ("terraform", "opentofu"):
        how = [] if os.environ.get("CI") and name == "terraform" else ["--find"]
        done = subprocess.run([TOP / "scripts/control-plane", *how, name], capture_output=True, text=True)
        found |= set(done.stdout.split()[1:2])
    return sorted(found) or [None]


class Terraform:
    def __init__(self, bed, folder, program):  # noqa: F811
        self.bed, self.folder, self.program = bed, folder, program
        folder.mkdir()
        shutil.copytree(MODULE, folder / "module")

        def named(path):
            """As manifests/terraform/README.md names files: from Terraform's own folder."""
            return "${path.root}/" + os.path.relpath(path, folder)
        (folder / "main.tf").write_text(MAIN % {
            "kubeconfig": named(bed.config), "repository": named(bed.repo.top), "url": bed.url, "hosts": named(bed.hosts[1]), "path": PATH,
            "image": IMAGE, "recovery": named(bed.repo.recovery), "token": named(bed.token), "api": bed.hub.url, "bulla": BULLA})
        (folder / "terraformrc").touch()
        self.env = {**bed.repo.env, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0",
                    "TF_CLI_CONFIG_FILE": str(folder / "terraformrc"), "TF_LOG": "TRACE", "TF_LOG_PATH": str(folder / "trace")}
        self.said = ""
        self.run("init", "-no-color")

    def run(self, *args, status=0):
        done = subprocess.run([self.program, *args], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120)
        self.said += done.stdout + done.stderr
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def apply(self, cluster_id="one", *more, status=0):
        """Plan into a file, as a pipeline does, and apply that; the plan as Terraform shows it."""
        self.run("plan", "-no-color", "-out=plan", f"-var=cluster_id={cluster_id}", *more)
        shown = json.loads(self.run("show", "-json", "plan").stdout)
        self.run("apply", "-no-color", "plan", status=status)
        return {change["address"]: change["change"]["actions"] for change in shown.get("resource_changes", [])}

    def files(self):
        """Every byte that Terraform has written, plans unpacked."""
        for path in sorted(p for p in self.folder.rglob("*") if p.is_file()):
            data = path.read_bytes()
            yield path, data
            if zipfile.is_zipfile(io.BytesIO(data)):
                with zipfile.ZipFile(io.BytesIO(data)) as packed:
                    for name in packed.namelist():
                        yield path / name, packed.read(name)


@pytest.fixture(params=programs(), ids=lambda path: pathlib.Path(path or "none").name)
def terraform(bed, tmp_path, request):  # noqa: F811
    if request.param is None:
        why = "there is no terraform or tofu here: scripts/control-plane terraform builds one"
        pytest.fail(why, pytrace=False) if os.environ.get("CI") else pytest.skip(why)
    return Terraform(bed, tmp_path / "terraform", request.param)


ADDRESS = "module.bulla.terraform_data.bootstrap"


def test_a_cluster_from_nothing_then_nothing(terraform, bed, clusters):  # noqa: F811
    assert terraform.apply() == {ADDRESS: ["create"]}
    assert [k["key"] for k in registered(bed)] == [public_key(bed)]
    assert clusters["eu"].store.all("gitrepositories").keys() == {("flux-system", "flux-system")}
    assert bed.repo.git("log", "-1", "--format=%s").strip() == "Bootstrap eu-west9"
    assert json.loads(terraform.run("output", "-json").stdout)["document"]["value"] == f"{PATH}/credentials/flux-ssh.yaml"
    clusters["eu"].requests.clear()
    assert terraform.apply() == {ADDRESS: ["no-op"]} and clusters["eu"].requests == []
    # a look at each apply finds nothing to do
    actions = terraform.apply("one", "-var=every_time=true")
    assert "create" in actions[ADDRESS] and clusters["eu"].writes() == [] and clusters["eu"].requests


def test_a_cluster_made_anew(terraform, bed, clusters, tls):  # noqa: F811
    terraform.apply()
    keys, head = clusters["eu"].keys(), bed.repo.git("rev-parse", "HEAD")
    with Cluster(tls[1]) as anew:
        bed.point({**clusters, "eu": anew})
        assert "create" in terraform.apply("two")[ADDRESS]
        assert anew.keys() == keys and len(registered(bed)) == 1 and bed.repo.git("rev-parse", "HEAD") == head


def test_what_fails_is_gone_on_with(terraform, bed, clusters):  # noqa: F811
    """GitHub refuses: the resource is tainted, the next apply ends it."""
    bed.hub.forbid_deploy_keys = True
    terraform.apply(status=1)
    assert "not finished, run it again to go on" in terraform.said
    key = public_key(bed)
    bed.hub.forbid_deploy_keys = False
    assert "create" in terraform.apply()[ADDRESS]
    assert [k["key"] for k in registered(bed)] == [key]


def test_no_secret_in_state_plan_or_trace(terraform, bed, clusters):  # noqa: F811
    """Looked for as they are, in base64, and in pieces: the token, the deploy key, the sealing key, the recovery key."""
    terraform.apply()
    terraform.apply("two")
    opened = yaml.safe_load(bed.repo.bulla("open", f"{PATH}/credentials/flux-ssh.yaml", "-i", bed.repo.recovery).out)
    private = base64.b64decode(opened["data"]["identity"]).decode()
    body = "".join(line for line in private.splitlines() if not line.startswith("-----"))
    secrets = [TOKEN, body[:40], body[-40:], private.splitlines()[1], opened["data"]["identity"][:60],
               *re.findall("AGE-SECRET-KEY-1[0-9A-Z]+", "".join(clusters["eu"].keys().values()) + bed.repo.recovery.read_text())]
    assert len(secrets) == 7
    seen = dict(terraform.files())
    names = {path.name for path in seen}
    assert {"terraform.tfstate", "terraform.tfstate.backup", "plan", "trace", "tfplan", "tfstate"} <= names
    for secret in secrets:
        for form in (secret.encode(), base64.b64encode(secret.encode())[:-4]):
            assert form.decode() not in terraform.said
            assert [path for path, data in seen.items() if form in data] == []
    # and what is looked for would be found: names and the image are there
    for name in ("terraform.tfstate", "trace"):
        assert any(path.name == name and IMAGE.encode() in data for path, data in seen.items()), name


def test_every_variable_is_used_and_every_option_is_one(bed):  # noqa: F811
    """And none takes a secret: those that name files say so."""
    text = (MODULE / "main.tf").read_text()
    names = re.findall(r'^variable "(\w+)"', (MODULE / "variables.tf").read_text(), re.M)
    assert len(names) > 20 and all(f"var.{name}" in text for name in names) and set(re.findall(r"var\.(\w+)", text)) <= set(names)
    shown = bed.repo.bulla("help", "bootstrap").out
    for option in re.findall(r'"(--[a-z-]+)"', text):
        assert re.search(rf"^ .*{option}\b", shown, re.M), option
    for name in names:
        assert not re.search("token|key|passphrase|identity|password|secret", name) or name.endswith(("_file", "_folder")), name


def test_it_is_formatted_and_valid(terraform):
    terraform.run("fmt", "-check", "-recursive", str(MODULE))
    terraform.run("validate", "-no-color")

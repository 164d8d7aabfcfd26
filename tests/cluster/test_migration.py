# SPDX-License-Identifier: Apache-2.0
"""docs/MIGRATION.md, run: from the real sealed-secrets controller, from real Flux and by hand, to the real agent."""
import base64
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

import need
import pod
from agentbed import BIN, OWNER, annotations, plain, secrets_path, value, watch_until
from processes import wait_for
from sealedsecrets import SealedSecrets

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import neighbours  # noqa: E402
from checkout import Checkout  # noqa: E402

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs/MIGRATION.md").read_text()


def steps(heading):
    """The commands of a section, block by block."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S).group(1)
    return re.findall(r"^```sh\n(.*?)^```$", section, re.M | re.S)


class Shell:
    """A repository whose documents are sealed to the bed's agent, and the page's commands in it."""

    def __init__(self, bed, folder):
        self.bed = bed
        self.repo = Checkout(folder)
        self.repo.tool("age-keygen", "-o", str(folder / "recovery.key"))
        public = self.repo.tool("age-keygen", "-y", str(folder / "recovery.key")).strip()
        self.repo.write(".bulla/config", f'recipients:\n  here: "{bed.key}"\nrecovery: "{public}"\n'
                                         'rules:\n  - path: "**"\n    to: [here]\n')
        # what the person at the terminal is asked once, and says yes to
        self.repo.bulla("seal", "opaque", "x", "-n", "web", "-w", "agreed.yaml", "--from-env-file", "-", "--accept", bed.key,
                        "--accept", public, input="A=b\n")
        (self.repo.top / "agreed.yaml").unlink()
        programs = folder / "programs"
        programs.mkdir()
        (programs / "kubectl").symlink_to(bed.plane.programs["kubectl"])
        self.env = {**self.repo.env, "PATH": f"{programs}:{BIN}:{os.environ['PATH']}",
                    "KUBECONFIG": str(bed.plane.kubeconfig), "RECOVERY": str(folder / "recovery.key")}

    def run(self, command, **env):
        done = subprocess.run(["bash", "--norc", "-eo", "pipefail", "-c", command], cwd=self.repo.top,
                              env={**self.env, **env}, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def documents(self):
        for path in sorted(self.repo.top.rglob("*.yaml")):
            yield from (d for d in yaml.safe_load_all(path.read_text()) if d["kind"] == "SealedCredential")


@pytest.fixture
def shell(bed, tmp_path):
    return Shell(bed, tmp_path)


def never_gone(api, namespace, name, uid):
    """The same object, for as long as a collector or pruner would need."""
    with pytest.raises(TimeoutError):
        watch_until(api, secrets_path(namespace), name, lambda s: s is None or s["metadata"]["uid"] != uid, seconds=5)


def adopted(bed, namespace, name, uid, data):
    secret = watch_until(bed.api, secrets_path(namespace), name, lambda s: OWNER in annotations(s or {"metadata": {}}))
    assert secret["metadata"]["uid"] == uid and plain(secret) == data
    bed.says(name, namespace, "Applied")


def test_from_sealed_secrets(bed, shell, control_plane, tmp_path):
    programs = need.programs("sealed-secrets")
    if not pod.possible():
        need.missing("the sealed-secrets controller needs a mount namespace, which this user may not have")
    api, ns, data = bed.api, bed.namespace(), {"PASSWORD": value()}
    convert, detach = steps("From sealed-secrets")
    with SealedSecrets(control_plane, tmp_path / "neighbour", programs) as neighbour:
        sealed = neighbour.seal({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": ns},
                                 "data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}})
        made = api.create(yaml.safe_load(sealed))
        secret = wait_for(lambda: api.get(secrets_path(ns, "db"), absent=True), 30)
        uid = secret["metadata"]["uid"]
        assert secret["metadata"]["ownerReferences"]
        shell.repo.write("apps/db.yaml", sealed)
        assert "1 converted" in shell.run(convert)
    # without its controller, as the page has it
    shell.run(detach)
    shell.run(detach)  # once more does no harm
    api.delete(api.path_of(made))
    never_gone(api, ns, "db", uid)
    with bed.run():
        for document in shell.documents():
            api.apply(document)
        adopted(bed, ns, "db", uid, data)


def test_from_sops_with_flux(bed, shell, flux, git_server, tmp_path):
    """Flux decrypts, applies and would prune; then it applies the document."""
    api, ns, data = bed.api, bed.namespace(), {"PASSWORD": value()}
    key = tmp_path / "sops.key"
    shell.repo.tool("age-keygen", "-o", str(key))
    public = shell.repo.tool("age-keygen", "-y", str(key)).strip()
    plain_file = tmp_path / "plain.yaml"
    plain_file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "stringData": data,
                                          "metadata": {"name": "db", "namespace": ns}}))
    encrypted = neighbours.run("sops", "--encrypt", "--age", public, "--encrypted-regex", "^(data|stringData)$",
                               plain_file, env=shell.repo.env)
    repo = git_server.repository(f"sops-{ns}")
    repo.commit({"apps/db.yaml": encrypted})
    from test_neighbours import deploy_key
    deploy_key(api, git_server, tmp_path / "ssh", f"ssh-{ns}")
    api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"age-{ns}", "namespace": "flux-system"},
               "stringData": {"age.agekey": key.read_text()}})
    flux.git_repository(ns, repo.url, f"ssh-{ns}")
    flux.kustomization(ns, ns, "./apps", decryption={"provider": "sops", "secretRef": {"name": f"age-{ns}"}})
    try:
        secret = wait_for(lambda: api.get(secrets_path(ns, "db"), absent=True), 60)
        uid = secret["metadata"]["uid"]
        assert plain(secret) == data
        shell.repo.write("apps/db.yaml", encrypted)
        convert, keep = steps("From SOPS")
        assert "1 converted" in shell.run(convert, AGE_KEY=str(key))
        shell.run(keep)
        with bed.run():
            repo.commit({"apps/db.yaml": (shell.repo.top / "apps/db.yaml").read_text()})
            flux.reconcile("GitRepository", ns)
            bed.until_document("db", ns, lambda d: d is not None, seconds=60)
            adopted(bed, ns, "db", uid, data)
            never_gone(api, ns, "db", uid)
    finally:
        for kind in ("Kustomization", "GitRepository"):
            api.delete(flux.path(kind, ns))


def test_from_secrets_made_by_hand(bed, shell, control_plane):
    api, ns, data = bed.api, bed.namespace(), {"PASSWORD": value()}
    made = api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": ns},
                       "stringData": data})
    [take] = steps("From Secrets made by hand")
    context = control_plane.kubectl("config", "current-context").strip()
    said = shell.run(take, CONTEXT=context, NAMESPACE=ns)
    commands = re.findall(r"^bulla:   (kubectl .*)$", said, re.M)
    assert len(commands) == 1
    with bed.run():
        for document in shell.documents():
            api.apply(document)
        bed.says("db", ns, "Foreign")
        shell.run(commands[0])
        adopted(bed, ns, "db", made["metadata"]["uid"], data)


def test_moving_out(bed, shell):
    """What goes out by the page's command is opened by the real sops."""
    shell.repo.write("apps/db.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: web}\nstringData: {A: b}\n")
    shell.run("bulla import secret apps")
    [out] = steps("Moving out")
    shell.run(out)
    text = neighbours.run("sops", "--decrypt", shell.repo.path / "with-sops/apps/db.yaml",
                          env={**shell.env, "SOPS_AGE_KEY_FILE": shell.env["RECOVERY"]})
    assert yaml.safe_load(text)["data"] == {"A": "Yg=="}

# SPDX-License-Identifier: Apache-2.0
"""What the tests of manifests/ share: kustomizations, strict apply, the agent's account, real sealed documents."""
import copy
import pathlib
import shutil
import subprocess
import sys

import yaml

from api import APPLY, JSON_PATCH, MERGE  # noqa: F401 (for those who import from here)
from processes import wait_for

TOP = pathlib.Path(__file__).resolve().parents[2]
MANIFESTS = TOP / "manifests"
sys.path.append(str(TOP / "tests/e2e"))

CRD = "sealedcredentials.bulla.dev"
# A word that stands for what somebody pasted; no refusal may repeat it.
PLAINTEXT = "hunter2-Sx9kQ"
OWNER, ADOPT = "bulla.dev/owner", "bulla.dev/adopt"


def kustomize(kubectl, folder):
    """The objects of a kustomization, as kubectl builds it."""
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [o for o in yaml.safe_load_all(done.stdout) if o]


def overlay(folder, base=None, components=(), **more):
    """A kustomization in folder of the base and components, in a copy of manifests/; its path."""
    copied = folder / "manifests"
    if not copied.exists():
        shutil.copytree(MANIFESTS, copied, ignore=shutil.ignore_patterns("helm", "examples"))
    place = folder / f"overlay{len(list(folder.iterdir()))}"
    place.mkdir()
    for name, text in more.pop("files", {}).items():
        (place / name).write_text(text)
    (place / "kustomization.yaml").write_text(yaml.safe_dump({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "resources": [f"../manifests/{base or 'base'}"],
        "components": [f"../manifests/{c}" for c in components], **more}))
    return place


ORDER = ["Namespace", "CustomResourceDefinition"]


def apply_strictly(api, objects, manager="tests"):
    """Server-side apply with fieldValidation=Strict, what others need first; then until each CRD serves."""
    for thing in sorted(objects, key=lambda o: ORDER.index(o["kind"]) if o["kind"] in ORDER else len(ORDER)):
        api.patch(api.path_of(thing), thing, APPLY, fieldManager=manager, force="true", fieldValidation="Strict")
    for thing in objects:
        if thing["kind"] == "CustomResourceDefinition":
            api.wait_condition(api.path_of(thing), "Established")
            group, names = thing["spec"]["group"], thing["spec"]["names"]
            version = thing["spec"]["versions"][0]["name"]
            wait_for(lambda: serves(api, f"/apis/{group}/{version}/{names['plural']}"), 20, names["plural"])


def serves(api, path):
    """Established says that it may be listed soon: 404 and 429 come in between."""
    status, text = status_of(api.request, "GET", path)
    assert status == 200, text
    return True


def key(thing):
    return thing["kind"], thing["metadata"].get("namespace"), thing["metadata"]["name"]


def secret(namespace, name, owner=None, adopt=None, kind="Opaque", **data):
    marks = {k: v for k, v in ((OWNER, owner), (ADOPT, adopt)) if v}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "stringData": data,
            "metadata": {"name": name, "namespace": namespace, "annotations": marks}}


def secret_path(namespace, name):
    return f"/api/v1/namespaces/{namespace}/secrets/{name}"


def status_of(call, *args, **kwargs):
    """The HTTP status that a request got, and the text of the answer."""
    answer = call(*args, expect=None, **kwargs)
    return answer.status, answer.text


def example():
    """The document of docs/FORMAT.md section 11."""
    text = (TOP / "docs/FORMAT.md").read_text().split("## 11. An example")[1]
    return yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])


def changed(document, *path, to=None, drop=False):
    """A copy with the field at path set to something else, or removed."""
    document = copy.deepcopy(document)
    at = document
    for step in path[:-1]:
        at = at[step]
    if drop:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return document

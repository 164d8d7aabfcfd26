# SPDX-License-Identifier: Apache-2.0
"""The examples that the JSON schema is held to, on a real API server with the CRD: it takes and refuses the same."""
import pytest
import yaml

import controlplane
from api import ApiError
from manifests import APPLY, MANIFESTS, apply_strictly  # also finds tests/e2e

from schemaexamples import EXAMPLES, UNSAID


@pytest.fixture(scope="module")
def api(programs, tmp_path_factory):
    with controlplane.ControlPlane(tmp_path_factory.mktemp("schema"), programs) as plane:
        apply_strictly(plane.admin, [yaml.safe_load((MANIFESTS / "base/crd.yaml").read_text())])
        plane.admin.ensure("v1", "Namespace", None, "team-a")
        yield plane.admin


def taken(api, document):
    """Strictly, and nothing is kept."""
    try:
        path = api.path_of({**document, "metadata": {"name": "x", "namespace": "team-a", **document.get("metadata", {})}})
        api.patch(path, document, APPLY, fieldManager="tests", force="true", fieldValidation="Strict", dryRun="All")
        return True
    except (ApiError, KeyError):
        return False


def test_examples(api):
    wrong = [name for name, (document, good) in EXAMPLES.items() if taken(api, document) != good]
    # the server reads a name in the path, which the tests' client needs
    assert set(wrong) <= {"no name"}, wrong


@pytest.mark.parametrize("name", UNSAID)
def test_what_no_schema_can_say(api, name):
    assert not taken(api, UNSAID[name])

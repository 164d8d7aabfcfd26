# SPDX-License-Identifier: Apache-2.0
"""What manifests/ says, against the code and the formats; no cluster is needed here."""
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from documents import KINDS, TOP

MANIFESTS = TOP / "manifests"
PREFIX = "kubernetes.io/"


def load(path):
    return [o for o in yaml.safe_load_all((MANIFESTS / path).read_text()) if o]


def base(kind, name=None):
    """The one object of that kind (and name) in the base."""
    files = yaml.safe_load((MANIFESTS / "base/kustomization.yaml").read_text())["resources"]
    found = [o for f in files for o in load(f"base/{f}") if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    assert len(found) == 1, (kind, name, len(found))
    return found[0]


def spec_schema():
    return base("CustomResourceDefinition")["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def rules(schema):
    return [v["rule"] for v in schema.get("x-kubernetes-validations", [])]


def rule(schema, word):
    found = [r for r in rules(schema) if word in r]
    assert len(found) == 1, (word, len(found))
    return found[0]


def quoted(text):
    return re.findall(r"'([^']*)'", text)


def limits():
    text = (TOP / "document/document.h").read_text() + (TOP / "kinds/kind.h").read_text()
    return {name: int(value) for name, value in re.findall(r"#define (\w+_MAX) (\d+)", text)}


def every_schema(schema, path="spec"):
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from every_schema(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from every_schema(schema[key], f"{path}[]")


# --- the CRD ------------------------------------------------------------------------------------------

def test_kinds_are_those_of_the_code():
    assert set(quoted(rule(spec_schema(), "self.kind in ['registry'"))) == set(KINDS)
    table = (TOP / "kinds/kind_table.c").read_text()
    assert len(re.findall(r"&kind_\w+,", table)) == len(KINDS)
    description = spec_schema()["properties"]["kind"]["description"]
    assert all(re.search(rf"\b{k}\b", description) for k in KINDS)


def test_types_are_those_of_each_kind():
    text = rule(spec_schema(), "self.secret.type == 'Opaque'")
    opaque, *rest = re.split(r"self\.secret\.type ==", text)[1:]
    assert {k for k in KINDS if "Opaque" not in KINDS[k].types} == set(quoted(opaque)[1:])
    seen = {}
    for branch in rest:
        name, *kinds = quoted(branch)
        seen[name] = set(kinds)
    wanted = {}
    for kind in KINDS.values():
        for name in kind.types:
            if name != "Opaque":
                wanted.setdefault(name, set()).add(kind.name)
    assert seen == wanted


def test_facts_are_those_of_each_kind():
    text = rule(spec_schema(), "facts.all")
    common, own = re.search(r"f in (\[.*?\]).* in (\[.*\])", text, re.S).groups()
    row = (TOP / "kinds/facts.c").read_text()
    assert set(quoted(common)) == set(re.findall(r'\.name = "([a-z-]+)"', row))
    wanted = {f"{k.name}/{f}" for k in KINDS.values() for f in set(k.facts) - set(quoted(common))}
    assert set(quoted(own)) == wanted
    most = max(len(set(quoted(common)) | set(k.facts)) for k in KINDS.values())
    facts = spec_schema()["properties"]["parts"]["additionalProperties"]["properties"]["facts"]
    assert facts["maxProperties"] == most


def test_limits_are_those_of_the_code():
    most = limits()
    spec = spec_schema()["properties"]
    part = spec["parts"]["additionalProperties"]["properties"]
    assert spec["parts"]["maxProperties"] == most["DOCUMENT_PARTS_MAX"]
    assert part["recipients"]["maxProperties"] == most["DOCUMENT_STANZAS_MAX"]
    assert part["sealed"]["maxLength"] == most["DOCUMENT_MAX"]
    assert part["facts"]["additionalProperties"]["maxLength"] == most["KIND_FACT_MAX"]
    for name in ("labels", "annotations"):
        assert spec["secret"]["properties"][name]["maxProperties"] == most["DOCUMENT_METADATA_MAX"]
    assert spec["secret"]["properties"]["annotations"]["additionalProperties"]["maxLength"] == \
        most["DOCUMENT_ANNOTATION_MAX"]
    assert spec["signatures"]["maxItems"] == most["DOCUMENT_SIGNATURES_MAX"]
    assert spec["signatures"]["items"]["maxLength"] == most["DOCUMENT_SIGNATURE_MAX"]


def test_required_fields_are_those_of_the_format():
    spec = spec_schema()
    assert set(spec["required"]) == {"kind", "secret", "parts"}
    part = spec["properties"]["parts"]["additionalProperties"]
    assert set(part["required"]) == set(part["properties"]) == {"recipients", "facts", "sealed"}
    assert "'sealed-at' in self" in rules(part["properties"]["facts"])
    fields = set(re.findall(r"^\| `spec\.([\w.]+)` \|", (TOP / "docs/FORMAT.md").read_text(), re.M))
    ours = {"kind", "deletionPolicy", "secret.type", "secret.labels", "secret.annotations", "parts", "signatures",
            "parts.NAME.recipients", "parts.NAME.facts", "parts.NAME.sealed"}
    assert fields == ours
    assert set(spec["properties"]) == {f.split(".")[0] for f in ours}
    assert set(spec["properties"]["secret"]["properties"]) == {"type", "labels", "annotations"}


def test_refused_metadata_is_that_of_the_code():
    text = (TOP / "base/name.c").read_text()
    domains = set(re.findall(r'\{ "([a-z0-9.-]+\.[a-z]+)", "', text))
    assert len(domains) >= 10
    for name in ("labels", "annotations"):
        written = rule(spec_schema()["properties"]["secret"]["properties"][name], "startsWith")
        assert {d.replace("[.]", ".") for d in re.search(r"\(bulla.*?\)", written).group(0)[1:-1].split("|")} == domains


def test_no_string_in_spec_is_judged_by_itself():
    """Such a rule repeats the value in its error; the value may be a plaintext."""
    strings = [(p, s) for p, s in every_schema(spec_schema()) if s["type"] == "string"]
    assert len(strings) == 9
    for path, schema in strings:
        assert not {"pattern", "enum", "format", "x-kubernetes-validations"} & set(schema), path
        assert "maxLength" in schema, path


def test_document_is_one_unit_for_apply():
    assert spec_schema()["x-kubernetes-map-type"] == "atomic"


def test_reasons_are_told_in_the_crd():
    status = base("CustomResourceDefinition")["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    words = dict(re.findall(r'^\t\[(REASON_\w+)\] = \{ "(\w+)"', (TOP / "agent/status.c").read_text(), re.M))
    untold = re.search(r"\buntold\[\] = \{([^}]*)\}", (TOP / "agent/status_json.c").read_text()).group(1)
    # no two objects of a cluster have one name; Paused is a condition of its own
    never = {*re.findall(r"REASON_\w+", untold), "REASON_DUPLICATE", "REASON_PAUSED"}
    assert len(never) == 8 and never < set(words)
    told = status["properties"]["conditions"]["items"]["properties"]["reason"]["description"]
    listed, rest = re.fullmatch(r"Of Ready, one of: ([\w, ]+)\. (.*)", told).groups()
    assert rest == "Of Stalled the same. Of Paused: Paused."
    assert listed.split(", ") == [word for reason, word in words.items() if reason not in never], \
        "agent/status.c and manifests/base/crd.yaml list other reasons: write the description of reason anew"
    assert status["default"] == {"observedGeneration": -1}


def test_crd_outlives_uninstall_and_prune():
    annotations = base("CustomResourceDefinition")["metadata"]["annotations"]
    assert annotations["helm.sh/resource-policy"] == "keep"
    assert annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled"
    assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"


# --- the agent ----------------------------------------------------------------------------------------

READ = {"get", "list", "watch", "*"}


def granted(role):
    for r in role["rules"]:
        for group in r["apiGroups"]:
            for resource in r["resources"]:
                yield group, resource, set(r["verbs"]), r.get("resourceNames")


def test_cluster_install_reads_no_secret():
    role = base("ClusterRole")
    secrets = [verbs for group, resource, verbs, _ in granted(role) if resource in ("secrets", "*")]
    assert secrets == [{"create", "patch", "delete"}]
    for role in ("bulla-agent", "bulla-recipients-reader"):
        assert not [r for _, r, *_ in granted(base("Role", role)) if r in ("secrets", "pods/exec", "*")]


def test_own_namespace_is_granted_by_name():
    for group, resource, verbs, names in granted(base("Role", "bulla-agent")):
        # the name of an Event is made when it is told
        assert names or verbs == {"create"} or resource == "events", resource
    maps = [(verbs, names) for _, resource, verbs, names in granted(base("Role", "bulla-agent")) if resource == "configmaps"]
    # the recipients are for others to read
    assert maps == [({"create", "patch"}, ["bulla-recipients"]),
                    ({"get", "create", "patch"}, [f"bulla-inventory-{i}" for i in range(16)])]


def containers():
    spec = base("Deployment")["spec"]["template"]["spec"]
    return spec, {c["name"]: c for c in spec["containers"]}


def test_keys_and_token_never_meet():
    spec, by_name = containers()
    assert set(by_name) == {"opener", "net"} and "initContainers" not in spec
    volumes = {v["name"]: v for v in spec["volumes"]}
    mounted = {name: {m["name"] for m in c["volumeMounts"]} for name, c in by_name.items()}
    assert mounted == {"opener": {"sealing-keys", "socket"}, "net": {"token", "socket"}}
    assert volumes["sealing-keys"]["secret"]["secretName"] == "bulla-sealing-keys"
    assert volumes["sealing-keys"]["secret"]["optional"] is True
    assert volumes["socket"]["emptyDir"]["medium"] == "Memory"
    assert spec["automountServiceAccountToken"] is False
    assert base("ServiceAccount")["automountServiceAccountToken"] is False
    assert not any("secret" in str(c.get("env", "")) + str(c.get("envFrom", "")) for c in by_name.values())


def test_containers_are_one_image_and_restricted():
    spec, by_name = containers()
    assert len({c["image"] for c in by_name.values()}) == 1
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    for c in by_name.values():
        own = c["securityContext"]
        assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"]
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in c["resources"]["limits"] and "cpu" not in c["resources"]["limits"]
    labels = base("Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_image_carries_this_version():
    version = re.search(r"^VERSION := (\S+)", (TOP / "Makefile").read_text(), re.M).group(1)
    _, by_name = containers()
    assert by_name["net"]["image"].endswith(f":{version}")


@pytest.mark.parametrize("path", sorted(str(p.relative_to(MANIFESTS)) for p in MANIFESTS.rglob("*.yaml")
                                        if "helm" not in p.parts))
def test_every_file_is_yaml_with_its_licence(path):
    text = Path(MANIFESTS / path).read_text()
    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    assert any(o is not None for o in yaml.safe_load_all(text))


def test_chart_follows_base_and_components():
    done = subprocess.run([TOP / "scripts/chart", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    chart = yaml.safe_load((MANIFESTS / "helm/bulla/Chart.yaml").read_text())
    version = re.search(r"^VERSION := (\S+)", (TOP / "Makefile").read_text(), re.M).group(1)
    assert chart["version"] == chart["appVersion"] == version
    assert not (MANIFESTS / "helm/bulla/crds").exists()  # Helm would never upgrade it there

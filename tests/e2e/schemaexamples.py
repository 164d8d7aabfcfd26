# SPDX-License-Identifier: Apache-2.0
"""Changes to a good document, each with what the CRD makes of it.  tests/e2e/test_schema.py holds the JSON schema to
them, tests/cluster/test_schema.py the CRD on a real API server: so both say the same."""
import copy
import functools

ID = "0123456789abcdef0123456789abcdef"
ARMOR = "-----BEGIN AGE ENCRYPTED FILE-----\nYWJj\n-----END AGE ENCRYPTED FILE-----\n"


def part(**changes):
    return {"recipients": {"eu-west9": ID}, "facts": {"sealed-at": "2026-11-23T08:00:00Z"}, "sealed": ARMOR, **changes}


def document(kind="opaque", type_="Opaque", parts=None):
    return {"apiVersion": "bulla.dev/v1", "kind": "SealedCredential", "metadata": {"name": "x", "namespace": "team-a"},
            "spec": {"kind": kind, "secret": {"type": type_}, "parts": parts or {"A" if kind == "opaque" else "credential": part()}}}


def changed(path, value, base=None):
    """The document with something else at a path; a part's own is below "A"."""
    found = copy.deepcopy(base or document())
    at = functools.reduce(lambda d, k: d[k], path[:-1], found)
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return found


A = ("spec", "parts", "A")
SECRET = ("spec", "secret")


def facts(kind, **more):
    names = {name.replace("_", "-"): value for name, value in more.items()}
    type_ = {"registry": "kubernetes.io/dockerconfigjson", "tls": "kubernetes.io/tls"}.get(kind, "Opaque")
    return document(kind, type_, {"A" if kind == "opaque" else "credential": part(facts={"sealed-at": "2026-11-23T08:00:00Z", **names})})


KINDS = ["registry", "deploy-key", "git-https", "github-app", "tls", "basic-auth", "proxy", "webhook-token", "age-key",
         "gcp-service-account", "opaque"]
TYPES = ["Opaque", "kubernetes.io/dockerconfigjson", "kubernetes.io/tls", "kubernetes.io/ssh-auth", "kubernetes.io/basic-auth"]
OF_TYPE = {"Opaque": set(KINDS) - {"registry"}, "kubernetes.io/dockerconfigjson": {"registry"}, "kubernetes.io/tls": {"tls"},
           "kubernetes.io/ssh-auth": {"deploy-key"}, "kubernetes.io/basic-auth": {"git-https", "basic-auth"}}

# name -> (document, is it taken?)
EXAMPLES = {
    "the least": (document(), True),
    "policy Delete": (changed(("spec", "deletionPolicy"), "Delete"), True),
    "policy of another case": (changed(("spec", "deletionPolicy"), "delete"), False),
    "no spec": (changed(("spec",), None), False),
    "no kind of credential": (changed(("spec", "kind"), None), False),
    "another kind of credential": (changed(("spec", "kind"), "password"), False),
    "no secret": (changed(("spec", "secret"), None), False),
    "no type": (changed((*SECRET, "type"), None), False),
    "another type": (changed((*SECRET, "type"), "example.org/x"), False),
    "no parts": (changed(("spec", "parts"), None), False),
    "empty parts": (changed(("spec", "parts"), {}), False),
    "256 parts": (document(parts={f"p{i}": part() for i in range(256)}), True),
    "257 parts": (document(parts={f"p{i}": part() for i in range(257)}), False),
    "signatures": (changed(("spec", "signatures"), ["x"] * 8), True),
    "nine signatures": (changed(("spec", "signatures"), ["x"] * 9), False),
    "an empty signature": (changed(("spec", "signatures"), [""]), False),
    "an unknown field of the spec": (changed(("spec", "data"), {"A": "Yg=="}), False),
    "an unknown field of the secret": (changed((*SECRET, "data"), {"A": "Yg=="}), False),
    "an unknown field of a part": (changed((*A, "value"), "x"), False),
    "an unknown field at the top": (changed(("data",), {"A": "Yg=="}), False),
    # names
    "a part named by dots": (document(parts={"..": part()}), False),
    "a part named by one dot": (document(parts={".": part()}), False),
    "a part that begins with dots": (document(parts={"..a": part()}), False),
    "a part that begins with a dot": (document(parts={".a": part()}), True),
    "a part with a slash": (document(parts={"a/b": part()}), False),
    "a part with a long name": (document(parts={"a" * 253: part()}), True),
    "a part with too long a name": (document(parts={"a" * 254: part()}), False),
    "opaque together": (document(parts={"credential": part()}), True),
    "opaque together and apart": (document(parts={"credential": part(), "A": part()}), False),
    "two parts of another kind": (document("age-key", parts={"credential": part(), "A": part()}), False),
    "another part of another kind": (document("age-key", parts={"A": part()}), False),
    # recipients
    "no recipients": (changed((*A, "recipients"), None), False),
    "empty recipients": (changed((*A, "recipients"), {}), False),
    "33 recipients": (changed((*A, "recipients"), {f"r{i}": f"{i:032x}" for i in range(33)}), False),
    "32 recipients": (changed((*A, "recipients"), {f"r{i}": f"{i:032x}" for i in range(32)}), True),
    "a recipient in capitals": (changed((*A, "recipients"), {"EU": ID}), False),
    "a recipient with a dot": (changed((*A, "recipients"), {"eu.west": ID}), False),
    "a recipient with a long name": (changed((*A, "recipients"), {"r" * 63: ID}), True),
    "a recipient with too long a name": (changed((*A, "recipients"), {"r" * 64: ID}), False),
    "an id in capitals": (changed((*A, "recipients"), {"eu": ID.upper()}), False),
    "a short id": (changed((*A, "recipients"), {"eu": ID[1:]}), False),
    "an id that is a number": (changed((*A, "recipients"), {"eu": 12345678901234567890123456789012}), False),
    # facts
    "no facts": (changed((*A, "facts"), None), False),
    "no sealed-at": (changed((*A, "facts"), {"not-after": "2026-11-23T08:00:00Z"}), False),
    "a time with an offset": (changed((*A, "facts", "sealed-at"), "2026-11-23T08:00:00+01:00"), False),
    "a month that is none": (changed((*A, "facts", "sealed-at"), "2026-13-23T08:00:00Z"), False),
    "not-after that is no time": (changed((*A, "facts", "not-after"), "never"), False),
    "a fact of all kinds": (facts("opaque", aliases="x", namespaces="a,b", service_accounts="default"), True),
    "an unknown fact": (facts("opaque", password="x"), False),
    "a fact of another kind": (facts("opaque", url="https://example.org"), False),
    "its own facts": (facts("registry", registry="ghcr.io", user="bot"), True),
    "another's facts": (facts("registry", url="https://example.org"), False),
    "facts of tls": (facts("tls", fingerprint="SHA256:x", dns_names="a", issuer="b", ca="c"), True),
    "an empty fact": (facts("registry", user=""), False),
    "a fact that is no ASCII": (facts("registry", user="bö"), False),
    "a fact with a line break": (facts("registry", user="a\nb"), False),
    "a long fact": (facts("registry", user="x" * 1024), True),
    "too long a fact": (facts("registry", user="x" * 1025), False),
    # what is sealed
    "nothing sealed": (changed((*A, "sealed"), None), False),
    "no armor": (changed((*A, "sealed"), "s3cret"), False),
    "armor behind something": (changed((*A, "sealed"), " " + ARMOR), False),
    # labels and annotations of the Secret
    "a label": (changed((*SECRET, "labels"), {"app.kubernetes.io/name": "x", "team": "a"}), True),
    "an empty value of a label": (changed((*SECRET, "labels"), {"team": ""}), True),
    "a value that no label has": (changed((*SECRET, "labels"), {"team": "a b"}), False),
    "a label managed-by": (changed((*SECRET, "labels"), {"app.kubernetes.io/managed-by": "x"}), False),
    "a label of kubernetes": (changed((*SECRET, "labels"), {"kubernetes.io/x": "y"}), False),
    "a label of something below kubernetes": (changed((*SECRET, "labels"), {"a.kubernetes.io/x": "y"}), False),
    "a label of nearly kubernetes": (changed((*SECRET, "labels"), {"mykubernetes.io/x": "y"}), True),
    "a label that is no name": (changed((*SECRET, "labels"), {"-x": "y"}), False),
    "33 labels": (changed((*SECRET, "labels"), {f"l{i}": "" for i in range(33)}), False),
    "an annotation": (changed((*SECRET, "annotations"), {"a.example/b": "é ${x} \n"}), True),
    "an annotation of bulla": (changed((*SECRET, "annotations"), {"bulla.dev/x": "y"}), False),
    "an annotation of a replicator": (changed((*SECRET, "annotations"), {"replicator.mittwald.de/x": "y"}), False),
    "an annotation that is no text": (changed((*SECRET, "annotations"), {"x": 1}), False),
    "too long an annotation": (changed((*SECRET, "annotations"), {"x": "y" * 4097}), False),
    # the object
    "another version": (changed(("apiVersion",), "bulla.dev/v2"), False),
    "another kind": (changed(("kind",), "SealedSecret"), False),
    "no name": (changed(("metadata", "name"), None), False),
    "a name in capitals": (changed(("metadata", "name"), "X"), False),
    "a label of the object": (changed(("metadata", "labels"), {"a": "b"}), True),
    **{f"{kind} as {type_}": (document(kind, type_), kind in OF_TYPE[type_]) for kind in KINDS for type_ in TYPES},
}

# The CRD refuses these, and no JSON schema can say why: an entry of a map compared with another one.
UNSAID = {
    "a recipient named like another's id": changed((*A, "recipients"), {ID: ID[::-1]}),
    "a key id twice": changed((*A, "recipients"), {"a": ID, "b": ID}),
}

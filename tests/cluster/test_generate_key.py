# SPDX-License-Identifier: Apache-2.0
"""bulla-agent --generate-key as the component key-generation runs it: its command line, account and rights."""
import base64
import json
import os
import re
import subprocess

import pytest
import yaml

import controlplane
from agentbed import AGENT, SYSTEM, Bed, documents_path, plain, value
from manifests import MANIFESTS, apply_strictly, kustomize, overlay, secret_path
from processes import wait_for

JOB = next(o for o in yaml.safe_load_all((MANIFESTS / "components/key-generation/job.yaml").read_text()) if o["kind"] == "Job")
CONTAINER = JOB["spec"]["template"]["spec"]["containers"][0]
ACCOUNT = JOB["spec"]["template"]["spec"]["serviceAccountName"]
RBAC = [o for o in yaml.safe_load_all((MANIFESTS / "components/key-generation/rbac.yaml").read_text())]
KEYS = secret_path(SYSTEM, "bulla-sealing-keys")
RECIPIENTS = f"/api/v1/namespaces/{SYSTEM}/configmaps/bulla-recipients"
CONFLICT, REFUSED, IO, USAGE = 8, 6, 7, 2
MADE, THERE = "sealing key made; there is no backup of it", "there are sealing keys already; nothing is made"
# how a key begins, plain and in base64 wherever it stands there
SHAPES = ["AGE-SECRET-KEY-", *(base64.b64encode(b" " * n + b"AGE-SECRET-KEY-1")[-(-8 * n // 6):-4].decode() for n in range(3))]


@pytest.fixture(scope="module")
def plane(programs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keygen")
    with controlplane.ControlPlane(folder / "plane", programs) as plane:
        apply_strictly(plane.admin, kustomize(programs["kubectl"], overlay(folder, components=["components/key-generation"])))
        yield plane


class Run:
    """One run of the Job's container, started; its end by done()."""

    def __init__(self, plane, folder, *more, server=None, ca=None):
        self.folder = folder
        folder.mkdir()
        config = plane.write_kubeconfig(folder.name, token=plane.token(SYSTEM, ACCOUNT), server=server, ca=ca)
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "KUBECONFIG": str(config),
               **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
        args = [a.replace("$(POD_NAMESPACE)", SYSTEM) for a in CONTAINER["args"]]
        self.process = subprocess.Popen([AGENT, *args, *more], env=env, cwd=folder, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def done(self):
        """(exit status, what it said); it wrote nothing, and no key stands in what it said."""
        try:
            out, _ = self.process.communicate(timeout=90)
        finally:
            self.process.kill()
        assert list(self.folder.iterdir()) == []
        assert not [shape for shape in SHAPES if shape in out]
        return self.process.returncode, out


@pytest.fixture
def run(plane, tmp_path):
    """run(*more): the Job once; (exit status, output)."""
    runs = []

    def once(*more, wait=True, **options):
        made = Run(plane, tmp_path / f"run{len(runs)}-{tmp_path.name}", *more, **options)
        runs.append(made)
        return made.done() if wait else made
    yield once
    for made in runs:
        made.process.kill()


@pytest.fixture
def admin(plane):
    """With no key, recipients or documents, before and after."""
    def forget():
        plane.admin.delete(KEYS)
        plane.admin.delete(RECIPIENTS)
        plane.admin.request("DELETE", documents_path(SYSTEM), {})
        assert plane.admin.list("/apis/bulla.dev/v1/sealedcredentials") == []
    forget()
    yield plane.admin
    forget()


def messages(out):
    return [json.loads(line)["msg"] for line in out.splitlines() if line.startswith("{")]


def files(admin):
    """{file name: text} of the Secret; None: there is none."""
    return plain(admin.get(KEYS, absent=True))


def recipients_there(admin):
    return admin.ensure("v1", "ConfigMap", SYSTEM, "bulla-recipients", data={"active": "0" * 32})


def a_document(admin, namespace=SYSTEM):
    """One that says nothing a key could open: that it is there is what counts."""
    text = (MANIFESTS.parent / "docs/FORMAT.md").read_text().split("## 11. An example")[1]
    document = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    document["metadata"]["namespace"] = namespace
    return admin.apply(document)


# --- a key ---------------------------------------------------------------------------------------------------

def test_key_is_made(admin, run, tmp_path):
    status, out = run()
    assert status == 0, out
    [line] = [json.loads(text) for text in out.splitlines()]
    assert (line["msg"], line["level"], line["namespace"], line["secret"]) == (MADE, "info", SYSTEM, "bulla-sealing-keys")
    made = admin.get(KEYS)
    assert made["type"] == "Opaque" and set(made["metadata"]) & {"labels", "annotations", "ownerReferences"} == set()
    [(name, text)] = files(admin).items()
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{32}\.key", name)
    (tmp_path / "key").write_text(text)
    public = subprocess.run(["age-keygen", "-y", tmp_path / "key"], check=True, capture_output=True, text=True).stdout.strip()
    assert line["recipient"] == public and f"# public key: {public}\n" in text
    seconds = re.search(r"# created: (.*)\n", text)[1]
    assert name.startswith(re.sub("[-:]", "", seconds))


def test_second_run_leaves_it(admin, run):
    assert run()[0] == 0
    made = admin.get(KEYS)
    status, out = run()
    assert (status, messages(out)) == (0, [THERE])
    assert admin.get(KEYS) == made


def test_four_at_once_make_one(admin, run):
    runs = [run(wait=False) for _ in range(4)]
    done = [one.done() for one in runs]
    assert [status for status, _ in done] == [0] * 4, done
    assert sorted(messages(out) for _, out in done) == sorted([[MADE], [THERE], [THERE], [THERE]])
    [(_, text)] = files(admin).items()
    [recipient] = [json.loads(out)["recipient"] for _, out in done if MADE in out]
    assert f"# public key: {recipient}\n" in text


# --- a key that was lost -------------------------------------------------------------------------------------

def test_refused_with_recipients(admin, run):
    recipients_there(admin)
    status, out = run()
    assert status == CONFLICT and messages(out) == []
    assert "the ConfigMap bulla-recipients tells of keys" in out and "bulla keys install" in out
    assert files(admin) is None


@pytest.mark.parametrize("namespace", [SYSTEM, "somewhere"])
def test_refused_with_a_document(admin, run, namespace):
    admin.ensure("v1", "Namespace", None, namespace)
    document = a_document(admin, namespace)
    try:
        status, out = run()
        assert status == CONFLICT and messages(out) == []
        assert "there are SealedCredentials" in out and "bulla keys install" in out
        assert files(admin) is None
    finally:
        admin.delete(documents_path(namespace, document["metadata"]["name"]))


def test_nothing_is_wrong_where_the_key_is_there(admin, run):
    """A Job that was cleaned up and is applied again, long after."""
    assert run()[0] == 0
    made = admin.get(KEYS)
    recipients_there(admin)
    a_document(admin)
    status, out = run()
    assert (status, messages(out)) == (0, [THERE])
    assert admin.get(KEYS) == made


def test_lost_secret_is_not_replaced(plane, admin, run, tmp_path):
    """The agent takes up the key that was made, and what it publishes is what a later run goes by."""
    assert run()[0] == 0
    [(name, text)] = files(admin).items()
    with Bed(plane, tmp_path / "bed") as bed:
        for key in bed.keys.iterdir():
            key.unlink()
        (bed.keys / name).write_text(text)
        bed.key = re.search(r"age1[0-9a-z]+", text).group()
        with bed.run("--settle", 0):
            namespace = bed.namespace()
            bed.put("login", {"v": value()}, namespace)
            bed.ready("login", namespace)
            published = wait_for(lambda: admin.get(RECIPIENTS, absent=True), 30, "the recipients")
            wait_for(lambda: bed.key in json.dumps(admin.get(RECIPIENTS)), 30, "the recipient")
        assert published
        bed.api.delete(documents_path(namespace, "login"))
        admin.delete(KEYS)
        status, out = run()
        assert status == CONFLICT and "bulla-recipients" in out
        assert files(admin) is None


# --- what it cannot have -------------------------------------------------------------------------------------

def rule_of(kind):
    return next(o for o in RBAC if o["kind"] == kind)


def without(thing, resource):
    return {**thing, "rules": [r for r in thing["rules"] if r["resources"] != [resource]]}


@pytest.mark.parametrize("kind, resource", [("Role", "secrets"), ("Role", "configmaps"), ("ClusterRole", "sealedcredentials")])
def test_each_right_is_needed(plane, admin, run, kind, resource):
    def allowed():
        """As the server lets the account."""
        group, verb = {"secrets": ("", "create"), "configmaps": ("", "get"), "sealedcredentials": ("bulla.dev", "list")}[resource]
        attributes = {"group": group, "resource": resource, "verb": verb}
        if kind == "Role":
            attributes["namespace"] = SYSTEM
        if resource == "configmaps":
            attributes["name"] = "bulla-recipients"
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": f"system:serviceaccount:{SYSTEM}:{ACCOUNT}", "resourceAttributes": attributes}}
        return admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review).body["status"]["allowed"]

    assert allowed()
    admin.apply(without(rule_of(kind), resource))
    try:
        wait_for(lambda: not allowed(), 30, "the right gone")
        status, out = run()
        assert status == REFUSED and "forbids it (403)" in out and resource in out and messages(out) == []
        assert files(admin) is None
    finally:
        admin.apply(rule_of(kind))
        wait_for(allowed, 30, "the right again")
    assert run()[0] == 0 and len(files(admin)) == 1


def test_refusal_that_quotes_the_key_is_not_repeated(plane, admin, run):
    """A policy's own text may show all of the object: anyone's, not only this install's."""
    quoting = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "quotes"}, "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}]},
        "matchConditions": [{"name": "keys", "expression": "object.metadata.name == 'bulla-sealing-keys'"}],
        "validations": [{"expression": "false", "reason": "Forbidden", "messageExpression":
                         "'it has ' + object.data.map(k, string(object.data[k]))[0].replace('\\n', ' ')"}]}}
    binding = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "quotes"},
               "spec": {"policyName": "quotes", "validationActions": ["Deny"]}}
    trial = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bulla-sealing-keys"},
             "data": {"a.key": base64.b64encode(b"one\ntwo").decode()}}
    for thing in (quoting, binding):
        admin.apply(thing)
    try:
        def quoted():
            answer = admin.request("POST", secret_path(SYSTEM, "")[:-1], trial, {"dryRun": "All"}, expect=None)
            return re.search("it has (one two|b25lCnR3bw)", answer.body["message"]) if answer.status >= 400 else None
        wait_for(quoted, 60, "the policy")
        status, out = run()
        assert status != 0 and messages(out) == [] and "it has" not in out and "POST " in out
        assert files(admin) is None
    finally:
        for thing in (binding, quoting):
            admin.delete(admin.path_of(thing))


def test_unknown_kind_is_no_proof_of_a_new_cluster(programs, tmp_path, new_control_plane):
    """Without the CustomResourceDefinition nobody can say that there never was a document."""
    plane = new_control_plane()
    plane.admin.ensure("v1", "Namespace", None, SYSTEM)
    plane.token(SYSTEM, ACCOUNT)
    for thing in RBAC:
        plane.admin.apply(thing)
    status, out = Run(plane, tmp_path / "run").done()
    assert status == IO and "CustomResourceDefinition" in out, out
    assert files(plane.admin) is None


SPOILED = {
    "recipients-500": ("GET", "configmaps/", lambda r: r.answer(500), IO, "failed (500)"),
    "recipients-cut": ("GET", "configmaps/", lambda r: r.reset(), IO, "configmaps/bulla-recipients"),
    "documents-503": ("GET", "sealedcredentials", lambda r: r.answer(503), IO, "not ready (503)"),
    "documents-no-list": ("GET", "sealedcredentials", lambda r: r.body(b"{}"), IO, "no list"),
    "documents-no-json": ("GET", "sealedcredentials", lambda r: r.body(b"<html>"), IO, "sealedcredentials"),
    "documents-more": ("GET", "sealedcredentials", lambda r: r.body(b'{"metadata":{"continue":"x"},"items":[]}'), CONFLICT, "keys install"),
    "secret-409-of-a-quota": ("POST", "/secrets", lambda r: r.answer(409, "Conflict"), CONFLICT, "(409)"),
    "secret-500": ("POST", "/secrets", lambda r: r.answer(500), IO, "failed (500)"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_no_key_on_half_an_answer(plane, admin, run, new_fault_proxy, case):
    method, path, spoil, wanted, text = SPOILED[case]
    proxy = new_fault_proxy(plane)
    spoil(rule := proxy.on(method, path))
    status, out = run(server=proxy.server, ca=proxy.ca)
    assert status == wanted and text in out and messages(out) == [], out
    assert rule.hits > 0 and files(admin) is None


def test_answer_that_is_lost(plane, admin, run, new_fault_proxy):
    """The key is there and was not told: the next try finds it, and makes no second."""
    proxy = new_fault_proxy(plane)
    proxy.on("POST", "/secrets", times=1).lose_answer()
    status, out = run(server=proxy.server, ca=proxy.ca)
    assert status == IO and "it may have been done all the same" in out and messages(out) == []
    assert proxy.count("POST", "/secrets") == 1
    made = admin.get(KEYS)
    status, out = run(server=proxy.server, ca=proxy.ca)
    assert (status, messages(out)) == (0, [THERE])
    assert admin.get(KEYS) == made


def test_no_server(plane, run, admin):
    status, out = run(server="https://127.0.0.1:1")
    assert status == IO and "127.0.0.1:1" in out and messages(out) == []
    assert files(admin) is None


def test_what_is_no_part_of_it(run):
    for more in (["--keys", "."], ["--kubernetes"], ["--once"], ["--namespaces", "a"]):
        status, out = run(*more)
        assert status == USAGE and f"{more[0]} does not go with --generate-key" in out


def test_job_runs_this_program():
    assert CONTAINER["args"] == ["--generate-key", "--agent-namespace", "$(POD_NAMESPACE)"]
    assert CONTAINER["image"].split(":")[0].endswith("/bulla-agent") and "command" not in CONTAINER

# SPDX-License-Identifier: Apache-2.0
"""Kubeconfigs are read as kubectl reads them: generated files, held against kubectl itself."""
import base64
import json
import os
import pathlib
import random
import shutil
import subprocess

import pytest
import yaml

CRD = pathlib.Path(__file__).resolve().parents[2] / "manifests/base/crd.yaml"
CORPUS = pathlib.Path(__file__).resolve().parents[1] / "fuzz" / "corpus" / "kubeconfig"
BIN_DIR = pathlib.Path(os.environ.get("BULLA_BIN_DIR", pathlib.Path(__file__).resolve().parents[2] / "build"))
PATHS = {"certificate-authority", "client-certificate", "client-key", "tokenFile"}


@pytest.fixture(scope="session")
def kubectl(programs):
    return programs["kubectl"]


@pytest.fixture()
def tool(tmp_path):
    program = BIN_DIR / "tools" / "kubeconfig_tool"

    def run(*args, kubeconfig=None):
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        if kubeconfig:
            env["KUBECONFIG"] = kubeconfig
        return subprocess.run([program, *args], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    return run


def run_kubectl(kubectl, kubeconfig, home, *args):
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": kubeconfig}
    return subprocess.run([kubectl, *args], env=env, cwd=home, capture_output=True, text=True, timeout=60)


# --- random kubeconfigs ---------------------------------------------------------------------------

def data(rng):
    return base64.b64encode(rng.randbytes(rng.randint(1, 300))).decode()


def word(rng):
    return rng.choice(["a", "b-c", "12", "true", "x@y", "arn:aws:eks:eu:1:cluster/p", "é", "a b", "null", "0x1f", ""])


def some(rng, fields):
    return {name: make() for name, make in fields.items() if rng.random() < 0.4}


def an_exec(rng):
    made = some(rng, {
        "args": lambda: rng.choice([None, [word(rng) for _ in range(3)]]),
        "env": lambda: rng.choice([None, [{"name": f"V{i}", "value": word(rng)} for i in range(2)]]),
        "installHint": lambda: "get it\nthere",
        "provideClusterInfo": lambda: rng.random() < 0.5,
        "interactiveMode": lambda: rng.choice(["Never", "IfAvailable", "Always"]),
    })
    return {"command": rng.choice(["p", "./p", "../x/p", "/bin/p"]),
            "apiVersion": "client.authentication.k8s.io/" + rng.choice(["v1", "v1beta1"]), **made}


def a_cluster(rng):
    return some(rng, {
        "server": lambda: f"https://host{rng.randint(0, 99)}:6443",
        "tls-server-name": lambda: "sni",
        "proxy-url": lambda: "http://proxy:3128",
        "certificate-authority": lambda: rng.choice(["ca.crt", "../ca", "/etc/ca", "x/../y"]),
        "certificate-authority-data": lambda: data(rng),
        "insecure-skip-tls-verify": lambda: rng.choice([True, False, None]),
        "disable-compression": lambda: rng.choice([True, False]),
        "unknown": lambda: {"a": [1, None]},
        "extensions": lambda: rng.choice([None, [{"name": "e", "extension": {"x": "y"}}]]),
    })


def a_user(rng):
    return some(rng, {
        "token": lambda: word(rng), "tokenFile": lambda: rng.choice(["t", "../t", "/t"]),
        "username": lambda: word(rng), "password": lambda: word(rng),
        "client-certificate": lambda: "c.crt", "client-certificate-data": lambda: data(rng),
        "client-key": lambda: "./c.key", "client-key-data": lambda: data(rng),
        "as": lambda: word(rng), "as-uid": lambda: word(rng), "as-groups": lambda: [word(rng), "g"],
        "as-user-extra": lambda: {"scopes": ["view", word(rng)], "r/e": [word(rng)]},
        "exec": lambda: an_exec(rng),
        "auth-provider": lambda: {"name": "gcp", "config": {"a": "b"}},
    })


def a_context(rng):
    return some(rng, {"cluster": lambda: rng.choice("pqr"), "user": lambda: rng.choice("pqr"),
                      "namespace": lambda: rng.choice(["apps", "kube-system"])})


def a_file(rng):
    config = {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    for section, item, make in (("clusters", "cluster", a_cluster), ("users", "user", a_user),
                                ("contexts", "context", a_context)):
        names = rng.sample("pqr", rng.randint(0, 3))
        config[section] = [{"name": n, item: make(rng)} for n in names] or rng.choice([[], None])
    config["current-context"] = rng.choice(["p", "q", "", None])
    keys = list(config)
    rng.shuffle(keys)
    config = {k: config[k] for k in keys}
    return rng.choice([
        lambda: json.dumps(config, indent=4, ensure_ascii=False),
        lambda: json.dumps(config),
        lambda: yaml.safe_dump(config, allow_unicode=True, width=rng.choice([40, 80, 4000])),
        lambda: yaml.safe_dump(config, sort_keys=False, default_flow_style=True),
        lambda: "---\n# by hand\n" + yaml.safe_dump(config, explicit_end=True),
    ])()


# --- both answers in one form ----------------------------------------------------------------------

def drop_empty(value):
    if isinstance(value, dict):
        kept = {k: drop_empty(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v not in (None, "", [], {}, False)}
    return value


def resolved(entry, folder):
    entry = dict(entry)
    for name in PATHS & entry.keys():
        entry[name] = os.path.normpath(os.path.join(folder, entry[name]))
    if "exec" in entry and "/" in entry["exec"]["command"]:
        entry["exec"] = dict(entry["exec"], command=os.path.normpath(
            os.path.join(folder, entry["exec"]["command"])))
    return entry


def ours(text):
    view = json.loads(text)
    files = {}
    for section in ("clusters", "users", "contexts"):
        entries = {}
        for entry in view[section]:
            name, file = entry.pop("name"), entry.pop("file")
            files[section, name] = os.path.dirname(file)
            entries[name] = drop_empty(resolved(entry, files[section, name]))
        view[section] = entries
    return view, files


def theirs(text, files):
    """As ours.  kubectl shows paths relative to the file they came from."""
    view = json.loads(text)
    shaped = {"current-context": view["current-context"]} if view["current-context"] else {}
    for section in ("clusters", "users", "contexts"):
        entries = {}
        for item in view[section] or []:
            entry = dict(item[section[:-1]])
            entry.pop("extensions", None)
            if "auth-provider" in entry:
                entry["auth-provider"] = entry["auth-provider"]["name"]
            if "exec" in entry:
                env = {e["name"]: e["value"] for e in entry["exec"].pop("env") or []}
                entry["exec"]["env"] = env
                if entry["exec"]["apiVersion"].endswith("/v1beta1"):  # a default, shown or not by its version
                    entry["exec"].setdefault("interactiveMode", "IfAvailable")
            entries[item["name"]] = drop_empty(resolved(entry, files[section, item["name"]]))
        shaped[section] = entries
    return shaped


def agree(kubectl, tool, home, files):
    mine = tool("merge", *map(str, files))
    real = run_kubectl(kubectl, ":".join(map(str, files)), home, "config", "view", "--raw", "-o", "json")
    assert mine.returncode == 0 and real.returncode == 0, mine.stderr + real.stderr
    view, folders = ours(mine.stdout)
    assert view == theirs(real.stdout, folders)
    return view


@pytest.mark.parametrize("seed", range(40))
def test_merge_agrees_with_kubectl(kubectl, tool, tmp_path, seed):
    rng = random.Random(seed)
    files = []
    for i in range(rng.randint(1, 3)):
        folder = tmp_path / f"f{i}"
        folder.mkdir()
        files.append(folder / "config")
        files[-1].write_text(a_file(rng))
    agree(kubectl, tool, tmp_path, files)


@pytest.mark.parametrize("name", ["gke", "eks", "kubectl", "kind.json", "extension", "provider"])
def test_what_tools_write_is_read(kubectl, tool, tmp_path, name):
    file = tmp_path / "config"
    shutil.copy(CORPUS / name, file)
    assert agree(kubectl, tool, tmp_path, [file])["clusters"]


def test_what_kubectl_writes_is_read(kubectl, tool, tmp_path):
    """kubectl config set-* with names that need quotes, and back."""
    file = tmp_path / "config"
    for name in ["yes", "12", "0x1f", "1e3", "null", "~", "a: b", "# c", "é", "on", "2026-01-01", "1:30", "y",
                 "'q'", '"d"', "- x", "{a}", "a\tb", "-", "?", "@at", "`", "%", "!t", "&a", "*b"]:
        for args in (["set-cluster", f"--server=https://{len(name)}", "--", name],
                     ["set-credentials", f"--token={name}", "--", name],
                     ["set-context", f"--cluster={name}", f"--user={name}", "--", name]):
            done = run_kubectl(kubectl, str(file), tmp_path, "config", *args)
            assert done.returncode == 0, done.stderr
    view = agree(kubectl, tool, tmp_path, [file])
    assert len(view["contexts"]) == 26
    assert view["users"]["1:30"] == {"token": "1:30"}


# --- refusals: where kubectl refuses, so does Bulla ------------------------------------------------

REFUSED_BY_BOTH = {
    "no user": ("server: 'https://127.0.0.1:1'", None),
    "two ways": ("server: 'https://127.0.0.1:1'", "token: a, username: b"),
    "certificate alone": ("server: 'https://127.0.0.1:1'", "client-certificate-data: YQ=="),
    "insecure with authority": ("server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true, "
                                "certificate-authority-data: @CA@", "token: t"),
    "authority not there": ("server: 'https://127.0.0.1:1', certificate-authority: nowhere", "token: t"),
    "authority is no certificate": ("server: 'https://127.0.0.1:1', certificate-authority-data: YQ==", "token: t"),
    "proxy": ("server: 'https://127.0.0.1:1', proxy-url: 'ftp://a'", "token: t"),
    "groups alone": ("server: 'https://127.0.0.1:1'", "token: t, as-groups: [a]"),
    "token file": ("server: 'https://127.0.0.1:1'", "tokenFile: nowhere"),
    "number": ("server: 'https://127.0.0.1:1'", "token: 12"),
    "base64": ("server: 'https://127.0.0.1:1', certificate-authority-data: 'a'", "token: t"),
    "exec version": ("server: 'https://127.0.0.1:1'",
                     "exec: {command: p, apiVersion: client.authentication.k8s.io/v1alpha1, interactiveMode: Never}"),
    "exec without command": ("server: 'https://127.0.0.1:1'",
                             "exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}"),
    "exec without mode": ("server: 'https://127.0.0.1:1'",
                          "exec: {command: 'true', apiVersion: client.authentication.k8s.io/v1}"),
    "exec is missing": ("server: 'https://127.0.0.1:1'",
                        "exec: {command: no-such-plugin, apiVersion: client.authentication.k8s.io/v1beta1}"),
    "exec says nothing": ("server: 'https://127.0.0.1:1'",
                          "exec: {command: 'true', apiVersion: client.authentication.k8s.io/v1beta1}"),
    "auth-provider": ("server: 'https://127.0.0.1:1'", "auth-provider: {name: gcp}"),
}
ACCEPTED_BY_BOTH = {
    "token": ("server: 'https://127.0.0.1:1'", "token: t"),
    "insecure": ("server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true", "token: t"),
    "authority": ("server: 'https://127.0.0.1:1', certificate-authority-data: @CA@", "token: t"),
    "basic": ("server: 'https://127.0.0.1:1'", "username: a, password: b"),
    "impersonation": ("server: 'https://127.0.0.1:1'", "token: t, as: a, as-groups: [b]"),
    "prefix": ("server: 'https://127.0.0.1:1/a/b/'", "token: t"),
    "unknown fields": ("server: 'https://127.0.0.1:1', x: y", "token: t, z: {}"),
}


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=ca", "-keyout", folder / "key", "-out", folder / "crt"],
                   check=True, capture_output=True)
    return base64.b64encode((folder / "crt").read_bytes()).decode()


def both(kubectl, tool, tmp_path, authority, cluster, user):
    file = tmp_path / "config"
    users = "[]" if user is None else f"[{{name: u, user: {{{user}}}}}]"
    file.write_text("current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
                    f"clusters: [{{name: c, cluster: {{{cluster.replace('@CA@', authority)}}}}}]\nusers: {users}\n")
    real = run_kubectl(kubectl, str(file), tmp_path, "get", "--raw", "/version", "--request-timeout=5s")
    # nobody listens there: who gets so far accepts the configuration
    return "connection" in real.stderr and "refused" in real.stderr, tool("load", kubeconfig=str(file)), real.stderr


@pytest.mark.parametrize("name", REFUSED_BY_BOTH)
def test_refused_by_both(kubectl, tool, tmp_path, authority, name):
    accepted, mine, said = both(kubectl, tool, tmp_path, authority, *REFUSED_BY_BOTH[name])
    assert not accepted, said
    assert mine.returncode in (2, 3, 7) and mine.stderr.startswith(str(tmp_path)), mine.stderr


@pytest.mark.parametrize("name", ACCEPTED_BY_BOTH)
def test_accepted_by_both(kubectl, tool, tmp_path, authority, name):
    accepted, mine, said = both(kubectl, tool, tmp_path, authority, *ACCEPTED_BY_BOTH[name])
    assert accepted, said
    assert mine.returncode == 0, mine.stderr


def test_a_plugin_is_told_what_kubectl_tells_it(kubectl, tool, tmp_path, authority):
    """The same plugin, run by both, writes down what it was given."""
    plugin = tmp_path / "plugin"
    plugin.write_text('#!/bin/sh\nprintf %s "$KUBERNETES_EXEC_INFO" >"$OUT"\n'
                      'echo "$@" >>"$OUT.args"\n'
                      "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","
                      "\"status\":{\"token\":\"t\"}}'\n")
    plugin.chmod(0o755)
    told = {}
    for who in ("kubectl", "bulla"):
        file = tmp_path / f"{who}.config"
        file.write_text(f"""
current-context: x
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
clusters:
- name: c
  cluster:
    server: https://127.0.0.1:1
    tls-server-name: sni
    certificate-authority-data: {authority}
    disable-compression: true
    extensions:
    - name: client.authentication.k8s.io/exec
      extension: {{audience: "06", list: [1, true, null]}}
users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./plugin
      args: [a, "b c"]
      env: [{{name: OUT, value: {tmp_path / who}}}]
      interactiveMode: IfAvailable
      provideClusterInfo: true
""")
        if who == "kubectl":
            run_kubectl(kubectl, str(file), tmp_path, "get", "--raw", "/version")
        else:
            assert tool("load", kubeconfig=str(file)).returncode == 0
        told[who] = json.loads((tmp_path / who).read_text())
        assert (tmp_path / f"{who}.args").read_text().splitlines()[0] == "a b c"
    assert told["bulla"] == told["kubectl"]
    assert told["bulla"]["spec"]["cluster"]["config"]["audience"] == "06"


def test_a_plugin_is_run_again_when_its_token_is_refused(tmp_path, control_plane, namespace):
    """First a token that the API server does not know, then, by the same plugin, one that it does."""
    control_plane.admin.apply_file(CRD)
    token = control_plane.token(namespace, "reader")
    control_plane.admin.grant((namespace, "reader"), [("bulla.dev", "sealedcredentials", "list")], namespace)
    plugin = tmp_path / "plugin"
    plugin.write_text('#!/bin/sh\necho >>"$0.runs"\nt=wrong\n[ "$(wc -l <"$0.runs")" = 1 ] || t=$(cat "$0.token")\n'
                      'echo "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"kind\\":\\"ExecCredential\\",'
                      '\\"status\\":{\\"token\\":\\"$t\\"}}"\n')
    plugin.chmod(0o755)
    (tmp_path / "plugin.token").write_text(token)
    file = tmp_path / "config"
    file.touch(0o600)
    file.write_text(yaml.safe_dump({
        "current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": control_plane.server,
                                               "certificate-authority": str(control_plane.ca)}}],
        "users": [{"name": "u", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin",
                                                  "interactiveMode": "Never"}}}]}))
    done = subprocess.run([BIN_DIR / "bulla", "status", "--context", "x", "-n", namespace, "--kubeconfig", file],
                          cwd=tmp_path, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "no sealed documents" in done.stderr
    assert (tmp_path / "plugin.runs").read_text() == "\n\n"

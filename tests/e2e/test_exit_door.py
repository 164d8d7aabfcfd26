# SPDX-License-Identifier: Apache-2.0
"""docs/exit-door.sh gives what `bulla open` gives, of every kind, and nothing of a document that is not whole.

It is run with both programs that are called yq: Debian's (kislyuk's, in Python) and mikefarah's (in Go).
"""
import base64
import json
import os
import pty
import re
import select
import shutil
import subprocess
import termios
import time

import pytest
import yaml

from checkout import Checkout
from documents import KINDS, TOP
from test_kinds import pat

SCRIPT = TOP / "docs/exit-door.sh"
MIKEFARAH = "github.com/mikefarah/yq/v4@v4.30.8"
SSH = "ssh://git@github.com/barolab/foobar-infra"
HTTPS = "https://github.com/barolab/foobar-infra"


def missing(why):
    pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


@pytest.fixture(scope="session")
def mikefarah():
    """A folder with mikefarah's yq as yq; made once, under build/."""
    folder = TOP / "build" / "yq"
    if not (folder / "yq").exists():
        if shutil.which("go") is None:
            missing("go is not installed: the exit door is not tried with mikefarah's yq")
        done = subprocess.run(["go", "install", MIKEFARAH], capture_output=True, text=True,
                              env={**os.environ, "GOBIN": str(folder), "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip()})
        if done.returncode != 0:
            missing(f"mikefarah's yq cannot be built: {done.stderr[-500:]}")
    return folder


@pytest.fixture(scope="session")
def path():
    """The PATH with Debian's yq."""
    for program in ("yq", "jq", "age"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed")
    if "mikefarah" in subprocess.run(["yq", "--version"], capture_output=True, text=True).stdout:
        missing("the yq installed here is mikefarah's")
    return os.environ["PATH"]


@pytest.fixture(params=["kislyuk", "mikefarah"])
def each_yq(request, path):
    """The PATH that has this yq first, for what depends on it."""
    return path if request.param == "kislyuk" else f"{request.getfixturevalue('mikefarah')}:{path}"


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """A repository with a document of every kind, each in a file of its kind's name."""
    repo = Checkout(tmp_path_factory.mktemp("exit"))
    repo.init("-r", "eu-west9")
    m = repo.path
    repo.tool("openssl", "genrsa", "-out", str(m / "rsa.pem"), "2048")
    repo.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
              "-keyout", str(m / "key.pem"), "-out", str(m / "cert.pem"), "-subj", "/CN=api",
              "-addext", "subjectAltName=DNS:api.example.org")
    (m / "token").write_text(pat())
    (m / "password").write_text("correct horse battery\n")
    (m / "webhook").write_text("0123456789abcdef" * 4)
    (m / "google.json").write_text(json.dumps({
        "type": "service_account", "project_id": "foobar-1234", "private_key_id": "0123456789abcdef",
        "private_key": (m / "rsa.pem").read_text(), "client_email": "robot@foobar-1234.iam.gserviceaccount.com"}))
    (m / "binary").write_bytes(bytes(range(256)) * 1024)
    inputs = {
        "registry": ["--server", "ghcr.io", "--username", "bot", "--token-file", m / "token"],
        "deploy-key": ["--url", SSH],
        "git-https": ["--url", HTTPS, "--username", "git", "--token-file", m / "token"],
        "github-app": ["--url", HTTPS, "--app-id", "12345", "--owner", "barolab", "--private-key", m / "rsa.pem"],
        "tls": ["--cert", m / "cert.pem", "--private-key", m / "key.pem", "--alias", "cert.pem=tls.crt"],
        "basic-auth": ["--username", "admin", "--password-file", m / "password"],
        "proxy": ["--address", "https://proxy.example:3128", "--username", "u", "--password-file", m / "password"],
        "webhook-token": ["--token-file", m / "webhook"],
        "age-key": ["--private-key", repo.recovery],
        "gcp-service-account": ["--key-file", m / "google.json"],
        "opaque": ["--from-env-file", "-", "--from-file", m / "binary", "--label", "app.kubernetes.io/name=api"],
    }
    assert set(inputs) == set(KINDS)
    for kind, args in inputs.items():
        repo.bulla("seal", kind, kind, "-n", "web", "-w", f"{kind}.yaml", *args, input="NO=0x1f\nempty=''\n1e5=x\n"
                   .replace("1e5", "e5"))
    repo.bulla("seal", "opaque", "together", "-n", "web", "-w", "together.yaml", "--together", "--from-env-file", "-",
               input="HOST=db.internal.example\nPASSWORD='s3cr3t, quoted'\n")
    return repo


def exit_door(repo, path, document, identity=None, which=None, shell="sh"):
    command = [shell, str(SCRIPT), str(document), str(identity or repo.recovery)] + ([which] if which else [])
    return subprocess.run(command, cwd=repo.top, env={**repo.env, "PATH": path}, capture_output=True, text=True,
                          timeout=60, start_new_session=True, stdin=subprocess.DEVNULL)


def opened(repo, document, *args):
    """The Secret that `bulla open` prints, without labels and annotations."""
    v = yaml.safe_load(repo.bulla("open", document, "-i", repo.recovery, *args).out)
    v["metadata"] = {k: v["metadata"][k] for k in ("name", "namespace")}
    return v


def refused(done):
    assert done.returncode != 0 and done.stdout == "", done
    return done.stderr


def test_shellcheck():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed; make lint installs and runs it")
    subprocess.run(["shellcheck", str(SCRIPT)], check=True)


@pytest.mark.parametrize("name", [*KINDS, "together"])
def test_every_kind(repo, each_yq, name):
    done = exit_door(repo, each_yq, f"{name}.yaml")
    assert done.returncode == 0 and done.stderr == "", done
    secret = json.loads(done.stdout)
    assert secret == opened(repo, f"{name}.yaml")
    assert set(secret) == {"apiVersion", "kind", "metadata", "type", "data"}


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh", "ksh93", "busybox"])
def test_every_shell(repo, path, shell):
    """zsh only as sh: by its own name it is no POSIX shell."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    link = repo.path / f"sh-{shell}" / "sh"
    link.parent.mkdir(exist_ok=True)
    if not link.exists():
        link.symlink_to(program)
    done = exit_door(repo, path, "opaque.yaml", shell=str(link))
    assert done.returncode == 0, done
    assert json.loads(done.stdout) == opened(repo, "opaque.yaml")


def test_one_of_several(repo, each_yq):
    text = (repo.top / "tls.yaml").read_text() + "---\nkind: ConfigMap\napiVersion: v1\n---\n" \
        + (repo.top / "opaque.yaml").read_text()
    repo.write("several.yaml", text)
    assert "2 such sealed documents" in refused(exit_door(repo, each_yq, "several.yaml"))
    done = exit_door(repo, each_yq, "several.yaml", which="web/opaque")
    assert json.loads(done.stdout) == opened(repo, "several.yaml", "--document", "web/opaque")
    assert "0 such sealed documents" in refused(exit_door(repo, each_yq, "several.yaml", which="web/other"))


def test_no_document(repo, each_yq):
    repo.write("other.yaml", "a: [1, 2]\n---\nx\n---\n")
    assert "0 such sealed documents" in refused(exit_door(repo, each_yq, "other.yaml"))
    refused(exit_door(repo, each_yq, "nowhere.yaml"))
    repo.write("broken.yaml", "a: [1, 2\n")
    refused(exit_door(repo, each_yq, "broken.yaml"))


def test_wrong_key(repo, path):
    other = repo.path / "other.key"
    if not other.exists():
        repo.tool("age-keygen", "-o", str(other))
    for name in ("opaque", "tls"):
        refused(exit_door(repo, path, f"{name}.yaml", other))
        refused(exit_door(repo, path, f"{name}.yaml", repo.path / "no.key"))


def test_an_identity_in_cluster_is_enough(repo, path):
    """Any listed key opens it, not only recovery."""
    keys = repo.path / "keys"
    repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "--to", keys)
    [key] = keys.iterdir()
    done = exit_door(repo, path, "opaque.yaml", key)
    assert json.loads(done.stdout) == opened(repo, "opaque.yaml")


def at_terminal(repo, path, command, passphrase, out):
    """Run a command that asks for a passphrase; how often it did."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(repo.top)
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.execvpe(command[0], command, {**repo.env, "PATH": path})
    said, asked = b"", 0
    while True:
        if not select.select([fd], [], [], 60)[0]:
            raise AssertionError(f"it does not end: {said!r}")
        try:
            more = os.read(fd, 4096)
        except OSError:  # the other end is closed
            more = b""
        if not more:
            break
        said += more
        if said.count(b"Enter passphrase") > asked:
            asked += 1
            while termios.tcgetattr(fd)[3] & termios.ECHO:  # what is typed earlier would be dropped
                time.sleep(0.01)
            os.write(fd, passphrase.encode() + b"\n")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said
    return asked


def test_recovery_key_with_a_passphrase(tmp_path, path):
    """age asks at the terminal, once for each part; or the key is opened once before."""
    repo = Checkout(tmp_path)
    [passphrase] = re.findall(r"^    (\S{35})$", repo.bulla("init", "-r", "eu-west9").err, re.M)
    recovery = repo.home / ".config/bulla/recovery.age"
    repo.bulla("seal", "opaque", "two", "-n", "web", "-w", "two.yaml", "--from-env-file", "-", input="A=1\nB=2\n")
    out = tmp_path / "out"
    assert at_terminal(repo, path, ["sh", str(SCRIPT), "two.yaml", str(recovery)], passphrase, out) == 2
    assert json.loads(out.read_text())["data"] == {"A": "MQ==", "B": "Mg=="}
    plain = tmp_path / "recovery.txt"
    assert at_terminal(repo, path, ["age", "-d", "-o", str(plain), str(recovery)], passphrase, out) == 1
    assert json.loads(exit_door(repo, path, "two.yaml", plain).stdout)["data"] == {"A": "MQ==", "B": "Mg=="}


# --- documents that say something else than what is in them ------------------------------------------

def load(repo, name):
    return yaml.safe_load((repo.top / f"{name}.yaml").read_text())


def write(repo, document):
    repo.write("hostile.yaml", yaml.safe_dump(document, allow_unicode=True))
    return "hostile.yaml"


def moved(d):
    d["metadata"]["namespace"] = "other"


def renamed(d):
    d["metadata"]["name"] = "other"


def retyped(d):
    d["spec"]["secret"]["type"] = "kubernetes.io/basic-auth"


def rekinded(d):
    d["spec"]["kind"] = "opaque"


def part_renamed(d):
    d["spec"]["parts"] = {f"x-{name}": part for name, part in d["spec"]["parts"].items()}


def without(field):
    def change(d):
        *way, last = field.split(".")
        for step in way:
            d = d[step]
        del d[last]
    change.__name__ = f"without {field}"
    return change


@pytest.mark.parametrize("change", [moved, renamed, retyped, rekinded, part_renamed, without("metadata.name"),
                                    without("metadata.namespace"), without("spec.secret.type"), without("spec.kind"),
                                    without("spec.parts"), without("spec.secret")], ids=lambda f: f.__name__)
def test_outside_changed(repo, path, change):
    for name in ("tls", "opaque"):
        if (name, change) == ("opaque", rekinded):
            continue
        d = load(repo, name)
        change(d)
        refused(exit_door(repo, path, write(repo, d)))


def test_mixed(repo, path):
    """A part of one document in another, of the same kind or not."""
    d, other = load(repo, "opaque"), load(repo, "together")
    d["spec"]["parts"]["NO"] = other["spec"]["parts"]["credential"]
    refused(exit_door(repo, path, write(repo, d)))
    d = load(repo, "opaque")
    d["spec"]["parts"]["NO"], d["spec"]["parts"]["e5"] = d["spec"]["parts"]["e5"], d["spec"]["parts"]["NO"]
    refused(exit_door(repo, path, write(repo, d)))
    d, other = load(repo, "tls"), load(repo, "webhook-token")
    d["spec"]["parts"] = other["spec"]["parts"]
    refused(exit_door(repo, path, write(repo, d)))


def test_no_part_is_left_out_in_silence(repo, path):
    """One part of many that does not open spoils the whole."""
    d = load(repo, "opaque")
    sealed = d["spec"]["parts"]["e5"]["sealed"]
    d["spec"]["parts"]["e5"]["sealed"] = sealed[:400] + ("B" if sealed[400] == "A" else "A") + sealed[401:]
    assert "part e5 " in refused(exit_door(repo, path, write(repo, d)))
    del d["spec"]["parts"]["e5"]["sealed"]
    refused(exit_door(repo, path, write(repo, d)))
    d["spec"]["parts"] = {}
    refused(exit_door(repo, path, write(repo, d)))


@pytest.mark.parametrize("name", ["a b", "\u001b]0;x\u0007", "\u009b31m", "..", "a\nNO", "", "x" * 254])
def test_names_of_parts(repo, each_yq, name):
    d = load(repo, "opaque")
    d["spec"]["parts"][name] = d["spec"]["parts"]["NO"]
    err = refused(exit_door(repo, each_yq, write(repo, d)))
    assert "\x1b" not in err and "\u009b" not in err


@pytest.mark.parametrize("kind", ["bootstrap.kubernetes.io/token", "kubernetes.io/service-account-token",
                                  "helm.sh/release.v1", ""])
def test_types_that_are_never_sealed(repo, path, kind):
    """Inside and outside agree, and still nothing comes out."""
    d = hostile(repo, {**PLAIN, "type": kind})
    d["spec"]["secret"]["type"] = kind
    refused(exit_door(repo, path, write(repo, d)))


# --- hostile plaintext, sealed with stock age ----------------------------------------------------------

PLAIN = {"apiVersion": "v1", "kind": "Secret",
         "metadata": {"name": "together", "namespace": "web",
                      "annotations": {"bulla.dev/format": "1", "bulla.dev/kind": "opaque",
                                      "bulla.dev/part": "credential"}},
         "type": "Opaque", "data": {"a": "eA=="}}
CLUSTER_ADMIN = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                 "metadata": {"name": "together", "namespace": "web"},
                 "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}}


def hostile(repo, plain):
    """The document `together` with this in its part."""
    d = load(repo, "together")
    text = plain if isinstance(plain, (str, bytes)) else json.dumps(plain)
    public = repo.tool("age-keygen", "-y", str(repo.recovery)).strip()
    d["spec"]["parts"]["credential"]["sealed"] = repo.tool("age", "-a", "-r", public, input=text)
    return d


def changed(**how):
    v = json.loads(json.dumps(PLAIN))
    for field, value in how.items():
        at = v
        *way, last = field.split("__")
        for step in way:
            at = at[step]
        at[last] = value
    return v


def test_what_is_sealed_by_hand_comes_out(repo, path):
    """So that the refusals below are for their reason and no other."""
    done = exit_door(repo, path, write(repo, hostile(repo, PLAIN)))
    assert json.loads(done.stdout)["data"] == {"a": "eA=="}


def test_only_what_a_secret_is_comes_out(repo, path):
    """Anything beside name, namespace, type and data stays in."""
    v = changed(metadata__labels={"a": "b"}, metadata__ownerReferences=[{"kind": "Node"}], metadata__finalizers=["x"])
    v["stringData"], v["immutable"] = {"b": "c"}, True
    v["metadata"]["annotations"]["kubernetes.io/service-account.name"] = "admin"
    done = exit_door(repo, path, write(repo, hostile(repo, v)))
    assert json.loads(done.stdout) == {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"a": "eA=="},
                                       "metadata": {"name": "together", "namespace": "web"}}


HOSTILE = {
    "a List": {"apiVersion": "v1", "kind": "List", "items": [PLAIN]},
    "another object": CLUSTER_ADMIN,
    "another object behind it": json.dumps(PLAIN) + json.dumps(CLUSTER_ADMIN),
    "another object before it": json.dumps(CLUSTER_ADMIN) + json.dumps(PLAIN),
    "another Secret behind it": json.dumps(PLAIN) + "\n" + json.dumps(changed(data={"b": "eA=="})),
    "YAML documents": f"---\n{yaml.safe_dump(CLUSTER_ADMIN)}---\n{yaml.safe_dump(PLAIN)}",
    "text behind it": json.dumps(PLAIN) + "x",
    "a list": [PLAIN],
    "a string": json.dumps("x"),
    "null": "null",
    "nothing": "",
    "spaces": " " * 1024,
    "another kind": changed(kind="ConfigMap"),
    "another apiVersion": changed(apiVersion="v2"),
    "another name": changed(metadata__name="other"),
    "another namespace": changed(metadata__namespace="kube-system"),
    "no name": changed(metadata__name=None),
    "another type": changed(type="kubernetes.io/tls"),
    "another format": changed(metadata__annotations={**PLAIN["metadata"]["annotations"], "bulla.dev/format": "2"}),
    "another bulla kind": changed(metadata__annotations={**PLAIN["metadata"]["annotations"], "bulla.dev/kind": "tls"}),
    "another part": changed(metadata__annotations={**PLAIN["metadata"]["annotations"], "bulla.dev/part": "a"}),
    "no annotations": changed(metadata__annotations=None),
    "metadata a string": changed(metadata="x"),
    "data a list": changed(data=["eA=="]),
    "data a string": changed(data="eA=="),
    "data null": changed(data=None),
    "values no strings": changed(data={"a": {"b": "c"}}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_plaintext(repo, path, what):
    refused(exit_door(repo, path, write(repo, hostile(repo, HOSTILE[what]))))


def test_two_parts_with_the_same_key(repo, path):
    """Each part of its own name, but the one called "b" also says that it is "a"."""
    d = load(repo, "together")
    public = repo.tool("age-keygen", "-y", str(repo.recovery)).strip()
    part = d["spec"]["parts"].pop("credential")
    for name, data in (("a", {"a": "eA=="}), ("b", {"a": "eQ=="})):
        plain = changed(data=data, metadata__annotations={**PLAIN["metadata"]["annotations"], "bulla.dev/part": name})
        d["spec"]["parts"][name] = {**part, "sealed": repo.tool("age", "-a", "-r", public, input=json.dumps(plain))}
    assert "part b " in refused(exit_door(repo, path, write(repo, d)))
    # beside "credential", which may hold anything, only the comparison of all keys can tell
    d["spec"]["parts"] = {"credential": d["spec"]["parts"]["a"], "a": d["spec"]["parts"]["a"]}
    plain = repo.tool("age", "-a", "-r", public, input=json.dumps(changed(data={"a": "eA=="})))
    d["spec"]["parts"]["credential"] = {**part, "sealed": plain}
    assert "same key" in refused(exit_door(repo, path, write(repo, d)))


def test_cut_off_in_the_padding(repo, path):
    """The first chunk of age's payload holds all of the JSON; the rest is missing, and is missed."""
    plain = json.dumps(PLAIN).encode()
    d = hostile(repo, plain + b" " * (70_000 - len(plain)))
    part = d["spec"]["parts"]["credential"]
    whole = base64.b64decode("".join(part["sealed"].splitlines()[1:-1]))
    assert exit_door(repo, path, write(repo, d)).returncode == 0
    b64 = base64.b64encode(whole[:-3000]).decode()
    part["sealed"] = "\n".join(["-----BEGIN AGE ENCRYPTED FILE-----", *re.findall(".{1,64}", b64),
                                "-----END AGE ENCRYPTED FILE-----", ""])
    refused(exit_door(repo, path, write(repo, d)))


# --- the page ------------------------------------------------------------------------------------------

def test_every_line_of_the_script_is_explained():
    """docs/EXIT.md quotes the script whole, piece by piece."""
    page = (TOP / "docs/EXIT.md").read_text()
    quoted = "".join(re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S))
    code = SCRIPT.read_text().split("set -eu\n", 1)
    assert quoted.replace("\n\n", "\n").strip() == ("set -eu\n" + code[1]).replace("\n\n", "\n").strip()


def test_nothing_secret_is_an_argument(repo, path):
    """No program that the script runs gets a value on its command line."""
    if shutil.which("strace") is None:
        missing("strace is not installed")
    trace = repo.path / "trace"
    done = subprocess.run(["strace", "-f", "-qq", "-s", "100000", "-e", "trace=execve,openat,creat", "-o", str(trace),
                           "sh", str(SCRIPT), "together.yaml", str(repo.recovery)], cwd=repo.top,
                          env={**repo.env, "PATH": path}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and json.loads(done.stdout)["data"]
    text = trace.read_text()
    assert text.count("execve") > 4
    for value in json.loads(done.stdout)["data"].values():
        plain = base64.b64decode(value).decode()
        assert plain not in text and value not in text
    # and no file is written
    assert not re.search(r'openat\([^"]*"(?!/dev/(null|tty))[^"]*", [^)]*(O_WRONLY|O_RDWR|O_CREAT)', text)

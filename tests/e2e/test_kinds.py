# SPDX-License-Identifier: Apache-2.0
"""Every kind from the command line: made and read by the tools of those who will use it."""
import base64
import json
import zlib

import pytest
import yaml

from checkout import INVALID, USAGE, Checkout, Terminal

URL = "ssh://git@github.com/barolab/foobar-infra"


@pytest.fixture
def repo(tmp_path):
    repo = Checkout(tmp_path)
    repo.init("-r", "eu-west9")
    return repo


def secret(repo, text):
    """Type and data of the one sealed document in text, opened by stock age."""
    [document] = [d for d in yaml.safe_load_all(text) if d]
    [part] = document["spec"]["parts"].values()
    inner = json.loads(repo.tool("age", "-d", "-i", str(repo.recovery), input=part["sealed"]))
    assert inner["type"] == document["spec"]["secret"]["type"]
    return document, inner["type"], {k: base64.b64decode(v) for k, v in inner["data"].items()}


def seal(repo, kind, *args, input=""):
    done = repo.bulla("seal", kind, "a", "-n", "b", "-r", "eu-west9", *args, input=input)
    return (*secret(repo, done.out), done)


def refused(repo, kind, *args, input="", status=INVALID):
    done = repo.bulla("seal", kind, "a", "-n", "b", "-r", "eu-west9", *args, input=input, status=status)
    assert done.out == ""
    return done.err


def facts(document):
    [part] = document["spec"]["parts"].values()
    return part["facts"]


def private(repo, data, name="key"):
    path = repo.path / name
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def pat(body="zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"):
    """A classic token with the checksum that GitHub gives it, and that no one was ever given."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    n, end = zlib.crc32(body.encode()), ""
    while n:
        n, digit = divmod(n, 62)
        end = letters[digit] + end
    return "ghp_" + body + end.rjust(6, "0")


# --- deploy-key -----------------------------------------------------------------------------------

@pytest.mark.parametrize("kind, name", [
    ([], "ssh-ed25519"), (["--type", "ed25519"], "ssh-ed25519"), (["--type", "ecdsa-p256"], "ecdsa-sha2-nistp256"),
    (["--type", "ecdsa-p384"], "ecdsa-sha2-nistp384"), (["--type", "ecdsa-p521"], "ecdsa-sha2-nistp521"),
    (["--type", "rsa-4096"], "ssh-rsa"),
])
def test_deploy_key_made_here(repo, kind, name):
    document, _, data, done = seal(repo, "deploy-key", "--url", URL, *kind)
    public = repo.tool("ssh-keygen", "-y", "-f", str(private(repo, data["identity"])))
    assert public.split()[:2] == data["identity.pub"].decode().split()[:2]
    assert public.split()[0] == name
    # the half to be registered is printed, beside the document
    assert data["identity.pub"].decode() in done.err
    fingerprint = repo.tool("ssh-keygen", "-l", "-f", str(private(repo, data["identity.pub"], "pub"))).split()[1]
    assert facts(document)["fingerprint"] == fingerprint and facts(document)["url"] == URL
    hosts = str(private(repo, data["known_hosts"], "hosts"))
    known = repo.tool("ssh-keygen", "-l", "-f", hosts)
    assert "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU" in known
    assert "github.com" in repo.tool("ssh-keygen", "-F", "github.com", "-f", hosts)


def test_public_half_goes_where_the_document_does_not(repo):
    done = repo.bulla("seal", "deploy-key", "a", "-n", "b", "--url", URL, "-w", "key.yaml")
    document, _, data = secret(repo, (repo.top / "key.yaml").read_text())
    assert done.out == data["identity.pub"].decode() and "ssh-" not in done.err
    dry = repo.bulla("seal", "deploy-key", "c", "-n", "b", "--url", URL, "-w", "other.yaml", "--dry-run")
    assert dry.out == "" and not (repo.top / "other.yaml").exists()


def test_deploy_key_given(repo):
    key = repo.path / "id"
    repo.tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    _, _, data, done = seal(repo, "deploy-key", "--url", URL, "--private-key", key)
    assert data["identity"] == key.read_bytes() and "ssh-ed25519" not in done.err
    _, _, piped, _ = seal(repo, "deploy-key", "--url", URL, "--private-key", "-", input=key.read_text())
    assert piped == data
    repo.tool("ssh-keygen", "-q", "-p", "-P", "", "-N", "hunter2!", "-f", str(key))
    assert "password" in refused(repo, "deploy-key", "--url", URL, "--private-key", key)
    password = private(repo, b"hunter2!\n", "password")
    _, _, data, _ = seal(repo, "deploy-key", "--url", URL, "--private-key", key, "--password-file", password)
    assert data["password"] == b"hunter2!"
    wrong = private(repo, b"wrong\n", "wrong")
    assert "hunter2" not in refused(repo, "deploy-key", "--url", URL, "--private-key", key, "--password-file", wrong)


def test_deploy_key_types_of_secret(repo):
    _, kind, data, _ = seal(repo, "deploy-key", "--url", URL, "--secret-type", "kubernetes.io/ssh-auth")
    assert kind == "kubernetes.io/ssh-auth" and data["ssh-privatekey"] == data["identity"]
    assert "not one that this kind makes" in refused(repo, "deploy-key", "--url", URL, "--secret-type",
                                                     "kubernetes.io/tls")


def test_deploy_key_for_another_host(repo):
    url = "ssh://git@git.example.org:2222/o/r"
    assert "--known-hosts FILE" in refused(repo, "deploy-key", "--url", url)
    key = repo.path / "host"
    repo.tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    public = " ".join((repo.path / "host.pub").read_text().split()[:2])
    hosts = repo.write("../known", f"[git.example.org]:2222 {public}\n")
    _, _, data, _ = seal(repo, "deploy-key", "--url", url, "--known-hosts", hosts)
    assert data["known_hosts"] == hosts.read_bytes()
    hosts.write_text(f"other.example.org {public}\n")
    refused(repo, "deploy-key", "--url", url, "--known-hosts", hosts)


@pytest.mark.parametrize("args, status, text", [
    ([], USAGE, "--url URL is missing"),
    (["--url", "git@github.com:o/r"], INVALID, "url: "),
    (["--url", "https://github.com/o/r"], INVALID, "url: "),
    (["--url", URL, "--type", "dsa"], USAGE, "--type: it must be one of"),
    (["--url", URL, "--private-key", "nowhere"], 7, "--private-key: nowhere: "),
    (["--url", URL, "--private-key", "-", "--known-hosts", "-"], USAGE, "can be read once only"),
])
def test_deploy_key_refused(repo, args, status, text):
    assert text in refused(repo, "deploy-key", *args, status=status, input="x")


def test_weak_rsa(repo):
    key = repo.path / "weak"
    repo.tool("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(key))
    assert "3072" in refused(repo, "deploy-key", "--url", URL, "--private-key", key)


# --- registry -------------------------------------------------------------------------------------

def test_registry(repo):
    document, kind, data, _ = seal(repo, "registry", "--server", "ghcr.io", "--username", "u", "--token-file", "-",
                                   "--namespaces", "web,team-*", "--service-accounts", "default,builder",
                                   input=pat() + "\n")
    assert kind == "kubernetes.io/dockerconfigjson"
    entry = json.loads(data[".dockerconfigjson"])["auths"]["ghcr.io"]
    assert base64.b64decode(entry["auth"]).decode() == f"u:{pat()}"
    assert facts(document)["namespaces"] == "team-*,web"
    assert facts(document)["service-accounts"] == "builder,default"
    assert facts(document)["registry"] == "ghcr.io"


def test_registry_asks(repo):
    t = Terminal(repo, "seal", "registry", "a", "-n", "b", "--server", "ghcr.io", "--username", "u", "-w", "a.yaml")
    t.answer("token: ", pat())
    assert pat() not in t.end()
    _, _, data = secret(repo, (repo.top / "a.yaml").read_text())
    assert pat() in base64.b64decode(json.loads(data[".dockerconfigjson"])["auths"]["ghcr.io"]["auth"]).decode()


def test_registry_from_a_docker_config(repo):
    config = json.dumps({"auths": {"ghcr.io": {"auth": base64.b64encode(f"u:{pat()}".encode()).decode()}}})
    _, _, data, _ = seal(repo, "registry", "--docker-config", "-", input=config)
    assert "ghcr.io" in json.loads(data[".dockerconfigjson"])["auths"]
    # nothing is asked for when a config stands for all
    t = Terminal(repo, "seal", "registry", "a", "-n", "b", "--docker-config", private(repo, config.encode()),
                 "-w", "b.yaml")
    assert "token" not in t.end()


@pytest.mark.parametrize("token, text", [
    (pat()[:-1], "token: "),                       # a character is missing
    (pat()[:-1] + "0", "token: "),                 # the checksum is wrong
    (pat() + "\n\n", "token: "),
    ("", "token: is empty"),
])
def test_tokens_refused(repo, token, text):
    err = refused(repo, "registry", "--server", "ghcr.io", "--username", "u", "--token-file", "-", input=token)
    assert text in err and pat()[4:20] not in err


def test_a_host_that_the_kubelet_would_miss(repo):
    assert "server: " in refused(repo, "registry", "--server", "https://ghcr.io/v2/", "--username", "u", "--token-file",
                                 "-", input=pat())


# --- the others -----------------------------------------------------------------------------------

def test_git_https(repo):
    document, _, data, _ = seal(repo, "git-https", "--url", "https://github.com/o/r", "--username", "git", "--token-file",
                                "-", input=pat())
    assert data == {"username": b"git", "password": pat().encode()}
    assert facts(document)["url"] == "https://github.com/o/r"


def pair(repo, name="foobar-api", days=30, *extra):
    cert, key = repo.path / f"{name}.crt", repo.path / f"{name}.key"
    repo.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
              str(days), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}.example.org", "-keyout",
              str(key), "-out", str(cert), *extra)
    return cert, key


def test_tls(repo):
    cert, key = pair(repo)
    document, kind, data, _ = seal(repo, "tls", "--cert", cert, "--private-key", key, "--alias", "cert.pem=tls.crt",
                                   "--alias", "key.pem=tls.key")
    assert kind == "kubernetes.io/tls"
    assert data["tls.crt"] == cert.read_bytes() == data["cert.pem"]
    assert data["tls.key"] == key.read_bytes() == data["key.pem"]
    public = repo.tool("openssl", "x509", "-noout", "-pubkey", input=data["tls.crt"])
    assert public == repo.tool("openssl", "pkey", "-pubout", input=data["tls.key"])
    assert facts(document)["dns-names"] == "foobar-api.example.org" and "not-after" in facts(document)
    _, other = pair(repo, "other")
    refused(repo, "tls", "--cert", cert, "--private-key", other)
    refused(repo, "tls", "--cert", cert, "--private-key", key, "--alias", "x=nope")
    refused(repo, "tls", "--cert", cert, "--private-key", key, "--expires", "90d")
    near, key = pair(repo, "near", 2)
    _, _, _, done = seal(repo, "tls", "--cert", near, "--private-key", key)
    assert "bulla: warning: " in done.err


def test_github_app(repo):
    key = repo.path / "app.pem"
    repo.tool("openssl", "genrsa", "-out", str(key), "2048")
    args = ["--url", "https://github.com/barolab/foobar-infra", "--app-id", "12345", "--private-key", key]
    _, _, data, _ = seal(repo, "github-app", *args, "--owner", "barolab")
    assert data["githubAppID"] == b"12345" and data["githubAppInstallationOwner"] == b"barolab"
    assert data["githubAppPrivateKey"] == key.read_bytes()
    refused(repo, "github-app", *args)
    refused(repo, "github-app", *args, "--owner", "barolab", "--installation-id", "1")


def test_small_kinds(repo):
    _, kind, data, _ = seal(repo, "basic-auth", "--username", "u", "--password-file", "-", input="p\n")
    assert kind == "kubernetes.io/basic-auth" and data == {"username": b"u", "password": b"p"}
    _, _, data, _ = seal(repo, "webhook-token", "--token-file", "-", input="0123456789abcdef0123\n")
    assert data == {"token": b"0123456789abcdef0123"}
    _, _, data, _ = seal(repo, "proxy", "--address", "http://proxy:3128", "--username", "u", "--password-file", "-",
                         input="p")
    assert data == {"address": b"http://proxy:3128", "username": b"u", "password": b"p"}
    identity = repo.tool("age-keygen")
    _, _, data, _ = seal(repo, "age-key", "--private-key", "-", input=identity)
    [value] = data.values()
    assert identity.splitlines()[-1].encode() in value
    key = repo.tool("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    account = {"type": "service_account", "project_id": "foobar-1", "private_key_id": "a" * 40, "private_key": key,
               "client_email": "x@foobar-1.iam.gserviceaccount.com", "client_id": "1",
               "token_uri": "https://oauth2.googleapis.com/token"}
    document, _, data, _ = seal(repo, "gcp-service-account", "--key-file", "-", input=json.dumps(account))
    assert facts(document)["project"] == "foobar-1"


def test_fan_out_is_for_registries(repo):
    assert "there is no option --namespaces" in refused(repo, "basic-auth", "--username", "u", "--password-file", "-",
                                                        "--namespaces", "web", input="p", status=USAGE)


def test_a_manifest_finds_its_kind(repo):
    key = repo.path / "id"
    repo.tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    hosts = seal(repo, "deploy-key", "--url", URL)[2]["known_hosts"]
    manifest = yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "b"},
                               "stringData": {"identity": key.read_text(), "known_hosts": hosts.decode(),
                                              "identity.pub": (repo.path / "id.pub").read_text()}})
    done = repo.bulla("seal", "-f", "-", "-r", "eu-west9", input=manifest, status=INVALID)
    assert "--url" in done.err
    done = repo.bulla("seal", "-f", "-", "-r", "eu-west9", "--url", URL, input=manifest)
    document, _, data = secret(repo, done.out)
    assert document["spec"]["kind"] == "deploy-key" and data["identity"] == key.read_bytes()
    cert, tls_key = pair(repo)
    manifest = yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                               "metadata": {"name": "a", "namespace": "b"},
                               "stringData": {"tls.crt": cert.read_text(), "tls.key": tls_key.read_text(),
                                              "cert.pem": cert.read_text()}})
    document, _, data = secret(repo, repo.bulla("seal", "-f", "-", "-r", "eu-west9", input=manifest).out)
    assert document["spec"]["kind"] == "tls" and data["cert.pem"] == data["tls.crt"]

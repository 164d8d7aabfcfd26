# SPDX-License-Identifier: Apache-2.0
"""Who reads the Secrets that the agent makes: the keyrings of the kubelet and of Flux against a registry that wants a
login, Flux's source-controller, and a TLS server that boots from /cert as foobar-api does."""
import base64
import json
import os
import socket
import ssl
import subprocess
import threading

import pytest
import yaml

import kubelet
import need
from agentbed import MANIFESTS, conditions, documents_path, secrets_path
from node import contents
from processes import Server, free_port, http_status, wait_for

USER = "barolab-bot"
READERS = ("kubelet", "flux")
FOOBAR = MANIFESTS / "examples/two-regions/apps/foobar-api/foobar-api.yaml"


@pytest.fixture(scope="session")
def pull():
    return need.programs("readers")["pull"]


def token():
    """Of the shape that GitHub gives; bulla seals no other for ghcr.io."""
    return subprocess.run([MANIFESTS.parent / "scripts/test-token"], check=True, capture_output=True, text=True).stdout.strip()


class Registry:
    """A real one, with a login that can change."""

    def __init__(self, folder, program):
        self.folder, self.program = folder, program
        self.login, self.port = folder / "login", free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.image = f"{self.host}/barolab/foobar-api:1.0.0"

    def __enter__(self):
        self.wants(token())
        self.server = Server("registry", [self.program, "registry", self.host, self.login], self.folder / "registry.log")
        self.server.wait_ready(lambda: http_status(self.port, "/v2/") == 401)
        subprocess.run([self.program, "push", self.image, self.login], check=True, timeout=60)
        return self

    def __exit__(self, *_):
        self.server.stop()

    def wants(self, password):
        self.password = password
        new = self.folder / ".login.new"
        new.touch(mode=0o600)
        new.write_text(f"{USER} {password}\n")
        new.rename(self.login)


@pytest.fixture
def registry(tmp_path, pull):
    with Registry(tmp_path, pull) as made:
        yield made


def seal_login(bed, ns, server, password, *more):
    file = bed.folder / "token"
    file.touch(mode=0o600)
    file.write_text(password)
    bed.values.add(password)
    text = bed.bulla("seal", "registry", "ghcr", "-n", ns, "--server", server, "--username", USER, "--token-file", file,
                     "-r", bed.key, *more)
    return bed.api.apply_yaml(text)[0]


def login_there(bed, ns, server, password):
    def there(secret):
        assert secret, "no Secret"
        login = json.loads(secret[".dockerconfigjson"])["auths"][server]
        assert (login["username"], login["password"]) == (USER, password), "not the new one"
        return True
    bed.until_secret("ghcr", ns, there)


def read(program, reader, *args, secrets=(), env=None):
    """What a reader says, given Secrets as the API server gives them."""
    done = subprocess.run([program, reader, *args], input=json.dumps({"kind": "SecretList", "apiVersion": "v1", "items": list(secrets)}),
                          capture_output=True, text=True, timeout=60, env=env)
    return done


@pytest.mark.parametrize("reader", READERS)
def test_the_pull_secret_pulls(bed, registry, pull, reader):
    """And only it: without it, and with a login that has ended, the registry refuses."""
    ns = bed.namespace()
    with bed.run():
        seal_login(bed, ns, registry.host, registry.password)
        login_there(bed, ns, registry.host, registry.password)
        secret = bed.secret_object("ghcr", ns)
        nobody = read(pull, reader, registry.image)
        assert nobody.returncode == 1 and "UNAUTHORIZED" in nobody.stderr, nobody
        first = read(pull, reader, registry.image, secrets=[secret])
        assert first.returncode == 0 and first.stdout.startswith("sha256:"), first.stderr
        assert f"served {USER} GET /v2/barolab/foobar-api/manifests/1.0.0" in registry.server.output()
        # rotation: the old token ends, the new one comes by a document
        registry.wants(token())
        old = read(pull, reader, registry.image, secrets=[secret])
        assert old.returncode == 1 and "UNAUTHORIZED" in old.stderr, old
        seal_login(bed, ns, registry.host, registry.password)
        login_there(bed, ns, registry.host, registry.password)
        again = read(pull, reader, registry.image, secrets=[bed.secret_object("ghcr", ns)])
        assert again.stdout == first.stdout, again.stderr
    for told in (nobody, first, old, again):
        assert not any(value in told.stdout + told.stderr for value in bed.values)


@pytest.mark.parametrize("reader", READERS)
def test_the_login_is_for_its_registry_alone(bed, pull, reader):
    ns = bed.namespace()
    with bed.run():
        password = token()
        seal_login(bed, ns, "ghcr.io", password)
        login_there(bed, ns, "ghcr.io", password)
        asked = {"ghcr.io/barolab/foobar-api:1.0.0": USER, "ghcr.io/other/app@sha256:" + "0" * 64: USER, "docker.io/library/debian": "-",
                 "debian": "-", "ghcr.io.example.org/x": "-", "sub.ghcr.io/x": "-", "ghcr.io:8443/x": "-"}
        told = read(pull, reader, "-n", *asked, secrets=[bed.secret_object("ghcr", ns)])
    assert dict(zip(asked, told.stdout.split(), strict=True)) == asked, told.stderr


def test_a_docker_config_of_it_pulls(bed, registry, pull, tmp_path):
    """As with crane or docker, whose config.json has the same bytes."""
    ns = bed.namespace()
    with bed.run():
        seal_login(bed, ns, registry.host, registry.password)
        login_there(bed, ns, registry.host, registry.password)
        config = tmp_path / "docker/config.json"
        config.parent.mkdir()
        config.touch(mode=0o600)
        config.write_text(bed.secret("ghcr", ns)[".dockerconfigjson"])
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DOCKER_CONFIG": str(config.parent)}
    assert read(pull, "docker", registry.image, env=env).stdout.startswith("sha256:")
    config.unlink()
    assert "UNAUTHORIZED" in read(pull, "docker", registry.image, env=env).stderr


def test_flux_pulls_an_artifact_with_it(bed, registry, flux):
    """source-controller itself, an OCIRepository with the login as its secretRef."""
    ns = bed.namespace()
    source = flux.path("OCIRepository", "podinfo", ns)
    with bed.run():
        flux.apply("OCIRepository", "podinfo", {"interval": "1h", "url": f"oci://{registry.host}/barolab/foobar-api", "insecure": True,
                                                "ref": {"tag": "1.0.0"}, "secretRef": {"name": "ghcr"}}, ns)
        bed.api.wait_condition(source, "Ready", "False")
        seal_login(bed, ns, registry.host, registry.password)
        login_there(bed, ns, registry.host, registry.password)
        flux.reconcile("OCIRepository", "podinfo", ns)
        found = bed.api.wait_condition(source, "Ready", seconds=60)
        assert found["status"]["artifact"]["revision"].startswith("1.0.0@sha256:")
    bed.api.delete(source)


# --- foobar-api ---------------------------------------------------------------------------------------------------------


class FoobarApi:
    """Its rules: /cert/cert.pem and /cert/key.pem are there, or it does not start; both are loaded once."""

    def __init__(self, cert):
        assert all((cert / name).stat().st_size for name in ("cert.pem", "key.pem"))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert / "cert.pem", cert / "key.pem")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)

    def _serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            try:
                with self.context.wrap_socket(connection, server_side=True) as s:
                    s.sendall(b"ok")
            except OSError:
                connection.close()  # the client did not like it; it says why

    def ask(self, name, authority):
        """What a client that trusts the authority gets by that name: the certificate's serial number."""
        client = ssl.create_default_context(cafile=authority)
        with socket.create_connection(self.listener.getsockname(), 10) as raw:
            with client.wrap_socket(raw, server_hostname=name) as s:
                assert s.recv(2) == b"ok"
                return int(s.getpeercert()["serialNumber"], 16)


NAME = "foobar-api.web.svc"


def certificate(folder, serial):
    """A new pair for foobar-api, valid by itself; (certificate, key)."""
    pair = folder / f"{serial}.crt", folder / f"{serial}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90",
                    "-subj", "/CN=foobar-api", "-addext", f"subjectAltName=DNS:{NAME}", "-set_serial", str(serial),
                    "-out", pair[0], "-keyout", pair[1]], check=True, capture_output=True)
    return pair


def matches(cert, key):
    """Raises ssl.SSLError where they are not of one pair."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    return True


def seal_pair(bed, ns, pair):
    text = bed.bulla("seal", "tls", "foobar-api-tls", "-n", ns, "--cert", pair[0], "--private-key", pair[1], "-r", bed.key)
    return bed.api.apply_yaml(text)[0]


def versions(bed, ns, since):
    """Each state that the Secret ever had, from the server's own history."""
    for kind, thing in bed.api.watch(secrets_path(ns), since, seconds=1):
        if kind in ("ADDED", "MODIFIED") and thing["metadata"]["name"] == "foobar-api-tls":
            yield thing


def test_foobar_api_boots_from_its_certificate_before_and_after_rotation(bed, tmp_path):
    """Mounted as its Deployment in the example says.  No state of the Secret, nor of the volume, is of two pairs."""
    deployment = next(o for o in yaml.safe_load_all(FOOBAR.read_text()) if o["kind"] == "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    [mount] = spec["containers"][0]["volumeMounts"]
    [volume] = [v for v in spec["volumes"] if v["name"] == mount["name"]]
    assert mount["mountPath"] == "/cert"
    ns, cert = bed.namespace(), tmp_path / "cert"
    since = bed.api.get(secrets_path(ns))["metadata"]["resourceVersion"]
    assert contents(bed.api, ns, volume) is None  # the kubelet does not start the Pod
    torn, done = [], threading.Event()

    def reader():
        """One who opens both as a program does that resolves the folder once, as fast as it can."""
        while not done.is_set():
            try:
                folder = (cert / "..data").resolve(strict=True)
                matches(folder / "cert.pem", folder / "key.pem")
            except FileNotFoundError:
                continue  # not there yet, or just replaced
            except ssl.SSLError as e:
                torn.append(e)
    watching = threading.Thread(target=reader, daemon=True)
    watching.start()
    rounds = 5
    with bed.run():
        for serial in range(1, rounds + 1):
            pair = certificate(tmp_path, serial)
            seal_pair(bed, ns, pair)
            wait_for(lambda: (contents(bed.api, ns, volume) or {}).get("cert.pem") == pair[0].read_bytes(), 20, "the pair")
            kubelet.secret_volume(cert, contents(bed.api, ns, volume), spec["securityContext"]["fsGroup"])
            with FoobarApi(cert) as server:
                assert server.ask(NAME, pair[0]) == serial
                with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
                    server.ask("other.web.svc", pair[0])
    done.set()
    watching.join(10)
    assert not torn
    seen = list(versions(bed, ns, since))
    assert len(seen) >= rounds
    for i, secret in enumerate(seen):
        state = tmp_path / f"state{i}"
        kubelet.secret_volume(state, {k: base64.b64decode(v) for k, v in secret["data"].items()}, 0)
        assert matches(state / "tls.crt", state / "tls.key")
    document = bed.api.get(documents_path(ns, "foobar-api-tls"))
    assert conditions(document)["Ready"]["reason"] == "Applied"


def test_the_pair_by_the_names_that_it_wants(bed, tmp_path):
    """The other layout of the same: --alias, and the Secret is mounted as it is."""
    ns, pair = bed.namespace(), certificate(tmp_path, 7)
    text = bed.bulla("seal", "tls", "foobar-api-tls", "-n", ns, "--cert", pair[0], "--private-key", pair[1], "-r", bed.key,
                     "--alias", "cert.pem=tls.crt", "--alias", "key.pem=tls.key")
    with bed.run():
        bed.api.apply_yaml(text)
        bed.until_secret("foobar-api-tls", ns, bool)
    volume = kubelet.secret_volume(tmp_path / "cert", contents(bed.api, ns, {"secret": {"secretName": "foobar-api-tls"}}), 0)
    with FoobarApi(volume) as server:
        assert server.ask(NAME, pair[0]) == 7

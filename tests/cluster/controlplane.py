# SPDX-License-Identifier: Apache-2.0
"""A real control plane on loopback: etcd, kube-apiserver and, if wanted, kube-controller-manager.

    with ControlPlane(folder) as plane:          # about 4 s until it answers
        plane.admin.apply_file("crd.yaml")       # an api.Api with the admin's certificate
        agent = plane.account("bulla-system", "bulla-agent")   # an Api with a token by TokenRequest
        plane.kubeconfig                         # the admin's, for kubectl
        plane.kill_apiserver(); plane.start_apiserver()

The programs come from scripts/control-plane.  Tests take the fixture `control_plane` (one for all tests of
a worker), or `new_control_plane` (one of their own) when they restart, restore or configure it.
"""
import base64
import os
import pathlib
import shutil
import subprocess

import yaml

import pki
from api import Api, Unreachable
from processes import Server, free_port

TOP = pathlib.Path(__file__).resolve().parents[2]
# garbage collection, namespace deletion, the default service account, the root CA ConfigMap
CONTROLLERS = ("garbage-collector-controller,namespace-controller,serviceaccount-controller,"
               "root-ca-certificate-publisher-controller")


class Unavailable(Exception):
    """The programs cannot be had on this machine; the text says why."""


def programs(*sets):
    """{program: path} of the named sets of scripts/control-plane, built where they must be."""
    done = subprocess.run([TOP / "scripts/control-plane", *sets], capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else str(done))
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


class ControlPlane:
    """folder: where keys, data and logs go.  found: the programs, else those of the latest version.
    apiserver_args: more flags, later ones win.  controller_manager: whether objects are collected,
    namespaces end and accounts are made, as in a cluster.  controllers: names of more of its controllers."""

    def __init__(self, folder, found=None, apiserver_args=(), controller_manager=True, controllers=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.programs = found or programs("latest")
        self.apiserver_args = list(apiserver_args)
        self.with_controllers = controller_manager
        self.controller_names = ",".join([CONTROLLERS, *controllers])
        self.etcd = self.apiserver = self.controllers = None
        self._make_keys()

    def _make_keys(self):
        self.authority = pki.Authority(self.folder)
        self.serve_by(self.authority)
        self.authority.issue("etcd", "etcd", [pki.SERVER, pki.CLIENT], names=("localhost", "127.0.0.1"))
        self.authority.issue("admin", "admin", organisation="system:masters")
        # without system:masters the garbage collector is forbidden what it needs, and says nothing
        self.authority.issue("controllers", "controllers", organisation="system:masters")
        pki.rsa_pair(self.folder, "sa")

    def serve_by(self, authority):
        """Its certificate is the API server's from the next start on, and what new clients trust; all others stay."""
        names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "127.0.0.1", "10.0.0.1")
        authority.issue("apiserver", "kube-apiserver", [pki.SERVER], names=names)
        self.ca, self._admin = authority.cert, None

    # --- start and end ------------------------------------------------------------------------------

    def start(self):
        try:
            self._start_servers()
            if self.with_controllers:
                self.start_controllers()
        except BaseException:
            self.stop()
            raise
        return self

    def _start_servers(self):
        for attempt in range(3):
            self.etcd_port, self.peer_port, self.port = free_port(), free_port(), free_port()
            try:
                self.start_etcd()
                return self.start_apiserver()
            except RuntimeError as e:
                # somebody took a port between our look and their bind
                self.stop()
                if attempt == 2 or "address already in use" not in str(e):
                    raise
                shutil.rmtree(self.folder / "etcd.data", ignore_errors=True)

    def stop(self):
        # The API server waits for its watchers on SIGTERM (26 s seen), so it gets no grace.
        for server in (self.controllers, self.apiserver, self.etcd):
            if server:
                server.kill()
        self.controllers = self.apiserver = self.etcd = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start_etcd(self):
        url, peer = f"https://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.peer_port}"
        self.etcd = Server("etcd", [
            self.programs["etcd"], "--name", "t", "--data-dir", self.folder / "etcd.data",
            "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", f"t={peer}",
            "--cert-file", self.folder / "etcd.crt", "--key-file", self.folder / "etcd.key",
            "--client-cert-auth", "--trusted-ca-file", self.authority.cert, "--log-level", "warn",
        ], self.folder / "etcd.log")
        probe = Api(url, self.authority.cert, certificate=self._pair("etcd"))
        self.etcd.wait_ready(lambda: answers(probe, "/health"))

    def start_apiserver(self):
        """Start it, or start it again on the same port with the same state."""
        self.apiserver = Server("kube-apiserver", [
            self.programs["kube-apiserver"], "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}", f"--etcd-servers=https://127.0.0.1:{self.etcd_port}",
            f"--etcd-cafile={self.authority.cert}", f"--etcd-certfile={self.folder}/etcd.crt",
            f"--etcd-keyfile={self.folder}/etcd.key", f"--tls-cert-file={self.folder}/apiserver.crt",
            f"--tls-private-key-file={self.folder}/apiserver.key", f"--client-ca-file={self.authority.cert}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder}/sa.pub",
            f"--service-account-signing-key-file={self.folder}/sa.key", "--authorization-mode=RBAC",
            "--anonymous-auth=false", "--allow-privileged=false", "--service-cluster-ip-range=10.0.0.0/24",
            # with the plug-in a Pod is refused until its account exists, and not each bed makes accounts
            "--disable-admission-plugins=ServiceAccount", "--profiling=false", f"--cert-dir={self.folder}",
            *self.apiserver_args,
        ], self.folder / "apiserver.log")
        self.apiserver.wait_ready(lambda: answers(self.new_admin(), "/readyz"))

    def start_controllers(self):
        kubeconfig = self.write_kubeconfig("controllers", certificate=self._pair("controllers"))
        self.controllers = Server("kube-controller-manager", [
            self.programs["kube-controller-manager"], f"--kubeconfig={kubeconfig}", "--bind-address=127.0.0.1",
            f"--secure-port={free_port()}", f"--cert-dir={self.folder}",
            f"--service-account-private-key-file={self.folder}/sa.key", f"--root-ca-file={self.ca}",
            "--use-service-account-credentials=false", "--leader-elect=false", f"--controllers={self.controller_names}",
        ], self.folder / "controllers.log")

    def kill_apiserver(self):
        """SIGKILL: clients see resets, and every watcher gets 410 after the next start."""
        self.apiserver.kill()

    def restart_apiserver(self, *args):
        """args: what apiserver_args become, when given."""
        if args:
            self.apiserver_args = list(args)
        self.kill_apiserver()
        self.start_apiserver()

    # --- the state of etcd -----------------------------------------------------------------------------

    def save(self, name):
        """Keep a copy of all objects; both servers are away for a moment."""
        self._with_etcd_down(lambda data: shutil.copytree(data, self.folder / f"saved.{name}"))

    def restore(self, name):
        """Go back to a copy: resourceVersions that clients know lie in the future from then on."""
        def swap(data):
            shutil.rmtree(data)
            shutil.copytree(self.folder / f"saved.{name}", data)
        self._with_etcd_down(swap)

    def _with_etcd_down(self, work):
        self.apiserver.kill()
        self.etcd.stop()
        work(self.folder / "etcd.data")
        self.start_etcd()
        self.start_apiserver()

    # --- clients -----------------------------------------------------------------------------------------

    @property
    def server(self):
        return f"https://127.0.0.1:{self.port}"

    def _pair(self, name):
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def new_admin(self):
        return Api(self.server, self.ca, certificate=self._pair("admin"))

    @property
    def admin(self):
        if self._admin is None or self._admin.server != self.server:
            self._admin = self.new_admin()
        return self._admin

    @property
    def kubeconfig(self):
        path = self.folder / "admin.kubeconfig"
        return path if path.exists() else self.write_kubeconfig("admin", certificate=self._pair("admin"))

    def account(self, namespace, name, seconds=3600):
        """An Api as a service account, with a token by TokenRequest; both are made where missing."""
        return self.admin.as_token(self.token(namespace, name, seconds))

    def token(self, namespace, name, seconds=3600):
        self.admin.ensure("v1", "Namespace", None, namespace)
        self.admin.ensure("v1", "ServiceAccount", namespace, name)
        return self.admin.token(namespace, name, seconds)

    def write_kubeconfig(self, name, certificate=None, token=None, namespace=None, server=None, ca=None):
        """folder/NAME.kubeconfig with everything inside, one context called NAME."""
        user = {"token": token} if token else {
            "client-certificate-data": base64_file(certificate[0]), "client-key-data": base64_file(certificate[1])}
        context = {"cluster": name, "user": name, **({"namespace": namespace} if namespace else {})}
        path = self.folder / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": name,
            "clusters": [{"name": name, "cluster": {"server": server or self.server,
                                                    "certificate-authority-data": base64_file(ca or self.ca)}}],
            "users": [{"name": name, "user": user}], "contexts": [{"name": name, "context": context}]}))
        return path

    def service_account_files(self, folder, namespace, name, seconds=3600):
        """The three files of a Pod's service account, as the kubelet mounts them; the folder's path."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in (("token", self.token(namespace, name, seconds)), ("ca.crt", self.ca.read_text()),
                           ("namespace", namespace)):
            new = folder / f".{file}.new"
            new.write_text(text)
            new.rename(folder / file)
        return folder

    def kubectl(self, *args, input=None, check=True):
        """kubectl as admin; its standard output, or the finished process with check=False."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run([self.programs["kubectl"], *map(str, args)], env=env, input=input,
                              capture_output=True, text=True, timeout=120)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {args}: {done.returncode}: {done.stderr}")
        return done.stdout if check else done


def answers(api, path):
    try:
        return api.request("GET", path, expect=None).status == 200
    except Unreachable:
        return False


def base64_file(path):
    return base64.b64encode(pathlib.Path(path).read_bytes()).decode()

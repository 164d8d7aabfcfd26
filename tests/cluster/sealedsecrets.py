# SPDX-License-Identifier: Apache-2.0
"""The sealed-secrets controller beside a control plane, outside of a cluster: for comparisons.

    with SealedSecrets(plane, folder, need.programs("sealed-secrets"), "--kubeclient-qps=-1") as neighbour:
        plane.admin.create(yaml.safe_load(neighbour.seal(secret)))

It takes its configuration only from a Pod's environment, so it runs in a mount namespace of its own, where
/run holds the files of its service account; that takes root.
"""
import json
import os
import pathlib
import subprocess
import urllib.request

from processes import Server, free_port, http_status

NAMESPACE = "kube-system"
START = """set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/secrets/kubernetes.io
cp -r "$1" /run/secrets/kubernetes.io/serviceaccount
shift
exec "$@"
"""


class SealedSecrets:
    def __init__(self, plane, folder, programs, *flags):
        self.plane, self.programs, self.flags = plane, programs, flags
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def possible():
        """Whether this user may have a mount namespace."""
        return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0

    def start(self):
        api = self.plane.admin
        for crd in sorted(pathlib.Path(self.programs["crds-sealed-secrets"]).glob("*.yaml")):
            api.apply_file(crd)
        account = self.plane.service_account_files(self.folder / "account", NAMESPACE, "sealed-secrets")
        api.grant((NAMESPACE, "sealed-secrets"), [
            ("", "secrets", "get list watch create update patch delete"), ("", "events", "create patch"),
            ("", "namespaces", "get"),
            ("bitnami.com", "sealedsecrets sealedsecrets/status", "get list watch update patch")],
            name="sealed-secrets")
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "POD_NAMESPACE": NAMESPACE,
               "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.plane.port)}
        self.port = free_port()
        listen = [f"--listen-addr=127.0.0.1:{self.port}", f"--listen-metrics-addr=127.0.0.1:{free_port()}"]
        self.server = Server("sealed-secrets", ["unshare", "--mount", "sh", "-c", START, "start", account,
                                                self.programs["sealed-secrets-controller"], *listen, *self.flags],
                             self.folder / "controller.log", env)
        # it makes an RSA key of 4,096 bits first
        self.server.wait_ready(lambda: http_status(self.port, "/healthz") == 200)
        return self

    def stop(self):
        self.server.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def certificate(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/cert.pem", timeout=10) as answer:
            return answer.read().decode()

    def seal(self, secret):
        """A SealedSecret, as YAML, from a Secret as a dict."""
        cert = self.folder / "cert.pem"
        if not cert.exists():
            cert.write_text(self.certificate())
        done = subprocess.run([self.programs["kubeseal"], "--cert", cert, "--format", "yaml"],
                              input=json.dumps(secret), capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

# SPDX-License-Identifier: Apache-2.0
"""The sealed-secrets controller beside a control plane, outside of a cluster: for comparisons.

    with SealedSecrets(plane, folder, need.programs("sealed-secrets"), "--kubeclient-qps=-1") as neighbour:
        plane.admin.create(yaml.safe_load(neighbour.seal(secret)))

It takes its configuration only from a Pod's environment, so it runs as one (pod.py); that takes root.
"""
import json
import pathlib
import subprocess
import urllib.request

import pod
from processes import Server, free_port, http_status

NAMESPACE = "kube-system"


class SealedSecrets:
    def __init__(self, plane, folder, programs, *flags):
        self.plane, self.programs, self.flags = plane, programs, flags
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

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
        self.port = free_port()
        listen = [f"--listen-addr=127.0.0.1:{self.port}", f"--listen-metrics-addr=127.0.0.1:{free_port()}"]
        command = pod.command(account, self.programs["sealed-secrets-controller"], *listen, *self.flags)
        self.server = Server("sealed-secrets", command, self.folder / "controller.log",
                             pod.environment(self.plane, NAMESPACE, self.folder))
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

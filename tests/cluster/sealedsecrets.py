# SPDX-License-Identifier: Apache-2.0
"""The sealed-secrets controller beside a control plane, outside of a cluster: for comparisons.

    with SealedSecrets(plane, folder, need.programs("sealed-secrets"), "--kubeclient-qps=-1") as neighbour:
        plane.admin.create(yaml.safe_load(neighbour.seal(secret)))

It takes its configuration only from a Pod's environment, so it runs as one (pod.py); that takes root.
"""
import http.server
import json
import pathlib
import subprocess
import threading
import urllib.error
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


class Between:
    """What `kubeseal` asks of an API server to reach the controller: where it is, and to pass requests on. There is
    no network of Pods beside these control planes, so a server of a few lines does both, for less than it costs there."""

    def __init__(self, port):
        controller = f"http://127.0.0.1:{port}"

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                ports = [{"name": "http", "port": 8080}]
                self.answer(200, json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": {"name": self.path.rsplit("/", 1)[1]},
                                             "spec": {"ports": ports}}).encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                path = self.path.split("/proxy", 1)[1].split("?")[0]
                request = urllib.request.Request(controller + path, body, {"Content-Type": "application/json"})
                try:
                    with urllib.request.urlopen(request, timeout=30) as answer:
                        self.answer(answer.status, answer.read())
                except urllib.error.HTTPError as e:
                    self.answer(e.code, e.read())

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def kubeconfig(self, path):
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "c",
                  "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server.server_address[1]}"}}],
                  "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "users": [{"name": "u", "user": {}}]}
        pathlib.Path(path).write_text(json.dumps(config))
        return str(path)

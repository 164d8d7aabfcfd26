# SPDX-License-Identifier: Apache-2.0
"""Run a program as a Pod's container finds its world: the service account's files in their usual place, the API
server in the environment.  /run is the program's own, by a mount namespace; that takes root.

    account = plane.service_account_files(folder / "account", "bulla-system", "bulla-agent")
    Server("agent", pod.command(account, AGENT, ...), log, pod.environment(plane, "bulla-system", folder))

What is written into the folder later (a new token, another CA) is seen inside, as the kubelet's updates are.
"""
import os
import subprocess

MOUNT = """set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
mount --bind "$1" /run/secrets/kubernetes.io/serviceaccount
shift
exec "$@"
"""


def possible():
    """Whether this user may have a mount namespace."""
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def command(account, *args):
    return ["unshare", "--mount", "sh", "-c", MOUNT, "pod", account, *args]


def environment(plane, namespace, home):
    return {"PATH": os.environ["PATH"], "HOME": str(home), "POD_NAMESPACE": namespace,
            "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(plane.port)}

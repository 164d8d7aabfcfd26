# SPDX-License-Identifier: Apache-2.0
"""Run the containers of a Deployment as the kubelet would, from the root file system of the image: its own mounts
and nothing else, read-only, as the user and group of the Pod, without privileges to gain.  Takes root.

The one liberty: the network is the machine's own, so that the container that listens does so on loopback.
"""
import os
import shutil
import subprocess

import yaml

from agentbed import ACCOUNT, MANIFESTS, SYSTEM
from processes import Server, free_port

# $1: folder for the mounts; $2: the root file system; pairs of source and target until "--"; then uid, gid, command
ENTER = """set -e
top=$1 image=$2
shift 2
mount --make-rprivate /
mkdir -p "$top"
mount --bind "$image" "$top"
while [ "$1" != -- ]; do
	mount --bind "$1" "$top$2"
	shift 2
done
mount -o remount,bind,ro "$top"
uid=$2 gid=$3
shift 3
exec setpriv --no-new-privs chroot --userspec="$uid:$gid" --groups="$gid" "$top" "$@"
"""


def possible():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


class Pod:
    """folder: for volumes and logs.  spec: of the Pod.  volumes: name -> folder; an emptyDir is made here."""

    def __init__(self, folder, rootfs, spec, volumes, environment):
        self.folder, self.rootfs, self.spec, self.environment = folder, rootfs, spec, environment
        self.gid = spec["securityContext"]["fsGroup"]
        self.uid = spec["securityContext"]["runAsUser"]
        self.port = free_port()
        self.volumes, self.running = dict(volumes), {}
        for volume in spec["volumes"]:
            if "emptyDir" in volume:
                self.volumes[volume["name"]] = self.empty(volume["name"])
        assert set(self.volumes) == {v["name"] for v in spec["volumes"]}
        # mount points that a container runtime would make
        for name in ("etc/hosts", "etc/resolv.conf", "dev/null", "dev/zero", "dev/random", "dev/urandom"):
            (rootfs / name).touch()

    def empty(self, name):
        place = self.folder / f"volume-{name}"
        place.mkdir()
        os.chown(place, 0, self.gid)
        place.chmod(0o2777)
        return place

    def container(self, name):
        return next(c for c in self.spec["containers"] if c["name"] == name)

    def start(self, name):
        container = self.container(name)
        pairs = ["/proc", "/proc"]
        for device in ("null", "zero", "random", "urandom"):
            pairs += [f"/dev/{device}", f"/dev/{device}"]
        for mount in container["volumeMounts"]:
            (self.rootfs / mount["mountPath"].lstrip("/").replace("var/run/", "run/", 1)).mkdir(parents=True, exist_ok=True)
            pairs += [self.volumes[mount["name"]], mount["mountPath"].replace("/var/run/", "/run/", 1)]
        args = [self.expand(a) for a in container["args"]]
        env = {"PATH": os.environ["PATH"], **(self.environment if name == "net" else {})}
        count = len(list(self.folder.glob(f"{name}*.log")))
        self.running[name] = Server(name, ["unshare", "--mount", "sh", "-c", ENTER, name, self.folder / f"root-{name}", self.rootfs,
                                           *pairs, "--", self.uid, self.gid, "/usr/bin/bulla-agent", *args],
                                    self.folder / f"{name}{count}.log", env)
        return self.running[name]

    def expand(self, text):
        for name, value in self.environment.items():
            text = text.replace(f"$({name})", value)
        return text.replace("0.0.0.0:8080", f"127.0.0.1:{self.port}")

    def stop(self):
        """All at once, as the kubelet: an opener waits for the container that it serves."""
        for server in self.running.values():
            if server.running():
                server.process.terminate()
        for server in self.running.values():
            server.stop()

    def processes(self, name):
        """Process ids of a container: what unshare became comes first, then all it started."""
        out = subprocess.run(["ps", "-o", "pid=", "--sid", str(self.running[name].pid)], capture_output=True, text=True)
        return sorted((int(p) for p in out.stdout.split()), key=lambda pid: pid != self.running[name].pid)


def deployed(bed, plane, rootfs, folder):
    """The Pod of the manifests' Deployment, not started: the keys are the bed's, in the volume sealing-keys."""
    deployment = next(o for o in yaml.safe_load_all((MANIFESTS / "base/deployment.yaml").read_text()) if o["kind"] == "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    gid = spec["securityContext"]["fsGroup"]
    keys = {p.name: p.read_bytes() for p in bed.keys.iterdir()}
    account = plane.service_account_files(folder / "account", SYSTEM, ACCOUNT)
    pod = Pod(folder, rootfs, spec, {
        "sealing-keys": secret_volume(folder / "keys", keys, gid), "token": readable_by(account, gid)},
        {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(plane.port), "POD_NAMESPACE": SYSTEM})
    # a Pod's volumes are reached by its user only through the mounts
    folder.chmod(0o755)
    return pod


def secret_volume(place, files, gid):
    """A folder as the kubelet lays out a mounted Secret: files in a folder of their time, and links.  Again for a
    folder that is there: one rename changes all of it, as when the Secret has changed."""
    old = place / "..data"
    before = old.resolve() if old.is_symlink() else None
    data = place / f"..2026_11_25_08_00_00.{int(before.suffix[1:]) + 1 if before else 1}"
    data.mkdir(parents=True)
    for name, text in files.items():
        (data / name).write_bytes(text)
        os.chown(data / name, 0, gid)
        (data / name).chmod(0o440)
    for folder in (place, data):
        os.chown(folder, 0, gid)
        folder.chmod(0o2755)
    new = place / "..data_tmp"
    new.symlink_to(data.name)
    new.rename(old)
    for name in files:
        if not (place / name).is_symlink():
            (place / name).symlink_to(f"..data/{name}")
    for link in place.iterdir():
        if not link.name.startswith("..") and link.name not in files:
            link.unlink()
    if before:
        shutil.rmtree(before)
    return place


def readable_by(folder, gid):
    """Give the files of a folder to a group, as fsGroup does."""
    for path in (folder, *folder.iterdir()):
        os.chown(path, 0, gid)
        path.chmod(0o2755 if path.is_dir() else 0o440)
    return folder

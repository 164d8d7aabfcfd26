# SPDX-License-Identifier: Apache-2.0
"""Run the containers of a Deployment as the kubelet would, from the root file system of the image: its own mounts
and nothing else, read-only, as the user and group of the Pod, without privileges to gain.  Takes root.

The one liberty: the network is the machine's own, so that the container that listens does so on loopback.
"""
import os
import subprocess

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
        for server in self.running.values():
            server.stop()


def secret_volume(place, files, gid):
    """A folder as the kubelet lays out a mounted Secret: files in a folder of their time, and links."""
    data = place / "..2026_11_25_08_00_00.1"
    data.mkdir(parents=True)
    for name, text in files.items():
        (data / name).write_bytes(text)
        os.chown(data / name, 0, gid)
        (data / name).chmod(0o440)
    (place / "..data").symlink_to(data.name)
    for name in files:
        (place / name).symlink_to(f"..data/{name}")
    for folder in (place, data):
        os.chown(folder, 0, gid)
        folder.chmod(0o2755)
    return place


def readable_by(folder, gid):
    """Give the files of a folder to a group, as fsGroup does."""
    for path in (folder, *folder.iterdir()):
        os.chown(path, 0, gid)
        path.chmod(0o2755 if path.is_dir() else 0o440)
    return folder

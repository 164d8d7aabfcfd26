# SPDX-License-Identifier: Apache-2.0
"""scripts/image: what is in the container image, that it runs, and that it can be made again."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from checkout import BIN

TOP = Path(__file__).resolve().parents[2]
VERSION = re.search(r"^VERSION := (\S+)", (TOP / "Makefile").read_text(), re.M).group(1)

pytestmark = pytest.mark.skipif(bool(os.environ.get("BULLA_SANITIZED")), reason="a sanitizer's library is no part of it")


def make(build, out):
    done = subprocess.run([TOP / "scripts/image", build, out], env={**os.environ, "SOURCE_DATE_EPOCH": "1760000000"},
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    out = tmp_path_factory.mktemp("image")
    return out, make(BIN, out)


@pytest.fixture(scope="module")
def chrooted(image):
    """Run something in the root file system, and in nothing else."""
    root = image[0] / "rootfs"

    def run(*command):
        enter = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
        chroot = shutil.which("chroot", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        return subprocess.run([*enter, chroot, root, *command], capture_output=True, text=True, timeout=60)
    return run


def blob(image, digest):
    name = digest.split(":")[1]
    data = (image[0] / "oci/blobs/sha256" / name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == name
    return data


def manifest(image):
    index = json.loads((image[0] / "oci/index.json").read_text())
    assert json.loads((image[0] / "oci/oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert index["manifests"][0]["digest"] == image[1]
    return json.loads(blob(image, image[1]))


def test_same_binaries_give_same_image(image, tmp_path):
    """Also from another folder, at another time, by another umask."""
    for name in ("bulla", "bulla-agent"):
        shutil.copy(BIN / name, tmp_path / name)
        (tmp_path / name).chmod(0o700)
    assert make(tmp_path, tmp_path / "again") == image[1]


def test_the_folder_of_the_sources_does_not_matter(tmp_path):
    """Compiled in two folders, the objects are the same bytes, with what debuggers read, of which build-ids are made."""
    made = []
    for folder in (tmp_path / "a", tmp_path / "another" / "folder"):
        folder.mkdir(parents=True)
        for name in ("Makefile", "base", "scripts"):
            (shutil.copytree if (TOP / name).is_dir() else shutil.copy)(TOP / name, folder / name)
        done = subprocess.run(["make", "-s", "BUILD=build", "build/libbase.a"], cwd=folder, capture_output=True, text=True, timeout=300,
                              env={**os.environ, "CCACHE_DISABLE": "1"})
        assert done.returncode == 0, done.stderr
        made.append({p.name: p.read_bytes() for p in (folder / "build/base").glob("*.o")})
    assert made[0] and made[0] == made[1]
    assert not [name for name, data in made[0].items() if str(tmp_path).encode() in data]


def test_layout_is_whole(image):
    found = manifest(image)
    layer = found["layers"][0]
    config = json.loads(blob(image, found["config"]["digest"]))
    assert len(blob(image, found["config"]["digest"])) == found["config"]["size"]
    assert len(blob(image, layer["digest"])) == layer["size"]
    unpacked = subprocess.run(["gzip", "-dc"], input=blob(image, layer["digest"]), capture_output=True, check=True).stdout
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(unpacked).hexdigest()]
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Entrypoint"] == ["/usr/bin/bulla-agent"]
    assert config["created"] == "2025-10-09T08:53:20Z"
    used = {image[1], found["config"]["digest"], layer["digest"]}
    assert {"sha256:" + p.name for p in (image[0] / "oci/blobs/sha256").iterdir()} == used


def test_layer_holds_no_shell_and_nothing_writable(image):
    layer = image[0] / "oci/blobs/sha256" / manifest(image)["layers"][0]["digest"].split(":")[1]
    with tarfile.open(layer, "r:gz") as tar:
        members = tar.getmembers()
    assert len(members) > 100
    programs = sorted(m.name for m in members if m.isfile() and m.mode & 0o111 and "/ld-" not in m.name)
    assert programs == ["./usr/bin/bulla", "./usr/bin/bulla-agent"]
    for m in members:
        assert (m.uid, m.gid) == (0, 0) and m.mtime == 1760000000, m.name
        assert m.issym() or not m.mode & 0o6022, m.name
        assert m.isfile() or m.isdir() or m.issym(), m.name


def test_binaries_run_in_it(chrooted):
    for name in ("bulla", "bulla-agent"):
        done = chrooted(f"/usr/bin/{name}", "--version")
        assert (done.returncode, done.stdout) == (0, f"{name} {VERSION}\n"), done.stderr
        done = chrooted(f"/usr/bin/{name}", "--help")
        assert done.returncode == 0 and done.stdout.startswith("usage: " if name == "bulla-agent" else "") and done.stderr == ""


@pytest.mark.parametrize("library", ["libcurl.so.4", "libssh.so.4"])
def test_what_is_loaded_later_loads_in_it(chrooted, image, library):
    """These are not linked but opened at run time, so the test above does not need them."""
    root = image[0] / "rootfs"
    loader = next(root.glob("lib*/**/ld-linux*")).relative_to(root)
    done = chrooted(f"/{loader}", "--list", f"/{next(root.glob(f'usr/lib/**/{library}')).relative_to(root)}")
    assert done.returncode == 0 and "libc.so.6 => /" in done.stdout and "not found" not in done.stdout, done
    assert chrooted(f"/{loader}", "--list", "/usr/lib/libmissing.so.4").returncode != 0


def test_it_tells_what_is_inside(image):
    root = image[0] / "rootfs"
    packages = {p.name for p in (root / "var/lib/dpkg/status.d").iterdir()}
    # "t64": Debian 13's, whose times have 64 bits
    assert {"libc6", "libsodium23", "libjansson4", "libyaml-0-2", "libcurl4", "libssh-4", "ca-certificates"} <= \
        {name.removesuffix("t64") for name in packages}
    for name in packages:
        assert f"Package: {name}\n" in (root / "var/lib/dpkg/status.d" / name).read_text()
        assert (root / "usr/share/doc" / name / "copyright").stat().st_size > 0
    assert "BEGIN CERTIFICATE" in (root / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert (root / "usr/share/doc/bulla/LICENSE").read_bytes() == (TOP / "LICENSE").read_bytes()


def test_dockerfile_makes_the_same(image):
    """It takes the root file system from the script and sets what the script sets."""
    text = (TOP / "Dockerfile").read_text()
    config = json.loads(blob(image, manifest(image)["config"]["digest"]))["config"]
    assert "scripts/image --rootfs build /out" in text and "COPY --from=build /out/rootfs/ /\n" in text
    final = text.split("FROM scratch\n")[1]
    assert "RUN" not in final and f"USER {config['User']}\n" in final
    assert json.loads(re.search(r"^ENTRYPOINT (.*)$", final, re.M).group(1)) == config["Entrypoint"]
    assert [re.search(r"^ENV (.*)$", final, re.M).group(1)] == config["Env"]

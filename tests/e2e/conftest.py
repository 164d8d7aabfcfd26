# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several test files share."""
import os
import pathlib
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PYRAGE = "pyrage==1.4.0"  # age in Rust, by other people: the second independent implementation


@pytest.fixture(scope="session")
def bin_dir():
    return pathlib.Path(os.environ.get("BULLA_BIN_DIR", TOP / "build"))


@pytest.fixture(scope="session")
def pyrage_python():
    """A Python that has pyrage, in an environment under build/ that is made once.  Only where no
    package can be fetched and nobody counts on the result are its tests left out."""
    venv = TOP / "build" / "venv"
    python = venv / "bin" / "python"
    probe = [python, "-c", "import pyrage"]
    if not python.exists() or subprocess.run(probe, capture_output=True).returncode != 0:
        for command in ([sys.executable, "-m", "venv", "--system-site-packages", venv],
                        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                         "--only-binary", ":all:", PYRAGE]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                why = f"{command[-1]} cannot be installed: {done.stderr.strip()[-500:]}"
                pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    return python

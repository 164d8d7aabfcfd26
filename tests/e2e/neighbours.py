# SPDX-License-Identifier: Apache-2.0
"""The real kubeseal, sops and others, built once from their published Go modules (scripts/neighbours)."""
import os
import subprocess

import pytest

from documents import TOP

FOLDER = TOP / "build/neighbours"


def program(name):
    """Its path.  Where it cannot be built, and nobody counts on the result, the test is left out."""
    path = FOLDER / name
    if not path.exists():
        done = subprocess.run([TOP / "scripts/neighbours", FOLDER, name], capture_output=True, text=True, check=False)
        if not path.exists():
            why = done.stderr.strip()[-300:] or f"{name} cannot be built"
            pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    return str(path)


def run(name, *args, input="", env=None):
    done = subprocess.run([program(name), *map(str, args)], input=input, capture_output=True, text=True, env=env,
                          timeout=60, check=False)
    assert done.returncode == 0, f"{name} {args}: {done.stderr}"
    return done.stdout

# SPDX-License-Identifier: Apache-2.0
"""Readers written in Go, built from their modules when the tests that need them begin."""
import os
import shutil
import subprocess

import pytest

from documents import TOP


def build(source, folder, unread):
    """The program made of tests/oracle/SOURCE.  Only where there is no Go or no module can be fetched, and nobody
    counts on the result, are its tests left out; unread says what was not read then."""
    if shutil.which("go") is None:
        missing("go is not installed (scripts/deps test installs it)", unread)
    program = folder / source
    done = subprocess.run(["go", "build", "-o", program, "."], cwd=TOP / "tests/oracle" / source, text=True,
                          capture_output=True, env={**os.environ, "GOFLAGS": "-mod=readonly"}, check=False)
    if done.returncode != 0 and "downloading" in done.stderr and ': Get "' in done.stderr:
        missing("its modules cannot be fetched: " + done.stderr.strip()[-300:], unread)
    assert done.returncode == 0, "go build failed:\n" + done.stderr
    return program


def missing(why, unread):
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(f"{unread}: {why}")

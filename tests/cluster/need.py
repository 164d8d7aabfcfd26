# SPDX-License-Identifier: Apache-2.0
"""What a test cannot run without: where it is missing the test is skipped, and where CI counts on it, fails."""
import os

import pytest

import controlplane


def programs(*sets):
    """{program: path} of the sets of scripts/control-plane."""
    try:
        return controlplane.programs(*sets)
    except controlplane.Unavailable as e:
        missing(e)


def missing(why):
    if os.environ.get("CI"):
        pytest.fail(f"cluster tests must run under CI: {why}", pytrace=False)
    pytest.skip(f"cluster tests skipped: {why}")

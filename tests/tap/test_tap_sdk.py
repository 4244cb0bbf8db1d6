"""The tap passes the SDK's own test suite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

SUITE = Path(__file__).with_name("sdk_suite.py")


@pytest.mark.slow
def test_the_sdk_suite(make_sandbox: Callable[..., Sandbox], home: Path) -> None:
    # A process of its own: the suite starts the tap while it is collected, and warns of fields that no
    # record happens to have, which is no error.
    given = make_sandbox(customers=60, months=24).describe()
    settings = {
        "STRIPE_API_KEY": given["stripe"]["api_key"],
        "STRIPE_API_BASE": given["stripe"]["api_base"],
        "STRIPE_REQUESTS_PER_SECOND": "10000",
        "HUBSPOT_ACCESS_TOKEN": given["hubspot"]["access_token"],
        "HUBSPOT_API_BASE": given["hubspot"]["api_base"],
        "HUBSPOT_REQUESTS_PER_10_SECONDS": "10000",
        "KPI_HOME": str(home),
    }
    environment = {**os.environ, **{f"TAP_SAASKPI_{name}": value for name, value in settings.items()}}
    quiet = ["-q", "-W", "default", "-p", "no:cacheprovider", "--noconftest"]
    command = [sys.executable, "-m", "pytest", *quiet, str(SUITE)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout

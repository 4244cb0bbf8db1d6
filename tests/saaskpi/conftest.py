"""The command line in an empty folder with an empty environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.cli import CommandLine


@pytest.fixture(autouse=True)
def _newcomer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start in an empty folder, without any of our variables."""
    for name in list(os.environ):
        if name.startswith(("SAASKPI_", "STRIPE_", "HUBSPOT_")) and name != "SAASKPI_TEST_KILLS":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def saaskpi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command."""
    return CommandLine(monkeypatch, capsys)

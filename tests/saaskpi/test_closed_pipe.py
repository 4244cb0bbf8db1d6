"""Whoever reads the output may stop (``saaskpi accounts | head``): the command ends without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.saaskpi.made_up_run import home, made_up


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home(tmp_path_factory.mktemp("pipe") / "home", made_up())


@pytest.mark.parametrize("style", ["--format=table", "--format=csv", "--json", "--help"])
def test_a_reader_that_goes_away_is_no_error(at: Path, style: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "saaskpi", "accounts", "--home", str(at), style]
    code = Path(__file__).parents[2]
    try:
        ended = subprocess.run(
            command, cwd=code, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
        )
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")

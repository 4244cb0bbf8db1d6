"""The first command that anybody runs: everything against a simulated company."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from saaskpi.cli import cli


def saaskpi(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *arguments], standalone_mode=False)


@pytest.mark.slow
def test_the_demo_shows_what_it_wrote_and_puts_it_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "demo"
    told = saaskpi(home, "demo", "--customers", "12", "--months", "6", "--once")
    assert told.exit_code == 0, told.output
    assert "Totals of" in told.output
    assert "Written to the CRM as" in told.output
    (entry,) = json.loads(saaskpi(home, "audit", "--json").stdout)
    assert (entry["action"], entry["result"]) == ("run", "done")
    (last,) = json.loads(saaskpi(home, "history", "--json", "--limit", "1").stdout)
    assert (last["stage"], last["status"]) == ("apply", "done")

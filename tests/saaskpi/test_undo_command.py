"""``saaskpi undo``, and the guards of ``apply`` and ``run``, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import CommandLine
from tests.support.kept import Kept

if TYPE_CHECKING:
    from sandbox import Sandbox


@pytest.fixture
def sandbox(kept: Kept, tmp_path: Path) -> Sandbox:
    return kept.begin(tmp_path / "home", "enrich")[0]


@pytest.fixture
def saaskpi(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    told: dict[str, Any] = sandbox.describe()
    for name, value in {
        "SAASKPI_HOME": str(tmp_path / "home"),
        "SAASKPI_AS_OF": told["today"],
        "SAASKPI_STRIPE__API_BASE": told["stripe"]["api_base"],
        "SAASKPI_STRIPE__REQUESTS_PER_SECOND": "10000",
        "STRIPE_API_KEY": told["stripe"]["api_key"],
        "SAASKPI_HUBSPOT__API_BASE": told["hubspot"]["api_base"],
        "SAASKPI_HUBSPOT__REQUESTS_PER_10_SECONDS": "100000",
        "HUBSPOT_ACCESS_TOKEN": told["hubspot"]["access_token"],
        "SAASKPI_GUARDS__MAX_TASKS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return CommandLine(monkeypatch, capsys)


@pytest.mark.slow
def test_a_guard_names_the_flag_that_lets_it_through_and_undo_takes_it_back(
    saaskpi: CommandLine, sandbox: Sandbox
) -> None:
    empty = saaskpi("undo", "last")
    assert empty.code == 2
    assert "Nothing was applied yet." in empty.err

    stopped = saaskpi("run")
    assert stopped.code == 3
    assert sandbox.log.entries("hubspot", write=True) == []
    flag, count = stopped.err.split("add ")[1].strip(" .\n").split()
    assert flag == "--yes-tasks"
    assert f"STOPS: {count} tasks would be opened" in saaskpi("plan").out
    written = json.loads(saaskpi("apply", flag, count, "--json").out)
    assert written["tasks_opened"] == int(count)

    before = len(sandbox.log.entries("hubspot", write=True))
    shown = saaskpi("undo", "last", "--dry-run")
    assert f"Undoing {written['apply_id']} would put back" in shown.out
    assert len(sandbox.log.entries("hubspot", write=True)) == before
    taken_back = saaskpi("undo", written["apply_id"], "--json")
    assert f"values put back, {count} tasks archived" in taken_back.err
    undone = json.loads(taken_back.out)
    assert undone["tasks_archived"] == int(count)
    assert undone["objects_restored"] == written["companies_updated"]
    assert undone["left"] == []
    again = saaskpi("undo", "last")
    assert again.code == 0
    assert "nothing to take back" in again.err
    assert "tasks" not in again.err
    assert f"Nothing to take back of {written['apply_id']}." in again.out
    wrong = saaskpi("undo", undone["undo_id"])
    assert wrong.code == 2
    assert "is an undo" in wrong.err

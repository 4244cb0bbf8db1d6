"""saaskpi override: decisions that can be said are kept as they are said; explain rounds points."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.saaskpi.made_up_run import Tables, home, made_up
from tests.support.cli import CommandLine

UNTIL = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"


@pytest.fixture(scope="module")
def tables() -> Tables:
    """A few accounts; the second has one signal, of points that were rescaled."""
    known = {
        "account_id": "1001",
        "component": "history",
        "signal": "payments",
        "value": 1.0,
        "points": 2.5,
        "max_points": 100 / 14,
        "state": "measured",
        "reason_en": "1 late invoice",
        "reason_fr": "1 facture en retard",
    }
    return {**made_up(accounts=3), "account_health_signals": pd.DataFrame([known])}


@pytest.fixture(autouse=True)
def _run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tables: Tables) -> None:
    monkeypatch.setenv("SAASKPI_HOME", str(home(tmp_path / "home", tables)))


def decide(saaskpi: CommandLine, reason: str, author: str = "Ana Diaz") -> tuple[int, str]:
    words = ("--reason", reason, "--author", author)
    ended = saaskpi("override", "set", "Globex 1", "--band", "red", "--until", UNTIL, *words)
    return ended.code, ended.err


def test_a_decision_is_kept_on_one_line_without_commands_of_a_terminal(saaskpi: CommandLine) -> None:
    assert decide(saaskpi, " signed\n\n <b>{name}</b> \x1b[31m\u202e today ", "Ana\tDiaz") == (0, "")
    [row] = json.loads(saaskpi("override", "list", "--json").out)
    assert (row["reason"], row["author"]) == ("signed <b>{name}</b> [31m today", "Ana Diaz")
    assert (row["state"], row["until"]) == ("holds", UNTIL)


@pytest.mark.parametrize(
    "reason, author, message",
    [
        ("\x1b \n", "Ana", "The reason is empty."),
        ("signed", " \x1b ", "The author is empty."),
        ("x" * 401, "Ana", "The reason has 401 characters, more than 400."),
        ("signed", "x" * 81, "The author has 81 characters, more than 80."),
    ],
)
def test_a_decision_that_cannot_be_said_is_refused(
    saaskpi: CommandLine, reason: str, author: str, message: str
) -> None:
    code, told = decide(saaskpi, reason, author)
    assert (code, message in told) == (2, True)
    assert json.loads(saaskpi("override", "list", "--json").out) == []


def test_the_newest_decision_counts_until_it_is_ended(saaskpi: CommandLine) -> None:
    for reason in ("first", "second"):
        assert decide(saaskpi, reason) == (0, "")
    states = [(row["reason"], row["state"]) for row in json.loads(saaskpi("override", "list", "--json").out)]
    assert states == [("second", "holds"), ("first", "over")]
    assert saaskpi("override", "end", "Globex 1").code == 0
    assert {row["state"] for row in json.loads(saaskpi("override", "list", "--json").out)} == {"over"}
    assert saaskpi("override", "end", "Globex 1").code == 2


def test_explain_rounds_points_that_were_rescaled(saaskpi: CommandLine) -> None:
    printed = saaskpi("explain", "Globex 1").out
    assert "  2.5 of 7.1   measured  1 late invoice" in printed

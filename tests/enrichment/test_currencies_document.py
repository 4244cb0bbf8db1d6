"""``docs/currencies.md`` says what the code does."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from pathlib import Path

from enrichment.policy import Policy
from saaskpi import ecb
from saaskpi.rate_rows import COLUMNS
from tests.enrichment.test_fx import american

TEXT = (Path(__file__).parents[2] / "docs" / "currencies.md").read_text(encoding="utf-8")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def minor(amount: str) -> int:
    return int(Decimal(amount.replace(",", "")) * 100)


def test_the_worked_example_is_right() -> None:
    shown = [cells(line) for line in TEXT.splitlines() if line.startswith("| 2026-")]
    told = [(row[0], *map(minor, row[3:])) for row in shown]
    assert told == [(day, *amounts) for day, _, *amounts in american().valued().item()]
    assert [minor(row[2]) for row in shown] == [row["mrr_after"] for row in american().rows]


def test_every_mode_is_listed() -> None:
    [choices] = [item.metadata["choices"] for item in fields(Policy) if item.metadata["key"] == "fx.mode"]
    assert {cells(line)[0].strip("`") for line in TEXT.splitlines() if line.startswith("| `")} - {
        "fx.mode"
    } == set(choices)


def test_limits_and_columns_are_those_of_the_code() -> None:
    assert f"for at most {ecb.LONGEST_GAP.days} days" in TEXT
    assert f"used for {ecb.LONGEST_HOLD.days} days" in TEXT
    assert f"`{','.join(COLUMNS)}`" in TEXT
    assert all(code.upper() in TEXT for code in ecb.JOINED_EURO)

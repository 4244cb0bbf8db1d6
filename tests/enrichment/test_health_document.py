"""``docs/health.md`` says what the code does."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from enrichment.health.config import HealthConfig
from enrichment.health.flags import RULES
from enrichment.health.scoring import score
from enrichment.health.signals import SIGNALS
from tests.enrichment.facts import ENDING, MONTHLY, facts

TEXT = (Path(__file__).parents[2] / "docs" / "health.md").read_text(encoding="utf-8")
QUOTES = [line.removeprefix("> ") for line in TEXT.splitlines() if line.startswith("> ")]
HALF: dict[str, Any] = {
    **MONTHLY,
    "days_as_customer": 182.5,
    "mrr_180": 20000,
    "mrr_90": 20000,
    "mrr": 17000,
    "bad_invoices": 1,
    "invoices": 6,
}


@pytest.mark.parametrize("changes, quote", [(HALF, QUOTES[0]), ({**HALF, **ENDING}, QUOTES[1])])
def test_the_worked_example_is_right(changes: dict[str, Any], quote: str) -> None:
    assert score(facts(changes), HealthConfig()).accounts.iloc[0]["health_reasons"] == quote


def test_the_points_of_the_worked_example_are_right() -> None:
    signals = score(facts(HALF), HealthConfig()).signals.set_index("signal")
    example = TEXT[TEXT.index("## Worked example") : TEXT.index("## Flags")]
    for signal in ("payments", "mrr_trend", "tenure", "commitment"):
        points, most = (float(signals["points"][signal]), float(signals["max_points"][signal]))
        row = next(line for line in example.splitlines() if line.startswith(f"| {signal}:"))
        assert f"| {points:g} of {most:g} | {most - points:g} |" in row


def test_every_signal_and_flag_is_listed() -> None:
    for signal in SIGNALS:
        if signal.measure is not None:
            assert f"| {signal.id} | {signal.points} | {5 * signal.points} |" in TEXT
    for rule in RULES:
        assert f"| `{rule.flag}` |" in TEXT


def test_the_thresholds_are_the_defaults() -> None:
    defaults = {item.name: getattr(HealthConfig(), item.name) for item in fields(HealthConfig)}
    assert f"| green | {defaults['green_from']} to 100 |" in TEXT
    assert f"| yellow | {defaults['yellow_from']} to {defaults['green_from'] - 1} |" in TEXT
    assert f"set to end | {defaults['cap_cancellation']} |" in TEXT
    assert f"{defaults['cap_past_due_days']} days past due | {defaults['cap_past_due']} |" in TEXT
    assert f"within {defaults['cooldown_days']} days (`cooldown_days`)" in TEXT
    assert f"customer for less than {defaults['new_days']} days" in TEXT
    assert f"less than {defaults['min_coverage']} % of the points" in TEXT

"""``docs/health.md`` says what the code does."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from enrichment.health.config import FOR_ALL_ALIKE, HealthConfig
from enrichment.health.flags import RULES
from enrichment.health.overrides import apply
from enrichment.health.scoring import Health, score
from enrichment.health.signals import COMPONENTS, SIGNALS
from tests.enrichment.facts import ENDING, MONTHLY, facts
from tests.enrichment.health_accounts import USED, known, ladder

TEXT = (Path(__file__).parents[2] / "docs" / "health.md").read_text(encoding="utf-8")
SCORE = TEXT[: TEXT.index("## Flags")]
ASSUMED, EXAMPLE, CAPPED, STRIPE_ALONE, DECIDED = (
    line.removeprefix("> ") for line in SCORE.splitlines() if line.startswith("> ")
)
ACCOUNT: dict[str, Any] = {
    **MONTHLY,
    "days_as_customer": 182.5,
    "core_events": 300,
    "core_events_before": 500,
    "days_since_touch": 75,
    "engaged_contacts": 2,
    "nps": 6,
}
LATE: dict[str, Any] = {
    **MONTHLY,
    "days_as_customer": 182.5,
    "mrr_180": 20000,
    "mrr_90": 20000,
    "mrr": 17000,
    "bad_invoices": 1,
    "invoices": 6,
}


def scored(changes: dict[str, Any]) -> Health:
    """Score an account among nineteen others on its plan, of which two use it less."""
    others = ladder(20).drop(index=2).assign(account_id=[f"other_{rank}" for rank in range(19)])
    return score(pd.concat([known(changes), others], ignore_index=True), HealthConfig())


@pytest.mark.parametrize(
    "changes, quote",
    [
        (ACCOUNT, EXAMPLE),
        ({**ACCOUNT, **ENDING}, CAPPED),
    ],
)
def test_the_worked_example_is_right(changes: dict[str, Any], quote: str) -> None:
    assert scored(changes).accounts["health_reasons"][0] == quote


def test_the_example_with_stripe_alone_is_right() -> None:
    assert score(facts(LATE), HealthConfig()).accounts["health_reasons"][0] == STRIPE_ALONE


def test_the_example_of_what_is_not_measured_is_right() -> None:
    accounts = ladder(30, step=1.0).assign(account_id=[f"other_{rank}" for rank in range(30)])
    unknown = known({**dict.fromkeys(USED), **MONTHLY, "pressing_tickets": 2})
    # A median of what 31 accounts have: the one in the middle of the ladder is the median of usage.
    found = score(pd.concat([unknown, known({}).assign(account_id="top"), accounts]), HealthConfig())
    assert found.accounts["health_reasons"][0] == ASSUMED


def test_the_example_of_a_decision_is_right() -> None:
    decision = {
        "account_id": "acct_0",
        "band": "green",
        "reason": "the renewal is signed",
        "author": "Ana Diaz",
        "created_at": datetime(2026, 10, 1, tzinfo=UTC),
        "expires_at": datetime(2026, 12, 31, tzinfo=UTC),
    }
    now = datetime(2026, 10, 31, tzinfo=UTC)
    found = apply(scored({**ACCOUNT, **ENDING}).accounts, pd.DataFrame([decision]), now)
    assert found["health_reasons"][0] == DECIDED


def test_the_points_of_the_worked_example_are_right() -> None:
    signals = scored(ACCOUNT).signals.iloc[: len(SIGNALS)].set_index("signal")
    example = SCORE[SCORE.index("## Worked example") :]
    for signal in SIGNALS:
        points, most = float(signals["points"][signal.id]), float(signals["max_points"][signal.id])
        row = next(line for line in example.splitlines() if line.startswith(f"| {signal.id}:"))
        assert row.endswith(f"| {points / most:.2f} | {points:.1f} of {most:g} | {most - points:.1f} |")
    assert f"Sum {signals['points'].sum():.1f}, no cap" in example


def test_every_signal_and_component_is_listed() -> None:
    for signal in SIGNALS:
        assert f"\n| `{signal.id}` | {signal.points} | " in SCORE
    for component in COMPONENTS:
        points = sum(signal.points for signal in SIGNALS if signal.component == component)
        assert f"\n| {component} | {points} | " in SCORE


def test_every_flag_is_listed() -> None:
    for rule in RULES:
        assert f"| `{rule.flag}` |" in TEXT


def test_every_setting_is_listed_with_its_default() -> None:
    for item in fields(HealthConfig):
        default = getattr(HealthConfig(), item.name)
        if isinstance(default, int):
            assert f"\n| `{item.name}` | {default} | " in SCORE
    for name in FOR_ALL_ALIKE:
        if not name.endswith("_days") and name not in ("profiles", "sources"):
            assert f"`{name}`" in SCORE[SCORE.index("## Profiles") :]


def test_the_thresholds_are_the_defaults() -> None:
    defaults = {item.name: getattr(HealthConfig(), item.name) for item in fields(HealthConfig)}
    assert f"| green | {defaults['green_from']} to 100 |" in SCORE
    assert f"| yellow | {defaults['yellow_from']} to {defaults['green_from'] - 1} |" in SCORE
    assert f"set to end | {defaults['cap_cancellation']} |" in SCORE
    assert f"{defaults['cap_past_due_days']} days past due | {defaults['cap_past_due']} |" in SCORE
    assert f"more than {defaults['cap_idle_days']} days | {defaults['cap_idle']} |" in SCORE
    assert f"customer for less than {defaults['new_days']} days" in SCORE
    assert f"less than {defaults['min_coverage']} % of the points" in SCORE

"""Suggested weights: only with enough history, only when they do no worse later, always 100 points."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from enrichment.backtest.panel import Snapshots
from enrichment.backtest.suggestion import suggest
from enrichment.health.config import HealthConfig
from enrichment.health.signals import SIGNALS
from tests.enrichment.panels import row, snapshots

PRESENT = {signal.id: signal.points for signal in SIGNALS}


def portfolio(pulls: dict[int, float], accounts: int = 500, months: int = 9, seed: int = 1) -> Snapshots:
    """Accounts that leave the likelier the lower usage is, by a pull of its own in each month."""
    rng = np.random.default_rng(seed)
    rows, churns = [], []
    for number in range(accounts):
        for month in range(1, months + 1):
            usage, satisfaction = rng.random(2)
            shares = {"share_usage": usage, "share_satisfaction": satisfaction}
            rows.append(row(f"a{number}", f"2026-{month:02d}-01", 50, **shares))
            if rng.random() < 0.05 + pulls.get(month, 0.0) * (0.5 - usage):
                churns.append((f"a{number}", f"2026-{month:02d}-15", "voluntary"))
                break
    return snapshots(rows, churns, horizon_days=25)


STEADY = dict.fromkeys(range(1, 10), 0.1)


def test_weights_move_to_what_foretells_churn() -> None:
    found = suggest(portfolio(STEADY), HealthConfig())
    assert found.key == "offered"
    present, wanted = found.components["usage"]
    assert present == 40
    assert wanted > 45
    assert found.components["satisfaction"][1] < 20
    # Nothing is known of the others, so they keep what they have.
    assert found.components["engagement"] == found.components["history"] == (20, 20)


def test_points_are_whole_and_add_up_to_a_hundred() -> None:
    found = suggest(portfolio(STEADY), HealthConfig())
    assert sum(found.points.values()) == 100
    assert set(found.points) == set(PRESENT)
    assert tomllib.loads(found.toml) == {"health": {"points": dict(found.points)}}
    assert HealthConfig.from_settings({"points": dict(found.points)}).points == dict(found.points)


def test_the_share_of_the_fit_is_n_over_n_plus_fifty() -> None:
    given = portfolio(STEADY)
    found = suggest(given, HealthConfig())
    trust = found.events / (found.events + 50)
    (_, usage), (_, satisfaction) = found.components["usage"], found.components["satisfaction"]
    fitted = (usage - (1 - trust) * 40) / trust
    assert usage + satisfaction == pytest.approx(60)
    assert 0 <= fitted <= 60 + 1e-9


def test_weights_that_do_worse_later_are_not_offered() -> None:
    turned = {month: 0.1 if month <= 6 else -0.1 for month in range(1, 10)}
    found = suggest(portfolio(turned), HealthConfig())
    assert (found.key, found.points, found.toml) == ("worse", {}, "")
    assert found.fitted_auc is not None
    assert found.present_auc is not None
    assert found.fitted_auc < max(found.present_auc, 0.5)


def test_below_forty_churns_nothing_is_suggested() -> None:
    rows = [row(f"a{number}", f"2026-0{month}-01", 50) for number in range(60) for month in (1, 2)]
    churns = [(f"a{number}", "2026-02-15", "voluntary") for number in range(39)]
    found = suggest(snapshots(rows, churns), HealthConfig())
    assert (found.key, found.events, found.points) == ("few", 39, {})
    assert "39" in found.sentence.text("fr")


def test_one_instant_leaves_nothing_to_try_weights_on() -> None:
    rows = [row(f"a{number}", "2026-01-01", 50, share_usage=number / 60) for number in range(60)]
    churns = [(f"a{number}", "2026-02-15", "voluntary") for number in range(45)]
    assert suggest(snapshots(rows, churns), HealthConfig()).key == "one_instant"

"""Kaplan-Meier against published numbers, against scipy, and against lives counted one by one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.kpis.lifetime import Survival, lifetimes_by_month, month_number, survival
from enrichment.kpis.places import Place
from enrichment.sql import models
from enrichment.tables import ACCOUNT_MONTH, leave
from tests.enrichment.tiny_engine import TinyEngine

# Freireich and others 1963 (6-MP): weeks in remission, True where the remission ended.
REMISSIONS = [(6, True)] * 3 + [(6, False), (7, True), (9, False), (10, True), (10, False), (11, False)]
REMISSIONS += [(13, True), (16, True), (17, False), (19, False), (20, False), (22, True), (23, True)]
REMISSIONS += [(25, False), (32, False), (32, False), (34, False), (35, False)]
# Bewick, Cheek and Ball, Critical Care 2004, 8:389, table 2.
TREATED = [(1, True), (1, True), (4, True), (5, True), (6, False), (9, True), (9, False), (22, True)]
WHOLE = Place("eur", "native", "", "")
PRO = Place("eur", "native", "plan", "pro")
lives = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=60)


def estimate(seen: Sequence[tuple[int, bool]]) -> Survival:
    size = max(months for months, _ in seen) + 1
    counts = np.zeros((2, size), dtype=np.int64)
    for months, left in seen:
        counts[int(left), months] += 1
    return survival(counts[1], counts[0])


def test_the_textbook_curve() -> None:
    share = estimate(REMISSIONS).share
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448, 35: 0.448}
    assert {week: round(float(share[week]), 3) for week in published} == published


def test_the_textbook_mean_and_its_interval() -> None:
    # survfit in R: rmean 23.29, se(rmean) 2.83, up to 35.
    lifetime = estimate(REMISSIONS).lifetime()
    assert lifetime is not None
    assert float(lifetime.mean) == pytest.approx(23.287, abs=1e-3)
    assert float(lifetime.high - lifetime.mean) / 1.959964 == pytest.approx(2.827, abs=1e-3)
    assert lifetime.mean - lifetime.low == pytest.approx(lifetime.high - lifetime.mean)


def test_the_textbook_interval_of_the_curve() -> None:
    # survfit in R with conf.type "log-log", at week 10.
    low, high = estimate(REMISSIONS).interval()
    assert (round(float(low[10]), 3), round(float(high[10]), 3)) == (0.503, 0.889)


def test_a_curve_computed_by_hand() -> None:
    survived = estimate(TREATED)
    steps = {1: 3 / 4, 4: 5 / 8, 5: 1 / 2, 9: 1 / 3, 22: 0}
    assert {day: float(survived.share[day]) for day in steps} == pytest.approx(steps)
    lifetime = survived.lifetime()
    assert lifetime is not None
    assert float(lifetime.mean) == pytest.approx(1 + 3 * 3 / 4 + 5 / 8 + 4 / 2 + 13 / 3)


def test_without_censoring_the_mean_is_the_mean() -> None:
    lifetime = estimate([(2, True), (4, True), (9, True)]).lifetime()
    assert lifetime is not None
    assert float(lifetime.mean) == pytest.approx(5)
    # The variance of Greenwood is then the sample's, with n for n - 1.
    assert float(lifetime.high - 5) == pytest.approx(1.959964 * math.sqrt(26 / 3 / 3), abs=1e-6)


def test_nobody_left_says_nothing() -> None:
    assert estimate([(3, False), (8, False)]).lifetime() is None


@given(lives)
@settings(max_examples=40, deadline=None)
def test_the_curve_is_scipys(seen: list[tuple[int, bool]]) -> None:
    stats: Any = pytest.importorskip("scipy.stats")
    sample = stats.CensoredData.right_censored([m for m, _ in seen], [not left for _, left in seen])
    curve = stats.ecdf(sample).sf
    ours = estimate(seen)
    places = curve.quantiles.astype(int)
    assert ours.share[places] == pytest.approx(curve.probabilities)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        theirs = curve.confidence_interval(method="log-log")
    for mine, bound in zip(ours.interval(), (theirs.low, theirs.high), strict=True):
        known = np.isfinite(bound.probabilities)
        assert mine[places][known] == pytest.approx(bound.probabilities[known])


@given(lives)
@settings(max_examples=50, deadline=None)
def test_the_interval_holds_the_mean_within_the_longest_life(seen: list[tuple[int, bool]]) -> None:
    lifetime = estimate(seen).lifetime()
    assert (lifetime is None) == (not any(left for _, left in seen))
    if lifetime is not None:
        assert 0 <= lifetime.low <= lifetime.mean <= lifetime.high <= max(months for months, _ in seen)


# An account, month by month: MRR, and whether a fall to zero is churn.
histories = st.lists(
    st.lists(st.sampled_from(["paid", "none", "paused"]), min_size=6, max_size=6), max_size=8
)


def account_months(accounts: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Return ``account_month`` of accounts that are paid, none or paused in each month of 2026."""
    rows = []
    for number, months in enumerate(accounts):
        before = 0
        for month, state in enumerate(months, start=1):
            now = 100 if state == "paid" else 0
            if before or now:
                lost = before if not now and state == "none" else 0
                kept = {"churned_mrr": lost, "contraction_mrr": before - now - lost if before > now else 0}
                keys = {"account_id": f"acc_{number}", "month": f"2026-{month:02d}", "currency": "eur"}
                rows.append({**keys, "valuation": "native", "mrr_start": before, "mrr": now, **kept})
            before = now
    return pd.DataFrame(rows, columns=list(ACCOUNT_MONTH)).fillna(0)


def counted(accounts: Sequence[Sequence[str]], until: int) -> list[tuple[int, bool]]:
    """Return the lives up to a month one by one: months paid, and whether the last fall was churn."""
    seen = []
    for months in accounts:
        known = list(months[:until])
        if "paid" in known:
            last = len(known) - known[::-1].index("paid")
            seen.append((known.count("paid"), last < until and known[last] == "none"))
    return seen


@given(histories)
@settings(max_examples=25, deadline=None)
def test_spells_are_the_lives_counted_one_by_one(accounts: list[list[str]]) -> None:
    with TinyEngine() as engine:
        leave(engine, "account_month", account_months(accounts), ACCOUNT_MONTH)
        segments = {"account_id": ["acc_0"], "segment": ["plan"], "segment_value": ["pro"]}
        engine.register_frame("account_segments", pd.DataFrame(segments))
        for name, sql in models(("lifetime_spells", "lifetime_counts")):
            engine.run(name, sql)
        spells = engine.frame("lifetime_counts")
    months = [f"2026-{month:02d}" for month in range(1, 7)]
    found = lifetimes_by_month(spells, months)
    for place, chosen in ((WHOLE, accounts), (PRO, accounts[:1])):
        for until, month in enumerate(months, start=1):
            seen = counted(chosen, until)
            assert found.get((month, place)) == (estimate(seen).lifetime() if seen else None)


def test_month_numbers_follow_each_other() -> None:
    assert month_number("2027-01") - month_number("2026-12") == 1

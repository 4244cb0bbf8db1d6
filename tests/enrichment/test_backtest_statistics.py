"""The figures of the backtest against scipy, textbooks and brute force."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.backtest.statistics import (
    account_draws,
    auc,
    auc_with_interval,
    catch_curve,
    caught_by,
    lift,
    wilson,
    wilson_by_account,
)
from enrichment.backtest.suggestion import fit_weights

optimize: Any = pytest.importorskip("scipy.optimize")
stats: Any = pytest.importorskip("scipy.stats")
RISKS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30)


@given(RISKS)
def test_the_auc_is_the_mann_whitney_statistic(rows: list[tuple[int, bool]]) -> None:
    risk = np.array([risk for risk, _ in rows], dtype=float)
    left = np.array([left for _, left in rows])
    found = auc(risk, left)
    if left.all() or not left.any():
        assert math.isnan(found)
        return
    statistic = stats.mannwhitneyu(risk[left], risk[~left]).statistic
    assert found == pytest.approx(statistic / (left.sum() * (~left).sum()))


def test_an_interval_by_account_is_that_of_samples_of_whole_accounts() -> None:
    rng = np.random.default_rng(3)
    account = np.repeat(np.arange(40), 3)
    left = np.repeat(rng.random(40) < 0.4, 3)
    risk = left * 0.7 + rng.normal(size=120)
    drawn = account_draws(40, np.random.default_rng(5), draws=50)
    by_hand = []
    for sample in drawn:
        rows = np.repeat(np.arange(120), sample[account])
        by_hand.append(auc(risk[rows], left[rows]))
    found = auc_with_interval(risk, left, account, drawn)
    assert found.interval == pytest.approx(tuple(np.quantile(by_hand, (0.025, 0.975))))
    assert found.value == pytest.approx(auc(risk, left))
    assert (found.rows, found.churned) == (120, left.sum())


def test_draws_keep_the_number_of_accounts_and_come_from_the_seed() -> None:
    one, two = (account_draws(7, np.random.default_rng(1), draws=20) for _ in range(2))
    assert (one == two).all()
    assert (one.sum(axis=1) == 7).all()
    assert account_draws(0, np.random.default_rng(1), draws=20).shape == (20, 0)


def test_risks_that_are_not_known_are_left_out() -> None:
    risk, left = np.array([1.0, np.nan, 0.0, np.nan]), np.array([True, True, False, False])
    found = auc_with_interval(risk, left, np.arange(4), account_draws(4, np.random.default_rng(0)))
    assert (found.value, found.rows, found.churned) == (1.0, 2, 1)
    nobody = auc_with_interval(risk[1:2], left[1:2], np.arange(1), account_draws(1, np.random.default_rng(0)))
    assert (nobody.value, nobody.interval, nobody.rows) == (None, None, 0)


def test_the_intervals_of_a_fair_number_hold_the_truth_about_as_often_as_they_say() -> None:
    rng, held = np.random.default_rng(11), 0
    for _ in range(150):
        left = np.arange(80) < 40
        risk = rng.normal(size=80) + left * 0.7416  # of two normals this far apart the AUC is .70
        found = auc_with_interval(risk, left, np.arange(80), account_draws(80, rng, draws=200))
        assert found.interval is not None
        held += found.interval.low <= 0.70 <= found.interval.high
    assert 0.88 <= held / 150 <= 0.99


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_is_scipys(successes: int, more: int) -> None:
    trials = successes + more
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_a_textbook() -> None:
    # Newcombe (1998), Two-sided confidence intervals for the single proportion, table I.
    for successes, trials, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
    ):
        assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)
    assert wilson(0, 0) is None


def test_rows_that_repeat_an_account_say_nothing_new() -> None:
    left = np.array([True, False, False, True, False, False, False, True])
    once = wilson_by_account(left, np.arange(8))
    thrice = wilson_by_account(np.repeat(left, 3), np.repeat(np.arange(8), 3))
    assert once is not None
    assert thrice is not None
    assert thrice.high - thrice.low >= once.high - once.low - 0.02
    plain = wilson(9, 24)
    assert plain is not None
    assert thrice.high - thrice.low > plain.high - plain.low
    assert wilson_by_account(np.zeros(6, dtype=bool), np.array([0, 0, 1, 1, 2, 2])) == wilson(0, 3)
    assert wilson_by_account(np.zeros(0, dtype=bool), np.zeros(0, dtype=np.intp)) is None


def test_a_tenth_that_falls_among_equal_risks_takes_its_share_of_them() -> None:
    risk = np.array([3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    left = np.array([True, True, False, False, False, False, False, False, False, True])
    assert caught_by(risk, left, 0.1) == pytest.approx(1 / 3)
    assert caught_by(risk, left, 0.3) == pytest.approx((1 + 2 / 4) / 3)
    assert lift(risk, left, 0.1) == pytest.approx(10 / 3)
    assert lift(risk, np.zeros(10, dtype=bool)) is None
    assert catch_curve(risk, np.zeros(10, dtype=bool)) == ()


@given(RISKS)
def test_the_curve_rises_from_nothing_to_everything(rows: list[tuple[int, bool]]) -> None:
    left = np.array([left for _, left in rows])
    curve = catch_curve(np.array([risk for risk, _ in rows], dtype=float), left)
    if left.any():
        assert curve[0] == pytest.approx((0, 0))
        assert curve[-1] == pytest.approx((1, 1))
        assert all(later[1] >= sooner[1] - 1e-12 for sooner, later in pairwise(curve))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 10.0]))
def test_the_fit_is_the_one_that_scipy_finds(seed: int, ridge: float) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.random((200, 4))
    pull = rng.normal(size=4) * 3
    left = rng.random(200) < 1 / (1 + np.exp(1.5 + shares @ pull))

    def loss(at: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        margin = at[0] - shares @ at[1:]
        return float(np.logaddexp(0, margin).sum() - margin[left].sum() + ridge / 2 * (at[1:] ** 2).sum())

    bounds = [(-30, 30), *[(0, None)] * 4]
    theirs = optimize.minimize(loss, np.zeros(5), bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-14})
    ours = fit_weights(shares, left, ridge)
    assert (ours >= 0).all()
    assert ours == pytest.approx(theirs.x[1:], abs=5e-3)

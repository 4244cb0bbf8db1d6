"""What the backtest measures with: AUC, lift, rates with intervals. Pure numpy; randomness is passed in.

A row is one account at one month, so that an account stands in several rows that are much alike. Every
interval here takes whole accounts, never rows, as what was drawn by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, sqrt
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.intp]
Counts = npt.NDArray[np.int64]

DRAWS: Final = 500
CURVE_STEPS: Final = 20
_Z95: Final = 1.959963984540054
_CELLS_AT_ONCE: Final = 2_000_000


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Auc:
    """How well a number tells those who leave from those who stay.

    Attributes:
        value: the chance that, of one who left and one who stayed, the number ranks the one who left as the
            riskier; ties count half. 0.5 is a coin, 1 never wrong, 0 always wrong. None when nobody left or
            nobody stayed.
        interval: 95 %, by bootstrap over accounts; None when it cannot be had.
        rows: how many were ranked.
        churned: how many of them left.
    """

    value: float | None
    interval: Interval | None
    rows: int
    churned: int


def auc(risk: Numbers, churned: Flags) -> float:
    """Return the area under the ROC curve by ranks, ties half; NaN when one of the two sides is empty.

    Args:
        risk: higher means more likely to leave; no NaN.
        churned: who left.
    """
    return float(_weighted_auc(_Ranking.of(risk, churned), *_once(len(risk)))[0])


def _once(rows: int) -> tuple[Counts, Codes]:
    """Return the counts by which every row comes once."""
    return np.ones((1, 1), dtype=np.int64), np.zeros(rows, dtype=np.intp)


def account_draws(accounts: int, rng: np.random.Generator, draws: int = DRAWS) -> Counts:
    """Return (draws, accounts) how often each account comes in each bootstrap sample."""
    if accounts == 0:
        return np.zeros((draws, 0), dtype=np.int64)
    return rng.multinomial(accounts, np.full(accounts, 1 / accounts), size=draws)


def auc_with_interval(risk: Numbers, churned: Flags, account: Codes, drawn: Counts) -> Auc:
    """Return the AUC with its interval; rows whose risk is not known are left out.

    Args:
        risk: higher means more likely to leave; NaN where not known.
        churned: who left.
        account: each row's account, as a column of ``drawn``.
        drawn: from :func:`account_draws`.
    """
    known = ~np.isnan(risk)
    risk, churned, account = risk[known], churned[known], account[known]
    ranking = _Ranking.of(risk, churned)
    value = float(_weighted_auc(ranking, *_once(len(risk)))[0])
    if isnan(value):
        return Auc(None, None, len(risk), int(churned.sum()))
    sampled = np.concatenate([_weighted_auc(ranking, part, account) for part in _parts(drawn, len(risk))])
    sampled = sampled[~np.isnan(sampled)]
    interval = Interval(*map(float, np.quantile(sampled, (0.025, 0.975)))) if len(sampled) else None
    return Auc(value, interval, len(risk), int(churned.sum()))


def _parts(drawn: Counts, rows: int) -> Sequence[Counts]:
    """Cut the draws so that no more than some millions of weights stand in memory at once."""
    at_once = max(1, _CELLS_AT_ONCE // max(rows, 1))
    return [drawn[start : start + at_once] for start in range(0, len(drawn), at_once)]


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Rows by risk, lowest first.

    Attributes:
        order: the rows in that order.
        starts, ends: where each run of equal risks begins, and where the next one does.
        churned: who left, in that order.
    """

    order: Codes
    starts: Codes
    ends: Codes
    churned: Flags

    @classmethod
    def of(cls, risk: Numbers, churned: Flags) -> _Ranking:
        order = np.argsort(risk, kind="stable")
        ranked = risk[order]
        is_first = np.ones(len(ranked), dtype=bool)
        is_first[1:] = ranked[1:] != ranked[:-1]
        starts = np.flatnonzero(is_first)
        return cls(order, starts, np.append(starts[1:], len(ranked)), churned[order])


def _weighted_auc(ranking: _Ranking, counts: Counts, rows: Codes) -> Numbers:
    """Return (draws) the AUC where row ``i`` comes ``counts[draw, rows[i]]`` times; NaN where undefined.

    Only runs of equal risks in which somebody left are looked at: those who stayed, at or below, are told by
    one running sum.
    """
    places = np.flatnonzero(ranking.churned)
    if len(places) == 0:
        return np.full(len(counts), np.nan)
    weights = counts[:, rows[ranking.order]]
    run = np.searchsorted(ranking.starts, places, side="right") - 1
    runs, firsts = np.unique(run, return_index=True)
    left = np.add.reduceat(weights[:, places], firsts, axis=1)
    so_far = np.zeros((len(counts), weights.shape[1] + 1), dtype=np.int64)
    np.cumsum(weights, axis=1, out=so_far[:, 1:])
    below = so_far[:, ranking.starts[runs]] - (np.cumsum(left, axis=1) - left)
    beside = so_far[:, ranking.ends[runs]] - so_far[:, ranking.starts[runs]] - left
    gone = left.sum(axis=1)
    pairs = gone * (so_far[:, -1] - gone)
    won = (left * (below + beside / 2)).sum(axis=1)
    found: Numbers = np.divide(won, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)
    return found


def wilson(successes: float, trials: float) -> Interval | None:
    """Return the Wilson score interval of a share; None without trials.

    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference, JASA 22.
    """
    if trials <= 0:
        return None
    share, z2 = successes / trials, _Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z95 / (1 + z2 / trials) * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def wilson_by_account(churned: Flags, account: Codes) -> Interval | None:
    """Return the Wilson interval of a share of rows, as wide as the number of accounts behind them allows.

    The rows are cut down by the design effect, the variance between accounts over that of independent rows,
    never below one (the effective sample size of Korn and Graubard, 1998). Where all rows say the same, there
    is no variance to measure, and each account counts once.
    """
    rows = len(churned)
    if rows == 0:
        return None
    per_account = np.bincount(account)
    left = np.bincount(account, weights=churned)[per_account > 0]
    per_account = per_account[per_account > 0]
    accounts, share = len(per_account), float(churned.mean())
    if share in (0.0, 1.0) or accounts == 1:
        return wilson(share * accounts, accounts)
    variance = accounts / (accounts - 1) * float(((left - share * per_account) ** 2).sum()) / rows**2
    effect = max(1.0, variance / (share * (1 - share) / rows))
    return wilson(share * rows / effect, rows / effect)


def caught_by(risk: Numbers, churned: Flags, share: float) -> float:
    """Return the share of all churn that stands among the riskiest ``share`` of rows; NaN when nobody left.

    Where the cut falls among equal risks, they are taken in proportion: what a fair lot gives on average.
    """
    total = int(churned.sum())
    if total == 0:
        return float("nan")
    ranking = _Ranking.of(-risk, churned)
    sizes = np.add.reduceat(np.ones(len(risk)), ranking.starts)
    left = np.add.reduceat(ranking.churned.astype(np.float64), ranking.starts)
    room = share * len(risk) - (np.cumsum(sizes) - sizes)
    return float((left * np.clip(room / sizes, 0, 1)).sum()) / total


def lift(risk: Numbers, churned: Flags, share: float = 0.1) -> float | None:
    """Return how many times more churn the riskiest ``share`` holds than an equally large random choice."""
    caught = caught_by(risk, churned, share)
    return None if isnan(caught) else caught / share


def catch_curve(risk: Numbers, churned: Flags) -> tuple[tuple[float, float], ...]:
    """Return (share of rows, riskiest first; share of churn among them) from 0 to 1; empty without churn."""
    if not churned.any():
        return ()
    steps = [step / CURVE_STEPS for step in range(CURVE_STEPS + 1)]
    return tuple((step, caught_by(risk, churned, step)) for step in steps)

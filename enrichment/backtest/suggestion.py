"""Weights that the data speaks for: shrunk towards the present ones, tried on later months, never applied.

Each component's points are (1 - a) x present + a x fitted, where a = n / (n + 50) for n churns; the signals
of a component share its points as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.backtest.panel import SHARES, Panel, Snapshots, judged
from enrichment.backtest.statistics import Flags, Numbers, auc
from enrichment.backtest.words import Figure
from enrichment.health.config import HealthConfig
from enrichment.health.signals import COMPONENTS, SIGNALS
from enrichment.messages import Message, say

LEAST_EVENTS: Final = 40
_HALF_WAY: Final = 50
_EARLIER: Final = 2 / 3
_COIN: Final = 0.5
_RIDGE: Final = 1.0
_STEPS: Final = 100
_TINY: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What ``weights suggest`` found.

    Attributes:
        key: ``few``, ``one_instant``, ``same``, ``worse`` or ``offered``.
        sentence: it in plain words.
        events: churns that it rests on.
        present_auc, fitted_auc: on the later months, of the present weights and of those fitted to the
            earlier ones; None when it was not tried.
        components: points per component, present and suggested.
        points: suggested points per signal, whole, adding up to the present sum; empty unless offered.
    """

    key: str
    sentence: Message
    events: int
    present_auc: float | None = None
    fitted_auc: float | None = None
    components: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    points: Mapping[str, int] = field(default_factory=dict)

    @property
    def toml(self) -> str:
        """The lines for the settings file; empty unless offered."""
        if not self.points:
            return ""
        return "[health.points]\n" + "".join(f"{name} = {points}\n" for name, points in self.points.items())


def suggest(snapshots: Snapshots, config: HealthConfig) -> Suggestion:
    """Fit weights to who left, and say whether they are worth having.

    They are offered only when weights fitted in the same way to the earlier two thirds of the months rank the
    accounts of the later months at least as well as the present ones do, and as a coin would. Snapshots whose
    horizon reaches into the later months are not learnt from.

    Args:
        snapshots: see :class:`Snapshots`.
        config: has the present points.
    """
    panel = judged(snapshots)
    events = _events(panel.rows)
    if events < LEAST_EVENTS:
        return Suggestion("few", say("backtest.suggestion.few", n=events, least=LEAST_EVENTS), events)
    present = _present(config)
    earlier, later = _split(panel)
    if not (earlier["churned"].any() and later["churned"].any()):
        return Suggestion("one_instant", say("backtest.suggestion.one_instant"), events)
    tried = _blended(earlier, present)
    before, after = (_auc(later, weights) for weights in (present, tried))
    figures = {"fitted": Figure(after, 3), "default": Figure(before, 3)}
    if after < max(before, _COIN):
        return Suggestion("worse", say("backtest.suggestion.worse", **figures), events, before, after)
    wanted = _blended(panel.rows, present)
    points = _whole_points(config, dict(zip(COMPONENTS, wanted, strict=True)))
    if points == {signal.id: config.points.get(signal.id, signal.points) for signal in SIGNALS}:
        return Suggestion("same", say("backtest.suggestion.same"), events, before, after)
    components = {
        name: (float(old), float(new)) for name, old, new in zip(COMPONENTS, present, wanted, strict=True)
    }
    sentence = say("backtest.suggestion.offered", n=events, **figures)
    return Suggestion("offered", sentence, events, before, after, components, points)


def fit_weights(shares: Numbers, churned: Flags, ridge: float = _RIDGE) -> Numbers:
    """Return the weights, none below 0, that make a high share go with staying.

    Minimises the logistic loss of ``intercept - shares @ weights`` plus ``ridge / 2`` times the squared
    weights, by Newton's method on the weights that are free and projection onto those of 0 or more
    (Bertsekas, 1982, Projected Newton methods, SIAM J. Control 20).

    Args:
        shares: (n, c) from 0 to 1, no NaN.
        churned: (n) who left.
        ridge: how strongly weights are held small.
    """
    design = np.column_stack([np.ones(len(shares)), -shares])
    penalty = np.array([_TINY, *[ridge] * shares.shape[1]])
    found = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        moved = _step(design, churned, penalty, found)
        if np.abs(moved - found).max() < _TINY:
            break
        found = moved
    weights: Numbers = found[1:]
    return weights


def _step(design: Numbers, churned: Flags, penalty: Numbers, now: Numbers) -> Numbers:
    """Return the next point: a Newton step among the free weights, halved until the loss falls."""
    risk = 1 / (1 + np.exp(-np.clip(design @ now, -500, 500)))
    slope = design.T @ (risk - churned) + penalty * now
    is_free = (now > 0) | (slope < 0)
    is_free[0] = True
    curve = (design * (risk * (1 - risk))[:, None]).T @ design + np.diag(penalty)
    free = np.flatnonzero(is_free)
    direction = np.zeros(len(now))
    direction[free] = -np.linalg.solve(curve[np.ix_(free, free)], slope[free])
    loss = _loss(design, churned, penalty, now)
    for halving in range(40):
        tried = now + 0.5**halving * direction
        tried[1:] = np.maximum(tried[1:], 0)
        if _loss(design, churned, penalty, tried) <= loss:
            return tried
    return now


def _loss(design: Numbers, churned: Flags, penalty: Numbers, at: Numbers) -> float:
    margin = design @ at
    return float(np.logaddexp(0, margin).sum() - margin[churned].sum() + 0.5 * (penalty * at * at).sum())


def _events(rows: pd.DataFrame) -> int:
    return len(rows.loc[rows["churned"], ["account_id", "churned_at"]].drop_duplicates())


def _present(config: HealthConfig) -> Numbers:
    points = [
        sum(config.points.get(signal.id, signal.points) for signal in SIGNALS if signal.component == name)
        for name in COMPONENTS
    ]
    return np.array(points, dtype=np.float64)


def _split(panel: Panel) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the snapshots to learn from and the later ones to try it on."""
    months = sorted(panel.rows["as_of"].unique())
    first_later = months[min(floor(len(months) * _EARLIER), len(months) - 1)]
    over = panel.rows["as_of"] + pd.Timedelta(days=panel.horizon_days) <= first_later
    return panel.rows[over], panel.rows[panel.rows["as_of"] >= first_later]


def _filled(rows: pd.DataFrame) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Return (n, c) shares with the median for what is missing, and (c) which component is there at all."""
    shares = rows[list(SHARES)].astype(np.float64)
    is_there = shares.notna().any().to_numpy(dtype=bool)
    return shares.fillna(shares.median().fillna(0.0)).to_numpy(dtype=np.float64), is_there


def _blended(rows: pd.DataFrame, present: Numbers) -> Numbers:
    """Return the present points moved towards the fitted ones; components that are not there keep theirs."""
    shares, is_there = _filled(rows)
    fitted = np.where(
        is_there & (present > 0), fit_weights(shares, rows["churned"].to_numpy(dtype=bool)), 0.0
    )
    if fitted.sum() <= 0:
        return present
    there = np.where(is_there, present, 0.0)
    goal = fitted * there.sum() / fitted.sum()
    trust = _events(rows) / (_events(rows) + _HALF_WAY)
    return np.where(is_there, (1 - trust) * present + trust * goal, present)


def _auc(rows: pd.DataFrame, weights: Numbers) -> float:
    shares, _ = _filled(rows)
    return auc(-(shares @ weights), rows["churned"].to_numpy(dtype=bool))


def _whole_points(config: HealthConfig, wanted: Mapping[str, float]) -> dict[str, int]:
    """Return whole points per signal with the present sum: the largest remainders are rounded up."""
    present = dict(zip(COMPONENTS, _present(config), strict=True))
    times = {name: wanted[name] / points if points else 0.0 for name, points in present.items()}
    exact = {
        signal.id: config.points.get(signal.id, signal.points) * times[signal.component] for signal in SIGNALS
    }
    whole = {name: floor(points + 1e-9) for name, points in exact.items()}
    left = round(sum(present.values())) - sum(whole.values())
    for name in sorted(exact, key=lambda name: (whole[name] - exact[name], name))[:left]:
        whole[name] += 1
    return whole

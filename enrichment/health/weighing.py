"""From measured fractions to points: dropped sources, medians for what is missing, coverage.

Every one of the 100 points ends in exactly one place: in the score, lost to something that was measured, or
withheld by an assumption that stands for something that was not. So for every account
``total + lost + withheld = 100``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from enrichment.health.config import HealthConfig
from enrichment.health.signals.signal import Flags, Numbers

MEASURED: Final = 0
ASSUMED: Final = 1
MISSING: Final = 2
STATES: Final = ("measured", "assumed", "missing")


@dataclass(frozen=True, slots=True)
class Weighed:
    """The points of ``n`` accounts (rows) and ``s`` signals (columns), rescaled to 100.

    Attributes:
        maxima: (s) points that a signal can give; 0 for a dropped component.
        earned: (n, s) points in the score.
        lost: (n, s) points that a measured signal did not give.
        withheld: (n, s) points that an assumption did not give.
        state: (n, s) index into ``STATES``.
        coverage: (n) share of the points that is measured, 0 to 1.
        dropped: components that are missing for too many accounts to count for any.
        measured_accounts: component to the number of accounts that have it.
    """

    maxima: Numbers
    earned: Numbers
    lost: Numbers
    withheld: Numbers
    state: npt.NDArray[np.int8]
    coverage: Numbers
    dropped: tuple[str, ...]
    measured_accounts: dict[str, int]

    @property
    def total(self) -> Numbers:
        """(n) the score before caps, 0 to 100."""
        total: Numbers = self.earned.sum(axis=1)
        return total

    def of(self, rows: npt.NDArray[np.intp]) -> Weighed:
        """Return the points of some of the accounts, weighed as they were among all."""
        tables = ("earned", "lost", "withheld", "state", "coverage")
        return replace(self, **{name: getattr(self, name)[rows] for name in tables})


def weigh(
    fractions: Numbers, points: Sequence[float], components: Sequence[str], config: HealthConfig
) -> Weighed:
    """Turn fractions into points.

    Args:
        fractions: (n, s) from 0 to 1, NaN where a signal could not be measured.
        points: (s) maximum per signal, before rescaling.
        components: (s) each signal's component.
        config: says when a component is dropped and what stands for a missing one.
    """
    columns = {name: np.array([c == name for c in components]) for name in dict.fromkeys(components)}
    base = np.asarray(points, dtype=np.float64)
    known = ~np.isnan(fractions)
    counts = {name: _counts(known, base, here) for name, here in columns.items()}
    dropped = tuple(name for name, here in counts.items() if _is_absent(here, config))
    keep = ~np.any([columns[name] for name in dropped], axis=0) if dropped else np.ones(len(base), dtype=bool)
    kept_points = float(base[keep].sum())
    maxima = np.where(keep, base * (100 / kept_points if kept_points else 0.0), 0.0)
    used, stand_in = _fill(fractions, base, columns, counts, config)
    state = np.where(used, MEASURED, ASSUMED).astype(np.int8)
    state[:, ~keep] = MISSING
    earned = np.where(used, np.nan_to_num(fractions), stand_in) * maxima
    rest = maxima - earned
    return Weighed(
        maxima=maxima,
        earned=earned,
        lost=np.where(used, rest, 0.0),
        withheld=np.where(used, 0.0, rest),
        state=state,
        coverage=(used * maxima).sum(axis=1) / 100,
        dropped=dropped,
        measured_accounts={name: int(here.sum()) for name, here in counts.items()},
    )


def _counts(known: Flags, base: Numbers, here: Flags) -> Flags:
    """(n) whether at least half of a component's points are measured."""
    whole = base[here].sum()
    counts: Flags = (known[:, here] * base[here]).sum(axis=1) * 2 >= whole - 1e-9
    return counts & bool(whole > 0)


def _is_absent(counts: Flags, config: HealthConfig) -> bool:
    missing = len(counts) - int(counts.sum())
    return missing * 100 > config.source_absent * len(counts)


def _fill(
    fractions: Numbers,
    base: Numbers,
    columns: dict[str, Flags],
    counts: dict[str, Flags],
    config: HealthConfig,
) -> tuple[Flags, Numbers]:
    """Return (n, s) which fractions are used as measured, and what stands in for the others.

    Within a component that counts, the signals that are there speak for those that are not. A component that
    does not count takes the median of the accounts that have it.
    """
    used = np.zeros(fractions.shape, dtype=bool)
    stand_in = np.zeros(fractions.shape)
    for name, here in columns.items():
        part, weight = fractions[:, here], base[here]
        known = ~np.isnan(part)
        whole = (known * weight).sum(axis=1)
        mean = np.divide(
            (np.nan_to_num(part) * weight).sum(axis=1), whole, out=np.zeros(len(part)), where=whole > 0
        )
        enough = counts[name].sum() >= max(config.median_accounts, 1)
        median = float(np.median(mean[counts[name]])) if enough else config.fallback_fill / 100
        used[:, here] = known & counts[name][:, None]
        stand_in[:, here] = np.where(counts[name], mean, median)[:, None]
    return used, stand_in

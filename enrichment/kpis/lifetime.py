"""How long customers stay: Kaplan-Meier survival, its mean and the confidence interval of that mean.

A customer's life is the number of month ends with MRR. A churned customer's life is known; of the others only
that it is longer than what was seen (censored). Kaplan-Meier counts both rightly, where ``1 / churn`` assumes
that everybody leaves at the same pace for ever.

The mean is the restricted mean: the area under the curve up to the longest life observed, hence never more
than that. Its variance is the usual one (Klein and Moeschberger, Survival Analysis, section 4.5):
``sum over t of area(t, end)^2 * d / (n * (n - d))`` with d of n at risk churned at t. The interval of the
curve is the log-log ("exponential Greenwood") one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.kpis.formulas import Lifetime
from enrichment.kpis.places import Place, place_of

CONFIDENCE: Final = 0.95
_NEVER: Final = 10**6
_Counts = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Survival:
    """A Kaplan-Meier estimate; position t of each array speaks of a life of t months.

    Attributes:
        at_risk: customers whose life was at least t months.
        churned: customers who left after exactly t months.
        share: estimated share of customers who stay longer than t months.
    """

    at_risk: _Counts
    churned: _Counts
    share: _Floats

    def interval(self, confidence: float = CONFIDENCE) -> tuple[_Floats, _Floats]:
        """Return the pointwise interval of ``share``; where none can be told it is the share itself."""
        inner = (self.share > 0) & (self.share < 1)
        log = np.log(self.share, out=np.full(len(self.share), -1.0), where=inner)
        spread = _z(confidence) * np.sqrt(np.cumsum(self._terms())) / -log
        low, high = self.share ** np.exp(spread), self.share ** np.exp(-spread)
        return np.where(inner, low, self.share), np.where(inner, high, self.share)

    def lifetime(self, confidence: float = CONFIDENCE) -> Lifetime | None:
        """Return the mean lifetime in months; None when nobody left yet, for then it cannot be told."""
        if not self.churned.any():
            return None
        horizon = int(np.flatnonzero(self.at_risk)[-1])
        # A life of t months ends at t, so that month t + 1 is lived by those who stay longer than t.
        left = np.append(np.cumsum(self.share[:horizon][::-1])[::-1], np.zeros(len(self.share) - horizon))
        spread = _z(confidence) * float(np.sqrt(np.sum(left**2 * self._terms())))
        mean = float(left[0])
        low, high = max(0.0, mean - spread), min(float(horizon), mean + spread)
        return Lifetime(Fraction(mean), Fraction(low), Fraction(high))

    def _terms(self) -> _Floats:
        """Return Greenwood's terms d / (n * (n - d)); where the last one leaves there is none."""
        stays = self.at_risk - self.churned
        return np.divide(self.churned, self.at_risk * stays, out=np.zeros(len(stays)), where=stays > 0)


def survival(churned: _Counts, staying: _Counts) -> Survival:
    """Estimate how long customers stay, from counts per length of life.

    Args:
        churned: position t: customers who left after t months with MRR.
        staying: position t: customers seen for t months who did not leave; as long as ``churned``.
    """
    at_risk = np.cumsum((churned + staying)[::-1])[::-1]
    stay = np.divide(at_risk - churned, at_risk, out=np.zeros(len(at_risk)), where=at_risk > 0)
    return Survival(at_risk, churned, np.cumprod(stay, dtype=np.float64))


def lifetimes_by_month(
    spells: pd.DataFrame | None, months: Collection[str]
) -> dict[tuple[str, Place], Lifetime]:
    """Return the expected lifetime as it was known at the end of each month.

    Args:
        spells: rows of ``lifetime_counts``; None when there are none.
        months: which month ends (``2026-10``) are asked for.

    Returns:
        By month and place (currency, valuation, segment); without an entry where nobody left until then.
    """
    if spells is None:
        return {}
    found = {}
    for place, table in _by_place(spells):
        for month in months:
            lifetime = survival(*lives_at(table, month_number(month))).lifetime()
            if lifetime is not None:
                found[month, place] = lifetime
    return found


@dataclass(frozen=True, slots=True)
class Spells:
    """Rows of ``lifetime_counts`` of one place, column by column; months are 12 x year + month."""

    began: _Counts
    ended: _Counts
    resumed: _Counts
    months_before: _Counts
    has_churned: _Counts
    accounts: _Counts

    @classmethod
    def of(cls, table: pd.DataFrame) -> Spells:
        """Take them from a frame; an end that did not come is later than any month."""
        return cls(*(table[item.name].fillna(_NEVER).to_numpy(dtype=np.int64) for item in fields(cls)))


def lives_at(spells: Spells, month_no: int) -> tuple[_Counts, _Counts]:
    """Return how long lives were at a month's end, churned and staying, as :func:`survival` takes them.

    Args:
        spells: of one place.
        month_no: 12 x year + month.
    """
    # Of an account that came back, the newest spell up to then speaks for its whole life.
    seen = (spells.began <= month_no) & (spells.resumed > month_no)
    months = spells.months_before + np.minimum(spells.ended, month_no + 1) - spells.began
    gone = (spells.ended <= month_no) & (spells.has_churned > 0)
    size = int(months[seen].max(initial=0)) + 1
    return (
        _count(months[seen & gone], spells.accounts[seen & gone], size),
        _count(months[seen & ~gone], spells.accounts[seen & ~gone], size),
    )


def month_number(month: str) -> int:
    """Return 12 x year + month of ``2026-10``."""
    return 12 * int(month[:4]) + int(month[5:7])


def _count(months: _Counts, accounts: _Counts, size: int) -> _Counts:
    counts = np.zeros(size, dtype=np.int64)
    np.add.at(counts, months, accounts)
    return counts


def _by_place(spells: pd.DataFrame) -> Iterator[tuple[Place, Spells]]:
    keys: list[Any] = ["currency", "valuation", "segment", "segment_value"]
    for key, table in spells.groupby(keys, dropna=False):
        yield place_of(dict(zip(keys, key, strict=True))), Spells.of(table)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)

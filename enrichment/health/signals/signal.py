"""What a signal is, and how facts are read for it: a fact that cannot be true is one that is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.health.config import HealthConfig
from enrichment.messages import Message

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Row = Mapping[str, Any]
"""One account's facts; None where unknown."""


class Measured(NamedTuple):
    """What one signal found for every account.

    Attributes:
        value: what stands behind the fraction, in the unit that docs/health.md names; may be NaN.
        fraction: share of the signal's points, 0 to 1; NaN where it could not be measured.
        words: what its sentence depends on, one column each, rounded to what is said: most accounts share
            most sentences, and each is written once.
    """

    value: Numbers
    fraction: Numbers
    words: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of the score.

    Attributes:
        id: unique name.
        component: the component whose points it shares.
        points: maximum, of 100 over all signals.
        missing_when: in words, for the documentation.
        measure: reads the facts of all accounts at once.
        reason: what to say where it was measured; reads one row of ``Measured.words``.
    """

    id: str
    component: str
    points: float
    missing_when: str
    measure: Callable[[pd.DataFrame, HealthConfig], Measured]
    reason: Callable[[Row, HealthConfig], Message]


def numbers(facts: pd.DataFrame, column: str) -> Numbers:
    """Return a column as floats, NaN where null or not a number."""
    return pd.to_numeric(facts[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def counts(facts: pd.DataFrame, column: str) -> Numbers:
    """Return a column as floats of 0 or more, NaN where it is null, negative or infinite."""
    found = numbers(facts, column)
    return np.where(np.isfinite(found) & (found >= 0), found, np.nan)


def counts_or_zero(facts: pd.DataFrame, column: str) -> Numbers:
    """Return :func:`counts` with 0 where nothing is recorded, for sources that record only what there is."""
    return np.where(np.isnan(numbers(facts, column)), 0.0, counts(facts, column))


def is_true(facts: pd.DataFrame, column: str) -> Flags:
    """Return where a column is true; null is not."""
    return facts[column].isin([True]).to_numpy(dtype=np.bool_)


def share(amount: Numbers, nothing_at: float, all_at: float) -> Numbers:
    """Return how far an amount is from where it gives nothing to where it gives all, 0 to 1."""
    found: Numbers = np.clip((amount - nothing_at) / (all_at - nothing_at), 0.0, 1.0)
    return found


def times(amount: Numbers, base: Numbers) -> Numbers:
    """Return how many times the base an amount is, NaN where the base is 0 or unknown; a billion at most.

    Beyond that nobody reads it, and per cent of it would be no number any more.
    """
    with np.errstate(over="ignore"):
        return np.minimum(amount / np.where(base > 0, base, np.nan), 1e9)


def only(measurable: Flags, fraction: Numbers) -> Numbers:
    """Return the fractions where they are measurable, else NaN."""
    return np.where(measurable, fraction, np.nan)

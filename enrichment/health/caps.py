"""What holds a score down, however good the rest is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.health.config import HealthConfig
from enrichment.health.signals.history import all_ending, say_ending, say_past_due
from enrichment.health.signals.signal import Flags, Row, counts
from enrichment.health.signals.usage import say_silent
from enrichment.messages import Message

NO_CAP: Final = 100


@dataclass(frozen=True, slots=True)
class Cap:
    """One fact that limits the score.

    Attributes:
        signal: the signal that says the same, which the sentence need not repeat.
        setting: the setting with the highest score.
        holds: whether it is so, of every account.
        reason: why, of an account of which it is so.
    """

    signal: str
    setting: str
    holds: Callable[[pd.DataFrame, HealthConfig], Flags]
    reason: Callable[[Row], Message]


def _is_long_past_due(facts: pd.DataFrame, config: HealthConfig) -> Flags:
    return counts(facts, "days_past_due") > config.cap_past_due_days


def _is_silent(facts: pd.DataFrame, config: HealthConfig) -> Flags:
    return counts(facts, "days_idle") > config.cap_idle_days


CAPS: Final = (
    Cap(
        "commitment",
        "cap_cancellation",
        lambda facts, _: all_ending(facts),
        lambda row: say_ending(row["last_end"]),
    ),
    Cap("payments", "cap_past_due", _is_long_past_due, lambda row: say_past_due(int(row["days_past_due"]))),
    Cap("recency", "cap_idle", _is_silent, lambda row: say_silent(int(row["days_idle"]))),
)


def lowest_caps(
    facts: pd.DataFrame, config: HealthConfig
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the lowest cap of every account (100 when none holds), and its place in ``CAPS`` (else -1)."""
    points = np.full(len(facts), NO_CAP, dtype=np.int64)
    place = np.full(len(facts), -1, dtype=np.int64)
    for number, cap in enumerate(CAPS):
        lower = cap.holds(facts, config) & (getattr(config, cap.setting) < points)
        points[lower], place[lower] = getattr(config, cap.setting), number
    return points, place

"""The fourteen signals of the health score, each declared once: what it measures and how it is said.

A signal reads the facts of all accounts at once and gives a value and a fraction of its points (0 to 1), NaN
where it cannot be measured. Facts that cannot be true, a negative or infinite count, count as not measured.
"""

from __future__ import annotations

from typing import Final

from enrichment.health.signals.engagement import ENGAGEMENT
from enrichment.health.signals.history import HISTORY, is_ending, is_past_due
from enrichment.health.signals.satisfaction import SATISFACTION
from enrichment.health.signals.signal import Measured, Numbers, Row, Signal, numbers
from enrichment.health.signals.usage import USAGE

SIGNALS: Final[tuple[Signal, ...]] = (*USAGE, *ENGAGEMENT, *SATISFACTION, *HISTORY)
"""All signals, in the order in which they are shown; their points add up to 100."""

COMPONENTS: Final = tuple(dict.fromkeys(signal.component for signal in SIGNALS))

__all__ = [
    "COMPONENTS",
    "SIGNALS",
    "Measured",
    "Numbers",
    "Row",
    "Signal",
    "is_ending",
    "is_past_due",
    "numbers",
]

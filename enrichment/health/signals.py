"""The fourteen signals of the health score, each declared once: what it measures and how it is said.

A signal reads the facts of all accounts at once and gives a value and a fraction of its points (0 to 1), both
NaN where it cannot be measured. Signals whose source is not connected have no measure yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.health.config import HealthConfig
from enrichment.messages import Message, say

Numbers = npt.NDArray[np.float64]
Row = Mapping[str, Any]
"""One account's facts; None where unknown."""

_DAYS_PER_MONTH: Final = 365 / 12
_TERMS: Final = ((360, 1.0, "year"), (180, 0.75, "half_year"), (90, 0.6, "quarter"))
_MONTHLY: Final = 0.5
_OWING: Final = ("past_due", "unpaid")
_RATIO_AT_ZERO: Final = 0.70


class Measured(NamedTuple):
    """What one signal found for every account: the value behind it, and the fraction of its points."""

    value: Numbers
    fraction: Numbers


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of the score.

    Attributes:
        id: unique name.
        component: the component whose points it shares.
        points: maximum, of 100 over all signals.
        missing_when: in words, for the documentation.
        measure: None while no source is connected.
        reason: what to say of an account whose value was measured.
    """

    id: str
    component: str
    points: float
    missing_when: str
    measure: Callable[[pd.DataFrame, HealthConfig], Measured] | None = None
    reason: Callable[[Row, HealthConfig], Message] | None = None


def numbers(facts: pd.DataFrame, column: str) -> Numbers:
    """Return a column as floats, NaN where null or not a number."""
    return pd.to_numeric(facts[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def is_past_due(row: Row) -> bool:
    """Say whether money is owed now."""
    return row["status"] in _OWING or row["open_invoice_id"] is not None


def is_ending(row: Row) -> bool:
    """Say whether everything that counts is set to end."""
    return bool(row["ending_items"]) and row["ending_items"] == row["counted_items"]


def _payments(facts: pd.DataFrame, _: HealthConfig) -> Measured:
    bad = numbers(facts, "bad_invoices")
    owing = facts["status"].isin(_OWING).to_numpy() | facts["open_invoice_id"].notna().to_numpy()
    fraction = np.where(owing, 0.0, np.clip(1 - 0.5 * bad, 0, 1))
    none = numbers(facts, "invoices_ever") == 0
    return Measured(np.where(none, np.nan, bad), np.where(none, np.nan, fraction))


def _say_payments(row: Row, config: HealthConfig) -> Message:
    if is_past_due(row):
        days = row["days_past_due"]
        return say("signal.payments.past_due", n=int(days)) if days else say("signal.payments.owing")
    if row["bad_invoices"]:
        return say(
            "signal.payments.bad",
            n=int(row["bad_invoices"]),
            invoices=int(row["invoices"]),
            days=config.history_window_days,
        )
    return say("signal.payments.clean", days=config.history_window_days)


def _mrr_trend(facts: pd.DataFrame, _: HealthConfig) -> Measured:
    before = _mrr_before(facts)
    ratio = numbers(facts, "mrr") / before
    return Measured(ratio, np.clip((ratio - _RATIO_AT_ZERO) / (1 - _RATIO_AT_ZERO), 0, 1))


def _mrr_before(facts: pd.DataFrame) -> Numbers:
    """MRR 180 days ago; of accounts that are younger, 90 days ago; NaN when there was none."""
    half_year, quarter = numbers(facts, "mrr_180"), numbers(facts, "mrr_90")
    return np.where(half_year > 0, half_year, np.where(quarter > 0, quarter, np.nan))


def _say_mrr_trend(row: Row, _: HealthConfig) -> Message:
    days = 180 if (row["mrr_180"] or 0) > 0 else 90
    change = round(100 * (row["mrr"] / row[f"mrr_{days}"] - 1))
    key = "down" if change < 0 else "up" if change > 0 else "same"
    return say(f"signal.mrr_trend.{key}", percent=abs(change), days=days)


def _tenure(facts: pd.DataFrame, _: HealthConfig) -> Measured:
    months = np.nan_to_num(numbers(facts, "days_as_customer")) / _DAYS_PER_MONTH
    return Measured(months, np.clip(months / 12, 0, 1))


def _say_tenure(row: Row, _: HealthConfig) -> Message:
    months = int((row["days_as_customer"] or 0) / _DAYS_PER_MONTH)
    if months == 0:
        return say("signal.tenure.fresh")
    return say("signal.tenure.short" if months < 12 else "signal.tenure.long", n=months)


def _commitment(facts: pd.DataFrame, _: HealthConfig) -> Measured:
    days = np.nan_to_num(numbers(facts, "term_days"))
    fraction = np.select([days >= least for least, _, _ in _TERMS], [f for _, f, _ in _TERMS], _MONTHLY)
    ending = (numbers(facts, "ending_items") > 0) & (
        numbers(facts, "ending_items") == numbers(facts, "counted_items")
    )
    return Measured(days / 30, np.where(ending, 0.0, fraction))


def _say_commitment(row: Row, _: HealthConfig) -> Message:
    if is_ending(row):
        return say("signal.commitment.ending", date=row["last_end"])
    term = next((name for least, _, name in _TERMS if (row["term_days"] or 0) >= least), "month")
    return say(f"signal.commitment.{term}")


_NO_USAGE: Final = "no usage source"
_NO_ENGAGEMENT: Final = "no engagements at all"

SIGNALS: Final[tuple[Signal, ...]] = (
    Signal("level", "usage", 14, _NO_USAGE),
    Signal("change", "usage", 12, "less than 56 days of history, or fewer than 10 events before"),
    Signal("seats", "usage", 8, "no user ids or seats"),
    Signal("recency", "usage", 6, _NO_USAGE),
    Signal("last_touch", "engagement", 8, _NO_ENGAGEMENT),
    Signal("contacts", "engagement", 7, _NO_ENGAGEMENT),
    Signal("key_contact", "engagement", 5, "no champion or decision maker ever named"),
    Signal("survey", "satisfaction", 10, "no answer in 180 days"),
    Signal("ticket_load", "satisfaction", 6, "no ticket source"),
    Signal("open_tickets", "satisfaction", 4, "no ticket source"),
    Signal("payments", "history", 7, "no invoices", _payments, _say_payments),
    Signal("mrr_trend", "history", 5, "less than 60 days of history", _mrr_trend, _say_mrr_trend),
    Signal("tenure", "history", 4, "never", _tenure, _say_tenure),
    Signal("commitment", "history", 4, "never", _commitment, _say_commitment),
)
"""All signals, in the order in which they are shown; their points add up to 100."""

COMPONENTS: Final = tuple(dict.fromkeys(signal.component for signal in SIGNALS))

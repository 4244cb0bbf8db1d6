"""History: whether the account pays as agreed, pays more or less, for how long, and how far ahead."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from enrichment.health.config import HealthConfig
from enrichment.health.signals.signal import (
    Flags,
    Measured,
    Numbers,
    Row,
    Signal,
    counts,
    numbers,
    only,
    share,
    times,
)
from enrichment.messages import Message, say

_DAYS_PER_MONTH: Final = 365 / 12
_TERMS: Final = ((360, "year"), (180, "half_year"), (90, "quarter"))
_OWING: Final = ("past_due", "unpaid")


def is_past_due(row: Row) -> bool:
    """Say whether money is owed now."""
    return row["status"] in _OWING or row["open_invoice_id"] is not None


def is_ending(row: Row) -> bool:
    """Say whether everything that counts is set to end."""
    return bool(row["ending_items"]) and row["ending_items"] == row["counted_items"]


def all_ending(facts: pd.DataFrame) -> Flags:
    """Return :func:`is_ending` of every account."""
    ending = counts(facts, "ending_items")
    found: Flags = (ending > 0) & (ending == counts(facts, "counted_items"))
    return found


def _payments(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    bad = counts(facts, "bad_invoices")
    owing = facts["status"].isin(_OWING).to_numpy() | facts["open_invoice_id"].notna().to_numpy()
    paid = share(bad, config.bad_invoices_zero, 0)
    fraction = only(counts(facts, "invoices_ever") > 0, np.where(owing, 0.0, paid))
    late = np.where(owing, counts(facts, "days_past_due"), np.nan)
    words = {"owing": owing, "late": late, "bad": np.where(owing, np.nan, bad)}
    invoices = np.where(words["bad"] > 0, counts(facts, "invoices"), np.nan)
    return Measured(bad, fraction, {**words, "invoices": invoices})


def _say_payments(row: Row, config: HealthConfig) -> Message:
    if row["owing"]:
        return say_past_due(int(row["late"])) if row["late"] else say("signal.payments.owing")
    days, bad = config.history_window_days, int(row["bad"])
    if not bad:
        return say("signal.payments.clean", days=days)
    return say("signal.payments.bad", n=bad, invoices=max(int(row["invoices"] or 0), bad), days=days)


def say_past_due(days: int) -> Message:
    """Say that an invoice is so many days past due."""
    return say("signal.payments.past_due", n=days)


def _mrr_trend(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    """MRR against 180 days ago; of accounts that are younger, against 90 days ago."""
    half_year, quarter = counts(facts, "mrr_180"), counts(facts, "mrr_90")
    before = np.where(half_year > 0, half_year, np.where(quarter > 0, quarter, np.nan))
    old_enough = counts(facts, "days_as_customer") >= config.trend_history_days
    ratio = only(old_enough, times(counts(facts, "mrr"), before))
    fraction = share(ratio, config.trend_zero / 100, config.trend_full / 100)
    words = {"percent": np.round(100 * (ratio - 1)), "days": np.where(half_year > 0, 180, 90)}
    return Measured(ratio, fraction, words)


def _say_mrr_trend(row: Row, _: HealthConfig) -> Message:
    change = int(row["percent"])
    key = "down" if change < 0 else "up" if change > 0 else "same"
    return say(f"signal.mrr_trend.{key}", percent=abs(change), days=int(row["days"]))


def _tenure(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    months = counts(facts, "days_as_customer") / _DAYS_PER_MONTH
    fraction = share(months, 0, config.tenure_full)
    return Measured(months, fraction, {"months": np.floor(months), "is_long": fraction >= 1})


def _say_tenure(row: Row, _: HealthConfig) -> Message:
    months = int(row["months"])
    if months == 0:
        return say("signal.tenure.fresh")
    return say(f"signal.tenure.{'long' if row['is_long'] else 'short'}", n=months)


def _commitment(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    days, ending = _term_days(facts), all_ending(facts)
    shares = [1.0, config.commitment_half_year / 100, config.commitment_quarter / 100]
    fraction = np.select([days >= least for least, _ in _TERMS], shares, config.commitment_month / 100)
    words = {
        "term": np.select([days >= least for least, _ in _TERMS], [name for _, name in _TERMS], "month"),
        "ends_on": facts["last_end"].where(ending, None),
        "ending": ending,
    }
    known = np.where(np.isnan(days), np.nan, fraction)
    return Measured(days / 30, np.where(ending, 0.0, known), words)


def _term_days(facts: pd.DataFrame) -> Numbers:
    """Return the term, 0 where there is none: nothing is bought now, so nothing is committed."""
    days = counts(facts, "term_days")
    return np.where(np.isnan(numbers(facts, "term_days")), 0.0, days)


def _say_commitment(row: Row, _: HealthConfig) -> Message:
    return say_ending(row["ends_on"]) if row["ending"] else say(f"signal.commitment.{row['term']}")


def say_ending(ends_on: date | None) -> Message:
    """Say when a cancellation takes effect."""
    if ends_on is None:
        return say("signal.commitment.ending_undated")
    return say("signal.commitment.ending", date=ends_on)


HISTORY: Final = (
    Signal("payments", "history", 7, "no invoice ever", _payments, _say_payments),
    Signal(
        "mrr_trend",
        "history",
        5,
        "less than 60 days of history, or no MRR 180 and 90 days ago",
        _mrr_trend,
        _say_mrr_trend,
    ),
    Signal("tenure", "history", 4, "never", _tenure, _say_tenure),
    Signal("commitment", "history", 4, "never", _commitment, _say_commitment),
)

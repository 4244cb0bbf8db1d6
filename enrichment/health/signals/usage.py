"""Usage: how much the product is used, whether that changed, by how many, and when last."""

from __future__ import annotations

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
    only,
    share,
    times,
)
from enrichment.messages import Message, say

_MIDDLE: Final = 5
_MONTH_DAYS: Final = range(28, 32)


def _level(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    """Rank core events per paid seat among the accounts on the same plan, or all when those are few.

    Where no account has a core event nothing is measured: the events are named wrongly, or there are none.
    """
    events, seats = counts(facts, "core_events"), counts(facts, "paid_seats")
    per_seat = pd.Series(events / np.where(seats >= 1, seats, 1.0))
    if not np.any(events > 0):
        per_seat[:] = np.nan
    rank, is_on_plan = _percentile(per_seat, facts["plan"].reset_index(drop=True), config.level_peers)
    words = {
        "percent": np.round(100 * rank),
        "is_on_plan": is_on_plan,
        "is_used": events > 0,
    }
    return Measured(rank, share(rank, 0, config.level_full / 100), words)


def _percentile(amounts: pd.Series[float], plan: pd.Series[str], least: int) -> tuple[Numbers, Flags]:
    """Return the percentile rank (0 to 1, the middle one for ties), and whether it is among the plan's."""
    on_plan = amounts.groupby(plan)
    size = on_plan.transform("count")
    is_on_plan = (size >= least).to_numpy(dtype=np.bool_)
    among_plan, among_all = (on_plan.rank() - 0.5) / size, (amounts.rank() - 0.5) / amounts.count()
    return np.where(is_on_plan, among_plan, among_all), is_on_plan


def _say_level(row: Row, config: HealthConfig) -> Message:
    if not row["is_used"]:
        return say("signal.level.none", days=config.usage_days)
    peers = say(f"signal.level.{'on_plan' if row['is_on_plan'] else 'all'}")
    percent = int(row["percent"])
    if abs(percent - 50) <= _MIDDLE:
        return say("signal.level.same", peers=peers)
    # With many accounts the rank rounds to 100, but nobody uses more than all, itself included.
    if percent < 50:
        return say("signal.level.less", percent=min(100 - percent, 99), peers=peers)
    return say("signal.level.more", percent=min(percent, 99), peers=peers)


def _change(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    before, history = counts(facts, "core_events_before"), counts(facts, "usage_history_days")
    enough = (history >= config.change_history_days) & (before >= max(config.change_events, 1e-9))
    ratio = only(enough, times(counts(facts, "core_events"), before))
    fraction = share(ratio, config.change_zero / 100, config.change_full / 100)
    return Measured(ratio, fraction, {"percent": np.round(100 * (ratio - 1))})


def _say_change(row: Row, config: HealthConfig) -> Message:
    percent = int(row["percent"])
    key = "down" if percent < 0 else "up" if percent > 0 else "same"
    if config.usage_days in _MONTH_DAYS:
        return say(f"signal.change.{key}", percent=abs(percent), period=say("signal.change.months"))
    period = say("signal.change.days", days=3 * config.usage_days)
    return say(f"signal.change.{key}", percent=abs(percent), period=period)


def _seats(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    users, seats = counts(facts, "active_users"), counts(facts, "paid_seats")
    used = times(users, seats)
    fraction = share(used, 0, config.seats_full / 100)
    return Measured(used, fraction, {"users": users, "seats": seats, "is_enough": fraction >= 1})


def _say_seats(row: Row, _: HealthConfig) -> Message:
    users, seats = int(row["users"]), int(row["seats"])
    if users == 0:
        return say("signal.seats.none", n=seats)
    if users >= seats:
        return say("signal.seats.all", n=seats)
    return say(f"signal.seats.{'most' if row['is_enough'] else 'few'}", n=users, seats=seats)


def _recency(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    days = counts(facts, "days_idle")
    return Measured(days, share(days, config.idle_zero, config.idle_full), {"days": days})


def _say_recency(row: Row, config: HealthConfig) -> Message:
    days = int(row["days"])
    if days == 0:
        return say("signal.recency.today")
    return say_silent(days) if days >= config.idle_zero else say("signal.recency.last", n=days)


def say_silent(days: int) -> Message:
    """Say that an account has not used the product for so many days."""
    return say("signal.recency.silent", n=days)


USAGE: Final = (
    Signal("level", "usage", 14, "no usage source", _level, _say_level),
    Signal(
        "change",
        "usage",
        12,
        "less than 56 days of history, or fewer than 10 events per window before",
        _change,
        _say_change,
    ),
    Signal("seats", "usage", 8, "no user ids or no seats", _seats, _say_seats),
    Signal("recency", "usage", 6, "no usage source", _recency, _say_recency),
)

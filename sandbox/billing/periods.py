"""Calendar arithmetic of billing: UTC, seconds since the epoch, month ends clamped to the anchor's day."""

from __future__ import annotations

from calendar import monthrange, timegm
from datetime import UTC, date, datetime

HOUR = 3_600
DAY = 86_400


def epoch(day: date) -> int:
    """Return the first second of a UTC day."""
    return timegm(day.timetuple())


def utc_date(at: int) -> date:
    """Return the UTC day of an instant."""
    return datetime.fromtimestamp(at, UTC).date()


def add_months(at: int, months: int) -> int:
    """Return the same day and time ``months`` later, or the last day of that month if it has no such day."""
    start = datetime.fromtimestamp(at, UTC)
    year, month0 = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, monthrange(year, month0 + 1)[1])
    return timegm((year, month0 + 1, day, start.hour, start.minute, start.second))


def boundary(anchor: int, interval: str, count: int, index: int) -> int:
    """Return the ``index``-th renewal after ``anchor``, counted from the anchor so that the 31st comes back.

    Args:
        anchor: the billing cycle anchor.
        interval: day, week, month or year.
        count: intervals per cycle.
        index: 0 gives the anchor itself.
    """
    if interval == "month":
        return add_months(anchor, count * index)
    if interval == "year":
        return add_months(anchor, 12 * count * index)
    return anchor + count * index * (DAY if interval == "day" else 7 * DAY)

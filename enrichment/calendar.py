"""Calendar months of a time zone as instants in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandas as pd


def months(first: datetime, last: datetime, zone: ZoneInfo) -> pd.DataFrame:
    """Return the calendar months from the one that holds ``first`` to the one that holds ``last``.

    A month ends at 24:00 of ``zone`` and the next one starts there, so that no instant is lost or counted
    twice when the clocks change.

    Args:
        first: an instant, aware.
        last: an instant, aware, not before ``first``.
        zone: whose months.

    Returns:
        ``month`` (``2026-10``), ``starts_at`` and ``ends_at`` (UTC, without zone; the end is not part of the
        month), in order, as in ``tables.MONTHS``.
    """
    start, stop = first.astimezone(zone), last.astimezone(zone)
    numbers = range(12 * start.year + start.month - 1, 12 * stop.year + stop.month)
    return pd.DataFrame(
        {
            "month": pd.Series(
                [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in numbers], dtype="str"
            ),
            "starts_at": _instants([_midnight(number, zone) for number in numbers]),
            "ends_at": _instants([_midnight(number + 1, zone) for number in numbers]),
        }
    )


def _midnight(number: int, zone: ZoneInfo) -> datetime:
    """Return 00:00 of a month's first day in UTC; months are counted from year 0."""
    year, month = divmod(number, 12)
    return datetime(year, month + 1, 1, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


def _instants(values: list[datetime]) -> pd.Series[pd.Timestamp]:
    # Microseconds: pandas 2 would count nanoseconds, which end in 2262.
    return pd.Series(values, dtype="datetime64[us]")

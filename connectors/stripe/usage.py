"""Which days of usage to ask for: windows of time, in Unix seconds on UTC day borders. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Window = tuple[int, int]
"""Start (included) and end (excluded)."""
Pair = tuple[str, str]
"""Ids of a meter and of a customer."""

DAY = 86_400


def last_end(subscriptions: Iterable[Mapping[str, Any]]) -> int:
    """Give the latest end of a period of any item, Unix seconds; 0 without items."""
    items = (item for subscription in subscriptions for item in subscription["items"]["data"])
    return max((item["current_period_end"] for item in items), default=0)


def whole_days(start: int, end: int) -> Window:
    """Widen a span of time to whole days, at least one."""
    return start // DAY * DAY, -(-max(end, start + 1) // DAY) * DAY


def parts(window: Window, days: int) -> list[Window]:
    """Cut a window into parts of so many days at most, in order."""
    start, end = window
    return [(first, min(first + days * DAY, end)) for first in range(start, end, days * DAY)]


def uncovered(window: Window, read: Iterable[Window]) -> list[Window]:
    """Take out of ``window`` what was read before.

    Args:
        window: the days wanted.
        read: windows read before, in any order; they do not overlap.

    Returns:
        What is left, in order.
    """
    left = []
    start, end = window
    for known_start, known_end in sorted(read):
        if known_end <= start or known_start >= end:
            continue
        if known_start > start:
            left.append((start, known_start))
        start = max(start, known_end)
    return [*left, (start, end)] if start < end else left

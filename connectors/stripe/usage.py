"""Which days of usage to ask for: windows of time, in Unix seconds on UTC day borders. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Window = tuple[int, int]
"""Start (included) and end (excluded)."""
Pair = tuple[str, str]
"""Ids of a meter and of a customer."""

DAY = 86_400


def window_of(subscription: Mapping[str, Any], item: Mapping[str, Any]) -> Window:
    """Tell in which whole days an item can have had usage.

    From the start of the subscription to its end, or to the end of the period under way: no clock is
    asked, and nothing of the current period is missed.
    """
    end = subscription.get("ended_at") or item["current_period_end"]
    start = subscription["start_date"]
    return start // DAY * DAY, -(-max(end, start + 1) // DAY) * DAY


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

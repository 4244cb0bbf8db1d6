"""Billing cycles in the UTC calendar, as Stripe counts them: a 31st falls on a month's last day. Pure."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_DAY: Final = 86_400
_SECONDS: Final = {"day": _DAY, "week": 7 * _DAY}
_MONTHS: Final = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class Cycle:
    """How often something is billed: Stripe's interval and how many of them."""

    interval: str
    count: int

    def after(self, start: int, times: int = 1) -> int:
        """Return the instant ``times`` cycles after ``start`` (Unix seconds); before it when negative."""
        if self.interval in _SECONDS:
            return start + times * self.count * _SECONDS[self.interval]
        return _months_after(start, times * self.count * _MONTHS[self.interval])

    def spans(self, start: int, end: int) -> bool:
        """Say whether [start, end) is one cycle; a day of tolerance, for hours that a person moved."""
        near = _DAY if self.interval in _MONTHS else _DAY // 24
        # Seen from either end: 28 February to 31 March is a month whose 31st was cut short.
        return abs(self.after(start) - end) <= near or abs(self.after(end, -1) - start) <= near


_USUAL: Final = (
    ("month", 1), ("year", 1), ("month", 3), ("month", 6), ("week", 1), ("week", 2), ("day", 1),
    ("year", 2), ("month", 2), ("month", 4), ("year", 3),
)  # fmt: skip
USUAL: Final = tuple(Cycle(*one) for one in _USUAL)


def cycle_of(start: int, end: int, own: Cycle) -> Cycle | None:
    """Return the cycle that [start, end) is one of, ``own`` before others; None when it is none.

    Args:
        start: Unix seconds.
        end: Unix seconds.
        own: the cycle that the subscription has today.
    """
    return next((cycle for cycle in (own, *USUAL) if cycle.spans(start, end)), None)


def _months_after(start: int, months: int) -> int:
    at = datetime.fromtimestamp(start, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return int(at.replace(year=year, month=month + 1, day=day).timestamp())

"""The hidden course of one account: how satisfied it is and how much it uses the product, week by week.

The billing side and the CRM side both read it, which is what makes the world causal. Everything drawn per
day comes from a counter-based generator (splitmix64), so any day can be asked for in any order and always
answers the same.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

_MASK = (1 << 64) - 1
_WEEKDAY_LOAD = (1.0, 1.05, 1.1, 1.05, 0.9, 0.15, 0.12)


class EventKind(NamedTuple):
    """One thing users do in the product."""

    name: str
    core: bool
    per_user_day: float


EVENTS = (
    EventKind("login", False, 1.0),
    EventKind("workflow_run", True, 6.0),
    EventKind("report_created", True, 1.5),
)


class UsageDay(NamedTuple):
    """Use of one event on one day: how often, by how many users."""

    day: date
    event: str
    quantity: int
    active_users: int


def uniform(salt: int, counter: int) -> float:
    """Return a number in [0, 1) that depends on nothing but its two arguments (splitmix64)."""
    mixed = (salt + (counter + 1) * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)


@dataclass(slots=True)
class Course:
    """Weekly satisfaction (0..1) and usage level (about 0..1.2) since sign-up, and paid seats by day.

    Attributes:
        salt: seed of the daily noise.
        start: first day of week 0.
        satisfactions, levels: one value per week that has passed.
        seat_days, seat_counts: from which day (proleptic ordinal) how many seats were paid.
    """

    salt: int
    start: date
    satisfactions: array[float] = field(default_factory=lambda: array("f"))
    levels: array[float] = field(default_factory=lambda: array("f"))
    seat_days: list[int] = field(default_factory=list)
    seat_counts: list[int] = field(default_factory=list)

    def record_week(self, satisfaction: float, level: float) -> None:
        """Append one week."""
        self.satisfactions.append(satisfaction)
        self.levels.append(level)

    def record_seats(self, day: date, seats: int) -> None:
        """Note how many seats are paid from this day on."""
        ordinal = day.toordinal()
        if self.seat_days and self.seat_days[-1] == ordinal:
            self.seat_counts[-1] = seats
            return
        self.seat_days.append(ordinal)
        self.seat_counts.append(seats)

    def seats(self, day: date) -> int:
        """Return the paid seats on a day, 0 before the first contract and after the last."""
        index = bisect_right(self.seat_days, day.toordinal()) - 1
        return self.seat_counts[index] if index >= 0 else 0

    def satisfaction(self, day: date) -> float:
        """Return 0..1; the last known value after the account has left."""
        return self._at(self.satisfactions, day)

    def level(self, day: date) -> float:
        """Return the usage level of a day, 0 when no seat is paid."""
        return self._at(self.levels, day) if self.seats(day) else 0.0

    def _at(self, series: array[float], day: date) -> float:
        if not series:
            return 0.5
        week = (day.toordinal() - self.start.toordinal()) // 7
        return series[min(max(week, 0), len(series) - 1)]

    def active_users(self, day: date) -> int:
        """Return how many seats were used on a day."""
        load = self.level(day) * 0.6 * _WEEKDAY_LOAD[day.weekday()]
        noise = 0.8 + 0.4 * uniform(self.salt, day.toordinal())
        return min(self.seats(day), round(self.seats(day) * load * noise))

    def usage(self, day: date) -> list[UsageDay]:
        """Return one row per event used on a day; empty when nobody was there."""
        users = self.active_users(day)
        if not users:
            return []
        intensity = 0.35 + 0.75 * self.level(day)
        rows = []
        for index, kind in enumerate(EVENTS):
            noise = 0.7 + 0.6 * uniform(self.salt ^ (index + 1), day.toordinal())
            quantity = max(
                users if not kind.core else 0, round(users * kind.per_user_day * intensity * noise)
            )
            if quantity:
                rows.append(UsageDay(day, kind.name, quantity, users))
        return rows

    def usage_by_user(self, day: date) -> Iterator[tuple[int, str, int]]:
        """Yield (number of the user, event, quantity); the quantities add up to those of ``usage``."""
        seats = self.seats(day)
        first = int(uniform(self.salt ^ 0xFF, day.toordinal()) * (1 + seats * 0.2))
        for row in self.usage(day):
            share, rest = divmod(row.quantity, row.active_users)
            for position in range(row.active_users):
                quantity = share + (position < rest)
                if quantity:
                    yield (first + position) % seats, row.event, quantity

    def metered_calls(self, day: date) -> int:
        """Return the API calls of a day, the quantity that metered prices bill."""
        noise = 0.6 + 0.8 * uniform(self.salt ^ 0xA11, day.toordinal())
        return round(self.seats(day) * self.level(day) * 45 * noise)

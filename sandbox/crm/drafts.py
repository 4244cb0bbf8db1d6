"""What the generator wants to exist: a record with its links and what will become of it."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from sandbox.crm.store import Crm
from sandbox.crm.times import day_ms

Links = tuple[tuple[str, int], ...]
Later = tuple[tuple[int, Mapping[str, str]], ...]
_HOUR_MS = 3_600_000
_DRAWS = 8
T = TypeVar("T")


@dataclass(slots=True)
class Draft:
    """A record to make. Times are milliseconds since 1970 UTC.

    Attributes:
        links: Records to associate it with, as (object type, id).
        later: Changes at later times.
    """

    at: int
    type_name: str
    properties: dict[str, str]
    links: Links = ()
    later: Later = ()


def insert_all(crm: Crm, drafts: Iterable[Draft]) -> None:
    """Make the records in order of their time."""
    waiting = sorted(drafts, key=lambda draft: draft.at)
    waiting.reverse()
    while waiting:
        insert(crm, waiting.pop())


def insert(crm: Crm, draft: Draft) -> int:
    """Make one record; returns its id."""
    record = crm.insert(draft.type_name, draft.properties, draft.at)
    for other, other_id in draft.links:
        target = crm.tables[other].find(other_id)
        if target is not None and target.archived_at is None:
            crm.links.link((draft.type_name, other), record.id, target.id)
    for at, values in draft.later:
        crm.schedule(at, draft.type_name, record.id, values)
    return record.id


class Dice:
    """A fixed handful of uniform draws: much cheaper than a generator seeded anew for each record."""

    __slots__ = ("_left",)

    def __init__(self, rng: random.Random) -> None:
        self._left = [rng.random() for _ in range(_DRAWS)]

    def random(self) -> float:
        """A number in [0, 1)."""
        return self._left.pop()

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, each as likely as the others."""
        return options[int(self._left.pop() * len(options))]

    def weighted(self, options: Sequence[T], weights: Sequence[float]) -> T:
        """One of the options, by weight."""
        rest = self._left.pop() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            rest -= weight
            if rest < 0:
                return option
        return options[-1]

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self._left.pop() * (high - low + 1))

    def exponential(self, mean: float) -> float:
        """A waiting time."""
        return -mean * math.log(1 - self._left.pop())

    def normal(self, deviation: float) -> float:
        """A normal draw around 0 (Box-Muller)."""
        radius = math.sqrt(-2 * math.log(1 - self._left.pop()))
        return deviation * radius * math.cos(2 * math.pi * self._left.pop())

    def working_hour(self, day: date) -> int:
        """Some instant in the working hours of a day."""
        return day_ms(day) + 8 * _HOUR_MS + int(self._left.pop() * 9 * 3600) * 1000


def poisson(rate: float, rng: random.Random) -> int:
    """A Poisson draw (Knuth), for the small rates used here."""
    limit, product, count = math.exp(-rate), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count

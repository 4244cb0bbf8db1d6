"""What the generator wants to exist: a record with its links and what will become of it."""

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sandbox.crm.store import Crm
from sandbox.crm.times import day_ms

Links = tuple[tuple[str, int], ...]
_HOUR_MS = 3_600_000


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
    later: tuple[tuple[int, Mapping[str, str]], ...] = ()


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


def working_hour(day: date, rng: random.Random) -> int:
    """Some instant in the working hours of a day."""
    return day_ms(day) + 8 * _HOUR_MS + rng.randrange(9 * 3600) * 1000


def poisson(rate: float, rng: random.Random) -> int:
    """A Poisson draw (Knuth), for the small rates used here."""
    limit, product, count = math.exp(-rate), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count

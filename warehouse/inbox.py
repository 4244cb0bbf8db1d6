"""The inbox: events that came in and what became of them; an event is in it once, however often it is sent.

A worker claims waiting rows for a while. One that dies leaves claims that run out, and another takes over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from warehouse import tables
from warehouse.rows import Rows

NEW: Final = "new"
DONE: Final = "done"
DEAD: Final = "dead"
ATTEMPTS: Final = 8
"""Tries of one event that fails by itself, before it is put aside as dead: over about two hours."""
_FIRST_DELAY: Final = timedelta(seconds=30)
_LONGEST_DELAY: Final = timedelta(hours=1)
_ERROR_LENGTH: Final = 500
_AT_ONCE: Final = 500
"""Ids in one statement; below every database's limit of parameters."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event to put in.

    Attributes:
        source: stripe, hubspot or usage.
        event_id: names the event within its source; the same one again is a duplicate.
        event_type: the vendor's word for what happened.
        payload: the event as JSON.
        received_at: when it came in, aware.
    """

    source: str
    event_id: str
    event_type: str
    payload: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Received:
    """An event that was claimed; ``attempts`` counts the tries that failed before."""

    id: int
    source: str
    event_id: str
    event_type: str
    payload: bytes
    received_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How full the inbox is.

    Attributes:
        waiting: rows that are not processed yet.
        dead: rows that were given up.
        oldest: when the oldest waiting row came in, None when none waits.
    """

    waiting: int
    dead: int
    oldest: datetime | None


def delay_after(attempts: int) -> timedelta:
    """Return how long an event rests after its n-th failed try."""
    return min(_FIRST_DELAY * (1 << min(attempts - 1, 20)), _LONGEST_DELAY)


_inbox = tables.inbox
_columns = [_inbox.c[name] for name in Received.__dataclass_fields__]


class Inbox(Rows):
    """The events of one operational database."""

    def add(self, events: Sequence[Event]) -> set[tuple[str, str]]:
        """Put events in, in one transaction that is on disk when this returns.

        Returns:
            ``(source, event_id)`` of those that were new; the others had come before and stay as they are.

        Raises:
            StoreError: the store cannot be written; none of them was put in.
        """
        if not events:
            return set()
        rows = {(event.source, event.event_id): _row(event) for event in events}
        with self._writes.begin() as connection:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            statement = insert(_inbox).on_conflict_do_nothing(index_elements=["source", "event_id"])
            found = connection.execute(
                statement.returning(_inbox.c.source, _inbox.c.event_id), list(rows.values())
            )
            return {(row.source, row.event_id) for row in found}

    def newest(self, source: str) -> Received | None:
        """Return the event of a source that came in last, None when none ever did."""
        query = sa.select(*_columns).where(_inbox.c.source == source)
        rows = self._all(query.order_by(_inbox.c.id.desc()).limit(1))
        return Received(**rows[0]) if rows else None

    def claim(self, holder: str, now: datetime, limit: int, lease: timedelta) -> list[Received]:
        """Take waiting events that are due and that nobody else holds, oldest first.

        Args:
            holder: who takes them.
            now: the clock's time, aware.
            limit: how many at most.
            lease: after this time others may take them.
        """
        free = _inbox.c.claimed_until.is_(None) | (_inbox.c.claimed_until <= now)
        waiting = (
            sa.select(_inbox.c.id)
            .where(_inbox.c.status == NEW, _inbox.c.due_at <= now, free)
            .order_by(_inbox.c.due_at, _inbox.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)  # SQLite leaves this out: it has one writer at a time
        )
        change = (
            sa.update(_inbox)
            .where(_inbox.c.id.in_(waiting.scalar_subquery()))
            .values(claimed_by=holder, claimed_until=now + lease)
            .returning(*_columns)
        )
        with self._writes.begin() as connection:
            rows = [Received(**row) for row in connection.execute(change).mappings()]
        return sorted(rows, key=lambda row: (row.received_at, row.id))

    def renew(self, holder: str, until: datetime) -> None:
        """Keep what a holder has claimed for longer."""
        held = (_inbox.c.status == NEW) & (_inbox.c.claimed_by == holder)
        with self._writes.begin() as connection:
            connection.execute(sa.update(_inbox).where(held).values(claimed_until=until))

    def give_back(self, holder: str, due_at: datetime) -> None:
        """Give back everything that a holder has claimed, untried."""
        held = (_inbox.c.status == NEW) & (_inbox.c.claimed_by == holder)
        with self._writes.begin() as connection:
            connection.execute(sa.update(_inbox).where(held).values(due_at=due_at, **_UNCLAIMED))

    def done(self, ids: Iterable[int], at: datetime) -> None:
        """Mark events as processed, all of them or none."""
        values = {"status": DONE, "processed_at": at, "error": None}
        self._change(ids, {**values, **_UNCLAIMED})

    def release(self, ids: Iterable[int], due_at: datetime, error: str | None = None) -> None:
        """Give events back untried: they are due again at a moment, and no try is counted."""
        self._change(ids, {"due_at": due_at, "error": _short(error), **_UNCLAIMED}, _inbox.c.status == NEW)

    def retry(self, ids: Iterable[int], at: datetime, error: str) -> int:
        """Count a failed try of each event: it rests for longer each time, and is dead after the last one.

        Args:
            ids: of rows that failed by themselves.
            at: the clock's time, aware.
            error: why, without anything of the payload.

        Returns:
            How many are dead now.
        """
        dead = 0
        chosen = [_inbox.c.id.in_(part) for part in _parts(ids)]
        with self._writes.begin() as connection:
            for condition in chosen:
                rows = connection.execute(sa.select(_inbox.c.id, _inbox.c.attempts).where(condition)).all()
                for row in rows:
                    tried = row.attempts + 1
                    dead += tried >= ATTEMPTS
                    values = {"attempts": tried, "error": _short(error), **_UNCLAIMED}
                    values |= {"status": DEAD} if tried >= ATTEMPTS else {"due_at": at + delay_after(tried)}
                    still = (_inbox.c.id == row.id) & (_inbox.c.status == NEW)
                    connection.execute(sa.update(_inbox).where(still).values(**values))
        return dead

    def bury(self, ids: Iterable[int], error: str) -> None:
        """Give events up at once: no further try can help."""
        self._change(ids, {"status": DEAD, "error": _short(error), **_UNCLAIMED}, _inbox.c.status == NEW)

    def dead(self, limit: int = 100) -> list[dict[str, Any]]:
        """Return events that were given up, newest first, without their payload."""
        columns = [column for column in _inbox.columns if column.name != "payload"]
        query = sa.select(*columns).where(_inbox.c.status == DEAD)
        return self._all(query.order_by(_inbox.c.id.desc()).limit(limit))

    def revive(self, ids: Iterable[int] | None, at: datetime) -> int:
        """Let dead events be tried anew, all tries ahead of them.

        Args:
            ids: which; None for every one. An event whose payload is forgotten stays dead.
            at: the clock's time, aware.

        Returns:
            How many there were.
        """
        values = {"status": NEW, "attempts": 0, "due_at": at, "error": None}
        dead = (_inbox.c.status == DEAD) & _inbox.c.payload.is_not(None)
        if ids is not None:
            return self._change(ids, values, dead)
        with self._writes.begin() as connection:
            return connection.execute(sa.update(_inbox).where(dead).values(**values)).rowcount

    def forget_payloads(self, before: datetime) -> int:
        """Empty what was processed or given up before a moment; only the ids stay. Return how many."""
        over = sa.func.coalesce(_inbox.c.processed_at, _inbox.c.received_at) < before
        old = _inbox.c.status.in_((DONE, DEAD)) & over & _inbox.c.payload.is_not(None)
        with self._writes.begin() as connection:
            return connection.execute(sa.update(_inbox).where(old).values(payload=None)).rowcount

    def counts(self) -> Counts:
        """Return how full it is."""
        per_status = sa.select(
            _inbox.c.status, sa.func.count().label("rows"), sa.func.min(_inbox.c.received_at).label("oldest")
        )
        query = per_status.where(_inbox.c.status.in_((NEW, DEAD))).group_by(_inbox.c.status)
        found = {row["status"]: row for row in self._all(query)}
        waiting, dead = found.get(NEW), found.get(DEAD)
        return Counts(
            waiting["rows"] if waiting else 0,
            dead["rows"] if dead else 0,
            waiting["oldest"] if waiting else None,
        )

    def probe(self) -> None:
        """Take the write lock and let it go, so that a store that cannot be written is noticed.

        Raises:
            StoreError: it cannot be written.
        """
        with self._writes.begin() as connection:
            connection.execute(sa.update(_inbox).where(sa.false()).values(error=None))

    def _change(
        self, ids: Iterable[int], values: dict[str, Any], condition: sa.ColumnElement[bool] | None = None
    ) -> int:
        changed = 0
        where = sa.true() if condition is None else condition
        with self._writes.begin() as connection:
            for part in _parts(ids):
                change = sa.update(_inbox).where(_inbox.c.id.in_(part), where).values(**values)
                changed += connection.execute(change).rowcount
        return changed


_UNCLAIMED: Final[dict[str, Any]] = {"claimed_by": None, "claimed_until": None}


def _row(event: Event) -> dict[str, Any]:
    return {
        "source": event.source,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "payload": event.payload,
        "received_at": event.received_at,
        "status": NEW,
        "due_at": event.received_at,
    }


def _parts(ids: Iterable[int]) -> list[list[int]]:
    listed = list(ids)
    return [listed[first : first + _AT_ONCE] for first in range(0, len(listed), _AT_ONCE)]


def _short(error: str | None) -> str | None:
    return error if error is None else error[:_ERROR_LENGTH]

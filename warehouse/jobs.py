"""Which process does which scheduled work: leases with fencing, and the record of every slot of every job.

A slot is the moment for which a run was scheduled. Whoever inserts its row has claimed it, and no two can. A
lease is held until it expires by the clock of whoever looks; its fence rises with each new holder, so what an
earlier holder still wants to record is refused.

Clocks: machines that share a store should agree to within a few seconds (NTP). Where one runs ahead by more
than a lease lasts, it can take a lease that is still held; the fence then stops the earlier holder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from warehouse import tables
from warehouse.rows import Rows

WORK: Final = "work"
"""The lease under which every job runs: one at a time, whatever process it is in."""
ENDED: Final = "The process ended before the job did."

Ending = Literal["done", "failed", "skipped", "needs_person"]
_runs = tables.job_runs
_leases = tables.leases


@dataclass(frozen=True)
class Lease:
    """A lease as it stands.

    Attributes:
        name: of what it is a lease.
        holder: who has it; None when it was given back.
        fence: rises with each new holder.
        expires_at: until when it is held (UTC).
    """

    name: str
    holder: str | None
    fence: int
    expires_at: datetime

    def held(self, now: datetime) -> bool:
        """Tell whether anybody has it."""
        return self.holder is not None and now < self.expires_at


class Leases(Rows):
    """Leases of one store; every method is one statement, so that two callers never both succeed."""

    def acquire(self, name: str, holder: str, now: datetime, seconds: float) -> int | None:
        """Take a lease that nobody holds.

        Args:
            name: of what.
            holder: who asks; not even the present holder gets it a second time.
            now: the caller's clock.
            seconds: how long it holds unless it is renewed.

        Returns:
            The fence, or None while somebody has it.
        """
        row = {"name": name, "holder": holder, "fence": 1, "expires_at": now + timedelta(seconds=seconds)}
        new = _insert(self.engine, _leases).values(row)
        free = _leases.c.holder.is_(None) | (_leases.c.expires_at <= now)
        changes = {"holder": holder, "fence": _leases.c.fence + 1, "expires_at": new.excluded.expires_at}
        taken = new.on_conflict_do_update(index_elements=["name"], set_=changes, where=free)
        with self._writes.begin() as connection:
            fence: int | None = connection.execute(taken.returning(_leases.c.fence)).scalar_one_or_none()
        return fence

    def renew(self, name: str, fence: int, now: datetime, seconds: float) -> bool:
        """Hold on to a lease; False when it has expired, even if nobody has taken it since."""
        later = {"expires_at": now + timedelta(seconds=seconds)}
        with self._writes.begin() as connection:
            change = sa.update(_leases).where(_is_held(name, fence, now)).values(later)
            return connection.execute(change).rowcount == 1

    def release(self, name: str, fence: int, now: datetime) -> bool:
        """Give a lease back; False when it was lost before."""
        nobody = {"holder": None, "expires_at": now}
        with self._writes.begin() as connection:
            change = sa.update(_leases).where(_is_held(name, fence, now)).values(nobody)
            return connection.execute(change).rowcount == 1

    def check(self, name: str, fence: int, now: datetime) -> bool:
        """Tell whether the one who got this fence still has the lease."""
        with self.engine.connect() as connection:
            return (
                connection.execute(sa.select(_leases.c.name).where(_is_held(name, fence, now))).first()
                is not None
            )

    def get(self, name: str) -> Lease | None:
        """Return a lease as it stands, None when nobody ever had it."""
        rows = self._all(sa.select(_leases).where(_leases.c.name == name))
        return Lease(**rows[0]) if rows else None


@dataclass(frozen=True)
class JobRun:
    """The record of one slot of one job.

    Attributes:
        job: its name.
        scheduled_for: the slot (UTC); for a run that a person started, when that was.
        claimed_by: the process.
        claimed_at: when it began.
        fence: of the lease that it ran under; None when it was skipped.
        finished_at: None while it is under way.
        status: running, done, failed, skipped or needs_person.
        result: what it counted.
        error: why it failed or was skipped.
    """

    job: str
    scheduled_for: datetime
    claimed_by: str
    claimed_at: datetime
    fence: int | None
    finished_at: datetime | None
    status: str
    result: dict[str, Any]
    error: str | None


class JobLedger(Rows):
    """The slots of all jobs of one store."""

    def claim(
        self,
        job: str,
        slot: datetime,
        holder: str,
        now: datetime,
        fence: int,
        result: Mapping[str, Any] | None = None,
    ) -> bool:
        """Claim a slot; False when somebody has it already.

        Args:
            job: its name.
            slot: the moment for which it was scheduled.
            holder: the process that will do it.
            now: the clock.
            fence: of the lease :data:`WORK`, which the process holds.
            result: what is known from the start.
        """
        row = _row(job, slot, holder, now) | {
            "fence": fence,
            "status": "running",
            "result": dict(result or {}),
        }
        return self._add([row]) == 1

    def skip(self, job: str, slots: Sequence[datetime], holder: str, now: datetime, reason: str) -> int:
        """Record slots that nobody will do; return how many nobody had claimed."""
        ended: dict[str, Any] = {
            "fence": None,
            "finished_at": now,
            "status": "skipped",
            "result": {},
            "error": reason,
        }
        return self._add([_row(job, slot, holder, now) | ended for slot in slots])

    def finish(
        self,
        job: str,
        slot: datetime,
        fence: int,
        now: datetime,
        status: Ending,
        result: Mapping[str, Any],
        error: str | None = None,
    ) -> bool:
        """Record how a run ended; False, and nothing is recorded, when its lease was lost before."""
        held = sa.exists(sa.select(_leases.c.name).where(_is_held(WORK, fence, now)))
        own = (_runs.c.job == job) & (_runs.c.scheduled_for == slot) & (_runs.c.fence == fence)
        change = sa.update(_runs).where(own, _runs.c.status == "running", held)
        values = {"finished_at": now, "status": status, "result": dict(result), "error": error}
        with self._writes.begin() as connection:
            return connection.execute(change.values(values)).rowcount == 1

    def end_orphans(self, fence: int, now: datetime) -> list[JobRun]:
        """Record as failed what earlier holders of the lease left unfinished; return what that was.

        Args:
            fence: of the lease :data:`WORK`, which the caller holds: whatever ran before it runs no more.
            now: the clock.
        """
        left = (_runs.c.status == "running") & (_runs.c.fence < fence)
        values = {"finished_at": now, "status": "failed", "error": ENDED}
        with self._writes.begin() as connection:
            change = sa.update(_runs).where(left).values(values).returning(_runs)
            return [JobRun(**row) for row in connection.execute(change).mappings()]

    def get(self, job: str, slot: datetime) -> JobRun | None:
        """Return the record of one slot, None when nobody has claimed it."""
        found = self._found(sa.select(_runs).where(_runs.c.job == job, _runs.c.scheduled_for == slot))
        return found[0] if found else None

    def unfinished(self) -> list[JobRun]:
        """Return what is under way, or was when its process died."""
        return self._found(sa.select(_runs).where(_runs.c.status == "running"))

    def last(self, job: str, until: datetime | None = None) -> JobRun | None:
        """Return the newest slot of a job, None when there is none.

        Args:
            job: its name.
            until: slots after this moment are passed over.
        """
        wanted = (_runs.c.job == job) & (_runs.c.scheduled_for <= until if until else sa.true())
        newest = sa.select(_runs).where(wanted).order_by(_runs.c.scheduled_for.desc()).limit(1)
        found = self._found(newest)
        return found[0] if found else None

    def recent(self, job: str | None = None, limit: int = 20) -> list[JobRun]:
        """Return the newest slots, newest first, of one job or of all."""
        query = sa.select(_runs).order_by(_runs.c.scheduled_for.desc(), _runs.c.job).limit(limit)
        return self._found(query.where(_runs.c.job == job) if job else query)

    def forget(self, before: datetime) -> int:
        """Delete the records of slots before a moment, but each job's newest; return how many."""
        newer = _runs.alias()
        has_newer = sa.exists(
            sa.select(newer.c.job).where(
                newer.c.job == _runs.c.job, newer.c.scheduled_for > _runs.c.scheduled_for
            )
        )
        old = sa.delete(_runs).where(_runs.c.scheduled_for < before, _runs.c.status != "running", has_newer)
        with self._writes.begin() as connection:
            return connection.execute(old).rowcount

    def _add(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert the rows whose slot nobody has."""
        added = 0
        with self._writes.begin() as connection:
            for row in rows:  # each by itself, and asked for: no driver counts rows of several inserts alike
                new = _insert(self.engine, _runs).values(dict(row)).on_conflict_do_nothing()
                added += len(connection.execute(new.returning(_runs.c.job)).all())
        return added

    def _found(self, query: sa.Select[Any]) -> list[JobRun]:
        return [JobRun(**row) for row in self._all(query)]


def _row(job: str, slot: datetime, holder: str, now: datetime) -> dict[str, Any]:
    return {"job": job, "scheduled_for": slot, "claimed_by": holder, "claimed_at": now}


def _is_held(name: str, fence: int, now: datetime) -> sa.ColumnElement[bool]:
    lease = _leases.c
    return (
        (lease.name == name) & (lease.fence == fence) & lease.holder.is_not(None) & (lease.expires_at > now)
    )


def _insert(engine: sa.Engine, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if engine.dialect.name == "postgresql" else sqlite.insert(table)

"""The history that people read: each stage of each run, with its counts, its length and its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from warehouse import tables
from warehouse.rows import Rows

KEPT_FOR: Final = timedelta(days=90)
LOST_AFTER: Final = timedelta(days=1)
"""A stage that is still running after so long belongs to a process that was killed."""
RUNNING: Final = "running"


class History(Rows):
    """The stages that were run."""

    def begin(self, stage: str, caused_by: str, run_id: str | None, at: datetime) -> int:
        """Record that a stage has begun.

        Args:
            stage: for instance ``pull``.
            caused_by: ``command``, ``webhook``, or a job's name.
            run_id: the same for the stages that were run in one go.
            at: now.

        Returns:
            What names the stage to :meth:`end`.
        """
        row = {"stage": stage, "caused_by": caused_by, "run_id": run_id, "started_at": at}
        with self._writes.begin() as connection:
            insert = tables.stage_runs.insert().values(**row, status=RUNNING, counts={})
            added: int = connection.execute(insert.returning(tables.stage_runs.c.id)).scalar_one()
            return added

    def end(
        self, stage_id: int, at: datetime, status: str, counts: Mapping[str, int], error: str | None = None
    ) -> None:
        """Record how a stage ended.

        Args:
            stage_id: as :meth:`begin` gave it.
            at: now.
            status: ``done``, ``failed`` or ``needs_person``.
            counts: what the stage counted, by name.
            error: why it failed; without secrets and personal data.
        """
        table = tables.stage_runs
        values = {"finished_at": at, "status": status, "counts": dict(counts), "error": error}
        with self._writes.begin() as connection:
            connection.execute(sa.update(table).where(table.c.id == stage_id).values(**values))

    def recent(self, limit: int = 50, statuses: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return the last stages, newest first: the columns of ``stage_runs``.

        Args:
            limit: how many at most.
            statuses: only those that ended so; empty for all.
        """
        table = tables.stage_runs
        query = sa.select(table).order_by(table.c.id.desc()).limit(limit)
        return self._all(query.where(table.c.status.in_(statuses)) if statuses else query)

    def prune(self, now: datetime) -> int:
        """Forget stages older than ``KEPT_FOR``; say of those still running after a day that they were lost.

        Returns:
            How many were forgotten.
        """
        table = tables.stage_runs
        lost = (table.c.status == RUNNING) & (table.c.started_at < now - LOST_AFTER)
        values = {"status": "failed", "finished_at": now, "error": "The process ended before the stage did."}
        with self._writes.begin() as connection:
            connection.execute(sa.update(table).where(lost).values(**values))
            old = sa.delete(table).where(table.c.started_at < now - KEPT_FOR)
            return connection.execute(old).rowcount

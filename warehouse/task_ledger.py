"""The part of the store that remembers tasks: those in the CRM, and those that are about to be created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from warehouse import tables
from warehouse.rows import Row, Rows, joined, named_parts, upsert

_REFUSED = "tasks_refused"
_BASE = ("task_key", "task_id", "company_id", "run_id", "opened_at")


class TaskLedger(Rows):
    """What is known of our tasks in the CRM."""

    def record_intents(self, rows: Sequence[Row]) -> None:
        """Remember tasks that are about to be created; they may exist from now on, under an unknown id.

        Args:
            rows: task_key, company_id, run_id, intended_at.
        """
        with self._writes.begin() as connection:
            upsert(connection, tables.task_intents, rows, ("task_key",))

    def task_intents(self) -> dict[str, datetime]:
        """Return by key when tasks were about to be created of which no id is known."""
        table = tables.task_intents.c
        return {row["task_key"]: row["intended_at"] for row in self._all(sa.select(*table))}

    def record_tasks(self, rows: Sequence[Row]) -> None:
        """Remember tasks that exist in the CRM, and no longer as intended.

        Args:
            rows: task_key, task_id, company_id, run_id, opened_at, and any of severity, status, priority,
                owner_id as they were written; all rows with the same columns. Of a task that is known
                already only the id is replaced.
        """
        with self._writes.begin() as connection:
            upsert(connection, tables.task_ledger, rows, ("task_key",), update=("task_id",))
            _forget(connection, [row["task_key"] for row in rows])

    def record_task_states(self, rows: Sequence[Row]) -> None:
        """Remember how tasks were found or left in the CRM.

        Args:
            rows: what :meth:`record_tasks` needs, and any of severity, status, priority, owner_id, over,
                completed_at, completed_by, modified_at; all rows with the same columns.
        """
        changed = [name for name in (rows[0] if rows else ()) if name not in _BASE]
        with self._writes.begin() as connection:
            upsert(connection, tables.task_ledger, rows, ("task_key",), update=changed)

    def record_linked(self, companies: Mapping[str, str], at: datetime) -> None:
        """Remember that tasks are linked to their companies.

        Args:
            companies: company id by task id.
            at: now.
        """
        table = tables.task_ledger
        change = sa.update(table).where(table.c.task_id == sa.bindparam("linked"))
        rows = [{"linked": task_id, "company": company_id} for task_id, company_id in companies.items()]
        with self._writes.begin() as connection:
            if rows:
                connection.execute(change.values(linked_at=at, company_id=sa.bindparam("company")), rows)

    def task_ledger(self, beginnings: Sequence[str] | None = None) -> pd.DataFrame:
        """Return known tasks, one row each; the columns are those of ``tables.task_ledger``.

        Args:
            beginnings: of the keys, such as ``portal:account:``; None for all tasks.
        """
        every, key = sa.select(tables.task_ledger), tables.task_ledger.c.task_key
        frames = []
        for part in named_parts(beginnings):
            begins = (key.startswith(one, autoescape=True) for one in part or ())
            frames.append(self._frame(every if part is None else every.where(sa.or_(sa.false(), *begins))))
        return joined(frames)

    def knows_tasks(self) -> bool:
        """Tell whether any task is known: none is in a new store, or in one that was lost."""
        return self._scalar(sa.select(tables.task_ledger.c.task_id).limit(1)) is not None

    def task_ids(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the ids of those of some tasks that were written, by their keys."""
        columns = tables.task_ledger.c
        query = sa.select(columns.task_key, columns.task_id)
        parts = (self._all(query.where(columns.task_key.in_(part or ()))) for part in named_parts(keys))
        return {row["task_key"]: row["task_id"] for rows in parts for row in rows}

    def refuse_tasks(self, reason: str) -> None:
        """Remember that the portal cannot hold our unique task key, and why."""
        with self._writes.begin() as connection:
            upsert(connection, tables.meta, [{"key": _REFUSED, "value": reason}], ("key",))

    def allow_tasks(self) -> None:
        """Forget that the unique task key was refused; the next apply tries again."""
        with self._writes.begin() as connection:
            connection.execute(sa.delete(tables.meta).where(tables.meta.c.key == _REFUSED))

    def tasks_refused(self) -> str | None:
        """Return why the portal cannot hold our task key, None when it can or was never asked."""
        return self._scalar(sa.select(tables.meta.c.value).where(tables.meta.c.key == _REFUSED))


def _forget(connection: sa.Connection, task_keys: Sequence[str]) -> None:
    table = tables.task_intents
    if task_keys:
        known = table.c.task_key == sa.bindparam("known")
        connection.execute(sa.delete(table).where(known), [{"known": one} for one in task_keys])

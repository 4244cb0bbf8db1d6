"""What was written to the CRM, apply by apply: what undo puts back and what edits are told by.

Moments are aware UTC; a frame without rows has all its columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import pandas as pd
import sqlalchemy as sa

from warehouse import tables
from warehouse.rows import Row, Rows, joined, named_parts, upsert


class CrmLedger(Rows):
    """Applies, the values and tasks that each of them wrote, refused rows, and edits by others."""

    # Applies

    def begin_apply(
        self,
        apply_id: str,
        plan_hash: str,
        run_id: str,
        at: datetime,
        kind: Literal["apply", "undo"] = "apply",
        undoes: str | None = None,
    ) -> None:
        """Record that a plan is being written; the same one again goes on where it ended.

        Another that is still called running was killed: there is one writer at a time.
        """
        table = tables.applies
        row: dict[str, Any] = {"apply_id": apply_id, "plan_hash": plan_hash, "run_id": run_id, "kind": kind}
        row |= {"undoes": undoes, "status": "running", "started_at": at, "counts": {}}
        killed = (table.c.status == "running") & (table.c.apply_id != apply_id)
        with self._writes.begin() as connection:
            ended = {"status": "failed", "finished_at": at, "error": "ended early"}
            connection.execute(sa.update(table).where(killed).values(**ended))
            again = {"finished_at": sa.null(), "error": sa.null()}
            upsert(connection, table, [row], ("apply_id",), ("status",), again)

    def finish_apply(self, apply_id: str, at: datetime, counts: Mapping[str, int]) -> None:
        """Record that a plan was written to its end."""
        self._end_apply(apply_id, {"status": "done", "finished_at": at, "counts": dict(counts)})

    def fail_apply(self, apply_id: str, at: datetime, counts: Mapping[str, int], error: str) -> None:
        """Record that writing a plan ended early; what was written is in the ledger."""
        values = {"status": "failed", "finished_at": at, "counts": dict(counts), "error": error}
        self._end_apply(apply_id, values)

    def _end_apply(self, apply_id: str, values: Mapping[str, Any]) -> None:
        change = sa.update(tables.applies).where(tables.applies.c.apply_id == apply_id)
        with self._writes.begin() as connection:
            connection.execute(change.values(**values))

    def applies(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the last applies and undos, newest first."""
        table = tables.applies
        newest = sa.select(table).order_by(table.c.started_at.desc(), table.c.apply_id.desc())
        return self._all(newest.limit(limit))

    def apply_record(self, apply_id: str) -> dict[str, Any] | None:
        """Return one apply, None when there is none of this id."""
        rows = self._all(sa.select(tables.applies).where(tables.applies.c.apply_id == apply_id))
        return rows[0] if rows else None

    def last_apply(self) -> str | None:
        """Return the id of the newest apply (no undo), whatever became of it; None before the first."""
        table = tables.applies
        newest = sa.select(table.c.apply_id).where(table.c.kind == "apply")
        return self._scalar(newest.order_by(table.c.started_at.desc(), table.c.apply_id.desc()).limit(1))

    def plan_applied(self, plan_hash: str) -> bool:
        """Tell whether a plan was applied to its end."""
        table = tables.applies
        done = (table.c.plan_hash == plan_hash) & (table.c.status == "done") & (table.c.kind == "apply")
        return self._scalar(sa.select(table.c.apply_id).where(done).limit(1)) is not None

    # Values

    def intend(self, rows: Sequence[Row]) -> None:
        """Remember fields that are about to be written; they may be in the CRM from now on.

        Args:
            rows: apply_id, object_type, object_id, property, old_value, value, intended_at.
        """
        keys = [column.name for column in tables.push_intents.primary_key]
        with self._writes.begin() as connection:
            # The first old value stays: a second try may find what the first one wrote.
            upsert(connection, tables.push_intents, rows, keys, update=("value", "intended_at"))

    def record_pushed(self, rows: Sequence[Row]) -> None:
        """Remember written fields, which are no longer only intended.

        Args:
            rows: object_type, object_id, property, old_value, value, apply_id, written_at.
        """
        keys = ("object_type", "object_id", "property", "apply_id")
        with self._writes.begin() as connection:
            # The first old value of an apply stays: it is what an undo must put back.
            upsert(connection, tables.push_ledger, rows, keys, update=("value", "written_at"))
            done = {(row["apply_id"], row["object_type"], row["object_id"]) for row in rows}
            _forget_intents(connection, sorted(done))

    def forget_intents(self, apply_id: str, object_type: str, object_ids: Sequence[str]) -> None:
        """Forget what was to be written to objects that the CRM refused."""
        with self._writes.begin() as connection:
            _forget_intents(connection, [(apply_id, object_type, one) for one in object_ids])

    def intended(self, object_type: str, ids: Sequence[str] | None = None) -> pd.DataFrame:
        """Return what may have been written last: nothing was put down since.

        Args:
            object_type: such as ``companies``.
            ids: of the objects; None for all.

        Returns:
            object_id, property, value.
        """
        intents = tables.push_intents.c
        later = _same_place().where(tables.push_ledger.c.written_at >= intents.intended_at)
        found = sa.select(intents.object_id, intents.property, intents.value)
        found = found.where(intents.object_type == object_type, ~later.exists()).order_by(intents.intended_at)
        return joined(
            [
                self._frame(found if part is None else found.where(intents.object_id.in_(part)))
                for part in named_parts(ids)
            ]
        )

    def pushed(self, object_type: str, ids: Sequence[str] | None = None) -> pd.DataFrame:
        """Return what we wrote last, per object and property.

        Args:
            object_type: such as ``companies``.
            ids: of the objects; None for all.

        Returns:
            object_id, property, value, written_at.
        """
        ledger = tables.push_ledger.c
        place = (ledger.object_id, ledger.property)
        age = sa.func.row_number().over(
            partition_by=place, order_by=(ledger.written_at.desc(), ledger.id.desc())
        )
        columns = (*place, ledger.value, ledger.written_at)
        ranked = sa.select(*columns, age.label("age")).where(ledger.object_type == object_type)
        frames = []
        for part in named_parts(ids):
            inner = (ranked if part is None else ranked.where(ledger.object_id.in_(part))).subquery()
            newest = sa.select(*(inner.c[one.name] for one in columns)).where(inner.c.age == 1)
            frames.append(self._frame(newest))
        return joined(frames)

    def written(self, apply_id: str) -> list[dict[str, Any]]:
        """Return what one apply wrote, or may have written without an answer that was put down.

        The rows: object_type, object_id, property, old_value, value.
        """
        ledger, intents = tables.push_ledger.c, tables.push_intents.c
        names = ("object_type", "object_id", "property", "old_value", "value")
        put_down = sa.select(*(ledger[name] for name in names)).where(ledger.apply_id == apply_id)
        # Where a later one found the old value, nothing had been written.
        later = _same_place().where(
            (ledger.apply_id == apply_id)
            | ((ledger.old_value == intents.old_value) & (ledger.written_at >= intents.intended_at))
        )
        unanswered = sa.select(*(intents[name] for name in names)).where(intents.apply_id == apply_id)
        places = (intents.object_type, intents.object_id, intents.property)
        return [
            *self._all(put_down.order_by(ledger.id)),
            *self._all(unanswered.where(~later.exists()).order_by(*places)),
        ]

    def carrying(self, object_type: str, name: str) -> int:
        """Return how many objects have a value of ours in a property, as far as we know."""
        ledger = tables.push_ledger.c
        rows = self._all(
            sa.select(ledger.object_id, ledger.value)
            .where(ledger.object_type == object_type, ledger.property == name)
            .order_by(ledger.written_at, ledger.id)
        )
        newest = {row["object_id"]: row["value"] for row in rows}
        return sum(bool(value) for value in newest.values())

    # Edits by others

    def record_drift(self, rows: Sequence[Row]) -> None:
        """Remember values of ours that somebody changed; one that is kept is told once.

        Args:
            rows: apply_id, object_type, object_id, property, ours, theirs, action, seen_at.
        """
        table, keys = tables.drift, ("apply_id", "object_type", "object_id", "property")
        same = ("object_type", "object_id", "property", "ours", "theirs", "action")
        with self._writes.begin() as connection:
            new = []
            for row in rows:
                told = sa.select(table.c.id).where(*(table.c[name] == row[name] for name in same)).limit(1)
                if row["action"] != "kept" or connection.execute(told).first() is None:
                    new.append(row)
            upsert(connection, table, new, keys, ("ours", "theirs", "action"))

    def drift(self, apply_id: str | None = None) -> pd.DataFrame:
        """Return the values of ours that somebody changed, of one apply or of all, oldest first."""
        found = sa.select(tables.drift).order_by(tables.drift.c.id)
        return self._frame(found if apply_id is None else found.where(tables.drift.c.apply_id == apply_id))

    # Refused rows

    def record_failures(self, rows: Sequence[Row]) -> None:
        """Remember refused rows; each further refusal of the same one counts as an attempt.

        Args:
            rows: object_type, object_id, reason, run_id, failed_at.
        """
        table = tables.push_failures
        with self._writes.begin() as connection:
            keys = ("object_type", "object_id")
            counter = {"attempts": table.c.attempts + 1}
            upsert(connection, table, rows, keys, ("reason", "run_id", "failed_at"), counter)

    def clear_failures(self, object_type: str, object_ids: Sequence[str]) -> None:
        """Forget refused rows that have gone through."""
        table = tables.push_failures
        condition = (table.c.object_type == object_type) & (table.c.object_id == sa.bindparam("gone"))
        with self._writes.begin() as connection:
            if object_ids:
                connection.execute(sa.delete(table).where(condition), [{"gone": one} for one in object_ids])

    def push_failures(self) -> pd.DataFrame:
        """Return refused rows: object_type, object_id, reason, run_id, failed_at, attempts."""
        return self._frame(sa.select(tables.push_failures))

    # Tasks

    def forget_tasks(self, task_ids: Sequence[str]) -> None:
        """Forget tasks that were taken back: nothing keeps them from being opened again."""
        table = tables.task_ledger
        gone = sa.delete(table).where(table.c.task_id == sa.bindparam("gone"))
        with self._writes.begin() as connection:
            if task_ids:
                connection.execute(gone, [{"gone": one} for one in task_ids])

    # Set-up

    def record_set_up(self, object_type: str, names: Sequence[str], at: datetime) -> None:
        """Remember properties (and ``property=option``) that now exist in the CRM."""
        rows = [{"object_type": object_type, "name": name, "seen_at": at} for name in names]
        with self._writes.begin() as connection:
            upsert(connection, tables.set_up, rows, ("object_type", "name"))

    def set_up(self) -> pd.DataFrame:
        """Return what of ours exists or once existed in the CRM: object_type, name, seen_at (last)."""
        return self._frame(sa.select(tables.set_up))


def _same_place() -> sa.Select[Any]:
    """Return what was put down of the property of the object that an intent is about."""
    names = ("object_type", "object_id", "property")
    places = (tables.push_ledger.c[name] == tables.push_intents.c[name] for name in names)
    return sa.select(tables.push_ledger.c.id).where(*places).correlate(tables.push_intents)


def _forget_intents(connection: sa.Connection, objects: Sequence[tuple[str, str, str]]) -> None:
    """Forget intents by apply, object type and object id."""
    table, names = tables.push_intents, ("apply_id", "object_type", "object_id")
    gone = sa.delete(table).where(*(table.c[name] == sa.bindparam(f"the_{name}") for name in names))
    if objects:
        rows = [{f"the_{name}": value for name, value in zip(names, one, strict=True)} for one in objects]
        connection.execute(gone, rows)

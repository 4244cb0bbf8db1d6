"""What somebody is to be told, and what has been told; the same trouble is there once until it is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from warehouse import tables
from warehouse.rows import Rows

KEPT_FOR: Final = timedelta(days=90)
_table = tables.alerts


class AlertLog(Rows):
    """The alerts of one operational database, whichever process raised them."""

    def raise_(self, kind: str, about: str, message: str, at: datetime, *, tell: bool = True) -> bool:
        """Keep a trouble that is not over; False when it is known already.

        Args:
            kind: of trouble.
            about: what it is about; a kind about something is open once.
            message: what to tell.
            at: now.
            tell: False when there is nobody to tell.
        """
        row = {"kind": kind, "about": about, "message": message, "raised_at": at, "told": []}
        with self._writes.begin() as connection:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            statement = insert(_table).values(**row, due_at=at if tell else None)
            added = connection.execute(
                statement.on_conflict_do_nothing(
                    index_elements=["kind", "about"], index_where=_table.c.over_at.is_(None)
                ).returning(_table.c.id)
            )
            return added.first() is not None

    def over(self, kind: str, about: str, at: datetime, *, tell: bool = True) -> bool:
        """End an open trouble; False when there is none. That it is over is told too."""
        is_open = (_table.c.kind == kind) & (_table.c.about == about) & _table.c.over_at.is_(None)
        if not self._all(sa.select(_table.c.id).where(is_open)):
            return False
        values = {"over_at": at, "due_at": at if tell else None, "attempts": 0}
        with self._writes.begin() as connection:
            return connection.execute(sa.update(_table).where(is_open).values(**values)).rowcount > 0

    def collect(self, kind: str, about: str, message: str, at: datetime, due_at: datetime) -> None:
        """Keep news that are told together, once they are due; no trouble, so never open.

        Args:
            kind: of news.
            about: what they are put together by, for instance a day; later lines are added.
            message: lines to tell.
            at: now.
            due_at: when the whole is told.
        """
        same = (_table.c.kind == kind) & (_table.c.about == about) & _table.c.sent_at.is_(None)
        with self._writes.begin() as connection:
            more = _table.c.message + f"\n{message}"
            if not connection.execute(sa.update(_table).where(same).values(message=more)).rowcount:
                row = {"kind": kind, "about": about, "message": message, "raised_at": at, "told": []}
                connection.execute(_table.insert(), {**row, "over_at": at, "due_at": due_at})

    def claim(self, now: datetime, lease: timedelta) -> list[dict[str, Any]]:
        """Take what is due, so that no other process tells it for a while.

        Returns:
            Rows of ``alerts``; ``due_at`` is when they may be taken again.
        """
        taken = []
        for row in self._all(sa.select(_table).where(_table.c.due_at <= now).order_by(_table.c.id)):
            same = (_table.c.id == row["id"]) & (_table.c.due_at == row["due_at"])
            with self._writes.begin() as connection:
                claim = sa.update(_table).where(same).values(due_at=now + lease)
                if connection.execute(claim).rowcount:
                    taken.append({**row, "due_at": now + lease})
        return taken

    def settle(self, row: dict[str, Any], told: list[str], at: datetime) -> None:
        """Note that a claimed alert was told; what became of it meanwhile is told next."""
        values = {"told": told, "sent_at": at, "attempts": 0, "error": None}
        self._change(row, values, None)

    def put_off(self, row: dict[str, Any], told: list[str], error: str, due_at: datetime | None) -> None:
        """Note that a claimed alert could not be told everywhere; None for ``due_at`` gives it up."""
        self._change(row, {"told": told, "attempts": row["attempts"] + 1, "error": error}, due_at)

    def waiting(self) -> int:
        """Return how many alerts are still to be told."""
        with self.engine.connect() as connection:
            query = sa.select(sa.func.count()).where(_table.c.due_at.is_not(None))
            return int(connection.execute(query).scalar_one())

    def recent(self, limit: int = 50) -> list[dict[str, Any]]:
        """Return the last alerts, newest first: the columns of ``alerts``."""
        return self._all(sa.select(_table).order_by(_table.c.id.desc()).limit(limit))

    def prune(self, now: datetime) -> int:
        """Forget what has been over for ``KEPT_FOR``; return how many."""
        with self._writes.begin() as connection:
            return connection.execute(sa.delete(_table).where(_table.c.over_at < now - KEPT_FOR)).rowcount

    def _change(self, row: dict[str, Any], values: dict[str, Any], due_at: datetime | None) -> None:
        mine = _table.c.id == row["id"]
        with self._writes.begin() as connection:
            connection.execute(sa.update(_table).where(mine).values(**values))
            claimed = mine & (_table.c.due_at == row["due_at"])
            connection.execute(sa.update(_table).where(claimed).values(due_at=due_at))

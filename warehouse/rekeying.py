"""Follows companies of the CRM that were merged or deleted through everything the store remembers of them.

What machines wrote down about a company that is gone goes; what people decided stays: it has no effect while
the company is away, and holds again once somebody restores it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from warehouse import tables
from warehouse.rows import Rows, named_parts

Row = dict[str, Any]
_COMPANIES: Final = "companies"
_OVER: Final = ("COMPLETED", "DELETED")
"""Statuses of tasks that nobody links any more."""


class Rekeying(Rows):
    """Gives what is known of companies to those that stand for them now. All of it may be done twice."""

    def merged(self, survivors: Mapping[str, str]) -> int:
        """Give what is remembered of merged companies to their survivors, in one transaction.

        Open tasks stay with the company that they are linked to: the next plan links them to the survivor,
        and that is remembered then.

        Args:
            survivors: by the id of each company that was merged, the id of the one that it is part of.

        Returns:
            How many rows were changed.
        """
        final = {old: new for old in survivors if (new := _end(survivors, old)) != old}
        changed = 0
        for part in named_parts(sorted(final)):
            if part:
                with self._writes.begin() as connection:
                    changed += _follow(connection, {old: final[old] for old in part})
        return changed

    def gone(self, companies: Collection[str]) -> int:
        """Forget what machines wrote down about companies that were deleted, tasks and episodes apart.

        Those are closed by the next look at the flags, which are down.

        Returns:
            How many rows were deleted.
        """
        changed = 0
        for part in named_parts(sorted(companies)):
            if part:
                with self._writes.begin() as connection:
                    changed += _forget(connection, part)
        return changed

    def announced(self) -> set[str]:
        """Return the accounts of which a band was announced."""
        return {str(row["account_id"]) for row in self._all(sa.select(tables.band_alerts.c.account_id))}


def _end(survivors: Mapping[str, str], company: str) -> str:
    """Follow a company that was merged more than once to the one that is there."""
    seen = {company}
    while (company := survivors.get(company, company)) not in seen:
        seen.add(company)
    return company


def _follow(connection: sa.Connection, survivors: Mapping[str, str]) -> int:
    old = list(survivors)
    changed = _point(connection, tables.links, survivors)
    changed += _point(connection, tables.task_ledger, survivors, tables.task_ledger.c.status.in_(_OVER))
    changed += _point(connection, tables.task_intents, survivors)
    for table, joined in (
        (tables.health_overrides, _kept),
        (tables.flag_episodes, _one_episode),
        (tables.band_alerts, _kept),
    ):
        moved = _rows(connection, table, old)
        for row in moved:
            _move(connection, table, row, survivors[row["account_id"]], joined)
        changed += len(moved)
    return changed + _forget_failures(connection, old)


def _point(
    connection: sa.Connection,
    table: sa.Table,
    survivors: Mapping[str, str],
    condition: sa.ColumnElement[bool] | None = None,
) -> int:
    """Let rows that name a company name its survivor."""
    column = table.c.company_id
    named = column.in_(list(survivors))
    where = named if condition is None else named & condition
    found = connection.execute(sa.select(column).where(where).distinct()).scalars().all()
    for old in found:
        change = sa.update(table).where(where, column == old)
        connection.execute(change.values(company_id=survivors[old]))
    return len(found)


def _rows(connection: sa.Connection, table: sa.Table, accounts: Collection[str]) -> list[Row]:
    chosen = sa.select(table).where(table.c.account_id.in_(accounts)).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def _move(connection: sa.Connection, table: sa.Table, row: Row, account: str, joined: Any) -> None:
    """Put a row below another account; where that has one of its own, both become one."""
    connection.execute(sa.delete(table).where(_same(table, row)))
    moved = {**row, "account_id": account}
    there = connection.execute(sa.select(table).where(_same(table, moved))).mappings().first()
    if there is None:
        connection.execute(sa.insert(table).values(**moved))
    else:
        connection.execute(sa.update(table).where(_same(table, moved)).values(**joined(dict(there), moved)))


def _same(table: sa.Table, row: Row) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == row[column.name] for column in table.primary_key.columns))


def _kept(there: Row, _moved: Row) -> Row:
    """What is known of the survivor itself counts."""
    return there


def _one_episode(there: Row, moved: Row) -> Row:
    """Two episodes of one flag and day: up as long as either."""
    closed = [there["closed_at"], moved["closed_at"]]
    return {
        **there,
        "opened_at": min(there["opened_at"], moved["opened_at"]),
        "last_seen_at": max(there["last_seen_at"], moved["last_seen_at"]),
        "closed_at": None if None in closed else max(closed),
    }


def _forget(connection: sa.Connection, companies: Iterable[str]) -> int:
    listed = list(companies)
    announced = sa.delete(tables.band_alerts).where(tables.band_alerts.c.account_id.in_(listed))
    return connection.execute(announced).rowcount + _forget_failures(connection, listed)


def _forget_failures(connection: sa.Connection, companies: Collection[str]) -> int:
    """A write to a company that is gone is not to be tried again."""
    table = tables.push_failures
    refused = (table.c.object_type == _COMPANIES) & table.c.object_id.in_(list(companies))
    return connection.execute(sa.delete(table).where(refused)).rowcount

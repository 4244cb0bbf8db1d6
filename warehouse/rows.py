"""What every part of the operational store shares: reading rows and frames, writing without doubling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from warehouse import tables

Row = Mapping[str, Any]


class Rows:
    """A part of one operational database; several share its engine.

    Args:
        engine: as :func:`warehouse.database.open_database` gives it.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._writes = engine.execution_options(writes=True)

    def _all(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _scalar(self, query: sa.Select[Any]) -> str | None:
        with self.engine.connect() as connection:
            found: str | None = connection.execute(query).scalar_one_or_none()
            return found

    def _frame(self, query: sa.Select[Any]) -> pd.DataFrame:
        rows = self._all(query)
        frame = pd.DataFrame(rows, columns=[column.name for column in query.selected_columns])
        for column in query.selected_columns:
            if isinstance(column.type, tables.UtcDateTime):
                frame[column.name] = pd.to_datetime(frame[column.name], utc=True)
        return frame


def rows_of(frame: pd.DataFrame, table: sa.Table) -> list[dict[str, Any]]:
    """Turn a frame into rows of a table: moments aware, missing values None."""
    chosen = frame[[column.name for column in table.columns]].astype(object)
    names = list(chosen.columns)
    return [
        dict(zip(names, map(_plain, values), strict=True))
        for values in chosen.itertuples(index=False, name=None)
    ]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        moment = value.to_pydatetime()
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return value.item() if hasattr(value, "item") else value


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Row],
    keys: Iterable[str],
    update: Sequence[str] | None = None,
    extra: Mapping[str, sa.ColumnElement[Any]] | None = None,
) -> None:
    """Insert rows, or update those that are there.

    Args:
        connection: in a transaction.
        table: has a unique constraint over ``keys``.
        rows: all with the same columns.
        keys: which columns say that a row is there.
        update: columns to update then; None for all but the keys.
        extra: further columns with what to set them to.
    """
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    names = list(rows[0]) if update is None else update
    changes = {name: statement.excluded[name] for name in names if name not in set(keys)}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(keys), set_={**changes, **(extra or {})}),
        [dict(row) for row in rows],
    )


AT_ONCE = 500
"""Values that one query names: databases bound the number of parameters."""


def named_parts(values: Sequence[str] | None) -> Iterator[Sequence[str] | None]:
    """Cut values so that a query can name them; None and no values at all stay as they are."""
    if not values:
        yield values
        return
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put frames of the same columns below each other; there is at least one."""
    full = [frame for frame in frames if len(frame)]
    return pd.concat(full, ignore_index=True) if full else frames[0]

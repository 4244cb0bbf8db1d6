"""The SQL engine of the models: DuckDB in this process, held to a memory limit.

Only ``connect``, ``execute``, ``fetchall``, ``df`` and ``register`` of DuckDB are used, so that both 1.5 and
2 run it unchanged. Nothing is kept between runs: Parquet files and frames go in, and the same come out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from math import isnan
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from saaskpi.errors import DataError, StoreError, UsageError
from warehouse.deltas import JOINED, Void
from warehouse.files import make_directory, sync_directory, sync_file, writing

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIMIT = re.compile(r"\d+(\.\d+)?\s*[KMGT]i?B", re.IGNORECASE)


class Engine:
    """One DuckDB database in memory; a context manager.

    Args:
        memory_limit: what DuckDB may hold before it spills, for instance ``"1GB"``.
        threads: how many threads it may use; None leaves it to DuckDB (all cores).
        temp_dir: where it spills to; None forbids nothing and leaves DuckDB's own choice.

    Raises:
        UsageError: the memory limit is not a size.
    """

    def __init__(
        self, memory_limit: str = "1GB", threads: int | None = None, temp_dir: Path | None = None
    ) -> None:
        if not _LIMIT.fullmatch(memory_limit):
            raise UsageError(
                f"'{memory_limit}' is not a memory size.", hint="Write a number with a unit, such as 1GB."
            )
        self._connection = duckdb.connect(":memory:")
        self._set("memory_limit", memory_limit)
        self._execute("SET preserve_insertion_order = false")
        self._set("TimeZone", "UTC")
        if threads is not None:
            self._execute(f"SET threads = {int(threads)}")
        if temp_dir is not None:
            self._set("temp_directory", str(make_directory(temp_dir)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory; the engine cannot be used afterwards."""
        self._connection.close()

    @contextmanager
    def unoptimized(self) -> Iterator[None]:
        """Run statements as they are written: over a few rows, improving them takes longer than it saves."""
        self._execute("PRAGMA disable_optimizer")
        try:
            yield
        finally:
            self._execute("PRAGMA enable_optimizer")

    def register_files(self, name: str, files: Sequence[Path], gone: Sequence[Void] = ()) -> None:
        """Make Parquet files readable as one view; a column that only some of them have is null elsewhere.

        Args:
            name: of the view.
            files: at least one; they must outlive the use of the view.
            gone: which of their rows are void, and left out.

        Raises:
            StoreError: no file is given, or one is damaged.
        """
        if not files:
            raise StoreError(f"Nothing has been read for '{name}' yet.", hint="Run `saaskpi pull` first.")
        listed = ", ".join(_text(str(file)) for file in files)
        source = f"read_parquet([{listed}], union_by_name = true)"
        where = self._without(name, gone) if gone else ""
        try:
            self._connection.execute(
                f"CREATE OR REPLACE VIEW {quoted(name)} AS SELECT * FROM {source} landed{where}"
            )
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise StoreError(
                f"The files of '{name}' are damaged: {_said(error)}.", hint="Run `saaskpi pull` again."
            ) from error

    def _without(self, name: str, gone: Sequence[Void]) -> str:
        """Return the WHERE that leaves void rows out; the rules go into a table beside the view."""
        rules = f"{quoted(name)}_gone"
        self.register_frame(rules, pd.DataFrame(gone, columns=list(Void._fields)))
        columns = sorted({rule.column for rule in gone})
        return " WHERE " + " AND ".join(
            f'NOT EXISTS (SELECT 1 FROM {rules} rule WHERE rule."column" = {_text(column)} '
            f'AND rule."value" = {joined_values(column)} AND rule.seq > landed._seq)'
            for column in columns
        )

    def register_frame(self, name: str, frame: pd.DataFrame) -> None:
        """Copy a frame (without its index) into a table; later changes to the frame do not show.

        Args:
            name: of the table, replaced when it is there.
            frame: columns of lists become LIST columns; a column of nulls alone becomes text.
        """
        self._connection.register("_incoming", arrow_of(frame))
        self._execute(f"CREATE OR REPLACE TABLE {quoted(name)} AS SELECT * FROM _incoming")
        self._execute("DROP VIEW _incoming")

    def lend(self, name: str, table: pa.Table) -> None:
        """Let a name stand for an Arrow table, without a copy."""
        self._connection.register(quoted(name), table)

    def framed(self, table: pa.Table) -> pd.DataFrame:
        """Return an Arrow table as :meth:`frame` would return one of this engine."""
        self._connection.register("_incoming", table)
        found = self.frame("SELECT * FROM _incoming")
        self._execute("DROP VIEW _incoming")
        return found

    def append(self, name: str, sql: str) -> None:
        """Add the answer to a query to the table ``name``, which has all of its columns."""
        self._execute(f"INSERT INTO {quoted(name)} BY NAME {sql}")

    def count(self, name: str) -> int:
        """Return how many rows a table has."""
        found: int = self._execute(f"SELECT COUNT(*) FROM {quoted(name)}").fetchall()[0][0]
        return found

    def run(self, name: str, sql: str) -> None:
        """Build the table ``name`` from a query.

        Args:
            name: of the table, replaced when it is there.
            sql: one SELECT.
        """
        self._execute(f"CREATE OR REPLACE TABLE {quoted(name)} AS {sql}")

    def drop(self, name: str) -> None:
        """Free a table."""
        self._execute(f"DROP TABLE {quoted(name)}")

    def view(self, name: str, sql: str) -> None:
        """Let ``name`` stand for a query.

        Args:
            name: of the view, replaced when it is there.
            sql: one SELECT.
        """
        self._execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {sql}")

    def write(self, sql: str, path: Path, group: int | None = None) -> None:
        """Write the answer to a query into a Parquet file, row by row: it may be larger than the memory.

        Args:
            sql: one SELECT, which may read files that people gave.
            path: is complete on disk, or not there, when this returns or raises.
            group: rows that can be read by themselves; None leaves it to DuckDB.

        Raises:
            DataError: a file that the query reads is not what the query takes it for.
            StoreError: the disk refuses, or the memory limit is too low.
        """
        incoming = path.with_name(f"{path.name}.incoming")
        try:
            rows = f", ROW_GROUP_SIZE {int(group)}" if group else ""
            target = f"{_text(str(incoming))} (FORMAT parquet, COMPRESSION zstd{rows})"
            self._execute(f"COPY ({sql}) TO {target}")
            with writing(path.parent):
                sync_file(incoming)
                incoming.replace(path)
                sync_directory(path.parent)
        except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
            raise
        except duckdb.Error as error:
            raise DataError(f"{_said(error)}.") from error
        finally:
            incoming.unlink(missing_ok=True)

    def frame(self, name_or_query: str) -> pd.DataFrame:
        """Return a table, a view or the answer to a query.

        Integer columns that hold nulls come as pandas' ``Int64``, never as floats; lists as Python lists.

        Args:
            name_or_query: a name, or SQL that begins with SELECT, WITH or FROM.
        """
        return with_lists(self._selected(name_or_query).df())

    def _selected(self, name_or_query: str) -> duckdb.DuckDBPyConnection:
        whole = _NAME.fullmatch(name_or_query.strip())
        return self._execute(f"SELECT * FROM {name_or_query}" if whole else name_or_query)

    def rows(self, name_or_query: str) -> list[dict[str, Any]]:
        """Return the same as plain Python rows; null and NaN are None, and a timestamp is its date."""
        found = self._selected(name_or_query)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in found.fetchall()]

    def fill(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> None:
        """Build the table ``name`` with exactly these columns from a few rows of plain values.

        Args:
            name: of the table, replaced when it is there.
            columns: name to SQL type.
            rows: their values, in that order.
        """
        typed = ", ".join(f'"{column}" {sql_type}' for column, sql_type in columns.items())
        self._execute(f"CREATE OR REPLACE TABLE {quoted(name)} ({typed})")
        self._insert(name, columns, rows)

    def _insert(self, name: str, columns: Iterable[str], rows: Sequence[Sequence[object]]) -> None:
        if rows:
            listed = ", ".join(f'"{column}"' for column in columns)
            row = f"({', '.join('?' * len(rows[0]))})"
            values = [_given(value) for one in rows for value in one]
            self._execute(
                f"INSERT INTO {quoted(name)} ({listed}) VALUES {', '.join([row] * len(rows))}", values
            )

    def columns(self, name: str) -> list[str]:
        """Return the column names of a table or view, in order; empty when there is none of that name."""
        try:
            # A tenth of the time that the catalogue takes.
            found = self._execute(f"SELECT * FROM {quoted(name)} LIMIT 0").description or ()
        except duckdb.CatalogException:
            return []
        return [column[0] for column in found]

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Put what is made from here on into a database of its own, which is dropped in the end.

        What is outside stays readable as ``memory.main.NAME``.

        Args:
            name: of that database; none of that name is there.
        """
        self._execute(f"ATTACH ':memory:' AS {quoted(name)}")
        try:
            self._execute(f"USE {quoted(name)}")
            yield
        finally:
            self._execute("USE memory")
            self._execute(f"DETACH {quoted(name)}")

    def export(self, tables: Sequence[str], directory: Path) -> None:
        """Write one Parquet file per table and put it on disk.

        Args:
            tables: names of tables or views.
            directory: is created when missing; holds ``<table>.parquet`` afterwards.

        Raises:
            StoreError: the directory cannot be written.
        """
        make_directory(directory)
        with writing(directory):
            for table in tables:
                path = directory / f"{table}.parquet"
                self._execute(f"COPY {quoted(table)} TO {_text(str(path))} (FORMAT parquet)")
                sync_file(path)
            sync_directory(directory)

    def arrow(self, sql: str) -> pa.Table:
        """Return the answer to a query as an Arrow table."""
        found: pa.Table = self._connection.sql(sql).to_arrow_table()
        return found

    def _execute(self, sql: str, values: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
        """Run SQL; what the machine cannot give becomes one clear error.

        Raises:
            StoreError: the disk refuses, or the memory limit is too low.
        """
        try:
            return self._connection.execute(sql, list(values))
        except duckdb.OutOfMemoryException as error:
            raise StoreError(
                "The SQL engine ran out of memory.", hint="Raise engine.memory_limit, or free disk space."
            ) from error
        except duckdb.IOException as error:
            raise StoreError(
                f"The SQL engine cannot read or write a file: {_said(error)}.",
                hint="Free disk space or mend its permissions, then run again.",
            ) from error

    def _set(self, setting: str, value: str) -> None:
        self._execute(f"SET {setting} = {_text(value)}")


def arrow_of(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as an Arrow table; a column of nulls alone becomes text."""
    # Arrow carries lists, nullable integers and pandas' strings alike in DuckDB 1.5 and 2.
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if not any(pa.types.is_null(field.type) for field in table.schema):
        return table
    fields = [f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.date()
    return None if isinstance(value, float) and isnan(value) else value


def _given(value: Any) -> Any:
    """Return a value as DuckDB takes it: NumPy's own types are unknown to it."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def quoted(name: str) -> str:
    """Return a name of ours for use in SQL; ours need no quotes.

    Raises:
        ValueError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a table name: {name!r}")
    return name


def joined_values(columns: str) -> str:
    """Return the SQL of the values of some columns as one text, as rules about void rows name them."""
    values = [f'CAST(landed."{quoted(column)}" AS VARCHAR)' for column in columns.split(JOINED)]
    return f" || {_text(JOINED)} || ".join(values)


def _said(error: duckdb.Error) -> str:
    return str(error).splitlines()[0].rstrip(".")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def with_lists(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn the arrays in which DuckDB hands out lists into lists, and a null among them into None."""
    for column, values in frame.items():
        # By dtype and not with select_dtypes: pandas 2 and 3 differ on whether text is of type object.
        if values.dtype == object and values.map(lambda value: isinstance(value, np.ndarray)).any():
            lists = [value.tolist() if isinstance(value, np.ndarray) else None for value in values]
            frame[column] = pd.Series(lists, index=frame.index, dtype=object)
    return frame

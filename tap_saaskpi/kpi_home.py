"""Reads the tables of the current run from a home folder, batch by batch, and writes nothing there."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from zipfile import BadZipFile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from connectors.http import Json, JsonRows
from saaskpi.errors import StoreError
from tap_saaskpi.kpi_schema import JSON_COLUMNS, RUN_COLUMNS
from warehouse.database import connect, shown
from warehouse.files import STORE_FILE
from warehouse.marts import Marts
from warehouse.patches import Patches
from warehouse.store import Store

BATCH_ROWS: Final = 5_000
_INSTANT: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class KpiHome:
    """The tables of one run: a stream that is read after another run ended still belongs to the same one.

    Attributes:
        directory: where they are.
        run_id: of the run.
        as_of: the instant that its numbers describe, ISO 8601 in UTC.
    """

    directory: Path
    run_id: str
    as_of: str

    @classmethod
    def open(cls, home: Path, store_url: str | None = None) -> KpiHome:
        """Find the current run of a home folder.

        Args:
            home: the folder.
            store_url: where its store is, unless it is the file in the folder.

        Raises:
            StoreError: there is none, or the store cannot be read.
            UsageError: the URL is wrong or its driver is not installed.
        """
        store_file = home / STORE_FILE
        if store_url:
            run = _current_run(connect(store_url), shown(store_url))
        else:
            run = _current_run(_unchanged(store_file), store_file) if store_file.is_file() else None
        if run is None:
            raise StoreError(
                f"There is no finished run in {home}.",
                hint=f"Run `saaskpi run --home {home}`, or set kpi_home to the folder that has one.",
            )
        directory = Marts(home / "marts", lambda: run["run_id"]).directory(run["run_id"])
        as_of = run["as_of"].isoformat(timespec="microseconds")
        return cls(directory, run["run_id"], as_of.replace("+00:00", "Z"))

    def rows(self, table: str, columns: Collection[str], keys: Collection[str]) -> Iterator[JsonRows]:
        """Read a table, a batch at a time, each row with ``run_id`` and ``as_of``.

        Args:
            table: its name.
            columns: those to read.
            keys: those that tell rows apart: null becomes empty text, as targets take no null in a key.

        Raises:
            StoreError: the table is missing, damaged or lacks a column.
        """
        path = self.directory / f"{table}.parquet"
        names = (*columns, *RUN_COLUMNS)
        try:
            for batch in _patched(path, list(columns)):
                values = [_values(name, batch.column(name), is_key=name in keys) for name in columns]
                rows = zip(*values, repeat(self.run_id), repeat(self.as_of), strict=False)
                yield [dict(zip(names, row, strict=True)) for row in rows]
        except FileNotFoundError as error:
            raise _unusable(path, "is missing") from error
        except (OSError, pa.ArrowInvalid, BadZipFile) as error:
            raise _unusable(path, "cannot be read") from error


def _unchanged(store_file: Path) -> sa.Engine:
    """Open a store that is a file, for reading alone."""
    # Not Store.open: that one creates and migrates, and the tap may have no right to write. Without a log of
    # its own nobody has the store open; "immutable" keeps SQLite from making one.
    at_rest = not store_file.with_name(f"{store_file.name}-wal").exists()
    address = f"{quote(str(store_file))}?mode=ro&immutable={int(at_rest)}&uri=true"
    return sa.create_engine(f"sqlite:///file:{address}")


def _current_run(engine: sa.Engine, where: Path | str) -> Json | None:
    """Return the record of the current run, None before the first."""
    try:
        with closing(Store(engine)) as store:
            run_id = store.current_run()
            return store.run(run_id) if run_id else None
    except sa.exc.DatabaseError as error:
        raise StoreError(
            f"The store {where} cannot be read: {str(error.orig).splitlines()[0]}.",
            hint="Set kpi_home to a folder that this version of saaskpi has filled.",
        ) from error


def _patched(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Read a table with what was computed anew since the run laid over it."""
    overlay = Patches(path.parent).overlay(path.stem)
    read = [*columns, overlay.key] if overlay.ids and overlay.key not in columns else columns
    for batch in _batches(path, read):
        yield overlay.over(batch)
    if overlay.rows is not None:
        yield from overlay.rows.to_batches(BATCH_ROWS)


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        if missing := set(columns) - set(file.schema_arrow.names):
            raise _unusable(path, f"lacks the column {min(missing)}")
        # One reader over all groups would keep the bytes of those that it has passed.
        for group in range(file.num_row_groups):
            yield from file.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns)


def _values(name: str, column: pa.Array[Any], *, is_key: bool) -> list[Any]:
    """Return a column as the JSON schema has it."""
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column, format=_INSTANT)
    elif pa.types.is_date(column.type):
        column = column.cast(pa.string())
    values = column.to_pylist()
    if name in JSON_COLUMNS:
        return [json.loads(value) if value else None for value in values]
    return ["" if value is None else value for value in values] if is_key else values


def _unusable(path: Path, what: str) -> StoreError:
    return StoreError(f"The table {path} {what}.", hint="Run `saaskpi enrich` to build it again.")

"""Writes one stream of a pull: rows to columns to Parquet row groups, misfits to a file of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.columns import Column, MisfitError, arrow_schema, misfit, to_array, to_json
from warehouse.files import sync_file

MAX_ROWS = 200
"""Rows of a stream that are kept as objects until they become columns. Some twenty streams are read at a
time: with 10,000 a pull of 1,000 customers took 612 MB, and a server stayed larger after it."""
GROUP_ROWS = 2_000
"""Rows of a row group: readers are slower with many small ones."""
MAX_BYTES = 64 * 1024 * 1024
"""Of a stream, as objects and as columns each, whatever the number of rows."""

_REJECTED_FIELDS: dict[str, pa.DataType] = {
    "stream": pa.string(),
    "id": pa.string(),
    "reason": pa.string(),
    "_raw": pa.string(),
    "_seq": pa.int64(),
}
REJECTED_SCHEMA = pa.schema(_REJECTED_FIELDS)
READ_AT = pa.field("_read_at", pa.timestamp("us"))
"""Of rows that were read anew: when that reading began (UTC, without zone)."""


class PartFiles:
    """Numbered Parquet files in a directory, each of one schema.

    Args:
        directory: is created when missing.
        name: what the names of the files begin with.
    """

    def __init__(self, directory: Path, name: str = "part") -> None:
        self._directory = directory
        self._name = name
        self._paths: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._group: list[pa.RecordBatch] = []
        directory.mkdir(parents=True, exist_ok=True)

    def start(self, schema: pa.Schema) -> None:
        """End the file under way, if any, and begin the next one."""
        self._end()
        path = self._directory / f"{self._name}-{len(self._paths):05d}.parquet"
        self._paths.append(path)
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append to the file under way, in row groups of enough rows."""
        if self._writer is None:
            raise ValueError("start() comes before write()")
        self._group.append(batch)
        rows, size = sum(map(len, self._group)), sum(one.nbytes for one in self._group)
        if rows >= GROUP_ROWS or size >= MAX_BYTES:
            self._write_group(self._writer)

    def close(self) -> None:
        """End the last file and put the files on disk; whoever renames the directory puts that there."""
        self._end()
        for path in self._paths:
            sync_file(path)

    def discard(self) -> None:
        """End the file under way without caring for what it holds, even on a full disk."""
        self._group.clear()
        with contextlib.suppress(OSError):
            self._end()

    def _end(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                self._write_group(writer)
            finally:
                writer.close()

    def _write_group(self, writer: pq.ParquetWriter) -> None:
        group, self._group = self._group, []
        if group:
            writer.write_table(pa.Table.from_batches(group))


class StreamFile:
    """One stream of a pull; not for several threads at once.

    Args:
        stream: name of the stream.
        directory: where its files go; is created.
        rejected_directory: where rows that do not fit go; is created with the first such row.
        read_at: written beside each row (UTC), for rows of a delta; those of a full read share one moment.
        name: what the names of the files begin with.

    Attributes:
        taken: rows handed over so far.
        rows: rows turned into columns so far; exact after :meth:`close`.
        rejected: rows that did not fit, so far.
    """

    def __init__(
        self,
        stream: str,
        directory: Path,
        rejected_directory: Path,
        *,
        read_at: datetime | None = None,
        name: str = "part",
    ) -> None:
        self.taken = 0
        self.rows = 0
        self.rejected = 0
        self._stream = stream
        self._read_at = None if read_at is None else pa.scalar(read_at.replace(tzinfo=None), READ_AT.type)
        self._parts = PartFiles(directory, name)
        self._rejected_directory = rejected_directory
        self._name = name
        self._misfits: PartFiles | None = None
        self._columns: tuple[Column, ...] | None = None
        self._buffer: list[tuple[Mapping[str, Any], bytes, int]] = []
        self._bytes = 0

    def describe(self, columns: tuple[Column, ...]) -> None:
        """Set the columns; rows that follow other columns than before go to a further file."""
        if columns != self._columns:
            self._flush()
            self._columns = columns
            schema = arrow_schema(columns)
            self._parts.start(schema if self._read_at is None else schema.append(READ_AT))

    def add(self, record: Mapping[str, Any], seq: int) -> None:
        """Take one row in; the caller must not change ``record`` afterwards."""
        self.taken += 1
        raw = to_json(record)
        self._buffer.append((record, raw, seq))
        self._bytes += len(raw)
        if len(self._buffer) >= MAX_ROWS or self._bytes >= MAX_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is buffered and put everything on disk."""
        self._flush()
        self._parts.close()
        if self._misfits is not None:
            self._misfits.close()

    def discard(self) -> None:
        """Drop what is buffered and let go of the files."""
        self._buffer.clear()
        self._parts.discard()
        if self._misfits is not None:
            self._misfits.discard()

    def _flush(self) -> None:
        if not self._buffer or self._columns is None:
            return
        rows, self._buffer, self._bytes = self._buffer, [], 0
        try:
            batch = _to_batch(self._columns, rows)
        except MisfitError:
            rows = self._keep_aside(self._columns, rows)
            batch = _to_batch(self._columns, rows)
        if rows:
            if self._read_at is not None:
                batch = batch.append_column(READ_AT, pa.repeat(self._read_at, len(batch)))
            self._parts.write(batch)
        self.rows += len(rows)

    def _keep_aside(self, columns: tuple[Column, ...], rows: Sequence[_Row]) -> list[_Row]:
        """Write the rows that do not fit with their reasons and return the others."""
        reasons = [misfit(columns, record) for record, _, _ in rows]
        bad = [(row, reason) for row, reason in zip(rows, reasons, strict=True) if reason is not None]
        if self._misfits is None:
            self._misfits = PartFiles(self._rejected_directory, self._name)
            self._misfits.start(REJECTED_SCHEMA)
        keys = [column.name for column in columns if column.key]
        self._misfits.write(_misfit_batch(self._stream, keys, bad))
        self.rejected += len(bad)
        return [row for row, reason in zip(rows, reasons, strict=True) if reason is None]


_Row = tuple[Mapping[str, Any], bytes, int]


def _to_batch(columns: Sequence[Column], rows: Sequence[_Row]) -> pa.RecordBatch:
    records = [record for record, _, _ in rows]
    arrays = [to_array(column, [record.get(column.name) for record in records]) for column in columns]
    arrays.append(pa.array([raw for _, raw, _ in rows], pa.string()))
    arrays.append(pa.array([seq for _, _, seq in rows], pa.int64()))
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(columns))


def _misfit_batch(stream: str, keys: Sequence[str], bad: Sequence[tuple[_Row, str]]) -> pa.RecordBatch:
    ids = [":".join(str(record.get(key)) for key in keys) for (record, _, _), _ in bad]
    safe = [name.encode("ascii", "backslashreplace") for name in ids]
    arrays: list[pa.Array[Any]] = [
        pa.array([stream] * len(bad), pa.string()),
        pa.array(safe, pa.string()),
        pa.array([reason for _, reason in bad], pa.string()),
        pa.array([raw for (_, raw, _), _ in bad], pa.string()),
        pa.array([seq for (_, _, seq), _ in bad], pa.int64()),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=REJECTED_SCHEMA)

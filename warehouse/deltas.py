"""Where deltas of the landing lie, and which rows they declare void."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.files import sync_directory, sync_file
from warehouse.manifest import Manifest
from warehouse.parquet import read_small

DELTAS = "_deltas"
REJECTED = "_rejected"
JOINED = "+"
"""Joins several columns, and their values, into one."""
KEPT_SECONDS = 1800.0
"""How long a directory that no longer counts stays, for those who read it."""
_GONE = "_gone.parquet"
_NUMBER = "[0-9]" * 5
_FIELDS: dict[str, pa.DataType] = {
    "stream": pa.string(),
    "column": pa.string(),
    "value": pa.string(),
    "_seq": pa.int64(),
}
GONE_SCHEMA = pa.schema(_FIELDS)


class Gone(NamedTuple):
    """Rows that are void: those of ``stream`` whose ``column`` has ``value``, read before the delta began.

    Attributes:
        stream: of the rows.
        column: of text, the key or constant for a key; several joined by "+".
        value: the value, or the values joined by "+".
    """

    stream: str
    column: str
    value: str


class Void(NamedTuple):
    """One rule for a stream: rows with a lower ``seq`` whose ``column`` has ``value`` do not count."""

    column: str
    value: str
    seq: int


def delta_name(number: int) -> str:
    """Return the name of a delta's directory."""
    return f"delta-{number:010d}"


def delta_parts(directory: Path, stream: str) -> list[Path]:
    """Return the files of a stream in a delta's directory."""
    return sorted(directory.glob(f"{stream}-{_NUMBER}.parquet"))


def write_gone(directory: Path, gone: Sequence[tuple[str, str, str, int]]) -> None:
    """Write what is void into a delta's directory and put it on disk."""
    rows = [dict(zip(_FIELDS, one, strict=True)) for one in gone]
    pq.write_table(pa.Table.from_pylist(rows, GONE_SCHEMA), directory / _GONE)
    sync_file(directory / _GONE)


def read_gone(directory: Path) -> list[tuple[str, str, str, int]]:
    """Return what a delta declares void: stream, column, value, the seq that rows must reach to stay."""
    table = read_small(directory / _GONE)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def put_in_place(incoming: Path, place: Path) -> None:
    """Rename a directory whose files are on disk to where it stays, and put that on disk.

    Nobody reads it before the manifest names it, so what a killed process left there is of no use.
    """
    sync_directory(incoming)
    shutil.rmtree(place, ignore_errors=True)
    incoming.rename(place)
    sync_directory(place.parent)


def retire(manifest: Manifest, stream: str, *, rejected: bool = True) -> None:
    """Note that the full read of a stream stops to count, and the rows kept aside with it."""
    entry = manifest.streams.get(stream)
    if entry is not None:
        _note(manifest, (f"{stream}/{name}" for name in entry.directories))
        if rejected:
            _note(manifest, (f"{REJECTED}/{stream}/{name}" for name in entry.rejected))


def retire_covered(manifest: Manifest) -> None:
    """Forget the deltas that full reads have overtaken."""
    retire_deltas(manifest, [delta.directory for delta in manifest.drop_covered()])


def retire_deltas(manifest: Manifest, directories: Iterable[str]) -> None:
    """Note that deltas stop to count."""
    _note(manifest, (f"{DELTAS}/{name}" for name in directories))


def _note(manifest: Manifest, paths: Iterable[str]) -> None:
    # The clock of the machine, not of the numbers: it is about processes that still read.
    manifest.former.update(dict.fromkeys(paths, time.time()))


def without_void(table: pa.Table, gone: Sequence[Void]) -> pa.Table:
    """Return a table of a stream without the rows that a later delta declared void."""
    if not gone:
        return table
    seqs: list[Any] = table["_seq"].to_pylist()
    kept = [True] * len(seqs)
    rules: dict[str, dict[str, int]] = {}
    for rule in gone:
        rules.setdefault(rule.column, {})[rule.value] = rule.seq
    for column, limits in rules.items():
        parts = [table[name].to_pylist() for name in column.split(JOINED)]
        for number, values in enumerate(zip(*parts, strict=True)):
            if seqs[number] < limits.get(JOINED.join(map(str, values)), 0):
                kept[number] = False
    return table.filter(pa.array(kept, pa.bool_()))

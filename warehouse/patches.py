"""Patches of a run's tables: the rows of a few accounts, computed anew after the run, in place of its own.

One zip file per patch, ``patches/000001.zip`` in the run's directory, with a Parquet file per table and
``patch.json``: which ids of which column it replaces, and by which column each table is replaced. A patch
becomes visible in one rename, and readers lay all of them over the run's tables, the oldest first. When there
are many they are folded into one, which takes the place of the newest.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.files import make_directory, replace_file, writing
from warehouse.parquet import read_small

FOLDER: Final = "patches"
MOST: Final = 20
"""There are never more patches."""
MANY: Final = 10
"""So many are worth folding into one when nobody waits."""
_HEAD: Final = "patch.json"
_Stamp: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Patch:
    """Rows in place of others.

    Attributes:
        tables: name to Parquet content.
        keys: name of each table to its column that says what is replaced, for instance ``account_id``.
        ids: such a column to the ids whose rows the patch replaces, be they in it or not.
    """

    tables: Mapping[str, bytes]
    keys: Mapping[str, str]
    ids: Mapping[str, Collection[str]]

    def rows(self, table: str) -> pa.Table:
        """Return the rows of a table."""
        return read_small(io.BytesIO(self.tables[table]))

    def to_bytes(self) -> bytes:
        """Return it as the content of a file."""
        content = io.BytesIO()
        ids = {name: sorted(values) for name, values in self.ids.items()}
        with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_HEAD, json.dumps({"keys": dict(self.keys), "ids": ids}))
            for name, table in self.tables.items():
                archive.writestr(f"{name}.parquet", table)
        return content.getvalue()


@dataclass(frozen=True)
class Overlay:
    """What the patches of a run say of one table.

    Attributes:
        key: the column by which rows are replaced; empty when no patch has the table.
        ids: whose rows do not stand as the run left them.
        rows: what stands in their place; None when no patch has the table.
    """

    key: str = ""
    ids: frozenset[str] = frozenset()
    rows: pa.Table | None = None

    def under(self, ids: Collection[str], rows: pa.Table, key: str) -> Overlay:
        """Return this with one more patch laid over it."""
        if self.rows is not None:
            kept = _without(self.rows, key, ids)
            rows = pa.concat_tables([kept, rows], promote_options="permissive").combine_chunks()
        return Overlay(key, self.ids.union(ids), rows)

    def covers(self, where: Mapping[str, Collection[str]] | None) -> bool:
        """Say whether all rows that a choice by the key can find stand here: the run's own need no look."""
        return bool(where) and all(
            key == self.key and self.ids.issuperset(ids) for key, ids in (where or {}).items()
        )

    def over(self, table: Any) -> Any:
        """Return an Arrow table, or a batch of one, without the rows that are replaced."""
        return _without(table, self.key, self.ids) if self.ids else table

    def whole(self, table: pa.Table) -> pa.Table:
        """Return a run's table with all patches laid over it."""
        if self.rows is None:
            return table
        return pa.concat_tables([self.over(table), self.rows], promote_options="permissive")


class Patches:
    """The patches of one run; keeps in memory what it has read of them.

    Args:
        directory: of the run.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._folder = directory / FOLDER
        self._opened: dict[Path, _Opened] = {}
        self._laid: dict[str, tuple[list[_Stamp], Overlay]] = {}

    def last(self) -> int:
        """Return the number of the newest patch, 0 when there is none."""
        return max((int(path.stem) for path in self._files()), default=0)

    def add(self, patch: Patch) -> None:
        """Lay a patch over the run and all patches before it; it is there whole or not at all.

        Raises:
            StoreError: the disk refuses.
        """
        self.fold(MOST)
        self._write(self.last() + 1, patch)

    def fold(self, many: int = MANY) -> None:
        """Put one patch in the place of many, if there are so many: it says the same.

        Raises:
            StoreError: the disk refuses.
        """
        files = self._files()
        if len(files) >= many:
            self._fold(files)

    def ids_since(self, number: int, key: str) -> set[str]:
        """Return the ids of a column whose rows patches after one replace, or may, if some were folded."""
        while True:
            try:
                later = [patch for patch in self._read() if patch.number > number]
            except FileNotFoundError:
                continue  # they were just folded
            return {one for patch in later for one in patch.ids.get(key, ())}

    def overlay(self, table: str, where: pc.Expression | None = None) -> Overlay:
        """Return what the patches say of a table; with a filter, only those of their rows that pass it."""
        while True:
            try:
                return self._overlay(table, where)
            except FileNotFoundError:
                continue  # they were just folded

    def _overlay(self, table: str, where: pc.Expression | None = None) -> Overlay:
        patches = self._read()
        stamps = [patch.stamp for patch in patches]
        laid, found = self._laid.get(table, ([], Overlay()))
        if laid != stamps[: len(laid)]:
            laid, found = [], Overlay()
        for patch in patches[len(laid) :]:
            if table in patch.keys:
                key = patch.keys[table]
                found = found.under(patch.ids[key], patch.rows(table), key)
        self._laid[table] = stamps, found
        if where is not None and found.rows is not None:
            found = replace(found, rows=found.rows.filter(where))
        return found

    def _read(self) -> list[_Opened]:
        """Return the patches as their files are now, the oldest first."""
        files = [(path, _stamp(path)) for path in self._files()]
        known = self._opened
        opened = {
            path: known[path] if path in known and known[path].stamp == stamp else _Opened(path, stamp)
            for path, stamp in files
        }
        self._opened = opened  # in one piece: several threads may read
        return list(opened.values())

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.zip"))

    def _fold(self, files: list[Path]) -> None:
        keys: dict[str, str] = {}
        ids: dict[str, set[str]] = {}
        for head in map(_head, files):
            keys |= head["keys"]
            for name, values in head["ids"].items():
                ids.setdefault(name, set()).update(values)
        laid = {name: self._overlay(name).rows for name in keys}
        tables = {name: table_bytes(rows) for name, rows in laid.items() if rows is not None}
        *older, newest = files
        self._write(int(newest.stem), Patch(tables, keys, ids))
        for path in older:
            path.unlink(missing_ok=True)

    def _write(self, number: int, patch: Patch) -> None:
        make_directory(self._folder)
        with writing(self._folder):
            replace_file(self._folder / f"{number:06d}.zip", patch.to_bytes())


class _Opened:
    """A patch as its file was when its head was read; its rows are read when they are asked for.

    Attributes:
        number: of the patch.
        stamp: tells the file from what may come in its place.
        keys, ids: as of :class:`Patch`.
    """

    def __init__(self, path: Path, stamp: _Stamp) -> None:
        self.number = int(path.stem)
        self.stamp = stamp
        head = _head(path)
        self.keys: dict[str, str] = head["keys"]
        self.ids = {name: set(values) for name, values in head["ids"].items()}
        self._path = path

    def rows(self, table: str) -> pa.Table:
        """Return the rows of a table."""
        with zipfile.ZipFile(self._path) as archive:
            return read_small(io.BytesIO(archive.read(f"{table}.parquet")))


def _stamp(path: Path) -> _Stamp:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_patch(path: Path) -> Patch:
    """Return a patch from its file."""
    with zipfile.ZipFile(path) as archive:
        head = json.loads(archive.read(_HEAD))
        tables = {name: archive.read(f"{name}.parquet") for name in head["keys"]}
    return Patch(tables, head["keys"], head["ids"])


def table_bytes(table: pa.Table) -> bytes:
    """Return a table as the content of a Parquet file."""
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def _head(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        head: dict[str, Any] = json.loads(archive.read(_HEAD))
        return head


def _without(table: Any, key: str, ids: Collection[str]) -> Any:
    """Return the rows of an Arrow table, or of a batch, whose key is none of some ids."""
    if not ids:
        return table
    listed = pc.is_in(table.column(key), value_set=pa.array(sorted(ids), table.column(key).type))
    return table.filter(pc.invert(listed))

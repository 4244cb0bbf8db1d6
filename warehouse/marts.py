"""The tables of each run: one directory of Parquet files per run, and a pointer that says which is current.

A run writes a new directory and the store's pointer flips to it in the same transaction that ends the run,
so a killed run leaves the former tables in place and readers never see half a run. Accounts that are computed
anew after it are laid over its tables as patches (see :mod:`warehouse.patches`); tables that tell of the
whole portfolio stay as the run left them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from saaskpi.errors import StoreError
from warehouse.files import make_directory
from warehouse.patches import Patch, Patches

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Marts:
    """Directories of finished tables.

    Args:
        root: folder that holds one directory per run.
        current: tells the id of the current run, None before the first; usually ``store.current_run``.
    """

    def __init__(self, root: Path, current: Callable[[], str | None]) -> None:
        self._root = root
        self._current = current
        self._patches = Patches(root)

    def new_directory(self, run_id: str) -> Path:
        """Return an empty directory for a run's tables; leftovers of the same run are removed.

        Raises:
            StoreError: it cannot be written.
        """
        directory = self.directory(run_id)
        shutil.rmtree(directory, ignore_errors=True)
        return make_directory(directory)

    def directory(self, run_id: str) -> Path:
        """Return where a run's tables are, whether they are there or not."""
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(f"not a run id: {run_id!r}")
        return self._root / run_id

    def tables(self, run_id: str | None = None) -> list[str]:
        """Return the names of a run's tables (of the current run by default), sorted."""
        return sorted(path.stem for path in self._run_directory(run_id).glob("*.parquet"))

    def read(
        self, table: str, run_id: str | None = None, *, where: Mapping[str, Collection[str]] | None = None
    ) -> pd.DataFrame:
        """Return one table of a run (of the current run by default), its patches laid over it.

        Integer columns with nulls come as ``Int64``, lists as Python lists.

        Args:
            table: its name.
            run_id: the run; None for the current one.
            where: only the rows of which any of these columns has one of its values.

        Raises:
            StoreError: there is no run yet, or the table is missing or damaged.
        """
        return to_frame(self.arrow(table, run_id, where=where))

    def arrow(
        self, table: str, run_id: str | None = None, *, where: Mapping[str, Collection[str]] | None = None
    ) -> pa.Table:
        """Return the same as an Arrow table."""
        directory = self._run_directory(run_id)
        path = directory / f"{table}.parquet"
        try:
            overlay = self._patches_of(directory).overlay(table, any_of(where))
            if overlay.rows is not None and overlay.covers(where):
                return overlay.rows
            return overlay.whole(pq.read_table(path, filters=any_of(where)))
        except FileNotFoundError as error:
            raise StoreError(
                f"The table '{table}' of this run is missing.", hint="Run `saaskpi enrich` to build it again."
            ) from error
        except (OSError, pa.ArrowInvalid, BadZipFile) as error:
            raise StoreError(
                f"The table {path} cannot be read.", hint="Run `saaskpi enrich` to build it again."
            ) from error

    def last_patch(self, run_id: str) -> int:
        """Return the number of the newest patch over a run's tables, 0 when there is none."""
        return self._patches_of(self.directory(run_id)).last()

    def patched_since(self, run_id: str, number: int) -> set[str]:
        """Return the accounts that were computed anew after a patch of a run."""
        return self._patches_of(self.directory(run_id)).ids_since(number, "account_id")

    def version(self) -> str:
        """Return what names the tables of the current run as they stand now, patches included.

        Raises:
            StoreError: there is no run yet.
        """
        directory = self._run_directory(None)
        number = self._patches_of(directory).last()
        return f"{directory.name}+{number}" if number else directory.name

    def patch(self, patch: Patch) -> None:
        """Lay the rows of a few accounts over the current run; for one process at a time.

        Raises:
            StoreError: there is no run yet, or the disk refuses.
        """
        self._patches_of(self._run_directory(None)).add(patch)

    def fold(self) -> None:
        """Make one patch of many, if there are many; for one process at a time, when nobody waits.

        Raises:
            StoreError: there is no run yet, or the disk refuses.
        """
        self._patches_of(self._run_directory(None)).fold()

    def sweep(self, keep: int = 2) -> None:
        """Remove all but the last ``keep`` runs; the current one always stays.

        Run ids must sort by age (the pipeline's begin with the UTC time).
        """
        if not self._root.is_dir():
            return
        runs = sorted(path for path in self._root.iterdir() if path.is_dir())
        for old in runs[: -keep or None]:
            if old.name != self._current():
                shutil.rmtree(old, ignore_errors=True)

    def _patches_of(self, directory: Path) -> Patches:
        """Return the patches of a run; those of the run asked for last stay in memory."""
        if self._patches.directory != directory:
            self._patches = Patches(directory)
        return self._patches

    def _run_directory(self, run_id: str | None) -> Path:
        chosen = run_id or self._current()
        if chosen is None:
            raise StoreError("There is no finished run yet.", hint="Run `saaskpi run` first.")
        return self.directory(chosen)


def any_of(where: Mapping[str, Collection[str]] | None) -> pc.Expression | None:
    """Return the condition that any of some columns has one of its values; None for None."""
    found = [
        pc.field(column).isin(pa.array(sorted(values), pa.string()))
        for column, values in (where or {}).items()
    ]
    return reduce(or_, found) if found else None


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame, integers with nulls as ``Int64`` and lists as Python lists."""
    frame = table.to_pandas()
    for field in table.schema:
        column = table.column(field.name)
        if pa.types.is_integer(field.type) and column.null_count:
            frame[field.name] = pd.array(column.to_pylist(), dtype="Int64")
        elif pa.types.is_list(field.type):
            frame[field.name] = pd.Series(column.to_pylist(), index=frame.index, dtype=object)
    return frame

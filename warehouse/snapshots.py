"""Tables kept by day: what a score was made of on any day that has been described.

One directory per day below the root, each with the Parquet files of the last run that described that day.
They are hard links to the run's own files, so that keeping costs no time, and the run may be swept.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from saaskpi.errors import StoreError
from warehouse.files import make_directory, sync_directory, writing
from warehouse.marts import to_frame

DAILY_FOR = timedelta(days=92)
"""Older than this, only the last day of each month stays."""


class Snapshots:
    """The days that were kept.

    Args:
        root: folder that holds one directory per day, named ``2026-10-31``.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, day: date, files: Iterable[Path]) -> None:
        """Keep a run's tables as those of a day; replaces what was kept of it before.

        Args:
            day: UTC day that the tables describe.
            files: finished Parquet files, on the same file system or not.

        Raises:
            StoreError: they cannot be kept.
        """
        kept = self._root / day.isoformat()
        incoming, former = (self._root / f".{day.isoformat()}.{name}" for name in ("incoming", "former"))
        make_directory(self._root)
        with writing(self._root):
            self._tidy()
        make_directory(incoming)
        with writing(self._root):
            for file in files:
                _link(file, incoming / file.name)
            if kept.exists():
                kept.replace(former)
            incoming.replace(kept)
            sync_directory(self._root)
        shutil.rmtree(former, ignore_errors=True)

    def days(self) -> list[date]:
        """Return the days that are kept, oldest first."""
        if not self._root.is_dir():
            return []
        return sorted(day for path in self._root.iterdir() if (day := _day(path.name)))

    def _tidy(self) -> None:
        """Clear away what a process left that was killed while it kept a day; bring the day itself back."""
        for leftover in list(self._root.glob(".*")):
            name, _, state = leftover.name[1:].partition(".")
            if state == "former" and not (self._root / name).exists():
                leftover.replace(self._root / name)
            elif state in ("former", "incoming"):
                shutil.rmtree(leftover, ignore_errors=True)

    def read(
        self, table: str, account_id: str, columns: Sequence[str], limit: int | None = None
    ) -> pd.DataFrame:
        """Return the rows of one account with a first column ``day``, oldest first.

        Days that lack the table or one of its columns (kept by another version) are left out.

        Args:
            table: its name.
            account_id: whose rows.
            columns: those to read.
            limit: only so many of the newest days; None for all.

        Raises:
            StoreError: a file is damaged.
        """
        found = []
        for day in self.days()[-limit if limit else None :]:
            path = self._root / day.isoformat() / f"{table}.parquet"
            if path.is_file() and (rows := _rows(path, account_id, columns)) is not None:
                found.append(rows.assign(day=day))
        names = ["day", *columns]
        return pd.concat(found, ignore_index=True)[names] if found else pd.DataFrame(columns=names)

    def sweep(self, today: date) -> None:
        """Remove the days older than ``DAILY_FOR`` that are not the last kept one of their month."""
        days = self.days()
        for day, after in pairwise(days):
            is_last_of_month = (day.year, day.month) != (after.year, after.month)
            if today - day > DAILY_FOR and not is_last_of_month:
                shutil.rmtree(self._root / day.isoformat(), ignore_errors=True)


def _day(name: str) -> date | None:
    """Return the day that a directory is of; None for anything else that lies there."""
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)


def _rows(path: Path, account_id: str, columns: Sequence[str]) -> pd.DataFrame | None:
    try:
        if not set(columns) <= set(pq.read_schema(path).names):
            return None
        return to_frame(
            pq.read_table(path, columns=list(columns), filters=pc.field("account_id") == account_id)
        )
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(
            f"The snapshot {path} cannot be read.", hint=f"Remove the folder {path.parent}; other days stay."
        ) from error

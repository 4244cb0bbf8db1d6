"""Whole copies of an SQLite store: checked, kept beside it, the oldest thrown away."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from saaskpi.errors import StoreError
from warehouse.files import make_directory, sync_directory, sync_file, writing

KEPT: Final = 7
"""How many backups are kept."""


def back_up(engine: sa.Engine, folder: Path, now: datetime, keep: int = KEPT) -> Path:
    """Copy a store, check the copy, and throw away all but the newest copies.

    Nobody has to stop working meanwhile; the copy is the store as it was at one moment.

    Args:
        engine: of an SQLite store.
        folder: gets ``saaskpi-20261031T040000Z.db``.
        now: the time of the copy.
        keep: how many there may be, this one included.

    Raises:
        StoreError: the copy cannot be written, or is damaged; the earlier ones stay.
    """
    copy = make_directory(folder) / f"saaskpi-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.db"
    incoming = copy.with_suffix(".incoming")
    copy_store(engine, incoming)
    with writing(folder):
        sync_file(incoming)
        incoming.replace(copy)
        sync_directory(folder)
        for old in backups(folder)[:-keep]:
            old.unlink()
    return copy


def backups(folder: Path) -> list[Path]:
    """Return the backups of a folder, oldest first."""
    return sorted(folder.glob("saaskpi-*.db"))


def copy_store(engine: sa.Engine, copy: Path) -> None:
    """Write a whole copy of an SQLite store and read it from end to end.

    Raises:
        StoreError: the copy cannot be written, or is damaged.
    """
    with writing(copy.parent):
        copy.unlink(missing_ok=True)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")  # VACUUM does not run inside a transaction
        connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
        connection.exec_driver_sql("BEGIN")
    try:
        with closing(sqlite3.connect(copy)) as written:
            answer = written.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        answer = str(error)
    if answer != "ok":
        copy.unlink(missing_ok=True)
        raise StoreError(f"The copy {copy} of the store is damaged ({answer}).", hint="Look after the disk.")

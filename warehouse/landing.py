"""The raw landing: append-only Parquet per stream, with one commit point per pull.

Layout below the root::

    pull.json                                    which directories count: the commit point
    <stream>/full-<pull>/part-00000.parquet      one full read: typed columns, _raw, _seq
    _rejected/<stream>/full-<pull>/...           rows that did not fit their schema, with the reason
    .incoming/                                   the pull under way
    .lock                                        held by the pull under way

A pull writes below ``.incoming``, puts every file on disk, renames each stream's directory into place and
then replaces ``pull.json`` in one rename. Readers follow ``pull.json`` alone, so they see all streams of a
pull or none: customers of one pull never meet subscriptions of another. A pull that is killed, even between
two renames, leaves the former state; its leftovers are swept when the next one begins. Readers need no lock;
the full read before the current one stays, for those still reading it.

A record delivered twice in one pull lands twice: staging keeps the row with the highest ``_seq`` per key.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from saaskpi.errors import StoreError
from warehouse.files import FileLock, make_directory, writing
from warehouse.landing_writer import INCOMING, REJECTED, LandingWriter, directory_name
from warehouse.manifest import MANIFEST, Manifest, StreamEntry, read_manifest
from warehouse.stream_file import REJECTED_SCHEMA

KEPT_FULLS = 2


class Landing:
    """The raw landing below one folder.

    Args:
        root: the folder; is created by the first pull.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def begin(self, now: datetime) -> LandingWriter:
        """Begin a pull; hand what is returned to the tap as ``message_writer``.

        It is a context manager: left without an error the pull becomes visible, with one it is dropped.

        Args:
            now: when the pull begins (UTC, aware); becomes ``pulled_at`` of its streams.

        Raises:
            StoreError: another pull is under way, or the folder cannot be written.
        """
        if now.tzinfo is None:
            raise ValueError("now must be aware (UTC)")
        make_directory(self._root)
        lock = FileLock(self._root / ".lock")
        if not lock.acquire(wait=False):
            raise StoreError(
                f"Another pull into {self._root} is under way.", hint="Wait until it ends, then try again."
            )
        try:
            manifest = self._manifest()
            with writing(self._root):
                self._sweep(manifest)
            return LandingWriter(self._root, manifest, now.astimezone(UTC), lock)
        except BaseException:
            lock.release()
            raise

    def streams(self) -> list[str]:
        """Return the names of the streams that the last whole pull read, sorted.

        One that only an earlier pull read (a permission was taken away since) is not among them: what it
        holds would look like a source that has gone silent.
        """
        entries = self._manifest().streams
        newest = max((entry.pulled_at for entry in entries.values()), default=None)
        return sorted(name for name, entry in entries.items() if entry.pulled_at == newest)

    def files(self, stream: str) -> list[Path]:
        """Return the Parquet files that hold a stream as of its last pull; empty when it was never read.

        Raises:
            StoreError: files that should be there are gone.
        """
        entry = self._manifest().streams.get(stream)
        return [] if entry is None else self._parts(self._root / stream, entry.directories)

    def rows(self, stream: str) -> int:
        """Return how many rows a stream has as of its last pull, 0 when it was never read."""
        entry = self._manifest().streams.get(stream)
        return 0 if entry is None else entry.rows

    def pulled_at(self, stream: str) -> datetime:
        """Return when the pull that read a stream began (UTC).

        Raises:
            StoreError: it was never read.
        """
        return self._entry(stream).pulled_at

    def pull(self) -> int:
        """Return the number of the last whole pull, 0 before the first; it names what readers see."""
        return self._manifest().pull

    def state(self) -> dict[str, Any]:
        """Return the Singer state of the last whole pull: saved with its rows, so never ahead of them."""
        return self._manifest().state

    def rejected(self) -> pd.DataFrame:
        """Return the rows kept aside: stream, id, reason, _raw, _seq; empty when all fitted."""
        files = [
            part
            for stream, entry in self._manifest().streams.items()
            for part in self._parts(self._root / REJECTED / stream, entry.rejected)
        ]
        tables = [pq.read_table(file, partitioning=None) for file in files]
        whole = pa.concat_tables(tables) if tables else REJECTED_SCHEMA.empty_table()
        frame: pd.DataFrame = whole.to_pandas()
        return frame

    def _manifest(self) -> Manifest:
        return read_manifest(self._root / MANIFEST)

    def _entry(self, stream: str) -> StreamEntry:
        entry = self._manifest().streams.get(stream)
        if entry is None:
            raise StoreError(f"'{stream}' has not been read yet.", hint="Run `saaskpi pull` first.")
        return entry

    def _parts(self, stream_root: Path, directories: list[str]) -> list[Path]:
        parts = [part for name in directories for part in sorted((stream_root / name).glob("*.parquet"))]
        if directories and not parts:
            raise StoreError(
                f"The files of {stream_root} are gone.", hint="Run `saaskpi pull --full` to read them again."
            )
        return parts

    def _sweep(self, manifest: Manifest) -> None:
        """Remove what a killed pull left and the full reads that nobody needs any more."""
        shutil.rmtree(self._root / INCOMING, ignore_errors=True)
        newest = directory_name(manifest.pull)
        for stream_root in [*self._root.glob("[!._]*/"), *self._root.glob(f"{REJECTED}/*/")]:
            fulls = sorted(path for path in stream_root.glob("full-*/"))
            orphans = [path for path in fulls if path.name > newest]
            whole = [path for path in fulls if path.name <= newest]
            for path in [*orphans, *whole[:-KEPT_FULLS]]:
                shutil.rmtree(path)

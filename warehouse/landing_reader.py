"""What readers of the raw landing see: the files that count, and which rows in them do not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from saaskpi.errors import StoreError
from warehouse.deltas import DELTAS, REJECTED, Void, delta_parts, read_gone
from warehouse.manifest import Delta, Manifest, StreamEntry
from warehouse.stream_file import REJECTED_SCHEMA


class LandingReader:
    """Reads a landing as of one manifest, or as of whatever is newest at each call.

    Args:
        root: folder of the landing.
        manifest: gives the manifest to follow.
    """

    def __init__(self, root: Path, manifest: Callable[[], Manifest]) -> None:
        self._root = root
        self.manifest = manifest
        self._gone_read: dict[str, list[tuple[str, str, str, int]]] = {}

    def view(self) -> LandingReader:
        """Return what readers see now, and go on seeing whatever lands meanwhile.

        Whoever needs files and void rows, or more than one stream, reads through one view.
        """
        manifest = self.manifest()
        view = LandingReader(self._root, lambda: manifest)
        view._gone_read = self._gone_read
        return view

    def streams(self) -> list[str]:
        """Return the names of the streams that the last whole pull read, sorted.

        One that only an earlier pull read (a permission was taken away since) is not among them: what it
        holds would look like a source that has gone silent.
        """
        entries = self.manifest().streams
        newest = max((entry.pulled_at for entry in entries.values()), default=None)
        return sorted(name for name, entry in entries.items() if entry.pulled_at == newest)

    def files(self, stream: str) -> list[Path]:
        """Return the Parquet files that hold a stream: its last full read and what was read anew since.

        Rows in them that :meth:`gone` names do not count. Empty when it was never read.

        Raises:
            StoreError: files that should be there are gone.
        """
        manifest = self.manifest()
        entry = manifest.streams.get(stream)
        full = [] if entry is None else self._parts(self._root / stream, entry.directories)
        for delta in manifest.deltas_of(stream):
            if delta.streams[stream]:
                parts = delta_parts(self._root / DELTAS / delta.directory, stream)
                full += self._there(parts, self._root / DELTAS / delta.directory)
        return full

    def gone(self, stream: str) -> list[Void]:
        """Return which rows in the files of a stream are void, each rule once.

        Raises:
            StoreError: files that should be there are gone.
        """
        rules: dict[tuple[str, str], int] = {}
        for delta in self.manifest().deltas_of(stream):
            for name, column, value, seq in self._gone_of(delta):
                if name == stream:
                    rules[column, value] = max(seq, rules.get((column, value), 0))
        return [Void(column, value, seq) for (column, value), seq in rules.items()]

    def rows(self, stream: str) -> int:
        """Return how many rows a stream has, 0 when it was never read; a record read anew counts again."""
        manifest = self.manifest()
        entry = manifest.streams.get(stream)
        again = sum(delta.streams[stream] for delta in manifest.deltas_of(stream))
        return again + (0 if entry is None else entry.rows)

    def pulled_at(self, stream: str) -> datetime:
        """Return when the full pull that read a stream began (UTC).

        Raises:
            StoreError: it was never read.
        """
        return self._entry(stream).pulled_at

    def pull(self) -> int:
        """Return a number that rises with all that lands, 0 before the first; it names what readers see."""
        return self.manifest().pull

    def erased(self) -> int:
        """Return a number that rises whenever somebody is taken out of the files, which keep their names."""
        return self.manifest().erased

    def state(self) -> dict[str, Any]:
        """Return the Singer state of the last whole pull: saved with its rows, so never ahead of them."""
        return self.manifest().state

    def rejected(self) -> pd.DataFrame:
        """Return the rows kept aside: stream, id, reason, _raw, _seq; empty when all fitted."""
        manifest = self.manifest()
        files = [
            part
            for stream, entry in manifest.streams.items()
            for part in self._parts(self._root / REJECTED / stream, entry.rejected)
        ]
        for delta in manifest.deltas:
            for stream in delta.rejected:
                files += delta_parts(self._root / DELTAS / delta.directory / REJECTED, stream)
        tables = [pq.read_table(file, partitioning=None) for file in files]
        whole = pa.concat_tables(tables) if tables else REJECTED_SCHEMA.empty_table()
        frame: pd.DataFrame = whole.to_pandas()
        return frame

    def _entry(self, stream: str) -> StreamEntry:
        entry = self.manifest().streams.get(stream)
        if entry is None:
            raise StoreError(f"'{stream}' has not been read yet.", hint="Run `saaskpi pull` first.")
        return entry

    def _parts(self, stream_root: Path, directories: list[str]) -> list[Path]:
        parts = [part for name in directories for part in sorted((stream_root / name).glob("*.parquet"))]
        return self._there(parts, stream_root) if directories else []

    def _there(self, parts: list[Path], directory: Path) -> list[Path]:
        if not parts:
            raise StoreError(
                f"The files of {directory} are gone.", hint="Run `saaskpi pull --full` to read them again."
            )
        return parts

    def _gone_of(self, delta: Delta) -> list[tuple[str, str, str, int]]:
        if not delta.voids:
            return []
        known = self._gone_read.get(delta.directory)
        if known is None:
            # The files of a delta never change, and those that count are few: folded ones are forgotten.
            for former in set(self._gone_read) - {one.directory for one in self.manifest().deltas}:
                self._gone_read.pop(former, None)
            known = read_gone(self._root / DELTAS / delta.directory)
            self._gone_read[delta.directory] = known
        return known

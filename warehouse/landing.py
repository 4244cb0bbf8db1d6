"""The raw landing: append-only Parquet per stream, with one commit point per pull.

Layout below the root::

    pull.json                                    which directories count: the commit point
    <stream>/full-<number>/part-00000.parquet    one full read: typed columns, _raw, _seq
    _deltas/delta-<number>/<stream>-00000.parquet  a few records read anew: the same, and _read_at
    _deltas/delta-<number>/_gone.parquet         which rows read before are void
    _rejected/<stream>/full-<number>/...         rows that did not fit their schema, with the reason
    .incoming/<number>/                          a pull, delta or compaction under way
    .lock                                        held by the full pull under way
    .commit                                      held for the moment of a commit

A pull writes below ``.incoming``, puts every file on disk, renames each stream's directory into place and
then replaces ``pull.json`` in one rename. Readers follow ``pull.json`` alone, so they see all streams of a
pull or none: customers of one pull never meet subscriptions of another. A pull that is killed, even between
two renames, leaves the former state; its leftovers are swept when the next one begins. Readers need no lock;
what stopped to count stays for half an hour, for those still reading it.

Numbers are given when a reading begins, and ``_seq`` rises with them: what began to be read later stands,
whichever lands first. So deltas may land while a full pull is under way: those that began after it stay
beside it. A record delivered twice lands twice: staging keeps the row with the highest ``_seq`` per key,
after rows that a delta declared void are left out.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from saaskpi.errors import StoreError
from warehouse.compaction import fold, merge
from warehouse.deltas import DELTAS, KEPT_SECONDS, REJECTED, Gone
from warehouse.files import FileLock, make_directory, writing
from warehouse.incoming import Claim, live
from warehouse.landing_reader import LandingReader
from warehouse.landing_writer import DeltaWriter, LandingWriter
from warehouse.manifest import MANIFEST, Manifest, changing, read_manifest

MOST_DELTAS = 64
"""With more of them whoever lands the next merges them into one."""


class Landing(LandingReader):
    """The raw landing below one folder.

    Args:
        root: the folder; is created by the first pull.
        clock: of the machine, Unix seconds: says how long ago a directory stopped to count.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(root, lambda: read_manifest(root / MANIFEST))
        self._clock = clock

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
            claim = Claim.take(self._root)
            self.sweep()
            return LandingWriter(self._root, claim, now.astimezone(UTC), lock)
        except BaseException:
            lock.release()
            raise

    def begin_delta(self, now: datetime, gone: Iterable[Gone] = ()) -> DeltaWriter:
        """Begin to read a few records anew; call it before the first of them is asked for.

        Any number may be under way at once, beside a full pull. The writer is a context manager: left without
        an error the delta becomes visible, with one it is dropped.

        Args:
            now: when the reading begins (UTC, aware).
            gone: rows that are void, beside those that are found out on the way.

        Raises:
            StoreError: the folder cannot be written.
        """
        if now.tzinfo is None:
            raise ValueError("now must be aware (UTC)")
        make_directory(self._root)
        writer = DeltaWriter(self._root, Claim.take(self._root), now.astimezone(UTC))
        writer.landed = self._merge_many
        for one in gone:
            writer.void(*one)
        return writer

    def may_hold(self, stream: str, ids: Collection[str]) -> set[str]:
        """Return which of some ids the files of a stream hold, in rows that count or not.

        All of them while somebody else reads: what they bring is not known yet.
        """
        if len(live(self._root)) > 1:  # the caller's own delta is one
            return set(ids)
        found: set[str] = set()
        for path in self.files(stream):
            rows = pq.read_table(
                path, columns=["id"], filters=pc.field("id").isin(sorted(ids)), partitioning=None
            )
            found |= set(map(str, rows["id"].to_pylist()))
        return found

    def compact(self) -> list[str]:
        """Fold what was read anew into the full reads, without void and superseded rows.

        Concurrently with readers, deltas and pulls, in bounded memory. Whoever reads files that are no longer
        needed can go on: they are removed half an hour later, by the next call or pull.

        Returns:
            The streams that were written anew.

        Raises:
            StoreError: the disk refuses; what readers see stays.
        """
        if not self._root.exists():
            return []
        self.sweep()
        return fold(self._root)

    def merge_deltas(self, more_than: int = 8) -> int:
        """Make one delta of many small ones; a tenth of a second for dozens, for when nobody waits.

        Args:
            more_than: do nothing with so few.

        Returns:
            How many were merged.
        """
        return merge(self._root) if len(self.manifest().deltas) > more_than else 0

    def sweep(self) -> None:
        """Remove what killed pulls left, and what stopped to count long enough ago."""
        with changing(self._root) as manifest, writing(self._root):
            oldest = self._clock() - KEPT_SECONDS
            manifest.former = {path: at for path, at in manifest.former.items() if at > oldest}
            kept = {*manifest.former, *_counting(manifest)}
            alive = live(self._root)
            for path in _directories(self._root):
                number = int(path.name.rpartition("-")[2])
                if str(path.relative_to(self._root)) not in kept and number not in alive:
                    shutil.rmtree(path)

    def _merge_many(self) -> None:
        self.merge_deltas(more_than=MOST_DELTAS)


def _directories(root: Path) -> list[Path]:
    patterns = ("[!._]*/full-*/", f"{REJECTED}/*/full-*/", f"{DELTAS}/delta-*/")
    return [path for pattern in patterns for path in root.glob(pattern)]


def _counting(manifest: Manifest) -> set[str]:
    paths = {f"{DELTAS}/{delta.directory}" for delta in manifest.deltas}
    for stream, entry in manifest.streams.items():
        paths |= {f"{stream}/{name}" for name in entry.directories}
        paths |= {f"{REJECTED}/{stream}/{name}" for name in entry.rejected}
    return paths

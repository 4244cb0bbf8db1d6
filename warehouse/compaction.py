"""Makes few files of many: deltas folded into the full reads, or into one delta. What readers see stays.

Readers, deltas and pulls go on meanwhile; what was merged stays on disk for those who still read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.deltas import (
    DELTAS,
    REJECTED,
    delta_name,
    delta_parts,
    put_in_place,
    retire,
    retire_covered,
    retire_deltas,
    without_void,
    write_gone,
)
from warehouse.engine import Engine
from warehouse.files import FileLock, sync_directory, sync_file, writing
from warehouse.incoming import Claim, live
from warehouse.landing_reader import LandingReader
from warehouse.landing_writer import directory_name
from warehouse.manifest import Delta, Manifest, StreamEntry, changing, locked
from warehouse.parquet import read_small

MEMORY_LIMIT = "512MB"
NEVER_WHOLE = datetime(1970, 1, 1, tzinfo=UTC)
"""When a stream was read whole that only deltas have brought."""
MERGED_ROWS = 20_000
"""A merged delta with more rows is left alone, so that it is not written again and again."""


def fold(root: Path) -> list[str]:
    """Fold the deltas into new full reads, without void and superseded rows.

    Deltas that began after a pull or delta that is still under way stay: that one may need what they declare
    void. A full read that lands meanwhile wins over the fold of its streams.

    Args:
        root: folder of the landing.

    Returns:
        The streams that were written anew; empty when there is nothing to do or another process is at it.

    Raises:
        StoreError: the disk refuses; what readers see stays.
    """
    with _alone(root) as claim:
        if claim is None:
            return []
        manifest = _snapshot(root)
        others = [number for number in live(root) if number != claim.number]
        before = min(others, default=claim.number)
        manifest.deltas = [delta for delta in manifest.deltas if delta.number < before]
        streams = {stream for delta in manifest.deltas for stream in delta.streams}
        folded = {}
        with Engine(MEMORY_LIMIT, temp_dir=claim.directory / "spilled") as engine:
            for stream in sorted(streams):
                entry = _folded(root, claim, engine, manifest, stream)
                if entry is not None:
                    folded[stream] = entry
        if folded:
            _commit_fold(root, claim, manifest, folded)
    return sorted(folded)


def merge(root: Path) -> int:
    """Merge small deltas into one.

    Args:
        root: folder of the landing.

    Returns:
        How many were merged; 0 when there is nothing to do or another process is at it.

    Raises:
        StoreError: the disk refuses; what readers see stays.
    """
    with _alone(root) as claim:
        if claim is None:
            return 0
        manifest = _snapshot(root)
        group = _largest_group(manifest.deltas, [n for n in live(root) if n != claim.number])
        if len(group) < 2:
            return 0
        manifest.deltas = group
        merged = _merged(root, claim, manifest)
        with changing(root) as now:
            names = {delta.directory for delta in group}
            if names <= {delta.directory for delta in now.deltas}:
                others = [delta for delta in now.deltas if delta.directory not in names]
                now.deltas = sorted([*others, merged], key=lambda one: one.number)
                now.number = max(now.number, claim.number)
                retire_deltas(now, names)
                retire_covered(now)
    return len(group)


@contextmanager
def _alone(root: Path) -> Iterator[Claim | None]:
    """Give a number to write under, None when another process is compacting."""
    lock = FileLock(root / ".compacting")
    if not root.exists() or not lock.acquire(wait=False):
        yield None
        return
    try:
        claim = Claim.take(root)
        try:
            yield claim
        finally:
            claim.release()
    finally:
        lock.release()


def _snapshot(root: Path) -> Manifest:
    with locked(root) as manifest:
        return manifest


def _largest_group(deltas: Sequence[Delta], borders: Iterable[int]) -> list[Delta]:
    """Return the most small deltas with no pull under way between them: a full read keeps only later ones."""
    edges = sorted(borders)
    groups: dict[int, list[Delta]] = {}
    for delta in deltas:
        if sum(delta.streams.values()) <= MERGED_ROWS:
            groups.setdefault(sum(edge < delta.number for edge in edges), []).append(delta)
    return max(groups.values(), key=len, default=[])


def _folded(root: Path, claim: Claim, engine: Engine, manifest: Manifest, stream: str) -> StreamEntry | None:
    """Write a stream anew; None when nothing was added to it or its keys are not known."""
    deltas = manifest.deltas_of(stream)
    former = manifest.streams.get(stream)
    keys = former.keys if former else _keys(deltas, stream)
    if not deltas or (former and not keys):
        return None
    entry = former or StreamEntry(directories=[], rows=0, pulled_at=NEVER_WHOLE)
    name = directory_name(claim.number)
    entry = StreamEntry(
        directories=[],
        rows=0,
        pulled_at=entry.pulled_at,
        rejected=entry.rejected,
        rejected_rows=entry.rejected_rows + sum(delta.rejected.get(stream, 0) for delta in deltas),
        number=deltas[-1].number,
        keys=keys,
    )
    view = LandingReader(root, lambda: manifest)
    if view.files(stream):
        incoming = claim.directory / stream
        entry.rows = _write_newest(engine, view, stream, keys, incoming / "part-00000.parquet")
        entry.directories = [name]
        _place(root, incoming, root / stream / name)
    if rejected := _rejected_in(root, deltas, stream):
        incoming = claim.directory / REJECTED / stream
        with writing(root):
            _write_together(rejected, incoming / "part-00000.parquet")
        entry.rejected = [*entry.rejected, name]
        _place(root, incoming, root / REJECTED / stream / name)
    return entry


def _keys(deltas: Iterable[Delta], stream: str) -> list[str]:
    return next((delta.keys[stream] for delta in deltas if stream in delta.keys), [])


def _commit_fold(root: Path, claim: Claim, before: Manifest, folded: dict[str, StreamEntry]) -> None:
    with changing(root) as manifest:
        for stream, entry in folded.items():
            there, was = manifest.streams.get(stream), before.streams.get(stream)
            if (there.number if there else 0) == (was.number if was else 0):
                retire(manifest, stream, rejected=False)
                manifest.streams[stream] = entry
        manifest.number = max(manifest.number, claim.number)
        retire_covered(manifest)


def _merged(root: Path, claim: Claim, manifest: Manifest) -> Delta:
    """Write one delta of all those in the manifest."""
    directory = claim.directory / "delta"
    with writing(root):
        directory.mkdir()
    merged = Delta(manifest.deltas[-1].number, delta_name(claim.number), {})
    gone: dict[tuple[str, str, str], int] = {}
    bare = Manifest(deltas=manifest.deltas)
    view = LandingReader(root, lambda: bare)
    for stream in sorted({stream for delta in manifest.deltas for stream in delta.streams}):
        deltas = manifest.deltas_of(stream)
        bare.deltas = deltas
        merged.streams[stream] = 0
        keys = _keys(deltas, stream)
        if view.files(stream):
            path = directory / f"{stream}-00000.parquet"
            merged.keys[stream] = keys
            merged.streams[stream] = _write_merged(view, stream, keys, path)
        gone |= {(stream, rule.column, rule.value): rule.seq for rule in view.gone(stream)}
        if rejected := _rejected_in(root, deltas, stream):
            merged.rejected[stream] = sum(delta.rejected.get(stream, 0) for delta in deltas)
            _write_together(rejected, directory / REJECTED / f"{stream}-00000.parquet")
    with writing(root):
        if gone:
            merged.voids = True
            write_gone(directory, [(*rule, seq) for rule, seq in gone.items()])
        put_in_place(directory, root / DELTAS / merged.directory)
    return merged


def _write_newest(engine: Engine, view: LandingReader, stream: str, keys: Sequence[str], path: Path) -> int:
    """Write the newest row of each record that is not void; return how many there are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = ", ".join(f'"{key}"' for key in keys)
    newest = f"SELECT max(_seq) AS _seq FROM landed GROUP BY {listed}"
    engine.register_files("landed", view.files(stream), view.gone(stream))
    engine.write(f"SELECT landed.* FROM landed SEMI JOIN ({newest}) newest USING (_seq)", path)
    rows: int = pq.read_metadata(path).num_rows
    return rows


def _write_merged(view: LandingReader, stream: str, keys: Sequence[str], path: Path) -> int:
    """Do what :func:`_write_newest` does with the few rows of deltas: quicker with many tiny files."""
    tables = [read_small(file) for file in view.files(stream)]
    table = without_void(pa.concat_tables(tables, promote_options="default"), view.gone(stream))
    newest: dict[tuple[object, ...], tuple[int, int]] = {}
    values = [table[key].to_pylist() for key in keys]
    seqs: list[Any] = table["_seq"].to_pylist()
    for number, (seq, *key) in enumerate(zip(seqs, *values, strict=True)):
        newest[tuple(key)] = max(newest.get(tuple(key), (-1, -1)), (seq, number))
    pq.write_table(table.take(sorted(number for _, number in newest.values())), path, compression="zstd")
    sync_file(path)
    return len(newest)


def _rejected_in(root: Path, deltas: Iterable[Delta], stream: str) -> list[Path]:
    folders = [root / DELTAS / delta.directory / REJECTED for delta in deltas if stream in delta.rejected]
    return [part for folder in folders for part in delta_parts(folder, stream)]


def _write_together(files: Sequence[Path], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables([pq.read_table(file, partitioning=None) for file in files]), path)
    sync_file(path)
    sync_directory(path.parent)


def _place(root: Path, incoming: Path, place: Path) -> None:
    with writing(root):
        place.parent.mkdir(parents=True, exist_ok=True)
        put_in_place(incoming, place)
        sync_directory(place.parent.parent)

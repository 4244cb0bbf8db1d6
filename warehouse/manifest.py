"""The commit point of the raw landing: a small JSON file that names the directories that count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from saaskpi.errors import StoreError
from warehouse.files import FileLock, replace_file, writing

MANIFEST = "pull.json"
VERSION = 2


class StreamEntry(msgspec.Struct):
    """What readers of one stream must know.

    Attributes:
        directories: names of the directories that hold its full read.
        rows: rows in them.
        pulled_at: when the pull that read it began (UTC).
        rejected: names of the directories below ``_rejected`` that belong to them.
        rejected_rows: rows kept aside in them.
        number: of the pull, or of the last delta folded in: deltas with a higher one count beside it.
        keys: the fields that tell one record from another; empty when they are not known.
    """

    directories: list[str]
    rows: int
    pulled_at: datetime
    rejected: list[str] = []
    rejected_rows: int = 0
    number: int = 0
    keys: list[str] = []


class Delta(msgspec.Struct):
    """A few records of some streams that were read anew, in one directory.

    Attributes:
        number: given when the reading began.
        directory: below ``_deltas``.
        streams: rows per stream; a stream of which rows are only void has 0.
        keys: per stream the fields that tell one record from another.
        rejected: rows kept aside per stream, streams without any left out.
        voids: whether it declares rows void.
    """

    number: int
    directory: str
    streams: dict[str, int]
    keys: dict[str, list[str]] = {}
    rejected: dict[str, int] = {}
    voids: bool = False


class Manifest(msgspec.Struct):
    """What readers of the landing see.

    Attributes:
        version: of this file's form.
        pull: rises with everything that lands, 0 before the first pull.
        number: the highest number of a pull or delta that has landed.
        streams: what counts for each stream.
        deltas: what was read anew since, by number.
        state: the Singer state, saved with the rows.
        former: directories that readers may still have open, and when they stopped to count (Unix seconds).
        erased: rises whenever somebody is taken out of the files, whose names stay: copies of them are void.
    """

    version: int = VERSION
    pull: int = 0
    number: int = 0
    streams: dict[str, StreamEntry] = {}
    deltas: list[Delta] = []
    state: dict[str, Any] = {}
    former: dict[str, float] = {}
    erased: int = 0

    def deltas_of(self, stream: str) -> list[Delta]:
        """Return the deltas that count beside the full read of a stream."""
        entry = self.streams.get(stream)
        after = entry.number if entry else 0
        return [delta for delta in self.deltas if stream in delta.streams and delta.number > after]

    def drop_covered(self) -> list[Delta]:
        """Forget the deltas that full reads have overtaken in every stream; return them."""
        counting = {delta.directory for stream in self._known() for delta in self.deltas_of(stream)}
        covered = [delta for delta in self.deltas if delta.directory not in counting]
        self.deltas = [delta for delta in self.deltas if delta.directory in counting]
        return covered

    def _known(self) -> set[str]:
        return {stream for delta in self.deltas for stream in delta.streams}


def read_manifest(path: Path) -> Manifest:
    """Return the manifest, an empty one when there is none yet.

    Raises:
        StoreError: it is damaged or was made by a newer version.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}.", hint="Mend its permissions.") from error
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise StoreError(
            f"{path} is damaged.",
            hint=f"Remove {path.parent} and run `saaskpi pull --full` to read it again.",
        ) from error
    if manifest.version > VERSION:
        raise StoreError(
            f"{path} was made by a newer saaskpi.", hint="Upgrade saaskpi, or use another folder with --home."
        )
    if manifest.version == 1:
        # Then every pull was a full read, and named its directories.
        manifest.number = manifest.pull
    manifest.version = VERSION
    return manifest


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replace the manifest whole and put it on disk."""
    replace_file(path, msgspec.json.encode(manifest))


@contextmanager
def changing(root: Path) -> Iterator[Manifest]:
    """Give the manifest to change, and write it when the block ends without an error.

    Nobody else changes it meanwhile; readers are not held up.

    Raises:
        StoreError: the disk refuses; the former state stays.
    """
    with locked(root) as manifest:
        yield manifest
        with writing(root):
            write_manifest(root / MANIFEST, manifest)


@contextmanager
def locked(root: Path) -> Iterator[Manifest]:
    """Give the manifest, and keep everyone from changing it until the block ends."""
    lock = FileLock(root / ".commit")
    lock.acquire(wait=True)
    try:
        yield read_manifest(root / MANIFEST)
    finally:
        lock.release()

"""The commit point of the raw landing: a small JSON file that names the directories that count."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from saaskpi.errors import StoreError
from warehouse.files import replace_file

MANIFEST = "pull.json"
VERSION = 1


class StreamEntry(msgspec.Struct):
    """What readers of one stream must know.

    Attributes:
        directories: names of the directories that hold it, oldest first (one full read; deltas would follow).
        rows: rows in them.
        pulled_at: when the pull that read it began (UTC).
        rejected: names of the directories below ``_rejected`` that belong to them.
        rejected_rows: rows kept aside in them.
    """

    directories: list[str]
    rows: int
    pulled_at: datetime
    rejected: list[str] = []
    rejected_rows: int = 0


class Manifest(msgspec.Struct):
    """The state of the landing after its last whole pull.

    Attributes:
        version: of this file's form.
        pull: number of that pull, 0 before the first.
        last_seq: the highest ``_seq`` given to a row.
        streams: what counts for each stream.
        state: the Singer state at the end of that pull.
    """

    version: int = VERSION
    pull: int = 0
    last_seq: int = 0
    streams: dict[str, StreamEntry] = {}
    state: dict[str, Any] = {}


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
    return manifest


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replace the manifest whole and put it on disk."""
    replace_file(path, msgspec.json.format(msgspec.json.encode(manifest), indent=1))

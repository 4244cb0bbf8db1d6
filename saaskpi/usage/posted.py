"""Usage that was posted to the server: JSON lines in the home, one more source beside the files of others.

The file of an event follows from its number in the inbox, and holds each number once. So a writer that dies
and begins anew writes nothing twice, and a file that is full is never touched again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from saaskpi.settings import UsageSourceSettings
from warehouse.files import make_directory, sync_directory, writing

FOLDER: Final = Path("usage", "inbox")
_PER_FILE: Final = 10_000


def write_posted(home: Path, rows: Mapping[int, Mapping[str, Any]]) -> None:
    """Add events that are not in yet; they are on disk when this returns.

    The caller keeps everybody else out of the home.

    Args:
        home: of the settings.
        rows: number in the inbox to account, user, event, at, quantity, known_at.

    Raises:
        StoreError: the disk refuses; the same call again finishes it.
    """
    folder = make_directory(home / FOLDER)
    by_file: dict[Path, dict[int, Mapping[str, Any]]] = {}
    for number, row in sorted(rows.items()):
        by_file.setdefault(folder / f"{number // _PER_FILE:010d}.jsonl", {})[number] = row
    with writing(folder):
        for path, wanted in by_file.items():
            _append(path, wanted)
        sync_directory(folder)


def posted_sources(home: Path, key: str) -> list[UsageSourceSettings]:
    """Return what was posted as sources of usage, oldest first.

    Args:
        home: of the settings.
        key: what the account is, as the setting ``usage.posted_key`` says.
    """
    return [
        UsageSourceSettings(file=path, key=key, known_at="known_at", user="user", quantity="quantity")
        for path in sorted((home / FOLDER).glob("*.jsonl"))
    ]


def _append(path: Path, wanted: Mapping[int, Mapping[str, Any]]) -> None:
    with path.open("a+b") as file:
        file.seek(0)
        content = file.read()
        # A power cut may have left half a line, which nobody was told is in.
        whole = content[: content.rfind(b"\n") + 1]
        file.truncate(len(whole))
        known = {msgspec.json.decode(line)["inbox"] for line in whole.splitlines()}
        new = [{"inbox": number, **row} for number, row in wanted.items() if number not in known]
        file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in new))
        file.flush()
        os.fsync(file.fileno())

"""Usage from files: CSV, JSON lines and Singer outputs become Parquet files of ``usage_events``.

Every row is judged by itself. What cannot be used is kept aside with its reason, in a Parquet file beside the
good rows, and counted. A file that has not changed is not read again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from enrichment.facts.usage import USAGE_EVENTS
from saaskpi.errors import DataError, UsageError
from saaskpi.settings import UsageSourceSettings
from saaskpi.usage.heads import Head, read_head
from saaskpi.usage.rows import LATER, check_key, plain, rows_sql, text
from warehouse.engine import Engine
from warehouse.files import make_directory, replace_file, writing

STREAM: Final = "usage_events"
"""The table that the files are registered as, and the stream of the rows kept aside."""
_VERSION: Final = 1
_EXAMPLES: Final = 100
_COLUMNS: Final = ", ".join(f'"{name}"' for name in USAGE_EVENTS)
_NO_COLUMNS: Final = "The line cannot be parted into columns."
_ODD: Final = {
    "INVALID ENCODING": "The line is not UTF-8.",
    "MISSING COLUMNS": "The line has fewer columns than the header.",
    "TOO MANY COLUMNS": "The line has more columns than the header.",
    "UNQUOTED VALUE": "A quotation mark is never closed, or text follows it.",
    "LINE SIZE OVER MAXIMUM": "The line is longer than 2 MB.",
}


@dataclass(frozen=True, slots=True)
class Aside:
    """Rows of a file that cannot be used, for one reason.

    Attributes:
        source: name of the file.
        reason: why.
        rows: how many.
        examples: some of them: account, event, time and quantity as they stand there.
    """

    source: str
    reason: str
    rows: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UsageRead:
    """What all files hold.

    Attributes:
        files: Parquet files to register as ``usage_events``; empty without sources.
        kept: Parquet files with every row kept aside: told (its cells), reason.
        rows: usable rows by name of file.
        asides: what was kept aside, by file and reason.
    """

    files: tuple[Path, ...]
    kept: tuple[Path, ...]
    rows: dict[str, int]
    asides: tuple[Aside, ...]

    @property
    def rejected(self) -> list[tuple[str, str, str]]:
        """``(stream, id, reason)`` for ``rejected_rows``: the examples, at most 100 of a file and reason."""
        return [
            (STREAM, f"{aside.source}: {example}", f"{aside.reason} One of {aside.rows:,} rows.")
            for aside in self.asides
            for example in aside.examples
        ]


def read_usage(
    sources: Sequence[UsageSourceSettings],
    folder: Path,
    now: datetime,
    *,
    memory_limit: str = "800MB",
    threads: int = 2,
) -> UsageRead:
    """Read every file that is new or has changed.

    Args:
        sources: the files.
        folder: where the Parquet files go; those of files that are no longer named are removed.
        now: the clock's time, aware; rows that lie in the future are kept aside.
        memory_limit: of the SQL engine.
        threads: of the SQL engine.

    Raises:
        UsageError: a file or a column is missing, a file is of another kind, or a key is unknown.
        StoreError: the disk refuses.
    """
    if not sources and not folder.exists():
        return UsageRead((), (), {}, ())
    make_directory(folder)
    read = [_Reader(source, folder, now, memory_limit, threads).read() for source in sources]
    _clear(folder, [parts.stem for parts, _ in read])
    notes = list(dict(read).values())
    counted: Counter[str] = Counter()
    for note in notes:
        counted[note["source"]] += note["rows"]
    return UsageRead(
        files=tuple(dict.fromkeys(parts.good for parts, _ in read)),
        kept=tuple(dict.fromkeys(parts.bad for parts, _ in read if parts.bad.exists())),
        rows=dict(counted),
        asides=tuple(
            Aside(note["source"], item["reason"], item["rows"], tuple(item["examples"]))
            for note in notes
            for item in note["asides"]
        ),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """The files that one source becomes, by what is common to their names."""

    folder: Path
    stem: str

    @property
    def good(self) -> Path:
        return self.folder / f"{self.stem}.parquet"

    @property
    def bad(self) -> Path:
        return self.folder / f"{self.stem}.aside.parquet"

    @property
    def note(self) -> Path:
        return self.folder / f"{self.stem}.json"


class _Reader:
    """Reads one file, unless it stands as it was read before."""

    def __init__(
        self, source: UsageSourceSettings, folder: Path, now: datetime, memory_limit: str, threads: int
    ) -> None:
        check_key(source)
        self._source, self._now = source, now
        self._limits = memory_limit, threads
        self._spill = folder / "tmp"
        settings = source.model_dump_json() + str(sorted(source.model_fields_set))
        name = f"{source.file.absolute()} {settings}"
        self._parts = _Parts(folder, f"usage_{hashlib.sha256(name.encode()).hexdigest()[:12]}")

    def read(self) -> tuple[_Parts, dict[str, Any]]:
        """Return the files and the note of what they hold."""
        state = self._state()
        note = self._note()
        if note is None or note["state"] != state or not self._holds(note):
            self._parts.note.unlink(missing_ok=True)
            note = {"state": state, "source": self._source.file.name, **self._take()}
            if self._state() != state:
                raise UsageError(
                    f"The usage file {self._source.file} was written to while it was read.",
                    hint="Write it under another name, then rename it.",
                )
            with writing(self._parts.folder):
                replace_file(self._parts.note, json.dumps(note).encode())
        return self._parts, note

    def _state(self) -> list[int]:
        try:
            found = self._source.file.stat()
        except OSError as error:
            raise UsageError(
                f"The usage file {self._source.file} cannot be read: {error.strerror or error}.",
                hint="Check usage.sources.",
            ) from None
        return [_VERSION, found.st_size, found.st_mtime_ns]

    def _note(self) -> dict[str, Any] | None:
        try:
            note = json.loads(self._parts.note.read_bytes())
        except (OSError, ValueError):
            return None
        return note if isinstance(note, dict) else None

    def _holds(self, note: dict[str, Any]) -> bool:
        """Say whether the Parquet files stand, and no row that lay in the future is due."""
        if not self._parts.good.exists() or (note["asides"] and not self._parts.bad.exists()):
            return False
        return not any(item["due"] and item["due"] <= plain(self._now) for item in note["asides"])

    def _take(self) -> dict[str, Any]:
        """Write the good rows and the others, and count both."""
        head = read_head(self._source.file, self._source.stream)
        sql = rows_sql(self._source, head, self._now)
        with Engine(*self._limits, temp_dir=self._spill) as engine:
            try:
                engine.write(sql, self._parts.good)
            except DataError as error:
                raise UsageError(
                    f"The usage file {self._source.file} cannot be read: {error.message}",
                    hint="Save it as CSV or JSON lines, UTF-8, with one kind of line end.",
                ) from None
            asides = self._set_aside(engine, head)
            counted = engine.frame(f"SELECT COUNT(*) AS rows FROM {_parquet(self._parts.good)}")
        return {"rows": int(counted["rows"].iloc[0]), "asides": asides}

    def _set_aside(self, engine: Engine, head: Head) -> list[dict[str, Any]]:
        """Move the rows with a reason into a file of their own; return them counted."""
        written = _parquet(self._parts.good)
        later = ", ".join(map(text, LATER))
        bad = (
            f'SELECT told, reason, CASE WHEN reason IN ({later}) THEN GREATEST("at", known_at) END AS due '
            f"FROM {written} WHERE reason IS NOT NULL"
        )
        odd = f" UNION ALL {_odd_lines()}" if head.kind == "csv" else ""
        engine.write(bad + odd, self._parts.bad)
        asides = _asides(engine, self._parts.bad)
        if not asides:
            self._parts.bad.unlink()
        else:
            engine.write(f"SELECT {_COLUMNS} FROM {written} WHERE reason IS NULL", self._parts.good)
        return asides


def _odd_lines() -> str:
    """Return the SELECT of the lines that could not be parted into columns."""
    reasons = " ".join(f"WHEN {text(kind)} THEN {text(words)}" for kind, words in _ODD.items())
    return (
        "SELECT 'line ' || CAST(line AS VARCHAR), "
        f"CASE MIN(CAST(error_type AS VARCHAR)) {reasons} ELSE {text(_NO_COLUMNS)} END, NULL "
        "FROM odd_lines GROUP BY line"
    )


def _asides(engine: Engine, path: Path) -> list[dict[str, Any]]:
    """Count the rows kept aside by reason, with examples and when they are due at the earliest."""
    found = engine.frame(
        "SELECT reason, COUNT(*) AS rows, CAST(MIN(due) AS VARCHAR) AS due, "
        f"ARRAY_AGG(told ORDER BY told) FILTER (WHERE place <= {_EXAMPLES}) AS examples "
        f"FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY reason) AS place FROM {_parquet(path)}) placed "
        "GROUP BY reason ORDER BY rows DESC, reason"
    )
    return [
        {
            "reason": row["reason"],
            "rows": int(row["rows"]),
            "due": row["due"] if isinstance(row["due"], str) else None,
            "examples": row["examples"],
        }
        for row in found.to_dict("records")
    ]


def _clear(folder: Path, stems: Sequence[str]) -> None:
    """Remove what was left of files that are no longer named."""
    with writing(folder):
        for path in folder.glob("usage_*"):
            if path.name.split(".")[0] not in stems:
                path.unlink()


def _parquet(path: Path) -> str:
    return f"read_parquet({text(str(path))})"

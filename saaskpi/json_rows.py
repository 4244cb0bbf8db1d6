"""Rows from a file of JSON lines: saved output of a Singer tap, or plain records as targets write them.

    {"type": "RECORD", "stream": "marketing_spend", "record": {"month": "2026-10", ...}}
    {"month": "2026-10", ...}

Of a Singer output only one stream is read. Where its SCHEMA names keys, the last record of a key stands, as
it would in a target's table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from saaskpi.errors import DataError, UsageError

SUFFIXES: Final = (".jsonl", ".ndjson")
_LONGEST_NUMBER: Final = 40
_MESSAGES: Final = ("RECORD", "SCHEMA", "STATE", "ACTIVATE_VERSION", "BATCH")


@dataclass(slots=True)
class JsonRows:
    """What a file holds.

    Attributes:
        rows: by the number of their line, counted from 1; numbers are text, exactly as they stand there.
        rejected: ``(line, reason)`` of lines that cannot be read.
    """

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    rejected: list[tuple[int, str]] = field(default_factory=list)


def is_json_rows(path: Path) -> bool:
    """Say whether a file is one of JSON lines, by its name."""
    return path.suffix.lower() in SUFFIXES


def read_json_rows(path: Path, stream: str) -> JsonRows:
    """Read a file.

    Args:
        path: UTF-8 text, one JSON object per line.
        stream: of a Singer output, the stream whose records are meant.

    Raises:
        UsageError: the file cannot be read, or holds no record of the stream.
    """
    reader = _Reader(stream)
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                reader.take(number, line)
    except UnicodeDecodeError:
        raise UsageError(
            f"{path} is not a text file in UTF-8.", hint="Give one JSON object per line."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not reader.told.rows:
        raise UsageError(f"{path} has no record of the stream {stream}.", hint=reader.hint())
    return reader.told


class _Reader:
    """Takes the lines one after the other."""

    def __init__(self, stream: str) -> None:
        self.told = JsonRows()
        self._stream = stream
        self._keys: list[str] = []
        self._lines: dict[tuple[str, ...], int] = {}
        self._others: set[str] = set()

    def take(self, number: int, line: str) -> None:
        """Take in one line, or note why it cannot be read."""
        if not line.strip():
            return
        try:
            for record in self._records(_parsed(line)):
                self._keep(number, record)
        except DataError as error:
            self.told.rejected.append((number, error.message))

    def hint(self) -> str:
        """Say why there may be no record."""
        if self._others:
            return f"It has the streams {', '.join(sorted(self._others))}: map one to {self._stream}."
        if self.told.rejected:
            return "The first problem: line {}: {}".format(*self.told.rejected[0])
        return "Give one JSON object per line."

    def _records(self, message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        kind = message.get("type")
        if kind not in _MESSAGES or (kind == "RECORD" and "record" not in message):
            yield message
        elif message.get("stream", self._stream) != self._stream:
            self._others.add(str(message["stream"]))
        elif kind == "SCHEMA":
            self._keys = [str(key) for key in message.get("key_properties") or ()]
        elif kind == "BATCH":
            raise DataError("Batches in other files are not read.")
        elif kind == "RECORD":
            if not isinstance(message["record"], dict):
                raise DataError("The record is no JSON object.")
            yield message["record"]

    def _keep(self, number: int, record: Mapping[str, Any]) -> None:
        row = {str(name).strip().lower(): value for name, value in record.items()}
        if self._keys:
            key = tuple(str(record.get(name)) for name in self._keys)
            self.told.rows.pop(self._lines.get(key, 0), None)
            self._lines[key] = number
        self.told.rows[number] = row


def _parsed(line: str) -> Mapping[str, Any]:
    try:
        # Numbers stay text: 0.1 is exactly that, and Singer's small rates come as 5e-05.
        message = json.loads(line, parse_float=_plain, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise DataError("The line is no JSON.") from None
    if not isinstance(message, dict):
        raise DataError("The line is no JSON object.")
    return message


def _plain(number: str) -> str:
    exact = Decimal(number)
    return f"{exact:f}" if abs(exact.adjusted()) < _LONGEST_NUMBER else number

"""What a file of usage is, from its first lines: CSV, JSON lines or a Singer output, and its fields."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Literal, TextIO

from saaskpi.errors import UsageError
from saaskpi.json_rows import SUFFIXES

_LOOKED_AT: Final = 1_000
"""How many lines of JSON are looked at for the names of fields."""
_DELIMITERS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Head:
    """What the first lines of a file say.

    Attributes:
        kind: csv, json (an object per line) or singer (messages).
        names: of the columns in order, or of the fields that any of the first records has.
        delimiter: of a CSV file.
        streams: of a Singer output, those seen so far.
    """

    kind: Literal["csv", "json", "singer"]
    names: tuple[str, ...]
    delimiter: str = ","
    streams: tuple[str, ...] = ()


def read_head(path: Path, stream: str | None) -> Head:
    """Look at the first lines of a file.

    Args:
        path: ``.jsonl`` or ``.ndjson`` is JSON lines, anything else CSV; either may be packed (``.gz``).
        stream: of a Singer output, the stream whose fields are meant; None for every one.

    Raises:
        UsageError: the file cannot be read, is empty or no text in UTF-8, or does not have the stream.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    try:
        with _opened(path) as file:
            head = _json(file, stream) if suffixes[-1:] and suffixes[-1] in SUFFIXES else _csv(file)
    except (csv.Error, gzip.BadGzipFile, EOFError):
        raise _no_text(path) from None
    except OSError as error:
        raise UsageError(
            f"The usage file {path} cannot be read: {error.strerror or error}.", hint="Check usage.sources."
        ) from None
    if any(sign in name for name in head.names for sign in "\0\ufffd"):
        raise _no_text(path)
    if head.kind == "singer" and stream not in (None, *head.streams):
        raise UsageError(
            f"The usage file {path} has no record of the stream {stream}.",
            hint=f"It has {', '.join(head.streams)}.",
        )
    if not head.names:
        raise UsageError(f"The usage file {path} is empty.", hint="Its first line must name the columns.")
    return head


def _no_text(path: Path) -> UsageError:
    return UsageError(
        f"The usage file {path} is not a text file in UTF-8.", hint="Save it as CSV or JSON lines, UTF-8."
    )


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if path.suffix.lower() == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as packed:
            yield packed
    else:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            yield file


def _csv(file: TextIO) -> Head:
    line = file.readline()
    delimiter = max(_DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    return Head("csv", tuple(name.strip() for name in names), delimiter)


def _lines(file: TextIO, stream: str | None) -> Iterator[str]:
    """Give the first lines, and the first ones that name the stream: it may come after long others."""
    yield from islice(file, _LOOKED_AT)
    if stream:
        yield from islice((line for line in file if f'"{stream}"' in line), _LOOKED_AT)


def _json(file: TextIO, stream: str | None) -> Head:
    names: dict[str, None] = {}
    streams: dict[str, None] = {}
    for line in _lines(file, stream):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(record, dict):
            continue
        if record.get("type") in ("RECORD", "SCHEMA", "STATE") and ("stream" in record or "value" in record):
            named = str(record.get("stream", ""))
            streams[named] = None
            record = record.get("record") if stream in (None, named) else None
        names.update(dict.fromkeys(record if isinstance(record, dict) else ()))
    return Head("singer" if streams else "json", tuple(names), streams=tuple(filter(None, streams)))

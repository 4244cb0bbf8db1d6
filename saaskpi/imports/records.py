"""What a converter makes of a file's rows: records in the shape of Stripe's API, and what was kept aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from saaskpi.errors import DataError
from saaskpi.imports.csv_file import CsvFile, Row
from saaskpi.imports.values import parse_time

Record = dict[str, Any]
_METADATA: Final = " (metadata)"
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class KeptAside:
    """A row that could not be used.

    Attributes:
        file: its name.
        line: the row's number, the header being 1.
        reason: one sentence.
        cells: the row.
    """

    file: str
    line: int
    reason: str
    cells: Mapping[str, str]


@dataclass
class Converted:
    """The records of one or more files.

    Attributes:
        streams: stream to id to record; a later row of the same id stands.
        kept_aside: the rows that could not be used.
        notes: what a reader should know, a sentence each.
    """

    streams: dict[str, dict[str, Record]] = field(default_factory=dict)
    kept_aside: list[KeptAside] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, stream: str, record: Record) -> None:
        """Take a record in."""
        self.streams.setdefault(stream, {})[record["id"]] = record

    def records(self, stream: str) -> dict[str, Record]:
        """Return the records of a stream by id."""
        return self.streams.get(stream, {})

    def each(self, file: CsvFile, make: Callable[[Row], _Made]) -> Iterator[_Made]:
        """Yield what ``make`` makes of every row; a row that raises ``DataError`` is kept aside."""
        for row in file.rows():
            reason = row.problem
            try:
                made = None if reason else make(row)
            except DataError as error:
                made, reason = None, error.message
            if made is None:
                self.kept_aside.append(KeptAside(file.name, row.line, reason, row.cells))
            else:
                yield made


def required(row: Row, *names: str) -> str:
    """Return the first value that is not empty among these columns.

    Raises:
        DataError: there is none.
    """
    value = row.first(*names)
    if not value:
        raise DataError(f"The column {names[0]!r} is empty.")
    return value


def time_of(row: Row, *names: str) -> int | None:
    """Return the first time among these columns as Unix seconds, None when all are empty.

    Raises:
        DataError: it is no time.
    """
    value = row.first(*names)
    return parse_time(value) if value else None


def metadata_of(file: CsvFile, row: Row) -> dict[str, str]:
    """Return Stripe's metadata: the columns whose title ends in ``(metadata)``, keys as they were written."""
    if not any(title.endswith(_METADATA) for title in file.titles):
        return {}
    named = zip(file.titles, file.header, strict=True)
    keys = ((title[: -len(_METADATA)], name) for title, name in named if title.endswith(_METADATA))
    return {key: row.cells[name] for key, name in keys if row.cells.get(name)}

"""One CSV file as people have it: with a byte order mark, semicolons, Windows line ends, another encoding."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from saaskpi.errors import UsageError

if TYPE_CHECKING:
    import _csv

_DELIMITERS: Final = ",;\t|"
_WORKBOOK: Final = b"PK\x03\x04"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_SPACES: Final = re.compile(r"[\s_]+")
_WIDEST_CELL: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file.

    Attributes:
        line: its number in the file, the header being 1.
        cells: values by normalised header, stripped; columns without a header are left out.
        problem: why the line does not fit the header; empty when it does.
    """

    line: int
    cells: Mapping[str, str]
    problem: str = ""

    def first(self, *names: str) -> str:
        """Return the first value that is not empty among these columns, empty when there is none."""
        for name in names:
            value = self.cells.get(name)
            if value:
                return value
        return ""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A whole file, decoded.

    Attributes:
        name: of the file, for messages.
        header: normalised names of the columns, in order: lower case, single spaces; empty for a second one.
        titles: the names as they stand in the file.
        notes: what a reader should know of how it was read, a sentence each.
    """

    name: str
    header: Sequence[str]
    titles: Sequence[str]
    notes: tuple[str, ...]
    _text: str
    _delimiter: str

    def rows(self) -> Iterator[Row]:
        """Yield every line below the header that is not blank.

        Raises:
            UsageError: the quotes of the file do not match.
        """
        reader = _reader(self._text, self._delimiter)
        try:
            next(reader)
            for cells in reader:
                if any(map(str.strip, cells)):
                    yield self._row(reader.line_num, cells)
        except csv.Error as error:
            raise UsageError(
                f"{self.name}, line {reader.line_num}: {error}.", hint="Download the file again, unchanged."
            ) from None

    def column(self, name: str) -> Iterator[str]:
        """Yield one column's values that are not empty.

        Raises:
            UsageError: the quotes of the file do not match.
        """
        return (
            (row.cells[name] for row in self.rows() if row.cells.get(name))
            if name in self.header
            else iter(())
        )

    def _row(self, line: int, cells: Sequence[str]) -> Row:
        found = dict(zip(self.header, map(str.strip, cells), strict=False))
        problem = ""
        if len(cells) != len(self.header):
            problem = f"The line has {len(cells)} fields, the header {len(self.header)}."
        return Row(line, found, problem)


def read_csv(path: Path) -> CsvFile:
    """Read a file.

    Raises:
        UsageError: it cannot be read, is empty, or is no CSV.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", hint="Give the path of a file."
        ) from None
    text, notes = _decode(path.name, content)
    lines = text.lstrip()
    if not lines:
        raise UsageError(f"{path.name} is empty.", hint="Download it again.")
    delimiter = _delimiter(lines)
    try:
        titles = [title.strip() for title in next(_reader(lines, delimiter))]
    except csv.Error as error:
        raise UsageError(f"{path.name} is no CSV file: {error}.", hint="Download it again.") from None
    return CsvFile(path.name, _once(map(normalised, titles)), titles, notes, lines, delimiter)


def _once(names: Iterable[str]) -> list[str]:
    """Return the names; one that comes again is empty: the first column of a name stands."""
    kept: list[str] = []
    for name in names:
        kept.append("" if name in kept else name)
    return kept


def normalised(title: str) -> str:
    """Return a column's name as it is compared: lower case, ``_`` and any white space as one space."""
    return _SPACES.sub(" ", title).strip().lower()


def _reader(text: str, delimiter: str) -> _csv.Reader:
    csv.field_size_limit(_WIDEST_CELL)
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _decode(name: str, content: bytes) -> tuple[str, tuple[str, ...]]:
    if content.startswith(_WORKBOOK):
        raise UsageError(f"{name} is a workbook, no CSV file.", hint="Save it as CSV (UTF-8).")
    if content.startswith(_UTF16):
        return content.decode("utf-16", errors="replace"), ()
    if b"\0" in content:
        raise UsageError(f"{name} is no text file.", hint="Give the CSV file as it was downloaded.")
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        note = f"{name} is not UTF-8; it was read as Windows-1252, so that names may show wrong letters."
        return content.decode("cp1252", errors="replace"), (note,)


def _delimiter(text: str) -> str:
    """Return what the header line holds most of, outside of quotes."""
    header = re.sub(r'"[^"]*"', "", text.splitlines()[0])
    return max(_DELIMITERS, key=header.count)

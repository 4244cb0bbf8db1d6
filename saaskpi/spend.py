"""Reads the file of spend on sales and marketing (setting ``spend.file``)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from enrichment.kpis.spend import Rejected, Spend, read_rows
from saaskpi.errors import UsageError
from saaskpi.json_rows import is_json_rows, read_json_rows

STREAM: Final = "marketing_spend"
"""The stream of a Singer output that spend is read from."""


def read_spend(path: Path) -> Spend:
    """Read a CSV file with a header, or JSON lines; see :mod:`enrichment.kpis.spend` for the columns.

    Args:
        path: UTF-8 text, separated by commas; a byte order mark, as Excel writes it, is fine. A ``.jsonl``
            holds records, or a Singer output with the stream ``marketing_spend``.

    Returns:
        The spend, and the rows kept aside with their reason; row 1 is the line below the header, of JSON the
        first line.

    Raises:
        UsageError: there is no such file, it is not such a file, or a column is missing.
    """
    try:
        return _read_json(path) if is_json_rows(path) else _read_csv(path)
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(
            f"The spend file {path} is not a CSV file.", hint="Save it as CSV, UTF-8, separated by commas."
        ) from None
    except OSError as error:
        raise UsageError(
            f"The spend file {path} cannot be read: {error.strerror or error}.", hint="Check spend.file."
        ) from None


def _read_csv(path: Path) -> Spend:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey="", restval="")
        return _of_file(path, reader, reader.fieldnames or ())


def _read_json(path: Path) -> Spend:
    """Read records; what is kept aside is named by its line."""
    told = read_json_rows(path, STREAM)
    lines = list(told.rows)
    spend = _of_file(path, told.rows.values(), sorted({name for row in told.rows.values() for name in row}))
    rejected = [Rejected(lines[kept.row - 1], kept.reason) for kept in spend.rejected]
    unread = [Rejected(line, reason) for line, reason in told.rejected]
    return replace(spend, rejected=sorted([*rejected, *unread], key=lambda kept: kept.row))


def _of_file(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Spend:
    try:
        return read_rows(rows, columns)
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", hint=error.hint) from None

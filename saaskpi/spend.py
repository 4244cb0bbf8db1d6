"""Reads the file of spend on sales and marketing (setting ``spend.file``)."""

from __future__ import annotations

import csv
from pathlib import Path

from enrichment.kpis.spend import Spend, read_rows
from saaskpi.errors import UsageError


def read_spend(path: Path) -> Spend:
    """Read a CSV file with a header; see :mod:`enrichment.kpis.spend` for its columns.

    Args:
        path: UTF-8 text, separated by commas; a byte order mark, as Excel writes it, is fine.

    Returns:
        The spend, and the rows kept aside with their reason; row 1 is the line below the header.

    Raises:
        UsageError: there is no such file, it is not such a file, or a column is missing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            return read_rows(reader, reader.fieldnames or ())
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(
            f"The spend file {path} is not a CSV file.", hint="Save it as CSV, UTF-8, separated by commas."
        ) from None
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", hint=error.hint) from None
    except OSError as error:
        raise UsageError(
            f"The spend file {path} cannot be read: {error.strerror or error}.", hint="Check spend.file."
        ) from None

"""What the models need of an SQL engine; the real one is DuckDB or PostgreSQL, outside this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pandas as pd


class EngineProtocol(Protocol):
    """Runs SELECT statements into named tables and moves frames in and out."""

    def run(self, name: str, sql: str) -> None:
        """Create or replace table ``name`` with the rows of the SELECT ``sql``."""

    def frame(self, name_or_query: str) -> pd.DataFrame:
        """Return the rows of a table or of a SELECT."""

    def rows(self, name_or_query: str) -> list[dict[str, Any]]:
        """Return the same as plain Python rows, far cheaper where they are few.

        Null and NaN are None, and a timestamp is its date.
        """

    def fill(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> None:
        """Create or replace table ``name`` with exactly ``columns`` (name to SQL type) and a few rows."""

    def register_frame(self, name: str, frame: pd.DataFrame) -> None:
        """Make ``frame`` readable as table ``name``."""

    def columns(self, name: str) -> list[str]:
        """Return the column names of a table; empty when there is no such table."""

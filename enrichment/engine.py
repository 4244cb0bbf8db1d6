"""What the models need of an SQL engine; the real one is DuckDB or PostgreSQL, outside this package."""

from __future__ import annotations

from typing import Protocol

import pandas as pd


class EngineProtocol(Protocol):
    """Runs SELECT statements into named tables and moves frames in and out."""

    def run(self, name: str, sql: str) -> None:
        """Create or replace table ``name`` with the rows of the SELECT ``sql``."""

    def frame(self, name_or_query: str) -> pd.DataFrame:
        """Return the rows of a table or of a SELECT."""

    def register_frame(self, name: str, frame: pd.DataFrame) -> None:
        """Make ``frame`` readable as table ``name``."""

    def columns(self, name: str) -> list[str]:
        """Return the column names of a table; empty when there is no such table."""

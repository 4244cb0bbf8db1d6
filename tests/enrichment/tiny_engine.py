"""The smallest engine that the core can run on: DuckDB with nothing around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from enrichment.frames import records

_numbers = count()


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    """Return the one connection of the process: to open one takes longer than most tests.

    Over a handful of rows the plan costs more than the query, so it is not optimized.
    """
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("PRAGMA disable_optimizer")
    return connection


class TinyEngine:
    """Implements ``enrichment.engine.EngineProtocol``; a context manager. One at a time is in use."""

    def __init__(self) -> None:
        self._connection = _connection()
        self._database = f"engine_{next(_numbers)}"
        self._columns: dict[str, list[str]] = {}
        self._registered: set[str] = set()
        self._connection.execute(f"ATTACH ':memory:' AS {self._database}; USE {self._database}")

    def __enter__(self) -> TinyEngine:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._registered:
            self._connection.unregister(name)
        self._connection.execute(f"USE memory; DETACH {self._database}")

    def run(self, name: str, sql: str) -> None:
        self._connection.execute(f"CREATE OR REPLACE TABLE {name} AS {sql}")

    def frame(self, name_or_query: str) -> pd.DataFrame:
        query = name_or_query if " " in name_or_query else f"SELECT * FROM {name_or_query}"
        return self._connection.execute(query).df()

    def rows(self, name_or_query: str) -> list[dict[str, Any]]:
        return records(self.frame(name_or_query))

    def fill(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> None:
        typed = ", ".join(f'"{column}" {sql_type}' for column, sql_type in columns.items())
        self._connection.execute(f"CREATE OR REPLACE TABLE {name} ({typed})")
        self._columns[name] = list(columns)
        if rows:
            row = f"({', '.join('?' * len(columns))})"
            values = [value for one in rows for value in one]
            self._connection.execute(f"INSERT INTO {name} VALUES {', '.join([row] * len(rows))}", values)

    def register_frame(self, name: str, frame: pd.DataFrame) -> None:
        arrow = pa.Table.from_pandas(frame, preserve_index=False)
        fields = [f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in arrow.schema]
        self._connection.register(name, arrow.cast(pa.schema(fields)))
        self._registered.add(name)
        self._columns[name] = list(frame.columns)

    def columns(self, name: str) -> list[str]:
        return self._columns.get(name, [])

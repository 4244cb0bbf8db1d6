"""The smallest engine that the core can run on: DuckDB with nothing around it."""

from __future__ import annotations

from functools import cache
from itertools import count

import duckdb
import pandas as pd
import pyarrow as pa

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
        self._registered: dict[str, list[str]] = {}
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

    def register_frame(self, name: str, frame: pd.DataFrame) -> None:
        arrow = pa.Table.from_pandas(frame, preserve_index=False)
        fields = [f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in arrow.schema]
        self._connection.register(name, arrow.cast(pa.schema(fields)))
        self._registered[name] = list(frame.columns)

    def columns(self, name: str) -> list[str]:
        return self._registered.get(name, [])

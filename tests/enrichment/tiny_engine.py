"""The smallest engine that the core can run on: DuckDB with nothing around it."""

from __future__ import annotations

import duckdb
import pandas as pd
import pyarrow as pa


class TinyEngine:
    """Implements ``enrichment.engine.EngineProtocol``; a context manager."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1})
        self._registered: dict[str, list[str]] = {}

    def __enter__(self) -> TinyEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def run(self, name: str, sql: str) -> None:
        self._connection.execute(f"CREATE OR REPLACE TABLE {name} AS {sql}")

    def frame(self, name_or_query: str) -> pd.DataFrame:
        query = name_or_query if " " in name_or_query else f"SELECT * FROM {name_or_query}"
        return self._connection.execute(query).df()

    def register_frame(self, name: str, frame: pd.DataFrame) -> None:
        arrow = pa.Table.from_pandas(frame, preserve_index=False)
        fields = [f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in arrow.schema]
        self._connection.register("incoming", arrow.cast(pa.schema(fields)))
        self.run(name, "SELECT * FROM incoming")
        self._registered[name] = list(frame.columns)

    def columns(self, name: str) -> list[str]:
        return self._registered.get(name, [])

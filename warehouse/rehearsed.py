"""An SQL engine for one computation that is made again and again, over other rows each time.

Over a few rows, most of the time of a statement goes into reading, binding and planning it. What two
computations run as it is written is prepared; the tables stay, and each computation fills them within a
transaction that is rolled back in the end, so that nothing of it remains.

A prepared statement holds for the tables of its place as they were: after any table was made there, each of
its executions would be bound and planned anew. So new tables are made all at once, and all is prepared after.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd
from typing_extensions import override

from saaskpi.errors import StoreError
from warehouse.engine import Engine, arrow_of, quoted

_PLACE: Final = "rehearsed"
_WORD: Final = re.compile(r"\w+")


class UnfitError(Exception):
    """A statement does not fit the tables that former computations left: make it in a new place."""


class RehearsedEngine(Engine):
    """An engine with a place for a computation that is repeated; see :meth:`rehearsed`.

    Args:
        memory_limit: as of :class:`Engine`, like the others.
        threads: how many it may use.
        temp_dir: where it spills to.
    """

    def __init__(
        self, memory_limit: str = "1GB", threads: int | None = None, temp_dir: Path | None = None
    ) -> None:
        super().__init__(memory_limit, threads, temp_dir)
        self._execute("SET parquet_metadata_cache = true")
        self._is_inside = self._is_plain = False
        self._tables: dict[str, Sequence[tuple[str, str]]] = {}
        self._prepared: dict[tuple[str, str], str] = {}
        self._made: dict[str, Sequence[tuple[str, str]]] = {}
        self._common: dict[tuple[str, str], None] = {}
        self._former: set[tuple[str, str]] = set()
        self._seen: dict[tuple[str, str], None] = {}
        self._filled: set[str] = set()
        self._frames: set[str] = set()

    @contextmanager
    def rehearsed(self) -> Iterator[None]:
        """Put what is made from here on into a place of its own; nothing of it is left in the end.

        What is outside can be read as ``memory.main.NAME``, and is not to be written meanwhile.

        Raises:
            UnfitError: the computation is another one than before; what was learnt is forgotten.
        """
        self._execute(f"ATTACH IF NOT EXISTS ':memory:' AS {_PLACE}")
        self._seen, self._filled, self._frames = {}, set(), set()
        self._execute(f"USE {_PLACE}")
        try:
            made = yield from self._within()
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ConversionException) as error:
            self.forget()
            raise UnfitError(type(error).__name__) from error
        except BaseException:
            self.forget()
            raise
        self._execute("USE memory")
        self._made |= made
        self._common |= dict.fromkeys(one for one in self._seen if one in self._former)
        self._former = set(self._seen)

    def _within(self) -> Generator[None, None, dict[str, Sequence[tuple[str, str]]]]:
        """Let a computation be made; return the tables that are new."""
        self._execute("BEGIN")
        self._is_inside = True
        try:
            yield
            new = self._filled - self._tables.keys() - self._made.keys()
            return {name: self._described(name) for name in new}
        finally:
            self._is_inside = False
            self._execute("ROLLBACK")

    @contextmanager
    @override
    def unoptimized(self) -> Iterator[None]:
        self._execute("PRAGMA disable_optimizer")
        self._is_plain = True
        try:
            yield
        finally:
            self._is_plain = False
        # After an error nothing can be said before the transaction has ended: see forget().
        self._execute("PRAGMA enable_optimizer")

    def forget(self) -> None:
        """Forget what was learnt of former computations."""
        self._execute("PRAGMA enable_optimizer")
        self._execute("USE memory")
        self._execute(f"DETACH DATABASE IF EXISTS {_PLACE}")
        self._forget_statements()
        self._tables, self._made, self._common, self._former = {}, {}, {}, set()

    @override
    def run(self, name: str, sql: str) -> None:
        if not self._is_inside:
            super().run(name, sql)
            return
        if self._is_plain:
            self._seen[(name, sql)] = None
        prepared = self._prepared.get((name, sql))
        is_again = name in self._filled
        self._filled.add(name)
        if name not in self._tables or (is_again and name in _WORD.findall(sql)):
            super().run(name, sql)
            return
        if is_again:
            self._execute(f"DELETE FROM {quoted(name)}")
        self._execute(f"EXECUTE {prepared}" if prepared else f"INSERT INTO {quoted(name)} BY NAME {sql}")

    @override
    def fill(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> None:
        if not self._is_inside:
            super().fill(name, columns, rows)
            return
        is_again = name in self._filled
        self._filled.add(name)
        if name not in self._tables:
            super().fill(name, columns, rows)
            return
        if is_again:
            self._execute(f"DELETE FROM {quoted(name)}")
        self._insert(name, columns, rows)

    @override
    def register_frame(self, name: str, frame: pd.DataFrame) -> None:
        if not self._is_inside:
            super().register_frame(name, frame)
            return
        self._connection.register(name, arrow_of(frame))
        self._frames.add(name)

    @override
    def _selected(self, name_or_query: str) -> duckdb.DuckDBPyConnection:
        if not self._is_inside:
            return super()._selected(name_or_query)
        if self._is_plain:
            self._seen[("", name_or_query)] = None
        prepared = self._prepared.get(("", name_or_query))
        return self._execute(f"EXECUTE {prepared}") if prepared else super()._selected(name_or_query)

    @override
    def columns(self, name: str) -> list[str]:
        # A statement that names no table would end the transaction.
        if self._is_inside and name not in self._filled | self._frames:
            return []
        return super().columns(name)

    def _described(self, name: str) -> Sequence[tuple[str, str]]:
        """Return the columns of a table and their types."""
        return [(row[0], row[1]) for row in self._execute(f"DESCRIBE {quoted(name)}").fetchall()]

    def settle(self) -> None:
        """Prepare what the last computations had in common; they need not wait for it.

        What cannot be prepared is no error: the next computation is made without, and learnt from anew.
        """
        try:
            self._settle()
        except (duckdb.Error, StoreError):
            self.forget()

    def _settle(self) -> None:
        new = [one for one in self._common if one not in self._prepared]
        if not self._made and not new:
            return
        self._execute(f"USE {_PLACE}")
        if self._made:
            for name, columns in self._made.items():
                listed = ", ".join(f'"{column}" {sql_type}' for column, sql_type in columns)
                self._execute(f"CREATE TABLE {quoted(name)} ({listed})")
            self._tables |= self._made
            new = [*self._prepared, *new]
            self._forget_statements()
            self._made = {}
        with self.unoptimized():
            for name, sql in new:
                # Frames are other ones each time.
                if not self._frames.intersection(_WORD.findall(sql)):
                    self._prepare(name, sql)
        self._common = {}
        self._execute("USE memory")

    def _forget_statements(self) -> None:
        for name in self._prepared.values():
            self._execute(f"DEALLOCATE {name}")
        self._prepared = {}

    def _prepare(self, name: str, sql: str) -> None:
        prepared = f"statement_{len(self._prepared)}"
        into = f"INSERT INTO {quoted(name)} " if name else "SELECT * FROM " if sql.isidentifier() else ""
        self._execute(f"PREPARE {prepared} AS {into}{sql}")
        self._prepared[(name, sql)] = prepared

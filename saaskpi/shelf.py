"""The landing in the order of whom its rows belong to, so that the rows of a few accounts are found at once.

A landing holds each stream in the order in which it was read: the invoices of one customer lie in every part
of it. The shelf is a copy of what the models read of it, each stream in the order of ``owner``: the Stripe
customer, or the HubSpot company that a record counts for. It is made anew when the full reads are others than
those it was made of, or somebody was taken out of them; what was read after them in deltas is little, and is
kept in memory beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from enrichment.sources import SOURCES, landed_columns, record_key
from saaskpi.shelf_copy import CARRIED, LINKS, RECORDS, THROUGH, make_copy, owner_of
from warehouse.deltas import Void
from warehouse.engine import Engine, joined_values
from warehouse.landing import Landing
from warehouse.parquet import read_small

SHELF: Final = "shelf"
"""Its folder in the home."""
CARRYING: Final = "carrying_items"
"""The items of :data:`saaskpi.shelf_copy.CARRIED`, in memory; there is none without items."""
FEW_ROWS: Final = 500
"""A table of rows of deltas grows by so many, and doubles, before superseded rows are taken out of it."""

_ITEMS: Final = "stripe_subscription_items"
GLOBAL: Final = (
    "stripe_products",
    "stripe_prices",
    "stripe_coupons",
    "stripe_meters",
    "hubspot_owners",
    "hubspot_pipelines",
)
"""Streams that belong to everybody; they are small."""
ANYBODY: Final = "TRUE"
"""The condition on ``owner`` that every row meets."""


@dataclass
class _Shape:
    """A table of rows of deltas as it was made last.

    Attributes:
        schema: of the files whose rows it took in.
        kept: its rows then.
        more: rows that were appended since.
    """

    schema: pa.Schema
    kept: int
    more: int = 0

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.kept + self.more

    def takes(self, incoming: pa.Table) -> bool:
        """Say whether rows can be appended; counts them as if they were."""
        self.more += len(incoming)
        return bool(self.schema.equals(incoming.schema)) and self.more <= FEW_ROWS + self.kept


class Shelf:
    """The streams of a landing as tables of an engine, each with ``owner`` where it has one.

    Args:
        engine: stays open; the streams are its views.
        landing: of the home.
        folder: where the copy is kept.
        memory_limit: for making the copy.
        threads: for making the copy.

    Attributes:
        news: the streams of which the last update took in rows of deltas, each with the least ``_seq`` of
            them.
        full_rows: how many rows the copy has.
    """

    def __init__(
        self, engine: Engine, landing: Landing, folder: Path, memory_limit: str, threads: int | None
    ) -> None:
        self._engine = engine
        self._landing = landing
        self._folder = folder
        self._limits = (memory_limit, threads)
        self._made_of = ""
        self.news: dict[str, int] = {}
        self.full_rows = 0
        self._deltas: dict[str, list[Path]] = {}
        self._shapes: dict[str, _Shape] = {}
        self._void: dict[str, tuple[list[Void], str]] = {}
        self._ahead: dict[tuple[str, str], str] = {}
        self._is_ahead = False

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that are there."""
        return tuple(self._deltas)

    @property
    def delta_rows(self) -> int:
        """How many rows of deltas are kept in memory."""
        return sum(shape.rows for shape in self._shapes.values())

    def update(self) -> bool:
        """Take in what the landing holds by now; True when the full reads are others.

        Raises:
            StoreError: the landing is damaged, or the disk refuses.
        """
        self.news = {}
        view = self._landing.view()
        files = {one: view.files(one) for one in SOURCES if one in set(view.streams())}
        fulls = {one: [path for path in paths if _is_full(path)] for one, paths in files.items()}
        # Whoever is taken out of the landing is not in a copy of it either.
        name = hashlib.sha256(repr((fulls, view.erased())).encode()).hexdigest()[:16]
        is_other = name != self._made_of
        if is_other:
            made = self._folder / name
            if not made.is_dir():
                make_copy(fulls, made, self._folder, *self._limits)
            self._open(made, fulls)
            self._made_of, self._deltas, self._shapes = name, {one: [] for one in fulls}, {}
        # What a line belongs to is known by its invoice, which may have come with it.
        for stream, paths in sorted(files.items(), key=lambda one: one[0] in THROUGH):
            self._add(stream, [path for path in paths if not _is_full(path)])
        self._leave_out({one: rules for one in files if (rules := view.gone(one))})
        return is_other

    def rows(self, stream: str, owned: str, also: str = "TRUE") -> str:
        """Return the SELECT of a stream's rows that are not void.

        Args:
            stream: one of ``streams``.
            owned: whose rows, as a condition on ``owner``. Deltas do not tell it of what is linked: of those,
                all rows meet it.
            also: a further condition.
        """
        is_linked = stream in RECORDS or stream == "hubspot_associations"
        void = self._void[stream][1] if stream in self._void else ""
        parts = [(self._copied(f"full_{stream}", owned), owned)]
        if stream in self._shapes:  # otherwise the table of deltas is empty
            parts.append((f"delta_{stream}", ANYBODY if is_linked else owned))
        return " UNION ALL BY NAME ".join(
            f"SELECT landed.* FROM memory.main.{table} landed WHERE ({whose}) AND ({also}){void}"
            for table, whose in parts
        )

    def links_to(self, where: str) -> str:
        """Return the SELECT of ``from_object_type``, ``from_id`` and ``owner`` of links, some of them void.

        Args:
            where: a condition on ``to_object_type`` and ``to_id``.
        """
        return " UNION ALL BY NAME ".join(
            f"SELECT from_object_type, from_id, owner FROM memory.main.{table} WHERE {where}"
            for table in (self._copied(LINKS, where), "delta_hubspot_associations")
        )

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Take what is asked for out of the copy at once, and give it to whoever asks for the same later."""
        self.forget_ahead()
        self._is_ahead = True
        try:
            yield
        finally:
            self._is_ahead = False

    def forget_ahead(self) -> None:
        """Free what was taken out ahead."""
        for table in self._ahead.values():
            self._engine.drop(table)
        self._ahead = {}

    def _copied(self, name: str, where: str) -> str:
        """Return the table that has the rows of the copy that meet a condition, perhaps among others."""
        if self._is_ahead and where != ANYBODY and (name, where) not in self._ahead:
            table = f"ahead_{len(self._ahead)}"
            self._engine.run(table, f"SELECT * FROM {name} WHERE {where}")
            self._ahead[name, where] = table
        return self._ahead.get((name, where), name)

    def _open(self, made: Path, fulls: Mapping[str, Sequence[Path]]) -> None:
        self.forget_ahead()
        for stream in fulls:
            self._engine.register_files(f"full_{stream}", [made / f"{stream}.parquet"])
            if stream in GLOBAL:  # read by every computation
                self._engine.run(f"held_{stream}", f"SELECT * FROM full_{stream}")
                self._engine.view(f"full_{stream}", f"SELECT * FROM memory.main.held_{stream}")
            self._engine.run(f"delta_{stream}", f"SELECT * FROM full_{stream} WHERE 1 = 0")
        self.full_rows = sum(pq.read_metadata(made / f"{one}.parquet").num_rows for one in fulls)
        self._engine.register_files(LINKS, [made / f"{LINKS}.parquet"])
        if _ITEMS in fulls:
            self._engine.register_files(CARRIED, [made / f"{CARRIED}.parquet"])
            self._engine.run(
                CARRYING, f"SELECT * FROM full_{_ITEMS} WHERE id IN (SELECT item_id FROM {CARRIED})"
            )

    def _add(self, stream: str, paths: list[Path]) -> None:
        """Take the rows of further files into memory; deltas that were merged hold some that are there."""
        former, self._deltas[stream] = self._deltas[stream], paths
        new = [path for path in paths if path not in former]
        if not new:
            return
        # Read past the engine, which keeps what it knows of each file that it has read.
        tables = [read_small(path) for path in new]
        incoming = pa.concat_tables(tables, promote_options="permissive")
        if not set(former) <= set(paths):
            known = self._engine.arrow(f"SELECT _seq FROM delta_{stream}")["_seq"]
            incoming = incoming.filter(pc.invert(pc.is_in(incoming["_seq"], value_set=known)))
        if not len(incoming):
            return
        self._engine.lend("incoming", incoming)
        there = set(incoming.column_names)
        columns = ", ".join(f'l."{name}"' for name in landed_columns(stream) if name in there)
        owner, joined = "CAST(NULL AS VARCHAR)", ""
        if stream in THROUGH:
            owner, joined = _owner_in_delta(stream)
        elif stream not in RECORDS and stream != "hubspot_associations":
            owner, joined = owner_of(stream, there)
        table = f"delta_{stream}"
        rows = f"SELECT {columns}, {owner} AS owner FROM incoming l{joined}"
        shape = self._shapes.get(stream)
        if shape and shape.takes(incoming):
            self._engine.append(table, rows)
        else:
            # Only the newest row of each record: whoever is read again and again must not fill the memory.
            key = ", ".join(f'"{name}"' for name in record_key(stream))
            self._engine.run(
                table,
                f"SELECT * FROM (SELECT * FROM {table} UNION ALL BY NAME {rows}) "
                f"QUALIFY ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY _seq DESC) = 1",
            )
            self._shapes[stream] = _Shape(incoming.schema, self._engine.count(table))
        self.news[stream] = pc.min(incoming["_seq"]).as_py()

    def _leave_out(self, void: Mapping[str, list[Void]]) -> None:
        """Let rows be void from now on; what a stream's rules come to is kept while they are the same."""
        former = self._void
        self._void = {
            stream: former[stream]
            if stream in former and former[stream][0] == rules
            else (rules, self._without(stream, rules))
            for stream, rules in void.items()
        }

    def _without(self, stream: str, rules: Sequence[Void]) -> str:
        """Return the condition that leaves void rows out; the rules go into a table."""
        self._engine.register_frame(f"void_{stream}", pd.DataFrame(rules, columns=list(Void._fields)))
        return "".join(
            f" AND NOT EXISTS (SELECT 1 FROM memory.main.void_{stream} v "
            f"WHERE v.\"column\" = '{column}' AND v.value = {joined_values(column)} "
            "AND v.seq > landed._seq)"
            for column in sorted({rule.column for rule in rules})
        )


def _owner_in_delta(stream: str) -> tuple[str, str]:
    column, above = THROUGH[stream]
    owners = " UNION ALL ".join(
        f"SELECT id, customer FROM {part}_{above} WHERE id IN (SELECT {column} FROM incoming)"
        for part in ("full", "delta")
    )
    named = f"SELECT id, MIN(customer) AS customer FROM ({owners}) found GROUP BY id"
    return "o.customer", f" LEFT JOIN ({named}) o ON o.id = l.{column}"


def _is_full(path: Path) -> bool:
    return path.parent.name.startswith("full-")

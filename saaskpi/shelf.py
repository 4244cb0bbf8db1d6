"""The landing in the order of whom its rows belong to, so that the rows of a few accounts are found at once.

A landing holds each stream in the order in which it was read: the invoices of one customer lie in every part
of it. The shelf is a copy of what the models read of it, each stream in the order of ``owner``: the Stripe
customer, or the HubSpot company that a record counts for. It is made anew when the full reads are others than
those it was made of, or somebody was taken out of them; what was read after them in deltas is little, and is
kept in memory beside it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from enrichment.sources import SOURCES, landed_columns, record_key
from warehouse.deltas import Void
from warehouse.engine import Engine, joined_values
from warehouse.files import make_directory, sync_directory, writing
from warehouse.landing import Landing
from warehouse.parquet import read_small

SHELF: Final = "shelf"
"""Its folder in the home."""
LINKS: Final = "links"
"""The associations once more, in the order of what they lead to; ``owner`` is that of what they come from."""
CARRYING: Final = "carrying_items"
"""One item per price that no list of prices has, in memory; there is none without items."""
GROUP: Final = 2_048
"""Rows that are read at a time: a few owners' worth."""
FEW_ROWS: Final = 500
"""A table of rows of deltas grows by so many, and doubles, before superseded rows are taken out of it."""

_ITEMS: Final = "stripe_subscription_items"
_CARRIED: Final = "carried_prices"
"""Which those are: price_id, item_id."""
_OF_CUSTOMERS: Final = (
    "stripe_subscriptions",
    "stripe_invoices",
    "stripe_charges",
    "stripe_discounts",
    "stripe_meter_event_summaries",
)
_THROUGH: Final = {
    "stripe_subscription_items": ("subscription", "stripe_subscriptions"),
    "stripe_invoice_lines": ("invoice", "stripe_invoices"),
}
"""Streams whose rows name a record that names the customer."""
BY_ID: Final = ("stripe_customers", "hubspot_companies", "hubspot_contacts")
"""Streams that are in the order of their own ids."""
GLOBAL: Final = (
    "stripe_products",
    "stripe_prices",
    "stripe_coupons",
    "stripe_meters",
    "hubspot_owners",
    "hubspot_pipelines",
)
"""Streams that belong to everybody; they are small."""
RECORDS: Final = (
    "hubspot_calls",
    "hubspot_emails",
    "hubspot_meetings",
    "hubspot_notes",
    "hubspot_tickets",
    "hubspot_feedback_submissions",
    "hubspot_deals",
)
"""What is linked to companies and contacts."""
ANYBODY: Final = "TRUE"
"""The condition on ``owner`` that every row meets."""
_HOMES: Final = """
WITH named AS (
    SELECT id, NULLIF(CAST(properties AS JSON) ->> 'associatedcompanyid', '') AS company_id
    FROM hubspot_contacts
),
linked AS (
    SELECT
        a.from_object_type AS kind,
        a.from_id AS id,
        MIN(CASE WHEN a.to_object_type = 'companies' THEN a.to_id END) AS company_id,
        MIN(c.company_id) AS through
    FROM hubspot_associations a
    LEFT JOIN named c ON a.to_object_type = 'contacts' AND c.id = a.to_id
    GROUP BY a.from_object_type, a.from_id
)
SELECT l.kind, l.id, COALESCE(c.company_id, l.company_id, l.through) AS home
FROM linked l
LEFT JOIN named c ON l.kind = 'contacts' AND c.id = l.id
UNION ALL
SELECT 'contacts', c.id, c.company_id
FROM named c
WHERE c.company_id IS NOT NULL AND c.id NOT IN (SELECT id FROM linked WHERE kind = 'contacts')
"""
_EVENT_CUSTOMER: Final = "((CAST(l.data AS JSON) -> 'object') ->> 'customer')"


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
                _make(fulls, made, self._folder, *self._limits)
            self._open(made, fulls)
            self._made_of, self._deltas, self._shapes = name, {one: [] for one in fulls}, {}
        # What a line belongs to is known by its invoice, which may have come with it.
        for stream, paths in sorted(files.items(), key=lambda one: one[0] in _THROUGH):
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
            self._engine.register_files(_CARRIED, [made / f"{_CARRIED}.parquet"])
            self._engine.run(
                CARRYING, f"SELECT * FROM full_{_ITEMS} WHERE id IN (SELECT item_id FROM {_CARRIED})"
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
        if stream in _THROUGH:
            owner, joined = _owner_in_delta(stream)
        elif stream not in RECORDS and stream != "hubspot_associations":
            owner, joined = _owner(stream, there)
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
    column, above = _THROUGH[stream]
    owners = " UNION ALL ".join(
        f"SELECT id, customer FROM {part}_{above} WHERE id IN (SELECT {column} FROM incoming)"
        for part in ("full", "delta")
    )
    named = f"SELECT id, MIN(customer) AS customer FROM ({owners}) found GROUP BY id"
    return "o.customer", f" LEFT JOIN ({named}) o ON o.id = l.{column}"


def _is_full(path: Path) -> bool:
    return path.parent.name.startswith("full-")


def _make(
    fulls: Mapping[str, Sequence[Path]], made: Path, folder: Path, memory_limit: str, threads: int | None
) -> None:
    """Write the copy; it is there whole or not at all."""
    incoming = folder / ".incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    make_directory(incoming)
    with Engine(memory_limit, threads, folder / "tmp") as engine:
        _register(engine, fulls)
        engine.run("homes", _HOMES)
        for name, sql in _statements(engine, fulls):
            engine.write(sql, incoming / f"{name}.parquet", group=GROUP)
    with writing(folder):
        for former in folder.glob("[!.]*/"):
            shutil.rmtree(former, ignore_errors=True)
        incoming.replace(made)
        sync_directory(folder)


def _register(engine: Engine, fulls: Mapping[str, Sequence[Path]]) -> None:
    """Register the streams; those that the homes are found by are there in any case."""
    for stream, paths in fulls.items():
        engine.register_files(stream, paths)
    for stream in SOURCES:
        if stream not in fulls:
            columns = ", ".join(f'CAST(NULL AS VARCHAR) AS "{name}"' for name in landed_columns(stream))
            engine.run(stream, f"SELECT {columns} WHERE 1 = 0")


def _statements(engine: Engine, fulls: Mapping[str, Sequence[Path]]) -> Iterable[tuple[str, str]]:
    for stream in fulls:
        there = engine.columns(stream)
        columns = ", ".join(f'l."{name}"' for name in landed_columns(stream) if name in there)
        owner, joined = _owner(stream, there)
        more = ""
        if stream == "hubspot_associations":
            more = ", t.home AS to_home"
            joined += (
                " LEFT JOIN homes t ON t.kind = 'contacts' AND l.to_object_type = t.kind AND t.id = l.to_id"
            )
        yield stream, f"SELECT {columns}, {owner} AS owner{more} FROM {stream} l{joined} ORDER BY owner"
    yield (
        LINKS,
        "SELECT l.to_object_type, l.to_id, l.from_object_type, l.from_id, h.home AS owner "
        "FROM hubspot_associations l LEFT JOIN homes h ON h.kind = l.from_object_type AND h.id = l.from_id "
        "ORDER BY l.to_id",
    )
    yield (
        _CARRIED,
        "SELECT CAST(price AS JSON) ->> 'id' AS price_id, MIN(id) AS item_id FROM stripe_subscription_items "
        "WHERE CAST(price AS JSON) ->> 'id' NOT IN (SELECT id FROM stripe_prices) GROUP BY 1",
    )


def _owner(stream: str, there: Collection[str]) -> tuple[str, str]:
    """Return the expression of the owner and what it has to be joined with."""
    if stream in BY_ID:
        return "l.id", ""
    if stream in _OF_CUSTOMERS and "customer" in there:
        return "l.customer", ""
    if stream in _THROUGH:
        column, above = _THROUGH[stream]
        owners = f"SELECT id, MIN(customer) AS customer FROM {above} GROUP BY id"
        return "o.customer", f" LEFT JOIN ({owners}) o ON o.id = l.{column}"
    if stream == "stripe_events":
        return _EVENT_CUSTOMER, ""
    if stream in RECORDS:
        kind = stream.removeprefix("hubspot_")
        return "h.home", f" LEFT JOIN homes h ON h.kind = '{kind}' AND h.id = l.id"
    if stream == "hubspot_associations":
        return "h.home", " LEFT JOIN homes h ON h.kind = l.from_object_type AND h.id = l.from_id"
    return "CAST(NULL AS VARCHAR)", ""

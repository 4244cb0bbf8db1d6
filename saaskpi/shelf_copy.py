"""The sorted copy of a landing: each stream in the order of whom its rows belong to."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from enrichment.sources import SOURCES, landed_columns
from warehouse.engine import Engine
from warehouse.files import make_directory, sync_directory, writing

LINKS: Final = "links"
"""The associations once more, in the order of what they lead to; ``owner`` is that of what they come from."""
CARRIED: Final = "carried_prices"
"""One item per price that no list of prices has: price_id, item_id."""
_BY_CUSTOMER: Final = (
    "stripe_subscriptions",
    "stripe_invoices",
    "stripe_charges",
    "stripe_discounts",
    "stripe_meter_event_summaries",
)
"""Streams whose rows name the customer."""
THROUGH: Final = {
    "stripe_subscription_items": ("subscription", "stripe_subscriptions"),
    "stripe_invoice_lines": ("invoice", "stripe_invoices"),
}
"""Streams whose rows name a record that names the customer."""
BY_ID: Final = ("stripe_customers", "hubspot_companies", "hubspot_contacts")
"""Streams that are in the order of their own ids."""
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
GROUP: Final = 2_048
"""Rows that are read at a time: a few owners' worth."""
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


def make_copy(
    fulls: Mapping[str, Sequence[Path]], made: Path, folder: Path, memory_limit: str, threads: int | None
) -> None:
    """Write the copy; it is there whole or not at all.

    Args:
        fulls: the files of the full reads, by stream.
        made: the folder that it is to become.
        folder: where that lies; copies that are there are removed.
        memory_limit: of the engine that sorts.
        threads: of that engine.

    Raises:
        StoreError: the disk refuses, or a file is damaged.
    """
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
        owner, joined = owner_of(stream, there)
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
        CARRIED,
        "SELECT CAST(price AS JSON) ->> 'id' AS price_id, MIN(id) AS item_id FROM stripe_subscription_items "
        "WHERE CAST(price AS JSON) ->> 'id' NOT IN (SELECT id FROM stripe_prices) GROUP BY 1",
    )


def owner_of(stream: str, there: Collection[str]) -> tuple[str, str]:
    """Return the SQL of the owner of a stream's rows ``l``, and what they have to be joined with.

    Args:
        stream: whose rows.
        there: the columns that they have.
    """
    if stream in BY_ID:
        return "l.id", ""
    if stream in _BY_CUSTOMER and "customer" in there:
        return "l.customer", ""
    if stream in THROUGH:
        column, above = THROUGH[stream]
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

"""The import: Stripe's dashboard exports into the raw landing, in the shape that a pull leaves there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from singer_sdk.singerlib import RecordMessage, SchemaMessage

from connectors.stripe.streams import load_schema
from saaskpi.errors import DataError, UsageError
from saaskpi.imports import customers, invoices, subscriptions
from saaskpi.imports.csv_file import CsvFile, read_csv
from saaskpi.imports.exports import CUSTOMERS, INVOICES, KINDS, SUBSCRIPTIONS, kind_of
from saaskpi.imports.home import claim_for_import
from saaskpi.imports.records import Converted, KeptAside, Record
from saaskpi.imports.subscriptions import AmountIs
from warehouse.landing import Landing
from warehouse.landing_writer import LandingWriter
from warehouse.store import Store

STREAMS: Final = (
    customers.STREAM,
    subscriptions.PRODUCTS,
    subscriptions.PRICES,
    subscriptions.STREAM,
    subscriptions.ITEMS,
    invoices.STREAM,
    invoices.LINES,
)
KEPT_ASIDE: Final = "import_kept_aside"
"""The landing's stream of rows that could not be used: ``id`` (file:line), ``file, line, reason, row``."""
_KEPT_ASIDE_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "file": {"type": "string"},
        "line": {"type": "integer"},
        "reason": {"type": "string"},
        "row": {"type": "object"},
    },
}
_NEVER_TOLD: Final = (
    "An export does not tell: what coupons take off and how long (MRR is before discounts), tiers, "
    "usage, taxes, prorations, paused collection, refunds, credit notes, and HubSpot. See docs/import.md."
)
_MISSING: Final = {
    SUBSCRIPTIONS: "Without the export of subscriptions there is no MRR today.",
    INVOICES: "Without the export of invoices there is no history: today's price counts from each start.",
    CUSTOMERS: "Without the export of customers, names are what the other files tell.",
}


@dataclass(frozen=True)
class ImportResult:
    """What an import brought.

    Attributes:
        files: name of each file and what it holds.
        rows: records per stream.
        kept_aside: rows that could not be used, with file, line and reason.
        notes: what the files cannot tell, a sentence each.
    """

    files: dict[str, str]
    rows: dict[str, int]
    kept_aside: list[KeptAside]
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def import_files(
    paths: Sequence[Path],
    *,
    landing: Landing,
    store: Store,
    home: Path,
    now: datetime,
    amount_is: AmountIs = "auto",
) -> ImportResult:
    """Land Stripe's exports; replaces what was imported before.

    Args:
        paths: exports of subscriptions, customers and invoices, in any order and number.
        landing: of the home.
        store: of the home; remembers that the home holds imported files.
        home: for messages.
        now: when the import begins (UTC, aware).
        amount_is: what the column Amount of the subscriptions means.

    Raises:
        UsageError: a file cannot be read or is none of these exports.
        StoreError: the home holds pulled numbers, or cannot be written.
    """
    files = [(file, kind_of(file)) for file in map(read_csv, paths)]
    converted = convert(files, amount_is)
    claim_for_import(store, landing, home)
    with landing.begin(now) as writer:
        _land(converted, writer)
    return ImportResult(
        files={file.name: kind for file, kind in files},
        rows={stream: len(converted.records(stream)) for stream in STREAMS},
        kept_aside=converted.kept_aside,
        notes=[note for file, _ in files for note in file.notes] + converted.notes,
    )


def convert(files: Iterable[tuple[CsvFile, str]], amount_is: AmountIs = "auto") -> Converted:
    """Return the records that the files tell, in the shape of Stripe's API.

    Args:
        files: each with its kind.
        amount_is: what the column Amount of the subscriptions means.

    Raises:
        UsageError: the amounts of a file have two different decimal marks.
    """
    by_kind: dict[str, list[CsvFile]] = defaultdict(list)
    for file, kind in files:
        by_kind[kind].append(file)
    into = Converted()
    try:
        customers.add_customers(by_kind[CUSTOMERS], into)
        items = subscriptions.add_subscriptions(by_kind[SUBSCRIPTIONS], amount_is, into)
        invoices.add_invoices(by_kind[INVOICES], items, into)
    except DataError as error:  # of a whole file; that of a row is kept with it
        raise UsageError(error.message, hint="Give the files as Stripe made them.") from None
    into.notes += [_MISSING[kind] for kind in KINDS if not by_kind[kind]]
    into.notes += _coupons(by_kind[SUBSCRIPTIONS])
    into.notes.append(_NEVER_TOLD)
    return into


def _coupons(files: Sequence[CsvFile]) -> list[str]:
    count = sum(1 for file in files for _ in file.column("coupon"))
    return (
        [f"Subscriptions with a coupon: {count}; the export does not tell what it takes off."]
        if count
        else []
    )


def _land(converted: Converted, writer: LandingWriter) -> None:
    """Write every stream, empty ones too, so that nothing of an import before stays beside it."""
    for stream in STREAMS:
        writer.write_message(SchemaMessage(stream, load_schema(stream), ["id"]))
        for record in converted.records(stream).values():
            writer.write_message(RecordMessage(stream, record))
    writer.write_message(SchemaMessage(KEPT_ASIDE, _KEPT_ASIDE_SCHEMA, ["id"]))
    for row in converted.kept_aside:
        writer.write_message(RecordMessage(KEPT_ASIDE, _kept_aside(row)))


def _kept_aside(row: KeptAside) -> Record:
    record = {"id": f"{row.file}:{row.line}", "file": row.file, "line": row.line, "reason": row.reason}
    return {**record, "row": dict(row.cells)}

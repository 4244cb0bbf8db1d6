"""Which columns of a list of MRR per customer are what: told from the header alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from enrichment.money import exponent
from saaskpi.errors import DataError, UsageError
from saaskpi.imports.csv_file import CsvFile, Row
from saaskpi.imports.records import required
from saaskpi.imports.values import parse_amount, parse_month, parse_time

WIDE, LONG, CHANGES = "wide", "long", "changes"
KIND_NAMES: Final = {
    WIDE: "MRR per subscriber, one column per month",
    LONG: "MRR per customer and month",
    CHANGES: "a log of MRR changes",
}
_CUSTOMER: Final = ("customer id", "stripe customer id", "subscriber id", "customer", "subscriber")
_MONTH: Final = ("month", "period", "month end", "date", "as of")
_MRR: Final = ("mrr", "mrr amount", "ending mrr", "amount")
_CHANGE: Final = ("mrr change", "change in mrr", "mrr delta", "mrr movement", "delta mrr", "change", "delta")
_AFTER: Final = ("new mrr", "mrr after", "current mrr", "ending mrr", "mrr")
_BEFORE: Final = ("previous mrr", "old mrr", "mrr before", "prior mrr", "starting mrr")
_WHEN: Final = (
    "event timestamp", "timestamp", "local event timestamp", "event date", "change date", "effective at",
    "created (utc)", "date (utc)", "date", "time",
)  # fmt: skip
_IN_BRACKETS: Final = re.compile(r"^(.*\S)\s*\(([a-z]{3})\)$", re.ASCII)
_SIGNS: Final = {"€": "eur", "£": "gbp", "¥": "jpy", "₹": "inr"}


@dataclass(frozen=True, slots=True)
class Told:
    """One amount of the file.

    Attributes:
        customer_id: Stripe's id.
        month: ``2026-10``.
        currency: lower case, empty when the file does not tell.
        amount: MRR at the month's end in units; in a log, what changed within the month.
    """

    customer_id: str
    month: str
    currency: str
    amount: Decimal


@dataclass(frozen=True)
class MrrColumns:
    """How to read the rows of a file.

    Attributes:
        kind: ``wide``, ``long`` or ``changes``.
        amounts: the columns that hold amounts.
        read: returns what a row tells, given the file's decimal mark; raises ``DataError``.
    """

    kind: str
    amounts: Sequence[str]
    read: Callable[[Row, str], Iterator[Told]]


def columns_of(file: CsvFile) -> MrrColumns:
    """Find the columns of a file.

    Raises:
        UsageError: it is no list of MRR per customer.
    """
    customer = _first(file, _CUSTOMER)
    named = {name: _without_code(name) for name in file.header if name}
    by_month = {name: month for name, (bare, _) in named.items() if (month := _month(bare))}
    bare_names = {bare: name for name, (bare, _) in reversed(named.items())}
    if customer and by_month:
        return MrrColumns(WIDE, list(by_month), _wide(customer, by_month))
    change, after, before = (_first(bare_names, names) for names in (_CHANGE, _AFTER, _BEFORE))
    when = _first(file, _WHEN)
    if customer and when and (change or (after and before)):
        amounts = [bare_names[change]] if change else [bare_names[after], bare_names[before]]
        return MrrColumns(CHANGES, amounts, _changes(customer, when, amounts))
    month, mrr = _first(file, _MONTH), _first(bare_names, _MRR)
    if customer and month and mrr:
        return MrrColumns(LONG, [bare_names[mrr]], _long(customer, month, bare_names[mrr]))
    raise UsageError(
        f"{file.name} is no list of MRR per customer: its columns are {', '.join(file.titles[:12])}.",
        hint="Give Stripe's 'MRR per subscriber per month' or 'Customer MRR changes', or a CSV with the "
        "columns customer,month,mrr,currency.",
    )


def _wide(customer: str, by_month: Mapping[str, str]) -> Callable[[Row, str], Iterator[Told]]:
    def read(row: Row, mark: str) -> Iterator[Told]:
        named = required(row, customer)
        for column, month in by_month.items():
            if row.cells[column]:
                yield _told(row, named, month, column, mark)

    return read


def _long(customer: str, month: str, mrr: str) -> Callable[[Row, str], Iterator[Told]]:
    def read(row: Row, mark: str) -> Iterator[Told]:
        yield _told(row, required(row, customer), parse_month(required(row, month)), mrr, mark)

    return read


def _changes(customer: str, when: str, amounts: Sequence[str]) -> Callable[[Row, str], Iterator[Told]]:
    """Read the change itself, or the MRR after it less the MRR before it."""

    def read(row: Row, mark: str) -> Iterator[Told]:
        at = datetime.fromtimestamp(parse_time(required(row, when)), UTC)
        named, month = required(row, customer), f"{at:%Y-%m}"
        yield _told(row, named, month, amounts[0], mark)
        if len(amounts) > 1 and row.cells.get(amounts[1]):
            before = _told(row, named, month, amounts[1], mark)
            yield replace(before, amount=-before.amount)

    return read


def _told(row: Row, customer: str, month: str, column: str, mark: str) -> Told:
    text = required(row, column)
    sign = next((code for symbol, code in _SIGNS.items() if symbol in text), "")
    currency = row.first("currency", "currency code").lower() or _without_code(column)[1] or sign
    if currency:
        exponent(currency)
    return Told(customer, month, currency, parse_amount(text, mark))


def _without_code(name: str) -> tuple[str, str]:
    """Return a column's name without the currency in brackets, and that currency."""
    found = _IN_BRACKETS.fullmatch(name)
    if found:
        try:
            exponent(found[2])
        except DataError:
            return name, ""
        return found[1], found[2]
    return name, ""


def _month(name: str) -> str:
    try:
        return parse_month(name)
    except DataError:
        return ""


def _first(columns: CsvFile | Collection[str], names: Sequence[str]) -> str:
    there = columns.header if isinstance(columns, CsvFile) else columns
    return next((name for name in names if name in there), "")

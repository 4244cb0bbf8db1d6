"""Exchange rates that a person gives: rows of ``date, base, quote, rate`` from a CSV file or JSON lines.

``rate`` is how many units of ``quote`` one unit of ``base`` buys: ``2026-10-30,EUR,USD,1.1172`` says that one
euro buys 1.1172 US dollars. One currency, the pivot, stands in every row, on either side; all others are
compared through it. Every row is judged by itself; what cannot be used is kept aside with the reason.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Final

from enrichment.money import exponent
from saaskpi.errors import DataError, UsageError

COLUMNS: Final = ("date", "base", "quote", "rate")
_EXAMPLE: Final = "2026-10-30,EUR,USD,1.1172"
_NUMBER: Final = re.compile(r"\d{1,9}(\.\d{1,12})?")
History = dict[str, dict[date, str]]
"""Currency, then day of publication, to units of the currency for one of the pivot, as exact text."""


@dataclass(slots=True)
class GivenRates:
    """What the rows say.

    Attributes:
        pivot: the currency that stands in every row, lower case.
        history: of every other currency.
        rejected: ``(row, reason)`` of what was kept aside.
    """

    pivot: str
    history: History
    rejected: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    day: date
    base: str
    quote: str
    rate: Fraction

    def against(self, pivot: str) -> tuple[str, Fraction]:
        """Return the other currency and how many of it one unit of the pivot buys."""
        return (self.quote, self.rate) if self.base == pivot else (self.base, 1 / self.rate)


def read_file(path: Path) -> GivenRates:
    """Read a CSV file with the header ``date,base,quote,rate``; other columns are ignored.

    Args:
        path: UTF-8; a semicolon may part the columns.

    Raises:
        UsageError: the file cannot be read, lacks a column, or has no row that can be used.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"The exchange rates {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file in UTF-8.", hint="Save it as CSV (UTF-8).") from error
    lines = text.splitlines()
    header = lines[0].lower() if lines else ""
    reader = csv.reader(lines, delimiter=";" if ";" in header else ",")
    names = [name.strip().lower() for name in next(reader, [])]
    if missing := [name for name in COLUMNS if name not in names]:
        raise UsageError(
            f"{path} has no column {missing[0]!r}.",
            hint=f"Its first line must be date,base,quote,rate and each other like {_EXAMPLE}.",
        )
    rows = ((f"line {reader.line_num}", dict(zip(names, row, strict=False))) for row in reader if any(row))
    return read_rows(rows, str(path))


def read_rows(rows: Iterable[tuple[str, Mapping[str, object]]], where: str) -> GivenRates:
    """Read rows that have the keys ``date``, ``base``, ``quote`` and ``rate``.

    The order of the rows decides nothing: equal rows count once, rows that contradict each other not at all.

    Args:
        rows: each with the name by which a person finds it.
        where: the file or stream, for messages.

    Raises:
        UsageError: no row can be used.
    """
    parsed: list[_Row] = []
    rejected: list[tuple[str, str]] = []
    for name, row in rows:
        try:
            parsed.append(_parse(name, row))
        except DataError as error:
            rejected.append((name, error.message))
    if not parsed:
        hint = f"The first problem: {rejected[0][0]}: {rejected[0][1]}" if rejected else f"Write {_EXAMPLE}."
        raise UsageError(f"{where} has no exchange rate that can be used.", hint=hint)
    pivot = _pivot(parsed)
    history = _history(parsed, pivot, rejected)
    return GivenRates(pivot, history, rejected)


def _pivot(rows: Iterable[_Row]) -> str:
    """Return the currency that most rows have; of two the euro, then the one that is base more often."""
    places = Counter(currency for row in rows for currency in (row.base, row.quote))
    bases = Counter(row.base for row in rows)
    return min(places, key=lambda code: (-places[code], code != "eur", -bases[code], code))


def _history(rows: Iterable[_Row], pivot: str, rejected: list[tuple[str, str]]) -> History:
    """Gather the rows by currency and day; note in ``rejected`` what does not fit together."""
    said: defaultdict[tuple[str, date], dict[Fraction, list[str]]] = defaultdict(dict)
    for row in rows:
        if pivot not in (row.base, row.quote):
            pair = f"{row.base.upper()} and {row.quote.upper()}"
            rejected.append((row.name, f"{pair}: one of them must be {pivot.upper()}, as in the other rows."))
            continue
        currency, rate = row.against(pivot)
        said[currency, row.day].setdefault(rate, []).append(row.name)
    history: History = defaultdict(dict)
    for (currency, day), rates in said.items():
        if len(rates) == 1:
            history[currency][day] = str(next(iter(rates)))
            continue
        names = [name for held in rates.values() for name in held]
        why = f"{currency.upper()} has {len(rates)} different rates on {day}."
        rejected.extend((name, why) for name in names)
    return dict(history)


def _parse(name: str, row: Mapping[str, object]) -> _Row:
    base, quote = _currency(row.get("base"), "base"), _currency(row.get("quote"), "quote")
    if base == quote:
        raise DataError(f"Base and quote are both {base.upper()}.")
    return _Row(name, _day(row.get("date")), base, quote, _rate(row.get("rate")))


def _currency(value: object, column: str) -> str:
    code = str(value or "").strip().lower()
    if not code:
        raise DataError(f"The column {column} is empty.")
    exponent(code)
    return code


def _day(value: object) -> date:
    if isinstance(value, date):
        return value.date() if isinstance(value, datetime) else value
    text = str(value or "").strip()
    try:
        return date.fromisoformat(text[:10] if "T" in text else text)
    except ValueError:
        raise DataError(f"{text!r} is not a day; write it like 2026-10-30.") from None


def _rate(value: object) -> Fraction:
    text = "" if value is None else str(value).strip()
    if not _NUMBER.fullmatch(text) or not Fraction(text):
        raise DataError(
            f"{text!r} is not a rate; write a number above 0 with a point and at most 12 decimals."
        )
    return Fraction(text)

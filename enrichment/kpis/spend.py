"""Spend on sales and marketing: rows as people keep them, made into ``marketing_spend``.

A row has a ``month`` (2026-10) or a ``date`` (2026-10-31), a ``currency`` and an ``amount`` in units of it;
it may have ``segment`` and ``segment_value``. Rows without segment are the company's spend; rows with one are
that segment's share of it and are not added to the company's a second time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

import pandas as pd

from enrichment.kpis.catalogue import MARKETING_SPEND
from enrichment.money import exponent, round_half_even
from saaskpi.errors import DataError, UsageError

_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_NEEDED: Final = "It needs the columns month (2026-10) or date (2026-10-31), currency and amount."
_LARGEST: Final = 10**15
_Key = tuple[str, str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is kept aside: its number, counted from 1, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Spend:
    """What was read of a spend table.

    Attributes:
        table: rows of ``MARKETING_SPEND``, one per month, currency and segment; minor units.
        rejected: the rows that could not be used; the others count.
    """

    table: pd.DataFrame
    rejected: list[Rejected] = field(default_factory=list)


def read_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Spend:
    """Add up the rows of a spend table, exactly, with one rounding per month, currency and segment.

    Args:
        rows: values as text or numbers, by column name.
        columns: the names of the columns, any case.

    Raises:
        UsageError: a column is missing, so that no row could be used.
    """
    _check(columns)
    sums: dict[_Key, Fraction] = {}
    rejected = []
    for number, row in enumerate(rows, start=1):
        try:
            key, minor = _parsed({str(name).strip().lower(): value for name, value in row.items()})
        except DataError as error:
            rejected.append(Rejected(number, str(error)))
        else:
            sums[key] = sums.get(key, Fraction(0)) + minor
    table = [
        (month, currency, round_half_even(minor), segment, value)
        for (month, currency, segment, value), minor in sums.items()
    ]
    return Spend(_typed(table), rejected)


def no_spend() -> Spend:
    """Return the spend of a company that gave none."""
    return Spend(_typed([]))


def _typed(rows: list[tuple[str, str, int, str | None, str | None]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(MARKETING_SPEND), dtype=object)
    return frame.astype({"month": "str", "currency": "str", "amount": "int64"})


def _check(columns: Sequence[str]) -> None:
    names = {str(name).strip().lower() for name in columns}
    if not {"currency", "amount"} <= names or not names & {"month", "date"}:
        raise UsageError(
            f"The spend table has the columns {', '.join(sorted(map(str, columns))) or '(none)'}.",
            hint=_NEEDED,
        )


def _parsed(row: Mapping[str, Any]) -> tuple[_Key, Fraction]:
    """Return the key and the amount in minor units, exact.

    Raises:
        DataError: the row cannot be used.
    """
    currency = _text(row.get("currency")).lower()
    units = _amount(_text(row.get("amount"))) * 10 ** exponent(currency)
    segment, value = _text(row.get("segment")) or None, _text(row.get("segment_value")) or None
    if (segment is None) != (value is None):
        raise DataError("Only one of segment and segment_value is given.", hint="Give both or none.")
    return (_month(_text(row.get("month")) or _text(row.get("date"))), currency, segment, value), units


def _month(text: str) -> str:
    if _MONTH.fullmatch(text):
        return text
    try:
        return f"{date.fromisoformat(text[:10]):%Y-%m}"
    except ValueError:
        raise DataError(f"The month is {text!r}.", hint="Write 2026-10 or 2026-10-31.") from None


def _amount(text: str) -> Fraction:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise DataError(f"The amount is {text!r}.", hint="Write it as 1234.50.") from None
    # NaN and infinity are decimals too; a number of many digits is no spend.
    if not amount.is_finite() or abs(amount) > _LARGEST:
        raise DataError(f"The amount is {text!r}.", hint="Write it as 1234.50.")
    if amount < 0:
        raise DataError(f"The amount is below zero: {text}.", hint="Lower the spend it corrects instead.")
    return Fraction(amount)


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value).strip()

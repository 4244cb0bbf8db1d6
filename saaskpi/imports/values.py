"""Amounts, times, months and billing intervals as people's files write them. Pure.

Everything that cannot be read raises :class:`saaskpi.errors.DataError` with one sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from typing import Final

from enrichment.money import exponent
from saaskpi.errors import DataError

_GROUPS: Final = ".,'\u2019_ \u00a0\u202f"
_MINUS: Final = "-\u2212\u2013"
_DIGITS: Final = re.compile(r"\d.*\d|\d", re.ASCII | re.DOTALL)
_LARGEST: Final = 10**15
_PLAIN: Final = re.compile(r"-?\d{1,15}(\.\d{1,12})?", re.ASCII)
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_YEAR_MONTH: Final = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.]\d{1,2}(?:[T ].*)?)?", re.ASCII)
_MONTH_YEAR: Final = re.compile(r"(\d{1,2})[-/.](\d{4})", re.ASCII)
_NAMED_MONTH: Final = re.compile(r"([a-z]{3,9})\.?[-\s,]*'?(\d{4}|\d{2})", re.ASCII)
_INTERVAL: Final = re.compile(r"(?:every )?(\d{1,3})? ?(day|week|month|year)s?", re.ASCII)
_INTERVAL_WORDS: Final = {
    "daily": ("day", 1),
    "weekly": ("week", 1),
    "monthly": ("month", 1),
    "quarterly": ("month", 3),
    "quarter": ("month", 3),
    "semiannual": ("month", 6),
    "yearly": ("year", 1),
    "annual": ("year", 1),
    "annually": ("year", 1),
}
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_SHOWN: Final = 40


def decimal_mark(amounts: Iterable[str]) -> str:
    """Return the decimal mark of a file's amounts, a point or a comma.

    A mark followed by exactly three digits can be either (``1,234``), so that the whole file decides; without
    any evidence it is a point, as Stripe writes.

    Raises:
        DataError: some amounts have one mark, some the other.
    """
    found: dict[str, str] = {}
    for text in amounts:
        mark = _mark_of(text)
        if mark:
            found.setdefault(mark, text)
        if len(found) > 1:
            raise DataError(f"The amounts {found['.']!r} and {found[',']!r} have different decimal marks.")
    return next(iter(found), ".")


def _mark_of(text: str) -> str:
    """Return what one amount tells of its decimal mark, empty when it tells nothing."""
    digits = _DIGITS.search(text)
    marks = [letter for letter in digits[0] if letter in ".,"] if digits else []
    if not digits or not marks:
        return ""
    last, other = marks[-1], "," if marks[-1] == "." else "."
    if other in marks:
        return last if marks.count(last) == 1 else ""
    if len(marks) > 1:
        return other
    return last if len(digits[0]) - digits[0].rindex(last) != 4 else ""


def parse_amount(text: str, mark: str = ".") -> Decimal:
    """Return an amount in units: ``$1,234.50``, ``1 234,50 EUR``, ``-12.00`` and ``(12.00)`` alike.

    Args:
        text: the cell.
        mark: the decimal mark, from :func:`decimal_mark`.

    Raises:
        DataError: it is no amount.
    """
    if mark == "." and _PLAIN.fullmatch(text):
        return Decimal(text)
    bare = text.strip().lstrip("'")
    negative = bare.startswith("(") and bare.endswith(")")
    bare = _without_currency(bare.strip("()") if negative else bare)
    if bare[:1] and bare[0] in _MINUS:
        negative, bare = True, _without_currency(bare[1:])
    if not _shape(mark).fullmatch(bare):
        raise DataError(f"{shown(text)} is no amount.")
    plain = "".join(letter for letter in bare if letter.isdigit() or letter == mark).replace(mark, ".")
    amount = Decimal(plain)
    if amount > _LARGEST:
        raise DataError(f"{shown(text)} is too large an amount.")
    return -amount if negative else amount


@cache
def _shape(mark: str) -> re.Pattern[str]:
    """Return what digits, groups of two or three with any other mark, and decimals look like."""
    groups = "".join(re.escape(sign) for sign in _GROUPS if sign != mark)
    whole = rf"(?:\d+|\d{{1,3}}(?:[{groups}]\d{{2,3}})*[{groups}]\d{{3}})"
    point = re.escape(mark)
    return re.compile(rf"{whole}(?:{point}\d*)?|{point}\d+", re.ASCII)


def _without_currency(text: str) -> str:
    """Take currency signs and letters off both ends: at most four, as in ``US$``."""

    def is_sign(letter: str) -> bool:
        return letter.isalpha() or letter.isspace() or letter == "+" or unicodedata.category(letter) == "Sc"

    start = next((place for place, letter in enumerate(text[:5]) if not is_sign(letter)), len(text[:5]))
    text = text[start:]
    end = next((place for place, letter in enumerate(text[::-1][:5]) if not is_sign(letter)), len(text[:5]))
    return text[: len(text) - end]


def exact_minor(amount: Decimal, currency: str) -> Decimal:
    """Return an amount in minor units, exactly: prices may have fractions of them.

    Raises:
        DataError: the currency is not known.
    """
    return amount.scaleb(exponent(currency))


def rounded_minor(amount: Decimal, currency: str) -> int:
    """Return an amount in whole minor units, ties to the even neighbour.

    Raises:
        DataError: the currency is not known.
    """
    return int(exact_minor(amount, currency).quantize(Decimal(1), ROUND_HALF_EVEN))


def whole_minor(amount: Decimal, currency: str) -> int:
    """Return an amount in minor units that must be whole, as on an invoice.

    Raises:
        DataError: it has a fraction of the minor unit, or the currency is not known.
    """
    minor = exact_minor(amount, currency)
    if minor != minor.to_integral_value():
        raise DataError(f"{amount} {currency.upper()} has more decimals than the currency.")
    return int(minor)


def parse_time(text: str) -> int:
    """Return an instant as Unix seconds; without a zone it is UTC: ``2026-10-31 13:45``, ``2026-10-31``.

    Raises:
        DataError: it is no time of that form, or lies before 1970 or after 2100.
    """
    try:
        when = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        raise DataError(f"{shown(text)} is no time such as 2026-10-31 13:45.") from None
    if not _FIRST_YEAR <= when.year <= _LAST_YEAR:
        raise DataError(f"{shown(text)} lies before {_FIRST_YEAR} or after {_LAST_YEAR}.")
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


def parse_month(text: str) -> str:
    """Return a month as ``2026-10``: from ``2026-10-01``, ``10/2026``, ``Oct 2026`` or ``Oct-26`` too.

    Raises:
        DataError: it is no month.
    """
    bare = text.strip().lower()
    if found := _YEAR_MONTH.fullmatch(bare.upper()):
        year, month = int(found[1]), int(found[2])
    elif found := _MONTH_YEAR.fullmatch(bare):
        year, month = int(found[2]), int(found[1])
    elif found := _NAMED_MONTH.fullmatch(bare):
        year = int(found[2]) + (2000 if len(found[2]) == 2 else 0)
        month = next((n for n, name in enumerate(_MONTHS, 1) if name.startswith(found[1])), 0)
    else:
        raise DataError(f"{shown(text)} is no month such as 2026-10.")
    if not (1 <= month <= 12 and _FIRST_YEAR <= year <= _LAST_YEAR):
        raise DataError(f"{shown(text)} is no month between {_FIRST_YEAR} and {_LAST_YEAR}.")
    return f"{year:04d}-{month:02d}"


def parse_interval(text: str) -> tuple[str, int]:
    """Return a billing interval and its count: ``month``, ``3 months``, ``every 2 weeks``, ``yearly``.

    Raises:
        DataError: it is no interval.
    """
    bare = text.strip().lower().replace("-", " ")
    if bare in _INTERVAL_WORDS:
        return _INTERVAL_WORDS[bare]
    found = _INTERVAL.fullmatch(bare)
    if not found or found[1] == "0":
        raise DataError(f"{shown(text)} is no billing interval such as month or 3 months.")
    return found[2], int(found[1] or 1)


def shown(text: str) -> str:
    """Return a cell for a message: quoted, not longer than is of use."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def parse_flag(text: str) -> bool:
    """Return true for ``true``, ``yes`` or ``1`` in any case, false for anything else."""
    return text.strip().lower() in ("true", "yes", "1", "t", "y")

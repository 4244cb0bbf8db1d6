"""Exchange rates: which one holds on a day, and the exact factor between two currencies."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction
from typing import Final, NamedTuple

from enrichment.money import exponent
from saaskpi.errors import DataError

FX_RATES: Final = {
    "currency": "VARCHAR",
    "day": "DATE",
    "rate": "VARCHAR",
    "holds_until": "DATE",
    "source": "VARCHAR",
}
"""One row per currency and day of publication.

``rate`` is exact text (``1.1172`` or ``10000/11172``): units of the currency for one unit of the table's
pivot, which stands in the table itself with rate 1 and an empty ``source``. It holds from ``day`` to
``holds_until``, both included, unless a newer row follows. Codes are in lower case, as Stripe writes them.
"""
_LARGEST: Final = 10**18


class Published(NamedTuple):
    """One published rate; days are ISO text.

    Attributes:
        day: of publication.
        rate: units of the currency for one of the pivot, exact text.
        holds_until: last day on which it holds.
        source: who published it.
    """

    day: str
    rate: str
    holds_until: str
    source: str


class Conversion(NamedTuple):
    """From one currency to another on one day.

    Attributes:
        numerator: over ``denominator``, minor units of the target for one minor unit of the currency.
        denominator: above 0; both are below 10**18.
        rate: exact text, units of the target for one unit of the currency.
        published_on: the day of the older of the two published rates.
        source: who published them.
    """

    numerator: int
    denominator: int
    rate: str
    published_on: str
    source: str


class RateHistory:
    """Every published rate of some currencies.

    Args:
        rows: as in ``FX_RATES``, all text; in any order.
    """

    def __init__(self, rows: Iterable[tuple[str, str, str, str, str]]) -> None:
        found: dict[str, list[Published]] = {}
        for currency, day, rate, holds_until, source in rows:
            found.setdefault(currency, []).append(Published(day, rate, holds_until, source))
        self._published = {currency: sorted(rates) for currency, rates in found.items()}
        self._days = {name: [rate.day for rate in rates] for name, rates in self._published.items()}

    def on(self, currency: str, day: str) -> Published:
        """Return the rate that holds on ``day``: the last published one, weekends and holidays included.

        Raises:
            DataError: there is none; the message names the currency, the day and the nearest rate.
        """
        rates = self._published.get(currency)
        if not rates:
            raise DataError(f"No exchange rate of {currency.upper()} is known.")
        place = bisect_right(self._days[currency], day)
        if not place:
            raise DataError(
                f"No exchange rate of {currency.upper()} for {day}; the first is of {rates[0].day}."
            )
        published = rates[place - 1]
        if day > published.holds_until:
            raise DataError(
                f"No exchange rate of {currency.upper()} for {day}; the last before is of {published.day}."
            )
        return published

    def conversion(self, currency: str, target: str, day: str) -> Conversion:
        """Return the exact factor from minor units of ``currency`` to minor units of ``target``.

        Raises:
            DataError: a currency is not known, a rate is missing, or the factor has too many digits.
        """
        shift = exponent(target) - exponent(currency)
        one, other = self.on(target, day), self.on(currency, day)
        rate = Fraction(one.rate) / Fraction(other.rate)
        factor = rate * Fraction(10) ** shift
        if max(factor.numerator, factor.denominator) >= _LARGEST:
            raise DataError(f"The exchange rate of {currency.upper()} for {day} has too many digits.")
        published = [leg for leg in (one, other) if leg.source] or [one]
        source = " and ".join(sorted({leg.source for leg in published}))
        older = min(leg.day for leg in published)
        return Conversion(factor.numerator, factor.denominator, str(rate), older, source)

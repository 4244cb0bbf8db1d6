from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from enrichment.money import exponent, format_money, round_half_even, to_major
from saaskpi.errors import DataError


@pytest.mark.parametrize(
    "currency, decimals",
    [("eur", 2), ("USD", 2), ("jpy", 0), ("kwd", 3), ("isk", 2), ("ugx", 2), ("mga", 0), ("clp", 0)],
)
def test_decimals_are_those_of_stripe(currency: str, decimals: int) -> None:
    assert exponent(currency) == decimals


@pytest.mark.parametrize("currency", ["", "xyz", "euro", "e"])
def test_an_unknown_currency_is_named(currency: str) -> None:
    with pytest.raises(DataError, match="not known"):
        exponent(currency)


@pytest.mark.parametrize(
    "minor, currency, language, text",
    [
        (123450, "eur", "en", "1,234.50 EUR"),
        (123450, "EUR", "fr", "1\u202f234,50\u00a0EUR"),
        (-5, "jpy", "en", "-5 JPY"),
        (1234567, "kwd", "en", "1,234.567 KWD"),
        (0, "usd", "en", "0.00 USD"),
        (9_007_199_254_740_993, "usd", "en", "90,071,992,547,409.93 USD"),
    ],
)
def test_money_is_written_as_people_write_it(minor: int, currency: str, language: str, text: str) -> None:
    assert format_money(minor, currency, language) == text


def test_units_are_exact() -> None:
    assert to_major(12900, "eur") == Decimal("129.00")
    assert to_major(12900, "jpy") == Decimal(12900)


@pytest.mark.parametrize(
    "amount, rounded", [("1/2", 0), ("3/2", 2), ("5/2", 2), ("-1/2", 0), ("-3/2", -2), ("149/100", 1)]
)
def test_ties_go_to_the_even_neighbour(amount: str, rounded: int) -> None:
    assert round_half_even(Fraction(amount)) == rounded

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.prices import Price, parse_price
from saaskpi.errors import DataError

TIERS = [
    {"up_to": 10, "unit_amount": 500, "flat_amount": 1000},
    {"up_to": None, "unit_amount_decimal": "12.5"},
]


def row(**fields: Any) -> dict[str, str]:
    """Return a row of ``stg_prices``."""
    base = {
        "price_id": "price_1",
        "product_id": "prod_1",
        "currency": "eur",
        "billing_scheme": "per_unit",
        "unit_amount_decimal": "",
        "unit_amount": "",
        "tiers_mode": "",
        "tiers": "",
        "currency_options": "",
        "price_interval": "month",
        "interval_count": "1",
        "usage_type": "licensed",
        "package_size": "",
        "package_round": "",
    }
    return base | {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()
    }


def tiered(mode: str, tiers: Any) -> Price:
    return parse_price(row(billing_scheme="tiered", tiers_mode=mode, tiers=tiers))


def test_a_decimal_amount_is_exact() -> None:
    amount, steps = parse_price(row(unit_amount_decimal="0.0001")).cycle_amount("3", "eur")
    assert amount == Fraction(3, 10000)
    assert steps[0]["amount"] == "3/10000"


@pytest.mark.parametrize("round_mode, amount", [("up", 300), ("down", 200)])
def test_a_broken_package_is_rounded_as_the_price_says(round_mode: str, amount: int) -> None:
    price = parse_price(row(unit_amount="100", package_size="10", package_round=round_mode))
    assert price.cycle_amount("21", "eur")[0] == amount


@pytest.mark.parametrize(
    "mode, quantity, amount",
    [
        ("volume", "10", 6000),
        ("volume", "11", "137.5"),
        ("graduated", "10", 6000),
        ("graduated", "11", "6012.5"),
        ("graduated", "0", 1000),
        ("volume", "0", 1000),
    ],
)
def test_tiers_with_flat_fees(mode: str, quantity: str, amount: int | str) -> None:
    assert tiered(mode, TIERS).cycle_amount(quantity, "eur")[0] == Fraction(amount)


@given(
    bounds=st.lists(st.integers(1, 60), min_size=1, max_size=5, unique=True).map(sorted),
    amounts=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), min_size=6, max_size=6),
    quantity=st.integers(0, 90),
)
def test_tiers_equal_counting_unit_by_unit(
    bounds: list[int], amounts: list[tuple[int, int]], quantity: int
) -> None:
    tops = [*bounds, None]
    tiers = [
        {"up_to": top, "unit_amount": unit, "flat_amount": flat}
        for top, (unit, flat) in zip(tops, amounts, strict=False)
    ]

    def tier_of(unit: int) -> Mapping[str, Any]:
        return next(t for t in tiers if t["up_to"] is None or unit <= t["up_to"])

    reached = [tiers[0], *(tier_of(unit) for unit in range(1, quantity + 1))]
    entered = {id(tier): tier for tier in reached}.values()
    graduated = sum(t["unit_amount"] for t in reached[1:]) + sum(t["flat_amount"] for t in entered)
    volume = quantity * tier_of(quantity)["unit_amount"] + tier_of(quantity)["flat_amount"]
    for mode, expected in (("graduated", graduated), ("volume", volume)):
        amount, steps = tiered(mode, tiers).cycle_amount(str(quantity), "eur")
        assert amount == expected
        assert sum(Fraction(step["amount"]) for step in steps[1:]) == expected


def test_another_currency_has_its_own_amount() -> None:
    options = {"usd": {"unit_amount": 1300, "unit_amount_decimal": "1300"}, "eur": {"unit_amount": 1000}}
    price = parse_price(row(unit_amount="1000", currency_options=options))
    assert price.cycle_amount("2", "usd")[0] == 2600
    assert price.cycle_amount("2", "eur")[0] == 2000
    with pytest.raises(DataError, match="no amount in gbp"):
        price.cycle_amount("2", "gbp")


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"currency": ""}, "was not read"),
        ({"price_interval": "fortnight"}, "unknown interval 'fortnight'"),
        ({"price_interval": ""}, "unknown interval"),
        ({"interval_count": "0"}, "interval count"),
        ({"interval_count": "-1"}, "interval count"),
    ],
)
def test_a_price_that_makes_no_sense_is_named(fields: dict[str, str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        parse_price(row(**fields))


@pytest.mark.parametrize(
    "fields, quantity, said",
    [
        ({"unit_amount": "100"}, "-1", "negative"),
        ({"unit_amount": "100"}, "NaN", "not a number"),
        ({"unit_amount": "100"}, "", "no quantity"),
        ({"unit_amount_decimal": "-3"}, "1", "negative"),
        ({"unit_amount_decimal": "Infinity"}, "1", "not a number"),
        ({}, "1", "no unit amount"),
        ({"billing_scheme": "tiered", "tiers_mode": "volume"}, "1", "tiers were not read"),
        ({"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": []}, "1", "tiers were not read"),
        ({"billing_scheme": "tiered", "tiers_mode": "waves", "tiers": TIERS}, "1", "unknown kind"),
        (
            {"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": TIERS[:1]},
            "11",
            "no tier for a quantity of 11",
        ),
        ({"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": TIERS[:1]}, "11", "no tier"),
        ({"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": TIERS[::-1]}, "1", "do not rise"),
        (
            {"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": [{"up_to": None}]},
            "1",
            "without an amount",
        ),
        ({"currency": "xyz", "unit_amount": "100"}, "1", "not known"),
    ],
)
def test_an_amount_that_cannot_be_told_is_never_zero(
    fields: dict[str, Any], quantity: str, said: str
) -> None:
    price = parse_price(row(**fields))
    with pytest.raises(DataError, match=said):
        price.cycle_amount(quantity, fields.get("currency", "eur"))

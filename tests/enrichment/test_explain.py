"""``explain_item`` tells the whole way from price to MRR in plain words."""

from __future__ import annotations

from typing import Any

import pytest

from enrichment.explain import explain_item
from enrichment.frames import records
from enrichment.policy import Policy
from tests.enrichment.books import Books


@pytest.fixture
def books() -> Books:
    made = Books()
    made.customer()
    return made


def told(books: Books, **more: Any) -> list[str]:
    with_ids = {**books.item(**more), "subscription_id": "sub_1"}
    return explain_item(with_ids)


def test_a_discounted_yearly_item(books: Books) -> None:
    half = books.discount("di_1", books.coupon("HALF", percent_off=50))
    off = books.discount("di_2", books.coupon("OFF", amount_off=5000, currency="eur"))
    once = books.discount("di_3", books.coupon("HELLO", "once", percent_off=10))
    price = books.price("price_1", "60001", interval="year")
    books.subscription([(price, 2)], discounts=[half, off, once], cancel_at_period_end=True)
    assert told(books) == [
        "Item si_sub_1_0 of subscription sub_1",
        "Price price_1 of product prod_1: 2 x 600.01 EUR = 1,200.02 EUR",
        "Coupon HALF of the subscription (50% off): -600.01 EUR",
        "Coupon OFF of the subscription (50.00 EUR off, this item's share): -50.00 EUR",
        "Coupon HELLO of the subscription: not subtracted (policy: discounts.once)",
        "Billed every year, times 1/12 for a month: 45.834166... EUR",
        "Rounded once, half to even: 100.00 EUR before discounts, 45.83 EUR after",
        "Counted: the subscription is active, and set to end",
    ]


def test_a_tiered_item_with_tax_inside(books: Books) -> None:
    tiers: list[dict[str, Any]] = [
        {"up_to": 10, "unit_amount": 500, "flat_amount": 1000},
        {"up_to": None, "unit_amount_decimal": "12.5"},
    ]
    price = books.tiered("price_t", "graduated", tiers, interval_count=3)
    rates = [{"id": "txr_1", "inclusive": True, "percentage": 25}]
    books.subscription([(price, 12)], default_tax_rates=rates, status="trialing")
    assert told(books)[1:] == [
        "Price price_t of product prod_1: 12 units, graduated tiers (each unit at its own tier)",
        "Tier 1 to 10: 10 x 5.00 EUR + 10.00 EUR flat = 60.00 EUR",
        "Tier 11 and up: 2 x 0.125 EUR = 0.25 EUR",
        "Tax of 25% inside the price: -12.05 EUR",
        "Billed every 3 months, times 1/3 for a month: 16.066666... EUR",
        "Rounded once, half to even: 16.07 EUR before discounts, 16.07 EUR after",
        "Not counted: the subscription is in trial (policy: trials)",
    ]


def test_packages_metered_items_and_errors(books: Books) -> None:
    package = {"divide_by": 100, "round": "up"}
    books.price("price_p", "900", transform_quantity=package)
    books.price("price_m", "1", usage_type="metered")
    books.subscription([("price_p", 250), ("price_m", None), ("price_gone", 1)])
    lines = [explain_item({**row, "subscription_id": "sub_1"}) for row in records(books.rates())]
    assert lines[0][1] == (
        "Price price_p of product prod_1, 250 units in packages of 100 = 3: 3 x 9.00 EUR = 27.00 EUR"
    )
    assert lines[1][1:] == [
        "Price price_m of product prod_1: billed by usage",
        "Not counted: usage decides what it costs (policy: metered)",
    ]
    assert lines[2][1:] == [
        "Cannot be rated: Price price_gone was not read.",
        "Not counted: the data cannot be used",
    ]


@pytest.mark.parametrize(
    "status", ["unpaid", "canceled", "incomplete", "incomplete_expired", "paused", "past_due"]
)
def test_every_reason_has_words(books: Books, status: str) -> None:
    books.subscription([(books.price("p"), 1)], status=status)
    last = told(books, policy=Policy(past_due="exclude"))[-1]
    assert last.startswith("Not counted: ")


def test_the_same_in_french(books: Books) -> None:
    half = books.discount("di_1", books.coupon("HALF", percent_off=12.5))
    price = books.price("price_1", "60001", interval="year", interval_count=2)
    books.subscription([(price, 20)], discounts=[half], cancel_at_period_end=True)
    lines = explain_item({**books.item(), "subscription_id": "sub_1"}, "fr")
    assert [line.replace("\u00a0", " ").replace("\u202f", " ") for line in lines] == [
        "Ligne si_sub_1_0 de l’abonnement sub_1",
        "Prix price_1 du produit prod_1 : 20 x 600,01 EUR = 12 000,20 EUR",
        "Coupon HALF de l’abonnement (remise de 12,5 %) : -1 500,025 EUR",
        "Facturé tous les 2 ans, multiplié par 1/24 pour un mois : 437,507291... EUR",
        "Arrondi une seule fois, au plus proche (au pair si égalité) : 500,01 EUR avant remises, "
        "437,51 EUR après",
        "Compté : l’abonnement est actif, et sa fin est prévue",
    ]

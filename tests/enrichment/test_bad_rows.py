"""A row that cannot be used is kept aside with its reason, and the rest is right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.enrichment.books import Books


@pytest.fixture
def books() -> Books:
    made = Books()
    made.customer()
    made.price("good", "1000")
    made.subscription([("good", 2)], name="sub_good")
    return made


@pytest.mark.parametrize(
    "price, quantity, subscription, said",
    [
        ({"interval": "fortnight"}, 1, {}, "unknown interval 'fortnight'"),
        ({"billing_scheme": "tiered", "tiers_mode": "volume"}, 1, {}, "tiers were not read"),
        ({}, -3, {}, "negative"),
        ({}, None, {}, "no quantity"),
        ({"unit": "-100"}, 1, {}, "negative"),
        ({"unit": None}, 1, {}, "no unit amount"),
        ({"unit": "NaN"}, 1, {}, "not a number"),
        ({}, 1, {"currency": "usd"}, "no amount in usd"),
        ({"currency": "xyz"}, 1, {"currency": "xyz"}, "not known"),
        ({}, 1, {"customer": None}, "has no customer"),
    ],
)
def test_a_bad_item_is_kept_aside(
    books: Books, price: dict[str, Any], quantity: int | None, subscription: dict[str, Any], said: str
) -> None:
    books.subscription(
        [(books.price("bad", **{"unit": "500", **price}), quantity)], name="sub_bad", **subscription
    )
    rates, ((stream, name, reason),) = books.rated()
    assert rates["mrr"].tolist() == [0, 2000]
    assert rates["excluded_reason"].iloc[0] == "bad_data"
    assert (stream, name) == ("stripe_subscription_items", "si_sub_bad_0")
    assert said in reason


def test_an_item_of_a_price_or_subscription_that_was_not_read_is_kept_aside(books: Books) -> None:
    books.subscription([("gone", 1)], name="sub_bad")
    books.add(
        "stripe_subscription_items", id="si_lost", subscription="sub_lost", quantity=1, price={"id": "good"}
    )
    rates, rejected = books.rated()
    reasons = {name: reason for _, name, reason in rejected}
    assert reasons == {
        "si_lost": "Subscription sub_lost was not read.",
        "si_sub_bad_0": "Price gone was not read.",
    }
    assert rates["mrr"].sum() == 2000


def test_a_price_that_only_an_item_carries_is_used(books: Books) -> None:
    carried = {
        "id": "inline",
        "product": "prod_1",
        "currency": "eur",
        "billing_scheme": "per_unit",
        "unit_amount": 700,
        "unit_amount_decimal": "700",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
    }
    books.subscription([("inline", 1)], name="sub_inline", item={"price": carried})
    assert books.mrr() == 2700


def test_what_is_broken_but_long_gone_is_not_reported(books: Books) -> None:
    books.subscription([("gone", 1)], name="sub_old", status="canceled")
    assert books.rejected() == []


def test_invoices_and_lines_that_cannot_be_used_are_named(books: Books) -> None:
    books.invoice("in_1", "2026-10-01", 1000, customer=None)
    detail = {"type": "subscription_item_details", "subscription_item_details": {"subscription_item": "si_1"}}
    line = {"amount": 1000, "currency": "eur", "discount_amounts": [], "parent": detail}
    pricing = {"price_details": {"price": "good"}}
    books.invoice(
        "in_2",
        "2026-10-01",
        2000,
        [
            {**line, "pricing": {"price_details": {"price": "gone"}}, "period": {"start": 1, "end": 2}},
            {**line, "pricing": pricing, "period": {"start": 5, "end": 2}},
            {**line, "pricing": pricing, "period": None},
        ],
    )
    assert books.rejected() == [
        ("stripe_invoice_lines", "il_in_2_0", "Price gone was not read."),
        ("stripe_invoice_lines", "il_in_2_1", "The line ends before it begins."),
        ("stripe_invoice_lines", "il_in_2_2", "The line has no service period."),
        ("stripe_invoices", "in_1", "The invoice has no customer."),
    ]

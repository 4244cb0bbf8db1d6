"""Which discounts count, and what they take off which item."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from enrichment.policy import Policy
from tests.enrichment.books import Books, Record


@pytest.fixture
def books() -> Books:
    made = Books()
    made.customer()
    made.price("small", "10000", product="prod_small")
    made.price("large", "30000", product="prod_large")
    return made


def amounts(books: Books, policy: Policy | None = None) -> list[int]:
    return [int(value) for value in books.rates(policy)["mrr"]]


def forever(books: Books, name: str, **coupon: Any) -> Record:
    return books.discount(f"di_{name}", books.coupon(name, **coupon))


def test_per_cents_compound_whatever_their_order(books: Books) -> None:
    ten, half = forever(books, "ten", percent_off=10), forever(books, "half", percent_off=50)
    books.subscription([("small", 1)], name="sub_a", discounts=[ten, half])
    books.subscription([("small", 1)], name="sub_b", discounts=[half, ten])
    assert amounts(books) == [4500, 4500]


@pytest.mark.parametrize("stack, mrr", [("compound", 4500), ("max", 5000), ("sum", 4000)])
def test_the_policy_says_how_per_cents_stack(books: Books, stack: str, mrr: int) -> None:
    ten, half = forever(books, "ten", percent_off=10), forever(books, "half", percent_off=50)
    books.subscription([("small", 1)], discounts=[ten, half])
    assert amounts(books, Policy(percent_stack=stack)) == [mrr]


def test_per_cents_that_add_up_to_more_than_everything_leave_nothing(books: Books) -> None:
    discounts = [forever(books, name, percent_off=60) for name in ("one", "two")]
    books.subscription([("small", 1)], discounts=discounts)
    assert amounts(books, Policy(percent_stack="sum")) == [0]


def test_a_per_cent_comes_before_an_amount(books: Books) -> None:
    off, half = forever(books, "off", amount_off=1000, currency="eur"), forever(books, "half", percent_off=50)
    books.subscription([("small", 1)], discounts=[off, half])
    assert amounts(books) == [4000]


def test_an_amount_is_shared_in_proportion(books: Books) -> None:
    books.subscription(
        [("small", 1), ("large", 1)], discounts=[forever(books, "off", amount_off=4000, currency="eur")]
    )
    assert amounts(books) == [9000, 27000]


def test_metered_items_take_no_share(books: Books) -> None:
    books.price("usage", "1", usage_type="metered")
    off = forever(books, "off", amount_off=4000, currency="eur")
    books.subscription([("small", 1), ("usage", None)], discounts=[off])
    assert amounts(books) == [6000, 0]


def test_an_amount_above_the_price_leaves_nothing(books: Books) -> None:
    books.subscription([("small", 1)], discounts=[forever(books, "off", amount_off=99999, currency="eur")])
    item = books.item()
    assert (item["mrr"], item["contract_mrr"], item["excluded_reason"]) == (0, 10000, "fully_discounted")


def test_a_coupon_touches_only_its_products(books: Books) -> None:
    coupon = books.coupon(
        "large_only", amount_off=3000, currency="eur", applies_to={"products": ["prod_large"]}
    )
    # The discount carries the coupon as Stripe embeds it: without applies_to.
    discount = books.discount("di_1", {**coupon, "applies_to": None})
    books.subscription([("small", 1), ("large", 1)], discounts=[discount])
    assert amounts(books) == [10000, 27000]


def test_a_deleted_coupon_keeps_its_terms_when_another_takes_its_id(books: Books) -> None:
    old = {**books.coupon("SPRING", percent_off=10, created=2), "percent_off": 50, "created": 1}
    limited = {**old, "applies_to": {"products": ["prod_large"]}}
    of_old, of_limited = books.discount("di_1", old), books.discount("di_2", {**limited, "created": 0})
    books.subscription([("small", 1)], name="sub_a", discounts=[of_old])
    books.subscription([("small", 1)], name="sub_b", discounts=[of_limited])
    assert amounts(books) == [5000, 10000]


def test_an_items_own_discount_comes_first(books: Books) -> None:
    own = forever(books, "own", amount_off=2000, currency="eur")
    shared = forever(books, "shared", percent_off=50)
    # Items name their discounts by id.
    books.subscription([("small", 1)], discounts=[shared], item={"discounts": [own["id"]]})
    assert amounts(books) == [4000]


def test_a_customers_discount_serves_subscriptions_without_one(books: Books) -> None:
    customer = forever(books, "loyal", percent_off=10)
    books.streams["stripe_customers"][0]["discount"] = {
        **customer,
        "source": {"coupon": "loyal", "type": "coupon"},
    }
    own = forever(books, "own", percent_off=50)
    books.subscription([("small", 1)], name="sub_a")
    books.subscription([("small", 1)], name="sub_b", discounts=[own])
    assert amounts(books) == [9000, 5000]


def test_a_customers_discount_comes_back_when_the_subscriptions_own_has_ended(books: Books) -> None:
    customer = forever(books, "loyal", percent_off=10)
    books.streams["stripe_customers"][0]["discount"] = customer
    over = books.discount("di_over", books.coupon("over", percent_off=50), end="2026-10-01")
    books.subscription([("small", 1)], discounts=[over])
    assert amounts(books) == [9000]


@pytest.mark.parametrize("end, mrr", [("2026-12-01", 5000), ("2026-10-31", 10000)])
def test_a_repeating_coupon_counts_while_it_runs_if_the_policy_says_so(
    books: Books, end: str, mrr: int
) -> None:
    discount = books.discount("di_1", books.coupon("promo", "repeating", percent_off=50), end=end)
    books.subscription([("small", 1)], discounts=[discount])
    assert amounts(books) == [10000]
    assert amounts(books, Policy(discounts_repeating="subtract_while_active")) == [mrr]


def test_a_discount_that_has_not_begun_is_not_subtracted(books: Books) -> None:
    discount = books.discount("di_1", books.coupon("later", percent_off=50), start="2026-11-15")
    books.subscription([("small", 1)], discounts=[discount])
    assert amounts(books) == [10000]


@pytest.mark.parametrize("policy", [Policy(discounts_forever="ignore"), Policy(mrr_basis="list_price")])
def test_mrr_may_be_told_before_discounts(books: Books, policy: Policy) -> None:
    books.subscription([("small", 1)], discounts=[forever(books, "half", percent_off=50)])
    assert amounts(books, policy) == [10000]


def test_an_amount_off_in_another_currency_is_taken_from_its_options(books: Books) -> None:
    books.price("usd", "10000", currency="usd")
    options = {"usd": {"amount_off": 2200}, "eur": {"amount_off": 2000}}
    off = forever(books, "off", amount_off=2000, currency="eur", currency_options=options)
    books.subscription([("usd", 1)], currency="usd", discounts=[off])
    assert amounts(books) == [7800]


def test_inclusive_tax_is_stripped_after_discounts(books: Books) -> None:
    rates = [
        {"id": "txr_1", "inclusive": True, "percentage": 20.0},
        {"id": "txr_2", "inclusive": False, "percentage": 5},
    ]
    half = forever(books, "half", percent_off=50)
    books.subscription([("small", 1)], discounts=[half], default_tax_rates=rates)
    item = books.item()
    assert item["contract_mrr"] == 8333
    assert item["mrr"] == 4167


def test_the_steps_add_up_to_the_amount(books: Books) -> None:
    discounts = [
        forever(books, "third", percent_off=33.3),
        forever(books, "off", amount_off=777, currency="eur"),
    ]
    rates = [{"id": "txr_1", "inclusive": True, "percentage": 19}]
    books.price("weekly", "1234.56", interval="week", interval_count=3)
    books.subscription([("weekly", 7)], discounts=discounts, default_tax_rates=rates)
    item = books.item()
    steps = json.loads(item["explanation"])["steps"]
    total = sum((Fraction(step["amount"]) for step in steps if "amount" in step), Fraction(0))
    interval = next(step for step in steps if step["step"] == "interval")
    exact = ((Fraction("1234.56") * 7 * (1 - Fraction("33.3") / 100)) - 777) / Fraction("1.19")
    assert total == exact
    assert Fraction(interval["total"]) == exact * Fraction(52, 36)
    assert item["mrr"] == round(exact * Fraction(52, 36))


@pytest.mark.parametrize(
    "coupon, said",
    [
        ({"percent_off": 150}, "more than 100"),
        ({"percent_off": -5}, "negative"),
        ({"percent_off": float("inf")}, "not a number"),
        ({}, "neither"),
        ({"percent_off": 5, "duration": "always"}, "unknown duration"),
        ({"amount_off": 100, "currency": "usd"}, "no amount in eur"),
    ],
)
def test_a_coupon_that_makes_no_sense_keeps_the_item_aside(
    books: Books, coupon: dict[str, Any], said: str
) -> None:
    record = {
        "id": "odd",
        "percent_off": None,
        "amount_off": None,
        "currency": None,
        "duration": "forever",
        **coupon,
    }
    discount = {"id": "di_1", "source": {"coupon": record}, "start": 0, "end": None}
    books.subscription([("small", 1)], discounts=[{**discount, "source": {"coupon": "odd"}}])
    books.add("stripe_coupons", **record)
    (aside,) = books.rejected()
    assert aside[0] == "stripe_subscription_items"
    assert said in aside[2]
    assert books.item()["excluded_reason"] == "bad_data"


def test_a_discount_nobody_knows_keeps_the_item_aside(books: Books) -> None:
    books.subscription([("small", 1)], discounts=["di_gone"])
    assert "di_gone was not read" in books.rejected()[0][2]

"""The truth: its identity, and that Stripe's objects alone lead to the same numbers."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from sandbox.billing.contracts import Agreed, Terms
from sandbox.billing.periods import epoch
from sandbox.billing.records import Coupon, Price, Product, Tier
from sandbox.simulation.truth import MonthEnd, calendar, contract_mrr, cycle_price, month_ends, movements
from tests.sandbox.ledger import Ledger
from tests.sandbox.worlds import world

SEEDS = (1, 2, 7)
PRODUCT = Product("prod_seat", "Seat", "", "seat", 0)
OTHER = Product("prod_other", "Other", "", "flat", 0)
SIGNS = {"new": 1, "reactivation": 1, "expansion": 1, "contraction": -1, "churn": -1}


def price(unit: str | None = "1000", interval: str = "month", count: int = 1, **more: Any) -> Price:
    return Price(
        "price", "key-month-eur", more.pop("product", PRODUCT), "eur", interval, count, 0, unit, **more
    )


def coupon(
    percent: str | None = None, amount: int | None = None, duration: str = "forever", **more: Any
) -> Coupon:
    return Coupon("c", "c", 0, duration, percent_off=percent, amount_off=amount, **more)


def terms(
    *items: Agreed, status: str = "active", collecting: bool = True, coupons: Any = (), customer: Any = ()
) -> Terms:
    return Terms(status, collecting, items, tuple(coupons), tuple(customer))


def month_end_instants(months: int) -> list[tuple[str, int]]:
    first = 2026 * 12 + 9 - months + 1
    places = [divmod(first + place, 12) for place in range(months)]
    following = [divmod(first + place + 1, 12) for place in range(months)]
    return [
        (f"{year}-{month + 1:02d}", epoch(date(next_year, next_month + 1, 1)) - 1)
        for (year, month), (next_year, next_month) in zip(places, following, strict=True)
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_movements_lead_from_each_month_end_to_the_next(seed: int) -> None:
    for known in world(seed).truth()["customers"].values():
        total, amounts = 0, known["mrr"]
        by_month = {row["month"]: row for row in known["movements"]}
        assert len(by_month) == len(known["movements"]), "one movement a month"
        for month, mrr in amounts.items():
            if row := by_month.pop(month, None):
                assert row["amount"] > 0
                total += SIGNS[row["kind"]] * row["amount"]
            assert total == mrr
        assert not by_month, "no movement before the first month with MRR"
        assert known["mrr_today"] == (amounts.get("2026-10", 0))
        assert next(iter(amounts.values()), 1) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rendered_subscriptions_rate_to_the_mrr_of_today(seed: int) -> None:
    made = world(seed)
    rated = Ledger(made.stripe).now()
    known = {customer: row["mrr_today"] for customer, row in made.truth()["customers"].items()}
    assert sum(known.values()) > 0
    assert known == {customer: rated.get(customer, 0) for customer in known}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ledger_of_invoice_lines_finds_every_month_end(seed: int) -> None:
    made = world(seed)
    ledger, known = Ledger(made.stripe), made.truth()["customers"]
    for month, instant in month_end_instants(36)[:-1]:
        found = ledger.at(instant)
        expected = {customer: row["mrr"].get(month, 0) for customer, row in known.items()}
        assert expected == {customer: found.get(customer, 0) for customer in expected}, month


def test_it_has_exactly_the_documented_shape() -> None:
    truth = world().truth()
    assert list(truth) == ["today", "customers"]
    assert truth["today"] == "2026-10-31"
    listed = set(world().stripe.ids("customer"))
    assert listed <= set(truth["customers"])
    for row in truth["customers"].values():
        assert list(row) == ["account", "currency", "mrr_today", "mrr", "movements"]
        assert row["currency"] in ("eur", "usd", "jpy")
        for movement in row["movements"]:
            assert list(movement) == ["month", "kind", "amount"]
            assert movement["kind"] in SIGNS


@pytest.mark.parametrize(
    "item, expected",
    [
        (Agreed(price("120000", "year"), 1, ()), 10_000),
        (Agreed(price("9000", "month", 3), 1, ()), 3_000),
        (Agreed(price("1000", "week"), 1, ()), 4_333),
        (Agreed(price("100", "day"), 1, ()), 3_042),
        (Agreed(price("0.125"), 1_004, ()), 126),  # 125.5 rounds half to even
        (Agreed(price("0.125"), 1_012, ()), 126),  # 126.5 too
        (Agreed(price("1000", package=(1_000, "up")), 1_001, ()), 2_000),
        (Agreed(price("1000", package=(1_000, "down")), 1_999, ()), 1_000),
        (Agreed(price("1000", meter="mtr"), 0, ()), 0),
        (Agreed(price("10000"), 1, (coupon("50"),)), 5_000),
        (Agreed(price("10000"), 1, (coupon("50", duration="once"),)), 10_000),
        (Agreed(price("10000"), 1, (coupon("50", duration="repeating"),)), 10_000),
    ],
)
def test_one_item_as_a_month(item: Agreed, expected: int) -> None:
    assert contract_mrr(terms(item)) == expected


def test_tiers() -> None:
    tiers = (Tier(10, "500", "1000"), Tier(50, "400", None), Tier(None, "300", "2000"))
    volume = price(None, tiers=tiers, tiers_mode="volume")
    graduated = price(None, tiers=tiers, tiers_mode="graduated")
    assert [cycle_price(volume, count) for count in (10, 11, 60)] == [6_000, 4_400, 20_000]
    assert [cycle_price(graduated, count) for count in (10, 11, 60)] == [6_000, 6_400, 6_000 + 16_000 + 5_000]


def test_discounts_compound_and_share_money() -> None:
    first, second = Agreed(price("10000"), 1, ()), Agreed(price("5000", product=OTHER), 1, ())
    assert contract_mrr(terms(first, second, coupons=[coupon(amount=1_200), coupon("20")])) == 12_000 - 1_200
    assert contract_mrr(terms(first, coupons=[coupon("20"), coupon("12.5")])) == 7_000
    assert contract_mrr(terms(first, second, coupons=[coupon("50", products=(OTHER.id,))])) == 12_500
    assert contract_mrr(terms(first, coupons=[coupon(amount=50_000)])) == 0
    yearly = Agreed(price("600000", "year"), 1, ())
    assert contract_mrr(terms(yearly, coupons=[coupon(amount=50_000)])) == 45_833


def test_a_customers_discount_counts_only_where_the_subscription_has_none() -> None:
    item = Agreed(price("10000"), 1, ())
    assert contract_mrr(terms(item, customer=[coupon("50")])) == 5_000
    assert contract_mrr(terms(item, coupons=[coupon("10")], customer=[coupon("50")])) == 9_000
    assert (
        contract_mrr(terms(item, coupons=[coupon("10", duration="once")], customer=[coupon("50")])) == 10_000
    )


@pytest.mark.parametrize(
    "status, counts",
    [("active", True), ("past_due", True)]
    + [
        (name, False)
        for name in ("trialing", "unpaid", "incomplete", "incomplete_expired", "canceled", "paused")
    ],
)
def test_which_statuses_count(status: str, counts: bool) -> None:
    item = Agreed(price("10000"), 1, ())
    assert contract_mrr(terms(item, status=status)) == (10_000 if counts else 0)
    assert contract_mrr(terms(item, status=status, collecting=False)) == 0


def rows(*amounts: int | None) -> list[MonthEnd]:
    """None stands for a customer that amounts to nothing and yet is one."""
    return [
        MonthEnd(f"2026-{place + 1:02d}", amount or 0, amount is None) for place, amount in enumerate(amounts)
    ]


@pytest.mark.parametrize(
    "amounts, kinds",
    [
        ((0, 100, 150, 120, 0, 0, 90), ["new", "expansion", "contraction", "churn", "reactivation"]),
        ((100, None, None, 100), ["new", "contraction", "expansion"]),
        ((None, 100), ["new"]),
        ((100, None, 0, 100), ["new", "contraction", "reactivation"]),
        ((100, 100, 100), ["new"]),
        ((0, 0), []),
    ],
)
def test_kinds_of_movement(amounts: tuple[int | None, ...], kinds: list[str]) -> None:
    found = movements(rows(*amounts))
    assert [row["kind"] for row in found] == kinds
    signed = sum(SIGNS[row["kind"]] * row["amount"] for row in found)
    assert signed == (amounts[-1] or 0)


def test_a_month_ends_at_midnight_utc() -> None:
    item = Agreed(price("10000"), 1, ())
    begin, middle, until = epoch(date(2026, 9, 1)), epoch(date(2026, 10, 1)), epoch(date(2026, 11, 1))
    months = calendar(begin, until)
    assert months == [("2026-09", middle), ("2026-10", until)]
    last_second = month_ends([(middle - 1, "sub", terms(item))], months)
    first_second = month_ends([(middle, "sub", terms(item))], months)
    assert [row.mrr for row in last_second] == [10_000, 10_000]
    assert [row.mrr for row in first_second] == [0, 10_000]


def test_months_hold_no_rounding_before_the_last_step() -> None:
    assert cycle_price(price("0.1"), 3) == Fraction(3, 10)
    one = Agreed(price("100", "year"), 1, ())
    assert contract_mrr(terms(one, one, one)) == 3 * round(Fraction(100, 12)), "rounded once per item"

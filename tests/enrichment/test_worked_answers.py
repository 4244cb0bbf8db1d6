"""The worked answers of the public sources, each through the whole way from landing to accounts."""

from __future__ import annotations

import pytest

from enrichment.policy import Policy
from tests.enrichment.books import Books, epoch


@pytest.fixture
def books() -> Books:
    made = Books()
    made.customer()
    return made


def test_monthly_and_yearly_customers_add_up(books: Books) -> None:
    books.price("monthly", "10000")
    books.price("yearly", "60000", interval="year")
    for number in range(100):
        books.subscription([("monthly", 1)], name=f"sub_m{number}")
    for number in range(50):
        books.subscription([("yearly", 1)], name=f"sub_y{number}")
    assert books.mrr() == 1_250_000


@pytest.mark.parametrize(
    "unit, interval, count, mrr",
    [
        ("120000", "year", 1, 10000),
        ("9000", "month", 3, 3000),
        ("1000", "week", 1, 4333),
        ("100", "day", 1, 3042),
        ("2400", "year", 2, 100),
    ],
)
def test_an_interval_is_brought_to_a_month(
    books: Books, unit: str, interval: str, count: int, mrr: int
) -> None:
    books.subscription([(books.price("p", unit, interval=interval, interval_count=count), 1)])
    assert books.mrr() == mrr


@pytest.mark.parametrize(
    "policy, mrr",
    [
        ({"interval.week": "4.33"}, 4330),
        ({"interval.week": "4"}, 4000),
        ({"interval.week": "52/12"}, 4333),
    ],
)
def test_a_week_is_as_long_as_the_policy_says(books: Books, policy: dict[str, str], mrr: int) -> None:
    books.subscription([(books.price("p", "1000", interval="week"), 1)])
    assert books.mrr(Policy.from_settings(policy)) == mrr


@pytest.mark.parametrize("duration, mrr", [("forever", 5000), ("once", 10000), ("repeating", 10000)])
def test_half_off_for_ever_halves_and_a_passing_coupon_leaves_mrr_alone(
    books: Books, duration: str, mrr: int
) -> None:
    discount = books.discount("di_1", books.coupon("half", duration, percent_off=50))
    books.subscription([(books.price("p", "10000"), 1)], discounts=[discount])
    assert books.mrr() == mrr


def test_an_amount_off_a_yearly_price_is_a_twelfth_of_it_a_month(books: Books) -> None:
    discount = books.discount("di_1", books.coupon("off", amount_off=50000, currency="eur"))
    books.subscription([(books.price("p", "600000", interval="year"), 1)], discounts=[discount])
    item = books.item()
    assert item["contract_mrr"] - item["mrr"] == 4167


@pytest.mark.parametrize("mode", ["volume", "graduated"])
def test_tiers_price_five_hundred_units(books: Books, mode: str) -> None:
    tiers: list[dict[str, int | None]] = [
        {"up_to": 1000, "unit_amount": 10},
        {"up_to": None, "unit_amount": 8},
    ]
    books.subscription([(books.tiered("p", mode, tiers), 500)])
    assert books.mrr() == 5000


def test_a_once_coupon_is_ignored_or_subtracted_as_the_policy_says(books: Books) -> None:
    # 14 a seat off 77 seats of 15: a coupon of 14 / 15, given at the start of this period.
    coupon = books.coupon("launch", "once", amount_off=77 * 1400, currency="usd")
    discount = books.discount("di_1", coupon, start="2026-10-01")
    price = books.price("p", "1500", currency="usd")
    books.subscription([(price, 77)], currency="usd", discounts=[discount])
    assert books.mrr() == 115_500
    assert books.mrr(Policy(discounts_once="subtract_in_period")) == 7_700


def test_a_once_coupon_of_an_earlier_period_is_over(books: Books) -> None:
    coupon = books.coupon("launch", "once", percent_off=50)
    books.subscription(
        [(books.price("p"), 1)], discounts=[books.discount("di_1", coupon, start="2026-09-01")]
    )
    assert books.mrr(Policy(discounts_once="subtract_in_period")) == 1000


def test_two_customers_of_one_company_are_one_account() -> None:
    books = Books()
    company = books.company("1001", domain="globex.com")
    for name in ("cus_1", "cus_2"):
        books.customer(name)
        books.subscription([(books.price(f"price_{name}"), 2)], name=f"sub_{name}", customer=name)
    accounts = books.compute(companies={"cus_1": company, "cus_2": company})["accounts"]
    assert len(accounts) == 1
    account = accounts.iloc[0]
    assert account["mrr"] == 4000
    assert account["arr"] == 48000
    assert list(account["stripe_customer_ids"]) == ["cus_1", "cus_2"]
    assert account["account_id"] == "1001"


def test_nothing_is_cut_at_a_page(books: Books) -> None:
    for number in range(130):
        books.subscription([(books.price(f"p{number}"), 1)] * 1, name=f"sub_{number}")
    books.subscription([(f"p{number}", 1) for number in range(25)], name="sub_wide")
    assert books.mrr() == 155_000


def test_a_subscription_that_ended_at_its_period_end_has_no_mrr(books: Books) -> None:
    books.subscription([(books.price("p"), 1)], status="canceled", ended_at=epoch("2026-10-15"))
    item = books.item()
    assert item["mrr"] == 0
    assert item["excluded_reason"] == "canceled"

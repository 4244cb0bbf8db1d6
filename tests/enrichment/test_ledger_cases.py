"""Worked cases of the ledger by hand: what a customer's invoices, events and subscription leave as rows.

A row is ``when change =MRR of the item after it, reason, proof``, as in ``06-15 +10000 =10000 started 1.1``.
Dates are of 2026; prices in euros a month (``p100``) or a year (``y1200``); amounts in cents.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from enrichment.policy import Policy
from tests.enrichment.ledger_books import (
    Case,
    computed,
    differences_of,
    months_of,
    moves_of,
    rows_of,
    stocked,
)
from tests.enrichment.ledger_cases import WORKED, tables_of

SUMMER: Final = ("07", "08", "09", "10")


@pytest.mark.parametrize("name", WORKED)
def test_the_rows_of_a_case(name: str) -> None:
    case = WORKED[name]
    assert rows_of(tables_of(case.policy, case.as_of), name) == [
        line.strip() for line in case.rows.strip().splitlines()
    ]


def test_months_and_movements_of_an_upgrade_a_pause_and_an_end() -> None:
    tables = tables_of()
    assert months_of(tables, "upgrade_invoiced_at_once") == {"06": 10000, **dict.fromkeys(SUMMER, 20000)}
    assert moves_of(tables, "upgrade_invoiced_at_once") == ["06 new 10000", "07 expansion 10000"]
    # A month at 0 in which nothing happened has no row.
    assert months_of(tables, "paused_by_voiding") == {"06": 10000, "07": 10000, "08": 0, "10": 10000}
    moved = ["06 new 10000", "08 contraction 10000", "10 expansion 10000"]
    assert moves_of(tables, "paused_by_voiding") == moved
    assert moves_of(tables, "canceled_at_period_end") == ["06 new 10000", "09 churn 10000"]
    assert moves_of(tables, "unpaid_and_then_canceled") == ["06 new 10000", "08 churn 10000"]


def test_a_customer_is_new_when_the_trial_ends_and_not_before() -> None:
    assert moves_of(tables_of(), "trial_that_is_ended_early") == ["06 new 10000"]
    assert moves_of(tables_of(), "trial_that_never_converts") == []
    # The customer stays one in a later trial.
    assert moves_of(tables_of(), "trial_given_to_a_paying_customer") == [
        "06 new 10000",
        "08 contraction 10000",
        "09 expansion 10000",
    ]


def test_what_is_paid_from_mid_may_to_mid_june_counts_at_the_end_of_may_alone() -> None:
    assert months_of(tables_of(), "paid_from_mid_may_to_mid_june") == {"05": 10000, "06": 0}


def test_a_change_and_back_within_a_month_is_no_movement() -> None:
    assert moves_of(tables_of(), "changed_and_back_within_a_day") == ["06 new 10000"]


def test_a_swap_and_a_pause_lose_no_customer() -> None:
    assert months_of(tables_of(), "upgrade_by_swapping_the_item")["06"] == 20000
    assert moves_of(tables_of(), "whole_subscription_paused_months_ago") == [
        "06 new 10000",
        "08 contraction 10000",
    ]


@pytest.mark.parametrize(
    "name, difference",
    [
        ("imported_with_its_first_invoices_missing", "first_invoices_missing 10000 -"),
        ("coupon_on_tiers_that_were_not_read", "terms_unknown 5800 -"),
        ("change_that_nothing_dates_counts_from_today", "quantity_changed 20000 10000"),
        ("whole_subscription_paused_months_ago", "paused 0 10000"),
    ],
)
def test_a_disagreement_is_told(name: str, difference: str) -> None:
    assert differences_of(tables_of(), name) == [difference]


def test_a_case_without_disagreement_tells_none() -> None:
    for name in (
        "upgrade_invoiced_at_once",
        "trial_that_is_ended_early",
        "graduated_tiers_are_billed_as_a_line_each",
    ):
        assert differences_of(tables_of(), name) == []


@pytest.mark.parametrize("run", sorted({(case.policy, case.as_of) for case in WORKED.values()}), ids=str)
def test_the_rows_lead_from_one_to_the_next_and_add_up_to_the_months(run: tuple[Any, str]) -> None:
    tables = tables_of(*run)
    ledger = tables["mrr_ledger"].sort_values("effective_at", kind="stable")
    for _, item in ledger.groupby("subscription_item_id"):
        assert list(item["mrr_change"].cumsum()) == list(item["mrr_after"])
    total = ledger.groupby(["account_id", "currency"])["mrr_change"].sum()
    months = tables["account_month"].sort_values("month").groupby(["account_id", "currency"])["mrr"].last()
    assert total[total != 0].to_dict() == months[months != 0].to_dict()


# --- worked answers of public sources ---


def test_monthly_and_yearly_customers_add_up() -> None:
    books = stocked()
    for number in range(150):
        books.customer(f"c{number}")
        c = Case(f"c{number}", books)
        c.sub("06-01")
        price, end = ("p100", "07-01") if number < 100 else ("y600", "2027-06-01")
        c.item(price=price)
        c.bill("06-01", c.line("06-01", end, price))
    tables = computed(books, Policy())
    at_end = tables["account_month"].query("month == '2026-10'")
    assert (len(at_end), at_end["mrr"].sum()) == (150, 1_250_000)


def test_a_customer_who_grows_shrinks_leaves_and_returns() -> None:
    books = stocked()
    books.price("y500", "50000", interval="year")
    books.customer("syncalytics")
    c = Case("syncalytics", books)

    def sold(name: str, price: str, quantity: int, start: str, end: str, ends: str | None = None) -> None:
        c.sub(start, ends=ends, name=name)
        c.item(f"i{name}", price, quantity, sub=name)
        amount = {"y500": 50000}.get(price, 3000 if price == "p30" else 5000) * quantity
        c.bill(start, c.line(start, end, price, quantity, item=f"i{name}", amount=amount), sub=name)

    sold("yearly", "y500", 4, "2025-06-10", "2026-06-10", ends="2026-06-10")
    sold("monthly", "p30", 2, "2026-02-10", "2026-03-10", ends="2026-04-10")
    sold("again", "p50", 3, "2026-09-10", "2026-10-10")
    assert moves_of(computed(books, Policy()), "syncalytics") == [
        "2025-06 new 16667",
        "02 expansion 6000",
        "04 contraction 6000",
        "06 churn 16667",
        "09 reactivation 15000",
    ]


def test_two_customers_of_one_company_in_two_currencies_are_one_account() -> None:
    books = stocked()
    company = books.company("1001")
    for name, price, currency in (("a", "p100", "eur"), ("b", "p50", "eur"), ("c", "usd100", "usd")):
        books.customer(name)
        c = Case(name, books)
        c.sub("06-01", currency=currency)
        c.item(price=price)
        line = c.line("06-01", price=price, amount=5000 if price == "p50" else 10000, currency=currency)
        c.bill("06-01", line, currency=currency)
    tables = computed(books, Policy(), companies=dict.fromkeys("abc", company))
    at_end = tables["account_month"].query("month == '2026-10'")[["account_id", "currency", "mrr"]]
    assert sorted(at_end.itertuples(index=False, name=None)) == [
        ("1001", "eur", 15000),
        ("1001", "usd", 10000),
    ]
    assert set(tables["mrr_ledger"]["customer_id"]) == {"a", "b", "c"}


def test_nothing_is_cut_at_a_page() -> None:
    books = stocked()
    books.customer("wide")
    for number in range(130):
        c = Case("wide", books)
        c.sub("06-01", name=f"sub{number}")
        letters = [f"i{number}.{place}" for place in range(25 if number == 0 else 1)]
        for letter in letters:
            c.item(letter, "p20", sub=f"sub{number}")
        c.invoices = 1000 * number
        c.bill(
            "06-01", *(c.line("06-01", price="p20", item=letter) for letter in letters), sub=f"sub{number}"
        )
    tables = computed(books, Policy())
    assert months_of(tables, "wide")["10"] == (129 + 25) * 2000
    assert len(tables["mrr_ledger"]) == 129 + 25

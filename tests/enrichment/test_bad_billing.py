"""Billing data that cannot be: named, counted, kept aside, and all the rest right."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.enrichment.books import Books, Record, epoch

Tables = dict[str, pd.DataFrame]


def line(amount: int = 1000, start: Any = "2026-09-01", end: Any = "2026-10-01", **more: Any) -> Record:
    """A line of one cycle of the item ``si_odd_0``; times as text or as epoch seconds."""
    proration = more.pop("proration", False)
    period = {
        "start": epoch(start) if isinstance(start, str) else start,
        "end": epoch(end) if isinstance(end, str) else end,
    }
    detail = {"subscription_item": "si_odd_0", "subscription": "odd", "proration": proration}
    return {
        "amount": amount,
        "quantity": 1,
        "currency": "eur",
        "discounts": [],
        "discount_amounts": [],
        "parent": {"type": "subscription_item_details", "subscription_item_details": detail},
        "pricing": {"price_details": {"price": "p"}},
        "period": period,
        **more,
    }


def with_customers(*names: str) -> Books:
    """Customers with 10.00 a month: ``good`` since January, the others in September and half of October."""
    made = Books()
    made.price("p", "1000")
    for name in names:
        made.customer(f"cus_{name}")
        start = {"start_date": epoch("2026-09-01"), "status": "canceled", "ended_at": epoch("2026-10-15")}
        more = {"start_date": epoch("2026-01-01")} if name == "good" else start
        made.subscription([("p", 1)], name=name, customer=f"cus_{name}", **more)
    return made


@pytest.fixture
def books() -> Books:
    """A good customer, and an odd one that the tests bill."""
    return with_customers("good", "odd")


def months(tables: Tables, customer: str) -> dict[str, int]:
    found = tables["account_month"]
    mine = found[found["account_id"] == customer]
    return dict(zip(mine["month"], mine["mrr"], strict=True))


def reasons(tables: Tables) -> dict[str, str]:
    rejected = tables["rejected_rows"]
    return dict(zip(rejected["id"], rejected["reason"], strict=True))


LINES: list[tuple[Record, str]] = [
    (line(-1000), "The line of a whole period has a negative amount."),
    (line(start="2026-09-05", end="2026-09-05"), "The line's period has no length."),
    (line(start="2026-09-05", end="2026-09-01"), "The line ends before it begins."),
    (line(start=None), "The line has no service period."),
    (line(start=-86_400), "The line's period is not between 1970 and 2100."),
    (line(end=9_999_999_999_999), "The line's period is not between 1970 and 2100."),
    (line(currency="xxx"), "Currency xxx is not known."),
    (line(pricing={"price_details": {"price": "gone"}}), "Price gone was not read."),
    (line(pricing={"price_details": {"price": "lunar"}}), "Price lunar has the unknown interval 'moon'."),
]
DATES = {
    "start_date": -1,
    "ended_at": 4_102_444_801,
    "trial_end": 9_000_000_000_000_000,
    "canceled_at": -1,
}


@pytest.fixture(scope="module")
def all_odd() -> Tables:
    """The good customer, one that is billed each of ``LINES``, and one with each of ``DATES``."""
    books = with_customers("good", *(f"line_{place}" for place in range(len(LINES))), *DATES)
    books.price("lunar", "1000", interval="moon")
    for place, (odd, _) in enumerate(LINES):
        detail = odd["parent"]["subscription_item_details"]
        mine = {"subscription_item": f"si_line_{place}_0", "subscription": f"line_{place}"}
        parent = {"type": odd["parent"]["type"], "subscription_item_details": {**detail, **mine}}
        lines = [{**odd, "parent": parent}]
        books.invoice(f"in_{place}", "2026-09-01", 1000, lines, customer=f"cus_line_{place}")
    for record in books.streams["stripe_subscriptions"]:
        if record["id"] in DATES:
            record[record["id"]] = DATES[record["id"]]
    return books.compute()


@pytest.mark.parametrize("place, reason", [(place, reason) for place, (_, reason) in enumerate(LINES)])
def test_a_line_that_cannot_be_is_kept_aside_with_its_reason(
    all_odd: Tables, place: int, reason: str
) -> None:
    assert reasons(all_odd)[f"il_in_{place}_0"] == reason


@pytest.mark.parametrize("field", DATES)
def test_a_date_that_is_none_is_named(all_odd: Tables, field: str) -> None:
    assert reasons(all_odd)[field] == f"No date between 1970 and 2100: {field}."


def test_what_is_odd_touches_no_other_customer(all_odd: Tables) -> None:
    assert len(all_odd["rejected_rows"]) == len(LINES) + len(DATES)
    assert months(all_odd, "cus_good") == {f"2026-{month:02d}": 1000 for month in range(1, 11)}


def test_times_of_payment_that_are_none_stop_nothing(books: Books) -> None:
    moved = {"finalized_at": -5, "paid_at": 9_000_000_000_000_000}
    books.invoice("in_odd", "2026-09-01", 1000, [line()], customer="cus_odd", status_transitions=moved)
    assert months(books.compute(), "cus_odd") == {"2026-09": 1000, "2026-10": 0}


def test_of_overlapping_periods_the_later_one_stands_and_a_row_says_so(books: Books) -> None:
    lines = [line(), line(3000, start="2026-09-15", end="2026-10-15", quantity=3)]
    books.invoice("in_odd", "2026-09-01", 4000, lines, customer="cus_odd")
    tables = books.compute()
    assert months(tables, "cus_odd") == {"2026-09": 3000, "2026-10": 0}
    [difference] = tables["mrr_differences"].query("customer_id == 'cus_odd'").to_dict("records")
    assert difference["reason"] == "overlapping_periods"
    assert (difference["ledger_mrr"], difference["evidence_mrr"]) == (3000, 1000)


def test_what_was_billed_stands_where_tiers_are_absent(books: Books) -> None:
    books.tiered("tiered", "volume", None)
    odd = line(7700, pricing={"price_details": {"price": "tiered"}}, quantity=7)
    books.invoice("in_odd", "2026-09-01", 7700, [odd], customer="cus_odd")
    tables = books.compute()
    assert months(tables, "cus_odd")["2026-09"] == 7700
    [difference] = tables["mrr_differences"].query("customer_id == 'cus_odd'").to_dict("records")
    assert difference["reason"] == "terms_unknown"


def test_a_deleted_product_changes_no_number(books: Books) -> None:
    books.invoice("in_odd", "2026-09-01", 1000, [line()], customer="cus_odd")
    assert "stripe_products" not in books.streams
    assert months(books.compute(), "cus_odd")["2026-09"] == 1000

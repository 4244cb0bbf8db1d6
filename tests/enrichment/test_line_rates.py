"""MRR of the past from invoice lines: full cycles, prorations that cancel, discounts."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from enrichment.computing import rate_items
from enrichment.config import HealthConfig
from enrichment.policy import Policy
from enrichment.sql import models
from tests.enrichment.books import AS_OF, Books, Record, epoch


@pytest.fixture
def books() -> Books:
    made = Books()
    made.customer()
    return made


def line(price: str, amount: int, start: str, end: str, *, proration: bool = False, **more: object) -> Record:
    detail = {"subscription_item": "si_1", "proration": proration}
    return {
        "amount": amount,
        "currency": "eur",
        "discount_amounts": [],
        "parent": {"type": "subscription_item_details", "subscription_item_details": detail},
        "pricing": {"price_details": {"price": price}},
        "period": {"start": epoch(start), "end": epoch(end)},
        **more,
    }


def rates(books: Books) -> pd.DataFrame:
    with books.engine() as engine:
        rate_items(engine, AS_OF, Policy(), HealthConfig())
        engine.run(*models(("line_rates",))[0])
        return engine.frame("SELECT * FROM line_rates ORDER BY line_id")


def mrr_at(frame: pd.DataFrame, moment: str) -> int:
    t = epoch(moment)
    return int(frame[(frame["period_start"] <= t) & (t < frame["period_end"])]["monthly_rate"].sum())


@pytest.mark.parametrize(
    "interval, count, amount, end, rate",
    [
        ("month", 1, 1000, "2026-02-01", 1000),
        ("month", 3, 1000, "2026-04-01", 333),
        ("year", 1, 1000, "2027-01-01", 83),
        ("week", 1, 1000, "2026-01-08", 4333),
        ("day", 1, 1000, "2026-01-02", 30417),
        ("month", 1, -500, "2026-02-01", -500),
    ],
)
def test_a_full_line_is_its_cycle_brought_to_a_month(
    books: Books, interval: str, count: int, amount: int, end: str, rate: int
) -> None:
    books.price("p", "1000", interval=interval, interval_count=count)
    books.invoice("in_1", "2026-01-01", amount, [line("p", amount, "2026-01-01", end)])
    assert rates(books)["monthly_rate"].tolist() == [rate]


def test_an_upgrade_in_the_middle_of_a_month_cancels_out(books: Books) -> None:
    books.price("old", "3000")
    books.price("new", "9000")
    books.invoice("in_1", "2026-06-01", 3000, [line("old", 3000, "2026-06-01", "2026-07-01")])
    # Half of June is left: the credit gives back 15.00, the debit asks for 45.00.
    prorations = [
        line("old", -1500, "2026-06-16", "2026-07-01", proration=True),
        line("new", 4500, "2026-06-16", "2026-07-01", proration=True),
    ]
    books.invoice("in_2", "2026-06-16", 3000, prorations)
    found = rates(books)
    assert mrr_at(found, "2026-06-10") == 3000
    assert mrr_at(found, "2026-06-16") == 9000
    assert mrr_at(found, "2026-06-30") == 9000
    assert mrr_at(found, "2026-07-01") == 0


def test_a_proration_may_come_as_an_invoice_item(books: Books) -> None:
    books.price("p", "3000")
    books.price("once", "500")
    detail = {"invoice_item": "ii_1", "proration": True, "subscription": "sub_1"}
    parent = {"type": "invoice_item_details", "invoice_item_details": detail}
    by_hand = {**parent, "invoice_item_details": {**detail, "proration": False}}
    lines = [
        line("p", 1500, "2026-06-16", "2026-07-01", parent=parent),
        line("once", 500, "2026-06-16", "2026-07-01", parent=by_hand),
    ]
    books.invoice("in_1", "2026-06-16", 2000, lines)
    assert rates(books)["monthly_rate"].tolist() == [3000]


def test_an_upgrade_of_a_yearly_plan_is_measured_on_the_year(books: Books) -> None:
    books.price("old", "120000", interval="year")
    books.price("new", "240000", interval="year")
    books.invoice("in_1", "2026-01-01", 120000, [line("old", 120000, "2026-01-01", "2027-01-01")])
    left = 184 / 365  # from July on
    prorations = [
        line("old", -round(120000 * left), "2026-07-01", "2027-01-01", proration=True),
        line("new", round(240000 * left), "2026-07-01", "2027-01-01", proration=True),
    ]
    books.invoice("in_2", "2026-07-01", 0, prorations)
    found = rates(books)
    assert mrr_at(found, "2026-03-01") == 10000
    assert mrr_at(found, "2026-08-01") == 20000


def test_a_change_of_quantity_and_back_leaves_the_first_rate(books: Books) -> None:
    books.price("p", "1000")
    books.invoice("in_1", "2026-04-01", 5000, [line("p", 5000, "2026-04-01", "2026-05-01")])
    prorations = [
        line("p", -3333, "2026-04-11", "2026-05-01", proration=True),
        line("p", 4667, "2026-04-11", "2026-05-01", proration=True),
        line("p", -2333, "2026-04-21", "2026-05-01", proration=True),
        line("p", 1667, "2026-04-21", "2026-05-01", proration=True),
    ]
    books.invoice("in_2", "2026-04-21", 668, prorations)
    found = rates(books)
    assert mrr_at(found, "2026-04-15") == pytest.approx(7000, abs=3)
    assert mrr_at(found, "2026-04-25") == pytest.approx(5000, abs=6)


def test_only_discounts_for_ever_lower_the_rate(books: Books) -> None:
    books.price("p", "1000")
    books.discount("di_forever", books.coupon("forever", percent_off=10))
    books.discount("di_once", books.coupon("once", "once", percent_off=50))
    taken = [
        {"amount": 100, "discount": "di_forever"},
        {"amount": 450, "discount": "di_once"},
        {"amount": 7, "discount": "di_unknown"},
    ]
    books.invoice(
        "in_1", "2026-01-01", 450, [line("p", 1000, "2026-01-01", "2026-02-01", discount_amounts=taken)]
    )
    assert rates(books)["monthly_rate"].tolist() == [900]


def test_drafts_voided_invoices_and_metered_lines_are_no_rate(books: Books) -> None:
    books.price("p", "1000")
    books.price("usage", "1", usage_type="metered")
    for number, status in enumerate(("draft", "void")):
        one = line("p", 1000, "2026-01-01", "2026-02-01")
        books.invoice(f"in_{number}", "2026-01-01", 1000, [one], status=status)
    books.invoice("in_9", "2026-01-01", 700, [line("usage", 700, "2026-01-01", "2026-02-01")])
    assert rates(books).empty


def test_large_amounts_stay_whole(books: Books) -> None:
    books.price("p", "1000", interval="year")
    amount = 9_000_000_000_000
    books.invoice(
        "in_1", "2025-12-01", amount, [line("p", amount, "2025-12-01", "2026-12-01", proration=True)]
    )
    assert rates(books)["monthly_rate"].tolist() == [750_000_000_000]


def test_an_account_is_compared_with_its_own_past(books: Books) -> None:
    books.price("p", "1000")
    books.subscription([("p", 3)])
    for month in range(1, 11):
        start, end = f"2026-{month:02d}-01", f"2026-{month + 1:02d}-01"
        seats = 2 if month < 9 else 3
        books.invoice(f"in_{month}", start, 1000 * seats, [line("p", 1000 * seats, start, end)])
    books.invoice("in_0", "2025-10-01", 1500, [line("p", 1500, "2025-10-01", "2025-11-01")])
    account = books.compute(as_of=datetime(2026, 10, 31, tzinfo=UTC))["accounts"].iloc[0]
    assert account["mrr"] == 3000
    assert account["mrr_change_12m"] == 1.0

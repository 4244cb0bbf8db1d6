"""Seats, growth and how an account pays, worked by hand from Stripe's records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from tests.enrichment.books import Books, Record, epoch
from tests.enrichment.rewound import Account, described, facts_at, shop

MONTHS = [f"2026-{month:02}-01" for month in range(5, 12)]
SOLD = {
    "level": (3, 3, 3, 3, 3),
    "once": (1, 1, 1, 1, 1),
    "one_left": (2, 2, 2, 1, 1),
    "grown": (1, 1, 1, 1, 3),
    "new": (4, 4),
    "up_twice": (3, 3, 4, 5, 6),
    "up_and_down": (3, 3, 4, 3, 5),
    "down": (6, 5, 4, 3, 2),
}
"""Seats of one item in each of the months up to October."""


def monthly(account: Account, quantities: Sequence[int], **more: Any) -> None:
    """Sell an item for each of the last months, up to October."""
    starts = MONTHS[-1 - len(quantities) : -1]
    for start, end, quantity in zip(starts, MONTHS[-len(quantities) :], quantities, strict=True):
        account.sell(start, end, quantity, **more)


def paying(books: Books, name: str, *cards: str, chosen: str | None = None, **more: Any) -> Account:
    """Add a customer of three seats, its cards charged one month after the other; ``chosen``: its default."""
    account = Account(books, name, ("seat", 3), **more)
    books.streams["stripe_customers"][-1]["invoice_settings"] = {"default_payment_method": chosen}
    monthly(account, SOLD["level"])
    for number, title in enumerate(cards, start=1):
        account.card(title, f"2026-0{number}-02")
    return account


@cache
def facts() -> pd.DataFrame:
    """Return the facts of all cases, null as None."""
    books = shop()
    for name, quantities in SOLD.items():
        start = epoch(MONTHS[-1 - len(quantities)])
        account = Account(books, name, ("seat", quantities[-1]), start_date=start, created=start)
        monthly(account, quantities)
    _seats(books)
    _ends(books)
    _cards(books)
    with described(books) as engine:
        found = facts_at(engine)
    return found.astype(object).where(found.notna(), None)


def _seats(books: Books) -> None:
    with_fee = Account(books, "with_fee", ("seat", 10), ("base", 1))
    monthly(with_fee, (7, 7, 7, 10, 10))
    monthly(with_fee, (1, 1, 1, 1, 1), price="base", item=1)
    Account(books, "no_seats", ("usage", None), ("free", 30))
    voided = Account(books, "voided", ("seat", 5))
    monthly(voided, (5, 5))
    voided.sell("2026-06-20", "2026-07-20", 5)
    dates = {"finalized_at": epoch("2026-07-20"), "paid_at": None, "voided_at": epoch("2026-09-30")}
    voided.sell("2026-07-20", "2026-08-20", 50, status="void", status_transitions=dates)
    tiers: list[Record] = [
        {"up_to": 5, "unit_amount_decimal": "1000"},
        {"up_to": None, "unit_amount_decimal": "1000"},
    ]
    books.tiered("tiered", "graduated", tiers)
    tiered = Account(books, "tiered", ("tiered", 8))
    for start, end in pairwise(MONTHS):
        invoice = tiered.sell(start, end, 5)
        books.streams["stripe_invoice_lines"][-1]["pricing"] = {"price_details": {"price": "tiered"}}
        tiered.add_line(invoice, {**tiered.line(start, end, 3, price="tiered"), "amount": 3000})
    often = Account(books, "up_thrice", ("seat", 7))
    monthly(often, (3, 3, 4, 5, 6))
    often.sell("2026-10-15", "2026-11-01", 7)


def _ends(books: Books) -> None:
    asked = epoch("2026-10-10")
    paying(books, "ends", cancel_at_period_end=True, canceled_at=asked)
    paying(books, "ends_on_its_day", cancel_at=epoch("2026-11-01"), canceled_at=asked)
    paying(books, "ends_later", cancel_at=epoch("2026-11-20"), canceled_at=asked)


def _cards(books: Books) -> None:
    three = ("0001", "0002", "0003")
    paying(books, "own", *three, chosen="own_0002", default_payment_method="own_0001")
    paying(books, "shared", *three, chosen="shared_0002")
    paying(books, "last", *three).card("0009", "2027-01-01")
    paying(books, "not_shown", *three, default_payment_method="pm_new")
    for name, year, month in (("leap", 2028, 2), ("december", 2026, 12), ("odd", 2027, 13)):
        paying(books, name).card("0001", "2026-01-01", year, month)
    paying(books, "renewed", "0001").card("0001", "2026-09-02", 2031, 5)
    paying(books, "debit").card("0001", "2026-09-02", kind="sepa_debit")
    paying(books, "sent", "0001", collection_method="send_invoice")
    paying(books, "refused", "0001").card("0002", "2026-09-02", status="failed")
    paying(books, "only_refused").card("0001", "2026-09-02", status="failed")
    paying(books, "own_refused", chosen="own_refused_0001").card("0001", "2026-09-02", status="failed")
    paying(books, "other_over", "0001").card("0002", "2026-01-01", 2026, 9)
    paying(books, "other_ends", "0001").card("0002", "2026-01-01", 2026, 10)
    paying(books, "other_long_ago", "0001").card("0002", "2025-09-29")
    paying(books, "other_debit", "0001").card("0002", "2026-01-01", kind="sepa_debit")


@pytest.mark.parametrize(
    "name, now, before",
    [
        pytest.param("with_fee", 10, 7, id="a base fee is no seat"),
        pytest.param("once", None, None, id="a plan sold once is no seat"),
        pytest.param("one_left", 1, 2, id="what was two seats and is one stays seats"),
        pytest.param("grown", 3, 1, id="what was one and is three were seats"),
        pytest.param("new", 4, None, id="who was no customer then had none"),
        pytest.param("no_seats", None, None, id="usage and what is free"),
        pytest.param("tiered", 8, 8, id="sold by the tier"),
        pytest.param("voided", 5, 5, id="a voided invoice sold none"),
    ],
)
def test_seats_now_and_90_days_ago(name: str, now: int | None, before: int | None) -> None:
    row = facts().loc[name]
    assert (row["paid_seats"], row["paid_seats_90"]) == (now, before)


@pytest.mark.parametrize(
    "name, ups",
    [("level", 0), ("up_twice", 2), ("up_thrice", 3), ("up_and_down", 1), ("down", 0), ("new", 0)],
)
def test_in_how_many_of_three_months_mrr_rose(name: str, ups: int) -> None:
    assert facts().loc[name, "mrr_ups"] == ups


@pytest.mark.parametrize(
    "name, day",
    [("level", "2026-11-01"), ("ends", None), ("ends_on_its_day", None), ("ends_later", "2026-11-01")],
)
def test_the_next_charge_is_at_the_end_of_a_period_that_is_not_the_last(name: str, day: str | None) -> None:
    assert facts().loc[name, "next_charge_date"] == (pd.Timestamp(day) if day else None)


@pytest.mark.parametrize(
    "name, label, only",
    [
        pytest.param("own", "visa 0001", False, id="the subscription's own"),
        pytest.param("shared", "visa 0002", False, id="the customer's"),
        pytest.param("last", "visa 0003", False, id="the last that paid by now"),
        pytest.param("not_shown", None, None, id="the chosen one is in no charge yet"),
        pytest.param("leap", "visa 0001", True, id="the only one"),
        pytest.param("renewed", "visa 0001", True, id="renewed, it is the same one"),
        pytest.param("debit", None, True, id="no card"),
        pytest.param("sent", None, None, id="who is sent invoices has no card to charge"),
        pytest.param("refused", "visa 0001", True, id="what was refused pays nothing"),
        pytest.param("only_refused", None, None, id="nothing went through"),
        pytest.param("own_refused", "visa 0001", True, id="the customer's, though it was refused"),
        pytest.param("other_over", "visa 0001", True, id="another that is over"),
        pytest.param("other_ends", "visa 0001", False, id="another on its last day"),
        pytest.param("other_long_ago", "visa 0001", True, id="another that paid 13 months ago"),
        pytest.param("other_debit", "visa 0001", False, id="another way to pay"),
        pytest.param("level", None, None, id="nothing read"),
    ],
)
def test_the_card_that_would_be_charged(name: str, label: str | None, only: bool | None) -> None:
    row = facts().loc[name]
    assert (row["card_label"], row["is_only_method"]) == (label, only)


@pytest.mark.parametrize(
    "name, last",
    [
        ("own", date(2027, 2, 28)),
        ("leap", date(2028, 2, 29)),
        ("renewed", date(2031, 5, 31)),
        ("december", date(2026, 12, 31)),
        ("odd", None),
        ("debit", None),
    ],
)
def test_a_card_is_over_after_the_last_day_of_its_month(name: str, last: date | None) -> None:
    assert facts().loc[name, "card_expires_on"] == (pd.Timestamp(last) if last else None)

"""What comes later changes nothing of what was known: the rule that keeps a look at the past honest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.enrichment.books import Books, Record, epoch
from tests.enrichment.rewound import UNITS, Account, as_text, past_facts, shop

quick = settings(max_examples=2, deadline=None)
PAST = datetime(2026, 7, 15, 12, tzinfo=UTC)
LATEST = datetime(2027, 7, 1, tzinfo=UTC)
MONTHS = [f"2026-{month:02}-01" for month in range(3, 8)]
LATER = ("2026-07-16", "2026-08-01", "2026-11-11")
Change = tuple[str, int, str]
"""What happens, to whom and when."""


def company(books: Books, tag: str) -> list[Account]:
    """Add customers at the instant: three who pay, one who owes, one who is leaving, one on trial."""
    since = {"start_date": epoch("2026-03-01"), "created": epoch("2026-03-01")}
    paying = [Account(books, f"{tag}pays_{n}", ("seat", n), ("base", 1), **since) for n in (1, 3, 8)]
    owing = Account(books, f"{tag}owes", ("seat", 2), **since)
    asked = epoch("2026-07-10")
    leaving = Account(
        books, f"{tag}leaves", ("seat", 2), **since, cancel_at_period_end=True, canceled_at=asked
    )
    tried = {"start_date": asked, "created": asked, "trial_start": asked, "trial_end": epoch("2026-08-10")}
    trial = Account(books, f"{tag}tries", ("seat", 5), **tried)
    for start, end in pairwise([*MONTHS, "2026-08-01"]):
        for account, seats in zip([*paying, leaving], (1, 3, 8, 2), strict=True):
            account.sell(start, end, seats)
        for account in paying:
            account.sell(start, end, price="base", item=1)
        owing.sell(start, end, 2, paid=None if start == "2026-07-01" else "")
    owing.charge("2026-07-01", 2000)
    trial.sell("2026-07-10", "2026-08-10", 5).update({"total": 0, "amount_due": 0, "amount_paid": 0})
    books.streams["stripe_invoice_lines"][-1]["amount"] = 0
    accounts = [*paying, owing, leaving, trial]
    for account in accounts:
        account.card("0001", "2026-03-01")
    return accounts


def sells(account: Account, day: str) -> None:
    account.sell(day, "2026-12-01", 7)


def pays(account: Account, day: str) -> None:
    for invoice in _invoices(account):
        if invoice["status"] == "open":
            dates = {**invoice["status_transitions"], "paid_at": epoch(day)}
            invoice |= {"status": "paid", "amount_paid": invoice["total"], "amount_remaining": 0}
            invoice |= {"status_transitions": dates, "attempt_count": 4}


def is_given_up(account: Account, day: str) -> None:
    for invoice in _invoices(account):
        if invoice["status"] == "open":
            dates = {**invoice["status_transitions"], "voided_at": epoch(day)}
            invoice |= {"status": "void", "status_transitions": dates, "attempt_count": 3}


def fails(account: Account, day: str) -> None:
    account.charge(day, 2000)


def asks_to_leave(account: Account, day: str) -> None:
    if not account.record.get("canceled_at"):
        account.record |= {"cancel_at_period_end": True, "canceled_at": epoch(day)}


def leaves(account: Account, day: str) -> None:
    asked = account.record.get("canceled_at") or epoch(day)
    end = epoch("2026-08-01") if account.record.get("cancel_at_period_end") else epoch(day)
    account.record |= {"status": "canceled", "canceled_at": asked, "ended_at": max(asked, end)}


def is_another(account: Account, _: str) -> None:
    """Stand otherwise today: status, pause, discounts, price and quantity of the items."""
    off = {"id": "di_1", "source": {"coupon": {"id": "half", "percent_off": 50, "duration": "forever"}}}
    account.record |= {"status": "past_due", "pause_collection": {"behavior": "void"}, "discounts": [off]}
    for item in account.books.streams["stripe_subscription_items"]:
        if item["subscription"] == account.sub:
            item |= {"quantity": 99, "price": {"id": "base"}, "current_period_start": epoch("2026-12-01")}


def takes_a_card(account: Account, day: str) -> None:
    account.card("0777", day)
    for customer in account.books.streams["stripe_customers"]:
        if customer["id"] == account.name:
            customer["invoice_settings"] = {"default_payment_method": f"{account.name}_0777"}


def renews_its_card(account: Account, day: str) -> None:
    account.card("0001", day, 2040)


def changes_seats(account: Account, day: str) -> None:
    lines = [
        account.line(day, "2026-12-01", 3, credit=True),
        account.line(day, "2026-12-01", 6, credit=False),
    ]
    account.sell("2026-12-01", "2027-01-01", lines=lines)


def gets_money_back(account: Account, _: str) -> None:
    for invoice in _invoices(account):
        invoice["post_payment_credit_notes_amount"] = UNITS["seat"]


def brings_a_friend(account: Account, day: str) -> None:
    name = f"{account.name}_friend{len(account.books.streams['stripe_customers'])}"
    friend = Account(account.books, name, ("seat", 4), start_date=epoch(day), created=epoch(day))
    account.books.streams["stripe_customers"][-1]["created"] = epoch(day)
    friend.sell(day, "2026-12-01", 4)


def tells(account: Account, day: str) -> None:
    data = {"object": {"id": account.sub}, "previous_attributes": {"quantity": 1, "items": {}}}
    name = f"evt_{len(account.books.streams['stripe_events'])}"
    event = {"id": name, "type": "customer.subscription.updated", "created": epoch(day), "data": data}
    account.books.add("stripe_events", **event)


CHANGES: dict[str, Callable[[Account, str], None]] = {
    change.__name__: change
    for change in (sells, pays, is_given_up, fails, asks_to_leave, leaves, is_another, takes_a_card,
                   renews_its_card, changes_seats, gets_money_back, brings_a_friend, tells)
}  # fmt: skip
changes = st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0, 5), st.sampled_from(LATER))


def _invoices(account: Account) -> list[Record]:
    return [row for row in account.books.streams["stripe_invoices"] if row["customer"] == account.name]


def known_after(futures: list[list[Change]]) -> list[pd.DataFrame]:
    """Return what was known at the instant of companies that went on in different ways."""
    books = shop()
    for number, future in enumerate(futures):
        accounts = company(books, f"c{number}/")
        for name, place, day in future:
            CHANGES[name](accounts[place], day)
    found = as_text(past_facts(books, PAST, LATEST))
    return [_untagged(found, f"c{number}/") for number in range(len(futures))]


def _untagged(found: pd.DataFrame, tag: str) -> pd.DataFrame:
    own = found[found.index.str.startswith(tag)].replace(tag, "", regex=True)
    return own.set_index(own.index.str.removeprefix(tag))


@cache
def known() -> pd.DataFrame:
    return known_after([[]])[0]


@pytest.mark.slow
@quick
@given(st.lists(st.lists(changes, min_size=2, max_size=12), min_size=8, max_size=8))
def test_what_comes_later_changes_nothing_of_what_was_known(futures: list[list[Change]]) -> None:
    for found in known_after(futures):
        pd.testing.assert_frame_equal(found, known())


def test_all_that_may_come_at_once_changes_nothing() -> None:
    future = [(name, place, day) for name in CHANGES for place, day in enumerate((*LATER, *LATER))]
    pd.testing.assert_frame_equal(known_after([future])[0], known())


def test_the_company_is_one_about_which_there_is_something_to_know() -> None:
    found = known()
    assert found["status"].tolist() == ["active", "past_due", "active", "active", "active", "trialing"]
    assert found["mrr"].tolist() == ["2000", "2000", "6000", "8000", "13000", "0"]
    assert found["ending_items"].tolist() == ["1", "0", "0", "0", "0", "0"]
    assert found.loc["tries", "potential_trial_mrr"] == "5000"
    assert set(found["card_label"]) == {"visa 0001", ""}

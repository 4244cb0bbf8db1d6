"""Worked cases of the ledger by hand: what a customer's invoices, events and subscription leave as rows.

A row is ``when change =MRR of the item after it, reason, proof``, as in ``06-15 +10000 =10000 started 1.1``.
Dates are of 2026; prices in euros a month (``p100``) or a year (``y1200``); amounts in cents.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import pytest

from enrichment.policy import Policy
from tests.enrichment.books import Books, Record
from tests.enrichment.ledger_books import (
    Case,
    Tables,
    Worked,
    at,
    computed,
    day,
    differences_of,
    instant,
    months_of,
    moves_of,
    prices,
    rows_of,
)

WORKED: Final[dict[str, Worked]] = {}
TODAY: Final = "10-31T23:59:59"
SUMMER: Final = ("07", "08", "09", "10")
UNPAID: Final[Record] = {
    "status": "open",
    "amount_paid": 0,
    "status_transitions": {"finalized_at": None, "paid_at": None},
}
SET_ASIDE: Final[Record] = {**UNPAID, "attempt_count": 0, "attempted": False, "auto_advance": False}


def worked(rows: str, as_of: str = TODAY, **policy: str) -> Callable[[Callable[[Case], None]], None]:
    """Declare a case with the rows that it must leave, under the default policy with these keys changed."""
    keys = tuple((name.replace("__", "."), value) for name, value in policy.items())

    def declare(write: Callable[[Case], None]) -> None:
        WORKED[write.__name__] = Worked(write.__name__, write, rows, keys, as_of)

    return declare


@cache
def books_of(policy: tuple[tuple[str, str], ...], as_of: str) -> Books:
    """Return the Stripe account with every case of a policy and a day."""
    books = Books()
    prices(books)
    for name, duration, off in (
        ("half", "forever", {"percent_off": 50}),
        ("fifth", "repeating", {"percent_off": 20}),
        ("first", "once", {"percent_off": 30}),
        ("thirty", "forever", {"amount_off": 3000, "currency": "eur"}),
        ("free", "forever", {"percent_off": 100}),
    ):
        books.coupon(name, duration, **off)
    for case in WORKED.values():
        if (case.policy, case.as_of) == (policy, as_of):
            books.customer(case.name)
            case.write(Case(case.name, books))
    return books


@cache
def tables_of(policy: tuple[tuple[str, str], ...] = (), as_of: str = TODAY) -> Tables:
    return computed(books_of(policy, as_of), Policy.from_settings(dict(policy)), instant(as_of))


# --- trials ---


@worked("06-15 +10000 =10000 trial_converted 2.1")
def trial_that_converts(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-15")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))
    c.cycles("06-15", 5)


@worked("")
def trial_that_never_converts(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-15", ends="06-15")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))


@worked("")
def trial_that_ends_without_a_payment_method(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-15", status="paused")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))


@worked("07-01 +10000 =10000 trial_converted 3.1")
def trial_that_is_extended(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="07-01")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))
    c.bill("06-12", c.line("06-12", "07-01", amount=0))
    c.cycles("07-01", 4)


@worked("06-05 +10000 =10000 trial_converted 2.1")
def trial_that_is_ended_early(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-05")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))
    c.cycles("06-05", 5)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 -10000 =0 amount_changed 3.1
    09-01 +10000 =10000 amount_changed 4.1
    """
)
def trial_given_to_a_paying_customer(c: Case) -> None:
    c.sub("06-01", trial_start="08-01", trial_end="09-01")
    c.item()
    c.cycles("06-01", 2)
    c.bill("08-01", c.line("08-01", "09-01", amount=0))
    c.cycles("09-01", 2)


@worked("06-20 +10000 =10000 trial_converted 2.1", trial_conversion="first_paid_invoice")
def trial_paid_five_days_late(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-15")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))
    paid = {"finalized_at": None, "paid_at": at("06-20")}
    c.bill("06-15", c.line("06-15"), status_transitions=paid)
    c.cycles("07-15", 4)


# --- upgrades, downgrades, quantities ---


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-16 +10000 =20000 price_changed 3.2
    """
)
def upgrade_invoiced_at_once(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p200")
    c.cycles("06-01", 2)
    c.bill(
        "07-16",
        c.credit("07-16", "08-01"),
        c.debit("07-16", "08-01", "p200"),
        billing_reason="subscription_update",
    )
    c.cycles("08-01", 3, "p200")


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-16 -5000 =5000 price_changed 3.2
    """
)
def downgrade_on_the_next_invoice(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    c.cycles("06-01", 2)
    lines = c.credit("07-16", "08-01"), c.debit("07-16", "08-01", "p50")
    c.bill("08-01", *lines, c.line("08-01", price="p50"))
    c.cycles("09-01", 2, "p50")


@worked(
    """
    06-01 +15000 =15000 started 1.1
    06-11 +10000 =25000 quantity_changed 2.2
    """
)
def more_seats_in_mid_period(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50", quantity=5)
    c.bill("06-01", c.line("06-01", price="p50", quantity=3))
    lines = c.credit("06-11", "07-01", "p50", 3), c.debit("06-11", "07-01", "p50", 5)
    c.bill("07-01", *lines, c.line("07-01", price="p50", quantity=5))
    c.cycles("08-01", 3, "p50", 5)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-11 +10000 =20000 price_changed 2.2
    """
)
def upgrade_as_invoice_items_that_name_no_subscription_item(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p200")
    c.cycles("06-01", 1)
    lines = (
        c.credit("06-11", "07-01", item=None),
        c.debit("06-11", "07-01", "p200", item=None),
    )
    c.bill("07-01", *lines, c.line("07-01", price="p200"))
    c.cycles("08-01", 3, "p200")


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-06 -5000 =5000 price_changed 2.2
    06-11 +15000 =20000 price_changed 2.4
    06-21 -10000 =10000 quantity_changed 2.6
    """
)
def several_changes_in_one_period(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 1)
    c.bill(
        "07-01",
        c.credit("06-06", "07-01"),
        c.debit("06-06", "07-01", "p50"),
        c.credit("06-11", "07-01", "p50"),
        c.debit("06-11", "07-01", "p100", 2),
        c.credit("06-21", "07-01", "p100", 2),
        c.debit("06-21", "07-01"),
        c.line("07-01"),
    )
    c.cycles("08-01", 3)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-11 +10000 =20000 price_changed 2.2
    06-11T14:00 -10000 =10000 price_changed 2.4
    """
)
def changed_and_back_within_a_day(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 1)
    c.bill(
        "07-01",
        c.credit("06-11", "07-01"),
        c.debit("06-11", "07-01", "p200"),
        c.credit("06-11T14:00", "07-01", "p200"),
        c.debit("06-11T14:00", "07-01"),
        c.line("07-01"),
    )
    c.cycles("08-01", 3)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-11 -5000 =5000 price_changed 2.3
    """
)
def changed_twice_within_a_second(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    c.cycles("06-01", 1)
    # What the first change billed, the second one gave back: Stripe lists them in no order that tells.
    c.bill(
        "07-01",
        c.credit("06-11", "07-01", "p200"),
        c.credit("06-11", "07-01"),
        c.debit("06-11", "07-01", "p50"),
        c.debit("06-11", "07-01", "p200"),
        c.line("07-01", price="p50"),
    )
    c.cycles("08-01", 3, "p50")


@worked("06-01 +10000 =10000 started 1.1")
def changed_and_back_within_a_second(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 1)
    c.bill(
        "07-01",
        c.debit("06-11", "07-01"),
        c.credit("06-11", "07-01"),
        c.credit("06-11", "07-01", "p200"),
        c.debit("06-11", "07-01", "p200"),
        c.line("07-01"),
    )
    c.cycles("08-01", 3)


@worked(
    """
    06-01 +15000 =15000 started 1.1
    06-21 -5000 =10000 quantity_changed 3.3
    """
)
def flexible_billing_gives_back_each_earlier_debit(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50", quantity=2)
    c.bill("06-01", c.line("06-01", price="p50", quantity=3))
    # In flexible billing mode an increase bills the two seats more, and the decrease credits both debits.
    c.bill("06-11", billing_reason="subscription_update")
    c.bill(
        "07-01",
        c.credit("06-21", "07-01", "p50", 1),
        c.credit("06-21", "07-01", "p50", 2),
        c.debit("06-21", "07-01", "p50", 2),
        c.line("07-01", price="p50", quantity=2),
    )
    c.cycles("08-01", 3, "p50", 2)


@worked(
    """
    06-01 +5000 =5000 started 1.1
    06-11 +3000 =3000 item_added 2.1
    08-11 -3000 =0 item_removed 4.1
    """
)
def item_added_and_removed(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    c.bill("06-01", c.line("06-01", price="p50"))
    extra = [c.line("07-01", price="p30", item="b"), c.line("08-01", price="p30", item="b")]
    c.bill("07-01", c.debit("06-11", "07-01", "p30", item="b"), c.line("07-01", price="p50"), extra[0])
    c.bill("08-01", c.line("08-01", price="p50"), extra[1])
    c.bill("09-01", c.credit("08-11", "09-01", "p30", item="b"), c.line("09-01", price="p50"))
    c.cycles("10-01", 1, "p50")


@worked(
    """
    06-01 +5000 =5000 started 1.1
    06-01 +3000 =3000 started 1.2
    08-01 -3000 =0 item_removed 2.2
    """
)
def item_removed_without_proration(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    for begin in ("06-01", "07-01"):
        c.bill(begin, c.line(begin, price="p50"), c.line(begin, price="p30", item="b"))
    c.cycles("08-01", 3, "p50")


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-11 -5000 =5000 price_changed 3.2
    """
)
def month_to_year_starts_a_new_cycle(c: Case) -> None:
    c.sub("06-01")
    c.item(price="y600")
    c.cycles("06-01", 2)
    c.bill(
        "07-11",
        c.credit("07-11", "08-01"),
        c.line("07-11", "2027-07-11", "y600"),
        billing_reason="subscription_update",
    )


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 +10000 =20000 quantity_changed 3.1
    """
)
def change_without_proration_counts_from_the_next_invoice(c: Case) -> None:
    c.sub("06-01")
    c.item(quantity=2)
    c.cycles("06-01", 2)
    c.cycles("08-01", 3, quantity=2)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-20T09:30 +10000 =20000 quantity_changed e1
    """
)
def change_without_proration_counts_from_its_event(c: Case) -> None:
    c.sub("06-01")
    c.item(quantity=2)
    c.cycles("06-01", 5)
    c.event("10-20T09:30", {"items": {"data": [{"quantity": 1}]}})


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-31T23:59:58 +10000 =20000 quantity_changed a
    """
)
def change_that_nothing_dates_counts_from_today(c: Case) -> None:
    c.sub("06-01")
    c.item(quantity=2)
    c.cycles("06-01", 5)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 +5000 =15000 price_changed 3.1
    """
)
def schedule_with_two_phases(c: Case) -> None:
    c.sub("06-01", schedule="sched")
    c.item(price="p50", quantity=3)
    c.cycles("06-01", 2)
    c.cycles("08-01", 3, "p50", 3)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-16 +5000 =15000 price_changed 4.2
    """
)
def schedule_whose_phase_ends_in_mid_period(c: Case) -> None:
    c.sub("06-01", schedule="sched")
    c.item(price="p50", quantity=3)
    c.cycles("06-01", 3)
    lines = c.credit("08-16", "09-01"), c.debit("08-16", "09-01", "p50", 3)
    c.bill("09-01", *lines, c.line("09-01", price="p50", quantity=3))
    c.cycles("10-01", 1, "p50", 3)


# --- getting paid ---


@worked("06-01 +10000 =10000 started 1.1")
def past_due_and_paid_later(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 2)
    paid = {"finalized_at": None, "paid_at": at("08-20")}
    c.bill("08-01", c.line("08-01"), attempt_count=3, status_transitions=paid)
    c.cycles("09-01", 2)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 -10000 =0 past_due 3
    08-20 +10000 =10000 recovered 3.1
    """,
    status__past_due="exclude",
)
def past_due_left_out_until_paid(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 2)
    paid = {"finalized_at": None, "paid_at": at("08-20")}
    c.bill("08-01", c.line("08-01"), attempt_count=3, status_transitions=paid)
    c.cycles("09-01", 2)


def unpaid_invoice(c: Case, on: str, attempts: int) -> None:
    """Bill a month that was tried ``attempts`` times, the last time two weeks later."""
    c.bill(on, c.line(on), **UNPAID, attempt_count=attempts, next_payment_attempt=None)
    refused = at(on.replace("-01", "-15"))
    charge = {"customer": c.name, "amount": 10000, "currency": "eur", "status": "failed"}
    c.books.add("stripe_charges", id=c.id("ch"), created=refused, amount_refunded=0, **charge)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-15 -10000 =0 unpaid 3
    """
)
def unpaid_from_the_last_attempt(c: Case) -> None:
    c.sub("06-01", status="unpaid")
    c.item()
    c.cycles("06-01", 2)
    unpaid_invoice(c, "08-01", 4)
    for on in ("09-01", "10-01"):
        c.bill(on, c.line(on), **SET_ASIDE | {"status": "draft"})


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-15 -10000 =0 unpaid 3
    """
)
def unpaid_and_then_canceled(c: Case) -> None:
    c.sub("06-01", ends="10-05")
    c.item()
    c.cycles("06-01", 2)
    unpaid_invoice(c, "08-01", 4)
    for on in ("09-01", "10-01"):
        c.bill(on, c.line(on), **SET_ASIDE | {"status": "draft"})


@worked("06-01T06:00 +10000 =10000 started 1.1")
def first_invoice_paid_within_the_day(c: Case) -> None:
    c.sub("06-01")
    c.item()
    paid = {"finalized_at": None, "paid_at": at("06-01T06:00")}
    c.bill("06-01", c.line("06-01"), attempt_count=2, status_transitions=paid)
    c.cycles("07-01", 4)


@worked("06-01 +10000 =10000 started 1.1")
def first_direct_debit_settled_days_later(c: Case) -> None:
    c.sub("06-01")
    c.item()
    paid = {"finalized_at": None, "paid_at": at("06-07")}
    c.bill("06-01", c.line("06-01"), status_transitions=paid)
    c.cycles("07-01", 4)


@worked("")
def first_invoice_never_paid(c: Case) -> None:
    c.sub("06-01", status="incomplete_expired", ended_at="06-01T23:00")
    c.item()
    c.bill("06-01", c.line("06-01"), **UNPAID | {"status": "void"})


@worked(
    """
    06-01 +10000 =10000 started 1.1
    09-01 -10000 =0 canceled sub
    """
)
def invoices_sent_and_paid_when_it_suits(c: Case) -> None:
    c.sub("06-01", collection_method="send_invoice", ends="09-01")
    c.item()
    for on, paid in (("06-01", "07-10"), ("07-01", "07-10"), ("08-01", "09-20")):
        times = {"finalized_at": None, "paid_at": at(paid)}
        due = at(on) + 30 * 86_400
        c.bill(on, c.line(on), collection_method="send_invoice", due_date=due, status_transitions=times)


@worked("06-01 +10000 =10000 started 1.1")
def sent_invoice_written_off_as_bad_debt_is_no_pause(c: Case) -> None:
    c.sub("06-01", collection_method="send_invoice")
    c.item()
    c.cycles("06-01", 2, collection_method="send_invoice")
    times = {"finalized_at": at("08-01T01:00"), "paid_at": None}
    times["marked_uncollectible_at"] = at("10-15")
    about = SET_ASIDE | {"status": "uncollectible", "status_transitions": times}
    c.bill("08-01", c.line("08-01"), **about, collection_method="send_invoice")
    c.cycles("09-01", 2, collection_method="send_invoice")


@worked("06-01 +10000 =10000 started 1.1")
def sent_invoice_voided_after_days_is_no_pause(c: Case) -> None:
    c.sub("06-01", collection_method="send_invoice")
    c.item()
    c.cycles("06-01", 2, collection_method="send_invoice")
    times = {"finalized_at": at("08-01T01:00"), "paid_at": None}
    times["voided_at"] = at("08-09")
    about = SET_ASIDE | {"status": "void", "status_transitions": times}
    c.bill("08-01", c.line("08-01"), **about, collection_method="send_invoice")
    c.cycles("09-01", 2, collection_method="send_invoice")


@worked("06-01 +10000 =10000 started 1.1")
def draft_within_the_hour_counts(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 4)
    c.bill("10-01", c.line("10-01"), **SET_ASIDE | {"status": "draft", "auto_advance": True})


# --- ending ---


@worked(
    """
    06-15 +10000 =10000 started 1.1
    09-15 -10000 =0 canceled sub
    """
)
def canceled_at_period_end(c: Case) -> None:
    c.sub("06-15", ends="09-15", canceled_at="08-20", cancel_at_period_end=True)
    c.item()
    c.cycles("06-15", 3)


@worked("06-15 +10000 =10000 started 1.1")
def cancellation_to_come(c: Case) -> None:
    c.sub("06-15", canceled_at="10-20", cancel_at_period_end=True)
    c.item()
    c.cycles("06-15", 5)


@worked(
    """
    06-15 +10000 =10000 started 1.1
    10-20 -10000 =0 canceled sub
    """,
    cancel_at_period_end="churn_at_cancel_request",
)
def cancellation_to_come_counts_from_the_request(c: Case) -> None:
    c.sub("06-15", canceled_at="10-20", cancel_at_period_end=True)
    c.item()
    c.cycles("06-15", 5)


@worked(
    """
    06-15 +10000 =10000 started 1.1
    09-30 -10000 =0 canceled sub
    """
)
def canceled_at_a_date_in_mid_period(c: Case) -> None:
    c.sub("06-15", ends="09-30", canceled_at="08-20", cancel_at="09-30")
    c.item()
    c.cycles("06-15", 4)


@worked(
    """
    06-15 +10000 =10000 started 1.1
    08-20 -10000 =0 canceled sub
    """
)
def canceled_at_once_without_money_back(c: Case) -> None:
    c.sub("06-15", ends="08-20")
    c.item()
    c.cycles("06-15", 3)


@worked(
    """
    06-15 +10000 =10000 started 1.1
    08-20 -10000 =0 canceled sub
    """
)
def canceled_at_once_with_the_rest_given_back(c: Case) -> None:
    c.sub("06-15", ends="08-20")
    c.item()
    c.cycles("06-15", 3)
    c.bill("08-20", c.credit("08-20", "09-15"), billing_reason="subscription_update")


@worked(
    """
    05-15 +10000 =10000 started 1.1
    06-15 -10000 =0 canceled sub
    """
)
def paid_from_mid_may_to_mid_june(c: Case) -> None:
    c.sub("05-15", ends="06-15")
    c.item()
    c.cycles("05-15", 1)


# --- pauses ---


def pause(c: Case, status: str) -> None:
    """Pay two months, pause for two, pay one more."""
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 2)
    for on in ("08-01", "09-01"):
        times = {"finalized_at": at(on) + 3600, "paid_at": None}
        times |= {name: at(on) + 3600 for name in ("voided_at", "marked_uncollectible_at")}
        if status == "draft":
            times = {"finalized_at": None, "paid_at": None}
        c.bill(on, c.line(on), **SET_ASIDE | {"status": status, "status_transitions": times})
    c.cycles("10-01", 1)


PAUSED: Final = """
    06-01 +10000 =10000 started 1.1
    08-01 -10000 =0 paused 3.1
    10-01 +10000 =10000 resumed 5.1
    """


@worked(PAUSED)
def paused_by_voiding(c: Case) -> None:
    pause(c, "void")


@worked(PAUSED)
def paused_by_writing_off(c: Case) -> None:
    pause(c, "uncollectible")


@worked(PAUSED)
def paused_by_keeping_drafts(c: Case) -> None:
    pause(c, "draft")


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-20 -10000 =0 paused e1
    """
)
def paused_in_mid_period(c: Case) -> None:
    c.sub("06-01", pause_collection={"behavior": "void", "resumes_at": None})
    c.item()
    c.cycles("06-01", 5)
    c.event("10-20", {"pause_collection": None})


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-20 -10000 =0 paused e1
    """
)
def whole_subscription_paused_keeps_its_history(c: Case) -> None:
    # The pause endpoint of 2026 sets the status; nothing is billed until the subscription is resumed.
    c.sub("06-01", status="paused")
    c.item()
    c.cycles("06-01", 5)
    c.event("10-20", {}, kind="customer.subscription.paused")


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 -10000 =0 paused sub
    """
)
def whole_subscription_paused_months_ago(c: Case) -> None:
    c.sub("06-01", status="paused")
    c.item()
    c.cycles("06-01", 2)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-11 -10000 =0 item_removed 3.1
    10-11 +10000 =10000 resumed 4.1
    """
)
def whole_subscription_paused_with_money_back_and_resumed(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 2)
    c.bill("07-11", c.credit("07-11", "08-01"))
    c.cycles("10-11", 1)


# --- discounts ---


def discounted(c: Case, coupon: str, months: int, taken: int, now: bool = False, **price: int) -> None:
    """Bill five months at 100.00, with a coupon on the second and the ``months`` after it."""
    given = c.given(coupon, "2026-07-01")
    c.sub("06-01", discounts=[given] if now else [])
    c.item()
    c.cycles("06-01", 1)
    for on in ("07-01", "08-01", "09-01", "10-01"):
        has = int(on[:2]) < 7 + months
        line = c.line(on, off={given["id"]: taken} if has else None)
        c.bill(on, line, discounts=[given["id"]] if has else [])


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -5000 =5000 discount_changed 2.1
    """
)
def forever_coupon_that_starts(c: Case) -> None:
    discounted(c, "half", 4, 5000, now=True)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -5000 =5000 discount_changed 2.1
    09-01 +5000 =10000 discount_changed 4.1
    """
)
def forever_coupon_that_is_taken_away(c: Case) -> None:
    discounted(c, "half", 2, 5000)


@worked("06-01 +10000 =10000 started 1.1")
def repeating_coupon_is_left_out(c: Case) -> None:
    discounted(c, "fifth", 3, 2000)


@worked("06-01 +10000 =10000 started 1.1")
def once_coupon_is_left_out(c: Case) -> None:
    discounted(c, "first", 1, 3000)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -2000 =8000 discount_changed 2.1
    10-01 +2000 =10000 discount_changed 5.1
    """,
    preset="chartmogul",
)
def repeating_coupon_subtracted_while_it_lasts(c: Case) -> None:
    discounted(c, "fifth", 3, 2000)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -3000 =7000 discount_changed 2.1
    08-01 +3000 =10000 discount_changed 3.1
    """,
    preset="chartmogul",
)
def once_coupon_subtracted_in_its_period(c: Case) -> None:
    discounted(c, "first", 1, 3000)


@worked(
    """
    06-01 +8000 =8000 started 1.1
    06-01 +4000 =4000 started 1.2
    """
)
def amount_off_is_shared_over_the_items(c: Case) -> None:
    given = c.given("thirty")
    c.sub("06-01", discounts=[given])
    c.item()
    c.item("b", "p50")
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        lines = (
            c.line(on, off={given["id"]: 2000}),
            c.line(on, price="p50", item="b", off={given["id"]: 1000}),
        )
        c.bill(on, *lines, discounts=[given["id"]])


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-01 +2500 =2500 started 1.2
    """
)
def coupon_on_one_item(c: Case) -> None:
    given = c.given("half")
    c.sub("06-01")
    c.item()
    c.item("b", "p50", discounts=[given])
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        half = c.line(on, price="p50", item="b", off={given["id"]: 2500}, discounts=[given["id"]])
        c.bill(on, c.line(on), half)


@worked("06-01 +5000 =5000 started 1.1")
def coupon_of_the_customer(c: Case) -> None:
    given = c.given("half")
    customer = next(record for record in c.books.streams["stripe_customers"] if record["id"] == c.name)
    customer["discount"] = given
    c.sub("06-01")
    c.item()
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        c.bill(on, c.line(on, off={given["id"]: 5000}), discounts=[given["id"]])


@worked(
    """
    06-01 +5000 =5000 started 1.1
    06-16 +5000 =10000 price_changed 2.2
    """
)
def proration_that_repeats_the_discounts_of_its_invoice(c: Case) -> None:
    # Its amount is net already ("with 50 % off"), and it names the discounts with amounts of 0.
    given = c.given("half")
    name = given["id"]
    c.sub("06-01", discounts=[given])
    c.item(price="p200")
    c.bill("06-01", c.line("06-01", off={name: 5000}), discounts=[name])
    lines = (
        c.credit("06-16", "07-01", share=0.25, discounts=[name], off={name: 0}),
        c.debit("06-16", "07-01", "p200", share=0.25, discounts=[name], off={name: 0}),
    )
    c.bill("07-01", *lines, c.line("07-01", price="p200", off={name: 10000}), discounts=[name])
    for on in ("08-01", "09-01", "10-01"):
        c.bill(on, c.line(on, price="p200", off={name: 10000}), discounts=[name])


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 -10000 =0 discount_changed 3.1
    09-01 +10000 =10000 discount_changed 4.1
    """
)
def everything_off_for_a_month(c: Case) -> None:
    given = c.given("free")
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 2)
    c.bill("08-01", c.line("08-01", off={given["id"]: 10000}), discounts=[given["id"]])
    c.cycles("09-01", 2)


# --- refunds and credit notes ---


def refunded(c: Case) -> None:
    """Give back the whole of July by credit note and a fifth of September by refund."""
    c.sub("06-01")
    c.item()
    for on, back in (("06-01", 0), ("07-01", 10000), ("08-01", 0), ("09-01", 0), ("10-01", 0)):
        paid = {"data": [{"payment": {"payment_intent": c.id(on)}}]}
        c.bill(on, c.line(on), post_payment_credit_notes_amount=back, payments=paid)
    charge = {"customer": c.name, "amount": 10000, "currency": "eur", "status": "succeeded"}
    charge |= {"id": c.id("ch"), "payment_intent": c.id("09-01"), "amount_refunded": 2000}
    c.books.add("stripe_charges", created=at("09-01"), **charge)


@worked("06-01 +10000 =10000 started 1.1")
def refunds_are_ignored(c: Case) -> None:
    refunded(c)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -10000 =0 amount_changed 2.1
    08-01 +10000 =10000 amount_changed 3.1
    """,
    refunds="full_refund_removes",
)
def full_refund_removes_the_period(c: Case) -> None:
    refunded(c)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -10000 =0 amount_changed 2.1
    08-01 +10000 =10000 amount_changed 3.1
    09-01 -2000 =8000 amount_changed 4.1
    10-01 +2000 =10000 amount_changed 5.1
    """,
    refunds="deduct",
)
def refunds_are_deducted(c: Case) -> None:
    refunded(c)


# --- what is sold ---


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-01 +6000 =6000 started 1.2
    06-01 +10000 =10000 started 1.3
    """
)
def several_items_of_several_intervals(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.item("b", "p30", 2)
    c.item("c", "y1200")
    yearly = c.line("06-01", "2027-06-01", "y1200", item="c")
    c.bill("06-01", c.line("06-01"), c.line("06-01", price="p30", quantity=2, item="b"), yearly)
    for on in ("07-01", "08-01", "09-01", "10-01"):
        c.bill(on, c.line(on), c.line(on, price="p30", quantity=2, item="b"))


@worked("06-01 +10000 =10000 started 1.1")
def sold_in_dollars(c: Case) -> None:
    c.sub("06-01", currency="usd")
    c.item(price="usd100")
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        c.bill(on, c.line(on, price="usd100", amount=10000, currency="usd"), currency="usd")


@worked("2025-03-10 +10000 =10000 started 1.1")
def imported_with_its_first_invoices_missing(c: Case) -> None:
    c.sub("2025-03-10")
    c.item()
    c.cycles("06-10", 5, billing_reason="subscription_cycle")


@worked("06-01 +10000 =10000 started 1.1")
def backdated_start_billed_later(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.bill("06-20", c.debit("06-01", "07-01"))
    c.cycles("07-01", 4)


@worked("06-10 +10000 =10000 started 1.1")
def first_days_until_the_anchor_are_prorated(c: Case) -> None:
    c.sub("06-10")
    c.item()
    c.bill("06-10", c.debit("06-10", "07-01", share=0.7))
    c.cycles("07-01", 4)


@worked("")
def metered_only(c: Case) -> None:
    c.sub("06-01")
    c.item(price="use", quantity=None)
    for on in ("06-01", "07-01"):
        c.bill(
            day(on),
            c.line(on, price="p0", quantity=300, amount=30000)
            | {"pricing": {"price_details": {"price": "use"}}},
        )


@worked("06-01 +5000 =5000 started 1.1")
def metered_and_licensed(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    c.item("b", "use", None)
    c.bill("06-01", c.line("06-01", price="p50"))
    for on, before in (("07-01", "06-01"), ("08-01", "07-01"), ("09-01", "08-01"), ("10-01", "09-01")):
        used = c.line(before, on, "p0", 40, item="b", amount=4000)
        c.bill(on, c.line(on, price="p50"), used | {"pricing": {"price_details": {"price": "use"}}})


@worked("08-01 +5000 =5000 item_added 2.2")
def licensed_item_added_to_a_metered_subscription(c: Case) -> None:
    c.sub("06-01")
    c.item("b", "use", None)
    c.item("a", "p50")
    for on, before in (("07-01", "06-01"), ("08-01", "07-01"), ("09-01", "08-01"), ("10-01", "09-01")):
        used = c.line(before, on, "p0", 40, item="b", amount=4000)
        used |= {"pricing": {"price_details": {"price": "use"}}}
        c.bill(on, used, *([c.line(on, price="p50")] if on > "07-01" else []))


@worked("08-01 +10000 =10000 price_changed 3.1")
def free_plan_to_paid(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 2, "p0")
    c.cycles("08-01", 3)


@worked("06-01 +16600 =16600 started 1.1")
def graduated_tiers_are_billed_as_a_line_each(c: Case) -> None:
    c.sub("06-01")
    c.item(price="tiered", quantity=12)
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        first = c.line(on, price="tiered", quantity=10, amount=10000)
        c.bill(
            on,
            first,
            c.line(on, price="tiered", quantity=2, amount=1600),
            c.line(on, price="tiered", quantity=0, amount=5000),
        )


@worked("06-01 +16600 =16600 started 1.1")
def flat_fee_of_a_tier_with_a_quantity_of_its_own(c: Case) -> None:
    c.sub("06-01")
    c.item(price="tiered", quantity=12)
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        first = c.line(on, price="tiered", quantity=10, amount=10000)
        c.bill(
            on,
            first,
            c.line(on, price="tiered", quantity=2, amount=1600),
            c.line(on, price="tiered", quantity=1, amount=5000),
        )


@worked("06-01 +5800 =5800 started 1.1")
def coupon_on_tiers_that_were_not_read(c: Case) -> None:
    given = c.given("half")
    c.sub("06-01", ends="2027-01-01", status="active", discounts=[given], ended_at=None, canceled_at=None)
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        first = c.line(on, price="untold", quantity=10, amount=10000, off={given["id"]: 5000})
        second = c.line(on, price="untold", quantity=2, amount=1600, off={given["id"]: 800})
        c.bill(on, first, second, discounts=[given["id"]])
    c.item(price="untold", quantity=12)


@worked(
    """
    06-01 +16600 =16600 started 1.1
    06-16 +2400 =19000 quantity_changed 2.2
    """
)
def proration_of_tiers_is_one_line(c: Case) -> None:
    c.sub("06-01")
    c.item(price="tiered", quantity=15)
    c.bill(
        "06-01",
        c.line("06-01", price="tiered", quantity=10, amount=15000),
        c.line("06-01", price="tiered", quantity=2, amount=1600),
    )
    lines = (
        c.line("06-16", "07-01", "tiered", 12, amount=-8300, proration=True),
        c.line("06-16", "07-01", "tiered", 15, amount=9500, proration=True),
    )
    c.bill(
        "07-01",
        *lines,
        c.line("07-01", price="tiered", quantity=10, amount=15000),
        c.line("07-01", price="tiered", quantity=5, amount=4000),
    )
    for on in ("08-01", "09-01", "10-01"):
        c.bill(
            on,
            c.line(on, price="tiered", quantity=10, amount=15000),
            c.line(on, price="tiered", quantity=5, amount=4000),
        )


@worked("06-01 +25000 =25000 started 1.1")
def more_than_was_ever_billed_is_a_line_of_its_own_price(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50", quantity=5)
    c.cycles("06-01", 5, "p50", 5)


# --- another day ---


@worked("06-01 +10000 =10000 started 1.1", as_of="08-10")
def as_of_before_an_upgrade(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p200")
    c.cycles("06-01", 3)
    c.cycles("09-01", 2, "p200")


@worked("06-01 +10000 =10000 started 1.1", as_of="08-10")
def as_of_before_a_cancellation(c: Case) -> None:
    c.sub("06-01", ends="09-01")
    c.item()
    c.cycles("06-01", 3)


@worked("", as_of="08-10")
def as_of_before_the_start(c: Case) -> None:
    c.sub("09-01")
    c.item()
    c.cycles("09-01", 2)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-01 -3000 =7000 discount_changed 5.1
    """,
    discounts__once="subtract_in_period",
)
def once_coupon_of_the_current_period(c: Case) -> None:
    given = c.given("first", "2026-10-01")
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 4)
    c.bill("10-01", c.line("10-01", off={given["id"]: 3000}), discounts=[given["id"]])


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-12 -5000 =5000 discount_changed e1
    """
)
def coupon_given_to_a_subscription_in_mid_period(c: Case) -> None:
    c.sub("06-01", discounts=[c.given("half", "2026-10-12")])
    c.item()
    c.cycles("06-01", 5)
    c.event("10-12", {"discounts": []})


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-12 -5000 =5000 discount_changed e1
    """
)
def coupon_given_to_a_customer_in_mid_period(c: Case) -> None:
    customer = next(record for record in c.books.streams["stripe_customers"] if record["id"] == c.name)
    customer["discount"] = c.given("half", "2026-10-12")
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 5)
    c.event("10-12", {}, "customer.discount.created", customer=c.name, subscription=None, object="discount")


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-12 -5000 =5000 price_changed e1
    """
)
def event_in_the_shape_of_an_older_version(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    c.cycles("06-01", 5)
    c.event("10-12", {"plan": {"id": "p100"}})


@worked("06-01 +10000 =10000 started 1.1")
def event_that_changes_no_money(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 5)
    c.event("10-12", {"default_payment_method": "pm", "metadata": {}})


@worked("06-01 +10000 =10000 started 1.1", as_of="10-10")
def event_after_the_day_of_the_numbers(c: Case) -> None:
    c.sub("06-01")
    c.item(quantity=2)
    c.cycles("06-01", 5)
    c.event("10-20", {"items": {}})


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
    books = Books()
    prices(books)
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
    books = Books()
    prices(books)
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
    books = Books()
    prices(books)
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
    books = Books()
    prices(books)
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

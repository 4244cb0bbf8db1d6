"""Worked cases of the ledger: how invoices are paid, how subscriptions end, how they pause."""

from __future__ import annotations

from typing import Final

from tests.enrichment.ledger_books import SET_ASIDE, UNPAID, Case, at, worked

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


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-16 +10000 =20000 price_changed 3.2
    08-01 -20000 =0 paused 3.3
    09-01 +20000 =20000 resumed 4.1
    """
)
def upgrade_that_waits_for_its_invoice_while_a_pause_begins(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p200")
    c.cycles("06-01", 2)
    lines = c.credit("07-16", "08-01"), c.debit("07-16", "08-01", "p200")
    c.bill("08-01", *lines, c.line("08-01", price="p200"), **SET_ASIDE | {"status": "void"})
    c.cycles("09-01", 2, "p200")


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 -10000 =0 paused 3.1
    10-01 +20000 =20000 resumed 5.1
    """
)
def upgrade_while_paused(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p200")
    c.cycles("06-01", 2)
    c.bill("08-01", c.line("08-01"), **SET_ASIDE | {"status": "draft"})
    lines = c.credit("08-16", "09-01"), c.debit("08-16", "09-01", "p200")
    c.bill("09-01", *lines, c.line("09-01", price="p200"), **SET_ASIDE | {"status": "draft"})
    c.cycles("10-01", 1, "p200")


@worked(
    """
    06-15 +10000 =10000 trial_converted 2.1
    08-15 -10000 =0 paused sub
    """
)
def whole_subscription_paused_long_after_its_trial(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-15", status="paused")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))
    c.cycles("06-15", 2)

"""What is known of an account at a past instant: worked cases, each with something that came later."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from enrichment.facts.rewinding import churns, restore, rewind
from enrichment.health.config import HealthConfig
from enrichment.policy import Policy
from tests.enrichment.books import AS_OF, Books, Record, epoch
from tests.enrichment.rewound import Account, as_text, described, facts_at, shop

PAST = datetime(2026, 7, 15, 12, tzinfo=UTC)
MONTHS = [f"2026-{month:02}-01" for month in range(4, 12)]


def monthly(account: Account, until: str = "2026-11-01", quantity: int = 3, **more: Any) -> None:
    """Sell an item from April until a day."""
    for start, end in pairwise(MONTHS):
        if start < until:
            account.sell(start, end, quantity, **more)


def customer(books: Books, name: str, seats: int = 3, until: str = "2026-11-01", **more: Any) -> Account:
    """Add a customer since April."""
    since = {"start_date": epoch("2026-04-01"), "created": epoch("2026-04-01")}
    account = Account(books, name, ("seat", seats), **{**since, **more})
    monthly(account, until)
    return account


def ended(day: str, asked: str | None = None, reason: str = "cancellation_requested") -> dict[str, Any]:
    details = {"reason": reason}
    about = {"canceled_at": epoch(asked or day), "ended_at": epoch(day), "cancellation_details": details}
    return {"status": "canceled", **about}


@cache
def books() -> Books:
    made = shop()
    customer(made, "plain")
    customer(made, "asked_later", cancel_at_period_end=True, canceled_at=epoch("2026-08-01"))
    customer(made, "asked_before", until="2026-08-01", **ended("2026-08-01", asked="2026-07-10"))
    customer(made, "ended_later", until="2026-08-02", **ended("2026-08-10"))
    customer(made, "ended_before", until="2026-07-02", **ended("2026-07-10"))
    _invoices(made)
    _items(made)
    _cards(made)
    return made


def _invoices(made: Books) -> None:
    late = customer(made, "paid_later", until="2026-07-01")
    late.sell("2026-07-01", "2026-08-01", 3, paid="2026-08-01", attempt_count=2)
    late.charge("2026-07-01", 3000)
    late.charge("2026-08-01", 3000, "succeeded")
    monthly_from_august(late)
    for name, transition in (("voided_later", "voided_at"), ("written_off_later", "marked_uncollectible_at")):
        sent = customer(made, name, until="2026-06-01", collection_method="send_invoice")
        dates = {"finalized_at": epoch("2026-06-01"), transition: epoch("2026-09-01")}
        status = "void" if transition == "voided_at" else "uncollectible"
        about: Record = {"status": status, "status_transitions": dates, "due_date": epoch("2026-06-20")}
        about |= {"collection_method": "send_invoice", "attempt_count": 0}
        sent.sell("2026-06-01", "2026-07-01", 3, paid=None, **about)
    unpaid = customer(made, "unpaid", until="2026-06-01", status="unpaid")
    unpaid.sell("2026-06-01", "2026-07-01", 3, paid=None, attempt_count=4)
    for day in ("2026-06-01", "2026-06-04", "2026-06-09", "2026-06-16"):
        unpaid.charge(day, 3000)
    debit = customer(made, "debit", until="2026-07-01")
    debit.sell("2026-07-01", "2026-08-01", 3, paid="2026-07-20")
    debit.charge("2026-07-01", 3000, "succeeded", payment_method_details={"type": "sepa_debit"})
    trial = {
        "trial_start": epoch("2026-07-01"),
        "trial_end": epoch("2026-08-01"),
        "created": epoch("2026-07-01"),
    }
    tried = Account(made, "trial", ("seat", 3), start_date=epoch("2026-07-01"), **trial)
    tried.sell("2026-07-01", "2026-08-01", 3).update({"total": 0, "amount_due": 0, "amount_paid": 0})
    made.streams["stripe_invoice_lines"][-1]["amount"] = 0
    monthly_from_august(tried)
    begun = epoch("2026-08-01")
    late_comer = Account(made, "came_later", ("seat", 3), start_date=begun, created=begun)
    made.streams["stripe_customers"][-1]["created"] = begun
    monthly_from_august(late_comer)


def monthly_from_august(account: Account, quantity: int = 3) -> None:
    for start, end in pairwise(MONTHS[4:]):
        account.sell(start, end, quantity)


def _items(made: Books) -> None:
    grown = customer(made, "grew_later", 9, until="2026-08-01")
    monthly_from_august(grown, 9)
    noted = customer(made, "noted", 5, until="2026-08-01")
    waiting = noted.sell("2026-08-01", "2026-09-01", 5)
    for quantity, credit in ((3, True), (5, False)):
        noted.add_line(waiting, noted.line("2026-07-10", "2026-08-01", quantity, credit=credit))
    for name, day in (("removed_later", "2026-07-20"), ("removed_before", "2026-07-10")):
        account = customer(made, name)
        account.sell("2026-07-01", "2026-08-01", price="base", item=1)
        given_back = account.line(day, "2026-08-01", 1, price="base", item=1, credit=True)
        account.sell(day, "2026-08-01", lines=[given_back])


def _cards(made: Books) -> None:
    """A card that its network renewed, one that another replaced: the charges know what they were."""
    for name in ("renewed_card", "other_card"):
        account = customer(made, name)
        account.card("0001", "2026-07-01", 2026, 8)
        account.card("0001" if name == "renewed_card" else "0002", "2026-09-01", 2031, 12)
    account = customer(made, "debit_fails")
    account.card("0001", "2026-06-01")
    account.card("0003", "2026-07-01", kind="sepa_debit", status="failed")


JUNE = datetime(2026, 6, 10, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@cache
def looks() -> list[tuple[str, pd.DataFrame]]:
    """Look at the books again and again, in one engine: when, and the facts, null as None."""
    with described(books()) as engine:
        restore(engine)
        found = [("present", facts_at(engine))]
        for name, moment in (("past", PAST), ("june", JUNE), ("present", AS_OF), ("present", LATER)):
            found.append((name, facts_at(engine, moment)))
        found.append(("long ago", facts_at(engine, LONG_AGO)))
        restore(engine)
        clock = engine.frame("SELECT as_of FROM run_clock")["as_of"].iloc[0]
        assert clock == AS_OF.replace(tzinfo=None)
        found += [("present", facts_at(engine)), ("past", facts_at(engine, PAST))]
    return [(name, facts.astype(object).where(facts.notna(), None)) for name, facts in found]


def known() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the facts now and then."""
    (_, now), (_, then), *_ = looks()
    return now, then


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, status, mrr",
    [
        ("plain", "active", 3000),
        ("asked_later", "active", 3000),
        ("asked_before", "active", 3000),
        ("ended_later", "active", 3000),
        ("ended_before", "churned", 0),
        ("paid_later", "past_due", 3000),
        ("voided_later", "past_due", 3000),
        ("written_off_later", "past_due", 3000),
        ("unpaid", "unpaid", 0),
        ("debit", "active", 3000),
        ("trial", "trialing", 0),
        ("grew_later", "active", 3000),
        ("noted", "active", 5000),
        ("removed_later", "active", 8000),
        ("removed_before", "active", 3000),
    ],
)
def test_status_and_mrr_are_those_of_then(name: str, status: str, mrr: int) -> None:
    row = known()[1].loc[name]
    assert (row["status"], row["mrr"]) == (status, mrr)


def test_who_came_later_is_not_there() -> None:
    now, then = known()
    assert set(now.index) - set(then.index) == {"came_later"}


@pytest.mark.parametrize(
    "name, ending, first_end, next_charge",
    [
        ("plain", 0, None, "2026-08-01"),
        ("asked_later", 0, None, "2026-08-01"),
        ("asked_before", 1, "2026-08-01", None),
    ],
)
def test_a_cancellation_is_known_from_when_it_was_asked_for(
    name: str, ending: int, first_end: str | None, next_charge: str | None
) -> None:
    row = known()[1].loc[name]
    dates = [pd.Timestamp(day) if day else None for day in (first_end, next_charge)]
    assert [row["ending_items"], row["first_end"], row["next_charge_date"]] == [ending, *dates]


@pytest.mark.parametrize(
    "name, total, attempts, days",
    [
        ("paid_later", 3000, 1, 14),
        ("voided_later", 3000, 0, 25),
        ("written_off_later", 3000, 0, 25),
        ("unpaid", 3000, 4, 44),
        ("debit", None, None, None),
        ("plain", None, None, None),
    ],
)
def test_what_was_unpaid_then(name: str, total: int | None, attempts: int | None, days: int | None) -> None:
    row = known()[1].loc[name]
    assert (row["open_total"], row["most_attempts"], row["days_past_due"]) == (total, attempts, days)


def test_attempts_are_counted_as_they_were_made() -> None:
    row = dict(looks())["june"].loc["unpaid"]
    assert (row["status"], row["mrr"], row["most_attempts"]) == ("past_due", 3000, 3)


def test_seats_and_what_a_trial_may_bring_are_those_of_then() -> None:
    _, then = known()
    assert then.loc[["grew_later", "noted", "plain"], "paid_seats"].tolist() == [3, 5, 3]
    assert then.loc["trial", "potential_trial_mrr"] == 3000


@pytest.mark.parametrize(
    "name, label, expires",
    [
        ("renewed_card", "visa 0001", "2026-08-31"),
        ("other_card", "visa 0001", "2026-08-31"),
        pytest.param("debit_fails", None, None, id="a refusal that was not known yet"),
    ],
)
def test_a_card_is_that_of_the_last_charge(name: str, label: str | None, expires: str | None) -> None:
    row = known()[1].loc[name]
    assert (row["card_label"], row["card_expires_on"]) == (label, pd.Timestamp(expires) if expires else None)


@pytest.mark.parametrize(
    "name, label", [("renewed_card", "visa 0001"), ("other_card", "visa 0002"), ("debit_fails", "visa 0001")]
)
def test_and_that_of_the_last_charge_now(name: str, label: str) -> None:
    assert known()[0].loc[name, "card_label"] == label


def test_every_look_at_an_instant_finds_the_same_whatever_was_looked_at_before() -> None:
    first: dict[str, pd.DataFrame] = {}
    for name, facts in looks():
        pd.testing.assert_frame_equal(as_text(facts), as_text(first.setdefault(name, facts)))
    assert [name for name, _ in looks()].count("present") == 4


def test_money_given_back_later_was_not_given_back_then() -> None:
    made = shop()
    customer(made, "refunded").charge("2026-07-01", 3000, "succeeded", amount_refunded=3000)
    for invoice in made.streams["stripe_invoices"]:
        invoice["post_payment_credit_notes_amount"] = 3000
    policy = Policy(refunds="full_refund_removes")
    with described(made, policy=policy) as engine:
        assert facts_at(engine).loc["refunded", "mrr_90"] == 0
        assert facts_at(engine, PAST, policy).loc["refunded", "mrr"] == 3000


def test_a_past_without_customers_is_empty() -> None:
    assert dict(looks())["long ago"].empty


def test_who_left_when_and_why() -> None:
    made = books()
    extra = shop()
    customer(extra, "stopped_paying", until="2026-08-01", **ended("2026-08-10", reason="payment_failed"))
    customer(extra, "disputed", until="2026-08-01", **ended("2026-08-10", reason="payment_disputed"))
    for stream in ("stripe_customers", "stripe_subscriptions", "stripe_subscription_items", "stripe_invoices",
                   "stripe_invoice_lines"):  # fmt: skip
        extra.streams[stream] += made.streams[stream]
    extra.streams["stripe_charges"] = made.streams["stripe_charges"]
    with described(extra) as engine:
        found = churns(engine)
        rewind(engine, PAST, Policy(), HealthConfig())
        pd.testing.assert_frame_equal(churns(engine), found)
    told = {row.account_id: (str(row.churned_at), row.kind) for row in found.itertuples()}
    assert told == {
        "asked_before": ("2026-08-01 00:00:00", "voluntary"),
        "ended_later": ("2026-08-10 00:00:00", "voluntary"),
        "ended_before": ("2026-07-10 00:00:00", "voluntary"),
        "unpaid": ("2026-06-16 00:00:00", "payment"),
        "stopped_paying": ("2026-08-10 00:00:00", "payment"),
        "disputed": ("2026-08-10 00:00:00", "payment"),
    }


ENDS = {
    "payment_last": (("2026-07-10", "cancellation_requested"), ("2026-08-10", "payment_failed")),
    "payment_first": (("2026-07-10", "payment_failed"), ("2026-08-10", "cancellation_requested")),
    "dispute_last": (("2026-07-10", "payment_failed"), ("2026-08-10", "payment_disputed")),
    "asked_both": (("2026-07-10", "cancellation_requested"), ("2026-08-10", "cancellation_requested")),
    "at_once": (("2026-08-10", "cancellation_requested"), ("2026-08-10", "payment_failed")),
    "one_stays": (("2026-07-10", "payment_failed"), None),
}
"""Companies with two subscriptions: when and why each ended."""


CAME_BACK = (("2026-04-01", "2026-05-01", "payment_failed"), ("2026-08-01", "2026-09-01", "cancelled"))
"""From when until when the subscriptions of a company that came back lasted, and why they ended."""


@cache
def left() -> pd.DataFrame:
    """Return who left among the companies of ``ENDS``, one that came back, and one with a free rest."""
    made = shop()
    for company, ends in ENDS.items():
        for number, end in enumerate(ends):
            more = ended(end[0], reason=end[1]) if end else {}
            customer(made, f"{company}/{number}", until=end[0] if end else "2026-11-01", **more)
    for number, (start, until, reason) in enumerate(CAME_BACK):
        since = {"start_date": epoch(start), "created": epoch(start)}
        more = {**since, **ended(until, reason=reason)}
        Account(made, f"came_back/{number}", ("seat", 3), **more).sell(start, until, 3)
    _free_rest(made)
    owners = {record["id"]: record["id"].split("/")[0] for record in made.streams["stripe_customers"]}
    with described(made, companies=owners) as engine:
        return churns(engine)


def _free_rest(made: Books) -> None:
    """Add a company that stopped paying and kept a subscription that costs nothing, for a month."""
    customer(made, "rest/0", until="2026-07-10", **ended("2026-07-10", reason="payment_failed"))
    free = Account(made, "rest/1", ("free", 3), start_date=epoch("2026-04-01"), **ended("2026-08-10"))
    line = {**free.line("2026-07-01", "2026-08-01", 3, price="free"), "amount": 0}
    invoice = free.sell("2026-07-01", "2026-08-01", lines=[line])
    invoice.update({"total": 0, "amount_due": 0, "amount_paid": 0})


@pytest.mark.parametrize(
    "company, told",
    [
        pytest.param("payment_last", [("2026-08-10", "payment")], id="the last did not pay"),
        pytest.param("payment_first", [("2026-08-10", "voluntary")], id="only the first did not pay"),
        pytest.param("dispute_last", [("2026-08-10", "payment")], id="neither paid"),
        pytest.param("asked_both", [("2026-08-10", "voluntary")], id="both were asked for"),
        pytest.param("at_once", [("2026-08-10", "payment")], id="one of two that ended at once did not pay"),
        pytest.param("one_stays", [], id="one stays"),
        pytest.param(
            "came_back",
            [("2026-05-01", "payment"), ("2026-09-01", "voluntary")],
            id="left twice, each for its own",
        ),
        pytest.param("rest", [("2026-08-10", "voluntary")], id="one that costs nothing went on"),
    ],
)
def test_of_several_subscriptions_the_last_that_ended_says_why(
    company: str, told: list[tuple[str, str]]
) -> None:
    rows = left()[left()["account_id"] == company]
    assert [(f"{row.churned_at:%Y-%m-%d}", row.kind) for row in rows.itertuples()] == told

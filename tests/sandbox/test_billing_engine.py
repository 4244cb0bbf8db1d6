"""The billing engine step by step: money to the minor unit, statuses to the second."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.billing.agenda import Agenda
from sandbox.billing.catalogue import make_catalogue
from sandbox.billing.collection import RETRY_AFTER, attempt, credit, refund
from sandbox.billing.contracts import ContractLog
from sandbox.billing.customers import (
    attach_card,
    create_customer,
    discount_customer,
    discount_subscription,
    drop_discount,
)
from sandbox.billing.desk import Desk
from sandbox.billing.ids import IdSource
from sandbox.billing.objects import StripeObjects
from sandbox.billing.periods import DAY, HOUR, add_months, boundary
from sandbox.billing.records import Customer, Store, Subscription
from sandbox.billing.subscriptions import (
    Change,
    Order,
    cancel_now,
    change_items,
    keep,
    pause_collection,
    resume_collection,
    resume_paused,
    schedule_cancel,
    subscribe,
)


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


START = moment("2026-01-31T12:00:00")
CATALOGUE = make_catalogue(1, 0)


@dataclass
class Books:
    """A desk with one customer whose card the test controls."""

    declines: str | None = None
    used: int = 0
    store: Store = field(default_factory=Store)

    def __post_init__(self) -> None:
        self.desk = Desk(
            ids=IdSource("test"),
            event_ids=IdSource("test:events"),
            store=self.store,
            agenda=Agenda(),
            log=ContractLog(),
            bank=lambda at, customer: self.declines,
            transfer=lambda at, invoice: at + 45 * DAY,
            meter=lambda start, end: self.used,
            changed=lambda at, subscription: None,
        )
        self.customer: Customer = create_customer(self.desk, START, "Velora", "a@velora.example", "FR", {})
        attach_card(START, self.desk, self.customer, "visa", "4242", (2029, 5))

    def subscribe(self, *items: tuple[str, int], **terms: Any) -> Subscription:
        order = Order([(CATALOGUE.prices[key], quantity, ()) for key, quantity in items], **terms)
        return subscribe(START, self.desk, self.customer, order)

    def run(self, until: int) -> None:
        self.desk.agenda.run(until)
        self.store.settle()

    @property
    def stripe(self) -> StripeObjects:
        self.store.settle()
        return StripeObjects(self.store, lambda: [], lambda customer, day: 0, lambda: START)

    def invoices(self) -> list[dict[str, Any]]:
        stripe = self.stripe
        return [found for key in stripe.ids("invoice") if (found := stripe.get("invoice", key))]

    def lines(self, place: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.invoices()[place]["lines"]["data"]
        return rows


def coupons(*names: str) -> list[Any]:
    return [CATALOGUE.coupons[name] for name in names]


def to_quantity(subscription: Subscription, quantity: int) -> list[Change]:
    return [Change(subscription.items[0], subscription.items[0].price, quantity)]


def test_renewals_count_from_the_anchor() -> None:
    ends = [boundary(START, "month", 1, index) for index in range(4)]
    assert [datetime.fromtimestamp(end, UTC).day for end in ends] == [31, 28, 31, 30]
    assert boundary(START, "week", 2, 1) == START + 14 * DAY
    assert add_months(moment("2024-02-29T00:00:00"), 12) == moment("2025-02-28T00:00:00")


def test_a_first_invoice_is_paid_at_once_and_a_cycle_an_hour_after_its_draft() -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 3))
    (first,) = books.invoices()
    assert (first["status"], first["total"], first["billing_reason"]) == (
        "paid",
        14_700,
        "subscription_create",
    )
    renewal = subscription.period_end
    books.run(renewal + HOUR)
    draft = books.invoices()[1]
    assert (draft["status"], draft["number"], draft["created"]) == ("draft", None, renewal)
    books.run(renewal + HOUR + 1)
    paid = books.invoices()[1]
    assert (paid["status"], paid["billing_reason"]) == ("paid", "subscription_cycle")
    assert paid["status_transitions"]["paid_at"] == renewal + HOUR
    assert books.lines(1)[0]["period"] == {"start": renewal, "end": boundary(START, "month", 1, 2)}


@pytest.mark.parametrize("invoice_now", [True, False])
def test_a_change_credits_what_is_left_and_charges_the_rest(invoice_now: bool) -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 10))
    item = subscription.items[0]
    half = (item.period_start + item.period_end) // 2
    books.run(half)
    change_items(half, books.desk, subscription, to_quantity(subscription, 16), invoice_now=invoice_now)
    if not invoice_now:
        assert len(books.invoices()) == 1
        books.run(item.period_end + 1)
    unused, remaining = books.lines(1)[:2]
    assert (unused["amount"], remaining["amount"]) == (-24_500, 39_200)
    assert unused["period"]["start"] == remaining["period"]["start"] == half
    assert unused["quantity"], remaining["quantity"] == (10, 16)
    details = unused["parent"]["subscription_item_details"]
    assert details["proration"]
    assert details["proration_details"]["credited_items"]["invoice"] == books.invoices()[0]["id"]
    assert books.invoices()[1]["billing_reason"] == (
        "subscription_update" if invoice_now else "subscription_cycle"
    )


def test_a_second_change_gives_back_the_first() -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 10))
    length = subscription.period_end - START
    for share, quantity in ((4, 20), (2, 5)):
        at = START + length // share
        change_items(at, books.desk, subscription, to_quantity(subscription, quantity), invoice_now=True)
    assert [line["amount"] for line in books.lines(2)] == [-49_000, 12_250]
    assert books.customer.balance == -36_750
    books.run(subscription.period_end + 2 * HOUR)
    cycle = books.invoices()[3]
    assert (cycle["total"], cycle["starting_balance"], cycle["ending_balance"]) == (24_500, -36_750, -12_250)
    assert (cycle["amount_due"], cycle["status"], cycle["attempt_count"]) == (0, "paid", 0)


def test_prorations_carry_their_discounts_apart() -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 10), coupons=coupons("NGO20", "WELCOME50"))
    first = books.lines(0)[0]
    assert [row["amount"] for row in first["discount_amounts"]] == [9_800, 19_600]
    half = START + (subscription.period_end - START) // 2
    change_items(half, books.desk, subscription, to_quantity(subscription, 20), invoice_now=True)
    unused, remaining = books.lines(1)
    assert [row["amount"] for row in unused["discount_amounts"]] == [-4_900, -9_800]
    assert [row["amount"] for row in remaining["discount_amounts"]] == [9_800], "once is used up"
    assert books.invoices()[1]["total"] == (49_000 - 9_800) - (24_500 - 14_700)


def test_money_off_over_several_lines_adds_up() -> None:
    books = Books()
    items = [("starter-month-eur", 1), ("connector-1-month-eur", 1), ("connector-2-month-eur", 1)]
    books.subscribe(*items, coupons=coupons("PARTNER12", "LOYAL-eur"))
    (invoice,) = books.invoices()
    assert invoice["subtotal"] == 1_900 + 900 + 1_050
    by_percent, by_money = invoice["total_discount_amounts"]
    assert by_money["amount"] == 2_500
    assert invoice["total"] == invoice["subtotal"] - by_percent["amount"] - 2_500
    of_lines = [row["amount"] for line in invoice["lines"]["data"] for row in line["discount_amounts"]]
    assert sum(of_lines) == by_percent["amount"] + 2_500


def test_a_new_interval_starts_a_new_cycle() -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 10))
    half = START + (subscription.period_end - START) // 2
    change = Change(subscription.items[0], CATALOGUE.prices["growth-year-eur"], 10)
    change_items(half, books.desk, subscription, [change], invoice_now=False)
    unused, year = books.lines(1)
    assert (unused["amount"], year["amount"]) == (-24_500, 490_000)
    assert not year["parent"]["subscription_item_details"]["proration"]
    assert year["period"] == {"start": half, "end": add_months(half, 12)}
    assert subscription.anchor == half


def test_retries_then_unpaid_or_canceled() -> None:
    for outcome in ("unpaid", "canceled"):
        books = Books()
        subscription = books.subscribe(("growth-month-eur", 1), dunning=outcome)
        books.declines = "card_declined"
        due = subscription.period_end + HOUR
        books.run(due + 1)
        invoice = books.invoices()[1]
        assert (subscription.status, invoice["attempt_count"]) == ("past_due", 1)
        assert invoice["next_payment_attempt"] == due + RETRY_AFTER[0]
        assert books.customer.delinquent
        books.run(due + sum(RETRY_AFTER))
        assert subscription.status == "past_due"
        books.run(due + sum(RETRY_AFTER) + 1)
        invoice = books.invoices()[1]
        assert (subscription.status, invoice["attempt_count"], invoice["status"]) == (outcome, 4, "open")
        assert invoice["next_payment_attempt"] is None
        books.run(due + 70 * DAY)
        later = [row["status"] for row in books.invoices()[2:]]
        assert later == (["draft", "draft"] if outcome == "unpaid" else [])


def test_a_card_that_works_again_pays_all_that_waits() -> None:
    books = Books()
    subscription = books.subscribe(("pilot-week-eur", 1))
    books.declines = "insufficient_funds"
    books.run(START + 16 * DAY)
    assert [row["status"] for row in books.invoices()] == ["paid", "open", "open"]
    books.declines = None
    books.run(START + 18 * DAY)
    assert {row["status"] for row in books.invoices()} == {"paid"}
    assert subscription.status == "active"
    assert not books.customer.delinquent


@pytest.mark.parametrize(
    "hours, status, invoice", [(20, "active", "paid"), (24, "incomplete_expired", "void")]
)
def test_a_first_payment_has_23_hours(hours: int, status: str, invoice: str) -> None:
    books = Books(declines="card_declined")
    subscription = books.subscribe(("growth-month-eur", 1))
    assert subscription.status == "incomplete"
    books.run(START + hours * HOUR)
    books.declines = None
    first = books.desk.invoices[subscription.latest_invoice or ""]
    assert attempt(START + hours * HOUR, books.desk, first) is (status == "active")
    assert subscription.status == status
    assert books.invoices()[0]["status"] == invoice


def test_a_trial_costs_nothing_and_then_renews() -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 2), trial_days=14)
    assert subscription.status == "trialing"
    assert books.invoices()[0]["total"] == 0
    books.run(START + 14 * DAY + 2 * HOUR)
    assert subscription.status == "active"
    assert books.lines(1)[0]["period"]["start"] == subscription.trial_end == START + 14 * DAY


@pytest.mark.parametrize("missing, status", [("pause", "paused"), ("cancel", "canceled")])
def test_a_trial_without_a_card(missing: str, status: str) -> None:
    books = Books()
    books.customer.default_payment_method = None
    subscription = books.subscribe(("growth-month-eur", 2), trial_days=14, missing_card=missing)
    books.run(START + 20 * DAY)
    assert subscription.status == status
    assert len(books.invoices()) == 1
    attach_card(START + 20 * DAY, books.desk, books.customer, "visa", "1111", (2030, 1))
    resume_paused(START + 20 * DAY, books.desk, subscription)
    assert (subscription.status == "active") is (status == "paused")
    if status == "paused":
        assert books.lines(1)[0]["period"]["start"] == START + 20 * DAY


@pytest.mark.parametrize(
    "behavior, status",
    [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")],
)
def test_paused_collection_sets_invoices_aside(behavior: str, status: str) -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 2))
    resumes = boundary(START, "month", 1, 2) - HOUR
    pause_collection(subscription.period_end - HOUR, books.desk, subscription, behavior, resumes)
    books.run(resumes - 1)
    aside = books.invoices()[1]
    assert (aside["status"], aside["attempted"], aside["auto_advance"]) == (status, False, False)
    assert subscription.status == "active"
    paused_until = subscription.pause
    books.run(resumes + 3 * HOUR)
    assert (paused_until, subscription.pause) == ((behavior, resumes), None)
    assert [row["status"] for row in books.invoices()] == ["paid", status, "paid"]


def test_ending_keeps_the_time_of_the_request() -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 2))
    asked, end = START + 5 * DAY, subscription.period_end
    schedule_cancel(asked, books.desk, subscription, None, "unused")
    assert (subscription.cancel_at, subscription.cancel_at_period_end, subscription.status) == (
        end,
        True,
        "active",
    )
    books.run(end + 1)
    assert (subscription.status, subscription.canceled_at, subscription.ended_at) == ("canceled", asked, end)
    assert len(books.invoices()) == 1


def test_a_kept_subscription_renews() -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 2))
    schedule_cancel(START + DAY, books.desk, subscription, None, "unused")
    keep(START + 2 * DAY, books.desk, subscription)
    books.run(subscription.period_end + 2 * HOUR)
    assert subscription.status == "active"
    assert (subscription.canceled_at, subscription.cancel_at) == (None, None)
    assert len(books.invoices()) == 2, "renewed once"


def test_leaving_at_once_bills_what_waited_and_can_credit_the_rest() -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 10))
    half = START + (subscription.period_end - START) // 2
    cancel_now(half, books.desk, subscription, "unused", prorate=True)
    assert (subscription.status, subscription.ended_at, subscription.canceled_at) == ("canceled", half, half)
    assert books.invoices()[1]["total"] == -24_500
    assert books.customer.balance == -24_500


def test_usage_is_billed_after_the_period_and_nothing_in_advance() -> None:
    books = Books(used=1_004)
    subscription = books.subscribe(("growth-month-eur", 1), ("api-month-eur", 0))
    assert len(books.lines(0)) == 1
    end = subscription.period_end
    books.run(end + 1)
    usage = books.lines(1)[1]
    assert usage["period"] == {"start": START, "end": end}
    assert (usage["quantity"], usage["amount"]) == (1_004, 126), "125.5 minor units round up"


def test_leaving_at_once_bills_usage_up_to_now() -> None:
    books = Books(used=8_000)
    subscription = books.subscribe(("growth-month-eur", 1), ("api-month-eur", 0))
    cancel_now(START + 3 * DAY, books.desk, subscription, "unused")
    assert books.lines(1)[0]["period"] == {"start": START, "end": START + 3 * DAY}
    assert books.invoices()[1]["status"] == "paid"


def test_items_of_two_intervals_renew_each_in_its_time() -> None:
    books = Books()
    books.subscribe(("growth-year-eur", 1), ("messages-month-eur", 2_001))
    books.run(add_months(START, 2) + 1)
    assert [[line["amount"] for line in row["lines"]["data"]] for row in books.invoices()] == [
        [49_000, 2_100],
        [2_100],
        [2_100],
    ]


def test_a_sent_invoice_is_overdue_until_the_transfer_comes() -> None:
    books = Books()
    subscription = books.subscribe(("enterprise-year-eur", 40), days_until_due=30)
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["due_date"], subscription.status) == (
        "open",
        START + 30 * DAY,
        "active",
    )
    books.run(START + 40 * DAY)
    assert subscription.status == "past_due"
    books.run(START + 46 * DAY)
    (invoice,) = books.invoices()
    assert (invoice["status"], subscription.status) == ("paid", "active")
    assert invoice["amount_paid_off_stripe"] == invoice["amount_due"] > 0
    assert not books.stripe.ids("charge")


def test_a_repeating_discount_covers_as_many_invoices_as_months() -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 1), coupons=coupons("LAUNCH30"))
    books.run(add_months(START, 4) + 1)
    assert [row["total"] for row in books.invoices()] == [3_430, 3_430, 3_430, 4_900, 4_900]
    assert subscription.discounts == ()


def test_a_customers_discount_works_where_the_subscription_has_none() -> None:
    books = Books()
    discount_customer(START, books.desk, books.customer, CATALOGUE.coupons["NGO20"])
    subscription = books.subscribe(("growth-month-eur", 1))
    discount_subscription(START + DAY, books.desk, subscription, CATALOGUE.coupons["PARTNER12"])
    books.run(add_months(START, 1) + 1)
    drop_discount(START + 40 * DAY, books.desk, subscription, subscription.discounts[0])
    books.run(add_months(START, 2) + 1)
    assert [row["total"] for row in books.invoices()] == [3_920, 4_287, 3_920]


def test_refunds_and_credit_notes_leave_the_invoice_paid() -> None:
    books = Books()
    books.subscribe(("growth-month-eur", 1))
    (charge,) = books.desk.charges
    credit(START + DAY, books.desk, charge, 1_000)
    refund(START + 2 * DAY, books.desk, charge, 3_900)
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["post_payment_credit_notes_amount"]) == ("paid", 1_000)
    shown = books.stripe.get("charge", charge.id)
    assert shown is not None
    assert (shown["amount_refunded"], shown["refunded"]) == (4_900, True)


def test_resuming_by_hand_ends_a_pause() -> None:
    books = Books()
    subscription = books.subscribe(("growth-month-eur", 1))
    pause_collection(START + DAY, books.desk, subscription, "void", None)
    resume_collection(START + 2 * DAY, books.desk, subscription)
    books.run(subscription.period_end + 2 * HOUR)
    assert [row["status"] for row in books.invoices()] == ["paid", "paid"]

"""Which items count, and which key of the policy leaves the others out."""

from __future__ import annotations

from typing import Any

import pytest

from enrichment.policy import Policy
from enrichment.status import Standing, exclusion
from tests.enrichment.books import Books, epoch

COLUMNS = ["contract_mrr", "mrr", "potential_trial_mrr", "scheduled_churn_mrr", "committed_mrr"]
ENDING = {"cancel_at_period_end": True}
PAUSED = {"pause_collection": {"behavior": "void", "resumes_at": None}}


@pytest.fixture
def books() -> Books:
    made = Books()
    made.customer()
    made.price("p", "1000")
    return made


@pytest.mark.parametrize(
    "subscription, policy, amounts, reason, key",
    [
        ({}, {}, [1000, 1000, 0, 0, 1000], None, None),
        ({"status": "past_due"}, {}, [1000, 1000, 0, 0, 1000], None, None),
        ({"status": "past_due"}, {"past_due": "exclude"}, [0] * 5, "past_due", "status.past_due"),
        ({"status": "unpaid"}, {}, [0] * 5, "unpaid", "status.unpaid"),
        ({"status": "unpaid"}, {"unpaid": "include"}, [1000, 1000, 0, 0, 1000], None, None),
        (
            {"status": "unpaid"},
            {"unpaid": "include", "past_due": "exclude"},
            [0] * 5,
            "past_due",
            "status.past_due",
        ),
        ({"status": "trialing"}, {}, [0, 0, 1000, 0, 0], "trialing", "trials"),
        ({"trial_end": epoch("2026-10-20")}, {}, [1000, 1000, 0, 0, 1000], None, None),
        (
            {"trial_end": epoch("2026-10-20")},
            {"trial_conversion": "first_paid_invoice"},
            [0, 0, 1000, 0, 0],
            "awaits_payment",
            "trial_conversion",
        ),
        ({"status": "paused"}, {}, [0] * 5, "paused", "trials"),
        ({"status": "incomplete"}, {}, [0] * 5, "incomplete", "status.incomplete"),
        ({"status": "incomplete_expired"}, {}, [0] * 5, "incomplete_expired", "status.incomplete"),
        ({"status": "canceled"}, {}, [0] * 5, "canceled", None),
        (PAUSED, {}, [0] * 5, "collection_paused", "pause_collection"),
        (PAUSED, {"pause_collection": "zero_as_churn"}, [0] * 5, "collection_paused", "pause_collection"),
        (PAUSED, {"pause_collection": "keep"}, [1000, 1000, 0, 0, 1000], None, None),
        (ENDING, {}, [1000, 1000, 0, 1000, 0], None, None),
        ({"cancel_at": epoch("2027-01-01")}, {}, [1000, 1000, 0, 1000, 0], None, None),
        (
            ENDING,
            {"cancel_at_period_end": "churn_at_cancel_request"},
            [0, 0, 0, 1000, 0],
            "cancellation_requested",
            "cancel_at_period_end",
        ),
    ],
)
def test_an_item_counts_or_says_why_not(
    books: Books,
    subscription: dict[str, Any],
    policy: dict[str, str],
    amounts: list[int],
    reason: str | None,
    key: str | None,
) -> None:
    books.subscription([("p", 1)], **subscription)
    item = books.item(Policy(**policy))
    assert [int(item[column]) for column in COLUMNS] == amounts
    assert (item["excluded_reason"] or None, item["policy_key"] or None) == (reason, key)


@pytest.mark.parametrize(
    "price, quantity, reason, key",
    [
        ({"usage_type": "metered"}, None, "metered", "metered"),
        ({"unit": "0"}, 5, "zero_price", "zero_mrr_customer"),
        ({}, 0, "zero_price", "zero_mrr_customer"),
    ],
)
def test_an_item_without_an_amount_says_why(
    books: Books, price: dict[str, Any], quantity: int | None, reason: str, key: str
) -> None:
    books.subscription([(books.price("q", **price), quantity)])
    item = books.item()
    assert (item["excluded_reason"], item["policy_key"], item["mrr"]) == (reason, key, 0)


@pytest.mark.parametrize("days, counts", [(20, True), (30, True), (31, False)])
def test_past_due_may_count_for_some_days(days: int, counts: bool) -> None:
    found = exclusion(Standing("past_due", False, False, days), Policy(past_due="include_days:30"))
    assert (found is None) == counts


def test_days_past_due_are_those_of_the_subscriptions_oldest_unpaid_invoice(books: Books) -> None:
    books.subscription([("p", 1)], status="past_due")
    open_now: dict[str, Any] = {"status": "open", "amount_paid": 0, "amount_remaining": 1000}
    parent = {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}
    books.invoice("in_1", "2026-09-25", 1000, parent=parent, **open_now)
    books.invoice("in_2", "2026-10-25", 1000, parent=parent, **open_now)
    assert books.mrr(Policy(past_due="include_days:36")) == 1000
    assert books.mrr(Policy(past_due="include_days:35")) == 0


def test_a_paid_invoice_ends_the_wait_after_a_trial(books: Books) -> None:
    books.subscription([("p", 1)], trial_end=epoch("2026-10-20"))
    parent = {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}
    books.invoice("in_1", "2026-10-01", 0, parent=parent)
    paid_first = Policy(trial_conversion="first_paid_invoice")
    assert books.mrr(paid_first) == 0
    books.invoice("in_2", "2026-10-20", 1000, parent=parent)
    assert books.mrr(paid_first) == 1000


def test_a_status_nobody_knows_is_not_guessed_at(books: Books) -> None:
    books.subscription([("p", 1)], status="frozen")
    item = books.item()
    assert (item["mrr"], item["excluded_reason"]) == (0, "bad_data")

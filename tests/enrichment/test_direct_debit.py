"""A direct debit takes days to be settled: until then nothing is owed, and afterwards it was not late."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.enrichment.books import Books, epoch

PARENT = {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}
OPEN = {"status": "open", "amount_paid": 0, "amount_remaining": 1000}


def accounts(standing: str, day: str, **invoice: Any) -> dict[str, pd.DataFrame]:
    books = Books()
    books.customer()
    books.price("p", "1000")
    books.subscription([("p", 1)], name="sub_1", status=standing)
    never = {"finalized_at": epoch(day), "paid_at": None}
    books.invoice("in_1", day, 1000, parent=PARENT, **{"status_transitions": never, **OPEN, **invoice})
    return books.compute()


def flags(computed: dict[str, pd.DataFrame]) -> set[str]:
    return set(computed["account_flags"]["flag"])


@pytest.mark.parametrize(
    "status, day, invoice, owing",
    [
        ("active", "2026-10-20", {}, False),
        ("active", "2026-10-01", {}, True),
        ("past_due", "2026-10-20", {}, True),
        ("active", "2026-10-20", {"attempt_count": 2}, True),
        ("active", "2026-10-20", {"next_payment_attempt": epoch("2026-11-05")}, True),
        ("active", "2026-10-20", {"attempt_count": 0, "due_date": epoch("2026-10-25")}, True),
        ("active", "2026-10-20", {"attempt_count": 0}, False),
    ],
    ids=["under way", "too long", "refused", "twice", "to be retried", "past its due date", "not yet tried"],
)
def test_one_attempt_is_a_refusal_only_when_something_says_so(
    status: str, day: str, invoice: dict[str, Any], owing: bool
) -> None:
    assert ("payment_failed" in flags(accounts(status, day, **invoice))) is owing


@pytest.mark.parametrize(
    "paid, due, good",
    [("2026-10-15", None, True), ("2026-10-30", None, False), ("2026-10-15", "2026-10-01", False)],
)
def test_a_debit_settled_after_nine_days_was_not_late(paid: str, due: str | None, good: bool) -> None:
    told = {
        "status": "paid",
        "amount_paid": 1000,
        "amount_remaining": 0,
        "due_date": due and epoch(due),
        "status_transitions": {"finalized_at": epoch("2026-10-06"), "paid_at": epoch(paid)},
    }
    signals = accounts("active", "2026-10-06", **told)["account_health_signals"]
    (payments,) = signals[signals["signal"] == "payments"].to_dict("records")
    assert (payments["points"] == payments["max_points"]) is good

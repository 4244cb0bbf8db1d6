"""A direct debit takes days to be settled: until then nothing is owed, and afterwards it was not late."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.enrichment.books import Books, epoch

OPEN = {"status": "open", "amount_paid": 0, "amount_remaining": 1000}
OWING: dict[str, tuple[str, str, dict[str, Any], bool]] = {
    "under way": ("active", "2026-10-20", {}, False),
    "too long": ("active", "2026-10-01", {}, True),
    "refused": ("past_due", "2026-10-20", {}, True),
    "twice": ("active", "2026-10-20", {"attempt_count": 2}, True),
    "to be retried": ("active", "2026-10-20", {"next_payment_attempt": epoch("2026-11-05")}, True),
    "past its due date": (
        "active",
        "2026-10-20",
        {"attempt_count": 0, "due_date": epoch("2026-10-25")},
        True,
    ),
    "not yet tried": ("active", "2026-10-20", {"attempt_count": 0}, False),
}
"""By name: the subscription's status, the day and the state of its only invoice, whether it is owed."""
PAID: dict[str, tuple[str, str | None, bool]] = {
    "in nine days": ("2026-10-15", None, True),
    "in 24 days": ("2026-10-30", None, False),
    "after its due date": ("2026-10-15", "2026-10-01", False),
}
"""By name: when an invoice of 6 October was paid, when it was due, whether that was in time."""


@pytest.fixture(scope="module")
def computed() -> dict[str, pd.DataFrame]:
    """One company with a customer for each of ``OWING`` and ``PAID``, named so."""
    books = Books()
    books.price("p", "1000")
    for name, (status, day, invoice, _) in OWING.items():
        bill(books, name, status, day, {**OPEN, **invoice}, paid_at=None)
    for name, (paid, due, _) in PAID.items():
        settled = {"amount_paid": 1000, "amount_remaining": 0, "due_date": due and epoch(due)}
        bill(books, name, "active", "2026-10-06", settled, paid_at=epoch(paid))
    return books.compute()


def bill(
    books: Books, name: str, status: str, day: str, invoice: dict[str, Any], paid_at: int | None
) -> None:
    """Add a customer with one subscription and its invoice, finalized on its day."""
    books.subscription([("p", 1)], f"sub_{name}", books.customer(name), status=status)
    parent = {"type": "subscription_details", "subscription_details": {"subscription": f"sub_{name}"}}
    times = {"finalized_at": epoch(day), "paid_at": paid_at}
    books.invoice(f"in_{name}", day, 1000, (), name, parent=parent, status_transitions=times, **invoice)


@pytest.mark.parametrize("name", OWING)
def test_one_attempt_is_a_refusal_only_when_something_says_so(
    computed: dict[str, pd.DataFrame], name: str
) -> None:
    flags = computed["account_flags"].query("account_id == @name")["flag"]
    assert ("payment_failed" in set(flags)) is OWING[name][-1]


@pytest.mark.parametrize("name", PAID)
def test_a_debit_settled_after_nine_days_was_not_late(computed: dict[str, pd.DataFrame], name: str) -> None:
    signals = computed["account_health_signals"].query("account_id == @name and signal == 'payments'")
    (payments,) = signals.to_dict("records")
    assert (payments["points"] == payments["max_points"]) is PAID[name][-1]

"""The policy as the ledger's models read it: one row of plain flags."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pandas as pd

from enrichment.policy import Policy

FOREVER: Final = 253_402_300_800
"""Epoch seconds of the year 10000: later than anything that Stripe can date."""
LEDGER_RULES: Final = {
    "as_of": "BIGINT",
    "forever": "BIGINT",
    "reporting_currency": "VARCHAR",
    "is_invoice_basis": "BOOLEAN",
    "counts_metered": "BOOLEAN",
    "counts_once": "BOOLEAN",
    "counts_paused": "BOOLEAN",
    "pause_is_churn": "BOOLEAN",
    "zero_is_churn": "BOOLEAN",
    "counts_unpaid": "BOOLEAN",
    "ends_at_request": "BOOLEAN",
    "trial_ends_when_paid": "BOOLEAN",
    "past_due_days": "BIGINT",
    "refunds": "VARCHAR",
    "known_attempts": "BIGINT",
}


def ledger_rules(
    policy: Policy, as_of: datetime, reporting_currency: str | None, known_attempts: int | None = None
) -> pd.DataFrame:
    """Return the row of ``ledger_rules``.

    ``known_attempts``: after how many attempts Stripe is known to give up, where not all customers are there.

    ``past_due_days`` is null where past due subscriptions count, 0 where they never do. Everything before
    ``as_of`` (epoch seconds) has happened.
    """
    days = {"include": None, "exclude": 0}.get(policy.past_due, policy.past_due_days)
    flags = {
        "as_of": int(as_of.timestamp()),
        "forever": FOREVER,
        "reporting_currency": reporting_currency,
        "is_invoice_basis": policy.mrr_basis == "invoice",
        "counts_metered": policy.metered != "exclude",
        "counts_once": policy.discounts_once == "subtract_in_period",
        "counts_paused": policy.pause_collection == "keep",
        "pause_is_churn": policy.pause_collection == "zero_as_churn",
        "zero_is_churn": policy.zero_mrr_customer == "churn",
        "counts_unpaid": policy.unpaid == "include",
        "ends_at_request": policy.cancel_at_period_end == "churn_at_cancel_request",
        "trial_ends_when_paid": policy.trial_conversion == "first_paid_invoice",
        "past_due_days": days,
        "refunds": policy.refunds,
        "known_attempts": known_attempts,
    }
    return pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in flags.items()})

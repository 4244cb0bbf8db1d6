"""Rows of ``account_facts`` made up for a test."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pandas as pd

from enrichment.facts.catalogue import PARTS

HEALTHY: Final[dict[str, Any]] = {
    "account_id": "acct_1",
    "name": "Globex",
    "currency": "eur",
    "mrr": 10000,
    "scheduled_churn_mrr": 0,
    "mrr_90": 10000,
    "mrr_180": 10000,
    "mrr_365": 10000,
    "term_days": 360,
    "renewal_date": date(2027, 8, 1),
    "days_to_renewal": 274,
    "first_end": None,
    "last_end": None,
    "counted_items": 1,
    "ending_items": 0,
    "described_on": date(2026, 10, 31),
    "customer_since": date(2024, 1, 15),
    "status": "active",
    "days_as_customer": 1020,
    "invoices_ever": 3,
    "invoices": 1,
    "bad_invoices": 0,
    "open_invoice_id": None,
    "open_currency": None,
    "open_invoices": None,
    "open_total": None,
    "most_attempts": None,
    "days_past_due": None,
    **{name: None for part in PARTS.values() for name in part},
}
"""A customer of almost three years that pays by the year and about whom there is nothing to say."""

MONTHLY: Final[dict[str, Any]] = {
    "term_days": 30,
    "renewal_date": date(2026, 11, 10),
    "days_to_renewal": 10,
    "invoices": 6,
    "invoices_ever": 30,
}
ENDING: Final[dict[str, Any]] = {
    "ending_items": 1,
    "scheduled_churn_mrr": 10000,
    "first_end": date(2026, 12, 1),
    "last_end": date(2026, 12, 1),
}


def owing(days: int, attempts: int = 1, amount: int = 12900, invoices: int = 1) -> dict[str, Any]:
    """Return the facts of an account with unpaid invoices, all over the same amount."""
    return {
        "status": "past_due",
        "open_invoice_id": "in_7",
        "open_currency": "eur",
        "open_invoices": invoices,
        "open_total": invoices * amount,
        "most_attempts": attempts,
        "days_past_due": days,
    }


def facts(*changes: dict[str, Any]) -> pd.DataFrame:
    """Return one account per dict of changes to ``HEALTHY``, with its own id unless it is given."""
    rows = [{**HEALTHY, "account_id": f"acct_{number}", **change} for number, change in enumerate(changes)]
    return pd.DataFrame(rows, columns=list(HEALTHY))

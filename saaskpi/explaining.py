"""Everything that makes up one account's numbers, down to Stripe and HubSpot ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from saaskpi.pipeline import Pipeline
from saaskpi.results import records

HISTORY_COLUMNS: Final = ("health_score", "health_band", "health_coverage", "health_config_hash")
_PARTS: Final = {"signals": "account_health_signals", "flags": "account_flags"}


def explain(pipeline: Pipeline, account: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an account's MRR, score and flags are made of.

    Args:
        pipeline: over the home.
        account: its row of ``pipeline.accounts()``.

    Returns:
        ``account``, ``match`` (how each Stripe customer was matched), ``items`` (each subscription item with
        its steps), ``signals``, ``flags`` and ``health_history`` (the score on each day that was kept, oldest
        first).
    """
    customers, account_id = account["stripe_customer_ids"], account["account_id"]
    kept = pipeline.snapshots.read("account_health", account_id, HISTORY_COLUMNS)
    return {
        "account": account,
        "match": _rows(pipeline, "account_match", "customer_id", customers),
        "items": _rows(pipeline, "subscription_items", "customer_id", customers),
        **{name: _rows(pipeline, table, "account_id", [account_id]) for name, table in _PARTS.items()},
        "health_history": records(kept),
    }


def _rows(pipeline: Pipeline, table: str, column: str, values: list[str]) -> list[dict[str, Any]]:
    frame = pipeline.marts.read(table)
    return records(frame[frame[column].isin(values)])

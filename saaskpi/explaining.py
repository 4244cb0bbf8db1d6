"""Everything that makes up one account's numbers, down to Stripe and HubSpot ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any, Final

from saaskpi.history import history
from saaskpi.lists import Figures, Read, View
from saaskpi.results import records
from warehouse.snapshots import Snapshots

HISTORY_COLUMNS: Final = ("health_score", "health_band", "health_coverage", "health_config_hash")
PARTS: Final = {"signals": "account_health_signals", "flags": "account_flags"}


def explain(
    read: Read,
    snapshots: Snapshots,
    account: Mapping[str, Any],
    month: str | None = None,
    zone: tzinfo = UTC,
) -> dict[str, Any]:
    """Return what an account's MRR, score and flags are made of, and what moved its MRR.

    Args:
        read: returns a table of the run by its name.
        snapshots: what scores were made of on the days that were kept.
        account: its row of ``pipeline.accounts()``.
        month: one month in full; None for the last twelve in which something moved.
        zone: in which a month begins and ends.

    Returns:
        ``account``, ``match`` (how each Stripe customer was matched), ``items`` (each subscription item with
        its steps), ``signals``, ``flags``, ``health_history`` (the score on each day that was kept, oldest
        first), and what :func:`saaskpi.history.history` returns.

    Raises:
        UsageError: there are no figures for the month.
    """
    customers, account_id = account["stripe_customer_ids"], account["account_id"]
    kept = snapshots.read("account_health", account_id, HISTORY_COLUMNS)
    month = Figures(read, View(month)).one_month() if month else None
    return {
        "account": account,
        "match": _rows(read, "account_match", "customer_id", customers),
        "items": _rows(read, "subscription_items", "customer_id", customers),
        **{name: _rows(read, table, "account_id", [account_id]) for name, table in PARTS.items()},
        "health_history": records(kept),
        **history(read, account_id, customers, month, zone),
    }


def as_json(explanation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an explanation for JSON: the items' steps as what they are, not as text."""
    items = [{**item, "explanation": json.loads(item["explanation"])} for item in explanation["items"]]
    return {**explanation, "items": items}


def _rows(read: Read, table: str, column: str, values: list[str]) -> list[dict[str, Any]]:
    frame = read(table)
    return records(frame[frame[column].isin(values)])

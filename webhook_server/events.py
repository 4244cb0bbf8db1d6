"""What the events of the inbox say has changed."""

from __future__ import annotations

from typing import Any

import msgspec

from connectors.hubspot import events as of_hubspot
from connectors.stripe import events as of_stripe
from connectors.touched import NOTHING, Ref, Touched
from warehouse.inbox import Received


def touched_by(row: Received, usage_key: str) -> Touched:
    """Return what an event says may have changed; pure, and nothing is raised for what it holds.

    Args:
        row: from the inbox.
        usage_key: what the account of posted usage is, as the setting ``usage.posted_key`` says.
    """
    try:
        event = msgspec.json.decode(row.payload or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NOTHING
    if not isinstance(event, dict):
        return NOTHING
    if row.source == "stripe":
        return of_stripe.touched_by(event)
    return of_hubspot.touched_by(event) if row.source == "hubspot" else _used(event, usage_key)


def about(touched: Touched) -> str:
    """Return a word that events about the same account mostly share: its customer, or else an object."""
    named = sorted(touched.customers) or sorted(touched.accounts)
    return named[0] if named else ":".join(min(touched.hubspot | touched.stripe, default=("", "")))


def _used(event: dict[str, Any], key: str) -> Touched:
    account = str(event.get("account", ""))
    if key == "stripe_customer_id":
        return Touched(customers=frozenset({account}))
    if key == "account_id":
        return Touched(accounts=frozenset({account}))
    if key == "company_id":
        return Touched(hubspot=frozenset({Ref("companies", account)}))
    return NOTHING  # whose it is turns out when all accounts are computed

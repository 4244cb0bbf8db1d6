"""Rows of one account's history as :func:`saaskpi.history.history` returns them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from enrichment.tables import ACCOUNT_MONTH, MRR_DIFFERENCES, MRR_LEDGER, MRR_MOVEMENTS

Row = dict[str, Any]
IDS = {
    "account_id": "1001",
    "customer_id": "cus_1",
    "subscription_id": "sub_1",
    "subscription_item_id": "si_1",
    "price_id": "price_1",
    "product_id": "prod_1",
    "currency": "eur",
}
IDS_OF_MONTH = {"account_id": "1001", "currency": "eur", "valuation": "native"}


def month(name: str, start: int, end: int, **moved: Any) -> Row:
    """Return a row of ``account_month``."""
    zero = dict.fromkeys(ACCOUNT_MONTH, 0)
    return zero | IDS_OF_MONTH | {"month": name, "mrr_start": start, "mrr": end} | moved


def movement(name: str, kind: str, amount: int, **more: Any) -> Row:
    """Return a row of ``mrr_movements`` under the grain of accounts."""
    row = dict.fromkeys(MRR_MOVEMENTS) | IDS_OF_MONTH | {"customer_id": "cus_1"}
    return row | {"month": name, "kind": kind, "amount": amount} | more


def change(at: str, minor: int, after: int, reason: str, **more: Any) -> Row:
    """Return a row of ``mrr_ledger`` with its month; ``at`` is ISO 8601."""
    row = dict.fromkeys(MRR_LEDGER) | IDS | {"month": at[:7], "effective_at": datetime.fromisoformat(at)}
    row |= {"mrr_change": minor, "mrr_after": after, "contract_mrr_change": minor, "reason": reason}
    return row | {"source_object": "il_1"} | more


def difference(at: str, reason: str, kept: int, evidence: int | None, **more: Any) -> Row:
    """Return a row of ``mrr_differences`` with its month."""
    row = dict.fromkeys(MRR_DIFFERENCES) | {name: IDS[name] for name in IDS if name in MRR_DIFFERENCES}
    row |= {"month": at[:7], "effective_at": datetime.fromisoformat(at)}
    row |= {"reason": reason, "source_object": "il_1"}
    return row | {"ledger_mrr": kept, "evidence_mrr": evidence} | more

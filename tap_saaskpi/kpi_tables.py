"""The columns of computed tables that are declared nowhere else, with portable SQL types."""

from __future__ import annotations

from typing import Final

_TEXT, _INT, _BOOL = "VARCHAR", "BIGINT", "BOOLEAN"

ACCOUNT_SEGMENTS: Final = {"account_id": _TEXT, "segment": _TEXT, "segment_value": _TEXT}
COHORT_RETENTION: Final = {
    "cohort": _TEXT,
    "k": _INT,
    "currency": _TEXT,
    "valuation": _TEXT,
    "customers": _INT,
    "mrr": _INT,
    "customers_0": _INT,
    "mrr_0": _INT,
}
MRR_BRIDGE: Final = {
    "month": _TEXT,
    "currency": _TEXT,
    "valuation": _TEXT,
    "step_no": _INT,
    "step": _TEXT,
    "amount": _INT,
}
SUBSCRIPTION_ITEMS: Final = {
    "account_id": _TEXT,
    "customer_id": _TEXT,
    "subscription_id": _TEXT,
    "item_id": _TEXT,
    "price_id": _TEXT,
    "product_id": _TEXT,
    "product_name": _TEXT,
    "status": _TEXT,
    "currency": _TEXT,
    "quantity": _TEXT,
    "price_interval": _TEXT,
    "interval_count": _INT,
    "metered": _BOOL,
    "contract_mrr": _INT,
    "mrr": _INT,
    "potential_trial_mrr": _INT,
    "scheduled_churn_mrr": _INT,
    "committed_mrr": _INT,
    "excluded_reason": _TEXT,
    "policy_key": _TEXT,
    "discounts": _TEXT,
    "period_ends_at": "TIMESTAMP",
    "ends_at": "TIMESTAMP",
    "explanation": _TEXT,
    "policy_hash": _TEXT,
}

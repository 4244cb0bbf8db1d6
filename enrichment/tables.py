"""The columns of the tables that the core leaves behind, with portable SQL types.

Money is BIGINT minor units of the row's currency, dates and timestamps are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from enrichment.engine import EngineProtocol
from enrichment.frames import plain_rows

_TEXT, _INT, _FLOAT, _BOOL, _LIST = "VARCHAR", "BIGINT", "DOUBLE PRECISION", "BOOLEAN", "VARCHAR[]"

ACCOUNTS: Final = {
    "account_id": _TEXT,
    "name": _TEXT,
    "company_id": _TEXT,
    "owner_id": _TEXT,
    "owner_name": _TEXT,
    "stripe_customer_ids": _LIST,
    "match_rule": _TEXT,
    "currency": _TEXT,
    "mrr": _INT,
    "arr": _INT,
    "contract_mrr": _INT,
    "mrr_by_currency": _TEXT,
    "scheduled_churn_mrr": _INT,
    "committed_mrr": _INT,
    "potential_trial_mrr": _INT,
    "cltv": _INT,
    "mrr_change_12m": _FLOAT,
    "plan": _TEXT,
    "customer_since": "DATE",
    "renewal_date": "DATE",
    "status": _TEXT,
    "health_score": _INT,
    "health_band": _TEXT,
    "health_coverage": _INT,
    "health_reasons": _TEXT,
    "health_reasons_fr": _TEXT,
    "top_reason": _TEXT,
    "top_reason_fr": _TEXT,
    "risk_flags": _LIST,
    "opportunity_flags": _LIST,
    "policy_hash": _TEXT,
    "health_config_hash": _TEXT,
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
ITEM_RATES: Final = {
    "item_id": _TEXT,
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
    "explanation_no": _INT,
}
ITEM_EXPLANATIONS: Final = {"explanation_no": _INT, "explanation": _TEXT}
CUSTOMER_MATCH: Final = {"customer_id": _TEXT, "company_id": _TEXT, "match_rule": _TEXT}
ACCOUNT_MATCH: Final = {"customer_id": _TEXT, "company_id": _TEXT, "rule": _TEXT, "candidates": _LIST}
RUN_CLOCK: Final = {
    "as_of": "TIMESTAMP",
    "window_start": "TIMESTAMP",
    "late_days": _INT,
    "usage_days": _INT,
    "touch_days": _INT,
    "survey_days": _INT,
    "ticket_days": _INT,
    "ticket_old_days": _INT,
    "policy_hash": _TEXT,
}
"""The one row that says which instant is described, with the windows of the health configuration."""
ACCOUNT_HEALTH: Final = {
    "account_id": _TEXT,
    "health_score": _INT,
    "health_band": _TEXT,
    "computed_band": _TEXT,
    "health_coverage": _INT,
    "score_before_caps": _FLOAT,
    "cap": _INT,
    "points_lost": _FLOAT,
    "points_assumed": _FLOAT,
    "health_reasons": _TEXT,
    "health_reasons_fr": _TEXT,
    "top_reason": _TEXT,
    "top_reason_fr": _TEXT,
    "override_reason": _TEXT,
    "override_author": _TEXT,
    "override_expires_at": "TIMESTAMP",
    "health_config_hash": _TEXT,
}
"""One row per account. ``health_band`` is what is shown: the computed band, or what a person decided.

Of customers, score_before_caps + points_lost + points_assumed = 100.
"""
USAGE_FINDINGS: Final = {"state": _TEXT, "words": _TEXT, "hint": _TEXT}
"""What is to be said of the usage data: ``ok`` or ``todo``, what was found, what to do."""
BAND_ALERTS: Final = {"account_id": _TEXT, "band": _TEXT, "score": _INT, "since": "TIMESTAMP"}
"""The band of each account that was last announced: it changes once the score is clear of the border."""
BAND_CHANGES: Final = {
    "account_id": _TEXT,
    "name": _TEXT,
    "before": _TEXT,
    "band": _TEXT,
    "score_before": _INT,
    "score": _INT,
}
"""The accounts whose announced band changed with this run."""
HEALTH_SIGNALS: Final = {
    "account_id": _TEXT,
    "component": _TEXT,
    "signal": _TEXT,
    "value": _FLOAT,
    "points": _FLOAT,
    "max_points": _FLOAT,
    "state": _TEXT,
    "reason_en": _TEXT,
    "reason_fr": _TEXT,
    "health_config_hash": _TEXT,
}
"""What each signal gave and cost each scored account: earned + lost + assumed are the maximum."""
HEALTH_SOURCES: Final = {
    "component": _TEXT,
    "state": _TEXT,
    "measured_accounts": _INT,
    "accounts": _INT,
    "note_en": _TEXT,
    "note_fr": _TEXT,
}
ACCOUNT_FLAGS: Final = {
    "account_id": _TEXT,
    "flag": _TEXT,
    "kind": _TEXT,
    "severity": _TEXT,
    "evidence_en": _TEXT,
    "evidence_fr": _TEXT,
}
FLAG_EPISODES: Final = {
    "account_id": _TEXT,
    "flag": _TEXT,
    "episode": _TEXT,
    "opened_at": "TIMESTAMP",
    "last_seen_at": "TIMESTAMP",
    "closed_at": "TIMESTAMP",
    "severity": _TEXT,
}
REJECTED_ROWS: Final = {"stream": _TEXT, "id": _TEXT, "reason": _TEXT}
MRR_LEDGER: Final = {
    "account_id": _TEXT,
    "customer_id": _TEXT,
    "subscription_id": _TEXT,
    "subscription_item_id": _TEXT,
    "price_id": _TEXT,
    "product_id": _TEXT,
    "effective_at": "TIMESTAMP",
    "currency": _TEXT,
    "mrr_change": _INT,
    "mrr_after": _INT,
    "contract_mrr_change": _INT,
    "reason": _TEXT,
    "source_object": _TEXT,
    "reporting_currency": _TEXT,
    "reporting_change": _INT,
    "fx_change": _INT,
    "reporting_after": _INT,
    "policy_hash": _TEXT,
}
"""One row per change of an item's MRR; see docs/ledger.md. ``reporting_change`` is without ``fx_change``."""
SUBSCRIPTION_LIVES: Final = {
    "account_id": _TEXT,
    "customer_id": _TEXT,
    "subscription_id": _TEXT,
    "alive_from": "TIMESTAMP",
    "alive_until": "TIMESTAMP",
}
"""When a subscription made its customer a customer even at 0; ``alive_until`` is null while it does."""
MONTHS: Final = {"month": _TEXT, "starts_at": "TIMESTAMP", "ends_at": "TIMESTAMP"}
"""Calendar months (``2026-10``) as instants [starts_at, ends_at) in UTC."""
ACCOUNT_MONTH: Final = {
    "account_id": _TEXT,
    "month": _TEXT,
    "currency": _TEXT,
    "valuation": _TEXT,
    "mrr_start": _INT,
    "new_mrr": _INT,
    "expansion_mrr": _INT,
    "contraction_mrr": _INT,
    "churned_mrr": _INT,
    "reactivation_mrr": _INT,
    "fx_mrr": _INT,
    "mrr": _INT,
}
"""One row per account, month, currency and valuation (``native`` or ``reporting``) with MRR or a movement.

All but ``fx_mrr`` are 0 or more: start + new + reactivation + expansion - contraction - churned + fx = mrr.
"""
MRR_MOVEMENTS: Final = {
    "month": _TEXT,
    "account_id": _TEXT,
    "customer_id": _TEXT,
    "subscription_id": _TEXT,
    "subscription_item_id": _TEXT,
    "kind": _TEXT,
    "amount": _INT,
    "currency": _TEXT,
    "valuation": _TEXT,
    "policy_hash": _TEXT,
}
"""kind: new, expansion, contraction, churn, reactivation (amount above zero), fx (signed)."""
MRR_DIFFERENCES: Final = {
    "subscription_id": _TEXT,
    "subscription_item_id": _TEXT,
    "customer_id": _TEXT,
    "currency": _TEXT,
    "effective_at": "TIMESTAMP",
    "ledger_mrr": _INT,
    "evidence_mrr": _INT,
    "reason": _TEXT,
    "source_object": _TEXT,
}
"""Where two pieces of evidence disagree, which one stands (``ledger_mrr``) and why."""
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


FEW_ROWS: Final = 20
"""So many go into the engine as they are: to carry a frame there takes longer."""


def leave(engine: EngineProtocol, name: str, frame: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Put ``frame`` into the engine as table ``name`` with exactly ``columns``, typed even when it is empty.

    Args:
        engine: where the table goes.
        name: of the table.
        frame: has at least these columns.
        columns: name to SQL type.
    """
    if len(frame) <= FEW_ROWS:
        engine.fill(name, columns, plain_rows(frame[list(columns)]))
        return
    engine.register_frame(f"{name}_frame", frame[list(columns)])
    typed = ", ".join(f"CAST({column} AS {sql_type}) AS {column}" for column, sql_type in columns.items())
    engine.run(name, f"SELECT {typed} FROM {name}_frame")

"""The 417 customer-months and the monthly movements of dbt Labs' public MRR model; see vectors/README.md."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from enrichment.frames import records
from tests.enrichment.marts_of import Ledger

VECTORS = Path(__file__).parent / "vectors"
KINDS = {"upgrade": "expansion", "downgrade": "contraction"}


def read(name: str) -> list[dict[str, Any]]:
    frame = pd.read_csv(
        VECTORS / f"mrr_playbook_{name}.csv", dtype={"customer_id": str}, keep_default_na=False
    )
    return records(frame)


@cache
def marts() -> dict[str, pd.DataFrame]:
    ledger = Ledger()
    for row in read("subscription_periods"):
        more = {"subscription": f"sub_{row['subscription_id']}"}
        ledger.change(row["customer_id"], row["start_date"], 100 * row["monthly_amount"], **more)
        ledger.change(row["customer_id"], row["end_date"], 0, **more)
    return ledger.marts(as_of=datetime(2020, 2, 29, tzinfo=UTC))


def moved(row: dict[str, Any]) -> dict[str, int]:
    """Return an account month's movements under the playbook's names and signs."""
    signed = {
        "new": row["new_mrr"],
        "upgrade": row["expansion_mrr"],
        "downgrade": -row["contraction_mrr"],
        "churn": -row["churned_mrr"],
        "reactivation": row["reactivation_mrr"],
    }
    return {kind: amount for kind, amount in signed.items() if amount}


def test_mrr_and_movement_of_every_customer_month() -> None:
    ours = {
        (row["month"], row["account_id"]): (row["mrr_start"], row["mrr"], moved(row))
        for row in records(marts()["account_month"])
    }
    expected = read("expected_mrr_by_customer_month")
    assert len(expected) == 417
    for row in expected:
        before, now, change = (100 * row[name] for name in ("previous_month_mrr", "mrr", "mrr_change"))
        category = {row["change_category"]: change} if change else {}
        key = (row["date_month"][:7], row["customer_id"])
        assert ours.pop(key, (0, 0, {})) == (before, now, category), key
    assert ours == {}


def test_movements_of_every_month() -> None:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in records(marts()["mrr_movements"]):
        sums[row["month"], row["kind"]] += row["amount"]
    base = marts()["kpi_base"].set_index("month")["mrr"]
    for row in read("expected_monthly_movements"):
        month = row["date_month"][:7]
        for name in ("new", "reactivation", "upgrade", "downgrade", "churn"):
            assert sums.pop((month, KINDS.get(name, name)), 0) == abs(100 * row[name]), (month, name)
        assert base[month] == 100 * row["mrr"]
    assert not sums

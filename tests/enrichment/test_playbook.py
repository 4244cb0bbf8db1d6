"""The 417 customer-months and the monthly movements of dbt Labs' public MRR model; see vectors/README.md."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pandas as pd

from tests.enrichment.marts_of import Ledger

VECTORS = Path(__file__).parent / "vectors"
KINDS = {"upgrade": "expansion", "downgrade": "contraction"}


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(VECTORS / f"mrr_playbook_{name}.csv", dtype={"customer_id": str, "subscription_id": str})


@cache
def marts() -> dict[str, pd.DataFrame]:
    ledger = Ledger()
    for row in read("subscription_periods").itertuples():
        more = {"subscription": f"sub_{row.subscription_id}"}
        ledger.change(str(row.customer_id), str(row.start_date), 100 * int(str(row.monthly_amount)), **more)
        ledger.change(str(row.customer_id), str(row.end_date), 0, **more)
    return ledger.marts(as_of=datetime(2020, 2, 29, tzinfo=UTC))


def test_mrr_and_movement_of_every_customer_month() -> None:
    rows = marts()["account_month"]
    ours = {
        (row.month, row.account_id): (
            row.mrr_start,
            row.mrr,
            {
                kind: amount
                for kind, amount in (
                    ("new", row.new_mrr),
                    ("upgrade", row.expansion_mrr),
                    ("downgrade", -row.contraction_mrr),
                    ("churn", -row.churned_mrr),
                    ("reactivation", row.reactivation_mrr),
                )
                if amount
            },
        )
        for row in rows.itertuples()
    }
    expected = read("expected_mrr_by_customer_month")
    assert len(expected) == 417
    for row in expected.itertuples():
        before, now, change = (100 * value for value in (row.previous_month_mrr, row.mrr, row.mrr_change))
        category = {row.change_category: change} if change else {}
        key = (str(row.date_month)[:7], str(row.customer_id))
        assert ours.pop(key, (0, 0, {})) == (before, now, category), key
    assert ours == {}


def test_movements_of_every_month() -> None:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in marts()["mrr_movements"].itertuples():
        sums[str(row.month), str(row.kind)] += int(str(row.amount))
    expected = read("expected_monthly_movements")
    for row in expected.to_dict("records"):
        month = row["date_month"][:7]
        for name in ("new", "reactivation", "upgrade", "downgrade", "churn"):
            assert sums.pop((month, KINDS.get(name, name)), 0) == abs(100 * row[name]), (month, name)
        base = marts()["kpi_base"]
        assert base.loc[base["month"] == month, "mrr"].tolist() == [100 * row["mrr"]]
    assert not sums

"""``kpi_month``: every figure of every month, its policy, and what stands beside the ledger."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.frames import records
from enrichment.kpis.catalogue import KPI_MONTH
from enrichment.kpis.month import Beside, account_cltv, kpi_month
from enrichment.kpis.places import PRESENT
from enrichment.policy import Policy
from enrichment.tables import leave
from saaskpi.errors import UsageError
from tests.enrichment.kpi_rows import ZEROS, base, base_row
from tests.enrichment.tiny_engine import TinyEngine

MONTHS = [f"2026-{month:02d}" for month in range(1, 11)]


def one(row: dict[str, Any], policy: Policy | None = None, **more: Any) -> dict[str, Any]:
    return records(kpi_month(base(row), policy or Policy(), **more))[0]


def side(*rows: tuple[Any, ...], names: str) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=names.split())


def test_a_month_keeps_its_sums_and_gets_its_ratios() -> None:
    row = base_row(
        mrr_start=10000,
        new_mrr=3000,
        expansion_mrr=1000,
        contraction_mrr=1000,
        churned_mrr=1000,
        mrr=12000,
        customers_start=10,
        active_customers=12,
        new_customers=3,
        lost_customers=1,
        opening_mrr_12m=8000.0,
        retained_mrr_12m=9000.0,
    )
    told = one(row)
    assert {name: told[name] for name in row} == row
    assert told["policy_hash"] == Policy().hash
    assert told["arr"] == 144000
    assert told["arpa"] == 1000
    assert told["nrr_12m"] == 1.125
    assert told["quick_ratio"] == 2.0
    assert told["cltv"] == 10000
    assert told["cac"] is told["average_order_value"] is told["trial_conversion_rate"] is None


def test_integers_stay_integers_in_the_engine() -> None:
    figures = kpi_month(base(base_row(mrr=2**53 - 1, active_customers=1), base_row("2026-11")), Policy())
    with TinyEngine() as engine:
        leave(engine, "kpi_month", figures, KPI_MONTH)
        stored = engine.frame("SELECT mrr, arpa, arr, nrr, cac FROM kpi_month ORDER BY month")
        assert stored["mrr"].tolist() == [2**53 - 1, 0]
        assert stored["arpa"].iloc[0] == 2**53 - 1
        assert stored["arr"].iloc[0] == 12 * (2**53 - 1)
        assert stored[["nrr", "cac"]].isna().all(axis=None)


def test_no_rows_make_a_typed_table() -> None:
    figures = kpi_month(base(), Policy())
    assert list(figures.columns) == list(KPI_MONTH)
    with TinyEngine() as engine:
        leave(engine, "kpi_month", figures, KPI_MONTH)
        assert engine.frame("kpi_month").empty


def test_churn_of_six_months_is_mean_lost_over_mean_start() -> None:
    lost = [9, 0, 0, 0, 0, 0, 6, 0, 0, 0]
    start = [10, 10, 10, 10, 10, 100, 100, 100, 100, 100]
    frame = base(
        *(
            base_row(month, lost_customers=gone, customers_start=had, mrr=1000, active_customers=1)
            for month, gone, had in zip(MONTHS, lost, start, strict=True)
        )
    )
    told = records(kpi_month(frame, Policy()))
    # January alone, January to June, and the six months up to October, in which January no longer counts.
    assert told[0]["cltv"] == round(1000 * 10 / 9)
    assert told[5]["cltv"] == round(1000 * 150 / 9)
    assert told[9]["cltv"] == round(1000 * 510 / 6)


def test_the_window_is_by_calendar_place_by_place() -> None:
    other = {"segment": "plan", "segment_value": "pro"}
    paid = {"mrr": 1000, "active_customers": 1, "customers_start": 10}
    frame = base(
        base_row("2025-12", lost_customers=1, **paid),
        base_row("2026-06", lost_customers=2, **paid),
        base_row("2026-06", lost_customers=5, **paid, **other),
    )
    assert [row["cltv"] for row in records(kpi_month(frame, Policy()))] == [10000, 5000, 2000]


@pytest.mark.parametrize(
    "key, choice, name, expected",
    [
        ("churn_denominator", "start_plus_new", "customer_churn_rate", 0.1),
        ("churn_denominator", "start_of_period", "customer_churn_rate", 0.2),
        ("net_churn_reactivation", "exclude", "net_mrr_churn_rate", 0.1),
        ("net_churn_reactivation", "include", "net_mrr_churn_rate", -0.1),
        ("ltv_method", "arpa_churn", "cltv", 500),
        ("ltv_method", "arpa_margin_churn_6m", "cltv", 400),
        ("ltv_method", "kaplan_meier", "cltv", None),
    ],
)
def test_the_policy_chooses_the_form(key: str, choice: str, name: str, expected: float | None) -> None:
    row = base_row(
        mrr_start=1000,
        churned_mrr=100,
        reactivation_mrr=200,
        mrr=1100,
        active_customers=11,
        customers_start=10,
        new_customers=10,
        lost_customers=2,
    )
    assert one(row, Policy(**{key: choice}), gross_margin=80)[name] == expected


@pytest.mark.parametrize("margin", [0, -1, 100.1, "many", "1/0", float("nan")])
def test_an_impossible_margin_is_said(margin: float | str) -> None:
    with pytest.raises(UsageError, match="gross margin"):
        kpi_month(base(), Policy(), gross_margin=margin)


def test_spend_charges_and_trials_stand_beside_the_ledger() -> None:
    beside = Beside(
        spend=side(("2026-10", "eur", 5000), ("2026-10", "EUR", 1000), names="month currency amount"),
        charges=side(("2026-10", "eur", 900, 4), names="month currency charge_total charge_count"),
        trials=side(
            ("2026-10", "eur", 4, 2, 1), names="month currency trials_ended trials_active trials_paid"
        ),
        present=side(("2026-10", "eur", 90, 5, 30), names=f"month currency {' '.join(PRESENT)}"),
    )
    row = base_row(mrr=1000, active_customers=10, new_customers=3)
    told = one(row, beside=beside, gross_margin=50)
    assert (told["spend"], told["cac"], told["cac_payback_months"]) == (6000, 2000, 40.0)
    assert told["average_order_value"] == 225
    assert told["trial_conversion_rate"] == 0.5
    assert told["committed_mrr"] == 970
    paid = one(row, Policy(trial_conversion="first_paid_invoice"), beside=beside)
    assert paid["trial_conversion_rate"] == 0.25
    for elsewhere in ({"month": "2026-09"}, {"currency": "usd"}, {"segment": "plan", "segment_value": "pro"}):
        told = one({**row, **elsewhere}, beside=beside)
        assert told["cac"] is told["average_order_value"] is told["trial_conversion_rate"] is None
        assert told["committed_mrr"] is None


def test_spend_of_a_segment_is_that_segments() -> None:
    names = "month currency amount segment segment_value"
    rows = (("2026-10", "eur", 5000, None, None), ("2026-10", "eur", 800, "source", "ads"))
    beside = Beside(spend=side(*rows, names=names))
    ads = {"segment": "source", "segment_value": "ads"}
    assert one(base_row(new_customers=1), beside=beside)["cac"] == 5000
    assert one(base_row(new_customers=1, **ads), beside=beside)["cac"] == 800


def test_in_a_reporting_currency_money_is_whole_or_unknown() -> None:
    in_euros = base_row(valuation="reporting", new_customers=2, mrr=1, active_customers=1)
    euros, dollars = ("2026-10", "eur", 5000), ("2026-10", "usd", 1000)
    names = "month currency amount"
    assert one(in_euros, beside=Beside(spend=side(euros, names=names)))["cac"] == 2500
    assert one(in_euros, beside=Beside(spend=side(euros, dollars, names=names)))["cac"] is None
    nothing = ("2026-10", "usd", 0)
    assert one(in_euros, beside=Beside(spend=side(euros, nothing, names=names)))["cac"] == 2500
    own = side(
        (*euros, "native"),
        (*dollars, "native"),
        ("2026-10", "eur", 5900, "reporting"),
        names=f"{names} valuation",
    )
    assert one(in_euros, beside=Beside(spend=own))["cac"] == 2950
    counted = side(
        ("2026-10", "eur", 4, 2, 1),
        ("2026-10", "usd", 4, 4, 4),
        names="month currency trials_ended trials_active trials_paid",
    )
    assert one(in_euros, beside=Beside(trials=counted))["trial_conversion_rate"] == 0.75


def test_an_accounts_value_is_its_mrr_times_the_lifetime_of_its_currency() -> None:
    frame = base(
        base_row("2026-09", customers_start=10, lost_customers=1, mrr=5000, active_customers=10),
        base_row("2026-10", customers_start=10, lost_customers=0, mrr=5000, active_customers=10),
        base_row("2026-10", currency="usd", customers_start=4, mrr=400, active_customers=4),
        base_row("2026-10", segment="plan", segment_value="pro", customers_start=1, lost_customers=1),
    )
    accounts = pd.DataFrame({"currency": ["eur", "eur", "usd", None], "mrr": [300, 0, 300, None]})
    worth = account_cltv(accounts, frame, Policy(), gross_margin=50)
    assert worth.astype(object).where(worth.notna(), None).tolist() == [3000, None, None, None]


sums = st.dictionaries(
    st.sampled_from([name for name in ZEROS if not name.endswith("_12m")]), st.integers(0, 10**9)
)


@given(
    st.lists(st.tuples(st.sampled_from(MONTHS), sums), unique_by=lambda row: row[0], max_size=5), st.randoms()
)
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_changes_nothing(months: list[tuple[str, dict[str, int]]], random: Any) -> None:
    rows = [base_row(month, **more) for month, more in months]
    shuffled = list(rows)
    random.shuffle(shuffled)
    told = {row["month"]: row for row in records(kpi_month(base(*rows), Policy()))}
    assert {row["month"]: row for row in records(kpi_month(base(*shuffled), Policy()))} == told

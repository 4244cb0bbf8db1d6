"""Charges, trials, scheduled churn and the funnel, from staged rows; and all of it together in an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pytest

from enrichment.frames import records
from enrichment.kpis.building import KPI_TABLES, MODELS, build_kpis
from enrichment.kpis.catalogue import KPI_MONTH, MARKETING_SPEND
from enrichment.kpis.funnel import FUNNEL, funnel
from enrichment.kpis.places import PRESENT
from enrichment.kpis.spend import no_spend
from enrichment.policy import Policy
from enrichment.sql import models
from enrichment.tables import ACCOUNT_MONTH, MONTHS, leave
from tests.enrichment.kpi_rows import base, base_row
from tests.enrichment.tiny_engine import TinyEngine

_T, _I, _TIME = "VARCHAR", "BIGINT", "TIMESTAMP"
SCHEMAS: dict[str, Mapping[str, str]] = {
    "months": MONTHS,
    "run_clock": {"as_of": _TIME},
    "stg_charges": {"charge_id": _T, "amount": _I, "currency": _T, "created_at": _TIME, "status": _T},
    "stg_subscriptions": {
        "subscription_id": _T,
        "customer_id": _T,
        "currency": _T,
        "status": _T,
        "trial_starts_at": _TIME,
        "trial_ends_at": _TIME,
        "ended_at": _TIME,
    },
    "stg_invoices": {
        "invoice_id": _T,
        "subscription_id": _T,
        "status": _T,
        "amount_paid": _I,
        "created_at": _TIME,
    },
    "stg_contacts": {"contact_id": _T, "company_id": _T, "properties": _T},
    "account_customers": {"account_id": _T, "customer_id": _T, "company_id": _T},
    "account_money": {"account_id": _T, "currency": _T} | dict.fromkeys(PRESENT, _I),
    "account_segments": {"account_id": _T, "segment": _T, "segment_value": _T},
    "account_month": ACCOUNT_MONTH,
}
MONTH_ROWS = [
    {"month": "2026-09", "starts_at": "2026-08-31 22:00", "ends_at": "2026-09-30 22:00"},
    {"month": "2026-10", "starts_at": "2026-09-30 22:00", "ends_at": "2026-10-31 23:00"},
]
CLOCK = [{"as_of": "2026-10-20"}]
Rows = list[dict[str, Any]]


@pytest.fixture
def engine() -> Iterator[TinyEngine]:
    with TinyEngine() as made:
        fill(made, months=MONTH_ROWS, run_clock=CLOCK, **{name: [] for name in SCHEMAS if name[0] in "sa"})
        yield made


def fill(engine: TinyEngine, **rows: Rows) -> None:
    for name, given in rows.items():
        leave(engine, name, pd.DataFrame(given, columns=list(SCHEMAS[name]), dtype=object), SCHEMAS[name])


def run(engine: TinyEngine, name: str) -> Rows:
    for model, sql in models((name,)):
        engine.run(model, sql)
    return records(engine.frame(name))


def today(scheduled: int) -> dict[str, int]:
    """What an account's items say of today; the parts tell each other apart."""
    return dict(zip(PRESENT, (10 * scheduled, 3 * scheduled, scheduled), strict=True))


def charge(amount: int | None, created_at: str, **more: Any) -> dict[str, Any]:
    return {"amount": amount, "created_at": created_at, "currency": "eur", "status": "succeeded", **more}


def test_charges_count_in_their_month_when_they_succeeded(engine: TinyEngine) -> None:
    charges = [
        charge(1000, "2026-09-30 21:59:59"),
        charge(500, "2026-09-30 22:00"),
        charge(700, "2026-10-05", currency="usd"),
        charge(301, "2026-10-05"),
        charge(900, "2026-10-05", status="failed"),
        charge(900, "2026-10-05", status="pending"),
        charge(None, "2026-10-05"),
        charge(900, "2020-10-05"),
    ]
    fill(engine, stg_charges=charges)
    found = {(row["month"], row["currency"]): row for row in run(engine, "charge_month")}
    assert {key: (row["charge_total"], row["charge_count"]) for key, row in found.items()} == {
        ("2026-09", "eur"): (1000, 1),
        ("2026-10", "eur"): (801, 2),
        ("2026-10", "usd"): (700, 1),
    }


def trial(number: int, status: str, ends: str = "2026-10-10", ended: str | None = None) -> dict[str, Any]:
    return {
        "subscription_id": f"sub_{number}",
        "customer_id": f"cus_{number}",
        "currency": "eur",
        "status": status,
        "trial_starts_at": "2026-09-01",
        "trial_ends_at": ends,
        "ended_at": ended,
    }


@pytest.mark.parametrize(
    "status, ends, ended, counted",
    [
        ("active", "2026-10-10", None, ("2026-10", 1, 1)),
        ("past_due", "2026-10-10", None, ("2026-10", 1, 1)),
        ("paused", "2026-10-10", None, ("2026-10", 1, 0)),
        ("canceled", "2026-10-10", "2026-10-10 00:00:05", ("2026-10", 1, 0)),
        ("canceled", "2026-10-10", "2026-10-12", ("2026-10", 1, 1)),
        ("canceled", "2026-10-10", "2026-09-15", ("2026-09", 1, 0)),
        ("canceled", "2026-11-10", "2026-09-15", ("2026-09", 1, 0)),
        ("trialing", "2026-11-10", None, None),
        ("trialing", "2026-10-10", None, None),
        ("active", "2026-09-01", None, None),
    ],
)
def test_a_trial_counts_in_the_month_in_which_it_ended(
    engine: TinyEngine, status: str, ends: str, ended: str | None, counted: tuple[Any, ...] | None
) -> None:
    fill(engine, stg_subscriptions=[trial(1, status, ends, ended), {"subscription_id": "sub_9"}])
    rows = run(engine, "trial_month")
    told = [(row["month"], row["trials_ended"], row["trials_active"]) for row in rows]
    assert told == ([counted] if counted else [])


def test_a_payment_from_the_trials_end_on_converts_it(engine: TinyEngine) -> None:
    fill(
        engine,
        stg_subscriptions=[trial(number, "active") for number in range(4)],
        stg_invoices=[
            invoice(0, "paid", 0, "2026-09-01"),
            invoice(0, "paid", 500, "2026-10-10"),
            invoice(0, "paid", 500, "2026-10-11"),
            invoice(1, "open", 0, "2026-10-10"),
            invoice(2, "paid", 0, "2026-10-10"),
            invoice(3, "paid", 500, "2026-09-01"),
        ],
    )
    (row,) = run(engine, "trial_month")
    assert (row["trials_ended"], row["trials_active"], row["trials_paid"]) == (4, 4, 1)


def invoice(number: int, status: str, paid: int, created_at: str) -> dict[str, Any]:
    return {
        "subscription_id": f"sub_{number}",
        "status": status,
        "amount_paid": paid,
        "created_at": created_at,
    }


def paying(account_id: str, *months: str, valuation: str = "native") -> Rows:
    keys = {"account_id": account_id, "currency": "eur", "valuation": valuation, "mrr": 100}
    return [{**dict.fromkeys(ACCOUNT_MONTH, 0), **keys, "month": month} for month in months]


def test_the_funnel_counts_people_then_accounts(engine: TinyEngine) -> None:
    stages = ("subscriber", "lead", "opportunity", "customer", "evangelist", "evangelist", "87654", None)
    fill(
        engine,
        stg_contacts=[
            {"contact_id": f"{number}", "company_id": f"co_{number}", "properties": properties(stage)}
            for number, stage in enumerate(stages)
        ],
        stg_subscriptions=[trial(1, "active"), trial(2, "trialing"), trial(3, "active"), trial(1, "paused")],
        account_customers=[
            {"account_id": "co_4", "customer_id": "cus_1", "company_id": "co_4"},
            {"account_id": "co_4", "customer_id": "cus_2", "company_id": "co_4"},
            {"account_id": "co_5", "customer_id": "cus_5", "company_id": "co_5"},
        ],
        account_month=[
            *paying("co_4", "2026-09", "2026-10"),
            *paying("co_4", "2026-10", valuation="reporting"),
            *paying("co_5", "2026-09"),
            *paying("cus_7", "2026-10"),
        ],
    )
    (counts,) = run(engine, "funnel_counts")
    assert counts == {"contacts": 8, "leads": 5, "trials": 2, "paying": 3, "retained": 1, "referrals": 1}


def properties(stage: str | None) -> str:
    return '{"lifecyclestage": null}' if stage is None else f'{{"lifecyclestage": "{stage}"}}'


def test_the_rate_of_a_step_is_null_after_an_empty_one() -> None:
    rows = records(
        funnel({"contacts": 3, "leads": 2, "trials": 0, "paying": 4, "retained": 5, "referrals": 0})
    )
    assert [row["step_no"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["rate_from_previous"] for row in rows] == [None, 0.666667, 0.0, None, 1.25, 0.0]


def test_what_items_say_of_today_is_known_for_the_newest_month(engine: TinyEngine) -> None:
    fill(
        engine,
        account_money=[
            {"account_id": "a", "currency": "eur", **today(30)},
            {"account_id": "b", "currency": "eur", **today(12)},
        ],
        account_segments=[{"account_id": "b", "segment": "plan", "segment_value": "pro"}],
    )
    rows = run(engine, "present_month")
    told = {
        (row["month"], row["segment"], row["segment_value"]): tuple(row[name] for name in PRESENT)
        for row in rows
    }
    assert told == {("2026-10", "", ""): (420, 126, 42), ("2026-10", "plan", "pro"): (120, 36, 12)}


def test_everything_is_built_in_an_engine(engine: TinyEngine) -> None:
    spend = pd.DataFrame([("2026-10", "eur", 600, None, None)], columns=list(MARKETING_SPEND))
    lost = {**dict.fromkeys(ACCOUNT_MONTH, 0), "account_id": "b", "month": "2026-10", "currency": "eur"}
    fill(
        engine,
        stg_charges=[charge(300, "2026-10-05")],
        stg_subscriptions=[trial(1, "active")],
        account_money=[{"account_id": "a", "currency": "eur", **today(40)}],
        account_month=[
            *[{**row, "mrr_start": 0} for row in (*paying("a", "2026-09"), *paying("b", "2026-09"))],
            *[{**row, "mrr_start": 100} for row in paying("a", "2026-10")],
            {**lost, "valuation": "native", "mrr_start": 100, "churned_mrr": 100},
        ],
    )
    october = base_row(mrr=100, active_customers=1, customers_start=2, lost_customers=1, new_customers=2)
    engine.register_frame("kpi_base", base(base_row("2026-09", mrr=200, active_customers=2), october))
    build_kpis(engine, Policy(), spend=spend, gross_margin=50)
    _, told = records(engine.frame("SELECT * FROM kpi_month ORDER BY month"))
    assert list(told) == list(KPI_MONTH)
    assert (told["cac"], told["average_order_value"], told["trial_conversion_rate"]) == (300, 300, 1.0)
    assert (told["scheduled_churn_mrr"], told["committed_mrr"]) == (40, 60)
    assert (told["contract_mrr"], told["potential_trial_mrr"]) == (400, 120)
    # Lives of 1 (churned) and 2 months: S(1) = 1/2, the mean is 1.5 months, of ARPA 1.00 at 50 %.
    assert told["cltv_kaplan_meier"] == 75
    assert list(engine.frame("funnel").columns) == list(FUNNEL)
    assert len(engine.frame("marketing_spend")) == 1


def test_an_empty_account_has_empty_tables(engine: TinyEngine) -> None:
    engine.register_frame("kpi_base", base())
    build_kpis(engine, Policy(), spend=no_spend().table)
    assert {name: len(engine.frame(name)) for name in KPI_TABLES} == {
        "kpi_month": 0,
        "funnel": 6,
        "marketing_spend": 0,
    }
    assert all(len(engine.frame(name)) == (name == "funnel_counts") for name in MODELS)

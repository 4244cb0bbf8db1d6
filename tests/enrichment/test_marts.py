"""Movements, account months, KPI bases, cohorts and bridge: worked answers and the policy's keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from enrichment.calendar import months
from enrichment.policy import Policy
from tests.enrichment.marts_of import Ledger, moves, whole

YEARLY = 4167
"""$500 a year as a month, in cents."""


def in_month(month: str, year: int = 2026) -> datetime:
    return datetime.fromisoformat(f"{year}-{month}-28T23:59:59").replace(tzinfo=UTC)


def syncalytics() -> Ledger:
    """ChartMogul's example: 4 yearly subscriptions; 2 monthly ones come and go; all end; 3 monthly come."""
    ledger = Ledger()
    for number in range(4):
        ledger.change("acme", "2024-01-10", YEARLY, subscription=f"sub_y{number}")
    for number in range(2):
        ledger.change("acme", "2024-03-05", 3000, subscription=f"sub_m{number}")
        ledger.change("acme", "2024-05-05", 0, subscription=f"sub_m{number}")
    for number in range(4):
        ledger.change("acme", "2025-01-10", 0, subscription=f"sub_y{number}")
    for number in range(3):
        ledger.change("acme", "2025-06-01", 5000, subscription=f"sub_r{number}")
    return ledger


def test_syncalytics() -> None:
    marts = syncalytics().marts(as_of=in_month("07", 2025))
    assert moves(marts) == [
        ("2024-01", "acme", "new", 4 * YEARLY),
        ("2024-03", "acme", "expansion", 6000),
        ("2024-05", "acme", "contraction", 6000),
        ("2025-01", "acme", "churn", 4 * YEARLY),
        ("2025-06", "acme", "reactivation", 15000),
    ]


def test_account_month_has_the_quiet_months_and_no_month_without_mrr() -> None:
    rows = syncalytics().marts(as_of=in_month("07", 2025))["account_month"].sort_values("month")
    assert rows["month"].tolist() == [
        *(f"2024-{month:02d}" for month in range(1, 13)),
        "2025-01",
        "2025-06",
        "2025-07",
    ]
    assert rows["mrr"].tolist()[-4:] == [16668, 0, 15000, 15000]
    assert rows["mrr_start"].tolist()[-4:] == [16668, 16668, 0, 15000]


def test_start_100_churn_10_contraction_10_expansion_10() -> None:
    ledger = Ledger()
    for account, before, after in (("a", 1000, 0), ("b", 4000, 3000), ("c", 5000, 6000)):
        ledger.change(account, "2026-01-01", before)
        ledger.change(account, "2026-02-10", after)
    marts = ledger.marts(as_of=in_month("02"))
    base = whole(marts, "2026-02")
    start, lost, gained = (
        base["mrr_start"],
        base["churned_mrr"] + base["contraction_mrr"],
        base["expansion_mrr"],
    )
    assert (start, lost, gained) == (10000, 2000, 1000)
    assert (lost / start, (lost - gained) / start) == (0.2, 0.1)
    assert (base["customers_start"], base["active_customers"], base["lost_customers"]) == (3, 2, 1)
    bridge = marts["mrr_bridge"]
    bridge = bridge[bridge["month"] == "2026-02"].sort_values("step_no")
    assert list(zip(bridge["step"], bridge["amount"], strict=True)) == [
        ("mrr_start", 10000),
        ("new", 0),
        ("reactivation", 0),
        ("expansion", 1000),
        ("contraction", -1000),
        ("churn", -1000),
        ("fx", 0),
        ("mrr", 9000),
    ]


def test_paid_from_15_may_to_15_june() -> None:
    ledger = Ledger()
    ledger.change("a", "2026-05-15", 9900)
    ledger.change("a", "2026-06-15", 0)
    marts = ledger.marts()
    assert [whole(marts, month)["mrr"] for month in ("2026-05", "2026-06", "2026-12")] == [9900, 0, 0]
    assert whole(marts, "2026-06")["lost_customers"] == 1


def test_two_customers_of_one_company_are_one_account() -> None:
    ledger = Ledger()
    ledger.change("company", "2026-01-03", 2000, customer="cus_2")
    ledger.change("company", "2026-01-20", 2000, customer="cus_1")
    ledger.change("company", "2026-02-03", 0, customer="cus_2")
    ledger.change("company", "2026-03-03", 2500, customer="cus_2")
    ledger.change("company", "2026-03-04", 1000, customer="cus_1")
    marts = ledger.marts(as_of=in_month("03"))
    rows = marts["mrr_movements"].sort_values("month")
    assert list(zip(rows["kind"], rows["amount"], rows["customer_id"], strict=True)) == [
        ("new", 4000, "cus_1"),
        ("contraction", 2000, "cus_2"),
        ("expansion", 1500, "cus_2"),
    ]
    assert rows[["subscription_id", "subscription_item_id"]].isna().to_numpy().all()
    assert whole(marts, "2026-03")["active_customers"] == 1


def test_a_second_currency_is_expansion_and_leaving_one_of_two_contraction() -> None:
    ledger = Ledger()
    ledger.change("a", "2026-01-05", 1000)
    ledger.change("a", "2026-02-05", 700, "si_eur", currency="eur")
    ledger.change("a", "2026-03-05", 0)
    ledger.change("a", "2026-04-05", 0, "si_eur", currency="eur")
    marts = ledger.marts(as_of=in_month("04"))
    assert moves(marts) == [
        ("2026-01", "a", "new", 1000),
        ("2026-02", "a", "expansion", 700),
        ("2026-03", "a", "contraction", 1000),
        ("2026-04", "a", "churn", 700),
    ]
    assert whole(marts, "2026-03", "usd")["mrr"] == 0
    assert whole(marts, "2026-01", "eur")["mrr"] == 0


def paused() -> Ledger:
    ledger = Ledger()
    ledger.life("a", "2026-01-05", "2026-06-10")
    for at, mrr in (("2026-01-05", 1000), ("2026-02-05", 0), ("2026-04-05", 1000), ("2026-06-10", 0)):
        ledger.change("a", at, mrr)
    return ledger


@pytest.mark.parametrize(
    "alive, kinds",
    [
        (True, ["new", "contraction", "expansion", "churn"]),
        (False, ["new", "churn", "reactivation", "churn"]),
    ],
)
def test_zero_is_churn_only_where_no_subscription_is_alive(alive: bool, kinds: list[str]) -> None:
    ledger = paused()
    if not alive:
        ledger.lives.clear()
    assert [kind for _, _, kind, _ in moves(ledger.marts(Policy()))] == kinds


@pytest.mark.parametrize(
    "until, kind",
    [("2026-02-28T23:59:59", "churn"), ("2026-03-01", "contraction"), (None, "contraction")],
)
def test_a_subscription_that_ends_with_the_month_is_alive_at_its_end(until: str | None, kind: str) -> None:
    ledger = Ledger()
    ledger.life("a", "2026-01-05", until)
    ledger.change("a", "2026-01-05", 1000)
    ledger.change("a", "2026-02-10", 0)
    assert moves(ledger.marts(as_of=in_month("04")))[-1] == ("2026-02", "a", kind, 1000)


def test_free_first_is_new_when_it_pays() -> None:
    ledger = Ledger()
    ledger.life("a", "2026-01-01")
    ledger.change("a", "2026-03-01", 1000)
    assert moves(ledger.marts()) == [("2026-03", "a", "new", 1000)]


@pytest.mark.parametrize(
    "window, back, kind",
    [
        ("any", "2026-08-20", "reactivation"),
        ("none", "2026-03-01", "new"),
        ("days:90", "2026-05-11", "reactivation"),
        ("days:90", "2026-05-12", "new"),
    ],
)
def test_reactivation_window(window: str, back: str, kind: str) -> None:
    ledger = Ledger()
    for at, mrr in (("2026-01-05", 1000), ("2026-02-10", 0), (back, 1200)):
        ledger.change("a", at, mrr)
    assert moves(ledger.marts(Policy(reactivation_window=window)))[-1] == (back[:7], "a", kind, 1200)


def visit() -> Ledger:
    ledger = Ledger()
    ledger.life("a", "2026-01-05", "2026-01-20")
    for at, mrr in (("2026-01-05", 1000), ("2026-01-10", 1500), ("2026-01-20", 0), ("2026-03-01", 700)):
        ledger.change("a", at, mrr)
    return ledger


def test_start_and_end_within_a_month_are_dropped() -> None:
    assert moves(visit().marts()) == [("2026-03", "a", "new", 700)]


def test_start_and_end_within_a_month_are_both_counted() -> None:
    marts = visit().marts(Policy(same_month="count_both"))
    assert moves(marts) == [
        ("2026-01", "a", "churn", 1500),
        ("2026-01", "a", "new", 1500),
        ("2026-03", "a", "reactivation", 700),
    ]
    january = whole(marts, "2026-01")
    assert (january["new_customers"], january["lost_customers"], january["active_customers"]) == (1, 1, 0)
    assert marts["cohort_retention"]["cohort"].unique().tolist() == ["2026-03"]


def test_a_change_and_back_within_a_month_is_no_visit() -> None:
    ledger = Ledger()
    for at, mrr in (("2026-01-05", 1000), ("2026-02-05", 1500), ("2026-02-06", 1000)):
        ledger.change("a", at, mrr)
    assert moves(ledger.marts(Policy(same_month="count_both"))) == [("2026-01", "a", "new", 1000)]


def test_finer_grains_name_what_moved() -> None:
    ledger = Ledger()
    ledger.change("a", "2026-01-05", 1000, "si_1", subscription="sub_1")
    ledger.change("a", "2026-02-05", 500, "si_2", subscription="sub_1")
    ledger.change("a", "2026-02-05", 800, "si_3", subscription="sub_2")
    ledger.change("a", "2026-03-05", 0, "si_3", subscription="sub_2")
    columns = ["month", "kind", "amount", "subscription_id", "subscription_item_id"]
    by_subscription, by_item = (
        ledger.marts(Policy(movement_grain=grain))["mrr_movements"][columns].sort_values(columns[:3])
        for grain in ("subscription", "item")
    )
    assert by_subscription["kind"].tolist() == ["new", "expansion", "new", "churn"]
    assert by_subscription["subscription_id"].tolist() == ["sub_1", "sub_1", "sub_2", "sub_2"]
    assert by_subscription["subscription_item_id"].isna().all()
    assert by_item["kind"].tolist() == ["new", "new", "new", "churn"]
    assert by_item["subscription_item_id"].tolist() == ["si_1", "si_2", "si_3", "si_3"]


def test_fx_is_a_movement_of_its_own() -> None:
    ledger = Ledger(reporting="eur")
    ledger.change("a", "2026-01-05", 1000, rate=0.9)
    ledger.change("a", "2026-02-01", 1000, rate=0.8, drift=True)
    ledger.change("a", "2026-03-01", 1000, rate=0.85, drift=True)
    ledger.change("a", "2026-03-10", 2000, rate=0.85)
    marts = ledger.marts(as_of=in_month("03"))
    assert moves(marts) == [("2026-01", "a", "new", 1000), ("2026-03", "a", "expansion", 1000)]
    assert moves(marts, "reporting") == [
        ("2026-01", "a", "new", 900),
        ("2026-02", "a", "fx", -100),
        ("2026-03", "a", "expansion", 850),
        ("2026-03", "a", "fx", 50),
    ]
    row = whole(marts, "2026-03", "eur", valuation="reporting")
    assert (row["mrr_start"], row["expansion_mrr"], row["fx_mrr"], row["mrr"]) == (800, 850, 50, 1700)


@pytest.mark.parametrize("before, after, fx", [(0.9, 0.8, -100), (0.8, 0.9, 100)])
def test_up_and_down_at_two_rates_is_fx_alone(before: float, after: float, fx: int) -> None:
    ledger = Ledger(reporting="eur")
    ledger.change("a", "2026-01-05", 1000, rate=before)
    ledger.change("a", "2026-02-05", 2000, rate=before)
    ledger.change("a", "2026-02-10", 1000, rate=after)
    marts = ledger.marts(as_of=in_month("02"))
    assert moves(marts, "reporting") == [
        ("2026-01", "a", "new", round(1000 * before)),
        ("2026-02", "a", "fx", fx),
    ]


def test_an_account_that_lacks_a_rate_has_native_rows_alone() -> None:
    ledger = Ledger(reporting="eur", rates={"eur": 1.0})
    ledger.change("a", "2026-01-05", 1000, currency="eur")
    ledger.change("b", "2026-01-05", 1000, currency="eur")
    ledger.change("b", "2026-01-06", 1000, "si_b2", currency="xof")
    rows = ledger.marts(as_of=in_month("01"))["account_month"]
    found = sorted(zip(rows["account_id"], rows["currency"], rows["valuation"], strict=True))
    assert found == [
        ("a", "eur", "native"),
        ("a", "eur", "reporting"),
        ("b", "eur", "native"),
        ("b", "xof", "native"),
    ]


def test_what_is_left_after_twelve_months() -> None:
    ledger = Ledger()
    ledger.change("a", "2025-01-10", 1000)
    ledger.change("b", "2025-01-10", 2000)
    ledger.change("b", "2025-07-10", 0)
    ledger.change("c", "2025-03-10", 4000)
    ledger.change("a", "2026-01-10", 1500)
    ledger.change("b", "2026-02-10", 500)
    marts = ledger.marts(as_of=in_month("03"))
    bases = [whole(marts, month) for month in ("2025-12", "2026-01", "2026-02", "2026-03")]
    assert [row["opening_mrr_12m"] for row in bases] == [None, 3000, 3000, 7000]
    assert [row["retained_mrr_12m"] for row in bases] == [None, 1500, 2000, 6000]


def test_cohorts() -> None:
    ledger = Ledger()
    ledger.change("a", "2026-01-10", 1000)
    ledger.change("b", "2026-01-11", 2000)
    ledger.change("a", "2026-02-11", 0)
    ledger.change("c", "2026-02-11", 300)
    ledger.change("a", "2026-04-11", 1200)
    rows = ledger.marts(as_of=in_month("04"))["cohort_retention"].sort_values(["cohort", "k"])
    columns = ("cohort", "k", "customers", "mrr", "customers_0", "mrr_0")
    assert list(zip(*(rows[name] for name in columns), strict=True)) == [
        ("2026-01", 0, 2, 3000, 2, 3000),
        ("2026-01", 1, 1, 2000, 2, 3000),
        ("2026-01", 2, 1, 2000, 2, 3000),
        ("2026-01", 3, 2, 3200, 2, 3000),
        ("2026-02", 0, 1, 300, 1, 300),
        ("2026-02", 1, 1, 300, 1, 300),
        ("2026-02", 2, 1, 300, 1, 300),
    ]


@pytest.mark.parametrize(
    "calendar, month",
    [("UTC", "2026-04"), ("America/New_York", "2026-03"), ("Asia/Tokyo", "2026-04")],
)
def test_a_month_ends_at_midnight_of_the_policys_zone(calendar: str, month: str) -> None:
    ledger = Ledger()
    ledger.change("a", "2026-04-01T03:59:59", 1000)
    assert moves(ledger.marts(Policy(calendar=calendar))) == [(month, "a", "new", 1000)]


def test_months_over_a_change_of_the_clocks() -> None:
    first, last = datetime(2026, 3, 1, 4, 59, tzinfo=UTC), datetime(2026, 4, 1, 4, tzinfo=UTC)
    frame = months(first, last, ZoneInfo("America/New_York"))
    assert frame["month"].tolist() == ["2026-02", "2026-03", "2026-04"]
    assert frame["starts_at"].astype(str).tolist() == [
        "2026-02-01 05:00:00",
        "2026-03-01 05:00:00",
        "2026-04-01 04:00:00",
    ]
    assert frame["ends_at"].tolist()[:2] == frame["starts_at"].tolist()[1:]


def test_the_running_month_ends_at_as_of() -> None:
    ledger = Ledger()
    ledger.change("a", "2026-01-05", 1000)
    ledger.change("a", "2026-02-14T12:00:00", 2000)
    ledger.life("a", "2026-01-05")
    at = whole(ledger.marts(as_of=datetime(2026, 2, 14, 12, tzinfo=UTC)), "2026-02")
    before = whole(ledger.marts(as_of=datetime(2026, 2, 14, 11, 59, 59, tzinfo=UTC)), "2026-02")
    assert (at["mrr"], before["mrr"]) == (2000, 1000)


def test_an_empty_ledger_leaves_empty_marts() -> None:
    marts = Ledger().marts()
    assert marts["months"]["month"].tolist() == ["2026-12"]
    assert all(frame.empty for name, frame in marts.items() if name != "months")


def test_columns_are_the_declared_ones() -> None:
    from enrichment import tables

    declared: dict[str, Any] = {
        "months": tables.MONTHS,
        "account_month": tables.ACCOUNT_MONTH,
        "mrr_movements": tables.MRR_MOVEMENTS,
    }
    marts: dict[str, pd.DataFrame] = syncalytics().marts()
    for name, columns in declared.items():
        assert list(marts[name].columns) == list(columns)
    assert (marts["account_month"].dtypes == "int64").sum() == 8

"""Whatever the ledger: the identity, one computation for all tables, and an oracle that knows no SQL."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.calendar import months
from enrichment.policy import Policy
from tests.enrichment.marts_of import SUMS, Ledger

START = datetime.fromisoformat("2025-01-20T00:00:00")
AS_OF = datetime(2026, 6, 17, 13, tzinfo=UTC)
KEY = ["account_id", "currency", "valuation"]
Series = dict[tuple[str, str, str], dict[str, int]]

changes = st.tuples(
    st.integers(0, 5),  # item
    st.integers(0, 500),  # days since START
    st.sampled_from([0, 0, 100, 101, 250]),  # MRR
    st.sampled_from([0.5, 0.9, 1.1, 1.3]),  # rate
    st.booleans(),  # revalued before
)
lives = st.tuples(st.integers(0, 2), st.integers(0, 500), st.none() | st.integers(0, 500))
policies = st.builds(
    Policy,
    movement_grain=st.sampled_from(["account", "subscription", "item"]),
    reactivation_window=st.sampled_from(["any", "none", "days:45"]),
    same_month=st.sampled_from(["drop", "count_both"]),
    calendar=st.sampled_from(["UTC", "America/New_York"]),
)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Three subscriptions of two items each; two customers in account a, one in b; two currencies."""
    ledger = Ledger(reporting="eur")
    for item, day, mrr, rate, drift in sorted(draw(st.lists(changes, max_size=14)), key=lambda row: row[1]):
        number = item // 2
        ledger.change(
            "ab"[number == 2],
            START + timedelta(days=day, hours=item),
            mrr,
            f"si_{item}",
            customer=f"cus_{number}",
            subscription=f"sub_{number}",
            currency=("usd", "eur")[item % 2],
            rate=rate,
            drift=drift,
        )
    for number, day, length in draw(st.lists(lives, max_size=3)):
        until = START + timedelta(days=day + length) if length is not None else None
        ledger.life(
            "ab"[number == 2],
            (START + timedelta(days=day)).isoformat(),
            until.isoformat() if until else None,
            f"sub_{number}",
        )
    return ledger


def month_of(policy: Policy, at: datetime) -> str:
    return at.replace(tzinfo=UTC).astimezone(policy.zone).strftime("%Y-%m")


class Oracle:
    """The native movements of one unit, month by month, from the rules as they are written."""

    def __init__(self, policy: Policy, rows: list[dict[str, Any]], lives: list[dict[str, Any]]) -> None:
        self.policy = policy
        self.lives = lives
        self.by_month: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row["effective_at"]):
            if row["mrr_change"]:
                self.by_month[month_of(policy, row["effective_at"])].append(row)
        self.mrr: dict[str, int] = defaultdict(int)
        self.known = False
        self.left_at = START

    def idle(self, month: str, month_rows: pd.DataFrame, *, at_start: bool) -> bool:
        row = month_rows.loc[month]
        cut = row["starts_at"] if at_start else row["ends_at"]
        last = AS_OF.replace(tzinfo=None) + timedelta(microseconds=1)
        cut = min(cut.to_pydatetime(), last)
        return any(
            life["alive_from"] < cut and (life["alive_until"] is None or life["alive_until"] >= cut)
            for life in self.lives
        )

    def movements(self, month_rows: pd.DataFrame) -> Iterator[tuple[str, str, str, int]]:
        for month in month_rows.index:
            rows = self.by_month.get(month)
            if rows:
                yield from self.one_month(month, rows, month_rows)

    def one_month(
        self, month: str, rows: list[dict[str, Any]], month_rows: pd.DataFrame
    ) -> Iterator[tuple[str, str, str, int]]:
        before = dict(self.mrr)
        peaks = self.run_through(rows)
        stood, stands = any(before.values()), any(self.mrr.values())
        visit = not stood and not stands
        changed = {name: mrr - before.get(name, 0) for name, mrr in self.mrr.items()}
        counted = self.policy.same_month == "count_both" and any(peaks.values())
        if not (counted if visit else any(changed.values())):
            return
        rise = self.rise(month, month_rows, stood=stood, back_at=rows[0]["effective_at"])
        fall = "contraction" if stands or self.idle(month, month_rows, at_start=False) else "churn"
        self.known, self.left_at = True, rows[-1]["effective_at"]
        if visit and (rise, fall) != ("expansion", "contraction"):
            for kind in (rise, fall):
                yield from ((month, currency, kind, peak) for currency, peak in peaks.items() if peak)
        for currency, change in changed.items():
            if change:
                yield month, currency, rise if change > 0 else fall, abs(change)

    def run_through(self, rows: list[dict[str, Any]]) -> dict[str, int]:
        """Apply a month's changes; return the highest MRR after any instant, by currency."""
        peaks: dict[str, int] = defaultdict(int)
        for place, row in enumerate(rows):
            self.mrr[row["currency"]] += row["mrr_change"]
            if place + 1 == len(rows) or rows[place + 1]["effective_at"] != row["effective_at"]:
                for currency, mrr in self.mrr.items():
                    peaks[currency] = max(peaks[currency], mrr)
        return peaks

    def rise(self, month: str, month_rows: pd.DataFrame, *, stood: bool, back_at: datetime) -> str:
        if not self.known:
            return "new"
        if stood or self.idle(month, month_rows, at_start=True):
            return "expansion"
        if self.policy.reactivation_window == "none":
            return "new"
        days = self.policy.reactivation_days
        if days is not None and back_at > self.left_at + timedelta(days=days):
            return "new"
        return "reactivation"


def oracle(ledger: Ledger, policy: Policy, calendar: pd.DataFrame) -> list[tuple[str, str, str, str, int]]:
    unit = {
        "account": "account_id",
        "subscription": "subscription_id",
        "item": "subscription_item_id",
    }[policy.movement_grain]
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    owner: dict[str, tuple[str, str]] = {}
    for row in ledger.rows:
        if row["effective_at"] <= AS_OF.replace(tzinfo=None):
            rows[row[unit]].append(row)
            owner[row[unit]] = row["account_id"], row["subscription_id"]
    found = []
    for name, of_unit in rows.items():
        account, subscription = owner[name]
        alive = [
            life
            for life in ledger.lives
            if (unit == "account_id" and life["account_id"] == account)
            or (unit != "account_id" and life["subscription_id"] == subscription)
        ]
        told = Oracle(policy, of_unit, alive).movements(calendar.set_index("month"))
        found += [(name, *movement) for movement in told]
    return sorted(found)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(ledgers(), policies)
def test_native_movements_are_the_oracles(ledger: Ledger, policy: Policy) -> None:
    marts = ledger.marts(policy, AS_OF)
    rows = marts["mrr_movements"]
    rows = rows[rows["valuation"] == "native"]
    unit = rows["subscription_item_id"].fillna(rows["subscription_id"]).fillna(rows["account_id"])
    ours = zip(unit, *(rows[name] for name in ("month", "currency", "kind", "amount")), strict=True)
    assert sorted(ours) == oracle(ledger, policy, marts["months"])


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(ledgers(), policies)
def test_one_computation_under_every_table(ledger: Ledger, policy: Policy) -> None:
    marts = ledger.marts(policy, AS_OF)
    accounts, base = marts["account_month"], marts["kpi_base"]
    for rows in (accounts, base):
        assert (rows["mrr_start"] + signed(rows) == rows["mrr"]).all()
        assert (rows[["mrr_start", "mrr", *SUMS[:-1]]].to_numpy() >= 0).all()
    assert_continuous(base)
    assert paid(accounts) == ledger_ends(ledger, marts["months"])
    by_account = accounts.groupby(["currency", "valuation", "month"])[["mrr_start", "mrr", *SUMS]].sum()
    by_month = base.set_index(["currency", "valuation", "month"])
    pd.testing.assert_frame_equal(
        by_account, by_month.loc[by_account.index, by_account.columns], check_names=False
    )
    paying = accounts[accounts["mrr"] > 0].groupby(["currency", "valuation", "month"]).size()
    assert base["active_customers"].sum() == len(accounts[accounts["mrr"] > 0])
    assert (by_month.loc[paying.index, "active_customers"] == paying).all()
    assert_retained(accounts, base)
    assert_cohorts(accounts, marts["cohort_retention"], marts["months"])
    movements = marts["mrr_movements"]
    assert not movements.duplicated(["month", *KEY, "kind", "subscription_id", "subscription_item_id"]).any()
    assert (movements.loc[movements["kind"] != "fx", "amount"] > 0).all()
    assert (movements["amount"] != 0).all()
    bridge = marts["mrr_bridge"]
    steps = (
        bridge[bridge["step_no"].between(1, 7)].groupby(["currency", "valuation", "month"])["amount"].sum()
    )
    assert (steps == by_month.loc[steps.index, "mrr"]).all()


def signed(rows: pd.DataFrame) -> pd.Series[int]:
    gained = rows["new_mrr"] + rows["reactivation_mrr"] + rows["expansion_mrr"]
    return gained - rows["contraction_mrr"] - rows["churned_mrr"] + rows["fx_mrr"]


def assert_continuous(base: pd.DataFrame) -> None:
    for _, rows in base.groupby(["currency", "valuation", "segment", "segment_value"]):
        ordered = rows.sort_values("month")
        assert ordered["mrr_start"].tolist() == [0, *ordered["mrr"].tolist()[:-1]]
        assert ordered["customers_start"].tolist() == [0, *ordered["active_customers"].tolist()[:-1]]


def paid(accounts: pd.DataFrame) -> Series:
    """Return the MRR above 0 at the end of each month, from the account months."""
    found: Series = defaultdict(dict)
    for row in accounts.to_dict("records"):
        if row["mrr"]:
            found[row["account_id"], row["currency"], row["valuation"]][row["month"]] = row["mrr"]
    return dict(found)


def ledger_ends(ledger: Ledger, calendar: pd.DataFrame) -> Series:
    """Return the same from the ledger: the sum of all changes before the month's end."""
    found: Series = defaultdict(dict)
    seen = [row for row in ledger.rows if row["effective_at"] <= AS_OF.replace(tzinfo=None)]
    for month, end in zip(calendar["month"], calendar["ends_at"], strict=True):
        sums: dict[tuple[str, str, str], int] = defaultdict(int)
        for row in seen:
            if row["effective_at"] < end:
                sums[row["account_id"], row["currency"], "native"] += row["mrr_change"]
                sums[row["account_id"], "eur", "reporting"] += row["reporting_change"] + row["fx_change"]
        for key, mrr in sums.items():
            if mrr:
                found[key][month] = mrr
    return dict(found)


def assert_retained(accounts: pd.DataFrame, base: pd.DataFrame) -> None:
    mrr = paid(accounts)
    for row in base.to_dict("records"):
        year, month = row["month"].split("-")
        then = f"{int(year) - 1}-{month}"
        of_key = [v for k, v in mrr.items() if k[1:] == (row["currency"], row["valuation"])]
        opening = [values for values in of_key if then in values]
        if pd.notna(row["opening_mrr_12m"]):
            assert row["opening_mrr_12m"] == sum(values[then] for values in opening)
            assert row["retained_mrr_12m"] == sum(values.get(row["month"], 0) for values in opening)
        else:
            assert not opening
            assert pd.isna(row["retained_mrr_12m"])


def assert_cohorts(accounts: pd.DataFrame, cohorts: pd.DataFrame, calendar: pd.DataFrame) -> None:
    expected: dict[tuple[str, int, str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    names = sorted(calendar["month"])
    for (_, currency, valuation), mrr in paid(accounts).items():
        first = min(mrr)
        for k, month in enumerate(names[names.index(first) :]):
            customers, total = expected[first, k, currency, valuation]
            amount = mrr.get(month, 0)
            expected[first, k, currency, valuation] = customers + (amount > 0), total + amount
    columns = ("cohort", "k", "currency", "valuation", "customers", "mrr")
    ours = zip(*(cohorts[name] for name in columns), strict=True)
    assert {row[:4]: row[4:] for row in ours} == dict(expected)
    for row in cohorts.to_dict("records"):
        start = expected[row["cohort"], 0, row["currency"], row["valuation"]]
        assert (row["customers_0"], row["mrr_0"]) == start


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(ledgers(), policies, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(ledger: Ledger, policy: Policy, rng: random.Random) -> None:
    before = ledger.marts(policy, AS_OF)
    rng.shuffle(ledger.rows)
    rng.shuffle(ledger.lives)
    after = ledger.marts(policy, AS_OF)
    for name, frame in before.items():
        columns = list(frame.columns)
        one, two = (rows.sort_values(columns, ignore_index=True) for rows in (frame, after[name]))
        pd.testing.assert_frame_equal(one, two)


@settings(deadline=None)
@given(st.integers(0, 15_000), st.integers(0, 500), st.sampled_from(["America/New_York", "Asia/Beirut"]))
def test_months_join_without_gap(day: int, length: int, calendar: str) -> None:
    first = datetime(2000, 1, 1, 4, 30, tzinfo=UTC) + timedelta(days=day)
    last = first + timedelta(days=length)
    frame = months(first, last, Policy(calendar=calendar).zone)
    starts, ends = frame["starts_at"].tolist(), frame["ends_at"].tolist()
    assert starts[1:] == ends[:-1]
    assert starts[0].replace(tzinfo=UTC) <= first < ends[0].replace(tzinfo=UTC)
    assert starts[-1].replace(tzinfo=UTC) <= last < ends[-1].replace(tzinfo=UTC)

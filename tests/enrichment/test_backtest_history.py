"""Snapshots of past months from the books: what they hold, and that what came later does not change them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from enrichment.backtest.history import past_snapshots
from enrichment.backtest.panel import Snapshots, judged
from enrichment.backtest.snapshots import Judge, month_starts
from enrichment.health.config import HealthConfig
from enrichment.policy import Policy
from tests.enrichment.books import AS_OF, Books, epoch
from tests.enrichment.rewound import Account, described, shop

MONTHS = [f"2026-{month:02}-01" for month in range(6, 12)]
AUGUST = datetime(2026, 8, 15, tzinfo=UTC)


def customer(
    books: Books, name: str, until: str = "2026-11-01", since: str = "2026-06-01", **more: Any
) -> None:
    """Add a customer that pays by the month from June on."""
    begun = {"start_date": epoch(since), "created": epoch(since)}
    account = Account(books, name, ("seat", 2), **{**begun, **more})
    for start, end in pairwise(MONTHS):
        if since <= start < until:
            account.sell(start, end, 2)


def ended(day: str) -> dict[str, Any]:
    details = {"reason": "cancellation_requested"}
    about = {"canceled_at": epoch(day), "ended_at": epoch(day), "cancellation_details": details}
    return {"status": "canceled", **about}


def snapshots_of(books: Books, as_of: datetime = AS_OF) -> Snapshots:
    with described(books, as_of) as engine:
        return past_snapshots(engine, as_of, Policy(), Judge(HealthConfig()), 90)


def test_months_are_looked_at_and_the_present_comes_back() -> None:
    books = shop()
    customer(books, "stays")
    customer(books, "leaves", until="2026-08-15", **ended("2026-08-20"))
    with described(books) as engine:
        before = engine.frame("SELECT * FROM account_basics ORDER BY account_id")
        found = past_snapshots(engine, AS_OF, Policy(), Judge(HealthConfig()), 30)
        after = engine.frame("SELECT * FROM account_basics ORDER BY account_id")
    pd.testing.assert_frame_equal(before, after)
    panel = judged(found)
    told = {str(name): group for name, group in panel.rows.groupby("account_id")}
    assert [moment.month for moment in told["leaves"]["as_of"]] == [7, 8]
    assert told["leaves"]["churned"].tolist() == [False, True]
    assert told["leaves"]["kind"].dropna().tolist() == ["voluntary"]
    assert [moment.month for moment in told["stays"]["as_of"]] == [7, 8, 9, 10]
    assert not told["stays"]["churned"].any()
    assert (panel.too_recent, panel.outside) == (0, 0)


@pytest.mark.slow
def test_what_came_later_changes_no_snapshot() -> None:
    plain, changed = shop(), shop()
    for books, more in ((plain, {}), (changed, ended("2026-09-20"))):
        customer(books, "a", until="2026-08-02" if books is plain else "2026-10-01", **more)
        customer(books, "b", until="2026-08-02" if books is plain else "2026-11-01")
    customer(changed, "came_later", since="2026-09-01")
    sooner, later = snapshots_of(plain, AUGUST), snapshots_of(changed)
    rows = later.rows[(later.rows["as_of"] <= "2026-08-01") & (later.rows["account_id"] != "came_later")]
    pd.testing.assert_frame_equal(
        sooner.rows.reset_index(drop=True), rows.reset_index(drop=True), check_dtype=False
    )
    assert sorted(rows["as_of"].dt.month) == [7, 7, 8, 8]


def test_an_empty_store_has_no_snapshots() -> None:
    found = snapshots_of(shop())
    assert (len(found.rows), len(found.flags), len(found.churns)) == (0, 0, 0)


@pytest.mark.parametrize(
    "first, last, expected",
    [
        ("2026-01-15", "2026-03-01", ["02-01", "03-01"]),
        ("2026-01-01", "2026-01-31", []),
        ("2025-12-31", "2026-01-01", ["01-01"]),
    ],
)
def test_months_begin_after_the_first_payment(first: str, last: str, expected: list[str]) -> None:
    starts = month_starts(datetime.fromisoformat(first), datetime.fromisoformat(f"{last}T00:00:00+00:00"))
    assert [f"{start:%m-%d}" for start in starts] == expected
    assert all(start.tzinfo is UTC for start in starts)


def test_only_the_latest_months_are_looked_at() -> None:
    starts = month_starts(datetime.fromisoformat("2010-01-01"), AS_OF, most=3)
    assert [f"{start:%Y-%m}" for start in starts] == ["2026-08", "2026-09", "2026-10"]
    assert month_starts(None, AS_OF) == []

"""Everything the store knows of a company that was merged is known of its survivor, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.crm import NOW
from warehouse.rekeying import Rekeying, _end
from warehouse.store import Store

EARLY, LATE = NOW - timedelta(days=60), NOW - timedelta(days=3)


def remember(store: Store, *episodes: tuple[str, str, str, datetime, datetime | None]) -> None:
    names = ["account_id", "flag", "episode", "opened_at", "closed_at"]
    frame = pd.DataFrame(list(episodes), columns=names)
    store.remember(
        frame.assign(last_seen_at=[one[4] or NOW for one in episodes], severity="high"),
        pd.DataFrame(
            [("1", "red", 20, EARLY), ("2", "green", 90, LATE), ("3", "yellow", 60, EARLY)],
            columns=["account_id", "band", "score", "since"],
        ),
    )


def task(key: str, company: str, status: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "task_key": key,
        "task_id": key[-1],
        "company_id": company,
        "run_id": "r",
        "opened_at": EARLY,
    }
    return {**row, "status": status, "severity": "high", "priority": "HIGH", "owner_id": None}


@pytest.fixture
def filled(store: Store) -> Store:
    remember(
        store,
        ("1", "silent", "2026-01-01", EARLY, None),
        ("1", "low_nps", "2026-02-02", EARLY, LATE),
        ("2", "low_nps", "2026-02-02", LATE, None),
        ("3", "silent", "2026-01-01", EARLY, None),
    )
    expiry: dict[str, Any] = {
        "reason": "they said so",
        "author": "Ann",
        "expires_at": NOW + timedelta(days=9),
    }
    store.set_override("1", "green", created_at=EARLY, **expiry)
    store.set_override("2", "red", created_at=LATE, **expiry)
    store.set_link("cus_1", "1", "Ann", EARLY)
    store.set_link("cus_3", "3", "Ann", EARLY)
    store.record_tasks([task("9:1:silent:a", "1", "NOT_STARTED"), task("9:1:low_nps:b", "1", "COMPLETED")])
    failure = {"object_type": "companies", "reason": "no", "run_id": "r", "failed_at": LATE}
    store.record_failures([{**failure, "object_id": one} for one in ("1", "3")])
    return store


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    frames = {
        "links": store.links()[["stripe_customer_id", "company_id"]],
        "overrides": store.overrides()[["account_id", "band"]],
        "episodes": store.flag_episodes()[["account_id", "flag", "episode", "opened_at", "closed_at"]],
        "bands": store.band_alerts()[["account_id", "band"]],
        "tasks": store.task_ledger()[["task_key", "company_id"]],
        "failures": store.push_failures()[["object_id"]],
    }
    return {name: sorted(frame.itertuples(index=False, name=None), key=str) for name, frame in frames.items()}


def test_what_is_known_of_a_merged_company_is_known_of_its_survivor(filled: Store) -> None:
    rekeying = Rekeying(filled.engine)
    assert rekeying.merged({"1": "15", "15": "2"}) > 0
    after = everything(filled)
    assert after["links"] == [("cus_1", "2"), ("cus_3", "3")]
    assert after["overrides"] == [("2", "green"), ("2", "red")]
    assert after["bands"] == [("2", "green"), ("3", "yellow")]
    assert after["tasks"] == [("9:1:low_nps:b", "2"), ("9:1:silent:a", "1")]  # the open one is linked first
    assert after["failures"] == [("3",)]
    episodes = {tuple(row[:3]): row[3:] for row in after["episodes"]}
    assert set(episodes) == {
        ("2", "silent", "2026-01-01"),
        ("2", "low_nps", "2026-02-02"),
        ("3", "silent", "2026-01-01"),
    }
    opened, closed = episodes["2", "low_nps", "2026-02-02"]
    assert opened == pd.Timestamp(EARLY)
    assert pd.isna(closed), "it is up as long as one of them is"
    assert rekeying.merged({"1": "15", "15": "2"}) == 0
    assert everything(filled) == after


def test_of_a_deleted_company_only_what_people_decided_stays(filled: Store) -> None:
    rekeying, before = Rekeying(filled.engine), everything(filled)
    assert rekeying.announced() == {"1", "2", "3"}
    assert rekeying.gone({"1"}) == 2
    assert rekeying.gone({"1"}) == 0
    after = everything(filled)
    assert after["bands"] == [("2", "green"), ("3", "yellow")]
    assert after["failures"] == [("3",)]
    same = ("links", "overrides", "episodes", "tasks")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdef")))
def test_chains_of_merges_end_even_where_they_go_round(survivors: dict[str, str]) -> None:
    for one in survivors:
        end = _end(survivors, one)
        assert end in {*survivors.values()}
        assert survivors.get(end, end) == end or _end(survivors, end) in {*survivors.values()}


def test_many_companies_at_once(store: Store) -> None:
    for number in (0, 400, 1199):
        store.set_link(f"cus_{number}", str(number), "Ann", NOW)
    assert Rekeying(store.engine).merged({str(number): "9999" for number in range(1200)}) == 3
    assert set(store.links()["company_id"]) == {"9999"}

"""The guards: what one apply may do before a person is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_sync.apply import apply
from crm_sync.guards import Allowed, Limits, check_guards, tripped
from crm_sync.model import CompanyUpdate, FieldChange, MadeFrom, Plan
from crm_sync.plan import PlanSettings, build_plan
from enrichment import money
from saaskpi.errors import NeedsPersonError
from tests.support.crm import (
    NOW,
    FakeCrm,
    account,
    at,
    episode,
    flag,
    inputs_from,
    open_store,
    ready_crm,
    start_run,
)
from warehouse.store import Store

LATER = NOW + timedelta(hours=1)
IDS = [str(number) for number in range(1, 31)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        start_run(opened)
        yield opened


def filled(store: Store) -> FakeCrm:
    """A CRM of thirty companies that carry our values, and have just been read again."""
    crm = ready_crm(*IDS)
    rows = [account(id_, int(id_)) for id_ in IDS]
    first = build_plan(inputs_from(crm, store, rows), PlanSettings(), money, NOW)
    assert tripped(first, Limits()) == []  # the first fill changes nothing of anybody's
    apply(first, crm, store, at(NOW))
    crm.calls.clear()
    return crm


def changed(crm: FakeCrm, store: Store, count: int, **values: Any) -> Plan:
    rows = [account(id_, int(id_), **(values if int(id_) <= count else {})) for id_ in IDS]
    return build_plan(inputs_from(crm, store, rows, pulled_at=LATER), PlanSettings(), money, LATER)


@pytest.mark.parametrize("values", [{"mrr": 1}, {"status": "churned"}, {"health_band": "red"}])
def test_a_change_of_more_than_half_of_the_companies_needs_a_person(
    store: Store, values: dict[str, Any]
) -> None:
    crm = filled(store)
    check_guards(changed(crm, store, 15, **values), Limits())
    plan = changed(crm, store, 16, **values)
    with pytest.raises(NeedsPersonError, match="16 of 30 companies") as stopped:
        apply(plan, crm, store, at(LATER))
    assert "--yes-change 16" in stopped.value.hint
    assert stopped.value.exit_code == 3
    assert crm.calls == []
    assert store.last_apply() != plan.apply_id
    with pytest.raises(NeedsPersonError):
        apply(plan, crm, store, at(LATER), allowed=Allowed(change=15, clear=99, tasks=99))
    assert apply(plan, crm, store, at(LATER), allowed=Allowed(change=16)).companies_updated == 16


def test_what_nobody_steers_by_may_change_everywhere(store: Store) -> None:
    crm = filled(store)
    assert tripped(changed(crm, store, 30, plan="Other", health_score=1), Limits()) == []


def test_clearing_in_bulk_needs_a_person(store: Store) -> None:
    crm = filled(store)
    left = [account(id_, int(id_)) for id_ in IDS[:23]]
    plan = build_plan(inputs_from(crm, store, left, pulled_at=LATER), PlanSettings(), money, LATER)
    assert [one.flag for one in tripped(plan, Limits())] == ["--yes-clear 7"]
    assert tripped(plan, Limits(max_cleared_share=0.25)) == []
    assert tripped(plan, Limits(), Allowed(clear=7)) == []


def test_a_band_that_vanishes_everywhere_counts_as_cleared_and_as_changed(store: Store) -> None:
    plan = changed(filled(store), store, 30, health_band=None)
    assert [one.flag for one in tripped(plan, Limits())] == ["--yes-change 30", "--yes-clear 30"]


def plan_of(updates: int, carrying: int) -> Plan:
    change = FieldChange("saaskpi_mrr", "1", "2", "because")
    return Plan(
        made_from=MadeFrom("run-1", 1, "4711"),
        created_at=NOW,
        updates=[CompanyUpdate(str(number), "", "update", [change]) for number in range(updates)],
        carrying=carrying,
    )


def test_a_share_of_a_handful_of_companies_says_nothing() -> None:
    assert tripped(plan_of(19, 19), Limits()) == []
    assert len(tripped(plan_of(20, 20), Limits())) == 1
    assert tripped(plan_of(30, 10_000), Limits()) == []


def test_tasks_are_counted_per_owner_and_per_run(tmp_path: Path) -> None:
    with open_store(tmp_path / "tasks.db") as store:
        start_run(store, [episode(id_) for id_ in IDS])
        rows = [account(id_, int(id_), owner_id="7" if int(id_) % 3 else None) for id_ in IDS]
        inputs = inputs_from(ready_crm(*IDS), store, rows, [flag(id_) for id_ in IDS])
        plan = build_plan(inputs, PlanSettings(), money, NOW)
    assert len(plan.tasks) == 30
    assert tripped(plan, Limits(max_tasks_per_owner=20, max_tasks=30)) == []
    for limits, words in (
        (Limits(max_tasks_per_owner=19), "20 tasks would be opened for owner 7"),
        (Limits(max_tasks=29), "30 tasks would be opened (at most 29"),
    ):
        (found,) = tripped(plan, limits)
        assert words in found.message
        assert found.flag == "--yes-tasks 30"
        assert tripped(plan, limits, Allowed(tasks=30)) == []
        assert tripped(plan, limits, Allowed(tasks=29)) == [found]

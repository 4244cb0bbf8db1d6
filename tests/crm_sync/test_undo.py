"""Undo: what one apply wrote comes back, but for what somebody changed since."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_sync.apply import apply
from crm_sync.model import Plan
from crm_sync.plan import PlanSettings, build_plan
from crm_sync.undo import LAST, UndoResult, plan_undo, undo
from enrichment import money
from saaskpi.errors import AccessError, UnavailableError, UsageError
from tests.support.crm import (
    NOW,
    PORTAL,
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

HOUR = timedelta(hours=1)
IDS = ["1", "2", "3"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        start_run(opened, [episode(id_) for id_ in IDS])
        yield opened


def plan_of(crm: FakeCrm, store: Store, hours: int, **values: Any) -> Plan:
    now = NOW + hours * HOUR
    rows = [account(id_, int(id_), **values) for id_ in IDS]
    inputs = inputs_from(crm, store, rows, [flag(id_) for id_ in IDS], pulled_at=now)
    return build_plan(inputs, PlanSettings(), money, now)


def write(crm: FakeCrm, store: Store, hours: int = 0, **values: Any) -> str:
    plan = plan_of(crm, store, hours, **values)
    apply(plan, crm, store, at(NOW + hours * HOUR))
    return plan.apply_id


def take_back(crm: FakeCrm, store: Store, apply_id: str = LAST, hours: int = 3) -> UndoResult:
    plan = plan_undo(apply_id, crm, store)
    return undo(plan, PORTAL, crm, store, at(NOW + hours * HOUR), lambda *_: None)


def values_of(crm: FakeCrm) -> dict[str, dict[str, str]]:
    return {id_: {n: v for n, v in one.items() if v} for id_, one in crm.companies.items()}


def statuses_of(crm: FakeCrm) -> dict[str, str]:
    return {id_: one["hs_task_status"] for id_, one in crm.tasks.items()}


def test_a_first_fill_taken_back_leaves_the_crm_as_it_was(store: Store) -> None:
    crm = ready_crm(*IDS)
    before = values_of(crm)
    apply_id = write(crm, store)
    assert len(crm.tasks) == 3
    plan = plan_undo(apply_id, crm, store)
    assert len(plan.archive) == 3
    assert plan.left == []
    crm.calls.clear()
    result = take_back(crm, store, apply_id)
    assert (result.objects_restored, result.tasks_archived, result.failures) == (3, 3, [])
    assert crm.calls == ["read", "read", "portal_id", "update", "archive"]
    assert values_of(crm) == before
    assert crm.tasks == {}
    assert crm.links == set()
    record = store.apply_record(plan.undo_id)
    assert record is not None
    assert (record["kind"], record["undoes"], record["status"]) == ("undo", apply_id, "done")
    # The properties themselves stay, and the next plan is what the first one was.
    again = plan_of(crm, store, 4)
    assert again.definitions == []
    assert len(again.tasks) == 3
    assert {change.written for one in again.updates for change in one.changes} == {None}


def test_the_values_before_come_back_and_what_was_changed_since_is_listed_and_left(store: Store) -> None:
    crm = ready_crm(*IDS)
    write(crm, store)
    before = values_of(crm)
    apply_id = write(crm, store, 1, plan="Scale", mrr=1_00, arr=12_00)
    crm.companies["1"]["saaskpi_plan"] = "edited"
    write(crm, store, 2, plan="edited", mrr=1_00, arr=24_00)  # a later apply
    plan = plan_undo(apply_id, crm, store)
    assert {(one.object_id, one.property, one.ours, one.found) for one in plan.left} == {
        ("1", "saaskpi_plan", "Scale", "edited"),
        *((id_, "saaskpi_plan", "Scale", "edited") for id_ in IDS),
        *((id_, "saaskpi_arr", "12", "24") for id_ in IDS),
    }
    take_back(crm, store, apply_id)
    for id_ in IDS:
        assert crm.companies[id_]["saaskpi_mrr"] == before[id_]["saaskpi_mrr"]
        assert (crm.companies[id_]["saaskpi_plan"], crm.companies[id_]["saaskpi_arr"]) == ("edited", "24")


def cut(crm: FakeCrm, store: Store, plan: Plan, *, after: bool = True) -> None:
    """Let an apply end at its first update, before the record of it."""
    crm.calls.clear()
    crm.fail_at, crm.after = 4, after
    with pytest.raises(UnavailableError):
        apply(plan, crm, store, at(NOW + HOUR))
    assert crm.calls[-1] == "update"
    crm.fail_at = None


def test_what_an_apply_wrote_before_it_could_put_it_down_comes_back(store: Store) -> None:
    crm = ready_crm(*IDS)
    write(crm, store)
    before = values_of(crm)
    plan = plan_of(crm, store, 1, plan="Scale", mrr=1_00)
    cut(crm, store, plan)
    assert crm.companies["1"]["saaskpi_plan"] == "Scale"
    later = plan_of(crm, store, 2, plan="Scale", mrr=1_00)  # from a pull that shows the new values
    assert later.updates == []
    crm.companies["2"]["saaskpi_plan"] = "edited"
    undone = plan_undo(plan.apply_id, crm, store)
    assert [(one.object_id, one.property, one.found) for one in undone.left] == [
        ("2", "saaskpi_plan", "edited")
    ]
    take_back(crm, store, plan.apply_id)
    assert values_of(crm) == before | {"2": before["2"] | {"saaskpi_plan": "edited"}}
    assert take_back(crm, store, plan.apply_id) == UndoResult()


def test_what_an_apply_wrote_unrecorded_is_nobody_elses_edit(store: Store) -> None:
    crm = ready_crm(*IDS)
    write(crm, store)
    cut(crm, store, plan_of(crm, store, 1, plan="Scale"))
    crm.companies["3"]["saaskpi_plan"] = "edited"
    again = plan_of(crm, store, 2, plan="Team")
    marked = {
        one.company_id: change.written
        for one in again.updates
        for change in one.changes
        if change.property == "saaskpi_plan"
    }
    assert marked == {"1": None, "2": None, "3": "Team"}


def test_of_what_never_reached_the_crm_nothing_is_taken_back(store: Store) -> None:
    crm = ready_crm(*IDS)
    write(crm, store)
    plan = plan_of(crm, store, 1, plan="Scale")
    cut(crm, store, plan, after=False)
    apply_id = write(crm, store, 2, plan="Scale")
    assert plan_undo(plan.apply_id, crm, store).restore == []
    assert len(plan_undo(apply_id, crm, store).restore) == 2 * len(IDS)


def test_a_refused_row_is_not_taken_back_for_ours(store: Store) -> None:
    crm = ready_crm(*IDS)
    write(crm, store)
    crm.bad_companies = {"2": "no"}
    apply_id = write(crm, store, 1, plan="Scale")
    crm.companies["2"]["saaskpi_plan"] = "Scale"  # by a person
    assert {one.object_id for one in plan_undo(apply_id, crm, store).restore} == {"1", "3"}


def test_a_change_of_a_task_that_was_not_put_down_comes_back(store: Store) -> None:
    crm = ready_crm("1")
    rows = [account("1", 1)]
    first = build_plan(inputs_from(crm, store, rows, [flag("1")]), PlanSettings(), money, NOW)
    apply(first, crm, store, at(NOW))
    (task,) = crm.tasks.values()
    start_run(store, [episode("1", closed=True)], "run-2")
    inputs = inputs_from(crm, store, rows, run_id="run-2", pulled_at=NOW + HOUR)
    plan = build_plan(inputs, PlanSettings(), money, NOW + HOUR)
    cut(crm, store, plan)
    assert task["hs_task_status"] == "COMPLETED"
    apply(plan, crm, store, at(NOW + HOUR))  # finds the task as it should be
    take_back(crm, store, plan.apply_id)
    assert task["hs_task_status"] == "NOT_STARTED"


@pytest.mark.parametrize("after", [False, True], ids=["lost request", "lost answer"])
@pytest.mark.parametrize("filled", [False, True], ids=["first fill", "later"])
def test_an_apply_that_broke_off_at_any_call_is_taken_back(tmp_path: Path, after: bool, filled: bool) -> None:
    for nth in itertools.count(1):
        with open_store(tmp_path / f"{nth}.db") as store:
            start_run(store, [episode(id_) for id_ in IDS])
            crm, flags, run_id = ready_crm(*IDS), [flag(id_) for id_ in IDS], "run-1"
            if filled:  # one task to complete, one to open
                write(crm, store)
                flags, run_id = [flag("2"), flag("3"), flag("3", "silent")], "run-2"
                start_run(store, [episode("1", closed=True), episode("3", "silent")], run_id)
            before, tasks = values_of(crm), statuses_of(crm)
            rows = [account(id_, int(id_), plan="Scale") for id_ in IDS]
            inputs = inputs_from(crm, store, rows, flags, run_id=run_id, pulled_at=NOW + HOUR)
            plan = build_plan(inputs, PlanSettings(), money, NOW + HOUR)
            assert (bool(plan.task_changes), plan.tasks_to_open) == (filled, 1 if filled else 3)
            crm.calls.clear()
            crm.fail_at, crm.after = nth, after
            try:
                apply(plan, crm, store, at(NOW + HOUR))
            except UnavailableError:
                crm.fail_at = None
            else:
                assert nth > 5
                return
            if store.apply_record(plan.apply_id) is not None:
                take_back(crm, store, plan.apply_id)
            assert (values_of(crm), statuses_of(crm)) == (before, tasks), f"cut at call {nth}"


def test_a_task_that_somebody_touched_is_listed_and_left(store: Store) -> None:
    crm = ready_crm(*IDS)
    apply_id = write(crm, store)
    done, reworded, _ = crm.tasks.values()
    done["hs_task_status"] = "COMPLETED"
    reworded["hs_task_body"] = "Called them."
    plan = plan_undo(apply_id, crm, store)
    assert len(plan.archive) == 1
    assert next((one.property, one.found) for one in plan.left) == ("hs_task_status", "COMPLETED")
    assert "Called" not in repr(plan)  # texts may name people
    take_back(crm, store, apply_id)
    assert set(map(id, crm.tasks.values())) == {id(done), id(reworded)}


def test_texts_of_tasks_are_not_in_the_store(store: Store, tmp_path: Path) -> None:
    crm = ready_crm(*IDS)
    write(crm, store)
    assert "Invoice in_1 failed twice" in next(iter(crm.tasks.values()))["hs_task_body"]
    store.close()
    for path in tmp_path.iterdir():
        assert b"failed twice" not in path.read_bytes()


def test_a_company_that_is_gone_is_listed(store: Store) -> None:
    crm = ready_crm(*IDS)
    apply_id = write(crm, store)
    del crm.companies["2"]
    assert {(one.object_id, one.reason) for one in plan_undo(apply_id, crm, store).left} == {
        ("2", "it is not in HubSpot any more")
    }
    assert take_back(crm, store, apply_id).objects_restored == 2


def test_last_is_the_newest_apply_and_undoing_it_twice_does_nothing_more(store: Store) -> None:
    crm = ready_crm(*IDS)
    write(crm, store)
    apply_id = write(crm, store, 1, plan="Scale")
    assert plan_undo(LAST, crm, store).apply_id == apply_id
    take_back(crm, store)
    state = copy.deepcopy(crm.companies)
    assert take_back(crm, store) == UndoResult()
    assert crm.companies == state


def test_what_cannot_be_undone_is_said(store: Store) -> None:
    crm = ready_crm(*IDS)
    with pytest.raises(UsageError, match="no apply last"):
        plan_undo(LAST, crm, store)
    apply_id = write(crm, store)
    take_back(crm, store)
    with pytest.raises(UsageError, match="no apply nothing"):
        plan_undo("nothing", crm, store)
    with pytest.raises(UsageError, match="is an undo"):
        plan_undo(f"undo-{apply_id}", crm, store)


def test_an_undo_for_another_portal_is_refused(store: Store) -> None:
    crm = ready_crm(*IDS)
    write(crm, store)
    state = copy.deepcopy(crm.companies)
    crm.portal = "other"
    with pytest.raises(UsageError, match="another HubSpot portal"):
        take_back(crm, store)
    assert crm.companies == state


def test_a_refused_token_stops_the_undo_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    crm = ready_crm(*IDS)
    write(crm, store)

    def refuse(*_: object) -> None:
        raise AccessError("HubSpot refuses the token.")

    monkeypatch.setattr(crm, "update", refuse)
    with pytest.raises(AccessError):
        take_back(crm, store)
    assert next((one["kind"], one["status"]) for one in store.applies()) == ("undo", "failed")


_RUNS = itertools.count()
_EDITS = st.dictionaries(
    st.tuples(st.sampled_from(IDS), st.sampled_from(["saaskpi_mrr", "saaskpi_plan", "saaskpi_health_band"])),
    st.sampled_from(["", "7", "new"]),
)
_VALUES = st.fixed_dictionaries(
    {
        "mrr": st.integers(0, 3) | st.just(12_901),
        "plan": st.none() | st.sampled_from(["Team", "Scale"]),
        "health_band": st.sampled_from(["green", "red", "new", None]),
        "risk_flags": st.lists(st.sampled_from(["silent", "payment_failed"]), unique=True),
    }
)


@pytest.mark.slow
@given(_VALUES, _EDITS, st.integers(1, 6), st.booleans(), st.booleans())
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_after_apply_and_undo_all_that_nobody_touched_is_as_before(
    tmp_path: Path,
    second: dict[str, Any],
    edits: dict[tuple[str, str], str],
    cut: int,
    after: bool,
    filled: bool,
) -> None:
    with open_store(tmp_path / f"{next(_RUNS)}.db") as store:
        start_run(store, [episode(id_) for id_ in IDS])
        crm = ready_crm(*IDS)
        if filled:
            write(crm, store)
        before = values_of(crm)
        tasks = set(crm.tasks)
        plan = plan_of(crm, store, 1, **second)
        apply(plan, crm, store, at(NOW + HOUR))
        written = values_of(crm)
        for (id_, name), value in edits.items():
            crm.companies[id_][name] = value
        crm.calls.clear()
        crm.fail_at, crm.after = cut, after
        if not plan.writes_nothing:
            try:
                take_back(crm, store, plan.apply_id)
            except UnavailableError:
                crm.fail_at = None
                take_back(crm, store, plan.apply_id)
        crm.fail_at = None
        now = values_of(crm)
        for id_ in IDS:
            touched = {name for (one, name), value in edits.items() if one == id_}
            touched = {name for name in touched if edits[id_, name] != written[id_].get(name, "")}
            assert {n: v for n, v in now[id_].items() if n not in touched} == {
                n: v for n, v in before[id_].items() if n not in touched
            }
            for name in touched:
                assert now[id_].get(name, "") == edits[id_, name]
        assert set(crm.tasks) == tasks
        # What was put back is ours: the next plan takes it for no edit.
        again = plan_of(crm, store, 5, **second)
        marked = {
            (one.company_id, change.property)
            for one in again.updates
            for change in one.changes
            if change.written is not None
        }
        assert marked <= set(edits)


def test_a_plan_that_writes_what_is_not_ours_is_refused(store: Store) -> None:
    crm = ready_crm(*IDS)
    text = plan_of(crm, store, 0).to_json()
    plan = Plan.from_json(text)
    change = plan.updates[0].changes[0]
    foreign = type(change)("annualrevenue", change.old, change.new, change.reason)
    plan.updates[0].changes.append(foreign)
    with pytest.raises(UsageError, match="annualrevenue on companies is not a property of ours"):
        apply(plan, crm, store, at(NOW))
    assert crm.calls == []

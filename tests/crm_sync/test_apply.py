from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from crm_sync.apply import apply
from crm_sync.definitions import SHOWN, PortalMemory, look_ahead
from crm_sync.model import Plan
from crm_sync.plan import PlanSettings, build_plan
from crm_sync.properties import COMPANIES, TASK_KEY, TASKS
from crm_sync.recording import ApplyResult
from enrichment import money
from saaskpi.errors import AccessError, NeedsPersonError, UnavailableError, UsageError
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

LATER = NOW + timedelta(hours=1)
ACCOUNTS = [account("1"), account("2", 2), account(None, 3)]
FLAGS = [flag("1"), flag("2"), flag("cus_3")]
EPISODES = [episode("1"), episode("2"), episode("cus_3")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        start_run(opened, EPISODES)
        yield opened


def plan_of(crm: FakeCrm, store: Store, **changes: Any) -> Plan:
    now = changes.pop("now", NOW)
    inputs = inputs_from(crm, store, changes.pop("accounts", ACCOUNTS), FLAGS, **changes)
    return build_plan(inputs, PlanSettings(), money, now)


def new_portal() -> FakeCrm:
    return FakeCrm(companies={"1": {"name": "One"}, "2": {"name": "Two"}})


def test_the_whole_plan_is_written_and_nothing_else(store: Store) -> None:
    crm = new_portal()
    result = apply(plan_of(crm, store), crm, store, at(NOW))
    assert (result.companies_updated, result.tasks_opened, result.tasks_linked) == (2, 2, 2)
    assert crm.companies["1"]["saaskpi_mrr"] == "129.01"
    assert {task[TASK_KEY] for task in crm.tasks.values()} == {
        "4711:1:payment_failed:2026-10-31",
        "4711:2:payment_failed:2026-10-31",
    }
    assert {company for _, company in crm.links} == {"1", "2"}
    assert crm.writes == [
        *["create_group", "create_properties"] * 2,
        "update",
        "upsert",
        "associate",
    ]


def test_companies_and_tasks_are_written_beside_each_other_where_somebody_waits(store: Store) -> None:
    meeting = Barrier(2, timeout=10)

    class Meeting(FakeCrm):
        def call(self, name: str) -> bool:
            if name in ("update", "upsert"):
                meeting.wait()
            return super().call(name)

    whole = ready_crm("1", "2")
    crm = Meeting(companies=whole.companies, definitions=whole.definitions, groups=whole.groups)
    with ThreadPoolExecutor(1) as beside:
        result = apply(plan_of(crm, store), crm, store, at(NOW), beside=beside)
    assert (result.companies_updated, result.tasks_opened, result.tasks_linked) == (2, 2, 2)


@pytest.mark.parametrize("refused", ["update", "upsert"])
def test_what_was_beside_a_refused_call_is_remembered(store: Store, refused: str) -> None:
    class Revoked(FakeCrm):
        def call(self, name: str) -> bool:
            if name == refused:
                raise AccessError("HubSpot refuses the token.")
            return super().call(name)

    whole = ready_crm("1", "2")
    crm = Revoked(companies=whole.companies, definitions=whole.definitions, groups=whole.groups)
    with pytest.raises(AccessError), ThreadPoolExecutor(1) as beside:
        apply(plan_of(crm, store), crm, store, at(NOW), beside=beside)
    written = {"update": store.pushed(TASKS), "upsert": store.pushed(COMPANIES)}
    assert written[refused]["object_id"].nunique() == 2
    assert store.pushed(COMPANIES if refused == "update" else TASKS).empty


def test_a_second_run_makes_no_call_at_all(store: Store) -> None:
    crm = new_portal()
    apply(plan_of(crm, store), crm, store, at(NOW))
    crm.calls.clear()
    plan = plan_of(crm, store, pulled_at=LATER, now=LATER)
    assert plan.writes_nothing
    assert plan.tasks_already_open == 2
    assert apply(plan, crm, store, at(LATER)) == ApplyResult()
    assert crm.calls == []


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["lost request", "lost answer"])
@pytest.mark.parametrize("pull_again", [False, True], ids=["same pull", "new pull"])
def test_cut_at_any_call_the_next_run_ends_in_the_same_state(
    tmp_path: Path, after: bool, pull_again: bool
) -> None:
    with open_store(tmp_path / "reference.db") as store:
        start_run(store, EPISODES)
        undisturbed = new_portal()
        apply(plan_of(undisturbed, store), undisturbed, store, at(NOW))
    for nth in range(1, len(undisturbed.calls) + 1):
        with open_store(tmp_path / f"cut-{nth}.db") as store:
            start_run(store, EPISODES)
            crm = new_portal()
            before = inputs_from(crm, store, ACCOUNTS, FLAGS)
            crm.fail_at, crm.after = nth, after
            with pytest.raises(UnavailableError):
                apply(plan_of(crm, store), crm, store, at(NOW))
            crm.fail_at = None
            apply(resumed(crm, store, before, pull_again), crm, store, at(LATER))
            assert shape(crm) == shape(undisturbed), f"cut at call {nth}"
            assert plan_of(crm, store, pulled_at=LATER + timedelta(hours=1)).writes_nothing


def resumed(crm: FakeCrm, store: Store, before: Any, pull_again: bool) -> Plan:
    """Plan anew: from a new pull, or from what was pulled before the cut and what the store remembers."""
    inputs = inputs_from(crm, store, ACCOUNTS, FLAGS, pulled_at=LATER)
    if not pull_again:
        inputs = replace(
            inputs,
            companies=before.companies,
            tasks=before.tasks,
            pushed=store.pushed(COMPANIES),
            definitions=before.definitions,
            definitions_pulled_at=NOW,
        )
    return build_plan(inputs, PlanSettings(), money, LATER)


def shape(crm: FakeCrm) -> dict[str, Any]:
    """What the CRM holds, but for the times of writing and the ids of tasks."""
    timeless = {"saaskpi_updated_at", "hs_timestamp"}
    companies = {
        id_: {name: value for name, value in values.items() if name not in timeless}
        for id_, values in crm.companies.items()
    }
    tasks = sorted((task[TASK_KEY], task["hs_task_subject"]) for task in crm.tasks.values())
    linked = sorted((crm.tasks[task_id][TASK_KEY], company) for task_id, company in crm.links)
    return {"companies": companies, "tasks": tasks, "links": linked}


def test_a_cut_apply_can_be_run_again_from_its_file_without_touching_what_a_rep_did(store: Store) -> None:
    crm = new_portal()
    plan = plan_of(crm, store)
    reads = ["portal_id", "probe", "probe", "properties", "properties"]
    writes = [*["create_group", "create_properties"] * 2, "update", "upsert", "associate"]
    crm.fail_at = len(reads) + len(writes)
    with pytest.raises(UnavailableError):
        apply(plan, crm, store, at(NOW))
    next(iter(crm.tasks.values()))["hs_task_status"] = "COMPLETED"
    crm.fail_at = None
    apply(Plan.from_json(plan.to_json()), crm, store, at(LATER))
    assert sorted(task["hs_task_status"] for task in crm.tasks.values()) == ["COMPLETED", "NOT_STARTED"]
    assert len(crm.links) == 2


def test_a_task_that_a_rep_completed_is_not_reopened_and_its_lost_link_is_mended(store: Store) -> None:
    crm = ready_crm("1")
    crm.tasks["55"] = {TASK_KEY: "4711:1:payment_failed:2026-10-31", "hs_task_status": "COMPLETED"}
    plan = plan_of(crm, store, accounts=ACCOUNTS[:1])
    assert [(task.action, task.task_id) for task in plan.tasks] == [("link", "55")]
    result = apply(plan, crm, store, at(NOW))
    assert (result.tasks_opened, result.tasks_linked) == (0, 1)
    assert crm.tasks["55"]["hs_task_status"] == "COMPLETED"
    assert plan_of(crm, store, accounts=ACCOUNTS[:1], pulled_at=LATER).writes_nothing


def test_while_a_task_of_the_rule_waits_no_second_one_is_opened_whatever_the_episode(store: Store) -> None:
    """The store was lost, so the episode that is open now has another number than the task in the CRM."""
    crm = ready_crm("1")
    crm.tasks["55"] = {TASK_KEY: "4711:1:payment_failed:0", "hs_task_status": "NOT_STARTED"}
    plan = plan_of(crm, store, accounts=ACCOUNTS[:1])
    assert [(task.action, task.task_id) for task in plan.tasks] == [("link", "55")]
    assert plan.tasks_already_open == 1
    crm.tasks["55"]["hs_task_status"] = "COMPLETED"
    assert [task.action for task in plan_of(crm, store, accounts=ACCOUNTS[:1]).tasks] == ["open"]


def test_a_refused_row_is_kept_and_tried_again_while_the_others_go_through(store: Store) -> None:
    crm = ready_crm("1", "2")
    crm.bad_companies = {"2": "value too long"}
    result = apply(plan_of(crm, store), crm, store, at(NOW))
    assert result.companies_updated == 1
    assert result.failures == [(COMPANIES, "2", "value too long")]
    assert store.push_failures()[["object_id", "attempts"]].to_numpy().tolist() == [["2", 1]]
    crm.bad_companies = {}
    plan = plan_of(crm, store, pulled_at=LATER)
    assert [one.company_id for one in plan.updates] == ["2"]
    apply(plan, crm, store, at(LATER))
    assert crm.companies["2"]["saaskpi_mrr"] == "129.02"
    assert len(store.push_failures()) == 0


def test_updates_go_out_by_the_hundred(store: Store) -> None:
    ids = [str(number) for number in range(250)]
    crm = ready_crm(*ids)
    seen: list[tuple[str, int, int]] = []
    rows = [account(id_, number) for number, id_ in enumerate(ids)]
    plan = plan_of(crm, store, accounts=rows)
    apply(plan, crm, store, at(NOW), lambda *step: seen.append(step))
    assert crm.calls.count("update") == 3
    assert [step for step in seen if step[0] == "companies"] == [
        ("companies", 100, 250),
        ("companies", 200, 250),
        ("companies", 250, 250),
    ]


def test_a_revoked_token_stops_at_once_and_what_was_written_is_remembered(store: Store) -> None:
    class Revoked(FakeCrm):
        def call(self, name: str) -> bool:
            if self.calls.count("update") == 1 and name == "update":
                self.calls.append(name)
                raise AccessError("HubSpot refuses the token.")
            return super().call(name)

    ids = [str(number) for number in range(250)]
    whole = ready_crm(*ids)
    crm = Revoked(companies=whole.companies, definitions=whole.definitions, groups=whole.groups)
    plan = plan_of(crm, store, accounts=[account(id_, n) for n, id_ in enumerate(ids)])
    with pytest.raises(AccessError):
        apply(plan, crm, store, at(NOW))
    assert crm.calls.count("update") == 2
    assert crm.calls[-1] == "update"
    assert store.pushed(COMPANIES)["object_id"].nunique() == 100


def test_a_stale_plan_is_refused(store: Store) -> None:
    crm = ready_crm("1", "2")
    plan = plan_of(crm, store)
    start_run(store, EPISODES, "run-2")
    with pytest.raises(NeedsPersonError, match="stale"):
        apply(plan, crm, store, at(NOW))
    assert crm.calls == []


def test_a_plan_is_applied_once(store: Store) -> None:
    crm = ready_crm("1", "2")
    plan = plan_of(crm, store)
    apply(plan, crm, store, at(NOW))
    crm.calls.clear()
    with pytest.raises(UsageError, match="already"):
        apply(plan, crm, store, at(NOW))
    assert crm.calls == []


def test_a_plan_for_another_portal_is_refused(store: Store) -> None:
    crm = ready_crm("1", "2")
    crm.portal = "other"
    with pytest.raises(UsageError, match="another HubSpot portal"):
        apply(plan_of(crm, store), crm, store, at(NOW))
    assert crm.writes == []


@pytest.mark.parametrize("name", ["saaskpi_mrr", "saaskpi_task_key"])
def test_a_property_deleted_since_the_pull_stops_before_any_write(store: Store, name: str) -> None:
    crm = ready_crm("1", "2")
    plan = plan_of(crm, store)
    for definitions in crm.definitions.values():
        definitions.pop(name, None)
    with pytest.raises(NeedsPersonError, match=name):
        apply(plan, crm, store, at(NOW))
    assert crm.writes == []


def test_a_blocked_plan_writes_nothing(store: Store) -> None:
    crm = ready_crm("1", "2")
    crm.definitions[COMPANIES]["saaskpi_mrr"]["type"] = "string"
    with pytest.raises(NeedsPersonError, match="saaskpi_mrr"):
        apply(plan_of(crm, store), crm, store, at(NOW))
    assert crm.calls == []


def test_what_is_to_be_done_about_many_properties_is_said_once(store: Store) -> None:
    crm = ready_crm("1", "2")
    for definition in crm.definitions[COMPANIES].values():
        definition["archived"] = definition["name"].startswith("saaskpi_")
    with pytest.raises(NeedsPersonError) as blocked:
        apply(plan_of(crm, store), crm, store, at(NOW))
    said = str(blocked.value)
    assert said.count("was deleted or archived") == SHOWN
    assert said.count("Restore it in HubSpot") == 1
    assert " more." in said


def test_an_option_deleted_since_the_plan_stops_before_any_write(store: Store) -> None:
    crm = ready_crm("1", "2")
    plan = plan_of(crm, store)
    del crm.definitions[COMPANIES]["saaskpi_status"]["options"][0]
    with pytest.raises(NeedsPersonError, match="saaskpi_status lacks the options active"):
        apply(plan, crm, store, at(NOW))
    assert crm.writes == []


def test_a_scope_that_is_missing_stops_before_any_write(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(object_type: str) -> None:
        if object_type == TASKS:
            raise AccessError("the key lacks the scope crm.objects.contacts.write")

    crm = new_portal()
    monkeypatch.setattr(crm, "probe", refuse)
    with pytest.raises(AccessError):
        apply(plan_of(crm, store), crm, store, at(NOW))
    assert crm.writes == []
    assert store.last_apply() is None


def test_what_was_looked_at_lately_is_not_looked_at_again(store: Store) -> None:
    crm, memory = ready_crm("1", "2"), PortalMemory(timedelta(minutes=10))
    first = ["portal_id", "probe", "probe", "properties", "properties", "update", "upsert", "associate"]
    for minutes, calls in ((0, first), (9, ["update"]), (11, ["portal_id", "probe", "properties", "update"])):
        now = NOW + timedelta(minutes=minutes)
        rows = [account("1", 1 + minutes), account("2", 2)]
        crm.calls.clear()
        apply(plan_of(crm, store, accounts=rows, pulled_at=now, now=now), crm, store, at(now), memory=memory)
        assert crm.calls == calls
    # A refused row may come from a property that changed: look again.
    crm.bad_companies = {"1": "no such property"}
    for changes, looks in ((60, False), (61, True)):
        now = NOW + timedelta(minutes=12)
        crm.calls.clear()
        rows = [account("1", changes), account("2", 2)]
        plan = plan_of(crm, store, accounts=rows, pulled_at=now, now=now)
        apply(plan, crm, store, at(now), memory=memory)
        assert ("portal_id" in crm.calls) is looks


def test_one_account_costs_one_call_of_each_kind_while_the_portal_is_known(store: Store) -> None:
    crm, memory = ready_crm("1", "2"), PortalMemory()
    rows = [account("1"), account("2", 2)]
    first = build_plan(inputs_from(crm, store, rows, FLAGS[:1]), PlanSettings(), money, NOW)
    apply(first, crm, store, at(NOW), memory=memory)
    crm.calls.clear()
    inputs = inputs_from(crm, store, [account("2", 3)], FLAGS[1:2], pulled_at=LATER)
    one = replace(inputs, companies=inputs.companies[inputs.companies["id"] == "2"], carrying=2)
    plan = build_plan(one, PlanSettings(), money, NOW + timedelta(minutes=5))
    apply(plan, crm, store, at(NOW + timedelta(minutes=5)), memory=memory)
    assert crm.calls == ["update", "upsert", "associate"]


def test_a_portal_that_was_looked_at_ahead_is_not_looked_at_by_the_apply(store: Store) -> None:
    crm, memory = ready_crm("1", "2"), PortalMemory()
    look_ahead(crm, PORTAL, memory, NOW)
    assert crm.calls == ["portal_id", "probe", "properties", "probe", "properties"]
    look_ahead(crm, PORTAL, memory, NOW + timedelta(minutes=9))
    apply(plan_of(crm, store), crm, store, at(NOW), memory=memory)
    assert crm.calls[5:] == ["update", "upsert", "associate"]


def test_what_did_not_fit_when_it_was_looked_at_ahead_is_looked_at_again(store: Store) -> None:
    crm, memory = ready_crm("1", "2"), PortalMemory()
    plan = plan_of(crm, store)
    del crm.definitions[COMPANIES]["saaskpi_status"]["options"][0]
    crm.definitions[COMPANIES]["saaskpi_mrr"]["type"] = "string"
    look_ahead(crm, PORTAL, memory, NOW)
    with pytest.raises(NeedsPersonError, match="saaskpi_mrr is of type string"):
        apply(plan, crm, store, at(NOW), memory=memory)
    assert crm.writes == []


def test_another_portal_than_it_should_be_is_not_remembered(store: Store) -> None:
    crm, memory = ready_crm("1", "2"), PortalMemory()
    look_ahead(crm, "another", memory, NOW)
    assert crm.calls == ["portal_id"]
    assert not memory.holds(["another"], NOW)

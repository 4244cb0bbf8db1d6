"""The write side over real HTTP: parts of the accounts, undo, guards, and how many calls it takes."""

from __future__ import annotations

import pytest

from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.writer import HubSpotWriter
from crm_sync.guards import Allowed
from crm_sync.inputs import Only
from saaskpi.errors import NeedsPersonError
from tests.support.crash import crm_state
from tests.support.spine import Begin, write_calls


def test_a_plan_for_a_few_accounts_is_that_part_of_the_whole_plan(begin: Begin) -> None:
    sandbox, pipeline = begin("enrich")
    whole = pipeline.plan()
    matched = [row for row in pipeline.accounts() if row["company_id"]]
    some = [row for row in matched if any(task.account_id == row["account_id"] for task in whole.tasks)][:2]
    some += [matched[0], next(row for row in pipeline.accounts() if not row["company_id"])]
    accounts = frozenset(str(row["account_id"]) for row in some)
    companies = {str(row["company_id"]) for row in some if row["company_id"]}

    part = pipeline.plan(Only(accounts))
    updates = [one for one in whole.updates if one.company_id in companies]
    assert [(one.company_id, one.action) for one in part.updates] == [
        (one.company_id, one.action) for one in updates
    ]
    assert [task.key for task in part.tasks] == [
        task.key for task in whole.tasks if task.account_id in accounts
    ]
    assert [one.account_id for one in part.unmatched] == [
        one.account_id for one in whole.unmatched if one.account_id in accounts
    ]
    assert part.definitions == whole.definitions

    pipeline.apply(part)
    assert pipeline.plan(Only(accounts)).writes_nothing
    rest = pipeline.plan()
    assert {one.company_id for one in rest.updates} == {one.company_id for one in whole.updates} - companies
    pipeline.apply(rest)
    # A company that was read anew is not cleared because its account is not among those that were named.
    assert pipeline.plan(Only(frozenset(), frozenset(companies))).writes_nothing
    assert pipeline.plan(Only(frozenset(), frozenset({"404404"}))).writes_nothing
    assert pipeline.plan().writes_nothing
    assert write_calls(sandbox)


def test_a_guard_stops_before_any_call(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox, pipeline = begin("enrich")
    tasks = len(pipeline.plan().tasks)
    guards = pipeline.settings.guards.model_copy(update={"max_tasks": tasks - 1})
    monkeypatch.setattr(pipeline, "settings", pipeline.settings.model_copy(update={"guards": guards}))
    with pytest.raises(NeedsPersonError, match=f"{tasks} tasks"):
        pipeline.apply()
    assert write_calls(sandbox) == []
    assert pipeline.apply(allowed=Allowed(tasks=tasks)).result.tasks_opened == tasks


@pytest.mark.slow
def test_a_run_taken_back_leaves_the_crm_as_it_was_but_for_what_people_changed(begin: Begin) -> None:
    sandbox, pipeline = begin("enrich")
    empty = crm_state(sandbox)
    written = pipeline.apply()
    tasks = [one for one in sandbox.crm.tables["tasks"].live() if one.properties.get("saaskpi_task_key")]
    company = next(
        one for one in sandbox.crm.tables["companies"].live() if one.properties.get("saaskpi_plan")
    )
    token = sandbox.describe()["hubspot"]["access_token"]
    person = HubSpotWriter(HubSpotClient(token, sandbox.hubspot_url))
    list(person.update("companies", [(str(company.id), {"saaskpi_plan": "edited"})]))
    list(person.update("tasks", [(str(tasks[0].id), {"hs_task_status": "COMPLETED"})]))

    before = write_calls(sandbox)
    plan = pipeline.plan_undo()
    assert write_calls(sandbox) == before
    assert plan.apply_id == written.plan.apply_id
    assert {(one.object_id, one.property) for one in plan.left} >= {(str(company.id), "saaskpi_plan")}
    undone = pipeline.undo()
    assert undone.result.tasks_archived == len(tasks) - 1
    assert undone.result.failures == []

    state = crm_state(sandbox)
    assert state["companies"].pop(company.id) == {"saaskpi_plan": "edited"}
    assert list(state["tasks"]) == [tasks[0].properties["saaskpi_task_key"]]
    assert {id_: {n: v for n, v in one.items() if v} for id_, one in state["companies"].items()} == {
        id_: {} for id_ in state["companies"]
    }
    assert empty == {"companies": {}, "tasks": {}}
    # The next run writes it all again: what led to it is as it was.
    again = pipeline.run()
    assert len(again.plan.updates) == len(written.plan.updates)
    assert again.result.failures == []
    opened = crm_state(sandbox)["tasks"]
    assert len(opened) == len(tasks)  # the one that a person completed is not opened again
    assert {len(same) for same in opened.values()} == {1}

"""The write side over real HTTP: parts of the accounts, undo, guards, and how many calls it takes."""

from __future__ import annotations

import pytest

from crm_sync.guards import Allowed
from crm_sync.inputs import Only
from saaskpi.errors import NeedsPersonError
from tests.support.spine import MakePipeline, MakeSandbox, write_calls


def test_a_plan_for_a_few_accounts_is_that_part_of_the_whole_plan(
    make_sandbox: MakeSandbox, make_pipeline: MakePipeline
) -> None:
    sandbox = make_sandbox(customers=40, months=18)
    pipeline = make_pipeline(sandbox)
    pipeline.pull()
    pipeline.enrich()
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


def test_a_guard_stops_before_any_call(
    make_sandbox: MakeSandbox, make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = make_sandbox(customers=40, months=18)
    pipeline = make_pipeline(sandbox)
    pipeline.pull()
    pipeline.enrich()
    tasks = len(pipeline.plan().tasks)
    guards = pipeline.settings.guards.model_copy(update={"max_tasks": tasks - 1})
    monkeypatch.setattr(pipeline, "settings", pipeline.settings.model_copy(update={"guards": guards}))
    with pytest.raises(NeedsPersonError, match=f"{tasks} tasks"):
        pipeline.apply()
    assert write_calls(sandbox) == []
    assert pipeline.apply(allowed=Allowed(tasks=tasks)).result.tasks_opened == tasks

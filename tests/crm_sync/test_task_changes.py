"""What becomes of tasks when their flag goes down, comes back, gets worse, or their company is merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from crm_sync.model import Plan
from crm_sync.plan import PlanSettings, build_plan
from crm_sync.properties import TASK_KEY
from crm_sync.task_plan import NO_COMPANY
from crm_sync.task_rules import read_task_rules
from enrichment import money
from saaskpi.cli.task_words import task_lines
from tests.support.crm import NOW, account, inputs_from, open_store, ready_crm
from tests.support.task_world import TaskWorld
from warehouse.store import Store

MakeWorld = Callable[..., TaskWorld]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    stores: list[Store] = []

    def make(*companies: str, **settings: Any) -> TaskWorld:
        stores.append(open_store(tmp_path / f"store{len(stores)}.db"))
        return TaskWorld(ready_crm(*(companies or ("1",))), stores[-1], PlanSettings(**settings))

    yield make
    for store in stores:
        store.close()


def opened(world: TaskWorld, severity: str = "high") -> str:
    """Raise the flag of account 1, run, and return the id of its task."""
    world.up["1"] = severity
    assert world.run().tasks_opened == 1
    (id_,) = world.crm.tasks
    return id_


def test_when_the_flag_is_down_the_task_is_completed_once_and_says_why(make_world: MakeWorld) -> None:
    world = make_world()
    id_ = opened(world)
    world.up.clear()
    world.wait(3)
    world.look()
    plan = world.plan()
    (change,) = plan.task_changes
    assert (change.action, change.reason) == ("complete", "payment_failed is down since 2026-11-02")
    assert world.apply(plan).tasks_completed == 1
    task = world.crm.tasks[id_]
    assert task["hs_task_status"] == "COMPLETED"
    assert (
        "<br>Over: &#x27;Payment failed&#x27; is down since 2026-11-02. ref: saaskpi-" in task["hs_task_body"]
    )
    before = dict(task)
    world.crm.calls.clear()
    for _ in range(2):
        world.wait(1)
        assert world.run().tasks_completed == 0
    assert world.crm.calls == []
    assert world.crm.tasks[id_] == before


def test_a_comment_is_added_once_per_end_and_the_task_stays_open(make_world: MakeWorld) -> None:
    world = make_world(when_over="comment", language="fr")
    id_ = opened(world)
    world.up.clear()
    assert world.run().tasks_commented == 1
    body = world.crm.tasks[id_]["hs_task_body"]
    assert body.count("Terminé : « Paiement échoué » n’est plus actif depuis le 2026-10-30.") == 1
    world.wait(1)
    world.run()
    assert world.crm.tasks[id_]["hs_task_body"] == body
    assert world.crm.tasks[id_]["hs_task_status"] == "NOT_STARTED"


def test_left_alone_when_so_set(make_world: MakeWorld) -> None:
    world = make_world(when_over="leave")
    id_ = opened(world)
    before = dict(world.crm.tasks[id_])
    world.up.clear()
    world.run()
    assert world.plan().task_changes == []
    assert world.crm.tasks[id_] == before


@pytest.mark.parametrize("after", [False, True], ids=["lost request", "lost answer"])
@pytest.mark.parametrize("when_over", ["complete", "comment"])
def test_cut_while_closing_the_line_is_added_once(make_world: MakeWorld, when_over: str, after: bool) -> None:
    for call in range(1, 4):
        world = make_world(when_over=when_over)
        id_ = opened(world)
        world.pull()
        world.up.clear()
        world.cut(call, after=after)
        world.run()
        task = world.crm.tasks[id_]
        assert task["hs_task_body"].count("Over: ") == 1
        assert task["hs_task_status"] == ("COMPLETED" if when_over == "complete" else "NOT_STARTED")
        world.crm.calls.clear()
        world.run()
        assert world.crm.writes == []


def test_a_task_that_a_person_completed_a_minute_ago_is_not_touched(make_world: MakeWorld) -> None:
    world = make_world()
    id_ = opened(world)
    world.pull()
    world.up.clear()
    world.look()
    plan = world.plan()
    assert len(plan.task_changes) == 1
    world.person_sets(id_, hs_task_status="COMPLETED", hs_task_body="Done, they paid.")
    before = dict(world.crm.tasks[id_])
    assert world.apply(plan).tasks_completed == 0
    assert world.crm.tasks[id_] == before
    assert world.plan().task_changes == [], "what was found is remembered, though it was not read again"


def test_a_task_that_a_person_deleted_stays_deleted(make_world: MakeWorld) -> None:
    world = make_world()
    id_ = opened(world)
    del world.crm.tasks[id_]
    world.up.clear()
    world.run()
    assert world.plan().writes_nothing
    world.up["1"] = "high"
    world.wait(1)
    world.run()
    assert world.crm.tasks == {}, "the same episode: a person has decided"


def test_what_a_person_edited_is_never_written_over(make_world: MakeWorld) -> None:
    world = make_world(when_over="comment")
    id_ = opened(world, "medium")
    edits = {
        "hs_task_subject": "Mine",
        "hubspot_owner_id": "9",
        "hs_timestamp": "2027-01-01T09:00:00Z",
        "hs_task_priority": "LOW",
        "hs_task_body": "My notes",
    }
    world.person_sets(id_, **edits)
    world.up["1"] = "high"
    world.run()
    world.wait(1)
    world.up.clear()
    world.run()
    task = world.crm.tasks[id_]
    assert {**task, "hs_task_body": "My notes"} == {**task, **edits}
    assert task["hs_task_body"].startswith("My notes<br>Over: ")


def test_a_flag_that_returns_opens_the_task_again_that_we_completed(make_world: MakeWorld) -> None:
    world = make_world()
    id_ = opened(world)
    for _ in range(3):
        world.up.clear()
        world.wait(1)
        world.run()
        assert world.crm.tasks[id_]["hs_task_status"] == "COMPLETED"
        world.up["1"] = "high"
        world.wait(1)
        world.run()
        assert world.crm.tasks[id_]["hs_task_status"] == "NOT_STARTED"
    assert world.crm.tasks[id_]["hs_task_body"].count("Back: ") == 3
    assert len(world.crm.tasks) == 1


@pytest.mark.parametrize("pulled", [True, False], ids=["read again", "known from before"])
def test_a_task_that_a_person_completed_is_not_opened_again(make_world: MakeWorld, pulled: bool) -> None:
    world = make_world()
    id_ = opened(world)
    if not pulled:
        world.pull()
    world.person_sets(id_, hs_task_status="COMPLETED")
    for severity in ("", "high", "", "high"):
        world.up = {"1": severity} if severity else {}
        world.wait(2)
        world.run()
        assert world.crm.tasks[id_]["hs_task_status"] == "COMPLETED"
    assert len(world.crm.tasks) == 1


def test_a_new_episode_waits_for_the_cool_down_and_then_has_its_task(make_world: MakeWorld) -> None:
    world = make_world(cooldown_days=10)
    world.episode_days = 2
    id_ = opened(world)
    world.person_sets(id_, hs_task_status="COMPLETED")
    completed = world.now
    world.up.clear()
    world.wait(1)
    world.run()
    world.up["1"] = "high"
    world.wait(5)
    world.run()
    (left,) = world.plan().tasks_left_out
    assert (left.rule, left.until) == ("payment_failed", completed + timedelta(days=10))
    assert len(world.crm.tasks) == 1
    world.wait(4)
    assert world.run().tasks_opened == 1
    assert world.keys() == ["4711:1:payment_failed:2026-10-30", "4711:1:payment_failed:2026-11-05"]


def test_a_graver_flag_raises_the_priority_once(make_world: MakeWorld) -> None:
    rules = read_task_rules([{"flag": "payment_failed", "priority": "LOW"}])
    world = make_world(rules=rules)
    id_ = opened(world, "medium")
    world.up["1"] = "high"
    world.look()
    (change,) = world.plan().task_changes
    assert [(one.old, one.new) for one in change.changes] == [("LOW", "HIGH")]
    assert world.apply(world.plan()).tasks_updated == 1
    assert world.crm.tasks[id_]["hs_task_priority"] == "HIGH"
    world.person_sets(id_, hs_task_priority="LOW")
    world.wait(1)
    world.run()
    assert world.crm.tasks[id_]["hs_task_priority"] == "LOW"


def test_the_task_of_an_owner_who_left_goes_to_the_fallback(make_world: MakeWorld) -> None:
    world = make_world(fallback_owner_id="7")
    id_ = opened(world)
    world.person_sets(id_, hubspot_owner_id="8")
    world.accounts["1"]["owner_id"] = "8"
    world.look()
    (change,) = world.plan().task_changes
    assert (change.action, change.reason) == ("update", "its owner has left")
    world.run()
    assert world.crm.tasks[id_]["hubspot_owner_id"] == "7"
    assert world.plan().writes_nothing


@pytest.mark.parametrize("owner", ["9", "", "7"], ids=["unknown", "nobody", "there"])
def test_a_task_whose_owner_has_not_left_stays_with_its_owner(make_world: MakeWorld, owner: str) -> None:
    world = make_world(fallback_owner_id="7")
    id_ = opened(world)
    world.person_sets(id_, hubspot_owner_id=owner)
    world.look()
    assert world.plan().task_changes == []


def test_without_a_fallback_the_task_stays(make_world: MakeWorld) -> None:
    world = make_world()
    id_ = opened(world)
    world.person_sets(id_, hubspot_owner_id="8")
    world.accounts["1"]["owner_id"] = "8"
    world.look()
    assert world.plan().task_changes == []


def merge(world: TaskWorld, into: str, *ids: str) -> None:
    """Merge companies into a new one, as HubSpot does: links move, the old ids answer no more."""
    world.crm.companies[into] = {"name": "Merged", "hs_merged_object_ids": ";".join(ids)}
    for id_ in ids:
        del world.crm.companies[id_], world.accounts[id_]
        severity = world.up.pop(id_, None)
        world.up |= {into: severity} if severity else {}
    world.accounts[into] = account(into, 9)


@pytest.mark.parametrize("completed", [False, True])
def test_a_merge_moves_the_link_and_opens_no_second_task(make_world: MakeWorld, completed: bool) -> None:
    world = make_world("1", "2")
    id_ = opened(world)
    if completed:
        world.person_sets(id_, hs_task_status="COMPLETED")
    world.wait(40)
    merge(world, "3", "1", "2")
    result = world.run()
    assert (result.tasks_opened, result.tasks_completed) == (0, 0)
    assert len(world.crm.tasks) == 1
    if not completed:
        assert (id_, "3") in world.crm.links
    assert world.plan().writes_nothing
    world.wait(3)
    world.up.clear()
    world.run()
    assert world.crm.tasks[id_]["hs_task_status"] == "COMPLETED"
    assert world.plan().writes_nothing


def test_two_merged_companies_with_a_task_each_get_no_third(make_world: MakeWorld) -> None:
    world = make_world("1", "2")
    world.up = {"1": "high", "2": "high"}
    assert world.run().tasks_opened == 2
    world.wait(1)
    merge(world, "3", "1", "2")
    assert world.run().tasks_opened == 0
    assert {company for _, company in world.crm.links} == {"1", "2", "3"}
    world.wait(1)
    world.up.clear()
    assert world.run().tasks_completed == 2


def test_a_lost_store_opens_no_second_task_and_closes_none(make_world: MakeWorld) -> None:
    world = make_world()
    id_ = opened(world)
    other = make_world()
    other.crm, other.now = world.crm, world.now + timedelta(days=5)
    other.up["1"] = "high"
    other.wait(0)
    assert other.run().tasks_opened == 0
    assert list(other.crm.tasks) == [id_]


def test_an_account_without_a_company_is_left_out_with_the_reason(make_world: MakeWorld) -> None:
    world = make_world()
    world.accounts["cus_9"] = account(None, 9)
    world.up["cus_9"] = "high"
    world.look()
    (left,) = world.plan().tasks_left_out
    assert (left.account_id, left.reason, left.until) == ("cus_9", NO_COMPANY, None)


def test_a_rule_that_is_off_opens_nothing_and_a_rule_may_name_its_owner(make_world: MakeWorld) -> None:
    world = make_world(rules=read_task_rules([{"flag": "payment_failed", "enabled": False}]))
    world.up["1"] = "high"
    world.look()
    assert world.plan().tasks == []
    world.settings = replace(
        world.settings,
        fallback_owner_id="7",
        rules=read_task_rules([{"flag": "payment_failed", "owner": "fallback"}]),
    )
    world.accounts["1"]["owner_id"] = "9"
    (task,) = world.plan().tasks
    assert task.owner_id == "7"


def test_the_plan_says_everything_in_words_and_survives_its_file(make_world: MakeWorld) -> None:
    world = make_world("1", "2", "3", cooldown_days=30)
    world.episode_days = 0
    world.up = {"1": "high", "2": "high"}
    world.run()
    done = next(id_ for id_, task in world.crm.tasks.items() if ":2:" in task[TASK_KEY])
    world.person_sets(done, hs_task_status="COMPLETED")
    world.wait(1)
    world.up = {}
    world.look()
    world.wait(1)
    world.up = {"2": "high", "3": "high"}
    world.look()
    plan = world.plan()
    assert Plan.from_json(plan.to_json()) == plan
    assert task_lines(plan) == [
        "Task: Company 3: payment failed (due 2026-11-03, owner 7): payment_failed is up with severity high",
        "Complete task 9000, Company 1: payment failed (Company 1): payment_failed is down since 2026-10-31",
        "No task for Company 2, payment_failed: a task of this rule was completed lately; "
        "waits until 2026-11-29",
    ]


def test_a_part_of_the_accounts_leaves_the_tasks_of_the_others_alone(make_world: MakeWorld) -> None:
    world = make_world("1", "2")
    world.up = {"1": "high", "2": "high"}
    world.run()
    inputs = inputs_from(world.crm, world.store, [world.accounts["1"]], run_id="run-1")
    part = replace(
        inputs,
        flags=inputs.flags.iloc[:0],
        episodes=inputs.episodes[inputs.episodes["account_id"] == "1"],
        companies=inputs.companies[inputs.companies["id"] == "1"],
    )
    assert build_plan(part, PlanSettings(), money, NOW).task_changes == []
    closed = part.episodes.assign(closed_at=pd.Timestamp(NOW))
    (change,) = build_plan(replace(part, episodes=closed), PlanSettings(), money, NOW).task_changes
    assert change.account_id == "1"

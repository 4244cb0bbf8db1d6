"""At most one task per account, rule and episode, whatever is cut, with a unique key and without."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_sync.plan import PlanSettings
from crm_sync.task_texts import reference
from crm_sync.task_writes import SETTLING
from crm_sync.tasks import task_key
from tests.support.crm import PORTAL, FakeCrm, open_store, ready_crm
from tests.support.task_world import RULE, TaskWorld
from warehouse.store import Store

MakeWorld = Callable[..., TaskWorld]
BOTH = pytest.mark.parametrize("by_key", [True, False], ids=["unique key", "reference"])


def portal(*companies: str, by_key: bool) -> FakeCrm:
    crm = ready_crm(*companies)
    if not by_key:
        crm.definitions["tasks"].clear()
        crm.refuses_unique = True
    return crm


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    stores: list[Store] = []

    def make(*companies: str, by_key: bool, **options: Any) -> TaskWorld:
        stores.append(open_store(tmp_path / f"store{len(stores)}.db"))
        return TaskWorld(portal(*companies, by_key=by_key), stores[-1], PlanSettings(**options))

    yield make
    for store in stores:
        store.close()


def test_a_portal_that_refuses_the_unique_property_gets_its_tasks_all_the_same(make_world: MakeWorld) -> None:
    world = make_world("1", "2", by_key=False)
    world.up = {"1": "high", "2": "high"}
    result = world.run()
    assert (result.tasks_opened, result.tasks_linked) == (2, 2)
    assert "reference line" in result.messages[0]
    assert "limit of unique properties" in (world.store.tasks_refused() or "")
    assert {company for _, company in world.crm.links} == {"1", "2"}
    key = task_key(PORTAL, "1", RULE, "2026-10-30")
    assert any(task["hs_task_body"].endswith(reference(key)) for task in world.crm.tasks.values())
    assert world.plan().writes_nothing
    assert "upsert" not in world.crm.calls
    world.up.clear()
    world.wait(1)
    assert world.run().tasks_completed == 2
    assert world.plan().writes_nothing


def test_a_portal_without_groups_on_tasks_gets_its_tasks_all_the_same(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world("1", by_key=False)
    made = world.crm.create_group
    monkeypatch.setattr(
        world.crm,
        "create_group",
        lambda kind, *rest: world.crm.refuse_group() if kind == "tasks" else made(kind, *rest),
    )
    world.up["1"] = "high"
    assert world.run().tasks_opened == 1


@BOTH
@pytest.mark.parametrize("after", [False, True], ids=["lost request", "lost answer"])
def test_cut_at_any_call_there_is_one_task_each(make_world: MakeWorld, by_key: bool, after: bool) -> None:
    undisturbed = make_world("1", "2", by_key=by_key)
    undisturbed.up = dict.fromkeys("12", "high")
    undisturbed.run()
    calls = len(undisturbed.crm.calls)
    assert calls > 5
    for call in range(1, calls + 1):
        world = make_world("1", "2", by_key=by_key)
        world.pull()
        world.up = dict.fromkeys("12", "high")
        assert world.cut(call, after=after)
        world.now += SETTLING + timedelta(seconds=1)
        world.run()
        assert world.keys() == undisturbed.keys(), f"cut at call {call}"
        assert sorted(company for _, company in world.crm.links) == ["1", "2"]
        assert world.plan().writes_nothing


def test_a_creation_without_answer_is_waited_for_while_it_may_not_be_listed_yet(
    make_world: MakeWorld,
) -> None:
    world = make_world("1", by_key=False)
    world.up["1"] = "high"
    created = next(call for call in itertools.count(1) if cut_creates(make_world, call))
    assert world.cut(created, after=True)
    (id_,) = world.crm.tasks
    world.crm.unlisted.add(id_)
    result = world.run()
    assert (result.tasks_opened, result.tasks_skipped) == (0, 1)
    assert "did not say whether" in result.messages[-1]
    world.crm.unlisted.clear()
    world.now += timedelta(seconds=5)
    result = world.run()
    assert (result.tasks_opened, result.tasks_linked) == (0, 1)
    assert list(world.crm.tasks) == [id_]


def cut_creates(make_world: MakeWorld, call: int) -> bool:
    """Tell whether the nth call is the creation."""
    world = make_world("1", by_key=False)
    world.up["1"] = "high"
    world.cut(call, after=True)
    return world.crm.calls[-1] == "create"


def test_a_creation_that_never_reached_hubspot_is_done_after_the_wait(make_world: MakeWorld) -> None:
    world = make_world("1", by_key=False)
    world.up["1"] = "high"
    created = next(call for call in itertools.count(1) if cut_creates(make_world, call))
    assert world.cut(created, after=False)
    assert world.run().tasks_skipped == 1
    world.now += SETTLING + timedelta(seconds=1)
    assert world.run().tasks_opened == 1


@BOTH
def test_a_person_who_works_on_a_task_whose_creation_was_cut_is_not_disturbed(
    make_world: MakeWorld, by_key: bool
) -> None:
    for call in range(1, 30):
        world = make_world("1", by_key=by_key)
        world.pull()
        world.up["1"] = "high"
        if not world.cut(call, after=True):
            break
        for id_ in list(world.crm.tasks):
            world.person_sets(id_, hs_task_status="COMPLETED", hs_task_subject="Mine")
        done = {id_: dict(task) for id_, task in world.crm.tasks.items()}
        world.now += SETTLING + timedelta(seconds=1)
        world.run()
        assert all(world.crm.tasks[id_] == task for id_, task in done.items())
        assert len(world.crm.tasks) == 1


@BOTH
@pytest.mark.parametrize("severity", ["low", ""], ids=["not severe enough any more", "down"])
def test_a_task_whose_link_was_cut_is_linked_whatever_became_of_its_flag(
    make_world: MakeWorld, by_key: bool, severity: str
) -> None:
    for call in range(1, 30):
        world = make_world("1", by_key=by_key)
        world.pull()
        world.up["1"] = "medium"
        if not world.cut(call, after=True):
            break
        world.up = {"1": severity} if severity else {}
        for _ in range(2):
            world.now += SETTLING + timedelta(seconds=1)
            world.pull()
            world.run()
        assert {task for task, _ in world.crm.links} == set(world.crm.tasks), f"cut at call {call}"


def test_a_first_run_looks_for_no_task_and_a_broken_one_looks_once(make_world: MakeWorld) -> None:
    world = make_world("1", "2", by_key=True)
    world.up = {"1": "high", "2": "high"}
    world.run()
    assert "read" not in world.crm.calls
    assert world.store.task_intents() == {}


# Whatever happens


LIVES = int(os.environ.get("SAASKPI_TEST_TASK_LIVES", "8"))
"""Random sequences per kind of portal; raise it for a longer search."""
STATUSES = ["COMPLETED", "NOT_STARTED", "IN_PROGRESS"]
STEPS = st.one_of(
    st.tuples(st.just("flag"), st.sampled_from("12"), st.sampled_from(["low", "medium", "high", ""])),
    st.tuples(
        st.just("person"), st.sampled_from(["COMPLETED", "NOT_STARTED", "IN_PROGRESS"]), st.integers(0, 9)
    ),
    st.tuples(st.just("return"), st.sampled_from("12"), st.integers(1, 20)),
    st.tuples(st.just("wait"), st.integers(1, 20), st.just(0)),
    st.tuples(st.just("cut"), st.integers(1, 8), st.booleans()),
    st.tuples(st.just("run"), st.booleans(), st.just(0)),
)


class Life:
    """A world that is watched: what must hold after every step."""

    def __init__(self, world: TaskWorld) -> None:
        self.world = world
        self.done_by_person: dict[str, dict[str, str]] = {}
        self.first_seen: dict[str, Any] = {}
        self.completed: dict[str, Any] = {}

    def step(self, what: str, one: Any, other: Any) -> None:
        world = self.world
        if what == "flag":
            world.up = {**world.up, one: other} if other else {k: v for k, v in world.up.items() if k != one}
        elif what == "wait":
            world.wait(one)
        elif what == "return":
            self.goes_and_returns(one, other)
        elif what == "person" and world.crm.tasks:
            id_ = sorted(world.crm.tasks)[other % len(world.crm.tasks)]
            world.person_sets(id_, hs_task_status=one)
            self.done_by_person.pop(id_, None)
            if one == "COMPLETED":
                self.done_by_person[id_] = dict(world.crm.tasks[id_])
        elif what == "cut":
            world.cut(one, after=other)
        elif what == "run":
            if one:
                world.pull()
            world.run()
        self.check()

    def goes_and_returns(self, account: str, days: int) -> None:
        """A task is opened, a person completes it, the flag goes down and comes back after some days."""
        world = self.world
        self.step("flag", account, "high")
        self.step("run", True, 0)
        for place, id_ in enumerate(sorted(world.crm.tasks)):
            if (id_, account) in self.intended(id_):
                self.step("person", "COMPLETED", place)
        self.step("flag", account, "")
        self.step("run", True, 0)
        self.step("wait", days, 0)
        self.step("flag", account, "high")
        self.step("run", True, 0)

    def check(self) -> None:
        world = self.world
        assert max(Counter(world.keys()).values(), default=0) <= 1, "one per account, rule and episode"
        for id_, task in self.done_by_person.items():
            assert world.crm.tasks[id_] == task, "what a person completed stays as it is"
        for id_, task in world.crm.tasks.items():
            body = task["hs_task_body"]
            ends = [line for line in body.split("<br>") if line.startswith("Over: ")]
            assert len(ends) == len(set(ends)), "no line twice"
            if id_ not in self.first_seen:
                self.first_seen[id_] = world.now
                self.check_cool_down(id_)
            if task["hs_task_status"] == "COMPLETED":
                self.completed.setdefault(id_, world.now)

    def check_cool_down(self, id_: str) -> None:
        days = timedelta(days=self.world.settings.cooldown_days)
        account = next(company for task, company in self.intended(id_))
        for other, at in self.completed.items():
            if other != id_ and account in {company for _, company in self.intended(other)}:
                assert self.world.now - at >= days, "none within the cool-down"

    def intended(self, id_: str) -> list[tuple[str, str]]:
        name = self.world.crm.tasks[id_]["hs_task_subject"].partition(":")[0].removeprefix("Company ")
        return [(id_, name)]

    def settle(self) -> None:
        """Let everything come to rest: then every flag that is up has a task, or waits for the cool-down."""
        world = self.world
        for _ in range(2):
            world.now += SETTLING + timedelta(seconds=1)
            world.pull()
            world.run()
        self.check()
        plan = world.plan()
        assert not plan.tasks
        assert not plan.task_changes
        waiting = {left.account_id for left in plan.tasks_left_out}
        held = {world.crm.tasks[id_]["hs_task_subject"].partition(":")[0] for id_ in world.crm.tasks}
        for id_, severity in world.up.items():
            assert severity == "low" or id_ in waiting or f"Company {id_}" in held, "none is lost"
        linked = {task for task, _ in world.crm.links}
        assert linked == set(world.crm.tasks), "each is linked"


@pytest.mark.slow
@BOTH
@settings(max_examples=LIVES, deadline=None)
@given(
    steps=st.lists(STEPS, min_size=4, max_size=10),
    when_over=st.sampled_from(["complete", "comment", "leave"]),
    episode_days=st.sampled_from([0, 5, 30]),
)
def test_whatever_happens(
    by_key: bool, steps: list[tuple[str, Any, Any]], when_over: Any, episode_days: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store.db") as store:
        crm = portal("1", "2", by_key=by_key)
        world = TaskWorld(crm, store, PlanSettings(when_over=when_over, cooldown_days=14))
        world.episode_days = episode_days
        world.pull()
        life = Life(world)
        for step in steps:
            life.step(*step)
        life.settle()

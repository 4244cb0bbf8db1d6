from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support import postgres
from tests.support.crm import open_store
from warehouse.jobs import ENDED, WORK, JobLedger, Leases
from warehouse.store import Store

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
SLOT = datetime(2026, 10, 31, 11, 45, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def leases(store: Store) -> Leases:
    return Leases(store.engine)


@pytest.fixture
def ledger(store: Store) -> JobLedger:
    return JobLedger(store.engine)


def fence_of(leases: Leases, holder: str = "a", now: datetime = NOW, seconds: float = 60) -> int:
    fence = leases.acquire(WORK, holder, now, seconds)
    assert fence is not None
    return fence


def at_once(count: int, work: Callable[[str], Any]) -> list[Any]:
    """Call from so many threads at the same moment."""
    ready, found = threading.Barrier(count), [None] * count

    def call(number: int) -> None:
        ready.wait()
        found[number] = work(str(number))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


# Leases


def test_a_lease_has_one_holder_until_it_is_given_back(leases: Leases) -> None:
    first = fence_of(leases, "a")
    assert leases.acquire(WORK, "b", NOW, 60) is None
    assert leases.acquire(WORK, "a", NOW, 60) is None
    assert leases.acquire("another", "b", NOW, 60) is not None
    assert leases.release(WORK, first, later(5))
    second = fence_of(leases, "b", later(5))
    assert second > first
    assert not leases.release(WORK, first, later(6))
    assert leases.check(WORK, second, later(6))


def test_a_lease_that_ran_out_is_lost_whether_or_not_it_was_taken(leases: Leases) -> None:
    fence = fence_of(leases)
    assert leases.renew(WORK, fence, later(59), 60)
    assert leases.check(WORK, fence, later(118))
    assert not leases.check(WORK, fence, later(119))
    assert not leases.renew(WORK, fence, later(119), 60)
    assert fence_of(leases, "b", later(119)) > fence


def test_a_lease_tells_who_has_it(leases: Leases) -> None:
    assert leases.get(WORK) is None
    fence = fence_of(leases, "a")
    lease = leases.get(WORK)
    assert lease is not None
    assert (lease.holder, lease.fence, lease.expires_at) == ("a", fence, later(60))
    assert lease.held(later(59))
    assert not lease.held(later(60))


def test_of_many_that_ask_at_once_one_gets_it(leases: Leases) -> None:
    for number in range(5):
        ask = partial(leases.acquire, f"lease{number}", now=NOW, seconds=60)
        found = at_once(6, ask)
        assert len([fence for fence in found if fence is not None]) == 1


def test_a_clock_that_is_ahead_takes_a_lease_and_the_fence_stops_the_other(
    leases: Leases, ledger: JobLedger
) -> None:
    slow = fence_of(leases, "slow clock")
    assert ledger.claim("pull", SLOT, "slow clock", NOW, slow)
    fence_of(leases, "fast clock", later(3600))
    assert not leases.renew(WORK, slow, later(1), 60)
    assert not ledger.finish("pull", SLOT, slow, later(1), "done", {})


class LeaseMachine(RuleBasedStateMachine):
    """Processes that ask for, renew, give back and forget a lease while clocks jump, beside an oracle."""

    store: Store
    number = 0

    def __init__(self) -> None:
        super().__init__()
        LeaseMachine.number += 1
        self.name = f"lease{LeaseMachine.number}"
        self.leases = Leases(self.store.engine)
        self.now = NOW
        self.held: tuple[int, datetime] | None = None  # by the oracle: fence and end
        self.fences: list[int] = []

    @initialize(seconds=st.integers(1, 100))
    def begin(self, seconds: int) -> None:
        self.seconds = seconds

    def lasts(self, fence: int) -> bool:
        return self.held is not None and self.held[0] == fence and self.now < self.held[1]

    @rule(seconds=st.integers(-50, 150))
    def clock(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(holder=st.sampled_from("abc"))
    def acquire(self, holder: str) -> None:
        fence = self.leases.acquire(self.name, holder, self.now, self.seconds)
        assert (fence is None) == (self.held is not None and self.now < self.held[1])
        if fence is not None:
            assert fence > max(self.fences, default=0)
            self.fences.append(fence)
            self.held = (fence, self.now + timedelta(seconds=self.seconds))

    @precondition(lambda self: self.fences)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        fence = data.draw(st.sampled_from(self.fences))
        assert self.leases.renew(self.name, fence, self.now, self.seconds) == self.lasts(fence)
        if self.lasts(fence):
            self.held = (fence, self.now + timedelta(seconds=self.seconds))

    @precondition(lambda self: self.fences)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        fence = data.draw(st.sampled_from(self.fences))
        assert self.leases.release(self.name, fence, self.now) == self.lasts(fence)
        if self.lasts(fence):
            self.held = None

    @invariant()
    def at_most_one_holds_it(self) -> None:
        holding = [fence for fence in self.fences if self.leases.check(self.name, fence, self.now)]
        assert holding == [fence for fence in self.fences if self.lasts(fence)]
        assert len(holding) <= 1


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_leases_do_what_an_oracle_says(backend: str, tmp_path: Path) -> None:
    def run(store: Store) -> None:
        machine: Any = type("Machine", (LeaseMachine,), {"store": store})
        few = settings(max_examples=25, stateful_step_count=20, deadline=None)
        machine.TestCase.settings = settings(few, suppress_health_check=list(HealthCheck))
        machine.TestCase().runTest()

    if backend == "sqlite":
        with open_store(tmp_path / "store.db") as store:
            run(store)
    else:
        with postgres.database() as url, Store.open(url) as store:
            run(store)


# Slots


def test_a_slot_is_claimed_once(leases: Leases, ledger: JobLedger) -> None:
    fence = fence_of(leases)
    assert ledger.claim("pull", SLOT, "a", NOW, fence)
    assert not ledger.claim("pull", SLOT, "b", NOW, fence)
    assert ledger.claim("backup", SLOT, "b", NOW, fence)
    found = ledger.last("pull")
    assert found is not None
    assert (found.scheduled_for, found.claimed_by, found.status, found.fence) == (SLOT, "a", "running", fence)


def test_of_many_that_claim_at_once_one_wins(leases: Leases, ledger: JobLedger) -> None:
    fence = fence_of(leases)
    for minute in range(5):
        slot = SLOT + timedelta(minutes=minute)
        won = at_once(6, partial(ledger.claim, "pull", slot, now=NOW, fence=fence))
        assert sorted(won) == [False] * 5 + [True]


def test_a_run_ends_with_what_it_counted(leases: Leases, ledger: JobLedger) -> None:
    fence = fence_of(leases)
    ledger.claim("pull", SLOT, "a", NOW, fence, {"again_for": "x"})
    assert ledger.unfinished() == [ledger.last("pull")]
    assert ledger.finish("pull", SLOT, fence, later(3), "needs_person", {"rows": 7}, "Look at it.")
    (found,) = ledger.recent()
    assert (found.finished_at, found.status, found.result) == (later(3), "needs_person", {"rows": 7})
    assert found.error == "Look at it."
    assert ledger.unfinished() == []
    assert not ledger.finish("pull", SLOT, fence, later(4), "done", {})


def test_who_lost_the_lease_cannot_record_an_end(leases: Leases, ledger: JobLedger) -> None:
    paused = fence_of(leases, "paused")
    ledger.claim("pull", SLOT, "paused", NOW, paused)
    assert not ledger.finish("pull", SLOT, paused, later(61), "done", {})
    fresh = fence_of(leases, "fresh", later(61))
    assert not ledger.finish("pull", SLOT, paused, later(62), "done", {})
    (orphan,) = ledger.end_orphans(fresh, later(62))
    assert (orphan.job, orphan.scheduled_for, orphan.status) == ("pull", SLOT, "failed")
    assert not ledger.finish("pull", SLOT, paused, later(63), "done", {})
    found = ledger.last("pull")
    assert found is not None
    assert (found.status, found.error) == ("failed", ENDED)
    assert ledger.end_orphans(fresh, later(64)) == []


def test_the_holders_own_runs_are_no_orphans(leases: Leases, ledger: JobLedger) -> None:
    fence = fence_of(leases)
    ledger.claim("pull", SLOT, "a", NOW, fence)
    assert ledger.end_orphans(fence, NOW) == []


def test_skipped_slots_are_kept_with_their_reason(leases: Leases, ledger: JobLedger) -> None:
    ledger.claim("pull", SLOT, "a", NOW, fence_of(leases))
    slots = [SLOT + timedelta(minutes=15 * number) for number in range(3)]
    assert ledger.skip("pull", slots, "b", NOW, "Too late.") == 2
    assert [(run.status, run.error) for run in ledger.recent("pull")] == [
        ("skipped", "Too late."),
        ("skipped", "Too late."),
        ("running", None),
    ]


def test_the_last_slot_may_be_that_before_a_moment(ledger: JobLedger) -> None:
    assert ledger.last("pull") is None
    future = NOW + timedelta(days=900)
    ledger.skip("pull", [SLOT, future], "a", NOW, "x")
    newest, known = ledger.last("pull"), ledger.last("pull", until=NOW)
    assert newest is not None
    assert known is not None
    assert (newest.scheduled_for, known.scheduled_for) == (future, SLOT)


def test_old_records_are_forgotten_but_each_jobs_newest(leases: Leases, ledger: JobLedger) -> None:
    days = [NOW - timedelta(days=number) for number in (100, 99, 1)]
    ledger.skip("pull", days, "a", NOW, "x")
    ledger.skip("backup", days[:2], "a", NOW, "x")
    ledger.claim("compact", days[0], "a", NOW, fence_of(leases))
    ledger.skip("compact", days[2:], "a", NOW, "x")
    assert ledger.forget(NOW - timedelta(days=90)) == 3
    assert [(run.job, run.scheduled_for) for run in ledger.recent()] == [
        ("compact", days[2]),
        ("pull", days[2]),
        ("backup", days[1]),
        ("compact", days[0]),
    ]

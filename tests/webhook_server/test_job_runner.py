"""One process with a clock in its hand, and a second one beside it, over one store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from saaskpi.errors import NeedsPersonError, StoreError, UnavailableError
from tests.support.schedulers import settings_for
from warehouse.jobs import ENDED, JobRun
from webhook_server.cron import Cron
from webhook_server.job_runner import AGAIN_FOR, Job, JobContext, JobRunner, SkippedError, Timing
from webhook_server.services import Services

NINE = datetime(2026, 10, 31, 9, tzinfo=UTC)
CRONS = {"pull": Cron("pull", "*/15 * * * *"), "backup": Cron("backup", "10 4 * * *")}
TIMING = Timing(lease=60, poll=0.01, patience=0.5)


class Clock:
    """A clock that a test moves."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def set(self, hour: int, minute: int = 0, second: int = 0) -> None:
        self.at = NINE.replace(hour=hour, minute=minute, second=second)


@pytest.fixture
def clock() -> Clock:
    return Clock(NINE)


MakeRunner = Callable[..., JobRunner]


@pytest.fixture
def make_runner(store_url: str, tmp_path: Path, clock: Clock) -> Any:
    """Make runners as so many processes would have them."""
    made: list[Services] = []

    def make(**jobs: Job) -> JobRunner:
        services = Services(settings_for(store_url, tmp_path), clock, holder=f"process {len(made) + 1}")
        made.append(services)
        return JobRunner(services, {"pull": nothing, **jobs}, CRONS, TIMING)

    yield make
    for services in made:
        services.close()


def nothing(job: JobContext) -> dict[str, Any]:
    del job
    return {"rows": 3}


def records(runner: JobRunner, job: str = "pull") -> list[tuple[str, str]]:
    """Slot and status, oldest first."""
    return [(f"{run.scheduled_for:%H:%M}", run.status) for run in reversed(runner.ledger.recent(job, 100))]


def last(runner: JobRunner, job: str = "pull") -> JobRun:
    run = runner.ledger.last(job)
    assert run is not None
    return run


# Which slots


def test_nothing_is_due_before_the_first_slot_after_the_first_start(
    make_runner: MakeRunner, clock: Clock
) -> None:
    runner = make_runner()
    clock.set(9, 14, 59)
    runner.run_due("pull")
    assert records(runner) == []
    clock.set(9, 15)
    runner.run_due("pull")
    assert records(runner) == [("09:15", "done")]


def test_a_slot_is_the_scheduled_time_however_late_the_timer_fires(
    make_runner: MakeRunner, clock: Clock
) -> None:
    runner = make_runner()
    clock.set(9, 22, 31)
    runner.run_due("pull")
    run = last(runner)
    assert (run.scheduled_for.minute, run.claimed_at, run.finished_at) == (15, clock.at, clock.at)
    assert (run.status, run.result, run.claimed_by) == ("done", {"rows": 3}, "process 1")


def test_each_slot_is_done_by_one_process(make_runner: MakeRunner, clock: Clock) -> None:
    first, second = make_runner(), make_runner()
    for minute in (15, 30, 45):
        clock.set(9, minute)
        for runner in (first, second, first):
            runner.run_due("pull")
    assert records(first) == [("09:15", "done"), ("09:30", "done"), ("09:45", "done")]
    assert {run.claimed_by for run in first.ledger.recent()} == {"process 1"}


def test_after_downtime_the_newest_missed_slot_is_made_up_for(make_runner: MakeRunner, clock: Clock) -> None:
    runner = make_runner()
    clock.set(9, 15)
    runner.run_due("pull")
    clock.set(10, 20)
    make_runner().run_due("pull")
    missed = [(slot, "skipped") for slot in ("09:30", "09:45", "10:00")]
    assert records(runner) == [("09:15", "done"), *missed, ("10:15", "done")]
    assert "missed" in (runner.ledger.recent("pull")[1].error or "").lower()


def test_after_months_of_downtime_only_a_week_is_recorded(make_runner: MakeRunner, clock: Clock) -> None:
    runner = make_runner()
    clock.set(9, 15)
    runner.run_due("pull")
    clock.at += timedelta(days=90)
    runner.run_due("pull")
    assert len(runner.ledger.recent("pull", 5_000)) == 1 + 7 * 96
    assert last(runner).status == "done"


def test_a_clock_that_goes_backwards_does_no_slot_twice(make_runner: MakeRunner, clock: Clock) -> None:
    runner = make_runner()
    for hour, minute in ((9, 15), (9, 30), (8, 20), (8, 45), (9, 15), (9, 30), (9, 45)):
        clock.set(hour, minute)
        runner.run_due("pull")
    assert records(runner) == [("09:15", "done"), ("09:30", "done"), ("09:45", "done")]


def test_a_moment_of_a_wrong_year_does_not_stop_the_jobs_until_then(
    make_runner: MakeRunner, clock: Clock
) -> None:
    runner = make_runner()
    clock.set(9, 15)
    runner.run_due("pull")
    clock.at = NINE.replace(year=2036)
    runner.run_due("pull")
    clock.set(9, 30)
    runner.run_due("pull")
    done = {run.scheduled_for for run in runner.ledger.recent("pull", 5_000) if run.status == "done"}
    assert {NINE.replace(minute=15), NINE.replace(minute=30), NINE.replace(year=2036)} == done


def test_a_slot_whose_predecessor_still_runs_is_skipped(make_runner: MakeRunner, clock: Clock) -> None:
    other = make_runner()

    def long(job: JobContext) -> dict[str, Any]:
        clock.set(9, 30, 5)
        job.check()  # the lease was for a minute: renewing it is the thread's business, not the test's
        return {}

    runner = make_runner(pull=long)
    leases = runner.leases

    def overlapping(job: JobContext) -> dict[str, Any]:
        lease = leases.get("work")
        assert lease is not None
        clock.set(9, 15, 50)
        assert leases.renew("work", lease.fence, clock(), 3600)
        long(job)
        other.run_due("pull")
        return {}

    runner._jobs = {"pull": overlapping}
    clock.set(9, 15)
    runner.run_due("pull")
    assert records(runner) == [("09:15", "done"), ("09:30", "skipped")]
    skipped = last(runner)
    assert (skipped.claimed_by, skipped.error) == (
        "process 1",
        "The run of 2026-10-31 09:15 UTC was still at work.",
    )


def test_a_job_waits_for_another_ones_end(make_runner: MakeRunner, clock: Clock) -> None:
    working, go_on = threading.Event(), threading.Event()

    def wait(job: JobContext) -> dict[str, Any]:
        working.set()
        assert go_on.wait(10)
        return {}

    first, second = make_runner(backup=wait), make_runner()
    slot = NINE.replace(hour=4, minute=10)
    thread = threading.Thread(target=first.run_slot, args=("backup", slot))
    thread.start()
    assert working.wait(10)
    clock.set(9, 15)
    waiting = threading.Thread(target=second.run_due, args=("pull",))
    waiting.start()
    go_on.set()
    thread.join()
    waiting.join()
    assert records(second) == [("09:15", "done")]


def test_a_job_does_not_wait_for_ever(make_runner: MakeRunner, clock: Clock) -> None:
    runner = make_runner()
    assert runner.leases.acquire("work", "somebody", NINE, 7200)
    clock.set(9, 15)
    runner.run_due("pull")
    assert records(runner) == [("09:15", "skipped")]


# How it ends


def failing(error: Exception) -> Job:
    def fail(job: JobContext) -> dict[str, Any]:
        raise error

    return fail


@pytest.mark.parametrize(
    "error, status, words",
    [
        (
            UnavailableError("Stripe does not answer.", hint="Later."),
            "failed",
            "Stripe does not answer. Later.",
        ),
        (NeedsPersonError("Too many.", hint="--yes-change 9"), "needs_person", "Too many. --yes-change 9"),
        (SkippedError("Nothing to do."), "skipped", "Nothing to do."),
    ],
)
def test_a_failure_is_recorded_in_its_own_words(
    make_runner: MakeRunner, clock: Clock, error: Exception, status: str, words: str
) -> None:
    runner = make_runner(pull=failing(error))
    clock.set(9, 15)
    runner.run_due("pull")
    assert (last(runner).status, last(runner).error) == (status, words)
    clock.set(9, 30)
    runner._jobs = {"pull": nothing}
    runner.run_due("pull")
    assert last(runner).status == "done"


def test_of_a_defect_only_kind_and_place_are_recorded(
    make_runner: MakeRunner, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    runner = make_runner(pull=failing(ValueError("jane@example.com")))
    clock.set(9, 15)
    runner.run_due("pull")
    assert last(runner).status == "failed"
    assert (last(runner).error or "").startswith("Unexpected ValueError at test_job_runner.py:")
    assert "jane" not in (last(runner).error or "") + caplog.text


# Leases


def test_a_paused_process_cannot_finish_and_the_next_does_the_job_again_once(
    make_runner: MakeRunner, clock: Clock
) -> None:
    next_one = make_runner()
    after: list[str] = []

    def pause(job: JobContext) -> dict[str, Any]:
        clock.set(9, 17)  # for longer than the lease
        next_one.recover()
        with job.pipeline._stages.stage("apply"):
            after.append("written")
        return {}

    runner = make_runner(pull=pause)
    clock.set(9, 15)
    runner.run_due("pull")
    assert after == []
    first, again = reversed(runner.ledger.recent("pull"))
    assert (first.status, first.error, first.claimed_by) == ("failed", ENDED, "process 2")
    assert (again.status, again.claimed_by) == ("done", "process 1")
    assert again.result == {AGAIN_FOR: first.scheduled_for.isoformat(), "rows": 3}


def test_a_process_that_only_comes_to_its_end_too_late_changes_nothing(
    make_runner: MakeRunner, clock: Clock
) -> None:
    def pause(job: JobContext) -> dict[str, Any]:
        clock.set(9, 17)
        return {}

    runner = make_runner(pull=pause)
    clock.set(9, 15)
    runner.run_due("pull")
    assert last(runner).status == "running"  # as after a kill: whoever looks next ends it
    runner._jobs = {"pull": nothing}
    runner.recover()
    assert [status for _, status in records(runner)] == ["failed", "done"]


def test_what_fails_again_is_not_tried_a_third_time(make_runner: MakeRunner, clock: Clock) -> None:
    def pause(job: JobContext) -> dict[str, Any]:
        clock.at += timedelta(seconds=61)
        return {}

    runner = make_runner(pull=pause)
    clock.set(9, 15)
    runner.run_due("pull")
    for _ in range(4):
        runner.recover()
    assert [status for _, status in records(runner)] == ["failed", "failed"]


def test_a_job_whose_words_come_after_the_lease_is_lost_ends_at_the_next_word(
    make_runner: MakeRunner, clock: Clock
) -> None:
    said: list[str] = []

    def talk(job: JobContext) -> dict[str, Any]:
        with job.pipeline._stages.stage("apply") as report:
            report("one")
            said.append("one")
            clock.set(9, 17)
            with pytest.raises(StoreError):
                job.check()
            report("two")
            said.append("two")
        return {}

    runner = make_runner(pull=talk)
    clock.set(9, 15)
    runner.run_due("pull")
    assert said == ["one"]


def test_a_stopped_server_ends_its_job_and_the_next_start_does_it_again(
    make_runner: MakeRunner, clock: Clock
) -> None:
    def stopped(job: JobContext) -> dict[str, Any]:
        runner.stopping.set()
        with job.pipeline._stages.stage("apply"):
            return {}

    runner = make_runner(pull=stopped)
    clock.set(9, 15)
    runner.run_due("pull")
    clock.set(9, 15, 10)
    restarted = make_runner()
    restarted.recover()
    assert [status for _, status in records(restarted)] == ["failed", "done"]


def test_a_store_that_is_gone_for_a_moment_costs_no_lease(
    make_runner: MakeRunner, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = make_runner()
    runner._timing = replace(TIMING, lease=0.2)
    renewed = threading.Event()
    renew, calls = runner.leases.renew, iter([StoreError("gone"), StoreError("gone")])

    def flaky(*arguments: Any) -> bool:
        if error := next(calls, None):
            raise error
        renewed.set()
        return renew(*arguments)

    monkeypatch.setattr(runner.leases, "renew", flaky)

    def wait(job: JobContext) -> dict[str, Any]:
        assert renewed.wait(10)
        job.check()
        return {}

    runner._jobs = {"pull": wait}
    clock.set(9, 15)
    runner.run_due("pull")
    assert last(runner).status == "done"


# By hand


def test_a_job_is_run_now_and_its_record_returned(make_runner: MakeRunner, clock: Clock) -> None:
    runner = make_runner()
    clock.set(9, 7, 12)
    run = runner.run_now("pull")
    assert (run.scheduled_for, run.status, run.result) == (clock.at, "done", {"rows": 3})
    clock.set(9, 15)
    runner.run_due("pull")
    assert records(runner) == [("09:07", "done"), ("09:15", "done")]


def test_a_job_is_refused_while_another_is_at_work(make_runner: MakeRunner, clock: Clock) -> None:
    refused: list[str] = []
    second = make_runner()

    def at_work(job: JobContext) -> dict[str, Any]:
        with pytest.raises(StoreError) as caught:
            second.run_now("backup")
        refused.append(caught.value.message)
        return {}

    first = make_runner(pull=at_work)
    clock.set(9, 15, 2)
    first.run_due("pull")
    assert refused == ["process 2 is at work: pull since 2026-10-31 09:15:02 UTC."]


def test_control_c_is_a_failure_that_nobody_repeats(make_runner: MakeRunner, clock: Clock) -> None:
    def interrupted(job: JobContext) -> dict[str, Any]:
        raise KeyboardInterrupt

    runner = make_runner(pull=interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.run_now("pull")
    runner.recover()
    (run,) = runner.ledger.recent("pull")
    assert (run.status, run.error) == ("failed", "Stopped by hand.")
    lease = runner.leases.get("work")
    assert lease is not None
    assert not lease.held(clock())

"""Several real processes over one store, on both databases."""

from __future__ import annotations

import os
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.schedulers import (
    FAST,
    Noted,
    do_slots,
    every_second,
    get_ready,
    run_and_die,
    run_scheduler,
    settings_for,
    start,
    utc_now,
)
from warehouse.jobs import ENDED, JobLedger
from warehouse.store import Store
from webhook_server.job_runner import AGAIN_FOR
from webhook_server.scheduler import Scheduler
from webhook_server.services import Services

SLOTS = int(os.environ.get("SAASKPI_TEST_SLOTS", "30"))
"""How many are due at once; raise it for the long search."""
PROCESSES = 3
BEGIN = datetime(2026, 10, 31, tzinfo=UTC)


def test_each_of_many_due_slots_is_done_by_one_of_three_processes(store_url: str, tmp_path: Path) -> None:
    jobs = ("pull", "backup", "reconcile")
    slots = [(jobs[n % len(jobs)], BEGIN + timedelta(minutes=n)) for n in range(SLOTS)]
    shuffled = [random.Random(seed).sample(slots, len(slots)) for seed in range(PROCESSES)]
    children = [start(do_slots, store_url, tmp_path, mine, 0) for mine in shuffled]
    for child in children:
        child.join(timeout=600)
    assert [child.exitcode for child in children] == [0] * PROCESSES
    lines = [line for job in jobs for line in Noted(tmp_path / job).lines("begin")]
    assert len(lines) == SLOTS
    assert len({line.split()[1] for line in lines}) > 1, "one process did everything"
    with Store.open(store_url) as store:
        records = JobLedger(store.engine).recent(limit=2 * SLOTS)
    assert sorted((run.job, run.scheduled_for) for run in records) == sorted(slots)
    assert {run.status for run in records} == {"done"}


def test_three_schedulers_do_each_second_once(store_url: str, tmp_path: Path) -> None:
    get_ready()
    began, until = utc_now(), time.time() + 60
    seconds = {"pull": 0.0, "backup": 0.1}
    children = [start(run_scheduler, store_url, tmp_path, seconds, until, 3) for _ in range(PROCESSES)]
    for child in children:
        child.join(timeout=90)
    assert [child.exitcode for child in children] == [0] * PROCESSES
    with Store.open(store_url) as store:
        ledger = JobLedger(store.engine)
        for job in seconds:
            records = ledger.recent(job, 100)
            done = [run for run in records if run.status == "done"]
            assert len(Noted(tmp_path / job).lines("end")) == len(done) >= 2
            slots = sorted(run.scheduled_for for run in records)
            assert slots[0] >= began
            # None is left out: what was not done is there with its reason.
            assert slots == [slots[0] + timedelta(seconds=n) for n in range(len(slots))]
            assert all(run.error for run in records if run.status == "skipped")


def test_what_a_killed_process_had_begun_is_done_again_once(store_url: str, tmp_path: Path) -> None:
    child = start(run_and_die, store_url, tmp_path, "pull", BEGIN)
    child.join(timeout=60)
    assert child.exitcode == -9
    services = Services(settings_for(store_url, tmp_path), utc_now)
    job = Noted(tmp_path / "pull")
    scheduler = Scheduler(services, {"pull": job}, {}, FAST)
    scheduler.start()  # while the lease of the dead one still holds
    try:
        deadline = time.monotonic() + 60
        while len(scheduler.runner.ledger.recent("pull")) < 2 or scheduler.runner.ledger.unfinished():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(FAST.lease)  # the watch comes by once more
        again, killed = scheduler.runner.ledger.recent("pull")
    finally:
        scheduler.stop()
        services.close()
    assert (killed.scheduled_for, killed.status, killed.error) == (BEGIN, "failed", ENDED)
    assert (again.status, again.result) == ("done", {AGAIN_FOR: BEGIN.isoformat(), "done": 1})
    assert len(job.lines("begin")) == 1


def test_a_killed_scheduler_is_replaced_by_those_that_stay(postgres_url: str, tmp_path: Path) -> None:
    victim = start(run_scheduler, postgres_url, tmp_path, {"pull": 0.7}, time.time() + 60)
    job = Noted(tmp_path / "pull")
    deadline = time.monotonic() + 60
    while not job.lines("begin"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    victim.kill()
    victim.join()
    heir = start(run_scheduler, postgres_url, tmp_path, {"pull": 0.0}, time.time() + 2.5 * FAST.lease)
    heir.join(timeout=60)
    assert heir.exitcode == 0
    with Store.open(postgres_url) as store:
        records = JobLedger(store.engine).recent("pull", 200)
    assert [run.status for run in records].count("failed") == 1
    assert not [run for run in records if run.status == "running"]
    assert any(run.status == "done" and AGAIN_FOR in run.result for run in records)


def test_stopping_waits_for_a_safe_point_and_nothing_fires_after(store_url: str, tmp_path: Path) -> None:
    services = Services(settings_for(store_url, tmp_path), utc_now)
    job = Noted(tmp_path / "pull", seconds=30)
    scheduler = Scheduler(services, {"pull": job}, {"pull": every_second()}, FAST)
    scheduler.start()
    deadline = time.monotonic() + 60
    while not job.lines("begin"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stopping = time.monotonic()
    scheduler.stop()
    assert time.monotonic() - stopping < 20
    services.close()
    assert len(job.lines("begin")) == 1
    assert job.lines("end") == []
    assert not [t for t in threading.enumerate() if t.name in ("lease", "APScheduler")]

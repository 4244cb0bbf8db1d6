"""Schedulers in processes of their own, whose jobs write down what they did."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]
from pydantic import SecretStr

from saaskpi.settings import Settings, StoreSettings
from webhook_server.cron import Cron
from webhook_server.job_runner import JobContext, JobRunner, Timing
from webhook_server.scheduler import Scheduler
from webhook_server.services import Services

# A server that has imported everything forks each child, which so starts within milliseconds.
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.support.schedulers", "psycopg", "alembic.command"])

FAST = Timing(lease=2, poll=0.005, patience=60)


def settings_for(store_url: str, home: Path) -> Settings:
    return Settings(home=home, store=StoreSettings(url=SecretStr(store_url)))


def utc_now() -> datetime:
    return datetime.now(UTC)


class Noted:
    """A job that writes a line when it begins and one when it ends, into a file that every process shares."""

    def __init__(self, path: Path, seconds: float = 0) -> None:
        self._path = path
        self._seconds = seconds

    def __call__(self, job: JobContext) -> dict[str, Any]:
        self._note("begin", job)
        end = time.monotonic() + self._seconds
        while time.monotonic() < end:
            job.check()
            time.sleep(0.02)
        self._note("end", job)
        return {"done": 1}

    def _note(self, what: str, job: JobContext) -> None:
        with self._path.open("a") as file:
            file.write(f"{what} {job.services.holder}\n")

    def lines(self, what: str) -> list[str]:
        if not self._path.exists():
            return []
        return [line for line in self._path.read_text().splitlines() if line.startswith(what)]


def get_ready() -> None:
    """Wait until children can be forked: the server that forks them has imported everything."""
    child = CONTEXT.Process(target=utc_now)
    child.start()
    child.join()


def start(target: Any, *arguments: Any) -> BaseProcess:
    """Start a function of this module in a process of its own."""
    child = CONTEXT.Process(target=target, args=arguments)
    child.start()
    return child


def do_slots(store_url: str, home: Path, slots: Sequence[tuple[str, datetime]], seconds: float) -> None:
    """Try to do every one of these slots, as a scheduler does when its timers fire."""
    services = Services(settings_for(store_url, home), utc_now)
    jobs = {name: Noted(home / name, seconds) for name, _ in slots}
    runner = JobRunner(services, jobs, {}, FAST)
    for job, slot in slots:
        if runner.ledger.get(job, slot) is None:
            runner.run_slot(job, slot)
    services.close()


def run_scheduler(
    store_url: str, home: Path, seconds: Mapping[str, float], until: float, enough: float = math.inf
) -> None:
    """Run a whole scheduler whose jobs are due every second, until a time (``time.time()``).

    It ends sooner when every job was done often enough.
    """
    services = Services(settings_for(store_url, home), utc_now)
    jobs = {name: Noted(home / name, lasts) for name, lasts in seconds.items()}
    scheduler = Scheduler(services, jobs, {name: every_second() for name in seconds}, FAST)
    scheduler.start()
    while time.time() < until and any(len(job.lines("end")) < enough for job in jobs.values()):
        time.sleep(0.05)
    scheduler.stop()
    services.close()


def every_second() -> Cron:
    """A schedule that is denser than settings can say."""
    cron = Cron("test", "* * * * *")
    cron.trigger = CronTrigger(second="*", timezone=UTC)
    return cron


def run_and_die(store_url: str, home: Path, job: str, slot: datetime) -> None:
    """Begin a slot and die in the midst of it, without a word."""

    def die(context: JobContext) -> dict[str, Any]:
        del context
        os.kill(os.getpid(), 9)
        return {}

    services = Services(settings_for(store_url, home), utc_now)
    JobRunner(services, {job: die}, {}, FAST).run_slot(job, slot)

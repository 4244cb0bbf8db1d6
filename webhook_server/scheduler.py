"""The timer: wakes the jobs when their slots come. Which process then works is decided by the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from apscheduler.executors.pool import ThreadPoolExecutor  # type: ignore[import-untyped]
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]

from saaskpi.errors import StoreError
from saaskpi.settings import ScheduleSettings
from webhook_server.cron import Cron
from webhook_server.job_runner import Job, JobRunner, Timing
from webhook_server.jobs import JOBS
from webhook_server.services import Services

log = logging.getLogger(__name__)

_WATCH: Final = "watch"


def schedules(settings: ScheduleSettings) -> dict[str, Cron]:
    """Return the schedule of each job that has one.

    Raises:
        UsageError: one of them is none.
    """
    texts: dict[str, str] = settings.model_dump()
    return {job: Cron(job, text) for job, text in texts.items() if text.strip()}


class Scheduler:
    """Wakes the jobs of one process; any number of processes may have one over the same store.

    Args:
        services: what the parts share.
        jobs: by name.
        crons: of those that come by themselves; None for those of the settings.
        timing: how long things last.

    Raises:
        UsageError: a schedule in the settings is wrong.
    """

    def __init__(
        self,
        services: Services,
        jobs: Mapping[str, Job] = JOBS,
        crons: Mapping[str, Cron] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing or Timing()
        self._crons = schedules(services.settings.schedule) if crons is None else dict(crons)
        self.runner = JobRunner(services, jobs, self._crons, self._timing)
        self._timer = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(len(self._crons) + 1)},
            # However late a timer fires: which slots are due is asked of the store.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Make up for what was missed, and wake each job from now on."""
        # Its warnings that a job is still at work are told in the ledger, with the slot.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        for job, cron in self._crons.items():
            self._timer.add_job(self._guarded, cron.trigger, args=[self.runner.run_due, job], id=job)
            self._timer.add_job(self._guarded, args=[self.runner.run_due, job], id=f"{job} at start")
        self._timer.add_job(
            self._guarded,
            "interval",
            seconds=self._timing.lease,
            args=[self.runner.recover],
            id=_WATCH,
            next_run_time=datetime.now(UTC),
        )
        self._timer.start()

    def stop(self) -> None:
        """Wake nobody any more, and wait until the job at work has come to a safe point.

        What it had begun is done again after the next start, here or in another process.
        """
        self.runner.stopping.set()
        if self._timer.running:
            self._timer.shutdown(wait=True)

    def _guarded(self, work: Callable[..., None], *arguments: str) -> None:
        try:
            work(*arguments)
        except StoreError as error:
            # The store is gone for a while: the next firing finds what is due by then.
            log.warning("Jobs: %s", error)

"""Runs jobs: one process does each slot, one job at a time, and what a dead process left is done again once.

Everything is decided by the store (:mod:`warehouse.jobs`): timers may fire late, early, or in every process.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from saaskpi.errors import NeedsPersonError, SaaskpiError, StoreError
from saaskpi.pipeline import Pipeline
from warehouse.jobs import WORK, Ending, JobLedger, JobRun, Leases
from webhook_server.cron import Cron
from webhook_server.holding import GuardedStages, Held, StoppedError
from webhook_server.services import Services

log = logging.getLogger(__name__)

LOOK_BACK: Final = timedelta(days=7)
"""Slots that were missed longer ago are not even recorded as skipped."""
AGAIN_FOR: Final = "again_for"
"""In the result of a run that repeats one whose process died: the slot of that one."""
CATCH_UP = "Missed: only the newest missed slot is made up for."
OVERLAP = "The run of {slot:%Y-%m-%d %H:%M} UTC was still at work."
BUSY = "Other jobs were at work for too long."


class SkippedError(SaaskpiError):
    """There is nothing for a job to do here, and why."""


@dataclass(frozen=True)
class Timing:
    """How long things last, in seconds.

    Attributes:
        lease: how long a dead process keeps the others waiting.
        poll: how often a process that waits looks again.
        patience: how long a due slot waits for other jobs.
    """

    lease: float = 60
    poll: float = 1
    patience: float = 3600


@dataclass(frozen=True)
class JobContext:
    """What a job works with.

    Attributes:
        name: of the job.
        services: of the process.
        pipeline: of the job alone; its stages end once the lease is lost.
        check: raises once the lease is lost; called before anything is written elsewhere.
    """

    name: str
    services: Services
    pipeline: Pipeline
    check: Callable[[], None]


Job = Callable[[JobContext], dict[str, Any]]
"""Does the work and returns what it counted (no personal data)."""


class JobRunner:
    """Runs the jobs of one process.

    Args:
        services: what the parts share.
        jobs: by name.
        schedules: of those that come by themselves.
        timing: how long things last.
    """

    def __init__(
        self,
        services: Services,
        jobs: Mapping[str, Job],
        schedules: Mapping[str, Cron],
        timing: Timing | None = None,
    ) -> None:
        self.stopping = threading.Event()
        self.ledger = JobLedger(services.store.engine)
        self.leases = Leases(services.store.engine)
        self._services = services
        self._jobs = jobs
        self._schedules = schedules
        self._timing = timing or Timing()
        self._began = services.now()

    def due(self, job: str) -> list[datetime]:
        """Return the slots of a job that are past and that nobody has recorded, oldest first."""
        now = self._services.now()
        # What a wrong clock recorded in the future does not keep the job from running today.
        last = self.ledger.last(job, until=now)
        after = max(last.scheduled_for, now - LOOK_BACK) if last else min(self._began, now)
        return self._schedules[job].between(after, now)

    def run_due(self, job: str) -> None:
        """Do the newest due slot of a job, unless another process does; record older ones as skipped."""
        waited = 0.0
        while (due := self.due(job)) and not self.stopping.is_set():
            if before := self._at_work(job):
                self._skip(job, due, OVERLAP.format(slot=before.scheduled_for))
                return
            with self._hold() as held:
                if held:
                    self._run_newest(job, held)
                    return
            if waited >= self._timing.patience:
                self._skip(job, due, BUSY)
                return
            self.stopping.wait(self._timing.poll)
            waited += self._timing.poll

    def run_slot(self, job: str, slot: datetime) -> bool:
        """Do one slot of a job, as soon as no other job is at work; False when another process has it."""
        while not self.stopping.is_set():
            with self._hold() as held:
                if held:
                    return self._run(job, slot, held)
            self.stopping.wait(self._timing.poll)
        return False

    def run_now(self, job: str) -> JobRun:
        """Do a job now, because a person says so; return its record.

        Raises:
            StoreError: another job is at work, or the lease was lost meanwhile.
        """
        with self._hold() as held:
            if held is None:
                raise self._busy()
            slot = self._services.now()
            self._run(job, slot, held)
        run = self.ledger.get(job, slot)
        if run is None or run.finished_at is None:
            raise StoreError(f"The job {job} lost its lease before its end.", hint="Look with: saaskpi jobs")
        return run

    def recover(self) -> None:
        """Do again, once, what a process that died had begun."""
        if any(not self._alive(run) for run in self.ledger.unfinished()):
            with self._hold():
                pass

    @contextmanager
    def _hold(self) -> Iterator[Held | None]:
        """Take the lease if it is free, and first do what its earlier holder left undone."""
        now, seconds = self._services.now(), self._timing.lease
        fence = self.leases.acquire(WORK, self._services.holder, now, seconds)
        if fence is None:
            yield None
            return
        with Held(self.leases, fence, self._services.now, seconds, self.stopping) as held:
            for orphan in self.ledger.end_orphans(fence, now):
                log.warning("The job %s of %s was left by a dead process.", orphan.job, orphan.scheduled_for)
                if orphan.job in self._jobs and AGAIN_FOR not in orphan.result:
                    again = {AGAIN_FOR: orphan.scheduled_for.isoformat()}
                    self._run(orphan.job, self._services.now(), held, again)
            yield held

    def _run_newest(self, job: str, held: Held) -> None:
        due = self.due(job)  # meanwhile another process may have been first
        if due:
            self._skip(job, due[:-1], CATCH_UP)
            self._run(job, due[-1], held)

    def _run(self, job: str, slot: datetime, held: Held, known: Mapping[str, Any] | None = None) -> bool:
        services, known = self._services, known or {}
        try:
            held.check()
            if not self.ledger.claim(job, slot, services.holder, services.now(), held.fence, known):
                return False
            status, result, error = self._outcome(job, held)
        except StoppedError as stopped:
            # Its record stays open: whoever holds the lease next finds it and does the job again.
            log.warning("The job %s stopped: %s", job, stopped)
            return True
        except KeyboardInterrupt:
            self.ledger.finish(job, slot, held.fence, services.now(), "failed", known, "Stopped by hand.")
            raise
        ended = services.now()
        if not self.ledger.finish(job, slot, held.fence, ended, status, {**known, **result}, error):
            log.warning("The job %s came to its end after its lease had run out.", job)
        return True

    def _outcome(self, job: str, held: Held) -> tuple[Ending, dict[str, Any], str | None]:
        """Do the work; whatever goes wrong is an outcome too, but a stop.

        Raises:
            StoppedError: the lease is lost, or the process is to stop.
        """
        services = replace(self._services, stages=GuardedStages(self._services.stages, held))
        try:
            pipeline = services.pipeline(job)
            try:
                return "done", self._jobs[job](JobContext(job, self._services, pipeline, held.check)), None
            finally:
                pipeline.close()
        except StoppedError:
            raise
        except SkippedError as reason:
            return "skipped", {}, str(reason)
        except NeedsPersonError as error:
            return "needs_person", {}, str(error)
        except SaaskpiError as error:
            return "failed", {}, str(error)
        except Exception as error:  # noqa: BLE001 - a defect in one job must not end the others
            log.error("The job %s failed: %s at %s", job, type(error).__name__, _place(error))  # noqa: TRY400
            return "failed", {}, f"Unexpected {type(error).__name__} at {_place(error)}."

    def _skip(self, job: str, slots: list[datetime], reason: str) -> None:
        self.ledger.skip(job, slots, self._services.holder, self._services.now(), reason)

    def _at_work(self, job: str) -> JobRun | None:
        return next((run for run in self.ledger.unfinished() if run.job == job and self._alive(run)), None)

    def _alive(self, run: JobRun) -> bool:
        lease = self.leases.get(WORK)
        return lease is not None and lease.fence == run.fence and lease.held(self._services.now())

    def _busy(self) -> StoreError:
        lease = self.leases.get(WORK)
        run = next((run for run in self.ledger.unfinished() if self._alive(run)), None)
        holder = lease.holder if lease else None
        doing = f"{run.job} since {run.claimed_at:%Y-%m-%d %H:%M:%S} UTC" if run else "another job"
        return StoreError(
            f"{holder or 'Another process'} is at work: {doing}.", hint="Wait until it ends: saaskpi jobs"
        )


def _place(error: Exception) -> str:
    """Return where an error arose, without its words: they may quote what nobody should read."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"

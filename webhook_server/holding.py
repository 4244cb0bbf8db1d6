"""Holds the lease under which a job works, and stops the job at the next safe point once it is lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import ClassVar, Self

from saaskpi.errors import StoreError
from saaskpi.progress import Report, Stages
from warehouse.jobs import WORK, Leases

log = logging.getLogger(__name__)


class StoppedError(StoreError):
    """A job ends early, because its lease is lost or the process is to stop; it is done again later."""

    is_trouble: ClassVar[bool] = False  # nobody need be told


class Held:
    """The lease, renewed by a thread of its own until it is given back; a context manager.

    Args:
        leases: of the store.
        fence: as :meth:`Leases.acquire` gave it a moment ago.
        now: the clock.
        seconds: how long the lease holds unless it is renewed.
        stopping: set when the process is to stop.
    """

    def __init__(
        self,
        leases: Leases,
        fence: int,
        now: Callable[[], datetime],
        seconds: float,
        stopping: threading.Event,
    ) -> None:
        self.fence = fence
        self._leases = leases
        self._now = now
        self._seconds = seconds
        self._stopping = stopping
        self._lost = threading.Event()
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._heart.join()
        try:
            self._leases.release(WORK, self.fence, self._now())
        except StoreError as refused:
            log.warning("The lease could not be given back and runs out by itself: %s", refused)

    def check(self) -> None:
        """Ask the store whether the lease is still held: before anything is written.

        Raises:
            StoppedError: it is not, or the process is to stop.
        """
        self.check_quickly()
        if not self._leases.check(WORK, self.fence, self._now()):
            self._lost.set()
            self.check_quickly()

    def check_quickly(self) -> None:
        """Look at what the renewing thread has found; costs nothing.

        Raises:
            StoppedError: the lease is lost, or the process is to stop.
        """
        if self._stopping.is_set():
            raise StoppedError("The server is stopping.", hint="The job is done again after its start.")
        if self._lost.is_set():
            raise StoppedError(
                "The lease on the work ran out while the job was at it.", hint="The job is done again."
            )

    def _beat(self) -> None:
        end = self._now() + timedelta(seconds=self._seconds)
        while not self._over.wait(self._seconds / 4):
            try:
                asked = self._now()
                if not self._leases.renew(WORK, self.fence, asked, self._seconds):
                    self._lost.set()
                    return
                end = asked + timedelta(seconds=self._seconds)
            except StoreError as error:
                # The store may come back before the lease runs out.
                log.warning("The lease could not be renewed: %s", error)
                if self._now() >= end:
                    self._lost.set()
                    return


class GuardedStages:
    """Shows stages, and ends the work at each word about it once the lease is lost.

    Args:
        stages: where the words go.
        held: the lease.
    """

    def __init__(self, stages: Stages, held: Held) -> None:
        self._stages = stages
        self._held = held

    @contextmanager
    def stage(self, title: str) -> Iterator[Report]:
        """Open a stage, if the lease is still held.

        Raises:
            StoppedError: it is not.
        """
        self._held.check()
        with self._stages.stage(title) as report:

            def checked(words: str, /, **counts: int) -> None:
                self._held.check_quickly()
                report(words, **counts)

            yield checked

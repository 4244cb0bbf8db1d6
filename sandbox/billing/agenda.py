"""What is to happen when: the one queue that moves an account through time."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Agenda:
    """Runs jobs in order of their time; jobs of the same second in the order they were put in."""

    __slots__ = ("_count", "_jobs")

    def __init__(self) -> None:
        self._jobs: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def push(self, at: int, job: Callable[..., None], *args: Any) -> None:
        """Have ``job(at, *args)`` called at an instant (seconds since the epoch), never one that is over."""
        self._count += 1
        heappush(self._jobs, (at, self._count, job, args))

    def run(self, until: int) -> None:
        """Run everything before ``until``, and what that adds."""
        while self._jobs and self._jobs[0][0] < until:
            at, _, job, args = heappop(self._jobs)
            job(at, *args)

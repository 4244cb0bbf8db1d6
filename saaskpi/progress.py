"""What a person sees while work is long: a live bar on a terminal, plain lines elsewhere.

Everything goes to standard error, so that standard output holds only what was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Report(Protocol):
    """Says how far a stage is."""

    def __call__(self, words: str, /, **counts: int) -> None:
        """Tell people in words; the run's history keeps the counts that came last, by name."""


class Stages(Protocol):
    """Shows the stages of a run, one after the other."""

    def stage(self, title: str) -> AbstractContextManager[Report]:
        """Open a stage; what it gives says how far it is, in words."""


class StageReporter:
    """Shows each stage with what it did and how long it took.

    Args:
        stream: where to write, usually standard error.
        clock: seconds that only rise, for the durations.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, title: str) -> Iterator[Report]:
        """Open a stage; the yielded function says how far it is, in words.

        Args:
            title: what the stage is called, for instance ``pull``.
        """
        started = self._clock()
        latest = ""

        def remember(words: str, /, **_: int) -> None:
            nonlocal latest
            latest = words
            show(words)

        with self._live(title) as show:
            yield remember
        self.seconds[title] = self._clock() - started
        self._console.print(f"{title:<8} {latest}  ({self.seconds[title]:.1f} s)", markup=False)

    @contextmanager
    def _live(self, title: str) -> Iterator[Report]:
        if not self._console.is_terminal:
            yield unseen
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=16, pulse_style="cyan"),
            TextColumn("{task.fields[words]}", markup=False),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(title, total=None, words="")
            yield lambda words, /, **_: progress.update(task, words=words)


def unseen(words: str, /, **counts: int) -> None:
    """Tell nobody."""
    del words, counts


class Silent:
    """Shows nothing: for tests and for callers that have their own display."""

    @contextmanager
    def stage(self, title: str) -> Iterator[Report]:
        """Open a stage that nobody watches.

        Args:
            title: ignored.
        """
        del title
        yield unseen

"""What was found when objects were read anew, and the threads that look for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field

from connectors.http import Json
from connectors.touched import Ref

Rule = tuple[str, str, str]
"""Stream, column and value of rows that are void; several columns and values are joined by "+"."""


@dataclass(slots=True)
class Found:
    """What one call, or a few that depend on each other, brought.

    Attributes:
        rows: streams and records, exactly as a full pull has them.
        gone: rows read before that no longer stand.
        missing: objects that were asked for and are not there any more.
        customers: Stripe customers that the objects belong to.
        companies: HubSpot companies that the objects are or are linked to.
        contacts: HubSpot contacts that the objects are or are linked to.
        merged: objects that answered under another's id, which now stands for them.
        more: what to read next, as found out only now.
    """

    rows: list[tuple[str, Json]] = field(default_factory=list)
    gone: list[Rule] = field(default_factory=list)
    missing: set[Ref] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)
    companies: set[str] = field(default_factory=set)
    contacts: set[str] = field(default_factory=set)
    merged: dict[Ref, Ref] = field(default_factory=dict)
    more: list[Task] = field(default_factory=list)


Task = Callable[[], Found]


def find_all(pool: Executor, tasks: Iterable[Task]) -> Iterator[Found]:
    """Run tasks in the threads of a pool, and what they ask for next; yield what each found.

    The first error stops all: no thread begins another task, those under way are waited for, then it is
    raised. A refused key thus costs one call per thread at most.
    """
    stop = threading.Event()
    under_way = {pool.submit(_unless, stop, task) for task in tasks}
    try:
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                found = future.result()
                under_way |= {pool.submit(_unless, stop, task) for task in found.more}
                yield found
    finally:
        stop.set()
        _let_end(under_way)


def _unless(stop: threading.Event, task: Task) -> Found:
    if stop.is_set():
        return Found()
    try:
        return task()
    except BaseException:
        # Set here and not by whoever waits: this thread may begin its next task before that one wakes.
        stop.set()
        raise


def _let_end(under_way: Iterable[Future[Found]]) -> None:
    for future in under_way:
        future.cancel()
    wait([future for future in under_way if not future.cancelled()])

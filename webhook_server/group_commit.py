"""Group commit: requests that come in together are put on disk together, each answered after its commit.

There is no thread for it: of the requests that wait, one writes for all. While it waits for the disk the next
ones queue up, and whoever comes first of them writes those.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from warehouse.inbox import Event

MOST: Final = 256
"""Events in one commit, but for a single request that holds more."""

Added = set[tuple[str, str]]


@dataclass(slots=True)
class _Waiting:
    """One request's events, what came of them, and whether it is its turn to read that or to write."""

    events: Sequence[Event]
    turn: threading.Event = field(default_factory=threading.Event)
    added: Added = field(default_factory=set)
    error: BaseException | None = None
    over: bool = False


class GroupCommit:
    """Writes the events of several threads in one transaction.

    Args:
        add: puts events into the store, all or none, on disk when it returns; gives the keys of the new ones.
        wake: is called after each commit that brought something new.
    """

    def __init__(self, add: Callable[[Sequence[Event]], Added], wake: Callable[[], None]) -> None:
        self._add = add
        self._wake = wake
        self._queue: deque[_Waiting] = deque()
        self._lock = threading.Lock()
        self._has_writer = False

    def add(self, events: Sequence[Event]) -> int:
        """Put events into the store; they are on disk when this returns.

        Returns:
            How many were new.

        Raises:
            StoreError: the store cannot be written; none of them is in it.
        """
        mine = _Waiting(events)
        with self._lock:
            self._queue.append(mine)
            writes = not self._has_writer
            self._has_writer = True
        if not writes:
            mine.turn.wait()
        if not mine.over:
            self._commit()
        if mine.error:
            raise mine.error
        return len(mine.added)

    def _commit(self) -> None:
        """Write for the first in the queue, who calls this, and those behind it; then pass the turn on."""
        with self._lock:
            batch = self._next()
        try:
            added = self._add([event for waiting in batch for event in waiting.events])
        except BaseException as error:  # noqa: BLE001 - each request of the batch raises it
            for waiting in batch:
                waiting.error = error
        else:
            _share(added, batch)
            if added:
                self._wake()
        finally:
            self._pass_on(batch)

    def _pass_on(self, batch: Sequence[_Waiting]) -> None:
        with self._lock:
            self._has_writer = bool(self._queue)
            if self._queue:
                self._queue[0].turn.set()
        for waiting in batch:
            waiting.over = True
            waiting.turn.set()

    def _next(self) -> list[_Waiting]:
        batch = [self._queue.popleft()]
        size = len(batch[0].events)
        while self._queue and size + len(self._queue[0].events) <= MOST:
            batch.append(self._queue.popleft())
            size += len(batch[-1].events)
        return batch


def _share(added: Added, batch: Sequence[_Waiting]) -> None:
    """Tell each request which of the new events were its own; one that two sent was new to the first."""
    left = set(added)
    for waiting in batch:
        waiting.added = left & {(event.source, event.event_id) for event in waiting.events}
        left -= waiting.added

"""Keeps every client of one API within its limit."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable


class RateLimiter:
    """Lets at most ``calls`` through in any span of ``per`` seconds. Thread-safe; one per API.

    It remembers the times of the last ``calls`` passes, so that both vendors' limits ("100 per 10
    seconds") can be used to the full and are never exceeded; a bucket that refills would allow twice the
    limit in its first window.

    Args:
        calls: passes per window.
        per: length of the window in seconds.
        clock: monotonic seconds.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        calls: int,
        per: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._passes: deque[float] = deque(maxlen=calls)
        self._per = per
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()

    def acquire(self) -> None:
        """Wait for the next free place, in the order of the calls."""
        with self._lock:
            now = self._clock()
            slot = now
            if len(self._passes) == self._passes.maxlen:
                slot = max(now, self._passes[0] + self._per)
            self._passes.append(slot)
        if slot > now:
            self._sleep(slot - now)

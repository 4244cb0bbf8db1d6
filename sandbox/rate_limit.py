"""A token bucket, for both vendors' limits."""

import threading
import time
from collections.abc import Callable


class TokenBucket:
    """Lets ``rate`` requests a second through, with bursts of up to ``burst``. Thread-safe.

    Args:
        rate: Tokens a second; None lets everything through.
        burst: Size of the bucket; the rate by default (one second's worth).
        clock: Monotonic seconds, injected.
    """

    def __init__(
        self, rate: float | None, burst: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst if burst is not None else max(1.0, rate or 1.0)
        self._clock = clock
        self._tokens = self._burst
        self._at = clock()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take one token: 0.0 when there was one, otherwise the seconds until there will be."""
        if self._rate is None:
            return 0.0
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens >= 1.0:
                self._tokens -= 1.0
                return 0.0
            return (1.0 - self._tokens) / self._rate

"""Keeps every client of one API within its limits: those of a moment and those of a day."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from saaskpi.errors import UnavailableError

DAY = timedelta(days=1)
_BUCKET = timedelta(minutes=10)
"""The grain in which the calls of a day are counted."""
_ASK_AGAIN = timedelta(minutes=10)
"""After this long one call may go out to hear whether the vendor has renewed the day's allowance."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class RateLimiter:
    """Lets at most ``calls`` through in any span of ``per`` seconds. Thread-safe; one per API.

    It remembers the times of the last ``calls`` passes, so that both vendors' limits ("100 per 10
    seconds") can be used to the full and are never exceeded; a bucket that refills would allow twice the
    limit in its first window.

    Args:
        calls: passes per window.
        per: length of the window in seconds.
        day: counts the calls of a day too; None where the vendor does not.
        clock: monotonic seconds.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        calls: int,
        per: float = 1.0,
        *,
        day: DailyAllowance | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._passes: deque[float] = deque(maxlen=calls)
        self._per = per
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self.day = day

    def acquire(self) -> None:
        """Wait for the next free place, in the order of the calls.

        Raises:
            UnavailableError: the day's allowance is used up; the hint says when to go on.
        """
        if self.day is not None:
            self.day.take()
        with self._lock:
            now = self._clock()
            slot = now
            if len(self._passes) == self._passes.maxlen:
                slot = max(now, self._passes[0] + self._per)
            self._passes.append(slot)
        if slot > now:
            self._sleep(slot - now)

    def heard(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer says of the limits."""
        if self.day is not None:
            self.day.heard(headers)


class DailyAllowance:
    """The calls of a day, of which a share is left to others. Thread-safe.

    Our own calls are counted over the last 24 hours. Where the vendor says how many are left for everybody
    together (HubSpot does), its word counts as well: the others may have used more than their share.

    Args:
        vendor: its name.
        calls: the whole allowance.
        share: how much of it is ours.
        now: the clock (UTC, aware).
    """

    def __init__(
        self, vendor: str, calls: int, share: float = 1.0, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self._vendor = vendor
        self._most = max(1, int(calls * share))
        self._share = share
        self._now = now
        self._counted: dict[datetime, int] = {}
        self._left: tuple[int, int] | None = None
        self._heard_at = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def take(self) -> None:
        """Count one call.

        Raises:
            UnavailableError: it would be one too many.
        """
        with self._lock:
            now = self._now()
            self._forget(now - DAY)
            if sum(self._counted.values()) >= self._most:
                self._refuse(min(self._counted) + _BUCKET + DAY)
            if self._is_spent() and now < self._heard_at + _ASK_AGAIN:
                self._refuse(self._heard_at + _ASK_AGAIN)
            bucket = now - timedelta(seconds=now.timestamp() % _BUCKET.total_seconds())
            self._counted[bucket] = self._counted.get(bucket, 0) + 1
            # Of several that wait for the vendor to renew it, one asks.
            self._heard_at = max(self._heard_at, now) if self._is_spent() else self._heard_at

    def heard(self, headers: Mapping[str, str]) -> None:
        """Take in how many calls the vendor says are left of how many; an answer may not say it."""
        left, whole = (
            headers.get(f"X-{self._vendor}-RateLimit-Daily{name}", "") for name in ("-Remaining", "")
        )
        if left.isdecimal() and whole.isdecimal():
            with self._lock:
                self._left, self._heard_at = (int(left), int(whole)), self._now()

    def _is_spent(self) -> bool:
        """Tell whether only the part that is the others' is left, by the vendor's word."""
        if self._left is None:
            return False
        left, whole = self._left
        return left <= whole - int(whole * self._share)

    def _forget(self, before: datetime) -> None:
        for bucket in [one for one in self._counted if one + _BUCKET <= before]:
            del self._counted[bucket]

    def _refuse(self, until: datetime) -> None:
        raise UnavailableError(
            f"Our share of {self._vendor}'s calls of a day is used up.",
            hint=f"Go on after {until:%Y-%m-%d %H:%M} UTC, or raise the share in the settings.",
        )


_SHARED: dict[tuple[str, str, int, float], RateLimiter] = {}
_SHARED_LOCK = threading.Lock()


def shared_limiter(
    base_url: str, token: str, calls: int, per: float, day: Callable[[], DailyAllowance] | None = None
) -> RateLimiter:
    """Return the one limiter of this process for an API and a key, made when first asked for.

    Args:
        base_url: of the API.
        token: the key; only a digest of it is remembered.
        calls: passes per window.
        per: length of the window in seconds.
        day: makes the count of the day, where there is none yet.
    """
    key = (base_url.rstrip("/"), hashlib.sha256(token.encode()).hexdigest(), calls, per)
    with _SHARED_LOCK:
        limiter = _SHARED.setdefault(key, RateLimiter(calls, per))
        if limiter.day is None and day is not None:
            limiter.day = day()
        return limiter

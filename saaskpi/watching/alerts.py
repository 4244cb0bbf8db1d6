"""Alerts: the same trouble is told once until it is over, and that it is over is told too.

An alert is kept in the store first; a thread tells it. So a run is never held up, a channel that fails is
tried again, and what could not be told before the process ended is told by the next.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from saaskpi.errors import AccessError, NeedsPersonError, SaaskpiError
from saaskpi.watching.channels import Channel, ChannelError
from saaskpi.watching.redaction import redacted
from warehouse.alerts import AlertLog

TITLES: Final = {
    "run_failed": "A run failed",
    "guard_tripped": "A person must decide",
    "access_refused": "A key is refused",
    "signatures_failing": "Webhooks with wrong signatures",
    "mrr_not_reconciled": "MRR does not reconcile",
    "dead_letters": "Events could not be processed",
    "band_changes": "Health bands changed",
    "test": "A test",
}
NEWS: Final = ("band_changes", "test")
"""Kinds that are no trouble: told, never over."""
LEASE: Final = timedelta(minutes=5)
LOOK_SECONDS: Final = 30.0
ATTEMPTS: Final = 12
_FIRST_DELAY: Final = timedelta(minutes=1)
_LONGEST_DELAY: Final = timedelta(hours=2)
_LONGEST: Final = 3_000

_log = logging.getLogger(__name__)


class Alerts:
    """Tells people what goes wrong; nothing in it ever breaks or holds up the caller.

    Args:
        log: opens the alerts of the store.
        channels: ways to tell; none keeps the alerts without telling them.
        now: the clock (aware, UTC).
    """

    def __init__(
        self, log: Callable[[], AlertLog], channels: Sequence[Channel], now: Callable[[], datetime]
    ) -> None:
        self._open = log
        self._channels = channels
        self._now = now
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()

    def raise_(self, kind: str, about: str, message: str, now: datetime | None = None) -> None:
        """Say that something is wrong.

        Args:
            kind: one of :data:`TITLES`.
            about: what it is about: a kind about something is told once until it is over.
            message: what is wrong and what to do; secrets and addresses are masked.
            now: the clock's time; asked for by default.
        """
        words, at = redacted(message)[:_LONGEST], now or self._now()
        self._keep(lambda log: log.raise_(kind, about, words, at, tell=bool(self._channels)))

    def over(self, kind: str, about: str, now: datetime | None = None) -> None:
        """Say that it is over; nothing happens when it was not raised."""
        self._keep(lambda log: log.over(kind, about, now or self._now(), tell=bool(self._channels)))

    def set(self, kind: str, about: str, message: str | None) -> None:
        """Say what is wrong, or None that nothing is."""
        if message is None:
            self.over(kind, about)
        else:
            self.raise_(kind, about, message)

    def band_changes(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Tell of the day's changes of health bands in one digest, after the day has ended (UTC).

        Args:
            changes: account_id, before, band, score_before and score each, as an enrichment gives them.
        """
        if not (changes and self._channels):
            return
        now = self._now()
        due = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        words = redacted("\n".join(_band_change(change) for change in changes))
        self._keep(lambda log: log.collect("band_changes", now.date().isoformat(), words, now, due))

    def deliver(self) -> tuple[int, int]:
        """Tell what is due, in this thread; return how many alerts were told and how many were not."""
        told = failed = 0
        log, now = self._open(), self._now()
        for row in log.claim(now, LEASE):
            done, error = self._tell(row)
            if error is None:
                log.settle(row, done, now)
                told += 1
                continue
            failed += 1
            given_up = row["attempts"] + 1 >= ATTEMPTS
            log.put_off(row, done, error, None if given_up else now + _delay(row["attempts"]))
            _log.warning("an alert could not be told: %s", error, extra={"event": "alert"})
        return told, failed

    def start(self) -> None:
        """Begin to tell in a thread; the first alert does it too."""
        with self._lock:
            if self._thread is None and self._channels:
                self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
                self._thread.start()

    def close(self, seconds: float = 10.0) -> None:
        """Let what is being told be told, but wait no longer than this; the rest is told next time."""
        self._stop.set()
        self._wake.set()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(timeout=seconds)

    def _keep(self, change: Callable[[AlertLog], object]) -> None:
        try:
            if change(self._open()) is not False and self._channels:
                self.start()
                self._wake.set()
        except (SaaskpiError, SQLAlchemyError) as error:
            _log.warning("an alert could not be kept: %s", type(error).__name__, extra={"event": "alert"})

    def _run(self) -> None:
        while True:
            self._wake.wait(timeout=LOOK_SECONDS)
            self._wake.clear()
            try:
                self.deliver()
            except (SaaskpiError, SQLAlchemyError) as error:
                _log.warning("alerts could not be read: %s", type(error).__name__, extra={"event": "alert"})
            if self._stop.is_set():
                return

    def _tell(self, row: Mapping[str, Any]) -> tuple[list[str], str | None]:
        """Tell every channel that does not know yet; return what is told now, and what went wrong."""
        is_over = row["over_at"] is not None and row["kind"] not in NEWS
        what = "over" if is_over else "raised"
        title, text = words_of(row)
        told, error = list(row["told"]), None
        for channel in self._channels:
            mark = f"{channel.name}:{what}"
            if mark in told:
                continue
            try:
                channel.send(title, text)
                told.append(mark)
            except ChannelError as trouble:
                error = f"{channel.name}: {trouble}"
        return told, error


def words_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the title and the text of an alert."""
    title = TITLES.get(row["kind"], row["kind"])
    if row["kind"] in NEWS:
        return f"saaskpi: {title}", row["message"]
    since = f"{row['raised_at']:%Y-%m-%d %H:%M} UTC"
    if row["over_at"] is None:
        return f"saaskpi: {title}", f"{row['message']}\nSince {since}."
    return f"saaskpi: over: {title}", f"Over since {row['over_at']:%Y-%m-%d %H:%M} UTC: {row['message']}"


class StageAlerts:
    """Raises alerts when stages of a run fail, and ends them when they are done again.

    Args:
        alerts: tell people.
    """

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts

    def failed(self, stage: str, error: BaseException) -> None:
        """Tell why a stage failed; that somebody stopped it is no trouble."""
        if not isinstance(error, Exception) or not getattr(error, "is_trouble", True):
            return
        kind = "run_failed"
        if isinstance(error, AccessError):
            kind = "access_refused"
        elif isinstance(error, NeedsPersonError):
            kind = "mrr_not_reconciled" if stage == "reconcile" else "guard_tripped"
        words = (
            str(error) if isinstance(error, SaaskpiError) else f"An error of the kind {type(error).__name__}."
        )
        self._alerts.raise_(kind, stage, f"{stage}: {words}")

    def done(self, stage: str) -> None:
        """Tell that what was wrong with a stage is over."""
        for kind in ("run_failed", "access_refused", "guard_tripped", "mrr_not_reconciled"):
            self._alerts.over(kind, stage)


class SignatureAlerts:
    """Tells when many webhooks of a source fail their signature: a wrong secret, or somebody tries.

    Args:
        alerts: tell people.
        limit: so many within the window are told of.
        window: how far back failures count.
        now: the clock (aware, UTC).
    """

    def __init__(
        self,
        alerts: Alerts,
        now: Callable[[], datetime],
        limit: int = 20,
        window: timedelta = timedelta(minutes=10),
    ) -> None:
        self._alerts = alerts
        self._now = now
        self._limit = limit
        self._window = window
        self._failures: dict[str, deque[datetime]] = defaultdict(deque)
        self._raised: set[str] = set()
        self._lock = threading.Lock()

    def note(self, source: str, *, accepted: bool) -> None:
        """Note one webhook; cheap, so that each can be noted."""
        now = self._now()
        with self._lock:
            failures = self._failures[source]
            if not accepted:
                failures.append(now)
            while failures and (now - failures[0] > self._window or len(failures) > self._limit):
                failures.popleft()
            is_many = len(failures) >= self._limit
            changed = is_many != (source in self._raised)
            # A wrong secret makes every webhook fail: only one that passes says that it is over.
            if not changed or (not is_many and not accepted):
                return
            self._raised ^= {source}
        minutes = int(self._window.total_seconds() // 60)
        message = (
            f"{self._limit} webhooks of {source} within {minutes} minutes had a wrong signature. "
            f"Is the secret the one of this endpoint? If it is, somebody else sends them."
        )
        self._alerts.set("signatures_failing", source, message if is_many else None)


def _band_change(change: Mapping[str, Any]) -> str:
    points = f"{change['score_before']} to {change['score']} points"
    return f"{change['account_id']}: {change['before']} to {change['band']}, {points}"


def _delay(attempts: int) -> timedelta:
    return min(_FIRST_DELAY * (1 << min(attempts, 10)), _LONGEST_DELAY)

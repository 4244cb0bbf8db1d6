"""Turns what came in into numbers in the CRM: claims events, lets bursts settle, refreshes their accounts.

Events are marked as processed after their refresh. A worker that is killed leaves claims that run out within
a minute; whoever takes the events then does them again, which changes nothing that was done already.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from connectors.touched import Ref, Touched, all_of
from saaskpi.erasing import erase
from saaskpi.errors import (
    AccessError,
    MissingPermissionError,
    NeedsPersonError,
    SaaskpiError,
    StoreError,
    UnavailableError,
    UsageError,
)
from saaskpi.pipeline import Pipeline
from saaskpi.results import Written
from saaskpi.usage.posted import write_posted
from warehouse.access import AuditLog
from warehouse.inbox import Received
from webhook_server.debounce import Debounce
from webhook_server.events import about, touched_by
from webhook_server.live import Live
from webhook_server.memory import give_back
from webhook_server.missed import missed

log = logging.getLogger(__name__)

MOST: Final = 1000
"""Events claimed in one commit, for which others wait."""
MOST_HELD: Final = 10_000
"""While so many events are held back no others are claimed: some tens of megabytes of bodies. Of a backlog
much has to be in sight, or each account in it is refreshed again and again instead of once."""
MOST_ACCOUNTS: Final = 50
"""Accounts of one refresh: the memory it takes grows with them, and whoever waits has to wait for all."""
LEASE: Final = timedelta(seconds=60)
"""A claim is renewed while its worker lives."""
MANY, BUSY = 10, 0.25
"""After a claim of so many events, seconds until the next: it is a commit, for which others wait."""
LOOK: Final = 1.0
"""Seconds between two looks when nobody says that something came in."""
WARM: Final = 10.0
"""Seconds between two looks at what others did, when there is nothing else to do."""
SPARE: Final = 600.0
"""Seconds between two whole looks of the garbage collector when there is nothing else to do."""
GIVE_BACK: Final = 10.0
"""Seconds between two times at which memory is given back to the system."""
PATIENCE: Final = 60.0
"""Seconds that posted usage waits for others who work in the home."""
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 300.0
_SUSPICIOUS: Final = 5
"""So many single events that fail one after the other are no bad events: something else is wrong."""


class Refresher(Protocol):
    """Brings accounts up to date."""

    def __call__(self, touched: Touched) -> object:
        """As :meth:`saaskpi.pipeline.Pipeline.refresh`."""


class Worker:
    """Processes the inbox of one server until it is stopped.

    Args:
        live: the running server.
        refresh: instead of a pipeline over the settings' home, for tests.
    """

    def __init__(self, live: Live, refresh: Refresher | None = None) -> None:
        self._live = live
        self._services = live.services
        self._inbox = live.inbox
        self._metrics = live.metrics
        settings = self._services.settings
        self._quiet = settings.server.debounce_seconds
        self._usage_key = settings.usage.posted_key
        self._debounce = Debounce(timedelta(seconds=self._quiet))
        self._pipeline: Pipeline | None = None
        self._refresh = refresh or self._refreshed
        self._is_own = refresh is None
        self._halted: str | None = None
        self._accepted = self._stumbled = False
        self._failures = self._claimed = 0
        self._paused_until = self._warm_at = self._spare_at = self._given_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to work, in a thread of its own."""
        self._thread.start()

    def stop(self, seconds: float = 30.0) -> None:
        """Let the refresh at hand end and give back what is claimed beyond it."""
        self._stop.set()
        self._live.arrived.set()
        if self._thread.is_alive():
            self._thread.join(timeout=seconds)

    def trouble(self) -> str | None:
        """Say why nothing is processed, None when all is well."""
        if self._halted:
            return self._halted
        started = self._thread.ident is not None
        return "The worker has ended." if started and not self._thread.is_alive() else None

    # One thread runs what follows, a second one renews its claims.

    def _run(self) -> None:
        heart = threading.Thread(target=self._renew, name="claims", daemon=True)
        heart.start()
        self._catch_up()
        self._warm()
        while not self._stop.is_set():
            try:
                self.step()
            except Exception:  # the loop must survive: a full disk passes, a bad event is put aside elsewhere
                log.exception("the worker stumbled")
                self._stumbled = True
                self._pause()
            self._give_back()
            self._wait()
        self._end()

    def _catch_up(self) -> None:
        """Take in what Stripe told of while no server was there."""
        if not self._is_own:
            return
        try:
            last = self._inbox.newest("stripe")
            if last is not None:
                for events in missed(self._opened().stripe, last, self._services.now()):
                    self._inbox.add(events)
        except MissingPermissionError as error:  # to see events is one permission of many
            log.warning("what was missed waits for the scheduled jobs: %s", error)
        except AccessError as error:
            self._halt(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker has to begin
            log.warning("what was missed waits for the scheduled jobs: %s", type(error).__name__)

    def _warm(self) -> None:
        """Take in what others did in the home, so that no event need wait for it."""
        if not self._is_own or self._halted or time.monotonic() < self._warm_at:
            return
        self._warm_at = time.monotonic() + WARM
        try:
            self._opened().warm()
            self._spare()
        except SaaskpiError as error:
            log.debug("not ready yet: %s", error)
        except Exception:  # whatever it is, the events that come in meet it again and say so
            log.exception("the worker could not get ready")

    def _spare(self) -> None:
        """Take what is held for long out of the collector's sight: a look through it takes 0.2 s."""
        if time.monotonic() >= self._spare_at:
            self._spare_at = time.monotonic() + SPARE
            gc.unfreeze()
            gc.collect()
            gc.freeze()

    def _give_back(self) -> None:
        """Let the memory of refreshes not stay in pieces between what is held."""
        if time.monotonic() >= self._given_at:
            self._given_at = time.monotonic() + GIVE_BACK
            give_back()

    def _renew(self) -> None:
        while not self._stop.wait(LEASE.total_seconds() / 3):
            try:
                self._inbox.renew(self._services.holder, self._services.now() + LEASE)
            except (StoreError, SQLAlchemyError) as error:
                log.warning("claims could not be renewed: %s", type(error).__name__)

    def _wait(self) -> None:
        due = self._debounce.next_due()
        seconds = LOOK if due is None else (due - self._services.now()).total_seconds()
        seconds = max(seconds, self._paused_until - time.monotonic())
        if seconds <= 0:  # more was due than one refresh takes
            return
        if self._live.arrived.wait(timeout=min(max(seconds, 0.01), LOOK)):
            # Not one claim for each event: what comes within the quiet time is claimed at once.
            least = BUSY if self._claimed >= MANY else 0.0
            self._stop.wait(min(max(self._quiet, least), LOOK))
            self._live.arrived.clear()
        elif self._debounce.next_due() is None:
            self._warm()

    def step(self) -> int:
        """Claim what is due and refresh the accounts of what has waited enough; return how many events."""
        if self._halted or time.monotonic() < self._paused_until:
            return 0
        now = self._services.now()
        if self._stumbled:  # what was at hand is not known any more, so all of it begins anew
            self._debounce.all()
            self._inbox.give_back(self._services.holder, now)
            self._stumbled = False
        nothing = []
        self._claimed = 0
        for row in self._claim(now):
            self._claimed += 1
            touched = touched_by(row, self._usage_key)
            if touched or row.source == "usage":
                self._debounce.add(about(touched), row)
            else:
                nothing.append(row)
        if nothing:
            self._done(nothing)
        ripe = self._debounce.ripe(now, MOST_ACCOUNTS)
        if ripe:
            self._process(ripe)
        return len(ripe) + len(nothing)

    def _claim(self, now: datetime) -> Iterator[Received]:
        """Take all that is due and has room, also of what turns out to need no refresh."""
        for _ in range(0, MOST_HELD - len(self._debounce), MOST):
            claimed = self._inbox.claim(self._services.holder, now, MOST, LEASE)
            yield from claimed
            if len(claimed) < MOST:
                return

    def _process(self, rows: Sequence[Received]) -> None:
        """Refresh all at once; when that fails for one event's sake, find it by halving."""
        parts, failed = [rows], 0
        while parts:
            part = parts.pop()
            if self._stop.is_set():
                self._release([part, *parts], None, 0.0)
                return
            try:
                self._do(part)
            except (UnavailableError, StoreError, UsageError) as error:
                # A host, the disk, a file that somebody writes: none of them is the events' fault.
                self._count(error)
                self._release([part, *parts], error, self._pause())
                return
            except AccessError as error:
                self._count(error)
                self._release([part, *parts], error, 0.0)
                self._halt(str(error))
                return
            except NeedsPersonError as error:
                # Everything is read and computed, and the stage has told somebody: the next apply writes it.
                self._count(error)
                self._done(part)
            except Exception as error:  # noqa: BLE001 - whatever an event can cause must stop at that event
                self._count(error)
                if len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                    continue
                failed += 1
                self._fail(part[0], error)
                if failed >= _SUSPICIOUS:
                    self._release(parts, error, self._pause())
                    return
            else:
                failed = self._failures = 0
                self._done(part)
                self._over()

    def _do(self, rows: Sequence[Received]) -> None:
        used = [row for row in rows if row.source == "usage"]
        if used:
            with self._opened().alone(wait=PATIENCE):
                write_posted(self._services.settings.home, {row.id: _usage_row(row) for row in used})
        touched = all_of(touched_by(row, self._usage_key) for row in rows)
        if touched.erased:
            # Whoever asked for the contact once more would write down that it is gone, and under which id.
            erased = erase(self._opened(), {ref.id for ref in touched.erased})
            companies = frozenset(Ref("companies", company) for company in erased.companies)
            touched = touched.without(touched.erased) | Touched(hubspot=companies)
        if touched:
            with self._metrics.processing.time():
                self._refresh(touched)

    def _refreshed(self, touched: Touched) -> Written:
        """Refresh, and put down who wrote to the CRM when something was written."""
        written = self._opened().refresh(touched)
        counts = {name: count for name, count in written.result.counts().items() if count}
        if counts:
            detail = {"plan_hash": written.plan.hash, **counts}
            audit = AuditLog(self._services.store.engine)
            audit.write(self._services.now(), "webhook", "apply", written.plan.apply_id, "done", detail)
        return written

    def _done(self, rows: Sequence[Received]) -> None:
        self._inbox.done([row.id for row in rows], self._services.now())
        for source, count in Counter(row.source for row in rows).items():
            self._metrics.processed.labels(source).inc(count)

    def _fail(self, row: Received, error: Exception) -> None:
        # The kind of error only: its text may quote the event.
        reason = str(error) if hasattr(error, "hint") else type(error).__name__
        if self._inbox.retry([row.id], self._services.now(), reason):
            log.error("event %s %s was given up: %s", row.source, row.event_id, type(error).__name__)
            words = "An event could not be processed, however often. See: saaskpi dead-letters"
            self._tell("dead_letters", words)

    def _release(self, parts: Sequence[Sequence[Received]], error: Exception | None, pause: float) -> None:
        ids = [row.id for part in parts for row in part]
        due = self._services.now() + timedelta(seconds=pause)
        self._inbox.release(ids, due, str(error) if error else None)

    def _count(self, error: Exception) -> None:
        self._metrics.failures.labels(type(error).__name__).inc()
        log.warning("a refresh failed: %s", error if hasattr(error, "hint") else type(error).__name__)

    def _pause(self) -> float:
        """Rest, each time longer; return for how many seconds."""
        seconds = min(_FIRST_PAUSE * 2.0 ** min(self._failures, 10), _LONGEST_PAUSE)
        self._failures += 1
        self._paused_until = time.monotonic() + seconds
        return seconds

    def _halt(self, reason: str) -> None:
        """Call nobody any more: a refused key gets no better by trying; the events stay."""
        self._halted = f"Nothing is processed: {reason} Mend it and start the server again."
        self._metrics.halted.set(1)
        self._tell("access_refused", self._halted)
        self._release([self._debounce.all()], None, 0.0)

    def _over(self) -> None:
        """Say once that a key that may have been refused before the start is accepted."""
        if not self._accepted:
            self._accepted = True
            self._tell("access_refused", None)

    def _tell(self, kind: str, message: str | None) -> None:
        if self._services.alerts:
            self._services.alerts.set(kind, "webhooks", message)

    def _opened(self) -> Pipeline:
        if self._pipeline is None:
            self._pipeline = self._services.pipeline()
        return self._pipeline

    def _end(self) -> None:
        try:
            self._release([self._debounce.all()], None, 0.0)
        except (StoreError, SQLAlchemyError) as error:
            log.warning("claims could not be given back, they run out: %s", type(error).__name__)
        if self._pipeline is not None:
            self._pipeline.close()
        gc.unfreeze()


def _usage_row(row: Received) -> dict[str, Any]:
    event = msgspec.json.decode(row.payload)
    names = ("account", "user", "event", "at", "quantity")
    return {name: event.get(name) for name in names} | {"known_at": row.received_at.isoformat()}

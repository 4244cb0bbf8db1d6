"""Pulls: everything, or only what has changed since the last one.

The bookmarks, how far each vendor has been read, lie in the landing's state and are saved with the rows that
were read up to them, never ahead.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from connectors.found import find_all
from connectors.http import Json
from connectors.hubspot.anew import STREAM_OF, HubSpotAnew
from connectors.hubspot.changes import Mark, modified_since, newest_of
from connectors.hubspot.client import PIPELINE_TYPES, HubSpotClient
from connectors.stripe.changes import bookmark, events_since, is_kept, newest_event
from connectors.stripe.client import StripeClient
from connectors.stripe.events import touched_by
from connectors.touched import Ref, Touched
from saaskpi.progress import Report
from saaskpi.rereading import STREAMS, Reread, Rereader, columns, land, threads
from saaskpi.results import PullResult
from tap_saaskpi.tap import TapSaaskpi
from warehouse.landing import Landing
from warehouse.landing_writer import DeltaWriter

NOTE = "saaskpi"
"""Name of the bookmarks in the landing's state."""
EVENTS = "stripe_events"
MOST_DAYS = 29
"""Stripe keeps events for 30 days; a bookmark older than this leads to a full pull."""
MOST_CHANGED = 0.3
"""Share of the customers above which reading everything is less work."""
FEW_CUSTOMERS = 300
"""Up to that many changed customers are read one by one, whatever their share."""
CUSTOMERS_AT_ONCE = 200
OBJECTS_AT_ONCE = 1000


class NeedsFullError(Exception):
    """What has changed cannot be told, or is too much: only a full pull helps. Says why."""


def take_bookmarks(stripe: StripeClient, hubspot: HubSpotClient, now: datetime) -> Json:
    """Return how far a full pull that begins now will have read.

    Args:
        stripe: of the account.
        hubspot: of the portal.
        now: the clock's time (UTC, aware).

    Raises:
        AccessError: a key is refused.
        UnavailableError: a vendor does not answer.
    """
    return {
        "stripe": newest_event(stripe),
        "hubspot": newest_of(hubspot, object_types(STREAMS)),
        "read_at": now.isoformat(),
    }


def pull_everything(
    landing: Landing,
    stripe: StripeClient,
    hubspot: HubSpotClient,
    config: dict[str, Any],
    now: Callable[[], datetime],
    report: Report,
) -> PullResult:
    """Read everything into the landing; it becomes visible at the end.

    Args:
        landing: takes the records.
        stripe: of the account, for the bookmark.
        hubspot: of the portal, for the bookmarks.
        config: of the tap.
        now: the clock (UTC, aware).
        report: told how far it is.

    Raises:
        AccessError: a key is refused.
        UnavailableError: a vendor does not answer.
        StoreError: another one reads everything, or the landing cannot be written.
    """
    with _quiet_tap(), landing.begin(now()) as writer:
        writer.notes[NOTE] = take_bookmarks(stripe, hubspot, now())
        writer.watch = lambda stream, rows: report(f"{stream}: {rows:,} records")
        TapSaaskpi(config=config, message_writer=writer, only=STREAMS).sync_all()
    return PullResult(dict(sorted(writer.rows.items())), dict(writer.rejected))


@contextmanager
def _quiet_tap() -> Iterator[None]:
    """Keep the SDK's own log lines out of the progress; warnings still show."""
    logger = logging.getLogger("tap-saaskpi")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def object_types(streams: Sequence[str] | frozenset[str]) -> list[str]:
    """Return the types of the HubSpot objects that some streams hold."""
    return sorted(kind for kind, stream in STREAM_OF.items() if stream.name in streams)


class Changes:
    """One pull of what has changed since the bookmarks.

    Args:
        landing: holds a full pull and its bookmarks; takes the records.
        stripe: of the account.
        hubspot: of the portal.
        now: the clock (UTC, aware).
        report: told how far it is.
        doubted: HubSpot objects to read in any case: a write to them was refused.
    """

    def __init__(
        self,
        landing: Landing,
        stripe: StripeClient,
        hubspot: HubSpotClient,
        now: Callable[[], datetime],
        report: Report,
        doubted: frozenset[Ref] = frozenset(),
    ) -> None:
        self._landing = landing
        self._stripe = stripe
        self._hubspot = hubspot
        self._now = now
        self._report = report
        self._doubted = doubted
        self._rows: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()

    def pull(self) -> PullResult:
        """Read what has changed into the landing.

        The events, and the bookmarks with them, become visible last: a pull that breaks off begins again
        where the one before ended.

        Raises:
            NeedsFullError: there are no bookmarks, they are too old, or too much has changed.
            AccessError: a key is refused.
            UnavailableError: a vendor does not answer.
            StoreError: the landing cannot be written.
        """
        started = self._now()
        marks = self._marks(started)
        with self._landing.begin_delta(started) as last, threads() as pool:
            searching = pool.submit(self._modified, marks["hubspot"])
            touched, stripe_mark = self._events(last, marks["stripe"])
            refs, hubspot_marks = searching.result()
            self._check_share(touched)
            types = sorted(hubspot_marks)
            crm = HubSpotAnew(self._hubspot, STREAMS)
            staged = [kind for kind in PIPELINE_TYPES if kind in types]
            land(last, find_all(pool, [*crm.definitions(types), *crm.people_and_pipelines(staged)]))
            rereader = Rereader(self._landing, self._stripe, self._hubspot, pool)
            self._read(rereader, touched | Touched(hubspot=refs | self._doubted))
            marks = {"stripe": stripe_mark, "hubspot": hubspot_marks, "read_at": started.isoformat()}
            last.notes[NOTE] = marks
        self._rows.update(last.rows)
        self._rejected.update(last.rejected)
        return PullResult(dict(sorted(self._rows.items())), dict(self._rejected), full=False)

    def _marks(self, now: datetime) -> Json:
        marks: Json | None = self._landing.state().get(NOTE)
        if marks is None:
            raise NeedsFullError("nothing was read before")
        if now - datetime.fromisoformat(marks["read_at"]) > timedelta(days=MOST_DAYS):
            raise NeedsFullError(f"the last pull was more than {MOST_DAYS} days ago")
        if not is_kept(self._stripe, marks["stripe"]):
            raise NeedsFullError("Stripe no longer keeps the events since the last pull")
        return marks

    def _events(self, last: DeltaWriter, at: Json) -> tuple[Touched, Json]:
        """Land the events since a bookmark; return what they touched and the next bookmark."""
        stripe: set[Ref] = set()
        customers: set[str] = set()
        gone: set[Ref] = set()
        last.describe(EVENTS, columns(EVENTS))
        first: Json | None = None
        for page in events_since(self._stripe, at):
            for event in page:
                first = first or event
                last.add(EVENTS, event)
                touched = touched_by(event)
                stripe |= {ref for ref in touched.stripe if ref.kind != "event"}
                customers |= touched.customers
                gone |= touched.gone
            self._report(f"{len(customers):,} customers with events")
        touched = Touched(frozenset(stripe), customers=frozenset(customers), gone=frozenset(gone))
        return touched, bookmark(first) if first else at

    def _modified(self, marks: dict[str, Mark]) -> tuple[frozenset[Ref], dict[str, Mark]]:
        """Return the HubSpot objects modified since the bookmarks, and the next bookmarks."""
        refs: set[Ref] = set()
        later = {}
        for kind, since in sorted(marks.items()):
            ids, later[kind] = modified_since(self._hubspot, kind, since)
            refs |= {Ref(kind, id_) for id_ in ids}
        return frozenset(refs), later

    def _check_share(self, touched: Touched) -> None:
        there = self._landing.rows("stripe_customers")
        changed = len(touched.customers)
        if changed > max(FEW_CUSTOMERS, MOST_CHANGED * there):
            raise NeedsFullError(f"{changed:,} of {there:,} customers have changed")

    def _read(self, rereader: Rereader, touched: Touched) -> None:
        """Read what is named in batches, each a delta of its own, so that memory stays small."""
        parts = [
            *(Touched(customers=frozenset(part)) for part in _cut(touched.customers, CUSTOMERS_AT_ONCE)),
            *(Touched(stripe=frozenset(part)) for part in _cut(touched.stripe, OBJECTS_AT_ONCE)),
            *(Touched(hubspot=frozenset(part)) for part in _cut(touched.hubspot, OBJECTS_AT_ONCE)),
            *(Touched(gone=frozenset(part)) for part in _cut(touched.gone, OBJECTS_AT_ONCE)),
        ]
        linked: set[Ref] = set()
        for number, part in enumerate(parts, 1):
            found = self._read_part(rereader, part)
            linked |= {Ref("companies", id_) for id_ in found.companies}
            linked |= {Ref("contacts", id_) for id_ in found.contacts}
            self._report(f"part {number} of {len(parts)} of what has changed")
        # What is calculated from deals and activities changes without a word on when.
        for rest in _cut(frozenset(linked - touched.hubspot - touched.gone), OBJECTS_AT_ONCE):
            self._read_part(rereader, Touched(hubspot=frozenset(rest)))

    def _read_part(self, rereader: Rereader, part: Touched) -> Reread:
        found = rereader.read(part, self._now())
        self._rows.update(found.rows)
        return found


def _cut(items: frozenset[Any], size: int) -> Iterator[list[Any]]:
    ordered = sorted(items)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]

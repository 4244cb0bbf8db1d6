"""Reads what has changed anew: the named objects, from Stripe and HubSpot at once, into the landing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from connectors.found import Found, Rule, find_all
from connectors.hubspot.anew import HubSpotAnew, gone_object
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.streams import STREAMS as HUBSPOT_STREAMS
from connectors.hubspot.streams import HubSpotStream, ObjectStream, object_schema
from connectors.stripe.anew import StripeAnew
from connectors.stripe.client import StripeClient
from connectors.stripe.streams import STREAMS as STRIPE_STREAMS
from connectors.stripe.streams import load_schema
from connectors.touched import Ref, Touched
from enrichment.sources import SOURCES
from warehouse.columns import Column, columns_of
from warehouse.landing import Landing
from warehouse.landing_writer import DeltaWriter

CRM_STREAMS = ("hubspot_properties", "hubspot_tasks")
"""What the plan reads beside the models' own sources."""
STREAMS = frozenset({*SOURCES, *CRM_STREAMS})
"""The streams that a pull for an enrichment reads."""
THREADS = 16
"""One webhook of a failed payment names up to eleven objects; each wave of answers costs their latency."""
_CONTACTS = "hubspot_contacts"
_KEYS: dict[str, tuple[str, ...]] = {
    **{stream.name: stream.keys for stream in STRIPE_STREAMS},
    **{stream.name: stream.keys for stream in HUBSPOT_STREAMS},
}
_HUBSPOT: dict[str, type[HubSpotStream]] = {stream.name: stream for stream in HUBSPOT_STREAMS}


@dataclass(frozen=True, slots=True)
class Reread:
    """What reading anew brought.

    Attributes:
        customers: Stripe customers whose accounts are concerned.
        companies: HubSpot companies whose accounts are concerned, those that are gone included.
        contacts: HubSpot contacts concerned, those that are gone included.
        rows: rows landed per stream.
        missing: objects that were asked for and are not there any more.
        merged: HubSpot objects that were merged away, each with the one that stands for it now.
    """

    customers: frozenset[str] = frozenset()
    companies: frozenset[str] = frozenset()
    contacts: frozenset[str] = frozenset()
    rows: dict[str, int] = field(default_factory=dict)
    missing: frozenset[Ref] = frozenset()
    merged: dict[Ref, Ref] = field(default_factory=dict)


def reread(
    landing: Landing,
    stripe: StripeClient,
    hubspot: HubSpotClient,
    touched: Touched,
    now: datetime,
    pool: Executor | None = None,
) -> Reread:
    """Read the named objects anew and land them, all or nothing.

    Each Stripe object is read with its customer and all the customer's subscriptions, each HubSpot object
    with its links. What lands is what a full pull would land of them; what is gone is void from now on.

    Args:
        landing: takes the records.
        stripe: of the account.
        hubspot: of the portal.
        touched: what to read; contacts that were erased are not asked for.
        now: the clock's time (UTC, aware), before anything is read.
        pool: threads to read with; by default some for this call.

    Raises:
        AccessError: a key is refused; at most one call per thread was made.
        UnavailableError: a vendor does not answer; nothing has landed.
        StoreError: the landing cannot be written.
    """
    with threads(pool) as workers:
        return Rereader(landing, stripe, hubspot, workers).read(touched, now)


class Rereader:
    """Reads named objects anew, each customer once in its life; for :func:`reread` and for many batches.

    Args:
        landing: takes the records.
        stripe: of the account.
        hubspot: of the portal.
        pool: threads to read with.
    """

    def __init__(
        self, landing: Landing, stripe: StripeClient, hubspot: HubSpotClient, pool: Executor
    ) -> None:
        self._landing = landing
        self._stripe = StripeAnew(stripe, STREAMS)
        self._hubspot = HubSpotAnew(hubspot, STREAMS)
        self._pool = pool

    def read(self, touched: Touched, now: datetime) -> Reread:
        """Read what is named and land it; see :func:`reread`."""
        with self._landing.begin_delta(now) as delta:
            whole = land(delta, self._found(touched, now), self._superfluous)
        return Reread(
            customers=frozenset(whole.customers),
            companies=frozenset(whole.companies),
            contacts=frozenset(whole.contacts | {ref.id for ref in touched.erased}),
            rows=delta.rows,
            missing=frozenset(whole.missing - touched.erased),
            merged=whole.merged,
        )

    def _found(self, touched: Touched, now: datetime) -> Iterator[Found]:
        """Read what is named, then what that showed to be concerned as well."""
        for ref in touched.erased:
            yield Found(gone=gone_object("contacts", ref.id), missing={ref})
        customers = {ref for ref in touched.gone if ref.kind == "customer"}
        tasks = [
            *self._stripe.tasks({*touched.stripe, *customers}, touched.customers, now),
            *self._hubspot.tasks({*touched.hubspot, *touched.gone} - customers - touched.erased),
        ]
        while tasks:
            concerned: set[str] = set()
            for found in find_all(self._pool, tasks):
                concerned |= found.customers
                yield found
            tasks = [*self._stripe.of_customers(concerned), *self._stripe.rest()]

    def _superfluous(self, missing: Collection[Ref]) -> set[Rule]:
        """Return rules about contacts that nothing is known of: of an erased one they would be a trace."""
        contacts = {ref.id for ref in missing if ref.kind == "contacts"}
        unheard_of = contacts - self._landing.may_hold(_CONTACTS, contacts) if contacts else contacts
        return {rule for id_ in unheard_of for rule in gone_object("contacts", id_)}


def land(
    delta: DeltaWriter,
    founds: Iterable[Found],
    superfluous: Callable[[Collection[Ref]], Collection[Rule]] = lambda missing: (),
) -> Found:
    """Write what was found into a delta; return it without its rows.

    Args:
        delta: takes it.
        founds: what was found.
        superfluous: tells from what is missing which rules need not be written.
    """
    whole = Found()
    rules: dict[Rule, None] = {}
    described: set[str] = set()
    for found in founds:
        for rule in found.gone:
            if rule[0] in STREAMS:
                rules[rule] = None
        for stream, record in found.rows:
            if stream in STREAMS:
                if stream not in described:
                    described.add(stream)
                    delta.describe(stream, columns(stream))
                delta.add(stream, record)
        whole.missing |= found.missing
        whole.customers |= found.customers
        whole.companies |= found.companies
        whole.contacts |= found.contacts
        whole.merged |= found.merged
    left_out = set(superfluous(whole.missing))
    for rule in rules:
        if rule not in left_out:
            delta.void(*rule)
    return whole


@cache
def columns(stream: str) -> tuple[Column, ...]:
    """Return the columns of a stream of ours, as a full pull lands them."""
    if stream not in _HUBSPOT:
        schema = load_schema(stream)
    elif issubclass(_HUBSPOT[stream], ObjectStream):
        schema = object_schema({})  # all properties are in one column
    else:
        schema = _HUBSPOT[stream].fields.to_dict()
    return columns_of(schema, _KEYS[stream])


@contextmanager
def threads(pool: Executor | None = None) -> Iterator[Executor]:
    """Give threads to read with: those given, or some for the time of the block."""
    if pool is not None:
        yield pool
        return
    with ThreadPoolExecutor(THREADS, thread_name_prefix="reread") as own:
        yield own

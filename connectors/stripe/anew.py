"""Reads named Stripe objects anew, into the records that the streams would make of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from connectors.found import Found, Task
from connectors.http import Json, JsonRows
from connectors.stripe.client import PAGE, StripeClient
from connectors.stripe.streams import (
    Charges,
    Coupons,
    CreditNotes,
    Customers,
    Discounts,
    Events,
    InvoiceLines,
    Invoices,
    MeterEventSummaries,
    Meters,
    Prices,
    Products,
    Refunds,
    StripeStream,
    SubscriptionItems,
    Subscriptions,
    discounts_of,
)
from connectors.stripe.usage import Window, parts
from connectors.stripe.usage_reader import UsageReader, usage_pages
from connectors.touched import Ref
from saaskpi.errors import MissingPermissionError, RejectedError

_BY_KIND: dict[str, type[StripeStream]] = {
    stream.api_object: stream
    for stream in (
        Charges,
        Coupons,
        CreditNotes,
        Customers,
        Events,
        Invoices,
        Meters,
        Prices,
        Products,
        Refunds,
        Subscriptions,
    )
}
_PARTS: dict[str, tuple[str, str]] = {
    Subscriptions.name: (SubscriptionItems.name, "subscription"),
    Invoices.name: (InvoiceLines.name, "invoice"),
}
"""Streams of what comes inside an object, and the field there that names it."""


class StripeAnew:
    """Reads named objects of one account anew.

    A customer is read with all its subscriptions, so that items and discounts that are gone are noticed.
    Not for several threads at once; the tasks that it gives are.

    Args:
        client: of the account.
        streams: names of those to make records for; what belongs to no other is not read.
    """

    def __init__(self, client: StripeClient, streams: Collection[str]) -> None:
        self._client = client
        self._streams = streams
        self._customers: set[str] = set()
        self._subscriptions: set[str] = set()
        self._waiting: set[str] = set()
        self._until = 0

    def tasks(self, refs: Iterable[Ref], customers: Iterable[str], now: datetime) -> list[Task]:
        """Give what to do for some objects and customers.

        Args:
            refs: the objects; kinds that no stream has are left out.
            customers: ids of customers.
            now: aware; usage is read up to then, which a customer may still have when all its subscriptions
                have ended.
        """
        self._until = int(now.timestamp())
        refs = set(refs)
        named = {ref.id for ref in refs if ref.kind == Customers.api_object}
        tasks = self.of_customers({*named, *customers})
        if any(ref.kind == Coupons.api_object for ref in refs):
            self._client.forget_coupons()
        for kind, id_ in sorted(refs):
            stream = _BY_KIND.get(kind)
            if kind == Subscriptions.api_object and (tasks or id_ in self._subscriptions):
                # Mostly among those of its customer, who is read anyway.
                self._waiting.add(id_)
            elif stream is not None and stream is not Customers and stream.name in self._streams:
                tasks.append(partial(self._object, stream, id_))
        return tasks

    def of_customers(self, ids: Iterable[str]) -> list[Task]:
        """Give what to do for customers; nothing for those given before."""
        fresh = sorted({*ids} - self._customers)
        self._customers.update(fresh)
        return [
            task
            for id_ in fresh
            for task in (partial(self._object, Customers, id_), partial(self._subscriptions_of, id_))
        ]

    def rest(self) -> list[Task]:
        """Give what to do for subscriptions that were not among those of their customers."""
        left, self._waiting = sorted(self._waiting - self._subscriptions), set()
        return [partial(self._object, Subscriptions, id_) for id_ in left]

    def _object(self, stream: type[StripeStream], id_: str) -> Found:
        row = self._read(stream, id_)
        if row is None:
            return _without(stream, id_)
        stream.make_whole(self._client, row)
        return self._found(stream, row)

    def _read(self, stream: type[StripeStream], id_: str) -> Json | None:
        """Read one object as its stream's list shows it; None when it is not there any more."""
        expand = [field.removeprefix("data.") for field in stream.expand]
        try:
            row = self._client.http.get(f"{stream.path}/{id_}", {"expand[]": expand})
        except RejectedError as error:
            if error.status == 404:
                return None
            raise
        return None if row.get("deleted") else row

    def _found(self, stream: type[StripeStream], row: Json) -> Found:
        found = Found(rows=[(stream.name, stream.record(row))])
        customer = row["id"] if stream is Customers else row.get("customer")
        if isinstance(customer, str):
            found.customers.add(customer)
        if stream.name in _PARTS:
            part, field = _PARTS[stream.name]
            parts = SubscriptionItems.parts(row) if stream is Subscriptions else InvoiceLines.parts(row)
            found.gone.append((part, field, row["id"]))
            found.rows += [(part, one) for one in parts]
        if stream in (Customers, Subscriptions, Invoices):
            told = discounts_of(self._client, stream.name, row)
            found.rows += [(Discounts.name, discount) for discount in told]
        return found

    def _subscriptions_of(self, customer: str) -> Found:
        """Read the subscriptions of a customer, then its usage."""
        whole = Found(customers={customer})
        rows = []
        params: dict[str, Any] = {
            **Subscriptions.filters,
            "customer": customer,
            "expand[]": [*Subscriptions.expand],
        }
        for page in self._client.of_customer(Subscriptions.path, params):
            for row in page:
                Subscriptions.make_whole(self._client, row)
                found = self._found(Subscriptions, row)
                whole.rows += found.rows
                whole.gone += found.gone
                self._subscriptions.add(row["id"])
            rows += page
        if any(_is_metered(row) for row in rows):
            whole.more.append(partial(self._usage, customer, rows))
        return whole

    def _usage(self, customer: str, subscriptions: list[Json]) -> Found:
        if MeterEventSummaries.name not in self._streams:
            return Found()
        added = UsageReader(self._client, self._until).added(subscriptions)
        return Found(more=[partial(self._days, *one) for one in added])

    def _days(self, meter: str, customer: str, window: Window) -> Found:
        """Read the newest page of a customer's usage; what it leaves is read at once, not page by page."""
        try:
            page: JsonRows = next(usage_pages(self._client, meter, customer, window), [])
        except MissingPermissionError:
            return Found()  # a full pull says so
        found = Found(
            rows=[(MeterEventSummaries.name, day) for day in page],
            gone=[(MeterEventSummaries.name, "customer", customer)],
        )
        if len(page) >= PAGE:
            left = (window[0], min(day["start_time"] for day in page))
            found.more = [partial(self._days, meter, customer, part) for part in parts(left, PAGE)]
        return found


def _without(stream: type[StripeStream], id_: str) -> Found:
    """Tell that an object is not there any more, and what came inside it neither."""
    found = Found(missing={Ref(stream.api_object, id_)})
    if stream is Events:
        return found  # Stripe forgets an event after 30 days; what it told stays true
    found.gone.append((stream.name, "id", id_))
    if stream.name in _PARTS:
        part, field = _PARTS[stream.name]
        found.gone.append((part, field, id_))
    if stream is Customers:
        found.customers.add(id_)
    return found


def _is_metered(subscription: Json) -> bool:
    prices = (item["price"] for item in subscription["items"]["data"])
    return any((price.get("recurring") or {}).get("meter") for price in prices)

"""What the HTTP layer serves: every object of the account, rendered when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sandbox.billing import render, render_invoices
from sandbox.billing.ids import derived
from sandbox.billing.periods import DAY, epoch
from sandbox.billing.records import (
    Customer,
    Event,
    Invoice,
    Item,
    Store,
    Subscription,
)
from sandbox.billing.render import API_VERSION, Json

MeterReading = Callable[[str, date], int]
_SUMMARY = "billing.meter_event_summary"


class StripeObjects:
    """Reads the store as Stripe would show it in API version 2026-05-27.dahlia.

    ``kind`` is always the value of Stripe's ``object`` field: customer, product, price, coupon, subscription,
    subscription_item, discount, invoice, line_item, charge, refund, credit_note, payment_method, event,
    billing.meter, billing.meter_event_summary.

    Args:
        store: the records.
        metered: the (customer id, meter id, first day) of each metered item, in order of creation.
        reading: quantity that a customer's meter counted on a UTC day, 0 when it had no metered item.
        now: the end of what has happened, as seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        metered: Callable[[], Sequence[tuple[str, str, date]]],
        reading: MeterReading,
        now: Callable[[], int],
    ) -> None:
        self._store, self._metered, self._reading, self._now = store, metered, reading, now
        self._cache: dict[tuple[str, ...], Any] = {}
        self._version = store.version
        self._renderers: dict[str, Callable[[Any], Json]] = {
            "customer": render.customer,
            "product": render.product,
            "price": render.price,
            "coupon": render.coupon,
            "discount": render.discount,
            "subscription": render.subscription,
            "payment_method": render.payment_method,
            "charge": render_invoices.charge,
            "refund": render_invoices.refund,
            "credit_note": render_invoices.credit_note,
            "billing.meter": render.meter,
            "invoice": self._invoice,
            "event": self._event,
        }

    def ids(self, kind: str) -> Sequence[str]:
        """Return the ids of a kind, oldest first; deleted customers are not among them."""
        found: list[str] = self._cached(("ids", kind), lambda: list(self._ids(kind)))
        return found

    def created(self, kind: str, object_id: str) -> int:
        """Return when an object was created (seconds since the epoch).

        Raises:
            KeyError: there is no such object.
        """
        if kind == _SUMMARY:
            return self._summary_parts(object_id)[2]
        if kind == "subscription_item":
            return self._items()[object_id][1].created
        if kind == "line_item":
            return self._lines()[object_id][0].created
        return self._store.records[kind][object_id].created

    def get(self, kind: str, object_id: str) -> Json | None:
        """Return the whole object, references as ids, sub-lists complete; None if absent or deleted."""
        if kind == "subscription_item":
            found = self._items().get(object_id)
            return render.subscription_item(found[1], found[0].id) if found else None
        if kind == "line_item":
            place = self._lines().get(object_id)
            return render_invoices.line_item(place[0].lines[place[1]], *place) if place else None
        if kind == _SUMMARY:
            return self._summary(object_id)
        record = self._store.records.get(kind, {}).get(object_id)
        if record is None or (isinstance(record, Customer) and record.deleted_at is not None):
            return None
        return self._renderers[kind](record)

    def deleted(self, kind: str, object_id: str) -> bool:
        """Say whether the object existed and was deleted (customers only)."""
        record = self._store.records.get(kind, {}).get(object_id)
        return isinstance(record, Customer) and record.deleted_at is not None

    def where(self, kind: str, field: str, value: str) -> Sequence[str]:
        """Return the ids of a kind whose field has this value, oldest first.

        ``field`` is a reference (customer, subscription, invoice, charge, payment_intent, product, price,
        meter), a word (status, type, currency, email, lookup_key, collection_method) or any other top-level
        field that holds text. Subscriptions are also found by the price and product of their items.
        """
        if kind == _SUMMARY and field == "customer":
            return list(self._summary_ids(value))
        index: dict[str, list[str]] = self._cached(("where", kind, field), lambda: self._index(kind, field))
        return index.get(value, ())

    def meter_usage(self, meter: str, customer: str, since: int, until: int) -> int:
        """Return what a meter counted for a customer in [since, until), whole UTC days."""
        first = datetime.fromtimestamp(since, UTC).date().toordinal()
        last = datetime.fromtimestamp(until - 1, UTC).date().toordinal()
        if (customer, meter) not in {(owner, counted) for owner, counted, _ in self._metered()}:
            return 0
        return sum(self._reading(customer, date.fromordinal(day)) for day in range(first, last + 1))

    def _cached(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        if self._version != self._store.version:
            self._cache, self._version = {}, self._store.version
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    def _ids(self, kind: str) -> Iterator[str]:
        if kind == "subscription_item":
            yield from self._items()
        elif kind == "line_item":
            yield from self._lines()
        elif kind == _SUMMARY:
            yield from self._summary_ids()
        else:
            for object_id in self._store.records.get(kind, {}):
                if not self.deleted(kind, object_id):
                    yield object_id

    def _items(self) -> dict[str, tuple[Subscription, Item]]:
        """Return every item there is: those of ended subscriptions too, removed ones not."""
        found: dict[str, tuple[Subscription, Item]] = self._cached(("items",), self._make_items)
        return found

    def _make_items(self) -> dict[str, tuple[Subscription, Item]]:
        pairs = (
            (owner, item)
            for owner in self._store.records.get("subscription", {}).values()
            if isinstance(owner, Subscription)
            for item in owner.items
        )
        return {item.id: (owner, item) for owner, item in sorted(pairs, key=lambda pair: pair[1].created)}

    def _lines(self) -> dict[str, tuple[Invoice, int]]:
        found: dict[str, tuple[Invoice, int]] = self._cached(("lines",), self._make_lines)
        return found

    def _make_lines(self) -> dict[str, tuple[Invoice, int]]:
        return {
            render_invoices.line_id(owner.id, index): (owner, index)
            for owner in self._store.records.get("invoice", {}).values()
            if isinstance(owner, Invoice)
            for index in range(len(owner.lines))
        }

    def _index(self, kind: str, field: str) -> dict[str, list[str]]:
        index: dict[str, list[str]] = {}
        for object_id in self.ids(kind):
            for value in self._values(kind, object_id, field):
                index.setdefault(value, []).append(object_id)
        return index

    def _values(self, kind: str, object_id: str, field: str) -> Sequence[str]:
        """Return the values of a field, read off the record where that is quick, else off the object."""
        if kind == _SUMMARY:
            customer, meter, _ = self._summary_parts(object_id)
            return {"customer": (customer,), "meter": (meter,)}.get(field, ())
        if kind == "subscription" and field in ("price", "product"):
            items = self._subscription(object_id).items
            found = {item.price.id if field == "price" else item.price.product.id for item in items}
            return tuple(found)
        if kind == "invoice" and field == "payment_intent":
            return (derived("pi", object_id),)
        record = self._store.records.get(kind, {}).get(object_id)
        direct = (
            getattr(record, field, None)
            if field in ("customer", "subscription", "invoice", "status")
            else None
        )
        if direct is None:
            direct = (self.get(kind, object_id) or {}).get(field)
            direct = direct.get("id") if isinstance(direct, dict) else direct
        return (direct,) if isinstance(direct, str) else ()

    def _subscription(self, object_id: str) -> Subscription:
        record = self._store.records["subscription"][object_id]
        assert isinstance(record, Subscription)
        return record

    def _customer(self, object_id: str) -> Customer:
        record = self._store.records["customer"][object_id]
        assert isinstance(record, Customer)
        return record

    def _invoice(self, record: Invoice) -> Json:
        return render_invoices.invoice(record, self._customer(record.customer))

    def _event(self, record: Event) -> Json:
        after = self._renderers[record.kind](record.after)
        data: Json = {"object": after}
        if record.before is not None:
            data["previous_attributes"] = changed(self._renderers[record.kind](record.before), after)
        return {
            "id": record.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": record.created,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": record.request, "idempotency_key": None},
            "type": record.type,
        }

    # -- meter event summaries: one per customer, meter and UTC day with usage, made on demand --

    def _summary_ids(self, customer: str | None = None) -> Iterator[str]:
        today = self._now() // DAY
        starts = [
            (epoch(first) // DAY, owner, meter)
            for owner, meter, first in self._metered()
            if customer in (None, owner)
        ]
        for day in range(min((start for start, _, _ in starts), default=today + 1), today + 1):
            for start, owner, meter in starts:
                if start <= day and self._reading(owner, _day(day)):
                    yield f"mtrusg_{day}_{owner}_{meter}"

    def _summary_parts(self, object_id: str) -> tuple[str, str, int]:
        _, day, _, customer, _, meter = object_id.split("_")
        return f"cus_{customer}", f"mtr_{meter}", int(day) * DAY

    def _summary(self, object_id: str) -> Json | None:
        customer, meter, start = self._summary_parts(object_id)
        return {
            "id": object_id,
            "object": _SUMMARY,
            "aggregated_value": self._reading(customer, _day(start // DAY)),
            "end_time": start + DAY,
            "livemode": False,
            "meter": meter,
            "start_time": start,
        }


def _day(number: int) -> date:
    return datetime.fromtimestamp(number * DAY, UTC).date()


def changed(before: Json, after: Json) -> Json:
    """Return the former values of what differs: nested objects in part, lists whole, as in events."""
    found: Json = {}
    for key, old in before.items():
        new = after.get(key)
        if old == new:
            continue
        found[key] = changed(old, new) if isinstance(old, dict) and isinstance(new, dict) else old
    return found

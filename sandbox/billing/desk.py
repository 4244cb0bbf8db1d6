"""The billing desk of one account: its records, its clock and the people it reports to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.billing.agenda import Agenda
from sandbox.billing.contracts import ContractLog
from sandbox.billing.ids import IdSource, derived
from sandbox.billing.records import (
    Charge,
    Customer,
    Event,
    Invoice,
    PaymentMethod,
    Record,
    Store,
    Subscription,
    freeze,
)

EVENT_DAYS = 30


@dataclass(slots=True)
class Desk:
    """What the billing operations of one account share.

    Attributes:
        bank: says why a customer's card is declined at an instant, None when it pays.
        transfer: says when a sent invoice will be paid.
        meter: quantity that a customer used in [start, end), for metered prices.
        changed: told after every change of a subscription, so that the account can react.
        horizon: instant before which events are not kept.
    """

    ids: IdSource
    event_ids: IdSource
    store: Store
    agenda: Agenda
    log: ContractLog
    bank: Callable[[int, Customer], str | None]
    transfer: Callable[[int, Invoice], int]
    meter: Callable[[int, int], int]
    changed: Callable[[int, Subscription], None]
    horizon: int = 0
    customers: dict[str, Customer] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    cards: dict[str, PaymentMethod] = field(default_factory=dict)
    charges: list[Charge] = field(default_factory=list)

    def before(self, at: int, record: Record) -> Record | None:
        """Return a snapshot to compare with after a change; None when its event will not be kept."""
        return freeze(record) if at >= self.horizon else None

    def emit(self, at: int, kind: str, name: str, record: Record, before: Record | None = None) -> None:
        """Keep an event about a record of this kind, as it is now."""
        if at < self.horizon:
            self.event_ids.skip()
            return
        event_id = self.event_ids.next("evt", 24)
        after = freeze(record)
        self.store.add("event", Event(event_id, at, name, kind, after, before, derived("req", event_id)))

    def note(
        self, at: int, subscription: Subscription, before: Record | None = None, name: str = "updated"
    ) -> None:
        """Log a change of a subscription everywhere it must be seen: contracts, events, the account."""
        self.log.note(at, subscription, self.customers[subscription.customer])
        self.emit(at, "subscription", f"customer.subscription.{name}", subscription, before)
        self.changed(at, subscription)

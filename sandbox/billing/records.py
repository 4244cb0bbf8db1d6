"""What the billing engine keeps: one small slotted record per Stripe object, rendered to a dict on demand.

Every instant is whole seconds since the epoch (UTC); every amount is in minor units of ``currency``. Tuples
that hang on a record are replaced, never changed in place, so that a shallow copy is a snapshot (``freeze``).
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

_MONTHS = {"day": 12 / 365, "week": 12 / 52, "month": 1.0, "year": 12.0}


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """Something sold. ``unit`` is the label of one unit of it."""

    id: str
    name: str
    description: str
    unit: str
    created: int


@dataclass(frozen=True, slots=True, eq=False)
class Tier:
    """One step of a tiered price; ``up_to`` None is the last; amounts in minor units, as decimal text."""

    up_to: int | None
    unit: str | None
    flat: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Price:
    """A recurring price.

    Attributes:
        key: its lookup key, such as "growth-month-eur".
        unit: minor units per unit as decimal text, None for tiered prices.
        package: (divide by, "up" or "down") of transform_quantity.
        meter: id of the billing meter of a metered price.
        active: false once the price is archived; those who have it keep it.
    """

    id: str
    key: str
    product: Product
    currency: str
    interval: str
    interval_count: int
    created: int
    unit: str | None = None
    tiers: tuple[Tier, ...] = ()
    tiers_mode: str | None = None
    package: tuple[int, str] | None = None
    meter: str | None = None
    active: bool = True

    @property
    def months(self) -> float:
        """Length of a cycle in months, roughly: for comparing prices, not for money."""
        return _MONTHS[self.interval] * self.interval_count


@dataclass(slots=True, eq=False)
class Coupon:
    """Terms of a discount: exactly one of ``percent_off`` (decimal text) and ``amount_off`` is given."""

    id: str
    name: str
    created: int
    duration: str
    months: int | None = None
    percent_off: str | None = None
    amount_off: int | None = None
    currency: str | None = None
    products: tuple[str, ...] = ()
    times_redeemed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Discount:
    """A coupon at work on a customer, a subscription or one of its items, from ``created`` to ``end``."""

    id: str
    coupon: Coupon
    customer: str
    subscription: str | None
    item: str | None
    created: int
    end: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Meter:
    """A billing meter that sums the values of its events."""

    id: str
    name: str
    event_name: str
    created: int


@dataclass(slots=True, eq=False)
class PaymentMethod:
    """A card; expired after the last day of its month."""

    id: str
    created: int
    customer: str
    holder: str
    email: str
    country: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(slots=True, eq=False)
class Customer:
    """A Stripe customer. ``balance`` below zero is credit that the next invoice uses up."""

    id: str
    created: int
    name: str
    email: str
    country: str
    metadata: dict[str, str]
    currency: str | None = None
    balance: int = 0
    delinquent: bool = False
    discount: Discount | None = None
    default_payment_method: str | None = None
    invoices: int = 0
    deleted_at: int | None = None


class Billed(NamedTuple):
    """What an item was last charged for its running period, as for a whole cycle (exact, before rounding)."""

    gross: Fraction
    discounts: tuple[tuple[Discount, Fraction], ...]
    invoice: str | None
    line: int


@dataclass(slots=True, eq=False)
class Item:
    """A price and a quantity inside a subscription; ``cycle`` counts renewals since the anchor."""

    id: str
    created: int
    price: Price
    quantity: int
    period_start: int
    period_end: int
    cycle: int = 1
    discounts: tuple[Discount, ...] = ()
    billed: Billed | None = None


@dataclass(slots=True, eq=False)
class Subscription:
    """A subscription; status, dates and discounts as Stripe names them.

    Attributes:
        pause: (behavior, resumes_at) while its collection is paused.
        missing_card: what happens at the end of a trial without a payment method.
        dunning: what happens after the last failed attempt: "unpaid" or "canceled".
        pending: proration lines that wait for the next invoice.
    """

    id: str
    created: int
    customer: str
    currency: str
    status: str
    anchor: int
    items: tuple[Item, ...] = ()
    discounts: tuple[Discount, ...] = ()
    trial_start: int | None = None
    trial_end: int | None = None
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    canceled_at: int | None = None
    ended_at: int | None = None
    cancel_reason: str | None = None
    cancel_feedback: str | None = None
    pause: tuple[str, int | None] | None = None
    latest_invoice: str | None = None
    days_until_due: int | None = None
    missing_card: str = "create_invoice"
    dunning: str = "unpaid"
    pending: tuple[Line, ...] = ()

    @property
    def live(self) -> bool:
        """Whether it still renews."""
        return self.status in ("active", "past_due", "trialing", "unpaid")

    @property
    def period_end(self) -> int:
        """The next renewal: the earliest end of its items' periods."""
        return min(item.period_end for item in self.items)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of an invoice, or of one to come.

    Attributes:
        amount: before discounts; below zero on the credit of a proration.
        credit: it gives back the unused time of what was billed before.
        pending_id: id of the invoice item it was while it waited, None for the regular line of a cycle.
        credited: (invoice id, index of its line) that a proration gives back.
        item_discounts: discounts of the item itself; those of the subscription hang on the invoice.
    """

    price: Price
    quantity: int
    amount: int
    start: int
    end: int
    item: str
    proration: bool = False
    credit: bool = False
    trial: bool = False
    pending_id: str | None = None
    credited: tuple[str, int] | None = None
    item_discounts: tuple[Discount, ...] = ()
    discount_amounts: tuple[tuple[Discount, int], ...] = ()


@dataclass(slots=True, eq=False)
class Invoice:
    """An invoice of one subscription. ``reason`` is Stripe's billing_reason."""

    id: str
    created: int
    customer: str
    subscription: str
    currency: str
    reason: str
    lines: tuple[Line, ...]
    discounts: tuple[Discount, ...]
    period_start: int
    period_end: int
    subtotal: int
    total: int
    status: str = "draft"
    number: str | None = None
    auto_advance: bool = True
    amount_due: int = 0
    amount_paid: int = 0
    starting_balance: int = 0
    ending_balance: int | None = None
    attempt_count: int = 0
    attempted: bool = False
    next_attempt: int | None = None
    due_date: int | None = None
    sent: bool = False
    off_stripe: bool = False
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    uncollectible_at: int | None = None
    credited_after_payment: int = 0
    payment_method: str | None = None


@dataclass(slots=True, eq=False)
class Charge:
    """One attempt to take money. ``failure`` is the decline code, None when it went through."""

    id: str
    created: int
    customer: str
    invoice: str
    amount: int
    currency: str
    card: PaymentMethod
    failure: str | None = None
    refunded: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Refund:
    """Money given back on a charge."""

    id: str
    created: int
    charge: str
    invoice: str
    amount: int
    currency: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class CreditNote:
    """A note that corrects a paid invoice, with the refund it came with."""

    id: str
    created: int
    customer: str
    invoice: str
    number: str
    amount: int
    currency: str
    reason: str
    line: int
    refund: str


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something that happened, with the object as it was then and, for updates, as it was before."""

    id: str
    created: int
    type: str
    kind: str
    after: Record
    before: Record | None = None
    request: str | None = None


Record = (
    Product
    | Price
    | Coupon
    | Discount
    | Meter
    | PaymentMethod
    | Customer
    | Subscription
    | Invoice
    | Charge
    | Refund
    | CreditNote
    | Event
)


@dataclass(slots=True, eq=False)
class Store:
    """Every record by kind and id, in the order given; the engine adds, ``StripeObjects`` reads."""

    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    version: int = 0

    def add(self, kind: str, record: Record) -> None:
        """Keep a record; ``kind`` is the value of Stripe's ``object`` field."""
        self.records.setdefault(kind, {})[record.id] = record

    def settle(self) -> None:
        """Put every kind in order of creation, and let readers know that something has changed."""
        for kind, found in self.records.items():
            self.records[kind] = dict(sorted(found.items(), key=lambda entry: entry[1].created))
        self.version += 1

    def forget_events(self, before: int) -> None:
        """Drop the events created before an instant, as Stripe drops those older than 30 days."""
        events = self.records.get("event", {})
        self.records["event"] = {key: event for key, event in events.items() if event.created >= before}


def freeze(record: Record) -> Record:
    """Return a snapshot of a record for an event."""
    snapshot = copy(record)
    if isinstance(snapshot, Subscription):
        snapshot.items = tuple(copy(item) for item in snapshot.items)
    return snapshot

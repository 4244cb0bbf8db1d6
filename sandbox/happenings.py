"""What can be made to happen to one customer at once, instead of waiting for the simulation to come to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sandbox.billing.collection import attempt, refund
from sandbox.billing.customers import delete_customer
from sandbox.billing.desk import Desk
from sandbox.billing.invoicing import bill_items, finalize, open_invoice
from sandbox.billing.records import Customer, Item, Subscription
from sandbox.billing.subscriptions import (
    Change,
    cancel_now,
    change_items,
    keep,
    pause_collection,
    resume_collection,
    schedule_cancel,
)

Happening = Callable[[int, Desk, Customer], None]


def happen(what: str, at: int, desk: Desk, customer: Customer) -> None:
    """Let something happen now.

    Args:
        what: one of :data:`HAPPENINGS`.
        at: the present second; it may happen several times in one.
        desk: the billing desk of the customer's account.
        customer: to whom.

    Raises:
        ValueError: it cannot happen to this customer, or is not known.
    """
    if what not in HAPPENINGS:
        raise ValueError(f"what must be one of: {', '.join(HAPPENINGS)}")
    HAPPENINGS[what](at, desk, customer)


def _live(desk: Desk, customer: Customer) -> Subscription:
    found = [one for one in desk.subscriptions.values() if one.customer == customer.id and one.live]
    if not found:
        raise ValueError(f"{customer.id} has no subscription that runs")
    return found[0]


def _seats(subscription: Subscription) -> Item:
    return next((item for item in subscription.items if item.price.meter is None), subscription.items[0])


def _payment(at: int, desk: Desk, customer: Customer, failure: str | None) -> None:
    """Bill the running period once more and try the card, which pays or is declined."""
    if customer.default_payment_method is None:
        raise ValueError(f"{customer.id} has no card")
    subscription = _live(desk, customer)
    owed = bill_items(subscription, desk, [_seats(subscription)])
    invoice = open_invoice(at, desk, subscription, "subscription_cycle", owed, owed[0].start)
    invoice.sent = False
    finalize(at, desk, invoice)
    bank = desk.bank
    desk.bank = lambda _at, _customer: failure
    try:
        attempt(at, desk, invoice)
    finally:
        desk.bank = bank


def _payment_failed(at: int, desk: Desk, customer: Customer) -> None:
    _payment(at, desk, customer, "insufficient_funds")


def _payment_succeeded(at: int, desk: Desk, customer: Customer) -> None:
    _payment(at, desk, customer, None)


def _resize(at: int, desk: Desk, customer: Customer, factor: float) -> None:
    subscription = _live(desk, customer)
    item = _seats(subscription)
    quantity = max(1, int(item.quantity * factor))
    if quantity == item.quantity:
        raise ValueError(f"{customer.id} has one unit only")
    change_items(at, desk, subscription, [Change(item, item.price, quantity)], invoice_now=False)


def _upgrade(at: int, desk: Desk, customer: Customer) -> None:
    _resize(at, desk, customer, 2)


def _downgrade(at: int, desk: Desk, customer: Customer) -> None:
    _resize(at, desk, customer, 0.5)


def _cancel(at: int, desk: Desk, customer: Customer) -> None:
    cancel_now(at, desk, _live(desk, customer), "too_expensive")


def _schedule_cancel(at: int, desk: Desk, customer: Customer) -> None:
    schedule_cancel(at, desk, _live(desk, customer), None, "unused")


def _keep(at: int, desk: Desk, customer: Customer) -> None:
    keep(at, desk, _live(desk, customer))


def _pause(at: int, desk: Desk, customer: Customer) -> None:
    pause_collection(at, desk, _live(desk, customer), "void", None)


def _resume(at: int, desk: Desk, customer: Customer) -> None:
    subscription = _live(desk, customer)
    if subscription.pause is None:
        raise ValueError(f"{customer.id} is not paused")
    resume_collection(at, desk, subscription)


def _refund(at: int, desk: Desk, customer: Customer) -> None:
    paid = [
        one
        for one in desk.charges
        if one.customer == customer.id and not one.failure and one.amount > one.refunded
    ]
    if not paid:
        raise ValueError(f"{customer.id} has paid nothing that can be given back")
    refund(at, desk, paid[-1], paid[-1].amount - paid[-1].refunded)


def _delete(at: int, desk: Desk, customer: Customer) -> None:
    for subscription in list(desk.subscriptions.values()):
        if subscription.customer == customer.id:
            cancel_now(at, desk, subscription, None)
    delete_customer(at, desk, customer)


HAPPENINGS: Final[dict[str, Happening]] = {
    "payment_failed": _payment_failed,
    "payment_succeeded": _payment_succeeded,
    "upgrade": _upgrade,
    "downgrade": _downgrade,
    "cancel": _cancel,
    "schedule_cancel": _schedule_cancel,
    "keep": _keep,
    "pause": _pause,
    "resume": _resume,
    "refund": _refund,
    "delete": _delete,
}
"""By name; ``upgrade`` and ``downgrade`` double and halve the units, ``keep`` takes a scheduled end back."""

"""The life of a subscription: start, trial, renewal, change, pause, end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from sandbox.billing.collection import (
    COMPLETE_WITHIN,
    collect,
    end_subscription,
    expire_incomplete,
)
from sandbox.billing.customers import drop_discount, make_discount
from sandbox.billing.desk import Desk
from sandbox.billing.invoicing import (
    Owed,
    bill_items,
    bill_usage,
    finalize,
    finalize_later,
    full_cycle,
    open_invoice,
    set_aside,
    to_lines,
)
from sandbox.billing.periods import DAY, boundary
from sandbox.billing.records import Billed, Coupon, Customer, Invoice, Item, Price, Subscription


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer subscribes to.

    Attributes:
        items: (price, quantity, coupons of the item); quantity 0 for metered prices.
        coupons: of the subscription, in order.
        trial_days: 0 for none.
        missing_card: at the end of a trial without a card: pause or cancel.
        days_until_due: None to charge the card, else invoices are sent with this term.
        dunning: after the last failed attempt: unpaid or canceled.
    """

    items: Sequence[tuple[Price, int, Sequence[Coupon]]]
    coupons: Sequence[Coupon] = ()
    trial_days: int = 0
    missing_card: str = "create_invoice"
    days_until_due: int | None = None
    dunning: str = "unpaid"


class Change(NamedTuple):
    """A change of a subscription: ``item`` None adds one, ``quantity`` 0 removes it."""

    item: Item | None
    price: Price
    quantity: int


def subscribe(at: int, desk: Desk, customer: Customer, order: Order) -> Subscription:
    """Start a subscription, in trial or with a first invoice that is charged at once."""
    subscription = _new_subscription(at, desk, customer, order)
    desk.subscriptions[subscription.id] = subscription
    desk.store.add("subscription", subscription)
    if customer.currency is None:
        before = desk.before(at, customer)
        customer.currency = subscription.currency
        desk.emit(at, "customer", "customer.updated", customer, before)
    if order.trial_days:
        owed = _trial_lines(subscription)
        desk.agenda.push(
            subscription.trial_end - 3 * DAY if subscription.trial_end else at,
            _trial_will_end,
            desk,
            subscription,
        )
    else:
        owed = bill_items(subscription, desk, _licensed(subscription.items))
    invoice = open_invoice(at, desk, subscription, "subscription_create", owed, at)
    finalize(at, desk, invoice)
    if not order.trial_days and order.days_until_due is None and invoice.amount_due:
        subscription.status = "incomplete"
    desk.note(at, subscription, name="created")
    collect(at, desk, invoice)
    if subscription.status == "incomplete":
        desk.agenda.push(at + COMPLETE_WITHIN, expire_incomplete, desk, subscription, invoice)
    _plan_renewal(desk, subscription)
    return subscription


def _new_subscription(at: int, desk: Desk, customer: Customer, order: Order) -> Subscription:
    trial_end = at + order.trial_days * DAY if order.trial_days else None
    subscription = Subscription(
        id=desk.ids.next("sub", 24),
        created=at,
        customer=customer.id,
        currency=order.items[0][0].currency,
        status="trialing" if trial_end else "active",
        anchor=trial_end or at,
        trial_start=at if trial_end else None,
        trial_end=trial_end,
        missing_card=order.missing_card,
        days_until_due=order.days_until_due,
        dunning=order.dunning,
    )
    subscription.items = tuple(
        _new_item(at, desk, subscription, price, quantity, coupons)
        for price, quantity, coupons in order.items
    )
    subscription.discounts = tuple(
        make_discount(desk, at, coupon, customer.id, subscription.id) for coupon in order.coupons
    )
    _plan_discount_ends(desk, subscription)
    return subscription


def _new_item(
    at: int,
    desk: Desk,
    subscription: Subscription,
    price: Price,
    quantity: int,
    coupons: Sequence[Coupon] = (),
) -> Item:
    item_id = desk.ids.next("si")
    trial = subscription.trial_end is not None
    cycle = 0 if trial else 1
    return Item(
        id=item_id,
        created=at,
        price=price,
        quantity=quantity,
        period_start=at,
        period_end=boundary(subscription.anchor, price.interval, price.interval_count, cycle),
        cycle=cycle,
        discounts=tuple(
            make_discount(desk, at, coupon, subscription.customer, subscription.id, item_id)
            for coupon in coupons
        ),
    )


def _plan_discount_ends(desk: Desk, subscription: Subscription) -> None:
    held = [*subscription.discounts, *(found for item in subscription.items for found in item.discounts)]
    for discount in held:
        if discount.end is not None:
            desk.agenda.push(discount.end, drop_discount, desk, subscription, discount)


def _licensed(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if item.price.meter is None]


def _metered(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if item.price.meter is not None]


def _trial_lines(subscription: Subscription) -> list[Owed]:
    return [
        Owed(item, item.price, item.quantity, Fraction(0), (), item.period_start, item.period_end, trial=True)
        for item in _licensed(subscription.items)
    ]


def _trial_will_end(at: int, desk: Desk, subscription: Subscription) -> None:
    if subscription.status == "trialing":
        desk.emit(at, "subscription", "customer.subscription.trial_will_end", subscription)


def _plan_renewal(desk: Desk, subscription: Subscription) -> None:
    desk.agenda.push(subscription.period_end, _renew, desk, subscription)


def _renew(at: int, desk: Desk, subscription: Subscription) -> None:
    if not subscription.live or subscription.period_end != at:
        return
    if subscription.cancel_at is not None and subscription.cancel_at <= at:
        return  # the job that ends it runs in this very second
    if subscription.status == "trialing" and not _card_or_invoice(desk, subscription):
        _trial_without_card(at, desk, subscription)
        return
    before = desk.before(at, subscription)
    if subscription.status == "trialing":
        subscription.status = "active"
    invoice = _bill_cycle(at, desk, subscription)
    desk.note(at, subscription, before)
    _send_cycle(at, desk, subscription, invoice)
    _plan_renewal(desk, subscription)


def _card_or_invoice(desk: Desk, subscription: Subscription) -> bool:
    customer = desk.customers[subscription.customer]
    return customer.default_payment_method is not None or subscription.days_until_due is not None


def _trial_without_card(at: int, desk: Desk, subscription: Subscription) -> None:
    if subscription.missing_card == "pause":
        before = desk.before(at, subscription)
        subscription.status = "paused"
        desk.note(at, subscription, before, "paused")
    else:
        end_subscription(at, desk, subscription, "cancellation_requested")


def _bill_cycle(at: int, desk: Desk, subscription: Subscription) -> Invoice:
    due = [item for item in subscription.items if item.period_end == at]
    since = due[0].period_start
    owed = [] if subscription.trial_end == at else bill_usage(at, desk, subscription, _metered(due))
    for item in due:
        item.cycle += 1
        item.period_start = at
        item.period_end = boundary(
            subscription.anchor, item.price.interval, item.price.interval_count, item.cycle
        )
    owed = [*bill_items(subscription, desk, _licensed(due)), *owed]
    return open_invoice(at, desk, subscription, "subscription_cycle", owed, since)


def _send_cycle(at: int, desk: Desk, subscription: Subscription, invoice: Invoice) -> None:
    if subscription.pause:
        set_aside(at, desk, invoice, subscription.pause[0])
    elif subscription.status == "unpaid":
        set_aside(at, desk, invoice, "keep_as_draft")
    else:
        finalize_later(at, desk, invoice, collect)


def resume_paused(at: int, desk: Desk, subscription: Subscription) -> None:
    """Resume a subscription whose trial ended without a card: a new cycle starts and is billed now."""
    if subscription.status != "paused":
        return
    before = desk.before(at, subscription)
    subscription.status = "active"
    invoice = _restart_cycle(at, desk, subscription, [])
    desk.note(at, subscription, before, "resumed")
    finalize(at, desk, invoice)
    collect(at, desk, invoice)


def _restart_cycle(at: int, desk: Desk, subscription: Subscription, given_back: list[Owed]) -> Invoice:
    subscription.anchor = at
    for item in subscription.items:
        item.cycle = 1
        item.period_start = at
        item.period_end = boundary(at, item.price.interval, item.price.interval_count, 1)
    owed = [*given_back, *bill_items(subscription, desk, _licensed(subscription.items))]
    invoice = open_invoice(at, desk, subscription, "subscription_update", owed, at)
    _plan_renewal(desk, subscription)
    return invoice


def change_items(
    at: int, desk: Desk, subscription: Subscription, changes: Sequence[Change], *, invoice_now: bool
) -> None:
    """Change, add or remove items now, with prorations to the second.

    The unused time of what is left is credited, the remaining time of what is new is charged: on the next
    invoice, or at once when ``invoice_now``. A change of the billing interval starts a new cycle and is
    always billed at once.
    """
    before = desk.before(at, subscription)
    if any(change.item and _interval(change.item.price) != _interval(change.price) for change in changes):
        invoice = _switch_interval(at, desk, subscription, changes)
    else:
        given_back = [
            _credit(at, desk, change.item) for change in changes if change.item and change.item.billed
        ]
        touched = [found for change in changes if (found := _apply(at, desk, subscription, change))]
        owed = [*given_back, *_debits(at, desk, subscription, touched)]
        if not invoice_now:
            subscription.pending = (*subscription.pending, *to_lines(owed))
            desk.note(at, subscription, before)
            return
        invoice = open_invoice(at, desk, subscription, "subscription_update", owed, at)
    desk.note(at, subscription, before)
    finalize(at, desk, invoice)
    collect(at, desk, invoice)


def _interval(price: Price) -> tuple[str, int]:
    return price.interval, price.interval_count


def _remaining(at: int, item: Item) -> Fraction:
    return Fraction(item.period_end - at, item.period_end - item.period_start)


def _credit(at: int, desk: Desk, item: Item) -> Owed:
    billed = item.billed or Billed(Fraction(0), (), None, 0)
    return Owed(
        item=item,
        price=item.price,
        quantity=item.quantity,
        full=billed.gross,
        reductions=billed.discounts,
        start=at,
        end=item.period_end,
        share=-_remaining(at, item),
        proration=True,
        pending_id=desk.ids.next("ii", 24),
        credited=(billed.invoice, billed.line) if billed.invoice else None,
    )


def _debits(at: int, desk: Desk, subscription: Subscription, items: Sequence[Item]) -> list[Owed]:
    licensed = _licensed(subscription.items)
    amounts = dict(zip(licensed, full_cycle(desk, subscription, licensed, prorating=True), strict=True))
    owed = []
    for item in items:
        full, taken = amounts[item]
        item.billed = Billed(full, taken, None, 0)
        due = Owed(
            item,
            item.price,
            item.quantity,
            full,
            taken,
            at,
            item.period_end,
            _remaining(at, item),
            proration=True,
        )
        owed.append(due._replace(pending_id=desk.ids.next("ii", 24)))
    return owed


def _apply(at: int, desk: Desk, subscription: Subscription, change: Change) -> Item | None:
    """Carry out one change; return the item if it goes on."""
    item = change.item
    if item is None:
        sibling = subscription.items[0]
        item = _new_item(at, desk, subscription, change.price, change.quantity)
        item.period_start, item.period_end, item.cycle = (
            sibling.period_start,
            sibling.period_end,
            sibling.cycle,
        )
        subscription.items = (*subscription.items, item)
        return item
    if change.quantity == 0:
        subscription.items = tuple(found for found in subscription.items if found is not item)
        return None
    item.price, item.quantity = change.price, change.quantity
    return item


def _switch_interval(at: int, desk: Desk, subscription: Subscription, changes: Sequence[Change]) -> Invoice:
    given_back = [_credit(at, desk, item) for item in _licensed(subscription.items) if item.billed]
    for change in changes:
        _apply(at, desk, subscription, change)
    return _restart_cycle(at, desk, subscription, given_back)


def schedule_cancel(
    at: int, desk: Desk, subscription: Subscription, when: int | None, feedback: str | None = None
) -> None:
    """Schedule the end: at ``when``, or at the end of the period when None."""
    before = desk.before(at, subscription)
    subscription.cancel_at = when or subscription.period_end
    subscription.cancel_at_period_end = when is None
    subscription.canceled_at = at
    subscription.cancel_reason = "cancellation_requested"
    subscription.cancel_feedback = feedback
    desk.note(at, subscription, before)
    desk.agenda.push(subscription.cancel_at, _end_as_planned, desk, subscription)


def keep(at: int, desk: Desk, subscription: Subscription) -> None:
    """Take back a scheduled end."""
    before = desk.before(at, subscription)
    subscription.cancel_at = subscription.canceled_at = None
    subscription.cancel_at_period_end = False
    subscription.cancel_reason = subscription.cancel_feedback = None
    desk.note(at, subscription, before)
    _plan_renewal(desk, subscription)


def _end_as_planned(at: int, desk: Desk, subscription: Subscription) -> None:
    if subscription.cancel_at == at and subscription.status in (
        "active",
        "past_due",
        "trialing",
        "unpaid",
        "paused",
    ):
        _close(at, desk, subscription)


def cancel_now(
    at: int, desk: Desk, subscription: Subscription, feedback: str | None, *, prorate: bool = False
) -> None:
    """End a subscription at once; with ``prorate`` the unused time is credited to the customer's balance."""
    if subscription.status in ("canceled", "incomplete_expired"):
        return
    subscription.cancel_feedback = feedback
    if prorate and subscription.status == "active":
        given_back = [_credit(at, desk, item) for item in _licensed(subscription.items) if item.billed]
        subscription.pending = (*subscription.pending, *to_lines(given_back))
    _close(at, desk, subscription)


def _close(at: int, desk: Desk, subscription: Subscription) -> None:
    """End a subscription and bill what is left: prorations that waited and usage so far."""
    metered = _metered(subscription.items) if subscription.status == "active" else []
    usage = [owed for owed in bill_usage(at, desk, subscription, metered) if owed.quantity]
    since = subscription.items[0].period_start
    if subscription.pending or usage:
        invoice = open_invoice(at, desk, subscription, "subscription_cycle", usage, since)
        end_subscription(at, desk, subscription, "cancellation_requested")
        finalize(at, desk, invoice)
        collect(at, desk, invoice)
    else:
        end_subscription(at, desk, subscription, "cancellation_requested")


def pause_collection(
    at: int, desk: Desk, subscription: Subscription, behavior: str, resumes_at: int | None
) -> None:
    """Stop collecting: invoices to come are voided, written off or kept as drafts until ``resumes_at``."""
    before = desk.before(at, subscription)
    subscription.pause = (behavior, resumes_at)
    desk.note(at, subscription, before)
    if resumes_at is not None:
        desk.agenda.push(resumes_at, resume_collection, desk, subscription)


def resume_collection(at: int, desk: Desk, subscription: Subscription) -> None:
    """Collect again from the next invoice on."""
    if subscription.pause and subscription.status != "canceled":
        before = desk.before(at, subscription)
        subscription.pause = None
        desk.note(at, subscription, before)

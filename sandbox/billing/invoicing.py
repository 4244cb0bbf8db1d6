"""From what is owed to invoices: lines, discounts on them, drafts, finalisation, credit balance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from sandbox.billing.customers import drop_discount
from sandbox.billing.desk import Desk
from sandbox.billing.periods import DAY, HOUR
from sandbox.billing.pricing import Gross, Reductions, cycle_amount, reductions, to_minor
from sandbox.billing.records import Billed, Discount, Invoice, Item, Line, Price, Subscription

Collector = Callable[[int, Desk, Invoice], None]


class Owed(NamedTuple):
    """Something to bill: ``share`` of a whole cycle's amount, below zero for a credit."""

    item: Item
    price: Price
    quantity: int
    full: Fraction
    reductions: Reductions
    start: int
    end: int
    share: Fraction = Fraction(1)
    proration: bool = False
    trial: bool = False
    pending_id: str | None = None
    credited: tuple[str, int] | None = None


def shared_discounts(desk: Desk, subscription: Subscription) -> tuple[Discount, ...]:
    """Return the discounts of a subscription: its own, or else its customer's."""
    customer = desk.customers[subscription.customer]
    if subscription.discounts or customer.discount is None:
        return subscription.discounts
    return (customer.discount,)


def full_cycle(
    desk: Desk, subscription: Subscription, items: Sequence[Item], *, prorating: bool = False
) -> list[tuple[Fraction, Reductions]]:
    """Return (gross, what each discount takes off) of a whole cycle of each item, in minor units.

    Args:
        desk: of the account.
        subscription: the contract.
        items: those to bill together.
        prorating: leave out coupons that count once, as they wait for the next regular invoice.
    """
    shared = [found for found in shared_discounts(desk, subscription) if not (prorating and _once(found))]
    amounts = []
    for item in items:
        own = tuple(found for found in item.discounts if not (prorating and _once(found)))
        amounts.append(Gross(cycle_amount(item.price, item.quantity), item.price.product.id, own))
    if not shared and not any(gross.discounts for gross in amounts):
        return [(gross.amount, ()) for gross in amounts]
    return list(zip((gross.amount for gross in amounts), reductions(amounts, shared), strict=True))


def _once(discount: Discount) -> bool:
    return discount.coupon.duration == "once"


def to_lines(owed: Sequence[Owed]) -> tuple[Line, ...]:
    """Round what is owed to lines; a discount over several lines is rounded so that its parts add up."""
    running: dict[Discount, Fraction] = {}
    lines = []
    for due in owed:
        amounts = []
        for discount, full in due.reductions:
            reached = running.get(discount, Fraction(0))
            running[discount] = reached + full * due.share
            if part := to_minor(running[discount]) - to_minor(reached):
                amounts.append((discount, part))
        lines.append(_line(due, tuple(amounts)))
    return tuple(lines)


def _line(due: Owed, amounts: tuple[tuple[Discount, int], ...]) -> Line:
    return Line(
        price=due.price,
        quantity=due.quantity,
        amount=to_minor(due.full * due.share),
        start=due.start,
        end=due.end,
        item=due.item.id,
        proration=due.proration,
        credit=due.share < 0,
        trial=due.trial,
        pending_id=due.pending_id,
        credited=due.credited,
        item_discounts=due.item.discounts,
        discount_amounts=amounts,
    )


def open_invoice(
    at: int, desk: Desk, subscription: Subscription, reason: str, owed: Sequence[Owed], since: int
) -> Invoice:
    """Draw up a draft with the lines that waited and the new ones, and use up coupons that count once.

    Args:
        at: now.
        desk: of the account.
        subscription: the contract.
        reason: Stripe's billing_reason.
        owed: what to bill beside the pending lines.
        since: start of the period that the invoice speaks of.
    """
    lines = (*subscription.pending, *to_lines(owed))
    subscription.pending = ()
    subtotal = sum(line.amount for line in lines)
    invoice = Invoice(
        id=desk.ids.next("in", 24),
        created=at,
        customer=subscription.customer,
        subscription=subscription.id,
        currency=subscription.currency,
        reason=reason,
        lines=lines,
        discounts=shared_discounts(desk, subscription),
        period_start=since,
        period_end=at,
        subtotal=subtotal,
        total=subtotal - sum(amount for line in lines for _, amount in line.discount_amounts),
        starting_balance=desk.customers[subscription.customer].balance,
        sent=subscription.days_until_due is not None,
    )
    invoice.amount_due = max(0, invoice.total + min(0, invoice.starting_balance))
    desk.invoices[invoice.id] = invoice
    desk.store.add("invoice", invoice)
    subscription.latest_invoice = invoice.id
    _remember(subscription, invoice)
    desk.emit(at, "invoice", "invoice.created", invoice)
    _use_up(at, desk, subscription, invoice)
    return invoice


def _remember(subscription: Subscription, invoice: Invoice) -> None:
    """Note on each item where its running period was billed, for credits to refer to."""
    places = {line.item: place for place, line in enumerate(invoice.lines) if not line.credit}
    for item in subscription.items:
        if item.id in places and item.billed is not None:
            item.billed = item.billed._replace(invoice=invoice.id, line=places[item.id])


def _use_up(at: int, desk: Desk, subscription: Subscription, invoice: Invoice) -> None:
    used = [found for line in invoice.lines for found, _ in line.discount_amounts if _once(found)]
    for discount in dict.fromkeys(used):
        drop_discount(at, desk, subscription, discount)
        customer = desk.customers[subscription.customer]
        if customer.discount is discount:
            customer.discount = None


def bill_items(subscription: Subscription, desk: Desk, items: Sequence[Item]) -> list[Owed]:
    """Return what the running period of these licensed items costs, and note it on them."""
    owed = []
    for item, (full, taken) in zip(items, full_cycle(desk, subscription, items), strict=True):
        item.billed = Billed(full, taken, None, 0)
        owed.append(Owed(item, item.price, item.quantity, full, taken, item.period_start, item.period_end))
    return owed


def bill_usage(at: int, desk: Desk, subscription: Subscription, items: Sequence[Item]) -> list[Owed]:
    """Return what metered items used in the period that ends now; only the line gets the quantity."""
    used = [replace(item, quantity=desk.meter(item.period_start, at), period_end=at) for item in items]
    amounts = full_cycle(desk, subscription, used)
    return [
        Owed(item, item.price, item.quantity, full, taken, item.period_start, item.period_end)
        for item, (full, taken) in zip(used, amounts, strict=True)
    ]


def finalize_later(at: int, desk: Desk, invoice: Invoice, collect: Collector) -> None:
    """Leave a draft open for an hour, as Stripe does with the invoices of a cycle."""
    desk.agenda.push(at + HOUR, _finalize_draft, desk, invoice, collect)


def _finalize_draft(at: int, desk: Desk, invoice: Invoice, collect: Collector) -> None:
    if invoice.status == "draft":
        finalize(at, desk, invoice)
        collect(at, desk, invoice)


def finalize(at: int, desk: Desk, invoice: Invoice) -> None:
    """Number an invoice, use up the customer's credit on it, and open it."""
    customer = desk.customers[invoice.customer]
    _number(at, desk, invoice)
    before = desk.before(at, customer)
    invoice.starting_balance = customer.balance
    credit = max(0, -customer.balance)
    if invoice.total < 0:
        customer.balance += invoice.total
    else:
        customer.balance += min(credit, invoice.total)
    invoice.amount_due = max(0, invoice.total - credit)
    invoice.ending_balance = customer.balance
    if customer.balance != invoice.starting_balance:
        desk.emit(at, "customer", "customer.updated", customer, before)
    subscription = desk.subscriptions[invoice.subscription]
    if invoice.sent:
        invoice.due_date = at + (subscription.days_until_due or 0) * DAY
    desk.emit(at, "invoice", "invoice.finalized", invoice)


def _number(at: int, desk: Desk, invoice: Invoice) -> None:
    customer = desk.customers[invoice.customer]
    customer.invoices += 1
    invoice.number = f"{customer.id[-8:].upper()}-{customer.invoices:04d}"
    invoice.finalized_at = at
    invoice.status = "open"


def mark_paid(at: int, desk: Desk, invoice: Invoice) -> None:
    """Close an invoice as paid."""
    before = desk.before(at, invoice)
    invoice.status = "paid"
    invoice.paid_at = at
    invoice.next_attempt = None
    invoice.auto_advance = False
    invoice.attempted = True
    if not invoice.off_stripe:
        invoice.amount_paid = invoice.amount_due
    for name in ("invoice.paid", "invoice.payment_succeeded"):
        desk.emit(at, "invoice", name, invoice, before)


def set_aside(at: int, desk: Desk, invoice: Invoice, behavior: str) -> None:
    """Treat the draft of a paused collection: void, mark_uncollectible or keep_as_draft."""
    invoice.auto_advance = False
    if behavior == "keep_as_draft":
        return
    _number(at, desk, invoice)
    if behavior == "void":
        invoice.status, invoice.voided_at = "void", at
        desk.emit(at, "invoice", "invoice.voided", invoice)
    else:
        invoice.status, invoice.uncollectible_at = "uncollectible", at
        desk.emit(at, "invoice", "invoice.marked_uncollectible", invoice)

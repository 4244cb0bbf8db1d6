"""Taking the money: attempts, retries and what follows when nothing helps; and giving it back."""

from __future__ import annotations

from dataclasses import replace

from sandbox.billing.desk import Desk
from sandbox.billing.invoicing import mark_paid
from sandbox.billing.periods import DAY, HOUR
from sandbox.billing.records import Charge, CreditNote, Customer, Invoice, Refund, Subscription

RETRY_AFTER = (3 * DAY, 5 * DAY, 7 * DAY)
"""Waiting time before the second, third and fourth attempt; then the dunning outcome follows."""

COMPLETE_WITHIN = 23 * HOUR
"""How long a first invoice may stay unpaid before its subscription expires."""


def collect(at: int, desk: Desk, invoice: Invoice) -> None:
    """Take what a finalised invoice asks, or wait for the transfer when it is sent."""
    if invoice.amount_due == 0:
        mark_paid(at, desk, invoice)
        _recover(at, desk, invoice)
    elif invoice.sent:
        desk.agenda.push(invoice.due_date or at, _overdue, desk, invoice)
        desk.agenda.push(desk.transfer(at, invoice), pay_by_transfer, desk, invoice)
    else:
        attempt(at, desk, invoice)


def attempt(at: int, desk: Desk, invoice: Invoice) -> bool:
    """Try the customer's card once; return whether it paid.

    A first invoice that fails leaves the subscription incomplete; later ones are retried, it is past_due.
    """
    if invoice.status != "open":
        return False
    customer = desk.customers[invoice.customer]
    failure = desk.bank(at, customer)
    before = desk.before(at, invoice)
    invoice.attempt_count += 1
    invoice.attempted = True
    charge = _charge(at, desk, invoice, customer, failure)
    if failure is None:
        desk.emit(at, "charge", "charge.succeeded", charge)
        _set_delinquent(at, desk, customer, delinquent=False)
        mark_paid(at, desk, invoice)
        _recover(at, desk, invoice)
        return True
    desk.emit(at, "charge", "charge.failed", charge)
    _set_delinquent(at, desk, customer, delinquent=True)
    _plan_retry(at, desk, invoice)
    desk.emit(at, "invoice", "invoice.payment_failed", invoice, before)
    _fall_behind(at, desk, invoice)
    return False


def _charge(at: int, desk: Desk, invoice: Invoice, customer: Customer, failure: str | None) -> Charge:
    charge = Charge(
        id=desk.ids.next("ch", 24),
        created=at,
        customer=customer.id,
        invoice=invoice.id,
        amount=invoice.amount_due,
        currency=invoice.currency,
        # As it is now: a card that its network renews later leaves its charges as they were.
        card=replace(desk.cards[customer.default_payment_method or ""]),
        failure=failure,
    )
    desk.charges.append(charge)
    desk.store.add("charge", charge)
    return charge


def _set_delinquent(at: int, desk: Desk, customer: Customer, *, delinquent: bool) -> None:
    if customer.delinquent != delinquent:
        before = desk.before(at, customer)
        customer.delinquent = delinquent
        desk.emit(at, "customer", "customer.updated", customer, before)


def _plan_retry(at: int, desk: Desk, invoice: Invoice) -> None:
    invoice.next_attempt = None
    first = invoice.reason == "subscription_create"
    if not first and invoice.attempt_count <= len(RETRY_AFTER):
        invoice.next_attempt = at + RETRY_AFTER[invoice.attempt_count - 1]
        desk.agenda.push(invoice.next_attempt, _retry, desk, invoice)


def _retry(at: int, desk: Desk, invoice: Invoice) -> None:
    if invoice.next_attempt == at and desk.subscriptions[invoice.subscription].status == "past_due":
        attempt(at, desk, invoice)


def _fall_behind(at: int, desk: Desk, invoice: Invoice) -> None:
    subscription = desk.subscriptions[invoice.subscription]
    if subscription.status == "active":
        _set_status(at, desk, subscription, "past_due")
    elif subscription.status == "past_due" and invoice.next_attempt is None:
        _give_up(at, desk, subscription)


def _give_up(at: int, desk: Desk, subscription: Subscription) -> None:
    for invoice in _unpaid_invoices(desk, subscription):
        invoice.next_attempt = None
        invoice.auto_advance = False
    if subscription.dunning == "canceled":
        end_subscription(at, desk, subscription, "payment_failed")
    else:
        _set_status(at, desk, subscription, "unpaid")


def _unpaid_invoices(desk: Desk, subscription: Subscription) -> list[Invoice]:
    return [
        invoice
        for invoice in desk.invoices.values()
        if invoice.subscription == subscription.id and invoice.status == "open" and invoice.attempted
    ]


def _recover(at: int, desk: Desk, invoice: Invoice) -> None:
    """Bring a subscription back once nothing is open: a card that works again pays what else was waiting."""
    subscription = desk.subscriptions[invoice.subscription]
    if subscription.status == "incomplete":
        _set_status(at, desk, subscription, "active")
    if subscription.status != "past_due":
        return
    waiting = _unpaid_invoices(desk, subscription)
    if not waiting:
        _set_status(at, desk, subscription, "active")
    elif not subscription.days_until_due:
        waiting[0].next_attempt = None
        attempt(at, desk, waiting[0])


def _set_status(at: int, desk: Desk, subscription: Subscription, status: str) -> None:
    before = desk.before(at, subscription)
    subscription.status = status
    desk.note(at, subscription, before)


def _overdue(at: int, desk: Desk, invoice: Invoice) -> None:
    subscription = desk.subscriptions[invoice.subscription]
    if invoice.status == "open":
        invoice.attempted = True
        if subscription.status == "active":
            _set_status(at, desk, subscription, "past_due")


def pay_by_transfer(at: int, desk: Desk, invoice: Invoice) -> None:
    """Record that a sent invoice was paid by bank transfer, outside Stripe."""
    if invoice.status == "open":
        invoice.off_stripe = True
        mark_paid(at, desk, invoice)
        _recover(at, desk, invoice)


def expire_incomplete(at: int, desk: Desk, subscription: Subscription, invoice: Invoice) -> None:
    """Let a subscription whose first invoice was never paid expire, its invoice voided."""
    if subscription.status != "incomplete":
        return
    invoice.status, invoice.voided_at, invoice.auto_advance = "void", at, False
    desk.emit(at, "invoice", "invoice.voided", invoice)
    before = desk.before(at, subscription)
    subscription.status = "incomplete_expired"
    subscription.ended_at = at
    desk.note(at, subscription, before)


def end_subscription(at: int, desk: Desk, subscription: Subscription, reason: str) -> None:
    """End a subscription now; ``canceled_at`` stays the time of the request when there was one."""
    before = desk.before(at, subscription)
    subscription.status = "canceled"
    subscription.ended_at = at
    subscription.canceled_at = subscription.canceled_at or at
    subscription.cancel_reason = reason
    for invoice in _unpaid_invoices(desk, subscription):
        invoice.next_attempt = None
        invoice.auto_advance = False
    desk.note(at, subscription, before, "deleted")


def refund(at: int, desk: Desk, charge: Charge, amount: int, reason: str = "requested_by_customer") -> Refund:
    """Give back part or all of a charge."""
    before = desk.before(at, charge)
    given = Refund(desk.ids.next("re", 24), at, charge.id, charge.invoice, amount, charge.currency, reason)
    charge.refunded += amount
    desk.store.add("refund", given)
    desk.emit(at, "charge", "charge.refunded", charge, before)
    desk.emit(at, "refund", "refund.created", given)
    return given


def credit(at: int, desk: Desk, charge: Charge, amount: int) -> None:
    """Correct a paid invoice with a credit note that is refunded to the card."""
    invoice = desk.invoices[charge.invoice]
    given = refund(at, desk, charge, amount)
    note = CreditNote(
        id=desk.ids.next("cn", 24),
        created=at,
        customer=invoice.customer,
        invoice=invoice.id,
        number=f"{invoice.number}-CN-01",
        amount=amount,
        currency=invoice.currency,
        reason="product_unsatisfactory",
        line=max(range(len(invoice.lines)), key=lambda place: invoice.lines[place].amount),
        refund=given.id,
    )
    invoice.credited_after_payment += amount
    desk.store.add("credit_note", note)
    desk.emit(at, "credit_note", "credit_note.created", note)

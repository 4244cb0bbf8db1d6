"""Customers, their cards, and the discounts that customers, subscriptions and items have."""

from __future__ import annotations

from sandbox.billing.desk import Desk
from sandbox.billing.periods import add_months
from sandbox.billing.records import Coupon, Customer, Discount, Item, PaymentMethod, Subscription


def create_customer(
    desk: Desk, at: int, name: str, email: str, country: str, metadata: dict[str, str]
) -> Customer:
    """Create a customer without a card."""
    customer = Customer(desk.ids.next("cus"), at, name, email, country, metadata)
    desk.customers[customer.id] = customer
    desk.store.add("customer", customer)
    desk.emit(at, "customer", "customer.created", customer)
    return customer


def delete_customer(at: int, desk: Desk, customer: Customer) -> None:
    """Delete a customer that has no live subscription; its invoices stay."""
    customer.deleted_at = at
    desk.emit(at, "customer", "customer.deleted", customer)


def attach_card(
    at: int, desk: Desk, customer: Customer, brand: str, last4: str, expiry: tuple[int, int]
) -> None:
    """Attach a card and make it the default; ``expiry`` is (year, month)."""
    card = PaymentMethod(
        id=desk.ids.next("pm", 24),
        created=at,
        customer=customer.id,
        holder=customer.name,
        email=customer.email,
        country=customer.country,
        brand=brand,
        last4=last4,
        exp_month=expiry[1],
        exp_year=expiry[0],
    )
    desk.cards[card.id] = card
    desk.store.add("payment_method", card)
    desk.emit(at, "payment_method", "payment_method.attached", card)
    before = desk.before(at, customer)
    customer.default_payment_method = card.id
    desk.emit(at, "customer", "customer.updated", customer, before)


def renew_card(at: int, desk: Desk, customer: Customer, years: int) -> None:
    """Let the card network send the new expiry date of the default card."""
    card = desk.cards[customer.default_payment_method or ""]
    before = desk.before(at, card)
    card.exp_year += years
    desk.emit(at, "payment_method", "payment_method.automatically_updated", card, before)


def expired(at_year_month: tuple[int, int], card: PaymentMethod) -> bool:
    """Say whether a card is over in this (year, month)."""
    return (card.exp_year, card.exp_month) < at_year_month


def make_discount(
    desk: Desk,
    at: int,
    coupon: Coupon,
    customer: str,
    subscription: str | None = None,
    item: str | None = None,
) -> Discount:
    """Put a coupon to work; a repeating one ends ``duration_in_months`` after ``at``."""
    end = add_months(at, coupon.months) if coupon.months else None
    discount = Discount(desk.ids.next("di", 24), coupon, customer, subscription, item, at, end)
    coupon.times_redeemed += 1
    desk.store.add("discount", discount)
    desk.emit(at, "discount", "customer.discount.created", discount)
    return discount


def discount_subscription(at: int, desk: Desk, subscription: Subscription, coupon: Coupon) -> None:
    """Add a discount to a subscription, after those it has."""
    before = desk.before(at, subscription)
    discount = make_discount(desk, at, coupon, subscription.customer, subscription.id)
    subscription.discounts = (*subscription.discounts, discount)
    _plan_end(desk, subscription, discount)
    desk.note(at, subscription, before)


def discount_item(at: int, desk: Desk, subscription: Subscription, item: Item, coupon: Coupon) -> None:
    """Add a discount to one item of a subscription."""
    before = desk.before(at, subscription)
    discount = make_discount(desk, at, coupon, subscription.customer, subscription.id, item.id)
    item.discounts = (*item.discounts, discount)
    _plan_end(desk, subscription, discount)
    desk.note(at, subscription, before)


def discount_customer(at: int, desk: Desk, customer: Customer, coupon: Coupon | None) -> None:
    """Give a customer a discount, for its subscriptions without one of their own; None takes it away."""
    before = desk.before(at, customer)
    if customer.discount:
        desk.emit(at, "discount", "customer.discount.deleted", customer.discount)
    customer.discount = make_discount(desk, at, coupon, customer.id) if coupon else None
    desk.emit(at, "customer", "customer.updated", customer, before)
    for subscription in desk.subscriptions.values():
        if subscription.customer == customer.id:
            desk.log.note(at, subscription, customer)


def drop_discount(at: int, desk: Desk, subscription: Subscription, discount: Discount) -> None:
    """Take a discount off a subscription or its items: over, used up or withdrawn. Nothing if it is gone."""
    held = [*subscription.discounts, *(found for item in subscription.items for found in item.discounts)]
    if discount not in held or subscription.status in ("canceled", "incomplete_expired"):
        return
    before = desk.before(at, subscription)
    subscription.discounts = tuple(found for found in subscription.discounts if found is not discount)
    for item in subscription.items:
        item.discounts = tuple(found for found in item.discounts if found is not discount)
    desk.emit(at, "discount", "customer.discount.deleted", discount)
    desk.note(at, subscription, before)


def _plan_end(desk: Desk, subscription: Subscription, discount: Discount) -> None:
    if discount.end is not None:
        desk.agenda.push(discount.end, drop_discount, desk, subscription, discount)

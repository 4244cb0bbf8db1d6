"""What an account decides of its own accord: to start, grow, shrink, pause, leave, and come to a discount.

Changes that Stripe's data shows only from the next invoice on (a pause, a forever discount that comes or
goes) are made in the half hour before a renewal, so that nothing but a thirty-day event is ever the sole
witness of a change.
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.billing.collection import credit, refund
from sandbox.billing.customers import discount_customer, discount_item, discount_subscription, drop_discount
from sandbox.billing.periods import DAY, HOUR, boundary
from sandbox.billing.records import Charge, Customer, Discount, Item, Subscription
from sandbox.billing.subscriptions import (
    Change,
    Order,
    cancel_now,
    change_items,
    keep,
    pause_collection,
    resume_paused,
    schedule_cancel,
)
from sandbox.simulation.life import Life
from sandbox.simulation.plans import DOWNGRADES, UPGRADES, draw_order, is_seat, split_key
from sandbox.simulation.words import COUNTRIES

FEEDBACK = (
    "too_expensive",
    "unused",
    "missing_features",
    "switched_service",
    "low_quality",
    "customer_service",
)
_BEFORE_RENEWAL = HOUR // 2
_LONGEST_WAIT = 29 * DAY


def start(at: int, life: Life, extra_customers: int, until: int) -> None:
    """Let a new account sign up: most subscribe within days, some never do.

    Args:
        at: the moment of sign-up.
        life: the account.
        extra_customers: Stripe customers it will have beside its first one.
        until: by when those are there.
    """
    life.decide = weekly
    rng = life.rng
    customer = life.add_customer(at)
    if rng.random() < 0.96:
        life.agenda.push(at + rng.randrange(HOUR, 3 * DAY), _first_order, life, customer)
    for _ in range(extra_customers):
        life.agenda.push(at + rng.randrange(max(1, until - at)), _join, life)


def _first_order(at: int, life: Life, customer: Customer) -> None:
    rng, account = life.rng, life.account
    order = draw_order(rng, life.catalogue, account.currency, account.employees)
    if rng.random() < 0.03 and not order.coupons:
        discount_customer(at, life.desk, customer, life.catalogue.coupons[rng.choice(("NGO20", "PARTNER12"))])
    if not order.trial_days:
        life.order(at, customer, order)
        return
    card = rng.random() < 0.7
    subscription = life.order(at, customer, _trial_order(order, life, card=card), card=card)
    end = at + order.trial_days * DAY
    convinced = rng.random() < 0.35 + 0.55 * life.feeling()
    if not card:
        life.agenda.push(
            end - rng.randrange(DAY, 5 * DAY), _trial_without_card, life, subscription, convinced
        )
    elif not convinced:
        life.agenda.push(end - rng.randrange(DAY, 9 * DAY), _plan_leaving, life, subscription)


def _trial_order(order: Order, life: Life, *, card: bool) -> Order:
    missing = "create_invoice" if card else life.rng.choice(("pause", "cancel"))
    return Order(order.items, order.coupons, order.trial_days, missing, None, order.dunning)


def _trial_without_card(at: int, life: Life, subscription: Subscription, convinced: bool) -> None:
    customer = life.desk.customers[subscription.customer]
    if subscription.status == "trialing" and convinced:
        life.add_card(at, customer)
    elif subscription.missing_card == "pause" and life.rng.random() < 0.3:
        life.agenda.push(
            at + life.rng.randrange(10 * DAY, 70 * DAY), _add_card_and_resume, life, subscription
        )


def _add_card_and_resume(at: int, life: Life, subscription: Subscription) -> None:
    if subscription.status == "paused":
        life.add_card(at, life.desk.customers[subscription.customer])
        resume_paused(at, life.desk, subscription)
        life.wake(at)


def _join(at: int, life: Life) -> None:
    """Add a Stripe customer: another branch of the same company, often billed in another currency."""
    rng, account = life.rng, life.account
    country = rng.choice(list(COUNTRIES))
    customer = life.add_customer(at, country)
    order = draw_order(rng, life.catalogue, COUNTRIES[country][1], max(3, account.employees // 3))
    if life.live():
        life.order(at, customer, Order(order.items, order.coupons, days_until_due=order.days_until_due))


def weekly(at: int, life: Life) -> None:
    """Take this week's decision on each subscription in use."""
    for subscription in life.live():
        if subscription.status == "active" and subscription.pause is None:
            _decide(at, life, subscription)


def _decide(at: int, life: Life, subscription: Subscription) -> None:
    if subscription.cancel_at is not None:
        if subscription.cancel_at_period_end and life.rng.random() < 0.012:
            keep(at, life.desk, subscription)
        return
    if not life.causal:
        # Neither a term nor a notice may tell who leaves, or when.
        if life.rng.random() < life.leave_hazard():
            cancel_now(at, life.desk, subscription, life.rng.choice(FEEDBACK), prorate=False)
            return
    elif life.rng.random() < life.leave_hazard() * _exposure(at, subscription):
        _leave(at, life, subscription)
        return
    feeling = life.feeling()
    draw = life.rng.random()
    for chance_happy, chance_unhappy, decision in _DECISIONS:
        draw -= chance_happy * feeling + chance_unhappy * (1 - feeling)
        if draw < 0:
            decision(at, life, subscription)
            return


def _exposure(at: int, subscription: Subscription) -> float:
    """Return how likely this is the week to leave: long terms are left before they renew."""
    months = subscription.items[0].price.months
    if months <= 1:
        return 1.0
    left = subscription.items[0].period_end - at
    if months <= 3:
        return 2.6 if left < 30 * DAY else 0.1
    return 5.0 if left < 60 * DAY else 0.05


def _leave(at: int, life: Life, subscription: Subscription) -> None:
    draw, feedback = life.rng.random(), life.rng.choice(FEEDBACK)
    if draw < 0.74:
        schedule_cancel(at, life.desk, subscription, None, feedback)
    elif draw < 0.84:
        schedule_cancel(at, life.desk, subscription, at + life.rng.randrange(3 * DAY, 40 * DAY), feedback)
    else:
        cancel_now(at, life.desk, subscription, feedback, prorate=draw > 0.95)


def _plan_leaving(at: int, life: Life, subscription: Subscription) -> None:
    if subscription.live and subscription.cancel_at is None:
        schedule_cancel(at, life.desk, subscription, None, "unused")


def _seat_item(subscription: Subscription) -> Item | None:
    return next((item for item in subscription.items if is_seat(item.price)), None)


def changeable(subscription: Subscription) -> bool:
    """Say whether a change leaves its whole trace in the lines of the items changed."""
    held = [discount for discount in subscription.discounts if discount.coupon.amount_off is not None]
    return not held or len(subscription.items) == 1


def change(at: int, life: Life, subscription: Subscription, changes: list[Change]) -> None:
    """Change items; prorations wait for the next invoice if that is near, else they are billed at once."""
    if subscription.status != "active" or not changeable(subscription):
        return
    wait = (
        min(change.item.period_end if change.item else subscription.items[0].period_end for change in changes)
        - at
    )
    invoice_now = wait > _LONGEST_WAIT or life.rng.random() < 0.25
    change_items(at, life.desk, subscription, changes, invoice_now=invoice_now)


def _more_seats(at: int, life: Life, subscription: Subscription) -> None:
    if item := _seat_item(subscription):
        more = item.quantity + max(1, round(item.quantity * life.rng.uniform(0.03, 0.25)))
        change(at, life, subscription, [Change(item, item.price, more)])


def _fewer_seats(at: int, life: Life, subscription: Subscription) -> None:
    item = _seat_item(subscription)
    if item and item.quantity > 2:
        fewer = item.quantity - max(1, round(item.quantity * life.rng.uniform(0.05, 0.35)))
        change(at, life, subscription, [Change(item, item.price, fewer)])


def _upgrade(at: int, life: Life, subscription: Subscription) -> None:
    _move(at, life, subscription, UPGRADES)


def _downgrade(at: int, life: Life, subscription: Subscription) -> None:
    _move(at, life, subscription, DOWNGRADES)


def _move(at: int, life: Life, subscription: Subscription, to: dict[str, str]) -> None:
    item = _seat_item(subscription)
    if item is None:
        return
    product, interval = split_key(item.price)
    target = to.get(product)
    if product == "free" and to is UPGRADES:
        target = "starter"
    if target:
        price = life.catalogue.price(target, interval, subscription.currency)
        change(at, life, subscription, [Change(item, price, item.quantity)])


def _add_connector(at: int, life: Life, subscription: Subscription) -> None:
    interval = split_key(subscription.items[0].price)[1]
    held = {item.price.key for item in subscription.items}
    price = life.catalogue.prices.get(
        f"connector-{life.rng.randint(1, 24)}-{interval}-{subscription.currency}"
    )
    single_money = any(discount.coupon.amount_off for discount in subscription.discounts)
    if price and price.key not in held and not single_money:
        change(at, life, subscription, [Change(None, price, 1)])


def _drop_extra(at: int, life: Life, subscription: Subscription) -> None:
    extras = [item for item in subscription.items[1:] if item.price.meter is None and not is_seat(item.price)]
    if extras:
        item = life.rng.choice(extras)
        change(at, life, subscription, [Change(item, item.price, 0)])


def _change_volume(at: int, life: Life, subscription: Subscription) -> None:
    for item in subscription.items:
        if item.price.product.unit in ("record", "message"):
            quantity = max(100, round(item.quantity * life.rng.uniform(0.7, 1.6)))
            change(at, life, subscription, [Change(item, item.price, quantity)])
            return


def go_yearly(at: int, life: Life, subscription: Subscription) -> None:
    """Move every item of a monthly subscription to its yearly price, if each has one."""
    changes = []
    for item in subscription.items:
        product, interval = split_key(item.price)
        price = life.catalogue.prices.get(f"{product}-year-{subscription.currency}")
        if interval != "month" or price is None:
            return
        changes.append(Change(item, price, item.quantity))
    if subscription.status == "active" and changeable(subscription):
        change_items(at, life.desk, subscription, changes, invoice_now=True)


def before_renewal(life: Life, subscription: Subscription, job: Callable[..., None], *args: object) -> None:
    """Do something half an hour before all items renew, unless midnight (UTC) lies between."""
    renewal = subscription.period_end
    together = all(item.period_end == renewal for item in subscription.items)
    if together and renewal % DAY > _BEFORE_RENEWAL:
        life.agenda.push(renewal - _BEFORE_RENEWAL, _if_renewing, subscription, renewal, job, args)


def _if_renewing(
    at: int, subscription: Subscription, renewal: int, job: Callable[..., None], args: tuple[object, ...]
) -> None:
    ready = subscription.status == "active" and subscription.cancel_at is None and subscription.pause is None
    # prorations that wait would come onto an invoice whose discounts, or fate, are not those of their time
    if ready and subscription.period_end == renewal and not subscription.pending:
        job(at, *args)


def _pause(at: int, life: Life, subscription: Subscription) -> None:
    price = subscription.items[0].price
    if price.months <= 1 and all(item.price.interval == price.interval for item in subscription.items):
        cycles = life.rng.randint(1, 3)
        behavior = life.rng.choice(("void", "void", "mark_uncollectible", "keep_as_draft"))
        before_renewal(life, subscription, pause_for, life, subscription, behavior, cycles)


def pause_for(at: int, life: Life, subscription: Subscription, behavior: str, cycles: int) -> None:
    """Pause collection for the next cycles; it resumes half an hour before the renewal after them."""
    item = subscription.items[0]
    until = boundary(subscription.anchor, item.price.interval, item.price.interval_count, item.cycle + cycles)
    pause_collection(at, life.desk, subscription, behavior, until - _BEFORE_RENEWAL)


def _discount_once(at: int, life: Life, subscription: Subscription) -> None:
    # beside a customer's discount a passing one would silently bring that back when it ends
    if not subscription.discounts and life.desk.customers[subscription.customer].discount is None:
        name = life.rng.choice(("STAY25", "LAUNCH30", "WELCOME50"))
        discount_subscription(at, life.desk, subscription, life.catalogue.coupons[name])


def _discount_forever(at: int, life: Life, subscription: Subscription) -> None:
    coupons = life.catalogue.coupons
    has_customer_discount = life.desk.customers[subscription.customer].discount is not None
    if has_customer_discount or len(subscription.discounts) > 1:
        return
    if life.rng.random() < 0.3:
        item = subscription.items[0]
        before_renewal(life, subscription, discount_item, life.desk, subscription, item, coupons["PARTNER12"])
    else:
        coupon = coupons[life.rng.choice(("NGO20", "PARTNER12", "FRIENDS100", "GROWTH10"))]
        before_renewal(life, subscription, discount_subscription, life.desk, subscription, coupon)


def _lose_discount(at: int, life: Life, subscription: Subscription) -> None:
    held: list[Discount] = [
        *subscription.discounts,
        *(one for item in subscription.items for one in item.discounts),
    ]
    if held:
        before_renewal(life, subscription, drop_discount, life.desk, subscription, life.rng.choice(held))


def _complain(at: int, life: Life, subscription: Subscription) -> None:
    charges = [
        charge
        for charge in life.charges()
        if charge.customer == subscription.customer and charge.failure is None and not charge.refunded
    ]
    if charges and charges[-1].amount > 1:
        give_back(at, life, charges[-1], life.rng.choice((1, 2, 4)))


def give_back(at: int, life: Life, charge: Charge, part: int) -> None:
    """Refund one ``part``-th of a charge; what is not the whole comes with a credit note."""
    if part == 1:
        refund(at, life.desk, charge, charge.amount)
    else:
        credit(at, life.desk, charge, charge.amount // part)


# (chance per week when perfectly happy, when perfectly unhappy, what is decided)
_DECISIONS: tuple[tuple[float, float, Callable[[int, Life, Subscription], None]], ...] = (
    (0.055, 0.004, _more_seats),
    (0.004, 0.030, _fewer_seats),
    (0.010, 0.001, _upgrade),
    (0.001, 0.010, _downgrade),
    (0.012, 0.002, _add_connector),
    (0.002, 0.012, _drop_extra),
    (0.020, 0.010, _change_volume),
    (0.005, 0.001, go_yearly),
    (0.001, 0.006, _pause),
    (0.001, 0.010, _discount_once),
    (0.002, 0.004, _discount_forever),
    (0.004, 0.004, _lose_discount),
    (0.001, 0.006, _complain),
)

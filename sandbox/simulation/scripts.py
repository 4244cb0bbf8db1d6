"""Accounts whose story is told in advance, so that every shape Stripe knows occurs in every world.

A script says how long before the end of the history the account signs up and what it does then; its jobs
are set on the account's own agenda, so the stories go on by themselves when the clock is advanced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.billing.catalogue import CONNECTORS
from sandbox.billing.collection import attempt
from sandbox.billing.customers import (
    delete_customer,
    discount_customer,
    discount_item,
    discount_subscription,
    drop_discount,
)
from sandbox.billing.periods import DAY, HOUR, add_months, utc_date
from sandbox.billing.records import Coupon, Customer, Price, Subscription
from sandbox.billing.subscriptions import (
    Change,
    Order,
    cancel_now,
    change_items,
    resume_paused,
    schedule_cancel,
)
from sandbox.simulation.decisions import before_renewal, give_back, go_yearly, pause_for
from sandbox.simulation.life import Life

Story = Callable[[int, Life], None]


@dataclass(frozen=True, slots=True)
class Script:
    """One account told in advance.

    Attributes:
        months, days: how long before the end of the history it signs up.
        play: what it does at sign-up and plans for later.
        customers: Stripe customers that it comes to have.
    """

    name: str
    months: int
    days: int
    play: Story
    country: str = "FR"
    customers: int = 1

    def signs_up(self, end: int) -> int:
        """Return when: at two in the afternoon, so that nothing falls near midnight."""
        return add_months(end - self.days * DAY - 10 * HOUR, -self.months)


def _price(life: Life, key: str, currency: str | None = None) -> Price:
    return life.catalogue.prices[f"{key}-{currency or life.account.currency}"]


def _coupons(life: Life, *names: str) -> list[Coupon]:
    return [life.catalogue.coupons[name] for name in names]


def _order(
    life: Life,
    *items: tuple[str, int],
    coupons: Sequence[str] = (),
    trial_days: int = 0,
    missing_card: str = "create_invoice",
    days_until_due: int | None = None,
    dunning: str = "unpaid",
) -> Order:
    return Order(
        [(_price(life, key), quantity, ()) for key, quantity in items],
        _coupons(life, *coupons),
        trial_days,
        missing_card,
        days_until_due,
        dunning,
    )


def _buy(at: int, life: Life, *items: tuple[str, int], coupons: Sequence[str] = ()) -> Subscription:
    return life.order(at, life.add_customer(at), _order(life, *items, coupons=coupons))


def _quantity(
    at: int, life: Life, subscription: Subscription, quantity: int, invoice_now: bool = False
) -> None:
    item = subscription.items[0]
    change_items(at, life.desk, subscription, [Change(item, item.price, quantity)], invoice_now=invoice_now)


def _to(at: int, life: Life, subscription: Subscription, key: str) -> None:
    item = subscription.items[0]
    change_items(
        at, life.desk, subscription, [Change(item, _price(life, key), item.quantity)], invoice_now=False
    )


def _many_connectors(at: int, life: Life) -> None:
    names = [(f"connector-{number + 1}-month", 1) for number in range(len(CONNECTORS))]
    _buy(at, life, ("scale-month", 12), *names)


def _many_lines(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("growth-month", 5))
    for step in range(7):
        life.agenda.push(at + (33 + 2 * step) * DAY, _quantity, life, subscription, 6 + step)


def _past_due(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("growth-month", 6))
    life.agenda.push(add_months(at, 8) - DAY, _lose_card, life, subscription)


def _lose_card(at: int, life: Life, subscription: Subscription) -> None:
    life.trouble[subscription.customer] = at + 400 * DAY


def _unpaid(at: int, life: Life) -> None:
    _past_due(at, life)


def _canceled_by_dunning(at: int, life: Life) -> None:
    customer = life.add_customer(at)
    subscription = life.order(at, customer, _order(life, ("starter-month", 9), dunning="canceled"))
    life.agenda.push(add_months(at, 8) - DAY, _lose_card, life, subscription)


def _recovered(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("starter-month", 4))
    life.agenda.push(add_months(at, 3) - DAY, _lose_card_for, life, subscription, 6)


def _lose_card_for(at: int, life: Life, subscription: Subscription, days: int) -> None:
    life.trouble[subscription.customer] = at + days * DAY


def _trial(at: int, life: Life) -> None:
    life.order(at, life.add_customer(at), _order(life, ("growth-month", 5), trial_days=30))


def _trial_paused(at: int, life: Life) -> None:
    order = _order(life, ("growth-month", 3), trial_days=14, missing_card="pause")
    life.order(at, life.add_customer(at), order, card=False)


def _trial_resumed(at: int, life: Life) -> None:
    customer = life.add_customer(at)
    order = _order(life, ("growth-month", 8), trial_days=14, missing_card="pause")
    subscription = life.order(at, customer, order, card=False)
    life.agenda.push(at + 40 * DAY, _resume_trial, life, subscription, customer)


def _resume_trial(at: int, life: Life, subscription: Subscription, customer: Customer) -> None:
    life.add_card(at, customer)
    resume_paused(at, life.desk, subscription)


def _trial_lost(at: int, life: Life) -> None:
    order = _order(life, ("starter-month", 3), trial_days=14, missing_card="cancel")
    life.order(at, life.add_customer(at), order, card=False)


def _incomplete(at: int, life: Life) -> None:
    customer = life.add_customer(at)
    life.trouble[customer.id] = at + 400 * DAY
    life.order(at, customer, _order(life, ("starter-month", 2)))


def _completed_late(at: int, life: Life) -> None:
    customer = life.add_customer(at)
    life.trouble[customer.id] = at + HOUR
    subscription = life.order(at, customer, _order(life, ("growth-month", 2)))
    invoice = life.desk.invoices[subscription.latest_invoice or ""]
    life.agenda.push(at + 5 * HOUR, _try_again, life, invoice.id)


def _try_again(at: int, life: Life, invoice_id: str) -> None:
    attempt(at, life.desk, life.desk.invoices[invoice_id])


def _collection_paused(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("growth-month", 7))
    life.agenda.push(add_months(at, 8) + DAY, _pause_next, life, subscription, "void", 2)


def _pause_next(at: int, life: Life, subscription: Subscription, behavior: str, cycles: int) -> None:
    before_renewal(life, subscription, pause_for, life, subscription, behavior, cycles)


def _paused_and_back(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("scale-month", 3))
    life.agenda.push(add_months(at, 3) + DAY, _pause_next, life, subscription, "mark_uncollectible", 2)


def _three_customers(at: int, life: Life) -> None:
    for country, currency, days in (("FR", "eur", 0), ("US", "usd", 40), ("JP", "jpy", 90)):
        life.agenda.push(at + days * DAY, _branch, life, country, currency)


def _branch(at: int, life: Life, country: str, currency: str) -> None:
    order = Order([(_price(life, "growth-month", currency), 10, ())])
    life.order(at, life.add_customer(at, country), order)


def _free_of_charge(at: int, life: Life) -> None:
    _buy(at, life, ("growth-month", 5), coupons=["FRIENDS100"])


def _free_for_a_while(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("growth-month", 5))
    coupon = life.catalogue.coupons["FRIENDS100"]
    life.agenda.push(
        add_months(at, 3) + DAY,
        _later,
        life,
        subscription,
        discount_subscription,
        life.desk,
        subscription,
        coupon,
    )
    life.agenda.push(add_months(at, 6) + DAY, _lose_last_discount, life, subscription)


def _later(at: int, life: Life, subscription: Subscription, job: Callable[..., None], *args: object) -> None:
    before_renewal(life, subscription, job, *args)


def _lose_last_discount(at: int, life: Life, subscription: Subscription) -> None:
    before_renewal(life, subscription, drop_discount, life.desk, subscription, subscription.discounts[-1])


def _graduated(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("enterprise-month", 150))
    life.agenda.push(at + 100 * DAY, _quantity, life, subscription, 90)


def _volume(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("team-month", 9))
    life.agenda.push(at + 75 * DAY, _quantity, life, subscription, 30)


def _stacked(at: int, life: Life) -> None:
    currency = life.account.currency
    coupons = ["NGO20", "PARTNER12", f"LOYAL-{currency}", f"HELPING-{currency}"]
    _buy(at, life, ("growth-year", 12), ("support-year", 1), coupons=coupons)


def _never(at: int, life: Life) -> None:
    life.add_customer(at)


def _deleted(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("starter-month", 3))
    life.agenda.push(at + 200 * DAY, cancel_now, life.desk, subscription, "switched_service")
    customer = life.desk.customers[subscription.customer]
    life.agenda.push(at + 236 * DAY, delete_customer, life.desk, customer)


def _free_plan(at: int, life: Life) -> None:
    _buy(at, life, ("free-month", 3))


def _from_free(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("free-month", 3))
    life.agenda.push(at + 80 * DAY, _to, life, subscription, "starter-month")


def _weekly(at: int, life: Life) -> None:
    _buy(at, life, ("pilot-week", 6))


def _leaving(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("growth-month", 11))
    when = add_months(at, 12) + 3 * DAY
    life.agenda.push(when, schedule_cancel, life.desk, subscription, None, "missing_features")


def _leaving_on_a_day(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("growth-year", 8))
    life.agenda.push(at + 340 * DAY, schedule_cancel, life.desk, subscription, at + 420 * DAY, "too_complex")


def _usage_and_packages(at: int, life: Life) -> None:
    _buy(
        at, life, ("growth-month", 4), ("api-month", 0), ("storage-month", 12_345), ("messages-month", 7_500)
    )


def _mixed_intervals(at: int, life: Life) -> None:
    _buy(at, life, ("growth-year", 15), ("messages-month", 2_500), ("api-month", 0))


def _sent_invoices(at: int, life: Life) -> None:
    order = _order(life, ("enterprise-year", 40), days_until_due=30)
    life.order(at, life.add_customer(at), order)


def _customer_discount(at: int, life: Life) -> None:
    customer = life.add_customer(at)
    discount_customer(at, life.desk, customer, life.catalogue.coupons["NGO20"])
    life.order(at, customer, _order(life, ("scale-month", 10)))


def _item_discount(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("scale-month", 10), ("support-month", 1))
    item, coupon = subscription.items[1], life.catalogue.coupons["PARTNER12"]
    life.agenda.push(
        add_months(at, 2) + DAY,
        _later,
        life,
        subscription,
        discount_item,
        life.desk,
        subscription,
        item,
        coupon,
    )


def _passing_discounts(at: int, life: Life) -> None:
    _buy(at, life, ("growth-month", 10), coupons=["LAUNCH30", "WELCOME50"])


def _money_off(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("growth-month", 20), coupons=[f"LOYAL-{life.account.currency}"])
    life.agenda.push(at + 100 * DAY, _quantity, life, subscription, 26)


def _refunded(at: int, life: Life) -> None:
    _buy(at, life, ("growth-month", 10))
    for days, part in ((63, 1), (95, 4)):
        life.agenda.push(at + days * DAY, _give_back_last, life, part)


def _give_back_last(at: int, life: Life, part: int) -> None:
    give_back(at, life, life.charges()[-1], part)


def _card_runs_out(at: int, life: Life) -> None:
    customer = life.add_customer(at)
    last_month = utc_date(add_months(at, 8))
    life.add_card(at, customer, (last_month.year, last_month.month))
    life.order(at, customer, _order(life, ("starter-year", 25)))


def _ups_and_downs(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("starter-month", 10), ("connector-3-month", 1))
    life.agenda.push(at + 70 * DAY, _to, life, subscription, "growth-month")
    life.agenda.push(at + 190 * DAY, _to, life, subscription, "starter-month")
    life.agenda.push(at + 250 * DAY, go_yearly, life, subscription)
    life.agenda.push(at + 300 * DAY, _quantity, life, subscription, 4, True)


def _back_again(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("growth-month", 4))
    life.agenda.push(at + 130 * DAY, schedule_cancel, life.desk, subscription, None, "unused")
    life.agenda.push(at + 300 * DAY, _again, life, subscription.customer)


def _again(at: int, life: Life, customer_id: str) -> None:
    life.order(at, life.desk.customers[customer_id], _order(life, ("growth-quarter", 6)))


def _left_with_credit(at: int, life: Life) -> None:
    subscription = _buy(at, life, ("scale-quarter", 5))
    life.agenda.push(at + 200 * DAY, _leave_with_credit, life, subscription)


def _leave_with_credit(at: int, life: Life, subscription: Subscription) -> None:
    cancel_now(at, life.desk, subscription, "low_quality", prorate=True)


def _never_and_gone(at: int, life: Life) -> None:
    customer = life.add_customer(at)
    life.agenda.push(at + 11 * DAY, delete_customer, life.desk, customer)


DELETED = (
    Script("deleted", 7, 26, _deleted),
    Script("deleted before it bought anything", 0, 20, _never_and_gone),
)
"""These come on top of the number of customers asked for, since no list shows them."""

SCRIPTS: tuple[Script, ...] = (
    Script("three Stripe customers", 14, 6, _three_customers, customers=3),
    Script("more than twenty items", 11, 9, _many_connectors),
    Script("past due", 8, 5, _past_due),
    Script("unpaid", 8, 22, _unpaid),
    Script("trial ended without a card", 0, 25, _trial_paused),
    Script("collection paused", 9, 12, _collection_paused),
    Script("leaving at the end of the period", 12, 8, _leaving),
    Script("never subscribed", 5, 3, _never),
    Script("on trial", 0, 11, _trial),
    Script("expired before it was paid", 0, 9, _incomplete),
    Script("yen", 16, 2, _graduated, country="JP"),
    Script("volume tiers", 13, 14, _volume, country="US"),
    Script("stacked coupons", 10, 17, _stacked),
    Script("100 % off", 9, 21, _free_of_charge),
    Script("free plan", 6, 4, _free_plan),
    Script("weekly", 2, 13, _weekly, country="US"),
    Script("usage and packages", 8, 19, _usage_and_packages),
    Script("mixed intervals", 15, 16, _mixed_intervals, country="US"),
    Script("many lines on one invoice", 5, 18, _many_lines),
    Script("customer discount", 12, 23, _customer_discount),
    Script("item discount", 12, 24, _item_discount),
    Script("money off", 14, 10, _money_off),
    Script("passing discounts", 9, 7, _passing_discounts),
    Script("incomplete", 0, 0, _incomplete),
    Script("completed late", 6, 15, _completed_late),
    Script("canceled after dunning", 8, 40, _canceled_by_dunning),
    Script("recovered", 10, 20, _recovered),
    Script("paused and back", 12, 13, _paused_and_back),
    Script("trial resumed", 7, 12, _trial_resumed),
    Script("trial lost", 3, 12, _trial_lost),
    Script("free for a while", 12, 5, _free_for_a_while),
    Script("from free to paid", 8, 2, _from_free),
    Script("leaving on a day", 11, 25, _leaving_on_a_day),
    Script("sent invoices", 18, 20, _sent_invoices),
    Script("refunds", 9, 16, _refunded),
    Script("card runs out", 7, 9, _card_runs_out),
    Script("ups and downs", 14, 22, _ups_and_downs),
    Script("back again", 16, 26, _back_again),
    Script("left with credit", 13, 3, _left_with_credit),
    Script("volume in yen", 9, 28, _volume, country="JP"),
    Script("never subscribed, dollars", 1, 8, _never, country="US"),
)

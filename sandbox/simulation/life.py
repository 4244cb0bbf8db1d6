"""The life of one account: how content it is, and what it therefore does with its subscriptions.

Each week its satisfaction drifts; a champion who leaves pulls it down. Use of the product follows
satisfaction at once, the wish to leave follows with some weeks' delay: that is why use falls before churn.
In a world that is not causal the wish to leave is the same for everybody, always, and nobody leaves for want
of payment: neither mood, nor term, nor a refused card tells who will.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from math import exp

from sandbox.billing.agenda import Agenda
from sandbox.billing.catalogue import Catalogue
from sandbox.billing.collection import attempt
from sandbox.billing.contracts import ContractLog
from sandbox.billing.customers import (
    attach_card,
    create_customer,
    expired,
    renew_card,
)
from sandbox.billing.desk import Desk
from sandbox.billing.ids import IdSource
from sandbox.billing.periods import DAY, HOUR, epoch, utc_date
from sandbox.billing.records import Charge, Customer, Invoice, PaymentMethod, Store, Subscription
from sandbox.billing.subscriptions import Order, subscribe
from sandbox.simulation.plans import draw_order, is_seat
from sandbox.simulation.population import Account, add_person, there
from sandbox.simulation.words import FREE_MAIL

_CARDS = ("visa", "mastercard", "amex")
_PAYING = ("active", "past_due", "trialing")
NEUTRAL_MOOD = 0.6


class Life:
    """One account, its billing desk and its mood.

    Args:
        account: who.
        seed: of the world.
        catalogue: what can be bought.
        store, log: where records and contracts go, shared by all accounts.
        causal: whether the mood decides.
    """

    def __init__(
        self,
        account: Account,
        seed: int,
        catalogue: Catalogue,
        store: Store,
        log: ContractLog,
        *,
        causal: bool,
    ) -> None:
        self.account, self.catalogue, self.causal = account, catalogue, causal
        self.rng = random.Random(f"{seed}:{account.key}:life")
        self.agenda = Agenda()
        self.desk = Desk(
            ids=IdSource(f"{seed}:{account.key}"),
            event_ids=IdSource(f"{seed}:{account.key}:events"),
            store=store,
            agenda=self.agenda,
            log=log,
            bank=self._bank,
            transfer=self._transfer,
            meter=self._meter,
            changed=self._changed,
        )
        self.fit = self.rng.betavariate(4, 2)
        self.satisfaction = self.mood = min(0.9, self.fit + 0.1)
        self.reliability = self.rng.uniform(0.005, 0.05)
        self.office_hour = self.rng.randrange(8 * HOUR, 18 * HOUR)
        self.scripted = False
        self.stepping = False
        self.trouble: dict[str, int] = {}
        self.decide: Callable[[int, Life], None] | None = None

    # -- customers and subscriptions --

    def add_customer(self, at: int, country: str | None = None) -> Customer:
        """Create a Stripe customer for the account; one in seven carries the id of its HubSpot company."""
        rng, account = self.rng, self.account
        people = [person for person in account.people if there(person, utc_date(at))] or account.people
        email = rng.choice(people).email if rng.random() < 0.7 else f"billing@{account.domain}"
        if rng.random() < 0.06:
            email = f"{email.partition('@')[0]}.{account.key[-4:]}@{rng.choice(FREE_MAIL)}"
        metadata = {"hubspot_company_id": account.company_id} if rng.random() < 0.15 else {}
        customer = create_customer(self.desk, at, account.name, email, country or account.country, metadata)
        account.stripe_customer_ids.append(customer.id)
        return customer

    def add_card(self, at: int, customer: Customer, expiry: tuple[int, int] | None = None) -> None:
        """Attach a card that lasts one to four years, and plan what happens when it runs out."""
        rng, day = self.rng, utc_date(at)
        expiry = expiry or (day.year + rng.randint(1, 4), rng.randint(1, 12))
        attach_card(at, self.desk, customer, rng.choice(_CARDS), f"{rng.randrange(10_000):04d}", expiry)
        if not self.scripted and rng.random() < 0.8:
            over = epoch(day.replace(year=expiry[0], month=expiry[1], day=20)) + rng.randrange(8 * DAY)
            self.agenda.push(over, self._renew_card, customer, expiry)

    def _renew_card(self, at: int, customer: Customer, expiry: tuple[int, int]) -> None:
        card = self._card(customer)
        if (card.exp_year, card.exp_month) != expiry:
            return
        if self.rng.random() < 0.5:
            renew_card(at, self.desk, customer, 3)
        else:
            self.add_card(at, customer)

    def _card(self, customer: Customer) -> PaymentMethod:
        return self.desk.cards[customer.default_payment_method or ""]

    def live(self) -> list[Subscription]:
        """Return the subscriptions that are in use: active, past due or on trial."""
        return [found for found in self.desk.subscriptions.values() if found.status in _PAYING]

    def order(self, at: int, customer: Customer, order: Order, *, card: bool = True) -> Subscription:
        """Subscribe, with a card unless invoices are sent or the trial needs none."""
        if customer.discount is not None:
            order = replace(order, coupons=())  # of its own it would hide the customer's discount
        if card and order.days_until_due is None and customer.default_payment_method is None:
            self.add_card(at, customer)
        subscription = subscribe(at, self.desk, customer, order)
        if subscription.status == "incomplete" and not self.scripted and self.rng.random() < 0.5:
            self.agenda.push(at + self.rng.randrange(HOUR, 20 * HOUR), self._complete, subscription)
        self.wake(at)
        return subscription

    def wake(self, at: int) -> None:
        """Start the weekly drift, if it has stopped."""
        if not self.stepping:
            self.stepping = True
            self._week(at)

    def charges(self) -> list[Charge]:
        """Return the account's charges, oldest first."""
        return self.desk.charges

    def _complete(self, at: int, subscription: Subscription) -> None:
        """Confirm the first payment after all, with a card that works."""
        if subscription.status == "incomplete":
            self.trouble.pop(subscription.customer, None)
            attempt(at, self.desk, self.desk.invoices[subscription.latest_invoice or ""])

    # -- what the billing desk asks --

    def _bank(self, at: int, customer: Customer) -> str | None:
        if at < self.trouble.get(customer.id, 0):
            return "card_declined"
        if self.scripted:
            return None
        rng, day = self.rng, utc_date(at)
        if expired((day.year, day.month), self._card(customer)):
            if rng.random() < 0.85 or not self.causal:
                self.agenda.push(at + rng.randrange(HOUR, 12 * DAY), self.add_card, customer)
            return "expired_card"
        if rng.random() < self.reliability:
            is_short = rng.random() < 0.75 or not self.causal
            lasts = rng.randrange(HOUR, 10 * DAY) if is_short else 90 * DAY
            self.trouble[customer.id] = at + lasts
            return "insufficient_funds"
        return None

    def _transfer(self, at: int, invoice: Invoice) -> int:
        late = self.rng.random() < 0.2 and not self.scripted
        return (invoice.due_date or at) + (
            self.rng.randrange(2 * DAY, 25 * DAY) if late else -self.rng.randrange(20 * DAY)
        )

    def _meter(self, start: int, end: int) -> int:
        first, last = utc_date(start), utc_date(end)
        return sum(
            self.account.course.metered_calls(first + timedelta(days=offset))
            for offset in range((last - first).days)
        )

    def _changed(self, at: int, subscription: Subscription) -> None:
        """Keep the account's seats and its day of loss in step with its subscriptions."""
        live, day = self.live(), utc_date(at)
        seats = sum(item.quantity for found in live for item in found.items if is_seat(item.price))
        if seats != (self.account.course.seat_counts[-1] if self.account.course.seat_counts else 0):
            self.account.course.record_seats(day, seats)
        if live:
            self.account.churned_on = None
        elif self.account.churned_on is None and subscription.status != "incomplete":
            self.account.churned_on = day
            self._after_loss(at)

    def _after_loss(self, at: int) -> None:
        if not self.scripted and self.rng.random() < 0.16:
            self.agenda.push(at + self.rng.randrange(30 * DAY, 260 * DAY), self._return)

    def _return(self, at: int) -> None:
        """Come back with a new subscription of the first customer."""
        customer = self.desk.customers[self.account.stripe_customer_ids[0]]
        if self.live() or customer.currency is None:
            return
        self.trouble.pop(customer.id, None)
        self.satisfaction = self.mood = 0.6
        order = draw_order(self.rng, self.catalogue, customer.currency, self.account.employees)
        if customer.default_payment_method and order.days_until_due is None:
            self.add_card(at, customer)
        self.order(at, customer, Order(order.items, order.coupons, 0, days_until_due=order.days_until_due))

    # -- the weekly drift --

    def _week(self, at: int) -> None:
        if not self.live():
            self.stepping = False
            return
        self._drift(at)
        started = epoch(self.account.course.start)
        # a week begins at midnight, so that what was used on a day never changes once it is over
        self.agenda.push(started + ((at - started) // (7 * DAY) + 1) * 7 * DAY, self._week)
        decides_at = at - at % DAY + self.office_hour
        if decides_at > at:
            self.agenda.push(decides_at, self._decide)

    def _decide(self, at: int) -> None:
        if self.decide is not None:
            self.decide(at, self)

    def _drift(self, at: int) -> None:
        rng, account = self.rng, self.account
        self._champion(at)
        week = (utc_date(at) - account.course.start).days // 7
        target = self.fit - (0.0 if account.champion_left_on is None else 0.32)
        while len(account.course.satisfactions) <= week:
            shock = 0.22 if rng.random() < 0.012 else 0.0
            self.satisfaction += 0.15 * (target - self.satisfaction) + rng.gauss(0, 0.045) - shock
            self.satisfaction = min(0.98, max(0.02, self.satisfaction))
            self.mood += 0.2 * (self.satisfaction - self.mood)
            ramp = min(1.0, (len(account.course.levels) + 2) / 8)
            level = min(1.3, max(0.02, 0.05 + 1.15 * self.satisfaction + rng.gauss(0, 0.07))) * ramp
            account.course.record_week(self.satisfaction, level)

    def _champion(self, at: int) -> None:
        """Let the champion leave now and then, and a new one come up."""
        rng, account, day = self.rng, self.account, utc_date(at)
        if account.champion_left_on is None:
            champion = next(
                (found for found in account.people if found.role == "CHAMPION" and there(found, day)), None
            )
            if champion and rng.random() < 0.004:
                champion.left_on = account.champion_left_on = day
        elif rng.random() < 0.02:
            add_person(account, "CHAMPION", day, rng)
            account.champion_left_on = None

    def feeling(self) -> float:
        """Return the mood that decides: the account's own, or the same for all in a world without causes."""
        return self.mood if self.causal else NEUTRAL_MOOD

    def leave_hazard(self) -> float:
        """Return the chance per week that the account decides to leave."""
        return 0.007 * exp(7.0 * (0.52 - self.mood)) if self.causal else 0.006

"""What a new customer orders, drawn from what the company sells."""

from __future__ import annotations

import random

from sandbox.billing.catalogue import CONNECTORS, Catalogue
from sandbox.billing.records import Coupon, Price
from sandbox.billing.subscriptions import Order

SEAT_PRODUCTS = ("starter", "growth", "scale", "team", "enterprise", "pilot", "free")
_WEIGHTS = (28, 32, 15, 9, 6, 5, 5)
_INTERVALS = {
    "pilot": {"week": 1},
    "free": {"month": 1},
    "team": {"month": 6, "year": 4},
    "enterprise": {"month": 4, "year": 6},
}
_USUAL_INTERVALS = {"month": 62, "quarter": 10, "year": 28}
UPGRADES = {"starter": "growth", "growth": "scale"}
DOWNGRADES = {"scale": "growth", "growth": "starter"}


def split_key(price: Price) -> tuple[str, str]:
    """Return (product key, interval key) of a price's lookup key."""
    product, interval, _ = price.key.rsplit("-", 2)
    return product, interval


def is_seat(price: Price) -> bool:
    """Say whether a price is counted in seats."""
    return price.product.unit == "seat"


def draw_order(rng: random.Random, catalogue: Catalogue, currency: str, employees: int) -> Order:
    """Return what a company of this size subscribes to."""
    product = rng.choices(SEAT_PRODUCTS, _WEIGHTS)[0]
    choices = _INTERVALS.get(product, _USUAL_INTERVALS)
    interval = rng.choices(list(choices), list(choices.values()))[0]
    seats = draw_seats(rng, product, employees)
    items = [(catalogue.price(product, interval, currency), seats, ())]
    if product not in ("pilot", "free"):
        items += [(price, quantity, ()) for price, quantity in _extras(rng, catalogue, interval, currency)]
    sent = interval == "year" and seats >= 20 and rng.random() < 0.4
    trial = interval != "week" and product != "free" and not sent and rng.random() < 0.4
    return Order(
        items=items,
        coupons=draw_coupons(rng, catalogue, currency, money=len(items) == 1) if product != "free" else (),
        trial_days=rng.choice((14, 14, 30)) if trial else 0,
        days_until_due=30 if sent else None,
        dunning=rng.choice(("unpaid", "canceled", "canceled")),
    )


def draw_seats(rng: random.Random, product: str, employees: int) -> int:
    """Return a number of seats: a share of the employees, in the range that the plan is made for."""
    seats = max(1, round(employees * rng.uniform(0.08, 0.5)))
    low, high = {"free": (1, 3), "pilot": (2, 10), "team": (4, 120), "enterprise": (15, 400)}.get(
        product, (1, 90)
    )
    return min(max(seats, low), high)


def _extras(
    rng: random.Random, catalogue: Catalogue, interval: str, currency: str
) -> list[tuple[Price, int]]:
    extras = []
    if rng.random() < 0.12:
        extras.append((catalogue.price("support", interval, currency), 1))
    if interval == "quarter":
        return extras
    if rng.random() < 0.08:
        extras.append((catalogue.price("storage", interval, currency), rng.randrange(2_000, 90_000)))
    if rng.random() < 0.07:
        extras.append((catalogue.price("messages", interval, currency), rng.randrange(500, 40_000)))
    if rng.random() < 0.1:
        # beside a yearly plan this makes a subscription of mixed intervals: usage is billed monthly
        extras.append((catalogue.price("api", "month", currency), 0))
    if rng.random() < 0.15:
        numbers = rng.sample(range(1, len(CONNECTORS) + 1), rng.randint(1, 3))
        extras.extend((catalogue.price(f"connector-{number}", interval, currency), 1) for number in numbers)
    return extras


def draw_coupons(
    rng: random.Random, catalogue: Catalogue, currency: str, *, money: bool
) -> tuple[Coupon, ...]:
    """Return the coupons a new subscription starts with: usually none, at times two.

    Args:
        rng: the account's random stream.
        catalogue: what there is.
        currency: of the subscription; money off must match it.
        money: whether forever money off is allowed. Only for subscriptions of one item: a later change of
            one of several would shift the shares of the others without a trace in their invoice lines.
    """
    if rng.random() > 0.28:
        return ()
    percents = ["NGO20", "PARTNER12", "GROWTH10", "WELCOME50", "LAUNCH30"]
    moneys = [f"HELLO-{currency}"] + ([f"LOYAL-{currency}"] if money else [])
    names = [rng.choice(percents)]
    if rng.random() < 0.3:
        names.append(rng.choice([*percents, *moneys]))
    elif rng.random() < 0.3:
        names = [rng.choice(moneys)]
    return tuple(catalogue.coupons[name] for name in dict.fromkeys(names))

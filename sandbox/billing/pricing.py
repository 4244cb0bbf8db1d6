"""What a quantity costs for one cycle, and what discounts take off it: exact, rounded once per line."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from sandbox.billing.records import Coupon, Discount, Price, Tier

Reductions = tuple[tuple[Discount, Fraction], ...]


class Gross(NamedTuple):
    """An amount that discounts may reduce: minor units of a whole cycle, product, own discounts."""

    amount: Fraction
    product: str
    discounts: tuple[Discount, ...]


@lru_cache(maxsize=65_536)
def cycle_amount(price: Price, quantity: int) -> Fraction:
    """Return what a quantity costs for one whole cycle, in minor units, exact.

    Volume tiers price every unit at the rate of the tier that the quantity falls into, graduated tiers each
    unit at the rate of its own; the flat amount of every tier reached is added. A package divides the
    quantity first.
    """
    if price.package:
        size, direction = price.package
        quantity = -(-quantity // size) if direction == "up" else quantity // size
    if not price.tiers:
        return Fraction(price.unit or 0) * quantity
    if price.tiers_mode == "volume":
        reached = next(tier for tier in price.tiers if tier.up_to is None or quantity <= tier.up_to)
        return _tier_amount(reached, quantity)
    total, below = Fraction(0), 0
    for tier in price.tiers:
        top = quantity if tier.up_to is None else min(quantity, tier.up_to)
        total += _tier_amount(tier, top - below)
        below = top
        if below == quantity:
            break
    return total


def _tier_amount(tier: Tier, units: int) -> Fraction:
    return Fraction(tier.unit or 0) * units + Fraction(tier.flat or 0)


def to_minor(amount: Fraction) -> int:
    """Round to whole minor units, halves away from zero."""
    doubled = 2 * abs(amount.numerator) + amount.denominator
    size = doubled // (2 * amount.denominator)
    return size if amount >= 0 else -size


def reductions(amounts: Sequence[Gross], shared: Sequence[Discount]) -> list[Reductions]:
    """Return what each discount takes off each amount.

    Discounts of an item come first, then the shared ones of the subscription (or customer); in both,
    percentages compound in order before money is taken off. Money shared by several amounts is split in
    proportion to what is left of them. Nothing falls below zero, and a coupon for certain products touches
    no others.
    """
    nets = [gross.amount for gross in amounts]
    taken: list[list[tuple[Discount, Fraction]]] = [[] for _ in amounts]
    for position, gross in enumerate(amounts):
        for discount in _percent_first(gross.discounts):
            _take(discount, [position], amounts, nets, taken)
    for discount in _percent_first(shared):
        _take(discount, range(len(amounts)), amounts, nets, taken)
    return [tuple(found) for found in taken]


def _percent_first(discounts: Sequence[Discount]) -> list[Discount]:
    return sorted(discounts, key=lambda discount: discount.coupon.percent_off is None)


def _take(
    discount: Discount,
    positions: Sequence[int],
    amounts: Sequence[Gross],
    nets: list[Fraction],
    taken: list[list[tuple[Discount, Fraction]]],
) -> None:
    coupon = discount.coupon
    touched = [
        place for place in positions if not coupon.products or amounts[place].product in coupon.products
    ]
    share = _share(coupon, sum((nets[place] for place in touched), Fraction(0)))
    for place in touched:
        if off := nets[place] * share:
            nets[place] -= off
            taken[place].append((discount, off))


def _share(coupon: Coupon, pool: Fraction) -> Fraction:
    """Return which part of a pool of amounts a coupon takes off."""
    if coupon.percent_off is not None:
        return Fraction(coupon.percent_off) / 100
    return min(Fraction(coupon.amount_off or 0), pool) / pool if pool > 0 else Fraction(0)

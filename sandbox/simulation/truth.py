"""The MRR that the contracts amount to: what the sandbox knows and an importer must find out.

Computed from the contract log alone, with arithmetic of its own. The default policy:

- per item the amount of one billing cycle (unit price x quantity, tiers with their flat amounts, packages),
  exact;
- less discounts that last forever: those of the item, then those of the subscription, or of the customer
  when the subscription has none of its own; in each group percentages compound first, then money is shared
  by the licensed items it may touch in proportion to what is left of them, never below zero. Once and
  repeating ones do not count;
- as a month: month / n, year / (12 n), week x 52 / (12 n), day x 365 / (12 n), rounded half to even once
  per item;
- nothing for metered items, nor while trialing, incomplete, unpaid, paused, canceled or with collection
  paused;
- past_due counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from sandbox.billing.contracts import Agreed, Terms
from sandbox.billing.periods import add_months, utc_date
from sandbox.billing.records import Coupon, Price

_MONTHS_PER_INTERVAL = {
    "day": Fraction(12, 365),
    "week": Fraction(12, 52),
    "month": Fraction(1),
    "year": Fraction(12),
}


class MonthEnd(NamedTuple):
    """A customer at the end of a month. ``idle``: zero and yet a customer (paused, free, 100 % off)."""

    month: str
    mrr: int
    idle: bool


@lru_cache(maxsize=65_536)
def cycle_price(price: Price, quantity: int) -> Fraction:
    """Return the exact price of a quantity for one billing cycle, in minor units."""
    units = quantity
    if price.package:
        whole, rest = divmod(quantity, price.package[0])
        units = whole + (1 if rest and price.package[1] == "up" else 0)
    if price.tiers_mode is None:
        return units * Fraction(price.unit or "0")
    floor, total = 0, Fraction(0)
    for tier in price.tiers:
        ceiling = tier.up_to if tier.up_to is not None else max(units, floor)
        last = units <= ceiling
        counted = units if price.tiers_mode == "volume" else min(units, ceiling) - floor
        if last or price.tiers_mode == "graduated":
            total += counted * Fraction(tier.unit or "0") + Fraction(tier.flat or "0")
        if last:
            break
        floor = ceiling
    return total


def contract_mrr(terms: Terms) -> int:
    """Return the monthly recurring revenue of one contract under its terms, in minor units."""
    if terms.status not in ("active", "past_due") or not terms.collecting:
        return 0
    licensed = [agreed for agreed in terms.items if agreed.price.meter is None]
    amounts = [
        _discounted([cycle_price(agreed.price, agreed.quantity)], [agreed], agreed.coupons)[0]
        for agreed in licensed
    ]
    amounts = _discounted(amounts, licensed, terms.coupons or terms.customer_coupons)
    return sum(_monthly(amount, agreed.price) for amount, agreed in zip(amounts, licensed, strict=True))


def _monthly(amount: Fraction, price: Price) -> int:
    return round(amount / (_MONTHS_PER_INTERVAL[price.interval] * price.interval_count))


def _discounted(
    amounts: list[Fraction], items: Sequence[Agreed], coupons: Iterable[Coupon]
) -> list[Fraction]:
    forever = [coupon for coupon in coupons if coupon.duration == "forever"]
    for coupon in forever:
        if coupon.percent_off is not None:
            keep = 1 - Fraction(coupon.percent_off) / 100
            amounts = [
                amount * keep if _touches(coupon, agreed) else amount
                for amount, agreed in zip(amounts, items, strict=True)
            ]
    for coupon in forever:
        if coupon.amount_off is not None:
            amounts = _share_out(coupon, coupon.amount_off, amounts, items)
    return amounts


def _touches(coupon: Coupon, agreed: Agreed) -> bool:
    return not coupon.products or agreed.price.product.id in coupon.products


def _share_out(
    coupon: Coupon, money: int, amounts: list[Fraction], items: Sequence[Agreed]
) -> list[Fraction]:
    base = sum(amount for amount, agreed in zip(amounts, items, strict=True) if _touches(coupon, agreed))
    if not base:
        return amounts
    return [
        max(Fraction(0), amount - Fraction(money) * amount / base) if _touches(coupon, agreed) else amount
        for amount, agreed in zip(amounts, items, strict=True)
    ]


def calendar(begin: int, until: int) -> list[tuple[str, int]]:
    """Return ("2026-10", first second after it) of each UTC month in [begin, until); the last may run on."""
    months, start = [], begin
    while start < until:
        following = add_months(start, 1)
        months.append((utc_date(start).strftime("%Y-%m"), min(following, until)))
        start = following
    return months


def month_ends(
    entries: Sequence[tuple[int, str, Terms]], months: Sequence[tuple[str, int]]
) -> list[MonthEnd]:
    """Return what a customer amounts to at the end of each month, from its log of contracts."""
    rows: list[MonthEnd] = []
    contracts: dict[str, Terms] = {}
    amounts: dict[str, int] = {}
    place = 0
    for month, end in months:
        while place < len(entries) and entries[place][0] < end:
            _, contract, terms = entries[place]
            contracts[contract], amounts[contract] = terms, contract_mrr(terms)
            place += 1
        mrr = sum(amounts.values())
        idle = mrr == 0 and any(terms.status in ("active", "past_due") for terms in contracts.values())
        rows.append(MonthEnd(month, mrr, idle))
    return rows


def movements(rows: Sequence[MonthEnd]) -> list[dict[str, Any]]:
    """Return what changed from month end to month end, at most one movement a month, amounts above zero.

    A fall to zero is churn, unless the customer still has a running contract that amounts to nothing
    (collection paused, 100 % off, free plan): then it is contraction, and the return from there expansion.
    A return after churn is reactivation.
    """
    found: list[dict[str, Any]] = []
    before = MonthEnd("", 0, idle=False)
    known = False
    for row in rows:
        change = row.mrr - before.mrr
        if change:
            kind = _kind(before, row, known=known)
            found.append({"month": row.month, "kind": kind, "amount": abs(change)})
            known = True
        before = row
    return found


def _kind(before: MonthEnd, after: MonthEnd, *, known: bool) -> str:
    if not known:
        return "new"
    if before.mrr == 0 and not before.idle:
        return "reactivation"
    if after.mrr == 0 and not after.idle:
        return "churn"
    return "expansion" if after.mrr > before.mrr else "contraction"


@dataclass(slots=True)
class CustomerTruth:
    """What the sandbox knows of one Stripe customer."""

    account: str
    currency: str
    entries: Sequence[tuple[int, str, Terms]] = field(default_factory=list)

    def as_json(self, months: Sequence[tuple[str, int]]) -> dict[str, Any]:
        """Return the customer's part of the truth; ``mrr`` starts with its first month end above zero."""
        rows = month_ends(self.entries, months)
        first = next((place for place, row in enumerate(rows) if row.mrr), len(rows))
        return {
            "account": self.account,
            "currency": self.currency,
            "mrr_today": rows[-1].mrr if rows else 0,
            "mrr": {row.month: row.mrr for row in rows[first:]},
            "movements": movements(rows),
        }

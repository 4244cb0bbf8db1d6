"""The exact monthly amount of a subscription's items, before and after discounts.

One subscription is rated at a time, because an amount off is shared over its items. Everything is an exact
fraction until the one rounding, half to even, at the end of each item. Equal terms are rated once: most of a
million items are a few thousand distinct combinations of price, quantity and coupons. Only an amount off ties
the items of a subscription together; without one, each is looked up by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from enrichment.discounts import Coupon, Line, subtract
from enrichment.money import round_half_even
from enrichment.policy import Policy
from enrichment.prices import Price, Step, exact
from saaskpi.errors import DataError


class ItemTerms(NamedTuple):
    """What decides an item's amount; hashable.

    Attributes:
        quantity: as the API wrote it; empty when missing.
        coupons: of the item's own discounts that are in effect.
        ignored: (coupon id, scope, why) of the discounts that are not subtracted.
        inclusive_tax: per cent of tax inside the price, as text; ``0`` when tax comes on top.
    """

    price_id: str
    quantity: str
    coupons: tuple[Coupon, ...] = ()
    ignored: tuple[tuple[str, str, str], ...] = ()
    inclusive_tax: str = "0"


class SubscriptionTerms(NamedTuple):
    """What decides the amounts of one subscription's items; hashable.

    Attributes:
        items: in a fixed order.
        coupons: of the subscription's discounts, or its customer's, that are in effect; in Stripe's order.
        scope: whose they are, ``subscription`` or ``customer``.
    """

    currency: str
    items: tuple[ItemTerms, ...]
    coupons: tuple[Coupon, ...] = ()
    scope: str = "subscription"


@dataclass(frozen=True, slots=True, eq=False)
class Rating:
    """What an item makes in a month; equal only to itself, so that it can be a key.

    Attributes:
        cycle_amount: what one billing cycle costs before discounts, exact minor units.
        contract_mrr: before discounts, minor units.
        mrr: after discounts, minor units, whatever the subscription's status.
        metered: usage decides the amount, so none is known in advance.
        steps: how it came about; the ``amount`` of the steps add up to one cycle's, and ``months`` times that
            is the month's.
    """

    cycle_amount: Fraction
    contract_mrr: int
    mrr: int
    metered: bool
    steps: tuple[Step, ...]


class Rater:
    """Rates subscriptions, each distinct combination of terms once.

    Args:
        prices: by id; a ``DataError`` stands for a price that cannot be used.
        policy: the MRR policy.
    """

    def __init__(self, prices: Mapping[str, Price | DataError], policy: Policy) -> None:
        self._prices = prices
        self._policy = policy
        self._memo: dict[SubscriptionTerms, list[Rating | DataError]] = {}

    def rate(self, terms: SubscriptionTerms) -> list[Rating | DataError]:
        """Return one rating per item, in order; an item that cannot be rated gets its error instead."""
        if any(coupon.percent_off is None for coupon in terms.coupons):
            return self._remembered(terms)
        currency, items, coupons, scope = terms
        return [self._remembered(SubscriptionTerms(currency, (item,), coupons, scope))[0] for item in items]

    def _remembered(self, terms: SubscriptionTerms) -> list[Rating | DataError]:
        found = self._memo.get(terms)
        if found is None:
            found = self._memo[terms] = self._rate(terms)
        return found

    def price(self, price_id: str) -> Price:
        """Return a price.

        Raises:
            DataError: it was not read, or it cannot be used.
        """
        price = self._prices.get(price_id)
        if price is None:
            raise DataError(f"Price {price_id} was not read." if price_id else "The item has no price.")
        if isinstance(price, DataError):
            raise price
        return price

    def _rate(self, terms: SubscriptionTerms) -> list[Rating | DataError]:
        opened = [self._open(item, terms.currency) for item in terms.items]
        lines = [entry for entry in opened if isinstance(entry, Line)]
        if self._policy.mrr_basis != "list_price":
            try:
                subtract(lines, terms.coupons, terms.currency, terms.scope, self._policy)
            except DataError as error:
                return [error if isinstance(entry, Line) else entry for entry in opened]
        return [
            self._close(entry, item) if isinstance(entry, Line) else entry
            for entry, item in zip(opened, terms.items, strict=True)
        ]

    def _open(self, item: ItemTerms, currency: str) -> Line | Rating | DataError:
        """Price one item and take its own discounts off; metered items have nothing to discount."""
        try:
            price = self.price(item.price_id)
            if price.metered:
                step = {"step": "metered", "price": price.price_id, "product": price.product_id}
                return Rating(Fraction(0), 0, 0, metered=True, steps=(step,))
            amount, steps = price.cycle_amount(item.quantity, currency)
            line = Line(price.product_id, amount, amount, steps)
            if self._policy.mrr_basis != "list_price":
                subtract([line], item.coupons, currency, "item", self._policy)
        except DataError as error:
            return error
        return line

    def _close(self, line: Line, item: ItemTerms) -> Rating:
        """Strip inclusive tax, bring the cycle to a month, round once."""
        price = self.price(item.price_id)
        for coupon, scope, why in item.ignored:
            line.steps.append({"step": "ignored_discount", "coupon": coupon, "scope": scope, "left_out": why})
        kept = 100 / (100 + Fraction(item.inclusive_tax))
        if kept != 1:
            tax = line.amount * (1 - kept)
            line.steps.append({"step": "tax", "percent": item.inclusive_tax, "amount": str(-tax)})
            line.amount -= tax
        months = self._policy.months(price.interval, price.interval_count)
        net = line.amount * months
        line.steps.append(
            {
                "step": "interval",
                "interval": price.interval,
                "interval_count": str(price.interval_count),
                "months": str(months),
                "total": str(net),
            }
        )
        contract_mrr = round_half_even(line.gross * kept * months)
        return Rating(line.gross, contract_mrr, round_half_even(net), False, tuple(line.steps))


@lru_cache(maxsize=1024)
def inclusive_tax(tax_rates: str) -> str:
    """Return the per cent of tax inside a price: Stripe adds up the inclusive rates.

    Args:
        tax_rates: JSON array of Stripe's tax rates; empty for none.

    Raises:
        DataError: a rate is no number.
    """
    rates = [rate for rate in json.loads(tax_rates or "[]") if rate.get("inclusive")]
    return str(sum((exact(rate["percentage"], f"Tax rate {rate.get('id')}") for rate in rates), Fraction(0)))

"""The log of what was agreed with whom, and when: the only thing the truth is computed from."""

from __future__ import annotations

from typing import NamedTuple

from sandbox.billing.records import Coupon, Customer, Price, Subscription


class Agreed(NamedTuple):
    """One item of a contract: what, how many, with which coupons of its own."""

    price: Price
    quantity: int
    coupons: tuple[Coupon, ...]


class Terms(NamedTuple):
    """The terms of one contract from an instant on."""

    status: str
    collecting: bool
    items: tuple[Agreed, ...]
    coupons: tuple[Coupon, ...]
    customer_coupons: tuple[Coupon, ...]


class ContractLog:
    """Per customer: (instant, contract, terms from then on), in order."""

    def __init__(self) -> None:
        self.entries: dict[str, list[tuple[int, str, Terms]]] = {}
        self._latest: dict[str, Terms] = {}

    def note(self, at: int, subscription: Subscription, customer: Customer) -> None:
        """Write down the terms of a contract if they differ from those last written."""
        terms = Terms(
            status=subscription.status,
            collecting=subscription.pause is None,
            items=tuple(
                Agreed(item.price, item.quantity, tuple(discount.coupon for discount in item.discounts))
                for item in subscription.items
            ),
            coupons=tuple(discount.coupon for discount in subscription.discounts),
            customer_coupons=(customer.discount.coupon,) if customer.discount else (),
        )
        if self._latest.get(subscription.id) != terms:
            self._latest[subscription.id] = terms
            self.entries.setdefault(customer.id, []).append((at, subscription.id, terms))

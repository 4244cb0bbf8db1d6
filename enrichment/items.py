"""From the rows of ``item_inputs`` to one rated row per subscription item, with its reasons."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import NamedTuple

import pandas as pd

from enrichment.discounts import Coupon, Discount, DiscountBook
from enrichment.policy import Policy
from enrichment.prices import Price
from enrichment.rating import ItemTerms, Rater, Rating, SubscriptionTerms, inclusive_tax
from enrichment.status import (
    AWAITS_PAYMENT,
    BAD_DATA,
    FULLY_DISCOUNTED,
    METERED,
    ZERO_PRICE,
    Exclusion,
    Standing,
    exclusion,
)
from saaskpi.errors import DataError

ITEM_STREAM = "stripe_subscription_items"
_SLICE = 50_000
Ignored = tuple[tuple[str, str, str], ...]
"""(coupon id, scope, why) of discounts that are not subtracted."""


class ItemRow(NamedTuple):
    """A row of ``item_inputs``: texts are empty where Stripe has nothing, times are epoch seconds."""

    item_id: str
    subscription_id: str
    customer_id: str
    price_id: str
    quantity: str
    currency: str
    status: str
    collection_paused: bool
    ending: bool
    past_due_days: int
    awaits_payment: bool
    period_start: int
    item_discounts: str
    subscription_discounts: str
    customer_discount: str
    tax_rates: str


class RatedItem(NamedTuple):
    """A row of ``item_rates``: amounts in minor units of the subscription's currency, per month.

    ``explanation_no`` is the place of its text in ``ItemRater.explanations``: equal ones are kept once.
    """

    item_id: str
    price_interval: str
    interval_count: int
    metered: bool
    contract_mrr: int
    mrr: int
    potential_trial_mrr: int
    scheduled_churn_mrr: int
    committed_mrr: int
    excluded_reason: str | None
    policy_key: str | None
    explanation_no: int


class Rejected(NamedTuple):
    """A row kept aside: which stream and record, and why it could not be used."""

    stream: str
    id: str
    reason: str


class ItemRater:
    """Rates every subscription item and says why.

    Args:
        prices: by id; a ``DataError`` stands for a price that cannot be used.
        book: finds the discounts.
        policy: the MRR policy.
        as_of: the instant, aware.
        rater: of the same prices and policy, that remembers what it rated before.
    """

    def __init__(
        self,
        prices: Mapping[str, Price | DataError],
        book: DiscountBook,
        policy: Policy,
        as_of: datetime,
        rater: Rater | None = None,
    ) -> None:
        self._prices = prices
        self._rater = rater or Rater(prices, policy)
        self._book = book
        self._policy = policy
        self._now = int(as_of.timestamp())
        self._places: dict[tuple[object, ...], int] = {}
        self.explanations: list[str] = []
        self.rejected: list[Rejected] = []

    def rate(self, rows: Iterator[ItemRow]) -> Iterator[RatedItem]:
        """Yield one rated item per row; rows of one subscription must follow each other.

        What cannot be rated is noted in ``rejected`` and comes out with the reason ``bad_data``.
        """
        for _, group in groupby(rows, key=lambda row: row.subscription_id):
            items = list(group)
            for row, rating in zip(items, self._ratings(items), strict=True):
                yield self._rated(row, rating)

    def _ratings(self, items: Sequence[ItemRow]) -> Sequence[Rating | DataError]:
        try:
            return self._rater.rate(self._terms(items))
        except DataError as error:
            return [error] * len(items)

    def _terms(self, items: Sequence[ItemRow]) -> SubscriptionTerms:
        first = items[0]
        if not first.status:
            raise DataError(f"Subscription {first.subscription_id} was not read.")
        if not first.customer_id:
            raise DataError(f"Subscription {first.subscription_id} has no customer.")
        own = self._book.read(first.subscription_discounts)
        # A customer's discount serves the subscriptions that have none of their own.
        scope = "subscription" if any(not discount.ended(self._now) for discount in own) else "customer"
        shared = own if scope == "subscription" else self._book.read(first.customer_discount)
        in_effect, ignored = self._judge(shared, first, scope)
        return SubscriptionTerms(
            first.currency, tuple(self._item_terms(row, ignored) for row in items), in_effect, scope
        )

    def _item_terms(self, row: ItemRow, ignored: Ignored) -> ItemTerms:
        in_effect, ignored_here = self._judge(self._book.read(row.item_discounts), row, "item")
        return ItemTerms(
            row.price_id, row.quantity, in_effect, ignored_here + ignored, inclusive_tax(row.tax_rates)
        )

    def _judge(
        self, discounts: Sequence[Discount], row: ItemRow, scope: str
    ) -> tuple[tuple[Coupon, ...], Ignored]:
        """Part the coupons that the policy subtracts now from those that it does not."""
        if not discounts:
            return (), ()
        judged = [(d, d.left_out(self._policy, self._now, row.period_start)) for d in discounts]
        return (
            tuple(discount.coupon for discount, why in judged if why is None),
            tuple((discount.coupon.coupon_id, scope, why) for discount, why in judged if why is not None),
        )

    def _rated(self, row: ItemRow, rating: Rating | DataError) -> RatedItem:
        standing = Standing(
            row.status, row.collection_paused, row.ending, row.past_due_days, row.awaits_payment
        )
        left_out = exclusion(standing, self._policy)
        price = self._prices.get(row.price_id)
        interval = (
            (price.interval, price.interval_count, price.metered)
            if isinstance(price, Price)
            else ("", 0, False)
        )
        if isinstance(rating, DataError):
            if left_out is None or row.status in ("trialing", ""):
                self.rejected.append(Rejected(ITEM_STREAM, row.item_id, rating.message))
                left_out = BAD_DATA
            place = self._explain(row, [{"step": "error", "reason": rating.message}], left_out)
            return RatedItem(row.item_id, *interval, 0, 0, 0, 0, 0, *_named(left_out), place)
        left_out = left_out or _no_amount(rating)
        place = self._place(row, rating, left_out)
        return RatedItem(row.item_id, *interval, *_amounts(row, rating, left_out), *_named(left_out), place)

    def _place(self, row: ItemRow, rating: Rating, left_out: Exclusion | None) -> int:
        """Return the place of the item's explanation, writing it when it is the first of its kind."""
        key = (rating, row.currency, row.status, row.ending, left_out)
        if key not in self._places:
            rounded = {"step": "round", "contract_mrr": str(rating.contract_mrr), "mrr": str(rating.mrr)}
            steps = [*rating.steps] if rating.metered else [*rating.steps, rounded]
            self._places[key] = self._explain(row, steps, left_out)
        return self._places[key]

    def _explain(self, row: ItemRow, steps: Sequence[Mapping[str, str]], left_out: Exclusion | None) -> int:
        self.explanations.append(_explanation(row, steps, left_out))
        return len(self.explanations) - 1


def _amounts(row: ItemRow, rating: Rating, left_out: Exclusion | None) -> tuple[int, int, int, int, int]:
    """Return contract_mrr, mrr, potential_trial_mrr, scheduled_churn_mrr, committed_mrr."""
    reason = left_out.reason if left_out else ""
    if reason in ("trialing", AWAITS_PAYMENT.reason):
        return 0, 0, rating.mrr, 0, 0
    if reason == "cancellation_requested":
        return 0, 0, 0, rating.mrr, 0
    if reason == FULLY_DISCOUNTED.reason:
        return rating.contract_mrr, 0, 0, 0, 0
    if left_out:
        return 0, 0, 0, 0, 0
    ending = rating.mrr if row.ending else 0
    return rating.contract_mrr, rating.mrr, 0, ending, rating.mrr - ending


def _no_amount(rating: Rating) -> Exclusion | None:
    if rating.metered:
        return METERED
    if rating.mrr:
        return None
    return FULLY_DISCOUNTED if rating.contract_mrr else ZERO_PRICE


def _named(left_out: Exclusion | None) -> tuple[str | None, str | None]:
    return (left_out.reason, left_out.policy_key or None) if left_out else (None, None)


def _explanation(row: ItemRow, steps: Sequence[Mapping[str, str]], left_out: Exclusion | None) -> str:
    standing = {"step": "status", "status": row.status, "ending": "yes" if row.ending else "no"}
    if left_out:
        standing |= {"excluded_reason": left_out.reason, "policy_key": left_out.policy_key}
    return json.dumps({"currency": row.currency, "steps": [*steps, standing]}, separators=(",", ":"))


def item_rows(frame: pd.DataFrame) -> Iterator[ItemRow]:
    """Yield the rows of ``item_inputs`` as plain Python values, a slice at a time to hold little at once."""
    for start in range(0, len(frame), _SLICE):
        part = frame.iloc[start : start + _SLICE]
        yield from map(ItemRow._make, zip(*(part[name].tolist() for name in ItemRow._fields), strict=True))


def rated_frame(rated: Iterator[RatedItem]) -> pd.DataFrame:
    """Return rated items as rows of ``item_rates``, built a slice at a time to hold few tuples at once."""
    columns = list(RatedItem._fields)
    frames = [pd.DataFrame(columns=columns)]
    while part := list(islice(rated, _SLICE)):
        frames.append(pd.DataFrame(part, columns=columns))
    return frames[-1] if len(frames) < 3 else pd.concat(frames[1:], ignore_index=True)

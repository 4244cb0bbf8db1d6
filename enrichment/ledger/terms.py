"""What lines were sold for: price, quantity and coupons of that time; equal terms are rated once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, NamedTuple

import pandas as pd

from enrichment.discounts import Coupon, DiscountBook
from enrichment.money import round_half_even
from enrichment.policy import Policy
from enrichment.prices import Price
from enrichment.rating import ItemTerms, Rater, Rating, SubscriptionTerms, inclusive_tax
from saaskpi.errors import DataError

TERM_RATES: Final = {
    "term_no": "INTEGER",
    "cycle_amount": "BIGINT",
    "contract_mrr": "BIGINT",
    "mrr": "BIGINT",
}
DISCOUNT_ENDS: Final = {
    "own_discounts": "VARCHAR",
    "shared_discounts": "VARCHAR",
    "ends_epoch": "BIGINT",
    "own_rest": "VARCHAR",
    "shared_rest": "VARCHAR",
}


class LineTerms(NamedTuple):
    """A row of ``line_terms``; texts are empty where Stripe has nothing."""

    bundle: str
    place: int
    price_id: str
    quantity: str
    currency: str
    own_discounts: str
    shared_discounts: str
    tax_rates: str
    is_proration: bool
    term_no: int


class TermRater:
    """Rates the terms of invoice lines under the policy.

    Args:
        prices: by id, or the error of those that cannot be used.
        book: finds the discounts.
        policy: the MRR policy.
        rater: of the same prices and policy, that remembers what it rated before.
    """

    def __init__(
        self,
        prices: Mapping[str, Price | DataError],
        book: DiscountBook,
        policy: Policy,
        rater: Rater | None = None,
    ) -> None:
        self._rater = rater or Rater(prices, policy)
        self._book = book
        self._counted = counted_durations(policy)
        self._coupons: dict[tuple[str, bool], tuple[Coupon, ...]] = {}

    def tied(self, discounts: str) -> bool:
        """Say whether an amount off among these discounts (JSON) ties the lines of an invoice together."""
        try:
            return any(coupon.percent_off is None for coupon in self._of(discounts, proration=False))
        except DataError:
            return False

    def ends(self, sold: pd.DataFrame) -> pd.DataFrame:
        """Return ``discount_ends``: when a coupon that counts for some months ran out, and what is left then.

        Args:
            sold: distinct ``own_discounts`` and ``shared_discounts`` of lines, JSON.
        """
        rows = [
            (own, shared, end, self._lasting(own, end), self._lasting(shared, end))
            for own, shared in zip(sold["own_discounts"], sold["shared_discounts"], strict=True)
            for end in sorted({*self._ends(own).values(), *self._ends(shared).values()})
        ]
        return pd.DataFrame(rows, columns=list(DISCOUNT_ENDS))

    def _ends(self, discounts: str) -> dict[str, int]:
        """Return the ends (epoch seconds) of the discounts that the policy subtracts while they last."""
        if "repeating" not in self._counted:
            return {}
        found = {}
        for entry in json.loads(discounts or "[]"):
            try:
                (discount,) = self._book.read(json.dumps([entry]))
            except DataError:
                continue
            if discount.coupon.duration == "repeating" and discount.end is not None:
                found[_name(entry)] = discount.end
        return found

    def _lasting(self, discounts: str, end: int) -> str:
        """Return the discounts (JSON) that last longer than ``end``."""
        ends = self._ends(discounts)
        left = [entry for entry in json.loads(discounts or "[]") if ends.get(_name(entry), end + 1) > end]
        return json.dumps(left) if left else ""

    def rate(self, terms: pd.DataFrame) -> pd.DataFrame:
        """Return ``term_rates``: the rows of ``line_terms`` that can be rated, with their amounts.

        ``cycle_amount`` is what one cycle cost before discounts, the other two are per month; minor units.
        """
        ordered = terms.sort_values([*LineTerms._fields])
        rows = map(LineTerms._make, zip(*(ordered[name].tolist() for name in LineTerms._fields), strict=True))
        rated = [found for group in _bundles(rows) for found in self._bundle(group)]
        return pd.DataFrame(rated, columns=list(TERM_RATES))

    def _bundle(self, rows: Sequence[LineTerms]) -> Iterator[tuple[Any, ...]]:
        first = rows[0]
        try:
            shared = self._of(first.shared_discounts, proration=first.is_proration)
            items = tuple(self._item(row) for row in rows)
        except DataError:
            return
        ratings = self._rater.rate(SubscriptionTerms(first.currency, items, shared))
        for row, rating in zip(rows, ratings, strict=True):
            if isinstance(rating, Rating):
                yield row.term_no, round_half_even(rating.cycle_amount), rating.contract_mrr, rating.mrr

    def _item(self, row: LineTerms) -> ItemTerms:
        own = _without(row.own_discounts, row.shared_discounts)
        coupons = self._of(own, proration=row.is_proration)
        return ItemTerms(row.price_id, row.quantity, coupons, (), inclusive_tax(row.tax_rates))

    def _of(self, discounts: str, *, proration: bool) -> tuple[Coupon, ...]:
        """Return the coupons that the policy subtracts; one that counts once waits for a whole cycle."""
        key = (discounts, proration)
        if key not in self._coupons:
            found = (discount.coupon for discount in self._book.read(discounts))
            self._coupons[key] = tuple(
                coupon
                for coupon in found
                if coupon.duration in self._counted and not (proration and coupon.duration == "once")
            )
        return self._coupons[key]


def counted_durations(policy: Policy) -> frozenset[str]:
    """Return which coupons the policy subtracts from what was billed while they lasted."""
    choices = {
        "forever": policy.discounts_forever == "subtract",
        "repeating": policy.discounts_repeating == "subtract_while_active",
        "once": policy.discounts_once == "subtract_in_period",
    }
    return frozenset(duration for duration, counts in choices.items() if counts)


@lru_cache(maxsize=1024)
def _without(own: str, shared: str) -> str:
    """Leave out those of a line's discounts (JSON) that its invoice has too: a proration names them all."""
    if not own or not shared:
        return own
    known = {_name(entry) for entry in json.loads(shared)}
    return json.dumps([entry for entry in json.loads(own) if _name(entry) not in known])


def _name(discount: str | Mapping[str, Any]) -> str:
    return discount if isinstance(discount, str) else str(discount["id"])


def _bundles(rows: Iterator[LineTerms]) -> Iterator[list[LineTerms]]:
    """Group what is rated together: a bundle in one currency under one set of discounts, else each alone."""
    for bundle, group in groupby(rows, key=lambda row: row.bundle):
        if not bundle:
            yield from ([row] for row in group)
            continue
        together: dict[tuple[str, str], list[LineTerms]] = {}
        for row in group:
            together.setdefault((row.currency, row.shared_discounts), []).append(row)
        for members in together.values():
            yield sorted({row.place: row for row in members}.values(), key=lambda row: row.place)

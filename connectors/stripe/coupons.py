"""What a list does not tell of a discount's coupon: its products and its amounts in other currencies.

Deleting a coupon leaves its discounts in force, but no list shows it any more, and a new coupon may have
taken its id. What is shown on request only then lies one level deeper than Stripe expands in a list; it is
read from one object that has the discount.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from connectors.http import Json

if TYPE_CHECKING:
    from connectors.stripe.client import StripeClient

Key = tuple[str, int]
"""Id and time of creation of a coupon: an id can be used again."""
ON_REQUEST = ("applies_to", "currency_options")
"""Fields of a coupon that Stripe shows only when they are asked for."""


class WholeCoupons:
    """Completes the coupons of discounts; asks once per account and once per deleted coupon. Thread-safe.

    Args:
        client: of the account.
    """

    def __init__(self, client: StripeClient) -> None:
        self._client = client
        self._listed = False
        self._listing = threading.Lock()
        self._known: dict[Key, Json] = {}
        self._named: dict[str, Json] = {}

    def complete(self, path: str, owner: Json, field: str) -> None:
        """Complete the coupons in ``owner[field]``, a discount or a list of them, in place.

        Args:
            path: of the list that ``owner`` came from; it is read again by its id when it has to be.
            owner: a customer, a subscription or an item, with ``source.coupon`` expanded.
            field: its field with the discounts.
        """
        coupons = list(_coupons(owner[field]))
        if coupons:
            self._read_list()
        if any(_key(coupon) not in self._known for coupon in coupons):
            expand = [f"{field}.source.coupon.{name}" for name in ON_REQUEST]
            again = self._client.http.get(f"{path}/{owner['id']}", {"expand[]": expand})
            self._learn(_coupons(again[field]))
        for coupon in coupons:
            coupon.update(self._known.setdefault(_key(coupon), {}))

    def spell_out(self, discount: Json) -> None:
        """Put the coupon in the place of its id, in place; a later coupon of the same id is not the one."""
        named = discount["source"]["coupon"]
        if isinstance(named, str):
            self._read_list()
            found = self._named.get(named)
            if found is not None and found["created"] <= discount["start"]:
                discount["source"]["coupon"] = found

    def _read_list(self) -> None:
        with self._listing:
            if not self._listed:
                params = {"expand[]": [f"data.{name}" for name in ON_REQUEST]}
                for page in self._client.list("/v1/coupons", params):
                    self._named.update((coupon["id"], coupon) for coupon in page)
                    self._learn(page)
                self._listed = True

    def _learn(self, coupons: Iterable[Json]) -> None:
        for coupon in coupons:
            self._known[_key(coupon)] = {name: coupon[name] for name in ON_REQUEST if name in coupon}


def _coupons(discounts: Any) -> Iterator[Json]:
    for discount in discounts if isinstance(discounts, list) else [discounts]:
        coupon = (discount or {}).get("source", {}).get("coupon")
        if isinstance(coupon, dict):
            yield coupon


def _key(coupon: Json) -> Key:
    return coupon["id"], coupon["created"]

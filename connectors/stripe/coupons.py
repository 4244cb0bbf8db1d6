"""Which products a coupon is limited to, for every discount and also once the coupon is deleted.

Deleting a coupon leaves its discounts in force, but no list shows it any more, and a new coupon may have
taken its id. Its products then lie one level deeper than Stripe expands in a list; they are read from one
object that has the discount.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from connectors.http import Json

if TYPE_CHECKING:
    from connectors.stripe.client import StripeClient

Key = tuple[str, int]
"""Id and time of creation of a coupon: an id can be used again."""
EXPAND = "source.coupon.applies_to"


class CouponProducts:
    """Puts ``applies_to`` into the coupons of discounts; asks once per account and once per deleted coupon.

    Args:
        client: of the account.
    """

    def __init__(self, client: StripeClient) -> None:
        self._client = client
        self._listed = False
        self._products: dict[Key, Any] = {}

    def complete(self, path: str, owner: Json, field: str) -> None:
        """Complete the coupons in ``owner[field]``, a discount or a list of them, in place.

        Args:
            path: of the list that ``owner`` came from; it is read again by its id when it has to be.
            owner: a customer, a subscription or an item, with ``source.coupon`` expanded.
            field: its field with the discounts.
        """
        coupons = list(_coupons(owner[field]))
        if coupons and not self._listed:
            self._read_list()
        if any(_key(coupon) not in self._products for coupon in coupons):
            again = self._client.http.get(f"{path}/{owner['id']}", {"expand[]": [f"{field}.{EXPAND}"]})
            self._learn(_coupons(again[field]))
        for coupon in coupons:
            products = self._products.setdefault(_key(coupon), None)
            if products is not None:
                coupon["applies_to"] = products

    def _read_list(self) -> None:
        self._listed = True
        for page in self._client.list("/v1/coupons", {"expand[]": ["data.applies_to"]}):
            self._learn(page)

    def _learn(self, coupons: Iterator[Json] | list[Json]) -> None:
        self._products |= {_key(coupon): coupon.get("applies_to") for coupon in coupons}


def _coupons(discounts: Any) -> Iterator[Json]:
    for discount in discounts if isinstance(discounts, list) else [discounts]:
        coupon = (discount or {}).get("source", {}).get("coupon")
        if isinstance(coupon, dict):
            yield coupon


def _key(coupon: Json) -> Key:
    return coupon["id"], coupon["created"]

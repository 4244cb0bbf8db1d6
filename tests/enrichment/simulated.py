"""The simulated company's Stripe objects, landed without any HTTP in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.billing.objects import StripeObjects
from sandbox.world import World
from tests.enrichment.books import Books

Record = dict[str, Any]


def books_of(world: World, *, invoices: bool = True) -> Books:
    """Return the Stripe account of a simulated company as the tap's streams hold it, whole or as of now."""
    stripe = world.stripe
    books = Books()
    for kind, stream in (
        ("customer", "stripe_customers"),
        ("product", "stripe_products"),
        ("price", "stripe_prices"),
        ("coupon", "stripe_coupons"),
        ("discount", "stripe_discounts"),
    ):
        books.streams[stream].extend(_all(stripe, kind))
    for record in _all(stripe, "subscription"):
        discounts = [stripe.get("discount", name) for name in record["discounts"]]
        books.add("stripe_subscriptions", **{**_without(record, "items"), "discounts": discounts})
    for record in _all(stripe, "subscription_item"):
        books.add("stripe_subscription_items", **{**record, "price": _without(record["price"], "tiers")})
    books.streams["stripe_events"] = list(_all(stripe, "event"))
    if invoices:
        books.streams["stripe_charges"] = list(_all(stripe, "charge"))
        books.streams["stripe_invoices"] = [_without(record, "lines") for record in _all(stripe, "invoice")]
        books.streams["stripe_invoice_lines"] = list(_all(stripe, "line_item"))
    return books


def _all(stripe: StripeObjects, kind: str) -> Iterator[Record]:
    for name in stripe.ids(kind):
        record = stripe.get(kind, name)
        if record is not None:
            yield record


def _without(record: Record, *names: str) -> Record:
    return {key: value for key, value in record.items() if key not in names}

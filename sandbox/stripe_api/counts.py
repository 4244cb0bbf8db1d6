"""How many rows a complete pull has to find, per stream of the tap."""

from datetime import datetime, timedelta
from typing import Any

from sandbox.stripe_api.objects import Objects
from sandbox.stripe_api.resources import EVENT_DAYS

LISTED = {
    "stripe_customers": "customer",
    "stripe_subscriptions": "subscription",
    "stripe_subscription_items": "subscription_item",
    "stripe_products": "product",
    "stripe_prices": "price",
    "stripe_coupons": "coupon",
    "stripe_invoices": "invoice",
    "stripe_invoice_lines": "line_item",
    "stripe_charges": "charge",
    "stripe_refunds": "refund",
    "stripe_credit_notes": "credit_note",
    "stripe_meters": "billing.meter",
    "stripe_meter_event_summaries": "billing.meter_event_summary",
}


def stream_counts(objects: Objects, now: datetime) -> dict[str, int]:
    """Count what is there to be read, by the name of the tap's stream.

    Discounts are the different ones on subscriptions, their items, customers, invoices and their lines;
    events are those of the last 30 days; payment methods are those of customers that were not deleted;
    summaries are one per meter, customer and day.
    """
    oldest = int((now - timedelta(days=EVENT_DAYS)).timestamp())
    counts = {stream: len(objects.ids(kind)) for stream, kind in LISTED.items()}
    subscriptions = _whole(objects, "subscription")
    items = [item for subscription in subscriptions for item in subscription["items"]["data"]]
    invoices = _whole(objects, "invoice")
    lines = [line for invoice in invoices for line in invoice["lines"]["data"]]
    owners = [*subscriptions, *items, *invoices, *lines]
    discounts = {discount for owner in owners for discount in owner["discounts"]}
    on_customers = (customer.get("discount") for customer in _whole(objects, "customer"))
    discounts.update(_id(discount) for discount in on_customers if discount)
    customers = objects.ids("customer")
    return counts | {
        "stripe_discounts": len(discounts),
        "stripe_payment_methods": sum(len(objects.where("payment_method", "customer", c)) for c in customers),
        "stripe_events": sum(objects.created("event", i) >= oldest for i in objects.ids("event")),
    }


def _whole(objects: Objects, kind: str) -> list[dict[str, Any]]:
    rows = (objects.get(kind, object_id) for object_id in objects.ids(kind))
    return [row for row in rows if row is not None]


def _id(reference: Any) -> str:
    return str(reference["id"] if isinstance(reference, dict) else reference)

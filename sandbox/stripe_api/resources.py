"""The resources that the API serves: each a path, a kind of object and the filters of its list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe_api.filters import (
    Filter,
    active_unless_asked,
    any_of,
    created,
    event_types,
    flag,
    nothing_has,
    one_of,
    plain,
    price_recurring,
    reference,
    span,
    subscription_period,
    subscription_price,
    subscription_status,
)
from sandbox.stripe_api.lists import Query
from sandbox.stripe_api.params import Params

EVENT_DAYS = 30
CUSTOMER = reference("customer")
COLLECTION_METHOD = one_of("charge_automatically", "send_invoice")


@dataclass(frozen=True, slots=True)
class Resource:
    """A list at ``/v1/<path>`` and its objects at ``/v1/<path>/<id>``.

    Attributes:
        path: Below ``/v1/``; its first part names the permission that a restricted key needs.
        kind: Stripe's ``object`` value of the rows.
        filters: By parameter name. Parameters that are not here are ignored, as Stripe does on lists.
        defaults: Filters that apply with None when the parameter was not sent.
        keep_days: Objects older than this many days are gone; None keeps all.
    """

    path: str
    kind: str
    filters: Mapping[str, Filter] = field(default_factory=dict)
    defaults: tuple[str, ...] = ()
    keep_days: int | None = None

    def narrow(self, query: Query, params: Params) -> None:
        """Apply the request's filters to a query.

        Raises:
            ApiError: 400 for a value that makes no sense.
        """
        for name, apply in self.filters.items():
            value: Any = params.get(name)
            if value is not None or name in self.defaults:
                apply(query, name, value)


RESOURCES = (
    Resource("customers", "customer", {"created": created, "email": plain(), "test_clock": nothing_has}),
    Resource(
        "subscriptions",
        "subscription",
        {
            "collection_method": COLLECTION_METHOD,
            "created": created,
            "current_period_end": subscription_period("current_period_end"),
            "current_period_start": subscription_period("current_period_start"),
            "customer": CUSTOMER,
            "price": subscription_price,
            "status": subscription_status,
            "test_clock": nothing_has,
        },
        defaults=("status",),
    ),
    Resource(
        "products", "product", {"active": flag(), "created": created, "ids": any_of("id"), "url": plain()}
    ),
    Resource(
        "prices",
        "price",
        {
            "active": active_unless_asked,
            "created": created,
            "currency": plain(),
            "lookup_keys": any_of("lookup_key"),
            "product": reference("product"),
            "recurring": price_recurring,
            "type": one_of("one_time", "recurring"),
        },
        defaults=("active",),
    ),
    Resource("coupons", "coupon", {"created": created}),
    Resource(
        "promotion_codes",
        "promotion_code",
        {
            "active": flag(),
            "code": plain(),
            "coupon": reference("coupon", "promotion.coupon"),
            "created": created,
            "customer": CUSTOMER,
        },
    ),
    Resource(
        "invoices",
        "invoice",
        {
            "collection_method": COLLECTION_METHOD,
            "created": created,
            "customer": CUSTOMER,
            "due_date": span("due_date"),
            "status": one_of("draft", "open", "paid", "uncollectible", "void"),
            "subscription": reference("subscription", "parent.subscription_details.subscription"),
        },
    ),
    Resource(
        "invoice_payments",
        "invoice_payment",
        {"created": created, "invoice": reference("invoice"), "status": one_of("canceled", "open", "paid")},
    ),
    Resource(
        "charges",
        "charge",
        {"created": created, "customer": CUSTOMER, "payment_intent": plain(), "transfer_group": plain()},
    ),
    Resource(
        "refunds",
        "refund",
        {"charge": reference("charge"), "created": created, "payment_intent": plain()},
    ),
    Resource(
        "credit_notes",
        "credit_note",
        {"created": created, "customer": CUSTOMER, "invoice": reference("invoice")},
    ),
    Resource("payment_methods", "payment_method", {"customer": CUSTOMER, "type": plain()}),
    Resource(
        "events",
        "event",
        {"created": created, "delivery_success": flag("unknown"), "type": event_types, "types": event_types},
        keep_days=EVENT_DAYS,
    ),
    Resource("billing/meters", "billing.meter", {"status": one_of("active", "inactive")}),
    Resource(
        "subscription_schedules",
        "subscription_schedule",
        {"created": created, "customer": CUSTOMER, "scheduled": flag("unknown")},
    ),
)

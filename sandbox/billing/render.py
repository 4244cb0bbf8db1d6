"""Records as Stripe objects of API version 2026-05-27.dahlia: catalogue, customers, subscriptions.

References are ids, sub-lists are whole. Invoices and payments are in ``render_invoices``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.billing.records import (
    Coupon,
    Customer,
    Discount,
    Item,
    Meter,
    PaymentMethod,
    Price,
    Product,
    Subscription,
    Tier,
)

API_VERSION = "2026-05-27.dahlia"
Json = dict[str, Any]
SELF: Json = {"type": "self"}


def sublist(rows: list[Json], url: str) -> Json:
    """Return a whole list object."""
    return {"object": "list", "data": rows, "has_more": False, "url": url}


def whole(decimal_text: str | None) -> int | None:
    """Return a decimal amount as an integer if it is one, else None, as Stripe's ``unit_amount`` does."""
    if decimal_text is None:
        return None
    value = Decimal(decimal_text)
    return int(value) if value == value.to_integral_value() else None


def product(record: Product) -> Json:
    """Render a product."""
    return {
        "id": record.id,
        "object": "product",
        "active": True,
        "created": record.created,
        "default_price": None,
        "description": record.description,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": record.name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "unit_label": record.unit,
        "updated": record.created,
        "url": None,
    }


def price(record: Price) -> Json:
    """Render a price, its tiers included when it has any."""
    rendered: Json = {
        "id": record.id,
        "object": "price",
        "active": record.active,
        "billing_scheme": "tiered" if record.tiers else "per_unit",
        "created": record.created,
        "currency": record.currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": record.key,
        "metadata": {},
        "nickname": None,
        "product": record.product.id,
        "recurring": {
            "interval": record.interval,
            "interval_count": record.interval_count,
            "meter": record.meter,
            "usage_type": "metered" if record.meter else "licensed",
        },
        "tax_behavior": "unspecified",
        "tiers_mode": record.tiers_mode,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": whole(record.unit),
        "unit_amount_decimal": record.unit,
    }
    if record.package:
        rendered["transform_quantity"] = {"divide_by": record.package[0], "round": record.package[1]}
    if record.tiers:
        rendered["tiers"] = [_tier(tier) for tier in record.tiers]
    return rendered


def _tier(tier: Tier) -> Json:
    return {
        "flat_amount": whole(tier.flat),
        "flat_amount_decimal": tier.flat,
        "unit_amount": whole(tier.unit),
        "unit_amount_decimal": tier.unit,
        "up_to": tier.up_to,
    }


def coupon(record: Coupon) -> Json:
    """Render a coupon; ``applies_to`` is there only when it is limited to products."""
    rendered: Json = {
        "id": record.id,
        "object": "coupon",
        "amount_off": record.amount_off,
        "created": record.created,
        "currency": record.currency,
        "duration": record.duration,
        "duration_in_months": record.months,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "name": record.name,
        "percent_off": None if record.percent_off is None else float(record.percent_off),
        "redeem_by": None,
        "times_redeemed": record.times_redeemed,
        "valid": True,
    }
    if record.products:
        rendered["applies_to"] = {"products": list(record.products)}
    return rendered


def discount(record: Discount) -> Json:
    """Render a discount; one that is over is still found by id, as invoices that had it refer to it."""
    return {
        "id": record.id,
        "object": "discount",
        "checkout_session": None,
        "customer": record.customer,
        "end": record.end,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": record.coupon.id, "type": "coupon"},
        "start": record.created,
        "subscription": record.subscription,
        "subscription_item": record.item,
    }


def meter(record: Meter) -> Json:
    """Render a billing meter."""
    return {
        "id": record.id,
        "object": "billing.meter",
        "created": record.created,
        "customer_mapping": {"event_payload_key": "stripe_customer_id", "type": "by_id"},
        "default_aggregation": {"formula": "sum"},
        "display_name": record.name,
        "event_name": record.event_name,
        "event_time_window": None,
        "livemode": False,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": record.created,
        "value_settings": {"event_payload_key": "value"},
    }


def address(country: str) -> Json:
    """Render an address of which only the country is known."""
    return {
        "city": None,
        "country": country,
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    }


def customer(record: Customer) -> Json:
    """Render a customer."""
    return {
        "id": record.id,
        "object": "customer",
        "address": address(record.country),
        "balance": record.balance,
        "created": record.created,
        "currency": record.currency,
        "default_source": None,
        "delinquent": record.delinquent,
        "description": None,
        "discount": discount(record.discount) if record.discount else None,
        "email": record.email,
        "invoice_prefix": record.id[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": record.default_payment_method,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": dict(record.metadata),
        "name": record.name,
        "next_invoice_sequence": record.invoices + 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def billing_details(card: PaymentMethod) -> Json:
    """Render who holds a card."""
    return {
        "address": address(card.country),
        "email": card.email,
        "name": card.holder,
        "phone": None,
        "tax_id": None,
    }


def payment_method(record: PaymentMethod) -> Json:
    """Render a card attached to its customer."""
    return {
        "id": record.id,
        "object": "payment_method",
        "allow_redisplay": "always",
        "billing_details": billing_details(record),
        "card": {
            "brand": record.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": record.country,
            "display_brand": record.brand,
            "exp_month": record.exp_month,
            "exp_year": record.exp_year,
            "fingerprint": record.id[-16:],
            "funding": "credit",
            "generated_from": None,
            "last4": record.last4,
            "networks": {"available": [record.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": record.created,
        "customer": record.customer,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def subscription_item(record: Item, subscription_id: str) -> Json:
    """Render an item with its price (without tiers, as Stripe leaves them out there)."""
    own_price = price(record.price)
    own_price.pop("tiers", None)
    rendered: Json = {
        "id": record.id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": record.created,
        "current_period_end": record.period_end,
        "current_period_start": record.period_start,
        "discounts": [found.id for found in record.discounts],
        "metadata": {},
        "price": own_price,
        "quantity": record.quantity,
        "subscription": subscription_id,
        "tax_rates": [],
    }
    if record.price.meter:
        del rendered["quantity"]
    return rendered


def subscription(record: Subscription) -> Json:
    """Render a subscription with all of its items."""
    items = [subscription_item(item, record.id) for item in record.items]
    pause = None
    if record.pause:
        pause = {"behavior": record.pause[0], "resumes_at": record.pause[1]}
    return {
        "id": record.id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": record.anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": {"proration_discounts": "itemized"}, "type": "flexible"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": record.cancel_at,
        "cancel_at_period_end": record.cancel_at_period_end,
        "canceled_at": record.canceled_at,
        "cancellation_details": {
            "comment": None,
            "feedback": record.cancel_feedback,
            "reason": record.cancel_reason,
        },
        "collection_method": "charge_automatically" if record.days_until_due is None else "send_invoice",
        "created": record.created,
        "currency": record.currency,
        "customer": record.customer,
        "days_until_due": record.days_until_due,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [found.id for found in record.discounts],
        "ended_at": record.ended_at,
        "invoice_settings": {"account_tax_ids": None, "issuer": SELF},
        "items": sublist(items, f"/v1/subscription_items?subscription={record.id}"),
        "latest_invoice": record.latest_invoice,
        "livemode": False,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": pause,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": record.created,
        "status": record.status,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": record.trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": record.missing_card}},
        "trial_start": record.trial_start,
    }

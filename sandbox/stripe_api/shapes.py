"""Which fields of each object refer to others, hold lists of them, or are shown on request only.

Written after ``x-expandableFields`` in Stripe's OpenAPI document of version 2026-05-27.dahlia.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Form = Literal["reference", "embedded", "list", "value"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field that the expand parameter may name.

    Attributes:
        form: ``reference`` is an id (or ids) until expanded; ``embedded`` is an object in place; ``list`` is
            a sub-list with its own pages; ``value`` is plain data.
        kind: The kind of object behind it; "" when the sandbox never has one, so that it is always null.
        hidden: Left out unless expanded.
        via: For lists that no object carries: the index field of ``kind`` that points back.
        path: The last part of the sub-list's URL.
    """

    form: Form
    kind: str = ""
    hidden: bool = False
    via: str = ""
    path: str = ""


Shape: TypeAlias = Mapping[str, "Field | Shape"]


def ref(kind: str = "") -> Field:
    """A reference."""
    return Field("reference", kind)


SHOWN_ON_REQUEST = Field("value", hidden=True)
ACCOUNT = {"account": ref()}
TAXES = {"tax_rate_details": {"tax_rate": ref()}}
DISCOUNT_AMOUNTS = {"discount": ref("discount")}
PRETAX_CREDITS = {"discount": ref("discount"), "credit_balance_transaction": ref()}

SHAPES: Mapping[str, Shape] = {
    "customer": {
        "cash_balance": SHOWN_ON_REQUEST,
        "default_source": ref(),
        "discount": Field("embedded", "discount"),
        "invoice_settings": {"default_payment_method": ref("payment_method")},
        "sources": Field("list", "source", hidden=True, via="customer", path="sources"),
        "subscriptions": Field("list", "subscription", hidden=True, via="customer", path="subscriptions"),
        "tax": SHOWN_ON_REQUEST,
        "tax_ids": Field("list", "tax_id", hidden=True, via="customer", path="tax_ids"),
        "test_clock": ref(),
    },
    "product": {"default_price": ref("price"), "tax_code": ref()},
    "price": {"currency_options": SHOWN_ON_REQUEST, "product": ref("product"), "tiers": SHOWN_ON_REQUEST},
    "coupon": {"applies_to": SHOWN_ON_REQUEST, "currency_options": SHOWN_ON_REQUEST},
    "promotion_code": {"customer": ref("customer"), "promotion": {"coupon": ref("coupon")}},
    "discount": {
        "customer": ref("customer"),
        "promotion_code": ref("promotion_code"),
        "source": {"coupon": ref("coupon")},
    },
    "subscription": {
        "application": ref(),
        "automatic_tax": {"liability": ACCOUNT},
        "customer": ref("customer"),
        "default_payment_method": ref("payment_method"),
        "default_source": ref(),
        "discounts": ref("discount"),
        "invoice_settings": {"account_tax_ids": ref(), "issuer": ACCOUNT},
        "items": Field("list", "subscription_item"),
        "latest_invoice": ref("invoice"),
        "on_behalf_of": ref(),
        "pending_setup_intent": ref(),
        "schedule": ref("subscription_schedule"),
        "test_clock": ref(),
        "transfer_data": {"destination": ref()},
    },
    "subscription_item": {"discounts": ref("discount"), "price": Field("embedded", "price")},
    "invoice": {
        "account_tax_ids": ref(),
        "application": ref(),
        "automatic_tax": {"liability": ACCOUNT},
        "confirmation_secret": SHOWN_ON_REQUEST,
        "customer": ref("customer"),
        "default_payment_method": ref("payment_method"),
        "default_source": ref(),
        "discounts": ref("discount"),
        "from_invoice": {"invoice": ref("invoice")},
        "issuer": ACCOUNT,
        "latest_revision": ref("invoice"),
        "lines": Field("list", "line_item"),
        "on_behalf_of": ref(),
        "parent": {"subscription_details": {"subscription": ref("subscription")}},
        "payments": Field("list", "invoice_payment", hidden=True, via="invoice", path="payments"),
        "test_clock": ref(),
        "total_discount_amounts": DISCOUNT_AMOUNTS,
        "total_pretax_credit_amounts": PRETAX_CREDITS,
        "total_taxes": TAXES,
    },
    "line_item": {
        "discount_amounts": DISCOUNT_AMOUNTS,
        "discounts": ref("discount"),
        "pretax_credit_amounts": PRETAX_CREDITS,
        "pricing": {"price_details": {"price": ref("price")}},
        "subscription": ref("subscription"),
        "taxes": TAXES,
    },
    "invoice_payment": {
        "invoice": ref("invoice"),
        "payment": {"charge": ref("charge"), "payment_intent": ref(), "payment_record": ref()},
    },
    "charge": {
        "application": ref(),
        "application_fee": ref(),
        "balance_transaction": ref(),
        "customer": ref("customer"),
        "failure_balance_transaction": ref(),
        "on_behalf_of": ref(),
        "payment_intent": ref("payment_intent"),
        "refunds": Field("list", "refund", hidden=True, via="charge", path="refunds"),
        "review": ref(),
        "source_transfer": ref(),
        "transfer": ref(),
        "transfer_data": {"destination": ref()},
    },
    "refund": {
        "balance_transaction": ref(),
        "charge": ref("charge"),
        "failure_balance_transaction": ref(),
        "payment_intent": ref("payment_intent"),
        "source_transfer_reversal": ref(),
        "transfer_reversal": ref(),
    },
    "credit_note": {
        "customer": ref("customer"),
        "customer_balance_transaction": ref(),
        "discount_amounts": DISCOUNT_AMOUNTS,
        "invoice": ref("invoice"),
        "lines": Field("list", "credit_note_line_item"),
        "pretax_credit_amounts": PRETAX_CREDITS,
        "refunds": {"refund": ref("refund")},
        "total_taxes": TAXES,
    },
    "credit_note_line_item": {
        "discount_amounts": DISCOUNT_AMOUNTS,
        "pretax_credit_amounts": PRETAX_CREDITS,
        "taxes": TAXES,
    },
    "payment_method": {"customer": ref("customer")},
}

"""Invoices, their lines and what was paid on them, in the shape of API version 2026-05-27.dahlia."""

from __future__ import annotations

from typing import Any

from sandbox.billing.ids import derived
from sandbox.billing.periods import utc_date
from sandbox.billing.records import Charge, CreditNote, Customer, Discount, Invoice, Line, Refund
from sandbox.billing.render import SELF, Json, address, billing_details, sublist

_DECLINES = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
}


def line_id(invoice_id: str, index: int) -> str:
    """Return the id of the ``index``-th line of an invoice."""
    return f"{derived('il', invoice_id)}{index:03d}"


def _amounts(amounts: tuple[tuple[Discount, int], ...]) -> list[Json]:
    return [{"amount": amount, "discount": discount.id} for discount, amount in amounts]


def _day(at: int) -> str:
    return utc_date(at).strftime("%d %b %Y")


def _description(line: Line) -> str:
    name = f"{line.quantity} x {line.price.product.name}"
    if line.trial:
        return f"Trial period for {line.price.product.name}"
    if not line.proration:
        return f"{name} (per {line.price.interval})"
    return f"{'Unused' if line.credit else 'Remaining'} time on {name} after {_day(line.start)}"


def _parent(line: Line, subscription_id: str) -> Json:
    credited = None
    if line.credited:
        invoice_id, index = line.credited
        credited = {"invoice": invoice_id, "invoice_line_items": [line_id(invoice_id, index)]}
    return {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": line.pending_id,
            "proration": line.proration,
            "proration_details": {"credited_items": credited},
            "subscription": subscription_id,
            "subscription_item": line.item,
        },
        "type": "subscription_item_details",
    }


def line_item(line: Line, invoice: Invoice, index: int) -> Json:
    """Render one line; ``amount`` is before discounts, ``discount_amounts`` holds every discount on it."""
    return {
        "id": line_id(invoice.id, index),
        "object": "line_item",
        "amount": line.amount,
        "currency": invoice.currency,
        "description": _description(line),
        "discount_amounts": _amounts(line.discount_amounts),
        "discountable": not line.proration,
        "discounts": [discount.id for discount in line.item_discounts],
        "invoice": invoice.id,
        "livemode": False,
        "metadata": {},
        "parent": _parent(line, invoice.subscription),
        "period": {"end": line.end, "start": line.start},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": line.price.id, "product": line.price.product.id},
            "type": "price_details",
            "unit_amount_decimal": line.price.unit,
        },
        "quantity": line.quantity,
        "quantity_decimal": str(line.quantity),
        "subscription": invoice.subscription,
        "subtotal": line.amount,
        "taxes": [],
    }


def discount_totals(lines: tuple[Line, ...]) -> dict[Discount, int]:
    """Return what each discount takes off these lines together, in minor units."""
    totals: dict[Discount, int] = {}
    for line in lines:
        for discount, amount in line.discount_amounts:
            totals[discount] = totals.get(discount, 0) + amount
    return totals


def _payments(invoice: Invoice) -> list[Json]:
    if invoice.finalized_at is None or not invoice.amount_due or invoice.off_stripe:
        return []
    paid = invoice.paid_at is not None
    return [
        {
            "id": derived("inpay", invoice.id),
            "object": "invoice_payment",
            "amount_paid": invoice.amount_paid if paid else None,
            "amount_requested": invoice.amount_due,
            "created": invoice.finalized_at,
            "currency": invoice.currency,
            "invoice": invoice.id,
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": derived("pi", invoice.id), "type": "payment_intent"},
            "status": "paid" if paid else "open",
            "status_transitions": {"canceled_at": None, "paid_at": invoice.paid_at},
        }
    ]


def invoice(record: Invoice, customer: Customer) -> Json:
    """Render an invoice with all of its lines, for the customer it belongs to."""
    return {**_invoice_head(record, customer), **_invoice_money(record)}


def _invoice_head(record: Invoice, customer: Customer) -> Json:
    finalized = record.finalized_at is not None
    pages = f"https://invoice.stripe.example/i/{record.id}"
    return {
        "id": record.id,
        "object": "invoice",
        "account_country": "FR",
        "account_name": "Lumenstack",
        "account_tax_ids": None,
        "application": None,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": record.created + 3_600
        if not finalized and record.auto_advance
        else None,
        "billing_reason": record.reason,
        "collection_method": "send_invoice" if record.sent else "charge_automatically",
        "created": record.created,
        "currency": record.currency,
        "custom_fields": None,
        "customer": record.customer,
        "customer_address": address(customer.country),
        "customer_email": customer.email,
        "customer_name": customer.name,
        "customer_phone": None,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "due_date": record.due_date,
        "effective_at": record.finalized_at,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": pages if finalized else None,
        "invoice_pdf": f"{pages}/pdf" if finalized else None,
        "issuer": SELF,
        "last_finalization_error": None,
        "latest_revision": None,
        "livemode": False,
        "metadata": {},
        "number": record.number,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": record.subscription},
            "type": "subscription_details",
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "statement_descriptor": None,
        "status": record.status,
        "test_clock": None,
        "webhooks_delivered_at": record.created,
    }


def _invoice_money(record: Invoice) -> Json:
    lines = [line_item(line, record, index) for index, line in enumerate(record.lines)]
    remaining = record.amount_due - record.amount_paid - (record.amount_due if record.off_stripe else 0)
    return {
        "amount_due": record.amount_due,
        "amount_overpaid": 0,
        "amount_paid": record.amount_due if record.off_stripe else record.amount_paid,
        "amount_paid_off_stripe": record.amount_due if record.off_stripe else 0,
        "amount_remaining": 0 if record.status == "void" else remaining,
        "amount_shipping": 0,
        "attempt_count": record.attempt_count,
        "attempted": record.attempted,
        "auto_advance": record.auto_advance,
        "discounts": [discount.id for discount in record.discounts],
        "ending_balance": record.ending_balance,
        "lines": sublist(lines, f"/v1/invoices/{record.id}/lines"),
        "next_payment_attempt": record.next_attempt,
        "payments": sublist(_payments(record), f"/v1/invoice_payments?invoice={record.id}"),
        "period_end": record.period_end,
        "period_start": record.period_start,
        "post_payment_credit_notes_amount": record.credited_after_payment,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": record.starting_balance,
        "status_transitions": {
            "finalized_at": record.finalized_at,
            "marked_uncollectible_at": record.uncollectible_at,
            "paid_at": record.paid_at,
            "voided_at": record.voided_at,
        },
        "subtotal": record.subtotal,
        "subtotal_excluding_tax": record.subtotal,
        "total": record.total,
        "total_discount_amounts": _amounts(tuple(discount_totals(record.lines).items())),
        "total_excluding_tax": record.total,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }


def charge(record: Charge) -> Json:
    """Render a charge on a card."""
    failed = record.failure is not None
    rendered: Json = {
        "id": record.id,
        "object": "charge",
        "amount": record.amount,
        "amount_captured": 0 if failed else record.amount,
        "amount_refunded": record.refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None if failed else derived("txn", record.id),
        "billing_details": billing_details(record.card),
        "calculated_statement_descriptor": "LUMENSTACK",
        "captured": not failed,
        "created": record.created,
        "currency": record.currency,
        "customer": record.customer,
        "description": "Subscription payment",
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": record.failure
        if record.failure == "expired_card"
        else ("card_declined" if failed else None),
        "failure_message": _DECLINES[record.failure] if record.failure else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": _outcome(record.failure),
        "paid": not failed,
        "payment_intent": derived("pi", record.invoice),
        "payment_method": record.card.id,
        "payment_method_details": _card_details(record),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None if failed else f"https://pay.stripe.example/receipts/{record.id}",
        "refunded": record.refunded == record.amount and not failed,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "failed" if failed else "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }
    return rendered


def _outcome(failure: str | None) -> dict[str, Any]:
    return {
        "advice_code": "try_again_later" if failure else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if failure else "approved_by_network",
        "reason": failure,
        "risk_level": "normal",
        "seller_message": "The bank did not approve the payment." if failure else "Payment complete.",
        "type": "issuer_declined" if failure else "authorized",
    }


def _card_details(record: Charge) -> Json:
    card = record.card
    return {
        "card": {
            "amount_authorized": None if record.failure else record.amount,
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": None,
            },
            "country": card.country,
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "fingerprint": card.id[-16:],
            "funding": "credit",
            "installments": None,
            "last4": card.last4,
            "mandate": None,
            "network": card.brand,
            "network_token": None,
            "three_d_secure": None,
            "wallet": None,
        },
        "type": "card",
    }


def refund(record: Refund) -> Json:
    """Render a refund."""
    return {
        "id": record.id,
        "object": "refund",
        "amount": record.amount,
        "balance_transaction": derived("txn", record.id),
        "charge": record.charge,
        "created": record.created,
        "currency": record.currency,
        "metadata": {},
        "payment_intent": derived("pi", record.invoice),
        "reason": record.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def credit_note(record: CreditNote) -> Json:
    """Render a credit note on a paid invoice, with its one line and its refund."""
    line = {
        "id": derived("cnli", record.id),
        "object": "credit_note_line_item",
        "amount": record.amount,
        "description": "Credit for service not delivered",
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": line_id(record.invoice, record.line),
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": None,
        "tax_rates": [],
        "taxes": [],
        "type": "invoice_line_item",
        "unit_amount": None,
        "unit_amount_decimal": None,
    }
    return {
        "id": record.id,
        "object": "credit_note",
        "amount": record.amount,
        "amount_shipping": 0,
        "created": record.created,
        "currency": record.currency,
        "customer": record.customer,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": record.created,
        "invoice": record.invoice,
        "lines": sublist([line], f"/v1/credit_notes/{record.id}/lines"),
        "livemode": False,
        "memo": None,
        "metadata": {},
        "number": record.number,
        "out_of_band_amount": None,
        "pdf": f"https://pay.stripe.example/credit_notes/{record.id}/pdf",
        "post_payment_amount": record.amount,
        "pre_payment_amount": 0,
        "pretax_credit_amounts": [],
        "reason": record.reason,
        "refunds": [{"amount_refunded": record.amount, "refund": record.refund, "type": "refund"}],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": record.amount,
        "subtotal_excluding_tax": record.amount,
        "total": record.amount,
        "total_excluding_tax": record.amount,
        "total_taxes": [],
        "type": "post_payment",
        "voided_at": None,
    }

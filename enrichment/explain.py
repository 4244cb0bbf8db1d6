"""Why a subscription item has the MRR that it has, line by line, in plain words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from typing import Any, Final

from enrichment.money import exponent, format_money
from enrichment.prices import Step

_SHOWN_DIGITS: Final = 4
_MODES: Final = {"volume": "all units at the tier they reach", "graduated": "each unit at its own tier"}
_REASONS: Final = {
    "bad_data": "the data cannot be used",
    "canceled": "the subscription is cancelled",
    "cancellation_requested": "its cancellation was requested",
    "collection_paused": "its collection is paused",
    "fully_discounted": "discounts take everything off",
    "incomplete": "its first payment is not completed",
    "incomplete_expired": "its first payment was never completed",
    "metered": "usage decides what it costs",
    "past_due": "the subscription is past due",
    "paused": "the trial ended without a payment method",
    "trialing": "the subscription is in its trial",
    "unpaid": "the subscription is unpaid",
    "zero_price": "it costs nothing",
}

_NOT_NOW: Final = {"ended": "it has ended", "not_started": "it has not begun"}


def explain_item(row: Mapping[str, Any]) -> list[str]:
    """Return one line per step from the price to the item's MRR, with Stripe ids and money.

    Args:
        row: of ``subscription_items``; ``item_id``, ``subscription_id`` and ``explanation`` are read.
    """
    told = json.loads(row["explanation"])
    currency = told["currency"]
    lines = [f"Item {row['item_id']} of subscription {row['subscription_id']}"]
    for step in told["steps"]:
        lines.extend(_TELLERS[step["step"]](step, currency))
    return lines


def _price(step: Step, currency: str) -> list[str]:
    head = f"Price {step['price']} of product {step['product']}"
    if "package" in step:
        quantity, packages = step["quantity"], step["packages"]
        head += f", {quantity} units in packages of {step['package']} = {packages}"
    units = step.get("packages", step["quantity"])
    if "tiers" in step:
        return [f"{head}: {units} units, {step['tiers']} tiers ({_MODES[step['tiers']]})"]
    return [f"{head}: {units} x {_money(step['unit_amount'], currency)} = {_money(step['amount'], currency)}"]


def _tier(step: Step, currency: str) -> list[str]:
    span = f"from {step['from']} on" if step["up_to"] == "inf" else f"{step['from']} to {step['up_to']}"
    text = f"Tier {span}: {step['quantity']} x {_money(step['unit_amount'], currency)}"
    if step["flat_amount"] != "0":
        text += f" + {_money(step['flat_amount'], currency)} flat"
    return [f"{text} = {_money(step['amount'], currency)}"]


def _metered(step: Step, _: str) -> list[str]:
    return [f"Price {step['price']} of product {step['product']}: billed by usage"]


def _discount(step: Step, currency: str) -> list[str]:
    off = step.get("percent_off")
    what = (
        f"{_number(off)} % off" if off else f"{_money(step['amount_off'], currency)} off, this item's share"
    )
    return [f"Coupon {step['coupon']} of the {step['scope']} ({what}): {_money(step['amount'], currency)}"]


def _ignored(step: Step, _: str) -> list[str]:
    why = _NOT_NOW.get(step["left_out"], f"not subtracted (policy: {step['left_out']})")
    return [f"Coupon {step['coupon']} of the {step['scope']}: {why}"]


def _tax(step: Step, currency: str) -> list[str]:
    return [f"Tax of {_number(step['percent'])} % inside the price: {_money(step['amount'], currency)}"]


def _interval(step: Step, currency: str) -> list[str]:
    count = step["interval_count"]
    every = step["interval"] if count == "1" else f"{count} {step['interval']}s"
    return [f"Billed every {every}, times {step['months']} for a month: {_money(step['total'], currency)}"]


def _round(step: Step, currency: str) -> list[str]:
    before, after = _money(step["contract_mrr"], currency), _money(step["mrr"], currency)
    return [f"Rounded once, half to even: {before} before discounts, {after} after"]


def _status(step: Step, _: str) -> list[str]:
    reason = step.get("excluded_reason")
    if reason is None:
        ending = ", and set to end" if step["ending"] == "yes" else ""
        return [f"Counted: the subscription is {step['status']}{ending}"]
    by = f" (policy: {step['policy_key']})" if step["policy_key"] else ""
    return [f"Not counted: {_REASONS[reason]}{by}"]


def _error(step: Step, _: str) -> list[str]:
    return [f"Cannot be rated: {step['reason']}"]


_TELLERS: Final[Mapping[str, Callable[[Step, str], list[str]]]] = {
    "price": _price,
    "tier": _tier,
    "metered": _metered,
    "discount": _discount,
    "ignored_discount": _ignored,
    "tax": _tax,
    "interval": _interval,
    "round": _round,
    "status": _status,
    "error": _error,
}


def _money(exact: str, currency: str) -> str:
    """Write an exact amount of minor units; below the minor unit, cut after some digits and marked so."""
    amount = Fraction(exact)
    if amount.denominator == 1:
        return format_money(amount.numerator, currency)
    decimals = exponent(currency)
    return f"{_decimal(amount / 10**decimals, decimals + _SHOWN_DIGITS)} {currency.upper()}"


def _number(exact: str) -> str:
    return _decimal(Fraction(exact), _SHOWN_DIGITS)


def _decimal(value: Fraction, digits: int) -> str:
    scaled = value * 10**digits
    cut = Decimal(int(scaled)).scaleb(-digits).quantize(Decimal(1).scaleb(-digits), ROUND_DOWN)
    text = f"{cut:,f}".rstrip("0").rstrip(".")
    return text if scaled.denominator == 1 else f"{cut:,f}..."

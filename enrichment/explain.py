"""Why a subscription item has the MRR that it has, line by line, in plain words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from enrichment.messages import ExactMoney, Message, Number, say
from enrichment.prices import Step

_NOT_NOW: Final = ("ended", "not_started")


def explain_item(row: Mapping[str, Any], language: str = "en") -> list[str]:
    """Return one line per step from the price to the item's MRR, with Stripe ids and money.

    What the data lacks is named in English in every language, as in ``rejected_rows``.

    Args:
        row: of ``subscription_items``; ``item_id``, ``subscription_id`` and ``explanation`` are read.
        language: ``en`` or ``fr``.
    """
    told = json.loads(row["explanation"])
    head = say("explain.item", item=row["item_id"], subscription=row["subscription_id"])
    steps = [_TELLERS[step["step"]](step, told["currency"]) for step in told["steps"]]
    return [line.text(language) for line in (head, *steps)]


def _price(step: Step, currency: str) -> Message:
    head = _named(step)
    units = step["quantity"]
    if "package" in step:
        units = step["packages"]
        quantity, packages, size = (Number(step[name]) for name in ("quantity", "packages", "package"))
        n = int(step["quantity"])
        head = say("explain.price.packed", price=head, n=n, units=quantity, size=size, packages=packages)
    if "tiers" in step:
        tiers = say(f"explain.tiers.{step['tiers']}")
        return say("explain.price.tiered", price=head, n=int(units), units=Number(units), tiers=tiers)
    each, amount = (ExactMoney(step[name], currency) for name in ("unit_amount", "amount"))
    return say("explain.price.plain", price=head, units=Number(units), each=each, amount=amount)


def _named(step: Step) -> Message:
    return say("explain.price.named", price=step["price"], product=step["product"])


def _tier(step: Step, currency: str) -> Message:
    each, flat, amount = (
        ExactMoney(step[name], currency) for name in ("unit_amount", "flat_amount", "amount")
    )
    parts = {"tier": _span(step), "units": Number(step["quantity"]), "each": each, "amount": amount}
    if step["flat_amount"] == "0":
        return say("explain.tier.plain", **parts)
    return say("explain.tier.flat", flat=flat, **parts)


def _span(step: Step) -> Message:
    low = Number(step["from"])
    if step["up_to"] == "inf":
        return say("explain.tier.last", low=low)
    return say("explain.tier.closed", low=low, high=Number(step["up_to"]))


def _metered(step: Step, _: str) -> Message:
    return say("explain.metered", price=_named(step))


def _discount(step: Step, currency: str) -> Message:
    amount = ExactMoney(step["amount"], currency)
    if "percent_off" in step:
        return say(
            "explain.discount.percent", coupon=_coupon(step), off=Number(step["percent_off"]), amount=amount
        )
    off = ExactMoney(step["amount_off"], currency)
    return say("explain.discount.amount", coupon=_coupon(step), off=off, amount=amount)


def _ignored(step: Step, _: str) -> Message:
    why = step["left_out"]
    if why in _NOT_NOW:
        return say(f"explain.ignored.{why}", coupon=_coupon(step))
    return say("explain.ignored.policy", coupon=_coupon(step), policy=why)


def _coupon(step: Step) -> Message:
    return say(f"explain.coupon.{step['scope']}", coupon=step["coupon"])


def _tax(step: Step, currency: str) -> Message:
    return say("explain.tax", percent=Number(step["percent"]), amount=ExactMoney(step["amount"], currency))


def _interval(step: Step, currency: str) -> Message:
    every = say(f"explain.every.{step['interval']}", n=int(step["interval_count"]))
    total = ExactMoney(step["total"], currency)
    return say("explain.interval", every=every, months=step["months"], total=total)


def _round(step: Step, currency: str) -> Message:
    before, after = (ExactMoney(step[name], currency) for name in ("contract_mrr", "mrr"))
    return say("explain.round", before=before, after=after)


def _status(step: Step, _: str) -> Message:
    reason = step.get("excluded_reason")
    if reason is None:
        key = "ending" if step["ending"] == "yes" else "plain"
        return say(f"explain.counted.{key}", status=say(f"explain.status.{step['status']}"))
    why = say(f"explain.reason.{reason}")
    if not step["policy_key"]:
        return say("explain.not_counted.plain", reason=why)
    return say("explain.not_counted.policy", reason=why, policy=step["policy_key"])


def _error(step: Step, _: str) -> Message:
    return say("explain.error", reason=step["reason"])


_TELLERS: Final[Mapping[str, Callable[[Step, str], Message]]] = {
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

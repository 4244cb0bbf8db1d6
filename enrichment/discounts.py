"""Coupons and discounts: which are in effect under the policy, and what they take off a subscription's items.

Order, as Stripe applies them: an item's own discounts before the subscription's, per cent before amounts. An
amount off is shared over the items it applies to in proportion to what they cost after the per cents, and
never takes an item below zero.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from enrichment.policy import Policy
from enrichment.prices import Step, exact
from saaskpi.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Coupon:
    """What a Stripe coupon takes off; equal only to itself (each is read once), so that it is a quick key.

    Attributes:
        percent_off: per cent, or None.
        amounts_off: (currency, minor units) pairs; empty for a per cent coupon.
        duration: ``forever``, ``repeating`` or ``once``.
        products: the products it is limited to; None for all.
    """

    coupon_id: str
    percent_off: Fraction | None
    amounts_off: tuple[tuple[str, Fraction], ...]
    duration: str
    products: frozenset[str] | None

    def touches(self, product_id: str) -> bool:
        """Say whether the coupon applies to a product."""
        return self.products is None or product_id in self.products

    def amount_off(self, currency: str) -> Fraction:
        """Return the minor units taken off in ``currency``.

        Raises:
            DataError: the coupon has no amount in that currency.
        """
        for code, amount in self.amounts_off:
            if code == currency:
                return amount
        raise DataError(f"Coupon {self.coupon_id} has no amount in {currency}.")


@dataclass(frozen=True, slots=True)
class Discount:
    """A coupon given to an item, a subscription or a customer; ``start`` and ``end`` are epoch seconds."""

    coupon: Coupon
    start: int
    end: int | None

    def left_out(self, policy: Policy, now: int, period_start: int) -> str | None:
        """Return why this discount is not subtracted at ``now``, or None when it is.

        Args:
            policy: the MRR policy.
            now: the instant, epoch seconds.
            period_start: when the current billing period began, epoch seconds; a ``once`` discount counts
                in the period in which it was given.

        Returns:
            ``not_started``, ``ended`` or the policy's key that leaves it out.
        """
        if self.start > now:
            return "not_started"
        if self.ended(now):
            return "ended"
        match self.coupon.duration:
            case "forever":
                return None if policy.discounts_forever == "subtract" else "discounts.forever"
            case "repeating":
                return (
                    None if policy.discounts_repeating == "subtract_while_active" else "discounts.repeating"
                )
            case _ if policy.discounts_once == "ignore":
                return "discounts.once"
            case _:
                return None if self.start >= period_start else "ended"

    def ended(self, now: int) -> bool:
        """Say whether the discount has ended by ``now`` (epoch seconds)."""
        return self.end is not None and self.end <= now


class DiscountBook:
    """Finds the discount behind each reference that Stripe gives.

    Args:
        coupons: Stripe's coupon objects by id (with ``applies_to``).
        discounts: Stripe's discount objects by id.
    """

    def __init__(
        self, coupons: Mapping[str, Mapping[str, Any]], discounts: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._coupons = coupons
        self._discounts = discounts
        self._parsed: dict[tuple[str, int | None], Coupon] = {}

    def read(self, text: str) -> tuple[Discount, ...]:
        """Return the discounts of a JSON array of ids or objects, or of one object; in order.

        Raises:
            DataError: a discount or its coupon was not read, or the coupon makes no sense.
        """
        if not text or text in ("[]", "null"):
            return ()
        found = json.loads(text)
        return tuple(self._discount(entry) for entry in (found if isinstance(found, list) else [found]))

    def taken(self, text: str, durations: Collection[str]) -> int:
        """Return what coupons of certain durations took off an invoice line, in minor units.

        Args:
            text: the line's ``discount_amounts``, JSON; may be empty. A discount that Stripe no longer tells
                about counts as one of another duration.
            durations: of ``forever``, ``repeating`` and ``once``.
        """
        entries = json.loads(text) if text else []
        return sum(int(e["amount"]) for e in entries if self._duration(e["discount"]) in durations)

    def _duration(self, discount: str | Mapping[str, Any]) -> str | None:
        try:
            return self._discount(discount).coupon.duration
        except DataError:
            return None

    def _discount(self, entry: str | Mapping[str, Any]) -> Discount:
        known = self._discounts.get(entry if isinstance(entry, str) else str(entry.get("id")), {})
        body = known if isinstance(entry, str) else entry
        if not body:
            raise DataError(f"Discount {entry} was not read.")
        return Discount(self._coupon(body, known), int(body.get("start") or 0), body.get("end"))

    def _coupon(self, *bodies: Mapping[str, Any]) -> Coupon:
        references = [source.get("coupon") for body in bodies if (source := body.get("source"))]
        embedded = next((reference for reference in references if isinstance(reference, Mapping)), None)
        coupon_id = embedded["id"] if embedded else next(filter(None, references), None)
        if coupon_id is None:
            raise DataError(f"Discount {bodies[0].get('id')} names no coupon.")
        key = (coupon_id, embedded.get("created") if embedded else None)
        if key not in self._parsed:
            body = _of_the_discount(embedded, self._coupons.get(coupon_id))
            if body is None:
                raise DataError(f"Coupon {coupon_id} was not read.")
            self._parsed[key] = parse_coupon(body)
        return self._parsed[key]


def _of_the_discount(
    embedded: Mapping[str, Any] | None, listed: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """Choose the listed coupon, which tells more, unless it is a later one with the id of a deleted one."""
    if embedded and listed and None not in (made := (embedded.get("created"), listed.get("created"))):
        return listed if made[0] == made[1] else embedded
    return listed or embedded


def parse_coupon(body: Mapping[str, Any]) -> Coupon:
    """Build a coupon from Stripe's object.

    Raises:
        DataError: it takes off nothing, more than everything, or its duration is unknown.
    """
    name, percent, amount = body["id"], body.get("percent_off"), body.get("amount_off")
    if body.get("duration") not in ("forever", "repeating", "once"):
        raise DataError(f"Coupon {name} has the unknown duration {body.get('duration')!r}.")
    if percent is None and amount is None:
        raise DataError(f"Coupon {name} takes off neither a per cent nor an amount.")
    percent_off = None if percent is None else exact(percent, f"Coupon {name}: percent_off")
    if percent_off is not None and percent_off > 100:
        raise DataError(f"Coupon {name} takes off more than 100 per cent.")
    amounts = {code: option["amount_off"] for code, option in (body.get("currency_options") or {}).items()}
    if amount is not None:
        amounts[body.get("currency") or ""] = amount
    products = (body.get("applies_to") or {}).get("products")
    return Coupon(
        coupon_id=name,
        percent_off=percent_off,
        amounts_off=()
        if percent_off is not None
        else tuple((code, exact(off, f"Coupon {name}: amount_off")) for code, off in sorted(amounts.items())),
        duration=body["duration"],
        products=frozenset(products) if products else None,
    )


@dataclass(slots=True)
class Line:
    """An item on its way through the discounts: what one cycle cost and still costs (minor units)."""

    product_id: str
    gross: Fraction
    amount: Fraction
    steps: list[Step]

    def take(self, amount: Fraction, coupon: Coupon, scope: str, **more: str) -> None:
        """Lower the line by ``amount`` and note why."""
        self.amount -= amount
        self.steps.append(
            {"step": "discount", "coupon": coupon.coupon_id, "scope": scope, **more, "amount": str(-amount)}
        )


def subtract(
    lines: Sequence[Line], coupons: Sequence[Coupon], currency: str, scope: str, policy: Policy
) -> None:
    """Take coupons of one scope off the lines they touch, per cents first.

    Args:
        lines: licensed items of one subscription; changed in place.
        coupons: of the discounts in effect, in Stripe's order.
        currency: of the subscription.
        scope: ``item``, ``subscription`` or ``customer``; for the explanation.
        policy: says how per cents stack.

    Raises:
        DataError: a coupon has no amount in the currency.
    """
    for line in lines:
        _percents(
            line,
            [c for c in coupons if c.percent_off is not None and c.touches(line.product_id)],
            scope,
            policy,
        )
    for coupon in coupons:
        if coupon.percent_off is None:
            _share([line for line in lines if coupon.touches(line.product_id)], coupon, currency, scope)


def _percents(line: Line, coupons: Sequence[Coupon], scope: str, policy: Policy) -> None:
    before = line.amount
    if policy.percent_stack == "max":
        coupons = sorted(coupons, key=_percent, reverse=True)[:1]
    for coupon in coupons:
        base = before if policy.percent_stack == "sum" else line.amount
        line.take(
            min(base * _percent(coupon) / 100, line.amount), coupon, scope, percent_off=str(_percent(coupon))
        )


def _percent(coupon: Coupon) -> Fraction:
    return coupon.percent_off or Fraction(0)


def _share(lines: Sequence[Line], coupon: Coupon, currency: str, scope: str) -> None:
    off = coupon.amount_off(currency)
    total = sum((line.amount for line in lines), Fraction(0))
    if total == 0:
        return
    kept = max(1 - off / total, Fraction(0))
    for line in lines:
        line.take(line.amount * (1 - kept), coupon, scope, amount_off=str(off))

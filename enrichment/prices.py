"""What a price asks for one billing cycle, exactly: per unit, by package, by volume or graduated tiers.

Sources: https://docs.stripe.com/products-prices/pricing-models and the fields of Stripe's ``price`` object.
Amounts are exact fractions of the currency's minor unit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Any

from enrichment.money import exponent
from saaskpi.errors import DataError

Step = dict[str, str]
"""One line of an explanation: names and exact amounts, all as text."""
_INTERVALS = ("day", "week", "month", "year")


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier: up to and including ``up_to`` units (None: no end), per unit and flat, in minor units."""

    up_to: int | None
    unit: Fraction
    flat: Fraction


@dataclass(frozen=True, slots=True)
class Price:
    """A Stripe price as far as MRR needs it.

    Attributes:
        amounts: currency to Stripe's fields that hold amounts (``unit_amount_decimal``, ``unit_amount``,
            ``tiers``): the price's own currency and its ``currency_options``.
        tiers_mode: ``volume``, ``graduated`` or empty for a price per unit.
        package: units per package (``transform_quantity.divide_by``); None when units are sold one by one.
        package_up: whether a broken package counts as a whole one.
    """

    price_id: str
    product_id: str
    interval: str
    interval_count: int
    metered: bool
    tiers_mode: str
    amounts: Mapping[str, Mapping[str, Any]]
    package: int | None = None
    package_up: bool = False

    def cycle_amount(self, quantity: str, currency: str) -> tuple[Fraction, list[Step]]:
        """Return the amount of one cycle (minor units of ``currency``) before discounts, and its steps.

        Args:
            quantity: of the subscription item, as the API wrote it.
            currency: of the subscription.

        Raises:
            DataError: the quantity is not a number from 0, or the price has no amount in that currency.
        """
        exponent(currency)
        units = _quantity(quantity)
        fields = self.amounts.get(currency)
        if fields is None:
            raise DataError(f"Price {self.price_id} has no amount in {currency}.")
        head = {"step": "price", "price": self.price_id, "product": self.product_id, "quantity": quantity}
        if self.package is not None:
            packages = units / self.package
            units = Fraction(ceil(packages) if self.package_up else floor(packages))
            head |= {"package": str(self.package), "packages": str(units)}
        if self.tiers_mode:
            amount, lines = self._tiered(units, fields.get("tiers"))
            return amount, [{**head, "tiers": self.tiers_mode}, *lines]
        unit = _first(fields, "unit_amount_decimal", "unit_amount")
        if unit is None:
            raise DataError(f"Price {self.price_id} has no unit amount.")
        rate = exact(unit, f"price {self.price_id}: unit amount")
        return rate * units, [{**head, "unit_amount": str(rate), "amount": str(rate * units)}]

    def _tiered(
        self, units: Fraction, tiers: Sequence[Mapping[str, Any]] | None
    ) -> tuple[Fraction, list[Step]]:
        if not tiers:
            raise DataError(f"Price {self.price_id} is tiered but its tiers were not read.")
        parsed = parse_tiers(tiers, self.price_id)
        if self.tiers_mode == "volume":
            return _volume(units, parsed, self.price_id)
        if self.tiers_mode == "graduated":
            return _graduated(units, parsed, self.price_id)
        raise DataError(f"Price {self.price_id} has tiers of an unknown kind, {self.tiers_mode!r}.")


def price_or_error(row: Mapping[str, Any]) -> Price | DataError:
    """Build a price like :func:`parse_price`; what is wrong with it comes back instead of being raised."""
    try:
        return parse_price(row)
    except DataError as error:
        return error


def parse_price(row: Mapping[str, Any]) -> Price:
    """Build a price from a row of ``stg_prices`` (JSON columns as text, empty text for what is missing).

    Raises:
        DataError: the price is missing, is not recurring or has an unknown interval.
    """
    name = row["price_id"]
    interval, count = row["price_interval"], row["interval_count"]
    if not row["currency"]:
        raise DataError(f"Price {name} was not read.")
    if interval not in _INTERVALS:
        raise DataError(f"Price {name} has the unknown interval {interval!r}.")
    if not count.isdigit() or int(count) < 1:
        raise DataError(f"Price {name} has the interval count {count!r}.")
    own = {key: row[key] for key in ("unit_amount_decimal", "unit_amount") if row[key]}
    own["tiers"] = _json(row["tiers"])
    tiered = row["billing_scheme"] == "tiered"
    return Price(
        price_id=name,
        product_id=row["product_id"],
        interval=interval,
        interval_count=int(count),
        metered=row["usage_type"] == "metered",
        tiers_mode=(row["tiers_mode"] or "unnamed") if tiered else "",
        amounts={**(_json(row["currency_options"]) or {}), row["currency"]: own},
        package=int(row["package_size"]) if row["package_size"] else None,
        package_up=row["package_round"] == "up",
    )


def parse_tiers(tiers: Sequence[Mapping[str, Any]], price_id: str) -> list[Tier]:
    """Read tiers and check that their bounds rise.

    Raises:
        DataError: a tier has no amount at all, a negative one, or the bounds do not rise.
    """
    parsed = [_tier(tier, price_id) for tier in tiers]
    bounds = [tier.up_to for tier in parsed]
    closed = [bound for bound in bounds if bound is not None]
    if bounds[:-1] != closed[: len(bounds) - 1] or any(low >= high for low, high in pairwise(closed)):
        raise DataError(f"Price {price_id} has tiers whose bounds do not rise.")
    return parsed


def exact(value: object, what: str) -> Fraction:
    """Read a number as written (text, int or float) without loss.

    Raises:
        DataError: it is not a finite number, or it is negative.
    """
    try:
        number = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise DataError(f"{what} is not a number: {value!r}.") from None
    if number < 0:
        raise DataError(f"{what} is negative: {value}.")
    return number


def _volume(units: Fraction, tiers: list[Tier], price_id: str) -> tuple[Fraction, list[Step]]:
    low = 0
    for tier in tiers:
        if tier.up_to is None or units <= tier.up_to:
            amount = tier.unit * units + tier.flat
            return amount, [_tier_step(tier, low, units, amount)]
        low = tier.up_to
    raise DataError(f"Price {price_id} has no tier for a quantity of {units}.")


def _graduated(units: Fraction, tiers: list[Tier], price_id: str) -> tuple[Fraction, list[Step]]:
    total, low, steps = Fraction(0), 0, []
    for tier in tiers:
        top = units if tier.up_to is None else min(units, Fraction(tier.up_to))
        # The first tier's flat fee is due for any quantity, a later one's once the tier is entered.
        if low == 0 or top > low:
            amount = tier.unit * (top - low) + tier.flat
            steps.append(_tier_step(tier, low, top - low, amount))
            total += amount
        if top == units:
            return total, steps
        low = int(top)
    raise DataError(f"Price {price_id} has no tier for a quantity of {units}.")


def _tier(tier: Mapping[str, Any], price_id: str) -> Tier:
    unit = _first(tier, "unit_amount_decimal", "unit_amount")
    flat = _first(tier, "flat_amount_decimal", "flat_amount")
    if unit is None and flat is None:
        raise DataError(f"Price {price_id} has a tier without an amount.")
    up_to = tier.get("up_to")
    return Tier(
        up_to=None if up_to in (None, "inf") else int(exact(up_to, f"price {price_id}: up_to")),
        unit=exact(0 if unit is None else unit, f"price {price_id}: tier unit amount"),
        flat=exact(0 if flat is None else flat, f"price {price_id}: tier flat amount"),
    )


def _tier_step(tier: Tier, low: int, units: Fraction, amount: Fraction) -> Step:
    return {
        "step": "tier",
        "from": str(low + 1),
        "up_to": "inf" if tier.up_to is None else str(tier.up_to),
        "quantity": str(units),
        "unit_amount": str(tier.unit),
        "flat_amount": str(tier.flat),
        "amount": str(amount),
    }


def _quantity(text: str) -> Fraction:
    if not text:
        raise DataError("The item has no quantity.")
    return exact(text, "The item's quantity")


def _first(fields: Mapping[str, Any], *names: str) -> object | None:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _json(text: str) -> Any:
    return json.loads(text) if text else None

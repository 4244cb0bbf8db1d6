"""Stripe's export of subscriptions: one row per subscription, or several where it has several plans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Literal

from saaskpi.errors import DataError
from saaskpi.imports.csv_file import CsvFile, Row
from saaskpi.imports.customers import add_mentioned
from saaskpi.imports.cycles import Cycle
from saaskpi.imports.records import Converted, Record, metadata_of, required, time_of
from saaskpi.imports.values import decimal_mark, exact_minor, parse_amount, parse_flag, parse_interval, shown

STREAM: Final = "stripe_subscriptions"
ITEMS: Final = "stripe_subscription_items"
PRICES: Final = "stripe_prices"
PRODUCTS: Final = "stripe_products"
AmountIs = Literal["auto", "unit", "total"]

_STATUSES: Final = (
    "active", "past_due", "unpaid", "canceled", "incomplete", "incomplete_expired", "trialing", "paused",
)  # fmt: skip
_PLAN: Final = ("price id", "plan id", "price", "plan")
_LONGEST: Final = 19


@dataclass(frozen=True, slots=True)
class Item:
    """One row: a plan of a subscription.

    Attributes:
        subscription: its id.
        price: id of the plan or price.
        product: id of the product.
        product_name: as people read it.
        currency: lower case.
        amount: as the file has it, in minor units; None where it has none (tiers, usage).
        quantity: how many.
        cycle: how often it is billed.
        created: Unix seconds.
        period: the current period's start and end, Unix seconds.
    """

    subscription: str
    price: str
    product: str
    product_name: str
    currency: str
    amount: Decimal | None
    quantity: int
    cycle: Cycle
    created: int | None
    period: tuple[int | None, int | None]

    @property
    def id(self) -> str:
        """Return an id for the subscription item, which the export does not tell."""
        return f"{self.subscription}:{self.price}"


def add_subscriptions(
    files: Sequence[CsvFile], amount_is: AmountIs, into: Converted
) -> dict[str, list[Item]]:
    """Convert the rows of subscription exports.

    Args:
        files: the exports.
        amount_is: whether the column Amount is the price of one or of all; ``auto`` asks the file.
        into: takes subscriptions, items, prices, products and customers.

    Returns:
        The items of each subscription, with ``amount`` per unit.
    """
    found: dict[str, Item] = {}
    for file in files:
        mark = decimal_mark(file.column("amount"))

        def subscribed(row: Row, file: CsvFile = file, mark: str = mark) -> Item:
            item = _item(row, mark)
            record = _subscription(file, row, item)
            into.add(STREAM, record)
            add_mentioned(row, record["customer"], item.created, into)
            return item

        found.update((item.id, item) for item in into.each(file, subscribed))
    by_subscription: dict[str, list[Item]] = defaultdict(list)
    for item in _per_unit(list(found.values()), amount_is, into):
        _add_item(item, into)
        by_subscription[item.subscription].append(item)
    return dict(by_subscription)


def _item(row: Row, mark: str) -> Item:
    subscription = required(row, "id", "subscription id")
    name = row.first("product name", "product", *_PLAN)
    price = row.first(*_PLAN) or f"import:{subscription}"
    currency = required(row, "currency").lower()
    amount = row.first("amount")
    interval, count = parse_interval(required(row, "interval", "billing interval", "plan interval"))
    if row.first("interval count"):
        count = _whole(row.first("interval count"))
    return Item(
        subscription=subscription,
        price=price,
        product=row.first("product id") or f"import:{name or price}",
        product_name=name or price,
        currency=currency,
        amount=exact_minor(parse_amount(amount, mark), currency) if amount else None,
        quantity=_whole(row.first("quantity") or "1"),
        cycle=Cycle(interval, count),
        created=time_of(row, "created (utc)", "created date (utc)", "created"),
        period=(time_of(row, "current period start (utc)"), time_of(row, "current period end (utc)")),
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _LONGEST):
        raise DataError(f"{shown(text)} is no whole number.")
    return int(text)


def _subscription(file: CsvFile, row: Row, item: Item) -> Record:
    status = required(row, "status").lower().replace(" ", "_").replace("cancelled", "canceled")
    if status not in _STATUSES:
        raise DataError(f"{shown(status)} is no status of a subscription.")
    requested = time_of(row, "canceled at (utc)")
    ended = time_of(row, "ended at (utc)")
    if status == "canceled":
        ended = ended or requested or item.period[1]
    # Stripe notes the request to cancel at once: a subscription that goes on until then ends with its period.
    ending = status != "canceled" and (parse_flag(row.first("cancel at period end")) or requested is not None)
    start = time_of(row, "start date (utc)") or item.created or time_of(row, "start (utc)")
    if start is None:
        raise DataError("The subscription has no time of creation.")
    return {
        "id": item.subscription,
        "object": "subscription",
        "customer": required(row, "customer id", "customer"),
        "status": status,
        "currency": item.currency,
        "created": item.created or start,
        "start_date": start,
        "trial_start": time_of(row, "trial start (utc)"),
        "trial_end": time_of(row, "trial end (utc)"),
        "cancel_at_period_end": ending,
        "cancel_at": item.period[1] if ending else None,
        "canceled_at": requested,
        "ended_at": ended,
        "collection_method": row.first("billing", "collection method") or None,
        "discounts": [],
        "default_tax_rates": [],
        "metadata": metadata_of(file, row),
    }


def _per_unit(items: Sequence[Item], amount_is: AmountIs, into: Converted) -> Iterator[Item]:
    """Yield the items with their amount per unit, and note how the column Amount was read."""
    unit, total = _evidence(items)
    is_total = amount_is == "total" or (amount_is == "auto" and total > unit)
    if any(item.quantity > 1 for item in items):
        meaning = "of the whole quantity" if is_total else "per unit"
        why = f"seen in {max(unit, total)} plans" if unit + total else "as in Stripe's API"
        why = "as you said" if amount_is != "auto" else why
        into.notes.append(
            f"Amount is read as the price {meaning}: {why} (--amount unit|total says otherwise)."
        )
    for item in items:
        whole = is_total and item.amount is not None and item.quantity > 1
        yield replace(item, amount=item.amount / item.quantity) if whole and item.amount is not None else item


def _evidence(items: Iterable[Item]) -> tuple[int, int]:
    """Count the plans whose Amount is the same for any quantity, and those where it grows with it."""
    amounts: dict[tuple[str, str], set[tuple[int, Decimal]]] = defaultdict(set)
    for item in items:
        if item.amount and item.quantity:
            amounts[item.price, item.currency].add((item.quantity, item.amount))
    unit = total = 0
    for pairs in amounts.values():
        if len({quantity for quantity, _ in pairs}) > 1:
            unit += len({amount for _, amount in pairs}) == 1
            total += len({Fraction(amount) / quantity for quantity, amount in pairs}) == 1
    return unit, total


def _add_item(item: Item, into: Converted) -> None:
    """Add an item, its product and its price."""
    price = _price(item)
    if into.records(PRICES).get(item.price, price) != price:
        # The plan costs something else here: in another currency, or at a price of its own.
        amount = price["unit_amount_decimal"]
        price["id"] = f"{item.price}:{item.currency}:{amount}:{item.cycle.count}{item.cycle.interval}"
    into.add(PRICES, price)
    into.add(PRODUCTS, {"id": item.product, "object": "product", "name": item.product_name, "active": True})
    record = {
        "id": item.id,
        "object": "subscription_item",
        "subscription": item.subscription,
        "quantity": item.quantity,
        "price": price,
        "created": item.created,
        "current_period_start": item.period[0],
        "current_period_end": item.period[1],
        "discounts": [],
        "tax_rates": [],
    }
    into.add(ITEMS, record)


def _price(item: Item) -> Record:
    whole = item.amount is not None and item.amount == item.amount.to_integral_value()
    return price_record(
        item.price,
        item.product,
        item.currency,
        item.cycle,
        unit_amount=int(item.amount) if item.amount is not None and whole else None,
        unit_amount_decimal=None if item.amount is None else f"{item.amount:f}",
    )


def price_record(price: str, product: str, currency: str, cycle: Cycle, **amounts: Any) -> Record:
    """Return a licensed price as Stripe's API gives it; without amounts it only tells how often it bills."""
    return {
        "id": price,
        "object": "price",
        "type": "recurring",
        "product": product,
        "currency": currency,
        "billing_scheme": "per_unit",
        "unit_amount": None,
        "unit_amount_decimal": None,
        "currency_options": None,
        "recurring": {"interval": cycle.interval, "interval_count": cycle.count, "usage_type": "licensed"},
        **amounts,
    }

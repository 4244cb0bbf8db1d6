"""Stripe's export of invoices: what was billed and paid, and the service periods that it still tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from saaskpi.errors import DataError
from saaskpi.imports.csv_file import CsvFile, Row
from saaskpi.imports.customers import add_mentioned
from saaskpi.imports.cycles import Cycle, cycle_of
from saaskpi.imports.records import Converted, Record, metadata_of, required, time_of
from saaskpi.imports.subscriptions import PRICES, Item, price_record
from saaskpi.imports.subscriptions import STREAM as SUBSCRIPTIONS
from saaskpi.imports.values import decimal_mark, parse_amount, parse_flag, shown, whole_minor

STREAM: Final = "stripe_invoices"
LINES: Final = "stripe_invoice_lines"
_AMOUNTS: Final = ("total", "amount due", "amount paid", "subtotal")
_DATES: Final = ("date (utc)", "created (utc)", "created date (utc)")
_STATUSES: Final = {
    "paid": "paid", "open": "open", "past due": "open", "draft": "draft", "void": "void", "voided": "void",
    "uncollectible": "uncollectible",
}  # fmt: skip
_FIRST: Final = 3600


@dataclass(frozen=True, slots=True)
class _Billed:
    """What an invoice tells of its lines: the first start and last end, and their sum in minor units."""

    invoice: str
    subscription: str
    currency: str
    start: int | None
    end: int | None
    subtotal: int


def add_invoices(files: Sequence[CsvFile], items: Mapping[str, Sequence[Item]], into: Converted) -> None:
    """Convert the rows of invoice exports.

    Args:
        files: the exports.
        items: of each subscription.
        into: takes invoices, their lines as far as they can be told, and customers.
    """
    found: dict[str, _Billed] = {}
    for file in files:
        mark = decimal_mark(value for name in _AMOUNTS for value in file.column(name))

        def invoiced(row: Row, file: CsvFile = file, mark: str = mark) -> _Billed:
            record = _invoice(file, row, mark, into)
            billed = _billed(row, record)
            into.add(STREAM, record)
            add_mentioned(row, record["customer"], None, into)
            return billed

        found.update((billed.invoice, billed) for billed in into.each(file, invoiced))
    untold = sum(
        not _add_lines(billed, items.get(billed.subscription, ()), into) for billed in found.values()
    )
    if untold:
        into.notes.append(
            f"Invoices that tell no whole period (prorations, several plans, no subscription in the files): "
            f"{untold}; what they changed shows with the next invoice that does."
        )


def _invoice(file: CsvFile, row: Row, mark: str, into: Converted) -> Record:
    currency = required(row, "currency").lower()
    total, due, paid, subtotal = (_amount(row, name, currency, mark) for name in _AMOUNTS)
    total = next((amount for amount in (total, due, subtotal) if amount is not None), 0)
    due = total if due is None else due
    created = time_of(row, *_DATES)
    if created is None:
        raise DataError("The invoice has no date.")
    status = _status(row)
    paid = (due if status == "paid" else 0) if paid is None else paid
    subscription = row.first("subscription", "subscription id")
    transitions = {
        "finalized_at": time_of(row, "finalized at (utc)") or (None if status == "draft" else created),
        "paid_at": time_of(row, "paid at (utc)"),
        "voided_at": time_of(row, "voided at (utc)"),
        "marked_uncollectible_at": time_of(row, "marked uncollectible at (utc)"),
    }
    return {
        "id": required(row, "id", "invoice id"),
        "object": "invoice",
        "customer": required(row, "customer", "customer id"),
        "status": status,
        "currency": currency,
        "created": created,
        "due_date": time_of(row, "due date (utc)"),
        "collection_method": row.first("billing", "collection method") or None,
        "billing_reason": _reason(subscription, created, into),
        "amount_due": due,
        "amount_paid": paid,
        "amount_remaining": max(due - paid, 0) if status in ("open", "uncollectible") else 0,
        "subtotal": total if subtotal is None else subtotal,
        "total": total,
        "discounts": [],
        "parent": _parent(subscription),
        "status_transitions": transitions,
        "metadata": metadata_of(file, row),
    }


def _amount(row: Row, name: str, currency: str, mark: str) -> int | None:
    text = row.first(name)
    return whole_minor(parse_amount(text, mark), currency) if text else None


def _status(row: Row) -> str:
    """Return the invoice's status; exports of long ago only have Paid, Forgiven and Closed."""
    text = row.first("status").lower().replace("_", " ")
    if text:
        if text not in _STATUSES:
            raise DataError(f"{shown(text)} is no status of an invoice.")
        return _STATUSES[text]
    flags = {"paid": "paid", "forgiven": "uncollectible", "closed": "void"}
    return next((status for name, status in flags.items() if parse_flag(row.first(name))), "open")


def _parent(subscription: str) -> Record | None:
    if not subscription:
        return None
    return {"type": "subscription_details", "subscription_details": {"subscription": subscription}}


def _reason(subscription: str, created: int, into: Converted) -> str | None:
    """Return why the invoice was made, where it can be told: with its subscription, or later."""
    record = into.records(SUBSCRIPTIONS).get(subscription)
    if record is None:
        return None
    return "subscription_create" if abs(created - record["created"]) < _FIRST else None


def _billed(row: Row, record: Record) -> _Billed:
    return _Billed(
        invoice=record["id"],
        subscription=row.first("subscription", "subscription id"),
        currency=record["currency"],
        start=time_of(row, "minimum line item period start (utc)"),
        end=time_of(row, "maximum line item period end (utc)"),
        subtotal=record["subtotal"],
    )


def _add_lines(billed: _Billed, items: Sequence[Item], into: Converted) -> bool:
    """Add the lines of an invoice that is one whole cycle; False when it bills a subscription otherwise."""
    if not billed.subscription or not billed.subtotal:
        return True
    if not items or len({item.cycle for item in items}) > 1:
        return False
    start, end = _period(billed, items[0].cycle, into)
    cycle = cycle_of(start, end, items[0].cycle)
    costs = [item.amount * item.quantity if item.amount is not None else None for item in items]
    as_today = sum(cost for cost in costs if cost is not None) == billed.subtotal and cycle == items[0].cycle
    if cycle is None or (len(items) > 1 and not as_today):
        return False
    for item, cost in zip(items, costs, strict=True):
        amount = billed.subtotal if len(items) == 1 else int(cost or 0)
        price = item.price if cycle == item.cycle else _price_of_then(item, cycle, into)
        _add_line(billed, item, price, amount, (start, end), as_today, into)
    return True


def _period(billed: _Billed, cycle: Cycle, into: Converted) -> tuple[int, int]:
    """Return the service period; where the export has none, the cycle that begins with the invoice."""
    start = billed.start if billed.start is not None else into.records(STREAM)[billed.invoice]["created"]
    return start, billed.end if billed.end is not None else cycle.after(start)


def _price_of_then(item: Item, cycle: Cycle, into: Converted) -> str:
    """Return a price of the cycle of that time, which no export names."""
    price = f"import:{item.product}:{item.currency}:{cycle.count}{cycle.interval}"
    into.add(PRICES, price_record(price, item.product, item.currency, cycle))
    return price


def _add_line(
    billed: _Billed,
    item: Item,
    price: str,
    amount: int,
    period: tuple[int, int],
    as_today: bool,
    into: Converted,
) -> None:
    details = {"subscription": item.subscription, "subscription_item": item.id, "proration": False}
    record = {
        "id": f"{billed.invoice}:{item.price}",
        "object": "line_item",
        "invoice": billed.invoice,
        "amount": amount,
        "currency": billed.currency,
        # Only what adds up is known to be today's quantity.
        "quantity": item.quantity if as_today else None,
        "discounts": [],
        "discount_amounts": [],
        "parent": {"type": "subscription_item_details", "subscription_item_details": details},
        "period": {"start": period[0], "end": period[1]},
        "pricing": {"type": "price_details", "price_details": {"price": price, "product": item.product}},
    }
    into.add(LINES, record)

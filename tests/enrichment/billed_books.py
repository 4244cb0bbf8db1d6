"""Books whose subscriptions come with their invoices, paid on the day unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Final

from tests.enrichment.books import Books, Record, epoch

SET_ASIDE: Final[Record] = {
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": False,
    "amount_paid": 0,
    "status_transitions": {"finalized_at": None, "paid_at": None},
}
"""What is different about an invoice that is not meant to be collected."""


class BilledBooks(Books):
    """Adds what a subscription leaves behind: items, invoices, events, charges."""

    def contract(
        self,
        customer: str,
        *,
        name: str = "",
        price: str = "p100",
        days: Sequence[str] = (),
        amounts: Sequence[int] = (),
        last: str = "",
        ends: str | None = None,
        arrears: bool = False,
        lines: Mapping[str, Record] | None = None,
        invoices: Mapping[str, Record] | None = None,
        item: Record | None = None,
        **more: Any,
    ) -> None:
        """Add a subscription to one item, and an invoice on each of ``days``.

        Args:
            days: when periods begin, or end with ``arrears``; by default the 15th of June to October.
            amounts: billed on them, before discounts; 100.00 by default.
            last: when the last period ends; by default a month after it began.
            ends: when the subscription is cancelled, if it is.
            lines: what is different about the line of a day.
            invoices: what is different about the invoice of a day.
        """
        name = name or f"sub_{customer}"
        days = list(days or monthly("2026-06-15", 5))
        bounds = [month_before(days[0]), *days] if arrears else [*days, last or month_after(days[-1])]
        periods = list(pairwise(bounds))
        if ends:
            more |= {"status": "canceled", "canceled_at": epoch(ends), "ended_at": epoch(ends)}
        current = {"current_period_start": epoch(bounds[-2]), "current_period_end": epoch(bounds[-1])}
        if arrears:
            current = {
                "current_period_start": epoch(days[-1]),
                "current_period_end": epoch(month_after(days[-1])),
            }
        start = {"start_date": epoch(bounds[0]), "collection_method": "charge_automatically"}
        items = {"item": {"created": epoch(bounds[0]), **current, **(item or {})}}
        quantity = None if arrears else 1
        self.subscription([(price, quantity)], name, f"cus_{customer}", **start, **items, **more)
        for number, (day, period) in enumerate(zip(days, periods, strict=True)):
            amount = amounts[number] if amounts else 10000
            about = {"billing_reason": "subscription_cycle" if number else "subscription_create"}
            about |= (invoices or {}).get(day, {})
            own = {"price": price, "period": period, "currency": more.get("currency", "eur")}
            line = self.line(name, day, amount, **own | (lines or {}).get(day, {}))
            self.bill(name, f"cus_{customer}", day, amount, line, about, more.get("currency", "eur"))

    def bill(
        self, name: str, customer: str, day: str, amount: int, line: Record, about: Record, currency: str
    ) -> None:
        """Add an invoice of a subscription with one line."""
        total = about.pop("total", amount)
        told = {
            "parent": {"type": "subscription_details", "subscription_details": {"subscription": name}},
            "payments": {"data": [{"payment": {"payment_intent": f"pi_{name}_{day}"}}]},
            "collection_method": "charge_automatically",
            "auto_advance": False,
            "currency": currency,
            **about,
        }
        self.invoice(f"in_{name}_{day}", day, total, [line], customer, **told)

    def line(
        self,
        name: str,
        day: str,
        amount: int,
        *,
        price: str,
        period: tuple[str, str] | None = None,
        item: str = "",
        currency: str = "eur",
        discount_amounts: Sequence[Record] = (),
    ) -> Record:
        """Return a line of a subscription item for a period, by default the month from ``day`` on."""
        begin, end = period or (day, month_after(day))
        details = {"subscription": name, "subscription_item": item or f"si_{name}_0", "proration": False}
        return {
            "amount": amount,
            "quantity": 1,
            "currency": currency,
            "discounts": [],
            "discount_amounts": list(discount_amounts),
            "parent": {"type": "subscription_item_details", "subscription_item_details": details},
            "period": {"start": epoch(begin), "end": epoch(end)},
            "pricing": {"price_details": {"price": price}},
        }

    def added_item(self, name: str, price: str, day: str) -> str:
        """Add a second item to a subscription, current from the 15th of October on; return its id."""
        item = f"si_{name}_1"
        self.add(
            "stripe_subscription_items",
            id=item,
            subscription=name,
            quantity=1,
            price={"id": price},
            created=epoch(day),
            discounts=[],
            tax_rates=[],
            current_period_start=epoch("2026-10-15"),
            current_period_end=epoch("2026-11-15"),
        )
        return item

    def event(self, name: str, day: str, previous: Record) -> None:
        """Add the event of a subscription's change, with what it was before."""
        data = {"object": {"object": "subscription", "id": name}, "previous_attributes": previous}
        created = epoch(day)
        self.add(
            "stripe_events",
            id=f"evt_{name}",
            type="customer.subscription.updated",
            created=created,
            data=data,
        )

    def charge(self, customer: str, day: str, amount: int, **more: Any) -> None:
        """Add an attempt to collect money, successful unless told otherwise."""
        base = {"customer": f"cus_{customer}", "currency": "eur", "status": "succeeded", "amount_refunded": 0}
        created = {"id": f"ch_{customer}_{day}", "created": epoch(day), "payment_intent": None}
        self.add("stripe_charges", **{**base, **created, "amount": amount, **more})


def monthly(first: str, count: int) -> list[str]:
    """Return ``count`` days, a month apart."""
    begin = date.fromisoformat(first)
    return [str(begin.replace(month=begin.month + number)) for number in range(count)]


def month_after(day: str) -> str:
    """Return the same day a month later."""
    begin = date.fromisoformat(day)
    return str(begin.replace(month=begin.month + 1))


def month_before(day: str) -> str:
    """Return the same day a month earlier."""
    begin = date.fromisoformat(day)
    return str(begin.replace(month=begin.month - 1))


def paid_late(day: str, paid: str, attempts: int) -> Record:
    """Return what is different about an invoice that was paid after ``attempts``."""
    times = {"finalized_at": epoch(day), "paid_at": epoch(paid)}
    return {"attempt_count": attempts, "status_transitions": times}


def unpaid(day: str, attempts: int, retried: bool) -> Record:
    """Return what is different about an invoice that nobody has paid yet."""
    return {
        "status": "open",
        "amount_paid": 0,
        "amount_remaining": 10000,
        "attempt_count": attempts,
        "next_payment_attempt": epoch("2026-11-02") if retried else None,
        "status_transitions": {"finalized_at": epoch(day), "paid_at": None},
    }

"""Facts of made-up accounts, at the present and taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from enrichment.computing import compute_ledger
from enrichment.facts.describing import describe, prepare
from enrichment.facts.rewinding import rewind
from enrichment.health.config import HealthConfig
from enrichment.policy import Policy
from enrichment.sql import ACCOUNTS, run_models
from tests.enrichment.books import AS_OF, Books, Record, epoch, matcher
from tests.enrichment.tiny_engine import TinyEngine

NOBODY: Final[Mapping[str, str]] = MappingProxyType({})


@contextmanager
def described(
    books: Books,
    as_of: datetime = AS_OF,
    policy: Policy | None = None,
    companies: Mapping[str, str] = NOBODY,
) -> Iterator[TinyEngine]:
    """Give an engine in which everything is computed that facts are read from."""
    config = HealthConfig()
    with books.engine() as engine:
        compute_ledger(engine, matcher(companies), as_of, policy or Policy(), config)
        run_models(engine, ACCOUNTS)
        prepare(engine, config.sources)
        yield engine


def facts_at(engine: TinyEngine, past: datetime | None = None, policy: Policy | None = None) -> pd.DataFrame:
    """Return ``account_facts`` by account id, of the present or taken back."""
    if past is not None:
        rewind(engine, past, policy or Policy(), HealthConfig())
    return describe(engine).set_index("account_id")


def past_facts(books: Books, past: datetime, as_of: datetime = AS_OF) -> pd.DataFrame:
    """Return the facts of an instant of which ``as_of`` looks back."""
    with described(books, as_of) as engine:
        return facts_at(engine, past)


def as_text(facts: pd.DataFrame) -> pd.DataFrame:
    """Return facts as text, to compare: whole numbers without a point, null empty."""
    shown = {column: facts[column].map(_text) for column in facts.columns}
    return pd.DataFrame(shown, index=facts.index)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    listed = isinstance(value, list) or hasattr(value, "tolist")
    return str(value) if listed or not pd.isna(value) else ""


UNITS: Final = {"seat": 1000, "base": 5000, "year": 12000}
"""Minor units of the prices of ``shop``; ``year`` is for a year, the others for a month."""


def shop() -> Books:
    """Return the books of somebody who sells seats, a base fee and usage, without customers."""
    books = Books()
    for price, unit in UNITS.items():
        books.price(price, str(unit), interval="year" if price == "year" else "month")
    books.price("usage", "7", usage_type="metered")
    books.price("free", "0")
    return books


class Account:
    """One customer with one subscription in shared books; every id ends with the customer's name.

    Args:
        books: where its records go.
        name: of the customer and account.
        items: (price, quantity) as the subscription stands.
        more: of the subscription.
    """

    def __init__(self, books: Books, name: str, *items: tuple[str, int | None], **more: Any) -> None:
        self.books, self.name, self.sub, self._numbers = books, name, f"sub_{name}", count()
        books.customer(name)
        books.subscription(items, self.sub, name, **{"created": epoch("2024-01-01"), **more})
        self.record = books.streams["stripe_subscriptions"][-1]

    def sell(
        self,
        start: str,
        end: str,
        quantity: int = 1,
        *,
        price: str = "seat",
        item: int = 0,
        paid: str | None = "",
        lines: list[Record] | None = None,
        **more: Any,
    ) -> Record:
        """Add the invoice of an item for a period, or of other lines, paid on its day unless told."""
        amount = UNITS[price] * quantity
        payment = epoch(paid or start) if paid is not None else None
        about: Record = {
            "parent": {"subscription_details": {"subscription": self.sub}},
            "billing_reason": "subscription_cycle",
            "status_transitions": {"finalized_at": epoch(start), "paid_at": payment},
        }
        if payment is None:
            about |= {"status": "open", "amount_paid": 0, "amount_remaining": amount}
        if lines is None:
            lines = [self.line(start, end, quantity, price=price, item=item)]
        name = f"in_{self.name}_{next(self._numbers)}"
        self.books.invoice(name, start, amount, lines, self.name, **{**about, **more})
        return self.books.streams["stripe_invoices"][-1]

    def line(
        self,
        start: str,
        end: str,
        quantity: int,
        *,
        price: str = "seat",
        item: int = 0,
        credit: bool | None = None,
    ) -> Record:
        """Return an invoice line; ``credit`` makes it a proration that gives back or takes."""
        names = {"subscription": self.sub, "subscription_item": f"si_{self.sub}_{item}"}
        amount = UNITS.get(price, 0) * quantity
        return {
            "amount": -amount if credit else amount,
            "quantity": quantity,
            "currency": "eur",
            "discounts": [],
            "discount_amounts": [],
            "parent": {
                "type": "subscription_item_details",
                "subscription_item_details": {**names, "proration": credit is not None},
            },
            "period": {"start": epoch(start), "end": epoch(end)},
            "pricing": {"price_details": {"price": price}},
        }

    def add_line(self, invoice: Record, line: Record) -> None:
        """Put one more line on an invoice."""
        name = f"il_{self.name}_{next(self._numbers)}"
        self.books.add("stripe_invoice_lines", id=name, invoice=invoice["id"], **line)

    def charge(self, day: str, amount: int, status: str = "failed", **more: Any) -> None:
        """Add one attempt to collect money."""
        name = f"ch_{self.name}_{next(self._numbers)}"
        about = {
            "customer": self.name,
            "currency": "eur",
            "amount_refunded": 0,
            "payment_intent": None,
            **more,
        }
        self.books.add("stripe_charges", id=name, created=epoch(day), amount=amount, status=status, **about)

    def card(
        self,
        name: str,
        day: str,
        year: int = 2027,
        month: int = 2,
        *,
        status: str = "succeeded",
        kind: str = "card",
    ) -> None:
        """Charge a card that ends with its month, over a trifle; its number ends as its name does."""
        card = {"brand": "visa", "last4": name[-4:], "exp_year": year, "exp_month": month}
        details: Record = {"type": kind} | ({"card": card} if kind == "card" else {})
        about = {"payment_method": f"{self.name}_{name}", "payment_method_details": details}
        self.charge(day, 1, status, **about)

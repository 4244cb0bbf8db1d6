"""A Stripe account with one customer per worked case of the ledger, and the answers as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any, Final

import pandas as pd

from enrichment.computing import compute_ledger
from enrichment.health.config import HealthConfig
from enrichment.marts import build_marts
from enrichment.policy import Policy
from tests.enrichment.books import AS_OF, Books, Record, epoch, matcher

TABLES: Final = ("mrr_ledger", "mrr_differences", "account_month", "mrr_movements", "subscription_lives")
MONTHLY: Final = {f"p{units}": 100 * units for units in (0, 20, 30, 50, 100, 200)}
"""Minor units of the prices that cost so many euros a month."""
COUPONS: Final[tuple[tuple[str, str, Record], ...]] = (
    ("half", "forever", {"percent_off": 50}),
    ("fifth", "repeating", {"percent_off": 20}),
    ("first", "once", {"percent_off": 30}),
    ("thirty", "forever", {"amount_off": 3000, "currency": "eur"}),
    ("free", "forever", {"percent_off": 100}),
)
YEARLY: Final = {"y600": 60_000, "y1200": 120_000}
UNITS: Final = MONTHLY | YEARLY
Tables = Mapping[str, pd.DataFrame]
TODAY: Final = "10-31T23:59:59"
UNPAID: Final[Record] = {
    "status": "open",
    "amount_paid": 0,
    "status_transitions": {"finalized_at": None, "paid_at": None},
}
SET_ASIDE: Final[Record] = {**UNPAID, "attempt_count": 0, "attempted": False, "auto_advance": False}


def day(text: str) -> str:
    """Return a date of 2026 written without its year (``06-15``, ``06-15T10:00``) in full."""
    return text if text.startswith("20") else f"2026-{text}"


def at(text: str) -> int:
    """Return the epoch seconds of such a date."""
    return epoch(day(text))


def later(text: str, months: int = 1) -> str:
    """Return the same day some months later."""
    begin = date.fromisoformat(day(text))
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    return str(begin.replace(year=year, month=month + 1))


@dataclass
class Case:
    """One customer with one subscription; ids begin with the case's name, which the answers leave out.

    An invoice is called by its number, a line by that of its invoice and its own: ``2.1``. An item is called
    by a letter, the subscription ``sub``, an event ``e1``.
    """

    name: str
    books: Books
    items: dict[str, Record] = field(default_factory=dict)
    invoices: int = 0
    events: int = 0

    def id(self, name: str) -> str:
        return f"{self.name}/{name}"

    def sub(self, start: str, *, ends: str | None = None, name: str = "sub", **more: Any) -> None:
        """Add the subscription; times in ``more`` may be dates."""
        about: Record = {"start_date": start, **more}
        if ends:
            about = {"status": "canceled", "canceled_at": ends, "ended_at": ends} | about
        about = {
            key: at(value) if isinstance(value, str) and value[:2].isdigit() else value
            for key, value in about.items()
        }
        self.books.subscription([], self.id(name), self.name, **about)

    def item(
        self, letter: str = "a", price: str = "p100", quantity: int | None = 1, sub: str = "sub", **more: Any
    ) -> None:
        """Add an item as it stands now; its current period is that of its last line unless told otherwise."""
        self.items[letter] = self.books.add(
            "stripe_subscription_items",
            id=self.id(letter),
            subscription=self.id(sub),
            quantity=quantity,
            price={"id": price},
            created=None,
            discounts=[],
            tax_rates=[],
            current_period_start=at("06-01"),
            current_period_end=at("07-01"),
        )
        self.items[letter] |= more

    def line(
        self,
        start: str,
        end: str = "",
        price: str = "p100",
        quantity: int | None = 1,
        *,
        item: str | None = "a",
        amount: int | None = None,
        proration: bool = False,
        off: Mapping[str, int] | None = None,
        **more: Any,
    ) -> Record:
        """Return a line of an item for a period, by default a month; ``off``: what each discount took."""
        begin, close = at(start), at(end or later(start))
        if amount is None:
            amount = UNITS[price] * (quantity or 0)
        if item in self.items and amount >= 0:
            self.items[item] |= {"current_period_start": begin, "current_period_end": close}
        detail: Record = {"proration": proration, "proration_details": None}
        kind = "invoice_item_details"
        if item:
            kind, detail["subscription_item"] = "subscription_item_details", self.id(item)
        record = {
            "amount": amount,
            "quantity": quantity,
            "currency": "eur",
            "discounts": [],
            "discount_amounts": [{"amount": taken, "discount": name} for name, taken in (off or {}).items()],
            "parent": {"type": kind, kind: detail},
            "pricing": {"price_details": {"price": price}},
            "period": {"start": begin, "end": close},
        }
        return record | more

    def credit(
        self, start: str, end: str, price: str = "p100", quantity: int = 1, share: float = 0.5, **more: Any
    ) -> Record:
        """Return what gives back the rest of a period, a ``share`` of it."""
        amount = -round(UNITS[price] * quantity * share)
        return self.line(start, end, price, quantity, amount=amount, proration=True, **more)

    def debit(
        self, start: str, end: str, price: str = "p100", quantity: int = 1, share: float = 0.5, **more: Any
    ) -> Record:
        """Return what bills the rest of a period, a ``share`` of it."""
        amount = round(UNITS[price] * quantity * share)
        return self.line(start, end, price, quantity, amount=amount, proration=True, **more)

    def bill(self, on: str, *lines: Record, sub: str = "sub", **about: Any) -> None:
        """Add an invoice with these lines, paid on the day unless told otherwise."""
        self.invoices += 1
        total = sum(line["amount"] - sum(e["amount"] for e in line["discount_amounts"]) for line in lines)
        told: Record = {
            "billing_reason": "subscription_cycle" if self.invoices > 1 else "subscription_create",
            "collection_method": "charge_automatically",
            "auto_advance": False,
            "parent": {"subscription_details": {"subscription": self.id(sub)}},
            **about,
        }
        name = self.id(str(self.invoices))
        self.books.invoice(name, day(on), max(total, 0), (), self.name, **told)
        for number, line in enumerate(lines, 1):
            line["parent"][line["parent"]["type"]]["subscription"] = self.id(sub)
            self.books.add("stripe_invoice_lines", id=f"{name}.{number}", invoice=name, **line)

    def cycles(self, first: str, count: int, price: str = "p100", quantity: int = 1, **about: Any) -> None:
        """Add ``count`` invoices a month apart, each for the month that follows."""
        days = [later(first, number) for number in range(count + 1)]
        for begin, end in pairwise(days):
            self.bill(begin, self.line(begin, end, price, quantity), **about)

    def event(
        self, on: str, before: Record, kind: str = "customer.subscription.updated", **body: Any
    ) -> None:
        """Add the event of a change of the subscription, or of ``body``, with what was before."""
        self.events += 1
        data = {"object": body or {"id": self.id("sub")}, "previous_attributes": before}
        name = self.id(f"e{self.events}")
        self.books.add("stripe_events", id=name, type=kind, created=at(on), data=data)

    def given(self, coupon: str, start: str = "2026-01-01", end: str | None = None) -> Record:
        """Give a coupon, by its id, and return the discount, which has the coupon's name."""
        body = next(found for found in self.books.streams["stripe_coupons"] if found["id"] == coupon)
        return self.books.discount(self.id(coupon), body, day(start), day(end) if end else None)


@dataclass(frozen=True)
class Worked:
    """A case and its answer."""

    name: str
    write: Callable[[Case], None]
    rows: str
    policy: tuple[tuple[str, str], ...]
    as_of: str


def rows_of(tables: Tables, name: str) -> list[str]:
    """Return the ledger of a case as text: when, change, MRR of the item after it, reason, proof."""
    found = tables["mrr_ledger"]
    mine = found[found["customer_id"] == name].sort_values(["effective_at", "subscription_item_id", "reason"])
    kept = mine[["effective_at", "mrr_change", "mrr_after", "reason", "source_object"]]
    return [
        f"{moment(when)} {change:+d} ={after} {reason} {proof.removeprefix(f'{name}/')}"
        for when, change, after, reason, proof in kept.itertuples(index=False, name=None)
    ]


def moment(when: datetime) -> str:
    """Return a time as the cases write it."""
    text = when.strftime("%Y-%m-%dT%H:%M:%S").removesuffix(":00").removesuffix("T00:00")
    return text.removeprefix("2026-")


def months_of(tables: Tables, account: str) -> dict[str, int]:
    """Return the MRR of an account at the end of each month."""
    found = tables["account_month"]
    mine = found[found["account_id"] == account]
    return {month.removeprefix("2026-"): mrr for month, mrr in zip(mine["month"], mine["mrr"], strict=True)}


def moves_of(tables: Tables, account: str) -> list[str]:
    """Return the movements of an account as text: month, kind, amount."""
    found = tables["mrr_movements"]
    mine = found[found["account_id"] == account].sort_values(["month", "kind"])
    kept = mine[["month", "kind", "amount"]].itertuples(index=False, name=None)
    return [f"{month.removeprefix('2026-')} {kind} {amount}" for month, kind, amount in kept]


def differences_of(tables: Tables, name: str) -> list[str]:
    """Return the disagreements on a case as text: reason, MRR of the ledger, MRR of the other evidence."""
    found = tables["mrr_differences"]
    mine = found[found["customer_id"] == name].sort_values(["effective_at", "reason"])
    kept = mine[["reason", "ledger_mrr", "evidence_mrr"]].itertuples(index=False, name=None)
    return [f"{reason} {ours} {'-' if pd.isna(theirs) else int(theirs)}" for reason, ours, theirs in kept]


def stocked() -> Books:
    """Return a Stripe account with the prices and coupons of all cases."""
    books = Books()
    for name, amount in MONTHLY.items():
        books.price(name, str(amount))
    for name, amount in YEARLY.items():
        books.price(name, str(amount), interval="year")
    books.price("usd100", "10000", currency="usd")
    books.price("use", "100", usage_type="metered")
    tiers: list[Record] = [
        {"up_to": 10, "unit_amount": 1000, "flat_amount": 5000},
        {"up_to": None, "unit_amount": 800, "flat_amount": None},
    ]
    books.tiered("tiered", "graduated", tiers)
    books.tiered("untold", "graduated", None)
    for name, duration, off in COUPONS:
        books.coupon(name, duration, **off)
    return books


def computed(
    books: Books,
    policy: Policy,
    as_of: datetime = AS_OF,
    companies: Mapping[str, str] | None = None,
    times: int = 1,
) -> dict[str, pd.DataFrame]:
    """Compute ledger and marts, several ``times`` in one engine, and return their tables."""
    with books.engine() as engine:
        for _ in range(times):
            compute_ledger(engine, matcher(companies or {}), as_of, policy, HealthConfig())
            build_marts(engine, policy, as_of)
        return {name: engine.frame(name) for name in TABLES}


def instant(text: str) -> datetime:
    """Return the aware time of a date."""
    return datetime.fromtimestamp(at(text), UTC)


def worked(rows: str, as_of: str = TODAY, **policy: str) -> Callable[[Callable[[Case], None]], Worked]:
    """Make a case with the rows that it must leave, under the default policy with these keys changed."""
    keys = tuple((name.replace("__", "."), value) for name, value in policy.items())
    return lambda write: Worked(write.__name__, write, rows, keys, as_of)

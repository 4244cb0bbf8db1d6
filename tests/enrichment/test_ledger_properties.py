"""The ledger depends on what Stripe's records say, not on how they landed, and no cent is lost on the way."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.policy import Policy
from tests.enrichment.books import Books, Record, landed
from tests.enrichment.ledger_books import Case, computed, later, stocked
from tests.enrichment.ledger_cases import books_of
from tests.enrichment.tiny_engine import TinyEngine

quick = settings(max_examples=3, deadline=None)
OLDER: Record = {"amount": 777, "quantity": 7, "status": "canceled", "created": 1, "ended_at": 1}
"""What an older version of a record may have said instead."""


class Landing(Books):
    """Lands the same records in another way: in another order, several times, after older versions."""

    def __init__(self, streams: Mapping[str, Sequence[Record]], seed: int) -> None:
        super().__init__()
        self.streams.update({name: list(records) for name, records in streams.items()})
        self._random = random.Random(seed)

    def engine(self) -> TinyEngine:
        engine = TinyEngine()
        for number, (stream, records) in enumerate(self.streams.items()):
            again = self._random.sample(records, len(records) // 2)
            older = [record | {key: old for key, old in OLDER.items() if key in record} for record in again]
            pulls = [landed(rows, 3 * number + pull) for pull, rows in enumerate((older, records, again))]
            rows = pd.concat([pull for pull in pulls if len(pull)])
            engine.register_frame(stream, rows.sample(frac=1, random_state=self._random.randrange(1 << 30)))
        return engine


def sorted_rows(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return sorted(table.astype(str).itertuples(index=False, name=None))


@cache
def usual() -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted_rows(table) for name, table in computed(books_of(), Policy()).items()}


@pytest.mark.slow
@quick
@given(st.integers(0, 1 << 30))
def test_order_duplicates_and_pulls_change_nothing(seed: int) -> None:
    found = computed(Landing(books_of().streams, seed), Policy())
    for name, table in found.items():
        assert sorted_rows(table) == usual()[name], name


def test_computing_again_changes_nothing() -> None:
    found = computed(books_of(), Policy(), times=2)
    assert {name: sorted_rows(table) for name, table in found.items()} == usual()


class Term(NamedTuple):
    """What is sold in a cycle: minor units a seat with decimals, seats, per cent off."""

    unit: str
    seats: int
    off: int


terms = st.builds(
    Term,
    st.builds(lambda whole, part: f"{whole}.{part:03}", st.integers(0, 99_999), st.integers(0, 999)),
    st.integers(1, 37),
    st.sampled_from((0, 0, 7, 33, 50, 100)),
)
contracts = st.tuples(st.sampled_from((1, 2, 3, 7, 12)), st.lists(terms, min_size=1, max_size=6))


def exact(term: Term, months: int) -> int:
    """Return the MRR of a term, rounded once, half to even."""
    return round(Fraction(term.unit) * term.seats * (100 - term.off) / 100 / months)


@pytest.mark.slow
@quick
@given(st.lists(contracts, min_size=20, max_size=30))
def test_rounding_never_drifts(made: list[tuple[int, list[Term]]]) -> None:
    books = stocked()
    for number, (months, cycles) in enumerate(made):
        sell(books, f"c{number}", months, cycles)
    tables = computed(books, Policy())
    ledger, ends = tables["mrr_ledger"], tables["account_month"]
    for number, (months, cycles) in enumerate(made):
        rows = ledger[ledger["customer_id"] == f"c{number}"].sort_values("effective_at")
        for place, term in enumerate(cycles):
            start = datetime.fromisoformat(later("2018-01-10", months * place))
            until = rows[rows["effective_at"] <= start]
            assert until["mrr_change"].sum() == exact(term, months)
        assert list(rows["mrr_change"].cumsum()) == list(rows["mrr_after"])
        of_account = ends[ends["account_id"] == f"c{number}"].sort_values("month")
        kinds = ["new_mrr", "expansion_mrr", "reactivation_mrr"]
        moved = of_account[kinds].sum().sum() - of_account[["contraction_mrr", "churned_mrr"]].sum().sum()
        assert moved == rows["mrr_change"].sum() == exact(cycles[-1], months)


def sell(books: Books, name: str, months: int, cycles: Sequence[Term]) -> None:
    """Bill one item cycle after cycle, each on terms of its own; the subscription is as its last cycle."""
    books.customer(name)
    c = Case(name, books)
    discounts: list[Record] = []
    for place, term in enumerate(cycles):
        price = books.price(f"{name}.{place}", term.unit, interval="month", interval_count=months)
        start, end = later("2018-01-10", months * place), later("2018-01-10", months * (place + 1))
        amount = round(Fraction(term.unit) * term.seats)
        discounts = []
        if term.off:
            coupon = books.coupon(f"{name}.{place}", percent_off=term.off)
            discounts = [books.discount(f"di.{name}.{place}", coupon, start)]
        taken = {entry["id"]: amount * term.off // 100 for entry in discounts}
        line = c.line(start, end, price, term.seats, amount=amount, off=taken)
        c.bill(start, line, discounts=list(taken))
    c.item(price=price, quantity=term.seats, current_period_start=None)
    c.sub("2018-01-10", discounts=discounts)

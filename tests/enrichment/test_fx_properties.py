"""The valued ledger holds its identities for whatever ledgers and rates come."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.enrichment.fx_books import FxBooks, Row, oracle

MODES = st.sampled_from(["locked_at_period_start", "period_end", "daily_revalue"])
CODES = ("eur", "usd", "jpy", "kwd")
REPORTING = st.sampled_from(CODES)
quick = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
days = st.integers(0, 700).map(lambda number: date(2025, 1, 15) + timedelta(days=number))
rates = st.integers(5_000, 2_000_000).map(lambda number: f"{number // 10_000}.{number % 10_000:04}")
# 10^8 x 400 x 1,000 (yen to dinar) stays below the largest amount that is converted.
levels = st.integers(0, 10**8)


@st.composite
def portfolios(draw: st.DrawFn, constant: bool = False) -> FxBooks:
    """Some items in four currencies that change and renew, at most once a second each."""
    books = FxBooks()
    for code in CODES[1:]:
        later = (
            []
            if constant
            else draw(st.lists(st.tuples(days, rates), max_size=6, unique_by=lambda pair: pair[0]))
        )
        books.rate(code, ("2024-12-01", draw(rates)), *((str(day), rate) for day, rate in later))
    for number in range(draw(st.integers(1, 8))):
        currency, held = draw(st.sampled_from(CODES)), 0
        for day in sorted(draw(st.sets(days, min_size=1, max_size=8))):
            after = draw(st.one_of(st.just(held), levels))
            if held or after:
                books.change(f"{day} 12:00", f"si_{number}", after - held, currency)
            held = after
    return books


def items(rows: list[Row]) -> dict[str, list[Row]]:
    """Return rows by item, in time."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["effective_at"]):
        found[row["subscription_item_id"]].append(row)
    return found


def key(row: Row) -> tuple[Any, ...]:
    return tuple(str(value) for value in row.values())


@quick
@given(portfolios(), REPORTING)
def test_each_row_is_what_the_rule_says(books: FxBooks, reporting: str) -> None:
    valued = items(books.valued(reporting=reporting).ledger)
    for item, rows in items(books.rows).items():
        told = oracle(books, rows, reporting)
        expected = [
            (row["effective_at"], *one)
            for row, one in zip(rows, told, strict=True)
            if row["reason"] != "renewed" or one[1]
        ]
        assert expected == [
            (row["effective_at"], row["reporting_change"], row["fx_change"], row["reporting_after"])
            for row in valued[item]
        ]


@quick
@given(portfolios(), REPORTING, MODES)
def test_changes_and_fx_add_up_and_nothing_drifts(books: FxBooks, reporting: str, mode: str) -> None:
    valued = books.valued(mode, reporting)
    assert valued.rejected == []
    for rows in items(valued.ledger).values():
        native = total = 0
        for row in rows:
            native += row["mrr_change"]
            total += row["reporting_change"] + row["fx_change"]
            assert (native, total) == (row["mrr_after"], row["reporting_after"])
            if row["reason"] == "fx":
                assert (row["mrr_change"], row["reporting_change"]) == (0, 0)
        item, currency = rows[0]["subscription_item_id"], rows[0]["currency"]
        last = max(row["effective_at"] for row in books.rows if row["subscription_item_id"] == item)
        day = f"{last:%Y-%m-%d}" if mode == "locked_at_period_start" else "2026-12-31"
        assert total == books.worth(native, currency, day, reporting)


@quick
@given(portfolios(constant=True), REPORTING, MODES)
def test_constant_rates_move_nothing(books: FxBooks, reporting: str, mode: str) -> None:
    valued = books.valued(mode, reporting)
    assert {row["fx_change"] for row in valued.ledger} <= {0}
    assert "fx" not in {row["reason"] for row in valued.ledger}


@quick
@given(portfolios(), MODES, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_rates_changes_nothing(books: FxBooks, mode: str, dice: random.Random) -> None:
    # Rows of one instant too, and equal amounts among them.
    currency = books.rows[0]["currency"] if books.rows else "usd"
    for _ in range(2):
        books.change("2026-05-05 12:00", "si_0", 700, currency)
    first = books.valued(mode)
    dice.shuffle(books.rows)
    dice.shuffle(books.rates)
    assert sorted(map(key, books.valued(mode).ledger)) == sorted(map(key, first.ledger))


@quick
@given(portfolios(), MODES)
def test_one_currency_sums_to_its_native_amounts(books: FxBooks, mode: str) -> None:
    for row in books.rows:
        row["currency"] = "usd"
    valued = books.valued(mode, "USD")
    assert valued.total("reporting_change") == valued.total("mrr_change")
    assert [row["reporting_after"] for row in valued.ledger] == [row["mrr_after"] for row in valued.ledger]
    assert valued.total("fx_change") == 0

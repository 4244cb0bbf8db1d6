"""Amounts, times, months and intervals as files write them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saaskpi.errors import DataError
from saaskpi.imports.cycles import Cycle, cycle_of
from saaskpi.imports.values import (
    decimal_mark,
    parse_amount,
    parse_interval,
    parse_month,
    parse_time,
    rounded_minor,
    whole_minor,
)

AMOUNTS = st.decimals(-(10**9), 10**9, places=2, allow_nan=False)


def written(amount: Decimal, *, grouped: bool, french: bool) -> str:
    text = f"{amount:,.2f}" if grouped else f"{amount:.2f}"
    return text.translate({ord(","): "\u202f", ord("."): ","}) if french else text


@given(AMOUNTS, st.booleans(), st.booleans(), st.sampled_from(["{}", "${}", "{} EUR", "€ {}", " {}\u00a0€"]))
def test_what_people_write_is_read_back(amount: Decimal, grouped: bool, french: bool, style: str) -> None:
    text = style.format(written(amount, grouped=grouped, french=french))
    assert decimal_mark([text]) == ("," if french else ".")
    assert parse_amount(text, "," if french else ".") == amount


@given(st.text(max_size=20))
def test_any_text_is_an_amount_or_a_data_error(text: str) -> None:
    for mark in ".,":
        with contextlib.suppress(DataError):
            assert parse_amount(text, mark).is_finite()


@given(st.text(max_size=30))
def test_any_text_is_a_month_and_a_time_or_a_data_error(text: str) -> None:
    for parse in (parse_month, parse_interval):
        with contextlib.suppress(DataError):
            assert parse(text)


@pytest.mark.parametrize(
    "text, mark, amount",
    [
        ("1,234", ".", "1234"),
        ("1.234", ",", "1234"),
        ("1'234.50", ".", "1234.50"),
        ("1,23,456.00", ".", "123456"),
        ("(12.00)", ".", "-12"),
        ("\u221212.00", ".", "-12"),
        ("-$3.10", ".", "-3.10"),
        ("$-3.10", ".", "-3.10"),
        ("US$5", ".", "5"),
        ("'7.00", ".", "7"),
        (".5", ".", "0.5"),
        ("41.6666666667", ".", "41.6666666667"),
    ],
)
def test_amounts(text: str, mark: str, amount: str) -> None:
    assert parse_amount(text, mark) == Decimal(amount)


@pytest.mark.parametrize(
    "text", ["", "1,23", "1e3", "--1", "=1+1", "1.2.3", "NaN", "12 monkeys and 3", "9" * 30]
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(DataError):
        parse_amount(text)


def test_the_whole_file_decides_on_the_decimal_mark() -> None:
    assert decimal_mark(["1,234", "5,00"]) == ","
    assert decimal_mark(["1,234", "5.00"]) == "."
    assert decimal_mark(["1.234.567"]) == ","
    assert decimal_mark(["1,234", "12"]) == "."
    with pytest.raises(DataError, match="different decimal marks"):
        decimal_mark(["5,00", "5.00"])


def test_minor_units_follow_the_currency() -> None:
    assert whole_minor(Decimal("12.00"), "eur") == 1200
    assert whole_minor(Decimal(12), "jpy") == 12
    assert whole_minor(Decimal("1.234"), "kwd") == 1234
    assert [rounded_minor(Decimal(text), "eur") for text in ("0.005", "0.015", "41.6666")] == [0, 2, 4167]
    for amount, currency in (("0.005", "eur"), ("0.5", "jpy"), ("1", "xyz")):
        with pytest.raises(DataError):
            whole_minor(Decimal(amount), currency)


@pytest.mark.parametrize(
    "text",
    [
        "2026-10",
        "2026-10-01",
        "2026-10-31T23:59:59Z",
        "10/2026",
        "Oct 2026",
        "October 2026",
        "oct-26",
        "2026/10",
    ],
)
def test_months(text: str) -> None:
    assert parse_month(text) == "2026-10"


@pytest.mark.parametrize("text", ["2026-13", "2026", "31/10/2026", "1026-10", "Ok 2026", "currency", ""])
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(DataError):
        parse_month(text)


def test_times_are_utc_unless_they_say_otherwise() -> None:
    assert parse_time("2026-10-31 13:45") == int(datetime(2026, 10, 31, 13, 45, tzinfo=UTC).timestamp())
    assert parse_time("2026-10-31T13:45:00+02:00") == parse_time("2026-10-31 11:45:00")
    for text in ("31/10/2026", "1969-12-31", "2101-01-01", "yesterday"):
        with pytest.raises(DataError):
            parse_time(text)


@pytest.mark.parametrize(
    "text, interval",
    [
        ("month", ("month", 1)),
        ("every 3 months", ("month", 3)),
        ("Yearly", ("year", 1)),
        ("2 week", ("week", 2)),
    ],
)
def test_intervals(text: str, interval: tuple[str, int]) -> None:
    assert parse_interval(text) == interval


@pytest.mark.parametrize("text", ["fortnight", "0 months", "", "month-ish", "9999 days"])
def test_what_is_no_interval(text: str) -> None:
    with pytest.raises(DataError):
        parse_interval(text)


@pytest.mark.parametrize(
    "start, end, own, found",
    [
        ("2026-01-31", "2026-02-28", ("month", 1), ("month", 1)),
        ("2026-02-28", "2026-03-31", ("month", 1), ("month", 1)),
        ("2024-02-29", "2025-02-28", ("year", 1), ("year", 1)),
        ("2026-01-10", "2026-04-10", ("year", 1), ("month", 3)),
        ("2026-01-10", "2026-01-24", ("month", 1), ("week", 2)),
        ("2026-01-10", "2026-01-27", ("month", 1), None),
        ("2026-01-20", "2026-03-10", ("month", 1), None),
    ],
)
def test_a_service_period_tells_its_cycle(
    start: str, end: str, own: tuple[str, int], found: tuple[str, int] | None
) -> None:
    cycle = cycle_of(parse_time(start), parse_time(end), Cycle(*own))
    assert cycle == (Cycle(*found) if found else None)

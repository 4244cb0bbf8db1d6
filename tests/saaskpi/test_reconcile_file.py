"""saaskpi reconcile: Stripe's downloads and plain lists, and the exit code of what stays unexplained."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from enrichment.policy import Policy
from enrichment.tables import MRR_DIFFERENCES
from saaskpi.cli.reconcile import COMMANDS
from saaskpi.errors import NeedsPersonError, UsageError
from saaskpi.imports.mrr_columns import CHANGES, LONG, WIDE
from saaskpi.reconciliation import Books, hold_against, read_report, their_months

(RECONCILE,) = COMMANDS
LEDGER = pd.DataFrame(
    {
        "customer_id": ["cus_1", "cus_2", "cus_2", "cus_3"],
        "currency": ["eur", "eur", "eur", "usd"],
        "mrr_change": [6000, 2000, -2000, 10000],
        "effective_at": pd.to_datetime(["2026-05-10", "2026-04-01", "2026-09-20", "2026-01-05"]),
        "subscription_item_id": ["si_1", "si_2", "si_2", "si_3"],
    }
)
BOOKS = Books(
    ledger=LEDGER,
    differences=pd.DataFrame({name: pd.Series(dtype=object) for name in MRR_DIFFERENCES}),
    customers={"cus_1", "cus_2", "cus_3"},
    policy=Policy(),
    as_of=datetime(2026, 10, 20, tzinfo=UTC),
    ledger_under=lambda policy: (
        LEDGER if policy.past_due == "include" else LEDGER[LEDGER["customer_id"] != "cus_3"]
    ),
    presets={},
)
STRIPES = """\
Customer ID,Customer,Customer Email,Currency,2026-08,2026-09,2026-10
cus_1,Globex,a@globex.example,eur,60.00,60.00,60.00
cus_2,Initech,b@initech.example,eur,20.00,0.00,
cus_3,"Umbrella, Inc.",c@umbrella.example,usd,,,
"""
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        path = tmp_path / "mrr.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr("saaskpi.books.open_books", lambda *_: BOOKS)
    return lambda *args: CliRunner().invoke(RECONCILE, [str(arg) for arg in args])


def amounts(path: Path) -> dict[tuple[str, str, str], int]:
    frame = their_months(read_report(path), LEDGER)
    return {(row[0], row[1], row[2]): row[3] for row in frame.itertuples(index=False, name=None)}


def test_stripes_mrr_per_subscriber(write: Write) -> None:
    report = read_report(write(STRIPES))
    assert report.kind == WIDE
    assert report.months == ["2026-08", "2026-09", "2026-10"]
    assert amounts(write(STRIPES)) == {
        ("cus_1", "2026-08", "eur"): 6000,
        ("cus_1", "2026-09", "eur"): 6000,
        ("cus_1", "2026-10", "eur"): 6000,
        ("cus_2", "2026-08", "eur"): 2000,
        ("cus_2", "2026-09", "eur"): 0,
    }


@pytest.mark.parametrize(
    "text",
    [
        "customer,month,mrr,currency\ncus_1,2026-09,60.00,EUR\n",
        "Customer ID;Month;MRR;Currency\r\ncus_1;Sep 2026;60,00;eur\r\n",
        "customer_id,month,mrr\ncus_1,2026-09-01,60\n",
        "customer,month,MRR (EUR)\ncus_1,09/2026,60.00\n",
        "customer,month,mrr\ncus_1,2026-09,€60.00\n",
        "customer,month,mrr,currency\ncus_1,2026-09,50.00,eur\ncus_1,2026-09,10.00,eur\n",
        "customer,Sep 2026\ncus_1,60.00\n",
    ],
)
def test_plain_lists(write: Write, text: str) -> None:
    assert amounts(write("\ufeff" + text)) == {("cus_1", "2026-09", "eur"): 6000}


@pytest.mark.parametrize(
    "text",
    [
        "Customer ID,Event Timestamp,Event Type,Currency,MRR Change\n"
        "cus_1,2026-07-02 10:00:00,NEW,eur,40.00\ncus_1,2026-09-10 09:00:00,UPGRADE,eur,20.00\n",
        "customer,date,type,currency,previous mrr,new mrr\n"
        "cus_1,2026-07-02,new,eur,0,40.00\ncus_1,2026-09-10,upgrade,eur,40.00,60.00\n",
    ],
)
def test_a_log_of_changes_adds_up(write: Write, text: str) -> None:
    path = write(text)
    assert read_report(path).kind == CHANGES
    assert amounts(path) == {
        ("cus_1", "2026-07", "eur"): 4000,
        ("cus_1", "2026-08", "eur"): 4000,
        ("cus_1", "2026-09", "eur"): 6000,
    }


def test_a_log_that_begins_too_late_is_said(write: Write) -> None:
    path = write("customer,date,mrr change\ncus_1,2026-09-10,-20.00\n")
    with pytest.raises(UsageError, match="does not reach back far enough: cus_1"):
        amounts(path)


def test_minor_units_follow_the_currency(write: Write) -> None:
    rows = "cus_1,2026-09,980,jpy\ncus_1,2026-09,1.2345,kwd\ncus_1,2026-09,41.6666,eur\n"
    assert list(amounts(write("customer,month,mrr,currency\n" + rows)).values()) == [4167, 980, 1234]


def test_a_currency_that_nobody_tells(write: Write) -> None:
    report = read_report(write("customer,month,mrr\ncus_9,2026-09,5.00\n"))
    with pytest.raises(UsageError, match="cus_9") as raised:
        their_months(report, LEDGER)
    assert "--currency" in raised.value.hint
    assert their_months(report, LEDGER, "EUR")["currency"].tolist() == ["eur"]


def test_bad_rows_are_kept_aside(write: Write) -> None:
    report = read_report(
        write(
            "customer,month,mrr,currency\n,2026-09,1,eur\ncus_1,soon,1,eur\ncus_1,2026-09,1,doge\ncus_2,2026-09,2,eur\n"
        )
    )
    assert report.kind == LONG
    assert [row.line for row in report.kept_aside] == [2, 3, 4]
    assert [one.amount for one in report.told] == [Decimal(2)]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "is empty"),
        ("id,email\ncus_1,a@b.example\n", "no list of MRR per customer"),
        ("customer,month,mrr\n", "holds no amount"),
        ("customer,month,mrr\ncus_1,2026-09,lots\n", "Line 2: 'lots' is no amount"),
        ('customer,month,mrr\ncus_1,2026-09,"1,5"\ncus_2,2026-09,1.5\n', "different decimal marks"),
    ],
)
def test_files_that_cannot_be_used_are_one_clear_error(write: Write, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_report(write(text))


def test_months_that_are_not_over_are_left_out(write: Write) -> None:
    held = hold_against(read_report(write(STRIPES)), BOOKS)
    assert held.months == ["2026-08", "2026-09"]
    assert "2026-10" in held.notes[0]
    with pytest.raises(UsageError, match="month 2026-10"):
        hold_against(read_report(write(STRIPES)), BOOKS, month="2026-10")


def test_the_file_of_another_account_is_refused(write: Write) -> None:
    report = read_report(write("customer,month,mrr,currency\nkunde_1,2026-09,60.00,eur\n"))
    with pytest.raises(UsageError, match="None of the 1 customers"):
        hold_against(report, BOOKS)


def test_month_ends_follow_the_policys_calendar(write: Write) -> None:
    late = LEDGER.assign(effective_at=pd.Timestamp("2026-09-30 22:30"))
    report = read_report(write("customer,month,mrr,currency\ncus_1,2026-09,60.00,eur\n"))
    paris = replace(BOOKS.policy, calendar="Europe/Paris")
    for policy, ours in ((BOOKS.policy, 6000), (paris, 0)):
        held = hold_against(report, replace(BOOKS, ledger=late, policy=policy))
        found = held.result.cells.set_index("customer_id")["ours"]
        assert found["cus_1"] == ours


def test_all_explained_ends_well(write: Write, command: Callable[..., Result]) -> None:
    ended = command(write(STRIPES))
    assert ended.exit_code == 0, ended.output
    for words in (
        "MRR per subscriber, one column per month; 2026-08 to 2026-09",
        "theirs 60.00 EUR - ours 60.00 EUR = 0.00 EUR",
        "Explained: 200.00 USD in 2 rows by status.past_due",
        "Unexplained: 0.00 USD",
    ):
        assert words in ended.output


def test_an_unexplained_rest_needs_a_person(write: Write, command: Callable[..., Result]) -> None:
    path = write(STRIPES.replace("eur,60.00", "eur,61.50"))
    ended = command(path, "--format", "json")
    assert isinstance(ended.exception, NeedsPersonError)
    assert ended.exception.exit_code == 3
    assert ended.exception.message.startswith("1.50 EUR stay unexplained")
    told = json.loads(ended.stdout)
    assert ended.stderr.startswith("reconcile 3 differences in 2 months")
    assert told["unexplained"] == {"eur": 150, "usd": 0}
    assert [(row["customer_id"], row["difference"]) for row in told["differences"]] == [
        ("cus_3", -10000),
        ("cus_3", -10000),
        ("cus_1", 150),
    ]
    assert command(path, "--tolerance", "1.50").exit_code == 0
    assert command(path, "--month", "2026-09").exit_code == 0
    assert isinstance(command(path, "--tolerance", "much").exception, UsageError)


def test_csv_holds_the_differences_alone(write: Write, command: Callable[..., Result]) -> None:
    lines = command(write(STRIPES), "--format", "csv").stdout.splitlines()
    assert lines[0] == "month,customer_id,currency,theirs,ours,difference,status,rule,detail"
    assert lines[1].startswith("2026-08,cus_3,usd,0.00,100.00,-100.00,missing_in_theirs,status.past_due,")


def test_help_has_an_example() -> None:
    assert "Example: saaskpi reconcile" in CliRunner().invoke(RECONCILE, ["--help"]).output

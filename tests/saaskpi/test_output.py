from __future__ import annotations

import csv
import io
import json
import shlex
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from saaskpi.cli.output import Column, Format, one_line, print_rows
from saaskpi.cli.words import next_steps

COLUMNS = (
    Column("name", "Account"),
    Column("currency"),
    Column("mrr", "MRR", "money"),
    Column("risks", "Risks", "list"),
    Column("since", "Since", "date"),
)
ROWS: list[dict[str, Any]] = [
    {"name": "Globex", "currency": "eur", "mrr": 123456, "risks": ["a", "b"], "since": date(2026, 1, 2)},
    {"name": '=HYPERLINK("x")', "currency": "jpy", "mrr": 980, "risks": [], "since": None},
    {"name": "[bold]Never paid[/bold]", "currency": None, "mrr": 0, "risks": [], "since": None},
]


def printed(style: Format) -> str:
    out = io.StringIO()
    print_rows(ROWS, COLUMNS, style, out)
    return out.getvalue()


def test_json_keeps_minor_units_beside_the_currency() -> None:
    rows = json.loads(printed("json"))
    assert rows[0] == {
        "name": "Globex",
        "currency": "eur",
        "mrr": 123456,
        "risks": ["a", "b"],
        "since": "2026-01-02",
    }
    assert rows[1]["mrr"] == 980


def test_csv_gives_units_and_defuses_formulas() -> None:
    rows = list(csv.DictReader(io.StringIO(printed("csv"))))
    assert [row["mrr"] for row in rows] == ["1234.56", "980", ""]
    assert rows[0]["risks"] == "a;b"
    assert rows[1]["name"] == '\'=HYPERLINK("x")'


def test_a_table_shows_units_with_their_currency_and_takes_names_literally() -> None:
    text = printed("table")
    assert "1,234.56 EUR" in text
    assert "980 JPY" in text
    assert "[bold]Never paid[/bold]" in text


def test_names_cannot_steer_the_terminal() -> None:
    assert one_line("a\r\n\x1b[31mred\x07 \u202eשלום \U0001f680") == "a [31mred   שלום \U0001f680"
    out = io.StringIO()
    print_rows([{**ROWS[0], "name": "a\x1b[2Jb"}], COLUMNS, "table", out)
    assert "\x1b" not in out.getvalue()


def test_amounts_are_never_cut_off_however_many_columns_there_are() -> None:
    columns = [Column("name", "Account", width=40), *(Column(f"m{n}", "MRR", "money") for n in range(20))]
    row = {"name": "Globex North", "currency": "eur"} | {f"m{n}": 123456700 + n for n in range(20)}
    out = io.StringIO()
    print_rows([row], columns, "table", out)
    assert all(f"1,234,567.{n:02d} EUR" in out.getvalue() for n in range(20))
    assert "Globex" in out.getvalue()


def test_parts_ratios_and_counts() -> None:
    columns = [Column("a", "A", "share"), Column("b", "B", "ratio"), Column("c", "C", "number")]
    out = io.StringIO()
    print_rows(
        [{"a": 0.0512, "b": 2.0, "c": 12345}, {"a": None, "b": None, "c": None}], columns, "table", out
    )
    first, second = out.getvalue().splitlines()[1:]
    assert first.split() == ["5.1%", "2.00", "12,345"]
    assert second.split() == ["-", "-", "-"]


def test_months_and_amounts_stay_whole_however_narrow_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    columns = [Column("month", "Month", "month"), *(Column(f"m{n}", f"M{n}", "money") for n in range(20))]
    row = {"month": "2026-10", "currency": "eur", **{f"m{n}": 123456789 for n in range(20)}}
    out = io.StringIO()
    print_rows([row], columns, "table", out)
    last = out.getvalue().splitlines()[-1].split()
    assert last == ["2026-10", *["1,234,567.89", "EUR"] * 20]


def test_what_to_type_next_is_a_command_and_its_reason_apart(tmp_path: Path) -> None:
    home = tmp_path / ("a long name " * 5)
    lines = list(next_steps([{"name": "It's $HOME"}], home, home / "demo.env"))
    typed = [line.strip().split("  ")[0] for line in lines[1:]]
    assert [shlex.split(step)[1] for step in typed if "source" not in step] == [
        "explain", "accounts", "kpis", "kpis", "accounts", "init",
    ]  # fmt: skip
    assert shlex.split(typed[0])[2:] == ["--home", str(home), "It's $HOME"]
    # Every reason stands in one column, two spaces after the longest command.
    assert len({line.rindex("  ") for line in lines[1:]}) == 1

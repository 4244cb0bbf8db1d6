"""Tables, CSV and JSON: one list of rows, three ways to print it.

Columns say what they hold (:class:`Column`); money is integer minor units in JSON, units with the currency in
tables, units beside a currency column in CSV.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TextIO

import click
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from enrichment.money import format_money
from saaskpi.columns import Column as Column
from saaskpi.columns import Kind, json_rows, json_text, write_csv

_RIGHT: tuple[Kind, ...] = ("money", "number", "percent", "share", "ratio", "figure")
Format = Literal["table", "csv", "json"]
BAND_STYLES = {"green": "green", "yellow": "yellow", "red": "bold red"}
_PLAIN_WIDTH = 200
_ANY_WIDTH = 10_000
# Names come from strangers: no line breaks, terminal commands or changes of direction.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def print_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], style: Format, out: TextIO | None = None
) -> None:
    """Print rows in the format asked for.

    Args:
        rows: money as integer minor units of the row's ``currency``.
        columns: what to print, in order.
        style: table, csv or json.
        out: where to; standard output by default.
    """
    printers: dict[Format, Callable[..., None]] = {"table": _table, "csv": write_csv, "json": _json}
    printers[style](rows, columns, out or sys.stdout)


def one_line(text: str) -> str:
    """Return text that is safe to show on a terminal: one line, without control characters."""
    return _UNPRINTABLE.sub(" ", text)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to standard output, each as :func:`one_line`."""
    for line in lines:
        click.echo(one_line(line))


def counted(number: int, what: str) -> str:
    """Return ``1 row``, ``2 rows``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def print_json(data: Any, out: TextIO | None = None) -> None:
    """Print any data as indented JSON, dates as ISO 8601."""
    (out or sys.stdout).write(json_text(data, indent=2) + "\n")


def console(out: TextIO | None = None) -> Console:
    """Return a console as wide as the terminal, or wide enough for whole rows where there is none."""
    stream = out or sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False)


def _json(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], out: TextIO) -> None:
    print_json(json_rows(rows, columns), out)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], out: TextIO) -> None:
    shown = [column for column in columns if column.title]
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = [[cell(row, column) for column in shown] for row in rows]
    for number, column in enumerate(shown):
        right = column.kind in _RIGHT
        whole = right or column.kind in ("date", "month")
        table.add_column(
            column.title,
            justify="right" if right else "left",
            min_width=max((len(line[number]) for line in cells), default=0) if whole else None,
            max_width=column.width,
            no_wrap=whole,
            overflow="fold",
        )
    for row, line in zip(rows, cells, strict=True):
        table.add_row(*[_escape(text, column, row) for text, column in zip(line, shown, strict=True)])
    screen = console(out)
    # Rather lines that the terminal breaks than amounts that are cut off.
    screen.width = max(screen.width, _narrowest(table))
    screen.print(table)


def _narrowest(table: Table) -> int:
    """Return the width at which every word and every amount still fits."""
    roomy = Console(width=_ANY_WIDTH)
    return Measurement.get(roomy, roomy.options, table).minimum


def _escape(text: str, column: Column, row: Mapping[str, Any]) -> Any:
    style = (
        BAND_STYLES.get(str(row.get("health_band")), "")
        if column.name in ("health_band", "health_score")
        else ""
    )
    return Text(one_line(text), style=style)


def cell(row: Mapping[str, Any], column: Column) -> str:
    """Return a value as people read it in a table; null is ``-``."""
    value = row.get(column.name)
    if value is None:
        return "-"
    if column.kind == "money":
        return format_money(value, row["currency"]) if row["currency"] else "-"
    if column.kind == "list":
        return ", ".join(value) or "-"
    if column.kind == "percent":
        return f"{value:+.1%}"
    if column.kind == "share":
        return f"{value:.1%}"
    if column.kind == "ratio":
        return f"{value:,.2f}"
    if column.kind == "number":
        return f"{value:,}"
    return str(value)

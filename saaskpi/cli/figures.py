"""The commands that show the figures of months, and open them into movements and accounts."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from enrichment.kpis.catalogue import KPIS, MONTHLY
from enrichment.kpis.kpi import Kpi
from enrichment.money import format_money
from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import Format, cell, counted, print_lines, print_rows
from saaskpi.columns import KIND_OF, Column, Row
from saaskpi.listings import kpi_named, list_kpis, list_movements
from saaskpi.lists import KINDS, Figures, Metric, View

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline

_TABLE: Final = (
    "mrr_start",
    "new_mrr",
    "reactivation_mrr",
    "expansion_mrr",
    "contraction_mrr",
    "churned_mrr",
    "fx_mrr",
    "mrr",
    "active_customers",
    "new_customers",
    "lost_customers",
    "customer_churn_rate",
    "nrr",
)
"""What a table of several months shows unless ``--metric`` asks for other figures."""
_TITLE_WIDTH: Final = 12
_RARE: Final = ("reactivation_mrr", "fx_mrr")
"""Left out of tables in which they are zero throughout."""
_SIGNS: Final = {
    "new_mrr": 1,
    "reactivation_mrr": 1,
    "expansion_mrr": 1,
    "contraction_mrr": -1,
    "churned_mrr": -1,
    "fx_mrr": 1,
}


def view_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose a part of the figures: month, segment, currency, valuation."""
    for option in (
        click.option("--native", is_flag=True, help="Each currency by itself, not the reporting currency."),
        click.option("--currency", help="Only this currency."),
        click.option("--segment", metavar="KEY=VALUE", help="Only this segment, for instance country=FR."),
        click.option("--month", help="2026-10, 2026-01..2026-10, or latest."),
    ):
        command = option(command)
    return command


def format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--format`` (the command's ``style``) and ``--json`` (``as_json``)."""
    command = click.option("--json", "as_json", is_flag=True, help="The same as --format json.")(command)
    choices = click.Choice(["table", "csv", "json"])
    return click.option("--format", "style", type=choices, default="table", show_default=True)(command)


@click.command(epilog="Example: saaskpi kpis --month 2026-01..2026-10 --by country --format csv")
@view_options
@click.option("--by", metavar="KEY", help="One row for each value of this segment.")
@click.option("--metric", "metrics", multiple=True, help="Only this figure; may be given many times.")
@click.option("--sort", default="month", show_default=True, help="A column; numbers highest first.")
@format_options
@shared_options
def kpis(
    context: Context,
    style: Format,
    as_json: bool,
    by: str | None,
    metrics: Sequence[str],
    sort: str,
    **asked: Any,
) -> None:
    """Show the key figures of each month, newest first.

    One month is shown as a sheet with every figure and its formula. Open a figure with saaskpi accounts
    --month MONTH --metric FIGURE. Money is in units of its currency; in JSON in integer minor units.
    """
    pipeline = context.pipeline()
    chosen = [kpi_named(name) for name in metrics]
    figures = Figures(pipeline.marts.read, _view(asked))
    listing = list_kpis(figures, metrics, by, sort)
    if as_json or style != "table":
        print_rows(listing.rows, listing.columns, "json" if as_json else style)
        return
    rows = listing.rows
    print_lines([*_headline(figures, rows), *not_over(pipeline, figures), ""])
    language = pipeline.settings.language
    if len(figures.months) == 1 and not by:
        _print_sheet(rows, chosen or MONTHLY, language)
        return
    shown = chosen or [kpi for kpi in map(KPIS.__getitem__, _TABLE) if _is_shown(kpi.id, rows)]
    titles = [Column(kpi.id, _title(kpi, language), KIND_OF[kpi.unit]) for kpi in shown]
    keys = [Column("month", "Month", "month"), *([Column("segment_value", by)] if by else [])]
    print_rows(rows, [*keys, *titles], "table")
    if not chosen:
        print_lines(_equation(rows))


@click.command(epilog="Example: saaskpi movements --month 2026-10 --kind churn")
@view_options
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="May be given many times.")
@click.option("--metric", help="Only the movements that make up this figure, for instance lost_mrr.")
@click.option("--search", help="Part of the account's name, or of a HubSpot or Stripe id.")
@click.option("--sort", default="month", show_default=True, help="A column; numbers highest first.")
@format_options
@shared_options
def movements(
    context: Context,
    style: Format,
    as_json: bool,
    kinds: Sequence[str],
    metric: str | None,
    search: str | None,
    sort: str,
    **asked: Any,
) -> None:
    """List what moved the MRR: new, reactivation, expansion, contraction, churn, exchange rates.

    Newest month first. Money is in units of its currency; in JSON in integer minor units.
    """
    pipeline = context.pipeline()
    figures = Figures(pipeline.marts.read, _view(asked))
    listing = list_movements(figures, kinds, metric, search, sort)
    print_rows(listing.rows, listing.columns, "json" if as_json else style)
    if style == "table" and not as_json:
        print_lines(["", *_movement_totals(listing.rows), *not_over(pipeline, figures)])


def not_over(pipeline: Pipeline, figures: Figures) -> list[str]:
    """Say that the newest month still runs, when it is one of those shown."""
    as_of = pipeline.as_of().astimezone(pipeline.policy.zone)
    month = f"{as_of:%Y-%m}"
    if figures.months[-1] != month:
        return []
    return [f"{month} is not over: its figures are as of {as_of:%Y-%m-%d %H:%M %Z}."]


def _view(asked: Mapping[str, Any]) -> View:
    return View(asked["month"], asked["segment"], asked["currency"], asked["native"])


def _title(kpi: Kpi, language: str) -> str:
    """Return the label on several lines: columns are as wide as their amounts."""
    return textwrap.fill(kpi.label(language), _TITLE_WIDTH)


def _is_shown(name: str, rows: Sequence[Row]) -> bool:
    return name not in _RARE or any(row[name] for row in rows)


def _headline(figures: Figures, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return ["Nothing fits."]
    months = figures.months[0] if len(figures.months) == 1 else f"{figures.months[0]} to {figures.months[-1]}"
    where = f", {'='.join(figures.segment)}" if figures.segment else ""
    valued = f", valued in {rows[0]['currency'].upper()}" if figures.valuation == "reporting" else ""
    return [f"{months}{where}{valued}"]


def _print_sheet(rows: Sequence[Row], shown: Iterable[Kpi], language: str) -> None:
    """Print one month: a line per figure, a column per currency, the formula beside it."""
    currencies = [row["currency"] for row in rows]
    lines = []
    for kpi in shown:
        values = {row["currency"]: cell(row, Column(kpi.id, kind=KIND_OF[kpi.unit])) for row in rows}
        # Marked as code for the documents.
        formula = (kpi.formula_fr if language == "fr" else kpi.formula).replace("`", "")
        lines.append({"figure": kpi.label(language), **values, "formula": formula})
    columns = [Column(code, code.upper(), "figure") for code in currencies]
    titles = ("Chiffre", "Formule") if language == "fr" else ("Figure", "Formula")
    print_rows(
        lines, [Column("figure", titles[0]), *columns, Column("formula", titles[1], width=70)], "table"
    )


def _equation(rows: Sequence[Row]) -> list[str]:
    """Say start + movements = end over all rows, when they are of one currency."""
    if len({row["currency"] for row in rows}) != 1:
        return []
    currency, months = rows[0]["currency"], [row["month"] for row in rows]
    said = format_money(_sum(rows, "mrr_start", min(months)), currency) + " at start"
    for name, sign in _SIGNS.items():
        amount = sign * sum(row[name] for row in rows)
        if amount:
            word = "FX" if name == "fx_mrr" else name.removesuffix("_mrr")
            said += f" {'+' if amount > 0 else '-'} {format_money(abs(amount), currency)} {word}"
    return ["", f"{said} = {format_money(_sum(rows, 'mrr', max(months)), currency)} MRR"]


def _sum(rows: Iterable[Row], column: str, month: str) -> int:
    return sum(row[column] for row in rows if row["month"] == month)


def _movement_totals(rows: Sequence[Row]) -> list[str]:
    sums: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        sums.setdefault((row["currency"], row["kind"]), []).append(row["amount"])
    lines = [counted(len(rows), "movement")]
    for (currency, kind), amounts in sorted(
        sums.items(), key=lambda item: (item[0][0], KINDS.index(item[0][1]))
    ):
        lines.append(f"  {kind:<14} {format_money(sum(amounts), currency):>20}   {len(amounts):,}")
    return lines


def opened_totals(figures: Figures, metric: Metric, rows: Sequence[Row]) -> list[str]:
    """Say what the rows add up to, and the whole figure where a condition left accounts out."""
    month = figures.one_month()
    lines = [counted(len({row["account_id"] for row in rows}), "account")]
    wholes = figures.figure(metric)
    for currency, whole in wholes.items():
        if not whole and any(wholes.values()):
            continue
        total = sum(row[metric.name] for row in rows if row["currency"] == currency)
        said = [f"{n:,}" if metric.counted else format_money(n, currency) for n in (total, whole)]
        rest = "" if total == whole else f" of {said[1]}"
        label = KPIS[metric.figure].label_en
        lines.append(f"  {currency.upper()}  {label} {month}: {said[0]}{rest}")
    return lines


COMMANDS = (kpis, movements)

"""The command that holds somebody else's MRR against ours: reconcile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from enrichment.money import exponent, format_money
from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import Column, Format, counted, print_json, print_lines, print_rows
from saaskpi.errors import NeedsPersonError, UsageError

if TYPE_CHECKING:
    from saaskpi.reconciliation import Reconciled, Report

COLUMNS = (
    Column("month", "Month", "month"),
    Column("customer_id", "Stripe customer"),
    Column("currency"),
    Column("theirs", "Theirs", "money"),
    Column("ours", "Ours", "money"),
    Column("difference", "Theirs - ours", "money"),
    Column("status", "Status"),
    Column("rule", "Rule"),
    Column("detail", "Found"),
)
SHOWN = 100
MONTHS_SHOWN = 24


@click.command(epilog="Example: saaskpi reconcile MRR_per_Subscriber.csv --month 2026-10 --tolerance 0.50")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--tolerance", default="0.00", show_default=True, help="Unexplained amount, in units, that is accepted."
)
@click.option("--month", help="Only this month, as 2026-10.")
@click.option("--currency", help="Of amounts for which FILE tells none, as eur.")
@click.option(
    "--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@shared_options
def reconcile(
    context: Context,
    file: Path,
    tolerance: str,
    month: str | None,
    currency: str | None,
    style: Format,
    as_json: bool,
) -> None:
    """Hold Stripe's own MRR against ours, difference by difference.

    FILE is Stripe's download "MRR per subscriber per month" or "Customer MRR changes" (Billing > Overview),
    or a CSV with the columns customer,month,mrr,currency. Ends with exit code 3 when more than the tolerance
    stays unexplained.
    """
    from saaskpi.books import open_books  # pandas and DuckDB take a second to import
    from saaskpi.reconciliation import hold_against, read_report

    accepted = _tolerance(tolerance)
    report = read_report(file)
    with context.stages.stage("reconcile") as tell:
        books = open_books(context.pipeline(), tell)
        held = hold_against(report, books, month=_month(month), currency=currency)
        tell(f"{counted(len(held.result.differences), 'difference')} in {counted(len(held.months), 'month')}")
    _print(report, held, "json" if as_json else style)
    rest = held.result.unexplained()
    above = {code: amount for code, amount in rest.items() if amount > accepted.scaleb(exponent(code))}
    if above:
        amounts = " + ".join(format_money(amount, code) for code, amount in above.items())
        raise NeedsPersonError(
            f"{amounts} stay unexplained, more than the tolerance of {tolerance}.",
            hint="Look at the differences without a rule; saaskpi explain CUSTOMER tells ours.",
        )


def report_lines(report: Report, held: Reconciled) -> Iterator[str]:
    """Say the summary in plain words.

    Args:
        report: theirs.
        held: what came of the comparison.
    """
    from saaskpi.imports.mrr_columns import KIND_NAMES

    months, totals = held.months, held.result.totals()
    span = months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"
    yield f"{report.name}: {KIND_NAMES[report.kind]}; {span}"
    if len(totals) > MONTHS_SHOWN:
        yield f"The last {MONTHS_SHOWN} of {len(totals)} months and currencies; --json shows all."
    for row in totals[-MONTHS_SHOWN:]:
        theirs, ours, difference = (
            format_money(row[key], row["currency"]) for key in ("theirs", "ours", "difference")
        )
        counts = (
            f"{row['matched']} match, {row['differs']} differ, {row['missing_in_ours']} missing in ours, "
        )
        counts += f"{row['missing_in_theirs']} missing in theirs"
        yield f"  {row['month']}  theirs {theirs} - ours {ours} = {difference}   customers: {counts}"
    for cause in held.result.causes():
        amount = format_money(cause["amount"], cause["currency"])
        yield f"Explained: {amount} in {counted(cause['count'], 'row')} by {cause['rule']}: {cause['detail']}"
    yield from (
        f"Unexplained: {format_money(amount, code)}" for code, amount in held.result.unexplained().items()
    )
    if report.kept_aside:
        first, count = report.kept_aside[0], counted(len(report.kept_aside), "row")
        yield f"Kept aside: {count}, the first in line {first.line}: {first.reason}"
    yield from held.notes


def _print(report: Report, held: Reconciled, style: Format) -> None:
    from saaskpi.results import records

    rows: list[Mapping[str, Any]] = list(records(held.result.differences))
    if style == "json":
        result = held.result
        print_json(
            {
                "file": report.name,
                "kind": report.kind,
                "months": result.totals(),
                "causes": result.causes(),
                "unexplained": result.unexplained(),
                "tried": list(result.tried),
                "kept_aside": [{"line": row.line, "reason": row.reason} for row in report.kept_aside],
                "notes": list(held.notes),
                "differences": rows,
            }
        )
        return
    if style == "csv":
        print_rows(rows, COLUMNS, style)
        return
    print_lines(report_lines(report, held))
    if rows:
        click.echo("")
        print_rows(rows[:SHOWN], COLUMNS, style)
    if len(rows) > SHOWN:
        click.echo(f"... and {len(rows) - SHOWN:,} smaller ones: --format csv shows all.")


def _tolerance(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and amount >= 0):
        raise UsageError(f"--tolerance cannot be {text!r}.", hint="Give an amount in units, as 0.50.")
    return amount


def _month(text: str | None) -> str | None:
    from saaskpi.errors import DataError
    from saaskpi.imports.values import parse_month

    try:
        return parse_month(text) if text else None
    except DataError as error:
        raise UsageError(f"--month: {error.message}", hint="Give it as 2026-10.") from None


COMMANDS = (reconcile,)

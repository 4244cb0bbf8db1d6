"""The commands that answer questions: accounts and explain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.figures import format_options, not_over, print_opened, view_options
from saaskpi.cli.output import Column, Format, print_json, print_lines, print_rows
from saaskpi.cli.words import explanation_lines, month_lines, total_lines
from saaskpi.errors import UsageError
from saaskpi.lists import LATEST, Figures, View, metric_named
from saaskpi.portfolio import Filter, find_account, portfolio

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline

COLUMNS = (
    Column("account_id"),
    Column("name", "Account", width=28),
    Column("stripe_customer_ids", kind="list"),
    Column("company_id"),
    Column("match_rule"),
    Column("status", "Status"),
    Column("currency"),
    Column("mrr", "MRR", "money"),
    Column("arr", "ARR", "money"),
    Column("contract_mrr", kind="money"),
    Column("committed_mrr", kind="money"),
    Column("scheduled_churn_mrr", kind="money"),
    Column("potential_trial_mrr", kind="money"),
    Column("cltv", kind="money"),
    Column("mrr_by_currency", kind="json"),
    Column("mrr_change_12m", "12 months", "percent"),
    Column("plan"),
    Column("customer_since", kind="date"),
    Column("health_score", "Health", "number"),
    Column("health_band", "Band"),
    Column("health_coverage", kind="number"),
    Column("health_reasons"),
    Column("top_reason", "Top reason", width=44),
    Column("risk_flags", "Risks", "list", width=24),
    Column("opportunity_flags", "Opportunities", "list", width=14),
    Column("renewal_date", "Renewal", "date"),
    Column("owner_id"),
    Column("owner_name", "Owner", width=18),
)
SORTS = ("mrr", "name", "health_score", "renewal_date")


@click.command(epilog="Example: saaskpi accounts --month 2026-10 --metric lost_mrr --segment country=FR")
@view_options
@click.option("--metric", help="The figure of the month to open (default mrr), for instance new_mrr.")
@click.option("--band", help="Only this band: green, yellow, red, new, no data.")
@click.option("--risk", help="Only accounts with this risk flag, for instance payment_failed.")
@click.option("--opportunity", help="Only accounts with this opportunity flag.")
@click.option("--status", help="Only this status, for instance active or past_due.")
@click.option("--search", help="Part of the name, or of a HubSpot or Stripe id.")
@click.option("--sort", help=f"{', '.join(SORTS)} (default mrr); with --month any column.")
@format_options
@shared_options
def accounts(
    context: Context,
    style: Format,
    as_json: bool,
    sort: str | None,
    metric: str | None,
    month: str | None,
    segment: str | None,
    native: bool,
    **wanted: str | None,
) -> None:
    """List accounts: MRR, health, risks, renewal, owner; with --month, those that make up a figure.

    --metric and --segment without --month ask for the latest month. Money is in units of its currency; in
    JSON in integer minor units.
    """
    pipeline = context.pipeline()
    style = "json" if as_json else style
    if month or metric or segment or native:
        view = View(month or LATEST, segment, wanted.pop("currency"), native)
        figures = Figures(pipeline.marts.read, view)
        chosen = Filter(**wanted)
        only = None
        if chosen != Filter():
            only = {row["account_id"] for row in pipeline.accounts() if chosen.matches(row)}
        print_opened(figures, metric_named(metric or "mrr"), style, sort, only)
        if style == "table":
            print_lines(not_over(pipeline, figures))
        return
    rows, totals = portfolio(pipeline.accounts(), Filter(**wanted), _sort_of_now(sort))
    print_rows(rows, COLUMNS, style)
    if style == "table":
        print_totals(totals, len(rows))


def _sort_of_now(sort: str | None) -> str:
    if sort in (None, *SORTS):
        return sort or SORTS[0]
    raise UsageError(f"Accounts cannot be sorted by '{sort}'.", hint=f"By: {', '.join(SORTS)}.")


@click.command(epilog='Example: saaskpi explain "Globex" --month 2026-10')
@click.argument("account")
@click.option("--month", help="One month in full, for instance 2026-10 or latest.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@shared_options
def explain(context: Context, account: str, month: str | None, as_json: bool) -> None:
    """Say why an account has its MRR, score and flags, and what moved its MRR.

    ACCOUNT is a name or a part of one, a HubSpot company id or a Stripe customer id. Without --month: its
    last twelve months in which something moved.
    """
    pipeline = context.pipeline()
    row = find_account(pipeline.accounts(), account)
    from saaskpi.explaining import explain as explained  # brings pandas, which --help needs none of

    explanation = explained(pipeline, row) | _history(pipeline, row, month)
    if as_json:
        for item in explanation["items"]:
            item["explanation"] = json.loads(item["explanation"])
        print_json(explanation)
        return
    if not month:
        print_lines(explanation_lines(explanation, pipeline.settings.language))
        return
    print_lines(month_lines(explanation, pipeline.settings.language))
    print_lines(not_over(pipeline, Figures(pipeline.marts.read, View(month))))


def _history(pipeline: Pipeline, row: Mapping[str, Any], month: str | None) -> dict[str, Any]:
    """Return the account's history; ``--month`` must be a month that there are figures for."""
    # Here, because it brings pandas, which --help needs none of.
    from saaskpi.history import history

    read = pipeline.marts.read
    if month:
        month = Figures(read, View(month)).one_month()
    return history(read, row["account_id"], row["stripe_customer_ids"], month, pipeline.policy.zone)


def print_totals(totals: Sequence[Mapping[str, Any]], count: int) -> None:
    """Print MRR, ARR and customers per currency under a table.

    Args:
        totals: one row per currency, money in minor units.
        count: how many accounts the table shows.
    """
    click.echo("")
    for line in total_lines(totals, count):
        click.echo(line)


COMMANDS = (accounts, explain)

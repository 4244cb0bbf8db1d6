"""The commands that answer questions: accounts and explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from crm_sync.options import BANDS, STATUSES
from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.figures import format_options, not_over, opened_totals, view_options
from saaskpi.cli.output import Format, print_json, print_lines, print_rows
from saaskpi.cli.words import explanation_lines, month_lines, total_lines
from saaskpi.listings import SORTS, list_accounts
from saaskpi.lists import Figures, View
from saaskpi.portfolio import Filter, find_account


@click.command(epilog="Example: saaskpi accounts --month 2026-10 --metric lost_mrr --segment country=FR")
@view_options
@click.option("--metric", help="The figure of the month to open (default mrr), for instance new_mrr.")
@click.option("--band", type=click.Choice(list(BANDS)), help="Only this band.")
@click.option("--risk", help="Only accounts with this risk flag, for instance payment_failed.")
@click.option("--opportunity", help="Only accounts with this opportunity flag.")
@click.option("--status", type=click.Choice(list(STATUSES)), help="Only this status.")
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
    view = View(month, segment, wanted.pop("currency"), native)
    from saaskpi.declared import own_flags  # brings pandas, which --help needs none of

    only, own = Filter(**wanted), own_flags(pipeline.settings)
    listing = list_accounts(pipeline.marts.read, pipeline.accounts, view, only, metric, sort, own)
    print_rows(listing.rows, listing.columns, style)
    if style != "table":
        return
    if listing.opened is None:
        print_totals(listing.totals, len(listing.rows))
        return
    print_lines(["", *opened_totals(*listing.opened, listing.rows), *not_over(pipeline, listing.opened[0])])


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
    from saaskpi import explaining  # brings pandas, which --help needs none of

    read = pipeline.marts.read
    explanation = explaining.explain(read, pipeline.snapshots, row, month, pipeline.policy.zone)
    if as_json:
        print_json(explaining.as_json(explanation))
        return
    if not month:
        print_lines(explanation_lines(explanation, pipeline.settings.language))
        return
    print_lines(month_lines(explanation, pipeline.settings.language))
    print_lines(not_over(pipeline, Figures(read, View(month))))


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

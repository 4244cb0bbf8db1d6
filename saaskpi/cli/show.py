"""The commands that answer questions: accounts and explain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import Column, Format, print_json, print_lines, print_rows
from saaskpi.cli.words import explanation_lines, total_lines
from saaskpi.portfolio import Filter, find_account, portfolio

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


@click.command(epilog="Example: saaskpi accounts --band red --sort mrr --format csv")
@click.option("--band", help="Only this band: green, yellow, red, new, no data.")
@click.option("--risk", help="Only accounts with this risk flag, for instance payment_failed.")
@click.option("--opportunity", help="Only accounts with this opportunity flag.")
@click.option("--status", help="Only this status, for instance active or past_due.")
@click.option("--currency", help="Only accounts of this currency.")
@click.option("--search", help="Part of the name, or of a HubSpot or Stripe id.")
@click.option("--sort", type=click.Choice(SORTS), default="mrr", show_default=True)
@click.option(
    "--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@shared_options
def accounts(context: Context, style: Format, as_json: bool, sort: str, **wanted: str | None) -> None:
    """List accounts: MRR, health, risks, renewal, owner.

    Money is in units of its currency; in JSON in integer minor units.
    """
    rows, totals = portfolio(context.pipeline().accounts(), Filter(**wanted), sort)
    style = "json" if as_json else style
    print_rows(rows, COLUMNS, style)
    if style == "table":
        print_totals(totals, len(rows))


@click.command(epilog='Example: saaskpi explain "Globex"')
@click.argument("account")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@shared_options
def explain(context: Context, account: str, as_json: bool) -> None:
    """Say why an account has its MRR, score and flags.

    ACCOUNT is a name or a part of one, a HubSpot company id or a Stripe customer id.
    """
    pipeline = context.pipeline()
    row = find_account(pipeline.accounts(), account)
    explanation = pipeline.explain(row["account_id"])
    if as_json:
        for item in explanation["items"]:
            item["explanation"] = json.loads(item["explanation"])
        print_json(explanation)
        return
    print_lines(explanation_lines(explanation, pipeline.settings.language))


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

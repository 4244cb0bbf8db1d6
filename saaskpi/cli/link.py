"""The commands by which a person says which company a Stripe customer belongs to."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any, Final

import click

from saaskpi.cli.base import Context, shared_options, utc_now
from saaskpi.cli.output import Column, print_json, print_rows
from saaskpi.cli.tokens import audited
from saaskpi.errors import UsageError

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline

_COLUMNS: Final = (
    Column("customer_id", "Stripe customer"),
    Column("company_id", "HubSpot company"),
    Column("name", "Name", width=28),
    Column("author", "Author", width=18),
    Column("created_on", "Since", "date"),
)


@click.group(epilog="Example: saaskpi link list")
def link() -> None:
    """Say which company a Stripe customer belongs to.

    For customers that no rule brings together with a company, or with the wrong one: a link counts before
    every rule.
    """


@link.command("set", epilog="Example: saaskpi link set cus_NffrFeUfNV2Hib 9876543210")
@click.argument("customer")
@click.argument("company")
@shared_options
def set_link(context: Context, customer: str, company: str) -> None:
    """Let the Stripe CUSTOMER belong to the HubSpot COMPANY, both by their ids.

    Replaces what was said before. Counts from the next saaskpi enrich on.
    """
    pipeline = context.pipeline()
    if not any(customer in row["stripe_customer_ids"] for row in pipeline.accounts()):
        raise UsageError(
            f"There is no Stripe customer {customer} in the current run.",
            hint="saaskpi plan names those without a company; saaskpi accounts --search finds the others.",
        )
    name = _names(pipeline, [company]).get(company)
    if name is None:
        raise UsageError(
            f"HubSpot has no company {company}, as far as it was pulled.",
            hint="The id is the last number in the address of the company's page. Then: saaskpi pull",
        )
    with pipeline.alone(), audited(pipeline.store, "link set", customer) as entry:
        entry.update(company_id=company)
        pipeline.store.set_link(customer, company, getpass.getuser(), utc_now())
    click.echo(f"{customer} belongs to {name} ({company}). Next: saaskpi enrich")


@link.command("remove", epilog="Example: saaskpi link remove cus_NffrFeUfNV2Hib")
@click.argument("customer")
@shared_options
def remove_link(context: Context, customer: str) -> None:
    """Let the rules say again which company the Stripe CUSTOMER belongs to.

    Counts from the next saaskpi enrich on.
    """
    pipeline = context.pipeline()
    with pipeline.alone(), audited(pipeline.store, "link remove", customer):
        removed = pipeline.store.remove_link(customer)
    if not removed:
        raise UsageError(f"Nobody linked {customer}.", hint="See: saaskpi link list")
    click.echo(f"The link of {customer} is gone. Next: saaskpi enrich")


@link.command("list", epilog="Example: saaskpi link list --json")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@shared_options
def list_links(context: Context, as_json: bool) -> None:
    """List all links, newest first."""
    rows = _rows(context.pipeline())
    if as_json:
        print_json(rows)
    elif rows:
        print_rows(rows, _COLUMNS, "table")
    else:
        click.echo("Nobody linked a customer. saaskpi link set --help")


def _rows(pipeline: Pipeline) -> list[dict[str, Any]]:
    from enrichment.frames import records  # brings pandas, which --help needs none of

    links = records(pipeline.store.links().sort_values("created_at", ascending=False))
    names = _names(pipeline, [row["company_id"] for row in links])
    return [
        {
            "customer_id": row["stripe_customer_id"],
            "company_id": row["company_id"],
            "name": names.get(row["company_id"], "(not in HubSpot)"),
            "author": row["author"],
            "created_on": row["created_at"].date(),
        }
        for row in links
    ]


def _names(pipeline: Pipeline, companies: list[str]) -> dict[str, str]:
    """Return the names of companies that HubSpot has, by id."""
    import msgspec

    from crm_sync.inputs import newest_rows

    columns = ("id", "archived", "properties")
    found = newest_rows(pipeline.landing, "hubspot_companies", columns, only={"id": companies})
    living = found[~found["archived"].eq(True).fillna(False).astype(bool)]
    texts = dict(zip(living["id"], living["properties"], strict=True))
    return {id_: msgspec.json.decode(text).get("name") or id_ for id_, text in texts.items()}


COMMANDS = (link,)

"""``saaskpi erase``: forgets a HubSpot contact."""

from __future__ import annotations

import click

from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import counted, print_json, print_lines
from saaskpi.cli.tokens import audited
from saaskpi.errors import UsageError


@click.command(epilog="Example: saaskpi erase 30000000119 --dry-run")
@click.argument("contact_ids", nargs=-1, metavar="CONTACT_ID...")
@click.option("--dry-run", is_flag=True, help="List the places and how many rows; change nothing.")
@click.option("--finish", is_flag=True, help="Carry on erasures that were cut short or wait for a pull.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@shared_options
def erase(context: Context, contact_ids: tuple[str, ...], dry_run: bool, finish: bool, as_json: bool) -> None:
    """Forget HubSpot contacts: nothing of them stays in the home folder, the store or its backups.

    Delete the contact in HubSpot first, else the next pull brings it back. The server does the same by
    itself when HubSpot tells of a privacy deletion. A Stripe customer stays: see docs/privacy.md.
    """
    from saaskpi.erasing import erase as carry_out  # brings pandas, which --help needs none of
    from saaskpi.erasing import finish_erasures

    if finish == bool(contact_ids):
        raise UsageError("Say which contacts, or --finish.", hint="Example: saaskpi erase 30000000119")
    if not all(one.isdecimal() for one in contact_ids):
        raise UsageError("A contact's id is a number.", hint="It stands in the contact's address in HubSpot.")
    pipeline = context.pipeline()
    if finish:
        click.echo("Done." if finish_erasures(pipeline) else "A pull is still under way; run it again later.")
        return
    if dry_run:
        erased = carry_out(pipeline, contact_ids, dry_run=True)
    else:
        # Not which contacts: that would be a trace.
        with audited(pipeline.store, "erase", counted(len(contact_ids), "contact")) as detail:
            erased = carry_out(pipeline, contact_ids)
            detail["rows"] = sum(erased.places.values())
    if as_json:
        print_json(erased.as_dict())
        return
    places = sorted(erased.places.items())
    print_lines(f"{place}: {counted(rows, 'row')}" for place, rows in places)
    rows, found = counted(sum(erased.places.values()), "row"), counted(len(places), "place")
    click.echo(f"{rows} in {found} {'would be changed or deleted' if dry_run else 'changed or deleted'}.")
    if not erased.finished:
        click.echo("A pull that began before is under way. When it has ended: saaskpi erase --finish")


COMMANDS = (erase,)

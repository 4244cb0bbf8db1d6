"""The command that needs no key: import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from saaskpi.cli.base import Context, shared_options, utc_now
from saaskpi.cli.output import print_json, print_lines

if TYPE_CHECKING:
    from saaskpi.imports.run import ImportResult

SHOWN = 10


@click.command("import", epilog="Example: saaskpi import subscriptions.csv invoices.csv customers.csv")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--amount",
    "amount_is",
    type=click.Choice(["auto", "unit", "total"]),
    default="auto",
    show_default=True,
    help="What Amount of the subscriptions is: the price of one, or of the whole quantity.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@shared_options
def import_command(
    context: Context, files: tuple[Path, ...], amount_is: Literal["auto", "unit", "total"], as_json: bool
) -> None:
    """See your own numbers without giving a key.

    FILE is a CSV export of subscriptions, invoices or customers from Stripe's dashboard. Give all of them in
    one command: an import replaces the one before. A home with pulled numbers takes no import.
    """
    from saaskpi.imports.run import import_files  # the SDK takes a second to import

    pipeline = context.pipeline()
    with pipeline.alone():
        result = import_files(
            files,
            landing=pipeline.landing,
            store=pipeline.store,
            home=pipeline.settings.home,
            now=utc_now(),
            amount_is=amount_is,
        )
    if as_json:
        print_json(result.as_dict())
    else:
        print_lines(imported_lines(result))


def imported_lines(result: ImportResult) -> Iterator[str]:
    """Say what an import brought and what it cannot tell."""
    for name, kind in result.files.items():
        yield f"{name}: {kind}"
    yield from (f"  {stream:<28} {count:>10,}" for stream, count in result.rows.items())
    for row in result.kept_aside[:SHOWN]:
        yield f"Kept aside: {row.file}, line {row.line}: {row.reason}"
    if len(result.kept_aside) > SHOWN:
        yield f"... and {len(result.kept_aside) - SHOWN:,} more rows kept aside: --json shows all."
    yield from result.notes
    yield "Next: saaskpi enrich"


COMMANDS = (import_command,)

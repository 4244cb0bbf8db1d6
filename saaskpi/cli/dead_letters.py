"""``saaskpi dead-letters``: events that were given up and rows that HubSpot refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from saaskpi.cli.base import Context, shared_options, utc_now
from saaskpi.cli.output import Column, counted, print_json, print_rows
from saaskpi.cli.tokens import audited
from saaskpi.errors import UsageError

if TYPE_CHECKING:
    from saaskpi.dead_letters import DeadLetters

_COLUMNS = (
    Column("id", "Id", width=32),
    Column("what", "What", width=36),
    Column("attempts", "Attempts", "number"),
    Column("since", "Since (UTC)", "date"),
    Column("reason", "Reason", width=80),
)


@click.command("dead-letters", epilog="Example: saaskpi dead-letters --retry all")
@click.option("--retry", metavar="ID", help="Put one back, or all: it is tried anew.")
@click.option("--drop", metavar="ID", help="Forget one, or all.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@shared_options
def dead_letters(context: Context, retry: str | None, drop: str | None, as_json: bool) -> None:
    """List events that could not be processed and rows that HubSpot refused.

    A refused row is tried again with each apply, whatever is done here; --retry takes it off the list until
    it is refused anew.
    """
    from saaskpi.dead_letters import DeadLetters  # brings SQLAlchemy, which --help needs none of

    if retry and drop:
        raise UsageError("--retry and --drop exclude each other.")
    pipeline = context.pipeline()
    letters = DeadLetters(pipeline.store.engine, pipeline.landing)
    if retry or drop:
        chosen = str(retry or drop)
        with audited(
            pipeline.store, "dead-letters retry" if retry else "dead-letters drop", chosen
        ) as detail:
            detail["count"] = number = _change(letters, chosen, put_back=bool(retry))
        click.echo(f"{counted(number, 'dead letter')} {'put back' if retry else 'dropped'}.")
        return
    rows = letters.all()
    if as_json:
        print_json(rows)
    elif rows:
        shown = [{**row, "since": f"{row['since']:%Y-%m-%d %H:%M}"} for row in rows]
        print_rows(shown, _COLUMNS, "table")
        click.echo("Next: saaskpi dead-letters --retry ID (or all), or --drop ID")
    else:
        click.echo("There are no dead letters.")


def _change(letters: DeadLetters, chosen: str, *, put_back: bool) -> int:
    known: list[Any] = [row["id"] for row in letters.all()]
    ids = known if chosen == "all" else [one for one in known if one == chosen]
    if not ids and chosen != "all":
        raise UsageError(f"There is no dead letter {chosen}.", hint="See: saaskpi dead-letters")
    return letters.retry(ids, utc_now()) if put_back else letters.drop(ids)


COMMANDS = (dead_letters,)

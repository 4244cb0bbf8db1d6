"""``saaskpi alerts``: what was told to whom it concerns, and whether the channels work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import Column, print_json, print_rows
from saaskpi.errors import UnavailableError, UsageError

_COLUMNS = (
    Column("raised_at", "Raised (UTC)", "date"),
    Column("kind", "Kind"),
    Column("about", "About", width=20),
    Column("over_at", "Over (UTC)", "date"),
    Column("sent_at", "Told (UTC)", "date"),
    Column("message", "Message", width=70),
    Column("error", "Not told", width=40),
)


@click.group(epilog="Example: saaskpi alerts test")
def alerts() -> None:
    """Show alerts, and try whether they arrive."""


@alerts.command("list", epilog="Example: saaskpi alerts list --json")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@shared_options
def list_alerts(context: Context, limit: int, as_json: bool) -> None:
    """List alerts, newest first."""
    from warehouse.alerts import AlertLog  # brings SQLAlchemy, which --help needs none of

    rows = AlertLog(context.pipeline().store.engine).recent(limit)
    if as_json:
        print_json([{name: value for name, value in row.items() if name != "id"} for row in rows])
    elif rows:
        print_rows([_shown(row) for row in rows], _COLUMNS, "table")
    else:
        click.echo("Nothing has gone wrong.")


@alerts.command("test", epilog="Example: saaskpi alerts test")
@shared_options
def try_out(context: Context) -> None:
    """Send a test to every channel that is set."""
    from saaskpi.watching.channels import ChannelError, channels_of  # brings requests

    channels = channels_of(context.settings().alerts)
    if not channels:
        raise UsageError("No channel is set.", hint="Set alerts.webhook_url or alerts.email_to.")
    failed = []
    for channel in channels:
        try:
            channel.send("saaskpi: A test", "Alerts of saaskpi arrive here.")
            click.echo(f"{channel.name}: sent")
        except ChannelError as error:
            click.echo(f"{channel.name}: {error}")
            failed.append(channel.name)
    if failed:
        raise UnavailableError(f"Not sent: {', '.join(failed)}.", hint="Mend the settings under alerts.")


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    times = ("raised_at", "over_at", "sent_at")
    return {**row, **{name: f"{row[name]:%Y-%m-%d %H:%M}" if row[name] else None for name in times}}


COMMANDS = (alerts,)

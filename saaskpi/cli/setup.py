"""The commands of the first day: init and check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import print_json
from saaskpi.errors import UsageError
from saaskpi.settings import CONFIG_NAME

if TYPE_CHECKING:
    from saaskpi.checks import Check

_MARKS = {
    "ok": click.style("ok  ", fg="green"),
    "todo": click.style("todo", fg="yellow"),
    "fail": click.style("FAIL", fg="red"),
}
_TEMPLATE = """\
# Settings of saaskpi. The environment wins over this file: SAASKPI_STRIPE__API_BASE sets stripe.api_base.
# This file holds secrets: keep it out of version control.

[stripe]
api_key = {stripe_key}

[hubspot]
access_token = {hubspot_token}
"""


@click.command(epilog="Example: saaskpi init")
@click.option("--force", is_flag=True, help="Replace a settings file that is there already.")
@shared_options
def init(context: Context, force: bool) -> None:
    """Ask for the two keys and write saaskpi.toml."""
    path = context.config or Path(CONFIG_NAME)
    if path.exists() and not force:
        raise UsageError(f"{path} exists already.", hint="Edit it, or replace it with: saaskpi init --force")
    click.echo("Stripe: a restricted key with read access is enough (Developers > API keys).")
    stripe_key = click.prompt("Stripe API key", hide_input=True)
    click.echo("HubSpot: a service key or private app token (Settings > Integrations).")
    hubspot_token = click.prompt("HubSpot access token", hide_input=True)
    _write_private(path, _TEMPLATE.format(stripe_key=_quote(stripe_key), hubspot_token=_quote(hubspot_token)))
    click.echo(f"Wrote {path}, readable by you alone. Next: saaskpi check")


@click.command(epilog="Example: saaskpi check --create-properties")
@click.option(
    "--create-properties", is_flag=True, help="Create what is missing in HubSpot: properties and options."
)
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@shared_options
def check(context: Context, create_properties: bool, as_json: bool) -> int:
    """Check keys, scopes, properties and the store.

    Each finding says what to do about it.
    """
    from saaskpi.checks import run_checks

    checks = run_checks(context.settings(), create_properties=create_properties)
    if as_json:
        print_json([vars(item) for item in checks])
    else:
        for item in checks:
            _print(item)
    return 1 if any(item.state == "fail" for item in checks) else 0


def _print(item: Check) -> None:
    click.echo(f"{_MARKS[item.state]}  {item.name:<22} {item.words}")
    if item.hint:
        click.echo(f"{'':<29} -> {item.hint}")


def _quote(value: str) -> str:
    text = value.strip()
    if not text.isprintable() or any(mark in text for mark in "\"\\'"):
        raise UsageError(
            "A key holds letters, digits, dashes and underscores only.", hint="Copy it again, whole."
        )
    return f'"{text}"'


def _write_private(path: Path, text: str) -> None:
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


COMMANDS = (init, check)

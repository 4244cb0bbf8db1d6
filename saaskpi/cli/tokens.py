"""The commands about access to the server: its tokens, its API's document, and the audit log."""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from saaskpi.cli.base import Context, shared_options, utc_now
from saaskpi.cli.output import Column, print_json, print_rows
from saaskpi.errors import UsageError

if TYPE_CHECKING:
    from warehouse.access import Token, Tokens
    from warehouse.store import Store

_SCOPES = ("read", "plan", "apply", "usage", "metrics")
_DAYS = re.compile(r"(\d{1,5})d")
_TOKENS = (
    Column("name", "Name"),
    Column("scopes", "Scopes", "list"),
    Column("state", "State"),
    Column("created_at", "Created", "date"),
    Column("expires_at", "Expires", "date"),
    Column("last_used_at", "Last used", "date"),
)
_AUDIT = (
    Column("at", "At", "date"),
    Column("actor", "Who", width=24),
    Column("action", "What"),
    Column("target", "Of what", width=40),
    Column("result", "Result"),
    Column("detail", kind="json"),
)


def audited(store: Store, action: str, target: str) -> AbstractContextManager[dict[str, Any]]:
    """Keep an entry in the audit log for what a command does inside, however it ends.

    Args:
        store: the home's.
        action: the command's name.
        target: what it is done to: an id or a hash, no name of a person or company.
    """
    from warehouse.access import AuditLog  # brings SQLAlchemy, which --help needs none of

    return AuditLog(store.engine).recording(utc_now, f"cli:{getpass.getuser()}", action, target)


@click.group(epilog="Example: saaskpi tokens create dashboard --scope read --expires 90d")
def tokens() -> None:
    """Let programs use the server: make tokens, list them, revoke them."""


@tokens.command("create", epilog="Example: saaskpi tokens create dashboard --scope read --expires 90d")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(_SCOPES),
    multiple=True,
    required=True,
    help="What it may do; may be given many times.",
)
@click.option("--expires", default="90d", show_default=True, help="90d (days) or never.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@shared_options
def create(context: Context, name: str, scopes: Sequence[str], expires: str, as_json: bool) -> None:
    """Make a token called NAME and show it, this once.

    read lists, plan makes plans, apply writes them to the CRM, usage sends usage events, metrics reads the
    server's own figures. NAME stands in the audit log for what the token did.
    """
    now = utc_now()
    expires_at = _expiry(expires, now)
    store = context.pipeline().store
    with audited(store, "tokens create", name) as detail:
        detail |= {"scopes": list(scopes), "expires_at": expires_at.isoformat() if expires_at else None}
        plain = _tokens(store).create(name, scopes, expires_at, now)
    if as_json:
        print_json({"name": name, "token": plain, "scopes": list(scopes), "expires_at": expires_at})
        return
    click.echo(plain)
    click.echo("It is not shown again: keep it where secrets are kept.", err=True)


@tokens.command("list", epilog="Example: saaskpi tokens list --json")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@shared_options
def list_tokens(context: Context, as_json: bool) -> None:
    """List all tokens, newest first, without their secrets."""
    now = utc_now()
    rows = [_row(token, now) for token in _tokens(context.pipeline().store).all()]
    if as_json:
        print_json(rows)
    elif rows:
        print_rows([_days(row) for row in rows], _TOKENS, "table")
    else:
        click.echo("There are no tokens. saaskpi tokens create --help")


@tokens.command("revoke", epilog="Example: saaskpi tokens revoke dashboard")
@click.argument("name")
@shared_options
def revoke(context: Context, name: str) -> None:
    """Refuse the token called NAME from now on."""
    store = context.pipeline().store
    with audited(store, "tokens revoke", name):
        if not _tokens(store).revoke(name, utc_now()):
            raise UsageError(f"There is no token '{name}' in use.", hint="See: saaskpi tokens list")
    click.echo(f"The token {name} is refused from now on.")


@click.command(epilog="Example: saaskpi audit --limit 20")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the entries as JSON.")
@shared_options
def audit(context: Context, limit: int, as_json: bool) -> None:
    """Show who changed what, here or in the CRM: newest first."""
    from warehouse.access import AuditLog  # brings SQLAlchemy, which --help needs none of

    rows = AuditLog(context.pipeline().store.engine).recent(limit)
    if as_json:
        print_json(rows)
    elif rows:
        print_rows([{**row, "at": f"{row['at']:%Y-%m-%d %H:%M:%S}"} for row in rows], _AUDIT, "table")
    else:
        click.echo("Nothing has been changed yet.")


@click.command(epilog="Example: saaskpi openapi > openapi.json")
def openapi() -> None:
    """Print the OpenAPI document of the server's API."""
    from webhook_server.api import ROUTES  # brings Flask and pandas, which --help needs none of
    from webhook_server.api.openapi import document

    print_json(document(ROUTES))


def _tokens(store: Store) -> Tokens:
    from warehouse.access import Tokens  # brings SQLAlchemy, which --help needs none of

    return Tokens(store.engine)


def _expiry(text: str, now: datetime) -> datetime | None:
    if text == "never":
        return None
    days = _DAYS.fullmatch(text)
    if days is None:
        raise UsageError(f"--expires {text} is no time.", hint="Give days, for instance 90d, or never.")
    return now + timedelta(days=int(days[1]))


def _row(token: Token, now: datetime) -> dict[str, Any]:
    state = "revoked" if token.revoked_at else "in use" if token.holds(now) else "expired"
    times = {name: getattr(token, name) for name in ("created_at", "expires_at", "last_used_at")}
    return {"name": token.name, "scopes": sorted(token.scopes), "state": state, **times}


def _days(row: Mapping[str, Any]) -> dict[str, Any]:
    times = ("created_at", "expires_at", "last_used_at")
    return {**row, **{name: row[name] and f"{row[name]:%Y-%m-%d %H:%M}" for name in times}}


COMMANDS = (tokens, audit, openapi)

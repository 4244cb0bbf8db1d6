"""The commands by which a person decides about an account's band, with a reason and for a time."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from saaskpi.cli.base import Context, shared_options, utc_now
from saaskpi.cli.output import Column, one_line, print_json, print_rows
from saaskpi.cli.tokens import audited
from saaskpi.errors import UsageError
from saaskpi.portfolio import find_account

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline

BANDS: Final = ("green", "yellow", "red")
LAST_SECOND: Final = time(23, 59, 59)
LONGEST: Final = timedelta(days=366)
MOST: Final = {"reason": 400, "author": 80}
"""Characters: both stand in the account's sentence."""
_COLUMNS: Final = (
    Column("name", "Account", width=28),
    Column("account_id", "Id"),
    Column("band", "Band"),
    Column("reason", "Reason", width=48),
    Column("author", "Author", width=18),
    Column("created_on", "Since", "date"),
    Column("until", "Until", "date"),
    Column("state", "State"),
)


@click.group(epilog="Example: saaskpi override list")
def override() -> None:
    """Replace the band of an account, for a while.

    For when you know better than the score: with a reason, in your name, until a day. The computed score
    stays and is shown beside it.
    """


@override.command(
    "set",
    epilog='Example: saaskpi override set Globex --band yellow --reason "new champion" --until YYYY-MM-DD',
)
@click.argument("account")
@click.option("--band", type=click.Choice(BANDS), required=True, help="The band to show.")
@click.option("--reason", required=True, help="Why: it is shown in the account's sentence.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="Last day of it (UTC), within twelve months.",
)
@click.option("--author", help="Who decides (default: the user who is logged in here).")
@shared_options
def set_override(
    context: Context, account: str, band: str, reason: str, until: datetime, author: str | None
) -> None:
    """Show ACCOUNT in another band than the computed one.

    ACCOUNT is a name or a part of one, a HubSpot company id or a Stripe customer id. The computed score
    stays, and is told in the account's sentence. Counts from the next saaskpi enrich on.
    """
    now = utc_now()
    expires_at = datetime.combine(until.date(), LAST_SECOND, tzinfo=UTC)
    if not now < expires_at <= now + LONGEST:
        raise UsageError(
            f"--until {until:%Y-%m-%d} is {'over' if expires_at <= now else 'more than a year away'}.",
            hint="Give a day within the next twelve months.",
        )
    said = _said("reason", reason), _said("author", author or getpass.getuser())
    pipeline = context.pipeline()
    row = find_account(pipeline.accounts(), account)
    with pipeline.alone(), audited(pipeline.store, "override set", row["account_id"]) as entry:
        entry.update(band=band, until=expires_at.isoformat())
        pipeline.store.set_override(
            row["account_id"],
            band,
            reason=said[0],
            author=said[1],
            created_at=pipeline.settings.instant(now),  # a decision about the day that is described
            expires_at=expires_at,
        )
    click.echo(f"{row['name']} is shown as {band} until {until:%Y-%m-%d}. Next: saaskpi enrich")


def _said(name: str, text: str) -> str:
    """Return words as they will stand in a sentence: on one line, without commands of a terminal."""
    words = " ".join(one_line(text).split())
    if not words:
        raise UsageError(
            f"The {name} is empty.", hint='For instance --reason "new champion" --author "Ana Diaz".'
        )
    if len(words) > MOST[name]:
        raise UsageError(
            f"The {name} has {len(words)} characters, more than {MOST[name]}.",
            hint="It stands in the account's sentence: say it shorter.",
        )
    return words


@override.command("end", epilog="Example: saaskpi override end Globex")
@click.argument("account")
@shared_options
def end_override(context: Context, account: str) -> None:
    """Show ACCOUNT in its computed band again.

    The decision stays in the list, as over. Counts from the next saaskpi enrich on.
    """
    pipeline = context.pipeline()
    row = find_account(pipeline.accounts(), account)
    with pipeline.alone(), audited(pipeline.store, "override end", row["account_id"]):
        ended = pipeline.store.end_overrides(row["account_id"], pipeline.settings.instant(utc_now()))
    if not ended:
        raise UsageError(f"{row['name']} has no override that holds.", hint="See: saaskpi override list")
    click.echo(f"The override of {row['name']} has ended. Next: saaskpi enrich")


@override.command("list", epilog="Example: saaskpi override list --json")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@shared_options
def list_overrides(context: Context, as_json: bool) -> None:
    """List all decisions, newest first, those that are over too."""
    pipeline = context.pipeline()
    rows = _rows(pipeline, pipeline.settings.instant(utc_now()))
    if as_json:
        print_json(rows)
        return
    if rows:
        print_rows(rows, _COLUMNS, "table")
    else:
        click.echo("Nobody has decided about a band. saaskpi override set --help")


def _rows(pipeline: Pipeline, now: datetime) -> list[dict[str, Any]]:
    from enrichment.frames import records  # brings pandas, which --help needs none of

    names = {row["account_id"]: row["name"] for row in pipeline.accounts()}
    found = pipeline.store.overrides().sort_values("created_at", ascending=False)
    seen: set[str] = set()
    return [_row(row, names, now, seen) for row in records(found)]


def _row(row: Mapping[str, Any], names: Mapping[str, str], now: datetime, seen: set[str]) -> dict[str, Any]:
    """Return a decision as it is shown; only an account's newest one that is not over holds."""
    is_made = row["created_at"] <= now
    holds = is_made and row["expires_at"] > now and row["account_id"] not in seen
    if is_made:
        seen.add(row["account_id"])
    return {
        "account_id": row["account_id"],
        "name": names.get(row["account_id"], row["account_id"]),
        "band": row["band"],
        "reason": row["reason"],
        "author": row["author"],
        "created_on": row["created_at"].date(),
        "until": row["expires_at"].date(),
        "state": "holds" if holds else "over",
    }


COMMANDS = (override,)

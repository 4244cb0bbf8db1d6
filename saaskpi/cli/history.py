"""``saaskpi history``: the last runs, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import Column, print_json, print_rows

_MOST_COUNTS = 4
_COLUMNS = (
    Column("started_at", "Began (UTC)", "date"),
    Column("run_id", "Run"),
    Column("caused_by", "Cause", width=18),
    Column("stage", "Stage"),
    Column("status", "Status"),
    Column("seconds", "Seconds", "figure"),
    Column("counts", "Counts", width=60),
    Column("error", "Error", width=60),
)


@click.command(epilog="Example: saaskpi history --limit 20 --failed")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Stages to show."
)
@click.option("--failed", is_flag=True, help="Only those that failed or wait for a person.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@shared_options
def history(context: Context, limit: int, failed: bool, as_json: bool) -> None:
    """Show what ran, why, how long, how much, and how it ended: newest first.

    Stages of one run have the same run id. Kept for 90 days.
    """
    from warehouse.history import History  # brings SQLAlchemy, which --help needs none of

    statuses = ("failed", "needs_person") if failed else ()
    rows = [_row(row) for row in History(context.pipeline().store.engine).recent(limit, statuses)]
    if as_json:
        print_json(rows)
    elif rows:
        print_rows([_shown(row) for row in rows], _COLUMNS, "table")
    else:
        click.echo("Nothing has failed." if failed else "Nothing has run yet. Next: saaskpi run")


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    ended = row["finished_at"]
    seconds = (ended - row["started_at"]).total_seconds() if ended else None
    return {name: value for name, value in row.items() if name != "id"} | {"seconds": seconds}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    largest = sorted(row["counts"].items(), key=lambda item: -item[1])
    counts = ", ".join(f"{name} {count:,}" for name, count in largest[:_MOST_COUNTS] if count)
    more = ", ..." if len([count for _, count in largest if count]) > _MOST_COUNTS else ""
    seconds = None if row["seconds"] is None else f"{row['seconds']:.1f}"
    began = f"{row['started_at']:%Y-%m-%d %H:%M:%S}"
    return {**row, "started_at": began, "seconds": seconds, "counts": counts + more or None}


COMMANDS = (history,)

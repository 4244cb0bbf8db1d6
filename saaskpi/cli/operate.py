"""The commands that move data: pull, enrich, plan, apply, run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from crm_sync.guards import Allowed, tripped
from crm_sync.model import Plan
from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import print_json, print_lines
from saaskpi.cli.tokens import audited
from saaskpi.cli.words import applied_lines, enriched_lines, plan_lines, pulled_lines
from saaskpi.errors import UsageError

as_of_option = click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Describe the end of this day (UTC) instead of now."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def guard_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--yes-change``, ``--yes-clear`` and ``--yes-tasks``: what a person lets through the guards."""
    for name, words in (
        ("tasks", "tasks be opened"),
        ("clear", "companies lose their values"),
        ("change", "companies change status, MRR or health band"),
    ):
        option = click.option(
            f"--yes-{name}", metavar="N", type=click.IntRange(0), default=0, help=f"Let up to N {words}."
        )
        command = option(command)
    return command


@click.command(epilog="Example: saaskpi pull")
@click.option("--full", is_flag=True, help="Read everything, not only what has changed.")
@json_option
@shared_options
def pull(context: Context, full: bool, as_json: bool) -> None:
    """Read Stripe and HubSpot into the raw landing: everything the first time, then what has changed.

    What was deleted in HubSpot shows by a webhook or with --full.
    """
    result = context.pipeline().pull(full=full)
    _show(result.as_dict(), pulled_lines(result), as_json)


@click.command(epilog="Example: saaskpi enrich --as-of 2026-10-31")
@as_of_option
@json_option
@shared_options
def enrich(context: Context, as_of: datetime | None, as_json: bool) -> None:
    """Compute MRR, health and flags from the landing."""
    pipeline = context.pipeline(context.settings(as_of=as_of.date() if as_of else None))
    with pipeline.alone():
        result = pipeline.enrich()
    _show(result.as_dict(), enriched_lines(result), as_json)


@click.command(epilog="Example: saaskpi plan -o plan.json")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the plan to this file, for apply."
)
@json_option
@shared_options
def plan(context: Context, output: Path | None, as_json: bool) -> None:
    """Show what apply would write; change nothing."""
    pipeline = context.pipeline()
    proposal = pipeline.plan()
    if output:
        _write(output, proposal.to_json())
    if as_json:
        click.echo(proposal.to_json())
        return
    print_lines(plan_lines(proposal, tripped(proposal, pipeline.limits)))
    if output:
        click.echo(f"Written to {output}. Next: saaskpi apply {output}")


@click.command(epilog="Example: saaskpi apply plan.json")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@guard_options
@json_option
@shared_options
def apply(
    context: Context, file: Path | None, yes_change: int, yes_clear: int, yes_tasks: int, as_json: bool
) -> None:
    """Write a plan to the CRM.

    FILE is written exactly as it stands, and refused when the numbers have changed since; without FILE, what
    plan would show now. When it would do more than the guards let through, nothing is written and the exit
    code is 3; the flag that lets it through is named.
    """
    proposal = read_plan(file) if file else None
    pipeline = context.pipeline()
    target = proposal.hash if proposal else "the plan of now"
    with pipeline.alone(), audited(pipeline.store, "apply", target) as entry:
        result = pipeline.apply(proposal, allowed=Allowed(yes_change, yes_clear, yes_tasks))
        entry["plan_hash"] = result.plan.hash
    _show(result.as_dict(), applied_lines(result), as_json)


@click.command(epilog="Example: saaskpi run")
@as_of_option
@guard_options
@json_option
@shared_options
def run(
    context: Context,
    as_of: datetime | None,
    yes_change: int,
    yes_clear: int,
    yes_tasks: int,
    as_json: bool,
) -> None:
    """Pull, enrich, plan and apply, one after the other."""
    pipeline = context.pipeline(context.settings(as_of=as_of.date() if as_of else None))
    with audited(pipeline.store, "run", "the plan of now") as entry:
        result = pipeline.run(Allowed(yes_change, yes_clear, yes_tasks))
        entry["plan_hash"] = result.plan.hash
    _show(result.as_dict(), applied_lines(result), as_json)


def read_plan(file: Path) -> Plan:
    """Read a plan file.

    Raises:
        UsageError: it cannot be read, is no plan, or was changed.
    """
    try:
        return Plan.from_json(file.read_bytes())
    except OSError as error:
        raise UsageError(
            f"The plan {file} cannot be read: {error.strerror}.", hint="Make one: saaskpi plan -o FILE"
        ) from None


def _show(data: object, lines: list[str], as_json: bool) -> None:
    if as_json:
        print_json(data)
        return
    print_lines(lines)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The plan cannot be written to {path}: {error.strerror}.") from None


COMMANDS = (pull, enrich, plan, apply, run)

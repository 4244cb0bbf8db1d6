"""``saaskpi undo``: take back what an apply wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click

from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.operate import json_option
from saaskpi.cli.output import counted, print_json, print_lines
from saaskpi.cli.tokens import audited

if TYPE_CHECKING:
    from crm_sync.undo import Left, Restored, UndoPlan
    from saaskpi.results import Undone

SHOWN = 40
"""Objects that are printed; --json holds all of them."""


@click.command(epilog="Example: saaskpi undo last --dry-run")
@click.argument("run", metavar="RUN")
@click.option("--dry-run", is_flag=True, help="Show what would be taken back; change nothing.")
@json_option
@shared_options
def undo(context: Context, run: str, dry_run: bool, as_json: bool) -> None:
    """Put back what an apply wrote.

    RUN is the id that the apply printed, or "last". Former values come back, what was empty is emptied, and
    tasks that nobody has touched go to HubSpot's recycling bin. What somebody changed since, a person or a
    later apply, is listed and left as it is. Properties themselves stay. The next apply writes the numbers
    again, unless what led to them was changed.
    """
    pipeline = context.pipeline()
    if dry_run:
        plan = pipeline.plan_undo(run)
        if as_json:
            print_json({**asdict(plan), "undo_id": plan.undo_id})
        else:
            print_lines(undo_lines(plan))
        return
    with pipeline.alone(), audited(pipeline.store, "undo", run) as entry:
        undone = pipeline.undo(run)
        entry["apply_id"] = undone.plan.apply_id
    if as_json:
        print_json(undone.as_dict())
    else:
        print_lines(undone_lines(undone))


def undo_lines(plan: UndoPlan) -> list[str]:
    """Say what undoing an apply would do, value by value."""
    values, tasks = counted(len(plan.restore), "value"), counted(len(plan.archive), "task")
    return [
        *_restored_lines(plan.restore),
        *_left_lines(plan.left),
        "",
        f"Undoing {plan.apply_id} would put back {values} and move {tasks} to the recycling bin.",
        f"Nothing was changed. Next: saaskpi undo {plan.apply_id}",
    ]


def undone_lines(undone: Undone) -> list[str]:
    """Say what an undo did."""
    plan, result = undone.plan, undone.result
    lines = [f"Not taken back: {kind} {key}: {reason}" for kind, key, reason in result.failures]
    lines += _left_lines(plan.left)
    if not (result.fields_restored or result.tasks_archived):
        return [*lines, f"Nothing to take back of {plan.apply_id}."]
    objects = counted(result.objects_restored, "object")
    done = {f"values put back on {objects}": result.fields_restored}
    done["tasks moved to the recycling bin"] = result.tasks_archived
    told = (f"  {count:>6,} {words}" for words, count in done.items() if count)
    return [*lines, f"Taken back: {plan.apply_id}", *told]


def _restored_lines(rows: Sequence[Restored]) -> Iterator[str]:
    groups = groupby(rows, key=lambda one: (one.object_type, one.object_id))
    for number, ((kind, object_id), group) in enumerate(groups):
        if number == SHOWN:
            yield "... and more: --json shows all."
            return
        yield f"{kind} {object_id}"
        yield from (f"  {one.property}: {one.ours or '(empty)'} -> {one.old or '(empty)'}" for one in group)


def _left_lines(rows: Sequence[Left]) -> Iterator[str]:
    for one in rows[:SHOWN]:
        found, ours = one.found or "(empty)", one.ours or "(empty)"
        # Of texts only a fingerprint is kept, which tells nobody anything.
        was = "differs" if ours.startswith("sha256:") else f"is {found}, we wrote {ours}"
        yield f"Left: {one.object_type} {one.object_id} {one.property} {was}: {one.reason}"
    if len(rows) > SHOWN:
        yield f"... and {len(rows) - SHOWN} more that are left: --json shows all."


COMMANDS = (undo,)

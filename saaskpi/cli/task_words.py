"""What becomes of tasks, in words."""

from __future__ import annotations

from collections.abc import Iterator

from crm_sync.model import Plan, TaskAction, TaskChange, TaskLeftOut

CHANGES = {"complete": "Complete", "comment": "Comment", "reopen": "Open again", "update": "Change"}


def task_lines(plan: Plan) -> list[str]:
    """Say which tasks a plan opens, links, changes and leaves out, each with the reason."""
    return [
        *(_action(one) for one in plan.tasks),
        *(line for one in plan.task_changes for line in _change(one)),
        *(_left_out(one) for one in plan.tasks_left_out),
    ]


def _action(task: TaskAction) -> str:
    if task.action == "link":
        return f"Link task {task.task_id} to company {task.company_id}: {task.reason}"
    due = f"due {task.due:%Y-%m-%d}, " if task.due else ""
    return f"Task: {task.subject} ({due}owner {task.owner_id or 'nobody'}): {task.reason}"


def _change(change: TaskChange) -> Iterator[str]:
    name = f"{change.subject or change.rule} ({change.company_name or change.account_id})"
    yield f"{CHANGES[change.action]} task {change.task_id}, {name}: {change.reason}"
    if change.action == "update":
        yield from (f"  {one.property}: {one.old or '(empty)'} -> {one.new}" for one in change.changes)


def _left_out(left: TaskLeftOut) -> str:
    until = f"; waits until {left.until:%Y-%m-%d}" if left.until else ""
    return f"No task for {left.company_name or left.account_id}, {left.rule}: {left.reason}{until}"

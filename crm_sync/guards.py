"""How much one apply may do to the CRM before it stops and asks a person. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from crm_sync.model import CompanyUpdate, Plan
from saaskpi.errors import NeedsPersonError

WATCHED = ("saaskpi_status", "saaskpi_mrr", "saaskpi_health_band")
"""What people steer by: a change of one of these in many companies at once is looked at first."""
FEW_COMPANIES = 20
"""Below this many companies that carry our values a share of them says nothing."""
FEW_CLEARED = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What goes through without asking.

    Attributes:
        max_changed_share: of the companies that carry our values, how many may change status, MRR or band.
        max_cleared_share: of them, how many may lose their values (a few always may).
        max_tasks_per_owner, max_tasks: how many tasks may be opened, for one owner and in all.
    """

    max_changed_share: float = 0.5
    max_cleared_share: float = 0.2
    max_tasks_per_owner: int = 50
    max_tasks: int = 500


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a person has seen and lets through: up to so many changes, clearings and tasks."""

    change: int = 0
    clear: int = 0
    tasks: int = 0


NOTHING_ALLOWED = Allowed()


@dataclass(frozen=True, slots=True)
class Tripped:
    """A guard that stops an apply: what it saw, and the flag that lets it through."""

    message: str
    flag: str


def tripped(plan: Plan, limits: Limits, allowed: Allowed = NOTHING_ALLOWED) -> list[Tripped]:
    """Return the guards that stop a plan.

    Args:
        plan: what is to be written.
        limits: what goes through without asking.
        allowed: what a person lets through beyond that.
    """
    return [
        *_changes(plan, limits, allowed),
        *_clearings(plan, limits, allowed),
        *_tasks(plan, limits, allowed),
    ]


def check_guards(plan: Plan, limits: Limits, allowed: Allowed = NOTHING_ALLOWED) -> None:
    """Stop a plan that would do more than a person expects of one apply.

    Args:
        plan: what is to be written.
        limits: what goes through without asking.
        allowed: what a person lets through beyond that.

    Raises:
        NeedsPersonError: a guard tripped; the hint names the flags that let the plan through.
    """
    found = tripped(plan, limits, allowed)
    if found:
        words, flags = (
            " ".join(texts) for texts in zip(*((one.message, one.flag) for one in found), strict=True)
        )
        raise NeedsPersonError(
            f"Nothing was written: {words}", hint=f"Look at `saaskpi plan`; if it is right, add {flags}."
        )


def _changes(plan: Plan, limits: Limits, allowed: Allowed) -> Iterator[Tripped]:
    count = sum(map(_changes_watched, plan.updates))
    most = max(int(limits.max_changed_share * plan.carrying), allowed.change)
    if plan.carrying >= FEW_COMPANIES and count > most:
        yield Tripped(
            f"{count} of {plan.carrying} companies would change status, MRR or health band "
            f"(at most {most} go through unasked).",
            f"--yes-change {count}",
        )


def _clearings(plan: Plan, limits: Limits, allowed: Allowed) -> Iterator[Tripped]:
    count = sum(map(_loses_values, plan.updates))
    most = max(FEW_CLEARED, int(limits.max_cleared_share * plan.carrying), allowed.clear)
    if count > most:
        yield Tripped(
            f"{count} of {plan.carrying} companies would lose their values (at most {most} go through "
            "unasked): it is likelier that a source was not read than that all of them left.",
            f"--yes-clear {count}",
        )


def _tasks(plan: Plan, limits: Limits, allowed: Allowed) -> Iterator[Tripped]:
    owners = Counter(task.owner_id for task in plan.tasks if task.action == "open")
    count = owners.total()
    if count <= allowed.tasks or not count:
        return
    owner, most = owners.most_common(1)[0]
    if count > limits.max_tasks:
        yield Tripped(
            f"{count} tasks would be opened (at most {limits.max_tasks} go through unasked).",
            f"--yes-tasks {count}",
        )
    elif most > limits.max_tasks_per_owner:
        yield Tripped(
            f"{most} tasks would be opened for {f'owner {owner}' if owner else 'nobody'} "
            f"(at most {limits.max_tasks_per_owner} go through unasked).",
            f"--yes-tasks {count}",
        )


def _changes_watched(update: CompanyUpdate) -> bool:
    """Tell whether a company's status, MRR or band changes; a first value is no change."""
    return any(change.property in WATCHED and change.old for change in update.changes)


def _loses_values(update: CompanyUpdate) -> bool:
    return update.action == "clear" or any(
        change.property in WATCHED and change.old and not change.new for change in update.changes
    )

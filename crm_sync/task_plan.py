"""What becomes of each flag and of each task of ours: opened, linked, updated, closed, or left out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import pandas as pd

from crm_sync.canonical import is_missing
from crm_sync.frames import records
from crm_sync.model import FieldChange, MadeFrom, TaskAction, TaskChange, TaskLeftOut
from crm_sync.task_states import (
    COMPLETED,
    OPEN,
    OWNER_FIELD,
    PRIORITY_FIELD,
    STATUS_FIELD,
    US,
    KnownTask,
    KnownTasks,
    known_tasks,
    newest,
    survivors_of,
)
from crm_sync.task_texts import BREAK, Texts, reference
from crm_sync.tasks import Owners, Rule, due_at, is_severe_enough, task_key

WhenOver = Literal["complete", "comment", "leave"]
NO_COMPANY = "the account has no company in the CRM"
NOT_LINKED = "it was not linked to its company"


class TaskInputs(Protocol):
    """The part of a plan's inputs that tasks need; see :class:`crm_sync.plan.PlanInputs`."""

    @property
    def made_from(self) -> MadeFrom: ...  # noqa: D102
    @property
    def flags(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def episodes(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def companies(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def tasks(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def task_ledger(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def tasks_refused(self) -> str | None: ...  # noqa: D102
    @property
    def tasks_read_at(self) -> datetime | None: ...  # noqa: D102


@dataclass(frozen=True)
class TaskPolicy:
    """What a person may set about tasks.

    Attributes:
        rules: from flags to tasks; of two for one flag the later one counts.
        texts: the words.
        owners: who may get tasks.
        when_over: what becomes of an open task whose flag is down.
        cooldown_days: after a task was completed, no other is opened for the same account and rule that long.
    """

    rules: Sequence[Rule]
    texts: Texts
    owners: Owners
    when_over: WhenOver = "complete"
    cooldown_days: int = 14


@dataclass
class TaskPlan:
    """Tasks to write, those that are there or left out, and what a reader should know."""

    actions: list[TaskAction] = field(default_factory=list)
    changes: list[TaskChange] = field(default_factory=list)
    left_out: list[TaskLeftOut] = field(default_factory=list)
    already_open: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Case:
    """An open flag of an account that a rule makes a task of."""

    key: str
    rule: Rule
    account: Mapping[str, Any]
    flag: Mapping[str, Any]
    episodes: frozenset[str]

    @property
    def account_id(self) -> str:
        return str(self.account["account_id"])


def plan_tasks(
    accounts: Sequence[Mapping[str, Any]], inputs: TaskInputs, policy: TaskPolicy, now: datetime
) -> TaskPlan:
    """Return what becomes of every open flag that a rule names, and of every task of ours.

    A task that is known, open or done, is never opened again: a rep may have finished it. While an unfinished
    task of the same account and rule is in the CRM, no second one is opened, whichever episode it is of: so
    neither a lost store nor a merge of companies can duplicate tasks.

    Args:
        accounts: rows of the accounts table.
        inputs: flags, episodes, and the tasks known from the CRM and from the ledger.
        policy: what a person set.
        now: due dates and the cool-down count from it (UTC).
    """
    planner = _Planner(accounts, inputs, policy, now)
    planner.follow_flags()
    planner.follow_tasks()
    plan = planner.plan
    unassigned = sum(one.action == "open" and one.owner_id is None for one in plan.actions)
    if inputs.tasks_refused is not None and plan.actions:
        plan.notes.append(refused_note(inputs.tasks_refused))
    if unassigned:
        plan.notes.append(
            f"Tasks without an active owner: {unassigned}. Name one in tasks.fallback_owner_id."
        )
    return plan


def refused_note(reason: str) -> str:
    """Say how tasks are told apart where the portal cannot hold their unique key."""
    return (
        f"HubSpot refused the unique task property ({reason}), so tasks are told apart by a reference line "
        "in their body. To change that, allow one more unique property on tasks, then run "
        "`saaskpi check --create-properties`."
    )


class _Planner:
    """One plan's tasks in the making."""

    def __init__(
        self,
        accounts: Sequence[Mapping[str, Any]],
        inputs: TaskInputs,
        policy: TaskPolicy,
        now: datetime,
    ) -> None:
        self.plan = TaskPlan()
        self._policy = policy
        self._now = now
        self._portal = inputs.made_from.portal_id
        self._accounts = {str(row["account_id"]): row for row in accounts}
        self._survivors = survivors_of(inputs.companies)
        self._episodes = _Episodes(inputs.episodes, self._survivors)
        self._raised = {(str(row["account_id"]), row["flag"]): row for row in records(inputs.flags)}
        self._known: KnownTasks = known_tasks(
            inputs.tasks, inputs.task_ledger, self._survivors, self._portal, inputs.tasks_read_at
        )

    # From flags to tasks

    def follow_flags(self) -> None:
        """Open a task for each flag that is up and has none."""
        for case in sorted(self._cases(), key=lambda case: case.key):
            tasks = self._known.of(case.account_id, case.rule.flag)
            own = next((task for task in tasks if task.episode in case.episodes), None)
            if is_missing(case.account["company_id"]):
                self._leave_out(case, NO_COMPANY)
            elif own is not None:
                self._keep(case, own)
            elif any(task.is_open for task in tasks):
                self.plan.already_open += 1
            elif (until := self._cool_down(tasks)) is not None:
                self._leave_out(case, "a task of this rule was completed lately", until)
            else:
                self.plan.actions.append(self._opened(case))

    def _cases(self) -> Iterator[_Case]:
        rules = {rule.flag: rule for rule in self._policy.rules if rule.enabled}
        for account_id, flag, episode, episodes in self._episodes.up():
            rule = rules.get(flag)
            account, raised = self._accounts.get(account_id), self._raised.get((account_id, flag))
            if rule and account and raised and is_severe_enough(rule, raised["severity"]):
                key = task_key(self._portal, account_id, flag, episode)
                yield _Case(key, rule, account, raised, episodes)

    def _keep(self, case: _Case, task: KnownTask) -> None:
        """Leave the task of this very episode alone, but for what a crash or a flag that returned left."""
        self.plan.already_open += 1
        if task.status == COMPLETED and task.company_id is None:
            self.plan.actions.append(self._linked(task, case.account, NOT_LINKED))
        if task.status == COMPLETED and task.completed_by == US:
            self.plan.changes.append(self._reopened(case, task))

    def _cool_down(self, tasks: Sequence[KnownTask]) -> datetime | None:
        """Return until when no task of this account and rule is opened, None when that is over."""
        last = newest(task.completed_at for task in tasks)
        until = last and last + timedelta(days=self._policy.cooldown_days)
        return until if until and until > self._now else None

    def _leave_out(self, case: _Case, reason: str, until: datetime | None = None) -> None:
        left = TaskLeftOut(case.account_id, _name(case.account), case.rule.flag, reason, until)
        self.plan.left_out.append(left)

    def _opened(self, case: _Case) -> TaskAction:
        texts, rule = self._policy.texts, case.rule
        words, severity = rule.words(texts), str(case.flag["severity"])
        evidence = case.flag[f"evidence_{texts.language}"]
        values = texts.values(
            rule.flag, severity, case.account, "" if is_missing(evidence) else str(evidence)
        )
        return TaskAction(
            key=case.key,
            action="open",
            task_id=None,
            account_id=case.account_id,
            company_id=str(case.account["company_id"]),
            company_name=_name(case.account),
            rule=rule.flag,
            severity=severity,
            owner_id=self._policy.owners.assignee(case.account["owner_id"], rule.owner),
            due=due_at(self._now, rule.due_in),
            subject=texts.subject(words, values),
            body=f"{texts.body(words, values)}{BREAK}{reference(case.key)}",
            priority=rule.priority,
            type=rule.type,
            reason=f"{rule.flag} is up with severity {severity}",
        )

    # From tasks to flags

    def follow_tasks(self) -> None:
        """Close the open tasks whose flag is down; mend owner, priority and link of the others."""
        for task in self._known.tasks:
            if not task.is_open:
                continue
            account = self._accounts.get(task.account_id)
            if account is not None and (reason := self._lacks_link(task, account)):
                self.plan.actions.append(self._linked(task, account, reason))
            day = self._episodes.over(task)
            if day:
                self._close(task, account, day)
            elif account is not None:
                self._update(task, account)

    def _lacks_link(self, task: KnownTask, account: Mapping[str, Any]) -> str:
        """Return why the task must be linked to the account's company, "" when it is."""
        company = account["company_id"]
        if is_missing(company) or task.company_id == company:
            return ""
        return f"its company {task.company_id} was merged into this one" if task.company_id else NOT_LINKED

    def _close(self, task: KnownTask, account: Mapping[str, Any] | None, day: str) -> None:
        if self._policy.when_over == "leave" or task.over == day:
            return
        reason = f"{task.rule} is down since {day}"
        if self._policy.when_over == "complete":
            changes = [FieldChange(STATUS_FIELD, task.status, COMPLETED, reason)]
            self.plan.changes.append(self._changed(task, account, "complete", changes, reason, day))
        else:
            self.plan.changes.append(self._changed(task, account, "comment", [], reason, day))

    def _update(self, task: KnownTask, account: Mapping[str, Any]) -> None:
        changes = [*self._reassigned(task, account), *self._raised_priority(task)]
        if changes:
            reason = "; ".join(change.reason for change in changes)
            self.plan.changes.append(self._changed(task, account, "update", changes, reason))

    def _reassigned(self, task: KnownTask, account: Mapping[str, Any]) -> Iterator[FieldChange]:
        owners = self._policy.owners
        rule = next((one for one in reversed(self._policy.rules) if one.flag == task.rule), None)
        new = owners.assignee(account["owner_id"], rule.owner if rule else "company")
        if task.owner_id in owners.left and new is not None:
            yield FieldChange(OWNER_FIELD, task.owner_id, new, "its owner has left")

    def _raised_priority(self, task: KnownTask) -> Iterator[FieldChange]:
        flag = self._raised.get((task.account_id, task.rule))
        rose = flag is not None and flag["severity"] == "high" and task.severity in ("low", "medium")
        if rose and task.priority == task.our_priority and task.priority in ("LOW", "MEDIUM"):
            reason = f"the severity rose from {task.severity} to high"
            yield FieldChange(PRIORITY_FIELD, task.priority, "HIGH", reason)

    # Writing down

    def _reopened(self, case: _Case, task: KnownTask) -> TaskChange:
        reason = f"{task.rule} is up again"
        changes = [FieldChange(STATUS_FIELD, COMPLETED, OPEN, reason)]
        return self._changed(task, case.account, "reopen", changes, reason, task.over)

    def _linked(self, task: KnownTask, account: Mapping[str, Any], reason: str) -> TaskAction:
        return TaskAction(
            key=task.key,
            action="link",
            task_id=task.task_id,
            account_id=str(account["account_id"]),
            company_id=str(account["company_id"]),
            company_name=_name(account),
            rule=task.rule,
            subject=task.subject,
            reason=reason,
        )

    def _changed(
        self,
        task: KnownTask,
        account: Mapping[str, Any] | None,
        action: Literal["complete", "comment", "reopen", "update"],
        changes: list[FieldChange],
        reason: str,
        over: str = "",
    ) -> TaskChange:
        flag = self._raised.get((task.account_id, task.rule))
        company = None if account is None or is_missing(account["company_id"]) else str(account["company_id"])
        return TaskChange(
            key=task.key,
            action=action,
            task_id=task.task_id,
            account_id=task.account_id,
            company_id=company or task.company_id or task.account_id,
            company_name=_name(account) if account else "",
            rule=task.rule,
            subject=task.subject,
            changes=changes,
            line=self._line(task, action, over),
            over=over,
            severity="" if flag is None else str(flag["severity"]),
            reason=reason,
        )

    def _line(self, task: KnownTask, action: str, over: str) -> str:
        """Return what is added to the body; its reference is the same whenever it is planned again."""
        texts = self._policy.texts
        if action == "update":
            return ""
        if action == "reopen":
            text = texts.back(task.rule, f"{self._now:%Y-%m-%d}")
            return f"{text} {reference(task.key, 'back', over)}"
        return f"{texts.over(task.rule, over)} {reference(task.key, 'over', over)}"


class _Episodes:
    """The episodes of all flags, with merged companies standing for their survivors."""

    def __init__(self, episodes: pd.DataFrame, survivors: Mapping[str, str]) -> None:
        self._closed: dict[tuple[str, str], list[tuple[str, datetime]]] = {}
        self._open: dict[tuple[str, str], dict[str, datetime]] = {}
        names = ("account_id", "flag", "episode", "opened_at", "closed_at")
        for account, flag, episode, opened, closed in zip(*(episodes[one] for one in names), strict=True):
            into = survivors.get(str(account), str(account)), str(flag)
            if not is_missing(closed):
                self._closed.setdefault(into, []).append((str(episode), closed))
            else:
                self._open.setdefault(into, {})[str(episode)] = opened

    def up(self) -> Iterator[tuple[str, str, str, frozenset[str]]]:
        """Yield account, flag and episode of each flag that is up, and all episodes that it carries on.

        A merge ends the episode of the company that is gone when it opens one of the survivor, or leaves
        several open: it is all one.
        """
        for (account_id, flag), found in self._open.items():
            opened, episode = min((at, episode) for episode, at in found.items())
            # One account's own episodes follow one another; only a merge makes them overlap.
            merged = (
                episode for episode, closed in self._closed.get((account_id, flag), ()) if closed >= opened
            )
            yield account_id, flag, episode, frozenset((*found, *merged))

    def over(self, task: KnownTask) -> str:
        """Return the day on which the task's flag went down, "" while it is up or nobody knows."""
        if (task.account_id, task.rule) in self._open:
            return ""
        closed = self._closed.get((task.account_id, task.rule), ())
        ends = [at for episode, at in closed if episode == task.episode]
        return f"{max(ends):%Y-%m-%d}" if ends else ""


def _name(account: Mapping[str, Any]) -> str:
    return "" if is_missing(account["name"]) else str(account["name"])

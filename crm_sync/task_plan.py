"""Which tasks are to be opened or linked, and which are there already. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import pandas as pd

from crm_sync.canonical import is_missing
from crm_sync.frames import picked, records
from crm_sync.model import MadeFrom, TaskAction
from crm_sync.properties import TASK_KEY
from crm_sync.tasks import Owners, Rule, Texts, due_at, is_severe_enough, task_key


class TaskInputs(Protocol):
    """The part of a plan's inputs that tasks need; see :class:`crm_sync.plan.PlanInputs`."""

    @property
    def made_from(self) -> MadeFrom: ...  # noqa: D102
    @property
    def flags(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def episodes(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def tasks(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def task_ledger(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def tasks_refused(self) -> str | None: ...  # noqa: D102


@dataclass
class TaskPlan:
    """Tasks to write, how many are there or left out, and what a reader should know."""

    actions: list[TaskAction] = field(default_factory=list)
    already_open: int = 0
    skipped: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Case:
    """An open flag of a matched account that a rule makes a task of."""

    key: str
    rule: Rule
    account: Mapping[str, Any]
    flag: Mapping[str, Any]


def plan_tasks(
    accounts: Sequence[Mapping[str, Any]],
    inputs: TaskInputs,
    rules: Sequence[Rule],
    texts: Texts,
    owners: Owners,
    now: datetime,
) -> TaskPlan:
    """Return the tasks for every open episode of a flag that a rule names.

    A task that is known, open or done, is never written again: a rep may have finished it. While an
    unfinished task of the same account and rule is in the CRM, no second one is opened, whichever episode it
    is of: so a lost store cannot duplicate tasks.

    Args:
        accounts: rows of the accounts table.
        inputs: flags, episodes, and the tasks known from the CRM and from the ledger.
        rules: which flags become tasks.
        texts: the words.
        owners: who gets them.
        now: due dates count from it (UTC).
    """
    plan = TaskPlan()
    linked = set(inputs.task_ledger.loc[inputs.task_ledger["linked_at"].notna(), "task_key"])
    known = _known(inputs.tasks, inputs.task_ledger)
    waiting = _waiting(inputs.tasks)
    cases = sorted(_cases(accounts, inputs, rules), key=lambda case: case.key)
    for case in cases:
        if case.key in linked or (case.key not in known and _without_episode(case.key) in waiting):
            plan.already_open += 1
        elif inputs.tasks_refused is not None:
            plan.skipped += 1
        else:
            plan.actions.append(_action(case, known.get(case.key), texts, owners, now))
    if plan.skipped:
        plan.notes.append(refused_note(plan.skipped, inputs.tasks_refused or ""))
    unassigned = sum(action.owner_id is None for action in plan.actions)
    if unassigned:
        plan.notes.append(
            f"Tasks without an active owner: {unassigned}. Name one in tasks.fallback_owner_id."
        )
    return plan


def refused_note(count: int, reason: str) -> str:
    """Say that tasks are left out because the portal cannot hold their unique key."""
    return (
        f"Tasks left out: {count}. HubSpot refused the unique task property ({reason}). "
        "Allow one more unique property on tasks, then run `saaskpi check --create-properties`."
    )


def _known(tasks: pd.DataFrame, ledger: pd.DataFrame) -> dict[str, str]:
    """Return the ids of tasks by key: those that the CRM shows and those that we wrote."""
    keys = picked(tasks["properties"], {"key": TASK_KEY})["key"].tolist()
    shown = zip(keys, tasks["id"].astype(str).tolist(), strict=True)
    written = zip(ledger["task_key"].tolist(), ledger["task_id"].tolist(), strict=True)
    return {str(key): task_id for key, task_id in shown if key} | dict(written)


def _waiting(tasks: pd.DataFrame) -> set[str]:
    """Return the keys, without their episode, of our tasks in the CRM that nobody has finished."""
    fields = picked(tasks["properties"], {"key": TASK_KEY, "status": "hs_task_status"})
    return {
        _without_episode(row["key"]) for row in records(fields) if row["key"] and row["status"] != "COMPLETED"
    }


def _without_episode(key: str) -> str:
    return key.rpartition(":")[0]


def _cases(
    accounts: Sequence[Mapping[str, Any]], inputs: TaskInputs, rules: Sequence[Rule]
) -> Iterator[_Case]:
    by_flag = {rule.flag: rule for rule in rules}
    matched = {row["account_id"]: row for row in accounts if not is_missing(row["company_id"])}
    raised = {(row["account_id"], row["flag"]): row for row in records(inputs.flags)}
    for episode in records(inputs.episodes[inputs.episodes["closed_at"].isna()]):
        pair = (episode["account_id"], episode["flag"])
        rule, account, flag = by_flag.get(pair[1]), matched.get(pair[0]), raised.get(pair)
        if rule and account and flag and is_severe_enough(rule, flag["severity"]):
            key = task_key(inputs.made_from.portal_id, pair[0], rule.flag, episode["episode"])
            yield _Case(key, rule, account, flag)


def _action(case: _Case, task_id: str | None, texts: Texts, owners: Owners, now: datetime) -> TaskAction:
    evidence = case.flag[f"evidence_{texts.language}"]
    name = "" if is_missing(case.account["name"]) else str(case.account["name"])
    return TaskAction(
        key=case.key,
        action="open" if task_id is None else "link",
        task_id=task_id,
        account_id=str(case.account["account_id"]),
        company_id=str(case.account["company_id"]),
        company_name=name,
        rule=case.rule.flag,
        severity=str(case.flag["severity"]),
        owner_id=owners.assignee(case.account["owner_id"]),
        due=due_at(now, case.rule.due_in),
        subject=texts.subject(case.rule, name),
        body=texts.body(case.rule, case.account, "" if is_missing(evidence) else str(evidence)),
        priority=case.rule.priority,
        type=case.rule.type,
    )

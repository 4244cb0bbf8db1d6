"""The tasks of a plan on their way into the CRM.

A task is told from all others by its unique key (``saaskpi_task_key``) and upserted by it, or, in a portal
that cannot hold such a key, by a reference line in its body: then nothing is created before the tasks of its
company were read. In both cases a row of the store says, before the call, that the task may exist from then
on; so a later apply looks for it before it creates it anew, and never writes over what a person did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from crm_sync.model import Plan, TaskAction, TaskChange
from crm_sync.ports import CrmWriter, PushLedger, RowOutcome
from crm_sync.properties import COMPANIES, TASK_KEY, TASKS
from crm_sync.recording import Recorder
from crm_sync.task_changes import LIVE_FIELDS, Decision, decide
from crm_sync.task_plan import refused_note
from crm_sync.task_states import BODY_FIELD, OPEN, OWNER_FIELD, PRIORITY_FIELD, STATUS_FIELD, SUBJECT_FIELD
from crm_sync.task_texts import reference

TASK_TO_COMPANY = 192
SETTLING = timedelta(seconds=60)
"""How long a creation without answer is waited for, before the task counts as not created."""


class TaskWrites:
    """Changes, opens and links the tasks of one plan.

    Args:
        plan: as it was made or read from its file.
        writer: of the portal.
        ledger: remembers the tasks.
        recorder: remembers each batch.
    """

    def __init__(self, plan: Plan, writer: CrmWriter, ledger: PushLedger, recorder: Recorder) -> None:
        self._actions = plan.tasks
        self._changes = plan.task_changes
        self._writer = writer
        self._ledger = ledger
        self._recorder = recorder
        self._result = recorder.result
        self._ids: dict[str, str] = {}

    @property
    def needs_key(self) -> bool:
        """True when the portal must have the unique property for what is to be opened."""
        return self._ledger.tasks_refused() is None and any(one.action == "open" for one in self._actions)

    def do_without_key(self, reason: str) -> None:
        """Tell tasks apart by their reference line; the store remembers why."""
        self._ledger.refuse_tasks(reason)
        self._result.messages.append(refused_note(reason))

    def write(self) -> None:
        """Change, open and link."""
        self._change()
        self._open()
        self._link()

    # Tasks that are there

    def _change(self) -> None:
        """Write the changes whose tasks still are as the plan saw them."""
        changes = {one.task_id: one for one in self._changes}
        live = self._writer.read(TASKS, list(changes), LIVE_FIELDS) if changes else {}
        decisions = {id_: decide(one, live.get(id_), self._recorder.now) for id_, one in changes.items()}
        self._put_down({id_: one for id_, one in decisions.items() if not one.values}, changes)
        values = {id_: _before_and_now(one, live[id_]) for id_, one in decisions.items() if one.values}
        answers = self._recorder.update(self._writer, TASKS, values)
        for batch in self._recorder.batches("task changes", answers, len(values)):
            good = {one.key: decisions[one.key] for one in batch if one.ok}
            self._recorder.remember(TASKS, {id_: values[id_] for id_ in good})
            self._put_down(good, changes)
            self._recorder.settle(TASKS, batch)
            for id_ in good:
                self._count(changes[id_])

    def _put_down(self, decisions: Mapping[str, Decision], changes: Mapping[str, TaskChange]) -> None:
        """Remember how tasks were found or left."""
        by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for id_, decision in decisions.items():
            row = {**self._base(changes[id_], id_), **decision.state}
            by_columns.setdefault(tuple(row), []).append(row)
        for rows in by_columns.values():
            self._ledger.record_task_states(rows)

    def _count(self, change: TaskChange) -> None:
        self._result.tasks_completed += change.action == "complete"
        self._result.tasks_commented += change.action == "comment"
        self._result.tasks_updated += change.action in ("update", "reopen")

    # New tasks

    def _open(self) -> None:
        """Create the tasks, but for those that a broken apply created."""
        self._ids |= self._ledger.task_ids([one.key for one in self._actions])
        tasks = {one.key: one for one in self._actions if one.action == "open" and one.key not in self._ids}
        by_key = self._ledger.tasks_refused() is None
        found = self._found_by_key(tasks) if by_key else self._found_by_reference(tasks)
        self._put_down_new(tasks, found)
        waiting = set() if by_key else self._unsettled(tasks.keys() - found.keys())
        new = {key: task for key, task in tasks.items() if key not in found and key not in waiting}
        self._intend(new)
        if by_key:  # undo finds them by it
            self._recorder.intend(TASKS, {key: _new(task) for key, task in new.items()})
        for batch in self._recorder.batches("tasks", self._created(new, by_key=by_key), len(new)):
            self._recorder.settle(TASKS, batch)
            ids = {one.key: one.object_id for one in batch if one.ok and one.object_id}
            self._put_down_new(tasks, ids)
            self._result.tasks_opened += len(ids)

    def _put_down_new(self, tasks: Mapping[str, TaskAction], ids: Mapping[str, str]) -> None:
        """Remember tasks that now exist, under which ids, and what was written into them."""
        self._remember({key: (tasks[key], id_) for key, id_ in ids.items()})
        self._recorder.remember(TASKS, {id_: _new(tasks[key]) for key, id_ in ids.items()})
        if ids:
            self._ledger.forget_intents(self._recorder.apply_id, TASKS, list(ids))

    def _created(self, tasks: Mapping[str, TaskAction], *, by_key: bool) -> Iterator[Sequence[RowOutcome]]:
        if by_key:
            inputs = [(key, {TASK_KEY: key, **_values(task)}) for key, task in tasks.items()]
            return self._writer.upsert(TASKS, TASK_KEY, inputs)
        linked = [(key, _values(task), task.company_id) for key, task in tasks.items()]
        return self._writer.create(TASKS, COMPANIES, TASK_TO_COMPANY, linked)

    def _found_by_key(self, tasks: Mapping[str, TaskAction]) -> dict[str, str]:
        """Return the ids of tasks that a broken apply may have created: they are not written again."""
        begun = [key for key in self._ledger.task_intents() if key in tasks]
        live = self._writer.read(TASKS, begun, (TASK_KEY,), TASK_KEY) if begun else {}
        return {key: one["hs_object_id"] for key, one in live.items()}

    def _found_by_reference(self, tasks: Mapping[str, TaskAction]) -> dict[str, str]:
        """Look for the tasks among those of their companies.

        Both reads give what HubSpot holds now; its search would lag behind by seconds.
        """
        companies = sorted({task.company_id for task in tasks.values()})
        listed = self._writer.linked(COMPANIES, TASKS, companies) if companies else {}
        ids = sorted({id_ for found in listed.values() for id_ in found})
        live = self._writer.read(TASKS, ids, (BODY_FIELD,)) if ids else {}
        found: dict[str, str] = {}
        for key, task in tasks.items():
            mark = reference(key)
            theirs = sorted(listed.get(task.company_id, ()), key=int)
            hits = [id_ for id_ in theirs if id_ in live and mark in live[id_][BODY_FIELD]]
            found |= {key: hits[0]} if hits else {}
        return found

    def _unsettled(self, keys: set[str]) -> set[str]:
        """Return the keys whose creation went without answer so lately that the task may yet show up."""
        begun = self._ledger.task_intents()
        since = self._recorder.now - SETTLING
        waiting = {key for key in keys if key in begun and begun[key] > since}
        if waiting:
            self._result.tasks_skipped += len(waiting)
            self._result.messages.append(
                f"Tasks that wait: {len(waiting)}. HubSpot did not say whether it created them; the next run "
                "looks again."
            )
        return waiting

    def _intend(self, tasks: Mapping[str, TaskAction]) -> None:
        self._ledger.record_intents(
            [
                {
                    "task_key": key,
                    "company_id": task.company_id,
                    "run_id": self._recorder.run_id,
                    "intended_at": self._recorder.now,
                }
                for key, task in tasks.items()
            ]
        )

    # Links

    def _link(self) -> None:
        """Link each task to its company; those that a broken run had created too."""
        self._remember({one.key: (one, one.task_id) for one in self._actions if one.task_id is not None})
        pairs = [(self._ids[one.key], one.company_id) for one in self._actions if one.key in self._ids]
        answers = self._writer.associate(TASKS, COMPANIES, TASK_TO_COMPANY, pairs)
        for batch in self._recorder.batches("links", answers, len(pairs)):
            linked = dict(_ends(one.key) for one in batch if one.ok)
            self._ledger.record_linked(linked, self._recorder.now)
            self._recorder.settle("task links", batch)
            self._result.tasks_linked += len(linked)

    def _remember(self, tasks: Mapping[str, tuple[TaskAction, str]]) -> None:
        self._ids |= {key: task_id for key, (_, task_id) in tasks.items()}
        opened = [(task, id_) for task, id_ in tasks.values() if task.action == "open"]
        self._ledger.record_tasks([{**self._base(task, id_), **_said(task)} for task, id_ in opened])
        linked = [(task, id_) for task, id_ in tasks.values() if task.action == "link"]
        self._ledger.record_tasks([self._base(task, id_) for task, id_ in linked])

    def _base(self, task: TaskAction | TaskChange, task_id: str) -> dict[str, Any]:
        return {
            "task_key": task.key,
            "task_id": task_id,
            "company_id": task.company_id,
            "run_id": self._recorder.run_id,
            "opened_at": self._recorder.now,
        }


def _before_and_now(decision: Decision, live: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {name: (live[name], value) for name, value in decision.values.items()}


def _new(task: TaskAction) -> dict[str, tuple[str, str]]:
    return {name: ("", value) for name, value in _values(task).items()}


def _said(task: TaskAction) -> dict[str, Any]:
    """Return what the ledger keeps of what a new task says."""
    return {
        "severity": task.severity,
        "status": OPEN,
        "priority": task.priority,
        "owner_id": task.owner_id,
    }


def _ends(link: str) -> tuple[str, str]:
    task_id, _, company_id = link.partition(":")
    return task_id, company_id


def _values(task: TaskAction) -> dict[str, str]:
    values = {
        SUBJECT_FIELD: task.subject,
        BODY_FIELD: task.body,
        STATUS_FIELD: OPEN,
        PRIORITY_FIELD: task.priority,
        "hs_task_type": task.type,
    }
    if task.due is not None:
        values["hs_timestamp"] = task.due.strftime("%Y-%m-%dT%H:%M:%SZ")
    return values if task.owner_id is None else {**values, OWNER_FIELD: task.owner_id}

"""Writes a plan to the CRM, exactly, and remembers each batch before the next one.

Every write says what to be, not what to change, so a crash between a write and its record costs one repeated
write and nothing else: properties are set to the same values, tasks are upserted by their unique key, links
are idempotent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_sync.model import CompanyUpdate, Plan, TaskAction
from crm_sync.ports import CrmWriter, Progress, PushLedger, RowOutcome
from crm_sync.preflight import gone, preflight
from crm_sync.properties import COMPANIES, GROUP, GROUP_LABEL, TASK_KEY, TASKS, Property, properties_of
from crm_sync.task_plan import refused_note
from saaskpi.errors import NeedsPersonError, RejectedError, UsageError

TASK_TO_COMPANY = 192
_AGAIN = "Make a new one with `saaskpi plan`."


@dataclass
class ApplyResult:
    """What an apply did.

    Attributes:
        properties_created: definitions created.
        companies_updated: companies written.
        fields_written: fields of them.
        tasks_opened: tasks created.
        tasks_linked: tasks linked to their company.
        tasks_skipped: tasks left out; ``messages`` say why.
        failures: refused rows as (object type, id or key, reason); they are tried again by the next run.
        messages: what a reader should know, one sentence each.
    """

    properties_created: int = 0
    companies_updated: int = 0
    fields_written: int = 0
    tasks_opened: int = 0
    tasks_linked: int = 0
    tasks_skipped: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def apply(
    plan: Plan, writer: CrmWriter, ledger: PushLedger, now: datetime, progress: Progress | None = None
) -> ApplyResult:
    """Write a plan: definitions, companies, tasks, links.

    Before the first write the portal's id and its live property definitions are read (one call, and one per
    object type written to): an admin may have changed them since the pull. A plan that writes nothing makes
    no call.

    Args:
        plan: as it was made or read from its file.
        writer: of the portal that the plan was made for.
        ledger: remembers each batch.
        now: written beside each record (UTC, aware).
        progress: is told how far it is.

    Raises:
        NeedsPersonError: the plan is blocked, stale, or the portal's properties do not fit any more.
        UsageError: the plan was applied already, or was made for another portal.
        AccessError: the key or a scope is refused; nothing more is tried.
        UnavailableError: HubSpot went on failing; what was written is remembered.
    """
    _refuse_unfit(plan, ledger)
    run = _Application(plan, writer, ledger, now, progress or _quiet)
    if not plan.writes_nothing:
        if writer.portal_id() != plan.made_from.portal_id:
            raise UsageError("This plan was made for another HubSpot portal.", hint=_AGAIN)
        run.define()
        run.update_companies()
        run.open_tasks()
        run.link_tasks()
    ledger.mark_plan_applied(plan.hash, plan.made_from.run_id, now)
    return run.result


def _refuse_unfit(plan: Plan, ledger: PushLedger) -> None:
    if ledger.plan_applied(plan.hash) and not plan.writes_nothing:
        raise UsageError("This plan was applied already.", hint=_AGAIN)
    if ledger.current_run() != plan.made_from.run_id:
        raise NeedsPersonError("This plan is stale: it was made from an earlier run.", hint=_AGAIN)
    _stop_at([f"{one.message} {one.hint}" for one in plan.blockers])


def _stop_at(reasons: Sequence[str]) -> None:
    if reasons:
        raise NeedsPersonError(
            f"Nothing was written: {' '.join(reasons)}", hint="Then run `saaskpi run` again."
        )


def _quiet(_stage: str, _done: int, _total: int) -> None:
    pass


class _Application:
    """One plan on its way into the CRM."""

    def __init__(
        self, plan: Plan, writer: CrmWriter, ledger: PushLedger, now: datetime, progress: Progress
    ) -> None:
        self.result = ApplyResult()
        self._plan = plan
        self._writer = writer
        self._ledger = ledger
        self._now = now
        self._progress = progress
        self._run_id = plan.made_from.run_id
        self._task_ids: dict[str, str] = {}
        self._tasks = plan.tasks

    # Definitions

    def define(self) -> None:
        """Look at the live definitions, create those that the plan says are missing."""
        live = {one: self._writer.properties(one) for one in self._object_types()}
        planned = {(one.object_type, one.name) for one in self._plan.definitions}
        missing: dict[str, list[Mapping[str, Any]]] = {}
        blockers: list[str] = []
        for object_type, portal in live.items():
            check = preflight(object_type, self._needed(object_type), portal)
            unplanned = [one.name for one in check.missing if (object_type, one.name) not in planned]
            stops = [*check.blockers, *(gone(object_type, name) for name in unplanned)]
            blockers += [f"{one.message} {one.hint}" for one in stops]
            missing[object_type] = [one.body for one in check.missing]
        _stop_at(blockers)
        for object_type, bodies in missing.items():
            self._create(object_type, bodies)

    def _object_types(self) -> list[str]:
        defined = {one.object_type for one in self._plan.definitions}
        wanted = {COMPANIES: bool(self._plan.updates), TASKS: bool(self._plan.tasks)}
        return [one for one, written in wanted.items() if written or one in defined]

    def _needed(self, object_type: str) -> list[Property]:
        """Return those of our properties that the plan creates or writes."""
        names = {one.name for one in self._plan.definitions if one.object_type == object_type}
        if object_type == COMPANIES:
            names |= {change.property for one in self._plan.updates for change in one.changes}
        elif self._plan.tasks:
            names.add(TASK_KEY)
        return [one for one in properties_of(object_type) if one.name in names]

    def _create(self, object_type: str, bodies: Sequence[Mapping[str, Any]]) -> None:
        needed = [one.name for one in self._needed(object_type)]
        refused: Mapping[str, str] = {}
        if bodies:
            refused = self._try_to_create(object_type, bodies)
            self.result.properties_created += len(bodies) - len(refused)
            self._progress("properties", len(bodies) - len(refused), len(bodies))
        self._ledger.record_set_up(object_type, [one for one in needed if one not in refused], self._now)
        if object_type == TASKS and refused:
            self._leave_tasks_out(refused[TASK_KEY])
        elif refused:
            _stop_at([f"HubSpot refused the property {name}: {why}" for name, why in refused.items()])

    def _try_to_create(self, object_type: str, bodies: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Create the group and the properties; return the refused ones with the reason."""
        try:
            self._writer.create_group(object_type, GROUP, GROUP_LABEL)
        except RejectedError as error:
            return {str(body["name"]): error.message for body in bodies}
        outcomes = self._writer.create_properties(object_type, bodies)
        return {one.key: one.error or "" for one in outcomes if not one.ok}

    def _leave_tasks_out(self, reason: str) -> None:
        """Go on without tasks; the store remembers why, so that the next plan does not ask again."""
        self._ledger.refuse_tasks(reason)
        self.result.tasks_skipped = len(self._tasks)
        self.result.messages.append(refused_note(len(self._tasks), reason))
        self._tasks = []

    # Companies

    def update_companies(self) -> None:
        """Set the changed fields, a hundred companies a call."""
        updates = {one.company_id: one for one in self._plan.updates}
        inputs = [(id_, _values(one)) for id_, one in updates.items()]
        for batch in self._batches("companies", self._writer.update(COMPANIES, inputs), len(inputs)):
            good = [one for one in batch if one.ok]
            self._ledger.record_pushed([row for one in good for row in self._pushed(one, updates[one.key])])
            self._settle(COMPANIES, batch)
            self.result.companies_updated += len(good)
            self.result.fields_written += sum(len(updates[one.key].changes) for one in good)

    def _pushed(self, outcome: RowOutcome, update: CompanyUpdate) -> Iterator[dict[str, Any]]:
        # A merged company answers with its survivor's id: both now show these values.
        for object_id in sorted({outcome.key, outcome.object_id or outcome.key}):
            for change in update.changes:
                yield {
                    "object_type": COMPANIES,
                    "object_id": object_id,
                    "property": change.property,
                    "old_value": change.old,
                    "value": change.new,
                    "run_id": self._run_id,
                    "written_at": self._now,
                }

    # Tasks

    def open_tasks(self) -> None:
        """Create the tasks by their unique key, but for those that a broken apply of this plan wrote."""
        self._task_ids |= self._ledger.task_ids()
        tasks = {
            one.key: one for one in self._tasks if one.action == "open" and one.key not in self._task_ids
        }
        inputs = [(key, _task_values(task)) for key, task in tasks.items()]
        for batch in self._batches("tasks", self._writer.upsert(TASKS, TASK_KEY, inputs), len(inputs)):
            self._settle(TASKS, batch)
            ids = {one.key: one.object_id for one in batch if one.ok and one.object_id}
            self._remember({key: (tasks[key], id_) for key, id_ in ids.items()})
            self.result.tasks_opened += len(ids)

    def link_tasks(self) -> None:
        """Link each task to its company; those that a broken run had created too."""
        self._remember({one.key: (one, one.task_id) for one in self._tasks if one.task_id is not None})
        pairs = [
            (self._task_ids[one.key], one.company_id) for one in self._tasks if one.key in self._task_ids
        ]
        answers = self._writer.associate(TASKS, COMPANIES, TASK_TO_COMPANY, pairs)
        for batch in self._batches("links", answers, len(pairs)):
            task_ids = [one.key.partition(":")[0] for one in batch if one.ok]
            self._ledger.record_linked(task_ids, self._now)
            self._settle("task links", batch)
            self.result.tasks_linked += len(task_ids)

    def _remember(self, tasks: Mapping[str, tuple[TaskAction, str]]) -> None:
        self._task_ids |= {key: task_id for key, (_, task_id) in tasks.items()}
        rows = [
            {
                "task_key": key,
                "task_id": task_id,
                "company_id": task.company_id,
                "run_id": self._run_id,
                "opened_at": self._now,
            }
            for key, (task, task_id) in tasks.items()
        ]
        self._ledger.record_tasks(rows)

    # Both

    def _batches(
        self, stage: str, answers: Iterable[Sequence[RowOutcome]], total: int
    ) -> Iterator[Sequence[RowOutcome]]:
        """Yield each answered batch; nothing is asked for when there is nothing to write."""
        done = 0
        if total:
            for batch in answers:
                yield batch
                done += len(batch)
                self._progress(stage, done, total)

    def _settle(self, object_type: str, batch: Sequence[RowOutcome]) -> None:
        """Remember which rows were refused and forget those that have gone through."""
        bad = [(one.key, one.error or "HubSpot gave no reason.") for one in batch if not one.ok]
        self._ledger.clear_failures(object_type, [one.key for one in batch if one.ok])
        self._ledger.record_failures(
            [
                {
                    "object_type": object_type,
                    "object_id": key,
                    "reason": reason,
                    "run_id": self._run_id,
                    "failed_at": self._now,
                }
                for key, reason in bad
            ]
        )
        self.result.failures += [(object_type, key, reason) for key, reason in bad]


def _values(update: CompanyUpdate) -> dict[str, str]:
    return {change.property: change.new for change in update.changes}


def _task_values(task: TaskAction) -> dict[str, str]:
    values = {
        TASK_KEY: task.key,
        "hs_timestamp": task.due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "hs_task_subject": task.subject,
        "hs_task_body": task.body,
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": task.priority,
        "hs_task_type": task.type,
    }
    return values if task.owner_id is None else {**values, "hubspot_owner_id": task.owner_id}

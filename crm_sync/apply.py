"""Writes a plan to the CRM, exactly, and remembers each batch before the next one.

Every write says what to be, not what to change, so a crash between a write and its record costs one repeated
write and nothing else: properties are set to the same values, tasks are upserted by their unique key, links
are idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from crm_sync.guards import DEFAULT_LIMITS, NOTHING_ALLOWED, Allowed, Limits, check_guards
from crm_sync.model import CompanyUpdate, Plan
from crm_sync.ports import CrmWriter, Progress, PushLedger, RowOutcome
from crm_sync.preflight import gone, preflight
from crm_sync.properties import (
    COMPANIES,
    GROUP,
    GROUP_LABEL,
    TASK_KEY,
    TASKS,
    Property,
    properties_of,
    refuse_foreign,
)
from crm_sync.recording import ApplyResult, Recorder
from crm_sync.task_writes import TaskWrites
from saaskpi.errors import NeedsPersonError, RejectedError, SaaskpiError, UsageError

_AGAIN = "Make a new one with `saaskpi plan`."


def apply(
    plan: Plan,
    writer: CrmWriter,
    ledger: PushLedger,
    now: Callable[[], datetime],
    progress: Progress | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
    allowed: Allowed = NOTHING_ALLOWED,
) -> ApplyResult:
    """Write a plan: definitions, companies, tasks, links.

    Before the first write the portal's id and its live property definitions are read (one call, and one per
    object type written to): an admin may have changed them since the pull. A plan that writes nothing makes
    no call.

    Args:
        plan: as it was made or read from its file.
        writer: of the portal that the plan was made for.
        ledger: remembers each batch.
        now: the clock (UTC, aware).
        progress: is told how far it is.
        limits: how much it may do without asking.
        allowed: what a person lets through beyond that.

    Raises:
        NeedsPersonError: the plan is blocked or stale, would do more than the limits allow, or the portal's
            properties do not fit any more.
        UsageError: the plan was applied already, or was made for another portal.
        AccessError: the key or a scope is refused; nothing more is tried.
        UnavailableError: HubSpot went on failing; what was written is remembered.
    """
    _refuse_unfit(plan, ledger)
    check_guards(plan, limits, allowed)
    run = _Application(plan, writer, ledger, now, progress or _quiet)
    if not plan.writes_nothing:
        run.check()
        run.write()
    run.tell_kept()
    return run.result


def _refuse_unfit(plan: Plan, ledger: PushLedger) -> None:
    if ledger.plan_applied(plan.hash):
        raise UsageError("This plan was applied already.", hint=_AGAIN)
    if ledger.current_run() != plan.made_from.run_id:
        raise NeedsPersonError("This plan is stale: it was made from an earlier run.", hint=_AGAIN)
    refuse_foreign(COMPANIES, (change.property for one in plan.updates for change in one.changes))
    for definition in plan.definitions:
        refuse_foreign(definition.object_type, [definition.name, str(definition.body.get("name"))])
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
        self,
        plan: Plan,
        writer: CrmWriter,
        ledger: PushLedger,
        now: Callable[[], datetime],
        progress: Progress,
    ) -> None:
        self._plan = plan
        self._writer = writer
        self._ledger = ledger
        self._now = now
        self._progress = progress
        self._recorder = Recorder(ledger, plan.apply_id, plan.made_from.run_id, now, progress)
        self.result = self._recorder.result
        self._tasks = TaskWrites(plan, writer, ledger, self._recorder)
        self._missing: dict[str, list[Mapping[str, Any]]] = {}

    def write(self) -> None:
        """Write everything, in the plan's order."""
        apply_id = self._recorder.apply_id
        self._ledger.begin_apply(apply_id, self._plan.hash, self._plan.made_from.run_id, self._now())
        try:
            self._define()
            self._update_companies()
            self._tasks.write()
        except SaaskpiError as error:
            self._ledger.fail_apply(apply_id, self._now(), self.result.counts(), error.message)
            raise
        self._ledger.finish_apply(apply_id, self._now(), self.result.counts())

    def tell_kept(self) -> None:
        """Remember the edits by others that stay."""
        kept = [(one.company_id, one.property, one.written, one.found) for one in self._plan.kept]
        self._recorder.remember_edits(COMPANIES, kept, "kept")

    # Definitions

    def check(self) -> None:
        """Look at the portal as it is at this moment; nothing is written yet."""
        if self._writer.portal_id() != self._plan.made_from.portal_id:
            raise UsageError("This plan was made for another HubSpot portal.", hint=_AGAIN)
        live = {one: self._writer.properties(one) for one in self._object_types()}
        planned = {(one.object_type, one.name) for one in self._plan.definitions}
        blockers: list[str] = []
        for object_type, portal in live.items():
            check = preflight(object_type, self._needed(object_type), portal)
            unplanned = [one.name for one in check.missing if (object_type, one.name) not in planned]
            stops = [*check.blockers, *(gone(object_type, name) for name in unplanned)]
            blockers += [f"{one.message} {one.hint}" for one in stops]
            self._missing[object_type] = [one.body for one in check.missing]
        _stop_at(blockers)

    def _define(self) -> None:
        """Create the properties that are missing and planned."""
        for object_type, bodies in self._missing.items():
            self._create(object_type, bodies)

    def _object_types(self) -> list[str]:
        defined = {one.object_type for one in self._plan.definitions}
        wanted = {COMPANIES: bool(self._plan.updates), TASKS: self._tasks.needs_key}
        return [one for one, written in wanted.items() if written or one in defined]

    def _needed(self, object_type: str) -> list[Property]:
        """Return those of our properties that the plan creates or writes."""
        names = {one.name for one in self._plan.definitions if one.object_type == object_type}
        if object_type == COMPANIES:
            names |= {change.property for one in self._plan.updates for change in one.changes}
        elif self._tasks.needs_key:
            names.add(TASK_KEY)
        return [one for one in properties_of(object_type) if one.name in names]

    def _create(self, object_type: str, bodies: Sequence[Mapping[str, Any]]) -> None:
        needed = [one.name for one in self._needed(object_type)]
        refused: Mapping[str, str] = {}
        if bodies:
            refused = self._try_to_create(object_type, bodies)
            self.result.properties_created += len(bodies) - len(refused)
            self._progress("properties", len(bodies) - len(refused), len(bodies))
        self._ledger.record_set_up(object_type, [one for one in needed if one not in refused], self._now())
        if object_type == TASKS and refused:
            self._tasks.do_without_key(refused[TASK_KEY])
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

    # Companies

    def _update_companies(self) -> None:
        """Set the changed fields, a hundred companies a call."""
        updates = {one.company_id: one for one in self._plan.updates}
        inputs = [(id_, _values(one)) for id_, one in updates.items()]
        for batch in self._recorder.batches("companies", self._writer.update(COMPANIES, inputs), len(inputs)):
            good = [one for one in batch if one.ok]
            self._recorder.remember(COMPANIES, dict(_written(good, updates)))
            self._recorder.remember_edits(COMPANIES, list(_edits(good, updates)), "overwritten")
            self._recorder.settle(COMPANIES, batch)
            self.result.companies_updated += len(good)
            self.result.fields_written += sum(len(updates[one.key].changes) for one in good)


def _written(
    outcomes: Iterable[RowOutcome], updates: Mapping[str, CompanyUpdate]
) -> Iterator[tuple[str, dict[str, tuple[str, str]]]]:
    """Return what each company held before and holds now, by property."""
    for one in outcomes:
        values = {change.property: (change.old, change.new) for change in updates[one.key].changes}
        # A merged company answers with its survivor's id: both now show these values.
        for company_id in {one.key, one.object_id or one.key}:
            yield company_id, values


def _edits(
    outcomes: Iterable[RowOutcome], updates: Mapping[str, CompanyUpdate]
) -> Iterator[tuple[str, str, str, str]]:
    """Return what somebody had put in the place of a value of ours: company, property, ours, theirs."""
    for one in outcomes:
        for change in updates[one.key].changes:
            if change.written is not None:
                yield one.key, change.property, change.written, change.old


def _values(update: CompanyUpdate) -> dict[str, str]:
    return {change.property: change.new for change in update.changes}

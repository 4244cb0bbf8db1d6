"""Writes a plan to the CRM, exactly, and remembers each batch before it goes out and before the next one.

Every write says what to be, not what to change, so a crash between a write and its record costs one repeated
write and nothing else: properties are set to the same values, tasks are upserted by their unique key, links
are idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, wait
from datetime import datetime

from crm_sync.definitions import Definitions, PortalMemory, stop_at, told
from crm_sync.guards import DEFAULT_LIMITS, NOTHING_ALLOWED, Allowed, Limits, check_guards
from crm_sync.model import CompanyUpdate, Plan
from crm_sync.ports import CrmWriter, Progress, PushLedger, RowOutcome
from crm_sync.properties import COMPANIES, refuse_foreign
from crm_sync.recording import ApplyResult, Recorder
from crm_sync.task_writes import TaskWrites
from saaskpi.errors import NeedsPersonError, SaaskpiError, UsageError

_AGAIN = "Make a new one with `saaskpi plan`."
_SHOWN = 3
"""Accounts that an error names."""


def apply(
    plan: Plan,
    writer: CrmWriter,
    ledger: PushLedger,
    now: Callable[[], datetime],
    progress: Progress | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
    allowed: Allowed = NOTHING_ALLOWED,
    memory: PortalMemory | None = None,
    computed_since: Collection[str] = (),
    beside: Executor | None = None,
) -> ApplyResult:
    """Write a plan: definitions, companies, tasks, links.

    Before the first write the portal's id, its live property definitions and the token's scopes are looked at
    (one call, and two per object type written to): an admin may have changed them since the pull. A plan that
    writes nothing makes no call.

    Args:
        plan: as it was made or read from its file.
        writer: of the portal that the plan was made for.
        ledger: remembers each batch.
        now: the clock (UTC, aware).
        progress: is told how far it is.
        limits: how much it may do without asking.
        allowed: what a person lets through beyond that.
        memory: what earlier applies found of the portal; None looks anew.
        computed_since: ids of accounts that were computed anew since the plan was made.
        beside: writes the tasks while the companies are written, for when somebody waits; a refused token
            costs a call of each then. None writes one after the other.

    Raises:
        NeedsPersonError: the plan is blocked or stale, would do more than the limits allow, or the portal's
            properties do not fit any more.
        UsageError: the plan was applied already, or was made for another portal.
        AccessError: the key or a scope is refused; nothing more is tried.
        UnavailableError: HubSpot went on failing; what was written is remembered.
    """
    _refuse_unfit(plan, ledger, computed_since)
    check_guards(plan, limits, allowed)
    run = _Application(plan, writer, ledger, now, progress or _quiet, memory or PortalMemory(), beside)
    if not plan.writes_nothing:
        run.check()
        run.write()
    run.tell_kept()
    return run.result


def _refuse_unfit(plan: Plan, ledger: PushLedger, computed_since: Collection[str]) -> None:
    if ledger.plan_applied(plan.hash):
        raise UsageError("This plan was applied already.", hint=_AGAIN)
    if ledger.current_run() != plan.made_from.run_id:
        raise NeedsPersonError("This plan is stale: it was made from an earlier run.", hint=_AGAIN)
    if newer := sorted(plan.accounts.intersection(computed_since)):
        some = ", ".join(newer[:_SHOWN]) + (" and others" if len(newer) > _SHOWN else "")
        raise NeedsPersonError(f"This plan is stale: {some} were computed anew since.", hint=_AGAIN)
    refuse_foreign(COMPANIES, (change.property for one in plan.updates for change in one.changes))
    for definition in plan.definitions:
        refuse_foreign(
            definition.object_type, [definition.name, str(definition.body.get("name", definition.name))]
        )
    stop_at(told(plan.blockers))


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
        memory: PortalMemory,
        beside: Executor | None,
    ) -> None:
        self._plan = plan
        self._writer = writer
        self._ledger = ledger
        self._now = now
        self._progress = progress
        self._recorder = Recorder(ledger, plan.apply_id, plan.made_from.run_id, now, progress)
        self.result = self._recorder.result
        self._tasks = TaskWrites(plan, writer, ledger, self._recorder)
        self._memory = memory
        self._beside = beside
        self._definitions = Definitions(plan, writer, ledger, memory, now, opens_by_key=self._tasks.needs_key)

    def write(self) -> None:
        """Write everything, in the plan's order."""
        apply_id = self._recorder.apply_id
        self._ledger.begin_apply(apply_id, self._plan.hash, self._plan.made_from.run_id, self._now())
        try:
            self._define()
            self._write_records()
        except SaaskpiError as error:
            self._memory.forget()
            self._ledger.fail_apply(apply_id, self._now(), self.result.counts(), error.message)
            raise
        if self.result.failures:
            self._memory.forget()
        self._ledger.finish_apply(apply_id, self._now(), self.result.counts())

    def tell_kept(self) -> None:
        """Remember the edits by others that stay."""
        kept = [(one.company_id, one.property, one.written, one.found) for one in self._plan.kept]
        self._recorder.remember_edits(COMPANIES, kept, "kept")

    def check(self) -> None:
        """Look at the portal as it is at this moment; nothing is written yet."""
        self._definitions.check()

    def _define(self) -> None:
        """Set up the properties as planned."""
        self.result.properties_created, refused = self._definitions.write(self._progress)
        if refused is not None:
            self._tasks.do_without_key(refused)

    def _write_records(self) -> None:
        """Write companies and tasks; neither needs to know what HubSpot says of the other."""
        if self._beside is None:
            self._update_companies()
            self._tasks.write()
            return
        tasks = self._beside.submit(self._tasks.write)
        try:
            self._update_companies()
        finally:
            wait([tasks])
        tasks.result()

    # Companies

    def _update_companies(self) -> None:
        """Set the changed fields, a hundred companies a call."""
        updates = {one.company_id: one for one in self._plan.updates}
        answers = self._recorder.update(
            self._writer, COMPANIES, {id_: _values(one) for id_, one in updates.items()}
        )
        for batch in self._recorder.batches("companies", answers, len(updates)):
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
        values = _values(updates[one.key])
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


def _values(update: CompanyUpdate) -> dict[str, tuple[str, str]]:
    return {change.property: (change.old, change.new) for change in update.changes}

"""Takes back what one apply wrote, unless somebody changed it since.

What is looked at is HubSpot as it is at that moment: a value that is not the one this apply wrote belongs to
somebody else by now (a person, or a later apply), and is listed instead of touched. Each write says what to
be, so a broken undo is begun again and ends in the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from crm_sync.canonical import canonical
from crm_sync.ports import CrmWriter, Progress, UndoLedger
from crm_sync.properties import FIELDS, TASK_KEY, TASKS, UPDATED_AT, refuse_foreign
from crm_sync.recording import TEXTS, Recorder, kept_form
from crm_sync.task_states import STATUS_FIELD
from saaskpi.errors import SaaskpiError, UsageError

_TYPES = {"hs_timestamp": "datetime"} | {one.property.name: one.property.type for one in FIELDS}
LAST = "last"


@dataclass(frozen=True, slots=True)
class Restored:
    """One property of one object: our value that is there, and the one that comes back ("" is none)."""

    object_type: str
    object_id: str
    property: str
    ours: str
    old: str


@dataclass(frozen=True, slots=True)
class Left:
    """One property that is left as it is: what we wrote, what is there now, and why it is left."""

    object_type: str
    object_id: str
    property: str
    ours: str
    found: str
    reason: str


@dataclass(frozen=True)
class UndoPlan:
    """What undoing one apply does.

    Attributes:
        apply_id: the apply.
        run_id: the run whose numbers it wrote.
        restore: values to put back.
        archive: ids of tasks that it opened and nobody has touched.
        back: values that are back already, from an undo that broke off.
        gone: tasks that it opened and that are in HubSpot no more.
        left: what stays as it is.
    """

    apply_id: str
    run_id: str
    restore: list[Restored] = field(default_factory=list)
    archive: list[str] = field(default_factory=list)
    back: list[Restored] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    @property
    def undo_id(self) -> str:
        """The id under which the undo is put down: the same whenever it is begun again."""
        return f"undo-{self.apply_id}"


@dataclass
class UndoResult:
    """What an undo did.

    Attributes:
        objects_restored: companies and tasks that have former values again.
        fields_restored: how many values those are.
        tasks_archived: tasks moved to HubSpot's recycling bin.
        failures: refused rows as (object type, id, reason).
    """

    objects_restored: int = 0
    fields_restored: int = 0
    tasks_archived: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)


def plan_undo(apply_id: str, writer: CrmWriter, ledger: UndoLedger) -> UndoPlan:
    """Say what undoing an apply would do, from the values that HubSpot has now; writes nothing.

    It reads a hundred objects a call.

    Args:
        apply_id: as the apply told it, or ``last``.
        writer: of the portal.
        ledger: what the apply wrote.

    Raises:
        UsageError: there is no such apply, or it is itself an undo.
        AccessError: the token is refused.
        UnavailableError: HubSpot does not answer.
    """
    newest = ledger.last_apply()
    chosen = newest if apply_id == LAST else apply_id
    record = None if chosen is None else ledger.apply_record(chosen)
    if chosen is None or record is None:
        known = f"The newest is {newest}." if newest else "Nothing was applied yet."
        raise UsageError(f"There is no apply {apply_id}.", hint=known)
    if record["kind"] != "apply":
        raise UsageError(f"{chosen} is an undo.", hint="To write the numbers again run `saaskpi apply`.")
    written = _by_id(ledger.written(chosen), writer, by_key=ledger.tasks_refused() is None)
    return undo_plan(chosen, str(record["run_id"]), written, _live(written, writer))


def _by_id(
    written: Iterable[Mapping[str, Any]], writer: CrmWriter, *, by_key: bool
) -> list[Mapping[str, Any]]:
    """Return the rows of tasks that were about to be created under the ids that they got, if they are there.

    A task's key has colons, its id has none.
    """
    known: list[Mapping[str, Any]] = []
    meant: dict[str, list[Mapping[str, Any]]] = {}
    for row in written:
        is_key = row["object_type"] == TASKS and ":" in row["object_id"]
        (meant.setdefault(row["object_id"], []) if is_key else known).append(row)
    live = writer.read(TASKS, list(meant), (TASK_KEY,), TASK_KEY) if meant and by_key else {}
    for key, found in live.items():
        known += ({**row, "object_id": found["hs_object_id"]} for row in meant[key])
    return known


Live = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Object type and id to the properties as they are now; objects that are gone are missing."""


def _live(written: Iterable[Mapping[str, Any]], writer: CrmWriter) -> Live:
    ids: dict[str, dict[str, None]] = {}
    names: dict[str, set[str]] = {}
    for row in written:
        ids.setdefault(row["object_type"], {})[row["object_id"]] = None
        names.setdefault(row["object_type"], set()).add(row["property"])
    return {kind: writer.read(kind, list(found), sorted(names[kind])) for kind, found in ids.items()}


def undo_plan(apply_id: str, run_id: str, written: Sequence[Mapping[str, Any]], live: Live) -> UndoPlan:
    """Return what to put back, what to archive and what to leave. Pure.

    Args:
        apply_id: the apply.
        run_id: the run whose numbers it wrote.
        written: object_type, object_id, property, old_value, value.
        live: what the CRM holds now.
    """
    plan = UndoPlan(apply_id, run_id)

    def place(row: Mapping[str, Any]) -> tuple[str, str]:
        return row["object_type"], row["object_id"]

    for (kind, object_id), group in groupby(sorted(written, key=place), key=place):
        rows = list(group)
        found = live.get(kind, {}).get(object_id)
        if kind == TASKS and any(row["property"] == STATUS_FIELD and not row["old_value"] for row in rows):
            _take_back(plan, object_id, rows, found)
        elif found is None:
            plan.left.extend(_left(row, "", "it is not in HubSpot any more") for row in rows)
        else:
            for row in rows:
                _put_back(plan, row, found)
    return plan


def _take_back(
    plan: UndoPlan, task_id: str, rows: Sequence[Mapping[str, Any]], found: Mapping[str, Any] | None
) -> None:
    """Archive a task that this apply opened, unless somebody has touched it or removed it."""
    if found is None:
        plan.gone.append(task_id)
        return
    touched = [row for row in rows if not _is_ours(row, found)]
    plan.left.extend(
        _left(row, kept_form(row["property"], _now(row, found)), "somebody has worked on the task")
        for row in touched
    )
    if not touched:
        plan.archive.append(task_id)


def _put_back(plan: UndoPlan, row: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    name, now = row["property"], _now(row, found)
    one = Restored(row["object_type"], row["object_id"], name, row["value"], row["old_value"])
    if _is_ours(row, found) and (name not in TEXTS or not row["old_value"]):
        plan.restore.append(one)
    elif kept_form(name, now) == _written(name, row["old_value"]):
        plan.back.append(one)
    elif name in TEXTS:
        plan.left.append(_left(row, kept_form(name, now), "texts are not kept, so none can be put back"))
    elif name != UPDATED_AT:
        plan.left.append(_left(row, now, "it was changed since"))


def _now(row: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    name = row["property"]
    return canonical(found.get(name), _TYPES.get(name, "string"))


def _written(name: str, value: str) -> str:
    return canonical(value, _TYPES.get(name, "string"))


def _is_ours(row: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Tell whether what is there now is what the apply wrote."""
    return kept_form(row["property"], _now(row, found)) == _written(row["property"], row["value"])


def _left(row: Mapping[str, Any], found: str, reason: str) -> Left:
    return Left(row["object_type"], row["object_id"], row["property"], row["value"], found, reason)


def undo(
    plan: UndoPlan,
    portal_id: str,
    writer: CrmWriter,
    ledger: UndoLedger,
    now: Callable[[], datetime],
    progress: Progress,
) -> UndoResult:
    """Put the values back and archive the tasks, a hundred objects a call.

    Args:
        plan: from :func:`plan_undo`, just made.
        portal_id: the portal that the apply wrote to.
        writer: of that portal.
        ledger: remembers each batch.
        now: the clock (UTC, aware).
        progress: is told how far it is.

    Raises:
        UsageError: the token is of another portal.
        AccessError: the token is refused; nothing more is tried.
        UnavailableError: HubSpot went on failing; begun again, the undo goes on.
    """
    for kind, rows in _by_type(plan.restore):
        refuse_foreign(kind, (one.property for one in rows))
    if (plan.restore or plan.archive) and writer.portal_id() != portal_id:
        raise UsageError("This apply was written to another HubSpot portal.")
    run = _Undoing(plan, writer, ledger, now, progress)
    ledger.begin_apply(plan.undo_id, "", plan.run_id, now(), "undo", plan.apply_id)
    try:
        run.restore()
        run.archive()
    except SaaskpiError as error:
        ledger.fail_apply(plan.undo_id, now(), run.counts(), error.message)
        raise
    ledger.finish_apply(plan.undo_id, now(), run.counts())
    return run.result


def _by_type(rows: Iterable[Restored]) -> Iterator[tuple[str, list[Restored]]]:
    for kind, group in groupby(
        sorted(rows, key=lambda one: one.object_type), key=lambda one: one.object_type
    ):
        yield kind, list(group)


def _by_object(rows: Iterable[Restored]) -> dict[str, dict[str, tuple[str, str]]]:
    """Return per object and property our value and the one that comes back."""
    objects: dict[str, dict[str, tuple[str, str]]] = {}
    for one in rows:
        objects.setdefault(one.object_id, {})[one.property] = (one.ours, one.old)
    return objects


class _Undoing:
    """One undo on its way into the CRM."""

    def __init__(
        self,
        plan: UndoPlan,
        writer: CrmWriter,
        ledger: UndoLedger,
        now: Callable[[], datetime],
        progress: Progress,
    ) -> None:
        self.result = UndoResult()
        self._plan = plan
        self._writer = writer
        self._ledger = ledger
        self._recorder = Recorder(ledger, plan.undo_id, plan.run_id, now, progress)

    def counts(self) -> dict[str, int]:
        """Return what was done so far, for the history."""
        numbers = {name: value for name, value in vars(self.result).items() if isinstance(value, int)}
        return {**numbers, "left": len(self._plan.left), "failures": len(self.result.failures)}

    def restore(self) -> None:
        """Put the former values back; what is back already is put down as such."""
        for kind, rows in _by_type(self._plan.back):
            self._recorder.remember(kind, _by_object(rows))
        for kind, rows in _by_type(self._plan.restore):
            objects = _by_object(rows)
            answers = self._recorder.update(self._writer, kind, objects)
            for batch in self._recorder.batches(kind, answers, len(objects)):
                good = [one.key for one in batch if one.ok]
                self._recorder.remember(kind, {id_: objects[id_] for id_ in good})
                self.result.objects_restored += len(good)
                self.result.fields_restored += sum(len(objects[id_]) for id_ in good)
                self.result.failures += [(kind, one.key, one.error or "") for one in batch if not one.ok]

    def archive(self) -> None:
        """Move the tasks to the recycling bin and forget them."""
        ids = self._plan.archive
        self._ledger.forget_tasks(self._plan.gone)
        for batch in self._recorder.batches("tasks", self._writer.archive(TASKS, ids), len(ids)):
            gone = [one.key for one in batch if one.ok]
            self._ledger.forget_tasks(gone)
            self.result.tasks_archived += len(gone)
            self.result.failures += [(TASKS, one.key, one.error or "") for one in batch if not one.ok]

"""What plan and apply need from outside: the CRM's writer, a ledger that outlives the process, money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol


class RowOutcome(Protocol):
    """What became of one row of a batch (``connectors.hubspot.writer.RowResult``)."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def ok(self) -> bool: ...  # noqa: D102
    @property
    def object_id(self) -> str | None: ...  # noqa: D102
    @property
    def error(self) -> str | None: ...  # noqa: D102


class CrmWriter(Protocol):
    """The write side of the CRM (``connectors.hubspot.writer.HubSpotWriter``).

    Any call may raise AccessError (stop), UnavailableError (run again later) or RejectedError.
    """

    def portal_id(self) -> str:
        """Return which portal is written to."""

    def properties(self, object_type: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the live property definitions by name."""

    def probe(self, object_type: str) -> None:
        """Ask whether objects of a type may be written, without writing any.

        Raises:
            AccessError: they may not.
        """

    def create_group(self, object_type: str, name: str, label: str) -> bool:
        """Create a property group; False when it was there."""

    def create_properties(
        self, object_type: str, definitions: Sequence[Mapping[str, Any]]
    ) -> Sequence[RowOutcome]:
        """Create properties; one that is there already counts as created."""

    def add_options(
        self,
        object_type: str,
        name: str,
        options: Sequence[Mapping[str, Any]],
        there: Sequence[Mapping[str, Any]],
        /,
    ) -> RowOutcome:
        """Add options to an enumeration that has some already."""

    def archive(self, object_type: str, ids: Sequence[str], /) -> Iterator[Sequence[RowOutcome]]:
        """Move objects to the recycling bin; yields after each call of at most 100 rows."""

    def update(
        self, object_type: str, inputs: Sequence[tuple[str, Mapping[str, str]]]
    ) -> Iterator[Sequence[RowOutcome]]:
        """Set properties by object id; yields after each call of at most 100 rows."""

    def upsert(
        self, object_type: str, id_property: str, inputs: Sequence[tuple[str, Mapping[str, str]]]
    ) -> Iterator[Sequence[RowOutcome]]:
        """Create or update objects by a unique property; yields after each call of at most 100 rows."""

    def read(
        self, object_type: str, ids: Sequence[str], names: Sequence[str], id_property: str | None = None
    ) -> Mapping[str, Mapping[str, str]]:
        """Return properties of objects as they are now, by id or by the value of a unique property.

        Those that are not there are left out; what has no value is "". ``hs_object_id`` always comes too.
        """

    def linked(self, from_type: str, to_type: str, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the ids that objects are linked to, by the object's id."""

    def create(
        self,
        object_type: str,
        to_type: str,
        type_id: int,
        inputs: Sequence[tuple[str, Mapping[str, str], str]],
    ) -> Iterator[Sequence[RowOutcome]]:
        """Create objects, each linked to one of ``to_type``; not safe to repeat.

        Each input: a name for it (the key of its outcome), its properties, the id that it is linked to.
        """

    def associate(
        self, from_type: str, to_type: str, type_id: int, pairs: Sequence[tuple[str, str]]
    ) -> Iterator[Sequence[RowOutcome]]:
        """Link objects; the key of each outcome is ``from:to``; yields after each call."""


class PushLedger(Protocol):
    """What was written, kept right after each batch (``warehouse.store.Store``)."""

    def current_run(self) -> str | None:
        """Return the id of the run whose tables are current."""

    def plan_applied(self, plan_hash: str) -> bool:
        """Tell whether this plan was applied to its end."""

    def begin_apply(
        self,
        apply_id: str,
        plan_hash: str,
        run_id: str,
        at: datetime,
        kind: Literal["apply", "undo"] = "apply",
        undoes: str | None = None,
    ) -> None:
        """Remember that this plan is being written, or that an apply is being undone."""

    def finish_apply(self, apply_id: str, at: datetime, counts: Mapping[str, int]) -> None:
        """Remember that this plan was written to its end."""

    def fail_apply(self, apply_id: str, at: datetime, counts: Mapping[str, int], error: str) -> None:
        """Remember that writing this plan ended early."""

    def record_set_up(self, object_type: str, names: Sequence[str], at: datetime) -> None:
        """Remember properties that now exist in the CRM."""

    def intend(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Remember fields that are about to be written.

        Each row: apply_id, object_type, object_id, property, old_value, value, intended_at.
        """

    def forget_intents(self, apply_id: str, object_type: str, object_ids: Sequence[str]) -> None:
        """Forget what was to be written to objects that the CRM refused."""

    def record_pushed(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Remember written fields, which are no longer only intended.

        Each row: object_type, object_id, property, old_value, value, apply_id, written_at.
        """

    def record_drift(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Remember values of ours that somebody changed; one that is kept is told once.

        Each row: apply_id, object_type, object_id, property, ours, theirs, action, seen_at.
        """

    def record_failures(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Remember refused rows: object_type, object_id, reason, run_id, failed_at."""

    def clear_failures(self, object_type: str, object_ids: Sequence[str]) -> None:
        """Forget refused rows that have gone through."""

    def task_ids(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the ids of those of some tasks that were written, by their keys."""

    def task_intents(self) -> Mapping[str, datetime]:
        """Return by key when tasks were about to be created of which no id is known."""

    def record_intents(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Remember tasks that are about to be created: task_key, company_id, run_id, intended_at."""

    def record_tasks(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Remember tasks that exist: task_key, task_id, company_id, run_id, opened_at, and what they say."""

    def record_task_states(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Remember how tasks were found or left: the columns of ``record_tasks`` and those that changed."""

    def record_linked(self, companies: Mapping[str, str], at: datetime) -> None:
        """Remember the company that each of these tasks is linked to, by task id."""

    def tasks_refused(self) -> str | None:
        """Return why the portal cannot hold our unique task key, None when it can or was never asked."""

    def refuse_tasks(self, reason: str) -> None:
        """Remember that the portal cannot hold our unique task key, and why."""


class UndoLedger(PushLedger, Protocol):
    """What undo needs beside (``warehouse.store.Store``)."""

    def last_apply(self) -> str | None:
        """Return the id of the newest apply, None before the first."""

    def apply_record(self, apply_id: str) -> Mapping[str, Any] | None:
        """Return one apply: run_id, plan_hash, kind, status, started_at."""

    def written(self, apply_id: str) -> Sequence[Mapping[str, Any]]:
        """Return what one apply wrote, or may have written without an answer that was put down.

        Each row: object_type, object_id, property, old_value, value.
        """

    def forget_tasks(self, task_ids: Sequence[str]) -> None:
        """Forget tasks that are no more in the CRM."""


class Money(Protocol):
    """How amounts are turned and written (the functions of ``enrichment.money``)."""

    def to_major(self, minor: int, currency: str, /) -> Decimal:
        """Return minor units in units of the currency, exactly."""

    def format_money(self, minor: int, currency: str, language: str = "en", /) -> str:
        """Return an amount as people write it in a language (en, fr)."""


class Progress(Protocol):
    """Is told how far apply is."""

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Say that ``done`` of ``total`` rows of a stage (properties, companies, tasks, links) are done."""

"""What a plan holds: every write, spelled out, so that a person can read it and apply can do just that."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Literal

import msgspec

from saaskpi.errors import UsageError

VERSION = 2
FORMAT = "saaskpi-plan"


class MadeFrom(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state that a plan was made from; apply refuses the plan once it has changed.

    Attributes:
        run_id: the run whose tables were read.
        pull: number of the pull that the CRM's current values come from.
        portal_id: the HubSpot portal.
        patch: number of the last patch that was laid over these tables; 0 for none.
    """

    run_id: str
    pull: int
    portal_id: str
    patch: int = 0


class Definition(msgspec.Struct, frozen=True):
    """A property to create, or one of ours whose portal lacks options.

    Attributes:
        object_type: such as ``companies``.
        name: internal name.
        body: what HubSpot's API takes: the whole definition, or ``options``, those to add.
        action: what to do; adding options leaves those of others as they are.
    """

    object_type: str
    name: str
    body: dict[str, Any]
    action: Literal["create", "add_options"] = "create"


class FieldChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One property of one company, as HubSpot writes it down ("" is no value), and why it changes.

    Attributes:
        property: its internal name.
        old, new: the value that is there and the one that takes its place.
        reason: why it changes.
        written: what we wrote last, where somebody put ``old`` in its place; None where nobody did.
    """

    property: str
    old: str
    new: str
    reason: str
    written: str | None = None


class KeptEdit(msgspec.Struct, frozen=True):
    """A value of ours that somebody changed in HubSpot, and that is left as they want it.

    Attributes:
        company_id, name: of the company.
        property: its internal name.
        written: what we wrote last.
        found: what somebody put in its place.
        wanted: what we would write.
    """

    company_id: str
    name: str
    property: str
    written: str
    found: str
    wanted: str


class CompanyUpdate(msgspec.Struct, frozen=True):
    """The changed fields of one company; ``clear`` takes our values off one that has no account any more."""

    company_id: str
    name: str
    action: Literal["update", "clear"]
    changes: list[FieldChange]


class TaskAction(msgspec.Struct, frozen=True):
    """A task to open, or one to link to its company.

    Attributes:
        key: portal:account:rule:episode, the task's ``saaskpi_task_key``.
        action: ``open`` creates and links it; ``link`` only links one that a broken run had created, or whose
            company was merged into another.
        task_id: of the task to link, None when it is yet to be created.
        rule: name of the rule, which is the flag's.
        severity: of the flag now: high, medium, low; "" of a flag that is down.
        owner_id: who gets it, None for nobody.
        due: UTC; None of a task that is only linked.
        body: HTML, as HubSpot keeps it; its last line tells it from all other tasks.
        priority: LOW, MEDIUM or HIGH.
        type: TODO, CALL or EMAIL.
        reason: why.
    """

    key: str
    action: Literal["open", "link"]
    task_id: str | None
    account_id: str
    company_id: str
    company_name: str
    rule: str
    severity: str = ""
    owner_id: str | None = None
    due: datetime | None = None
    subject: str = ""
    body: str = ""
    priority: str = ""
    type: str = ""
    reason: str = ""


class TaskChange(msgspec.Struct, frozen=True):
    """What becomes of a task of ours that nobody has finished, or that we completed.

    It is written only where the task still is as the plan saw it: what a person did in between stays.

    Attributes:
        key: portal:account:rule:episode.
        action: ``complete`` or ``comment`` when the flag is down; ``reopen`` when a flag is up again whose
            task we completed; ``update`` for another owner or priority.
        changes: properties to set, each with the value that it must still have.
        line: HTML to append to the body; "" for none. Its end tells it from all other lines.
        over: day on which the episode ended; "" of an update.
        reason: why.
    """

    key: str
    action: Literal["complete", "comment", "reopen", "update"]
    task_id: str
    account_id: str
    company_id: str
    company_name: str
    rule: str
    subject: str
    changes: list[FieldChange]
    line: str = ""
    over: str = ""
    severity: str = ""
    reason: str = ""


class TaskLeftOut(msgspec.Struct, frozen=True):
    """A flag that a rule would make a task of, but not now; ``until`` when that changes by itself (UTC)."""

    account_id: str
    company_name: str
    rule: str
    reason: str
    until: datetime | None = None


class Unmatched(msgspec.Struct, frozen=True):
    """An account that no company could be found for; ``mrr`` in minor units per currency."""

    account_id: str
    name: str
    customer_ids: list[str]
    mrr: dict[str, int]
    reason: str
    candidates: list[str]


class Total(msgspec.Struct, frozen=True):
    """MRR in minor units of one currency: mrr = matched + unmatched."""

    currency: str
    mrr: int
    matched: int
    unmatched: int


class Blocker(msgspec.Struct, frozen=True):
    """What keeps the plan from being applied, and what a person must do."""

    message: str
    hint: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Every write of one apply, in the order in which it is done, and what is left out with the reason.

    Attributes:
        made_from: the state that it was made from.
        created_at: when (UTC).
        definitions: properties to create.
        updates: companies to change, field by field.
        tasks: tasks to open or to link.
        task_changes: tasks to complete, comment, open again or update.
        tasks_left_out: tasks that wait, or cannot be opened, each with the reason.
        tasks_already_open: open flags whose task is in the CRM.
        carrying: how many companies carry our values now; the guards take their shares of it.
        kept: values that somebody edited in HubSpot and that stay as they are.
        unmatched: accounts without a company.
        totals: MRR per currency.
        notes: what a reader should know, one sentence each.
        blockers: while there are any, nothing is written.
    """

    made_from: MadeFrom
    created_at: datetime
    definitions: list[Definition] = []
    updates: list[CompanyUpdate] = []
    tasks: list[TaskAction] = []
    task_changes: list[TaskChange] = []
    tasks_left_out: list[TaskLeftOut] = []
    tasks_already_open: int = 0
    carrying: int = 0
    kept: list[KeptEdit] = []
    unmatched: list[Unmatched] = []
    totals: list[Total] = []
    notes: list[str] = []
    blockers: list[Blocker] = []

    @property
    def writes_nothing(self) -> bool:
        """True when applying it would make no write call."""
        return not (self.definitions or self.updates or self.tasks or self.task_changes)

    @property
    def accounts(self) -> frozenset[str]:
        """The ids of the accounts that it writes; that of an account with a company is the company's."""
        opened, changed = ({one.account_id for one in many} for many in (self.tasks, self.task_changes))
        return frozenset({*(one.company_id for one in self.updates), *opened, *changed})

    @property
    def tasks_to_open(self) -> int:
        """How many tasks applying it would create."""
        return sum(one.action == "open" for one in self.tasks)

    @property
    def hash(self) -> str:
        """The SHA-256 of what the plan holds, in hexadecimal."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    @property
    def apply_id(self) -> str:
        """The id under which writing it is put down: the same whenever it is applied again."""
        return f"{self.created_at:%Y%m%dT%H%M%SZ}-{self.hash[:8]}"

    def to_json(self) -> str:
        """Return the plan as a file's text: readable, with its version and its hash."""
        head = {"format": FORMAT, "version": VERSION, "hash": self.hash}
        whole = msgspec.json.encode({**head, "plan": msgspec.to_builtins(self)})
        return msgspec.json.format(whole, indent=2).decode() + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Read a plan file.

        Raises:
            UsageError: it is no plan, of another version, or was changed after it was made.
        """
        try:
            file = msgspec.json.decode(text, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError("This file is not a saaskpi plan.", hint=_AGAIN) from error
        if file.format != FORMAT:
            raise UsageError("This file is not a saaskpi plan.", hint=_AGAIN)
        if file.version != VERSION:
            raise UsageError(f"This plan is of version {file.version}, not {VERSION}.", hint=_AGAIN)
        try:
            plan = msgspec.convert(file.plan, cls)
        except msgspec.ValidationError as error:
            raise UsageError(f"This plan file is damaged: {error}.", hint=_AGAIN) from error
        if plan.hash != file.hash:
            raise UsageError("This plan was changed after it was made.", hint=_AGAIN)
        return plan


_AGAIN = "Make a new one with `saaskpi plan -o FILE`."


class _File(msgspec.Struct):
    format: str
    version: int
    hash: str
    plan: dict[str, Any]

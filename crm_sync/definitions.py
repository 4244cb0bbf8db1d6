"""The properties that a plan writes, looked at before the first write and set up as planned."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from crm_sync.model import Blocker, Definition, Plan
from crm_sync.ports import CrmWriter, Progress, PushLedger
from crm_sync.preflight import fitting, gone, lacking, preflight
from crm_sync.properties import (
    COMPANIES,
    GROUP,
    GROUP_LABEL,
    TASK_KEY,
    TASKS,
    Property,
    own_label,
    properties_of,
)
from saaskpi.errors import NeedsPersonError, RejectedError, UsageError

SHOWN = 3
"""Properties that an error names, if the same is to be done about many."""
_AGAIN = "Make a new one with `saaskpi plan`."


class PortalMemory:
    """What was found fit in a portal, remembered for some minutes: small applies need not look again.

    Thread-safe; whoever writes often hands the same one to each apply.

    Args:
        lasts: for how long what was found counts.
    """

    def __init__(self, lasts: timedelta = timedelta(minutes=10)) -> None:
        self._lasts = lasts
        self._found: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def holds(self, needs: Iterable[str], now: datetime) -> bool:
        """Tell whether all of this was found lately."""
        with self._lock:
            return all(one in self._found and now - self._found[one] < self._lasts for one in needs)

    def remember(self, needs: Iterable[str], now: datetime) -> None:
        """Remember that all of this is there."""
        with self._lock:
            self._found.update(dict.fromkeys(needs, now))

    def forget(self) -> None:
        """Look again next time: something was refused."""
        with self._lock:
            self._found.clear()


def look_ahead(writer: CrmWriter, portal_id: str, memory: PortalMemory, now: datetime) -> None:
    """Look at a portal while it is not known yet what will be written, so that no apply need wait for it.

    Five calls, and none when that was done lately; what does not fit is left to the apply that needs it.

    Args:
        writer: of the portal.
        portal_id: that it should be.
        memory: of the applies to come.
        now: the clock's time (UTC, aware).

    Raises:
        AccessError: the token or a scope is refused.
        UnavailableError: HubSpot does not answer.
    """
    may = [_may_write(portal_id, kind) for kind in (COMPANIES, TASKS)]
    if memory.holds([portal_id, *may], now) or writer.portal_id() != portal_id:
        return
    for kind in (COMPANIES, TASKS):
        writer.probe(kind)
        memory.remember(_words(portal_id, kind, fitting(kind, writer.properties(kind))), now)
    memory.remember([portal_id, *may], now)


class Definitions:
    """The properties of one plan in the portal that it is written to.

    Args:
        plan: says what is written and which definitions are to change.
        writer: of the portal.
        ledger: remembers what exists.
        memory: what was found lately.
        now: the clock (UTC, aware).
        opens_by_key: whether tasks are opened by their unique key.
    """

    def __init__(
        self,
        plan: Plan,
        writer: CrmWriter,
        ledger: PushLedger,
        memory: PortalMemory,
        now: Callable[[], datetime],
        *,
        opens_by_key: bool,
    ) -> None:
        self._plan = plan
        self._writer = writer
        self._ledger = ledger
        self._memory = memory
        self._now = now
        self._planned = {(one.object_type, one.name): one for one in plan.definitions}
        self._needed = {COMPANIES: self._of_companies(), TASKS: self._of_tasks(opens_by_key=opens_by_key)}
        self._writes = {COMPANIES: bool(plan.updates), TASKS: bool(plan.tasks_to_open or plan.task_changes)}
        self._missing: list[Definition] = []
        self._live: dict[str, Mapping[str, Mapping[str, Any]]] = {}

    # Before the first write

    def check(self) -> None:
        """Look at the portal as it is at this moment, unless that was done lately; writes nothing.

        One call tells the portal, and per object type one its definitions and one whether it may be written.

        Raises:
            NeedsPersonError: a property is missing, of another type or lacks an option, and the plan does not
                say that this is mended.
            UsageError: the token is of another portal.
            AccessError: the token or a scope is refused.
        """
        if not self._planned and self._memory.holds(self._needs(), self._now()):
            return
        if self._writer.portal_id() != self._plan.made_from.portal_id:
            raise UsageError("This plan was made for another HubSpot portal.", hint=_AGAIN)
        for object_type, writes in self._writes.items():
            if writes:
                self._writer.probe(object_type)
        blockers: list[Blocker] = []
        for object_type, wanted in self._needed.items():
            if wanted:
                self._live[object_type] = self._writer.properties(object_type)
                found = preflight(object_type, wanted, self._live[object_type])
                blockers += found.blockers
                for one in found.missing:
                    blockers += self._unplanned(one)
                    self._missing.append(self._as_planned(one))
        stop_at(told(blockers))
        if not self._missing:
            self._memory.remember([*self._needs(), *self._shown()], self._now())

    def _needs(self) -> list[str]:
        """Return everything that the plan relies on, one word each."""
        portal = self._plan.made_from.portal_id
        names = [one for kind, many in self._needed.items() for one in _words(portal, kind, _names(many))]
        return [
            portal,
            *names,
            *(_may_write(portal, kind) for kind, writes in self._writes.items() if writes),
        ]

    def _shown(self) -> list[str]:
        """Return what else the portal was seen to have."""
        portal = self._plan.made_from.portal_id
        return [one for kind, live in self._live.items() for one in _words(portal, kind, fitting(kind, live))]

    def _unplanned(self, found: Definition) -> Iterable[Blocker]:
        planned = self._planned.get((found.object_type, found.name))
        if planned is None and found.action == "add_options":
            yield lacking(found)
        elif planned is None or (planned.action == "add_options" and found.action == "create"):
            yield gone(found.object_type, found.name)

    def _as_planned(self, found: Definition) -> Definition:
        """Return a definition with the words of the plan; what it says is what a person has seen."""
        planned = self._planned.get((found.object_type, found.name))
        return planned if planned is not None and planned.action == found.action == "create" else found

    def _of_companies(self) -> list[Property]:
        values: dict[str, set[str]] = defaultdict(set)
        for update in self._plan.updates:
            for change in update.changes:
                values[change.property].update(change.new.split(";"))
        return self._declared(COMPANIES, values)

    def _of_tasks(self, *, opens_by_key: bool) -> list[Property]:
        return self._declared(TASKS, {TASK_KEY: set()} if opens_by_key else {})

    def _declared(self, object_type: str, values: Mapping[str, set[str]]) -> list[Property]:
        """Return our properties that are written or planned, with those options alone that this takes."""
        planned = {name: one for (kind, name), one in self._planned.items() if kind == object_type}
        found = []
        for one in properties_of(object_type):
            if one.name in values or one.name in planned:
                labels = dict.fromkeys(values.get(one.name, set()) - {""}, "")
                body = planned[one.name].body if one.name in planned else {}
                labels |= {option["value"]: option["label"] for option in body.get("options", ())}
                known = one.options or {}
                options = {
                    value: known.get(value) or labels[value] or own_label(value) for value in sorted(labels)
                }
                found.append(replace(one, options=options if one.options is not None else None))
        return found

    # As planned

    def write(self, progress: Progress) -> tuple[int, str | None]:
        """Create the properties and add the options that are missing.

        Args:
            progress: is told how far it is.

        Returns:
            How many definitions were written, and why the portal refused the unique task key (None: it did
            not).

        Raises:
            NeedsPersonError: HubSpot refuses one.
        """
        if not self._live:
            return 0, None
        refused = {kind: self._write(kind, progress) for kind in self._needed}
        stop_at([f"HubSpot refused the property {name}: {why}" for name, why in refused[COMPANIES].items()])
        for kind, wanted in self._needed.items():
            there = [one for one in _names(wanted) if one.partition("=")[0] not in refused[kind]]
            self._ledger.record_set_up(kind, there, self._now())
        if self._missing and not refused[TASKS]:
            self._memory.remember(self._needs(), self._now())
        return len(self._missing) - sum(map(len, refused.values())), refused[TASKS].get(TASK_KEY)

    def _write(self, object_type: str, progress: Progress) -> dict[str, str]:
        """Write what is missing of an object type; return what was refused, with the reason."""
        missing = [one for one in self._missing if one.object_type == object_type]
        bodies = [one.body for one in missing if one.action == "create"]
        refused = self._create(object_type, bodies) if bodies else {}
        for one in missing:
            if one.action == "add_options":
                there = self._live[object_type][one.name].get("options") or ()
                outcome = self._writer.add_options(object_type, one.name, one.body["options"], there)
                refused |= {} if outcome.ok else {one.name: outcome.error or ""}
        if missing:
            progress("properties", len(missing) - len(refused), len(missing))
        return refused

    def _create(self, object_type: str, bodies: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Create the group and the properties; return the refused ones with the reason."""
        try:
            self._writer.create_group(object_type, GROUP, GROUP_LABEL)
        except RejectedError as error:
            return {str(body["name"]): error.message for body in bodies}
        outcomes = self._writer.create_properties(object_type, bodies)
        return {one.key: one.error or "" for one in outcomes if not one.ok}


def _may_write(portal_id: str, object_type: str) -> str:
    return f"{portal_id} may write {object_type}"


def _words(portal_id: str, object_type: str, names: Iterable[str]) -> list[str]:
    """Return names as a memory of several portals holds them."""
    return [f"{portal_id} {object_type} {one}" for one in names]


def _names(properties: Iterable[Property]) -> list[str]:
    """Return the names of properties, and of each option as ``name=value``."""
    return [
        name
        for one in properties
        for name in (one.name, *(f"{one.name}={value}" for value in one.options or ()))
    ]


def told(blockers: Iterable[Blocker]) -> list[str]:
    """Return what keeps a plan from being applied, with what is to be done about it said once."""
    by_hint: dict[str, list[str]] = {}
    for one in blockers:
        by_hint.setdefault(one.hint, []).append(one.message)
    return [" ".join([*_first(messages), hint]) for hint, messages in by_hint.items()]


def _first(messages: Sequence[str]) -> list[str]:
    more = len(messages) - SHOWN
    return [*messages[:SHOWN], f"So it is with {more} more."] if more > 0 else [*messages]


def stop_at(reasons: Sequence[str]) -> None:
    """Stop before the first write, if there is any reason to.

    Raises:
        NeedsPersonError: there is one.
    """
    if reasons:
        raise NeedsPersonError(
            f"Nothing was written: {' '.join(reasons)}", hint="Then run `saaskpi run` again."
        )

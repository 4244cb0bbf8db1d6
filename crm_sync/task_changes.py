"""What is really written to a task, seen how it is at this moment: a person's word comes first. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_sync.model import TaskChange
from crm_sync.task_states import (
    BODY_FIELD,
    COMPLETED,
    COMPLETED_FIELD,
    DELETED,
    MODIFIED_FIELD,
    OPEN,
    OWNER_FIELD,
    PERSON,
    PRIORITY_FIELD,
    STATUS_FIELD,
    US,
    moment,
)
from crm_sync.task_texts import BREAK, reference

LIVE_FIELDS = (STATUS_FIELD, PRIORITY_FIELD, OWNER_FIELD, BODY_FIELD, COMPLETED_FIELD, MODIFIED_FIELD)
LONGEST_BODY = 65_000
"""Characters that HubSpot keeps of a body, with a margin."""
_COLUMNS = {STATUS_FIELD: "status", PRIORITY_FIELD: "priority", OWNER_FIELD: "owner_id"}


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done to a task.

    Attributes:
        values: properties to set; empty when it stays as it is.
        state: columns of the task ledger, once that is done.
    """

    values: dict[str, str]
    state: dict[str, Any]


def decide(change: TaskChange, live: Mapping[str, str] | None, now: datetime) -> Decision:
    """Return what is written of a planned change, given the task as it is.

    Doing it twice is doing it once: a line that is in the body is not added again, a task that is completed
    is not touched.

    Args:
        change: as planned.
        live: the task's ``LIVE_FIELDS`` as they are, "" for no value; None when it is gone.
        now: when (UTC).
    """
    if live is None:
        gone = {"status": DELETED, "completed_at": now, "completed_by": PERSON, "modified_at": None}
        return Decision({}, gone)
    status = live[STATUS_FIELD] or OPEN
    if change.action == "reopen":
        return _reopened(change, live, now)
    if status == COMPLETED:
        return Decision({}, _found_completed(change, live, now))
    if change.action == "update":
        return _updated(change, live)
    values = _with_line(change, live)
    state: dict[str, Any] = {**_looked_at(live), "over": change.over}
    if change.action == "complete":
        values[STATUS_FIELD] = COMPLETED
        state |= {"status": COMPLETED, "completed_at": now, "completed_by": US}
    return Decision(values, state)


def _reopened(change: TaskChange, live: Mapping[str, str], now: datetime) -> Decision:
    """Open a task again that we completed; our own line says that it was us."""
    if live[STATUS_FIELD] != COMPLETED:
        return Decision({}, {**_looked_at(live), **_open_again()})
    if reference(change.key, "over", change.over) not in live[BODY_FIELD]:
        return Decision({}, {**_found_completed(change, live, now), "completed_by": PERSON})
    values = {STATUS_FIELD: OPEN, **_with_line(change, live)}
    return Decision(values, {**_looked_at(live), **_open_again()})


def _open_again() -> dict[str, Any]:
    return {"status": OPEN, "over": "", "completed_at": None, "completed_by": None}


def _updated(change: TaskChange, live: Mapping[str, str]) -> Decision:
    values = {one.property: one.new for one in change.changes if live[one.property] == one.old}
    state = _looked_at(live) | {_COLUMNS[name]: value for name, value in values.items()}
    return Decision(values, state | ({"severity": change.severity} if change.severity else {}))


def _found_completed(change: TaskChange, live: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Say who completed a task: our own line in its body means that we did, and were cut off."""
    ours = change.action == "complete" and reference(change.key, "over", change.over) in live[BODY_FIELD]
    at = moment(live[COMPLETED_FIELD]) or moment(live[MODIFIED_FIELD]) or now
    state = {"completed_at": at, "completed_by": US if ours else PERSON}
    return {**_looked_at(live), **state} | ({"over": change.over} if ours else {})


def _looked_at(live: Mapping[str, str]) -> dict[str, Any]:
    seen: dict[str, Any] = {"status": live[STATUS_FIELD] or OPEN, "owner_id": live[OWNER_FIELD]}
    return {**seen, "modified_at": moment(live[MODIFIED_FIELD])}


def _with_line(change: TaskChange, live: Mapping[str, str]) -> dict[str, str]:
    """Return the body with the line added, nothing when it is there or would not fit."""
    body = live[BODY_FIELD]
    mark = change.line[change.line.rfind("ref: ") :]
    whole = f"{body}{BREAK}{change.line}" if body else change.line
    return {} if mark in body or len(whole) > LONGEST_BODY else {BODY_FIELD: whole}

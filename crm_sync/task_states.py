"""What is known of our tasks in the CRM: what was read of them, and what we wrote since. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from crm_sync.canonical import is_missing
from crm_sync.frames import living, picked, records
from crm_sync.properties import TASK_KEY

OPEN = "NOT_STARTED"
COMPLETED = "COMPLETED"
DELETED = "DELETED"
"""Our word for a task that is not in the CRM any more."""
PERSON = "person"
US = "saaskpi"

STATUS_FIELD = "hs_task_status"
PRIORITY_FIELD = "hs_task_priority"
OWNER_FIELD = "hubspot_owner_id"
SUBJECT_FIELD = "hs_task_subject"
BODY_FIELD = "hs_task_body"
COMPLETED_FIELD = "hs_task_completion_date"
MODIFIED_FIELD = "hs_lastmodifieddate"

Episode = tuple[str, str, str]
"""Account, rule and episode."""

_FIELDS = {
    "key": TASK_KEY,
    "status": STATUS_FIELD,
    "priority": PRIORITY_FIELD,
    "owner_id": OWNER_FIELD,
    "subject": SUBJECT_FIELD,
    "completed": COMPLETED_FIELD,
    "modified": MODIFIED_FIELD,
}


@dataclass(frozen=True, slots=True)
class KnownTask:
    """One task of ours.

    Attributes:
        key: portal:account:rule:episode, as it was opened.
        account_id: the account that answers for it now: its company may have been merged.
        company_id: the company that it is linked to, None when that is not known.
        status: of HubSpot, or ``DELETED``.
        completed_at: when it was completed (UTC), None when it is open or nobody knows.
        completed_by: ``saaskpi`` when we completed it.
        severity, our_priority: of the flag, and the priority that we wrote for it; "" when not known.
        over: day of the end of the episode that the task was told of; "" for none.
    """

    key: str
    task_id: str
    account_id: str
    rule: str
    episode: str
    company_id: str | None
    status: str
    priority: str
    owner_id: str
    subject: str
    completed_at: datetime | None
    completed_by: str
    severity: str
    our_priority: str
    over: str

    @property
    def is_open(self) -> bool:
        """True when nobody has finished or deleted it."""
        return self.status not in (COMPLETED, DELETED)


@dataclass(frozen=True)
class KnownTasks:
    """Our tasks by what they are about."""

    tasks: tuple[KnownTask, ...]
    _by_rule: dict[tuple[str, str], list[KnownTask]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for task in sorted(self.tasks, key=lambda task: (not task.is_open, task.key)):
            self._by_rule[task.account_id, task.rule].append(task)

    def of(self, account_id: str, rule: str) -> list[KnownTask]:
        """Return an account's tasks of a rule, open ones first."""
        return self._by_rule.get((account_id, rule), [])


def known_tasks(
    tasks: pd.DataFrame,
    ledger: pd.DataFrame,
    survivors: Mapping[str, str],
    portal_id: str,
    read_at: datetime | None,
) -> KnownTasks:
    """Join what the CRM shows with what we wrote.

    Of a task that both know, the CRM's row counts unless it is older than our last write: HubSpot's own time
    of modification says so, no clock of ours.

    Args:
        tasks: ``hubspot_tasks``: id, properties (JSON text).
        ledger: the task ledger.
        survivors: for each company that was merged, the one that answers for it now.
        portal_id: tasks of other portals are not ours.
        read_at: when the tasks were last read whole (UTC); one that we opened before and that was not found
            is gone. None when that is not known.
    """
    written = {str(row["task_key"]): row for row in records(ledger)}
    keys = {str(row["task_id"]): key for key, row in written.items()}
    shown = {_key(row, keys): row for row in _shown(tasks) if row["key"] or row["id"] in keys}
    found = (
        _task(key, parts, shown.get(key), written.get(key), survivors, read_at)
        for key in sorted({*shown, *written})
        if (parts := _parts(key, portal_id))
    )
    return KnownTasks(tuple(found))


def survivors_of(companies: pd.DataFrame) -> dict[str, str]:
    """Return, for each company that was merged, the one that answers for it now.

    Args:
        companies: id, archived, properties (JSON text).
    """
    there = living(companies)
    merged = picked(there["properties"], {"ids": "hs_merged_object_ids"})["ids"].tolist()
    pairs = zip(there["id"].astype(str).tolist(), merged, strict=True)
    return {one: into for into, ids in pairs if ids for one in str(ids).split(";") if one}


def moment(text: object) -> datetime | None:
    """Read a time as HubSpot writes it; None when it is none."""
    if is_missing(text) or not text:
        return None
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _shown(tasks: pd.DataFrame) -> Iterator[dict[str, Any]]:
    fields = picked(tasks["properties"], _FIELDS)
    for id_, row in zip(tasks["id"].astype(str).tolist(), records(fields), strict=True):
        yield {"id": id_, **row}


def _key(shown: Mapping[str, Any], keys: Mapping[str, str]) -> str:
    """Return the key by which we know a task; that of the ledger where a portal keeps none."""
    return keys.get(shown["id"]) or str(shown["key"])


def _parts(key: str, portal_id: str) -> Episode | None:
    parts = key.split(":")
    return (parts[1], parts[2], parts[3]) if len(parts) == 4 and parts[0] == portal_id else None


def _task(
    key: str,
    parts: Episode,
    shown: Mapping[str, Any] | None,
    written: Mapping[str, Any] | None,
    survivors: Mapping[str, str],
    read_at: datetime | None,
) -> KnownTask:
    ours: Mapping[str, Any] = written or {}
    seen = _seen(shown, ours, read_at)
    company = ours.get("company_id") if not is_missing(ours.get("linked_at")) else None
    status = _text(seen.get("status")) or OPEN
    return KnownTask(
        key=key,
        task_id=_text((shown or {}).get("id")) or _text(ours.get("task_id")),
        account_id=survivors.get(parts[0], parts[0]),
        rule=parts[1],
        episode=parts[2],
        company_id=company,
        status=status,
        priority=_text(seen.get("priority")),
        owner_id=_text(seen.get("owner_id")),
        subject=_text((shown or {}).get("subject")),
        completed_at=_completed_at(status, seen),
        completed_by=_text(ours.get("completed_by")),
        severity=_text(ours.get("severity")),
        our_priority=_text(ours.get("priority")),
        over=_text(ours.get("over")),
    )


def _seen(
    shown: Mapping[str, Any] | None, ours: Mapping[str, Any], read_at: datetime | None
) -> Mapping[str, Any]:
    """Return the newer of both looks at a task."""
    if shown is None:
        opened = _known_moment(ours.get("opened_at"))
        is_gone = read_at is not None and opened is not None and opened < read_at
        return {"status": DELETED} if is_gone and ours.get("status") != COMPLETED else ours
    before, modified = _known_moment(ours.get("modified_at")), moment(shown["modified"])
    is_newer = before is None or modified is None or modified > before
    return shown if is_newer else ours


def _known_moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) and not is_missing(value) else None


def _completed_at(status: str, seen: Mapping[str, Any]) -> datetime | None:
    if status not in (COMPLETED, DELETED):
        return None
    by_us = _known_moment(seen.get("completed_at"))
    return by_us or moment(seen.get("completed")) or moment(seen.get("modified"))


def _text(value: object) -> str:
    return "" if is_missing(value) else str(value)


def newest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the latest of the moments that are known."""
    return max((one for one in moments if one is not None), default=None)

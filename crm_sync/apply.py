"""Writes a plan to the CRM, exactly, and remembers each batch before the next one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from crm_sync.model import Plan
from crm_sync.ports import CrmWriter, Progress, PushLedger


@dataclass
class ApplyResult:
    """What an apply did.

    Attributes:
        properties_created: definitions created.
        companies_updated: companies written.
        fields_written: fields of them.
        tasks_opened: tasks created or updated by key.
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

    Raises:
        NeedsPersonError: the plan is blocked, stale, or the portal's properties do not fit any more.
        UsageError: the plan was applied already.
        AccessError: the key or a scope is refused; nothing more is tried.
        UnavailableError: HubSpot went on failing; what was written is remembered.
    """
    raise NotImplementedError

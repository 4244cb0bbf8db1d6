"""The plan: what the CRM should hold against what it holds, field by field. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from crm_sync.model import MadeFrom, Plan
from crm_sync.ports import Money


@dataclass(frozen=True)
class PlanSettings:
    """What a person may set about the write side.

    Attributes:
        language: of sentences and tasks, ``en`` or ``fr``.
        fallback_owner_id: gets the tasks of companies whose owner is missing or has left; None for nobody.
        link: pattern of a page per account, for instance ``https://kpi.example/accounts/{account_id}``.
    """

    language: str = "en"
    fallback_owner_id: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class PlanInputs:
    """Everything a plan is made from; the frames are those of the marts, the landing and the store.

    Attributes:
        made_from: names this state.
        accounts: the accounts table.
        flags: ``account_flags``: account_id, flag, severity, evidence_en, evidence_fr.
        episodes: ``flag_episodes``: account_id, flag, episode, opened_at, closed_at, severity.
        matches: ``account_match``: customer_id, company_id, rule, candidates.
        items: ``subscription_items``, for the reasons: customer_id, mrr.
        companies: ``hubspot_companies``: id, archived, properties (JSON text).
        companies_pulled_at: when reading them began (UTC); what was pushed later overlays them.
        pushed: newest value per company and property of the ledger: object_id, property, value, written_at.
        definitions: ``hubspot_properties``: object_type, name, type, archived, _raw (JSON).
        owners: ``hubspot_owners``: id, archived.
        tasks: ``hubspot_tasks``: id, properties (JSON text).
        task_ledger: task_key, task_id, linked_at.
        set_up: ``object_type.name`` of the properties that were created or found earlier.
        tasks_refused: why the portal cannot hold our task key; None when it can or was never asked.
    """

    made_from: MadeFrom
    accounts: pd.DataFrame
    flags: pd.DataFrame
    episodes: pd.DataFrame
    matches: pd.DataFrame
    items: pd.DataFrame
    companies: pd.DataFrame
    companies_pulled_at: datetime
    pushed: pd.DataFrame
    definitions: pd.DataFrame
    owners: pd.DataFrame
    tasks: pd.DataFrame
    task_ledger: pd.DataFrame
    set_up: frozenset[str] = field(default_factory=frozenset)
    tasks_refused: str | None = None


def build_plan(inputs: PlanInputs, settings: PlanSettings, money: Money, now: datetime) -> Plan:
    """Return what apply has to write so that the CRM shows the current run.

    Args:
        inputs: the state.
        settings: what a person set.
        money: turns and writes amounts.
        now: goes into ``saaskpi_updated_at`` and the due dates (UTC, aware).
    """
    raise NotImplementedError


__all__ = ["MadeFrom", "Plan", "PlanInputs", "PlanSettings", "build_plan"]

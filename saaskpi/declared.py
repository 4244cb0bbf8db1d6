"""What the settings declare beside the data: exchange rates, spend, flags and the rules of tasks."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from crm_sync.plan import PlanSettings
from crm_sync.task_rules import read_task_rules
from enrichment.exchange import FX_RATES
from enrichment.health.rules import read_rules
from enrichment.kpis.catalogue import MARKETING_SPEND
from enrichment.reporting import Reporting
from saaskpi.rates import exchange_rates
from saaskpi.settings import Settings
from saaskpi.spend import STREAM, read_spend


def own_flags(settings: Settings) -> dict[str, list[str]]:
    """Return the names of the flags that the settings declare, by kind.

    Raises:
        UsageError: one of them is wrong.
    """
    found: dict[str, list[str]] = {}
    for rule in read_rules(settings.flags):
        found.setdefault(rule.kind, []).append(rule.flag)
    return found


def plan_settings(settings: Settings) -> PlanSettings:
    """Return what the settings say about the write side.

    Raises:
        UsageError: a flag or a rule of tasks is wrong.
    """
    tasks, own = settings.tasks, own_flags(settings)
    return PlanSettings(
        language=settings.language,
        fallback_owner_id=tasks.fallback_owner_id,
        link=tasks.link,
        rules=read_task_rules(tasks.rules, own),
        when_over=tasks.when_over,
        cooldown_days=tasks.cooldown_days,
        own_flags=own,
        keep_edits=settings.guards.drift == "keep",
    )


def declared(settings: Settings, rates_folder: Path, as_of: date) -> tuple[Reporting, list[str]]:
    """Return what the settings declare, and a sentence on each thing that a reader should know of it.

    Args:
        settings: checked settings.
        rates_folder: where the ECB's file is kept.
        as_of: the day that the numbers describe.

    Raises:
        UsageError: a file cannot be read.
    """
    currency = settings.reporting.currency
    table = pd.DataFrame(columns=list(FX_RATES))
    notes: list[str] = []
    rejected: list[tuple[str, str, str]] = []
    if currency:
        rates = exchange_rates(settings.fx.file, folder=rates_folder)
        table, notes = rates.table, rates.notes(as_of)
        rejected += rates.rejected
    spend = pd.DataFrame(columns=list(MARKETING_SPEND))
    if settings.spend.file:
        read = read_spend(settings.spend.file)
        spend = read.table
        rejected += [(STREAM, f"row {row.row}", row.reason) for row in read.rejected]
    reporting = Reporting(
        currency=currency.lower() if currency else None,
        gross_margin=settings.reporting.gross_margin,
        segments=settings.segments,
        rates=table,
        spend=spend,
        rejected=tuple(rejected),
    )
    return reporting, notes

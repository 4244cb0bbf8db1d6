"""From somebody's tables to snapshots of past months, scored by the same score as everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from enrichment.backtest.panel import Snapshots
from enrichment.backtest.snapshots import Judge, gathered, month_starts, take_snapshot
from enrichment.health.columns import COLUMNS
from saaskpi.backtest.tables.given import Moment, read_given
from saaskpi.backtest.tables.mapping import KEYS, LIVES, NOT_GIVEN, SNAPSHOTS, DataMapping, Spec
from saaskpi.backtest.tables.rows import read_lives
from saaskpi.backtest.tables.table import Table, read_table
from saaskpi.backtest.tables.usage_facts import Events, read_events
from saaskpi.imports.csv_file import normalised

_ASSUMED: Final[dict[str, Any]] = {
    "status": "active",
    "currency": "usd",
    "mrr": 100.0,
    "scheduled_churn_mrr": 0.0,
    "counted_items": 1.0,
    "ending_items": 0.0,
    "invoices_ever": 0.0,
    "invoices": 0.0,
    "bad_invoices": 0.0,
}
"""What stands where a table says nothing: a customer that pays and whose invoices are not read."""
Report = Callable[[str], None]


def read_snapshots(
    accounts: Path,
    events: Path | None,
    mapping: DataMapping,
    judge: Judge,
    horizon_days: int,
    now: datetime,
    report: Report = lambda words: None,
) -> tuple[Snapshots, list[str]]:
    """Read the files and score every account at each instant that they tell of.

    Args:
        accounts: a row per account and instant, per paid term, or per account's life.
        events: usage; None when there is none.
        mapping: what the columns mean.
        judge: scores and flags.
        horizon_days: within how many days churn counts.
        now: stands for the instant of a table that has none, aware.
        report: is told each instant.

    Returns:
        The snapshots, and what a reader should know: rows kept aside, and why.

    Raises:
        UsageError: a file or the mapping cannot be used.
    """
    table = read_table(accounts)
    specs = _specs(table, mapping)
    used = _read_used(events, mapping) if events else None
    moments, churns, until, is_dated = _told(table, specs, mapping, horizon_days, now)
    taken = []
    for moment, facts in moments:
        report(f"{moment:%Y-%m}")
        known = _with_usage(facts, used[0], moment, judge.config.usage_days) if used else facts
        taken.append(take_snapshot(_whole(known), moment, horizon_days, judge))
    notes = table.aside.notes() + (used[1].aside.notes() if used else [])
    return gathered(taken, churns, until, horizon_days, is_dated=is_dated), notes


def _told(
    table: Table, specs: dict[str, Spec], mapping: DataMapping, horizon_days: int, now: datetime
) -> tuple[Iterable[Moment], pd.DataFrame, datetime, bool]:
    """Return each instant with its facts, the churns, until when these are known, and whether by day."""
    kind = mapping.rows or (LIVES if "started_at" in specs else SNAPSHOTS)
    until = mapping.until.replace(tzinfo=None) if mapping.until else None
    if kind == SNAPSHOTS:
        moments, churns, ends = read_given(table, specs, horizon_days, now)
        return moments, churns, until or ends, "churned_at" in specs
    lives = read_lives(table, specs, kind, until)
    starts = month_starts(lives.rows["started_at"].min(), lives.until.replace(tzinfo=UTC))
    facts = ((moment, lives.facts_at(moment.replace(tzinfo=None))) for moment in starts)
    return facts, lives.churns(), lives.until, True


def _with_usage(facts: pd.DataFrame, events: Events, moment: datetime, usage_days: int) -> pd.DataFrame:
    told = events.facts_at(moment.replace(tzinfo=None), usage_days)
    kept = [name for name in facts if name not in told or name == "account_id"]
    return facts[kept].merge(told, on="account_id", how="left")


def _specs(table: Table, mapping: DataMapping) -> dict[str, Spec]:
    """Return where each fact is found: as mapped; without a mapping, in a column of its own name.

    With one, a column counts only where it is mapped: somebody's ``Status`` need not be our ``status``.
    """
    known = [*KEYS, *(name for name in COLUMNS if name not in NOT_GIVEN)]
    own = {name: Spec(columns=(title,)) for name in known if (title := normalised(name)) in table.frame}
    specs = dict(mapping.columns) or own
    table.require([column for spec in specs.values() for column in spec.reads])
    return specs


def _read_used(path: Path, mapping: DataMapping) -> tuple[Events, Table]:
    said = mapping.events
    wanted = {said.account, said.at, said.event, said.quantity, said.user, said.active_users, *said.counts}
    table = read_table(path, wanted)
    return read_events(table, said), table


def _whole(facts: pd.DataFrame) -> pd.DataFrame:
    """Return the facts with every documented column, null where nothing is known."""
    index = facts.index
    columns = {}
    for name in COLUMNS:
        if name in NOT_GIVEN:
            continue
        column = facts[name] if name in facts else pd.Series([None] * len(facts), index=index, dtype=object)
        columns[name] = column.fillna(_ASSUMED[name]) if name in _ASSUMED else column
    whole = pd.DataFrame(columns, index=index).reset_index(drop=True)
    whole["name"] = whole["name"].where(whole["name"].notna(), whole["account_id"])
    return whole

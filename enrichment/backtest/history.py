"""Snapshots of past months, rebuilt from what was known at each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd

from enrichment.backtest.panel import Snapshots
from enrichment.backtest.snapshots import Judge, gathered, month_starts, take_snapshot
from enrichment.engine import EngineProtocol
from enrichment.facts.describing import describe
from enrichment.facts.rewinding import churns, restore, rewind
from enrichment.policy import Policy


def past_snapshots(
    engine: EngineProtocol,
    as_of: datetime,
    policy: Policy,
    judge: Judge,
    horizon_days: int,
    report: Callable[[str], None] = lambda words: None,
) -> Snapshots:
    """Go back to the start of each past month, look at every account, and come back to the present.

    Args:
        engine: holds what a run left in it, and the dated tables of ``prepare``.
        as_of: the present, aware; nothing after it is known.
        policy: under which MRR is computed.
        judge: scores and flags, as they are set now: it is they that are judged.
        horizon_days: within how many days of a snapshot churn counts.
        report: is told each month.
    """
    left = churns(engine)
    taken = []
    try:
        for month in month_starts(_first_paid(engine), as_of):
            report(f"{month:%Y-%m}")
            rewind(engine, month, policy, judge.config)
            taken.append(take_snapshot(describe(engine), month, horizon_days, judge))
    finally:
        restore(engine)
    return gathered(taken, left, as_of.astimezone(UTC).replace(tzinfo=None), horizon_days)


def _first_paid(engine: EngineProtocol) -> datetime | None:
    """Return when anything was paid for first (UTC without zone); None when nothing ever was."""
    first = engine.frame("SELECT MIN(effective_at) AS first_at FROM mrr_ledger WHERE mrr_after > 0")
    moment = first["first_at"].iloc[0]
    return None if pd.isna(moment) else pd.Timestamp(moment).to_pydatetime(warn=False)

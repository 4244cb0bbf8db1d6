"""The backtest over a home or over somebody's tables: where the snapshots come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from enrichment.backtest.history import past_snapshots
from enrichment.backtest.panel import Snapshots
from enrichment.backtest.report import Report, build_report
from enrichment.backtest.snapshots import Judge
from enrichment.backtest.suggestion import Suggestion, suggest
from enrichment.computing import compute_ledger
from enrichment.facts.describing import prepare
from enrichment.segments import build_segments
from enrichment.sql import ACCOUNTS, run_models
from saaskpi.backtest.tables.building import read_snapshots
from saaskpi.backtest.tables.mapping import DataMapping, read_mapping
from saaskpi.errors import StoreError, UsageError
from saaskpi.opening import opened
from saaskpi.progress import Report as Tell

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline

LONGEST_HORIZON: Final = 730


@dataclass(frozen=True, slots=True)
class Source:
    """Where the snapshots come from: the home, or files.

    Attributes:
        accounts: a CSV or Parquet file; None for the home.
        events: usage events beside it.
        mapping: says what the files' columns mean.
    """

    accounts: Path | None = None
    events: Path | None = None
    mapping: Path | None = None

    def check(self) -> None:
        """Refuse files that belong to none.

        Raises:
            UsageError: events or a mapping without accounts.
        """
        if self.accounts is None and (self.events or self.mapping):
            raise UsageError("--events and --mapping need --csv.", hint="Give the accounts' file too.")


@dataclass(frozen=True, slots=True)
class Backtest:
    """A report, and what a reader should know of the data, a sentence each."""

    report: Report
    notes: tuple[str, ...]
    seed: int


def run_backtest(
    pipeline: Pipeline, source: Source, horizon_days: int, seed: int, now: datetime, tell: Tell
) -> Backtest:
    """Judge the score and the flags by who left.

    Args:
        pipeline: gives the settings, and the home unless the source is files.
        source: of the snapshots.
        horizon_days: within how many days of a snapshot churn counts.
        seed: of the bootstrap samples.
        now: the clock's time, aware.
        tell: is told each month.

    Raises:
        UsageError: the horizon, a file or a setting cannot be used.
        StoreError: nothing has been pulled yet.
    """
    snapshots, notes = take_snapshots(pipeline, source, horizon_days, now, tell)
    return Backtest(build_report(snapshots, np.random.default_rng(seed)), tuple(notes), seed)


def suggest_weights(
    pipeline: Pipeline, source: Source, horizon_days: int, now: datetime, tell: Tell
) -> Suggestion:
    """Return weights that the data speaks for, if it does; nothing is changed.

    Raises:
        UsageError: the horizon, a file or a setting cannot be used.
        StoreError: nothing has been pulled yet.
    """
    snapshots, _ = take_snapshots(pipeline, source, horizon_days, now, tell)
    return suggest(snapshots, pipeline.health)


def take_snapshots(
    pipeline: Pipeline, source: Source, horizon_days: int, now: datetime, tell: Tell
) -> tuple[Snapshots, list[str]]:
    """Return the snapshots of all past months, and what a reader should know of the data."""
    source.check()
    if not 1 <= horizon_days <= LONGEST_HORIZON:
        raise UsageError(
            f"--horizon cannot be {horizon_days}.", hint=f"Give days, from 1 to {LONGEST_HORIZON}."
        )
    if source.accounts is None:
        return _of_home(pipeline, horizon_days, now, tell), []
    mapping = read_mapping(source.mapping) if source.mapping else DataMapping()
    judge = _judge(pipeline)
    return read_snapshots(source.accounts, source.events, mapping, judge, horizon_days, now, tell)


def _judge(pipeline: Pipeline, segments: pd.DataFrame | None = None) -> Judge:
    """Return what the settings judge accounts by."""
    flags = pipeline.flags
    return Judge(pipeline.health, flags.thresholds, flags.rules, segments)


def _of_home(pipeline: Pipeline, horizon_days: int, now: datetime, tell: Tell) -> Snapshots:
    """Rebuild the past months of the home's landing; at most usage files are read anew."""
    if not pipeline.landing.pull():
        raise StoreError("Nothing has been pulled yet.", hint="Run: saaskpi pull")
    as_of, config = pipeline.as_of(), pipeline.health
    with opened(pipeline.settings, pipeline.landing, as_of, now) as home:
        engine = home.engine
        tell("the present")
        compute_ledger(engine, pipeline.match, as_of, pipeline.policy, config, home.reporting)
        run_models(engine, ACCOUNTS)
        build_segments(engine, home.reporting.segments)
        prepare(engine, config.sources)
        judge = _judge(pipeline, engine.frame("account_segments"))
        return past_snapshots(engine, as_of, pipeline.policy, judge, horizon_days, tell)

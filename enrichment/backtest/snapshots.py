"""One month's snapshot: facts at that instant, scored and flagged as the product would have done then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.backtest.panel import CHURN_COLUMNS, FLAG_COLUMNS, SNAPSHOT_COLUMNS, Snapshots, empty
from enrichment.health.config import HealthConfig
from enrichment.health.flags import raise_flags
from enrichment.health.flags.config import FlagConfig
from enrichment.health.flags.rule import OwnRule
from enrichment.health.scoring import CUSTOMERS, Health, score
from enrichment.health.signals import COMPONENTS, Numbers, numbers

LEAST_DAYS: Final = 28
MOST_MONTHS: Final = 36
_MONTH: Final = 31


class Snapshot(NamedTuple):
    """Rows with ``SNAPSHOT_COLUMNS`` and flags with ``FLAG_COLUMNS``, all of one instant."""

    rows: pd.DataFrame
    flags: pd.DataFrame


def month_starts(first: datetime | None, last: datetime, most: int = MOST_MONTHS) -> list[datetime]:
    """Return the starts (UTC, aware) of the months after ``first`` up to ``last``, the latest ``most``.

    Args:
        first: None when there is nothing to look at.
        last: no month starts after it.
        most: how many months are looked at.
    """
    if first is None:
        return []
    span = pd.date_range(first, last.astimezone(UTC).replace(tzinfo=None), freq="MS", normalize=True)
    starts = [moment.to_pydatetime().replace(tzinfo=UTC) for moment in span]
    return [moment for moment in starts if first.replace(tzinfo=UTC) < moment <= last][-most:]


@dataclass(frozen=True, slots=True)
class Judge:
    """What accounts are scored and flagged with: the same for all months, as it is now.

    Attributes:
        config: of the score.
        thresholds: of the flags; None for the documented ones.
        rules: flags of the user's own.
        segments: account_id, segment, segment_value; needed when the configuration has profiles.
    """

    config: HealthConfig
    thresholds: FlagConfig | None = None
    rules: Sequence[OwnRule] = ()
    segments: pd.DataFrame | None = None

    def look(self, facts: pd.DataFrame) -> tuple[Health, pd.DataFrame]:
        """Return the scores and the flags of accounts."""
        health = score(facts, self.config, self.segments)
        return health, raise_flags(facts, health.accounts, self.config, self.rules, self.thresholds)


def take_snapshot(facts: pd.DataFrame, as_of: datetime, horizon_days: int, judge: Judge) -> Snapshot:
    """Score the customers among the facts of one instant.

    Args:
        facts: rows of ``account_facts`` that hold only what was known at ``as_of``.
        as_of: the instant, aware.
        horizon_days: within which a term must end for an account to be able to leave.
        judge: scores and flags them.
    """
    moment = pd.Timestamp(as_of).tz_convert("UTC").tz_localize(None).as_unit("us")
    health, flags = judge.look(facts)
    flags = flags.assign(as_of=moment)
    customers = facts[facts["status"].isin(CUSTOMERS)]
    scored = health.accounts.set_index("account_id").loc[customers["account_id"]]
    before, cap = (scored[name].to_numpy(dtype=np.float64) for name in ("score_before_caps", "cap"))
    rows = pd.DataFrame(
        {
            "as_of": moment,
            "account_id": customers["account_id"].to_numpy(dtype=object),
            "score": np.minimum(before, cap),
            "band": scored["health_band"].to_numpy(dtype=object),
            "coverage": scored["health_coverage"].to_numpy(dtype=np.float64),
            **_shares(health.signals, customers["account_id"]),
            "days_idle": numbers(customers, "days_idle"),
            "days_as_customer": numbers(customers, "days_as_customer"),
            "can_leave": _can_leave(customers, horizon_days),
            "in_population": _in_population(customers),
        }
    )
    return Snapshot(rows[list(SNAPSHOT_COLUMNS)], flags[list(FLAG_COLUMNS)])


def gathered(
    taken: Sequence[Snapshot],
    churns: pd.DataFrame,
    ends_at: datetime,
    horizon_days: int,
    *,
    is_dated: bool = True,
) -> Snapshots:
    """Put the snapshots of all months together.

    Args:
        taken: one per month.
        churns: with ``CHURN_COLUMNS``.
        ends_at: until when churn is known, UTC without zone.
        horizon_days: within how many days of a snapshot churn counts.
        is_dated: whether it is known on which day each account left.
    """
    return Snapshots(
        rows=_stacked([snapshot.rows for snapshot in taken], SNAPSHOT_COLUMNS),
        flags=_stacked([snapshot.flags for snapshot in taken], FLAG_COLUMNS),
        churns=_stacked([churns], CHURN_COLUMNS),
        ends_at=ends_at,
        horizon_days=horizon_days,
        is_dated=is_dated,
    )


def _stacked(frames: Sequence[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the rows of all frames; without any, a frame with these columns."""
    filled = [frame[list(columns)] for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else empty(columns)


def _shares(signals: pd.DataFrame, accounts: pd.Series[str]) -> dict[str, Numbers]:
    """Return per component the fraction of its measured points that each account earned."""
    measured = signals[(signals["state"] == "measured") & (signals["max_points"] > 0)]
    sums = measured.groupby(["account_id", "component"])[["points", "max_points"]].sum()
    fractions = (sums["points"] / sums["max_points"]).unstack("component")
    table = fractions.reindex(index=accounts, columns=list(COMPONENTS))
    return {f"share_{name}": table[name].to_numpy(dtype=np.float64) for name in COMPONENTS}


def _can_leave(facts: pd.DataFrame, horizon_days: int) -> npt.NDArray[np.bool_]:
    """Say whose term ends within the horizon; a monthly term always does, an unknown one may."""
    term, days = numbers(facts, "term_days"), numbers(facts, "days_to_renewal")
    is_short = np.isnan(term) | (term <= min(_MONTH, horizon_days))
    can: npt.NDArray[np.bool_] = is_short | (days <= horizon_days)
    return can


def _in_population(facts: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Say who pays, is at least 28 days old and is not already cancelling."""
    ending = numbers(facts, "ending_items")
    is_ending = (ending > 0) & (ending == numbers(facts, "counted_items"))
    is_old = numbers(facts, "days_as_customer") >= LEAST_DAYS
    within: npt.NDArray[np.bool_] = (numbers(facts, "mrr") > 0) & is_old & ~is_ending
    return within

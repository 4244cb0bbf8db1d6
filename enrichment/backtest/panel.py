"""Snapshots of past months beside what became of the accounts: what every figure of the report is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from enrichment.health.signals import COMPONENTS

VOLUNTARY: Final = "voluntary"
PAYMENT: Final = "payment"
SHARES: Final = tuple(f"share_{component}" for component in COMPONENTS)
"""Per component: the fraction of its measured points that the account earned, NaN where not measured."""
SNAPSHOT_COLUMNS: Final = (
    "as_of",
    "account_id",
    "score",
    "band",
    "coverage",
    *SHARES,
    "days_idle",
    "days_as_customer",
    "can_leave",
    "in_population",
)
FLAG_COLUMNS: Final = ("as_of", "account_id", "flag", "kind", "severity")
CHURN_COLUMNS: Final = ("account_id", "churned_at", "kind")
_TIME: Final = "datetime64[us]"


@dataclass(frozen=True, slots=True)
class Snapshots:
    """What was known and said at the start of each past month, and who left when.

    Attributes:
        rows: one row per (as_of, account_id) with ``SNAPSHOT_COLUMNS``: score (0 to 100 after caps, not
            rounded; also of new accounts), band, coverage (per cent), the shares of the components,
            days_idle, days_as_customer, can_leave (whether a term ends within the horizon) and in_population
            (paying, at least 28 days old, not already cancelling). Times are UTC without zone.
        flags: one row per flag that was up, with ``FLAG_COLUMNS``.
        churns: one row each time that an account's MRR reached zero, with ``CHURN_COLUMNS``.
        ends_at: until when churn is known, UTC without zone.
        horizon_days: within how many days of a snapshot churn counts.
        is_dated: whether it is known on which day each account left, and not only that it did.
    """

    rows: pd.DataFrame
    flags: pd.DataFrame
    churns: pd.DataFrame
    ends_at: datetime
    horizon_days: int
    is_dated: bool = True


@dataclass(frozen=True, slots=True)
class Panel:
    """The snapshots that can be judged.

    Attributes:
        rows: ``SNAPSHOT_COLUMNS`` of those in the population whose horizon is over, with churned (bool),
            churned_at (the first time after the snapshot, within the horizon) and kind, null for who stayed.
        flags: the flags of these rows.
        horizon_days: see :class:`Snapshots`.
        too_recent: how many snapshots of the population were dropped, their horizon not being over.
        outside: how many were dropped for not being in the population.
    """

    rows: pd.DataFrame
    flags: pd.DataFrame
    horizon_days: int
    too_recent: int
    outside: int


def empty(columns: tuple[str, ...]) -> pd.DataFrame:
    """Return a frame without rows whose times are times."""
    frame = pd.DataFrame(columns=list(columns))
    return frame.astype({name: _TIME for name in columns if name in ("as_of", "churned_at")})


def judged(snapshots: Snapshots) -> Panel:
    """Return the snapshots of the population whose horizon is over, each with what became of the account.

    A snapshot at T is labelled by churn in (T, T + horizon]. Rows after that cannot change its label.
    """
    rows, days = _plain(snapshots.rows), snapshots.horizon_days
    horizon = pd.Timedelta(days=days)
    population = rows[rows["in_population"].astype(bool)]
    is_over = population["as_of"] + horizon <= pd.Timestamp(snapshots.ends_at)
    kept = _with_next_churn(population[is_over], snapshots.churns, horizon)
    flags = _plain(snapshots.flags).merge(kept[["as_of", "account_id"]], on=["as_of", "account_id"])
    return Panel(kept, flags, days, int((~is_over).sum()), len(rows) - len(population))


def _with_next_churn(rows: pd.DataFrame, churns: pd.DataFrame, horizon: pd.Timedelta) -> pd.DataFrame:
    left = _plain(rows).sort_values(["as_of", "account_id"])
    right = _plain(churns[list(CHURN_COLUMNS)]).sort_values(["churned_at", "account_id"])
    found = pd.merge_asof(
        left,
        right,
        left_on="as_of",
        right_on="churned_at",
        by="account_id",
        direction="forward",
        allow_exact_matches=False,
        tolerance=horizon,
    )
    return found.assign(churned=found["churned_at"].notna())


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with texts as plain objects and times of one precision, however they came."""
    times = {name: _TIME for name in ("as_of", "churned_at") if name in frame}
    texts = {name: object for name in ("account_id", "kind") if name in frame}
    return frame.astype({**texts, **times})


@dataclass(frozen=True, slots=True)
class Lead:
    """How long before they left accounts had been red without a break.

    Attributes:
        median_days: of those that were red at the last snapshot before they left; None when none was.
        red: how many were.
        churns: of how many churns with a snapshot before them.
    """

    median_days: float | None
    red: int
    churns: int


def lead_time(snapshots: Snapshots) -> Lead:
    """Return for how long the accounts that left had been red, unbroken up to the last snapshot before.

    Counts each churn that was labelled in :func:`judged`, once.
    """
    panel = judged(snapshots)
    left = panel.rows[panel.rows["churned"]]
    known = _plain(snapshots.rows[snapshots.rows["in_population"].astype(bool)])
    months = {moment: place for place, moment in enumerate(sorted(known["as_of"].unique()))}
    seen = {
        account: dict(zip(group["as_of"].map(months), group["band"] == "red", strict=True))
        for account, group in known[known["account_id"].isin(left["account_id"])].groupby("account_id")
    }
    moments = sorted(months)
    leads: list[float] = []
    churns = left[["account_id", "churned_at"]].drop_duplicates()
    for account, churned_at in churns.itertuples(index=False):
        bands = seen[account]
        place = max(place for place in bands if moments[place] < churned_at)
        first = None
        while bands.get(place, False):
            first, place = place, place - 1
        if first is not None:
            leads.append((churned_at - moments[first]) / pd.Timedelta(days=1))
    return Lead(float(np.median(leads)) if leads else None, len(leads), len(churns))

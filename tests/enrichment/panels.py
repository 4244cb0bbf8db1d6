"""Snapshots made up for a test of the backtest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import pandas as pd

from enrichment.backtest.panel import CHURN_COLUMNS, FLAG_COLUMNS, SHARES, SNAPSHOT_COLUMNS, Snapshots, empty

ROW: Final[dict[str, Any]] = {
    "as_of": datetime.fromisoformat("2026-01-01"),
    "account_id": "a",
    "score": 60.0,
    "band": "yellow",
    "coverage": 100.0,
    **dict.fromkeys(SHARES, float("nan")),
    "days_idle": float("nan"),
    "days_as_customer": 400.0,
    "can_leave": True,
    "in_population": True,
}
ENDS: Final = datetime.fromisoformat("2026-12-31")


def band_of(score: float) -> str:
    """Return the default band of a score."""
    return "green" if score >= 80 else "yellow" if score >= 50 else "red"


def row(account: str, as_of: str, score: float, **more: Any) -> dict[str, Any]:
    """Return a snapshot with the band of its score."""
    return {
        **ROW,
        "account_id": account,
        "as_of": datetime.fromisoformat(as_of),
        "score": score,
        "band": band_of(score),
        **more,
    }


def snapshots(
    rows: Iterable[Mapping[str, Any]],
    churns: Iterable[tuple[str, str, str]] = (),
    flags: Iterable[tuple[str, str, str, str, str]] = (),
    ends_at: datetime = ENDS,
    horizon_days: int = 90,
) -> Snapshots:
    """Return snapshots; churns are (account, day, kind), flags (day, account, flag, kind, severity)."""
    left = [(account, datetime.fromisoformat(day), kind) for account, day, kind in churns]
    raised = [(datetime.fromisoformat(day), *rest) for day, *rest in flags]
    return Snapshots(
        rows=pd.DataFrame(list(rows), columns=list(SNAPSHOT_COLUMNS)),
        flags=pd.DataFrame(raised, columns=list(FLAG_COLUMNS)) if raised else empty(FLAG_COLUMNS),
        churns=pd.DataFrame(left, columns=list(CHURN_COLUMNS)) if left else empty(CHURN_COLUMNS),
        ends_at=ends_at,
        horizon_days=horizon_days,
    )

"""Accounts told by when they paid: who paid what at the start of each month, and when they left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from enrichment.backtest.panel import CHURN_COLUMNS, VOLUNTARY
from saaskpi.backtest.tables.mapping import TERMS

FACTS: Final = ("mrr", "paid_seats", "term_days", "plan")
"""What a row with a beginning and an end may say: it held from the one to the other.

Everything else would have no date, and what has no date may have been learnt after the churn."""
_GAP: Final = timedelta(days=1)
_FOREVER: Final = pd.Timestamp("2200-01-01")
_HOW: Final = {"mrr": "sum", "paid_seats": "sum", "term_days": "max", "plan": "first"}


@dataclass(frozen=True, slots=True)
class Lives:
    """Rows from a beginning to an end.

    Attributes:
        rows: account_id, started_at, ended_at (far in the future while it lasts), those of ``FACTS`` that are
            known, and churn_kind; times are UTC without zone.
        kind: ``terms`` or ``lives``: whether the end is known from the beginning, or only once it came.
        until: when what is known ends.
    """

    rows: pd.DataFrame
    kind: str
    until: datetime

    @classmethod
    def of(cls, rows: pd.DataFrame, kind: str, until: datetime | None) -> Lives:
        """Return the rows, open ends filled; without ``until``, the last date that must have been seen."""
        ended = rows["ended_at"].dropna()
        seen = rows["started_at"] if kind == TERMS else pd.concat([rows["started_at"], ended])
        return cls(
            rows.assign(ended_at=rows["ended_at"].fillna(_FOREVER)),
            kind,
            until or pd.Timestamp(seen.max()).to_pydatetime(warn=False),
        )

    def facts_at(self, moment: datetime) -> pd.DataFrame:
        """Return one row per account that pays at an instant, from rows that had begun by then.

        Args:
            moment: UTC without zone.
        """
        here = self._active(moment)
        known = [name for name in FACTS if name in here]
        facts = here.groupby("account_id").agg({name: _HOW[name] for name in known} | {"ended_at": "max"})
        since = self.rows.groupby("account_id")["started_at"].min().loc[facts.index]
        facts["days_as_customer"] = (pd.Timestamp(moment) - since).dt.days
        facts["customer_since"] = since.dt.date
        facts["described_on"] = pd.Timestamp(moment).date()
        if "mrr" in known:
            for days in (90, 180, 365):
                before = self._active(moment - timedelta(days=days)).groupby("account_id")["mrr"].sum()
                facts[f"mrr_{days}"] = before.reindex(facts.index, fill_value=0)
        if "paid_seats" in known:
            seats = (
                self._active(moment - timedelta(days=90)).groupby("account_id")["paid_seats"].sum(min_count=1)
            )
            facts["paid_seats_90"] = seats.reindex(facts.index)
        if self.kind == TERMS:
            facts["renewal_date"] = facts["ended_at"].dt.date
            facts["days_to_renewal"] = (facts["ended_at"] - pd.Timestamp(moment)).dt.days
        return facts.drop(columns="ended_at").reset_index()

    def churns(self) -> pd.DataFrame:
        """Return each end after which an account paid for nothing for more than a day."""
        rows = self.rows.sort_values(["account_id", "started_at", "ended_at"], ignore_index=True)
        paid_until = rows.groupby("account_id")["ended_at"].cummax()
        starts_next = rows.groupby("account_id")["started_at"].shift(-1)
        is_last = starts_next.isna() | (starts_next > paid_until + _GAP)
        ends = rows.assign(churned_at=paid_until)[is_last & (paid_until <= pd.Timestamp(self.until))]
        kind = ends["churn_kind"].fillna(VOLUNTARY) if "churn_kind" in ends else VOLUNTARY
        return ends.assign(kind=kind)[list(CHURN_COLUMNS)]

    def _active(self, moment: datetime) -> pd.DataFrame:
        at = pd.Timestamp(moment)
        rows: pd.DataFrame = self.rows[(self.rows["started_at"] <= at) & (self.rows["ended_at"] > at)]
        return rows

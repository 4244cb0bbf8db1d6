"""The report of a backtest: every figure, from the panel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from enrichment.backtest.panel import PAYMENT, SHARES, VOLUNTARY, Lead, Panel, Snapshots, judged, lead_time
from enrichment.backtest.statistics import (
    Auc,
    Codes,
    Flags,
    Interval,
    Numbers,
    account_draws,
    auc_with_interval,
    catch_curve,
    caught_by,
    lift,
    wilson_by_account,
)
from enrichment.backtest.verdict import Share, Verdict, give_verdict
from enrichment.health.signals import COMPONENTS

BANDS: Final = ("green", "yellow", "red", "new", "no data")
SILENCE: Final = "days_silent"
TENURE: Final = "tenure"


@dataclass(frozen=True, slots=True)
class Group:
    """Snapshots that have something in common: a band, or a flag that was up.

    Attributes:
        name: the band or the flag.
        kind: ``band``, or the flag's ``risk`` or ``opportunity``.
        rows: how many snapshots.
        churned: of how many the account left within the horizon.
        rate: churned / rows; None without rows.
        interval: 95 % of the rate.
        lift: the rate over that of all snapshots.
        caught: share of all churned snapshots that are in the group.
    """

    name: str
    kind: str
    rows: int
    churned: int
    rate: float | None
    interval: Interval | None
    lift: float | None
    caught: float | None


@dataclass(frozen=True, slots=True)
class Measure:
    """How well one number alone foretells churn.

    Attributes:
        name: a component, or a baseline.
        auc: that of the number.
        wrong_way: whether its whole interval is below 0.5: those who should stay by it leave.
    """

    name: str
    auc: Auc
    wrong_way: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What a backtest found.

    Attributes:
        verdict: what it comes to.
        horizon_days: within how many days of a snapshot churn counts.
        first_month, last_month: of the judged snapshots, UTC; None when there is none.
        months: how many different ones.
        snapshots: how many were judged.
        accounts: how many different accounts they are of.
        events: how many times an account left; one churn is foretold by several snapshots.
        voluntary, payment: the same by kind.
        churned: how many of the snapshots have their churn within the horizon.
        too_recent, outside: see ``Panel``.
        auc: of the score; of those that could leave within the horizon; voluntary churn alone; churn for
            payment alone (each against all who stayed).
        top_decile_lift, top_decile_caught: of the tenth with the lowest scores.
        bands: in the order of ``BANDS``, those that occur.
        flags: by lift, risks first.
        components: of the score.
        baselines: what one gets without any score.
        lead: how long before they left the accounts were red; None when no day is known for any churn.
        curve: see ``catch_curve``.
    """

    verdict: Verdict
    horizon_days: int
    first_month: datetime | None
    last_month: datetime | None
    months: int
    snapshots: int
    accounts: int
    events: int
    voluntary: int
    payment: int
    churned: int
    too_recent: int
    outside: int
    auc: Auc
    auc_could_leave: Auc
    auc_voluntary: Auc
    auc_payment: Auc
    top_decile_lift: float | None
    top_decile_caught: float | None
    bands: tuple[Group, ...]
    flags: tuple[Group, ...]
    components: tuple[Measure, ...]
    baselines: tuple[Measure, ...]
    lead: Lead | None
    curve: tuple[tuple[float, float], ...]

    @property
    def churn_rate(self) -> float | None:
        """Share of the judged snapshots whose account left within the horizon; None without any."""
        return self.churned / self.snapshots if self.snapshots else None


@dataclass(frozen=True, slots=True)
class _Data:
    """The judged snapshots as arrays, with the draws that all intervals share."""

    rows: pd.DataFrame
    churned: Flags
    account: Codes
    drawn: np.ndarray[tuple[int, ...], np.dtype[np.int64]]

    @classmethod
    def of(cls, panel: Panel, rng: np.random.Generator) -> _Data:
        account, names = pd.factorize(panel.rows["account_id"])
        return cls(
            panel.rows, panel.rows["churned"].to_numpy(dtype=bool), account, account_draws(len(names), rng)
        )

    def numbers(self, column: str) -> Numbers:
        return pd.to_numeric(self.rows[column]).to_numpy(dtype=np.float64, na_value=np.nan)

    def auc(self, risk: Numbers, among: Flags | None = None) -> Auc:
        chosen = np.ones(len(self.rows), dtype=bool) if among is None else among
        return auc_with_interval(risk[chosen], self.churned[chosen], self.account[chosen], self.drawn)


def build_report(snapshots: Snapshots, rng: np.random.Generator) -> Report:
    """Judge the snapshots of past months by what became of the accounts.

    Args:
        snapshots: see :class:`Snapshots`.
        rng: draws the bootstrap samples; the same seed gives the same report.
    """
    panel = judged(snapshots)
    data = _Data.of(panel, rng)
    rows, risk = panel.rows, -data.numbers("score")
    churns = rows.loc[rows["churned"], ["account_id", "churned_at", "kind"]].drop_duplicates()
    kinds = churns["kind"].value_counts()
    bands, whole = _bands(data), data.auc(risk)
    months = sorted(rows["as_of"].unique())
    stayed_or = {kind: ~data.churned | (rows["kind"] == kind).to_numpy() for kind in (VOLUNTARY, PAYMENT)}
    caught = caught_by(risk, data.churned, 0.1)
    return Report(
        verdict=_verdict(whole, len(churns), bands),
        horizon_days=panel.horizon_days,
        first_month=pd.Timestamp(months[0]).to_pydatetime() if months else None,
        last_month=pd.Timestamp(months[-1]).to_pydatetime() if months else None,
        months=len(months),
        snapshots=len(rows),
        accounts=int(rows["account_id"].nunique()),
        events=len(churns),
        voluntary=int(kinds.get(VOLUNTARY, 0)),
        payment=int(kinds.get(PAYMENT, 0)),
        churned=int(data.churned.sum()),
        too_recent=panel.too_recent,
        outside=panel.outside,
        auc=whole,
        auc_could_leave=data.auc(risk, rows["can_leave"].to_numpy(dtype=bool)),
        auc_voluntary=data.auc(risk, stayed_or[VOLUNTARY]),
        auc_payment=data.auc(risk, stayed_or[PAYMENT]),
        top_decile_lift=lift(risk, data.churned),
        top_decile_caught=None if np.isnan(caught) else caught,
        bands=bands,
        flags=_flags(data, panel.flags),
        components=tuple(
            _measure(name, data.auc(-data.numbers(column)))
            for name, column in zip(COMPONENTS, SHARES, strict=True)
        ),
        baselines=(
            _measure(SILENCE, data.auc(data.numbers("days_idle"))),
            _measure(TENURE, data.auc(-data.numbers("days_as_customer"))),
        ),
        lead=lead_time(snapshots) if snapshots.is_dated else None,
        curve=catch_curve(risk, data.churned),
    )


def _verdict(auc: Auc, events: int, bands: tuple[Group, ...]) -> Verdict:
    shares = {band.name: Share(band.churned, band.rows) for band in bands}
    red, green = (shares.get(name, Share(0, 0)) for name in ("red", "green"))
    return give_verdict(auc, events, red, green)


def _measure(name: str, auc: Auc) -> Measure:
    return Measure(name, auc, auc.interval is not None and auc.interval.high < 0.5)


def _bands(data: _Data) -> tuple[Group, ...]:
    found = ((band, (data.rows["band"] == band).to_numpy(dtype=bool)) for band in BANDS)
    return tuple(_group(data, band, "band", here) for band, here in found if here.any())


def _flags(data: _Data, flags: pd.DataFrame) -> tuple[Group, ...]:
    """Return each flag that ever was up, risks first, then by lift."""
    place = pd.MultiIndex.from_frame(data.rows[["as_of", "account_id"]])
    groups = []
    for (kind, flag), raised in flags.groupby(["kind", "flag"]):
        here = place.isin(pd.MultiIndex.from_frame(raised[["as_of", "account_id"]]))
        groups.append(_group(data, str(flag), str(kind), here))
    return tuple(sorted(groups, key=lambda group: (group.kind != "risk", -(group.lift or 0), group.name)))


def _group(data: _Data, name: str, kind: str, here: Flags) -> Group:
    rows, churned, total = int(here.sum()), int(data.churned[here].sum()), int(data.churned.sum())
    rate = churned / rows if rows else None
    return Group(
        name=name,
        kind=kind,
        rows=rows,
        churned=churned,
        rate=rate,
        interval=wilson_by_account(data.churned[here], data.account[here]),
        lift=rate / (total / len(data.rows)) if total and rate is not None else None,
        caught=churned / total if total else None,
    )

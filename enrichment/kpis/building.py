"""From the marts to the tables of the key figures, in an engine."""

from __future__ import annotations

from typing import Final

import pandas as pd

from enrichment.engine import EngineProtocol
from enrichment.kpis.catalogue import KPI_MONTH, MARKETING_SPEND
from enrichment.kpis.funnel import FUNNEL, STEPS, funnel
from enrichment.kpis.month import Beside, kpi_month
from enrichment.policy import Policy
from enrichment.sql import models
from enrichment.tables import leave

KPI_TABLES: Final = ("kpi_month", "funnel", "marketing_spend")
"""The tables that :func:`build_kpis` leaves for others to read."""

MODELS: Final = (
    "charge_month",
    "trial_month",
    "present_month",
    "lifetime_spells",
    "lifetime_counts",
    "funnel_counts",
)
"""What stands beside ``kpi_base``; no model reads another but ``lifetime_counts`` the one before it."""


def build_kpis(
    engine: EngineProtocol,
    policy: Policy,
    *,
    spend: pd.DataFrame,
    gross_margin: float | str = 100,
) -> None:
    """Compute the tables of ``KPI_TABLES`` in ``engine``.

    Args:
        engine: holds ``kpi_base``, ``account_month``, ``account_segments``, ``account_money``,
            ``account_customers``, ``months``, ``run_clock`` and the staging of charges, subscriptions,
            invoices and contacts.
        policy: the MRR policy.
        spend: rows of ``MARKETING_SPEND``; may be empty.
        gross_margin: in per cent.

    Raises:
        UsageError: the gross margin is out of range.
    """
    for name, sql in models(MODELS):
        engine.run(name, sql)
    beside = Beside(
        spend=spend,
        charges=engine.frame("charge_month"),
        trials=engine.frame("trial_month"),
        present=engine.frame("present_month"),
        lifetimes=engine.frame("lifetime_counts"),
    )
    base = engine.frame("SELECT * FROM kpi_base ORDER BY month, valuation, currency, segment, segment_value")
    figures = kpi_month(base, policy, gross_margin=gross_margin, beside=beside)
    leave(engine, "kpi_month", figures, KPI_MONTH)
    counts = engine.frame("funnel_counts").iloc[0]
    leave(engine, "funnel", funnel({step: int(counts[step]) for step in STEPS}), FUNNEL)
    leave(engine, "marketing_spend", spend, MARKETING_SPEND)

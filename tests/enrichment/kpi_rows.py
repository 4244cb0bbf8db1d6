"""Rows of ``kpi_base`` made up for a test."""

from __future__ import annotations

from typing import Any

import pandas as pd

from enrichment.kpis.catalogue import KPI_KEYS

ZEROS: dict[str, int | None] = {
    **dict.fromkeys(("mrr_start", "new_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr"), 0),
    **dict.fromkeys(("reactivation_mrr", "fx_mrr", "mrr", "customers_start", "active_customers"), 0),
    **dict.fromkeys(("new_customers", "lost_customers", "reactivated_customers"), 0),
    "opening_mrr_12m": None,
    "retained_mrr_12m": None,
}


def base_row(month: str = "2026-10", **more: Any) -> dict[str, Any]:
    """Return a row of the whole company in euros with zeros but for ``more``."""
    keys = {"month": month, "currency": "eur", "valuation": "native", "segment": "", "segment_value": ""}
    return {**keys, **ZEROS, **more}


def base(*rows: dict[str, Any]) -> pd.DataFrame:
    """Return rows as the engine hands them out: integers, floats where there are nulls."""
    frame = pd.DataFrame(list(rows), columns=[*KPI_KEYS, *ZEROS])
    return frame.astype(dict.fromkeys(("opening_mrr_12m", "retained_mrr_12m"), "float64"))

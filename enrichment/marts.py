"""From the ledger to account months, movements, the bases of the KPIs, cohorts and the bridge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

import pandas as pd

from enrichment import calendar, tables
from enrichment.engine import EngineProtocol
from enrichment.policy import Policy
from enrichment.segments import build_segments
from enrichment.sql import models
from enrichment.tables import leave

MARTS: Final = ("months", "account_month", "mrr_movements", "kpi_base", "cohort_retention", "mrr_bridge")
"""The tables that :func:`build_marts` leaves for others to read, beside ``account_segments``."""

MODELS: Final = (
    "month_numbers",
    "unit_members",
    "unit_ledger",
    "unit_changes",
    "visits",
    "unit_stands",
    "idle_moments",
    "unit_kinds",
    "unit_movements",
    "movement_customers",
    "mrr_movements",
    "valuations",
    "account_changes",
    "account_month",
    "kpi_changes",
    "retained_changes",
    "kpi_base",
    "cohort_retention",
    "mrr_bridge",
)
"""As they build on each other; they also read ``months``, ``mart_rules`` and ``account_segments``."""

_RULES: Final = {
    "as_of": "TIMESTAMP",
    "grain": "VARCHAR",
    "reactivation": "VARCHAR",
    "reactivation_days": "BIGINT",
    "same_month": "VARCHAR",
    "policy_hash": "VARCHAR",
}


OF_ACCOUNTS: Final = MODELS[: MODELS.index("account_month") + 1]
"""Those that tell of each account by itself; the others sum them up."""


def build_marts(
    engine: EngineProtocol,
    policy: Policy,
    as_of: datetime,
    segments: Mapping[str, str] = MappingProxyType({}),
    *,
    whole: bool = True,
) -> None:
    """Build every table of ``MARTS`` and ``account_segments`` in ``engine``.

    All money is in minor units of the row's currency, all instants are UTC. In every month, for an account,
    a segment's value and the whole alike (metrics: the identity)::

        mrr_start + new + reactivation + expansion - contraction - churned + fx = mrr

    Args:
        engine: holds ``mrr_ledger`` and ``subscription_lives`` as in ``tables``; with ``segments`` also what
            :func:`enrichment.segments.build_segments` reads.
        policy: says when months end and what a movement is called.
        as_of: the instant that the numbers describe, aware; the month that holds it is the last one.
        segments: name to source, as for ``build_segments``.
        whole: False leaves the tables that sum accounts up aside: not all of them are there.

    Raises:
        UsageError: a segment has an unknown source.
    """
    build_segments(engine, segments)
    now = as_of.astimezone(UTC).replace(tzinfo=None)
    leave(engine, "mart_rules", _rules(policy, now), _RULES)
    build_months(engine, policy, as_of, "mrr_ledger")
    steps = models(MODELS if whole else OF_ACCOUNTS)
    for place, (name, sql) in enumerate(steps):
        engine.run(name, sql)
        if whole:
            _empty_unread(engine, [later for _, later in steps[place:]])


def build_months(
    engine: EngineProtocol, policy: Policy, as_of: datetime, ledger: str = "native_ledger"
) -> None:
    """Leave ``months``: the calendar months from the first row of ``ledger`` to the one that holds ``as_of``.

    Args:
        engine: holds the ledger.
        policy: says in which time zone months end.
        as_of: aware.
        ledger: name of the table.
    """
    first = engine.frame(f"SELECT MIN(effective_at) AS first_at FROM {ledger}")["first_at"].iloc[0]
    begin = as_of if pd.isna(first) else min(as_of, first.to_pydatetime().replace(tzinfo=UTC))
    # Everything before as_of has happened: at midnight between two months, the first of them is the last.
    last = max(begin, as_of - timedelta(microseconds=1))
    leave(engine, "months", calendar.months(begin, last, policy.zone), tables.MONTHS)


def _empty_unread(engine: EngineProtocol, ahead: list[str]) -> None:
    """Free the memory of the tables that the model just run, the first of ``ahead``, was the last to read."""
    read_now, read_later = ahead[0], " ".join(ahead[1:])
    for name in MODELS:
        if name not in MARTS and _reads(read_now, name) and not _reads(read_later, name):
            engine.run(name, f"SELECT * FROM {name} WHERE 1 = 0")


def _reads(sql: str, name: str) -> bool:
    return re.search(rf"\b(FROM|JOIN) {name}\b", sql) is not None


def _rules(policy: Policy, now: datetime) -> pd.DataFrame:
    """Return the one row that the models read the policy from."""
    row = {
        "as_of": now,
        "grain": policy.movement_grain,
        "reactivation": policy.reactivation_window,
        "reactivation_days": policy.reactivation_days,
        "same_month": policy.same_month,
        "policy_hash": policy.hash,
    }
    return pd.DataFrame([row])

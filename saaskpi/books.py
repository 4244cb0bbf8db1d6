"""Our books for a reconciliation: what the current run left, and the ledger under another policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from crm_sync.inputs import newest_rows
from enrichment.computing import compute_ledger
from enrichment.health.config import HealthConfig
from enrichment.policy import Policy
from enrichment.presets import PRESETS, preset
from saaskpi.opening import register_streams
from saaskpi.progress import Report, unseen
from saaskpi.reconciliation import Books
from warehouse.engine import Engine

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline

_FIRST_TRIED: Final = "stripe"


def open_books(pipeline: Pipeline, report: Report = unseen) -> Books:
    """Return the books of the current run.

    Args:
        pipeline: over the home.
        report: is told each time that the ledger is computed again, which takes as long as an enrichment.

    Raises:
        StoreError: there is no run yet.
        UsageError: a policy setting is wrong.
    """
    policy, as_of, counter = pipeline.policy, pipeline.as_of(), count(1)

    def under(changed: Policy) -> pd.DataFrame:
        report(f"looking for causes: policy {next(counter)}")
        return recomputed_ledger(pipeline, changed, as_of)

    return Books(
        ledger=pipeline.marts.read("mrr_ledger"),
        differences=pipeline.marts.read("mrr_differences"),
        customers=set(newest_rows(pipeline.landing, "stripe_customers", ("id",))["id"]),
        policy=policy,
        as_of=as_of,
        ledger_under=under,
        presets=_presets(policy),
    )


def recomputed_ledger(pipeline: Pipeline, policy: Policy, as_of: datetime) -> pd.DataFrame:
    """Compute ``mrr_ledger`` from the landing under another policy; leaves no trace in the home.

    Args:
        pipeline: gives the landing and the engine's limits.
        policy: the other one.
        as_of: the instant that the numbers describe.
    """
    limits, landing = pipeline.settings.engine, pipeline.landing
    with Engine(limits.memory_limit, limits.threads, pipeline.settings.home / "tmp") as engine:
        register_streams(engine, landing)
        compute_ledger(engine, unmatched, as_of, policy, HealthConfig())
        return engine.frame("mrr_ledger")


def _presets(policy: Policy) -> dict[str, Policy]:
    """Return the presets, Stripe's first; month ends and currencies stay ours: they are tried apart."""
    names = sorted(PRESETS, key=lambda name: (name != _FIRST_TRIED, name))
    kept = {"calendar": policy.calendar, "fx_mode": policy.fx_mode}
    return {f"preset {name}": replace(preset(name), **kept) for name in names}


def unmatched(*, customers: pd.DataFrame, companies: pd.DataFrame, contacts: pd.DataFrame) -> pd.DataFrame:
    """Leave every customer an account of its own: whose company it is does not change its MRR."""
    del companies, contacts
    found = customers[["customer_id"]].assign(company_id=None, rule="none")
    nobody: list[Any] = [[] for _ in range(len(found))]
    return found.assign(candidates=pd.Series(nobody, index=found.index, dtype=object))

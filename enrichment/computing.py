"""From the landing's tables to accounts, scores and flags: the order in which the parts run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pandas as pd

from enrichment.config import HealthConfig
from enrichment.engine import EngineProtocol
from enrichment.policy import Policy

Match = Callable[..., pd.DataFrame]
TABLES = (
    "accounts",
    "subscription_items",
    "account_match",
    "health_signals",
    "account_flags",
    "flag_episodes",
    "rejected_rows",
)
"""The tables that :func:`compute` leaves in the engine, for the pipeline to export."""


def compute(
    engine: EngineProtocol,
    match: Match,
    as_of: datetime,
    policy: Policy,
    config: HealthConfig,
    episodes: pd.DataFrame,
) -> None:
    """Compute every table of ``TABLES`` in ``engine`` from the landing tables registered there.

    Args:
        engine: holds one table per landed stream, named as the stream; missing ones count as empty.
        match: called with the keywords ``customers`` (customer_id, name, email, metadata), ``companies``
            (company_id, name, domain, properties) and ``contacts`` (contact_id, email, company_id); returns
            ``customer_id, company_id (nullable), rule, candidates (list)``, one row per customer.
        as_of: the instant that the numbers describe, aware.
        policy: the MRR policy.
        config: of the health score and flags.
        episodes: ``flag_episodes`` of the run before; may be empty.
    """
    raise NotImplementedError

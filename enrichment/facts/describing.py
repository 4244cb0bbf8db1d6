"""Everything known about every account at the instant of ``run_clock``."""

from __future__ import annotations

import pandas as pd

from enrichment.engine import EngineProtocol
from enrichment.facts.billing import describe_billing, prepare_billing
from enrichment.facts.crm import describe_crm, prepare_crm
from enrichment.facts.sources import FactSources
from enrichment.facts.usage import describe_usage, prepare_usage
from enrichment.sql import run_models


def prepare(engine: EngineProtocol, sources: FactSources) -> None:
    """Build the dated tables that facts at any instant are read from.

    Args:
        engine: holds the staging tables, ``account_customers``, ``mrr_ledger`` and, if there is one,
            ``usage_events``.
        sources: names of things in the user's own data.
    """
    prepare_billing(engine, sources)
    prepare_usage(engine, sources)
    prepare_crm(engine, sources)


def describe(engine: EngineProtocol) -> pd.DataFrame:
    """Leave ``account_facts`` at the instant of ``run_clock`` and return it by account id.

    Args:
        engine: holds what :func:`prepare` left, and ``account_basics`` at that instant.
    """
    describe_billing(engine)
    describe_usage(engine)
    describe_crm(engine)
    run_models(engine, ("account_facts",))
    return engine.frame("SELECT * FROM account_facts ORDER BY account_id")

"""Going back in time: the tables that facts are read from, as they would have been at an earlier instant."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pandas as pd

from enrichment.engine import EngineProtocol
from enrichment.health.config import HealthConfig
from enrichment.policy import Policy

CHURNS: Final = {"account_id": "VARCHAR", "churned_at": "TIMESTAMP", "kind": "VARCHAR"}


def rewind(engine: EngineProtocol, as_of: datetime, policy: Policy, config: HealthConfig) -> None:
    """Put what was known at ``as_of`` in the place of the present, up to ``account_basics``.

    Args:
        engine: holds what a run left in it.
        as_of: the instant, aware.
        policy: under which MRR is computed.
        config: has the windows, in days.
    """


def restore(engine: EngineProtocol) -> None:
    """Put the present back where :func:`rewind` had put the past."""


def churns(engine: EngineProtocol) -> pd.DataFrame:
    """Return account_id, churned_at (UTC) and kind of every time that an account left.

    kind: ``payment`` when it did not pay, else ``voluntary``.
    """
    return pd.DataFrame(columns=list(CHURNS))

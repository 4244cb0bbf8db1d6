"""Gathers what a plan is made from: marts, landing and store."""

from __future__ import annotations

from crm_sync.plan import PlanInputs
from warehouse.landing import Landing
from warehouse.marts import Marts
from warehouse.store import Store


def gather(landing: Landing, marts: Marts, store: Store, portal_id: str) -> PlanInputs:
    """Return the inputs of a plan for the current run.

    Raises:
        StoreError: nothing has been pulled or enriched yet.
    """
    raise NotImplementedError

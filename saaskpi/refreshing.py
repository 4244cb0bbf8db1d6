"""A few accounts on the way of all: what changed is read anew, computed, planned and applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connectors.touched import Touched
from saaskpi.results import Written

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline

PATIENCE: Final = 600.0
"""Seconds for which a refresh waits until others are done in the home: a whole enrichment takes its time."""


def refresh(pipeline: Pipeline, touched: Touched) -> Written:
    """Bring the accounts of what may have changed up to date, from the landing to the CRM.

    Args:
        pipeline: over the home.
        touched: what may have changed.
    """
    with pipeline.alone(wait=PATIENCE):
        pipeline.enrich()
        return pipeline.apply()

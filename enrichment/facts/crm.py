"""Facts about accounts: what HubSpot says of touches, key contacts, surveys, tickets and deals."""

from __future__ import annotations

from typing import Final

from enrichment.engine import EngineProtocol
from enrichment.facts.parts import leave_empty
from enrichment.facts.sources import FactSources

TABLES: Final = ("account_engagement", "account_satisfaction", "account_deals")


def prepare_crm(engine: EngineProtocol, sources: FactSources) -> None:
    """Build the dated tables, once for all instants."""


def describe_crm(engine: EngineProtocol) -> None:
    """Leave the facts at the instant of ``run_clock``."""
    leave_empty(engine, TABLES)

"""Facts about accounts: what Stripe's records say beside the money: seats, growth, how it is paid."""

from __future__ import annotations

from typing import Final

from enrichment.engine import EngineProtocol
from enrichment.facts.parts import leave_empty
from enrichment.facts.sources import FactSources

TABLES: Final = ("account_seats", "account_paying")


def prepare_billing(engine: EngineProtocol, sources: FactSources) -> None:
    """Build the dated tables, once for all instants."""


def describe_billing(engine: EngineProtocol) -> None:
    """Leave the facts at the instant of ``run_clock``."""
    leave_empty(engine, TABLES)

"""Facts about accounts: how the product is used."""

from __future__ import annotations

from typing import Final

from enrichment.engine import EngineProtocol
from enrichment.facts.parts import leave_empty
from enrichment.facts.sources import FactSources

TABLES: Final = ("account_usage",)


def prepare_usage(engine: EngineProtocol, sources: FactSources) -> None:
    """Build the dated tables, once for all instants."""


def describe_usage(engine: EngineProtocol) -> None:
    """Leave the facts at the instant of ``run_clock``."""
    leave_empty(engine, TABLES)

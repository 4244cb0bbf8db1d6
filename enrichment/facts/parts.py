"""The tables that ``account_facts`` is joined of, where there is nothing to fill them with."""

from __future__ import annotations

from collections.abc import Iterable

from enrichment.engine import EngineProtocol
from enrichment.facts.catalogue import PART_COLUMNS


def leave_unknown(engine: EngineProtocol, parts: Iterable[str]) -> None:
    """Leave parts without rows: their facts are known of no account."""
    for part in parts:
        engine.fill(part, PART_COLUMNS[part], [])

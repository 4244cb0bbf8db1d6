"""The tables that ``account_facts`` is joined of, where there is nothing to fill them with."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from enrichment.engine import EngineProtocol
from enrichment.facts.catalogue import PART_COLUMNS
from enrichment.tables import leave


def leave_empty(engine: EngineProtocol, tables: Iterable[str]) -> None:
    """Leave parts without rows: their facts are known of no account."""
    for table in tables:
        columns = PART_COLUMNS[table]
        leave(engine, table, pd.DataFrame(columns=list(columns)), columns)

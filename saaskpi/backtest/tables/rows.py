"""The mapped columns of somebody's account table as rows that can be used; the others are kept aside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pandas as pd

from enrichment.backtest.panel import PAYMENT, VOLUNTARY
from saaskpi.backtest.tables.lives import FACTS, Lives
from saaskpi.backtest.tables.mapping import KEYS, TERMS, Spec
from saaskpi.backtest.tables.table import Table, take
from saaskpi.errors import UsageError

Specs = Mapping[str, Spec]


def read_rows(table: Table, specs: Specs) -> pd.DataFrame:
    """Return the mapped columns of the rows that can be read."""
    columns = {name: take(table, name, spec) for name, spec in specs.items()}
    index = table.frame.index
    frame = pd.DataFrame({name: column.reindex(index) for name, column in columns.items()}, index=index)
    if "account_id" not in frame:
        frame["account_id"] = [f"line {line}" for line in index]
    keep_aside(table, frame["account_id"].isna(), "no account_id.")
    if "churn_kind" in frame:
        is_odd = frame["churn_kind"].notna() & ~frame["churn_kind"].isin((VOLUNTARY, PAYMENT))
        keep_aside(table, is_odd, f"churn_kind is neither {VOLUNTARY} nor {PAYMENT}.")
    return frame.loc[table.frame.index]


def keep_aside(table: Table, is_bad: pd.Series[bool], reason: str) -> None:
    """Keep rows aside that are marked in a frame read from the table."""
    table.drop(is_bad.reindex(table.frame.index), reason)


def read_lives(table: Table, specs: Specs, kind: str, until: datetime | None) -> Lives:
    """Return rows from a beginning to an end.

    Raises:
        UsageError: there is no beginning, or a fact has no date.
    """
    table.require([] if "started_at" in specs else ["started_at"])
    undated = [name for name in specs if name not in (*KEYS, *FACTS)]
    if undated:
        raise UsageError(
            f"{table.name}: {', '.join(undated)} may have been learnt after the churn: rows with started_at "
            "have no date of their own for it.",
            hint="Take it out of the mapping, or give a row per account and month with as_of.",
        )
    frame = read_rows(table, specs)
    frame["ended_at"] = frame.get("ended_at", pd.Series(pd.NaT, index=frame.index))
    keep_aside(table, frame["started_at"].isna(), "no started_at.")
    keep_aside(table, frame["ended_at"] <= frame["started_at"], "ended_at is not after started_at.")
    if kind == TERMS:
        keep_aside(table, frame["ended_at"].isna(), "a term without ended_at.")
    rows = frame.loc[table.frame.index]
    if rows.empty:
        raise UsageError(f"{table.name} has no usable rows.", hint="; ".join(table.aside.notes()))
    return Lives.of(rows, kind, until)

"""From frames to plain Python rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def plain_rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows of plain Python values; null is None."""
    return list(zip(*(_without_nulls(frame[name]) for name in frame.columns), strict=True))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dicts of plain Python values; null is None and a timestamp is its date."""
    if frame.empty:
        return []
    columns = {name: _plain(frame[name]) for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(column: pd.Series[Any]) -> list[Any]:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        return [None if value is pd.NaT else value.date() for value in column]
    return _without_nulls(column)


def _without_nulls(column: pd.Series[Any]) -> list[Any]:
    return [None if gone else value for value, gone in zip(column.tolist(), column.isna(), strict=True)]

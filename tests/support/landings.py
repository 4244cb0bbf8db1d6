"""Holds what two homes have read against each other, row by row."""

from __future__ import annotations

import json
from typing import Any

from saaskpi.rereading import STREAMS, columns
from warehouse.engine import Engine
from warehouse.landing import Landing


def different(one: Landing, other: Landing) -> dict[str, list[Any]]:
    """Return the keys of the rows that two landings do not have alike, by stream."""
    found = {}
    with Engine(threads=1) as engine:
        for stream in sorted(STREAMS):
            left, right = landed(engine, one, stream), landed(engine, other, stream)
            if stream == "stripe_events":
                # Stripe lists those of 30 days; what was read stays until the next full pull.
                oldest = min(int(row["created"]) for row in right.values())
                left = {key: row for key, row in left.items() if int(row["created"]) >= oldest}
            odd = [key for key in {*left, *right} if left.get(key) != right.get(key)]
            if odd:
                found[stream] = odd
    return found


def rows_of(landing: Landing, stream: str) -> dict[Any, dict[str, Any]]:
    """Return the newest row per key of one stream, as :func:`landed`."""
    with Engine(threads=1) as engine:
        return landed(engine, landing, stream)


def landed(engine: Engine, landing: Landing, stream: str) -> dict[Any, dict[str, Any]]:
    """Return the newest row per key that is not void, without what tells how it was read."""
    view = landing.view()
    files = view.files(stream)
    if not files:
        return {}
    keys = [column.name for column in columns(stream) if column.key]
    engine.register_files(stream, files, view.gone(stream))
    ranked = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY _seq DESC)"
    rows = engine.frame(f"SELECT * EXCLUDE (_seq) FROM {stream} QUALIFY {ranked} = 1")
    rows = rows.drop(columns=["_read_at"], errors="ignore").astype(str)
    records: list[dict[str, Any]] = json.loads(rows.to_json(orient="records"))
    return {tuple(row[key] for key in keys): row for row in records}

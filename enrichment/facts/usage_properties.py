"""Usage as a HubSpot company property tells it: a number of core events, the time of the last use.

Such a property has no history: what it says is known since the record was last changed.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from typing import Any, Final

import pandas as pd

from enrichment.engine import EngineProtocol
from enrichment.facts.sources import FactSources
from enrichment.sql import run_models
from enrichment.tables import leave
from saaskpi.errors import DataError

_PROPERTIES: Final = {
    "account_id": "VARCHAR",
    "core_events": "DOUBLE PRECISION",
    "last_active_at": "TIMESTAMP",
    "known_at": "TIMESTAMP",
}
_REJECTED: Final = {"company_id": "VARCHAR", "reason": "VARCHAR"}
_NAMES: Final = {"kind": "VARCHAR", "property": "VARCHAR"}


def prepare_properties(engine: EngineProtocol, sources: FactSources) -> None:
    """Leave ``usage_properties`` (one row per account of which HubSpot tells) and what could not be read.

    Args:
        engine: holds ``latest_hubspot_companies`` and ``account_customers``.
        sources: names the properties; without names both tables are empty.
    """
    named = {"core_events": sources.events_property, "last_active_at": sources.last_active_property}
    names = [{"kind": kind, "property": name} for kind, name in named.items() if name]
    rows: dict[str, dict[str, Any]] = {}
    rejected: list[dict[str, str]] = []
    if names:
        leave(engine, "usage_property_names", pd.DataFrame(names), _NAMES)
        run_models(engine, ("usage_told",))
        for told in engine.frame("SELECT * FROM usage_told ORDER BY account_id, kind").to_dict("records"):
            account, kind = told["account_id"], told["kind"]
            row = rows.setdefault(account, {"account_id": account, "known_at": told["known_at"]})
            try:
                row[kind] = _number(told["told"]) if kind == "core_events" else _moment(told["told"])
            except DataError as error:
                rejected.append({"company_id": told["company_id"], "reason": f"{named[kind]}: {error}"})
    frame = pd.DataFrame(rows.values(), columns=list(_PROPERTIES))
    leave(engine, "usage_properties", frame, _PROPERTIES)
    leave(engine, "usage_property_rejected", pd.DataFrame(rejected, columns=list(_REJECTED)), _REJECTED)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise DataError(f"{text!r} is not a number.") from None
    if not (math.isfinite(value) and value >= 0):
        raise DataError(f"{text!r} is not a number of 0 or more.")
    return value


def _moment(text: str) -> datetime:
    """Read a date, a time or milliseconds since 1970, as HubSpot gives them; UTC without zone."""
    try:
        if text.isdigit():
            moment = datetime.fromtimestamp(int(text) / 1000, UTC)
        elif len(text) == len("2026-10-31"):
            moment = datetime.combine(date.fromisoformat(text), time(), UTC)
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise DataError(f"{text!r} is not a time.") from None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)

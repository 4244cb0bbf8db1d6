"""Facts about accounts: how the product is used.

Usage is rows of ``usage_events`` (from files) and of Stripe's billing meters. They are summed once per
account and day; a *day* is 24 hours and begins at the time of day of the instant that is described, so that
windows of days end exactly there. Each sum carries the day at whose end it was known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import pandas as pd

from enrichment.engine import EngineProtocol
from enrichment.facts.parts import leave_unknown
from enrichment.facts.sources import FactSources
from enrichment.facts.usage_properties import prepare_properties
from enrichment.sql import run_models
from enrichment.tables import REJECTED_ROWS, leave
from saaskpi.errors import UsageError

USAGE_EVENTS: Final = {
    "key_kind": "VARCHAR",
    "account_key": "VARCHAR",
    "user_id": "VARCHAR",
    "event": "VARCHAR",
    "at": "TIMESTAMP",
    "quantity": "DOUBLE PRECISION",
    "known_at": "TIMESTAMP",
    "source": "VARCHAR",
}
"""One row per use: ``key_kind`` says what ``account_key`` is, times are UTC, ``quantity`` is 0 or more.

``user_id`` is null where nobody is named; ``source`` is the file it was read from.
"""
_KEYS: Final = (
    "usage_seen",
    "usage_named",
    "usage_holders",
    "usage_matches",
    "usage_keys",
    "usage_unmatched",
    "usage_users",
)
_SUMS: Final = ("usage_clock", "usage_days", "usage_user_days")
_FACTS: Final = (
    "usage_instant",
    "usage_sums",
    "usage_weeks",
    "usage_active",
    "usage_shares",
    "account_usage",
)
_NO_USAGE: Final = {
    "usage_clock": {"day_begins": "INTERVAL"},
    "usage_named": {"event": "VARCHAR", "events": "BIGINT"},
    "usage_holders": {"key_kind": "VARCHAR", "account_key": "VARCHAR", "account_id": "VARCHAR"},
    "usage_rejected": REJECTED_ROWS,
}
"""What others read of usage, left empty where none is connected."""


def prepare_usage(engine: EngineProtocol, sources: FactSources) -> None:
    """Find the account of every row and sum them up per day, once for all instants.

    Leaves ``usage_unmatched`` (key_kind, account_key, reason, events): the keys that count for nobody, and
    ``usage_rejected`` (stream, id, reason): these and every value that cannot be read. Where no usage is
    connected nothing is built, and only the tables that others read are there, empty.

    Args:
        engine: holds the staging tables, ``latest_stripe_meters``, ``latest_stripe_meter_event_summaries``,
            ``account_customers``, ``run_clock`` and, if there is one, ``usage_events``.
        sources: which events are core, the plans' limits, HubSpot's properties.

    Raises:
        UsageError: a limit is not a number above 0.
    """
    _leave_limits(engine, sources.limits)
    if not _is_connected(engine, sources):
        for table, columns in _NO_USAGE.items():
            engine.fill(table, columns, [])
        return
    if not engine.columns("usage_events"):
        engine.fill("usage_events", USAGE_EVENTS, [])
    run_models(engine, ("meter_events", *_KEYS))
    named = engine.frame("SELECT event FROM usage_named ORDER BY event")["event"]
    core = pd.DataFrame({"event": list(dict.fromkeys(sources.core_events)) or named})
    leave(engine, "usage_core", core, {"event": "VARCHAR"})
    run_models(engine, _SUMS)
    prepare_properties(engine, sources)
    run_models(engine, ("usage_rejected",))


def describe_usage(engine: EngineProtocol) -> None:
    """Leave ``account_usage`` at the instant of ``run_clock``, from what was known by then."""
    days_end_there = _days_end_there(engine)
    if days_end_there is None:
        leave_unknown(engine, ("account_usage",))
        return
    if not days_end_there:
        run_models(engine, _SUMS)
    run_models(engine, _FACTS)


def _is_connected(engine: EngineProtocol, sources: FactSources) -> bool:
    """Say whether there is usage to read: files, a property, or a meter that counted."""
    if engine.columns("usage_events") or sources.events_property or sources.last_active_property:
        return True
    return not engine.frame("SELECT id FROM latest_stripe_meter_event_summaries LIMIT 1").empty


def _days_end_there(engine: EngineProtocol) -> bool | None:
    """Say whether the days that are summed end at the instant of ``run_clock``; None when none are summed."""
    found = engine.frame(
        "SELECT as_of - c.day_begins = date_trunc('day', as_of - c.day_begins) AS is_border "
        "FROM run_clock CROSS JOIN usage_clock c"
    )
    return None if found.empty else bool(found["is_border"].iloc[0])


def _leave_limits(engine: EngineProtocol, limits: Mapping[str, float]) -> None:
    for plan, limit in limits.items():
        if not (math.isfinite(limit) and limit > 0):
            raise UsageError(
                f"The limit of the plan {plan!r} cannot be {limit}.",
                hint="Give the core events it allows in 28 days, a number above 0, in usage.limits.",
            )
    rows = pd.DataFrame({"plan": list(limits), "core_limit": list(limits.values())})
    leave(engine, "usage_limits", rows, {"plan": "VARCHAR", "core_limit": "DOUBLE PRECISION"})

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
from enrichment.facts.sources import FactSources
from enrichment.facts.usage_properties import prepare_properties
from enrichment.sql import run_models
from enrichment.tables import leave
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
_KEYS: Final = ("usage_seen", "usage_named", "usage_matches", "usage_keys", "usage_unmatched", "usage_users")
_SUMS: Final = ("usage_clock", "usage_days", "usage_user_days")
_FACTS: Final = (
    "usage_instant",
    "usage_sums",
    "usage_weeks",
    "usage_active",
    "usage_shares",
    "account_usage",
)


def prepare_usage(engine: EngineProtocol, sources: FactSources) -> None:
    """Find the account of every row and sum them up per day, once for all instants.

    Leaves ``usage_unmatched`` (key_kind, account_key, reason, events): the keys that count for nobody, and
    ``usage_rejected`` (stream, id, reason): these and every value that cannot be read.

    Args:
        engine: holds the staging tables, ``latest_stripe_meters``, ``latest_stripe_meter_event_summaries``,
            ``account_customers``, ``run_clock`` and, if there is one, ``usage_events``.
        sources: which events are core, the plans' limits, HubSpot's properties.

    Raises:
        UsageError: a limit is not a number above 0.
    """
    _leave_limits(engine, sources.limits)
    if not engine.columns("usage_events"):
        nothing = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in USAGE_EVENTS.items())
        engine.run("usage_events", f"SELECT {nothing} WHERE 1 = 0")
    run_models(engine, ("meter_events", *_KEYS))
    named = engine.frame("SELECT event FROM usage_named ORDER BY event")["event"]
    core = pd.DataFrame({"event": list(dict.fromkeys(sources.core_events)) or named})
    leave(engine, "usage_core", core, {"event": "VARCHAR"})
    run_models(engine, _SUMS)
    prepare_properties(engine, sources)
    run_models(engine, ("usage_rejected",))


def describe_usage(engine: EngineProtocol) -> None:
    """Leave ``account_usage`` at the instant of ``run_clock``, from what was known by then."""
    if not _days_end_there(engine):
        run_models(engine, _SUMS)
    run_models(engine, _FACTS)


def _days_end_there(engine: EngineProtocol) -> bool:
    """Say whether the days that are summed end at the instant of ``run_clock``."""
    found = engine.frame(
        "SELECT as_of - c.day_begins = date_trunc('day', as_of - c.day_begins) AS is_border "
        "FROM run_clock CROSS JOIN usage_clock c"
    )
    return bool(found["is_border"].iloc[0])


def _leave_limits(engine: EngineProtocol, limits: Mapping[str, float]) -> None:
    for plan, limit in limits.items():
        if not (math.isfinite(limit) and limit > 0):
            raise UsageError(
                f"The limit of the plan {plan!r} cannot be {limit}.",
                hint="Give the core events it allows in 28 days, a number above 0, in usage.limits.",
            )
    rows = pd.DataFrame({"plan": list(limits), "core_limit": list(limits.values())})
    leave(engine, "usage_limits", rows, {"plan": "VARCHAR", "core_limit": "DOUBLE PRECISION"})

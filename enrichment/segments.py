"""Segments: by what accounts are told apart in the KPIs, as declared in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from enrichment.engine import EngineProtocol
from enrichment.sql import models
from enrichment.tables import ACCOUNT_SEGMENTS, leave
from saaskpi.errors import UsageError

NONE: Final = "(none)"
"""The value of an account that has none."""

_FACTS: Final = ("plan", "currency", "owner")
_PROPERTIES: Final = ("stripe.metadata", "hubspot")
_CHOICES: Final = f"{', '.join(_FACTS)}, stripe.metadata.KEY, hubspot.PROPERTY"
_SOURCES: Final = {"segment": "VARCHAR", "origin": "VARCHAR", "property": "VARCHAR"}


def build_segments(engine: EngineProtocol, segments: Mapping[str, str]) -> None:
    """Leave ``account_segments`` (account_id, segment, segment_value) in ``engine``.

    Every account has exactly one value per segment, ``(none)`` where it has none or a blank one. Customers
    of one account may disagree on Stripe's metadata: the value of the one with the smallest id that has one
    stands.

    Args:
        engine: holds ``account_customers``, ``stg_customers``, ``stg_companies``, ``account_basics`` and
            ``mrr_ledger``; none of them is read when there are no segments.
        segments: name to source: ``plan``, ``currency``, ``owner``, ``stripe.metadata.KEY`` or
            ``hubspot.PROPERTY`` (a property of the company).

    Raises:
        UsageError: a name is empty, or a source is none of these.
    """
    rows = [(name, *_parsed(name, source)) for name, source in segments.items()]
    if not rows:
        leave(engine, "account_segments", pd.DataFrame(columns=list(ACCOUNT_SEGMENTS)), ACCOUNT_SEGMENTS)
        return
    leave(engine, "segment_sources", pd.DataFrame(rows, columns=list(_SOURCES)), _SOURCES)
    for name, sql in models(("account_segments",)):
        engine.run(name, sql)


def _parsed(name: str, source: str) -> tuple[str, str]:
    """Return a source as its origin and the key or property there."""
    if not name.strip():
        raise UsageError("A segment has no name.", hint="Write segments as NAME = SOURCE.")
    if source in _FACTS:
        return source, ""
    for origin in _PROPERTIES:
        key = source.removeprefix(f"{origin}.")
        # A path to the SQL engine, not a key, if it begins with one of these.
        if key != source and key.strip() and not key.startswith(("$", "/")):
            return origin, key
    raise UsageError(f"The segment '{name}' cannot come from {source!r}.", hint=f"Choose from: {_CHOICES}.")

"""Accounts about which everything is known, for tests of the health score."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from tests.enrichment.facts import facts

USED: Final[dict[str, Any]] = {
    "paid_seats": 10,
    "core_events": 500.0,
    "core_events_before": 500.0,
    "usage_history_days": 700,
    "active_users": 9,
    "days_idle": 1,
}
IN_TOUCH: Final[dict[str, Any]] = {
    "has_engagements": True,
    "days_since_touch": 12,
    "engaged_contacts": 3,
    "key_contact_state": "present",
    "key_contact_name": "Ada Martin",
}
CONTENT: Final[dict[str, Any]] = {
    "nps": 9.0,
    "nps_answers": 1,
    "has_tickets": True,
    "tickets": 0,
    "tickets_norm": 0.0,
    "pressing_tickets": 0,
}
KNOWN: Final[dict[str, Any]] = {**USED, **IN_TOUCH, **CONTENT}
"""Nothing to say against it, and nothing that is not known."""


def known(*changes: dict[str, Any], plan: str | None = "Team") -> pd.DataFrame:
    """Return one account per dict of changes, all else known and as it should be."""
    return facts(*({**KNOWN, **change} for change in changes)).assign(plan=plan)


def ladder(accounts: int, step: float = 10.0, **changes: Any) -> pd.DataFrame:
    """Return accounts on one plan that use it 1, 2, 3... times ``step`` per seat, else alike."""
    rows = [{"core_events": step * 10 * (rank + 1), **changes} for rank in range(accounts)]
    return known(*rows)

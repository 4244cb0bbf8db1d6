"""The thresholds of the flags that a team may want to change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import Final

from saaskpi.errors import UsageError

_RISING: Final = (
    ("usage_drop_high", "usage_drop"),
    ("renewal_soon_days", "renewal_days"),
    ("contraction", "contraction_high"),
    ("nps_very_low", "nps_low"),
)
"""What makes a flag graver lies within what raises it."""
_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class FlagConfig:
    """Thresholds in whole per cent, days, points and numbers of things; the defaults are the documented ones.

    Attributes:
        usage_drop: core events at this per cent of the account's own mean, or below, are a drop.
        usage_drop_high: the same for a high one.
        silent_days: no use for longer than this is silence, whoever it is.
        silent_weekly_days: the same for those who used it most weeks.
        failed_attempts: as many attempts to collect an invoice make the failure a high risk.
        card_days: a card that expires within these days is told.
        renewal_days: how long before it a renewal is told.
        renewal_soon_days: how long before it that is medium.
        untouched_days: without a touch for as long, a renewal is a high risk.
        contraction: MRR lower by this per cent is a contraction.
        contraction_high: the same for a high one.
        seats_lost: paid seats fewer by this per cent are a contraction.
        nps_low: an NPS answer up to this one is low.
        nps_very_low: up to this one it is a high risk.
        nps_drop: a fall by as much from one answer to the next is a high risk.
        tickets: as many tickets within the window can be a spike.
        tickets_times: they are one from this many times the account's own norm on.
        limit_months: in as many of the last three windows the limit must have been near.
        seat_growth: paid seats more by this per cent are growth, if they are also
        seat_growth_seats: more by as many seats.
        expansion_months: in as many of the last three months MRR must have risen.
        expansion: MRR higher by this per cent than 180 days ago is an expansion.
        annual_days: a customer for as long can be offered a yearly plan.
        annual_score: from this score on.
        moved_days: a deal or a budget that moved within these days is open.
        advocate_nps: mean NPS from which on a customer may speak for us.
        advocate_score: the same for the score.
        advocate_days: the same for the days as a customer.
    """

    usage_drop: int = 70
    usage_drop_high: int = 50
    silent_days: int = 30
    silent_weekly_days: int = 14
    failed_attempts: int = 3
    card_days: int = 45
    renewal_days: int = 90
    renewal_soon_days: int = 30
    untouched_days: int = 60
    contraction: int = 10
    contraction_high: int = 30
    seats_lost: int = 20
    nps_low: int = 6
    nps_very_low: int = 3
    nps_drop: int = 4
    tickets: int = 3
    tickets_times: int = 2
    limit_months: int = 2
    seat_growth: int = 20
    seat_growth_seats: int = 3
    expansion_months: int = 2
    expansion: int = 10
    annual_days: int = 365
    annual_score: int = 60
    moved_days: int = 60
    advocate_nps: int = 9
    advocate_score: int = 80
    advocate_days: int = 180

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
                raise UsageError(
                    f"health.flags.{item.name} cannot be {value!r}.",
                    hint=f"Give a whole number, 0 to {_MOST}.",
                )
        for low, high in _RISING:
            if getattr(self, low) > getattr(self, high):
                raise UsageError(
                    f"health.flags.{low} cannot be above health.flags.{high}.",
                    hint=f"They are {getattr(self, low)} and {getattr(self, high)} now.",
                )

    @classmethod
    def from_settings(cls, settings: object) -> FlagConfig:
        """Build the thresholds from the table ``[health.flags]`` of the settings.

        Args:
            settings: the table.

        Raises:
            UsageError: no table, an unknown key or a value out of range.
        """
        if not isinstance(settings, Mapping):
            raise UsageError(
                "health.flags is not a table of thresholds.",
                hint="Flags of your own are declared in [[flags]], thresholds in [health.flags].",
            )
        known = sorted(item.name for item in fields(cls))
        for key in settings:
            if key not in known:
                near = get_close_matches(key, known, 1)
                hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
                raise UsageError(f"There is no setting health.flags.{key}.", hint=hint)
        return replace(cls(), **settings)

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when, and only when, a threshold changes."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

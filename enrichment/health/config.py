"""Settings of the health score, the flags and their episodes; the hash stands beside every score."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from enrichment.facts.sources import FactSources
from saaskpi.errors import UsageError


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """Thresholds in points (0-100), per cent, days and accounts; the defaults are the documented ones.

    Attributes:
        green_from: lowest score of the green band.
        yellow_from: lowest score of the yellow band; red is below.
        new_days: how long after its first payment an account is ``new`` instead of scored.
        min_coverage: per cent of the points that must be measured; below it the band is ``no data``.
        source_absent: a component that is missing for more than this per cent of accounts is dropped for all.
        median_accounts: how many accounts must have a component before its median stands for the missing.
        fallback_fill: per cent of a component's points that stand for the missing until then.
        history_window_days: how far back payments are judged and MRR is compared.
        late_days: an invoice paid later than this after it was due counts as late.
        cap_cancellation: highest score when all of the MRR is set to end.
        cap_past_due: highest score when an invoice is past due for more than ``cap_past_due_days``.
        cap_past_due_days: see ``cap_past_due``.
        usage_days: length of the windows in which usage is counted.
        touch_days: how long an engaged contact counts as such, and a new one as new.
        survey_days: how long an answer to a survey counts.
        ticket_days: length of the windows in which tickets are counted.
        ticket_old_days: an open ticket that is older than this is a pressing one.
        contraction_days: how far back a fall of MRR raises the contraction flag.
        cooldown_days: a flag that comes back within these days carries on the same episode.
        points: maximum per signal where it differs from the declared one, by signal id.
        sources: what the facts are read from.
    """

    green_from: int = 80
    yellow_from: int = 50
    new_days: int = 60
    min_coverage: int = 40
    source_absent: int = 80
    median_accounts: int = 20
    fallback_fill: int = 60
    history_window_days: int = 180
    late_days: int = 7
    cap_cancellation: int = 20
    cap_past_due: int = 45
    cap_past_due_days: int = 14
    usage_days: int = 28
    touch_days: int = 90
    survey_days: int = 180
    ticket_days: int = 30
    ticket_old_days: int = 7
    contraction_days: int = 90
    cooldown_days: int = 30
    points: Mapping[str, float] = field(default_factory=dict)
    sources: FactSources = field(default_factory=FactSources)

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in ("points", "sources") and not (isinstance(value, int) and value >= 0):
                raise UsageError(
                    f"health.{item.name} cannot be {value!r}.", hint="Give a whole number, 0 or more."
                )
        if not self.yellow_from <= self.green_from <= 100:
            raise UsageError("health.yellow_from must not be above health.green_from, nor that above 100.")
        if any(not 0 <= value <= 1000 for value in self.points.values()):
            raise UsageError("health.points must be between 0 and 1000.")

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], sources: FactSources | None = None) -> HealthConfig:
        """Build a configuration from the ``[health]`` table of the settings.

        Args:
            settings: the table.
            sources: what the facts are read from.

        Raises:
            UsageError: an unknown key or a value out of range.
        """
        known = {item.name for item in fields(cls)} - {"sources"}
        for key in settings:
            if key not in known:
                raise UsageError(
                    f"There is no setting health.{key}.", hint=f"Known: {', '.join(sorted(known))}."
                )
        return replace(cls(), **settings, sources=sources or FactSources())

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when, and only when, a setting changes."""
        text = json.dumps({**asdict(self), "points": dict(self.points)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

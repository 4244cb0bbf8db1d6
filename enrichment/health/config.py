"""Settings of the health score, the flags and their episodes; the hash stands beside every score."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from enrichment.facts.sources import FactSources
from saaskpi.errors import UsageError

_PER_CENT: Final = (
    "green_from",
    "yellow_from",
    "min_coverage",
    "source_absent",
    "fallback_fill",
    "cap_cancellation",
    "cap_past_due",
    "cap_idle",
    "level_full",
    "commitment_month",
    "commitment_quarter",
    "commitment_half_year",
)
_AT_LEAST_ONE: Final = (
    "level_peers",
    "level_full",
    "seats_full",
    "contacts_full",
    "ticket_load_zero",
    "open_tickets_zero",
    "bad_invoices_zero",
    "tenure_full",
    "history_window_days",
    "usage_days",
    "touch_days",
    "survey_days",
    "ticket_days",
)
_MOST: Final = 10_000
"""Of days and of whatever else is counted: beyond it, no calendar goes."""
_RISING: Final = (
    ("yellow_from", "green_from"),
    ("change_zero", "change_full"),
    ("idle_full", "idle_zero"),
    ("touch_full", "touch_zero"),
    ("nps_zero", "nps_full"),
    ("csat_zero", "csat_full"),
    ("trend_zero", "trend_full"),
)
_TABLES: Final = ("points", "profiles", "sources")
FOR_ALL_ALIKE: Final = (
    "source_absent",
    "median_accounts",
    "history_window_days",
    "late_days",
    "usage_days",
    "touch_days",
    "survey_days",
    "ticket_days",
    "ticket_old_days",
    "cooldown_days",
    "profiles",
    "sources",
)
"""Settings that no profile may change: facts, medians and episodes are the same for everybody."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings of the accounts that have one value of a segment, where they differ from everybody's.

    Attributes:
        segment: name of a declared segment.
        value: the value that the accounts have.
        changes: setting to its value; ``points`` change only the signals that they name.
    """

    segment: str
    value: str
    changes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, name: str, settings: object) -> Profile:
        """Read ``{segment = "size=large", points = {...}, ...}``.

        Raises:
            UsageError: the segment is missing or not written as NAME=VALUE.
        """
        table = dict(settings) if isinstance(settings, Mapping) else {}
        segment, equals, value = str(table.pop("segment", "")).partition("=")
        if not name.strip():
            raise UsageError("A profile has no name.", hint="Write [health.profiles.NAME].")
        if not (segment.strip() and equals and value.strip()):
            raise UsageError(
                f"health.profiles.{name} does not say for which accounts it is.",
                hint='Write segment = "NAME=VALUE", for instance "size=large".',
            )
        return cls(segment.strip(), value.strip(), table)


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """Thresholds in points (0-100), per cent, days and accounts; the defaults are the documented ones.

    A signal gives none of its points at its ``_zero`` and all of them at its ``_full``, a share in between.

    Attributes:
        green_from: lowest score of the green band.
        yellow_from: lowest score of the yellow band; red is below.
        alert_margin: how many points beyond a border a score must be before a change of band is announced.
        new_days: how long after its first payment an account is ``new`` instead of scored.
        min_coverage: per cent of the points that must be measured; below it the band is ``no data``.
        source_absent: a component that is missing for more than this per cent of accounts is dropped for all.
        median_accounts: how many accounts must have a component before its median stands for the missing.
        fallback_fill: per cent of a component's points that stand for the missing until then.
        level_full: per cent of peers that use it less at which the level of use gives all its points.
        level_peers: how many measured accounts of a plan it takes to rank among them, else among all.
        change_zero: usage in per cent of the windows before at which its change gives nothing.
        change_full: the same at which it gives all.
        change_history_days: days of usage that it takes to see a change.
        change_events: core events per window before that it takes.
        seats_full: per cent of the paid seats in use.
        idle_zero: days since the last use.
        idle_full: days since the last use.
        touch_zero: days since the last contact.
        touch_full: days since the last contact.
        contacts_full: contacts in touch; the first counts three times as much as each half of a further one.
        nps_zero: NPS answer, 0 to 10.
        nps_full: NPS answer.
        csat_zero: CSAT answer, 1 to 5.
        csat_full: CSAT answer.
        ticket_load_zero: tickets more than usual.
        open_tickets_zero: pressing tickets open.
        bad_invoices_zero: failed or late invoices.
        trend_zero: MRR in per cent of what it was.
        trend_full: MRR in per cent of what it was.
        trend_history_days: days as a customer that it takes to see a trend.
        tenure_full: months as a customer.
        commitment_month: per cent of its points that a commitment of a month or less gives.
        commitment_quarter: the same of a quarter.
        commitment_half_year: the same of half a year; a year gives all.
        history_window_days: how far back payments are judged and MRR is compared.
        late_days: an invoice paid later than this after it was due counts as late.
        cap_cancellation: highest score when all of the MRR is set to end.
        cap_past_due: highest score when an invoice is past due for more than ``cap_past_due_days``.
        cap_past_due_days: see ``cap_past_due``.
        cap_idle: highest score when the product was not used for more than ``cap_idle_days``.
        cap_idle_days: see ``cap_idle``.
        usage_days: length of the windows in which usage is counted.
        touch_days: how long an engaged contact counts as such, and a new one as new.
        survey_days: how long an answer to a survey counts.
        ticket_days: length of the windows in which tickets are counted.
        ticket_old_days: an open ticket that is older than this is a pressing one.
        cooldown_days: a flag that comes back within these days carries on the same episode.
        points: maximum per signal where it differs from the declared one, by signal id.
        profiles: settings of their own for the accounts of a segment, by name; the first that fits counts.
        sources: what the facts are read from.
    """

    green_from: int = 80
    yellow_from: int = 50
    alert_margin: int = 3
    new_days: int = 60
    min_coverage: int = 40
    source_absent: int = 80
    median_accounts: int = 20
    fallback_fill: int = 60
    level_full: int = 60
    level_peers: int = 20
    change_zero: int = 40
    change_full: int = 100
    change_history_days: int = 56
    change_events: int = 10
    seats_full: int = 75
    idle_zero: int = 30
    idle_full: int = 7
    touch_zero: int = 120
    touch_full: int = 30
    contacts_full: int = 3
    nps_zero: int = 3
    nps_full: int = 9
    csat_zero: int = 2
    csat_full: int = 5
    ticket_load_zero: int = 3
    open_tickets_zero: int = 2
    bad_invoices_zero: int = 2
    trend_zero: int = 70
    trend_full: int = 100
    trend_history_days: int = 60
    tenure_full: int = 12
    commitment_month: int = 50
    commitment_quarter: int = 60
    commitment_half_year: int = 75
    history_window_days: int = 180
    late_days: int = 7
    cap_cancellation: int = 20
    cap_past_due: int = 45
    cap_past_due_days: int = 14
    cap_idle: int = 49
    cap_idle_days: int = 30
    usage_days: int = 28
    touch_days: int = 90
    survey_days: int = 180
    ticket_days: int = 30
    ticket_old_days: int = 7
    cooldown_days: int = 30
    points: Mapping[str, float] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    sources: FactSources = field(default_factory=FactSources)

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.name not in _TABLES:
                _check_number(item.name, getattr(self, item.name))
        for low, high in _RISING:
            # The bands may touch, so that there is no yellow or no green; nothing divides by their distance.
            if getattr(self, low) + (low != "yellow_from") > getattr(self, high):
                raise UsageError(f"health.{low} must be below health.{high}.")
        _check_points(self.points)
        for name in self.profiles:
            self.of(name)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], sources: FactSources | None = None) -> HealthConfig:
        """Build a configuration from the ``[health]`` table of the settings.

        Args:
            settings: the table.
            sources: what the facts are read from.

        Raises:
            UsageError: an unknown key or a value out of range.
        """
        _check_names(settings, "health", {item.name for item in fields(cls)} - {"sources"})
        given = settings.get("profiles", {})
        if not isinstance(given, Mapping):
            raise UsageError("health.profiles is not a table.", hint="Write [health.profiles.NAME].")
        profiles = {str(name): Profile.from_settings(str(name), table) for name, table in given.items()}
        return replace(cls(), **{**settings, "profiles": profiles}, sources=sources or FactSources())

    def of(self, profile: str | None) -> HealthConfig:
        """Return the settings of a profile's accounts, or those of the accounts without one.

        Raises:
            UsageError: the profile has a setting that does not exist or is out of range.
        """
        changes = dict(self.profiles[profile].changes) if profile is not None else {}
        where = f"health.profiles.{profile}"
        _check_names(changes, where, {item.name for item in fields(self)} - set(FOR_ALL_ALIKE))
        try:
            _check_points(changes.get("points", {}))
            points = {**self.points, **changes.pop("points", {})}
            return replace(self, **{**changes, "points": points, "profiles": {}})
        except UsageError as error:
            raise UsageError(f"In {where}: {error.message}", hint=error.hint) from error

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when, and only when, a setting changes."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _check_names(settings: Mapping[str, Any], where: str, known: set[str]) -> None:
    for key in settings:
        if key not in known:
            raise UsageError(
                f"There is no setting {where}.{key}.", hint=f"Known: {', '.join(sorted(known))}."
            )


def _check_number(name: str, value: Any) -> None:
    least, most = int(name in _AT_LEAST_ONE), 100 if name in _PER_CENT else _MOST
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return
    raise UsageError(f"health.{name} cannot be {value!r}.", hint=f"Give a whole number, {least} to {most}.")


def _check_points(points: object) -> None:
    if not isinstance(points, Mapping):
        raise UsageError("health.points is not a table.", hint="Write points = { payments = 10 }.")
    for name, value in points.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and 0 <= value <= 1000):
            raise UsageError(f"health.points.{name} cannot be {value!r}.", hint="Give 0 to 1000.")

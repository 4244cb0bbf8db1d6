"""From facts to what is said of an account's health: score, band, flags, episodes, changes of band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import pandas as pd

from enrichment import tables
from enrichment.engine import EngineProtocol
from enrichment.health import overrides
from enrichment.health.alerts import ANNOUNCED, BandAlerts, band_alerts
from enrichment.health.config import HealthConfig
from enrichment.health.episodes import advance
from enrichment.health.flags import FlagConfig, raise_flags
from enrichment.health.flags.rule import OwnRule
from enrichment.health.scoring import score
from enrichment.tables import leave

HEALTH_TABLES: Final = (
    "account_health",
    "account_health_signals",
    "health_sources",
    "account_flags",
    "flag_episodes",
    "band_alerts",
    "band_changes",
)
_OVERRIDES: Final = ("account_id", "band", "reason", "author", "created_at", "expires_at")


@dataclass(frozen=True)
class FlagSettings:
    """When flags are raised: thresholds of ours, and the user's own rules."""

    thresholds: FlagConfig = field(default_factory=FlagConfig)
    rules: Sequence[OwnRule] = ()


@dataclass(frozen=True)
class Remembered:
    """What earlier runs and people left; nothing of it at first.

    Attributes:
        episodes: as in ``tables.FLAG_EPISODES``.
        overrides: account_id, band, reason, author, created_at, expires_at (UTC).
        bands: account_id, band, score, since (UTC) of the bands that are announced.
    """

    episodes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(tables.FLAG_EPISODES)))
    overrides: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_OVERRIDES)))
    bands: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(ANNOUNCED)))


@dataclass(frozen=True)
class Assessed:
    """What ``accounts`` needs: account_id with the health columns as they are shown, and the flags."""

    accounts: pd.DataFrame
    flags: pd.DataFrame


def assess(
    engine: EngineProtocol,
    facts: pd.DataFrame,
    as_of: datetime,
    config: HealthConfig,
    flags: FlagSettings,
    remembered: Remembered,
    others: pd.DataFrame | None = None,
) -> Assessed:
    """Score every account, raise its flags, and leave the tables of ``HEALTH_TABLES``.

    Args:
        engine: holds ``account_segments``.
        facts: ``account_facts`` at ``as_of``.
        as_of: the instant, aware.
        config: of the score.
        flags: of the flags.
        remembered: what earlier runs and people left.
        others: facts of further accounts, which the scores are held against.

    Raises:
        UsageError: the configuration names a signal or a segment that does not exist.
    """
    health = score(facts, config, engine.frame("account_segments"), others)
    raised = raise_flags(facts, health.accounts, config, flags.rules, flags.thresholds)
    shown = overrides.apply(health.accounts, remembered.overrides, as_of)
    leave(engine, "account_health", shown, tables.ACCOUNT_HEALTH)
    leave(engine, "account_health_signals", health.signals, tables.HEALTH_SIGNALS)
    leave(engine, "health_sources", health.sources, tables.HEALTH_SOURCES)
    leave(engine, "account_flags", raised, tables.ACCOUNT_FLAGS)
    moved = advance(remembered.episodes, raised, as_of, config.cooldown_days)
    leave(engine, "flag_episodes", moved, tables.FLAG_EPISODES)
    _announce(engine, remembered.bands, health.accounts, config, as_of)
    return Assessed(shown, raised)


def _announce(
    engine: EngineProtocol, bands: pd.DataFrame, accounts: pd.DataFrame, config: HealthConfig, as_of: datetime
) -> None:
    """Leave the bands that are announced, and which of them changed; a look at the past announces nothing."""
    since = pd.to_datetime(bands["since"], utc=True)
    if (since > pd.Timestamp(as_of.astimezone(UTC))).any():
        nothing = pd.DataFrame(columns=list(tables.BAND_CHANGES))
        alerts = BandAlerts(nothing, bands)
    else:
        alerts = band_alerts(bands, accounts, config, as_of)
    moments = pd.to_datetime(alerts.announced["since"], utc=True).dt.tz_localize(None)
    leave(engine, "band_alerts", alerts.announced.assign(since=moments), tables.BAND_ALERTS)
    leave(engine, "band_changes", alerts.changed, tables.BAND_CHANGES)

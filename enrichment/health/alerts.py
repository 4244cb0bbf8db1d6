"""When a change of band is worth a word: only once the score is clear of the border."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd

from enrichment.frames import records
from enrichment.health.config import HealthConfig
from enrichment.health.sentences import COLOURS

ANNOUNCED: Final = ("account_id", "band", "score", "since")
CHANGED: Final = ("account_id", "name", "before", "band", "score_before", "score")


@dataclass(frozen=True, slots=True)
class BandAlerts:
    """What to announce, and what is announced from now on.

    Attributes:
        changed: account_id, name, before, band, score_before, score of every account whose band is to be
            announced as changed.
        announced: account_id, band, score, since (UTC) of every account that has had a colour: the input
            of the next look. The score is that of the announcement.
    """

    changed: pd.DataFrame
    announced: pd.DataFrame


def band_alerts(
    announced: pd.DataFrame, accounts: pd.DataFrame, config: HealthConfig, as_of: datetime
) -> BandAlerts:
    """Compare the bands that were announced with the scores of now.

    A score that wavers around a border raises one alert, not one per run: with a margin of 3, an account that
    was announced as yellow (50 to 79) is announced as red from 47 down and as green from 83 up; then the
    band of its score is announced, whichever it is. The first colour of an account is taken down without an
    alert. An account without a colour now keeps what was announced last. What people decided does not count:
    they know.

    Args:
        announced: as in ``BandAlerts.announced``; may be empty.
        accounts: ``Health.accounts``.
        config: borders, also of profiles, and the margin.
        as_of: the instant, aware.
    """
    state = {row["account_id"]: row for row in records(announced[["account_id", "band", "score"]])}
    since = dict(zip(announced["account_id"], announced["since"], strict=True))
    scored = accounts[accounts["health_score"].notna()]
    settings = {name: config.of(name) for name in (None, *config.profiles)}
    changed: list[tuple[Any, ...]] = []
    for row in records(scored[["account_id", "name", "health_score", "profile"]]):
        account, score, borders = row["account_id"], int(row["health_score"]), settings[row["profile"]]
        before, band = state.get(account), _band(score, borders)
        if before is not None and not _is_clear(before["band"], band, score, borders):
            continue
        if before is not None:
            changed.append((account, row["name"], before["band"], band, before["score"], score))
        state[account] = {"account_id": account, "band": band, "score": score}
        since[account] = as_of.astimezone(UTC)
    rows = [(*row.values(), since[account]) for account, row in state.items()]
    kept = pd.DataFrame(rows, columns=list(ANNOUNCED)).astype({"score": "Int64"})
    moments = pd.to_datetime(kept["since"], utc=True)
    return BandAlerts(pd.DataFrame(changed, columns=list(CHANGED)), kept.assign(since=moments))


def _band(score: int, config: HealthConfig) -> str:
    if score >= config.green_from:
        return "green"
    return "yellow" if score >= config.yellow_from else "red"


def _is_clear(before: str, band: str, score: int, config: HealthConfig) -> bool:
    """Say whether the score left the announced band by the margin."""
    if band == before or before not in COLOURS:
        return band != before
    least = {"green": config.green_from, "yellow": config.yellow_from, "red": 0}[before]
    if score < least:
        return score <= least - config.alert_margin
    return score >= {"red": config.yellow_from, "yellow": config.green_from}[before] + config.alert_margin

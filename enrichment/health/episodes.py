"""Episodes of flags: when each was opened, last seen and closed. Tasks hang on the episode, not the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pandas as pd

from enrichment.health.flags.rule import SEVERITIES
from enrichment.tables import FLAG_EPISODES

_KEY: Final = ["account_id", "flag"]
_TIMES: Final = ["opened_at", "last_seen_at", "closed_at"]
_COLUMNS: Final = list(FLAG_EPISODES)
_TYPES: Final = {name: "datetime64[us]" if name in _TIMES else "object" for name in _COLUMNS}


def advance(previous: pd.DataFrame, flags: pd.DataFrame, as_of: datetime, cooldown_days: int) -> pd.DataFrame:
    """Return all episodes after a look at the flags that are up at ``as_of``.

    A flag that is up carries on its open episode, or one that closed within the cool-down; otherwise it opens
    a new one, named by its opening date (``2026-10-31``): one day never has two. An open episode whose flag
    is down is closed. Looking twice at the same instant changes nothing, nor does a look at an instant before
    the last one: what is known of the present is not undone by asking about the past.

    Args:
        previous: episodes so far, as in ``tables.FLAG_EPISODES``; may be empty. Times are UTC, with or
            without zone.
        flags: account_id, flag, severity; one row per flag that is up.
        as_of: the instant, aware.
        cooldown_days: a flag that comes back within these days after it closed is the same episode.

    Returns:
        One row per episode, by account, flag and opening; times are UTC without zone.
    """
    now = pd.Timestamp(as_of.astimezone(UTC).replace(tzinfo=None)).as_unit("us")
    episodes = _read(previous)
    if not episodes.empty and now < episodes[_TIMES].max().max():
        return episodes
    up = _up(flags)
    today = f"{as_of.astimezone(UTC):%Y-%m-%d}"
    is_latest = ~episodes.duplicated(_KEY, keep="last")
    severity = episodes[_KEY].merge(up, on=_KEY, how="left")["severity"]
    is_over = (now - episodes["closed_at"] > timedelta(days=cooldown_days)) & (episodes["episode"] != today)
    goes_on = is_latest & severity.notna() & ~is_over
    ends = episodes["closed_at"].isna() & ~goes_on
    episodes.loc[goes_on, "severity"] = severity[goes_on]
    episodes.loc[goes_on, "last_seen_at"] = now
    episodes.loc[goes_on, "closed_at"] = pd.NaT
    episodes.loc[ends, "closed_at"] = now
    opened = _without(up, episodes.loc[goes_on, _KEY]).assign(
        episode=today, opened_at=now, last_seen_at=now, closed_at=None
    )
    return _ordered(pd.concat([episodes, _typed(opened)], ignore_index=True))


def _up(flags: pd.DataFrame) -> pd.DataFrame:
    """Return the flags that are up, each once with its gravest severity."""
    up = flags[[*_KEY, "severity"]].astype("object").dropna(subset=_KEY).reset_index(drop=True)
    gravity = up["severity"].map({name: place for place, name in enumerate(SEVERITIES)}).fillna(-1)
    order = gravity.sort_values(kind="stable").index
    return up.loc[order].drop_duplicates(_KEY, keep="last")


def _without(up: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    found = up.merge(seen, on=_KEY, how="left", indicator="there")
    return found[found["there"] == "left_only"].drop(columns="there")


def _read(previous: pd.DataFrame) -> pd.DataFrame:
    """Return the episodes in order, with plain UTC times, without those that no look could have left."""
    if previous.empty:
        return _typed(pd.DataFrame(columns=_COLUMNS))
    episodes = previous[_COLUMNS].reset_index(drop=True).dropna(subset=_KEY)
    for name in _TIMES:
        moments = pd.to_datetime(episodes[name], utc=True, errors="coerce", format="ISO8601")
        episodes[name] = moments.dt.tz_localize(None)
    episodes["opened_at"] = episodes["opened_at"].fillna(episodes["last_seen_at"])
    episodes["last_seen_at"] = episodes["last_seen_at"].fillna(episodes["opened_at"])
    return _ordered(_typed(episodes.dropna(subset="opened_at")))


def _ordered(episodes: pd.DataFrame) -> pd.DataFrame:
    return episodes.sort_values([*_KEY, "opened_at"], kind="stable", ignore_index=True)


def _typed(episodes: pd.DataFrame) -> pd.DataFrame:
    return episodes[_COLUMNS].astype(_TYPES)

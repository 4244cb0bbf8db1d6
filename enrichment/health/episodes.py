"""Episodes of flags: when each was opened, last seen and closed. Tasks hang on the episode, not the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd

from enrichment.tables import FLAG_EPISODES

_KEY: Final = ("account_id", "flag")
_TIMES: Final = ("opened_at", "last_seen_at", "closed_at")
Episode = dict[str, Any]


def advance(previous: pd.DataFrame, flags: pd.DataFrame, as_of: datetime, cooldown_days: int) -> pd.DataFrame:
    """Return all episodes after a look at the flags that are up at ``as_of``.

    A flag that is up carries on its open episode, or one that closed within the cool-down; otherwise it opens
    a new one, named by its opening date (``2026-10-31``). An open episode whose flag is down is closed.
    Looking twice at the same instant changes nothing.

    Args:
        previous: episodes so far, as in ``tables.FLAG_EPISODES``; may be empty. Times are UTC, with or
            without zone.
        flags: account_id, flag, severity; one row per flag that is up.
        as_of: the instant, aware.
        cooldown_days: a flag that comes back within these days after it closed is the same episode.

    Returns:
        One row per episode, by account, flag and opening; times are UTC without zone.
    """
    now = as_of.astimezone(UTC).replace(tzinfo=None)
    episodes = _read(previous)
    latest = {tuple(episode[k] for k in _KEY): episode for episode in episodes}
    up = {(row["account_id"], row["flag"]): row["severity"] for row in flags.to_dict("records")}
    for key, severity in up.items():
        episode = latest.get(key)
        if episode is None or _is_over(episode, now, cooldown_days):
            episode = {**dict(zip(_KEY, key, strict=True)), "episode": f"{now:%Y-%m-%d}", "opened_at": now}
            episodes.append(episode)
        last_seen = max(episode.get("last_seen_at") or now, now)
        episode |= {"last_seen_at": last_seen, "closed_at": None, "severity": severity}
    for key, episode in latest.items():
        if key not in up and episode["closed_at"] is None:
            episode["closed_at"] = now
    episodes.sort(key=lambda episode: (episode["account_id"], episode["flag"], episode["opened_at"]))
    frame = pd.DataFrame(episodes, columns=list(FLAG_EPISODES))
    return frame.astype(dict.fromkeys(_TIMES, "datetime64[us]"))


def _is_over(episode: Episode, now: datetime, cooldown_days: int) -> bool:
    closed = episode["closed_at"]
    return closed is not None and now - closed > timedelta(days=cooldown_days)


def _read(previous: pd.DataFrame) -> list[Episode]:
    """Return the episodes as dicts with plain UTC times, oldest first."""
    if previous.empty:
        return []
    columns = {name: previous[name].tolist() for name in FLAG_EPISODES}
    for name in _TIMES:
        columns[name] = [_plain(moment) for moment in columns[name]]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return sorted(rows, key=lambda row: row["opened_at"])


def _plain(moment: object) -> datetime | None:
    stamp = pd.to_datetime(str(moment), utc=True, errors="coerce")
    return None if pd.isna(stamp) else stamp.tz_localize(None).to_pydatetime(warn=False)

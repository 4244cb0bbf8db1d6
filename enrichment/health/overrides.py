"""What a person decided about an account's band, for a while and for a reason that is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd

from enrichment.frames import records
from enrichment.health.sentences import COLOURS
from enrichment.messages import LANGUAGES, Message, say
from saaskpi.errors import UsageError

_SUFFIXES: Final = dict(zip(LANGUAGES, ("", "_fr"), strict=True))


def apply(accounts: pd.DataFrame, overrides: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Return the accounts with the band that people decided on, where a decision holds at ``as_of``.

    A decision replaces the band, the sentence and the top reason; the score stays what was computed. The
    newest decision about an account counts from when it was made until it expires; once it has, the
    computed band is shown again.

    Args:
        accounts: ``Health.accounts``, or any table with account_id, name and its health columns.
        overrides: account_id, band, reason, author, created_at, expires_at (UTC, with or without zone).
        as_of: the instant, aware.

    Returns:
        A copy, with the band of the score itself beside it as ``computed_band`` and, where a decision holds,
        ``override_reason``, ``override_author`` and ``override_expires_at`` (UTC without zone), else null.

    Raises:
        UsageError: a decision is for a band that is no colour.
    """
    columns = ["band", "reason", "author", "expires_at"]
    in_force = _in_force(overrides, as_of).set_index("account_id")[columns].add_prefix("override_")
    found = accounts.assign(computed_band=accounts["health_band"]).merge(
        in_force, how="left", left_on="account_id", right_index=True
    )
    here = found["override_band"].notna()
    rows = records(found[here])
    found.loc[here, "health_band"] = found.loc[here, "override_band"]
    for language, suffix in _SUFFIXES.items():
        whole, top = ([said(row).text(language) for row in rows] for said in (_sentence, _top))
        found[f"health_reasons{suffix}"] = _with(found[f"health_reasons{suffix}"], here, whole)
        found[f"top_reason{suffix}"] = _with(found[f"top_reason{suffix}"], here, top)
    return found.drop(columns="override_band")


def _with(column: pd.Series[str], here: pd.Series[bool], texts: list[str]) -> pd.Series[Any]:
    """Return a column with other texts in some places, whatever it was before: it may have held none."""
    changed = column.astype(object)
    changed.loc[here] = texts
    return changed


def _in_force(overrides: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Return the newest decision of each account, where it holds; times are UTC without zone."""
    unknown = sorted(set(overrides["band"]) - set(COLOURS))
    if unknown:
        raise UsageError(
            f"A decision is for the band {unknown[0]!r}.", hint=f"Choose from: {', '.join(COLOURS)}."
        )
    times = {name: _utc(overrides[name]) for name in ("created_at", "expires_at")}
    now = pd.Timestamp(as_of.astimezone(UTC).replace(tzinfo=None))
    made = overrides.assign(**times)
    newest = made[made["created_at"] <= now].sort_values("created_at", kind="stable")
    newest = newest.drop_duplicates("account_id", keep="last")
    return newest[newest["expires_at"] > now]


def _utc(moments: pd.Series[Any]) -> pd.Series[pd.Timestamp]:
    return pd.to_datetime(moments, utc=True).dt.tz_localize(None).astype("datetime64[us]")


def _sentence(row: dict[str, Any]) -> Message:
    said = {**_said(row), "name": row["name"], "band": say(f"band.{row['override_band']}")}
    if row["health_score"] is None:
        return say("override.unscored", **said)
    computed = say(f"band.{row['computed_band']}")
    return say("override.scored", **said, score=int(row["health_score"]), computed=computed)


def _top(row: dict[str, Any]) -> Message:
    return say("override.top", **_said(row))


def _said(row: dict[str, Any]) -> dict[str, Any]:
    """Return who decided, until when and why, as a part of a sentence: on one line, without a full stop."""
    author, reason = (" ".join(str(row[f"override_{name}"]).split()) for name in ("author", "reason"))
    return {"author": author, "date": row["override_expires_at"], "reason": reason.rstrip(" .")}

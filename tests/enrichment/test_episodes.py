"""A flag's episodes: one per time that it is up, however often anybody looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.health.episodes import advance

DAY = datetime(2026, 10, 1, 23, 59, 59, tzinfo=UTC)
NONE = pd.DataFrame(columns=["account_id", "flag", "severity"])
EMPTY = pd.DataFrame()


def up(severity: str = "medium", flag: str = "payment_failed") -> pd.DataFrame:
    return pd.DataFrame({"account_id": ["a"], "flag": [flag], "severity": [severity]})


def after(days: int) -> datetime:
    return DAY + timedelta(days=days)


def test_a_flag_opens_an_episode_named_by_its_day() -> None:
    (row,) = advance(EMPTY, up(), DAY, 30).to_dict("records")
    assert (row["episode"], row["severity"]) == ("2026-10-01", "medium")
    assert row["opened_at"] == row["last_seen_at"] == DAY.replace(tzinfo=None)
    assert pd.isna(row["closed_at"])


def test_looking_again_moves_only_what_was_last_seen() -> None:
    first = advance(EMPTY, up(), DAY, 30)
    second = advance(first, up("high"), after(3), 30)
    assert second["opened_at"].tolist() == first["opened_at"].tolist()
    assert second["last_seen_at"].iloc[0] == after(3).replace(tzinfo=None)
    assert second["severity"].tolist() == ["high"]
    pd.testing.assert_frame_equal(advance(second, up("high"), after(3), 30), second)


def test_a_flag_that_goes_down_closes_once() -> None:
    closed = advance(advance(EMPTY, up(), DAY, 30), NONE, after(1), 30)
    assert closed["closed_at"].iloc[0] == after(1).replace(tzinfo=None)
    pd.testing.assert_frame_equal(advance(closed, NONE, after(9), 30), closed)


def test_within_the_cool_down_it_is_the_same_episode_and_after_it_a_new_one() -> None:
    closed = advance(advance(EMPTY, up(), DAY, 30), NONE, after(1), 30)
    again = advance(closed, up(), after(31), 30)
    assert again["episode"].tolist() == ["2026-10-01"]
    assert pd.isna(again["closed_at"].iloc[0])
    later = advance(closed, up(), after(32), 30)
    assert later["episode"].tolist() == ["2026-10-01", "2026-11-02"]
    assert later["closed_at"].notna().tolist() == [True, False]


def test_accounts_and_flags_have_episodes_of_their_own() -> None:
    both = pd.concat([up(), up(flag="contraction")])
    first = advance(EMPTY, both, DAY, 30)
    second = advance(first, up(), after(2), 30)
    assert dict(zip(second["flag"], second["closed_at"].notna(), strict=True)) == {
        "contraction": True,
        "payment_failed": False,
    }


def test_times_with_a_zone_are_understood() -> None:
    paris = DAY.astimezone(timezone(timedelta(hours=2)))
    first = advance(EMPTY, up(), paris, 30)
    stored = first.assign(opened_at=first["opened_at"].dt.tz_localize("UTC"))
    pd.testing.assert_frame_equal(advance(stored, up(), DAY, 30), first)


@settings(max_examples=12)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 5))
def test_there_is_never_more_than_one_open_episode(seen: list[bool], cooldown: int) -> None:
    episodes = EMPTY
    for day, is_up in enumerate(seen):
        episodes = advance(episodes, up() if is_up else NONE, after(day), cooldown)
        open_now = int(episodes["closed_at"].isna().sum())
        assert open_now == int(is_up)
        assert not episodes.duplicated(["account_id", "flag", "episode"]).any()
    gaps, quiet = 0, None
    for is_up in seen:
        if is_up:
            gaps += quiet is None or quiet > cooldown
            quiet = 0
        elif quiet is not None:
            quiet += 1
    assert len(episodes) == gaps

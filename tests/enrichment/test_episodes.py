"""A flag's episodes: one per time that it is up, however often anybody looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.health.episodes import advance
from enrichment.health.flags.rule import SEVERITIES

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


def test_a_look_at_the_past_changes_nothing() -> None:
    first = advance(EMPTY, up(), after(5), 30)
    pd.testing.assert_frame_equal(advance(first, NONE, after(4), 30), first)
    pd.testing.assert_frame_equal(advance(first, up("high", "contraction"), after(4), 30), first)
    assert len(advance(first, up("high", "contraction"), after(5), 30)) == 2


def test_a_day_has_one_episode_even_without_a_cool_down() -> None:
    closed = advance(advance(EMPTY, up(), DAY, 0), NONE, DAY + timedelta(milliseconds=1), 0)
    again = advance(closed, up("high"), DAY + timedelta(milliseconds=2), 0)
    assert again["episode"].tolist() == ["2026-10-01"]
    assert again["severity"].tolist() == ["high"]
    assert again["closed_at"].isna().all()
    tomorrow = advance(closed, up(), after(1), 0)
    assert tomorrow["episode"].tolist() == ["2026-10-01", "2026-10-02"]


def test_a_flag_told_twice_is_one_of_the_gravest_severity() -> None:
    twice = pd.concat([up("low"), up("high"), up("medium"), up("?")])
    found = advance(EMPTY, twice, DAY, 30)
    assert found["severity"].tolist() == ["high"]


def test_what_names_no_account_or_flag_is_left_out() -> None:
    nameless = pd.DataFrame(
        {"account_id": [None, "a"], "flag": ["silent", None], "severity": ["high", "low"]}
    )
    assert advance(EMPTY, nameless, DAY, 30).empty
    first = advance(EMPTY, up(), DAY, 30)
    odd = pd.concat([first, first.assign(account_id=None), first.assign(flag=None)])
    assert len(advance(odd, up(), after(1), 30)) == 1


def test_disordered_episodes_never_leave_two_open() -> None:
    old = advance(EMPTY, up(), DAY, 30)
    new = advance(EMPTY, up("high"), after(50), 30)
    both = advance(pd.concat([new, old]), up("high"), after(51), 30)
    assert both["episode"].tolist() == ["2026-10-01", "2026-11-20"]
    assert both["closed_at"].isna().tolist() == [False, True]


def test_times_as_text_and_times_that_are_none_are_read() -> None:
    first = advance(EMPTY, up(), DAY, 30)
    texts = first.assign(opened_at="2026-10-01 23:59:59", last_seen_at="2026-10-01T23:59:59Z", closed_at=None)
    pd.testing.assert_frame_equal(advance(texts, up(), DAY, 30), first)
    torn = first.astype({"opened_at": object}).assign(opened_at="yesterday")
    assert advance(torn, up(), after(1), 30)["opened_at"].tolist() == first["opened_at"].tolist()
    lost = torn.astype({"last_seen_at": object}).assign(last_seen_at=None)
    assert advance(lost, up(), after(1), 30)["episode"].tolist() == ["2026-10-02"]


ACCOUNTS = ("a", "b")
FLAGS = ("silent", "low_nps")
LOOKS = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.dictionaries(
            st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(FLAGS)), st.sampled_from(SEVERITIES)
        ),
    ),
    max_size=6,
)


def table(flags: dict[tuple[str, str], str]) -> pd.DataFrame:
    rows = [(account, flag, severity) for (account, flag), severity in flags.items()]
    return pd.DataFrame(rows, columns=["account_id", "flag", "severity"], dtype=object)


class Diary:
    """The same, one flag at a time: what an episode is, said in another way."""

    def __init__(self, cooldown: int) -> None:
        self.cooldown = cooldown
        self.last: datetime | None = None
        self.kept: dict[tuple[str, str], list[dict[str, object]]] = {}

    def look(self, now: datetime, flags: dict[tuple[str, str], str]) -> None:
        if self.last is not None and now < self.last:
            return
        for key in {*self.kept, *flags}:
            written = self.kept.setdefault(key, [])
            if key in flags:
                if not written or self._is_over(written[-1]["closed"], now):
                    written.append({"opened": now})
                written[-1] |= {"seen": now, "closed": None, "severity": flags[key]}
            elif written[-1]["closed"] is None:
                written[-1]["closed"] = now
        moments = [
            one[name] for written in self.kept.values() for one in written for name in ("seen", "closed")
        ]
        self.last = max((moment for moment in moments if isinstance(moment, datetime)), default=None)

    def _is_over(self, closed: object, now: datetime) -> bool:
        return isinstance(closed, datetime) and now - closed > timedelta(days=self.cooldown)

    def rows(self) -> list[tuple[object, ...]]:
        return [
            (*key, one["opened"], one["seen"], one["closed"], one["severity"])
            for key, written in sorted(self.kept.items())
            for one in written
        ]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(LOOKS, st.integers(0, 20), st.randoms(use_true_random=False))
def test_episodes_are_those_of_the_diary(
    looks: list[tuple[int, dict[tuple[str, str], str]]], cooldown: int, random: Random
) -> None:
    episodes, diary = EMPTY, Diary(cooldown)
    for day, flags in looks:
        before = episodes
        episodes = advance(episodes, table(flags), after(day), cooldown)
        diary.look(after(day).replace(tzinfo=None), flags)
        columns = ["account_id", "flag", "opened_at", "last_seen_at", "closed_at", "severity"]
        found = [tuple(None if pd.isna(one) else one for one in row) for row in episodes[columns].to_numpy()]
        assert found == diary.rows()
        assert not episodes[episodes["closed_at"].isna()].duplicated(["account_id", "flag"]).any()
        assert not episodes.duplicated(["account_id", "flag", "episode"]).any()
        assert (episodes["opened_at"] <= episodes["last_seen_at"]).all()
        assert len(episodes) >= len(before)
    if looks:
        day, flags = max(looks, key=lambda look: look[0])
        episodes = advance(episodes, table(flags), after(day), cooldown)
        shuffled = episodes.sample(frac=1, random_state=random.randrange(100))
        pd.testing.assert_frame_equal(advance(shuffled, table(flags), after(day), cooldown), episodes)
        if not episodes.empty:
            pd.testing.assert_frame_equal(advance(episodes, table({}), after(-1), cooldown), episodes)

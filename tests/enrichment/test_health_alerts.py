"""Bands are announced as changed once the score is clear of the border, and only once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.health.alerts import ANNOUNCED, BandAlerts, band_alerts
from enrichment.health.config import HealthConfig, Profile

THEN = datetime(2026, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 10, 31, tzinfo=UTC)
NOTHING = pd.DataFrame(columns=list(ANNOUNCED))


def announced(band: str, score: int = 60) -> pd.DataFrame:
    return pd.DataFrame([("a", band, score, THEN)], columns=list(ANNOUNCED))


def scored(score: int | None, profile: str | None = None) -> pd.DataFrame:
    row = {"account_id": "a", "name": "Globex", "health_score": score, "profile": profile}
    return pd.DataFrame([row]).astype({"health_score": "Int64", "profile": object})


def look(state: pd.DataFrame, score: int | None, config: HealthConfig | None = None) -> BandAlerts:
    return band_alerts(state, scored(score), config or HealthConfig(), NOW)


@pytest.mark.parametrize(
    "before, score, after",
    [
        ("green", 80, None),
        ("green", 79, None),
        ("green", 78, None),
        ("green", 77, "yellow"),
        ("green", 48, "red"),
        ("yellow", 50, None),
        ("yellow", 48, None),
        ("yellow", 47, "red"),
        ("yellow", 82, None),
        ("yellow", 83, "green"),
        ("red", 49, None),
        ("red", 52, None),
        ("red", 53, "yellow"),
        ("red", 80, "green"),
        ("red", 0, None),
    ],
)
def test_a_change_is_announced_three_points_beyond_the_border(
    before: str, score: int, after: str | None
) -> None:
    found = look(announced(before), score)
    if after is None:
        assert found.changed.empty
        assert found.announced[["band", "score"]].to_numpy().tolist() == [[before, 60]]
        assert found.announced["since"].tolist() == [pd.Timestamp(THEN)]
    else:
        assert found.changed.to_dict("records") == [
            {
                "account_id": "a",
                "name": "Globex",
                "before": before,
                "band": after,
                "score_before": 60,
                "score": score,
            }
        ]
        assert found.announced["since"].tolist() == [pd.Timestamp(NOW)]


@pytest.mark.parametrize(
    "margin, score, changes", [(0, 50, False), (0, 49, True), (1, 49, True), (10, 41, False)]
)
def test_the_margin_is_a_setting(margin: int, score: int, changes: bool) -> None:
    found = look(announced("yellow"), score, HealthConfig(alert_margin=margin))
    assert found.changed.empty != changes


def test_the_first_colour_is_taken_down_without_an_alert() -> None:
    found = look(NOTHING, 30)
    assert found.changed.empty
    assert found.announced[["account_id", "band", "score"]].to_numpy().tolist() == [["a", "red", 30]]


def test_an_account_without_a_score_keeps_what_was_announced() -> None:
    assert look(NOTHING, None).announced.empty
    found = look(announced("green"), None)
    assert found.changed.empty
    assert found.announced["band"].tolist() == ["green"]


def test_an_account_that_is_gone_keeps_what_was_announced() -> None:
    other = scored(30).assign(account_id="b")
    found = band_alerts(announced("green"), other, HealthConfig(), NOW)
    assert found.announced[["account_id", "band"]].to_numpy().tolist() == [["a", "green"], ["b", "red"]]


def test_the_borders_of_a_profile_count() -> None:
    config = HealthConfig(profiles={"large": Profile("size", "large", {"green_from": 95})})
    found = band_alerts(announced("green"), scored(90, "large"), config, NOW)
    assert found.changed["band"].tolist() == ["yellow"]


@given(st.lists(st.integers(0, 100), max_size=8), st.integers(0, 20))
@settings(max_examples=20, deadline=None)
def test_a_score_that_wavers_within_the_margin_raises_no_second_alert(scores: list[int], margin: int) -> None:
    config = HealthConfig(alert_margin=margin)
    state, last = NOTHING, None
    for day, score in enumerate(scores):
        found = band_alerts(state, scored(score), config, THEN + timedelta(days=day))
        if not found.changed.empty:
            assert last is not None
            assert abs(score - last) >= max(margin, 1)
        if not found.changed.empty or last is None:
            last = score
        state = found.announced
        assert not band_alerts(state, scored(score), config, NOW).changed.size


@given(st.integers(0, 100), st.sampled_from(["green", "yellow", "red"]))
@settings(max_examples=25, deadline=None)
def test_without_a_margin_the_announced_band_is_the_band(score: int, before: str) -> None:
    band = "green" if score >= 80 else "yellow" if score >= 50 else "red"
    found = look(announced(before), score, HealthConfig(alert_margin=0))
    assert found.announced["band"].tolist() == [band]

"""Settings of the score: what is refused, what a profile may change, what the hash stands for."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from enrichment.health.config import FOR_ALL_ALIKE, HealthConfig, Profile
from enrichment.health.flags import FlagConfig
from saaskpi.errors import UsageError


@pytest.mark.parametrize(
    "settings, named",
    [
        ({"green": 80}, "health.green"),
        ({"green_from": "80"}, "health.green_from"),
        ({"green_from": 101}, "health.green_from"),
        ({"green_from": True}, "health.green_from"),
        ({"cap_idle": -1}, "health.cap_idle"),
        ({"cap_idle": 101}, "health.cap_idle"),
        ({"tenure_full": 0}, "health.tenure_full"),
        ({"usage_days": 0}, "health.usage_days"),
        ({"history_window_days": 10**13}, "health.history_window_days"),
        ({"cooldown_days": 10_001}, "health.cooldown_days"),
        ({"seats_full": 0.5}, "health.seats_full"),
        ({"yellow_from": 85}, "health.yellow_from"),
        ({"change_zero": 100}, "health.change_zero"),
        ({"idle_full": 30}, "health.idle_full"),
        ({"touch_zero": 30}, "health.touch_full"),
        ({"nps_full": 3}, "health.nps_zero"),
        ({"csat_zero": 5}, "health.csat_zero"),
        ({"trend_zero": 120}, "health.trend_zero"),
        ({"points": {"level": "many"}}, "health.points.level"),
        ({"points": {"level": float("nan")}}, "health.points.level"),
        ({"points": {"level": -1}}, "health.points.level"),
        ({"points": [14]}, "health.points"),
        ({"profiles": ["large"]}, "health.profiles"),
        ({"profiles": {" ": {"segment": "size=large"}}}, "no name"),
        ({"profiles": {"large": {}}}, "health.profiles.large"),
        ({"profiles": {"large": "size=large"}}, "health.profiles.large"),
        ({"profiles": {"large": {"segment": "size"}}}, "health.profiles.large"),
        ({"profiles": {"large": {"segment": "size=large", "green": 3}}}, "health.profiles.large.green"),
        ({"profiles": {"large": {"segment": "size=large", "green_from": 30}}}, "In health.profiles.large"),
        ({"profiles": {"large": {"segment": "size=large", "points": 3}}}, "In health.profiles.large"),
        ({"sources": {}}, "health.sources"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError) as refused:
        HealthConfig.from_settings(settings)
    assert named in refused.value.message
    assert refused.value.hint or "must be below" in refused.value.message


@pytest.mark.parametrize(
    "settings, low, high",
    [
        ({"usage_drop": 30}, "usage_drop_high", "usage_drop"),
        ({"renewal_days": 20}, "renewal_soon_days", "renewal_days"),
        ({"contraction": 40}, "contraction", "contraction_high"),
        ({"nps_very_low": 7}, "nps_very_low", "nps_low"),
    ],
)
def test_flags_that_would_be_grave_before_they_are_raised_are_refused(
    settings: dict[str, int], low: str, high: str
) -> None:
    with pytest.raises(UsageError, match=f"health.flags.{low} cannot be above health.flags.{high}."):
        FlagConfig.from_settings(settings)
    FlagConfig.from_settings({low: 5, high: 5})


@pytest.mark.parametrize("setting", FOR_ALL_ALIKE)
def test_what_is_the_same_for_everybody_is_in_no_profile(setting: str) -> None:
    assert setting in {item.name for item in fields(HealthConfig)}
    with pytest.raises(UsageError, match=f"health.profiles.large.{setting}"):
        HealthConfig(profiles={"large": Profile("size", "large", {setting: 1})})


def test_a_profile_changes_what_it_names_and_keeps_the_rest() -> None:
    config = HealthConfig.from_settings(
        {
            "green_from": 75,
            "points": {"level": 10, "survey": 5},
            "profiles": {"large": {"segment": " size = large ", "yellow_from": 40, "points": {"survey": 20}}},
        }
    )
    large = config.of("large")
    assert config.profiles["large"] == Profile("size", "large", {"yellow_from": 40, "points": {"survey": 20}})
    assert (large.green_from, large.yellow_from, large.cap_idle) == (75, 40, 49)
    assert large.points == {"level": 10, "survey": 20}
    assert (config.of(None).yellow_from, config.of(None).points) == (50, {"level": 10, "survey": 5})


def test_the_hash_is_of_the_settings_that_an_account_is_scored_by() -> None:
    plain = HealthConfig()
    profile = Profile("size", "large", {"green_from": 70})
    config = HealthConfig(profiles={"large": profile})
    assert config.hash != plain.hash
    assert config.of(None).hash == plain.hash
    assert config.of("large").hash == HealthConfig(green_from=70).hash != plain.hash


def test_every_number_of_the_settings_is_in_the_hash() -> None:
    for item in fields(HealthConfig):
        value = getattr(HealthConfig(), item.name)
        if isinstance(value, int):
            # Towards the side that keeps every pair of thresholds in order.
            other = value - 1 if item.name.endswith("_zero") and value > 1 else value + 1
            other = value - 1 if item.name in ("green_from",) else other
            assert HealthConfig.from_settings({item.name: other}).hash != HealthConfig().hash

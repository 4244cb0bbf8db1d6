from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction

import pytest

from enrichment.config import HealthConfig
from enrichment.policy import Policy
from saaskpi.errors import UsageError


def test_the_defaults_are_the_documented_ones() -> None:
    defaults = {item.metadata["key"]: getattr(Policy(), item.name) for item in fields(Policy)}
    assert defaults == {
        "mrr.basis": "subscription",
        "discounts.forever": "subtract",
        "discounts.repeating": "ignore",
        "discounts.once": "ignore",
        "discounts.percent_stack": "compound",
        "status.past_due": "include",
        "status.unpaid": "churn",
        "status.incomplete": "exclude",
        "trials": "exclude",
        "pause_collection": "zero_no_churn",
        "cancel_at_period_end": "churn_at_period_end",
        "metered": "exclude",
        "zero_mrr_customer": "inactive",
        "interval.week": "52/12",
        "interval.day": "365/12",
    }


def test_settings_may_be_flat_or_nested() -> None:
    flat = Policy.from_settings({"discounts.once": "subtract_in_period", "trials": "exclude"})
    nested = Policy.from_settings({"discounts": {"once": "subtract_in_period"}, "trials": "exclude"})
    assert flat == nested == Policy(discounts_once="subtract_in_period")


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"discounts.twice": "x"}, "no key 'discounts.twice'"),
        ({"discounts.once": "subtract"}, "subtract_in_period"),
        ({"status.past_due": "include_days:0"}, "include_days:1 to"),
        ({"status.past_due": "include_days:91"}, "include_days:1 to"),
        ({"trials": None}, "cannot be None"),
    ],
)
def test_a_wrong_setting_is_named_with_its_choices(settings: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Policy.from_settings(settings)
    assert said in str(caught.value)


def test_days_past_due_are_read() -> None:
    assert Policy(past_due="include_days:30").past_due_days == 30
    assert Policy().past_due_days is None


def test_the_hash_follows_every_choice() -> None:
    hashes = {Policy().hash}
    for item in fields(Policy):
        for choice in item.metadata["choices"][1:]:
            hashes.add(replace(Policy(), **{item.name: choice}).hash)
    assert len(hashes) == 1 + sum(len(item.metadata["choices"]) - 1 for item in fields(Policy))
    assert Policy.from_settings({}).hash == Policy().hash


@pytest.mark.parametrize(
    "interval, count, months",
    [("month", 3, "1/3"), ("year", 2, "1/24"), ("week", 1, "13/3"), ("day", 30, "73/72")],
)
def test_a_cycle_is_brought_to_a_month_exactly(interval: str, count: int, months: str) -> None:
    assert Policy().months(interval, count) == Fraction(months)


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"green": 1}, "no setting health.green"),
        ({"late_days": -1}, "health.late_days"),
        ({"late_days": 7.5}, "health.late_days"),
        ({"yellow_from": 90}, "health.yellow_from"),
        ({"points": {"tenure": -4}}, "health.points"),
    ],
)
def test_a_wrong_health_setting_is_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        HealthConfig.from_settings(settings)
    assert said in str(caught.value)


def test_the_health_hash_follows_weights() -> None:
    assert HealthConfig(points={"tenure": 5}).hash != HealthConfig().hash
    assert (
        HealthConfig.from_settings({"points": {"tenure": 5}}).hash == HealthConfig(points={"tenure": 5}).hash
    )

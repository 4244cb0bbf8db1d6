from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.health.config import HealthConfig
from enrichment.policy import KEYS, Counted, Key, Policy, check_reporting
from saaskpi.errors import UsageError

CHOICES = [(key, choice) for key in KEYS for choice in key.choices]
EXAMPLES = {
    "status.past_due": ["include_days:1", "include_days:14", "include_days:90"],
    "metered": ["trailing_avg_months:1", "trailing_avg_months:3", "trailing_avg_months:24"],
    "reactivation.window": ["days:1", "days:90", "days:3650"],
    "calendar": ["Europe/Paris", "America/Los_Angeles", "Asia/Kolkata", "Etc/GMT+12"],
}
WRONG = {
    "status.past_due": ["include_days:0", "include_days:91", "include_days:07", "include_days:", "days:3"],
    "metered": ["trailing_avg_months:0", "trailing_avg_months:25", "trailing_avg_n_months", "last_invoice:2"],
    "reactivation.window": ["days:0", "days:3651", "days:9999999999", "days:-1", "days:\u0663"],
    "calendar": ["Europe", "Mars/Base", "", "../UTC", "/etc/localtime", "localtime", "a\0b", "utc+1"],
    "interval.week": ["4.330", "52 / 12", "nan"],
}


def choices_of(key: Key) -> st.SearchStrategy[str]:
    listed = st.sampled_from([*key.choices, *EXAMPLES.get(key.name, [])])
    if not isinstance(key.form, Counted):
        return listed
    form = key.form
    return listed | st.integers(form.low, form.high).map(lambda number: f"{form.name}:{number}")


def policies() -> st.SearchStrategy[Policy]:
    return st.builds(Policy, **{key.attribute: choices_of(key) for key in KEYS})


def test_the_defaults_are_the_documented_ones() -> None:
    assert Policy().choices() == {
        "mrr.basis": "subscription",
        "discounts.forever": "subtract",
        "discounts.repeating": "ignore",
        "discounts.once": "ignore",
        "discounts.percent_stack": "compound",
        "status.past_due": "include",
        "status.unpaid": "churn",
        "status.incomplete": "exclude",
        "trials": "exclude",
        "trial_conversion": "at_status_active",
        "pause_collection": "zero_no_churn",
        "cancel_at_period_end": "churn_at_period_end",
        "metered": "exclude",
        "refunds": "ignore",
        "zero_mrr_customer": "inactive",
        "fx.mode": "locked_at_period_start",
        "interval.week": "52/12",
        "interval.day": "365/12",
        "movement.grain": "account",
        "reactivation.window": "any",
        "same_month_new_and_churn": "drop",
        "churn.denominator": "start_of_period",
        "net_churn.reactivation": "include",
        "ltv.method": "arpa_margin_churn_6m",
        "calendar": "UTC",
    }


@pytest.mark.parametrize("key, choice", CHOICES)
def test_every_choice_is_accepted(key: Key, choice: str) -> None:
    assert getattr(Policy.from_settings({key.name: choice}), key.attribute) == choice


@pytest.mark.parametrize("name, value", [(name, value) for name in EXAMPLES for value in EXAMPLES[name]])
def test_every_form_is_accepted(name: str, value: str) -> None:
    assert Policy.from_settings({name: value}).choices()[name] == value


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
@pytest.mark.parametrize("value", ["yes", "", None, True, [], "INCLUDE", "subtract_"])
def test_a_wrong_value_is_refused_with_the_choices(key: Key, value: object) -> None:
    with pytest.raises(UsageError) as caught:
        Policy.from_settings({key.name: value})
    assert f"{key.name} cannot be {value!r}" in caught.value.message
    for choice in key.choices:
        assert choice in caught.value.hint


@pytest.mark.parametrize("name, value", [(name, value) for name in WRONG for value in WRONG[name]])
def test_what_is_nearly_of_the_form_is_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        Policy.from_settings({name: value})


def test_settings_may_be_flat_or_nested() -> None:
    flat = Policy.from_settings({"discounts.once": "subtract_in_period", "trials": "exclude"})
    nested = Policy.from_settings({"discounts": {"once": "subtract_in_period"}, "trials": "exclude"})
    assert flat == nested == Policy(discounts_once="subtract_in_period")


def test_a_number_may_stand_for_its_text() -> None:
    settings = {"interval": {"week": 4.33, "day": 30}}
    assert Policy.from_settings(settings) == Policy(interval_week="4.33", interval_day="30")
    assert Policy.from_settings({"interval.week": 4.0}).interval_week == "4"


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"discounts.twice": "x"}, "no key 'discounts.twice'"),
        ({"discounts": {"twice": "x"}}, "no key 'discounts.twice'"),
        ({"preset": "barometrics"}, "no policy preset 'barometrics'"),
        ({"preset": 3}, "no policy preset '3'"),
        ({"preset": None}, "no policy preset None"),
        ({"discounts.once": "ignore", "discounts": {"once": "ignore"}}, "discounts.once is set twice"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Policy.from_settings(settings)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "settings, said, way_out",
    [
        ({"mrr.basis": "list_price", "discounts.forever": "subtract"}, "discounts.forever", "Remove it"),
        ({"mrr": {"basis": "list_price"}, "discounts.once": "subtract_in_period"}, "no effect", "mrr.basis"),
    ],
)
def test_contradictions_are_refused_with_the_way_out(
    settings: dict[str, Any], said: str, way_out: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Policy.from_settings(settings)
    assert said in caught.value.message
    assert way_out in caught.value.hint


@pytest.mark.parametrize(
    "settings",
    [
        {"mrr.basis": "list_price"},
        {"mrr.basis": "list_price", "discounts.once": "ignore"},
        {"preset": "chartmogul", "mrr.basis": "list_price"},
        {"mrr.basis": "invoice", "trial_conversion": "at_status_active"},
        {"status.unpaid": "include", "status.past_due": "exclude"},
        {"preset": "chartmogul", "status.past_due": "include_days:30"},
        {"zero_mrr_customer": "churn", "pause_collection": "zero_no_churn"},
    ],
)
def test_what_only_looks_odd_is_allowed(settings: dict[str, Any]) -> None:
    assert Policy.from_settings(settings) != Policy()


def test_a_reporting_currency_needs_conversion() -> None:
    check_reporting(Policy(), "eur")
    check_reporting(Policy(fx_mode="native_only"), None)
    with pytest.raises(UsageError, match=r"reporting\.currency is eur.*native_only"):
        check_reporting(Policy(fx_mode="native_only"), "eur")


@given(policies(), policies())
def test_the_hash_changes_when_and_only_when_a_choice_does(one: Policy, other: Policy) -> None:
    assert (one.hash == other.hash) == (one == other)
    assert one.hash == replace(one).hash


@given(policies(), st.sampled_from(KEYS), st.data())
def test_any_single_change_is_another_hash(policy: Policy, key: Key, data: st.DataObject) -> None:
    value = data.draw(choices_of(key))
    changed = replace(policy, **{key.attribute: value})
    assert (changed.hash != policy.hash) == (value != getattr(policy, key.attribute))


@given(policies())
def test_settings_bring_back_the_policy_flat_or_nested(policy: Policy) -> None:
    if policy.mrr_basis == "list_price":
        policy = replace(policy, mrr_basis="invoice")
    assert Policy.from_settings(policy.choices()) == policy
    assert Policy.from_settings(nested(policy.choices())) == policy


def nested(flat: Mapping[str, str]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for name, value in flat.items():
        table, _, rest = name.partition(".")
        if rest:
            tables.setdefault(table, {})[rest] = value
        else:
            tables[name] = value
    return tables


def test_the_numbers_of_forms_are_read() -> None:
    policy = Policy(
        past_due="include_days:30", metered="trailing_avg_months:6", reactivation_window="days:90"
    )
    assert (policy.past_due_days, policy.metered_months, policy.reactivation_days) == (30, 6, 90)
    default = Policy()
    assert (default.past_due_days, default.metered_months, default.reactivation_days) == (None, None, None)
    assert Policy(metered="last_invoice", reactivation_window="none").reactivation_days is None


def test_the_calendar_is_a_zone() -> None:
    assert Policy().zone == ZoneInfo("UTC")
    assert Policy(calendar="Asia/Kolkata").zone == ZoneInfo("Asia/Kolkata")


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

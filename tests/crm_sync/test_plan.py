from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_sync.apply import apply
from crm_sync.model import Plan
from crm_sync.plan import PlanSettings, build_plan
from crm_sync.properties import COMPANIES, CUSTOMER_IDS, FIELDS, TASKS, UPDATED_AT
from enrichment import money
from saaskpi.errors import UsageError
from tests.support.crm import (
    NOW,
    FakeCrm,
    account,
    at,
    episode,
    flag,
    inputs_from,
    objects_frame,
    open_store,
    ready_crm,
    start_run,
)
from warehouse.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        start_run(opened)
        yield opened


def plan_of(crm: FakeCrm, store: Store, *accounts: dict[str, Any], **changes: Any) -> Plan:
    now = changes.pop("now", NOW)
    return build_plan(inputs_from(crm, store, accounts, **changes), PlanSettings(), money, now)


def changed(plan: Plan, company_id: str = "1") -> dict[str, tuple[str, str]]:
    update = next(one for one in plan.updates if one.company_id == company_id)
    return {change.property: (change.old, change.new) for change in update.changes}


def test_a_new_portal_gets_every_definition_and_every_value(store: Store) -> None:
    crm = FakeCrm(companies={"1": {"name": "Acme"}})
    plan = plan_of(crm, store, account("1"))
    names = {(one.object_type, one.name) for one in plan.definitions}
    assert (TASKS, "saaskpi_task_key") in names
    assert (COMPANIES, "saaskpi_mrr") in names
    assert changed(plan)["saaskpi_mrr"] == ("", "129.01")
    assert changed(plan)["saaskpi_currency"] == ("", "EUR")
    assert changed(plan)["saaskpi_renewal_date"] == ("", "2027-03-01")
    assert changed(plan)["saaskpi_risk_flags"] == ("", "payment_failed")
    assert changed(plan)[CUSTOMER_IDS] == ("", "cus_1")
    assert not plan.blockers


def test_amounts_are_in_units_of_their_currency(store: Store) -> None:
    plan = plan_of(ready_crm("1"), store, account("1", currency="jpy", mrr=12_900))
    assert changed(plan)["saaskpi_mrr"] == ("", "12900")


def test_the_reason_names_the_items_and_customers(store: Store) -> None:
    plan = plan_of(ready_crm("1"), store, account("1"))
    reasons = {change.property: change.reason for change in plan.updates[0].changes}
    assert reasons["saaskpi_mrr"] == "MRR from Stripe: 2 subscription items of cus_1"


def test_only_the_changed_field_is_planned_with_the_time(store: Store) -> None:
    crm = ready_crm("1")
    apply(plan_of(crm, store, account("1")), crm, store, at(NOW))
    later = NOW + timedelta(days=1)
    plan = plan_of(crm, store, account("1", health_score=40), pulled_at=later, now=later)
    assert changed(plan) == {
        "saaskpi_health_score": ("81", "40"),
        UPDATED_AT: ("2026-10-30T08:00:00Z", "2026-10-31T08:00:00Z"),
    }


def test_what_was_just_pushed_is_not_written_again_though_the_landing_is_older(store: Store) -> None:
    crm = ready_crm("1")
    stale = inputs_from(crm, store, [account("1")])
    apply(build_plan(stale, PlanSettings(), money, NOW), crm, store, at(NOW))
    known = inputs_from(crm, store, [account("1")], pulled_at=NOW - timedelta(hours=1))
    old_landing = pd.DataFrame(stale.companies)
    inputs = replace(known, companies=old_landing)
    assert build_plan(inputs, PlanSettings(), money, NOW + timedelta(hours=1)).writes_nothing


def test_a_value_that_a_person_edited_is_put_back(store: Store) -> None:
    crm = ready_crm("1")
    apply(plan_of(crm, store, account("1")), crm, store, at(NOW))
    crm.companies["1"]["saaskpi_plan"] = "edited"
    plan = plan_of(crm, store, account("1"), pulled_at=NOW + timedelta(hours=1))
    assert changed(plan)["saaskpi_plan"] == ("edited", "Team")


def test_a_company_without_an_account_any_more_is_cleared_and_then_left_alone(store: Store) -> None:
    crm = ready_crm("1", "2")
    apply(plan_of(crm, store, account("1"), account("2", 2)), crm, store, at(NOW))
    later = NOW + timedelta(hours=1)
    plan = plan_of(crm, store, account("2", 2), pulled_at=later, now=later)
    assert [(one.company_id, one.action) for one in plan.updates] == [("1", "clear")]
    assert set(changed(plan)) == {
        name for name, value in crm.companies["1"].items() if name != "name" and value
    }
    assert {new for _, new in changed(plan).values()} == {""}
    apply(plan, crm, store, at(later))
    assert plan_of(crm, store, account("2", 2), pulled_at=later + timedelta(hours=1)).writes_nothing


def test_totals_add_up_and_the_unmatched_are_named(store: Store) -> None:
    rows = [
        account("1", mrr_by_currency=json.dumps({"eur": 100, "usd": 50})),
        account(None, 2, mrr_by_currency=json.dumps({"eur": 30}), match_rule=None),
        account(None, 3, mrr_by_currency=json.dumps({"jpy": 7})),
    ]
    inputs = inputs_from(ready_crm("1"), store, rows)
    ambiguous = {"customer_id": "cus_3", "company_id": None, "rule": "domain", "candidates": ["1", "2"]}
    inputs = replace(inputs, matches=pd.DataFrame([ambiguous]))
    plan = build_plan(inputs, PlanSettings(), money, NOW)
    assert {(one.currency, one.mrr, one.matched, one.unmatched) for one in plan.totals} == {
        ("eur", 130, 100, 30),
        ("jpy", 7, 0, 7),
        ("usd", 50, 50, 0),
    }
    assert [(one.account_id, one.mrr, one.reason, one.candidates) for one in plan.unmatched] == [
        ("cus_2", {"eur": 30}, "no company found", []),
        ("cus_3", {"jpy": 7}, "ambiguous: 2 companies by domain", ["1", "2"]),
    ]


def test_a_value_outside_the_options_is_left_out_and_said(store: Store) -> None:
    plan = plan_of(ready_crm("1"), store, account("1", status="on the moon"))
    assert "saaskpi_status" not in changed(plan)
    assert any("on the moon" in note for note in plan.notes)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"type": "string"}, "is of type string, not number"),
        ({"archived": True}, "was deleted or archived"),
    ],
)
def test_a_property_that_does_not_fit_blocks_the_plan(
    store: Store, change: dict[str, Any], words: str
) -> None:
    crm = ready_crm("1")
    crm.definitions[COMPANIES]["saaskpi_mrr"] |= change
    blockers = plan_of(crm, store, account("1")).blockers
    assert [words in one.message for one in blockers] == [True]
    assert "Settings > Properties" in blockers[0].hint


def test_a_property_that_an_admin_deleted_is_not_made_again_behind_their_back(store: Store) -> None:
    crm = ready_crm("1")
    apply(plan_of(crm, store, account("1")), crm, store, at(NOW))
    del crm.definitions[COMPANIES]["saaskpi_mrr"]
    plan = plan_of(crm, store, account("1", 2), pulled_at=NOW + timedelta(hours=1))
    assert ["saaskpi_mrr was deleted" in one.message for one in plan.blockers] == [True]
    assert not plan.definitions


def test_what_apply_created_counts_as_there_until_the_next_pull(store: Store) -> None:
    crm = FakeCrm(companies={"1": {"name": "Acme"}})
    before = inputs_from(crm, store, [account("1")])
    apply(build_plan(before, PlanSettings(), money, NOW), crm, store, at(NOW + timedelta(minutes=1)))
    known = inputs_from(crm, store, [account("1")])
    old_pull = replace(known, definitions=before.definitions, companies=before.companies)
    plan = build_plan(old_pull, PlanSettings(), money, NOW + timedelta(minutes=2))
    assert plan.writes_nothing
    assert not plan.blockers


def test_an_option_that_the_portal_lacks_is_added_and_those_of_others_stay(store: Store) -> None:
    crm = ready_crm("1")
    found = crm.definitions[COMPANIES]["saaskpi_health_band"]
    theirs = {"value": "purple", "label": "Purple"}
    found["options"] = [theirs, *found["options"][1:]]
    before = inputs_from(crm, store, [account("1")])
    plan = build_plan(before, PlanSettings(), money, NOW)
    assert not plan.blockers
    assert [(one.name, one.action) for one in plan.definitions] == [("saaskpi_health_band", "add_options")]
    assert [option["value"] for option in plan.definitions[0].body["options"]] == ["green"]
    apply(plan, crm, store, at(NOW + timedelta(minutes=1)))
    values = [option["value"] for option in crm.definitions[COMPANIES]["saaskpi_health_band"]["options"]]
    assert values == ["purple", "yellow", "red", "new", "no data", "green"]
    # Until the next pull the store knows it.
    again = replace(inputs_from(crm, store, [account("1")]), definitions=before.definitions)
    assert build_plan(again, PlanSettings(), money, NOW).writes_nothing


def test_a_flag_of_ones_own_becomes_an_option(store: Store) -> None:
    crm = ready_crm("1")
    own = PlanSettings(own_flags={"risk": ["big_and_quiet"]})
    inputs = inputs_from(crm, store, [account("1", risk_flags=["big_and_quiet"])])
    apply(build_plan(inputs, own, money, NOW), crm, store, at(NOW))
    assert crm.definitions[COMPANIES]["saaskpi_risk_flags"]["options"][-1]["label"] == "Big and quiet"
    assert crm.companies["1"]["saaskpi_risk_flags"] == "big_and_quiet"


def test_a_new_portal_gets_the_flags_of_ones_own_with_the_property(store: Store) -> None:
    crm = FakeCrm(companies={"1": {"name": "One"}})
    own = PlanSettings(own_flags={"risk": ["big_and_quiet"]})
    apply(build_plan(inputs_from(crm, store, [account("1")]), own, money, NOW), crm, store, at(NOW))
    values = [option["value"] for option in crm.definitions[COMPANIES]["saaskpi_risk_flags"]["options"]]
    assert "big_and_quiet" in values


def test_a_task_key_without_unique_values_blocks_the_plan(store: Store) -> None:
    crm = ready_crm("1")
    del crm.definitions[TASKS]["saaskpi_task_key"]["hasUniqueValue"]
    assert ["unique" in one.message for one in plan_of(crm, store, account("1")).blockers] == [True]


def test_a_plan_file_reads_back_as_the_same_plan(store: Store) -> None:
    plan = plan_of(ready_crm("1"), store, account("1"), account(None, 2), flags=[flag("1")])
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.hash == plan.hash


@pytest.mark.parametrize(
    "old, new",
    [
        ('"new": "129.01"', '"new": "999.01"'),
        ('"version": 2', '"version": 3'),
        ('"format": "saaskpi-plan"', '"format": "other"'),
        ('"hash"', '"hush"'),
        ('"company_id": "1"', '"company_id": 1'),
        ("{", ""),
    ],
)
def test_a_plan_file_that_was_changed_is_refused(store: Store, old: str, new: str) -> None:
    text = plan_of(ready_crm("1"), store, account("1")).to_json()
    assert old in text
    with pytest.raises(UsageError):
        Plan.from_json(text.replace(old, new, 1))


def test_planning_changes_nothing(store: Store) -> None:
    crm = ready_crm("1")
    plan_of(crm, store, account("1"), flags=[flag("1")])
    assert crm.calls == []
    assert len(store.pushed(COMPANIES)) == 0


_NUMBERS = itertools.count(1000)
_NUMERIC = {one.property.name for one in FIELDS if one.property.type == "number"}
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_ACCOUNTS = st.fixed_dictionaries(
    {
        "mrr": st.integers(0, 10**12),
        "currency": st.sampled_from(["eur", "usd", "jpy", "kwd", None]),
        "mrr_change_12m": st.none() | st.floats(-1, 1000),
        "plan": st.none() | _TEXT,
        "health_reasons": _TEXT,
        "health_score": st.none() | st.integers(0, 100),
        "renewal_date": st.none() | st.dates().map(lambda day: day.isoformat()),
        "customer_since": st.none() | st.dates(),
        "risk_flags": st.lists(st.sampled_from(["silent", "payment_failed", "low_nps"])),
        "status": st.sampled_from(["active", "churned", "odd"]),
    }
)


@pytest.mark.slow
@given(_ACCOUNTS, _ACCOUNTS)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_once_applied_a_second_plan_writes_nothing(
    store: Store, first: dict[str, Any], second: dict[str, Any]
) -> None:
    id_ = str(next(_NUMBERS))  # the store is shared by all examples
    crm = ready_crm(id_)
    for step, values in enumerate((first, second)):
        now = NOW + timedelta(hours=2 * step)
        row = account(id_, **values)
        apply(plan_of(crm, store, row, pulled_at=now, now=now), crm, store, at(now))
        soon = now + timedelta(hours=1)
        assert plan_of(crm, store, row, pulled_at=soon, now=soon).writes_nothing
        # HubSpot gives numbers back typed: the landing holds 129.0 where we wrote "129".
        typed: dict[str, Any] = dict(crm.companies[id_])
        for name in _NUMERIC & {name for name, value in typed.items() if value}:
            typed[name] = float(typed[name])
        inputs = inputs_from(crm, store, [row], pulled_at=soon)
        inputs = replace(inputs, companies=objects_frame({id_: typed}, soon))
        assert build_plan(inputs, PlanSettings(), money, soon).writes_nothing


def test_episodes_of_unmatched_accounts_make_no_task(tmp_path: Path) -> None:
    with open_store(tmp_path / "other.db") as store:
        start_run(store, [episode("cus_2")])
        inputs = inputs_from(ready_crm("1"), store, [account(None, 2)], [flag("cus_2")])
        assert build_plan(inputs, PlanSettings(), money, NOW).tasks == []

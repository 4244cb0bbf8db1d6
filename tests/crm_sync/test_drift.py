"""Values of ours that somebody edits in the CRM: told, and overwritten or kept as set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_sync.apply import apply
from crm_sync.model import Plan
from crm_sync.plan import PlanSettings, build_plan
from enrichment import money
from tests.support.crm import NOW, FakeCrm, account, at, inputs_from, open_store, ready_crm, start_run
from warehouse.store import Store

HOUR = timedelta(hours=1)
KEEP = PlanSettings(keep_edits=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        start_run(opened)
        yield opened


def plan_of(
    crm: FakeCrm, store: Store, now: datetime, settings: PlanSettings | None = None, **values: Any
) -> Plan:
    inputs = inputs_from(crm, store, [account("1", **values)], pulled_at=now)
    return build_plan(inputs, settings or PlanSettings(), money, now)


@pytest.fixture
def crm(store: Store) -> FakeCrm:
    crm = ready_crm("1", "2")
    apply(plan_of(crm, store, NOW), crm, store, at(NOW))
    return crm


def written_over(plan: Plan) -> dict[str, str | None]:
    return {change.property: change.written for one in plan.updates for change in one.changes}


def test_an_edit_is_overwritten_marked_in_the_plan_and_logged(crm: FakeCrm, store: Store) -> None:
    crm.companies["1"]["saaskpi_plan"] = "edited"
    plan = plan_of(crm, store, NOW + HOUR)
    assert written_over(plan) == {"saaskpi_plan": "Team", "saaskpi_updated_at": None}
    result = apply(plan, crm, store, at(NOW + HOUR))
    assert result.edits_overwritten == 1
    assert crm.companies["1"]["saaskpi_plan"] == "Team"
    logged = store.drift()[["apply_id", "object_id", "property", "ours", "theirs", "action"]]
    assert logged.to_numpy().tolist() == [
        [plan.apply_id, "1", "saaskpi_plan", "Team", "edited", "overwritten"]
    ]
    assert plan_of(crm, store, NOW + 2 * HOUR).writes_nothing


def test_an_edit_is_kept_where_that_is_set_and_logged_once(crm: FakeCrm, store: Store) -> None:
    crm.companies["1"]["saaskpi_plan"] = "edited"
    for hours in (1, 2, 3):
        plan = plan_of(crm, store, NOW + hours * HOUR, KEEP)
        assert plan.writes_nothing
        assert [(one.property, one.written, one.found, one.wanted) for one in plan.kept] == [
            ("saaskpi_plan", "Team", "edited", "Team")
        ]
        calls = len(crm.calls)
        apply(plan, crm, store, at(NOW + hours * HOUR))
        assert len(crm.calls) == calls
    assert crm.companies["1"]["saaskpi_plan"] == "edited"
    assert store.drift()["action"].tolist() == ["kept"]
    # What nobody edited goes on being written.
    plan = plan_of(crm, store, NOW + 4 * HOUR, KEEP, mrr=1_00)
    assert set(written_over(plan)) == {"saaskpi_mrr", "saaskpi_updated_at"}


@pytest.mark.parametrize("settings", [PlanSettings(), KEEP], ids=["overwrite", "keep"])
def test_whoever_types_what_we_would_write_edits_nothing(
    crm: FakeCrm, store: Store, settings: PlanSettings
) -> None:
    crm.companies["1"]["saaskpi_plan"] = "Scale"
    plan = plan_of(crm, store, NOW + HOUR, settings, plan="Scale")
    assert (plan.updates, plan.kept) == ([], [])


def test_a_value_that_nobody_edited_is_no_drift_whatever_it_was_before(crm: FakeCrm, store: Store) -> None:
    plan = plan_of(crm, store, NOW + HOUR, mrr=5, plan="Scale", renewal_date=None)
    assert set(written_over(plan).values()) == {None}


def test_without_a_ledger_nobody_is_blamed(crm: FakeCrm, tmp_path: Path) -> None:
    crm.companies["1"]["saaskpi_plan"] = "edited"
    with open_store(tmp_path / "lost.db") as store:
        start_run(store)
        assert set(written_over(plan_of(crm, store, NOW + HOUR)).values()) == {None}


def test_the_mark_of_a_company_is_never_kept(crm: FakeCrm, store: Store) -> None:
    """Without its customers a company would not be known as one of ours."""
    crm.companies["1"]["saaskpi_stripe_customer_ids"] = "cus_other"
    plan = plan_of(crm, store, NOW + HOUR, KEEP)
    assert written_over(plan)["saaskpi_stripe_customer_ids"] == "cus_1"


def test_a_cleared_company_keeps_what_a_person_wrote_where_that_is_set(crm: FakeCrm, store: Store) -> None:
    crm.companies["1"]["saaskpi_plan"] = "edited"
    inputs = inputs_from(crm, store, [account("2", 2)], pulled_at=NOW + HOUR)
    plan = build_plan(inputs, KEEP, money, NOW + HOUR)
    apply(plan, crm, store, at(NOW + HOUR))
    assert {name: value for name, value in crm.companies["1"].items() if value} == {
        "name": "Company 1",
        "saaskpi_plan": "edited",
    }


def test_only_what_was_written_after_a_row_was_read_overlays_it(crm: FakeCrm, store: Store) -> None:
    """A row that was read anew since shows the edit; one that was not still counts as we left it."""
    crm.companies["1"]["saaskpi_plan"] = "edited"
    inputs = inputs_from(crm, store, [account("1")], pulled_at=NOW)
    assert build_plan(inputs, PlanSettings(), money, NOW).writes_nothing
    inputs.companies.loc[inputs.companies["id"] == "1", "read_at"] = NOW + timedelta(seconds=1)
    assert written_over(build_plan(inputs, PlanSettings(), money, NOW))["saaskpi_plan"] == "Team"

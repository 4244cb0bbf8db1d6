"""A refresh of a few accounts leaves what a whole run would, in the tables and in the CRM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.touched import Ref, Touched
from crm_sync.inputs import Only
from crm_sync.model import Plan
from saaskpi.errors import NeedsPersonError, StoreError, UnavailableError
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.settings import Settings
from sandbox.crm.object_types import OBJECT_TYPES
from tests.saaskpi.test_slicing import differences, tables_of
from tests.support.kept import Kept
from tests.support.spine import MakeSandbox, settings_for, write_calls

if TYPE_CHECKING:
    from sandbox import Sandbox


class World:
    """A company whose home and CRM are up to date."""

    def __init__(self, sandbox: Sandbox, settings: Settings) -> None:
        self.sandbox = sandbox
        self.pipeline = Pipeline(settings, now=lambda: datetime.now(UTC), stages=Silent())

    def paying(self) -> list[dict[str, Any]]:
        """The accounts in the CRM that pay by themselves, by id."""
        rows = [row for row in self.pipeline.accounts() if row["company_id"] and row["mrr"]]
        return sorted(rows, key=lambda row: str(row["account_id"]))

    def fail_a_payment(self) -> tuple[str, Touched]:
        """Let the payment of some customer fail; returns its account and what was touched."""
        for row in self.paying():
            try:
                told = self.sandbox.happen("payment_failed", row["stripe_customer_ids"][0])
            except ValueError:
                continue
            objects = [event["data"]["object"] for event in told["events"]]
            return row["account_id"], Touched(
                stripe=frozenset(Ref(one["object"], one["id"]) for one in objects),
                customers=frozenset(row["stripe_customer_ids"]),
            )
        raise AssertionError("nobody's payment can fail")

    def refresh(self, touched: Touched) -> int:
        """Refresh; returns how many calls wrote to the CRM."""
        before = len(write_calls(self.sandbox))
        self.pipeline.refresh(touched)
        return len(write_calls(self.sandbox)) - before

    def check_against_whole_run(self) -> None:
        """Hold the tables and the CRM against a run over everything; cltv follows the churn of all."""
        refreshed = tables_of(self.pipeline, without=("cltv",))
        self.pipeline.enrich()
        assert differences(refreshed, tables_of(self.pipeline, without=("cltv",))) == {}
        plan = self.pipeline.plan()
        changed = {change.property for update in plan.updates for change in update.changes}
        assert changed <= {"saaskpi_cltv", "saaskpi_updated_at"}
        assert plan.tasks == []


@pytest.fixture
def world(kept: Kept, tmp_path: Path) -> Iterator[World]:
    made = World(*kept.begin(tmp_path / "home"))
    yield made
    made.pipeline.close()


@pytest.mark.slow
def test_a_failed_payment_reaches_the_crm_and_once_is_enough(world: World) -> None:
    account, touched = world.fail_a_payment()
    assert world.refresh(touched) > 0
    [row] = [row for row in world.pipeline.accounts() if row["account_id"] == account]
    assert row["status"] == "past_due"
    assert world.refresh(touched) == 0
    world.check_against_whole_run()


@pytest.mark.slow
def test_a_worn_refresher_is_replaced_and_nobody_sees_the_difference(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saaskpi.refreshing.MOST_CUSTOMERS", 2)
    used = set()
    for _ in range(3):
        world.refresh(world.fail_a_payment()[1])
        used.add(world.pipeline._refresher)
    assert len(used) == 2
    world.check_against_whole_run()


@pytest.mark.slow
def test_what_has_come_in_many_refreshes_is_folded_and_nobody_sees_the_difference(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saaskpi.refreshing.MOST_ROWS", 100)
    deltas = []
    for _ in range(4):
        world.refresh(world.fail_a_payment()[1])
        deltas.append(len(world.pipeline.landing.manifest().deltas))
    assert 0 in deltas
    assert max(deltas) > 0
    world.check_against_whole_run()


@pytest.mark.slow
def test_a_company_that_claims_a_customer_of_another_one_gets_it(world: World) -> None:
    first, second = world.paying()[:2]
    claim = f"{second['stripe_customer_ids'][0]}, {first['stripe_customer_ids'][0]}"
    world.sandbox.edit("companies", second["company_id"], {"stripe_customer_id": claim}, "CRM_UI")
    world.sandbox.edit("companies", first["company_id"], {"stripe_customer_id": ""}, "CRM_UI")
    touched = {Ref("companies", row["company_id"]) for row in (first, second)}
    assert world.refresh(Touched(hubspot=frozenset(touched))) > 0
    found = {row["account_id"]: row for row in world.pipeline.accounts()}
    assert first["account_id"] not in found
    assert set(first["stripe_customer_ids"]) <= set(found[second["account_id"]]["stripe_customer_ids"])
    world.check_against_whole_run()


@pytest.mark.slow
def test_a_deleted_company_leaves_its_customers_to_themselves(world: World) -> None:
    row = world.paying()[0]
    company = Ref("companies", row["company_id"])
    crm, kind = world.sandbox.crm, OBJECT_TYPES["companies"]
    record = crm.find(kind, company.id)
    assert record
    crm.archive(kind, record)
    world.refresh(Touched(gone=frozenset({company})))
    assert company.id not in {one["account_id"] for one in world.pipeline.accounts()}
    world.check_against_whole_run()


@pytest.mark.slow
@pytest.mark.parametrize("named_by", ["company", "link"])
def test_a_customer_that_stripe_deleted_stays_with_whom_its_id_belongs_to(
    world: World, named_by: str
) -> None:
    row, other = world.paying()[:2]
    customer, company = row["stripe_customer_ids"][0], other["company_id"]
    if named_by == "company":
        world.sandbox.edit("companies", company, {"stripe_customer_id": customer}, "CRM_UI")
        world.sandbox.edit("companies", row["company_id"], {"stripe_customer_id": ""}, "CRM_UI")
    else:
        world.pipeline.store.set_link(customer, company, "someone", datetime.now(UTC))
    told = world.sandbox.happen("delete", customer)
    gone = Ref("customer", customer)
    objects = [event["data"]["object"] for event in told["events"]]
    touched = Touched(
        stripe=frozenset(Ref(one["object"], one["id"]) for one in objects if one["object"] != "customer"),
        customers=frozenset({customer}),
        gone=frozenset({gone}),
        hubspot=frozenset(Ref("companies", one) for one in (company, row["company_id"])),
    )
    assert world.refresh(touched) > 0
    [found] = [one for one in world.pipeline.accounts() if customer in one["stripe_customer_ids"]]
    assert found["account_id"] == company
    world.check_against_whole_run()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["marts.patch", "store.remember", "apply"])
def test_broken_off_anywhere_and_begun_again_it_ends_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    account, touched = world.fail_a_payment()
    owner, name = place(world.pipeline, step)

    def after(*values: Any, **named: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, broken(getattr(owner, name), after) if step != "apply" else after)
        with pytest.raises(KilledError):
            world.pipeline.refresh(touched)
    assert world.refresh(touched) > 0
    assert world.refresh(touched) == 0
    assert account in {row["account_id"] for row in world.pipeline.accounts()}
    world.check_against_whole_run()


def test_a_refresh_that_computes_nothing_announces_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pipeline._refresher.band_changes = [{"account_id": "of the one before"}]

    def away(*_: Any) -> None:
        raise UnavailableError("Stripe does not answer.")

    monkeypatch.setattr("saaskpi.refreshing.reread", away)
    with pytest.raises(UnavailableError):
        world.pipeline.refresh(Touched())
    assert world.pipeline._refresher.band_changes == []


@pytest.mark.slow
def test_a_plan_that_a_refresh_overtook_is_stale_where_it_writes_the_same_accounts(world: World) -> None:
    account, touched = world.fail_a_payment()
    other = next(row["account_id"] for row in world.paying() if row["account_id"] != account)
    for company in (account, other):
        world.sandbox.edit("companies", company, {"saaskpi_plan": "edited"}, "CRM_UI")
    world.pipeline.pull()
    both, one = world.pipeline.plan(), world.pipeline.plan(Only(frozenset({other})))
    assert both.accounts >= {account, other}
    assert world.refresh(touched) > 0
    before = len(write_calls(world.sandbox))
    with pytest.raises(NeedsPersonError, match=f"stale: .*{account}"):
        world.pipeline.apply(Plan.from_json(both.to_json()))
    assert len(write_calls(world.sandbox)) == before
    assert world.pipeline.apply(Plan.from_json(one.to_json())).result.companies_updated == 1


def test_without_a_run_there_is_nothing_to_refresh(make_sandbox: MakeSandbox, tmp_path: Path) -> None:
    sandbox = make_sandbox(customers=3, months=2)
    pipeline = Pipeline(settings_for(sandbox, tmp_path), now=lambda: datetime.now(UTC), stages=Silent())
    pipeline.pull()
    with pytest.raises(StoreError, match="no finished run"):
        pipeline.refresh(Touched(accounts=frozenset({"1"})))
    pipeline.close()


class KilledError(Exception):
    """Stands for the end of the process."""


def place(pipeline: Pipeline, step: str) -> tuple[Any, str]:
    """Return where a step is and its name there."""
    *path, name = step.split(".")
    return (getattr(pipeline, path[0]) if path else pipeline), name


def broken(whole: Callable[..., Any], after: Callable[..., None]) -> Callable[..., None]:
    """Return a step that does its work and then goes no further."""

    def step(*values: Any, **named: Any) -> None:
        whole(*values, **named)
        after()

    return step

"""A hostile world over real HTTP: errors are clear, and the next run ends where a calm one does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.http import HttpClient
from connectors.hubspot.client import HubSpotClient
from connectors.stripe.client import StripeClient
from saaskpi.checks import run_checks
from saaskpi.errors import AccessError, NeedsPersonError
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.rereading import THREADS
from tests.support.crash import crm_state
from tests.support.landings import different
from tests.support.spine import (
    Begin,
    MakePipeline,
    MakeSandbox,
    ask,
    assert_settled,
    settings_for,
    write_calls,
)
from warehouse.landing import Landing

if TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.crm.records import Record

READ_TIMEOUT = 0.4
READ_SCOPES = (
    "crm.schemas.companies.read",
    "crm.schemas.contacts.read",
    "crm.objects.companies.read",
    "crm.objects.contacts.read",
    "crm.objects.owners.read",
    "crm.schemas.companies.write",
)


@dataclass(frozen=True)
class Calm:
    """What an undisturbed run leaves: the CRM, the accounts, and what was read."""

    state: dict[str, Any]
    amounts: list[tuple[Any, ...]]
    landing: Landing


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no client wait between tries."""
    for client in (StripeClient, HubSpotClient):
        monkeypatch.setitem(client.__init__.__kwdefaults__ or {}, "sleep", lambda _: None)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch, calm: Calm) -> None:
    """Give every client a short timeout; the calm run before has loaded what the first answer waits for."""
    del calm
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__ or {}, "timeout", (1.0, READ_TIMEOUT))


def fault(sandbox: Sandbox, kind: str, **options: Any) -> None:
    """Switch a fault on."""
    from sandbox.faults import Fault

    sandbox.faults.add(Fault(kind, **options))


def amounts(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    """Return what a reader of the accounts would notice, if it changed."""
    names = ("account_id", "mrr", "health_score", "risk_flags", "opportunity_flags", "company_id")
    return [tuple(row[name] for name in names) for row in pipeline.accounts()]


def company(sandbox: Sandbox, company_id: str) -> Record:
    """Return a company as the CRM holds it."""
    from sandbox.crm.object_types import OBJECT_TYPES

    found = sandbox.crm.find(OBJECT_TYPES["companies"], company_id)
    assert found is not None
    return found


SMALL = {"customers": 12, "months": 8, "seed": 5}
"""A company of twelve customers, two of them with a task to open."""


def small(make_sandbox: MakeSandbox, **options: Any) -> Sandbox:
    """Start that company."""
    return make_sandbox(**SMALL, **options)


@pytest.fixture
def calm(begin: Begin) -> Calm:
    """What an undisturbed run of the small company leaves."""
    sandbox, pipeline = begin(**SMALL)
    state = crm_state(sandbox)
    assert len(state["tasks"]) == 3
    sandbox.stop()
    return Calm(state, amounts(pipeline), pipeline.landing)


DISTURBANCES: dict[str, tuple[str, dict[str, Any]]] = {
    "429 with Retry-After": ("429", {"seconds": 1.0}),
    "429 without": ("429", {}),
    "500": ("status", {"status": 500}),
    "503 with Retry-After": ("status", {"status": 503, "seconds": 1.0}),
    "hang": ("hang", {"seconds": 2 * READ_TIMEOUT}),
    "dropped": ("hang", {}),
    "cut": ("cut", {}),
    "cut and held": ("cut", {"seconds": 2 * READ_TIMEOUT}),
}
WRITES = (
    "/crm/properties/2026-03/companies",
    "/crm/objects/2026-03/companies/batch/update",
    "/crm/objects/2026-03/tasks/batch/upsert",
    "/crm/associations/2026-03/tasks/companies/batch/create",
)


def assert_ends_calmly(sandbox: Sandbox, pipeline: Pipeline, calm: Calm) -> None:
    """A run ends where an undisturbed one ends, and leaves nothing to do."""
    written = pipeline.run()
    assert not written.result.failures
    assert not sandbox.faults.rules()
    assert amounts(pipeline) == calm.amounts
    assert crm_state(sandbox) == calm.state


@pytest.mark.slow
@pytest.mark.usefixtures("_impatient")
def test_a_run_disturbed_in_every_way_ends_as_a_calm_one(
    make_sandbox: MakeSandbox, make_pipeline: MakePipeline, calm: Calm
) -> None:
    sandbox = small(make_sandbox)
    for position, (kind, options) in enumerate(DISTURBANCES.values()):
        for vendor in ("stripe", "hubspot"):
            fault(sandbox, kind, vendor=vendor, after=position, times=1, **options)
    for path, kind in zip(WRITES, ("cut", "hang", "cut", "hang"), strict=True):
        fault(sandbox, kind, method="POST", path=path, times=1)
    pipeline = make_pipeline(sandbox)
    assert_ends_calmly(sandbox, pipeline, calm)
    assert pipeline.run().plan.writes_nothing


@pytest.mark.slow
@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("kind", DISTURBANCES)
def test_a_pull_disturbed_at_each_kind_of_call_reads_what_a_calm_one_reads(
    kind: str, make_sandbox: MakeSandbox, make_pipeline: MakePipeline, calm: Calm
) -> None:
    name, options = DISTURBANCES[kind]
    sandbox = small(make_sandbox)
    for vendor in ("stripe", "hubspot"):
        for after in range(0, 9, 2):
            fault(sandbox, name, vendor=vendor, after=after, times=2, **options)
    pipeline = make_pipeline(sandbox)
    pipeline.pull()
    assert not sandbox.faults.rules()
    assert different(pipeline.landing, calm.landing) == {}


@pytest.mark.slow
@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("kind", DISTURBANCES)
def test_an_apply_disturbed_at_each_kind_of_call_writes_what_a_calm_one_writes(
    kind: str, begin: Begin, calm: Calm
) -> None:
    name, options = DISTURBANCES[kind]
    sandbox, pipeline = begin("enrich", **SMALL)
    for path in WRITES:
        fault(sandbox, name, method="POST", path=path, times=2, **options)
    assert not pipeline.apply().result.failures
    assert not sandbox.faults.rules()
    assert crm_state(sandbox) == calm.state
    assert_settled(pipeline)


@pytest.mark.parametrize(
    "vendor, path", [("stripe", "/v1/subscriptions"), ("hubspot", "/crm/objects/2026-03/contacts")]
)
def test_a_key_revoked_in_mid_pull_stops_at_once(vendor: str, path: str, begin: Begin) -> None:
    sandbox, pipeline = begin(**SMALL)
    before = amounts(pipeline)
    fault(sandbox, "401", vendor=vendor, path=path)
    # Everything is read call by call; what has changed by several at a time, and some may be under way.
    for pull, under_way in ((partial(pipeline.pull, full=True), 0), (pipeline.run, THREADS - 1)):
        asked = len(ask(sandbox, "requests")["requests"])
        with pytest.raises(AccessError, match="refused the key"):
            pull()
        statuses = [item["status"] for item in ask(sandbox, "requests")["requests"][asked:]]
        assert len(statuses) - 1 - statuses.index(401) <= under_way
    assert amounts(pipeline) == before
    sandbox.faults.clear()
    assert_settled(pipeline)


@pytest.mark.parametrize("path, status", list(zip(WRITES[1:3], (403, 401), strict=True)))
def test_access_lost_in_mid_apply_stops_at_once(path: str, status: int, begin: Begin, calm: Calm) -> None:
    sandbox, pipeline = begin("enrich", **SMALL)
    fault(sandbox, "status", vendor="hubspot", method="POST", path=path, status=status)
    with pytest.raises(AccessError, match=str(status)) as refused:
        pipeline.apply()
    assert refused.value.hint
    statuses = [item["status"] for item in ask(sandbox, "requests")["requests"]]
    assert statuses.index(status) == len(statuses) - 1
    sandbox.faults.clear()
    assert_ends_calmly(sandbox, pipeline, calm)


def test_a_missing_write_scope(make_sandbox: MakeSandbox, make_pipeline: MakePipeline) -> None:
    sandbox = small(make_sandbox, hubspot_scopes=READ_SCOPES)
    pipeline = make_pipeline(sandbox)
    with pytest.raises(AccessError, match="write"):
        pipeline.run()


def test_companies_gone_between_plan_and_apply(begin: Begin) -> None:
    from sandbox.crm.object_types import OBJECT_TYPES

    sandbox, pipeline = begin("enrich", **SMALL)
    plan = pipeline.plan()
    gone, loser, winner, *rest = [one.company_id for one in plan.updates]
    kind = OBJECT_TYPES["companies"]
    sandbox.crm.archive(kind, company(sandbox, gone))
    sandbox.crm.merge(kind, company(sandbox, winner), company(sandbox, loser))
    result = pipeline.apply(plan).result
    assert [(object_type, key) for object_type, key, _ in result.failures] == [("companies", gone)]
    assert pipeline.store.push_failures()["object_id"].tolist() == [gone]
    assert all("saaskpi_stripe_customer_ids" in company(sandbox, one).properties for one in rest)
    assert not pipeline.run().result.failures
    assert_settled(pipeline)


@pytest.mark.slow
def test_a_property_archived_by_an_admin_blocks_every_write(begin: Begin) -> None:
    sandbox, pipeline = begin(**SMALL)
    edited = next(row["company_id"] for row in pipeline.accounts() if row["company_id"])
    company(sandbox, edited).properties["saaskpi_mrr"] = "1"
    pipeline.pull(full=True)
    plan = pipeline.plan()
    assert plan.updates
    sandbox.crm.catalogs["companies"].archive("saaskpi_mrr", sandbox.crm.now())
    before = changing_calls(sandbox)
    for stage in ("apply", "run"):
        with pytest.raises(NeedsPersonError, match="saaskpi_mrr was deleted or archived") as blocked:
            pipeline.apply(plan) if stage == "apply" else pipeline.run()
        assert "Settings > Properties" in str(blocked.value)
        assert blocked.value.exit_code == 3
    assert changing_calls(sandbox) == before
    run_checks(pipeline.settings, create_properties=True)
    pipeline.pull()
    assert not pipeline.apply().plan.blockers
    assert_settled(pipeline)


def changing_calls(sandbox: Sandbox) -> int:
    """Count the write calls, but for the probe of the scope: a batch without a row, which changes nothing."""
    probe = "/companies/batch/create"
    return sum(not call["path"].endswith(probe) for call in write_calls(sandbox))


@pytest.mark.slow
def test_a_value_edited_by_a_person_is_put_back(begin: Begin) -> None:
    sandbox, pipeline = begin(**SMALL)
    before = crm_state(sandbox)
    edited = next(row["company_id"] for row in pipeline.accounts() if row["company_id"] and row["mrr"])
    company(sandbox, edited).properties.update(saaskpi_mrr="123456", saaskpi_health_band="", phone="1")
    result = pipeline.run().result
    assert (result.companies_updated, result.fields_written) == (1, 3)
    assert crm_state(sandbox) == before
    assert company(sandbox, edited).properties["phone"] == "1"


@pytest.mark.slow
def test_a_portal_that_refuses_the_task_property(make_pipeline: MakePipeline) -> None:
    from sandbox import Sandbox

    sandbox = Sandbox(customers=12, months=8, seed=5, rate_limits=False)
    sandbox.hubspot = replace(sandbox.hubspot, task_unique_property=False)
    with sandbox:
        pipeline = make_pipeline(sandbox)
        first = pipeline.run()
        assert first.result.companies_updated > 0
        assert (first.result.tasks_opened, first.result.tasks_linked) == (3, 3)
        (message,) = first.result.messages
        assert "check --create-properties" in message
        again = pipeline.run().plan
        assert again.writes_nothing
        assert again.tasks_already_open == 3


NAMES = (
    "<script>alert('x')</script> & Söhne",
    '=HYPERLINK("http://evil.example";"click")',
    "[bold red]Rich[/bold red] [/]",
    "\U0001f680 Rakete {company} %s {0}",
    "\u202eשלום עולם\u202c",
    "x" * 500,
    "",
    "   ",
    None,
    "line one\nline two\r\x1b[31mred\x07",
    "-2+3+cmd|' /C calc'!A0",
)


@pytest.mark.slow
@pytest.mark.parametrize("nameless", [False, True])
def test_odd_names_and_none_at_all(
    nameless: bool, make_sandbox: MakeSandbox, make_pipeline: MakePipeline, calm: Calm
) -> None:
    sandbox = small(make_sandbox)
    customers: Iterable[Any] = sandbox.world.stripe._store.records["customer"].values()
    for name, customer in zip(cycle([None] if nameless else NAMES), customers, strict=False):
        customer.name = name
        customer.email = None if nameless else customer.email
    for name, record in zip(cycle(NAMES), sandbox.crm.tables["companies"].live(), strict=False):
        record.properties["name"] = name or ""
    pipeline = make_pipeline(sandbox)
    written = pipeline.run()
    assert not written.result.failures
    assert sorted(row[1] for row in amounts(pipeline)) == sorted(row[1] for row in calm.amounts)
    assert all(row["name"] for row in pipeline.accounts())
    assert all(task.subject.isprintable() and "<script" not in task.body for task in written.plan.tasks)
    assert_settled(pipeline)


@pytest.mark.slow
@pytest.mark.parametrize("kept, accounts", [((), 0), (("customer",), 12)])
def test_a_stripe_account_with_little_or_nothing_in_it(
    kept: tuple[str, ...],
    accounts: int,
    make_sandbox: MakeSandbox,
    make_pipeline: MakePipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox = small(make_sandbox)
    objects = sandbox.world.stripe
    ids, where = objects.ids, objects.where
    monkeypatch.setattr(objects, "ids", lambda kind: ids(kind) if kind in kept else ())
    monkeypatch.setattr(objects, "where", lambda kind, *at: where(kind, *at) if kind in kept else ())
    pipeline = make_pipeline(sandbox)
    pipeline.run()
    assert [row["mrr"] or 0 for row in pipeline.accounts()] == [0] * accounts
    assert_settled(pipeline)


@pytest.mark.slow
@pytest.mark.parametrize("lacking", ["everything", "contacts", "stripe_customer_id"])
def test_a_bare_portal(
    lacking: str, make_sandbox: MakeSandbox, make_pipeline: MakePipeline, calm: Calm
) -> None:
    from sandbox.crm.object_types import OBJECT_TYPES

    sandbox = small(make_sandbox)
    if lacking == "stripe_customer_id":
        sandbox.crm.catalogs["companies"].archive(lacking, sandbox.crm.now())
    for name, kind in OBJECT_TYPES.items():
        if lacking in ("everything", name):
            for record in list(sandbox.crm.tables[name].live()):
                sandbox.crm.purge(kind, record)
    pipeline = make_pipeline(sandbox)
    pipeline.run()
    assert sum(row["mrr"] or 0 for row in pipeline.accounts()) == sum(row[1] or 0 for row in calm.amounts)
    assert_settled(pipeline)


@pytest.mark.slow
def test_months_pass_and_no_task_comes_twice(make_sandbox: MakeSandbox, tmp_path: Path) -> None:
    sandbox = make_sandbox(customers=20, months=10, seed=5)
    opened: list[str] = []
    for _ in range(4):
        settings = settings_for(sandbox, tmp_path / "home")
        pipeline = Pipeline(settings, now=lambda: sandbox.world.now, stages=Silent())
        opened += [task.key for task in pipeline.run().plan.tasks]
        episodes = pipeline.store.flag_episodes()
        pipeline.close()
        sandbox.advance(40)
    assert episodes["closed_at"].notna().any()
    assert episodes["closed_at"].isna().any()
    assert len(opened) > 4
    tasks = crm_state(sandbox)["tasks"]
    assert sorted(tasks) == sorted(opened)
    assert all(len(same) == 1 for same in tasks.values())

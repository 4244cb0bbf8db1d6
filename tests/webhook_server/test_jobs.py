"""The jobs over a home that a sandbox filled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from saaskpi.balancing import balance
from saaskpi.errors import NeedsPersonError
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.settings import StoreSettings
from tests.support import postgres
from tests.support.spine import MakeSandbox, ask, settings_for, write_calls
from tests.webhook_server.conftest import Demo
from warehouse import tables
from warehouse.alerts import AlertLog
from warehouse.backup import backups
from warehouse.jobs import JobLedger
from warehouse.store import Store
from webhook_server.job_runner import JobRunner
from webhook_server.jobs import JOBS
from webhook_server.services import Services

BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture
def make_services(make_sandbox: MakeSandbox, tmp_path: Path) -> Iterator[Callable[..., tuple[Any, Services]]]:
    """A sandbox, and services over a home of its own with a store on either database."""
    from contextlib import ExitStack

    with ExitStack() as opened:

        def make(backend: str = "sqlite", **company: Any) -> tuple[Any, Services]:
            sandbox = make_sandbox(**{"customers": 25, "months": 8, **company})
            settings = settings_for(sandbox, tmp_path / "home")
            if backend == "postgresql":
                url = opened.enter_context(postgres.database())
                settings = settings.model_copy(update={"store": StoreSettings(url=SecretStr(url))})
            services = Services(settings, lambda: datetime.now(UTC))
            opened.callback(services.close)
            return sandbox, services

        yield make


def run(services: Services, job: str) -> Any:
    return JobRunner(services, JOBS, {}).run_now(job)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_jobs_do_what_a_run_does_on_postgresql_too(make_services: Any, tmp_path: Path) -> None:
    sandbox, services = make_services("postgresql")
    refreshed = run(services, "full_refresh")
    assert (refreshed.status, refreshed.error) == ("done", None)
    assert refreshed.result["rows"] > 100
    assert refreshed.result["companies_updated"] > 5
    written = len(write_calls(sandbox))
    assert written
    assert run(services, "enrich_and_apply").result["companies_updated"] == 0
    assert run(services, "pull").status == "done"
    found = run(services, "reconcile")
    assert (found.status, found.error) == ("done", None)
    truth: dict[str, int] = {}
    for customer in ask(sandbox, "truth")["customers"].values():
        truth[customer["currency"]] = truth.get(customer["currency"], 0) + customer["mrr_today"]
    assert found.result["mrr"] == {code: amount for code, amount in truth.items() if amount}
    assert run(services, "compact").status == "done"
    assert len(write_calls(sandbox)) == written
    assert {row["caused_by"] for row in stages(services)} == {
        "full_refresh", "enrich_and_apply", "pull", "reconcile"
    }  # fmt: skip
    # Nothing was written into a file beside the server.
    assert list((tmp_path / "home").glob("*.db*")) == []


def stages(services: Services) -> list[dict[str, Any]]:
    with services.store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(tables.stage_runs)).mappings()]


# Reconciliation


@pytest.fixture
def enriched(demo: Demo, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline over a home that is pulled and enriched."""
    pipeline = Pipeline(demo.copied(tmp_path / "home"), lambda: datetime.now(UTC), Silent())
    yield pipeline
    pipeline.close()


@pytest.fixture
def services(enriched: Pipeline) -> Iterator[Services]:
    """Services over a home that is pulled and enriched."""
    made = Services(enriched.settings, lambda: datetime.now(UTC))
    yield made
    made.close()


def change(pipeline: Pipeline, table: str, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Write a table of the current run anew, as a defect would leave it."""
    run_id = pipeline.store.current_run()
    assert run_id is not None
    path = pipeline.marts.directory(run_id) / f"{table}.parquet"
    schema = pq.read_schema(path)
    edit(pd.read_parquet(path)).to_parquet(path, index=False, schema=schema)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["chartmogul", "profitwell"])
def test_an_untouched_run_balances_under_policies_that_follow_invoices(
    enriched: Pipeline, preset: str
) -> None:
    settings = enriched.settings.model_copy(update={"policy": {"preset": preset}})
    pipeline = Pipeline(settings, lambda: datetime.now(UTC), Silent())
    found = pipeline.reconcile()
    assert found.customers > 5
    assert found.mismatches == ()
    pipeline.close()


def test_a_customer_whose_ledger_is_off_is_named(enriched: Pipeline) -> None:
    ledger = enriched.marts.read("mrr_ledger")
    victim = ledger.groupby("customer_id")["mrr_change"].sum().idxmax()

    def lose(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["customer_id"] != victim]

    change(enriched, "mrr_ledger", lose)
    found = balance(enriched).mismatches
    assert {mismatch.what for mismatch in found} >= {"accounts", "subscription items", "key figures"}
    lost = next(mismatch for mismatch in found if mismatch.what == f"{victim} computed anew")
    assert lost.ours == 0 < lost.other


@pytest.mark.parametrize(
    "table, name",
    [("accounts", "accounts"), ("account_month", "months of accounts"), ("kpi_month", "key figures")],
)
def test_a_table_that_lost_a_row_is_named(enriched: Pipeline, table: str, name: str) -> None:
    def lose(frame: pd.DataFrame) -> pd.DataFrame:
        own = frame[frame["mrr"] > 0]
        if "month" in own:
            own = own[(own["month"] == own["month"].max()) & (own["valuation"] == "native")]
        if "segment" in own:
            own = own[own["segment"] == ""]
        return frame.drop(own["mrr"].idxmax())

    change(enriched, table, lose)
    assert name in {mismatch.what for mismatch in balance(enriched).mismatches}


@pytest.mark.slow
def test_what_does_not_reconcile_asks_a_person(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    enrich = Pipeline.enrich

    def broken(pipeline: Pipeline) -> Any:
        result = enrich(pipeline)
        change(pipeline, "mrr_ledger", lambda frame: frame.iloc[: len(frame) // 2])
        return result

    monkeypatch.setattr(Pipeline, "enrich", broken)
    found = run(services, "reconcile")
    assert found.status == "needs_person"
    assert "MRR does not reconcile: cus_" in found.error
    assert {row["status"] for row in stages(services) if row["stage"] == "reconcile"} == {"needs_person"}
    assert alerts(services) == [("mrr_not_reconciled", "reconcile", False)]
    monkeypatch.setattr(Pipeline, "enrich", enrich)
    assert run(services, "reconcile").status == "done"
    assert alerts(services) == [("mrr_not_reconciled", "reconcile", True)]


def alerts(services: Services) -> list[tuple[str, str, bool]]:
    """Kind, about, and whether it is over."""
    rows = AlertLog(services.store.engine).recent()
    return [(row["kind"], row["about"], row["over_at"] is not None) for row in rows]


# Keeping house


def test_a_backup_that_fails_is_told(make_services: Any) -> None:
    _, services = make_services()
    services.settings.home.mkdir(exist_ok=True)
    (services.settings.home / "backups").write_text("in the way")
    assert run(services, "backup").status == "failed"
    assert alerts(services) == [("run_failed", "backup", False)]
    (services.settings.home / "backups").unlink()
    assert run(services, "backup").status == "done"
    assert alerts(services) == [("run_failed", "backup", True)]


def test_a_backup_is_kept_beside_the_store(make_services: Any) -> None:
    _, services = make_services()
    done = run(services, "backup")
    assert done.status == "done"
    (kept,) = backups(services.settings.home / "backups")
    assert kept.name == done.result["file"]
    with Store.open(kept) as store:
        assert [record.job for record in JobLedger(store.engine).recent()] == ["backup"]


def test_a_server_is_not_backed_up_here_and_that_is_told(make_services: Any) -> None:
    _, services = make_services("postgresql")
    skipped = run(services, "backup")
    assert skipped.status == "skipped"
    assert "pg_dump" in skipped.error


@pytest.mark.parametrize("backend", BACKENDS)
def test_compacting_forgets_what_is_old(backend: str, make_services: Any) -> None:
    _, services = make_services(backend)
    now = services.now()
    old, new = now - timedelta(days=100), now - timedelta(days=1)
    ledger = JobLedger(services.store.engine)
    ledger.skip("pull", [old, new], "a", old, "x")
    with services.store.engine.execution_options(writes=True).begin() as connection:
        for number, at in enumerate((old, new)):
            row = {"source": "stripe", "event_id": str(number), "event_type": "t", "payload": b"{}"}
            times = {"received_at": at, "due_at": at, "processed_at": at}
            connection.execute(tables.inbox.insert(), {**row, **times, "status": "done", "attempts": 0})
    done = run(services, "compact")
    assert (done.status, done.error) == ("done", None)
    assert (done.result["payloads_forgotten"], done.result["job_runs_forgotten"]) == (1, 1)
    assert [record.scheduled_for for record in ledger.recent("pull")] == [new]


@pytest.mark.slow
def test_jobs_wait_for_a_command_in_the_same_home(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook_server.jobs.PATIENCE", 20.0)
    command = Pipeline(services.settings, services.now, Silent())
    with command.alone():
        waiting = threading.Thread(target=run, args=(services, "enrich_and_apply"))
        waiting.start()
        waiting.join(timeout=0.5)
        assert waiting.is_alive()
    waiting.join(timeout=60)
    command.close()
    record = JobLedger(services.store.engine).last("enrich_and_apply")
    assert record is not None
    assert (record.status, record.error) == ("done", None)


def test_a_failing_vendor_is_a_failed_job_in_words(make_services: Any) -> None:
    sandbox, services = make_services()
    sandbox.stop()
    failed = run(services, "pull")
    assert failed.status == "failed"
    assert failed.error


def test_needing_a_person_is_no_defect(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def tripped(pipeline: Pipeline, *arguments: Any) -> Any:
        raise NeedsPersonError("Too many would change.", hint="saaskpi apply --yes-change 9")

    monkeypatch.setattr(Pipeline, "apply", tripped)
    assert run(services, "enrich_and_apply").status == "needs_person"

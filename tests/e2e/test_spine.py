"""The whole road over real HTTP: pull, enrich, plan, apply."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from saaskpi.errors import NeedsPersonError, StoreError
from saaskpi.pipeline import Pipeline
from saaskpi.portfolio import totals
from saaskpi.progress import Silent
from tests.support.spine import Begin, MakePipeline, MakeSandbox, ask, settings_for, write_calls


def contents(folder: Path) -> dict[str, str]:
    """Return a digest of every file, but those SQLite keeps only while a connection is open."""
    files = [
        path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    ]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


COMPANY = {"customers": 40, "months": 18, "seed": 3}


@pytest.mark.slow
def test_mrr_of_today_equals_the_truth_in_every_currency(begin: Begin) -> None:
    sandbox, pipeline = begin("enrich", **COMPANY)
    got: Counter[str] = Counter()
    for account in pipeline.accounts():
        got.update(account["mrr_by_currency"])
    want: Counter[str] = Counter()
    for customer in ask(sandbox, "truth")["customers"].values():
        want[customer["currency"]] += customer["mrr_today"]
    assert len(want) >= 2
    assert +got == +want


@pytest.mark.slow
def test_every_month_end_equals_the_truth_and_another_policy_asks_nobody(
    make_sandbox: MakeSandbox, make_pipeline: MakePipeline
) -> None:
    sandbox = make_sandbox(customers=60, months=24, seed=4)
    pipeline = make_pipeline(sandbox)
    pipeline.pull()
    pipeline.enrich()
    want: Counter[tuple[str, str]] = Counter()
    for customer in ask(sandbox, "truth")["customers"].values():
        want.update({(month, customer["currency"]): mrr for month, mrr in customer["mrr"].items()})
    figures = pipeline.marts.read("kpi_month").query("segment == ''")
    got = Counter(
        {
            (month, currency): int(mrr)
            for month, currency, mrr in zip(
                figures["month"], figures["currency"], figures["mrr"], strict=True
            )
        }
    )
    assert len({month for month, _ in want}) > 20
    assert +got == +want

    asked = len(ask(sandbox, "requests")["requests"])
    settings = pipeline.settings.model_copy(update={"policy": {"preset": "gross"}})
    pipeline.close()
    other = Pipeline(settings, now=lambda: datetime.now(UTC), stages=Silent())
    other.enrich()
    gross = other.marts.read("kpi_month").query("segment == ''")
    other.close()
    assert gross["mrr"].sum() > figures["mrr"].sum()
    assert set(gross["policy_hash"]) != set(figures["policy_hash"])
    assert len(ask(sandbox, "requests")["requests"]) == asked


def test_crm_total_and_unmatched_make_up_the_mrr(begin: Begin) -> None:
    _, pipeline = begin(**COMPANY)
    sums = totals(pipeline.accounts())
    assert any(row["mrr_unmatched"] for row in sums)
    for row in sums:
        assert row["mrr"] == row["mrr_matched"] + row["mrr_unmatched"]
    planned = {t.currency: (t.mrr, t.matched, t.unmatched) for t in pipeline.plan().totals}
    assert planned == {
        row["currency"]: (row["mrr"], row["mrr_matched"], row["mrr_unmatched"]) for row in sums
    }


@pytest.mark.slow
def test_a_second_run_makes_no_write_call(make_sandbox: MakeSandbox, make_pipeline: MakePipeline) -> None:
    sandbox = make_sandbox(customers=40, months=18)
    pipeline = make_pipeline(sandbox)
    first = pipeline.run()
    assert first.result.companies_updated > 10
    assert first.result.tasks_opened > 0
    assert not first.result.failures
    before = len(write_calls(sandbox))
    second = pipeline.run()
    assert second.plan.writes_nothing
    assert len(write_calls(sandbox)) == before


@pytest.mark.slow
def test_a_lost_store_costs_no_property_and_no_second_task(begin: Begin, make_pipeline: MakePipeline) -> None:
    sandbox, _ = begin(**COMPANY)
    before = len(write_calls(sandbox))
    second = make_pipeline(sandbox).run()
    assert second.plan.updates == []
    # Only links are made again, because nobody remembers them; linking twice is linking once.
    assert {task.action for task in second.plan.tasks} == {"link"}
    assert {call["path"] for call in write_calls(sandbox)[before:]} == {
        "/crm/associations/2026-03/tasks/companies/batch/create"
    }


@pytest.mark.slow
def test_a_day_later_only_what_changed_is_written(begin: Begin) -> None:
    sandbox, pipeline = begin(**COMPANY)
    sandbox.world.advance(7)
    sandbox.crm.advance()
    before = len(write_calls(sandbox))
    pipeline.settings = settings_for(sandbox, pipeline.settings.home)
    later = pipeline.run()
    assert 0 < len(later.plan.updates) < first_updates(pipeline)
    calls = [
        call for call in write_calls(sandbox)[before:] if call["path"].endswith("companies/batch/update")
    ]
    assert len(calls) == -(-len(later.plan.updates) // 100)


def first_updates(pipeline: Any) -> int:
    """Return how many accounts have a company."""
    return sum(bool(row["company_id"]) for row in pipeline.accounts())


def test_plan_changes_nothing_anywhere(begin: Begin) -> None:
    sandbox, pipeline = begin("enrich", **COMPANY)
    pipeline.store.close()
    files, asked = contents(pipeline.settings.home), len(ask(sandbox, "requests")["requests"])
    plan = pipeline.plan()
    pipeline.store.close()
    assert plan.updates
    assert plan.tasks
    assert contents(pipeline.settings.home) == files
    assert len(ask(sandbox, "requests")["requests"]) == asked


def test_a_stale_plan_is_refused(begin: Begin) -> None:
    sandbox, pipeline = begin("enrich", **COMPANY)
    plan = pipeline.plan()
    pipeline.enrich()
    with pytest.raises(NeedsPersonError):
        pipeline.apply(plan)
    assert write_calls(sandbox) == []


def test_a_home_belongs_to_one_account(make_sandbox: MakeSandbox, make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(make_sandbox(customers=5, months=3))
    pipeline.store.set_meta("origin", '{"stripe": "acct_other", "hubspot": "1"}')
    with pytest.raises(StoreError, match="another Stripe account"):
        pipeline.pull()

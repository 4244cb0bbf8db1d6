"""A company that is merged over HTTP: no second task, no lost decision."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.touched import Ref, Touched
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from tests.support.crash import crm_state
from tests.support.inbox_kills import merge
from tests.support.kept import Kept


@pytest.fixture
def pipeline(kept: Kept, tmp_path: Path) -> Iterator[tuple[Any, Pipeline]]:
    sandbox, settings = kept.begin(tmp_path / "home")
    made = Pipeline(settings, lambda: datetime.now(UTC), Silent())
    yield sandbox, made
    made.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("told_by", ["event", "full pull"])
def test_a_merge_loses_no_decision_and_opens_no_second_task(
    pipeline: tuple[Any, Pipeline], told_by: str
) -> None:
    sandbox, one = pipeline
    open_tasks = one.store.task_ledger()
    company = str(open_tasks["company_id"].iloc[0])
    (customer, *_), *_ = (
        row["stripe_customer_ids"] for row in one.marts.read("accounts").to_dict("records")
        if row["account_id"] == company
    )  # fmt: skip
    now = one.as_of() - timedelta(hours=1)
    one.store.set_override(
        company, "green", reason="a pilot", author="Ann", created_at=now, expires_at=now + timedelta(days=30)
    )
    one.store.set_link(str(customer), company, "Ann", now)
    episodes = one.store.flag_episodes([company])
    assert len(episodes)
    tasks = sum(map(len, crm_state(sandbox)["tasks"].values()))
    crm = sandbox.crm.tables["companies"]
    other = next(row for row in crm.live() if "saaskpi_mrr" not in row.properties)
    survivor = merge(sandbox, other.id, int(company))
    olds = {Ref("companies", str(other.id)), Ref("companies", company)}
    new = Ref("companies", survivor)
    touched = Touched(hubspot=frozenset({*olds, new}), gone=frozenset(olds - {new}))

    def follow() -> None:
        if told_by == "event":
            one.refresh(touched)
        else:
            one.pull(full=True)
            one.enrich()
            one.apply()

    for _ in range(2):
        follow()
        assert set(one.store.overrides()["account_id"]) == {survivor}
        assert set(one.store.links()["company_id"]) == {survivor}
        moved = one.store.flag_episodes([survivor])
        keys = ["flag", "episode", "opened_at"]
        assert set(episodes[keys].itertuples(index=False, name=None)) <= set(
            moved[keys].itertuples(index=False, name=None)
        )
        assert one.store.flag_episodes([company]).empty
        assert one.store.band_alerts([company]).empty
        assert company not in set(one.store.task_ledger()["company_id"])
        assert sum(map(len, crm_state(sandbox)["tasks"].values())) == tasks
        account = {row["account_id"]: row for row in one.marts.read("accounts").to_dict("records")}
        assert company not in account
        assert account[survivor]["health_band"] == "green"

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from saaskpi.cli import cli
from saaskpi.cli.jobs import _counted
from saaskpi.errors import StoreError
from warehouse.jobs import WORK, JobLedger, Leases
from warehouse.store import Store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def _zone_as_before(monkeypatch: pytest.MonkeyPatch) -> Any:
    yield
    monkeypatch.undo()
    time.tzset()


def saaskpi(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *arguments], standalone_mode=False)


def test_every_job_is_listed_with_its_schedule_before_any_ran(home: Path) -> None:
    told = saaskpi(home, "jobs", "--json")
    assert told.exit_code == 0
    rows = json.loads(told.stdout)
    assert [row["job"] for row in rows] == [
        "pull", "full_refresh", "enrich_and_apply", "reconcile", "compact", "backup",
    ]  # fmt: skip
    assert {row["last"] for row in rows} == {None}
    assert rows[0]["schedule"] == "*/15 * * * *"
    following = datetime.fromisoformat(rows[0]["next"])
    assert timedelta(0) < following - datetime.now(UTC) <= timedelta(minutes=15)
    assert following.minute % 15 == 0


def test_a_job_without_schedule_never_comes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAASKPI_SCHEDULE__PULL", "")
    row = json.loads(saaskpi(home, "jobs", "--json").stdout)[0]
    assert (row["schedule"], row["next"]) == (None, None)


def test_a_job_is_run_now_and_then_listed(home: Path) -> None:
    told = saaskpi(home, "jobs", "run", "backup")
    assert told.return_value == 0
    assert told.stdout.startswith("backup: done. file saaskpi-")
    lines = saaskpi(home, "jobs").stdout.splitlines()
    line = next(line for line in lines if line.startswith("backup"))
    assert " done " in line
    day = datetime.now(UTC).date()
    assert line.count(f"{day.year}-") == 3
    hour = json.loads(saaskpi(home, "jobs", "--json").stdout)[-1]["next"][11:16]
    assert hour == "04:10"
    assert any(local in line for local in ("23:10", "00:10"))  # New York


def test_what_a_job_did_is_told_in_words() -> None:
    told = list(_counted({"mrr": {"eur": 2582946, "jpy": 673600}, "erasures_finished": True, "rows": 3}))
    assert told == ["mrr 25,829.46 EUR", "mrr 673,600 JPY", "erasures finished: yes", "rows 3"]


def test_a_failure_is_told_with_its_exit_code(home: Path) -> None:
    told = saaskpi(home, "jobs", "run", "enrich_and_apply")
    assert told.return_value == 1
    assert "Nothing has been pulled yet" in told.stdout
    assert "enrich_and_apply: Nothing has been pulled yet. Run: saaskpi pull" in saaskpi(home, "jobs").stdout
    record = json.loads(saaskpi(home, "jobs", "run", "enrich_and_apply", "--json").stdout)
    assert (record["job"], record["status"]) == ("enrich_and_apply", "failed")


def test_a_job_is_refused_while_another_is_at_work_and_by_whom(home: Path) -> None:
    with Store.open(home / "saaskpi.db") as store:
        now = datetime.now(UTC)
        fence = Leases(store.engine).acquire(WORK, "otherhost:1:ab", now, 60)
        assert fence is not None
        JobLedger(store.engine).claim("pull", now, "otherhost:1:ab", now, fence)
    told = saaskpi(home, "jobs", "run", "backup")
    assert isinstance(told.exception, StoreError)
    assert f"otherhost:1:ab is at work: pull since {now:%Y-%m-%d %H:%M:%S} UTC." in str(told.exception)
    row = next(r for r in json.loads(saaskpi(home, "jobs", "--json").stdout) if r["job"] == "pull")
    assert row["last"]["status"] == "running"
    assert row["last"]["seconds"] >= 0


def test_an_unknown_job_is_a_wrong_use(home: Path) -> None:
    told = saaskpi(home, "jobs", "run", "everything")
    assert told.exception is not None
    assert "full_refresh" in str(told.exception)

"""What docs/operations.md says of restoring a backup, done."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.settings import Settings, StoreSettings
from tests.support import postgres
from tests.support.kept import Kept
from tests.support.spine import write_calls
from warehouse.backup import backups
from warehouse.history import History
from warehouse.store import Store
from webhook_server.job_runner import JobRunner
from webhook_server.jobs import JOBS
from webhook_server.services import Services

NOW = datetime(2026, 10, 31, tzinfo=UTC)


def pipeline_of(settings: Settings) -> Pipeline:
    return Pipeline(settings, lambda: datetime.now(UTC), Silent())


@pytest.mark.slow
def test_a_restored_sqlite_store_goes_on_and_writes_nothing_twice(kept: Kept, tmp_path: Path) -> None:
    sandbox, settings = kept.begin(tmp_path / "home", "enrich")
    # The pull after the restore finds by search what was written a moment before.
    sandbox.crm.search_lag_ms = 0
    home = settings.home
    services = Services(settings, lambda: datetime.now(UTC))
    first = pipeline_of(settings)
    # The copy is of before anything was written to the CRM: the worst case.
    assert JobRunner(services, JOBS, {}).run_now("backup").status == "done"
    first.apply()
    first.enrich()  # sweeps the tables of the run that the copy names
    first.close()
    services.close()
    written = len(write_calls(sandbox))
    assert written

    (home / "saaskpi.db").write_bytes(b"lost" * 5000)
    for name in ("saaskpi.db", "saaskpi.db-wal", "saaskpi.db-shm"):
        (home / name).unlink(missing_ok=True)
    (copy,) = backups(home / "backups")
    shutil.copy(copy, home / "saaskpi.db")

    with Store.open(home / "saaskpi.db") as store:
        store.check()
    again = pipeline_of(settings)
    result = again.run()
    again.close()
    assert result.plan.updates == []
    created = [call["path"] for call in write_calls(sandbox)[written:] if "associations" not in call["path"]]
    assert created == []


def test_a_dump_of_a_postgresql_store_is_restored_whole(postgres_url: str, tmp_path: Path) -> None:
    tools = Path(postgres.server().bin_path)
    to_dump = [str(tools / "pg_dump"), "--format=custom", f"--file={tmp_path / 'saaskpi.dump'}", postgres_url]
    environment = {**os.environ, "LC_ALL": "C"}
    with Store.open(postgres_url) as store:
        store.set_meta("kept", "yes")
        store.set_link("cus_1", "1", "ann", NOW)
        first = History(store.engine).begin("pull", "command", "run", NOW)
        subprocess.run(to_dump, check=True, env=environment)
    with postgres.database(empty=True) as restored:
        subprocess.run(
            [tools / "pg_restore", "--no-owner", f"--dbname={restored}", tmp_path / "saaskpi.dump"],
            check=True,
            env=environment,
        )
        with Store.open(restored) as store:
            assert store.meta("kept") == "yes"
            assert store.links()["company_id"].tolist() == ["1"]
            # Numbers go on where they were.
            assert History(store.engine).begin("pull", "command", "run", NOW) == first + 1
        settings = Settings(home=tmp_path, store=StoreSettings(url=SecretStr(restored)))
        assert settings.has_store()

"""A whole run with its store in PostgreSQL, by the command line, and everything that reads it afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from saaskpi.cli import cli
from tap_saaskpi.kpi_home import KpiHome
from tap_saaskpi.tap import TapSaaskpi
from tests.support import postgres
from tests.support.spine import MakeSandbox, ask, write_calls
from warehouse.store import Store

PASSWORD = "hunter2-of-the-store"


@pytest.fixture
def url(postgres_url: str) -> str:
    """The store's URL as somebody has it in production: with a user's own password."""
    name = postgres_url.rsplit("/", 1)[-1].split("?")[0]
    postgres.run_sql("DROP ROLE IF EXISTS keeper")
    postgres.run_sql(f"CREATE ROLE keeper LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    return postgres_url.replace(f"postgres:@/{name}", f"keeper:{PASSWORD}@/{name}")


def saaskpi(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), standalone_mode=False)


@pytest.mark.slow
def test_a_whole_run_and_what_reads_it(
    make_sandbox: MakeSandbox, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = make_sandbox(customers=12, months=4)
    told = sandbox.describe()
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "STRIPE_API_KEY": told["stripe"]["api_key"],
        "HUBSPOT_ACCESS_TOKEN": told["hubspot"]["access_token"],
        "SAASKPI_STRIPE__API_BASE": told["stripe"]["api_base"],
        "SAASKPI_HUBSPOT__API_BASE": told["hubspot"]["api_base"],
        "SAASKPI_STORE__URL": url,
    }.items():
        monkeypatch.setenv(name, value)
    output = ""

    def done(*arguments: str) -> str:
        nonlocal output
        result = saaskpi(*arguments)
        assert result.exception is None, result.output
        output += result.output
        return result.stdout

    done("run", "--as-of", told["today"])
    assert write_calls(sandbox)
    written = len(write_calls(sandbox))
    done("apply")
    assert len(write_calls(sandbox)) == written
    accounts: list[dict[str, Any]] = json.loads(done("accounts", "--json"))
    want = sum(customer["mrr_today"] for customer in ask(sandbox, "truth")["customers"].values())
    assert sum(sum(row["mrr_by_currency"].values()) for row in accounts) == want
    checked = done("check")
    assert "postgresql+psycopg://keeper:***@" in checked
    assert "is whole and of this version" in checked
    done("jobs", "run", "compact")
    tap = TapSaaskpi(config={"kpi_home": ".saaskpi", "kpi_store_url": url})
    assert "kpi_accounts" in tap.streams
    home = KpiHome.open(Path(".saaskpi"), url)
    (batch,) = home.rows("accounts", ["account_id"], ["account_id"])
    assert {row["account_id"] for row in batch} == {row["account_id"] for row in accounts}

    assert PASSWORD not in output
    assert not (tmp_path / ".saaskpi" / "saaskpi.db").exists()
    with Store.open(url) as store:
        assert store.current_run() == home.run_id
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes(), file


def test_a_server_that_is_away_is_one_line_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAASKPI_STORE__URL", f"postgresql://keeper:{PASSWORD}@127.0.0.1:1/none")
    result = saaskpi("jobs")
    assert "cannot be used" in str(result.exception)
    assert PASSWORD not in str(result.exception) + result.output
    monkeypatch.setenv("SAASKPI_STORE__URL", "mysql://keeper@host/name")
    assert "cannot be a mysql database" in str(saaskpi("jobs").exception)

"""From a file of usage events to health scores and flags: ``python -m benchmarks.health``.

Each stage runs as a process of its own, so that its peak is its own: ``intake`` reads the CSV file,
``prepare`` sums it up per account and day, ``describe`` reads the facts at one instant (its peak holds what
``prepare`` left, as in a run), ``score`` and ``flags`` judge the accounts. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from enrichment.computing import set_clock
from enrichment.facts.catalogue import PART_COLUMNS
from enrichment.facts.sources import FactSources
from enrichment.facts.usage import describe_usage, prepare_usage
from enrichment.health.config import HealthConfig
from enrichment.health.flags import raise_flags
from enrichment.health.scoring import score
from enrichment.policy import Policy
from saaskpi.settings import UsageSourceSettings
from saaskpi.usage.reading import UsageRead, read_usage
from warehouse.engine import Engine

_AS_OF: Final = datetime(2026, 10, 31, tzinfo=UTC)
_DAYS: Final = 120
_USERS: Final = 5
_SOURCES: Final = FactSources(core_events=("report.created", "export"), limits={"Pro": 400.0})
_ACCOUNTS: Final = """
    SELECT printf('cus_%014d', i) AS account_id, printf('cus_%014d', i) AS customer_id,
        CAST(NULL AS VARCHAR) AS company_id, CASE WHEN i % 3 = 0 THEN 'Pro' ELSE 'Team' END AS plan
    FROM range({accounts}) numbers(i)
"""
_EVENTS: Final = """
    SELECT printf('cus_%014d', account) AS account, printf('user_%d_%d', account, person) AS "user",
        CASE kind WHEN 0 THEN 'login' WHEN 1 THEN 'report.created' WHEN 2 THEN 'export' ELSE 'view' END
            AS event,
        strftime(TIMESTAMP '2026-07-03' + second * INTERVAL '1 second', '%Y-%m-%dT%H:%M:%SZ') AS "at",
        1 AS quantity
    FROM (
        SELECT
            -- Few accounts use it much, many a little.
            CAST(FLOOR(POWER(random(), 1.5) * {accounts}) AS BIGINT) AS account,
            CAST(FLOOR(POWER(random(), 2) * {users}) AS BIGINT) AS person,
            CAST(FLOOR(random() * 6) AS BIGINT) AS kind,
            CAST(FLOOR(random() * {days} * 86400) AS BIGINT) AS second
        FROM range({events})
    ) drawn
"""


def generate(options: argparse.Namespace, folder: Path) -> float:
    """Write the events as a CSV file."""
    started = time.monotonic()
    sql = _EVENTS.format(accounts=options.accounts, users=_USERS, days=_DAYS, events=options.events)
    with duckdb.connect(config={"memory_limit": options.memory_limit, "threads": options.threads}) as made:
        made.execute("SET preserve_insertion_order = false")
        made.execute("SELECT setseed(0.7)")
        made.execute(f"COPY ({sql}) TO '{_csv(folder)}' (HEADER)")
    return time.monotonic() - started


def intake(options: argparse.Namespace, folder: Path) -> float:
    """Read the CSV file into Parquet."""
    started = time.monotonic()
    _read(options, folder)
    return time.monotonic() - started


def prepare(options: argparse.Namespace, folder: Path) -> float:
    """Find the accounts and sum up per day."""
    with _engine(options, folder) as engine:
        return _prepared(engine, options, folder)


def describe(options: argparse.Namespace, folder: Path) -> float:
    """Read the facts at an instant, in the engine that holds what was prepared."""
    with _engine(options, folder) as engine:
        _prepared(engine, options, folder)
        started = time.monotonic()
        describe_usage(engine)
        seconds = time.monotonic() - started
        engine.write("SELECT * FROM account_usage", folder / "account_usage.parquet")
        return seconds


def judge_score(options: argparse.Namespace, folder: Path) -> float:
    """Score every account."""
    config, facts = HealthConfig(sources=_SOURCES), _facts(options, folder)
    started = time.monotonic()
    health = score(facts, config)
    seconds = time.monotonic() - started
    health.accounts.to_parquet(folder / "health.parquet")
    return seconds


def judge_flags(options: argparse.Namespace, folder: Path) -> float:
    """Raise every flag."""
    config, facts = HealthConfig(sources=_SOURCES), _facts(options, folder)
    accounts = score(facts, config).accounts
    started = time.monotonic()
    raise_flags(facts, accounts, config)
    return time.monotonic() - started


_STAGES: Final[dict[str, Callable[[argparse.Namespace, Path], float]]] = {
    "generate": generate,
    "intake": intake,
    "prepare": prepare,
    "describe": describe,
    "score": judge_score,
    "flags": judge_flags,
}


def _csv(folder: Path) -> Path:
    return folder / "usage.csv"


def _read(options: argparse.Namespace, folder: Path) -> UsageRead:
    """Read the file, or find that it was read."""
    sources = [UsageSourceSettings(file=_csv(folder))]
    limits = {"memory_limit": options.memory_limit, "threads": options.threads}
    return read_usage(sources, folder / "usage", _AS_OF, **limits)


def _engine(options: argparse.Namespace, folder: Path) -> Engine:
    return Engine(options.memory_limit, options.threads, folder / "spill")


def _prepared(engine: Engine, options: argparse.Namespace, folder: Path) -> float:
    """Leave the tables of a portfolio, then prepare its usage; return the seconds of the latter."""
    accounts = _ACCOUNTS.format(accounts=options.accounts)
    engine.run("account_customers", f"SELECT account_id, customer_id, company_id FROM ({accounts}) made")
    engine.run("account_basics", f"SELECT account_id, plan FROM ({accounts}) made")
    engine.run("account_seats", f"SELECT account_id, {_USERS} AS paid_seats FROM ({accounts}) made")
    engine.run("stg_customers", "SELECT customer_id, '{}' AS metadata FROM account_customers")
    engine.run("stg_companies", "SELECT '' AS company_id, '' AS domain, '' AS properties WHERE 1 = 0")
    engine.run("latest_stripe_meters", "SELECT '' AS id, '' AS event_name WHERE 1 = 0")
    engine.run(
        "latest_stripe_meter_event_summaries",
        "SELECT '' AS id, '' AS meter, '' AS customer, 0 AS start_time, 0 AS end_time, "
        "CAST(0 AS DOUBLE) AS aggregated_value WHERE 1 = 0",
    )
    set_clock(engine, _AS_OF, Policy(), HealthConfig())
    engine.register_files("usage_events", _read(options, folder).files)
    started = time.monotonic()
    prepare_usage(engine, _SOURCES)
    return time.monotonic() - started


def _facts(options: argparse.Namespace, folder: Path) -> pd.DataFrame:
    """Return facts of every kind for every account: usage as it was described, the others made up."""
    drawn = np.random.default_rng(7)
    number = options.accounts
    facts = pd.DataFrame({"account_id": [f"cus_{place:014d}" for place in range(number)]})
    facts = facts.merge(pd.read_parquet(folder / "account_usage.parquet"), on="account_id", how="left")
    mrr = drawn.integers(1_000, 100_000, number)
    owes = drawn.random(number) < 0.05
    grown = (mrr * drawn.uniform(0.7, 1.4, number)).astype(int)
    late = drawn.binomial(2, 0.1, number)
    owing = pd.Series(owes)
    made_up: dict[str, Any] = {
        "name": "Globex", "currency": "eur", "status": np.where(owes, "past_due", "active"),
        "plan": np.where(np.arange(number) % 3 == 0, "Pro", "Team"), "mrr": mrr,
        "scheduled_churn_mrr": 0, "mrr_90": mrr, "mrr_180": grown,
        "mrr_365": mrr, "term_days": drawn.choice([30, 360], number), "counted_items": 1, "ending_items": 0,
        "renewal_date": date(2027, 1, 31), "days_to_renewal": 92, "first_end": None, "last_end": None,
        "customer_since": date(2024, 1, 15), "days_as_customer": drawn.integers(1, 2_000, number),
        "invoices_ever": 30, "invoices": 6, "bad_invoices": late,
        "open_invoice_id": owing.map({True: "in_1"}), "open_currency": owing.map({True: "eur"}),
        "open_invoices": owing.map({True: 1}).astype("Int64"),
        "open_total": owing.map({True: 5_000}).astype("Int64"),
        "most_attempts": owing.map({True: 2}).astype("Int64"),
        "days_past_due": owing.map({True: 9}).astype("Int64"),
        "paid_seats": _USERS, "days_since_touch": drawn.integers(0, 200, number), "last_touch_kind": "call",
        "last_touch_id": "1", "has_engagements": True, "engaged_contacts": drawn.integers(0, 5, number),
        "nps": drawn.integers(0, 11, number).astype(float), "nps_answers": 1, "has_tickets": True,
        "tickets": drawn.poisson(1, number), "tickets_norm": 1.0, "pressing_tickets": late,
    }  # fmt: skip
    parts = {name for columns in PART_COLUMNS.values() for name in columns}
    return facts.assign(**made_up, **dict.fromkeys(parts - {*facts.columns, *made_up}))


def main() -> None:
    """Run every stage and print its time and peak memory."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--memory-limit", default="800MB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--directory", type=Path, help="where the files go: 5 GB for 50 million events")
    parser.add_argument("--stage", choices=_STAGES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        seconds = _STAGES[options.stage](options, options.directory)
        print(json.dumps({"seconds": seconds}))
        return
    print(
        f"{options.accounts:,} accounts, {options.events:,} events; {os.cpu_count()} cores; SQL engine: ",
        end="",
    )
    print(f"{options.threads} threads, {options.memory_limit}\n", flush=True)
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        for stage in _STAGES:
            print(_measured(stage, Path(folder), options), flush=True)


def _measured(stage: str, folder: Path, options: argparse.Namespace) -> str:
    """Run one stage in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.health", "--stage", stage, "--directory", str(folder)]
    for name in ("accounts", "events", "memory_limit", "threads"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return f"{stage:<9} failed"
    seconds = json.loads(said)["seconds"]
    busy = usage.ru_utime + usage.ru_stime
    peak = usage.ru_maxrss / 1024
    return f"{stage:<9} {seconds:8.1f} s {peak:8,.0f} MB peak {busy:8.1f} s of CPU in the whole process"


if __name__ == "__main__":
    main()

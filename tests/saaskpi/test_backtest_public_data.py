"""The score on churn data that others made, through mappings by the meaning of its columns."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from enrichment.backtest.report import Report, build_report
from enrichment.backtest.snapshots import Judge
from enrichment.health.config import HealthConfig
from saaskpi.backtest.tables.building import read_snapshots
from saaskpi.backtest.tables.mapping import read_mapping

ROOT = Path(__file__).parents[2]
SHARED = os.environ.get("SAASKPI_TEST_DATA")
"""Read when the module is loaded: the tests here empty the environment."""
DATA = Path(SHARED) if SHARED else ROOT.parent / "shared" / "data"
MAPPINGS = ROOT / "tests" / "backtest_data"
FILES = {
    "iranian_telecom": ("iranian_telecom/Customer_Churn.csv", None),
    "telco_ibm": ("telco_ibm/Telco-Customer-Churn.csv", None),
    "fightchurn_crm6": ("fightchurn_crm6/subscription.parquet", "fightchurn_crm6/daily.parquet"),
}
DOCUMENT = (ROOT / "docs" / "backtest.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the churn data is not here")


def report_of(name: str) -> Report:
    accounts, events = FILES[name]
    snapshots, notes = read_snapshots(
        DATA / accounts,
        DATA / events if events else None,
        read_mapping(MAPPINGS / f"{name}.toml"),
        Judge(HealthConfig()),
        90,
        datetime(2026, 11, 1, tzinfo=UTC),
    )
    assert notes == []
    return build_report(snapshots, np.random.default_rng(1))


def documented(name: str) -> list[str]:
    """Return the cells of a data set's line in the document."""
    line = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{name}` |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("name, least", [("iranian_telecom", 0.88), ("telco_ibm", 0.75)])
def test_the_score_foretells_churn(name: str, least: float) -> None:
    report = report_of(name)
    assert report.auc.value is not None
    assert report.auc.value >= least
    _told(name, report)


@pytest.mark.slow
def test_where_churn_is_chance_the_verdict_says_so() -> None:
    report = report_of("fightchurn_crm6")
    assert report.verdict.key in ("no_better_than_chance", "weak")
    _told("fightchurn_crm6", report)


def _told(name: str, report: Report) -> None:
    """Hold the document against the report; the bootstrap's ends are allowed to move by .01."""
    _, snapshots, events, auc, interval, verdict = documented(name)
    assert report.auc.value is not None
    assert report.auc.interval is not None
    assert (snapshots, events) == (f"{report.snapshots:,}", f"{report.events:,}")
    assert auc == f"{report.auc.value:.3f}".removeprefix("0")
    ends = [float(end) for end in re.findall(r"\.\d+", interval)]
    assert ends == pytest.approx(list(report.auc.interval), abs=0.01)
    assert verdict == report.verdict.title.text("en")

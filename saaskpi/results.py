"""What the stages of a run report, and plain Python rows of their tables."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from crm_sync.model import Plan
from crm_sync.recording import ApplyResult
from crm_sync.undo import UndoPlan, UndoResult
from warehouse.engine import Engine


@dataclass(frozen=True)
class PullResult:
    """What a pull brought.

    Attributes:
        rows: rows read per stream.
        rejected: rows kept aside per stream.
        full: whether everything was read, and not only what has changed.
        why_full: why everything was, where nobody asked for it; "" otherwise.
    """

    rows: dict[str, int]
    rejected: dict[str, int]
    full: bool = True
    why_full: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class EnrichResult:
    """What an enrichment computed.

    Attributes:
        run_id: the run that is current now.
        as_of: the instant (UTC) that its numbers describe.
        accounts: how many there are.
        bands: accounts per health band.
        flags: open flags per kind.
        band_changes: accounts whose band is to be announced as changed, each with its scores.
        rejected: rows kept aside per stream.
        reasons: why the first of them was, per stream.
        differences: how often two pieces of evidence disagreed on an item's MRR, per reason.
        tables: the folder of the run's tables.
        notes: what a reader should know of the whole, one sentence each.
    """

    run_id: str
    as_of: datetime
    accounts: int
    bands: dict[str, int]
    flags: dict[str, int]
    band_changes: list[dict[str, Any]]
    rejected: dict[str, int]
    reasons: dict[str, str]
    differences: dict[str, int]
    tables: str
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Written:
    """What an apply did, and the plan it did it from."""

    plan: Plan
    result: ApplyResult = field(default_factory=ApplyResult)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"apply_id": self.plan.apply_id, "plan_hash": self.plan.hash, **asdict(self.result)}


@dataclass(frozen=True)
class Undone:
    """What an undo did, and the plan it did it from."""

    plan: UndoPlan
    result: UndoResult = field(default_factory=UndoResult)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "apply_id": self.plan.apply_id,
            "undo_id": self.plan.undo_id,
            **asdict(self.result),
            "left": [asdict(one) for one in self.plan.left],
        }


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame as dicts of plain Python values; missing ones are None."""
    rows = frame.astype(object).where(frame.notna(), None)
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value


def account_rows(frame: pd.DataFrame, language: str) -> list[dict[str, Any]]:
    """Return the ``accounts`` mart as dicts, sentences in one language, money in minor units."""
    rows = records(frame)
    for row in rows:
        row["mrr_by_currency"] = json.loads(row["mrr_by_currency"])
        french = {name: row.pop(f"{name}_fr") for name in ("health_reasons", "top_reason")}
        row.update(french if language == "fr" else {})
    return rows


def enriched(engine: Engine, tables: Path, as_of: datetime, language: str, notes: list[str]) -> EnrichResult:
    """Return what an enrichment left in an engine.

    Args:
        engine: holds the tables of the run.
        tables: the folder that they were exported to, named as the run.
        as_of: the instant that they describe.
        language: of the notes, en or fr.
        notes: what a reader should know of the declarations.
    """
    accounts, sources = engine.frame("accounts"), engine.frame("health_sources")
    rejected = engine.frame("rejected_rows").sort_values(["stream", "id", "reason"])
    findings = engine.frame("usage_findings")
    firsts = rejected.drop_duplicates("stream")
    return EnrichResult(
        run_id=tables.name,
        as_of=as_of,
        accounts=len(accounts),
        bands=dict(Counter(accounts["health_band"]).most_common()),
        flags=dict(Counter(engine.frame("account_flags")["kind"])),
        band_changes=engine.rows("SELECT * FROM band_changes ORDER BY score, account_id"),
        rejected=dict(Counter(rejected["stream"])),
        reasons=dict(zip(firsts["stream"], firsts["id"] + ": " + firsts["reason"], strict=True)),
        differences=dict(Counter(engine.frame("mrr_differences")["reason"]).most_common()),
        tables=str(tables),
        notes=[
            *sources.loc[sources["state"] == "dropped", f"note_{language}"],
            *(f"{row['words']} {row['hint']}" for row in records(findings) if row["state"] == "todo"),
            *notes,
        ],
    )

"""What the columns of lists hold, declared once: tables, CSV, JSON and the API's document follow.

Money is integer minor units of the row's ``currency`` in JSON, units beside a currency column in CSV.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, TextIO

from enrichment.kpis.catalogue import KPI_PARTS, KPIS
from enrichment.kpis.kpi import Kpi, Unit
from enrichment.money import to_major
from saaskpi.lists import Metric

Kind = Literal[
    "text", "month", "money", "number", "date", "list", "percent", "share", "ratio", "figure", "json"
]
Row = Mapping[str, Any]
# A spreadsheet runs a cell that begins with one of these as a formula.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Column:
    """One column of a list.

    Attributes:
        name: the key in JSON and the header in CSV.
        title: the header in tables; empty leaves the column out of tables.
        kind: how the value is printed; a ``percent`` is a change (+5.0%), a ``share`` a part (5.0%);
            a ``figure`` is a number that is text already.
        width: the widest it may get in a table; None for as wide as needed.
    """

    name: str
    title: str = ""
    kind: Kind = "text"
    width: int | None = None


ACCOUNTS: Final = (
    Column("account_id"),
    Column("name", "Account", width=28),
    Column("stripe_customer_ids", kind="list"),
    Column("company_id"),
    Column("match_rule"),
    Column("status", "Status"),
    Column("currency"),
    Column("mrr", "MRR", "money"),
    Column("arr", "ARR", "money"),
    Column("contract_mrr", kind="money"),
    Column("committed_mrr", kind="money"),
    Column("scheduled_churn_mrr", kind="money"),
    Column("potential_trial_mrr", kind="money"),
    Column("cltv", kind="money"),
    Column("mrr_by_currency", kind="json"),
    Column("mrr_change_12m", "12 months", "percent"),
    Column("plan"),
    Column("customer_since", kind="date"),
    Column("health_score", "Health", "number"),
    Column("health_band", "Band"),
    Column("health_coverage", kind="number"),
    Column("health_reasons"),
    Column("top_reason", "Top reason", width=44),
    Column("risk_flags", "Risks", "list", width=24),
    Column("opportunity_flags", "Opportunities", "list", width=14),
    Column("renewal_date", "Renewal", "date"),
    Column("owner_id"),
    Column("owner_name", "Owner", width=18),
)
MOVEMENTS: Final = (
    Column("month", "Month", "month"),
    Column("account_id"),
    Column("customer_id"),
    Column("name", "Account", width=40),
    Column("kind", "Movement"),
    Column("amount", "Amount", "money"),
    Column("currency"),
    Column("subscription_id"),
    Column("subscription_item_id"),
)
KIND_OF: Final[dict[Unit, Kind]] = {
    "money": "money",
    "count": "number",
    "percent": "share",
    "ratio": "ratio",
    "months": "ratio",
}
_MONEY_PARTS: Final = ("opening_mrr_12m", "retained_mrr_12m", "spend", "charge_total")


def kpi_columns(shown: Iterable[Kpi], *, parts: bool) -> list[Column]:
    """Return the columns of JSON and CSV: keys first, then the figures, then what names the row exactly."""
    figures = [Column(kpi.id, kind=KIND_OF[kpi.unit]) for kpi in shown]
    hidden = [Column(name, kind="money" if name in _MONEY_PARTS else "number") for name in KPI_PARTS]
    names = ["valuation", "segment", "segment_value", *(["policy_hash"] if parts else [])]
    return [
        Column("month"),
        Column("currency"),
        *figures,
        *(hidden if parts else []),
        *(Column(name) for name in names),
    ]


def opened_columns(metric: Metric) -> list[Column]:
    """Return the columns of the accounts that make up a figure."""
    columns = [
        Column("month"),
        Column("account_id"),
        Column("name", "Account", width=40),
        Column("currency"),
        Column("mrr_start", "MRR at start", "money"),
        Column("mrr", "MRR", "money"),
    ]
    known = {column.name for column in columns}
    if metric.column not in known:
        columns.insert(-1, Column(metric.column, KPIS[metric.column].label_en, "money"))
    if metric.name not in {*known, metric.column}:
        columns.append(Column(metric.name, kind="number" if metric.counted else "money"))
    return columns


def json_rows(rows: Iterable[Row], columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return rows as JSON has them: the columns and nothing else, null for what is missing."""
    return [{column.name: row.get(column.name) for column in columns} for row in rows]


def json_text(data: Any, indent: int | None = None) -> str:
    """Return any data as JSON; dates and moments as ISO 8601, moments in UTC."""
    return json.dumps(data, indent=indent, ensure_ascii=False, default=_plain)


def write_csv(rows: Iterable[Row], columns: Sequence[Column], out: TextIO) -> None:
    """Write rows as CSV with a header; no cell is a formula to a spreadsheet."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        writer.writerow([_csv_cell(row, column) for column in columns])


def _csv_cell(row: Mapping[str, Any], column: Column) -> Any:
    value = row.get(column.name)
    if value is None:
        return ""
    if column.kind == "money":
        return str(to_major(value, row["currency"])) if row["currency"] else ""
    if column.kind == "list":
        value = ";".join(value)
    if column.kind == "json":
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def _plain(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)  # as the tables of a run have them
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")

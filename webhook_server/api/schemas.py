"""JSON schemas of answers, made from the same declarations that the answers are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from enrichment import tables
from enrichment.kpis.catalogue import KPIS, MONTHLY
from saaskpi import columns
from saaskpi.columns import Column, Kind
from saaskpi.explaining import HISTORY_COLUMNS
from saaskpi.lists import METRICS

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": ["string", "null"]}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_NUMBER: Final[Schema] = {"type": ["number", "null"]}
_MINOR: Final = "Minor units of the currency beside it."
_OF_KIND: Final[Mapping[Kind, Schema]] = {
    "text": _TEXT,
    "figure": _TEXT,
    "month": {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
    "money": {"type": ["integer", "null"], "description": _MINOR},
    "number": {"type": ["integer", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "list": {"type": "array", "items": {"type": "string"}},
    "percent": _NUMBER | {"description": "A change: 0.05 is 5 % more."},
    "share": _NUMBER | {"description": "A part: 0.05 is 5 %."},
    "ratio": _NUMBER,
    "json": {"type": ["object", "null"]},
}
_OF_SQL: Final[Mapping[str, Schema]] = {
    "VARCHAR": _TEXT,
    "BIGINT": {"type": ["integer", "null"]},
    "DOUBLE PRECISION": _NUMBER,
    "BOOLEAN": {"type": ["boolean", "null"]},
    "TIMESTAMP": {"type": ["string", "null"], "format": "date-time"},
    "DATE": {"type": ["string", "null"], "format": "date"},
    "VARCHAR[]": {"type": "array", "items": {"type": "string"}},
}
_JSON: Final[Mapping[str, Schema]] = {
    "mrr_by_currency": {"type": "object", "additionalProperties": {"type": "integer"}},
    "explanation": {"type": "object"},
}
"""Text columns that answers give as what they hold."""


def of_object(properties: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    """Return the schema of an object that has these properties and no others."""
    required = [name for name in properties if name not in set(optional)]
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    }


def of_array(items: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


def of_columns(shown: Iterable[Column], optional: Iterable[str] = ()) -> Schema:
    """Return the schema of the rows of a list."""
    return of_object({column.name: _of_column(column) for column in shown}, optional)


def of_table(declared: Mapping[str, str]) -> Schema:
    """Return the schema of the rows of a computed table."""
    return of_object({name: _JSON.get(name, _OF_SQL[kind]) for name, kind in declared.items()})


def of_run(properties: Mapping[str, Schema]) -> Schema:
    """Return the schema of an answer that speaks of one run."""
    return of_object({"run_id": {"type": "string"}, "as_of": _MOMENT, **properties})


def of_list(row: Schema) -> Schema:
    """Return the schema of a page of a list."""
    count = {"type": "integer", "minimum": 0}
    return of_run({"total": count, "page": count, "limit": count, "rows": of_array(row)})


def _of_column(column: Column) -> Schema:
    found = _JSON.get(column.name, _OF_KIND[column.kind])
    return found | {"description": KPIS[column.name].formula} if column.name in KPIS else found


def _opened() -> Schema:
    """Return the schema of accounts that make up a figure: which one says which columns there are."""
    shown = {column.name: column for metric in METRICS.values() for column in columns.opened_columns(metric)}
    always = {column.name for column in columns.opened_columns(METRICS["mrr"])}
    return of_columns(shown.values(), optional=set(shown) - always)


_KPI_COLUMNS: Final = columns.kpi_columns(MONTHLY, parts=True)
_KPI_KEYS: Final = ("month", "currency", "valuation", "segment", "segment_value")
_HEALTH_DAY: Final = {"day": "DATE"} | {name: tables.ACCOUNT_HEALTH[name] for name in HISTORY_COLUMNS}
_MONTH_END: Final = (
    "subscription_id",
    "subscription_item_id",
    "price_id",
    "product_id",
    "currency",
)
_ACCOUNT: Final = {
    name: kind for name, kind in tables.ACCOUNTS.items() if name not in ("health_reasons_fr", "top_reason_fr")
}

ACCOUNT: Final = of_columns(columns.ACCOUNTS)
ACCOUNT_OF_FIGURE: Final = _opened()
MOVEMENT: Final = of_columns(columns.MOVEMENTS)
KPI: Final = of_columns(_KPI_COLUMNS, optional={column.name for column in _KPI_COLUMNS}.difference(_KPI_KEYS))
EXPLANATION: Final = {
    "account": of_table(_ACCOUNT),
    "match": of_array(of_table(tables.ACCOUNT_MATCH)),
    "items": of_array(of_table(tables.SUBSCRIPTION_ITEMS)),
    "signals": of_array(of_table(tables.HEALTH_SIGNALS)),
    "flags": of_array(of_table(tables.ACCOUNT_FLAGS)),
    "health_history": of_array(of_table(_HEALTH_DAY)),
    "months": of_array(of_table(tables.ACCOUNT_MONTH)),
    "movements": of_array(of_table(tables.MRR_MOVEMENTS)),
    "ledger": of_array(of_table({"month": "VARCHAR", **tables.MRR_LEDGER})),
    "differences": of_array(of_table({"month": "VARCHAR", **tables.MRR_DIFFERENCES})),
    "month_end": of_array(
        of_table({**dict.fromkeys(_MONTH_END, "VARCHAR"), "mrr": "BIGINT", "contract_mrr": "BIGINT"})
    ),
}
STAGE: Final = of_object(
    {
        "id": {"type": "integer"},
        "stage": {"type": "string"},
        "caused_by": {"type": "string"},
        "run_id": _TEXT,
        "started_at": _MOMENT,
        "finished_at": _OF_SQL["TIMESTAMP"],
        "status": {"type": "string"},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "error": _TEXT,
    }
)
ERROR: Final = of_object(
    {
        "error": {"type": "string", "description": "What is wrong."},
        "hint": {"type": "string", "description": "What to do next."},
    }
)

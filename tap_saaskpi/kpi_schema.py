"""From the declared columns of a computed table to the JSON schema of its stream."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from singer_sdk import typing as th

from enrichment.kpis.catalogue import KPIS
from enrichment.kpis.kpi import Grain, Unit

RUN_COLUMNS: Final = {"run_id": "VARCHAR", "as_of": "TIMESTAMP"}
"""What every row carries beside its own columns."""

_Type = th.JSONTypeHelper[Any] | type[th.JSONTypeHelper[Any]]
_TYPES: Final[Mapping[str, _Type]] = {
    "VARCHAR": th.StringType,
    "BIGINT": th.IntegerType,
    "DOUBLE PRECISION": th.NumberType,
    "BOOLEAN": th.BooleanType,
    "TIMESTAMP": th.DateTimeType,
    "DATE": th.DateType,
    "VARCHAR[]": th.ArrayType(th.StringType),
}
JSON_COLUMNS: Final[Mapping[str, _Type]] = {
    "mrr_by_currency": th.ObjectType(additional_properties=th.IntegerType),
    "explanation": th.ObjectType(additional_properties=True),
    "discounts": th.ArrayType(th.CustomType({"type": ["object", "string"]})),
}
"""Text columns that hold JSON, by name; the streams give what they hold."""

_UNITS: Final[Mapping[Unit, str]] = {
    "money": "minor units of currency",
    "count": "a count",
    "percent": "a share, 0.05 is 5 %",
    "ratio": "a ratio",
    "months": "months",
}
_DESCRIPTIONS: Final = {
    "run_id": "The run that computed the row; rises from run to run.",
    "as_of": "The instant that the run's numbers describe.",
    "account_id": "A HubSpot company, or a Stripe customer whose company is not known.",
    "month": "Calendar month, such as 2026-10, in the policy's time zone.",
    "cohort": "Month of the first MRR, such as 2026-10.",
    "k": "Months since the cohort's first.",
    "currency": "Code in lower case; the amounts of the row are integers in its minor units.",
    "valuation": "native: each currency by itself; reporting: all in the one reporting currency.",
    "segment": "What accounts are told apart by; empty for the company as a whole.",
    "segment_value": "The segment's value; (none) where an account has none, empty for the whole.",
    "mrr_by_currency": "MRR in minor units of each currency.",
    "explanation": "How the MRR came about, step by step.",
    "policy_hash": "Which MRR policy the numbers follow.",
}


def json_schema(columns: Mapping[str, str], keys: Collection[str], grain: Grain | None) -> dict[str, Any]:
    """Return the JSON schema of a table's rows.

    Args:
        columns: name to portable SQL type; money is BIGINT minor units.
        keys: the columns that are never null.
        grain: of the table, when its columns are key figures: they are described as the catalogue has them.
    """
    properties = (
        th.Property(
            name,
            JSON_COLUMNS.get(name) or _TYPES[sql_type],
            required=name in keys or name in RUN_COLUMNS,
            description=_description(name, grain),
        )
        for name, sql_type in (*columns.items(), *RUN_COLUMNS.items())
    )
    return th.PropertiesList(*properties).to_dict()


def _description(column: str, grain: Grain | None) -> str | None:
    """Return what is known of a column, None where its name has to do."""
    kpi = KPIS.get(column)
    if kpi is None or grain not in kpi.grain:
        return _DESCRIPTIONS.get(column)
    return f"{kpi.label_en}: {kpi.formula}; {_UNITS[kpi.unit]}."

"""Segments: one value per account, and sums that make the whole."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from enrichment.marts import build_marts
from enrichment.policy import Policy
from enrichment.segments import build_segments
from saaskpi.errors import UsageError
from tests.enrichment.marts_of import AS_OF, SUMS, Ledger
from tests.enrichment.tiny_engine import TinyEngine

SEGMENTS = {
    "industry": "hubspot.industry",
    "size": "stripe.metadata.company size",
    "plan": "plan",
    "owner": "owner",
    "money": "currency",
}
CUSTOMERS = [
    ("cus_1", "co_1", {"company size": "  "}),
    ("cus_2", "co_1", {"company size": "big"}),
    ("cus_3", "co_1", {"company size": "small"}),
    ("cus_4", None, {}),
    ("cus_5", "co_2", None),
]


def prepare(engine: TinyEngine) -> None:
    accounts = [(customer, company, company or customer) for customer, company, _ in CUSTOMERS]
    metadata = [(customer, json.dumps(data) if data is not None else None) for customer, _, data in CUSTOMERS]
    companies = [
        ("co_1", json.dumps({"industry": "Retail", "size": None})),
        ("co_2", json.dumps({"industry": ""})),
    ]
    facts = [
        ("co_1", "Pro, Support", "eur", "Ada"),
        ("cus_4", None, "usd", None),
        ("co_2", "Basic", "usd", "Ada"),
    ]
    for name, columns, rows in (
        ("account_customers", "customer_id company_id account_id", accounts),
        ("stg_customers", "customer_id metadata", metadata),
        ("stg_companies", "company_id properties", companies),
        ("account_basics", "account_id plan currency owner_name", facts),
    ):
        engine.register_frame(name, pd.DataFrame(rows, columns=columns.split()))


def ledger() -> Ledger:
    rows = Ledger()
    rows.change("co_1", "2026-01-10", 1000, customer="cus_1")
    rows.change("co_1", "2026-02-10", 700, customer="cus_3")
    rows.change("cus_4", "2026-02-10", 500)
    rows.change("co_2", "2026-01-10", 250, customer="cus_5")
    rows.change("co_2", "2026-03-10", 0, customer="cus_5")
    rows.change("gone", "2026-03-10", 90)
    return rows


def test_each_account_has_one_value_per_segment() -> None:
    rows = ledger().marts(segments=SEGMENTS, prepare=prepare)["account_segments"]
    wide = rows.pivot(index="account_id", columns="segment", values="segment_value")
    assert wide.loc["co_1"].to_dict() == {
        "industry": "Retail",
        "size": "big",
        "plan": "Pro, Support",
        "owner": "Ada",
        "money": "eur",
    }
    nothing = dict.fromkeys(SEGMENTS, "(none)")
    assert wide.loc["cus_4"].to_dict() == {**nothing, "money": "usd"}
    assert wide.loc["co_2"].to_dict() == {**nothing, "plan": "Basic", "owner": "Ada", "money": "usd"}
    assert wide.loc["gone"].to_dict() == nothing


def test_segments_sum_to_the_whole() -> None:
    base = ledger().marts(segments=SEGMENTS, prepare=prepare)["kpi_base"]
    counted = [
        *SUMS,
        "mrr_start",
        "mrr",
        "active_customers",
        "new_customers",
        "lost_customers",
        "opening_mrr_12m",
    ]
    sums = base.fillna(0).groupby(["segment", "currency", "valuation", "month"])[counted].sum()
    for segment in SEGMENTS:
        pd.testing.assert_frame_equal(sums.loc[[segment]].droplevel(0), sums.loc[[""]].droplevel(0))
    assert len(base[base["segment"] == "owner"]) == 2 * 12


@pytest.mark.parametrize(
    "source",
    ["", "colour", "stripe.metadata", "stripe.metadata.", "hubspot. ", "hubspot.$.a", "stripe.email"],
)
def test_an_unknown_source_is_named(source: str) -> None:
    with TinyEngine() as engine, pytest.raises(UsageError, match="size") as raised:
        build_segments(engine, {"size": source})
    assert "stripe.metadata.KEY" in raised.value.hint


def test_a_segment_needs_a_name() -> None:
    with TinyEngine() as engine, pytest.raises(UsageError, match="no name"):
        build_marts(engine, Policy(), AS_OF, {" ": "plan"})

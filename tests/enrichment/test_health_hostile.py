"""Whatever the facts say: every point is somewhere, no colour is made up, and there is a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.facts.catalogue import PARTS
from enrichment.health.config import HealthConfig
from enrichment.health.scoring import score
from enrichment.health.signals import SIGNALS
from enrichment.tables import HEALTH_SIGNALS
from tests.enrichment.facts import HEALTHY, facts
from tests.enrichment.health_accounts import KNOWN, known

COLOURS = ("green", "yellow", "red")
ODD = st.sampled_from(
    [None, float("nan"), float("inf"), float("-inf"), -1, -(10**12), 0, 1, 10**12, 1e308, 1e-308]
)
AMOUNTS = st.one_of(ODD, st.integers(-5, 2000), st.floats(-10, 1000))
FLAG = st.sampled_from([None, True, False])
NUMBERS = [
    "mrr",
    "mrr_90",
    "mrr_180",
    "term_days",
    "counted_items",
    "ending_items",
    "days_as_customer",
    "invoices_ever",
    "invoices",
    "bad_invoices",
    "days_past_due",
    *(
        name
        for part in PARTS.values()
        for name, fact in part.items()
        if fact.sql_type in ("BIGINT", "DOUBLE PRECISION")
    ),
]
ACCOUNT = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(NUMBERS, AMOUNTS),
        **dict.fromkeys(("has_engagements", "has_tickets", "is_weekly_user"), FLAG),
        "key_contact_state": st.sampled_from([None, "present", "left", "bounced", "asleep", ""]),
        "key_contact_name": st.one_of(st.none(), st.text(max_size=5)),
        "status": st.sampled_from(["active", "past_due", "unpaid", "paused", "churned", "trialing"]),
        "open_invoice_id": st.sampled_from([None, "in_7"]),
        "last_end": st.sampled_from([None, HEALTHY["renewal_date"]]),
        "name": st.text(min_size=1, max_size=8),
    },
)
CONFIGS = st.builds(
    HealthConfig,
    min_coverage=st.integers(0, 100),
    new_days=st.integers(0, 100),
    source_absent=st.integers(0, 100),
    median_accounts=st.integers(0, 5),
    level_peers=st.integers(1, 5),
    points=st.dictionaries(st.sampled_from([signal.id for signal in SIGNALS]), st.floats(0, 50)),
)


@given(st.lists(st.tuples(st.booleans(), ACCOUNT), max_size=8), CONFIGS)
@settings(max_examples=40, deadline=None)
def test_every_scored_account_keeps_its_hundred_points(
    changes: list[tuple[bool, dict[str, Any]]], config: HealthConfig
) -> None:
    accounts = facts(*({**(KNOWN if is_known else {}), **change} for is_known, change in changes))
    health = score(accounts.assign(plan="Team"), config)
    found = health.accounts
    assert found["account_id"].tolist() == accounts["account_id"].tolist()
    has_colour = found["health_band"].isin(COLOURS)
    assert found["health_score"].notna().equals(has_colour)
    scored = found[has_colour]
    parts = scored[["score_before_caps", "points_lost", "points_assumed"]].sum(axis=1)
    assert parts.tolist() == pytest.approx([100.0] * len(scored))
    assert scored["health_score"].between(0, 100).all()
    assert (scored["health_score"] <= scored["cap"]).all()
    assert (scored["health_coverage"] >= config.min_coverage).all()
    assert found["health_reasons"].str.len().gt(0).all()
    assert found["health_reasons_fr"].str.len().gt(0).all()
    assert list(health.signals) == list(HEALTH_SIGNALS)
    values = health.signals[["points", "max_points"]].to_numpy(dtype=np.float64)
    assert np.isfinite(values).all()
    assert (values[:, 0] <= values[:, 1] + 1e-9).all()
    assert not np.isinf(health.signals["value"]).any()


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1.0], ids=str)
def test_an_account_of_which_every_number_is_odd_has_no_colour(odd: float) -> None:
    account = known(dict.fromkeys(NUMBERS, odd))
    rest = known(*[{}] * 9)
    found = score(pd.concat([rest, account], ignore_index=True), HealthConfig()).accounts.iloc[-1]
    assert found["health_band"] == "new"
    aged = pd.concat([rest, account.assign(days_as_customer=400)], ignore_index=True)
    # A number that is NaN is one that is not recorded: no touch and no ticket are facts, where they are read.
    asked = 60 if np.isnan(odd) else 40
    assert score(aged, HealthConfig(min_coverage=asked)).accounts["health_band"].iloc[-1] == "no data"


@pytest.mark.parametrize(
    "now, before", [("mrr", "mrr_180"), ("core_events", "core_events_before"), ("active_users", "paid_seats")]
)
@pytest.mark.parametrize("least", [1e-308, 0.5, 33])
def test_growth_beyond_all_numbers_is_still_one(now: str, before: str, least: float) -> None:
    account = known({now: 1e308, before: least, "days_as_customer": 500, "usage_history_days": 500})
    config = HealthConfig(change_events=0)
    found = score(pd.concat([known(*[{}] * 9), account], ignore_index=True), config)
    assert found.accounts["health_score"].iloc[-1] > 0
    assert np.isfinite(found.signals["value"].dropna().to_numpy(dtype=np.float64)).all()


def test_an_account_without_any_fact_is_not_red() -> None:
    nothing = dict.fromkeys(HEALTHY, None) | {"name": "Globex", "status": "active", "days_as_customer": 500}
    unknown = facts(nothing).assign(account_id="x")
    rest = known(*[{}] * 9)
    found = score(pd.concat([rest, unknown], ignore_index=True), HealthConfig()).accounts.iloc[-1]
    assert (found["health_band"], found["health_reasons"]) == (
        "no data",
        "Globex: no score; only 0% of the data that it needs is known.",
    )


def test_nothing_measured_is_no_data_even_where_no_coverage_is_asked_for() -> None:
    config = HealthConfig(min_coverage=0, new_days=0, points={s.id: 0 for s in SIGNALS})
    assert score(known({}), config).accounts["health_band"].tolist() == ["no data"]


def test_no_account_at_all_is_a_table_without_rows() -> None:
    health = score(known(), HealthConfig())
    assert health.accounts.empty
    assert health.signals.empty
    assert health.sources["accounts"].tolist() == [0] * 4


def test_columns_that_are_not_there_count_as_not_known() -> None:
    bare = known({}).drop(columns=["plan", *(name for part in PARTS.values() for name in part)])
    assert score(bare, HealthConfig()).accounts["health_score"].tolist() == [100]

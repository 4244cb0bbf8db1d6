"""Somebody else's MRR against ours: every difference gets the cause that makes ours theirs, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.calendar import months
from enrichment.causes import Ours, Under, candidates
from enrichment.customer_months import customer_months
from enrichment.policy import Policy
from enrichment.reconciling import Reconciliation, reconcile

POLICY = Policy()
MONTHS = months(datetime(2026, 7, 5, tzinfo=UTC), datetime(2026, 10, 5, tzinfo=UTC), POLICY.zone)
Change = tuple[str, str, str, int]  # customer, when, currency, change
Cell = tuple[str, str, str, int]  # customer, month, currency, MRR


def ledger(*changes: Change) -> pd.DataFrame:
    frame = pd.DataFrame(changes, columns=["customer_id", "effective_at", "currency", "mrr_change"])
    frame["effective_at"] = pd.to_datetime(frame["effective_at"], format="ISO8601")
    frame["subscription_item_id"] = "si_" + frame["customer_id"]
    return frame.astype({"mrr_change": "int64"})


def cells(*rows: Cell) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "month", "currency", "mrr"])


def differences(*rows: tuple[str, str, int, int, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "currency", "ledger_mrr", "evidence_mrr", "reason"])


def held(
    theirs: pd.DataFrame, changes: Sequence[Change], under: Under | None = None, **known: Any
) -> Reconciliation:
    unchanged = customer_months(ledger(*changes), MONTHS)
    ours = Ours(
        ledger=ledger(*changes),
        differences=differences(),
        customers=(),
        months=MONTHS,
        policy=POLICY,
        under=under or (lambda _: unchanged),
        presets={},
    )
    return reconcile(theirs, replace(ours, **known))


def rules(found: Reconciliation) -> dict[tuple[str, str], str | None]:
    columns = (found.cells[name].tolist() for name in ("customer_id", "month", "rule"))
    return {(customer, month): rule for customer, month, rule in zip(*columns, strict=True)}


def test_a_change_at_a_months_end_is_the_next_months() -> None:
    found = customer_months(
        ledger(
            ("a", "2026-08-31T23:59:59", "eur", 500),
            ("a", "2026-10-01T00:00:00", "eur", -500),
            ("b", "2026-05-01T00:00:00", "eur", 700),
            ("b", "2026-08-10T00:00:00", "eur", 300),
            ("c", "2026-12-01T00:00:00", "eur", 900),
        ),
        MONTHS,
    )
    assert set(found.itertuples(index=False, name=None)) == {
        ("a", "2026-08", "eur", 500),
        ("a", "2026-09", "eur", 500),
        ("b", "2026-07", "eur", 700),
        *(("b", month, "eur", 1000) for month in ("2026-08", "2026-09", "2026-10")),
    }


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.integers(0, 5000),
            st.sampled_from(["eur", "usd"]),
            st.integers(-900, 900),
        ),
        max_size=30,
    )
)
def test_customer_months_are_the_running_sum(changes: list[tuple[str, int, str, int]]) -> None:
    at = [pd.Timestamp("2026-05-01") + pd.Timedelta(hours=change[1]) for change in changes]
    rows = [(c[0], when.isoformat(), c[2], c[3]) for c, when in zip(changes, at, strict=True)]
    found = customer_months(ledger(*rows), MONTHS)
    told = {tuple(row[:3]): row[3] for row in found.itertuples(index=False, name=None)}
    for month, end in zip(MONTHS["month"], MONTHS["ends_at"], strict=True):
        for customer in "abc":
            for currency in ("eur", "usd"):
                past = [c for c, when in zip(changes, at, strict=True) if when < end]
                amount = sum(c[3] for c in past if c[0] == customer and c[2] == currency)
                assert told.get((customer, month, currency), 0) == amount
    assert 0 not in told.values()


def test_what_is_equal_matches_and_computes_nothing_again() -> None:
    def never(_: Policy) -> pd.DataFrame:
        raise AssertionError

    found = held(cells(("a", "2026-08", "eur", 500)), [("a", "2026-07-15", "eur", 500)], never)
    assert found.cells["status"].tolist() == ["matched"]
    assert found.unexplained() == {"eur": 0}
    assert found.differences.empty


def test_only_the_months_of_the_file_are_compared() -> None:
    found = held(cells(("a", "2026-09", "eur", 500)), [("a", "2026-07-15", "eur", 500)])
    assert found.cells["month"].tolist() == ["2026-09"]


def test_the_unexplained_rest_does_not_cancel_out() -> None:
    changes = [("a", "2026-07-15", "eur", 500), ("b", "2026-07-15", "eur", 500)]
    found = held(cells(("a", "2026-09", "eur", 900), ("b", "2026-09", "eur", 100)), changes)
    assert found.unexplained() == {"eur": 800}
    assert found.totals()[0]["difference"] == 0


def test_a_difference_is_named_after_the_key_that_makes_ours_theirs() -> None:
    changes = [
        ("a", "2026-07-15", "eur", 500),
        ("b", "2026-07-15", "eur", 900),
        ("c", "2026-07-15", "eur", 70),
    ]

    def under(policy: Policy) -> pd.DataFrame:
        left = [c for c in changes if c[0] != "a" or policy.past_due == "include"]
        cheaper = policy.discounts_once == "subtract_in_period"
        return customer_months(
            ledger(*left, *([("b", "2026-07-15", "eur", -200)] if cheaper else [])), MONTHS
        )

    theirs = cells(("b", "2026-09", "eur", 700), ("c", "2026-09", "eur", 75))
    found = held(theirs, changes, under)
    assert rules(found) == {
        ("a", "2026-09"): "status.past_due",
        ("b", "2026-09"): "discounts.once",
        ("c", "2026-09"): None,
    }
    assert found.unexplained() == {"eur": 5}
    causes = {row["rule"]: (row["count"], row["amount"]) for row in found.causes()}
    assert causes == {"status.past_due": (1, 500), "discounts.once": (1, 200)}
    assert found.differences["customer_id"].tolist() == ["a", "b", "c"]


def test_two_keys_may_explain_a_difference_together() -> None:
    def under(policy: Policy) -> pd.DataFrame:
        less = (policy.past_due == "exclude") * 200 + (policy.discounts_once == "subtract_in_period") * 50
        return customer_months(ledger(("a", "2026-07-15", "eur", 500 - less)), MONTHS)

    found = held(cells(("a", "2026-09", "eur", 250)), [("a", "2026-07-15", "eur", 500)], under)
    assert rules(found) == {("a", "2026-09"): "status.past_due + discounts.once"}


def test_a_whole_preset_is_tried_last() -> None:
    other = replace(
        POLICY, past_due="exclude", unpaid="churn", pause_collection="keep", discounts_once="ignore"
    )

    def under(policy: Policy) -> pd.DataFrame:
        return customer_months(ledger(("a", "2026-07-15", "eur", 123 if policy == other else 500)), MONTHS)

    found = held(
        cells(("a", "2026-09", "eur", 123)),
        [("a", "2026-07-15", "eur", 500)],
        under,
        presets={"other": other},
    )
    assert rules(found) == {("a", "2026-09"): "other"}
    assert found.tried[-1] == "other"


def test_each_candidate_is_computed_once_however_many_differences_there_are() -> None:
    calls: list[Policy] = []

    def under(policy: Policy) -> pd.DataFrame:
        calls.append(policy)
        return cells()

    theirs = cells(*((f"c{n}", "2026-09", "eur", 300 + n) for n in range(200)))
    changes = [(f"c{n}", "2026-07-15", "eur", 100) for n in range(200)]
    found = held(theirs, changes, under)
    assert len(calls) == len(set(calls)) == len(found.tried) == len(candidates(POLICY))
    assert POLICY not in calls


def test_a_minor_unit_an_item_is_rounding() -> None:
    changes = [("a", "2026-07-15", "eur", 500), ("b", "2026-07-15", "eur", 500)]
    found = held(cells(("a", "2026-09", "eur", 501), ("b", "2026-09", "eur", 502)), changes)
    assert rules(found) == {("a", "2026-09"): "rounding", ("b", "2026-09"): None}


def test_month_ends_of_another_zone_are_the_calendar() -> None:
    changes = [
        ("a", "2026-10-01T02:00:00", "eur", 500),
        ("b", "2026-10-01T04:30:00", "eur", 300),
        ("c", "2026-10-05T00:00:00", "eur", 300),
    ]
    theirs = cells(("a", "2026-09", "eur", 500), ("b", "2026-09", "eur", 300), ("c", "2026-09", "eur", 300))
    found = held(theirs, changes)
    assert rules(found) == {
        ("a", "2026-09"): "calendar",
        ("b", "2026-09"): "calendar",
        ("c", "2026-09"): None,
    }
    assert found.cells["detail"][0] == "ours equals theirs when months end 5 h later"


def test_a_known_disagreement_of_the_evidence_is_a_cause() -> None:
    known = differences(
        ("a", "eur", 500, 800, "imported"),
        ("b", "eur", 500, 600, "first_invoices_missing"),
        ("c", "eur", 100, 150, "current_state"),
        ("c", "eur", 100, 130, "current_state"),
    )
    changes = [(name, "2026-07-15", "eur", 500) for name in "abc"]
    theirs = cells(("a", "2026-09", "eur", 800), ("b", "2026-09", "eur", 650), ("c", "2026-09", "eur", 580))
    found = held(theirs, changes, differences=known)
    assert rules(found) == {
        ("a", "2026-09"): "imported",
        ("b", "2026-09"): None,
        ("c", "2026-09"): "current_state",
    }


def test_no_mrr_at_all_is_a_keys_doing_before_it_is_the_evidences() -> None:
    changes = [("a", "2026-07-15", "eur", 500), ("b", "2026-07-15", "eur", 500)]
    known = differences(("a", "eur", 500, 0, "imported"), ("b", "eur", 500, 0, "imported"))
    under = customer_months(ledger(changes[1]), MONTHS)
    theirs = cells(("a", "2026-09", "eur", 0), ("b", "2026-09", "eur", 0))
    found = held(
        theirs, changes, lambda policy: under if policy.past_due == "exclude" else cells(), differences=known
    )
    assert rules(found)["a", "2026-09"] == "status.past_due"
    kept = held(theirs, changes, differences=known)
    assert rules(kept) == {("a", "2026-09"): "imported", ("b", "2026-09"): "imported"}


def test_one_rate_for_several_customers_is_another_currency() -> None:
    changes = [
        ("a", "2026-07-15", "eur", 10000),
        ("b", "2026-07-15", "eur", 25000),
        ("c", "2026-07-15", "jpy", 5000),
    ]
    theirs = cells(
        ("a", "2026-09", "usd", 10830), ("b", "2026-09", "usd", 27075), ("c", "2026-09", "usd", 3300)
    )
    found = held(theirs, changes)
    assert found.cells.groupby("customer_id")["rule"].agg(["first", "size"]).to_dict("index") == {
        "a": {"first": "currency", "size": 2},
        "b": {"first": "currency", "size": 2},
        "c": {"first": None, "size": 2},
    }
    assert "1.0830 USD per EUR" in str(found.cells["detail"][0])
    assert found.unexplained() == {"eur": 0, "jpy": 5000, "usd": 3300}


def test_a_customer_whom_we_never_read_is_named_so() -> None:
    theirs = cells(("x", "2026-09", "eur", 100), ("free", "2026-09", "eur", 100))
    found = held(theirs, [("a", "2026-11-01", "eur", 5)], customers={"free"})
    assert rules(found) == {("x", "2026-09"): "unknown_customer", ("free", "2026-09"): None}
    assert set(found.cells["status"]) == {"missing_in_ours"}


@pytest.mark.parametrize(
    "changed", [{"past_due": "exclude"}, {"pause_collection": "keep", "interval_week": "4"}]
)
def test_candidates_change_one_key_each_of_the_policy_in_force(changed: dict[str, str]) -> None:
    policy = replace(POLICY, **changed)
    for candidate in candidates(policy):
        names = [
            name for name in policy.__slots__ if getattr(policy, name) != getattr(candidate.policy, name)
        ]
        assert len(names) == 1
        assert getattr(candidate.policy, names[0]) == candidate.choice
    assert len(candidates(policy)) > 10


def test_a_month_without_anything_is_no_difference() -> None:
    found = held(cells(("a", "2026-07", "eur", 0)), [("a", "2026-08-15", "eur", 500)])
    assert found.cells.empty
    assert found.unexplained() == {}


def test_thousands_of_customers_take_seconds() -> None:
    start = pd.Timestamp("2026-07-01")
    changes = [
        (f"c{n}", (start + timedelta(hours=n % 2900)).isoformat(), "eur", 100 + n) for n in range(5_000)
    ]
    theirs = customer_months(ledger(*changes), MONTHS)
    theirs.loc[::10, "mrr"] += 7777
    began = datetime.now(UTC)
    found = held(theirs, changes)
    assert found.cells["rule"].isna().sum() == len(theirs)
    assert datetime.now(UTC) - began < timedelta(seconds=20)

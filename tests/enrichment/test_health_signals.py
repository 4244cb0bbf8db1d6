"""Each of the fourteen signals: worked answers, when it is missing, and what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.frames import records
from enrichment.health.config import HealthConfig
from enrichment.health.scoring import measure
from enrichment.health.signals import SIGNALS
from tests.enrichment.facts import ENDING, MONTHLY, owing
from tests.enrichment.health_accounts import known, ladder

DEFAULT = HealthConfig()
BETTER = {
    **dict.fromkeys(("core_events", "active_users", "engaged_contacts", "nps", "tickets_norm", "mrr"), 1),
    **dict.fromkeys(("term_days", "days_as_customer"), 1),
    **dict.fromkeys(("days_idle", "days_since_touch", "tickets", "pressing_tickets", "bad_invoices"), -1),
    **dict.fromkeys(("core_events_before", "mrr_180"), -1),
}
"""Facts of which more (1) or less (-1) is better."""
NUMBER = {signal.id: number for number, signal in enumerate(SIGNALS)}
INFINITE, NEGATIVE, NAN = float("inf"), -1, float("nan")


def fractions(accounts: pd.DataFrame, signal: str, config: HealthConfig = DEFAULT) -> list[float]:
    return [float(part) for part in measure(accounts, config)[NUMBER[signal]].fraction]


def sentences(accounts: pd.DataFrame, signal: str, config: HealthConfig = DEFAULT) -> list[str]:
    words = measure(accounts, config)[NUMBER[signal]].words
    rows = records(pd.DataFrame({name: np.asarray(column) for name, column in words.items()}))
    return [SIGNALS[NUMBER[signal]].reason(row, config).text("en") for row in rows]


@pytest.mark.parametrize(
    "signal, changes, fraction, sentence",
    [
        ("change", {"core_events": 700}, 1, "usage up 40% on its own last three months"),
        ("change", {"core_events": 500}, 1, "usage unchanged on its own last three months"),
        ("change", {"core_events": 350}, 0.5, "usage down 30% on its own last three months"),
        ("change", {"core_events": 200}, 0, "usage down 60% on its own last three months"),
        ("change", {"core_events": 0}, 0, "usage down 100% on its own last three months"),
        ("change", {"core_events_before": 10, "core_events": 7}, 0.5, "usage down 30%"),
        ("change", {"usage_history_days": 56}, 1, "usage unchanged"),
        ("seats", {"active_users": 10}, 1, "all 10 seats are in use"),
        ("seats", {"active_users": 25}, 1, "all 10 seats are in use"),
        ("seats", {"active_users": 8}, 1, "8 of 10 seats are in use"),
        ("seats", {"active_users": 3}, 0.4, "3 of 10 seats are in use"),
        ("seats", {"active_users": 1, "paid_seats": 4}, 1 / 3, "only 1 of 4 seats is in use"),
        ("seats", {"active_users": 0}, 0, "none of its 10 seats is in use"),
        ("seats", {"active_users": 1, "paid_seats": 1}, 1, "its only seat is in use"),
        ("seats", {"active_users": 0, "paid_seats": 1}, 0, "its only seat is not in use"),
        ("recency", {"days_idle": 0}, 1, "used today"),
        ("recency", {"days_idle": 1}, 1, "last used yesterday"),
        ("recency", {"days_idle": 7}, 1, "last used 7 days ago"),
        ("recency", {"days_idle": 18.5}, 0.5, "last used 18 days ago"),
        ("recency", {"days_idle": 30}, 0, "the product has not been used for 30 days"),
        ("last_touch", {"days_since_touch": 0}, 1, "last contact today"),
        ("last_touch", {"days_since_touch": 30}, 1, "last contact 30 days ago"),
        ("last_touch", {"days_since_touch": 75}, 0.5, "no meeting, call or e-mail from them for 75 days"),
        ("last_touch", {"days_since_touch": 300}, 0, "no meeting, call or e-mail from them for 300 days"),
        ("last_touch", {"days_since_touch": None}, 0, "no meeting, call or e-mail from them on record"),
        ("contacts", {"engaged_contacts": 0}, 0, "nobody there in touch in the last 90 days"),
        ("contacts", {"engaged_contacts": None}, 0, "nobody there in touch in the last 90 days"),
        ("contacts", {"engaged_contacts": 1}, 3 / 7, "only 1 person in touch in the last 90 days"),
        ("contacts", {"engaged_contacts": 2}, 5 / 7, "2 people in touch in the last 90 days"),
        ("contacts", {"engaged_contacts": 3}, 1, "3 people in touch in the last 90 days"),
        ("contacts", {"engaged_contacts": 9}, 1, "9 people in touch in the last 90 days"),
        ("key_contact", {}, 1, "its key contact is still there"),
        ("key_contact", {"key_contact_state": "left"}, 0, "its key contact, Ada Martin, has left"),
        ("key_contact", {"key_contact_state": "bounced", "key_contact_name": " "}, 0, "e-mails to its key"),
        ("survey", {"nps": 9}, 1, "NPS answer of 9 out of 10"),
        ("survey", {"nps": 6}, 0.5, "NPS answer of 6 out of 10"),
        ("survey", {"nps": 3}, 0, "NPS answer of 3 out of 10"),
        ("survey", {"nps": 7.25, "nps_answers": 4}, 4.25 / 6, "average NPS answer of 7.2 out of 10 from 4"),
        ("survey", {"nps": None, "csat": 3.5, "csat_answers": 1}, 0.5, "CSAT answer of 3.5 out of 5"),
        # One contact says 9 (1.0), two say 2 on average (0.0): a third.
        (
            "survey",
            {"csat": 2, "csat_answers": 2},
            1 / 3,
            "NPS answer of 9 out of 10 and average CSAT answer",
        ),
        ("ticket_load", {"tickets": 0}, 1, "no ticket in the last 30 days"),
        ("ticket_load", {"tickets": None, "tickets_norm": None}, 1, "no ticket in the last 30 days"),
        ("ticket_load", {"tickets": 1}, 1, "1 ticket in the last 30 days, nothing unusual"),
        ("ticket_load", {"tickets": 2, "tickets_norm": None}, 2 / 3, "2 tickets in the last 30 days"),
        ("ticket_load", {"tickets": 2}, 2 / 3, "2 tickets in the last 30 days, usually none"),
        (
            "ticket_load",
            {"tickets": 4, "tickets_norm": 2.5},
            0.5,
            "4 tickets in the last 30 days, usually 2.5",
        ),
        (
            "ticket_load",
            {"tickets": 9, "tickets_norm": 9},
            1,
            "9 tickets in the last 30 days, nothing unusual",
        ),
        ("ticket_load", {"tickets": 40}, 0, "40 tickets in the last 30 days, usually none"),
        ("open_tickets", {"pressing_tickets": 0}, 1, "no urgent or old ticket open"),
        ("open_tickets", {"pressing_tickets": 1}, 0.5, "1 open ticket is urgent or older than 7 days"),
        ("open_tickets", {"pressing_tickets": 5}, 0, "5 open tickets are urgent or older than 7 days"),
        (
            "payments",
            {"bad_invoices": 1, "invoices": 3},
            0.5,
            "1 failed or late invoice out of 3 in the last 180",
        ),
        (
            "payments",
            {"bad_invoices": 2, "invoices": 2},
            0,
            "2 failed or late invoices out of 2 in the last 180",
        ),
        ("payments", owing(3), 0, "an invoice is 3 days past due"),
        ("payments", owing(0), 0, "a payment is outstanding"),
        ("mrr_trend", {"mrr": 8500}, 0.5, "MRR is down 15% over 180 days"),
        ("mrr_trend", {"mrr_180": None, "mrr": 8500}, 0.5, "MRR is down 15% over 90 days"),
        ("mrr_trend", {"mrr": 20000}, 1, "MRR is up 100% over 180 days"),
        ("tenure", {"days_as_customer": 182.5}, 0.5, "a customer for 6 months"),
        ("tenure", {"days_as_customer": 0}, 0, "a customer for less than a month"),
        ("tenure", {"days_as_customer": 730}, 1, "a customer for 24 months"),
        ("commitment", MONTHLY, 0.5, "no commitment beyond a month"),
        ("commitment", {"term_days": 90}, 0.6, "a quarterly commitment"),
        ("commitment", {"term_days": 180}, 0.75, "a half-year commitment"),
        ("commitment", {"term_days": 360}, 1, "a yearly commitment"),
        ("commitment", {"term_days": None}, 0.5, "no commitment beyond a month"),
        ("commitment", ENDING, 0, "cancellation is scheduled for 2026-12-01"),
        ("commitment", {**ENDING, "last_end": None}, 0, "cancellation is scheduled"),
    ],
)
def test_a_signal_gives_its_share_and_says_why(
    signal: str, changes: dict[str, Any], fraction: float, sentence: str
) -> None:
    account = known(changes)
    assert fractions(account, signal) == pytest.approx([fraction])
    assert sentences(account, signal)[0].startswith(sentence)


@pytest.mark.parametrize(
    "signal, changes",
    [
        ("level", {"core_events": None}),
        ("change", {"core_events": None}),
        ("change", {"usage_history_days": 55}),
        ("change", {"core_events_before": 9.9}),
        ("change", {"core_events_before": None}),
        ("seats", {"active_users": None}),
        ("seats", {"paid_seats": None}),
        ("seats", {"paid_seats": 0}),
        ("recency", {"days_idle": None}),
        ("last_touch", {"has_engagements": None}),
        ("last_touch", {"has_engagements": False, "days_since_touch": 3}),
        ("contacts", {"has_engagements": None}),
        ("key_contact", {"key_contact_state": None}),
        ("survey", {"nps_answers": 0}),
        ("survey", {"nps": None, "nps_answers": None}),
        ("ticket_load", {"has_tickets": None}),
        ("open_tickets", {"has_tickets": False}),
        ("payments", {"invoices_ever": 0}),
        ("mrr_trend", {"days_as_customer": 59}),
        ("mrr_trend", {"mrr_180": 0, "mrr_90": 0}),
    ],
)
def test_a_signal_is_missing_where_its_source_is(signal: str, changes: dict[str, Any]) -> None:
    assert fractions(known(changes), signal) == pytest.approx([np.nan], nan_ok=True)
    # Only that signal and those that share the fact: the rest of the account is still known.
    assert sum(np.isfinite(found.fraction[0]) for found in measure(known(changes), DEFAULT)) >= 10


@pytest.mark.parametrize(
    "signal, fact, value",
    [
        *(("level", "core_events", value) for value in (INFINITE, NEGATIVE, NAN, "many")),
        *(("change", "core_events", value) for value in (INFINITE, NEGATIVE, NAN)),
        *(("change", "core_events_before", value) for value in (INFINITE, -500, NAN)),
        *(("change", "usage_history_days", value) for value in (INFINITE, NEGATIVE)),
        *(("seats", "active_users", value) for value in (INFINITE, NEGATIVE)),
        *(("seats", "paid_seats", value) for value in (INFINITE, -10)),
        *(("recency", "days_idle", value) for value in (INFINITE, NEGATIVE, NAN)),
        *(("last_touch", "days_since_touch", value) for value in (INFINITE, NEGATIVE)),
        *(("contacts", "engaged_contacts", value) for value in (INFINITE, NEGATIVE)),
        ("key_contact", "key_contact_state", "asleep"),
        *(("survey", "nps", value) for value in (11, -1, INFINITE, NAN)),
        *(("survey", "nps_answers", value) for value in (INFINITE, NEGATIVE, NAN)),
        *(("ticket_load", "tickets", value) for value in (INFINITE, NEGATIVE)),
        *(("ticket_load", "tickets_norm", value) for value in (INFINITE, NEGATIVE)),
        *(("open_tickets", "pressing_tickets", value) for value in (INFINITE, NEGATIVE)),
        *(("payments", "bad_invoices", value) for value in (INFINITE, NEGATIVE, NAN)),
        *(("mrr_trend", "mrr", value) for value in (INFINITE, NEGATIVE, NAN)),
        *(("tenure", "days_as_customer", value) for value in (INFINITE, NEGATIVE, NAN)),
        *(("commitment", "term_days", value) for value in (INFINITE, NEGATIVE)),
    ],
)
def test_what_cannot_be_true_is_not_measured(signal: str, fact: str, value: object) -> None:
    assert fractions(known({fact: value}), signal) == pytest.approx([np.nan], nan_ok=True)


def test_a_csat_off_its_scale_leaves_the_nps_alone() -> None:
    account = known({"nps": 6, "csat": 6, "csat_answers": 4})
    assert fractions(account, "survey") == pytest.approx([0.5])
    assert sentences(account, "survey") == ["NPS answer of 6 out of 10"]


def test_the_level_is_the_rank_among_the_same_plan() -> None:
    # 20 accounts on a plan: the lowest is at 0.5/20, the sixth at 5.5/20, the thirteenth beyond 60 %.
    found = fractions(ladder(20), "level")
    assert found[:13] == pytest.approx([min((rank + 0.5) / 20 / 0.6, 1) for rank in range(13)])
    assert found[12:] == [1] * 8
    said = sentences(ladder(20), "level")
    assert said[0] == "uses it less than 98% of peers on the same plan"
    assert said[9] == said[10] == "average use among peers on the same plan"
    assert said[19] == "uses it more than 98% of peers on the same plan"


def test_a_plan_of_few_is_ranked_among_all_customers() -> None:
    accounts = pd.concat(
        [ladder(19, step=100.0), ladder(21, step=1.0).assign(plan="Solo")], ignore_index=True
    )
    found = fractions(accounts, "level")
    # Nineteen on the larger plan use it more than the others, who are enough to be ranked by themselves.
    assert found[:19] == pytest.approx([min((21.5 + rank) / 40 / 0.6, 1) for rank in range(19)])
    assert found[19] == pytest.approx(0.5 / 21 / 0.6)
    assert sentences(accounts, "level")[18] == "uses it more than 99% of all customers"
    assert sentences(accounts, "level")[19] == "uses it less than 98% of peers on the same plan"


def test_those_who_are_not_measured_do_not_make_a_plan_large_enough() -> None:
    accounts = pd.concat([ladder(19), known({"core_events": None})], ignore_index=True)
    assert "of all customers" in sentences(accounts, "level")[0]


def test_ties_share_the_middle_rank() -> None:
    accounts = known(*[{"core_events": 0}] * 15, *[{"core_events": 100}] * 5)
    # Fifteen at the bottom: their middle is 7.5 of 20.
    assert fractions(accounts, "level") == pytest.approx([7.5 / 20 / 0.6] * 15 + [1] * 5)
    assert sentences(accounts, "level")[0] == "no real use in the last 28 days"


def test_there_is_no_level_where_nobody_has_a_core_event() -> None:
    nobody: list[dict[str, Any]] = [{"core_events": 0}, {"core_events": 0}]
    assert all(np.isnan(fractions(known(*nobody), "level")))
    assert not any(np.isnan(fractions(known(*nobody, {"core_events": 5}), "level")))


def test_the_level_is_per_paid_seat_and_a_seat_where_none_are_sold() -> None:
    accounts = known(
        {"core_events": 100, "paid_seats": 50},
        {"core_events": 100, "paid_seats": 10},
        *({"core_events": 100, "paid_seats": none} for none in (None, 0, -5)),
    )
    found = fractions(accounts, "level")
    assert found == pytest.approx([0.1 / 0.6, 0.3 / 0.6, 1, 1, 1])


def test_nobody_is_said_to_use_it_less_than_everybody() -> None:
    assert sentences(ladder(300), "level")[0] == "uses it less than 99% of peers on the same plan"


@given(
    st.sampled_from(sorted(BETTER)),
    st.lists(st.one_of(st.integers(0, 500), st.floats(0, 12)), min_size=2, max_size=2),
)
@settings(max_examples=50, deadline=None)
def test_a_better_fact_never_gives_less(fact: str, values: list[float]) -> None:
    worse, better = sorted(values, reverse=BETTER[fact] < 0)
    for found in measure(known({fact: worse}, {fact: better}), DEFAULT):
        low, high = found.fraction
        assert np.isnan(low) or np.isnan(high) or high >= low


@pytest.mark.parametrize(
    "signal, changes, changed, fraction",
    [
        ("level", {}, {"level_full": 100}, 0.5),
        ("change", {"core_events": 350}, {"change_zero": 60}, 0.25),
        ("change", {"core_events": 350}, {"change_full": 80}, 0.75),
        ("change", {"usage_history_days": 55}, {"change_history_days": 55}, 1),
        ("change", {"core_events_before": 5, "core_events": 5}, {"change_events": 5}, 1),
        ("seats", {"active_users": 5}, {"seats_full": 100}, 0.5),
        ("recency", {"days_idle": 30}, {"idle_zero": 60, "idle_full": 0}, 0.5),
        ("last_touch", {"days_since_touch": 30}, {"touch_zero": 60, "touch_full": 0}, 0.5),
        ("contacts", {"engaged_contacts": 2}, {"contacts_full": 2}, 1),
        ("survey", {"nps": 5}, {"nps_zero": 0, "nps_full": 10}, 0.5),
        ("survey", {"nps": None, "csat": 3, "csat_answers": 1}, {"csat_zero": 1}, 0.5),
        ("ticket_load", {"tickets": 3}, {"ticket_load_zero": 4}, 0.5),
        ("open_tickets", {"pressing_tickets": 1}, {"open_tickets_zero": 1}, 0),
        ("payments", {"bad_invoices": 1}, {"bad_invoices_zero": 4}, 0.75),
        ("mrr_trend", {"mrr": 8800}, {"trend_zero": 80, "trend_full": 90}, 0.8),
        ("mrr_trend", {"days_as_customer": 59}, {"trend_history_days": 59}, 1),
        ("tenure", {"days_as_customer": 365}, {"tenure_full": 24}, 0.5),
        ("commitment", MONTHLY, {"commitment_month": 10}, 0.1),
        ("commitment", {"term_days": 90}, {"commitment_quarter": 20}, 0.2),
        ("commitment", {"term_days": 180}, {"commitment_half_year": 30}, 0.3),
    ],
)
def test_every_threshold_is_a_setting(
    signal: str, changes: dict[str, Any], changed: dict[str, Any], fraction: float
) -> None:
    assert fractions(known(changes), signal, HealthConfig(**changed)) == pytest.approx([fraction])
    assert fractions(known(changes), signal) != pytest.approx([fraction])


def test_other_windows_are_named_in_days() -> None:
    said = sentences(known({"core_events": 250}), "change", HealthConfig(usage_days=7))
    assert said == ["usage down 50% on the 21 days before"]

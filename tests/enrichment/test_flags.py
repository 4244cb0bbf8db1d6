"""When each flag is raised, how severe it is, and what it says."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from typing import Any, Final

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_sync.options import OPPORTUNITIES, RISKS
from enrichment.health.columns import COLUMNS
from enrichment.health.config import HealthConfig
from enrichment.health.flags import OPPORTUNITY, RISK, RULES, FlagConfig, find_flags, raise_flags
from enrichment.tables import ACCOUNT_FLAGS
from saaskpi.errors import UsageError
from tests.enrichment.facts import ENDING, MONTHLY, facts, owing


def raised(points: int | None = 90, band: str = "green", **changes: Any) -> dict[str, str]:
    """Return flag to severity for one account."""
    found = flags(points, band, **changes)
    return dict(zip(found["flag"], found["severity"], strict=True))


def flags(points: int | None = 90, band: str = "green", **changes: Any) -> pd.DataFrame:
    health = pd.DataFrame({"account_id": ["acct_0"], "health_score": [points], "health_band": [band]})
    return raise_flags(facts(changes), health, HealthConfig())


def severity_of(flag: str, band: str = "green", **changes: Any) -> str | None:
    return raised(band=band, **changes).get(flag)


def use(now: float | None, before: float | None = 100, history: int | None = 56) -> dict[str, Any]:
    return {"core_events": now, "core_events_before": before, "usage_history_days": history}


def card(day: date, charge: date | None = None, is_only: bool | None = None) -> dict[str, Any]:
    return {"card_expires_on": day, "next_charge_date": charge, "is_only_method": is_only}


def key_contact(state: str | None, contact_id: str | None = "501") -> dict[str, Any]:
    return {"key_contact_state": state, "key_contact_id": contact_id}


def deal(days: int | None, deal_id: str | None = "77") -> dict[str, Any]:
    return {"expansion_deal_id": deal_id, "expansion_moved_days": days}


def test_a_healthy_account_raises_nothing() -> None:
    assert raised() == {}


@pytest.mark.parametrize(
    "changes, severity",
    [
        (use(71), None),
        (use(70), "medium"),
        (use(51), "medium"),
        (use(50), "high"),
        (use(0), "high"),
        (use(50, history=55), None),
        (use(50, history=None), None),
        (use(4, before=9.9), None),
        (use(5, before=10), "high"),
        (use(None), None),
        (use(5, before=None), None),
        (use(7, before=10 / 3 * 3), "medium"),
    ],
)
def test_usage_drop(changes: dict[str, Any], severity: str | None) -> None:
    assert severity_of("usage_drop", **changes) == severity


@pytest.mark.parametrize(
    "days, weekly, severity",
    [
        (14, True, None),
        (15, True, "medium"),
        (15, False, None),
        (15, None, None),
        (30, False, None),
        (31, False, "high"),
        (31, None, "high"),
        (31, True, "high"),
        (None, True, None),
    ],
)
def test_silent(days: int | None, weekly: bool | None, severity: str | None) -> None:
    assert severity_of("silent", days_idle=days, is_weekly_user=weekly) == severity


# The facts of these tests describe 31 October 2026; 45 days later it is 15 December.
@pytest.mark.parametrize(
    "changes, severity",
    [
        (card(date(2026, 12, 15)), "low"),
        (card(date(2026, 12, 16)), None),
        (card(date(2026, 12, 31), date(2027, 1, 1)), "low"),
        (card(date(2026, 12, 31), date(2026, 12, 31)), None),
        (card(date(2026, 12, 15), is_only=True), "medium"),
        (card(date(2026, 12, 15), is_only=False), "low"),
        (card(date(2027, 1, 31), date(2027, 8, 1), is_only=True), "medium"),
        (card(date(2026, 9, 30)), "low"),
    ],
)
def test_card_expiring(changes: dict[str, Any], severity: str | None) -> None:
    assert severity_of("card_expiring", **changes) == severity


def test_without_a_known_day_only_the_next_charge_counts() -> None:
    unknown: dict[str, Any] = {"described_on": None}
    assert severity_of("card_expiring", **card(date(2026, 11, 1)), **unknown) is None
    assert severity_of("card_expiring", **card(date(2026, 11, 1), date(2026, 11, 2)), **unknown) == "low"


@pytest.mark.parametrize(
    "days, touch, severity",
    [(91, 60, None), (90, 60, "high"), (90, 59, "low"), (30, 59, "medium"), (30, None, "medium")],
)
def test_a_renewal_that_nobody_touched_is_grave(days: int, touch: int | None, severity: str | None) -> None:
    assert severity_of("renewal_near", days_to_renewal=days, days_since_touch=touch) == severity


@pytest.mark.parametrize(
    "logged, age, severity",
    [(True, 60, "high"), (True, 59, "low"), (True, None, "low"), (False, 60, "low"), (None, 60, "low")],
)
def test_never_touched_is_a_fact_where_touches_are_logged(
    logged: bool | None, age: int | None, severity: str
) -> None:
    told: dict[str, Any] = {"days_to_renewal": 90, "has_engagements": logged, "days_as_customer": age}
    assert severity_of("renewal_near", **told) == severity


@pytest.mark.parametrize(
    "now, before, severity",
    [
        (8, 10, "medium"),
        (9, 10, None),
        (0, 10, "medium"),
        (10, 0, None),
        (10, 10, None),
        (None, 10, None),
        (8, None, None),
    ],
)
def test_fewer_seats_are_a_contraction(now: int | None, before: int | None, severity: str | None) -> None:
    assert severity_of("contraction", paid_seats=now, paid_seats_90=before) == severity


def test_a_contraction_of_both_is_as_grave_as_the_graver_and_tells_both() -> None:
    found = flags(mrr=6000, paid_seats=6, paid_seats_90=10).iloc[0]
    assert found["severity"] == "high"
    assert found["evidence_en"] == (
        "MRR fell by 40% in 90 days, from 100.00 EUR to 60.00 EUR. "
        "Paid seats fell by 40% in 90 days, from 10 to 6."
    )


@pytest.mark.parametrize(
    "changes, severity",
    [
        (key_contact("left"), "high"),
        (key_contact("bounced"), "high"),
        (key_contact("present"), None),
        (key_contact(None), None),
        (key_contact("left", None), None),
        ({"new_decision_maker_id": "502"}, "low"),
        ({"has_engagements": True, "engaged_contacts": 0}, "medium"),
        ({"has_engagements": True, "engaged_contacts": 0, "days_as_customer": 89}, None),
        ({"has_engagements": True, "engaged_contacts": 0, "days_as_customer": 90}, "medium"),
        ({"has_engagements": True, "engaged_contacts": 1}, None),
        ({"has_engagements": True, "engaged_contacts": None}, None),
        ({"has_engagements": False, "engaged_contacts": 0}, None),
        ({"has_engagements": None, "engaged_contacts": 0}, None),
        ({"has_engagements": True, "engaged_contacts": 0, "new_decision_maker_id": "502"}, "medium"),
    ],
)
def test_contact_change(changes: dict[str, Any], severity: str | None) -> None:
    assert severity_of("contact_change", **changes) == severity


@pytest.mark.parametrize(
    "worst, fall, severity",
    [
        (7, None, None),
        (6, None, "medium"),
        (4, 3, "medium"),
        (3, None, "high"),
        (0, None, "high"),
        (6, 4, "high"),
        (None, None, None),
        (7, 11, None),
        (11, None, None),
    ],
)
def test_low_nps(worst: int | None, fall: int | None, severity: str | None) -> None:
    assert severity_of("low_nps", nps_worst=worst, nps_drop=fall) == severity


@pytest.mark.parametrize(
    "tickets, norm, hot_days, severity",
    [
        (2, 0, None, None),
        (3, 0, None, "medium"),
        (3, 1.5, None, "medium"),
        (3, 1.6, None, None),
        (3, None, None, None),
        (None, 0, None, None),
        (0, 0, 7, None),
        (0, 0, 8, "high"),
        (9, 1, 8, "high"),
    ],
)
def test_ticket_spike(
    tickets: int | None, norm: float | None, hot_days: int | None, severity: str | None
) -> None:
    told: dict[str, Any] = {
        "tickets": tickets,
        "tickets_norm": norm,
        "hot_ticket_days": hot_days,
        "hot_ticket_id": "901",
    }
    assert severity_of("ticket_spike", **told) == severity


@pytest.mark.parametrize(
    "flag, changes, is_up",
    [
        ("near_limit", {"limit_months": 1}, False),
        ("near_limit", {"limit_months": 2}, True),
        ("near_limit", {"limit_months": 3}, True),
        ("near_limit", {"limit_months": None}, False),
        ("seat_growth", {"paid_seats": 18, "paid_seats_90": 15}, True),
        ("seat_growth", {"paid_seats": 17, "paid_seats_90": 15}, False),
        ("seat_growth", {"paid_seats": 12, "paid_seats_90": 10}, False),
        ("seat_growth", {"paid_seats": 13, "paid_seats_90": 10}, True),
        ("seat_growth", {"paid_seats": 119, "paid_seats_90": 100}, False),
        ("seat_growth", {"paid_seats": 5, "paid_seats_90": 0}, False),
        ("seat_growth", {"paid_seats": 5, "paid_seats_90": None}, False),
        ("sustained_expansion", {"mrr": 11000, "mrr_ups": 2}, True),
        ("sustained_expansion", {"mrr": 10999, "mrr_ups": 3}, False),
        ("sustained_expansion", {"mrr": 11000, "mrr_ups": 1}, False),
        ("sustained_expansion", {"mrr": 11000, "mrr_ups": None}, False),
        ("sustained_expansion", {"mrr": 11000, "mrr_ups": 3, "mrr_180": 0}, False),
        ("sustained_expansion", {"mrr": 11000, "mrr_ups": 3, "mrr_180": None}, False),
        ("open_expansion", deal(60), True),
        ("open_expansion", deal(61), False),
        ("open_expansion", deal(None), False),
        ("open_expansion", deal(5, None), False),
        ("open_expansion", {"budget_value": "yes", "budget_days": 60}, True),
        ("open_expansion", {"budget_value": "yes", "budget_days": 61}, False),
        ("open_expansion", {"budget_value": None, "budget_days": 5}, False),
        ("advocate", {"nps": 9.0}, True),
        ("advocate", {"nps": 8.9}, False),
        ("advocate", {"nps": 10.5}, False),
        ("advocate", {"nps": None}, False),
        ("advocate", {"nps": 9.0, "days_as_customer": 180}, True),
        ("advocate", {"nps": 9.0, "days_as_customer": 179}, False),
    ],
)
def test_opportunities(flag: str, changes: dict[str, Any], is_up: bool) -> None:
    assert severity_of(flag, **changes) == ("low" if is_up else None)


@pytest.mark.parametrize("points, is_up", [(80, True), (79, False), (None, False)])
def test_an_advocate_is_well(points: int | None, is_up: bool) -> None:
    assert ("advocate" in raised(points, nps=9.5)) == is_up


@pytest.mark.parametrize(
    "changes, severity",
    [(ENDING, "high"), ({**ENDING, "counted_items": 2, "scheduled_churn_mrr": 4000}, "medium"), ({}, None)],
)
def test_cancellation_scheduled(changes: dict[str, Any], severity: str | None) -> None:
    assert raised(**changes).get("cancellation_scheduled") == severity


@pytest.mark.parametrize(
    "changes, severity",
    [
        (owing(1), "medium"),
        (owing(14, attempts=2), "medium"),
        (owing(15), "high"),
        (owing(2, attempts=3), "high"),
        ({**owing(2), "status": "active"}, "medium"),
        ({"status": "past_due"}, "medium"),
        ({"status": "unpaid"}, "medium"),
    ],
)
def test_payment_failed(changes: dict[str, Any], severity: str) -> None:
    assert raised(**changes)["payment_failed"] == severity


@pytest.mark.parametrize(
    "changes, band, severity",
    [
        ({"days_to_renewal": 91}, "green", None),
        ({"days_to_renewal": 90}, "green", "low"),
        ({"days_to_renewal": 31}, "yellow", "low"),
        ({"days_to_renewal": 30}, "green", "medium"),
        ({"days_to_renewal": 0}, "green", "medium"),
        ({"days_to_renewal": 90}, "red", "high"),
        ({"days_to_renewal": -1}, "red", None),
        (MONTHLY, "red", None),
        ({"days_to_renewal": 20, **ENDING}, "red", None),
    ],
)
def test_renewal_near(changes: dict[str, Any], band: str, severity: str | None) -> None:
    assert raised(band=band, **changes).get("renewal_near") == severity


@pytest.mark.parametrize(
    "mrr, status, severity",
    [
        (9001, "active", None),
        (9000, "active", "medium"),
        (7001, "active", "medium"),
        (7000, "active", "high"),
        (0, "paused", "high"),
        (0, "unpaid", None),
    ],
)
def test_contraction(mrr: int, status: str, severity: str | None) -> None:
    assert raised(mrr=mrr, status=status).get("contraction") == severity


def test_contraction_needs_a_past() -> None:
    assert raised(mrr_90=None, mrr=1) == {}
    assert raised(mrr_90=0, mrr=1) == {}


@pytest.mark.parametrize(
    "changes, points, offered",
    [
        ({}, 60, True),
        ({}, 59, False),
        ({}, None, False),
        ({"days_as_customer": 364}, 90, False),
        ({"bad_invoices": 1}, 90, False),
        ({"invoices": 0}, 90, False),
        ({"term_days": 90}, 90, False),
        ({"mrr": 0}, 90, False),
    ],
)
def test_annual_offer(changes: dict[str, Any], points: int | None, offered: bool) -> None:
    assert ("annual_offer" in raised(points, **{**MONTHLY, **changes})) == offered


def test_an_opportunity_is_held_back_while_a_high_risk_is_open() -> None:
    assert "annual_offer" in raised(**{**MONTHLY, "mrr": 8000})
    assert "annual_offer" not in raised(**{**MONTHLY, "mrr": 7000})


@pytest.mark.parametrize("status", ["churned", "never_paid", "trialing", "incomplete"])
def test_those_who_are_no_customers_raise_nothing(status: str) -> None:
    assert raised(status=status, mrr=1, days_to_renewal=5) == {}


@pytest.mark.parametrize(
    "changes, english, french",
    [
        (
            ENDING,
            "Full cancellation scheduled for 2026-12-01: 100.00 EUR of MRR at stake.",
            "Résiliation totale prévue le 01/12/2026 : 100,00 EUR de MRR en jeu.",
        ),
        (
            {**ENDING, "counted_items": 3, "scheduled_churn_mrr": 2500},
            "Partial cancellation scheduled from 2026-12-01: 25.00 EUR of 100.00 EUR MRR at stake.",
            "Résiliation partielle prévue à partir du 01/12/2026 : 25,00 EUR de MRR en jeu sur 100,00 EUR.",
        ),
        (
            owing(1),
            "Invoice in_7 for 129.00 EUR: 1 failed attempt, 1 day past due.",
            "Facture in_7 de 129,00 EUR : 1 tentative échouée, 1 jour de retard.",
        ),
        (
            owing(20, attempts=4, amount=1234567),
            "Invoice in_7 for 12,345.67 EUR: 4 failed attempts, 20 days past due.",
            "Facture in_7 de 12 345,67 EUR : 4 tentatives échouées, 20 jours de retard.",
        ),
        (
            owing(20, attempts=0),
            "Invoice in_7 for 129.00 EUR: 20 days past due.",
            "Facture in_7 de 129,00 EUR : 20 jours de retard.",
        ),
        (
            owing(0),
            "Invoice in_7 for 129.00 EUR: 1 failed attempt, due today.",
            "Facture in_7 de 129,00 EUR : 1 tentative échouée, échéance aujourd’hui.",
        ),
        (
            owing(40, attempts=2, invoices=3),
            "3 unpaid invoices, 387.00 EUR in total: at most 2 failed attempts each, the oldest (in_7) "
            "40 days past due.",
            "3 factures impayées, 387,00 EUR au total : au plus 2 tentatives échouées par facture, 40 jours "
            "de retard pour la plus ancienne (in_7).",
        ),
        (
            {"status": "past_due"},
            "Stripe reports an overdue payment: 100.00 EUR of MRR at stake.",
            "Stripe signale un paiement en retard : 100,00 EUR de MRR en jeu.",
        ),
        (
            {"days_to_renewal": 32, "renewal_date": date(2026, 12, 2)},
            "Renews in 32 days, on 2026-12-02: 100.00 EUR of MRR.",
            "Renouvellement dans 32 jours, le 02/12/2026 : 100,00 EUR de MRR.",
        ),
        (
            {"days_to_renewal": 1, "renewal_date": date(2026, 11, 1)},
            "Renews tomorrow (2026-11-01): 100.00 EUR of MRR.",
            "Renouvellement demain (01/11/2026) : 100,00 EUR de MRR.",
        ),
        (
            {"mrr": 6667, "mrr_90": 10000.0},
            "MRR fell by 33% in 90 days, from 100.00 EUR to 66.67 EUR.",
            "Le MRR a baissé de 33 % en 90 jours, de 100,00 EUR à 66,67 EUR.",
        ),
        (
            MONTHLY,
            "Customer since 2024-01-15, billed monthly, 100.00 EUR of MRR, no payment problem in the last "
            "180 days, score 90: offer a yearly plan.",
            "Client depuis le 15/01/2024, facturé au mois, 100,00 EUR de MRR, aucun incident de paiement ces "
            "180 derniers jours, score 90 : proposer un abonnement annuel.",
        ),
    ],
)
def test_the_evidence_reads_well(changes: dict[str, Any], english: str, french: str) -> None:
    found = flags(**changes).iloc[0]
    assert found["evidence_en"] == english
    assert found["evidence_fr"].replace("\u00a0", " ").replace("\u202f", " ") == french


def test_the_flags_are_those_of_the_crm_and_each_is_declared_once() -> None:
    assert [rule.flag for rule in RULES if rule.kind == RISK] == list(RISKS)
    assert [rule.flag for rule in RULES if rule.kind == OPPORTUNITY] == list(OPPORTUNITIES)


def test_a_threshold_can_be_changed() -> None:
    health = pd.DataFrame({"account_id": ["acct_0"], "health_score": [90], "health_band": ["green"]})
    thresholds = FlagConfig.from_settings({"silent_days": 5})
    found = raise_flags(facts({"days_idle": 6}), health, HealthConfig(), thresholds=thresholds)
    assert found["flag"].tolist() == ["silent"]
    assert thresholds.hash != FlagConfig().hash == FlagConfig.from_settings({}).hash


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"silent_day": 5}, "There is no setting health.flags.silent_day. Did you mean silent_days?"),
        ([{"flag": "mine"}], "health.flags is not a table of thresholds."),
        ({"silent_days": -1}, "health.flags.silent_days cannot be -1."),
        ({"silent_days": "5"}, "health.flags.silent_days cannot be '5'."),
        ({"silent_days": True}, "health.flags.silent_days cannot be True."),
        ({"silent_days": 10**9}, "health.flags.silent_days cannot be 1000000000."),
    ],
)
def test_a_wrong_threshold_is_told(settings: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        FlagConfig.from_settings(settings)
    assert str(caught.value).startswith(message)


def test_a_row_per_flag_by_account_and_in_the_order_of_the_flags() -> None:
    health = pd.DataFrame({"account_id": ["acct_0", "acct_1"], "health_score": [90, 90]})
    both = {"days_idle": 40, "nps_worst": 2, **owing(3)}
    found = raise_flags(facts(both, {}, both), health.assign(health_band="green"), HealthConfig())
    assert list(found.columns) == list(ACCOUNT_FLAGS)
    names = ["silent", "payment_failed", "low_nps"]
    assert found["flag"].tolist() == names * 2
    assert found["account_id"].tolist() == ["acct_0"] * 3 + ["acct_2"] * 3


def test_no_accounts_raise_nothing() -> None:
    health = pd.DataFrame(columns=["account_id", "health_score", "health_band"])
    found = raise_flags(facts(), health, HealthConfig())
    assert found.empty
    assert list(found.columns) == list(ACCOUNT_FLAGS)


NUMERIC: Final = [name for name, column in COLUMNS.items() if column.is_numeric]


def test_a_number_that_cannot_be_adds_no_flag() -> None:
    odd = (float("nan"), float("inf"), float("-inf"), -5.0, 1e300, None)
    cases = [{name: value} for name in NUMERIC if name in facts().columns for value in odd]
    health = pd.DataFrame({"account_id": [f"acct_{number}" for number in range(len(cases))]})
    found = raise_flags(facts(*cases), health.assign(health_score=90, health_band="green"), HealthConfig())
    assert len(cases) > 200
    assert found.empty


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -5.0, 1e300, None])
def test_a_score_that_cannot_be_is_none(odd: float | None) -> None:
    health = pd.DataFrame({"account_id": ["acct_0"], "health_score": [odd], "health_band": [None]})
    assert raise_flags(facts({**MONTHLY, "nps": 9.5}), health, HealthConfig()).empty


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([name for name in facts().columns if name not in ("account_id", "status")]),
        st.sampled_from(
            [None, float("nan"), float("inf"), -1, 0, 1, 3, 100, 1e300, "", "x", "red", date.max, True]
        ),
        max_size=40,
    ),
    st.sampled_from([None, float("nan"), float("inf"), -3, 0, 90]),
)
def test_no_facts_whatever_make_it_fail_or_say_nothing(changes: dict[str, Any], points: float | None) -> None:
    health = pd.DataFrame({"account_id": ["acct_0"], "health_score": [points], "health_band": ["red"]})
    found = raise_flags(facts(changes), health, HealthConfig())
    assert not found.duplicated(["account_id", "flag"]).any()
    for text in [*found["evidence_en"], *found["evidence_fr"]]:
        assert text.endswith(".")
        assert not re.search("None|nan|inf |{|}", text)
    in_danger = ((found["kind"] == RISK) & (found["severity"] == "high")).any()
    assert not in_danger or (found["kind"] == RISK).all()


def test_columns_that_are_not_there_are_not_known() -> None:
    bare = facts({"days_idle": 40})[["account_id", "status", "name", "days_idle"]]
    health = pd.DataFrame({"account_id": ["acct_0"], "health_score": [90], "health_band": ["green"]})
    assert raise_flags(bare, health, HealthConfig())["flag"].tolist() == ["silent"]


KINDS_OF_ACCOUNTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    ENDING,
    MONTHLY,
    owing(3),
    {"days_idle": 40},
    {"nps": 9.5},
)


@cache
def alone(kind: int) -> dict[str, str]:
    return raised(**KINDS_OF_ACCOUNTS[kind])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, len(KINDS_OF_ACCOUNTS) - 1), max_size=8))
def test_accounts_do_not_touch_each_other(kinds: list[int]) -> None:
    names = [f"acct_{number}" for number in range(len(kinds))]
    health = pd.DataFrame({"account_id": names, "health_score": 90, "health_band": "green"})
    accounts = facts(*(KINDS_OF_ACCOUNTS[kind] for kind in kinds))
    together = raise_flags(accounts, health, HealthConfig())
    found = find_flags(accounts, health, HealthConfig())
    pd.testing.assert_frame_equal(together[list(found.columns)], found)
    for name, kind in zip(names, kinds, strict=True):
        own = together[together["account_id"] == name]
        assert dict(zip(own["flag"], own["severity"], strict=True)) == alone(kind)

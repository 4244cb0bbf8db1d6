"""When each flag is raised, how severe it is, and what it says."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from enrichment.health.config import HealthConfig
from enrichment.health.flags import RULES, raise_flags
from tests.enrichment.facts import ENDING, MONTHLY, facts, owing


def raised(points: int | None = 90, band: str = "green", **changes: Any) -> dict[str, str]:
    """Return flag to severity for one account."""
    found = flags(points, band, **changes)
    return dict(zip(found["flag"], found["severity"], strict=True))


def flags(points: int | None = 90, band: str = "green", **changes: Any) -> pd.DataFrame:
    health = pd.DataFrame({"account_id": ["acct_0"], "health_score": [points], "health_band": [band]})
    return raise_flags(facts(changes), health, HealthConfig())


def test_a_healthy_account_raises_nothing() -> None:
    assert raised() == {}


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
            "3 unpaid invoices, 387.00 EUR in total: 2 failed attempts at most, the oldest (in_7) "
            "40 days past due.",
            "3 factures impayées, 387,00 EUR au total : 2 tentatives échouées au plus, 40 jours de retard "
            "pour la plus ancienne (in_7).",
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


def test_each_flag_is_declared_once() -> None:
    assert len({rule.flag for rule in RULES}) == len(RULES)

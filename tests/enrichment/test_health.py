"""Scores, caps, bands and the sentences that explain them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from enrichment.health.config import HealthConfig
from enrichment.health.scoring import score
from saaskpi.errors import UsageError
from tests.enrichment.facts import ENDING, HEALTHY, MONTHLY, facts, owing
from tests.enrichment.health_accounts import known, ladder

# With history alone connected, its 20 points weigh five times as much.
PAYMENTS, TREND, TENURE, COMMITMENT = 35, 25, 20, 20


def account(**changes: Any) -> pd.Series[Any]:
    return score(facts(changes), HealthConfig()).accounts.iloc[0]


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, 100),
        (MONTHLY, 100 - COMMITMENT / 2),
        ({"term_days": 90}, 100 - 0.4 * COMMITMENT),
        ({"term_days": 180}, 100 - 0.25 * COMMITMENT),
        ({"bad_invoices": 1}, 100 - PAYMENTS / 2),
        ({"bad_invoices": 5}, 100 - PAYMENTS),
        (owing(3), 100 - PAYMENTS),
        ({"days_as_customer": 182.5}, 100 - TENURE / 2),
        ({"mrr_180": 20000, "mrr": 17000}, 100 - TREND / 2),
        ({"mrr_180": 20000, "mrr": 10000}, 100 - TREND),
        ({"mrr_180": 10000, "mrr": 30000}, 100),
        ({"mrr_180": None, "mrr_90": 20000, "mrr": 17000}, 100 - TREND / 2),
    ],
)
def test_each_signal_takes_off_what_it_should(changes: dict[str, Any], expected: float) -> None:
    assert account(**changes)["score_before_caps"] == pytest.approx(expected)


def test_what_cannot_be_measured_is_assumed_from_the_rest() -> None:
    found = account(mrr_90=0, mrr_180=0, bad_invoices=1)
    assert found["points_assumed"] > 0
    assert found["health_coverage"] == 75
    assert found["score_before_caps"] == pytest.approx(100 * (15 - 3.5) / 15)


@pytest.mark.parametrize(
    "changes, points, cap",
    [
        (ENDING, 20, 20),
        (owing(14), 65, 100),
        (owing(15), 45, 45),
        ({**owing(15), **ENDING}, 20, 20),
        ({**owing(15), "mrr_180": 100000, "days_as_customer": 61}, None, 45),
    ],
)
def test_caps_hold_the_score_down(changes: dict[str, Any], points: int | None, cap: int) -> None:
    found = account(**changes)
    assert found["cap"] == cap
    if points is None:
        assert found["health_score"] < cap
        assert "capped at" not in found["health_reasons"]
    else:
        assert found["health_score"] == points


@pytest.mark.parametrize("days, cap", [(None, 100), (30, 100), (31, 49), (float("inf"), 100), (-31, 100)])
def test_an_idle_account_is_capped(days: float | None, cap: int) -> None:
    found = score(known({"days_idle": days}), HealthConfig()).accounts.iloc[0]
    assert found["cap"] == cap
    assert found["health_score"] <= cap
    assert ("capped at 49 because the product has not been" in found["health_reasons"]) == (cap == 49)


def test_the_lowest_of_several_caps_holds() -> None:
    every = known({**owing(40), **ENDING, "days_idle": 90})
    assert score(every, HealthConfig()).accounts["cap"].tolist() == [20]
    assert score(every, HealthConfig(cap_idle=5)).accounts["cap"].tolist() == [5]
    assert score(every, HealthConfig(cap_idle=5)).accounts["top_reason"][0].startswith("the product has not")


def test_a_new_account_has_no_score_but_keeps_its_points() -> None:
    health = score(known({"days_as_customer": 10}, {}), HealthConfig())
    new = health.accounts.iloc[0]
    assert (new["health_band"], pd.isna(new["health_score"])) == ("new", True)
    parts = new[["score_before_caps", "points_lost", "points_assumed"]]
    assert parts.sum() == pytest.approx(100)
    assert health.signals["account_id"].tolist() == ["acct_0"] * 14 + ["acct_1"] * 14


def test_what_is_held_back_is_told_where_there_is_room() -> None:
    peers = ladder(20)
    unknown = known(dict.fromkeys(("core_events", "active_users", "days_idle"))).assign(account_id="x")
    found = score(pd.concat([peers, unknown]), HealthConfig()).accounts.iloc[-1]
    held_back = round(found["points_assumed"])
    assert held_back > 0
    assert found["health_reasons"].endswith(f"{held_back} points held back for what is not measured.")
    changes = {**MONTHLY, "nps": 3, "days_since_touch": None, "days_as_customer": 70}
    full = score(pd.concat([peers, unknown.assign(**changes)]), HealthConfig()).accounts.iloc[-1]
    assert "held back" not in full["health_reasons"]


def test_only_a_part_that_ends_does_not_cap() -> None:
    assert account(**{**ENDING, "counted_items": 2})["health_score"] == 100


@pytest.mark.parametrize(
    "lost, points, band",
    [(20.0, 80, "green"), (20.4, 80, "green"), (20.6, 79, "yellow"), (50.0, 50, "yellow"), (50.6, 49, "red")],
)
def test_the_band_follows_the_rounded_score(lost: float, points: int, band: str) -> None:
    # All the weight on tenure: what is missing of its year is what is lost.
    weights = {"payments": 0.0, "mrr_trend": 0.0, "commitment": 0.0}
    config = HealthConfig(points=weights, new_days=0)
    one = facts({"days_as_customer": 365 * (100 - lost) / 100})
    found = score(one, config).accounts.iloc[0]
    assert (found["health_score"], found["health_band"]) == (points, band)


def test_half_a_point_is_rounded_up() -> None:
    config = HealthConfig(points={"payments": 0.0, "mrr_trend": 0.0, "commitment": 0.0}, new_days=0)
    found = score(facts({"days_as_customer": 365 * 0.625}), config).accounts.iloc[0]
    assert found["health_score"] == 63


@pytest.mark.parametrize("days, band", [(59, "new"), (60, "yellow"), (None, "new")])
def test_the_first_sixty_days_are_new(days: int | None, band: str) -> None:
    found = account(**MONTHLY, days_as_customer=days)
    assert found["health_band"] == band
    assert pd.isna(found["health_score"]) == (band == "new")


def test_too_little_measured_is_no_data_and_never_red() -> None:
    config = HealthConfig(min_coverage=80)
    found = score(facts({"mrr_90": 0, "mrr_180": 0, **owing(40)}), config).accounts.iloc[0]
    assert found["health_band"] == "no data"
    assert pd.isna(found["health_score"])


@pytest.mark.parametrize(
    "status, band",
    [("churned", "no data"), ("never_paid", "no data"), ("trialing", "new"), ("incomplete", "new")],
)
def test_those_who_are_no_customers_now_have_no_score(status: str, band: str) -> None:
    health = score(facts({"status": status}), HealthConfig())
    found = health.accounts.iloc[0]
    assert (found["health_band"], pd.isna(found["health_score"])) == (band, True)
    assert health.signals.empty


@pytest.mark.parametrize(
    "changes, english, french",
    [
        (
            {},
            "Globex: 100/100, green: nothing counts against it.",
            "Globex : 100/100, vert : aucun point faible.",
        ),
        (
            {"bad_invoices": 2, "invoices": 6, **{"mrr": 8000}},
            "Globex: 48/100, red: 2 failed or late invoices out of 6 in the last 180 days (-35); "
            "MRR is down 20% over 180 days (-17).",
            "Globex : 48/100, rouge : paiement échoué ou en retard pour 2 factures sur 6 ces 180 derniers "
            "jours (-35) ; MRR en baisse de 20 % sur 180 jours (-17).",
        ),
        (
            ENDING,
            "Globex: 20/100, red: capped at 20 because cancellation is scheduled for 2026-12-01.",
            "Globex : 20/100, rouge : plafonné à 20 car la résiliation est prévue le 01/12/2026.",
        ),
        (
            {**MONTHLY, **owing(22), "days_as_customer": 100},
            "Globex: 40/100, red: an invoice is 22 days past due (-35); a customer for 3 months (-15); "
            "no commitment beyond a month (-10).",
            "Globex : 40/100, rouge : une facture a 22 jours de retard (-35) ; client depuis 3 mois "
            "(-15) ; aucun engagement au-delà d’un mois (-10).",
        ),
        (
            {"days_as_customer": 10},
            "Globex: new customer; the score starts 60 days after the first payment.",
            "Globex : nouveau client ; premier score 60 jours après le premier paiement.",
        ),
        (
            {"status": "churned"},
            "Globex: no longer a customer, no score.",
            "Globex : n’est plus client, pas de score.",
        ),
    ],
)
def test_one_sentence_says_why(changes: dict[str, Any], english: str, french: str) -> None:
    found = account(**changes)
    assert found["health_reasons"] == english
    plain = found["health_reasons_fr"].replace("\u00a0", " ").replace("\u202f", " ")
    assert plain == french


def test_the_top_reason_is_the_cap_or_the_heaviest_loss() -> None:
    assert account(**ENDING)["top_reason"] == "cancellation is scheduled for 2026-12-01"
    assert account(**ENDING)["top_reason_fr"] == "la résiliation est prévue le 01/12/2026"
    assert account(**MONTHLY)["top_reason"] == "no commitment beyond a month"
    assert account(**MONTHLY)["top_reason_fr"] == "aucun engagement au-delà d’un mois"
    assert account()[["top_reason", "top_reason_fr"]].isna().all()


def test_the_signals_add_up_to_the_score() -> None:
    health = score(facts({}, MONTHLY, owing(40), {"mrr_90": 0, "mrr_180": 0}, ENDING), HealthConfig())
    earned = health.signals.groupby("account_id")["points"].sum()
    whole = health.signals.groupby("account_id")["max_points"].sum()
    accounts = health.accounts.set_index("account_id")
    assert earned.to_dict() == pytest.approx(accounts["score_before_caps"].to_dict())
    assert whole.tolist() == pytest.approx([100.0] * 5)
    parts = accounts[["score_before_caps", "points_lost", "points_assumed"]].sum(axis=1)
    assert parts.tolist() == pytest.approx([100.0] * 5)


def test_unconnected_sources_are_said_once() -> None:
    sources = score(facts({}, {}), HealthConfig()).sources
    assert dict(zip(sources["component"], sources["state"], strict=True)) == {
        "usage": "dropped",
        "engagement": "dropped",
        "satisfaction": "dropped",
        "history": "used",
    }
    assert sources["note_en"].iloc[0].startswith("Product usage: source not connected")


def test_a_weight_for_a_signal_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="usage_level"):
        score(facts({}), HealthConfig(points={"usage_level": 3}))


def test_odd_facts_never_make_a_score_outside_its_range() -> None:
    odd: list[dict[str, Any]] = [
        {"mrr": 0, "mrr_180": 0, "mrr_90": 0, "counted_items": 0, "term_days": None, "status": "paused"},
        {"mrr": 10**15, "mrr_180": 1},
        {"days_as_customer": -5},
        {"days_as_customer": 10**6, "bad_invoices": 10**6},
        {name: None for name in HEALTHY if name not in ("account_id", "name", "status")} | {"mrr": 0},
    ]
    accounts = score(facts(*odd), HealthConfig(new_days=0)).accounts
    scores = accounts["health_score"].dropna().to_numpy(dtype=np.float64)
    assert ((scores >= 0) & (scores <= 100)).all()
    assert accounts["health_band"].isin(["green", "yellow", "red", "new", "no data"]).all()

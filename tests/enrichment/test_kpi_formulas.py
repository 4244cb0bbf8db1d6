"""The formulas give the public worked answers, null on a zero denominator, and agree with each other."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sync.properties import FIELDS
from enrichment import tables
from enrichment.kpis import formulas
from enrichment.kpis.catalogue import CATALOGUE, KPI_KEYS, KPI_MONTH, KPI_PARTS, KPIS, MONTHLY
from enrichment.kpis.formulas import Facts, Lifetime
from enrichment.kpis.kpi import Kpi
from enrichment.kpis.places import PRESENT
from enrichment.policy import Policy

DEFAULT = Policy()
STRIPE = Policy(churn_denominator="start_plus_new", ltv_method="arpa_churn")
MONTH = {"mrr_start": 10000, "churned_mrr": 1000, "contraction_mrr": 1000, "expansion_mrr": 1000, "mrr": 9000}
LIFE = Lifetime(Fraction(20), Fraction(15), Fraction(25))
amounts = st.integers(0, 10**12)
counts = st.integers(0, 10**7)


def value(name: str, policy: Policy = DEFAULT, **facts: Any) -> int | float | None:
    return KPIS[name].value(Facts(**facts), policy)


@pytest.mark.parametrize(
    "name, facts, expected",
    [
        # metrics: start 100, churn 10, contraction 10, expansion 10 (ChartMogul's help, MRR churn rate).
        ("gross_mrr_churn_rate", MONTH, 0.2),
        ("net_mrr_churn_rate", MONTH, 0.1),
        ("grr", MONTH, 0.8),
        ("nrr", MONTH, 0.9),
        ("quick_ratio", MONTH, 0.5),
        # A published quick ratio: new 20k, expansion 8k, churn 5k, contraction 3k.
        (
            "quick_ratio",
            {"new_mrr": 20000, "expansion_mrr": 8000, "churned_mrr": 5000, "contraction_mrr": 3000},
            3.5,
        ),
        # A quarter's churn in a public example: 480 of 10,000.
        ("customer_churn_rate", {"customers_start": 10_000, "lost_customers": 480}, 0.048),
        ("retention_rate", {"customers_start": 10_000, "lost_customers": 480}, 0.952),
        ("average_lifetime_months", {"customers_start": 200, "lost_customers": 5}, 40.0),
        # ChartMogul's help, LTV: ARPA 100, 5 % average churn of six months: 2,000.
        (
            "cltv",
            {"mrr": 1_000_000, "active_customers": 100, "recent_lost": 30, "recent_start": 600},
            200_000,
        ),
        # A published LTV: ARPU 500, margin 80 %, churn 5 %: 8,000; CAC 50,000 / 25 = 2,000; LTV:CAC 4.
        (
            "ltv_cac",
            {
                "mrr": 50_000,
                "active_customers": 1,
                "recent_lost": 1,
                "recent_start": 20,
                "margin": Fraction(4, 5),
                "spend": 5_000_000,
                "new_customers": 25,
            },
            4.0,
        ),
        ("cac", {"spend": 5_000_000, "new_customers": 25}, 200_000),
        # A published payback: CAC 600, ARPU 120, margin 80 %: 6.25 months.
        (
            "cac_payback_months",
            {
                "spend": 60_000,
                "new_customers": 1,
                "mrr": 12_000,
                "active_customers": 1,
                "margin": Fraction(4, 5),
            },
            6.25,
        ),
        ("arr", {"mrr": 1_250_000}, 15_000_000),
        ("arpa", {"mrr": 1000, "active_customers": 3}, 333),
        ("average_order_value", {"charge_total": 15, "charge_count": 2}, 8),
        ("average_order_value", {"charge_total": 25, "charge_count": 2}, 12),
        ("trial_conversion_rate", {"trials_ended": 3, "trials_converted": 2}, 0.666667),
        ("committed_mrr", {"mrr": 900, "scheduled_churn_mrr": 200}, 700),
        ("mrr_change_12m", {"mrr": 125, "mrr_12m_ago": 100}, 0.25),
        ("nrr_12m", {"opening_mrr_12m": 4000, "retained_mrr_12m": 5000}, 1.25),
    ],
)
def test_worked_answers(name: str, facts: dict[str, Any], expected: float) -> None:
    assert value(name, **facts) == expected


def test_churn_by_stripe_counts_new_customers_as_at_risk() -> None:
    facts: Any = {"customers_start": 90, "new_customers": 10, "lost_customers": 5}
    assert value("customer_churn_rate", **facts) == round(5 / 90, 6)
    assert value("customer_churn_rate", STRIPE, **facts) == 0.05


def test_reactivation_in_net_churn_is_a_choice() -> None:
    facts: Any = {**MONTH, "reactivation_mrr": 500}
    assert value("net_mrr_churn_rate", **facts) == 0.05
    assert value("net_mrr_churn_rate", Policy(net_churn_reactivation="exclude"), **facts) == 0.1


def test_cltv_by_each_method() -> None:
    facts: Any = {
        "mrr": 100_000,
        "active_customers": 10,
        "customers_start": 10,
        "lost_customers": 1,
        "recent_lost": 3,
        "recent_start": 60,
        "margin": Fraction(1, 2),
        "lifetime": LIFE,
    }
    assert value("cltv", **facts) == 10_000 * 20 // 2
    assert value("cltv", Policy(ltv_method="arpa_churn"), **facts) == 10_000 * 10
    assert value("cltv", Policy(ltv_method="kaplan_meier"), **facts) == 10_000 * 20 // 2
    names = ("cltv_kaplan_meier_low", "cltv_kaplan_meier", "cltv_kaplan_meier_high")
    assert [value(name, **facts) for name in names] == [75_000, 100_000, 125_000]


def test_six_months_of_stripes_denominator() -> None:
    facts: Any = {"mrr": 100, "active_customers": 1, "recent_lost": 5, "recent_start": 90, "recent_new": 10}
    assert value("cltv", Policy(churn_denominator="start_plus_new"), **facts) == 2000


def test_every_ratio_of_an_empty_month_is_null() -> None:
    told = {kpi.id: kpi.value(Facts(), DEFAULT) for kpi in MONTHLY}
    assert {name for name, number in told.items() if number is not None} == {
        name for name in told if KPIS[name].additive in ("sum", "first", "last")
    } - {*PRESENT, "committed_mrr"}


@pytest.mark.parametrize("kpi", MONTHLY, ids=lambda kpi: kpi.id)
def test_zero_denominators_are_never_zero(kpi: Kpi) -> None:
    won = Facts(
        new_mrr=5, expansion_mrr=5, lost_customers=2, spend=7, charge_total=9, trials_converted=1, mrr=8
    )
    if kpi.additive == "none":
        assert kpi.value(won, DEFAULT) is None


@given(amounts, amounts, amounts, amounts, amounts)
def test_retention_rates_agree(start: int, more: int, less: int, lost: int, back: int) -> None:
    facts = Facts(start, 0, more, less, lost, back)
    grr, nrr = formulas.gross_retention(facts), formulas.net_retention(facts)
    gross, net = formulas.gross_churn(facts), formulas.net_churn(facts, DEFAULT)
    if grr is None or nrr is None or gross is None or net is None:
        assert grr is nrr is gross is net is None
        assert start == 0
        return
    assert grr <= 1
    assert grr <= nrr
    assert grr == 1 - gross
    assert nrr == 1 - net - Fraction(back, start)


@given(amounts, amounts, amounts, amounts, amounts)
def test_the_quick_ratio_is_won_over_lost(new: int, more: int, less: int, lost: int, back: int) -> None:
    quick = formulas.quick_ratio(Facts(0, new, more, less, lost, back))
    assert (quick is None) == (less + lost == 0)
    if quick is not None:
        assert quick * (less + lost) == new + more + back
        assert (quick > 1) == (new + more + back > less + lost)


@given(counts, counts, counts)
def test_churn_and_retention_are_one(start: int, new: int, lost: int) -> None:
    facts: Any = {"customers_start": start, "new_customers": new, "lost_customers": lost}
    for policy in (DEFAULT, STRIPE):
        churn, kept = value("customer_churn_rate", policy, **facts), value("retention_rate", policy, **facts)
        assert (churn is None) == (kept is None)
        if churn is not None and kept is not None:
            assert churn + kept == pytest.approx(1, abs=2e-6)
        lifetime = value("average_lifetime_months", policy, **facts)
        assert (lifetime is None) == (churn is None or lost == 0)


@given(amounts, st.integers(1, 10**6))
def test_money_is_rounded_once_and_half_to_even(mrr: int, customers: int) -> None:
    arpa = value("arpa", mrr=mrr, active_customers=customers)
    assert arpa == round(Fraction(mrr, customers))
    assert isinstance(arpa, int)


def test_names_are_unique_and_no_metric_is_named_as_a_column() -> None:
    assert len(KPIS) == len(CATALOGUE)
    columns = {name for table in vars(tables).values() if isinstance(table, dict) for name in table}
    assert not {kpi.metric for kpi in CATALOGUE} & (columns | set(KPI_MONTH))


def test_every_figure_speaks_both_languages_and_exists_somewhere() -> None:
    for kpi in CATALOGUE:
        assert all((kpi.label_en, kpi.label_fr, kpi.formula, kpi.formula_fr, kpi.grain))
        assert (kpi.calculation is not None) >= ("segment_month" in kpi.grain)


def test_the_month_has_every_monthly_figure_and_the_parts_of_its_ratios() -> None:
    assert list(KPI_MONTH) == [*KPI_KEYS, *(kpi.id for kpi in MONTHLY), *KPI_PARTS, "policy_hash"]
    assert len(set(KPI_MONTH)) == len(KPI_KEYS) + len(MONTHLY) + len(KPI_PARTS) + 1


def test_the_crm_has_the_properties_that_the_catalogue_names() -> None:
    known = {item.property.name for item in FIELDS}
    named = {kpi.crm_property for kpi in CATALOGUE} - {None}
    assert named <= known
    assert len(named) == 6

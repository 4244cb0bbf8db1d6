"""The catalogue: every key figure, declared once, and the tables whose columns follow from it.

Definitions are the field's, where possible with a public source: Stripe's billing glossary
(https://docs.stripe.com/billing/subscriptions/analytics/glossary), ChartMogul's and Baremetrics' help.
``docs/kpis.md`` holds the same table for people.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from enrichment.kpis import formulas
from enrichment.kpis.formulas import Amount, Facts
from enrichment.kpis.kpi import Additive, Better, Calculation, Grain, Kpi, Unit

_Pair = tuple[str, str]
_MONTHLY: Final[tuple[Grain, ...]] = ("segment_month",)
_BY_ACCOUNT: Final[tuple[Grain, ...]] = ("segment_month", "account_month")
_NOW: Final[tuple[Grain, ...]] = ("segment_month", "account")
_EVERYWHERE: Final[tuple[Grain, ...]] = ("segment_month", "account_month", "account")


def _kpi(
    name: str,
    label: _Pair,
    formula: _Pair,
    calculation: Calculation | None,
    unit: Unit = "money",
    better: Better = "up",
    *,
    grain: tuple[Grain, ...] = _MONTHLY,
    additive: Additive = "none",
    crm: str | None = None,
) -> Kpi:
    """Declare a figure; labels and formulas are (English, French)."""
    return Kpi(name, *label, *formula, unit, grain, additive, better, crm, calculation)


def _plain(calculation: Callable[[Facts], Amount]) -> Calculation:
    """Return a formula that no key of the policy changes."""
    return lambda facts, _: calculation(facts)


def _column(name: str) -> Calculation:
    """Return the formula of a figure that is a sum of the ledger as it stands."""
    return lambda facts, _: getattr(facts, name)


def _movement(name: str, label: _Pair, formula: _Pair, better: Better) -> Kpi:
    return _kpi(name, label, formula, _column(name), "money", better, grain=_BY_ACCOUNT, additive="sum")


def _customers(name: str, label: _Pair, formula: _Pair, additive: Additive, better: Better) -> Kpi:
    return _kpi(name, label, formula, _column(name), "count", better, additive=additive)


def _surviving(end: str) -> Calculation:
    """Return the lifetime value by an end of the Kaplan-Meier estimate (mean, low, high)."""
    return lambda facts, _: formulas.surviving_value(
        facts, getattr(facts.lifetime, end) if facts.lifetime else None
    )


_REVENUE: Final = (
    _kpi(
        "mrr_start",
        ("MRR at start", "MRR au début"),
        ("MRR at the end of the month before", "MRR à la fin du mois précédent"),
        _column("mrr_start"),
        better="neither",
        grain=_BY_ACCOUNT,
        additive="first",
    ),
    _movement(
        "new_mrr",
        ("New MRR", "Nouveau MRR"),
        ("MRR of customers who never had any before", "MRR des clients qui n'en avaient jamais eu"),
        "up",
    ),
    _movement(
        "expansion_mrr",
        ("Expansion MRR", "MRR d'expansion"),
        ("rise of the MRR of customers who had some", "hausse du MRR des clients qui en avaient déjà"),
        "up",
    ),
    _movement(
        "contraction_mrr",
        ("Contraction MRR", "MRR de contraction"),
        ("fall of the MRR of customers who stay", "baisse du MRR des clients qui restent"),
        "down",
    ),
    _movement(
        "churned_mrr",
        ("Churned MRR", "MRR perdu"),
        ("MRR of customers who fell to zero", "MRR des clients tombés à zéro"),
        "down",
    ),
    _movement(
        "reactivation_mrr",
        ("Reactivation MRR", "MRR de réactivation"),
        ("MRR of customers who came back after churn", "MRR des clients revenus après leur départ"),
        "up",
    ),
    _movement(
        "fx_mrr",
        ("FX", "Effet de change"),
        ("change of MRR by exchange rates alone", "variation du MRR due aux seuls taux de change"),
        "neither",
    ),
    _kpi(
        "mrr",
        ("MRR", "MRR"),
        (
            "start + new + reactivation + expansion - contraction - churned + FX",
            "début + nouveau + réactivation + expansion - contraction - perdu + change",
        ),
        _column("mrr"),
        grain=_EVERYWHERE,
        additive="last",
        crm="saaskpi_mrr",
    ),
    _kpi(
        "arr",
        ("ARR", "ARR"),
        ("12 x MRR", "12 x MRR"),
        _plain(lambda f: formulas.annual(f.mrr)),
        grain=_NOW,
        additive="last",
        crm="saaskpi_arr",
    ),
    _kpi(
        "contract_mrr",
        ("Contract MRR", "MRR contractuel"),
        (
            "MRR before discounts, known for the present only",
            "MRR avant remises, connu pour le présent seulement",
        ),
        _column("contract_mrr"),
        grain=_NOW,
        additive="last",
        crm="saaskpi_contract_mrr",
    ),
    _kpi(
        "potential_trial_mrr",
        ("Potential trial MRR", "MRR potentiel des essais"),
        (
            "MRR of running trials if all convert, known for the present only",
            "MRR des essais en cours si tous aboutissent, connu pour le présent seulement",
        ),
        _column("potential_trial_mrr"),
        grain=_NOW,
        additive="last",
    ),
    _kpi(
        "scheduled_churn_mrr",
        ("Scheduled churn MRR", "MRR dont la fin est prévue"),
        (
            "MRR of subscriptions whose cancellation is scheduled, known for the present only",
            "MRR des abonnements dont la résiliation est prévue, connu pour le présent seulement",
        ),
        _column("scheduled_churn_mrr"),
        better="down",
        grain=_NOW,
        additive="last",
        crm="saaskpi_scheduled_churn_mrr",
    ),
    _kpi(
        "committed_mrr",
        ("Committed MRR", "MRR engagé"),
        ("MRR - scheduled churn MRR", "MRR - MRR dont la fin est prévue"),
        _plain(formulas.committed),
        grain=_NOW,
        additive="last",
    ),
    _kpi(
        "mrr_change_12m",
        ("MRR change, 12 months", "Évolution du MRR sur 12 mois"),
        ("MRR now / MRR 12 months ago - 1", "MRR actuel / MRR il y a 12 mois - 1"),
        _plain(lambda f: formulas.growth(f.mrr, f.mrr_12m_ago)),
        "percent",
        grain=("account",),
        crm="saaskpi_mrr_change_12m",
    ),
)
_CUSTOMERS: Final = (
    _customers(
        "customers_start",
        ("Customers at start", "Clients au début"),
        ("customers with MRR at the end of the month before", "clients avec MRR à la fin du mois précédent"),
        "first",
        "neither",
    ),
    _customers(
        "new_customers",
        ("New customers", "Nouveaux clients"),
        ("customers with MRR for the first time ever", "clients avec un premier MRR"),
        "sum",
        "up",
    ),
    _customers(
        "lost_customers",
        ("Lost customers", "Clients perdus"),
        ("customers whose MRR reached zero", "clients dont le MRR est tombé à zéro"),
        "sum",
        "down",
    ),
    _customers(
        "reactivated_customers",
        ("Reactivated customers", "Clients réactivés"),
        ("customers with MRR again after churn", "clients revenus après leur départ"),
        "sum",
        "up",
    ),
    _customers(
        "active_customers",
        ("Active customers", "Clients actifs"),
        (
            "customers with MRR above zero at the end of the month",
            "clients avec un MRR positif en fin de mois",
        ),
        "last",
        "up",
    ),
    _kpi(
        "arpa",
        ("ARPA", "ARPA"),
        ("MRR / active customers", "MRR / clients actifs"),
        _plain(formulas.arpa),
    ),
    _kpi(
        "customer_churn_rate",
        ("Customer churn rate", "Taux d'attrition des clients"),
        (
            "lost customers / customers at start (or start + new: `churn.denominator`)",
            "clients perdus / clients au début (ou début + nouveaux : `churn.denominator`)",
        ),
        formulas.customer_churn,
        "percent",
        "down",
    ),
    _kpi(
        "retention_rate",
        ("Retention rate", "Taux de rétention"),
        ("1 - customer churn rate", "1 - taux d'attrition des clients"),
        lambda f, p: formulas.complement(formulas.customer_churn(f, p)),
        "percent",
    ),
    _kpi(
        "average_lifetime_months",
        ("Average lifetime", "Durée de vie moyenne"),
        ("1 / customer churn rate, in months", "1 / taux d'attrition des clients, en mois"),
        lambda f, p: formulas.ratio(1, formulas.customer_churn(f, p)),
        "months",
    ),
)
_RETENTION: Final = (
    _kpi(
        "gross_mrr_churn_rate",
        ("Gross MRR churn", "Attrition brute du MRR"),
        ("(churned + contraction) / MRR at start", "(perdu + contraction) / MRR au début"),
        _plain(formulas.gross_churn),
        "percent",
        "down",
    ),
    _kpi(
        "net_mrr_churn_rate",
        ("Net MRR churn", "Attrition nette du MRR"),
        (
            "(churned + contraction - expansion - reactivation) / MRR at start "
            "(without reactivation: `net_churn.reactivation`)",
            "(perdu + contraction - expansion - réactivation) / MRR au début "
            "(sans la réactivation : `net_churn.reactivation`)",
        ),
        formulas.net_churn,
        "percent",
        "down",
    ),
    _kpi(
        "grr",
        ("GRR", "GRR"),
        (
            "(start - contraction - churned) / MRR at start, at most 100 %",
            "(début - contraction - perdu) / MRR au début, 100 % au plus",
        ),
        _plain(formulas.gross_retention),
        "percent",
    ),
    _kpi(
        "nrr",
        ("NRR, 1 month", "NRR, 1 mois"),
        (
            "(start + expansion - contraction - churned) / MRR at start",
            "(début + expansion - contraction - perdu) / MRR au début",
        ),
        _plain(formulas.net_retention),
        "percent",
    ),
    _kpi(
        "nrr_12m",
        ("NRR, 12 months", "NRR, 12 mois"),
        (
            "MRR now of the customers of 12 months ago / their MRR then",
            "MRR actuel des clients d'il y a 12 mois / leur MRR d'alors",
        ),
        _plain(lambda f: formulas.ratio(f.retained_mrr_12m, f.opening_mrr_12m)),
        "percent",
    ),
    _kpi(
        "quick_ratio",
        ("Quick ratio", "Quick ratio"),
        (
            "(new + expansion + reactivation) / (churned + contraction)",
            "(nouveau + expansion + réactivation) / (perdu + contraction)",
        ),
        _plain(formulas.quick_ratio),
        "ratio",
    ),
    _kpi(
        "cohort_customer_retention",
        ("Cohort retention, customers", "Rétention de cohorte, clients"),
        (
            "customers of the cohort with MRR in month k / in month 0",
            "clients de la cohorte avec MRR au mois k / au mois 0",
        ),
        None,
        "percent",
        grain=("cohort_month",),
    ),
    _kpi(
        "cohort_mrr_retention",
        ("Cohort retention, MRR", "Rétention de cohorte, MRR"),
        ("MRR of the cohort in month k / in month 0", "MRR de la cohorte au mois k / au mois 0"),
        None,
        "percent",
        grain=("cohort_month",),
    ),
)
_VALUE: Final = (
    _kpi(
        "cltv",
        ("CLTV", "CLTV"),
        (
            "ARPA x gross margin / average monthly customer churn of the last 6 months "
            "(or ARPA / churn of the month, or Kaplan-Meier: `ltv.method`)",
            "ARPA x marge brute / attrition mensuelle moyenne des clients sur 6 mois "
            "(ou ARPA / attrition du mois, ou Kaplan-Meier : `ltv.method`)",
        ),
        formulas.cltv,
        grain=_NOW,
        crm="saaskpi_cltv",
    ),
    _kpi(
        "cltv_kaplan_meier",
        ("CLTV, Kaplan-Meier", "CLTV, Kaplan-Meier"),
        (
            "ARPA x gross margin x mean lifetime by Kaplan-Meier, within the longest life observed",
            "ARPA x marge brute x durée de vie moyenne selon Kaplan-Meier, "
            "dans la limite de la plus longue observée",
        ),
        _surviving("mean"),
    ),
    _kpi(
        "cltv_kaplan_meier_low",
        ("CLTV, Kaplan-Meier, low", "CLTV, Kaplan-Meier, borne basse"),
        ("the same with the low end of the 95 % interval", "idem avec la borne basse de l'intervalle à 95 %"),
        _surviving("low"),
    ),
    _kpi(
        "cltv_kaplan_meier_high",
        ("CLTV, Kaplan-Meier, high", "CLTV, Kaplan-Meier, borne haute"),
        (
            "the same with the high end of the 95 % interval",
            "idem avec la borne haute de l'intervalle à 95 %",
        ),
        _surviving("high"),
    ),
    _kpi(
        "cac",
        ("CAC", "CAC"),
        (
            "spend on sales and marketing / new customers",
            "dépenses commerciales et marketing / nouveaux clients",
        ),
        _plain(formulas.acquisition_cost),
        better="down",
    ),
    _kpi(
        "ltv_cac",
        ("LTV:CAC", "LTV:CAC"),
        ("CLTV / CAC", "CLTV / CAC"),
        lambda f, p: formulas.ratio(formulas.cltv(f, p), formulas.acquisition_cost(f)),
        "ratio",
    ),
    _kpi(
        "cac_payback_months",
        ("CAC payback", "Amortissement du CAC"),
        ("CAC / (ARPA x gross margin), in months", "CAC / (ARPA x marge brute), en mois"),
        _plain(formulas.payback),
        "months",
        "down",
    ),
    _kpi(
        "average_order_value",
        ("Average order value", "Panier moyen"),
        ("total of successful charges / their number", "total des paiements réussis / leur nombre"),
        _plain(lambda f: formulas.ratio(f.charge_total, f.charge_count)),
    ),
    _kpi(
        "trial_conversion_rate",
        ("Trial conversion", "Conversion des essais"),
        (
            "trials of the month that converted (`trial_conversion`) / trials that ended in it",
            "essais du mois convertis (`trial_conversion`) / essais terminés dans le mois",
        ),
        _plain(lambda f: formulas.ratio(f.trials_converted, f.trials_ended)),
        "percent",
    ),
    _kpi(
        "funnel_conversion_rate",
        ("Funnel conversion", "Conversion de l'entonnoir"),
        (
            "count of the step / count of the step before",
            "effectif de l'étape / effectif de l'étape précédente",
        ),
        None,
        "percent",
        grain=("funnel_step",),
    ),
)
CATALOGUE: Final[tuple[Kpi, ...]] = (*_REVENUE, *_CUSTOMERS, *_RETENTION, *_VALUE)
"""Every key figure, in the order in which people read them."""
KPIS: Final = {kpi.id: kpi for kpi in CATALOGUE}
"""The same by id."""
MONTHLY: Final = tuple(kpi for kpi in CATALOGUE if "segment_month" in kpi.grain)
"""Those of a month, currency and segment: the columns of ``kpi_month``."""

KPI_KEYS: Final = {
    "month": "VARCHAR",
    "currency": "VARCHAR",
    "valuation": "VARCHAR",
    "segment": "VARCHAR",
    "segment_value": "VARCHAR",
}
"""What names a row of ``kpi_base`` and ``kpi_month``."""
KPI_PARTS: Final = {
    "opening_mrr_12m": "BIGINT",
    "retained_mrr_12m": "BIGINT",
    "spend": "BIGINT",
    "charge_total": "BIGINT",
    "charge_count": "BIGINT",
    "trials_ended": "BIGINT",
    "trials_converted": "BIGINT",
}
"""What ratios are made of and is no figure by itself: the ratio of several rows is built anew from these."""
KPI_MONTH: Final[dict[str, str]] = {
    **KPI_KEYS,
    **{kpi.id: kpi.sql_type for kpi in MONTHLY},
    **KPI_PARTS,
    "policy_hash": "VARCHAR",
}
"""One row per month, currency, valuation and segment with every monthly figure."""
MARKETING_SPEND: Final = {
    "month": "VARCHAR",
    "currency": "VARCHAR",
    "amount": "BIGINT",
    "segment": "VARCHAR",
    "segment_value": "VARCHAR",
}
"""Spend on sales and marketing in minor units; without segment, for the company as a whole."""

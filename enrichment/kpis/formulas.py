"""The formulas of the key figures, exact: fractions in, fractions out, None where nothing can be said.

A denominator of zero gives None, never 0: a company without customers has no churn rate. Nothing here rounds;
:meth:`enrichment.kpis.catalogue.Kpi.value` does, once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from enrichment.policy import Policy

Exact = Fraction | None
Amount = Fraction | int | None


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long customers stay, in months, by Kaplan-Meier.

    Attributes:
        mean: expected number of months, within the longest life that was observed.
        low: lower end of its confidence interval.
        high: upper end.
    """

    mean: Fraction
    low: Fraction
    high: Fraction


@dataclass(frozen=True, slots=True)
class Facts:
    """What the formulas read: sums over one month, currency and segment; None is unknown.

    Money is integer minor units.

    Attributes:
        recent_lost: customers lost in this month and the five before.
        recent_start: customers at the start of each of these months, added up.
        recent_new: customers won in these months.
        spend: on sales and marketing.
        lifetime: as of the end of the month.
        margin: gross margin as a share, 1 for 100 per cent.
        mrr_12m_ago: of an account.
    """

    mrr_start: int = 0
    new_mrr: int = 0
    expansion_mrr: int = 0
    contraction_mrr: int = 0
    churned_mrr: int = 0
    reactivation_mrr: int = 0
    fx_mrr: int = 0
    mrr: int = 0
    customers_start: int = 0
    active_customers: int = 0
    new_customers: int = 0
    lost_customers: int = 0
    reactivated_customers: int = 0
    opening_mrr_12m: int | None = None
    retained_mrr_12m: int | None = None
    contract_mrr: int | None = None
    potential_trial_mrr: int | None = None
    scheduled_churn_mrr: int | None = None
    spend: int | None = None
    charge_total: int | None = None
    charge_count: int | None = None
    trials_ended: int | None = None
    trials_converted: int | None = None
    recent_lost: int = 0
    recent_start: int = 0
    recent_new: int = 0
    lifetime: Lifetime | None = None
    margin: Fraction = Fraction(1)
    mrr_12m_ago: int | None = None


def ratio(numerator: Amount, denominator: Amount) -> Exact:
    """Return the quotient; None when a part is unknown or the denominator is zero."""
    if numerator is None or not denominator:
        return None
    return Fraction(numerator) / denominator


def product(*factors: Amount) -> Exact:
    """Return the product; None when a factor is unknown."""
    result = Fraction(1)
    for factor in factors:
        if factor is None:
            return None
        result *= factor
    return result


def complement(share: Exact) -> Exact:
    """Return ``1 - share``."""
    return None if share is None else 1 - share


def annual(monthly: int | Fraction) -> Fraction:
    """Return twelve times a monthly amount."""
    return Fraction(12 * monthly)


def arpa(facts: Facts) -> Exact:
    """Return the average MRR per paying customer at the end of the period."""
    return ratio(facts.mrr, facts.active_customers)


def customer_churn(facts: Facts, policy: Policy) -> Exact:
    """Return lost customers over those of the start, or of start and new (``churn.denominator``)."""
    return ratio(facts.lost_customers, _at_risk(facts.customers_start, facts.new_customers, policy))


def recent_churn(facts: Facts, policy: Policy) -> Exact:
    """Return the average monthly customer churn of six months: mean lost over mean at risk.

    Months weigh by their customers, so that a quiet first month does not count as much as a busy one.
    """
    return ratio(facts.recent_lost, _at_risk(facts.recent_start, facts.recent_new, policy))


def gross_churn(facts: Facts) -> Exact:
    """Return MRR lost to churn and contraction over MRR at the start."""
    return ratio(facts.churned_mrr + facts.contraction_mrr, facts.mrr_start)


def net_churn(facts: Facts, policy: Policy) -> Exact:
    """Return lost MRR less expansion, and less reactivation (``net_churn.reactivation``), over the start."""
    won = facts.expansion_mrr
    if policy.net_churn_reactivation == "include":
        won += facts.reactivation_mrr
    return ratio(facts.churned_mrr + facts.contraction_mrr - won, facts.mrr_start)


def gross_retention(facts: Facts) -> Exact:
    """Return what is left of the opening MRR without any gain, at most 1."""
    kept = complement(gross_churn(facts))
    return None if kept is None else min(Fraction(1), kept)


def net_retention(facts: Facts) -> Exact:
    """Return what the customers of the start are worth at the end, over what they were worth."""
    end = facts.mrr_start + facts.expansion_mrr - facts.contraction_mrr - facts.churned_mrr
    return ratio(end, facts.mrr_start)


def quick_ratio(facts: Facts) -> Exact:
    """Return MRR won over MRR lost."""
    won = facts.new_mrr + facts.expansion_mrr + facts.reactivation_mrr
    return ratio(won, facts.churned_mrr + facts.contraction_mrr)


def lifetime_value(monthly: Exact, months: Exact, margin: Fraction = Fraction(1)) -> Exact:
    """Return what a customer brings in: per month, times the months it stays, times the gross margin.

    Args:
        monthly: ARPA.
        months: the expected lifetime, 1 / churn or a mean.
        margin: as a share.
    """
    return product(monthly, months, margin)


def cltv(facts: Facts, policy: Policy) -> Exact:
    """Return the customer lifetime value by ``ltv.method``."""
    if policy.ltv_method == "kaplan_meier":
        return surviving_value(facts, facts.lifetime.mean if facts.lifetime else None)
    if policy.ltv_method == "arpa_churn":
        return lifetime_value(arpa(facts), ratio(1, customer_churn(facts, policy)))
    return lifetime_value(arpa(facts), ratio(1, recent_churn(facts, policy)), facts.margin)


def surviving_value(facts: Facts, months: Exact) -> Exact:
    """Return the lifetime value of a customer who stays for ``months``."""
    return lifetime_value(arpa(facts), months, facts.margin)


def acquisition_cost(facts: Facts) -> Exact:
    """Return the spend on sales and marketing per new customer (CAC)."""
    return ratio(facts.spend, facts.new_customers)


def payback(facts: Facts) -> Exact:
    """Return in how many months an average customer's margin repays the CAC."""
    return ratio(acquisition_cost(facts), product(arpa(facts), facts.margin))


def committed(facts: Facts) -> Exact:
    """Return MRR without what is set to end."""
    if facts.scheduled_churn_mrr is None:
        return None
    return Fraction(facts.mrr - facts.scheduled_churn_mrr)


def growth(now: int, before: int | None) -> Exact:
    """Return the change as a share of what was before: 0.25 is a quarter more."""
    change = ratio(now, before)
    return None if change is None else change - 1


def _at_risk(start: int, new: int, policy: Policy) -> int:
    return start + new if policy.churn_denominator == "start_plus_new" else start

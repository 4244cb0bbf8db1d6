"""The figures of every month, currency and segment: sums of the ledger in, ``kpi_month`` out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import pandas as pd

from enrichment.frames import records
from enrichment.kpis.catalogue import KPI_KEYS, KPI_MONTH, KPI_PARTS, KPIS, MONTHLY
from enrichment.kpis.formulas import Facts
from enrichment.kpis.lifetime import lifetimes_by_month, month_number
from enrichment.kpis.places import PRESENT, Place, Sides, place_of
from enrichment.policy import Policy
from saaskpi.errors import UsageError

_WINDOW: Final = 6
_BASE: Final = (
    "mrr_start",
    "new_mrr",
    "expansion_mrr",
    "contraction_mrr",
    "churned_mrr",
    "reactivation_mrr",
    "fx_mrr",
    "mrr",
    "customers_start",
    "active_customers",
    "new_customers",
    "lost_customers",
    "reactivated_customers",
)
_PANDAS: Final = {"BIGINT": "Int64", "DOUBLE PRECISION": "Float64", "VARCHAR": "str"}
_Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the ledger; each is optional, and without it its figures are null.

    Months are ``2026-10``, currencies in small letters, money integer minor units. A frame may have the
    columns ``valuation``, ``segment`` and ``segment_value``; without them it speaks of native amounts of the
    whole company. See :class:`enrichment.kpis.places.Sides` for what that means in a reporting currency.

    Attributes:
        spend: month, currency, amount: spend on sales and marketing (``MARKETING_SPEND``).
        charges: month, currency, charge_total, charge_count (``charge_month``).
        trials: month, currency, trials_ended, trials_active, trials_paid (``trial_month``).
        present: month, currency and the columns of ``PRESENT``: what is known of the running month only.
        lifetimes: rows of ``lifetime_counts``.
    """

    spend: pd.DataFrame | None = None
    charges: pd.DataFrame | None = None
    trials: pd.DataFrame | None = None
    present: pd.DataFrame | None = None
    lifetimes: pd.DataFrame | None = None


def kpi_month(
    base: pd.DataFrame,
    policy: Policy,
    *,
    gross_margin: float | str = 100,
    beside: Beside | None = None,
) -> pd.DataFrame:
    """Compute every monthly figure of the catalogue.

    Args:
        base: rows of ``kpi_base``: the keys of ``KPI_KEYS``, the movements and customers of the month, and
            ``opening_mrr_12m`` and ``retained_mrr_12m``, which may be null. Money in minor units.
        policy: ``churn.denominator``, ``net_churn.reactivation``, ``ltv.method`` and ``trial_conversion``.
        gross_margin: in per cent, above 0 and up to 100.
        beside: spend, charges, trials and the like.

    Returns:
        One row per row of ``base``, in its order, with the columns of ``KPI_MONTH``. Money and counts are
        integers, the rest floats of six decimals; null where a denominator is zero or a part is unknown.

    Raises:
        UsageError: the gross margin is out of range.
    """
    margin = _margin(gross_margin)
    rows = records(base)
    facts = _all_facts(rows, beside or Beside(), policy, margin)
    figures = [_figures(row, fact, policy) for row, fact in zip(rows, facts, strict=True)]
    frame = pd.DataFrame(figures, columns=list(KPI_MONTH), dtype=object)
    # Once for all rows: a hash costs more than a row's figures.
    frame["policy_hash"] = policy.hash
    typed = {name: _PANDAS[sql_type] for name, sql_type in KPI_MONTH.items()}
    return frame.astype(typed)


def account_cltv(
    accounts: pd.DataFrame,
    base: pd.DataFrame,
    policy: Policy,
    *,
    gross_margin: float | str = 100,
    lifetimes: pd.DataFrame | None = None,
) -> pd.Series[int]:
    """Return what each account is worth: ``cltv`` with its own MRR and the churn of its currency.

    Args:
        accounts: currency, mrr (minor units).
        base: as for :func:`kpi_month`; the newest month stands for today.
        policy: ``churn.denominator`` and ``ltv.method``.
        gross_margin: in per cent.
        lifetimes: rows of ``lifetime_counts``.

    Returns:
        Minor units, row by row; null for an account without MRR, or where churn cannot be told.

    Raises:
        UsageError: the gross margin is out of range.
    """
    return worth_of(accounts, facts_of_today(base, policy, gross_margin, lifetimes), policy)


def facts_of_today(
    base: pd.DataFrame, policy: Policy, gross_margin: float | str, lifetimes: pd.DataFrame | None
) -> dict[Place, Facts]:
    """Return the facts of the newest month by place; the arguments are those of :func:`account_cltv`."""
    rows = records(base)
    last = max((row["month"] for row in rows), default="")
    facts = _all_facts(rows, Beside(lifetimes=lifetimes), policy, _margin(gross_margin))
    return {place_of(row): fact for row, fact in zip(rows, facts, strict=True) if row["month"] == last}


def worth_of(accounts: pd.DataFrame, today: Mapping[Place, Facts], policy: Policy) -> pd.Series[int]:
    """Return what :func:`account_cltv` does, from facts that are there already."""
    worth = []
    for account in records(accounts[["currency", "mrr"]]):
        fact = today.get(place_of(account)) if account["currency"] and account["mrr"] else None
        one = replace(fact, mrr=int(account["mrr"]), active_customers=1) if fact else None
        worth.append(KPIS["cltv"].value(one, policy) if one else None)
    return pd.Series(worth, index=accounts.index, dtype="Int64")


def _margin(per_cent: float | str) -> Fraction:
    try:
        margin = Fraction(str(per_cent)) / 100
    except (ValueError, ZeroDivisionError):
        margin = Fraction(0)
    if not 0 < margin <= 1:
        raise UsageError(
            f"The gross margin cannot be {per_cent!r}.", hint="Give per cent above 0, up to 100."
        )
    return margin


def _all_facts(rows: list[_Row], beside: Beside, policy: Policy, margin: Fraction) -> Iterator[Facts]:
    sides = _sides(beside, policy)
    lives = lifetimes_by_month(beside.lifetimes, {row["month"] for row in rows})
    windows = _Windows(rows)
    for row in rows:
        place = place_of(row)
        yield Facts(
            **{name: int(row[name]) for name in _BASE},
            opening_mrr_12m=_whole(row["opening_mrr_12m"]),
            retained_mrr_12m=_whole(row["retained_mrr_12m"]),
            **sides.at(row["month"], place),
            **windows.of(row),
            lifetime=lives.get((row["month"], place)),
            margin=margin,
        )


def _whole(value: int | float | None) -> int | None:
    # pandas hands out a column of integers with nulls as floats.
    return None if value is None else int(value)


def _sides(beside: Beside, policy: Policy) -> Sides:
    converted = "trials_paid" if policy.trial_conversion == "first_paid_invoice" else "trials_active"
    sides = Sides()
    sides.add(beside.spend, {"amount": "spend"})
    sides.add(beside.charges, {"charge_total": "charge_total", "charge_count": "charge_count"})
    sides.add(beside.trials, {"trials_ended": "trials_ended", converted: "trials_converted"})
    sides.add(beside.present, {name: name for name in PRESENT})
    return sides


class _Windows:
    """Customers lost, at the start and won over a month and the five before, as far as there are any."""

    def __init__(self, rows: list[_Row]) -> None:
        self._months: dict[tuple[Place, int], _Row] = {
            (place_of(row), month_number(row["month"])): row for row in rows
        }

    def of(self, row: _Row) -> dict[str, int]:
        place, last = place_of(row), month_number(row["month"])
        window = [self._months[key] for n in range(_WINDOW) if (key := (place, last - n)) in self._months]
        return {
            "recent_lost": sum(int(month["lost_customers"]) for month in window),
            "recent_start": sum(int(month["customers_start"]) for month in window),
            "recent_new": sum(int(month["new_customers"]) for month in window),
        }


def _figures(row: _Row, facts: Facts, policy: Policy) -> _Row:
    return {
        **{name: row[name] for name in KPI_KEYS},
        **{kpi.id: kpi.value(facts, policy) for kpi in MONTHLY},
        **{name: getattr(facts, name) for name in KPI_PARTS},
    }

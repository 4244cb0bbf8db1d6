"""Rates of lines that price and quantity do not account for: the amount billed, brought to a month."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

import pandas as pd

from enrichment.discounts import DiscountBook
from enrichment.frames import records
from enrichment.money import round_half_even
from enrichment.policy import Policy
from enrichment.rating import inclusive_tax

BILLED_RATES: Final = {"odd_no": "INTEGER", "contract_mrr": "BIGINT", "mrr": "BIGINT"}
_DAY: Final = 86_400
_SECONDS: Final = {"day": _DAY, "week": 7 * _DAY}
_MONTHS: Final = {"month": 1, "year": 12}
_MONTH: Final = 30.436875 * _DAY
"""Seconds of a month of the calendar, on the average."""


def billed_rates(
    lines: pd.DataFrame, book: DiscountBook, policy: Policy, durations: frozenset[str]
) -> pd.DataFrame:
    """Return ``billed_rates`` of the rows of ``billed_lines``, in minor units a month.

    A proration is scaled up to the cycle that it cuts, whose length comes from the price's interval; what was
    billed in advance for several cycles is shared over them. Under
    ``refunds`` the part that was given back is taken off. Metered lines are averaged under
    ``trailing_avg_months``.

    Args:
        lines: rows of ``billed_lines``.
        book: tells how long a line's discounts last.
        policy: the MRR policy.
        durations: of the coupons that the policy subtracts.
    """
    rows = [row | {"rates": _rates(row, book, policy, durations)} for row in records(lines)]
    if policy.metered_months is not None:
        _average([row for row in rows if row["is_metered"]], policy.metered_months)
    rated = [(row["odd_no"], *map(round_half_even, row["rates"])) for row in rows]
    return pd.DataFrame(rated, columns=list(BILLED_RATES))


def _rates(
    row: Mapping[str, Any], book: DiscountBook, policy: Policy, durations: frozenset[str]
) -> tuple[Fraction, Fraction]:
    """Return (contract_mrr, mrr) exactly."""
    taken = book.taken(row["discount_amounts"], durations) if policy.mrr_basis != "list_price" else 0
    net_of_tax = 100 / (100 + Fraction(inclusive_tax(row["tax_rates"])))
    month = _cycles(row) * policy.months(row["price_interval"], int(row["interval_count"])) * net_of_tax
    kept = _kept(row)
    return row["amount"] * month * kept, (row["amount"] - taken) * month * kept


def _kept(row: Mapping[str, Any]) -> Fraction:
    if not row["refunded"]:
        return Fraction(1)
    return max(1 - Fraction(int(row["refunded"]), int(row["invoice_total"])), Fraction(0))


def _cycles(row: Mapping[str, Any]) -> Fraction:
    """Return how many times what was billed goes into a whole cycle; 1 for a line of one."""
    covered = row["period_end"] - row["period_start"]
    if row["is_proration"]:
        return Fraction(_cycle(row), covered)
    interval, count = row["price_interval"], int(row["interval_count"])
    length = _SECONDS[interval] if interval in _SECONDS else _MONTHS[interval] * _MONTH
    return Fraction(1, max(round(covered / (length * count)), 1))


def _cycle(row: Mapping[str, Any]) -> int:
    """Return the seconds of the cycle that ends with the line's period."""
    interval, count, end = row["price_interval"], int(row["interval_count"]), int(row["period_end"])
    if interval in _SECONDS:
        return int(_SECONDS[interval] * count)
    ended = datetime.fromtimestamp(end, UTC)
    year, month = divmod(ended.year * 12 + ended.month - 1 - _MONTHS[interval] * count, 12)
    day = min(ended.day, monthrange(year, month + 1)[1])
    return end - int(ended.replace(year=year, month=month + 1, day=day).timestamp())


def _average(rows: list[dict[str, Any]], months: int) -> None:
    """Replace each metered rate by the average of those that ended in the ``months`` before it."""
    span = months * Fraction(365, 12) * _DAY
    by_item: dict[int, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["period_end"]):
        by_item.setdefault(row["item_no"], []).append(row)
    for lines in by_item.values():
        exact = [row["rates"] for row in lines]
        for place, row in enumerate(lines):
            # Half a day of grace: months are not all as long as a twelfth of a year.
            since = row["period_end"] - span + 15 * _DAY
            near = [exact[i] for i in range(place + 1) if lines[i]["period_end"] >= since]
            sums = [sum((rates[part] for rates in near), Fraction(0)) for part in (0, 1)]
            row["rates"] = tuple(total / len(near) for total in sums)

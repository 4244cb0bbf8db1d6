"""The portfolio as people ask for it: filtered, sorted, totalled. Pure: rows in, rows out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saaskpi.errors import UsageError

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Filter:
    """What an account must be to be listed; None asks nothing."""

    band: str | None = None
    risk: str | None = None
    opportunity: str | None = None
    status: str | None = None
    currency: str | None = None
    search: str | None = None

    def matches(self, row: Row) -> bool:
        """Say whether one account row passes every condition."""
        return (
            self.band in (None, row["health_band"])
            and (self.risk is None or self.risk in row["risk_flags"])
            and (self.opportunity is None or self.opportunity in row["opportunity_flags"])
            and self.status in (None, row["status"])
            and (self.currency is None or self.currency.lower() in row["mrr_by_currency"])
            and (self.search is None or self.search.casefold() in _haystack(row))
        )


def portfolio(rows: Iterable[Row], wanted: Filter, sort: str) -> tuple[list[Row], list[dict[str, Any]]]:
    """Return the accounts that pass, in order, and their totals.

    Args:
        rows: the ``accounts`` mart, money in minor units.
        wanted: the conditions.
        sort: a column; money, numbers and dates that are missing come last, MRR highest first.
    """
    chosen = sorted(filter(wanted.matches, rows), key=lambda row: _sort_key(row, sort))
    return chosen, totals(chosen)


def totals(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Sum MRR per currency, matched to a company of the CRM or not: matched + unmatched = MRR.

    Returns:
        One dict per currency: ``currency, mrr, arr, mrr_matched, mrr_unmatched, customers`` (accounts with
        MRR above zero in it), money in minor units, ordered by currency.
    """
    sums: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"mrr": 0, "mrr_matched": 0, "mrr_unmatched": 0, "customers": 0}
    )
    for row in rows:
        for currency, amount in row["mrr_by_currency"].items():
            entry = sums[currency]
            entry["mrr"] += amount
            entry["mrr_matched" if row["company_id"] else "mrr_unmatched"] += amount
            entry["customers"] += amount > 0
    return [
        {"currency": currency, **sums[currency], "arr": 12 * sums[currency]["mrr"]}
        for currency in sorted(sums)
    ]


def find_account(rows: Sequence[Row], text: str) -> Row:
    """Find the one account that a person means.

    Args:
        rows: the ``accounts`` mart.
        text: an account id, HubSpot company id, Stripe customer id, or (part of) a name.

    Raises:
        UsageError: none or several accounts fit.
    """
    needle = text.strip().casefold()
    for fits in (has_id, _has_name, _contains):
        found = [row for row in rows if fits(row, needle)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{row['name']} ({row['account_id']})" for row in found[:5])
            raise UsageError(f"{len(found)} accounts fit {text!r}: {names}.", hint="Give the id.")
    raise UsageError(f"No account fits {text!r}.", hint="See: saaskpi accounts --search TEXT")


def has_id(row: Row, needle: str) -> bool:
    """Say whether an account, or one of its Stripe customers, has this id (case-folded)."""
    return needle in {row["account_id"].casefold(), *(item.casefold() for item in row["stripe_customer_ids"])}


def _has_name(row: Row, needle: str) -> bool:
    return needle == str(row["name"]).casefold()


def _contains(row: Row, needle: str) -> bool:
    return needle in str(row["name"]).casefold()


def _haystack(row: Row) -> str:
    return " ".join((str(row["name"]), row["account_id"], *row["stripe_customer_ids"])).casefold()


def _sort_key(row: Row, sort: str) -> tuple[Any, ...]:
    value = row[sort]
    if sort == "mrr":
        return (row["currency"] is None, row["currency"], -value, row["name"], row["account_id"])
    return (value is None, value if value is not None else 0, row["account_id"])

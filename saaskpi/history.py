"""How the MRR of one account came about, month by month. Pure: the tables of a run in, rows out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

from saaskpi.lists import Read, Row
from saaskpi.results import records

if TYPE_CHECKING:
    import pandas as pd

MONTHS_SHOWN: Final = 12


def history(
    read: Read, account_id: str, customers: Collection[str], month: str | None = None, zone: tzinfo = UTC
) -> dict[str, list[Row]]:
    """Return an account's months, movements and the ledger rows that caused them, newest first.

    Without ``month``: the last twelve months in which something moved. With it: that month alone, and what
    each item counted for at its end. Money is integer minor units of the row's currency, times are UTC.

    Args:
        read: returns a table of the run by its name.
        account_id: whose history.
        customers: the Stripe customers of the account.
        month: for instance ``2026-10``.
        zone: in which a month begins and ends.

    Returns:
        ``months`` (rows of ``account_month``), ``movements``, ``ledger`` (with the ``month`` of each row),
        ``differences`` (where two pieces of Stripe's evidence disagreed) and ``month_end`` (MRR per item,
        the largest first).
    """
    months = _rows(read("account_month"), "account_id", {account_id})
    movements = _rows(read("mrr_movements"), "account_id", {account_id})
    ledger = _dated(_rows(read("mrr_ledger"), "account_id", {account_id}), "effective_at", zone)
    differences = _dated(_rows(read("mrr_differences"), "customer_id", customers), "effective_at", zone)
    shown = {month} if month else _moved(movements, ledger)
    return {
        "months": _of_months(months, shown),
        "movements": _of_months(movements, shown),
        "ledger": _of_months(ledger, shown),
        "differences": _of_months(differences, {month}) if month else differences,
        "month_end": _month_end(ledger, month) if month else [],
    }


def _rows(table: pd.DataFrame, column: str, values: Collection[str]) -> list[Row]:
    return records(table[table[column].isin(list(values))])


def _dated(rows: list[Row], column: str, zone: tzinfo) -> list[Row]:
    """Add the month of an instant in ``zone`` and put the newest first."""
    dated = [{"month": _month(row[column], zone), **row} for row in rows]
    return sorted(dated, key=lambda row: row[column], reverse=True)


def _month(instant: datetime, zone: tzinfo) -> str:
    return f"{instant.replace(tzinfo=UTC).astimezone(zone):%Y-%m}"


def _moved(movements: list[Row], ledger: list[Row]) -> set[str]:
    months = {row["month"] for row in movements} | {row["month"] for row in ledger if row["mrr_change"]}
    return set(sorted(months, reverse=True)[:MONTHS_SHOWN])


def _of_months(rows: list[Row], months: Collection[str]) -> list[Row]:
    chosen = [row for row in rows if row["month"] in months]
    return sorted(chosen, key=lambda row: row["month"], reverse=True)


def _month_end(ledger: list[Row], month: str) -> list[Row]:
    """Return what each item counts for at the end of a month: the sum of its changes until then."""
    names = ("subscription_id", "subscription_item_id", "price_id", "product_id", "currency")
    sums: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in ledger:
        if row["month"] <= month:
            sums[row["subscription_id"], row["subscription_item_id"], row["currency"]].append(row)
    # The newest row of an item says its price; what has gone to zero is not listed.
    items = [
        {name: changes[0][name] for name in names}
        | {"mrr": _sum(changes, "mrr_change"), "contract_mrr": _sum(changes, "contract_mrr_change")}
        for changes in sums.values()
    ]
    counted = [item for item in items if item["mrr"] or item["contract_mrr"]]
    return sorted(counted, key=lambda item: (item["currency"], -item["mrr"], item["subscription_item_id"]))


def _sum(rows: list[Row], column: str) -> int:
    return sum(row[column] or 0 for row in rows)

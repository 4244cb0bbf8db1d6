"""Which of Stripe's dashboard exports a file is: told from its header alone.

Stripe has changed the columns over the years and lets people choose them, so that only what cannot be done
without is asked for. Where each name was seen: docs/import.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from saaskpi.errors import UsageError
from saaskpi.imports.csv_file import CsvFile

CUSTOMERS, SUBSCRIPTIONS, INVOICES = "customers", "subscriptions", "invoices"
KINDS: Final = (CUSTOMERS, SUBSCRIPTIONS, INVOICES)

# For each kind, groups of which one column each must be there.
_NEEDED: Final[Mapping[str, Sequence[Sequence[str]]]] = {
    SUBSCRIPTIONS: (
        ("id", "subscription id"),
        ("customer id", "customer"),
        ("status",),
        ("plan", "product", "price", "price id", "plan id"),
        ("interval", "billing interval", "plan interval"),
        ("amount",),
        ("currency",),
    ),
    INVOICES: (
        ("id", "invoice id"),
        ("customer", "customer id"),
        ("subscription", "subscription id"),
        ("date (utc)", "created (utc)", "created date (utc)"),
        ("currency",),
        ("total", "amount due", "subtotal"),
    ),
    CUSTOMERS: (
        ("id", "customer id"),
        ("created (utc)", "created date (utc)", "created"),
        ("email", "name", "description", "customer email", "customer name"),
    ),
}


def kind_of(file: CsvFile) -> str:
    """Return what a file holds: one of ``KINDS``.

    Raises:
        UsageError: it is none of them, or lacks columns.
    """
    columns = set(file.header)
    missing = {
        kind: ["/".join(group) for group in groups if not columns & set(group)]
        for kind, groups in _NEEDED.items()
    }
    for kind, names in missing.items():
        if not names and not (kind == CUSTOMERS and _is_of_others(columns)):
            return kind
    nearest = min(
        (kind for kind in KINDS if missing[kind]), key=lambda kind: len(missing[kind]) / len(_NEEDED[kind])
    )
    raise UsageError(
        f"{file.name} is no export of Stripe's subscriptions, customers or invoices: for {nearest} it lacks "
        f"the columns {', '.join(missing[nearest])}.",
        hint="In Stripe: Billing > Subscriptions (or Invoices, or Customers) > Export, with all columns.",
    )


def _is_of_others(columns: set[str]) -> bool:
    """Say whether each row belongs to a customer instead of being one."""
    owner = {"customer id", "customer"} if "id" in columns else {"customer"}
    return bool(columns & {*owner, "amount", "amount due", "subscription"})

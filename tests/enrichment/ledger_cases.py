"""All worked cases of the ledger, computed together: one account for each policy and day."""

from __future__ import annotations

from functools import cache
from typing import Final

from enrichment.policy import Policy
from tests.enrichment import ledger_changes, ledger_discounts, ledger_payments, ledger_sales
from tests.enrichment.books import Books
from tests.enrichment.ledger_books import TODAY, Case, Tables, Worked, computed, instant, stocked

_MODULES: Final = (ledger_changes, ledger_payments, ledger_discounts, ledger_sales)
WORKED: Final = {
    case.name: case for module in _MODULES for case in vars(module).values() if isinstance(case, Worked)
}


def books_of(policy: tuple[tuple[str, str], ...] = (), as_of: str = TODAY) -> Books:
    """Return the Stripe account with every case of a policy and a day."""
    books = stocked()
    for case in WORKED.values():
        if (case.policy, case.as_of) == (policy, as_of):
            books.customer(case.name)
            case.write(Case(case.name, books))
    return books


@cache
def tables_of(policy: tuple[tuple[str, str], ...] = (), as_of: str = TODAY) -> Tables:
    """Return the tables of that account."""
    return computed(books_of(policy, as_of), Policy.from_settings(dict(policy)), instant(as_of))

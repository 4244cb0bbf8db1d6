"""Which customers belong to which company, kept beside the current run's tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

import pandas as pd


class Members:
    """Which customers belong to which company, as the current run's tables have it."""

    def __init__(self, matches: pd.DataFrame) -> None:
        self.company_of: dict[str, str] = {}
        self.customers_of: dict[str, set[str]] = defaultdict(set)
        self.unmatched: set[str] = set()
        self._add(matches)

    def replace(self, customers: Collection[str], matches: pd.DataFrame) -> None:
        """Take other matches of some customers, as a patch of the tables has them."""
        for customer in customers:
            self.unmatched.discard(customer)
            company = self.company_of.pop(customer, None)
            if company is not None:
                self.customers_of[company].discard(customer)
                if not self.customers_of[company]:
                    del self.customers_of[company]
        self._add(matches)

    def _add(self, matches: pd.DataFrame) -> None:
        for customer, company in zip(matches["customer_id"], matches["company_id"], strict=True):
            if isinstance(company, str):
                self.company_of[customer] = company
                self.customers_of[company].add(customer)
            else:
                self.unmatched.add(customer)

    def account_of(self, customer: str) -> str:
        """Return the account of a customer."""
        return self.company_of.get(customer, customer)

    def of_all(self, accounts: Iterable[str]) -> set[str]:
        """Return the customers of companies."""
        return {customer for one in accounts for customer in self.customers_of.get(one, ())}

"""The whole simulated company: its accounts live side by side, each from its own random stream."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta

from sandbox.billing.catalogue import make_catalogue
from sandbox.billing.ids import IdSource
from sandbox.billing.periods import DAY, add_months, epoch
from sandbox.billing.records import Customer, Store
from sandbox.simulation.population import Account, Owner, add_team, make_account, make_owners


class Company:
    """Runs every account up to an instant, and on from there."""

    def __init__(self, seed: int, customers: int, months: int, end: int, *, causal: bool) -> None:
        self.seed, self.causal = seed, causal
        self.begin = add_months(end, -months)
        self.until = self.begin
        self.store = Store()
        self.catalogue = make_catalogue(seed, self.begin - 20 * DAY)
        self.catalogue.store(self.store)
        self.owners: list[Owner] = make_owners(self._rng("owners"))
        self.accounts: list[Account] = []
        for number in range(1, customers + 1):
            rng = self._rng(f"acct_{number:04d}")
            day = date.fromordinal(date(1970, 1, 1).toordinal() + self.begin // DAY) + timedelta(
                days=rng.randrange((end - self.begin) // DAY)
            )
            account = make_account(number, day, self.owners, rng)
            add_team(account, rng)
            self.accounts.append(account)
            ids = IdSource(f"{seed}:{account.key}")
            customer = Customer(
                ids.next("cus"),
                epoch(day) + rng.randrange(DAY),
                account.name,
                account.people[0].email,
                account.country,
                {},
            )
            account.stripe_customer_ids.append(customer.id)
            self.store.add("customer", customer)

    def _rng(self, purpose: str) -> random.Random:
        return random.Random(f"{self.seed}:{purpose}")

    def run(self, until: int) -> None:
        """Let everything happen before ``until``."""
        self.until = until
        self.store.settle()

    def metered(self) -> Sequence[tuple[str, str, date]]:
        return []

    def reading(self, customer: str, day: date) -> int:
        return 0

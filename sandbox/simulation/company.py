"""The whole simulated company: its accounts live side by side, each from its own random stream."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from sandbox.billing.catalogue import make_catalogue
from sandbox.billing.contracts import ContractLog
from sandbox.billing.desk import EVENT_DAYS
from sandbox.billing.periods import DAY, add_months, utc_date
from sandbox.billing.records import Store
from sandbox.collector import collector_paused
from sandbox.happenings import happen
from sandbox.simulation.decisions import start
from sandbox.simulation.life import Life
from sandbox.simulation.population import Account, Owner, add_team, make_account, make_owners
from sandbox.simulation.scripts import DELETED, SCRIPTS, Script
from sandbox.simulation.truth import CustomerTruth, calendar
from sandbox.simulation.words import COUNTRIES


class Company:
    """Runs every account up to an instant, and on from there.

    Args:
        seed: of the world.
        customers: Stripe customers that exist at ``end``, not counting deleted ones.
        months: length of the history.
        end: first second after the history.
        causal: whether anything but chance decides who leaves.
    """

    def __init__(self, seed: int, customers: int, months: int, end: int, *, causal: bool) -> None:
        self.seed, self.customers, self.causal = seed, customers, causal
        self.begin, self.end, self.until = add_months(end, -months), end, end
        self.store, self.log = Store(), ContractLog()
        self.catalogue = make_catalogue(seed, self.begin - 20 * DAY)
        self.catalogue.store(self.store)
        self.owners: list[Owner] = make_owners(self._rng("owners"))
        self.accounts: list[Account] = []
        self._lives: dict[str, Life] = {}
        self._account_of: dict[str, Account] = {}
        self._people_the_world()

    def _rng(self, purpose: str) -> random.Random:
        return random.Random(f"{self.seed}:{purpose}")

    def _people_the_world(self) -> None:
        """Let the scripted accounts sign up, fill up with free ones, and add those that are deleted.

        A story has causes: a world without them has no scripted accounts.
        """
        scripts = self._that_fit(SCRIPTS)[: self.customers // 2] if self.causal else []
        for script in scripts:
            self._sign_up_script(script)
        missing = self.customers - sum(script.customers for script in scripts)
        while missing > 0:
            missing -= 1 + self._sign_up_freely(missing - 1)
        for script in self._that_fit(DELETED) if self.causal else ():
            self._sign_up_script(script)

    def _that_fit(self, scripts: Sequence[Script]) -> list[Script]:
        """Return the stories that can be told whole within the history."""
        return [script for script in scripts if script.signs_up(self.end) >= self.begin]

    def _new_life(self, at: int, country: str | None = None) -> Life:
        number = len(self.accounts) + 1
        rng = self._rng(f"{number}:account")
        account = make_account(number, utc_date(at), self.owners, rng)
        if country is not None:
            account.country = country
            account.timezone, account.currency, _ = COUNTRIES[country]
        add_team(account, rng)
        life = Life(account, self.seed, self.catalogue, self.store, self.log, causal=self.causal)
        self.accounts.append(account)
        self._lives[account.key] = life
        return life

    def _sign_up_script(self, script: Script) -> None:
        at = script.signs_up(self.end)
        life = self._new_life(at, script.country)
        life.scripted = True
        life.agenda.push(at, script.play, life)

    def _sign_up_freely(self, spare: int) -> int:
        """Add an account that signs up during the history; return how many more Stripe customers it gets."""
        rng = self._rng(f"{len(self.accounts) + 1}:sign-up")
        at = self.begin + int((self.end - self.begin - DAY) * rng.random() ** 1.2)
        extra = min(rng.choices((0, 1, 2), (95, 4, 1))[0], spare)
        life = self._new_life(at)
        life.agenda.push(at, start, life, extra, self.end)
        return extra

    def run(self, until: int) -> None:
        """Let everything happen before ``until``, new accounts included."""
        self._grow(until)
        self.until = until
        horizon = until - EVENT_DAYS * DAY
        with collector_paused():
            for life in self._lives.values():
                life.desk.horizon = horizon
                life.agenda.run(until)
        self.store.forget_events(horizon)
        self.store.settle()
        self._account_of = {
            customer: account for account in self.accounts for customer in account.stripe_customer_ids
        }

    def _grow(self, until: int) -> None:
        """Let accounts sign up on the days after the history, at the pace of its average month."""
        per_day = self.customers * DAY / (self.end - self.begin)
        for day in range(self.until, until, DAY):
            rng = self._rng(f"{day}:growth")
            arrivals = int(per_day) + (rng.random() < per_day % 1)
            for at in sorted(day + rng.randrange(DAY) for _ in range(arrivals)):
                life = self._new_life(at)
                life.agenda.push(at, start, life, 0, until)

    def happen(self, what: str, at: int, customer: str) -> None:
        """Let something happen to a customer now; see :func:`sandbox.happenings.happen`.

        Raises:
            ValueError: there is no such customer, or it cannot happen to it.
        """
        account = self._account_of.get(customer)
        if account is None:
            raise ValueError(f"There is no customer {customer}")
        desk = self._lives[account.key].desk
        happen(what, at, desk, desk.customers[customer])
        self.store.settle()

    def life(self, account_key: str) -> Life:
        """Return the life of an account."""
        return self._lives[account_key]

    def metered(self) -> Sequence[tuple[str, str, date]]:
        """Return (customer, meter, first day) of each metered item ever agreed, oldest first."""
        found = [
            (item.created, subscription.customer, item.price.meter)
            for life in self._lives.values()
            for subscription in life.desk.subscriptions.values()
            for item in subscription.items
            if item.price.meter is not None
        ]
        first: dict[tuple[str, str], date] = {}
        for created, customer, meter in sorted(found):
            first.setdefault((customer, meter), utc_date(created))
        return [(customer, meter, day) for (customer, meter), day in first.items()]

    def reading(self, customer: str, day: date) -> int:
        """Return the metered calls of a customer's account on a day."""
        account = self._account_of.get(customer)
        return account.course.metered_calls(day) if account else 0

    def truth(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (Stripe customer, what it amounts to) from the contract log."""
        ends = calendar(self.begin, self.until)
        for customer, account in self._account_of.items():
            record = self._lives[account.key].desk.customers[customer]
            known = CustomerTruth(
                account=account.key,
                currency=record.currency or account.currency,
                entries=self.log.entries.get(customer, []),
            )
            yield customer, known.as_json(ends)

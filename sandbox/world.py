"""The simulated world that both look-alikes serve: one B2B SaaS company and its customers over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sandbox.billing.objects import StripeObjects
from sandbox.billing.periods import epoch
from sandbox.simulation.company import Company
from sandbox.simulation.course import UsageDay
from sandbox.simulation.population import Account, Owner, Person, there

__all__ = ["Account", "Owner", "Person", "UsageDay", "World", "WorldConfig", "build", "there"]


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """What world to make.

    Attributes:
        customers: number of Stripe customers that the API lists at the start.
        months: calendar months of history, the month of ``today`` included.
        seed: the same seed gives the same world.
        today: the last day that has happened, to its last second (UTC).
        causal: whether use, satisfaction and champions decide who leaves; False leaves it to chance alone.
    """

    customers: int = 200
    months: int = 36
    seed: int = 7
    today: date = date(2026, 10, 31)
    causal: bool = True


class World:
    """A company at an instant. ``advance`` moves it on; everything is read from here."""

    def __init__(self, config: WorldConfig) -> None:
        self.config = config
        self.today = config.today
        end = epoch(config.today + timedelta(days=1))
        self._company = Company(config.seed, config.customers, config.months, end, causal=config.causal)
        self.stripe = StripeObjects(
            self._company.store,
            self._company.metered,
            self._company.reading,
            lambda: int(self.now.timestamp()),
        )
        self._company.run(end)

    @property
    def now(self) -> datetime:
        """The last second that has happened (UTC)."""
        return datetime.fromtimestamp(epoch(self.today) + 86_399, UTC)

    @property
    def accounts(self) -> list[Account]:
        """Every account, in order of its key."""
        return self._company.accounts

    @property
    def owners(self) -> list[Owner]:
        """The sales team."""
        return self._company.owners

    def advance(self, days: int) -> None:
        """Let ``days`` more days happen: renewals, payments, changes, new accounts.

        Raises:
            ValueError: ``days`` is below zero.
        """
        if days < 0:
            raise ValueError("the clock only goes forward")
        self.today += timedelta(days=days)
        self._company.run(epoch(self.today + timedelta(days=1)))

    def happen(self, what: str, customer: str) -> None:
        """Let something happen to a customer in the last second that has happened.

        Args:
            what: one of :data:`sandbox.happenings.HAPPENINGS`.
            customer: id of a Stripe customer.

        Raises:
            ValueError: it cannot happen to this customer.
        """
        self._company.happen(what, int(self.now.timestamp()), customer)

    def truth(self) -> dict[str, Any]:
        """Return the MRR that the contracts amount to, in minor units, by the documented default policy."""
        return {"today": self.today.isoformat(), "customers": dict(self._company.truth())}

    def usage_events(self, since: date | None = None, until: date | None = None) -> Iterator[dict[str, Any]]:
        """Yield use of the product: account (first Stripe customer), user, event, at (ISO 8601), quantity."""
        until = until or self.today
        for account in self.accounts:
            day = max(since or account.signed_up_on, account.signed_up_on)
            while day <= until:
                yield from _usage_of(account, day)
                day += timedelta(days=1)


def _usage_of(account: Account, day: date) -> Iterator[dict[str, Any]]:
    for user, event, quantity in account.course.usage_by_user(day):
        yield {
            "account": account.stripe_customer_ids[0],
            "user": f"{account.key}_u{user + 1}",
            "event": event,
            "at": f"{day.isoformat()}T{8 + user % 10:02d}:00:00Z",
            "quantity": quantity,
        }


def build(config: WorldConfig) -> World:
    """Return the world of this configuration, its history lived through."""
    return World(config)

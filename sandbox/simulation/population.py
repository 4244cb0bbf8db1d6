"""Who the company sells to: accounts with their people, and the sales team that owns them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from sandbox.simulation.course import Course, UsageDay
from sandbox.simulation.words import (
    COUNTRIES,
    FIRST_NAMES,
    INDUSTRIES,
    LAST_NAMES,
    ROOT_ENDS,
    ROOT_STARTS,
    SOURCES,
    TRADES,
)

_INDUSTRY_OF = {trade: industry for industry, trades in INDUSTRIES.items() for trade in trades}
_ROLES = ("CHAMPION", "DECISION_MAKER", "BUDGET_HOLDER", "END_USER", "END_USER", "")


@dataclass(slots=True)
class Person:
    """Someone who works, or worked, at an account.

    Attributes:
        role: buying role in HubSpot's words: DECISION_MAKER, CHAMPION, BUDGET_HOLDER, END_USER or "".
        left_on: day the person left the company, None while there.
    """

    key: str
    first_name: str
    last_name: str
    email: str
    role: str
    joined_on: date
    left_on: date | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """A sales person of our company; one who has left keeps owning accounts, as in life."""

    key: str
    name: str
    email: str
    active: bool


@dataclass(slots=True)
class Account:
    """One real-world company that pays, or tried to, through one to three Stripe customers.

    Attributes:
        key: "acct_0001".
        company_id: the id its HubSpot company has; about one Stripe customer in seven carries it in
            ``metadata["hubspot_company_id"]``.
        currency: ISO 4217 in lower case, what its first Stripe customer is billed in.
        signed_up_on: first day as a customer of ours (UTC).
        stripe_customer_ids: in order of creation.
        churned_on: day of the last loss of all paid subscriptions, None while it has one.
        course: the hidden course of satisfaction and usage.
    """

    key: str
    name: str
    domain: str
    industry: str
    country: str
    currency: str
    employees: int
    timezone: str
    owner_key: str
    company_id: str
    signed_up_on: date
    acquisition_source: str
    course: Course = field(repr=False)
    people: list[Person] = field(default_factory=list)
    stripe_customer_ids: list[str] = field(default_factory=list)
    champion_left_on: date | None = None
    churned_on: date | None = None

    def satisfaction(self, day: date) -> float:
        """Return how content the account was on a day, 0..1."""
        return self.course.satisfaction(day)

    def engagement(self, day: date) -> float:
        """Return how readily the account answers and meets us, 0..1; a missing champion halves it."""
        base = 0.25 + 0.75 * self.course.satisfaction(day)
        present = any(person.role == "CHAMPION" and there(person, day) for person in self.people)
        return base if present else base * 0.5

    def seats(self, day: date) -> int:
        """Return the seats paid on a day."""
        return self.course.seats(day)

    def usage(self, day: date) -> list[UsageDay]:
        """Return (day, event, quantity, active users) rows of one day."""
        return self.course.usage(day)

    def usage_series(self, since: date, until: date) -> list[UsageDay]:
        """Return the usage rows of every day from ``since`` to ``until``, both included."""
        first = max(since, self.signed_up_on)
        return [row for day in days(first, until) for row in self.course.usage(day)]


def there(person: Person, day: date) -> bool:
    """Say whether a person works at the account on a day."""
    return person.joined_on <= day and (person.left_on is None or day < person.left_on)


def days(since: date, until: date) -> Iterator[date]:
    """Yield every day from ``since`` to ``until``, both included."""
    for offset in range((until - since).days + 1):
        yield since + timedelta(days=offset)


def make_owners(rng: random.Random) -> list[Owner]:
    """Return the sales team: six people, of whom one has left."""
    firsts, lasts = rng.sample(FIRST_NAMES, 6), rng.sample(LAST_NAMES, 6)
    return [
        Owner(
            key=f"owner_{index + 1}",
            name=f"{first} {last}",
            email=f"{first}.{last}@lumenstack.example".lower(),
            active=index != 5,
        )
        for index, (first, last) in enumerate(zip(firsts, lasts, strict=True))
    ]


def make_account(number: int, signed_up_on: date, owners: list[Owner], rng: random.Random) -> Account:
    """Return a new account without people; ``number`` makes its name and ids unique."""
    trade = rng.choice(TRADES)
    roots = len(ROOT_STARTS) * len(ROOT_ENDS)
    # a multiplier coprime to the number of roots walks through all of them before one repeats
    start, end = divmod((number * 101) % roots, len(ROOT_ENDS))
    root = ROOT_STARTS[start] + ROOT_ENDS[end] + ("" if number < roots else str(number // roots + 1))
    country = rng.choices(list(COUNTRIES), [weight for _, _, weight in COUNTRIES.values()])[0]
    timezone, currency, _ = COUNTRIES[country]
    return Account(
        key=f"acct_{number:04d}",
        name=f"{root} {trade}",
        domain=f"{root}{trade}.example".lower(),
        industry=_INDUSTRY_OF[trade],
        country=country,
        currency=currency,
        employees=max(3, round(rng.lognormvariate(4.0, 1.1))),
        timezone=timezone,
        owner_key=rng.choice(owners).key,
        company_id=str(20_000_000_000 + number * 9_973),
        signed_up_on=signed_up_on,
        acquisition_source=rng.choice(SOURCES),
        course=Course(salt=rng.getrandbits(64), start=signed_up_on),
    )


def add_person(account: Account, role: str, joined_on: date, rng: random.Random) -> Person:
    """Add someone to an account and return them."""
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    local = f"{first}.{last}".lower()
    if any(person.email == f"{local}@{account.domain}" for person in account.people):
        local += str(len(account.people) + 1)
    person = Person(
        key=f"{account.key}_p{len(account.people) + 1}",
        first_name=first,
        last_name=last,
        email=f"{local}@{account.domain}",
        role=role,
        joined_on=joined_on,
    )
    account.people.append(person)
    return person


def add_team(account: Account, rng: random.Random) -> None:
    """Give a new account its first two to six people."""
    for role in _ROLES[: rng.randint(2, 6)]:
        add_person(account, role, account.signed_up_on - timedelta(days=rng.randint(0, 30)), rng)

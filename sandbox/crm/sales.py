"""Deals: the first sale, yearly renewals and expansion, and the prospects that have bought nothing yet."""

import random
from collections.abc import Iterator
from datetime import date, timedelta

from sandbox.crm.drafts import Draft, Links, poisson
from sandbox.crm.standard import INDUSTRIES
from sandbox.crm.texts import (
    COUNTRY_NAMES,
    LOST_REASONS,
    PROSPECT_FIRST,
    PROSPECT_KIND,
    PROSPECT_SECOND,
)
from sandbox.crm.times import DAY_MS, day_ms, iso
from sandbox.simulation.course import uniform
from sandbox.world import Account

RENEWAL_NOTICE_DAYS = 60
_GRACE_DAYS = 5
"""Days after the due date until a renewal counts as won: a contract that ends, ends on that date."""
_EXPANSION = 0xDEA1  # keeps these draws apart from the simulation's own
_YEARLY_PRICE_PER_SEAT = 300
_NEW_STAGES = ("appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "contractsent")


def first_sale(account: Account, links: Links, owner_id: str) -> Draft:
    """The deal that ended with the account signing up."""
    rng = random.Random(account.course.salt)
    won = day_ms(account.signed_up_on) + 12 * 3_600_000
    began = won - rng.randint(10, 70) * DAY_MS
    steps = [began + (won - began) * step // 4 // 1000 * 1000 for step in (1, 2, 3)]
    properties = {
        **_deal(
            account.name, "New business", "default", max(1, account.seats(account.signed_up_on)), owner_id
        ),
        "dealtype": "newbusiness",
        "dealstage": _NEW_STAGES[0],
        "closedate": iso(won),
        "deal_currency_code": account.currency.upper(),
    }
    moves = [(at, {"dealstage": stage}) for at, stage in zip(steps, _NEW_STAGES[1:], strict=True)]
    return Draft(began, "deals", properties, links, (*moves, (won, {"dealstage": "closedwon"})))


def renewals(account: Account, links: Links, owner_id: str, since: date, until: date) -> Iterator[Draft]:
    """Renewal deals opened after ``since`` up to ``until``, two months before each anniversary."""
    for year in range(account.signed_up_on.year + 1, until.year + 2):
        due = date(year, account.signed_up_on.month, min(account.signed_up_on.day, 28))
        opened = due - timedelta(days=RENEWAL_NOTICE_DAYS)
        gone = account.churned_on is not None and account.churned_on <= opened
        if since < opened <= until and not gone:
            properties = {
                **_deal(account.name, f"Renewal {year}", "renewal", max(1, account.seats(opened)), owner_id),
                "dealtype": "existingbusiness",
                "dealstage": "renewal_upcoming",
                "closedate": iso(day_ms(due)),
                "deal_currency_code": account.currency.upper(),
            }
            yield Draft(day_ms(opened) + 9 * 3_600_000, "deals", properties, links)


def renewal_outcome(account: Account, due: date, until: date) -> tuple[int, dict[str, str]] | None:
    """How a renewal ended by ``until``: its time and the values to write; None while it is open."""
    settled = due + timedelta(days=_GRACE_DAYS)
    if account.churned_on is not None and account.churned_on <= min(settled, until):
        at = day_ms(account.churned_on) + 15 * 3_600_000
        return at, {"dealstage": "renewal_closedlost", "closed_lost_reason": LOST_REASONS[due.day % 4]}
    if settled <= until:
        return day_ms(settled) + 15 * 3_600_000, {"dealstage": "renewal_closedwon"}
    return None


def expansions(account: Account, links: Links, owner_id: str, since: date, until: date) -> Iterator[Draft]:
    """Expansion deals of the months that ended after ``since`` up to ``until``."""
    last = until.replace(day=1) - timedelta(days=1) if (until + timedelta(days=1)).day != 1 else until
    while last > max(since, account.signed_up_on + timedelta(days=40)):
        first = last.replace(day=1)
        chance = uniform(account.course.salt ^ _EXPANSION, first.toordinal())
        before, after = account.seats(first), account.seats(last)
        grown = after - before if after >= before * 1.15 else 0
        if grown >= 2 or (after and chance < 0.03 * account.satisfaction(last)):
            rng = random.Random(account.course.salt * 8192 + first.toordinal())
            yield _expansion(account, links, owner_id, last, grown, rng)
        last = first - timedelta(days=1)


def _expansion(
    account: Account, links: Links, owner_id: str, day: date, grown: int, rng: random.Random
) -> Draft:
    at = day_ms(day) + rng.randint(9, 17) * 3_600_000
    seats = grown if grown >= 2 else rng.randint(2, 10)
    properties = {
        **_deal(account.name, f"Expansion by {seats} seats", "expansion", seats, owner_id),
        "dealtype": "existingbusiness",
        "dealstage": "expansion_proposal" if grown < 2 else "expansion_closedwon",
        "closedate": iso(at if grown >= 2 else at + 60 * DAY_MS),
        "deal_currency_code": account.currency.upper(),
        "expansion_seats": str(seats),
    }
    lost = {"dealstage": "expansion_closedlost", "closed_lost_reason": rng.choice(LOST_REASONS)}
    ended = at + rng.randint(30, 120) * DAY_MS
    return Draft(at, "deals", properties, links, () if grown >= 2 else ((ended, lost),))


def _deal(name: str, what: str, pipeline: str, seats: int, owner_id: str) -> dict[str, str]:
    return {
        "dealname": f"{name} - {what}",
        "pipeline": pipeline,
        "amount": str(seats * _YEARLY_PRICE_PER_SEAT),
        "hubspot_owner_id": owner_id,
    }


def prospects(seed: int, per_month: float, month: date) -> Iterator[tuple[date, dict[str, str]]]:
    """The companies that became known in a month and are no customers: their day and properties."""
    rng = random.Random(f"crm:prospects:{seed}:{month.isoformat()}")
    for number in range(poisson(per_month, rng)):
        first, second = rng.choice(PROSPECT_FIRST), rng.choice(PROSPECT_SECOND)
        name = f"{first} {second} {rng.choice(PROSPECT_KIND)}"
        host = f"{first}{second}{month:%y%m}{number}.example".lower()
        yield (
            month + timedelta(days=rng.randrange(28)),
            {
                "name": name,
                "domain": host,
                "website": f"https://{host}",
                "industry": rng.choice(INDUSTRIES),
                "country": rng.choice(list(COUNTRY_NAMES.values())),
                "numberofemployees": str(rng.randint(5, 900)),
                "lifecyclestage": rng.choice(("lead", "marketingqualifiedlead", "opportunity")),
                "hs_lead_status": rng.choice(("NEW", "OPEN", "IN_PROGRESS", "UNQUALIFIED")),
            },
        )


def prospect_deal(name: str, at: int, links: Links, owner_id: str, rng: random.Random) -> Draft:
    """A first sale that is still open, or was lost."""
    began = at + rng.randint(5, 30) * DAY_MS
    properties = {
        **_deal(name, "New business", "default", rng.randint(3, 60), owner_id),
        "dealtype": "newbusiness",
        "dealstage": rng.choice(_NEW_STAGES),
        "closedate": iso(began + 90 * DAY_MS),
        "deal_currency_code": "EUR",
    }
    ended = began + rng.randint(20, 160) * DAY_MS
    lost = {"dealstage": "closedlost", "closed_lost_reason": rng.choice(LOST_REASONS)}
    return Draft(began, "deals", properties, links, ((ended, lost),) if rng.random() < 0.7 else ())

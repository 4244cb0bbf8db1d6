"""Owners, companies and contacts, with the untidiness that CRMs gather over the years."""

import random
from collections.abc import Mapping
from datetime import date, timedelta

from sandbox.crm.directory import CrmOwner
from sandbox.crm.standard import PRODUCTS, SUPPORT_TIERS
from sandbox.crm.texts import COUNTRY_NAMES, FREE_MAIL, JOB_TITLES
from sandbox.crm.times import day_ms, iso
from sandbox.world import Account, Owner, Person

_FIRST_OWNER_ID = 71_000_001
_SYNCED_SHARE = 0.7


def crm_owners(owners: list[Owner], since: date) -> list[CrmOwner]:
    """The sales team as owners; one who has left is archived."""
    at = day_ms(since)
    return [
        CrmOwner(
            id=_FIRST_OWNER_ID + number * 37,
            user_id=9_000_001 + number,
            email=owner.email,
            first_name=owner.name.partition(" ")[0],
            last_name=owner.name.partition(" ")[2],
            created_at=at,
            updated_at=at,
            archived=not owner.active,
        )
        for number, owner in enumerate(owners)
    ]


class Habits:
    """How this account is kept in the CRM: what is missing, doubled or out of date.

    Drawn once per account, so that it stays the same when the world advances.
    """

    def __init__(self, account: Account) -> None:
        rng = random.Random(f"crm:{account.course.salt}")
        self.in_crm = rng.random() >= 0.04
        self.doubled = rng.random() < 0.03
        self.knows_stripe = rng.random() < 0.45
        self.owned = rng.random() >= 0.08
        self.has_domain = rng.random() >= 0.03
        self.other_name = rng.random() < 0.1
        self.synced = rng.random() < _SYNCED_SHARE
        self.knows_contract = rng.random() < 0.6
        self.shares_contact = rng.random() < 0.02
        self.products = rng.sample(PRODUCTS, rng.randint(1, 4))
        self.known_before = rng.randint(20, 90)
        self.knows_payer = rng.random() < 0.5


def company_of(account: Account, habits: Habits, owner_ids: Mapping[str, str], today: date) -> dict[str, str]:
    """The company record of an account, as of ``today``."""
    name = f"{account.name} Holding" if habits.other_name else account.name
    properties = {
        "name": name,
        "domain": account.domain if habits.has_domain else "",
        "website": f"https://www.{account.domain}",
        "industry": account.industry,
        "country": COUNTRY_NAMES[account.country],
        "timezone": account.timezone,
        "numberofemployees": str(account.employees),
        "annualrevenue": str(account.employees * 95_000),
        "lifecyclestage": "customer",
        "hubspot_owner_id": owner_ids[account.owner_key] if habits.owned else "",
        "closedate": iso(day_ms(account.signed_up_on)),
        "support_tier": SUPPORT_TIERS[min(2, account.employees // 80)],
        "products_used": ";".join(sorted(habits.products)),
    }
    if habits.knows_stripe and account.stripe_customer_ids:
        properties["stripe_customer_id"] = account.stripe_customer_ids[0]
    return properties | current_state(account, habits, today)


def current_state(account: Account, habits: Habits, today: date) -> dict[str, str]:
    """The company properties that other systems and the reps keep up to date."""
    content = account.satisfaction(today)
    gone = account.churned_on is not None and account.churned_on <= today
    state = {"is_reference": str(content > 0.8 and not gone).lower()}
    if gone and habits.known_before % 2:
        state["lifecyclestage"] = "other"
    if habits.knows_contract:
        state["contract_end"] = _next_anniversary(account.signed_up_on, today).isoformat()
    return state | _product_use(account, today) if habits.synced else state


def _product_use(account: Account, today: date) -> dict[str, str]:
    """What the product reports every night: core events in 28 days and the last active day."""
    rows = account.usage_series(today - timedelta(days=27), today)
    use = {"product_events_28d": str(sum(row.quantity for row in rows if row.event != "login"))}
    last = max((row.day for row in rows), default=None)
    if last is not None:
        use["product_last_active_at"] = iso(day_ms(last) + 17 * 3_600_000)
    return use


def _next_anniversary(start: date, today: date) -> date:
    """The next yearly return of ``start`` after ``today``; 29 February returns on the 28th."""
    day = min(start.day, 28)
    first = date(today.year, start.month, day)
    return first if first > today else date(today.year + 1, start.month, day)


def doubled_company(account: Account) -> dict[str, str]:
    """A second company that someone made for the same domain, half filled in."""
    return {"name": account.name.upper(), "domain": account.domain, "lifecyclestage": "lead"}


def contact_of(person: Person, account: Account, owner_id: str) -> dict[str, str]:
    """The contact of a person; about one in sixteen is known by a free-mail address."""
    rng = random.Random(f"crm:{person.key}:{person.email}")
    local, _, _ = person.email.partition("@")
    free = rng.random() < 0.06
    email = f"{local}.{account.key[5:]}@{rng.choice(FREE_MAIL)}" if free else person.email
    return {
        "email": email,
        "firstname": person.first_name,
        "lastname": person.last_name if rng.random() > 0.05 else "",
        "jobtitle": rng.choice(JOB_TITLES[person.role]),
        "company": account.name,
        "country": COUNTRY_NAMES[account.country],
        "lifecyclestage": "customer",
        "hs_buying_role": person.role if rng.random() > 0.08 else "",
        "hs_email_optout": "true" if rng.random() < 0.04 else "",
        "hubspot_owner_id": owner_id,
        "product_user_id": person.key if rng.random() < 0.5 else "",
    }


def payer_of(email: str, account: Account) -> dict[str, str]:
    """The contact behind a free-mail address that pays: no other way leads from it to the company."""
    return {
        "email": email,
        "firstname": "Accounts",
        "lastname": "Payable",
        "company": account.name,
        "hs_buying_role": "BUDGET_HOLDER",
    }


BOUNCED = {"hs_email_hard_bounce_reason_enum": "UNKNOWN_USER", "hs_email_bounce": "1"}
"""What a contact shows after mail to somebody who has left came back."""

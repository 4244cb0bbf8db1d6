"""Fills a CRM from the simulated company, and keeps it up to date as the company moves on."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from sandbox.collector import collector_paused
from sandbox.crm import people, sales
from sandbox.crm.activity import activity
from sandbox.crm.drafts import Dice, Draft, Links, insert, insert_all
from sandbox.crm.store import Crm, wall_clock
from sandbox.crm.texts import FREE_MAIL
from sandbox.crm.times import DAY_MS, day_ms, to_date, to_ms
from sandbox.world import Account, Person, World, there

_PROSPECT_SHARE = 0.15
_FIRST_PROSPECT_ID = 25_000_000_001
_FIRST_PORTAL_ID = 140_000_000
_NIGHT_MS = 2 * 3_600_000


def build_crm(world: World) -> Crm:
    """The CRM of the world's company, everything up to ``world.now`` having happened.

    Deterministic by the world's seed. Call :meth:`Crm.advance` after the world advances.
    """
    crm = Crm(_FIRST_PORTAL_ID + world.config.seed, wall_clock(lambda: to_ms(world.now)))
    generator = _Generator(world, crm)
    generator.catch_up()
    crm.on_advance = lambda _crm: generator.catch_up()
    return crm


@dataclass
class _Kept:
    """What the CRM keeps of one account: its company (None when it has none), and contacts by person."""

    habits: people.Habits
    company_id: int | None
    owner_id: str
    contacts: dict[str, int] = field(default_factory=dict)
    bounced: set[str] = field(default_factory=set)
    open_renewals: dict[int, date] = field(default_factory=dict)


class _Generator:
    def __init__(self, world: World, crm: Crm) -> None:
        self._world, self._crm = world, crm
        self._kept: dict[str, _Kept] = {}
        start = world.today - timedelta(days=31 * world.config.months + 100)
        self._since = start
        self._next_prospect_id = _FIRST_PROSPECT_ID
        crm.owners = people.crm_owners(world.owners, start)
        self._owner_ids = {
            owner.key: str(known.id) for owner, known in zip(world.owners, crm.owners, strict=True)
        }

    def catch_up(self) -> None:
        """Bring the CRM from where it stands to the world's today."""
        since, until = self._since, self._world.today
        if until > since:
            with collector_paused():
                self._live_through(since, until)
            self._since = until

    def _live_through(self, since: date, until: date) -> None:
        drafts: list[Draft] = []
        drafts.extend(self._meet_prospects(since, until))
        for account in self._world.accounts:
            drafts.extend(self._keep_account(account, since, until))
        insert_all(self._crm, drafts)
        self._crm.settle(day_ms(until + timedelta(days=1)) - 1)

    def _keep_account(self, account: Account, since: date, until: date) -> Iterator[Draft]:
        kept = self._kept.get(account.key)
        if kept is None:
            if account.signed_up_on > until:
                return
            kept = self._kept[account.key] = self._open_account(account, until)
            yield sales.first_sale(account, self._links(kept), kept.owner_id)
            self._keep_contacts(account, kept, until)
            yield from self._payers(account, kept)
        else:
            self._refresh_company(account, kept, until)
            self._keep_contacts(account, kept, until)
        yield from activity(account, _Cast(account, kept), since, until)
        if kept.company_id is not None:
            links = self._links(kept)
            yield from sales.expansions(account, links, kept.owner_id, since, until)
            self._keep_renewals(account, kept, links, since, until)

    # -- companies -----------------------------------------------------------------------------

    def _open_account(self, account: Account, until: date) -> _Kept:
        habits = people.Habits(account)
        owner_id = self._owner_ids[account.owner_key] if habits.owned else ""
        if not habits.in_crm:
            return _Kept(habits, None, owner_id)
        company_id = int(account.company_id)
        began = day_ms(account.signed_up_on) - habits.known_before * DAY_MS
        properties = people.company_of(account, habits, self._owner_ids, until)
        record = self._crm.insert("companies", properties, began, company_id)
        record.updated_at = max(began, self._last_sync(account, habits, until))
        if habits.doubled:
            double = people.doubled_company(account)
            self._crm.insert("companies", double, began + 3 * DAY_MS, company_id + 1)
        return _Kept(habits, company_id, owner_id)

    def _last_sync(self, account: Account, habits: people.Habits, until: date) -> int:
        """When the company's record was last changed: last night when the product writes to it."""
        left = account.churned_on
        day = until if habits.synced and (left is None or left > until) else left or account.signed_up_on
        return day_ms(min(day, until)) + _NIGHT_MS

    def _refresh_company(self, account: Account, kept: _Kept, until: date) -> None:
        if kept.company_id is not None:
            record = self._crm.tables["companies"].find(kept.company_id)
            if record is not None and record.archived_at is None:
                state = people.current_state(account, kept.habits, until)
                self._crm.set("companies", record, state, day_ms(until) + _NIGHT_MS, "INTEGRATION")

    def _links(self, kept: _Kept) -> Links:
        return () if kept.company_id is None else (("companies", kept.company_id),)

    # -- contacts ------------------------------------------------------------------------------

    def _keep_contacts(self, account: Account, kept: _Kept, until: date) -> None:
        for person in account.people:
            if person.key not in kept.contacts and person.joined_on <= until:
                kept.contacts[person.key] = self._add_contact(person, account, kept)
            if person.left_on is not None and person.left_on <= until and person.key not in kept.bounced:
                kept.bounced.add(person.key)
                self._bounce(person, kept)

    def _add_contact(self, person: Person, account: Account, kept: _Kept) -> int:
        properties = people.contact_of(person, account, kept.owner_id)
        links = self._links(kept)
        if kept.habits.shares_contact and not kept.contacts:
            links += self._other_company(account)
        at = day_ms(person.joined_on) + 10 * 3_600_000
        return insert(self._crm, Draft(at, "contacts", properties, links))

    def _payers(self, account: Account, kept: _Kept) -> Iterator[Draft]:
        """Contacts for billing addresses at free-mail hosts, where the reps made one."""
        if not kept.habits.knows_payer:
            return
        customers = (self._world.stripe.get("customer", id_) for id_ in account.stripe_customer_ids)
        emails = dict.fromkeys(customer["email"] for customer in customers if customer is not None)
        for email in emails:
            if (
                email
                and email.endswith(FREE_MAIL)
                and email not in self._crm.tables["contacts"].index["email"]
            ):
                at = day_ms(account.signed_up_on) + 11 * 3_600_000
                yield Draft(at, "contacts", people.payer_of(email, account), self._links(kept))

    def _other_company(self, account: Account) -> Links:
        """Another account's company, for the consultant who works for both."""
        others = [kept for key, kept in self._kept.items() if key != account.key and kept.company_id]
        return self._links(others[-1]) if others else ()

    def _bounce(self, person: Person, kept: _Kept) -> None:
        """Mail to somebody who has left comes back after some days, for seven in ten."""
        rng = random.Random(f"crm:bounce:{person.key}")
        if person.left_on is not None and rng.random() < 0.7:
            at = day_ms(person.left_on) + rng.randint(3, 20) * DAY_MS
            self._crm.schedule(at, "contacts", kept.contacts[person.key], people.BOUNCED)

    # -- deals ---------------------------------------------------------------------------------

    def _keep_renewals(self, account: Account, kept: _Kept, links: Links, since: date, until: date) -> None:
        for draft in sales.renewals(account, links, kept.owner_id, since, until):
            due = to_date(draft.at) + timedelta(days=sales.RENEWAL_NOTICE_DAYS)
            kept.open_renewals[insert(self._crm, draft)] = due
        for deal_id, due in list(kept.open_renewals.items()):
            outcome = sales.renewal_outcome(account, due, until)
            if outcome is not None:
                self._crm.schedule(outcome[0], "deals", deal_id, outcome[1])
                del kept.open_renewals[deal_id]

    def _meet_prospects(self, since: date, until: date) -> Iterator[Draft]:
        config = self._world.config
        per_month = config.customers * _PROSPECT_SHARE / config.months
        month = since.replace(day=1)
        while month <= until:
            for day, properties in sales.prospects(config.seed, per_month, month):
                if since < day <= until:
                    yield self._add_prospect(day, properties)
            month = (month + timedelta(days=31)).replace(day=1)

    def _add_prospect(self, day: date, properties: dict[str, str]) -> Draft:
        rng = random.Random(f"crm:{properties['domain']}")
        owner_id = rng.choice(sorted(self._owner_ids.values()))
        at = day_ms(day) + 9 * 3_600_000
        properties["hubspot_owner_id"] = owner_id
        record = self._crm.insert("companies", properties, at, self._next_prospect_id)
        self._next_prospect_id += 7
        links = (("companies", record.id),)
        contact = {"email": f"info@{properties['domain']}", "firstname": "Info", "lifecyclestage": "lead"}
        insert(self._crm, Draft(at, "contacts", contact, links))
        return sales.prospect_deal(properties["name"], at, links, owner_id, rng)


class _Cast:
    """Who takes part in an account's activity on a day."""

    def __init__(self, account: Account, kept: _Kept) -> None:
        self._account, self._kept = account, kept

    def __call__(self, day: date, dice: Dice) -> tuple[Links, str]:
        kept = self._kept
        links: Links = () if kept.company_id is None else (("companies", kept.company_id),)
        present = [person for person in self._account.people if there(person, day)]
        if present:
            weights = [3 if person.role in ("CHAMPION", "DECISION_MAKER") else 1 for person in present]
            links += (("contacts", kept.contacts[dice.weighted(present, weights).key]),)
        return links, kept.owner_id

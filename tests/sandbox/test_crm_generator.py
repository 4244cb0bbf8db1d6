"""The CRM made up from the simulated company: untidy as in life, and driven by what really happened."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from statistics import mean

import msgspec
import pytest

from sandbox.crm import Crm, build_crm, sales
from sandbox.crm.object_types import ENGAGEMENTS, OBJECT_TYPES
from sandbox.crm.records import Record
from sandbox.crm.standard import CALL_DISPOSITIONS
from sandbox.crm.texts import FREE_MAIL
from sandbox.crm.times import parse_iso, to_ms
from sandbox.crm.values import normalise
from sandbox.world import Account, World, WorldConfig, build

CONFIG = WorldConfig(customers=150, months=24, seed=11)


@pytest.fixture(scope="module")
def world() -> World:
    return build(CONFIG)


@pytest.fixture(scope="module")
def crm(world: World) -> Crm:
    return build_crm(world)


def rows(crm: Crm, type_name: str) -> list[Record]:
    return list(crm.tables[type_name].live())


def customers(crm: Crm, world: World) -> Iterator[tuple[Account, Record]]:
    for account in world.accounts:
        record = crm.tables["companies"].find(int(account.company_id))
        if record is not None:
            yield account, record


def fingerprint(crm: Crm) -> bytes:
    found = {
        name: [
            (row.id, row.created_at, row.updated_at, sorted(row.properties.items()))
            for row in rows(crm, name)
        ]
        for name in OBJECT_TYPES
    }
    return msgspec.json.encode(found)


def test_the_same_seed_makes_the_same_crm_whatever_the_hash_seed() -> None:
    script = (
        "import hashlib; from sandbox.crm import build_crm; from sandbox.world import WorldConfig, build;"
        "crm = build_crm(build(WorldConfig(customers=10, months=6)));"
        "print(hashlib.sha256(repr([(n, r.id, r.created_at, r.updated_at, sorted(r.properties.items()))"
        " for n, t in crm.tables.items() for r in t.rows.values()]).encode()).hexdigest())"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(prints) == 1


def test_another_seed_makes_another_crm(crm: Crm) -> None:
    other = build_crm(build(WorldConfig(customers=150, months=24, seed=12)))
    assert fingerprint(other) != fingerprint(crm)


def test_every_value_fits_its_definition(crm: Crm) -> None:
    outside = {
        "OWNER": frozenset(str(owner.id) for owner in crm.owners),
        "PIPELINE": frozenset({"default", "renewal", "expansion", "0"}),
    }
    for name, catalog in crm.catalogs.items():
        for record in rows(crm, name):
            for property_name, value in record.properties.items():
                definition = catalog.get(property_name)
                assert definition is not None, (name, property_name)
                if definition.external != "STAGE":
                    accepted = normalise(definition, value, "", outside.get(definition.external, frozenset()))
                    assert accepted == value, (name, property_name)


def test_nothing_has_happened_after_now(crm: Crm, world: World) -> None:
    now = to_ms(world.now)
    for name in OBJECT_TYPES:
        for record in rows(crm, name):
            assert record.created_at <= record.updated_at <= now, (name, record)


def test_records_are_linked_to_records_that_exist(crm: Crm) -> None:
    for one in OBJECT_TYPES:
        for other in OBJECT_TYPES:
            for source, links in crm.links.sources((one, other)):
                assert source in crm.tables[one].rows
                assert all(to_id in crm.tables[other].rows for to_id, _type in links)


def test_companies_are_as_untidy_as_in_life(crm: Crm, world: World) -> None:
    companies = rows(crm, "companies")
    domains = Counter(company.properties.get("domain") for company in companies)
    known = {account.company_id for account in world.accounts}
    found = {str(company.id) for company in companies}
    archived = {str(owner.id) for owner in crm.owners if owner.archived}
    owners = [company.properties.get("hubspot_owner_id") for company in companies]
    assert max(domains[domain] for domain in domains if domain) == 2
    assert known - found, "customers without a company"
    assert len(found - known) > 10, "companies without a customer"
    assert None in owners
    assert archived & set(owners)
    linked = sum("stripe_customer_id" in company.properties for company in companies)
    assert 0.2 < linked / len(known) < 0.8


def test_stripe_ids_and_prospects_are_told_apart(crm: Crm, world: World) -> None:
    for account, record in customers(crm, world):
        linked = record.properties.get("stripe_customer_id")
        assert linked is None or linked in account.stripe_customer_ids


def test_contacts_are_as_untidy_as_in_life(crm: Crm) -> None:
    contacts = rows(crm, "contacts")
    pair = ("contacts", "companies")
    companies = [{to for to, _type in crm.links.of(pair, contact.id)} for contact in contacts]
    emails = [contact.properties["email"] for contact in contacts]
    assert len(set(emails)) == len(emails)
    assert any(email.endswith(FREE_MAIL) for email in emails)
    assert any(len(found) == 2 for found in companies)
    assert any(not found for found in companies)
    assert all(
        (crm.links.primary(pair, contact.id) in found) == bool(found)
        for contact, found in zip(contacts, companies, strict=True)
    )
    roles = {contact.properties.get("hs_buying_role") for contact in contacts}
    assert {"CHAMPION", "DECISION_MAKER", None} <= roles


def test_some_free_mail_payers_are_known_as_contacts(crm: Crm, world: World) -> None:
    known = {contact.properties["email"] for contact in rows(crm, "contacts")}
    found = (world.stripe.get("customer", id_) for a in world.accounts for id_ in a.stripe_customer_ids)
    paying = {customer["email"] for customer in found if customer is not None and customer["email"]}
    free = {email for email in paying if email.endswith(FREE_MAIL)}
    assert free & known
    assert free - known


def test_those_who_left_bounce_or_stay_unnoticed(crm: Crm, world: World) -> None:
    long_ago = world.today - timedelta(days=30)
    left = {p.email for a in world.accounts for p in a.people if p.left_on and p.left_on < long_ago}
    there = {p.email for a in world.accounts for p in a.people if p.left_on is None}
    bounced = {
        contact.properties["email"]
        for contact in rows(crm, "contacts")
        if "hs_email_hard_bounce_reason_enum" in contact.properties
    }
    assert left & bounced
    assert left - bounced
    assert not there & bounced


def test_deals_of_every_pipeline_open_won_and_lost(crm: Crm) -> None:
    stages = Counter(deal.properties["dealstage"] for deal in rows(crm, "deals"))
    assert {"closedwon", "closedlost", "renewal_closedwon", "expansion_closedwon"} <= set(stages)
    assert any(stage in stages for stage in ("renewal_upcoming", "expansion_proposal", "contractsent"))


def test_a_renewal_is_lost_with_the_account_and_open_until_it_is_due(world: World) -> None:
    due = date(2026, 6, 10)
    staying = replace(world.accounts[0], churned_on=None)
    leaving = replace(world.accounts[0], churned_on=date(2026, 6, 11))
    assert sales.renewal_outcome(staying, due, date(2026, 6, 11)) is None
    won = sales.renewal_outcome(staying, due, date(2026, 6, 20))
    lost = sales.renewal_outcome(leaving, due, date(2026, 6, 20))
    assert won is not None
    assert won[1] == {"dealstage": "renewal_closedwon"}
    assert lost is not None
    assert lost[1]["dealstage"] == "renewal_closedlost"


def test_tickets_are_open_or_closed_later_than_made(crm: Crm) -> None:
    tickets = rows(crm, "tickets")
    closed = [ticket for ticket in tickets if ticket.properties["hs_pipeline_stage"] == "4"]
    assert 0 < len(closed) < len(tickets)
    for ticket in closed:
        at = parse_iso(ticket.properties["closed_date"])
        assert at is not None
        assert at > ticket.created_at
    assert {ticket.properties["hs_ticket_priority"] for ticket in tickets} == {"LOW", "MEDIUM", "HIGH"}


def test_activity_of_every_kind_with_held_and_missed_touches(crm: Crm) -> None:
    assert all(rows(crm, name) for name in ENGAGEMENTS)
    outcomes = {meeting.properties["hs_meeting_outcome"] for meeting in rows(crm, "meetings")}
    assert {"COMPLETED", "NO_SHOW", "CANCELED"} <= outcomes
    dispositions = {call.properties["hs_call_disposition"] for call in rows(crm, "calls")}
    assert {CALL_DISPOSITIONS["Connected"], CALL_DISPOSITIONS["No answer"]} <= dispositions
    assert {email.properties["hs_email_direction"] for email in rows(crm, "emails")} == {
        "EMAIL",
        "INCOMING_EMAIL",
    }
    assert {task.properties["hs_task_status"] for task in rows(crm, "tasks")} == {"COMPLETED", "NOT_STARTED"}
    surveys = {answer.properties["hs_survey_type"] for answer in rows(crm, "feedback_submissions")}
    assert surveys == {"CSAT", "NPS"}


def touches(crm: Crm, company: Record, kind: str, since: date, until: date) -> int:
    dates = [
        crm.tables[kind].rows[to_id].properties.get("hs_timestamp", "")[:10]
        for to_id, _type in crm.links.of(("companies", kind), company.id)
    ]
    return sum(since.isoformat() <= day <= until.isoformat() for day in dates)


def test_content_accounts_talk_more_complain_less_and_answer_better(crm: Crm, world: World) -> None:
    until = world.today
    since = until - timedelta(days=120)
    middle = until - timedelta(days=60)
    living = [
        (account, company)
        for account, company in customers(crm, world)
        if account.churned_on is None and account.signed_up_on < since
    ]
    living.sort(key=lambda pair: pair[0].satisfaction(middle))
    third = len(living) // 3
    sad, glad = living[:third], living[-third:]

    def average(group: list[tuple[Account, Record]], kind: str) -> float:
        return mean(touches(crm, company, kind, since, until) for _account, company in group)

    def tickets(group: list[tuple[Account, Record]]) -> float:
        return mean(
            sum(
                crm.tables["tickets"].rows[to_id].created_at >= to_ms(world.now) - 120 * 86_400_000
                for to_id, type_id in crm.links.of(("companies", "tickets"), company.id)
                if type_id == 340
            )
            for _account, company in group
        )

    assert average(glad, "emails") > average(sad, "emails")
    assert average(glad, "meetings") > average(sad, "meetings")
    assert tickets(glad) < tickets(sad)


def test_after_leaving_hardly_anything_happens(crm: Crm, world: World) -> None:
    gone = [
        (account, company)
        for account, company in customers(crm, world)
        if account.churned_on is not None and account.churned_on < world.today - timedelta(days=90)
    ]
    assert gone
    ended = [(account, company, account.churned_on) for account, company in gone if account.churned_on]
    kinds = ("calls", "emails", "meetings")
    after = sum(
        touches(crm, company, kind, end + timedelta(days=1), world.today)
        for _account, company, end in ended
        for kind in kinds
    )
    before = sum(
        touches(crm, company, kind, account.signed_up_on, end)
        for account, company, end in ended
        for kind in kinds
    )
    days_after = sum((world.today - end).days for _account, _company, end in ended)
    days_before = sum((end - account.signed_up_on).days for account, _company, end in ended)
    assert after / days_after < 0.3 * before / days_before


def activity_of(crm: Crm, day: date) -> Counter[tuple[str, ...]]:
    return Counter(
        (
            name,
            str(record.created_at),
            *(f"{key}={value}" for key, value in sorted(record.properties.items())),
        )
        for name in (*ENGAGEMENTS, "tickets", "feedback_submissions")
        for record in rows(crm, name)
        if record.created_at < to_ms_of(day)
    )


def to_ms_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400_000


def test_living_through_a_month_in_steps_gives_the_same_activity() -> None:
    whole = build(WorldConfig(customers=25, months=12, seed=3, today=date(2026, 10, 20)))
    stepped = build(WorldConfig(customers=25, months=12, seed=3, today=date(2026, 10, 20)))
    at_once, in_steps = build_crm(whole), build_crm(stepped)
    assert fingerprint(at_once) == fingerprint(in_steps)
    whole.advance(30)
    at_once.advance()
    for days in (1, 9, 20):
        stepped.advance(days)
        in_steps.advance()
    after = date(2026, 11, 20)
    assert activity_of(at_once, after) == activity_of(in_steps, after)
    assert sum(activity_of(at_once, after).values()) > sum(activity_of(at_once, date(2026, 10, 21)).values())


def test_advancing_changes_companies_and_keeps_ids() -> None:
    world = build(WorldConfig(customers=25, months=12, seed=3))
    crm = build_crm(world)
    before = {record.id: dict(record.properties) for record in rows(crm, "companies")}
    first = {name: set(table.rows) for name, table in crm.tables.items()}
    world.advance(20)
    crm.advance()
    changed = [
        record for record in rows(crm, "companies") if before.get(record.id) not in (None, record.properties)
    ]
    assert changed
    assert all(record.updated_at > to_ms_of(date(2026, 11, 1)) for record in changed)
    assert all(first[name] <= set(table.rows) for name, table in crm.tables.items())


def test_advancing_twice_to_the_same_day_does_nothing() -> None:
    world = build(WorldConfig(customers=10, months=6))
    crm = build_crm(world)
    before = fingerprint(crm)
    crm.advance()
    assert fingerprint(crm) == before

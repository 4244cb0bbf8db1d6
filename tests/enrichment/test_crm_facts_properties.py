"""Facts from the CRM at a past day: nothing that became known later shows in them."""

from __future__ import annotations

import copy
import random
from datetime import timedelta
from typing import Any, Final

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.facts.catalogue import PART_COLUMNS
from enrichment.facts.crm import TABLES
from enrichment.facts.sources import FactSources
from tests.enrichment.books import AS_OF
from tests.enrichment.crm_books import CONNECTED, NO_ANSWER, Portal, days_before, facts_at

SOURCES: Final = FactSources(nps_property="our_nps", csat_property="our_csat", budget_property="budget")
THEN: Final = 100
"""The past day that is described: so many days before ``AS_OF``."""
COMPANIES: Final = 4
ROLES: Final = ("CHAMPION", "DECISION_MAKER", "END_USER", "CHAMPION;DECISION_MAKER", None)
CHANGING: Final[dict[str, dict[str, tuple[Any, ...]]]] = {
    "hubspot_contacts": {
        "hs_buying_role": ROLES,
        "hs_email_hard_bounce_reason_enum": (None, "OTHER"),
        "our_nps": (None, 0, 10, "x"),
        "our_csat": (None, 1, 5, 9),
    },
    "hubspot_companies": {"budget": (None, "yes", "no")},
    "hubspot_tickets": {"hs_ticket_priority": ("LOW", "HIGH", None)},
    "hubspot_deals": {
        "dealstage": ("proposal", "closedwon"),
        "dealtype": ("existingbusiness", "newbusiness"),
        "amount": (1, 2, "x"),
        "pipeline": ("expansion", "p_renewal"),
    },
}
"""Properties without a date: what they were before the record's last change nobody can tell."""
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=3, deadline=None)


def grown(seed: int, *, until: float) -> Portal:
    """Return a portal as it came about until so many days before ``AS_OF``, at random."""
    rng, portal = random.Random(seed), Portal()
    portal.pipelines()
    for number in range(COMPANIES):
        add_company(portal, rng, number)
    for number in range(60):
        # Drawn in any case, so that a portal that lives longer only has more.
        ago, step = 500 * rng.random(), random.Random(rng.random())
        if ago > until:
            add_record(portal, step, number, ago, until)
    return portal


def add_company(portal: Portal, rng: random.Random, number: int) -> None:
    more = {"changed": rng.choice((50, 300)), "budget": rng.choice((None, "yes", "no"))}
    portal.account(f"{number}", created=rng.choice((400, 900)), **more)
    portal.contact(
        f"c{number}", f"{number}", 390, hs_buying_role=rng.choice(ROLES), our_nps=rng.choice((None, 7))
    )


def add_record(portal: Portal, rng: random.Random, number: int, ago: float, until: float) -> None:
    company = rng.randrange(COMPANIES)
    changed = max(until + 0.01, ago - rng.choice((0, 3, 200)))
    both = (f"companies/{company}", f"contacts/c{rng.randrange(COMPANIES)}")
    links = rng.choice((both, both[:1], both[1:]))
    match rng.randrange(8):
        case 0:
            outcome = rng.choice((None, "COMPLETED", "NO_SHOW"))
            portal.meeting(f"{number}", ago, changed=changed, links=links, hs_meeting_outcome=outcome)
        case 1:
            found = rng.choice((CONNECTED, NO_ANSWER))
            portal.call(f"{number}", ago, changed=changed, links=links, hs_call_disposition=found)
        case 2:
            portal.email(f"{number}", ago, changed=changed, links=links)
        case 3:
            kind = rng.choice(("NPS", "CSAT"))
            portal.answer(rng.randrange(12), f"{number}", ago, links=both[1:], hs_survey_type=kind)
        case 4:
            closed = rng.choice((None, changed))
            more: dict[str, Any] = {"changed": changed, "hs_ticket_priority": rng.choice(("LOW", "HIGH"))}
            portal.ticket(f"{number}", ago, closed, links=links, **more)
        case 5:
            portal.deal(f"{number}", ago, changed=changed, links=links, amount=rng.randrange(1000))
        case 6:
            portal.note(f"{number}", ago, links=links)
        case _:
            role = rng.choice(ROLES)
            portal.contact(f"n{number}", f"{company}", ago, changed=changed, hs_buying_role=role)


def then(portal: Portal) -> pd.DataFrame:
    with portal.prepared(SOURCES) as engine:
        return facts_at(engine, AS_OF - timedelta(days=THEN))


@few
@given(seeds)
def test_rows_of_later_days_change_nothing(seed: int) -> None:
    known = grown(seed, until=THEN)
    later = copy.deepcopy(known)
    rng = random.Random(seed)
    for number in range(40):
        add_record(later, rng, 1000 + number, THEN * rng.random(), 0)
    # What is entered later about days before is not known either.
    later.call("late 1", THEN + 1, created=THEN - 1, links=("companies/0",))
    later.answer(0, "late 2", THEN + 1, created=THEN - 1, links=("contacts/c0",))
    later.meeting("late 3", THEN + 0.01, links=("companies/0",), hs_meeting_outcome=None)
    pd.testing.assert_frame_equal(then(later), then(known))


@few
@given(seeds)
def test_what_undated_properties_became_later_changes_nothing(seed: int) -> None:
    portal = grown(seed, until=0)
    other, rng = copy.deepcopy(portal), random.Random(seed)
    changed = 0
    for stream, choices in CHANGING.items():
        for record in other.streams[stream]:
            if record["updatedAt"] > days_before(THEN):
                record["properties"].update({name: rng.choice(values) for name, values in choices.items()})
                changed += 1
    assert changed
    pd.testing.assert_frame_equal(then(other), then(portal))


@few
@given(seeds)
def test_order_and_repetition_of_rows_change_nothing(seed: int) -> None:
    portal = grown(seed, until=0)
    other, rng = copy.deepcopy(portal), random.Random(seed)
    for rows in other.streams.values():
        rows.extend(rng.sample(rows, len(rows) // 2))
        rng.shuffle(rows)
    pd.testing.assert_frame_equal(other.facts(sources=SOURCES), portal.facts(sources=SOURCES))


@few
@given(seeds)
def test_facts_keep_to_their_ranges(seed: int) -> None:
    facts = grown(seed, until=0).facts(sources=SOURCES)
    assert len(facts) == COMPANIES
    for name, low, high in (
        ("days_since_touch", 0, 500),
        ("engaged_contacts", 0, 60),
        ("key_contact_lost_days", 0, 500),
        ("nps", 0, 10),
        ("nps_drop", 0, 10),
        ("csat", 1, 5),
        ("tickets_norm", 0, 60),
        ("hot_ticket_days", 0, 500),
        ("expansion_moved_days", 0, 500),
    ):
        assert facts[name].dropna().between(low, high).all(), name
    assert (facts["nps_worst"].dropna() <= facts["nps"].dropna()).all()
    assert facts["last_touch_id"].notna().equals(facts["days_since_touch"].notna())
    lost = facts["key_contact_state"].isin(["left", "bounced"])
    assert facts["key_contact_lost_days"].notna().equals(lost)


def test_the_parts_have_the_columns_and_types_of_the_catalogue() -> None:
    with grown(1, until=0).prepared(SOURCES) as engine:
        facts_at(engine, AS_OF)
        for table in TABLES:
            described = engine.frame(f"SELECT column_name, column_type FROM (DESCRIBE {table})")
            types = dict(zip(described["column_name"], described["column_type"], strict=True))
            wanted = {name: kind.removesuffix(" PRECISION") for name, kind in PART_COLUMNS[table].items()}
            assert types == wanted

"""A person in every kind of row, on SQLite and PostgreSQL: found, taken out, the others left as they are."""

from __future__ import annotations

import copy

from tests.support.canaries import (
    BILLED,
    CANARIES,
    EMAIL,
    FIRST,
    LAST,
    NOW,
    OTHER_EMAIL,
    PHONE,
    everything_in,
    plant_in,
)
from warehouse.inbox import Event, Inbox
from warehouse.person import Person
from warehouse.store import Store
from warehouse.store_purging import known_from_events, purge_store, scrub

CONTACT = "30000000119"
PERSON = Person(
    ids=frozenset({CONTACT}),
    emails=frozenset({EMAIL, OTHER_EMAIL}),
    first_names=frozenset({FIRST}),
    last_names=frozenset({LAST}),
    phones=frozenset({PHONE}),
)


def test_nothing_of_the_person_is_left_in_any_row(store: Store) -> None:
    plant_in(store, CONTACT)
    before = everything_in(store)
    person = PERSON | known_from_events(store.engine, PERSON)
    counted = purge_store(store.engine, person, write=False)
    assert everything_in(store) == before
    assert purge_store(store.engine, person, write=True) == counted
    scrub(store.engine)
    after = everything_in(store)
    told = str(after).lower()
    assert [canary for canary in (*CANARIES, CONTACT) if canary.lower() in told] == []
    assert counted == {
        "inbox": 5,
        "push_failures": 2,
        "health_overrides": 1,
        "audit_log": 1,
        "drift": 1,
        "stage_runs": 1,
    }
    assert BILLED in told
    assert [row["status"] for row in sorted(after["inbox"], key=lambda row: row["id"])] == [
        "done",
        "done",
        "done",
        "new",
        "new",
        "new",
    ]
    assert [row["object_type"] for row in after["push_failures"]] == ["companies"]
    assert after["audit_log"][0]["detail"] == {"to": ["[erased]"]}
    assert purge_store(store.engine, person, write=True) == {}


def test_a_namesake_and_another_object_of_the_same_number_stay(store: Store) -> None:
    inbox = Inbox(store.engine)
    inbox.add([Event("hubspot", "h", "deal.creation", b'{"objectId": 777, "x": "30000000119.5"}', NOW)])
    store.set_override("cus_1", "red", reason="Zwitscherin AG", author="ops", created_at=NOW, expires_at=NOW)
    before = copy.deepcopy(everything_in(store))
    assert purge_store(store.engine, PERSON, write=True) == {}
    assert everything_in(store) == before

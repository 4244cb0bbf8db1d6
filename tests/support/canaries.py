"""A person that nobody else is, in every place of a store that can hold one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from warehouse import tables
from warehouse.inbox import Event, Inbox
from warehouse.store import Store

NOW: Final = datetime(2026, 10, 31, 8, 0, tzinfo=UTC)
EMAIL, OLD_EMAIL, OTHER_EMAIL = "zwitscher@canary.example", "vogel@canary.example", "zoe.z@canary.test"
FIRST, LAST, PHONE = "Zoëlina", "Zwitscherin", "+33 6 98 76 54 32"
BILLED: Final = "billing@northwind.example"
CANARIES: Final = (EMAIL, OLD_EMAIL, OTHER_EMAIL, FIRST, LAST, PHONE)


def plant_in(store: Store, contact: str) -> None:
    """Put the person into every kind of row."""
    inbox = Inbox(store.engine)
    inbox.add(_received(contact))
    inbox.bury([2], f"no such contact {contact}")
    failure = {"object_type": "contacts", "object_id": contact, "reason": "no", "run_id": "r"}
    other = {**failure, "object_type": "companies", "object_id": "5", "reason": f"{OLD_EMAIL} is taken"}
    moments = {"created_at": NOW, "expires_at": NOW}
    store.set_override("cus_1", "red", reason=f"{FIRST} {LAST} is angry", author="ops", **moments)
    audit = {"actor": "ops", "action": "x", "target": contact, "result": "done", "detail": {"to": [EMAIL]}}
    drift = {"apply_id": "a", "object_type": "companies", "object_id": "5", "property": "saaskpi_link"}
    drift |= {"ours": "", "theirs": f"ask {EMAIL}", "action": "kept"}
    stage = {"stage": "pull", "caused_by": "x", "status": "failed", "counts": {}, "error": f"no {PHONE}"}
    failures = [{**one, "failed_at": NOW} for one in (failure, other)]
    with store.engine.execution_options(writes=True).begin() as connection:
        connection.execute(tables.push_failures.insert(), failures)
        connection.execute(tables.audit_log.insert(), {**audit, "at": NOW})
        connection.execute(tables.drift.insert(), {**drift, "seen_at": NOW})
        connection.execute(tables.stage_runs.insert(), {**stage, "started_at": NOW})


def everything_in(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables, payloads as text."""
    found = {}
    with store.engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            rows = connection.execute(sa.select(table)).mappings()
            found[table.name] = [
                {name: bytes(one).decode() if isinstance(one, bytes) else one for name, one in row.items()}
                for row in rows
            ]
    return found


def _received(contact: str) -> list[Event]:
    number = int(contact)
    changed = {"objectId": number, "propertyName": "email", "propertyValue": OLD_EMAIL}
    events: list[dict[str, Any]] = [
        {"subscriptionType": "contact.propertyChange", **changed},
        {"subscriptionType": "contact.associationChange", "fromObjectId": 1, "toObjectId": number},
        {"subscriptionType": "contact.privacyDeletion", "objectId": number},
        {"subscriptionType": "company.propertyChange", "objectId": 5, "propertyValue": f"ask {FIRST} {LAST}"},
    ]
    used = {"account": "cus_1", "user": EMAIL, "event": "login"}
    return [
        *(
            Event("hubspot", f"h{n}", event["subscriptionType"], json.dumps(event).encode(), NOW)
            for n, event in enumerate(events)
        ),
        Event("usage", f"id:{EMAIL}-1", "usage", json.dumps(used).encode(), NOW),
        Event("stripe", "evt_1", "customer.updated", json.dumps({"email": BILLED}).encode(), NOW),
    ]

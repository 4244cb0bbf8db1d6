"""Events repeated, mixed and forged leave the state that every event in order would have left."""

from __future__ import annotations

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.touched import Touched
from sandbox.webhooks import stripe_headers
from tests.support.webhooks import Sender, stripe_body, wall_clock, webhook_settings
from warehouse.inbox import Inbox
from webhook_server.app import create_app
from webhook_server.live import Live
from webhook_server.services import Services
from webhook_server.worker import Worker

EVENTS = int(os.environ.get("SAASKPI_TEST_EVENTS", "1000"))
CUSTOMERS = 97


class World:
    """What the vendors hold, and what a refresh copies into the CRM."""

    def __init__(self) -> None:
        self.truth: Counter[str] = Counter()
        self.crm: dict[str, int] = {}
        self.refreshes = 0

    def refresh(self, touched: Touched) -> None:
        self.refreshes += 1
        for customer in touched.customers:
            self.crm[customer] = self.truth[customer]


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    made = Services(webhook_settings(tmp_path), now=wall_clock)
    made.settings.server.debounce_seconds = 0.02
    yield made
    made.close()


def event(number: int, customer: str) -> bytes:
    return stripe_body(number, id=f"in_{number}", object="invoice", customer=customer)


@pytest.mark.slow
def test_disorder_leaves_the_same_state(services: Services) -> None:
    rng, world, live = random.Random(7), World(), Live(services)
    app = create_app(services, live)
    worker = Worker(live, world.refresh)
    sent: list[tuple[bytes, bool]] = []
    for number in range(EVENTS):
        customer = f"cus_{rng.randrange(CUSTOMERS)}"
        world.truth[customer] += 1
        sent += [(event(number, customer), True)] * (1 + (rng.random() < 0.3))
        if rng.random() < 0.05:
            sent.append((event(10_000_000 + number, "cus_forged"), False))
    rng.shuffle(sent)
    statuses: Counter[tuple[bool, int]] = Counter()
    lock = threading.Lock()

    def deliver(part: list[tuple[bytes, bool]]) -> None:
        sender = Sender(app.test_client(), services)
        for body, is_real in part:
            forged = stripe_headers("whsec_of_somebody_else", body, wall_clock().timestamp())
            status = sender.stripe(body, **({} if is_real else forged)).status_code
            with lock:
                statuses[is_real, status] += 1

    worker.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, [sent[first::4] for first in range(4)]))
    worker.stop()
    last = Worker(live, world.refresh)  # what the stop gave back
    while last.step() or last._debounce.next_due():
        pass
    forged = sum(not is_real for _, is_real in sent)
    assert statuses == {(True, 200): len(sent) - forged, (False, 400): forged}
    assert world.crm == dict(world.truth)
    counts = Inbox(services.store.engine).counts()
    assert (counts.waiting, counts.dead) == (0, 0)
    print(f"{EVENTS} events sent {len(sent)} times, {forged} forged, {world.refreshes} refreshes")


def test_hubspot_events_mixed_and_repeated_are_each_kept_once(services: Services) -> None:
    rng, live = random.Random(3), Live(services)
    sender = Sender(create_app(services, live).test_client(), services)
    events = [
        {"eventId": number % 10, "subscriptionType": "company.creation", "objectId": number + 1}
        for number in range(300)
    ]
    for attempt in range(3):
        rng.shuffle(events)
        tried = [{**one, "attemptNumber": attempt} for one in events]
        for first in range(0, 300, 100):
            assert sender.hubspot(tried[first : first + 100]).status_code == 200
    rows = live.inbox.claim("test", wall_clock(), 1000, services.now() - services.now())
    assert sorted(json.loads(row.payload)["objectId"] for row in rows) == list(range(1, 301))

"""The server as a process: killed, crowded by slow clients, out of disk, and told to stop."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from saaskpi.errors import StoreError, UsageError
from tests.support.serving import ServerProcess
from tests.support.webhooks import Sender, stripe_body, wall_clock, webhook_settings
from warehouse.inbox import Inbox
from webhook_server.app import LONGEST_BODY, create_app
from webhook_server.live import Live
from webhook_server.services import Services
from webhook_server.serving import http, serve
from webhook_server.worker import Worker

KILLS = int(os.environ.get("SAASKPI_TEST_SERVER_KILLS", "3"))
SLOW = int(os.environ.get("SAASKPI_TEST_SLOW_CLIENTS", "120"))


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    made = Services(webhook_settings(tmp_path), now=wall_clock)
    yield made
    made.close()


@pytest.mark.slow
def test_a_killed_server_loses_nothing_it_has_answered(services: Services) -> None:
    rng, acknowledged, numbers = random.Random(7), set[str](), iter(range(1_000_000))
    for _ in range(KILLS):
        server = ServerProcess(services.settings, answering=False).start()
        stop = threading.Event()

        def send(server: ServerProcess = server, stop: threading.Event = stop) -> None:
            while not stop.is_set():
                number = next(numbers)
                if server.post_stripe(stripe_body(number)) == 200:
                    acknowledged.add(f"evt_{number}")

        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(rng.uniform(0.2, 1.5))
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
    assert len(acknowledged) > 20 * KILLS
    refreshed = Counter[str]()
    services.now = lambda: wall_clock() + timedelta(hours=1)  # every claim has run out
    worker = Worker(Live(services), lambda touched: refreshed.update(touched.customers))
    while worker.step():
        pass
    assert {f"evt_{customer.removeprefix('cus_')}" for customer in refreshed} >= acknowledged
    assert Inbox(services.store.engine).counts().waiting == 0
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged events, none lost")


def slow_client(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=5)
    client.sendall(b"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n")
    return client


@pytest.mark.slow
def test_slow_clients_shut_nobody_out(services: Services) -> None:
    app = create_app(services)
    with http(app, "127.0.0.1", 0, 16) as url:
        port = int(url.rpartition(":")[2])
        clients = [slow_client(port) for _ in range(SLOW)]
        times = []
        for number in range(100):
            clients[number % SLOW].sendall(b"x")
            started = time.monotonic()
            assert requests.get(f"{url}/healthz", timeout=10).status_code == 200
            times.append(time.monotonic() - started)
        for client in clients:
            client.close()
    print(f"{SLOW} slow clients: /healthz 99 % within {sorted(times)[98] * 1000:.0f} ms")
    assert sorted(times)[98] < 5.0  # a client that shut others out would do so for minutes


def test_long_bodies_end_in_the_server(services: Services) -> None:
    app = create_app(services)
    with http(app, "127.0.0.1", 0, 4) as url:
        port = int(url.rpartition(":")[2])
        for head in (f"Content-Length: {50 * LONGEST_BODY}", "Content-Length: nonsense"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(f"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode())
                answer = client.recv(1000)
            assert answer.split()[1] in (b"413", b"400"), answer
        assert requests.get(f"{url}/healthz", timeout=10).status_code == 200


def test_a_store_that_fails_is_503_and_heals_without_a_restart(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live(services)
    sender = Sender(create_app(services, live).test_client(), services)
    assert sender.stripe(stripe_body(1)).status_code == 200
    add, full = live.inbox.add, True

    def failing(events: Any) -> Any:
        if full:
            raise StoreError("No space is left.")
        return add(events)

    monkeypatch.setattr(live.intake, "_add", failing)
    refused = sender.stripe(stripe_body(2))
    assert refused.status_code == 503
    assert set(refused.json or {}) == {"error", "hint"}
    full = False
    assert sender.stripe(stripe_body(2)).json == {"received": 1, "new": 1}


def test_a_full_database_is_503_and_heals(services: Services) -> None:
    sender = Sender(create_app(services).test_client(), services)
    assert sender.stripe(stripe_body(1)).status_code == 200
    with services.store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    # SQLite refuses to grow beyond this, with the error that a full disk gives.
    limit = pages
    sa.event.listen(
        services.store.engine,
        "checkout",
        lambda connection, *_: connection.execute(f"PRAGMA max_page_count = {limit}"),
    )
    statuses = {sender.stripe(stripe_body(n, padding="y" * 5000)).status_code for n in range(20)}
    assert statuses <= {200, 503}
    assert 503 in statuses
    limit = 1_000_000
    assert sender.stripe(stripe_body("last")).status_code == 200


def test_serve_stops_when_it_is_told_and_says_when_a_port_is_taken(services: Services) -> None:
    stop, listening = threading.Event(), threading.Event()
    urls: list[str] = []

    def told(url: str) -> None:
        urls.append(url)
        listening.set()

    thread = threading.Thread(target=serve, args=(services, "127.0.0.1", 0, stop, told))
    thread.start()
    assert listening.wait(20)
    assert requests.get(f"{urls[0]}/readyz", timeout=10).json()["status"] == "ready"
    with pytest.raises(UsageError, match="cannot listen"):
        serve(services, "127.0.0.1", int(urls[0].rpartition(":")[2]), stop)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{urls[0]}/healthz", timeout=5)

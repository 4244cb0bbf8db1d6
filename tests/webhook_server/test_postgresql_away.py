"""The server over PostgreSQL: it goes away and comes back, and many threads ask at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

from connectors.touched import Touched
from saaskpi.settings import StoreSettings
from sandbox.webhooks import stripe_headers
from tests.support import postgres
from tests.support.webhooks import STRIPE_SECRET, stripe_body, wall_clock, webhook_settings
from warehouse.inbox import Inbox
from webhook_server.services import Services
from webhook_server.serving import serve


class Running:
    """A server over a store, and what its worker refreshed."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.refreshed: set[str] = set()
        self.stop = threading.Event()
        self._listening = threading.Event()
        arguments = (services, "127.0.0.1", 0, self.stop, self._heard, self._refresh)
        self._thread = threading.Thread(target=serve, args=arguments)
        self._thread.start()
        assert self._listening.wait(60)

    def _heard(self, url: str) -> None:
        self.url = url
        self._listening.set()

    def _refresh(self, touched: Touched) -> None:
        self.refreshed |= touched.customers

    def post(self, number: int) -> int:
        body = stripe_body(number)
        headers = stripe_headers(STRIPE_SECRET, body, time.time())
        return requests.post(
            f"{self.url}/webhooks/stripe", data=body, headers=headers, timeout=60
        ).status_code

    def end(self) -> None:
        self.stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def running(store_url: str, tmp_path: Path) -> Iterator[Running]:
    settings = webhook_settings(tmp_path, store=StoreSettings(url=SecretStr(store_url)))
    settings.server.debounce_seconds = 0.1
    services = Services(settings, now=wall_clock)
    made = Running(services)
    yield made
    made.end()
    services.close()


@pytest.mark.slow
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_while_postgresql_is_away_it_is_503_and_then_goes_on(running: Running) -> None:
    assert running.post(1) == 200
    with postgres.away():
        for number in (2, 3):
            answer = running.post(number)
            assert answer == 503
        assert requests.get(f"{running.url}/readyz", timeout=60).status_code == 503
        assert requests.get(f"{running.url}/healthz", timeout=60).status_code == 200
    assert running.post(2) == 200
    deadline = time.monotonic() + 60
    while not running.refreshed >= {"cus_1", "cus_2"}:
        assert time.monotonic() < deadline, running.refreshed
        time.sleep(0.1)
    assert requests.get(f"{running.url}/readyz", timeout=60).status_code == 200


@pytest.mark.slow
def test_sixteen_threads_and_the_worker_have_connections_enough(running: Running) -> None:
    held = threading.Barrier(25)

    def hold(_: int) -> int:
        with running.services.store.engine.connect() as connection:
            held.wait(30)  # nobody gives one back before all have one
            return int(connection.exec_driver_sql("SELECT 1").scalar_one())

    with ThreadPoolExecutor(25) as pool:
        assert sum(pool.map(hold, range(25))) == 25
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(running.post, range(100, 180))) == {200}
    deadline = time.monotonic() + 60
    while Inbox(running.services.store.engine).counts().waiting:
        assert time.monotonic() < deadline
        time.sleep(0.1)

"""Lets things happen at the vendors, and processes the events in a child that can be killed."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import sqlalchemy as sa
from pydantic import SecretStr

from connectors.stripe.client import StripeClient
from connectors.stripe.webhook_endpoints import register
from saaskpi.settings import ScheduleSettings, Settings
from tests.support.spine import settings_for
from warehouse import tables
from webhook_server.app import create_app
from webhook_server.live import Live
from webhook_server.services import Services
from webhook_server.serving import http
from webhook_server.worker import LEASE, Worker

if TYPE_CHECKING:
    from sandbox import Sandbox

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.inbox_kills", "duckdb", "alembic.command"])
_HAPPENINGS = ("payment_failed", "upgrade", "schedule_cancel", "payment_succeeded", "cancel", "downgrade")


def live_settings(sandbox: Sandbox, home: Path) -> Settings:
    """Return settings with both secrets, nothing scheduled, and little patience for bursts."""
    told = sandbox.describe()
    settings = settings_for(sandbox, home)
    settings.stripe.webhook_secret = SecretStr(told["stripe"]["webhook_secret"])
    settings.hubspot.client_secret = SecretStr(told["hubspot"]["client_secret"])
    settings.schedule = ScheduleSettings(**dict.fromkeys(ScheduleSettings.model_fields, ""))
    settings.server.debounce_seconds = 0.05
    return settings


@contextmanager
def receiving(sandbox: Sandbox, settings: Settings) -> Iterator[None]:
    """Receive the webhooks of both vendors over HTTP; nothing is processed here."""
    services = Services(settings, now=lambda: datetime.now(UTC))
    with http(create_app(services), "127.0.0.1", 0, 4) as url:
        register(StripeClient(settings.stripe_key(), settings.stripe.api_base), f"{url}/webhooks/stripe")
        sandbox.hubspot_webhooks.aim(f"{url}/webhooks/hubspot")
        yield
        sandbox.hubspot_webhooks.aim(None)
    services.close()


def happen(sandbox: Sandbox, number: int) -> None:
    """Let the things of one round happen: the same in each sandbox of the same seed."""
    customers = sorted(sandbox.world.truth()["customers"])
    for offset in range(4):
        what = _HAPPENINGS[(number + offset) % len(_HAPPENINGS)]
        body = {"what": what, "customer": customers[(4 * number + offset) % len(customers)]}
        requests.post(f"{sandbox.stripe_url}/_sandbox/happen", json=body, timeout=30)  # some cannot happen
    companies = [one for one in sandbox.crm.tables["companies"].live() if "saaskpi_mrr" in one.properties]
    company = companies[number % len(companies)]
    edit(sandbox, company.id, saaskpi_mrr="1", numberofemployees=str(number + 7))
    if number % 3 == 1:
        others = [
            one for one in sandbox.crm.tables["companies"].live() if "saaskpi_mrr" not in one.properties
        ]
        if others:
            merge(sandbox, others[0].id, company.id)
    assert sandbox.hubspot_webhooks.settle(30)


def edit(sandbox: Sandbox, company: int, **properties: str) -> None:
    """Change a company as a person does."""
    body = {"type": "companies", "id": str(company), "properties": properties}
    answer = requests.post(f"{sandbox.stripe_url}/_sandbox/edit", json=body, timeout=30)
    assert answer.ok, answer.text


def merge(sandbox: Sandbox, survivor: int, other: int) -> str:
    """Merge two companies; return the id under which both go on."""
    headers = {"Authorization": f"Bearer {sandbox.hubspot.access_token}"}
    body = {"primaryObjectId": str(survivor), "objectIdToMerge": str(other)}
    url = f"{sandbox.hubspot_url}/crm/objects/2026-03/companies/merge"
    answer = requests.post(url, json=body, headers=headers, timeout=30)
    assert answer.ok, answer.text
    return str(answer.json()["id"])


def _process(settings: Settings, later: float) -> None:
    services = Services(settings, now=lambda: datetime.now(UTC) + timedelta(seconds=later))
    live = Live(services)
    worker = Worker(live)
    deadline = time.monotonic() + 400
    while live.inbox.counts().waiting:
        assert time.monotonic() < deadline, worker.trouble()
        worker.step()
        time.sleep(0.005)
    worker.stop()
    services.close()


class Processing:
    """Processes the inbox of a home in one child after the other.

    Args:
        sandbox: its webhooks are received meanwhile.
        settings: of the home.
    """

    def __init__(self, sandbox: Sandbox, settings: Settings) -> None:
        self._sandbox = sandbox
        self._settings = settings
        self._later = 0.0

    def finish(self) -> float:
        """Process until nothing waits, our own writes told of included; return the seconds it took."""
        started = time.monotonic()
        while True:
            child = self._start()
            child.join(timeout=500)
            assert child.exitcode == 0, f"processing ended with {child.exitcode}"
            assert self._sandbox.hubspot_webhooks.settle(30)
            if set(statuses(self._settings)) <= {"done"}:
                return time.monotonic() - started

    def kill(self, after: float) -> bool:
        """Begin to process and kill it after so many seconds; tell whether it was still at work."""
        child = self._start()
        child.join(timeout=after)
        alive: bool = child.is_alive()
        child.kill()
        child.join()
        return alive

    def _start(self) -> Any:
        child = _CONTEXT.Process(target=_process, args=(self._settings, self._later))
        self._later += LEASE.total_seconds() + 1  # the claims of one that was killed have run out
        child.start()
        return child


def statuses(settings: Settings, source: str | None = None) -> Counter[str]:
    """Return how many events of the inbox (of a source) have which status."""
    engine = sa.create_engine(f"sqlite:///{settings.home / 'saaskpi.db'}")
    query = sa.select(tables.inbox.c.status)
    if source:
        query = query.where(tables.inbox.c.source == source)
    with engine.connect() as connection:
        found = Counter(connection.execute(query).scalars())
    engine.dispose()
    return found

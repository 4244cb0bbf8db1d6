"""From a webhook to the CRM: the sandbox tells a running server, and it brings the CRM up to date."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import SecretStr

from connectors.stripe.client import StripeClient
from connectors.stripe.webhook_endpoints import register
from saaskpi.pipeline import Pipeline
from saaskpi.settings import ScheduleSettings
from tests.support.crash import crm_state
from tests.support.kept import Kept
from tests.support.spine import write_calls
from warehouse.access import AuditLog
from warehouse.inbox import Inbox
from webhook_server.services import Services
from webhook_server.serving import serve

if TYPE_CHECKING:
    from sandbox import Sandbox


class Running:
    """A sandbox, and a server over a home that was filled from it."""

    def __init__(self, sandbox: Sandbox, services: Services, url: str) -> None:
        self.sandbox = sandbox
        self.services = services
        self.url = url
        self.pipeline: Pipeline = services.pipeline()

    def happen(self, what: str, customer: str) -> None:
        body = {"what": what, "customer": customer}
        answer = requests.post(f"{self.sandbox.stripe_url}/_sandbox/happen", json=body, timeout=30)
        assert answer.ok, answer.text

    def quiet(self, seconds: float = 100.0) -> None:
        """Wait until everything that came in is processed, and nothing comes in any more."""
        deadline, calm = time.monotonic() + seconds, 0
        while calm < 3:
            assert time.monotonic() < deadline, requests.get(f"{self.url}/readyz", timeout=10).text
            time.sleep(0.3)
            told = self.sandbox.hubspot_webhooks.settle(1)
            waiting = requests.get(f"{self.url}/readyz", timeout=10).json()["waiting"]
            calm = calm + 1 if told and waiting == 0 else 0

    def company_of(self, customer: str) -> dict[str, str]:
        """Return our values of the company of a customer."""
        for record in self.sandbox.crm.tables["companies"].live():
            if customer in record.properties.get("saaskpi_stripe_customer_ids", "").split(";"):
                return {
                    name: value for name, value in record.properties.items() if name.startswith("saaskpi_")
                }
        raise AssertionError(f"no company has {customer}")


@pytest.fixture
def running(kept: Kept, tmp_path: Path) -> Iterator[Running]:
    sandbox, settings = kept.begin(tmp_path / "home")
    told = sandbox.describe()
    settings.stripe.webhook_secret = SecretStr(told["stripe"]["webhook_secret"])
    settings.hubspot.client_secret = SecretStr(told["hubspot"]["client_secret"])
    settings.schedule = ScheduleSettings(**dict.fromkeys(ScheduleSettings.model_fields, ""))
    settings.server.debounce_seconds = 0.1
    services = Services(settings, now=lambda: datetime.now(UTC))
    with served(services) as url:
        client = StripeClient(settings.stripe_key(), settings.stripe.api_base)
        register(client, f"{url}/webhooks/stripe")
        sandbox.hubspot_webhooks.aim(f"{url}/webhooks/hubspot")
        yield Running(sandbox, services, url)
    services.close()


@contextmanager
def served(services: Services) -> Iterator[str]:
    """Serve in a thread; gives the URL."""
    stop, listening = threading.Event(), threading.Event()
    urls: list[str] = []

    def heard(url: str) -> None:
        urls.append(url)
        listening.set()

    server = threading.Thread(target=serve, args=(services, "127.0.0.1", 0, stop, heard))
    server.start()
    try:
        assert listening.wait(30)
        yield urls[0]
    finally:
        stop.set()
        server.join(30)


def payer(running: Running) -> str:
    """A customer that pays by card, has a company, and whose first subscription is active."""
    for life in running.sandbox.world._company._lives.values():
        for subscription in life.desk.subscriptions.values():
            customer = life.desk.customers[subscription.customer]
            linked = any(
                customer.id in record.properties.get("saaskpi_stripe_customer_ids", "")
                for record in running.sandbox.crm.tables["companies"].live()
            )
            fits = subscription.status == "active" and not subscription.days_until_due
            if fits and linked and customer.default_payment_method and not customer.deleted_at:
                return customer.id
    raise AssertionError("nobody fits")


def ours(running: Running) -> Any:
    return crm_state(running.sandbox)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_happens_at_stripe_is_in_the_crm_and_nothing_goes_round(running: Running) -> None:
    customer = payer(running)
    before = running.company_of(customer)
    tasks = ours(running)["tasks"]
    running.happen("payment_failed", customer)
    running.quiet()
    after = running.company_of(customer)
    assert after != before
    assert len(ours(running)["tasks"]) > len(tasks)
    entries = AuditLog(running.services.store.engine).recent()
    assert {(one["actor"], one["action"], one["result"]) for one in entries} == {("webhook", "apply", "done")}
    assert sum(one["detail"].get("companies_updated", 0) for one in entries) >= 1
    calls = len(write_calls(running.sandbox))
    time.sleep(1.0)
    running.quiet()
    assert len(write_calls(running.sandbox)) == calls  # our own writes were told to us, and led to nothing
    whole = running.services.pipeline()
    whole.run()
    assert running.company_of(customer) == after
    assert len(write_calls(running.sandbox)) == calls  # a whole run finds nothing that was left undone


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_people_do_in_the_crm_is_followed(running: Running) -> None:
    customer, crm = payer(running), running.sandbox.crm
    before = running.company_of(customer)
    companies = list(crm.tables["companies"].live())
    company = next(one for one in companies if one.properties.get("saaskpi_mrr") and mine(one, customer))
    prospect = next(one for one in companies if "saaskpi_mrr" not in one.properties)
    # A person edits one of our values: it is put right again.
    edit = {"type": "companies", "id": str(company.id), "properties": {"saaskpi_mrr": "1"}}
    assert requests.post(f"{running.sandbox.stripe_url}/_sandbox/edit", json=edit, timeout=30).ok
    running.quiet()
    assert running.company_of(customer)["saaskpi_mrr"] == before["saaskpi_mrr"]
    # Two companies are merged: the survivor, under its new id, is the account's.
    headers = {"Authorization": f"Bearer {running.sandbox.hubspot.access_token}"}
    base = f"{running.sandbox.hubspot_url}/crm/objects/2026-03"
    body = {"primaryObjectId": str(prospect.id), "objectIdToMerge": str(company.id)}
    merged = requests.post(f"{base}/companies/merge", json=body, headers=headers, timeout=30).json()
    running.quiet()
    survivor = crm.tables["companies"].find(int(merged["id"]))
    assert survivor is not None
    assert survivor.properties["saaskpi_mrr"] == before["saaskpi_mrr"]
    # A contact is deleted for privacy: its address is in no row that waits or is kept.
    contact = next(one for one in crm.tables["contacts"].live() if one.properties.get("email"))
    email = contact.properties["email"]
    requests.post(
        f"{base}/contacts/gdpr-delete", json={"objectId": str(contact.id)}, headers=headers, timeout=30
    )
    running.quiet()
    assert email.encode() not in (running.services.settings.home / "saaskpi.db").read_bytes()
    assert Inbox(running.services.store.engine).counts().dead == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_happened_while_no_server_was_there_is_in_the_crm_soon_after_the_start(
    running: Running, tmp_path: Path
) -> None:
    customer, settings = payer(running), running.services.settings
    running.happen("upgrade", customer)
    running.quiet()
    before = running.company_of(customer)
    copy = tmp_path / "later"
    shutil.copytree(settings.home, copy)
    register(
        StripeClient(settings.stripe_key(), settings.stripe.api_base), "http://127.0.0.1:9/webhooks/stripe"
    )
    running.sandbox.hubspot_webhooks.aim(None)
    running.happen("payment_failed", customer)
    running.quiet()
    assert running.company_of(customer) == before
    later = Services(settings.model_copy(update={"home": copy}), now=lambda: datetime.now(UTC))
    with served(later):
        deadline = time.monotonic() + 60
        while "payment_failed" not in running.company_of(customer)["saaskpi_risk_flags"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    later.close()


def mine(record: Any, customer: str) -> bool:
    return customer in record.properties.get("saaskpi_stripe_customer_ids", "").split(";")

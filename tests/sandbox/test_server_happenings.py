"""What is made to happen at once: in the billing world and in the CRM, told to whoever listens."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask import Flask, Response, request

from sandbox import Sandbox
from sandbox.happenings import HAPPENINGS
from sandbox.server import Server


class Listener:
    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self.got: list[Any] = []


@pytest.fixture
def listener() -> Iterator[Listener]:
    app, heard = Flask("listener"), Listener()

    @app.post("/hooks")
    def hooks() -> Response:
        heard.got.append(request.get_json())
        return Response(status=heard.statuses.pop() if heard.statuses else 200)

    with Server(app) as server:
        heard.url = server.url + "/hooks"
        yield heard


def control(sandbox: Sandbox, path: str, /, **body: Any) -> Any:
    answer = requests.post(f"{sandbox.stripe_url}/_sandbox/{path}", json=body, timeout=30)
    return answer.json() if answer.ok else answer.status_code


def stripe(sandbox: Sandbox, method: str, path: str, **data: Any) -> Any:
    headers = {"Authorization": f"Bearer {sandbox.stripe_api_key}"}
    return requests.request(method, sandbox.stripe_url + path, headers=headers, data=data, timeout=30).json()


def hubspot(sandbox: Sandbox, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {sandbox.hubspot.access_token}"}
    answer = requests.request(method, sandbox.hubspot_url + path, headers=headers, json=body, timeout=30)
    return answer.json() if answer.content else None


def somebody(sandbox: Sandbox) -> str:
    """A customer whose first running subscription is active, paid by card, and has several units."""
    for row in stripe(sandbox, "GET", "/v1/subscriptions?status=active&limit=100")["data"]:
        by_card = row["collection_method"] == "charge_automatically"
        if by_card and len(row["items"]["data"]) == 1 and row["items"]["data"][0].get("quantity", 0) > 1:
            return str(row["customer"])
    raise AssertionError("nobody fits")


def test_a_payment_fails_at_once_and_everybody_hears_of_it(
    make_sandbox: Callable[..., Sandbox], listener: Listener
) -> None:
    sandbox = make_sandbox(customers=30, months=12)
    customer = somebody(sandbox)
    stripe(sandbox, "POST", "/v1/webhook_endpoints", **{"url": listener.url, "enabled_events[]": "*"})
    told = control(sandbox, "happen", what="payment_failed", customer=customer)
    types = [event["type"] for event in told["events"]]
    assert {"charge.failed", "invoice.payment_failed", "customer.subscription.updated"} <= set(types)
    assert listener.got == told["events"]
    assert told["delivered"] == len(types)
    (row,) = stripe(sandbox, "GET", f"/v1/subscriptions?customer={customer}")["data"]
    assert row["status"] == "past_due"
    listed = stripe(sandbox, "GET", "/v1/events?limit=100")["data"]
    assert {event["id"] for event in told["events"]} <= {event["id"] for event in listed}


def test_each_thing_that_can_happen_leaves_events(make_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = make_sandbox(customers=60, months=12)
    for what in HAPPENINGS:
        customer = somebody(sandbox)
        if what == "resume":
            control(sandbox, "happen", what="pause", customer=customer)
        assert control(sandbox, "happen", what=what, customer=customer)["events"], what
    assert control(sandbox, "clock", advance_days=3)["today"] == "2026-11-03"


def test_what_cannot_happen_is_refused(make_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = make_sandbox()
    assert control(sandbox, "happen", what="payment_failed", customer="cus_nobody") == 400
    assert control(sandbox, "happen", what="miracle", customer=somebody(sandbox)) == 400
    assert control(sandbox, "edit", type="companies", id="1", properties={}) == 400
    assert control(sandbox, "manner", haste=1) == 400


def test_the_crm_tells_of_changes(make_sandbox: Callable[..., Sandbox], listener: Listener) -> None:
    sandbox = make_sandbox()
    control(sandbox, "hubspot_webhooks", url=listener.url)
    one, other = [str(record.id) for record in list(sandbox.crm.tables["companies"].live())[:2]]
    contact = next(sandbox.crm.tables["contacts"].live()).id
    base = "/crm/objects/2026-03"
    hubspot(sandbox, "PATCH", f"{base}/companies/{one}", {"properties": {"city": "Lyon"}})
    control(sandbox, "edit", type="companies", id=one, properties={"city": "Paris"})
    merged = hubspot(
        sandbox, "POST", f"{base}/companies/merge", {"primaryObjectId": one, "objectIdToMerge": other}
    )
    hubspot(sandbox, "POST", f"{base}/contacts/gdpr-delete", {"objectId": str(contact)})
    assert sandbox.hubspot_webhooks.settle()
    events = [event for batch in listener.got for event in batch]
    told = [
        (e["subscriptionType"], e["changeSource"])
        for e in events
        if "association" not in e["subscriptionType"]
    ]
    assert told == [
        ("company.propertyChange", "INTEGRATION"),
        ("company.propertyChange", "CRM_UI"),
        ("company.merge", "CRM_UI"),
        ("contact.deletion", "CRM_UI"),
        ("contact.privacyDeletion", "CRM_UI"),
    ]
    merge = next(e for e in events if e["subscriptionType"] == "company.merge")
    assert (merge["primaryObjectId"], merge["mergedObjectIds"]) == (int(one), [int(other)])
    assert str(merge["newObjectId"]) == merged["id"]
    assert hubspot(sandbox, "GET", f"{base}/companies/{other}")["id"] == merged["id"]


def test_deliveries_can_be_as_bad_as_the_vendors_say(
    make_sandbox: Callable[..., Sandbox], listener: Listener
) -> None:
    sandbox = make_sandbox()
    control(sandbox, "manner", duplicates=1.0, shuffle=True, retries=2)
    control(sandbox, "hubspot_webhooks", url=listener.url)
    company = next(sandbox.crm.tables["companies"].live()).id
    listener.statuses = [503, 503]
    control(sandbox, "edit", type="companies", id=str(company), properties={"city": "Lyon"})
    assert sandbox.hubspot_webhooks.settle()
    assert len(listener.got) == 3
    assert [len(batch) for batch in listener.got] == [2, 2, 2]
    assert json.dumps(listener.got[0]) == json.dumps(listener.got[2])

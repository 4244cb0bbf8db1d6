import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import stripe
from flask import Flask, Response, request

from sandbox import Sandbox
from sandbox.server import Server
from sandbox.webhooks import hubspot_signature_v3, stripe_signature

HUBSPOT_EVENT = (
    '[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    '"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
    '"changeFlag":"NEW","appId":54321}]'
)


@dataclass
class Receiver:
    url: str = ""
    status: int = 200
    got: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    app, received = Flask("receiver"), Receiver()

    @app.post("/hooks")
    def hooks() -> Response:
        received.got.append((request.get_data(), dict(request.headers)))
        return Response(status=received.status)

    with Server(app) as server:
        received.url = server.url + "/hooks"
        yield received


def client_of(sandbox: Sandbox) -> stripe.StripeClient:
    bases: Any = {"api": sandbox.stripe_url}
    return stripe.StripeClient(sandbox.stripe_api_key, base_addresses=bases, max_network_retries=0)


def test_the_clock_delivers_events_that_the_official_client_accepts(
    make_sandbox: Callable[..., Sandbox], receiver: Receiver
) -> None:
    sandbox = make_sandbox(customers=30, months=12)
    client = client_of(sandbox)
    endpoint = client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    assert endpoint.secret == sandbox.describe()["stripe"]["webhook_secret"]
    moved = requests.post(sandbox.stripe_url + "/_sandbox/clock", json={"advance_days": 7}, timeout=60).json()
    assert moved["today"] == "2026-11-07"
    assert moved["delivered"] == moved["events"] == len(receiver.got) > 0
    for body, headers in receiver.got:
        event: Any = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], endpoint.secret)
        again = client.v1.events.retrieve(event.id)
        assert (again.type, again.created) == (event.type, event.created)
    log = requests.get(sandbox.stripe_url + "/_sandbox/webhooks", timeout=10).json()["webhooks"]
    assert {entry["status"] for entry in log} == {200}


def test_endpoints_choose_their_types_and_can_be_changed_and_removed(
    make_sandbox: Callable[..., Sandbox], receiver: Receiver
) -> None:
    sandbox = make_sandbox(customers=20, months=6)
    client = client_of(sandbox)
    endpoints = client.v1.webhook_endpoints
    endpoint = endpoints.create({"url": receiver.url, "enabled_events": ["invoice.paid"]})
    sandbox.advance(10)
    assert receiver.got
    assert {json.loads(body)["type"] for body, _ in receiver.got} == {"invoice.paid"}
    receiver.got.clear()
    assert endpoints.update(endpoint.id, {"disabled": True}).status == "disabled"
    sandbox.advance(10)
    assert receiver.got == []
    assert [row.id for row in endpoints.list().data] == [endpoint.id]
    assert endpoints.retrieve(endpoint.id).url == receiver.url
    endpoints.delete(endpoint.id)
    assert endpoints.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        endpoints.retrieve(endpoint.id)


def test_a_receiver_that_fails_or_is_gone_is_logged(
    make_sandbox: Callable[..., Sandbox], receiver: Receiver
) -> None:
    sandbox = make_sandbox(customers=2, months=2)
    receiver.status = 503
    event = {"id": "evt_made_up", "object": "event"}
    gone = "http://127.0.0.1:1/hooks"
    statuses = [sandbox.send_webhooks("stripe", url, [event])[0].status for url in (receiver.url, gone)]
    assert statuses == [503, 0]


def test_made_up_hubspot_events_go_a_hundred_at_a_time(
    make_sandbox: Callable[..., Sandbox], receiver: Receiver
) -> None:
    sandbox = make_sandbox(customers=2, months=2)
    events = [{"eventId": number, "subscriptionType": "company.merge"} for number in range(130)]
    asked = {"vendor": "hubspot", "url": receiver.url, "events": events}
    requests.post(sandbox.hubspot_url + "/_sandbox/webhooks", json=asked, timeout=10).raise_for_status()
    assert [len(json.loads(body)) for body, _ in receiver.got] == [100, 30]
    body, headers = receiver.got[0]
    stamp = int(headers["X-Hubspot-Request-Timestamp"])
    secret = sandbox.describe()["hubspot"]["client_secret"]
    signed = hubspot_signature_v3(secret, "POST", receiver.url, body, stamp)
    assert headers["X-Hubspot-Signature-V3"] == signed


@pytest.mark.parametrize(
    "secret,stamp,payload,digest",
    [
        (
            "whsec_test_secret_1",
            1700000000,
            '{"id":"evt_1","object":"event","type":"customer.subscription.updated",'
            '"data":{"object":{"id":"sub_1","object":"subscription"}}}',
            "bd5d3a7be9df0cd0e96aa3b7d937d93cb15636f39a3cc0a2b517fe9d2cb6e864",
        ),
        (
            "whsec_rotated_new",
            1764547200,
            '{"id":"evt_3","object":"event","type":"customer.deleted",'
            '"data":{"object":{"id":"cus_1","object":"customer","deleted":true}}}',
            "cae488482dbd036f7d467ba7e2a7cc2a457b493a98fe4bc010694f8ee29dedce",
        ),
    ],
)
def test_stripe_signatures_as_published(secret: str, stamp: int, payload: str, digest: str) -> None:
    assert stripe_signature(secret, payload.encode(), stamp) == f"t={stamp},v1={digest}"


@pytest.mark.parametrize(
    "uri,body,stamp,signature",
    [
        (
            "https://www.example.com/webhook_uri",
            "{'example_field':'example_value'}",
            1693657560000,
            "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
        ),
        (
            "https://hooks.example.com/hs?src=a%40b",
            HUBSPOT_EVENT,
            1764547200000,
            "P6Ck/YyUE9ht6wMW2ZZzZG7aYUn0k74X7OIDyegUiDk=",
        ),
    ],
)
def test_hubspot_signatures_as_published(uri: str, body: str, stamp: int, signature: str) -> None:
    secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
    assert hubspot_signature_v3(secret, "POST", uri, body.encode(), stamp) == signature

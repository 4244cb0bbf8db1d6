"""What comes in by the three routes is checked, kept once, and answered; whatever it is, never with a 500."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.webhooks import hubspot_headers, stripe_headers
from tests.support.webhooks import (
    HUBSPOT_SECRET,
    PUBLIC_URL,
    STRIPE_SECRET,
    Sender,
    stripe_body,
    webhook_settings,
)
from warehouse.inbox import Inbox
from webhook_server.app import LONGEST_BODY, create_app
from webhook_server.services import Services

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
FUZZ = int(os.environ.get("SAASKPI_TEST_REQUESTS", "150"))
USAGE = {"account": "cus_1", "user": "u1", "event": "report", "at": "2026-11-01T11:00:00Z", "quantity": 2}
HUBSPOT_EVENT = {
    "eventId": 1,
    "subscriptionType": "company.propertyChange",
    "objectId": 9,
    "propertyName": "name",
    "propertyValue": "Zoë ☃",
    "attemptNumber": 0,
}


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    services = Services(webhook_settings(tmp_path_factory.mktemp("home")), now=lambda: NOW)
    yield Sender(create_app(services).test_client(), services)
    services.close()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    made = Services(webhook_settings(tmp_path), now=lambda: NOW)
    yield made
    made.close()


@pytest.fixture
def fresh(services: Services) -> Sender:
    return Sender(create_app(services).test_client(), services)


def kept(services: Services) -> list[tuple[str, str]]:
    rows = Inbox(services.store.engine).claim("test", NOW + timedelta(1), 10_000, timedelta(0))
    return sorted((row.source, row.event_type) for row in rows)


def test_each_event_is_kept_once(fresh: Sender, services: Services) -> None:
    body = stripe_body(1)
    assert [fresh.stripe(body).json for _ in range(2)] == [
        {"received": 1, "new": 1},
        {"received": 1, "new": 0},
    ]
    again = {**HUBSPOT_EVENT, "attemptNumber": 1}
    other = {**HUBSPOT_EVENT, "objectId": 10}  # the same eventId, another event
    assert fresh.hubspot([HUBSPOT_EVENT, again, other]).json == {"received": 3, "new": 2}
    assert fresh.usage([USAGE, USAGE, {**USAGE, "id": "1"}, {**USAGE, "id": "1", "quantity": 3}]).json == {
        "received": 4,
        "new": 2,
    }
    lines = "\n".join(json.dumps({**USAGE, "id": str(n)}) for n in range(1, 4)).encode() + b"\r\n\r\n"
    assert fresh.usage(lines).json == {"received": 3, "new": 2}
    assert kept(services) == [
        *[("hubspot", "company.propertyChange")] * 2,
        ("stripe", "invoice.paid"),
        *[("usage", "usage")] * 4,
    ]


@pytest.mark.parametrize("late,reason", [(301, "stale"), (-301, "future")])
def test_old_and_early_requests_are_refused(fresh: Sender, late: int, reason: str) -> None:
    at = (NOW - timedelta(seconds=late)).timestamp()
    body = stripe_body(1)
    hubspot = json.dumps([HUBSPOT_EVENT]).encode()
    url = f"{PUBLIC_URL}/webhooks/hubspot"
    answers = [
        fresh.stripe(body, **stripe_headers(STRIPE_SECRET, body, at)),
        fresh.hubspot(hubspot, **hubspot_headers(HUBSPOT_SECRET, url, hubspot, at)),
    ]
    for answer in answers:
        assert answer.status_code == 400
        assert answer.json == {
            "error": f"The signature is refused: {reason}.",
            "hint": "Nothing of it was taken.",
        }


def test_hubspot_signs_the_public_address(fresh: Sender) -> None:
    body = json.dumps([HUBSPOT_EVENT]).encode()
    signed = hubspot_headers(HUBSPOT_SECRET, f"{PUBLIC_URL}/webhooks/hubspot?a=b%40c", body, NOW.timestamp())
    path = "/webhooks/hubspot?a=b%40c"
    assert fresh.client.post(path, data=body, headers=signed, base_url="http://10.0.0.1").status_code == 200
    elsewhere = hubspot_headers(HUBSPOT_SECRET, "http://10.0.0.1/webhooks/hubspot", body, NOW.timestamp())
    assert fresh.client.post("/webhooks/hubspot", data=body, headers=elsewhere).status_code == 400


def test_without_a_secret_the_sender_is_asked_to_come_again(tmp_path: Path) -> None:
    settings = webhook_settings(tmp_path)
    settings.stripe.webhook_secret = settings.hubspot.client_secret = None
    services = Services(settings, now=lambda: NOW)
    sender = Sender(create_app(services).test_client(), services)
    assert [sender.stripe(stripe_body(1)).status_code, sender.hubspot([HUBSPOT_EVENT]).status_code] == [
        503,
        503,
    ]
    services.close()


@pytest.mark.parametrize(
    "row,problem",
    [
        ({**USAGE, "account": ""}, "account"),
        ({**USAGE, "account": 7}, "account"),
        ({**USAGE, "event": None}, "event"),
        ({**USAGE, "user": "a\0b"}, "user"),
        ({**USAGE, "id": "x" * 256}, "id"),
        ({**USAGE, "at": "2026-11-01T11:00:00"}, "at must"),
        ({**USAGE, "at": "yesterday"}, "at must"),
        ({**USAGE, "at": 1e300}, "at must"),
        ({**USAGE, "at": "2026-11-01T12:06:00Z"}, "future"),
        ({**USAGE, "quantity": -1}, "quantity"),
        ({**USAGE, "quantity": True}, "quantity"),
        ({**USAGE, "acount": "cus_1"}, "not known"),
        ("cus_1", "object"),
    ],
)
def test_a_wrong_row_of_usage_is_named_and_nothing_taken(
    fresh: Sender, services: Services, row: Any, problem: str
) -> None:
    answer = fresh.usage([USAGE, row])
    assert answer.status_code == 400
    assert "Row 2" in (answer.json or {})["error"]
    assert problem in (answer.json or {})["error"]
    assert kept(services) == []


def test_usage_needs_a_token(fresh: Sender) -> None:
    assert fresh.usage([USAGE], token="saaskpi_nonsense").status_code == 401
    assert fresh.client.post("/webhooks/usage", json=[USAGE]).status_code == 401


def test_too_long_a_body_is_refused(fresh: Sender) -> None:
    answer = fresh.stripe(b"x" * (LONGEST_BODY + 1))
    assert answer.status_code == 413
    assert set(answer.json or {}) == {"error", "hint"}
    assert fresh.hubspot([HUBSPOT_EVENT] * 101).status_code == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("id", "type", "object", "data", "account", "event", "at", "quantity", "subscriptionType", "objectId")
BODIES = st.one_of(
    st.binary(max_size=300),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(NAMES), JSON).map(lambda value: json.dumps(value).encode()),
    st.lists(st.dictionaries(st.sampled_from(NAMES), JSON)).map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            b'{"id":"evt_1","type":"a\\u0000"}',
            b'{"id":"\\ud800","type":"a"}',
            b'[{"subscriptionType":"a","objectId":1e999}]',
            b'[{"subscriptionType":"a","objectId":' + b"9" * 400 + b"}]",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"\xff\xfe[\x00]\x00",
            b'[{"account":"a","event":"b","at":-1e308}]',
        ]
    ),
)


def _as_header(text: str) -> str:
    return text.encode().decode("latin-1").replace("\n", "").replace("\r", "")


WORDS = st.text(max_size=40).map(_as_header)
SOURCES = st.sampled_from(["stripe", "hubspot", "usage"])
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "Stripe-Signature",
            "X-HubSpot-Signature-v3",
            "X-HubSpot-Request-Timestamp",
            "Authorization",
            "Content-Type",
            "Content-Encoding",
            "Host",
        ]
    ),
    WORDS,
    max_size=3,
)


@settings(
    max_examples=FUZZ,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    source=st.sampled_from(["stripe", "hubspot", "usage"]), body=BODIES, headers=HEADERS, signed=st.booleans()
)
def test_no_request_whatever_is_answered_with_a_500(
    sender: Sender, source: str, body: bytes, headers: dict[str, str], signed: bool
) -> None:
    if signed:  # a forger never comes so far: what a body may hold must hurt nobody either
        answer = getattr(sender, source)(body)
    else:
        answer = sender.client.post(f"/webhooks/{source}", data=body, headers=headers)
    assert answer.status_code in ((200, 400) if signed else (400, 401, 413, 429)), answer.text
    if answer.status_code != 200:
        assert set(answer.json or {}) == {"error", "hint"}

"""A server over a home of its own, and requests as the vendors sign them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from saaskpi.settings import HubSpotSettings, ScheduleSettings, ServerSettings, Settings, StripeSettings
from sandbox.webhooks import hubspot_headers, stripe_headers
from warehouse.access import Tokens
from webhook_server.services import Services

STRIPE_SECRET: Final = "whsec_made_up"
HUBSPOT_SECRET: Final = "client-secret-made-up"
PUBLIC_URL: Final = "https://hooks.example.com"


def wall_clock() -> datetime:
    return datetime.now(UTC)


def webhook_settings(home: Path, **more: Any) -> Settings:
    """Return settings with both secrets and a public address."""
    return Settings(
        home=home,
        stripe=StripeSettings(webhook_secret=SecretStr(STRIPE_SECRET)),
        hubspot=HubSpotSettings(client_secret=SecretStr(HUBSPOT_SECRET)),
        server=ServerSettings(public_url=PUBLIC_URL),
        schedule=ScheduleSettings(**dict.fromkeys(ScheduleSettings.model_fields, "")),
        **more,
    )


def stripe_body(number: int | str, kind: str = "invoice.paid", **about: Any) -> bytes:
    """Return an event of Stripe about a customer ``cus_<number>``, unless ``about`` says else."""
    about = about or {"id": f"in_{number}", "object": "invoice", "customer": f"cus_{number}"}
    event = {"id": f"evt_{number}", "object": "event", "type": kind, "data": {"object": about}}
    return json.dumps(event).encode()


class Sender:
    """Sends to an application as the vendors do."""

    def __init__(self, client: FlaskClient, services: Services) -> None:
        self.client = client
        self._services = services
        self._now: Callable[[], datetime] = services.now
        self._token: str | None = None

    def stripe(self, body: bytes, **headers: str) -> TestResponse:
        signed = stripe_headers(STRIPE_SECRET, body, self._now().timestamp())
        return self.client.post("/webhooks/stripe", data=body, headers={**signed, **headers})

    def hubspot(self, events: Any, **headers: str) -> TestResponse:
        body = events if isinstance(events, bytes) else json.dumps(events).encode()
        url = f"{PUBLIC_URL}/webhooks/hubspot"
        signed = hubspot_headers(HUBSPOT_SECRET, url, body, self._now().timestamp())
        return self.client.post("/webhooks/hubspot", data=body, headers={**signed, **headers})

    def usage(self, rows: Any, token: str | None = None) -> TestResponse:
        if self._token is None:
            tokens = Tokens(self._services.store.engine)
            self._token = tokens.create("usage", ["usage"], None, self._now())
        body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
        headers = {"Authorization": f"Bearer {token or self._token}"}
        return self.client.post("/webhooks/usage", data=body, headers=headers)

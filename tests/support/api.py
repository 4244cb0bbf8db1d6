"""Calls the API as a program with a token does, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from saaskpi.settings import Settings
from warehouse.access import Tokens
from webhook_server.app import create_app
from webhook_server.services import Services

PREFIX = "/api/v1"
ALL_SCOPES = ("read", "plan", "apply", "usage", "metrics")
_MADE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Caller:
    """A caller with one token; ``headers`` go with every request."""

    services: Services
    app: Flask
    client: FlaskClient
    headers: Mapping[str, str]

    def __call__(self, path: str, method: str = "GET", **options: Any) -> TestResponse:
        """Ask for a path below the API's."""
        headers = {**self.headers, **options.pop("headers", {})}
        return self.client.open(PREFIX + path, method=method, headers=headers, **options)

    def json(self, path: str, **options: Any) -> Any:
        """Ask for a path, take 200 only, return the JSON."""
        answer = self(path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json

    def bearing(self, plain: str) -> Caller:
        """Return a caller with another token."""
        return Caller(self.services, self.app, self.client, {"Authorization": f"Bearer {plain}"})


def caller(settings: Settings, scopes: Iterable[str] = ALL_SCOPES, now: datetime | None = None) -> Caller:
    """Return a caller of an application of its own; close its ``services`` afterwards.

    Args:
        settings: their rate limit counts.
        scopes: of the caller's token.
        now: the clock stands there; None for the wall clock.
    """
    services = Services(settings, now=lambda: now or datetime.now(UTC))
    app = create_app(services)
    tokens = Tokens(services.store.engine)
    tokens.revoke("caller", _MADE)  # of a home that was copied
    plain = tokens.create("caller", scopes, None, _MADE)
    return Caller(services, app, app.test_client(), {"Authorization": f"Bearer {plain}"})

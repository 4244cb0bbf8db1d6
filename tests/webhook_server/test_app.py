"""What every answer of the server has in common, and what a monitor asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from saaskpi.settings import Settings
from warehouse.access import Tokens
from webhook_server.app import create_app
from webhook_server.services import Services

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    made = Services(Settings(home=tmp_path), now=lambda: NOW)
    yield made
    made.close()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    return create_app(services).test_client()


def test_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {
        "status": "ready",
        "troubles": [],
        "waiting": 0,
        "dead": 0,
        "lag_seconds": 0,
    }


def test_the_numbers_are_for_who_may_see_them(client: FlaskClient, services: Services) -> None:
    assert client.get("/metrics").status_code == 401
    tokens = Tokens(services.store.engine)
    shown = {}
    for scope in ("usage", "metrics"):
        token = tokens.create(scope, [scope], None, NOW)
        shown[scope] = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert shown["usage"].status_code == 403
    assert shown["metrics"].status_code == 200
    numbers = shown["metrics"].text
    assert "saaskpi_inbox_waiting 0.0" in numbers


@pytest.mark.parametrize("method,path,status", [("GET", "/nowhere", 404), ("POST", "/healthz", 405)])
def test_what_is_not_there_is_said_in_json(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert set(answer.json or {}) == {"error", "hint"}
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_store_that_cannot_be_written_is_not_ready(client: FlaskClient, tmp_path: Path) -> None:
    client.get("/readyz")
    (tmp_path / "saaskpi.db").chmod(0o600)
    for name in ("saaskpi.db", "saaskpi.db-wal", "saaskpi.db-shm"):
        (tmp_path / name).write_bytes(b"not a database at all" * 1000)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["troubles"] == ["The store cannot be written."]

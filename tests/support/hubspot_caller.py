"""Calls HubSpot's look-alike in process, without a server."""

from typing import Any

from flask.testing import FlaskClient

NOW = 1_793_500_000_000
"""The CRM's first instant in tests: milliseconds since 1970."""
OBJECTS = "/crm/objects/2026-03"


class Caller:
    """Calls the API with a key."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        return self._client.open(path, method=method, json=body, headers=self._headers)

    def ok(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self(method, path, body)
        assert answer.status_code == status, answer.text
        return answer.json


def company(call: Caller, **properties: str) -> str:
    made = call.ok("POST", f"{OBJECTS}/companies", {"properties": {"name": "A", **properties}}, 201)
    return str(made["id"])

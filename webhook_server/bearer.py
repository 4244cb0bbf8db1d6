"""Who sends a request, by the bearer token it shows."""

from __future__ import annotations

from flask import Response, request

from warehouse.access import Tokens
from webhook_server.answers import failed
from webhook_server.services import Services


def refused_bearer(services: Services, scope: str) -> Response | None:
    """Return the refusal when the current request shows no token with that scope, None when it may pass.

    Raises:
        StoreError: the tokens cannot be read.
    """
    kind, _, shown = request.headers.get("Authorization", "").partition(" ")
    found = Tokens(services.store.engine).verify(shown.strip(), services.now())
    if kind.lower() != "bearer" or found is None:
        answer = failed(401, "No token that holds came along.", f"saaskpi tokens create NAME --scope {scope}")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    if scope not in found.scopes:
        return failed(403, f"The token lacks the scope {scope}.", "Make one that has it.")
    return None

"""The routes outside ``/api/v1`` in the OpenAPI document: webhooks in, and what a monitor asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from webhook_server.api import schemas

Operation = dict[str, Any]
Security = Sequence[Mapping[str, Sequence[str]]]

SECURITY_SCHEMES: Final = {
    "stripe": {"type": "apiKey", "in": "header", "name": "Stripe-Signature"},
    "hubspot": {"type": "apiKey", "in": "header", "name": "X-HubSpot-Signature-v3"},
}
"""What the vendors sign with; HubSpot sends ``X-HubSpot-Request-Timestamp`` beside it."""
_ERROR: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
_COUNT: Final = {"type": "integer", "minimum": 0}
_NAME: Final = {"type": "string", "pattern": "^[!-~]{1,255}$"}
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"\S"}
_PERHAPS: Final = {**_TEXT, "type": ["string", "null"]}
_TAKEN: Final = schemas.of_object({"received": _COUNT, "new": _COUNT})
_STRIPE_EVENT: Final = {
    "type": "object",
    "required": ["id", "type"],
    "properties": {"id": _NAME, "type": _NAME},
}
_HUBSPOT_EVENT: Final = {
    "type": "object",
    "required": ["subscriptionType"],
    "properties": {"subscriptionType": _NAME},
}
_AT: Final = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "number", "minimum": 0}]}
_USAGE_ROW: Final = schemas.of_object(
    {
        "account": _TEXT,
        "event": _TEXT,
        "at": {**_AT, "description": "ISO 8601 with a zone, or seconds since 1970; not in the future."},
        "user": _PERHAPS,
        "quantity": {"type": ["number", "null"], "minimum": 0},
        "id": {**_PERHAPS, "description": "One id counts once."},
    },
    optional=("user", "quantity", "id"),
)
_USAGE: Final = {"anyOf": [schemas.of_array(_USAGE_ROW) | {"minItems": 1}, _USAGE_ROW]}
_READY: Final = schemas.of_object(
    {
        "status": {"type": "string", "enum": ["ready", "not ready"]},
        "troubles": schemas.of_array({"type": "string"}),
        "waiting": _COUNT,
        "dead": _COUNT,
        "lag_seconds": {"type": "number", "minimum": 0},
    },
    optional=("waiting", "dead", "lag_seconds"),
)
_NOT_TAKEN: Final[Mapping[int, str]] = {
    400: "The signature is refused, or the body is malformed: nothing of it was taken.",
    413: "The body is too large.",
    503: "This webhook is not set up, or the store is in use: send it again later.",
}
_NO_TOKEN: Final[Mapping[int, str]] = {
    401: "The token is missing, unknown, revoked or expired.",
    403: "The token lacks the scope.",
    429: "Too many failures from this address; Retry-After says when to come back.",
}


def paths() -> dict[str, dict[str, Operation]]:
    """Return the operations by path and method."""
    return {
        "/webhooks/stripe": {"post": _webhook("stripe", _STRIPE_EVENT, "an event", [{"stripe": []}])},
        "/webhooks/hubspot": {
            "post": _webhook(
                "hubspot",
                schemas.of_array(_HUBSPOT_EVENT) | {"minItems": 1, "maxItems": 100},
                "events",
                [{"hubspot": []}],
            )
        },
        "/webhooks/usage": {
            "post": _webhook("usage", _USAGE, "usage: a list, or a row on each line", [{"token": ["usage"]}])
        },
        "/healthz": {"get": _watch("healthz", "Say that the server runs.", {200: _json(_status("ok"))})},
        "/readyz": {
            "get": _watch(
                "readyz",
                "Say whether events are taken and worked on.",
                dict.fromkeys((200, 503), _json(_READY)),
            )
        },
        "/metrics": {
            "get": _watch(
                "metrics",
                "Return the numbers for Prometheus.",
                {200: {"text/plain": {"schema": {"type": "string"}}}},
                [{"token": ["metrics"]}],
            )
        },
    }


def _webhook(source: str, body: Mapping[str, Any], what: str, security: Security) -> Operation:
    strangers = _NO_TOKEN if source == "usage" else {}
    return {
        "operationId": f"post_webhooks_{source}",
        "summary": f"Take {what}.",
        "description": "The answer goes out once everything is on disk; what was sent before counts once.",
        "security": security,
        "requestBody": {"required": True, "content": _json(body)},
        "responses": {
            "200": {"description": "It is kept.", "content": _json(_TAKEN)},
            **_failures({**_NOT_TAKEN, **strangers}),
        },
    }


def _watch(
    name: str, summary: str, answers: Mapping[int, Mapping[str, Any]], security: Security = ()
) -> Operation:
    return {
        "operationId": f"get_{name}",
        "summary": summary,
        "security": security,
        "responses": {
            **{str(status): {"description": summary, "content": shown} for status, shown in answers.items()},
            **_failures(_NO_TOKEN if security else {}),
        },
    }


def _failures(said: Mapping[int, str]) -> dict[str, Any]:
    return {str(status): {"description": said[status], "content": _ERROR} for status in sorted(said)}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _status(value: str) -> dict[str, Any]:
    return schemas.of_object({"status": {"const": value}})

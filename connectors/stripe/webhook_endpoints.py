"""Registers our webhook endpoint at Stripe, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.http import Json
from connectors.stripe.client import API_VERSION, StripeClient
from connectors.stripe.events import EVENT_TYPES

PATH: Final = "/v1/webhook_endpoints"
_MARK: Final = "made_by"
_US: Final = "saaskpi"


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of the registration.

    Attributes:
        id: of the endpoint.
        url: where Stripe sends.
        action: created, updated, or unchanged.
        secret: what Stripe signs with; Stripe tells it only when an endpoint is created.
    """

    id: str
    url: str
    action: str
    secret: str | None


def register(client: StripeClient, url: str) -> Registered:
    """Make Stripe send the events that can change a number to ``url``; safe to repeat.

    An endpoint of ours for another address is moved, one that is switched off is switched on.

    Raises:
        MissingPermissionError: the key may not write webhook endpoints.
    """
    found = _ours(client, url)
    wanted = {"url": url, "enabled_events[]": list(EVENT_TYPES), f"metadata[{_MARK}]": _US}
    if found is None:
        more = {"api_version": API_VERSION, "description": "saaskpi: numbers into the CRM"}
        made = client.http.post_form(PATH, {**wanted, **more})
        return Registered(made["id"], url, "created", made.get("secret"))
    if _stands(found, url):
        return Registered(found["id"], url, "unchanged", None)
    client.http.post_form(f"{PATH}/{found['id']}", {**wanted, "disabled": "false"}, repeatable=True)
    return Registered(found["id"], url, "updated", None)


def endpoints(client: StripeClient) -> list[Json]:
    """Return every endpoint of the account, newest first."""
    return [row for page in client.list(PATH) for row in page]


def is_ours(endpoint: Mapping[str, Any]) -> bool:
    """Say whether an endpoint was registered by us."""
    return (endpoint.get("metadata") or {}).get(_MARK) == _US


def _ours(client: StripeClient, url: str) -> Json | None:
    known = endpoints(client)
    same = [row for row in known if row["url"] == url]
    return next(iter([*same, *(row for row in known if is_ours(row))]), None)


def _stands(found: Mapping[str, Any], url: str) -> bool:
    told = set(found["enabled_events"])
    return found["url"] == url and found["status"] == "enabled" and (told >= set(EVENT_TYPES) or "*" in told)

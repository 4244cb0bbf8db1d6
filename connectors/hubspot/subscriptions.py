"""What HubSpot's app must subscribe to; pure. Apps are set up by hand, so this is told and not done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

SCOPES: Final = (
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.contacts.read",
    "crm.objects.deals.read",
    "crm.objects.owners.read",
    "tickets",
)
"""Of the app; those of the token that reads and writes are told by ``saaskpi check``."""
_PROPERTIES: Final = {
    "company": ("domain", "name", "hubspot_owner_id", "saaskpi_mrr", "saaskpi_health_score"),
    "contact": ("email", "jobtitle"),
    "deal": ("amount", "closedate", "dealstage", "hubspot_owner_id", "pipeline"),
    "ticket": ("hs_pipeline_stage", "hs_ticket_priority"),
}
_EVENTS: Final = ("creation", "deletion", "merge", "restore", "associationChange")


def subscriptions(more: Iterable[tuple[str, str]] = ()) -> list[dict[str, Any]]:
    """Return the subscriptions as an app's ``webhooks.json`` holds them under ``legacyCrmObjects``.

    Args:
        more: further properties whose change is to be told: (``company``, its name).
    """
    changes = [(kind, name) for kind, names in _PROPERTIES.items() for name in names]
    return [
        *(_subscription(f"{kind}.{event}") for kind in _PROPERTIES for event in _EVENTS),
        *(_subscription(f"{kind}.propertyChange", name) for kind, name in dict.fromkeys([*changes, *more])),
    ]


def webhooks_json(url: str, more: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    """Return the content of an app's ``webhooks.json``.

    Args:
        url: that HubSpot is to send to.
        more: as for :func:`subscriptions`.
    """
    return {
        "settings": {"targetUrl": url, "maxConcurrentRequests": 10},
        "subscriptions": {
            "legacyCrmObjects": subscriptions(more),
            "hubEvents": [_subscription("contact.privacyDeletion")],
        },
    }


def _subscription(kind: str, name: str | None = None) -> dict[str, Any]:
    return {"subscriptionType": kind, **({"propertyName": name} if name else {}), "active": True}

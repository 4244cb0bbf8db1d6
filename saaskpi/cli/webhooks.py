"""``saaskpi webhooks``: has Stripe and HubSpot tell of changes, and shows what is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.operate import json_option
from saaskpi.cli.output import Column, print_json, print_lines, print_rows
from saaskpi.errors import MissingPermissionError, UsageError
from saaskpi.settings import Settings

if TYPE_CHECKING:
    from connectors.stripe.client import StripeClient
    from connectors.stripe.webhook_endpoints import Registered

HUBSPOT_FILE = "src/app/webhooks/webhooks.json"
_ENDPOINTS = (
    Column("id", "Endpoint"),
    Column("url", "URL", width=60),
    Column("status", "Status"),
    Column("events", "Events", "number"),
    Column("ours", "Ours"),
)


@click.group(epilog="Example: saaskpi webhooks install --url https://kpi.example.com")
def webhooks() -> None:
    """Have Stripe and HubSpot tell of changes."""


@webhooks.command("install", epilog="Example: saaskpi webhooks install --url https://kpi.example.com")
@click.option("--url", help="How the world reaches `saaskpi serve` (default: server.public_url).")
@json_option
@shared_options
def install(context: Context, url: str | None, as_json: bool) -> None:
    """Register the endpoint at Stripe, and say what HubSpot needs.

    Safe to repeat: an endpoint that is there is brought up to date. Stripe tells the signing secret only when
    the endpoint is made.
    """
    settings = context.settings()
    base = _base(settings, url)
    registered, refusal = _register(settings, f"{base}/webhooks/stripe")
    from connectors.hubspot.subscriptions import webhooks_json

    file = webhooks_json(f"{base}/webhooks/hubspot", _own_properties(settings))
    if as_json:
        told = None if registered is None else {name: getattr(registered, name) for name in _FIELDS}
        print_json(
            {"stripe": told or {"refused": refusal}, "hubspot": {"file": HUBSPOT_FILE, "content": file}}
        )
        return
    print_lines(_stripe_lines(registered, refusal, base))
    print_lines(["", *_hubspot_lines(f"{base}/webhooks/hubspot", file)])
    print_lines(["", *_last_lines(settings, base)])


@webhooks.command("list", epilog="Example: saaskpi webhooks list --json")
@json_option
@shared_options
def list_endpoints(context: Context, as_json: bool) -> None:
    """List the endpoints that are registered at Stripe."""
    from connectors.stripe.webhook_endpoints import endpoints, is_ours

    rows: list[dict[str, Any]] = [
        {
            "id": row["id"],
            "url": row["url"],
            "status": row["status"],
            "events": len(row["enabled_events"]),
            "ours": "yes" if is_ours(row) else "no",
        }
        for row in endpoints(_client(context.settings()))
    ]
    if not rows and not as_json:
        print_lines(["No endpoint is registered at Stripe. Next: saaskpi webhooks install --url https://..."])
        return
    print_rows(rows, _ENDPOINTS, "json" if as_json else "table")


_FIELDS = ("id", "url", "action", "secret")


def _base(settings: Settings, url: str | None) -> str:
    base = url or settings.server.public_url
    if not base:
        raise UsageError(
            "The address that the world reaches this server by is not known.",
            hint="Give --url https://... or set server.public_url.",
        )
    if not base.startswith(("https://", "http://")):
        raise UsageError(f"{base} is no address.", hint="It begins with https://.")
    return base.rstrip("/")


def _client(settings: Settings) -> StripeClient:
    from connectors.stripe.client import StripeClient

    return StripeClient(settings.stripe_key(), settings.stripe.api_base)


def _register(settings: Settings, url: str) -> tuple[Registered | None, str]:
    """Register at Stripe; a key that may only read is no error, a person then does it by hand."""
    from connectors.stripe.webhook_endpoints import register

    try:
        return register(_client(settings), url), ""
    except MissingPermissionError as error:
        return None, error.message


def _own_properties(settings: Settings) -> list[tuple[str, str]]:
    usage, crm = settings.usage, settings.crm
    company = (usage.events_property, usage.last_active_property, crm.budget_property)
    contact = (crm.nps_property, crm.csat_property)
    named = [*(("company", name) for name in company), *(("contact", name) for name in contact)]
    return [(kind, name) for kind, name in named if name]


def _stripe_lines(registered: Registered | None, refusal: str, base: str) -> list[str]:
    if registered is None:
        from connectors.stripe.events import EVENT_TYPES

        return [
            f"Stripe: {refusal}",
            "  Give the key write access to webhook endpoints and run this again, or add it by hand:",
            "  1. Stripe > Developers > Webhooks > Add an endpoint",
            f"  2. URL: {base}/webhooks/stripe",
            f"  3. Events: {', '.join(EVENT_TYPES)}",
            "  4. Put its signing secret into stripe.webhook_secret (SAASKPI_STRIPE__WEBHOOK_SECRET).",
        ]
    lines = [f"Stripe: endpoint {registered.id} {registered.action}: {registered.url}"]
    if registered.secret:
        lines += [
            f"  Signing secret, shown this once: {registered.secret}",
            "  Put it into stripe.webhook_secret of saaskpi.toml, or SAASKPI_STRIPE__WEBHOOK_SECRET.",
        ]
    return lines


def _hubspot_lines(url: str, file: dict[str, Any]) -> list[str]:
    from connectors.hubspot.subscriptions import SCOPES

    parts = file["subscriptions"]
    kinds = sorted({one["subscriptionType"] for part in parts.values() for one in part})
    changes = [one for one in parts["legacyCrmObjects"] if "propertyName" in one]
    names = [f"{one['subscriptionType'].split('.')[0]}.{one['propertyName']}" for one in changes]
    return [
        "HubSpot: by hand, since no API sets up apps (and a service key cannot receive webhooks):",
        "  1. Make a project app: hs project create; its scopes:",
        f"     {', '.join(SCOPES)}",
        f"  2. Write {HUBSPOT_FILE}; its content: saaskpi webhooks install --json",
        f"     Target URL: {url}",
        f"     Subscriptions: {', '.join(kinds)}",
        f"     Changes of: {', '.join(names)}",
        "  3. Upload it and install the app in the portal: hs project upload",
        "  4. Put the app's client secret into hubspot.client_secret (SAASKPI_HUBSPOT__CLIENT_SECRET).",
    ]


def _last_lines(settings: Settings, base: str) -> list[str]:
    lines = []
    if settings.server.public_url != base:
        lines.append(f'Set server.public_url = "{base}": HubSpot signs it.')
    return [*lines, "Next: saaskpi serve (again, when a secret has changed)"]


COMMANDS = (webhooks,)

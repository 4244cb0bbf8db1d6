"""``POST /webhooks/stripe``, ``/webhooks/hubspot`` and ``/webhooks/usage``.

A request is refused with 400 (forged, stale, malformed), 401 or 403 (usage without a token), 413 (too long),
or, when the fault is ours, 503: the vendors send those again, and HubSpot nothing that got a 4xx.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, request
from pydantic import SecretStr

from connectors.hubspot import signature as hubspot_signature
from connectors.signatures import Refused, secrets_of
from connectors.stripe import signature as stripe_signature
from warehouse.inbox import Event
from webhook_server.answers import answer, failed
from webhook_server.api.access import gate
from webhook_server.live import Live
from webhook_server.webhooks.parsing import MalformedError, hubspot_events, stripe_event, usage_events

HUBSPOT_PATH = "/webhooks/hubspot"
_SECRET_SETTINGS = {"stripe": "stripe.webhook_secret", "hubspot": "hubspot.client_secret"}


def create_blueprint(live: Live) -> Blueprint:
    """Return the three routes."""
    routes = Blueprint("webhooks", __name__, url_prefix="/webhooks")
    settings, now = live.services.settings, live.services.now

    @routes.post("/stripe")
    def stripe() -> Response:
        body = request.get_data()
        header = request.headers.get("Stripe-Signature")
        secrets = _secrets(settings.stripe.webhook_secret)
        refused = stripe_signature.check_signature(body, header, secrets, now().timestamp())
        answered = _refuse(live, "stripe", refused)
        return answered or _take(live, "stripe", lambda: [stripe_event(body, now())])

    @routes.post("/hubspot")
    def hubspot() -> Response:
        body = request.get_data()
        refused = hubspot_signature.check_signature(
            body,
            request.headers.get("X-HubSpot-Signature-v3"),
            request.headers.get("X-HubSpot-Request-Timestamp"),
            _secrets(settings.hubspot.client_secret),
            method=request.method,
            uri=_public_uri(settings.server.public_url),
            now=now().timestamp(),
        )
        return _refuse(live, "hubspot", refused) or _take(
            live, "hubspot", lambda: hubspot_events(body, now())
        )

    @routes.post("/usage")
    def usage() -> Response:
        stranger = gate().refusal("usage", limited=False)
        if stranger is not None:
            live.metrics.refused.labels("usage", "stranger").inc()
            return stranger
        body = request.get_data()
        return _take(live, "usage", lambda: usage_events(body, now()))

    return routes


def _take(live: Live, source: str, read: Callable[[], Sequence[Event]]) -> Response:
    """Put what was sent into the inbox; the answer goes out once it is on disk."""
    try:
        events = read()
    except MalformedError as error:
        live.metrics.refused.labels(source, "malformed").inc()
        return failed(400, str(error), "Nothing of it was taken.")
    new = live.intake.add(events)
    live.metrics.received.labels(source).inc(len(events))
    live.metrics.duplicates.labels(source).inc(len(events) - new)
    return answer({"received": len(events), "new": new})


def _refuse(live: Live, source: str, reason: Refused | None) -> Response | None:
    if live.signatures and reason != "no_secret":
        live.signatures.note(source, accepted=reason is None)
    if reason is None:
        return None
    live.metrics.refused.labels(source, reason).inc()
    if reason == "no_secret":  # ours to mend: the vendor is to send it again until then
        return failed(503, "This webhook is not set up here.", f"Set {_SECRET_SETTINGS[source]}.")
    return failed(400, f"The signature is refused: {reason}.", "Nothing of it was taken.")


def _public_uri(public_url: str | None) -> str:
    """Return the URI that HubSpot signed: it knows our public address, a proxy may pass on another."""
    base = public_url.rstrip("/") if public_url else request.host_url.rstrip("/")
    query = request.query_string.decode("latin-1")
    return f"{base}{HUBSPOT_PATH}{'?' + query if query else ''}"


def _secrets(setting: SecretStr | None) -> tuple[str, ...]:
    return secrets_of(setting.get_secret_value() if setting else None)

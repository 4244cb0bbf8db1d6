"""The clients of both vendors, as the settings say; those of one process share their limits."""

from __future__ import annotations

from typing import Any

from connectors.hubspot.client import SEARCHES_PER_SECOND, HubSpotClient
from connectors.rate_limiter import DailyAllowance, shared_limiter
from connectors.stripe.client import StripeClient
from saaskpi.settings import Settings


def hubspot_client(settings: Settings) -> HubSpotClient:
    """Return a client of the portal; whoever reads or writes it in this process shares its limits.

    Raises:
        UsageError: no token is set.
    """
    hubspot, token = settings.hubspot, settings.hubspot_token()
    limiter = shared_limiter(
        hubspot.api_base,
        token,
        hubspot.our_requests_per_10_seconds,
        10.0,
        lambda: DailyAllowance("HubSpot", hubspot.requests_per_day, hubspot.share),
    )
    # HubSpot's lowest: whoever is allowed more in general is a test server, and allows more searches.
    most = max(SEARCHES_PER_SECOND, hubspot.requests_per_10_seconds // 50)
    searches = shared_limiter(hubspot.api_base, token, most, 1.0)
    return HubSpotClient(token, hubspot.api_base, hubspot.api_version, limiter=limiter, searches=searches)


def stripe_client(settings: Settings) -> StripeClient:
    """Return a client of the Stripe account; whoever reads it in this process shares its limit.

    Raises:
        UsageError: no key is set.
    """
    stripe, key = settings.stripe, settings.stripe_key()
    limiter = shared_limiter(stripe.api_base, key, stripe.requests_per_second, 1.0)
    return StripeClient(key, stripe.api_base, limiter=limiter)


def tap_config(settings: Settings) -> dict[str, Any]:
    """Return the settings of the tap.

    Raises:
        UsageError: a key is missing.
    """
    return {
        "stripe_api_key": settings.stripe_key(),
        "stripe_api_base": settings.stripe.api_base,
        "stripe_requests_per_second": settings.stripe.requests_per_second,
        "hubspot_access_token": settings.hubspot_token(),
        "hubspot_api_base": settings.hubspot.api_base,
        "hubspot_api_version": settings.hubspot.api_version,
        "hubspot_requests_per_10_seconds": settings.hubspot.our_requests_per_10_seconds,
    }

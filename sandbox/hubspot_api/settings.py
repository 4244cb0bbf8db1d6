"""How the HubSpot look-alike is set up."""

from dataclasses import dataclass

VERSIONS = ("2026-03", "2026-09")
"""The date-versions of the paths that are answered; every other one is unknown."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one HubSpot account and the app's key allow.

    Attributes:
        access_token: The bearer token that is let in.
        client_secret: The app's secret, which signs its webhooks.
        scopes: The scopes granted to the token; None grants all.
        rate_limits: False switches every limit on requests off.
        burst: Requests allowed in any ``burst_seconds`` (190 for a private app on a paid plan).
        burst_seconds: The rolling window of ``burst``.
        daily: Requests allowed per day.
        search_per_second: Search requests allowed per second.
        search_lag: Seconds before search sees a write.
        task_unique_property: Whether tasks accept a property with unique values. Unproven for real
            accounts; False refuses it.
        url_limit: Longest path with query, in bytes; beyond it the answer is 414.
        associations_page: Most associations in one page of one record.
    """

    access_token: str = "pat-eu1-5a9db0c5-0000-4000-8000-000000000001"  # noqa: S105 - a made-up key
    client_secret: str = "5a9db0c5-0000-4000-8000-000000000002"  # noqa: S105 - a made-up key
    scopes: frozenset[str] | None = None
    rate_limits: bool = True
    burst: int = 190
    burst_seconds: float = 10.0
    daily: int = 1_000_000
    search_per_second: int = 5
    search_lag: float = 3.0
    task_unique_property: bool = True
    url_limit: int = 16_384
    associations_page: int = 500

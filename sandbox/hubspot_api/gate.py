"""Who may ask, and how often: the bearer token, its scopes and HubSpot's limits."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.hubspot_api.errors import ApiError
from sandbox.hubspot_api.settings import Settings

_SCOPES_LINK = "https://developers.hubspot.com/scopes"


@dataclass
class RollingWindow:
    """Lets ``limit`` requests through in any ``seconds``."""

    limit: int
    seconds: float
    clock: Callable[[], float]
    _at: deque[float] = field(default_factory=deque)

    def take(self) -> bool:
        """Count one request; False when it is one too many."""
        now = self.clock()
        while self._at and self._at[0] <= now - self.seconds:
            self._at.popleft()
        if len(self._at) >= self.limit:
            return False
        self._at.append(now)
        return True

    @property
    def remaining(self) -> int:
        """Requests left at the moment of the last one."""
        return self.limit - len(self._at)


class Gate:
    """Checks every request before it reaches its handler. Thread-safe."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._burst = RollingWindow(settings.burst, settings.burst_seconds, clock)
        self._daily = RollingWindow(settings.daily, 86_400.0, clock)
        self._search = RollingWindow(settings.search_per_second, 1.0, clock)

    def authenticate(self, authorization: str | None) -> None:
        """Let only the account's token in.

        Raises:
            ApiError: 401.
        """
        if authorization != f"Bearer {self._settings.access_token}":
            message = (
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you "
                "can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
            )
            raise ApiError(401, message, "INVALID_AUTHENTICATION")

    def throttle(self, *, search: bool) -> dict[str, str]:
        """Count a request against the limits.

        Returns:
            The headers that tell what is left; search has none.

        Raises:
            ApiError: 429; it names the policy that was broken and, as HubSpot, no time to wait.
        """
        if not self._settings.rate_limits:
            return {}
        with self._lock:
            if search and not self._search.take():
                raise _too_many("secondly", "SECONDLY")
            if not self._burst.take():
                raise _too_many("ten_secondly_rolling", "TEN_SECONDLY_ROLLING")
            if not self._daily.take():
                raise _too_many("daily", "DAILY")
            return {} if search else self._headers()

    def _headers(self) -> dict[str, str]:
        return {
            "X-HubSpot-RateLimit-Daily": str(self._settings.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(self._daily.remaining),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(self._settings.burst_seconds * 1000)),
            "X-HubSpot-RateLimit-Max": str(self._settings.burst),
            "X-HubSpot-RateLimit-Remaining": str(self._burst.remaining),
        }

    def require(self, scope: str) -> None:
        """Let only tokens with this scope further.

        Raises:
            ApiError: 403 with the missing scope.
        """
        granted = self._settings.scopes
        if granted is not None and scope not in granted:
            detail = {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": [scope]},
            }
            raise ApiError(
                403,
                "This app hasn't been granted all required scopes to make this call. "
                f"Read more about required scopes here: {_SCOPES_LINK}.",
                "MISSING_SCOPES",
                errors=[detail],
                extra={"links": {"scopes": _SCOPES_LINK}},
            )


def _too_many(which: str, policy: str) -> ApiError:
    extra = {"errorType": "RATE_LIMIT", "policyName": policy}
    return ApiError(429, f"You have reached your {which} limit.", "RATE_LIMITS", extra=extra)

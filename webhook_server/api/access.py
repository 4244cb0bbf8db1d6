"""Who is let in: bearer tokens with scopes, and how often.

A token that holds is never shut out by what strangers do: failures are counted by address, and only those
that fail are told to wait.
"""

from __future__ import annotations

import functools
import ipaddress
import math
import time
from collections.abc import Callable
from functools import cached_property
from typing import Final, cast

from flask import Response, current_app, g, request
from flask.sansio.app import App
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from warehouse.access import Token, Tokens
from webhook_server.answers import failed
from webhook_server.services import Services

FAILURES_PER_MINUTE: Final = 30
"""From one address (IPv6: one network of /64) before it is told to wait."""
_REALM: Final = 'Bearer realm="saaskpi"'
_KEY: Final = "saaskpi.gate"
_MAKE_ONE: Final = "Make a token on the server: saaskpi tokens create NAME --scope {scope}"

View = Callable[..., Response]


class Gate:
    """Lets the bearers of tokens in.

    Args:
        services: settings, clock and store.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._per_token = RateLimitItemPerMinute(services.settings.server.requests_per_minute)
        self._failures = RateLimitItemPerMinute(FAILURES_PER_MINUTE)

    @cached_property
    def tokens(self) -> Tokens:
        """The tokens of the store."""
        return Tokens(self._services.store.engine)

    def keep(self, app: App) -> None:
        """Make this the gate of an application: :func:`requires` finds it there."""
        app.extensions[_KEY] = self

    def refusal(self, scope: str, *, limited: bool = True) -> Response | None:
        """Return why the request at hand is refused, None when it may go on; then ``g.token`` is its token.

        Args:
            scope: what its token must allow.
            limited: it counts against the token's requests per minute.
        """
        shown = request.headers.get("Authorization")
        kind, _, plain = (shown or "").partition(" ")
        token = self.tokens.verify(plain.strip(), self._services.now()) if kind.lower() == "bearer" else None
        if token is None:
            return self._stranger(scope, shown is not None)
        if limited and not self._limiter.hit(self._per_token, "token", token.name):
            return self._too_many(self._per_token, "token", token.name)
        if scope not in token.scopes:
            return _lacking(token, scope)
        g.token = token
        return None

    def _stranger(self, scope: str, has_shown: bool) -> Response:
        address = _network(request.remote_addr or "")
        if not self._limiter.hit(self._failures, "failed", address):
            return self._too_many(self._failures, "failed", address)
        said = "This token is not known, revoked or expired." if has_shown else "A token is needed."
        answer = failed(401, said, _MAKE_ONE.format(scope=scope))
        answer.headers["WWW-Authenticate"] = f'{_REALM}, error="invalid_token"' if has_shown else _REALM
        return answer

    def _too_many(self, item: RateLimitItem, *key: str) -> Response:
        until = self._limiter.get_window_stats(item, *key).reset_time
        seconds = max(1, math.ceil(until - time.time()))  # the limiter's own clock
        answer = failed(429, "Too many requests.", f"Try again in {seconds} seconds.")
        answer.headers["Retry-After"] = str(seconds)
        return answer


def requires(scope: str, *, limited: bool = True) -> Callable[[View], View]:
    """Let only bearers of a token with ``scope`` reach a view; takes what ``Gate.refusal`` takes."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: object, **values: object) -> Response:
            refusal = gate().refusal(scope, limited=limited)
            return refusal if refusal is not None else view(*args, **values)

        return guarded

    return wrap


def gate() -> Gate:
    """Return the gate of the application at hand."""
    return cast(Gate, current_app.extensions[_KEY])


def bearer() -> Token:
    """Return the token of the request at hand, behind :func:`requires`."""
    return cast(Token, g.token)


def _lacking(token: Token, scope: str) -> Response:
    answer = failed(403, f"The token '{token.name}' lacks the scope {scope}.", _MAKE_ONE.format(scope=scope))
    answer.headers["WWW-Authenticate"] = f'{_REALM}, error="insufficient_scope", scope="{scope}"'
    return answer


def _network(address: str) -> str:
    """Return an address, or the network of an IPv6 address: its owner has all of it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))

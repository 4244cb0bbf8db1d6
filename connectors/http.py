"""One HTTP client for both vendors: one session, one rate limit, one decision about trying again.

Everything that is not pure (socket, sleep, random) comes in through constructors, so that a test passes plain
functions.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from connectors.rate_limiter import RateLimiter
from connectors.retries import ATTEMPTS, PASSING, Outcome, next_wait
from saaskpi.errors import AccessError, MissingPermissionError, RejectedError, UnavailableError, UsageError

Json = dict[str, Any]
JsonRows = list[Json]

log = logging.getLogger(__name__)

FIRST_ATTEMPTS = 3
"""Tries while the host has never answered: a mistyped address should fail within seconds."""
MOST_AT_ONCE = 32
"""Connections that are kept open: one per thread of whoever reads at once."""
MESSAGE_LENGTH = 300
NO_CONTENT = 204
NETWORK_FAILURES = (
    requests.Timeout,
    requests.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a vendor's error body says: its message, the permission it misses, whether a wait helps."""

    message: str = ""
    permission: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class Vendor:
    """What the error messages need to know about an API.

    Attributes:
        name: as people say it, "Stripe".
        key_hint: where its key is set, for "Check ...".
        base_hint: where its address is set.
        permission_hint: where permissions are given to the key.
        read_error: reads the vendor's error body.
    """

    name: str
    key_hint: str
    base_hint: str
    permission_hint: str
    read_error: Callable[[Json], Refusal]


class _Bearer(AuthBase):
    """Sets the header per request: a netrc file of the machine cannot replace it, no repr shows it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class HttpClient:
    """JSON over HTTP against one host.

    Args:
        base_url: ``https://api.stripe.com``; a path prefix is kept.
        token: the secret key; sent as a bearer token and never shown.
        vendor: names and hints for errors.
        headers: sent with every request.
        limiter: shared by every client of the same API.
        timeout: seconds to connect and between two bytes.
        sleep: waits between tries.
        jitter: gives numbers in [0, 1).

    Raises:
        UsageError: ``base_url`` is no http(s) address.
        AccessError: ``token`` is empty or cannot be a key.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        vendor: Vendor,
        headers: Mapping[str, str] | None = None,
        limiter: RateLimiter | None = None,
        timeout: tuple[float, float] = (5.0, 60.0),
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.vendor = vendor
        self.base_url = _checked_url(base_url, vendor)
        self.host = urlsplit(self.base_url).netloc.rpartition("@")[2]
        self._limiter = limiter or RateLimiter(25)
        self._timeout = timeout
        self._sleep = sleep
        self._jitter = jitter
        self._answered = False
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=MOST_AT_ONCE))
        self._token = _checked_token(token, vendor)
        self._session.auth = _Bearer(self._token)
        self._session.headers.update({"User-Agent": "saaskpi", "Accept": "application/json"})
        self._session.headers.update(headers or {})

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        """Read ``path``.

        Args:
            path: from the base address, with its leading slash.
            params: query parameters; a list value repeats its name.

        Returns:
            The JSON object answered.

        Raises:
            AccessError: the key or a permission is refused.
            UnavailableError: no whole answer after every try.
            RejectedError: the API refuses this request.
        """
        return self._send("GET", path, params=params, body=None, repeatable=True)[1]

    def post(self, path: str, json: Json, *, repeatable: bool = False) -> tuple[int, Json]:
        """Send ``json`` to ``path``.

        Args:
            path: from the base address, with its leading slash.
            json: the body.
            repeatable: True when doing it twice does no harm (a read, an update, an upsert): only then is
                it tried again after an answer was lost.

        Returns:
            The status (200, 201, 207, ...) and the JSON object answered.

        Raises:
            AccessError: the key or a permission is refused.
            UnavailableError: no whole answer after every try; when not repeatable it may have been done.
            RejectedError: the API refuses this request.
        """
        return self._send("POST", path, params=None, body=json, repeatable=repeatable)

    def patch(self, path: str, json: Json) -> Json:
        """Change what is at ``path`` so that it says ``json``; doing it twice does no harm.

        Args:
            path: from the base address, with its leading slash.
            json: the fields to replace.

        Returns:
            The JSON object answered.

        Raises:
            AccessError: the key or a permission is refused.
            UnavailableError: no whole answer after every try.
            RejectedError: the API refuses this request.
        """
        return self._send("PATCH", path, params=None, body=json, repeatable=True)[1]

    def post_form(self, path: str, fields: Mapping[str, Any], *, repeatable: bool = False) -> Json:
        """Send ``fields`` as a form, as Stripe takes them; a list value repeats its name.

        Args:
            path: from the base address, with its leading slash.
            fields: such as ``{"enabled_events[]": ["charge.failed"]}``.
            repeatable: as for :meth:`post`.

        Returns:
            The JSON object answered.

        Raises:
            AccessError: the key or a permission is refused.
            UnavailableError: no whole answer after every try; when not repeatable it may have been done.
            RejectedError: the API refuses this request.
        """
        return self._send("POST", path, params=None, body=None, repeatable=repeatable, form=fields)[1]

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None,
        body: Json | None,
        repeatable: bool,
        form: Mapping[str, Any] | None = None,
    ) -> tuple[int, Json]:
        attempt = 0
        while True:
            attempt += 1
            self._limiter.acquire()
            answer, outcome, reason = self._try(method, path, params, body, repeatable, form)
            if answer is not None:
                return answer
            attempts = ATTEMPTS if self._answered else FIRST_ATTEMPTS
            wait = next_wait(attempt, outcome, jitter=self._jitter(), attempts=attempts)
            if wait is None:
                self._give_up(path, reason, attempt)
            log.warning("%s at %s: %s; trying again in %.1f s.", self.vendor.name, self.host, reason, wait)
            self._sleep(wait)

    def _try(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Json | None,
        repeatable: bool,
        form: Mapping[str, Any] | None,
    ) -> tuple[tuple[int, Json] | None, Outcome, str]:
        """Try once: the answer when there is one, otherwise what happened and how to say it."""
        lost = Outcome(None, repeatable=repeatable)
        try:
            response = self._session.request(
                method,
                self.base_url + path,
                params=params,
                json=body,
                data=form,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except NETWORK_FAILURES as error:
            return None, replace(lost, sent=not _never_left(error)), _say(error)
        self._answered = True
        self._limiter.heard(response.headers)
        if response.is_redirect or response.is_permanent_redirect:
            self._refuse_redirect(response)
        if response.status_code >= 400:
            return None, self._read_refusal(path, response, repeatable), f"answered {response.status_code}"
        if response.status_code == NO_CONTENT:
            return (NO_CONTENT, {}), lost, ""
        try:
            return (response.status_code, _parsed(response.content)), lost, ""
        except msgspec.DecodeError:
            return None, lost, "the answer was cut off or is no JSON"

    def _read_refusal(self, path: str, response: requests.Response, repeatable: bool) -> Outcome:
        """Raise what a repeat cannot mend; otherwise tell what the answer says about trying again."""
        refusal = self._refusal(response)
        status = response.status_code
        said = response.headers.get("Stripe-Should-Retry")
        outcome = Outcome(
            status,
            repeatable=repeatable,
            server_says=None if said is None else said == "true",
            retry_after=_seconds(response.headers.get("Retry-After")),
        )
        if refusal.final and status == 429:
            raise UnavailableError(
                f"{self.vendor.name} at {self.host}: {refusal.message}",
                hint="It is renewed at midnight in the time zone of the account; run again then.",
            )
        if next_wait(1, outcome) is None:
            self._raise(path, status, refusal)
        return outcome

    def _refusal(self, response: requests.Response) -> Refusal:
        try:
            return self.vendor.read_error(_parsed(response.content))
        except msgspec.DecodeError:
            return Refusal()

    def _raise(self, path: str, status: int, refusal: Refusal) -> NoReturn:
        where = f"{self.vendor.name} at {self.host}"
        if status == 401:
            raise AccessError(f"{where} refused the key (401).", hint=f"Check {self.vendor.key_hint}.")
        if status == 403:
            what = refusal.permission or f"access to {path}"
            raise MissingPermissionError(
                f"{where}: the key lacks {what} (403).",
                hint=f"Add it {self.vendor.permission_hint}.",
                permission=refusal.permission,
                said=refusal.message,
            )
        if status >= 500 or status == 429 or status in PASSING:
            raise UnavailableError(f"{where} answered {status} to {path}.", hint="Run again later.")
        message = refusal.message.replace(self._token, "***")[:MESSAGE_LENGTH]
        said = f": {message}" if message else "."
        raise RejectedError(f"{where} refused {path} ({status}){said}", status=status)

    def _give_up(self, path: str, reason: str, attempt: int) -> NoReturn:
        where = f"{self.vendor.name} at {self.host}"
        tried = f"after {attempt} tries" if attempt > 1 else "and was not repeated: it may have been done"
        hint = "Run again later." if self._answered else f"Check {self.vendor.base_hint} and the network."
        raise UnavailableError(f"{where} failed on {path} {tried}: {reason}.", hint=hint)

    def _refuse_redirect(self, response: requests.Response) -> NoReturn:
        target = urlsplit(response.headers.get("Location", ""))
        raise RejectedError(
            f"{self.vendor.name} at {self.host} redirects to host {target.hostname}; not followed.",
            hint=f"Put the final address into {self.vendor.base_hint}.",
            status=response.status_code,
        )


def _checked_url(base_url: str, vendor: Vendor) -> str:
    try:
        prepared = requests.Request("GET", base_url.strip()).prepare()
    except (ValueError, requests.RequestException):
        prepared = requests.PreparedRequest()
    if not urlsplit(prepared.url or "").hostname or urlsplit(prepared.url).scheme not in ("http", "https"):
        raise UsageError(
            f"{vendor.name}: {base_url!r} is not an address that starts with https://.",
            hint=f"Check {vendor.base_hint}.",
        )
    return base_url.strip().rstrip("/")


def _checked_token(token: str, vendor: Vendor) -> str:
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        state = "contains characters that no key has" if token else "is empty"
        raise AccessError(f"The {vendor.name} key {state}.", hint=f"Check {vendor.key_hint}.")
    return token


def _parsed(content: bytes) -> Json:
    """Parse a JSON object; anything else counts as a broken answer."""
    parsed = msgspec.json.decode(content)
    if not isinstance(parsed, dict):
        raise msgspec.DecodeError("not an object")
    return parsed


def _seconds(retry_after: str | None) -> float | None:
    """Read ``Retry-After`` in seconds; the date form, which neither vendor sends, counts as silence."""
    try:
        return None if retry_after is None else max(0.0, float(retry_after))
    except ValueError:
        return None


def _never_left(error: requests.RequestException) -> bool:
    """Tell whether no connection came about; urllib3's own error says so inside that of requests."""
    text = repr(error)
    return isinstance(error, requests.ConnectTimeout) or "NewConnection" in text or "NameResolution" in text


def _say(error: Exception) -> str:
    """Name a network failure without the URL and addresses that requests puts into it."""
    text = repr(error)
    for mark, said in (
        ("NameResolutionError", "the host name is not known"),
        ("Connection refused", "the connection was refused"),
        ("SSL", "the secure connection failed"),
        ("ConnectTimeout", "no connection within the time allowed"),
        ("timed out", "no answer within the time allowed"),
        ("IncompleteRead", "the answer was cut off"),
        ("ContentDecoding", "the answer was damaged on its way"),
    ):
        if mark in text:
            return said
    return "the connection broke"

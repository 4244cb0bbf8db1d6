"""Signed webhooks: Stripe's ``t=,v1=`` header, HubSpot's signature v3, and their delivery."""

import base64
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit, urlunsplit

# HubSpot decodes only these in the URI before signing; everything else stays as it was sent.
_DECODED = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}
_ENCODED = re.compile("|".join(_DECODED), re.IGNORECASE)


def stripe_signature(secret: str, body: bytes, timestamp: int) -> str:
    """The ``Stripe-Signature`` header: HMAC-SHA256 over ``<timestamp>.<body>``; ``timestamp`` in seconds."""
    signed = str(timestamp).encode() + b"." + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def hubspot_signature_v3(secret: str, method: str, uri: str, body: bytes, timestamp_ms: int) -> str:
    """The ``X-HubSpot-Signature-v3`` header: base64 HMAC-SHA256 over method, URI, body and timestamp.

    Args:
        secret: The app's client secret.
        method: The HTTP method.
        uri: The full public URI.
        body: The raw body.
        timestamp_ms: What ``X-HubSpot-Request-Timestamp`` says, milliseconds.
    """
    decoded = _ENCODED.sub(lambda match: _DECODED[match[0].upper()], uri)
    signed = method.encode() + decoded.encode() + body + str(timestamp_ms).encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def stripe_headers(secret: str, body: bytes, now: float) -> dict[str, str]:
    """All headers of a Stripe webhook; ``now`` in seconds."""
    signature = stripe_signature(secret, body, int(now))
    return {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}


def hubspot_headers(secret: str, url: str, body: bytes, now: float) -> dict[str, str]:
    """All headers of a HubSpot webhook; ``now`` in seconds."""
    timestamp = int(now * 1000)
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Signature-v3": hubspot_signature_v3(secret, "POST", url, body, timestamp),
        "X-HubSpot-Request-Timestamp": str(timestamp),
    }


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver: ``status`` is the receiver's, 0 when it could not be reached."""

    vendor: str
    url: str
    about: str
    status: int
    error: str


def _post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(kind(parts.hostname or "", parts.port, timeout=seconds)) as connection:
        connection.request(
            "POST", urlunsplit(("", "", parts.path or "/", parts.query, "")), body, dict(headers)
        )
        return connection.getresponse().status


@dataclass
class Webhooks:
    """Delivers once, without a second try, and keeps a log. Thread-safe.

    Attributes:
        clock: Real time in seconds since 1970, for the signatures: receivers compare it with theirs.
        timeout: Seconds that a receiver has to answer.
    """

    clock: Callable[[], float] = time.time
    timeout: float = 5.0
    _log: list[Delivery] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def deliver(
        self, vendor: str, url: str, body: bytes, about: str, sign: Callable[[bytes, float], dict[str, str]]
    ) -> Delivery:
        """POST a body with the headers that ``sign(body, now)`` gives; a failure is logged, not raised."""
        try:
            status = _post(url, body, sign(body, self.clock()), self.timeout)
            delivery = Delivery(vendor, url, about, status, "")
        except (OSError, HTTPException) as failure:
            delivery = Delivery(vendor, url, about, 0, str(failure))
        with self._lock:
            self._log.append(delivery)
        return delivery

    def log(self) -> list[Delivery]:
        """All attempts, oldest first."""
        with self._lock:
            return list(self._log)

"""Signed webhooks: Stripe's ``t=,v1=`` header, HubSpot's signature v3, and their delivery."""

import base64
import hashlib
import hmac
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
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


@dataclass(frozen=True, slots=True)
class Manner:
    """How well deliveries go; the vendors promise no more than at least once, in any order.

    Attributes:
        duplicates: Share of the events that are sent twice.
        shuffle: Whether the events of a delivery are mixed.
        retries: Further tries of what was not answered with a 2xx.
    """

    duplicates: float = 0.0
    shuffle: bool = False
    retries: int = 0

    def arranged(self, events: list[dict[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
        """The events as they are sent."""
        sent = [event for event in events for _ in range(1 + (rng.random() < self.duplicates))]
        if self.shuffle:
            rng.shuffle(sent)
        return sent


@dataclass
class Webhooks:
    """Delivers and keeps a log. Thread-safe.

    Attributes:
        manner: How well it goes; once and in order by default.
        clock: Real time in seconds since 1970, for the signatures: receivers compare it with theirs.
        timeout: Seconds that a receiver has to answer.
    """

    clock: Callable[[], float] = time.time
    timeout: float = 5.0
    manner: Manner = Manner()
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    _log: list[Delivery] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def deliver(
        self, vendor: str, url: str, body: bytes, about: str, sign: Callable[[bytes, float], dict[str, str]]
    ) -> Delivery:
        """POST a body with the headers that ``sign(body, now)`` gives; a failure is logged, not raised.

        What was not taken is tried again as the manner says, after 0.2, 0.4, 0.8 ... seconds.
        """
        delivery = self._try(vendor, url, body, about, sign)
        for attempt in range(self.manner.retries):
            if 200 <= delivery.status < 300:
                break
            time.sleep(0.2 * 2**attempt)
            delivery = self._try(vendor, url, body, about, sign)
        return delivery

    def _try(
        self, vendor: str, url: str, body: bytes, about: str, sign: Callable[[bytes, float], dict[str, str]]
    ) -> Delivery:
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

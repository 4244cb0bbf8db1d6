"""Is a webhook from Stripe? HMAC-SHA256 over ``t.body``, as the ``Stripe-Signature`` header says it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from connectors.signatures import LONGEST_HEADER, TOLERANCE, Refused, any_equal, whole_number


def check_signature(body: bytes, header: str | None, secrets: Sequence[str], now: float) -> Refused | None:
    """Check the signature of a webhook; whatever the header holds, nothing is raised.

    Args:
        body: as it came, not parsed.
        header: ``t=1700000000,v1=...``; several v1 while a secret is being changed at Stripe.
        secrets: ours, several while one is being changed here.
        now: seconds since 1970.

    Returns:
        None when it is Stripe's, otherwise why it is refused.
    """
    if not secrets:
        return "no_secret"
    if not header:
        return "missing"
    if len(header) > LONGEST_HEADER:
        return "malformed"
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    given = [value for name, _, value in parts if name == "v1"]
    at = whole_number(stamp)
    if at is None or not given:
        return "malformed"
    if not any_equal([_signed(stamp, body, secret) for secret in secrets], given):
        return "mismatch"
    if now - at > TOLERANCE:
        return "stale"
    return "future" if at - now > TOLERANCE else None


def _signed(stamp: str, body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()

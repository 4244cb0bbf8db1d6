"""Is a webhook from HubSpot? Signature v3 over method, public URI, body and timestamp."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from connectors.signatures import LONGEST_HEADER, TOLERANCE, Refused, any_equal, whole_number

_DECODED: Final = re.compile("%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""HubSpot decodes these in the URI before it signs, and no others."""


def check_signature(
    body: bytes,
    header: str | None,
    timestamp: str | None,
    secrets: Sequence[str],
    *,
    method: str,
    uri: str,
    now: float,
) -> Refused | None:
    """Check the signature of a webhook; whatever the headers hold, nothing is raised.

    Args:
        body: as it came, not parsed.
        header: ``X-HubSpot-Signature-v3``.
        timestamp: ``X-HubSpot-Request-Timestamp``, milliseconds since 1970.
        secrets: the app's client secret, several while it is being changed.
        method: of the request.
        uri: the public one, with its query: as HubSpot sees us, not as a proxy passes it on.
        now: seconds since 1970.

    Returns:
        None when it is HubSpot's, otherwise why it is refused.
    """
    if not secrets:
        return "no_secret"
    if not header or not timestamp:
        return "missing"
    at = whole_number(timestamp)
    if at is None or len(header) > LONGEST_HEADER:
        return "malformed"
    decoded = _DECODED.sub(lambda code: unquote(code[0]), uri)
    signed = method.encode() + decoded.encode("utf-8", "replace") + body + timestamp.encode()
    if not any_equal([_digest(secret, signed) for secret in secrets], [header]):
        return "mismatch"
    if now - at / 1000 >= TOLERANCE:
        return "stale"
    return "future" if at / 1000 - now >= TOLERANCE else None


def _digest(secret: str, signed: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()

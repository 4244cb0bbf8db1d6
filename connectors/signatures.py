"""What the signatures of both vendors' webhooks have in common: secrets, ages, and why one is refused."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Final, Literal

Refused = Literal["no_secret", "missing", "malformed", "stale", "future", "mismatch"]
"""Why a request is not taken; ``no_secret``: none is set here, so nothing can be believed."""

TOLERANCE: Final = 300
"""Seconds, into the past and into the future."""
LONGEST_HEADER: Final = 4096


def secrets_of(setting: str | None) -> tuple[str, ...]:
    """Return the secrets of a setting that may hold the old and the new one, with a comma between."""
    return tuple(part.strip() for part in (setting or "").split(",") if part.strip())


def whole_number(text: str) -> int | None:
    """Read a timestamp; None for anything but a few ASCII digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None


def any_equal(expected: Iterable[str], given: Iterable[str]) -> bool:
    """Compare every pair, in a time that tells nothing of where they differ; ``given`` may hold any text."""
    known = [one.encode() for one in expected]
    # Each pair, without stopping at the first that fits.
    return (
        sum(hmac.compare_digest(one, other.encode("utf-8", "replace")) for other in given for one in known)
        > 0
    )

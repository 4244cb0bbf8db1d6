"""Masks secrets and personal data in text that leaves the process: logs, errors kept, alerts.

What looks like a secret is masked by its shape; what is configured as one, by its value. E-mail addresses are
masked, because accounts are named by their ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "[secret]"
MASKED_EMAIL: Final = "[e-mail]"
_SHORTEST: Final = 6
"""A configured value shorter than this is too common a word to be masked wherever it stands."""

_SECRETS: Final = re.compile(
    r"""
      \b(?:sk|rk|pk)_(?:live|test)_\w+               # keys of Stripe
    | \bwhsec_[\w+/=-]+                              # what Stripe signs with
    | \bpat-[a-z]{2,3}\d?-[\w-]{8,}                  # tokens of HubSpot
    | \bsaaskpi_[0-9A-Za-z]{40,}                     # tokens of ours
    | (?<=\bBearer\s)[^\s"',;]+
    | (?<=\bBasic\s)[A-Za-z0-9+/=]{8,}
    | (?<=://)[^\s/@:]*:[^\s/]*(?=@)                 # user and password in a URL
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ASSIGNED: Final = re.compile(
    r"""(?P<name>\b[\w.-]*(?:authorization|password|passwd|secret|api[_-]?key|access[_-]?token|stripe-signature|signature-v3)"""
    r"""[\w.-]*["']?\s*[:=]\s*["']?)(?!\[)(?P<value>[^\s"',;&}\]]+(?:\s+(?!\[secret)[\w+/=.-]{16,})?)""",
    re.IGNORECASE,
)
_EMAIL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)

_configured: tuple[str, ...] = ()


def keep_secret(values: Iterable[str | None]) -> None:
    """Mask these values too, from now on, wherever they stand; also as they look in a URL.

    Args:
        values: of the configured secrets; a value may hold several with commas between.
    """
    global _configured  # noqa: PLW0603 - one set of secrets per process, as there is one set of loggers
    parts = {part.strip() for value in values if value for part in (value, *value.split(","))}
    forms = {
        form for part in parts if len(part) >= _SHORTEST for form in (part, quote(part), quote_plus(part))
    }
    _configured = tuple(sorted({*_configured, *forms}, key=lambda form: (-len(form), form)))


def redacted(text: str) -> str:
    """Return text with secrets and e-mail addresses masked."""
    for value in _configured:
        text = text.replace(value, MASK)
    text = _SECRETS.sub(MASK, text)
    text = _ASSIGNED.sub(lambda found: found["name"] + MASK, text)
    return _EMAIL.sub(MASKED_EMAIL, text)

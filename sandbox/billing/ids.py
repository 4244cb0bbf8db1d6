"""Stripe-like ids that depend on the seed and on nothing else, whatever the order of the work."""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b

_TWO_MORE_LETTERS = b"Zq"  # in place of + and /, so that ids are letters and digits only


class IdSource:
    """Gives out ids of one owner (an account, the catalogue), in order.

    Args:
        scope: what makes the ids of this owner its own, such as "7:acct_0001".
    """

    __slots__ = ("_count", "_scope")

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._count = 0

    def next(self, prefix: str, length: int = 14) -> str:
        """Return the next id, such as ``cus_9s6XKzkNRiz8i3``."""
        self._count += 1
        digest = blake2b(f"{self._scope}:{self._count}".encode(), digest_size=18).digest()
        return f"{prefix}_{b64encode(digest, _TWO_MORE_LETTERS)[:length].decode()}"

    def skip(self) -> None:
        """Pass over one id, so that those after it do not depend on whether it was needed."""
        self._count += 1


def derived(prefix: str, parent_id: str) -> str:
    """Return the id of an object that exists once per parent: ``in_abc`` -> ``pi_abc``."""
    return f"{prefix}_{parent_id.partition('_')[2]}"

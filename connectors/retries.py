"""Whether a request is tried again, and when: a pure decision, which the server can overrule."""

from __future__ import annotations

from dataclasses import dataclass

ATTEMPTS = 6
"""Tries of one request once the host has answered before."""
LONGEST_WAIT = 60.0
"""Seconds; a server that asks for more is taken as down (for example a used-up daily limit)."""
PASSING = (408, 423, 477)
"""Statuses that pass: a slow request, a lock, and HubSpot's move of a portal to other servers."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one try that brought no result came to.

    Attributes:
        status: HTTP status of the answer; None when no whole answer came.
        sent: False when no connection came about, so that the server cannot have acted.
        repeatable: whether doing the request twice does no harm.
        server_says: the server's own word on trying again (``Stripe-Should-Retry``); None when silent.
        retry_after: seconds that the server asks for; None when silent.
    """

    status: int | None
    sent: bool = True
    repeatable: bool = True
    server_says: bool | None = None
    retry_after: float | None = None


def next_wait(
    attempt: int, outcome: Outcome, *, jitter: float = 0.5, attempts: int = ATTEMPTS
) -> float | None:
    """Decide whether to try again.

    The server's word comes first, then: a 429 or a request that never left is repeated always, a lost or
    failed one only when repeating does no harm, everything else never.

    Args:
        attempt: tries made so far, from 1.
        outcome: what the last one came to.
        jitter: a random number in [0, 1) that spreads clients apart.
        attempts: tries in all.

    Returns:
        Seconds to wait, or None to give up.
    """
    if attempt >= attempts or outcome.server_says is False:
        return None
    if outcome.server_says is None and not _worth_repeating(outcome):
        return None
    backoff = min(30.0, 0.5 * 2.0 ** (attempt - 1)) * (0.5 + jitter)
    wait = max(outcome.retry_after or 0.0, backoff)
    return wait if wait <= LONGEST_WAIT else None


def _worth_repeating(outcome: Outcome) -> bool:
    if outcome.status == 429 or not outcome.sent:
        return True
    passing = outcome.status is None or outcome.status >= 500 or outcome.status in PASSING
    return passing and outcome.repeatable

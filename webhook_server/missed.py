"""What Stripe told of while no server was there, taken in as if it had come just now.

Stripe sends again what nobody took, but hours later; the scheduled jobs read it within the hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from connectors.http import JsonRows
from connectors.stripe.changes import LOOK_BACK, PATH
from connectors.stripe.client import StripeClient
from connectors.stripe.events import EVENT_TYPES
from warehouse.inbox import Event, Received
from webhook_server.webhooks.parsing import MalformedError, stripe_event

LONGEST: Final = timedelta(days=1)
"""What was missed for longer is left to the scheduled jobs: a whole run is quicker then."""


class _Dated(msgspec.Struct):
    created: int


def missed(client: StripeClient, last: Received, now: datetime) -> Iterator[list[Event]]:
    """Read the events since the last one that came in, and shortly before; a page of them at a time.

    Args:
        client: of the account.
        last: of Stripe's events.
        now: the clock's time, aware.

    Raises:
        AccessError: the key is refused.
        UnavailableError: Stripe does not answer.
    """
    happened = _happened_at(last)
    if happened is None or now - last.received_at > LONGEST:
        return
    for page in client.list(PATH, {"created[gte]": happened - LOOK_BACK}):
        yield list(_asked_for(page, now))


def _happened_at(event: Received) -> int | None:
    """Return the second of an event by Stripe's clock; None when its payload is forgotten."""
    try:
        return msgspec.json.decode(event.payload or b"", type=_Dated).created
    except msgspec.MsgspecError:
        return None


def _asked_for(page: JsonRows, now: datetime) -> Iterator[Event]:
    for row in page:
        if row.get("type") in EVENT_TYPES:
            try:
                yield stripe_event(msgspec.json.encode(row), now)
            except MalformedError:
                continue  # no event that could have come

"""What Stripe says has happened since a bookmark: its events, kept for 30 days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.http import Json, JsonRows
from connectors.stripe.client import StripeClient
from saaskpi.errors import RejectedError

PATH = "/v1/events"
LOOK_BACK = 300
"""Seconds before the bookmark that are read again: an event may be listed a little after it happened."""


def newest_event(client: StripeClient) -> Json:
    """Return a bookmark at the newest event: its id, empty when there is none, and its time (Unix seconds).

    Taken before objects are read, it misses no change of them.
    """
    rows = client.http.get(PATH, {"limit": 1})["data"]
    return bookmark(rows[0]) if rows else {"event": "", "created": 0}


def bookmark(event: Json) -> Json:
    """Return the bookmark at an event."""
    return {"event": event["id"], "created": event["created"]}


def is_kept(client: StripeClient, at: Json) -> bool:
    """Tell whether Stripe still lists the event of a bookmark, and so all since."""
    if not at["event"]:
        return True
    try:
        client.http.get(f"{PATH}/{at['event']}")
    except RejectedError as error:
        if error.status == 404:
            return False
        raise
    return True


def events_since(client: StripeClient, at: Json) -> Iterator[JsonRows]:
    """Read the events since a bookmark and shortly before it, newest first.

    Yields:
        Pages of events, as the stream of events has them.
    """
    since: dict[str, Any] = {"created[gte]": at["created"] - LOOK_BACK} if at["event"] else {}
    return client.list(PATH, since)

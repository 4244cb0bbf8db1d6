"""Which HubSpot objects were modified since a bookmark: found by search, which no deletion shows in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from connectors.http import Json
from connectors.hubspot.client import HEALTH_TYPES, HubSpotClient
from connectors.hubspot.values import milliseconds
from saaskpi.errors import MissingPermissionError, RejectedError

LOOK_BACK: Final = 600_000
"""Milliseconds before the bookmark that are searched again: the index lags behind writes."""
MOST_ON_PAGE: Final = 200
_MODIFIED: Final = {"contacts": "lastmodifieddate"}


def modified_name(object_type: str) -> str:
    """Return the property that says when an object of a type was modified."""
    return _MODIFIED.get(object_type, "hs_lastmodifieddate")


def newest_of(client: HubSpotClient, object_types: Iterable[str]) -> dict[str, int]:
    """Return per type the time of the newest modification (Unix milliseconds), 0 without any.

    Types that the token may not read, or that the portal does not have, are left out.
    """
    found = {}
    for object_type in object_types:
        try:
            found[object_type] = _newest(client, object_type)
        except (MissingPermissionError, RejectedError):
            if object_type not in HEALTH_TYPES:
                raise
    return found


def modified_since(client: HubSpotClient, object_type: str, since: int) -> tuple[list[str], int]:
    """Return the ids of the objects modified since a bookmark and shortly before it, and the next bookmark.

    Up to a page is one answer. What is more is read in the order of the ids inside a window that ends with
    the newest modification so far: each page begins after the last id of the one before, so that neither the
    10,000 results that a search may go through nor objects modified meanwhile make it lose any.

    Args:
        client: of the portal.
        object_type: such as ``companies``.
        since: the bookmark, Unix milliseconds.
    """
    after = since - LOOK_BACK
    page = _page(client, object_type, after, None, "")
    rows = page["results"]
    if page["total"] <= len(rows):
        return [row["id"] for row in rows], max([since, *(_at(object_type, row) for row in rows)])
    until = _newest(client, object_type)
    return list(_window(client, object_type, after, until)), until


def _window(client: HubSpotClient, object_type: str, after: int, until: int) -> Iterator[str]:
    last = "0"
    while True:
        rows = _page(client, object_type, after, until, last)["results"]
        if not rows:
            return
        for row in rows:
            yield row["id"]
        last = rows[-1]["id"]


def _page(client: HubSpotClient, object_type: str, after: int, until: int | None, last: str) -> Json:
    name = modified_name(object_type)
    filters: list[dict[str, Any]] = [{"propertyName": name, "operator": "GTE", "value": str(max(0, after))}]
    if until is not None:
        filters.append({"propertyName": name, "operator": "LTE", "value": str(until)})
        filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": last})
    return client.search(object_type, filters, "hs_object_id", [name], MOST_ON_PAGE)


def _newest(client: HubSpotClient, object_type: str) -> int:
    name = modified_name(object_type)
    found = client.search(object_type, [], f"-{name}", [name], 1)["results"]
    return _at(object_type, found[0]) if found else 0


def _at(object_type: str, row: Json) -> int:
    text = row["properties"].get(modified_name(object_type)) or row["updatedAt"]
    return milliseconds(text)

"""Which HubSpot objects were modified since a bookmark: found by search, which no deletion shows in.

A bookmark of a type is the time of its newest modification (Unix milliseconds) and its highest id: an import
may date records back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from connectors.http import Json
from connectors.hubspot.client import HEALTH_TYPES, HubSpotClient
from connectors.hubspot.values import milliseconds
from saaskpi.errors import MissingPermissionError, RejectedError

LOOK_BACK: Final = 600_000
"""Milliseconds before the bookmark that are searched again: the index lags behind writes."""
MOST_ON_PAGE: Final = 200
ID: Final = "hs_object_id"
_MODIFIED: Final = {"contacts": "lastmodifieddate"}

Mark = list[int]
"""Time of the newest modification (Unix milliseconds) and the highest id; zeros when there is no object."""


def modified_name(object_type: str) -> str:
    """Return the property that says when an object of a type was modified."""
    return _MODIFIED.get(object_type, "hs_lastmodifieddate")


def newest_of(client: HubSpotClient, object_types: Iterable[str]) -> dict[str, Mark]:
    """Return the bookmarks of some types as of now.

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


def modified_since(client: HubSpotClient, object_type: str, mark: Mark) -> tuple[list[str], Mark]:
    """Return the ids of the objects modified since a bookmark or shortly before it, and the next bookmark.

    Up to a page is one answer. What is more is read in the order of the ids inside a window that ends with
    the newest modification so far: each page begins after the last id of the one before, so that neither the
    10,000 results that a search may go through nor objects modified meanwhile make it lose any.

    Args:
        client: of the portal.
        object_type: such as ``companies``.
        mark: the bookmark.
    """
    page = _page(client, object_type, mark, None, 0)
    rows = page["results"]
    if page["total"] <= len(rows):
        ids = [row["id"] for row in rows]
        return ids, [max([mark[0], *_times(object_type, rows)]), max([mark[1], *map(int, ids)])]
    newest = _newest(client, object_type)
    return list(_window(client, object_type, mark, newest)), newest


def _window(client: HubSpotClient, object_type: str, mark: Mark, newest: Mark) -> Iterator[str]:
    last = 0
    while rows := _page(client, object_type, mark, newest, last)["results"]:
        for row in rows:
            yield row["id"]
        last = int(rows[-1]["id"])


def _page(client: HubSpotClient, object_type: str, mark: Mark, newest: Mark | None, last: int) -> Json:
    name = modified_name(object_type)
    modified = [_filter(name, "GTE", max(0, mark[0] - LOOK_BACK)), _filter(ID, "GT", last)]
    created = [_filter(ID, "GT", max(mark[1], last))]
    if newest is not None:
        modified.append(_filter(name, "LTE", newest[0]))
        created.append(_filter(ID, "LTE", newest[1]))
    return client.search(object_type, [modified, created], ID, [name], MOST_ON_PAGE)


def _filter(name: str, operator: str, value: int) -> Json:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _newest(client: HubSpotClient, object_type: str) -> Mark:
    name = modified_name(object_type)
    modified, created = (
        client.search(object_type, [], f"-{sort}", [name], 1)["results"] for sort in (name, ID)
    )
    return [max([0, *_times(object_type, modified)]), max([0, *(int(row["id"]) for row in created)])]


def _times(object_type: str, rows: list[Json]) -> list[int]:
    name = modified_name(object_type)
    return [milliseconds(row["properties"].get(name) or row["updatedAt"]) for row in rows]

"""Which objects an event of HubSpot says to read anew; pure, and whatever the event holds, nothing is raised.

Our own writes come back as events. They are left out, so that no write can lead to the next: what programs
and workflows do to our properties and to tasks counts for nothing here, only what a person does by hand. So
each round needs a person; two programs cannot answer each other for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connectors.touched import NOTHING, Ref, Touched

OURS: Final = "saaskpi_"
"""How the names of our properties begin."""
BY_HAND: Final = frozenset({"CRM_UI", "CRM_UI_BULK_ACTION", "MOBILE_ANDROID", "MOBILE_IOS", "IMPORT"})
"""Values of ``changeSource`` that a person stands behind."""
_TYPES: Final = {
    "contact": "contacts",
    "company": "companies",
    "deal": "deals",
    "ticket": "tickets",
    "call": "calls",
    "email": "emails",
    "meeting": "meetings",
    "note": "notes",
    "task": "tasks",
    "feedback_submission": "feedback_submissions",
}
_TYPE_IDS: Final = {
    "0-1": "contacts",
    "0-2": "companies",
    "0-3": "deals",
    "0-5": "tickets",
    "0-19": "feedback_submissions",
    "0-27": "tasks",
    "0-46": "notes",
    "0-47": "meetings",
    "0-48": "calls",
    "0-49": "emails",
}
_GONE: Final = ("deletion", "privacyDeletion")


def touched_by(event: Mapping[str, Any]) -> Touched:
    """Return what an event says may have changed.

    Args:
        event: one of a webhook's list; ``subscriptionType`` is ``company.propertyChange`` or, of the newer
            kind, ``object.propertyChange`` with ``objectTypeId``.
    """
    prefix, _, what = str(event.get("subscriptionType", "")).partition(".")
    kind = _TYPES.get(prefix) or _TYPE_IDS.get(str(event.get("objectTypeId", "")))
    if what == "associationChange":
        return _linked(event, kind)
    if kind is None or _by_us(event, kind, what):
        return NOTHING
    if what == "merge":
        return _merged(event, kind)
    found = _refs(kind, event.get("objectId"))
    return Touched(
        hubspot=found,
        gone=found if what in _GONE else frozenset(),
        erased=found if what == "privacyDeletion" else frozenset(),
    )


def _by_us(event: Mapping[str, Any], kind: str, what: str) -> bool:
    if what not in ("creation", "propertyChange"):
        return False  # nothing of the kind is done by us
    of_ours = kind == "tasks" or str(event.get("propertyName") or "").startswith(OURS)
    if of_ours:
        return str(event.get("changeSource")) not in BY_HAND
    app = event.get("appId")
    return event.get("changeSource") == "INTEGRATION" and bool(app) and str(event.get("sourceId")) == str(app)


def _merged(event: Mapping[str, Any], kind: str) -> Touched:
    """A merge makes a new id of companies and contacts; the others keep the one of the first."""
    merged = event.get("mergedObjectIds")
    old = _refs(kind, event.get("primaryObjectId"), *(merged if isinstance(merged, list) else ()))
    survivor = _refs(kind, event.get("newObjectId") or event.get("primaryObjectId") or event.get("objectId"))
    return Touched(hubspot=old | survivor, gone=old - survivor)


def _linked(event: Mapping[str, Any], kind: str | None) -> Touched:
    """Name both ends of a link; those of tasks are ours or nobody's number depends on them."""
    first, _, second = str(event.get("associationType", "")).lower().partition("_to_")
    ends = (
        (_TYPES.get(first) or _TYPE_IDS.get(str(event.get("fromObjectTypeId"))) or kind, "fromObjectId"),
        (_TYPES.get(second) or _TYPE_IDS.get(str(event.get("toObjectTypeId"))), "toObjectId"),
    )
    if any(end == "tasks" for end, _ in ends):
        return NOTHING
    found = [_refs(end, event.get(field)) for end, field in ends if end]
    return Touched(hubspot=frozenset().union(*found))


def _refs(kind: str, *ids: Any) -> frozenset[Ref]:
    return frozenset(Ref(kind, str(found)) for found in ids if _is_id(found))


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= 20
    return isinstance(value, int) and not isinstance(value, bool) and value > 0

"""Which objects an event of Stripe says to read anew; pure, and whatever the event holds, nothing is raised.

What the event says of the object is not used: events come late, twice and out of order, the object itself is
always as it is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from connectors.touched import NOTHING, Ref, Touched

READ: Final = frozenset(
    {"customer", "subscription", "invoice", "charge", "refund", "credit_note"}
    | {"price", "product", "coupon", "discount", "payment_method"}
)
"""Kinds of objects that are read anew, named as in Stripe's ``object``; meters come along with customers."""
_NAMED: Final = ("customer", "subscription", "invoice", "charge")
"""Fields of many objects that name another, by its id or as a whole."""
EVENT_TYPES: Final = (
    "charge.*",
    "coupon.*",
    "credit_note.*",
    "customer.*",
    "invoice.*",
    "payment_method.*",
    "price.*",
    "product.*",
    "refund.*",
    "subscription_schedule.*",
)
"""What is asked of Stripe, in families; see :func:`wanted`."""


def wanted(event_type: str) -> bool:
    """Say whether events of a type can change a number."""
    return any(event_type.startswith(family[:-1]) for family in EVENT_TYPES)


def touched_by(event: Mapping[str, Any]) -> Touched:
    """Return what an event says may have changed.

    Args:
        event: as Stripe sends it and lists it under ``/v1/events``.
    """
    kind, data = event.get("type"), event.get("data")
    about = data.get("object") if isinstance(data, Mapping) else None
    if not isinstance(kind, str) or not wanted(kind) or not isinstance(about, Mapping):
        return NOTHING
    refs = {*_refs(about), *_refs_of_names(about)}
    customers = {ref.id for ref in refs if ref.kind == "customer"}
    # The customer itself only changes by its own events; of the others it says whose account it is.
    read = {ref for ref in refs if ref.kind != "customer"} | set(_refs(about))
    gone = {ref for ref in refs if kind == "customer.deleted" and ref.kind == "customer"}
    named = Ref("event", event["id"]) if _is_id(event.get("id")) else None
    return Touched(
        stripe=frozenset(read | ({named} if named else set())),
        customers=frozenset(customers),
        gone=frozenset(gone),
    )


def _refs(about: Mapping[str, Any]) -> Iterable[Ref]:
    """Name the object itself."""
    kind = str(about.get("object")).replace("plan", "price")  # its older name
    if kind in READ and _is_id(about.get("id")):
        yield Ref(kind, about["id"])


def _refs_of_names(about: Mapping[str, Any]) -> Iterator[Ref]:
    """Name what the object belongs to."""
    for name in _NAMED:
        if found := _id_of(about.get(name)):
            yield Ref(name, found)
    parent = about.get("parent")  # of an invoice
    details = parent.get("subscription_details") if isinstance(parent, Mapping) else None
    if isinstance(details, Mapping) and (found := _id_of(details.get("subscription"))):
        yield Ref("subscription", found)


def _id_of(value: Any) -> str | None:
    """Return the id of what a field names: the id itself, or the object with it."""
    found = value.get("id") if isinstance(value, Mapping) else value
    return found if _is_id(found) else None


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isascii() and value.isprintable()

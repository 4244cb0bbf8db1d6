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
    *("charge.dispute.closed", "charge.dispute.created", "charge.failed", "charge.refunded"),
    *("charge.succeeded", "charge.updated", "coupon.created", "coupon.deleted", "coupon.updated"),
    *("credit_note.created", "credit_note.updated", "credit_note.voided"),
    *("customer.created", "customer.deleted", "customer.updated"),
    *("customer.discount.created", "customer.discount.deleted", "customer.discount.updated"),
    *("customer.subscription.created", "customer.subscription.deleted", "customer.subscription.paused"),
    *("customer.subscription.pending_update_applied", "customer.subscription.resumed"),
    "customer.subscription.updated",
    *("invoice.created", "invoice.deleted", "invoice.finalized", "invoice.marked_uncollectible"),
    *("invoice.paid", "invoice.payment_failed", "invoice.updated", "invoice.voided"),
    *("payment_method.attached", "payment_method.automatically_updated", "payment_method.detached"),
    *("payment_method.updated", "price.created", "price.deleted", "price.updated"),
    *("product.created", "product.deleted", "product.updated"),
    *("refund.created", "refund.failed", "refund.updated"),
)
"""What is asked of Stripe: those that can change a number, each change once where Stripe tells it twice."""
_FAMILIES: Final = (*sorted({name.split(".")[0] + "." for name in EVENT_TYPES}), "subscription_schedule.")


def wanted(event_type: str) -> bool:
    """Say whether events of a type can change a number."""
    return event_type.startswith(_FAMILIES)


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

"""What a status, a band and a flag can be, as HubSpot and people see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

Options = Mapping[str, str]
"""Values of an enumeration with their labels, in the order in which they are shown."""

STATUSES: Options = {
    "active": "Active",
    "trialing": "In trial",
    "past_due": "Past due",
    "unpaid": "Unpaid",
    "paused": "Paused",
    "incomplete": "Incomplete",
    "churned": "Churned",
    "never_paid": "Never paid",
}
BANDS: Options = {
    "green": "Green",
    "yellow": "Yellow",
    "red": "Red",
    "new": "New",
    "no data": "No data",
}
RISKS: Options = {
    "usage_drop": "Usage drop",
    "silent": "Silent",
    "cancellation_scheduled": "Cancellation scheduled",
    "payment_failed": "Payment failed",
    "card_expiring": "Card expiring",
    "renewal_near": "Renewal near",
    "contraction": "Contraction",
    "contact_change": "Contact change",
    "low_nps": "Low NPS",
    "ticket_spike": "Ticket spike",
}
OPPORTUNITIES: Options = {
    "near_limit": "Near limit",
    "seat_growth": "Seat growth",
    "sustained_expansion": "Sustained expansion",
    "annual_offer": "Annual offer",
    "open_expansion": "Open expansion",
    "advocate": "Advocate",
}

OwnFlags = Mapping[str, Sequence[str]]
"""Names of the flags that a user declared, by kind (``risk``, ``opportunity``)."""
NO_FLAGS: OwnFlags = MappingProxyType({})

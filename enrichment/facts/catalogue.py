"""Every fact about an account that the score, the flags and the rules of users may read: one column each.

``account_facts`` has one row per account with these columns, null where a fact is not known. It describes
the instant of ``run_clock`` and holds only what was known then. The parts in ``PARTS`` are tables of their
own, one row per account that has them, which ``account_facts`` joins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_TEXT, _INT, _FLOAT, _BOOL, _DATE = "VARCHAR", "BIGINT", "DOUBLE PRECISION", "BOOLEAN", "DATE"
ACCOUNT: Final = {"account_id": _TEXT}


@dataclass(frozen=True, slots=True)
class Fact:
    """One column of ``account_facts``.

    Attributes:
        sql_type: portable; money is BIGINT minor units of ``currency``, dates are UTC.
        meaning: in words, for the documentation.
    """

    sql_type: str
    meaning: str


SEATS: Final = {
    "paid_seats": Fact(_INT, "seats paid now: units of what is sold by the seat, from two on"),
    "paid_seats_90": Fact(_INT, "the same 90 days ago"),
}
PAYING: Final = {
    "mrr_ups": Fact(_INT, "in how many of the last three 30-day months MRR rose"),
    "card_expires_on": Fact(_DATE, "last day of the card that the next charge would use, as charges show it"),
    "card_label": Fact(_TEXT, "that card in words, for instance visa 4242"),
    "is_only_method": Fact(_BOOL, "whether no other way to pay went through within 13 months"),
    "next_charge_date": Fact(_DATE, "when the next charge is due"),
}
USAGE: Final = {
    "core_events": Fact(_FLOAT, "core events in the last 28 days; null when never seen in the usage data"),
    "core_events_before": Fact(_FLOAT, "mean of the three 28-day windows before"),
    "usage_history_days": Fact(_INT, "days since the first event"),
    "active_users": Fact(_INT, "different users in the last 28 days; null where events name no users"),
    "days_idle": Fact(_INT, "days since the last event"),
    "is_weekly_user": Fact(_BOOL, "used in most weeks of the twelve before the last event"),
    "limit_months": Fact(_INT, "of the last three 28-day windows, those that used 80 % of limit or seats"),
    "limit_share": Fact(_FLOAT, "share of limit or seats used in 28 days, the higher of the two"),
    "limit_kind": Fact(_TEXT, "what limit_share is of: events or seats"),
}
ENGAGEMENT: Final = {
    "days_since_touch": Fact(_INT, "days since a meeting held, connected call or inbound e-mail"),
    "last_touch_kind": Fact(_TEXT, "meeting, call or email"),
    "last_touch_id": Fact(_TEXT, "its HubSpot id"),
    "has_engagements": Fact(_BOOL, "whether touches are read and the account is in the CRM"),
    "engaged_contacts": Fact(_INT, "different contacts in a touch within 90 days"),
    "key_contact_state": Fact(_TEXT, "present, left or bounced; null: no champion or decision maker named"),
    "key_contact_id": Fact(_TEXT, "HubSpot id of the contact that the state is of"),
    "key_contact_name": Fact(_TEXT, "its name"),
    "key_contact_lost_days": Fact(_INT, "days since that contact left or bounced"),
    "new_decision_maker_id": Fact(_TEXT, "HubSpot id of a decision maker who came within 90 days"),
    "new_decision_maker_name": Fact(_TEXT, "that contact's name"),
}
SATISFACTION: Final = {
    "nps": Fact(_FLOAT, "mean of each contact's latest NPS answer within 180 days, 0 to 10"),
    "nps_answers": Fact(_INT, "how many contacts that mean is of"),
    "csat": Fact(_FLOAT, "the same of CSAT answers, 1 to 5"),
    "csat_answers": Fact(_INT, "how many contacts that mean is of"),
    "nps_worst": Fact(_INT, "lowest of the contacts' latest NPS answers within 180 days"),
    "nps_worst_on": Fact(_DATE, "when it was given"),
    "nps_drop": Fact(_INT, "largest fall from a contact's answer before to its latest within 180 days"),
    "has_tickets": Fact(_BOOL, "whether tickets are read and the account is in the CRM"),
    "tickets": Fact(_INT, "tickets opened in the last 30 days"),
    "tickets_norm": Fact(_FLOAT, "tickets in 30 days on the account's own average of the year before"),
    "pressing_tickets": Fact(_INT, "open tickets that are of high priority or older than 7 days"),
    "hot_ticket_id": Fact(_TEXT, "HubSpot id of the oldest open ticket of high priority"),
    "hot_ticket_days": Fact(_INT, "how many days it has been open"),
}
DEALS: Final = {
    "expansion_deal_id": Fact(_TEXT, "HubSpot id of the open expansion deal that moved last"),
    "expansion_deal_name": Fact(_TEXT, "its name"),
    "expansion_amount": Fact(_INT, "its amount, minor units of expansion_currency"),
    "expansion_currency": Fact(_TEXT, "ISO 4217 code in lower case"),
    "expansion_moved_days": Fact(_INT, "days since it moved"),
    "budget_value": Fact(_TEXT, "what the budget property says; null when it is not set"),
    "budget_days": Fact(_INT, "days since that was known"),
}
PARTS: Final[Mapping[str, Mapping[str, Fact]]] = {
    "account_seats": SEATS,
    "account_paying": PAYING,
    "account_usage": USAGE,
    "account_engagement": ENGAGEMENT,
    "account_satisfaction": SATISFACTION,
    "account_deals": DEALS,
}
"""The tables that ``account_facts`` joins by ``account_id``, with their columns."""

PART_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    table: {**ACCOUNT, **{name: fact.sql_type for name, fact in facts.items()}}
    for table, facts in PARTS.items()
}
"""The same as column name to SQL type."""

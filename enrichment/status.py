"""Which items count towards MRR today, and which key of the policy leaves the others out."""

from __future__ import annotations

from typing import Final, NamedTuple

from enrichment.policy import Policy


class Standing(NamedTuple):
    """What decides whether a subscription's items count; hashable, for memoising.

    Attributes:
        status: Stripe's subscription status.
        collection_paused: ``pause_collection`` is set.
        ending: a cancellation is scheduled.
        past_due_days: days since the oldest unpaid invoice was due; 0 when none is.
        awaits_payment: it began with a trial and has not been paid for yet.
    """

    status: str
    collection_paused: bool
    ending: bool
    past_due_days: int
    awaits_payment: bool = False


class Exclusion(NamedTuple):
    """Why an item has no MRR: the reason and the policy key that says so (empty: no policy counts it)."""

    reason: str
    policy_key: str


BAD_DATA: Final = Exclusion("bad_data", "")
AWAITS_PAYMENT: Final = Exclusion("awaits_payment", "trial_conversion")
METERED: Final = Exclusion("metered", "metered")
ZERO_PRICE: Final = Exclusion("zero_price", "zero_mrr_customer")
FULLY_DISCOUNTED: Final = Exclusion("fully_discounted", "zero_mrr_customer")

_NEVER: Final = {
    "canceled": Exclusion("canceled", ""),
    "incomplete": Exclusion("incomplete", "status.incomplete"),
    "incomplete_expired": Exclusion("incomplete_expired", "status.incomplete"),
    "trialing": Exclusion("trialing", "trials"),
    "paused": Exclusion("paused", "trials"),
}
_LIVE: Final = ("active", "past_due", "unpaid")


def exclusion(standing: Standing, policy: Policy) -> Exclusion | None:
    """Return why a subscription's items do not count, or None when they do.

    A subscription that is unpaid and yet counts is one whose payment is late. A status that Stripe may add
    one day is left out as ``bad_data`` rather than guessed at.
    """
    never = _NEVER.get(standing.status)
    if never is not None:
        return never
    if standing.status not in _LIVE:
        return BAD_DATA
    if standing.status == "unpaid" and policy.unpaid == "churn":
        return Exclusion("unpaid", "status.unpaid")
    if standing.status != "active" and not _past_due_counts(standing.past_due_days, policy):
        return Exclusion("past_due", "status.past_due")
    if standing.awaits_payment and policy.trial_conversion == "first_paid_invoice":
        return AWAITS_PAYMENT
    if standing.collection_paused and policy.pause_collection != "keep":
        return Exclusion("collection_paused", "pause_collection")
    if standing.ending and policy.cancel_at_period_end == "churn_at_cancel_request":
        return Exclusion("cancellation_requested", "cancel_at_period_end")
    return None


def _past_due_counts(days: int, policy: Policy) -> bool:
    if policy.past_due_days is not None:
        return days <= policy.past_due_days
    return policy.past_due == "include"

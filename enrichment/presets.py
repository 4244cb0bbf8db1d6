"""Policies of known billing systems: what each does differently from our default, and who says so.

Why, in a sentence per key, is in the message catalogues (``preset.*``). What the public pages of a system
leave open stays as in the default policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from enrichment.messages import Message, say
from enrichment.policy import Policy
from saaskpi.errors import UsageError

DEFAULT: Final = "default"

_STRIPE_GLOSSARY: Final = "https://docs.stripe.com/billing/subscriptions/analytics/glossary"
_STRIPE_PAUSE: Final = "https://docs.stripe.com/billing/subscriptions/pause"
_STRIPE_SIGMA: Final = "https://docs.stripe.com/stripe-data/query-billing-data"
_CHARTMOGUL: Final = "https://help.chartmogul.com/hc/en-us/articles"
_CHARTMOGUL_MRR: Final = f"{_CHARTMOGUL}/203299812"
_PROFITWELL_STRIPE: Final = "https://learn.profitwell.com/article/gf9qqkyplu-profitwell-vs-stripe"
_PROFITWELL_PAYMENTS: Final = (
    "https://learn.profitwell.com/article/pnaejwan9k-why-are-my-numbers-in-profitwell-different-from-stripe"
)
_PROFITWELL_METERED: Final = (
    "https://paddle.com/help/profitwell-metrics/measure/compare/profitwell-vs-chargify"
)
_PROFITWELL_DUNNING: Final = "https://churnbuster.io/profitwell-retain-churned-delinquent-inaccurate"
_ZUORA_GROSS: Final = (
    "https://docs.zuora.com/zuora-billing/manage-accounts-subscriptions-and-non-subscriptions/"
    "manage-customer-accounts/key-metrics-for-customer-accounts/monthly-recurring-revenue"
)


class Choice(NamedTuple):
    """What a preset chooses for one key.

    Attributes:
        value: the choice.
        source: the public page that it rests on.
    """

    value: str
    source: str


PRESETS: Final[Mapping[str, Mapping[str, Choice]]] = {
    "stripe": {
        "pause_collection": Choice("keep", _STRIPE_PAUSE),
        "fx.mode": Choice("daily_revalue", _STRIPE_SIGMA),
        "same_month_new_and_churn": Choice("count_both", _PROFITWELL_STRIPE),
        "churn.denominator": Choice("start_plus_new", _STRIPE_GLOSSARY),
        "ltv.method": Choice("arpa_churn", _STRIPE_GLOSSARY),
    },
    "chartmogul": {
        "mrr.basis": Choice("invoice", f"{_CHARTMOGUL}/4416682609426-Understanding-MRR-movements"),
        "discounts.repeating": Choice("subtract_while_active", _CHARTMOGUL_MRR),
        "discounts.once": Choice("subtract_in_period", _CHARTMOGUL_MRR),
        "status.unpaid": Choice(
            "include", "https://help.chartmogul.com/article/303-handling-past-due-subscriptions"
        ),
        "trial_conversion": Choice("first_paid_invoice", f"{_CHARTMOGUL}/209161549-Invoice-handling"),
        "pause_collection": Choice(
            "keep", f"{_CHARTMOGUL}/360015688860-Handling-paused-subscriptions-in-ChartMogul"
        ),
        "refunds": Choice("full_refund_removes", f"{_CHARTMOGUL}/360020844899-Partial-payments-and-refunds"),
    },
    "profitwell": {
        "discounts.repeating": Choice("subtract_while_active", _PROFITWELL_STRIPE),
        "discounts.once": Choice("subtract_in_period", _PROFITWELL_STRIPE),
        "status.past_due": Choice("include_days:14", _PROFITWELL_DUNNING),
        "trial_conversion": Choice("first_paid_invoice", _PROFITWELL_PAYMENTS),
        "metered": Choice("last_invoice", _PROFITWELL_METERED),
    },
    "gross": {"discounts.forever": Choice("ignore", _ZUORA_GROSS)},
}
"""Per preset, the keys in which it differs from the default policy."""


def preset(name: object) -> Policy:
    """Return the policy of a preset; ``default`` is the default policy.

    Raises:
        UsageError: there is no such preset.
    """
    if name == DEFAULT:
        return Policy()
    if not isinstance(name, str) or name not in PRESETS:
        raise UsageError(
            f"There is no policy preset {name!r}.", hint=f"Presets: {', '.join([DEFAULT, *PRESETS])}."
        )
    return Policy.from_settings({key: choice.value for key, choice in PRESETS[name].items()})


def reason(name: str, key: str) -> Message:
    """Return why a preset sets a key, in a sentence.

    Args:
        name: of the preset.
        key: one that the preset sets.
    """
    return say(f"preset.{name}.{key}")

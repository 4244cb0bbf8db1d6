"""What each choice of the policy makes of the customers that are made to show its key.

The expected outcomes are written out by hand from what the choices mean (``docs/policy.md``). An outcome is
the list of a case's movements, ``"08 contraction 5000"`` (month of 2026, kind, minor units), or one KPI of
the case's customers. Everything is as of the end of October 2026; the reporting currency is EUR. How the
customers are made is in ``policy_portfolio.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from enrichment.policy import Policy

Outcome = tuple[str, ...]
Choice = tuple[str, str]
"""(key, value)"""


@dataclass(frozen=True)
class Case:
    """What one key does to its customers.

    Attributes:
        key: of the policy.
        customers: who show it.
        usual: the outcome under every policy but those of ``otherwise``.
        otherwise: the outcomes of single choices, by key and value; where a choice of another key bears on
            the same customers by its very meaning, it is listed too.
        figure: (KPI, month) that is looked at instead of the movements.
    """

    key: str
    customers: tuple[str, ...]
    usual: Outcome
    otherwise: Mapping[Choice, Outcome] = field(default_factory=dict)
    figure: tuple[str, str] | None = None

    def expected(self, policy: Policy) -> Outcome:
        """Return the outcome under a policy; several choices that bear on the case must agree."""
        found = {self.otherwise[choice] for choice in policy.choices().items() if choice in self.otherwise}
        assert len(found) <= 1, f"{self.key}: its outcome under these choices together is not written down"
        return found.pop() if found else self.usual


_KEPT: Final = ("06 new 10000",)
_SEPT_NEW: Final = ("06 new 10000", "07 churn 10000", "09 new 10000")

CASES: Final = (
    Case("mrr.basis", ("basis",), ("06 new 10000", "10 expansion 10000"), {("mrr.basis", "invoice"): _KEPT}),
    Case(
        "discounts.forever",
        ("forever",),
        ("06 new 8000",),
        {("discounts.forever", "ignore"): _KEPT, ("mrr.basis", "list_price"): _KEPT},
    ),
    Case(
        "discounts.repeating",
        ("repeating",),
        _KEPT,
        {
            ("discounts.repeating", "subtract_while_active"): (
                "06 new 10000",
                "08 contraction 5000",
                "10 expansion 5000",
            )
        },
    ),
    Case(
        "discounts.once",
        ("once",),
        _KEPT,
        {
            ("discounts.once", "subtract_in_period"): (
                "06 new 10000",
                "08 contraction 3000",
                "09 expansion 3000",
            )
        },
    ),
    Case(
        "discounts.percent_stack",
        ("stack",),
        ("06 new 7200",),
        {
            ("discounts.percent_stack", "max"): ("06 new 8000",),
            ("discounts.percent_stack", "sum"): ("06 new 7000",),
            ("discounts.forever", "ignore"): _KEPT,
            ("mrr.basis", "list_price"): _KEPT,
        },
    ),
    Case(
        "status.past_due",
        ("late",),
        _KEPT,
        {
            ("status.past_due", "exclude"): (
                "06 new 10000",
                "08 churn 10000",
                "09 reactivation 10000",
                "10 churn 10000",
            ),
            # The invoice of 15 August was paid after 21 days, that of 15 October is 16 days late.
            ("status.past_due", "include_days:14"): (
                "06 new 10000",
                "08 churn 10000",
                "09 reactivation 10000",
                "10 churn 10000",
            ),
            ("status.past_due", "include_days:30"): _KEPT,
        },
    ),
    Case(
        "status.unpaid",
        ("unpaid",),
        ("06 new 10000", "09 churn 10000"),
        {("status.unpaid", "include"): _KEPT},
    ),
    Case("status.incomplete", ("incomplete",), ()),
    Case("trials", ("trial",), ()),
    Case(
        "trial_conversion",
        ("converted",),
        ("08 new 10000",),
        {("trial_conversion", "first_paid_invoice"): ("09 new 10000",)},
    ),
    Case(
        "pause_collection",
        ("paused",),
        ("06 new 10000", "08 contraction 10000", "10 expansion 10000"),
        {
            ("pause_collection", "zero_as_churn"): (
                "06 new 10000",
                "08 churn 10000",
                "10 reactivation 10000",
            ),
            ("pause_collection", "keep"): _KEPT,
        },
    ),
    Case(
        "cancel_at_period_end",
        ("leaving",),
        ("06 new 10000", "10 churn 10000"),
        {("cancel_at_period_end", "churn_at_cancel_request"): ("06 new 10000", "09 churn 10000")},
    ),
    Case(
        "metered",
        ("metered",),
        (),
        {
            ("metered", "last_invoice"): (
                "07 new 3000",
                "08 expansion 3000",
                "09 expansion 3000",
                "10 expansion 3000",
            ),
            # Averages: 30, (30 + 60) / 2, (30 + 60 + 90) / 3, (60 + 90 + 120) / 3.
            ("metered", "trailing_avg_months:3"): (
                "07 new 3000",
                "08 expansion 1500",
                "09 expansion 1500",
                "10 expansion 3000",
            ),
        },
    ),
    Case(
        "refunds",
        ("refunded",),
        ("06 new 15000",),
        {
            ("refunds", "full_refund_removes"): (
                "06 new 15000",
                "08 contraction 5000",
                "09 expansion 5000",
            ),
            # 50.00 of 50.00 given back in August, 20.00 of 50.00 in September.
            ("refunds", "deduct"): (
                "06 new 15000",
                "08 contraction 5000",
                "09 expansion 3000",
                "10 expansion 2000",
            ),
        },
    ),
    Case(
        "zero_mrr_customer",
        ("free",),
        ("06 new 10000", "08 contraction 10000", "10 expansion 10000"),
        {
            ("zero_mrr_customer", "churn"): (
                "06 new 10000",
                "08 churn 10000",
                "10 reactivation 10000",
            )
        },
    ),
    Case(
        "fx.mode",
        ("dollar",),
        # 100.00 USD at the rates of 15 July, 15 August, 15 September and 15 October.
        ("07 new 8000", "08 fx 2000", "09 fx -5000", "10 fx 3000"),
        {
            # At the rate of its day, then of each month's last: 80.00, 62.50, 80.00, 62.50, 100.00.
            ("fx.mode", "daily_revalue"): (
                "07 new 8000",
                "07 fx -1750",
                "08 fx 1750",
                "09 fx -1750",
                "10 fx 3750",
            ),
            ("fx.mode", "period_end"): ("07 new 6250", "08 fx 1750", "09 fx -1750", "10 fx 3750"),
            ("fx.mode", "native_only"): ("07 new 10000",),
        },
    ),
    Case(
        "interval.week",
        ("weekly",),
        ("10 new 4333",),
        {("interval.week", "4.33"): ("10 new 4330",), ("interval.week", "4"): ("10 new 4000",)},
    ),
    Case(
        "interval.day",
        ("daily",),
        ("10 new 30417",),
        {("interval.day", "30"): ("10 new 30000",), ("interval.day", "30.437"): ("10 new 30437",)},
    ),
    Case(
        "movement.grain",
        ("grain",),
        ("06 new 10000", "08 expansion 3000", "09 expansion 5000", "10 contraction 5000"),
        {
            ("movement.grain", "subscription"): (
                "06 new 10000",
                "08 expansion 3000",
                "09 new 5000",
                "10 churn 5000",
            ),
            ("movement.grain", "item"): ("06 new 10000", "08 new 3000", "09 new 5000", "10 churn 5000"),
        },
    ),
    Case(
        "reactivation.window",
        ("returning",),
        ("06 new 10000", "07 churn 10000", "09 reactivation 10000"),
        {
            ("reactivation.window", "none"): _SEPT_NEW,
            # 62 days without MRR.
            ("reactivation.window", "days:30"): _SEPT_NEW,
            ("reactivation.window", "days:90"): ("06 new 10000", "07 churn 10000", "09 reactivation 10000"),
            # It comes back with another subscription.
            ("movement.grain", "subscription"): _SEPT_NEW,
            ("movement.grain", "item"): _SEPT_NEW,
        },
    ),
    Case(
        "same_month_new_and_churn",
        ("visitor",),
        (),
        {("same_month_new_and_churn", "count_both"): ("08 churn 10000", "08 new 10000")},
    ),
    Case(
        "churn.denominator",
        ("lost", "stayed", "won"),
        ("0.5",),
        {("churn.denominator", "start_plus_new"): ("0.333333",)},
        figure=("customer_churn_rate", "2026-09"),
    ),
    Case(
        "net_churn.reactivation",
        ("steady", "comeback", "small"),
        # (20.00 churned - 50.00 reactivated) / 120.00.
        ("-0.25",),
        {
            ("net_churn.reactivation", "exclude"): ("0.166667",),
            # Then who comes back is new.
            ("reactivation.window", "none"): ("0.166667",),
            ("movement.grain", "subscription"): ("0.166667",),
            ("movement.grain", "item"): ("0.166667",),
        },
        figure=("net_mrr_churn_rate", "2026-09"),
    ),
    Case(
        "ltv.method",
        ("life_1", "life_2", "life_3", "life_4"),
        # 100.00 x 80 % / (2 lost / 23 at the starts of May to October).
        ("92000",),
        {
            # 100.00 / (1 lost / 3).
            ("ltv.method", "arpa_churn"): ("30000",),
            # 100.00 x 80 % x (5 + 3/4 + 1/2): one of four leaves after five months, one of three after six.
            ("ltv.method", "kaplan_meier"): ("50000",),
        },
        figure=("cltv", "2026-10"),
    ),
    Case(
        "calendar",
        ("midnight",),
        ("07 new 10000",),
        {
            ("calendar", "Europe/Paris"): ("08 new 10000",),
            ("calendar", "America/Los_Angeles"): ("07 new 10000",),
        },
    ),
)

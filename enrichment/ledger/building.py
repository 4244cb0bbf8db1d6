"""From invoice lines, subscriptions and events to the ledger: the order in which the models run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import pandas as pd

from enrichment.discounts import DiscountBook
from enrichment.engine import EngineProtocol
from enrichment.ledger.billed import BILLED_RATES, billed_rates
from enrichment.ledger.rules import LEDGER_RULES, ledger_rules
from enrichment.ledger.terms import DISCOUNT_ENDS, TERM_RATES, TermRater, counted_durations
from enrichment.policy import Policy
from enrichment.prices import Price
from enrichment.sql import run_models
from enrichment.tables import leave
from saaskpi.errors import DataError

BILLED: Final = ("refunded_invoices", "billed_lines")
LIVES: Final = ("unpaid_since", "contract_lives", "left_out_times", "counted_times")
CHANGES: Final = (
    "item_spans",
    "last_spans",
    "line_changes",
    "closing_changes",
    "mrr_differences",
    "native_ledger",
    "subscription_lives",
)


def build_ledger(
    engine: EngineProtocol,
    prices: Mapping[str, Price | DataError],
    book: DiscountBook,
    policy: Policy,
    as_of: datetime,
    reporting_currency: str | None = None,
) -> None:
    """Leave ``native_ledger``, ``subscription_lives`` and ``mrr_differences`` in the engine.

    Args:
        engine: holds the staging tables, ``run_clock``, ``item_rates`` and ``account_customers``.
        prices: by id; a ``DataError`` stands for a price that cannot be used.
        book: finds the discounts.
        policy: the MRR policy.
        as_of: the instant, aware; everything before it has happened.
        reporting_currency: items in other currencies also get a row at each renewal, to be valued anew.
    """
    leave(engine, "ledger_rules", ledger_rules(policy, as_of, reporting_currency), LEDGER_RULES)
    rater = TermRater(prices, book, policy)
    shared = engine.frame("SELECT DISTINCT discounts FROM stg_invoices WHERE discounts IS NOT NULL")[
        "discounts"
    ]
    tied = pd.DataFrame({"discounts": [text for text in shared if rater.tied(text)]}, dtype=object)
    leave(engine, "tied_discounts", tied, {"discounts": "VARCHAR"})
    run_models(engine, ("sold_lines",))
    _end_discounts(engine, rater)
    run_models(engine, ("line_terms",))
    leave(engine, "term_rates", rater.rate(engine.frame("line_terms")), TERM_RATES)
    run_models(engine, BILLED)
    billed = billed_rates(engine.frame("billed_lines"), book, policy, counted_durations(policy))
    leave(engine, "billed_rates", billed, BILLED_RATES)
    run_models(engine, LIVES)
    run_models(engine, CHANGES)


def _end_discounts(engine: EngineProtocol, rater: TermRater) -> None:
    """Part the lines in whose period a coupon ran out; few policies count such coupons at all."""
    ends = rater.ends(
        engine.frame(
            "SELECT DISTINCT own_discounts, shared_discounts FROM sold_lines "
            "WHERE own_discounts <> '' OR shared_discounts <> ''"
        )
    )
    if len(ends):
        leave(engine, "discount_ends", ends, DISCOUNT_ENDS)
        run_models(engine, ("sales_until_ends",))
        engine.run("sold_lines", "SELECT * FROM sales_until_ends")

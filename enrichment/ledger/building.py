"""From invoice lines, subscriptions and events to the ledger: the order in which the models run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

import pandas as pd

from enrichment.discounts import DiscountBook
from enrichment.engine import EngineProtocol
from enrichment.ledger.billed import BILLED_RATES, billed_rates
from enrichment.ledger.rules import LEDGER_RULES, ledger_rules
from enrichment.ledger.terms import DISCOUNT_ENDS, TERM_RATES, TermRater, counted_durations
from enrichment.policy import Policy
from enrichment.prices import Price
from enrichment.rating import Rater
from enrichment.sql import models
from enrichment.tables import leave
from saaskpi.errors import DataError

PLAIN: Final = ("refunded_invoices", "noted_invoices", "listed_items", "plain_terms")
"""What tells the plain lines, which are nearly all, from the odd ones."""
ODD: Final = ("told_lines", "odd_lines", "odd_items", "odd_periods", "kept_sales")
"""What the odd lines sold; only they are looked at closely."""
TERMS: Final = ("odd_sales", "sold_items", "line_terms")
BILLED: Final = ("odd_terms", "billed_lines")
LIVES: Final = (
    "odd_spans",
    "first_sales",
    "given_up",
    "unpaid_since",
    "contract_lives",
    "left_out_times",
    "counted_times",
    "item_lives",
)
"""From when until when each item counts."""
CHANGES: Final = (
    "rate_steps",
    "double_starts",
    "item_spans",
    "last_spans",
    "line_changes",
    "closing_changes",
)
BESIDE: Final = ("mrr_differences", "subscription_lives")
"""What is told beside the ledger, which does without."""
_DISCOUNTS: Final = (
    "SELECT DISTINCT own_discounts, shared_discounts FROM kept_sales "
    "WHERE own_discounts <> '' OR shared_discounts <> ''"
)
_LAST_READ: Final = {
    "odd_items": ("odd_lines", "noted_invoices"),
    "kept_sales": ("odd_items", "odd_periods"),
    "odd_sales": ("kept_sales",),
    "odd_spans": ("odd_terms",),
    "left_out_times": ("odd_sales",),
    "item_spans": ("told_lines", "rate_steps", "double_starts", "item_lives"),
    "mrr_differences": ("odd_spans", "last_spans"),
    "subscription_lives": ("item_spans",),
    "native_ledger": ("line_changes", "sold_items", "listed_items"),
}
"""The large tables that a model is the last to read: emptied behind it, they leave room for others."""


def build_ledger(
    engine: EngineProtocol,
    prices: Mapping[str, Price | DataError],
    book: DiscountBook,
    policy: Policy,
    as_of: datetime,
    reporting_currency: str | None = None,
    *,
    beside: bool = True,
    rater: Rater | None = None,
    is_large: bool = True,
    known_attempts: int | None = None,
) -> None:
    """Leave ``native_ledger``, ``subscription_lives`` and ``mrr_differences`` in the engine.

    Args:
        engine: holds the staging tables, ``run_clock``, ``item_rates`` and ``account_customers``.
        prices: by id; a ``DataError`` stands for a price that cannot be used.
        book: finds the discounts.
        policy: the MRR policy.
        as_of: the instant, aware; everything before it has happened.
        reporting_currency: items in other currencies also get a row at each renewal, to be valued anew.
        beside: False leaves ``native_ledger`` alone.
        rater: of the same prices and policy, that remembers what it rated before.
        is_large: whether tables are to be emptied as soon as they are no longer needed.
        known_attempts: after how many attempts Stripe gives up, where not all customers are in the engine.
    """
    rules = ledger_rules(policy, as_of, reporting_currency, known_attempts)
    leave(engine, "ledger_rules", rules, LEDGER_RULES)
    terms = TermRater(prices, book, policy, rater)
    run = partial(_run, engine, is_large)
    shared = engine.frame("SELECT DISTINCT discounts FROM stg_invoices WHERE discounts IS NOT NULL")[
        "discounts"
    ]
    tied = pd.DataFrame({"discounts": [text for text in shared if terms.tied(text)]}, dtype=object)
    leave(engine, "tied_discounts", tied, {"discounts": "VARCHAR"})
    run(PLAIN)
    leave(engine, "plain_rates", terms.rate(engine.frame("plain_terms")), TERM_RATES)
    run(ODD)
    leave(engine, "discount_ends", terms.ends(engine.frame(_DISCOUNTS)), DISCOUNT_ENDS)
    run(TERMS)
    leave(engine, "term_rates", terms.rate(engine.frame("line_terms")), TERM_RATES)
    run(BILLED)
    billed = billed_rates(engine.frame("billed_lines"), book, policy, counted_durations(policy))
    leave(engine, "billed_rates", billed, BILLED_RATES)
    run(LIVES)
    run(CHANGES)
    if beside:
        run(BESIDE)
    run(("native_ledger",))


def _run(engine: EngineProtocol, is_large: bool, names: tuple[str, ...]) -> None:
    for name, sql in models(names):
        engine.run(name, sql)
        for read in _LAST_READ.get(name, ()) if is_large else ():
            engine.run(read, f"SELECT * FROM {read} WHERE 1 = 0")

"""Going back in time: the tables that facts are read from, as they would have been at an earlier instant.

What Stripe says today is not what it said then. Each record is taken back by the dates that it carries: an
invoice that was paid later is open again, a cancellation asked for later is not known, an item has the price
and the quantity of the last invoice line that was known. The ledger is then computed from that, by the same
models as ever.

What the records cannot tell is not guessed from what came later:

- a cancellation that was taken back has left no trace;
- a coupon, a quantity or a pause changed without proration is known from the next invoice on;
- money given back has no date in what is read, and was not given back yet at any past instant;
- which way to pay was the default is not known: the card is that of the last charge that went through;
- a direct debit that failed is known to have failed 21 days after it was tried;
- ``unpaid`` is told from ``past_due`` only while some subscription is unpaid that was so already then;
- which company a customer belongs to, names, owners, a customer's currency and the unit labels of products
  are those of today.

A proration counts from where its period begins, which is when Stripe notes it, not from its invoice.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from weakref import WeakKeyDictionary

import pandas as pd

from enrichment.computing import rate, read_books, set_clock
from enrichment.discounts import DiscountBook
from enrichment.engine import EngineProtocol
from enrichment.health.config import HealthConfig
from enrichment.items import ItemRater
from enrichment.ledger.building import build_ledger
from enrichment.policy import Policy
from enrichment.prices import Price
from enrichment.rating import Rater
from enrichment.sql import ACCOUNTS, RATING, models, run_models
from enrichment.tables import ITEM_RATES
from saaskpi.errors import DataError

DATED: Final = ("invoice_attempts", "dated_lines", "item_tellings")
"""Built once from the present; every instant reads what was known by then."""
PAST: Final = {
    "stg_invoices": "past_invoices",
    "stg_subscriptions": "past_subscriptions",
    "stg_customers": "past_customers",
    "stg_charges": "past_charges",
    "stg_events": "past_events",
    "stg_invoice_lines": "past_lines",
    "stg_subscription_items": "past_items",
    "account_customers": "past_account_customers",
}
"""The tables that are taken back, each by its model, in the order in which they read each other."""
REPLACED: Final = (
    "run_clock",
    *PAST,
    *RATING,
    "item_rates",
    "item_explanations",
    "rejected_rows",
    "native_ledger",
    "mrr_ledger",
    *ACCOUNTS,
)
"""Everything that a rewind writes: set aside before and put back afterwards."""
_Prices = tuple[dict[str, Price | DataError], DiscountBook, Rater]
_READ: Final[WeakKeyDictionary[EngineProtocol, dict[str, _Prices]]] = WeakKeyDictionary()
"""Of each engine that looks back, by policy: most terms are those of the instant before; rating is slow."""
_ASIDE: Final = {"is_aside": "BOOLEAN"}
_WHOLE: Final = {
    "whole_ledger": "mrr_ledger",
    "whole_lives": "subscription_lives",
    "whole_subscriptions": "stg_subscriptions",
    "whole_customers": "account_customers",
}


def rewind(engine: EngineProtocol, as_of: datetime, policy: Policy, config: HealthConfig) -> None:
    """Put what was known at ``as_of`` in the place of the present, up to ``account_basics``.

    At the present instant, or after it, the present itself is put back: nothing is known beyond it.

    Args:
        engine: holds what a run left in it.
        as_of: the instant, aware.
        policy: under which MRR is computed; that of the run.
        config: has the windows, in days.
    """
    if not _is_aside(engine):
        _set_aside(engine)
    if as_of.astimezone(UTC) >= _present(engine):
        _put_back(engine)
        return
    set_clock(engine, as_of, policy, config)
    run_models(engine, ("rewound_to",))
    for table, model in PAST.items():
        _run(engine, table, model)
    _compute_ledger(engine, as_of, policy)
    run_models(engine, ACCOUNTS)


def restore(engine: EngineProtocol) -> None:
    """Put the present back where :func:`rewind` had put the past; without one nothing happens."""
    if _is_aside(engine):
        _put_back(engine)
        _mark(engine, aside=False)
        _READ.pop(engine, None)


def churns(engine: EngineProtocol) -> pd.DataFrame:
    """Return account_id, churned_at (UTC) and kind of every time that an account left, by account and time.

    Always all that the present knows, rewound or not. An account that pauses, or pays nothing for a while,
    has not left. kind: ``payment`` when it did not pay, else ``voluntary``.
    """
    is_aside = _is_aside(engine)
    for name, table in _WHOLE.items():
        prefix = "present_" if is_aside and table in REPLACED else ""
        engine.run(name, f"SELECT * FROM {prefix}{table}")
    run_models(engine, ("account_churns",))
    return engine.frame("SELECT * FROM account_churns ORDER BY account_id, churned_at")


def _compute_ledger(engine: EngineProtocol, as_of: datetime, policy: Policy) -> None:
    """Leave ``mrr_ledger`` and ``item_rates`` of the instant.

    The ledger is closed by no item as it stands: those of the past are taken from the lines themselves.
    """
    prices, book, rater = _prices(engine, policy)
    rate(engine, ItemRater(prices, book, policy, as_of, rater))
    engine.run("rates_of_then", "SELECT * FROM item_rates")
    engine.fill("item_rates", ITEM_RATES, [])
    build_ledger(engine, prices, book, policy, as_of, beside=False, rater=rater)
    _run(engine, "mrr_ledger", "mrr_ledger_native")
    engine.run("item_rates", "SELECT * FROM rates_of_then")


def _prices(engine: EngineProtocol, policy: Policy) -> _Prices:
    """Return prices and discounts, which are those of today, and what remembers the terms that they rated."""
    by_policy = _READ.setdefault(engine, {})
    if policy.hash not in by_policy:
        prices, book = read_books(engine)
        by_policy[policy.hash] = (prices, book, Rater(prices, policy))
    return by_policy[policy.hash]


def _run(engine: EngineProtocol, table: str, model: str) -> None:
    [(_, sql)] = models((model,))
    engine.run(table, sql)


def _set_aside(engine: EngineProtocol) -> None:
    run_models(engine, DATED)
    for table in REPLACED:
        engine.run(f"present_{table}", f"SELECT * FROM {table}")
    _mark(engine, aside=True)


def _put_back(engine: EngineProtocol) -> None:
    for table in REPLACED:
        engine.run(table, f"SELECT * FROM present_{table}")


def _present(engine: EngineProtocol) -> datetime:
    instant: pd.Timestamp = engine.frame("SELECT as_of FROM present_run_clock")["as_of"].iloc[0]
    return instant.to_pydatetime().replace(tzinfo=UTC)


def _is_aside(engine: EngineProtocol) -> bool:
    """Say whether the present is set aside: the engine itself knows, as several may be in use."""
    return bool(engine.columns("set_aside")) and bool(engine.frame("set_aside")["is_aside"].any())


def _mark(engine: EngineProtocol, *, aside: bool) -> None:
    engine.fill("set_aside", _ASIDE, [[aside]])

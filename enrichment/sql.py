"""The SQL models, in the order in which they build on each other.

The text is the same for DuckDB and PostgreSQL: integer minor units, no division of integers, UTC timestamps
without zone, ``->>`` in parentheses (the two engines rank it differently), no reserved words as names.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

from enrichment.engine import EngineProtocol

STAGING: Final = (
    "stg_customers",
    "stg_subscriptions",
    "stg_subscription_items",
    "stg_products",
    "stg_prices",
    "stg_coupons",
    "stg_discounts",
    "stg_invoices",
    "stg_invoice_lines",
    "stg_charges",
    "stg_events",
    "stg_companies",
    "stg_contacts",
    "stg_owners",
)
"""Rename and cast once; read the newest rows of the landing."""

RATING: Final = ("unpaid_invoices", "item_inputs", "rejected_lines", "rejected_billing")
"""What the rating of items reads; needs ``run_clock``."""

ACCOUNTS: Final = (
    "subscription_items",
    "account_history",
    "account_payments",
    "account_money",
    "account_terms",
    "account_standing",
    "account_basics",
)
"""From items to accounts; need what the rating leaves behind and ``customer_match``."""


def run_models(engine: EngineProtocol, names: tuple[str, ...]) -> None:
    """Run the named models in ``engine``, in the given order."""
    for name, sql in models(names):
        engine.run(name, sql)


def models(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return ``(name, SELECT)`` of each named model, in the given order."""
    texts = _texts()
    return [(name, texts[name]) for name in names]


@cache
def _texts() -> dict[str, str]:
    """Return the SELECT of every model by name; the folders only help the reader."""
    return {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for folder in (resources.files("enrichment") / "models").iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
    }

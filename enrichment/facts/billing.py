"""Facts about accounts: what Stripe's records say beside the money: seats, growth, how it is paid."""

from __future__ import annotations

from typing import Final

from enrichment.engine import EngineProtocol
from enrichment.facts.seats import leave_seat_products
from enrichment.facts.sources import FactSources
from enrichment.sql import run_models

TABLES: Final = ("account_seats", "account_paying")


def prepare_billing(engine: EngineProtocol, sources: FactSources) -> None:
    """Tell with what each charge was paid and which products are seats; all else is staged already.

    Args:
        engine: holds the newest row of each of Stripe's records.
        sources: may name the products that are sold by the seat.
    """
    leave_seat_products(engine, sources)
    run_models(engine, ("charge_methods",))


def describe_billing(engine: EngineProtocol) -> None:
    """Leave ``account_seats`` and ``account_paying`` at the instant of ``run_clock``.

    Args:
        engine: holds ``subscription_items``, ``account_money`` and ``mrr_ledger`` at that instant.
    """
    run_models(engine, TABLES)
